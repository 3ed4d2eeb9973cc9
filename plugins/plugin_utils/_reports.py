# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What the playbooks report, made of results at once: in Jinja, each value of thousands of tunnels would be templated again each time it is used; pure."""

from __future__ import annotations

import typing as t

from ansible_collections.cloudflare.magic.plugins.module_utils._text import shown

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# What the table of a rotation calls an outcome, in its order: what needs attention first.
_OUTCOMES = {"unapplied": "NOT SET", "not_tried": "NOT TRIED", "set": "new key", "validated": "would get a new key", "not_due": "not due"}


def rotation_table(tunnels: Iterable[Mapping[str, t.Any]]) -> list[str]:
    """Return the lines of a table of what became of tunnels: the head, then by outcome, and in the order of the account.

    :arg tunnels: as ``ipsec_psks`` returns them.
    """
    rows: dict[str, list[tuple[str, str]]] = {outcome: [] for outcome in _OUTCOMES}
    for tunnel in tunnels:
        if tunnel["outcome"] in rows:
            rows[tunnel["outcome"]].append((shown(str(tunnel["name"])), _age(tunnel["psk_age"])))
    table = [("tunnel", "age before", "outcome"), *((*row, _OUTCOMES[outcome]) for outcome, several in rows.items() for row in several)]
    width = max(len(name) for name, dummy, dummy in table)
    return [f"{name:<{width}}  {age:>12}  {outcome}" for name, age, outcome in table]


def _age(seconds: int | None) -> str:
    if seconds is None:
        return "no key"
    unit, length = ("days", 86400) if seconds >= 172800 else ("hours", 3600) if seconds >= 7200 else ("minutes", 60)
    return f"{seconds // length} {unit}"
