# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""GraphQL Analytics at the emulator: the health of tunnels, and the errors of everything else."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta, timezone

import pytest

NODE = "magicTransitTunnelHealthChecksAdaptiveGroups"
SELECTION = "avg { tunnelState } dimensions { tunnelName edgeColoName }"
TIMES = "datetime_geq: $start, datetime_lt: $end"
HEAD = "query Q($account: string, $start: string, $end: Time!, $names: [string!]!)"
CENTERS = ["ams01", "arn02", "cdg01", "fra03", "lhr05"]
NAMES = ["berlin-1", "frankfurt-1", "lisbon-1", "oslo-1", "paris-1", "paris-2", "vienna-gre-1", "vienna-gre-2"]


def moment(seconds):
    return (datetime.now(timezone.utc) + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


def query(filters="", arguments="limit: 100", selection=SELECTION, head=HEAD):
    return f"{head} {{ viewer {{ accounts(filter: {{accountTag: $account}}) {{ {NODE}({arguments}, filter: {{{TIMES}{filters}}}) {{ {selection} }} }} }} }}"


def ask(emulator, text=None, start=-600, end=0, token=None, account=None, **variables):
    given = {"account": account or emulator.account_id, "start": moment(start), "end": moment(end), "names": ["paris-1"], **variables}
    return emulator.call("POST", "/graphql", {"query": text or query(), "variables": given}, token=token)


def rows(answer):
    body = answer.json()
    assert answer.status_code == 200 and body["errors"] is None, body
    (account,) = body["data"]["viewer"]["accounts"]
    return [(row["dimensions"]["tunnelName"], row["dimensions"]["edgeColoName"], row["avg"]["tunnelState"]) for row in account[NODE]]


def error(answer, status=200):
    assert answer.status_code == status
    body = answer.json()
    assert body["data"] is None and len(body["errors"]) == 1
    return body["errors"][0]


def test_all_is_healthy_until_somebody_says_otherwise(emulator):
    assert rows(ask(emulator)) == [(name, center, 1) for name in NAMES for center in CENTERS]
    assert rows(ask(emulator, start=-20, end=-30)) == []


def test_a_mean_is_over_the_time_that_has_data(emulator):
    emulator.change_health("paris-1", 0, age_seconds=300)
    emulator.change_health("paris-1", 0.5, ["fra03", "new01"], age_seconds=150)
    emulator.change_health("paris-2", None, age_seconds=400)
    emulator.change_health("no-tunnel", 1, ["fra03"], age_seconds=60)
    found = {(name, center): state for name, center, state in rows(ask(emulator, end=-0.5, start=-600.5))}
    assert found["paris-1", "ams01"] == pytest.approx(0.5, abs=0.01)
    assert found["paris-1", "fra03"] == pytest.approx((300 + 0.5 * 150) / 600, abs=0.01)
    # From the moment on in which a data centre is there, as all data centres were before.
    assert ("paris-1", "new01") in found and found["paris-2", "ams01"] == 1
    assert found["no-tunnel", "fra03"] == 1 and ("no-tunnel", "ams01") not in found
    assert ("paris-2", "ams01") not in {row[:2] for row in rows(ask(emulator, start=-300))}
    assert {row[2] for row in rows(ask(emulator, query(', tunnelName: "paris-1", edgeColoName_neq: "fra03"'), start=-100))} == {0, 0.5}


def test_data_may_come_later(emulator):
    emulator.set_health(data_centers=["ams01"], default=1, delay_seconds=120)
    assert rows(ask(emulator, start=-100)) == []
    assert len(rows(ask(emulator, start=-130))) == len(NAMES)


def test_health_is_part_of_the_data(emulator):
    emulator.change_health("paris-1", 0.5, ["ams01"], age_seconds=30)
    state = emulator.state()
    assert state["health"] == emulator.health() and len(state["health"]["changes"]) == 1
    emulator.set_state(state)
    assert emulator.health() == state["health"]
    emulator.reset()
    assert emulator.health()["changes"] == []


@pytest.mark.parametrize(
    ("filters", "wanted"),
    [
        (', tunnelName: "paris-1"', lambda name, center: name == "paris-1"),
        (", tunnelName_in: $names", lambda name, center: name == "paris-1"),
        (', tunnelName_gt: "paris-1"', lambda name, center: name > "paris-1"),
        (', tunnelName_like: "paris-%", edgeColoName_lt: "b"', lambda name, center: name.startswith("paris-") and center < "b"),
        (', OR: [{tunnelName_gt: "oslo-1"}, {tunnelName: "oslo-1", edgeColoName_gt: "cdg01"}]', lambda *row: row > ("oslo-1", "cdg01")),
        (', AND: [{tunnelName_geq: "oslo-1"}, {edgeColoName_leq: "cdg01"}]', lambda name, center: name >= "oslo-1" and center <= "cdg01"),
    ],
)
def test_filters(emulator, filters, wanted):
    expected = [(name, center) for name in NAMES for center in CENTERS if wanted(name, center)]
    assert [row[:2] for row in rows(ask(emulator, query(filters)))] == expected != []


def test_order_and_limit(emulator):
    everything = list(itertools.product(NAMES, CENTERS))
    for words, key, reverse in (
        ("[tunnelName_DESC, edgeColoName_DESC]", lambda row: row, True),
        ("[edgeColoName_ASC]", lambda row: (row[1], row[0]), False),
        ("tunnelName_ASC", lambda row: row, False),
    ):
        found = rows(ask(emulator, query(arguments=f"limit: 7, orderBy: {words}")))
        assert [row[:2] for row in found] == sorted(everything, key=key, reverse=reverse)[:7]


def test_who_may_ask(emulator):
    seed = emulator.state()
    seed["tokens"] += [{"token": "only-analytics", "permission": "none", "accounts": [emulator.account_id]}, {"token": "nowhere", "accounts": []}]
    emulator.set_state(seed)
    assert rows(ask(emulator, token="only-analytics")) == rows(ask(emulator, token=emulator.read_token)) != []
    assert emulator.call("GET", "routes", token="only-analytics").status_code == 403
    assert emulator.call("GET", "routes", token=emulator.blind_token).status_code == 200
    for options in ({"token": emulator.blind_token}, {"token": "nowhere"}, {"account": "f" * 32}):
        refused = error(ask(emulator, **options))
        assert refused["message"] == "not authorized for that account" and refused["extensions"]["code"] == "authz"
    assert "does not have access to the path" in error(ask(emulator, account=emulator.other_account_id))["message"]
    assert ask(emulator, token="unknown").json()["success"] is False


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "query contains error"),
        ("{", "query contains error"),
        ("{ viewer }", "object field must have selections"),
        ("{ viewer { zones { a } } }", 'unknown field "zones"'),
        ("mutation { viewer { a } }", "query contains error"),
        (query(selection="... on A { avg }"), "query contains error"),
        (query(selection="count"), 'unknown field "count"'),
        (query(selection="avg { tunnelState }"), "nothing else"),
        (query(selection="avg { tunnelState { a } } dimensions { tunnelName edgeColoName }"), "scalar fields must have no selections"),
        (query(arguments="limit: 0"), "limit must be positive number and not greater than 10000"),
        (query(arguments="limit: 10001"), "limit must be positive number and not greater than 10000"),
        (query(arguments="limit: 1, orderBy: [avg_tunnelState_ASC]"), "unknown order"),
        (query(arguments='limit: 1, orderBy: ["tunnelName_ASC"]'), "unknown order"),
        (query(arguments="limit: 1, offset: 2"), "unknown arg offset"),
        (query(', tunnelName_in: "a"'), "wrong type"),
        (query(', siteName: "a"'), "unknown filter siteName"),
        (query(", tunnelName: $undeclared"), "query contains error"),
        (query(head="query Q($account: string, $start: string, $end: string, $never: string!)"), "query contains error"),
        ("{ viewer { accounts { a } } }", "accountTag is required"),
        ("{" * 5000, "query contains error"),
        ("{a(b:" + "[" * 5000, "query contains error"),
    ],
)
def test_everything_else_is_an_error(emulator, text, words):
    for statuses, status in ((False, 200), (True, 400)):
        seed = emulator.state()
        seed["settings"]["graphql_statuses"] = statuses
        emulator.set_state(seed)
        assert words in error(emulator.call("POST", "/graphql", {"query": text, "variables": variables(emulator)}), status)["message"]


def variables(emulator):
    return {"account": emulator.account_id, "start": moment(-60), "end": moment(0), "names": ["paris-1"]}


def test_what_is_no_query(emulator):
    bodies: list[object] = [[], {}, {"query": 1}, {"query": "{a}", "variables": []}]
    for body in bodies:
        assert "error parsing args" in error(emulator.call("POST", "/graphql", body))["message"]
    assert emulator.call("POST", "/graphql").status_code == 400
    assert emulator.call("GET", "/graphql").status_code == 405


def test_how_much_time(emulator):
    assert "cannot request data older than" in error(ask(emulator, start=-100 * 86400, end=-99 * 86400))["message"]
    assert "query time range is too large" in error(ask(emulator, start=-8 * 86400))["message"]
    assert "timestamp" in error(emulator.call("POST", "/graphql", {"query": query(), "variables": {**variables(emulator), "start": "now"}}))["message"]


def test_its_own_rate_limit(emulator):
    emulator.graphql_rate_limit(2, 100)
    assert [ask(emulator).status_code for dummy in range(2)] == [200, 200]
    refused = ask(emulator)
    assert "budget depleted" in error(refused, 429)["message"] and 90 < int(refused.headers["Retry-After"]) <= 100
    assert emulator.call("GET", "routes").status_code == 200
    assert ask(emulator, token=emulator.read_token).status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        {"tunnel": "a"},
        {"state": 1},
        {"tunnel": "a", "state": 2},
        {"tunnel": "a", "state": True},
        {"tunnel": "a", "state": 1, "data_centers": "ams01"},
        {"tunnel": "a", "state": 1, "age_seconds": "1"},
        {"tunnel": "a", "state": 1, "from": "now"},
        {"tunnel": "a", "state": 1, "from": "2026-01-01T00:00:00Z", "age_seconds": 1},
        {"tunnel": "a", "state": 1, "account_id": 1},
        {"tunnel": "a", "state": 1, "other": 1},
    ],
)
def test_changes_that_make_no_sense(emulator, change):
    with pytest.raises(ValueError, match="health|state|data_centers|age_seconds|timestamp|account_id"):
        emulator.control("POST", "health", change)
    assert emulator.health()["changes"] == []


@pytest.mark.parametrize("seed", [[], {"data_centers": [1]}, {"default": "1"}, {"delay_seconds": -1}, {"changes": {}}, {"other": 1}])
def test_health_that_makes_no_sense(emulator, seed):
    before = emulator.health()
    with pytest.raises(ValueError, match="health|state"):
        emulator.control("PUT", "health", seed)
    assert emulator.health() == before
