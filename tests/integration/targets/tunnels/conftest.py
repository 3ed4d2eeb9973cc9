# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests share: the helpers of the target ``playbooks``, and an emulator whose account has all that can be switched on."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from pathlib import Path

import pytest


def _helpers():
    """Return the helpers of the target ``playbooks``; ansible-test copies only this target, so they are not always beside this file."""
    for entry in os.environ.get("ANSIBLE_COLLECTIONS_PATH", "").split(os.pathsep):
        folder = Path(entry, "ansible_collections", "cloudflare", "magic").absolute()
        if entry and (folder / "tests" / "emulator" / "client.py").is_file():
            break
    else:
        raise pytest.UsageError("Set ANSIBLE_COLLECTIONS_PATH to the folder that has ansible_collections/cloudflare/magic with its tests.")
    spec = importlib.util.spec_from_file_location("helpers_of_playbooks", folder / "tests" / "integration" / "targets" / "playbooks" / "conftest.py")
    module = importlib.util.module_from_spec(spec)
    # Where dataclasses look for the annotations of their class.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


playbooks = _helpers()

# Fixtures: a run of tasks in a folder of its own, and a search for secrets.
command, play, leaked = playbooks.command, playbooks.play, playbooks.leaked
Emulator, running = playbooks.Emulator, playbooks.running
LEAKS = playbooks.HERE.parent / "leaks"

MODULES = {"ipsec_tunnel": "ipsec_tunnel", "gre_tunnel": "gre_tunnel", "route": "static_route"}


@pytest.fixture(scope="session")
def _emulator():
    with running(rate_limit="1000000000/300") as emulator:
        yield emulator


def start_again(emulator: Emulator) -> None:
    """Return to the start, with an account that may use automatic_return_routing."""
    emulator.reset()
    state = emulator.state()
    state["accounts"][0]["coupler_integration"] = True
    emulator.set_state(state)


@pytest.fixture(scope="module")
def emulator(_emulator: Emulator):
    """The emulator as it starts. The tests of one file share what they do to it, and all that they send agrees with Cloudflare's description."""
    start_again(_emulator)
    yield _emulator
    assert _emulator.violations() == []


def task(kind: str, options: dict, register: str, **keywords) -> dict:
    """A task of the module that manages objects of this kind."""
    return {"name": register, f"cloudflare.magic.{MODULES.get(kind, kind)}": options, "register": register, **keywords}


def by_task(requests: list[dict]) -> list[list[dict]]:
    """Return the requests of each task: it reads once, and writes once or not at all."""
    groups: list[list[dict]] = []
    for request in requests:
        if request["method"] == "GET":
            groups.append([])
        groups[-1].append({**request, "json": json.loads(request["body"]) if request["body"] else None})
    return groups


def writes(requests: list[dict]) -> list[dict]:
    """Return the requests that change something, or that would if they were not only validated."""
    return [request for request in requests if request["method"] != "GET"]
