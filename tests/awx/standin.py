# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An action plugin in the place of modules that need a server: it writes its arguments, one JSON document for each call, to the file ``standin_file``.

A call with something from the list ``standin_refuses`` in its arguments fails, with all arguments in its result, as careless modules do.
"""

from __future__ import annotations

import json
from pathlib import Path

from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    """The stand-in, under the name of each module."""

    def run(self, tmp=None, task_vars=None):
        super().run(tmp, task_vars)
        arguments = json.dumps(self._task.args, default=str)
        if any(text in arguments for text in task_vars.get("standin_refuses") or []):
            return {"failed": True, "msg": "refused", "arguments": arguments}
        if not self._task.check_mode:
            with Path(self._templar.template(task_vars["standin_file"])).open("a", encoding="utf-8") as file:
                file.write(json.dumps({"module": self._task.action, "arguments": json.loads(arguments)}) + "\n")
            if "path" in self._task.args and "content_yaml" in self._task.args:
                Path(self._task.args["path"]).write_text(arguments, encoding="utf-8")
        return {"changed": True, "invocation": {"module_args": json.loads(arguments)}}
