# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A device that is a folder. It is up with a key if Cloudflare has the same, as with real IKE."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible.release import __version__

from ansible_collections.cloudflare.magic.tests.emulator.client import Emulator
from ansible_collections.cloudflare.magic.tests.integration.support.playing import checked_emulator, leaked
from ansible_collections.cloudflare.magic.tests.integration.support.vault_site import Site, _emulator

__all__ = ["Edge", "_emulator", "checked_emulator", "edge", "leaked"]

FILE = "v/keys.yml"


def _note(step: str) -> dict:
    return {"ansible.builtin.shell": f"echo '{{{{ edge_tunnel.name }}}} {step}' >> {{{{ device }}}}/notes"}


# Ansible prints the message of a failed task from 2.19 on, whatever no_log says, and masks keys that it knows from 2.22 on.
PRINTS_MESSAGES = (2, 19) <= tuple(int(part) for part in __version__.split(".")[:2]) <= (2, 21)


def _break(step: str) -> dict:
    """Fail as a careless module does: with all that it was given. That is what no_log is for."""
    words = f"{step}: cannot do pre-shared-key {{{{ edge_psk }}}}"
    failure = {"ansible.builtin.command": {"argv": ["false", words]}} if PRINTS_MESSAGES else {"ansible.builtin.fail": {"msg": words}}
    return {**failure, "when": f"break_at == '{step}'", "no_log": True}


class Edge:
    """A site with the device, and the role's playbook for its two tunnels."""

    tunnels = ("paris-1", "paris-2")

    def __init__(self, folder: Path, emulator: Emulator) -> None:
        self.emulator = emulator
        self.site = Site(folder, emulator)
        self.device = folder / "device"
        self.device.mkdir()
        self.screens = ""
        in_force = {
            "ansible.builtin.uri": {"url": emulator.control_url + "keys", "headers": emulator.control_headers},
            "register": "in_force",
            "check_mode": False,
            "no_log": True,
        }
        staged = "{{ device }}/{{ edge_tunnel.name }}.staged"
        load = f"cp {staged} {{{{ device }}}}/{{{{ edge_tunnel.name }}}}"
        loaded = "lookup('ansible.builtin.file', device ~ '/' ~ edge_tunnel.name)"
        same = {"that": f"in_force.json[edge_tunnel.id] == {loaded}", "fail_msg": "the device is not up", "quiet": True}
        steps = {
            "preflight": [_note("preflight"), in_force, {"ansible.builtin.assert": same, "no_log": True}],
            "stage": [
                _note("stage"),
                _break("stage"),
                {"ansible.builtin.copy": {"content": "{{ edge_psk }}", "dest": staged, "mode": "0600"}, "no_log": True},
            ],
            "load": [_note("load"), _break("load"), {"ansible.builtin.command": load, "no_log": True}],
            # The first key that it is asked for is refused, the one before isn't.
            "verify": [
                _note("verify"),
                {**_break("verify"), "when": "break_at == 'verify' and edge_psk != before[edge_tunnel.name]"},
                in_force,
                {"ansible.builtin.assert": same, "no_log": True},
            ],
        }
        for name, tasks in steps.items():
            (self.device / f"{name}.yml").write_text(json.dumps([{"name": name, **task} for task in tasks]), encoding="utf-8")
        # Both tunnels have a key that is known everywhere.
        self.site.play([{"cloudflare.magic.ipsec_psks": {"names": list(self.tunnels), "vault_file": FILE}}])
        self.before = self.keys()
        for name, key in self.before.items():
            (self.device / name).write_text(key, encoding="utf-8")
        emulator.clear_requests()

    def keys(self) -> dict[str, str]:
        """The keys in force at Cloudflare, by name."""
        in_force = self.emulator.keys()
        return {name: str(in_force[self.emulator.tunnel(name)["id"]]) for name in self.tunnels}

    def loaded(self) -> dict[str, str]:
        """The keys that the device uses, by name."""
        return {name: (self.device / name).read_text(encoding="utf-8") for name in self.tunnels}

    def saved(self, field: str = "psk") -> dict[str, str | None]:
        """A field of the vault file's entries, by name."""
        entries = self.site.entries(FILE)
        return {name: entries[self.emulator.tunnel(name)["id"]].get(field) for name in self.tunnels}

    def steps(self) -> list[str]:
        """What the device was asked: tunnel and step."""
        notes = self.device / "notes"
        return notes.read_text(encoding="utf-8").splitlines() if notes.exists() else []

    def writes(self) -> list[str]:
        """The requests to Cloudflare that change something."""
        return [request["path"].rsplit("/", 1)[1] for request in self.emulator.requests() if request["method"] != "GET" and not request["query"]]

    def rotate(self, *args: str, rc: int = 0, break_at: str = "", **variables) -> str:
        """Run the role, as verbosely as it can be, and return the screen in one line."""
        (self.site.folder / "before.json").write_text(json.dumps({"before": self.before}), encoding="utf-8")
        role = {"name": "cloudflare.magic.rotate_edge"}
        names = {
            "rotate_edge_tunnels": list(self.tunnels),
            "rotate_edge_vault_file": FILE,
            "rotate_edge_device_path": "device",
            "device": str(self.device),
            "break_at": break_at,
            **variables,
        }
        arguments = ["--vault-id", "prod@password", "-e", "@before.json", "-vvv", "--diff", *args]
        screen = self.site.play([{"ansible.builtin.include_role": role, "vars": names}], args=arguments, rc=rc)
        self.screens += screen
        return " ".join(screen.split())


@pytest.fixture
def edge(tmp_path: Path, emulator: Emulator, leaked):
    """The device, up with both tunnels. Whatever a test does, no key may be seen."""
    made = Edge(tmp_path / "site", emulator)
    yield made
    keys = {*made.before.values(), *(entry["psk"] for entry in emulator.key_log())}
    keys |= {key for field in ("psk", "pending_psk", "previous_psk") for key in made.saved(field).values() if key}
    assert made.screens
    assert leaked(made.screens, sorted(keys)) == []
