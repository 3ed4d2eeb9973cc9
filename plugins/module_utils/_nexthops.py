# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The two ends of a tunnel's inner networks, and which next hops of routes are reachable. Pure."""

from __future__ import annotations

import functools
import ipaddress
import typing as t
from collections import defaultdict

from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._text import listing
from ansible_collections.cloudflare.magic.plugins.module_utils._values import prefix as network

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    Address = t.Union[ipaddress.IPv4Address, ipaddress.IPv6Address]
    Interface = t.Union[ipaddress.IPv4Interface, ipaddress.IPv6Interface]
    Json = dict[str, t.Any]

# Networks of up to this number of addresses are looked up by address.
_FEW = 4

# The fields of Cloudflare's end of an inner network, by IP version, and of the customer's end.
ENDS = {4: ("interface_address", "customer_address"), 6: ("interface_address6", "customer_address6")}


@functools.lru_cache(maxsize=2**16)
def customer_end(interface_address: str) -> str | None:
    """Return the other address of the inner network that Cloudflare's address with its prefix length is in; None if it cannot be determined."""
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


def through(option: str, name: str, prefix: str, tunnels: Sequence[tuple[str, Json]]) -> str | None:
    """Return the next hop for a route through the tunnel of this name, or None if there is none.

    :arg option: for messages.
    :arg tunnels: with the nouns of their kinds.
    :raises MagicError: if there are several, or the tunnel has no address for such a route.
    """
    found = [(noun, item) for noun, item in tunnels if item.get("name") == name]
    if not found:
        return None
    if len(found) > 1:
        several = listing(f"{noun} {item['id']}" for noun, item in found)
        raise MagicError(f"{option}: {len(found)} tunnels have the name '{name}' ({several}). Give nexthop instead.")
    tunnel = found[0][1]
    try:
        version = 6 if ":" in network(prefix) else 4
    except ValueError:
        raise MagicError(f"{option}: the prefix '{prefix}' that Cloudflare shows for the route cannot be read. Give nexthop instead.") from None
    own, end = ENDS[version]
    address: str | None = customer_ends(tunnel).get(end)
    if address is not None:
        return address
    if tunnel.get(own):
        raise MagicError(f"{option}: the tunnel '{name}' has {own} {tunnel[own]}, from which the customer's end cannot be determined. Give nexthop instead.")
    raise MagicError(f"{option}: the tunnel '{name}' has no inner IPv{version} addresses, which a route for {prefix} needs. Set {own} of the tunnel.")


_read_interface = functools.lru_cache(maxsize=2**16)(ipaddress.ip_interface)


def interface_of(value: t.Any) -> Interface:
    """Return an address with its prefix length.

    :raises ValueError: if it is none.
    """
    return _read_interface(value if isinstance(value, str) else "")


class Insides:
    """The inner networks of some tunnels, by their addresses.

    :arg tunnels: with the nouns of their kinds.
    """

    def __init__(self, tunnels: Iterable[tuple[str, Json]]) -> None:
        self._near: dict[Address, list[tuple[Interface, str, Json]]] = defaultdict(list)
        self._wide: list[tuple[Interface, str, Json]] = []
        for noun, tunnel in tunnels:
            for own, dummy_end in ENDS.values():
                try:
                    interface = interface_of(tunnel.get(own))
                except ValueError:
                    continue
                if interface.network.num_addresses > _FEW:
                    self._wide.append((interface, noun, tunnel))
                    continue
                for address in interface.network:
                    self._near[address].append((interface, noun, tunnel))

    def _around(self, nexthop: t.Any) -> tuple[Address | None, list[tuple[Interface, str, Json]]]:
        try:
            address = ipaddress.ip_address(nexthop)
        except ValueError:
            return None, []
        return address, self._near.get(address, []) + [found for found in self._wide if address in found[0].network]

    def tunnels_at(self, nexthop: t.Any) -> list[Json]:
        """Return the tunnels in whose inner networks an address is."""
        return [tunnel for dummy_interface, dummy_noun, tunnel in self._around(nexthop)[1]]

    def look_for(self, nexthop: t.Any) -> tuple[bool, str]:
        """Look for a next hop.

        :returns: whether it is in one of the networks, and what is wrong with it.
        """
        address, around = self._around(nexthop)
        found = [_what_is_wrong(address, interface, f"{noun} {tunnel.get('name')}") for interface, noun, tunnel in around if address is not None]
        return bool(found), "" if "" in found or not found else found[0]


def _what_is_wrong(address: Address, interface: Interface, tunnel: str) -> str:
    other = customer_end(str(interface))
    what = "Cloudflare's end" if address == interface.ip else "neither end" if other is not None and str(address) != other else ""
    if not what:
        return ""
    advice = f"{other}, the customer's end" if other else "the customer's end"
    return f"nexthop {address} is {what} of the {tunnel}, so the route carries no traffic. Use {advice}."


def mismatch(prefix: t.Any, nexthop: t.Any) -> str:
    """Return the error of a next hop for a prefix: an IPv6 prefix over an IPv4 next hop is accepted but carries no traffic."""
    try:
        if (ipaddress.ip_network(prefix).version, ipaddress.ip_address(nexthop).version) != (6, 4):
            return ""
    except ValueError:
        return ""
    return (
        f"The prefix {prefix} is IPv6 and the next hop {nexthop} is IPv4, so the route carries no traffic. "
        "Use the customer's IPv6 address inside a tunnel that has interface_address6."
    )
