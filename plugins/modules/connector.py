#!/usr/bin/python

# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: connector
short_description: Manage a connector of Cloudflare WAN
version_added: 1.1.0
author:
  - The cloudflare.magic contributors (@cloudflare)
description:
  - Registers, updates and deletes connectors of Cloudflare WAN (formerly Magic WAN), Cloudflare's appliance for sites.
  - A connector that belongs to a site must be removed from the site with M(cloudflare.magic.site) before you delete it.
extends_documentation_fragment:
  - cloudflare.magic.options
  - cloudflare.magic.options.writes_elsewhere
  - cloudflare.magic.attributes
  - cloudflare.magic.attributes.client
  - cloudflare.magic.attributes.state_unchecked
  - cloudflare.magic.attributes.actiongroup_all
notes:
  - Cloudflare includes the license key of a connector in every response about it. The key is a secret, so no result, message or log of this
    module ever contains it. To deliver the license key, or to create a new one, use M(cloudflare.magic.connector_license).
  - Requests that change connectors need the permission C(Magic WAN Write), and requests that read them need C(Magic WAN Read). Permissions for Magic
    Transit are not enough.
options:
  connector_id:
    description:
      - The id of the connector.
      - At least one of O(connector_id), O(serial_number) and O(device_id) is required.
    type: str
  serial_number:
    description:
      - The serial number of the device. It identifies the connector. If the connector does not exist, the device is registered. The serial number
        cannot be changed.
    type: str
  device_id:
    description:
      - The id of the device. Use it instead of O(serial_number) to find or register the device. It cannot be changed.
    type: str
  activated:
    description:
      - Whether the connector carries traffic. V(false) takes its site down.
    type: bool
  notes:
    description:
      - A free-text description.
    type: str
  timezone:
    description:
      - The time zone of the times of the upgrade window, such as V(Europe/Paris).
    type: str
  interrupt_window_days_of_week:
    description:
      - The complete list of days on which Cloudflare may upgrade the device. For a new connector, Cloudflare chooses every day. The order does not
        matter.
    type: list
    elements: str
    choices:
      - Sunday
      - Monday
      - Tuesday
      - Wednesday
      - Thursday
      - Friday
      - Saturday
  interrupt_window_hour_of_day:
    description:
      - The hour at which the upgrade window begins, from V(0) to V(23).
    type: int
  interrupt_window_duration_hours:
    description:
      - The duration of the upgrade window in hours, from V(1) to V(24).
    type: int
  interrupt_window_embargo_dates:
    description:
      - The complete list of dates without upgrades, such as V(2026-12-24). The order does not matter.
    type: list
    elements: str
seealso:
  - module: cloudflare.magic.connector_info
  - module: cloudflare.magic.site
  - module: cloudflare.magic.connector_interrupt
  - name: Cloudflare's API
    description: The requests that this module sends.
    link: https://developers.cloudflare.com/api/resources/magic_transit/subresources/connectors/
"""

EXAMPLES = r"""
---
- name: Register a connector, and let Cloudflare upgrade it on Sunday night
  cloudflare.magic.connector:
    serial_number: MC-2209-0417
    notes: Lyon, rack 3
    timezone: Europe/Paris
    interrupt_window_days_of_week:
      - Sunday
    interrupt_window_hour_of_day: 2
    interrupt_window_duration_hours: 4

- name: Activate the connector
  cloudflare.magic.connector:
    serial_number: MC-2209-0417
    activated: true

- name: Delete the connector
  cloudflare.magic.connector:
    serial_number: MC-2209-0417
    state: absent
"""

RETURN = r"""
connector:
  description:
    - The connector as it is now, as it was before its deletion, or, in check mode, as it would be.
    - Contains the API's own fields, and the simple fields that the API omits if they are empty or false.
  returned: success, unless the object was already absent with O(state=absent)
  type: dict
  contains:
    id:
      description:
        - The id of the connector. For a new one in check mode, a text that later tasks of the same run can use as its id.
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
from ansible_collections.cloudflare.magic.plugins.module_utils._site_kinds import CONNECTOR


def main() -> None:
    refuse(CONNECTOR.options)


if __name__ == "__main__":
    main()
