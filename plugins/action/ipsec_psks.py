# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible_collections.cloudflare.magic.plugins.module_utils import _policy, _psk
from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._module import failed
from ansible_collections.cloudflare.magic.plugins.plugin_utils import _core
from ansible_collections.cloudflare.magic.plugins.plugin_utils._fleet import Fleet
from ansible_collections.cloudflare.magic.plugins.plugin_utils._secret_action import SecretAction
from ansible_collections.cloudflare.magic.plugins.plugin_utils._vault_text import PSKS, updated

if t.TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from ansible_collections.cloudflare.magic.plugins.module_utils._client import Client
    from ansible_collections.cloudflare.magic.plugins.plugin_utils._vault_file import VaultFile


def _keys(count: int) -> str:
    return f"{count} new key is" if count == 1 else f"{count} new keys are"


def _others(not_due: int) -> str:
    return f", {not_due} {'was' if not_due == 1 else 'were'} not due" if not_due else ""


class Account:
    """The functions of Cloudflare that a fleet needs, by a client."""

    def __init__(self, client: Client, check_mode: bool) -> None:
        self._client = client
        self._check_mode = check_mode

    def list_tunnels(self) -> list[dict[str, t.Any]]:
        """Return all IPsec tunnels of the account."""
        return _psk.list_ipsec_tunnels(self._client)

    def set_keys(self, keys: Mapping[str, str]) -> _psk.Applied:
        """Set keys by tunnel id; in check mode, only have them validated."""
        _core.register_secrets(keys.values())
        return _psk.set_keys(self._client, keys, self._check_mode)

    def now(self) -> datetime:
        """Return the time by Cloudflare's clock."""
        return self._client.now()


class ActionModule(SecretAction):
    """Runs ``cloudflare.magic.ipsec_psks``."""

    MODULE = "cloudflare.magic.ipsec_psks"
    KEY_MEMBER = "psks"
    OPTIONS = _policy.FLEET_OPTIONS
    check = staticmethod(_policy.check_fleet)

    def keyed_work(self, client: Client, store: VaultFile | None) -> dict[str, t.Any]:
        before = client.sent
        fleet = Fleet(Account(client, self._task.check_mode), self.options, store, self._task.check_mode, self.notice)
        result: dict[str, t.Any] = {}
        try:
            fleet.rotate()
        except MagicError as error:
            result = failed(error)
        except Exception as exc:  # pylint: disable=broad-exception-caught # keys that are in force must not get lost now
            if store is None:
                raise
            state = "No key was sent, and the previous keys are still in force. " if fleet.report.staged else ""
            result = {"failed": True, "msg": state + self.not_saved(store, exc)}
            store = None
        result["requests"] = client.sent - before
        if fleet.report.staged:
            return self._staged(fleet, result)
        return self._outcome(fleet, store, result)

    def _doubts(self, fleet: Fleet, store: VaultFile | None) -> str:
        """Return how to resolve the doubts after a run that had to stop."""
        if self._task.check_mode or not fleet.report.doubtful:
            return ""
        if store is not None:
            return " Keys in doubt are in the vault file as pending_psk: run the task again to send them again."
        if self.supplied():
            return " Run the task again: setting the same keys twice is safe."
        return f" The keys in force of {len(fleet.report.doubtful)} tunnels are unknown now: run the task again with rotate: always, which creates new keys."

    def _outcome(self, fleet: Fleet, store: VaultFile | None, result: dict[str, t.Any]) -> dict[str, t.Any]:
        """Return the result of a run, including one that failed in the middle, after delivering what was applied."""
        report = fleet.report
        real = fleet.moved if self._task.check_mode else set(report.applied)
        known = {tunnel_id: {"name": fleet.names[tunnel_id], "last_generated_on": report.applied[tunnel_id]} for tunnel_id in report.applied}
        result.update(
            changed=bool(report.applied) or (bool(result.get("changed")) and not self._task.check_mode),
            tunnels=fleet.table(),
            not_due=fleet.not_due,
            unapplied=report.unapplied,
            warnings=fleet.warnings,
            delivered_to=[],
            diff=_diff(fleet, known, real),
        )
        trouble = [f"{fleet.names[tunnel_id]} ({tunnel_id}): {reason}" for tunnel_id, reason in report.unapplied.items()]
        if trouble and not result.get("failed"):
            result["failed"] = True
            result["msg"] = f"{len(trouble)} of {report.total} keys were not set, {len(report.applied)} were. Not set: {'; '.join(trouble)}"
        elif result.get("failed") and report.total:
            result["msg"] = f"{len(report.applied)} of {report.total} keys are set; then the run had to stop: {result['msg']}{self._doubts(fleet, store)}"
        if self._task.check_mode:
            result["validated"] = not result.get("failed") and not real
            if not real:
                return result
            store = self._save_moved(fleet, store, result)
        result["psks"] = {tunnel_id: entry for tunnel_id, entry in known.items() if tunnel_id in real}
        if real:
            self._deliver(fleet, store, result)
        return result

    def _save_moved(self, fleet: Fleet, store: VaultFile | None, result: dict[str, t.Any]) -> VaultFile | None:
        """Save keys that a check put in force: the file was opened read-only."""
        if store is None:
            return None
        try:
            with self.vault_file(read_only=False) as writable:
                if writable is None:
                    return None
                for tunnel_id in fleet.moved:
                    entry = writable.entries.get(tunnel_id)
                    writable.entries[tunnel_id] = updated(PSKS, entry, fleet.report.keys[tunnel_id], fleet.names[tunnel_id], fleet.report.applied[tunnel_id])
                writable.save()
                return writable
        except MagicError as error:
            result.update(failed=True, msg=f"New keys are in force, and only this result has them. {error}")
        except OSError as exc:
            result.update(failed=True, msg=f"New keys are in force. {self.not_saved(store, exc)}")
        return None

    def _deliver(self, fleet: Fleet, store: VaultFile | None, result: dict[str, t.Any]) -> None:
        """Deliver new keys to their receivers, and censor a result that contains them."""
        report, known = fleet.report, result["psks"]
        if not self.supplied():
            result["warnings"] += self.loop_warnings()
            for tunnel_id, entry in known.items():
                entry["psk"] = report.keys[tunnel_id]
            if result.get("failed") and not {"register", "vault_file"} & set(self.receivers):
                # Ansible drops the facts of a task that fails.
                result["msg"] += " The keys that are set are in ansible_failed_result: save them in a rescue block, or run the task again with rotate: always."
            state = f" {result['msg']}" if result.get("failed") else ""
            count = f"1 of {report.total} tunnels has a new key" if len(known) == 1 else f"{len(known)} of {report.total} tunnels have a new key"
            self.censor(result, f"{count}{_others(len(fleet.not_due))}.{state}")
            if "register" in self.receivers:
                result["delivered_to"].append("register")
            if not result.get("failed"):
                self.delivered(result, known, store)
        if store is not None:
            result["delivered_to"].append("vault_file")
            result["warnings"] += self.place_warnings(store)

    def _staged(self, fleet: Fleet, result: dict[str, t.Any]) -> dict[str, t.Any]:
        """Deliver keys that are saved and not sent. They are not in force, so they are not facts."""
        report = fleet.report
        result.update(changed=fleet.made, tunnels=fleet.table(), not_due=fleet.not_due, unapplied={}, warnings=fleet.warnings, delivered_to=[])
        if self._task.check_mode or result.get("failed"):
            return result
        result["psks"] = {tunnel_id: {"name": fleet.names[tunnel_id], "psk": key, "last_generated_on": None} for tunnel_id, key in report.keys.items()}
        if report.keys:
            _core.register_secrets(report.keys.values())
            result["delivered_to"] = [receiver for receiver in self.receivers if receiver != "fact"]
            self.censor(result, f"{_keys(len(report.keys))} saved as pending_psk and not sent{_others(len(fleet.not_due))}.")
        return result


def _diff(fleet: Fleet, known: Mapping[str, Mapping[str, t.Any]], real: set[str]) -> dict[str, t.Any]:
    """Return when keys were generated, before and after. Tunnels with the same name also have their ID."""
    names = [fleet.names[tunnel_id] for tunnel_id in known]
    labels = {tunnel_id: str(name) if names.count(name) == 1 else f"{name} ({tunnel_id})" for tunnel_id, name in zip(known, names)}
    return {
        "before": {labels[tunnel_id]: fleet.before[tunnel_id] for tunnel_id in known},
        "after": {labels[tunnel_id]: entry["last_generated_on"] if tunnel_id in real else "(the time of the rotation)" for tunnel_id, entry in known.items()},
    }
