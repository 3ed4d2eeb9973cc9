# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What people see: failures whole, keys never, and where the work was done."""

from __future__ import annotations

import pytest

PLACES = ("here", "there")
# One of another connection, one that no connection reaches, and those above.
HOSTS = ("here", "there", "nearby", "unreachable")
PLACE = pytest.mark.parametrize("place", PLACES)


@pytest.fixture(scope="module")
def failures(emulator, play):
    """Failures as a user sees them, without -v."""
    paris = emulator.tunnel("paris-1")["id"]
    limited = {"kind": "status", "status": 429, "code": 971, "message": "Please wait and consider throttling your request speed", "retry_after": 7}
    emulator.fault(**limited, path="throttled", times=len(PLACES))
    emulator.fault(kind="status", status=500, path=paris, method="GET", times=2)

    def task(register: str, options: dict, **keywords) -> dict:
        return {"name": register, "cloudflare.magic.ipsec_psk": options, "register": register, "ignore_errors": True, **keywords}

    tasks = [
        task("bad_token", {"ipsec_tunnel_id": paris, "api_token": "nobody-knows-this-one"}),
        task("read_only", {"ipsec_tunnel_id": paris, "api_token": emulator.read_token}),
        task("not_onboarded", {"name": "paris-1", "account_id": emulator.other_account_id}),
        task("too_many", {"ipsec_tunnel_id": "throttled", "max_retries": 0}),
        task("looped", {"name": "{{ item }}", "rotate": "expired", "max_age": "1d"}, loop="{{ tunnels[inventory_hostname] }}"),
        task(
            "tried",
            {"ipsec_tunnel_id": paris, "rotate": "expired", "max_age": "1d", "max_retries": 0},
            until="tried is success",
            retries=3,
            delay=0,
            when="inventory_hostname == 'here'",
        ),
    ]
    tunnels = {"here": ["paris-2", "nowhere", "berlin-1"], "there": ["lisbon-1", "nowhere", "oslo-1"]}
    return play(tasks, hosts=PLACES, env=emulator.environment(), args=["--diff"], vars={"tunnels": tunnels})


MESSAGES = {
    "bad_token": ("HTTP 403", "[9109]", "Magic WAN Write", "Magic Transit Write"),
    "read_only": ("HTTP 403", "[10000]", "Magic WAN Write", "Magic Transit Write"),
    "not_onboarded": ("HTTP 403", "[1012]", "not onboarded", "Enterprise"),
    "too_many": ("HTTP 429", "[971]", "Please wait and consider throttling", "rate limit", "wait 7 s"),
}


@PLACE
@pytest.mark.parametrize("name", MESSAGES)
def test_the_whole_message_is_on_the_screen(failures, name, place):
    message = failures[place][name]["msg"]
    for words in MESSAGES[name]:
        assert words in message
    assert failures.shows(message)


@PLACE
def test_in_a_loop_one_failure_is_readable_and_the_rest_is_done(emulator, failures, leaked, place):
    first, second, third = failures[place]["looped"]["results"]
    assert second["failed"] and "'nowhere'" in second["msg"] and failures.shows(second["msg"])
    assert (first["failed"], third["failed"]) == (False, False)
    assert failures.shows("(item=nowhere)")
    made = [entry["psk"] for entry in emulator.key_log()]
    assert {first["psk"], third["psk"]} < set(made)
    assert leaked(failures.written(), made) == []


def test_until_repeats_and_returns_the_key(emulator, failures):
    result = failures["here"]["tried"]
    assert result["attempts"] == 3
    assert result["reason"] == "expired"
    assert result["psk"] == emulator.keys()[result["ipsec_tunnel_id"]]


@PLACE
def test_the_notice_names_tunnel_reason_and_times(failures, place):
    result = failures[place]["looped"]["results"][0]
    before = result["diff"]["before"]["last_generated_on"]
    after = result["psk_metadata"]["last_generated_on"]
    assert before < after
    words = ("ipsec_psk", result["name"], result["ipsec_tunnel_id"], "expired", after, before)
    assert [line for line in failures.screen.splitlines() if all(word in line for word in words)], failures.screen


@pytest.fixture(scope="module")
def places(emulator, play):
    """The work is done on the controller whatever the connection is: there is no Python on these hosts that a module could run with."""
    module = {"ipsec_tunnel_id": emulator.tunnel("oslo-1")["id"]}
    task = {"cloudflare.magic.ipsec_psk": module, "register": "result", "vars": {"ansible_python_interpreter": "/no/python"}}
    delegated = {**task, "register": "delegated", "delegate_to": "localhost"}
    other = {**task, "register": "other", "delegate_to": "nearby"}
    became = {**task, "register": "became", "become": True, "become_method": "ansible.builtin.su", "become_user": "no-such-user"}
    info = {"cloudflare.magic.ipsec_tunnel_info": module, "register": "info", "vars": task["vars"]}
    return play([task, delegated, other, became, info], hosts=HOSTS, env=emulator.environment(), args=["-vvv"], warns=["delegate_to has no effect"])


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("name", ["result", "delegated", "other", "became"])
def test_the_work_is_done_on_the_controller(emulator, places, host, name):
    assert places.rc == 0, places.screen
    result = places[host][name]
    assert result["psk"] in [entry["psk"] for entry in emulator.key_log()]
    assert places[host]["info"]["ipsec_tunnels"][0]["name"] == "oslo-1"
    # Nothing but the task that writes the results down runs on a host, and that one runs on localhost.
    assert not [line for line in places.screen.splitlines() if " EXEC " in line and f"<{host}>" in line and host != "localhost"]


def test_a_delegation_to_another_machine_is_warned_of(places):
    for host in HOSTS:
        assert "delegate_to has no effect" in str(places[host]["other"]["warnings"])
        assert not places[host]["delegated"].get("warnings")


def test_an_unreachable_host_gets_facts(emulator, play):
    task = {"cloudflare.magic.ipsec_psk": {"name": "oslo-1"}, "register": "result"}
    played = play([task], hosts=["unreachable"], env=emulator.environment(), save={"fact": "ansible_facts.cloudflare_magic_ipsec_psks"})
    assert played.rc == 0, played.screen
    result = played["unreachable"]["result"]
    assert result["psk"] == emulator.keys()[result["ipsec_tunnel_id"]] == played["unreachable"]["fact"][result["ipsec_tunnel_id"]]["psk"]


def test_nothing_is_shown_or_left_behind_in_debug_mode(emulator, play, leaked):
    """With ANSIBLE_DEBUG Ansible prints what it does in detail."""
    own = "a-key-of-my-own-with-more-than-32-letters"
    tasks = [
        {"cloudflare.magic.ipsec_psk": {"name": "paris-1"}, "register": "made"},
        {"cloudflare.magic.ipsec_psk": {"name": "lisbon-1", "psk": "{{ own }}"}, "register": "set"},
    ]
    env = {**emulator.environment(), "ANSIBLE_DEBUG": "1", "ANSIBLE_PIPELINING": "0"}
    played = play(tasks, hosts=PLACES, env=env, args=["-vvvv", "--diff"], vars={"own": own})
    assert played.rc == 0, played.screen
    assert "worker is" in played.screen or "running TaskExecutor" in played.screen
    assert emulator.keys()[emulator.tunnel("lisbon-1")["id"]] == own
    assert "psk" not in played["there"]["set"]
    keys = [played[place]["made"]["psk"] for place in PLACES]
    assert emulator.keys()[played["here"]["made"]["ipsec_tunnel_id"]] in keys
    assert leaked(played.written(), [own, emulator.write_token, *keys]) == []


@PLACE
def test_until_shows_no_key_between_attempts(emulator, play, leaked, place):
    """Each attempt is a success with a key, and the condition is not met before the second."""
    task = {"cloudflare.magic.ipsec_psk": {"name": "oslo-1"}, "register": "result", "until": "result.attempts >= 2", "retries": 3, "delay": 0}
    warns = ["An error in the expression of 'until' ends the task"]
    played = play([task], hosts=[place], env=emulator.environment(), args=["-vvv", "--diff"], warns=warns)
    assert played.rc == 0, played.screen
    result = played[place]["result"]
    assert result["attempts"] == 2
    made = [entry["psk"] for entry in emulator.key_log() if entry["tunnel_id"] == result["ipsec_tunnel_id"]]
    assert made[-1] == result["psk"] != made[-2]
    assert leaked(played.written(), made) == []


@PLACE
def test_an_attempt_that_fails_after_one_with_a_key_is_readable(emulator, play, leaked, place):
    """What hides the result of one attempt hides not that of another, nor does the task lose its credentials."""
    emulator.fault(kind="status", status=403, code=1012, message="not onboarded", path="psk_generate", skip=1)
    module = {"name": "oslo-1", "api_token": "{{ token }}"}
    task = {"cloudflare.magic.ipsec_psk": module, "register": "result", "until": "result is failed", "retries": 3, "delay": 0, "ignore_errors": True}
    played = play([task], hosts=[place], env=emulator.environment(), args=["-vvv", "--diff"], vars={"token": emulator.write_token})
    result = played[place]["result"]
    assert result["failed"] and result["attempts"] == 2 and "[1012]" in result["msg"] and played.shows(result["msg"]), played.screen
    made = [entry["psk"] for entry in emulator.key_log() if entry["tunnel_id"] == emulator.tunnel("oslo-1")["id"]]
    assert made and leaked(played.written(), [*made, emulator.write_token]) == []
