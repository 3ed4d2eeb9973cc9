# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How many requests a large design takes, and that nothing is done over and over again for each of its objects."""

from __future__ import annotations

import sys
from collections import Counter

import pytest

from ansible_collections.cloudflare.magic.plugins.module_utils._design import read_design
from ansible_collections.cloudflare.magic.tests.emulator.seed import default_seed
from ansible_collections.cloudflare.magic.tests.unit.network.cloud import Cloud, seed

LISTS = {("GET", "ipsec_tunnels"): 1, ("GET", "gre_tunnels"): 1, ("GET", "routes"): 1}


def design(count, rate="low"):
    tunnels = [
        {
            "name": f"branch-{number}",
            "cloudflare_endpoint": "203.0.113.1",
            "customer_endpoint": f"198.18.{number // 250}.{number % 250}",
            "interface_address": f"10.0.{number // 128}.{number % 128 * 2}/31",
            "health_check": {"rate": rate},
        }
        for number in range(count)
    ]
    routes = [
        {"prefix": f"10.{128 + number // 256}.{number % 256}.0/24", "nexthop_tunnel": f"branch-{number // 2}", "priority": 100} for number in range(2 * count)
    ]
    return {"ipsec_tunnels": tunnels, "static_routes": routes}


def sent(cloud):
    return Counter((request.method, request.path.partition("/")[0]) for request in cloud.sent)


def done(cloud, config, **options):
    result = cloud.run(config, "overridden", max_deletions=10000, **options)
    assert not result.get("failed"), result["msg"]
    return result


def test_500_tunnels():
    """One request a kind to read, batches of 50 where the API takes many; what it takes one by one, one by one."""
    cloud = Cloud(seed())
    assert len(done(cloud, design(500))["changes"]) == 1500
    assert sent(cloud) == {**LISTS, ("POST", "ipsec_tunnels"): 500, ("POST", "routes"): 20}
    # Someone reads what it tells on the way.
    assert 10 <= len(cloud.notices) <= 40
    assert cloud.notices[-1] == "1500 of 1500 changes applied, request 520 of 520"

    assert done(cloud, design(500))["changes"] == []
    assert sent(cloud) == LISTS

    assert len(done(cloud, design(500, "high"))["changes"]) == 500
    assert sent(cloud) == {**LISTS, ("PUT", "ipsec_tunnels"): 10}
    assert len(cloud.notices) == 10

    assert len(done(cloud, design(250, "high"))["changes"]) == 750
    # Before something goes that a connector may have created, sites are looked at.
    assert sent(cloud) == {**LISTS, ("GET", "sites"): 1, ("DELETE", "routes"): 10, ("DELETE", "ipsec_tunnels"): 250}


@pytest.mark.parametrize("job", ["create", "unchanged", "change"])
def test_the_work_grows_with_the_design(job):
    """Four times the objects take some four times the calls of functions, and not sixteen times."""
    calls = []
    for count in (25, 100):
        cloud = Cloud(seed())
        if job != "create":
            done(cloud, design(count))
        calls.append(0)

        def counted(dummy_frame, event, dummy_argument):
            calls[-1] += event in ("call", "c_call")

        before = sys.getprofile()
        sys.setprofile(counted)
        try:
            done(cloud, design(count, "high" if job == "change" else "low"))
        finally:
            sys.setprofile(before)
    assert calls[1] < 4.2 * calls[0], calls


class Tagged(str):
    """A string as Ansible has it."""


def tagged(value):
    if isinstance(value, dict):
        return {Tagged(name): tagged(item) for name, item in value.items()}
    return [tagged(item) for item in value] if isinstance(value, list) else Tagged(value) if isinstance(value, str) else value


def types_in(value):
    """Return the types of all values, and of the names."""
    inner = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else []
    return {type(value)}.union(*map(types_in, inner))


def test_a_design_is_compared_without_the_tags_of_ansible():
    """Each string that Ansible tags is slower in each comparison."""
    config = {
        "ipsec_tunnels": [{"name": "a", "description": "A", "health_check": {"rate": "low"}, "bgp": {"extra_prefixes": ["10.0.0.0/8"]}}],
        "static_routes": [{"prefix": "10.1.0.0/24", "nexthop_tunnel": "a", "priority": 100, "scope": {"colo_names": ["fra01"]}}],
    }
    for item in read_design(tagged(config)).items:
        assert types_in([item.desired, item.tunnel or "", item.object_id or ""]) <= {str, int, list, dict}


def test_what_has_health_checks_is_told():
    """What the design names and leaves there, by its name afterwards, with what keeps it from being healthy; an id stands for a name."""
    data = default_seed()
    by_name = {tunnel["name"]: tunnel["id"] for tunnel in data["ipsec_tunnels"]}
    renamed = {"ipsec_tunnel_id": by_name["paris-2"], "name": "paris-3"}
    by_id = {"ipsec_tunnel_id": by_name["berlin-1"], "description": "New"}
    new = {"name": "lyon-1", "cloudflare_endpoint": "203.0.113.1", "interface_address": "10.213.0.60/31"}
    config = {
        "ipsec_tunnels": [{"name": "paris-1"}, {"name": "oslo-1"}, renamed, by_id, new],
        "gre_tunnels": [{"name": "vienna-gre-1", "health_check": {"enabled": False}}],
        "static_routes": [],
    }
    for check in (True, False):
        found = Cloud(data).run(config, check=check)
        assert not found.get("failed"), found["msg"]
        assert sorted((one["kind"], one["name"], one["never_healthy"]) for one in found["tunnels"]) == [
            ("gre_tunnels", "vienna-gre-1", "health_check_off"),
            ("ipsec_tunnels", "berlin-1", None),
            ("ipsec_tunnels", "lyon-1", "no_psk"),
            ("ipsec_tunnels", "oslo-1", "no_psk"),
            ("ipsec_tunnels", "paris-1", None),
            ("ipsec_tunnels", "paris-3", None),
        ]
    assert Cloud(data).run({"gre_tunnels": [{"name": "vienna-gre-1"}]}, state="deleted", check=True)["tunnels"] == []
