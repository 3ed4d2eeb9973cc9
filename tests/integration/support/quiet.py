# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Ansible says on a screen besides results. A warning that no test has asked for is a fault: nobody else reads the screens of tests."""

from __future__ import annotations

import os
import re

_LINE = re.compile(r"\[(?:DEPRECATION )?WARNING\]: (.*)")

# How the warnings begin that there may be, and why.
EXPECTED = ()


def unexpected(screen: str) -> list[str]:
    """Return the warnings, deprecations and tracebacks on a screen that no test has asked for."""
    found = [line[0] for line in _LINE.finditer(screen) if not any(re.match(words, line[1]) for words in EXPECTED)]
    return found + ["Traceback"] * ("Traceback (most recent call last)" in screen)


def assert_quiet(screen: str) -> None:
    """Fail if there is something on the screen that no test has asked for."""
    if log := os.environ.get("QUIET_LOG"):
        with open(log, "a", encoding="utf-8") as stream:
            stream.writelines(f"{line}\n" for line in unexpected(screen))
        return
    assert unexpected(screen) == [], screen
