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


@pytest.mark.parametrize("label", PLAYS)
def test_a_second_run_changes_nothing(emulator, play, seeded, label):
    there, options, expected = PLAYS[label]
    seeded(there)
    dry = options[:1] if label == "one route by two tasks" else options
    checked = play(tasks_of(*dry), env=emulator.environment(), args=["--check", "--diff"])
    assert checked.rc == 0, checked.screen
    assert routes_of(emulator) == sorted((priority, tuple((scope or {}).get("colo_names", [])), 0) for priority, scope in there)
    first = play(tasks_of(*options), env=emulator.environment(), args=["--diff"])
    assert first.rc == 0, first.screen
    assert routes_of(emulator) == expected
    if label not in ("one route by two tasks", "one is deleted, the other stays", "the one that is there is meant by the second task"):
        # There, a dry run cannot know what the task before would have made.
        assert [one["changed"] for one in checked["here"].values()] == [one["changed"] for one in first["here"].values()]
        assert [one["diff"] for one in checked["here"].values()] == [one["diff"] for one in first["here"].values()]
    emulator.clear_requests()
    second = play(tasks_of(*options), env=emulator.environment())
    assert second.rc == 0, second.screen
    assert [one["changed"] for one in second["here"].values()] == [False] * len(options)
    assert writes(emulator.requests()) == [] and routes_of(emulator) == expected


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


@pytest.mark.parametrize("options", [{}, {"state": "absent"}, {"description": "which?"}, {"scope": AMS}], ids=str)
def test_of_several_none_is_chosen(emulator, play, seeded, options):
    seeded([(100, None), (200, FRA)])
    before = emulator.state()
    played = play(tasks_of(options, ignore_errors=True), env=emulator.environment())
    result = played["here"]["task_0"]
    assert (result["failed"], result["changed"]) == (True, False)
    for word in ("0" * 32 + " (priority 100)", "1" * 32 + " (priority 200, scope colo_names fra01)", "Give static_route_id"):
        assert word in result["msg"]
    assert emulator.state() == before and writes(emulator.requests()) == []
    chosen = play(tasks_of({**options, "static_route_id": "1" * 32}), env=emulator.environment())
    assert chosen.rc == 0, chosen.screen
    known = {route["id"]: route for route in emulator.state()["routes"]}
    others = {route["id"]: route for route in before["routes"] if route["id"] != "1" * 32}
    changed = known.pop("1" * 32, None)
    assert known == others and (changed is None) is (options.get("state") == "absent")


def test_nothing_is_left_of_a_run(emulator, play, seeded):
    seeded([])
    played = play(tasks_of({"priority": 100}), env=emulator.environment())
    assert played.rc == 0, played.screen
    assert [path.name for path in played.folder.rglob("*claims*")] == []
