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
    its interconnects, from one design, in one task.
  - Reads each kind of object once, plans everything, and reports all mistakes of the design in one message before anything is changed. Routes can lead
    through tunnels that the same design creates, in check mode as well.
  - Uses requests that change many objects wherever the API has them.
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
      - Has Cloudflare check with C(validate_only=true) whatever can be judged now. RV(not_validated) has the rest, with the reason. Cloudflare only checks
        for who may write. A credential that may only read gets the whole plan all the same, with a warning.
  diff_mode:
    details:
      - Shows the objects that change as YAML, in the form of O(config).
options:
  config:
    description:
      - The design. A kind that is not in it is not touched. Items have the options of the module of that kind, without O(state), credentials and keys.
      - Required unless O(state=gathered), which without it reads all kinds.
    type: dict
    suboptions:
      ipsec_tunnels:
        description:
          - IPsec tunnels. See M(cloudflare.magic.ipsec_tunnel) for the details of each option.
        type: list
        elements: dict
        suboptions:
          ipsec_tunnel_id:
            description:
              - The id of the tunnel. Only needed to rename a tunnel, or to tell tunnels of one name apart.
            type: str
          name:
            description:
              - The name of the tunnel, which finds it unless the id is given.
            type: str
          cloudflare_endpoint:
            description:
              - Cloudflare's address, one of the anycast addresses of the account. Required for a new tunnel.
            type: str
          customer_endpoint:
            description:
              - The address of the customer's device. Not needed if the device calls itself by another IKE identity than its address.
            type: str
          interface_address:
            description:
              - Cloudflare's IPv4 address inside of the tunnel with the prefix length V(/31) or V(/30), from 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 or
                169.254.240.0/20. The customer's device has the other address.
            type: str
          interface_address6:
            description:
              - Cloudflare's IPv6 address inside of the tunnel with prefix length, usually V(/127).
            type: str
          description:
            description:
              - Free-text description.
            type: str
          health_check:
            description:
              - How Cloudflare checks whether the tunnel works. Options that are not set stay as they are, or as Cloudflare chooses for a new tunnel.
            type: dict
            suboptions:
              enabled:
                description:
                  - Whether to check at all.
                type: bool
              rate:
                description:
                  - How often.
                type: str
                choices: [low, mid, high]
              type:
                description:
                  - What to send, an ICMP reply or an ICMP request.
                type: str
                choices: [reply, request]
              direction:
                description:
                  - Whether the answer comes back through the tunnel (V(bidirectional)) or through the Internet (V(unidirectional)).
                type: str
                choices: [unidirectional, bidirectional]
              target:
                description:
                  - The address to check. An empty string means the one that Cloudflare computes, usually the customer's endpoint.
                type: raw
          automatic_return_routing:
            description:
              - Whether traffic returns through the tunnel that it came from. Cloudflare has to enable this for the account.
            type: bool
          bgp:
            description:
              - BGP with the customer's device over the tunnel. Cloudflare's API has no way to remove it from a tunnel again.
            type: dict
            suboptions:
              customer_asn:
                description:
                  - The autonomous system number of the customer's device. Required for BGP.
                type: int
              extra_prefixes:
                description:
                  - Prefixes to announce to the device in addition to those of the account. The order does not matter.
                type: list
                elements: str
              md5_key:
                description:
                  - The MD5 key of the session, which guards against misconfiguration. Cloudflare does not treat it as a secret, and shows it to everybody
                    who may read the tunnel, and so do the modules.
                type: str
              import_filter_id:
                description:
                  - The id of a filter for what Cloudflare accepts.
                type: str
              export_filter_id:
                description:
                  - The id of a filter for what Cloudflare announces.
                type: str
          replay_protection:
            description:
              - Whether Cloudflare drops packets that arrive late or twice. Cloudflare recommends to leave it off.
            type: bool
          custom_remote_identities:
            description:
              - An IKE identity of one's own choice for the customer's device.
            type: dict
            suboptions:
              fqdn_id:
                description:
                  - A name of the form C(LABEL.NUMBER.custom.ipsec.cloudflare.com), with a label of one's own choice.
                type: str
      gre_tunnels:
        description:
          - GRE tunnels. See M(cloudflare.magic.gre_tunnel) for the details of each option.
        type: list
        elements: dict
        suboptions:
          gre_tunnel_id:
            description:
              - The id of the tunnel. Only needed to rename a tunnel, or to tell tunnels of one name apart.
            type: str
          name:
            description:
              - The name of the tunnel, which finds it unless the id is given.
            type: str
          cloudflare_gre_endpoint:
            description:
              - Cloudflare's address, one of the anycast addresses of the account. Required for a new tunnel.
            type: str
          customer_gre_endpoint:
            description:
              - The address of the customer's device. Required for a new tunnel.
            type: str
          interface_address:
            description:
              - Cloudflare's IPv4 address inside of the tunnel with the prefix length V(/31) or V(/30), from 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 or
                169.254.240.0/20. The customer's device has the other address.
            type: str
          interface_address6:
            description:
              - Cloudflare's IPv6 address inside of the tunnel with prefix length, usually V(/127).
            type: str
          description:
            description:
              - Free-text description.
            type: str
          health_check:
            description:
              - How Cloudflare checks whether the tunnel works. Options that are not set stay as they are, or as Cloudflare chooses for a new tunnel.
            type: dict
            suboptions:
              enabled:
                description:
                  - Whether to check at all.
                type: bool
              rate:
                description:
                  - How often.
                type: str
                choices: [low, mid, high]
              type:
                description:
                  - What to send, an ICMP reply or an ICMP request.
                type: str
                choices: [reply, request]
              direction:
                description:
                  - Whether the answer comes back through the tunnel (V(bidirectional)) or through the Internet (V(unidirectional)).
                type: str
                choices: [unidirectional, bidirectional]
              target:
                description:
                  - The address to check. An empty string means the one that Cloudflare computes, usually the customer's endpoint.
                type: raw
          automatic_return_routing:
            description:
              - Whether traffic returns through the tunnel that it came from. Cloudflare has to enable this for the account.
            type: bool
          bgp:
            description:
              - BGP with the customer's device over the tunnel. Cloudflare's API has no way to remove it from a tunnel again.
            type: dict
            suboptions:
              customer_asn:
                description:
                  - The autonomous system number of the customer's device. Required for BGP.
                type: int
              extra_prefixes:
                description:
                  - Prefixes to announce to the device in addition to those of the account. The order does not matter.
                type: list
                elements: str
              md5_key:
                description:
                  - The MD5 key of the session, which guards against misconfiguration. Cloudflare does not treat it as a secret, and shows it to everybody
                    who may read the tunnel, and so do the modules.
                type: str
              import_filter_id:
                description:
                  - The id of a filter for what Cloudflare accepts.
                type: str
              export_filter_id:
                description:
                  - The id of a filter for what Cloudflare announces.
                type: str
          ttl:
            description:
              - The time to live of the GRE packets, in hops. Cloudflare chooses 64 for a new tunnel.
            type: int
          mtu:
            description:
              - The largest packet inside of the tunnel, in bytes, at least 576. Cloudflare chooses 1476 for a new tunnel.
            type: int
      interconnects:
        description:
          - Interconnects (CNI). Cloudflare creates and deletes them, so they can only be changed.
        type: list
        elements: dict
        suboptions:
          interconnect_id:
            description:
              - The id of the interconnect, in place of the name, or to rename it.
            type: str
          name:
            description:
              - The name of the interconnect.
            type: str
          interface_address:
            description:
              - Cloudflare's IPv4 address inside of the tunnel with the prefix length V(/31) or V(/30), from 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 or
                169.254.240.0/20. The customer's device has the other address.
            type: str
          interface_address6:
            description:
              - Cloudflare's IPv6 address inside of the tunnel with prefix length, usually V(/127).
            type: str
          description:
            description:
              - Free-text description.
            type: str
          gre:
            description:
              - The GRE tunnel of the interconnect.
            type: dict
            suboptions:
              cloudflare_endpoint:
                description:
                  - Cloudflare's address of the GRE tunnel.
                type: str
          health_check:
            description:
              - How Cloudflare checks whether the tunnel works. Options that are not set stay as they are, or as Cloudflare chooses for a new tunnel.
            type: dict
            suboptions:
              enabled:
                description:
                  - Whether to check at all.
                type: bool
              rate:
                description:
                  - How often.
                type: str
                choices: [low, mid, high]
              type:
                description:
                  - What to send, an ICMP reply or an ICMP request.
                type: str
                choices: [reply, request]
          mtu:
            description:
              - The largest packet in bytes.
            type: int
          automatic_return_routing:
            description:
              - Whether traffic returns through the tunnel that it came from. Cloudflare has to enable this for the account.
            type: bool
      static_routes:
        description:
          - Static routes. See M(cloudflare.magic.static_route) for the details of each option.
        type: list
        elements: dict
        suboptions:
          static_route_id:
            description:
              - The id of the route. Only needed to give a route another prefix.
            type: str
            aliases: [route_id]
          prefix:
            description:
              - The prefix to reach. Prefix, next hop, priority and scope find a route.
            type: str
          nexthop:
            description:
              - The customer's address inside of a tunnel. Excludes nexthop_tunnel.
            type: str
          priority:
            description:
              - Routes with a lower value win. Required for a new route.
            type: int
          weight:
            description:
              - Among routes of one prefix and priority, the share of traffic that this one gets. V(0) is the same as none.
            type: int
          description:
            description:
              - Free-text description of the route.
            type: str
          scope:
            description:
              - Limits a route to data centres of Cloudflare. Only used for routes of one prefix and priority.
            type: dict
            suboptions:
              colo_names:
                description:
                  - Names of data centres. The order does not matter.
                type: list
                elements: str
              colo_regions:
                description:
                  - Names of regions. The order does not matter.
                type: list
                elements: str
          nexthop_tunnel:
            description:
              - The name of an IPsec or GRE tunnel, in place of nexthop. This design may create it.
            type: str
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
      - Names and shell patterns of tunnels that are never deleted, such as those that another team manages. Routes through them are not deleted either.
      - A prefix means the routes with that prefix.
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
requests:
  description: The number of requests that were sent.
  returned: success
  type: int
  sample: 4
failure:
  description: What is known of the request that failed, as with M(cloudflare.magic.ipsec_psk).
  returned: failure, when the account could not be read
  type: dict
"""

from ansible_collections.cloudflare.magic.plugins.module_utils._design import WHOLE_OPTIONS
from ansible_collections.cloudflare.magic.plugins.module_utils._module import refuse


def main() -> None:
    refuse(WHOLE_OPTIONS)


if __name__ == "__main__":
    main()
