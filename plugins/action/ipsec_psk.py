# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible_collections.cloudflare.magic.plugins.module_utils import _psk
from ansible_collections.cloudflare.magic.plugins.plugin_utils._secret_action import SecretAction
from ansible_collections.cloudflare.magic.plugins.plugin_utils._vault_file import updated

if t.TYPE_CHECKING:
    from ansible_collections.cloudflare.magic.plugins.plugin_utils._vault_file import VaultFile


class ActionModule(SecretAction):
    """Runs ``cloudflare.magic.ipsec_psk``, and delivers the key without showing it."""

    MODULE = "cloudflare.magic.ipsec_psk"
    OPTIONS = _psk.OPTIONS
    check = staticmethod(_psk.check)
    request = staticmethod(_psk.run)

    def work(self, store: VaultFile | None) -> dict[str, t.Any]:
        result = self.step()
        if result.get("failed"):
            return result
        result["delivered_to"] = []
        if result["changed"] and not self._task.check_mode:
            self._deliver(result, store)
        return result

    def _deliver(self, result: dict[str, t.Any], store: VaultFile | None) -> None:
        """Hand the new key to its receivers, and censor a result that holds it."""
        generated = "psk" in result
        key: str = result["psk"] if generated else self.options["psk"]
        tunnel_id, name = result["ipsec_tunnel_id"], result.get("name")
        last_generated_on = result["psk_metadata"].get("last_generated_on")
        if generated:
            result["_ansible_no_log"] = True
            self.register_secrets([key])
            before = f", the one before: {result['diff']['before']['last_generated_on']}" if self._task.diff else ""
            self.notice(
                f"tunnel {name or ''} {tunnel_id} has a new key (reason: {result['reason']}, generated: {last_generated_on}{before})."
                " The result holds it and is therefore not shown."
            )
            if "register" in self.receivers:
                result["delivered_to"].append("register")
        if store is not None:
            store.entries[tunnel_id] = updated(store.entries.get(tunnel_id), key, name, last_generated_on)
            try:
                store.save()
            except Exception as exc:  # pylint: disable=broad-exception-caught # the key must not get lost now, nor may any text show it
                result.update(failed=True, msg=f"The new key of tunnel {tunnel_id} is in force. {self.not_saved(store, exc)}")
                self.notice(result["msg"])
                return
        if generated and self.deliver_facts(result, {tunnel_id: {"psk": key, "name": name, "last_generated_on": last_generated_on}}):
            result["delivered_to"].append("fact")
        if store is not None:
            result["delivered_to"].append("vault_file")
