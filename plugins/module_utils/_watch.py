# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Queries the health of tunnels, once or until they are healthy."""

from __future__ import annotations

import time
import typing as t
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from ansible_collections.cloudflare.magic.plugins.module_utils._calls import Account
from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._health import (
    Tally,
    few,
    gave_up,
    in_words,
    not_healthy,
    pause,
    query,
    rows_of,
    same_names,
    stamp,
)
from ansible_collections.cloudflare.magic.plugins.module_utils._kinds import WITH_INSIDES
from ansible_collections.cloudflare.magic.plugins.module_utils._options import SHARED, ArgumentSpec
from ansible_collections.cloudflare.magic.plugins.module_utils._selection import by_name, check_names
from ansible_collections.cloudflare.magic.plugins.module_utils._times import CLOCKS_DIFFER, parse_age, parse_timestamp

if t.TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from ansible_collections.cloudflare.magic.plugins.module_utils._client import Client

    Json = dict[str, t.Any]

OPTIONS = SHARED.merge(
    ArgumentSpec(
        {
            "names": {"type": "list", "elements": "str"},
            "window": {"type": "str", "default": "5m"},
            "since": {"type": "str"},
            "min_healthy_share": {"type": "float", "default": 0.9},
            "wait_for": {"type": "str", "choices": ["healthy"]},
            "wait_timeout": {"type": "str", "default": "5m"},
            "poll_interval": {"type": "str", "default": "10s"},
        }
    )
)

# The longest period of one query.
_LONGEST_WINDOW = 7 * 86400


@dataclass(frozen=True)
class Wish:
    """The parsed options of a task.

    :ivar since: data from before does not count, if it is set.
    """

    names: tuple[str, ...]
    window: int
    since: datetime | None
    min_healthy_share: float
    wait: bool
    wait_timeout: int
    poll_interval: int

    @classmethod
    def of(cls, options: Mapping[str, t.Any]) -> Wish:
        """Read the options.

        :raises MagicError: naming the option and the fix.
        """
        wait_timeout, poll_interval = (parse_age(options[name], name) for name in ("wait_timeout", "poll_interval"))
        if options["names"] is not None and not options["names"]:
            raise MagicError("names is empty. Name at least one tunnel, or leave it out for all of them.")
        window, share = window_of(options["window"], "window"), share_of(options["min_healthy_share"], "min_healthy_share")
        if poll_interval < 1:
            raise MagicError("poll_interval must be at least 1s.")
        names = tuple(name.strip() for name in options["names"] or [])
        waits = options["wait_for"] is not None
        return cls(names, window, _since(options["since"]), share, waits, wait_timeout, poll_interval)


def window_of(text: str, option: str) -> int:
    """Return how many seconds to look back.

    :raises MagicError: naming the option and the fix.
    """
    window = parse_age(text, option)
    if not 1 <= window <= _LONGEST_WINDOW:
        raise MagicError(f"{option} must be from 1s to 7d, the longest period that Cloudflare provides.")
    return window


def share_of(share: float, option: str) -> float:
    """Return the share of data centers that have to see a tunnel healthy.

    :raises MagicError: naming the option and the fix.
    """
    if not 0 < share <= 1:
        raise MagicError(f"{option} must be above 0 and at most 1, like 0.9 for nine of ten data centers.")
    return share


def _since(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = parse_timestamp(text)
        if moment is not None:
            return moment.astimezone(timezone.utc)
    except (MagicError, OverflowError):
        pass
    raise MagicError(f"since: '{text}' is not a time. Write it like 2026-01-31T12:00:00Z.")


def check(options: Mapping[str, t.Any]) -> list[str]:
    """Check what the argument specification cannot, before anything is sent.

    :raises MagicError: naming the option and the fix.
    """
    Wish.of(options)
    return []


def tunnel_names(client: Client) -> Counter[str]:
    """Return how many objects with health checks have each name: the data has only names, not the kinds of tunnels."""
    account = Account(client)
    return Counter(str(item.get("name")) for kind in WITH_INSIDES for item in account[kind.several])


def look(client: Client, names: Collection[str], there: Collection[str], since: datetime, until: datetime) -> Tally:
    """Read what the data centers say of tunnels.

    :arg names: of the selected tunnels.
    :arg there: of all tunnels.
    :arg since: data from before does not count.
    :raises MagicError: if it cannot be read as a whole.
    """
    tally = Tally(names)
    after = None
    while since < until:
        data = client.graphql(*query(client.settings.account_id, since, until, few(names, there), after))
        after = tally.add(rows_of(data))
        if after is None:
            break
    return tally


def span(now: datetime, window: int, since: datetime | None) -> tuple[datetime, datetime]:
    """Return the period from which data counts, in whole seconds."""
    until = now.replace(microsecond=0)
    start = until - timedelta(seconds=window)
    if since is not None:
        whole = since.replace(microsecond=0)
        start = max(start, whole + timedelta(seconds=1) if since.microsecond else whole)
    return start, until


def work(client: Client, options: Mapping[str, t.Any]) -> Json:
    """Do the work of the module.

    :arg options: validated by ``OPTIONS`` and ``check``.
    :returns: the module's result, which is a failed one if a wait timed out.
    :raises MagicError: if the health cannot be read.
    """
    wish = Wish.of(options)
    there = tunnel_names(client)
    check_names("names", wish.names, there, "tunnel")
    names = {name for name in there if by_name(wish.names, name)} if wish.names else set(there)
    warnings = same_names(names, there)
    # By the clock of a response, which exists by now and is later than every change to wait for.
    since = client.afterwards() if wish.wait and wish.since is None else wish.since
    if since is not None and since - client.now() > CLOCKS_DIFFER:
        raise MagicError(
            f"since: '{stamp(since)}' is in the future: it is {stamp(client.now())} by Cloudflare's clock. Use a time that Cloudflare shows, such as "
            "last_generated_on of a key, or leave since out."
        )
    # Data arrives gradually: the first data centers do not prove that a tunnel is healthy.
    start, dummy = span(client.now(), wish.window, since)
    before = look(client, names, there, start - timedelta(seconds=wish.window), start) if wish.wait else None
    end = time.monotonic() + wish.wait_timeout
    told = ""
    while True:
        sent, (start, until) = client.sent, span(client.now(), wish.window, since)
        tunnels = look(client, names, there, start, until).result(until, wish.min_healthy_share, before)
        for one in tunnels:
            one["same_name"] = there[one["name"]]
        result: Json = {"changed": False, "tunnels": tunnels, **({"warnings": warnings} if warnings else {})}
        words, done, queries = in_words(tunnels), not not_healthy(tunnels), client.sent - sent
        if wish.wait and queries and words != told and (told or not done):
            client.tell(words)
            told = words
        if done or not wish.wait:
            return result
        left = end - time.monotonic()
        if left <= 0:
            return {**result, "failed": True, "msg": gave_up(tunnels, wish.wait_timeout, start)}
        time.sleep(min(left, pause(wish.poll_interval, queries)))
