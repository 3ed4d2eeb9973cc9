# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The order of a rotation on both ends, and what each failure leaves behind.

From ansible-core 2.22 on, Ansible masks all values of an encrypted file, the names of tunnels too: so none of them is looked for in messages.
"""

from __future__ import annotations

import json

import pytest

from ansible_collections.cloudflare.magic.tests.integration.support.edge import Edge

STEPS = ["stage", "load", "verify"]


def test_one_tunnel_after_the_other(edge: Edge) -> None:
    edge.rotate()
    first, second = edge.tunnels
    looks = [f"{first} preflight", f"{second} preflight"]
    assert edge.steps() == [*looks, *(f"{first} {step}" for step in STEPS), *reversed(looks), *(f"{second} {step}" for step in STEPS)]
    assert edge.writes() == ["psk", "psk"]
    assert edge.keys() == edge.loaded() == edge.saved()
    assert edge.saved("previous_psk") == edge.before
    assert not set(edge.keys().values()) & set(edge.before.values())
    assert set(edge.saved("pending_psk").values()) == {None}


def test_the_device_has_the_key_before_cloudflare(edge: Edge) -> None:
    """If Cloudflare cannot be asked any more, the key is staged on the device, and the tunnel lives on with the one before."""
    edge.emulator.fault(kind="status", status=403, code=10000, message="Authentication error", path="ipsec_tunnels/psk$", times=100)
    screen = edge.rotate(rc=2)
    assert "Cloudflare has not confirmed the new key of" in screen
    assert "both ends use the key that they had" in screen
    assert edge.steps()[-1] == "paris-1 stage"
    assert edge.keys() == edge.loaded() == edge.before


def test_check_mode(edge: Edge) -> None:
    screen = edge.rotate("--check")
    assert screen.count(" would get a new key: saved in v/keys.yml") == 2
    assert {step.split()[1] for step in edge.steps()} <= {"preflight"}
    assert edge.writes() == []
    assert edge.keys() == edge.loaded() == edge.saved() == edge.before


def test_nothing_is_due(edge: Edge) -> None:
    screen = edge.rotate(rotate_edge_rotate="expired", rotate_edge_max_age="1d")
    assert "changed=0" in screen
    assert (edge.steps(), edge.writes()) == ([], [])
    assert edge.keys() == edge.loaded() == edge.before


def test_the_device_cannot_take_a_key(edge: Edge) -> None:
    """Its reason, which quotes the key, is hidden by no_log and has to stay hidden."""
    screen = edge.rotate(rc=2, break_at="stage")
    assert "Nothing has been changed at Cloudflare" in screen
    assert edge.writes() == []
    assert edge.keys() == edge.loaded() == edge.before
    pending = edge.saved("pending_psk")["paris-1"]
    assert pending
    edge.rotate()
    assert edge.keys()["paris-1"] == pending
    assert edge.keys() == edge.loaded() == edge.saved()


@pytest.mark.parametrize("step", ["load", "verify"])
def test_the_device_refuses_the_key(edge: Edge, step: str) -> None:
    screen = edge.rotate(rc=2, break_at=step)
    assert "is not up with the new key of" in screen
    assert edge.writes() == ["psk", "psk"]
    assert edge.keys() == edge.before == edge.saved()
    assert edge.loaded() == edge.before
    assert "paris-2 stage" not in edge.steps()
    if step == "verify":
        assert "Both ends have the key before" in screen and "Nothing is left to heal" in screen
        edge.rotate()
        assert edge.keys() == edge.loaded() == edge.saved()


def test_the_key_in_force_is_unknown(edge: Edge) -> None:
    """Somebody else has made a key: there would be no way back."""
    edge.emulator.call("POST", f"ipsec_tunnels/{edge.emulator.tunnel('paris-1')['id']}/psk_generate")
    edge.emulator.set_age(edge.emulator.tunnel("paris-1")["id"], 5000)
    edge.emulator.clear_requests()
    screen = edge.rotate(rc=2)
    assert "is not in v/keys.yml" in screen and "rotate_edge_require_previous: false" in screen
    assert (edge.steps(), edge.writes()) == ([], [])


def test_a_tunnel_is_down(edge: Edge) -> None:
    (edge.device / "paris-2").write_text("another key", encoding="utf-8")
    screen = edge.rotate(rc=2)
    assert "The device is not ready for a new key of" in screen
    assert edge.writes() == []
    assert edge.keys() == edge.before


def test_a_tunnel_that_does_not_exist(edge: Edge) -> None:
    screen = edge.rotate(rc=2, rotate_edge_tunnels=["madrid-1"])
    assert "Cloudflare has no tunnel with the name madrid-1" in screen
    assert edge.writes() == []


def test_a_device_without_its_tasks(edge: Edge) -> None:
    (edge.device / "verify.yml").unlink()
    screen = edge.rotate(rc=2)
    assert "has no verify.yml" in screen
    assert edge.writes() == []
    # The search at the end of each test finds what it looks for.
    edge_text = json.dumps(edge.before)
    assert all(key in edge_text for key in edge.before.values())


def answered(edge: Edge, changes: dict) -> None:
    """Let Cloudflare say something else of the first tunnel, whenever it is asked for all of them."""
    tunnels = edge.emulator.call("GET", "ipsec_tunnels").json()["result"]["ipsec_tunnels"]
    for tunnel in tunnels:
        if tunnel["name"] == edge.tunnels[0]:
            tunnel.update(changes)
    edge.emulator.clear_requests()
    body = json.dumps({"success": True, "errors": [], "messages": [], "result": {"ipsec_tunnels": tunnels}})
    headers = {"Content-Type": "application/json"}
    edge.emulator.fault(kind="html", method="GET", path="ipsec_tunnels$", status=200, body=body, headers=headers, times=100)


ANSWERS: dict[str, tuple[str, dict]] = {
    "a line break": ("cloudflare_endpoint", {"cloudflare_endpoint": "203.0.113.1\nreload in 1"}),
    "a field that is new": ("new", {"new": {"deep": ["\u202e"]}}),
}


@pytest.mark.parametrize(("field", "changes"), ANSWERS.values(), ids=ANSWERS.keys())
def test_no_device_is_given_what_is_no_value(edge: Edge, field: str, changes: dict) -> None:
    answered(edge, changes)
    screen = edge.rotate(rc=2)
    edge.emulator.clear_faults()
    assert f"Cloudflare's answer has what a device must not be given: {field} of the tunnel " in screen.replace("\\'", "'")
    assert "Nothing has been changed" in screen
    assert (edge.steps(), edge.writes()) == ([], [])
    assert edge.keys() == edge.loaded() == edge.saved() == edge.before


def test_a_description_may_be_any_text_and_reaches_the_device_on_one_line(edge: Edge) -> None:
    note = {"ansible.builtin.copy": {"content": "{{ edge_tunnel.description }}", "dest": "{{ device }}/{{ edge_tunnel.name }}.said"}}
    path = edge.device / "preflight.yml"
    path.write_text(json.dumps([*json.loads(path.read_text(encoding="utf-8")), {"name": "note", **note}]), encoding="utf-8")
    edge.emulator.call("PUT", "ipsec_tunnels/" + edge.emulator.tunnel("paris-1")["id"], {"description": "a\nreload in 1 \\n {{ 1 + 1 }}"})
    edge.emulator.clear_requests()
    edge.rotate()
    assert (edge.device / "paris-1.said").read_text(encoding="utf-8") == "a\\nreload in 1 \\n {{ 1 + 1 }}"
    assert edge.keys() == edge.loaded() == edge.saved()
