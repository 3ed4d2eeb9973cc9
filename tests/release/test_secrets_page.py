# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the pages on secrets promise: each row of their tables names tests that exist and that show what the row says."""

from __future__ import annotations

import ast
import re
import typing as t

import pytest
import yaml

if t.TYPE_CHECKING:
    from ansible_collections.cloudflare.magic.tests.release.conftest import ROOT
else:
    from conftest import ROOT

PAGE = ROOT / "docs" / "secrets.md"
SECURITY = ROOT / "SECURITY.md"
ROWS: dict[str, dict[str, t.Any]] = {
    row["name"]: row for row in yaml.safe_load((ROOT / "tests" / "integration" / "targets" / "leaks" / "rows.yml").read_text(encoding="utf-8"))
}
SERIES = ("2.18", "2.19", "2.20", "2.21", "2.22")


class Table(t.NamedTuple):
    """A table of a page."""

    head: list[str]
    rows: list[list[str]]


def tables(text: str) -> list[Table]:
    """Return the tables of a page."""
    found = []
    for block in re.findall(r"(?:^\|.*\n?)+", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE):
        lines = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in block.splitlines()]
        found.append(Table(lines[0], lines[2:]))
    return found


def names(text: str) -> list[str]:
    """Return what stands in code spans."""
    return re.findall(r"`([^`]+)`", text.replace("\n", " "))


def promised(text: str) -> list[str]:
    """Return all tests that a page names: in the last column of its tables, and in sentences that begin with \"Shown by\"."""
    found = [name for table in tables(text) if "Shown by" in table.head[-1] or "tests show" in table.head[-1] for row in table.rows for name in names(row[-1])]
    outside = re.sub(r"^\|.*$", "", text, flags=re.MULTILINE)
    for sentence in re.findall(r"Shown by ((?:(?:,\s+|\s+and\s+)?`[^`]+`)+)", outside):
        found += names(sentence)
    return found


def exists(name: str) -> bool:
    """Tell whether there is a row of the leak matrix, or a function in a file, of this name."""
    path, separator, function = name.partition("::")
    if not separator:
        return name in ROWS
    file = ROOT / path
    return file.is_file() and any(isinstance(node, ast.FunctionDef) and node.name == function for node in ast.parse(file.read_text(encoding="utf-8")).body)


def shown_in(row: dict[str, t.Any], series: str) -> set[str]:
    """Return where Ansible shows a key on a version, by a row of the matrix."""
    number = tuple(int(part) for part in series.split("."))
    found = set()
    for surface, condition in row.get("leaks", {}).items():
        match = re.fullmatch(r"(<|>=)(\d+)\.(\d+)", condition)
        below = match is not None and number < (int(match[2]), int(match[3]))
        if condition == "always" or series in condition.split() or (match is not None and below == (match[1] == "<")):
            found.add(surface)
    return found


def says_shown(cell: str, series: str) -> bool:
    """Tell whether a cell for several versions says that one of them shows a key: "shown", "masked", or "2.18 to 2.20 none, ..."."""
    first = re.match(r"2\.18(?: to (2\.\d+))? none", cell)
    return series > (first[1] or "2.18") if first else "shown" in cell


@pytest.mark.parametrize("page", [PAGE, SECURITY], ids=lambda page: page.name)
def test_each_named_test_exists(page: t.Any) -> None:
    """Each test that a page names is there."""
    found = promised(page.read_text(encoding="utf-8"))
    assert len(found) > (60 if page == PAGE else 5)
    assert [name for name in found if not exists(name)] == []


@pytest.mark.parametrize("name", ["plain ", "no such row", "tests/release/test_secrets_page.py::test_no_such", "tests/no_such.py::test_row"])
def test_what_does_not_exist_is_found(name: str) -> None:
    """The test above can fail."""
    assert not exists(name)
    assert promised(f"Shown by `plain`, `{name}`.") == ["plain", name]
    assert promised(f"| A | Shown by |\n|---|---|\n| a | `{name}` |\n") == [name]


def test_each_row_names_a_test() -> None:
    """No row of a table promises something that no test shows. Only the table of results itself has none."""
    found = tables(PAGE.read_text(encoding="utf-8"))
    assert [table.head[0] for table in found] == ["ansible-core", "Place", "What a playbook does", "Where the token comes from"]
    for table in found[1:]:
        assert table.head[-1] == "Shown by"
        assert [row[0] for row in table.rows if len(row) != len(table.head) or not names(row[-1])] == []
    assert [row[0] for row in tables(SECURITY.read_text(encoding="utf-8"))[0].rows if not names(row[-1])] == []


def test_rows_show_what_the_page_says() -> None:
    """Where the page says that a key is nowhere, the row of the matrix allows none; where it says \"shown\", the row demands that it is found."""
    by_head = {table.head[0]: table for table in tables(PAGE.read_text(encoding="utf-8"))}
    places, uses, tokens = by_head["Place"], by_head["What a playbook does"], by_head["Where the token comes from"]
    for row in places.rows:
        assert set(row[1:6]) <= {"none", "encrypted"}
        for name in names(row[-1]):
            assert not {"leaks", "token_leaks"} & set(ROWS.get(name, {})), (row[0], name)
    for row in uses.rows:
        # A way to do it right may stand beside the wrong one.
        rows = [ROWS[name] for name in names(row[-1]) if "leaks" in ROWS.get(name, {})]
        for series in SERIES:
            where = {surface for one in rows for surface in shown_in(one, series)}
            if says_shown(row[3] if series == "2.22" else row[2], series):
                assert where or "::" in row[-1], (row[0], series)
            else:
                assert not where & {"stdout", "log", "junit", "tree", "ara"}, (row[0], series)
    for row in tokens.rows:
        for name in names(row[-1]):
            if row[1] == "never":
                assert "token_leaks" not in ROWS[name], (row[0], name)


def test_every_way_in_which_ansible_shows_a_key_is_on_the_page() -> None:
    """What the matrix allows, users are told."""
    text = PAGE.read_text(encoding="utf-8")
    found = set(promised(text))
    assert [name for name, row in ROWS.items() if {"leaks", "token_leaks"} & set(row) and name not in found] == []


def test_the_numbers() -> None:
    """The table of results has the numbers of the matrix that is here."""
    open_rows = sum(1 for row in ROWS.values() if {"leaks", "token_leaks"} & set(row))
    numbers = [str(len(ROWS)), str(len(ROWS) - open_rows), str(open_rows), "0"]
    results = tables(PAGE.read_text(encoding="utf-8"))[0]
    assert [row[0].rpartition(".")[0] for row in results.rows] == list(SERIES)
    assert [row[1:] for row in results.rows] == [numbers] * len(SERIES)
    text = " ".join(PAGE.read_text(encoding="utf-8").split())
    assert text.count(f"{len(ROWS)} times on each ansible-core") == 2
    assert f"In {len(ROWS) - open_rows} of these rows, nothing is found. In the other {open_rows}, " in text
