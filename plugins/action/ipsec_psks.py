# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleConnectionFailure

from ansible_collections.cloudflare.magic.plugins.module_utils import _psk
from ansible_collections.cloudflare.magic.plugins.module_utils._client import UNKNOWN, MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._module import KEYS, failed, failure_of
from ansible_collections.cloudflare.magic.plugins.plugin_utils._fleet import Fleet
from ansible_collections.cloudflare.magic.plugins.plugin_utils._secret_action import SecretAction

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from ansible_collections.cloudflare.magic.plugins.plugin_utils._vault_file import VaultFile


class ActionModule(SecretAction):
    """Runs ``cloudflare.magic.ipsec_psks``: makes and keeps the keys here, and has the requests sent from here or from the task's host."""

    MODULE = "cloudflare.magic.ipsec_psks"
    OPTIONS = _psk.FLEET_OPTIONS
    check = staticmethod(_psk.check_fleet)
    request = staticmethod(_psk.run_fleet)

    requests = 0

    def list_tunnels(self) -> list[dict[str, t.Any]]:
        """Return all IPsec tunnels of the account."""
        tunnels: list[dict[str, t.Any]] = self._request()["tunnels"]
        return tunnels

    def set_keys(self, keys: Mapping[str, str]) -> _psk.Applied:
        """Set keys by tunnel id; in check mode, only have them validated."""
        self.register_secrets(keys.values())
        answer = self._request(**{KEYS: dict(keys)})
        return _psk.Applied(answer["applied"], answer["unapplied"], answer["repeated"])

    def _request(self, **extra: t.Any) -> dict[str, t.Any]:
        try:
            result = self.step(**extra)
        except AnsibleConnectionFailure as exc:
            if not extra:
                raise
            # In the middle of a run: what is already applied has to be delivered.
            raise MagicError(str(exc), reached=UNKNOWN) from None
        self.requests += result.get("requests", 1)
        if result.get("failed"):
            raise failure_of(result)
        return result

    def work(self, store: VaultFile | None) -> dict[str, t.Any]:
        fleet = Fleet(self, self.options, store, self._task.check_mode, self.notice)
        result: dict[str, t.Any] = {}
        try:
            fleet.run()
        except MagicError as error:
            result = failed(error)
        except Exception as exc:  # pylint: disable=broad-exception-caught # keys that are in force must not get lost now
            if store is None:
                raise
            state = "No key was sent, and those in force are the ones before. " if fleet.report.staged else ""
            result = {"failed": True, "msg": state + self.not_saved(store, exc)}
            store = None
        return self._outcome(fleet, store, result)

    def _doubts(self, fleet: Fleet, store: VaultFile | None) -> str:
        """Say how to heal what is in doubt after a run that had to stop."""
        if self._task.check_mode or not fleet.report.doubtful:
            return ""
        if store is not None:
            return " Keys in doubt are in the vault file as pending_psk: run the task again, that sends them again."
        if self.supplied():
            return " Run the task again: setting the same keys twice does no harm."
        return f" The keys in force of {len(fleet.report.doubtful)} tunnels are unknown now: run the task again with rotate: always, which heals it."

    def _outcome(self, fleet: Fleet, store: VaultFile | None, result: dict[str, t.Any]) -> dict[str, t.Any]:
        """Deliver what was applied, also of a run that failed in the middle, and censor a result that holds a key."""
        report = fleet.report
        if report.staged:
            return self._staged(fleet, result)
        known = {tunnel_id: {"name": fleet.names[tunnel_id], "last_generated_on": moment} for tunnel_id, moment in report.applied.items()}
        result.update(
            changed=bool(report.applied) or (bool(result.get("changed")) and not self._task.check_mode),
            tunnels=fleet.table(),
            not_due=fleet.not_due,
            unapplied=report.unapplied,
            requests=self.requests,
            warnings=fleet.warnings,
            delivered_to=[],
            diff={
                "before": {str(fleet.names[tunnel_id]): fleet.before[tunnel_id] for tunnel_id in known},
                "after": {
                    str(entry["name"]): "(the time of the rotation)" if self._task.check_mode else entry["last_generated_on"] for entry in known.values()
                },
            },
        )
        trouble = [f"{fleet.names[tunnel_id]} ({tunnel_id}): {reason}" for tunnel_id, reason in report.unapplied.items()]
        if trouble and not result.get("failed"):
            result["failed"] = True
            result["msg"] = f"{len(trouble)} of {report.total} keys were not set, {len(report.applied)} were. Not set: {'; '.join(trouble)}"
        elif result.get("failed") and report.total:
            result["msg"] = f"{len(report.applied)} of {report.total} keys are set; then the run had to stop: {result['msg']}{self._doubts(fleet, store)}"
        if self._task.check_mode:
            result["validated"] = not result.get("failed")
            return result
        result["psks"] = known
        if not known:
            return result
        if not self.supplied():
            for tunnel_id, entry in known.items():
                entry["psk"] = report.keys[tunnel_id]
            result["_ansible_no_log"] = True
            if result.get("failed") and not {"register", "vault_file"} & set(self.receivers):
                # Ansible drops the facts of a task that fails.
                result["msg"] += " The keys that are set are in ansible_failed_result: save them in a rescue block, or run the task again with rotate: always."
            state = f" {result['msg']}" if result.get("failed") else ""
            self.notice(
                f"{len(known)} of {report.total} tunnels have a new key, {len(fleet.not_due)} "
                f"were not due.{state} The result holds the keys and is therefore not shown."
            )
            if "register" in self.receivers:
                result["delivered_to"].append("register")
            if not result.get("failed") and self.deliver_facts(result, known):
                result["delivered_to"].append("fact")
        if store is not None:
            result["delivered_to"].append("vault_file")
        return result

    def _staged(self, fleet: Fleet, result: dict[str, t.Any]) -> dict[str, t.Any]:
        """Deliver keys that are saved and not sent. They are in force nowhere, so they are no facts."""
        report = fleet.report
        result.update(changed=fleet.made, tunnels=fleet.table(), not_due=fleet.not_due, unapplied={}, requests=self.requests, delivered_to=[])
        if self._task.check_mode or result.get("failed"):
            return result
        result["psks"] = {tunnel_id: {"name": fleet.names[tunnel_id], "psk": key, "last_generated_on": None} for tunnel_id, key in report.keys.items()}
        if report.keys:
            self.register_secrets(report.keys.values())
            result["_ansible_no_log"] = True
            result["delivered_to"] = [receiver for receiver in self.receivers if receiver != "fact"]
            self.notice(
                f"{len(report.keys)} new keys are saved as pending_psk and not sent, {len(fleet.not_due)} tunnels were not due. "
                "The result holds the keys and is therefore not shown."
            )
        return result
