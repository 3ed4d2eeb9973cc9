# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible_collections.cloudflare.magic.plugins.module_utils import _policy, _psk
from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.plugin_utils._secret_action import FileKeeper, SecretAction

if t.TYPE_CHECKING:
    from ansible_collections.cloudflare.magic.plugins.module_utils._client import Client
    from ansible_collections.cloudflare.magic.plugins.plugin_utils._vault_file import VaultFile


class ActionModule(SecretAction):
    """Runs ``cloudflare.magic.ipsec_psk``, and delivers the key without showing it."""

    MODULE = "cloudflare.magic.ipsec_psk"
    KEY_MEMBER = "psk"
    OPTIONS = _policy.OPTIONS
    check = staticmethod(_policy.check_one)

    def keyed_work(self, client: Client, store: VaultFile | None) -> dict[str, t.Any]:
        check_mode = self._task.check_mode
        keeper = FileKeeper(store, client) if store is not None else None
        # A check without a receiver, as of an ad-hoc command, must not send a request that may create a key.
        options = self.options if self.receivers or not check_mode else {**self.options, "dry_run": "read_only"}
        result = _psk.rotate(client, options, check_mode, keeper)
        result["delivered_to"] = []
        if "psk" not in result and (check_mode or not result["changed"]):
            return result
        result.setdefault("warnings", []).extend(self.loop_warnings())
        if check_mode and store is not None and not result.get("failed"):
            # The file was opened read-only, and the key is in force.
            try:
                with self.vault_file(read_only=False) as writable:
                    self._deliver(result, writable)
            except MagicError as error:
                result.update(failed=True, msg=f"The new key of tunnel {result['ipsec_tunnel_id']} is in force, and only this result has it. {error}")
                self._deliver(result, None)
        else:
            self._deliver(result, store)
            if check_mode and store is not None:
                self._mark(result, client)
        return result

    def _mark(self, result: dict[str, t.Any], client: Client) -> None:
        """Record in the file, which was opened read-only, that a check may have replaced the key."""
        try:
            with self.vault_file(read_only=False) as store:
                if store is not None:
                    FileKeeper(store, client).begin(result["ipsec_tunnel_id"], result.get("name"))
                    result["msg"] += f" The next run with {store.path} creates a new key."
        except MagicError:
            result["msg"] += " Run the task with rotate: always, which creates a new key."

    def _deliver(self, result: dict[str, t.Any], store: VaultFile | None) -> None:
        """Deliver the new key to its receivers, and censor a result that contains it."""
        generated = "psk" in result
        key: str = result["psk"] if generated else self.options["psk"]
        tunnel_id, name = result["ipsec_tunnel_id"], result.get("name")
        last_generated_on = result["psk_metadata"].get("last_generated_on")
        told = None
        if generated:
            before = f", previous key: {result['diff']['before']['last_generated_on']}" if self._task.diff else ""
            label = f"{name} {tunnel_id}" if name else tunnel_id
            told = f"tunnel {label} has a new key (reason: {result['reason']}, generated: {last_generated_on}{before})."
        self.hand_over(result, tunnel_id, {"psk": key, "name": name, "last_generated_on": last_generated_on}, store, told)
