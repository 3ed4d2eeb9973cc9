#!/usr/bin/python

# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: site_netflow
short_description: Manage the NetFlow configuration of a site of Cloudflare WAN
version_added: 1.1.0
author:
  - The cloudflare.magic contributors (@cloudflare)
description:
  - Configures the connector of a site of Cloudflare WAN (formerly Magic WAN) to report its traffic to a NetFlow collector. A site has at most one
    such configuration.
extends_documentation_fragment:
  - cloudflare.magic.options
  - cloudflare.magic.options.writes
  - cloudflare.magic.attributes
  - cloudflare.magic.attributes.client
  - cloudflare.magic.attributes.state_unchecked
  - cloudflare.magic.attributes.actiongroup_all
options:
  site:
    description:
      - The site, by its name or id.
    type: str
    required: true
  collector_ip:
    description:
      - The IPv4 address of the collector. Required if the site has no configuration yet.
    type: str
  collector_port:
    description:
      - The UDP port of the collector.
    type: int
  sampling_rate:
    description:
      - One out of this number of packets is counted. V(1) means every packet.
    type: int
  active_timeout:
    description:
      - The number of seconds after which a connection that is still active is reported.
    type: int
  inactive_timeout:
    description:
      - The number of seconds without a packet after which a connection is reported.
    type: int
seealso:
  - module: cloudflare.magic.site_netflow_info
  - module: cloudflare.magic.site
  - name: Cloudflare's API
    description: The requests that this module sends.
    link: https://developers.cloudflare.com/api/resources/magic_transit/subresources/sites/
"""

EXAMPLES = r"""
---
- name: Create a site
  cloudflare.magic.site:
    name: lyon

- name: Report the traffic of the site to a collector
  cloudflare.magic.site_netflow:
    site: lyon
    collector_ip: 192.168.20.5
    collector_port: 2055
    sampling_rate: 100

- name: Stop the reports
  cloudflare.magic.site_netflow:
    site: lyon
    state: absent
"""

RETURN = r"""
site_netflow:
  description:
    - The NetFlow configuration as it is now, as it was before its deletion, or, in check mode, as it would be.
    - Contains the API's own fields, and the simple fields that the API omits if they are empty or false.
  returned: success, unless the object was already absent with O(state=absent)
  type: dict
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
from ansible_collections.cloudflare.magic.plugins.module_utils._site_kinds import SITE_NETFLOW


def main() -> None:
    refuse(SITE_NETFLOW.options)


if __name__ == "__main__":
    main()
