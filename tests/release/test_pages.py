# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pages that tell facts which are somewhere else, too: the advice on errors, the messages, the checklist."""

from __future__ import annotations

import ast
import re
import typing as t

import yaml

if t.TYPE_CHECKING:
    from ansible_collections.cloudflare.magic.tests.release.advice_table import PAGE, errors, table, with_table
    from ansible_collections.cloudflare.magic.tests.release.conftest import ROOT
else:
    from advice_table import PAGE, errors, table, with_table
    from conftest import ROOT

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
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if re.match(r"\| (?!Demand|-)", line)]
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
