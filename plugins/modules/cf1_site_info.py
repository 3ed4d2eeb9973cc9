#!/usr/bin/python

# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cf1_site_info
short_description: Read the sites of Cloudflare One
version_added: 1.1.0
author:
  - The cloudflare.magic contributors (@cloudflare)
description:
  - Returns the sites of Cloudflare One as the API describes them.
extends_documentation_fragment:
  - cloudflare.magic.options
  - cloudflare.magic.options.reads
  - cloudflare.magic.attributes
  - cloudflare.magic.attributes.client
  - cloudflare.magic.attributes.reads
  - cloudflare.magic.attributes.actiongroup_all
options:
  cf1_site_id:
    description:
      - The id of the one site of Cloudflare One to return. It is an error if it does not exist.
      - Mutually exclusive with O(name).
    type: str
  name:
    description:
      - The name of the site of Cloudflare One to return. The list is empty if there is none.
    type: str
  format:
    description:
      - The form in which sites are returned.
    type: str
    choices:
      api: As the API describes them.
      options: >-
        As M(cloudflare.magic.cf1_site) accepts them as options. Contains only what can be set, without values that a new one has anyway. The id is
        included only if several have the same name.
    default: api
  ramps:
    description:
      - Whether to return the ramps of each site as well, which are the tunnels, interconnects and connectors through which it is reached. This costs one
        request for each site.
      - With O(format=options), a ramp is left out, with a warning, if Cloudflare does not show what it leads to.
    type: bool
    default: false
seealso:
  - module: cloudflare.magic.cf1_site
"""

EXAMPLES = r"""
---
- name: Read all sites of Cloudflare One
  cloudflare.magic.cf1_site_info:
  register: account

- name: Show the names of the sites
  ansible.builtin.debug:
    msg: "{{ account.cf1_sites | map(attribute='name') | join(', ') }}"

- name: Read one site with its ramps
  cloudflare.magic.cf1_site_info:
    name: lyon
    ramps: true

- name: Read all sites with their ramps, as options
  cloudflare.magic.cf1_site_info:
    ramps: true
    format: options
"""

RETURN = r"""
cf1_sites:
  description:
    - The sites, with the API's own fields, and the simple fields that the API omits if they are empty or false.
    - With O(format=options), contains only the fields that can be set. Fields below that cannot be set are left out.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: The id of the site of Cloudflare One.
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
        - The ramps of the site, as the API describes them. It names what a ramp leads to only in a URL, C(managed_by), which can be missing.
        - With O(format=options), as M(cloudflare.magic.cf1_site) accepts them.
      returned: with O(ramps=true)
      type: list
      elements: dict
failure:
  description: What is known about the failed request, in the same form as in M(cloudflare.magic.ipsec_psk).
  returned: failure, when a request was sent
  type: dict
"""

from ansible_collections.cloudflare.magic.plugins.module_utils._cf1_kinds import CF1_SITE
from ansible_collections.cloudflare.magic.plugins.module_utils._module import refuse


def main() -> None:
    refuse(CF1_SITE.info_options)


if __name__ == "__main__":
    main()
