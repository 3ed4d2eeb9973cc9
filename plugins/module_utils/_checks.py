# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Finds errors in the state that a design leads to, and consequences that users may not expect. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.cloudflare.magic.plugins.module_utils._design import DEFAULT_MAX_DELETIONS
from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._gather import with_connectors
from ansible_collections.cloudflare.magic.plugins.module_utils._kinds import ROUTE, TUNNELS, WITH_INSIDES
from ansible_collections.cloudflare.magic.plugins.module_utils._nexthops import ENDS, Insides, mismatch
from ansible_collections.cloudflare.magic.plugins.module_utils._references import check_needed, check_unused
from ansible_collections.cloudflare.magic.plugins.module_utils._steps import Later, as_it_is, label_of, objects_after, tunnels_after
from ansible_collections.cloudflare.magic.plugins.module_utils._text import listing

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.cloudflare.magic.plugins.module_utils._design import Design, Item
    from ansible_collections.cloudflare.magic.plugins.module_utils._kind import Kind
    from ansible_collections.cloudflare.magic.plugins.module_utils._steps import Account, Changes, Rules, Step

    Json = dict[str, t.Any]


def check_routes(account: Account, changes: Changes) -> None:
    """Report next hops that are in no tunnel: of routes that are written, and of those that lose their tunnel through this design."""
    now = as_it_is(account)
    then = Later(lambda kind: tunnels_after(account, changes, (kind,)))
    moved = any(_loses_its_inside(step) for step in changes.steps)
    for step in changes.steps:
        route = step.after
        if step.kind is not ROUTE or route is None or not step.place:
            continue
        nexthop = route.get("nexthop")
        written = bool({"prefix", "nexthop"} & set(step.planned.after))
        if not written and not moved:
            continue
        found, wrong = then.look_for(nexthop)
        if not written and (found and not wrong or now.look_for(nexthop) != (True, "")):
            continue
        wrong = wrong or mismatch(route.get("prefix"), nexthop)
        if not found:
            changes.say(
                step, f"nexthop: {nexthop} is not an inner address of any tunnel in the design or the account. Use the customer's address inside a tunnel."
            )
        elif wrong:
            changes.say(step, f"nexthop: {wrong}")


def check_deletions(design: Design, rules: Rules, changes: Changes) -> None:
    gone = [step for step in changes.steps if step.planned.method == "DELETE"]
    what = listing(f"{step.kind.noun} {step.label}".rstrip() for step in gone)
    if len(gone) > rules.max_deletions:
        instead = "leave them out of the design" if rules.state == "deleted" else "name them in the design or in keep"
        changes.problems.append(
            f"max_deletions: {len(gone)} objects would be deleted, and {rules.max_deletions} is the limit: {what}. "
            f"If that is what you want, set max_deletions: {len(gone)}; if not, {instead}."
        )
        return
    owners = {step.place: str(step.actual.get("id")) for step in changes.steps if step.place and step.actual is not None} if gone else {}
    for kind, above in _empty_lists(design) if gone and rules.max_deletions <= DEFAULT_MAX_DELETIONS else ():
        parent_id = None if above is None else owners.get(above.place, "")
        emptied = [step for step in gone if step.kind is kind and step.parent_id == parent_id]
        if emptied:
            name, place, whole = kind.in_design, kind.in_design, "config"
            if above is not None:
                name, place, whole = kind.in_path, f"{above.place}.{kind.in_path}", f"the {above.kind.noun}"
            what, gone_then = "list", f"all {len(emptied)} would be deleted: {listing(step.label for step in emptied)}"
            if kind.is_one:
                what, gone_then = "dictionary", f"the {kind.noun} would be deleted"
            changes.problems.append(
                f"{place}: the {what} is empty, so {gone_then}. If that is what you want, set max_deletions to more than {DEFAULT_MAX_DELETIONS}; "
                f"if not, leave {name} out of {whole}."
            )


def _empty_lists(design: Design) -> Iterator[tuple[Kind, Item | None]]:
    """Yield the kinds of which a design has an empty list, each with the item that has the list: one site can have a list that is empty in another one."""
    filled = {(item.kind.several, item.parent.place if item.parent is not None else "") for item in design.items}
    yield from ((kind, None) for kind in design.kinds if kind.parent is None and (kind.several, "") not in filled)
    yield from ((kind, item) for item in design.items for kind in item.lists if (kind.several, item.place) not in filled)


def check_others(account: Account, rules: Rules, changes: Changes) -> None:
    """Note what other objects do not allow once all else is done: what goes although it is used, and in check mode all that Cloudflare would reject."""
    known: dict[tuple[str, str | None], list[Json]] = {}

    def look_up(kind: Kind, parent_id: str | None) -> list[Json]:
        if (kind.several, parent_id) not in known:
            known[kind.several, parent_id] = objects_after(account, changes, kind, parent_id)
        return known[kind.several, parent_id]

    after = {step.token if step.actual is None else str(step.actual.get("id")): step.after for step in changes.steps if step.place}
    for step in changes.steps:
        try:
            if step.action == "delete" and step.actual is not None:
                check_unused(step.kind, step.actual, look_up, step.parent_id, rules.dry)
            elif step.action and rules.dry:
                for problem in step.kind.misfits(step.after or {}, step.actual, after.get(str(step.parent_id)) or {}):
                    changes.say(step, problem)
                if step.action == "create":
                    check_needed(step.kind, look_up)
        except MagicError as error:
            if error.unreadable:
                raise
            changes.say(step, str(error))


def check_connectors(account: Account, rules: Rules, changes: Changes) -> None:
    """Report that objects to delete may have been created by a connector, which Cloudflare does not mark, unless the task sets what to keep."""
    gone = [step for step in changes.steps if step.action == "delete" and step.kind in (*TUNNELS, ROUTE)]
    if rules.state != "overridden" or rules.says_what_to_keep or not gone:
        return
    names = listing(f"{step.kind.noun} {step.label}" for step in gone)
    sites, why_unread = with_connectors(account)
    if why_unread:
        changes.warnings.append(
            f"The sites of the account could not be read, so it is not known whether connectors created objects that this design deletes: {names}. "
            f"Give the credential the permission to read sites, or set keep to patterns for the names of the tunnels that connectors created, "
            f"or to [] if there are none. {why_unread}"
        )
    if sites:
        changes.problems.append(
            f"keep: missing. The account has sites with connectors ({listing(str(site.get('name')) for site in sites)}), which create tunnels and routes "
            f"automatically, and Cloudflare does not mark these. The design does not name {names}, which "
            "would be deleted. Set keep to patterns for the names of the tunnels that connectors created, or set keep: [] if there are none."
        )


def warn_of_stranded(account: Account, changes: Changes) -> None:
    """Report routes that the design does not change although it deletes their tunnel or changes its inner addresses."""
    tunnels = [(step.kind.noun, step.actual) for step in changes.steps if step.actual is not None and _loses_its_inside(step)]
    if not tunnels:
        return
    lost = Insides(tunnels)
    leaving = {step.actual["id"] for step in changes.steps if step.kind is ROUTE and step.actual is not None and step.action in ("delete", "update")}
    stay = [route for route in account[ROUTE.several] if route["id"] not in leaving and lost.tunnels_at(route.get("nexthop"))]
    # Usually the routes are also deleted, and then no other kind has to be read.
    then = Insides(tunnels_after(account, changes) if stay else ())
    stay = [route for route in stay if not then.tunnels_at(route.get("nexthop"))]
    if stay:
        changes.warnings.append(
            f"Some routes remain although their tunnels are deleted or get other inner addresses, and will carry no traffic: "
            f"{listing(label_of(ROUTE, route) for route in stay)}. Cloudflare allows that. Delete them, or give them another next hop."
        )


def _loses_its_inside(step: Step) -> bool:
    return step.kind in WITH_INSIDES and (step.action == "delete" or bool({own for own, dummy in ENDS.values()} & set(step.planned.after)))
