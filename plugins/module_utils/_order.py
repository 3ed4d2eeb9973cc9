# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""In which order the steps of a design are carried out, and which of them go into one request. Pure.

An object can only get a name, an inner network or a place in the routing table that no other one has. So it is changed after the object that gives it up;
if several objects of a kind exchange theirs, one request changes them all.
"""

from __future__ import annotations

import typing as t
from collections import defaultdict
from dataclasses import dataclass, field

try:
    import graphlib
except ImportError:  # Python 3.8, which no controller has
    graphlib = None  # type: ignore[assignment]

from ansible_collections.cloudflare.magic.plugins.module_utils._design import refusal
from ansible_collections.cloudflare.magic.plugins.module_utils._fields import as_object
from ansible_collections.cloudflare.magic.plugins.module_utils._kinds import ROUTE, WITH_INSIDES
from ansible_collections.cloudflare.magic.plugins.module_utils._nexthops import ENDS, Insides, interface_of
from ansible_collections.cloudflare.magic.plugins.module_utils._plan import values_of
from ansible_collections.cloudflare.magic.plugins.module_utils._references import MAYBE_TWICE, references, sole
from ansible_collections.cloudflare.magic.plugins.module_utils._steps import label_of
from ansible_collections.cloudflare.magic.plugins.module_utils._text import listing
from ansible_collections.cloudflare.magic.plugins.module_utils._tree import KINDS, NewId, key_of

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ansible_collections.cloudflare.magic.plugins.module_utils._kind import Kind
    from ansible_collections.cloudflare.magic.plugins.module_utils._steps import Account, Changes, Step

    Json = dict[str, t.Any]
    # What only one object can have: its type, its scope and the value.
    Claim = tuple[str, str, str]


@dataclass
class Ordered:
    """Steps in their order.

    :ivar steps: those that need a request.
    :ivar needs: for each step, the steps that it depends on.
    :ivar requests: the steps of each request, one after the other; those in one are of one kind and method.
    :ivar unit: for each step, a number that it shares with the steps that must be in the same request.
    """

    steps: list[Step]
    needs: list[set[int]] = field(default_factory=list)
    requests: list[list[int]] = field(default_factory=list)
    unit: list[int] = field(default_factory=list)


def ordered(account: Account, changes: Changes, batch_size: int) -> Ordered:
    """Return the steps of a design in their order.

    :raises MagicError: if there is no valid order, or two objects would have what only one can have; before anything is written.
    """
    result = Ordered([step for step in changes.steps if step.planned.method])
    if not result.steps:
        return result
    result.needs = [set() for dummy in result.steps]
    problems = _who_waits_for_whom(account, changes, result)
    units: list[list[int]] = []
    _who_waits_for_new_ones(result)
    _deletions_wait_for_references(result)
    if not problems:
        _routes_wait_for_tunnels(result)
        needs = result.needs
        result.needs = [own | more for own, more in zip(needs, _tunnels_wait_for_routes(result))]
        impossible: list[str] = []
        units = _together(result, impossible)
        if impossible:
            result.needs = needs
            units = _together(result, problems)
    if problems:
        raise refusal(problems)
    result.requests = list(_requests(result, units, batch_size))
    return result


def _claims(kind: Kind, item: Mapping[str, t.Any] | None, parent_id: str | None = None) -> Iterator[Claim]:
    """Yield what an object has that no other one can have."""
    if item is None:
        return
    yield from ((what, "" if kind.alone_everywhere else str(parent_id), value) for what, value in sole(kind, item))
    if kind not in (*WITH_INSIDES, ROUTE):
        return
    if kind is ROUTE:
        yield "route", "", repr([*values_of(kind, kind.keys, item).values(), *values_of(kind, kind.apart, item).values()])
        return
    # Cloudflare documents that the name of an IPsec tunnel is unique among all tunnels.
    yield "name", "", str(item.get("name"))
    ends = [str(item.get(end) or "") for end in kind.ends]
    if ends and all(ends):
        yield "pair of endpoints", kind.several, " and ".join(ends)
    for own, dummy in ENDS.values():
        try:
            network = interface_of(item.get(own)).network
        except ValueError:
            continue
        # In blocks that a network of another usual size contains completely or not at all.
        parts = network.subnets(new_prefix=network.max_prefixlen - 1) if network.num_addresses in (2, 4) else [network]
        yield from (("inner network", "", str(part)) for part in parts)
    identity = as_object(item.get("custom_remote_identities")).get("fqdn_id")
    if identity:
        yield "fqdn_id", str(ends[:1]), str(identity)


def _who_waits_for_whom(account: Account, changes: Changes, result: Ordered) -> list[str]:
    """Fill in which steps need what another one gives up; return the conflicts."""
    before: dict[Claim, list[Step]] = defaultdict(list)
    after: dict[Claim, list[Step]] = defaultdict(list)
    for step in changes.steps:
        for claim in _claims(step.kind, step.actual, step.parent_id):
            before[claim].append(step)
        for claim in _claims(step.kind, step.after, step.parent_id):
            after[claim].append(step)
    numbers = {id(step): number for number, step in enumerate(result.steps)}
    names = _names_of_others(account, changes)
    problems = []
    for step, needs in zip(result.steps, result.needs):
        had = set(_claims(step.kind, step.actual, step.parent_id))
        for claim in set(_claims(step.kind, step.after, step.parent_id)) - had:
            what = "this route" if claim[0] == "route" else f"the {claim[0]} {claim[2]}"
            rival = next((other for other in after[claim] if other is not step), None) if claim[0] not in MAYBE_TWICE else None
            if rival is not None or claim in names:
                owner = rival.where if rival is not None else names[claim]
                problems.append(f"{step.where}: {what} is also used by {owner}. Only one of them can use it.")
            for other in before[claim]:
                if other is step:
                    continue
                if other.planned.method == "DELETE":
                    problems.append(
                        f"{step.where}: {what} is still used by {other.kind.noun} {other.label}, which this run deletes last. "
                        "Delete it first, in a separate task with state: deleted, and run this task again."
                    )
                elif other.planned.method:
                    needs.add(numbers[id(other)])
    return problems


def _who_waits_for_new_ones(result: Ordered) -> None:
    """Fill in which steps have the token of a new object instead of its ID."""
    new: dict[str, int] = {step.token: number for number, step in enumerate(result.steps) if step.planned.method == "POST" and step.place}
    for step, needs in zip(result.steps, result.needs):
        needs.update(new[token] for token in _tokens([step.planned.body, step.parent_id]) if token in new)


def _deletions_wait_for_references(result: Ordered) -> None:
    """Fill in which steps no longer refer to an object that is deleted: Cloudflare rejects the deletion until then, also in a dry run."""
    gone = {
        step.actual["id"]: number for number, step in enumerate(result.steps) if step.action == "delete" and step.actual is not None and step.actual.get("id")
    }
    for number, step in enumerate(result.steps if gone else ()):
        for dummy, object_id in references(step.kind.fields, step.actual or {}):
            if gone.get(object_id, number) != number:
                result.needs[gone[object_id]].add(number)


def _tokens(value: t.Any) -> Iterator[str]:
    if isinstance(value, NewId):
        yield value
    elif isinstance(value, (dict, list)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _tokens(item)


def _names_of_others(account: Account, changes: Changes) -> dict[Claim, str]:
    """Return the names, and the places in the routing table, of objects that no step is about."""
    found = {}
    for kind in {step.kind.several: step.kind for step in changes.steps}.values():
        certain = ["name", "route"] if kind in (*WITH_INSIDES, ROUTE) else [what for what in kind.alone if what not in MAYBE_TWICE]
        if not certain:
            continue
        touched = {step.actual["id"] for step in changes.steps if step.kind is kind and step.actual is not None}
        # Of what belongs to other objects, those that the design names; of what only one of all can have, also those of each list in the design.
        above = {} if kind.parent is None else {str(item["id"]): f"{label_of(kind.parent, item)}/" for item in account[kind.parent.several]}
        parents = {step.parent_id for step in changes.steps if step.kind is kind and not isinstance(step.parent_id, NewId)}
        parents |= {parent_id for several, parent_id in changes.lists if several == kind.several and kind.alone_everywhere}
        for whose, item in ((parent_id, item) for parent_id in parents for item in account[key_of(kind, parent_id)]):
            if item["id"] not in touched:
                # Cloudflare decides whether the rest may occur twice.
                mine = (claim for claim in _claims(kind, item, whose) if claim[0] in certain)
                found.update({claim: f"{kind.noun} {above.get(str(whose), '')}{label_of(kind, item)} ({item['id']})" for claim in mine})
    return found


def _routes_wait_for_tunnels(result: Ordered) -> None:
    """Fill in which routes lead to inner addresses that a step for a tunnel creates or changes."""
    owners = {id(step.after): number for number, step in enumerate(result.steps) if step.kind in WITH_INSIDES and step.after is not None}
    insides = Insides((step.kind.noun, step.after) for step in result.steps if id(step.after) in owners and step.after is not None)
    for step, needs in zip(result.steps, result.needs):
        if step.kind is ROUTE and step.after is not None and {"nexthop", "prefix"} & set(step.planned.after):
            for tunnel in insides.tunnels_at(step.after.get("nexthop")):
                owner = result.steps[owners[id(tunnel)]]
                if owner.action == "create" or {own for own, dummy in ENDS.values()} & set(owner.planned.after):
                    needs.add(owners[id(tunnel)])


def _tunnels_wait_for_routes(result: Ordered) -> list[set[int]]:
    """Return which tunnels get inner addresses that routes still use: traffic of such a route must never go to the wrong tunnel."""
    found: list[set[int]] = [set() for dummy in result.steps]
    taken, owners = [], {}
    for number, step in enumerate(result.steps):
        if step.kind in WITH_INSIDES and step.after is not None:
            inside = {own: step.after.get(own) for own, dummy in ENDS.values() if step.after.get(own) != (step.actual or {}).get(own)}
            taken.append((step.kind.noun, inside))
            owners[id(inside)] = number
    insides = Insides(taken)
    for number, step in enumerate(result.steps):
        if step.kind is ROUTE and step.actual is not None and "nexthop" in step.planned.after:
            for owner in {owners[id(inside)] for inside in insides.tunnels_at(step.actual.get("nexthop"))} - result.needs[number]:
                found[owner].add(number)
    return found


def _rings(needs: Sequence[set[int]]) -> list[int]:
    """Return for each step a representative of the steps that depend on each other: Kosaraju's algorithm, without recursion."""
    waited_for_by: list[list[int]] = [[] for dummy in needs]
    for number, others in enumerate(needs):
        for other in others:
            waited_for_by[other].append(number)
    finished: list[int] = []
    seen: set[int] = set()
    for root, others in enumerate(needs):
        path = [] if root in seen else [(root, iter(others))]
        seen.add(root)
        while path:
            further = next((other for other in path[-1][1] if other not in seen), None)
            if further is None:
                finished.append(path.pop()[0])
            else:
                seen.add(further)
                path.append((further, iter(needs[further])))
    ring = [-1] * len(needs)
    for root in reversed(finished):
        reached = [root] if ring[root] < 0 else []
        while reached:
            number = reached.pop()
            ring[number] = root
            reached += [other for other in waited_for_by[number] if ring[other] < 0]
    return ring


def _together(result: Ordered, problems: list[str]) -> list[list[int]]:
    """Return the steps in units: steps that depend on each other share one, the others are alone."""
    unit = _rings(result.needs)
    result.unit = unit
    units: dict[int, list[int]] = defaultdict(list)
    for number, own in enumerate(unit):
        units[own].append(number)
    for numbers in units.values():
        steps = [result.steps[number] for number in numbers]
        alike = len({(step.kind.several, step.planned.method) for step in steps}) == 1 and steps[0].planned.method in steps[0].kind.many
        if len(steps) > 1 and not alike:
            what = listing(step.where for step in steps)
            problems.append(
                f"{what}: each needs a value that another one still uses, and no single request can change them all. Give one of them another value first."
            )
    return list(units.values())


def _stage(step: Step) -> tuple[int, int]:
    """Return the phase of a step: tunnels are created and changed, then routes; then routes are deleted, then tunnels."""
    number = KINDS.index(step.kind)
    if step.planned.method == "DELETE":
        return (2, len(KINDS) - number)
    return (1 if step.kind is ROUTE else 0, number if step.planned.method == "POST" else number + len(KINDS))


def _requests(result: Ordered, units: Sequence[list[int]], batch_size: int) -> Iterator[list[int]]:
    """Yield the steps of each request."""
    owner = {number: own for own, numbers in enumerate(units) for number in numbers}
    graph = {own: {owner[other] for number in numbers for other in result.needs[number]} - {own} for own, numbers in enumerate(units)}
    sorter = graphlib.TopologicalSorter(graph)
    sorter.prepare()
    ready: set[int] = set(sorter.get_ready())
    while ready:
        stage = min(_stage(result.steps[units[own][0]]) for own in ready)
        due: list[int] = []
        while more := sorted(own for own in ready if _stage(result.steps[units[own][0]]) == stage):
            due += more
            sorter.done(*more)
            ready = (ready - set(more)) | set(sorter.get_ready())
            if result.steps[units[more[0]][0]].planned.method in ("POST", "DELETE"):
                # What these give up is not available within the same request.
                break
        first = result.steps[units[due[0]][0]]
        if first.planned.method not in first.kind.many:
            yield from _portions([units[own] for own in due], 1)
            continue
        # One request is about the objects of one parent.
        of_parents: dict[str | None, list[list[int]]] = defaultdict(list)
        for own in due:
            of_parents[result.steps[units[own][0]].parent_id].append(units[own])
        for several in of_parents.values():
            yield from _portions(several, batch_size)


def _portions(units: Iterable[list[int]], size: int) -> Iterator[list[int]]:
    """Yield as many units together as a request can have; a unit is never divided."""
    portion: list[int] = []
    for numbers in units:
        if portion and len(portion) + len(numbers) > size:
            yield portion
            portion = []
        portion += numbers
    if portion:
        yield portion
