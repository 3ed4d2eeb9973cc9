# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes what a play has registered to a file, for the test. It starts no module: ``copy`` starts two, which take longer than the rest of a small run."""

from __future__ import annotations

import json
from pathlib import Path

from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        super().run(tmp, task_vars)
        content = self._task.args["content"]
        # Up to ansible-core 2.18, templates turn what looks like a dictionary into one.
        Path(self._task.args["path"]).write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return {"changed": False}
