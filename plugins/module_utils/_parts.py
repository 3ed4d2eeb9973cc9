# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What belongs to one object and has no module of its own: the module of the object keeps lists of it complete."""

from __future__ import annotations

import typing as t
from functools import partial

from ansible_collections.cloudflare.magic.plugins.module_utils._calls import Foreseen, account_of, carry_out, foreseen_id, write_several
from ansible_collections.cloudflare.magic.plugins.module_utils._design import read_list
from ansible_collections.cloudflare.magic.plugins.module_utils._errors import REFUSED, UNKNOWN, MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._gather import named_item
from ansible_collections.cloudflare.magic.plugins.module_utils._kind import normal
from ansible_collections.cloudflare.magic.plugins.module_utils._network import deletions_inside, work_inside
from ansible_collections.cloudflare.magic.plugins.module_utils._plan import shown_otherwise
from ansible_collections.cloudflare.magic.plugins.module_utils._references import sole
from ansible_collections.cloudflare.magic.plugins.module_utils._steps import Changes, Step, label_of, objects_after
from ansible_collections.cloudflare.magic.plugins.module_utils._text import plural
from ansible_collections.cloudflare.magic.plugins.module_utils._tree import NewId, parts_of

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ansible_collections.cloudflare.magic.plugins.module_utils._calls import Account
    from ansible_collections.cloudflare.magic.plugins.module_utils._client import Client
    from ansible_collections.cloudflare.magic.plugins.module_utils._design import Item
    from ansible_collections.cloudflare.magic.plugins.module_utils._kind import Kind
    from ansible_collections.cloudflare.magic.plugins.module_utils._plan import Plan

    Json = dict[str, t.Any]


def read_parts(kind: Kind, options: Mapping[str, t.Any]) -> list[tuple[Kind, list[Item]]]:
    """Return the items of each list that a task sets.

    :raises MagicError: with all errors of these lists.
    """
    problems: list[str] = []
    given = [child for child in parts_of(kind) if options.get(child.in_path) is not None]
    found = [(child, read_list(child, child.in_path, options[child.in_path], problems)) for child in given]
    if problems:
        raise MagicError(" ".join(problems))
    return found


def _rivals(changes: Changes) -> list[str]:
    """Return the conflicts between entries of the lists: what only one of them can have."""
    problems = []
    first: dict[tuple[str, ...], str] = {}
    for step in (step for step in changes.steps if step.place):
        for what, value in sole(step.kind, step.after or {}):
            other = first.setdefault((step.kind.several, what, value), step.place)
            if other != step.place:
                problems.append(f"{step.place}: the {what} {value} is also used by {other}. Only one of them can use it: leave one of them out.")
    return problems


class Parts:
    """What a task changes of what belongs to its object. It is decided before anything is written.

    :ivar planned: the plan for the object.
    :ivar there: the objects of its kind.
    :ivar steps: what changes.
    :raises MagicError: if that is not possible.
    """

    def __init__(self, kind: Kind, account: Account, planned: Plan, there: Sequence[Json], options: Mapping[str, t.Any]) -> None:
        self.kind, self.planned, self.there, self._account = kind, planned, there, account
        self._answers: dict[int, Json | None] = {}
        actual = next((item for item in there if item.get("id") == planned.object_id), None)
        self._parent = Step(kind, planned, actual, label_of(kind, planned.result or {}))
        self._children: tuple[Kind, ...] = ()
        changes = Changes()
        if planned.method == "DELETE" and actual is not None and kind.inside:
            changes.steps += deletions_inside(kind, account, actual, self._parent.label)
            self._children = parts_of(kind)
        elif options["state"] == "present":
            lists = read_parts(kind, options)
            self._children = tuple(child for child, dummy in lists)
            for child, items in lists:
                work_inside(child, account, self._parent, items, changes)
        changes.problems += _rivals(changes)
        if changes.problems:
            raise MagicError(" ".join([*changes.problems, "Nothing was changed."]))
        self._changes = changes
        self.steps = [step for step in changes.steps if step.planned.method]

    @property
    def _parent_id(self) -> str:
        return self._parent.token if self._parent.actual is None else str(self._parent.actual["id"])

    def diff(self) -> tuple[Json, Json]:
        """Return the lists that change, before and after, with names."""
        before: Json = {}
        after: Json = {}
        for child in [child for child in self._children if any(step.kind is child for step in self.steps)]:
            now = [] if self._parent.actual is None else self._account.of(child, self._parent_id)
            before[child.in_path] = self._named(child, now)
            if self.planned.method != "DELETE":
                after[child.in_path] = self._named(child, objects_after(self._account, self._changes, child, self._parent_id))
        return before, after

    def _named(self, child: Kind, items: Sequence[Json]) -> list[Json]:
        look_up = partial(objects_after, self._account, self._changes)
        unclear = child.source
        found = [named_item(child, item, look_up) if unclear is None or unclear.is_shown(item) else {child.id_option: item["id"]} for item in items]
        return sorted(found, key=lambda item: [str(item.get(name, "")) for name in (*child.finders, child.id_option)])

    def carry_out(self, client: Client, parent_id: str) -> None:
        """Write what changes: new ones with one request, then deletions.

        :raises MagicError: if that failed; the text describes the state of the object.
        """
        for child in self._children:
            new = [step for step in self.steps if step.kind is child and step.action == "create"]
            gone = [step for step in self.steps if step.kind is child and step.action == "delete"]
            for several in [new, *([step] for step in gone)] if new else [[step] for step in gone]:
                self._write(client, child, several, parent_id)

    def _write(self, client: Client, child: Kind, steps: Sequence[Step], parent_id: str) -> None:
        there = {item["id"] for item in self._account.of(child, parent_id)} if self._parent.actual is not None else set()
        try:
            answers = write_several(child, client, [step.planned for step in steps], there, None, parent_id)
        except MagicError as error:
            state = f"The {plural(child.noun)} of the {self.kind.noun} '{self._parent.label}' are not complete."
            if error.reached != UNKNOWN and not self._answers and self.planned.method in (None, "DELETE"):
                raise
            repair = "Run the task again: it reads the current state and completes the remaining changes."
            found = error.explained(f"{str(error).rstrip('.')}. {state} {repair}")
            # What came before is done.
            found.reached = UNKNOWN if error.reached == REFUSED else error.reached
            raise found from None
        self._answers.update({id(step): answer for step, answer in zip(steps, answers)})

    def warnings(self) -> list[str]:
        """Return warnings about answers that users may not expect."""
        answered = [(step, answer) for step in self.steps for answer in [self._answers.get(id(step))] if answer is not None]
        return [f"{step.where}: {text}" for step, answer in answered for text in shown_otherwise(step.kind, step.planned, answer, False)]

    def shown(self) -> Json:
        """Return the lists as they are now, as they were before the deletion of the object, or, in check mode, as they would be."""
        found: Json = {}
        for child in self._children:
            if self.planned.method == "DELETE":
                items = self._account.of(child, self._parent_id)
            else:
                items = objects_after(self._account, self._changes, child, self._parent_id)
                answers = {step.token: self._answers.get(id(step)) for step in self.steps}
                items = [answers.get(item["id"]) or item for item in items]
            found[child.in_path] = [{name: value for name, value in normal(child, item).items() if not isinstance(value, NewId)} for item in items]
        return found

    def foreseen(self, account: str, parent_id: str) -> list[Foreseen]:
        """Return what later tasks in check mode have to know."""
        found = []
        for step in self.steps:
            is_new = step.action == "create"
            object_id = foreseen_id(step.kind, step.label) if is_new else str((step.actual or {})["id"])
            item = {**(step.after or {}), "id": object_id} if is_new else None
            found.append(Foreseen(account, step.kind.several, parent_id, object_id, item, is_new or object_id in self._account.foreseen_ids))
        return found


def with_parts(parts: Parts, client: Client, then: Sequence[Foreseen], foreseen: list[Foreseen] | None) -> Json:
    """Carry out the plan for an object, and what a task changes of what belongs to it; return the result of the module.

    :arg then: in check mode, what later tasks have to know of the object.
    :arg foreseen: in check mode, what the tasks would have written.
    """
    kind, planned = parts.kind, parts.planned
    before, after = parts.diff()
    result: Json = {
        "changed": planned.method is not None or bool(parts.steps),
        "diff": {"before": {**planned.before, **before}, "after": {**planned.after, **after}},
    }
    shown, answer, object_id = planned.result, None, str(planned.object_id)
    if foreseen is not None and result["changed"]:
        result["validated"] = False
        shown = then[0].item if planned.method == "POST" else shown
        foreseen += [*then, *parts.foreseen(account_of(client), then[0].object_id if planned.method == "POST" else object_id)]
    elif foreseen is None:
        if planned.method == "DELETE":
            parts.carry_out(client, object_id)
        if planned.method is not None:
            answer = carry_out(kind, client, planned, {}, {str(item.get("id")) for item in parts.there})
            shown = answer or shown
        if planned.method != "DELETE":
            parts.carry_out(client, str((answer or {"id": object_id})["id"]))
    warnings = [*planned.warnings, *parts.warnings()]
    if answer is not None:
        warnings += shown_otherwise(kind, planned, answer, False)
    if warnings:
        result["warnings"] = warnings
    return result if shown is None else {**result, kind.result: {**normal(kind, shown), **parts.shown()}}
