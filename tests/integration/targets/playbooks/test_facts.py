# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fact cloudflare_magic_ipsec_psks: what is in it after loops, later tasks and delegation."""

from __future__ import annotations

import pytest

FACT = "ansible_facts.cloudflare_magic_ipsec_psks"
PLACES = ("here", "there")
PLACE = pytest.mark.parametrize("place", PLACES)

# Each place has tunnels of its own, so that both can run at once.
TUNNELS = ("one", "two", "three", "four", "five")


@pytest.fixture(scope="module")
def run(emulator, play):
    state = emulator.state()
    tunnel = {"account_id": emulator.account_id, "cloudflare_endpoint": "203.0.113.1", "interface_address": "10.213.1.8/31"}
    state["ipsec_tunnels"] = [{**tunnel, "id": f"{name}-{place}", "name": f"{name}-of-{place}"} for name in TUNNELS for place in PLACES]
    emulator.set_state(state)

    def rotate(*names: str, **keywords) -> dict:
        options = {"name": "{{ item }}-of-{{ inventory_hostname }}"}
        return {"cloudflare.magic.ipsec_psk": options, "loop": list(names), "loop_control": {"label": "{{ item }}"}, **keywords}

    def keep(name: str) -> dict:
        return {"ansible.builtin.set_fact": {name: "{{ " + FACT + " }}"}, "no_log": True}

    only = {"ipsec_tunnel_id": "four-{{ inventory_hostname }}"}
    tasks = [
        rotate("one", "two", register="first"),
        keep("after_a_loop"),
        rotate("three", "one", register="again"),
        keep("after_another"),
        {"cloudflare.magic.ipsec_psk": {**only, "set_fact": False}, "register": "without_fact"},
        keep("after_none"),
        {"cloudflare.magic.ipsec_psk": only},
        keep("after_single"),
        {"cloudflare.magic.ipsec_psk": {"ipsec_tunnel_id": "five-{{ inventory_hostname }}", "psk": "a-key-that-is-supplied-and-long-enough"}},
        keep("after_own"),
        rotate("five", delegate_to="localhost", delegate_facts=True, register="delegated"),
        keep("after_delegated"),
        rotate("five", "two", delegate_to="localhost", register="last"),
        keep("at_the_end"),
    ]
    names = ("after_a_loop", "after_another", "after_none", "after_single", "after_own", "after_delegated", "at_the_end")
    save = {name: name for name in names}
    save["of_localhost"] = "hostvars['localhost'].ansible_facts.cloudflare_magic_ipsec_psks"
    return play(tasks, hosts=PLACES, env=emulator.environment(), save=save, args=["-vvv"])


@PLACE
@pytest.mark.parametrize(
    ("when", "tunnels"),
    [
        ("after_a_loop", ("one", "two")),
        ("after_another", ("one", "two", "three")),
        ("after_none", ("one", "two", "three")),
        ("after_single", ("one", "two", "three", "four")),
        ("after_own", ("one", "two", "three", "four")),
        ("after_delegated", ("one", "two", "three", "four")),
        ("at_the_end", ("one", "two", "three", "four", "five")),
    ],
)
def test_the_fact_grows(run, place, when, tunnels):
    assert run.rc == 0, run.screen
    fact = run[place][when]
    assert sorted(fact) == sorted(f"{name}-{place}" for name in tunnels)
    for entry in fact.values():
        assert sorted(entry) == ["last_generated_on", "name", "psk"]


@PLACE
def test_in_a_loop_the_fact_is_no_certain_receiver(run, place):
    """It is there in the end, but the result of an item cannot promise that: a later item may fail."""
    for item in run[place]["first"]["results"]:
        assert item["delivered_to"] == ["register"]
    assert "The fact has it only if no item of the loop fails" in run.screen


@PLACE
def test_entries_are_replaced_or_stay(emulator, run, place):
    first, second, last = (run[place][when] for when in ("after_a_loop", "after_another", "at_the_end"))
    assert second[f"two-{place}"] == first[f"two-{place}"]
    assert second[f"one-{place}"]["psk"] != first[f"one-{place}"]["psk"]
    assert second[f"one-{place}"]["psk"] == run[place]["again"]["results"][1]["psk"]
    assert run[place]["after_none"] == second
    assert run[place]["after_own"] == run[place]["after_single"] == run[place]["after_delegated"]
    assert last[f"one-{place}"]["name"] == f"one-of-{place}"
    assert last[f"four-{place}"]["name"] is None
    assert {tunnel: entry["psk"] for tunnel, entry in last.items()} == {tunnel: key for tunnel, key in emulator.keys().items() if tunnel.endswith("-" + place)}


def test_delegated_facts_belong_to_the_other_host(emulator, run):
    made = {entry["psk"]: entry["tunnel_id"] for entry in emulator.key_log()}
    fact = run["here"]["of_localhost"]
    # Both hosts wrote at the same time: whose fact came last has it, as with any other fact.
    assert fact
    assert set(fact) <= {"five-here", "five-there"}
    for tunnel, entry in fact.items():
        assert made[entry["psk"]] == tunnel


def test_no_key_is_shown_or_left_behind(emulator, run, leaked):
    assert leaked(run.written(), [entry["psk"] for entry in emulator.key_log()]) == []
    assert emulator.violations() == []
