#!/usr/bin/python

# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ipsec_psks
short_description: Rotate the pre-shared keys of many IPsec tunnels of Cloudflare WAN or Magic Transit in a few requests
version_added: 1.0.0
author:
  - The cloudflare.magic contributors (@cloudflare)
description:
  - Sets the pre-shared keys (PSKs) of any number of IPsec tunnels of Cloudflare WAN (formerly Magic WAN) or Magic Transit, many with each request.
  - The keys are made on the controller, from the operating system's randomness, unless you supply them. With O(vault_file), each key is saved there as
    C(pending_psk) before it is sent, and becomes C(psk) when Cloudflare confirms it. Whenever a run is interrupted, the key in force of every tunnel
    is in the file, and the next run sends pending keys again first.
  - A batch that fails as a whole is tried again with the same keys, and then in halves, to find the tunnel that spoils it. If some keys cannot be set, the
    others are delivered, and the task fails and names the tunnels and reasons.
notes:
  - With more than one batch, a line on standard error tells of the progress after each.
extends_documentation_fragment:
  - cloudflare.magic.options
  - cloudflare.magic.options.psk
  - cloudflare.magic.attributes
  - cloudflare.magic.attributes.client
  - cloudflare.magic.attributes.actiongroup_all
attributes:
  async:
    details:
      - Ansible would write the keys to a file.
  check_mode:
    support: full
    details:
      - Sends the same requests with C(validate_only=true), one for each batch, with keys that are thrown away. The tunnels are listed before and after.
        If Cloudflare replaced keys all the same, these are delivered as in a real run, and a warning says so.
  diff_mode:
    support: full
    details:
      - Shows when the keys were generated, before and after. Never a key.
  idempotent:
    support: partial
    details:
      - With O(rotate=always), the default, each run sets keys. With V(missing) and V(expired) a second run changes nothing.
options:
  names:
    description:
      - The names of tunnels. Shell patterns with V(*), V(?) and V([...]) are allowed, and V(*) alone means every tunnel.
      - It is an error if one of them matches no tunnel.
      - At least one of O(names), O(ipsec_tunnel_ids) and O(psks) is required, and O(psks) excludes the others.
    type: list
    elements: str
  ipsec_tunnel_ids:
    description:
      - The ids of tunnels.
    type: list
    elements: str
  exclude:
    description:
      - The names of tunnels, shell patterns or ids that O(names) does not mean. Use it for the tunnels of connectors, cloud on-ramps and other teams,
        whose other end would not get the new key.
    type: list
    elements: str
  psks:
    description:
      - Keys of your own, by name or id of the tunnel. They are never returned.
      - The same rules as for O(cloudflare.magic.ipsec_psk#module:psk) hold for each. Tunnels that share a key give a warning.
    type: dict
  psk_length:
    description:
      - The number of characters of the keys that are made, letters and digits of which the first is not V(0). From 32 to 64.
    type: int
    default: 48
  batch_size:
    description:
      - How many keys to set with one request.
    type: int
    default: 50
  stage:
    description:
      - Only make keys for what is due, and save them to O(vault_file) as C(pending_psk). No key is sent to Cloudflare, and none is in force.
        O(vault_file) is required then.
      - That is the first half of a rotation that brings the new key to the customer's device before Cloudflare gets it. The next task without
        O(stage) sends these keys and makes no others.
      - A key that is pending already is returned again. Check mode makes none.
    type: bool
    default: false
seealso:
  - module: cloudflare.magic.ipsec_psk
"""

EXAMPLES = r"""
---
- name: See what would be rotated, and have Cloudflare check the requests
  cloudflare.magic.ipsec_psks:
    names: ['*']
    rotate: expired
    max_age: 90d
  check_mode: true

- name: Rotate every key that is older than 90 days, and keep the keys in an encrypted file
  cloudflare.magic.ipsec_psks:
    names: ['*']
    rotate: expired
    max_age: 90d
    vault_file: ipsec_psks.yml
  register: rotation

- name: Tell what happened
  ansible.builtin.debug:
    msg: "{{ item.name }}: {{ item.outcome }}"
  loop: "{{ rotation.tunnels }}"
  loop_control:
    label: "{{ item.name }}"

- name: Give keys to the tunnels of two sites that never had one
  cloudflare.magic.ipsec_psks:
    names:
      - paris-*
      - oslo-1
    rotate: missing
    vault_file: ipsec_psks.yml

- name: Make a key that is not in force yet
  cloudflare.magic.ipsec_psks:
    names: [paris-1]
    vault_file: ipsec_psks.yml
    stage: true
  register: staged

- name: Prepare the device with it
  ansible.builtin.template:
    src: ipsec.secrets.staged.j2 # refers to psk
    dest: /etc/ipsec.d/cloudflare.secrets.new
    mode: "0600"
  vars:
    psk: "{{ (staged.psks.values() | first).psk }}"
  no_log: true
  diff: false

- name: Have Cloudflare use it
  cloudflare.magic.ipsec_psks:
    names: [paris-1]
    vault_file: ipsec_psks.yml

- name: Set keys of your own
  cloudflare.magic.ipsec_psks:
    psks: "{{ my_vaulted_keys }}"
"""

RETURN = r"""
psks:
  description:
    - The keys that are set, by the id of the tunnel. Also those of a run that failed later on.
    - The whole result that holds a key is censored in all output, and the registered value is usable. From ansible-core 2.22 on
      keys are masked in the output of later tasks, too. Before, a later task that prints them shows them.
  returned: unless in check mode
  type: dict
  contains:
    ID:
      description: A tunnel. The key is the tunnel's id.
      returned: success
      type: dict
      contains:
        name:
          description: The name of the tunnel.
          returned: success
          type: str
          sample: paris-1
        psk:
          description: The key in force. Missing if you supplied it.
          returned: when the key was made here
          type: str
        last_generated_on:
          description: When the key was set, as Cloudflare writes it.
          returned: success
          type: str
          sample: "2026-11-23T14:28:47.054317925Z"
tunnels:
  description: What became of each tunnel, without keys. For a report.
  returned: success, and failure after the tunnels were read
  type: list
  elements: dict
  contains:
    ipsec_tunnel_id:
      description: The id of the tunnel.
      returned: always
      type: str
    name:
      description: The name of the tunnel.
      returned: always
      type: str
    psk_age:
      description: The age in seconds of the key before, null if there was none.
      returned: always
      type: int
    outcome:
      description: V(set), V(validated) in check mode, V(staged) with O(stage), V(not_due), V(unapplied), or V(not_tried) if the run had to stop before.
      returned: always
      type: str
not_due:
  description: The ids of the tunnels whose keys were not due.
  returned: success, and failure after the tunnels were read
  type: list
  elements: str
unapplied:
  description: Why keys were not set, by the id of the tunnel.
  returned: success, and failure after the tunnels were read
  type: dict
requests:
  description: How many requests were sent, repeated ones included.
  returned: success, and failure after the tunnels were read
  type: int
  sample: 3
validated:
  description: That Cloudflare accepted all requests without carrying them out. False if it replaced keys all the same, which are then returned.
  returned: in check mode
  type: bool
delivered_to:
  description:
    - Who surely received the keys. Of V(register), V(fact) and V(vault_file). Keys that you supplied are delivered to V(vault_file) alone.
    - V(fact) is not among them in a loop, whose facts Ansible drops if an item fails.
  returned: success, and failure after the tunnels were read
  type: list
  elements: str
failure:
  description: What is known about the failed request, in the same form as in M(cloudflare.magic.ipsec_psk).
  returned: failure, when a request failed
  type: dict
"""

from ansible_collections.cloudflare.magic.plugins.module_utils._module import refuse
from ansible_collections.cloudflare.magic.plugins.module_utils._policy import FLEET_OPTIONS


def main() -> None:
    refuse(FLEET_OPTIONS)


if __name__ == "__main__":
    main()
