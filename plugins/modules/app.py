#!/usr/bin/python

# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: app
short_description: Manage an app of Cloudflare WAN
version_added: 1.1.0
author:
  - The cloudflare.magic contributors (@cloudflare)
description:
  - Creates, updates, renames and deletes apps of the account. Sites of Cloudflare WAN (formerly Magic WAN) send the traffic of these apps directly to
    the Internet, or prioritize it.
extends_documentation_fragment:
  - cloudflare.magic.options
  - cloudflare.magic.options.writes
  - cloudflare.magic.attributes
  - cloudflare.magic.attributes.client
  - cloudflare.magic.attributes.state_unchecked
  - cloudflare.magic.attributes.actiongroup_all
options:
  app_id:
    description:
      - The id of the app. If it is set, a different O(name) renames the app.
      - At least one of O(app_id) and O(name) is required.
    type: str
  name:
    description:
      - The name of the app. Without O(app_id), the app is found by its name, and it is an error if several apps have this name.
    type: str
  type:
    description:
      - The category of the app. Required for a new app.
    type: str
  hostnames:
    description:
      - The complete list of the names of hosts that belong to the app. The order does not matter.
    type: list
    elements: str
  ip_subnets:
    description:
      - The complete list of IPv4 prefixes that belong to the app. The order does not matter.
    type: list
    elements: str
  source_subnets:
    description:
      - The complete list of IPv4 prefixes from which the app is used. The order does not matter.
    type: list
    elements: str
seealso:
  - module: cloudflare.magic.app_info
  - module: cloudflare.magic.site
  - name: Cloudflare's API
    description: The requests that this module sends.
    link: https://developers.cloudflare.com/api/resources/magic_transit/subresources/apps/
"""

EXAMPLES = r"""
---
- name: Create an app
  cloudflare.magic.app:
    name: payroll
    type: Business
    hostnames:
      - payroll.example.com
    ip_subnets:
      - 192.0.2.0/24

- name: Change one field, and leave the others as they are
  cloudflare.magic.app:
    name: payroll
    hostnames:
      - payroll.example.com
      - hr.example.com

- name: Delete the app
  cloudflare.magic.app:
    name: payroll
    state: absent
"""

RETURN = r"""
app:
  description:
    - The app as it is now, as it was before its deletion, or, in check mode, as it would be.
    - Contains the API's own fields, and the simple fields that the API omits if they are empty or false.
  returned: success, unless the object was already absent with O(state=absent)
  type: dict
  contains:
    id:
      description:
        - The id of the app. For a new one in check mode, a text that later tasks of the same run can use as its id.
      returned: always
      type: str
      sample: c4a7362d577a6c3019a474fd6f485821
    name:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: str
    type:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: str
    hostnames:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: list
      elements: str
    ip_subnets:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: list
      elements: str
    source_subnets:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: list
      elements: str
    account_app_id:
      description:
        - The id, under the name that the API uses.
      returned: if Cloudflare returns it
      type: str
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
from ansible_collections.cloudflare.magic.plugins.module_utils._site_kinds import APP


def main() -> None:
    refuse(APP.options)


if __name__ == "__main__":
    main()
