# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What interconnects have that tunnels have not: versions, BGP in their updates, and where checks in both directions come from."""

from __future__ import annotations

import pytest

from ansible_collections.cloudflare.magic.tests.unit.emulator.answers import errors, result

SOURCE = {"direction": "bidirectional", "source": "10.0.0.9"}


@pytest.fixture
def newer(emulator):
    """The path of an interconnect of version 1.5, with a network of the account's own prefixes inside."""
    seed = emulator.state()
    old = seed["interconnects"][0]
    new = {**old, "id": "f" * 32, "name": "frankfurt-15", "version": "1.5", "interface_address": "198.51.100.2/31"}
    del new["gre"]
    seed["interconnects"].append(new)
    emulator.set_state(seed)
    yield "cf_interconnects/" + new["id"]
    assert emulator.violations() == []


def update(emulator, path, **fields):
    return result(emulator.call("PUT", path, fields))["modified_interconnect"]


def test_bgp(emulator, newer):
    old = "cf_interconnects/" + emulator.interconnects()[0]["id"]
    shown = update(emulator, old, bgp={"as_no": 65001, "cloudflare_endpoint": "10.0.0.1", "customer_endpoint": "10.0.0.2"})
    assert shown["bgp"] == {"customer_asn": 65001, "cloudflare_endpoint": "10.0.0.1", "customer_endpoint": "10.0.0.2", "extra_prefixes": [], "md5_key": ""}
    shown = update(emulator, newer, bgp={"customer_asn": 65002, "cloudflare_endpoint": "10.0.0.1", "md5_key": "x"})
    assert "bgp_status" not in shown
    ends = {"cloudflare_endpoint": "198.51.100.2", "customer_endpoint": "198.51.100.3"}
    assert shown["bgp"] == {"customer_asn": 65002, **ends, "extra_prefixes": [], "md5_key": "x"}, "derived from the inside"
    moved = update(emulator, newer, interface_address="10.9.0.5/31")
    assert (moved["bgp"]["cloudflare_endpoint"], moved["bgp"]["customer_endpoint"]) == ("10.9.0.5", "10.9.0.4")


def test_checks_in_both_directions(emulator, newer):
    assert {**SOURCE, "enabled": True, "rate": "mid", "type": "reply"}.items() <= update(emulator, newer, health_check=SOURCE)["health_check"].items()
    assert update(emulator, newer, mtu=1400)["health_check"]["source"] == "10.0.0.9"
    assert "source" not in update(emulator, newer, health_check={"direction": "unidirectional"})["health_check"]
    old = "cf_interconnects/" + emulator.interconnects()[0]["id"]
    assert update(emulator, old, health_check={"direction": "bidirectional"})["health_check"]["direction"] == "bidirectional"


REFUSED = {
    "a /30": ({"interface_address": "10.9.0.5/30"}, "/interface_address"),
    "gre": ({"gre": {"cloudflare_endpoint": "203.0.113.3"}}, "/gre"),
    "no source": ({"health_check": {"direction": "bidirectional"}}, "/health_check/source"),
    "a source for one direction": ({"health_check": {**SOURCE, "direction": "unidirectional"}}, "/health_check/source"),
    "a public source": ({"health_check": {**SOURCE, "source": "8.8.8.8"}}, "/health_check/source"),
    "no number": ({"bgp": {"md5_key": "x"}}, "/bgp/customer_asn"),
}


@pytest.mark.parametrize("body, pointer", REFUSED.values(), ids=REFUSED)
def test_refused_of_version_1_5(emulator, newer, body, pointer):
    before = emulator.state()
    assert errors(emulator.call("PUT", newer, body))[0]["source"]["pointer"] == pointer
    assert emulator.state() == before


def test_refused_of_version_1(emulator):
    old = "cf_interconnects/" + emulator.interconnects()[0]["id"]
    for body, pointer in (({"health_check": SOURCE}, "/health_check/source"), ({"interface_address": "198.51.100.2/31"}, "/interface_address")):
        assert errors(emulator.call("PUT", old, body))[0]["source"]["pointer"] == pointer
    seed = emulator.state()
    seed["interconnects"][0]["version"] = "3"
    with pytest.raises(ValueError, match="version is 1, 1.5 or 2"):
        emulator.set_state(seed)
