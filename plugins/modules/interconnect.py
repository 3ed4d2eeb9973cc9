#!/usr/bin/python

# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: interconnect
short_description: Change an interconnect of Cloudflare WAN or Magic Transit
version_added: 1.1.0
author:
  - The cloudflare.magic contributors (@cloudflare)
description:
  - Updates and renames interconnects of Cloudflare WAN (formerly Magic WAN) or Magic Transit.
  - Cloudflare creates an interconnect together with the physical or virtual connection that it represents, and deletes it together with that
    connection. Therefore, O(state=absent) is an error, and so is the name of an interconnect that does not exist.
extends_documentation_fragment:
  - cloudflare.magic.options
  - cloudflare.magic.options.writes
  - cloudflare.magic.attributes
  - cloudflare.magic.attributes.client
  - cloudflare.magic.attributes.state
  - cloudflare.magic.attributes.actiongroup_all
options:
  interconnect_id:
    description:
      - The id of the interconnect. If it is set, a different O(name) renames the interconnect.
      - At least one of O(interconnect_id) and O(name) is required.
    type: str
  name:
    description:
      - The name of the interconnect. Without O(interconnect_id), the interconnect is found by its name, and it is an error if several interconnects
        have this name.
    type: str
  interface_address:
    description:
      - Cloudflare's IPv4 address inside the interconnect with the prefix length V(/31) or V(/30), from 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 or
        169.254.240.0/20. The customer's device has the other address.
      - Interconnects of version 1.5 accept only a V(/31), which can also be from the account's own prefixes.
    type: str
  interface_address6:
    description:
      - Cloudflare's IPv6 address inside the interconnect with its prefix length, usually V(/127).
    type: str
  description:
    description:
      - A free-text description.
    type: str
  gre:
    description:
      - The GRE tunnel of the interconnect. Interconnects of version 1.5 have none.
    type: dict
    suboptions:
      cloudflare_endpoint:
        description:
          - Cloudflare's address of the GRE tunnel.
        type: str
  health_check:
    description:
      - How Cloudflare checks whether the interconnect works. Options that are not set keep their values.
    type: dict
    suboptions:
      enabled:
        description:
          - Whether to run health checks.
        type: bool
      rate:
        description:
          - How often to run health checks.
        type: str
        choices:
          - low
          - mid
          - high
      type:
        description:
          - The type of probe to send, either an ICMP reply or an ICMP request.
        type: str
        choices:
          - reply
          - request
      direction:
        description:
          - Whether the response returns through the interconnect (V(bidirectional)) or through the Internet (V(unidirectional)).
        type: str
        choices:
          - unidirectional
          - bidirectional
      target:
        description:
          - The address to check. With an empty string, Cloudflare computes the address, which is the customer's address inside the interconnect.
          - Cloudflare ignores it if the direction is V(bidirectional). In this case, it is left out, and a warning is issued.
          - Either an address, or a dictionary with the key C(saved), as returned by the modules. The key C(effective) is ignored.
        type: raw
      source:
        description:
          - The address that Cloudflare sends health checks from. Only available for interconnects of version 1.5, which need it if the direction is
            V(bidirectional).
          - With V(unidirectional), there is no source address. In this case, the option is left out, and an existing address is removed.
        type: str
  mtu:
    description:
      - The maximum packet size in bytes, at least 576.
    type: int
  automatic_return_routing:
    description:
      - Whether traffic returns through the interconnect that it came from. Cloudflare must enable this for the account.
    type: bool
  bgp:
    description:
      - BGP with the customer's device over the interconnect. After it is set, it cannot be removed through Cloudflare's API.
    type: dict
    suboptions:
      customer_asn:
        description:
          - The autonomous system number of the customer's device. Required for BGP.
        type: int
      extra_prefixes:
        description:
          - Prefixes to announce to the device in addition to those of the account. The order does not matter.
        type: list
        elements: str
      md5_key:
        description:
          - The MD5 key of the session, which protects against misconfiguration. Cloudflare does not treat it as a secret. Both Cloudflare and the
            modules show it to anyone who can read the interconnect.
        type: str
      import_filter_id:
        description:
          - The id of a filter for the routes that Cloudflare accepts.
        type: str
      export_filter_id:
        description:
          - The id of a filter for the routes that Cloudflare announces.
        type: str
      import_filter:
        description:
          - The name of the filter for the routes that Cloudflare accepts, instead of O(bgp.import_filter_id). An empty string removes the filter.
        type: str
      export_filter:
        description:
          - The name of the filter for the routes that Cloudflare announces, instead of O(bgp.export_filter_id). An empty string removes the filter.
        type: str
seealso:
  - module: cloudflare.magic.interconnect_info
  - module: cloudflare.magic.network
  - module: cloudflare.magic.static_route
  - name: Cloudflare's API
    description: The requests that this module sends.
    link: https://developers.cloudflare.com/api/resources/magic_transit/subresources/cf_interconnects/
"""

EXAMPLES = r"""
---
- name: Change the inner address and the health check
  cloudflare.magic.interconnect:
    name: frankfurt-1
    interface_address: 10.213.0.40/31
    health_check:
      rate: high

- name: Run BGP with the device
  cloudflare.magic.interconnect:
    name: frankfurt-1
    bgp:
      customer_asn: 65030
      extra_prefixes:
        - 192.0.2.0/24
"""

RETURN = r"""
interconnect:
  description:
    - The interconnect as it is now, or, in check mode, as it would be.
    - Contains the API's own fields, and the simple fields that the API omits if they are empty or false.
  returned: success
  type: dict
  contains:
    id:
      description: The id of the interconnect.
      returned: always, except for a new one in check mode
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
validated:
  description: Whether Cloudflare accepted the request without carrying it out.
  returned: in check mode, when something would change
  type: bool
  sample: true
failure:
  description: What is known about the failed request, in the same form as in M(cloudflare.magic.ipsec_psk).
  returned: failure, when a request was sent
  type: dict
"""

from ansible_collections.cloudflare.magic.plugins.module_utils._kinds import INTERCONNECT
from ansible_collections.cloudflare.magic.plugins.module_utils._module import refuse


def main() -> None:
    refuse(INTERCONNECT.options)


if __name__ == "__main__":
    main()
