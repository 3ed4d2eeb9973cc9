#!/usr/bin/python

# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: network_report
short_description: Show what a network task changed or would change
version_added: 1.1.0
author:
  - The cloudflare.magic contributors (@cloudflare)
description:
  - Prints the changes in a result of M(cloudflare.magic.network) in a readable form, in the order in which they are carried out. V(+) marks a created
    object, V(~) an updated object with the old and the new value of each field, and V(-) a deleted object. After the changes, it prints problems,
    what Cloudflare could not validate, warnings and counts.
  - Ansible's settings determine whether colors are used, and which ones.
  - Sends no requests and needs no credentials. The playbooks C(cloudflare.magic.network_plan) and C(cloudflare.magic.network_apply) use it.
extends_documentation_fragment:
  - cloudflare.magic.attributes
  - cloudflare.magic.attributes.client
  - cloudflare.magic.attributes.reads
options:
  result:
    description:
      - The registered result of the task. The task may have run in check mode, and it may have failed.
    type: dict
    required: true
notes:
  - If a callback plugin other than P(ansible.builtin.default#callback) writes the output, the lines are returned as the RV(msg) of the task, so that
    a callback plugin that writes a document includes them.
seealso:
  - module: cloudflare.magic.network
  - plugin: cloudflare.magic.network_report
    plugin_type: filter
"""

EXAMPLES = r"""
---
- name: Check what a design would change
  cloudflare.magic.network:
    config:
      ipsec_tunnels:
        - name: paris-1
          description: The first tunnel of Paris
  check_mode: true
  register: plan

- name: Show the report
  cloudflare.magic.network_report:
    result: "{{ plan }}"
"""

RETURN = r"""
lines:
  description: The lines that were printed.
  returned: with the callback plugin P(ansible.builtin.default#callback)
  type: list
  elements: str
  sample: ["+ ipsec_tunnels lyon-1", "Plan: 1 to create, 0 to update, 0 to delete."]
msg:
  description: The lines to print.
  returned: with any other callback plugin
  type: list
  elements: str
"""

from ansible_collections.cloudflare.magic.plugins.module_utils._design import REPORT_OPTIONS
from ansible_collections.cloudflare.magic.plugins.module_utils._module import refuse


def main() -> None:
    refuse(REPORT_OPTIONS)


if __name__ == "__main__":
    main()
