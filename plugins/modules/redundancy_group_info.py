#!/usr/bin/python

# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: redundancy_group_info
short_description: Read the redundancy groups of Cloudflare WAN or Magic Transit
version_added: 1.1.0
author:
  - The cloudflare.magic contributors (@cloudflare)
description:
  - Returns the redundancy groups of Cloudflare WAN (formerly Magic WAN) or Magic Transit as the API describes them.
extends_documentation_fragment:
  - cloudflare.magic.options
  - cloudflare.magic.options.reads
  - cloudflare.magic.attributes
  - cloudflare.magic.attributes.client
  - cloudflare.magic.attributes.reads
  - cloudflare.magic.attributes.actiongroup_all
options:
  redundancy_group_id:
    description:
      - The id of the redundancy group to return. It is an error if it does not exist.
      - Mutually exclusive with O(name).
    type: str
  name:
    description:
      - The name of the redundancy groups to return. The list is empty if no group has this name.
    type: str
  format:
    description:
      - The form in which redundancy groups are returned.
    type: str
    choices:
      api: As the API describes them.
      options: >-
        As M(cloudflare.magic.redundancy_group) accepts them as options. Contains only what can be set, without values that a new one has anyway.
        The id is included only if several have the same name.
    default: api
seealso:
  - module: cloudflare.magic.redundancy_group
"""

EXAMPLES = r"""
---
- name: Read all redundancy groups
  cloudflare.magic.redundancy_group_info:
  register: account

- name: Show the names of the groups
  ansible.builtin.debug:
    msg: "{{ account.redundancy_groups | map(attribute='name') | join(', ') }}"
"""

RETURN = r"""
redundancy_groups:
  description:
    - The redundancy groups, with the API's own fields, and the simple fields that the API omits if they are empty or false.
    - With O(format=options), contains only the fields that can be set. Fields below that cannot be set are left out.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: The id of the redundancy group.
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
failure:
  description: What is known about the failed request, in the same form as in M(cloudflare.magic.ipsec_psk).
  returned: failure, when a request was sent
  type: dict
"""

from ansible_collections.cloudflare.magic.plugins.module_utils._kinds import REDUNDANCY_GROUP
from ansible_collections.cloudflare.magic.plugins.module_utils._module import refuse


def main() -> None:
    refuse(REDUNDANCY_GROUP.info_options)


if __name__ == "__main__":
    main()
