# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The check of words finds each word of the style page, wherever it stands, and says what to use instead."""

from __future__ import annotations

import pytest

from ansible_collections.cloudflare.magic.tests.tools.check_words import STYLE, check, table

PAGE = STYLE.read_text(encoding="utf-8")


def test_each_word_of_the_style_page_is_found(tmp_path, capfd):
    planted = [form for word in table(PAGE) for form in (word, word.capitalize())]
    text = tmp_path / "plugin.py"
    text.write_text("".join(f'    """Text with {word} in it."""  # and `code`\n' for word in planted), encoding="utf-8")
    assert check([str(text)], PAGE) != 0
    said = capfd.readouterr().out.splitlines()
    assert [line.split(": ")[1].split(" ==> ")[0] for line in said] == planted
    assert all(line.lower().endswith(table(PAGE)[word.lower()]) for line, word in zip(said, planted, strict=True))


@pytest.mark.parametrize("planted", ["mended", "healing", "shall", "teh", "Somebody's", "what was made: key is made."])
def test_other_forms_and_misspelled_words_are_found(planted, tmp_path):
    text = tmp_path / "page.md"
    text.write_text(f"Some text: {planted}\n", encoding="utf-8")
    assert check([str(text)], PAGE) != 0


def test_other_words_are_not(tmp_path, capfd):
    text = tmp_path / "page.md"
    text.write_text("A key is created inside the tunnel. The recommended shell amends nothing, and makes a difference.\n", encoding="utf-8")
    assert check([str(text)], PAGE) == 0 and capfd.readouterr().out == ""


def test_the_table_itself_is_not_checked(tmp_path):
    """Only its rows are left out: the rest of the page is checked like every other one."""
    page = tmp_path / "CONTRIBUTING.md"
    page.write_text(PAGE, encoding="utf-8")
    assert check([str(page)], PAGE) == 0
    page.write_text(f"{PAGE}\nYou shall not.\n", encoding="utf-8")
    assert check([str(page)], PAGE) != 0


def test_a_page_without_the_table_is_an_error():
    with pytest.raises(ValueError, match="no table of words"):
        table("# Contributing\n\n## Writing style\n\nPlain English.\n")
