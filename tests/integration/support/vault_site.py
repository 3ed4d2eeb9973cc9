# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests share: an emulator with many tunnels, and a folder in which ansible-playbook runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from ansible.parsing.vault import VaultLib, VaultSecret

from ansible_collections.cloudflare.magic.tests.emulator.client import Emulator, running
from ansible_collections.cloudflare.magic.tests.integration.support import preloaded
from ansible_collections.cloudflare.magic.tests.integration.support.playing import COLLECTIONS_PATH, HERE
from ansible_collections.cloudflare.magic.tests.integration.support.quiet import assert_quiet

VARIABLE = "cloudflare_magic_ipsec_psks"
PASSWORD = "the password of the vault"
PATIENCE = 60  # seconds of pauses


def until(what, pause: float = 0.03):
    """Wait until ``what`` returns something, and return that. Gives up after so many tries that the machine's load does not matter."""
    for dummy in range(int(PATIENCE / pause)):
        found = what()
        if found:
            return found
        time.sleep(pause)
    raise AssertionError("it never happened")


def fill(emulator: Emulator, count: int) -> list[dict]:
    """Give the emulator this many tunnels, every second one with a key, and return them as its seed has them."""
    seed = emulator.state()
    tunnels = []
    for number in range(count):
        tunnel = {
            "account_id": emulator.account_id,
            "id": f"{number:08x}" * 4,
            "name": f"branch-{number}",
            "cloudflare_endpoint": "203.0.113.1",
            "customer_endpoint": f"198.51.{100 + number // 250}.{number % 250}",
            "interface_address": f"10.0.{number // 128}.{number % 128 * 2}/31",
        }
        if number % 2:
            tunnel.update(psk=f"the-seeded-key-of-tunnel-{number:08}", psk_age_seconds=1000000)
        tunnels.append(tunnel)
    emulator.set_state({**seed, "ipsec_tunnels": tunnels})
    emulator.clear_requests()
    emulator.clear_faults()
    return tunnels


@pytest.fixture(scope="session")
def _emulator():
    with running(rate_limit="1000000000/300") as emulator:
        yield emulator


@pytest.fixture
def emulator(_emulator: Emulator):
    """An emulator with 24 tunnels: branch-0 to branch-23."""
    _emulator.reset()
    fill(_emulator, 24)
    yield _emulator
    _emulator.check()


class Site:
    """A folder with playbooks, a home, and a password file ``password`` for the vault id ``prod``."""

    def __init__(self, folder: Path, emulator: Emulator) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.emulator = emulator
        for path in (self.home, folder / "results", folder / "v"):
            path.mkdir(parents=True)
        (folder / "ansible.cfg").write_text("", encoding="utf-8")
        (folder / "password").write_text(PASSWORD + "\n", encoding="utf-8")
        self.hosts({"here": {}, "there": {"ansible_connection": "elsewhere"}})

    def hosts(self, hosts: dict) -> None:
        """Write the inventory."""
        hosts = {name: {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, **variables} for name, variables in hosts.items()}
        (self.folder / "hosts.json").write_text(json.dumps({"all": {"hosts": hosts}}), encoding="utf-8")

    def environment(self, **more: str) -> dict[str, str]:
        foreign = ("ANSIBLE_", "CLOUDFLARE_")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(foreign) and not name.lower().endswith("_proxy")}
        return {
            **inherited,
            **self.emulator.environment(),
            "HOME": str(self.home),
            "ANSIBLE_HOME": str(self.folder / "ansible"),
            "ANSIBLE_REMOTE_TEMP": str(self.folder / "remote"),
            "ANSIBLE_CONFIG": str(self.folder / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": COLLECTIONS_PATH,
            "ANSIBLE_ACTION_PLUGINS": str(HERE / "action_plugins"),
            "ANSIBLE_CONNECTION_PLUGINS": str(HERE / "connection_plugins"),
            "ANSIBLE_INVENTORY": str(self.folder / "hosts.json"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_PIPELINING": "1",
            **more,
        }

    def playbook(self, tasks: list[dict], hosts="here", name: str = "playbook.json", **keywords) -> list[str]:
        """Write a playbook that also writes down what its tasks registered, and return the command that runs it."""
        wanted = ", ".join(f"'{task['register']}': {task['register']}" for task in _flat(tasks) if "register" in task)
        report = {
            "name": "Write down what was registered",
            "ansible.legacy.write_down": {"content": "{{ {" + wanted + "} | to_json }}", "path": str(self.folder / "results") + "/{{ inventory_hostname }}"},
            "no_log": True,
        }
        play = {"hosts": hosts, "gather_facts": False, **keywords, "tasks": [*tasks, *([report] if wanted else [])]}
        (self.folder / name).write_text(json.dumps([play]), encoding="utf-8")
        return [sys.executable, "-m", "ansible.cli.playbook", name]

    def play(self, tasks: list[dict], hosts="here", args=("--vault-id", "prod@password"), env=None, rc: int | None = 0, around=(), warns=(), **keywords) -> str:
        """Run tasks and return the screen.

        Args:
            rc: the exit status that there must be; None for any.
            around: a command in front of ansible-playbook's.
            warns: a part of each warning that there has to be.
        """
        command, environment = [*around, *self.playbook(tasks, hosts, **keywords), *args], self.environment(**(env or {}))
        done: preloaded.Done | subprocess.CompletedProcess
        if around:
            done = subprocess.run(
                command, cwd=self.folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
            )
        else:
            done = preloaded.run(command[2:], self.folder, environment, merged=True)
        screen = done.stdout.decode("utf-8")
        assert rc is None or done.returncode == rc, screen
        assert_quiet(screen, warns)
        return screen

    def registered(self, host: str = "here") -> dict:
        return json.loads((self.folder / "results" / host).read_text(encoding="utf-8"))

    def text(self, path="v/keys.yml", password: str = PASSWORD) -> str:
        """The decrypted text of a file."""
        return bytes(VaultLib([("any", VaultSecret(password.encode()))]).decrypt((self.folder / path).read_bytes())).decode("utf-8")

    def entries(self, path="v/keys.yml", password: str = PASSWORD) -> dict:
        return yaml.safe_load(self.text(path, password).replace("!unsafe ", ""))[VARIABLE]

    def keys(self, path="v/keys.yml", password: str = PASSWORD) -> dict:
        """The file's current keys by tunnel id."""
        return {tunnel_id: entry["psk"] for tunnel_id, entry in self.entries(path, password).items()}

    def encrypt(self, path: str, text: str, password: str = PASSWORD, vault_id: str = "prod") -> None:
        secret = VaultSecret(password.encode())
        (self.folder / path).write_bytes(VaultLib([(vault_id, secret)]).encrypt(text.encode("utf-8"), secret=secret, vault_id=vault_id))

    def header(self, path="v/keys.yml") -> str:
        return (self.folder / path).read_bytes().split(b"\n", 1)[0].decode()

    def files(self, path="v") -> list[str]:
        return sorted(os.listdir(self.folder / path))


def _flat(tasks: list[dict]) -> list[dict]:
    found = []
    for task in tasks:
        found += [task, *_flat(task.get("block", [])), *_flat(task.get("rescue", []))]
    return found


@pytest.fixture
def site(tmp_path: Path, emulator: Emulator):
    return Site(tmp_path / "site", emulator)


def rotate(name=None, file: str = "v/keys.yml", register: str | None = None, keywords: dict | None = None, **options) -> dict:
    """A task that rotates a tunnel's key and keeps it in a file."""
    if name is not None:
        options["name"] = name
    task: dict = {"cloudflare.magic.ipsec_psk": {"vault_file": file, **options}, **(keywords or {})}
    if register is not None:
        task["register"] = register
    return task
