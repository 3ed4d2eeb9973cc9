# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Computes the steps from a design and an account: what happens to each object. Pure; ``_order`` decides the order."""

from __future__ import annotations

import functools
import typing as t
from collections import defaultdict
from dataclasses import replace

from ansible_collections.cloudflare.magic.plugins.module_utils._checks import check_connectors, check_deletions, check_others, check_routes, warn_of_stranded
from ansible_collections.cloudflare.magic.plugins.module_utils._client import canonical
from ansible_collections.cloudflare.magic.plugins.module_utils._design import refusal
from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._fields import known, merged, resets
from ansible_collections.cloudflare.magic.plugins.module_utils._gather import Kept
from ansible_collections.cloudflare.magic.plugins.module_utils._kinds import TUNNELS
from ansible_collections.cloudflare.magic.plugins.module_utils._nexthops import ENDS, through
from ansible_collections.cloudflare.magic.plugins.module_utils._plan import find, identity_then, plan, values_of
from ansible_collections.cloudflare.magic.plugins.module_utils._references import meant, resolved
from ansible_collections.cloudflare.magic.plugins.module_utils._steps import (
    Changes,
    Later,
    Rules,
    Step,
    as_it_is,
    in_doubt,
    label_among,
    label_of,
    objects_after,
    tunnels_after,
)
from ansible_collections.cloudflare.magic.plugins.module_utils._text import listing, plural
from ansible_collections.cloudflare.magic.plugins.module_utils._tree import children_of, key_of

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ansible_collections.cloudflare.magic.plugins.module_utils._design import Design, Item
    from ansible_collections.cloudflare.magic.plugins.module_utils._kind import Kind, Source
    from ansible_collections.cloudflare.magic.plugins.module_utils._references import Lookup
    from ansible_collections.cloudflare.magic.plugins.module_utils._steps import Account

    Json = dict[str, t.Any]


def changes_of(design: Design, account: Account, rules: Rules) -> Changes:
    """Return what happens to each object.

    :arg account: read on demand: a kind that is not needed is never read.
    :raises MagicError: with all problems in combination with the account, before anything is written.
    """
    changes, kept = Changes(), Kept(rules.keep, account)
    for kind in design.kinds:
        items = [item for item in design.items if item.kind is kind]
        if kind.parent is None:
            _Matcher(kind, account, rules, kept, changes).work(items)
        parents = {step.place: step for step in changes.steps if step.kind is kind.parent}
        inside: dict[str, list[Item]] = defaultdict(list)
        for item in items if kind.parent is not None else ():
            inside[item.parent.place if item.parent is not None else ""].append(item)
        for above in (item for item in design.items if kind in item.lists):
            # Objects with problems, and absent ones that should be absent, need no further checks.
            if above.place in parents:
                _Matcher(kind, account, rules, kept, changes, parents[above.place]).work(inside[above.place])
    check_routes(account, changes)
    check_deletions(design, rules, changes)
    check_connectors(account, rules, changes)
    check_others(account, rules, changes)
    warn_of_stranded(account, changes)
    if changes.problems:
        raise refusal(changes.problems)
    return changes


def deletions_inside(kind: Kind, account: Account, actual: Json, label: str) -> list[Step]:
    """Return the steps that delete what belongs to an object, except what is deleted with it because there is one at most."""
    return [
        Step(child, plan(child, None, item), item, f"{label}/{label_of(child, item)}", "", actual["id"], label)
        for child in children_of(kind)
        if not child.is_one
        for item in account[key_of(child, actual["id"])]
    ]


def work_inside(kind: Kind, account: Account, parent: Step, items: Sequence[Item], changes: Changes) -> None:
    """Append the steps that lead to exactly these objects of a parent."""
    _Matcher(kind, account, Rules("overridden"), Kept((), account), changes, parent).work(items)


class _Matcher:
    """Finds the object of one kind, or of one parent, for each item, and decides what happens to it."""

    def __init__(self, kind: Kind, account: Account, rules: Rules, kept: Kept, changes: Changes, parent: Step | None = None) -> None:
        self._kind = kind
        self._parent_id = None if parent is None else parent.token if parent.actual is None else str(parent.actual["id"])
        self._above = "" if parent is None else parent.label
        there = [] if parent is not None and parent.actual is None else account[key_of(kind, self._parent_id)]
        # A kind with at most one object has no ID and needs none.
        self._there = [{"id": "", **item} for item in there] if kind.is_one else there
        self._beside: dict[str, list[Json]] = {}
        self._account = account
        self._rules = rules
        self._kept = kept
        self._changes = changes
        self._by_id: dict[str, Json] = {}
        self._by_keys: dict[tuple[t.Any, ...], list[Json]] = defaultdict(list)
        for item in self._there:
            self._by_id[canonical(item["id"])] = item
            self._by_keys[self._keys(item)].append(item)
        self._taken: dict[str, str] = {}
        self._new: dict[str, str] = {}
        # Objects that an item with their ID renames or reroutes: an item with the old name means another object.
        self._leaving: set[str] = set()
        # Objects that match an item without a change of their identity.
        self._named: set[str] = set()
        # The places of those items.
        self._places: dict[str, str] = {}
        # What the items without an object set.
        self._without: list[Json] = []
        self._place = "" if parent is None else f"{parent.place}.{kind.in_path}" if parent.place else kind.in_path
        self._parent = parent

    def _keys(self, item: Mapping[str, t.Any]) -> tuple[t.Any, ...]:
        found = [known(self._kind.fields[key], item.get(key)) for key in self._kind.keys]
        return tuple(value if isinstance(value, (str, int)) else repr(value) for value in found)

    def work(self, items: Sequence[Item]) -> None:
        """Append the steps for the items, and for objects to delete because no item names them."""
        if self._parent is not None and self._parent.actual is not None:
            self._changes.lists.add((self._kind.several, str(self._parent_id)))
        led = [item for named in map(self._named_by_ids, items) if named is not None for item in [self._led(named)] if item is not None]
        meant = {id(item): self._by_id.get(canonical(item.object_id)) for item in led if item.object_id is not None}
        self._leaving = {actual["id"] for item in led for actual in [meant.get(id(item))] if actual is not None and self._leaves(item, actual)}
        # Exact matches come before changes, and complete items before partial ones.
        for says_all in (True, False):
            self._named = {actual["id"] for actual in meant.values() if actual is not None}
            meant.update({id(item): same for item in led if id(item) not in meant for same in self._as_it_is(item, says_all)})
        self._named = {actual["id"] for actual in meant.values() if actual is not None}
        self._places = {actual["id"]: item.place for item in led for actual in [meant.get(id(item))] if actual is not None}
        for item in led:
            try:
                self._add(item, (self._doomed if self._rules.state == "deleted" else self._meant)(item, meant.get(id(item))))
            except MagicError as error:
                self._blame(item, error)
        doomed = self._there if self._rules.state == "overridden" and not self._kind.given else []
        doomed = [actual for actual in doomed if actual["id"] not in self._taken and not self._why_kept(actual)]
        if self._kind.source is not None and (unclear := self._unclear(self._kind.source, doomed)):
            self._refuse(unclear)
            return
        for actual in doomed:
            self._delete(actual)

    def _unclear(self, source: Source, doomed: Sequence[Json]) -> list[Json]:
        """Return the objects in the way because it is not known what they stand for: one may be what an item means, or must not be deleted."""
        wanted = {name for desired in self._without for name in source.fields.values() if name in desired}
        unclear = [actual for actual in self._there if not source.is_shown(actual) and actual["id"] not in self._taken]
        of_any_type = [actual for actual in unclear if not isinstance(actual.get("type"), str)] if wanted else []
        return [actual for actual in unclear if actual in doomed or actual in of_any_type or source.field_of(actual) in wanted]

    def _refuse(self, unclear: Sequence[Json]) -> None:
        """Report objects that are in the way because it is not known what they stand for."""
        kind, parent = self._kind, self._parent
        whose = "" if parent is None else f" of the {parent.kind.noun} '{parent.label}'"
        self._changes.problems.append(
            f"{self._place}: Cloudflare does not show what these {plural(kind.noun)}{whose} lead to: {in_doubt(kind, unclear)}. "
            f"So it is not known whether the list names them, and none is created or deleted. "
            f"Delete them in Cloudflare's dashboard, name them by {kind.id_option}, or leave {kind.in_path} out."
        )

    def _blame(self, item: Item, error: MagicError) -> None:
        """Report an error of an item."""
        if error.unreadable:
            raise error
        self._changes.say(item, str(error))

    def _named_by_ids(self, item: Item) -> Item | None:
        """Return the item with ids in place of names; None if it has a problem."""
        if not self._kind.refers:
            return item
        try:
            if self._rules.state == "deleted":
                return self._named_as_it_is(item)
            return replace(item, desired=resolved(self._kind.fields, item.desired, self._look_up, ids=not self._kind.validates))
        except MagicError as error:
            self._blame(item, error)
            return None

    def _named_as_it_is(self, item: Item) -> Item | None:
        """Return an item that deletes an object, with the ids of what that is identified by; None if this does not exist, as then neither does the object."""
        names = {name: word for name, word in item.desired.items() if self._kind.fields[name].stands_for in self._kind.identifying}
        if not all(any(meant(other, self._as_of_now(other), word) for other in self._kind.fields[name].of) for name, word in names.items()):
            return None
        return replace(item, desired={**item.desired, **resolved(self._kind.fields, names, self._as_of_now)})

    def _as_of_now(self, other: Kind) -> list[Json]:
        """Return the objects that can be referred to, as they are."""
        return self._account[key_of(other, self._kind.beside(other, self._parent_id))]

    def _label(self, item: Mapping[str, t.Any], lookup: Lookup) -> str:
        """Return the name of an object for people, with that of the object that it belongs to."""
        return "/".join(filter(None, (self._above, label_among(self._kind, item, lookup))))

    def _look_up(self, other: Kind) -> list[Json]:
        """Return the objects that can be referred to, as they will be: for a child, those of its parent."""
        if other.several not in self._beside:
            self._beside[other.several] = objects_after(self._account, self._changes, other, self._kind.beside(other, self._parent_id))
        return self._beside[other.several]

    def _why_kept(self, actual: Json) -> str:
        """Return why an object is not deleted: it is kept, or it contains one that is, which would be deleted with it. Empty if it can be."""
        if self._kept.has(self._kind, actual):
            return "is in keep"
        inside = ((child, item) for child in children_of(self._kind) if not child.is_one for item in self._account[key_of(child, actual["id"])])
        first = next((f"{child.noun} {label_of(child, item)}" for child, item in inside if self._kept.has(child, item)), "")
        return f"contains {first}, which is in keep" if first else ""

    def _delete(self, actual: Json, place: str = "") -> None:
        """Append the steps that delete an object, after those for what belongs to it."""
        label = self._label(actual, self._as_of_now)
        self._changes.steps += deletions_inside(self._kind, self._account, actual, label)
        self._changes.steps.append(Step(self._kind, plan(self._kind, None, actual), actual, label, place, self._parent_id, self._above))

    def _led(self, item: Item) -> Item | None:
        """Return the item with the next hop through its tunnel; None if it needs no step, or has a problem."""
        if item.tunnel is None:
            return item
        option, follows = self._kind.through or ("", "")
        before = self._by_id.get(canonical(item.object_id)) if item.object_id is not None else None
        prefix = item.desired.get("prefix") or str((before or {}).get("prefix"))
        try:
            nexthop = through(option, item.tunnel, prefix, self._tunnels.get(item.tunnel, []))
        except MagicError as error:
            self._blame(item, error)
            return None
        if nexthop is not None:
            return replace(item, desired={**item.desired, follows: nexthop})
        if self._rules.state != "deleted":
            lost = any(tunnel.get("name") == item.tunnel for kind in TUNNELS for tunnel in self._account[kind.several])
            why = " any more: the design renames or deletes it" if lost else ", neither in the design nor in the account"
            self._changes.say(item, f"{option}: there is no tunnel '{item.tunnel}'{why}. These exist: {listing(self._tunnels) or 'none'}.")
        return None

    @functools.cached_property
    def _tunnels(self) -> dict[str, list[tuple[str, Json]]]:
        """The tunnels by name: as they will be, or as they are if objects are deleted, which may include tunnels."""
        found: dict[str, list[tuple[str, Json]]] = defaultdict(list)
        if self._rules.state == "deleted":
            pairs: Iterable[tuple[str, Json]] = ((kind.noun, tunnel) for kind in TUNNELS for tunnel in self._account[kind.several])
        else:
            pairs = tunnels_after(self._account, self._changes, TUNNELS)
        for noun, tunnel in pairs:
            found[str(tunnel.get("name"))].append((noun, tunnel))
        return found

    @functools.cached_property
    def _moving(self) -> dict[str, list[tuple[str, Json]]]:
        """The current tunnels for which this design changes the inner addresses, by their future names."""
        found: dict[str, list[tuple[str, Json]]] = defaultdict(list)
        for step in self._changes.steps:
            if step.kind in TUNNELS and step.actual is not None and step.after is not None and {own for own, dummy in ENDS.values()} & set(step.planned.after):
                found[str(step.after.get("name"))].append((step.kind.noun, {**step.actual, "name": step.after.get("name")}))
        return found

    @functools.cached_property
    def _by_prefix(self) -> dict[t.Any, list[Json]]:
        """The routes to find by a tunnel with changed inner addresses, by their prefixes."""
        found: dict[t.Any, list[Json]] = defaultdict(list)
        for one in self._by_id.values():
            if one["id"] not in self._named:
                found[known(self._kind.fields["prefix"], one.get("prefix"))].append(one)
        return found

    @functools.cached_property
    def _now(self) -> Later:
        return as_it_is(self._account)

    def _group(self, desired: Json) -> list[Json]:
        keys = self._kind.keys_in(desired)
        if keys != self._kind.keys:
            return [one for one in self._there if all(known(self._kind.fields[key], one.get(key)) == desired[key] for key in keys)]
        return self._by_keys.get(self._keys(desired), [])

    def _leaves(self, item: Item, actual: Json) -> bool:
        """Return whether an object gets another name or another place in the routing table."""
        now = values_of(self._kind, self._kind.keys, actual), values_of(self._kind, self._kind.apart, actual)
        then = {key: item.desired.get(key, value) for key, value in now[0].items()}, identity_then(self._kind, item.desired, actual)
        return now != then and self._rules.state != "deleted"

    def _as_it_is(self, item: Item, says_all: bool) -> list[Json]:
        """Return the only object that matches an item without a change of its identity, if there is one.

        :arg says_all: whether missing identity fields of the item mean that the object has none.
        """
        same = [
            one
            for one in self._group(item.desired)
            if one["id"] not in self._named
            and one["id"] not in self._leaving
            and identity_then(self._kind, item.desired, {} if says_all else one) == values_of(self._kind, self._kind.apart, one)
        ]
        return same if len(same) == 1 else []

    def _meant(self, item: Item, own: Json | None) -> Json | None:
        """Return the object that matches an item, or None for a new one.

        :arg own: the one that matches exactly, or by its ID.
        :raises MagicError: if the match is not unique, or there is no object with the ID.
        """
        if own is not None:
            return own
        if item.object_id is not None:
            raise MagicError(f"there is no {self._kind.noun} with the id {item.object_id}. Correct {self._kind.id_option}, or leave it out.")
        group = self._group(item.desired)
        if all(one["id"] in self._named for one in group):
            # An item that can be a new object is one; otherwise it matches one of these again.
            new_is_possible = all(name in item.desired for name in self._kind.required)
            same = [one for one in group if one["id"] not in self._leaving]
            if same and not self._kind.apart:
                raise self._twice(same[0], self._places[same[0]["id"]])
            group = [] if new_is_possible else [one for one in group if one["id"] not in self._leaving]
        found = find(self._kind, group, item.desired)
        if found is not None and found["id"] in self._named and all(name in item.desired for name in self._kind.required):
            return None
        return found or self._moved(item)

    def _doomed(self, item: Item, own: Json | None) -> Json | None:
        """Return the object that an item deletes, or None if there is none.

        :arg own: the one that matches.
        :raises MagicError: if another one matches as well: the next run would delete that.
        """
        if item.object_id is not None:
            return own
        return find(self._kind, [one for one in self._group(item.desired) if one is own or one["id"] not in self._named], item.desired, absent=True)

    def _moved(self, item: Item) -> Json | None:
        """Return the route through the item's tunnel with its earlier inner addresses: this design changes these, or an interrupted run did.

        Such a run leaves a route that has no tunnel and otherwise matches the item.
        """
        option, follows = self._kind.through or ("", "")
        if item.tunnel is None or "prefix" not in item.desired:
            return None
        left = [one for one in self._by_prefix.get(item.desired["prefix"], []) if one["id"] not in self._taken]
        try:
            nexthop = through(option, item.tunnel, item.desired["prefix"], self._moving.get(item.tunnel, []))
        except MagicError:
            nexthop = None  # it had no such inner addresses
        same = [one for one in left if known(self._kind.fields[follows], one.get(follows)) == nexthop]
        if same and nexthop != item.desired[follows]:
            return find(self._kind, same, {**item.desired, follows: nexthop})
        dead = [one for one in left if identity_then(self._kind, item.desired, {}) == values_of(self._kind, self._kind.apart, one)]
        dead = [one for one in dead if not self._now.look_for(one.get(follows))[0]]
        return dead[0] if len(dead) == 1 else None

    def _add(self, item: Item, actual: Json | None) -> None:
        kind, state = self._kind, self._rules.state
        if actual is None:
            self._without.append(item.desired)
        else:
            other = self._taken.setdefault(actual["id"], item.place)
            if other != item.place:
                raise self._twice(actual, other)
        if state == "deleted":
            if kind.given:
                raise MagicError(f"cannot be deleted here. {kind.given} Leave it out.")
            if actual is not None and item.lists:
                # It contains the objects to delete.
                label = self._label(actual, self._as_of_now)
                self._changes.steps.append(Step(kind, plan(kind, {}, actual), actual, label, item.place, self._parent_id, self._above))
            elif actual is not None and (why := self._why_kept(actual)):
                self._changes.warnings.append(f"{item.place}: {label_of(kind, actual)} {why}, so it is not deleted.")
            elif actual is not None:
                self._delete(actual, item.place)
            return
        if actual is None and kind.given:
            raise MagicError(f"there is no {kind.noun} '{item.desired.get('name')}'. {kind.given} Correct the name, or leave it out.")
        desired = item.desired
        if state in ("replaced", "overridden") and actual is not None:
            desired = merged(resets({name: one for name, one in kind.fields.items() if name not in kind.fixed}, desired, actual), desired)
        planned = plan(kind, desired, actual)
        label = self._label(planned.result or {}, self._look_up)
        if actual is None and self._new.setdefault(repr(self._new_identity(desired)), item.place) != item.place:
            raise MagicError(f"is the same {kind.noun} as {self._new[repr(self._new_identity(desired))]} ({label}). Leave one of them out.")
        self._changes.warnings += [f"{item.place}.{warning}" for warning in planned.warnings]
        self._changes.steps.append(Step(kind, planned, actual, label, item.place, self._parent_id, self._above))

    def _twice(self, actual: Json, other: str) -> MagicError:
        return MagicError(f"matches the same {self._kind.noun} as {other} ({label_of(self._kind, actual)}). Leave one of them out.")

    def _new_identity(self, desired: Json) -> Json:
        return {**values_of(self._kind, self._kind.keys_in(desired), desired), **identity_then(self._kind, desired, {})}
