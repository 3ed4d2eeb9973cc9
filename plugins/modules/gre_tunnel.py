#!/usr/bin/python

# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: gre_tunnel
short_description: Manage a GRE tunnel of Cloudflare WAN or Magic Transit
version_added: 1.0.0
author:
  - The cloudflare.magic contributors (@cloudflare)
description:
  - Creates, updates, renames and deletes GRE tunnels of Cloudflare WAN (formerly Magic WAN) or Magic Transit.
  - The API sets O(bgp) only when a tunnel is created. Changing it later is an error, which is reported before anything is sent.
extends_documentation_fragment:
  - cloudflare.magic.options
  - cloudflare.magic.options.writes
  - cloudflare.magic.options.tunnel
  - cloudflare.magic.attributes
  - cloudflare.magic.attributes.client
  - cloudflare.magic.attributes.state
  - cloudflare.magic.attributes.actiongroup_all
options:
  gre_tunnel_id:
    description:
      - The id of the tunnel. If it is set, a different O(name) renames the tunnel.
      - At least one of O(gre_tunnel_id) and O(name) is required.
    type: str
  name:
    description:
      - The name of the tunnel, at most 15 characters, without spaces or special characters. Without O(gre_tunnel_id), the tunnel is found by its
        name, and it is an error if several tunnels have this name.
    type: str
  cloudflare_gre_endpoint:
    description:
      - Cloudflare's address, one of the anycast addresses of the account. Required for a new tunnel.
    type: str
  customer_gre_endpoint:
    description:
      - The address of the customer's device. Required for a new tunnel.
    type: str
  ttl:
    description:
      - The time to live (TTL) of the GRE packets, in hops. Cloudflare chooses 64 for a new tunnel.
    type: int
  mtu:
    description:
      - The maximum packet size inside the tunnel in bytes, at least 576. Cloudflare chooses 1476 for a new tunnel.
    type: int
seealso:
  - module: cloudflare.magic.gre_tunnel_info
  - module: cloudflare.magic.static_route
  - name: Cloudflare's API
    description: The requests that this module sends.
    link: https://developers.cloudflare.com/api/resources/magic_transit/subresources/gre_tunnels/
"""

EXAMPLES = r"""
---
- name: Create a tunnel
  cloudflare.magic.gre_tunnel:
    name: lyon-gre-1
    cloudflare_gre_endpoint: 203.0.113.1
    customer_gre_endpoint: 198.51.100.71
    interface_address: 10.213.0.70/31
    mtu: 1476

- name: Change one field, and leave the others as they are
  cloudflare.magic.gre_tunnel:
    name: lyon-gre-1
    description: Tunnel of the branch office in Lyon

- name: Delete the tunnel
  cloudflare.magic.gre_tunnel:
    name: lyon-gre-1
    state: absent
"""

RETURN = r"""
gre_tunnel:
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

from ansible_collections.cloudflare.magic.plugins.module_utils._kinds import GRE_TUNNEL
from ansible_collections.cloudflare.magic.plugins.module_utils._module import refuse


def main() -> None:
    refuse(GRE_TUNNEL.options)


if __name__ == "__main__":
    main()
