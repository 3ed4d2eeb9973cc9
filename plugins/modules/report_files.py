#!/usr/bin/python

# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: report_files
short_description: Write reports to files on the controller
version_added: 1.1.0
author:
  - The cloudflare.magic contributors (@cloudflare)
description:
  - Writes text to files on the controller, regardless of the host of the task. Each file is replaced as a whole, so that nobody reads an incomplete
    report.
  - Copies nothing to a host and starts no process. The playbook C(cloudflare.magic.psk_audit) uses this module to write its reports.
extends_documentation_fragment:
  - cloudflare.magic.attributes
  - cloudflare.magic.attributes.client
attributes:
  check_mode:
    support: full
    details:
      - Compares the files.
  diff_mode:
    support: none
    details:
      - A report is read as a whole.
  idempotent:
    support: full
options:
  files:
    description:
      - The files, in the order in which they are written.
    type: list
    elements: dict
    required: true
    suboptions:
      path:
        description:
          - The path of the file. The folder must exist.
          - A relative path starts at the current folder. A symbolic link is kept, and the file that it points to is replaced.
        type: path
        required: true
      content:
        description:
          - The text. It is written unchanged, in UTF-8.
        type: str
        required: true
  mode:
    description:
      - The permissions of the files, as a quoted octal number.
    type: str
    default: "0640"
notes:
  - Unlike the other modules of this collection, it sends no requests and needs no credentials.
seealso:
  - plugin: cloudflare.magic.psk_audit
    plugin_type: filter
"""

EXAMPLES = r"""
---
- name: Read the tunnels
  cloudflare.magic.ipsec_tunnel_info:
  register: account

- name: Write a table of the ages of keys
  cloudflare.magic.report_files:
    files:
      - path: ages.csv
        content: "{{ (account.ipsec_tunnels | cloudflare.magic.psk_audit('90d')).csv }}"
"""

RETURN = r"""
paths:
  description: The files that were written, or in check mode would be written. Files that already had the content are left out.
  returned: success
  type: list
  elements: str
  sample: [ages.csv]
"""

from ansible_collections.cloudflare.magic.plugins.module_utils._module import refuse
from ansible_collections.cloudflare.magic.plugins.module_utils._options import REPORT_FILES


def main() -> None:
    refuse(REPORT_FILES)


if __name__ == "__main__":
    main()
