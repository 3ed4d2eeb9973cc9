# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests share: ``inventory``, which runs a program on an inventory file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ansible_collections.cloudflare.magic.tests.integration.support.playing import checked_emulator, command, leaked
from ansible_collections.cloudflare.magic.tests.integration.support.vault_site import _emulator

__all__ = ["_emulator", "checked_emulator", "command", "leaked"]


def _plain(pairs: dict):
    """Return what ansible-inventory marks as text that is no template as that text."""
    return pairs["__ansible_unsafe"] if set(pairs) == {"__ansible_unsafe"} else pairs


@pytest.fixture
def inventory(command, emulator, tmp_path: Path):
    """A function that writes an inventory file and has ansible-inventory read it.

    Args:
        content: of the file, besides the plugin's name.
        mode: an option of ansible-inventory: ``--list``, ``--graph``.
        args: further arguments.
        env: the environment, instead of the credentials.
        file: its name.

    Returns:
        How the run ended; with ``--list`` also the inventory, as ``listed``.
    """

    def run(content: dict | None = None, mode: str = "--list", args=(), env: dict | None = None, file: str = "magic.yml"):
        (tmp_path / file).write_text(json.dumps({"plugin": "cloudflare.magic.tunnels", **(content or {})}), encoding="utf-8")
        output = tmp_path / "listed.json"
        output.unlink(missing_ok=True)
        # Whatever is wrong with an inventory, Ansible goes on without it, and says so.
        arguments = ["-i", file, mode, *(["--output", str(output)] if mode == "--list" else []), *args]
        ran = command("ansible.cli.inventory", arguments, tmp_path, emulator.environment() if env is None else env)
        ran.listed = json.loads(output.read_text(encoding="utf-8"), object_hook=_plain) if output.exists() else None
        return ran

    return run
