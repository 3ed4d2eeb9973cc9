# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""In which order the steps of a design go, and which of them go together, without any account but a dictionary."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.cloudflare.magic.plugins.module_utils._design import read_design
from ansible_collections.cloudflare.magic.plugins.module_utils._network import changes_of
from ansible_collections.cloudflare.magic.plugins.module_utils._order import _rings, ordered
from ansible_collections.cloudflare.magic.plugins.module_utils._steps import Rules


def tunnel(number, **more):
    ends = {"cloudflare_endpoint": "203.0.113.1", "customer_endpoint": f"198.51.100.{number}"}
    return {"id": f"{number:x}", "name": f"site-{number}", **ends, "interface_address": f"10.213.0.{2 * number}/31", **more}


def gre(number, **more):
    ends = {"cloudflare_gre_endpoint": "203.0.113.1", "customer_gre_endpoint": f"198.51.100.{number}"}
    return {"id": f"{number:x}", "name": f"gre-{number}", **ends, "interface_address": f"10.213.0.{2 * number}/31", **more}


def route(number, **more):
    return {"id": f"{number:x}", "prefix": f"10.{number}.0.0/16", "nexthop": f"10.213.0.{2 * number + 1}", "priority": 100, **more}


def new(item):
    return {name: value for name, value in item.items() if name != "id"}


def requests(account, config, state="merged", batch_size=50):
    """Return the requests of a design in brief: method, kind, and the places or names of the objects."""
    account = {**dict.fromkeys(("ipsec_tunnels", "gre_tunnels", "interconnects", "routes"), []), **account}
    changes = changes_of(read_design(config), account, Rules(state, (), 100))
    order = ordered(account, changes, batch_size)
    return [
        f"{steps[0].planned.method} {steps[0].kind.several}: {', '.join(step.label.split()[0] for step in steps)}"
        for steps in ([order.steps[number] for number in request] for request in order.requests)
    ]


def test_created_then_changed_then_deleted_and_routes_after_their_tunnels():
    account = {"ipsec_tunnels": [tunnel(1), tunnel(2)], "gre_tunnels": [gre(3)], "routes": [route(1), route(2), route(3)]}
    config = {
        "static_routes": [new(route(1, weight=3)), new(route(4))],
        "gre_tunnels": [],
        "ipsec_tunnels": [new(tunnel(4)), {"name": "site-1", "description": "new"}],
    }
    assert requests(account, config, "overridden") == [
        "POST ipsec_tunnels: site-4",
        "PUT ipsec_tunnels: site-1",
        "POST routes: 10.4.0.0/16",
        "PUT routes: 10.1.0.0/16",
        "DELETE routes: 10.2.0.0/16, 10.3.0.0/16",
        "DELETE gre_tunnels: gre-3",
        "DELETE ipsec_tunnels: site-2",
    ]


def test_batches():
    account = {"ipsec_tunnels": [tunnel(number) for number in range(1, 8)]}
    config = {"ipsec_tunnels": [{"name": f"site-{number}", "description": "new"} for number in range(1, 8)]}
    found = requests(account, config, batch_size=3)
    assert found == [
        "PUT ipsec_tunnels: site-1, site-2, site-3",
        "PUT ipsec_tunnels: site-4, site-5, site-6",
        "PUT ipsec_tunnels: site-7",
    ]


def test_whoever_exchanges_something_is_in_one_request_however_small_the_batches_are():
    account = {"ipsec_tunnels": [tunnel(number) for number in range(1, 6)]}
    insides = [item["interface_address"] for item in account["ipsec_tunnels"]]
    config = {"ipsec_tunnels": [{"name": f"site-{number}", "interface_address": insides[number % 5]} for number in range(1, 6)]}
    assert [text.count("site") for text in requests(account, config, batch_size=2)] == [5]


def test_a_chain_over_kinds_begins_where_something_is_free():
    account = {"ipsec_tunnels": [tunnel(1), tunnel(2)], "gre_tunnels": [gre(3), gre(4)]}
    config = {
        "ipsec_tunnels": [{"name": "site-1", "interface_address": "10.213.0.6/31"}, {"name": "site-2", "interface_address": "10.213.0.8/31"}],
        "gre_tunnels": [{"name": "gre-3", "interface_address": "10.213.0.4/31"}, {"name": "gre-4", "interface_address": "10.214.0.0/31"}],
    }
    assert requests(account, config) == [
        "PUT gre_tunnels: gre-4",
        "PUT ipsec_tunnels: site-2",
        "PUT gre_tunnels: gre-3",
        "PUT ipsec_tunnels: site-1",
    ]


def test_a_new_tunnel_takes_a_name_that_another_one_gives_up():
    account = {"ipsec_tunnels": [tunnel(1)]}
    config = {"ipsec_tunnels": [{"ipsec_tunnel_id": "1", "name": "old"}, {**new(tunnel(2)), "name": "site-1"}]}
    assert requests(account, config) == ["PUT ipsec_tunnels: old", "POST ipsec_tunnels: site-1"]


def test_a_smaller_inside_within_a_larger_one_is_the_same_claim():
    account = {"ipsec_tunnels": [tunnel(1, interface_address="10.213.0.1/30"), tunnel(2, interface_address="10.213.0.8/31")]}
    config = {"ipsec_tunnels": [{"name": "site-1", "interface_address": "10.213.0.8/31"}, {"name": "site-2", "interface_address": "10.213.0.2/31"}]}
    assert requests(account, config, batch_size=1) == ["PUT ipsec_tunnels: site-1, site-2"]


def test_routes_leave_an_inside_before_another_tunnel_takes_it():
    account = {"ipsec_tunnels": [tunnel(1), tunnel(2)], "routes": [route(1)]}
    config = {
        "ipsec_tunnels": [{"name": "site-1", "interface_address": "10.214.0.0/31"}, {"name": "site-2", "interface_address": tunnel(1)["interface_address"]}],
        "static_routes": [{"prefix": "10.1.0.0/16", "nexthop_tunnel": "site-1", "priority": 100}],
    }
    assert requests(account, config) == ["PUT ipsec_tunnels: site-1", "PUT routes: 10.1.0.0/16", "PUT ipsec_tunnels: site-2"]


def test_where_tunnels_exchange_their_insides_routes_cannot_leave_before():
    account = {"ipsec_tunnels": [tunnel(1), tunnel(2)], "routes": [route(1)]}
    config = {
        "ipsec_tunnels": [
            {"name": "site-1", "interface_address": tunnel(2)["interface_address"]},
            {"name": "site-2", "interface_address": tunnel(1)["interface_address"]},
        ],
        "static_routes": [{"prefix": "10.1.0.0/16", "nexthop_tunnel": "site-1", "priority": 100}],
    }
    assert requests(account, config) == ["PUT ipsec_tunnels: site-1, site-2", "PUT routes: 10.1.0.0/16"]


def test_a_kind_that_nobody_asks_for_is_not_read():
    class Account(dict):
        def __missing__(self, name):
            raise AssertionError(f"{name} is read")

    account = Account(ipsec_tunnels=[tunnel(1)])
    design = read_design({"ipsec_tunnels": [{"name": "site-1", "description": "new"}]})
    assert len(ordered(account, changes_of(design, account, Rules()), 50).requests) == 1


def test_a_large_design_needs_as_few_requests_as_batches():
    """500 tunnels that get other insides, and 1,000 routes that follow them."""
    account = {
        "ipsec_tunnels": [
            tunnel(
                1,
                id=f"{number:x}",
                name=f"site-{number}",
                customer_endpoint=f"198.51.{number // 250}.{number % 250 + 1}",
                interface_address=f"10.213.{number // 128}.{number % 128 * 2}/31",
            )
            for number in range(500)
        ],
        "routes": [
            route(1, id=f"{number:x}", prefix=f"10.{number // 250}.{number % 250}.0/24", nexthop=f"10.213.{number % 500 // 128}.{number % 500 % 128 * 2 + 1}")
            for number in range(1000)
        ],
    }
    config = {
        "ipsec_tunnels": [{"name": f"site-{number}", "interface_address": f"10.214.{number // 128}.{number % 128 * 2}/31"} for number in range(500)],
        "static_routes": [
            {"prefix": item["prefix"], "nexthop_tunnel": f"site-{number % 500}", "priority": 100} for number, item in enumerate(account["routes"])
        ],
    }
    found = requests(account, config)
    assert len(found) == 500 / 50 + 1000 / 50 and all(text.startswith("PUT") for text in found)


@given(st.lists(st.sets(st.integers(0, 7)), min_size=8, max_size=8))
def test_who_waits_for_each_other(needs):
    reached = [set(own) for own in needs]
    for dummy in needs:
        reached = [own.union(*(reached[other] for other in own)) for own in reached]
    ring = _rings(needs)
    for one in range(8):
        for other in range(8):
            assert (ring[one] == ring[other]) == (one == other or (other in reached[one] and one in reached[other]))
