# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One step of a device that is a folder; see ``edge.py`` beside. It runs in Ansible's own process, because starting modules would be most of a test's time."""

from __future__ import annotations

import json
from pathlib import Path

from ansible.plugins.action import ActionBase
from ansible.release import __version__

from ansible_collections.cloudflare.magic.tests.emulator.client import Emulator

# Ansible prints the message of a failed task from 2.19 on, whatever no_log says, and masks keys that it knows from 2.22 on.
PRINTS_MESSAGES = (2, 19) <= tuple(int(part) for part in __version__.split(".")[:2]) <= (2, 21)


class ActionModule(ActionBase):
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        super().run(tmp, task_vars)
        args = self._task.args
        step, key, tunnel, device = args["step"], args.get("psk", ""), args["tunnel"], Path(args["device"])
        emulator = Emulator(args["url"], token=args["token"])
        with open(device / "notes", "a", encoding="utf-8") as notes:
            notes.write(f"{tunnel['name']} {step}\n")
        (device / f"{tunnel['name']}.said").write_text(tunnel["description"], encoding="utf-8")
        is_new = key != json.loads((device / "before.json").read_text(encoding="utf-8"))[tunnel["name"]]
        # The first key that it is asked for is refused, the one before isn't.
        if args["break_at"] == step and (step != "verify" or is_new):
            # As a careless module does: with all that it was given. That is what no_log is for.
            words = f"{step}: cannot do pre-shared-key {key}"
            return {"failed": True, "msg": "non-zero return code", "cmd": words} if PRINTS_MESSAGES else {"failed": True, "msg": words}
        staged, loaded = device / f"{tunnel['name']}.staged", device / tunnel["name"]
        if step == "stage":
            staged.write_text(key, encoding="utf-8")
        elif step == "load":
            loaded.write_text(staged.read_text(encoding="utf-8"), encoding="utf-8")
            if args["health"] != "":
                # What Cloudflare's checks see of the tunnel from then on, with a new key; with the one before it is as it was.
                emulator.change_health(tunnel["name"], float(args["health"]) if is_new else 1)
        elif emulator.keys()[tunnel["id"]] != loaded.read_text(encoding="utf-8"):
            return {"failed": True, "msg": "the device is not up"}
        return {"changed": step in ("stage", "load")}
