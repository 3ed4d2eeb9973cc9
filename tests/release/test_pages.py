# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pages that tell facts which are somewhere else, too: the advice on errors, the messages, the checklist. And links in the repository and in the archive;
test_site.py looks at those of the site."""

from __future__ import annotations

import ast
import re
import tarfile
import typing as t
from pathlib import Path

import pytest
import yaml

if t.TYPE_CHECKING:
    from ansible_collections.cloudflare.magic.tests.release.advice_table import PAGE, errors, table, with_table
    from ansible_collections.cloudflare.magic.tests.release.conftest import GALAXY, ROOT
else:
    from advice_table import PAGE, errors, table, with_table
    from conftest import GALAXY, ROOT

CHECKLIST = ROOT / "docs" / "requirements_checklist.md"


# --- the advice on errors


def test_advice_on_the_page_is_the_code_s() -> None:
    """The page has each error code with the advice that the modules give."""
    text = PAGE.read_text(encoding="utf-8")
    assert text == with_table(text), "out of date: python tests/release/advice_table.py"
    module = errors()
    for code, known in module.CODES.items():
        row = next(line for line in table().splitlines() if re.search(rf"^\|[^|]*\b{code}\b[^|]*\|", line))
        assert known.advice.format(permission=module.advice("POST", None, [{"code": 10000}]).split("permission ")[1].split(" for this")[0]) in row


def _texts(tree: ast.AST) -> t.Iterator[str]:
    """Yield the strings of a program; where a value goes into one, there is an ellipsis. Strings that follow each other are one already."""
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node) if part is not node}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "..." for part in node.values)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            yield node.value


def test_messages_on_the_page_exist() -> None:
    """Each message that the page explains is one of the code's: anyone who searches for it finds it."""
    texts = [text for path in (ROOT / "plugins").rglob("*.py") for text in _texts(ast.parse(path.read_text(encoding="utf-8")))]
    text = PAGE.read_text(encoding="utf-8")
    explained = []
    for part in re.split(r"^## ", text, flags=re.MULTILINE):
        if "| Message |" in part:
            explained += re.findall(r"^\| `([^`]+)` \|", part, re.MULTILINE)
    assert len(explained) > 30
    unknown = [message for message in explained if not any(re.search(re.escape(message).replace(r"\.\.\.", ".*"), text, re.DOTALL) for text in texts)]
    assert not unknown, "no such message in plugins"


# --- the checklist


def test_checklist_has_a_state_for_each_line() -> None:
    """Each line of the checklist says whether it is met; what is met names a place that exists."""
    text = CHECKLIST.read_text(encoding="utf-8")
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if re.match(r"\| (?!Requirement|-)", line)]
    assert len(rows) > 30
    for row in rows:
        assert len(row) == 3, row
        assert row[1] in ("met", "in part", "not yet", "does not apply"), row
        assert row[2].strip(), row
    # A path in code has to exist: that is what "where" means.
    paths = {path for path in re.findall(r"`((?:\.github|changelogs|docs|meta|plugins|tests|roles|playbooks)/[\w./-]*)`", text) if "*" not in path}
    assert len(paths) > 5
    assert [path for path in sorted(paths) if not (ROOT / path).exists()] == []


def test_policies_name_the_versions_of_the_code() -> None:
    """The oldest ansible-core of the policy is that of meta/runtime.yml."""
    oldest = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text(encoding="utf-8"))["requires_ansible"]
    match = re.fullmatch(r">=(\d+\.\d+)\.0", oldest)
    assert match
    assert f"ansible-core {match.group(1)}" in (ROOT / "docs" / "policies.md").read_text(encoding="utf-8")


# --- links


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(root: Path) -> t.Iterator[str]:
    """Yield each link that leads to nothing, of the pages below a folder. Absolute links to the repository lead to files of the checkout."""
    repository = re.compile(rf"{re.escape(GALAXY['repository'])}/(?:blob|raw|tree)/main/([^#]*)(?:#(.*))?")
    site = re.compile(rf"{re.escape(GALAXY['documentation'])}(?:([^#]+?)\.html)?(?:#.*)?")
    for page in sorted([*root.glob("*.md"), *(root / "docs").rglob("*.md"), *(root / "roles").rglob("*.md"), *(root / "docs").rglob("*.rst")]):
        text = page.read_text(encoding="utf-8")
        for link in re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r"<(https://[^>\s]+)>`__", text) + re.findall(r"^\[[^]]+\]: (\S+)", text, re.MULTILINE):
            # What has a meaning in Markdown may have a backslash before it.
            link = re.sub(r"\\(\W)", r"\1", link)
            if match := repository.fullmatch(link):
                target, anchor = ROOT / match[1], match[2]
            elif match := site.fullmatch(link):
                target, anchor = ROOT / f"{match[1] or 'README'}.md", ""
            elif link.startswith("https://"):
                continue
            else:
                relative, dummy, anchor = link.partition("#")
                target = page.parent / relative if relative else page
                if page == root / "README.md":
                    yield f"README.md: {link} is not absolute, and Galaxy shows this page"
            if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
                yield f"{page.relative_to(root)}: {link}"


def test_links_in_the_repository() -> None:
    """Every link leads to a file, and to a heading that is there."""
    assert not list(broken_links(ROOT))


def test_links_in_the_archive(archive: Path, tmp_path: Path) -> None:
    """The same in what is installed: there are fewer files, and a page must not lead to one that is left out."""
    with tarfile.open(archive) as file:
        file.extractall(tmp_path, filter="data")
    assert len(list((tmp_path / "docs").rglob("*.md"))) > 15
    assert not list(broken_links(tmp_path))


@pytest.mark.parametrize("before", ["](emulator.md#start)", "](emulator.md)"])
def test_broken_links_are_found(before: str, tmp_path: Path) -> None:
    """The check finds a page and a heading that are not there."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "emulator.md").write_text("# The emulator\n", encoding="utf-8")
    (tmp_path / "docs" / "page.md").write_text(f"[a{before.replace('emulator.md)', 'simulator.md)')}", encoding="utf-8")
    assert len(list(broken_links(tmp_path))) == 1
