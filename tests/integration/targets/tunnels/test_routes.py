# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Several routes of one prefix and next hop: each task means one of them, and the same play once more changes nothing."""

from __future__ import annotations

import pytest
from conftest import start_again, task, writes

WAY = {"prefix": "192.0.2.0/24", "nexthop": "10.213.0.11"}
AMS, FRA = {"colo_names": ["ams01"]}, {"colo_names": ["fra01"]}


def routes_of(emulator, prefix: str = WAY["prefix"]) -> list[tuple]:
    """Return priority, names of places and weight of the routes of a prefix."""
    found = [route for route in emulator.routes() if route["prefix"] == prefix]
    return sorted((route["priority"], tuple(route.get("scope", {}).get("colo_names", [])), route.get("weight", 0)) for route in found)


def tasks_of(*options: dict, **keywords) -> list[dict]:
    return [task("route", {**WAY, **one}, f"task_{number}", **keywords) for number, one in enumerate(options)]


# The routes that are there (priority, places), the tasks of the play, and the routes afterwards (priority, places, weight).
PLAYS = {
    "two priorities": ([], [{"priority": 100}, {"priority": 200}], [(100, (), 0), (200, (), 0)]),
    "three priorities, the last one first": ([], [{"priority": 300}, {"priority": 200}, {"priority": 100}], [(100, (), 0), (200, (), 0), (300, (), 0)]),
    "in place, and a second one": ([(300, None)], [{"priority": 100}, {"priority": 200}], [(100, (), 0), (200, (), 0)]),
    "in place": ([(300, None)], [{"priority": 100, "weight": 5}], [(100, (), 5)]),
    "the one that is there is meant by the second task": ([(200, None)], [{"priority": 100}, {"priority": 200}], [(100, (), 0), (200, (), 0)]),
    "two scopes": ([], [{"priority": 100, "scope": AMS}, {"priority": 200, "scope": FRA}], [(100, ("ams01",), 0), (200, ("fra01",), 0)]),
    "one priority, two scopes and none": (
        [],
        [{"priority": 100, "scope": AMS}, {"priority": 100, "scope": FRA}, {"priority": 100, "scope": {"colo_names": []}}],
        [(100, (), 0), (100, ("ams01",), 0), (100, ("fra01",), 0)],
    ),
    "none and then a scope": ([], [{"priority": 100}, {"priority": 100, "scope": AMS}], [(100, (), 0), (100, ("ams01",), 0)]),
    "of two scopes, one changes and one goes": (
        [(100, AMS), (100, FRA)],
        [{"priority": 100, "scope": AMS, "weight": 3}, {"priority": 100, "scope": FRA, "state": "absent"}],
        [(100, ("ams01",), 3)],
    ),
    "one route by two tasks": ([], [{"priority": 100}, {"priority": 100, "weight": 9}, {"description": "by its next hop"}], [(100, (), 9)]),
    "a scope is added to the only one": ([(100, None)], [{"scope": AMS}], [(100, ("ams01",), 0)]),
    "one is deleted, the other stays": (
        [(100, None), (200, None)],
        [{"priority": 100}, {"priority": 200, "state": "absent"}, {"priority": 200, "state": "absent"}],
        [(100, (), 0)],
    ),
}


@pytest.fixture
def seeded(emulator):
    """A function that starts again with these routes."""

    def seed(routes: list[tuple]) -> None:
        start_again(emulator)
        state = emulator.state()
        for number, (priority, scope) in enumerate(routes):
            new = {**WAY, "id": f"{number}" * 32, "priority": priority, "account_id": emulator.account_id}
            state["routes"].append({**new, "scope": scope} if scope else new)
        emulator.set_state(state)

    return seed


# Each has a prefix of its own, so that one run does all of them.
PREFIXES = {label: f"192.0.{number}.0/24" for number, label in enumerate(PLAYS)}
# There, a dry run cannot know what the task before would have made.
IN_TURN = ("one route by two tasks", "one is deleted, the other stays", "the one that is there is meant by the second task")


@pytest.fixture(scope="module")
def runs(emulator, play):
    """What the tasks of all plays register in a dry run, in the first and in the second one, and the routes after each, and what the second one sends."""
    start_again(emulator)
    state = emulator.state()
    there = [(label, priority, scope) for label, (routes, dummy, dummy_expected) in PLAYS.items() for priority, scope in routes]
    for number, (label, priority, scope) in enumerate(there):
        new = {**WAY, "prefix": PREFIXES[label], "id": f"{number:032x}", "priority": priority, "account_id": emulator.account_id}
        state["routes"].append({**new, "scope": scope} if scope else new)
    emulator.set_state(state)
    found = []
    for args in (["--check", "--diff"], ["--diff"], []):
        tasks = []
        for number, (label, (dummy, options, dummy_expected)) in enumerate(PLAYS.items()):
            several = options[:1] if label == "one route by two tasks" and "--check" in args else options
            tasks += [task("route", {**WAY, "prefix": PREFIXES[label], **one}, f"play_{number}_{place}") for place, one in enumerate(several)]
        emulator.clear_requests()
        played = play(tasks, env=emulator.environment(), args=args)
        assert played.rc == 0, played.screen
        found.append((played["here"], {label: routes_of(emulator, prefix) for label, prefix in PREFIXES.items()}))
    return found, emulator.requests()


@pytest.mark.parametrize("label", PLAYS)
def test_a_second_run_changes_nothing(runs, label):
    there, options, expected = PLAYS[label]
    (dry, before), (first, after), (second, at_last) = runs[0]
    mine = f"play_{list(PLAYS).index(label)}_"
    checked, made, again = ([result for name, result in results.items() if name.startswith(mine)] for results in (dry, first, second))
    assert before[label] == sorted((priority, tuple((scope or {}).get("colo_names", [])), 0) for priority, scope in there)
    assert len(made) == len(options) and after[label] == expected
    if label not in IN_TURN:
        assert [one["changed"] for one in checked] == [one["changed"] for one in made]
        assert [one["diff"] for one in checked] == [one["diff"] for one in made]
    assert [one["changed"] for one in again] == [False] * len(options)
    assert writes(runs[1]) == [] and at_last[label] == expected


def test_hosts_that_stand_for_one_priority_each(emulator, play, seeded):
    """Forks of one run decide at the same time, and only one of them changes what is there."""
    seeded([(300, None)])
    hosts = ("here", "nearby", "there")
    priorities = {"here": 100, "nearby": 200, "there": 400}
    tasks = [task("route", {**WAY, "priority": "{{ priorities[inventory_hostname] | int }}"}, "made", retries=2, until="made is success")]
    for changed in (3, 0):
        played = play(tasks, hosts=hosts, env=emulator.environment(), args=["--forks", "3"], vars={"priorities": priorities})
        assert played.rc == 0, played.screen
        assert sum(played[host]["made"]["changed"] for host in hosts) == changed
        assert routes_of(emulator) == [(100, (), 0), (200, (), 0), (400, (), 0)]


def test_a_lost_answer_is_healed_by_the_same_route(emulator, play, seeded):
    """The second attempt of a task, and a task after one whose answer was lost."""
    seeded([(300, None)])
    emulator.fault(kind="disconnect", when="before", method="PUT", path="routes")
    emulator.fault(kind="disconnect", when="after", method="POST", path="routes")
    tasks = [
        task("route", {**WAY, "priority": 100}, "again", until="again is success", retries=2, delay=0),
        task("route", {**WAY, "priority": 200}, "lost", ignore_errors=True),
        task("route", {**WAY, "priority": 400}, "third"),
    ]
    played = play(tasks, env=emulator.environment())
    assert played.rc == 0, played.screen
    assert played["here"]["again"]["attempts"] == 2 and played["here"]["lost"]["failed"] is True
    assert routes_of(emulator) == [(100, (), 0), (200, (), 0), (400, (), 0)]
    assert emulator.faults() == []


def test_a_dry_look_decides_nothing_for_the_run(emulator, play, seeded):
    seeded([(300, None)])
    tasks = [task("route", {**WAY, "priority": 50}, "look", check_mode=True), task("route", {**WAY, "priority": 200}, "done")]
    played = play(tasks, env=emulator.environment())
    assert played.rc == 0, played.screen
    assert routes_of(emulator) == [(200, (), 0)]


def test_of_several_none_is_chosen(emulator, play, seeded):
    seeded([(100, None), (200, FRA)])
    before = emulator.state()
    cases: list[dict] = [{}, {"description": "which?"}, {"scope": AMS}, {"state": "absent"}]
    played = play(tasks_of(*cases, ignore_errors=True), env=emulator.environment())
    for result in played["here"].values():
        assert (result["failed"], result["changed"]) == (True, False)
        for word in ("0" * 32 + " (priority 100)", "1" * 32 + " (priority 200, scope colo_names fra01)", "Give static_route_id"):
            assert word in result["msg"]
    assert len(played["here"]) == len(cases) and emulator.state() == before and writes(emulator.requests()) == []
    chosen = play(tasks_of(*({**options, "static_route_id": "1" * 32} for options in cases)), env=emulator.environment())
    assert chosen.rc == 0, chosen.screen
    assert [chosen["here"][f"task_{number}"]["changed"] for number in range(len(cases))] == [False, True, True, True]
    assert [chosen["here"][f"task_{number}"]["static_route"]["id"] for number in range(len(cases))] == ["1" * 32] * len(cases)
    assert emulator.state()["routes"] == [route for route in before["routes"] if route["id"] != "1" * 32]


def test_nothing_is_left_of_a_run(emulator, play, seeded):
    seeded([])
    played = play(tasks_of({"priority": 100}), env=emulator.environment())
    assert played.rc == 0, played.screen
    assert [path.name for path in played.folder.rglob("*claims*")] == []


# --- the next hop, by the name of a tunnel


THROUGH = {
    "IPsec": ({"prefix": "192.0.2.0/25", "nexthop_tunnel": "paris-1"}, "10.213.0.11"),
    "GRE": ({"prefix": "192.0.2.128/25", "nexthop_tunnel": "vienna-gre-1"}, "10.213.0.31"),
    "IPv6": ({"prefix": "2001:db8::/32", "nexthop_tunnel": "lisbon-1"}, "fd00:213::b"),
    "IPv6 over GRE": ({"prefix": "2001:db8:1::/48", "nexthop_tunnel": "vienna-gre-2"}, "fd00:213::21"),
}


def test_a_tunnel_in_place_of_a_next_hop(emulator, play, seeded):
    seeded([])
    before = emulator.state()
    made = [task("route", {**options, "priority": 100}, label.replace(" ", "_")) for label, (options, dummy) in THROUGH.items()]
    gone = [task("route", {**options, "state": "absent"}, f"{one['register']}_gone") for one, (options, dummy) in zip(made, THROUGH.values())]
    again = [{**one, "register": f"{one['register']}_again"} for one in made]
    checked = [{**one, "register": f"{one['register']}_check", "check_mode": True} for one in made]
    played = play([*checked, *made, *again, *gone], env=emulator.environment())
    assert played.rc == 0, played.screen
    for one, (options, nexthop) in zip(made, THROUGH.values()):
        name = one["register"]
        check, live, once_more, left = (played["here"][f"{name}{end}"] for end in ("_check", "", "_again", "_gone"))
        assert [check["changed"], live["changed"], once_more["changed"], left["changed"]] == [True, True, False, True]
        for result in (check, live, once_more, left):
            assert result["static_route"]["nexthop"] == nexthop and result["static_route"]["prefix"] == options["prefix"]
            assert "warnings" not in result and "nexthop_tunnel" not in result["static_route"]
    assert emulator.state() == before


def test_a_route_is_led_through_another_tunnel_by_its_id(emulator, play, seeded):
    seeded([(100, None)])
    options = {"static_route_id": "0" * 32, "nexthop_tunnel": "paris-2"}
    played = play([task("route", options, "first"), task("route", options, "again")], env=emulator.environment())
    assert played.rc == 0, played.screen
    assert (played["here"]["first"]["static_route"]["nexthop"], played["here"]["again"]["changed"]) == ("10.213.0.13", False)


MISTAKES = {
    "unknown": ({"nexthop_tunnel": "nowhere"}, ("nexthop_tunnel: there is no tunnel 'nowhere'", "paris-1", "vienna-gre-1")),
    "two": ({"nexthop_tunnel": "twin"}, ("2 tunnels have the name 'twin'", "IPsec tunnel " + "a" * 32, "GRE tunnel " + "b" * 32, "Give nexthop")),
    "empty": ({"nexthop_tunnel": ""}, ("nexthop_tunnel", "empty")),
    "both": ({"nexthop_tunnel": "paris-1", "nexthop": "10.213.0.11"}, ("mutually exclusive", "nexthop_tunnel")),
    "neither": ({}, ("nexthop: missing", "nexthop_tunnel")),
    "no IPv6 inside": ({"nexthop_tunnel": "paris-1", "prefix": "2001:db8::/32"}, ("'paris-1' has no inner IPv6 addresses", "Set interface_address6")),
    "neither end": ({"nexthop_tunnel": "strange"}, ("'strange' has interface_address 10.214.9.0/30", "Give nexthop")),
}


@pytest.mark.parametrize("check", [False, True], ids=["live", "check"])
def test_a_tunnel_that_gives_no_next_hop(emulator, play, seeded, check):
    seeded([])
    state = emulator.state()
    for plural, letter, name, inside in (
        ("ipsec_tunnels", "a", "twin", "10.214.9.10/31"),
        ("gre_tunnels", "b", "twin", "10.214.9.12/31"),
        ("ipsec_tunnels", "c", "strange", "10.214.9.0/30"),
    ):
        state[plural].append({**state[plural][0], "id": letter * 32, "name": name, "interface_address": inside})
    emulator.set_state(state)
    before = emulator.state()
    tasks = [
        task("route", {"prefix": "192.0.2.0/24", "priority": 1, **options}, label.replace(" ", "_"), check_mode=check, ignore_errors=True)
        for label, (options, dummy) in MISTAKES.items()
    ]
    played = play(tasks, env=emulator.environment())
    for label, (dummy, words) in MISTAKES.items():
        result = played["here"][label.replace(" ", "_")]
        assert (result["failed"], result.get("changed", False)) == (True, False)
        for word in words:
            assert word in result["msg"]
    assert writes(emulator.requests()) == [] and emulator.state() == before


def test_what_led_through_a_tunnel_that_is_gone(emulator, play, seeded):
    """Routes and tunnels are removed by one playbook, which can be run again; what is left by mistake is told."""
    seeded([])
    state = emulator.state()
    state["routes"] = [route for route in state["routes"] if route["prefix"] != "10.10.0.0/16"]
    emulator.set_state(state)
    route = {"prefix": "10.10.0.0/16", "nexthop_tunnel": "paris-1"}
    tasks = [
        task("route", {**route, "priority": 100}, "made"),
        task("route", {**route, "state": "absent"}, "gone"),
        task("ipsec_tunnel", {"name": "paris-1", "state": "absent"}, "tunnel"),
        task("route", {**route, "state": "absent"}, "again"),
        task("route", {**route, "nexthop_tunnel": "paris-2", "priority": 100}, "other"),
        task("route", {**route, "state": "absent"}, "still"),
        task("ipsec_tunnel", {"name": "paris-2", "state": "absent"}, "other_tunnel"),
        task("route", {**route, "state": "absent"}, "lost", ignore_errors=True),
    ]
    played = play(tasks, env=emulator.environment())
    assert played.rc == 0, played.screen
    assert [played["here"][name]["changed"] for name in ("made", "gone", "tunnel", "again", "other", "still")] == [True, True, True, False, True, False]
    lost = played["here"]["lost"]
    assert lost["failed"] is True
    for word in ("there is no tunnel 'paris-1'", "nexthop 10.213.0.13", "give nexthop or static_route_id"):
        assert word in lost["msg"]


# --- routes that carry nothing


OWN_END = "is Cloudflare's end of the"
# The options of the task, what the warning has to say, or None.
DEAD_ENDS = {
    "own end of IPsec": (
        {"prefix": "192.0.2.0/25", "nexthop": "10.213.0.10", "priority": 1},
        ("nexthop 10.213.0.10", OWN_END, "IPsec tunnel paris-1", "Use 10.213.0.11"),
    ),
    "own end of GRE": ({"prefix": "192.0.2.128/25", "nexthop": "10.213.0.30", "priority": 1}, (OWN_END, "GRE tunnel vienna-gre-1", "Use 10.213.0.31")),
    "own end of an interconnect": (
        {"prefix": "192.0.2.64/26", "nexthop": "10.213.0.40", "priority": 1},
        (OWN_END, "interconnect frankfurt-1", "Use 10.213.0.41"),
    ),
    "own end by IPv6": ({"prefix": "2001:db8::/32", "nexthop": "FD00:213:0::A", "priority": 1}, (OWN_END, "lisbon-1", "Use fd00:213::b")),
    "IPv6 over IPv4": ({"prefix": "2001:db8:1::/48", "nexthop": "10.213.0.11", "priority": 1}, ("2001:db8:1::/48 is IPv6", "10.213.0.11 is IPv4")),
    "the customer's end": ({"prefix": "192.0.2.0/26", "nexthop": "10.213.0.11", "priority": 1}, None),
    "IPv6": ({"prefix": "2001:db8:2::/48", "nexthop": "fd00:213::b", "priority": 1}, None),
    "moved to an own end": ({"static_route_id": "0" * 32, "nexthop": "10.213.0.12"}, (OWN_END, "paris-2", "Use 10.213.0.13")),
    "moved to another address of it": ({"static_route_id": "0" * 32, "nexthop": "10.214.9.3"}, ("is neither end of the IPsec tunnel wide-1", "Use 10.214.9.2")),
    "another prefix": ({"static_route_id": "1" * 32, "prefix": "2001:db8:3::/48"}, ("is IPv6",)),
}


def test_a_route_that_carries_nothing_gives_a_warning(emulator, play, seeded):
    seeded([(100, None), (200, None)])
    state = emulator.state()
    state["ipsec_tunnels"].append({**state["ipsec_tunnels"][0], "id": "c" * 32, "name": "wide-1", "interface_address": "10.214.9.1/30"})
    emulator.set_state(state)
    tasks = [
        task("route", options, label.replace(" ", "_").replace("'", "") + end, check_mode=end == "_check")
        for label, (options, dummy) in DEAD_ENDS.items()
        for end in ("_check", "", "_again")
    ]
    tasks.append(task("route", {**DEAD_ENDS["own end of IPsec"][0], "weight": 7}, "weighed"))
    played = play(tasks, env=emulator.environment(), warns=[words[0] for dummy, words in DEAD_ENDS.values() if words])
    assert played.rc == 0, played.screen
    for label, (dummy, words) in DEAD_ENDS.items():
        name = label.replace(" ", "_").replace("'", "")
        for end in ("_check", ""):
            warnings = played["here"][name + end].get("warnings", [])
            assert len(warnings) == (0 if words is None else 1)
            for word in words or ():
                assert word in warnings[0]
        assert played["here"][f"{name}_again"]["changed"] is False
        assert "warnings" not in played["here"][f"{name}_again"]
    # Only where it is new: what is known is not said with each change.
    assert "warnings" not in played["here"]["weighed"] and played["here"]["weighed"]["changed"] is True


def test_a_look_that_fails_is_told_and_stops_nothing(emulator, play, seeded):
    seeded([])
    emulator.fault(kind="status", status=403, when="before", method="GET", path="ipsec_tunnels$")
    played = play(tasks_of({"priority": 100}), env=emulator.environment(), warns=["It is not known whether nexthop"])
    assert played.rc == 0, played.screen
    (warning,) = played["here"]["task_0"]["warnings"]
    assert "It is not known whether nexthop 10.213.0.11" in warning and "HTTP 403" in warning
    assert routes_of(emulator) == [(100, (), 0)]
