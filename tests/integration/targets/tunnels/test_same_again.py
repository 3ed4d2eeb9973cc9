# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What other tools change forever: Cloudflare writes values in its own way, adds some and leaves others out."""

from __future__ import annotations

import json
from typing import NamedTuple

import pytest
from conftest import MODULES, NO_KEY, by_task, start_again, task, writes

LYON = {"name": "lyon-1", "cloudflare_endpoint": "203.0.113.1", "interface_address": "10.213.0.60/31"}
GRAZ = {"name": "graz-gre-1", "cloudflare_gre_endpoint": "203.0.113.1", "customer_gre_endpoint": "198.51.100.71", "interface_address": "10.213.0.70/31"}
WAY = {"prefix": "192.0.2.0/24", "nexthop": "10.213.0.11", "priority": 100}


class Case(NamedTuple):
    """An object of a kind, the options of the tasks that make and change it, and of one that finds it as it should be."""

    kind: str
    makes: list[dict]
    last: dict


CASES = {
    "slash_32_is_appended": Case("route", [{**WAY, "prefix": "192.0.2.7"}], {**WAY, "prefix": "192.0.2.7"}),
    "slash_128_is_appended": Case(
        "route",
        [{**WAY, "prefix": "2001:DB8:0::1", "nexthop": "FD00:213:0::000b"}],
        {**WAY, "prefix": "2001:db8::1/128", "nexthop": "fd00:213::b"},
    ),
    "ipv6_is_normalised": Case(
        "ipsec_tunnel",
        [{**LYON, "interface_address6": "FD00:213:0::003c/127"}],
        {"name": "lyon-1", "interface_address6": "FD00:213:0::003c/127"},
    ),
    "keys_of_bgp_are_added": Case("ipsec_tunnel", [{**LYON, "bgp": {"customer_asn": 65061}}], {**LYON, "bgp": {"customer_asn": 65061}}),
    "keys_of_bgp_are_added_to_gre": Case("gre_tunnel", [{**GRAZ, "bgp": {"customer_asn": 65061}}], {**GRAZ, "bgp": {"customer_asn": 65061}}),
    "empty_keys_of_bgp": Case(
        "gre_tunnel",
        [{**GRAZ, "bgp": {"customer_asn": 65061}}],
        {**GRAZ, "bgp": {"customer_asn": 65061, "extra_prefixes": [], "md5_key": "", "import_filter_id": "", "export_filter_id": ""}},
    ),
    "prefixes_of_bgp_in_another_order": Case(
        "ipsec_tunnel",
        [{**LYON, "bgp": {"customer_asn": 65061, "extra_prefixes": ["192.0.2.64/26", "192.0.2.0/27"]}}],
        {**LYON, "bgp": {"extra_prefixes": ["192.0.2.0/27", "192.0.2.64/26"]}},
    ),
    "false_is_left_out": Case(
        "ipsec_tunnel",
        [{**LYON, "replay_protection": False, "automatic_return_routing": False}],
        {**LYON, "replay_protection": False, "automatic_return_routing": False},
    ),
    "false_is_left_out_after_true": Case(
        "ipsec_tunnel",
        [{**LYON, "replay_protection": True}, {"name": "lyon-1", "replay_protection": False}],
        {"name": "lyon-1", "replay_protection": False},
    ),
    "empty_text_is_left_out": Case(
        "ipsec_tunnel",
        [{**LYON, "description": "", "customer_endpoint": "", "interface_address6": "", "custom_remote_identities": {"fqdn_id": ""}}],
        {**LYON, "description": "", "customer_endpoint": "", "interface_address6": "", "custom_remote_identities": {"fqdn_id": ""}},
    ),
    "zero_and_empty_lists_are_left_out": Case(
        "route",
        [{**WAY, "weight": 0, "scope": {"colo_names": [], "colo_regions": []}}],
        {**WAY, "weight": 0, "scope": {"colo_names": [], "colo_regions": []}},
    ),
    "places_in_another_order": Case(
        "route",
        [{**WAY, "scope": {"colo_names": ["fra01", "ams01"], "colo_regions": ["WEUR"]}}],
        {**WAY, "scope": {"colo_names": ["ams01", "fra01", "ams01"]}},
    ),
    "description_is_unset": Case(
        "gre_tunnel",
        [{**GRAZ, "description": "Graz"}, {"name": "graz-gre-1", "description": ""}],
        {"name": "graz-gre-1", "description": ""},
    ),
    "description_of_a_route_is_unset": Case("route", [{**WAY, "description": "Graz"}, {**WAY, "description": ""}], {**WAY, "description": ""}),
    "null_is_not_set": Case(
        "ipsec_tunnel",
        [{**LYON, "description": "Lyon"}],
        {"name": "lyon-1", "description": None, "health_check": {"target": None, "enabled": None}, "bgp": None, "custom_remote_identities": {"fqdn_id": None}},
    ),
    "target_as_text_then_as_an_object": Case(
        "ipsec_tunnel",
        [{**LYON, "health_check": {"direction": "unidirectional", "target": "10.213.0.61"}}],
        {"name": "lyon-1", "health_check": {"target": {"saved": "10.213.0.61"}}},
    ),
    "target_as_an_object_then_as_text": Case(
        "gre_tunnel",
        [{**GRAZ, "health_check": {"direction": "unidirectional", "target": {"saved": "10.213.0.71"}}}],
        {"name": "graz-gre-1", "health_check": {"target": "10.213.0.71"}},
    ),
    "target_is_computed": Case("ipsec_tunnel", [LYON], {**LYON, "health_check": {"target": ""}}),
    "target_is_computed_for_an_object": Case("ipsec_tunnel", [LYON], {**LYON, "health_check": {"target": {"effective": "198.51.100.200", "saved": ""}}}),
    "target_is_computed_again": Case(
        "gre_tunnel",
        [{**GRAZ, "health_check": {"direction": "unidirectional", "target": "10.213.0.71"}}, {"name": "graz-gre-1", "health_check": {"target": {"saved": ""}}}],
        {"name": "graz-gre-1", "health_check": {"target": {"effective": "10.213.0.71"}}},
    ),
    "what_was_returned_is_given_back": Case(
        "ipsec_tunnel",
        [{**LYON, "health_check": {"rate": "low", "direction": "unidirectional", "target": "10.213.0.61"}, "bgp": {"customer_asn": 65061}}],
        {"name": "lyon-1", "health_check": "{{ first.ipsec_tunnel.health_check }}", "bgp": "{{ first.ipsec_tunnel.bgp }}"},
    ),
}


@pytest.fixture(scope="module")
def run(emulator, play):
    """All cases in one run. Between two of them the object is deleted, so that the next one can have its name and addresses."""
    tasks = []
    for label, case in CASES.items():
        key = {name: value for name, value in case.last.items() if name in (("prefix", "nexthop") if case.kind == "route" else ("name",))}
        tasks += [task(case.kind, options, "first") for options in case.makes]
        tasks += [task(case.kind, case.last, f"{label}_check", check_mode=True), task(case.kind, case.last, label)]
        tasks.append(task(case.kind, {**key, "state": "absent"}, "gone"))
    played = play(tasks, env=emulator.environment(), args=["--diff"], warns=[NO_KEY])
    assert played.rc == 0, played.screen
    groups = iter(by_task(emulator.requests()))
    sent = {label: [next(groups) for dummy in range(len(case.makes) + 3)] for label, case in CASES.items()}
    assert next(groups, None) is None
    return played["here"], sent


@pytest.mark.parametrize("label", CASES)
def test_nothing_changes(run, label):
    results, sent = run
    *made, check, last, gone = [len(writes(group)) for group in sent[label]]
    assert (set(made), check, last, gone) == ({1}, 0, 0, 1)
    for result in (results[f"{label}_check"], results[label]):
        assert result["changed"] is False
        assert result["diff"] == {"before": {}, "after": {}}
        assert "warnings" not in result


@pytest.mark.parametrize("kind", ["ipsec_tunnel", "gre_tunnel"])
def test_a_server_that_does_not_know_the_newer_form_of_a_target(emulator, play, kind):
    start_again(emulator)
    fields = {
        **emulator.state()[f"{kind}s"][0],
        "health_check": {"enabled": True, "rate": "mid", "type": "reply", "direction": "unidirectional", "target": "10.9.9.9"},
    }
    body = json.dumps({"success": True, "errors": [], "messages": [], "result": {f"{kind}s": [fields]}})
    emulator.fault(kind="html", status=200, method="GET", path=f"{kind}s$", body=body, times=2)
    tasks = [
        task(kind, {"name": fields["name"], "health_check": {"target": target}}, name)
        for name, target in (("text", "10.9.9.9"), ("object", {"saved": "10.9.9.9"}))
    ]
    played = play(tasks, env=emulator.environment())
    assert played.rc == 0, played.screen
    for name in ("text", "object"):
        assert played["here"][name]["changed"] is False
        assert played["here"][name][kind]["health_check"]["target"] == {"saved": "10.9.9.9"}
    assert writes(emulator.requests()) == []


@pytest.mark.parametrize("legacy", [False, True], ids=["object", "list"])
def test_both_shapes_of_the_answer_to_a_create(emulator, play, legacy):
    start_again(emulator)
    state = emulator.state()
    state["settings"]["legacy_create_shape"] = legacy
    emulator.set_state(state)
    tasks = [task("ipsec_tunnel", LYON, "ipsec_tunnel"), task("gre_tunnel", GRAZ, "gre_tunnel"), task("route", WAY, "route")]
    played = play([*tasks, *({**one, "register": f"{one['register']}_again"} for one in tasks)], env=emulator.environment(), warns=[NO_KEY])
    assert played.rc == 0, played.screen
    for kind in ("ipsec_tunnel", "gre_tunnel", "route"):
        known = {item["id"]: item for item in emulator.state()[f"{kind}s"]}
        result, again = played["here"][kind], played["here"][f"{kind}_again"]
        assert (result["changed"], again["changed"]) == (True, False)
        assert result[MODULES[kind]] == again[MODULES[kind]]
        made = known[result[MODULES[kind]]["id"]]
        for name, value in {"ipsec_tunnel": LYON, "gre_tunnel": GRAZ, "route": WAY}[kind].items():
            assert made[name] == result[MODULES[kind]][name] == value


def test_a_target_that_cloudflare_ignores(emulator, play):
    """Whether it is the task or the tunnel that has the direction, and whether Cloudflare keeps the target or not: one warning, and nothing to do."""
    start_again(emulator)
    target = {"target": "10.213.0.61"}
    wishes = {
        "in_the_task": ("ipsec_tunnel", {**LYON, "health_check": {**target, "direction": "bidirectional"}}),
        "in_the_tunnel": ("ipsec_tunnel", {"name": "paris-1", "health_check": target}),
        "as_an_object": ("gre_tunnel", {"name": "vienna-gre-1", "health_check": {"target": {"saved": "10.213.0.61"}, "rate": "low"}}),
        "chosen_by_cloudflare": ("gre_tunnel", {**GRAZ, "health_check": target}),
    }
    tasks = [
        task(kind, options, f"{label}_{phase}", check_mode=phase == "check")
        for label, (kind, options) in wishes.items()
        for phase in ("check", "live", "again")
    ]
    played = play(tasks, env=emulator.environment(), args=["--diff"], warns=["health_check.target has no effect", NO_KEY])
    assert played.rc == 0, played.screen
    for label in wishes:
        check, live, again = (played["here"][f"{label}_{phase}"] for phase in ("check", "live", "again"))
        assert [check["changed"], live["changed"], again["changed"]] == [label != "in_the_tunnel"] * 2 + [False]
        for result in (check, live, again):
            warnings = [warning for warning in result["warnings"] if "pre-shared key" not in warning]
            assert len(warnings) == 1
            for word in ("health_check.target has no effect with direction: bidirectional", "set direction: unidirectional"):
                assert word in warnings[0]
        if label != "chosen_by_cloudflare":  # before the tunnel is there, nobody knows what Cloudflare will choose
            assert "10.213.0.61" not in str(live["diff"]) + str(check["diff"])
    one_way = {**wishes["in_the_tunnel"][1], "health_check": {**target, "direction": "unidirectional"}}
    turned = play([task("ipsec_tunnel", one_way, "first"), task("ipsec_tunnel", one_way, "again")], env=emulator.environment())
    assert turned["here"]["first"]["ipsec_tunnel"]["health_check"]["target"]["saved"] == "10.213.0.61"
    assert (turned["here"]["first"]["changed"], turned["here"]["again"]["changed"]) == (True, False)
    assert "warnings" not in turned["here"]["first"]
