# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks of playbooks that use other people's collections: syntax, ansible-lint, the options' names against the collections' documentation, no_log."""

from __future__ import annotations

import functools
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Iterator

import yaml

from ansible_collections.cloudflare.magic.tests.integration.support import preloaded

# Not resolved: a checkout may be linked into a folder of collections.
ROOT = Path(os.path.abspath(__file__)).parents[2]
BIN = Path(sys.executable).parent
TIME_LIMIT = 300

# What a task has beside its module.
# fmt: off
KEYWORDS = frozenset([
    "any_errors_fatal", "args", "become", "become_user", "changed_when", "check_mode", "connection", "delay", "delegate_facts", "delegate_to",
    "diff", "environment", "failed_when", "ignore_errors", "loop", "loop_control", "module_defaults", "name", "no_log", "notify", "register",
    "retries", "run_once", "tags", "throttle", "until", "vars", "when",
])
# fmt: on
BLOCKS = ("block", "rescue", "always")


class _Loader(yaml.SafeLoader):
    """YAML as Ansible reads it."""


def _scalar(loader: Any, node: Any) -> Any:
    return loader.construct_scalar(node)


for _tag in ("!vault", "!unsafe"):
    _Loader.add_constructor(_tag, _scalar)


def load(text: str) -> Any:
    """Read YAML with Ansible's tags."""
    return yaml.load(text, _Loader)  # a SafeLoader


def environ(collections: str = "", **more: str) -> dict[str, str]:
    """Return an environment without the user's own settings for Ansible and Cloudflare."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "CLOUDFLARE_")) and not name.lower().endswith("_proxy")}
    paths = os.pathsep.join(path for path in (collections, str(ROOT.parents[2])) if path)
    settings = {"ANSIBLE_COLLECTIONS_PATH": paths, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_LOCALHOST_WARNING": "0"}
    return {**inherited, **settings, "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', os.defpath)}", "LC_ALL": "C.UTF-8", **more}


def run(*command: str, at: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a program of Ansible, as a fork of a process that has done its imports."""
    # With a configuration file of its own that is empty, it may share that process with others.
    (at / "ansible.cfg").touch()
    done = preloaded.run([command[0].replace("ansible-", "ansible.cli."), *command[1:]], at, env)
    return subprocess.CompletedProcess(command, done.returncode, done.stdout.decode(), done.stderr.decode())


def tasks_of(content: list[dict[str, Any]], protected: bool = False) -> Iterator[tuple[dict[str, Any], bool]]:
    """Yield all tasks of plays, blocks and lists of tasks, each with whether no_log holds for it."""
    for item in content:
        inside = protected or item.get("no_log") is True
        below = [key for key in ("pre_tasks", "tasks", "post_tasks", "handlers", *BLOCKS) if key in item]
        for key in below:
            yield from tasks_of(item[key] or [], inside)
        if not below and "hosts" not in item:
            yield item, inside


def module_of(task: dict[str, Any]) -> str:
    """Return the name of the task's module.

    Raises:
        ValueError: if there is not exactly one.
    """
    names = [key for key in task if key not in KEYWORDS]
    if len(names) != 1:
        raise ValueError(f"{task.get('name')}: not one module but {names}")
    return names[0]


def unprotected(content: list[dict[str, Any]], secret: str) -> list[str]:
    """Return the names of tasks in which the pattern for secrets occurs outside their names and comments, although they have no no_log."""
    return [
        str(task.get("name"))
        for task, protected in tasks_of(content)
        if not protected and re.search(secret, json.dumps({key: value for key, value in task.items() if key not in ("name", "register")}, default=str))
    ]


@functools.cache
def options_of(module: str, collections: str) -> dict[str, Any]:
    """Return what a module documents of its options; the keys are names and aliases."""
    with tempfile.TemporaryDirectory() as folder:
        done = run("ansible-doc", "-j", module, at=Path(folder), env=environ(collections))
    documentation = json.loads(done.stdout)[module]["doc"]
    return _with_aliases(documentation.get("options") or {})


def _with_aliases(options: dict[str, Any]) -> dict[str, Any]:
    return {name: {**option, "names": {key, *option.get("aliases", [])}} for key, option in options.items() for name in (key, *option.get("aliases", []))}


def mistakes(values: dict[str, Any], options: dict[str, Any], where: str) -> list[str]:
    """Return what is wrong with a module's options: unknown, missing, or not one of the choices. Templates count as right."""
    found = [f"{where}: {name} is missing" for name, option in options.items() if option.get("required") and not option["names"] & set(values)]
    for name, value in values.items():
        option = options.get(name)
        if option is None:
            found.append(f"{where}: there is no {name}")
            continue
        if isinstance(value, str) and "{{" in value:
            continue
        below = option.get("suboptions")
        if below:
            entries = value if isinstance(value, list) else [value]
            for entry in (entry for entry in entries if isinstance(entry, dict)):
                found += mistakes(entry, _with_aliases(below), f"{where}.{name}")
        kind = option.get("type", "str")
        right: Any = {"bool": bool, "int": int, "list": (list, str), "dict": dict}.get(kind)
        if right and not isinstance(value, right):
            found.append(f"{where}: {name} is not of the type {kind}")
        choices = option.get("choices")
        for one in value if isinstance(value, list) else [value]:
            if choices and not isinstance(one, dict) and one not in choices and not (isinstance(one, str) and "{{" in one):
                found.append(f"{where}: {name} cannot be {one}")
    return found


def task_mistakes(task: dict[str, Any], collections: str = "") -> list[str]:
    """Return what is wrong with the options of a task's module."""
    module = module_of(task)
    # These take any name, or files.
    if module in ("ansible.builtin.set_fact", "ansible.builtin.include_tasks", "ansible.builtin.import_tasks", "ansible.builtin.include_role"):
        return []
    values = task[module]
    return mistakes(values if isinstance(values, dict) else {}, options_of(module, collections), f"{task.get('name')}: {module}") if values is not None else []


def lint(at: Path, files: list[str], collections: str = "") -> str:
    """Run ansible-lint with the strictest profile; return its output if it complains, or if one of its rules could not be checked."""
    (at / ".ansible-lint").write_text("profile: production\nstrict: true\noffline: true\n", encoding="utf-8")
    command = [str(BIN / "ansible-lint"), "--nocolor", "-c", ".ansible-lint", *files]
    env = environ(collections, HOME=str(at))
    done = subprocess.run(command, cwd=at, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIME_LIMIT, check=False)
    return done.stdout + done.stderr if done.returncode or "Ignored exception" in done.stderr else ""


def make_collection(folder: Path, name: str) -> Path:
    """Begin a collection, and return its folder. Without all that galaxy.yml needs, ansible-doc lists nothing, not even what others have."""
    namespace, short = name.split(".")
    collection = folder / "ansible_collections" / namespace / short
    collection.mkdir(parents=True, exist_ok=True)
    about = {"namespace": namespace, "name": short, "version": "1.0.0", "readme": "README.md", "authors": ["nobody"]}
    (collection / "galaxy.yml").write_text(yaml.safe_dump(about), encoding="utf-8")
    return collection


def syntax(at: Path, *playbooks: str, collections: str = "") -> str:
    """Run ``ansible-playbook --syntax-check``; return its output if it complains."""
    done = run("ansible-playbook", "--syntax-check", "-i", "localhost,", *playbooks, at=at, env=environ(collections, HOME=str(at)))
    return "" if done.returncode == 0 else done.stdout + done.stderr
