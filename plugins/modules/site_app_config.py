#!/usr/bin/python

# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: site_app_config
short_description: Manage what a site of Cloudflare WAN does with an app
version_added: 1.1.0
author:
  - The cloudflare.magic contributors (@cloudflare)
description:
  - Sends traffic of an app directly from a site of Cloudflare WAN (formerly Magic WAN) to the Internet, or gives it priority.
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
  site_app_config_id:
    description:
      - The id of the configuration.
      - One of O(site_app_config_id), O(app), O(account_app_id), O(managed_app) and O(managed_app_id) is required.
    type: str
  app:
    description:
      - The app of the account, by its name or id. It identifies the configuration, because a site has one for each app.
    type: str
  account_app_id:
    description:
      - The id of the app of the account, in place of O(app).
    type: str
  managed_app:
    description:
      - The app, by its name or id, if it is one of Cloudflare's own.
    type: str
  managed_app_id:
    description:
      - The id of Cloudflare's app, in place of O(managed_app).
    type: str
  breakout:
    description:
      - Whether traffic of the app goes directly to the Internet instead of through Cloudflare.
    type: bool
  preferred_wans:
    description:
      - The WANs over which the traffic goes directly to the Internet, by their names or ids, in order of preference. Only with O(breakout=true).
    type: list
    elements: str
  priority:
    description:
      - V(1) if traffic of the app has priority, V(0) if not.
    type: int
seealso:
  - module: cloudflare.magic.site_app_config_info
  - module: cloudflare.magic.app
  - module: cloudflare.magic.site
  - name: Cloudflare's API
    description: The requests that this module sends.
    link: https://developers.cloudflare.com/api/resources/magic_transit/subresources/sites/
"""

EXAMPLES = r"""
---
- name: Create an app
  cloudflare.magic.app:
    name: payroll
    type: Business
    hostnames:
      - payroll.example.com

- name: Create a site
  cloudflare.magic.site:
    name: lyon

- name: Create its WAN
  cloudflare.magic.site_wan:
    site: lyon
    name: fiber
    physport: 1

- name: Send the traffic of the app directly to the Internet
  cloudflare.magic.site_app_config:
    site: lyon
    app: payroll
    breakout: true
    preferred_wans:
      - fiber

- name: Send the traffic through Cloudflare again
  cloudflare.magic.site_app_config:
    site: lyon
    app: payroll
    state: absent
"""

RETURN = r"""
site_app_config:
  description:
    - The app configuration as it is now, as it was before its deletion, or, in check mode, as it would be.
    - Contains the API's own fields, and the simple fields that the API omits if they are empty or false.
  returned: success, unless the object was already absent with O(state=absent)
  type: dict
  contains:
    id:
      description:
        - The id of the app configuration. For a new one in check mode, a text that later tasks of the same run can use as its id.
      returned: always
      type: str
      sample: c4a7362d577a6c3019a474fd6f485821
    account_app_id:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: str
    managed_app_id:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: str
    breakout:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: bool
    preferred_wans:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: list
      elements: str
    priority:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: int
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
from ansible_collections.cloudflare.magic.plugins.module_utils._site_kinds import SITE_APP_CONFIG


def main() -> None:
    refuse(SITE_APP_CONFIG.options)


if __name__ == "__main__":
    main()
