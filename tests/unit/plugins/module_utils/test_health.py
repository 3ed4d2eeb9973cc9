# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.cloudflare.magic.plugins.module_utils import _health, _watch
from ansible_collections.cloudflare.magic.plugins.module_utils._errors import NOT_SENT, REFUSED, MagicError, is_read
from ansible_collections.cloudflare.magic.plugins.module_utils._graphql import read_graphql
from ansible_collections.cloudflare.magic.plugins.module_utils._health import MOST_ROWS, Count, Place, Tally, few, in_words, pause, query, rows_of, state_of
from ansible_collections.cloudflare.magic.plugins.module_utils._module import failed
from ansible_collections.cloudflare.magic.tests.emulator.client import running
from ansible_collections.cloudflare.magic.tests.unit.plugins.helpers import ACCOUNT, TOKEN, emulated, envelope, everything, sent

NODE = "magicTransitTunnelHealthChecksAdaptiveGroups"
NOON = datetime(2026, 11, 30, 12, tzinfo=timezone.utc)
OPTIONS = {"names": None, "window": "5m", "since": None, "min_healthy_share": 0.9, "wait_for": None, "wait_timeout": "1s", "poll_interval": "1s"}


def row(tunnel: Any, center: Any, state: Any = 1) -> dict:
    return {"avg": {"tunnelState": state}, "dimensions": {"tunnelName": tunnel, "edgeColoName": center}}


def data(*rows):
    return {"viewer": {"accounts": [{NODE: list(rows)}]}}


def refused(function, *args, **kwargs):
    with pytest.raises(MagicError) as caught:
        function(*args, **kwargs)
    assert TOKEN not in everything(caught.value)
    return caught.value


def told(tally, share=0.9):
    return {one["name"]: one for one in tally.result(NOON, share)}


# --- states and shares


@pytest.mark.parametrize(
    ("mean", "state"), [(0, "down"), (0.25, "down"), (0.26, "degraded"), (0.5, "degraded"), (0.75, "degraded"), (0.76, "healthy"), (1, "healthy")]
)
def test_state_of_a_data_center(mean, state):
    assert state_of(mean) == state


@pytest.mark.parametrize(
    ("reported", "healthy", "down", "share", "state"),
    [
        (0, 0, 0, 0.1, "unknown"),
        (10, 9, 1, 0.9, "healthy"),
        (10, 8, 2, 0.9, "degraded"),
        (10, 9, 1, 1, "degraded"),
        (10, 4, 6, 0.9, "down"),
        (10, 5, 5, 0.9, "degraded"),
        (10, 0, 10, 0.01, "down"),
        (1, 0, 0, 0.9, "degraded"),
    ],
)
def test_state_of_a_tunnel(reported, healthy, down, share, state):
    assert Count(reported, healthy, down).state(share) == state


@given(st.dictionaries(st.text(max_size=3), st.floats(0, 1), max_size=30), st.floats(0.01, 1))
@settings(max_examples=200, deadline=None)
def test_a_tunnel_is_what_its_data_centers_say(centers, share):
    tally = Tally(["a", "b"])
    assert tally.add([row("a", center, state) for center, state in sorted(centers.items())]) is None
    found = told(tally, share)
    assert found["b"] == {**found["b"], "state": "unknown", "healthy_share": None, "data_centers": 0, "worst": []}
    healthy = [center for center, state in centers.items() if state_of(state) == "healthy"]
    assert found["a"]["data_centers"] == len(centers)
    if centers:
        assert found["a"]["healthy_share"] == round(len(healthy) / len(centers), 4)
        assert (found["a"]["state"] == "healthy") == (len(healthy) / len(centers) >= share)
    expected = sorted((state, center) for center, state in centers.items() if center not in healthy)[:5]
    assert [one["tunnel_state"] for one in found["a"]["worst"]] == [round(state, 4) for state, dummy in expected]


# --- hostile answers


@pytest.mark.parametrize(
    "wrong",
    [
        None, 1, "a", [], {}, row(None, "a"), row("a", None), row(1, "a"), row("a", ["b"]), row("a", "b", None), row("a", "b", True), row("a", "b", "1"),
        row("a", "b", 1.01), row("a", "b", -0.1), row("a", "b", float("nan")), row("a", "b", float("inf")), row("a", "b", 10**400),
        {**row("a", "b"), "avg": None}, {**row("a", "b"), "dimensions": []},
    ],
)  # fmt: skip
def test_a_row_that_cannot_be_one_is_not_left_out(wrong):
    for rows in ([wrong], [row("0", "a"), wrong]):
        assert "cannot be used" in str(refused(Tally(["a"]).add, rows))


@pytest.mark.parametrize(
    "rows",
    [
        [row("a", "x"), row("a", "x")],
        [row("a", "x"), row("a", "y"), row("a", "x", 0)],
        [row("a", "x"), row("b", "x"), row("a", "y")],
        [row("no tunnel", "x"), row("no tunnel", "x")],
    ],
)
def test_rows_that_come_twice_or_in_another_order(rows):
    assert "occur twice" in str(refused(Tally(["a", "b"]).add, rows))
    tally = Tally(["a", "b"])

    def one_by_one():
        for item in rows:
            tally.add([item])

    assert "occur twice" in str(refused(one_by_one))


def test_whatever_alphabet_the_server_sorts_by():
    tally = Tally(["a", "B"])
    tally.add([row("a", "y"), row("a", "X"), row("B", "y"), row("b", "y")])
    assert [one["data_centers"] for one in tally.result(NOON, 1)] == [1, 2]


def test_names_that_are_no_tunnels_are_ignored_and_characters_escaped():
    tally = Tally(["a"])
    tally.add([row("\x1b[2J", "x", 0), row("a", "\x1b[31mred\n", 0), row("a", "\ud800", 0), row("gone", "x", 0)])
    assert told(tally) == {"a": {**told(tally)["a"], "state": "down", "data_centers": 2}}
    assert [one["data_center"] for one in told(tally)["a"]["worst"]] == [r"\x1b[31mred\n", r"\ud800"]


@pytest.mark.parametrize(
    "answer",
    [
        {"other": 1},
        {"viewer": None},
        {"viewer": {"accounts": None}},
        {"viewer": {"accounts": [None]}},
        {"viewer": {"accounts": [{}, {}]}},
        {"viewer": {"accounts": [{}]}},
    ]
    + [{"viewer": {"accounts": [{NODE: None}]}}, {"viewer": {"accounts": [{NODE: {}}]}}, {"viewer": {"accounts": [{NODE: ""}]}}],
)
def test_an_answer_without_rows_is_no_empty_list(answer):
    assert "documented format" in str(refused(rows_of, answer))


def test_no_account():
    assert "Check account_id" in str(refused(rows_of, {"viewer": {"accounts": []}}))


def test_an_answer_that_never_ends(monkeypatch):
    monkeypatch.setattr(_health, "MOST_ROWS", 1)
    tally = Tally([])

    def endless():
        for number in range(1000):
            assert tally.add([row(str(number), "x")]) == Place(str(number), "x")

    assert "has more than 300 pages" in str(refused(endless))


# --- queries


def test_a_query_has_what_is_documented():
    text, variables = query(ACCOUNT, NOON, NOON + timedelta(minutes=5), None, None)
    assert variables == {"accountTag": ACCOUNT, "datetimeStart": "2026-11-30T12:00:00Z", "datetimeEnd": "2026-11-30T12:05:00Z"}
    assert f"{NODE}(limit: 10000, filter: {{datetime_geq: $datetimeStart, datetime_lt: $datetimeEnd}}, orderBy:" in text
    text, variables = query(ACCOUNT, NOON, NOON, ['a"'], Place('b"', "c"))
    assert 'a"' not in text and 'b"' not in text
    assert variables["tunnels"] == ['a"'] and (variables["tunnel"], variables["dataCenter"]) == ('b"', "c")


def test_few_names_are_asked_for_by_name():
    there = [str(number) for number in range(1000)]
    assert few(there[:2], there) == ["0", "1"]
    assert few(there, there) is None and few(there[:101], there) is None and few(["0"], ["0"]) is None


def test_a_wait_leaves_half_of_the_rate_limit():
    assert [pause(10, 0), pause(10, 1), pause(1, 61), pause(1, 1), pause(1, 2)] == [1, 10, 122, 1, 4]


# --- what an answer of GraphQL means


@pytest.mark.parametrize("body", [{"data": {"a": 1}}, {"data": {"a": 1}, "errors": None}, {"data": {"a": 1}, "errors": []}])
def test_data(body):
    assert read_graphql("POST", "/graphql", 200, {}, json.dumps(body).encode()) == {"a": 1}


def graphql_error(message, **extensions):
    return {"message": message, "path": ["viewer"], "extensions": {"timestamp": "2026-11-30T12:00:00Z", **extensions}}


@pytest.mark.parametrize("status", [200, 403])
@pytest.mark.parametrize(
    "entry", [graphql_error("not authorized for that account", code="authz"), graphql_error("authorization denied"), graphql_error("x", code="authz")]
)
def test_a_missing_permission(status, entry):
    error = refused(read_graphql, "POST", "/graphql", status, {"cf-ray": "8f-CDG"}, json.dumps({"data": None, "errors": [entry]}).encode())
    assert "permission 'Account Analytics Read'" in str(error) and "Magic" not in str(error) and "8f-CDG" in str(error)
    assert (error.transient, error.reached) == (False, REFUSED)


def test_a_missing_permission_as_the_rest_of_the_api_says_it():
    for status, body in ((403, envelope(success=False, errors=[{"code": 10000, "message": "Authentication error"}])), (401, b"")):
        assert "'Account Analytics Read'" in str(refused(read_graphql, "POST", "/graphql", status, {}, body))


@pytest.mark.parametrize(
    ("status", "message", "headers", "transient", "seconds"),
    [
        (200, "unable to execute query, please try again later", {}, True, None),
        (503, "too many queries in progress, please try again later", {"Retry-After": "7"}, True, 7),
        (200, "Internal server error", {}, True, None),
        (500, "anything", {}, True, None),
        (429, "rate limiter budget depleted, try again after 5 minutes", {"Retry-After": "9"}, True, 9),
        (200, "rate limiter budget depleted, try again after 5 minutes", {}, True, 300),
        (429, "query consumed excessive resources", {}, True, None),
        (200, 'unknown field "a"', {}, False, None),
        (400, "cannot request data older than 7776000s", {}, False, None),
    ],
)
def test_errors(status, message, headers, transient, seconds):
    body = json.dumps({"data": None, "errors": [graphql_error(message)]}).encode()
    error = refused(read_graphql, "POST", "/graphql", status, headers, body)
    assert message in str(error) and (error.transient, error.retry_after) == (transient, seconds)
    assert ("300 queries in five minutes" in str(error)) == ("rate" in message or status == 429)
    assert error.reached in (NOT_SENT, REFUSED) and error.failure is not None and is_read(error.failure) and failed(error)["changed"] is False


def test_data_that_comes_with_errors_is_not_taken():
    body = json.dumps({"data": data(row("a", "b")), "errors": [graphql_error("some shards are missing")]}).encode()
    assert "some shards" in str(refused(read_graphql, "POST", "/graphql", 200, {}, body))


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"null", b"<html>", b"{}", b'{"data": null}', b'{"data": []}', b'{"data": {}, "errors": "x"}', b'{"data": {}, "errors": [1, null, []]}',
     b'{"errors": {"a": 1}}', envelope({}), b'{"errors": ' + b"[" * 100000 + b"]" * 100000 + b"}", b'{"errors": [{"message": "\\u001b[2J"}]}'],
)  # fmt: skip
def test_what_is_no_answer(body):
    error = refused(read_graphql, "POST", "/graphql", 200, {}, body)
    assert str(error).isprintable() and failed(error)["changed"] is False


def test_errors_quote_no_credential():
    body = json.dumps({"errors": [graphql_error(f"bad token {TOKEN}", code=TOKEN)]}).encode()
    refused(read_graphql, "POST", "/graphql", 200, {"cf-ray": TOKEN}, body, [TOKEN])


# --- with the emulator


@pytest.fixture(name="client")
def _client(emulator):
    with emulated(emulator) as made:
        yield made


def look(client, names=("paris-1",), **options):
    return {one["name"]: one for one in _watch.work(client, {**OPTIONS, "names": list(names) or None, **options})["tunnels"]}


def graphql_queries(emulator):
    return [json.loads(request["body"]) for request in emulator.requests() if request["path"].endswith("/graphql")]


def test_all_that_has_a_health_check_by_one_query(emulator, client):
    emulator.change_health("paris-1", 0, age_seconds=400)
    emulator.change_health("paris-2", 0.5, ["ams01"], age_seconds=400)
    emulator.change_health("berlin-1", None, age_seconds=400)
    emulator.change_health("gone-1", 0, age_seconds=400)
    found = {name: one["state"] for name, one in look(client, names=()).items()}
    others = dict.fromkeys(["oslo-1", "lisbon-1", "vienna-gre-1", "vienna-gre-2", "frankfurt-1"], "healthy")
    assert found == {"paris-1": "down", "paris-2": "degraded", "berlin-1": "unknown", **others}
    assert len(graphql_queries(emulator)) == 1


def test_few_tunnels_by_name(emulator, client):
    assert set(look(client, ["paris-*", "oslo-1"])) == {"paris-1", "paris-2", "oslo-1"}
    (asked,) = graphql_queries(emulator)
    assert asked["variables"]["tunnels"] == ["oslo-1", "paris-1", "paris-2"]


def test_data_from_before_does_not_count(emulator, client):
    emulator.change_health("paris-1", 0, age_seconds=100)
    shortly_after = (datetime.now(timezone.utc) - timedelta(seconds=95)).isoformat()
    for window, since, state in (("5m", None, "degraded"), ("5m", "2020-01-01T00:00:00Z", "degraded"), ("5m", shortly_after, "down"), ("90s", None, "down")):
        assert look(client, window=window, since=since)["paris-1"]["worst"][0]["state"] == state
    soon, future = ((datetime.now(timezone.utc) + timedelta(seconds=seconds)).isoformat() for seconds in (30, 3600))
    assert look(client, since=soon)["paris-1"]["state"] == "unknown"
    # No wait for what cannot come.
    assert "is in the future" in str(refused(look, client, since=future, wait_for="healthy", wait_timeout="1h"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"window": "0"}, "window"),
        ({"window": "8d"}, "window"),
        ({"window": "soon"}, "window"),
        ({"names": []}, "names is empty"),
        ({"since": "soon"}, "since"),
        ({"since": ""}, "since"),
        ({"since": "9999-12-31T23:59:59-12:00"}, "since"),
        ({"min_healthy_share": 0}, "min_healthy_share"),
        ({"min_healthy_share": 90}, "min_healthy_share"),
        ({"min_healthy_share": float("nan")}, "min_healthy_share"),
        ({"wait_timeout": "x"}, "wait_timeout"),
        ({"poll_interval": "0s"}, "poll_interval"),
    ],
)
def test_options_that_make_no_sense(options, words):
    assert str(refused(_watch.check, {**OPTIONS, **options})).startswith(words)


def test_a_name_that_there_is_not(emulator, client):
    error = refused(look, client, ["paris-*", "rome-1"])
    assert "no tunnel matches 'rome-1'" in str(error) and "vienna-gre-1" in str(error) and graphql_queries(emulator) == []


def test_who_may_not(emulator):
    with emulated(emulator, api_token=emulator.blind_token) as blind:
        assert "'Account Analytics Read'" in str(refused(look, blind))
        assert "'Account Analytics Read'" in str(refused(_watch.look, blind, ["a"], ["a"], NOON - timedelta(hours=1), NOON))


@pytest.mark.parametrize("kind", [{"kind": "status", "status": 503}, {"kind": "disconnect", "when": "after"}, {"kind": "cut_body"}, {"kind": "html"}])
def test_a_query_is_repeated(emulator, client, kind):
    emulator.fault(path="/graphql", **kind)
    assert look(client)["paris-1"]["state"] == "healthy"
    assert len(graphql_queries(emulator)) == 2


def test_a_pause_that_is_asked_for_is_made(emulator, client):
    emulator.graphql_rate_limit(1, 2)
    lines: list[str] = []
    client.tell = lines.append
    assert [look(client)["paris-1"]["state"] for dummy in range(2)] == ["healthy"] * 2
    assert [request["status"] for request in emulator.requests() if request["path"].endswith("/graphql")] == [200, 429, 200]


def test_an_answer_that_is_lost_for_good(emulator, client):
    emulator.fault(kind="disconnect", when="after", path="/graphql", times=5)
    error = refused(look, client)
    assert failed(error)["changed"] is False and sent(emulator).count("POST /client/v4/graphql") == 5


def test_tunnels_of_one_name_are_told_as_such(emulator, client):
    state = emulator.state()
    state["settings"]["one_name_space"] = False
    state["gre_tunnels"][0]["name"] = "paris-1"
    emulator.set_state(state)
    result = _watch.work(client, {**OPTIONS, "names": ["paris-*"]})
    assert [one["same_name"] for one in result["tunnels"]] == [2, 1]
    (warning,) = result["warnings"]
    assert "paris-1" in warning and "paris-2" not in warning


# --- waiting


@pytest.mark.parametrize("seconds", [2, 3600])
def test_no_data_from_before_a_wait_counts_if_clocks_differ(emulator, client, monkeypatch, seconds):
    """By a Date without fractions, and a clock that is taken for right although it is late."""
    dates: list[datetime] = []

    def other_clock(dummy_date):
        dates.append((datetime.now(timezone.utc) + timedelta(seconds=seconds)).replace(microsecond=0))
        type(client)._set_clock(client, format_datetime(dates[-1], usegmt=True))

    monkeypatch.setattr(client, "_set_clock", other_clock)
    begun: list[datetime] = []

    def begins(dummy_client, names, dummy_there, start, dummy_until):
        begun.append(start)
        return Tally(names)

    monkeypatch.setattr(_watch, "look", begins)
    _watch.work(client, {**OPTIONS, "names": ["paris-1"], "wait_for": "healthy", "wait_timeout": "0"})
    # The first look is at what was there before.
    assert begun[1] >= dates[-1] + timedelta(seconds=1) > begun[0]


def test_a_wait_tells_each_change_and_ends(emulator, client, monkeypatch):
    lines: list[str] = []
    client.tell = lines.append
    emulator.change_health("paris-1", None, age_seconds=3600)
    # Whatever the pause: what happens meanwhile happens then, and the time that passes is not slept.
    steps = iter([0, 0, 1])

    def passes(dummy_seconds):
        emulator.change_health("paris-1", next(steps), age_seconds=3600)

    monkeypatch.setattr(time, "sleep", passes)
    result = _watch.work(client, {**OPTIONS, "names": ["paris-1"], "wait_for": "healthy", "since": "2020-01-01T00:00:00Z", "wait_timeout": "1h"})
    assert result["tunnels"][0]["state"] == "healthy"
    assert lines == ["0 of 1 healthy; not yet: paris-1 (unknown)", "0 of 1 healthy; not yet: paris-1 (down)", "paris-1 is healthy"]


def test_the_first_data_centers_do_not_speak_for_the_others(emulator, client):
    centers = ["ams01", "arn02", "cdg01", "fra03", "lhr05"]
    since = datetime.now(timezone.utc) - timedelta(seconds=60)
    for name, late, state in (("paris-1", centers[2:], "unknown"), ("paris-2", centers[3:], "healthy")):
        emulator.change_health(name, None, late, age_seconds=61)
        result = _watch.work(client, {**OPTIONS, "names": [name], "wait_for": "healthy", "since": since.isoformat(), "wait_timeout": "0"})
        assert (result["tunnels"][0]["state"], result["tunnels"][0]["data_centers"]) == (state, 5 - len(late))
        assert (f"{name} with data from 2 data centers, which are fewer than half of those before" in result.get("msg", "")) == (state == "unknown")
    # Without a wait, they are all that there is.
    assert look(client, ["paris-1"], since=since.isoformat())["paris-1"]["state"] == "healthy"


def test_a_wait_gives_up_with_the_last_state(emulator, client):
    emulator.change_health("paris-1", 0, age_seconds=3600)
    emulator.change_health("paris-2", None, age_seconds=3600)
    since = (datetime.now(timezone.utc) - timedelta(hours=1)).isoformat()
    result = _watch.work(client, {**OPTIONS, "names": ["paris-*"], "wait_for": "healthy", "since": since})
    assert result["failed"] and [one["state"] for one in result["tunnels"]] == ["down", "unknown"]
    assert "paris-1 healthy in 0% of 5 data centers (worst: ams01 down" in result["msg"] and "paris-2 without data" in result["msg"]


def test_words():
    one, two = {"name": "a", "state": "healthy"}, {"name": "b", "state": "degraded"}
    assert in_words([one]) == "a is healthy" and in_words([one, one]) == "all 2 healthy" and in_words([]) == "all 0 healthy"
    assert in_words([one, two]) == "1 of 2 healthy; not yet: b (degraded)"


# --- very many

MEASURE = """
import json, re, sys
from datetime import datetime, timedelta, timezone
from ansible_collections.cloudflare.magic.plugins.module_utils._client import Client
from ansible_collections.cloudflare.magic.plugins.module_utils._settings import resolve
from ansible_collections.cloudflare.magic.plugins.module_utils._watch import look
client = Client(resolve({}, dict(zip(["CLOUDFLARE_BASE_URL", "CLOUDFLARE_ACCOUNT_ID", "CLOUDFLARE_API_TOKEN"], sys.argv[1:]))))
names = [f"t-{number}" for number in range(int(sys.argv[4]))]
until = datetime.now(timezone.utc).replace(microsecond=0)
found = look(client, names, names, until - timedelta(minutes=5), until).result(until, 0.9)
counts = {}
for one in found:
    key = f"{one['state']} {one['data_centers']}"
    counts[key] = counts.get(key, 0) + 1
# Of this program alone; getrusage tells of the one that has started it, too.
peak = int(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1])
print(json.dumps({"counts": counts, "sent": client.sent, "mib": peak / 1024}))
"""


# 600,000 rows take half a minute, so the nightly run has them.
SCALES = [(99, 300), *([(2000, 300)] if os.environ.get("HEALTH_AT_SCALE") else [])]


@pytest.mark.parametrize(("tunnels", "centers"), SCALES)
def test_all_rows_are_counted_by_as_few_queries_as_there_can_be(tunnels, centers):
    names = [f"t-{number}" for number in range(tunnels)]
    with running(check_schema=False, rate_limit="1000000/300") as many:
        changes: list[dict[str, Any]] = [{"tunnel": name, "state": 0 if number % 10 == 0 else 1, "age_seconds": 3600} for number, name in enumerate(names)]
        # In the middle of a page, at its end, and at the end of all.
        changes += [{"tunnel": names[7], "state": None, "data_centers": [f"dc{number}" for number in range(299)], "age_seconds": 3600}]
        many.set_health(data_centers=[f"dc{number}" for number in range(centers)], changes=changes)
        program = subprocess.run(
            [sys.executable, "-c", MEASURE, *many.environment().values(), str(tunnels)], capture_output=True, text=True, check=True, timeout=600
        )
    found = json.loads(program.stdout)
    down = len(range(0, tunnels, 10))
    assert found["counts"] == {f"down {centers}": down, f"healthy {centers}": tunnels - down - 1, "healthy 1": 1}
    rows = tunnels * centers - 299
    assert found["sent"] == rows // MOST_ROWS + 1
    assert found["mib"] < 250, found
