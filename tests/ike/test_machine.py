# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests that need XFRM interfaces, in a virtual machine whose kernel has them, where this machine's kernel does not."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from ansible_collections.cloudflare.magic.tests.ike import lab, machine
from ansible_collections.cloudflare.magic.tests.ike.managed_site import LONG, ROOT
from ansible_collections.cloudflare.magic.tests.ike.test_new_site import MUST_HAVE_INTERFACES

# Without the help of the processor, it takes twelve minutes where the same takes 15 seconds outside.
LIMIT = 300.0 if machine.has_kvm() else 2700.0


def test_a_new_site_with_xfrm_interfaces(packages: Path | None) -> None:
    """The guide leads to a ping through XFRM interfaces."""
    if lab.has_xfrm_interfaces():
        pytest.skip("this kernel has XFRM interfaces, so test_new_site.py uses them")
    if not machine.has_kvm() and not LONG:
        pytest.skip("this kernel has no XFRM interfaces, and one in a virtual machine takes minutes without KVM: runs every night, or with IKE_LONG")
    try:
        root = machine.provide()
    except lab.CannotRun as reason:
        pytest.skip(f"this kernel has no XFRM interfaces, and there is no virtual machine with one: {reason}")
    kept = ("ANSIBLE_COLLECTIONS_PATH", "LC_ALL", "PATH", "PYTHONPATH")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    environment.update({"HOME": "/root", MUST_HAVE_INTERFACES: "1"})
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "-rs", "--tb=short", "--color=no", "tests/ike/test_new_site.py"]
    ended = machine.run(root, command, ROOT, packages, environment, LIMIT)
    assert ended.status == 0 and re.search(r"^1 passed in ", ended.output, re.MULTILINE), ended.output[-20000:]
