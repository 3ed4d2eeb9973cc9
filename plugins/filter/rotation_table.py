# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: rotation_table
author:
  - The cloudflare.magic contributors (@cloudflare)
version_added: 1.1.0
short_description: Show the results of a key rotation on a fleet as a table
description:
  - Returns the lines of a readable table of what M(cloudflare.magic.ipsec_psks) returns, as the playbook C(cloudflare.magic.rotate_psks) prints them.
    Keys that were not set come first. Names are escaped as by P(cloudflare.magic.printable#filter). The result contains no keys.
options:
  _input:
    description: The list C(tunnels) of the result.
    type: list
    elements: dict
    required: true
seealso:
  - plugin: cloudflare.magic.ipsec_psks
    plugin_type: module
"""

EXAMPLES = r"""
---
- name: Create missing keys
  cloudflare.magic.ipsec_psks:
    names: ["*"]
    rotate: missing
    vault_file: ipsec_psks.yml
  register: rotation

- name: Show what happened
  ansible.builtin.debug:
    msg: "{{ rotation.tunnels | cloudflare.magic.rotation_table }}"
"""

RETURN = r"""
_value:
  description: The lines of the table. The first line is the header.
  type: list
  elements: str
"""

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.cloudflare.magic.plugins.plugin_utils._core import no_templates
from ansible_collections.cloudflare.magic.plugins.plugin_utils._reports import rotation_table as lines


def rotation_table(tunnels: t.Any) -> list[str]:
    """Return the lines of a table, which are not templates.

    :raises AnsibleFilterError: if these are not tunnels of a result.
    """
    try:
        result: list[str] = no_templates(lines(tunnels))
    except (KeyError, TypeError) as exc:
        raise AnsibleFilterError("rotation_table: this is not the list 'tunnels' of a result of ipsec_psks.") from exc
    return result


class FilterModule:
    """The filter."""

    def filters(self) -> dict[str, t.Any]:
        """Return the filter by its name."""
        return {"rotation_table": rotation_table}
