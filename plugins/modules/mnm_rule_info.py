#!/usr/bin/python

# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mnm_rule_info
short_description: Read the rules of Magic Network Monitoring
version_added: 1.1.0
author:
  - The cloudflare.magic contributors (@cloudflare)
description:
  - Returns the rules of Magic Network Monitoring as the API describes them.
extends_documentation_fragment:
  - cloudflare.magic.options
  - cloudflare.magic.options.reads_elsewhere
  - cloudflare.magic.attributes
  - cloudflare.magic.attributes.client
  - cloudflare.magic.attributes.reads
  - cloudflare.magic.attributes.actiongroup_all
notes:
  - Requests about network monitoring need the permission to edit it for the account, which is C(Magic Network Monitoring Config Write).
options:
  mnm_rule_id:
    description:
      - The id of the one rule of network monitoring to return. It is an error if it does not exist.
      - Mutually exclusive with O(name).
    type: str
  name:
    description:
      - The name of the rule of network monitoring to return. The list is empty if there is none.
    type: str
  format:
    description:
      - The form in which rules are returned.
    type: str
    choices:
      api: As the API describes them.
      options: >-
        As M(cloudflare.magic.mnm_rule) accepts them as options. Contains only what can be set, without values that a new one has anyway. The id is
        included only if several have the same name.
    default: api
seealso:
  - module: cloudflare.magic.mnm_rule
"""

EXAMPLES = r"""
---
- name: Configure the monitoring
  cloudflare.magic.mnm_config:
    name: Example Corporation
    default_sampling: 1000

- name: Read all rules
  cloudflare.magic.mnm_rule_info:
  register: monitoring

- name: Show the rules that start Magic Transit
  ansible.builtin.debug:
    msg: "{{ monitoring.mnm_rules | selectattr('automatic_advertisement') | map(attribute='name') | join(', ') }}"
"""

RETURN = r"""
mnm_rules:
  description:
    - The rules, with the API's own fields, and the simple fields that the API omits if they are empty or false.
    - With O(format=options), contains only the fields that can be set. Fields below that cannot be set are left out.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: The id of the rule of network monitoring.
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
    automatic_advertisement:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: bool
    prefixes:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: list
      elements: str
    bandwidth_threshold:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: int
    packet_threshold:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: int
    duration:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: str
    prefix_match:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: str
    zscore_sensitivity:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: str
    zscore_target:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: str
failure:
  description: What is known about the failed request, in the same form as in M(cloudflare.magic.ipsec_psk).
  returned: failure, when a request was sent
  type: dict
"""

from ansible_collections.cloudflare.magic.plugins.module_utils._module import refuse
from ansible_collections.cloudflare.magic.plugins.module_utils._other_kinds import MNM_RULE


def main() -> None:
    refuse(MNM_RULE.info_options)


if __name__ == "__main__":
    main()
