# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The upgrade promise: what the documentation of a released version showed works with the code of today.

A folder ``promise/VERSION`` holds what record_promise.py wrote down when that version was released. If a test fails here, then a change would break the
playbooks of people who did what the documentation told them. Mend the change. Only a new major version may remove a record.
"""

from __future__ import annotations

import ast
import typing as t
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml

if t.TYPE_CHECKING:
    from ansible_collections.cloudflare.magic.tests.docs import test_code_blocks as machinery
    from ansible_collections.cloudflare.magic.tests.emulator.client import running
    from ansible_collections.cloudflare.magic.tests.release.record_promise import PROMISE, ROOT, plugins, record
else:
    from record_promise import PROMISE, ROOT, machinery, plugins, record

    running = machinery.running

VERSIONS = sorted(path for path in PROMISE.iterdir() if path.is_dir())
BLOCKS = [block for version in VERSIONS for document in sorted(version.rglob("*.md")) for block in machinery.blocks_of(document)]
EXAMPLES = [path for version in VERSIONS for path in sorted((version / "examples").rglob("*.txt"))]


def version_of(path: Path) -> Path:
    """Return the folder of the version that a recorded file belongs to."""
    return PROMISE / path.relative_to(PROMISE).parts[0]


def go_back(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the tests of the documentation work with the blocks, variables, templates and ids of the time of the record."""
    support = yaml.safe_load((version_of(path) / "support.yml").read_text(encoding="utf-8"))
    monkeypatch.setattr(machinery, "BLOCKS", BLOCKS)
    monkeypatch.setattr(machinery, "VARIABLES", support["variables"])
    monkeypatch.setattr(machinery, "TEMPLATES", support["templates"])
    monkeypatch.setattr(machinery, "TUNNEL_IDS", support["tunnel_ids"])
    monkeypatch.setattr(machinery, "examples_of", lambda example: example.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def workshops(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[t.Callable[[Path], machinery.Workshop]]:
    """Return a function that gives each recorded document a folder and an emulator of its own."""
    made: dict[Path, machinery.Workshop] = {}
    with ExitStack() as stack:

        def workshop(document: Path) -> machinery.Workshop:
            if document not in made:
                made[document] = machinery.Workshop(tmp_path_factory.mktemp(document.stem), stack.enter_context(running(check_schema=False)))
            return made[document]

        yield workshop


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_block(block: machinery.Block, workshops: t.Callable[[Path], machinery.Workshop], monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a code block of that version's documentation."""
    go_back(block.document, monkeypatch)
    machinery.test_block(block, workshops)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.relative_to(PROMISE).as_posix())
def test_examples(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the examples of a module or an inventory plugin of that version."""
    go_back(path, monkeypatch)
    test = {"modules": machinery.test_examples, "filter": machinery.test_examples, "inventory": machinery.test_inventory_examples}[path.parent.name]
    test(path, tmp_path)


def documentation_of(plugin: Path) -> dict[str, t.Any]:
    """Return the DOCUMENTATION of a plugin."""
    assignments = [node for node in ast.parse(plugin.read_text(encoding="utf-8")).body if isinstance(node, ast.Assign)]
    text = next(node.value for node in assignments if ast.unparse(node.targets[0]) == "DOCUMENTATION")
    return dict(yaml.safe_load(ast.literal_eval(text)))


def test_nothing_is_left_out() -> None:
    """The record of a version has the examples of everything that came with it, and what a version has promised is still there."""
    assert VERSIONS, "no version is recorded"
    assert len(BLOCKS) > 40
    recorded = {(path.parent.name, path.stem) for path in EXAMPLES}
    for plugin in plugins():
        since = str(documentation_of(plugin).get("version_added", "1.0.0"))
        if (PROMISE / since).is_dir():
            assert (plugin.parent.name, plugin.stem) in recorded, f"{plugin.stem} is not in the record of {since}: python tests/release/record_promise.py"
    gone = recorded - {(plugin.parent.name, plugin.stem) for plugin in plugins()}
    assert not gone, f"promised, and not there any more: {gone}"


def test_record_is_faithful(tmp_path: Path) -> None:
    """What is recorded is what the documents have: every block, in order, with its notes."""
    record(tmp_path)
    copies = 0
    for document in machinery.DOCUMENTS:
        copy = tmp_path / document.relative_to(ROOT)
        if copy.exists():
            copies += 1
            before, after = ([(block.language, block.text, block.notes) for block in machinery.blocks_of(path)] for path in (document, copy))
            assert before == after
    assert copies > 5
    for plugin in plugins():
        copy = tmp_path / "examples" / plugin.parent.name / f"{plugin.stem}.txt"
        before, after = (list(yaml.safe_load_all(text)) for text in (machinery.examples_of(plugin), copy.read_text(encoding="utf-8")))
        assert before == after
