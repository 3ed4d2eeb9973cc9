# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every kind of fault, before and after the request takes effect."""

from __future__ import annotations

import time

import pytest
import requests


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
}


@pytest.mark.parametrize("when", ["before", "after", None])
@pytest.mark.parametrize("fault, expected", FAULTS.values(), ids=FAULTS.keys())
def test_fault(emulator, fault, expected, when):
    tunnel_id = emulator.tunnel("oslo-1")["id"]
    filled_in = emulator.fault(**fault, path="psk_generate$", method="POST", **({"when": when} if when else {}))
    assert filled_in["when"] == (when or ("after" if fault["kind"] in ("cut_body", "slow") else "before"))
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
    "status text": {"kind": "status", "status": "500"},
    "times": {"kind": "status", "times": 0},
    "when": {"kind": "status", "when": "later"},
    "path": {"kind": "status", "path": "("},
    "seconds": {"kind": "slow", "seconds": -1},
    "errors": {"kind": "status", "errors": "x"},
    "headers": {"kind": "status", "headers": {"a": "b\r\nc: d"}},
    "location": {"kind": "redirect", "location": "a\nb"},
}


@pytest.mark.parametrize("description", BAD.values(), ids=BAD.keys())
def test_bad_description(emulator, description):
    with pytest.raises(ValueError, match="must be|has no option|an object|regular expression"):
        emulator.control("POST", "faults", description)
    assert emulator.faults() == []
