# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Devices that are folders. One is up with a key if Cloudflare has the same, as with real IKE.

Each host is such a device, with tunnels of its own, so that one run asks as many questions as there are hosts.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from ansible_collections.cloudflare.magic.tests.emulator.client import Emulator
from ansible_collections.cloudflare.magic.tests.integration.support.playing import checked_emulator, leaked
from ansible_collections.cloudflare.magic.tests.integration.support.vault_site import VARIABLE, Site, _emulator

__all__ = ["Edges", "_emulator", "checked_emulator", "edges", "leaked"]

DAY = 86400


class Edges:
    """The devices, each up with all of its tunnels, whose keys are known everywhere."""

    def __init__(self, folder: Path, emulator: Emulator) -> None:
        self.emulator = emulator
        self.site = Site(folder, emulator)
        self.screen = ""
        self.screens = ""
        self.before: dict[str, str] = {}
        self._tunnels: dict[str, list[dict]] = {}
        self._hosts: dict[str, dict] = {}

    def add(self, host: str, tunnels: int = 1, **variables) -> None:
        """Add a host with so many tunnels: variables of the role, ``break_at`` (a step of the device), and ``health`` (what its checks see with a new key)."""
        first = sum(map(len, self._tunnels.values()))
        self._tunnels[host] = [self._tunnel(f"{host}-{number + 1}", first + number) for number in range(tunnels)]
        self._hosts[host] = {"rotate_edge_tunnels": self.tunnels(host), **variables}

    def hosts(self) -> list[str]:
        """Their names."""
        return list(self._hosts)

    @staticmethod
    def _tunnel(name: str, number: int) -> dict:
        outside = {"cloudflare_endpoint": "203.0.113.1", "customer_endpoint": f"198.18.0.{number}"}
        key = {"psk": f"the-seeded-key-of-{name}-{number:020}", "psk_age_seconds": 100 * DAY}
        account_id = Emulator.account_id
        return {"account_id": account_id, "id": f"{number + 1:032x}", "name": name, "interface_address": f"10.0.0.{2 * number}/31", **outside, **key}

    def tunnels(self, host: str) -> list[str]:
        """The names of a host's tunnels."""
        return [tunnel["name"] for tunnel in self._tunnels[host]]

    def ids(self, host: str) -> list[str]:
        """Their ids."""
        return [tunnel["id"] for tunnel in self._tunnels[host]]

    def old(self, host: str) -> dict[str, str]:
        """The keys that they had at first, by name."""
        return {tunnel["name"]: tunnel["psk"] for tunnel in self._tunnels[host]}

    def changed(self, host: str) -> dict[str, str]:
        """When Cloudflare changed the keys, by name."""
        made = {tunnel["id"]: tunnel["psk_metadata"]["last_generated_on"] for tunnel in self.emulator.tunnels()}
        return {tunnel["name"]: made[tunnel["id"]] for tunnel in self._tunnels[host]}

    def begin(self) -> None:
        """Bring Cloudflare, the files of keys and the devices to agreement, once all hosts are there."""
        tunnels = [tunnel for several in self._tunnels.values() for tunnel in several]
        self.emulator.set_state({**self.emulator.state(), "ipsec_tunnels": tunnels, "routes": []})
        self.before = {tunnel["name"]: tunnel["psk"] for tunnel in tunnels}
        made = {tunnel["id"]: tunnel["psk_metadata"]["last_generated_on"] for tunnel in self.emulator.tunnels()}
        for host, several in self._tunnels.items():
            entries = {tunnel["id"]: {"name": tunnel["name"], "psk": tunnel["psk"], "last_generated_on": made[tunnel["id"]]} for tunnel in several}
            self.site.encrypt(f"v/{host}.yml", yaml.safe_dump({VARIABLE: entries}))
            self.device(host).mkdir()
            (self.device(host) / "before.json").write_text(json.dumps(self.before), encoding="utf-8")
            for tunnel in several:
                (self.device(host) / tunnel["name"]).write_text(tunnel["psk"], encoding="utf-8")
            step = {"tunnel": "{{ edge_tunnel }}", "device": str(self.device(host)), "url": self.emulator.url, "token": "{{ emulator_token }}"}
            step.update(psk="{{ edge_psk | default('') }}", break_at="{{ break_at | default('') }}", health="{{ health | default('') }}")
            for name in ("preflight", "stage", "load", "verify"):
                task = {"name": name, "ansible.legacy.edge_device": {"step": name, **step}, "no_log": True}
                (self.device(host) / f"{name}.yml").write_text(json.dumps([task]), encoding="utf-8")
            self._hosts[host].setdefault("rotate_edge_device_path", str(self.device(host)))
            self._hosts[host].update(rotate_edge_vault_file=f"v/{host}.yml", emulator_token=self.emulator.control_headers["X-Emulator-Token"])
        self.emulator.clear_requests()

    def device(self, host: str) -> Path:
        """The folder that is the device."""
        return self.site.folder / f"device-{host}"

    def keys(self, host: str) -> dict[str, str]:
        """The keys in force at Cloudflare, by name."""
        in_force = self.emulator.keys()
        return {tunnel["name"]: str(in_force[tunnel["id"]]) for tunnel in self._tunnels[host]}

    def loaded(self, host: str) -> dict[str, str]:
        """The keys that the device uses, by name."""
        return {name: (self.device(host) / name).read_text(encoding="utf-8") for name in self.tunnels(host)}

    def saved(self, host: str, field: str = "psk") -> dict[str, str | None]:
        """A field of the entries in the file of keys, by name."""
        entries = self.site.entries(f"v/{host}.yml")
        return {tunnel["name"]: entries[tunnel["id"]].get(field) for tunnel in self._tunnels[host]}

    def is_as_before(self, host: str) -> bool:
        """Return whether a host's tunnels have the keys that they had, everywhere, and nothing was sent that changes something."""
        return self.keys(host) == self.loaded(host) == self.saved(host) == self.old(host) and not self.writes(host)

    def has_new_keys(self, host: str) -> bool:
        """Return whether all of a host's tunnels have new keys, everywhere, and nothing waits."""
        new = self.keys(host)
        agree = new == self.loaded(host) == self.saved(host) and set(self.saved(host, "pending_psk").values()) == {None}
        return agree and not set(new.values()) & set(self.before.values())

    def steps(self, host: str) -> list[str]:
        """What the device was asked: tunnel and step."""
        notes = self.device(host) / "notes"
        return notes.read_text(encoding="utf-8").splitlines() if notes.exists() else []

    def _requests(self, host: str, about: str) -> list[dict]:
        """Requests about some of a host's tunnels, which are known by their ids or names."""
        words = [tunnel[about] for tunnel in self._tunnels[host]]
        return [request for request in self.emulator.requests() if any(word in request["path"] + str(request["body"]) for word in words)]

    def writes(self, host: str) -> list[str]:
        """The requests to Cloudflare that change something."""
        return [request["path"].rsplit("/", 1)[1] for request in self._requests(host, "id") if request["method"] != "GET" and not request["query"]]

    def queries(self, host: str) -> list[dict]:
        """The variables of the queries for the health of the host's tunnels."""
        return [json.loads(request["body"])["variables"] for request in self._requests(host, "name") if request["path"].endswith("/graphql")]

    def rotate(self, *args: str, hosts=(), rc: int = 0, warns=(), **variables) -> None:
        """Run the role on hosts (all), as verbosely as it can be."""
        if not self.before:
            self.begin()
        self.site.hosts({host: {**own, **variables} for host, own in self._hosts.items() if not hosts or host in hosts})
        defaults = {"group/cloudflare.magic.all": {"api_token": "{{ api_token | default(omit) }}", "max_retries": 0}}
        self.screen = self.site.play(
            [{"ansible.builtin.include_role": {"name": "cloudflare.magic.rotate_edge"}}],
            hosts="all",
            args=["--vault-id", "prod@password", "-vvv", "--diff", *args],
            rc=rc,
            warns=warns,
            module_defaults=defaults,
        )
        self.screens += self.screen

    def said(self, host: str, how: str = "fatal|failed|ok") -> str:
        """What results of a host say on the screen of the last run, in one line."""
        results = re.split(r"\n(?=\w+: \[|TASK|PLAY|\n)", self.screen)
        return " ".join(" ".join(result.split()) for result in results if re.match(rf"(?:{how}): \[{host}[\] ]", result))

    def table(self, host: str) -> list[list[str]]:
        """The lines of the table at the end, in columns, without its head and the names: ansible-core 2.22 masks these."""
        found = re.search(rf"ok: \[{host}\] => {{\s*\"msg\": \[(.*?)\n\s*\]", self.screen, re.DOTALL)
        lines = json.loads(f"[{found[1]}]") if found else []
        return [re.split(r"\s{2,}", line.strip())[1:] for line in lines[1:]]


@pytest.fixture
def edges(tmp_path: Path, emulator: Emulator, leaked):
    """No hosts yet. Whatever a test does with them, no key may be seen."""
    made = Edges(tmp_path / "site", emulator)
    yield made
    keys = {*made.before.values(), *(entry["psk"] for entry in emulator.key_log())}
    keys |= {key for host in made.hosts() for field in ("psk", "pending_psk", "previous_psk") for key in made.saved(host, field).values() if key}
    assert made.screens and len(keys) >= len(made.before) > 0
    assert leaked(made.screens, sorted(keys)) == []
