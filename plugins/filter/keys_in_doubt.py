# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: keys_in_doubt
author:
  - The cloudflare.magic contributors (@cloudflare)
version_added: 1.1.0
short_description: Find saved keys that may not be in force
description:
  - Compares the pre-shared keys (PSKs) that O(cloudflare.magic.ipsec_psk#module:vault_file) keeps with what Cloudflare reports about them. The result
    contains no keys.
options:
  _input:
    description: The variable C(cloudflare_magic_ipsec_psks) of the file.
    type: dict
    required: true
  tunnels:
    description: The tunnels, as M(cloudflare.magic.ipsec_tunnel_info) returns them. This is the positional argument.
    type: list
    elements: dict
    required: true
seealso:
  - plugin: cloudflare.magic.ipsec_psk
    plugin_type: module
"""

EXAMPLES = r"""
---
- name: Read the tunnels
  cloudflare.magic.ipsec_tunnel_info:
  register: account

- name: Show which keys of the file may not be in force
  ansible.builtin.debug:
    msg: "{{ cloudflare_magic_ipsec_psks | default({}) | cloudflare.magic.keys_in_doubt(account.ipsec_tunnels) }}"
"""

RETURN = r"""
_value:
  description: >-
    For each tunnel whose saved key may not be the one in force, the reason, by tunnel id. V(interrupted): a run ended while it replaced the key, or a
    key is saved as C(pending_psk) and not confirmed. V(replaced): the key was replaced by someone who does not use the file. Tunnels that are not in
    the file are left out.
  type: dict
"""

import typing as t
from collections.abc import Mapping

from ansible.errors import AnsibleFilterError
from ansible.utils.unsafe_proxy import wrap_var

from ansible_collections.cloudflare.magic.plugins.plugin_utils._reports import doubts
from ansible_collections.cloudflare.magic.plugins.plugin_utils._vault_text import PSKS


def keys_in_doubt(entries: t.Any, tunnels: t.Any) -> dict[str, str]:
    """Return why saved keys may not be in force, by the tunnel's id.

    :raises AnsibleFilterError: if these are not entries of a key file.
    """
    if not isinstance(entries, Mapping) or not all(isinstance(entry, Mapping) for entry in entries.values()):
        raise AnsibleFilterError(f"keys_in_doubt: {PSKS.variable} is not a dictionary of dictionaries. Give the variable as the file has it.")
    result: dict[str, str] = wrap_var(doubts(entries, tunnels))
    return result


class FilterModule:
    """The filter."""

    def filters(self) -> dict[str, t.Any]:
        """Return the filter by its name."""
        return {"keys_in_doubt": keys_in_doubt}
