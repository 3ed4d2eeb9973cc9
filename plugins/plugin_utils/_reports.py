# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The reports of the playbooks, created from all results at once: in Jinja, each value of thousands of tunnels would be templated for each use; pure."""

from __future__ import annotations

import re
import typing as t
from collections import Counter

from markupsafe import escape

from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._health import STATES
from ansible_collections.cloudflare.magic.plugins.module_utils._text import shown
from ansible_collections.cloudflare.magic.plugins.module_utils._times import last_generated_on, parse_timestamp
from ansible_collections.cloudflare.magic.plugins.plugin_utils._metrics import metrics
from ansible_collections.cloudflare.magic.plugins.plugin_utils._vault_text import doubt

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    Row = dict[str, t.Any]

# The names of outcomes in the table of a rotation, in its order: those that need attention first.
_OUTCOMES = {"unapplied": "NOT SET", "not_tried": "NOT TRIED", "set": "new key", "validated": "would get a new key", "not_due": "not due"}


def rotation_table(tunnels: Iterable[Mapping[str, t.Any]]) -> list[str]:
    """Return the lines of a table of outcomes: the header, then the tunnels by outcome, in the order of the account.

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


# The same for a rotation on both ends, and for its proofs.
_ENDINGS = {
    "in_doubt": "IN DOUBT",
    "back": "ROLLED BACK",
    "unchanged": "not changed",
    "set": "new key",
    "checked": "would get a new key",
    "not_due": "not due",
}
_PROOFS = {"ok": "ok", "failed": "FAILED", "not_asked": "not asked"}


def edge_table(tunnels: Mapping[str, Mapping[str, t.Any]], names: Iterable[str]) -> list[str]:
    """Return the lines of a table of the outcomes of a rotation on both ends: the header, then one line for each name, in their order.

    :arg tunnels: what the role has recorded, by name; see the filter. Tunnels that were not processed are missing.
    """
    rows: list[tuple[str, ...]] = [("tunnel", "age before", "after", "device", "health", "seconds")]
    for name in names:
        noted = tunnels.get(name)
        row = noted or {}
        proofs = [_PROOFS[row.get(proof, "not_asked")] for proof in ("device", "health")]
        rows.append((shown(name), _age(row["psk_age"]) if noted else "not read", _ENDINGS[row.get("outcome", "unchanged")], *proofs, _window(row)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(f"{cell:{'>' if column in (1, 5) else '<'}{widths[column]}}" for column, cell in enumerate(row)) for row in rows]


def _window(row: Mapping[str, t.Any]) -> str:
    """Return the seconds from Cloudflare's change to the device's load; the upper limit if Cloudflare's clock differs from the controller's."""
    asked, changed, loaded = (_moment(row.get(name)) for name in ("asked", "changed", "loaded"))
    if asked is None or loaded is None:
        return "-"
    if changed is not None and asked <= changed <= loaded:
        return f"{(loaded - changed).total_seconds():.1f}"
    return f"<{(loaded - asked).total_seconds():.1f}"


def _moment(text: t.Any) -> datetime | None:
    try:
        return parse_timestamp(text)
    except MagicError:
        return None


def doubts(entries: Mapping[str, t.Any], tunnels: Iterable[Mapping[str, t.Any]]) -> dict[str, str]:
    """Return why saved keys may not be in force, by the tunnel's id; see ``doubt``."""
    found = {tunnel["id"]: doubt(entries[tunnel["id"]], last_generated_on(tunnel)) for tunnel in tunnels if tunnel["id"] in entries}
    return {tunnel_id: reason for tunnel_id, reason in found.items() if reason}


# --- the audit

# The states of a key, and their names in the report, in its order.
_STATES = {
    "interrupted": "Interrupted",
    "replaced": "Replaced elsewhere",
    "never": "No key yet",
    "unknown": "Age unknown",
    "overdue": "Overdue",
    "soon": "Due soon",
    "ok": "Within limit",
}
_BAD = ("interrupted", "replaced", "never", "unknown", "overdue")

_MOST_NAMES = 20

# The states of a tunnel's health, and their names in the report.
_HEALTH = {"healthy": "Healthy", "degraded": "Degraded", "down": "Down", "unknown": "Unknown"}

_COLUMNS = ("status", "name", "ipsec_tunnel_id", "psk_age_days", "psk_age_seconds", "max_age_seconds", "last_generated_on")
_COLUMNS_OF_HEALTH = ("health", "health_share")

# What a spreadsheet would treat as a formula. Spaces and quotes before the sign are ignored there, and full-width and small forms of it also count.
_FORMULA = r"[\s'\"]*[=+@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b\u2212-]"


# A row of the page. The template has the rest of it: there, each of thousands of rows would cost Ansible a template.
_ROW = """<tr class="%(status)s">
<td class="tunnel"><b><bdi>%(name)s</bdi></b><code>%(id)s</code></td>
<td class="bars"><div class="bar%(bar)s"%(width)s><i></i></div></td>
<td class="age">%(age)s</td>
<td class="made">%(made)s</td>
<td class="state"><b>%(state)s</b>%(note)s</td>%(health)s
</tr>"""


class Health:
    """The known health of tunnels, by name; a missing tunnel is unknown.

    :arg tunnels: as ``tunnel_health_info`` returns them; None if it was not read.
    """

    def __init__(self, tunnels: Iterable[Mapping[str, t.Any]] | None) -> None:
        self.asked = tunnels is not None
        self.tunnels = list(tunnels or ())
        self._by_name = {str(tunnel["name"]): (str(tunnel["state"]), tunnel["healthy_share"]) for tunnel in self.tunnels}
        if not {state for state, dummy in self._by_name.values()} <= set(_HEALTH):
            raise TypeError("another state")

    def of(self, name: str) -> tuple[str, float | None]:
        """Return the state, and the share of data centers that see the tunnel healthy."""
        return self._by_name.get(name, ("unknown", None))


class Moment(t.NamedTuple):
    """The time of an audit, in seconds since 1970, and its account."""

    seconds: int
    account_id: str


def psk_audit(tunnels: Iterable[Mapping[str, t.Any]], limit: int, entries: Mapping[str, t.Any], health: Health, moment: Moment | None = None) -> Row:
    """Return a report on the age of keys, and on the health of tunnels if it was read.

    :arg tunnels: as ``ipsec_tunnel_info`` returns them.
    :arg limit: the age in seconds above which a key is overdue. In the last tenth before, it is due soon.
    :arg entries: of the file of keys.
    :arg moment: of the audit, if metrics are wanted.
    """
    tunnels = list(tunnels)
    reasons = doubts(entries, tunnels)
    soon = limit * 9 // 10
    rows = [_row(tunnel, reasons.get(tunnel["id"], ""), limit, soon, health) for tunnel in tunnels]
    in_doubt = [row for row in rows if row["status"] in ("interrupted", "replaced")]
    without_age = [row for row in rows if row["status"] in ("never", "unknown")]
    with_age = [row for row in rows if row["status"] in ("overdue", "soon", "ok")]
    rows = [*sorted(in_doubt, key=_by_name), *sorted(without_age, key=_by_name), *sorted(with_age, key=lambda row: int(row["psk_age"]), reverse=True)]
    bad = [row["name"] for row in rows if row["due"]]
    found, states = Counter(row["status"] for row in rows), Counter(row["health"] for row in rows)
    columns = [*_COLUMNS, *(_COLUMNS_OF_HEALTH if health.asked else ())]
    return {
        "total": len(rows),
        "counts": {state: found[state] for state in _STATES},
        "health": {state: states[state] for state in STATES} if health.asked else {},
        "bad": len(bad),
        "bad_names": ", ".join(map(shown, bad[:_MOST_NAMES])),
        "page": _page(rows, limit, health.asked),
        "csv": "".join(f"{line}\n" for line in [",".join(columns), *(_csv(row, limit, health.asked) for row in rows)]),
        "metrics": metrics(moment.seconds, moment.account_id, limit, rows, health.tunnels) if moment else "",
    }


def _row(tunnel: Mapping[str, t.Any], reason: str, limit: int, soon: int, health: Health) -> Row:
    seconds, made = tunnel["psk_age"], last_generated_on(tunnel) or ""
    status = reason or (("unknown" if made else "never") if seconds is None else "overdue" if seconds > limit else "soon" if seconds > soon else "ok")
    name = str(tunnel["name"])
    state, share = health.of(name)
    row = {"status": status, "due": status in _BAD, "name": name, "id": str(tunnel["id"]), "psk_age": seconds, "made": made}
    return {**row, "health": state, "health_share": share}


def _by_name(row: Row) -> str:
    return str(row["name"]).lower()


def _page(rows: list[Row], limit: int, with_health: bool) -> Row:
    """Return the content of the HTML page about the tunnels, as strings to insert between tags.

    Its bars end at the oldest key, but the limit is never left of the first quarter. Longer bars are cut off.
    """
    oldest = max((row["psk_age"] or 0 for row in rows), default=0)
    scale = max(1, min(limit * 4, max(limit * 5 // 4, oldest)))
    return {
        "limit": _span(limit),
        "limit_at": f"{limit * 100 / scale:.2f}",
        "scale": _span(scale) if scale >= limit * 2 else "",
        "rows": "\n".join(_ROW % {**_page_row(row, limit, scale), "health": _health_cell(row) if with_health else ""} for row in rows),
    }


def _page_row(row: Row, limit: int, scale: int) -> Row:
    seconds, status = row["psk_age"], row["status"]
    notes = {"interrupted": "key in force unknown", "replaced": "the file has another key"}
    if status in ("overdue", "soon"):
        notes = {"overdue": f"by {_span(seconds - limit)}", "soon": f"in {_span(limit - seconds)}"}
    note = notes.get(status, "")
    found = {"status": status, "name": str(escape(shown(row["name"]))), "id": str(escape(row["id"])), "made": str(escape(row["made"][:10]))}
    found.update(state=_STATES[status], note=f"<small>{note}</small>" if note else "")
    if seconds is None:
        return {**found, "bar": " none", "width": "", "age": "unknown" if status == "unknown" else "&ndash;"}
    return {**found, "bar": " cut" if seconds > scale else "", "width": f' style="--w: {min(100, seconds * 100 / scale):.2f}%"', "age": _span(seconds)}


def _health_cell(row: Row) -> str:
    share = "no data" if row["health_share"] is None else f"healthy in {row['health_share'] * 100:.0f} %"
    return f'\n<td class="health"><b class="{row["health"]}">{_HEALTH[row["health"]]}</b><small>{share}</small></td>'


def _span(seconds: int) -> str:
    """Return a duration in words."""
    if seconds < 120:
        return f"{seconds} seconds"
    return _age(seconds)


def _csv(row: Row, limit: int, with_health: bool) -> str:
    days, seconds = ("", "") if row["psk_age"] is None else (row["psk_age"] // 86400, row["psk_age"])
    health = f",{row['health']},{'' if row['health_share'] is None else row['health_share']}" if with_health else ""
    return f"{row['status']},{_cell(row['name'])},{_cell(row['id'])},{days},{seconds},{limit},{_cell(row['made'])}{health}"


def _cell(text: str) -> str:
    """Return a text as a cell. A formula gets an apostrophe in front: at the start, and behind a semicolon, where a spreadsheet that separates by semicolons
    begins a cell."""
    plain = shown(text)
    first = "'" if re.match(_FORMULA, plain) else ""
    return '"' + first + re.sub(f"(?<=;)(?={_FORMULA})", "'", plain.replace('"', '""')) + '"'
