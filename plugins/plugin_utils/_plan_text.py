# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What a task with ``network`` changed or would change, for people, for a pull request and for pipelines. Pure."""

from __future__ import annotations

import re
import typing as t
import xml.etree.ElementTree as ET
from itertools import groupby, repeat

from ansible_collections.cloudflare.magic.plugins.module_utils._text import shown
from ansible_collections.cloudflare.magic.plugins.plugin_utils._design_yaml import scalar

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    Json = Mapping[str, t.Any]

MARKS = {"create": "+", "update": "~", "delete": "-"}
_DONE = {"create": "created", "update": "updated", "delete": "deleted"}
_TROUBLE = ("failed", "unknown", "skipped")

# The maximum number of reasons that are shown; the result has all of them.
_MOST_NOTES = 20
# GitHub accepts 65,536 characters for a comment; this leaves room for a sentence around the plan.
LONGEST_MARKDOWN = 60_000


class Change(t.NamedTuple):
    """What happens to an object.

    :ivar trouble: what failed; empty if nothing did.
    """

    action: str
    kind: str
    name: str
    lines: list[str]
    trouble: str


def _with_outcomes(result: Json) -> Iterator[tuple[Json, Json]]:
    """Yield the changes, each with its outcome, if the result has them: they begin with those of the changes, in the same order."""
    changes: Sequence[Json] = result.get("changes") or ()
    return zip(changes, result.get("outcomes") or repeat({}))


def _changes(result: Json) -> list[Change]:
    """Return the changes of a result, in the order in which they are carried out."""
    return [_change(change, outcome) for change, outcome in _with_outcomes(result)]


def _change(change: Json, outcome: Json) -> Change:
    action, word = str(change["action"]), outcome.get("outcome")
    trouble = shown(f"{word}: {outcome.get('reason', '')}") if word in _TROUBLE else ""
    fields = {} if action == "delete" else change["fields"]
    lines = [_field(name, field, action) for name, field in fields.items()]
    return Change(action, shown(str(change["kind"])), shown(str(change["name"])), lines, trouble)


def _field(name: str, field: Json, action: str) -> str:
    before, after = (scalar(field[side]) if side in field else "(none)" for side in ("before", "after"))
    return f"{shown(str(name))}: {after if action == 'create' else f'{before} -> {after}'}"


def _notes(result: Json) -> Iterator[str]:
    """Yield the other information for users."""
    if result.get("problems"):
        yield "Problems of the design:"
        yield from (f"  {shown(str(problem))}" for problem in result["problems"])
    elif result.get("msg") and "changes" not in result:
        yield f"Error: {shown(str(result['msg']))}"
    reasons = [f"  {shown(str(where))}: {shown(str(reason))}" for where, reason in (result.get("not_validated") or {}).items()]
    if reasons:
        yield "Not validated by Cloudflare:"
        yield from reasons[:_MOST_NOTES]
        if len(reasons) > _MOST_NOTES:
            yield f"  and {len(reasons) - _MOST_NOTES} more"
    yield from (f"Warning: {shown(str(warning))}" for warning in result.get("warnings") or ())


def summary(result: Json) -> str:
    """Return the number of objects that change, or have changed."""
    if "changes" not in result:
        return "There is no plan."
    pairs = [(change["action"], outcome.get("outcome")) for change, outcome in _with_outcomes(result)]
    planned = "not_validated" in result
    if planned:
        counts = [f"{sum(action == one for action, dummy in pairs)} to {one}" for one in MARKS]
    else:
        counts = [f"{sum(action == one and word not in _TROUBLE for action, word in pairs)} {done}" for one, done in _DONE.items()]
    bad = {one: sum(word == one for dummy, word in pairs) for one in _TROUBLE}
    counts += [f"{count} {'in doubt' if word == 'unknown' else word}" for word, count in bad.items() if count]
    return f"{'Plan' if planned else 'Applied'}: {', '.join(counts)}."


def blocks(result: Json) -> Iterator[tuple[str, str]]:
    """Yield the text for people, in blocks of several lines, each with its action, or none."""
    changes = _changes(result)
    for action, several in groupby(changes, lambda change: change.action):
        yield action, "\n".join(line for change in several for line in _text(change))
    if not changes and "changes" in result:
        yield "", "Nothing differs."
    notes = "\n".join(_notes(result))
    if notes:
        yield "", notes
    yield "", summary(result)


def _text(change: Change) -> Iterator[str]:
    # An object of a kind with at most one object has no name.
    yield f"{MARKS[change.action]} {change.kind}" + (f" {change.name}" if change.name else "")
    yield from (f"    {line}" for line in change.lines)
    if change.trouble:
        yield f"    {change.trouble}"


def text(result: Json) -> str:
    """Return the text for people."""
    return "\n".join(block for dummy, block in blocks(result)) + "\n"


def markdown(result: Json) -> str:
    """Return a comment for a pull request. Names and descriptions are in a code block that they cannot end: no line of it is a fence."""
    lines = text(result).rstrip("\n").split("\n")[:-1]
    head = f"**{summary(result)}**\n\n"
    room = LONGEST_MARKDOWN - len(head)
    kept = []
    for line in lines:
        room -= len(line) + 1
        if room < 0:
            break
        kept.append(line)
    if len(kept) < len(lines):
        kept.append(f"... and {len(lines) - len(kept)} more lines")
    body = "\n".join(kept)
    fence = "`" * max([3, *(len(run) + 1 for run in re.findall("`+", body))])
    return f"{head}{fence}diff\n{body}\n{fence}\n" if body else head


def junit(result: Json, fail_on_drift: bool = False) -> str:
    """Return a report for pipelines, with a test case for each change.

    :arg fail_on_drift: whether a change is a failure.
    """
    cases = []
    for change in _changes(result):
        case = ET.Element("testcase", classname=f"network.{change.kind}", name=f"{change.action} {change.name}" if change.name else change.action, time="0")
        if change.trouble:
            ET.SubElement(case, "error", type="outcome", message=change.trouble)
        elif fail_on_drift:
            ET.SubElement(case, "failure", type="drift", message=f"{change.kind} {change.name}: {change.action}").text = "\n".join(change.lines)
        else:
            ET.SubElement(case, "system-out").text = "\n".join(change.lines)
        cases.append(case)
    if "changes" not in result:
        for problem in result.get("problems") or [result.get("msg")]:
            case = ET.Element("testcase", classname="network.design", name="plan", time="0")
            ET.SubElement(case, "error", type="design", message=shown(str(problem)))
            cases.append(case)
    if not cases:
        # Some pipelines treat a report without test cases as an error.
        cases.append(ET.Element("testcase", classname="network", name="Nothing differs", time="0"))
    counts = {name: str(sum(case.find(kind) is not None for case in cases)) for name, kind in (("failures", "failure"), ("errors", "error"))}
    counted = {"tests": str(len(cases)), **counts}
    whole = ET.Element("testsuites", counted)
    suite = ET.SubElement(whole, "testsuite", {"name": "cloudflare.magic.network", **counted, "time": "0"})
    suite.extend(cases)
    ET.SubElement(suite, "system-out").text = "\n".join([*_notes(result), summary(result)])
    ET.indent(whole)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(whole, encoding="unicode")}\n'
