# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The health of tunnels as variables of their hosts: asked for with one look at all of them, and kept in a cache with the tunnels.

What a cache gives is checked like an answer, and one of other rules is none.
"""

from __future__ import annotations

import re
import typing as t
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from ansible_collections.cloudflare.magic.plugins.module_utils import _watch
from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._health import STATES, UNKNOWN, stamp

if t.TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from ansible_collections.cloudflare.magic.plugins.module_utils._client import Client
    from ansible_collections.cloudflare.magic.plugins.plugin_utils._hosts import Tunnel

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


def ask(client: Client, rules: Rules, tunnels: Iterable[Tunnel], there: Iterable[Tunnel]) -> Json:
    """Ask for the health of tunnels; return what a cache keeps of it.

    :arg tunnels: those that are meant.
    :arg there: all that have been read.
    :raises MagicError: if it cannot be read as a whole.
    """
    names = _names(tunnels)
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


def _names(tunnels: Iterable[Tunnel]) -> Collection[str]:
    return {tunnel.name for tunnel in tunnels if tunnel.name}


def is_usable(health: t.Any, rules: Rules, tunnels: Iterable[Tunnel]) -> bool:
    """Tell whether a cache has kept the health of these tunnels by these rules, in the form in which it was kept."""
    if not isinstance(health, Mapping) or any(health.get(name) != value for name, value in asdict(rules).items()):
        return False
    until, kept = health.get("checked_until"), health.get("tunnels")
    if not isinstance(until, str) or not _STAMP.fullmatch(until) or not isinstance(kept, Mapping):
        return False
    return all(_is_state(kept.get(name)) for name in _names(tunnels))


def _is_state(pair: t.Any) -> bool:
    if not isinstance(pair, (list, tuple)) or len(pair) != 2 or pair[0] not in STATES:
        return False
    state, share = pair
    known = isinstance(share, (int, float)) and not isinstance(share, bool) and 0 <= share <= 1
    return share is None if state == UNKNOWN else known


def variables_of(health: Json | None, tunnel: Tunnel) -> Json:
    """Return what a host knows of its tunnel's health: nothing, if nobody asked for it."""
    if health is None:
        return {}
    state, share = health["tunnels"].get(tunnel.name, (UNKNOWN, None))
    return {"tunnel_health": str(state), "tunnel_health_share": share, "tunnel_health_checked_until": str(health["checked_until"])}
