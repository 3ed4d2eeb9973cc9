# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The kinds of objects that Cloudflare has, as declarations. Whoever adds a field or a kind opens this file."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.cloudflare.magic.plugins.module_utils import _fields
from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._fields import Field, Ignored, options_of, read, wanted
from ansible_collections.cloudflare.magic.plugins.module_utils._nexthops import customer_ends
from ansible_collections.cloudflare.magic.plugins.module_utils._options import SHARED, ArgumentSpec
from ansible_collections.cloudflare.magic.plugins.module_utils._settings import check_segment

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Json = dict[str, t.Any]

_TEXT = Field({"type": "str"}, empty="")
_PLAIN = Field({"type": "str"})
_NUMBER = Field({"type": "int"})
_FLAG = Field({"type": "bool"}, empty=False)
_ADDRESS = Field({"type": "str"}, _fields.address)
_OPTIONAL_ADDRESS = Field({"type": "str"}, _fields.address, "")
_HEALTH_CHECK = Field(
    {"type": "dict"},
    parts={
        "enabled": Field({"type": "bool"}, default=True),
        "rate": Field({"type": "str", "choices": ["low", "mid", "high"]}, default="mid"),
        "type": Field({"type": "str", "choices": ["reply", "request"]}, default="reply"),
        # What a new tunnel has depends on the account.
        "direction": Field({"type": "str", "choices": ["unidirectional", "bidirectional"]}),
        "target": Field(
            {"type": "raw"},
            _fields.target,
            "",
            as_sent=lambda saved: {"saved": saved},
            ignored=Ignored("direction", "bidirectional", "Leave it out, or set direction: unidirectional."),
        ),
    },
)
_BGP = Field(
    {"type": "dict"},
    parts={
        "customer_asn": Field({"type": "int"}, _fields.asn),
        "extra_prefixes": Field({"type": "list", "elements": "str"}, _fields.prefixes, []),
        # Cloudflare shows it to everybody who may read the tunnel, and says that it is no secret.
        "md5_key": Field({"type": "str", "no_log": False}, empty=""),
        "import_filter_id": _TEXT,
        "export_filter_id": _TEXT,
    },
    needed=("customer_asn",),
)
_TUNNEL_FIELDS = {
    "interface_address": Field({"type": "str"}, _fields.interface),
    "interface_address6": Field({"type": "str"}, _fields.interface6, ""),
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
    :ivar has_psk: whether it has a pre-shared key.
    :ivar given: whether Cloudflare creates and deletes the objects, which can only be changed.
    :ivar many: the methods of which one request can be about several objects.
    :ivar ends: the outer addresses, Cloudflare's and the customer's.
    :ivar in_path: its name in the path, if it is another one there.
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
    has_psk: bool = False
    given: bool = False
    many: tuple[str, ...] = ("PUT",)
    ends: tuple[str, ...] = ()
    in_path: str = ""

    @property
    def path(self) -> str:
        """Its name in the path."""
        return self.in_path or self.several

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
        own = {"state": {"type": "str", "choices": ["present", "absent"], "default": "present"}, **self._id, **options_of(self.fields)}
        return SHARED.merge(self.more).merge(ArgumentSpec(own, required_one_of=[(self.id_option, self.keys[0])]))

    @property
    def info_options(self) -> ArgumentSpec:
        """The options of the module that reads objects of this kind."""
        own = {**self._id, **options_of({key: self.fields[key] for key in self.keys})}
        own["format"] = {"type": "str", "choices": ["api", "options"], "default": "api"}
        return SHARED.merge(ArgumentSpec(own, mutually_exclusive=[(self.id_option, key) for key in self.keys]))


IPSEC_TUNNEL = Kind(
    noun="IPsec tunnel",
    single="ipsec_tunnel",
    several="ipsec_tunnels",
    id_option="ipsec_tunnel_id",
    keys=("name",),
    fields={
        "name": Field({"type": "str"}, _fields.name_of_tunnel),
        "cloudflare_endpoint": _ADDRESS,
        "customer_endpoint": _OPTIONAL_ADDRESS,
        **_TUNNEL_FIELDS,
        "replay_protection": _FLAG,
        "custom_remote_identities": Field({"type": "dict"}, parts={"fqdn_id": _TEXT}),
    },
    required=("name", "cloudflare_endpoint", "interface_address"),
    not_found=1032,
    ends=("cloudflare_endpoint", "customer_endpoint"),
    has_psk=True,
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
        "name": Field({"type": "str"}, _fields.gre_name),
        "cloudflare_gre_endpoint": _ADDRESS,
        "customer_gre_endpoint": _ADDRESS,
        **_TUNNEL_FIELDS,
        "ttl": Field({"type": "int"}, default=64),
        "mtu": Field({"type": "int"}, default=1476),
    },
    required=("name", "customer_gre_endpoint", "cloudflare_gre_endpoint", "interface_address"),
    not_found=1029,
    ends=("cloudflare_gre_endpoint", "customer_gre_endpoint"),
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
        "prefix": Field({"type": "str"}, _fields.prefix),
        "nexthop": _ADDRESS,
        "priority": _NUMBER,
        "weight": Field({"type": "int"}, empty=0),
        "description": _TEXT,
        "scope": Field(
            {"type": "dict"},
            parts={
                "colo_names": Field({"type": "list", "elements": "str"}, _fields.words, []),
                "colo_regions": Field({"type": "list", "elements": "str"}, _fields.words, []),
            },
        ),
    },
    required=("prefix", "nexthop", "priority"),
    not_found=1020,
    headers={},
    # Cloudflare documents it for each write but this one: a DELETE of a route might be carried out.
    validates_delete=False,
    many=("POST", "PUT", "DELETE"),
)

INTERCONNECT = Kind(
    noun="interconnect",
    single="interconnect",
    several="interconnects",
    in_path="cf_interconnects",
    id_option="interconnect_id",
    keys=("name",),
    fields={
        "name": Field({"type": "str"}, _fields.name_of_tunnel),
        "interface_address": _TUNNEL_FIELDS["interface_address"],
        "interface_address6": _TUNNEL_FIELDS["interface_address6"],
        "description": _TEXT,
        "gre": Field({"type": "dict"}, parts={"cloudflare_endpoint": _OPTIONAL_ADDRESS}),
        "health_check": Field({"type": "dict"}, parts={name: part for name, part in _HEALTH_CHECK.parts.items() if name != "direction"}),
        "mtu": _NUMBER,
        "automatic_return_routing": _FLAG,
    },
    # An update needs none of its fields.
    required=(),
    not_found=0,
    given=True,
)


# What has an inside with addresses, at which routes can point.
TUNNELS = (IPSEC_TUNNEL, GRE_TUNNEL)

# What the inventory and events call them.
TUNNEL_TYPES = {"ipsec": IPSEC_TUNNEL, "gre": GRE_TUNNEL}

# All that has an inside: routes can lead to interconnects, too.
WITH_INSIDES = (*TUNNELS, INTERCONNECT)

# All that a design can have, in the order in which it is worked on.
KINDS = (*WITH_INSIDES, ROUTE)


def read_options(kind: Kind, options: Mapping[str, t.Any]) -> tuple[Json, list[str]]:
    """Return the fields that are set, in canonical form, and all that is wrong with them, each with the option and what to write."""
    desired, problems = read(kind.fields, options)
    object_id = options.get(kind.id_option)
    if object_id is not None:
        try:
            check_segment(kind.id_option, object_id)
        except MagicError as error:
            problems.append(str(error))
    through, follows = kind.through or ("", "")
    tunnel = options.get(through)
    if tunnel is not None and not tunnel.strip():
        problems.append(f"{through}: '' is empty. Give the tunnel's name, or {follows}.")
    missing = [key for key in kind.keys if options.get(key) is None and not (key == follows and tunnel is not None)]
    if missing and object_id is None:
        instead = f" (or {through})" if through else ""
        problems.append(f"{' and '.join(missing)}: missing. A {kind.noun} is found by {' and '.join(kind.keys)}{instead}, or by {kind.id_option}.")
    return desired, problems


def desired_of(kind: Kind, options: Mapping[str, t.Any]) -> Json:
    """Return the fields that a task sets, in canonical form.

    :raises MagicError: naming the options and what to write.
    """
    desired, problems = read_options(kind, options)
    if problems:
        raise MagicError(" ".join(problems))
    return desired


def normal(kind: Kind, raw: Mapping[str, t.Any]) -> Json:
    """Return an object as the modules show it: with the simple fields that the API leaves out where they are empty, and with what follows from others."""
    shown = {**{name: one.empty for name, one in kind.fields.items() if one.empty is not None}, **raw, **kind.computed(raw)}
    health_check = shown.get("health_check")
    if isinstance(health_check, dict) and isinstance(health_check.get("target"), str):
        shown["health_check"] = {**health_check, "target": {"saved": health_check["target"]}}
    return shown


def chosen(kind: Kind, options: Mapping[str, t.Any]) -> Json:
    """Return the values by which an info module chooses objects, in canonical form.

    :raises MagicError: naming the option and the mend.
    """
    if options[kind.id_option] is not None:
        return {"id": check_segment(kind.id_option, options[kind.id_option])}
    return wanted({key: kind.fields[key] for key in kind.keys}, options)
