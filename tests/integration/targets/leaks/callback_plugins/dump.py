# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: dump
type: notification
short_description: Writes all that a callback plugin gets to a file
description:
  - Every hook, and of tasks, results and statistics all their attributes.
options:
  path:
    description: A folder. What is about tasks themselves goes to the file C(fields/dump) in there, everything else to C(callback/dump).
    type: path
    required: true
    env:
      - name: LEAKS_DUMP
"""

import functools
import os

from ansible.plugins.callback import CallbackBase

_LIMIT = 12


def _plain(value, depth=0):
    """Return everything inside a value, as text."""
    if depth > _LIMIT or isinstance(value, (str, int, float, bool, bytes, type(None))):
        return str(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_plain(name, depth + 1)}: {_plain(item, depth + 1)}" for name, item in value.items()) + "}"
    if isinstance(value, (list, tuple, set)):
        return "[" + ", ".join(_plain(item, depth + 1) for item in value) + "]"
    parts = [type(value).__name__]
    # A result. Statistics, with those of the user (set_stats). A host.
    for name in ("_result", "result", "_return_data", "custom", "processed", "ok", "failures", "vars"):
        inner = getattr(value, name, None)
        if inner is not None and not callable(inner):
            parts.append(f"{name}={_plain(inner, depth + 1)}")
    return "(" + " ".join(parts) + ")"


def _fields(value):
    """Return the attributes of the task that a value is, or that it is the result of."""
    parts = []
    for name in ("_task_fields", "task_fields", "_task", "task"):
        inner = getattr(value, name, None)
        if inner is not None:
            parts.append(_plain(inner.dump_attrs() if hasattr(inner, "dump_attrs") else inner))
            parts.append(_plain(getattr(inner, "args", None)))
    if hasattr(value, "dump_attrs"):
        parts.append(_plain(value.dump_attrs()))
    return parts


class CallbackModule(CallbackBase):
    """A callback plugin as someone who sends everything to a log server would write it."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "dump"
    CALLBACK_NEEDS_ENABLED = True

    def _write(self, hook, *args, **kwargs):
        for name, text in (("callback", _plain((args, kwargs))), ("fields", "".join(part for arg in args for part in _fields(arg)))):
            with open(os.path.join(self.get_option("path"), name, "dump"), "a", encoding="utf-8", errors="surrogateescape") as stream:
                stream.write(f"{hook}: {text}\n")


def _hook(name):
    @functools.wraps(getattr(CallbackBase, name))
    def hook(self, *args, **kwargs):
        self._write(name, *args, **kwargs)

    return hook


# v2_on_any gets what all others get
for _name in [name for name in dir(CallbackBase) if name.startswith("v2_") and name != "v2_on_any"]:
    setattr(CallbackModule, _name, _hook(_name))
