# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What goes wrong on the way: one object of many is refused, answers are lost or say something else than they should, the credential or Cloudflare is out."""

from __future__ import annotations

import copy
import json
import re
import typing as t

import pytest
import requests

from ansible_collections.cloudflare.magic.tests.unit.network.cloud import Cloud, Reply, seed
from ansible_collections.cloudflare.magic.tests.unit.network.scenes import (
    ROUTES,
    SCENES,
    SIX,
    assert_nothing_is_doubled,
    gre,
    outcome,
    route,
    there,
    tunnel,
    undisturbed,
)

OVERRIDE = SCENES["override"]
# The requests of which a real run consists, told apart by method and by whether they are about one object or several.
SORTS = {
    "POST of a tunnel": lambda request: request.method == "POST" and "routes" not in request.path,
    "POST of routes": lambda request: request.method == "POST" and request.path == "routes",
    "PUT of tunnels": lambda request: request.method == "PUT" and request.path == "ipsec_tunnels",
    "PUT of a tunnel": lambda request: request.method == "PUT" and request.path.startswith("gre_tunnels/"),
    "PUT of routes": lambda request: request.method == "PUT" and request.path == "routes",
    "DELETE of routes": lambda request: request.method == "DELETE" and request.path == "routes",
    "DELETE of a tunnel": lambda request: request.method == "DELETE" and "tunnels/" in request.path,
}


def error(status, code=1022, message="Invalid Request: a test", pointer=None, **headers):
    entry = {"code": code, "message": message, **({"source": {"pointer": pointer}} if pointer else {})}
    body = {"success": False, "errors": [entry], "messages": [], "result": None}
    return Reply(status, {"Content-Type": "application/json", **headers}, json.dumps(body).encode())


def html(status):
    return Reply(status, {"Content-Type": "text/html"}, b"<html>Bad Gateway</html>")


def raises(exception):
    raise exception


def half(reply):
    return reply._replace(body=reply.body[: len(reply.body) // 2])


# How an answer gets lost. Each gets what hands the request on.
LOST = {
    "a time-out after it was done": lambda forward: (forward(), raises(requests.exceptions.ReadTimeout("x"))),
    "a time-out before it was done": lambda forward: raises(requests.exceptions.ReadTimeout("x")),
    "a cut connection after it was done": lambda forward: (forward(), raises(requests.exceptions.ConnectionError("x"))),
    "a 502 after it was done": lambda forward: (forward(), html(502))[1],
    "a 502 before it was done": lambda forward: html(502),
    "a 500 of Cloudflare after it was done": lambda forward: (forward(), error(500, 1000))[1],
    "an empty answer": lambda forward: (forward(), Reply(200, {}, b""))[1],
    "half an answer": lambda forward: half(forward()),
    "a page": lambda forward: (forward(), html(200))[1],
}


class Trouble:
    """Comes between for requests of one sort.

    :ivar met: those that it met.
    """

    def __init__(self, sort, answer, times=1):
        self.sort, self.answer, self.left, self.met = sort, answer, times, []

    def __call__(self, request, forward):
        if self.left and request.is_write and not request.validates and self.sort(request):
            self.left -= 1
            self.met.append(request)
            return self.answer(forward)
        return forward()


def words(result):
    return {(entry["kind"], entry["name"]): entry["outcome"] for entry in result["outcomes"]}


# --- lost answers


@pytest.mark.parametrize("how", LOST)
@pytest.mark.parametrize("sort", SORTS)
def test_lost_answers(sort, how):
    """The account is read again, and what is left is done in the same run."""
    expected = undisturbed(OVERRIDE)
    cloud = OVERRIDE.cloud()
    cloud.between = trouble = Trouble(SORTS[sort], LOST[how])
    result = OVERRIDE.run(cloud)
    assert trouble.met, "nothing was lost"
    assert not result.get("failed"), result["msg"]
    assert outcome(cloud, OVERRIDE) == expected
    assert_nothing_is_doubled(cloud)
    # Each kind was read twice at most, and nothing was sent again before that.
    assert all(cloud.lists.count(path) == 2 for path in set(cloud.lists) if path != "cf_interconnects")
    first = cloud.sent.index(trouble.met[0])
    again = next((number for number, request in enumerate(cloud.sent) if number > first and request == trouble.met[0]), None)
    assert again is None or any(request.method == "GET" for request in cloud.sent[first:again])
    after = OVERRIDE.run(cloud)
    assert after["changes"] == []
    assert {kind: result["after"][kind] for kind in result["after"]} == after["before"]


def test_a_lost_creation_is_named_as_a_tunnel_without_a_key():
    scene = SCENES["create"]
    cloud = scene.cloud()
    cloud.between = Trouble(SORTS["POST of a tunnel"], LOST["a 502 after it was done"])
    result = scene.run(cloud)
    assert any("site-1, site-2" in warning and "no pre-shared key" in warning for warning in result["warnings"])


@pytest.mark.parametrize("how", LOST)
def test_all_answers_are_lost(how):
    """After three in a row it is an outage: the run stops, says what it does not know, and deletes nothing. Further runs come to the end."""
    expected = undisturbed(OVERRIDE)
    cloud = OVERRIDE.cloud()
    start = {kind: set(found) for kind, found in cloud.everything().items()}
    cloud.between = trouble = Trouble(lambda dummy: True, LOST[how], times=1000)
    result = OVERRIDE.run(cloud)
    assert result["failed"] and "The run had to stop" in result["msg"]
    assert 3 <= len(trouble.met) <= 5
    assert [request for request in trouble.met if request.method == "DELETE"] == []
    assert all(start[kind] <= set(found) for kind, found in cloud.everything().items())
    assert {"skipped"} <= set(words(result).values()) <= {"skipped", "unknown", "applied", "unchanged"}
    for dummy in range(20):
        result = OVERRIDE.run(cloud)
        assert_nothing_is_doubled(cloud)
        if not result.get("failed"):
            break
        if "before it was done" in how:
            trouble.left = 0
    assert outcome(cloud, OVERRIDE) == expected


def test_the_second_look_fails():
    cloud = OVERRIDE.cloud()
    lost: list[t.Any] = []

    def between(request, forward):
        if lost:
            raise requests.exceptions.ConnectionError("x")
        reply = forward()
        if request.is_write:
            lost.append(request)
            raise requests.exceptions.ReadTimeout("x")
        return reply

    cloud.between = between
    result = OVERRIDE.run(cloud)
    assert result["failed"] and result["changed"]
    assert "unknown" in words(result).values() and "applied" not in words(result).values()
    assert "The current state could not be read either" in result["msg"]


def test_what_appears_meanwhile_is_not_deleted():
    """Someone creates a tunnel while the run is under way, and an answer is lost: the second look does not take it for one to delete."""
    cloud = OVERRIDE.cloud()

    def answer(forward):
        forward()
        data = cloud.export()
        data["gre_tunnels"].append({"account_id": data["gre_tunnels"][0]["account_id"], "id": "feed", **gre(60)})
        cloud.replace(data)
        return html(502)

    cloud.between = Trouble(SORTS["POST of routes"], answer)
    result = OVERRIDE.run(cloud)
    assert "feed" in cloud.objects("gre_tunnels")
    assert [request for request in cloud.writes if request.path.endswith("feed")] == []
    assert not result.get("failed"), result["msg"]
    assert [warning for warning in result["warnings"] if "gre-60" in warning and "were not changed" in warning]
    assert "gre-8" not in {item["name"] for item in cloud.objects("gre_tunnels").values()}


# --- one of many is refused


def refuse(pattern, pointer=True):
    """Refuse each request with an object like this, as a whole."""

    def between(request, forward):
        if request.is_write and re.search(pattern, f"{request.path} {json.dumps(request.body)}"):
            return error(400, pointer=f"/{request.path.split('/')[0]}/0" if pointer else None)
        return forward()

    return between


MANY = there(*(tunnel(number) for number in range(1, 21)))
MANY_ROUTES = there(*(route(number) for number in range(1, 21)))


@pytest.mark.parametrize("culprit", [1, 7, 20])
def test_a_culprit_among_tunnels_that_change(culprit):
    cloud = Cloud(seed(ipsec_tunnels=MANY))
    cloud.between = refuse(f'"id": "{culprit:032x}"|/{culprit:032x}')
    config = {"ipsec_tunnels": [{"name": item["name"], "description": "new"} for item in MANY]}
    result = cloud.run(config)
    assert result["failed"] and f"ipsec_tunnels[{culprit - 1}]: " in result["msg"] and "[1022] Invalid Request: a test" in result["msg"]
    found = words(result)
    assert [name for (dummy, name), word in found.items() if word == "failed"] == [f"site-{culprit}"]
    assert list(found.values()).count("applied") == 19
    assert [item["name"] for item in cloud.objects("ipsec_tunnels").values() if item.get("description") != "new"] == [f"site-{culprit}"]
    assert len(cloud.writes) <= 12, "halves, and not one by one"
    cloud.between = lambda dummy, forward: forward()
    assert [change["name"] for change in cloud.run(config)["changes"]] == [f"site-{culprit}"]


@pytest.mark.parametrize("pointer", [True, False])
def test_a_culprit_among_new_routes(pointer):
    """With a pointer, halves find it; without, Cloudflare may not know the form, and they go one by one."""
    cloud = Cloud(seed(ipsec_tunnels=MANY))
    cloud.between = refuse(r"10\.7\.0\.0", pointer)
    result = cloud.run({"static_routes": [route(number) for number in range(1, 21)]})
    assert [name for (dummy, name), word in words(result).items() if word == "failed"] == ["10.7.0.0/16 via 10.213.0.15, priority 100"]
    assert len(cloud.objects("routes")) == 19
    assert len(cloud.writes) == 21 if not pointer else len(cloud.writes) <= 12


def test_a_form_that_is_not_known_is_asked_for_once():
    cloud = Cloud(seed(ipsec_tunnels=MANY))
    cloud.between = lambda request, forward: error(400) if request.method == "POST" and "routes" in request.body else forward()
    config = {"static_routes": [route(number) for number in range(1, 21)]}
    assert not cloud.run(config, batch_size=5).get("failed")
    assert len(cloud.writes) == 21 and len(cloud.objects("routes")) == 20


def test_a_culprit_among_routes_that_go():
    """What goes in the same request goes; what would have gone later stays."""
    cloud = Cloud(seed(ipsec_tunnels=MANY[:12], routes=MANY_ROUTES[:12]))
    cloud.between = refuse(f'"id": "{5:032x}"|routes/{5:032x}')
    result = cloud.run({"ipsec_tunnels": [tunnel(1), tunnel(2)], "static_routes": [route(1)]}, "overridden", max_deletions=50, batch_size=6)
    found = words(result)
    assert sorted(found.values()).count("failed") == 1
    assert len(cloud.objects("routes")) == 12 - 5
    assert len(cloud.objects("ipsec_tunnels")) == 12
    assert "Nothing is deleted after a failure." in {entry.get("reason") for entry in result["outcomes"]}


def test_what_belongs_together_is_not_torn_apart():
    """A culprit in the same request: the tunnels that exchange something, and those that wait for each other, still get there."""
    for culprit in range(1, 11):
        cloud = Cloud(seed(ipsec_tunnels=MANY[:10]))
        cloud.between = refuse(f'"id": "{culprit:032x}"|/{culprit:032x}')
        inside = [item["interface_address"] for item in MANY[:10]]
        # 1 and 2 exchange their insides; 3 to 9 each take that of the next one, and 9 a new one; 10 takes nothing of anybody.
        new = [inside[1], inside[0], *inside[3:9], "10.214.0.0/31", inside[9]]
        config = {"ipsec_tunnels": [{"name": item["name"], "interface_address": inner, "description": "new"} for item, inner in zip(MANY, new)]}
        result = cloud.run(config)
        found = {name: word for (dummy, name), word in words(result).items()}
        waiting = [f"site-{number}" for number in ([1, 2] if culprit < 3 else range(3, culprit) if culprit < 10 else [])]
        other = {1: "site-2", 2: "site-1"}.get(culprit)
        for name, word in found.items():
            wanted = "failed" if name in (f"site-{culprit}", other) else "skipped" if name in waiting else "applied"
            assert word == wanted, (culprit, found)
        cloud.between = lambda dummy, forward: forward()
        assert not cloud.run(config).get("failed")
        assert [item["interface_address"] for item in cloud.objects("ipsec_tunnels").values()] == new


def test_whoever_waits_for_another_part_is_sent_again():
    """Halves send 4 by itself while 2, whose inside it takes, is still together with the culprit."""
    cloud = Cloud(seed(ipsec_tunnels=MANY[:6]))
    cloud.between = refuse(f'"id": "{3:032x}"|/{3:032x}')
    inside = [item["interface_address"] for item in MANY]
    new = ["10.214.0.0/31", "10.214.0.2/31", "10.214.0.4/31", inside[1], inside[0], inside[2]]
    result = cloud.run({"ipsec_tunnels": [{"name": item["name"], "interface_address": inner} for item, inner in zip(MANY, new)]})
    assert [word for dummy, word in sorted(words(result).items())] == ["applied", "applied", "failed", "applied", "applied", "skipped"]


def test_an_answer_of_another_form_is_asked_for_once():
    """Nothing is known of a POST of many that is answered as if it were one: after a second look, they go one by one."""
    cloud = Cloud(seed(ipsec_tunnels=MANY))

    def between(request, forward):
        if request.method == "POST" and "routes" in request.body:
            result = {"id": "feed", **request.body["routes"][0]}
            return Reply(200, {}, json.dumps({"success": True, "errors": [], "messages": [], "result": result}).encode())
        return forward()

    cloud.between = between
    assert not cloud.run({"static_routes": [route(number) for number in range(1, 6)]}).get("failed")
    assert len(cloud.writes) == 6 and len(cloud.objects("routes")) == 5


def test_an_id_that_this_run_has_just_seen_is_no_new_one():
    cloud = Cloud(seed(ipsec_tunnels=MANY))
    ids = []

    def between(request, forward):
        reply = forward()
        if request.method != "POST":
            return reply
        envelope = json.loads(reply.body)
        ids.append(envelope["result"]["id"])
        envelope["result"]["id"] = ids[0]
        return reply._replace(body=json.dumps(envelope).encode())

    cloud.between = between
    result = cloud.run({"static_routes": [route(1), route(1, priority=200)]}, batch_size=1)
    assert not result.get("failed") and len(cloud.objects("routes")) == 2
    assert cloud.lists.count("routes") == 2, "the account was not read again"


def test_what_depends_on_a_failure_is_skipped_and_nothing_else():
    cloud = Cloud(seed())
    cloud.between = refuse('"name": "site-1"')
    config = {"ipsec_tunnels": [tunnel(1), tunnel(2)], "static_routes": [{**route(1), "nexthop": "10.213.0.3"}, route(2)]}
    found = {name: word for (dummy, name), word in words(cloud.run(config)).items()}
    assert found == {
        "site-1": "failed",
        "site-2": "applied",
        "10.1.0.0/16 via 10.213.0.3, priority 100": "skipped",
        "10.2.0.0/16 via 10.213.0.5, priority 100": "applied",
    }


def test_check_mode_tells_of_the_culprit_too():
    cloud = Cloud(seed(ipsec_tunnels=MANY))
    start = cloud.export()
    cloud.between = refuse(f'"id": "{7:032x}"|/{7:032x}')
    result = cloud.run({"ipsec_tunnels": [{"name": item["name"], "description": "new"} for item in MANY]}, check=True)
    assert result["failed"] and "ipsec_tunnels[6]: " in result["msg"] and "Nothing was changed." in result["msg"]
    assert list(words(result).values()).count("validated") == 19
    assert (cloud.writes, cloud.export()) == ([], start)


# --- out of order


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (lambda dummy: error(403, 10000, "Authentication error"), "10000"),
        (lambda dummy: error(429, 971, "Please wait", **{"Retry-After": "0"}), "rate limit"),
        (lambda dummy: error(403, 1012, "not onboarded"), "1012"),
    ],
    ids=["permission", "rate limit", "account"],
)
def test_what_is_no_fault_of_the_objects_stops_the_run(answer, text):
    cloud = OVERRIDE.cloud()
    cloud.between = trouble = Trouble(lambda request: request.method == "PUT", answer, times=1000)
    result = OVERRIDE.run(cloud)
    assert result["failed"] and text in result["msg"] and "The run had to stop" in result["msg"]
    # A rate limit is waited for, once here.
    assert len(trouble.met) == (2 if text == "rate limit" else 1)
    assert [request for request in cloud.writes if request.method == "DELETE"] == []
    assert "skipped" in words(result).values() and "unknown" not in words(result).values()
    trouble.left = 0
    assert not OVERRIDE.run(cloud).get("failed")
    assert outcome(cloud, OVERRIDE) == undisturbed(OVERRIDE)


def test_one_rate_limit_is_waited_for():
    cloud = OVERRIDE.cloud()
    cloud.between = trouble = Trouble(lambda dummy: True, lambda dummy: error(429, 971, "Please wait", **{"Retry-After": "0"}))
    assert not OVERRIDE.run(cloud).get("failed") and trouble.met
    assert outcome(cloud, OVERRIDE) == undisturbed(OVERRIDE)


def test_a_conflict_is_tried_again_and_is_no_doubt():
    cloud = OVERRIDE.cloud()
    cloud.between = Trouble(lambda dummy: True, lambda dummy: error(409, 1000, "lock"))
    assert not OVERRIDE.run(cloud).get("failed")
    assert all(cloud.lists.count(path) == 1 for path in cloud.lists)


# --- answers that say something else


def within(change):
    """Change the result in an answer."""

    def answer(forward):
        reply = forward()
        envelope = json.loads(reply.body)
        envelope["result"] = change(envelope["result"])
        return reply._replace(body=json.dumps(envelope).encode())

    return answer


def _each(result, change):
    """Change the objects in a result, wherever they stand in it."""
    if isinstance(result, list):
        return change(list(result))
    if isinstance(result, dict) and "id" in result:
        return change([result])[0] if change([result]) else {}
    return {name: _each(value, change) if isinstance(value, (dict, list)) else value for name, value in result.items()}


def _lies(result, value):
    return {name: value if name in ("modified", "deleted") else item for name, item in result.items()}


FOREIGN = f"{5:032x}"
HOSTILE = {
    "other ids": lambda result: _each(result, lambda items: [{**item, "id": f"feed{number}"} for number, item in enumerate(items)]),
    "an id that is there": lambda result: _each(result, lambda items: [{**item, "id": FOREIGN} for item in items]),
    "ids that are none": lambda result: _each(result, lambda items: [{**item, "id": 7} for item in items]),
    "an id with a path": lambda result: _each(result, lambda items: [{**item, "id": "../psk"} for item in items]),
    "the first one is missing": lambda result: _each(result, lambda items: items[1:]),
    "the last one is missing": lambda result: _each(result, lambda items: items[:-1]),
    "one more": lambda result: _each(result, lambda items: [*items, {**items[0], "id": "feed"}]),
    "one twice": lambda result: _each(result, lambda items: [items[0], *items]),
    "all the same": lambda result: _each(result, lambda items: [items[0] for dummy in items]),
    "another order": lambda result: _each(result, lambda items: items[::-1]),
    "no objects": lambda result: _each(result, lambda items: [None for dummy in items]),
    "another object": lambda result: _each(result, lambda items: [{**item, "name": "other", "prefix": "192.0.2.0/24"} for item in items]),
    "not done": lambda result: _lies(result, False),
    "done by another word": lambda result: _lies(result, "yes"),
    "a list": lambda result: [result],
    "nothing": lambda result: None,
    "a text": lambda result: "done",
    "a number": lambda result: 1,
    "an empty object": lambda result: {},
    "keys": lambda result: _each(result, lambda items: [{**item, "psk": "aKeyThatMustNotBeSeen0123456789"} for item in items]),
}


@pytest.mark.parametrize("how", HOSTILE)
@pytest.mark.parametrize("sort", SORTS)
def test_hostile_answers(sort, how):
    """Whatever one answer says: what the run says is true, nothing is doubled, nothing foreign is touched, and an honest run comes to the end."""
    expected = undisturbed(OVERRIDE)
    cloud = OVERRIDE.cloud()
    cloud.between = trouble = Trouble(SORTS[sort], within(HOSTILE[how]))
    result = OVERRIDE.run(cloud)
    assert trouble.met
    assert "MustNotBeSeen" not in repr(result)
    assert_nothing_is_doubled(cloud)
    if not result.get("failed"):
        assert outcome(cloud, OVERRIDE) == expected
    assert not OVERRIDE.run(cloud).get("failed")
    assert outcome(cloud, OVERRIDE) == expected


@pytest.mark.parametrize("how", HOSTILE)
def test_hostile_answers_to_all(how):
    expected = undisturbed(OVERRIDE)
    cloud = OVERRIDE.cloud()
    cloud.between = trouble = Trouble(lambda dummy: True, within(HOSTILE[how]), times=1000)
    result = OVERRIDE.run(cloud)
    assert "MustNotBeSeen" not in repr(result)
    assert_nothing_is_doubled(cloud)
    if result.get("failed"):
        assert {entry["outcome"] for entry in result["outcomes"]} <= {"applied", "unchanged", "failed", "skipped", "unknown"}
    else:
        assert outcome(cloud, OVERRIDE) == expected
    trouble.left = 0
    assert not OVERRIDE.run(cloud).get("failed")
    assert outcome(cloud, OVERRIDE) == expected


@pytest.mark.parametrize(
    "items",
    [
        None,
        {},
        "x",
        [None],
        [{}],
        [{"id": 7}],
        [{"id": "../psk"}],
        [{"id": "a"}, {"id": "A"}],
        [{"id": "a", "name": {"x": 1}, "interface_address": 7, "health_check": []}],
    ],
    ids=repr,
)
def test_hostile_lists(items):
    """A list that cannot be read ends the run; one with odd values in it does not break it."""
    cloud = OVERRIDE.cloud()
    start = cloud.export()

    def between(request, forward):
        reply = forward()
        if request.path != "ipsec_tunnels" or request.is_write:
            return reply
        envelope = json.loads(reply.body)
        envelope["result"]["ipsec_tunnels"] = items
        return reply._replace(body=json.dumps(envelope).encode())

    cloud.between = between
    result = OVERRIDE.run(cloud, check=True)
    assert cloud.writes == [] and cloud.export() == start
    assert result.get("failed") or result["changes"]
    cloud.run(None, "gathered")


# --- safety


@pytest.mark.parametrize("lost", ["gre_tunnels", "cf_interconnects"])
@pytest.mark.parametrize(("answer", "asked"), [(error(403, 10000), 1), (html(502), 2), (Reply(200, {}, b'{"success": true, "result": {}}'), 1)])
def test_a_kind_that_cannot_be_read_is_no_fault_of_the_items_that_need_it(lost, answer, asked):
    """It is asked for once, and not once for each route."""
    cloud = Cloud(seed(ipsec_tunnels=[tunnel(1)]))
    cloud.between = lambda request, forward: answer if request.path == lost else forward()
    routes = [route(number, nexthop="10.9.9.9") for number in range(3)]
    if lost == "gre_tunnels":
        routes = [{**{name: value for name, value in one.items() if name != "nexthop"}, "nexthop_tunnel": "none"} for one in routes]
    result = cloud.run({"static_routes": routes})
    assert result["failed"] and "problems" not in result and result["msg"].count("GET ") + result["msg"].count("response to") == 1, result
    assert cloud.lists.count(lost) == asked and cloud.writes == []


def test_what_is_in_keep_stays_whatever_the_state():
    for state in ("overridden", "deleted"):
        cloud = Cloud(seed(ipsec_tunnels=SIX, routes=ROUTES[:6]))
        named = {"ipsec_tunnels": [{"name": "site-1"}, {"name": "site-2"}], "static_routes": [route(1), route(2)]}
        config = named if state == "deleted" else {"ipsec_tunnels": [], "static_routes": []}
        result = cloud.run(config, state, keep=["site-[12]", "10.3.0.0/16"], max_deletions=50)
        assert not result.get("failed"), result["msg"]
        assert {item["name"] for item in cloud.objects("ipsec_tunnels").values()} >= {"site-1", "site-2"}
        assert {item["prefix"] for item in cloud.objects("routes").values()} >= {"10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16"}
        assert len(cloud.objects("routes")) == (6 if state == "deleted" else 3)


@pytest.mark.parametrize("word", [" site-1", "site-1 ", "\tsite-[1]", "FD00:0:1:0::/64 ", "fd00:0000:1::/64", " fd00:0:1:*"])
def test_blanks_and_the_way_of_writing_an_address_do_not_matter_for_keep(word):
    """'a, b' as text is a list with a blank before 'b'; and what is not kept is deleted."""
    six = tunnel(1, interface_address6="fd00:213::/127")
    cloud = Cloud(seed(ipsec_tunnels=there(six), routes=there({"prefix": "fd00:0:1::/64", "nexthop": "fd00:213::1", "priority": 100})))
    result = cloud.run({"static_routes": []}, "overridden", keep=["other", word], max_deletions=50)
    assert not result.get("failed") and len(cloud.objects("routes")) == 1, result


@pytest.mark.parametrize(
    ("config", "state"),
    [
        ({"ipsec_tunnels": [{"name": "site-1"}]}, "deleted"),
        ({"ipsec_tunnels": [tunnel(number) for number in range(2, 7)]}, "overridden"),
        ({"ipsec_tunnels": [{"name": "site-1", "interface_address": "10.214.0.0/31"}]}, "merged"),
    ],
    ids=["deleted", "overridden", "another inside"],
)
def test_routes_that_are_left_alone_are_named(config, state):
    cloud = Cloud(seed(ipsec_tunnels=SIX, routes=ROUTES[:6]))
    for check in (True, False):
        result = cloud.run(config, state, check=check)
        found = [warning for warning in result["warnings"] if "10.1.0.0/16 via 10.213.0.3, priority 100" in warning and "will carry no traffic" in warning]
        assert len(found) == 1 and "10.2.0.0/16" not in found[0]
    assert len(cloud.objects("routes")) == 6


@pytest.mark.parametrize("limit", [6, 7])
def test_the_limit_of_deletions(limit):
    cloud = Cloud(seed(ipsec_tunnels=SIX, gre_tunnels=there(gre(7))))
    result = cloud.run({"ipsec_tunnels": [], "gre_tunnels": []}, "overridden", max_deletions=limit)
    assert bool(result.get("failed")) == (limit == 6)
    assert len(cloud.objects("ipsec_tunnels")) == (6 if limit == 6 else 0)


# --- what is new


def _with_unknown(value):
    if isinstance(value, list):
        return [_with_unknown(item) for item in value]
    if isinstance(value, dict):
        return {**{name: _with_unknown(item) for name, item in value.items()}, "unknown_field": {"unknown_part": [1, None]}, "Unknown-2": None}
    return value


def _with_nulls(value):
    if isinstance(value, list):
        return [_with_nulls(item) for item in value]
    if isinstance(value, dict) and "id" in value:
        empty = ("description", "scope", "weight", "bgp", "customer_endpoint", "interface_address6", "replay_protection", "custom_remote_identities")
        return {**dict.fromkeys(name for name in empty if name not in value), **value}
    return {name: _with_nulls(item) for name, item in value.items()} if isinstance(value, dict) else value


@pytest.mark.parametrize("drift", [_with_unknown, _with_nulls])
@pytest.mark.parametrize("label", SCENES)
def test_answers_with_more_than_is_known(label, drift):
    """They change nothing of what is done, and nothing of them is sent back."""
    scene = SCENES[label]
    expected = undisturbed(scene)
    cloud = scene.cloud()

    def between(request, forward):
        reply = forward()
        envelope = json.loads(reply.body)
        envelope["result"] = drift(copy.deepcopy(envelope["result"]))
        return reply._replace(body=json.dumps(envelope).encode())

    cloud.between = between
    for check in (True, False):
        result = scene.run(cloud, check=check)
        assert not result.get("failed"), result["msg"]
        assert "nknown" not in json.dumps([request.body for request in cloud.sent])
        assert "null" not in json.dumps([request.body for request in cloud.sent if request.body is not None])
        assert "nknown" not in json.dumps({name: result[name] for name in ("before", "after", "changes")})
    assert outcome(cloud, scene) == expected
    again = scene.run(cloud)
    assert (again["changes"], cloud.writes) == ([], [])
    gathered = cloud.run(None, "gathered")["gathered"]
    assert "nknown" not in json.dumps(gathered) and "null" not in json.dumps(gathered)
