# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A reader's first hour with docs/tunnels.md: a new home, the installed collection, a clean folder, and nothing else than what the page says."""

from __future__ import annotations

import os
import re
import subprocess
import typing as t
from pathlib import Path

if t.TYPE_CHECKING:
    from ansible_collections.cloudflare.magic.tests.docs import test_code_blocks as machinery
    from ansible_collections.cloudflare.magic.tests.emulator.client import running
else:
    import test_code_blocks as machinery

    running = machinery.running


def test_the_first_dry_run_and_the_first_run_are_green(tmp_path: Path) -> None:
    """Up to the point where a reader begins to change things."""
    page = tmp_path / "page.md"
    whole = (machinery.ROOT / "docs" / "tunnels.md").read_text(encoding="utf-8")
    page.write_text(whole.split("\n## Change something\n")[0], encoding="utf-8")
    home, folder = tmp_path / "home", tmp_path / "folder"
    installed = home / ".ansible" / "collections" / "ansible_collections" / "cloudflare" / "magic"
    for path in (folder, installed.parent):
        path.mkdir(parents=True)
    installed.symlink_to(machinery.ROOT)
    commands = []
    for block in machinery.blocks_of(page):
        if "file" in block.notes:
            (folder / block.notes["file"]).parent.mkdir(parents=True, exist_ok=True)
            (folder / block.notes["file"]).write_text(block.text, encoding="utf-8")
        else:
            assert block.language == "console"
            commands += [line[2:] for line in block.text.splitlines() if line.startswith("$ ")]
    plays = [command for command in commands if command.startswith("ansible-playbook ")]
    assert plays == ["ansible-playbook site.yml --check --diff", "ansible-playbook site.yml", "ansible-playbook site.yml"]
    programs = f"{machinery.BIN}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    with running() as emulator:
        script = "\n".join(["set -e", *commands]).replace(machinery.ADDRESS, emulator.url.split("/")[2])
        env = {"HOME": str(home), "PATH": programs, "LC_ALL": "C.UTF-8", "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
        done = subprocess.run(["bash", "-c", script], env=env, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        recaps = re.findall(r"changed=(\d+) +unreachable=0 +failed=0 .* rescued=0 +ignored=0", done.stdout)
        assert recaps == ["1", "3", "0"], done.stdout
        assert {route["prefix"] for route in emulator.routes()} >= {"192.0.2.192/27"} and emulator.tunnel("lyon-2")["psk"]
        emulator.check()
