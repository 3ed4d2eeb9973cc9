#!/usr/bin/python

# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: site_app_config_info
short_description: Read what a site of Cloudflare WAN does with apps
version_added: 1.1.0
author:
  - The cloudflare.magic contributors (@cloudflare)
description:
  - Returns what a site of Cloudflare WAN (formerly Magic WAN) does with apps, as the API describes it.
extends_documentation_fragment:
  - cloudflare.magic.options
  - cloudflare.magic.options.reads
  - cloudflare.magic.attributes
  - cloudflare.magic.attributes.client
  - cloudflare.magic.attributes.reads
  - cloudflare.magic.attributes.actiongroup_all
options:
  site:
    description:
      - The site whose configurations to return, by its name or id.
    type: str
    required: true
  site_app_config_id:
    description:
      - The id of the one app configuration to return. It is an error if it does not exist.
      - Mutually exclusive with O(account_app_id) and O(managed_app_id).
    type: str
  account_app_id:
    description:
      - The app's id of the app configuration to return. The list is empty if there is none.
    type: str
  managed_app_id:
    description:
      - The id of Cloudflare's app of the app configuration to return. The list is empty if there is none.
    type: str
  app:
    description:
      - The name of the app of the app configuration to return. The list is empty if there is none.
    type: str
  managed_app:
    description:
      - The name of Cloudflare's app of the app configuration to return. The list is empty if there is none.
    type: str
  format:
    description:
      - The form in which configurations are returned.
    type: str
    choices:
      api: As the API describes them.
      options: >-
        As M(cloudflare.magic.site_app_config) accepts them as options. Contains only what can be set, without values that a new one has anyway. The
        id is included only if several have the same name.
    default: api
seealso:
  - module: cloudflare.magic.site_app_config
"""

EXAMPLES = r"""
---
- name: Create a site
  cloudflare.magic.site:
    name: lyon

- name: Read the app configurations of the site
  cloudflare.magic.site_app_config_info:
    site: lyon
  register: lyon
"""

RETURN = r"""
site_app_configs:
  description:
    - The configurations, with the API's own fields, and the simple fields that the API omits if they are empty or false.
    - With O(format=options), contains only the fields that can be set. Fields below that cannot be set are left out.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: The id of the app configuration.
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
failure:
  description: What is known about the failed request, in the same form as in M(cloudflare.magic.ipsec_psk).
  returned: failure, when a request was sent
  type: dict
"""

from ansible_collections.cloudflare.magic.plugins.module_utils._module import refuse
from ansible_collections.cloudflare.magic.plugins.module_utils._site_kinds import SITE_APP_CONFIG


def main() -> None:
    refuse(SITE_APP_CONFIG.info_options)


if __name__ == "__main__":
    main()
