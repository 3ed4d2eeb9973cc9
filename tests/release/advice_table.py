# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes the table of error codes in docs/troubleshooting.md, from the table that the modules use.

python tests/release/advice_table.py
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "troubleshooting.md"
BEGIN, END = "<!-- advice: begin -->\n", "<!-- advice: end -->\n"


def errors() -> ModuleType:
    """Load the module with the table from this checkout, wherever it is; neither needs Ansible."""
    before = {name: sys.modules.pop(name) for name in list(sys.modules) if name.split(".")[0] == "ansible_collections"}
    try:
        for name, folder in (("", None), (".cloudflare", None), (".cloudflare.magic", "."), (".cloudflare.magic.plugins", "plugins")):
            package = sys.modules[f"ansible_collections{name}"] = ModuleType(f"ansible_collections{name}")
            package.__path__ = [str(ROOT / folder)] if folder else []
        return importlib.import_module("ansible_collections.cloudflare.magic.plugins.module_utils._errors")
    finally:
        for name in [name for name in sys.modules if name.split(".")[0] == "ansible_collections"]:
            del sys.modules[name]
        sys.modules.update(before)


def table() -> str:
    """Return the table in Markdown: codes with the same advice share a row."""
    module = errors()
    rows: dict[str, list[str]] = {}
    for code in sorted(module.CODES):
        rows.setdefault(module.advice("POST", None, [{"code": code}]), []).append(str(code))
    lines = [f"| {', '.join(codes)} | {advice.replace('|', chr(92) + '|')} |" for advice, codes in rows.items()]
    return "\n".join(["| Code | Advice |", "|---|---|", *lines]) + "\n"


def with_table(page: str) -> str:
    """Return the page with the table between its marks."""
    head, begin, rest = page.partition(BEGIN)
    dummy, end, tail = rest.partition(END)
    assert begin and end, "the marks are missing"
    return f"{head}{BEGIN}\n{table()}\n{END}{tail}"


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
