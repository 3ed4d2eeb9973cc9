# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: edge_table
author:
  - The cloudflare.magic contributors (@cloudflare)
version_added: 1.1.0
short_description: Show the results of a key rotation on an edge as a table
description:
  - Returns the lines of a readable table of what the role P(cloudflare.magic.rotate_edge#role) has recorded, as the role prints them at its end.
    Names are escaped as by P(cloudflare.magic.printable#filter). The result contains no keys.
options:
  _input:
    description:
      - What is known about tunnels, by name. A tunnel whose turn has not come is not included.
      - >-
        For each tunnel, C(psk_age), the age of the previous key in seconds, or null if there was none; C(outcome), which is V(set), V(back),
        V(in_doubt), V(unchanged), V(checked) or V(not_due); the proofs C(device) and C(health), which are V(ok), V(failed) or V(not_asked); and the
        times at which Cloudflare was C(asked), Cloudflare C(changed) the key, and the device had C(loaded) it.
    type: dict
    required: true
  names:
    description: The names of the tunnels, in the order of the lines. This is the positional argument.
    type: list
    elements: str
    required: true
seealso:
  - plugin: cloudflare.magic.rotate_edge
    plugin_type: role
"""

EXAMPLES = r"""
---
- name: Show what happened
  ansible.builtin.debug:
    msg: "{{ noted | cloudflare.magic.edge_table(['paris-1', 'paris-2']) }}"
  vars:
    noted:
      paris-1:
        psk_age: 8208000
        outcome: set
        device: ok
        health: ok
        asked: "2026-01-31T12:00:00.100000Z"
        changed: "2026-01-31T12:00:00.300000Z"
        loaded: "2026-01-31T12:00:00.900000Z"
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
from ansible_collections.cloudflare.magic.plugins.plugin_utils._reports import edge_table as lines


def edge_table(tunnels: t.Any, names: t.Any) -> list[str]:
    """Return the lines of a table, which are not templates.

    :raises AnsibleFilterError: if this is not what the role records.
    """
    try:
        result: list[str] = no_templates(lines(tunnels, names))
    except (AttributeError, KeyError, TypeError) as exc:
        raise AnsibleFilterError("edge_table: this is not the list of tunnels that rotate_edge records.") from exc
    return result


class FilterModule:
    """The filter."""

    def filters(self) -> dict[str, t.Any]:
        """Return the filter by its name."""
        return {"edge_table": edge_table}
