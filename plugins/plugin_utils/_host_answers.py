# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What Cloudflare is asked for an inventory: the objects of each kind, and the health of all tunnels with one look.

The health is kept in a cache with the objects. What a cache gives is checked like an answer, and one of other rules is none.
"""

from __future__ import annotations

import re
import typing as t
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from ansible_collections.cloudflare.magic.plugins.module_utils import _watch
from ansible_collections.cloudflare.magic.plugins.module_utils._calls import list_all
from ansible_collections.cloudflare.magic.plugins.module_utils._client import Client
from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._health import STATES, UNKNOWN, stamp
from ansible_collections.cloudflare.magic.plugins.plugin_utils._host_kinds import KINDS
from ansible_collections.cloudflare.magic.plugins.plugin_utils._hosts import Answer

if t.TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from ansible_collections.cloudflare.magic.plugins.module_utils._settings import Settings
    from ansible_collections.cloudflare.magic.plugins.plugin_utils._hosts import Filters, Item

    Json = dict[str, t.Any]

_STAMP = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")


@dataclass(frozen=True)
class Rules:
    """What counts: how many seconds back, and from which share of the data centers on a tunnel is healthy."""

    window: int
    min_healthy_share: float


def rules_of(option: Callable[[str], t.Any], templated: Callable[[t.Any], t.Any]) -> Rules | None:
    """Return what counts, by the options of the inventory; None if nobody asks for the health.

    :raises MagicError: naming the option and the fix.
    """
    if not option("health"):
        return None
    window = _watch.window_of(str(templated(option("health_window"))), "health_window")
    return Rules(window, _watch.share_of(option("health_min_healthy_share"), "health_min_healthy_share"))


def read(settings: Settings, filters: Filters, rules: Rules | None, tell: Callable[[str], None]) -> Answer:
    """Read what becomes hosts, with a client of its own, which is closed before Ansible forks its workers from this process.

    :arg rules: None if the health is not wanted.
    :arg tell: called with a line when the client waits for long.
    :raises MagicError: if something cannot be read.
    """
    answer = Answer(settings.account_id, settings.api_url)
    client = Client(settings)
    client.tell = tell
    try:
        lists: dict[str, list[Json]] = {}
        for kind in filters.read:
            try:
                lists[kind] = list_all(client, KINDS[kind].kind)
            except MagicError as error:
                raise filters.not_read(kind, bool(lists), error) from None
        for kind, objects in lists.items():
            # An object may quote a license key that was read after it.
            answer.add(kind, client.without_quotes(objects))
        answer.ahead = float(round((client.now() - answer.now()).total_seconds()))
        if rules is not None:
            answer.health = _ask(client, rules, filters.choose(answer, []), answer.all())
    finally:
        client.close()
    return answer


def _ask(client: Client, rules: Rules, items: Iterable[Item], there: Iterable[Item]) -> Json:
    """Ask for the health of tunnels; return what a cache keeps of it.

    :arg items: those that are meant.
    :arg there: all that have been read, of whatever kind.
    :raises MagicError: if it cannot be read as a whole.
    """
    names = _names(items)
    since, until = _watch.span(client.now(), rules.window, None)
    try:
        tally = _watch.look(client, names, _names(there), since, until) if names else None
    except MagicError as error:
        raise error.explained(
            f"health: the health of the tunnels cannot be read, so there are no hosts. {error} To list the tunnels without it, set health to false."
        ) from None
    found = tally.result(until, rules.min_healthy_share) if tally else []
    kept = {one["name"]: [one["state"], one["healthy_share"]] for one in found}
    return {**asdict(rules), "checked_until": stamp(until), "tunnels": kept}


def _names(items: Iterable[Item]) -> Collection[str]:
    return {item.name for item in items if item.name and KINDS[item.kind].tunnel_type}


def is_usable(health: t.Any, rules: Rules, items: Iterable[Item]) -> bool:
    """Return whether a cache has kept the health of the tunnels among these by these rules, in the form in which it was kept."""
    if not isinstance(health, Mapping) or any(health.get(name) != value for name, value in asdict(rules).items()):
        return False
    until, kept = health.get("checked_until"), health.get("tunnels")
    if not isinstance(until, str) or not _STAMP.fullmatch(until) or not isinstance(kept, Mapping):
        return False
    return all(_is_state(kept.get(name)) for name in _names(items))


def _is_state(pair: t.Any) -> bool:
    if not isinstance(pair, (list, tuple)) or len(pair) != 2 or pair[0] not in STATES:
        return False
    state, share = pair
    known = isinstance(share, (int, float)) and not isinstance(share, bool) and 0 <= share <= 1
    return share is None if state == UNKNOWN else known


def variables_of(health: Json | None, item: Item) -> Json:
    """Return the variables about the health of a host's tunnel: none if the health was not read, or if it is not a tunnel."""
    if health is None or not KINDS[item.kind].tunnel_type:
        return {}
    state, share = health["tunnels"].get(item.name, (UNKNOWN, None))
    return {"tunnel_health": str(state), "tunnel_health_share": share, "tunnel_health_checked_until": str(health["checked_until"])}
