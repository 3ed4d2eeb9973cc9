#!/usr/bin/python

# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: site_lan_info
short_description: Read the LANs of a site of Cloudflare WAN
version_added: 1.1.0
author:
  - The cloudflare.magic contributors (@cloudflare)
description:
  - Returns the LANs of a site of Cloudflare WAN (formerly Magic WAN) as the API describes them.
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
      - The site whose LANs to return, by its name or id.
    type: str
    required: true
  site_lan_id:
    description:
      - The id of the one LAN to return. It is an error if it does not exist.
      - Mutually exclusive with O(name).
    type: str
  name:
    description:
      - The name of the LAN to return. The list is empty if there is none.
    type: str
  format:
    description:
      - The form in which LANs are returned.
    type: str
    choices:
      api: As the API describes them.
      options: >-
        As M(cloudflare.magic.site_lan) accepts them as options. Contains only what can be set, without values that a new one has anyway. The id is
        included only if several have the same name.
    default: api
seealso:
  - module: cloudflare.magic.site_lan
"""

EXAMPLES = r"""
---
- name: Create a site
  cloudflare.magic.site:
    name: lyon

- name: Read its LANs
  cloudflare.magic.site_lan_info:
    site: lyon
  register: lyon

- name: Show the names of the LANs
  ansible.builtin.debug:
    msg: "{{ lyon.site_lans | map(attribute='name') | join(', ') }}"
"""

RETURN = r"""
site_lans:
  description:
    - The LANs, with the API's own fields, and the simple fields that the API omits if they are empty or false.
    - With O(format=options), contains only the fields that can be set. Fields below that cannot be set are left out.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: The id of the LAN.
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
failure:
  description: What is known about the failed request, in the same form as in M(cloudflare.magic.ipsec_psk).
  returned: failure, when a request was sent
  type: dict
"""

from ansible_collections.cloudflare.magic.plugins.module_utils._module import refuse
from ansible_collections.cloudflare.magic.plugins.module_utils._site_kinds import SITE_LAN


def main() -> None:
    refuse(SITE_LAN.info_options)


if __name__ == "__main__":
    main()
