# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fixtures of this target."""

from __future__ import annotations

from ansible_collections.cloudflare.magic.tests.integration.support.classes import pytest_collection_modifyitems, pytest_configure
from ansible_collections.cloudflare.magic.tests.integration.support.edge import edges
from ansible_collections.cloudflare.magic.tests.integration.support.playing import _emulator, checked_emulator, command, leaked, play

__all__ = ["_emulator", "checked_emulator", "command", "edges", "leaked", "play", "pytest_collection_modifyitems", "pytest_configure"]
