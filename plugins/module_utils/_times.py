# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Ages and points in time, as users write them and as Cloudflare does."""

from __future__ import annotations

import re
import typing as t
from datetime import datetime, timedelta

from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError

# The response to psk_generate has nanoseconds, the tunnel later has rounded microseconds.
TOLERANCE = timedelta(milliseconds=1)

# The Date header of a response has whole seconds, and clocks differ: only a later date than this counts as in the future.
CLOCKS_DIFFER = timedelta(seconds=60)

_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_TIMESTAMP = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:[.,](\d+))? ?([Zz]|[+-]\d\d:?\d\d)?", re.ASCII)


def last_generated_on(holder: t.Any) -> str | None:
    """Return ``psk_metadata.last_generated_on`` of a tunnel or of an answer with a key; None where there never was a key."""
    metadata = holder.get("psk_metadata") if isinstance(holder, dict) else None
    value = metadata.get("last_generated_on") if isinstance(metadata, dict) else None
    # A value that is not a string is an unreadable date, which is different from a missing one.
    return str(value) if value else None


def parse_age(text: str, name: str = "max_age") -> int:
    """Return seconds for an age like ``90d``, ``12h``, ``2w``, ``45m``, ``30s`` or ``3600``.

    :arg name: the name of the option in messages.
    :raises MagicError: if it is none.
    """
    match = re.fullmatch(r"\s*(\d{1,9})\s*([smhdw]?)\s*", text, re.ASCII)
    if not match:
        raise MagicError(f"{name}: '{text}' is not an age. Write a whole number with a unit, like 90d, 12h, 2w or 45m, or seconds.")
    return int(match.group(1)) * _SECONDS[match.group(2)]


def parse_timestamp(text: t.Any) -> datetime | None:
    """Return the point in time of an RFC 3339 timestamp, read leniently; any number of decimals is rounded to microseconds.

    :returns: an aware datetime, or None if there is none (absent, empty, or Go's zero time).
    :raises MagicError: if there is a text that cannot be read.
    """
    if not text:
        return None
    match = _TIMESTAMP.fullmatch(text.strip()) if isinstance(text, str) else None
    try:
        if not match:
            raise ValueError(text)
        day, clock, decimals, zone = match.groups()
        zone = "+00:00" if zone in (None, "Z", "z") else zone if ":" in zone else f"{zone[:3]}:{zone[3:]}"
        moment = datetime.fromisoformat(f"{day}T{clock}{zone}")
        if moment.year == 1:
            return None
        return moment + timedelta(microseconds=round(float(f"0.{decimals or 0}") * 1e6))
    except (ValueError, OverflowError):
        raise MagicError(
            "last_generated_on: Cloudflare's response contains no readable timestamp, so the key's age is unknown. Use rotate: always, or report it."
        ) from None


def age(timestamp: str | None, now: datetime) -> int | None:
    """Return the seconds since a timestamp of the API; None if there is none, or it cannot be read."""
    try:
        moment = parse_timestamp(timestamp)
    except MagicError:
        return None
    return None if moment is None else max(0, int((now - moment).total_seconds()))


def same_moment(one: str | None, other: str | None) -> bool:
    """Return whether two timestamps of the API mean the same time. Those that cannot be read are compared as they are."""
    try:
        moments = [parse_timestamp(one), parse_timestamp(other)]
    except MagicError:
        return one == other
    if moments[0] is None or moments[1] is None:
        return moments[0] is moments[1]
    return abs(moments[0] - moments[1]) <= TOLERANCE


def from_future(timestamp: str | None, now: datetime) -> bool:
    """Return whether a timestamp of the API lies after ``now``, by more than clocks differ."""
    try:
        moment = parse_timestamp(timestamp)
    except MagicError:
        return False
    return moment is not None and moment - now > CLOCKS_DIFFER
