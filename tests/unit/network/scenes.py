# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Accounts with designs for them that need requests of all sorts, for tests of what goes wrong on the way."""

from __future__ import annotations

import typing as t
from collections import Counter

from ansible_collections.cloudflare.magic.tests.unit.network.cloud import KINDS, Cloud, seed

Json = dict[str, t.Any]


def tunnel(number: int, **more: t.Any) -> Json:
    """Return an IPsec tunnel as a design has it."""
    ends = {"cloudflare_endpoint": "203.0.113.1", "customer_endpoint": f"198.51.100.{number}"}
    return {"name": f"site-{number}", **ends, "interface_address": f"10.213.0.{2 * number}/31", **more}


def gre(number: int, **more: t.Any) -> Json:
    """Return a GRE tunnel as a design has it."""
    ends = {"cloudflare_gre_endpoint": "203.0.113.1", "customer_gre_endpoint": f"198.51.100.{number}"}
    return {"name": f"gre-{number}", **ends, "interface_address": f"10.213.0.{2 * number}/31", **more}


def route(number: int, **more: t.Any) -> Json:
    """Return a route through the tunnel of this number as a design has it."""
    return {"prefix": f"10.{number}.0.0/16", "nexthop": f"10.213.0.{2 * number + 1}", "priority": 100, **more}


def there(*items: Json) -> list[Json]:
    """Return objects as an account has them, with ids that their order gives."""
    return [{"id": f"{number:032x}", **item} for number, item in enumerate(items, 1)]


class Scene(t.NamedTuple):
    """An account, and a design for it."""

    account: dict[str, list[Json]]
    config: Json
    state: str = "merged"
    options: Json | None = None

    def cloud(self) -> Cloud:
        return Cloud(seed(**self.account))

    def run(self, cloud: Cloud, **more: t.Any) -> Json:
        return cloud.run(self.config, self.state, **{**(self.options or {}), **more})


def _through(item: Json, name: str) -> Json:
    return {**{key: value for key, value in item.items() if key != "nexthop"}, "nexthop_tunnel": name}


SIX = there(*map(tunnel, range(1, 7)))
ROUTES = there(*map(route, range(1, 9)))
SCENES = {
    "create": Scene(
        {},
        {
            "ipsec_tunnels": [tunnel(1), tunnel(2)],
            "gre_tunnels": [gre(3)],
            "static_routes": [
                _through(route(1), "site-1"),
                route(2),
                {**route(2), "priority": 200},
                _through(route(3), "gre-3"),
                route(3, prefix="10.33.0.0/16"),
            ],
        },
    ),
    "change": Scene(
        {"ipsec_tunnels": SIX, "routes": ROUTES[:6]},
        {
            "ipsec_tunnels": [{"name": f"site-{number}", "description": "new"} for number in range(1, 6)],
            "static_routes": [{**route(number), "weight": 7} for number in range(1, 6)],
        },
        "merged",
        {"batch_size": 2},
    ),
    "exchange": Scene(
        {"ipsec_tunnels": SIX[:3], "gre_tunnels": there(gre(4)), "routes": ROUTES[:4]},
        {
            "ipsec_tunnels": [
                {"ipsec_tunnel_id": SIX[0]["id"], "name": "site-2", "interface_address": SIX[1]["interface_address"]},
                {"ipsec_tunnel_id": SIX[1]["id"], "name": "site-1", "interface_address": SIX[0]["interface_address"], "description": "was site-2"},
                # And a chain over two kinds.
                {"name": "site-3", "interface_address": "10.213.0.8/31"},
            ],
            "gre_tunnels": [{"name": "gre-4", "interface_address": "10.214.0.0/31"}],
            "static_routes": [
                {"static_route_id": ROUTES[0]["id"], "priority": 200, "prefix": "10.2.0.0/16", "nexthop": route(2)["nexthop"]},
                {"static_route_id": ROUTES[1]["id"], "prefix": "10.1.0.0/16", "nexthop": route(1)["nexthop"]},
            ],
        },
    ),
    "another inside": Scene(
        {"ipsec_tunnels": SIX[:2], "routes": [*ROUTES[:2], {**ROUTES[0], "id": "a1", "prefix": "10.11.0.0/16"}]},
        {
            "ipsec_tunnels": [{"name": "site-1", "interface_address": "10.214.0.0/31"}],
            "static_routes": [_through(route(1), "site-1"), {"prefix": "10.11.0.0/16", "nexthop_tunnel": "site-1", "priority": 100}],
        },
    ),
    "an inherited inside": Scene(
        {"ipsec_tunnels": SIX[:3], "routes": ROUTES[:3]},
        {
            "ipsec_tunnels": [
                {"name": "site-1", "interface_address": "10.214.0.0/31"},
                {"name": "site-2", "interface_address": SIX[0]["interface_address"]},
                {"name": "site-3", "interface_address": SIX[1]["interface_address"]},
            ],
            "static_routes": [_through(route(1), "site-1"), _through(route(2), "site-2"), _through(route(3), "site-3")],
        },
    ),
    "override": Scene(
        {"ipsec_tunnels": SIX, "gre_tunnels": there(gre(7), gre(8)), "routes": ROUTES},
        {
            "ipsec_tunnels": [tunnel(1, description="new"), tunnel(2), tunnel(3, customer_endpoint="198.51.100.33"), tunnel(9)],
            "gre_tunnels": [gre(7, mtu=1400)],
            "static_routes": [route(1), route(2, weight=3), route(3, priority=300), route(7), _through(route(9), "site-9"), route(9, prefix="10.99.0.0/16")],
        },
        "overridden",
        {"max_deletions": 20, "batch_size": 3},
    ),
    "delete": Scene(
        {"ipsec_tunnels": SIX, "routes": ROUTES},
        {"ipsec_tunnels": [{"name": "site-1"}, {"name": "site-2"}], "static_routes": [_through(route(1), "site-1"), route(2), route(4), route(5), route(6)]},
        "deleted",
        {"max_deletions": 20},
    ),
}


def outcome(cloud: Cloud, scene: Scene) -> dict[str, t.Any]:
    """Return what an account has: the objects of the beginning by their ids, and how often there is each new one."""
    ids = {kind: {item["id"] for item in scene.account.get(kind, [])} for kind in KINDS}
    return {
        kind: (
            {object_id: item for object_id, item in found.items() if object_id in ids[kind]},
            Counter(repr(item) for object_id, item in found.items() if object_id not in ids[kind]),
        )
        for kind, found in cloud.everything().items()
    }


_UNDISTURBED: dict[int, dict[str, t.Any]] = {}


def undisturbed(scene: Scene) -> dict[str, t.Any]:
    """Return what an account has once the design was carried out with nothing going wrong."""
    if id(scene) not in _UNDISTURBED:
        cloud = scene.cloud()
        result = scene.run(cloud)
        assert not result.get("failed"), result["msg"]
        _UNDISTURBED[id(scene)] = outcome(cloud, scene)
    return _UNDISTURBED[id(scene)]


def assert_nothing_is_doubled(cloud: Cloud) -> None:
    """No two tunnels of one name, no two routes that go the same way."""
    found = cloud.everything()
    names = Counter(item["name"] for kind in KINDS[:3] for item in found[kind].values())
    ways = Counter(repr([item.get(name) for name in ("prefix", "nexthop", "priority", "scope")]) for item in found["routes"].values())
    assert [what for what, count in (names + ways).items() if count > 1] == []
