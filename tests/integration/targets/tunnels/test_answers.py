# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is believed of answers: a key in the answer to any request is shown nowhere, and an object that was not asked for is nobody's result."""

from __future__ import annotations

import pytest
from conftest import LYON, MODULES, NEW, NO_KEY, task

from ansible_collections.cloudflare.magic.tests.integration.support.hostile import Evil

ECHOED = "EchoedKeyEchoedKeyEchoedKeyEchoedKey"


def echoing(value):
    """Put a key into each tunnel of an answer, also deeper."""
    if isinstance(value, dict):
        value = {name: echoing(item) for name, item in value.items()}
        if "interface_address" in value:
            value |= {"psk": ECHOED, "psk_metadata": {**value.get("psk_metadata", {}), "psk": ECHOED}, "more": [{"PSK": ECHOED}]}
    return [echoing(item) for item in value] if isinstance(value, list) else value


def test_a_key_in_an_answer_is_shown_nowhere(emulator, play, leaked):
    paris = {"name": "paris-1"}
    echo = Evil(emulator, echoing)
    tasks = [
        task("ipsec_tunnel_info", {}, "all"),
        task("ipsec_tunnel_info", {"ipsec_tunnel_id": emulator.tunnel("paris-1")["id"]}, "one"),
        task("ipsec_tunnel", {**paris, "description": "x"}, "check", check_mode=True),
        task("ipsec_tunnel", {**paris, "description": "x"}, "change"),
        task("ipsec_tunnel", {**paris, "description": "x"}, "again"),
        task("ipsec_tunnel", LYON, "make"),
        task("ipsec_tunnel", {**LYON, "state": "absent"}, "gone_check", check_mode=True),
        task("ipsec_tunnel", {**LYON, "state": "absent"}, "gone"),
        task("static_route", {"prefix": "192.0.2.0/24", "nexthop_tunnel": "paris-1", "priority": 9}, "route", check_mode=True),
    ]
    try:
        played = play(tasks, env=echo.environment, args=["-vvv", "--diff"], warns=[NO_KEY])
    finally:
        echo.close()
    assert played.rc == 0, played.screen
    results = played["here"]
    assert [results[name]["changed"] for name in ("check", "change", "again", "make", "gone_check", "gone", "route")] == [
        True,
        True,
        False,
        True,
        True,
        True,
        True,
    ]
    for shown in (*results["all"]["ipsec_tunnels"], *results["one"]["ipsec_tunnels"], results["again"]["ipsec_tunnel"], results["make"]["ipsec_tunnel"]):
        assert "psk" not in shown and shown["more"] == [{}], "the answer was another one"
    assert results["again"]["ipsec_tunnel"]["psk_metadata"]["last_generated_on"]
    assert leaked(played.written(), [ECHOED]) == []
    assert ECHOED not in str(results)


@pytest.mark.parametrize("kind", NEW)
def test_a_new_object_is_not_taken_for_another(emulator, play, kind):
    """The answer is about another one, about one that was there, or a list that begins with one; the next task has no wrong id, and once more is enough."""
    before = emulator.state()
    others = emulator.state()[f"{kind}s"]
    module = MODULES[kind]
    emulator.clear_requests()
    emulator.fault(kind="other_id", method="POST", path=f"{kind}s")
    emulator.fault(kind="other_id", method="POST", path=f"{kind}s", id=others[1]["id"])
    absent = {**{name: value for name, value in NEW[kind].items() if name != "priority"}, "state": "absent"}
    tasks = []
    for label in ("whole", "id"):
        tasks += [task(kind, NEW[kind], f"wrong_{label}", ignore_errors=True), task(kind, NEW[kind], f"again_{label}"), task(kind, absent, f"gone_{label}")]
    played = play(tasks, env=emulator.environment())
    assert played.rc == 0, played.screen
    results = played["here"]
    assert emulator.faults() == []
    for label in ("whole", "id"):
        wrong, again = results[f"wrong_{label}"], results[f"again_{label}"]
        assert (wrong["failed"], wrong["changed"], module in wrong) == (True, True, False)
        for words in (
            "describes an object other than the new one",
            *(str(NEW[kind][key]) for key in ("name", "prefix") if key in NEW[kind]),
            "may have been created",
            "Run the task again",
        ):
            assert words in wrong["msg"]
        assert again["changed"] is False and again[module]["id"] not in {item["id"] for item in others}
        assert results[f"gone_{label}"]["changed"] is True
    assert emulator.state() == before
    assert len([request for request in emulator.requests() if request["method"] == "POST"]) == 2


def test_a_list_that_begins_with_another(emulator, play):
    """Older answers to a POST are lists; values are compared, not their spelling."""
    others = emulator.state()["routes"]

    def listed(value):
        made = value.get("result") or {}
        if "id" in made:
            value["result"] = {"routes": [others[0], made] if made["prefix"] == "192.0.2.0/24" else [{**made, "prefix": "2001:DB8:0::/48"}]}
        return value

    lists = Evil(emulator, listed)
    tasks = [
        task("static_route", {**NEW["route"]}, "wrong", ignore_errors=True),
        task("static_route", {"prefix": "2001:db8::/48", "nexthop": "fd00:213::b", "priority": 5}, "right"),
    ]
    try:
        played = play(tasks, env=lists.environment)
    finally:
        lists.close()
    assert played.rc == 0, played.screen
    wrong, right = played["here"]["wrong"], played["here"]["right"]
    assert wrong["failed"] and "(see its id, prefix)" in wrong["msg"] and others[0]["id"] not in str(wrong)
    assert right["changed"] is True and right["static_route"]["id"] in {route["id"] for route in emulator.state()["routes"]}
