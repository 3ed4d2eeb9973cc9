# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ages and points in time."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.cloudflare.magic.plugins.module_utils._times import CLOCKS_DIFFER, from_future, parse_age, parse_timestamp, same_moment
from ansible_collections.cloudflare.magic.tests.unit.plugins.helpers import refusal

UTC = timezone.utc

AGES = {"90d": 7776000, "12h": 43200, "2w": 1209600, "45m": 2700, "30s": 30, "3600": 3600, "0": 0, " 90 d ": 7776000, "007d": 604800, "999999999": 999999999}


@pytest.mark.parametrize("text, seconds", AGES.items(), ids=AGES)
def test_age(text, seconds):
    assert parse_age(text) == seconds


@pytest.mark.parametrize(
    "text", ["", " ", "d", "-1", "-90d", "+1d", "1.5d", "1,5d", "90D", "1y", "3 months", "1d12h", "90d90d", "1e3", "0x10", "9999999999", "\u0663d", "\u00b2d"]
)
def test_age_refused(text):
    assert re.search("^max_age: .* is not an age. Write", str(refusal(parse_age, text)))


def at(year, month, day, hour=0, minute=0, second=0, microsecond=0):
    return datetime(year, month, day, hour, minute, second, microsecond, UTC)


TIMES = {
    "2026-11-23T14:28:47.054317925Z": at(2026, 11, 23, 14, 28, 47, 54318),
    "2026-11-23T14:28:47.054318Z": at(2026, 11, 23, 14, 28, 47, 54318),
    "2026-11-23T14:28:47Z": at(2026, 11, 23, 14, 28, 47),
    "2026-11-23T14:28:47.5Z": at(2026, 11, 23, 14, 28, 47, 500000),
    "2026-11-23T14:28:47,5Z": at(2026, 11, 23, 14, 28, 47, 500000),
    "2026-11-23t14:28:47z": at(2026, 11, 23, 14, 28, 47),
    "2026-11-23 14:28:47": at(2026, 11, 23, 14, 28, 47),
    "2026-11-23 14:28:47 +00:00": at(2026, 11, 23, 14, 28, 47),
    " 2026-11-23T14:28:47Z\n": at(2026, 11, 23, 14, 28, 47),
    "2026-11-23T14:28:47+00:00": at(2026, 11, 23, 14, 28, 47),
    "2026-11-23T14:28:47-00:00": at(2026, 11, 23, 14, 28, 47),
    "2026-11-23T14:28:47+02:00": at(2026, 11, 23, 12, 28, 47),
    "2026-11-23T14:28:47-0530": at(2026, 11, 23, 19, 58, 47),
    "2026-12-31T23:59:59.9999999Z": at(2027, 1, 1),
    "2026-11-23T14:28:47." + "1" * 60 + "Z": at(2026, 11, 23, 14, 28, 47, 111111),
}


@pytest.mark.parametrize("text, moment", TIMES.items(), ids=TIMES)
def test_timestamp(text, moment):
    assert parse_timestamp(text) == moment


NEVER: list[object] = [None, "", {}, [], 0, "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+00:00", "0001-01-01T00:00:00.000000000Z"]


@pytest.mark.parametrize("value", NEVER, ids=str)
def test_timestamp_absent(value):
    assert parse_timestamp(value) is None


NO_TIMES: list[object] = [
    "yesterday",
    "2026-11-23",
    "14:28:47",
    "2026-13-01T00:00:00Z",
    "2026-02-30T00:00:00Z",
    "2026-11-23T25:00:00Z",
    "2026-11-23T14:28:47+25:00",
    "1700000000",
]
NO_TIMES += [
    "2026-11-23T14:28:47ZZ",
    "x2026-11-23T14:28:47Z",
    "9999-12-31T23:59:59.9999999Z",
    "\u0662026-11-23T14:28:47Z",
    5,
    True,
    ["2026-11-23T14:28:47Z"],
    {"a": 1},
]


@pytest.mark.parametrize("value", NO_TIMES, ids=str)
def test_timestamp_refused(value):
    assert "no readable timestamp" in str(refusal(parse_timestamp, value))


ZONES = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(datetime(1970, 1, 3), datetime(9999, 12, 29)), ZONES, st.integers(0, 999), st.integers(0, 9), st.sampled_from("Tt "))
@settings(deadline=None, database=None)
def test_timestamp_of_any_time_and_form(moment, zone, nanoseconds, digits, separator):
    moment = moment.replace(tzinfo=UTC)
    written = moment.astimezone(zone)
    decimals = f"{written.microsecond:06d}{nanoseconds:03d}"[:digits]
    text = written.strftime(f"%Y-%m-%d{separator}%H:%M:%S").rjust(19, "0") + (f".{decimals}" if decimals else "") + written.isoformat()[-6:]
    assert abs(parse_timestamp(text) - moment) <= timedelta(seconds=10.0**-digits, microseconds=1)


A, B = "2026-11-23T14:28:47.054317925Z", "2026-11-23T14:28:47.054318Z"
MOMENTS = [
    (A, A, True),
    (A, B, True),
    (A, "2026-11-23T15:28:47.0543+01:00", True),
    (A, "2026-11-23T14:28:47.056Z", False),
    (A, None, False),
    (None, None, True),
    (None, "0001-01-01T00:00:00Z", True),
    ("soon", "soon", True),
    ("soon", A, False),
]


@pytest.mark.parametrize("one, other, same", MOMENTS)
def test_same_moment(one, other, same):
    for pair in ((one, other), (other, one)):
        assert same_moment(*pair) is same


def test_from_future():
    now = at(2026, 11, 23, 14)
    for seconds, future in ((-1, False), (0, False), (59, False), (61, True), (10**8, True)):
        assert from_future((now + timedelta(seconds=seconds)).isoformat(), now) is future
    assert timedelta(seconds=60) == CLOCKS_DIFFER
    assert not from_future(None, now) and not from_future("soon", now)
