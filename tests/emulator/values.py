# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values in the bodies of requests: what each may be, and the form in which Cloudflare keeps it.

Where Cloudflare documents nothing, a choice had to be made; each is marked "Choice" and can be found by that word.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Any, Callable, Dict

from .strict import is_text

Json = Dict[str, Any]
# Checks a value and returns it as Cloudflare keeps it; the second argument is the JSON pointer to it.
Parser = Callable[[Any, str], Any]


def copied(value: Any) -> Any:
    """Return a copy of what JSON can hold, in a fraction of the time that ``copy.deepcopy`` takes."""
    if isinstance(value, dict):
        return {name: copied(item) for name, item in value.items()}
    return [copied(item) for item in value] if isinstance(value, list) else value


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

    def with_code(self, code: int) -> ApiError:
        """Return the same error with another code."""
        return ApiError(self.status, code if self.errors[0]["code"] == 1022 else self.errors[0]["code"], self.errors[0]["message"], self._pointer())

    def below(self, pointer: str) -> ApiError:
        """Return the same error, about a part of a larger body."""
        own = self._pointer()
        return self if not pointer or own is None else ApiError(self.status, self.errors[0]["code"], self.errors[0]["message"], pointer + own)

    def _pointer(self) -> str | None:
        pointer = self.errors[0].get("source", {}).get("pointer")
        return None if pointer is None else str(pointer)


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


def text(value: Any, pointer: str) -> Any:
    """Take any text."""
    return typed(value, str, pointer)


def boolean(value: Any, pointer: str) -> Any:
    """Take true or false."""
    return typed(value, bool, pointer)


def number(low: int, high: int) -> Parser:
    """Take a whole number in a range."""

    def parse(value: Any, pointer: str) -> Any:
        if not low <= typed(value, int, pointer) <= high:
            raise invalid(f"must be from {low} to {high}", pointer)
        return value

    return parse


def choice(*choices: str) -> Parser:
    """Take one of some words."""

    def parse(value: Any, pointer: str) -> Any:
        if typed(value, str, pointer) not in choices:
            raise invalid("must be one of {}".format(", ".join(choices)), pointer)
        return value

    return parse


def list_of(parse_item: Parser) -> Parser:
    """Take a list, and each of its items by a parser."""

    def parse(value: Any, pointer: str) -> Any:
        return [parse_item(item, f"{pointer}/{index}") for index, item in enumerate(typed(value, list, pointer))]

    return parse


def object_of(parts: dict[str, Parser], keep_empty: bool = True) -> Parser:
    """Return a parser of an object; fields without a parser of their own are left out, as Go's JSON decoder does."""

    def parse(value: Any, pointer: str) -> Any:
        typed(value, dict, pointer)
        found = {key: inner(value[key], f"{pointer}/{key}") for key, inner in parts.items() if key in value}
        return {key: item for key, item in found.items() if item or keep_empty}

    return parse


def name_of_up_to(limit: int) -> Parser:
    """Take a name without spaces and special characters."""

    def parse(value: Any, pointer: str) -> Any:
        if not re.match(r"^[A-Za-z0-9._-]+\Z", typed(value, str, pointer)):
            raise invalid("name must not be empty or have spaces or special characters", pointer)
        if len(value) > limit:
            raise invalid(f"name must not be longer than {limit} characters", pointer)
        return value

    return parse


def secret(value: Any, pointer: str) -> Any:
    """Take a text that is not empty."""
    if not typed(value, str, pointer):
        raise invalid("the pre-shared key must not be empty", pointer)
    return value


def parsed(value: Any, pointer: str, kind: Callable[[str], Any], what: str) -> Any:
    """Return a text as an address or a network; raise ApiError 1022 if it is none."""
    try:
        # Python would take a netmask for the length of a prefix.
        if re.search(r"/.*\D", typed(value, str, pointer)):
            raise ValueError
        return kind(value)
    except ValueError:
        raise invalid(f"not {what}", pointer) from None


def address(value: Any, pointer: str) -> Any:
    """Take an IP address, or nothing."""
    # Empty is how a client takes an address back.
    return str(parsed(value, pointer, ipaddress.ip_address, "an IP address")) if value != "" else value


_INSIDE_RANGES = [ipaddress.IPv4Network(net) for net in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.240.0/20")]
_SOURCE_RANGES = [*_INSIDE_RANGES, ipaddress.IPv4Network("198.41.199.224/27")]


def point_to_point(value: Any, pointer: str) -> Any:
    """Take an IPv4 network for two ends."""
    interface = parsed(value, pointer, ipaddress.IPv4Interface, "an IPv4 address in CIDR notation")
    if interface.network.prefixlen not in (30, 31):
        raise invalid("interface address must be a /31 or a /30", pointer)
    return str(interface)


def refuse_public(interface: str, pointer: str) -> None:
    """Raise ApiError 1022 if a network is not one of those for the insides of tunnels."""
    network = ipaddress.IPv4Interface(interface).network
    if not any(network.subnet_of(net) for net in _INSIDE_RANGES):
        raise invalid("interface address must be inside 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 or 169.254.240.0/20", pointer)


def is_source(text_: str) -> bool:
    """Return whether the health checks of an interconnect may come from this address."""
    try:
        return any(ipaddress.IPv4Address(text_) in net for net in _SOURCE_RANGES)
    except ValueError:
        return False


def interface_address(value: Any, pointer: str) -> Any:
    """Take the inner IPv4 network of a tunnel."""
    found = point_to_point(value, pointer)
    refuse_public(found, pointer)
    return found


def interface_address6(value: Any, pointer: str) -> Any:
    """Take the inner IPv6 network of a tunnel, or nothing."""
    if value == "":
        return value
    interface = parsed(value, pointer, ipaddress.IPv6Interface, "an IPv6 address in CIDR notation")
    if interface.network.prefixlen != 127:
        raise invalid("interface address must be a /127", pointer)
    return str(interface)


def prefix(value: Any, pointer: str) -> Any:
    """Take a prefix."""
    # Choice: bits set behind the mask are refused, and not cleared. A bare address becomes a /32 or a /128.
    return str(parsed(value, pointer, ipaddress.ip_network, "a prefix in CIDR notation, or it has bits set behind the mask"))


def md5_key(value: Any, pointer: str) -> Any:
    """Take a key for a BGP session, or nothing."""
    # Choice: empty takes it back, as everywhere; the documentation only says that one that is set must not be empty.
    if not re.match(r"^[ !#->@-~]*\Z", typed(value, str, pointer)):
        raise invalid("md5_key may have printable ASCII characters except quotation mark and question mark", pointer)
    return value


# --- values of sites and what belongs to them ---------------------------------------------------------------------


def filled(value: Any, pointer: str) -> Any:
    """Take a text that is not empty."""
    if not typed(value, str, pointer).strip():
        raise invalid("must not be empty", pointer)
    return value


def quantity(low: float) -> Parser:
    """Take a number, whole or not, from a limit on."""

    def parse(value: Any, pointer: str) -> Any:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            typed(value, int, pointer)
        if value < low:
            raise invalid(f"must be at least {low:g}", pointer)
        return value

    return parse


def between(low: float, high: float) -> Parser:
    """Take a number, whole or not, in a range."""
    parse_low = quantity(low)

    def parse(value: Any, pointer: str) -> Any:
        if parse_low(value, pointer) > high:
            raise invalid(f"must be from {low:g} to {high:g}", pointer)
        return value

    return parse


def object_with(parts: dict[str, Parser], *needed: str) -> Parser:
    """Take an object that must have some of its fields."""
    parse_parts = object_of(parts)

    def parse(value: Any, pointer: str) -> Any:
        for name in needed:
            if name not in typed(value, dict, pointer):
                raise invalid(f"{name} is required", f"{pointer}/{name}")
        return parse_parts(value, pointer)

    return parse


def ipv4(value: Any, pointer: str) -> Any:
    """Take an IPv4 address."""
    return str(parsed(value, pointer, ipaddress.IPv4Address, "an IPv4 address"))


def host_in_network(value: Any, pointer: str) -> Any:
    """Take an IPv4 address with the length of its network's prefix."""
    if "/" not in typed(value, str, pointer):
        raise invalid("not an IPv4 address in CIDR notation", pointer)
    return str(parsed(value, pointer, ipaddress.IPv4Interface, "an IPv4 address in CIDR notation"))


def network4(value: Any, pointer: str) -> Any:
    """Take an IPv4 prefix."""
    return str(parsed(value, pointer, ipaddress.IPv4Network, "an IPv4 prefix in CIDR notation, or it has bits set behind the mask"))


def matching(pattern: str, what: str) -> Parser:
    """Take a text of a form."""
    expression = re.compile(pattern + r"\Z")

    def parse(value: Any, pointer: str) -> Any:
        if not expression.match(typed(value, str, pointer)):
            raise invalid(f"not {what}", pointer)
        return value

    return parse


def mapping_of(parse_name: Parser, parse_value: Parser) -> Parser:
    """Take an object with names of the sender's choice."""

    def parse(value: Any, pointer: str) -> Any:
        return {parse_name(name, f"{pointer}/{name}"): parse_value(item, f"{pointer}/{name}") for name, item in typed(value, dict, pointer).items()}

    return parse
