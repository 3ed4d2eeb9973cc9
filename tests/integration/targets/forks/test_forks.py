# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts of the inventory plugin, worked on by many processes at once: each gets the answer to its own question, and changes its own tunnel.

FORKS_ROUNDS says how often each host reads and changes its tunnel.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.cloudflare.magic.tests.integration.support.playing import COLLECTIONS_PATH

HOSTS = 20
ROUNDS = int(os.environ.get("FORKS_ROUNDS", "3"))
# How many processes there are, by the names of the tunnels that each run works on.
RUNS = {"http-few": (), "http-many": ("--forks", "20"), "tls-few": (), "tls-many": ("--forks", "20")}


def seed(emulator) -> None:
    """Give each run tunnels of its own."""
    tunnels = []
    for number, name in enumerate(f"{run}-{number}" for run in RUNS for number in range(HOSTS)):
        tunnels.append(
            {
                "account_id": emulator.account_id,
                "id": f"{number:08x}" * 4,
                "name": name,
                "cloudflare_endpoint": "203.0.113.1",
                "customer_endpoint": f"198.51.100.{number + 1}",
                "interface_address": f"10.0.0.{number * 2}/31",
                "psk": f"the-seeded-key-of-tunnel-{number:08}",
                "psk_age_seconds": 1000000,
            }
        )
    emulator.set_state({**emulator.state(), "ipsec_tunnels": tunnels})


def read(before: str, **keywords) -> dict:
    """Read the host's own tunnel, which has to be as the host has left it: with this description (an expression)."""
    own = "read.ipsec_tunnels | map(attribute='id') == [id] and read.ipsec_tunnels[0].name == inventory_hostname"
    right = f"{own} and read.ipsec_tunnels[0].description == {before}"
    return {
        "cloudflare.magic.ipsec_tunnel_info": {"ipsec_tunnel_id": "{{ id }}"},
        "register": "read",
        "failed_when": f"read is failed or not ({right})",
        **keywords,
    }


def change(after: str, **keywords) -> dict:
    right = f"changed is changed and changed.ipsec_tunnel.id == id and changed.ipsec_tunnel.description == {after}"
    return {
        "cloudflare.magic.ipsec_tunnel": {"ipsec_tunnel_id": "{{ id }}", "description": "{{ " + after + " }}"},
        "register": "changed",
        "failed_when": f"changed is failed or not ({right})",
        **keywords,
    }


def tasks(name: str, folder: Path) -> list[dict]:
    """Reads and changes, in turn or in loops, and at last a key."""
    found: list[dict] = []
    mine = "'mine ' ~ inventory_hostname ~ ' '"
    if name.endswith("few"):
        # Each in a process of its own.
        for number in range(ROUNDS):
            found += [read(f"{mine} ~ {number - 1}" if number else "''"), change(f"{mine} ~ {number}")]
    else:
        # All of a host in one process, which keeps its connection.
        rounds = list(range(ROUNDS))
        found += [read("''", loop=rounds), change(f"{mine} ~ item", loop=rounds)]
    found.append({"cloudflare.magic.ipsec_psk": {"ipsec_tunnel_id": "{{ id }}"}, "register": "key"})
    keys = "dict(ansible_play_hosts | map('extract', hostvars, 'id') | zip(ansible_play_hosts | map('extract', hostvars, ['key', 'psk'])))"
    found.append(
        {
            "ansible.builtin.copy": {"content": "{{ " + keys + " | to_json }}", "dest": str(folder / "keys.json"), "mode": "0600"},
            "run_once": True,
            "no_log": True,
            "vars": {"ansible_python_interpreter": sys.executable},
        }
    )
    return found


class Run:
    """A run of ansible-playbook on the tunnels whose names begin with ``name``."""

    def __init__(self, name: str, folder: Path, environment: dict[str, str]) -> None:
        self.name = name
        self.folder = folder
        content = {"plugin": "cloudflare.magic.tunnels", "filters": {"names": [f"{name}-*"]}}
        (folder / "magic.yml").write_text(json.dumps(content), encoding="utf-8")
        play = {"hosts": "ipsec_tunnels", "connection": "local", "gather_facts": False, "tasks": tasks(name, folder)}
        (folder / "playbook.json").write_text(json.dumps([play]), encoding="utf-8")
        (folder / "ansible.cfg").write_text("", encoding="utf-8")
        foreign = ("ANSIBLE_", "CLOUDFLARE_")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(foreign) and not name.lower().endswith("_proxy")}
        settings = {
            "HOME": str(folder),
            "ANSIBLE_HOME": str(folder / "ansible"),
            "ANSIBLE_CONFIG": str(folder / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": COLLECTIONS_PATH,
            "ANSIBLE_NOCOLOR": "1",
        }
        with open(folder / "screen", "wb") as screen:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "ansible.cli.playbook", "-i", "magic.yml", *RUNS[name], "playbook.json"],
                cwd=folder,
                env={**inherited, **settings, **environment},
                stdin=subprocess.DEVNULL,
                stdout=screen,
                stderr=subprocess.STDOUT,
            )

    def end(self) -> tuple[int, str]:
        return self._process.wait(), (self.folder / "screen").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def runs(emulator, relay, tmp_path_factory: pytest.TempPathFactory):
    """All runs, started at the same time: each waits for answers most of its time."""
    seed(emulator)
    made = {}
    for name in RUNS:
        environment = {**emulator.environment(), **({"CLOUDFLARE_BASE_URL": relay.url} if name.startswith("tls") else {}), "REQUESTS_CA_BUNDLE": relay.ca_path}
        made[name] = Run(name, tmp_path_factory.mktemp(name), environment)
    return made


@pytest.mark.parametrize("name", RUNS)
def test_each_host_gets_the_answers_for_its_own_tunnel(emulator, relay, runs, leaked, name):
    rc, screen = runs[name].end()
    assert rc == 0, screen
    own = {tunnel["id"]: tunnel for tunnel in emulator.tunnels() if tunnel["name"].startswith(f"{name}-")}
    assert len(own) == HOSTS
    assert {tunnel["name"]: tunnel["description"] for tunnel in own.values()} == {
        tunnel["name"]: f"mine {tunnel['name']} {ROUNDS - 1}" for tunnel in own.values()
    }
    keys = json.loads((runs[name].folder / "keys.json").read_text(encoding="utf-8"))
    in_force = emulator.keys()
    assert keys == {tunnel_id: in_force[tunnel_id] for tunnel_id in own}
    assert not any(key.startswith("the-seeded-key") for key in keys.values())
    assert leaked(screen, list(keys.values())) == []
    # Nothing was asked twice: no answer was lost.
    asked = [request for request in emulator.requests() if any(tunnel_id in request["path"] for tunnel_id in own)]
    assert len(asked) == HOSTS * (ROUNDS * 3 + 1)
    assert (relay.connections > 0) == any(run.startswith("tls") for run in RUNS)
