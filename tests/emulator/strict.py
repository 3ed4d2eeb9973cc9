# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON as the standard has it; Python's own module also reads NaN and infinities, which no answer could hold."""

from __future__ import annotations

import json
import math
from typing import Any


def _refuse(word: str) -> Any:
    raise ValueError(f"{word} is not JSON")


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("a number is too large")
    return value


def loads(text: str | bytes) -> Any:
    """Parse JSON.

    Raises:
        ValueError: if it is none, or if it is nested too deeply.
    """
    try:
        return json.loads(text, parse_constant=_refuse, parse_float=_number)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def is_number(value: Any) -> bool:
    """Return whether a value is a number that is finite; a truth value is none."""
    return (isinstance(value, int) and not isinstance(value, bool)) or (isinstance(value, float) and math.isfinite(value))


def is_count(value: Any) -> bool:
    """Return whether a value is a whole number from 0 on."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def is_text(value: Any) -> bool:
    """Return whether a value is a text that can be written as UTF-8."""
    try:
        return isinstance(value, str) and value.encode() is not None
    except UnicodeEncodeError:
        return False
