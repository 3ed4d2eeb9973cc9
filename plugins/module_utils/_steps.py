# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What a design requires, as data: a step for each object, and the state of the account after all steps. Pure."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Mapping
from dataclasses import dataclass, field

from ansible_collections.cloudflare.magic.plugins.module_utils._design import DEFAULT_MAX_DELETIONS
from ansible_collections.cloudflare.magic.plugins.module_utils._fields import as_object
from ansible_collections.cloudflare.magic.plugins.module_utils._kinds import ROUTE, WITH_INSIDES
from ansible_collections.cloudflare.magic.plugins.module_utils._nexthops import Insides
from ansible_collections.cloudflare.magic.plugins.module_utils._references import name_of
from ansible_collections.cloudflare.magic.plugins.module_utils._text import listing
from ansible_collections.cloudflare.magic.plugins.module_utils._times import last_generated_on
from ansible_collections.cloudflare.magic.plugins.module_utils._tree import NewId, key_of

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ansible_collections.cloudflare.magic.plugins.module_utils._design import Item
    from ansible_collections.cloudflare.magic.plugins.module_utils._kind import Kind
    from ansible_collections.cloudflare.magic.plugins.module_utils._plan import Plan
    from ansible_collections.cloudflare.magic.plugins.module_utils._references import Lookup

    Json = dict[str, t.Any]
    # The objects of each kind, by ``Kind.several``.
    Account = Mapping[str, list[Json]]

_OPTION = re.compile(r"[a-z0-9_., ]+: ")


@dataclass(frozen=True)
class Rules:
    """The options of a task that apply to a design as a whole.

    :ivar state: of ``_design.STATES``.
    :ivar keep: names and shell patterns of objects that are never deleted.
    :ivar max_deletions: how many objects may be deleted.
    :ivar says_what_to_keep: whether the task has set that, even to an empty list.
    :ivar dry: whether it runs in check mode, so that what Cloudflare would reject must be found here.
    """

    state: str = "merged"
    keep: tuple[str, ...] = ()
    max_deletions: int = DEFAULT_MAX_DELETIONS
    says_what_to_keep: bool = True
    dry: bool = False


@dataclass(frozen=True)
class Step:
    """What happens to one object.

    :ivar planned: the request.
    :ivar actual: the object as it is; None for a new one.
    :ivar label: its name, for messages.
    :ivar place: its place in the design; empty if the design does not name it.
    :ivar parent_id: the id of the object that it belongs to, or the token of one that is created.
    :ivar above: the label of that object.
    """

    kind: Kind
    planned: Plan
    actual: Json | None
    label: str
    place: str = ""
    parent_id: str | None = None
    above: str = ""

    @property
    def token(self) -> NewId:
        """The placeholder in other steps for the future ID of a new object."""
        return NewId(f"(new: {self.place})")

    @property
    def action(self) -> str:
        """What is done: create, update or delete; empty for nothing."""
        return {None: "", "POST": "create", "PUT": "update", "PATCH": "update", "DELETE": "delete"}[self.planned.method]

    @property
    def key(self) -> tuple[str, str]:
        """Its unique key, which is the same in a later plan for the same design."""
        return self.kind.several, self.place or str(self.planned.object_id or self.parent_id)

    @property
    def after(self) -> Json | None:
        """The object as it will be; None if there will be none."""
        return None if self.planned.method == "DELETE" else self.planned.result if self.planned.method else self.actual

    @property
    def where(self) -> str:
        """The beginning of messages about it."""
        return self.place or f"{self.kind.noun} {self.label}".rstrip()


@dataclass
class Changes:
    """What a design requires: a step for each object that it names or deletes, including those that need no request.

    :ivar lists: the lists of existing objects that the design has: the kind of what is in one, and the id of the object.
    """

    steps: list[Step] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    lists: set[tuple[str, str]] = field(default_factory=set)

    def say(self, step: Step | Item, text: str) -> None:
        """Report a problem with an object."""
        where = step.where if isinstance(step, Step) else step.place
        # A text that begins with the name of an option is about that option.
        self.problems.append(f"{where}{'.' if _OPTION.match(text) else ': '}{text}")


def label_of(kind: Kind, item: Mapping[str, t.Any]) -> str:
    """Return the name of an object for people; empty where there is one at most."""
    if kind.is_one:
        return ""
    if kind.keys == ("name",) or (kind.source is not None and item.get("name")):
        return str(item.get("name"))
    if kind is not ROUTE:
        return str(next((item[key] for key in (*kind.keys, *kind.or_keys) if item.get(key)), item.get("id")))
    scope = [str(place) for places in as_object(item.get("scope")).values() if isinstance(places, list) for place in places]
    return f"{item.get('prefix')} via {item.get('nexthop')}, priority {item.get('priority')}" + (f", scope {' '.join(scope)}" if scope else "")


def label_among(kind: Kind, item: Mapping[str, t.Any], lookup: Lookup) -> str:
    """Return the name of an object for people; of one that is identified by another object, the name of that."""
    for own, one in kind.identifying.items():
        if item.get(own) and (name := name_of(one, item[own], lookup)):
            return name
    return label_of(kind, item)


def in_doubt(kind: Kind, objects: Iterable[Mapping[str, t.Any]]) -> str:
    """Return how messages name objects of which it is not known what they stand for."""
    return listing(f"{label_of(kind, item)} (id {item['id']}, type {item.get('type')})" for item in objects)


def tunnels_after(account: Account, changes: Changes, kinds: Sequence[Kind] = WITH_INSIDES) -> Iterator[tuple[str, Json]]:
    """Yield the objects with inner addresses after all steps, with the nouns of the kinds."""
    for kind in kinds:
        steps = [step for step in changes.steps if step.kind is kind]
        touched = {step.actual["id"] for step in steps if step.actual is not None}
        yield from ((kind.noun, step.after) for step in steps if step.after is not None)
        yield from ((kind.noun, item) for item in account[kind.several] if item["id"] not in touched)


def with_health_checks(changes: Changes) -> list[Json]:
    """Return the objects of the design that have health checks and exist after all steps, with the reason why one cannot be healthy."""
    steps = [step for step in changes.steps if step.kind in WITH_INSIDES and step.place and step.after is not None]
    return [{"kind": step.kind.in_design, "name": str((step.after or {}).get("name")), "never_healthy": _obstacle(step)} for step in steps]


def _obstacle(step: Step) -> str | None:
    if as_object((step.after or {}).get("health_check")).get("enabled") is False:
        return "health_check_off"
    return "no_psk" if step.kind.has_psk and last_generated_on(step.actual) is None else None


def objects_after(account: Account, changes: Changes, kind: Kind, parent_id: str | None = None) -> list[Json]:
    """Return the objects of a kind, or of one parent, after all steps; new ones have tokens instead of IDs."""
    steps = [step for step in changes.steps if step.kind is kind and step.parent_id == parent_id]
    touched = {step.actual.get("id") for step in steps if step.actual is not None}
    there = [] if isinstance(parent_id, NewId) else [item for item in account[key_of(kind, parent_id)] if item.get("id") not in touched]
    return [*({"id": step.token, **step.after} for step in steps if step.after is not None), *there]


class Later:
    """Next hops, looked up in the kinds of tunnels one after the other: most are found in the first, and then the others need not be read."""

    def __init__(self, tunnels: t.Callable[[Kind], Iterator[tuple[str, Json]]]) -> None:
        self._tunnels = tunnels
        self._read: list[Insides] = []

    def look_for(self, nexthop: t.Any) -> tuple[bool, str]:
        """Look for a next hop; see ``Insides``."""
        for number, kind in enumerate(WITH_INSIDES):
            if number == len(self._read):
                self._read.append(Insides(self._tunnels(kind)))
            found = self._read[number].look_for(nexthop)
            if found[0]:
                return found
        return False, ""


def as_it_is(account: Account) -> Later:
    """Return what looks up next hops in an account as it is."""
    return Later(lambda kind: ((kind.noun, item) for item in account[kind.several]))
