#!/usr/bin/python

# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bgp_settings_info
short_description: Read the BGP settings of an account of Cloudflare WAN
version_added: 1.1.0
author:
  - The cloudflare.magic contributors (@cloudflare)
description:
  - Returns the BGP settings of an account of Cloudflare WAN (formerly Magic WAN), in a list with one entry.
extends_documentation_fragment:
  - cloudflare.magic.options
  - cloudflare.magic.options.reads
  - cloudflare.magic.attributes
  - cloudflare.magic.attributes.client
  - cloudflare.magic.attributes.reads
  - cloudflare.magic.attributes.actiongroup_all
options:
  format:
    description:
      - The form in which settings are returned.
    type: str
    choices:
      api: As the API describes them.
      options: >-
        As M(cloudflare.magic.bgp_settings) accepts them as options. Contains only what can be set, without values that a new one has anyway.
    default: api
seealso:
  - module: cloudflare.magic.bgp_settings
"""

EXAMPLES = r"""
---
- name: Read the BGP settings
  cloudflare.magic.bgp_settings_info:
  register: account

- name: Show the autonomous system number that Cloudflare uses
  ansible.builtin.debug:
    msg: "{{ account.bgp_settings[0].cloudflare_asn }}"
"""

RETURN = r"""
bgp_settings:
  description:
    - The settings, with the API's own fields, and the simple fields that the API omits if they are empty or false.
    - With O(format=options), contains only the fields that can be set. Fields below that cannot be set are left out.
  returned: success
  type: list
  elements: dict
  contains:
    cloudflare_asn:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: int
    redistribute_static_wan:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: bool
failure:
  description: What is known about the failed request, in the same form as in M(cloudflare.magic.ipsec_psk).
  returned: failure, when a request was sent
  type: dict
"""

from ansible_collections.cloudflare.magic.plugins.module_utils._module import refuse
from ansible_collections.cloudflare.magic.plugins.module_utils._other_kinds import BGP_SETTINGS


def main() -> None:
    refuse(BGP_SETTINGS.info_options)


if __name__ == "__main__":
    main()
