# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: document
type: stdout
short_description: Writes one JSON document to standard output
description:
  - As callback plugins do whose output a program reads.
"""

import json

from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):
    """Results by task and host."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "document"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._results = []

    def _add(self, result, ignore_errors=False):
        # The public names came with ansible-core 2.20
        task = getattr(result, "task", None) or result._task
        content = getattr(result, "result", None) or result._result
        self._results.append({"task": task.get_name(), "result": json.loads(self._dump_results(content))})

    v2_runner_on_ok = v2_runner_on_failed = v2_runner_on_skipped = v2_runner_on_unreachable = v2_runner_item_on_ok = _add

    def v2_playbook_on_stats(self, stats):
        self._display.display(json.dumps({"results": self._results, "hosts": sorted(stats.processed)}, indent=2))
