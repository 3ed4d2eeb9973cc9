#!/usr/bin/python

# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: interconnect_info
short_description: Read the interconnects of Cloudflare WAN or Magic Transit
version_added: 1.1.0
author:
  - The cloudflare.magic contributors (@cloudflare)
description:
  - Returns the interconnects of Cloudflare WAN (formerly Magic WAN) or Magic Transit as the API describes them.
extends_documentation_fragment:
  - cloudflare.magic.options
  - cloudflare.magic.options.reads
  - cloudflare.magic.attributes
  - cloudflare.magic.attributes.client
  - cloudflare.magic.attributes.reads
  - cloudflare.magic.attributes.actiongroup_all
options:
  interconnect_id:
    description:
      - The id of the one interconnect to return. It is an error if it does not exist.
      - Mutually exclusive with O(name).
    type: str
  name:
    description:
      - The name of the interconnect to return. The list is empty if there is none.
    type: str
  format:
    description:
      - The form in which interconnects are returned.
    type: str
    choices:
      api: As the API describes them.
      options: >-
        As M(cloudflare.magic.interconnect) accepts them as options. Contains only what can be set, without values that a new one has anyway. The id
        is included only if several have the same name.
    default: api
seealso:
  - module: cloudflare.magic.interconnect
"""

EXAMPLES = r"""
---
- name: Read all interconnects
  cloudflare.magic.interconnect_info:
  register: account

- name: Show the names of the interconnects
  ansible.builtin.debug:
    msg: "{{ account.interconnects | map(attribute='name') | join(', ') }}"
"""

RETURN = r"""
interconnects:
  description:
    - The interconnects, with the API's own fields, and the simple fields that the API omits if they are empty or false.
    - With O(format=options), contains only the fields that can be set. Fields below that cannot be set are left out.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: The id of the interconnect.
      returned: always
      type: str
      sample: c4a7362d577a6c3019a474fd6f485821
    name:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: str
    interface_address:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: str
    interface_address6:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: str
    description:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: str
    gre:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: dict
    health_check:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: dict
    mtu:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: int
    automatic_return_routing:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: bool
    bgp:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: dict
    customer_address:
      description:
        - The customer's IPv4 address inside the interconnect, which is the other address in the network of C(interface_address).
      returned: if Cloudflare returns it
      type: str
    colo_name:
      description:
        - The data center of the interconnect.
      returned: if Cloudflare returns it
      type: str
    version:
      description:
        - The version of the interconnect, which is V(1), V(1.5) or V(2). It cannot be changed.
      returned: if Cloudflare returns it
      type: str
    virtual_port_reservation_id:
      description: The id of the reservation that connects an interconnect of version V(2) with its virtual port. It cannot be changed.
      returned: if Cloudflare returns it
      type: str
failure:
  description: What is known about the failed request, in the same form as in M(cloudflare.magic.ipsec_psk).
  returned: failure, when a request was sent
  type: dict
"""

from ansible_collections.cloudflare.magic.plugins.module_utils._kinds import INTERCONNECT
from ansible_collections.cloudflare.magic.plugins.module_utils._module import refuse


def main() -> None:
    refuse(INTERCONNECT.info_options)


if __name__ == "__main__":
    main()
