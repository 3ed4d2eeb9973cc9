# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests share: an emulator, the collection as users install it, and ``run``, which runs one of its playbooks by name."""

from __future__ import annotations

import base64
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from ansible.parsing.vault import VaultLib, VaultSecret

from ansible_collections.cloudflare.magic.tests.emulator.client import Emulator
from ansible_collections.cloudflare.magic.tests.integration.support import preloaded
from ansible_collections.cloudflare.magic.tests.integration.support.playing import COLLECTIONS_PATH, _emulator, checked_emulator
from ansible_collections.cloudflare.magic.tests.integration.support.quiet import assert_quiet

__all__ = ["_emulator", "checked_emulator", "decrypt", "encrypt", "environ"]

PASSWORD = "only for tests"
SOURCE = Path(COLLECTIONS_PATH, "ansible_collections", "cloudflare", "magic")


def encrypt(file: Path) -> None:
    """Encrypt a file as ``ansible-vault`` does."""
    secret = VaultSecret(PASSWORD.encode())
    file.write_bytes(VaultLib([("prod", secret)]).encrypt(file.read_bytes(), secret=secret, vault_id="prod"))


def decrypt(file: Path) -> bytes:
    """Return what is in an encrypted file."""
    return bytes(VaultLib([("prod", VaultSecret(PASSWORD.encode()))]).decrypt(file.read_bytes()))


def environ(folder: Path) -> dict[str, str]:
    """Return an environment in which only this folder is the user's."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "CLOUDFLARE_")) and not name.lower().endswith("_proxy")}
    (folder / "ansible.cfg").touch()
    return {
        **inherited,
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "ANSIBLE_CONFIG": str(folder / "ansible.cfg"),
        "ANSIBLE_HOME": str(folder / "ansible"),
        "ANSIBLE_LOG_PATH": str(folder / "ansible.log"),
        "ANSIBLE_NOCOLOR": "1",
        # The playbooks need no inventory.
        "ANSIBLE_LOCALHOST_WARNING": "False",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "False",
    }


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the collection, install the archive, and return the folder of collections."""
    folder = tmp_path_factory.mktemp("installed")
    galaxy = [sys.executable, "-m", "ansible.cli.galaxy", "collection"]
    build = [*galaxy, "build", str(SOURCE.resolve()), "--output-path", str(folder)]
    subprocess.run(build, env=environ(folder), cwd=folder, stdin=subprocess.DEVNULL, check=True)
    (archive,) = folder.glob("*.tar.gz")
    install = [*galaxy, "install", str(archive), "--offline", "--collections-path", str(folder / "collections")]
    subprocess.run(install, env=environ(folder), cwd=folder, stdin=subprocess.DEVNULL, check=True)
    return folder / "collections"


@dataclass
class Ran:
    """How a run ended: its exit status, its screen, and the folder that it was started in."""

    rc: int
    screen: str
    folder: Path

    def shows(self, text: str) -> bool:
        """Tell whether the screen has this text, wherever Ansible breaks lines and escapes quotes."""
        return re.sub(r"[\s\\]", "", text) in re.sub(r"[\s\\]", "", self.screen)

    def leaked(self, keys: list[str]) -> list[str]:
        """Return what of these keys is on the screen or in a file, as it is or in Base64."""
        assert keys, "looking for nothing always finds nothing"
        assert self.screen, "looking at nothing always finds nothing"
        texts = [self.screen, *(path.read_text(encoding="utf-8", errors="replace") for path in self.folder.rglob("*") if path.is_file())]
        forms = [form for key in keys for form in (key, base64.b64encode(key.encode()).decode().rstrip("="))]
        return [form for form in forms if any(form in text for text in texts)]


@pytest.fixture
def run(installed: Path, emulator: Emulator, tmp_path: Path):
    """A function that runs a playbook of the installed collection by its name, in a folder with a vault password.

    Args:
        name: of the playbook.
        args: further arguments of ansible-playbook.
        env: environment; that of the emulator by default.
        vault: whether to give the vault password.
        warns: a part of each warning that there has to be.
    """
    folder = tmp_path / "user"
    folder.mkdir()
    (folder / ".vault-password").write_text(f"{PASSWORD}\n", encoding="utf-8")

    def start(name: str, *args: str, env: dict[str, str] | None = None, vault: bool = True, warns=()) -> Ran:
        command = ["ansible.cli.playbook", f"cloudflare.magic.{name}", *args]
        if vault:
            command += ["--vault-id", f"prod@{folder / '.vault-password'}"]
        env = {**environ(folder), "ANSIBLE_COLLECTIONS_PATH": str(installed), **(emulator.environment() if env is None else env)}
        done = preloaded.run(command, folder, env, merged=True)
        screen = done.stdout.decode("utf-8")
        assert_quiet(screen, warns)
        return Ran(done.returncode, screen, folder)

    return start
