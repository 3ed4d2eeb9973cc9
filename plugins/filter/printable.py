# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: printable
author:
  - The cloudflare.magic contributors (@cloudflare)
version_added: 1.1.0
short_description: Escape text so that it can be printed on one line
description:
  - Escapes characters that would control a terminal, break a line, or reverse or hide text. Names and descriptions of tunnels can contain any
    character. Without this filter, anyone who may set them could forge what a playbook prints or writes.
options:
  _input:
    description: The text. Other values are converted to a string.
    type: raw
    required: true
"""

EXAMPLES = r"""
---
- name: Read the tunnels
  cloudflare.magic.ipsec_tunnel_info:
  register: account

- name: Print the names of the tunnels
  ansible.builtin.debug:
    msg: "{{ account.ipsec_tunnels | map(attribute='name') | map('cloudflare.magic.printable') | join(', ') }}"
"""

RETURN = r"""
_value:
  description: The text, with such characters replaced by escapes such as V(\\n) and V(\\u202e).
  type: str
"""

import typing as t

from ansible.utils.unsafe_proxy import wrap_var

from ansible_collections.cloudflare.magic.plugins.module_utils._text import shown


def printable(text: t.Any) -> str:
    """Return a text that can be printed on one line, and that is not a template."""
    result: str = wrap_var(shown(str(text)))
    return result


class FilterModule:
    """The filter."""

    def filters(self) -> dict[str, t.Any]:
        """Return the filter by its name."""
        return {"printable": printable}
