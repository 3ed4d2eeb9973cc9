# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible_collections.cloudflare.magic.plugins.module_utils import _apply, _design, _gather
from ansible_collections.cloudflare.magic.plugins.module_utils._calls import Account
from ansible_collections.cloudflare.magic.plugins.module_utils._fields import flat
from ansible_collections.cloudflare.magic.plugins.module_utils._steps import Rules, with_health_checks
from ansible_collections.cloudflare.magic.plugins.module_utils._tree import USUAL, children_of, displayed
from ansible_collections.cloudflare.magic.plugins.plugin_utils import _core
from ansible_collections.cloudflare.magic.plugins.plugin_utils._action import ClientAction
from ansible_collections.cloudflare.magic.plugins.plugin_utils._design_yaml import as_yaml
from ansible_collections.cloudflare.magic.plugins.plugin_utils._run_notes import alone_with, foresight, forget_foreseen

if t.TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from ansible_collections.cloudflare.magic.plugins.module_utils._calls import Foreseen
    from ansible_collections.cloudflare.magic.plugins.module_utils._client import Client
    from ansible_collections.cloudflare.magic.plugins.module_utils._steps import Step

    Json = dict[str, t.Any]

_MOST_REASONS = 10


class ActionModule(ClientAction):
    """Runs ``cloudflare.magic.network``."""

    MODULE = "cloudflare.magic.network"
    OPTIONS = _design.OPTIONS
    LARGE = ("config",)
    check = staticmethod(_design.check_options)

    def work(self, client: Client) -> dict[str, t.Any]:
        # An object may quote the license key of a connector that was read after it.
        return displayed(client.without_quotes(self._result(client)))

    def _result(self, client: Client) -> Json:
        options, before = self.options, client.sent
        keep = tuple(word.strip() for word in options["keep"] or ())
        if options["state"] == "gathered":
            kinds = USUAL if options["config"] is None else _design.kinds_of(options["config"])
            account = Account(client)
            read: Json = {"changed": False, "gathered": _gather.gather(kinds, account, keep)}
            warnings = [text for kind in kinds if children_of(kind) for text in _gather.unclear(account.of(kind), kind, account)]
            if options["keep"] is None:
                found, more = _gather.of_connectors(kinds, account)
                read.update({"keep_candidates": found} if more else {})
                warnings += more
            return {**read, **({"warnings": warnings} if warnings else {}), "requests": client.sent - before}
        rules = Rules(options["state"], keep, options["max_deletions"], options["keep"] is not None, self._task.check_mode)
        design = _design.read_design(options["config"])
        with alone_with(() if self._task.check_mode else design.kinds, client), self.foresight() as foreseen:
            result = self._applied(client, design, rules, before, foreseen)
        if result["changed"] and not self._task.check_mode:
            forget_foreseen(design.kinds, client)
        return result

    def foresight(self) -> AbstractContextManager[list[Foreseen]]:
        """Provide what the earlier tasks of this run would have written in check mode.

        A task with ``check_mode`` in another run is a plan, which says the same each time.
        """
        return foresight(self._task.check_mode and _core.is_check_run())

    def _applied(self, client: Client, design: _design.Design, rules: Rules, before: int, foreseen: list[Foreseen]) -> Json:
        options = self.options
        network = _apply.Network(client, design, rules, options["batch_size"], self._task.check_mode, self.notice, foreseen)
        network.decide()
        steps = [network.order.steps[number] for request in network.order.requests for number in request]
        there = _gather.as_design(design.kinds, network.account)
        unchanged = [step for step in network.changes.steps if not step.action]
        network.carry_out()
        result: Json = {
            "changed": bool(steps),
            "before": there,
            "after": network.after() if steps else there,
            "changes": [_change(step) for step in steps],
            "tunnels": with_health_checks(network.changes),
            "requests": client.sent - before,
            "warnings": network.warnings(),
        }
        if self._task.check_mode:
            result["not_validated"] = {
                step.where: network.outcomes[step.key].reason for step in steps if network.outcomes[step.key].result == _apply.NOT_VALIDATED
            }
        if self._task.diff:
            result["diff"] = _diff(steps)
        trouble = _trouble(network, steps, unchanged)
        foreseen += network.foretold() if self._task.check_mode and not trouble else []
        return {**result, **trouble}


def _change(step: Step) -> Json:
    """Return what happens to an object, in the form of the result."""
    before, after = _as_item(step, step.actual), _as_item(step, step.after)
    if step.action == "update":
        before, after = step.planned.before, step.planned.after
    was, then = flat(before), flat(after)
    fields = {
        name: {**({"before": was[name]} if name in was else {}), **({"after": then[name]} if name in then else {})} for name in dict.fromkeys([*was, *then])
    }
    return {"kind": step.kind.in_design, "name": step.label, "action": step.action, "fields": fields}


def _as_item(step: Step, item: Json | None) -> Json:
    return {} if item is None else _design.as_item(step.kind, item)


def _diff(steps: list[Step]) -> Json:
    """Return the changes in the form of a design."""
    before: Json = {}
    after: Json = {}
    for step in steps:
        for side, item in ((before, step.actual), (after, step.after)):
            if item is not None and step.kind.is_one and step.kind.parent is None:
                side[step.kind.in_design] = _as_item(step, item)
            elif item is not None:
                # Two sites can have a LAN of the same name.
                whose = {} if step.kind.parent is None else {step.kind.parent.result: step.above}
                side.setdefault(step.kind.in_design, []).append({**whose, **_as_item(step, item)})
    return {"before": as_yaml(displayed(before)), "after": as_yaml(displayed(after)), "before_header": "the account", "after_header": "the design"}


def _trouble(network: _apply.Network, steps: list[Step], unchanged: list[Step]) -> Json:
    """Return the part of the result about a failure; nothing if there was none."""
    counts = dict.fromkeys((_apply.APPLIED, _apply.VALIDATED, _apply.FAILED, _apply.IN_DOUBT, _apply.SKIPPED), 0)
    for step in steps:
        word = network.outcomes[step.key].result
        counts[word] = counts.get(word, 0) + 1
    if not counts[_apply.FAILED] + counts[_apply.IN_DOUBT] + counts[_apply.SKIPPED]:
        return {}
    done = f"{counts[_apply.VALIDATED]} validated" if network.check_mode else f"{counts[_apply.APPLIED]} applied"
    parts = [f"Of {len(steps)} changes, {done}, {counts[_apply.FAILED]} failed, {counts[_apply.IN_DOUBT]} in doubt, {counts[_apply.SKIPPED]} skipped."]
    reasons = list(_reasons(network, steps))
    parts += reasons[:_MOST_REASONS]
    if len(reasons) > _MOST_REASONS:
        parts.append(f"And {len(reasons) - _MOST_REASONS} more, see outcomes.")
    parts.append(
        "Nothing was changed."
        if network.check_mode
        else "Run the task again after correcting this: it reads the current state and completes the remaining changes."
    )
    outcomes = [
        {"kind": step.kind.in_design, "name": step.label, "outcome": outcome.result, **({"reason": outcome.reason} if outcome.reason else {})}
        for step in steps
        for outcome in [network.outcomes[step.key]]
    ]
    outcomes += [{"kind": step.kind.in_design, "name": step.label, "outcome": "unchanged"} for step in unchanged]
    changed = bool(counts[_apply.APPLIED] + counts[_apply.IN_DOUBT])
    return {"failed": True, "changed": changed, "msg": " ".join(parts), "outcomes": outcomes}


def _reasons(network: _apply.Network, steps: list[Step]) -> Iterator[str]:
    """Yield what went wrong, each with the object."""
    if network.stopped is not None:
        yield f"The run had to stop: {network.stopped}"
    for step in steps:
        outcome = network.outcomes[step.key]
        if outcome.result in (_apply.FAILED, _apply.IN_DOUBT):
            yield f"{step.where}: {outcome.reason}"
