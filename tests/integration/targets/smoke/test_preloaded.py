# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A run of the preloaded process is like any other: tests use it for nearly all that they run."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from ansible_collections.cloudflare.magic.tests.emulator.client import Emulator
from ansible_collections.cloudflare.magic.tests.integration.support import preloaded
from ansible_collections.cloudflare.magic.tests.integration.support.playing import COLLECTIONS_PATH

# A program of its own, so that it can tell what it was started with.
TELLS = """
import json, locale, os, sys, tempfile
names = ("ansible.constants", "ansible_collections")
print(json.dumps([sys.argv, sys.path, os.getcwd(), sorted(os.environ.items()), sys.stdin.read(), locale.getpreferredencoding(), sys.stdout.encoding, __name__,
      sorted(sys.flags), tempfile.gettempdir(), [os.isatty(n) for n in range(3)], sorted(map(int, os.listdir("/proc/self/fd")))[:4],
      [name in sys.modules for name in names]]))
print("to the other one", file=sys.stderr)
{end}
"""


@pytest.mark.parametrize("end", ["", "sys.exit(3)", "os.kill(os.getpid(), 9)", "raise ValueError('x')"])
def test_a_run_of_the_preloaded_process_is_like_any_other(tmp_path, end):
    (tmp_path / "tells.py").write_text(TELLS.replace("{end}", f"sys.stdout.flush()\n{end}"), encoding="utf-8")
    for more in ({"TMPDIR": str(tmp_path), "MINE": "1"}, {"LC_ALL": "C.UTF-8"}, {"LC_ALL": "C", "PYTHONUTF8": "0"}):
        env = {**{name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}, **more}
        real = subprocess.run([sys.executable, "-m", "tells", "a", "b"], cwd=tmp_path, env=env, input=b"typed", capture_output=True, check=False)
        run = preloaded.run(["tells", "a", "b"], tmp_path, env, b"typed")
        assert real.stdout
        assert (run.returncode, run.stdout) == (real.returncode, real.stdout)
        assert [line for line in run.stderr.splitlines() if b"runpy" not in line][-1:] == real.stderr.splitlines()[-1:]


TASKS = [{"cloudflare.magic.gre_tunnel_info": {}}, {"cloudflare.magic.ipsec_psk": {"name": "nowhere"}, "ignore_errors": True}]


def test_ansible_says_the_same_in_the_preloaded_process(emulator: Emulator, command, tmp_path):
    (tmp_path / "playbook.json").write_text(json.dumps([{"hosts": "here", "gather_facts": False, "tasks": TASKS}]), encoding="utf-8")
    argv = ["ansible.cli.playbook", "playbook.json", "-v"]
    played = command(argv[0], argv[1:], tmp_path, emulator.environment())
    assert played.rc == 0, played.screen
    env = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")} | emulator.environment()
    env.update(HOME=str(tmp_path), ANSIBLE_CONFIG=str(tmp_path / "ansible.cfg"), ANSIBLE_INVENTORY=str(tmp_path / "hosts.json"), ANSIBLE_NOCOLOR="1")
    env["ANSIBLE_COLLECTIONS_PATH"] = COLLECTIONS_PATH
    real = subprocess.run([sys.executable, "-m", *argv], cwd=tmp_path, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
    assert played.screen == real.stdout + real.stderr
