# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests share: an emulator, and packages of Node.js, where it is there."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess

import pytest

from ansible_collections.cloudflare.magic.tests.emulator.client import running


@pytest.fixture(scope="session", name="_started")
def _running():
    with running() as emulator:
        yield emulator


@pytest.fixture
def emulator(_started, monkeypatch):
    """An emulator in its initial state. What the test sends has to agree with Cloudflare's description of the API."""
    # The SDKs read these; an e-mail address would even win over the token they are given.
    for name in [name for name in os.environ if name.startswith("CLOUDFLARE_")]:
        monkeypatch.delenv(name)
    _started.reset()
    yield _started
    _started.check()
    assert _started.errors() == ""


@pytest.fixture(scope="session")
def node_with(tmp_path_factory):
    """A function that installs a package by npm, once, and returns the program node and the folder that has the package."""

    @functools.lru_cache(maxsize=None)
    def install(package: str):
        node, npm = shutil.which("node"), shutil.which("npm")
        if not node or not npm:
            pytest.skip("node and npm are not both there")
        folder = tmp_path_factory.mktemp("node")
        (folder / "package.json").write_text('{"private": true}', encoding="utf-8")
        command = [npm, "install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error", package]
        installed = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300, check=False)
        if installed.returncode:
            pytest.skip(f"npm could not install {package}: {installed.stdout.decode()[-500:]}")
        return node, folder

    return install
