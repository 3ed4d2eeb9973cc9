# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Values and comparison of fields: the form in which equal values are equal, and what differs between what there shall be and what there is. Pure."""

from __future__ import annotations

import functools
import ipaddress
import typing as t
from dataclasses import dataclass, field

from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Json = dict[str, t.Any]


# --- the values of options: each function returns the canonical form, or raises ValueError with what is wrong and the mend

# A network has the same addresses in many places, and reading one takes longer than all else that is done with it.
_remembered = functools.lru_cache(maxsize=2**16)


def _same(value: t.Any) -> t.Any:
    return value


@_remembered
def address(value: str) -> str:
    if not value:
        return ""
    try:
        return str(ipaddress.ip_address(value.strip()))
    except ValueError:
        raise ValueError("is not an IP address. Write it like 198.51.100.1.") from None


@_remembered
def interface(value: str) -> str:
    if "/" not in value:
        raise ValueError("has no prefix length. Add /31 (or /30).")
    try:
        interface = ipaddress.IPv4Interface(value.strip())
    except ValueError:
        raise ValueError("is not an IPv4 address with prefix length. Write it like 10.213.0.10/31.") from None
    if interface.network.prefixlen not in (30, 31):
        raise ValueError("must have the prefix length /31 (or /30).")
    return str(interface)


@_remembered
def interface6(value: str) -> str:
    if not value:
        return ""
    try:
        if "/" not in value:
            raise ValueError(value)
        return str(ipaddress.IPv6Interface(value.strip()))
    except ValueError:
        raise ValueError("is not an IPv6 address with prefix length. Write it like fd00:213::a/127.") from None


@_remembered
def prefix(value: str) -> str:
    try:
        return str(ipaddress.ip_network(value.strip()))
    except ValueError:
        pass
    try:
        network = ipaddress.ip_network(value.strip(), strict=False)
    except ValueError:
        raise ValueError("is not a prefix. Write it like 192.0.2.0/24.") from None
    raise ValueError(f"has host bits set. Write {network}.")


def prefixes(values: list[str]) -> list[str]:
    return sorted({prefix(value) for value in values})


def words(values: list[str]) -> list[str]:
    return sorted({value.strip() for value in values})


def gre_name(value: str) -> str:
    if len(value) > 15:
        raise ValueError("is longer than 15 characters, the most that a GRE tunnel's name can have.")
    return name_of_tunnel(value)


def name_of_tunnel(value: str) -> str:
    if not value.strip():
        raise ValueError("is empty. Give the tunnel's name.")
    return value


def target(value: t.Any) -> str:
    """Return the saved target of a health check; the API has two forms of it. Empty: Cloudflare computes one."""
    if isinstance(value, dict) and not set(value) - {"saved", "effective"}:
        value = value.get("saved") or ""
    if not isinstance(value, str):
        raise ValueError("is neither an IP address nor a dictionary with 'saved'. Write it like 10.213.0.11, or '' for the one that Cloudflare computes.")
    return address(value)


def asn(value: int) -> int:
    if not 0 < value < 2**32:
        raise ValueError("is not an autonomous system number (1 to 4294967295).")
    return value


class Ignored(t.NamedTuple):
    """When Cloudflare ignores a part of an object.

    :ivar by: the part that decides it.
    :ivar value: that it has then.
    :ivar advice: what to do.
    """

    by: str
    value: t.Any
    advice: str


@dataclass(frozen=True)
class Field:
    """A field that can be set.

    :ivar spec: of the option.
    :ivar canonical: turns a value into the form in which equal values are equal; raises ``ValueError``.
    :ivar empty: what it means that the field is not there; None where that is not known.
    :ivar default: what a new object has if nobody says anything of it; ``empty`` if that is the same.
    :ivar as_sent: turns the canonical form into what the API takes.
    :ivar parts: the fields of an object.
    :ivar needed: those of ``parts`` that the object cannot do without.
    :ivar ignored: when Cloudflare ignores it. It is not compared then, because it would differ for ever.
    """

    spec: Json
    canonical: Callable[[t.Any], t.Any] = _same
    empty: t.Any = None
    default: t.Any = None
    as_sent: Callable[[t.Any], t.Any] = _same
    parts: dict[str, Field] = field(default_factory=dict)
    needed: tuple[str, ...] = ()
    ignored: Ignored | None = None

    @property
    def initial(self) -> t.Any:
        """The value that a new object has if nobody says anything of it; None where that is not known, or where the value cannot be taken back."""
        return self.empty if self.default is None else self.default

    def is_ignored(self, desired: Mapping[str, t.Any], actual: Mapping[str, t.Any]) -> bool:
        """Tell whether Cloudflare ignores it in an object that is to be as desired."""
        return self.ignored is not None and desired.get(self.ignored.by, actual.get(self.ignored.by)) == self.ignored.value

    @property
    def option(self) -> Json:
        """The specification of the option."""
        return {**self.spec, "options": options_of(self.parts)} if self.parts else self.spec


def options_of(fields: Mapping[str, Field]) -> Json:
    return {name: one.option for name, one in fields.items()}


# --- what a task sets, and what there is


def read(fields: Mapping[str, Field], given: Mapping[str, t.Any], path: str = "") -> tuple[Json, list[str]]:
    """Return the canonical form of what is set, where None is not set, and all that is wrong with it, each with the option and what to write."""
    found: Json = {}
    problems: list[str] = []
    for name, one in fields.items():
        value = given.get(name)
        if value is None:
            continue
        if one.parts:
            inner, more = read(one.parts, value, f"{path}{name}.")
            problems += more
            if inner:
                found[name] = inner
            continue
        try:
            found[name] = one.canonical(value)
        except ValueError as exc:
            problems.append(f"{path}{name}: '{value}' {exc}")
    return found, problems


def wanted(fields: Mapping[str, Field], given: Mapping[str, t.Any]) -> Json:
    """Return the canonical form of what a task sets; what is None is not set.

    :raises MagicError: naming the option and what to write.
    """
    found, problems = read(fields, given)
    if problems:
        raise MagicError(" ".join(problems))
    return found


def as_object(value: t.Any) -> Json:
    """Return what Cloudflare says of a field that is an object; an empty one if there is none, or something else."""
    return value if isinstance(value, dict) else {}


def known(one: Field, value: t.Any) -> t.Any:
    """Return the canonical form of what Cloudflare says; what cannot be read stays as it is."""
    if value is None:
        return one.empty
    if one.parts:
        return {name: known(part, value.get(name)) for name, part in one.parts.items()} if isinstance(value, dict) else value
    try:
        return one.canonical(value)
    except (ValueError, AttributeError, TypeError):
        return value


def difference(fields: Mapping[str, Field], desired: Json, actual: Mapping[str, t.Any]) -> Json:
    """Return the part of ``desired`` that is not so yet."""
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
            now = {part: item for part, item in as_object(known(one, actual.get(name))).items() if item is not None and item != one.parts[part].empty}
            body[name] = {part: one.parts[part].as_sent(item) for part, item in {**now, **value}.items()}
        else:
            body[name] = one.as_sent(value)
    return body


def without_empty(fields: Mapping[str, Field], desired: Json) -> Json:
    """Return what is more than nothing: a new object needs not be told the rest."""
    kept: Json = {}
    for name, value in desired.items():
        one = fields[name]
        inner = without_empty(one.parts, value) if one.parts else value
        if inner != ({} if one.parts else one.empty):
            kept[name] = inner
    return kept


# --- all of an object at once


def resets(fields: Mapping[str, Field], desired: Json, actual: Mapping[str, t.Any]) -> Json:
    """Return the defaults of what is not in ``desired`` and has another value. What Cloudflare does not show is left alone."""
    found: Json = {}
    for name, one in fields.items():
        now = actual.get(name)
        if one.parts:
            # An object that cannot do without one of its parts cannot be taken back.
            if name in desired or not one.needed:
                inner = resets(one.parts, desired.get(name, {}), as_object(now))
                if inner:
                    found[name] = inner
        elif name not in desired and None not in (now, one.initial) and known(one, now) != one.initial and not one.is_ignored(desired, actual):
            found[name] = one.initial
    return found


def merged(first: Json, second: Json) -> Json:
    """Return two sets of fields as one; on fields of one name ``second`` wins, part by part."""
    return {
        **first,
        **{name: {**first[name], **value} if isinstance(value, dict) and isinstance(first.get(name), dict) else value for name, value in second.items()},
    }


def told(fields: Mapping[str, Field], actual: Mapping[str, t.Any]) -> Json:
    """Return what one has to say of an object to get another one like it: the values that can be set, without those that a new one has anyway."""
    found: Json = {}
    for name, one in fields.items():
        now = actual.get(name)
        if one.parts:
            inner = told(one.parts, as_object(now))
            if inner:
                found[name] = inner
        elif now is not None and known(one, now) != one.initial and not one.is_ignored({}, actual):
            found[name] = known(one, now)
    return found


def flat(values: Mapping[str, t.Any], path: str = "") -> Json:
    """Return the values of an object and of the objects in it by their names with dots, as messages have them."""
    found: Json = {}
    for name, value in values.items():
        found.update(flat(value, f"{path}{name}.") if isinstance(value, dict) else {f"{path}{name}": value})
    return found
