# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which texts are harmless to all that might take one for a template or a command: asked of every character that means something."""

from __future__ import annotations

import sys
import unicodedata

import pytest

from ansible_collections.cloudflare.magic.plugins.plugin_utils._hosts import is_harmless


@pytest.mark.parametrize("place", ["{}", "a {} a"])
def test_no_other_character_is_harmless(place):
    """Nor one that becomes another by normalization."""
    # Most numbers are no character yet, or one for private use: some of those stand for the others.
    asked = [chr(number) for number in range(sys.maxunicode + 1) if number % 97 == 0 or unicodedata.category(chr(number)) not in ("Cn", "Co", "Cs", "Lo")]
    assert len(asked) > 20000
    harmless = [character for character in asked if is_harmless(place.format(character))]
    assert len(harmless) > 5000
    assert all(character.isalpha() or character in "0123456789 _-" for character in harmless)
    assert not set("{}()[]%#'\"|\\$<>=.,:;@!&*~+?^`/\n") & set(unicodedata.normalize("NFKC", "".join(harmless)))
