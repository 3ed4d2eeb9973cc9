#!/usr/bin/python

# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: network
short_description: Manage all tunnels and routes of Cloudflare WAN or Magic Transit as one design
version_added: 1.0.0
author:
  - The cloudflare.magic contributors (@cloudflare)
description:
  - Creates, updates and deletes the IPsec tunnels, GRE tunnels and static routes of Cloudflare WAN (formerly Magic WAN) or Magic Transit, and updates
    its interconnects, from one design, in one task. Sites, connectors, apps and BGP filter profiles can be in the design as well.
  - Reads each kind of object once, plans everything, and reports all mistakes of the design in one message before anything is changed. Routes can lead
    through tunnels that the same design creates, in check mode as well.
  - Uses requests that change many objects wherever the API has them.
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
      - Has Cloudflare check with C(validate_only=true) whatever can be judged now. RV(not_validated) has the rest, with the reason, and so everything
        about sites, connectors, apps and filter profiles, for which the API has no such check. Cloudflare only checks
        for who may write. A credential that may only read gets the whole plan all the same, with a warning.
  diff_mode:
    details:
      - Shows the objects that change as YAML, in the form of O(config).
options:
  state:
    description:
      - What the design means for what is there already. Fields whose default Cloudflare's API cannot restore (C(bgp)) stay as they are.
    type: str
    choices:
      merged: Create what is missing, and update the fields that the design names.
      replaced: As V(merged), and fields that the design does not name return to their defaults.
      overridden: As V(replaced), and delete the objects of the given kinds that the design does not name.
      deleted: Delete the objects that the design names.
      gathered: Change nothing, and return the account in the form of O(config).
    default: merged
  keep:
    description:
      - Names and shell patterns of tunnels that are never deleted, such as those that another team manages, or that the connector of a site created by
        itself. Routes through them are not deleted either. Names of sites and what they have, and serial numbers of connectors, count as well.
      - A prefix means the routes with that prefix.
      - With O(state=overridden), it is required where tunnels or routes would be deleted and the account has sites with connectors, because nothing marks what
        connectors created. An empty list says that there is nothing to keep.
    type: list
    elements: str
  max_deletions:
    description:
      - The largest number of objects that may be deleted, of all kinds together. If it were more, nothing is changed, and the error lists them.
      - With O(state=overridden), an empty list of a kind deletes all objects of that kind, and needs more than the default.
    type: int
    default: 5
  batch_size:
    description:
      - The largest number of objects in one request, from 1 to 1000. If such a request is refused, it is divided, until only the objects that Cloudflare
        does not accept are left out.
      - Objects that exchange names or addresses always go into one request.
    type: int
    default: 50
notes:
  - Tunnels are created, then updated; then routes are created and updated; then routes are deleted, then tunnels. If something fails, what depends on it
    is skipped, nothing is deleted, and the next run does what is left.
  - A tunnel takes over the inside of another tunnel only after the routes of this design have moved out of it. Where two tunnels exchange their insides, that
    is not possible. Then give their routes the C(static_route_id), or use O(state=overridden), so that a run that is killed halfway leaves no route behind.
  - With O(state=deleted), a site goes with all that it has. A site in the design with lists loses only what the lists name.
  - Pre-shared keys are not part of a design. Create and rotate them with M(cloudflare.magic.ipsec_psks).
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

- name: Have exactly this, apart from what another team manages
  cloudflare.magic.network:
    config: "{{ account.gathered }}"
    state: overridden
    keep: ["berlin-*"]
"""

RETURN = r"""
before:
  description: The kinds of the design as they were, in the form of O(config).
  returned: unless O(state=gathered)
  type: dict
after:
  description: The same after the task, or in check mode as it would be.
  returned: unless O(state=gathered)
  type: dict
changes:
  description: What changed, or in check mode would change, in the order in which it is carried out.
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
      description: The name of the object; of a route prefix, next hop and priority.
      returned: always
      type: str
      sample: 192.0.2.64/26 via 10.213.0.61, priority 100
    action:
      description: V(create), V(update) or V(delete).
      returned: always
      type: str
      sample: create
    fields:
      description: The fields by their names, with dots for those of a dictionary. Each has C(before), unless it is new, and C(after), unless it is deleted.
      returned: always
      type: dict
      sample: {"description": {"before": "Old", "after": "New"}}
gathered:
  description:
    - The account in the form of O(config), without computed fields and defaults, sorted by name. With O(state=overridden) it changes nothing.
    - The ids of objects are in it only where several objects have the same name.
  returned: with O(state=gathered)
  type: dict
not_validated:
  description: What Cloudflare could not be asked in check mode, with the reason.
  returned: in check mode
  type: dict
  sample: {"static_routes[0]": "It needs what becomes of ipsec_tunnels[0], which is not so yet."}
outcomes:
  description:
    - What became of each object. The outcome is V(applied), V(unchanged), V(failed), V(skipped) or V(unknown), or in check mode V(validated) or
      V(not_validated). There is a reason unless all went well.
  returned: failure, when something was sent
  type: list
  elements: dict
  sample: [{"kind": "ipsec_tunnels", "name": "lyon-1", "outcome": "applied"}]
problems:
  description: What is wrong with the design, one by one. C(msg) has the same in one line.
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
    - The tunnels and interconnects that O(config) names and that are there after the task, as M(cloudflare.magic.tunnel_health_info) knows them.
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
        - Why health checks do not find it healthy until something else has happened. Null if nothing is known that prevents it.
        - V(no_psk) if Cloudflare has no date of a pre-shared key, as of a new IPsec tunnel. V(health_check_off) if its health check is off.
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
