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
  - Sets the pre-shared keys (PSKs) of any number of IPsec tunnels of Cloudflare WAN (formerly Magic WAN) or Magic Transit, with many keys in each
    request.
  - Unless you supply the keys, they are generated on the controller from the operating system's randomness. With O(vault_file), each key is saved
    there as C(pending_psk) before it is sent, and becomes C(psk) when Cloudflare confirms it. No matter when a run is interrupted, the active key of
    every tunnel is in the file, and the next run first sends pending keys again.
  - A batch that fails as a whole is retried with the same keys, and then in halves, to find the tunnel that causes the failure. If some keys cannot
    be set, the others are delivered, and the task fails with the tunnels and the reasons.
notes:
  - With more than one batch, a line on standard error reports the progress after each batch.
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
      - Sends the same requests with C(validate_only=true), one for each batch, with keys that are discarded. The tunnels are listed before and after.
        If Cloudflare replaced keys anyway, the new keys are delivered as in a real run, and a warning is issued.
  diff_mode:
    support: full
    details:
      - Shows when the keys were generated, before and after. Never shows a key.
  idempotent:
    support: partial
    details:
      - With O(rotate=always), the default, each run sets keys. With V(missing) and V(expired), a second run changes nothing.
options:
  names:
    description:
      - The names of tunnels. Shell patterns with V(*), V(?) and V([...]) are allowed, and V(*) alone matches every tunnel.
      - It is an error if one of them matches no tunnel.
      - At least one of O(names), O(ipsec_tunnel_ids) and O(psks) is required. O(psks) is mutually exclusive with the others.
    type: list
    elements: str
  ipsec_tunnel_ids:
    description:
      - The ids of tunnels.
    type: list
    elements: str
  exclude:
    description:
      - The names of tunnels, shell patterns or ids to exclude from O(names). Use it for the tunnels of connectors, cloud on-ramps and other teams,
        because the other end of these tunnels would not get the new key.
    type: list
    version_added: 1.1.0
    elements: str
  psks:
    description:
      - Keys of your own, by name or id of the tunnel. They are never returned.
      - The same rules as for O(cloudflare.magic.ipsec_psk#module:psk) apply to each key. Tunnels that share a key cause a warning.
    type: dict
  psk_length:
    description:
      - The number of characters of generated keys, from 32 to 64. The keys consist of letters and digits, and the first character is not V(0).
    type: int
    default: 48
  batch_size:
    description:
      - The maximum number of keys to set with one request.
    type: int
    default: 50
  stage:
    description:
      - Whether to only generate keys for the tunnels that are due, and save them to O(vault_file) as C(pending_psk). No key is sent to Cloudflare,
        and none becomes active. In this case, O(vault_file) is required.
      - This is the first half of a rotation in which the customer's device gets the new key before Cloudflare does. The next task without O(stage)
        sends these keys and does not generate others.
      - A key that is already pending is returned again. Check mode does not generate keys.
    type: bool
    default: false
seealso:
  - module: cloudflare.magic.ipsec_psk
"""

EXAMPLES = r"""
---
- name: Show what would be rotated, and let Cloudflare check the requests
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

- name: Show what happened
  ansible.builtin.debug:
    msg: "{{ item.name }}: {{ item.outcome }}"
  loop: "{{ rotation.tunnels }}"
  loop_control:
    label: "{{ item.name }}"

- name: Create keys for tunnels of two sites that never had one
  cloudflare.magic.ipsec_psks:
    names:
      - paris-*
      - oslo-1
    rotate: missing
    vault_file: ipsec_psks.yml

- name: Create a key that is not in force yet
  cloudflare.magic.ipsec_psks:
    names: [paris-1]
    vault_file: ipsec_psks.yml
    stage: true
  register: staged

- name: Prepare the device with this key
  ansible.builtin.template:
    src: ipsec.secrets.staged.j2 # refers to psk
    dest: /etc/ipsec.d/cloudflare.secrets.new
    mode: "0600"
  vars:
    psk: "{{ (staged.psks.values() | first).psk }}"
  no_log: true
  diff: false

- name: Put this key in force at Cloudflare
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
    - The keys that are set, by the id of the tunnel. This includes the keys of a run that failed later.
    - The whole result that contains a key is censored in all output, but the registered value is usable. On ansible-core 2.22 and later, keys are
      also masked in the output of later tasks. Before 2.22, a later task that prints keys shows them.
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
          description: The active key. Missing if you supplied it.
          returned: when the key was generated here
          type: str
        last_generated_on:
          description: When the key was set, in the format that Cloudflare uses.
          returned: success
          type: str
          sample: "2026-11-23T14:28:47.054317925Z"
tunnels:
  description: The outcome for each tunnel, without keys. Use it for a report.
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
      description: The age in seconds of the previous key, or null if there was none.
      returned: always
      type: int
    outcome:
      description: V(set), V(validated) in check mode, V(staged) with O(stage), V(not_due), V(unapplied), or V(not_tried) if the run had to stop
        earlier.
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
  description: The number of requests that were sent, including retries.
  returned: success, and failure after the tunnels were read
  type: int
  sample: 3
validated:
  description: Whether Cloudflare accepted all requests without carrying them out. False if Cloudflare replaced keys anyway. In this case, the new
    keys are returned.
  returned: in check mode
  type: bool
delivered_to:
  description:
    - The receivers that certainly got the keys, out of V(register), V(fact) and V(vault_file). Keys that you supplied are delivered to V(vault_file)
      only.
    - V(fact) is not included in a loop, because Ansible discards the facts of a loop if an item fails.
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
