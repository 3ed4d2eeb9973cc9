# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A tunnel made with a key of one's own: when it is sent, and that nobody gets to see it."""

from __future__ import annotations

import json
from typing import NamedTuple

import pytest
from conftest import LEAKS, task, writes

PLACES = ("here", "there")
PLACE = pytest.mark.parametrize("place", PLACES)
# With characters that JSON, URLs and Python write differently.
KEYS = {
    "FIRST": "First key of one's own \"\\/+%41&<é> 0123456789",
    "SECOND": "Second key of one's own \"\\/+%41&<é> 0123456789",
    "THIRD": "Third key of one's own \"\\/+%41&<é> 0123456789",
    "REFUSED": "Refused key of one's own \"\\/+%41&<é> 0123456789",
    "SHORT": "short-key-16-let",
}
NAMES = {"here": "lyon-1", "there": "graz-1"}
NEW = {
    "name": "{{ names[inventory_hostname] }}",
    "cloudflare_endpoint": "203.0.113.1",
    "interface_address": "10.213.0.{{ 60 if inventory_hostname == 'here' else 70 }}/31",
}


class Step(NamedTuple):
    """The key that a task gives, what else it says, its keywords, the method of what it sends, and the key in force afterwards."""

    key: str
    options: dict
    keywords: dict
    method: str | None
    in_force: str | None


STEPS = {
    "create_in_check_mode": Step("FIRST", {}, {"check_mode": True}, "POST", None),
    "create": Step("FIRST", {}, {}, "POST", "FIRST"),
    "again": Step("FIRST", {}, {}, None, "FIRST"),
    "another_key": Step("SECOND", {}, {}, None, "FIRST"),
    "always_in_check_mode": Step("SECOND", {"update_psk": "always"}, {"check_mode": True}, "PUT", "FIRST"),
    "each_time": Step("SECOND", {"update_psk": "always"}, {}, "PUT", "SECOND"),
    "always_and_a_field": Step("THIRD", {"update_psk": "always", "description": "changed"}, {}, "PUT", "THIRD"),
    "refused": Step("REFUSED", {"update_psk": "always"}, {"ignore_errors": True}, "PUT", "THIRD"),
    "short": Step("SHORT", {"update_psk": "always"}, {}, "PUT", "SHORT"),
}


@pytest.fixture(scope="module")
def run(emulator, play, tmp_path_factory):
    """All steps, here and there, with everything on the screen that Ansible can show, and a callback plugin that writes down all that it gets."""
    refused = f"Invalid Request: psk {KEYS['REFUSED']} has no good form"
    emulator.fault(kind="status", status=400, code=1022, message=refused, method="PUT", path="ipsec_tunnels/", skip=3 * len(PLACES), times=len(PLACES))
    folder = tmp_path_factory.mktemp("psk")
    for name in ("callback", "fields"):
        (folder / "dump" / name).mkdir(parents=True)
    tasks = [
        task("ipsec_tunnel", {**NEW, "psk": f"{{{{ lookup('ansible.builtin.env', 'KEY_{step.key}') }}}}", **step.options}, label, **step.keywords)
        for label, step in STEPS.items()
    ]
    env = {
        **emulator.environment(),
        **{f"KEY_{name}": key for name, key in KEYS.items()},
        "ANSIBLE_DEBUG": "1",
        # So that the module travels as a file.
        "ANSIBLE_PIPELINING": "0",
        "ANSIBLE_CALLBACK_PLUGINS": str(LEAKS / "callback_plugins"),
        "ANSIBLE_CALLBACKS_ENABLED": "dump",
        "LEAKS_DUMP": str(folder / "dump"),
    }
    played = play(tasks, hosts=PLACES, env=env, folder=folder, args=["-vvv", "--diff"], vars={"names": NAMES}, warns=["psk is shorter than 32"])
    assert played.rc == 0, played.screen
    return played


@pytest.fixture(scope="module")
def sent(run, emulator):
    """The bodies that were sent for each host: with the method, and whether only to be validated. The hosts take turns."""
    requests = [{**request, "json": json.loads(request["body"])} for request in writes(emulator.requests())]
    return {place: [request for request in requests if request["json"]["name"] == name] for place, name in NAMES.items()}


@PLACE
def test_keys_are_sent_when_they_shall_be(sent, place):
    found = [(request["method"], request["json"]["psk"], request["query"].get("validate_only")) for request in sent[place]]
    assert found == [
        (method, KEYS[key], "true" if keywords.get("check_mode") else None) for key, dummy, keywords, method, dummy_key in STEPS.values() if method
    ]


@PLACE
def test_keys_in_force(run, emulator, place):
    tunnel_id = emulator.tunnel(NAMES[place])["id"]
    log = [entry["psk"] for entry in emulator.key_log() if entry["tunnel_id"] == tunnel_id]
    in_force = [step.in_force for step in STEPS.values() if step.in_force]
    assert log == [KEYS[key] for number, key in enumerate(in_force) if in_force[:number][-1:] != [key]]
    assert emulator.keys()[tunnel_id] == KEYS["SHORT"]


@PLACE
@pytest.mark.parametrize("label", STEPS)
def test_results_say_what_happened(run, place, label):
    result, step = run[place][label], STEPS[label]
    if label == "refused":
        assert result["failed"] is True and result["changed"] is False
        for word in ("PUT", "HTTP 400", "[1022]", "has no good form"):
            assert word in result["msg"]
        return
    assert result["changed"] is (step.method is not None)
    assert result.get("validated", False) is step.keywords.get("check_mode", False)
    assert "psk" not in result["ipsec_tunnel"]
    diff = result["diff"]
    assert set(diff["after"]) - {"name", "cloudflare_endpoint", "interface_address"} == ({"psk"} if step.method else set()) | (
        {"description"} & set(step.options)
    )
    assert (diff["before"] == diff["after"]) is (step.method is None)
    # A key is here: nothing to warn of, unless it is a poor one.
    assert ["shorter than 32 characters" in warning for warning in result.get("warnings", [])] == ([True] if label == "short" else [])


def test_nothing_shows_a_key(run, emulator, leaked):
    written = run.written()
    # What was searched has it all: the screen with debug messages, what callback plugins got.
    for word in ("v2_runner_on_ok", "(not shown)", "has no good form"):
        assert word in written
    assert leaked(written, [*KEYS.values(), emulator.write_token]) == []
    assert leaked(json.dumps(run.hosts, ensure_ascii=False), [*KEYS.values(), emulator.write_token]) == []
