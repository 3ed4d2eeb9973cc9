#!/usr/bin/python

# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: connector_info
short_description: Read the connectors of Cloudflare WAN
version_added: 1.1.0
author:
  - The cloudflare.magic contributors (@cloudflare)
description:
  - Returns the connectors of Cloudflare WAN (formerly Magic WAN) as the API describes them, without their license keys.
extends_documentation_fragment:
  - cloudflare.magic.options
  - cloudflare.magic.options.reads_elsewhere
  - cloudflare.magic.attributes
  - cloudflare.magic.attributes.client
  - cloudflare.magic.attributes.reads
  - cloudflare.magic.attributes.actiongroup_all
notes:
  - Cloudflare includes the license key of a connector in every response about it. The key is a secret, so no result, message or log of this
    module ever contains it. To deliver the license key, or to create a new one, use M(cloudflare.magic.connector_license).
  - Requests that change connectors need the permission C(Magic WAN Write), and requests that read them need C(Magic WAN Read). Permissions for Magic
    Transit are not enough.
options:
  connector_id:
    description:
      - The id of the one connector to return. It is an error if it does not exist.
      - Mutually exclusive with O(serial_number) and O(device_id).
    type: str
  serial_number:
    description:
      - The serial number of the connector to return. The list is empty if there is none.
    type: str
  device_id:
    description:
      - The device id of the connector to return. The list is empty if there is none.
    type: str
  telemetry:
    description:
      - Whether to return the latest snapshot of each connector as C(telemetry). This requires one request for each connector.
    type: bool
    default: false
  events_since:
    description:
      - How far back to return the events of each connector as C(events), as a whole number with a unit, such as V(45m), V(12h) or V(7d). This
        requires one request for each connector, or several if there are many events.
    type: str
  format:
    description:
      - The form in which connectors are returned.
    type: str
    choices:
      api: As the API describes them.
      options: >-
        As M(cloudflare.magic.connector) accepts them as options. Contains only what can be set, without values that a new one has anyway. The id is
        included only if several have the same name.
    default: api
seealso:
  - module: cloudflare.magic.connector
"""

EXAMPLES = r"""
---
- name: Read all connectors
  cloudflare.magic.connector_info:
  register: account

- name: Read the telemetry of one connector, and its events of the last day
  cloudflare.magic.connector_info:
    serial_number: EMU-0001
    telemetry: true
    events_since: 1d

- name: Show the connectors that have sent a heartbeat, and their versions
  ansible.builtin.debug:
    msg: "{{ heard | map(attribute='serial_number') | join(', ') }}"
  vars:
    heard: "{{ account.connectors | selectattr('last_heartbeat', 'defined') | list }}"
"""

RETURN = r"""
connectors:
  description:
    - The connectors, with the API's own fields, and the simple fields that the API omits if they are empty or false.
    - With O(format=options), contains only the fields that can be set. Fields below that cannot be set are left out.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: The id of the connector.
      returned: always
      type: str
      sample: c4a7362d577a6c3019a474fd6f485821
    serial_number:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: str
    device_id:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: str
    activated:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: bool
    notes:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: str
    timezone:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: str
    interrupt_window_days_of_week:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: list
      elements: str
    interrupt_window_hour_of_day:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: int
    interrupt_window_duration_hours:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: int
    interrupt_window_embargo_dates:
      description: As in the options of the module.
      returned: if Cloudflare returns it
      type: list
      elements: str
    last_heartbeat:
      description:
        - When Cloudflare last heard from the device.
      returned: if Cloudflare returns it
      type: str
    last_seen_version:
      description:
        - The software version of the device at that time.
      returned: if Cloudflare returns it
      type: str
    last_updated:
      description:
        - When the registration was last changed.
      returned: if Cloudflare returns it
      type: str
    device:
      description:
        - The device with its id, type and serial number.
      returned: if Cloudflare returns it
      type: dict
    telemetry:
      description:
        - The latest snapshot of the connector as Cloudflare describes it. Empty if there is none.
      returned: with O(telemetry=true)
      type: dict
    events:
      description:
        - The events, with the oldest first. C(t) is the time in seconds since 1970, C(k) is the kind, and C(n) is a number that distinguishes events
          with the same time.
      returned: with O(events_since)
      type: list
      elements: dict
failure:
  description: What is known about the failed request, in the same form as in M(cloudflare.magic.ipsec_psk).
  returned: failure, when a request was sent
  type: dict
"""

from ansible_collections.cloudflare.magic.plugins.module_utils._module import refuse
from ansible_collections.cloudflare.magic.plugins.module_utils._telemetry import OPTIONS


def main() -> None:
    refuse(OPTIONS)


if __name__ == "__main__":
    main()
