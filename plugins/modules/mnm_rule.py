#!/usr/bin/python

# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mnm_rule
short_description: Manage a rule of Magic Network Monitoring
version_added: 1.1.0
author:
  - The cloudflare.magic contributors (@cloudflare)
description:
  - Creates, updates, renames and deletes rules of Magic Network Monitoring, which send notifications and can start Magic Transit.
  - >-
    An account needs a configuration before it can have rules. See M(cloudflare.magic.mnm_config).
extends_documentation_fragment:
  - cloudflare.magic.options
  - cloudflare.magic.options.writes_elsewhere
  - cloudflare.magic.attributes
  - cloudflare.magic.attributes.client
  - cloudflare.magic.attributes.state_unchecked
  - cloudflare.magic.attributes.actiongroup_all
notes:
  - Requests about network monitoring need the permission to edit it for the account, which is C(Magic Network Monitoring Config Write).
options:
  mnm_rule_id:
    description:
      - The id of the rule. If it is set, a different O(name) renames the rule.
      - At least one of O(mnm_rule_id) and O(name) is required.
    type: str
  name:
    description:
      - The name of the rule, with at most 256 characters out of A-Z, a-z, 0-9, C(_), C(-), C(.) and C(~). Without O(mnm_rule_id), the rule is found
        by its name.
    type: str
  type:
    description:
      - >-
        What the rule evaluates: thresholds, deviations from the usual level, or attacks that Cloudflare recognizes. Required for a new rule.
    type: str
    choices:
      - threshold
      - zscore
      - advanced_ddos
  automatic_advertisement:
    description:
      - Whether Cloudflare automatically announces the prefixes when the rule applies. B(This starts Magic Transit for them, and their traffic goes
        through Cloudflare.) Required for a new rule.
    type: bool
  prefixes:
    description:
      - The complete list of prefixes that the rule applies to. Required for a new rule. The order does not matter.
    type: list
    elements: str
  bandwidth_threshold:
    description:
      - For rules of the type V(threshold), the bits per second above which the rule applies.
    type: int
  packet_threshold:
    description:
      - For rules of the type V(threshold), the packets per second above which the rule applies.
    type: int
  duration:
    description:
      - How long the condition must last, one of V(1m), V(5m), V(10m), V(15m), V(20m), V(30m), V(45m) and V(60m). Other forms of the same duration,
        such as V(300s), are equivalent. For a new rule, Cloudflare chooses V(1m).
    type: str
  prefix_match:
    description:
      - For rules of the type V(advanced_ddos), which prefixes are announced.
    type: str
    choices:
      - exact
      - subnet
      - supernet
  zscore_sensitivity:
    description:
      - For rules of the type V(zscore), how sensitive the rule is to deviations.
    type: str
    choices:
      - low
      - medium
      - high
  zscore_target:
    description:
      - For rules of the type V(zscore), what is counted.
    type: str
    choices:
      - bits
      - packets
seealso:
  - module: cloudflare.magic.mnm_rule_info
  - module: cloudflare.magic.mnm_config
  - name: Cloudflare's API
    description: The requests that this module sends.
    link: https://developers.cloudflare.com/api/resources/magic_network_monitoring/subresources/rules/
"""

EXAMPLES = r"""
---
- name: Configure the monitoring
  cloudflare.magic.mnm_config:
    name: Example Corporation
    default_sampling: 1000

- name: Send a notification about a flood, and announce nothing
  cloudflare.magic.mnm_rule:
    name: flood
    type: threshold
    automatic_advertisement: false
    prefixes:
      - 203.0.113.0/24
    bandwidth_threshold: 1000000000
    duration: 5m

- name: Change one field, and leave the others as they are
  cloudflare.magic.mnm_rule:
    name: flood
    packet_threshold: 100000

- name: Delete the rule
  cloudflare.magic.mnm_rule:
    name: flood
    state: absent
"""

RETURN = r"""
mnm_rule:
  description:
    - The rule of network monitoring as it is now, as it was before its deletion, or, in check mode, as it would be.
    - Contains the API's own fields, and the simple fields that the API omits if they are empty or false.
  returned: success, unless the object was already absent with O(state=absent)
  type: dict
  contains:
    id:
      description:
        - The id of the rule of network monitoring. For a new one in check mode, a text that later tasks of the same run can use as its id.
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
from ansible_collections.cloudflare.magic.plugins.module_utils._other_kinds import MNM_RULE


def main() -> None:
    refuse(MNM_RULE.options)


if __name__ == "__main__":
    main()
