# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Designs from states of Terraform.

The files are what ``terraform show -json`` prints of some objects that the emulator begins with, as versions 4 and 5 of the provider write them.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
from ansible.errors import AnsibleFilterError
from ansible.utils.unsafe_proxy import wrap_var

from ansible_collections.cloudflare.magic.plugins.filter.design_from_terraform import FilterModule
from ansible_collections.cloudflare.magic.plugins.module_utils._apply import APPLIED, Network
from ansible_collections.cloudflare.magic.plugins.module_utils._design import read_design
from ansible_collections.cloudflare.magic.plugins.module_utils._steps import Rules
from ansible_collections.cloudflare.magic.plugins.plugin_utils._terraform import TYPES
from ansible_collections.cloudflare.magic.tests.unit.plugins.helpers import client

STATES = {version: Path(__file__).with_name(f"terraform_provider_{version}.json").read_text(encoding="utf-8") for version in (4, 5)}
# Sites as well: one that the emulator begins with, and in a module one that it does not have, with all that a site can have; each has its connectors.
SITES = Path(__file__).with_name("terraform_sites.json").read_text(encoding="utf-8")
ACCOUNT = "023e105f4ecef8ad9ca31a8372d0c353"
KEY = "a-key-that-nobody-may-see"
TUNNEL = {"id": "1" * 32, "account_id": ACCOUNT, "name": "a", "cloudflare_endpoint": "203.0.113.1", "interface_address": "10.213.0.60/31"}
GRE = {**TUNNEL, "cloudflare_gre_endpoint": "203.0.113.1", "customer_gre_endpoint": "198.51.100.61"}
ROUTE = {"id": "2" * 32, "account_id": ACCOUNT, "prefix": "192.0.2.0/26", "nexthop": "10.213.0.61", "priority": 100}


def convert(state, *args, **options):
    return FilterModule().filters()["design_from_terraform"](state, *args, **options)


def resource(name, values, sensitive=None, **more):
    return {"address": f"{name}.it", "mode": "managed", "type": name, "name": "it", "values": values, "sensitive_values": sensitive or {}, **more}


def state_of(*resources):
    return {"format_version": "1.0", "terraform_version": "1.9.8", "values": {"root_module": {"resources": list(resources)}}}


def tunnel(sensitive=None, **values):
    return state_of(resource("cloudflare_magic_wan_ipsec_tunnel", {**TUNNEL, **values}, sensitive))


def left_out(result):
    return {(entry["what"], len(entry["addresses"])) for entry in result["left_out"]}


def names_in(state):
    """The types of all resources of a state, however deep."""
    found = []
    modules = [json.loads(state)["values"]["root_module"]]
    while modules:
        module = modules.pop()
        found += [one["type"] for one in module["resources"] if one["mode"] == "managed"]
        modules += module.get("child_modules", [])
    return found


@pytest.mark.parametrize("version", STATES)
def test_the_design_changes_nothing(version, emulator):
    """On an account that has what the state has."""
    config = convert(STATES[version])["network_config"]
    wanted = [name for name in names_in(STATES[version]) if name in TYPES]
    assert sum(map(len, config.values())) == len(wanted) >= 5
    before = emulator.state()
    with client(emulator.url, api_token=emulator.write_token) as sender:
        network = Network(sender, read_design(config), Rules("merged", (), 5), 50, False, print)
        network.decide()
        network.carry_out()
        assert [(step.where, step.planned) for step in network.changes.steps if step.action] == []
        assert network.warnings() == []
    assert emulator.state() == before
    assert {request["method"] for request in emulator.requests()} == {"GET"}


@pytest.mark.parametrize("version", STATES)
def test_nothing_is_lost(version, emulator):
    """The design has all that the account tells of these objects, apart from what this version of the provider does not have."""
    config = convert(STATES[version])["network_config"]
    with client(emulator.url, api_token=emulator.write_token) as sender:
        network = Network(sender, read_design(config), Rules("replaced", (), 5), 50, True, print)
        network.decide()
    changes = [step for step in network.changes.steps if step.action]
    assert [step.label for step in changes] == []


def apply(url, token, config, state="merged"):
    """Apply a design; return the labels of what it changed."""
    with client(url, api_token=token) as sender:
        network = Network(sender, read_design(config), Rules(state, (), 5), 50, False, print)
        network.decide()
        network.carry_out()
        assert {outcome.result for outcome in network.outcomes.values()} <= {APPLIED}
        return [step.label for step in network.changes.steps if step.action]


def root_only(state):
    found = json.loads(state)
    del found["values"]["root_module"]["child_modules"]
    return found


def test_the_design_of_a_site_that_is_there_changes_nothing(emulator):
    config = convert(root_only(SITES))["network_config"]
    assert set(config) == {"connectors", "sites"}
    for state in ("merged", "replaced"):
        assert apply(emulator.url, emulator.write_token, config, state) == []
    assert {request["method"] for request in emulator.requests()} == {"GET"}


def test_sites_are_created_once(emulator):
    config = convert(SITES)["network_config"]
    created = apply(emulator.url, emulator.write_token, config)
    assert {"FARO-1", "faro", "faro/ring", "faro/offices", "faro/cable", "faro/web", "Lisbon", "flood", "unusual"} < set(created)
    assert not any("porto" in label for label in created)
    for state in ("merged", "replaced"):
        assert apply(emulator.url, emulator.write_token, config, state) == []


def test_names_are_in_place_of_ids():
    config = convert(SITES)["network_config"]
    faro, porto = config["sites"]
    assert (porto["connector"], faro["connector"]) == ("EMU-0001", "FARO-1")
    # The state only reads this one.
    assert faro["secondary_connector"] == "EMU-0002" and [one["serial_number"] for one in config["connectors"]] == ["EMU-0001", "FARO-1"]
    (printers,) = porto["acls"]
    assert printers["lan_1"] == {"lan": "guests"} and printers["lan_2"] == {"lan": "office", "ports": [631]}
    assert "_id" not in json.dumps(config)


def test_everything_about_a_site_is_in_the_design():
    """Only the license keys, and the connector that the state only reads, are not."""
    result = convert(SITES)
    assert left_out(result) == {("license_key", 2), ("cloudflare_magic_transit_connector", 1)}
    faro = result["network_config"]["sites"][0]
    offices = next(lan for lan in faro["lans"] if lan["name"] == "offices")
    assert offices["routed_subnets"][0] == {"next_hop": "192.168.51.9", "prefix": "192.168.60.0/24", "nat": {"static_prefix": "10.60.0.0/24"}}
    assert offices["static_addressing"]["dhcp_server"]["reservations"] == {"00:11:22:33:44:55": "192.168.51.10"}
    assert faro["wans"][0]["health_check_rate"] == "high"
    connector = result["network_config"]["connectors"][1]
    assert (connector["interrupt_window_hour_of_day"], connector["interrupt_window_days_of_week"]) == (3, ["Sunday", "Saturday"])
    assert set(result["network_config"]) == {"connectors", "sites", "cf1_sites", "mnm_config", "mnm_rules"}


def test_ids_of_what_is_not_in_the_state_stay():
    state = root_only(SITES)
    resources = state["values"]["root_module"]["resources"]
    resources[:] = [one for one in resources if one["name"] not in ("porto", "guests") or one["type"] == "cloudflare_magic_transit_site"]
    (site,) = convert(state)["network_config"]["sites"]
    assert len(site["connector_id"]) == 32 and len(site["acls"][0]["lan_1"]["lan_id"]) == 32 and site["acls"][0]["lan_2"]["lan"] == "office"


def test_what_belongs_to_no_site_of_the_state_is_left_out_and_named():
    state = root_only(SITES)
    resources = state["values"]["root_module"]["resources"]
    resources[:] = [one for one in resources if one["type"] != "cloudflare_magic_transit_site"]
    result = convert(state)
    assert set(result["network_config"]) == {"connectors"} and {("LAN", 2), ("WAN", 1), ("ACL", 1)} < left_out(result)


def test_the_order_of_the_resources_does_not_matter():
    state = json.loads(SITES)
    state["values"]["root_module"]["resources"].reverse()
    assert convert(state)["network_config"] == convert(SITES)["network_config"]


LICENSE = "license-that-nobody-may-see"


def connector(sensitive=None, mode="managed", **values):
    own = {"id": "3" * 32, "account_id": ACCOUNT, "device": {"id": "a", "serial_number": "EMU-0009"}, "license_key": LICENSE, **values}
    return resource("cloudflare_magic_transit_connector", own, sensitive, mode=mode)


def lan(addressing):
    own = {"id": "7" * 32, "site_id": "4" * 32, "name": "a", "static_addressing": {"address": "192.0.2.1/24", **addressing}}
    return resource("cloudflare_magic_transit_site_lan", own)


@pytest.mark.parametrize(
    "resources",
    [
        [connector({"license_key": True})],
        # Not every release marks it.
        [connector()],
        [connector(notes=f"The license is {LICENSE}.")],
        [connector(device={"id": LICENSE, "serial_number": None})],
        [connector(device={"serial_number": "EMU-0009", "license_key": LICENSE})],
        *([connector(license_key=value, notes=LICENSE)] for value in ({"value": LICENSE}, [{"key": LICENSE}], {"a": {"b": [LICENSE]}})),
        # Another resource may quote it, and an address may have it as a key.
        [connector(), resource("cloudflare_magic_transit_site", {"id": "4" * 32, "name": "a", "description": LICENSE})],
        [connector(mode="data"), resource("cloudflare_magic_transit_site", {"id": "4" * 32, "name": "a", "description": LICENSE})],
        [connector(mode="data"), resource("cloudflare_magic_transit_site", {"id": "4" * 32, "name": LICENSE})],
        [connector(), resource("cloudflare_magic_transit_site", {"id": "4" * 32, "name": "a"}), lan({"dhcp_server": {"reservations": {LICENSE: "192.0.2.9"}}})],
        [{**connector(), "address": f'cloudflare_magic_transit_connector.it["{LICENSE}"]'}],
        [resource("cloudflare_magic_transit_connectors", {"result": [{"license_key": LICENSE}]}, mode="data"), connector(license_key=None, notes=LICENSE)],
    ],
)
def test_no_license_key_is_in_the_result(resources):
    result = convert(state_of(*resources))
    assert LICENSE not in repr(result) and result["left_out"]


def test_a_license_key_is_not_in_an_error():
    for values in ({"device": [LICENSE]}, {"device": LICENSE}, {"interrupt_window_embargo_dates": {LICENSE: LICENSE}}, {"account_id": {LICENSE: 1}}):
        try:
            assert LICENSE not in repr(convert(state_of(connector(**values), connector(account_id="b"))))
        except AnsibleFilterError as error:
            assert LICENSE not in str(error)


def test_a_connector_without_a_serial_number_has_the_id_of_its_device():
    """As if it was created with a license."""
    (item,) = convert(state_of(connector(device={"id": "d" * 32, "serial_number": ""})))["network_config"]["connectors"]
    assert item == {"device_id": "d" * 32}
    result = convert(state_of(connector(device=None)))
    assert result["network_config"] == {} and ("connector", 1) in left_out(result)


@pytest.mark.parametrize(
    ("sensitive", "hidden"),
    [
        *(({"device": mark}, "serial_number") for mark in ({"serial_number": True}, True, [{"serial_number": True}], [True])),
        # Not in the form of the values, so everything may be meant.
        ([{"device": True}], "serial_number"),
    ],
)
def test_a_sensitive_device_is_left_out(sensitive, hidden):
    result = convert(state_of(connector(sensitive)))
    assert "EMU-0009" not in repr(result) and (hidden, 1) in left_out(result)


def test_sites_of_cloudflare_one():
    """A list of new sites; what is beside a single one is an update of it."""
    name, first = "cloudflare_magic_transit_cf1_site", {"id": "5" * 32, "name": "a", "description": "old", "location": {"lat": 1.5, "long": 2.0, "name": None}}
    (item,) = convert(state_of(resource(name, {"id": "5" * 32, "body": [first], "description": "new", "name": None})))["network_config"]["cf1_sites"]
    assert item == {"name": "a", "description": "new", "location": {"lat": 1.5, "long": 2.0}}
    both = [first, {**first, "id": "6" * 32, "name": "b"}]
    unread = [{**one, "id": None} for one in both]
    assert [one["name"] for one in convert(state_of(resource(name, {"id": None, "body": unread})))["network_config"]["cf1_sites"]] == ["a", "b"]
    result = convert(state_of(resource(name, {"id": "5" * 32, "body": both}, {"body": [{"location": {}}, {"description": True}]})))
    assert [one.get("description") for one in result["network_config"]["cf1_sites"]] == ["old", None] and left_out(result) == {("description", 1)}


def test_what_a_design_does_not_have_inside_a_field_is_named():
    site = resource("cloudflare_magic_transit_site", {"id": "4" * 32, "name": "a"})
    result = convert(state_of(site, lan({"dhcp_server": {"dns_server": "192.0.2.53", "dhcp_pool_start": None}})))
    assert left_out(result) == {("static_addressing.dhcp_server.dns_server", 1)}


@pytest.mark.parametrize("version", STATES)
def test_no_key_is_in_the_result(version):
    state = STATES[version]
    keys = [line.split('"')[3] for line in state.splitlines() if '"psk": "' in line]
    result = convert(state)
    assert len(keys) >= 2 and not any(key in repr(result) for key in keys)
    assert ("psk", len(keys)) in left_out(result)


def test_other_objects_are_named():
    assert {"cloudflare_record"} <= {what for what, dummy in left_out(convert(STATES[4]))}
    found = {what for what, dummy in left_out(convert(STATES[5]))}
    assert found == {"psk", "cloudflare_dns_record", "cloudflare_zero_trust_tunnel_cloudflared", "cloudflare_magic_wan_ipsec_tunnel"}
    data = next(entry for entry in convert(STATES[5])["left_out"] if entry["what"] == "cloudflare_magic_wan_ipsec_tunnel")
    assert data["addresses"] == ["data.cloudflare_magic_wan_ipsec_tunnel.oslo"]


def test_text_and_what_was_parsed_are_the_same():
    assert convert(STATES[5]) == convert(json.loads(STATES[5])) == convert(wrap_var(json.loads(STATES[5])))


def test_values_are_no_templates():
    result = convert(tunnel(description="{{ lookup('pipe', 'id') }}"))
    (item,) = result["network_config"]["ipsec_tunnels"]
    assert item["description"] == "{{ lookup('pipe', 'id') }}" and type(item["description"]) is type(wrap_var("x"))


@pytest.mark.parametrize("name", [name for name in TYPES if "ipsec" in name])
def test_flat_fields_are_those_of_a_health_check(name):
    flat = {f"health_check_{part}": value for part, value in {"rate": "high", "type": "request", "direction": "unidirectional", "target": "192.0.2.9"}.items()}
    old = convert(state_of(resource(name, {**TUNNEL, **flat, "health_check_enabled": False})))["network_config"]["ipsec_tunnels"]
    nested = {"enabled": False, "rate": "high", "type": "request", "direction": "unidirectional"}
    for target in ("192.0.2.9", {"saved": "192.0.2.9", "effective": "192.0.2.9"}):
        assert old == convert(tunnel(health_check={**nested, "target": target}))["network_config"]["ipsec_tunnels"]
    assert old[0]["health_check"] == {**nested, "target": "192.0.2.9"}


@pytest.mark.parametrize("name", [name for name in TYPES if "route" in name])
def test_flat_fields_are_those_of_a_scope(name):
    flat = convert(state_of(resource(name, {**ROUTE, "colo_names": ["den01"], "colo_regions": []})))["network_config"]["static_routes"]
    nested = convert(state_of(resource(name, {**ROUTE, "scope": {"colo_names": ["den01"], "colo_regions": None}})))["network_config"]["static_routes"]
    assert flat == nested and flat[0]["scope"] == {"colo_names": ["den01"]}


def test_a_target_that_cloudflare_computed_is_left_out():
    health_check = {"health_check_target": "198.51.100.61", "health_check_type": "request"}
    for name in ("cloudflare_gre_tunnel", "cloudflare_magic_wan_gre_tunnel"):
        (item,) = convert(state_of(resource(name, {**GRE, **health_check})))["network_config"]["gre_tunnels"]
        assert item["health_check"] == {"type": "request"}
    # Where both are told, one that someone has set stays, whatever it is.
    target = {"target": {"saved": "198.51.100.61", "effective": "198.51.100.61"}}
    (item,) = convert(state_of(resource("cloudflare_magic_wan_gre_tunnel", {**GRE, "health_check": target})))["network_config"]["gre_tunnels"]
    assert item["health_check"] == {"target": "198.51.100.61"}


def test_defaults_and_nulls_are_left_out():
    values = {**GRE, "ttl": 64, "mtu": 1476, "description": "", "automatic_return_routing": False, "bgp": None, "interface_address6": None}
    health_check = {"enabled": True, "rate": "mid", "type": "reply", "direction": None, "target": {"saved": "", "effective": "198.51.100.61"}}
    (item,) = convert(state_of(resource("cloudflare_magic_wan_gre_tunnel", {**values, "health_check": health_check})))["network_config"]["gre_tunnels"]
    assert set(item) == {"name", "cloudflare_gre_endpoint", "customer_gre_endpoint", "interface_address"}
    (route,) = convert(state_of(resource("cloudflare_static_route", {**ROUTE, "weight": 0})))["network_config"]["static_routes"]
    assert set(route) == {"prefix", "nexthop", "priority"}


def test_fields_that_a_design_does_not_have_are_named():
    result = convert(tunnel(allow_null_cipher=True, something_new="x", psk_metadata={"last_generated_on": "2026"}, bgp_status={"state": "BGP_UP"}))
    assert left_out(result) == {("allow_null_cipher", 1), ("something_new", 1)}
    assert convert(tunnel(allow_null_cipher=False))["left_out"] == []


@pytest.mark.parametrize(
    ("values", "sensitive", "what"),
    [
        ({"psk": KEY}, {"psk": True}, "psk"),
        # The first releases of version 5 do not mark it.
        ({"psk": KEY}, {}, "psk"),
        ({"description": KEY}, {"description": True}, "description"),
        ({"psk": KEY, "description": f"The key is {KEY}."}, {"psk": True}, "description"),
        ({"bgp": {"customer_asn": 65010, "md5_key": KEY}}, {"bgp": {"md5_key": True}}, "bgp.md5_key"),
        ({"bgp": {"customer_asn": 65010, "md5_key": KEY}}, {"bgp": True}, "bgp"),
        ({"bgp": {"customer_asn": 65010, "md5_key": KEY}}, {"bgp": [{"md5_key": True}]}, "bgp.md5_key"),
        ({"health_check_target": KEY}, {"health_check_target": True}, "health_check_target"),
        ({"bgp": {"customer_asn": 65010, "extra_prefixes": ["192.0.2.0/25", KEY]}}, {"bgp": {"extra_prefixes": [False, True]}}, "bgp.extra_prefixes"),
        ({"name": KEY}, {"name": True}, "name"),
        ({"something_new": KEY}, {}, "something_new"),
    ],
)
def test_what_is_sensitive_is_left_out_and_named(values, sensitive, what):
    result = convert(tunnel(sensitive, **values))
    assert KEY not in repr(result)
    assert what in {name for name, dummy in left_out(result)}
    assert ("ipsec_tunnels" in result["network_config"]) == (what != "name")


def test_a_key_of_another_tunnel_is_found():
    first, second = (resource("cloudflare_ipsec_tunnel", {**TUNNEL, "id": str(number) * 32, "name": f"a-{number}"}) for number in (1, 2))
    first["values"]["psk"], second["values"]["description"] = KEY, f"as a-1: {KEY}"
    assert KEY not in repr(convert(state_of(first, second)))


def test_a_resource_that_stands_for_an_object_again():
    """As in the middle of a move to the new names."""
    result = convert(state_of(resource("cloudflare_ipsec_tunnel", TUNNEL), resource("cloudflare_magic_wan_ipsec_tunnel", TUNNEL)))
    assert len(result["network_config"]["ipsec_tunnels"]) == 1
    assert [entry["addresses"] for entry in result["left_out"]] == [["cloudflare_magic_wan_ipsec_tunnel.it"]]


def test_objects_of_one_name_have_their_ids():
    """The first releases of version 5 have no attribute with the name id."""
    resources = [resource("cloudflare_magic_wan_ipsec_tunnel", {**TUNNEL, "id": None, "ipsec_tunnel_id": str(number) * 32}) for number in (1, 2)]
    items = convert(state_of(*resources))["network_config"]["ipsec_tunnels"]
    assert [item["ipsec_tunnel_id"] for item in items] == ["1" * 32, "2" * 32]


def test_what_is_about_to_go_is_left_out():
    result = convert(state_of(resource("cloudflare_static_route", ROUTE, deposed_key="0123abcd")))
    assert result["network_config"] == {} and left_out(result) == {("cloudflare_static_route", 1)}


def test_accounts_are_told_apart():
    other = "9a7806061c88ada191ed06f989cc3dac"
    state = state_of(resource("cloudflare_ipsec_tunnel", TUNNEL), resource("cloudflare_static_route", {**ROUTE, "account_id": other}))
    with pytest.raises(AnsibleFilterError, match="2 accounts. Give account_id"):
        convert(state)
    assert set(convert(state, ACCOUNT)["network_config"]) == {"ipsec_tunnels"}
    result = convert(state, account_id=other)
    assert set(result["network_config"]) == {"static_routes"} and left_out(result) == {("IPsec tunnel", 1)}
    assert convert(state, account_id=other.upper()) == result
    for wrong in ("", "all", 5, [other]):
        with pytest.raises(AnsibleFilterError, match="account_id is not 32 hexadecimal characters. Copy the ID"):
            convert(state, wrong)
    # Version 4 can take the account from the provider's settings.
    state["values"]["root_module"]["resources"][1]["values"]["account_id"] = None
    assert set(convert(state)["network_config"]) == {"ipsec_tunnels", "static_routes"}


@pytest.mark.parametrize(
    "state",
    [{"format_version": "1.0"}, {"format_version": "1.0", "terraform_version": "1.9.8", "values": {"root_module": {}}}, state_of()],
)
def test_an_empty_state(state):
    assert convert(state) == {"network_config": {}, "left_out": []}


def nested(inner, name):
    for dummy in range(5000):
        inner = {name: [inner]}
    return inner


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ("[" * 100_000, "does not have the format|is not JSON"),
        ({"format_version": "1.0", "values": {"root_module": nested({}, "child_modules")}}, "does not have the format"),
        (state_of(resource("cloudflare_ipsec_tunnel", {"bgp": nested(KEY, "psk")})), "does not have the format"),
        (f'{{"psk": "{KEY}"', "is not JSON"),
        (["psk", KEY], "is not a state"),
        (state_of(KEY), "does not have the format"),
        (state_of({**resource("cloudflare_ipsec_tunnel", {}), "values": KEY}), "does not have the format"),
        ({"format_version": "1.0", "values": {"root_module": {"child_modules": KEY}}}, "does not have the format"),
        ({"psk": KEY}, "is not a state"),
        (None, "is not a state"),
        ({"version": 4, "terraform_version": "1.9.8", "resources": [{"instances": [{"attributes": {"psk": KEY}}]}]}, "is the state file itself"),
        ({**state_of(), "planned_values": {"psk": KEY}}, "is a plan"),
    ],
)
def test_something_else_is_refused_without_showing_it(state, message):
    with pytest.raises(AnsibleFilterError, match=message) as caught:
        convert(state)
    assert KEY not in str(caught.value) and caught.value.__cause__ is None and "terraform show -json" in str(caught.value)


def test_the_state_stays_as_it_is():
    state = json.loads(STATES[5])
    before = copy.deepcopy(state)
    convert(state)
    assert state == before
