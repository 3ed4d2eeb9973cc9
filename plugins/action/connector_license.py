# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t
from datetime import timezone

from ansible_collections.cloudflare.magic.plugins.module_utils import _licenses
from ansible_collections.cloudflare.magic.plugins.module_utils._psk import Keeper
from ansible_collections.cloudflare.magic.plugins.module_utils._site_kinds import CONNECTOR
from ansible_collections.cloudflare.magic.plugins.plugin_utils._run_notes import alone_with, foresight, forget_foreseen
from ansible_collections.cloudflare.magic.plugins.plugin_utils._secret_action import FileKeeper, SecretAction
from ansible_collections.cloudflare.magic.plugins.plugin_utils._vault_text import LICENSES

if t.TYPE_CHECKING:
    from ansible_collections.cloudflare.magic.plugins.module_utils._client import Client
    from ansible_collections.cloudflare.magic.plugins.plugin_utils._vault_file import VaultFile


class ActionModule(SecretAction):
    """Runs ``cloudflare.magic.connector_license``, and delivers the key without showing it."""

    MODULE = "cloudflare.magic.connector_license"
    KEPT = LICENSES
    KEY_MEMBER = "license_key"
    OPTIONS = _licenses.OPTIONS
    check = staticmethod(_licenses.check)

    def keyed_work(self, client: Client, store: VaultFile | None) -> dict[str, t.Any]:
        keeper = FileKeeper(store, client) if store is not None else Keeper()
        # Without a connector of this name, it is registered: by one host or task, and the others find it.
        with alone_with([CONNECTOR] if self.options["notes"] is not None else [], client), foresight(self._task.check_mode) as foreseen:
            result = _licenses.deliver(client, self.options, self._task.check_mode, keeper, self._held(store), foreseen)
        if result["provisioned"] and not self._task.check_mode:
            forget_foreseen([CONNECTOR], client)
        result["delivered_to"] = []
        if "license_key" in result:
            result.setdefault("warnings", []).extend(self.loop_warnings())
            connector_id, serial_number = result["connector_id"], result.get("serial_number")
            moment = client.now().astimezone(timezone.utc).isoformat(timespec="seconds")
            entry = {"license_key": result["license_key"], "serial_number": serial_number, "saved_on": moment}
            label = f"{serial_number} {connector_id}" if serial_number else connector_id
            what = "has a new license key" if result["provisioned"] else "has a license key, which was read"
            self.hand_over(result, connector_id, entry, store, f"connector {label} {what} (reason: {result['reason']}).")
        return result

    def _held(self, store: VaultFile | None) -> dict[str, t.Any]:
        """Return the keys that the file has, or else the fact, by the id of the connector."""
        entries = self.existing_fact()[1] if store is None else store.entries
        return {str(connector_id): entry.get("license_key") for connector_id, entry in entries.items() if isinstance(entry, dict)}
