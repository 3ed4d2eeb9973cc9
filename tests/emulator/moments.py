# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Points in time, as seeds, control requests and answers write them; and the error of those that make no sense."""

from __future__ import annotations

import math
import re
import time
from datetime import datetime, timedelta, timezone
from typing import Any

from .strict import is_number

_NS = 10**9
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_TIMESTAMP = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)", re.ASCII)
# What a timestamp can say. The last microsecond is the limit, because answers are rounded to one.
_FIRST = (datetime(1, 1, 1, tzinfo=timezone.utc) - _EPOCH) // timedelta(seconds=1) * _NS
_LAST = (datetime(9999, 12, 31, 23, 59, 59, tzinfo=timezone.utc) - _EPOCH) // timedelta(seconds=1) * _NS + 999_999_000


class SeedError(ValueError):
    """Seed data or a control request that makes no sense; the text says what and where."""


def from_timestamp(text: str) -> int:
    """Parse an RFC 3339 timestamp with up to nine decimals into nanoseconds since 1970.

    Raises:
        SeedError: if it is not such a timestamp.
    """
    match = _TIMESTAMP.fullmatch(text) if isinstance(text, str) else None
    if not match:
        raise SeedError(f"{text!r} is not a timestamp such as 2026-01-31T12:00:00Z")
    zone = "+00:00" if match.group(4) == "Z" else match.group(4)
    try:
        moment = datetime.fromisoformat(f"{match.group(1)}T{match.group(2)}{zone}")
    except ValueError as error:
        raise SeedError(f"{text!r} is not a timestamp: {error}") from None
    return _possible((moment - _EPOCH) // timedelta(seconds=1) * _NS + int((match.group(3) or "").ljust(9, "0")))


def from_age(seconds: Any, what: str) -> int:
    """Return when something was that is so many seconds old, in nanoseconds since 1970.

    Raises:
        SeedError: if that is no number, or no time that a timestamp can say.
    """
    if not is_number(seconds):
        raise SeedError(f"{what} must be a number")
    # Of a float, a product can be infinite, and that is no whole number.
    return _possible(time.time_ns() - math.floor(seconds) * _NS - int(seconds % 1 * _NS))


def _possible(moment: int) -> int:
    if not _FIRST <= moment <= _LAST:
        raise SeedError("this age or timestamp is out of range: the time must be in the years 1 to 9999")
    return moment


def to_timestamp(moment: int, digits: int) -> str:
    """Render nanoseconds since 1970 as RFC 3339 in UTC, rounded to ``digits`` decimals of a second, without zeros at their end.

    Go writes timestamps so, and what Cloudflare answers has from none to nine decimals.
    """
    unit = 10 ** (9 - digits)
    seconds, fraction = divmod((moment + unit // 2) // unit * unit, _NS)
    decimals = f"{fraction:09d}"[:digits].rstrip("0")
    return (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0") + (f".{decimals}" if decimals else "") + "Z"
