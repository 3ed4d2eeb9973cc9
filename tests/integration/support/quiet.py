# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Ansible says on a screen besides results. What no test has asked for is a fault: nobody else reads the screens of tests."""

from __future__ import annotations

import re

# With the lines behind, because ansible-core 2.18 breaks lines.
_WARNING = re.compile(r"\[(?P<old>DEPRECATION )?WARNING\]: (?P<text>.*(?:\n(?!\[).*){0,2})")

# The callback plugin of the leak matrix looks at everything, also at what is going to go away.
_LOOKED_AT = "The `CallbackTaskResult.task_fields` mapping is deprecated"

# What Ansible says of a plugin that gives it something of a kind that it does not keep, and what nobody should see.
_OUR_FAULT = re.compile(r"is unsupported in variable storage|Traceback \(most recent call last\)")

# How the warnings begin that the smoke of everything brings about, and why.
_SMOKE = (
    r"The new tunnel \S+ has no pre-shared key",  # until the next task makes one
    r"Collection at '\S*_protomatter'",  # ansible-core's own
    "No inventory was parsed",  # the playbooks of the collection need none
    "provided hosts list is empty",
)


def unexpected(screen: str, strict: bool = False) -> list[str]:
    """Return deprecations, tracebacks and what comes from a fault of ours; if strict, all warnings but those of a smoke."""
    found = []
    for warning in _WARNING.finditer(screen):
        text = " ".join(warning["text"].split())
        if (warning["old"] and not text.startswith(_LOOKED_AT)) or (strict and not any(re.match(words, text) for words in _SMOKE)):
            found.append(text)
    return found + [match[0] for match in _OUR_FAULT.finditer(screen)]


def assert_quiet(screen: str, strict: bool = False) -> None:
    """Fail if there is something on the screen that no test has asked for."""
    assert unexpected(screen, strict) == [], screen
