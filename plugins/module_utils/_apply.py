# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Carries out a design: the requests in their order, what came of each object, and a second look where an answer was lost."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.cloudflare.magic.plugins.module_utils._calls import ASK, Account, write_several
from ansible_collections.cloudflare.magic.plugins.module_utils._design import as_items
from ansible_collections.cloudflare.magic.plugins.module_utils._errors import UNKNOWN, MagicError, is_hopeless, lacks_permission
from ansible_collections.cloudflare.magic.plugins.module_utils._halves import halves, send_in_parts
from ansible_collections.cloudflare.magic.plugins.module_utils._network import changes_of
from ansible_collections.cloudflare.magic.plugins.module_utils._order import ordered
from ansible_collections.cloudflare.magic.plugins.module_utils._plan import shown_otherwise
from ansible_collections.cloudflare.magic.plugins.module_utils._text import listing

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ansible_collections.cloudflare.magic.plugins.module_utils._client import Client
    from ansible_collections.cloudflare.magic.plugins.module_utils._design import Design
    from ansible_collections.cloudflare.magic.plugins.module_utils._kinds import Kind
    from ansible_collections.cloudflare.magic.plugins.module_utils._network import Changes, Rules, Step
    from ansible_collections.cloudflare.magic.plugins.module_utils._order import Ordered

    Json = dict[str, t.Any]
    Key = tuple[str, str]

# So many lost answers in a row are an outage, and not the fault of what was sent.
_OUTAGE = 3

_READ_ONLY = "The credential may only read, so Cloudflare could not be asked."

APPLIED, VALIDATED, NOT_VALIDATED, FAILED, SKIPPED, IN_DOUBT = "applied", "validated", "not_validated", "failed", "skipped", "unknown"


@dataclass
class Outcome:
    """What became of a step.

    :ivar result: one of the words above.
    :ivar reason: why, unless all went well.
    :ivar answer: the object as Cloudflare's answer has it, if it has one.
    """

    result: str
    reason: str = ""
    answer: Json | None = None


@dataclass
class Network:
    """A design, an account, and how far the one has got in the other.

    :ivar progress: called with a line after each of several requests.
    """

    client: Client
    design: Design
    rules: Rules
    batch_size: int
    check_mode: bool
    progress: Callable[[str], None]
    account: Account = field(init=False)
    changes: Changes = field(init=False)
    order: Ordered = field(init=False)
    outcomes: dict[Key, Outcome] = field(default_factory=dict)
    stopped: MagicError | None = None
    again: bool = False
    """Whether an answer was lost, and it was decided once more what is to be done."""
    _lost: int = 0
    # Whether Cloudflare has refused a POST of several as a whole, as if it did not know that.
    _one_by_one: bool = False
    # Whether the credential has turned out to be one that only reads: enough for a dry run, apart from what Cloudflare would have to check.
    _read_only: bool = False

    def decide(self) -> None:
        """Read the account, and decide what is to be done.

        :raises MagicError: if it cannot be read, or the design cannot be.
        """
        self.account = Account(self.client)
        self.changes = changes_of(self.design, self.account, self.rules)
        self.order = ordered(self.account, self.changes, self.batch_size)

    def carry_out(self) -> None:
        """Carry it out, or in check mode have it validated. Where an answer was lost, look again, and decide again, once."""
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
                self.outcomes[key].reason += f" And what there is now cannot be told: {error}"
            return
        self.again = True
        left = {step.key for step in self.order.steps}
        for key in doubtful - left:
            self.outcomes[key] = Outcome(APPLIED)
        # What was refused stays so; and nothing is deleted that this run did not mean to delete from the start.
        self.outcomes = {key: outcome for key, outcome in self.outcomes.items() if outcome.result in (APPLIED, FAILED)}
        for step in self.order.steps:
            if step.planned.method == "DELETE" and step.key not in known:
                self.outcomes[step.key] = Outcome(SKIPPED, "It was not there when this run began.")
        self.stopped = None
        self._send_all()

    def _send_all(self) -> None:
        for number, request in enumerate(self.order.requests):
            left = [index for index in request if self.order.steps[index].key not in self.outcomes]
            # What is not sent may prevent another one in the same request.
            while prevented := {index: outcome for index in left for outcome in [self._prevented(index, left)] if outcome is not None}:
                self.outcomes.update({self.order.steps[index].key: outcome for index, outcome in prevented.items()})
                left = [index for index in left if index not in prevented]
            steps = [self.order.steps[index] for index in left]
            if steps:
                self._send(steps)
                if len(self.order.requests) > 1:
                    done = sum(outcome.result in (APPLIED, VALIDATED) for outcome in self.outcomes.values())
                    word = "validated" if self.check_mode else "applied"
                    self.progress(f"{done} of {len(self.order.steps)} changes {word}, request {number + 1} of {len(self.order.requests)}")

    def _prevented(self, index: int, request: Sequence[int]) -> Outcome | None:
        """Return why a step is not sent, or None if it is.

        :arg request: the steps with which it is sent together.
        """
        step = self.order.steps[index]
        if self.stopped is not None:
            return Outcome(SKIPPED, f"The run had to stop: {self.stopped}")
        if self._read_only:
            return Outcome(NOT_VALIDATED, _READ_ONLY)
        for other_index in sorted(self.order.needs[index]):
            other = self.order.steps[other_index]
            outcome = self.outcomes.get(other.key)
            if outcome is None and other_index in request:
                continue
            if self.check_mode:
                return Outcome(NOT_VALIDATED, f"It needs what becomes of {other.where}, which is not so yet.")
            if outcome is None or outcome.result != APPLIED:
                return Outcome(SKIPPED, f"It needs {other.where}, which was not applied.")
        if step.planned.method == "DELETE":
            failed = [key for key, outcome in self.outcomes.items() if outcome.result not in (APPLIED, VALIDATED, NOT_VALIDATED)]
            if failed and not self.check_mode:
                return Outcome(SKIPPED, "Nothing is deleted after a failure.")
            if self.check_mode and not step.kind.validates_delete:
                return Outcome(NOT_VALIDATED, "Cloudflare does not document that it only validates this deletion.")
        return None

    def _send(self, steps: Sequence[Step]) -> None:
        """Send what belongs into one request, in parts if it is refused."""
        kind = steps[0].kind
        there = {item["id"] for item in self.account[kind.several]}

        def send(part: Sequence[Step]) -> None:
            if len(part) > 1 and part[0].planned.method == "POST" and self._one_by_one:
                raise MagicError("Cloudflare takes them one by one.", reached="refused")
            answers = write_several(kind, self.client, [step.planned for step in part], there, ASK if self.check_mode else None)
            self._lost = 0
            for step, answer in zip(part, answers):
                self.outcomes[step.key] = Outcome(VALIDATED if self.check_mode else APPLIED, answer=answer)

        try:
            send_in_parts(steps, send, self._failed)
        except MagicError as error:
            if self.check_mode and lacks_permission(error):
                self._read_only = True
                self.outcomes.update({step.key: Outcome(NOT_VALIDATED, _READ_ONLY) for step in steps})
                return
            self.stopped = error
            for step in steps:
                self.outcomes.setdefault(step.key, Outcome(SKIPPED, f"The run had to stop: {error}"))

    def _failed(self, error: MagicError, part: Sequence[Step]) -> Iterable[Sequence[Step]]:
        """Note what a request came to, and return the parts of it that are sent once more."""
        if error.reached == UNKNOWN:
            self._lost += 1
            for step in part:
                self.outcomes[step.key] = Outcome(IN_DOUBT, str(error))
            if self._lost >= _OUTAGE:
                raise error
            return []
        if error.failure is not None and is_hopeless(error):
            raise error
        if len(part) == 1:
            self.outcomes[part[0].key] = Outcome(FAILED, str(error))
            return []
        if part[0].planned.method != "POST":
            return halves(part)
        self._one_by_one = self._one_by_one or not _points_into(error, part[0].kind)
        return [[step] for step in part] if self._one_by_one else halves(part)

    # --- what came of it

    def warnings(self) -> list[str]:
        """Return what is otherwise than a user may think."""
        found = list(self.changes.warnings)
        if self._read_only:
            found.append(f"{_READ_ONLY} The plan is complete, but to carry it out, the credential needs the permission to write.")
        without_key = []
        for step in self.order.steps:
            outcome = self.outcomes.get(step.key)
            if outcome is None or outcome.result not in (APPLIED, VALIDATED) or step.planned.method == "DELETE":
                continue
            if outcome.answer is not None:
                found += [f"{step.where}: {warning}" for warning in shown_otherwise(step.kind, step.planned, outcome.answer, self.check_mode)]
            if step.kind.has_psk and step.planned.method == "POST":
                without_key.append(step.label)
        if without_key:
            found.append(
                f"New tunnels have no pre-shared key, and work only with one: {listing(without_key)}. Create the keys with cloudflare.magic.ipsec_psks, "
                "which also tells you when a tunnel has none."
            )
        return found

    def after(self) -> dict[str, list[Json]]:
        """Return the kinds of the design as items, as they are or in check mode would be."""
        found = {}
        for kind in self.design.kinds:
            objects = {item["id"]: item for item in self.account[kind.several]}
            new = []
            for step in self.order.steps:
                outcome = self.outcomes.get(step.key)
                if step.kind is not kind or (not self.check_mode and (outcome is None or outcome.result != APPLIED)):
                    continue
                then = step.after if outcome is None or outcome.answer is None or self.check_mode else outcome.answer
                if step.actual is not None:
                    objects.pop(step.actual["id"], None)
                if then is not None:
                    new.append({"id": "", **then})
            found[kind.results] = as_items(kind, [*objects.values(), *new])
        return found


def before(kinds: Sequence[Kind], account: Account) -> dict[str, list[Json]]:
    """Return kinds of an account as a design has them."""
    return {kind.results: as_items(kind, account[kind.several]) for kind in kinds}


def _points_into(error: MagicError, kind: Kind) -> bool:
    """Tell whether an error is about one of the objects in a request, and not about the request as a whole."""
    errors = (error.failure or {}).get("errors", [])
    return any(str(entry.get("source", {}).get("pointer", "")).startswith(f"/{kind.several}/") for entry in errors)
