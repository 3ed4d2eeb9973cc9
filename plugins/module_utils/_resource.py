# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Tunnels and routes: what there is, what there shall be, and the calls that lead from one to the other.

What can be decided without Cloudflare is decided by pure functions (``desired_of``, ``find``, ``plan``); ``run`` and ``read`` do the calls.
"""

from __future__ import annotations

import ipaddress
import typing as t
from contextlib import nullcontext
from dataclasses import dataclass, field

from ansible_collections.cloudflare.magic.plugins.module_utils._client import check_id, list_objects, member, read_object
from ansible_collections.cloudflare.magic.plugins.module_utils._errors import UNKNOWN, MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._nexthops import customer_ends, look_for, mismatch, nexthop_through
from ansible_collections.cloudflare.magic.plugins.module_utils._options import SHARED, ArgumentSpec
from ansible_collections.cloudflare.magic.plugins.module_utils._policy import check_key
from ansible_collections.cloudflare.magic.plugins.module_utils._settings import check_segment
from ansible_collections.cloudflare.magic.plugins.module_utils._text import listing

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from ansible_collections.cloudflare.magic.plugins.module_utils._client import Client

    Json = dict[str, t.Any]
    # While the context lasts, nobody else decides; what is appended to its list is kept for the tasks to come.
    Claims = Callable[[], AbstractContextManager[list["Claim"]]]


# --- the values of options: each function returns the canonical form, or raises ValueError with what is wrong and the mend


def _same(value: t.Any) -> t.Any:
    return value


def _address(value: str) -> str:
    if not value:
        return ""
    try:
        return str(ipaddress.ip_address(value.strip()))
    except ValueError:
        raise ValueError("is not an IP address. Write it like 198.51.100.1.") from None


def _interface(value: str) -> str:
    if "/" not in value:
        raise ValueError("has no prefix length. Add /31 (or /30).")
    try:
        interface = ipaddress.IPv4Interface(value.strip())
    except ValueError:
        raise ValueError("is not an IPv4 address with prefix length. Write it like 10.213.0.10/31.") from None
    if interface.network.prefixlen not in (30, 31):
        raise ValueError("must have the prefix length /31 (or /30).")
    return str(interface)


def _interface6(value: str) -> str:
    if not value:
        return ""
    try:
        if "/" not in value:
            raise ValueError(value)
        return str(ipaddress.IPv6Interface(value.strip()))
    except ValueError:
        raise ValueError("is not an IPv6 address with prefix length. Write it like fd00:213::a/127.") from None


def _prefix(value: str) -> str:
    try:
        return str(ipaddress.ip_network(value.strip()))
    except ValueError:
        pass
    try:
        network = ipaddress.ip_network(value.strip(), strict=False)
    except ValueError:
        raise ValueError("is not a prefix. Write it like 192.0.2.0/24.") from None
    raise ValueError(f"has host bits set. Write {network}.")


def _prefixes(values: list[str]) -> list[str]:
    return sorted({_prefix(value) for value in values})


def _words(values: list[str]) -> list[str]:
    return sorted(set(values))


def _gre_name(value: str) -> str:
    if len(value) > 15:
        raise ValueError("is longer than 15 characters, the most that a GRE tunnel's name can have.")
    return _name(value)


def _name(value: str) -> str:
    if not value.strip():
        raise ValueError("is empty. Give the tunnel's name.")
    return value


def _target(value: t.Any) -> str:
    """Return the saved target of a health check; the API has two forms of it. Empty: Cloudflare computes one."""
    if isinstance(value, dict) and not set(value) - {"saved", "effective"}:
        value = value.get("saved") or ""
    if not isinstance(value, str):
        raise ValueError("is neither an IP address nor a dictionary with 'saved'. Write it like 10.213.0.11, or '' for the one that Cloudflare computes.")
    return _address(value)


def _asn(value: int) -> int:
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
    :ivar parts: the fields of an object.
    :ivar needed: those of ``parts`` that the object cannot do without.
    :ivar ignored: when Cloudflare ignores it. It is not compared then, because it would differ for ever.
    """

    spec: Json
    canonical: Callable[[t.Any], t.Any] = _same
    empty: t.Any = None
    parts: dict[str, Field] = field(default_factory=dict)
    needed: tuple[str, ...] = ()
    ignored: Ignored | None = None

    @property
    def option(self) -> Json:
        """The specification of the option."""
        return {**self.spec, "options": _options(self.parts)} if self.parts else self.spec


def _options(fields: Mapping[str, Field]) -> Json:
    return {name: one.option for name, one in fields.items()}


_TEXT = Field({"type": "str"}, empty="")
_PLAIN = Field({"type": "str"})
_NUMBER = Field({"type": "int"})
_FLAG = Field({"type": "bool"}, empty=False)
_ADDRESS = Field({"type": "str"}, _address)
_OPTIONAL_ADDRESS = Field({"type": "str"}, _address, "")
_HEALTH_CHECK = Field(
    {"type": "dict"},
    parts={
        "enabled": Field({"type": "bool"}),
        "rate": Field({"type": "str", "choices": ["low", "mid", "high"]}),
        "type": Field({"type": "str", "choices": ["reply", "request"]}),
        "direction": Field({"type": "str", "choices": ["unidirectional", "bidirectional"]}),
        "target": Field({"type": "raw"}, _target, "", ignored=Ignored("direction", "bidirectional", "Leave it out, or set direction: unidirectional.")),
    },
)
_BGP = Field(
    {"type": "dict"},
    parts={
        "customer_asn": Field({"type": "int"}, _asn),
        "extra_prefixes": Field({"type": "list", "elements": "str"}, _prefixes, []),
        # Cloudflare shows it to everybody who may read the tunnel, and says that it is no secret.
        "md5_key": Field({"type": "str", "no_log": False}, empty=""),
        "import_filter_id": _TEXT,
        "export_filter_id": _TEXT,
    },
    needed=("customer_asn",),
)
_TUNNEL_FIELDS = {
    "interface_address": Field({"type": "str"}, _interface),
    "interface_address6": Field({"type": "str"}, _interface6, ""),
    "description": _TEXT,
    "health_check": _HEALTH_CHECK,
    "automatic_return_routing": _FLAG,
    "bgp": _BGP,
}


@dataclass(frozen=True)
class Kind:
    """A kind of objects.

    :ivar noun: for messages.
    :ivar single: its name in the API's answers to reading one.
    :ivar several: its name in the path and in the API's lists.
    :ivar id_option: the option with the id.
    :ivar keys: the options that find an object without its id.
    :ivar apart: the fields that tell objects of the same ``keys`` apart, the most important one first.
    :ivar fields: what can be set.
    :ivar required: what each write has to have.
    :ivar not_found: the error code for an id that there is not.
    :ivar fixed: what can only be set when it is made.
    :ivar headers: of each request.
    :ivar validates_delete: whether a DELETE heeds ``validate_only``.
    :ivar more: further options.
    :ivar returns: the modules' return value, one object and a list of them; by default ``single`` and ``several``.
    :ivar id_aliases: further names of ``id_option``.
    :ivar through: the option with the name of a tunnel, in place of the field that follows from it.
    :ivar computed: what the modules return in addition, computed from the object.
    """

    noun: str
    single: str
    several: str
    id_option: str
    keys: tuple[str, ...]
    fields: dict[str, Field]
    required: tuple[str, ...]
    not_found: int
    fixed: tuple[str, ...] = ()
    # The newer form of a health check's target, which also tells what Cloudflare computed.
    headers: Mapping[str, str] = field(default_factory=lambda: {"x-magic-new-hc-target": "true"})
    validates_delete: bool = True
    more: ArgumentSpec = field(default_factory=ArgumentSpec)
    returns: tuple[str, str] = ("", "")
    id_aliases: tuple[str, ...] = ()
    apart: tuple[str, ...] = ()
    through: tuple[str, str] | None = None
    computed: Callable[[Mapping[str, t.Any]], Json] = customer_ends

    @property
    def result(self) -> str:
        """The return value of the module that manages an object."""
        return self.returns[0] or self.single

    @property
    def results(self) -> str:
        """The return value of the module that reads objects."""
        return self.returns[1] or self.several

    @property
    def _id(self) -> Json:
        return {self.id_option: {"type": "str", **({"aliases": list(self.id_aliases)} if self.id_aliases else {})}}

    @property
    def options(self) -> ArgumentSpec:
        """The options of the module that manages objects of this kind."""
        own = {"state": {"type": "str", "choices": ["present", "absent"], "default": "present"}, **self._id, **_options(self.fields)}
        return SHARED.merge(self.more).merge(ArgumentSpec(own, required_one_of=[(self.id_option, self.keys[0])]))

    @property
    def info_options(self) -> ArgumentSpec:
        """The options of the module that reads objects of this kind."""
        own = {**self._id, **_options({key: self.fields[key] for key in self.keys})}
        return SHARED.merge(ArgumentSpec(own, mutually_exclusive=[(self.id_option, key) for key in self.keys]))


IPSEC_TUNNEL = Kind(
    noun="IPsec tunnel",
    single="ipsec_tunnel",
    several="ipsec_tunnels",
    id_option="ipsec_tunnel_id",
    keys=("name",),
    fields={
        "name": Field({"type": "str"}, _name),
        "cloudflare_endpoint": _ADDRESS,
        "customer_endpoint": _OPTIONAL_ADDRESS,
        **_TUNNEL_FIELDS,
        "replay_protection": _FLAG,
        "custom_remote_identities": Field({"type": "dict"}, parts={"fqdn_id": _TEXT}),
    },
    required=("name", "cloudflare_endpoint", "interface_address"),
    not_found=1032,
    more=ArgumentSpec(
        {"psk": {"type": "str", "no_log": True}, "update_psk": {"type": "str", "choices": ["on_create", "always"], "default": "on_create", "no_log": False}}
    ),
)

GRE_TUNNEL = Kind(
    noun="GRE tunnel",
    single="gre_tunnel",
    several="gre_tunnels",
    id_option="gre_tunnel_id",
    keys=("name",),
    fields={
        "name": Field({"type": "str"}, _gre_name),
        "cloudflare_gre_endpoint": _ADDRESS,
        "customer_gre_endpoint": _ADDRESS,
        **_TUNNEL_FIELDS,
        "ttl": _NUMBER,
        "mtu": _NUMBER,
    },
    required=("name", "customer_gre_endpoint", "cloudflare_gre_endpoint", "interface_address"),
    not_found=1029,
    fixed=("bgp",),
)

ROUTE = Kind(
    noun="route",
    single="route",
    several="routes",
    id_option="static_route_id",
    id_aliases=("route_id",),
    apart=("priority", "scope"),
    through=("nexthop_tunnel", "nexthop"),
    computed=lambda dummy: {},
    more=ArgumentSpec({"nexthop_tunnel": {"type": "str"}}, mutually_exclusive=[("nexthop", "nexthop_tunnel")]),
    returns=("static_route", "static_routes"),
    keys=("prefix", "nexthop"),
    fields={
        "prefix": Field({"type": "str"}, _prefix),
        "nexthop": _ADDRESS,
        "priority": _NUMBER,
        "weight": Field({"type": "int"}, empty=0),
        "description": _TEXT,
        "scope": Field(
            {"type": "dict"},
            parts={
                "colo_names": Field({"type": "list", "elements": "str"}, _words, []),
                "colo_regions": Field({"type": "list", "elements": "str"}, _words, []),
            },
        ),
    },
    required=("prefix", "nexthop", "priority"),
    not_found=1020,
    headers={},
    # Cloudflare documents it for each write but this one: a DELETE of a route might be carried out.
    validates_delete=False,
)


# --- decisions


def _wanted(fields: Mapping[str, Field], given: Mapping[str, t.Any], path: str = "") -> Json:
    """Return the canonical form of what a task sets; what is None is not set.

    :raises MagicError: naming the option and the mend.
    """
    wanted: Json = {}
    for name, one in fields.items():
        value = given.get(name)
        if value is None:
            continue
        if one.parts:
            inner = _wanted(one.parts, value, f"{path}{name}.")
            if inner:
                wanted[name] = inner
            continue
        try:
            wanted[name] = one.canonical(value)
        except ValueError as exc:
            raise MagicError(f"{path}{name}: '{value}' {exc}") from None
    return wanted


def _object(value: t.Any) -> Json:
    """Return what Cloudflare says of a field that is an object; an empty one if there is none, or something else."""
    return value if isinstance(value, dict) else {}


def _known(one: Field, value: t.Any) -> t.Any:
    """Return the canonical form of what Cloudflare says; what cannot be read stays as it is."""
    if value is None:
        return one.empty
    if one.parts:
        return {name: _known(part, value.get(name)) for name, part in one.parts.items()} if isinstance(value, dict) else value
    try:
        return one.canonical(value)
    except (ValueError, AttributeError, TypeError):
        return value


def desired_of(kind: Kind, options: Mapping[str, t.Any]) -> Json:
    """Return the fields that a task sets, in canonical form.

    :raises MagicError: naming the option and the mend.
    """
    if options[kind.id_option] is not None:
        check_segment(kind.id_option, options[kind.id_option])
    desired = _wanted(kind.fields, options)
    through, follows = kind.through or ("", "")
    tunnel = options.get(through)
    if tunnel is not None and not tunnel.strip():
        raise MagicError(f"{through}: '' is empty. Give the tunnel's name, or {follows}.")
    missing = [key for key in kind.keys if key not in desired and not (key == follows and tunnel is not None)]
    if missing and options[kind.id_option] is None:
        instead = f" (or {through})" if through else ""
        raise MagicError(f"{' and '.join(missing)}: missing. A {kind.noun} is found by {' and '.join(kind.keys)}{instead}, or by {kind.id_option}.")
    return desired


class Claim(t.NamedTuple):
    """What a task of this run has said that there shall be: a later task that says something else means another object.

    :ivar account: the API's URL and the account.
    :ivar object_id: of the object that was there already; None if it was to be made.
    :ivar keys: the values of ``Kind.keys``.
    :ivar identity: the values of ``Kind.apart``.
    :ivar check_mode: whether it was only said in check mode, which changes nothing for a task that is not.
    """

    account: str
    object_id: str | None
    keys: Json
    identity: Json
    check_mode: bool

    def denies(self, object_id: str, keys: Json, now: Json, then: Json) -> bool:
        """Tell whether an object must not become another one, because the claim is for it as it is."""
        same = self.object_id == object_id if self.object_id is not None else (self.keys, self.identity) == (keys, now)
        return same and self.identity != then


def _of(kind: Kind, names: tuple[str, ...], item: Mapping[str, t.Any]) -> Json:
    """Return the values of some fields in a form in which equal ones are equal."""
    return {
        name: {part: _known(one, _object(item.get(name)).get(part)) for part, one in kind.fields[name].parts.items()}
        if kind.fields[name].parts
        else _known(kind.fields[name], item.get(name))
        for name in names
    }


def _becomes(kind: Kind, desired: Json, item: Mapping[str, t.Any]) -> Json:
    """Return what tells an object apart once it is as desired."""
    now = _of(kind, kind.apart, item)
    return {name: {**now[name], **desired.get(name, {})} if kind.fields[name].parts else desired.get(name, now[name]) for name in kind.apart}


def find(kind: Kind, objects: list[Json], desired: Json, *, absent: bool = False, claims: Sequence[Claim] = ()) -> Json | None:
    """Return the object that a task means, or None if there is none yet.

    It has the values of ``kind.keys`` in ``desired``. Several of these are told apart by ``kind.apart``; a single one may differ in that and be changed,
    unless an earlier task of this run claims it as it is. One that shall be absent never differs.

    :raises MagicError: if there are several.
    """
    found = [item for item in objects if all(_known(kind.fields[key], item.get(key)) == desired[key] for key in kind.keys)]
    left = [item for item in found if _becomes(kind, desired, item) == _of(kind, kind.apart, item)] if absent else _told_apart(kind, found, desired)
    if len(left) > 1:
        raise MagicError(_ambiguous(kind, left, desired))
    if not left or absent:
        return left[0] if left else None
    now, then = _of(kind, kind.apart, left[0]), _becomes(kind, desired, left[0])
    new_is_possible = all(name in desired for name in kind.required)
    if now != then and new_is_possible and any(claim.denies(left[0]["id"], _of(kind, kind.keys, left[0]), now, then) for claim in claims):
        return None
    return left[0]


def _told_apart(kind: Kind, found: list[Json], desired: Json) -> list[Json]:
    """Return those of objects with the same keys that a task can mean; none if it means a further one."""
    left = found
    for number, name in enumerate(kind.apart):
        if len(left) < 2:
            break
        if name in desired:
            same = [item for item in left if _becomes(kind, {name: desired[name]}, item) == _of(kind, kind.apart, item)]
            if not same and kind.apart[0] in desired:
                return []
            left = same or left
        elif number and kind.apart[0] in desired:
            # A task that says nothing of it means the object that has nothing of it.
            left = [item for item in left if not any(_of(kind, (name,), item)[name].values())] or left
    return left


def _ambiguous(kind: Kind, items: list[Json], desired: Json) -> str:
    what = " and ".join(f"{key} '{desired[key]}'" for key in kind.keys)
    labels = []
    for item in items:
        parts = [f"{name} {_in_words(value)}" for name, value in _of(kind, kind.apart, item).items() if _in_words(value)]
        labels.append(f"{item['id']} ({', '.join(parts)})" if parts else str(item["id"]))
    apart = f", or {' and '.join(kind.apart)} such that one is meant" if kind.apart else " as well"
    return f"{len(items)} {kind.noun}s have the {what}: {listing(labels)}. Give {kind.id_option}{apart}."


def _in_words(value: t.Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {' '.join(map(str, inner))}" for name, inner in value.items() if inner)
    return "" if value is None else str(value)


def _difference(fields: Mapping[str, Field], desired: Json, actual: Mapping[str, t.Any]) -> Json:
    """Return the part of ``desired`` that is not so yet."""
    changes: Json = {}
    for name, value in desired.items():
        one = fields[name]
        if one.parts:
            inner = _difference(one.parts, value, _object(actual.get(name)))
            if inner:
                changes[name] = inner
        elif value != _known(one, actual.get(name)):
            changes[name] = value
    return changes


def _heeded(fields: Mapping[str, Field], desired: Json, actual: Mapping[str, t.Any], path: str = "") -> tuple[Json, list[str]]:
    """Return ``desired`` without what Cloudflare ignores, and a warning for each of that."""
    kept: Json = {}
    warnings: list[str] = []
    for name, value in desired.items():
        one, known = fields[name], actual.get(name)
        if one.parts:
            value, more = _heeded(one.parts, value, _object(known), f"{path}{name}.")
            warnings += more
            if not value:
                continue
        when = one.ignored
        if when is not None and desired.get(when.by, actual.get(when.by)) == when.value:
            if value != one.empty or _known(one, known) != one.empty:
                warnings.append(f"{path}{name} has no effect with {when.by}: {when.value}, so it was neither compared nor set. {when.advice}")
            continue
        kept[name] = value
    return kept, warnings


def _picked(fields: Mapping[str, Field], names: Json, actual: Mapping[str, t.Any]) -> Json:
    """Return the values that ``actual`` has where ``names`` has any."""
    return {
        name: _picked(fields[name].parts, value, _object(actual.get(name))) if fields[name].parts else _known(fields[name], actual.get(name))
        for name, value in names.items()
    }


def _sendable(fields: Mapping[str, Field], desired: Json, actual: Mapping[str, t.Any]) -> Json:
    """Return the fields of ``desired`` as they are sent. Objects are sent whole, because the API may replace them as a whole; never a null."""
    body: Json = {}
    for name, value in desired.items():
        one = fields[name]
        if one.parts:
            known = {part: item for part, item in _object(_known(one, actual.get(name))).items() if item is not None and item != one.parts[part].empty}
            body[name] = {**known, **value}
            if "target" in body[name]:
                body[name]["target"] = {"saved": body[name]["target"]}
        else:
            body[name] = value
    return body


def _without_empty(fields: Mapping[str, Field], desired: Json) -> Json:
    """Return what is more than nothing: a new object needs not be told the rest."""
    kept: Json = {}
    for name, value in desired.items():
        one = fields[name]
        inner = _without_empty(one.parts, value) if one.parts else value
        if inner != ({} if one.parts else one.empty):
            kept[name] = inner
    return kept


def normal(kind: Kind, raw: Mapping[str, t.Any]) -> Json:
    """Return an object as the modules show it: as the API does, with the simple fields that it leaves out where they are empty, and what follows from them."""
    shown = {**{name: one.empty for name, one in kind.fields.items() if one.empty is not None}, **raw, **kind.computed(raw)}
    health_check = shown.get("health_check")
    if isinstance(health_check, dict) and isinstance(health_check.get("target"), str):
        shown["health_check"] = {**health_check, "target": {"saved": health_check["target"]}}
    return shown


class Plan(t.NamedTuple):
    """What is to be done.

    :ivar before: the part of the object that changes, as it is.
    :ivar after: the same, as it shall be.
    :ivar result: the object as it will be, as far as that is known before.
    :ivar method: POST, PUT or DELETE; None if there is nothing to do.
    :ivar body: of the request.
    :ivar desired: the fields to be set, without those that Cloudflare ignores.
    :ivar warnings: what the user should know.
    """

    before: Json
    after: Json
    result: Json | None
    method: str | None = None
    body: Json | None = None
    desired: Json = {}
    warnings: Sequence[str] = ()


def plan(kind: Kind, desired: Json | None, actual: Json | None, secret: Mapping[str, str] | None = None) -> Plan:
    """Decide how to get from what there is to what there shall be.

    :arg desired: the fields to be set, in canonical form; None if there shall be no such object.
    :arg actual: the object as the API gives it; None if there is none.
    :arg secret: what cannot be compared, because it is never shown: it is sent whenever it is here.
    :raises MagicError: if there is no way; nothing has been sent.
    """
    secret = secret or {}
    if desired is None:
        if actual is None:
            return Plan({}, {}, None)
        return Plan(_settable(kind, actual), {}, normal(kind, actual), "DELETE")
    desired, warnings = _heeded(kind.fields, desired, actual or {})
    for name in desired:
        lacking = [part for part in kind.fields[name].needed if part not in {**_object((actual or {}).get(name)), **desired[name]}]
        if lacking:
            raise MagicError(f"{name}: {' and '.join(lacking)} is missing, which {name} needs.")
    if actual is None:
        return _creation(kind, desired, secret)._replace(desired=desired, warnings=warnings)
    return _update(kind, desired, actual, secret)._replace(desired=desired, warnings=warnings)


def _creation(kind: Kind, desired: Json, secret: Mapping[str, str]) -> Plan:
    missing = [name for name in kind.required if not desired.get(name) and desired.get(name) != 0]
    if missing:
        raise MagicError(f"{', '.join(missing)}: missing. There is no such {kind.noun} yet, and a new one needs {', '.join(kind.required)}.")
    new = _without_empty(kind.fields, desired)
    body = _sendable(kind.fields, new, {})
    return Plan({}, {**new, **{name: "(not shown)" for name in secret}}, normal(kind, body), "POST", {**body, **secret})


def _update(kind: Kind, desired: Json, actual: Json, secret: Mapping[str, str]) -> Plan:
    changes = _difference(kind.fields, desired, actual)
    for name in kind.fixed:
        if name in changes:
            raise MagicError(
                f"{name}: cannot be changed. Cloudflare's API sets it only when a {kind.noun} is made. "
                f"To change it, delete the {kind.noun} (state: absent) and make it again, which interrupts its traffic."
            )
    if not changes and not secret:
        return Plan({}, {}, normal(kind, actual))
    whole = _sendable(kind.fields, {name: desired[name] for name in changes}, actual)
    body = {**{name: actual[name] for name in kind.required if actual.get(name) is not None}, **whole, **secret}
    result = {**actual, **{name: _merged(actual.get(name), value, changes[name]) if kind.fields[name].parts else value for name, value in whole.items()}}
    before = {**_picked(kind.fields, changes, actual), **{name: "(not shown)" for name in secret}}
    return Plan(before, {**changes, **{name: "(not shown, set again)" for name in secret}}, normal(kind, result), "PUT", body)


def _merged(actual: t.Any, sent: Json, changes: Json) -> Json:
    """Return what an object is after an update; what does not change stays as Cloudflare shows it."""
    known = _object(actual)
    return {**known, **{name: value for name, value in sent.items() if name in changes or name not in known}}


def _settable(kind: Kind, actual: Json) -> Json:
    """Return what can be set of an object, for the diff of its deletion."""
    return {name: actual[name] for name in kind.fields if actual.get(name) not in (None, kind.fields[name].empty)}


# --- calls


def _nobody_else() -> AbstractContextManager[list[Claim]]:
    """Return the claims of a run with a single task."""
    return nullcontext([])


def list_all(client: Client, kind: Kind) -> list[Json]:
    """Return all objects of a kind."""
    return list_objects(client, kind.several, kind.noun, kind.headers)


def read(client: Client, kind: Kind, object_id: str) -> Json:
    """Return one object.

    :raises MagicError: if there is none with the id.
    """
    return read_object(client, kind.several, kind.single, object_id, kind.noun, kind.headers)


def _by_id(client: Client, kind: Kind, object_id: str, state: str) -> Json | None:
    try:
        return read(client, kind, object_id)
    except MagicError as error:
        if error.failure is None or error.failure["status"] != 404 or state == "present":
            raise
        if not any(entry.get("code") == kind.not_found for entry in error.failure["errors"]):
            raise  # of a wrong account, it cannot be said that the object is absent
        return None


def _result_of(kind: Kind, method: str, answer: t.Any, object_id: str | None = None) -> Json | None:
    """Return the object in the answer to a write.

    :arg object_id: which one was to be changed or deleted.
    :raises MagicError: if it does not say that it was done.
    """
    what = f"the {method} of the {kind.noun}"
    if method == "POST":
        # Older answers are lists.
        several = answer.get(kind.several) if isinstance(answer, dict) else None
        created = several[0] if isinstance(several, list) and several else answer.get(kind.single, answer) if isinstance(answer, dict) else None
        member(created, "id", str, what, UNKNOWN)
        return t.cast("Json", _without_psk(created))
    done = "modified" if method == "PUT" else "deleted"
    if member(answer, done, bool, what, UNKNOWN) is False:
        raise MagicError(f"Cloudflare's answer to {what} says that it was not {done}, without a reason.")
    found = answer.get(f"{done}_{kind.single}")
    if object_id is not None:
        check_id(found, "id", object_id, what)
    return _without_psk(found) if method == "PUT" else None


def _without_psk(found: t.Any) -> t.Any:
    """Return an object without its key: an answer that quotes it must not bring it into the result."""
    return {name: value for name, value in found.items() if name != "psk"} if isinstance(found, dict) else found


def check(kind: Kind, options: Mapping[str, t.Any]) -> list[str]:
    """Check what the argument specification cannot, before anything is sent; return warnings.

    :raises MagicError: naming the option and the mend.
    """
    desired_of(kind, options)
    key = options.get("psk")
    if key is None:
        return []
    if options["state"] == "absent":
        raise MagicError("psk has no effect with state: absent. Leave it out.")
    return check_key("psk", key)


def run(kind: Kind, client: Client, options: Mapping[str, t.Any], check_mode: bool, claims: Claims = _nobody_else) -> Json:
    """Do the work of the module that manages objects of this kind.

    :arg options: validated by ``kind.options`` and ``check``.
    :arg claims: what the tasks of this run have said so far; see ``Claim``.
    :returns: the module's result.
    :raises MagicError: if it failed; the text says what state things are in.
    """
    desired = desired_of(kind, options)
    object_id, absent = options[kind.id_option], options["state"] == "absent"
    known = list_all(client, kind) if object_id is None else [_by_id(client, kind, object_id, options["state"])]
    tunnels = Tunnels(client)
    if kind.through is not None and options[kind.through[0]] is not None and not (absent and object_id is not None):
        nexthop = _through(kind, tunnels, options, desired, known)
        if nexthop is None:
            return {"changed": False, "diff": {"before": {}, "after": {}}}
        desired[kind.through[1]] = nexthop
    with claims() as claimed:
        actual, planned, secret = _decide(kind, options, desired, known, _relevant(claimed, client, check_mode))
        if not absent and kind.apart and kind.apart[0] in desired:
            claimed.append(_claim(kind, client, desired, actual, check_mode))
    result: Json = {"changed": planned.method is not None, "diff": {"before": planned.before, "after": planned.after}}
    warnings = [*planned.warnings, *_dead_ends(kind, tunnels, planned)]
    shown = planned.result
    if planned.method is not None:
        if not check_mode:
            shown = answer = _carry_out(kind, client, planned, actual, secret) or shown
        elif planned.method != "DELETE" or kind.validates_delete:
            answer = _send(kind, client, planned, actual, secret, {"validate_only": "true"})
            result["validated"] = True
        if not absent:
            warnings += _afterwards(kind, planned, _object(answer), check_mode)
        if planned.method == "POST" and kind is IPSEC_TUNNEL and not secret:
            warnings.append(
                f"The new tunnel {desired['name']} has no pre-shared key, and works only with one: make one with cloudflare.magic.ipsec_psk, or set psk."
            )
    if warnings:
        result["warnings"] = warnings
    if shown is not None:
        result[kind.result] = normal(kind, shown)
    return result


def _afterwards(kind: Kind, planned: Plan, answer: Json, check_mode: bool) -> list[str]:
    """Return warnings of what is otherwise than it was sent; of a new object, Cloudflare decides what decides what it ignores."""
    desired, warnings = _heeded(kind.fields, planned.desired, answer)
    left = {} if check_mode else _difference(kind.fields, desired, answer)
    if left:
        warnings.append(f"Cloudflare accepted the request, and shows another value of {listing(left)} than the one that was sent.")
    return warnings


class Tunnels:
    """The tunnels of an account, read when they are needed, each kind once."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._read: dict[str, list[Json]] = {}

    def of(self, kind: Kind) -> list[Json]:
        if kind.several not in self._read:
            self._read[kind.several] = list_all(self._client, kind)
        return self._read[kind.several]

    def all(self) -> list[tuple[Kind, Json]]:
        return [(kind, item) for kind in (IPSEC_TUNNEL, GRE_TUNNEL) for item in self.of(kind)]


def _through(kind: Kind, tunnels: Tunnels, options: Mapping[str, t.Any], desired: Json, known: list[Json | None]) -> str | None:
    """Return the next hop through the tunnel that a task names; None if there is neither the tunnel nor a route that can lead through it.

    :raises MagicError: if no next hop can be told.
    """
    option = (kind.through or ("",))[0]
    name = options[option]
    prefix = desired["prefix"] if "prefix" in desired else str((known[0] or {}).get("prefix"))
    found = [(of, item) for of, item in tunnels.all() if item.get("name") == name]
    if len(found) > 1:
        several = listing(f"{of.noun} {item['id']}" for of, item in found)
        raise MagicError(f"{option}: {len(found)} tunnels have the name '{name}' ({several}). Give nexthop instead.")
    if found:
        try:
            return nexthop_through(found[0][1], prefix)
        except ValueError as exc:
            raise MagicError(f"{option}: the tunnel '{name}' {exc}") from None
    if options["state"] == "absent":
        every = [item for dummy_of, item in tunnels.all()]
        routes = [item for item in known if item is not None and _known(kind.fields["prefix"], item.get("prefix")) == prefix]
        lost = [f"{item['id']} (nexthop {item['nexthop']})" for item in routes if not look_for(item["nexthop"], every)[0]]
        if not lost:
            return None
        raise MagicError(
            f"{option}: there is no tunnel '{name}', and the next hop of some routes for {prefix} is in no tunnel: {listing(lost)}. "
            f"If one of them is meant, give nexthop or {kind.id_option}."
        )
    names = listing(str(item.get("name")) for dummy_of, item in tunnels.all()) or "none"
    raise MagicError(f"{option}: there is no tunnel '{name}'. The account has: {names}.")


def _dead_ends(kind: Kind, tunnels: Tunnels, planned: Plan) -> list[str]:
    """Return what is wrong with a next hop that a plan sets: Cloudflare accepts it, and the route carries nothing."""
    result = planned.result or {}
    if kind.through is None or planned.method not in ("POST", "PUT") or not {"prefix", "nexthop"} & set(planned.after):
        return []
    wrong = mismatch(result["prefix"], result["nexthop"])
    warnings = [wrong] if wrong else []
    if "nexthop" in planned.after:
        try:
            for of in (IPSEC_TUNNEL, GRE_TUNNEL):
                found, wrong = look_for(result["nexthop"], tunnels.of(of))
                warnings += [wrong] if wrong else []
                if found:
                    break
        except MagicError as error:
            warnings.append(f"It is not known whether nexthop {result['nexthop']} is the customer's end of a tunnel: {error}")
    return warnings


def _decide(
    kind: Kind, options: Mapping[str, t.Any], desired: Json, known: list[Json | None], claims: Sequence[Claim]
) -> tuple[Json | None, Plan, dict[str, str]]:
    """Return the object that is meant, what is to be done, and the secret to send with it.

    :arg known: all objects, or the one with the id.
    """
    absent = options["state"] == "absent"
    if options[kind.id_option] is None:
        actual = find(kind, [item for item in known if item is not None], desired, absent=absent, claims=claims)
    else:
        (actual,) = known
    secret: dict[str, str] = {}
    if options.get("psk") is not None and (actual is None or options["update_psk"] == "always"):
        secret["psk"] = options["psk"]
    return actual, plan(kind, None if absent else desired, actual, secret), secret


def _account(client: Client) -> str:
    return f"{client.settings.api_url} {client.settings.account_id}"


def _relevant(claims: Sequence[Claim], client: Client, check_mode: bool) -> list[Claim]:
    return [claim for claim in claims if claim.account == _account(client) and (check_mode or not claim.check_mode)]


def _claim(kind: Kind, client: Client, desired: Json, actual: Json | None, check_mode: bool) -> Claim:
    item = {**(actual or {}), **{key: desired[key] for key in kind.keys if key in desired}}
    return Claim(_account(client), None if actual is None else actual["id"], _of(kind, kind.keys, item), _becomes(kind, desired, item), check_mode)


def _send(kind: Kind, client: Client, planned: Plan, actual: Json | None, secret: Mapping[str, str], params: Mapping[str, str] | None = None) -> t.Any:
    segments = [kind.several] if actual is None else [kind.several, actual["id"]]
    return client.request(str(planned.method), segments, params=params, body=planned.body, headers=kind.headers, secrets=list(secret.values()))


def _carry_out(kind: Kind, client: Client, planned: Plan, actual: Json | None, secret: Mapping[str, str]) -> Json | None:
    method = str(planned.method)
    try:
        return _result_of(kind, method, _send(kind, client, planned, actual, secret), None if actual is None else actual["id"])
    except MagicError as error:
        if error.reached != UNKNOWN:
            raise
        state = "may exist now" if method == "POST" else "may be changed" if method == "PUT" else "may be gone"
        heal = "Run the task again: it reads what there is, and does what is left."
        raise error.explained(f"{str(error).rstrip('.')}. The {kind.noun} {state}. {heal}") from None


def chosen(kind: Kind, options: Mapping[str, t.Any]) -> Json:
    """Return the values by which an info module chooses objects, in canonical form.

    :raises MagicError: naming the option and the mend.
    """
    if options[kind.id_option] is not None:
        return {"id": check_segment(kind.id_option, options[kind.id_option])}
    return _wanted({key: kind.fields[key] for key in kind.keys}, options)


def select(kind: Kind, client: Client, options: Mapping[str, t.Any]) -> list[Json]:
    """Return the objects that the options of an info module choose.

    :raises MagicError: if they cannot be read, or there is none with the id.
    """
    wanted = chosen(kind, options)
    if "id" in wanted:
        return [normal(kind, read(client, kind, wanted["id"]))]
    items = list_all(client, kind)
    return [normal(kind, item) for item in items if all(_known(kind.fields[key], item.get(key)) == value for key, value in wanted.items())]
