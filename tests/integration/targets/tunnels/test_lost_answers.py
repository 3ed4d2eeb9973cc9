# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Answers that get lost: the task says so, and the same task once more does what is left, and nothing twice."""

from __future__ import annotations

import pytest
from conftest import LYON, MODULES, NEW, by_task, task

KEY = "a-key-of-one's-own-with-more-than-32-letters"
OBJECTS = {**NEW, "ipsec_tunnel": {**LYON, "psk": "{{ lookup('ansible.builtin.env', 'KEY') }}"}}
KEYS = {"ipsec_tunnel": ("name",), "gre_tunnel": ("name",), "route": ("prefix", "nexthop")}
# The last one happens before the request is carried out, which nobody can tell from the others.
LOSSES = {
    "disconnect": {"kind": "disconnect", "when": "after"},
    "half": {"kind": "cut_body"},
    "500": {"kind": "status", "status": 500, "when": "after"},
    "html": {"kind": "html", "when": "after"},
    "html_403": {"kind": "html", "status": 403, "when": "after"},
    "redirect": {"kind": "redirect", "status": 303, "when": "after"},
    "undone": {"kind": "status", "status": 500, "when": "before"},
}
METHODS = {"POST": "may have been created", "PUT": "may have been updated", "DELETE": "may have been deleted"}
EACH = [(loss, kind, method) for loss in LOSSES for kind in OBJECTS for method in METHODS]


def options_of(kind: str, method: str) -> dict:
    key = {name: OBJECTS[kind][name] for name in KEYS[kind]}
    return {"POST": OBJECTS[kind], "PUT": {**key, "description": "changed"}, "DELETE": {**key, "state": "absent"}}[method]


@pytest.fixture(scope="module")
def run(emulator, play):
    """Each kind of object is made, changed and deleted, with each kind of loss: each task twice."""
    before = emulator.state()
    tasks = []
    for loss, kind, method in EACH:
        # The faults wait in this order, each for one request.
        emulator.fault(**LOSSES[loss], method=method, path=f"{kind}s")
        label = f"{loss}_{kind}_{method}"
        tasks += [task(kind, options_of(kind, method), f"lost_{label}", ignore_errors=True), task(kind, options_of(kind, method), f"again_{label}")]
    played = play(tasks, env={**emulator.environment(), "KEY": KEY}, args=["-vvv", "--diff"])
    assert played.rc == 0, played.screen
    groups = by_task(emulator.requests())
    assert len(groups) == len(tasks)
    assert emulator.faults() == []
    return before, played, {one["register"]: group for one, group in zip(tasks, groups)}


@pytest.mark.parametrize(("loss", "kind", "method"), EACH)
def test_a_lost_answer_is_told_and_healed(run, loss, kind, method):
    dummy_before, played, requests = run
    label = f"{loss}_{kind}_{method}"
    lost, again = played["here"][f"lost_{label}"], played["here"][f"again_{label}"]
    assert (lost["failed"], lost["changed"]) == (True, True)
    for words in (METHODS[method], "Run the task again"):
        assert words in lost["msg"]
    assert played.shows(lost["msg"])
    assert lost["failure"]["method"] == method
    # Nothing is repeated blindly; once more does what is left.
    assert [request["method"] for request in requests[f"lost_{label}"]] == ["GET", method]
    assert [request["method"] for request in requests[f"again_{label}"]] == ["GET", *([method] if loss == "undone" else [])]
    assert again["changed"] is (loss == "undone")
    if method != "DELETE":
        assert again[MODULES[kind]]["id"]
        assert again[MODULES[kind]]["description"] == ("changed" if method == "PUT" else "")


def test_each_object_was_made_once_and_deleted_once(run, emulator, leaked):
    before, played, dummy_requests = run
    assert emulator.state() == before
    made = [entry for entry in emulator.key_log() if entry["how"] == "create"]
    assert [entry["psk"] for entry in made] == [KEY] * len(LOSSES)
    assert len({entry["tunnel_id"] for entry in made}) == len(LOSSES)
    assert leaked(played.written(), [KEY, emulator.write_token]) == []


@pytest.mark.parametrize("place", ["here", "there"])
def test_a_lost_key_is_sent_again(emulator, play, leaked, place):
    """With update_psk: always; here and as a module on another host."""
    emulator.clear_requests()
    emulator.fault(kind="disconnect", when="after", method="PUT", path="ipsec_tunnels/")
    options = {"name": "paris-1", "psk": "{{ lookup('ansible.builtin.env', 'KEY') }}", "update_psk": "always"}
    tasks = [task("ipsec_tunnel", options, "lost", ignore_errors=True), task("ipsec_tunnel", options, "again")]
    played = play(tasks, hosts=[place], env={**emulator.environment(), "KEY": f"{KEY} {place}"}, args=["-vvv", "--diff"])
    assert played.rc == 0, played.screen
    assert (played[place]["lost"]["failed"], played[place]["lost"]["changed"]) == (True, True)
    assert "may have been updated. Run the task again" in played[place]["lost"]["msg"]
    assert played[place]["again"]["changed"] is True
    assert [request["method"] for request in emulator.requests()] == ["GET", "PUT"] * 2
    assert emulator.tunnel("paris-1")["psk"] == f"{KEY} {place}"
    assert leaked(played.written(), [f"{KEY} {place}", emulator.write_token]) == []
