# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keys at Cloudflare, against the emulator and servers that answer as they are told."""

from __future__ import annotations

import html
import json
import re
from datetime import datetime, timedelta, timezone
from urllib.parse import quote_plus

import pytest

from ansible_collections.cloudflare.magic.plugins.module_utils._errors import NOT_SENT, REFUSED, UNKNOWN, MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._policy import check_one
from ansible_collections.cloudflare.magic.plugins.module_utils._psk import (
    Keeper,
    find_tunnel,
    list_ipsec_tunnels,
    read_tunnel,
    rotate,
    set_key,
    set_keys,
)
from ansible_collections.cloudflare.magic.plugins.module_utils._times import TOLERANCE, last_generated_on
from ansible_collections.cloudflare.magic.tests.unit.plugins.helpers import (
    OWN,
    TOKEN,
    Loopback,
    client,
    emulated,
    envelope,
    everything,
    options_for,
    refusal,
    sent,
)

UTC = timezone.utc
DAY = 86400

HOLDERS = {
    "time": ({"psk_metadata": {"last_generated_on": "2026-11-23T14:28:47Z"}}, "2026-11-23T14:28:47Z"),
    "empty time": ({"psk_metadata": {"last_generated_on": ""}}, None),
    "null": ({"psk_metadata": {"last_generated_on": None}}, None),
    "number": ({"psk_metadata": {"last_generated_on": 5}}, "5"),
    "no time": ({"psk_metadata": {}}, None),
    "metadata is null": ({"psk_metadata": None}, None),
    "metadata is a string": ({"psk_metadata": "x"}, None),
    "no metadata": ({}, None),
    "nothing": (None, None),
    "list": ([], None),
}


@pytest.mark.parametrize("holder, expected", HOLDERS.values(), ids=HOLDERS)
def test_last_generated_on(holder, expected):
    assert last_generated_on(holder) == expected


# --- rotate()

BY_ID, BY_NAME = "ipsec_tunnel_id", "name"
READ, LIST = "GET ipsec_tunnels/{id}", "GET ipsec_tunnels"
GENERATE, SET = "POST ipsec_tunnels/{id}/psk_generate", "POST ipsec_tunnels/psk"
EXPIRED = {"rotate": "expired", "max_age": "90d"}
MISSING = {"rotate": "missing"}
SUPPLIED = {"psk": OWN}

# name: tunnel (oslo-1 never had a key, paris-1 has one of 10 days, paris-2 of 100), by, options, reason, reason of a second run, requests of a live run
SCENARIOS = {
    "always by id": ("paris-1", BY_ID, {}, "always", "always", [GENERATE]),
    "always by id, never a key": ("oslo-1", BY_ID, {}, "always", "always", [GENERATE]),
    "always by name": ("paris-1", BY_NAME, {}, "always", "always", [LIST, GENERATE]),
    "missing by id, never a key": ("oslo-1", BY_ID, MISSING, "missing", "not_due", [READ, GENERATE]),
    "missing by name, never a key": ("oslo-1", BY_NAME, MISSING, "missing", "not_due", [LIST, GENERATE]),
    "missing by id, there is one": ("paris-2", BY_ID, MISSING, "not_due", "not_due", [READ]),
    "missing by name, there is one": ("paris-2", BY_NAME, MISSING, "not_due", "not_due", [LIST]),
    "expired by id, never a key": ("oslo-1", BY_ID, EXPIRED, "missing", "not_due", [READ, GENERATE]),
    "expired by id, old": ("paris-2", BY_ID, EXPIRED, "expired", "not_due", [READ, GENERATE]),
    "expired by name, old": ("paris-2", BY_NAME, EXPIRED, "expired", "not_due", [LIST, GENERATE]),
    "expired by id, young": ("paris-1", BY_ID, EXPIRED, "not_due", "not_due", [READ]),
    "expired by name, young": ("paris-1", BY_NAME, EXPIRED, "not_due", "not_due", [LIST]),
    "own key by id": ("paris-1", BY_ID, SUPPLIED, "always", "always", [SET]),
    "own key by name": ("paris-1", BY_NAME, SUPPLIED, "always", "always", [LIST, SET]),
    "own key, missing": ("oslo-1", BY_ID, {**SUPPLIED, **MISSING}, "missing", "not_due", [READ, SET]),
    "own key, not missing": ("paris-1", BY_NAME, {**SUPPLIED, **MISSING}, "not_due", "not_due", [LIST]),
    "own key, expired": ("paris-2", BY_ID, {**SUPPLIED, **EXPIRED}, "expired", "not_due", [READ, SET]),
}
AGE_DAYS = {"oslo-1": None, "paris-1": 10, "paris-2": 100}


def without_key(result):
    return repr({name: value for name, value in result.items() if name != "psk"})


@pytest.fixture(params=SCENARIOS.values(), ids=list(SCENARIOS))
def scenario(request, emulator):
    tunnel_name, by, chosen, *expected = request.param
    tunnel = emulator.tunnel(tunnel_name)
    options = options_for(**{by: tunnel["name" if by == BY_NAME else "id"]}, **chosen)
    assert check_one(options) == []
    return (tunnel, options, *expected)


def see_to_result(result, tunnel, options, reason, first=True, was_read=False):
    """Compare what every result has, whatever happened."""
    assert (result["reason"], result["changed"]) == (reason, reason != "not_due")
    assert result["ipsec_tunnel_id"] == tunnel["id"]
    was_read = was_read or options["name"] is not None or options["rotate"] != "always"
    assert result.get("name") == (tunnel["name"] if was_read else None)
    if first:
        days = AGE_DAYS[tunnel["name"]]
        if was_read and days is not None:
            assert days * DAY <= result["psk_age"] <= days * DAY + 3600
        else:
            assert "psk_age" not in result
        assert result["diff"]["before"] == {"last_generated_on": read_time(tunnel) if was_read else "(not read)"}
    assert "warnings" not in result


def read_time(tunnel):
    """Return last_generated_on with the decimals that reading has, fewer than those of the emulator's state; a half is rounded up there."""
    text = tunnel["psk_metadata"].get("last_generated_on")
    if text is None:
        return None
    seconds, _point, decimals = text.rstrip("Z").partition(".")
    moment = datetime.fromisoformat(seconds) + timedelta(microseconds=(int(decimals.ljust(9, "0")) + 500) // 1000)
    return moment.isoformat(timespec="microseconds").rstrip("0").rstrip(".") + "Z"


def see_to_requests(emulator, expected, tunnel, own):
    assert sent(emulator) == [line.format(id=tunnel["id"]) for line in expected]
    for request in emulator.requests():
        is_set = request["path"].endswith("/psk")
        assert request["body"] == (json.dumps({"psks": [{"id": tunnel["id"], "psk": own}]}) if is_set else None)
        assert request["headers"]["authorization"] == emulator.masked(f"Bearer {emulator.write_token}")


def test_live_and_twice(emulator, scenario):
    tunnel, options, reason, reason_again, requests = scenario
    keys, own = emulator.keys(), options["psk"]
    seen = set()
    with emulated(emulator) as made:
        for expected_reason, first in ((reason, True), (reason_again, False)):
            emulator.clear_requests()
            result = rotate(made, options, False)
            in_force = emulator.keys()
            see_to_result(result, tunnel, options, expected_reason, first)
            not_due = expected_reason == "not_due"
            see_to_requests(emulator, requests[:1] if not_due else requests, tunnel, own)
            assert {name: key for name, key in in_force.items() if name != tunnel["id"]} == {name: key for name, key in keys.items() if name != tunnel["id"]}
            assert "validated" not in result
            now = emulator.tunnel(tunnel["name"])
            if not_due:
                assert "psk" not in result and (not first or in_force == keys)
                assert result["psk_metadata"]["last_generated_on"] == result["diff"]["after"]["last_generated_on"] == read_time(now)
            else:
                seen.add(in_force[tunnel["id"]])
                assert in_force[tunnel["id"]] not in keys.values()
                assert result.get("psk") == (None if own else in_force[tunnel["id"]])
                assert result["psk_metadata"]["last_generated_on"] == result["diff"]["after"]["last_generated_on"] == now["psk_metadata"]["last_generated_on"]
            assert in_force[tunnel["id"]] not in without_key(result)
    assert len(seen) == (0 if reason == "not_due" else 1 if own or reason_again == "not_due" else 2)


@pytest.mark.parametrize("answer", ["decoy", "null"])
def test_check_mode_and_twice(emulator, scenario, answer):
    tunnel, options, reason, dummy, requests = scenario
    state = emulator.state()
    state["settings"]["validate_only_psk"] = answer
    emulator.set_state(state)
    state = emulator.state()
    if reason != "not_due":
        # The tunnel is read before and after: nobody can tell from here whether Cloudflare heeds the parameter.
        requests = ([READ] if len(requests) == 1 else requests[:-1]) + [requests[-1] + "?validate_only=true", READ]
    with emulated(emulator) as made:
        results = []
        for dummy_time in range(2):
            emulator.clear_requests()
            result = rotate(made, options, True)
            see_to_requests(emulator, requests, tunnel, options["psk"])
            see_to_result(result, tunnel, options, reason, was_read=True)
            assert result.get("validated") == (None if reason == "not_due" else True)
            assert "psk" not in result
            assert result["psk_metadata"].get("last_generated_on") == read_time(tunnel)
            results.append(repr(result))
    assert emulator.state() == state
    shown = [entry["psk"] for entry in emulator.key_log()]
    generated = reason != "not_due" and options["psk"] is None
    assert len(shown) == (2 if generated and answer == "decoy" else 0)
    assert not [key for key in [*shown, *filter(None, emulator.keys().values()), OWN] if key in "".join(results)]


# --- tunnels that are not there


def test_unknown_id(emulator):
    for chosen in ({}, MISSING, SUPPLIED):
        for check_mode in (False, True):
            emulator.clear_requests()
            with emulated(emulator) as made:
                error = refusal(rotate, made, options_for(ipsec_tunnel_id="0" * 32, **chosen), check_mode)
            assert "IPsec tunnel not found" in str(error)
            assert len(emulator.requests()) == 1
    assert [entry for entry in emulator.key_log() if entry["how"] != "decoy"] == []


def test_name_of_no_tunnel(emulator):
    with emulated(emulator) as made:
        error = refusal(rotate, made, options_for(name="paris"), False)
    assert str(error) == ("name: no IPsec tunnel is called 'paris'. These exist: berlin-1, lisbon-1, oslo-1, paris-1, paris-2. Check name and account_id.")
    assert sent(emulator) == [LIST]


def test_name_of_several_tunnels(emulator):
    state = emulator.state()
    for tunnel in state["ipsec_tunnels"]:
        if tunnel["name"] == "paris-2":
            tunnel["name"] = "paris-1"
    emulator.set_state(state)
    ids = sorted(tunnel["id"] for tunnel in emulator.tunnels() if tunnel["name"] == "paris-1")
    with emulated(emulator) as made:
        error = refusal(rotate, made, options_for(name="paris-1"), False)
    assert str(error) == f"name: 2 IPsec tunnels are called 'paris-1' ({', '.join(ids)}). Give ipsec_tunnel_id instead."
    assert sent(emulator) == [LIST]


def test_name_in_an_account_without_tunnels(emulator):
    emulator.set_state({**emulator.state(), "ipsec_tunnels": []})
    with emulated(emulator) as made:
        error = refusal(rotate, made, options_for(name="paris-1"), False)
    assert "The account has no IPsec tunnels." in str(error)


def test_many_names_are_cut_short():
    tunnels = [{"id": str(number), "name": f"branch-{number:04d}"} for number in range(60)]
    assert find_tunnel(tunnels, "branch-0059")["id"] == "59"
    text = str(refusal(find_tunnel, tunnels, "hub"))
    assert "branch-0049 and 10 more." in text and "branch-0050" not in text


# --- answers that are not as documented

LISTS: dict[str, tuple[object, object]] = {
    "no list": ({}, None),
    "null": (None, None),
    "list at the top": ([], None),
    "list is an object": ({"ipsec_tunnels": {"a": 1}}, None),
    "empty": ({"ipsec_tunnels": []}, []),
    "items of little": ({"ipsec_tunnels": [{"id": "a"}, {"id": "b", "name": 5}]}, [{"id": "a"}, {"id": "b", "name": None}]),
}


@pytest.mark.parametrize("answer, tunnels", LISTS.values(), ids=LISTS)
def test_list(answer, tunnels):
    with Loopback(body=envelope(answer)) as server, client(server.url) as made:
        if tunnels is None:
            error = refusal(list_ipsec_tunnels, made)
            assert "the list of IPsec tunnels has no 'ipsec_tunnels'" in str(error) and error.reached == NOT_SENT
        else:
            assert list_ipsec_tunnels(made) == tunnels


@pytest.mark.parametrize("answer", [None, [], {}, {"ipsec_tunnel": None}, {"ipsec_tunnel": []}, {"id": "a"}], ids=str)
def test_read(answer):
    with Loopback(body=envelope(answer)) as server, client(server.url) as made:
        assert "reading the IPsec tunnel has no 'ipsec_tunnel'" in str(refusal(read_tunnel, made, "a"))


# what the tunnel says about its key: reason with 'missing', or None for an error
METADATA = {
    "no metadata": ({}, "missing"),
    "metadata is null": ({"psk_metadata": None}, "missing"),
    "empty metadata": ({"psk_metadata": {}}, "missing"),
    "time is null": ({"psk_metadata": {"last_generated_on": None}}, "missing"),
    "Go's zero time": ({"psk_metadata": {"last_generated_on": "0001-01-01T00:00:00Z"}}, "missing"),
    "time": ({"psk_metadata": {"last_generated_on": "2026-01-01T00:00:00+02:00"}}, "not_due"),
    "no time": ({"psk_metadata": {"last_generated_on": "recently"}}, None),
}


@pytest.mark.parametrize("fields, reason", METADATA.values(), ids=METADATA)
def test_metadata(fields, reason):
    tunnel = {"id": "a", "name": "n", **fields}
    bodies = {"GET": [envelope({"ipsec_tunnel": tunnel})], "POST": [envelope({"psk": "generated-key"})]}
    with Loopback(bodies=bodies) as server, client(server.url) as made:
        if reason is None:
            assert "Use rotate: always" in str(refusal(rotate, made, options_for(ipsec_tunnel_id="a", **MISSING), False))
        else:
            result = rotate(made, options_for(ipsec_tunnel_id="a", **MISSING), False)
            assert (result["reason"], "psk" in result, "psk_age" in result) == (reason, reason == "missing", reason == "not_due")
        bodies["GET"][0] = envelope({"ipsec_tunnels": [tunnel]})
        assert rotate(made, options_for(name="n"), False)["psk"] == "generated-key"


# --- lost answers


def key(psk="the-second-key", last="2026-11-23T14:28:47.054317925Z"):
    return envelope({"psk": psk, "psk_metadata": {"last_generated_on": last}})


def tunnel(last):
    return envelope({"ipsec_tunnel": {"id": "a", "psk_metadata": {"last_generated_on": last}}})


RECOVER = "The key in force is now unknown, and Cloudflare never shows it. Run the task again"
CONFIRM = [GENERATE, GENERATE, READ]
LOST_KINDS = {
    "500": {"kind": "status", "status": 500},
    "502 in HTML": {"kind": "html", "status": 502},
    "503": {"kind": "status", "status": 503},
    "504 without a body": {"kind": "empty", "status": 504},
    "HTML with 200": {"kind": "html", "status": 200},
    "200 without a body": {"kind": "empty"},
    "200 without success": {"kind": "no_success_field"},
    "409 in HTML": {"kind": "html", "status": 409},
    "cut body": {"kind": "cut_body"},
    "cut connection": {"kind": "disconnect"},
    "no answer in time": {"kind": "slow", "seconds": 3},
}
# The word of something on the way, which would be the same the next time.
STAYING_KINDS = {
    "403 in HTML": {"kind": "html", "status": 403},
    "404 without a body": {"kind": "empty", "status": 404},
    "400 without success": {"kind": "no_success_field", "status": 400},
    "redirect": {"kind": "redirect"},
    "303": {"kind": "redirect", "status": 303},
}
UNCLEAR_KINDS = {**LOST_KINDS, **STAYING_KINDS}
REFUSED_KINDS = {
    "400": {"kind": "status", "status": 400, "code": 1022},
    "403": {"kind": "status", "status": 403, "code": 10000},
    "404": {"kind": "status", "status": 404, "code": 1032},
    "success: false with 200": {"kind": "not_success"},
}
TIMEOUT = {"slow": 0.3}


def when_of(kind):
    # A request that is carried out only after the client has given up is the one case that nobody can see.
    return ["after"] if kind["kind"] == "slow" else ["before", "after"]


@pytest.mark.parametrize("kind", UNCLEAR_KINDS.values(), ids=UNCLEAR_KINDS)
def test_lost_answer_is_replaced_and_confirmed(emulator, kind):
    tunnel_id = emulator.tunnel("paris-1")["id"]
    for when in when_of(kind):
        for max_retries in (0, 4):
            emulator.clear_requests()
            emulator.fault(path="psk_generate", when=when, **kind)
            with emulated(emulator, max_retries=max_retries, timeout=TIMEOUT.get(kind["kind"], 30.0)) as made:
                result = rotate(made, options_for(ipsec_tunnel_id=tunnel_id), False)
            assert sent(emulator) == [line.format(id=tunnel_id) for line in CONFIRM]
            assert result["psk"] == emulator.keys()[tunnel_id]
            (warning,) = result["warnings"]
            assert re.search(f"^The response with the key of tunnel {tunnel_id} was lost .* confirmed to be the one in force", warning)
            assert not [entry["psk"] for entry in emulator.key_log() if entry["psk"] in without_key(result)]


@pytest.mark.parametrize("kind", UNCLEAR_KINDS.values(), ids=UNCLEAR_KINDS)
def test_lost_answer_that_cannot_be_replaced(emulator, kind):
    tunnel_id = emulator.tunnel("paris-1")["id"]
    for when in when_of(kind):
        emulator.clear_requests()
        emulator.fault(path="psk_generate", when=when, times=2, **kind)
        with emulated(emulator, timeout=TIMEOUT.get(kind["kind"], 30.0)) as made:
            error = refusal(rotate, made, options_for(ipsec_tunnel_id=tunnel_id), False)
            assert sent(emulator) == [line.format(id=tunnel_id) for line in CONFIRM[:2]]
            assert "was lost" in str(error) and "could not be replaced" in str(error) and RECOVER in str(error)
            assert error.failure["path"].endswith("/psk_generate") and error.reached == UNKNOWN
            assert not [entry["psk"] for entry in emulator.key_log() if entry["psk"] in everything(error)]
            # What the message says is true.
            assert rotate(made, options_for(ipsec_tunnel_id=tunnel_id), False)["psk"] == emulator.keys()[tunnel_id]


@pytest.mark.parametrize("kind", REFUSED_KINDS.values(), ids=REFUSED_KINDS)
def test_refusal_is_not_a_lost_answer(emulator, kind):
    tunnel_id = emulator.tunnel("paris-1")["id"]
    before = emulator.keys()
    emulator.fault(path="psk_generate", **kind)
    with emulated(emulator) as made:
        error = refusal(rotate, made, options_for(ipsec_tunnel_id=tunnel_id), False)
    assert len(emulator.requests()) == 1
    assert "lost" not in str(error) and "unknown" not in str(error)
    assert emulator.keys() == before


@pytest.mark.parametrize("kind", REFUSED_KINDS.values(), ids=REFUSED_KINDS)
def test_refusal_after_a_lost_answer(emulator, kind):
    tunnel_id = emulator.tunnel("paris-1")["id"]
    emulator.fault(path="psk_generate", kind="disconnect", when="after")
    emulator.fault(path="psk_generate", **kind)
    with emulated(emulator) as made:
        error = refusal(rotate, made, options_for(ipsec_tunnel_id=tunnel_id), False)
    assert len(emulator.requests()) == 2
    assert "was lost" in str(error) and RECOVER in str(error)


@pytest.mark.parametrize("times, confirmed", [(1, True), (4, True), (5, False)])
@pytest.mark.parametrize("kind", [{"kind": "status", "status": 503}, {"kind": "cut_body"}, {"kind": "disconnect"}], ids=["503", "cut body", "cut connection"])
def test_confirmation_is_a_read_and_repeated(emulator, kind, times, confirmed):
    tunnel_id = emulator.tunnel("paris-1")["id"]
    emulator.fault(path="psk_generate", kind="disconnect", when="after")
    emulator.fault(method="GET", times=times, **kind)
    with emulated(emulator, max_retries=4) as made:
        if confirmed:
            assert rotate(made, options_for(ipsec_tunnel_id=tunnel_id), False)["psk"] == emulator.keys()[tunnel_id]
        else:
            assert RECOVER in str(refusal(rotate, made, options_for(ipsec_tunnel_id=tunnel_id), False))
    assert sent(emulator) == [line.format(id=tunnel_id) for line in [GENERATE] * 2 + [READ] * min(times + 1, 5)]


# name: last_generated_on of the second key, last_generated_on of the tunnel, is it confirmed
CONFIRMATIONS = {
    "equal": ("2026-11-23T14:28:47.054317925Z", "2026-11-23T14:28:47.054317925Z", True),
    "rounded": ("2026-11-23T14:28:47.054317925Z", "2026-11-23T14:28:47.054318Z", True),
    "another zone": ("2026-11-23T14:28:47.054317925Z", "2026-11-23T15:28:47.054318+01:00", True),
    "milliseconds": ("2026-11-23T14:28:47.054317925Z", "2026-11-23T14:28:47.054Z", True),
    "later": ("2026-11-23T14:28:47.054317925Z", "2026-11-23T14:28:47.056Z", False),
    "earlier": ("2026-11-23T14:28:47.054317925Z", "2026-11-23T14:28:46.054317Z", False),
    "years later": ("2026-11-23T14:28:47Z", "2036-11-23T14:28:47Z", False),
    "tunnel without": ("2026-11-23T14:28:47.054317925Z", None, False),
    "answer without": (None, "2026-11-23T14:28:47.054318Z", False),
    "both without": (None, None, False),
    "both Go's zero time": ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z", False),
    "tunnel's is not readable": ("2026-11-23T14:28:47Z", "recently", False),
    "answer's is not readable": ("recently", "2026-11-23T14:28:47Z", False),
}


@pytest.mark.parametrize("ours, theirs, confirmed", CONFIRMATIONS.values(), ids=CONFIRMATIONS)
def test_confirmation(ours, theirs, confirmed):
    bodies = {"POST": [b"cut", key(last=ours)], "GET": [tunnel(theirs)]}
    with Loopback(bodies=bodies) as server, client(server.url) as made:
        if confirmed:
            assert rotate(made, options_for(ipsec_tunnel_id="a"), False)["psk"] == "the-second-key"
        else:
            error = refusal(rotate, made, options_for(ipsec_tunnel_id="a"), False)
            assert RECOVER in str(error) and "the-second-key" not in everything(error)
    assert [method for method, dummy_path, dummy_headers in server.requests] == ["POST", "POST", "GET"]


def test_tolerance_is_wider_than_rounding_and_narrower_than_a_request():
    assert timedelta(microseconds=1) < TOLERANCE < timedelta(milliseconds=20)


NO_KEYS: dict[str, object] = {
    "null": None,
    "list": [],
    "empty": {},
    "key is null": {"psk": None},
    "key is a number": {"psk": 12345678},
    "empty key": {"psk": ""},
    "a mask": {"psk": "********"},
    "a lone surrogate": {"psk": "half-of-a-character-\ud83d-0123456789"},
    "a line break": {"psk": "two\nlines-01234567890123456789"},
    "key elsewhere": {"result": {"psk": "x"}},
}


@pytest.mark.parametrize("answer", NO_KEYS.values(), ids=NO_KEYS)
def test_success_without_a_key_is_a_lost_answer(answer):
    last = "2026-11-23T14:28:47Z"
    for bodies, success in (([envelope(answer), key(last=last)], True), ([envelope(answer)], False)):
        with Loopback(bodies={"POST": bodies, "GET": [tunnel(last)]}) as server, client(server.url) as made:
            if success:
                result = rotate(made, options_for(ipsec_tunnel_id="a"), False)
                assert result["psk"] == "the-second-key" and len(result["warnings"]) == 1
            else:
                error = refusal(rotate, made, options_for(ipsec_tunnel_id="a"), False)
                assert RECOVER in str(error) and error.reached == UNKNOWN


def test_key_without_metadata_is_a_key():
    with Loopback(body=envelope({"psk": "the-only-key"})) as server, client(server.url) as made:
        result = rotate(made, options_for(ipsec_tunnel_id="a"), False)
    assert (result["psk"], result["psk_metadata"], len(server.requests)) == ("the-only-key", {"last_generated_on": None}, 1)


@pytest.mark.parametrize("chosen", [{}, MISSING, EXPIRED], ids=["always", "missing", "expired"])
@pytest.mark.parametrize("name", ["oslo-1", "paris-2"])
def test_what_a_lost_answer_says_heals(emulator, name, chosen):
    """After a lost answer the tunnel has a young key, which nobody has: only rotate=always makes another one."""
    with emulated(emulator) as made:
        if chosen == MISSING:
            emulator.set_age(emulator.tunnel(name)["id"], None)
        emulator.fault(path="psk_generate", kind="disconnect", when="after", times=2)
        text = str(refusal(rotate, made, options_for(name=name, **chosen), False))
        assert "key in force is now unknown" in text
        if rotate(made, options_for(name=name, **chosen), False)["reason"] == "not_due":
            assert "rotate: always" in text
        assert rotate(made, options_for(name=name), False)["psk"] == emulator.keys()[emulator.tunnel(name)["id"]]


# --- keys of one's own


@pytest.mark.parametrize("kind", LOST_KINDS.values(), ids=LOST_KINDS)
def test_own_key_is_repeated_as_it_is(emulator, kind):
    tunnel_id = emulator.tunnel("paris-1")["id"]
    for when in when_of(kind):
        emulator.clear_requests()
        emulator.fault(path="/psk$", when=when, **kind)
        with emulated(emulator, timeout=TIMEOUT.get(kind["kind"], 30.0)) as made:
            result = rotate(made, options_for(ipsec_tunnel_id=tunnel_id, **SUPPLIED), False)
        see_to_requests(emulator, [SET, SET], {"id": tunnel_id}, OWN)
        assert emulator.keys()[tunnel_id] == OWN
        assert result["changed"] is True and OWN not in repr(result)
        assert {entry["psk"] for entry in emulator.key_log()} == {OWN}


@pytest.mark.parametrize("kind", STAYING_KINDS.values(), ids=STAYING_KINDS)
def test_own_key_and_a_word_of_something_on_the_way(emulator, kind):
    tunnel_id = emulator.tunnel("paris-1")["id"]
    for when in ("before", "after"):
        emulator.clear_requests()
        emulator.fault(path="/psk$", when=when, **kind)
        with emulated(emulator) as made:
            error = refusal(rotate, made, options_for(ipsec_tunnel_id=tunnel_id, **SUPPLIED), False)
        see_to_requests(emulator, [SET], {"id": tunnel_id}, OWN)
        assert error.reached == UNKNOWN
        assert (emulator.keys()[tunnel_id] == OWN) is (when == "after")


def test_own_key_without_an_answer(emulator):
    tunnel_id = emulator.tunnel("paris-1")["id"]
    emulator.fault(path="/psk$", kind="disconnect", when="after", times=9)
    with emulated(emulator, max_retries=2) as made:
        error = refusal(rotate, made, options_for(ipsec_tunnel_id=tunnel_id, **SUPPLIED), False)
    assert len(emulator.requests()) == 3 and error.reached == UNKNOWN


# name: the API's answer, what the error says
UNAPPLIED = {
    "reason": ({"successfully_applied_psks": {}, "unapplied_psks": {"a": "tunnel is busy"}}, "tunnel a: tunnel is busy. The previous key is still in force"),
    "reason that quotes the key": ({"unapplied_psks": {"a": f"bad key {OWN}"}}, r"bad key \*{8}"),
    "reason that is no text": ({"unapplied_psks": {"a": {"code": 1, "psk": OWN}}}, "did not set the key"),
    "another tunnel": ({"unapplied_psks": {"b": "x"}}, "does not say whether"),
    "a list": ({"unapplied_psks": ["a"]}, "does not say whether"),
    "both": ({"successfully_applied_psks": {"a": {"psk": OWN}}, "unapplied_psks": {"a": "x"}}, "did not set the key"),
    "neither": ({}, "does not say whether .* Run the task again"),
    "nothing": (None, "does not say whether"),
    "list": ([], "does not say whether"),
    "applied to another": ({"successfully_applied_psks": {"b": {"psk": OWN}}}, "does not say whether"),
    "applied is a list": ({"successfully_applied_psks": ["a"]}, "does not say whether"),
}


@pytest.mark.parametrize("answer, expected", UNAPPLIED.values(), ids=UNAPPLIED)
def test_own_key_that_is_not_applied(answer, expected):
    with Loopback(body=envelope(answer)) as server, client(server.url) as made:
        error = refusal(rotate, made, options_for(ipsec_tunnel_id="a", **SUPPLIED), False)
    assert re.search(expected, str(error)) and len(server.requests) == 1


def test_own_key_that_the_answer_echoes(emulator):
    tunnel_id = emulator.tunnel("paris-1")["id"]
    with emulated(emulator) as made:
        assert OWN not in repr(set_key(made, tunnel_id, OWN))
        assert OWN not in repr(set_key(made, tunnel_id, OWN, validate_only=True))


# --- check mode where Cloudflare does not heed validate_only


def set_answer(emulator, answer):
    state = emulator.state()
    state["settings"]["validate_only_psk"] = answer
    emulator.set_state(state)


@pytest.mark.parametrize("chosen", [{}, MISSING], ids=["always", "missing"])
@pytest.mark.parametrize("by", [BY_ID, BY_NAME])
def test_a_check_that_makes_a_key_returns_it(emulator, by, chosen):
    set_answer(emulator, "real")
    tunnel = emulator.tunnel("oslo-1")
    with emulated(emulator) as made:
        result = rotate(made, options_for(**{by: tunnel["name" if by == BY_NAME else "id"]}, **chosen), True)
    now = emulator.tunnel("oslo-1")
    assert result["psk"] and result["psk"] == emulator.keys()[tunnel["id"]]
    assert (result["changed"], result["validated"]) == (True, False)
    assert result["psk_metadata"]["last_generated_on"] == read_time(now)
    (warning,) = result["warnings"]
    assert "although the request asked only for validation" in warning and "dry_run: read_only" in warning
    assert result["psk"] not in without_key(result)


def test_a_check_whose_answer_with_a_key_is_lost_says_so(emulator):
    set_answer(emulator, "real")
    tunnel_id = emulator.tunnel("paris-1")["id"]
    emulator.fault(path="psk_generate", kind="disconnect", when="after")
    with emulated(emulator, max_retries=0) as made:
        result = rotate(made, options_for(ipsec_tunnel_id=tunnel_id), True)
        assert result["failed"] and "key in force is now unknown" in result["msg"] and "psk" not in result
        set_answer(emulator, "decoy")
        emulator.fault(path="psk_generate", kind="disconnect", when="after")
        error = refusal(rotate, made, options_for(ipsec_tunnel_id=tunnel_id), True)
    # The tunnel says that nothing has happened.
    assert error.reached == REFUSED


def test_a_check_that_cannot_be_looked_at_keeps_the_key(emulator):
    set_answer(emulator, "real")
    tunnel_id = emulator.tunnel("paris-1")["id"]
    emulator.fault(method="GET", path=tunnel_id, kind="status", status=403, code=10000, skip=1)
    with emulated(emulator) as made:
        result = rotate(made, options_for(ipsec_tunnel_id=tunnel_id), True)
    assert result["failed"] and result["psk"] == emulator.keys()[tunnel_id]
    assert "not known whether" in result["msg"] and result["psk"] not in without_key(result)


@pytest.mark.parametrize("answer", ["decoy", "null", "real"])
def test_a_read_only_check_generates_nothing(emulator, answer):
    set_answer(emulator, answer)
    before = emulator.keys()
    tunnel_id = emulator.tunnel("paris-1")["id"]
    with emulated(emulator) as made:
        result = rotate(made, options_for(ipsec_tunnel_id=tunnel_id, dry_run="read_only"), True)
    assert (result["changed"], result["validated"]) == (True, True) and "psk" not in result
    assert emulator.keys() == before and emulator.key_log() == []
    assert sent(emulator) == [READ.format(id=tunnel_id), SET + "?validate_only=true", READ.format(id=tunnel_id)]


def test_a_key_of_another_tunnel_is_not_taken(emulator):
    other = json.dumps({"success": True, "result": {"psk": "a-key-of-another-tunnel", "ipsec_tunnel_id": "b", "psk_metadata": {}}}).encode()
    with Loopback(bodies={"POST": [other], "GET": [envelope({"ipsec_tunnel": {"id": "a"}})]}) as server, client(server.url, max_retries=0) as made:
        error = refusal(rotate, made, options_for(ipsec_tunnel_id="a"), False)
    assert error.reached == UNKNOWN and "a-key-of-another-tunnel" not in everything(error)


# --- ages by Cloudflare's clock


def test_age_is_measured_by_the_date_of_the_answer(emulator, monkeypatch):
    real = datetime.now(timezone.utc)

    class Behind(datetime):
        @classmethod
        def now(cls, tz=None):
            return real - timedelta(days=400)

    monkeypatch.setattr("ansible_collections.cloudflare.magic.plugins.module_utils._client.datetime", Behind)
    with emulated(emulator) as made:
        result = rotate(made, options_for(name="paris-2", rotate="missing"), False)
    assert 100 * DAY - 5 <= result["psk_age"] <= 100 * DAY + 3600
    assert "warnings" not in result


def test_a_key_from_the_future_is_said_to_be_one(emulator):
    emulator.set_age(emulator.tunnel("paris-1")["id"], -DAY)
    with emulated(emulator) as made:
        result = rotate(made, options_for(name="paris-1", rotate="missing"), False)
    assert "dated in the future" in result["warnings"][0]


# --- who keeps keys is told before and after


class Notes(Keeper):
    def __init__(self, interrupted=False):
        self.told = []
        self._interrupted = interrupted

    def interrupted(self, tunnel_id):
        return self._interrupted

    def begin(self, object_id, name):
        self.told.append("begin")

    def unchanged(self, object_id):
        self.told.append("unchanged")


KEPT = {
    "made": ({}, {}, ["begin"]),
    "supplied": (SUPPLIED, {}, ["begin"]),
    "refused": ({}, {"kind": "status", "status": 403, "code": 10000}, ["begin", "unchanged"]),
    "supplied and refused": (SUPPLIED, {"kind": "status", "status": 403, "code": 10000}, ["begin", "unchanged"]),
    "lost": ({}, {"kind": "disconnect", "when": "after", "times": 2}, ["begin"]),
    "not due": (MISSING, {}, []),
}


@pytest.mark.parametrize("chosen, fault, told", KEPT.values(), ids=KEPT)
def test_keeper_is_told(emulator, chosen, fault, told):
    if fault:
        emulator.fault(method="POST", path="psk", **fault)
    notes = Notes()
    with emulated(emulator, max_retries=0) as made:
        try:
            rotate(made, options_for(ipsec_tunnel_id=emulator.tunnel("paris-1")["id"], **chosen), False, notes)
        except MagicError:
            pass
    assert notes.told == told


def test_an_interrupted_replacement_is_due(emulator):
    with emulated(emulator) as made:
        result = rotate(made, options_for(name="paris-1", **MISSING), False, Notes(interrupted=True))
    assert (result["reason"], result["psk"]) == ("interrupted", emulator.keys()[result["ipsec_tunnel_id"]])


@pytest.mark.parametrize("form", [str, html.escape, quote_plus, lambda text: json.dumps([text])])
def test_reason_why_a_key_was_not_set_is_harmless(form):
    """It shows neither keys nor the token, however they are quoted, and cannot control the terminal."""
    key = 'the-"key"-<that>&must/not-be-seen-0123456789'
    reason = f"refused\x1b[2J\u202e: {form(key)} with {form(TOKEN)}\nok: [forged]"
    with Loopback(body=envelope({"unapplied_psks": {"a": reason, "b": {"why": [reason]}}})) as server, client(server.url) as made:
        unapplied = set_keys(made, {"a": key, "b": key + "-2"}).unapplied
    for text in unapplied.values():
        assert "must" not in text and TOKEN not in text and text.count("********") == 2
        assert text.isprintable() and "refused" in text and "forged" in text


BEFORE, OURS, OTHERS = "2026-11-23T14:00:00Z", "2026-11-23T14:28:47.054317925Z", "2026-11-23T14:28:48Z"


@pytest.mark.parametrize("after, made", [(OURS, True), (OTHERS, False), (BEFORE, None)], ids=["Cloudflare did", "someone else did", "nobody did"])
def test_a_check_takes_the_key_only_if_its_date_is_that_of_the_answer(after, made):
    """The date can move because someone else creates a key meanwhile: the one in the answer is in force nowhere then."""
    with Loopback(bodies={"POST": [key("the-key-of-the-check", OURS)], "GET": [tunnel(BEFORE), tunnel(after)]}) as server, client(server.url) as asked:
        result = rotate(asked, options_for(ipsec_tunnel_id="a"), True)
    assert result.get("psk") == ("the-key-of-the-check" if made else None)
    assert result["validated"] is (not made)
    assert any("replaced by another user or process" in warning for warning in result.get("warnings", [])) is (made is False)


@pytest.mark.parametrize("about", [{"ipsec_tunnel_id": "b"}, {"id": "b"}, {"psk": "another-key-than-the-one-sent"}], ids=repr)
def test_an_answer_about_another_tunnel_or_key_applies_nothing(about):
    answer = envelope({"successfully_applied_psks": {"a": {**about, "psk_metadata": {"last_generated_on": OURS}}}, "unapplied_psks": {}})
    with Loopback(body=answer) as server, client(server.url) as asked:
        assert set_keys(asked, {"a": OWN}).applied == {}
        assert refusal(set_key, asked, "a", OWN).reached == UNKNOWN


@pytest.mark.parametrize("shown", [OWN, "********", "$REDACTED$", "", None])
def test_an_answer_may_hide_the_key_that_it_applies(shown):
    answer = envelope({"successfully_applied_psks": {"a": {"ipsec_tunnel_id": "a", "psk": shown, "psk_metadata": {}}}})
    with Loopback(body=answer) as server, client(server.url) as asked:
        assert set(set_keys(asked, {"a": OWN}).applied) == {"a"}


def test_a_refusal_of_a_repeated_request_leaves_a_doubt():
    """The request whose answer was lost may have set the key that the repetition could not set any more."""
    refused = envelope({"unapplied_psks": {"a": "tunnel is busy"}})
    for bodies, repeated in (([b"", refused], True), ([refused], False)):
        with Loopback(bodies={"POST": bodies}) as server, client(server.url) as asked:
            assert set_keys(asked, {"a": OWN}).repeated is repeated
    with Loopback(bodies={"POST": [b"", refused]}) as server, client(server.url) as asked:
        error = refusal(set_key, asked, "a", OWN)
    assert error.reached == UNKNOWN and "tunnel is busy. An earlier request may have set it." in str(error)


def test_a_lost_answer_to_ones_own_key_says_what_to_do():
    with Loopback(status=500, body=b"oops") as server, client(server.url, max_retries=0) as asked:
        error = refusal(set_key, asked, "a", OWN)
    assert error.reached == UNKNOWN and "setting the same key twice is safe" in str(error)


@pytest.mark.parametrize("form", [str, html.escape, quote_plus, lambda text: json.dumps([text])])
def test_no_later_error_quotes_a_generated_key(form):
    """Neither that of the request which confirms it, nor that of another task with the same client."""
    made_key = 'the-"key"-<that>&must/not-be-seen-0123456789'
    quoting = envelope(success=False, errors=[{"code": 1, "message": f"what about {form(made_key)}?"}])
    with Loopback(bodies={"POST": [b"", key(made_key)], "GET": [quoting], "PUT": [quoting]}) as server, client(server.url) as made:
        for call in (
            lambda: rotate(made, options_for(ipsec_tunnel_id="a"), False),
            lambda: rotate(made, options_for(name="n"), False),
            lambda: made.request("PUT", ["ipsec_tunnels", "a"], body={}),
        ):
            text = everything(refusal(call))
            assert "what about" in text and "********" in text and "must" not in text and "0123456789" not in text


def test_a_key_of_a_rehearsal_is_in_no_later_error():
    body = envelope({"ipsec_tunnel_id": "another", "psk": "the-key-of-another-tunnel"})
    quoting = envelope(success=False, errors=[{"code": 1, "message": "what about the-key-of-another-tunnel?"}])
    with Loopback(bodies={"GET": [tunnel(None), quoting], "POST": [body]}) as server, client(server.url) as made:
        result = rotate(made, options_for(ipsec_tunnel_id="a"), True)
    assert "what about ********?" in result["msg"] and "the-key-of" not in repr(result)


def test_an_answer_in_small_letters_is_about_the_tunnel_in_capitals():
    asked = {"53D2D98F1309E8F9": OWN, "Other": OWN + "-2"}
    answer = {
        "successfully_applied_psks": {"53d2d98f1309e8f9": {"psk_metadata": {"last_generated_on": "2026-11-23T14:28:47Z"}}},
        "unapplied_psks": {"other": "another one, because this is no hexadecimal number"},
    }
    with Loopback(body=envelope(answer)) as server, client(server.url) as made:
        applied, unapplied, dummy = set_keys(made, asked)
    assert (applied, unapplied) == ({"53D2D98F1309E8F9": "2026-11-23T14:28:47Z"}, {})
