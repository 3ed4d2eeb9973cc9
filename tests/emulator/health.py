# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the health checks of the emulated Cloudflare have found: of each tunnel, by data centre and time."""

from __future__ import annotations

import threading
import time
from typing import Any, Callable, Iterable, Iterator, NamedTuple, Sequence

from .moments import SeedError, from_age, from_timestamp, to_timestamp
from .strict import is_number, is_text
from .values import Json

_NS = 10**9
# Whether a row may be wanted, by the names of its tunnel and of its data centre; of a data centre that is not known yet (None), False is final.
Wanted = Callable[[str, "str | None"], "bool | None"]


class Change(NamedTuple):
    """From a moment on, a tunnel is in a state in some data centres, or in all of them (None).

    Attributes:
        state: 0 down, 0.5 degraded, 1 healthy; None if nothing is reported from then on.
        at: nanoseconds since 1970.
    """

    account_id: str
    tunnel: str
    state: float | None
    data_centers: tuple[str, ...] | None
    at: int


class Row(NamedTuple):
    """The mean of the states that one data centre has reported of one tunnel."""

    tunnel: str
    data_center: str
    state: float


def _names(value: Any, what: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(is_text(item) for item in value):
        raise SeedError(f"{what} must be a list of names")
    return tuple(dict.fromkeys(value))


def _state(value: Any) -> float | None:
    if value is not None and not (is_number(value) and 0 <= value <= 1):
        raise SeedError("the state of a tunnel is 1 (healthy), 0.5 (degraded), 0 (down), or null for no data")
    return value if value is None else float(value)


def _read_change(given: Any, first_account: str) -> Change:
    names = {"account_id", "tunnel", "state", "data_centers", "from", "age_seconds"}
    if not isinstance(given, dict) or set(given) - names or not is_text(given.get("tunnel")) or "state" not in given or {"from", "age_seconds"} <= set(given):
        raise SeedError("a change of health is {tunnel, state, data_centers (all), from (a timestamp) or age_seconds (0), account_id (the first one)}")
    account_id = given.get("account_id", first_account)
    if not is_text(account_id):
        raise SeedError("account_id of a change of health must be a text")
    centers = None if given.get("data_centers") is None else _names(given["data_centers"], "data_centers of a change of health")
    at = from_timestamp(given["from"]) if "from" in given else from_age(given.get("age_seconds", 0), "age_seconds")
    return Change(account_id, given["tunnel"], _state(given["state"]), centers, at)


class Health:
    """Changes of health, and what a query gets to see of them; safe for many threads.

    Args:
        seed: ``data_centers`` (those that report), ``default`` (the state of tunnels until their first change; null for no data), ``delay_seconds``
            (data appears so much later), and ``changes``.
        first_account: which a change belongs to that does not say it.

    Raises:
        SeedError: if the seed makes no sense.
    """

    def __init__(self, seed: Any, first_account: str) -> None:
        known = ("data_centers", "default", "delay_seconds", "changes")
        if not isinstance(seed, dict) or set(seed) - set(known):
            raise SeedError("health of the seed is an object with some of " + ", ".join(known))
        self._lock = threading.Lock()
        self._first_account = first_account
        self._centers = _names(seed.get("data_centers", []), "data_centers of health")
        self._default = _state(seed.get("default"))
        self._delay = seed.get("delay_seconds", 0)
        if not is_number(self._delay) or self._delay < 0:
            raise SeedError("delay_seconds of health must be a number of at least 0")
        if not isinstance(seed.get("changes", []), list):
            raise SeedError("changes of health must be a list")
        self._changes: dict[tuple[str, str], list[Change]] = {}
        for given in seed.get("changes", []):
            self._add(_read_change(given, first_account))

    def _add(self, change: Change) -> None:
        changes = self._changes.setdefault((change.account_id, change.tunnel), [])
        changes.append(change)
        # Of two at one moment, the one that came later counts.
        changes.sort(key=lambda one: one.at)

    def add(self, given: Any) -> Json:
        """Add a change, and return it."""
        with self._lock:
            change = _read_change(given, self._first_account)
            self._add(change)
            return self._shown(change)

    @staticmethod
    def _shown(change: Change) -> Json:
        centers = None if change.data_centers is None else list(change.data_centers)
        found = {"account_id": change.account_id, "tunnel": change.tunnel, "state": change.state, "data_centers": centers}
        return dict(found, **{"from": to_timestamp(change.at, 9)})

    def export(self) -> Json:
        """Return all of it in the form of a seed."""
        with self._lock:
            changes = [self._shown(change) for several in self._changes.values() for change in several]
            return {"data_centers": list(self._centers), "default": self._default, "delay_seconds": self._delay, "changes": changes}

    def rows(self, account_id: str, tunnels: Iterable[str], span: tuple[int, int], wanted: Wanted, order: Sequence[tuple[str, bool]]) -> Iterator[Row]:
        """Yield the rows of an account in an order.

        Args:
            tunnels: the names of those that there are.
            span: from, and up to before, in nanoseconds since 1970.
            order: ``tunnelName`` and ``edgeColoName``, each with whether it descends.
        """
        with self._lock:
            own = {name: list(changes) for (account, name), changes in self._changes.items() if account == account_id}
        start, end = span[0], min(span[1], time.time_ns() - int(self._delay * _NS))
        there = set(tunnels)
        names = [name for name in there | set(own) if wanted(name, None) is not False]
        timelines = {name: _Timelines(own.get(name, ()), self._default if name in there else None, start, end) for name in names}
        centers = {*self._centers, *(center for changes in own.values() for change in changes for center in change.data_centers or ())}
        sides = {"tunnelName": list(timelines), "edgeColoName": list(centers)}
        (outer, down), (inner, inner_down) = order
        for first in sorted(sides[outer], reverse=down):
            for second in sorted(sides[inner], reverse=inner_down):
                tunnel, center = (first, second) if outer == "tunnelName" else (second, first)
                if wanted(tunnel, center):
                    state = timelines[tunnel].mean(center)
                    if state is not None:
                        yield Row(tunnel, center, state)


class _Timelines:
    """The states of one tunnel in a span of time. Nearly all data centres have the same, which is reckoned once."""

    def __init__(self, changes: Sequence[Change], default: float | None, start: int, end: int) -> None:
        self._start, self._end = start, end
        self._default = default
        self._changes = changes
        self._special = {center for change in changes for center in change.data_centers or ()}
        self._usual = self._mean(None)

    def mean(self, center: str) -> float | None:
        """Return the mean of what a data centre has reported, None if that is nothing."""
        return self._mean(center) if center in self._special else self._usual

    def _mean(self, center: str | None) -> float | None:
        own = [change for change in self._changes if change.data_centers is None or center in change.data_centers]
        states = [self._default, *(change.state for change in own)]
        edges = [min(max(moment, self._start), self._end) for moment in (self._start, *(change.at for change in own), self._end)]
        reported = [(until - since, state) for since, until, state in zip(edges, edges[1:], states) if state is not None and until > since]
        total = sum(length for length, dummy_state in reported)
        return sum(length * state for length, state in reported) / total if total else None
