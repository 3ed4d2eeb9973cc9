# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this doc fragment is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use it from other collections!

from __future__ import annotations


class ModuleDocFragment:
    # The desired state of a network
    DOCUMENTATION = r"""
options:
  config:
    description:
      - The design. Kinds of objects that it does not contain are not changed. Items have the options of the module for that kind, except O(state),
        credentials and keys.
      - Required unless O(state=gathered). If it is not set, O(state=gathered) reads tunnels, interconnects and routes.
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
              - The id of the tunnel. Only needed to rename a tunnel, or to distinguish tunnels with the same name.
            type: str
          name:
            description:
              - The name of the tunnel. It identifies the tunnel unless the id is given.
            type: str
          cloudflare_endpoint:
            description:
              - Cloudflare's address, one of the anycast addresses of the account. Required for a new tunnel.
            type: str
          customer_endpoint:
            description:
              - The address of the customer's device. Not required if the device uses an IKE identity other than its address.
            type: str
          interface_address:
            description:
              - Cloudflare's IPv4 address inside the tunnel with the prefix length V(/31) or V(/30), from 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 or
                169.254.240.0/20. The customer's device has the other address.
            type: str
          interface_address6:
            description:
              - Cloudflare's IPv6 address inside the tunnel with its prefix length, usually V(/127).
            type: str
          description:
            description:
              - A free-text description.
            type: str
          health_check:
            description:
              - How Cloudflare checks whether the tunnel works. Options that are not set keep their values. For a new tunnel, Cloudflare chooses the
                values.
            type: dict
            suboptions:
              enabled:
                description:
                  - Whether to run health checks.
                type: bool
              rate:
                description:
                  - How often to run health checks.
                type: str
                choices: [low, mid, high]
              type:
                description:
                  - The type of probe to send, either an ICMP reply or an ICMP request.
                type: str
                choices: [reply, request]
              direction:
                description:
                  - Whether the response returns through the tunnel (V(bidirectional)) or through the Internet (V(unidirectional)).
                type: str
                choices: [unidirectional, bidirectional]
              target:
                description:
                  - The address to check. With an empty string, Cloudflare computes the address, which is usually the customer's endpoint.
                type: raw
          automatic_return_routing:
            description:
              - Whether traffic returns through the tunnel that it came from. Cloudflare must enable this for the account.
            type: bool
          bgp: &bgp
            description:
              - BGP with the customer's device over the tunnel or interconnect. After it is set, it cannot be removed through Cloudflare's API.
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
                  - The MD5 key of the session, which protects against misconfiguration. Cloudflare does not treat it as a secret. Both Cloudflare and
                    the modules show it to anyone who can read the tunnel.
                type: str
              import_filter_id:
                description:
                  - The id of a filter for the routes that Cloudflare accepts.
                type: str
              export_filter_id:
                description:
                  - The id of a filter for the routes that Cloudflare announces.
                type: str
              import_filter:
                description:
                  - The name of the filter for the routes that Cloudflare accepts, instead of its id. An empty string removes the filter.
                type: str
              export_filter:
                description:
                  - The name of the filter for the routes that Cloudflare announces, instead of its id. An empty string removes the filter.
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
                type: str
      gre_tunnels:
        description:
          - GRE tunnels. See M(cloudflare.magic.gre_tunnel) for the details of each option.
        type: list
        elements: dict
        suboptions:
          gre_tunnel_id:
            description:
              - The id of the tunnel. Only needed to rename a tunnel, or to distinguish tunnels with the same name.
            type: str
          name:
            description:
              - The name of the tunnel. It identifies the tunnel unless the id is given.
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
              - Cloudflare's IPv4 address inside the tunnel with the prefix length V(/31) or V(/30), from 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 or
                169.254.240.0/20. The customer's device has the other address.
            type: str
          interface_address6:
            description:
              - Cloudflare's IPv6 address inside the tunnel with its prefix length, usually V(/127).
            type: str
          description:
            description:
              - A free-text description.
            type: str
          health_check:
            description:
              - How Cloudflare checks whether the tunnel works. Options that are not set keep their values. For a new tunnel, Cloudflare chooses the
                values.
            type: dict
            suboptions:
              enabled:
                description:
                  - Whether to run health checks.
                type: bool
              rate:
                description:
                  - How often to run health checks.
                type: str
                choices: [low, mid, high]
              type:
                description:
                  - The type of probe to send, either an ICMP reply or an ICMP request.
                type: str
                choices: [reply, request]
              direction:
                description:
                  - Whether the response returns through the tunnel (V(bidirectional)) or through the Internet (V(unidirectional)).
                type: str
                choices: [unidirectional, bidirectional]
              target:
                description:
                  - The address to check. With an empty string, Cloudflare computes the address, which is usually the customer's endpoint.
                type: raw
          automatic_return_routing:
            description:
              - Whether traffic returns through the tunnel that it came from. Cloudflare must enable this for the account.
            type: bool
          bgp: *bgp
          ttl:
            description:
              - The time to live (TTL) of the GRE packets, in hops. Cloudflare chooses 64 for a new tunnel.
            type: int
          mtu:
            description:
              - The maximum packet size inside the tunnel in bytes, at least 576. Cloudflare chooses 1476 for a new tunnel.
            type: int
      interconnects:
        description:
          - Interconnects (CNI). Cloudflare creates and deletes them, so you can only update them.
        type: list
        elements: dict
        suboptions:
          interconnect_id:
            description:
              - The id of the interconnect. Use it instead of the name, or to rename the interconnect.
            type: str
          name:
            description:
              - The name of the interconnect.
            type: str
          interface_address:
            description:
              - Cloudflare's IPv4 address inside the interconnect with the prefix length V(/31) or V(/30), from 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 or
                169.254.240.0/20. The customer's device has the other address.
            type: str
          interface_address6:
            description:
              - Cloudflare's IPv6 address inside the interconnect with its prefix length, usually V(/127).
            type: str
          description:
            description:
              - A free-text description.
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
              - How Cloudflare checks whether the interconnect works. Options that are not set keep their values.
            type: dict
            suboptions:
              enabled:
                description:
                  - Whether to run health checks.
                type: bool
              rate:
                description:
                  - How often to run health checks.
                type: str
                choices: [low, mid, high]
              type:
                description:
                  - The type of probe to send, either an ICMP reply or an ICMP request.
                type: str
                choices: [reply, request]
              direction:
                description:
                  - Whether the response returns through the interconnect (V(bidirectional)) or through the Internet (V(unidirectional)).
                type: str
                choices: [unidirectional, bidirectional]
              target:
                description:
                  - The address to check. With an empty string, Cloudflare computes the address, which is the customer's address inside the
                    interconnect.
                type: raw
              source:
                description:
                  - The address that Cloudflare sends health checks from. Only available for interconnects of version 1.5, which need it if the
                    direction is V(bidirectional).
                type: str
          mtu:
            description:
              - The maximum packet size in bytes.
            type: int
          automatic_return_routing:
            description:
              - Whether traffic returns through the interconnect that it came from. Cloudflare must enable this for the account.
            type: bool
          bgp: *bgp
      static_routes:
        description:
          - Static routes. See M(cloudflare.magic.static_route) for the details of each option.
        type: list
        elements: dict
        suboptions:
          static_route_id:
            description:
              - The id of the route. Only needed to change the prefix of a route.
            type: str
            aliases: [route_id]
          prefix:
            description:
              - The destination prefix. A route is identified by its prefix, next hop, priority and scope.
            type: str
          nexthop:
            description:
              - The customer's address inside a tunnel. Mutually exclusive with nexthop_tunnel.
            type: str
          priority:
            description:
              - Routes with a lower value are preferred. Required for a new route.
            type: int
          weight:
            description:
              - The share of traffic that this route gets among routes with the same prefix and priority. V(0) is the same as no weight.
            type: int
          description:
            description:
              - A free-text description of the route.
            type: str
          scope:
            description:
              - Limits the route to certain Cloudflare data centers. Only used for routes with the same prefix and priority.
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
          nexthop_tunnel:
            description:
              - The name of an IPsec or GRE tunnel, instead of nexthop. The same design can create the tunnel.
            type: str
      sites:
        description:
          - Sites. Items have the options of M(cloudflare.magic.site), and the lists C(lans), C(wans), C(acls) and C(app_configs), whose items have
            the options of M(cloudflare.magic.site_lan), M(cloudflare.magic.site_wan), M(cloudflare.magic.site_acl) and
            M(cloudflare.magic.site_app_config), except C(site). The dictionary C(netflow_config) has the options of
            M(cloudflare.magic.site_netflow), except C(site). If it is empty, O(state=overridden) deletes the configuration.
          - Lists that are not present are not changed. The contents of a site are read only if the design names the site and has lists for it.
        type: list
        elements: dict
      connectors:
        description:
          - Connectors. Items have the options of M(cloudflare.magic.connector).
        type: list
        elements: dict
      apps:
        description:
          - Apps of the account. Items have the options of M(cloudflare.magic.app).
        type: list
        elements: dict
      cf1_sites:
        description:
          - Sites of Cloudflare One. Items have the options of M(cloudflare.magic.cf1_site), and the list C(ramps), whose items have the suboptions of
            C(ramps) in that module. The same design can create the tunnels and connectors.
          - In a design, the list C(ramps) is treated like the lists of sites. Only O(state=overridden) deletes the ramps that it does not name.
        type: list
        elements: dict
      redundancy_groups:
        description:
          - Redundancy groups. Items have the options of M(cloudflare.magic.redundancy_group). The same design can create their members.
        type: list
        elements: dict
      mnm_config:
        description:
          - The configuration of network monitoring. Has the options of M(cloudflare.magic.mnm_config). If the dictionary is empty,
            O(state=overridden) deletes the configuration.
        type: dict
      mnm_rules:
        description:
          - Rules of network monitoring. Items have the options of M(cloudflare.magic.mnm_rule).
        type: list
        elements: dict
      bgp_settings:
        description:
          - The BGP settings of the account, which can only be updated. Has the options of M(cloudflare.magic.bgp_settings).
        type: dict
      bgp_filter_profiles:
        description:
          - BGP filter profiles. Items have the options of M(cloudflare.magic.bgp_filter_profile). Tunnels and interconnects of the same design can
            refer to them by name.
        type: list
        elements: dict
"""
