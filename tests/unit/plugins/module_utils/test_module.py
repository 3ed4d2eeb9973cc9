# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.cloudflare.magic.plugins.module_utils._errors import NOT_SENT, REFUSED, UNKNOWN, MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._module import client_for, failed
from ansible_collections.cloudflare.magic.plugins.module_utils._options import ArgumentSpec
from ansible_collections.cloudflare.magic.plugins.module_utils._policy import OPTIONS
from ansible_collections.cloudflare.magic.plugins.module_utils._psk import rotate


def options_for(emulator, **chosen):
    shared = {"account_id": emulator.account_id, "api_url": emulator.url, "api_token": emulator.write_token, "max_retries": 0}
    return {name: {**shared, **chosen}.get(name, option.get("default")) for name, option in OPTIONS.argument_spec.items()}


# name: faults, options, what the result says: failed, changed, method and status of the failure
LOST = {"path": "psk_generate", "kind": "disconnect", "when": "after"}
FORBIDDEN = {"kind": "status", "status": 403, "code": 10000}
RESULTS = {
    "key": ([], {}, False, True, None),
    "not due": ([], {"rotate": "missing"}, False, False, None),
    "no credentials": ([], {"api_token": None}, True, False, None),
    "refused": ([FORBIDDEN], {}, True, False, ("POST", 403)),
    "reading refused": ([FORBIDDEN], {"rotate": "missing"}, True, False, ("GET", 403)),
    "reading lost": ([{"kind": "disconnect"}], {"rotate": "missing"}, True, False, ("GET", None)),
    "lost": ([LOST], {}, False, True, None),
    "lost twice": ([{**LOST, "times": 2}], {}, True, True, ("POST", None)),
    # The key is another one than before, or may be: the task has changed something.
    "lost, then refused": ([LOST, {**FORBIDDEN, "path": "psk_generate"}], {}, True, True, ("POST", None)),
    "lost, made again, and not confirmed": ([LOST, {**FORBIDDEN, "method": "GET"}], {}, True, True, ("POST", None)),
    "success without a key, twice": ([{**LOST, "kind": "no_success_field", "times": 2}], {}, True, True, ("POST", 200)),
    "own key lost": ([{"path": "/psk$", "kind": "disconnect"}], {"psk": "x" * 40}, True, True, ("POST", None)),
}


@pytest.mark.parametrize("faults, chosen, is_failed, changed, failure", RESULTS.values(), ids=RESULTS)
def test_perform(emulator, faults, chosen, is_failed, changed, failure):
    for fault in faults:
        emulator.fault(**fault)
    options = options_for(emulator, ipsec_tunnel_id=emulator.tunnel("paris-1")["id"], **chosen)
    try:
        result = rotate(client_for(options), options, False)
    except MagicError as error:
        result = failed(error)
    assert (result.get("failed", False), result["changed"]) == (is_failed, changed)
    assert ("psk" in result) is (not is_failed and changed and "psk" not in chosen)
    if failure is None:
        assert "failure" not in result
    else:
        assert sorted(result["failure"]) == ["errors", "method", "path", "ray_id", "status"]
        assert (result["failure"]["method"], result["failure"]["status"]) == failure
        assert str(result["failure"]["path"]) in result["msg"]


FAILURE = {"method": "POST", "path": "/x", "status": 500, "errors": [], "ray_id": None}
FAILED = [
    (FAILURE, UNKNOWN, True),
    (FAILURE, REFUSED, False),
    (FAILURE, NOT_SENT, False),
    ({**FAILURE, "method": "GET"}, UNKNOWN, False),
    (None, NOT_SENT, False),
    (None, UNKNOWN, True),
]


@pytest.mark.parametrize("failure, reached, changed", FAILED)
def test_failed(failure, reached, changed):
    expected = {"failed": True, "changed": changed, "msg": "why"}
    result = failed(MagicError("why", failure=failure, reached=reached))
    assert result == (expected if failure is None else {**expected, "failure": failure})


def test_client_stays_while_nothing_differs(emulator, monkeypatch):
    options = options_for(emulator)
    first = client_for(options)
    assert client_for(dict(options, name="another", rotate="missing")) is first
    assert client_for(dict(options, timeout=5.0)) is not first
    second = client_for(options)
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", "another")
    assert client_for(options) is second
    third = client_for(dict(options, api_token=None))
    assert third is not second and third.settings.api_token == "another"


def test_argument_specs_merge():
    one = ArgumentSpec({"a": {"type": "str"}, "b": {"type": "int"}}, mutually_exclusive=[("a", "b")], required_if=[("a", "x", ("b",))])
    two = ArgumentSpec({"b": {"type": "str"}}, mutually_exclusive=[("b", "c")], required_together=[("b", "c")], required_one_of=[("b",)])
    assert one.merge(two).as_kwargs() == {
        "argument_spec": {"a": {"type": "str"}, "b": {"type": "str"}},
        "mutually_exclusive": [("a", "b"), ("b", "c")],
        "required_together": [("b", "c")],
        "required_one_of": [("b",)],
        "required_if": [("a", "x", ("b",))],
    }
    assert one.argument_spec["b"] == {"type": "int"}
