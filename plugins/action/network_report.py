# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible import constants as C
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.cloudflare.magic.plugins.module_utils._design import REPORT_OPTIONS
from ansible_collections.cloudflare.magic.plugins.plugin_utils._plan_text import blocks

# Ansible's own colours for what is added, changed and removed, so that a user has chosen them.
_COLOURS = {"create": C.COLOR_DIFF_ADD, "update": C.COLOR_CHANGED, "delete": C.COLOR_DIFF_REMOVE}

# Other callbacks may write a document to standard output.
_FOR_PEOPLE = ("default", "ansible.builtin.default")

display = Display()


class ActionModule(ActionBase):
    """Runs ``cloudflare.magic.network_report``."""

    _supports_async = False
    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        super().run(tmp, task_vars)
        dummy, options = self.validate_argument_spec(**REPORT_OPTIONS.as_kwargs())
        told = list(blocks(options["result"]))
        lines = [line for dummy, block in told for line in block.split("\n")]
        if C.DEFAULT_STDOUT_CALLBACK not in _FOR_PEOPLE:
            return {"changed": False, "msg": lines, "_ansible_verbose_always": True}
        for action, block in told:
            display.display(block, color=_COLOURS.get(action))
        return {"changed": False, "lines": lines}
