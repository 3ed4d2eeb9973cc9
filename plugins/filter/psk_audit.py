# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: psk_audit
author:
  - The cloudflare.magic contributors (@cloudflare)
version_added: 1.1.0
short_description: Report on the age of the keys of IPsec tunnels
description:
  - Reports which tunnels need a new pre-shared key (PSK), as the playbook C(cloudflare.magic.psk_audit) does. The result contains no keys.
  - Names are escaped as by P(cloudflare.magic.printable#filter).
options:
  _input:
    description: The tunnels, as M(cloudflare.magic.ipsec_tunnel_info) returns them.
    type: list
    elements: dict
    required: true
  max_age:
    description: The age above which a key is overdue, such as V(90d). In the last tenth of this age, a key is due soon. This is the positional
      argument.
    type: str
    required: true
  entries:
    description: >-
      The variable C(cloudflare_magic_ipsec_psks) of the file that O(cloudflare.magic.ipsec_psk#module:vault_file) names, to report where its key may
      not be the one in force. See P(cloudflare.magic.keys_in_doubt#filter).
    type: dict
    default: {}
  health:
    description: >-
      The list C(tunnels) that M(cloudflare.magic.tunnel_health_info) returns. With it, the table and the page show the health of each tunnel, which
      is V(unknown) for a tunnel that is not in the list.
    type: list
    elements: dict
  account_id:
    description: >-
      The id of the account that the tunnels belong to. With it, the report has C(metrics), with the account in the label of each metric and with the
      current time.
    type: str
seealso:
  - plugin: cloudflare.magic.ipsec_tunnel_info
    plugin_type: module
  - plugin: cloudflare.magic.tunnel_health_info
    plugin_type: module
"""

EXAMPLES = r"""
---
- name: Read the tunnels
  cloudflare.magic.ipsec_tunnel_info:
  register: account

- name: Show the tunnels that need a new key
  ansible.builtin.debug:
    msg: "{{ audit.bad }} of {{ audit.total }} tunnels need a new key, among them {{ audit.bad_names }}"
  vars:
    audit: "{{ account.ipsec_tunnels | cloudflare.magic.psk_audit('90d') }}"
"""

RETURN = r"""
_value:
  description: The report.
  type: dict
  contains:
    total:
      description: The number of tunnels.
      type: int
    counts:
      description: >-
        The number of tunnels with each status: V(interrupted), V(replaced), V(never), V(unknown), V(overdue), V(soon) and V(ok).
      type: dict
    health:
      description: >-
        With O(health), the number of tunnels in each state of health: V(healthy), V(degraded), V(down) and V(unknown). Empty without O(health).
      type: dict
    bad:
      description: The number of tunnels that need a new key, or have a key that may not be the one in the file.
      type: int
    bad_names:
      description: The names of the first 20 of these tunnels, separated by commas.
      type: str
    page:
      description: What the page of the playbook shows about the tunnels, as text that can be placed between HTML tags. It may change in any version.
      type: dict
    csv:
      description: The table as CSV, with what needs attention first. No spreadsheet interprets its cells as formulas.
      type: str
    metrics:
      description: >-
        With O(account_id), the ages, which keys are due, and the given health, in the Prometheus text format. Empty without O(account_id). The health
        covers all tunnels of O(health), including tunnels that have no key.
      type: str
"""

import time
import typing as t
from collections.abc import Mapping
from types import MappingProxyType

from ansible.errors import AnsibleFilterError

from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._times import parse_age
from ansible_collections.cloudflare.magic.plugins.plugin_utils import _reports
from ansible_collections.cloudflare.magic.plugins.plugin_utils._core import no_templates
from ansible_collections.cloudflare.magic.plugins.plugin_utils._vault_text import PSKS


def psk_audit(tunnels: t.Any, max_age: t.Any, entries: t.Any = MappingProxyType({}), health: t.Any = None, account_id: t.Any = None) -> dict[str, t.Any]:
    """Return a report, in which nothing is a template.

    :raises AnsibleFilterError: if the limit is not an age, or these are not tunnels.
    """
    if not isinstance(entries, Mapping):
        raise AnsibleFilterError(f"psk_audit: entries is not a dictionary. Give the variable {PSKS.variable} as the file has it.")
    try:
        known = _reports.Health(health)
    except (KeyError, TypeError) as exc:
        raise AnsibleFilterError("psk_audit: health is not the list 'tunnels' of a result of tunnel_health_info.") from exc
    moment = _reports.Moment(int(time.time()), str(account_id)) if account_id else None
    try:
        report: dict[str, t.Any] = no_templates(_reports.psk_audit(tunnels, parse_age(str(max_age)), entries, known, moment))
    except MagicError as error:
        raise AnsibleFilterError(str(error)) from None
    except (KeyError, TypeError) as exc:
        raise AnsibleFilterError("psk_audit: these are not tunnels as ipsec_tunnel_info returns them.") from exc
    return report


class FilterModule:
    """The filter."""

    def filters(self) -> dict[str, t.Any]:
        """Return the filter by its name."""
        return {"psk_audit": psk_audit}
