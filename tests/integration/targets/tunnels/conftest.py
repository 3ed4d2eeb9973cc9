# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests share: an emulator whose account has all that can be switched on."""

from __future__ import annotations

import itertools
import json

import pytest

from ansible_collections.cloudflare.magic.tests.emulator.client import Emulator
from ansible_collections.cloudflare.magic.tests.integration.support import playing
from ansible_collections.cloudflare.magic.tests.integration.support.playing import command, leaked, play
from ansible_collections.cloudflare.magic.tests.integration.support.vault_site import _emulator

__all__ = ["_emulator", "command", "leaked", "play"]

LEAKS = playing.HERE.parent / "targets" / "leaks"

# Objects that the account does not have yet.
LYON = {"name": "lyon-1", "cloudflare_endpoint": "203.0.113.1", "interface_address": "10.213.0.60/31"}
NEW = {
    "ipsec_tunnel": LYON,
    "gre_tunnel": {
        "name": "graz-gre-1",
        "cloudflare_gre_endpoint": "203.0.113.1",
        "customer_gre_endpoint": "198.51.100.71",
        "interface_address": "10.213.0.70/31",
    },
    "route": {"prefix": "192.0.2.0/24", "nexthop": "10.213.0.11", "priority": 100},
}

# The modules, which are also the names of what they return.
MODULES = {"ipsec_tunnel": "ipsec_tunnel", "gre_tunnel": "gre_tunnel", "route": "static_route"}


# The warning on a new tunnel, until the next task creates a key.
NO_KEY = "has no pre-shared key"


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
    _emulator.check()


def task(kind: str, options: dict, register: str, **keywords) -> dict:
    """A task of the module that manages objects of this kind."""
    return {"name": register, f"cloudflare.magic.{MODULES.get(kind, kind)}": options, "register": register, **keywords}


def by_task(requests: list[dict]) -> list[list[dict]]:
    """Return the requests of each task: it reads once, and writes once or not at all.

    Left out: before a route gets a next hop, tunnels are read, too, to see whether it leads somewhere.
    """
    groups: list[list[dict]] = []
    for number, request in enumerate(requests):
        rest = requests[number:]
        looks = len(list(itertools.takewhile(lambda one: one["method"] == "GET" and one["path"].endswith(("_tunnels", "_interconnects")), rest)))
        write = rest[looks]["method"] != "GET" and "/routes" in rest[looks]["path"] if looks and rest[looks:] else False
        if write and "/routes" in groups[-1][0]["path"]:
            continue
        if request["method"] == "GET":
            groups.append([])
        groups[-1].append({**request, "json": json.loads(request["body"]) if request["body"] else None})
    return groups


def writes(requests: list[dict]) -> list[dict]:
    """Return the requests that change something, or that would if they were not only validated."""
    return [request for request in requests if request["method"] != "GET"]
