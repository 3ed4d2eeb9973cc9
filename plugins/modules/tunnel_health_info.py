#!/usr/bin/python

# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: tunnel_health_info
short_description: Read the health of the tunnels of Cloudflare WAN or Magic Transit, or wait for it
version_added: 1.1.0
author:
  - The cloudflare.magic contributors (@cloudflare)
description:
  - Returns what Cloudflare's health checks report about IPsec tunnels, GRE tunnels and interconnects, from Cloudflare's GraphQL Analytics.
  - With O(wait_for), waits until they are healthy, and fails if that takes too long.
notes:
  - The API token also needs the permission C(Account Analytics Read) for the account.
  - Analytics data arrives with a delay, for which Cloudflare gives no guarantee. A tunnel that went down a moment ago may still be reported as
    healthy. C(checked_until) is the time up to which data was requested. To judge a change, use O(since) or O(wait_for), which leave out older data.
  - Cloudflare identifies the results of health checks by the name of the tunnel. Therefore, the state of a new or renamed tunnel is V(unknown) until
    the first check under its name. A tunnel whose health check is off stays V(unknown).
  - A query returns at most 10,000 rows, one for each tunnel and data center. If there are more rows, further queries are sent. Cloudflare allows 300
    queries in five minutes. If each check takes several queries, O(wait_for) checks less often than O(poll_interval) if necessary, so that it uses at
    most half of this limit.
extends_documentation_fragment:
  - cloudflare.magic.options
  - cloudflare.magic.options.reads
  - cloudflare.magic.attributes
  - cloudflare.magic.attributes.client
  - cloudflare.magic.attributes.reads
  - cloudflare.magic.attributes.actiongroup_all
options:
  names:
    description:
      - The names of tunnels and interconnects. Shell patterns with V(*), V(?) and V([...]) are allowed.
      - It is an error if a name or pattern matches nothing.
      - If not set, all tunnels and interconnects of the account are returned.
    type: list
    elements: str
  window:
    description:
      - How far back to look, as a whole number with a unit, such as V(5m), V(90s) or V(1h), or in seconds. The maximum is V(7d).
      - The result of a data center is the mean over this time, so with a longer window, it takes longer until a tunnel that recovered is reported as
        healthy. If the window is shorter than the delay of the data, there is no data in it, and the state is V(unknown).
    type: str
    default: 5m
  since:
    description:
      - A time such as V(2026-01-31T12:00:00Z), by Cloudflare's clock. Data from before this time is ignored, regardless of O(window). A time in the
        future is rejected.
      - Set it to the time of a change, such as C(last_generated_on) of a new key. With O(wait_for), the start of the task is used if this option is
        not set.
    type: str
  min_healthy_share:
    description:
      - A tunnel is healthy if at least this share of the data centers that have reported see it as healthy. Must be above V(0) and at most V(1).
    type: float
    default: 0.9
  wait_for:
    description:
      - With V(healthy), wait until all of the tunnels are healthy. Each change of their states is reported in a line on standard error.
      - Data arrives gradually, so a tunnel counts as healthy only when enough data centers have reported. Enough means at least half as many as had
        reported in the O(window) before the data that counts. The share O(min_healthy_share) of those that have reported must see the tunnel as healthy.
    type: str
    choices:
      - healthy
  wait_timeout:
    description:
      - How long to wait with O(wait_for), in the form of O(window). After that, the task fails, and its message and C(tunnels) contain the last
        states.
    type: str
    default: 5m
  poll_interval:
    description:
      - The time between two checks with O(wait_for), in the form of O(window). The minimum is V(1s).
    type: str
    default: 10s
seealso:
  - module: cloudflare.magic.ipsec_tunnel_info
  - module: cloudflare.magic.gre_tunnel_info
  - name: Tunnel health checks
    description: What Cloudflare checks, and how it uses the result.
    link: https://developers.cloudflare.com/magic-wan/reference/traffic-steering/
"""

EXAMPLES = r"""
---
- name: Read the health of all tunnels
  cloudflare.magic.tunnel_health_info:
  register: health

- name: Show the tunnels that are not healthy, or of which nothing is known
  ansible.builtin.debug:
    msg: "{{ health.tunnels | rejectattr('state', 'eq', 'healthy') | map(attribute='name') | list }}"

- name: Wait until the tunnels of Paris are healthy, by data from now on
  cloudflare.magic.tunnel_health_info:
    names:
      - paris-*
    wait_for: healthy
    wait_timeout: 10m
"""

RETURN = r"""
tunnels:
  description:
    - The tunnels by name, each once. If a wait timed out, their last states.
  returned: success, and if a wait timed out
  type: list
  elements: dict
  contains:
    name:
      description: The name of the tunnel or interconnect.
      returned: always
      type: str
      sample: paris-1
    state:
      description:
        - V(healthy) if at least O(min_healthy_share) of the data centers that have reported see it as healthy.
        - V(down) if it is not, and more than half of them see it as down.
        - V(degraded) if it is neither healthy nor down.
        - V(unknown) if none has reported, or with O(wait_for), if too few have reported so far.
      returned: always
      type: str
      sample: healthy
    healthy_share:
      description: Of the data centers that have reported, the share that sees the tunnel as healthy. Null if none has reported.
      returned: always
      type: float
      sample: 0.9966
    data_centers:
      description: The number of data centers that have reported.
      returned: always
      type: int
      sample: 298
    worst:
      description: The data centers with the worst view of the tunnel, at most five. Data centers that see it as healthy are not included.
      returned: always
      type: list
      elements: dict
      contains:
        data_center:
          description: Cloudflare's name of the data center.
          returned: always
          type: str
          sample: fra03
        state:
          description: Its view of the tunnel, V(degraded) or V(down), whichever is nearer to C(tunnel_state).
          returned: always
          type: str
          sample: down
        tunnel_state:
          description: The mean of what it has reported, where 1 is healthy, 0.5 is degraded and 0 is down.
          returned: always
          type: float
          sample: 0.25
    same_name:
      description:
        - How many tunnels and interconnects have this name. Cloudflare reports their health together, so if there are several, the state of each is not
          known, and there is a warning.
      returned: always
      type: int
      sample: 1
    checked_until:
      description:
        - The time up to which data was requested, by Cloudflare's clock. The latest data may not have been available yet.
      returned: always
      type: str
      sample: "2026-11-30T12:00:00Z"
failure:
  description: What is known about the failed request, in the same form as in M(cloudflare.magic.ipsec_psk).
  returned: failure, when a request was sent
  type: dict
"""

from ansible_collections.cloudflare.magic.plugins.module_utils._module import refuse
from ansible_collections.cloudflare.magic.plugins.module_utils._watch import OPTIONS


def main() -> None:
    refuse(OPTIONS)


if __name__ == "__main__":
    main()
