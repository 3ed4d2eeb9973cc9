# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What users get wrong: the answer says what and how to fix it, and nothing has changed."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import pytest
from conftest import MODULES, by_task, start_again, task, writes

NOBODY = "0" * 32
SECRET = "a-secret-that-must-not-be-shown"
LYON = {"name": "lyon-1", "cloudflare_endpoint": "203.0.113.1", "interface_address": "10.213.0.60/31"}
GRAZ = {"name": "graz-gre-1", "cloudflare_gre_endpoint": "203.0.113.1", "customer_gre_endpoint": "198.51.100.71", "interface_address": "10.213.0.70/31"}
WAY = {"prefix": "192.0.2.0/24", "nexthop": "10.213.0.11", "priority": 100}


@dataclass(frozen=True)
class Mistake:
    """One task that has to fail.

    Attributes:
        words: what the message has to say.
        sent: the methods of the requests that it makes.
        there: whether to make it as a module on another host, too.
    """

    label: str
    kind: str
    options: dict
    words: tuple[str, ...]
    sent: tuple[str, ...] = ()
    there: bool = False

    def variable(self, check: bool) -> str:
        return self.label.replace(" ", "_") + ("_check" if check else "")

    def phases(self, place: str) -> tuple[bool, ...]:
        """Live, and in check mode where that makes a difference."""
        return (False, True) if place == "here" and len(self.sent) > 1 else (False,)


MISTAKES = (
    # Found before anything is sent
    Mistake(
        "no length",
        "ipsec_tunnel",
        {**LYON, "interface_address": "10.213.0.60"},
        ("interface_address: '10.213.0.60' has no prefix length", "Add /31"),
        there=True,
    ),
    Mistake("length of a LAN", "gre_tunnel", {**GRAZ, "interface_address": "10.213.0.60/24"}, ("interface_address", "/31 (or /30)")),
    Mistake("name too long for GRE", "gre_tunnel", {**GRAZ, "name": "graz-backup-gre-1"}, ("name: 'graz-backup-gre-1' is longer than 15 characters",)),
    Mistake("empty name", "ipsec_tunnel", {**LYON, "name": ""}, ("name", "is empty")),
    Mistake("no prefix", "route", {**WAY, "prefix": "the Internet"}, ("prefix: 'the Internet' is not a prefix", "192.0.2.0/24")),
    Mistake("host bits", "route", {**WAY, "prefix": "192.0.2.130/24"}, ("prefix: '192.0.2.130/24' has host bits set", "Write 192.0.2.0/24"), there=True),
    Mistake("no address", "ipsec_tunnel", {**LYON, "customer_endpoint": "lyon.example.com"}, ("customer_endpoint: 'lyon.example.com' is not an IP address",)),
    Mistake("no target", "ipsec_tunnel", {**LYON, "health_check": {"target": ["10.0.0.1"]}}, ("health_check.target", "'saved'")),
    Mistake("nothing to find it by", "ipsec_tunnel", {"description": "Lyon"}, ("one of the following is required", "ipsec_tunnel_id", "name")),
    Mistake("half of what finds it", "route", {"prefix": "192.0.2.0/24"}, ("nexthop: missing", "static_route_id")),
    Mistake("an id with a slash", "route", {"route_id": "a/b"}, ("static_route_id", "another path")),
    Mistake("unknown option", "gre_tunnel", {**GRAZ, "psk": SECRET}, ("cloudflare.magic.gre_tunnel has no option 'psk'",)),
    Mistake("unknown part", "ipsec_tunnel", {**LYON, "health_check": {"interval": 5}}, ("health_check.interval", "nsupported parameters")),
    Mistake("no such rate", "ipsec_tunnel", {**LYON, "health_check": {"rate": "medium"}}, ("rate", "low, mid, high")),
    Mistake("short key", "ipsec_tunnel", {**LYON, "psk": "7letter"}, ("psk is shorter than 8 characters",)),
    Mistake("key that is a number", "ipsec_tunnel", {**LYON, "psk": 1234567890123456}, ("psk is not a string", "in quotes")),
    Mistake("key with a line break", "ipsec_tunnel", {**LYON, "psk": SECRET + "\n"}, ("psk contains a line break",)),
    Mistake("key for nothing", "ipsec_tunnel", {"name": "paris-1", "state": "absent", "psk": SECRET}, ("psk has no effect with state: absent",)),
    Mistake("http", "route", {**WAY, "api_url": "http://api.example.com/client/v4"}, ("api_url", "https://")),
    # Found by looking at what there is
    Mistake(
        "new without its addresses",
        "ipsec_tunnel",
        {"name": "lyon-1"},
        ("cloudflare_endpoint, interface_address: missing", "no such IPsec tunnel yet"),
        ("GET",),
        there=True,
    ),
    Mistake("new without its customer", "gre_tunnel", {"name": "graz-gre-1"}, ("customer_gre_endpoint", "missing", "no such GRE tunnel yet"), ("GET",)),
    Mistake("new without priority", "route", {"prefix": "192.0.2.0/24", "nexthop": "10.213.0.11"}, ("priority: missing", "no such route yet"), ("GET",)),
    Mistake(
        "two of one name",
        "ipsec_tunnel",
        {"name": "twin-1", "description": "which?"},
        ("2 IPsec tunnels have the name 'twin-1'", "a" * 32, "b" * 32, "ipsec_tunnel_id"),
        ("GET",),
    ),
    Mistake(
        "delete one of two", "gre_tunnel", {"name": "twin-gre-1", "state": "absent"}, ("2 GRE tunnels have the name 'twin-gre-1'", "gre_tunnel_id"), ("GET",)
    ),
    Mistake(
        "delete one of two routes",
        "route",
        {"prefix": "10.30.0.0/16", "nexthop": "10.213.0.11", "state": "absent"},
        ("2 routes have the prefix '10.30.0.0/16'", "static_route_id"),
        ("GET",),
    ),
    Mistake(
        "bgp of GRE",
        "gre_tunnel",
        {"name": "vienna-gre-2", "bgp": {"customer_asn": 65021}},
        ("bgp: cannot be changed", "state: absent", "interrupts its traffic"),
        ("GET",),
    ),
    Mistake("bgp of GRE afterwards", "gre_tunnel", {"name": "vienna-gre-1", "bgp": {"customer_asn": 65021}}, ("bgp: cannot be changed",), ("GET",)),
    Mistake("bgp without number", "ipsec_tunnel", {"name": "paris-1", "bgp": {"md5_key": "guards"}}, ("bgp: customer_asn is missing",), ("GET",)),
    Mistake(
        "no such IPsec tunnel",
        "ipsec_tunnel",
        {"ipsec_tunnel_id": NOBODY, "description": "x"},
        ("HTTP 404", "[1032]", "Check ipsec_tunnel_id"),
        ("GET",),
        there=True,
    ),
    Mistake("no such GRE tunnel", "gre_tunnel", {"gre_tunnel_id": NOBODY, "description": "x"}, ("HTTP 404", "[1029]", "Check gre_tunnel_id"), ("GET",)),
    Mistake("no such route", "route", {"route_id": NOBODY, "description": "x"}, ("HTTP 404", "[1020]", "Check static_route_id"), ("GET",)),
    Mistake(
        "absent in a wrong account", "route", {"route_id": NOBODY, "state": "absent", "account_id": "f" * 32}, ("HTTP 404", "[7003]", "account_id"), ("GET",)
    ),
    Mistake("unknown token", "ipsec_tunnel", {**LYON, "api_token": SECRET}, ("HTTP 403", "[9109]", "Magic WAN Write"), ("GET",), there=True),
    # Refused by the server, which says where
    Mistake(
        "token that only reads",
        "gre_tunnel",
        {**GRAZ, "api_token": "emulator-read-token"},
        ("HTTP 403", "[10000]", "'Magic WAN Write' or 'Magic Transit Write'"),
        ("GET", "POST"),
        there=True,
    ),
    Mistake(
        "delete by a token that only reads",
        "gre_tunnel",
        {"name": "vienna-gre-1", "state": "absent", "api_token": "emulator-read-token"},
        ("[10000]", "Magic WAN Write"),
        ("GET", "DELETE"),
    ),
    Mistake(
        "public address inside",
        "ipsec_tunnel",
        {**LYON, "interface_address": "8.8.8.8/31"},
        ("POST", "HTTP 400", "[1022]", "at /interface_address"),
        ("GET", "POST"),
        there=True,
    ),
    Mistake(
        "address of another tunnel",
        "ipsec_tunnel",
        {"name": "paris-1", "interface_address": "10.213.0.12/31"},
        ("PUT", "[1022]", "at /interface_address"),
        ("GET", "PUT"),
    ),
    Mistake("name of another tunnel", "ipsec_tunnel", {"ipsec_tunnel_id": "{{ paris }}", "name": "paris-2"}, ("PUT", "[1022]", "at /name"), ("GET", "PUT")),
    Mistake("blank in a name", "gre_tunnel", {**GRAZ, "name": "graz gre 1"}, ("[1022]", "at /name"), ("GET", "POST")),
    Mistake("small packets", "gre_tunnel", {**GRAZ, "mtu": 100}, ("[1022]", "at /mtu"), ("GET", "POST")),
    Mistake("next hop outside", "route", {**WAY, "nexthop": "10.99.0.1"}, ("[1022]", "at /nexthop"), ("GET", "POST")),
    Mistake(
        "identity of another form",
        "ipsec_tunnel",
        {"name": "paris-1", "custom_remote_identities": {"fqdn_id": "lyon.example.com"}},
        ("[1022]", "at /custom_remote_identities/fqdn_id"),
        ("GET", "PUT"),
    ),
)
PLACES = {"here": MISTAKES, "there": tuple(mistake for mistake in MISTAKES if mistake.there)}


@pytest.fixture(scope="module")
def runs(emulator, play):
    found = {}
    for place, mistakes in PLACES.items():
        start_again(emulator)
        state = emulator.state()
        for plural, name, address in (("ipsec_tunnels", "twin-1", "interface_address"), ("gre_tunnels", "twin-gre-1", "interface_address")):
            for number, letter in enumerate("ab"):
                state[plural].append({**copy.deepcopy(state[plural][0]), "id": letter * 32, "name": name, address: f"10.214.{len(name)}.{2 * number}/31"})
        state["routes"] += [{**state["routes"][0], "id": letter * 32, "prefix": "10.30.0.0/16", "priority": number} for number, letter in enumerate("ab")]
        emulator.set_state(state)
        before = emulator.state()
        tasks = [
            task(mistake.kind, mistake.options, mistake.variable(check), check_mode=check, ignore_errors=True)
            for mistake in mistakes
            for check in mistake.phases(place)
        ]
        played = play(tasks, hosts=[place], env=emulator.environment(), vars={"paris": emulator.tunnel("paris-1")["id"]})
        assert set(played.hosts) == {place}, played.screen
        found[place] = played, emulator.requests(), before, emulator.state()
    return found


EACH = pytest.mark.parametrize(
    ("place", "mistake"), [pytest.param(place, mistake, id=f"{place}-{mistake.variable(False)}") for place, mistakes in PLACES.items() for mistake in mistakes]
)


@EACH
def test_the_message_says_what_and_how_to_mend_it(runs, place, mistake):
    played = runs[place][0]
    for check in mistake.phases(place):
        result = played[place][mistake.variable(check)]
        assert result["failed"] is True
        assert result.get("changed") is False
        for word in mistake.words:
            assert word in result["msg"]
        assert played.shows(result["msg"])
        assert "Traceback" not in result.get("exception", "")


@pytest.mark.parametrize("place", PLACES)
def test_requests_are_exactly_these(runs, place):
    dummy_played, requests, dummy_before, dummy_after = runs[place]
    sent = [(request["method"], request["query"].get("validate_only")) for group in by_task(requests) for request in group]
    expected = []
    for mistake in PLACES[place]:
        for check in mistake.phases(place):
            expected += [(method, "true" if check and method != "GET" else None) for method in mistake.sent]
    assert sent == expected
    assert all(request["status"] >= 400 for request in writes(requests))


@pytest.mark.parametrize("place", PLACES)
def test_nothing_changed_and_no_secret_is_shown(runs, leaked, place):
    played, dummy_requests, before, after = runs[place]
    assert after == before
    assert leaked(played.written(), [SECRET, "emulator-write-token"]) == []


def test_what_is_absent_may_have_an_unknown_id(emulator, play):
    start_again(emulator)
    before = emulator.state()
    kinds = {"ipsec_tunnel": "ipsec_tunnel_id", "gre_tunnel": "gre_tunnel_id", "route": "static_route_id"}
    played = play([task(kind, {option: NOBODY, "state": "absent"}, kind) for kind, option in kinds.items()], env=emulator.environment())
    assert played.rc == 0, played.screen
    for kind in kinds:
        result = played["here"][kind]
        assert result["changed"] is False and MODULES[kind] not in result
    assert [request["method"] for request in emulator.requests()] == ["GET"] * 3
    assert emulator.state() == before
