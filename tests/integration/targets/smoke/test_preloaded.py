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
    # With settings of its own, it gets a process that has not imported Ansible.
    (tmp_path / "ansible.cfg").write_text("[defaults]\nforks = 5\n", encoding="utf-8")
    for more in ({"TMPDIR": str(tmp_path), "MINE": "1"}, {"LC_ALL": "C.UTF-8"}, {"LC_ALL": "C", "PYTHONUTF8": "0"}):
        env = {**{name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}, **more}
        real = subprocess.run([sys.executable, "-m", "tells", "a", "b"], cwd=tmp_path, env=env, input=b"typed", capture_output=True, check=False)
        run = preloaded.run(["tells", "a", "b"], tmp_path, env, b"typed")
        assert real.stdout
        assert (run.returncode, run.stdout) == (real.returncode, real.stdout)
        assert [line for line in run.stderr.splitlines() if b"runpy" not in line][-1:] == real.stderr.splitlines()[-1:]


# What Ansible has made of its configuration: constants, what it has read when it was imported, and where it writes its log.
SETTINGS = """
import json, logging, sys
early = [name for name in sys.modules if name.startswith("ansible_collections")]
import ansible.cli
from ansible import constants
from ansible.playbook.play_context import PlayContext
from ansible.plugins import loader

loader.init_plugin_loader()
plugins = [len(list(plugins.all(class_only=True))) for plugins in (loader.connection_loader, loader.shell_loader, loader.callback_loader)]
options = {kind: constants.config.get_configuration_definitions(kind) for kind in ("connection", "shell", "callback")}
known = {name: repr(value) for name, value in vars(constants).items() if name.isupper() and name != "DEFAULT_LOCAL_TMP"}
known.update({f"paths of {name}": value.config for name, value in vars(loader).items() if isinstance(value, loader.PluginLoader)})
known.update(plugins=plugins, options=json.dumps(options, sort_keys=True, default=repr), early=early)
known.update(log=[handler.baseFilename for handler in logging.root.handlers], file=constants.config._config_file, timeout=PlayContext().timeout)
print(json.dumps(known))
"""


@pytest.mark.cores("ends")
def test_each_run_has_its_own_settings(tmp_path):
    """Runs of the same configuration in their own folders, one with another environment, one with a file, and others without a log or a file."""
    (tmp_path / "settings.py").write_text(SETTINGS, encoding="utf-8")
    common = [("5", "")] * (preloaded.WORTH_IT + 1)
    for number, (timeout, line) in enumerate([*common, ("6", ""), ("5", "forks = 9\n"), ("5", ""), ("5", None)]):
        folders = {name: str(tmp_path / f"{number}-{name}") for name in ("HOME", "TMPDIR", "ANSIBLE_REMOTE_TEMP", "ANSIBLE_INVENTORY")}
        for name in folders.values():
            os.mkdir(name)
        home = tmp_path / f"{number}-HOME"
        if line is not None:
            (home / "ansible.cfg").write_text("[defaults]\n" + line, encoding="utf-8")
        env = {"PATH": f"{os.environ['PATH']}:{home}", "PYTHONPATH": str(tmp_path), "PYTHONHASHSEED": "0", "ANSIBLE_TIMEOUT": timeout, **folders}
        if number < len(common) + 2:
            env["ANSIBLE_LOG_PATH"] = str(home / "log")
        mine = json.loads(preloaded.run(["settings"], home, env).stdout)
        assert mine["timeout"] == int(timeout)
        if number >= preloaded.WORTH_IT:
            real = json.loads(subprocess.run([sys.executable, "-m", "settings"], cwd=home, env=env, stdout=subprocess.PIPE, check=True).stdout)
            # Plugins in a home are the one thing that such a process does not know.
            different = {name for name in real if mine[name] != real[name] and not (name.startswith("paths of") and "preloaded-" in str(mine[name]))}
            assert different == set()


TASKS = [{"cloudflare.magic.gre_tunnel_info": {}}, {"cloudflare.magic.ipsec_psk": {"name": "nowhere"}, "ignore_errors": True}]


def test_ansible_says_the_same_in_the_preloaded_process(emulator: Emulator, command, tmp_path):
    (tmp_path / "playbook.json").write_text(json.dumps([{"hosts": "here", "gather_facts": False, "tasks": TASKS}]), encoding="utf-8")
    argv = ["ansible.cli.playbook", "playbook.json", "-v"]
    screens = set()
    for dummy in range(preloaded.WORTH_IT + 2):
        (tmp_path / "ansible.log").unlink(missing_ok=True)
        played = command(argv[0], argv[1:], tmp_path, emulator.environment())
        assert played.rc == 0 and played.screen.splitlines()[0] in (tmp_path / "ansible.log").read_text(encoding="utf-8"), played.screen
        screens.add(played.screen)
    env = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")} | emulator.environment()
    env.update(HOME=str(tmp_path), ANSIBLE_CONFIG=str(tmp_path / "ansible.cfg"), ANSIBLE_INVENTORY=str(tmp_path / "hosts.json"), ANSIBLE_NOCOLOR="1")
    env["ANSIBLE_COLLECTIONS_PATH"] = COLLECTIONS_PATH
    real = subprocess.run([sys.executable, "-m", *argv], cwd=tmp_path, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
    assert screens == {real.stdout + real.stderr}
