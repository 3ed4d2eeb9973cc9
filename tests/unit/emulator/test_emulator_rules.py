# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules by the index are those of a comparison with every other object, whatever has happened before."""

from __future__ import annotations

import copy
import ipaddress
import random
import sys
from typing import Any

import pytest

from ansible_collections.cloudflare.magic.tests.emulator.kinds import GRE, INTERCONNECT, IPSEC, KINDS, ROUTE, TUNNELS
from ansible_collections.cloudflare.magic.tests.emulator.seed import default_seed
from ansible_collections.cloudflare.magic.tests.emulator.state import Call, State
from ansible_collections.cloudflare.magic.tests.emulator.tree import BY_NAME
from ansible_collections.cloudflare.magic.tests.emulator.values import ApiError

ACCOUNTS = ("one", "two")
CLOUDFLARES, CUSTOMERS = ["192.0.2.1", "192.0.2.2"], ["198.51.100.1", "198.51.100.2", "198.51.100.3"]
# So few values that many writes meet another object, and so many that others do not.
TUNNEL: dict[str, list[Any]] = {
    "name": list("abcdefgh"),
    "interface_address": [f"10.0.0.{number}/{length}" for number in (*range(0, 20, 2), 5, 9) for length in (30, 31)],
    "interface_address6": ["", "", *(f"fd00::{number}/127" for number in range(1, 9))],
}
FIELDS: dict[str, dict[str, list[Any]]] = {
    IPSEC.plural: {
        **TUNNEL,
        "cloudflare_endpoint": CLOUDFLARES,
        "customer_endpoint": [*CUSTOMERS, ""],
        "custom_remote_identities": [{}, {}, *({"fqdn_id": f"{label}.7.custom.ipsec.cloudflare.com"} for label in "xy")],
    },
    GRE.plural: {**TUNNEL, "cloudflare_gre_endpoint": CLOUDFLARES, "customer_gre_endpoint": CUSTOMERS},
    INTERCONNECT.plural: TUNNEL,
    ROUTE.plural: {
        "prefix": ["10.1.0.0/16"],
        "nexthop": [*(f"10.0.0.{number}" for number in (0, 1, 3, 4, 5, 8, 11, 19, 20)), "fd00::1", "fd00::2", "fd00::5"],
        "priority": [1, 2],
        "scope": [{}, {"colo_names": ["a", "b"]}, {"colo_names": ["b", "a", "b"]}, {"colo_regions": ["a"]}],
    },
}


# --- the rules, by comparing everything


def places(route):
    return {name: set(values) for name, values in route.get("scope", {}).items() if values}


def network(tunnel, name):
    return ipaddress.ip_interface(tunnel[name]).network if tunnel.get(name) else None


def same_ends(kind, one, other):
    return bool(kind.endpoints) and all(one.get(name) and one.get(name) == other.get(name) for name in kind.endpoints)


def broken(kind, item, old, world, chosen):
    """Return the field for which a write is refused, or None; world: pairs of kind and object, without this one."""
    new = {name for name, value in item.items() if old.get(name) != value}
    others = [(other_kind, other) for other_kind, other in world if other["account_id"] == item["account_id"]]
    alike = [other for other_kind, other in others if other_kind is kind]
    tunnels = [(other_kind, other) for other_kind, other in others if other_kind in TUNNELS]
    if kind is ROUTE:
        ways = [[other["prefix"], other["nexthop"], other["priority"], places(other)] for other in alike]
        if new & {"prefix", "nexthop", "priority", "scope"} and [item["prefix"], item["nexthop"], item["priority"], places(item)] in ways:
            return "prefix"
        insides = [network(other, name) for _kind, other in tunnels for name in ("interface_address", "interface_address6")]
        inside = any(ipaddress.ip_address(item["nexthop"]) in found for found in insides if found)
        return "nexthop" if "nexthop" in new and not inside else None
    if "name" in new and any(other["name"] == item["name"] and (chosen["one_name_space"] or other_kind is kind) for other_kind, other in tunnels):
        return "name"
    if new & set(kind.endpoints) and any(same_ends(kind, item, other) for other in alike):
        return kind.endpoints[1]
    for name in ("interface_address", "interface_address6"):
        mine, found = network(item, name), [network(other, name) for _kind, other in tunnels]
        if name in new and mine and not chosen["overlapping_insides"] and any(mine.overlaps(theirs) for theirs in found if theirs):
            return name
    identity = item.get("custom_remote_identities")
    if identity and any((identity, item["cloudflare_endpoint"]) == (other.get("custom_remote_identities"), other["cloudflare_endpoint"]) for other in alike):
        return "custom_remote_identities/fqdn_id"
    return None


class World:
    """A state, and what it must be."""

    def __init__(self, chosen):
        interconnects = [{"account_id": "one", "id": "i", "name": "i", "interface_address": "10.0.0.8/30"}]
        accounts = [{"id": account, "name": account, "number": 7} for account in ACCOUNTS]
        seed = {**default_seed(), **{plural: [] for plural in BY_NAME}, "settings": chosen, "accounts": accounts, "interconnects": interconnects}
        self.state = State(seed)
        self.chosen = self.state.export()["settings"]

    def objects(self, kind):
        return self.state.export()[kind.plural]

    def refusal(self, kind, after):
        """Return the pointer for a write of these objects, by id and in the order of the body; None if it is right."""
        known = {item["id"]: item for item in self.objects(kind)}
        world = [(other, item) for other in KINDS if other is not kind for item in self.objects(other)]
        world += [(kind, item) for item in {**known, **after}.values()]
        for number, item in enumerate(after.values()):
            name = broken(kind, item, known.get(item["id"], {}), [pair for pair in world if not (pair[0] is kind and pair[1] is item)], self.chosen)
            if name:
                return f"/{kind.plural}/{number}/{name}"
        return None

    def step(self, chance):
        what, kind, account = (
            chance.choice(["create", "change", "change", "delete"]),
            chance.choice((*KINDS, IPSEC, ROUTE, ROUTE)),
            chance.choice(["one", "one", "two"]),
        )
        mine = [item for item in self.objects(kind) if item["account_id"] == account]
        several = chance.choice([1, 1, 2, 3])
        if what == "create" and kind is not INTERCONNECT:
            self.write(kind, account, [{name: chance.choice(values) for name, values in FIELDS[kind.plural].items()} for _unused in range(several)], chance)
        elif what == "delete" and kind is not INTERCONNECT and len(mine) > 3:
            self.delete(kind, account, chance.sample(mine, 1)[0])
        elif mine:
            names = chance.sample(list(FIELDS[kind.plural]), chance.randint(1, 3))
            chosen = chance.sample(mine, min(several, len(mine)))
            bodies = [{"id": item["id"], **{name: chance.choice(FIELDS[kind.plural][name]) for name in names}} for item in chosen]
            if len(chosen) > 1 and chance.random() < 0.5:
                # They change places.
                bodies = [{"id": item["id"], **{name: other.get(name, "") for name in names}} for item, other in zip(chosen, chosen[1:] + chosen[:1])]
            self.write(kind, account, bodies, chance)
        if chance.random() < 0.05:
            self.state.replace(self.state.export())

    def delete(self, kind, account, item):
        before = self.state.export()
        self.state.delete(Call(kind, account), item["id"])
        assert self.state.export() == {**before, kind.plural: [other for other in before[kind.plural] if other != item]}

    def write(self, kind, account, sent, chance):
        """Send what creates or changes many, and compare what becomes of it with the rules above."""
        validate_only, before = chance.random() < 0.2, self.state.export()
        known = {item["id"]: item for item in before[kind.plural]}
        after = {
            body.get("id", str(number)): {"account_id": account, "id": str(number), **known.get(body.get("id"), {}), **body} for number, body in enumerate(sent)
        }
        creates = "id" not in sent[0]
        wanted = self.refusal(kind, after)
        try:
            write = self.state.create if creates else self.state.update_many
            write(Call(kind, account, validate_only=validate_only), {kind.plural: copy.deepcopy(sent)})
            found = None
        except ApiError as error:
            found = error.errors[0]["source"]["pointer"]
        assert found == wanted
        if found or validate_only:
            assert self.state.export() == before
            return
        others = [other for other in KINDS if other is not kind]
        assert [self.objects(other) for other in others] == [before[other.plural] for other in others]
        kept = {item["id"]: item for item in self.objects(kind)}
        written = [kept[item_id] for item_id in after] if not creates else list(kept.values())[-len(sent) :]
        assert all({**body, "id": item["id"], "modified_on": item["modified_on"]}.items() <= item.items() for body, item in zip(after.values(), written))
        untouched = [item for item in kept.values() if item not in written]
        assert untouched == [item for item in before[kind.plural] if creates or item["id"] not in after]


@pytest.mark.parametrize("seed", range(40))
def test_the_index_finds_what_a_comparison_finds(seed):
    chance = random.Random(seed)
    world = World({name: chance.choice([True, False]) for name in ("one_name_space", "overlapping_insides")})
    for _unused in range(100):
        world.step(chance)


def steps(call, *arguments):
    """Return how many instructions of Python a call takes: unlike a time, the same on every machine."""
    count, before = 0, sys.gettrace()

    def trace(frame, event, _argument):
        nonlocal count
        frame.f_trace_opcodes = True
        count += event == "opcode"
        return trace

    sys.settrace(trace)
    try:
        call(*arguments)
    finally:
        sys.settrace(before)
    return count


def many(size):
    """Return a state with so many tunnels and routes."""
    own = {"account_id": "one"}
    tunnels = [
        {
            **own,
            "id": f"t{number}",
            "name": f"n{number}",
            "cloudflare_endpoint": "192.0.2.1",
            "customer_endpoint": f"198.51.{number // 256}.{number % 256}",
            "interface_address": f"10.0.{number // 128}.{number % 128 * 2}/31",
        }
        for number in range(size)
    ]
    routes = [{**own, "id": f"r{number}", "prefix": f"10.{number}.0.0/16", "nexthop": "10.0.0.1", "priority": 1} for number in range(min(size, 200))]
    return State(
        {**default_seed(), **{plural: [] for plural in BY_NAME}, "accounts": [{"id": "one", "name": "one"}], "ipsec_tunnels": tunnels, "routes": routes}
    )


TUNNEL_BODY = {"name": "new", "cloudflare_endpoint": "192.0.2.1", "customer_endpoint": "203.0.113.1", "interface_address": "10.9.0.0/31"}
COSTS: dict[str, tuple] = {
    "create a tunnel": ("create", IPSEC, TUNNEL_BODY),
    "create a route": ("create", ROUTE, {"prefix": "172.16.0.0/16", "nexthop": "10.0.0.1", "priority": 1}),
    "update a tunnel": ("update", IPSEC, "t3", TUNNEL_BODY),
    "swap two tunnels": ("update_many", IPSEC, {"ipsec_tunnels": [{"id": "t3", "name": "n4"}, {"id": "t4", "name": "n3"}]}),
    "delete a tunnel": ("delete", IPSEC, "t3"),
    "read a tunnel": ("read", IPSEC, "t3"),
    "delete two routes": ("delete_many", ROUTE, {"routes": [{"id": "r1"}, {"id": "r2"}]}),
}


@pytest.mark.parametrize("what, kind, arguments", [(what, kind, rest) for what, kind, *rest in COSTS.values()], ids=COSTS.keys())
def test_what_a_call_costs_does_not_depend_on_how_much_there_is(what, kind, arguments):
    few, lots = (steps(getattr(many(size), what), Call(kind, "one"), *arguments) for size in (8, 1000))
    assert 0 < lots < few * 1.2


def sites(size):
    """Return what an account has with so many sites of two LANs and a WAN each."""
    own = {"account_id": "one"}
    parts: dict[str, list] = {plural: [] for plural in BY_NAME}
    for number in range(size):
        parts["sites"].append({**own, "id": f"s{number}", "name": f"n{number}"})
        parts["lans"] += [{**own, "id": f"l{number}-{port}", "site_id": f"s{number}", "physport": port} for port in (2, 3)]
        parts["wans"].append({**own, "id": f"w{number}", "site_id": f"s{number}", "physport": 1})
    return State({**default_seed(), **parts, "accounts": [{"id": "one", "name": "one"}]}).plain


LAN, SITE = BY_NAME["lans"], BY_NAME["sites"]
TREE_COSTS: dict[str, tuple] = {
    "create a site": ("create", SITE, "one", "", {"name": "new"}),
    "create a LAN": ("create", LAN, "one", "s3", {"physport": 4}),
    "update a LAN": ("update", LAN, "one", "s3", "l3-2", {"name": "new"}, False),
    "list the LANs of a site": ("read_all", LAN, "one", "s3", {}),
    "delete a LAN": ("delete", LAN, "one", "s3", "l3-2"),
}


@pytest.mark.parametrize("what, arguments", [(what, rest) for what, *rest in TREE_COSTS.values()], ids=TREE_COSTS.keys())
def test_what_a_site_costs_does_not_depend_on_how_many_there_are(what, arguments):
    few, lots = (steps(getattr(sites(size), what), *arguments) for size in (8, 500))
    assert 0 < lots < few * 1.2
