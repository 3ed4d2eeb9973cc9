# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What IPsec tunnels, GRE tunnels, interconnects and routes have in common, and what not; test_emulator_api.py has the rest of IPsec tunnels."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from ansible_collections.cloudflare.magic.tests.emulator.client import Emulator
from ansible_collections.cloudflare.magic.tests.unit.emulator.answers import errors, moment, result

NEW_TARGET = {"x-magic-new-hc-target": "true"}
VALIDATE = {"validate_only": "true"}
UNKNOWN = "0" * 32
ASN = {"customer_asn": 65001}
HEALTH_CHECK = {"enabled": True, "rate": "mid", "type": "reply", "direction": "bidirectional", "target": ""}


class Kind(NamedTuple):
    """How the answers of a kind look, a body that makes one, and what a new one has besides."""

    path: str
    plural: str
    singular: str
    code: int
    new: dict
    added: Any = None


IPSEC = Kind(
    "ipsec_tunnels",
    "ipsec_tunnels",
    "ipsec_tunnel",
    1032,
    {"name": "madrid-1", "cloudflare_endpoint": "203.0.113.1", "customer_endpoint": "198.51.100.77", "interface_address": "10.213.1.0/31"},
    {"health_check": HEALTH_CHECK, "psk_metadata": {}},
)
GRE = Kind(
    "gre_tunnels",
    "gre_tunnels",
    "gre_tunnel",
    1029,
    {"name": "madrid-gre-1", "cloudflare_gre_endpoint": "203.0.113.1", "customer_gre_endpoint": "198.51.100.78", "interface_address": "10.213.1.2/31"},
    {"health_check": HEALTH_CHECK, "ttl": 64, "mtu": 1476},
)
ROUTE = Kind("routes", "routes", "route", 1020, {"prefix": "10.30.0.0/16", "nexthop": "10.213.0.11", "priority": 100}, {})
INTERCONNECT = Kind("cf_interconnects", "interconnects", "interconnect", 7003, {})
KINDS = {kind.plural: kind for kind in (IPSEC, GRE, INTERCONNECT, ROUTE)}
CREATED = {kind.plural: kind for kind in (IPSEC, GRE, ROUTE)}
SUBJECTS = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
CREATABLE = pytest.mark.parametrize("kind", CREATED.values(), ids=CREATED.keys())


def one(emulator, kind):
    """Return the path of the first object that there is."""
    return "{}/{}".format(kind.path, emulator.state()[kind.plural][0]["id"])


def shown(emulator, path, **options):
    return next(iter(result(emulator.call("GET", path, **options)).values()))


def test_default_data(emulator):
    assert [tunnel["name"] for tunnel in emulator.gre_tunnels()] == ["vienna-gre-1", "vienna-gre-2"]
    assert [interconnect["name"] for interconnect in emulator.interconnects()] == ["frankfurt-1"]
    assert [(route["prefix"], route["nexthop"]) for route in emulator.routes()] == [
        ("10.10.0.0/16", "10.213.0.11"),
        ("10.10.0.0/16", "10.213.0.13"),
        ("10.20.0.0/24", "10.213.0.31"),
    ]


# --- reading and writing


@SUBJECTS
def test_list_and_get_show_the_same(emulator, kind):
    listed = result(emulator.call("GET", kind.path))
    assert set(listed) == {kind.plural}
    assert [item["id"] for item in listed[kind.plural]] == [item["id"] for item in emulator.state()[kind.plural]] != []
    for item in listed[kind.plural]:
        assert result(emulator.call("GET", f"{kind.path}/{item['id']}")) == {kind.singular: item}


@CREATABLE
def test_create_update_delete(emulator, kind):
    created = result(emulator.call("POST", kind.path, {**kind.new, "id": UNKNOWN, "unknown": 1}))
    computed = {"id", "created_on", "modified_on", "remote_identities"} & set(created)
    assert {name: value for name, value in created.items() if name not in computed} == {**kind.new, **kind.added}
    assert created["id"] != UNKNOWN and created["created_on"] == created["modified_on"]
    path = f"{kind.path}/{created['id']}"
    assert shown(emulator, path) == created

    changed = result(emulator.call("PUT", path, {**kind.new, "description": "new", "id": UNKNOWN, "unknown": 1}))
    assert set(changed) == {"modified", "modified_" + kind.singular} and changed["modified"] is True
    after = changed["modified_" + kind.singular]
    assert moment(after["modified_on"]) > moment(created["modified_on"])
    assert after == {**created, "description": "new", "modified_on": after["modified_on"]} == shown(emulator, path)

    gone = result(emulator.call("DELETE", path))
    assert gone == {"deleted": True, "deleted_" + kind.singular: after}
    assert created["id"] not in [item["id"] for item in emulator.state()[kind.plural]]


@SUBJECTS
def test_unknown_id(emulator, kind):
    before = emulator.state()
    calls: list[tuple[str, str, Any]] = [("GET", f"{kind.path}/{UNKNOWN}", None), ("PUT", f"{kind.path}/{UNKNOWN}", {})]
    first = emulator.state()[kind.plural][0]["id"]
    calls.append(("PUT", kind.path, {kind.plural: [{"id": first, "description": "x"}, {"id": UNKNOWN, "description": "x"}]}))
    if kind is ROUTE:
        calls.append(("DELETE", kind.path, {"routes": [{"id": first}, {"id": UNKNOWN}]}))
    if kind is not INTERCONNECT:
        calls.append(("DELETE", f"{kind.path}/{UNKNOWN}", None))
    for method, path, body in calls:
        answer = emulator.call(method, path, body)
        assert (answer.status_code, errors(answer)[0]["code"]) == (404, kind.code)
    assert emulator.state() == before


@SUBJECTS
def test_bulk_update(emulator, kind):
    ids = [item["id"] for item in emulator.state()[kind.plural]][:2]
    items = [{"id": item_id, "description": f"number {index}"} for index, item_id in enumerate(ids)]
    changed = result(emulator.call("PUT", kind.path, {kind.plural: items}))
    assert set(changed) == {"modified", "modified_" + kind.plural} and changed["modified"] is True
    assert [(item["id"], item["description"]) for item in changed["modified_" + kind.plural]] == [(item["id"], item["description"]) for item in items]
    alone = emulator.call("PUT", kind.path, {"id": ids[0], "description": "alone"})
    if kind is ROUTE:
        assert (alone.status_code, errors(alone)[0]["source"]) == (400, {"pointer": "/routes"})
    else:
        assert [item["description"] for item in result(alone)["modified_" + kind.plural]] == ["alone"]


def ids_of(emulator, kind):
    """Return the ids of two objects; of an interconnect there is a second one only now."""
    if kind is INTERCONNECT:
        seed = emulator.state()
        seed["interconnects"].append({**seed["interconnects"][0], "id": UNKNOWN, "name": "frankfurt-2", "interface_address": "10.213.0.42/31"})
        emulator.set_state(seed)
    return [item["id"] for item in emulator.state()[kind.plural]][:2]


# Kind, and the fields in which two objects take each other's place; each field alone would be a contradiction half of the way.
SWAPS = {
    "IPsec names": (IPSEC, ("name",)),
    "IPsec insides": (IPSEC, ("interface_address",)),
    "IPsec endpoints": (IPSEC, ("cloudflare_endpoint", "customer_endpoint")),
    "IPsec, all": (IPSEC, ("name", "interface_address", "cloudflare_endpoint", "customer_endpoint")),
    "GRE names": (GRE, ("name",)),
    "GRE insides": (GRE, ("interface_address",)),
    "GRE, all": (GRE, ("name", "interface_address", "customer_gre_endpoint", "cloudflare_gre_endpoint")),
    "interconnects' names": (INTERCONNECT, ("name",)),
    "interconnects' insides": (INTERCONNECT, ("interface_address",)),
    "routes' next hops": (ROUTE, ("nexthop",)),
}


@pytest.mark.parametrize("validate_only", [False, True])
@pytest.mark.parametrize("kind, names", SWAPS.values(), ids=SWAPS.keys())
def test_bulk_update_may_swap(emulator, kind, names, validate_only):
    ids = ids_of(emulator, kind)
    before = emulator.state()
    first, second = ({name: item[name] for name in names} for item in before[kind.plural][:2])
    assert all(first[name] != second[name] for name in names)
    # One after the other is refused: that is why it must be one request.
    refused = emulator.call("PUT", f"{kind.path}/{ids[0]}", second)
    assert (refused.status_code, errors(refused)[0]["code"]) == (400, 1022)
    bodies = {kind.plural: [{"id": ids[0], **second}, {"id": ids[1], **first}]}
    changed = result(emulator.call("PUT", kind.path, bodies, params=VALIDATE if validate_only else None))["modified_" + kind.plural]
    assert [{name: item[name] for name in names} for item in changed] == [second, first]
    if validate_only:
        assert emulator.state() == before
    else:
        assert [{name: item[name] for name in names} for item in emulator.state()[kind.plural][:2]] == [second, first]


@pytest.mark.parametrize("name, values", [("priority", (100, 200)), ("scope", ({"colo_names": ["den01"]}, {"colo_names": ["fra01"]}))])
def test_routes_of_one_prefix_may_swap(emulator, name, values):
    """Two that nothing but this tells apart."""
    made = result(emulator.call("POST", "routes", {"routes": [{**ROUTE.new, name: value} for value in values]}))["routes"]
    turned = [{**ROUTE.new, "id": route["id"], name: value} for route, value in zip(made, values[::-1])]
    assert errors(emulator.call("PUT", f"routes/{made[0]['id']}", turned[0]))[0]["source"]["pointer"] == "/prefix"
    assert [route[name] for route in result(emulator.call("PUT", "routes", {"routes": turned}))["modified_routes"]] == list(values[::-1])
    # And both alike are refused, whichever of them moves.
    before = emulator.state()
    for route in made:
        alike = {"routes": [{"id": other["id"], name: values[0]} for other in made if other is not route] + [{"id": route["id"], name: values[0]}]}
        assert errors(emulator.call("PUT", "routes", alike))[0]["code"] == 1022
    assert emulator.state() == before


# --- many new ones at once


def several(kind, count):
    """Return bodies of new objects that do not get into each other's way."""
    if kind is ROUTE:
        return [{**kind.new, "prefix": f"10.{30 + number}.0.0/16"} for number in range(count)]
    customer = "customer_endpoint" if kind is IPSEC else "customer_gre_endpoint"
    return [
        {**kind.new, "name": f"madrid-{number}", "interface_address": f"10.213.1.{number * 2}/31", customer: f"198.51.100.{100 + number}"}
        for number in range(count)
    ]


@CREATABLE
@pytest.mark.parametrize("count", [0, 1, 4])
def test_bulk_create(emulator, kind, count):
    bodies = several(kind, count)
    before = emulator.state()[kind.plural]
    made = result(emulator.call("POST", kind.path, {kind.plural: bodies}))
    assert list(made) == [kind.plural] and len({item["id"] for item in made[kind.plural]}) == count
    assert all(body.items() <= item.items() for body, item in zip(bodies, made[kind.plural], strict=True))
    assert [item["id"] for item in emulator.state()[kind.plural]] == [item["id"] for item in (*before, *made[kind.plural])]
    assert emulator.violations() == []


def test_bulk_create_of_interconnects_is_not_there(emulator):
    assert emulator.call("POST", "cf_interconnects", {"interconnects": []}).status_code == 405


BULK_CREATES: dict[str, tuple[Kind, Any, str]] = {
    "routes: no list": (ROUTE, {"routes": {}}, "/routes"),
    "routes: null": (ROUTE, {"routes": None}, "/routes"),
    "routes: no object": (ROUTE, {"routes": [*several(ROUTE, 3), "x"]}, "/routes/3"),
    "routes: no prefix": (ROUTE, {"routes": [*several(ROUTE, 3), {"nexthop": "10.213.0.11", "priority": 1}]}, "/routes/3/prefix"),
    "routes: host bits": (ROUTE, {"routes": [*several(ROUTE, 3), {**ROUTE.new, "prefix": "10.99.0.1/16"}]}, "/routes/3/prefix"),
    "routes: nowhere": (ROUTE, {"routes": [*several(ROUTE, 3), {**ROUTE.new, "prefix": "10.99.0.0/16", "nexthop": "192.0.2.1"}]}, "/routes/3/nexthop"),
    "routes: one there already": (ROUTE, {"routes": [*several(ROUTE, 3), {**ROUTE.new, "prefix": "10.10.0.0/16"}]}, "/routes/3/prefix"),
    "routes: twice": (ROUTE, {"routes": [*several(ROUTE, 3), ROUTE.new]}, "/routes/0/prefix"),
    "routes: null inside": (ROUTE, {"routes": [*several(ROUTE, 3), {**ROUTE.new, "scope": {"colo_names": [None]}}]}, "/routes/3/scope/colo_names/0"),
    "IPsec: name twice": (IPSEC, {"ipsec_tunnels": [*several(IPSEC, 2), {**several(IPSEC, 3)[2], "name": "madrid-1"}]}, "/ipsec_tunnels/1/name"),
    "GRE: inside taken": (GRE, {"gre_tunnels": [{**GRE.new, "interface_address": "10.213.0.10/31"}]}, "/gre_tunnels/0/interface_address"),
}


@pytest.mark.parametrize("validate_only", [False, True])
@pytest.mark.parametrize("kind, body, pointer", BULK_CREATES.values(), ids=BULK_CREATES.keys())
def test_bulk_create_refused(emulator, kind, body, pointer, validate_only):
    before = emulator.state()
    answer = emulator.call("POST", kind.path, body, params=VALIDATE if validate_only else None)
    error = errors(answer)[0]
    assert (answer.status_code, error["code"], error["source"]) == (400, 1022, {"pointer": pointer})
    assert emulator.state() == before and emulator.key_log() == []


def test_bulk_create_logs_each_key_once(emulator):
    bodies = [{**body, "psk": f"key-of-{body['name']}"} for body in several(IPSEC, 2)]
    for params in (VALIDATE, None):
        made = result(emulator.call("POST", "ipsec_tunnels", {"ipsec_tunnels": bodies}, params=params))["ipsec_tunnels"]
        assert all("psk" not in tunnel for tunnel in made)
    assert [(entry["tunnel_id"], entry["psk"], entry["how"]) for entry in emulator.key_log()] == [
        (tunnel["id"], body["psk"], "create") for tunnel, body in zip(made, bodies)
    ]


# --- bodies that are refused: kind, changes to the body that makes a new one, pointer

INVALID = {
    "GRE name too long": (GRE, {"name": "sixteen-letters-"}, "/name"),
    "GRE name taken": (GRE, {"name": "vienna-gre-1"}, "/name"),
    "GRE no customer endpoint": (GRE, {"customer_gre_endpoint": ...}, "/customer_gre_endpoint"),
    "GRE empty customer endpoint": (GRE, {"customer_gre_endpoint": ""}, "/customer_gre_endpoint"),
    "GRE no Cloudflare endpoint": (GRE, {"cloudflare_gre_endpoint": ...}, "/cloudflare_gre_endpoint"),
    "GRE endpoint no address": (GRE, {"cloudflare_gre_endpoint": "example"}, "/cloudflare_gre_endpoint"),
    "GRE no address": (GRE, {"interface_address": ...}, "/interface_address"),
    "GRE address without prefix": (GRE, {"interface_address": "10.213.1.0"}, "/interface_address"),
    "GRE mtu": (GRE, {"mtu": 575}, "/mtu"),
    "GRE mtu no number": (GRE, {"mtu": "1476"}, "/mtu"),
    "GRE ttl": (GRE, {"ttl": 0}, "/ttl"),
    "GRE ttl too large": (GRE, {"ttl": 256}, "/ttl"),
    "GRE null": (GRE, {"ttl": None}, "/ttl"),
    "GRE bgp": (GRE, {"bgp": {}}, "/bgp/customer_asn"),
    "GRE return routing": (GRE, {"automatic_return_routing": True}, "/automatic_return_routing"),
    "GRE pair taken": (GRE, {"cloudflare_gre_endpoint": "203.0.113.2", "customer_gre_endpoint": "198.51.100.21"}, "/customer_gre_endpoint"),
    "IPsec pair taken": (IPSEC, {"cloudflare_endpoint": "203.0.113.2", "customer_endpoint": "198.51.100.11"}, "/customer_endpoint"),
    "IPsec inside taken": (IPSEC, {"interface_address": "10.213.0.11/31"}, "/interface_address"),
    "IPsec inside taken by GRE": (IPSEC, {"interface_address": "10.213.0.30/30"}, "/interface_address"),
    "GRE inside taken by IPsec": (GRE, {"interface_address": "10.213.0.10/31"}, "/interface_address"),
    "GRE inside taken by an interconnect": (GRE, {"interface_address": "10.213.0.40/31"}, "/interface_address"),
    "GRE address with a netmask": (GRE, {"interface_address": "10.213.1.2/255.255.255.254"}, "/interface_address"),
    "GRE inside taken, IPv6": (GRE, {"interface_address6": "fd00:213::b/127"}, "/interface_address6"),
    "route no prefix": (ROUTE, {"prefix": ...}, "/prefix"),
    "route no nexthop": (ROUTE, {"nexthop": ...}, "/nexthop"),
    "route no priority": (ROUTE, {"priority": ...}, "/priority"),
    "route host bits": (ROUTE, {"prefix": "10.30.0.1/16"}, "/prefix"),
    "route host bits, IPv6": (ROUTE, {"prefix": "2001:db8::1/64"}, "/prefix"),
    "route no network": (ROUTE, {"prefix": "example"}, "/prefix"),
    "route mask too long": (ROUTE, {"prefix": "10.30.0.0/33"}, "/prefix"),
    "route nexthop no address": (ROUTE, {"nexthop": "10.213.0.11/31"}, "/nexthop"),
    "route nexthop nowhere": (ROUTE, {"nexthop": "192.0.2.1"}, "/nexthop"),
    "route nexthop empty": (ROUTE, {"nexthop": ""}, "/nexthop"),
    "route priority text": (ROUTE, {"priority": "100"}, "/priority"),
    "route priority negative": (ROUTE, {"priority": -1}, "/priority"),
    "route priority a boolean": (ROUTE, {"priority": True}, "/priority"),
    "route weight": (ROUTE, {"weight": 257}, "/weight"),
    "route scope": (ROUTE, {"scope": []}, "/scope"),
    "route scope, name": (ROUTE, {"scope": {"colo_names": ["den01", 1]}}, "/scope/colo_names/1"),
    "route scope, no list": (ROUTE, {"scope": {"colo_regions": "APAC"}}, "/scope/colo_regions"),
    "route null": (ROUTE, {"description": None}, "/description"),
    "route twice": (ROUTE, {"prefix": "10.10.0.0/16"}, "/prefix"),
    "route with a netmask": (ROUTE, {"prefix": "10.30.0.0/255.255.0.0"}, "/prefix"),
}


@pytest.mark.parametrize("validate_only", [False, True])
@pytest.mark.parametrize("kind, changes, pointer", INVALID.values(), ids=INVALID.keys())
def test_invalid(emulator, kind, changes, pointer, validate_only):
    body = {name: value for name, value in {**kind.new, **changes}.items() if value is not ...}
    calls = [("POST", kind.path, body, pointer)]
    if ... not in changes.values() and "bgp" not in changes:
        # The same for one that exists, alone and as the second of a list.
        ids = [item["id"] for item in emulator.state()[kind.plural]]
        calls.append(("PUT", f"{kind.path}/{ids[1]}", body, pointer))
        calls.append(("PUT", kind.path, {kind.plural: [{"id": ids[0]}, {**body, "id": ids[1]}]}, f"/{kind.plural}/1{pointer}"))
    before = emulator.state()
    for method, path, sent, where in calls:
        answer = emulator.call(method, path, sent, params=VALIDATE if validate_only else None)
        error = errors(answer)[0]
        assert (answer.status_code, error["code"], error["source"]) == (400, 1022, {"pointer": where})
        assert error["message"].startswith("Invalid Request: ")
    assert emulator.state() == before


INVALID_LISTS = {
    "routes: no list": ("PUT", "routes", {"routes": {}}, "/routes"),
    "routes: no object": ("PUT", "routes", {"routes": ["x"]}, "/routes/0"),
    "routes: no id": ("PUT", "routes", {"routes": [{}]}, "/routes/0/id"),
    "routes: twice": ("DELETE", "routes", {"routes": [{"id": "{id}"}, {"id": "{id}"}]}, "/routes/1/id"),
    "routes: delete without id": ("DELETE", "routes", {"routes": [{}]}, "/routes/0/id"),
    "routes: delete no list": ("DELETE", "routes", {"routes": "{id}"}, "/routes"),
    "routes: delete a list": ("DELETE", "routes", [{"id": "{id}"}], ""),
    "routes: delete an empty list": ("DELETE", "routes", [], ""),
    "routes: delete null": ("DELETE", "routes", {"routes": [{"id": None}]}, "/routes/0/id"),
    "interconnects: no list": ("PUT", "cf_interconnects", {"interconnects": {}}, "/interconnects"),
}


@pytest.mark.parametrize("method, path, body, pointer", INVALID_LISTS.values(), ids=INVALID_LISTS.keys())
def test_invalid_lists(emulator, method, path, body, pointer):
    before = emulator.state()
    first = before["routes"][0]["id"]
    if isinstance(body, dict) and isinstance(body["routes" if path == "routes" else "interconnects"], list):
        body = {"routes": [{"id": first} if item == {"id": "{id}"} else item for item in body["routes"]]}
    answer = emulator.call(method, path, body)
    assert (answer.status_code, errors(answer)[0]["code"], errors(answer)[0]["source"]) == (400, 1022, {"pointer": pointer})
    assert emulator.state() == before


def choose(emulator, **settings):
    seed = emulator.state()
    seed["settings"].update(settings)
    emulator.set_state(seed)


NAMES = {
    "IPsec as GRE": (IPSEC, "vienna-gre-1"),
    "GRE as IPsec": (GRE, "paris-1"),
    "GRE as an interconnect": (GRE, "frankfurt-1"),
    "IPsec as an interconnect": (IPSEC, "frankfurt-1"),
}


@pytest.mark.parametrize("kind, name", NAMES.values(), ids=NAMES.keys())
def test_one_name_space(emulator, kind, name):
    """By default for all tunnels and interconnects, as a choice for each kind alone."""
    created = result(emulator.call("POST", kind.path, kind.new))
    body, path = {**kind.new, "name": name}, f"{kind.path}/{created['id']}"
    for method, where, pointer in (("PUT", path, "/name"), ("PUT", kind.path, f"/{kind.plural}/0/name")):
        sent = {kind.plural: [{"id": created["id"], "name": name}]} if where == kind.path else {"name": name}
        assert errors(emulator.call(method, where, sent))[0]["source"]["pointer"] == pointer
    emulator.call("DELETE", path)
    assert errors(emulator.call("POST", kind.path, body))[0]["source"]["pointer"] == "/name"
    # Those that share a name already can be changed, and go on sharing it.
    choose(emulator, one_name_space=False)
    created = result(emulator.call("POST", kind.path, body))
    assert created["name"] == name
    choose(emulator, one_name_space=True)
    assert result(emulator.call("PUT", f"{kind.path}/{created['id']}", {"name": name, "description": "x"}))["modified"] is True


def test_an_interconnect_takes_no_tunnels_name(emulator):
    for name in ("paris-1", "vienna-gre-1"):
        assert errors(emulator.call("PUT", one(emulator, INTERCONNECT), {"name": name}))[0]["source"]["pointer"] == "/name"
    choose(emulator, one_name_space=False)
    assert result(emulator.call("PUT", one(emulator, INTERCONNECT), {"name": "paris-1"}))["modified"] is True


def test_overlapping_insides_as_a_choice(emulator):
    body = {**GRE.new, "interface_address": "10.213.0.10/31", "interface_address6": "fd00:213::b/127"}
    refused = errors(emulator.call("POST", "gre_tunnels", body))
    assert refused[0]["source"]["pointer"] == "/interface_address"
    choose(emulator, overlapping_insides=True)
    assert result(emulator.call("POST", "gre_tunnels", body))["interface_address"] == "10.213.0.10/31"


MD5 = ["guards", "a", "!@#$%^&*()+[]{}<>/.,;:_-~`= \\|'", "x" * 100]
NO_MD5 = ["?", 'a"b', "a\n", "\n", "a\tb", "\x0b", "\x0c", "\r", "\x00", "\x7f", "\u00e4", "\U0001f600", 5, ["a"]]


@pytest.mark.parametrize("key", MD5)
def test_characters_of_md5_key(emulator, key):
    for kind in (IPSEC, GRE):
        assert result(emulator.call("POST", kind.path, {**kind.new, "bgp": {**ASN, "md5_key": key}}))["bgp"]["md5_key"] == key


@pytest.mark.parametrize("key", NO_MD5)
def test_no_characters_of_md5_key(emulator, key):
    before = emulator.state()
    calls = [("POST", kind.path, {**kind.new, "bgp": {**ASN, "md5_key": key}}) for kind in (IPSEC, GRE)]
    calls.append(("PUT", one(emulator, IPSEC), {"bgp": {**ASN, "md5_key": key}}))
    for method, path, body in calls:
        assert errors(emulator.call(method, path, body))[0]["source"]["pointer"] == "/bgp/md5_key"
    assert emulator.state() == before


def test_a_tunnel_without_customer_endpoint_shares_the_other_one(emulator):
    for number, name in enumerate(("madrid-1", "madrid-2")):
        body = {"name": name, "cloudflare_endpoint": "203.0.113.1", "interface_address": f"10.213.1.{number * 2}/31"}
        assert "customer_endpoint" not in result(emulator.call("POST", "ipsec_tunnels", body))


def test_what_was_wrong_before_does_not_stop_a_change(emulator):
    seed = emulator.state()
    model = seed["gre_tunnels"][0]
    seed["gre_tunnels"].append({**model, "id": UNKNOWN})
    seed["routes"].append({**seed["routes"][0], "id": UNKNOWN, "nexthop": "192.0.2.1"})
    emulator.set_state(seed)
    same = {name: model[name] for name in GRE.new}
    assert result(emulator.call("PUT", "gre_tunnels/" + UNKNOWN, {**same, "mtu": 1400}))["modified_gre_tunnel"]["mtu"] == 1400
    assert result(emulator.call("PUT", "routes/" + UNKNOWN, {"priority": 7}))["modified_route"]["priority"] == 7


# --- what becomes of values: kind, what is sent, what is shown (...: nothing)

KEPT: dict[str, tuple] = {
    "IPv6 endpoint": (GRE, {"customer_gre_endpoint": "2001:DB8:0:0::00FF"}, {"customer_gre_endpoint": "2001:db8::ff"}),
    "IPv6 endpoints of IPsec": (
        IPSEC,
        {"cloudflare_endpoint": "2001:0DB8::1", "customer_endpoint": "2001:DB8::2"},
        {"cloudflare_endpoint": "2001:db8::1", "customer_endpoint": "2001:db8::2"},
    ),
    "inside": (GRE, {"interface_address": "10.213.1.3/31"}, {"interface_address": "10.213.1.3/31"}),
    "IPv6 inside": (GRE, {"interface_address6": "FD00:0213:0::0040/127"}, {"interface_address6": "fd00:213::40/127"}),
    "target": (GRE, {"health_check": {"target": "2001:DB8::A"}}, {"health_check": {**HEALTH_CHECK, "target": "2001:db8::a"}}),
    "bgp": (GRE, {"bgp": ASN}, {"bgp": {**ASN, "md5_key": "", "extra_prefixes": []}}),
    "bgp of IPsec": (IPSEC, {"bgp": {**ASN, "md5_key": "x"}}, {"bgp": {**ASN, "md5_key": "x", "extra_prefixes": []}}),
    "bgp prefixes": (
        IPSEC,
        {"bgp": {**ASN, "extra_prefixes": ["2001:DB8:0::/48", "192.0.2.1"]}},
        {"bgp": {**ASN, "md5_key": "", "extra_prefixes": ["2001:db8::/48", "192.0.2.1/32"]}},
    ),
    "unknown field inside": (IPSEC, {"bgp": {**ASN, "unknown": 1}}, {"bgp": {**ASN, "md5_key": "", "extra_prefixes": []}}),
    "prefix": (ROUTE, {"prefix": "2001:DB8:0::/48"}, {"prefix": "2001:db8::/48"}),
    "host": (ROUTE, {"prefix": "10.30.0.1"}, {"prefix": "10.30.0.1/32"}),
    "IPv6 host": (ROUTE, {"prefix": "2001:db8::1"}, {"prefix": "2001:db8::1/128"}),
    "IPv6 nexthop": (ROUTE, {"nexthop": "FD00:213::0b"}, {"nexthop": "fd00:213::b"}),
    "nexthop in GRE": (ROUTE, {"nexthop": "10.213.0.31"}, {"nexthop": "10.213.0.31"}),
    "nexthop in an interconnect": (ROUTE, {"nexthop": "10.213.0.41"}, {"nexthop": "10.213.0.41"}),
    "priority 0": (ROUTE, {"priority": 0}, {"priority": 0}),
    "another priority": (ROUTE, {"prefix": "10.10.0.0/16", "priority": 200}, {"prefix": "10.10.0.0/16", "priority": 200}),
    "another scope": (
        ROUTE,
        {"prefix": "10.10.0.0/16", "priority": 100, "scope": {"colo_names": ["den01"]}},
        {"prefix": "10.10.0.0/16", "priority": 100, "scope": {"colo_names": ["den01"]}},
    ),
    "weight 0": (ROUTE, {"weight": 0}, {"weight": ...}),
    "scope": (ROUTE, {"scope": {"colo_names": ["den01"]}, "weight": 1}, {"scope": {"colo_names": ["den01"]}, "weight": 1}),
    "half of a scope": (ROUTE, {"scope": {"colo_names": [], "colo_regions": ["APAC"]}}, {"scope": {"colo_regions": ["APAC"]}}),
    "empty scope": (ROUTE, {"scope": {"colo_names": []}}, {"scope": ...}),
    "empty description": (ROUTE, {"description": ""}, {"description": ...}),
    "empty description of GRE": (GRE, {"description": "", "interface_address6": ""}, {"description": ..., "interface_address6": ...}),
    "no return routing": (GRE, {"automatic_return_routing": False}, {"automatic_return_routing": ...}),
    "no identity": (IPSEC, {"custom_remote_identities": {"fqdn_id": ""}}, {"custom_remote_identities": ...}),
}


@pytest.mark.parametrize("kind, sent, expected", KEPT.values(), ids=KEPT.keys())
def test_what_is_kept(emulator, kind, sent, expected):
    expected = {name: value for name, value in expected.items() if value is not ...}
    created = result(emulator.call("POST", kind.path, {**kind.new, **sent}))
    assert {name: created[name] for name in sent if name in created} == expected
    path = f"{kind.path}/{created['id']}"
    assert {name: value for name, value in shown(emulator, path).items() if name in sent} == expected
    seed = emulator.state()
    emulator.set_state(seed)
    assert emulator.state() == seed and shown(emulator, path) == created
    # Also where it is an update that sends it.
    result(emulator.call("DELETE", path))
    plain = result(emulator.call("POST", kind.path, kind.new))
    path = f"{kind.path}/{plain['id']}"
    updated = result(emulator.call("PUT", path, sent))["modified_" + kind.singular]
    if kind is GRE and "bgp" in sent:
        assert "bgp" not in updated
    else:
        assert {name: updated[name] for name in sent if name in updated} == expected


def test_unset(emulator):
    path = one(emulator, ROUTE)
    everything = {"description": "x", "weight": 3, "scope": {"colo_names": ["den01"]}}
    assert everything.items() <= result(emulator.call("PUT", path, everything))["modified_route"].items()
    after = result(emulator.call("PUT", path, {"description": "", "weight": 0, "scope": {}}))["modified_route"]
    assert set(after) == {"id", "prefix", "nexthop", "priority", "created_on", "modified_on"}


def test_bgp_of_a_gre_tunnel_is_set_at_its_creation_only(emulator):
    created = result(emulator.call("POST", "gre_tunnels", {**GRE.new, "bgp": ASN}))
    assert created["bgp_status"]["state"] == "BGP_DOWN"
    path = "gre_tunnels/" + created["id"]
    for other in ({"customer_asn": 1}, "of no meaning here"):
        assert result(emulator.call("PUT", path, {"bgp": other}))["modified_gre_tunnel"]["bgp"] == created["bgp"]
        assert result(emulator.call("PUT", "gre_tunnels", {"id": created["id"], "bgp": other}))["modified_gre_tunnels"][0]["bgp"] == created["bgp"]
    changed = result(emulator.call("PUT", one(emulator, IPSEC), {"bgp": {"customer_asn": 1}}))
    assert changed["modified_ipsec_tunnel"]["bgp"]["customer_asn"] == 1


@pytest.mark.parametrize(
    "kind, effective", [(IPSEC, "198.51.100.11"), (GRE, "198.51.100.21"), (INTERCONNECT, "10.213.0.41")], ids=["ipsec_tunnels", "gre_tunnels", "interconnects"]
)
def test_both_forms_of_the_health_check_target(emulator, kind, effective):
    path = one(emulator, kind)
    if kind is not INTERCONNECT:
        result(emulator.call("PUT", path, {"health_check": {"direction": "unidirectional"}}))
    assert shown(emulator, path)["health_check"]["target"] == ""
    assert shown(emulator, path, headers=NEW_TARGET)["health_check"]["target"] == {"effective": effective, "saved": ""}
    changed = result(emulator.call("PUT", path, {"health_check": {"target": {"saved": "192.0.2.7"}}}, headers=NEW_TARGET))["modified_" + kind.singular]
    assert changed["health_check"]["target"] == {"effective": "192.0.2.7", "saved": "192.0.2.7"}
    assert changed["health_check"]["rate"] == "mid" and shown(emulator, path)["health_check"]["target"] == "192.0.2.7"
    refused = emulator.call("PUT", path, {"health_check": {"target": "192.0.2.8"}}, headers=NEW_TARGET)
    assert errors(refused)[0]["source"]["pointer"] == "/health_check/target"


FAR_ENDS = {
    "10.213.9.10/31": "10.213.9.11",
    "10.213.9.11/31": "10.213.9.10",
    "10.213.9.13/30": "10.213.9.14",
    "10.213.9.14/30": "10.213.9.13",
    "10.213.9.12/30": "10.213.9.13",
}


@pytest.mark.parametrize("saved", ["", "192.0.2.7"])
@pytest.mark.parametrize("kind", [IPSEC, GRE], ids=["ipsec_tunnels", "gre_tunnels"])
@pytest.mark.parametrize("inside, far_end", FAR_ENDS.items())
def test_a_check_in_both_directions_asks_the_other_end(emulator, kind, inside, far_end, saved):
    """It ignores the target; what was saved counts again when the direction changes."""
    check = {"direction": "bidirectional", "target": {"saved": saved}}
    created = result(emulator.call("POST", kind.path, {**kind.new, "interface_address": inside, "health_check": check}, headers=NEW_TARGET))
    assert created["health_check"]["target"] == {"effective": far_end, "saved": saved}
    turned = {"health_check": {"direction": "unidirectional"}}
    changed = result(emulator.call("PUT", f"{kind.path}/{created['id']}", turned, headers=NEW_TARGET))["modified_" + kind.singular]
    outside = kind.new["customer_gre_endpoint" if kind is GRE else "customer_endpoint"]
    assert changed["health_check"]["target"] == {"effective": saved or outside, "saved": saved}


@pytest.mark.parametrize("kind", [IPSEC, GRE], ids=["ipsec_tunnels", "gre_tunnels"])
def test_the_target_of_a_check_in_both_directions_may_be_dropped(emulator, kind):
    choose(emulator, bidirectional_target="dropped")
    one_way, both = ({"health_check": {"direction": direction}} for direction in ("unidirectional", "bidirectional"))
    target = {"health_check": {"target": "192.0.2.7"}}
    created = result(emulator.call("POST", kind.path, {**kind.new, "health_check": {**both["health_check"], **target["health_check"]}}))
    path = f"{kind.path}/{created['id']}"
    assert created["health_check"]["target"] == "" and created["health_check"]["rate"] == "mid"
    # Also where the direction comes from the tunnel, or comes later than the target.
    for sent, kept in ((target, ""), (one_way, ""), (target, "192.0.2.7"), (both, ""), (one_way, "")):
        changed = result(emulator.call("PUT", path, sent))["modified_" + kind.singular]
        assert changed["health_check"]["target"] == kept
        changed = result(emulator.call("PUT", kind.path, {kind.plural: [{"id": created["id"], **sent}]}))["modified_" + kind.plural][0]
        assert changed["health_check"]["target"] == kept == shown(emulator, path)["health_check"]["target"]


def test_without_a_customer_endpoint_the_other_end_is_asked(emulator):
    body = {**IPSEC.new, "customer_endpoint": "", "health_check": {"direction": "unidirectional"}}
    assert result(emulator.call("POST", IPSEC.path, body, headers=NEW_TARGET))["health_check"]["target"] == {"effective": "10.213.1.1", "saved": ""}


def test_interconnect(emulator):
    path = one(emulator, INTERCONNECT)
    before = shown(emulator, path)
    assert before["gre"] == {"cloudflare_endpoint": "203.0.113.3"} and "direction" not in before["health_check"]
    body = {"mtu": 1500, "gre": {"cloudflare_endpoint": ""}, "name": "frankfurt-2", "colo_name": "ams01", "health_check": {"rate": "low"}}
    after = result(emulator.call("PUT", path, body))["modified_interconnect"]
    assert (after["mtu"], after["name"], after["colo_name"], after["health_check"]["rate"]) == (1500, "frankfurt-2", "fra01", "low")
    assert "gre" not in after and "direction" not in after["health_check"]
    for wrong, pointer in (({"name": ""}, "/name"), ({"mtu": 1}, "/mtu"), ({"interface_address": "10.213.0.10/31"}, "/interface_address")):
        assert errors(emulator.call("PUT", path, wrong))[0]["source"]["pointer"] == pointer


# --- routes


def test_bulk_delete(emulator):
    first, second, third = emulator.routes()
    gone = result(emulator.call("DELETE", "routes", {"routes": [{"id": third["id"]}, {"id": first["id"]}]}))
    assert set(gone) == {"deleted", "deleted_routes"} and gone["deleted"] is True
    assert [route["id"] for route in gone["deleted_routes"]] == [third["id"], first["id"]]
    assert emulator.routes() == [second] and emulator.violations() == []


@pytest.mark.parametrize("body", [None, {}, {"routes": []}])
def test_bulk_delete_that_names_no_route_empties_the_table(emulator, body):
    seed = emulator.state()
    seed["accounts"][1]["onboarded"] = True
    foreign = {**seed["routes"][0], "id": UNKNOWN, "account_id": Emulator.other_account_id}
    seed["routes"].append(foreign)
    emulator.set_state(seed)
    emulator.clear_violations()
    assert len(result(emulator.call("DELETE", "routes", body))["deleted_routes"]) == 3
    assert emulator.routes() == [foreign]
    wanted = {"None": [("missing", "")], "{}": [("required", "")]}.get(str(body), [])
    assert [(found["rule"], found["pointer"]) for found in emulator.violations()] == wanted


def test_a_tunnel_can_be_deleted_although_routes_point_at_it(emulator):
    route = emulator.routes()[2]
    result(emulator.call("DELETE", one(emulator, GRE)))
    assert emulator.routes()[2] == route
    result(emulator.call("PUT", "routes/" + route["id"], {"description": "still there", "nexthop": route["nexthop"]}))
    assert errors(emulator.call("POST", "routes", {**ROUTE.new, "nexthop": route["nexthop"]}))[0]["source"]["pointer"] == "/nexthop"


def test_a_scope_is_the_same_in_any_order(emulator):
    scoped = {**ROUTE.new, "scope": {"colo_names": ["den01", "fra01"]}}
    result(emulator.call("POST", "routes", scoped))
    plain = result(emulator.call("POST", "routes", ROUTE.new))
    turned = {"scope": {"colo_names": ["fra01", "den01", "fra01"], "colo_regions": []}}
    assert errors(emulator.call("POST", "routes", {**ROUTE.new, **turned}))[0]["source"]["pointer"] == "/prefix"
    assert errors(emulator.call("PUT", f"routes/{plain['id']}", turned))[0]["source"]["pointer"] == "/prefix"


def test_the_inside_of_another_account_is_no_nexthop(emulator):
    seed = emulator.state()
    seed["accounts"][1]["onboarded"] = True
    emulator.set_state(seed)
    answer = emulator.call("POST", f"/accounts/{Emulator.other_account_id}/magic/routes", ROUTE.new)
    assert errors(answer)[0]["source"]["pointer"] == "/nexthop"


# --- validate_only, the older form of answers, seeds

WRITES = {
    **{f"create {kind.plural}": ("POST", kind.path, kind, kind.new) for kind in CREATED.values()},
    **{f"update {kind.plural}": ("PUT", kind.path + "/{id}", kind, {"description": "changed"}) for kind in KINDS.values()},
    **{f"bulk {kind.plural}": ("PUT", kind.path, kind, {kind.plural: [{"id": "{id}", "description": "changed"}]}) for kind in KINDS.values()},
    **{f"create many {kind.plural}": ("POST", kind.path, kind, {kind.plural: [kind.new]}) for kind in CREATED.values()},
    **{f"delete {kind.plural}": ("DELETE", kind.path + "/{id}", kind, None) for kind in CREATED.values() if kind is not ROUTE},
}


@pytest.mark.parametrize("method, path, kind, body", WRITES.values(), ids=WRITES.keys())
def test_validate_only_changes_nothing(emulator, method, path, kind, body):
    item_id = emulator.state()[kind.plural][0]["id"]
    path = path.replace("{id}", item_id)
    if method == "PUT" and body and kind.plural in body:
        body = {kind.plural: [{**item, "id": item_id} for item in body[kind.plural]]}

    def shape(value):
        if isinstance(value, dict):
            return {name: shape(item) for name, item in value.items()}
        return [shape(item) for item in value] if isinstance(value, list) else type(value)

    before = emulator.state()
    promised = result(emulator.call(method, path, body, params=VALIDATE))
    assert emulator.state() == before
    assert shape(result(emulator.call(method, path, body))) == shape(promised)
    assert emulator.state() != before


@pytest.mark.parametrize("many", [False, True])
def test_the_deletion_of_routes_does_not_heed_validate_only(emulator, many):
    route_id = emulator.routes()[0]["id"]
    emulator.call("DELETE", "routes" if many else f"routes/{route_id}", {"routes": [{"id": route_id}]} if many else None, params=VALIDATE)
    assert route_id not in {route["id"] for route in emulator.routes()}


@CREATABLE
def test_older_form_of_create(emulator, kind):
    seed = emulator.state()
    seed["settings"]["legacy_create_shape"] = True
    emulator.set_state(seed)
    answer = result(emulator.call("POST", kind.path, kind.new))
    assert list(answer) == [kind.plural] and answer[kind.plural] == [shown(emulator, f"{kind.path}/{emulator.state()[kind.plural][-1]['id']}")]


BAD_SEEDS = {
    "setting": {"settings": {"legacy_create_shape": 1}},
    "unknown account": {"routes": [{"account_id": "x", **ROUTE.new}]},
    "no nexthop": {"routes": [{"account_id": "x", "prefix": "10.0.0.0/8", "priority": 1}]},
    "bad prefix": {"routes": [{"account_id": "x", **ROUTE.new, "prefix": "10.0.0.1/8"}]},
    "bad GRE tunnel": {"gre_tunnels": [{"account_id": "x", **GRE.new, "mtu": 1}]},
    "bad interconnect": {"interconnects": [{"account_id": "x", "name": "a", "interface_address": "x"}]},
}


@pytest.mark.parametrize("part", BAD_SEEDS.values(), ids=BAD_SEEDS.keys())
def test_bad_seeds(emulator, part):
    before = emulator.state()
    accounts = [] if part == BAD_SEEDS["unknown account"] else [{"id": "x", "name": "X"}]
    with pytest.raises(ValueError, match="seed|setting"):
        emulator.set_state({"accounts": accounts, **part})
    assert emulator.state() == before


def test_defaults_of_a_seed(emulator):
    tunnel = {"account_id": Emulator.account_id, **GRE.new}
    seed = emulator.state()
    emulator.set_state({**seed, "gre_tunnels": [tunnel], "routes": [], "interconnects": []})
    kept = emulator.gre_tunnels()[0]
    assert {**tunnel, **GRE.added}.items() <= kept.items() and kept["id"] and kept["created_on"]
