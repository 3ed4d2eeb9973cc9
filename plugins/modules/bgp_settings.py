#!/usr/bin/python

# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bgp_settings
short_description: Change the BGP settings of an account of Cloudflare WAN
version_added: 1.1.0
author:
  - The cloudflare.magic contributors (@cloudflare)
description:
  - Updates the BGP settings of an account of Cloudflare WAN (formerly Magic WAN). These settings cannot be created or deleted, so O(state=absent) is
    an error.
extends_documentation_fragment:
  - cloudflare.magic.options
  - cloudflare.magic.options.writes
  - cloudflare.magic.attributes
  - cloudflare.magic.attributes.client
  - cloudflare.magic.attributes.state_unchecked
  - cloudflare.magic.attributes.actiongroup_all
options:
  cloudflare_asn:
    description:
      - The autonomous system number that Cloudflare uses in BGP sessions with the account's devices.
    type: int
  redistribute_static_wan:
    description:
      - Whether static routes are also announced over BGP. The API calls this C(redistribute) with C(static:wan).
    type: bool
seealso:
  - module: cloudflare.magic.bgp_settings_info
  - module: cloudflare.magic.bgp_filter_profile
  - name: Cloudflare's API
    description: The requests that this module sends.
    link: https://developers.cloudflare.com/api/resources/magic_transit/
"""

EXAMPLES = r"""
---
- name: Let Cloudflare announce static routes
  cloudflare.magic.bgp_settings:
    redistribute_static_wan: true
"""

RETURN = r"""
bgp_settings:
  description:
    - The BGP settings as they are now, or, in check mode, as they would be.
    - Contains the API's own fields, and the simple fields that the API omits if they are empty or false.
  returned: success
  type: dict
  contains:
    cloudflare_asn:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: int
    redistribute_static_wan:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: bool
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
from ansible_collections.cloudflare.magic.plugins.module_utils._other_kinds import BGP_SETTINGS


def main() -> None:
    refuse(BGP_SETTINGS.options)


if __name__ == "__main__":
    main()
