# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The first hour: docs/start.md from its first command to the reader's own account, each command as it stands on the page.

There is a new home, an empty environment and a folder with nothing in it but the archive of the release. The virtual environment has what the page
installs. Two commands need what a test must not have: root, and a version on Galaxy. The git repository is a copy of this one.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tarfile
import typing as t
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

if t.TYPE_CHECKING:
    from ansible_collections.cloudflare.magic.tests.docs import test_code_blocks as machinery
    from ansible_collections.cloudflare.magic.tests.emulator.client import Emulator
    from ansible_collections.cloudflare.magic.tests.release.conftest import GALAXY, ROOT, run
else:
    from conftest import GALAXY, ROOT, run

    sys.path.insert(0, str(ROOT / "tests" / "docs"))
    import test_code_blocks as machinery

    Emulator = machinery.Emulator

PAGE = ROOT / "docs" / "start.md"
# From here on it is about the reader's own account.
END = "\n## 6. Your own account\n"
NOT_HERE = ("sudo apt-get ", f"ansible-galaxy collection install {GALAXY['namespace']}.{GALAXY['name']}")
INSTALL = "ansible-galaxy collection install "
INSTALLED = Path(".ansible", "collections", "ansible_collections", GALAXY["namespace"], GALAXY["name"])


@dataclass
class Reader:
    """Who follows the page: a home, a folder, and a terminal that keeps what was exported."""

    home: Path
    folder: Path
    environ: dict[str, str]
    source: str
    started: list[subprocess.Popen[str]] = field(default_factory=list)
    url: str = ""
    emulator: Emulator | None = None
    screen: str = ""

    def adapt(self, text: str) -> str:
        """Put the copy of the repository and the emulator's port in place of those on the page."""
        text = text.replace(GALAXY["repository"], self.source)
        return text.replace(machinery.ADDRESS, self.url.split("/")[2]) if self.url else text

    def type(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the terminal."""
        state = self.home.parent / "state"
        script = f'{self.adapt(command)}\nstatus=$?\nenv -0 > {shlex.quote(str(state))}\nexit "$status"'
        done = subprocess.run(
            ["bash", "-c", script], env=self.environ, cwd=self.folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=False
        )
        self.environ = dict(entry.split("=", 1) for entry in state.read_text(encoding="utf-8").split("\0") if entry)
        self.screen += done.stdout + done.stderr
        return done

    def open_another_terminal(self, command: str) -> None:
        """Start the emulator on a free port; it ends with the reader."""
        command = re.sub(r"--port \d+", "--port 0 --stop-with-stdin", command)
        streams: dict[str, t.Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        process = subprocess.Popen(["bash", "-c", f"exec {command}"], env=self.environ, cwd=self.folder, text=True, **streams)
        self.started.append(process)
        assert process.stdout
        address, token = process.stdout.readline(), process.stdout.readline()
        self.url = address.split()[3]
        self.emulator = Emulator(self.url, token=token.split()[-1])


@pytest.fixture(scope="module")
def reader(repository: Path, archive: Path, tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Reader]:
    """Return someone with a new machine, who has downloaded the archive."""
    above = tmp_path_factory.mktemp("reader")
    home, folder, programs = above / "home", above / "home" / "project", above / "bin"
    for path in (folder, programs):
        path.mkdir(parents=True)
    (folder / archive.name).write_bytes(archive.read_bytes())
    # Not the virtual environment in which this test runs.
    python = Path(sys.base_prefix, "bin", f"python{sys.version_info.major}.{sys.version_info.minor}")
    (programs / "python3").write_text(f'#!/bin/sh\nexec {shlex.quote(str(python))} "$@"\n', encoding="utf-8")
    (programs / "python3").chmod(0o755)
    run("git", "clone", "--quiet", repository, above / "repository")
    run("git", "-C", above / "repository", "checkout", "--quiet", "-B", "main")
    # How pip reaches a package index is a matter of the machine.
    network = {name: value for name, value in os.environ.items() if re.match(r"PIP_|SSL_CERT_|REQUESTS_CA_|(https?|all|no)_proxy$", name, re.IGNORECASE)}
    environ = {**network, "HOME": str(home), "PATH": f"{programs}:/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
    environ |= {name: f"{environ.get(name, '')},127.0.0.1".strip(",") for name in ("NO_PROXY", "no_proxy")}
    someone = Reader(home, folder, environ, (above / "repository").as_uri())
    yield someone
    for process in someone.started:
        process.communicate()


def install(reader: Reader, command: str) -> None:
    """Install the collection in one of the ways that the page shows, where it is not installed."""
    target = reader.home / INSTALLED
    run("rm", "-rf", target, *target.parents[1].glob("*.info"))
    done = reader.type(command)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{GALAXY['namespace']}.{GALAXY['name']}:{GALAXY['version']} was installed successfully" in done.stdout
    assert "WARNING" not in done.stderr, done.stderr


def follow(reader: Reader, block: machinery.Block) -> list[str]:
    """Do what a block says, and return its commands that cannot be run here."""
    left_out: list[str] = []
    if "file" in block.notes:
        (reader.folder / block.notes["file"]).write_text(reader.adapt(block.text), encoding="utf-8")
        return left_out
    assert block.language == "console", block
    for command, expected in machinery.steps_of(block):
        if command.startswith(NOT_HERE):
            left_out.append(command)
        elif command.startswith(INSTALL):
            install(reader, command)
        elif machinery.START_EMULATOR.fullmatch(command):
            reader.open_another_terminal(command)
        else:
            done = reader.type(command)
            output = done.stdout + done.stderr
            assert (done.returncode != 0) == ("fails" in block.notes), f"{command}: status {done.returncode}\n{output}"
            assert block.notes.get("fails", "") in " ".join(output.split())
            assert "Traceback" not in output and "No inventory" not in done.stdout
            machinery.expect(output, expected)
    return left_out


def test_the_first_hour(reader: Reader, tmp_path: Path) -> None:
    """Install, dry run, rotation, audit, wrong name, wrong token: the page is enough, in its order."""
    text = PAGE.read_text(encoding="utf-8")
    assert text.count(END) == 1
    part = tmp_path / "start.md"
    part.write_text(text.split(END)[0], encoding="utf-8")
    left_out = [command for block in list(machinery.blocks_of(part)) for command in follow(reader, block)]
    assert [command for start in NOT_HERE for command in left_out if command.startswith(start)] == left_out and len(left_out) == len(NOT_HERE)
    packages = {line.split("==")[0] for line in reader.type("python3 -m pip freeze").stdout.splitlines()}
    assert packages >= {"ansible-core", "requests"} and not {"ansible", "pytest"} & packages
    assert reader.emulator
    generated = [entry["psk"] for entry in reader.emulator.key_log() if entry["how"] == "generate"]
    # One rotation: neither the dry run nor the mistakes have generated anything.
    assert len(generated) == 1 and generated[0] not in reader.screen
    assert f'secret = "{generated[0]}"' in (reader.folder / "paris-1.secrets").read_text(encoding="utf-8")
    assert "400" in (reader.folder / "psk_audit.csv").read_text(encoding="utf-8")
    assert [request["status"] for request in reader.emulator.requests() if request["status"] >= 400] == [403]
    reader.emulator.check()


def test_next_steps(archive: Path) -> None:
    """The pages to which the last section leads are in the archive."""
    links = re.findall(r"\]\(([\w/]+\.md)\)", PAGE.read_text(encoding="utf-8").split("\n## Next steps\n")[1])
    assert len(links) > 3
    with tarfile.open(archive) as opened:
        assert {f"docs/{link}" for link in links} <= set(opened.getnames())


def test_requirements_of_a_release() -> None:
    """What the page says for requirements.yml admits the version that galaxy.yml names, and not the next major one."""
    text = " ".join(PAGE.read_text(encoding="utf-8").split())
    match = re.search(r'`name: cloudflare\.magic` and `version: ">=([\d.]+),<(\d+)\.0\.0"`', text)
    assert match
    first, version = ([int(part) for part in number.split(".")] for number in (match.group(1), GALAXY["version"]))
    assert first <= version and version[0] < int(match.group(2))
    block = next(block for block in machinery.blocks_of(PAGE) if block.notes.get("file") == "requirements.yml")
    assert yaml.safe_load(block.text)["collections"][0]["name"] == GALAXY["repository"]
