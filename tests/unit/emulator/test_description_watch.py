# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The comparison of the description with what SDKs know: it finds what is new, gone and changed, and nothing else."""

from __future__ import annotations

import json

import pytest

yaml = pytest.importorskip("yaml")
from ansible_collections.cloudflare.magic.tests.tools.watch import compare

ONE = "GET /accounts/{account_id}/magic/sites/{site_id}"
DOCUMENT = json.loads(compare.DESCRIPTION.read_text(encoding="utf-8"))
DESCRIPTION = compare.Description(DOCUMENT)
OPERATIONS = DESCRIPTION.operations()


def plain(schema):
    """Return a schema as an SDK's facts have it: without references."""
    schema = DESCRIPTION.resolved(schema)
    found = {key: value for key, value in schema.items() if key not in ("properties", "items", "additionalProperties", "anyOf", "oneOf")}
    for word in ("anyOf", "oneOf"):
        if word in schema:
            found[word] = [plain(part) for part in schema[word]]
    if "properties" in schema:
        found["properties"] = {name: plain(part) for name, part in schema["properties"].items()}
    for word in ("items", "additionalProperties"):
        if isinstance(schema.get(word), dict):
            found[word] = plain(schema[word])
    return found


def facts():
    """Return what an SDK would know that agrees in everything, of some operations."""
    found = {name: dict(operation) for name, operation in OPERATIONS.items() if "/sites" in name}
    for operation in found.values():
        operation.update({side: plain(operation[side]) for side in ("body", "answer") if side in operation}, query=dict(operation["query"]))
    return found


def told(sdk, numbers=False):
    """Return the differences in the operations that the facts have."""
    found = compare.differences(DESCRIPTION, sdk, numbers)
    return [(item.what, item.operation, item.where) for item in found if item.where or item.what == "new"]


SAME = compare.same_name(ONE)


def test_what_agrees_is_no_difference():
    assert told(facts()) == []
    names = compare.same_name("GET /accounts/{account_id}/magic/sites/{siteID}")
    assert names == SAME == "GET /accounts/{}/magic/sites/{}"


@pytest.mark.parametrize("numbers", [False, True])
def test_what_differs(numbers):
    sdk = facts()
    site = sdk[ONE]["answer"]["properties"]
    site["colour"] = {"type": "string"}
    del site["location"]
    site["ha_mode"] = {"type": "string"}
    sdk[ONE]["answer"]["required"] = ["name"]
    sdk[ONE]["query"]["page"] = {"type": "integer"}
    found = told(sdk, numbers)
    expected = [("new", "query.page"), ("changed", "answer.ha_mode"), ("changed", "answer.name"), ("new", "answer.colour"), ("gone", "answer.location")]
    assert sorted(found) == sorted((what, SAME, where) for what, where in expected), "of what is gone as a whole, the parts are not told"


def test_values_and_numbers():
    name = "POST /accounts/{account_id}/magic/sites/{site_id}/wans"
    sdk = facts()
    sdk[name]["body"]["properties"]["health_check_rate"]["enum"] = ["low", "mid", "high", "never"]
    sdk[name]["body"]["properties"]["priority"] = {"type": "number"}
    where = [item[2] for item in told(sdk)]
    assert where == ["body.health_check_rate", "body.priority"]
    assert [item[2] for item in told(sdk, numbers=True)] == ["body.health_check_rate"], "an SDK may not tell whole numbers from others"


def test_operations():
    sdk = {**facts(), "GET /accounts/{account_id}/magic/moons": {"query": {}}}
    assert told(sdk) == [("new", "GET /accounts/{}/magic/moons", "")]
    found = compare.differences(DESCRIPTION, {}, False)
    assert {item.what for item in found} == {"gone"} and len(found) == len(OPERATIONS)


def test_known():
    found = [compare.Difference("new", SAME, "answer[].colour", ""), compare.Difference("gone", SAME, "", "")]
    known = [
        {"what": "new", "operation": "GET */sites/{}", "where": "answer[].*", "reason": "x"},
        {"what": "gone", "operation": "*", "sdk": "typescript", "reason": "x"},
        {"what": "changed", "operation": "*", "where": "*", "reason": "x"},
    ]
    left, stale = compare.split(found, known, "python")
    assert (left, stale) == ([found[1]], [known[2]])
    assert compare.split(found, known, "typescript") == ([], [known[2]])


def test_each_known_difference_has_a_reason():
    known = yaml.safe_load(compare.KNOWN.read_text(encoding="utf-8"))
    for entry in known:
        assert {"what", "operation", "reason"} <= set(entry) <= {"what", "operation", "where", "sdk", "reason"}
        assert entry["what"] in ("new", "gone", "changed") and len(entry["reason"]) > 20


def test_command(tmp_path, capsys):
    """What is found is printed, and the status says that there was something."""
    path = tmp_path / "facts.json"
    sdk = facts()
    sdk[ONE]["answer"]["properties"]["colour"] = {"type": "string"}
    path.write_text(json.dumps({"version": "9.9.9", "operations": sdk}), encoding="utf-8")
    assert compare.main(["--python", str(path)]) == 1
    shown = capsys.readouterr().out
    assert "python 9.9.9: " in shown and f"new: {SAME} answer.colour: optional string\n" in shown
