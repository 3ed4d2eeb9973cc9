# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Cloudflare makes by itself for a site whose connector has come up: a tunnel for each WAN, and routes to the networks of its LANs.

Where Cloudflare documents nothing, a choice had to be made; each is marked "Choice" and can be found by that word.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
from typing import Iterator

from .items import Item, Items, child_of, inside_of
from .kinds import IPSEC, ROUTE, Kind
from .tree import BY_NAME
from .values import Json

# Choice: the insides of such tunnels come from this one of the ranges for insides.
_POOL = ipaddress.IPv4Network("169.254.240.0/20")
_PRIORITY = 100


def _id(*parts: str) -> str:
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()[:32]


def _sites(items: Items, account_id: str) -> Iterator[Item]:
    """Yield the sites with a connector that is up."""
    for site in items.of(BY_NAME["sites"]).values():
        connector = items.get(BY_NAME["connectors"], site.fields.get("connector_id", ""))
        if site.account_id == account_id and connector and connector.fields["activated"]:
            yield site


def wanted(items: Items, account_id: str) -> list[tuple[Kind, Json]]:
    """Return the tunnels and the routes that there are to be in an account, the tunnels first."""
    given: set[str] = set()
    tunnels: list[tuple[Kind, Json]] = []
    routes: list[tuple[Kind, Json]] = []
    for site in _sites(items, account_id):
        lans = items.holders(account_id, child_of(site.id, "lans"))
        addressings = [lan.fields.get("static_addressing") for lan in lans]
        networks = [str(ipaddress.IPv4Interface(addressing["address"]).network) for addressing in addressings if addressing]
        for wan in items.holders(account_id, child_of(site.id, "wans")):
            inside = _free_inside(items, wan, given)
            given.add(inside)
            # Choice: nothing is documented of the name.
            name = re.sub(r"[^A-Za-z0-9._-]", "-", "{}-{}".format(site.fields["name"], wan.fields.get("name") or wan.fields["physport"]))
            check = {"rate": wan.fields["health_check_rate"], "direction": "bidirectional"}
            tunnel = {"name": name, "cloudflare_endpoint": "203.0.113.1", "interface_address": inside, "health_check": check}
            tunnels.append((IPSEC, {"id": _id("tunnel", wan.id), **tunnel}))
            far_end = str(ipaddress.IPv4Interface(inside).ip + 1)
            for network in networks:
                route = {"prefix": network, "nexthop": far_end, "priority": _PRIORITY + wan.fields["priority"]}
                routes.append((ROUTE, {"id": _id("route", wan.id, network), **route}))
    return tunnels + routes


def _free_inside(items: Items, wan: Item, given: set[str]) -> str:
    """Return the inner network that a WAN's tunnel has, or one that no tunnel has, and that was given to none."""
    there = items.get(IPSEC, _id("tunnel", wan.id))
    if there is not None:
        return str(there.fields["interface_address"])
    for network in _POOL.subnets(new_prefix=31):
        trial = Item(IPSEC, wan.account_id, {"id": "", "interface_address": f"{network[0]}/31"})
        inside = f"{network[0]}/31"
        if inside not in given and not any(items.holders(wan.account_id, key) for key in inside_of(trial, "interface_address")):
            return inside
    raise AssertionError("no inner network is left")
