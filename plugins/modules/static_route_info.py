#!/usr/bin/python

# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: static_route_info
short_description: Read the static routes of Cloudflare WAN or Magic Transit
version_added: 1.0.0
author:
  - The cloudflare.magic contributors (@cloudflare)
description:
  - Returns the static routes of Cloudflare WAN (formerly Magic WAN) or Magic Transit as the API describes them.
extends_documentation_fragment:
  - cloudflare.magic.options
  - cloudflare.magic.options.reads
  - cloudflare.magic.attributes
  - cloudflare.magic.attributes.client
  - cloudflare.magic.attributes.reads
  - cloudflare.magic.attributes.actiongroup_all
options:
  static_route_id:
    description:
      - The id of the one route to return. It is an error if it does not exist.
      - Mutually exclusive with O(prefix) and O(nexthop).
    type: str
    version_added: 1.1.0
    aliases:
      - route_id
  prefix:
    description:
      - The prefix of the routes to return. The list is empty if there is none.
    type: str
  nexthop:
    description:
      - The next hop of the routes to return. The list is empty if there is none.
    type: str
  format:
    description:
      - The form in which routes are returned.
    type: str
    version_added: 1.1.0
    choices:
      api: As the API describes them, with what the module adds.
      options: >-
        As M(cloudflare.magic.static_route) and M(cloudflare.magic.network) accept them as options. Contains only what can be set, without values that
        a new route has anyway, in an order that does not depend on when they were created. The id is included only if several routes cannot be told
        apart without it.
    default: api
seealso:
  - module: cloudflare.magic.static_route
  - module: cloudflare.magic.network
"""

EXAMPLES = r"""
---
- name: Read all routes through one tunnel
  cloudflare.magic.static_route_info:
    nexthop: 10.213.0.11
  register: account

- name: Show the prefixes
  ansible.builtin.debug:
    msg: "{{ account.static_routes | map(attribute='prefix') | join(', ') }}"
"""

RETURN = r"""
static_routes:
  description:
    - The routes, with the API's own fields, and the simple fields that the API omits if they are empty or false.
    - With O(format=options), contains only the fields that can be set. Fields below that cannot be set are left out.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: The id of the route.
      returned: always
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
failure:
  description: What is known about the failed request, in the same form as in M(cloudflare.magic.ipsec_psk).
  returned: failure, when a request was sent
  type: dict
"""

from ansible_collections.cloudflare.magic.plugins.module_utils._kinds import ROUTE
from ansible_collections.cloudflare.magic.plugins.module_utils._module import refuse


def main() -> None:
    refuse(ROUTE.info_options)


if __name__ == "__main__":
    main()
