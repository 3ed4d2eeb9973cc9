# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The upgrade promise: what the documentation of a released version showed works with the code of today.

A folder ``promise/VERSION`` holds what record_promise.py wrote down when that version was released. If a test fails here, then a change would break the
playbooks of people who did what the documentation told them. Fix the change. Only a new major version may remove a record.
"""

from __future__ import annotations

import ast
import typing as t
from pathlib import Path

import pytest
import yaml

if t.TYPE_CHECKING:
    from ansible_collections.cloudflare.magic.tests.docs import test_code_blocks as machinery
    from ansible_collections.cloudflare.magic.tests.emulator.client import Emulator
    from ansible_collections.cloudflare.magic.tests.release.record_promise import PROMISE, ROOT, plugins, record
else:
    from record_promise import PROMISE, ROOT, machinery, plugins, record

shared, programs = machinery.shared, machinery.programs

ADVICE = "python tests/release/record_promise.py"
VERSIONS = sorted(path for path in PROMISE.iterdir() if path.is_dir())


def version_of(path: Path) -> Path:
    """Return the folder of the version that a recorded file belongs to."""
    return PROMISE / path.relative_to(PROMISE).parts[0]


def support_of(path: Path) -> dict[str, t.Any]:
    """Return the variables, templates and ids that the tests of the documentation had at the time of a record."""
    return dict(yaml.safe_load((version_of(path) / "support.yml").read_text(encoding="utf-8")))


def is_as_today(path: Path) -> bool:
    """Tell whether a document or examples are still there word for word: then the tests of the documentation run them."""
    if support_of(path) != {"variables": machinery.VARIABLES, "templates": machinery.TEMPLATES, "tunnel_ids": machinery.TUNNEL_IDS}:
        return False
    inside = path.relative_to(version_of(path))
    if path.suffix == ".md":
        document = ROOT / inside
        texts = [[(block.language, block.text, block.notes) for block in machinery.blocks_of(page)] for page in (path, document) if page.exists()]
    else:
        plugin = ROOT / "plugins" / Path(*inside.parts[1:]).with_suffix(".py")
        texts = [list(yaml.safe_load_all(text)) for text in (path.read_text(encoding="utf-8"), machinery.examples_of(plugin) if plugin.exists() else "")]
    return len(texts) == 2 and texts[0] == texts[1]


EXAMPLES = [path for version in VERSIONS for path in sorted((version / "examples").rglob("*.txt"))]
_DOCUMENTS = [document for version in VERSIONS for document in sorted(version.rglob("*.md"))]
RECORDED = [block for document in _DOCUMENTS for block in machinery.blocks_of(document)]
# README always, so that this machinery is known to work.
CHANGED = [path for path in [*_DOCUMENTS, *EXAMPLES] if path.name == "README.md" or not is_as_today(path)]
PAGES = sorted({block.document for block in RECORDED if block.document in CHANGED})


def go_back(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the tests of the documentation work with the blocks, variables, templates and ids of the time of the record."""
    support = support_of(path)
    monkeypatch.setattr(machinery, "BLOCKS", RECORDED)
    monkeypatch.setattr(machinery, "VARIABLES", support["variables"])
    monkeypatch.setattr(machinery, "TEMPLATES", support["templates"])
    monkeypatch.setattr(machinery, "TUNNEL_IDS", support["tunnel_ids"])
    monkeypatch.setattr(machinery, "examples_of", lambda example: example.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROMISE)))
def test_page(page: Path, shared: Emulator, programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # pylint: disable=redefined-outer-name
    """Run a page of that version's documentation."""
    go_back(page, monkeypatch)
    machinery.run_page([block for block in RECORDED if block.document == page], machinery.Workshop(tmp_path, shared, programs))


# pylint: disable-next=redefined-outer-name
def test_examples(shared: Emulator, programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the examples of modules and plugins of that version which are others today."""
    for version in VERSIONS:
        changed = [path for path in EXAMPLES if path in CHANGED and version_of(path) == version]
        inventories = [path for path in changed if path.parent.name == "inventory"]
        others = [path for path in changed if path not in inventories]
        with monkeypatch.context() as patch:
            go_back(version / "support.yml", patch)
            for path in inventories:
                machinery.check_inventories(path, machinery.Workshop(tmp_path / version.name / path.stem, shared, programs))
            if others:
                examples = machinery.run_examples(others, machinery.Workshop(tmp_path / version.name / "examples", shared, programs))
                for path in others:
                    examples.check(path)


def test_a_change_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not word for word what it was is run: text of a block, examples, or the variables that they use."""
    page = next(document for document in _DOCUMENTS if document not in CHANGED)
    examples = next(path for path in EXAMPLES if path not in CHANGED)
    of, given = machinery.examples_of, machinery.blocks_of
    with monkeypatch.context() as patch:
        patch.setattr(machinery, "blocks_of", lambda path: list(given(path))[1:] if path.is_relative_to(PROMISE) else given(path))
        patch.setattr(machinery, "examples_of", lambda path: of(path).replace("name", "nam"))
        assert not is_as_today(page) and not is_as_today(examples)
    with monkeypatch.context() as patch:
        patch.setattr(machinery, "VARIABLES", {})
        assert not is_as_today(page) and not is_as_today(examples)
    assert is_as_today(page) and is_as_today(examples)


def documentation_of(plugin: Path) -> dict[str, t.Any]:
    """Return the DOCUMENTATION of a plugin."""
    assignments = [node for node in ast.parse(plugin.read_text(encoding="utf-8")).body if isinstance(node, ast.Assign)]
    text = next(node.value for node in assignments if ast.unparse(node.targets[0]) == "DOCUMENTATION")
    return dict(yaml.safe_load(ast.literal_eval(text)))


def numbers(version: str) -> list[int]:
    """Return a version in a form that can be compared."""
    return [int(part) for part in version.split(".")]


def test_nothing_is_left_out() -> None:
    """The record of a version has the examples of everything that came with it, and what a version has promised is still there."""
    assert VERSIONS, "no version is recorded"
    assert len(RECORDED) > 40
    recorded = {(path.parent.name, path.stem) for path in EXAMPLES}
    for plugin in plugins():
        since = numbers(str(documentation_of(plugin)["version_added"]))
        for folder in (folder for folder in VERSIONS if since <= numbers(folder.name)):
            assert (folder / "examples" / plugin.parent.name / f"{plugin.stem}.txt").is_file(), f"{folder.name} has no record of {plugin.stem}: {ADVICE}"
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
