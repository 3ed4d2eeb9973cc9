# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The two ends of a tunnel's inner networks, and which next hops of routes lead somewhere. Pure."""

from __future__ import annotations

import ipaddress
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    Json = dict[str, t.Any]

# What Cloudflare's end of an inner network is called, by the version of IP, and what the customer's end is called.
ENDS = {4: ("interface_address", "customer_address"), 6: ("interface_address6", "customer_address6")}


def customer_end(interface_address: t.Any) -> str | None:
    """Return the other address of the inner network that Cloudflare's address with its prefix length is in; None if it cannot be told."""
    try:
        interface = ipaddress.ip_interface(interface_address)
    except ValueError:
        return None
    if interface.network.num_addresses not in (2, 4):
        return None
    others = [address for address in interface.network.hosts() if address != interface.ip]
    return str(others[0]) if len(others) == 1 else None


def customer_ends(tunnel: Mapping[str, t.Any]) -> Json:
    """Return the inner addresses of the customer's end, those that there are, as the modules call them."""
    found = {name: customer_end(tunnel[own]) for own, name in ENDS.values() if isinstance(tunnel.get(own), str)}
    return {name: address for name, address in found.items() if address is not None}


def nexthop_through(tunnel: Mapping[str, t.Any], prefix: str) -> str:
    """Return the next hop for a route through a tunnel.

    :raises ValueError: with what is wrong and what to do, if there is none.
    """
    version = ipaddress.ip_network(prefix).version
    own, name = ENDS[version]
    address = customer_ends(tunnel).get(name)
    if address is None and tunnel.get(own):
        raise ValueError(f"has {own} {tunnel[own]}, from which the customer's end cannot be told. Give nexthop instead.")
    if address is None:
        raise ValueError(f"has no IPv{version} addresses inside, which a route for {prefix} needs. Set {own} of the tunnel.")
    return address


def look_for(nexthop: str, tunnels: list[Json]) -> tuple[bool, str]:
    """Look for a next hop in the inner networks of some tunnels.

    :returns: whether it is in one of them, and what is wrong with it.
    """
    address = ipaddress.ip_address(nexthop)
    for tunnel in tunnels:
        for own, dummy_name in ENDS.values():
            try:
                interface = ipaddress.ip_interface(tunnel.get(own))
            except ValueError:
                continue
            if address not in interface.network:
                continue
            other = customer_end(tunnel[own])
            advice = f" Use {other}, the customer's end." if other else " Use the customer's end."
            if address == interface.ip:
                return True, f"nexthop {nexthop} is Cloudflare's own end of the tunnel {tunnel.get('name')}, so the route carries nothing.{advice}"
            if other is not None and address != ipaddress.ip_address(other):
                return True, f"nexthop {nexthop} is no end of the tunnel {tunnel.get('name')}, so the route carries nothing.{advice}"
            return True, ""
    return False, ""


def mismatch(prefix: str, nexthop: str) -> str:
    """Return what is wrong with a next hop for a prefix: an IPv6 prefix over an IPv4 next hop is accepted, and carries nothing."""
    if (ipaddress.ip_network(prefix).version, ipaddress.ip_address(nexthop).version) != (6, 4):
        return ""
    return (
        f"The prefix {prefix} is IPv6 and the next hop {nexthop} is IPv4, so the route carries nothing. "
        "Use the customer's IPv6 address inside of a tunnel that has interface_address6."
    )
