#!/usr/bin/python

# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mnm_config_info
short_description: Read the configuration of Magic Network Monitoring
version_added: 1.1.0
author:
  - The cloudflare.magic contributors (@cloudflare)
description:
  - Returns the configuration of Magic Network Monitoring, in a list that is empty if there is none.
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
  format:
    description:
      - The form in which configurations are returned.
    type: str
    choices:
      api: As the API describes them.
      options: >-
        As M(cloudflare.magic.mnm_config) accepts them as options. Contains only what can be set, without values that a new one has anyway.
    default: api
seealso:
  - module: cloudflare.magic.mnm_config
"""

EXAMPLES = r"""
---
- name: Read the configuration
  cloudflare.magic.mnm_config_info:
  register: monitoring

- name: Show the addresses of the routers
  ansible.builtin.debug:
    msg: "{{ monitoring.mnm_configs | map(attribute='router_ips') | flatten | join(', ') }}"
"""

RETURN = r"""
mnm_configs:
  description:
    - The configurations, with the API's own fields, and the simple fields that the API omits if they are empty or false.
    - With O(format=options), contains only the fields that can be set. Fields below that cannot be set are left out.
  returned: success
  type: list
  elements: dict
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
failure:
  description: What is known about the failed request, in the same form as in M(cloudflare.magic.ipsec_psk).
  returned: failure, when a request was sent
  type: dict
"""

from ansible_collections.cloudflare.magic.plugins.module_utils._module import refuse
from ansible_collections.cloudflare.magic.plugins.module_utils._other_kinds import MNM_CONFIG


def main() -> None:
    refuse(MNM_CONFIG.info_options)


if __name__ == "__main__":
    main()
