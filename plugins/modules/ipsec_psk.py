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
  - Asks Cloudflare to generate a new pre-shared key (PSK) for one IPsec tunnel of Cloudflare WAN (formerly Magic WAN) or Magic Transit, or sets a key
    that you supply, and passes the key to the rest of the play.
  - Cloudflare shows a generated key only once, in the response to the request that generates it. Therefore, this module does not generate a key that
    nobody would receive, and never shows a key on the screen, in logs or in job events.
  - The new key is active at Cloudflare as soon as this task ends, and the previous key is gone. An established tunnel stays up until the next
    authentication, so configure the new key on the customer's device in the same play, and make the device authenticate again.
notes:
  - The module works in loops. Loop over names or ids of tunnels, but never over keys or over registered results that contain keys, because Ansible
    shows loop items.
  - If a response with a generated key is lost, for example because the connection broke, the active key is unknown. The module then generates another
    key and confirms that it is the latest one. If this is not possible, the task fails. To fix this, run the task again.
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
      - Sends the same request with C(validate_only=true), so that Cloudflare checks the credentials, the permission and the tunnel. See O(dry_run).
      - Cloudflare's documentation is contradictory about whether that request changes the key. Therefore, the tunnel is read before and after it. If
        the key was replaced, the new key is delivered as in a real run, and a warning is issued.
  diff_mode:
    support: full
    details:
      - Shows when the key was generated, before and after. Never shows a key.
      - With O(rotate=always) and O(ipsec_tunnel_id), the previous time is not known, because nothing is read.
  idempotent:
    support: partial
    details:
      - With O(rotate=always), the default, each run generates a key. With V(missing) and V(expired), a second run changes nothing.
options:
  ipsec_tunnel_id:
    description:
      - The id of the IPsec tunnel.
      - Exactly one of O(ipsec_tunnel_id) and O(name) is required.
    type: str
  name:
    description:
      - The name of the IPsec tunnel. This requires one additional request to list the tunnels.
      - It is an error if no tunnel has this name, or if more than one has it.
    type: str
  psk:
    description:
      - The pre-shared key (PSK) to set, instead of one that Cloudflare generates. It is never returned.
      - Keys shorter than 8 characters are rejected. Keys shorter than 32 characters cause a warning.
      - It must not be the item of a loop, because Ansible shows loop items. Use a variable that is encrypted with Ansible Vault instead.
    type: str
  dry_run:
    description:
      - What check mode sends.
    type: str
    version_added: 1.1.0
    choices:
      request: The request that generates a key, with C(validate_only=true).
      read_only: No request that generates a key. The tunnel is read, and Cloudflare checks a request that sets a throwaway key, with
        C(validate_only=true).
    default: request
seealso:
  - name: Cloudflare's API
    description: The request that this module sends.
    link: https://developers.cloudflare.com/api/resources/magic_transit/subresources/ipsec_tunnels/methods/psk_generate/
"""

EXAMPLES = r"""
---
- name: Let Cloudflare check the request, without changing anything
  cloudflare.magic.ipsec_psk:
    name: paris-1
  check_mode: true

- name: Generate a new key
  cloudflare.magic.ipsec_psk:
    name: paris-1
  register: paris

- name: Use the key
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

- name: Check the new keys in the fact, by the id of the tunnel
  ansible.builtin.assert:
    that: item.value.psk | length >= 32
    quiet: true
  loop: "{{ ansible_facts.cloudflare_magic_ipsec_psks | default({}) | dict2items }}"
  loop_control:
    label: "{{ item.value.name }}"
  no_log: true

- name: Also keep the key in an encrypted file
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
    - The whole result that contains the key is censored in all output, but the registered value is usable. On ansible-core 2.22 and later, the key is
      also masked in the output of later tasks. Before 2.22, a later task that prints the key shows it.
  returned: when a key was generated, also if it could not be saved to O(vault_file)
  type: str
psk_metadata:
  description: What Cloudflare reports about the key.
  returned: success
  type: dict
  contains:
    last_generated_on:
      description:
        - When the key was generated, in the format that Cloudflare uses. After a rotation, this is the time of the new key, otherwise that of the
          existing one.
        - Null if there never was a key, or if nothing was read.
      returned: success
      type: str
      sample: "2026-11-23T14:28:47.054317925Z"
psk_age:
  description: The age in seconds of the key that was active when the task began.
  returned: success, when the tunnel was read and had a key
  type: int
  sample: 7776000
reason:
  description:
    - Why a key was generated (V(always), V(missing), V(expired)), or V(not_due).
  returned: success
  type: str
  sample: expired
validated:
  description: Whether Cloudflare accepted the request without carrying it out. False if Cloudflare replaced the key anyway. In this case, the new key
    is returned.
  returned: in check mode, when a key would be generated
  type: bool
  sample: true
delivered_to:
  description:
    - The receivers that certainly got the key, out of V(register), V(fact) and V(vault_file). A key that you supplied is delivered to V(vault_file)
      only.
    - V(fact) is not included in a loop, because Ansible discards the facts of a loop if an item fails.
  returned: success
  type: list
  elements: str
  sample:
    - register
    - fact
failure:
  description: What is known about the failed request.
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
      description: The HTTP status, or null if there was no response.
      returned: always
      type: int
      sample: 404
    errors:
      description: Cloudflare's errors, with C(code), C(message), and C(source.pointer), C(documentation_url) and C(error_chain) if given.
      returned: always
      type: list
      elements: dict
      sample:
        - code: 1032
          message: IPsec tunnel not found
    ray_id:
      description: The id of the request for Cloudflare's support, or null if there is none.
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
