#!/usr/bin/python

# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bgp_filter_profile_info
short_description: Read the BGP filter profiles of Cloudflare WAN or Magic Transit
version_added: 1.1.0
author:
  - The cloudflare.magic contributors (@cloudflare)
description:
  - Returns the BGP filter profiles of Cloudflare WAN (formerly Magic WAN) or Magic Transit as the API describes them.
extends_documentation_fragment:
  - cloudflare.magic.options
  - cloudflare.magic.options.reads
  - cloudflare.magic.attributes
  - cloudflare.magic.attributes.client
  - cloudflare.magic.attributes.reads
  - cloudflare.magic.attributes.actiongroup_all
options:
  bgp_filter_profile_id:
    description:
      - The id of the one BGP filter profile to return. It is an error if it does not exist.
      - Mutually exclusive with O(name).
    type: str
  name:
    description:
      - The name of the BGP filter profile to return. The list is empty if there is none.
    type: str
  format:
    description:
      - The form in which BGP filter profiles are returned.
    type: str
    choices:
      api: As the API describes them.
      options: >-
        As M(cloudflare.magic.bgp_filter_profile) accepts them as options. Contains only what can be set, without values that a new one has anyway.
        The id is included only if several have the same name.
    default: api
seealso:
  - module: cloudflare.magic.bgp_filter_profile
"""

EXAMPLES = r"""
---
- name: Read all BGP filter profiles
  cloudflare.magic.bgp_filter_profile_info:
  register: account

- name: Show the names of the profiles
  ansible.builtin.debug:
    msg: "{{ account.bgp_filter_profiles | map(attribute='name') | join(', ') }}"
"""

RETURN = r"""
bgp_filter_profiles:
  description:
    - The BGP filter profiles, with the API's own fields, and the simple fields that the API omits if they are empty or false.
    - With O(format=options), contains only the fields that can be set. Fields below that cannot be set are left out.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: The id of the BGP filter profile.
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
    match_action:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: str
    targets:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: list
      elements: str
failure:
  description: What is known about the failed request, in the same form as in M(cloudflare.magic.ipsec_psk).
  returned: failure, when a request was sent
  type: dict
"""

from ansible_collections.cloudflare.magic.plugins.module_utils._kinds import BGP_FILTER_PROFILE
from ansible_collections.cloudflare.magic.plugins.module_utils._module import refuse


def main() -> None:
    refuse(BGP_FILTER_PROFILE.info_options)


if __name__ == "__main__":
    main()
