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
  - The ramps of a site, which are the tunnels, interconnects and connectors through which it is reached, are not changed.
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
from ansible_collections.cloudflare.magic.plugins.module_utils._other_kinds import CF1_SITE


def main() -> None:
    refuse(CF1_SITE.options)


if __name__ == "__main__":
    main()
