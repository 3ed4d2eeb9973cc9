#!/usr/bin/python

# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: network
short_description: Manage all tunnels and routes of Cloudflare WAN or Magic Transit as one design
version_added: 1.1.0
author:
  - The cloudflare.magic contributors (@cloudflare)
description:
  - Creates, updates and deletes the IPsec tunnels, GRE tunnels and static routes of Cloudflare WAN (formerly Magic WAN) or Magic Transit, and updates
    its interconnects, from one design, in one task. The design can also contain sites, connectors, apps, BGP filter profiles, BGP settings, redundancy
    groups, sites of Cloudflare One, and network monitoring.
  - Reads each kind of object once, plans everything, and reports all mistakes of the design in one message before anything is changed. Routes can use
    tunnels that the same design creates. This also works in check mode.
  - Changes many objects with one request where the API supports it.
extends_documentation_fragment:
  - cloudflare.magic.options
  - cloudflare.magic.options.writes
  - cloudflare.magic.design
  - cloudflare.magic.attributes
  - cloudflare.magic.attributes.client
  - cloudflare.magic.attributes.state
  - cloudflare.magic.attributes.actiongroup_all
attributes:
  check_mode:
    details:
      - Sends requests with C(validate_only=true), so that Cloudflare checks them. RV(not_validated) contains what it cannot check yet, or at all, with
        the reason. The API can only check tunnels, routes and interconnects, and only for credentials with write permission. With a read-only
        credential, you still get the whole plan, with a warning.
  diff_mode:
    details:
      - Shows the objects that change as YAML, in the form of O(config).
options:
  state:
    description:
      - How the design is applied to existing objects. Fields whose default Cloudflare's API cannot restore (C(bgp)) are left unchanged.
    type: str
    choices:
      merged: Create missing objects, and update the fields that the design names.
      replaced: Like V(merged), and also reset fields that the design does not name to their defaults.
      overridden: Like V(replaced), and also delete objects of the given kinds that the design does not name.
      deleted: Delete the objects that the design names.
      gathered: Change nothing, and return the account in the form of O(config).
    default: merged
  keep:
    description:
      - Names and shell patterns of tunnels that are never deleted, such as those that another team manages, or that the connector of a site created
        automatically. Routes through them are not deleted either. You can also give names of sites and of objects that belong to them, and serial
        numbers of connectors.
      - With O(state=gathered), these objects are left out of RV(gathered), so that the result is a design of the rest.
      - A prefix in the list protects the routes with that prefix.
      - With O(state=overridden), this option is required if tunnels or routes would be deleted and the account has sites with connectors, because
        Cloudflare does not mark what connectors created. An empty list means that there is nothing to keep.
    type: list
    elements: str
  max_deletions:
    description:
      - The maximum number of objects that may be deleted, of all kinds together. If more objects would be deleted, nothing is changed, and the error
        lists them.
      - With O(state=overridden), an empty list of a kind deletes all objects of that kind, and needs a value higher than the default. This also
        applies to an empty list of a site, such as C(lans), which deletes all LANs of this site.
    type: int
    default: 5
  batch_size:
    description:
      - The maximum number of objects in one request, from 1 to 1000. If such a request is rejected, it is split until only the objects that
        Cloudflare does not accept are left out.
      - Objects that exchange names or addresses are always sent in one request.
    type: int
    default: 50
notes:
  - First, tunnels are created and then updated. Next, routes are created and updated. Finally, routes are deleted, and then tunnels. If something
    fails, everything that depends on it is skipped, nothing is deleted, and the next run completes the rest.
  - A tunnel takes over the inside addresses of another tunnel only after the routes of this design no longer use them. If two tunnels exchange their
    inside addresses, that is not possible. In that case, set C(static_route_id) for their routes, or use O(state=overridden). Otherwise, a run that is
    killed halfway can leave old routes behind.
  - With O(state=deleted), a site is deleted together with everything that belongs to it. If a site in the design has lists, only what the lists name
    is deleted.
  - For a design with connectors, or with sites that name connectors, the API token needs the permission C(Magic WAN Write), and for network
    monitoring, it needs C(Magic Network Monitoring Config Write).
  - Pre-shared keys (PSKs) are not part of a design. Create and rotate them with M(cloudflare.magic.ipsec_psks).
seealso:
  - module: cloudflare.magic.ipsec_tunnel
  - module: cloudflare.magic.gre_tunnel
  - module: cloudflare.magic.static_route
  - module: cloudflare.magic.ipsec_psks
"""

EXAMPLES = r"""
---
- name: Create or update two tunnels and the routes through them
  cloudflare.magic.network:
    config:
      ipsec_tunnels:
        - name: lyon-1
          cloudflare_endpoint: 203.0.113.1
          customer_endpoint: 198.51.100.61
          interface_address: 10.213.0.60/31
        - name: lyon-2
          cloudflare_endpoint: 203.0.113.2
          customer_endpoint: 198.51.100.61
          interface_address: 10.213.0.62/31
      static_routes:
        - prefix: 192.0.2.64/26
          nexthop_tunnel: lyon-1
          priority: 100
        - prefix: 192.0.2.64/26
          nexthop_tunnel: lyon-2
          priority: 200

- name: Read the whole network
  cloudflare.magic.network:
    state: gathered
  register: account

- name: Delete everything else, except for what another team manages
  cloudflare.magic.network:
    config: "{{ account.gathered }}"
    state: overridden
    keep: ["berlin-*"]
"""

RETURN = r"""
before:
  description: The kinds of the design before the task, in the form of O(config).
  returned: unless O(state=gathered)
  type: dict
after:
  description: The kinds of the design after the task, or in check mode as they would be.
  returned: unless O(state=gathered)
  type: dict
changes:
  description: What changed, or in check mode would change, in the order in which the changes are carried out.
  returned: unless O(state=gathered)
  type: list
  elements: dict
  contains:
    kind:
      description: The kind of object, as in O(config).
      returned: always
      type: str
      sample: static_routes
    name:
      description: The name of the object. For a route, this is its prefix, next hop and priority. For an object of a site, it begins with the name of
        the site. Empty for what an account has only once.
      returned: always
      type: str
      sample: 192.0.2.64/26 via 10.213.0.61, priority 100
    action:
      description: V(create), V(update) or V(delete).
      returned: always
      type: str
      sample: create
    fields:
      description: The fields by name. Dots separate the names of nested fields. Each field has C(before) unless it is new, and C(after) unless it is
        deleted.
      returned: always
      type: dict
      sample: {"description": {"before": "Old", "after": "New"}}
gathered:
  description:
    - The account in the form of O(config), without computed fields and defaults, sorted by name. Applying it with O(state=overridden) changes nothing.
    - It contains the ids of objects only if several objects have the same name, and the ids of ramps of sites of Cloudflare One that lead to an object
      that no longer exists. Ramps for which Cloudflare does not show what they lead to are left out, with a warning that names them.
  returned: with O(state=gathered)
  type: dict
keep_candidates:
  description:
    - Names of IPsec tunnels that connectors may have created, as a proposal for O(keep). Cloudflare's responses do not mark such tunnels, so this is a
      guess. A tunnel is listed if its name contains the name of a site with a connector. If O(config) contains C(sites), C(ipsec_tunnels) and
      C(static_routes), a tunnel that carries the routes for the LANs of such a site is also listed.
    - If the credential cannot read the sites, the list is empty, and a warning says which objects connectors may have created.
  returned: >-
    with O(state=gathered), if O(keep) is not set, tunnels or routes are read, and the account has sites with connectors, or they cannot be read
  type: list
  elements: str
  sample: ["lyon-fiber"]
not_validated:
  description: What Cloudflare could not be asked to check in check mode, with the reason.
  returned: in check mode
  type: dict
  sample: {"static_routes[0]": "It depends on the change of ipsec_tunnels[0], which has not been made yet."}
outcomes:
  description:
    - The result for each object. The outcome is V(applied), V(unchanged), V(failed), V(skipped) or V(unknown), or in check mode V(validated) or
      V(not_validated). A reason is included unless everything succeeded.
  returned: failure, when something was sent
  type: list
  elements: dict
  sample: [{"kind": "ipsec_tunnels", "name": "lyon-1", "outcome": "applied"}]
problems:
  description: The problems of the design, one per item. C(msg) contains the same in one line.
  returned: failure, when the design is wrong
  type: list
  elements: str
  sample: ["ipsec_tunnels[0].interface_address: '10.213.0.60' has no prefix length. Add /31 (or /30)."]
requests:
  description: The number of requests that were sent.
  returned: success
  type: int
  sample: 4
tunnels:
  description:
    - The tunnels and interconnects that O(config) names and that exist after the task, as M(cloudflare.magic.tunnel_health_info) identifies them.
  returned: unless O(state=gathered)
  type: list
  elements: dict
  contains:
    kind:
      description: The kind, as in O(config).
      returned: always
      type: str
      sample: ipsec_tunnels
    name:
      description: The name after the task.
      returned: always
      type: str
      sample: lyon-1
    never_healthy:
      description:
        - Why health checks cannot report the tunnel as healthy. Null if no reason is known.
        - V(no_psk) if Cloudflare has no date for a pre-shared key, as for a new IPsec tunnel. V(health_check_off) if the health check of the tunnel
          is off.
      returned: always
      type: str
      sample: no_psk
failure:
  description: What is known about the failed request, in the same form as in M(cloudflare.magic.ipsec_psk).
  returned: failure, when the account could not be read
  type: dict
"""

from ansible_collections.cloudflare.magic.plugins.module_utils._design import WHOLE_OPTIONS
from ansible_collections.cloudflare.magic.plugins.module_utils._module import refuse


def main() -> None:
    refuse(WHOLE_OPTIONS)


if __name__ == "__main__":
    main()
