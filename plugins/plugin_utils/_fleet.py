# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Keys for many tunnels: which ones, in which batches, and what to do if one fails.

The keys are generated here, on the controller, so that each can be saved before it is sent, and sent again as it is.
"""

from __future__ import annotations

import typing as t
from collections import defaultdict
from dataclasses import dataclass, field

from ansible_collections.cloudflare.magic.plugins.module_utils._errors import UNKNOWN, MagicError, is_hopeless
from ansible_collections.cloudflare.magic.plugins.module_utils._halves import halves, send_in_parts
from ansible_collections.cloudflare.magic.plugins.module_utils._policy import Policy, check_key
from ansible_collections.cloudflare.magic.plugins.module_utils._psk import find_tunnel, make_key
from ansible_collections.cloudflare.magic.plugins.module_utils._selection import Selection
from ansible_collections.cloudflare.magic.plugins.module_utils._text import listing
from ansible_collections.cloudflare.magic.plugins.module_utils._times import age, from_future, last_generated_on, parse_timestamp, same_moment
from ansible_collections.cloudflare.magic.plugins.plugin_utils._vault_text import PSKS, is_interrupted, not_in_force, updated

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from ansible_collections.cloudflare.magic.plugins.module_utils._psk import Applied
    from ansible_collections.cloudflare.magic.plugins.plugin_utils._vault_file import VaultFile

# This many 5xx responses in a row are an outage of the server, not a problem of one tunnel.
_OUTAGE = 6


class Api(t.Protocol):
    """The functions of Cloudflare that a fleet needs."""

    def list_tunnels(self) -> list[dict[str, t.Any]]:
        """Return all IPsec tunnels of the account."""

    def set_keys(self, keys: Mapping[str, str]) -> Applied:
        """Set keys by tunnel id; in check mode, only have them validated."""

    def now(self) -> datetime:
        """Return the time by Cloudflare's clock."""


def supplied(tunnels: list[dict[str, t.Any]], psks: Mapping[t.Any, str]) -> tuple[dict[str, str], list[str]]:
    """Return the user's keys by tunnel id, and warnings.

    :raises MagicError: if a name or id is unknown, or two of them mean the same tunnel.
    """
    known = {tunnel["id"]: tunnel for tunnel in tunnels}
    keys: dict[str, str] = {}
    owners: dict[str, list[str]] = defaultdict(list)
    names = {tunnel.get("name") for tunnel in tunnels}
    for number, (written, key) in enumerate(psks.items(), 1):
        name = str(written)  # YAML may have read a number
        if name not in known and name not in names:
            # It may be a key that was written instead of the name.
            exist = listing(str(existing) for existing in names) or "none"
            raise MagicError(
                f"psks: the text before the colon in entry {number} is neither the name nor the id of an IPsec tunnel. It is not shown, because it may "
                f"be a key. Write the tunnel first and its key after the colon. These tunnels exist: {exist}."
            )
        try:
            tunnel = known.get(name) or find_tunnel(tunnels, name)
        except MagicError as error:
            raise MagicError(f"psks: {error}") from None
        if tunnel["id"] in keys:
            raise MagicError(f"psks: '{tunnel.get('name')}' is given twice, by its name and by its id. Leave one out.")
        keys[tunnel["id"]] = key
        owners[key].append(str(tunnel.get("name")))
    shared = [listing(sharers) for sharers in owners.values() if len(sharers) > 1]
    return keys, [f"psks: the tunnels {sharers} share one key. Anyone who knows it can impersonate each of them." for sharers in shared]


@dataclass
class Report:
    """The results so far; always up to date, so that a failure in the middle loses nothing."""

    total: int = 0
    keys: dict[str, str] = field(default_factory=dict)
    applied: dict[str, str | None] = field(default_factory=dict)
    unapplied: dict[str, str] = field(default_factory=dict)
    staged: bool = False
    doubtful: set[str] = field(default_factory=set)
    outage: int = 0

    def take(self, answer: Applied, tunnel_ids: Sequence[str], new_doubts: set[str], check_mode: bool) -> None:
        """Record a response about these tunnels.

        :arg new_doubts: the tunnels that were not in doubt before the request.
        """
        self.outage = 0
        self.applied.update(answer.applied)
        self.unapplied.update(answer.unapplied)
        self.doubtful -= {*answer.applied, *(() if answer.repeated else new_doubts & set(answer.unapplied))}
        for tunnel_id in set(tunnel_ids) - set(answer.applied) - set(answer.unapplied):
            if check_mode:
                self.applied[tunnel_id] = None
            else:
                self.unapplied[tunnel_id] = "Cloudflare's response does not mention this tunnel"


def _send(api: Api, batch: Mapping[str, str], check_mode: bool, report: Report) -> None:
    """Set a batch of keys. If it fails as a whole, send it once more, then in halves, to find the tunnel that causes the failure.

    :raises MagicError: if that cannot help.
    """
    new_doubts: set[str] = set()
    again = True

    def send(tunnel_ids: Sequence[str]) -> None:
        # In doubt from here on, however this ends. A rejection ends only the doubt of this request; that of an earlier one ends with a confirmation.
        nonlocal new_doubts
        new_doubts = set(tunnel_ids) - report.doubtful
        report.doubtful.update(tunnel_ids)
        report.take(api.set_keys({tunnel_id: batch[tunnel_id] for tunnel_id in tunnel_ids}), tunnel_ids, new_doubts, check_mode)

    def failed(error: MagicError, tunnel_ids: Sequence[str]) -> Iterable[Sequence[str]]:
        nonlocal again
        hopeless = _hopeless(error, report)
        # A run that has to stop keeps its keys as pending, which is safe; a check has none.
        if error.reached != UNKNOWN and (check_mode or not hopeless):
            report.doubtful -= new_doubts
        if hopeless:
            raise error
        first, again = again, False
        if first:
            return [tunnel_ids]
        if len(tunnel_ids) > 1:
            return halves(tunnel_ids)
        report.unapplied[tunnel_ids[0]] = str(error)
        return []

    send_in_parts(list(batch), send, failed)


def _hopeless(error: MagicError, report: Report) -> bool:
    """Return whether sending smaller parts cannot help."""
    report.outage = report.outage + 1 if error.reached == UNKNOWN else 0
    return is_hopeless(error) or report.outage >= _OUTAGE


def _batches(keys: Mapping[str, str], size: int) -> Iterator[dict[str, str]]:
    items = list(keys.items())
    for start in range(0, len(items), size):
        yield dict(items[start : start + size])


class Fleet:
    """One run over a fleet.

    :arg options: of ``ipsec_psks``, validated.
    :arg store: the open vault file, or None.
    :arg progress: called with a line after each of several batches.
    """

    def __init__(self, api: Api, options: Mapping[str, t.Any], store: VaultFile | None, check_mode: bool, progress: Callable[[str], None]) -> None:
        self._api = api
        self._options = options
        self._store = store
        self._check_mode = check_mode
        self._progress = progress
        self.report = Report()
        self.names: dict[str, str | None] = {}
        self.before: dict[str, str | None] = {}
        self.not_due: list[str] = []
        self.warnings: list[str] = []
        self.made = False
        """Whether ``stage`` made a key that was not pending before."""
        self.moved: set[str] = set()
        """In check mode: the tunnels whose key Cloudflare replaced although it was asked not to."""

    def rotate(self) -> None:
        """Set the keys that are due. The results are in ``report``, even if this raises.

        :raises MagicError: if the run had to stop, or before anything was sent.
        """
        options = self._options
        tunnels = self._api.list_tunnels()
        mine: dict[str, str] = {}
        if options["psks"] is not None:
            mine, self.warnings = supplied(tunnels, options["psks"])
            chosen = [tunnel for tunnel in tunnels if tunnel["id"] in mine]
        else:
            chosen = Selection.of(options).choose(tunnels)
        self.names = {tunnel["id"]: tunnel.get("name") for tunnel in chosen}
        self.before = {tunnel["id"]: last_generated_on(tunnel) for tunnel in chosen}
        pending = self._pending()
        due = self._due()
        self.not_due = [tunnel["id"] for tunnel in chosen if tunnel["id"] not in due and tunnel["id"] not in pending]
        fresh = {tunnel_id: mine.get(tunnel_id) or make_key(options["psk_length"]) for tunnel_id in due if mine or tunnel_id not in pending}
        again = {tunnel_id: key for tunnel_id, key in pending.items() if fresh.get(tunnel_id) != key}
        self.report.total = len({*again, *fresh})
        # Keys that an interrupted run saved without a confirmation: which of the two is in force is unknown until this one is set again.
        self.report.doubtful.update(pending)
        self._warn()
        if options["stage"]:
            self._stage(again, fresh)
            return
        try:
            self._carry_out([*_batches(again, options["batch_size"]), *_batches(fresh, options["batch_size"])], pending)
        finally:
            # Rejected requests certainly changed nothing.
            if self._check_mode and (set(self.report.applied) | self.report.doubtful - set(pending)):
                self._look_again()

    def _carry_out(self, plan: Sequence[dict[str, str]], pending: Mapping[str, str]) -> None:
        """Set the keys, batch by batch."""
        done = "validated" if self._check_mode else "set"
        try:
            for number, planned in enumerate(plan):
                # A key that may be in force is never overwritten.
                batch = {tunnel_id: key for tunnel_id, key in planned.items() if tunnel_id not in self.report.doubtful or pending[tunnel_id] == key}
                if not batch:
                    continue
                self._save_ahead(batch)
                try:
                    _send(self._api, batch, self._check_mode, self.report)
                finally:
                    self._note(batch)
                if len(plan) > 1:
                    left = sum(len(rest) for rest in plan[number + 1 :])
                    self._progress(f"{len(self.report.applied)} of {self.report.total} keys {done}, batch {number + 1} of {len(plan)}, {left} left")
        finally:
            if plan and self._store is not None and not self._check_mode:
                self._store.save()

    def _warn(self) -> None:
        """Warn about impossible dates, and about keys in the file that are not in force and are kept."""
        now = self._api.now()
        strange = [f"{self.names[tunnel_id]} ({moment})" for tunnel_id, moment in self.before.items() if from_future(moment, now)]
        if strange:
            self.warnings.append(f"Keys are dated in the future, so their age is not known: {listing(strange)}. A clock at Cloudflare may be wrong.")
        if self._store is not None:
            self.warnings += not_in_force(self._store.path, self._store.entries, {tunnel_id: self.before[tunnel_id] for tunnel_id in self.not_due})

    def _look_again(self) -> None:
        """Check whether Cloudflare replaced keys although the request asked only for validation: the sent keys are then in force."""
        try:
            after = {tunnel["id"]: last_generated_on(tunnel) for tunnel in self._api.list_tunnels()}
        except MagicError as error:
            raise error.explained(f"It is not known whether Cloudflare replaced keys although the request asked only for validation: {error}") from None
        moved = {tunnel_id for tunnel_id in self.report.keys if tunnel_id in after and not same_moment(self.before[tunnel_id], after[tunnel_id])}
        # Keys with another date in Cloudflare's response were replaced by another user or process.
        dated = {tunnel_id: moment for tunnel_id, moment in self.report.applied.items() if moment is not None}
        self.moved = {tunnel_id for tunnel_id in moved if tunnel_id not in dated or same_moment(dated[tunnel_id], after[tunnel_id])}
        if others := listing(str(self.names[tunnel_id]) for tunnel_id in moved - self.moved):
            self.warnings.append(f"Another user or process replaced the keys of {others} during this check. The check did not change them.")
        self.report.applied.update({tunnel_id: after[tunnel_id] for tunnel_id in self.moved})
        if self.moved:
            names = listing(str(self.names[tunnel_id]) for tunnel_id in self.moved)
            self.warnings.append(
                f"Cloudflare has replaced the keys of {names}, although the request asked only for validation (validate_only). The new keys are in force "
                f"and are delivered as in a real run. Do not use check mode of this module on this account, and report this to Cloudflare."
            )

    def _stage(self, again: Mapping[str, str], fresh: Mapping[str, str]) -> None:
        """Save new keys without sending them: the next run finds them pending. Keys that are already pending are kept."""
        self.report.staged = True
        self.report.keys.update(again)
        self.made = bool(fresh)
        if fresh:
            self._save_ahead(fresh)

    def _pending(self) -> dict[str, str]:
        """Return the keys that an interrupted run left in the file, of the chosen tunnels."""
        entries = self._store.entries if self._store is not None else {}
        found = {tunnel_id: entries[tunnel_id]["pending_psk"] for tunnel_id in self.names if entries.get(tunnel_id, {}).get("pending_psk")}
        for tunnel_id, key in found.items():
            try:
                check_key("pending_psk", key if isinstance(key, str) else "")
            except MagicError:
                raise MagicError(
                    f"vault_file: pending_psk of tunnel {tunnel_id} cannot be a key: the file was edited. Nothing has been sent. Write a string of at least "
                    "8 characters in quotes, or remove it, with 'ansible-vault edit'."
                ) from None
        return {tunnel_id: str(key) for tunnel_id, key in found.items()}

    def _due(self) -> list[str]:
        policy = Policy.of(self._options)
        now = self._api.now()
        entries = self._store.entries if self._store is not None else {}
        due = []
        for tunnel_id, before in self.before.items():
            try:
                generated = parse_timestamp(before) if policy.rotate != "always" else None
            except MagicError as error:
                raise error.explained(f"Tunnel {self.names[tunnel_id]} ({tunnel_id}): {error}") from None
            if policy.why_due(generated, now, is_interrupted(entries.get(tunnel_id))) != "not_due":
                due.append(tunnel_id)
        return due

    def table(self) -> list[dict[str, t.Any]]:
        """Return the outcome for each tunnel, without keys."""
        now = self._api.now()
        rows = []
        for tunnel_id, name in self.names.items():
            outcome = (
                "not_due"
                if tunnel_id in self.not_due
                else "unapplied"
                if tunnel_id in self.report.unapplied
                else "staged"
                if self.report.staged
                else ("validated" if self._check_mode else "set")
                if tunnel_id in self.report.applied
                else "not_tried"
            )
            rows.append({"ipsec_tunnel_id": tunnel_id, "name": name, "psk_age": age(self.before[tunnel_id], now), "outcome": outcome})
        return rows

    def _save_ahead(self, batch: Mapping[str, str]) -> None:
        """Save this batch before it is sent, together with what was confirmed before."""
        for tunnel_id, key in batch.items():
            self.report.keys[tunnel_id] = key
            self.report.applied.pop(tunnel_id, None)
            if self._store is not None:
                self._store.entries.setdefault(tunnel_id, {"name": self.names[tunnel_id]})["pending_psk"] = key
        if self._store is not None and not self._check_mode:
            self._store.save()

    def _note(self, batch: Mapping[str, str]) -> None:
        """Update the file's entries with what is now known about a batch; the next save writes it."""
        if self._store is None:
            return
        for tunnel_id, key in batch.items():
            if tunnel_id in self.report.applied:
                self._store.entries[tunnel_id] = updated(PSKS, self._store.entries[tunnel_id], key, self.names[tunnel_id], self.report.applied[tunnel_id])
            elif tunnel_id not in self.report.doubtful:
                self._store.entries[tunnel_id].pop("pending_psk", None)
                if set(self._store.entries[tunnel_id]) <= {"name"}:
                    del self._store.entries[tunnel_id]
