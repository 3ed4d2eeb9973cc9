# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""License keys of connectors in vault_file, in one file with pre-shared keys: many at once, a run that is killed, and files that cannot be used."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest
import yaml

from ansible_collections.cloudflare.magic.tests.integration.support.vault_site import VARIABLE, Site, rotate, until
from ansible_collections.cloudflare.magic.tests.integration.targets.vault_file.test_crash import kill

LICENSES = "cloudflare_magic_connector_licenses"
FOREIGN = "# Do not touch.\nsite_contact: noc\n"

pytestmark = pytest.mark.cores("one")


def licensed(register: str | None = None, file: str = "v/keys.yml", ignore: bool = False, **options: str) -> dict[str, Any]:
    """A task that keeps a license key in a file."""
    task: dict[str, Any] = {"cloudflare.magic.connector_license": {"vault_file": file, **options}}
    return {**task, **({"register": register} if register else {}), **({"ignore_errors": True} if ignore else {})}


def entries(site: Site) -> dict[str, dict[str, Any]]:
    return dict(yaml.safe_load(site.text())[LICENSES])


def in_force(emulator) -> dict[str, str]:
    return {entry["connector_id"]: entry["license_key"] for entry in emulator.license_log() if entry["in_force"]}


def running(site: Site, tasks: list[dict[str, Any]], name: str) -> subprocess.Popen[bytes]:
    command = [*site.playbook(tasks, name=name), "--vault-id", "prod@password"]
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.Popen(command, cwd=site.folder, env=site.environment(), start_new_session=True, **streams)


def test_hosts_in_forks_with_both_kinds_of_keys_in_one_file(site, emulator):
    site.encrypt("v/keys.yml", FOREIGN)
    site.hosts({f"r{number}": {"number": number, "ansible_connection": "local" if number % 2 else "elsewhere"} for number in range(6)})
    tasks = [licensed("made", notes="vm-{{ number }}"), rotate("branch-{{ number }}"), licensed("again", notes="vm-{{ number }}")]
    site.play(tasks, hosts="all", args=["--vault-id", "prod@password", "--forks", "6"])
    found = entries(site)
    assert {connector_id: entry["license_key"] for connector_id, entry in found.items()} == in_force(emulator) and len(found) == 6
    keys = site.keys()
    assert keys == {tunnel_id: emulator.keys()[tunnel_id] for tunnel_id in keys} and len(keys) == 6
    assert FOREIGN in site.text() and site.files() == [".keys.yml.lock", "keys.yml"]
    for number in range(6):
        one = site.registered(f"r{number}")
        assert one["made"]["license_key"] == found[one["made"]["connector_id"]]["license_key"]
        assert one["made"]["delivered_to"] == ["register", "fact", "vault_file"]
        assert (one["again"]["changed"], one["again"]["reason"], "license_key" in one["again"]) == (False, "not_due", False)


def test_two_playbooks_register_one_connector(site, emulator):
    """Both look for the same connector, with the same file."""
    processes = [running(site, [licensed(notes="vm")], f"playbook-{number}.json") for number in range(2)]
    for process in processes:
        screen = process.communicate()[0].decode()
        assert process.returncode == 0, screen
    (entry,) = entries(site).values()
    assert [item["license_key"] for item in emulator.license_log()] == [entry["license_key"]]


def test_killed_between_request_and_save(site, emulator):
    """The next run reads the license key in force, and provisions none."""
    site.play([licensed(notes="vm"), rotate("branch-0")])
    ((connector_id, before),) = in_force(emulator).items()
    emulator.fault(kind="slow", method="PATCH", path="connectors", seconds=30, when="after")
    process = running(site, [licensed(connector=connector_id, rotate="always")], "killed.json")
    until(lambda: in_force(emulator)[connector_id] != before)
    assert kill(process)
    emulator.clear_faults()
    (entry,) = entries(site).values()
    assert entry["license_key"] == before and entry["replacing_since"] and len(site.entries()) == 1
    made = len(emulator.license_log())
    site.play([licensed("fixed", connector=connector_id), licensed("again", connector=connector_id)])
    found = site.registered()
    assert (found["fixed"]["reason"], found["again"]["reason"]) == ("interrupted", "not_due") and len(emulator.license_log()) == made
    (entry,) = entries(site).values()
    assert entry["license_key"] == in_force(emulator)[connector_id] and "replacing_since" not in entry
    assert entry["previous_license_key"] == before


def test_files_that_cannot_be_used(site, emulator):
    """Each is an error before anything is requested."""
    site.encrypt("v/other.yml", f"{LICENSES}: {{}}\n", password="another password")
    site.encrypt("v/list.yml", f"{LICENSES}: [1]\n{VARIABLE}: {{}}\n")
    (site.folder / "v" / "clear.yml").write_text(f"{LICENSES}: {{}}\n", encoding="utf-8")
    wrong = {
        "v/other.yml": "no vault password of this run decrypts it",
        "v/list.yml": f"its variable {LICENSES} is not a dictionary of dictionaries",
        "v/clear.yml": "is not encrypted with Ansible Vault",
        "v": "it is not a regular file",
        "nowhere/keys.yml": "the folder does not exist",
        "/proc/keys.yml": "",
    }
    before = emulator.state()
    tasks = [licensed(f"r{number}", file, True, notes="vm", rotate="always") for number, file in enumerate(wrong)]
    site.play([*tasks, rotate("branch-0", "v/list.yml")])
    found = site.registered()
    for number, text in enumerate(wrong.values()):
        assert found[f"r{number}"]["failed"] and text in found[f"r{number}"]["msg"] and "Nothing has been changed." in found[f"r{number}"]["msg"]
    assert not [request for request in emulator.requests() if "connectors" in request["path"]]
    assert emulator.state()["connectors"] == before["connectors"]
    # A file whose other variable is broken still keeps pre-shared keys.
    assert f"{LICENSES}: [1]" in site.text("v/list.yml") and len(site.keys("v/list.yml")) == 1
