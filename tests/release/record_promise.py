# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records what the documentation of this version shows: the code blocks of README and the guides, and the EXAMPLES of every module
and inventory plugin.

    python tests/release/record_promise.py

The record is the folder ``promise/VERSION``. test_promise.py runs it against the code of today: what a version has shown has to work until the next major
one. Record once, just before a release, and never change a record afterwards.
"""

from __future__ import annotations

import shutil
import sys
import typing as t
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PROMISE = HERE / "promise"
if t.TYPE_CHECKING:
    from ansible_collections.cloudflare.magic.tests.docs import test_code_blocks as machinery
else:
    sys.path.insert(0, str(ROOT / "tests" / "docs"))
    import test_code_blocks as machinery

# These are for those who work on the collection, and promise nothing to its users.
INTERNAL = {"CONTRIBUTING", "benchmarks", "inside", "policies", "releasing", "requirements_checklist", "testing"}

# Copyright and licence, as in the head of this file
HEAD = [line[2:] for line in Path(__file__).read_text(encoding="utf-8").splitlines()[:3]]


def plugins() -> list[Path]:
    """Return the files of the plugins that have EXAMPLES."""
    return [*machinery.MODULES, *machinery.FILTERS, *machinery.INVENTORIES]


def blocks_as_document(document: Path) -> str:
    """Return the code blocks of a document with the comments that say how to test them, and nothing else of it."""
    lines = ["\n".join(["<!--", *HEAD, "-->"])]
    for block in machinery.blocks_of(document):
        notes = "".join(f"<!-- test: {name} {value} -->\n" for name, value in block.notes.items())
        lines.append(f"{notes}```{block.language}\n{block.text}```")
    return "\n\n".join(lines) + "\n"


def record(folder: Path) -> None:
    """Write the record into a folder, whose content is replaced."""
    shutil.rmtree(folder, ignore_errors=True)
    documents = [document for document in machinery.DOCUMENTS if document.suffix == ".md" and document.exists() and document.stem not in INTERNAL]
    for document in documents:
        if any(True for _block in machinery.blocks_of(document)):
            target = folder / document.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(blocks_as_document(document), encoding="utf-8")
    comment = "".join(f"# {line}\n" for line in HEAD)
    for plugin in plugins():
        # As text: the examples of an inventory plugin are several documents, which linters of YAML refuse in one file.
        target = folder / "examples" / plugin.parent.name / f"{plugin.stem}.txt"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(f"---\n{comment}\n{machinery.examples_of(plugin).strip().removeprefix('---').strip()}\n", encoding="utf-8")
    support: dict[str, t.Any] = {"variables": machinery.VARIABLES, "templates": machinery.TEMPLATES, "tunnel_ids": machinery.TUNNEL_IDS}
    (folder / "support.yml").write_text(f"---\n{comment}\n" + yaml.safe_dump(support, sort_keys=False, width=150), encoding="utf-8")


def main() -> int:
    """Record the version that galaxy.yml names."""
    folder = PROMISE / str(machinery.GALAXY["version"])
    record(folder)
    files = [path for path in folder.rglob("*") if path.is_file()]
    print(f"{folder.relative_to(ROOT)}: {len(files)} files")
    return 0


if __name__ == "__main__":
    sys.exit(main())
