#!/usr/bin/python

# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: site_acl
short_description: Manage an ACL of a site of Cloudflare WAN
version_added: 1.1.0
author:
  - The cloudflare.magic contributors (@cloudflare)
description:
  - Creates, updates, renames and deletes ACLs of a site of Cloudflare WAN (formerly Magic WAN), each of which allows traffic between two of its LANs.
  - Without an ACL, LANs do not reach each other. Traffic with O(forward_locally=true) does not pass through any filter of Cloudflare.
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
  site_acl_id:
    description:
      - The id of the ACL. If it is set, a different O(name) renames the ACL.
      - At least one of O(site_acl_id) and O(name) is required.
    type: str
  name:
    description:
      - The name of the ACL. Without O(site_acl_id), the ACL is found by its name, and it is an error if several ACLs have this name.
    type: str
  description:
    description:
      - A free-text description.
    type: str
  lan_1:
    description:
      - One side of the traffic. Required for a new ACL.
    type: dict
    suboptions:
      lan:
        description:
          - The LAN, by its name or id.
        type: str
      lan_id:
        description:
          - The id of the LAN, in place of O(lan_1.lan).
        type: str
      ports:
        description:
          - The ports that the ACL applies to. If O(lan_1.port_ranges) is also empty, it applies to all ports. The order does not matter.
        type: list
        elements: int
      port_ranges:
        description:
          - The port ranges that the ACL applies to, such as V(8000-8080). The order does not matter.
        type: list
        elements: str
      subnets:
        description:
          - The parts of the LAN that the ACL applies to. Without them, it applies to the whole LAN. The order does not matter.
        type: list
        elements: str
  lan_2:
    description:
      - The other side of the traffic. Required for a new ACL.
    type: dict
    suboptions:
      lan:
        description:
          - The LAN, by its name or id.
        type: str
      lan_id:
        description:
          - The id of the LAN, in place of O(lan_2.lan).
        type: str
      ports:
        description:
          - The ports that the ACL applies to. If O(lan_2.port_ranges) is also empty, it applies to all ports. The order does not matter.
        type: list
        elements: int
      port_ranges:
        description:
          - The port ranges that the ACL applies to, such as V(8000-8080). The order does not matter.
        type: list
        elements: str
      subnets:
        description:
          - The parts of the LAN that the ACL applies to. Without them, it applies to the whole LAN. The order does not matter.
        type: list
        elements: str
  protocols:
    description:
      - The protocols that the ACL applies to. Without any, it applies to all protocols. The order does not matter.
    type: list
    elements: str
    choices:
      - tcp
      - udp
      - icmp
  forward_locally:
    description:
      - Whether the connector itself forwards the traffic from LAN to LAN, bypassing Cloudflare and its filters. Otherwise the traffic goes through
        Cloudflare.
    type: bool
  unidirectional:
    description:
      - Whether only O(lan_1) may start connections.
    type: bool
seealso:
  - module: cloudflare.magic.site_acl_info
  - module: cloudflare.magic.site
  - module: cloudflare.magic.site_lan
  - name: Cloudflare's API
    description: The requests that this module sends.
    link: https://developers.cloudflare.com/api/resources/magic_transit/subresources/sites/subresources/acls/
"""

EXAMPLES = r"""
---
- name: Create a site
  cloudflare.magic.site:
    name: lyon

- name: Create the LANs of the site
  cloudflare.magic.site_lan:
    site: lyon
    name: "{{ item.name }}"
    physport: 2
    vlan_tag: "{{ item.vlan }}"
  loop:
    - name: office
      vlan: 20
    - name: printers
      vlan: 30

- name: Allow the office to print
  cloudflare.magic.site_acl:
    site: lyon
    name: printing
    lan_1:
      lan: office
    lan_2:
      lan: printers
      ports:
        - 631
        - 9100
    protocols:
      - tcp
    forward_locally: true

- name: Delete the ACL
  cloudflare.magic.site_acl:
    site: lyon
    name: printing
    state: absent
"""

RETURN = r"""
site_acl:
  description:
    - The ACL as it is now, as it was before its deletion, or, in check mode, as it would be.
    - Contains the API's own fields, and the simple fields that the API omits if they are empty or false.
  returned: success, unless the object was already absent with O(state=absent)
  type: dict
  contains:
    id:
      description:
        - The id of the ACL. For a new one in check mode, a text that later tasks of the same run can use as its id.
      returned: always
      type: str
      sample: c4a7362d577a6c3019a474fd6f485821
    name:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: str
    description:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: str
    lan_1:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: dict
    lan_2:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: dict
    protocols:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: list
      elements: str
    forward_locally:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: bool
    unidirectional:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: bool
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
from ansible_collections.cloudflare.magic.plugins.module_utils._site_kinds import SITE_ACL


def main() -> None:
    refuse(SITE_ACL.options)


if __name__ == "__main__":
    main()
