#!/usr/bin/python

# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: site_wan
short_description: Manage a WAN of a site of Cloudflare WAN
version_added: 1.1.0
author:
  - The cloudflare.magic contributors (@cloudflare)
description:
  - Creates, updates, renames and deletes WANs of a site of Cloudflare WAN (formerly Magic WAN), over which its connector reaches Cloudflare.
  - Deleting a WAN removes that uplink from the site.
extends_documentation_fragment:
  - cloudflare.magic.options
  - cloudflare.magic.options.writes
  - cloudflare.magic.attributes
  - cloudflare.magic.attributes.client
  - cloudflare.magic.attributes.state_unchecked
  - cloudflare.magic.attributes.actiongroup_all
notes:
  - When the connector of the site comes up, Cloudflare automatically creates an IPsec tunnel for each WAN.
options:
  site:
    description:
      - The name or id of the site that it belongs to.
    type: str
    required: true
  site_wan_id:
    description:
      - The id of the WAN. If it is set, a different O(name) renames the WAN.
      - At least one of O(site_wan_id) and O(name) is required.
    type: str
  name:
    description:
      - The name of the WAN. Without O(site_wan_id), the WAN is found by its name, and it is an error if several WANs have this name.
    type: str
  physport:
    description:
      - The number of the connector's port. Required for a new WAN.
    type: int
  vlan_tag:
    description:
      - The VLAN of the port. V(0) means untagged.
    type: int
  priority:
    description:
      - The rank of the WAN if a site has several.
    type: int
  health_check_rate:
    description:
      - How often Cloudflare checks the tunnels over this WAN. Cloudflare chooses V(mid) for a new WAN.
    type: str
    choices:
      - low
      - mid
      - high
  load_balance_inner_flows:
    description:
      - Whether connections inside the tunnels are distributed over several WANs.
    type: bool
  static_addressing:
    description:
      - The addresses of the connector in the WAN. Without this option, the connector gets an address by DHCP. Cloudflare's API has no documented way
        to remove static addressing again.
    type: dict
    suboptions:
      address:
        description:
          - The IPv4 address of the connector with prefix length, such as V(198.51.100.2/30).
        type: str
      gateway_address:
        description:
          - The IPv4 address of the provider's router.
        type: str
      secondary_address:
        description:
          - The address of the second connector of a site with C(ha_mode).
        type: str
seealso:
  - module: cloudflare.magic.site_wan_info
  - module: cloudflare.magic.site
  - name: Cloudflare's API
    description: The requests that this module sends.
    link: https://developers.cloudflare.com/api/resources/magic_transit/subresources/sites/subresources/wans/
"""

EXAMPLES = r"""
---
- name: Create a site
  cloudflare.magic.site:
    name: lyon

- name: Create a WAN of the site
  cloudflare.magic.site_wan:
    site: lyon
    name: fiber
    physport: 1
    priority: 1
    static_addressing:
      address: 198.51.100.82/30
      gateway_address: 198.51.100.81

- name: Check the tunnels of the WAN more often
  cloudflare.magic.site_wan:
    site: lyon
    name: fiber
    health_check_rate: high

- name: Delete the WAN
  cloudflare.magic.site_wan:
    site: lyon
    name: fiber
    state: absent
"""

RETURN = r"""
site_wan:
  description:
    - The WAN as it is now, as it was before its deletion, or, in check mode, as it would be.
    - Contains the API's own fields, and the simple fields that the API omits if they are empty or false.
  returned: success, unless the object was already absent with O(state=absent)
  type: dict
  contains:
    id:
      description:
        - The id of the WAN. For a new one in check mode, a text that later tasks of the same run can use as its id.
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
    priority:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: int
    health_check_rate:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: str
    load_balance_inner_flows:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: bool
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
from ansible_collections.cloudflare.magic.plugins.module_utils._site_kinds import SITE_WAN


def main() -> None:
    refuse(SITE_WAN.options)


if __name__ == "__main__":
    main()
