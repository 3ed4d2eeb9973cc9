# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""On which ansible-cores a test of a target runs that is on all of them: ``@pytest.mark.cores("one")`` or ``("ends")``. TESTING.md has the rule."""

from __future__ import annotations

import os

# The classes of the ansible-core at hand, by the session that knows them. Anyone who runs pytest gets all tests.
CLASSES = os.environ.get("CORE_CLASSES", "all ends one").split()


def pytest_configure(config) -> None:
    config.addinivalue_line("markers", "cores(class): on which ansible-cores the test runs, as a target's aliases say it")


def pytest_collection_modifyitems(config, items) -> None:
    left_out = [item for item in items if any(mark.args[0] not in CLASSES for mark in item.iter_markers("cores"))]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
