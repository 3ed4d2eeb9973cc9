# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Wrong designs: one message has all that is wrong, each with its place, and nothing is written. No message has a value that may be a secret."""

from __future__ import annotations

import datetime
import typing as t

import pytest
import yaml

from ansible_collections.cloudflare.magic.tests.unit.network.cloud import Cloud, seed

SECRET = "aKeyThatMustNotBeSeen0123456789"


def tunnel(number, **more):
    return {
        "id": f"{number:032x}",
        "name": f"site-{number}",
        "cloudflare_endpoint": "203.0.113.1",
        "customer_endpoint": f"198.51.100.{number}",
        "interface_address": f"10.213.0.{2 * number}/31",
        **more,
    }


def gre(number, **more):
    ends = {"cloudflare_gre_endpoint": "203.0.113.1", "customer_gre_endpoint": f"198.51.100.{number}"}
    return {"id": f"{number:032x}", "name": f"gre-{number}", "interface_address": f"10.213.0.{2 * number}/31", **ends, **more}


def route(number, **more):
    return {"id": f"{number:032x}", "prefix": f"10.{number}.0.0/16", "nexthop": f"10.213.0.{2 * number + 1}", "priority": 100, **more}


# What there is: seven IPsec tunnels, two GRE tunnels (8, 9), an interconnect, and routes; 1 and 2 are a pair of one prefix and next hop.
ACCOUNT = {
    "ipsec_tunnels": [*map(tunnel, range(1, 7)), tunnel(7, interface_address6="fd00:213::e/127")],
    "gre_tunnels": [gre(8, bgp={"customer_asn": 65001}), gre(9)],
    "interconnects": [{"id": "c" * 32, "name": "frankfurt", "interface_address": "10.213.1.0/31"}],
    "routes": [
        route(1),
        {**route(1), "id": "a1", "priority": 200},
        route(2, scope={"colo_names": ["den01"]}),
        {**route(2), "id": "a2", "scope": {"colo_regions": ["WEUR"]}},
        *map(route, range(3, 8)),
    ],
}
NEW = {"name": "new", "cloudflare_endpoint": "203.0.113.1", "customer_endpoint": "192.0.2.1", "interface_address": "10.214.0.0/31"}

# By what is wrong: the design as YAML or as data, and the beginnings of all that the message has to say.
TYPES = {
    "no dictionary": ("- ipsec_tunnels", ["config: is not a dictionary"]),
    "no such kind": ("ipsec_tunnel: []", ["config.ipsec_tunnel: there is no such option. Did you mean 'ipsec_tunnels'?"]),
    "a kind of the API": ("routes: []", ["config.routes: there is no such option"]),
    "no list": ("ipsec_tunnels: {name: a}", ["ipsec_tunnels: is not a list"]),
    "a text for a list": ("ipsec_tunnels: site-1", ["ipsec_tunnels: is not a list"]),
    "no items": ("ipsec_tunnels: [site-1]", ["ipsec_tunnels[0]: is not a dictionary"]),
    "an empty item": ("ipsec_tunnels: [{name: site-1}, null]", ["ipsec_tunnels[1]: is not a dictionary"]),
    "no such option": ("ipsec_tunnels: [{name: site-1, intrface_address: x}]", ["ipsec_tunnels[0].intrface_address: there is no such option. Did you mean"]),
    "an option of another kind": ("ipsec_tunnels: [{name: site-1, ttl: 64}]", ["ipsec_tunnels[0].ttl: there is no such option"]),
    "no such part": ("ipsec_tunnels: [{name: site-1, health_check: {rates: low}}]", ["ipsec_tunnels[0].health_check.rates: there is no such option"]),
    "a key that is no text": ("ipsec_tunnels: [{name: site-1, 7: x}]", ["ipsec_tunnels[0].7: there is no such option"]),
    "a computed field": ("ipsec_tunnels: [{name: site-1, customer_address: 10.0.0.1}]", ["ipsec_tunnels[0].customer_address: there is no such option"]),
    "a name that YAML reads as false": ("ipsec_tunnels: [{name: no}]", ["ipsec_tunnels[0].name: is not a string"]),
    "a name that YAML reads as a number": ("ipsec_tunnels: [{name: 1.10}]", ["ipsec_tunnels[0].name: is not a string"]),
    "a name that YAML reads as a date": ("ipsec_tunnels: [{name: 2026-01-01}]", ["ipsec_tunnels[0].name: is not a string"]),
    "a description that is a list": ("ipsec_tunnels: [{name: site-1, description: [a]}]", ["ipsec_tunnels[0].description: is not a string"]),
    "an address that YAML reads as a number": (
        "static_routes: [{prefix: 10.1, nexthop: 10.0}]",
        ["static_routes[0].prefix: is not a string", "static_routes[0].nexthop: is not a string"],
    ),
    "yes for a number": ("gre_tunnels: [{name: gre-8, ttl: yes}]", ["gre_tunnels[0].ttl: is not a whole number"]),
    "a part of a number": ("gre_tunnels: [{name: gre-8, mtu: 1476.5}]", ["gre_tunnels[0].mtu: is not a whole number"]),
    "an infinite number": ("gre_tunnels: [{name: gre-8, mtu: .inf}]", ["gre_tunnels[0].mtu: is not a whole number"]),
    "no number": ("gre_tunnels: [{name: gre-8, mtu: .nan}]", ["gre_tunnels[0].mtu: is not a whole number"]),
    "a number in words": ("static_routes: [{prefix: 10.1.0.0/16, nexthop: 10.213.0.3, priority: high}]", ["static_routes[0].priority: is not a whole number"]),
    "neither yes nor no": ("ipsec_tunnels: [{name: site-1, replay_protection: maybe}]", ["ipsec_tunnels[0].replay_protection: is neither true nor false"]),
    "a number for a flag": ("ipsec_tunnels: [{name: site-1, replay_protection: 2}]", ["ipsec_tunnels[0].replay_protection: is neither true nor false"]),
    "a text for a dictionary": ("ipsec_tunnels: [{name: site-1, health_check: often}]", ["ipsec_tunnels[0].health_check: is not a dictionary"]),
    "no such choice": (
        "ipsec_tunnels: [{name: site-1, health_check: {rate: often}}]",
        ["ipsec_tunnels[0].health_check.rate: 'often' is not one of low, mid, high"],
    ),
    "a list with a wrong item": (
        "ipsec_tunnels: [{name: site-1, bgp: {customer_asn: 1, extra_prefixes: [10.0.0.0/8, no]}}]",
        ["ipsec_tunnels[0].bgp.extra_prefixes[1]: is not a string"],
    ),
}
VALUES = {
    "an empty name": ("ipsec_tunnels: [{name: ' '}]", ["ipsec_tunnels[0].name: ' ' is empty"]),
    "too long a name": ("gre_tunnels: [{name: a-name-of-16-let}, {name: a-name-of-17-lette}]", ["gre_tunnels[1].name: 'a-name-of-17-lette' is longer than 15"]),
    "no address": (
        "ipsec_tunnels: [{name: site-1, customer_endpoint: 198.51.100.256}]",
        ["ipsec_tunnels[0].customer_endpoint: '198.51.100.256' is not an IP address"],
    ),
    "no prefix length": (
        "ipsec_tunnels: [{name: site-1, interface_address: 10.0.0.1}]",
        ["ipsec_tunnels[0].interface_address: '10.0.0.1' has no prefix length"],
    ),
    "too wide an inside": (
        "ipsec_tunnels: [{name: site-1, interface_address: 10.0.0.1/24}]",
        ["ipsec_tunnels[0].interface_address: '10.0.0.1/24' must have the prefix"],
    ),
    "host bits": (
        "static_routes: [{prefix: 10.1.2.0/16, nexthop: 10.213.0.3}]",
        ["static_routes[0].prefix: '10.1.2.0/16' has host bits set. Write 10.1.0.0/16."],
    ),
    "no prefix": ("static_routes: [{prefix: all, nexthop: 10.213.0.3}]", ["static_routes[0].prefix: 'all' is not a prefix"]),
    "no system number": ("ipsec_tunnels: [{name: site-1, bgp: {customer_asn: 0}}]", ["ipsec_tunnels[0].bgp.customer_asn: '0' is not an autonomous system"]),
    "half of bgp": ("ipsec_tunnels: [{name: site-1, bgp: {md5_key: x}}]", ["ipsec_tunnels[0].bgp: customer_asn is missing"]),
    "a wrong target": ("ipsec_tunnels: [{name: site-1, health_check: {target: {save: 10.0.0.1}}}]", ["ipsec_tunnels[0].health_check.target: "]),
    "an id with a slash": ("ipsec_tunnels: [{ipsec_tunnel_id: ../psk, description: x}]", ["ipsec_tunnels[0].ipsec_tunnel_id"]),
}
REFERENCES = {
    "nothing finds it": ("ipsec_tunnels: [{description: x}]", ["ipsec_tunnels[0].name: missing"]),
    "no next hop": ("static_routes: [{prefix: 10.1.0.0/16}]", ["static_routes[0].nexthop: missing"]),
    "no such id": ("ipsec_tunnels: [{ipsec_tunnel_id: abcd, name: x}]", ["ipsec_tunnels[0]: there is no IPsec tunnel with the id abcd"]),
    "a new one that lacks something": ("ipsec_tunnels: [{name: new, description: x}]", ["ipsec_tunnels[0].cloudflare_endpoint, interface_address: missing"]),
    "a new route without a priority": ("static_routes: [{prefix: 10.77.0.0/16, nexthop: 10.213.0.3}]", ["static_routes[0].priority: missing"]),
    "a new interconnect": (
        "interconnects: [{name: paris}]",
        ["interconnects[0]: there is no interconnect 'paris'. Cloudflare creates and deletes interconnects"],
    ),
    "no such tunnel": (
        "static_routes: [{prefix: 10.77.0.0/16, nexthop_tunnel: site-77, priority: 1}]",
        ["static_routes[0].nexthop_tunnel: there is no tunnel 'site-77'"],
    ),
    "an empty tunnel": ("static_routes: [{prefix: 10.77.0.0/16, nexthop_tunnel: '', priority: 1}]", ["static_routes[0].nexthop_tunnel: '' is empty"]),
    "two next hops": (
        "static_routes: [{prefix: 10.77.0.0/16, nexthop_tunnel: site-1, nexthop: 10.213.0.3, priority: 1}]",
        ["static_routes[0]: nexthop_tunnel and nexthop have the same meaning"],
    ),
    "no IPv6 inside": (
        "static_routes: [{prefix: '2001:db8::/32', nexthop_tunnel: site-1, priority: 1}]",
        ["static_routes[0].nexthop_tunnel: the tunnel 'site-1' has no inner IPv6"],
    ),
    "IPv6 over IPv4": (
        "static_routes: [{prefix: '2001:db8::/32', nexthop: 10.213.0.3, priority: 1}]",
        ["static_routes[0].nexthop: The prefix 2001:db8::/32 is IPv6"],
    ),
    "a next hop in no tunnel": (
        "static_routes: [{prefix: 10.77.0.0/16, nexthop: 10.99.0.1, priority: 1}]",
        ["static_routes[0].nexthop: 10.99.0.1 is not an inner address of any tunnel"],
    ),
    "Cloudflare's end": (
        "static_routes: [{prefix: 10.77.0.0/16, nexthop: 10.213.0.2, priority: 1}]",
        ["static_routes[0].nexthop: nexthop 10.213.0.2 is Cloudflare's end"],
    ),
    "a tunnel that moves away": (
        "{ipsec_tunnels: [{name: site-3, interface_address: 10.214.0.0/31}], static_routes: [{prefix: 10.3.0.0/16, nexthop: 10.213.0.7}]}",
        ["static_routes[0].nexthop: 10.213.0.7 is not an inner address of any tunnel"],
    ),
    "two routes": ("static_routes: [{prefix: 10.1.0.0/16, nexthop: 10.213.0.3, weight: 1}]", ["static_routes[0]: 2 routes have the prefix"]),
    "two routes of one priority": (
        "static_routes: [{prefix: 10.2.0.0/16, nexthop: 10.213.0.5, priority: 100}]",
        ["static_routes[0]: 2 routes have the prefix"],
    ),
}
CONTRADICTIONS = {
    "a name twice": ("ipsec_tunnels: [{name: site-1}, {name: site-2}, {name: site-1}]", ["ipsec_tunnels[2].name: 'site-1' is also used by ipsec_tunnels[0]"]),
    "an id twice": (
        "static_routes: [{static_route_id: a1, weight: 1}, {route_id: a1, weight: 2}]",
        ["static_routes[1].static_route_id: 'a1' is also used by static_routes[0]"],
    ),
    "two names of one id": (
        "static_routes: [{static_route_id: a1, route_id: a2, weight: 1}]",
        ["static_routes[0]: static_route_id and route_id are the same option"],
    ),
    "an object twice": (f"ipsec_tunnels: [{{name: site-1}}, {{ipsec_tunnel_id: '{1:032x}'}}]", ["matches the same IPsec tunnel as"]),
    "a route twice": (
        "static_routes: [{prefix: 10.77.0.0/16, nexthop: 10.213.0.3, priority: 1}, {prefix: 10.77.0.0/16, nexthop: 10.213.0.3, priority: 1}]",
        ["static_routes[1]: is the same route as static_routes[0]"],
    ),
    "an existing route twice": (
        "static_routes: [{prefix: 10.3.0.0/16, nexthop_tunnel: site-3}, {prefix: 10.3.0.0/16, nexthop: 10.213.0.7, priority: 100}]",
        ["matches the same route as static_routes[0]"],
    ),
    "two of one name": (
        f"ipsec_tunnels: [{{ipsec_tunnel_id: '{1:032x}', name: x}}, {{ipsec_tunnel_id: '{2:032x}', name: x}}]",
        ["the name x is also used by ipsec_tunnels["],
    ),
    "one of the name of another": (
        f"ipsec_tunnels: [{{ipsec_tunnel_id: '{1:032x}', name: site-2}}]",
        ["ipsec_tunnels[0]: the name site-2 is also used by IPsec tunnel site-2"],
    ),
    "a name in two kinds": (
        {"ipsec_tunnels": [{"name": "site-1"}], "gre_tunnels": [{"gre_tunnel_id": f"{8:032x}", "name": "site-1"}]},
        ["gre_tunnels[0]: the name site-1 is also used by ipsec_tunnels[0]"],
    ),
    "one inside two": (
        {"ipsec_tunnels": [NEW, {"name": "site-1", "interface_address": "10.214.0.1/30"}]},
        ["the inner network 10.214.0.0/31 is also used by"],
    ),
    "one inside two kinds": (
        {"ipsec_tunnels": [NEW], "gre_tunnels": [{"name": "gre-8", "interface_address": "10.214.0.1/31"}]},
        ["the inner network 10.214.0.0/31 is also used by"],
    ),
    "exchanged insides of two kinds": (
        "{ipsec_tunnels: [{name: site-1, interface_address: 10.213.0.16/31}], gre_tunnels: [{name: gre-8, interface_address: 10.213.0.2/31}]}",
        ["each needs a value that another one still uses, and no single request can change them all"],
    ),
    "exchanged names of two kinds": (
        f"{{ipsec_tunnels: [{{ipsec_tunnel_id: '{1:032x}', name: gre-8}}], gre_tunnels: [{{gre_tunnel_id: '{8:032x}', name: site-1}}]}}",
        ["each needs a value that another one still uses, and no single request can change them all"],
    ),
    "a ring over three kinds": (
        "{ipsec_tunnels: [{name: site-1, interface_address: 10.213.0.16/31}], gre_tunnels: [{name: gre-8, interface_address: 10.213.1.0/31}],"
        " interconnects: [{name: frankfurt, interface_address: 10.213.0.2/31}]}",
        ["each needs a value that another one still uses"],
    ),
    "what cannot be changed": ("gre_tunnels: [{name: gre-8, bgp: {customer_asn: 65002}}]", ["gre_tunnels[0].bgp: cannot be changed"]),
}
ELSEWHERE = {
    "a key in an item": ({"ipsec_tunnels": [{"name": "site-1", "psk": SECRET}]}, ["ipsec_tunnels[0].psk: is not part of a design, because keys are secret"]),
    "a key in a part": (
        {"ipsec_tunnels": [{"name": "site-1", "health_check": {"psk": SECRET}}]},
        ["ipsec_tunnels[0].health_check.psk: is not part of a design"],
    ),
    "a key in a text for a part": (
        {"ipsec_tunnels": [{"name": "site-1", "health_check": f"psk={SECRET}"}]},
        ["ipsec_tunnels[0].health_check.psk: is not part of"],
    ),
    "keys for all": ({"psks": {"site-1": SECRET}}, ["config.psks: there is no such option"]),
    "keys as items": ({"ipsec_tunnels": [SECRET]}, ["ipsec_tunnels[0]: is not a dictionary"]),
    "a key instead of a list": ({"ipsec_tunnels": SECRET}, ["ipsec_tunnels: is not a list"]),
    "a key instead of a part": ({"ipsec_tunnels": [{"name": "site-1", "bgp": SECRET}]}, ["ipsec_tunnels[0].bgp: is not a dictionary"]),
    "a key instead of a flag": ({"ipsec_tunnels": [{"name": "site-1", "replay_protection": SECRET}]}, ["ipsec_tunnels[0].replay_protection: is neither"]),
    "a key instead of a number": ({"gre_tunnels": [{"name": "gre-8", "mtu": SECRET}]}, ["gre_tunnels[0].mtu: is not a whole number"]),
    "a misspelt key": ({"ipsec_tunnels": [{"name": "site-1", "pre_shared_key": SECRET}]}, ["ipsec_tunnels[0].pre_shared_key: there is no such option"]),
    "md5 with a wrong type": (
        {"ipsec_tunnels": [{"name": "site-1", "bgp": {"customer_asn": 1, "md5_key": [SECRET]}}]},
        ["ipsec_tunnels[0].bgp.md5_key: is not a string"],
    ),
    "credentials": (
        {"gre_tunnels": [{"name": "gre-8", "api_token": SECRET, "account_id": "x"}]},
        ["gre_tunnels[0].api_token: is not part", "gre_tunnels[0].account_id: is not"],
    ),
    "a state": ("ipsec_tunnels: [{name: site-1, state: absent}]", ["ipsec_tunnels[0].state: is not part of an item"]),
    "how to set a key": ("ipsec_tunnels: [{name: site-1, update_psk: always}]", ["ipsec_tunnels[0].update_psk: is not part of a design"]),
}
TABLE = {**TYPES, **VALUES, **REFERENCES, **CONTRADICTIONS, **ELSEWHERE}

# The same of states other than merged, with the options of the task.
STATES = {
    "too many deletions": (
        "static_routes: [{prefix: 10.1.0.0/16, nexthop: 10.213.0.3, priority: 100}]",
        "overridden",
        {},
        ["max_deletions: 8 objects would be deleted, and 5 is"],
    ),
    "too many of several kinds": (
        "{ipsec_tunnels: [{name: site-1}], gre_tunnels: [{name: gre-8}]}",
        "overridden",
        {},
        ["max_deletions: 7 objects would be deleted"],
    ),
    "no deletion is allowed": (
        "gre_tunnels: [{name: gre-8}]",
        "overridden",
        {"max_deletions": 0},
        ["max_deletions: 1 objects would be deleted, and 0 is", "GRE tunnel gre-9"],
    ),
    "too many are named": (
        {"ipsec_tunnels": [{"name": f"site-{number}"} for number in range(1, 8)]},
        "deleted",
        {},
        ["max_deletions: 7 objects would be deleted", "IPsec tunnel site-1, IPsec tunnel site-2", "leave them out of the design"],
    ),
    "an emptied kind": ("gre_tunnels: []", "overridden", {}, ["gre_tunnels: the list is empty, so all 2 would be deleted: gre-8, gre-9"]),
    "a route through a tunnel that goes": (
        "{ipsec_tunnels: [{name: site-1}, {name: site-2}, {name: site-3}, {name: site-4}, {name: site-5}, {name: site-6}],"
        " static_routes: [{prefix: 10.7.0.0/16, nexthop_tunnel: site-7}]}",
        "overridden",
        {"max_deletions": 50},
        ["static_routes[0].nexthop_tunnel: there is no tunnel 'site-7' any more"],
    ),
    "a next hop in a tunnel that goes": (
        "{gre_tunnels: [{name: gre-8}], static_routes: [{prefix: 10.77.0.0/16, nexthop: 10.213.0.19, priority: 1}]}",
        "overridden",
        {"max_deletions": 50},
        ["static_routes[0].nexthop: 10.213.0.19 is not an inner address of any tunnel"],
    ),
    "what a doomed one still has": (
        {"gre_tunnels": [{"name": "gre-8"}, {"name": "new", **{name: value for name, value in gre(9).items() if name not in ("id", "name")}}]},
        "overridden",
        {},
        ["gre_tunnels[1]: the inner network 10.213.0.18/31 is still used by GRE tunnel gre-9, which this run deletes last"],
    ),
    "a deleted interconnect": (
        "interconnects: [{name: frankfurt}]",
        "deleted",
        {},
        ["interconnects[0]: cannot be deleted here. Cloudflare creates and deletes interconnects"],
    ),
    "one of two routes": ("static_routes: [{prefix: 10.1.0.0/16, nexthop: 10.213.0.3}]", "deleted", {}, ["static_routes[0]: 2 routes have the prefix"]),
    "one of two scopes": (
        "static_routes: [{prefix: 10.2.0.0/16, nexthop: 10.213.0.5, priority: 100}]",
        "deleted",
        {},
        ["static_routes[0]: 2 routes have the prefix"],
    ),
    "no design": (None, "merged", {}, ["config: missing"]),
    "less than nothing": ("{}", "merged", {"max_deletions": -1}, ["max_deletions: -1 is less than 0"]),
    "no batch": ("{}", "merged", {"batch_size": 0}, ["batch_size: 0 is not from 1 to 1000"]),
}


def refused(config, state="merged", **options):
    """Return the message of a design that is refused; nothing of it is a secret, and nothing was written, nor asked with a write."""
    config = yaml.safe_load(config) if isinstance(config, str) else config
    messages = []
    for check in (True, False):
        cloud = Cloud(seed(**ACCOUNT))
        start = cloud.export()
        result = cloud.run(config, state, check=check, **options)
        assert result.get("failed"), result
        assert [str(request) for request in cloud.sent if request.is_write] == []
        assert cloud.export() == start
        assert SECRET not in repr({name: value for name, value in result.items() if name != "config"})
        assert SECRET not in " ".join(cloud.notices)
        messages.append(result["msg"])
    assert messages[0] == messages[1]
    return messages[1]


@pytest.mark.parametrize("label", TABLE)
def test_wrong_designs(label):
    config, expected = TABLE[label]
    message = refused(config)
    assert [text for text in expected if text not in message] == [], message
    assert message.startswith(("The design has ", "config: "))


@pytest.mark.parametrize("label", STATES)
def test_wrong_designs_of_other_states(label):
    config, state, options, expected = STATES[label]
    message = refused(config, state, **options)
    assert [text for text in expected if text not in message] == [], message


def test_there_are_enough_of_them():
    assert len(TABLE) + len(STATES) >= 45


def test_all_mistakes_are_in_one_message():
    """Each design of a table by itself is at place 0; here all items of one stage are in one design, each at a place of its own."""
    items: dict[str, list[t.Any]] = {}
    expected: list[str] = []
    for label in {**TYPES, **VALUES, **ELSEWHERE}:
        config, texts = TABLE[label]
        config = yaml.safe_load(config) if isinstance(config, str) else config
        if not isinstance(config, dict) or len(config) != 1 or "bgp: customer_asn is missing" in texts[0]:
            continue
        (kind, entries) = next(iter(config.items()))
        if not isinstance(entries, list) or len(entries) != 1:
            continue
        place = len(items.setdefault(kind, []))
        items[kind].append(
            entries[0] if not isinstance(entries[0], dict) else {name: value for name, value in entries[0].items() if (name, value) != ("name", "site-1")}
        )
        expected += [text.replace(f"{kind}[0]", f"{kind}[{place}]") for text in texts]
    message = refused(items)
    assert [text for text in expected if text not in message] == []
    assert len(expected) > 30


def test_all_mistakes_that_the_account_shows_are_in_one_message():
    config = {
        "ipsec_tunnels": [
            {"ipsec_tunnel_id": "abcd", "name": "x"},
            {"name": "new", "description": "x"},
            {"name": "site-1"},
            {"name": "site-1x", "bgp": {"md5_key": "x"}},
        ],
        "gre_tunnels": [{"name": "gre-8", "bgp": {"customer_asn": 65002}}],
        "interconnects": [{"name": "paris"}],
        "static_routes": [
            {"prefix": "10.77.0.0/16", "nexthop_tunnel": "site-77", "priority": 1},
            {"prefix": "10.78.0.0/16", "nexthop": "10.99.0.1", "priority": 1},
            {"prefix": "2001:db8::/32", "nexthop_tunnel": "site-1", "priority": 1},
            {"prefix": "10.1.0.0/16", "nexthop": "10.213.0.3"},
        ],
    }
    message = refused(config, "overridden", max_deletions=2)
    wanted = ["ipsec_tunnels[0]: ", "ipsec_tunnels[1].cloudflare_endpoint", "ipsec_tunnels[3].bgp: ", "gre_tunnels[0].bgp: ", "interconnects[0]: "]
    wanted += [
        "static_routes[0].nexthop_tunnel: ",
        "static_routes[1].nexthop: ",
        "static_routes[2].nexthop_tunnel: ",
        "static_routes[3]: 2 routes",
        "max_deletions: ",
    ]
    assert [text for text in wanted if text not in message] == [], message


def test_very_many_mistakes_do_not_flood_the_screen():
    message = refused({"ipsec_tunnels": [{"name": False}] * 300})
    assert "ipsec_tunnels[99].name" in message and "ipsec_tunnels[100].name" not in message and "And 200 more." in message


def test_what_nobody_can_read_is_shown_as_text():
    message = refused({"ipsec_tunnels": [{"name": "site-1", "customer_endpoint": "\x1b[31mred\x1b[0m\nnew line"}]})
    assert "\x1b" not in message and "\n" not in message


@pytest.mark.parametrize("value", [b"bytes", datetime.date(2026, 1, 1), object(), {1, 2}, (1, 2), 1j, 0.5])
def test_values_of_any_type_are_refused_and_not_taken(value):
    for name in ("name", "interface_address", "replay_protection", "health_check", "bgp"):
        message = refused({"ipsec_tunnels": [{**NEW, name: value}]})
        assert f"ipsec_tunnels[0].{name}: " in message, message
