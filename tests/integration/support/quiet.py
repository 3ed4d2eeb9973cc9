# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Ansible says on a screen besides results. A warning that no test has asked for is a fault: nobody else reads the screens of tests."""

from __future__ import annotations

import re

# With the lines behind, because ansible-core 2.18 breaks lines.
_WARNING = re.compile(r"\[(?:DEPRECATION )?WARNING\]: ((?:.*(?:\n|\Z)){1,3})")

# How the warnings begin that tests provoke, and look for where they belong.
_OURS = (
    "Cloudflare has replaced the key",
    "The answer with the key of tunnel",
    r"The new tunnel \S+ has no pre-shared key",
    r"\S+ has changed, but Ansible reads the files below group_vars",
    "On ansible-core 2.18 a template that fails",
    "An error in the expression of 'until'",
    "psks?:? .*is shorter than 32 characters",
    r"cloudflare\.magic\.\w+ works on the controller",
    "Keys are dated in the future",
    "filters.names: no tunnel is called",
    "These hosts have a part of their tunnel's id",
    "These groups have _group in their name",
    "Cloudflare dates the keys of these tunnels in the future",
    "Cloudflare's answer has fields in another form",
    r"The fields of these tunnels have a \{",
)
# What Ansible says of what these tests do on purpose, or of itself.
_ANSIBLES = (
    "Found variable using reserved name",
    r"Collection at '\S*_protomatter'",
    r"(\* )?Failed to parse (/|inventory with)",
    "Unable to parse /",
    "No inventory was parsed",
    "Invalid characters were found in group names",
)
EXPECTED = _OURS + _ANSIBLES


def unexpected(screen: str) -> list[str]:
    """Return the warnings, deprecations and tracebacks on a screen that no test has asked for."""
    texts = [" ".join(found[1].split()) for found in _WARNING.finditer(screen)]
    found = [text for text in texts if not any(re.match(words, text) for words in EXPECTED)]
    return found + ["Traceback"] * ("Traceback (most recent call last)" in screen)


def assert_quiet(screen: str) -> None:
    """Fail if there is something on the screen that no test has asked for."""
    assert unexpected(screen) == [], screen
