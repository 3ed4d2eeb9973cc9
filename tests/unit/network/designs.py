# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Random accounts, and random designs for them, with what each has to lead to.

The oracle is the way in which a design comes about, so nothing of the plan is here a second time: an account is drawn, then what it is to become is drawn from
it (values change, tunnels exchange names, insides and endpoints, objects come and go), and then that is written down as a design of one of the states. What the
design says nothing of is as the state promises.
"""

from __future__ import annotations

import copy
import functools
import ipaddress
import typing as t
from dataclasses import dataclass, field
from random import Random

from ansible_collections.cloudflare.magic.tests.emulator.seed import ACCOUNT_ID
from ansible_collections.cloudflare.magic.tests.unit.network.cloud import IN_DESIGN, KINDS, plain, seed

Json = dict[str, t.Any]

TUNNELS = KINDS[:3]
IDS = {"ipsec_tunnels": "ipsec_tunnel_id", "gre_tunnels": "gre_tunnel_id", "interconnects": "interconnect_id", "routes": "static_route_id"}
ENDS = {"ipsec_tunnels": ("cloudflare_endpoint", "customer_endpoint"), "gre_tunnels": ("cloudflare_gre_endpoint", "customer_gre_endpoint"), "interconnects": ()}

NAMES = [f"site-{number}" for number in range(14)]
INSIDES = [f"10.213.{number // 8}.{number % 8 * 8 + number % 2}/{31 if number % 3 else 30}" for number in range(16)]
INSIDES = [text if text.endswith("/31") else str(ipaddress.ip_interface(text).network[1]) + "/30" for text in INSIDES]
INSIDES6 = [f"fd00:213::{2 * number + 16:x}/127" for number in range(12)]
CUSTOMERS = [f"198.51.100.{number}" for number in range(1, 9)]
CLOUDFLARE = ["203.0.113.1", "203.0.113.2"]
TEXTS = ["", "one", "two words", "{{ 1 + 1 }}", "Zürich: 'a' #b"]
PREFIXES = ["10.1.0.0/16", "10.2.0.0/16", "192.0.2.0/24", "2001:db8:1::/48"]
SCOPES = [
    {},
    {},
    {},
    {"colo_names": ["den01"]},
    {"colo_regions": ["WEUR"]},
    {"colo_names": ["den01"], "colo_regions": ["WEUR"]},
    {"colo_names": ["den01", "fra01"]},
]
IDENTITIES = [f"{label}.{ACCOUNT_ID}.custom.ipsec.cloudflare.com" for label in "abcd"]
BGP = [
    {},
    {},
    {"customer_asn": 65001},
    {"customer_asn": 65002, "extra_prefixes": ["10.9.0.0/16", "10.8.0.0/16"]},
    {"customer_asn": 65003, "md5_key": "secret 1"},
    {"customer_asn": 65004, "import_filter_id": "f1", "export_filter_id": "f2"},
]

# What a new object has if nobody says anything of it, and what a field returns to if a design does not name it. What is not here returns to nothing.
HEALTH = {"enabled": True, "rate": "mid", "type": "reply", "target": ""}
DEFAULTS: dict[str, Json] = {"gre_tunnels": {"ttl": 64, "mtu": 1476}}
# These stay as they are: nobody knows what they were, or Cloudflare cannot take them back.
STICKY = {
    "ipsec_tunnels": ("name", "cloudflare_endpoint", "interface_address", "bgp"),
    "gre_tunnels": ("name", *ENDS["gre_tunnels"], "interface_address", "bgp"),
    "interconnects": ("name", "interface_address", "mtu", "gre"),
    "routes": ("prefix", "nexthop", "priority"),
}


@dataclass
class Thing:
    """One object of the drawn account, or of what it is to become."""

    kind: str
    id: str
    fields: Json

    def __getitem__(self, name: str) -> t.Any:
        return self.fields.get(name)

    @property
    def ends(self) -> tuple[t.Any, ...]:
        return tuple(self.fields.get(name) for name in ENDS[self.kind])

    def seeded(self) -> Json:
        """Return its fields as the emulator takes them."""
        return {name: value for name, value in self.fields.items() if value not in ({}, None)}

    @property
    def way(self) -> t.Any:
        """What no two routes have."""
        return repr([self["prefix"], self["nexthop"], self["priority"], plain(self["scope"] or {})])


@dataclass
class Case:
    """An account and a design, and what the one becomes by the other.

    :ivar before: the account.
    :ivar then: what it becomes; ids of new objects begin with "new".
    :ivar refusals: what the design may be refused for, before any write.
    """

    state: str
    data: Json
    before: list[Thing]
    then: list[Thing]
    config: Json = field(default_factory=dict)
    options: Json = field(default_factory=dict)
    refusals: set[str] = field(default_factory=set)

    def expected(self, kind: str) -> tuple[dict[str, Json], list[str]]:
        """Return the objects that there were already by their ids, and the new ones in any order."""
        there = {thing.id: plain(thing.fields) for thing in self.then if thing.kind == kind and not thing.id.startswith("new")}
        return there, sorted(repr(sorted(plain(thing.fields).items())) for thing in self.then if thing.kind == kind and thing.id.startswith("new"))


@functools.cache
def customer_end(interface: str) -> str:
    """Return the other end of an inner network."""
    own = ipaddress.ip_interface(interface)
    return str(next(address for address in (list(own.network.hosts())) if address != own.ip))


def ends_inside(things: t.Iterable[Thing], version: int) -> list[tuple[Thing, str]]:
    """Return the next hops that lead somewhere, with their tunnels."""
    name = "interface_address" if version == 4 else "interface_address6"
    return [(thing, customer_end(thing[name])) for thing in things if thing.kind in TUNNELS and thing[name]]


class Drawing:
    """Draws a case."""

    def __init__(self, rng: Random, state: str) -> None:
        self.rng = rng
        self.state = state
        self._free = {name: rng.sample(values, len(values)) for name, values in (("name", NAMES), ("in", INSIDES), ("in6", INSIDES6), ("identity", IDENTITIES))}
        self.settings = {"bidirectional_target": rng.choice(["saved", "dropped"]), "legacy_create_shape": rng.random() < 0.2}
        self.wan = rng.random() < 0.7
        self._count = 0

    def sometimes(self, share: float) -> bool:
        return self.rng.random() < share

    def _id(self, new: bool) -> str:
        self._count += 1
        return f"new{self._count}" if new else f"{self._count * 7919 % 65536:04x}" + "abcdef0123456789" * 1 + f"{self._count:012x}"

    # --- objects

    def _health(self, kind: str) -> Json:
        found: Json = {
            "enabled": self.rng.choice([True, True, False]),
            "rate": self.rng.choice(["low", "mid", "high"]),
            "type": self.rng.choice(["reply", "request"]),
        }
        found["direction"] = self.rng.choice(["unidirectional", "bidirectional"])
        # Cloudflare has never saved what it drops.
        ignored = found.get("direction") == "bidirectional" and self.settings["bidirectional_target"] == "dropped"
        found["target"] = "" if ignored else self.rng.choice(["", "", "192.0.2.77"])
        return found

    def tunnel(self, kind: str, things: list[Thing], new: bool = False) -> Thing | None:
        if not self._free["name"] or not self._free["in"]:
            return None
        fields: Json = {"name": self._free["name"].pop(), "interface_address": self._free["in"].pop(), "description": self.rng.choice(TEXTS)}
        fields["health_check"] = self._health(kind)
        fields["automatic_return_routing"] = self.sometimes(0.3)
        if self.sometimes(0.4) and self._free["in6"]:
            fields["interface_address6"] = self._free["in6"].pop()
        if kind == "interconnects":
            fields["mtu"] = self.rng.choice([1400, 1476])
            fields["gre"] = self.rng.choice([{}, {"cloudflare_endpoint": "203.0.113.3"}])
            fields["bgp"] = copy.deepcopy(self.rng.choice(BGP))
        else:
            pair = self._pair(kind, things)
            if pair is None:
                return None
            fields.update(zip(ENDS[kind], pair))
            fields["bgp"] = copy.deepcopy(self.rng.choice(BGP))
        if kind == "gre_tunnels":
            fields.update(ttl=self.rng.choice([64, 64, 200]), mtu=self.rng.choice([1476, 1400]))
        if kind == "ipsec_tunnels":
            fields["replay_protection"] = self.sometimes(0.3)
            if self.sometimes(0.2) and self._free["identity"]:
                fields["custom_remote_identities"] = {"fqdn_id": self._free["identity"].pop()}
        return Thing(kind, self._id(new), fields)

    def _pair(self, kind: str, things: list[Thing]) -> tuple[str, str] | None:
        taken = {thing.ends for thing in things if thing.kind == kind}
        left = [(one, other) for one in CLOUDFLARE for other in CUSTOMERS if (one, other) not in taken]
        if kind == "ipsec_tunnels" and self.sometimes(0.1):
            return self.rng.choice(CLOUDFLARE), ""
        return self.rng.choice(left) if left else None

    def route(self, things: list[Thing], new: bool = False) -> Thing | None:
        prefix = self.rng.choice(PREFIXES)
        hops = ends_inside(things, ipaddress.ip_network(prefix).version)
        if not hops:
            return None
        fields = {
            "prefix": prefix,
            "nexthop": self.rng.choice(hops)[1],
            "priority": self.rng.choice([100, 100, 200, 0]),
            "weight": self.rng.choice([0, 0, 10]),
            "description": self.rng.choice(TEXTS),
            "scope": copy.deepcopy(self.rng.choice(SCOPES)),
        }
        thing = Thing("routes", self._id(new), fields)
        return thing if thing.way not in {other.way for other in things if other.kind == "routes"} else None

    def account(self) -> list[Thing]:
        things: list[Thing] = []
        for kind, most in (("ipsec_tunnels", 4), ("gre_tunnels", 3), ("interconnects", 2)):
            for dummy in range(self.rng.randint(0, most)):
                things += filter(None, [self.tunnel(kind, things)])
        for dummy in range(self.rng.randint(0, 6)):
            things += filter(None, [self.route(things)])
        if self.sometimes(0.2):
            dead = Thing("routes", self._id(False), {"prefix": self.rng.choice(PREFIXES[:3]), "nexthop": "10.99.0.1", "priority": 50})
            things.append(dead)
        return things

    # --- what it becomes

    def changed(self, before: list[Thing], kinds: set[str]) -> list[Thing]:
        """Change values of objects of these kinds; return all objects."""
        things = copy.deepcopy(before)
        tunnels = [thing for thing in things if thing.kind in kinds and thing.kind in TUNNELS]
        for thing in tunnels:
            if self.sometimes(0.5):
                self._change_tunnel(thing, things)
        self._exchange(tunnels, "interface_address", 0.3)
        self._exchange([thing for thing in tunnels if thing["interface_address6"]], "interface_address6", 0.2)
        self._exchange(tunnels, "name", 0.2)
        for kind in ("ipsec_tunnels", "gre_tunnels"):
            self._exchange_ends([thing for thing in tunnels if thing.kind == kind and all(thing.ends)])
        self._exchange([thing for thing in tunnels if thing["custom_remote_identities"]], "custom_remote_identities", 0.3)
        if "routes" in kinds:
            self._change_routes(before, things)
        return things

    def _change_tunnel(self, thing: Thing, things: list[Thing]) -> None:
        for name in ("description", "automatic_return_routing", "replay_protection", "ttl", "mtu"):
            if name in thing.fields and self.sometimes(0.3):
                choices: dict[str, list[t.Any]] = {"description": TEXTS, "ttl": [64, 200], "mtu": [1476, 1400]}
                thing.fields[name] = choices.get(name, [True, False])[self.rng.randint(0, 1)]
        if self.sometimes(0.3):
            thing.fields["health_check"] = self._health(thing.kind)
        if self.sometimes(0.2) and self._free["in"]:
            thing.fields["interface_address"] = self._free["in"].pop()
        if self.sometimes(0.15) and self._free["in6"]:
            thing.fields["interface_address6"] = self._free["in6"].pop() if self.sometimes(0.7) else ""
        if self.sometimes(0.15) and self._free["name"]:
            thing.fields["name"] = self._free["name"].pop()
        if self.sometimes(0.2) and thing.kind != "interconnects":
            pair = self._pair(thing.kind, things)
            if pair is not None:
                thing.fields.update(zip(ENDS[thing.kind], pair))
        if self.sometimes(0.2) and thing.kind == "ipsec_tunnels":
            thing.fields["bgp"] = copy.deepcopy(self.rng.choice(BGP[2:])) if thing["bgp"] else copy.deepcopy(self.rng.choice(BGP))
        if self.sometimes(0.2) and thing.kind == "interconnects":
            thing.fields["gre"] = self.rng.choice([{}, {"cloudflare_endpoint": "203.0.113.3"}])

    def _exchange(self, things: list[Thing], name: str, share: float) -> None:
        some = [thing for thing in things if self.sometimes(0.6)]
        if len(some) > 1 and self.sometimes(share):
            values = [thing[name] for thing in some]
            for thing, value in zip(some, values[1:] + values[:1]):
                thing.fields[name] = value

    def _exchange_ends(self, things: list[Thing]) -> None:
        if len(things) > 1 and self.sometimes(0.25):
            pairs = [thing.ends for thing in things]
            for thing, pair in zip(things, pairs[1:] + pairs[:1]):
                thing.fields.update(zip(ENDS[thing.kind], pair))

    def _change_routes(self, before: list[Thing], things: list[Thing]) -> None:
        old = {thing.id: thing for thing in before}
        routes = [thing for thing in things if thing.kind == "routes"]
        for route in routes:
            version = ipaddress.ip_network(route["prefix"]).version
            hops = ends_inside(things, version)
            led = [thing for thing, end in ends_inside(before, version) if end == route["nexthop"]]
            if led and route["nexthop"] not in [end for dummy, end in hops]:
                # Its tunnel has moved: the route follows, or leads nowhere.
                moved = [end for thing, end in hops if thing.id == led[0].id]
                route.fields["nexthop"] = moved[0] if moved and self.sometimes(0.8) else route["nexthop"]
            elif self.sometimes(0.15) and hops:
                route.fields["nexthop"] = self.rng.choice(hops)[1]
            if self.sometimes(0.2):
                route.fields["priority"] = self.rng.choice([100, 200, 300])
            if self.sometimes(0.15):
                route.fields["scope"] = copy.deepcopy(self.rng.choice(SCOPES))
            if self.sometimes(0.3):
                route.fields["weight"] = self.rng.choice([0, 20])
            if self.sometimes(0.3):
                route.fields["description"] = self.rng.choice(TEXTS)
        if len(routes) > 1 and self.sometimes(0.2):
            self._exchange(routes, "priority", 1)
        # No two routes go the same way; who would is as before.
        for route in routes:
            if len({other.way for other in routes}) == len(routes):
                break
            route.fields = copy.deepcopy(old[route.id].fields)

    # --- written down

    def case(self) -> Case | None:
        """Draw a case; None if what was drawn contradicts itself."""
        before = self.account()
        kinds = {kind for kind in KINDS if self.sometimes(0.85)} or {"routes"}
        then = before if self.state == "deleted" else self.changed(before, kinds)
        data = seed(
            self.settings,
            {"magic_wan_subscribed": self.wan},
            **{kind: [{"id": one.id, **one.seeded()} for one in before if one.kind == kind] for kind in KINDS},
        )
        case = Case(self.state, data, before, then)
        named = self._named(case, kinds)
        if not is_possible(case):
            return None
        for kind in KINDS:
            if kind in kinds:
                items = [self._item(case, thing) for thing in named if thing.kind == kind]
                case.config[IN_DESIGN[kind]] = self.rng.sample(items, len(items))
        self._deletions(case, kinds, {thing.id for thing in named})
        find_refusals(case, named)
        return case

    def _named(self, case: Case, kinds: set[str]) -> list[Thing]:
        """Decide which objects the design names, also new ones; the others are as they were."""
        old = {thing.id: thing for thing in case.before}
        chosen = [thing for thing in case.then if thing.kind in kinds and self.sometimes(0.85 if self.state != "deleted" else 0.3)]
        ids = {thing.id for thing in chosen}
        case.then = [thing if thing.id in ids else copy.deepcopy(old[thing.id]) for thing in case.then]
        if self.state == "deleted":
            return [thing for thing in chosen if thing.kind != "interconnects"]
        for kind in ("ipsec_tunnels", "gre_tunnels", "routes"):
            for dummy in range(self.rng.choice([0, 0, 1, 2]) if kind in kinds else 0):
                thing = self.route(case.then, True) if kind == "routes" else self.tunnel(kind, case.then, True)
                moving = {one.id for one in case.then if one.id in old and (one.id not in ids or old[one.id].way != one.way)} if kind == "routes" else set()
                if thing is not None and not any(self._is_beside(case, thing, old[one]) for one in moving):
                    case.then.append(thing)
                    chosen.append(thing)
        return [thing for thing in case.then if thing.id in ids or thing.id.startswith("new")]

    def _item(self, case: Case, thing: Thing) -> Json:
        """Write an object down; what the item does not say becomes what the state promises."""
        old = next((one for one in case.before if one.id == thing.id), None)
        new = old is None
        fields = thing.fields
        if self.state == "deleted":
            found = self._found_by(case, thing, thing)
            if IDS["routes"] not in found and any(self._is_like(thing, other) for other in case.before):
                case.refusals.add("that match only one")
            return found
        item: Json = {}
        for name, value in list(fields.items()):
            default = DEFAULTS.get(thing.kind, {}).get(name)
            was = None if old is None else old[name]
            if name == "health_check":
                item[name] = self._parts(thing, value, was or {})
            elif name == "scope" and value and was and self.state == "merged":
                item[name] = {part: value.get(part, []) for part in ("colo_names", "colo_regions")}
            elif name == "bgp":
                item[name] = self._bgp(value, was or {})
            elif self.state == "merged" and not new:
                if plain(value) != plain(was):
                    item[name] = self._emptied(name, value, was)
                elif self.sometimes(0.3):
                    item[name] = copy.deepcopy(value)
            elif plain(value) != plain(default) or self.sometimes(0.3):
                stays = name in STICKY[thing.kind] and not new and plain(value) == plain(was)
                if not stays or self.sometimes(0.5):
                    # What stays is only emptied by name.
                    item[name] = self._emptied(name, value, was) if name == "gre" and not new else copy.deepcopy(value)
        item = {name: value for name, value in item.items() if value != {}}
        found = self._found_by(case, thing, old)
        if "nexthop_tunnel" in found:
            item.pop("nexthop", None)
        return self._spelled({**found, **item})

    def _parts(self, thing: Thing, check: Json, was: Json) -> Json:
        """Write a health check down, and settle what the rest of it becomes."""
        new = not was
        found: Json = {}
        for name, value in check.items():
            if name == "direction":
                default = was.get(name) or ("bidirectional" if self.wan else "unidirectional")
                if value != default or self.sometimes(0.3):
                    found[name] = value
                continue
            if name == "target" and check.get("direction") == "bidirectional":
                continue
            if self.state == "merged" and not new:
                if value != was.get(name) or self.sometimes(0.2):
                    found[name] = value
            elif value != HEALTH[name] or self.sometimes(0.2):
                found[name] = value
        return found

    def _bgp(self, value: Json, was: Json) -> Json:
        if not value or (plain(value) == plain(was) and self.sometimes(0.5)):
            return {}
        empty = {"extra_prefixes": [], "md5_key": "", "import_filter_id": "", "export_filter_id": ""} if self.state == "merged" else {}
        return {**empty, **copy.deepcopy(value)}

    @staticmethod
    def _emptied(name: str, value: t.Any, was: t.Any) -> t.Any:
        if isinstance(value, dict):
            return {**{part: [] if isinstance(now, list) else "" for part, now in (was or {}).items()}, **copy.deepcopy(value)}
        return copy.deepcopy(value if value is not None else "")

    def _found_by(self, case: Case, thing: Thing, old: Thing | None) -> Json:
        """Return what finds the object; an id where nothing else does."""
        if thing.kind != "routes":
            if old is None or (old["name"] == thing["name"] and self.sometimes(0.85)):
                return {"name": thing["name"]}
            return {IDS[thing.kind]: self._id_spelled(old.id), **({} if old["name"] == thing["name"] and self.sometimes(0.5) else {"name": thing["name"]})}
        if self.state == "deleted" and self.sometimes(0.2):
            return {IDS["routes"]: thing.id}
        way = {"prefix": thing["prefix"], **self._led(case, thing)}
        told = {**way, "priority": thing["priority"], **({"scope": copy.deepcopy(thing["scope"])} if plain(thing["scope"] or {}) else {})}
        if old is None or (old.way == thing.way and self.sometimes(0.85)):
            return told
        if self._follows(case, thing, old) and self.sometimes(0.8):
            name = next(one["name"] for one, end in ends_inside(case.then, 4) + ends_inside(case.then, 6) if end == thing["nexthop"])
            return {"prefix": thing["prefix"], "nexthop_tunnel": name, **{name: value for name, value in told.items() if name in ("priority", "scope")}}
        if self._is_alone(case, thing, old) and self.sometimes(0.7):
            return {**way, **{name: value for name, value in told.items() if name in ("priority", "scope") and plain(old[name]) != plain(value)}}
        return {IDS["routes"]: self._id_spelled(old.id), **told}

    def _led(self, case: Case, route: Thing) -> Json:
        """Return the next hop, or the tunnel it leads through."""
        by = [thing for thing, end in ends_inside(case.then, ipaddress.ip_network(route["prefix"]).version) if end == route["nexthop"]]
        names = [thing["name"] for thing in case.then if thing.kind in TUNNELS]
        if by and by[0].kind != "interconnects" and names.count(by[0]["name"]) == 1 and self.sometimes(0.5):
            return {"nexthop_tunnel": by[0]["name"]}
        return {"nexthop": route["nexthop"]}

    @staticmethod
    def _follows(case: Case, route: Thing, old: Thing) -> bool:
        """Tell whether a route is to be found by its tunnel, which has another inside now."""
        where = [{end: thing for version in (4, 6) for thing, end in ends_inside(things, version)} for things in (case.before, case.then)]
        was, will = where[0].get(old["nexthop"]), where[1].get(route["nexthop"])
        if was is None or will is None or was.id != will.id or was.kind == "interconnects" or old["nexthop"] == route["nexthop"]:
            return False
        # The others of its prefix lead through other tunnels before and after, and nothing else of it changes.
        others = [one for one in (*case.before, *case.then) if one.kind == "routes" and one["prefix"] == route["prefix"] and one.id != route.id]
        alone = not {old["nexthop"], route["nexthop"]} & {one["nexthop"] for one in others}
        return alone and old["prefix"] == route["prefix"] and [one["name"] for one in case.then if one.kind in TUNNELS].count(will["name"]) == 1

    @staticmethod
    def _is_alone(case: Case, thing: Thing, old: Thing) -> bool:
        """Tell whether prefix and next hop find a route, of which the rest changes."""
        same = [one for one in (*case.before, *case.then) if one.kind == "routes" and one["prefix"] == thing["prefix"] and one["nexthop"] == thing["nexthop"]]
        return (old["prefix"], old["nexthop"]) == (thing["prefix"], thing["nexthop"]) and {one.id for one in same} == {thing.id}

    @staticmethod
    def _is_beside(case: Case, route: Thing, other: Thing) -> bool:
        """Tell whether a new route would be taken for a change of another one: it leads the same way, or through the same tunnel, which has another inside."""
        if route.kind != other.kind or route["prefix"] != other["prefix"]:
            return False
        was, will = (
            {thing.id for version in (4, 6) for thing, end in ends_inside(things, version) if end == one["nexthop"]}
            for things, one in ((case.before, other), (case.then, route))
        )
        return route["nexthop"] == other["nexthop"] or bool(was & will)

    @staticmethod
    def _is_like(route: Thing, other: Thing) -> bool:
        """Tell whether what is said of a route is true of another one, too."""
        same = (route.kind, *map(route.fields.get, ("prefix", "nexthop", "priority"))) == (
            other.kind,
            *map(other.fields.get, ("prefix", "nexthop", "priority")),
        )
        return same and route.id != other.id and all((other["scope"] or {}).get(part) == places for part, places in (route["scope"] or {}).items())

    def _id_spelled(self, text: str) -> str:
        return text.upper() if self.sometimes(0.2) else text

    def _spelled(self, item: Json) -> Json:
        """Write values as people write them."""
        for name, value in item.items():
            if name == "interface_address6" and value and self.sometimes(0.3):
                item[name] = value.upper()
            if isinstance(value, int) and not isinstance(value, bool) and self.sometimes(0.2):
                item[name] = str(value)
            if isinstance(value, bool) and self.sometimes(0.2):
                item[name] = "yes" if value else "no"
            if name == "health_check" and value.get("target") and self.sometimes(0.3):
                item[name] = {**value, "target": {"saved": value["target"]}}
            if name == "scope" and self.sometimes(0.3):
                item[name] = {part: [*reversed(places), *places[:1]] for part, places in value.items()}
        return item

    # --- what goes

    def _deletions(self, case: Case, kinds: set[str], named: set[str]) -> None:
        doomed = [one for one in case.before if one.kind in kinds and one.kind != "interconnects" and (one.id in named) == (self.state == "deleted")]
        if self.state not in ("overridden", "deleted"):
            doomed = []
        keep = [one["name"] for one in doomed if one.kind in TUNNELS and self.sometimes(0.2)]
        case.options["keep"] = keep
        kept = {end for version in (4, 6) for thing, end in ends_inside(case.before, version) if thing["name"] in keep}
        gone = {one.id for one in doomed if one["name"] not in keep and one["nexthop"] not in kept}
        case.then = [one for one in case.then if one.id not in gone]
        case.options["max_deletions"] = limit = self.rng.choice([5, 20, 20, 20])
        if len(gone) > limit:
            case.refusals.add("max_deletions")
        emptied = [kind for kind in kinds if not case.config[IN_DESIGN[kind]] and any(one.kind == kind and one.id in gone for one in case.before)]
        if emptied and limit == 5:
            case.refusals.add("the list is empty")
        if self.state == "deleted" and self.sometimes(0.5) and "ipsec_tunnels" in kinds:
            case.config["ipsec_tunnels"].append({"name": "is-not-there"})


def is_possible(case: Case) -> bool:
    """Tell whether Cloudflare could have what is drawn; it can keep what it has already."""
    things = case.then
    was = {thing.id: thing for thing in case.before}
    names = [thing["name"] for thing in things if thing.kind in TUNNELS]
    insides = [ipaddress.ip_interface(thing[name]).network for thing in things for name in ("interface_address", "interface_address6") if thing[name]]
    ends = [(thing.kind, thing.ends) for thing in things if thing.kind in ENDS and thing.ends and all(thing.ends)]
    identities = [(thing["custom_remote_identities"]["fqdn_id"]) for thing in things if thing["custom_remote_identities"]]
    ways = [thing.way for thing in things if thing.kind == "routes"]
    if any(len(set(values)) < len(values) for values in (names, insides, ends, identities, ways)):
        return False
    written = [one for one in things if one.kind == "routes" and (one.id not in was or any(was[one.id][name] != one[name] for name in ("nexthop", "prefix")))]
    return all(one["nexthop"] in [end for dummy, end in ends_inside(things, ipaddress.ip_network(one["prefix"]).version)] for one in written)


def claims(thing: Thing) -> set[t.Any]:
    """Return what an object has that no other one can have."""
    if thing.kind == "routes":
        return {("way", thing.way)}
    networks = [ipaddress.ip_interface(thing[name]).network for name in ("interface_address", "interface_address6") if thing[name]]
    found: set[t.Any] = {("name", thing["name"]), *(("inside", str(network)) for network in networks)}
    if thing.ends and all(thing.ends):
        found.add((thing.kind, thing.ends))
    if thing["custom_remote_identities"]:
        found.add(("identity", thing["custom_remote_identities"]["fqdn_id"]))
    return found


def find_refusals(case: Case, named: list[Thing]) -> None:
    """Note what no order of requests can do."""
    was = {thing.id: thing for thing in case.before}
    will = {thing.id: thing for thing in case.then}
    takes: dict[str, set[str]] = {}
    for thing in case.then:
        new = claims(thing) - (claims(was[thing.id]) if thing.id in was else set())
        takes[thing.id] = {other.id for other in case.before if other.id != thing.id and claims(other) & new}
    if any(other not in will for others in takes.values() for other in others):
        case.refusals.add("which this run deletes last")

    def reaches(start: str) -> set[str]:
        found: set[str] = set()
        left = [start]
        while left:
            for other in takes.get(left.pop(), set()) - found:
                found.add(other)
                left.append(other)
        return found

    for one in takes:
        ring = {other for other in reaches(one) if one in reaches(other)}
        if len({will[other].kind for other in ring if other in will}) > 1:
            case.refusals.add("no single request can change them all")
    lost = [end for version in (4, 6) for thing, end in ends_inside([one for one in case.before if one.id not in will], version)]
    if any(thing.kind == "routes" and thing["nexthop"] in lost for thing in named):
        case.refusals |= {"the design renames or deletes it", "is not an inner address of any tunnel"}
    moved = any(
        was[thing.id]["interface_address"] != thing["interface_address"] or was[thing.id]["interface_address6"] != thing["interface_address6"]
        for thing in case.then
        if thing.kind in TUNNELS and thing.id in was
    )
    for thing in named:
        if thing.kind == "routes" and moved and case.state != "deleted":
            alive = [end for version in (4, 6) for dummy, end in ends_inside(case.then, version)]
            once = [end for version in (4, 6) for dummy, end in ends_inside(case.before, version)]
            if thing["nexthop"] in once and thing["nexthop"] not in alive:
                case.refusals.add("is not an inner address of any tunnel")
                case.refusals.add("Cloudflare's end")
