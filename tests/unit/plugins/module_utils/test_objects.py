# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is asked of Cloudflare to bring an object into being, to change it, and to end it; and what is believed of the answers."""

from __future__ import annotations

import contextlib
import json

import pytest

from ansible_collections.cloudflare.magic.plugins.module_utils._errors import UNKNOWN
from ansible_collections.cloudflare.magic.plugins.module_utils._kinds import GRE_TUNNEL, IPSEC_TUNNEL, ROUTE
from ansible_collections.cloudflare.magic.plugins.module_utils._objects import apply_one, read_some
from ansible_collections.cloudflare.magic.tests.unit.plugins.helpers import OWN, Loopback, client, emulated, envelope, refusal, sent

NEW = {"name": "rome-1", "cloudflare_endpoint": "203.0.113.1", "interface_address": "10.213.0.60/31"}
WAY = {"prefix": "192.0.2.0/24", "nexthop": "10.213.0.11", "priority": 100}
THERE = {"id": "a" * 32, **NEW}
NOBODY = "0" * 32


def options(kind, spec=None, **chosen):
    """Return all options of a module as the argument specification fills them in."""
    known = (spec or kind.options).argument_spec
    assert set(chosen) <= set(known)
    return {name: chosen.get(name, option.get("default")) for name, option in known.items()}


def applied(emulator, kind, check_mode=False, claims=None, **chosen):
    """Do the work of a module on the emulator; return its result, and what was sent for it."""
    emulator.clear_requests()
    own = {} if claims is None else {"claims": lambda: contextlib.nullcontext(claims)}
    with emulated(emulator) as made:
        result = apply_one(kind, made, options(kind, **chosen), check_mode, **own)
    return result, sent(emulator)


def writes(requests):
    return [request.split(" ")[0] for request in requests if not request.startswith("GET")]


@pytest.mark.parametrize("kind, wish", [(IPSEC_TUNNEL, NEW), (ROUTE, WAY)], ids=["tunnel", "route"])
def test_an_object_comes_stays_changes_and_goes(emulator, kind, wish):
    first, requests = applied(emulator, kind, **wish)
    assert first["changed"] and writes(requests) == ["POST"]
    object_id = first[kind.result]["id"]
    again, requests = applied(emulator, kind, **wish)
    assert not again["changed"] and writes(requests) == [] and again[kind.result]["id"] == object_id
    other, requests = applied(emulator, kind, **{kind.id_option: object_id}, description="another")
    assert other["changed"] and writes(requests) == ["PUT"] and other[kind.result]["description"] == "another"
    keys = {key: wish[key] for key in kind.keys}
    gone, requests = applied(emulator, kind, **keys, state="absent")
    assert gone["changed"] and writes(requests) == ["DELETE"] and gone["diff"]["after"] == {}
    for chosen in (keys, {kind.id_option: object_id}):
        absent, requests = applied(emulator, kind, **chosen, state="absent")
        assert not absent["changed"] and writes(requests) == []


@pytest.mark.parametrize("state, code, absent", [("absent", 1032, True), ("absent", 7003, False), ("present", 1032, False)])
def test_only_its_own_code_says_that_an_object_is_absent(emulator, state, code, absent):
    """Of a wrong account, nothing can be said; and what should be there has to be there under its id."""
    emulator.fault(kind="status", status=404, code=code, message="nothing here", method="GET")
    with emulated(emulator) as made:
        chosen = options(IPSEC_TUNNEL, ipsec_tunnel_id=NOBODY, state=state, description=None if state == "absent" else "x")
        if absent:
            assert apply_one(IPSEC_TUNNEL, made, chosen, False)["changed"] is False
        else:
            assert f"[{code}]" in str(refusal(apply_one, IPSEC_TUNNEL, made, chosen, False))
    assert writes(sent(emulator)) == []


@pytest.mark.parametrize("kind, wish, asked", [(IPSEC_TUNNEL, {"name": "paris-1"}, 1), (ROUTE, None, 0)], ids=["tunnel", "route"])
def test_a_check_of_a_deletion_is_asked_for_where_it_is_heeded(emulator, kind, wish, asked):
    route = emulator.state()["routes"][0]
    result, requests = applied(emulator, kind, True, **(wish or {"static_route_id": route["id"]}), state="absent")
    assert result["changed"] and result.get("validated", False) is bool(asked)
    deletions = [request for request in requests if request.startswith("DELETE")]
    assert len(deletions) == asked and all("validate_only=true" in request for request in deletions)


def test_what_is_only_checked_is_not_compared_with_the_answer(emulator):
    result, requests = applied(emulator, IPSEC_TUNNEL, True, name="paris-1", description="another")
    assert result["validated"] and "warnings" not in result and requests[-1].endswith("?validate_only=true")
    assert emulator.tunnel("paris-1")["description"] != "another"


@pytest.mark.parametrize("said_in_check_mode, then", [(True, "PUT"), (False, "POST")])
def test_what_a_check_has_said_binds_no_real_task(emulator, said_in_check_mode, then):
    """Another priority means another route if an earlier task of the run has decided on the one that is there."""
    applied(emulator, ROUTE, **WAY)
    claims: list = []
    applied(emulator, ROUTE, said_in_check_mode, claims, **WAY)
    assert [claim.check_mode for claim in claims] == [said_in_check_mode]
    dummy, requests = applied(emulator, ROUTE, False, claims, **{**WAY, "priority": 200})
    assert writes(requests) == [then]


def test_tunnels_are_read_once_to_find_the_next_hop(emulator):
    result, requests = applied(emulator, ROUTE, prefix="192.0.2.0/24", nexthop_tunnel="paris-1", priority=9)
    assert result["changed"] and len(requests) == len(set(requests)), requests


@pytest.mark.parametrize(
    "there, chosen, sends",
    [
        (False, {}, True),
        (True, {"update_psk": "on_create"}, False),
        (True, {"update_psk": "on_create", "description": "x"}, False),
        (True, {"update_psk": "always"}, True),
    ],
)
def test_when_a_key_is_sent(emulator, there, chosen, sends):
    if there:
        applied(emulator, IPSEC_TUNNEL, **NEW)
    emulator.clear_requests()
    with emulated(emulator) as made:
        apply_one(IPSEC_TUNNEL, made, options(IPSEC_TUNNEL, **NEW, psk=OWN, **chosen), False)
    assert [OWN in (request["body"] or "") for request in emulator.requests() if request["method"] != "GET"] == ([sends] if sends or len(chosen) > 1 else [])
    assert (emulator.keys()[emulator.tunnel("rome-1")["id"]] == OWN) is sends


@pytest.mark.parametrize(
    "method, chosen, state",
    [
        ("POST", NEW, "The IPsec tunnel may have been created"),
        ("PUT", {"name": "paris-1", "description": "x"}, "The IPsec tunnel may have been updated"),
        ("DELETE", {"name": "paris-1", "state": "absent"}, "The IPsec tunnel may have been deleted"),
    ],
)
def test_a_lost_answer_says_what_may_be(emulator, method, chosen, state):
    emulator.fault(kind="disconnect", method=method)
    with emulated(emulator) as made:
        error = refusal(apply_one, IPSEC_TUNNEL, made, options(IPSEC_TUNNEL, **chosen), False)
    assert state in str(error) and error.reached == UNKNOWN
    assert writes(sent(emulator)) == [method]


def answered(method, result, chosen):
    """Return what ``apply_one`` makes of this answer to a write, with one tunnel there."""
    bodies = {"GET": [envelope({"ipsec_tunnels": [THERE]})], method: [envelope(result)]}
    with Loopback(bodies=bodies) as server, client(server.url) as made:
        return apply_one(IPSEC_TUNNEL, made, options(IPSEC_TUNNEL, **chosen), False)


OTHER = {**NEW, "name": "rome-2", "interface_address": "10.213.0.62/31"}
WRONG = {
    "an id that is there already": ("POST", {"ipsec_tunnels": [{**OTHER, "id": THERE["id"]}]}, OTHER, "an object other than the new one"),
    "another name": ("POST", {"ipsec_tunnels": [{**NEW, "id": "b" * 32}]}, OTHER, "an object other than the new one"),
    "no id": ("POST", {"ipsec_tunnels": [OTHER]}, OTHER, "has no 'id'"),
    "not modified": ("PUT", {"modified": False}, {**NEW, "description": "x"}, "says that it was not modified"),
    "nothing of it": ("PUT", {}, {**NEW, "description": "x"}, "has no 'modified'"),
    "another one modified": ("PUT", {"modified": True, "modified_ipsec_tunnel": {"id": "c" * 32}}, {**NEW, "description": "x"}, "an object other than"),
    "not deleted": ("DELETE", {"deleted": False}, {"name": "rome-1", "state": "absent"}, "says that it was not deleted"),
}


@pytest.mark.parametrize("method, result, chosen, words", WRONG.values(), ids=WRONG)
def test_answers_that_are_not_taken(method, result, chosen, words):
    assert words in str(refusal(answered, method, result, chosen))


def test_an_answer_without_an_id_is_about_the_object_that_was_asked_for():
    """A write without the id would be one for all objects."""
    bodies = {"GET": [envelope({"ipsec_tunnel": NEW})], "PUT": [envelope({"modified": True, "modified_ipsec_tunnel": NEW})]}
    with Loopback(bodies=bodies) as server, client(server.url) as made:
        apply_one(IPSEC_TUNNEL, made, options(IPSEC_TUNNEL, ipsec_tunnel_id=THERE["id"], description="x"), False)
    assert [path.rsplit("/", 1)[1] for dummy, path, dummy_headers in server.requests] == [THERE["id"]] * 2


def test_a_key_in_an_answer_gets_into_no_result():
    for method, result, chosen in (
        ("PUT", {"modified": True, "modified_ipsec_tunnel": {**THERE, "description": "x", "psk": OWN}}, {**NEW, "description": "x"}),
        ("POST", {"ipsec_tunnels": [{**OTHER, "id": "b" * 32, "psk": OWN}]}, OTHER),
    ):
        assert OWN not in json.dumps(answered(method, result, chosen))


def test_an_error_does_not_quote_the_key_that_was_sent():
    quoting = envelope(success=False, errors=[{"code": 1, "message": f"what about {OWN}?"}])
    with Loopback(bodies={"GET": [envelope({"ipsec_tunnels": []})], "POST": [quoting]}) as server, client(server.url) as made:
        assert "what about ********?" in str(refusal(apply_one, IPSEC_TUNNEL, made, options(IPSEC_TUNNEL, **NEW, psk=OWN), False))


@pytest.mark.parametrize("kind", [IPSEC_TUNNEL, GRE_TUNNEL, ROUTE], ids=lambda kind: kind.single)
def test_what_is_read(emulator, kind):
    there = emulator.state()[kind.several]

    def found(**chosen):
        with emulated(emulator) as made:
            result = read_some(kind, made, options(kind, kind.info_options, **chosen))
        assert result["changed"] is False
        return result[kind.results]

    assert {item["id"] for item in found()} >= {item["id"] for item in there if item.get("account_id") in (None, emulator.account_id)}
    one = there[0]
    assert [item["id"] for item in found(**{kind.id_option: one["id"]})] == [one["id"]]
    assert one["id"] in [item["id"] for item in found(**{key: one[key] for key in kind.keys})]
    assert all(("psk_age" in item) is kind.has_psk and "psk" not in item for item in found())
