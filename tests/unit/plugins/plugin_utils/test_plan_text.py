# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task with network changed: the texts for people, pull requests and pipelines."""

from __future__ import annotations

import re
import time
import typing as t
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.cloudflare.magic.plugins.plugin_utils import _plan_text as plan_text

EVIL = [
    "```",
    "\n```\n# A title\n",
    "~~~",
    "<img src=x onerror=alert(1)>",
    "</details>",
    "[a](https://b)",
    "@team",
    "]]>",
    "<!--",
    "&amp;",
    "\x00\x1b[2J",
    "\ud800",
    "\u202e",
]
EVIL += ["\x85- ok", "\u2028- ok", "\r+ ok", "\ufffe\uffff", "{{ 1 }}", "</testcase><testcase name='x'/>", "`" * 30, "-" * 10]

CREATE = {"kind": "ipsec_tunnels", "name": "lyon-1", "action": "create", "fields": {"name": {"after": "lyon-1"}, "bgp.extra_prefixes": {"after": ["a", "b"]}}}
UPDATE = {"kind": "gre_tunnels", "name": "a", "action": "update", "fields": {"mtu": {"before": 1476, "after": 1400}, "description": {"after": "New: x"}}}
DELETE = {"kind": "static_routes", "name": "10.0.0.0/8 via 10.1.1.1", "action": "delete", "fields": {"prefix": {"before": "10.0.0.0/8"}}}
PLAN: dict[str, t.Any] = {"changes": [CREATE, UPDATE, DELETE], "not_validated": {"static_routes[0]": "It needs more."}, "warnings": ["Odd."]}
TEXT = """\
+ ipsec_tunnels lyon-1
    name: lyon-1
    bgp.extra_prefixes: [a, b]
~ gre_tunnels a
    mtu: 1476 -> 1400
    description: (none) -> "New: x"
- static_routes 10.0.0.0/8 via 10.1.1.1
Not validated by Cloudflare:
  static_routes[0]: It needs more.
Warning: Odd.
Plan: 1 to create, 1 to update, 1 to delete.
"""
FAILED: dict[str, t.Any] = {
    "changes": [CREATE, UPDATE, DELETE],
    "outcomes": [
        {"kind": "ipsec_tunnels", "name": "lyon-1", "outcome": "applied"},
        {"kind": "gre_tunnels", "name": "a", "outcome": "failed", "reason": "Cloudflare says no."},
        {"kind": "static_routes", "name": "10.0.0.0/8 via 10.1.1.1", "outcome": "skipped", "reason": "Nothing is deleted after a failure."},
        {"kind": "static_routes", "name": "other", "outcome": "unchanged"},
    ],
    "failed": True,
    "msg": "Of 3 changes, 1 applied, 1 failed, 0 in doubt, 1 skipped.",
}
WRONG = {"failed": True, "msg": "The design has 2 problems, and nothing was changed. a: x. b: y.", "problems": ["a: x.", "b: y."]}
LOST = {"failed": True, "msg": "Cloudflare cannot be reached.\x1b[2J"}

names = st.one_of(st.text(max_size=10), st.sampled_from(EVIL), st.characters())
after = st.one_of(names, st.integers(), st.lists(names, max_size=2))
fields = st.dictionaries(names, st.fixed_dictionaries({}, optional={"before": names, "after": after}), max_size=3)
changes = st.lists(
    st.fixed_dictionaries({"kind": names, "name": names, "action": st.sampled_from(["create", "update", "delete"]), "fields": fields}), max_size=4
)
results = st.fixed_dictionaries(
    {"changes": changes}, optional={"not_validated": st.dictionaries(names, names, max_size=2), "warnings": st.lists(names, max_size=2)}
)


def test_plan():
    assert plan_text.text(PLAN) == TEXT
    assert [action for action, dummy in plan_text.blocks(PLAN)] == ["create", "update", "delete", "", ""]
    assert plan_text.text({"changes": [], "not_validated": {}}) == "Nothing differs.\nPlan: 0 to create, 0 to update, 0 to delete.\n"


def test_applied():
    assert plan_text.summary({"changes": [CREATE, UPDATE, DELETE]}) == "Applied: 1 created, 1 updated, 1 deleted."
    told = plan_text.text(FAILED)
    assert told.endswith("Applied: 1 created, 0 updated, 0 deleted, 1 failed, 1 skipped.\n")
    assert '    description: (none) -> "New: x"\n    failed: Cloudflare says no.\n' in told
    assert "- static_routes 10.0.0.0/8 via 10.1.1.1\n    skipped: Nothing is deleted after a failure.\n" in told
    refused = plan_text.text({**FAILED, "not_validated": {}})
    assert refused.endswith("Plan: 1 to create, 1 to update, 1 to delete, 1 failed, 1 skipped.\n")


def test_no_plan():
    assert plan_text.text(WRONG) == "Problems of the design:\n  a: x.\n  b: y.\nThere is no plan.\n"
    assert plan_text.text(LOST) == "Error: Cloudflare cannot be reached.\\x1b[2J\nThere is no plan.\n"
    for result, cases in ((WRONG, 2), (LOST, 1)):
        report = ET.fromstring(plan_text.junit(result))
        assert len(report.findall("testsuite/testcase/error")) == cases == int(report.get("errors", ""))


def test_only_some_reasons_are_shown():
    told = plan_text.text({"changes": [], "not_validated": {str(number): "It waits." for number in range(100)}})
    assert told.count("It waits.") == 20 and "  and 80 more\n" in told


def test_markdown():
    head, fence, body = plan_text.markdown(PLAN).split("\n", 3)[0], "```diff", TEXT.rsplit("\n", 2)[0]
    assert plan_text.markdown(PLAN) == f"{head}\n\n{fence}\n{body}\n```\n" and head == "**Plan: 1 to create, 1 to update, 1 to delete.**"


def outside_of_code(text: str) -> str:
    """Return what of a Markdown text is not in a fenced code block, as CommonMark has it."""
    outside, fence = [], ""
    for line in re.split(r"\r\n|\n|\r", text):
        opening = re.match(r" {0,3}(`{3,}(?=[^`]*$)|~{3,})", line)
        closing = re.fullmatch(r" {0,3}(`{3,}|~{3,})[ \t]*", line)
        if fence:
            fence = "" if closing and closing[1][0] == fence[0] and len(closing[1]) >= len(fence) else fence
        elif opening:
            fence = opening[1]
        else:
            outside.append(line)
    assert not fence
    return "\n".join(outside).strip()


@given(results)
def test_nothing_gets_out_of_the_code_block(result):
    written = plan_text.markdown(result)
    assert outside_of_code(written) == f"**{plan_text.summary(result)}**"
    assert re.fullmatch(r"\*\*(Plan|Applied): [a-z0-9, ]+\.\*\*", outside_of_code(written))
    assert all(character.isprintable() for character in written.replace("\n", ""))
    marked = [line[0] for line in written.split("\n") if line[:2] in ("+ ", "~ ", "- ")]
    assert marked == [plan_text.MARKS[change["action"]] for change in result["changes"]]


def test_a_comment_is_not_longer_than_github_takes():
    written = plan_text.markdown({"changes": [{**CREATE, "name": "é" * 50}] * 5000, "not_validated": {}})
    assert 59_000 < len(written) <= 61_000 and outside_of_code(written).startswith("**Plan: 5000 to create")
    left = re.search(r"\n\.\.\. and (\d+) more lines\n```\n$", written)
    assert left and int(left[1]) + written.count("\n") - 5 == 15_000


@given(results, st.booleans())
def test_junit(result, fail_on_drift):
    report = ET.fromstring(plan_text.junit(result, fail_on_drift).encode())
    (suite,) = report
    cases = suite.findall("testcase")
    assert [case.get("name", "").split(" ")[0] for case in cases] == ([change["action"] for change in result["changes"]] or ["Nothing"])
    assert {tag for case in cases for tag in (child.tag for child in case)} <= {"failure" if fail_on_drift else "system-out"}
    assert len(report.findall(".//failure")) == int(suite.get("failures", "")) == (len(result["changes"]) if fail_on_drift else 0)
    assert report.get("tests") == suite.get("tests") == str(len(cases))
    # The order of what the schema of Jenkins and others has in a suite.
    assert [child.tag for child in suite] == ["testcase"] * len(cases) + ["system-out"]
    assert all({"name", "classname", "time"} == set(case.attrib) for case in cases)


def test_what_failed_is_an_error_whatever_drift_is():
    report = ET.fromstring(plan_text.junit({**FAILED, "not_validated": {}}))
    assert [error.get("message") for error in report.iter("error")] == ["failed: Cloudflare says no.", "skipped: Nothing is deleted after a failure."]


@pytest.mark.parametrize("render", [plan_text.text, plan_text.markdown, plan_text.junit])
def test_thousands_of_changes_take_a_moment(render):
    field = {"before": "Old", "after": "New: one"}
    result = {"changes": [{**UPDATE, "fields": {f"field{number}": field for number in range(10)}}] * 2000, "not_validated": {}}
    start = time.process_time()
    render(result)
    assert time.process_time() - start < 3
