#!/usr/bin/python

# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: connector_interrupt
short_description: Reboot, restart or shut down a connector of Cloudflare WAN
version_added: 1.1.0
author:
  - The cloudflare.magic contributors (@cloudflare)
description:
  - Causes a connector of Cloudflare WAN (formerly Magic WAN) to reboot, restart its software or shut down. This interrupts the traffic of its site.
  - An interrupt is an event and not a state, so each run of the task sends it again. If the response is lost, the module uses the list of interrupts
    to find out whether Cloudflare accepted the interrupt. If the list does not show this, the task fails.
  - In one run, a task sends an interrupt to a connector only once, for all hosts of the play and all items of a loop together. For the other hosts
    and items, it returns C(changed=false) and RV(msg). If each host names its own connector, each connector gets the interrupt. Another task of the
    play that has the same options sends it again.
  - With C(until) or C(retries), Ansible would run the task again, so the task fails before anything is sent. To wait, use
    M(cloudflare.magic.connector_info).
extends_documentation_fragment:
  - cloudflare.magic.options
  - cloudflare.magic.options.reads_elsewhere
  - cloudflare.magic.attributes
  - cloudflare.magic.attributes.client
  - cloudflare.magic.attributes.actiongroup_all
attributes:
  check_mode:
    support: full
    details:
      - Looks for the connector and sends nothing else. Returns C(validated=false).
  diff_mode:
    support: full
    details:
      - Shows what is or would be done.
  idempotent:
    support: none
    details:
      - Each run interrupts the connector, and so does each task in a run.
notes:
  - The request needs the permission C(Magic WAN Write).
options:
  connector:
    description:
      - The serial number or id of the connector.
    type: str
    required: true
  interrupt:
    description:
      - The interrupt to send.
    type: str
    required: true
    choices:
      reboot: Restarts the device.
      restart: Restarts the software of the device.
      shutdown: Switches the device off. Someone must go there to switch it on again.
  purge:
    description:
      - Whether the connector also deletes what it has stored.
    type: bool
    default: false
  confirm:
    description:
      - Must be V(true), so that nobody interrupts a site by mistake.
    type: bool
    default: false
seealso:
  - module: cloudflare.magic.connector
  - module: cloudflare.magic.connector_info
  - name: Cloudflare's API
    description: The requests that this module sends.
    link: https://developers.cloudflare.com/api/resources/magic_transit/subresources/connectors/
"""

EXAMPLES = r"""
---
- name: Register a connector
  cloudflare.magic.connector:
    serial_number: MC-2209-0417

- name: Reboot the connector
  cloudflare.magic.connector_interrupt:
    connector: MC-2209-0417
    interrupt: reboot
    confirm: true
"""

RETURN = r"""
connector_id:
  description: The id of the connector.
  returned: success
  type: str
  sample: c4a7362d577a6c3019a474fd6f485821
connector_interrupt:
  description: The interrupt as Cloudflare describes it.
  returned: success, not in check mode
  type: dict
  contains:
    submitted_at:
      description: When Cloudflare accepted the interrupt.
      returned: if Cloudflare returns it
      type: str
    triggered_at:
      description: When the connector began to carry it out.
      returned: if Cloudflare returns it
      type: str
msg:
  description: A note that the task has already sent the interrupt for another host or item, which is named. The other values are those of that interrupt.
  returned: if this task has already sent the interrupt to the connector in this run
  type: str
validated:
  description: Always V(false). The API cannot validate this kind of request, so only the collection has checked it.
  returned: in check mode
  type: bool
  sample: false
failure:
  description: What is known about the failed request, in the same form as in M(cloudflare.magic.ipsec_psk).
  returned: failure, when a request was sent
  type: dict
"""

from ansible_collections.cloudflare.magic.plugins.module_utils._interrupts import OPTIONS
from ansible_collections.cloudflare.magic.plugins.module_utils._module import refuse


def main() -> None:
    refuse(OPTIONS)


if __name__ == "__main__":
    main()
