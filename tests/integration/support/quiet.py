# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Ansible says on a screen besides results. What no test has asked for is a fault: nobody else reads the screens of tests."""

from __future__ import annotations

import re
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Iterable

# With the lines behind, because ansible-core 2.18 breaks lines.
_WARNING = re.compile(r"\[(?P<old>DEPRECATION )?WARNING\]: (?P<text>.*(?:\n(?!\[).*){0,4})")

# The callback plugin of the leak matrix looks at everything, also at what is going to go away.
_LOOKED_AT = "The `CallbackTaskResult.task_fields` mapping is deprecated"

# What Ansible says of a plugin that gives it something of a kind that it does not keep, and what nobody should see.
_OUR_FAULT = re.compile(r"is unsupported in variable storage|Traceback \(most recent call last\)")

# Parts of the warnings that ansible-core gives by itself, and why. What is written here is not looked for in any test.
CORES_OWN = (
    "_protomatter'",  # 2.19 and later, of a collection of their own
    "No inventory was parsed",  # the playbooks of the collection need none
    "provided hosts list is empty",
    "Failed to parse inventory with 'yaml' plugin",  # what others say of an inventory file that ours has refused
    "Failed to parse inventory with 'ini' plugin",
    "with yaml plugin: Plugin configuration YAML file",  # the same on 2.18
    "with ini plugin: Invalid host pattern",
    "as an inventory source",
    "Deprecation warnings can be disabled",  # 2.19 and later, with a deprecation
    "There was a vault format error",  # 2.18, of a torn file, besides our error
    "On ansible-core 2.18 a template that fails in one item of this loop",  # ours, of each loop that has no file
)


def _squeezed(text: str) -> str:
    return re.sub(r"\s", "", text)


def unexpected(screen: str, expected: Iterable[str] = ()) -> list[str]:
    """Return warnings that have none of the expected texts in them, deprecations, tracebacks, and what comes from a fault of ours."""
    fine = [_squeezed(text) for text in (*CORES_OWN, *expected)]
    found = []
    for warning in _WARNING.finditer(screen):
        text = " ".join(warning["text"].split())
        known = text.startswith(_LOOKED_AT) if warning["old"] else any(part in _squeezed(text) for part in fine)
        if not known:
            found.append(text)
    return found + [match[0] for match in _OUR_FAULT.finditer(screen)]


def assert_quiet(screen: str, expected: Iterable[str] = ()) -> None:
    """Fail if there is something on the screen that no test has asked for, or if a warning that one expects is not there."""
    expected = list(expected)
    assert unexpected(screen, expected) == [], screen
    missing = [text for text in expected if _squeezed(text) not in _squeezed(screen)]
    assert missing == [], screen
