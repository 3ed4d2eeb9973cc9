# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of objects that the emulated Cloudflare has, and the form of the bodies that write them.

Where Cloudflare documents nothing, a choice had to be made; each is marked "Choice" and can be found by that word.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Callable, Mapping, NamedTuple

from . import values
from .values import Json, Parser

_ASN = values.number(0, 2**32 - 1)
_BGP: dict[str, Parser] = {
    "customer_asn": _ASN,
    "extra_prefixes": values.list_of(values.prefix),
    "md5_key": values.md5_key,
    "import_filter_id": values.text,
    "export_filter_id": values.text,
}
_INTERCONNECT_BGP: dict[str, Parser] = {**_BGP, "cloudflare_endpoint": values.address, "customer_endpoint": values.address}


def _bgp_with(parts: dict[str, Parser]) -> Parser:
    parse_parts = values.object_of(parts)

    def read(value: Any, pointer: str) -> Any:
        if "customer_asn" not in values.typed(value, dict, pointer):
            raise values.invalid("bgp needs customer_asn", pointer + "/customer_asn")
        return parse_parts(value, pointer)

    return read


_bgp = _bgp_with(_BGP)


def _interconnect_bgp(value: Any, pointer: str) -> Any:
    # The older name of the number.
    renamed = {**value, "customer_asn": value["as_no"]} if isinstance(value, dict) and "as_no" in value and "customer_asn" not in value else value
    return _bgp_with(_INTERCONNECT_BGP)(renamed, pointer)


# --- kinds --------------------------------------------------------------------------------------------------------


class Reference(NamedTuple):
    """A place in an object that has the id of another one, which must exist, and cannot be deleted as long as it is named.

    Attributes:
        where: the names on the way to it, with ``*`` for the items of a list.
        kind: of what is named; or what the field ``by`` beside it means.
        by: the field beside it that tells the kind, if there are several.
        beside: what is named belongs to the same parent.
    """

    where: str
    kind: str | dict[str, str]
    by: str = ""
    beside: bool = False

    def found(self, fields: Json) -> list[tuple[str, str, str]]:
        """Return what an object names here: the JSON pointer, the kind, and the id. An empty id names nothing."""
        places: list[tuple[str, Any, Any]] = [("", fields, None)]
        for part in self.where.split("/"):
            if part == "*":
                places = [(f"{at}/{index}", item, value) for at, value, _above in places for index, item in enumerate(value)]
            else:
                places = [(f"{at}/{part}", value[part], value) for at, value, _above in places if isinstance(value, dict) and part in value]
        kinds = [self.kind if isinstance(self.kind, str) else self.kind.get(above.get(self.by), "") for _at, _value, above in places]
        return [(at, kind, value) for (at, value, _above), kind in zip(places, kinds) if value and kind]


class Form(NamedTuple):
    """How the calls of a kind look that answer with plain objects and lists, and what they do.

    Attributes:
        tree: the part of the API.
        parent: the kind whose objects have these; the path has ``<parent_id>`` then.
        parent_name: the field with its id.
        ids: the fields that may have the id, the one of new objects first.
        single: there is one of it at most, and the path has no id.
        always: there is one of it always.
        part: it goes with its parent, which can be deleted all the same.
        wan: it needs Magic WAN.
        times: it has created_on and modified_on.
        unique: the places of values that no other may have.
        fixed: the fields that an update must leave as they are.
        nullable: the fields that may be null, which takes them back.
        merges: PUT leaves what it does not name, as PATCH always does. Choice: else it takes it back, the worst reading.
        checks: what must be so besides.
        complete: adds to the fields of a new or a changed object; gets those, what was there before, and the body.
        effect: what a write does to other objects.
        shown: how an answer has it; gets the fields, its neighbours, and what is being done.
        hidden: the fields that no answer has, and that a seed can set.
        filters: query parameters of the list; each tells whether it has an object.
        created: the status of a create that succeeds.
        list_body, list_answer: a create takes, and answers with, a list.
        answers: how a list, or a deletion, is answered.
        exists: code and text where there is one already.
        bad: the code for a body that makes no sense.
    """

    tree: str = "magic"
    parent: str = ""
    parent_name: str = ""
    ids: tuple[str, ...] = ("id",)
    single: bool = False
    always: bool = False
    part: bool = False
    wan: bool = True
    times: bool = False
    unique: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()
    nullable: tuple[str, ...] = ()
    merges: bool = False
    checks: tuple[Callable[[Any], None], ...] = ()
    complete: Callable[[Json, Json, Json], None] | None = None
    effect: Callable[[Any], None] | None = None
    shown: Callable[[Json, Any, str], Json] | None = None
    hidden: tuple[str, ...] = ()
    filters: Mapping[str, Callable[[Json, str], bool]] = MappingProxyType({})
    created: int = 200
    list_body: bool = False
    list_answer: bool = False
    answers: Mapping[str, Callable[[Any], Any]] = MappingProxyType({})
    exists: tuple[int, str] = (0, "")
    bad: int = 1022


class Kind(NamedTuple):
    """One kind of object, such as the IPsec tunnels.

    Attributes:
        path: what follows ``/magic/`` in the address of all of them.
        plural, singular: the names of many and of one of them in answers.
        title: the name in messages about a body.
        missing: code and message of the error for an id that does not exist.
        writable: the fields a client may write; any other is ignored, as Go's JSON decoder does.
        required: the fields that must not be empty.
        defaults: what a new object has where its creator says nothing.
        only_at_creation: the fields that an update ignores.
        endpoints: the fields with the outer addresses, Cloudflare's first.
        methods: what a client may do with all of them, and with one.
        refers: where it names other objects.
        form: how its calls look; None for tunnels, interconnects and routes, which share theirs.
    """

    path: str
    plural: str
    singular: str
    title: str
    missing: tuple[int, str]
    writable: dict[str, Parser]
    required: tuple[str, ...]
    defaults: Json
    only_at_creation: tuple[str, ...] = ()
    endpoints: tuple[str, ...] = ()
    methods: tuple[tuple[str, ...], tuple[str, ...]] = (("GET", "POST", "PUT"), ("GET", "PUT", "DELETE"))
    refers: tuple[Reference, ...] = ()
    form: Form | None = None


_TUNNEL_HEALTH_CHECK = {
    "enabled": values.boolean,
    "rate": values.choice("low", "mid", "high"),
    "type": values.choice("reply", "request"),
    "direction": values.choice("unidirectional", "bidirectional"),
}
_FILTERS = tuple(Reference(f"bgp/{name}", "bgp_filter_profiles") for name in ("import_filter_id", "export_filter_id"))
# Choice: no upper limit but that of the protocol.
_MTU = values.number(576, 65535)
# Choice: names of IPsec tunnels, for which Cloudflare's pages contradict each other, may be this long.
_LONG = 255

IPSEC = Kind(
    "ipsec_tunnels",
    "ipsec_tunnels",
    "ipsec_tunnel",
    "IPsec Tunnel",
    (1032, "IPsec tunnel not found"),
    {
        "name": values.name_of_up_to(_LONG),
        "cloudflare_endpoint": values.address,
        "interface_address": values.interface_address,
        "customer_endpoint": values.address,
        "interface_address6": values.interface_address6,
        "description": values.text,
        "health_check": values.object_of(_TUNNEL_HEALTH_CHECK),
        "replay_protection": values.boolean,
        "automatic_return_routing": values.boolean,
        "custom_remote_identities": values.object_of({"fqdn_id": values.text}, keep_empty=False),
        "bgp": _bgp,
        "psk": values.secret,
    },
    ("name", "cloudflare_endpoint", "interface_address"),
    {},
    endpoints=("cloudflare_endpoint", "customer_endpoint"),
    refers=_FILTERS,
)
GRE = Kind(
    "gre_tunnels",
    "gre_tunnels",
    "gre_tunnel",
    "GRE Tunnel",
    (1029, "GRE tunnel not found"),
    {
        "name": values.name_of_up_to(15),
        "cloudflare_gre_endpoint": values.address,
        "customer_gre_endpoint": values.address,
        "interface_address": values.interface_address,
        "interface_address6": values.interface_address6,
        "description": values.text,
        "health_check": values.object_of(_TUNNEL_HEALTH_CHECK),
        # Choice: what fits into the field of an IP packet.
        "ttl": values.number(1, 255),
        "mtu": _MTU,
        "automatic_return_routing": values.boolean,
        "bgp": _bgp,
    },
    ("name", "cloudflare_gre_endpoint", "customer_gre_endpoint", "interface_address"),
    {"ttl": 64, "mtu": 1476},
    # The description has it for creating only.
    only_at_creation=("bgp",),
    endpoints=("cloudflare_gre_endpoint", "customer_gre_endpoint"),
    refers=_FILTERS,
)
# The version of interconnects with rules of its own.
NEWER = "1.5"
INTERCONNECT = Kind(
    "cf_interconnects",
    "interconnects",
    "interconnect",
    "Interconnect",
    # Choice: no code of its own is known for it.
    (7003, "Could not route to the path, perhaps your object identifier is invalid?"),
    {
        "name": values.name_of_up_to(_LONG),
        # Which networks are right depends on the version: rules.py.
        "interface_address": values.point_to_point,
        "interface_address6": values.interface_address6,
        "description": values.text,
        "gre": values.object_of({"cloudflare_endpoint": values.address}, keep_empty=False),
        "health_check": values.object_of({**_TUNNEL_HEALTH_CHECK, "source": values.address}),
        "bgp": _interconnect_bgp,
        "mtu": _MTU,
        "automatic_return_routing": values.boolean,
    },
    ("name", "interface_address"),
    {},
    methods=(("GET", "PUT"), ("GET", "PUT")),
    refers=_FILTERS,
)
ROUTE = Kind(
    "routes",
    "routes",
    "route",
    "Route",
    (1020, "Route not found"),
    {
        "prefix": values.prefix,
        "nexthop": values.address,
        # Choice: what fits into 32 bits, without a sign.
        "priority": values.number(0, 2**32 - 1),
        "description": values.text,
        "weight": values.number(0, 256),
        # Choice: names of places are not checked.
        "scope": values.object_of({"colo_names": values.list_of(values.text), "colo_regions": values.list_of(values.text)}, keep_empty=False),
    },
    ("prefix", "nexthop", "priority"),
    {},
    methods=(("GET", "POST", "PUT", "DELETE"), ("GET", "PUT", "DELETE")),
)
# Kinds with inner addresses, which can be next hops of routes.
TUNNELS = (IPSEC, GRE, INTERCONNECT)
# Those with the same form of calls; tree.py has the others.
KINDS = (*TUNNELS, ROUTE)


def parse(kind: Kind, body: Any, doing: str, new_hc_target: bool, pointer: str = "") -> Json:
    """Return the writable fields of a body as Cloudflare keeps them, health_check.target as a string.

    Args:
        kind: of the object.
        body: what the client sent.
        doing: ``creating``, ``updating`` or ``reading``.
        new_hc_target: the target is ``{saved: ...}`` instead of a string.
        pointer: JSON pointer to the body, if it is part of a larger one.

    Raises:
        ApiError: 1022.
    """
    values.refuse_null(body, f"{doing} {kind.title}", pointer)
    values.typed(body, dict, pointer)
    ignored = kind.only_at_creation if doing == "updating" else ()
    fields: Json = {key: inner(body[key], f"{pointer}/{key}") for key, inner in kind.writable.items() if key in body and key not in ignored}
    if "target" in body.get("health_check", {}) and "health_check" in fields:
        target, where = body["health_check"]["target"], pointer + "/health_check/target"
        if not new_hc_target:
            fields["health_check"]["target"] = values.address(values.typed(target, str, where), where)
        elif "saved" in values.typed(target, dict, where):
            fields["health_check"]["target"] = values.address(values.typed(target["saved"], str, where + "/saved"), where)
    return fields
