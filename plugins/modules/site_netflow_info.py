#!/usr/bin/python

# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: site_netflow_info
short_description: Read the NetFlow configuration of a site of Cloudflare WAN
version_added: 1.1.0
author:
  - The cloudflare.magic contributors (@cloudflare)
description:
  - Returns the NetFlow configuration of a site of Cloudflare WAN (formerly Magic WAN), in a list that is empty if there is none.
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
      - The site whose NetFlow configuration to return, by its name or id.
    type: str
    required: true
  format:
    description:
      - The form in which NetFlow configurations are returned.
    type: str
    choices:
      api: As the API describes them.
      options: >-
        As M(cloudflare.magic.site_netflow) accepts them as options. Contains only what can be set, without values that a new one has anyway.
    default: api
seealso:
  - module: cloudflare.magic.site_netflow
"""

EXAMPLES = r"""
---
- name: Create a site
  cloudflare.magic.site:
    name: lyon

- name: Read the NetFlow configuration of the site
  cloudflare.magic.site_netflow_info:
    site: lyon
  register: lyon
"""

RETURN = r"""
site_netflows:
  description:
    - The NetFlow configurations, with the API's own fields, and the simple fields that the API omits if they are empty or false.
    - With O(format=options), contains only the fields that can be set. Fields below that cannot be set are left out.
  returned: success
  type: list
  elements: dict
  contains:
    collector_ip:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: str
    collector_port:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: int
    sampling_rate:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: int
    active_timeout:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: int
    inactive_timeout:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: int
failure:
  description: What is known about the failed request, in the same form as in M(cloudflare.magic.ipsec_psk).
  returned: failure, when a request was sent
  type: dict
"""

from ansible_collections.cloudflare.magic.plugins.module_utils._module import refuse
from ansible_collections.cloudflare.magic.plugins.module_utils._site_kinds import SITE_NETFLOW


def main() -> None:
    refuse(SITE_NETFLOW.info_options)


if __name__ == "__main__":
    main()
