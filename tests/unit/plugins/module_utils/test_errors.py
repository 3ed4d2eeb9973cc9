# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest

from ansible_collections.cloudflare.magic.plugins.module_utils._errors import (
    CODES,
    NOT_SENT,
    REFUSED,
    UNKNOWN,
    MagicError,
    call_error,
    is_hopeless,
    is_rate_limit,
    known_errors,
)
from ansible_collections.cloudflare.magic.plugins.module_utils._text import scrub
from ansible_collections.cloudflare.magic.plugins.module_utils._transport import read_answer

CREDENTIAL = [6003, 6103, 6111, 9103, 9106, 9109, 10000]
ACCOUNT = [7003, 1012, 1025]
LIMITS = [971, 10100]
NOT_FOUND = [1020, 1029, 1032]


def refused(errors, status=400):
    return call_error("POST", "/x", "why", status=status, errors=errors, reached="refused", transient=False)


def placed(code):
    """Errors that have a code in each of the places where Cloudflare puts one."""
    yield [{"code": code}]
    yield [{"code": 1}, {"code": code, "message": "m"}]
    yield [{"code": str(code)}]
    yield [{"code": 1, "error_chain": [{"code": 2}, {"code": code}]}]
    yield [{"code": 1, "error_chain": [{"code": 2, "error_chain": [{"code": code}]}]}]


@pytest.mark.parametrize("code", sorted(CODES))
def test_one_table_decides(code):
    """Advice, hopelessness and rate limits are decided alike wherever a code stands."""
    assert code in {*CREDENTIAL, *ACCOUNT, *LIMITS, *NOT_FOUND}
    for errors in placed(code):
        for status in (200, 400):
            error = refused(errors, status)
            assert CODES[code].advice.split("{")[0] in str(error)
            assert is_hopeless(error) is (code not in NOT_FOUND)
            assert is_rate_limit(status, errors) is (code in LIMITS)


@pytest.mark.parametrize("code", sorted(CODES))
@pytest.mark.parametrize("success", [{}, {"success": False}, {"success": False, "errors": []}, {"success": False, "errors": None}], ids=range(4))
def test_code_at_the_top_of_an_answer(code, success):
    for words in ({"error": "Oops"}, {"message": "Oops"}, {"error": {}, "message": "Oops"}, {"message": "Oops", "error": "other"}):
        with pytest.raises(MagicError) as caught:
            read_answer("POST", "/x", 400, {}, json.dumps({**success, **words, "code": code}).encode())
        assert f"[{code}] Oops" in str(caught.value) and CODES[code].advice.split("{")[0] in str(caught.value)
        assert is_hopeless(caught.value) is (code not in NOT_FOUND) and caught.value.failure
        assert caught.value.failure["errors"] == [{"message": "Oops", "code": code}]
        # Without "success: false" it may be the word of anything on the way.
        assert caught.value.reached == (NOT_SENT if code in LIMITS else REFUSED if success else UNKNOWN)


def test_code_at_the_top_does_not_hide_errors_nor_make_one():
    with pytest.raises(MagicError) as caught:
        read_answer("POST", "/x", 400, {}, json.dumps({"success": False, "code": 971, "errors": [{"code": 1022, "message": "m"}]}).encode())
    assert caught.value.failure and caught.value.failure["errors"] == [{"code": 1022, "message": "m"}]
    assert read_answer("POST", "/x", 200, {}, json.dumps({"success": True, "code": 971, "result": 1}).encode()) == 1


@pytest.mark.parametrize("code", [None, 0, -1, 1022, True, 971.5, "x", "", "\u0b69", "9" * 5000, "971 ", "0x3cb"])
def test_unknown_code_decides_nothing(code):
    for errors in placed(code):
        error = refused(errors)
        assert (is_hopeless(error), is_rate_limit(400, errors), str(error)) == (False, False, "POST /x failed with HTTP 400: why")


@pytest.mark.parametrize("status, expected", {None: True, 401: True, 403: True, 429: True, 400: False, 404: False, 409: False, 500: False}.items())
def test_status_without_a_code(status, expected):
    assert is_hopeless(refused([], status)) is expected
    assert is_rate_limit(status, []) is (status == 429)


def test_of_a_code_and_its_cause_the_cause_is_explained():
    error = call_error("POST", "/x", "why", status=400, errors=[{"code": 1012, "error_chain": [{"code": 1032}]}], reached=REFUSED, transient=False)
    assert CODES[1032].advice in str(error) and CODES[1012].advice not in str(error)


def test_details_can_be_printed():
    error = call_error("GET", "/x", "why", status=400, errors=[{"message": "a\n\x1b[2Jb"}], ray_id="r\x9b", reached=REFUSED, transient=False)
    assert error.failure and (error.failure["errors"], error.failure["ray_id"]) == ([{"message": r"a\n\x1b[2Jb"}], r"r\x9b")


def test_error_without_a_call_is_hopeless():
    assert is_hopeless(MagicError("no call was made"))


def test_very_many_errors_are_not_all_told():
    wide = [{"code": number, "message": "m", "error_chain": [{"code": 971}]} for number in range(5000)]
    deep: dict = {"code": 971}
    for number in range(5000):
        deep = {"code": number, "error_chain": [deep] * 2 if number < 5 else [deep]}
    assert [entry["code"] for entry in known_errors({"errors": wide})] == list(range(15))
    assert str(known_errors({"errors": [deep]})).count("code") == 11
    text = json.dumps(known_errors({"errors": [{"message": "x" * 10**6}]}))
    assert len(scrub(text, ["secret"])) < 100


@pytest.mark.parametrize(
    ("method", "path", "permission"),
    [
        ("GET", "/accounts/a/magic/ipsec_tunnels", "permission 'Magic WAN Read' or 'Magic Transit Read' ("),
        ("POST", "/accounts/a/magic/sites/connectors/lans", "permission 'Magic WAN Write' or 'Magic Transit Write' for"),
        ("GET", "/accounts/a/magic/connectors", "permission 'Magic WAN Read' ('Magic WAN Write' includes it) for"),
        ("PATCH", "/accounts/a/magic/connectors/c", "permission 'Magic WAN Write' for"),
        ("GET", "/accounts/a/mnm/rules", "permission 'Magic Network Monitoring Config Write' for"),
        ("POST", "/graphql", "permission 'Account Analytics Read' for"),
    ],
)
def test_the_advice_names_the_permission_for_the_path(method, path, permission):
    for errors in ([{"code": 10000}], [{"code": 9109}]):
        assert permission in str(call_error(method, path, "x", status=403, errors=errors, reached="refused", transient=False))
