#!/usr/bin/python

# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: site
short_description: Manage a site of Cloudflare WAN
version_added: 1.1.0
author:
  - The cloudflare.magic contributors (@cloudflare)
description:
  - Creates, updates, renames and deletes sites of Cloudflare WAN (formerly Magic WAN), which are places with one or two connectors, Cloudflare's
    appliance.
  - LANs, WANs and ACLs belong to a site. Delete ACLs first, then LANs and WANs, then the site, then the connector.
extends_documentation_fragment:
  - cloudflare.magic.options
  - cloudflare.magic.options.writes
  - cloudflare.magic.attributes
  - cloudflare.magic.attributes.client
  - cloudflare.magic.attributes.state_unchecked
  - cloudflare.magic.attributes.actiongroup_all
notes:
  - If the task names a connector, the module reads the connectors. For this, the API token needs the permission C(Magic WAN Read) or
    C(Magic WAN Write). Permissions for Magic Transit are not enough.
  - When the connector of a site comes up, Cloudflare automatically creates an IPsec tunnel for each WAN and static routes for the LANs. You do not
    have to name them in any design or task.
options:
  site_id:
    description:
      - The id of the site. If it is set, a different O(name) renames the site.
      - At least one of O(site_id) and O(name) is required.
    type: str
  name:
    description:
      - The name of the site. Without O(site_id), the site is found by its name, and it is an error if several sites have this name.
    type: str
  description:
    description:
      - A free-text description.
    type: str
  connector:
    description:
      - The connector of the site, by its serial number or id. An empty string removes it from the site.
    type: str
  connector_id:
    description:
      - The id of the connector, in place of O(connector).
    type: str
  secondary_connector:
    description:
      - The second connector of a site with O(ha_mode=true), by its serial number or id. An empty string removes it from the site.
    type: str
  secondary_connector_id:
    description:
      - The id of the second connector, in place of O(secondary_connector).
    type: str
  ha_mode:
    description:
      - Whether the site can have two connectors, one of which takes over for the other. You can only set this when the site is created.
    type: bool
  location:
    description:
      - The location of the site.
    type: dict
    suboptions:
      lat:
        description:
          - The latitude in degrees, such as V(48.8566).
        type: str
      lon:
        description:
          - The longitude in degrees, such as V(2.3522).
        type: str
seealso:
  - module: cloudflare.magic.site_info
  - module: cloudflare.magic.connector
  - module: cloudflare.magic.site_lan
  - module: cloudflare.magic.site_wan
  - module: cloudflare.magic.site_acl
  - name: Cloudflare's API
    description: The requests that this module sends.
    link: https://developers.cloudflare.com/api/resources/magic_transit/subresources/sites/
"""

EXAMPLES = r"""
---
- name: Register the connector
  cloudflare.magic.connector:
    serial_number: MC-2209-0417

- name: Create a site with the connector
  cloudflare.magic.site:
    name: lyon
    connector: MC-2209-0417
    location:
      lat: "45.764"
      lon: "4.8357"

- name: Change one field, and leave the others as they are
  cloudflare.magic.site:
    name: lyon
    description: Branch office in Lyon

- name: Delete the site
  cloudflare.magic.site:
    name: lyon
    state: absent
"""

RETURN = r"""
site:
  description:
    - The site as it is now, as it was before its deletion, or, in check mode, as it would be.
    - Contains the API's own fields, and the simple fields that the API omits if they are empty or false.
  returned: success, unless the object was already absent with O(state=absent)
  type: dict
  contains:
    id:
      description:
        - The id of the site. For a new one in check mode, a text that later tasks of the same run can use as its id.
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
    connector_id:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: str
    secondary_connector_id:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: str
    ha_mode:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: bool
    location:
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
from ansible_collections.cloudflare.magic.plugins.module_utils._site_kinds import SITE


def main() -> None:
    refuse(SITE.options)


if __name__ == "__main__":
    main()
