# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Between two examples of one run: the emulator starts anew, and the keys that it has had so far are written down."""

from __future__ import annotations

import json
from pathlib import Path

from ansible.plugins.action import ActionBase

from ansible_collections.cloudflare.magic.tests.emulator.client import Emulator


class ActionModule(ActionBase):
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        super().run(tmp, task_vars)
        args = self._task.args
        emulator = Emulator(args["url"], token=args["token"])
        with open(args["keys"], "a", encoding="utf-8") as keys:
            keys.writelines(f"{entry['psk']}\n" for entry in emulator.key_log())
            keys.writelines(f"{entry['license_key']}\n" for entry in emulator.license_log())
        emulator.reset()
        emulator.set_state(json.loads(Path(args["seed"]).read_text(encoding="utf-8")))
        return {}
