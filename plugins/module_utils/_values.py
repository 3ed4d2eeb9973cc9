# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Values of options: each function normalizes a value, so that equal values compare as equal, or raises ValueError with the error and what to write. Pure."""

from __future__ import annotations

import functools
import ipaddress
import re
import typing as t
from datetime import date
from decimal import Decimal

# A network has the same addresses in many places, and parsing one takes longer than everything else.
_remembered = functools.lru_cache(maxsize=2**16)


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


def filled(one: t.Callable[[str], str]) -> t.Callable[[str], str]:
    """Return a function that accepts what ``one`` does, but no empty value."""

    def value_of(value: str) -> str:
        if not value.strip():
            raise ValueError("is empty. Give a value.")
        return one(value)

    return value_of


def prefixes(values: list[str]) -> list[str]:
    return sorted({prefix(value) for value in values})


def words(values: list[str]) -> list[str]:
    return sorted({filled(str.strip)(value) for value in values})


def gre_name(value: str) -> str:
    if len(value) > 15:
        raise ValueError("is longer than 15 characters, the maximum length of a GRE tunnel's name.")
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


_SOURCES = tuple(map(ipaddress.ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.240.0/20", "198.41.199.224/27")))


def source(value: str) -> str:
    """Return the source address of health checks; empty for none."""
    found = address(value)
    if found and not any(ipaddress.ip_address(found) in network for network in _SOURCES):
        raise ValueError(f"is in none of {', '.join(map(str, _SOURCES))}.")
    return found


# --- of sites, connectors and related kinds


def name(value: str) -> str:
    if not value.strip():
        raise ValueError("is empty. Give the name.")
    return value


def between(low: int, high: int) -> t.Callable[[int], int]:
    """Return a function that accepts whole numbers from ``low`` to ``high``."""

    def number(value: int) -> int:
        if value is None or int(value) != value or not low <= value <= high:
            raise ValueError(f"is not a whole number from {low} to {high}.")
        return int(value)

    return number


def address4(value: str) -> str:
    try:
        return str(ipaddress.IPv4Address(value.strip())) if value else ""
    except ValueError:
        raise ValueError("is not an IPv4 address. Write it like 192.168.10.1.") from None


def addresses4(values: list[str]) -> list[str]:
    """Their order is kept: the first ones are queried first."""
    return [filled(address4)(value) for value in values]


def prefix4(value: str) -> str:
    found = prefix(value) if value else ""
    if ":" in found:
        raise ValueError("is an IPv6 prefix, and only IPv4 is possible here. Write it like 192.168.10.0/24.")
    return found


def prefixes4(values: list[str]) -> list[str]:
    return sorted({filled(prefix4)(value) for value in values})


def interface4(value: str) -> str:
    """Return an address with the length of its network, host bits included."""
    if not value:
        return ""
    if "/" not in value:
        raise ValueError("has no prefix length. Write it like 192.168.10.1/24.")
    try:
        return str(ipaddress.IPv4Interface(value.strip()))
    except ValueError:
        raise ValueError("is not an IPv4 address with prefix length. Write it like 192.168.10.1/24.") from None


def ports(values: list[int]) -> list[int]:
    return sorted({between(1, 65535)(value) for value in values})


def port_ranges(values: list[str]) -> list[str]:
    found = set()
    for value in values:
        first, dash, last = str(value).replace(" ", "").partition("-")
        if not (dash and first.isdecimal() and last.isdecimal() and 0 < int(first) <= int(last) < 2**16):
            raise ValueError(f"has '{value}', which is not a range of ports. Write it like 8000-8080.")
        found.add((int(first), int(last)))
    return [f"{first}-{last}" for first, last in sorted(found)]


def reservations(values: dict[str, str]) -> dict[str, str]:
    """Return addresses by the MAC addresses for which they are kept."""
    found: dict[str, str] = {}
    for mac, value in values.items():
        digits = re.sub("[:.-]", "", str(mac)).lower()
        if not re.fullmatch("[0-9a-f]{12}", digits):
            raise ValueError(f"has '{mac}', which is not a MAC address. Write it like 00:00:5e:00:53:01.")
        spelled = ":".join(digits[place : place + 2] for place in range(0, 12, 2))
        if spelled in found:
            raise ValueError(f"has the MAC address {spelled} twice. Give it once.")
        found[spelled] = filled(address4)(str(value))
    return found


def option_code(value: int) -> int:
    if value in (3, 6, 51):
        raise ValueError("is set by the connector itself, as 3, 6 and 51 are. Leave it out.")
    return between(1, 254)(value)


_DECIMALS = 20


def degrees(most: int) -> t.Callable[[t.Any], str]:
    """Return a function that accepts a latitude or a longitude, which the API has as a string."""

    def one(value: t.Any) -> str:
        if value == "":
            return ""
        try:
            number = Decimal(str(value).strip())
        except ArithmeticError:
            number = Decimal("nan")
        if not number.is_finite() or abs(number) > most:
            raise ValueError(f"is not a number of degrees from -{most} to {most}. Write it like 48.8566.")
        if int(number.as_tuple().exponent) < -_DECIMALS:
            raise ValueError(f"has more than {_DECIMALS} decimals. Write it like 48.8566.")
        return format(number.normalize(), "f")

    return one


def dates(values: list[str]) -> list[str]:
    for value in values:
        try:
            # Python's other forms of dates, like 20261224 and 2026-W52-4, are not Cloudflare's.
            if not re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII):
                raise ValueError(value)
            date.fromisoformat(value)
        except ValueError:
            raise ValueError(f"has '{value}', which is not a date. Write it like 2026-12-24.") from None
    return sorted(set(values))


WEEK = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")


def days(values: list[str]) -> list[str]:
    return [day for day in WEEK if day in values]


def time_zone(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z_]+(/[A-Za-z0-9_+-]+)*", value):
        raise ValueError("is not the name of a time zone. Write it like Europe/Paris.")
    return value


def targets(values: list[str]) -> list[str]:
    """Return prefixes, each perhaps with the lengths of the prefixes in it that are meant, like 10.0.0.0/8{16,24}."""
    found = set()
    for value in values:
        match = re.fullmatch(r"([^{}\s]+)\s*(?:\{\s*(\d{1,3})\s*,\s*(\d{1,3})\s*\})?", value.strip())
        if match is None:
            raise ValueError(f"has '{value}', which is not a prefix with lengths. Write it like 10.0.0.0/8, or 10.0.0.0/8{{16,24}}.")
        try:
            network = prefix(match[1])
        except ValueError as exc:
            raise ValueError(f"has '{match[1]}', which {exc}") from None
        length, most = int(network.rpartition("/")[2]), 128 if ":" in network else 32
        if match[2] is None:
            found.add(network)
        elif length <= int(match[2]) <= int(match[3]) <= most:
            found.add(f"{network}{{{int(match[2])},{int(match[3])}}}")
        else:
            raise ValueError(f"has '{value}', and its lengths are not from {length} to {most}, the smaller one first.")
    return sorted(found)


# --- of network monitoring and sites of Cloudflare One


def addresses(values: list[str]) -> list[str]:
    return sorted({filled(address)(value) for value in values})


def single_prefix4(value: str) -> str:
    found = prefix4(value)
    if not found.endswith("/32"):
        raise ValueError("is more than one address. Write it like 192.0.2.1/32.")
    return found


def rule_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.~-]{1,256}", value):
        raise ValueError("is not a valid rule name. Use 1 to 256 of the characters A-Z, a-z, 0-9, _, -, . and ~, without spaces.")
    return value


_MINUTES = (1, 5, 10, 15, 20, 30, 45, 60)


def duration(value: str) -> str:
    """Return a number of minutes; the API has several forms of it, like 5m, 5m0s and 300s."""
    match = re.fullmatch(r"(?:(\d{1,4})h)?(?:(\d{1,5})m)?(?:(\d{1,6})(?:\.0+)?s)?", value.strip())
    hours, minutes, seconds = (int(part or 0) for part in match.groups()) if match else (0, 0, 0)
    whole, rest = divmod(3600 * hours + 60 * minutes + seconds, 60)
    if rest or whole not in _MINUTES:
        raise ValueError(f"is not one of {', '.join(f'{number}m' for number in _MINUTES)}.")
    return f"{whole}m"


def degrees_as_number(most: int) -> t.Callable[[t.Any], float]:
    """Return a function that accepts a latitude or a longitude that the API has as a number."""
    return lambda value: float(degrees(most)(value))
