#!/usr/bin/python

# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: gre_tunnel_info
short_description: Read the GRE tunnels of Cloudflare WAN or Magic Transit
version_added: 1.0.0
author:
  - The cloudflare.magic contributors (@cloudflare)
description:
  - Returns the GRE tunnels of Cloudflare WAN (formerly Magic WAN) or Magic Transit as the API describes them.
extends_documentation_fragment:
  - cloudflare.magic.options
  - cloudflare.magic.options.reads
  - cloudflare.magic.attributes
  - cloudflare.magic.attributes.client
  - cloudflare.magic.attributes.reads
  - cloudflare.magic.attributes.actiongroup_all
options:
  gre_tunnel_id:
    description:
      - The id of the one tunnel to return. It is an error if it does not exist.
      - Mutually exclusive with O(name).
    type: str
  name:
    description:
      - The name of the tunnel to return. The list is empty if there is none.
    type: str
  format:
    description:
      - The form in which tunnels are returned.
    type: str
    version_added: 1.1.0
    choices:
      api: As the API describes them, with the fields that the module adds.
      options: >-
        As M(cloudflare.magic.gre_tunnel) and M(cloudflare.magic.network) accept them as options. Contains only what can be set, without values that a
        new tunnel has anyway, in an order that does not depend on when they were created. The id is included only if several tunnels have the same
        name.
    default: api
seealso:
  - module: cloudflare.magic.gre_tunnel
  - module: cloudflare.magic.network
"""

EXAMPLES = r"""
---
- name: Read all GRE tunnels
  cloudflare.magic.gre_tunnel_info:
  register: account

- name: Show the names of the tunnels
  ansible.builtin.debug:
    msg: "{{ account.gre_tunnels | map(attribute='name') | join(', ') }}"
"""

RETURN = r"""
gre_tunnels:
  description:
    - The tunnels, with the API's own fields, and the simple fields that the API omits if they are empty or false.
    - With O(format=options), contains only the fields that can be set. Fields below that cannot be set are left out.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: The id of the tunnel.
      returned: always
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
      returned: always
      type: dict
    cloudflare_gre_endpoint:
      description: Cloudflare's address.
      returned: always
      type: str
      sample: 203.0.113.1
    customer_gre_endpoint:
      description: The customer's address.
      returned: always
      type: str
      sample: 198.51.100.71
failure:
  description: What is known about the failed request, in the same form as in M(cloudflare.magic.ipsec_psk).
  returned: failure, when a request was sent
  type: dict
"""

from ansible_collections.cloudflare.magic.plugins.module_utils._kinds import GRE_TUNNEL
from ansible_collections.cloudflare.magic.plugins.module_utils._module import refuse


def main() -> None:
    refuse(GRE_TUNNEL.info_options)


if __name__ == "__main__":
    main()
