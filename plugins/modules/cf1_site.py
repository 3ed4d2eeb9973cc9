#!/usr/bin/python

# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cf1_site
short_description: Manage a site of Cloudflare One
version_added: 1.1.0
author:
  - The cloudflare.magic contributors (@cloudflare)
description:
  - >-
    Creates, updates, renames and deletes sites of Cloudflare One, the newer kind of sites. Sites of Cloudflare WAN with connectors are a different
    kind. See M(cloudflare.magic.site).
  - The ramps of a site are the tunnels, interconnects and connectors through which it is reached. If O(ramps) is set, the site has exactly these ramps.
    If the site is deleted, its ramps are deleted first.
extends_documentation_fragment:
  - cloudflare.magic.options
  - cloudflare.magic.options.writes
  - cloudflare.magic.attributes
  - cloudflare.magic.attributes.client
  - cloudflare.magic.attributes.state_unchecked
  - cloudflare.magic.attributes.actiongroup_all
options:
  cf1_site_id:
    description:
      - The id of the site. If it is set, a different O(name) renames the site.
      - At least one of O(cf1_site_id) and O(name) is required.
    type: str
  name:
    description:
      - The name of the site. Without O(cf1_site_id), the site is found by its name, and it is an error if several sites have this name.
    type: str
  description:
    description:
      - A free-text description.
    type: str
  location:
    description:
      - The location of the site.
    type: dict
    suboptions:
      lat:
        description:
          - The latitude in degrees.
        type: float
      long:
        description:
          - The longitude in degrees.
        type: float
      name:
        description:
          - The nearest town.
        type: str
  ramps:
    description:
      - All ramps of the site. Missing ramps are created with one request, and the others are deleted. If it is not set, the ramps are not changed. An
        empty list deletes them all.
      - Each entry names one tunnel, interconnect or connector, by its name (a connector by its serial number) or id, which can be a ramp of one site only.
      - "Cloudflare's API has no name for what a ramp leads to: it only shows a URL, which can be missing. A ramp is recognized if its type fits and the
        path of this URL contains the id. If a ramp of the site has no URL with an id, the task fails before anything is changed if it would delete this
        ramp, or would create one of the same type."
      - A ramp whose URL has the id of an object that no longer exists is recognized as none of the list, so it is deleted.
    type: list
    elements: dict
    suboptions:
      ramp_id:
        description:
          - The id of an existing ramp, to keep a ramp that is not recognized.
        type: str
      ipsec_tunnel:
        description:
          - The name or id of an IPsec tunnel.
        type: str
      ipsec_tunnel_id:
        description:
          - The id of the IPsec tunnel, in place of O(ramps[].ipsec_tunnel).
        type: str
      gre_tunnel:
        description:
          - The name or id of a GRE tunnel.
        type: str
      gre_tunnel_id:
        description:
          - The id of the GRE tunnel, in place of O(ramps[].gre_tunnel).
        type: str
      gre_interconnect:
        description:
          - The name or id of an interconnect with GRE.
        type: str
      gre_interconnect_id:
        description:
          - The id of the interconnect, in place of O(ramps[].gre_interconnect).
        type: str
      mpls_interconnect:
        description:
          - The name or id of an interconnect without GRE.
        type: str
      mpls_interconnect_id:
        description:
          - The id of the interconnect, in place of O(ramps[].mpls_interconnect).
        type: str
      connector:
        description:
          - The serial number or id of a connector.
        type: str
      connector_id:
        description:
          - The id of the connector, in place of O(ramps[].connector).
        type: str
seealso:
  - module: cloudflare.magic.cf1_site_info
  - module: cloudflare.magic.site
  - name: Cloudflare's API
    description: The requests that this module sends.
    link: https://developers.cloudflare.com/api/resources/magic_transit/subresources/cf1_sites/
"""

EXAMPLES = r"""
---
- name: Create a site
  cloudflare.magic.cf1_site:
    name: lyon
    location:
      lat: 45.764
      long: 4.8357
      name: Lyon

- name: Create the tunnel through which it is reached
  cloudflare.magic.ipsec_tunnel:
    name: lyon-1
    cloudflare_endpoint: 203.0.113.1
    customer_endpoint: 198.51.100.61
    interface_address: 10.213.0.60/31

- name: Register its connector
  cloudflare.magic.connector:
    serial_number: MC-2209-0417

- name: Have exactly these ramps
  cloudflare.magic.cf1_site:
    name: lyon
    ramps:
      - ipsec_tunnel: lyon-1
      - connector: MC-2209-0417

- name: Change one field, and leave the others as they are
  cloudflare.magic.cf1_site:
    name: lyon
    description: Branch office in Lyon

- name: Delete the site
  cloudflare.magic.cf1_site:
    name: lyon
    state: absent
"""

RETURN = r"""
cf1_site:
  description:
    - The site of Cloudflare One as it is now, as it was before its deletion, or, in check mode, as it would be.
    - Contains the API's own fields, and the simple fields that the API omits if they are empty or false.
  returned: success, unless the object was already absent with O(state=absent)
  type: dict
  contains:
    id:
      description:
        - The id of the site of Cloudflare One. For a new one in check mode, a text that later tasks of the same run can use as its id.
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
    location:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: dict
    ramps:
      description:
        - The ramps of the site. Each has the API's own fields, with C(managed_by) beside C(type), and the id of what it leads to in the option of that
          name, such as C(ipsec_tunnel_id), if the ramp is recognized.
      returned: if O(ramps) is set, or if the site is deleted
      type: list
      elements: dict
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

from ansible_collections.cloudflare.magic.plugins.module_utils._cf1_kinds import CF1_SITE
from ansible_collections.cloudflare.magic.plugins.module_utils._module import refuse


def main() -> None:
    refuse(CF1_SITE.options)


if __name__ == "__main__":
    main()
