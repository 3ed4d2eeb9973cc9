# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run codespell on texts, with its own dictionary and with the table of words in CONTRIBUTING.md, which is the only list of them.

Usage: check_words.py FILE...
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

STYLE = Path(__file__).resolve().parents[2] / "CONTRIBUTING.md"

# Names in code, and the misspelled values of tests.
_IGNORED = ("addressings", "adress", "intervall", "nam", "nknown", "nmae", "permision")

# What is written by others, generated, or as an earlier version had it; and the test, which has what is to be found.
_SKIPPED = re.compile(r"tests/docs/test_words\.py$|LICENSES/|COPYING$|CHANGELOG\.md$|changelogs/changelog\.yaml$|tests/release/promise/|.*\.(json|png)$")

_WORD = r"[\w\-'\u2019]+"


def table(style: str) -> dict[str, str]:
    """Return what to use instead, by the words not to use, as the style page has them.

    :raises ValueError: if the page has no such table.
    """
    section = style.partition("\n## Writing style\n")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("| ").split("|")] for line in section.splitlines() if line.startswith("|")]
    words = {word.strip(): use for use, instead in rows[2:] for word in instead.split(",")}
    if not words:
        raise ValueError("CONTRIBUTING.md has no table of words in 'Writing style'")
    return words


def forms(word: str) -> set[str]:
    """Return a word with the endings that a verb or a noun can have; several words stay as they are."""
    if " " in word:
        return {word}
    stem = word.removesuffix("e")
    return {word, f"{word}s", f"{word}'s", f"{stem}ed", f"{stem}ing"}


def check(files: list[str], style: str) -> int:
    """Run codespell. Its lines name the file, the line, the word, and what to use instead.

    :returns: its exit code: 0 if there is nothing to correct.
    """
    words = {form: use for word, use in table(style).items() for form in forms(word)}
    several = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True) if " " in word)
    with tempfile.TemporaryDirectory() as folder:
        dictionary, excluded = Path(folder, "words"), Path(folder, "excluded")
        # A comma at the end: a list of what to choose from.
        dictionary.write_text("".join(f"{word}->{use},\n" for word, use in words.items()), encoding="utf-8")
        excluded.write_text("".join(line for line in style.splitlines(keepends=True) if line.startswith("|")), encoding="utf-8")
        options = ["--dictionary", "-", "--dictionary", str(dictionary), "--exclude-file", str(excluded), "--ignore-words-list", ",".join(_IGNORED)]
        # codespell looks at one word after the other: those that belong together have to be one for it.
        command = [sys.executable, "-m", "codespell_lib", *options, "--regex", rf"(?i:\b(?:{several})\b)|{_WORD}", *files]
        return subprocess.run(command, check=False).returncode


def main() -> int:
    """Check the files that are named, except those that others write."""
    files = [name for name in sys.argv[1:] if not _SKIPPED.match(name)]
    return check(files, STYLE.read_text(encoding="utf-8")) if files else 0


if __name__ == "__main__":
    sys.exit(main())
