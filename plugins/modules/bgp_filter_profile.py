#!/usr/bin/python

# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bgp_filter_profile
short_description: Manage a BGP filter profile of Cloudflare WAN or Magic Transit
version_added: 1.1.0
author:
  - The cloudflare.magic contributors (@cloudflare)
description:
  - Creates, updates, renames and deletes the profiles that BGP sessions of Cloudflare WAN (formerly Magic WAN) or Magic Transit use to filter routes.
  - Tunnels and interconnects refer to a profile by name in the options C(import_filter) and C(export_filter) of C(bgp). Create the profile before
    them, and delete it after them. As long as a tunnel or an interconnect refers to a profile, a task that would delete the profile fails, and names
    them.
extends_documentation_fragment:
  - cloudflare.magic.options
  - cloudflare.magic.options.writes
  - cloudflare.magic.attributes
  - cloudflare.magic.attributes.client
  - cloudflare.magic.attributes.state_unchecked
  - cloudflare.magic.attributes.actiongroup_all
options:
  bgp_filter_profile_id:
    description:
      - The id of the filter profile. If it is set, a different O(name) renames the profile.
      - At least one of O(bgp_filter_profile_id) and O(name) is required.
    type: str
  name:
    description:
      - The name of the filter profile. Without O(bgp_filter_profile_id), the profile is found by its name, and it is an error if several profiles
        have this name.
    type: str
  description:
    description:
      - A free-text description.
    type: str
  match_action:
    description:
      - What happens to a route that matches one of O(targets). Required for a new profile.
    type: str
    choices:
      - allow
      - deny
  targets:
    description:
      - The prefixes that the profile applies to. Required for a new profile. The order does not matter.
      - A prefix alone matches only that prefix. With two lengths, such as V(10.0.0.0/8{16,24}), it matches all prefixes inside it whose lengths are
        in that range.
    type: list
    elements: str
seealso:
  - module: cloudflare.magic.bgp_filter_profile_info
  - module: cloudflare.magic.ipsec_tunnel
  - module: cloudflare.magic.gre_tunnel
  - module: cloudflare.magic.interconnect
  - name: Cloudflare's API
    description: The requests that this module sends.
    link: https://developers.cloudflare.com/api/resources/magic_transit/
"""

EXAMPLES = r"""
---
- name: Create a profile that accepts the networks of the branch offices, with prefix lengths up to /24
  cloudflare.magic.bgp_filter_profile:
    name: branches
    match_action: allow
    targets:
      - 10.64.0.0/12{16,24}
      - 192.168.0.0/16{24,24}

- name: Accept only these routes from a tunnel
  cloudflare.magic.ipsec_tunnel:
    name: paris-1
    bgp:
      customer_asn: 65010
      import_filter: branches

- name: Remove the filter from the tunnel
  cloudflare.magic.ipsec_tunnel:
    name: paris-1
    bgp:
      import_filter: ""

- name: Delete the profile
  cloudflare.magic.bgp_filter_profile:
    name: branches
    state: absent
"""

RETURN = r"""
bgp_filter_profile:
  description:
    - The BGP filter profile as it is now, as it was before its deletion, or, in check mode, as it would be.
    - Contains the API's own fields, and the simple fields that the API omits if they are empty or false.
  returned: success, unless the object was already absent with O(state=absent)
  type: dict
  contains:
    id:
      description:
        - The id of the BGP filter profile. For a new one in check mode, a text that later tasks of the same run can use as its id.
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

from ansible_collections.cloudflare.magic.plugins.module_utils._kinds import BGP_FILTER_PROFILE
from ansible_collections.cloudflare.magic.plugins.module_utils._module import refuse


def main() -> None:
    refuse(BGP_FILTER_PROFILE.options)


if __name__ == "__main__":
    main()
