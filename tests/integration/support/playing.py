# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What tests of playbooks share: an emulator, and ``play``, which runs tasks by ``ansible-playbook`` and returns what they registered."""

from __future__ import annotations

import base64
import json
import os
import re
import sys
import urllib.parse
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ansible_collections.cloudflare.magic.tests.emulator.client import Emulator, running
from ansible_collections.cloudflare.magic.tests.integration.support import preloaded
from ansible_collections.cloudflare.magic.tests.integration.support.quiet import assert_quiet

HERE = Path(__file__).resolve().parent
# The folder that has ansible_collections/cloudflare/magic; not resolved, because the collection may be there by a link.
COLLECTIONS_PATH = str(Path(__file__).absolute().parents[6])

# Each name says how the work gets done on that host.
HOSTS: dict[str, dict] = {
    "here": {"ansible_connection": "local"},
    "there": {"ansible_connection": "elsewhere"},
    "nearby": {"ansible_connection": "nearby"},
    "unreachable": {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1},
}


@pytest.fixture(scope="session")
def _emulator():
    with running() as emulator:
        yield emulator


@pytest.fixture(name="emulator")
def checked_emulator(_emulator: Emulator):
    """The emulator as it starts, for each test.

    Whatever the test does: what is sent and answered has to agree with Cloudflare's description, and a fault that it sets has to be met.
    """
    _emulator.reset()
    yield _emulator
    _emulator.check()


@dataclass
class Played:
    """How a run ended.

    Attributes:
        rc: the exit status.
        screen: standard output and standard error.
        folder: where it ran: its home, log and temporary files.
        hosts: what tasks registered, by host and variable.
    """

    rc: int
    screen: str
    folder: Path
    hosts: dict[str, dict] = field(default_factory=dict)

    def __getitem__(self, host: str) -> dict:
        return self.hosts[host]

    def shows(self, text: str) -> bool:
        """Return whether the screen has this text, wherever Ansible breaks lines and escapes quotes."""
        return _squeezed(text) in _squeezed(self.screen)

    def written(self) -> str:
        """Return all that the run left behind: the screen, the log, temporary files. The playbook and the results are not looked at: they are ours."""
        texts = [self.screen]
        for path in sorted(self.folder.rglob("*")):
            if path.is_file() and path.name != "playbook.json" and path.parent.name != "results":
                texts.append(path.read_text(encoding="utf-8", errors="replace"))
        return "\n".join(texts)


def _squeezed(text: str) -> str:
    return re.sub(r"[\s\\]", "", text)


def _forms(secret: str) -> set[str]:
    """Return a secret in the forms in which software likes to print one."""
    data = secret.encode("utf-8")
    forms = {
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
        urllib.parse.quote(secret),
        urllib.parse.quote(secret, safe=""),
        urllib.parse.quote_plus(secret),
        data.hex(),
    }
    for shift in range(3):  # inside something longer, it may begin anywhere in a group of three bytes
        text = base64.b64encode(b"\0" * shift + data).decode("ascii")
        forms.add(text[(shift * 4 + 2) // 3 : len(text) - 4])
    return forms


@pytest.fixture(scope="session")
def leaked():
    """A function that returns those forms of the given secrets that stand in a text."""

    def find(text: str, secrets: list[str]) -> list[str]:
        assert secrets, "looking for nothing always finds nothing"
        assert text, "looking at nothing always finds nothing"
        return sorted(form for secret in secrets for form in _forms(secret) if form in text)

    return find


@pytest.fixture(scope="session")
def command(tmp_path_factory: pytest.TempPathFactory):
    """A function that runs a program of Ansible, by the module behind it, in a folder and with settings of its own.

    It fails if there is a warning with none of the texts of ``warns`` in it, or if one of these is missing.
    """

    def run(module: str, arguments: list[str], folder: Path, env: dict[str, str] | None = None, stdin: Path | None = None, warns=()) -> Played:
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "CLOUDFLARE_")) and not name.lower().endswith("_proxy")
        }
        (folder / "ansible.cfg").write_text("", encoding="utf-8")
        hosts = {name: {**variables, "ansible_python_interpreter": sys.executable} for name, variables in HOSTS.items()}
        (folder / "hosts.json").write_text(json.dumps({"all": {"hosts": hosts}}), encoding="utf-8")
        settings = {
            "HOME": str(folder),
            "TMPDIR": str(folder),
            "ANSIBLE_HOME": str(folder / "ansible"),
            "ANSIBLE_REMOTE_TEMP": str(folder / "remote"),
            "ANSIBLE_CONFIG": str(folder / "ansible.cfg"),
            "ANSIBLE_LOG_PATH": str(folder / "ansible.log"),
            "ANSIBLE_COLLECTIONS_PATH": COLLECTIONS_PATH,
            "ANSIBLE_ACTION_PLUGINS": str(HERE / "action_plugins"),
            "ANSIBLE_CONNECTION_PLUGINS": str(HERE / "connection_plugins"),
            "ANSIBLE_INVENTORY": str(folder / "hosts.json"),
            "ANSIBLE_NOCOLOR": "1",
            # Faster than to send modules as files.
            "ANSIBLE_PIPELINING": "1",
        }
        done = preloaded.run([module, *arguments], folder, {**inherited, **settings, **(env or {})}, stdin.read_bytes() if stdin else b"", merged=True)
        screen = done.stdout.decode("utf-8")
        assert_quiet(screen, warns)
        return Played(done.returncode, screen, folder)

    return run


@pytest.fixture(scope="session")
def play(command, tmp_path_factory: pytest.TempPathFactory):
    """A function that runs tasks by ansible-playbook.

    Args:
        tasks: as in a playbook.
        hosts: some of HOSTS.
        save: further variables or expressions to return, besides the registered ones, by name.
        env: environment of ansible-playbook.
        args: further arguments of ansible-playbook.
        folder: the home, if there is something in it already.
        warns: a part of each warning that there has to be.
        keywords: further keywords of the play, such as module_defaults.

    What the tasks registered comes back through a file that the play itself writes: only a usable value gets there.
    """

    def run(tasks: list[dict], hosts=("here",), save=None, env=None, args=(), folder: Path | None = None, warns=(), **keywords) -> Played:
        folder = folder or tmp_path_factory.mktemp("play")
        (folder / "results").mkdir()
        names = {task["register"]: task["register"] for task in tasks if "register" in task}
        content = ", ".join(f"'{name}': {expression}" for name, expression in {**names, **(save or {})}.items())
        report = {
            "name": "Write down what was registered",
            "ansible.legacy.write_down": {"content": "{{ {" + content + "} | to_json }}", "path": str(folder / "results") + "/{{ inventory_hostname }}"},
            "no_log": True,
        }
        whole = {"hosts": list(hosts), "gather_facts": False, **keywords, "tasks": [*tasks, report]}
        (folder / "playbook.json").write_text(json.dumps([whole]), encoding="utf-8")
        played: Played = command("ansible.cli.playbook", ["playbook.json", *args], folder, env, warns=warns)
        for path in (folder / "results").iterdir():
            played.hosts[path.name] = json.loads(path.read_text(encoding="utf-8"))
        return played

    return run
