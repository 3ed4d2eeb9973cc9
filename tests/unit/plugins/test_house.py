# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rooms of the house: what may import what, how large they are, and what each integration target says of itself."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PLUGINS = ROOT / "plugins"
EXTENSIONS = ROOT / "extensions"
FILES = sorted([*PLUGINS.rglob("*.py"), *EXTENSIONS.rglob("*.py")])
PREFIX = "ansible_collections.cloudflare.magic.plugins."

LONGEST_FILE = 400
LONGEST_FUNCTION = 45

# From the ground up: a room imports from lower rows only. CONTRIBUTING tells the same in words.
ROWS = [
    {"module_utils._text", "module_utils._values"},
    {"module_utils._errors", "module_utils._wire"},
    {"module_utils._times", "module_utils._selection", "module_utils._settings"},
    {"module_utils._transport"},
    {"module_utils._graphql"},
    {"module_utils._client", "module_utils._options", "module_utils._halves"},
    {"module_utils._policy", "module_utils._fields", "module_utils._nexthops", "module_utils._health"},
    {"module_utils._psk", "module_utils._kind"},
    {"module_utils._kinds", "module_utils._site_kinds", "module_utils._other_kinds"},
    {"module_utils._cf1_kinds"},
    {"module_utils._tree"},
    {"module_utils._plan", "module_utils._design", "module_utils._references", "module_utils._known"},
    {"module_utils._module", "module_utils._calls", "module_utils._steps"},
    {"module_utils._gather"},
    {"module_utils._checks"},
    {
        "module_utils._interrupts",
        "module_utils._licenses",
        "module_utils._network",
        "module_utils._order",
        "module_utils._watch",
        "module_utils._events",
    },
    {"module_utils._apply", "module_utils._parts", "module_utils._alerts"},
    {"module_utils._objects"},
    {"module_utils._telemetry"},
    {"plugin_utils._core", "plugin_utils._state_file", "plugin_utils._host_kinds"},
    {"plugin_utils._polling", "plugin_utils._run_notes"},
    {
        "plugin_utils._vault_text",
        "plugin_utils._hosts",
        "plugin_utils._action",
        "plugin_utils._terraform",
        "plugin_utils._design_yaml",
        "plugin_utils._metrics",
    },
    {"plugin_utils._plan_text", "plugin_utils._reports", "plugin_utils._vault_file", "plugin_utils._host_names", "plugin_utils._object_action"},
    {"plugin_utils._fleet", "plugin_utils._secret_action", "plugin_utils._host_answers"},
]
HEIGHT = {room: height for height, row in enumerate(ROWS) for room in row}
TOP = len(ROWS)

# What ansible-core keeps to itself, or may change without notice. plugin_utils/_core.py alone touches it.
PRIVATE = re.compile(r"CLIARGS|_compute_environment_string|_internal\b|datatag")


# What Ansible and ansible-rulebook look for; nothing imports it.
_TOP_ROOMS = {"action", "filter", "inventory", "modules", "doc_fragments", "event_source", "event_filter"}


def room_of(path: Path) -> str:
    base = PLUGINS if PLUGINS in path.parents else EXTENSIONS / "eda" / "plugins"
    return ".".join(path.relative_to(base).with_suffix("").parts)


def imports_of(path: Path) -> set[str]:
    """Return the rooms that a file imports, also those that it imports for its types."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and (node.module + ".").startswith(PREFIX):
            room = node.module[len(PREFIX) :]
            found |= {room} if "." in room else {f"{room}.{name.name}" for name in node.names}
    return found


def private_uses(text: str) -> list[str]:
    """Return what a file uses of other objects that they keep to themselves, by name or by ``getattr``, and what else is private."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Attribute):
            own = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
            found += [node.attr] if (node.attr.startswith("_") and not own) or PRIVATE.search(node.attr) else []
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("getattr", "setattr", "hasattr"):
            found += [str(name.value) for name in node.args[1:2] if isinstance(name, ast.Constant) and str(name.value).startswith("_")]
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            found += PRIVATE.findall(ast.unparse(node))
    return [name for name in found if not name.startswith("__")]


@pytest.mark.parametrize("path", FILES, ids=room_of)
def test_imports_point_down(path):
    room = room_of(path)
    assert room in HEIGHT or room.partition(".")[0] in _TOP_ROOMS, "a new room needs its place in ROWS"
    height = HEIGHT.get(room, TOP)
    against = sorted(other for other in imports_of(path) if HEIGHT.get(other, TOP) >= height)
    assert against == []


def test_what_modules_import_is_transferred_with_them():
    """A module file has documentation and options; whatever it imports has to be there without ansible-core's controller side."""
    for path in (PLUGINS / "modules").glob("*.py"):
        assert {room.partition(".")[0] for room in imports_of(path)} == {"module_utils"}, path


@pytest.mark.parametrize("path", FILES, ids=room_of)
def test_no_room_is_too_large(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LONGEST_FILE
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    lengths = {node.name: (node.end_lineno or 0) - node.lineno + 1 for node in functions}
    assert {name: length for name, length in lengths.items() if length > LONGEST_FUNCTION} == {}


@pytest.mark.parametrize("path", [path for path in FILES if path.name != "_core.py"], ids=room_of)
def test_private_interfaces_stand_in_one_room(path):
    assert private_uses(path.read_text(encoding="utf-8")) == []


def test_private_interfaces_would_be_found():
    for use in ("self._loader._vault", "task._ds", "result._result", "context.CLIARGS", "self._compute_environment_string", "getattr(task, '_uuid', None)"):
        assert private_uses(f"x = {use}")
    assert private_uses("from ansible._internal import _datatag") and not private_uses("x = self._own.shown(_psk.rotate)")
    assert private_uses((PLUGINS / "plugin_utils" / "_core.py").read_text(encoding="utf-8"))


def test_what_ansible_rulebook_runs_needs_no_controller():
    """Its Python has ansible-core, and knows no task, no templar and no callback: what it imports must not either."""
    needed, seen = [path for path in FILES if EXTENSIONS in path.parents], set()
    assert needed
    while needed:
        path = needed.pop()
        seen.add(path)
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"^\s*(?:from|import) ansible\.(?!module_utils)", text, re.MULTILINE), path
        needed += [other for other in (PLUGINS / f"{room.replace('.', '/')}.py" for room in imports_of(path)) if other not in seen]


def test_contributing_names_the_rooms():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert [room for room in HEIGHT if f"    {room.split('.')[1]}.py " not in text] == []


def test_each_target_says_on_which_cores_it_runs():
    targets = sorted((ROOT / "tests" / "integration" / "targets").glob("*/aliases"))
    declared = {path.parent.name: re.findall(r"^cores/(\w+)$", path.read_text(encoding="utf-8"), re.MULTILINE) for path in targets}
    assert len(declared) > 5
    assert [name for name, classes in declared.items() if len(classes) != 1 and name != "setup_emulator"] == []
    assert {words for classes in declared.values() for words in classes} == {"all", "ends", "one"}
    # What meets ansible-core's behaviour is asked of each.
    assert {"leaks", "playbooks", "vault_file", "inventory", "smoke"} <= {name for name, classes in declared.items() if classes == ["all"]}


def test_a_test_of_another_class_than_its_target_is_of_one_that_there_is():
    """In a target for all, a test or a row of the leak matrix may say that it needs fewer ansible-cores; most of each target runs on all of them."""
    targets = ROOT / "tests" / "integration" / "targets"
    files = [*targets.glob("*/test_*.py"), *targets.glob("*/rows.yml")]
    found = {path: re.findall(r"cores\(\"(\w+)\"\)|^  cores: (\w+)$", path.read_text(encoding="utf-8"), re.MULTILINE) for path in files}
    marked = {path: {"".join(names) for names in several} for path, several in found.items() if several}
    assert len(marked) > 3
    assert {name for names in marked.values() for name in names} <= {"ends", "one"}
    declared = {path.parent.name for path in marked}
    assert [name for name in declared if "cores/all" not in (targets / name / "aliases").read_text(encoding="utf-8")] == []
    # Without this, a mark is not looked at.
    assert [name for name in declared if "pytest_collection_modifyitems" not in (targets / name / "conftest.py").read_text(encoding="utf-8")] == []


def test_a_session_runs_each_folder_of_tests():
    sessions = (ROOT / "noxfile.py").read_text(encoding="utf-8")
    folders = {path.relative_to(ROOT).as_posix() for path in (ROOT / "tests" / "unit").iterdir() if list(path.rglob("test_*.py"))}
    folders |= {path.parent.relative_to(ROOT).as_posix() for path in ROOT.glob("tests/*/test_*.py")}
    assert len(folders) > 8
    assert [folder for folder in sorted(folders) if f'"{folder}"' not in sessions] == []


def test_each_module_is_in_the_leak_matrix():
    rows = (ROOT / "tests" / "integration" / "targets" / "leaks" / "rows.yml").read_text(encoding="utf-8")
    modules = {path.stem for path in (PLUGINS / "modules").glob("*.py")}
    assert modules - set(re.findall(r"(?:^ +|\.|, )(\w+):", rows, re.MULTILINE)) == set()
