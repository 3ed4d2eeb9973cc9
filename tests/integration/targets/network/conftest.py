# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fixtures of this target: ``book`` runs one of the playbooks in a folder that stays for the test."""

from __future__ import annotations

import pytest

from ansible_collections.cloudflare.magic.tests.integration.support.playing import _emulator, checked_emulator, command

__all__ = ["_emulator", "checked_emulator", "command"]


@pytest.fixture
def book(emulator, command, tmp_path):
    """A function that runs a playbook by its name, with variables for ``-e``."""

    def run(name: str, *args: str, env: dict[str, str] | None = None, warns=(), **variables: str):
        extra = [part for variable, value in variables.items() for part in ("-e", f"{variable}={value}")]
        emulator.clear_requests()
        return command("ansible.cli.playbook", [f"cloudflare.magic.{name}", *extra, *args], tmp_path, {**emulator.environment(), **(env or {})}, warns=warns)

    return run
