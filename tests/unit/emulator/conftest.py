# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One emulator for all tests of this folder, as it was at its start for each of them."""

from __future__ import annotations

import contextlib

import pytest

from ansible_collections.cloudflare.magic.tests.emulator.client import running

_RUNNING = contextlib.ExitStack()
_EMULATORS: list = []


def pytest_collection_finish(session):
    # Not in a session's fixture: ansible-test forks for each test, and each would start an emulator of its own.
    if session.items and not _EMULATORS:
        _EMULATORS.append(_RUNNING.enter_context(running()))


def pytest_sessionfinish(session):
    written = [emulator.errors() for emulator in _EMULATORS]
    _RUNNING.close()
    assert not any(written), written


@pytest.fixture
def emulator():
    shared = _EMULATORS[0]
    shared.reset()
    yield shared
    # Tests send bad requests on purpose; the answers must follow the description all the same.
    assert [found for found in shared.violations() if found["side"] == "answer"] == []
    assert shared.unmet() == []
    assert shared.errors() == ""
