# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Fields of objects: what can be set, and the differences between the desired and the current state. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field
from functools import cached_property

from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    Json = dict[str, t.Any]


def _same(value: t.Any) -> t.Any:
    return value


class Ignored(t.NamedTuple):
    """When Cloudflare ignores a part of an object.

    :ivar by: the part that decides it.
    :ivar value: that it has then.
    :ivar advice: what to do.
    :ivar refused: whether Cloudflare rejects it then, so that it is not even sent unchanged.
    """

    by: str
    value: t.Any
    advice: str
    refused: bool = False


@dataclass(frozen=True)
class Field:
    """A field that can be set.

    :ivar spec: of the option.
    :ivar canonical: normalizes a value, so that equal values compare as equal; raises ``ValueError``.
    :ivar empty: the value that a missing field stands for; None if that is not known.
    :ivar default: the value of a new object if it is not set; ``empty`` if that is the same.
    :ivar as_sent: converts the canonical form to that of the API.
    :ivar parts: the fields of an object.
    :ivar needed: the required ones of ``parts``.
    :ivar ignored: when Cloudflare ignores it. It is not compared then, because it would differ forever.
    :ivar entry: of a list of objects, the fields of each; ``needed`` are the required ones. The order of the list does not matter.
    :ivar said: whether it is sent for a new object even if it is empty.
    :ivar left_out: whether Cloudflare rejects it if it is empty, so that the object that it is part of is sent without it.
    :ivar excludes: fields that cannot be set together with it.
    :ivar stands_for: the field with the ID of another object, if this field has its name. Only fields with IDs are compared and sent.
    :ivar of: the kinds of that other object, or of the objects in a list.
    :ivar stays: whether a design that does not contain it leaves it as it is, because it depends on other things what is right.
    """

    spec: Json
    canonical: Callable[[t.Any], t.Any] = _same
    empty: t.Any = None
    default: t.Any = None
    as_sent: Callable[[t.Any], t.Any] = _same
    parts: dict[str, Field] = field(default_factory=dict)
    needed: tuple[str, ...] = ()
    ignored: Ignored | None = None
    entry: dict[str, Field] = field(default_factory=dict)
    said: bool = False
    left_out: bool = False
    excludes: tuple[str, ...] = ()
    stands_for: str = ""
    of: tuple[t.Any, ...] = ()
    stays: bool = False

    @cached_property
    def initial(self) -> t.Any:
        """The value of a new object if it is not set; None if that is not known, or if the value cannot be reset."""
        return self.empty if self.default is None else self.default

    def is_ignored(self, desired: Mapping[str, t.Any], actual: Mapping[str, t.Any]) -> bool:
        """Return whether Cloudflare ignores it in an object that is as desired."""
        return self.ignored is not None and desired.get(self.ignored.by, actual.get(self.ignored.by)) == self.ignored.value

    @cached_property
    def refers(self) -> bool:
        """Whether there are other objects in it, by their names or ids."""
        return bool(self.of) or any(one.refers for one in (*self.parts.values(), *self.entry.values()))

    @property
    def option(self) -> Json:
        """The specification of the option."""
        return {**self.spec, "options": options_of(self.parts or self.entry)} if self.parts or self.entry else self.spec


def options_of(fields: Mapping[str, Field]) -> Json:
    return {name: one.option for name, one in fields.items()}


# --- what a task sets, and the current state


def read(fields: Mapping[str, Field], given: Mapping[str, t.Any], path: str = "") -> tuple[Json, list[str]]:
    """Return the canonical form of what is set (None is not set), and all errors, each with the option and what to write."""
    found: Json = {}
    problems: list[str] = []
    for name, one in fields.items():
        value = given.get(name)
        if value is None:
            continue
        problems += [
            f"{path}{name}: cannot be combined with {other}. Give only one of them."
            for other in (*one.excludes, one.stands_for)
            if other and given.get(other) is not None and (other not in found or name not in fields[other].excludes)
        ]
        if one.parts:
            inner, more = read(one.parts, value, f"{path}{name}.")
            problems += more
            if inner:
                found[name] = inner
        elif one.entry:
            found[name], more = _read_entries(one, value, f"{path}{name}")
            problems += more
        else:
            try:
                found[name] = one.canonical(value)
            except ValueError as exc:
                problems.append(f"{path}{name}: '{value}' {exc}")
    return found, problems


def _read_entries(one: Field, values: Sequence[Mapping[str, t.Any]], path: str) -> tuple[list[Json], list[str]]:
    found, problems = [], []
    for number, value in enumerate(values):
        entry, more = read(one.entry, value, f"{path}[{number}].")
        lacking = [part for part in one.needed if value.get(part) is None and not _is_meant(one, part, value)]
        problems += [*more, *(f"{path}[{number}].{part}: missing. Each entry needs {' and '.join(one.needed)}." for part in lacking)]
        found.append(entry)
    return in_order(one, found), problems


def _is_meant(one: Field, part: str, value: Mapping[str, t.Any]) -> bool:
    """Return whether an entry has the name of what the part has the id of."""
    return any(other.stands_for == part and value.get(name) is not None for name, other in one.entry.items())


def in_order(one: Field, entries: Iterable[Json]) -> list[Json]:
    """Return the entries of a list whose order does not matter in the order in which they are compared."""
    return sorted((without_empty(one.entry, entry) for entry in entries), key=lambda entry: repr(sorted(entry.items())))


def wanted(fields: Mapping[str, Field], given: Mapping[str, t.Any]) -> Json:
    """Return the canonical form of what a task sets; what is None is not set.

    :raises MagicError: naming the option and what to write.
    """
    found, problems = read(fields, given)
    if problems:
        raise MagicError(" ".join(problems))
    return found


def as_object(value: t.Any) -> Json:
    """Return Cloudflare's value of a field that is an object; an empty one if it is missing or something else."""
    return value if isinstance(value, dict) else {}


def known(one: Field, value: t.Any) -> t.Any:
    """Return the canonical form of values from Cloudflare; values that cannot be read stay unchanged."""
    if value is None:
        return one.empty
    if one.parts:
        return _known_parts(one.parts, value) if isinstance(value, dict) else value
    if one.entry:
        whole = isinstance(value, list) and all(isinstance(entry, dict) for entry in value)
        return in_order(one, (_known_parts(one.entry, entry) for entry in value)) if whole else value
    try:
        return one.canonical(value)
    except (ValueError, AttributeError, TypeError):
        return value


def _known_parts(parts: Mapping[str, Field], value: Mapping[str, t.Any]) -> Json:
    return {name: known(part, value.get(name)) for name, part in parts.items()}


def lacking(fields: Mapping[str, Field], desired: Json, actual: Mapping[str, t.Any], path: str = "") -> list[str]:
    """Return the required parts that objects would not have."""
    found = []
    for name, value in desired.items():
        if fields[name].parts:
            now = as_object(actual.get(name))
            missing = [part for part in fields[name].needed if part not in {**now, **value}]
            found += [f"{path}{name}: {' and '.join(missing)} is missing, which {path}{name} needs."] if missing else []
            found += lacking(fields[name].parts, value, now, f"{path}{name}.")
    return found


def difference(fields: Mapping[str, Field], desired: Json, actual: Mapping[str, t.Any]) -> Json:
    """Return the part of ``desired`` that differs from the current state."""
    changes: Json = {}
    for name, value in desired.items():
        one = fields[name]
        if one.parts:
            inner = difference(one.parts, value, as_object(actual.get(name)))
            if inner:
                changes[name] = inner
        elif value != known(one, actual.get(name)):
            changes[name] = value
    return changes


def heeded(fields: Mapping[str, Field], desired: Json, actual: Mapping[str, t.Any], path: str = "") -> tuple[Json, list[str]]:
    """Return ``desired`` without what Cloudflare ignores, and a warning for each of that."""
    kept: Json = {}
    warnings: list[str] = []
    for name, value in desired.items():
        one, now = fields[name], actual.get(name)
        if one.parts:
            value, more = heeded(one.parts, value, as_object(now), f"{path}{name}.")
            warnings += more
            if not value:
                continue
        when = one.ignored
        if when is not None and one.is_ignored(desired, actual):
            if value != one.empty or known(one, now) != one.empty:
                warnings.append(f"{path}{name} has no effect with {when.by}: {when.value}, so it is not compared. {when.advice}")
            continue
        kept[name] = value
    return kept, warnings


def picked(fields: Mapping[str, Field], names: Json, actual: Mapping[str, t.Any]) -> Json:
    """Return the values that ``actual`` has where ``names`` has any."""
    return {
        name: picked(fields[name].parts, value, as_object(actual.get(name))) if fields[name].parts else known(fields[name], actual.get(name))
        for name, value in names.items()
    }


def sendable(fields: Mapping[str, Field], desired: Json, actual: Mapping[str, t.Any]) -> Json:
    """Return the fields of ``desired`` as they are sent. Objects are sent whole, because the API may replace them as a whole; never a null."""
    body: Json = {}
    for name, value in desired.items():
        one = fields[name]
        if one.parts:
            now = without_empty(one.parts, as_object(known(one, actual.get(name))))
            gone = excluded(one.parts, value, now)
            whole = _on(one.parts, {part: item for part, item in now.items() if part not in gone}, value)
            body[name] = sendable(one.parts, _without_left_out(one.parts, whole), {})
        else:
            body[name] = one.as_sent(value)
    return body


def _on(fields: Mapping[str, Field], actual: Json, desired: Json) -> Json:
    """Return an object with the desired parts. A dictionary that is a value, such as one of reservations, is replaced as a whole."""
    parts = {name: _on(fields[name].parts, actual.get(name, {}), value) if fields[name].parts else value for name, value in desired.items()}
    return {**actual, **parts}


def _without_left_out(fields: Mapping[str, Field], values: Json) -> Json:
    """Return the parts of an object that can be sent. A part that is missing becomes empty, because the object is replaced as a whole."""
    kept: Json = {}
    for name, value in values.items():
        one = fields[name]
        inner = _without_left_out(one.parts, value) if one.parts else value
        if not (one.parts and not inner or one.left_out and inner == one.empty):
            kept[name] = inner
    return kept


def excluded(fields: Mapping[str, Field], desired: Json, actual: Mapping[str, t.Any]) -> set[str]:
    """Return the fields that cannot be set together with what is desired."""
    refused = {name for name, one in fields.items() if one.ignored is not None and one.ignored.refused and one.is_ignored(desired, actual)}
    return refused | {other for name in desired if name in fields for other in fields[name].excludes}


def without_empty(fields: Mapping[str, Field], desired: Json) -> Json:
    """Return the values that are not empty: the others are not sent for a new object."""
    kept: Json = {}
    for name, value in desired.items():
        one = fields[name]
        inner = without_empty(one.parts, value) if one.parts and isinstance(value, dict) else value
        if one.said or inner not in (None, {} if one.parts else one.empty):
            kept[name] = inner
    return kept


# --- all of an object at once


def resets(fields: Mapping[str, Field], desired: Json, actual: Mapping[str, t.Any]) -> Json:
    """Return the defaults of fields that are not in ``desired`` and have another value. Fields that Cloudflare does not show are not changed."""
    found: Json = {}
    gone = excluded(fields, desired, actual)
    for name, one in fields.items():
        now = actual.get(name)
        if now is None or name in gone:
            continue
        if one.parts:
            # An object with a required part cannot be reset.
            if name in desired or not one.needed:
                inner = resets({part: inside for part, inside in one.parts.items() if part not in one.needed}, desired.get(name, {}), as_object(now))
                if inner:
                    found[name] = inner
        elif name not in desired and not one.stays and one.initial not in (None, known(one, now)) and not one.is_ignored(desired, actual):
            found[name] = one.initial
    return found


def merged(first: Json, second: Json) -> Json:
    """Return two sets of fields as one; on fields of one name ``second`` wins, part by part."""
    return {
        **first,
        **{name: merged(first[name], value) if isinstance(value, dict) and isinstance(first.get(name), dict) else value for name, value in second.items()},
    }


def _can_be_said(one: Field, value: t.Any) -> bool:
    """Return whether an option can have an empty value: where it cannot, such a value of a response means that there is none."""
    kind = one.spec["type"]
    if not isinstance(value, {"str": str, "list": list, "dict": dict, "bool": bool}.get(kind, object)):
        return False
    try:
        one.canonical(value)
    except (ValueError, AttributeError, TypeError):
        return False
    return "choices" not in one.spec or value in one.spec["choices"]


def told(fields: Mapping[str, Field], actual: Mapping[str, t.Any]) -> Json:
    """Return the values that create an object like this one: those that can be set, without the defaults of a new object."""
    found: Json = {}
    for name, one in fields.items():
        now = actual.get(name)
        if now is None or not (now or _can_be_said(one, now)):
            continue
        if one.parts:
            inner = told(one.parts, as_object(now))
            if inner:
                found[name] = inner
        elif (value := known(one, now)) != one.initial and not one.is_ignored({}, actual):
            found[name] = value
    return found


def flat(values: Mapping[str, t.Any], path: str = "") -> Json:
    """Return the values of an object and of the objects in it by their names with dots, as messages have them."""
    found: Json = {}
    for name, value in values.items():
        found.update(flat(value, f"{path}{name}.") if isinstance(value, dict) else {f"{path}{name}": value})
    return found
