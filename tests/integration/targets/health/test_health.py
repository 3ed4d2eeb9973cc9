# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``tunnel_health_info`` in playbooks: what it returns, waits for, and says when it cannot tell."""

from __future__ import annotations

import contextlib
import threading
import time

from ansible_collections.cloudflare.magic.tests.emulator.client import Emulator

MODULE = "cloudflare.magic.tunnel_health_info"
LONG_AGO = 3600
WAIT = {"wait_for": "healthy", "poll_interval": "1s", "wait_timeout": "10m"}


def queries(emulator: Emulator) -> int:
    return len([request for request in emulator.requests() if request["path"].endswith("/graphql") and request["status"] == 200])


@contextlib.contextmanager
def meanwhile(emulator: Emulator, *steps):
    """Carry out steps while something runs: each one after the next query has been answered, so that no clock decides what is seen."""
    other, done = Emulator(emulator.url), threading.Event()

    def steer():
        # The first query is for what there was before.
        for number, step in enumerate(steps, 2):
            while queries(other) < number and not done.wait(0.05):
                pass
            step()

    thread = threading.Thread(target=steer)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        other.stop()


def said(screen: str) -> list[str]:
    return [line.partition(": ")[2] for line in screen.splitlines() if line.startswith(MODULE + ": ")]


def test_what_is_known_and_what_is_not(emulator: Emulator, play):
    emulator.change_health("paris-1", 0, age_seconds=LONG_AGO)
    emulator.change_health("paris-2", 0.5, ["fra03"], age_seconds=LONG_AGO)
    emulator.change_health("oslo-1", None, age_seconds=LONG_AGO)
    emulator.change_health("gone-1", 0, age_seconds=LONG_AGO)
    before = emulator.state()
    tasks = [
        {MODULE: {}, "register": "all"},
        {MODULE: {"names": ["paris-2", "vienna-gre-?"], "min_healthy_share": 0.8}, "register": "some", "check_mode": True},
        {MODULE: {"names": ["rome-*"]}, "register": "nothing", "ignore_errors": True},
    ]
    played = play(tasks, env={**emulator.environment(), "CLOUDFLARE_API_TOKEN": emulator.read_token}, args=["--diff"])
    assert played.rc == 0, played.screen
    found = played["here"]
    states = {tunnel["name"]: tunnel["state"] for tunnel in found["all"]["tunnels"]}
    healthy = dict.fromkeys(["berlin-1", "lisbon-1", "vienna-gre-1", "vienna-gre-2", "frankfurt-1"], "healthy")
    assert states == {**healthy, "paris-1": "down", "paris-2": "degraded", "oslo-1": "unknown"}
    assert [result["changed"] for result in found.values()] == [False] * 3
    paris = found["some"]["tunnels"][0]
    assert paris == {
        "name": "paris-2",
        "state": "healthy",
        "healthy_share": 0.8,
        "data_centers": 5,
        "worst": [{"data_center": "fra03", "state": "degraded", "tunnel_state": 0.5}],
        "same_name": 1,
        "checked_until": paris["checked_until"],
    }
    assert found["nothing"]["failed"] and "no tunnel matches 'rome-*'" in found["nothing"]["msg"]
    assert emulator.state() == before and queries(emulator) == 2


def test_it_sees_a_tunnel_go_down_and_come_back(emulator: Emulator, play):
    emulator.change_health("paris-1", None, age_seconds=LONG_AGO)
    steps = [
        lambda: emulator.change_health("paris-1", 0, age_seconds=LONG_AGO),
        lambda: emulator.change_health("paris-1", 1, age_seconds=LONG_AGO),
    ]
    with meanwhile(emulator, *steps):
        played = play([{MODULE: {**WAIT, "names": ["paris-*"]}, "register": "waited"}], env=emulator.environment())
    assert played.rc == 0, played.screen
    assert [tunnel["state"] for tunnel in played["here"]["waited"]["tunnels"]] == ["healthy", "healthy"]
    assert said(played.screen) == [
        "1 of 2 healthy; not yet: paris-1 (unknown)",
        "1 of 2 healthy; not yet: paris-1 (down)",
        "all 2 healthy",
    ]


def test_data_from_before_does_not_count(emulator: Emulator, play):
    """It was healthy until it was changed, and from then on there is no data."""
    emulator.set_health(data_centers=["ams01"], default=1, delay_seconds=LONG_AGO)
    assert emulator.health()["delay_seconds"] == LONG_AGO
    with meanwhile(emulator, lambda: emulator.set_health(data_centers=["ams01"], default=1)):
        played = play([{MODULE: {**WAIT, "names": ["paris-1"]}, "register": "waited"}], env=emulator.environment())
    assert played.rc == 0, played.screen
    assert said(played.screen) == ["0 of 1 healthy; not yet: paris-1 (unknown)", "paris-1 is healthy"]


def test_it_gives_up_with_the_last_state(emulator: Emulator, play):
    emulator.change_health("paris-1", 0, age_seconds=LONG_AGO)
    emulator.change_health("paris-2", None, age_seconds=LONG_AGO)
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 60))
    options = {**WAIT, "names": ["paris-*", "oslo-1"], "wait_timeout": "2s", "since": since}
    played = play([{MODULE: options, "register": "waited", "ignore_errors": True}], env=emulator.environment())
    found = played["here"]["waited"]
    assert found["failed"] and not found["changed"]
    assert "wait_for: not all tunnels are healthy after 2 s. 1 of 3 healthy; not yet: paris-1 (down), paris-2 (unknown)." in found["msg"]
    assert "paris-1 healthy in 0% of 5 data centers" in found["msg"] and f"Data from {since} to" in found["msg"]
    assert [tunnel["state"] for tunnel in found["tunnels"]] == ["healthy", "down", "unknown"]
    assert said(played.screen) == ["1 of 3 healthy; not yet: paris-1 (down), paris-2 (unknown)"]


def test_without_the_permission(emulator: Emulator, play, leaked):
    tasks = [{MODULE: {}, "register": "blind", "ignore_errors": True}, {"cloudflare.magic.ipsec_tunnel_info": {}, "register": "tunnels"}]
    played = play(tasks, env={**emulator.environment(), "CLOUDFLARE_API_TOKEN": emulator.blind_token})
    found = played["here"]
    assert found["blind"]["failed"] and not found["blind"]["changed"] and not found["tunnels"].get("failed")
    assert "[authz] not authorized for that account" in found["blind"]["msg"] and "'Account Analytics Read'" in found["blind"]["msg"]
    assert leaked(played.screen, [emulator.blind_token]) == []


def test_names_do_what_names_may(emulator: Emulator, play):
    """Whatever stands in the data is text: no template, and nothing that a terminal obeys."""
    emulator.set_health(
        data_centers=["\x1b[2J{{ lookup('pipe', 'touch canary') }}\nok: [forged]"],
        changes=[{"tunnel": name, "state": 0, "age_seconds": LONG_AGO} for name in ("paris-1", "{{ 1 / 0 }}", "\x1b[2J")],
    )
    options = {**WAIT, "names": ["paris-1"], "wait_timeout": "0s", "since": "2020-01-01T00:00:00Z"}
    played = play([{MODULE: options, "register": "waited", "ignore_errors": True}, {"ansible.builtin.debug": {"var": "waited"}}], env=emulator.environment())
    assert played.rc == 0 and not list(played.folder.rglob("canary"))
    assert all(character.isprintable() or character == "\n" for character in played.screen)
    assert r"\x1b[2J{{ lookup('pipe', 'touch canary') }}\nok: [forged]" in played["here"]["waited"]["tunnels"][0]["worst"][0]["data_center"]
