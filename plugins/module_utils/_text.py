# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Text that goes to people: without secrets, and without characters that a terminal or a log file would obey."""

from __future__ import annotations

import json
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MASK = "********"
# What Ansible, up to the version of 2.22, and this collection show instead of a hidden value. None of them is ever a value.
MASKS = (MASK, "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER", "$REDACTED$")

_MOST_NAMES = 50

# What Python calls printable although it shows nothing: fillers, joiners and variation selectors.
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0") | {chr(code) for code in (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))}


def shown(text: str) -> str:
    """Return text as it can be printed on one line: what controls a terminal, breaks a line, turns or hides text, or is no character at all, is escaped."""
    return "".join(character if character.isprintable() and character not in _INVISIBLE else _escaped(character) for character in text)


def _escaped(character: str) -> str:
    code = ord(character)
    named = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}.get(character)
    return named or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}")


def scrub(value: t.Any, secrets: Sequence[str]) -> t.Any:
    """Replace each secret in the strings of ``value`` (a JSON value) by a mask. Servers quote what they were sent."""
    if isinstance(value, str):
        # As they are, and as JSON writes them; the longest first, because one may begin with another.
        forms = {form for secret in secrets for form in (secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1])}
        for form in sorted(forms, key=len, reverse=True):
            value = value.replace(form, MASK)
        return value
    if isinstance(value, list):
        return [scrub(item, secrets) for item in value]
    if isinstance(value, dict):
        return {key: scrub(item, secrets) for key, item in value.items()}
    return value


def listing(items: Iterable[str]) -> str:
    """Return names in a sentence; of very many, the first ones."""
    names = sorted(items)
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more
