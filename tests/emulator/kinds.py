# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of objects that the emulated Cloudflare has, and the form of the bodies that write them.

Where Cloudflare documents nothing, a choice had to be made; each is marked "Choice" and can be found by that word.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Any, Callable, Dict, NamedTuple

from .strict import is_text

Json = Dict[str, Any]
# Checks a value and returns it as Cloudflare keeps it; the second argument is the JSON pointer to it.
Parser = Callable[[Any, str], Any]


class ApiError(Exception):
    """An error that the API answers.

    Args:
        status: HTTP status code.
        code: Cloudflare's error code.
        message: text for people; never holds a credential or a key.
        pointer: JSON pointer to the offending part of the body.
        chain: (code, message) pairs for ``error_chain``.
        more: further complete entries of ``errors``.
    """

    def __init__(
        self,
        status: int,
        code: int,
        message: str,
        pointer: str | None = None,
        chain: list[tuple[int, str]] | None = None,
        more: list[Json] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        error: Json = {"code": code, "message": message}
        if pointer is not None:
            error["source"] = {"pointer": pointer}
        if chain:
            error["error_chain"] = [{"code": c, "message": m} for c, m in chain]
        self.errors: list[Json] = [error] + (more or [])


def invalid(detail: str, pointer: str) -> ApiError:
    """Return the error for a body that makes no sense at ``pointer``."""
    return ApiError(400, 1022, f"Invalid Request: {detail}", pointer)


# --- values -------------------------------------------------------------------------------------------------------

_GO_NAMES = {str: "string", bool: "bool", dict: "object", list: "array", int: "number", float: "number"}


def refuse_null(value: Any, what: str, pointer: str = "") -> None:
    """Raise ApiError 1022 if there is a null anywhere in a body."""
    if value is None:
        raise invalid(f"error parsing request body while {what}: type is not permitted to be null", pointer)
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        refuse_null(item, what, f"{pointer}/{key}")


def typed(value: Any, kind: type, pointer: str) -> Any:
    """Return the value; raise ApiError 1022 if it is not of this type."""
    # bool is a subclass of int in Python, not in JSON.
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise invalid("json: cannot unmarshal {} into a field of type {}".format(_GO_NAMES.get(type(value), "value"), _GO_NAMES[kind]), pointer)
    # Choice: half of a surrogate pair is refused. It is no character, and no answer in UTF-8 could have it.
    if kind is str and not is_text(value):
        raise invalid("the text has a lone surrogate, which is no character", pointer)
    return value


def _text(value: Any, pointer: str) -> Any:
    return typed(value, str, pointer)


def _boolean(value: Any, pointer: str) -> Any:
    return typed(value, bool, pointer)


def _number(low: int, high: int) -> Parser:
    def parse(value: Any, pointer: str) -> Any:
        if not low <= typed(value, int, pointer) <= high:
            raise invalid(f"must be from {low} to {high}", pointer)
        return value

    return parse


def _choice(*choices: str) -> Parser:
    def parse(value: Any, pointer: str) -> Any:
        if typed(value, str, pointer) not in choices:
            raise invalid("must be one of {}".format(", ".join(choices)), pointer)
        return value

    return parse


def _list_of(parse_item: Parser) -> Parser:
    def parse(value: Any, pointer: str) -> Any:
        return [parse_item(item, f"{pointer}/{index}") for index, item in enumerate(typed(value, list, pointer))]

    return parse


def _object(parts: dict[str, Parser], keep_empty: bool = True) -> Parser:
    """Return a parser of an object; fields without a parser of their own are left out, as Go's JSON decoder does."""

    def parse(value: Any, pointer: str) -> Any:
        typed(value, dict, pointer)
        parsed = {key: inner(value[key], f"{pointer}/{key}") for key, inner in parts.items() if key in value}
        return {key: item for key, item in parsed.items() if item or keep_empty}

    return parse


def _name(limit: int) -> Parser:
    def parse(value: Any, pointer: str) -> Any:
        if not re.match(r"^[A-Za-z0-9._-]+\Z", typed(value, str, pointer)):
            raise invalid("name must not be empty or have spaces or special characters", pointer)
        if len(value) > limit:
            raise invalid(f"name must not be longer than {limit} characters", pointer)
        return value

    return parse


def _key(value: Any, pointer: str) -> Any:
    if not typed(value, str, pointer):
        raise invalid("the pre-shared key must not be empty", pointer)
    return value


def _parsed(value: Any, pointer: str, kind: Callable[[str], Any], what: str) -> Any:
    try:
        # Python would take a netmask for the length of a prefix.
        if re.search(r"/.*\D", typed(value, str, pointer)):
            raise ValueError
        return kind(value)
    except ValueError:
        raise invalid(f"not {what}", pointer) from None


def _address(value: Any, pointer: str) -> Any:
    # Empty is how a client takes an address back.
    return str(_parsed(value, pointer, ipaddress.ip_address, "an IP address")) if value != "" else value


_INTERFACE_RANGES = [ipaddress.IPv4Network(net) for net in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.240.0/20")]


def _interface_address(value: Any, pointer: str) -> Any:
    interface = _parsed(value, pointer, ipaddress.IPv4Interface, "an IPv4 address in CIDR notation")
    if interface.network.prefixlen not in (30, 31):
        raise invalid("interface address must be a /31 or a /30", pointer)
    if not any(interface.network.subnet_of(net) for net in _INTERFACE_RANGES):
        raise invalid("interface address must be inside 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 or 169.254.240.0/20", pointer)
    return str(interface)


def _interface_address6(value: Any, pointer: str) -> Any:
    if value == "":
        return value
    interface = _parsed(value, pointer, ipaddress.IPv6Interface, "an IPv6 address in CIDR notation")
    if interface.network.prefixlen != 127:
        raise invalid("interface address must be a /127", pointer)
    return str(interface)


def _prefix(value: Any, pointer: str) -> Any:
    # Choice: bits set behind the mask are refused, and not cleared. A bare address becomes a /32 or a /128.
    return str(_parsed(value, pointer, ipaddress.ip_network, "a prefix in CIDR notation, or it has bits set behind the mask"))


def _md5_key(value: Any, pointer: str) -> Any:
    # Choice: empty takes it back, as everywhere; the documentation only says that one that is set must not be empty.
    if not re.match(r"^[ !#->@-~]*\Z", typed(value, str, pointer)):
        raise invalid("md5_key may have printable ASCII characters except quotation mark and question mark", pointer)
    return value


_BGP = _object(
    {
        "customer_asn": _number(0, 2**32 - 1),
        "extra_prefixes": _list_of(_prefix),
        "md5_key": _md5_key,
        "import_filter_id": _text,
        "export_filter_id": _text,
    }
)


def _bgp(value: Any, pointer: str) -> Any:
    if "customer_asn" not in typed(value, dict, pointer):
        raise invalid("bgp needs customer_asn", pointer + "/customer_asn")
    return _BGP(value, pointer)


# --- kinds --------------------------------------------------------------------------------------------------------


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


_HEALTH_CHECK = {"enabled": _boolean, "rate": _choice("low", "mid", "high"), "type": _choice("reply", "request")}
_TUNNEL_HEALTH_CHECK = dict(_HEALTH_CHECK, direction=_choice("unidirectional", "bidirectional"))
# Choice: no upper limit but that of the protocol.
_MTU = _number(576, 65535)
# Choice: names of IPsec tunnels, for which Cloudflare's pages contradict each other, may be this long.
_LONG = 255

IPSEC = Kind(
    "ipsec_tunnels",
    "ipsec_tunnels",
    "ipsec_tunnel",
    "IPsec Tunnel",
    (1032, "IPsec tunnel not found"),
    {
        "name": _name(_LONG),
        "cloudflare_endpoint": _address,
        "interface_address": _interface_address,
        "customer_endpoint": _address,
        "interface_address6": _interface_address6,
        "description": _text,
        "health_check": _object(_TUNNEL_HEALTH_CHECK),
        "replay_protection": _boolean,
        "automatic_return_routing": _boolean,
        "custom_remote_identities": _object({"fqdn_id": _text}, keep_empty=False),
        "bgp": _bgp,
        "psk": _key,
    },
    ("name", "cloudflare_endpoint", "interface_address"),
    {},
    endpoints=("cloudflare_endpoint", "customer_endpoint"),
)
GRE = Kind(
    "gre_tunnels",
    "gre_tunnels",
    "gre_tunnel",
    "GRE Tunnel",
    (1029, "GRE tunnel not found"),
    {
        "name": _name(15),
        "cloudflare_gre_endpoint": _address,
        "customer_gre_endpoint": _address,
        "interface_address": _interface_address,
        "interface_address6": _interface_address6,
        "description": _text,
        "health_check": _object(_TUNNEL_HEALTH_CHECK),
        # Choice: what fits into the field of an IP packet.
        "ttl": _number(1, 255),
        "mtu": _MTU,
        "automatic_return_routing": _boolean,
        "bgp": _bgp,
    },
    ("name", "cloudflare_gre_endpoint", "customer_gre_endpoint", "interface_address"),
    {"ttl": 64, "mtu": 1476},
    # The description has it for creating only.
    only_at_creation=("bgp",),
    endpoints=("cloudflare_gre_endpoint", "customer_gre_endpoint"),
)
INTERCONNECT = Kind(
    "cf_interconnects",
    "interconnects",
    "interconnect",
    "Interconnect",
    # Choice: no code of its own is known for it.
    (7003, "Could not route to the path, perhaps your object identifier is invalid?"),
    {
        "name": _name(_LONG),
        "interface_address": _interface_address,
        "interface_address6": _interface_address6,
        "description": _text,
        "gre": _object({"cloudflare_endpoint": _address}, keep_empty=False),
        "health_check": _object(_HEALTH_CHECK),
        "mtu": _MTU,
        "automatic_return_routing": _boolean,
    },
    ("name", "interface_address"),
    {},
    methods=(("GET", "PUT"), ("GET", "PUT")),
)
ROUTE = Kind(
    "routes",
    "routes",
    "route",
    "Route",
    (1020, "Route not found"),
    {
        "prefix": _prefix,
        "nexthop": _address,
        # Choice: what fits into 32 bits, without a sign.
        "priority": _number(0, 2**32 - 1),
        "description": _text,
        "weight": _number(0, 256),
        # Choice: names of places are not checked.
        "scope": _object({"colo_names": _list_of(_text), "colo_regions": _list_of(_text)}, keep_empty=False),
    },
    ("prefix", "nexthop", "priority"),
    {},
    methods=(("GET", "POST", "PUT", "DELETE"), ("GET", "PUT", "DELETE")),
)
# What has an inside with addresses, at which routes can point.
TUNNELS = (IPSEC, GRE, INTERCONNECT)
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
    refuse_null(body, f"{doing} {kind.title}", pointer)
    typed(body, dict, pointer)
    ignored = kind.only_at_creation if doing == "updating" else ()
    fields: Json = {key: inner(body[key], f"{pointer}/{key}") for key, inner in kind.writable.items() if key in body and key not in ignored}
    if "target" in body.get("health_check", {}) and "health_check" in fields:
        target, where = body["health_check"]["target"], pointer + "/health_check/target"
        if not new_hc_target:
            fields["health_check"]["target"] = _address(typed(target, str, where), where)
        elif "saved" in typed(target, dict, where):
            fields["health_check"]["target"] = _address(typed(target["saved"], str, where + "/saved"), where)
    return fields
