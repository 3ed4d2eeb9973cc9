# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook ``cloudflare.magic.rotate_psks``, as a user runs it."""

from __future__ import annotations

import json
import re
from datetime import datetime

import pytest
import yaml
from conftest import decrypt

FILE = ("-e", "vault_file=keys.yml")
# Cloudflare counts for five minutes.
RATE_LIMIT_SECONDS = 10


def sent(emulator) -> list[str]:
    """Return what was requested: the method, and the query if there is one."""
    return [f"{request['method']} {request['query_string']}".strip() for request in emulator.requests()]


def saved(ran) -> dict[str, dict]:
    """Return what is in the vault file, by the tunnel's name."""
    content = yaml.safe_load(decrypt(ran.folder / "keys.yml"))
    return {entry["name"]: entry for entry in content["cloudflare_magic_ipsec_psks"].values()}


def table(ran) -> dict[str, tuple[str, str]]:
    """Return the last table on the screen: age and outcome by tunnel, in its order."""
    last = ran.screen[ran.screen.rindex("age before") :]
    return {name: (age, outcome) for name, age, outcome in re.findall(r'"(\S+) {2,}(\S.*?) {2,}(\S.*?)"', last)}


def in_force(emulator) -> dict[str, str | None]:
    return {tunnel["name"]: tunnel.get("psk") for tunnel in emulator.tunnels()}


def secrets(emulator) -> list[str]:
    return [key for key in {*in_force(emulator).values(), *(entry["psk"] for entry in emulator.key_log())} if key]


def test_it_rotates_what_is_older(emulator, run):
    before = in_force(emulator)
    ran = run("rotate_psks", *FILE, "-vvv", "--diff")
    assert ran.rc == 0, ran.screen
    after = in_force(emulator)
    assert {name for name, key in after.items() if key != before[name]} == {"paris-2", "berlin-1", "oslo-1"}
    assert {name: entry["psk"] for name, entry in saved(ran).items()} == {name: after[name] for name in ("paris-2", "berlin-1", "oslo-1")}
    assert not any("pending_psk" in entry for entry in saved(ran).values())
    assert list(table(ran).items()) == [
        ("paris-2", ("100 days", "new key")),
        ("berlin-1", ("400 days", "new key")),
        ("oslo-1", ("no key", "new key")),
        ("paris-1", ("10 days", "not due")),
        ("lisbon-1", ("45 days", "not due")),
    ]
    # The dry run lists the tunnels before and after its request.
    assert sent(emulator) == ["GET", "POST validate_only=true", "GET", "GET", "POST"]
    assert ran.leaked(secrets(emulator)) == []


def test_a_second_run_changes_nothing(emulator, run):
    assert run("rotate_psks", *FILE).rc == 0
    before = in_force(emulator)
    emulator.clear_requests()
    ran = run("rotate_psks", *FILE)
    assert ran.rc == 0, ran.screen
    assert re.search(r"\bchanged=0\b", ran.screen)
    assert in_force(emulator) == before
    assert sent(emulator) == ["GET", "GET"]
    assert {outcome for dummy, outcome in table(ran).values()} == {"not due"}


def test_check_mode_is_the_dry_run_alone(emulator, run):
    before = in_force(emulator)
    ran = run("rotate_psks", *FILE, "--check")
    assert ran.rc == 0, ran.screen
    assert in_force(emulator) == before
    assert sent(emulator) == ["GET", "POST validate_only=true", "GET"]
    assert table(ran)["oslo-1"] == ("no key", "would get a new key")
    assert table(ran)["paris-1"] == ("10 days", "not due")
    assert not (ran.folder / "keys.yml").exists()
    assert ran.leaked(secrets(emulator)) == []


def test_names_and_age(emulator, run):
    before = in_force(emulator)
    ran = run("rotate_psks", *FILE, "-e", "names=paris-*,oslo-1", "-e", "max_age=2w")
    assert ran.rc == 0, ran.screen
    assert {name for name, key in in_force(emulator).items() if key != before[name]} == {"paris-2", "oslo-1"}
    assert set(table(ran)) == {"paris-1", "paris-2", "oslo-1"}


def test_the_folder_of_a_rulebook_is_no_place_for_keys(emulator, run, tmp_path):
    """It is deleted when the playbook has ended. What tests/events does with an absolute path."""
    tunnel_id = next(tunnel["id"] for tunnel in emulator.tunnels() if tunnel["name"] == "paris-2")
    (tmp_path / "rulebook.json").write_text(json.dumps({"ansible_eda": {"event": {"type": "psk_due"}}, "ipsec_tunnel_ids": [tunnel_id]}), encoding="utf-8")
    ran = run("rotate_psks", *FILE, "-e", f"@{tmp_path / 'rulebook.json'}")
    assert ran.rc == 2 and "Give an absolute path in the extra_vars of the action. Nothing has been changed." in ran.screen
    assert sent(emulator) == []


def test_credentials_as_variables(emulator, run, tmp_path):
    variables = {"cloudflare_api_token": emulator.write_token, "cloudflare_account_id": emulator.account_id, "cloudflare_api_url": emulator.url}
    (tmp_path / "credentials.json").write_text(json.dumps(variables), encoding="utf-8")
    ran = run("rotate_psks", *FILE, "-e", f"@{tmp_path / 'credentials.json'}", "-vvv", env={})
    assert ran.rc == 0, ran.screen
    assert emulator.write_token not in ran.screen
    assert len(saved(ran)) == 3


@pytest.mark.parametrize("args", [(), ("-e", "vault_file=")], ids=["none", "empty"])
def test_without_a_vault_file_nothing_is_requested(emulator, run, args):
    ran = run("rotate_psks", *args)
    assert ran.rc == 2
    assert ran.shows("vault_file is missing") and ran.shows("-e vault_file=ipsec_psks.yml")
    assert emulator.requests() == []


def test_without_a_vault_password_nothing_is_requested(emulator, run):
    ran = run("rotate_psks", *FILE, vault=False)
    assert ran.rc == 2
    assert ran.shows("this run has no vault password") and ran.shows("--vault-id")
    assert emulator.requests() == []


def test_a_wrong_age_is_refused(emulator, run):
    ran = run("rotate_psks", *FILE, "-e", "max_age=soon")
    assert ran.rc == 2
    assert ran.shows("'soon' is not an age")
    assert emulator.requests() == []


def test_what_is_not_applied_fails_and_is_named(emulator, run):
    before = in_force(emulator)
    # The batch fails twice as a whole, after the dry run, and then in the half with paris-2.
    refusal = {"kind": "status", "status": 400, "code": 1022, "message": "the key is too weak", "method": "POST", "path": "ipsec_tunnels/psk"}
    emulator.fault(**refusal, skip=1, times=2)
    emulator.fault(**refusal, skip=2)
    ran = run("rotate_psks", *FILE, "-e", "names=paris-*", "-e", "max_age=1d", "-vvv", "--diff")
    assert emulator.faults() == []
    assert ran.rc == 2
    assert table(ran) == {"paris-2": ("100 days", "NOT SET"), "paris-1": ("10 days", "new key")}
    assert ran.shows("1 of 2 keys were not set, 1 were. Not set: paris-2") and ran.shows("the key is too weak")
    after = in_force(emulator)
    assert {name for name, key in after.items() if key != before[name]} == {"paris-1"}
    assert saved(ran)["paris-1"]["psk"] == after["paris-1"]
    assert re.search(r"\bfailed=1\b", ran.screen)
    assert ran.leaked(secrets(emulator)) == []


def test_a_run_that_has_to_stop_fails_and_heals(emulator, run):
    emulator.fault(kind="status", status=403, code=10000, message="Authentication error", method="POST", path="ipsec_tunnels/psk", skip=1)
    ran = run("rotate_psks", *FILE)
    assert ran.rc == 2
    assert ran.shows("0 of 3 keys are set; then the run had to stop") and ran.shows("Magic WAN Write") and ran.shows("run the task again")
    assert table(ran)["berlin-1"] == ("400 days", "NOT TRIED")
    assert {name for name, entry in saved(ran).items() if "pending_psk" in entry} == {"paris-2", "berlin-1", "oslo-1"}
    again = run("rotate_psks", *FILE)
    assert again.rc == 0, again.screen
    after = in_force(emulator)
    assert {name: entry["psk"] for name, entry in saved(again).items()} == {name: after[name] for name in ("paris-2", "berlin-1", "oslo-1")}
    assert again.leaked(secrets(emulator)) == []


def test_a_dry_run_that_fails_changes_nothing(emulator, run):
    before = in_force(emulator)
    ran = run("rotate_psks", *FILE, env={**emulator.environment(), "CLOUDFLARE_API_TOKEN": emulator.read_token})
    assert ran.rc == 2
    assert ran.shows("Magic WAN Write")
    assert in_force(emulator) == before
    assert sent(emulator) == ["GET", "POST validate_only=true"]


def test_tunnels_that_are_not_ours_to_rotate(emulator, run):
    before = in_force(emulator)
    ran = run("rotate_psks", *FILE, "-e", "exclude=berlin-*,oslo-1")
    assert ran.rc == 0, ran.screen
    after = in_force(emulator)
    assert {name for name, key in after.items() if key != before[name]} == {"paris-2"}
    assert set(saved(ran)) == {"paris-2"}


@pytest.mark.parametrize("task", ["Rotate the keys", "Show the result of the dry run", "Show what happened"])
@pytest.mark.parametrize("file", [FILE, ()], ids=["file", "no file"])
def test_start_at_task(emulator, run, task, file):
    """Anyone who leaves tasks out gets what the others do, or an error of ours, and not one of a variable."""
    before = in_force(emulator)
    ran = run("rotate_psks", *file, "--start-at-task", task)
    assert "undefined" not in ran.screen
    if task == "Show what happened":
        assert (ran.rc, in_force(emulator)) == (0, before)
    elif file:
        assert ran.rc == 0, ran.screen
        assert {name for name, key in in_force(emulator).items() if key != before[name]} == {"paris-2", "berlin-1", "oslo-1"}
    else:
        assert (ran.rc, in_force(emulator)) == (2, before)
        assert ran.shows("vault_file is empty")


def test_an_account_without_tunnels(emulator, run):
    emulator.set_state({**emulator.state(), "ipsec_tunnels": []})
    ran = run("rotate_psks", *FILE)
    assert ran.rc == 2
    assert ran.shows("no IPsec tunnel matches '*'")
    assert sent(emulator) == ["GET"]


def test_a_rate_limit_slows_and_loses_nothing(emulator, run):
    state = emulator.state()
    model = {name: value for name, value in state["ipsec_tunnels"][0].items() if name not in ("psk", "psk_metadata")}
    tunnels = [
        {**model, "id": f"{number:032x}", "name": f"branch-{number}", "interface_address": f"10.0.{number // 128}.{number % 128 * 2}/31"}
        for number in range(600)
    ]
    emulator.set_state({**state, "ipsec_tunnels": tunnels})
    emulator.rate_limit(20, RATE_LIMIT_SECONDS)
    ran = run("rotate_psks", *FILE)
    assert ran.rc == 0, ran.screen
    requests = emulator.requests()
    assert [request["status"] for request in requests if request["status"] != 200] == [429], "the limit has to be met, and its wait kept"
    assert len(requests) == 2 * 13 + 1 + 1
    times = [datetime.fromisoformat(request["at"]) for request in requests]
    assert max((later - time).total_seconds() for time, later in zip(times, times[1:])) > RATE_LIMIT_SECONDS / 4
    set_by_run = [entry for entry in emulator.key_log() if entry["how"] == "set"]
    assert len(set_by_run) == 600, "each key is set once"
    assert {name: entry["psk"] for name, entry in saved(ran).items()} == in_force(emulator)
    assert ran.shows("600 of 600 keys set, batch 12 of 12, 0 left")
    assert ran.leaked(secrets(emulator)) == []
