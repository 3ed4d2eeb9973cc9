# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fixtures: strongSwan, and a site with two tunnels."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING, Iterator

import pytest

from ansible_collections.cloudflare.magic.tests.emulator.client import running
from ansible_collections.cloudflare.magic.tests.ike import lab
from ansible_collections.cloudflare.magic.tests.ike.managed_site import LONG, TUNNELS, Site, block
from ansible_collections.cloudflare.magic.tests.ike.quick_python import quick_python

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def packages() -> Path | None:
    """Provide strongSwan, or skip and say why it cannot run here."""
    try:
        unpacked = lab.provide()
    except lab.CannotRun as reason:
        pytest.skip(f"real IKE cannot be tested here: {reason}")
    return unpacked


@pytest.fixture(scope="session")
def site(packages: Path | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site whose two tunnels exist at Cloudflare, and whose edge has been configured by the README's playbook. Each test leaves both ends in agreement."""
    folder = tmp_path_factory.mktemp("site")
    with running() as emulator, nullcontext(sys.executable) if LONG else quick_python(folder) as python:
        seed = emulator.state()
        for tunnel in seed["ipsec_tunnels"]:
            if tunnel["name"] in TUNNELS:
                # They never had a key.
                for field in ("psk", "psk_metadata"):
                    tunnel.pop(field, None)
        emulator.set_state(seed)
        ends = lab.Lab(folder, packages, emulator, TUNNELS)
        try:
            managed = folder / "managed"
            managed.mkdir()
            site = Site(managed, ends, python)
            site.write("edge.yml", block("roles/strongswan_edge/README.md", "edge.yml"))
            site.write("rotate.yml", block("roles/rotate_edge/README.md", "rotate.yml"))
            site.play("edge.yml")
            yield site
        finally:
            ends.close()
