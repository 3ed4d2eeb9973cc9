# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""When a key is due, and what the options have to be."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._policy import FLEET_OPTIONS, Policy, check_fleet, check_key, check_one
from ansible_collections.cloudflare.magic.plugins.module_utils._times import parse_age
from ansible_collections.cloudflare.magic.tests.unit.plugins.helpers import OWN, everything, options_for, refusal

DAY = 86400

NOW = datetime(2026, 11, 23, 12, tzinfo=timezone.utc)
# rotate, age of the key in seconds or None, max_age, reason
DUE = [
    ("always", None, None, "always"),
    ("always", 0, None, "always"),
    ("missing", None, None, "missing"),
    ("missing", 0, None, "not_due"),
    ("missing", 10**9, None, "not_due"),
    ("missing", 10**9, 1, "not_due"),
    ("expired", None, 90 * DAY, "missing"),
    ("expired", 90 * DAY - 1, 90 * DAY, "not_due"),
    ("expired", 90 * DAY, 90 * DAY, "not_due"),
    ("expired", 90 * DAY + 0.001, 90 * DAY, "expired"),
    ("expired", 1, 0, "expired"),
    ("expired", -3600, 0, "not_due"),
    ("expired", 10**9, parse_age("999999999w"), "not_due"),
]


@pytest.mark.parametrize("rotate, age, max_age, reason", DUE)
def test_why_due(rotate, age, max_age, reason):
    generated = None if age is None else NOW - timedelta(seconds=age)
    assert Policy(rotate, max_age).why_due(generated, NOW) == reason


ZONES = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=ZONES)
MAX_AGES = st.builds("{}{}".format, st.integers(0, 999999999), st.sampled_from(["", "s", "m", "h", "d", "w"])).map(parse_age)


@given(st.sampled_from(["always", "missing", "expired"]), st.none() | MOMENTS, MAX_AGES, MOMENTS)
@settings(deadline=None, database=None)
def test_why_due_for_any_time(rotate, generated, max_age, now):
    reason = Policy(rotate, max_age).why_due(generated, now)
    if rotate == "always":
        assert reason == "always"
    elif generated is None:
        assert reason == "missing"
    else:
        due = rotate == "expired" and (now - generated).total_seconds() > max_age
        assert reason == ("expired" if due else "not_due")


@given(MOMENTS, MAX_AGES, MOMENTS, st.timedeltas(timedelta(0), timedelta(days=9999)))
@settings(deadline=None, database=None)
def test_what_is_due_stays_due(generated, max_age, now, later):
    first, second = (Policy("expired", max_age).why_due(generated, moment) for moment in (now, now + later))
    assert (first, second) != ("expired", "not_due")


# --- options

GOOD_OPTIONS = {
    "id": ({"ipsec_tunnel_id": "a"}, 0),
    "name": ({"name": "a b"}, 0),
    "age": ({"name": "a", "rotate": "expired", "max_age": "90d"}, 0),
    "good key": ({"name": "a", "psk": "x" * 32}, 0),
    "short key": ({"name": "a", "psk": "x" * 31}, 1),
    "shortest key": ({"name": "a", "psk": "x" * 8}, 1),
    "key of any printable characters": ({"name": "a", "psk": "p\u00e4 \u20ac\"'\\" * 8}, 0),
}
BAD_OPTIONS: dict[str, tuple[dict[str, str], str]] = {
    # Ansible treats an option that is null as set.
    "neither id nor name": ({}, "ipsec_tunnel_id"),
    "expired without an age": ({"name": "a", "rotate": "expired"}, "max_age"),
    "empty id": ({"ipsec_tunnel_id": ""}, "^ipsec_tunnel_id is empty"),
    "a path as id": ({"ipsec_tunnel_id": "a/psk_generate"}, "^ipsec_tunnel_id cannot be an id"),
    "upwards": ({"ipsec_tunnel_id": ".."}, "^ipsec_tunnel_id cannot be an id"),
    "empty name": ({"name": ""}, "^name is empty"),
    "blank name": ({"name": "  "}, "^name is empty"),
    "age that is none": ({"name": "a", "rotate": "expired", "max_age": "3 months"}, "^max_age: '3 months' is not an age"),
    "age without use": ({"name": "a", "max_age": "90d"}, "^max_age has no effect with rotate: always"),
    "empty key": ({"name": "a", "psk": ""}, "^psk is shorter than 8 characters"),
    "too short a key": ({"name": "a", "psk": OWN[:7]}, "^psk is shorter than 8 characters"),
    "key with a line break": ({"name": "a", "psk": OWN + "\n"}, "^psk contains a line break"),
    "id that is no text": ({"ipsec_tunnel_id": "a\ud800"}, "^ipsec_tunnel_id contains a character that is not valid Unicode"),
    "key that is no text": ({"name": "a", "psk": OWN + "\udc00"}, "^psk contains"),
    "mask": ({"name": "a", "psk": "********"}, "^psk is the mask"),
    "mask of Ansible": ({"name": "a", "psk": "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"}, "^psk is the mask"),
    "mask of later versions": ({"name": "a", "psk": "$REDACTED$"}, "^psk is the mask"),
    "key with a null character": ({"name": "a", "psk": OWN + "\0"}, "^psk contains a line break or another control character"),
}


@pytest.mark.parametrize("chosen, warnings", GOOD_OPTIONS.values(), ids=GOOD_OPTIONS)
def test_check(chosen, warnings):
    found = check_one(options_for(**chosen))
    assert len(found) == warnings and not [text for text in found if "psk is shorter than 32" not in text]


@pytest.mark.parametrize("chosen, expected", BAD_OPTIONS.values(), ids=BAD_OPTIONS)
def test_check_refused(chosen, expected):
    error = refusal(check_one, options_for(**chosen))
    assert re.search(expected, str(error))
    assert OWN[:7] not in everything(error)


def test_check_key_names_the_option():
    assert str(refusal(check_key, "psks", "short")).startswith("psks is shorter")
    assert check_key("psks", "x" * 8)[0].startswith("psks is shorter")


@pytest.mark.parametrize("rotate", ["missing", "expired"])
@pytest.mark.parametrize("generated", [None, NOW, NOW - timedelta(days=1000), NOW + timedelta(days=1)])
def test_an_interrupted_replacement_is_due_under_every_policy(rotate, generated):
    assert Policy(rotate, 90 * DAY).why_due(generated, NOW, True) == "interrupted"
    assert Policy("always").why_due(generated, NOW, True) == "always"


FLEET = {"names": ["*"], "rotate": "always", "psk_length": 48, "batch_size": 50, "stage": False}
BAD_FLEETS = {
    "key that is a number": ({"psks": {"a": 12345678}}, "entry 1 is not a string"),
    "key and name swapped": ({"psks": {"a": "x" * 40, OWN: "short"}}, "entry 2 is shorter"),
    "mask": ({"psks": {"a": "********"}}, "entry 1 is the mask"),
    "empty pattern": ({"names": ["a", " "]}, "^names contains an empty string"),
    "empty exclusion": ({"exclude": [""]}, "^exclude contains an empty string"),
    "id that is a path": ({"ipsec_tunnel_ids": ["a", " ../b"]}, "^ipsec_tunnel_ids cannot be an id"),
    "31 letters": ({"psk_length": 31}, "^psk_length"),
    "65 letters": ({"psk_length": 65}, "^psk_length"),
    "no batch": ({"batch_size": 0}, "^batch_size"),
}


@pytest.mark.parametrize("chosen, expected", BAD_FLEETS.values(), ids=BAD_FLEETS)
def test_check_fleet_refused(chosen, expected):
    options = {**dict.fromkeys(FLEET_OPTIONS.argument_spec), **FLEET, **chosen}
    assert re.search(expected, str(refusal(check_fleet, options)))


@pytest.mark.parametrize("chosen", [{"psk_length": 32}, {"psk_length": 64}, {"batch_size": 1}, {"ipsec_tunnel_ids": [" a "]}], ids=repr)
def test_check_fleet(chosen):
    assert check_fleet({**dict.fromkeys(FLEET_OPTIONS.argument_spec), **FLEET, **chosen}) == []


@pytest.mark.parametrize("mask", ["********", " ******** ", "*" * 17, "prefix-$REDACTED$-0123456789", "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"])
def test_masks_are_no_keys(mask):
    with pytest.raises(MagicError, match="is the mask that Ansible shows instead of a hidden value"):
        check_key("psk", mask)
    assert check_key("psk", "stars*in*the*middle*of*a*key*0123456789") == []
