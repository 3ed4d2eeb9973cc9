#!/usr/bin/python

# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: redundancy_group
short_description: Manage a redundancy group of tunnels of Cloudflare WAN or Magic Transit
version_added: 1.1.0
author:
  - The cloudflare.magic contributors (@cloudflare)
description:
  - Creates, updates, renames and deletes redundancy groups of Cloudflare WAN (formerly Magic WAN) or Magic Transit. A group consists of IPsec tunnels,
    GRE tunnels and interconnects, which are given by name.
extends_documentation_fragment:
  - cloudflare.magic.options
  - cloudflare.magic.options.writes
  - cloudflare.magic.attributes
  - cloudflare.magic.attributes.client
  - cloudflare.magic.attributes.state_unchecked
  - cloudflare.magic.attributes.actiongroup_all
options:
  redundancy_group_id:
    description:
      - The id of the redundancy group. If it is set, a different O(name) renames the group.
      - At least one of O(redundancy_group_id) and O(name) is required.
    type: str
  name:
    description:
      - The name of the redundancy group. Without O(redundancy_group_id), the group is found by its name, and it is an error if several groups have
        this name.
    type: str
  description:
    description:
      - A free-text description.
    type: str
  members:
    description:
      - The members of the group. Lists that are not set keep their members, and an empty list removes them.
    type: dict
    suboptions:
      ipsec_tunnels:
        description:
          - The names or ids of IPsec tunnels. The order does not matter.
        type: list
        elements: str
      gre_tunnels:
        description:
          - The names or ids of GRE tunnels. The order does not matter.
        type: list
        elements: str
      interconnects:
        description:
          - The names or ids of interconnects. The order does not matter.
        type: list
        elements: str
notes:
  - An update sends the whole group, because Cloudflare replaces all members. If a group has members of a type that this version does not know, an
    update is rejected, because it would remove them.
seealso:
  - module: cloudflare.magic.redundancy_group_info
  - module: cloudflare.magic.ipsec_tunnel
  - module: cloudflare.magic.gre_tunnel
  - module: cloudflare.magic.interconnect
  - name: Cloudflare's API
    description: The requests that this module sends.
    link: https://developers.cloudflare.com/api/resources/magic_transit/
"""

EXAMPLES = r"""
---
- name: Create a group of both tunnels of a branch office
  cloudflare.magic.redundancy_group:
    name: paris
    members:
      ipsec_tunnels:
        - paris-1
        - paris-2

- name: Add an interconnect, and keep the tunnels
  cloudflare.magic.redundancy_group:
    name: paris
    members:
      interconnects:
        - frankfurt-1

- name: Delete the group
  cloudflare.magic.redundancy_group:
    name: paris
    state: absent
"""

RETURN = r"""
redundancy_group:
  description:
    - The redundancy group as it is now, as it was before its deletion, or, in check mode, as it would be.
    - Contains the API's own fields, and the simple fields that the API omits if they are empty or false.
  returned: success, unless the object was already absent with O(state=absent)
  type: dict
  contains:
    id:
      description:
        - The id of the redundancy group. For a new one in check mode, a text that later tasks of the same run can use as its id.
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
    members:
      description: The ids of the members, in the lists that the options of the module have. The API calls this C(member_data), and returns the whole
        objects.
      returned: if the group has members
      type: dict
      sample: {"ipsec_tunnels": ["c4a7362d577a6c3019a474fd6f485821"]}
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

from ansible_collections.cloudflare.magic.plugins.module_utils._kinds import REDUNDANCY_GROUP
from ansible_collections.cloudflare.magic.plugins.module_utils._module import refuse


def main() -> None:
    refuse(REDUNDANCY_GROUP.options)


if __name__ == "__main__":
    main()
