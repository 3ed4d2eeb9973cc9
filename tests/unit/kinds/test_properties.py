# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whatever there is and whatever a task wants: one request makes it so, a second run has nothing to do, and nothing else is another one.

On each kind of server: one that merges objects in an update or replaces them, and one that leaves out what is empty or shows it.
"""

from __future__ import annotations

import copy
import typing as t

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ansible_collections.cloudflare.magic.plugins.module_utils._design import as_item
from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._fields import known, merged, read, resets
from ansible_collections.cloudflare.magic.plugins.module_utils._plan import find, plan
from ansible_collections.cloudflare.magic.plugins.module_utils._references import resolved
from ansible_collections.cloudflare.magic.tests.unit.kinds.rows import ROWS

WORDS = ("MC-0001", "MC-0002", "office", "lab", "branches", "paris-1", "paris-2", "paris-3", "frankfurt-1", "payroll", "fiber", "lte")


def wish(row, changes):
    """Return what a task with all these options wants, with ids in place of names."""
    chosen = {name: value for name, value in row.new.items() if name in row.kind.fields}
    for change in changes:
        chosen = merged(chosen, change)
    desired, problems = read(row.kind.fields, chosen)
    assume(not problems)
    return resolved(row.kind.fields, desired, lambda kind: [{"id": f"{number:032x}", kind.keys[0]: word} for number, word in enumerate(WORDS, 1)])


def empty(value):
    return value in (None, "", [], {}, False, 0)


class Server:
    """One object at Cloudflare."""

    def __init__(self, kind, merges, omits):
        self.kind, self.merges, self.omits = kind, merges, omits
        self.stored: t.Any = None

    def shown(self):
        if self.stored is None:
            return None
        found = self._without_empty(self.stored) if self.omits else copy.deepcopy(self.stored)
        mixed = self.kind.mixed
        if mixed is not None:
            # What is one list is read in another form than it is written in.
            members = found.pop(mixed.field, [])
            found[mixed.shown] = [{"type": member["type"], "data": {"id": member["id"], "name": "any"}} for member in members]
        return self.kind.received({**found, "id": "f" * 32, "created_on": "2026-01-01T00:00:00Z"})

    def _without_empty(self, value):
        if not isinstance(value, dict):
            return value
        return {name: self._without_empty(item) for name, item in value.items() if not empty(item)}

    def carry_out(self, planned):
        if planned.method is None:
            return
        check_body(planned.body)
        check_parts(self.kind.fields, planned.body)
        if planned.method == "POST":
            assert self.stored is None
            self.stored = copy.deepcopy(planned.body)
            return
        # What is empty, and not required, needs no repetition.
        repeated = {name for name in self.kind.repeats if name in self.kind.required or not empty(self.stored.get(name))}
        assert planned.method == self.kind.updates and repeated <= set(planned.body)
        self.stored = merged(self.stored, planned.body) if self.merges else {**self.stored, **planned.body}


def can_be_merged(fields):
    """Tell whether no object has a part that becomes empty by being left out, which only an update that replaces the object does."""
    return not any(inner.left_out or not can_be_merged({name: inner}) for one in fields.values() for name, inner in one.parts.items())


def check_body(value):
    """There is no null in what is sent, and no token of something that was not looked up."""
    assert value is not None
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        check_body(inner)


def check_parts(fields, body):
    """No object has a part that Cloudflare rejects, because it is empty."""
    for name, one in fields.items():
        value = body.get(name)
        if one.parts and isinstance(value, dict):
            assert not [part for part, inner in one.parts.items() if inner.left_out and value.get(part) == inner.empty], name
            check_parts(one.parts, value)


def meaning(kind, shown):
    """Return what an object is, in a form in which equal ones are equal."""

    def pruned(value):
        if isinstance(value, dict):
            return {name: inner for name, item in value.items() for inner in [pruned(item)] if not empty(inner)}
        return value

    return pruned({name: known(one, shown.get(name)) for name, one in kind.fields.items() if not one.stands_for})


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.data())
def test_one_request_and_then_none(data):
    row = data.draw(st.sampled_from([row for row in ROWS if not row.kind.given]))
    kind = row.kind
    # Nothing of it is in vain: an object of each kind can be made.
    assert plan(kind, wish(row, []), None).method == "POST"
    several = st.lists(st.sampled_from(row.changes), max_size=4)
    server = Server(kind, can_be_merged(kind.fields) and data.draw(st.booleans()), data.draw(st.booleans()))
    first, second = data.draw(several), data.draw(several)
    try:
        server.carry_out(plan(kind, wish(row, first), None))
        before = server.shown()
        wanted = wish(row, second)
        planned = plan(kind, wanted, find(kind, [before], wanted))
        whole = plan(kind, merged(resets({name: one for name, one in kind.fields.items() if name not in kind.fixed}, wanted, before), wanted), before)
    except MagicError:
        # It cannot be, and that is said; the rows have what is said.
        assume(False)
    server.carry_out(planned)
    after = server.shown()
    assert plan(kind, wanted, after).method is None
    assert planned.method is not None or after == before
    # What the task does not say is as before.
    said = {*wanted, *(name for name in row.new if name in kind.fields)}
    assert {name: value for name, value in meaning(kind, after).items() if name not in said} == {
        name: value for name, value in meaning(kind, before).items() if name not in said
    }
    # An object that is written down makes the same again, and one that is to be so as a whole comes to an end as well.
    item = as_item(kind, after)
    again = Server(kind, server.merges, server.omits)
    again.carry_out(plan(kind, read(kind.fields, item)[0], None))
    assert meaning(kind, again.shown()) == meaning(kind, after)
    last = Server(kind, server.merges, server.omits)
    last.carry_out(plan(kind, wish(row, first), None))
    last.carry_out(whole)
    assert plan(kind, wanted, last.shown()).method is None
