# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Brings one object to the state that a task describes, or reads objects."""

from __future__ import annotations

import typing as t
from contextlib import nullcontext
from functools import partial

from ansible_collections.cloudflare.magic.plugins.module_utils._calls import (
    ASK,
    Account,
    Foreseen,
    account_of,
    carry_out,
    foreseen_of,
    list_inside,
    read,
    send,
)
from ansible_collections.cloudflare.magic.plugins.module_utils._design import as_items, as_pairs
from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._fields import as_object, known
from ansible_collections.cloudflare.magic.plugins.module_utils._gather import items_of, unclear
from ansible_collections.cloudflare.magic.plugins.module_utils._kind import chosen, desired_of, normal
from ansible_collections.cloudflare.magic.plugins.module_utils._kinds import TUNNELS
from ansible_collections.cloudflare.magic.plugins.module_utils._nexthops import mismatch, through
from ansible_collections.cloudflare.magic.plugins.module_utils._parts import Parts, read_parts, with_parts
from ansible_collections.cloudflare.magic.plugins.module_utils._plan import Claim, claim_of, find, plan, shown_otherwise
from ansible_collections.cloudflare.magic.plugins.module_utils._policy import check_key
from ansible_collections.cloudflare.magic.plugins.module_utils._references import (
    NotThere,
    check_empty,
    check_needed,
    check_sole,
    check_unused,
    meant,
    references,
    resolved,
    the_one,
    with_this_id,
)
from ansible_collections.cloudflare.magic.plugins.module_utils._steps import as_it_is, label_of
from ansible_collections.cloudflare.magic.plugins.module_utils._text import listing
from ansible_collections.cloudflare.magic.plugins.module_utils._times import age, last_generated_on
from ansible_collections.cloudflare.magic.plugins.module_utils._tree import parts_of

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from ansible_collections.cloudflare.magic.plugins.module_utils._client import Client
    from ansible_collections.cloudflare.magic.plugins.module_utils._kind import Kind
    from ansible_collections.cloudflare.magic.plugins.module_utils._plan import Plan

    Json = dict[str, t.Any]
    # Within the context, no other task decides; what is appended to its list is kept for later tasks.
    Claims = Callable[[], AbstractContextManager[list[Claim]]]
    # The same for what tasks in check mode would have created.
    Foresight = Callable[[], AbstractContextManager[list[Foreseen]]]


_NOTHING_TO_DO: dict[str, t.Any] = {"changed": False, "diff": {"before": {}, "after": {}}}


def _nobody_else() -> AbstractContextManager[list[Claim]]:
    """Return the claims of a run with a single task."""
    return nullcontext([])


def _by_id(client: Client, kind: Kind, account: Account, object_id: str, state: str, parent_id: str | None) -> list[Json]:
    """Return the one object with an id, or none if it may be absent."""
    if kind.bare:
        found = with_this_id(account.of(kind, parent_id), object_id)
        if not found and state == "present":
            raise MagicError(f"{kind.id_option}: there is no {kind.noun} with the id '{object_id}'. Check {kind.id_option} and account_id.")
        return found
    try:
        return [read(client, kind, object_id)]
    except MagicError as error:
        if error.failure is None or error.failure["status"] != 404 or state == "present":
            raise
        if not any(entry.get("code") == kind.not_found for entry in error.failure["errors"]):
            raise  # with a wrong account, the object cannot be reported as absent
        return []


def check(kind: Kind, options: Mapping[str, t.Any]) -> list[str]:
    """Check what the argument specification cannot, before anything is sent; return warnings.

    :raises MagicError: naming the option and the fix.
    """
    desired_of(kind, options)
    read_parts(kind, options)
    if kind.given and options["state"] == "absent":
        raise MagicError(f"state: {kind.given} Leave state out, or remove the task.")
    key = options.get("psk")
    if key is None:
        return []
    if options["state"] == "absent":
        raise MagicError("psk has no effect with state: absent. Leave it out.")
    return check_key("psk", key)


def may_create(kind: Kind, options: Mapping[str, t.Any]) -> bool:
    """Return whether a task can create an object. If several hosts do so at once, each creates its own."""
    own = options.get(kind.id_option) is None or any(options.get(name) for name in kind.inside)
    return not kind.given and options["state"] == "present" and own


def _nothing_foreseen() -> AbstractContextManager[list[Foreseen]]:
    """Return what a run with a single task foresees."""
    return nullcontext([])


def apply_one(
    kind: Kind,
    client: Client,
    options: Mapping[str, t.Any],
    check_mode: bool,
    claims: Claims = _nobody_else,
    foresight: Foresight = _nothing_foreseen,
) -> Json:
    """Do the work of the module that manages objects of this kind.

    :arg options: validated by ``kind.options`` and ``check``.
    :arg claims: the claims of the tasks of this run so far; see ``Claim``.
    :arg foresight: what they would have created in check mode; see ``Foreseen``.
    :returns: the module's result.
    :raises MagicError: if it failed; the text describes the state of the object.
    """
    # Held until the response arrives: another task or host of this run must see what this one does before it decides.
    with claims() as claimed, (foresight if check_mode else _nothing_foreseen)() as foreseen:
        try:
            return _apply(kind, client, options, check_mode, claimed, foreseen)
        except NotThere as error:
            if not check_mode:
                raise
            raise MagicError(
                f"{error} In check mode, nothing is created: if an earlier task would create it, that task has to be part of the same run."
            ) from None


def _apply(kind: Kind, client: Client, options: Mapping[str, t.Any], check_mode: bool, claimed: list[Claim], foreseen: list[Foreseen]) -> Json:
    desired, account = desired_of(kind, options), Account(client, foreseen)
    object_id, absent = options.get(kind.id_option), options["state"] == "absent"
    parent = _parent(kind, account, options, absent)
    if kind.parent is not None and parent is None:
        return dict(_NOTHING_TO_DO)
    parent_id = None if parent is None else str(parent["id"])
    there = account.of(kind, parent_id) if object_id is None else _by_id(client, kind, account, object_id, options["state"], parent_id)
    if kind.through is not None and not _lead_through(kind, account, options, desired, there):
        return dict(_NOTHING_TO_DO)
    look_up = partial(_beside, kind, account, parent_id)
    if absent and not _can_be_meant(kind, desired, look_up):
        return dict(_NOTHING_TO_DO)
    desired = resolved(kind.fields, desired, look_up, ids=not kind.validates and not absent)
    planned, secret = _decide(kind, client, options, desired, there, claimed, check_mode)
    _check_others(kind, account, planned, parent, check_mode)
    foretold = check_mode and planned.method is not None
    then = foreseen_of(kind, planned, label_of(kind, planned.result or {}), account, account_of(client), parent_id) if foretold else []
    if kind.inside:
        return with_parts(Parts(kind, account, planned, there, options), client, then, foreseen if check_mode else None)
    warnings = [*planned.warnings, *_dead_ends(kind, account, planned)]
    result: Json = {"changed": planned.method is not None, "diff": _diff(kind, planned, parent)}
    shown = planned.result
    if planned.method is not None:
        answer = None
        if not check_mode:
            shown = answer = carry_out(kind, client, planned, secret, {str(item.get("id")) for item in there}, parent_id) or shown
        elif not kind.validates or any(object_id in account.foreseen_ids for dummy, object_id in references(kind.fields, planned.result or {})):
            result["validated"] = False
            foreseen += then
            if then and planned.method == "POST" and kind.id_option:
                # Later tasks can refer to it.
                shown = then[0].item
        elif planned.method != "DELETE" or kind.validates_delete:
            answer = send(kind, client, planned, secret, ASK)
            result["validated"] = True
        warnings += _afterwards(kind, planned, as_object(answer), check_mode, secret)
    if warnings:
        result["warnings"] = warnings
    if shown is not None:
        result[kind.result] = normal(kind, shown)
    return result


def _check_others(kind: Kind, account: Account, planned: Plan, parent: Json | None, check_mode: bool) -> None:
    """Check that other objects allow a plan. In check mode, this includes what Cloudflare would reject and cannot be asked for.

    :raises MagicError: naming the others.
    """
    foretell, item = check_mode and not kind.validates, planned.result or {}
    parent_id = None if parent is None else str(parent["id"])
    if planned.method == "DELETE":
        check_unused(kind, item, account.of, parent_id, foretell)
        if foretell:
            check_empty(kind, item, account.of)
    elif planned.method is not None and foretell:
        there = account.of(kind, parent_id) if kind.alone else []
        before = next((one for one in there if one.get("id") == planned.object_id), None)
        check_sole(kind, before or {}, item, there)
        problems = kind.misfits(item, before, parent or {})
        if problems:
            raise MagicError(" ".join(problems))
        if planned.method == "POST":
            check_needed(kind, account.of)


def _diff(kind: Kind, planned: Plan, parent: Json | None) -> Json:
    """Return what changes, for people. What belongs to another object is named with it: two sites can have a LAN of the same name."""
    diff: Json = {"before": planned.before, "after": planned.after}
    if kind.parent is None or parent is None or planned.method is None:
        return diff
    label = "/".join(filter(None, (label_of(kind.parent, parent), label_of(kind, planned.result or {}))))
    return {**diff, "before_header": f"{kind.noun} {label}", "after_header": f"{kind.noun} {label}"}


def _parent(kind: Kind, account: Account, options: Mapping[str, t.Any], absent: bool) -> Json | None:
    """Return the parent object; None if it does not exist, and then its children do not exist either.

    :raises MagicError: if it is required.
    """
    if kind.parent is None:
        return None
    name, there = options[kind.parent.result], account.of(kind.parent)
    if absent and not meant(kind.parent, there, name):
        return None
    return the_one([kind.parent], kind.parent.result, name, account.of)


def _can_be_meant(kind: Kind, desired: Json, look_up: Callable[[Kind], list[Json]]) -> bool:
    """Return whether the object that identifies this one by its name exists. For an object that should be absent, other names do not matter."""
    for name in [name for name in desired if name in kind.fields and kind.fields[name].refers]:
        if kind.fields[name].stands_for not in (*kind.keys, *kind.or_keys):
            del desired[name]
        elif not any(meant(other, look_up(other), desired[name]) for other in kind.fields[name].of):
            return False
    return True


def _beside(kind: Kind, account: Account, parent_id: str | None, other: Kind) -> list[Json]:
    """Return the objects to which one of a kind can refer: of a child's kind, those of the same parent."""
    return account.of(other, kind.beside(other, parent_id))


def _lead_through(kind: Kind, account: Account, options: Mapping[str, t.Any], desired: Json, there: list[Json]) -> bool:
    """Set the next hop through the tunnel that a task names, if any; return whether such a route can exist.

    :raises MagicError: if the next hop cannot be determined.
    """
    option, field = kind.through or ("", "")
    name, absent = options[option], options["state"] == "absent"
    if name is None or (absent and options[kind.id_option] is not None):
        return True
    prefix = desired["prefix"] if "prefix" in desired else str(there[0].get("prefix"))
    tunnels = [(own.noun, item) for own in TUNNELS for item in account[own.several]]
    nexthop = through(option, name, prefix, tunnels)
    if nexthop is not None:
        desired[field] = nexthop
        return True
    if not absent:
        names = listing(str(item.get("name")) for dummy_noun, item in tunnels) or "none"
        raise MagicError(f"{option}: there is no tunnel '{name}'. The account has: {names}.")
    routes = [item for item in there if known(kind.fields["prefix"], item.get("prefix")) == prefix]
    now = as_it_is(account)
    lost = [f"{item['id']} ({field} {item.get(field)})" for item in routes if not now.look_for(item.get(field))[0]]
    if lost:
        raise MagicError(
            f"{option}: there is no tunnel '{name}', and the next hop of some routes for {prefix} is in no tunnel: {listing(lost)}. "
            f"If you mean one of them, give {field} or {kind.id_option}."
        )
    return False


def _decide(
    kind: Kind, client: Client, options: Mapping[str, t.Any], desired: Json, there: list[Json], claimed: list[Claim], check_mode: bool
) -> tuple[Plan, dict[str, str]]:
    """Return the plan, and the secret that is sent with it; claim the object for this task.

    :arg there: all objects, or the one with the id.
    """
    absent = options["state"] == "absent"
    account = account_of(client)
    if options.get(kind.id_option) is None:
        claims = [claim for claim in claimed if claim.account == account and (check_mode or not claim.check_mode)]
        actual = find(kind, there, desired, absent=absent, claims=claims)
    else:
        actual = there[0] if there else None
    if kind.given and actual is None:
        names = listing(str(item.get(key)) for item in there for key in kind.keys[:1]) or "none"
        raise MagicError(f"There is no such {kind.noun}. {kind.given} The account has: {names}.")
    secret: dict[str, str] = {}
    if options.get("psk") is not None and (actual is None or options["update_psk"] == "always"):
        secret["psk"] = options["psk"]
    planned = plan(kind, None if absent else desired, actual, secret)
    if not absent and kind.apart and kind.apart[0] in desired:
        claimed.append(claim_of(kind, account, desired, actual, check_mode))
    return planned, secret


def _dead_ends(kind: Kind, account: Account, planned: Plan) -> list[str]:
    """Return the error of a next hop that a plan sets: Cloudflare accepts it, but the route carries no traffic."""
    if kind.through is None or planned.result is None or planned.method == "DELETE" or not {"prefix", "nexthop"} & set(planned.after):
        return []
    nexthop = planned.result.get("nexthop")
    found = [mismatch(planned.result.get("prefix"), nexthop)]
    if "nexthop" in planned.after:
        try:
            found.append(as_it_is(account).look_for(nexthop)[1])
        except MagicError as error:
            found.append(f"It is not known whether nexthop {nexthop} is the customer's end of a tunnel: {error}")
    return [warning for warning in found if warning]


def _afterwards(kind: Kind, planned: Plan, answer: Json, check_mode: bool, secret: Mapping[str, str]) -> list[str]:
    """Return warnings about what users may not expect. Of a new object, only Cloudflare knows the values that decide what it ignores."""
    if planned.method == "DELETE":
        return []
    warnings = shown_otherwise(kind, planned, answer, check_mode)
    if planned.method == "POST" and kind.has_psk and not secret:
        warnings.append(
            f"The new tunnel {planned.desired['name']} has no pre-shared key (PSK) and does not work without one: create one "
            "with cloudflare.magic.ipsec_psk, or set psk."
        )
    return warnings


def check_info(kind: Kind, options: Mapping[str, t.Any]) -> list[str]:
    """Check what the argument specification of an info module cannot, before anything is sent.

    :raises MagicError: naming the option and the fix.
    """
    chosen(kind, options)
    return []


def read_some(kind: Kind, client: Client, options: Mapping[str, t.Any]) -> Json:
    """Do the work of the module that reads objects of this kind.

    :raises MagicError: if they cannot be read, or there is none with the id.
    """
    wanted, account = chosen(kind, options), Account(client)
    parent = _parent(kind, account, options, absent=False)
    parent_id = None if parent is None else str(parent["id"])
    look_up = partial(_beside, kind, account, parent_id)
    found = _can_be_meant(kind, wanted, look_up)
    wanted = resolved(kind.fields, wanted, look_up) if found and "id" not in wanted else wanted
    if not found:
        items = []
    elif "id" in wanted:
        items = _by_id(client, kind, account, wanted["id"], "present", parent_id)
    else:
        items = [item for item in account.of(kind, parent_id) if all(known(kind.fields[key], item.get(key)) == value for key, value in wanted.items())]
    if options["format"] == "options":
        return {"changed": False, **_as_options(kind, account, items, options)}
    shown = [normal(kind, item) for item in items]
    if kind.has_psk:
        now = client.now()
        shown = [{**item, "psk_age": age(last_generated_on(item), now)} for item in shown]
    for name in (name for name in kind.inside if options[name]):
        shown = [{**item, name: list_inside(client, kind, str(item["id"]), name)} for item in shown]
    return {"changed": False, kind.results: shown}


def _as_options(kind: Kind, account: Account, items: list[Json], options: Mapping[str, t.Any]) -> Json:
    """Return objects as options, with what belongs to them as far as that is asked for, and warnings."""
    parts = [child for child in parts_of(kind) if options[child.in_path]]
    if not parts:
        return {kind.results: as_items(kind, items)}
    found = [{**item, **{child.in_path: items_of(child, account, actual["id"]) for child in parts}} for item, actual in as_pairs(kind, items)]
    warnings = unclear(items, kind, account)
    return {kind.results: found, **({"warnings": warnings} if warnings else {})}
