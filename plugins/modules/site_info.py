#!/usr/bin/python

# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: site_info
short_description: Read the sites of Cloudflare WAN
version_added: 1.1.0
author:
  - The cloudflare.magic contributors (@cloudflare)
description:
  - Returns the sites of Cloudflare WAN (formerly Magic WAN) as the API describes them.
extends_documentation_fragment:
  - cloudflare.magic.options
  - cloudflare.magic.options.reads
  - cloudflare.magic.attributes
  - cloudflare.magic.attributes.client
  - cloudflare.magic.attributes.reads
  - cloudflare.magic.attributes.actiongroup_all
notes:
  - When the connector of a site comes up, Cloudflare automatically creates an IPsec tunnel for each WAN and static routes for the LANs. You do not
    have to name them in any design or task.
options:
  site_id:
    description:
      - The id of the one site to return. It is an error if it does not exist.
      - Mutually exclusive with O(name).
    type: str
  name:
    description:
      - The name of the site to return. The list is empty if there is none.
    type: str
  format:
    description:
      - The form in which sites are returned.
    type: str
    choices:
      api: As the API describes them.
      options: >-
        As M(cloudflare.magic.site) accepts them as options. Contains only what can be set, without values that a new one has anyway. The id is
        included only if several have the same name.
    default: api
seealso:
  - module: cloudflare.magic.site
"""

EXAMPLES = r"""
---
- name: Read all sites
  cloudflare.magic.site_info:
  register: account

- name: Show the names of the sites
  ansible.builtin.debug:
    msg: "{{ account.sites | map(attribute='name') | join(', ') }}"
"""

RETURN = r"""
sites:
  description:
    - The sites, with the API's own fields, and the simple fields that the API omits if they are empty or false.
    - With O(format=options), contains only the fields that can be set. Fields below that cannot be set are left out.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: The id of the site.
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
failure:
  description: What is known about the failed request, in the same form as in M(cloudflare.magic.ipsec_psk).
  returned: failure, when a request was sent
  type: dict
"""

from ansible_collections.cloudflare.magic.plugins.module_utils._module import refuse
from ansible_collections.cloudflare.magic.plugins.module_utils._site_kinds import SITE


def main() -> None:
    refuse(SITE.info_options)


if __name__ == "__main__":
    main()
