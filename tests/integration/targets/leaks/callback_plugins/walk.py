# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: walk
type: notification
short_description: Writes all text that can be reached from what a callback plugin gets
description:
  - With every attribute, also private ones of Ansible.
options:
  path:
    description:
      - A folder. What hangs on a result, its task or its host goes to the file C(near/walk) in there.
      - What is reached through the objects that a whole run shares goes to the file C(far/walk).
    type: path
    required: true
    env:
      - name: LEAKS_DUMP
"""

import gc
import os
import types
from collections.abc import Mapping, Sequence, Set

from ansible.executor.playbook_executor import PlaybookExecutor
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.play import Play
from ansible.plugins.callback import CallbackBase
from ansible.template import Templar
from ansible.vars.manager import VariableManager

# A run has one of each, or few.
_SHARED = (PlaybookExecutor, InventoryManager, DataLoader, VariableManager, Templar, Play)
_DEAD_ENDS = (types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.MethodType, type, types.CodeType, types.FrameType)
# A path longer than this leads nowhere new.
_DEEPEST = 30


def _attributes(value):
    """Yield the attributes of an object with their names, those of slots too, and the properties of classes of Ansible that describe results."""
    for name, inner in getattr(value, "__dict__", {}).items():
        yield f".{name}", inner
    for kind in type(value).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            name = f"_{kind.__name__.lstrip('_')}{name}" if name.startswith("__") and not name.endswith("__") else name
            try:
                yield f".{name}", getattr(value, name)
            except Exception:  # pylint: disable=broad-exception-caught
                pass
        if "esult" in kind.__name__:
            for name, member in list(kind.__dict__.items()):
                if isinstance(member, property) or type(member).__name__ == "cached_property":
                    try:
                        yield f".{name}", getattr(value, name)
                    except Exception:  # pylint: disable=broad-exception-caught
                        pass


def _inside(value, everything):
    """Yield what is inside a value."""
    if isinstance(value, Mapping):
        for name, item in list(value.items()):
            yield "<key>", name
            yield f"[{str(name)[:40]}]", item
    elif isinstance(value, (Sequence, Set)):
        for number, item in enumerate(list(value)):
            yield f"[{number}]", item
    yield from _attributes(value)
    if everything:
        for number, item in enumerate(gc.get_referents(value)):
            yield f"<referent {number}>", item


def _walk(start, everything):
    """Yield all texts that are reached, with the way to them, the shortest way first."""
    seen = {}
    level = [("", start)]
    while level:
        following = []
        for way, value in level:
            if id(value) in seen or isinstance(value, _DEAD_ENDS) or (not everything and isinstance(value, _SHARED)):
                continue
            seen[id(value)] = value  # kept, so that the number stays its own
            if isinstance(value, bytes):
                value = value.decode("utf-8", "replace")
            if isinstance(value, str):
                yield way, str(value)
            elif not isinstance(value, (int, float, type(None))) and way.count(".") + way.count("[") + way.count("<") < _DEEPEST:
                try:
                    following += [(way + name, inner) for name, inner in _inside(value, everything)]
                except Exception:  # pylint: disable=broad-exception-caught
                    pass
        level = following


class CallbackModule(CallbackBase):
    """A callback plugin that wants to have it all."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "walk"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._last = None

    def _write(self, hook, start, everything):
        with open(os.path.join(self.get_option("path"), "far" if everything else "near", "walk"), "a", encoding="utf-8", errors="backslashreplace") as stream:
            for way, text in _walk(start, everything):
                stream.write(f"{hook}{way} = {text}\n")

    def _near(self, hook, result):
        self._write(hook, result, False)
        self._last = result

    def v2_runner_on_start(self, host, task):
        self._write("start", [host, task], False)

    def v2_runner_on_ok(self, result):
        self._near("ok", result)

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self._near("failed", result)

    def v2_runner_on_skipped(self, result):
        self._near("skipped", result)

    def v2_runner_retry(self, result):
        self._near("retry", result)

    def v2_runner_item_on_ok(self, result):
        self._near("item", result)

    def v2_runner_item_on_failed(self, result):
        self._near("item failed", result)

    def v2_playbook_on_task_start(self, task, is_conditional):
        self._write("task", task, False)
        if self._last is not None:
            self._write("later", self._last, True)

    def v2_playbook_on_stats(self, stats):
        self._write("stats", stats, False)
