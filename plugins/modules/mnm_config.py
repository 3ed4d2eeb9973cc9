#!/usr/bin/python

# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mnm_config
short_description: Manage the configuration of Magic Network Monitoring
version_added: 1.1.0
author:
  - The cloudflare.magic contributors (@cloudflare)
description:
  - >-
    Creates, updates and deletes the only configuration of an account for Magic Network Monitoring. Rules need it. See M(cloudflare.magic.mnm_rule).
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
  name:
    description:
      - A name for the account. Required if there is no configuration yet.
    type: str
  default_sampling:
    description:
      - The sampling rate to assume if a router does not report its own. A router reports one out of this number of packets. Required if there is no
        configuration yet.
    type: int
  router_ips:
    description:
      - The complete list of the addresses of routers that send flow data. The order does not matter.
    type: list
    elements: str
  warp_devices:
    description:
      - The complete list of devices with Cloudflare's WARP connector that forward flow data. The order does not matter.
    type: list
    elements: dict
    suboptions:
      id:
        description:
          - The id of the device. Required.
        type: str
      name:
        description:
          - The name of the device. Required.
        type: str
      router_ip:
        description:
          - The address of the router whose data the device forwards, as a prefix such as V(192.0.2.1/32). Required.
        type: str
seealso:
  - module: cloudflare.magic.mnm_config_info
  - module: cloudflare.magic.mnm_rule
  - name: Cloudflare's API
    description: The requests that this module sends.
    link: https://developers.cloudflare.com/api/resources/magic_network_monitoring/subresources/configs/
"""

EXAMPLES = r"""
---
- name: Monitor the traffic of two routers
  cloudflare.magic.mnm_config:
    name: Example Corporation
    default_sampling: 1000
    router_ips:
      - 203.0.113.9
      - 203.0.113.10

- name: Change one field, and leave the others as they are
  cloudflare.magic.mnm_config:
    default_sampling: 500

- name: Delete the configuration
  cloudflare.magic.mnm_config:
    state: absent
"""

RETURN = r"""
mnm_config:
  description:
    - The configuration of network monitoring as it is now, as it was before its deletion, or, in check mode, as it would be.
    - Contains the API's own fields, and the simple fields that the API omits if they are empty or false.
  returned: success, unless the object was already absent with O(state=absent)
  type: dict
  contains:
    name:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: str
    default_sampling:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: int
    router_ips:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: list
      elements: str
    warp_devices:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: list
      elements: dict
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
from ansible_collections.cloudflare.magic.plugins.module_utils._other_kinds import MNM_CONFIG


def main() -> None:
    refuse(MNM_CONFIG.options)


if __name__ == "__main__":
    main()
