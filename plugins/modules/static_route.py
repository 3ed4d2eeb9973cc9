#!/usr/bin/python

# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: static_route
short_description: Manage a static route of Cloudflare WAN or Magic Transit
version_added: 1.0.0
author:
  - The cloudflare.magic contributors (@cloudflare)
description:
  - Creates, updates and deletes static routes, which define through which tunnel Cloudflare WAN (formerly Magic WAN) or Magic Transit reaches a
    prefix.
extends_documentation_fragment:
  - cloudflare.magic.options
  - cloudflare.magic.options.writes
  - cloudflare.magic.attributes
  - cloudflare.magic.attributes.client
  - cloudflare.magic.attributes.state
  - cloudflare.magic.attributes.actiongroup_all
attributes:
  check_mode:
    details:
      - Has Cloudflare check the request with C(validate_only=true), unless nothing would change. The deletion of a route is not sent in check mode,
        because the API does not document that it honors C(validate_only) for deletions.
options:
  static_route_id:
    description:
      - The id of the route. If it is set, a different O(prefix) or O(nexthop) changes the route.
      - Either O(static_route_id), or O(prefix) and one of O(nexthop) and O(nexthop_tunnel) are required.
    type: str
    version_added: 1.1.0
    aliases:
      - route_id
  prefix:
    description:
      - The prefix to reach. An address without a prefix length stands for the prefix of that address, with the length V(/32) or V(/128).
      - Without O(static_route_id), the route is found by its prefix and next hop. If several routes have both, they are told apart by O(priority),
        then by O(scope).
    type: str
  nexthop:
    description:
      - The customer's address inside a tunnel. Cloudflare also accepts its own address, but then the route carries no traffic. In this
        case, and for an IPv6 prefix with an IPv4 next hop, there is a warning when the route is created or its next hop changes.
    type: str
  nexthop_tunnel:
    description:
      - The name of an IPsec or GRE tunnel, in place of O(nexthop). The next hop is the customer's address inside the tunnel. For an IPv6 prefix, it
        is the IPv6 address.
      - It is an error if no tunnel or several tunnels have this name. With O(state=absent), if there is no such tunnel, there is no route through it.
    type: str
    version_added: 1.1.0
  priority:
    description:
      - Routes with a lower value are preferred. Required for a new route.
      - It also tells routes with the same prefix and next hop apart. If there is one such route with a different priority, its priority is changed,
        unless an earlier task of this run has defined that other route. If there are several and none has this priority, another route is created.
        With O(static_route_id), the priority of that route is changed.
      - With O(state=absent), only a route that has this priority is deleted.
    type: int
  weight:
    description:
      - The share of traffic that this route gets among routes with the same prefix and priority. V(0) is the same as no weight.
    type: int
  description:
    description:
      - A free-text description.
    type: str
  scope:
    description:
      - Limits the route to certain Cloudflare data centers. Only used for routes with the same prefix and priority.
      - Like O(priority), it also tells routes apart, here those with the same prefix, next hop and priority. If one of them has no scope, a task that
        sets O(priority) and no scope refers to that one.
      - With O(state=absent), only a route that has this scope is deleted.
    type: dict
    suboptions:
      colo_names:
        description:
          - The names of data centers. The order does not matter.
        type: list
        elements: str
      colo_regions:
        description:
          - The names of regions. The order does not matter.
        type: list
        elements: str
seealso:
  - module: cloudflare.magic.static_route_info
  - module: cloudflare.magic.ipsec_tunnel
  - module: cloudflare.magic.gre_tunnel
  - name: Cloudflare's API
    description: The requests that this module sends.
    link: https://developers.cloudflare.com/api/resources/magic_transit/subresources/routes/
"""

EXAMPLES = r"""
---
- name: Reach the branch office through its first tunnel
  cloudflare.magic.static_route:
    prefix: 192.0.2.128/26
    nexthop: 10.213.0.11
    priority: 100
    description: Branch office in Paris

- name: Reach the office through the second tunnel if the first one is down
  cloudflare.magic.static_route:
    prefix: 192.0.2.128/26
    nexthop_tunnel: paris-2
    priority: 200

- name: Remove the second route
  cloudflare.magic.static_route:
    prefix: 192.0.2.128/26
    nexthop_tunnel: paris-2
    state: absent
"""

RETURN = r"""
static_route:
  description:
    - The route as it is now, the route that was deleted, or, in check mode, the route as it would be.
    - Contains the API's own fields, and the simple fields that the API omits if they are empty or false.
  returned: success, unless the object was already absent with O(state=absent)
  type: dict
  contains:
    id:
      description: The id of the route.
      returned: always, except for a new route in check mode
      type: str
      sample: d4a7362d577a6c3019a474fd6f485822
    prefix:
      description: The prefix that the route reaches.
      returned: always
      type: str
      sample: 192.0.2.0/24
    nexthop:
      description: The customer's address inside a tunnel.
      returned: always
      type: str
      sample: 10.213.0.11
    priority:
      description: Routes with a lower value are preferred.
      returned: always
      type: int
      sample: 100
validated:
  description: Whether Cloudflare accepted the request without carrying it out.
  returned: in check mode, when something would change, except for a deletion
  type: bool
  sample: true
failure:
  description: What is known about the failed request, in the same form as in M(cloudflare.magic.ipsec_psk).
  returned: failure, when a request was sent
  type: dict
"""

from ansible_collections.cloudflare.magic.plugins.module_utils._kinds import ROUTE
from ansible_collections.cloudflare.magic.plugins.module_utils._module import refuse


def main() -> None:
    refuse(ROUTE.options)


if __name__ == "__main__":
    main()
