#!/usr/bin/python

# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ipsec_psk
short_description: Generate, rotate or set the pre-shared key of an IPsec tunnel of Cloudflare WAN or Magic Transit
version_added: 1.0.0
author:
  - The cloudflare.magic contributors (@cloudflare)
description:
  - Has Cloudflare generate a new pre-shared key (PSK) for one IPsec tunnel of Cloudflare WAN (formerly Magic WAN) or Magic Transit,
    or sets a key that you supply, and hands the key to the rest of the play.
  - Cloudflare shows a generated key once, in the answer to the request that makes it, and never again. This module therefore
    refuses to generate a key that nobody would receive, and never shows it on the screen, in logs or in job events.
  - The new key is in force at Cloudflare as soon as this task ends, and the one before is gone. An established tunnel stays up until
    the next authentication, so give the customer's device the new key in the same play and have it authenticate again.
notes:
  - Works in loops. Loop over names or ids of tunnels, never over keys, and never over registered results that hold keys, because Ansible shows loop items.
  - If an answer with a generated key is lost, for example because the connection broke, the key in force is unknown. The module then
    generates one more key, and confirms that it is the last one. If it cannot, the task fails, and running it again heals that.
extends_documentation_fragment:
  - cloudflare.magic.options
  - cloudflare.magic.options.psk
  - cloudflare.magic.attributes
  - cloudflare.magic.attributes.client
  - cloudflare.magic.attributes.actiongroup_all
attributes:
  async:
    details:
      - Ansible would write the key to a file.
  check_mode:
    support: full
    details:
      - Sends the same request with C(validate_only=true), so that Cloudflare checks credentials, permission and tunnel. See O(dry_run).
      - Cloudflare's documentation contradicts itself on whether that request changes the key. The tunnel is therefore read before and after. If the key was
        replaced, it is delivered as in a real run, and a warning says so.
  diff_mode:
    support: full
    details:
      - Shows when the key was generated, before and after. Never a key.
      - With O(rotate=always) and O(ipsec_tunnel_id) the time before is not known, because nothing is read.
  idempotent:
    support: partial
    details:
      - With O(rotate=always), the default, each run makes a key. With V(missing) and V(expired) a second run changes nothing.
options:
  ipsec_tunnel_id:
    description:
      - The id of the IPsec tunnel.
      - Exactly one of O(ipsec_tunnel_id) and O(name) is required.
    type: str
  name:
    description:
      - The name of the IPsec tunnel. Costs one request more, to list the tunnels.
      - It is an error if no tunnel has the name, or more than one.
    type: str
  psk:
    description:
      - Set this key, instead of having Cloudflare generate one. It is never returned.
      - At least 8 characters. Less than 32 gives a warning.
      - It must not be the item of a loop, because Ansible shows those. Better take it from a variable that is encrypted with Ansible Vault.
    type: str
  dry_run:
    description:
      - What check mode sends.
    type: str
    choices:
      request: The request that generates a key, with C(validate_only=true).
      read_only: No request that generates a key. The tunnel is read, and Cloudflare checks a request that sets a throw-away key, with C(validate_only=true).
    default: request
seealso:
  - name: Cloudflare's API
    description: The request that this module sends.
    link: https://developers.cloudflare.com/api/resources/magic_transit/subresources/ipsec_tunnels/methods/psk_generate/
"""

EXAMPLES = r"""
---
- name: Try it without changing anything, Cloudflare checks the request
  cloudflare.magic.ipsec_psk:
    name: paris-1
  check_mode: true

- name: Generate a new key
  cloudflare.magic.ipsec_psk:
    name: paris-1
  register: paris

- name: Use it
  ansible.builtin.template:
    src: ipsec.secrets.j2 # refers to paris.psk
    dest: /etc/ipsec.d/cloudflare.secrets
    owner: root
    group: root
    mode: "0600"
  no_log: true
  diff: false

# Rotate by age. Run it every day: it does nothing until a key is older than 90 days.
- name: Replace keys that are older than 90 days
  cloudflare.magic.ipsec_psk:
    name: "{{ item }}"
    rotate: expired
    max_age: 90d
  loop:
    - paris-1
    - paris-2
  register: rotation

- name: The keys that were made are in a fact, by the id of the tunnel
  ansible.builtin.assert:
    that: item.value.psk | length >= 32
    quiet: true
  loop: "{{ ansible_facts.cloudflare_magic_ipsec_psks | default({}) | dict2items }}"
  loop_control:
    label: "{{ item.value.name }}"
  no_log: true

- name: Keep the key in an encrypted file, too
  cloudflare.magic.ipsec_psk:
    name: paris-1
    vault_file: ipsec_psks.yml
    vault_id: prod

- name: Set a key of your own
  cloudflare.magic.ipsec_psk:
    ipsec_tunnel_id: c4a7362d577a6c3019a474fd6f485821
    psk: "{{ my_vaulted_key }}"

# In AWX, a credential type puts the token into the environment, so that no task needs credentials.
# Here the options that all tasks share are set once for the whole play.
- name: Rotate in an AWX job template
  hosts: localhost
  gather_facts: false
  module_defaults:
    group/cloudflare.magic.all:
      account_id: "{{ cloudflare_account_id }}"
      timeout: 60
  tasks:
    - name: Replace the key of the tunnel chosen in the survey
      cloudflare.magic.ipsec_psk:
        name: "{{ survey_tunnel }}"
        rotate: expired
        max_age: "{{ survey_max_age | default('90d') }}"
      register: rotation
"""

RETURN = r"""
ipsec_tunnel_id:
  description: The id of the tunnel.
  returned: success
  type: str
  sample: c4a7362d577a6c3019a474fd6f485821
name:
  description: The name of the tunnel.
  returned: success, when O(name) is given or the tunnel was read
  type: str
  sample: paris-1
psk:
  description:
    - The key that Cloudflare generated in this run. A key that you supplied is never returned.
    - The whole result that holds it is censored in all output, and the registered value is usable. From ansible-core 2.22 on
      it is masked in the output of later tasks, too. Before, a later task that prints it shows it.
  returned: when a key was generated, also if it could not be saved to O(vault_file)
  type: str
psk_metadata:
  description: What Cloudflare tells about the key.
  returned: success
  type: dict
  contains:
    last_generated_on:
      description:
        - When the key was generated, as Cloudflare writes it. After a rotation the time of the new key, else that of the existing one.
        - Null if there never was a key, or if nothing was read.
      returned: success
      type: str
      sample: "2026-11-23T14:28:47.054317925Z"
psk_age:
  description: The age in seconds of the key that was in force when the task began.
  returned: success, when the tunnel was read and had a key
  type: int
  sample: 7776000
reason:
  description:
    - Why a key was made (V(always), V(missing), V(expired)), or V(not_due).
  returned: success
  type: str
  sample: expired
validated:
  description: Whether Cloudflare accepted the request without carrying it out. False if it replaced the key all the same, which is then returned.
  returned: in check mode, when a key would be made
  type: bool
  sample: true
delivered_to:
  description:
    - Who surely received the key. Of V(register), V(fact) and V(vault_file). A key that you supplied is delivered to V(vault_file) alone.
    - V(fact) is not among them in a loop, whose facts Ansible drops if an item fails.
  returned: success
  type: list
  elements: str
  sample:
    - register
    - fact
failure:
  description: What is known of the request that failed.
  returned: failure, when a request was sent
  type: dict
  contains:
    method:
      description: The HTTP method.
      returned: always
      type: str
      sample: POST
    path:
      description: The path of the request.
      returned: always
      type: str
      sample: /accounts/023e105f4ecef8ad9ca31a8372d0c353/magic/ipsec_tunnels/c4a7362d577a6c3019a474fd6f485821/psk_generate
    status:
      description: The HTTP status, null when there was no answer.
      returned: always
      type: int
      sample: 404
    errors:
      description: Cloudflare's errors, with C(code), C(message), and C(source.pointer), C(documentation_url) and C(error_chain) where given.
      returned: always
      type: list
      elements: dict
      sample:
        - code: 1032
          message: IPsec tunnel not found
    ray_id:
      description: The id of the request for Cloudflare's support, null when there is none.
      returned: always
      type: str
      sample: 8f2b1c3d4e5f6a7b-CDG
"""

from ansible_collections.cloudflare.magic.plugins.module_utils._module import refuse
from ansible_collections.cloudflare.magic.plugins.module_utils._policy import OPTIONS


def main() -> None:
    refuse(OPTIONS)


if __name__ == "__main__":
    main()
