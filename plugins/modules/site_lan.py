#!/usr/bin/python

# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: site_lan
short_description: Manage a LAN of a site of Cloudflare WAN
version_added: 1.1.0
author:
  - The cloudflare.magic contributors (@cloudflare)
description:
  - Creates, updates, renames and deletes LANs of a site of Cloudflare WAN (formerly Magic WAN).
  - LANs of a site can reach each other only if a M(cloudflare.magic.site_acl) allows it.
extends_documentation_fragment:
  - cloudflare.magic.options
  - cloudflare.magic.options.writes
  - cloudflare.magic.attributes
  - cloudflare.magic.attributes.client
  - cloudflare.magic.attributes.state_unchecked
  - cloudflare.magic.attributes.actiongroup_all
options:
  site:
    description:
      - The name or id of the site that it belongs to.
    type: str
    required: true
  site_lan_id:
    description:
      - The id of the LAN. If it is set, a different O(name) renames the LAN.
      - At least one of O(site_lan_id) and O(name) is required.
    type: str
  name:
    description:
      - The name of the LAN. Without O(site_lan_id), the LAN is found by its name, and it is an error if several LANs have this name.
    type: str
  physport:
    description:
      - The number of the connector's port.
    type: int
  vlan_tag:
    description:
      - The VLAN of the port. V(0) means untagged.
    type: int
  bond_id:
    description:
      - The number of the bond that the port belongs to.
    type: int
  ha_link:
    description:
      - Whether the two connectors of a site with C(ha_mode) monitor each other over this LAN. Only one LAN of a site can do this. You can only set
        this when the LAN is created.
    type: bool
  is_breakout:
    description:
      - Whether traffic of this LAN goes directly to the Internet instead of through Cloudflare.
    type: bool
  is_prioritized:
    description:
      - Whether traffic of this LAN has priority.
    type: bool
  nat:
    description:
      - Whether and how Cloudflare sees addresses other than those of the LAN.
    type: dict
    suboptions:
      static_prefix:
        description:
          - The prefix that replaces the prefix of the LAN, address by address. An empty string removes it.
        type: str
  routed_subnets:
    description:
      - The complete list of further networks behind a router in the LAN. The order does not matter.
    type: list
    elements: dict
    suboptions:
      prefix:
        description:
          - The network. Required.
        type: str
      next_hop:
        description:
          - The IPv4 address of the router. Required.
        type: str
      nat:
        description:
          - Whether and how Cloudflare sees addresses other than those of the network.
        type: dict
        suboptions:
          static_prefix:
            description:
              - The prefix that replaces the prefix of the network, address by address.
            type: str
  static_addressing:
    description:
      - The addresses of the connector in the LAN. Without this option, the connector gets an address by DHCP. Cloudflare's API has no documented way
        to remove static addressing again.
      - A site with C(ha_mode) needs this option, with all three addresses.
    type: dict
    suboptions:
      address:
        description:
          - The IPv4 address of the connector with the prefix length of the LAN, such as V(192.168.10.1/24).
        type: str
      secondary_address:
        description:
          - The address of the second connector. An empty string removes it.
        type: str
      virtual_address:
        description:
          - The address of the active connector (VRRP). An empty string removes it.
        type: str
      dhcp_server:
        description:
          - Makes the connector assign addresses in the LAN. Mutually exclusive with O(static_addressing.dhcp_relay), and replaces it.
        type: dict
        suboptions:
          dhcp_pool_start:
            description:
              - The first address to assign. Empty strings here and in O(static_addressing.dhcp_server.dhcp_pool_end) remove the pool.
            type: str
          dhcp_pool_end:
            description:
              - The last address to assign.
            type: str
          dns_servers:
            description:
              - The addresses of DNS servers, in order of preference.
            type: list
            elements: str
          dhcp_options:
            description:
              - The complete list of further DHCP options to send. The order does not matter.
            type: list
            elements: dict
            suboptions:
              code:
                description:
                  - The number of the option, from 1 to 254, except 3, 6 and 51, which the connector sets itself. Required.
                type: int
              type:
                description:
                  - How to interpret O(static_addressing.dhcp_server.dhcp_options[].value). Required.
                type: str
                choices:
                  - text
                  - hex
                  - ip
                  - byte
                  - short
                  - integer
              value:
                description:
                  - The value, such as V(boot.example.com), V(01:04:aa:bb:cc), V(192.0.2.1) or V(300). Required.
                type: str
          reservations:
            description:
              - The complete set of IPv4 addresses that are reserved for devices, by their MAC addresses.
            type: dict
      dhcp_relay:
        description:
          - Makes the connector forward requests for addresses. Mutually exclusive with O(static_addressing.dhcp_server), and replaces it.
        type: dict
        suboptions:
          server_addresses:
            description:
              - The addresses of the DHCP servers, in order of preference.
            type: list
            elements: str
seealso:
  - module: cloudflare.magic.site_lan_info
  - module: cloudflare.magic.site
  - module: cloudflare.magic.site_acl
  - name: Cloudflare's API
    description: The requests that this module sends.
    link: https://developers.cloudflare.com/api/resources/magic_transit/subresources/sites/subresources/lans/
"""

EXAMPLES = r"""
---
- name: Create a site
  cloudflare.magic.site:
    name: lyon

- name: Create a LAN whose devices get their addresses from the connector
  cloudflare.magic.site_lan:
    site: lyon
    name: office
    physport: 2
    vlan_tag: 20
    static_addressing:
      address: 192.168.20.1/24
      dhcp_server:
        dhcp_pool_start: 192.168.20.10
        dhcp_pool_end: 192.168.20.199
        dns_servers:
          - 192.168.20.1
        reservations:
          00:00:5e:00:53:01: 192.168.20.10

- name: Forward requests for addresses to a DHCP server instead
  cloudflare.magic.site_lan:
    site: lyon
    name: office
    static_addressing:
      dhcp_relay:
        server_addresses:
          - 192.0.2.67

- name: Reach another network through a router in the LAN
  cloudflare.magic.site_lan:
    site: lyon
    name: office
    routed_subnets:
      - prefix: 192.168.30.0/24
        next_hop: 192.168.20.2

- name: Delete the LAN
  cloudflare.magic.site_lan:
    site: lyon
    name: office
    state: absent
"""

RETURN = r"""
site_lan:
  description:
    - The LAN as it is now, as it was before its deletion, or, in check mode, as it would be.
    - Contains the API's own fields, and the simple fields that the API omits if they are empty or false.
  returned: success, unless the object was already absent with O(state=absent)
  type: dict
  contains:
    id:
      description:
        - The id of the LAN. For a new one in check mode, a text that later tasks of the same run can use as its id.
      returned: always
      type: str
      sample: c4a7362d577a6c3019a474fd6f485821
    name:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: str
    physport:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: int
    vlan_tag:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: int
    bond_id:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: int
    ha_link:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: bool
    is_breakout:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: bool
    is_prioritized:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: bool
    nat:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: dict
    routed_subnets:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: list
      elements: dict
    static_addressing:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: dict
validated:
  description: Always V(false). The API cannot validate this kind of request, so only the collection has checked it.
  returned: in check mode, when something would change
  type: bool
  sample: false
failure:
  description: What is known about the failed request, in the same form as in M(cloudflare.magic.ipsec_psk).
  returned: failure, when a request was sent
  type: dict
"""

from ansible_collections.cloudflare.magic.plugins.module_utils._module import refuse
from ansible_collections.cloudflare.magic.plugins.module_utils._site_kinds import SITE_LAN


def main() -> None:
    refuse(SITE_LAN.options)


if __name__ == "__main__":
    main()
