# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The modules that read: all objects, one by id, some by name, prefix or next hop."""

from __future__ import annotations

import pytest
from conftest import task

DAY = 86400
# The module, what it returns, its option for the id, and other ways to choose with the numbers of what they find.
READS = {
    "ipsec_tunnel_info": ("ipsec_tunnels", "ipsec_tunnel_id", [({"name": "paris-2"}, [1]), ({"name": "nowhere"}, [])]),
    "gre_tunnel_info": ("gre_tunnels", "gre_tunnel_id", [({"name": "vienna-gre-2"}, [1]), ({"name": "paris-1"}, [])]),
    "static_route_info": (
        "static_routes",
        "static_route_id",
        [
            ({"prefix": "10.10.0.0/16"}, [0, 1]),
            ({"nexthop": "10.213.0.31"}, [2]),
            ({"prefix": "10.10.0.0/16", "nexthop": "10.213.0.13"}, [1]),
            ({"prefix": "10.20.0.0/24", "nexthop": "10.213.0.13"}, []),
        ],
    ),
}
API_NAME = {"static_routes": "routes"}
EACH = pytest.mark.parametrize("module", READS)


@pytest.fixture(scope="module")
def run(emulator, play):
    state = emulator.state()
    tasks = []
    for module, (several, option, rows) in READS.items():
        tasks += [
            task(module, {}, f"{module}_all"),
            task(module, {}, f"{module}_check", check_mode=True),
            task(module, {"format": "options"}, f"{module}_options"),
            task(module, {option: state[API_NAME.get(several, several)][1]["id"]}, f"{module}_one"),
        ]
        tasks += [task(module, options, f"{module}_{number}") for number, (options, dummy) in enumerate(rows)]
        tasks += [
            task(module, {option: "0" * 32}, f"{module}_none", ignore_errors=True),
            task(module, {option: state[API_NAME.get(several, several)][0]["id"], **rows[0][0]}, f"{module}_both", ignore_errors=True),
        ]
    tasks += [task(module, {}, f"{module}_there", delegate_to="there") for module in READS]
    played = play(tasks, env={**emulator.environment(), "CLOUDFLARE_API_TOKEN": emulator.read_token}, args=["-vvv"], warns=["delegate_to has no effect"])
    assert played.rc == 0, played.screen
    assert emulator.state() == state
    assert {request["method"] for request in emulator.requests()} == {"GET"}
    return played["here"], state


@EACH
def test_all_are_read(run, module):
    results, state = run
    several = READS[module][0]
    assert results[f"{module}_all"]["changed"] is False
    shown = results[f"{module}_all"][several]
    assert [item["id"] for item in shown] == [item["id"] for item in state[API_NAME.get(several, several)]]
    for item, known in zip(shown, state[API_NAME.get(several, several)]):
        assert not {"psk", "account_id"} & set(item)
        for name, value in known.items():
            if name == "health_check":
                assert item[name]["target"]["saved"] == value["target"] and item[name]["target"]["effective"]
            elif name not in ("psk", "account_id", "psk_metadata", "bgp"):
                assert item[name] == value
        # Cloudflare leaves it out where it is empty.
        assert item["description"] == known.get("description", "")
    for other in ("check", "there"):
        found = results[f"{module}_{other}"][several]
        assert [{**item, "psk_age": None} for item in found] == [{**item, "psk_age": None} for item in shown]


@EACH
def test_some_are_chosen(run, module):
    results, state = run
    several, dummy_option, rows = READS[module]
    assert [item["id"] for item in results[f"{module}_one"][several]] == [state[API_NAME.get(several, several)][1]["id"]]
    for number, (dummy_options, expected) in enumerate(rows):
        assert [item["id"] for item in results[f"{module}_{number}"][several]] == [state[API_NAME.get(several, several)][index]["id"] for index in expected]


def test_what_is_returned_as_options_is_taken_back(run, emulator, play):
    """By the module of each object, and by network for all of them; nothing changes."""
    results, state = run
    found = {several: results[f"{module}_options"][several] for module, (several, *dummy) in READS.items()}
    names = [item["name"] for item in found["ipsec_tunnels"]]
    assert names == sorted(names) and len(names) == len(state["ipsec_tunnels"])
    assert not [item for items in found.values() for item in items if {"id", "psk_age", "customer_address", "created_on"} & set(item)]
    tasks = [
        task(module.removesuffix("_info"), item, f"{module}_{number}")
        for module, (several, *dummy) in READS.items()
        for number, item in enumerate(found[several])
    ]
    tasks.append(task("network", {"config": found, "state": "overridden"}, "whole"))
    played = play(tasks, env={**emulator.environment(), "CLOUDFLARE_API_TOKEN": emulator.read_token})
    assert played.rc == 0, played.screen
    assert len(played["here"]) == 11 and not [name for name, result in played["here"].items() if result["changed"]]


@EACH
def test_an_unknown_id_and_two_ways_to_choose_are_errors(run, module):
    results, dummy_state = run
    option = READS[module][1]
    assert results[f"{module}_none"]["failed"] is True
    for word in ("HTTP 404", "10", f"Check {option}"):
        assert word in results[f"{module}_none"]["msg"]
    assert results[f"{module}_both"]["failed"] is True
    assert "mutually exclusive" in results[f"{module}_both"]["msg"] and option in results[f"{module}_both"]["msg"]


def test_the_customers_end_of_tunnels(run):
    results, dummy_state = run
    ends = {item["name"]: item["customer_address"] for kind in ("ipsec", "gre") for item in results[f"{kind}_tunnel_info_all"][f"{kind}_tunnels"]}
    assert ends["paris-1"] == "10.213.0.11" and ends["vienna-gre-2"] == "10.213.0.33" and len(ends) == 7
    ends6 = {item["name"]: item.get("customer_address6") for item in results["ipsec_tunnel_info_all"]["ipsec_tunnels"]}
    assert ends6 == {"paris-1": None, "paris-2": None, "berlin-1": None, "oslo-1": None, "lisbon-1": "fd00:213::b"}
    assert results["ipsec_tunnel_info_one"]["ipsec_tunnels"][0]["customer_address"] == "10.213.0.13"


def test_age_and_identities_of_keys(run):
    results, dummy_state = run
    ages = {tunnel["name"]: tunnel["psk_age"] for tunnel in results["ipsec_tunnel_info_all"]["ipsec_tunnels"]}
    days = {"paris-1": 10, "paris-2": 100, "berlin-1": 400, "oslo-1": None, "lisbon-1": 45}
    assert set(ages) == set(days)
    for name, number in days.items():
        assert ages[name] is None if number is None else number * DAY <= ages[name] < (number + 1) * DAY
    for tunnel in results["ipsec_tunnel_info_all"]["ipsec_tunnels"]:
        assert set(tunnel["remote_identities"]) == {"user_id", "fqdn_id", "hex_id"}
    assert not any("psk_age" in item for item in results["gre_tunnel_info_all"]["gre_tunnels"])
