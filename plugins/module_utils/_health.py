# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The health of tunnels: the query, and what the rows of its responses mean for each tunnel. Pure.

Sources: https://developers.cloudflare.com/analytics/graphql-api/tutorials/querying-magic-transit-tunnel-healthcheck-results/, and its pages on
filtering, sorting and pagination.
"""

from __future__ import annotations

import typing as t
from bisect import insort
from dataclasses import dataclass, field

from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._text import listing, shown

if t.TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    Json = dict[str, t.Any]

STATES = HEALTHY, DEGRADED, DOWN, UNKNOWN = "healthy", "degraded", "down", "unknown"

_NODE = "magicTransitTunnelHealthChecksAdaptiveGroups"
# The maximum number of rows in one response.
MOST_ROWS = 10000
# With more names than this, the query is for all tunnels.
MOST_NAMES = 100
# The rate limit for analytics in five minutes: more responses than this count as endless.
MOST_ANSWERS = 300
# The maximum number of data centers that are named for each tunnel.
MOST_WORST = 5

# Means of Cloudflare's states, which are 1 (healthy), 0.5 (degraded) and 0 (down): a value halfway counts as the worse state.
_HEALTHY_ABOVE, _DOWN_UP_TO = 0.75, 0.25

_WRONG = "Cloudflare's response to the query for tunnel health cannot be used: {}. Run the task again; report this if it happens again."


class Place(t.NamedTuple):
    """The position of a row in the order of all rows: one for each tunnel and data center."""

    tunnel: str
    data_center: str


def query(account_id: str, since: datetime, until: datetime, names: Sequence[str] | None, after: Place | None) -> tuple[str, Json]:
    """Return a query, and its variables.

    :arg since: whole seconds; data from before does not count.
    :arg until: whole seconds.
    :arg names: of the tunnels, if there are few; None for all.
    :arg after: the last row of the answer before; None for the first one.
    """
    given: dict[str, tuple[str, t.Any]] = {"accountTag": ("string", account_id), "datetimeStart": ("string", stamp(since))}
    given["datetimeEnd"] = ("string", stamp(until))
    filters = ["datetime_geq: $datetimeStart", "datetime_lt: $datetimeEnd"]
    if names is not None:
        given["tunnels"] = ("[string!]", list(names))
        filters.append("tunnelName_in: $tunnels")
    if after is not None:
        given.update(tunnel=("string", after.tunnel), dataCenter=("string", after.data_center))
        filters.append("OR: [{tunnelName_gt: $tunnel}, {tunnelName: $tunnel, edgeColoName_gt: $dataCenter}]")
    text = (
        f"query TunnelHealth({', '.join(f'${name}: {kind}' for name, (kind, dummy) in given.items())}) {{ viewer {{ accounts(filter: "
        f"{{accountTag: $accountTag}}) {{ {_NODE}(limit: {MOST_ROWS}, filter: {{{', '.join(filters)}}}, orderBy: [tunnelName_ASC, edgeColoName_ASC]) "
        "{ avg { tunnelState } dimensions { tunnelName edgeColoName } } } } }"
    )
    return text, {name: value for name, (dummy, value) in given.items()}


def stamp(moment: datetime) -> str:
    """Return a time in UTC as Cloudflare writes it, in whole seconds."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def rows_of(data: Mapping[str, t.Any]) -> list[t.Any]:
    """Return the rows of an answer.

    :raises MagicError: if it has none, which is not the same as an empty list.
    """
    viewer = data.get("viewer")
    accounts = viewer.get("accounts") if isinstance(viewer, dict) else None
    if accounts == []:
        raise MagicError("Cloudflare's analytics do not know this account. Check account_id, and that the credential is for this account.")
    account = accounts[0] if isinstance(accounts, list) and len(accounts) == 1 else None
    rows = account.get(_NODE) if isinstance(account, dict) else None
    if not isinstance(rows, list):
        raise MagicError(_WRONG.format("it has no list in the documented format"))
    return rows


def _read(row: t.Any) -> tuple[Place, float]:
    dimensions, mean = (row.get(name) for name in ("dimensions", "avg")) if isinstance(row, dict) else (None, None)
    tunnel, center = (dimensions.get(name) for name in ("tunnelName", "edgeColoName")) if isinstance(dimensions, dict) else (None, None)
    state = mean.get("tunnelState") if isinstance(mean, dict) else None
    if not (isinstance(tunnel, str) and isinstance(center, str) and isinstance(state, (int, float)) and not isinstance(state, bool) and 0 <= state <= 1):
        raise MagicError(_WRONG.format("a row has no tunnelName, edgeColoName and tunnelState (0 to 1) in the documented format"))
    return Place(tunnel, center), float(state)


def state_of(mean: float) -> str:
    """Return the state in which one data center sees a tunnel."""
    return HEALTHY if mean > _HEALTHY_ABOVE else DOWN if mean <= _DOWN_UP_TO else DEGRADED


@dataclass
class Count:
    """What the data centers say of one tunnel."""

    reported: int = 0
    healthy: int = 0
    down: int = 0
    worst: list[tuple[float, str]] = field(default_factory=list)

    def add(self, data_center: str, mean: float) -> None:
        """Count what one of them says."""
        state = state_of(mean)
        self.reported += 1
        self.healthy += state == HEALTHY
        self.down += state == DOWN
        if state != HEALTHY:
            insort(self.worst, (mean, data_center))
            del self.worst[MOST_WORST:]

    def state(self, min_healthy_share: float, expected: int = 0) -> str:
        """Return the state of the tunnel.

        :arg expected: how many data centers have reported before. The first few of them do not represent the others.
        """
        if not self.reported or self.reported * 2 < expected:
            return UNKNOWN
        if self.healthy / self.reported >= min_healthy_share:
            return HEALTHY
        return DOWN if self.down * 2 > self.reported else DEGRADED


class Tally:
    """Counts the rows of several answers, each of which continues the one before. It keeps counts, and no rows.

    :arg names: of the tunnels that there are. Data about other tunnels is ignored: they were deleted or renamed.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._counts = {name: Count() for name in names}
        self._tunnel: str | None = None
        self._seen: set[str] = set()
        self._past: set[str] = set()
        self._answers = 0

    def add(self, rows: Sequence[t.Any]) -> Place | None:
        """Count the rows of the next answer, and return its last one's place if there may be more; None if this was the last answer.

        :raises MagicError: if they are not in the requested order. Rows that occur twice would be counted twice, and others not at all.
        """
        place = None
        for row in rows:
            place, mean = _read(row)
            self._keep_order(place)
            if place.tunnel in self._counts:
                self._counts[place.tunnel].add(place.data_center, mean)
        self._answers += 1
        if len(rows) < MOST_ROWS:
            return None
        if self._answers >= MOST_ANSWERS:
            raise MagicError(_WRONG.format(f"it has more than {MOST_ANSWERS} pages of {MOST_ROWS} rows"))
        return place

    def _keep_order(self, place: Place) -> None:
        """Check that the rows of each tunnel come together, each data center once. How letters are sorted is up to the server."""
        if place.tunnel != self._tunnel:
            if self._tunnel is not None:
                self._past.add(self._tunnel)
            self._tunnel, self._seen = place.tunnel, set()
        if place.tunnel in self._past or place.data_center in self._seen:
            raise MagicError(_WRONG.format("its rows are not in the requested order, or some occur twice"))
        self._seen.add(place.data_center)

    def reported(self) -> dict[str, int]:
        """Return how many data centers have reported, by tunnel."""
        return {name: count.reported for name, count in self._counts.items()}

    def result(self, until: datetime, min_healthy_share: float, before: Tally | None = None) -> list[Json]:
        """Return what is known of each tunnel, by name.

        :arg before: what was known before the time from which data counts.
        """
        expected = before.reported() if before else {}
        return [_result(name, count, until, min_healthy_share, expected.get(name, 0)) for name, count in sorted(self._counts.items())]


def _result(name: str, count: Count, until: datetime, min_healthy_share: float, expected: int) -> Json:
    return {
        "name": name,
        "state": count.state(min_healthy_share, expected),
        "healthy_share": round(count.healthy / count.reported, 4) if count.reported else None,
        "data_centers": count.reported,
        "worst": [{"data_center": shown(center), "state": state_of(mean), "tunnel_state": round(mean, 4)} for mean, center in count.worst],
        "checked_until": stamp(until),
    }


def not_healthy(tunnels: Sequence[Json]) -> list[Json]:
    """Return the tunnels that are not healthy yet."""
    return [tunnel for tunnel in tunnels if tunnel["state"] != HEALTHY]


def in_words(tunnels: Sequence[Json]) -> str:
    """Return the states of those that are not healthy: as long as it is the same, nothing has changed."""
    left = not_healthy(tunnels)
    if not left:
        return f"all {len(tunnels)} healthy" if len(tunnels) != 1 else f"{tunnels[0]['name']} is healthy"
    named = listing(f"{tunnel['name']} ({tunnel['state']})" for tunnel in left)
    return f"{len(tunnels) - len(left)} of {len(tunnels)} healthy; not yet: {named}"


def gave_up(tunnels: Sequence[Json], seconds: int, since: datetime) -> str:
    """Return the message of a wait that timed out."""
    details = listing(_in_detail(tunnel) for tunnel in not_healthy(tunnels))
    return (
        f"wait_for: not all tunnels are healthy after {seconds} s. {in_words(tunnels)}. In detail: {details}. Data from {stamp(since)} to "
        f"{tunnels[0]['checked_until']} was evaluated. Cloudflare's data arrives with a delay: if there is none yet, increase wait_timeout."
    )


def _in_detail(tunnel: Json) -> str:
    if not tunnel["data_centers"]:
        return f"{tunnel['name']} without data"
    if tunnel["state"] == UNKNOWN:
        return f"{tunnel['name']} with data from {tunnel['data_centers']} data centers, which are fewer than half of those before"
    worst = ", ".join(f"{one['data_center']} {one['state']}" for one in tunnel["worst"])
    return f"{tunnel['name']} healthy in {tunnel['healthy_share'] * 100:.0f}% of {tunnel['data_centers']} data centers (worst: {worst})"


def pause(poll_interval: int, queries: int) -> int:
    """Return the seconds between two polls of this many queries.

    With several queries, a wait leaves half of the rate limit (300 in five minutes) to others. Without any, because no whole second has passed, it is short.
    """
    return max(poll_interval, 2 * queries) if queries > 1 else poll_interval if queries else 1


def same_names(names: Iterable[str], there: Mapping[str, int]) -> list[str]:
    """Return a warning if names of tunnels do not tell them apart.

    :arg names: of the selected tunnels.
    :arg there: how many of all tunnels have each name.
    """
    several = sorted({shown(name) for name in names if name and there[name] > 1})
    if not several:
        return []
    return [
        f"Several tunnels have the same name: {listing(several)}. Cloudflare reports health by name, so the health of each of them is unknown, and tasks "
        "cannot find them by name. Rename all but one of them."
    ]


def few(names: Collection[str], there: Collection[str]) -> list[str] | None:
    """Return names as they are written into a query; None if all rows are asked for, because there are many, or these are all."""
    return sorted(names) if len(names) < len(there) and len(names) <= MOST_NAMES else None
