# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: age_seconds
author:
  - The cloudflare.magic contributors (@cloudflare)
version_added: 1.1.0
short_description: Read an age like 90d as seconds
description:
  - Reads an age in the form that O(cloudflare.magic.ipsec_psk#module:max_age) takes, so that a playbook can compare the age with the C(psk_age) of a
    tunnel.
options:
  _input:
    description: A whole number with a unit, V(s), V(m), V(h), V(d) or V(w). Without a unit, it is in seconds.
    type: str
    required: true
  name:
    description: The name of the age in the message for an invalid age.
    type: str
    default: age
seealso:
  - plugin: cloudflare.magic.ipsec_psk
    plugin_type: module
"""

EXAMPLES = r"""
---
- name: Read the tunnels
  cloudflare.magic.ipsec_tunnel_info:
  register: account

- name: Show the tunnels whose key is older than 90 days
  ansible.builtin.debug:
    msg: "{{ dated | selectattr('psk_age', 'gt', limit | int) | map(attribute='name') }}"
  vars:
    dated: "{{ account.ipsec_tunnels | rejectattr('psk_age', 'none') }}"
    limit: "{{ '90d' | cloudflare.magic.age_seconds }}"
"""

RETURN = r"""
_value:
  description: The age in seconds.
  type: int
"""

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._times import parse_age


def age_seconds(age: t.Any, name: str = "age") -> int:
    """Return seconds for an age like ``90d``.

    :raises AnsibleFilterError: if it is not an age.
    """
    try:
        return parse_age(str(age), name)
    except MagicError as error:
        raise AnsibleFilterError(str(error)) from None


class FilterModule:
    """The filter."""

    def filters(self) -> dict[str, t.Any]:
        """Return the filter by its name."""
        return {"age_seconds": age_seconds}
