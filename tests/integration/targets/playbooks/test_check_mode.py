# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Check mode is right whatever Cloudflare makes of validate_only: the emulator answers with a key that is not in force, with none, or carries it out."""

from __future__ import annotations

import pytest

FACT = "cloudflare_magic_ipsec_psks"
OWN = "the-key-that-the-user-has-chosen-0123456789"

# Tunnel, options, and whether the request of the check is psk_generate.
CHECKS = {
    "by_name": ("paris-1", {}, True),
    "file": ("paris-2", {"vault_file": "keys.yml"}, True),
    "missing": ("oslo-1", {"rotate": "missing"}, True),
    "expired": ("berlin-1", {"rotate": "expired", "max_age": "90d"}, True),
    "not_due": ("lisbon-1", {"rotate": "missing"}, False),
    "read_only": ("lisbon-1", {"dry_run": "read_only"}, False),
    "supplied": ("lisbon-1", {"psk": OWN}, False),
}


@pytest.mark.cores("one")
@pytest.mark.parametrize("answer", ["decoy", "null", "real"])
def test_check_mode(emulator, play, leaked, tmp_path, answer):
    state = emulator.state()
    state["settings"]["validate_only_psk"] = answer
    emulator.set_state(state)
    before = emulator.keys()
    (tmp_path / "password").write_text("only for tests\n", encoding="utf-8")
    tasks = [{"cloudflare.magic.ipsec_psk": {"name": name, **options}, "register": label} for label, (name, options, dummy) in CHECKS.items()]
    tasks.append({"cloudflare.magic.ipsec_psks": {"names": ["lisbon-*"]}, "register": "fleet"})
    args = ["--check", "--diff", "-vvv", "--vault-id", "prod@password"]
    loud = ["although the request asked only for validation (validate_only)"] if answer == "real" else []
    played = play(tasks, args=args, env=emulator.environment(), folder=tmp_path, save={"fact": f"ansible_facts.{FACT} | default({{}})"}, warns=loud)
    assert played.rc == 0, played.screen
    found = played["here"]
    now = emulator.keys()
    made = [entry["psk"] for entry in emulator.key_log()]
    fact = {}
    for label, (name, dummy_options, generates) in CHECKS.items():
        result, tunnel_id = found[label], emulator.tunnel(name)["id"]
        assert result["changed"] is (label != "not_due"), label
        if generates and answer == "real":
            # The key is in force, and has got to everybody whom a real run would have given it.
            assert result["psk"] == now[tunnel_id] != before[tunnel_id], label
            assert result["validated"] is False
            assert result["delivered_to"] == ["register", "fact"] + ["vault_file"] * (label == "file")
            fact[tunnel_id] = now[tunnel_id]
        else:
            assert "psk" not in result and now[tunnel_id] == before[tunnel_id], label
            assert result.get("validated") is (None if label == "not_due" else True)
            assert not result.get("delivered_to")
    assert {tunnel_id: entry["psk"] for tunnel_id, entry in found["fact"].items()} == fact
    assert (tmp_path / "keys.yml").exists() is (answer == "real")
    assert found["fleet"]["changed"] and found["fleet"]["validated"] and "psks" not in found["fleet"]
    assert leaked(played.written(), [*made, OWN]) == []


@pytest.mark.parametrize("program", ["adhoc", "console"])
def test_an_adhoc_check_makes_no_key_whatever_cloudflare_does(emulator, command, tmp_path, program):
    state = emulator.state()
    state["settings"]["validate_only_psk"] = "real"
    emulator.set_state(state)
    before = emulator.keys()
    tunnel_id = emulator.tunnel("paris-1")["id"]
    if program == "adhoc":
        arguments = ["here", "-m", "cloudflare.magic.ipsec_psk", "-a", f"ipsec_tunnel_id={tunnel_id}", "--check"]
        done = command("ansible.cli.adhoc", arguments, tmp_path, emulator.environment())
    else:
        (tmp_path / "input").write_text(f"cloudflare.magic.ipsec_psk ipsec_tunnel_id={tunnel_id}\nexit\n", encoding="utf-8")
        done = command("ansible.cli.console", ["here", "--check"], tmp_path, emulator.environment(), stdin=tmp_path / "input")
    assert done.shows('"validated": true'), done.screen
    assert emulator.keys() == before


@pytest.mark.cores("one")
def test_a_check_that_cannot_be_looked_at_is_healed_by_the_next_run(emulator, play, tmp_path):
    """The key may have been replaced: the file says so, and a run that asks for what is missing makes a new one."""
    emulator.reset()
    state = emulator.state()
    state["settings"]["validate_only_psk"] = "real"
    emulator.set_state(state)
    (tmp_path / "password").write_text("only for tests\n", encoding="utf-8")
    emulator.fault(method="GET", path="ipsec_tunnels/", kind="status", status=403, code=10000)
    check = {"cloudflare.magic.ipsec_psk": {"name": "paris-1", "vault_file": "keys.yml"}, "check_mode": True, "ignore_errors": True, "register": "check"}
    again = {"cloudflare.magic.ipsec_psk": {"name": "paris-1", "vault_file": "keys.yml", "rotate": "missing"}, "register": "again"}
    played = play([check, again], args=["--vault-id", "prod@password"], env=emulator.environment(), folder=tmp_path)
    assert played.rc == 0, played.screen
    found = played["here"]
    assert found["check"]["failed"] and "The next run with" in found["check"]["msg"]
    assert (found["again"]["changed"], found["again"]["reason"]) == (True, "interrupted")
    assert found["again"]["psk"] == emulator.keys()[emulator.tunnel("paris-1")["id"]] != found["check"]["psk"]
