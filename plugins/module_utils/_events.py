# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Derives events, and the new known state, from the known state and an account. Pure."""

from __future__ import annotations

import hashlib
import json
import typing as t
from dataclasses import dataclass, field, replace
from datetime import timedelta
from uuid import NAMESPACE_URL, uuid5

from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._fields import flat, told
from ansible_collections.cloudflare.magic.plugins.module_utils._health import stamp
from ansible_collections.cloudflare.magic.plugins.module_utils._kinds import TUNNEL_TYPES
from ansible_collections.cloudflare.magic.plugins.module_utils._known import Due, Known, State
from ansible_collections.cloudflare.magic.plugins.module_utils._options import SHARED, ArgumentSpec
from ansible_collections.cloudflare.magic.plugins.module_utils._policy import Policy
from ansible_collections.cloudflare.magic.plugins.module_utils._selection import by_name, by_name_or_id
from ansible_collections.cloudflare.magic.plugins.module_utils._text import harmless, listing, shown
from ansible_collections.cloudflare.magic.plugins.module_utils._times import age, from_future, last_generated_on, parse_age, parse_timestamp, same_moment

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from ansible_collections.cloudflare.magic.plugins.module_utils._kind import Kind

    Json = dict[str, t.Any]

PSK_DUE, PSK_REPLACED, HEALTH, CHANGED, MADE, DELETED = EVENTS = (
    "psk_due",
    "psk_replaced",
    "tunnel_health",
    "tunnel_changed",
    "tunnel_made",
    "tunnel_deleted",
)

OPTIONS = SHARED.merge(
    ArgumentSpec(
        {
            "events": {"type": "list", "elements": "str", "choices": list(EVENTS), "default": list(EVENTS)},
            "tunnel_types": {"type": "list", "elements": "str", "choices": list(TUNNEL_TYPES), "default": list(TUNNEL_TYPES)},
            "names": {"type": "list", "elements": "str"},
            "exclude": {"type": "list", "elements": "str"},
            "max_age": {"type": "str", "default": "90d"},
            "remind_after": {"type": "str"},
            "window": {"type": "str", "default": "5m"},
            "min_healthy_share": {"type": "float", "default": 0.9},
            "poll_interval": {"type": "str", "default": "1m"},
            "state_file": {"type": "path"},
            # Members that ansible-rulebook sets or expects.
            "feedback": {"type": "bool", "default": False},
        }
    )
)


@dataclass(frozen=True)
class Watch:
    """The events to emit, as parsed options.

    :ivar events: of ``EVENTS``.
    :ivar max_age: seconds after which a key is due.
    :ivar remind_after: seconds after which a key that is still in force is reported again; None for never.
    """

    events: frozenset[str] = frozenset(EVENTS)
    types: tuple[str, ...] = tuple(TUNNEL_TYPES)
    names: tuple[str, ...] | None = None
    exclude: tuple[str, ...] = ()
    max_age: int = 90 * 86400
    remind_after: int | None = None

    @classmethod
    def of(cls, options: Mapping[str, t.Any]) -> Watch:
        """Read the options.

        :raises MagicError: naming the option and what to do.
        """
        for name in ("events", "tunnel_types", "names"):
            if options[name] is not None and not options[name]:
                raise MagicError(f"{name} is empty, so no event would ever be emitted. Leave it out to get all events.")
        items = {name: tuple(item.strip() for item in options[name] or ()) for name in ("names", "exclude")}
        for name, several in items.items():
            if not all(several):
                raise MagicError(f"{name} contains an empty string. Leave it out.")
        remind_after = None if options["remind_after"] is None else parse_age(options["remind_after"], "remind_after")
        if remind_after is not None and remind_after < 1:
            raise MagicError("remind_after must be at least 1s. Leave it out to get one event for each key.")
        names = None if options["names"] is None else items["names"]
        types = tuple(name for name in TUNNEL_TYPES if name in options["tunnel_types"])
        return cls(frozenset(options["events"]), types, names, items["exclude"], parse_age(options["max_age"]), remind_after)

    def means(self, tunnel_id: str, *names: str) -> bool:
        """Return whether a tunnel is selected by its current or an earlier name."""
        wanted = self.names is None or any(by_name(self.names, name) for name in names)
        return wanted and not any(by_name_or_id(self.exclude, name, tunnel_id) for name in names)


@dataclass(frozen=True)
class Seen:
    """What an account has.

    :ivar now: by Cloudflare's clock.
    :ivar tunnels: by type and id.
    :ivar health: what is known of each name; None if the health was not read, or could not be read.
    """

    account_id: str
    api_url: str
    now: datetime
    tunnels: Mapping[str, Mapping[str, Json]]
    health: Mapping[str, Json] | None = None

    @classmethod
    def of(cls, account_id: str, api_url: str, now: datetime, lists: Mapping[str, Sequence[Json]], health: Sequence[Json] | None) -> Seen:
        """Store lists of tunnels by type, and the health by tunnel."""
        tunnels = {kind: {str(item["id"]): item for item in items} for kind, items in lists.items()}
        return cls(account_id, api_url, now, tunnels, None if health is None else {one["name"]: one for one in health})


@dataclass
class Outcome:
    """What has happened.

    :ivar events: in the order in which to emit them.
    :ivar state: the new known state. It contains the events until they are delivered.
    :ivar notes: lines for a log.
    """

    events: list[Json]
    state: State
    notes: list[str] = field(default_factory=list)


def name_of(tunnel: Mapping[str, t.Any]) -> str:
    """Return the name of a tunnel; empty if it is not a string."""
    name = tunnel.get("name")
    return name if isinstance(name, str) else ""


def compare(before: State | None, seen: Seen, watch: Watch, started: bool = False) -> Outcome:
    """Derive what has happened since the last poll.

    :arg before: None if nothing was known: the current state is then the known state, and only keys can be due.
    :arg started: whether this is the first poll of a process, so that an earlier process may have been killed.
    """
    kept = State(seen.account_id, seen.api_url, {}, {}) if before is None else before
    after = replace(kept, forms=dict(_FORMS), tunnels={**kept.tunnels}, unsent=[])
    events: list[Json] = []
    for kind, items in seen.tunnels.items():
        known = kept.tunnels.get(kind)
        after.tunnels[kind] = {}
        for tunnel_id, item in items.items():
            past = None if known is None else known.get(tunnel_id)
            now = _known(TUNNEL_TYPES[kind], item, past, seen)
            happened = [] if known is None else list(_happened(kept, kind, past, now, seen))
            if watch.means(tunnel_id, now.name, *([] if past is None else [past.name])):
                due = _due(item, past, seen, watch, started and not _in_doubt(kept, kind, tunnel_id)) if kind == "ipsec" else None
                if due is not None:
                    now.due = Due(now.generated, stamp(seen.now))
                    happened.append((PSK_DUE, due))
                events += [event_of(seen, name, kind, tunnel_id, now.name, **more) for name, more in happened if name in watch.events]
            after.tunnels[kind][tunnel_id] = now
        gone = [(tunnel_id, past.name) for tunnel_id, past in (known or {}).items() if tunnel_id not in items and DELETED in watch.events]
        events += [event_of(seen, DELETED, kind, tunnel_id, name) for tunnel_id, name in gone if watch.means(tunnel_id, name)]
    after.unsent = [*(event for event in _still_so(kept.unsent, after) if event["type"] in watch.events), *events]
    return Outcome(after.unsent, after, [*_doubtful_ages(seen, watch), *(_left_over(kept, after, watch) if started else [])])


def _digest(value: t.Any) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


# Which fields are compared, by type: if a later version of this collection compares others, that is not a change of a tunnel.
_FORMS = {
    name: _digest(sorted(flat({field: dict.fromkeys(one.parts) if one.parts else None for field, one in kind.fields.items()})))
    for name, kind in TUNNEL_TYPES.items()
}


def _known(kind: Kind, item: Json, past: Known | None, seen: Seen) -> Known:
    """Return what is kept of a tunnel. What could not be read stays as it was."""
    name = name_of(item)
    health = None if past is None else past.health
    if seen.health is not None and name in seen.health:
        health = str(seen.health[name]["state"])
    generated = last_generated_on(item) if kind.has_psk else None
    due = None if past is None or past.due is None or not same_moment(past.due.of, generated) else past.due
    # The values of the fields are compared, and not stored.
    fields = {path: _digest(value) for path, value in flat(told(kind.fields, item)).items()}
    return Known(name, generated, fields, health, due)


def _happened(before: State, kind: str, past: Known | None, now: Known, seen: Seen) -> Iterator[tuple[str, Json]]:
    """Yield what is new about a tunnel: events and their data."""
    if past is None:
        yield MADE, {}
        return
    if now.generated is not None and not same_moment(past.generated, now.generated):
        yield PSK_REPLACED, {"last_generated_on": now.generated, "before": past.generated}
    changed = {path for path in {*past.fields, *now.fields} if past.fields.get(path) != now.fields.get(path)}
    if changed and before.forms.get(kind) == _FORMS[kind]:
        yield CHANGED, {"fields": sorted(changed), "name_before": past.name}
    # The first known state of a tunnel is not a change.
    if seen.health is not None and past.health is not None and now.health != past.health:
        said = seen.health[now.name]
        yield HEALTH, health_details(said["state"], past.health, said)


def health_details(state: str, before: str | None, said: Mapping[str, t.Any]) -> Json:
    """Return the event that a state of a tunnel's health leads to, whatever its source; None if it leads to none."""
    return {"state": state, "before": before, **{name: said.get(name) for name in ("healthy_share", "data_centers", "worst", "checked_until")}}


def _due(item: Json, past: Known | None, seen: Seen, watch: Watch, started: bool) -> Json | None:
    """Return the data of the event for a key that is due; None if it is not due, or was reported."""
    generated = last_generated_on(item)
    try:
        reason = Policy("expired", watch.max_age).why_due(parse_timestamp(generated), seen.now)
    except MagicError:
        return None
    if reason == "not_due" or PSK_DUE not in watch.events:
        return None
    said = past.due if past is not None and past.due is not None and same_moment(past.due.of, generated) else None
    if said is not None and not (watch.remind_after is not None and (started or _over(said, watch.remind_after, seen.now))):
        return None
    return {
        "reason": reason,
        "psk_age": age(generated, seen.now),
        "last_generated_on": generated,
        "max_age": watch.max_age,
        "reminder": said is not None,
    }


def _over(said: Due, seconds: int, now: datetime) -> bool:
    moment = parse_timestamp(said.at)
    # A wrong clock may have dated it in the future.
    return moment is None or abs(now - moment) >= timedelta(seconds=seconds)


def event_of(seen: Seen, event: str, kind: str | None, tunnel_id: str, name: str, **more: t.Any) -> Json:
    """Return an event. Values from Cloudflare are in it as text that is not a template, because ansible-rulebook turns them into variables."""
    # In one second, the notifications of two tunnels that are known by their names alone may come, or two of one tunnel.
    mark = "|".join((seen.api_url, seen.account_id, event, str(kind), tunnel_id, stamp(seen.now), name, json.dumps(more, sort_keys=True)))
    told: Json = harmless(
        {
            "type": event,
            "account_id": seen.account_id,
            "tunnel": {"id": tunnel_id, "name": name, "tunnel_type": kind},
            "at": stamp(seen.now),
            "repeated": False,
            **more,
        }
    )
    # ansible-rulebook uses an event's own identity, if it has one.
    return {**told, "meta": {"uuid": str(uuid5(NAMESPACE_URL, mark.encode("utf-8", "backslashreplace").decode()))}}


def _in_doubt(state: State, kind: str, tunnel_id: str) -> bool:
    """Return whether an earlier process was killed while it reported this key."""
    told = harmless(tunnel_id)
    return any(event["type"] == PSK_DUE and event["tunnel"]["id"] == told and event["tunnel"]["tunnel_type"] == kind for event in state.unsent)


def _still_so(unsent: Sequence[Json], state: State) -> Iterator[Json]:
    """Yield the events that an earlier process may not have delivered. A key that was replaced since then is no longer due."""
    due = {harmless(tunnel_id): one.due for tunnel_id, one in state.tunnels.get("ipsec", {}).items() if one.due is not None}
    for event in unsent:
        told = due.get(event["tunnel"]["id"])
        if event["type"] != PSK_DUE or (told is not None and harmless(told.of) == event["last_generated_on"]):
            yield {**event, "repeated": True}


def _doubtful_ages(seen: Seen, watch: Watch) -> Iterator[str]:
    if PSK_DUE not in watch.events:
        return
    dated = {tunnel_id: last_generated_on(item) for tunnel_id, item in seen.tunnels.get("ipsec", {}).items() if watch.means(tunnel_id, name_of(item))}
    future = [shown(tunnel_id) for tunnel_id, generated in dated.items() if from_future(generated, seen.now)]
    if future:
        yield f"Cloudflare dates the keys of these tunnels in the future, so it is not known when they are due: {listing(future)}. Replace them."
    unread = [shown(tunnel_id) for tunnel_id, generated in dated.items() if generated and not _is_readable(generated)]
    if unread:
        yield f"Cloudflare's date of the keys of these tunnels cannot be read, so it is not known when they are due: {listing(unread)}. Report it."


def _is_readable(generated: str) -> bool:
    try:
        parse_timestamp(generated)
    except MagicError:
        return False
    return True


def _left_over(before: State, after: State, watch: Watch) -> Iterator[str]:
    """Yield what an earlier process reported and what is not reported again although it still applies."""
    past, now = (state.tunnels.get("ipsec", {}) for state in (before, after))
    same = [tunnel_id for tunnel_id, one in now.items() if one.due is not None and tunnel_id in past and one.due == past[tunnel_id].due]
    left = [shown(now[tunnel_id].name) for tunnel_id in same if not _in_doubt(before, "ipsec", tunnel_id)]
    if left and watch.remind_after is None and PSK_DUE in watch.events:
        yield (
            f"The keys of these tunnels are still due. An earlier run has emitted psk_due for them, and it is not emitted again: {listing(left)}. "
            "If nothing acts on that event any more, replace the keys with the playbook cloudflare.magic.rotate_psks, or set remind_after to "
            "emit the event again."
        )
