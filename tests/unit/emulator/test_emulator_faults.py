# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every kind of fault, before and after the request takes effect."""

from __future__ import annotations

import html
import http.client
import itertools
import time
import urllib.parse
import zlib

import pytest
import requests

from ansible_collections.cloudflare.magic.tests.unit.emulator.answers import errors, result


def generate(emulator, name="oslo-1"):
    return emulator.call("POST", "ipsec_tunnels/{}/psk_generate".format(emulator.tunnel(name)["id"]))


def errors_of(answer):
    return [error["code"] for error in answer.json()["errors"]]


# description of the fault, then what the client sees: an exception or a check of the answer
FAULTS = {
    "status": ({"kind": "status", "status": 503, "code": 1234, "message": "m"}, lambda a: a.status_code == 503 and errors_of(a) == [1234]),
    "status by default": ({"kind": "status"}, lambda a: a.status_code == 500 and errors_of(a) == [1000]),
    "status, errors": (
        {"kind": "status", "status": 403, "errors": [{"code": 1, "message": "a", "error_chain": [{"code": 2, "message": "b"}]}, {"code": 3, "message": "c"}]},
        lambda a: a.status_code == 403 and errors_of(a) == [1, 3] and a.json()["errors"][0]["error_chain"][0]["code"] == 2,
    ),
    "status, headers": (
        {"kind": "status", "status": 429, "code": 971, "retry_after": 2, "headers": {"X-Should-Retry": "false"}},
        lambda a: a.status_code == 429 and a.headers["Retry-After"] == "2" and a.headers["x-should-retry"] == "false",
    ),
    "html": (
        {"kind": "html", "status": 520, "body": "<p>no</p>"},
        lambda a: a.status_code == 520 and a.text == "<p>no</p>" and "text/html" in a.headers["content-type"],
    ),
    "cut_body": ({"kind": "cut_body"}, requests.exceptions.ChunkedEncodingError),
    "empty": ({"kind": "empty"}, lambda a: a.status_code == 200 and a.content == b""),
    "not_success": ({"kind": "not_success", "code": 10001}, lambda a: a.status_code == 200 and a.json()["success"] is False and errors_of(a) == [10001]),
    "no_success_field": ({"kind": "no_success_field"}, lambda a: a.status_code == 200 and "success" not in a.json()),
    "disconnect": ({"kind": "disconnect"}, requests.exceptions.ConnectionError),
    "slow": ({"kind": "slow", "seconds": 0.3}, lambda a: a.status_code == 200 and a.elapsed.total_seconds() >= 0.3),
    "redirect": (
        {"kind": "redirect", "status": 307, "location": "http://192.0.2.1/x"},
        lambda a: a.status_code == 307 and a.headers["location"] == "http://192.0.2.1/x",
    ),
    "other_id": ({"kind": "other_id"}, lambda a: a.status_code == 200 and len(a.json()["result"]["psk"]) == 32),
    "drip": ({"kind": "drip", "seconds": 0.001}, lambda a: a.status_code == 200 and a.json()["success"] is True),
    "huge": ({"kind": "huge", "mebibytes": 1}, lambda a: a.status_code == 200 and len(a.content) > 2**20 and a.json()["success"] is True),
    "echo": ({"kind": "echo"}, lambda a: a.status_code == 400 and errors_of(a) == [1022]),
    "early hints": ({"kind": "status", "status": 103}, lambda a: a.status_code == 103 and a.content == b""),
}
AFTER = ("cut_body", "slow", "other_id", "drip", "huge")


@pytest.mark.parametrize("when", ["before", "after", None])
@pytest.mark.parametrize("fault, expected", FAULTS.values(), ids=FAULTS.keys())
def test_fault(emulator, fault, expected, when):
    tunnel_id = emulator.tunnel("oslo-1")["id"]
    filled_in = emulator.fault(**fault, path="psk_generate$", method="POST", **({"when": when} if when else {}))
    assert filled_in["when"] == (when or ("after" if fault["kind"] in AFTER else "before"))
    assert emulator.call("GET", "ipsec_tunnels").status_code == 200 and len(emulator.faults()) == 1
    if isinstance(expected, type):
        with pytest.raises(expected):
            generate(emulator)
    else:
        answer = generate(emulator)
        assert expected(answer) and answer.headers["cf-ray"]
    took_effect = filled_in["when"] == "after" or fault["kind"] == "slow"
    assert (emulator.keys()[tunnel_id] is not None) == took_effect
    assert emulator.faults() == [] and generate(emulator).status_code == 200
    recorded = emulator.requests()[-2]
    assert recorded["path"].endswith("/psk_generate") and (recorded["status"] is None) == (fault["kind"] == "disconnect")
    assert emulator.violations() == []


def test_half_the_body_arrives(emulator):
    whole = emulator.call("GET", "ipsec_tunnels").content
    emulator.fault(kind="cut_body")
    with emulator.call("GET", "ipsec_tunnels", stream=True) as answer:
        assert int(answer.headers["Content-Length"]) == len(whole)
        half = b""
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            for piece in answer.iter_content(1):
                half += piece
    assert half == whole[: len(whole) // 2]


def test_times_skip_method_and_order(emulator):
    emulator.fault(kind="status", status=500, method="GET", path="ipsec_tunnels$", times=2, skip=1)
    emulator.fault(kind="status", status=418, method="POST")
    seen = [emulator.call("GET", "ipsec_tunnels").status_code for _unused in range(4)]
    assert seen == [200, 500, 500, 200] and len(emulator.faults()) == 1
    emulator.clear_faults()
    assert generate(emulator).status_code == 200
    emulator.forget_unmet()


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_one_of_many_is_refused(emulator, method):
    """Anyone who halves the list finds which: every request with it fails, and every other is carried out."""
    new = [{"prefix": f"10.{number}.0.0/16", "nexthop": "10.213.0.11", "priority": 7} for number in range(30, 38)]
    if method == "POST":
        bodies, culprit = new, r"10\.35\.0\.0/16"
    else:
        made = result(emulator.call("POST", "routes", {"routes": new}))["routes"]
        bodies, culprit = [{"id": route["id"], **({"description": "x"} if method == "PUT" else {})} for route in made], made[5]["id"]
    emulator.fault(kind="status", status=400, code=1022, message="Invalid Request: no", method=method, path="routes$", sent=culprit, times=100)

    def refused(part):
        answer = emulator.call(method, "routes", {"routes": part})
        if answer.status_code == 200:
            return []
        assert errors(answer) == [{"code": 1022, "message": "Invalid Request: no"}]
        middle = len(part) // 2
        return refused(part[:middle]) + refused(part[middle:]) if middle else part

    before = emulator.routes()
    assert refused(bodies) == [bodies[5]]
    assert emulator.call("GET", "routes").status_code == 200 and emulator.unmet() == []
    after = emulator.routes()
    changed = {"POST": len(after) - len(before), "PUT": len([route for route in after if route.get("description") == "x"]), "DELETE": len(before) - len(after)}
    assert changed[method] == 7


def test_a_fault_for_what_is_sent_meets_no_request_without(emulator):
    emulator.fault(kind="status", sent="paris")
    assert emulator.call("GET", "ipsec_tunnels").status_code == 200
    assert emulator.call("PUT", "ipsec_tunnels/" + emulator.tunnel("oslo-1")["id"], {"description": "x"}).status_code == 200
    emulator.forget_unmet()


def test_a_slow_request_holds_up_no_other(emulator):
    emulator.fault(kind="slow", seconds=5, path="psk_generate")
    with pytest.raises(requests.exceptions.ReadTimeout):
        requests.post(
            "{}/accounts/{}/magic/ipsec_tunnels/{}/psk_generate".format(emulator.url, emulator.account_id, emulator.tunnel("oslo-1")["id"]),
            headers={"Authorization": "Bearer " + emulator.write_token},
            timeout=0.3,
        )
    start = time.monotonic()
    assert emulator.call("GET", "ipsec_tunnels").status_code == 200
    assert time.monotonic() - start < 2


BAD = {
    "no object": [],
    "no kind": {},
    "kind": {"kind": "explode"},
    "kind a list": {"kind": []},
    "option": {"kind": "slow", "status": 500},
    "status": {"kind": "status", "status": 99},
    "status too large": {"kind": "status", "status": 600},
    "status true": {"kind": "status", "status": True},
    "status with a point": {"kind": "status", "status": 200.0},
    "status text": {"kind": "status", "status": "500"},
    "times": {"kind": "status", "times": 0},
    "when": {"kind": "status", "when": "later"},
    "when a list": {"kind": "status", "when": []},
    "path": {"kind": "status", "path": "("},
    "path too large": {"kind": "status", "path": "a{99999999999999}"},
    "path a number": {"kind": "status", "path": 5},
    "sent": {"kind": "status", "sent": "("},
    "sent no text": {"kind": "status", "sent": None},
    "method": {"kind": "status", "method": "get"},
    "method empty": {"kind": "status", "method": ""},
    "seconds": {"kind": "slow", "seconds": -1},
    "seconds too many": {"kind": "slow", "seconds": 1e30},
    "seconds true": {"kind": "slow", "seconds": True},
    "drip, seconds": {"kind": "drip", "seconds": "1"},
    "retry_after": {"kind": "status", "retry_after": 1e300},
    "huge, size": {"kind": "huge", "mebibytes": 0},
    "huge, size with a point": {"kind": "huge", "mebibytes": 1.5},
    "huge, encoding": {"kind": "huge", "encoding": "br"},
    "echo, form": {"kind": "echo", "form": "base64"},
    "echo, what": {"kind": "echo", "what": []},
    "other_id, id": {"kind": "other_id", "id": ""},
    "other_id, id a number": {"kind": "other_id", "id": 5},
    "body that cannot be written": {"kind": "html", "body": "\ud800"},
    "header without a name": {"kind": "html", "headers": {"": "x"}},
    "header with a blank in its name": {"kind": "html", "headers": {"a b": "x"}},
    "errors": {"kind": "status", "errors": "x"},
    "headers": {"kind": "status", "headers": {"a": "b\r\nc: d"}},
    "location": {"kind": "redirect", "location": "a\nb"},
}


@pytest.mark.parametrize("description", BAD.values(), ids=BAD.keys())
def test_bad_description(emulator, description):
    with pytest.raises(ValueError, match="must be|has no option|an object|regular expression"):
        emulator.control("POST", "faults", description)
    assert emulator.faults() == []


# --- statuses below 200


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("kind", ["status", "html", "empty", "echo"])
@pytest.mark.parametrize("status", [100, 101, 102, 103, 150, 199])
def test_a_status_below_200_is_the_last_that_the_client_hears(emulator, status, kind, when):
    tunnel_id = emulator.tunnel("oslo-1")["id"]
    emulator.fault(kind=kind, status=status, path="psk_generate$", when=when)
    connection = http.client.HTTPConnection(emulator.url.split("/")[2], timeout=10)
    path = f"/client/v4/accounts/{emulator.account_id}/magic/ipsec_tunnels/{tunnel_id}/psk_generate"
    connection.request("POST", path, headers={"Authorization": "Bearer " + emulator.write_token})
    if status == 100:
        # No client takes that for an answer: it waits for more, and the connection ends.
        with pytest.raises(http.client.RemoteDisconnected):
            connection.getresponse()
    else:
        answer = connection.getresponse()
        assert (answer.status, answer.read(), answer.getheader("Connection")) == (status, b"", "close")
    connection.close()
    assert (emulator.keys()[tunnel_id] is not None) == (when == "after")
    assert emulator.requests()[-1]["status"] == status


# --- answers about another object

BODIES = {
    "ipsec_tunnels": {"name": "madrid-1", "cloudflare_endpoint": "203.0.113.1", "interface_address": "10.213.1.0/31"},
    "gre_tunnels": {
        "name": "madrid-gre-1",
        "cloudflare_gre_endpoint": "203.0.113.1",
        "customer_gre_endpoint": "198.51.100.78",
        "interface_address": "10.213.1.2/31",
    },
    "routes": {"prefix": "10.30.0.0/16", "nexthop": "10.213.0.11", "priority": 100},
    "cf_interconnects": {},
}
# What is left out: interconnects cannot be made or deleted, and the deletion of routes knows no dry run.
OPERATIONS = [
    pair
    for pair in itertools.product(BODIES, ("read", "update", "bulk", "create", "delete"))
    if pair[0] != "cf_interconnects" or pair[1] in ("read", "update", "bulk")
]


def operate(emulator, path, operation, item_id):
    plural = path.replace("cf_", "")
    method, where, body = {
        "read": ("GET", f"{path}/{item_id}", None),
        "update": ("PUT", f"{path}/{item_id}", {"description": "changed"}),
        "bulk": ("PUT", path, {plural: [{"id": item_id, "description": "changed"}]}),
        "create": ("POST", path, BODIES[path]),
        "delete": ("DELETE", f"{path}/{item_id}", None),
    }[operation]
    answer = result(emulator.call(method, where, body))
    (shown,) = [answer] if operation == "create" else [value for value in answer.values() if isinstance(value, (dict, list))]
    return shown[0] if isinstance(shown, list) else shown


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("path, operation", OPERATIONS)
def test_an_answer_about_another_object(emulator, path, operation, own, when):
    before = emulator.state()[path.replace("cf_", "")]
    item_id = before[0]["id"]
    emulator.fault(kind="other_id", when=when, **({"id": "f" * 32} if own else {}))
    result(emulator.call("GET", path))  # is about none in particular
    shown = operate(emulator, path, operation, item_id)
    after = emulator.state()[path.replace("cf_", "")]
    assert (after != before) == (when == "after" and operation != "read")
    assert emulator.faults() == []
    if own:
        assert shown["id"] == "f" * 32
    elif len(before) > 1:
        # A whole one that exists.
        assert (shown["id"] != item_id or operation == "create") and shown["id"] in [item["id"] for item in before]
        other = next(item for item in before if item["id"] == shown["id"])
        assert shown.get("name") == other.get("name") and shown.get("prefix") == other.get("prefix")
    else:
        assert shown["id"] != item_id and len(shown["id"]) == 32
    if when == "after" and operation in ("update", "bulk"):
        assert next(item for item in after if item["id"] == item_id)["description"] == "changed"
    emulator.clear_violations()


@pytest.mark.parametrize("setting", ["decoy", "null", "real"])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("own", [None, "f" * 32])
def test_a_generated_key_of_another_tunnel(emulator, own, when, setting):
    seed = emulator.state()
    seed["settings"]["validate_only_psk"] = setting
    emulator.set_state(seed)
    tunnel_id, before = emulator.tunnel("paris-1")["id"], emulator.keys()
    emulator.fault(kind="other_id", when=when, path="psk_generate", **({"id": own} if own else {}))
    shown = result(generate(emulator, "paris-1"))
    assert shown["ipsec_tunnel_id"] != tunnel_id and tunnel_id not in shown["ipsec_id"]
    assert shown["ipsec_tunnel_id"] == own if own else shown["ipsec_tunnel_id"] in before
    # The key that is in force is not the one that the answer has, and no other tunnel has that one.
    after = emulator.keys()
    assert shown["psk"] not in after.values() and (after[tunnel_id] != before[tunnel_id]) == (when == "after")
    assert {key: value for key, value in after.items() if key != tunnel_id} == {key: value for key, value in before.items() if key != tunnel_id}
    assert [entry["how"] for entry in emulator.key_log() if entry["psk"] == shown["psk"]] == ["decoy"]


@pytest.mark.parametrize("when", ["before", "after"])
def test_keys_that_are_set_for_another_tunnel(emulator, when):
    paris = emulator.tunnel("paris-1")["id"]
    emulator.fault(kind="other_id", when=when, path="ipsec_tunnels/psk$")
    shown = result(emulator.call("POST", "ipsec_tunnels/psk", {"psks": [{"id": paris, "psk": "a-key-of-my-own"}]}))
    ((applied, entry),) = shown["successfully_applied_psks"].items()
    assert applied == entry["ipsec_tunnel_id"] != paris and shown["unapplied_psks"] == {}
    assert (emulator.keys()[paris] == "a-key-of-my-own") == (when == "after")


def test_an_error_stays_an_error(emulator):
    emulator.fault(kind="other_id")
    assert errors(emulator.call("GET", "ipsec_tunnels/" + "0" * 32))[0]["code"] == 1032


# --- answers that are slow or large, and those that quote a secret


def test_drops_come_one_by_one(emulator):
    emulator.fault(kind="drip", seconds=0.001)
    whole = emulator.call("GET", "routes").content
    emulator.fault(kind="drip", seconds=0.02)
    start = time.monotonic()
    with emulator.call("GET", "routes", stream=True) as answer:
        assert int(answer.headers["Content-Length"]) == len(whole)
        pieces = [answer.raw.read1(1000) if hasattr(answer.raw, "read1") else answer.raw.read(1) for _unused in range(5)]
    assert b"".join(pieces) == whole[: sum(map(len, pieces))] and time.monotonic() - start >= 0.1


@pytest.mark.parametrize("seconds", [0.5, None])
def test_a_client_that_has_heard_enough_ends_a_drip(emulator, seconds):
    assert emulator.fault(kind="drip", **({"seconds": seconds} if seconds else {}))["seconds"] == 0.5
    with emulator.call("GET", "routes", stream=True) as answer:
        assert answer.raw.read(1) == b"{"
    assert emulator.call("GET", "routes").status_code == 200


@pytest.mark.parametrize("encoding, wbits", [("identity", None), ("gzip", 31), ("deflate", 15)])
def test_a_huge_answer(emulator, encoding, wbits):
    """Small on its way, if it is compressed; and right, for who reads all of it."""
    usual = emulator.call("GET", "ipsec_tunnels").json()
    assert emulator.fault(kind="huge", encoding=encoding, mebibytes=8)["mebibytes"] == 8
    with emulator.call("GET", "ipsec_tunnels", stream=True) as answer:
        raw = answer.raw.read(decode_content=False)
        assert len(raw) == int(answer.headers["Content-Length"]) and answer.headers.get("Content-Encoding", "identity") == encoding
    whole = zlib.decompress(raw, wbits) if wbits else raw
    assert len(whole) > 8 * 2**20 and (len(raw) < 2**17) == bool(wbits)
    emulator.fault(kind="huge", encoding=encoding, mebibytes=8)
    assert emulator.call("GET", "ipsec_tunnels").json() == usual


KEY = "a<key>&\"of'my +own/%\u00e9"
FORMS = {"plain": KEY, "html": html.escape(KEY), "url": urllib.parse.quote(KEY, safe="")}


@pytest.mark.parametrize("form", FORMS)
def test_an_error_quotes_the_keys_of_a_request(emulator, form):
    tunnel_id = emulator.tunnel("paris-1")["id"]
    bodies = {
        "ipsec_tunnels/psk": {"psks": [{"id": tunnel_id, "psk": KEY}, {"id": "x", "psk": "second"}]},
        "ipsec_tunnels": {"name": "x", "psk": KEY, "more": [{"psk": "second"}]},
    }
    for path, body in bodies.items():
        emulator.fault(kind="echo", form=form, status=422, code=1099)
        answer = emulator.call("POST", path, body)
        assert answer.status_code == 422 and errors(answer) == [{"code": 1099, "message": f"Invalid Request: cannot use '{FORMS[form]}, second'"}]
    assert KEY not in emulator.keys().values()


@pytest.mark.parametrize("form", FORMS)
def test_an_error_quotes_what_cannot_be_written(emulator, form):
    emulator.fault(kind="echo", form=form)
    tunnel_id = emulator.tunnel("paris-1")["id"]
    message = errors(emulator.call("PUT", "ipsec_tunnels/" + tunnel_id, {"psk": "half \ud800 of a pair"}))[0]["message"]
    assert message.startswith("Invalid Request: cannot use 'half") and message.endswith("pair'")


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_error_quotes_the_key_in_force(emulator, when):
    tunnel_id = emulator.tunnel("paris-1")["id"]
    old = emulator.keys()[tunnel_id]
    emulator.fault(kind="echo", when=when)
    message = errors(generate(emulator, "paris-1"))[0]["message"]
    assert (old in message) == (when == "before") and emulator.keys()[tunnel_id] in message


@pytest.mark.parametrize("form", ["plain", "html", "url"])
def test_an_error_quotes_the_credential(emulator, form):
    emulator.fault(kind="echo", what="credential", form=form, status=403, code=10000, times=2)
    assert emulator.write_token in errors(emulator.call("GET", "routes"))[0]["message"]
    pair = {"X-Auth-Email": emulator.email, "X-Auth-Key": emulator.global_key}
    answer = emulator._session.get(f"{emulator.url}/accounts/{emulator.account_id}/magic/routes", headers=pair, timeout=10)
    assert emulator.global_key in errors(answer)[0]["message"]


# --- faults that nobody has met


def test_unmet(emulator):
    first = emulator.fault(kind="status", path="routes$", times=3)
    second = emulator.fault(kind="status", path="gre_tunnels$", skip=2)
    assert emulator.unmet() == emulator.faults() == [first, second]
    emulator.call("GET", "routes")
    for _unused in range(2):
        emulator.call("GET", "gre_tunnels")
    # Once is enough; to be passed is not.
    assert emulator.unmet() == [{**second, "skip": 0}] and len(emulator.faults()) == 2
    with pytest.raises(AssertionError, match="no request has met them.*gre_tunnels"):
        emulator.check()
    emulator.clear_faults()
    assert emulator.faults() == [] and len(emulator.unmet()) == 1
    emulator.forget_unmet()
    emulator.check()


def test_of_two_equal_faults_one_may_be_unmet(emulator):
    for _unused in range(2):
        emulator.fault(kind="status", path="routes$")
    emulator.call("GET", "routes")
    assert len(emulator.unmet()) == len(emulator.faults()) == 1
    emulator.call("GET", "routes")
    assert emulator.unmet() == emulator.faults() == []


def test_to_forget_the_unmet_leaves_the_others(emulator):
    emulator.fault(kind="status", path="routes$", times=2)
    emulator.fault(kind="status", path="gre_tunnels$")
    emulator.call("GET", "routes")
    emulator.forget_unmet()
    assert [fault["path"] for fault in emulator.faults()] == ["routes$"] and emulator.call("GET", "gre_tunnels").status_code == 200
    emulator.reset()
    assert emulator.faults() == emulator.unmet() == []


def test_a_refused_or_limited_request_meets_no_fault(emulator):
    emulator.fault(kind="status", path="routes$")
    assert requests.get(f"{emulator.url}/accounts/{emulator.account_id}/magic/routes", headers={"Origin": "null"}, timeout=10).status_code == 403
    emulator.rate_limit(1, 300)
    assert [emulator.call("GET", path).status_code for path in ("gre_tunnels", "routes")] == [200, 429]
    assert len(emulator.unmet()) == 1
    emulator.forget_unmet()


def test_check_reports_violations_too(emulator):
    emulator.call("GET", "routes", params={"page": "1"})
    with pytest.raises(AssertionError, match="not as Cloudflare describes it.*page"):
        emulator.check()
    emulator.clear_violations()
