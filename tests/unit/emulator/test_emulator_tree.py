# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds beside tunnels and routes, as a tool such as Terraform uses them: create, read, change one field, delete in order; and what is refused."""

from __future__ import annotations

import json
import time
from types import MappingProxyType
from typing import Any, Mapping, NamedTuple

import pytest

from ansible_collections.cloudflare.magic.tests.emulator.tree import TREE
from ansible_collections.cloudflare.magic.tests.unit.emulator.answers import errors

UNKNOWN = "0" * 32
LAN = {"name": "office", "physport": 2, "static_addressing": {"address": "10.4.0.1/24"}}
TARGETS = ["10.0.0.0/8{9,24}", "2001:db8::/32"]
RULE = {"name": "rule-1", "type": "threshold", "prefixes": ["203.0.113.0/24"], "automatic_advertisement": False}


class Made(NamedTuple):
    """One object of a sequence.

    Attributes:
        label: what later ones call it.
        path: of all of its kind, with the ids of earlier ones as ``{label}``.
        body: that creates it; texts of the form ``{label}`` are ids.
        changes: fields that are changed one after the other, each by itself.
        shown: what the answers have for the fields of the body, where that differs.
        method: of an update in part; empty if there is none.
        single: there is one of it, and its path has no id.
        unread: there is no GET of one.
        id_name: of the field with the id.
    """

    label: str
    path: str
    body: Any
    changes: tuple[dict, ...] = ()
    shown: Mapping = MappingProxyType({})
    method: str = "PATCH"
    single: bool = False
    unread: bool = False
    id_name: str = "id"


HA = {"address": "10.4.0.2/24", "secondary_address": "10.4.0.3/24", "virtual_address": "10.4.0.1/24"}
SEQUENCE = (
    Made("filter", "bgp/filter_profiles", {"name": "f", "match_action": "allow", "targets": TARGETS}, ({"description": "d"}, {"targets": []}), method="PUT"),
    Made("first", "connectors", {"device": {"serial_number": "S-1"}}, ({"notes": "rack 1"}, {"timezone": "Europe/Oslo"}, {"activated": True}), {"device": ...}),
    Made(
        "second",
        "connectors",
        {"device": {"id": "d2"}, "activated": True},
        ({"interrupt_window_days_of_week": ["Sunday"]}, {"interrupt_window_embargo_dates": ["2026-12-24"]}, {"interrupt_window_duration_hours": 2.5}),
        {"device": {"id": "d2", "type": "MANAGED"}},
    ),
    Made(
        "app", "apps", {"name": "a", "type": "Internal"}, ({"hostnames": ["a.example"]}, {"ip_subnets": ["10.1.0.0/24"]}), unread=True, id_name="account_app_id"
    ),
    Made(
        "site",
        "sites",
        {"name": "s", "connector_id": "{first}", "ha_mode": True},
        ({"description": "d"}, {"name": "s-2"}, {"secondary_connector_id": "{second}"}, {"location": {"lat": "1", "lon": "2"}}, {"description": ""}),
    ),
    Made(
        "lan",
        "sites/{site}/lans",
        {"name": "l", "physport": 2, "static_addressing": HA},
        (
            {"is_breakout": True},
            {"is_prioritized": True},
            {"nat": {"static_prefix": "10.9.0.0/24"}},
            {"routed_subnets": [{"next_hop": "10.4.0.9", "prefix": "10.5.0.0/16"}]},
            {"static_addressing": {**HA, "dhcp_relay": {"server_addresses": ["10.0.0.9"]}}},
            {"vlan_tag": 7},
            {"vlan_tag": 0},
            {"bond_id": 1},
        ),
    ),
    Made("link", "sites/{site}/lans", {"name": "ha", "physport": 3, "ha_link": True, "static_addressing": HA}, ({"name": "ha-2"},)),
    Made(
        "wan",
        "sites/{site}/wans",
        {"physport": 1},
        (
            {"name": "w"},
            {"priority": 3},
            {"health_check_rate": "high"},
            {"load_balance_inner_flows": True},
            {"static_addressing": {"address": "198.51.100.2/29", "secondary_address": "198.51.100.3/29", "gateway_address": "198.51.100.1"}},
        ),
    ),
    Made(
        "acl",
        "sites/{site}/acls",
        {"name": "c", "lan_1": {"lan_id": "{lan}"}, "lan_2": {"lan_id": "{link}", "ports": [80]}},
        ({"protocols": ["tcp"]}, {"unidirectional": True}, {"forward_locally": True}, {"description": "d"}),
        {"lan_1": ..., "lan_2": ...},
    ),
    Made(
        "config",
        "sites/{site}/app_configs",
        {"account_app_id": "{app}", "breakout": True},
        ({"preferred_wans": ["{wan}"]}, {"priority": 1}),
        unread=True,
    ),
    Made("netflow", "sites/{site}/netflow_config", {"collector_ip": "10.0.0.9"}, ({"sampling_rate": 9}, {"active_timeout": 5}), single=True),
    Made("monitoring", "mnm/config", {"name": "m", "default_sampling": 1}, ({"default_sampling": 2.5}, {"router_ips": ["203.0.113.9"]}), single=True),
    Made("rule", "mnm/rules", RULE, ({"duration": "60m"}, {"bandwidth_threshold": 9}, {"prefixes": ["203.0.113.0/25"]})),
    Made(
        "tunnel",
        "ipsec_tunnels",
        {
            "name": "t",
            "cloudflare_endpoint": "203.0.113.1",
            "interface_address": "10.213.9.0/31",
            "bgp": {"customer_asn": 65001, "import_filter_id": "{filter}"},
        },
    ),
    Made("group", "redundancy_groups", {"name": "g", "members": [{"id": "{tunnel}", "type": "ipsec"}]}, shown={"members": ...}),
    Made("cf1", "cf1_sites", [{"name": "n", "location": {"lat": 59.9, "long": 10.7}}], ({"description": "d"}, {"name": "n-2"})),
    Made("ramp", "cf1_sites/{cf1}/ramps", [{"source_ramp_id": "{tunnel}", "type": "ipsec"}], shown={"source_ramp_id": ...}),
)


class Account:
    """The calls of one sequence.

    :ivar ids: of what there is, by label.
    """

    def __init__(self, emulator):
        self._emulator = emulator
        self.ids: dict[str, str] = {}

    def filled(self, value):
        """Return a value with ids in the places of labels."""
        text = json.dumps(value)
        for label, found in self.ids.items():
            text = text.replace(f"{{{label}}}", found)
        return json.loads(text)

    def call(self, method, path, body=None, **options):
        """Send a request; a path is below magic/ unless it names another part."""
        path = self.filled(path)
        whole = f"{self._emulator.url}/accounts/{self._emulator.account_id}/{path if path.startswith('mnm/') else 'magic/' + path}"
        headers = {"Authorization": "Bearer " + options.pop("token", self._emulator.write_token)}
        json_body = None if body is None else self.filled(body)
        return self._emulator._session.request(method, whole, json=json_body, headers=headers, timeout=10, **options)

    def result(self, method, path, body=None, **options):
        """Send a request that succeeds, and return its result."""
        answer = self.call(method, path, body, **options)
        assert answer.json()["success"] is True and answer.status_code in (200, 201), answer.text
        return answer.json()["result"]

    def refused(self, method, path, body=None, status=400, code=1022, **options):
        """Send a request that is refused, and return where in the body."""
        answer = self.call(method, path, body, **options)
        found = errors(answer)[0]
        assert (answer.status_code, found["code"]) == (status, code), answer.text
        return found.get("source", {}).get("pointer")

    def create(self, item):
        """Create an object, and return it."""
        made = self.result("POST", item.path, item.body)
        made = made[0] if isinstance(made, list) else made
        self.ids[item.label] = "" if item.single else made[item.id_name]
        return made

    def path(self, item):
        """Return the path of an object."""
        return item.path if item.single else f"{item.path}/{{{item.label}}}"

    def read(self, item):
        """Return an object as a GET has it: of it alone, where there is one."""
        if not item.unread:
            return self.result("GET", self.path(item))
        return next(found for found in self.result("GET", item.path) if found.get(item.id_name) == self.ids[item.label])


@pytest.fixture
def account(emulator):
    yield Account(emulator)


def without_times(found):
    return {name: value for name, value in found.items() if name not in ("modified_on", "last_updated", "last_heartbeat", "last_seen_version", "member_data")}


def test_a_whole_account(emulator, account):
    """As Terraform: create all in order, read each, change each field by itself, and delete all in the opposite order."""
    before = emulator.state()
    for item in SEQUENCE:
        made = account.create(item)
        body = account.filled(item.body[0] if isinstance(item.body, list) else item.body)
        expected = {**body, **item.shown}
        assert {name: made[name] for name, value in expected.items() if value is not ... and name != "bgp"} == {
            name: value for name, value in expected.items() if value is not ... and name != "bgp"
        }, item.label
        if item.label == "tunnel":
            continue
        found = account.read(item)
        assert without_times(found) == without_times(made)
        listed = account.result("GET", item.path)
        listed = listed["redundancy_groups"] if isinstance(listed, dict) and "redundancy_groups" in listed else listed
        assert item.single or without_times(found) in list(map(without_times, listed))
        for change in item.changes:
            change = account.filled(change)
            sent = {**RULE, **change} if item.label == "rule" else change
            after = account.result(item.method, account.path(item), sent)
            assert without_times(after) == {**without_times(found), **change}, (item.label, change)
            found = after
        assert without_times(account.read(item)) == without_times(found)
    assert {item.path.split("/")[-1] for item in SEQUENCE if item.label != "tunnel"} <= {kind.path.split("/")[-1] for kind in TREE}
    for item in reversed(SEQUENCE):
        account.result("DELETE", account.path(item))
        answer = account.call("DELETE", account.path(item))
        assert answer.status_code == 404, item.label
    assert emulator.state() == before and emulator.violations() == []


def test_what_is_in_use_stays(emulator, account):
    """In any other order, what is named by others, or has others, is not deleted."""
    for item in SEQUENCE:
        account.create(item)
        if item.label == "site":
            account.result("PATCH", "sites/{site}", {"secondary_connector_id": "{second}"})
        if item.label == "config":
            account.result("PATCH", "sites/{site}/app_configs/{config}", {"preferred_wans": ["{wan}"]})
    before = emulator.state()
    held = ("filter", "first", "second", "app", "site", "lan", "link", "wan", "tunnel", "cf1")
    for item in (item for item in SEQUENCE if item.label in held):
        assert account.refused("DELETE", account.path(item)) == ""
    assert emulator.state() == before
    # A site's NetFlow configuration is a part of it, and goes with it.
    for label in ("acl", "config", "lan", "link", "wan"):
        account.result("DELETE", account.path(next(item for item in SEQUENCE if item.label == label)))
    account.result("DELETE", "sites/{site}")
    assert emulator.objects("netflow_configs") == []


PUTS = {
    "site": ("sites/{site}", {}, {"name": "s", "ha_mode": True}),
    "LAN": ("sites/{site}/lans/{lan}", {"static_addressing": HA}, {"vlan_tag": 0, "ha_link": False, "is_breakout": False, "static_addressing": HA}),
    "WAN": ("sites/{site}/wans/{wan}", {}, {"physport": 1, "vlan_tag": 0, "priority": 0, "health_check_rate": "mid"}),
    "ACL": ("sites/{site}/acls/{acl}", {"description": "d"}, {"name": "c", "description": "d", "unidirectional": False, "forward_locally": False}),
    "app": ("apps/{app}", {"type": "x"}, {"name": "a", "type": "x"}),
    "connector": ("connectors/{second}", {"notes": "n"}, {"notes": "n", "activated": False, "device": {"id": "d2", "type": "MANAGED"}}),
    "monitoring": ("mnm/config", {"name": "m", "default_sampling": 3}, {"name": "m", "default_sampling": 3, "router_ips": [], "warp_devices": []}),
}


@pytest.mark.parametrize("path, body, expected", PUTS.values(), ids=PUTS)
def test_put_takes_back_what_it_does_not_name(account, path, body, expected):
    """A choice, and the worst reading: what must be there stays, and so does what is fixed."""
    for item in SEQUENCE:
        account.create(item)
    account.result("PATCH", "sites/{site}/wans/{wan}", {"name": "w", "priority": 3, "load_balance_inner_flows": True})
    account.result("PATCH", "sites/{site}/lans/{lan}", {"is_breakout": True})
    found = account.result("PUT", path, body)
    assert expected.items() <= found.items()
    assert not {"connector_id", "load_balance_inner_flows", "hostnames", "nat"} & set(found)


SITE = ("POST", "sites")
LANS, WANS, ACLS = ("POST", "sites/{site}/lans"), ("POST", "sites/{site}/wans"), ("POST", "sites/{site}/acls")
CONFIGS = ("POST", "sites/{site}/app_configs")
ACL = {"name": "x", "lan_1": {"lan_id": "{lan}"}, "lan_2": {"lan_id": "{guests}"}}


def dhcp(**server):
    return {**LAN, "physport": 9, "static_addressing": {"address": "10.4.0.1/24", "dhcp_server": server}}


def option(**changes):
    return dhcp(dhcp_options=[{"code": 43, "type": "text", "value": "x", **changes}])


SERVER, FIRST = "/static_addressing/dhcp_server", "/static_addressing/dhcp_server/dhcp_options/0"
CONNECTORS, RULES, GROUPS, RAMPS = ("POST", "connectors"), ("POST", "mnm/rules"), ("POST", "redundancy_groups"), ("POST", "cf1_sites/{cf1}/ramps")
PROFILES = ("POST", "bgp/filter_profiles")
PROFILE = {"name": "x", "match_action": "deny", "targets": ["10.0.0.0/8"]}
NETFLOW = ("PATCH", "sites/{site}/netflow_config")
REFUSED: dict[str, tuple[tuple[str, str], Any, Any]] = {
    "filter: no name": (PROFILES, {**PROFILE, "name": ""}, "/name"),
    "filter: no targets": (PROFILES, {"name": "x", "match_action": "deny"}, "/targets"),
    "filter: action": (PROFILES, {**PROFILE, "match_action": "drop"}, "/match_action"),
    "filter: host bits": (PROFILES, {**PROFILE, "targets": ["10.0.0.1/8"]}, "/targets/0"),
    "filter: suffix below": (PROFILES, {**PROFILE, "targets": ["10.0.0.0/8", "10.0.0.0/8{7,9}"]}, "/targets/1"),
    "filter: suffix turned": (PROFILES, {**PROFILE, "targets": ["10.0.0.0/8{12,9}"]}, "/targets/0"),
    "filter: suffix above": (PROFILES, {**PROFILE, "targets": ["10.0.0.0/8{9,33}"]}, "/targets/0"),
    "filter: null": (PROFILES, {**PROFILE, "description": None}, "/description"),
    "settings: number": (("PUT", "bgp/settings"), {"cloudflare_asn": 0}, "/cloudflare_asn"),
    "settings: type": (("PUT", "bgp/settings"), {"redistribute": {"static:wan": 1}}, "/redistribute/static:wan"),
    "site: no name": (SITE, {"description": "x"}, "/name"),
    "site: unknown connector": (SITE, {"name": "x", "connector_id": UNKNOWN}, "/connector_id"),
    "site: connector of another": (SITE, {"name": "x", "connector_id": "{used}"}, "/connector_id"),
    "site: second without high availability": (SITE, {"name": "x", "secondary_connector_id": "{free}"}, "/secondary_connector_id"),
    "site: the same twice": (SITE, {"name": "x", "ha_mode": True, "connector_id": "{free}", "secondary_connector_id": "{free}"}, "/secondary_connector_id"),
    "site: high availability later": (("PATCH", "sites/{site}"), {"ha_mode": True}, "/ha_mode"),
    "site: place": (SITE, {"name": "x", "location": {"lat": 1.5}}, "/location/lat"),
    "site: name away": (("PATCH", "sites/{site}"), {"name": ""}, "/name"),
    "LAN: address": (LANS, {"static_addressing": {"address": "10.4.0.1"}}, "/static_addressing/address"),
    "LAN: no address": (LANS, {"static_addressing": {}}, "/static_addressing/address"),
    "LAN: port taken": (LANS, {"physport": 2}, "/physport"),
    "LAN: port of a WAN": (LANS, {"physport": 1}, "/physport"),
    "LAN: VLAN": (LANS, {"physport": 9, "vlan_tag": 4095}, "/vlan_tag"),
    "LAN: link of no pair": (LANS, {"physport": 9, "ha_link": True}, "/ha_link"),
    "LAN: link later": (("PATCH", "sites/{site}/lans/{lan}"), {"ha_link": True}, "/ha_link"),
    "LAN: NAT": (LANS, {"nat": {"static_prefix": "10.0.0.1/24"}}, "/nat/static_prefix"),
    "LAN: subnet": (LANS, {"routed_subnets": [{"prefix": "10.0.0.0/8"}]}, "/routed_subnets/0/next_hop"),
    "LAN: IPv6": (LANS, {"routed_subnets": [{"prefix": "10.0.0.0/8", "next_hop": "::1"}]}, "/routed_subnets/0/next_hop"),
    "LAN: server and relay": (
        LANS,
        {"static_addressing": {"address": "10.4.0.1/24", "dhcp_server": {}, "dhcp_relay": {"server_addresses": []}}},
        "/static_addressing/dhcp_relay",
    ),
    "LAN: pool outside": (LANS, dhcp(dhcp_pool_start="10.5.0.1"), SERVER + "/dhcp_pool_start"),
    "LAN: reservation": (LANS, dhcp(reservations={"printer": "10.4.0.9"}), SERVER + "/reservations/printer"),
    "LAN: option of the connector": (LANS, option(code=51), FIRST + "/code"),
    "LAN: option 255": (LANS, option(code=255), FIRST + "/code"),
    "LAN: option type": (LANS, option(type="word"), FIRST + "/type"),
    "LAN: option byte": (LANS, option(type="byte", value="256"), FIRST + "/value"),
    "LAN: option short": (LANS, option(type="short", value="65536"), FIRST + "/value"),
    "LAN: option integer": (LANS, option(type="integer", value="-1"), FIRST + "/value"),
    "LAN: option ip": (LANS, option(type="ip", value="::1"), FIRST + "/value"),
    "LAN: option hex": (LANS, option(type="hex", value="1:2"), FIRST + "/value"),
    "LAN: option text": (LANS, option(value="x" * 256), FIRST + "/value"),
    "LAN: option without a value": (LANS, dhcp(dhcp_options=[{"code": 43, "type": "text"}]), FIRST + "/value"),
    "LAN of a pair: no addresses": (("POST", "sites/{pair}/lans"), {"physport": 9}, "/static_addressing/address"),
    "LAN of a pair: one address": (("POST", "sites/{pair}/lans"), {"static_addressing": {"address": "10.4.0.1/24"}}, "/static_addressing/secondary_address"),
    "LAN of a pair: second link": (("POST", "sites/{pair}/lans"), {"physport": 9, "ha_link": True, "static_addressing": HA}, "/ha_link"),
    "WAN: no port": (WANS, {"name": "x"}, "/physport"),
    "WAN: rate": (WANS, {"physport": 9, "health_check_rate": "never"}, "/health_check_rate"),
    "WAN: gateway": (WANS, {"physport": 9, "static_addressing": {"address": "198.51.100.2/30"}}, "/static_addressing/gateway_address"),
    "WAN: second address": (
        WANS,
        {"physport": 9, "static_addressing": {"address": "198.51.100.2/29", "gateway_address": "198.51.100.1", "secondary_address": "198.51.100.3/29"}},
        "/static_addressing/secondary_address",
    ),
    "WAN of a pair: one address": (
        ("POST", "sites/{pair}/wans"),
        {"physport": 9, "static_addressing": {"address": "198.51.100.2/29", "gateway_address": "198.51.100.1"}},
        "/static_addressing/secondary_address",
    ),
    "WAN: priority": (WANS, {"physport": 9, "priority": -1}, "/priority"),
    "WAN: null": (WANS, {"physport": 9, "name": None}, "/name"),
    "ACL: one side": (ACLS, {"name": "x", "lan_1": {"lan_id": "{lan}"}}, "/lan_2"),
    "ACL: no LAN": (ACLS, {**ACL, "lan_2": {"ports": [1]}}, "/lan_2/lan_id"),
    "ACL: unknown LAN": (ACLS, {**ACL, "lan_2": {"lan_id": UNKNOWN}}, "/lan_2/lan_id"),
    "ACL: LAN of another site": (ACLS, {**ACL, "lan_1": {"lan_id": "{elsewhere}"}}, "/lan_1/lan_id"),
    "ACL: port": (ACLS, {**ACL, "lan_1": {"lan_id": "{lan}", "ports": [0]}}, "/lan_1/ports/0"),
    "ACL: range": (ACLS, {**ACL, "lan_1": {"lan_id": "{lan}", "port_ranges": ["90-80"]}}, "/lan_1/port_ranges/0"),
    "ACL: protocol": (ACLS, {**ACL, "protocols": ["gre"]}, "/protocols/0"),
    "app: no type": (("POST", "apps"), {"name": "x"}, "/type"),
    "app: IPv6": (("POST", "apps"), {"name": "x", "type": "x", "ip_subnets": ["2001:db8::/32"]}, "/ip_subnets/0"),
    "config: no app": (CONFIGS, {"priority": 1}, "/account_app_id"),
    "config: two apps": (CONFIGS, {"account_app_id": "{app}", "managed_app_id": "{managed}"}, "/account_app_id"),
    "config: unknown app": (CONFIGS, {"account_app_id": UNKNOWN}, "/account_app_id"),
    "config: priority": (CONFIGS, {"account_app_id": "{app}", "priority": 2}, "/priority"),
    "config: WANs without breakout": (CONFIGS, {"account_app_id": "{app}", "preferred_wans": ["{wan}"]}, "/preferred_wans"),
    "config: unknown WAN": (CONFIGS, {"account_app_id": "{app}", "breakout": True, "preferred_wans": ["{lan}"]}, "/preferred_wans/0"),
    "NetFlow: port": (NETFLOW, {"collector_port": 0}, "/collector_port"),
    "NetFlow: a second one": (("POST", "sites/{site}/netflow_config"), {"collector_ip": "10.0.0.9"}, None),
    "connector: no device": (CONNECTORS, {"notes": "x"}, "/device"),
    "connector: device empty": (CONNECTORS, {"device": {}}, "/device"),
    "connector: device by two": (CONNECTORS, {"device": {"id": "x", "serial_number": "x"}}, "/device"),
    "connector: no licence": (CONNECTORS, {"device": {"provision_license": False}}, "/device"),
    "connector: there already": (CONNECTORS, {"device": {"serial_number": "EMU-0001"}}, "/device/serial_number"),
    "connector: day": (("PATCH", "connectors/{free}"), {"interrupt_window_days_of_week": ["sunday"]}, "/interrupt_window_days_of_week/0"),
    "connector: hours": (("PATCH", "connectors/{free}"), {"interrupt_window_duration_hours": 25}, "/interrupt_window_duration_hours"),
    "connector: date": (("PATCH", "connectors/{free}"), {"interrupt_window_embargo_dates": ["2026-02-30"]}, "/interrupt_window_embargo_dates/0"),
    "connector: licence of an appliance": (("PATCH", "connectors/{free}"), {"provision_license": True}, "/provision_license"),
    "interrupt: none": (("POST", "connectors/{used}/interrupts"), {}, ""),
    "interrupt: two": (("POST", "connectors/{used}/interrupts"), {"reboot": {}, "restart": {}}, ""),
    "group: no name": (GROUPS, {"members": []}, "/name"),
    "group: member": (GROUPS, {"name": "x", "members": [{"id": "short", "type": "ipsec"}]}, "/members/0/id"),
    "group: other kind": (GROUPS, {"name": "x", "members": [{"id": "{ipsec}", "type": "gre"}]}, "/members/0/id"),
    "newer site: no list": (("POST", "cf1_sites"), {"name": "x"}, ""),
    "newer site: name taken": (("POST", "cf1_sites"), [{"name": "y"}, {"name": "n"}], "/1/name"),
    "newer site: place": (("POST", "cf1_sites"), [{"name": "x", "location": {"lat": 91}}], "/0/location/lat"),
    "ramp: unknown": (RAMPS, [{"source_ramp_id": UNKNOWN, "type": "ipsec"}], "/0/source_ramp_id"),
    "ramp: other kind": (RAMPS, [{"source_ramp_id": "{ipsec}", "type": "gre"}], "/0/source_ramp_id"),
    "ramp: other interconnect": (RAMPS, [{"source_ramp_id": "{interconnect}", "type": "mpls_interconnect"}], "/0/type"),
    "ramp: twice": (RAMPS, [{"source_ramp_id": "{ipsec}", "type": "ipsec"}] * 2, "/0/source_ramp_id"),
    "tunnel: unknown filter": (("PUT", "ipsec_tunnels/{ipsec}"), {"bgp": {"customer_asn": 1, "export_filter_id": UNKNOWN}}, "/bgp/export_filter_id"),
}


@pytest.fixture(scope="module")
def surroundings():
    """What the refusals need: ids of what the emulator starts with, and how to make the rest."""
    return (
        Made("site", "sites", {"name": "s"}),
        Made("lan", "sites/{site}/lans", LAN),
        Made("guests", "sites/{site}/lans", {"physport": 3}),
        Made("wan", "sites/{site}/wans", {"physport": 1}),
        Made("pair", "sites", {"name": "p", "ha_mode": True}),
        Made("link", "sites/{pair}/lans", {"physport": 3, "ha_link": True, "static_addressing": HA}),
        Made("netflow", "sites/{site}/netflow_config", {"collector_ip": "10.0.0.9"}, single=True),
        Made("cf1", "cf1_sites", [{"name": "n"}]),
    )


@pytest.fixture
def furnished(emulator, account, surroundings):
    state = emulator.state()
    account.ids.update(
        used=state["connectors"][0]["id"],
        free=state["connectors"][1]["id"],
        elsewhere=state["lans"][0]["id"],
        app=state["apps"][0]["account_app_id"],
        managed=state["apps"][1]["managed_app_id"],
        ipsec=state["ipsec_tunnels"][0]["id"],
        interconnect=state["interconnects"][0]["id"],
    )
    for item in surroundings:
        account.create(item)
    return account


def test_refused(emulator, furnished):
    """All of them on one account, which none of them changes."""
    before = emulator.state()
    wrong = []
    for name, ((method, path), body, pointer) in REFUSED.items():
        answer = furnished.call(method, path, body)
        found = answer.json()["errors"][:1]
        where = found[0].get("source", {}).get("pointer") if found else None
        if (answer.status_code, [error["code"] for error in found], where) != (400, [1022], pointer):
            wrong.append((name, answer.status_code, found))
    assert wrong == []
    assert emulator.state() == before


def test_network_monitoring_has_codes_of_its_own(account):
    assert account.refused("GET", "mnm/config", status=404, code=1004) is None
    account.refused("POST", "mnm/rules", RULE, code=1008)
    account.refused("POST", "mnm/config", {"name": "x", "default_sampling": 0}, code=1003)
    account.create(Made("config", "mnm/config", {"name": "x", "default_sampling": 1}, single=True))
    account.refused("POST", "mnm/config", {"name": "x", "default_sampling": 1}, code=1005)
    assert account.refused("PATCH", "mnm/config", {"warp_devices": [{"id": "1", "name": "x", "router_ip": "10.0.0.0/24"}]}, code=1003) is not None
    account.create(Made("rule", "mnm/rules", RULE))
    account.refused("POST", "mnm/rules", RULE, code=1008)
    account.refused("POST", "mnm/rules", {**RULE, "name": "a b"}, code=1003)
    account.refused("GET", f"mnm/rules/{UNKNOWN}", status=404, code=1009)
    account.refused("PUT", "mnm/rules", {**RULE, "name": "unknown"}, status=404, code=1009)


def test_rules_of_network_monitoring(emulator, account):
    account.create(Made("config", "mnm/config", {"name": "x", "default_sampling": 1}, single=True))
    assert account.create(Made("rule", "mnm/rules", {**RULE, "zscore_target": "bits"})) == {**RULE, "id": account.ids["rule"], "duration": "1m"}
    # The PUT has no id in its path.
    changed = account.result("PUT", "mnm/rules", {**RULE, "type": "zscore", "zscore_target": "bits", "duration": "5m"})
    assert changed == {**RULE, "id": account.ids["rule"], "type": "zscore", "zscore_target": "bits"}
    assert account.result("PATCH", "mnm/rules/{rule}/advertisement", {}) == {"automatic_advertisement": True}
    assert account.result("GET", "mnm/rules/{rule}")["automatic_advertisement"] is True
    account.result("PATCH", "mnm/rules/{rule}", {**RULE, "duration": "5m"})
    emulator.set_state({**emulator.state(), "settings": {"mnm_durations": "full"}})
    assert account.result("GET", "mnm/rules/{rule}")["duration"] == "5m0s"
    assert account.result("PATCH", "mnm/rules/{rule}", {**RULE, "duration": "1h0m0s"})["duration"] == "1h0m0s"
    assert emulator.objects("mnm_rules")[0]["duration"] == "60m"
    emulator.clear_violations()


def test_addresses(emulator, account):
    """What is below an unknown parent, another parent, or in another account is not found."""
    site, lan = emulator.objects("sites")[0]["id"], emulator.objects("lans")[0]["id"]
    account.create(Made("other", "sites", {"name": "other"}))
    for path in (f"sites/{UNKNOWN}/lans", f"sites/{UNKNOWN}/lans/{lan}", f"sites/{{other}}/lans/{lan}", f"sites/{site}/wans/{lan}", f"sites/{lan}"):
        account.refused("GET", path, status=404, code=1098)
    account.refused("POST", f"sites/{UNKNOWN}/lans", LAN, status=404, code=1098)
    account.refused("GET", f"connectors/{UNKNOWN}/telemetry/events/latest", status=404, code=1098)
    for method, path in (("GET", "apps/x"), ("PUT", "cf1_sites/x"), ("PUT", f"sites/{site}"), ("DELETE", "sites"), ("PATCH", "bgp/filter_profiles/x")):
        status = account.call(method, path, {}).status_code
        assert status == (200 if path == f"sites/{site}" else 405), (method, path)


def test_who_may(emulator, account):
    account.refused("POST", "sites", {"name": "x"}, status=403, code=10000, token=emulator.read_token)
    assert len(account.result("GET", "sites", token=emulator.read_token)) == 1
    seed = emulator.state()
    seed["accounts"][0]["magic_wan_subscribed"] = False
    emulator.set_state(seed)
    for path in ("sites", "connectors", "apps", "cf1_sites"):
        account.refused("GET", path, status=403, code=1025)
    for path in ("bgp/filter_profiles", "bgp/settings", "redundancy_groups", "mnm/rules"):
        account.result("GET", path)


def test_check_mode_is_not_known(emulator, account):
    """There is no validate_only here: who sends it changes the account all the same."""
    account.result("POST", "sites", {"name": "x"}, params={"validate_only": "true"})
    assert [site["name"] for site in emulator.objects("sites")] == ["porto", "x"]
    assert [found["rule"] for found in emulator.violations()] == ["query"]
    emulator.clear_violations()


def test_what_may_be_null(account):
    site = account.result("GET", "sites")[0]["id"]
    (wan,) = account.result("GET", f"sites/{site}/wans")
    path = f"sites/{site}/wans/{wan['id']}"
    assert account.result("PATCH", path, {"load_balance_inner_flows": False})["load_balance_inner_flows"] is False
    assert "load_balance_inner_flows" not in account.result("PATCH", path, {"load_balance_inner_flows": None})
    app = account.result("GET", "apps")[1]["managed_app_id"]
    config = account.result("POST", f"sites/{site}/app_configs", {"managed_app_id": app, "breakout": True})
    assert "breakout" not in account.result("PATCH", f"sites/{site}/app_configs/{config['id']}", {"breakout": None})
    # What Cloudflare manages cannot be changed.
    account.refused("PATCH", f"apps/{app}", {"name": "x"}, status=404, code=1098)
    account.refused("DELETE", f"apps/{app}", status=404, code=1098)


def test_lists(emulator, account):
    """Creates that take or answer lists do all or nothing; filters; the order stays."""
    made = account.result("POST", "cf1_sites", [{"name": "a"}, {"name": "b"}])
    assert [item["name"] for item in made] == ["a", "b"]
    account.refused("POST", "cf1_sites", [{"name": "c"}, {"name": "a"}])
    account.result("PATCH", f"cf1_sites/{made[0]['id']}", {"description": "x"})
    assert [item["name"] for item in account.result("GET", "cf1_sites")] == ["a", "b"]
    site, connector = emulator.objects("sites")[0], emulator.objects("connectors")[0]
    account.result("POST", "sites", {"name": "x"})
    assert [item["id"] for item in account.result("GET", "sites", params={"connectorid": connector["id"]})] == [site["id"]]
    assert account.result("GET", "connectors", params={"device_type": "LICENSED"}) == []
    assert len(account.result("GET", "connectors", params={"device_type": "MANAGED"})) == 2
    before = account.result("GET", f"sites/{site['id']}/lans")
    account.result("PATCH", f"sites/{site['id']}/lans/{before[0]['id']}", {"name": "first"})
    assert [item["id"] for item in account.result("GET", f"sites/{site['id']}/lans")] == [item["id"] for item in before]


# --- connectors


def test_licence_keys(emulator, account):
    """A new one each time that one is asked for; every answer has the one in force, a list's and a deletion's included."""
    made = account.create(Made("virtual", "connectors", {"device": {"provision_license": True}}))
    first = made["license_key"]
    assert made["device"]["type"] == "LICENSED" and "provision_license" not in str(made)
    assert account.result("PATCH", "connectors/{virtual}", {"notes": "x"})["license_key"] == first
    second = account.result("PATCH", "connectors/{virtual}", {"provision_license": True})["license_key"]
    third = account.result("PUT", "connectors/{virtual}", {"provision_license": True})["license_key"]
    assert len({first, second, third}) == 3
    assert [item.get("license_key") for item in account.result("GET", "connectors")] == [None, None, third]
    log = emulator.license_log()
    assert [tuple(item[name] for name in ("license_key", "how", "in_force")) for item in log] == [
        (first, "create", False),
        (second, "renew", False),
        (third, "renew", True),
    ]
    assert {item["connector_id"] for item in log} == {account.ids["virtual"]}
    emulator.fault(kind="echo", path="connectors/")
    assert third in account.call("PATCH", "connectors/{virtual}", {"notes": "y"}).json()["errors"][0]["message"]
    assert account.result("DELETE", "connectors/{virtual}")["license_key"] == third
    assert not any(item["in_force"] for item in emulator.license_log())


def test_a_connector_lives(account):
    """It beats from when it is activated on, and its events tell what happens to it."""
    account.create(Made("box", "connectors", {"device": {"serial_number": "S-9"}}))
    assert "last_heartbeat" not in account.result("GET", "connectors/{box}")
    start = int(time.time())
    account.result("PATCH", "connectors/{box}", {"activated": True})
    assert {"last_heartbeat", "last_seen_version"} <= set(account.result("GET", "connectors/{box}"))
    made = account.result("POST", "connectors/{box}/interrupts", {"restart": {"purge": True}})
    assert made == {"restart": {"purge": True}, "submitted_at": made["submitted_at"]}
    assert account.result("GET", "connectors/{box}/interrupts") == [{**made, "triggered_at": made["submitted_at"]}]
    span = {"from": start, "to": start + 60}
    events = account.result("GET", "connectors/{box}/telemetry/events", params=span)
    assert [item["k"] for item in events["items"]] == ["Init", "Leave", "Init"] and events["count"] == 3 and "cursor" not in events
    page = account.result("GET", "connectors/{box}/telemetry/events", params={**span, "limit": 2})
    rest = account.result("GET", "connectors/{box}/telemetry/events", params={**span, "limit": 2, "cursor": page["cursor"]})
    assert page["items"] + rest["items"] == events["items"] and "cursor" not in rest
    assert account.result("GET", "connectors/{box}/telemetry/events", params={**span, "k": "Leave"})["count"] == 1
    assert account.result("GET", "connectors/{box}/telemetry/events", params={"from": 0, "to": 1})["items"] == []
    latest = account.result("GET", "connectors/{box}/telemetry/events/latest")["items"][0]
    assert latest == account.result("GET", f"connectors/{{box}}/telemetry/events/{latest['t']}.{latest['n']}") and latest["e"] == {"k": "Init"}
    account.refused("GET", "connectors/{box}/telemetry/events/1.0", status=404, code=1098)
    account.refused("GET", "connectors/{box}/telemetry/events")
    account.result("POST", "connectors/{box}/interrupts", {"shutdown": {}})
    stopped = account.result("GET", "connectors/{box}")["last_heartbeat"]
    assert account.result("GET", "connectors/{box}")["last_heartbeat"] == stopped
    assert account.result("GET", "connectors/{box}/telemetry/snapshots/latest") == {"count": 0, "items": []}


def test_snapshots(emulator, account):
    box = emulator.objects("connectors")[0]["id"]
    listed = account.result("GET", f"connectors/{box}/telemetry/snapshots", params={"from": 0, "to": 2e9})
    assert listed == {"count": 1, "items": [{"a": 1736847061, "t": 1736847060}]}
    whole = account.result("GET", f"connectors/{box}/telemetry/snapshots/1736847060")
    assert [item["name"] for item in whole["interfaces"]] == ["eth0", "eth1"]
    assert account.result("GET", f"connectors/{box}/telemetry/snapshots/latest")["items"] == [whole]


def test_connectors_make_tunnels(emulator, account):
    """If the settings say so: one for each WAN, and a route for each LAN with an address by each of them."""
    emulator.set_state({**emulator.state(), "settings": {"connectors_make_tunnels": True}})
    before = emulator.state()
    site = before["sites"][0]["id"]
    account.create(Made("wan", f"sites/{site}/wans", {"name": "lte modem", "physport": 4, "priority": 9}))
    tunnels = [tunnel for tunnel in emulator.tunnels() if tunnel["name"].startswith("porto")]
    assert [tunnel["name"] for tunnel in tunnels] == ["porto-fibre", "porto-lte-modem"]
    made = [route for route in emulator.routes() if route not in before["routes"]]
    assert [(route["prefix"], route["nexthop"], route["priority"]) for route in made] == [
        ("192.168.10.0/24", "169.254.240.1", 101),
        ("192.168.10.0/24", "169.254.240.3", 109),
    ]
    assert {tunnel["name"] for tunnel in account.result("GET", "ipsec_tunnels")["ipsec_tunnels"]} >= {"porto-fibre"}
    account.result("DELETE", f"sites/{site}/wans/{{wan}}")
    assert [tunnel["name"] for tunnel in emulator.tunnels() if tunnel["name"].startswith("porto")] == ["porto-fibre"]
    account.result("PATCH", f"sites/{site}", {"connector_id": ""})
    assert (emulator.tunnels(), emulator.routes()) == (before["ipsec_tunnels"], before["routes"])


# --- seeds and faults

BAD_SEEDS: dict[str, tuple[str, dict]] = {
    "unknown account": ("sites", {"id": "x", "name": "x", "account_id": "nobody"}),
    "no id": ("sites", {"name": "x"}),
    "no name": ("sites", {"id": "x"}),
    "wrong type": ("sites", {"id": "x", "name": "x", "ha_mode": "yes"}),
    "no site": ("lans", {"id": "x", "name": "x"}),
    "unknown site": ("lans", {"id": "x", "name": "x", "site_id": "x"}),
    "no app": ("apps", {"id": "x", "name": "x", "type": "x"}),
}


@pytest.mark.parametrize("part, item", BAD_SEEDS.values(), ids=BAD_SEEDS)
def test_bad_seeds(emulator, part, item):
    before = emulator.state()
    with pytest.raises(ValueError, match=part):
        emulator.set_state({**before, part: [*before[part], {"account_id": emulator.account_id, **item}]})
    assert emulator.state() == before


def test_bad_settings(emulator):
    for setting in ({"mnm_durations": "long"}, {"connectors_make_tunnels": "yes"}):
        with pytest.raises(ValueError, match=next(iter(setting))):
            emulator.set_state({**emulator.state(), "settings": setting})


def test_a_seed_is_read_as_it_was_written(emulator, account):
    for item in SEQUENCE:
        account.create(item)
    before = emulator.state()
    shown = account.result("GET", "sites/{site}/lans")
    emulator.set_state(before)
    assert emulator.state() == before and account.result("GET", "sites/{site}/lans") == shown


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_answer_about_another_object(emulator, account, when):
    first, second = emulator.objects("connectors")
    emulator.fault(kind="other_id", when=when, method="PATCH")
    before = emulator.state()
    shown = account.result("PATCH", f"connectors/{second['id']}", {"notes": "x"})
    assert shown["id"] == first["id"]
    assert (emulator.state() == before) is (when == "before")
    site = emulator.objects("sites")[0]["id"]
    emulator.fault(kind="other_id", when=when, path="/lans/")
    lans = emulator.objects("lans")
    assert account.result("GET", f"sites/{site}/lans/{lans[0]['id']}")["id"] == lans[1]["id"]
    emulator.fault(kind="other_id", when=when, path="/sites", id=UNKNOWN)
    account.result("GET", "sites")
    assert account.result("POST", "sites", {"name": "x"})["id"] == UNKNOWN
    emulator.clear_violations()
