# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Applies a design: sends the requests in order, records the outcome of each object, and reads the account again if a response was lost."""

from __future__ import annotations

import re
import typing as t
from collections import defaultdict
from dataclasses import dataclass, field, replace

from ansible_collections.cloudflare.magic.plugins.module_utils._calls import ASK, Account, Foreseen, account_of, foreseen_of, write_several
from ansible_collections.cloudflare.magic.plugins.module_utils._errors import REFUSED, UNKNOWN, MagicError, is_hopeless, lacks_permission
from ansible_collections.cloudflare.magic.plugins.module_utils._gather import as_design
from ansible_collections.cloudflare.magic.plugins.module_utils._halves import halves, send_in_parts
from ansible_collections.cloudflare.magic.plugins.module_utils._network import changes_of
from ansible_collections.cloudflare.magic.plugins.module_utils._order import ordered
from ansible_collections.cloudflare.magic.plugins.module_utils._plan import shown_otherwise
from ansible_collections.cloudflare.magic.plugins.module_utils._references import references
from ansible_collections.cloudflare.magic.plugins.module_utils._steps import label_of
from ansible_collections.cloudflare.magic.plugins.module_utils._text import listing
from ansible_collections.cloudflare.magic.plugins.module_utils._tree import NewId, key_of

if t.TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Mapping, Sequence

    from ansible_collections.cloudflare.magic.plugins.module_utils._client import Client
    from ansible_collections.cloudflare.magic.plugins.module_utils._design import Design
    from ansible_collections.cloudflare.magic.plugins.module_utils._kind import Kind
    from ansible_collections.cloudflare.magic.plugins.module_utils._order import Ordered
    from ansible_collections.cloudflare.magic.plugins.module_utils._plan import Plan
    from ansible_collections.cloudflare.magic.plugins.module_utils._steps import Changes, Rules, Step

    Json = dict[str, t.Any]
    Key = tuple[str, str]

# This many lost responses in a row are an outage, not a problem of the request.
_OUTAGE = 3

_CANNOT = "Cloudflare's API cannot validate this, so only the collection has checked it."

_READ_ONLY = "The credential is read-only, so Cloudflare could not validate this."

# Report the progress of many requests at some of them.
_MOST_LINES = 20

APPLIED, VALIDATED, NOT_VALIDATED, FAILED, SKIPPED, IN_DOUBT = "applied", "validated", "not_validated", "failed", "skipped", "unknown"


@dataclass
class Outcome:
    """The outcome of a step.

    :ivar result: one of the words above.
    :ivar reason: why, unless all went well.
    :ivar answer: the object as Cloudflare's response has it, if it has one.
    :ivar sent: the plan of the request that this is the response to.
    """

    result: str
    reason: str = ""
    answer: Json | None = None
    sent: Plan | None = None


@dataclass
class Network:
    """A design, an account, and the progress of applying the design.

    :ivar progress: called with a line after each of several requests.
    """

    client: Client
    design: Design
    rules: Rules
    batch_size: int
    check_mode: bool
    progress: Callable[[str], None]
    foreseen: Sequence[Foreseen] = ()
    """What earlier tasks would have written in check mode."""
    account: Account = field(init=False)
    changes: Changes = field(init=False)
    order: Ordered = field(init=False)
    outcomes: dict[Key, Outcome] = field(default_factory=dict)
    stopped: MagicError | None = None
    again: bool = False
    """Whether a response was lost and the plan was computed again."""
    steps: dict[Key, Step] = field(default_factory=dict)
    """All that this run does, by their keys."""
    _created: set[str] = field(default_factory=set)
    # The ids of new objects, by the tokens that stand for them.
    _ids: dict[str, str] = field(default_factory=dict)
    # The steps of the request that is being sent, in parts perhaps.
    _sending: set[int] = field(default_factory=set)
    # Objects that were created during the run and are not in the design.
    _late: dict[Key, Step] = field(default_factory=dict)
    _lost: int = 0
    # Whether Cloudflare rejected a POST of several objects as a whole, as if it did not support that.
    _one_by_one: bool = False
    # Whether the credential is read-only: enough for a dry run, except for what Cloudflare must validate.
    _read_only: bool = False

    def decide(self) -> None:
        """Read the account and compute the plan.

        :raises MagicError: if it cannot be read, or the design cannot be.
        """
        self.account = Account(self.client, self.foreseen)
        self.changes = changes_of(self.design, self.account, self.rules)
        self.order = ordered(self.account, self.changes, self.batch_size)
        # The first plan defines what this run does.
        self.steps = {**{step.key: step for step in self.order.steps}, **self.steps}

    def carry_out(self) -> None:
        """Apply the plan, or in check mode have it validated. If a response was lost, read the account and compute the plan again, once."""
        self._send_all()
        doubtful = {key for key, outcome in self.outcomes.items() if outcome.result == IN_DOUBT}
        if not doubtful or self.check_mode:
            return
        first = self.account, self.changes, self.order
        known = set(self.outcomes)
        try:
            self.decide()
        except MagicError as error:
            self.account, self.changes, self.order = first
            for key in doubtful:
                self.outcomes[key].reason += f" The current state could not be read either: {error}"
            return
        self.again = True
        # Rejected steps stay rejected; an object that no longer needs a step is as desired.
        self.outcomes = {key: outcome for key, outcome in self.outcomes.items() if outcome.result in (APPLIED, FAILED)}
        for key in known - {step.key for step in self.order.steps}:
            self.outcomes.setdefault(key, Outcome(APPLIED))
        # Only what the first plan deletes is deleted.
        self._late = {step.key: step for step in self.order.steps if step.planned.method == "DELETE" and step.key not in known}
        self.stopped = None
        self._send_all()

    def _send_all(self) -> None:
        for number, request in enumerate(self.order.requests):
            left = [index for index in request for key in [self.order.steps[index].key] if key not in self.outcomes and key not in self._late]
            safe = self.check_mode or all(outcome.result == APPLIED for outcome in self.outcomes.values())
            # What is not sent may prevent another one in the same request.
            while prevented := {index: outcome for index in left for outcome in [self._prevented(index, left, safe)] if outcome is not None}:
                self.outcomes.update({self.order.steps[index].key: outcome for index, outcome in prevented.items()})
                left = [index for index in left if index not in prevented]
            if left:
                self._send(left)
                total = len(self.order.requests)
                if total > 1 and ((number + 1) % -(-total // _MOST_LINES) == 0 or number + 1 == total):
                    done = sum(outcome.result in (APPLIED, VALIDATED) for outcome in self.outcomes.values())
                    word = "validated" if self.check_mode else "applied"
                    self.progress(f"{done} of {len(self.order.steps)} changes {word}, request {number + 1} of {total}")

    def _prevented(self, index: int, request: Container[int], safe: bool) -> Outcome | None:
        """Return why a step is not sent, or None if it is.

        :arg request: the steps with which it is sent together.
        :arg safe: whether nothing has failed, so that something can be deleted.
        """
        step = self.order.steps[index]
        if self.stopped is not None:
            return Outcome(SKIPPED, f"The run had to stop: {self.stopped}")
        if self._read_only:
            return Outcome(NOT_VALIDATED, _READ_ONLY)
        if self.check_mode and not step.kind.validates:
            return Outcome(NOT_VALIDATED, _CANNOT)
        if any(object_id in self.account.foreseen_ids for dummy, object_id in references(step.kind.fields, step.planned.result or {})):
            return Outcome(NOT_VALIDATED, "It refers to an object that an earlier task would create, which has not been done yet.")
        if (outcome := self._lacking(index, request)) is not None:
            return outcome
        if step.planned.method == "DELETE" and not safe:
            return Outcome(SKIPPED, "Nothing is deleted after a failure.")
        if step.planned.method == "DELETE" and self.check_mode and not step.kind.validates_delete:
            return Outcome(NOT_VALIDATED, "Cloudflare does not document a way to validate this deletion without carrying it out.")
        return None

    def _lacking(self, index: int, request: Container[int]) -> Outcome | None:
        """Return the outcome of a step that depends on another one which is neither applied nor in the same request; None if there is no such step."""
        for other_index in sorted(self.order.needs[index]):
            other = self.order.steps[other_index]
            outcome = self.outcomes.get(other.key)
            if outcome is None and other_index in request:
                continue
            if self.check_mode:
                return Outcome(NOT_VALIDATED, f"It depends on the change of {other.where}, which has not been made yet.")
            if outcome is None or outcome.result != APPLIED:
                return Outcome(SKIPPED, f"It depends on {other.where}, which was not applied.")
        return None

    def _send(self, numbers: Sequence[int]) -> None:
        """Send the steps of one request, in parts if it is rejected. Steps of one unit are never divided."""
        units: dict[int, list[int]] = {}
        for number in numbers:
            units.setdefault(self.order.unit[number], []).append(number)
        kind, parent_id = self.order.steps[numbers[0]].kind, self._with_ids(self.order.steps[numbers[0]].parent_id)
        known = [] if parent_id in self._created else self.account[key_of(kind, parent_id)]
        there = {item["id"] for item in known if "id" in item} | self._created

        def send(part: Sequence[list[int]]) -> None:
            steps = self._steps_of(part)
            if len(steps) > 1 and steps[0].planned.method == "POST" and self._one_by_one:
                raise MagicError("Cloudflare accepts them only one at a time.", reached=REFUSED)
            plans = [self._planned(step) for step in steps]
            answers = write_several(kind, self.client, plans, there, ASK if self.check_mode else None, parent_id)
            self._lost = 0
            for step, planned, answer in zip(steps, plans, answers):
                self.outcomes[step.key] = Outcome(VALIDATED if self.check_mode else APPLIED, answer=answer, sent=planned)
                if answer is not None and step.planned.method == "POST" and not kind.is_one:
                    there.add(answer["id"])
                    self._created.add(answer["id"])
                    self._ids[step.token] = answer["id"]

        try:
            self._sending = set(numbers)
            send_in_parts(list(units.values()), send, self._failed)
        except MagicError as error:
            if self.check_mode and lacks_permission(error):
                self._read_only = True
                self.outcomes.update({self.order.steps[number].key: Outcome(NOT_VALIDATED, _READ_ONLY) for number in numbers})
                return
            self.stopped = error
            for number in numbers:
                self.outcomes.setdefault(self.order.steps[number].key, Outcome(SKIPPED, f"The run had to stop: {error}"))

    def _planned(self, step: Step) -> Plan:
        """Return the request of a step, with the ids that new objects have by now."""
        if not self._ids:
            return step.planned
        planned = step.planned
        return replace(planned, body=self._with_ids(planned.body), desired=self._with_ids(planned.desired), result=self._with_ids(planned.result))

    def _with_ids(self, value: t.Any) -> t.Any:
        return _with_ids(value, self._ids)

    def _steps_of(self, part: Iterable[list[int]]) -> list[Step]:
        return [self.order.steps[number] for unit in part for number in unit]

    def _failed(self, error: MagicError, part: Sequence[list[int]]) -> Iterable[Sequence[list[int]]]:
        """Record the outcome of a request, and return the parts of it to send again."""
        steps = self._steps_of(part)
        several = len(steps) > 1 and steps[0].planned.method == "POST"
        if error.reached == UNKNOWN:
            self._lost += 1
            # An answer of another form than that to several.
            self._one_by_one = self._one_by_one or (several and error.failure is None)
            for step in steps:
                self.outcomes[step.key] = Outcome(IN_DOUBT, str(error))
            if self._lost >= _OUTAGE:
                raise error
            return []
        if error.failure is not None and is_hopeless(error):
            raise error
        if len(part) == 1:
            return self._refused(error, part[0])
        self._one_by_one = self._one_by_one or (several and not _points_into(error, steps[0].kind))
        return [[unit] for unit in part] if several and self._one_by_one else halves(part)

    def _refused(self, error: MagicError, unit: list[int]) -> Iterable[Sequence[list[int]]]:
        """Record that a unit was rejected by itself, unless it waits for another part of the same request."""
        needs = {other for number in unit for other in self.order.needs[number]} - set(unit)
        if not self.check_mode and any(self.order.steps[other].key not in self.outcomes for other in needs & self._sending):
            return [[unit]]
        lacking = next((found for found in (self._lacking(number, unit) for number in unit) if found is not None), None)
        for step in self._steps_of([unit]):
            self.outcomes[step.key] = lacking or Outcome(FAILED, str(error))
        return []

    # --- the outcome

    def warnings(self) -> list[str]:
        """Return warnings about what users may not expect."""
        found = list(self.changes.warnings)
        if self._read_only:
            found.append(f"{_READ_ONLY} The plan is complete, but the credential needs write permission to apply it.")
        if self._late:
            what = listing(step.where for step in self._late.values())
            found.append(f"During this run, other objects were created outside the design. They were not changed: {what}.")
        without_key = []
        for step in self.steps.values():
            outcome = self.outcomes.get(step.key)
            if outcome is None or outcome.result not in (APPLIED, VALIDATED) or step.planned.method == "DELETE":
                continue
            if outcome.answer is not None and outcome.sent is not None:
                # After a lost response, that is another one than in the first plan: it has the ids of objects which that did not know.
                found += [f"{step.where}: {warning}" for warning in shown_otherwise(step.kind, outcome.sent, outcome.answer, self.check_mode)]
            if step.kind.has_psk and step.planned.method == "POST":
                without_key.append(step.label)
        if without_key:
            found.append(
                f"New tunnels have no pre-shared key (PSK) and do not work without one: {listing(without_key)}. Create the keys with "
                "cloudflare.magic.ipsec_psks, "
                "which also tells you when a tunnel has none."
            )
        return found

    def after(self) -> Json:
        """Return the kinds of the design as items, as they are or in check mode would be."""
        then = _Then(self.account, [step for step in self.order.steps if self.check_mode or self._is_applied(step)], self.outcomes, self.check_mode)
        return as_design(self.design.kinds, then)

    def foretold(self) -> list[Foreseen]:
        """Return what later tasks in check mode have to know of this one."""
        whose = account_of(self.client)
        ids: dict[str, str] = {}
        found: list[Foreseen] = []
        # An object comes after those that it refers to.
        for step in (step for step in self.changes.steps if step.planned.method):
            planned, parent_id = replace(step.planned, result=_with_ids(step.planned.result, ids)), _with_ids(step.parent_id, ids)
            then = foreseen_of(step.kind, planned, label_of(step.kind, planned.result or {}), self.account, whose, parent_id)
            if then and step.actual is None:
                ids[step.token] = then[0].object_id
            found += then
        return found

    def _is_applied(self, step: Step) -> bool:
        outcome = self.outcomes.get(step.key)
        return outcome is not None and outcome.result == APPLIED


@dataclass
class _Then:
    """An account once steps are carried out.

    :ivar steps: what is carried out.
    """

    account: Account
    steps: list[Step]
    outcomes: dict[Key, Outcome]
    check_mode: bool
    # With thousands of objects, searching all steps more than once would be slow.
    _own: dict[tuple[str, str | None], list[Step]] = field(init=False)
    _created: set[tuple[str, str | None]] = field(init=False)
    _objects: dict[tuple[str, str | None], list[Json]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        new = [step for step in self.steps if step.actual is None]
        ids: dict[str, str] = {step.token: self._answer(step).get("id", step.token) for step in new if step.place}
        self._created = {(step.kind.several, object_id) for step in new for object_id in (step.token, self._answer(step).get("id"))}
        self._own = defaultdict(list)
        for step in self.steps:
            self._own[step.kind.several, ids.get(str(step.parent_id), step.parent_id)].append(step)

    def is_read(self, kind: Kind, parent_id: str | None = None) -> bool:
        """Return whether the objects are known; see ``Account``."""
        return self.account.is_read(kind, parent_id) or (kind.several, parent_id) in self._own

    def of(self, kind: Kind, parent_id: str | None = None) -> list[Json]:
        """Return the objects of a kind, or of one parent."""
        if (kind.several, parent_id) not in self._objects:
            self._objects[kind.several, parent_id] = self._look(kind, parent_id)
        return self._objects[kind.several, parent_id]

    def _look(self, kind: Kind, parent_id: str | None) -> list[Json]:
        created = kind.parent is not None and (kind.parent.several, parent_id) in self._created
        objects = {item.get("id"): item for item in ([] if created else self.account.of(kind, parent_id))}
        new = []
        for step in self._own.get((kind.several, parent_id), ()):
            outcome = self.outcomes.get(step.key)
            then = step.after if outcome is None or outcome.answer is None or self.check_mode else outcome.answer
            if step.actual is not None:
                objects.pop(None if kind.is_one else step.actual["id"], None)
            if then is not None:
                new.append({"id": step.token if step.place else "", **then})
        return [*objects.values(), *new]

    def _answer(self, step: Step) -> Json:
        outcome = self.outcomes.get(step.key)
        return {} if self.check_mode or outcome is None else outcome.answer or {}


def _with_ids(value: t.Any, ids: Mapping[str, str]) -> t.Any:
    """Return a JSON value with ids in place of what stands for them."""
    if isinstance(value, NewId):
        return ids.get(value, value)
    if isinstance(value, dict):
        return {name: _with_ids(item, ids) for name, item in value.items()}
    return [_with_ids(item, ids) for item in value] if isinstance(value, list) else value


def _points_into(error: MagicError, kind: Kind) -> bool:
    """Return whether an error is about one of the objects in a request, and not about the request as a whole."""
    errors = (error.failure or {}).get("errors", [])
    start = re.compile("/[0-9]+(/|$)" if kind.listed else f"/{kind.several}/")
    return any(start.match(str(entry.get("source", {}).get("pointer", ""))) for entry in errors)
