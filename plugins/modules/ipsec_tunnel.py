#!/usr/bin/python

# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ipsec_tunnel
short_description: Manage an IPsec tunnel of Cloudflare WAN or Magic Transit
version_added: 1.0.0
author:
  - The cloudflare.magic contributors (@cloudflare)
description:
  - Creates, updates, renames and deletes IPsec tunnels of Cloudflare WAN (formerly Magic WAN) or Magic Transit.
  - A tunnel needs a pre-shared key (PSK) to work. Set O(psk), or use M(cloudflare.magic.ipsec_psk) to generate one.
  - A failure never deletes a tunnel.
extends_documentation_fragment:
  - cloudflare.magic.options
  - cloudflare.magic.options.writes
  - cloudflare.magic.options.tunnel
  - cloudflare.magic.attributes
  - cloudflare.magic.attributes.client
  - cloudflare.magic.attributes.state
  - cloudflare.magic.attributes.actiongroup_all
attributes:
  idempotent:
    support: partial
    details:
      - With O(update_psk=always), each run sends the key, because the active key cannot be read. Otherwise, a second run changes nothing.
options:
  ipsec_tunnel_id:
    description:
      - The id of the tunnel. If it is set, a different O(name) renames the tunnel.
      - At least one of O(ipsec_tunnel_id) and O(name) is required.
    type: str
  name:
    description:
      - The name of the tunnel, without spaces or special characters. Without O(ipsec_tunnel_id), the tunnel is found by its name, and it is an error
        if several tunnels have this name.
    type: str
  cloudflare_endpoint:
    description:
      - Cloudflare's address, one of the anycast addresses of the account. Required for a new tunnel.
    type: str
  customer_endpoint:
    description:
      - The address of the customer's device. Not required if the device uses an IKE identity other than its address.
    type: str
  replay_protection:
    description:
      - Whether Cloudflare drops packets that arrive late or twice. Cloudflare recommends leaving this off.
    type: bool
  custom_remote_identities:
    description:
      - A custom IKE identity for the customer's device.
    type: dict
    suboptions:
      fqdn_id:
        description:
          - A name of the form C(LABEL.NUMBER.custom.ipsec.cloudflare.com), with a label that you choose.
          - The number is the one at the end of C(remote_identities.fqdn_id) of a tunnel of the account, before C(.ipsec.cloudflare.com).
            M(cloudflare.magic.ipsec_tunnel_info) returns it. Cloudflare's documentation calls it the account id, but it is not O(account_id).
        type: str
  psk:
    description:
      - The pre-shared key (PSK) for the tunnel. It is never returned or shown in the diff.
      - Keys shorter than 8 characters are rejected. Keys shorter than 32 characters cause a warning.
      - It must not be the item of a loop, because Ansible shows loop items. Use a variable that is encrypted with Ansible Vault instead.
    type: str
  update_psk:
    description:
      - When to send O(psk). Cloudflare never shows a key, so it cannot be compared.
    type: str
    choices:
      on_create: When the tunnel is created.
      always: On each run, which therefore always changes something.
    default: on_create
seealso:
  - module: cloudflare.magic.ipsec_psk
  - module: cloudflare.magic.ipsec_tunnel_info
  - module: cloudflare.magic.static_route
  - name: Cloudflare's API
    description: The requests that this module sends.
    link: https://developers.cloudflare.com/api/resources/magic_transit/subresources/ipsec_tunnels/
"""

EXAMPLES = r"""
---
- name: Create a tunnel
  cloudflare.magic.ipsec_tunnel:
    name: lyon-1
    cloudflare_endpoint: 203.0.113.1
    customer_endpoint: 198.51.100.61
    interface_address: 10.213.0.60/31
    description: Tunnel of the branch office in Lyon
    health_check:
      rate: mid
      direction: bidirectional
  register: lyon

- name: Create its key
  cloudflare.magic.ipsec_psk:
    ipsec_tunnel_id: "{{ lyon.ipsec_tunnel.id }}"
    rotate: missing
  register: lyon_key

- name: Change one field, and leave the others as they are
  cloudflare.magic.ipsec_tunnel:
    name: lyon-1
    health_check:
      rate: low

- name: Rename the tunnel
  cloudflare.magic.ipsec_tunnel:
    ipsec_tunnel_id: "{{ lyon.ipsec_tunnel.id }}"
    name: lyon-centre-1

- name: Create a tunnel with a key of your own
  cloudflare.magic.ipsec_tunnel:
    name: lyon-2
    cloudflare_endpoint: 203.0.113.2
    interface_address: 10.213.0.62/31
    psk: "{{ my_vaulted_key }}"

- name: Delete a tunnel
  cloudflare.magic.ipsec_tunnel:
    name: lyon-2
    state: absent
"""

RETURN = r"""
ipsec_tunnel:
  description:
    - The tunnel as it is now, the tunnel that was deleted, or, in check mode, the tunnel as it would be.
    - Contains the API's own fields, and the simple fields that the API omits if they are empty or false.
  returned: success, unless the object was already absent with O(state=absent)
  type: dict
  contains:
    id:
      description: The id of the tunnel.
      returned: always, except for a new tunnel in check mode
      type: str
      sample: c4a7362d577a6c3019a474fd6f485821
    name:
      description: The name of the tunnel.
      returned: always
      type: str
      sample: paris-1
    interface_address:
      description: Cloudflare's address inside the tunnel, with the prefix length.
      returned: always
      type: str
      sample: 10.213.0.10/31
    customer_address:
      description: The customer's IPv4 address inside the tunnel, which is the other address in the network of C(interface_address).
      returned: if it can be derived from the prefix length V(/31) or V(/30)
      type: str
      sample: 10.213.0.11
    customer_address6:
      description: The customer's IPv6 address inside the tunnel.
      returned: if the tunnel has C(interface_address6) with the prefix length V(/127)
      type: str
      sample: fd00:213::b
    health_check:
      description: As in the options. C(target.saved) is the value that was set, and C(target.effective) is the value that Cloudflare uses.
      returned: always, except for a new tunnel in check mode
      type: dict
    remote_identities:
      description: The IKE identities that the customer's device can use, as returned by the API.
      returned: if the API returns them
      type: dict
    psk_metadata:
      description: What Cloudflare reports about the key, as C(last_generated_on). Empty if Cloudflare never generated a key. It never contains the
        key.
      returned: if the API returns it
      type: dict
validated:
  description: Whether Cloudflare accepted the request without carrying it out.
  returned: in check mode, when something would change
  type: bool
  sample: true
failure:
  description: What is known about the failed request, in the same form as in M(cloudflare.magic.ipsec_psk).
  returned: failure, when a request was sent
  type: dict
"""

from ansible_collections.cloudflare.magic.plugins.module_utils._kinds import IPSEC_TUNNEL
from ansible_collections.cloudflare.magic.plugins.module_utils._module import refuse


def main() -> None:
    refuse(IPSEC_TUNNEL.options)


if __name__ == "__main__":
    main()
