# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A repository of its own for the tests of a release, and the archive that is built from it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
# The time of the commit: any one that is not now.
WHEN = 1_700_000_000
GALAXY = yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))


def run(*command: object, **options: object) -> str:
    """Run a command that has to succeed, and return what it printed."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "GIT_", "PYTHON"))}
    environ["PATH"] = f"{BIN}{os.pathsep}{environ.get('PATH', os.defpath)}"
    environ.update(options.pop("env", {}))  # type: ignore[call-overload]
    done = subprocess.run(  # type: ignore[call-overload]
        [str(part) for part in command],
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=300,
        **options,
    )
    assert done.returncode == 0, f"{command}: status {done.returncode}\n{done.stdout}"
    return str(done.stdout)


def commit(repository: Path) -> None:
    """Commit everything."""
    run("git", "-C", repository, "add", "--all")
    who = ("-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false")
    when = {name: f"{WHEN} +0000" for name in ("GIT_COMMITTER_DATE", "GIT_AUTHOR_DATE")}
    run("git", "-C", repository, *who, "commit", "--quiet", "--no-verify", "--allow-empty", "--message", "Test", env=when)


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a git repository with one commit: what is here now. It lies where Ansible expects a collection."""
    names = run("git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    folder = tmp_path_factory.mktemp("repository") / "ansible_collections" / "cloudflare" / "magic"
    for name in sorted({name for name in names if name and (ROOT / name).is_file()}):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)
    run("git", "init", "--quiet", folder)
    commit(folder)
    return folder


@pytest.fixture(scope="session")
def archive(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the archive for Galaxy."""
    folder = tmp_path_factory.mktemp("archive")
    run(sys.executable, repository / "tests" / "tools" / "build_release.py", folder)
    return next(folder.glob("cloudflare-magic-*.tar.gz"))
