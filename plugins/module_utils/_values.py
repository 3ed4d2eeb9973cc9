# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Values of options: each function returns the form in which equal values are equal, or raises ValueError with what is wrong and what to write. Pure."""

from __future__ import annotations

import functools
import ipaddress
import typing as t

# A network has the same addresses in many places, and reading one takes longer than all else that is done with it.
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
