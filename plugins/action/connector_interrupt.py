# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t
from functools import partial

from ansible_collections.cloudflare.magic.plugins.module_utils import _interrupts
from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.plugin_utils import _core
from ansible_collections.cloudflare.magic.plugins.plugin_utils._action import ClientAction
from ansible_collections.cloudflare.magic.plugins.plugin_utils._run_notes import notes_of_this_run

if t.TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from ansible_collections.cloudflare.magic.plugins.module_utils._client import Client


class ActionModule(ClientAction):
    MODULE = "cloudflare.magic.connector_interrupt"
    OPTIONS = _interrupts.OPTIONS
    check = staticmethod(_interrupts.check)

    def work(self, client: Client) -> dict[str, t.Any]:
        if _core.is_repeated(self._task):
            raise MagicError(_interrupts.REPEATED)
        task = _core.task_identity(self._task)
        requests = partial(self._requests, task)
        return _interrupts.interrupt(client, self.options, self._task.check_mode, str(self.task_vars.get("inventory_hostname")), requests)

    @staticmethod
    def _requests(task: str, about: list[t.Any]) -> AbstractContextManager[list[_interrupts.Sent]]:
        return notes_of_this_run(_interrupts.Sent, "cloudflare_magic_interrupts", [task, *about], after_failure=True)
