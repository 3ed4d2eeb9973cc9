# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Computes a plan from the current and the desired state. Pure: a plan is data, for one object as for many."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._fields import (
    as_object,
    difference,
    excluded,
    heeded,
    known,
    lacking,
    picked,
    sendable,
    without_empty,
)
from ansible_collections.cloudflare.magic.plugins.module_utils._kind import normal
from ansible_collections.cloudflare.magic.plugins.module_utils._text import MASK, listing, plural

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ansible_collections.cloudflare.magic.plugins.module_utils._fields import Field
    from ansible_collections.cloudflare.magic.plugins.module_utils._kind import Kind

    Json = dict[str, t.Any]


class Claim(t.NamedTuple):
    """The object that a task of this run described: a later task with another description means another object.

    :ivar account: the API's URL and the account.
    :ivar object_id: of the existing object; None if it was new.
    :ivar keys: the values of ``Kind.keys``.
    :ivar identity: the values of ``Kind.apart``.
    :ivar check_mode: whether the task ran in check mode, which does not matter for a task that does not.
    """

    account: str
    object_id: str | None
    keys: Json
    identity: Json
    check_mode: bool

    def denies(self, object_id: str, keys: Json, now: Json, then: Json) -> bool:
        """Return whether an object must not be changed into another one, because it is claimed as it is."""
        same = self.object_id == object_id if self.object_id is not None else (self.keys, self.identity) == (keys, now)
        return same and self.identity != then


def values_of(kind: Kind, names: tuple[str, ...], item: Mapping[str, t.Any]) -> Json:
    """Return the values of some fields in a form in which equal ones are equal."""
    return {
        name: {part: known(one, as_object(item.get(name)).get(part)) for part, one in kind.fields[name].parts.items()}
        if kind.fields[name].parts
        else known(kind.fields[name], item.get(name))
        for name in names
    }


def identity_then(kind: Kind, desired: Json, item: Mapping[str, t.Any]) -> Json:
    """Return the identity of an object once it is as desired."""
    now = values_of(kind, kind.apart, item)
    return {name: {**now[name], **desired.get(name, {})} if kind.fields[name].parts else desired.get(name, now[name]) for name in kind.apart}


def find(kind: Kind, objects: list[Json], desired: Json, *, absent: bool = False, claims: Sequence[Claim] = ()) -> Json | None:
    """Return the object that a task means, or None if there is none yet.

    It has the values of ``kind.keys`` in ``desired``. Several of these are distinguished by ``kind.apart``; a single one may differ in that and be changed,
    unless an earlier task of this run claims it as it is. One that should be absent never differs.

    :raises MagicError: if there are several.
    """
    keys = kind.keys_in(desired)
    found = [item for item in objects if all(known(kind.fields[key], item.get(key)) == desired[key] for key in keys)]
    just_so = [item for item in found if identity_then(kind, desired, item) == values_of(kind, kind.apart, item)]
    left = just_so if absent else _told_apart(kind, found, desired)
    if len(left) > 1:
        raise MagicError(_ambiguous(kind, left, desired))
    if not left or absent:
        return left[0] if left else None
    now, then = values_of(kind, kind.apart, left[0]), identity_then(kind, desired, left[0])
    new_is_possible = all(name in desired for name in kind.required)
    if now != then and new_is_possible and any(claim.denies(left[0]["id"], values_of(kind, kind.keys, left[0]), now, then) for claim in claims):
        return None
    return left[0]


def _told_apart(kind: Kind, found: list[Json], desired: Json) -> list[Json]:
    """Return the objects with the same keys that a task can mean; none if it means a new one."""
    left = found
    for number, name in enumerate(kind.apart):
        if len(left) < 2:
            break
        if name in desired:
            same = [item for item in left if identity_then(kind, {name: desired[name]}, item) == values_of(kind, kind.apart, item)]
            if not same and kind.apart[0] in desired:
                return []
            left = same or left
        elif number and kind.apart[0] in desired:
            # A task without it means the object without it.
            left = [item for item in left if not any(values_of(kind, (name,), item)[name].values())] or left
    return left


def _ambiguous(kind: Kind, items: list[Json], desired: Json) -> str:
    what = " and ".join(f"{key} '{desired[key]}'" for key in kind.keys_in(desired))
    labels = []
    for item in items:
        parts = [f"{name} {_in_words(value)}" for name, value in values_of(kind, kind.apart, item).items() if _in_words(value)]
        labels.append(f"{item['id']} ({', '.join(parts)})" if parts else str(item["id"]))
    apart = f", or {' and '.join(kind.apart)} that match only one" if kind.apart else " as well"
    return f"{len(items)} {plural(kind.noun)} have the {what}: {listing(labels)}. Give {kind.id_option}{apart}."


def _in_words(value: t.Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {' '.join(map(str, inner))}" for name, inner in value.items() if inner)
    return "" if value is None else str(value)


def claim_of(kind: Kind, account: str, desired: Json, actual: Json | None, check_mode: bool) -> Claim:
    """Return the claim of a task for an object, or for a new one (None)."""
    item = {**(actual or {}), **{key: desired[key] for key in kind.keys if key in desired}}
    return Claim(account, None if actual is None else actual["id"], values_of(kind, kind.keys, item), identity_then(kind, desired, item), check_mode)


@dataclass(frozen=True)
class Plan:
    """The request that brings an object to the desired state.

    :ivar before: the current values of the fields that change.
    :ivar after: their desired values.
    :ivar result: the object as it will be, as far as that is known before.
    :ivar method: POST, PUT, PATCH or DELETE; None if there is nothing to do.
    :ivar body: of the request.
    :ivar object_id: of the object that the request is about; None for a new one.
    :ivar desired: the fields to be set, without those that Cloudflare ignores.
    :ivar warnings: what the user should know.
    """

    before: Json
    after: Json
    result: Json | None
    method: str | None = None
    body: Json | None = None
    object_id: str | None = None
    desired: Json = field(default_factory=dict)
    warnings: Sequence[str] = ()


def plan(kind: Kind, desired: Json | None, actual: Json | None, secret: Mapping[str, str] | None = None) -> Plan:
    """Compute the plan that leads from the current to the desired state.

    :arg desired: the fields to be set, in canonical form; None if there should be no such object.
    :arg actual: the object as the API gives it; None if there is none.
    :arg secret: a value that cannot be compared, because it is never shown: it is always sent if it is given.
    :raises MagicError: if that is not possible; nothing has been sent.
    """
    secret = secret or {}
    if desired is None:
        if actual is None:
            return Plan({}, {}, None)
        return Plan(_settable(kind, actual), {}, normal(kind, actual), "DELETE", object_id=_id_of(kind, actual))
    desired, warnings = heeded(kind.fields, desired, actual or {})
    problems = lacking(kind.fields, desired, actual or {})
    if problems:
        raise MagicError(" ".join(problems))
    common = {"object_id": _id_of(kind, actual), "desired": desired, "warnings": warnings}
    planned = _creation(kind, desired, secret, common) if actual is None else _update(kind, desired, actual, secret, common)
    problems = [*kind.rules(planned.result or {}, planned.after), *_masked(kind, planned.after)] if planned.method else []
    if problems:
        raise MagicError(" ".join(problems))
    if planned.method:
        # This list is part of the plan.
        warnings += kind.warns(planned.result or {}, planned.after)
    return planned


def _masked(kind: Kind, after: Json) -> list[str]:
    """Return what is wrong with texts in which a secret was hidden when they were read: the mask must not replace the text at Cloudflare."""
    masked = [name for name, value in after.items() if kind.bare and isinstance(value, str) and MASK in value]
    return [f"{name}: contains {MASK}, which stands for a hidden license key. Write a text without it, or leave {name} out." for name in masked]


def _id_of(kind: Kind, actual: Json | None) -> str | None:
    """Return the ID in the path of an object; a kind with at most one object has none."""
    return actual.get("id") if actual is not None and kind.id_option else None


def _creation(kind: Kind, desired: Json, secret: Mapping[str, str], common: Json) -> Plan:
    missing = [name for name in kind.required if not desired.get(name) and desired.get(name) != 0]
    if missing:
        raise MagicError(f"{', '.join(missing)}: missing. There is no such {kind.noun} yet, and a new one needs {', '.join(kind.required)}.")
    new = without_empty(kind.fields, desired)
    body = sendable(kind.fields, new, {})
    return Plan({}, {**new, **{name: "(not shown)" for name in secret}}, normal(kind, body), "POST", kind.sent({**body, **secret}), **common)


def _update(kind: Kind, desired: Json, actual: Json, secret: Mapping[str, str], common: Json) -> Plan:
    changes = difference(kind.fields, desired, actual)
    for name in kind.fixed:
        if name in changes:
            raise MagicError(
                f"{name}: cannot be changed. Cloudflare's API sets it only when a {kind.noun} is created. "
                f"To change it, delete the {kind.noun} (state: absent) and create it again, which interrupts its traffic."
            )
    if not changes and not secret:
        return Plan({}, {}, normal(kind, actual), **common)
    whole = sendable(kind.fields, {name: desired[name] for name in changes}, actual)
    repeated = {name: kind.fields[name].empty if actual.get(name) is None and kind.fields[name].said else actual.get(name) for name in kind.repeats}
    body = kind.sent({**{name: value for name, value in repeated.items() if value is not None}, **whole, **secret})
    result = {**actual, **{name: _merged(kind.fields[name], actual.get(name), value, changes[name]) for name, value in whole.items()}}
    before = {**picked(kind.fields, changes, actual), **{name: "(not shown)" for name in secret}}
    return Plan(before, {**changes, **{name: "(not shown, set again)" for name in secret}}, normal(kind, result), kind.updates, body, **common)


def _merged(one: Field, actual: t.Any, sent: t.Any, changes: t.Any) -> t.Any:
    """Return what a field is after an update; what does not change stays as Cloudflare shows it."""
    if not one.parts:
        return sent
    gone = excluded(one.parts, changes, as_object(actual)) | (set(changes) - set(sent))
    left = {name: value for name, value in as_object(actual).items() if name not in gone}
    return {**left, **{name: value for name, value in sent.items() if name in changes or name not in left}}


def _settable(kind: Kind, actual: Json) -> Json:
    """Return what can be set of an object, for the diff of its deletion."""
    return {name: actual[name] for name in kind.fields if actual.get(name) not in (None, kind.fields[name].empty)}


def shown_otherwise(kind: Kind, planned: Plan, answer: Json, check_mode: bool) -> list[str]:
    """Return the differences between the response to a write and the plan. Of a new object, only Cloudflare knows the values that decide what it ignores."""
    desired, warnings = heeded(kind.fields, planned.desired, answer)
    left = {} if check_mode else difference(kind.fields, desired, answer)
    if kind.mixed is not None:
        left.pop(kind.mixed.field, None)
    if kind.source is not None and not kind.source.is_shown(answer) and not check_mode:
        left = {}
        warnings.append(f"Cloudflare does not show what the new {kind.noun} leads to, so a later run cannot recognize it and will stop.")
    if left:
        warnings.append(f"Cloudflare accepted the request, but shows another value of {listing(left)} than the one that was sent.")
    # Differences that the plan already reports are not repeated.
    return [warning for warning in warnings if warning not in planned.warnings]
