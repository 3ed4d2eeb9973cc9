# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The kinds beside tunnels and routes: an object of each, each field that can be changed, what takes it back, and what users get wrong."""

from __future__ import annotations

import typing as t

from ansible_collections.cloudflare.magic.plugins.module_utils._cf1_kinds import CF1_SITE
from ansible_collections.cloudflare.magic.plugins.module_utils._kinds import BGP_FILTER_PROFILE, GRE_TUNNEL, INTERCONNECT, IPSEC_TUNNEL, REDUNDANCY_GROUP
from ansible_collections.cloudflare.magic.plugins.module_utils._other_kinds import BGP_SETTINGS, MNM_CONFIG, MNM_RULE
from ansible_collections.cloudflare.magic.plugins.module_utils._site_kinds import (
    APP,
    CONNECTOR,
    SITE,
    SITE_ACL,
    SITE_APP_CONFIG,
    SITE_LAN,
    SITE_NETFLOW,
    SITE_WAN,
)

if t.TYPE_CHECKING:
    from ansible_collections.cloudflare.magic.plugins.module_utils._kind import Kind

Json = dict[str, t.Any]
NOBODY = "0" * 32


class Row(t.NamedTuple):
    """What is asked of one kind.

    :ivar new: the options of a new object.
    :ivar changes: options that change it, one after the other.
    :ivar wrong: options that are refused with the object there, and what is said.
    :ivar above: what has to be there before.
    """

    kind: Kind
    new: Json
    changes: list[Json]
    wrong: list[tuple[Json, str]]
    above: tuple[tuple[Kind, Json], ...] = ()

    @property
    def keys(self) -> Json:
        """The options that find the object."""
        parent = (self.kind.parent.result,) if self.kind.parent is not None else ()
        found = [name for name in self.new if self.kind.fields.get(name) and self.kind.fields[name].stands_for in self.kind.keys]
        return {name: self.new[name] for name in (*parent, *(found or self.kind.keys_in(self.new)))}


BOX = {"serial_number": "MC-0001"}
BOX_2 = {"serial_number": "MC-0002"}
PARIS = {"name": "paris"}
OFFICE = {"site": "paris", "name": "office", "physport": 2}
LAB = {"site": "paris", "name": "lab", "physport": 3}
STATIC = {"address": "192.168.10.1/24"}
SERVER = {"dhcp_pool_start": "192.168.10.10", "dhcp_pool_end": "192.168.10.99"}

PARIS_END = {"customer_endpoint": "198.51.100.11"}

ROWS = [
    Row(
        INTERCONNECT,
        {"name": "frankfurt-1"},
        [
            {"interface_address": "10.213.0.60/31"},
            {"interface_address6": "fd00:213::60/127"},
            {"interface_address6": ""},
            {"description": "Frankfurt"},
            {"description": ""},
            {"gre": {"cloudflare_endpoint": "203.0.113.2"}},
            {"mtu": 1400},
            {"health_check": {"rate": "high"}},
            {"health_check": {"type": "request"}},
            {"health_check": {"direction": "unidirectional"}},
            {"health_check": {"target": "10.213.0.61"}},
            {"health_check": {"enabled": False}},
            {"bgp": {"customer_asn": 65030}},
            {"bgp": {"extra_prefixes": ["192.0.2.0/24"]}},
            {"bgp": {"md5_key": "guards"}},
            {"bgp": {"import_filter": "branches"}},
            {"bgp": {"import_filter": ""}},
        ],
        [
            ({"name": "frankfurt-1", "state": "absent"}, "Cloudflare creates and deletes interconnects"),
            ({"name": "nowhere", "mtu": 1400}, "There is no such interconnect. Cloudflare creates and deletes interconnects"),
            ({"name": "frankfurt-1", "health_check": {"direction": "bidirectional", "source": "10.0.0.1"}}, "only interconnects of version 1.5"),
            ({"name": "frankfurt-1", "bgp": {"md5_key": "x", "customer_asn": 0}}, "bgp.customer_asn: '0' is not an autonomous system number"),
            ({"name": "frankfurt-1", "bgp": {"customer_asn": 1, "import_filter": "none"}}, "bgp.import_filter: there is no BGP filter profile 'none'"),
            ({"name": "frankfurt-1", "bgp": {"import_filter": "branches", "import_filter_id": "x"}}, "import_filter: cannot be combined with import_filter_id"),
            ({"name": "frankfurt-1", "interface_address": "10.213.0.60/24"}, "interface_address"),
        ],
        above=((BGP_FILTER_PROFILE, {"name": "branches", "match_action": "allow", "targets": ["10.64.0.0/12"]}),),
    ),
    Row(
        BGP_FILTER_PROFILE,
        {"name": "branches", "match_action": "allow", "targets": ["10.64.0.0/12{16,24}", "2001:DB8::/32"]},
        [
            {"match_action": "deny"},
            {"description": "Branch offices"},
            {"description": ""},
            {"targets": ["192.168.0.0/16"]},
            {"targets": ["192.168.0.0/16{16,24}"]},
            {"targets": ["192.168.0.0/16{ 24, 24 }"]},
        ],
        [
            ({"name": "new"}, "match_action, targets: missing. There is no such BGP filter profile yet"),
            ({"name": "branches", "targets": ["everything"]}, "targets: '['everything']' has 'everything', which is not a prefix"),
            ({"name": "branches", "targets": ["10.1.0.0/8"]}, "which has host bits set. Write 10.0.0.0/8."),
            ({"name": "branches", "targets": ["10.0.0.0/8{4,9}"]}, "and its lengths are not from 8 to 32"),
            ({"name": "branches", "targets": ["10.0.0.0/8{24,16}"]}, "the smaller one first"),
            ({"name": "branches", "targets": ["2001:db8::/32{48,129}"]}, "and its lengths are not from 32 to 128"),
            ({"name": " "}, "name: ' ' is empty"),
        ],
    ),
    Row(
        CONNECTOR,
        {**BOX, "notes": "Paris, rack 3"},
        [
            {"activated": True},
            {"activated": False},
            {"notes": "Paris, rack 4"},
            {"notes": ""},
            {"timezone": "Europe/Paris"},
            {"interrupt_window_days_of_week": ["Sunday", "Saturday"]},
            {"interrupt_window_hour_of_day": 3},
            {"interrupt_window_hour_of_day": 0},
            {"interrupt_window_duration_hours": 4},
            {"interrupt_window_embargo_dates": ["2026-12-24", "2026-12-31"]},
            {"interrupt_window_embargo_dates": []},
        ],
        [
            ({**BOX, "timezone": "in Paris"}, "timezone: 'in Paris' is not the name of a time zone"),
            ({**BOX, "interrupt_window_hour_of_day": 24}, "interrupt_window_hour_of_day: '24' is not a whole number from 0 to 23"),
            ({**BOX, "interrupt_window_duration_hours": 0}, "is not a whole number from 1 to 24"),
            ({**BOX, "interrupt_window_embargo_dates": ["24.12.2026"]}, "which is not a date. Write it like 2026-12-24"),
            ({**BOX, "interrupt_window_embargo_dates": ["20261224"]}, "has '20261224', which is not a date"),
            ({**BOX, "interrupt_window_embargo_dates": ["2026-W52-4"]}, "has '2026-W52-4', which is not a date"),
            ({**BOX, "interrupt_window_embargo_dates": ["2026-02-30"]}, "has '2026-02-30', which is not a date"),
            ({"connector_id": NOBODY, "notes": "x"}, "connector_id: there is no connector with the id"),
            ({"notes": "x"}, "serial_number: missing. A connector is identified by serial_number (or device_id), or by connector_id."),
        ],
    ),
    Row(
        SITE,
        {**PARIS, "connector": "MC-0001"},
        [
            {"description": "Head office"},
            {"description": ""},
            {"location": {"lat": "48.8566", "lon": "2.3522"}},
            {"location": {"lat": "48.86"}},
            {"connector": "MC-0002"},
            {"connector": ""},
        ],
        [
            ({**PARIS, "connector": "MC-0003"}, "connector: there is no connector 'MC-0003'. These exist: MC-0001, MC-0002."),
            ({**PARIS, "ha_mode": True}, "ha_mode: cannot be changed"),
            ({**PARIS, "secondary_connector": "MC-0002"}, "secondary_connector: only a site with ha_mode: true has one"),
            ({"name": "two", "ha_mode": True, "connector": "MC-0001", "secondary_connector": "MC-0001"}, "is also the connector of the site"),
            ({**PARIS, "location": {"lat": "91"}}, "location.lat: '91' is not a number of degrees from -90 to 90"),
            ({**PARIS, "location": {"lat": "1e-99999"}}, "location.lat: '1e-99999' has more than 20 decimals. Write it like 48.8566."),
            ({**PARIS, "location": {"lon": "1e-99999999"}}, "location.lon: '1e-99999999' has more than 20 decimals"),
            ({**PARIS, "location": {"lon": "east"}}, "location.lon: 'east' is not a number of degrees from -180 to 180"),
            ({**PARIS, "connector": "MC-0001", "connector_id": NOBODY}, "connector: cannot be combined with connector_id"),
            ({"site_id": NOBODY, "description": "x"}, "site_id: there is no site with the id"),
        ],
        above=((CONNECTOR, BOX), (CONNECTOR, BOX_2)),
    ),
    Row(
        SITE_LAN,
        {**OFFICE, "vlan_tag": 0},
        [
            {"vlan_tag": 20},
            {"vlan_tag": 0},
            {"physport": 4},
            {"is_breakout": True},
            {"is_prioritized": True},
            {"is_prioritized": False},
            {"static_addressing": STATIC},
            {"static_addressing": {"dhcp_server": SERVER}},
            {"static_addressing": {"dhcp_server": {"dns_servers": ["192.168.10.1", "192.0.2.53"]}}},
            {"static_addressing": {"dhcp_server": {"reservations": {"00:00:5E:00:53:01": "192.168.10.20"}}}},
            {"static_addressing": {"dhcp_server": {"reservations": {"00:00:5e:00:53:02": "192.168.10.21"}}}},
            {"static_addressing": {"dhcp_server": {"dhcp_options": [{"code": 66, "type": "text", "value": "boot.example.com"}]}}},
            {"static_addressing": {"dhcp_server": {"dhcp_options": []}}},
            {"static_addressing": {"dhcp_relay": {"server_addresses": ["192.0.2.67"]}}},
            {"routed_subnets": [{"prefix": "192.168.30.0/24", "next_hop": "192.168.10.2"}, {"prefix": "192.168.20.0/24", "next_hop": "192.168.10.2"}]},
            {"routed_subnets": [{"prefix": "192.168.20.0/24", "next_hop": "192.168.10.2", "nat": {"static_prefix": "10.20.0.0/24"}}]},
            {"routed_subnets": []},
            {"nat": {"static_prefix": "10.10.0.0/24"}},
            {"nat": {"static_prefix": ""}},
            {"static_addressing": {"dhcp_server": SERVER}},
            {"static_addressing": {"dhcp_server": {"reservations": {"00:00:5E:00:53:01": "192.168.10.20"}}}},
            {"static_addressing": {"dhcp_server": {"dhcp_pool_start": "", "dhcp_pool_end": ""}}},
            {"static_addressing": {"dhcp_server": {"reservations": {}}}},
            {"static_addressing": {"dhcp_server": SERVER}},
            {"static_addressing": {"dhcp_server": {"dhcp_pool_start": "", "dhcp_pool_end": ""}}},
            {"static_addressing": {"secondary_address": "192.168.10.2/24"}},
            {"static_addressing": {"secondary_address": ""}},
            {"static_addressing": {"virtual_address": "192.168.10.3/24"}},
            {"static_addressing": {"virtual_address": ""}},
        ],
        [
            ({**OFFICE, "site": "rome"}, "site: there is no site 'rome'. These exist: paris."),
            ({**OFFICE, "ha_link": True}, "ha_link: cannot be changed"),
            ({**OFFICE, "vlan_tag": 4095}, "vlan_tag: '4095' is not a whole number from 0 to 4094"),
            ({**OFFICE, "physport": 0}, "physport: '0' is not a whole number"),
            ({**OFFICE, "static_addressing": {"dhcp_server": SERVER}}, "static_addressing: address is missing, which static_addressing needs."),
            ({**OFFICE, "static_addressing": {"address": "192.168.10.1"}}, "static_addressing.address: '192.168.10.1' has no prefix length"),
            ({**OFFICE, "static_addressing": {"address": "fd00::1/64"}}, "static_addressing.address: 'fd00::1/64' is not an IPv4 address"),
            (
                {**OFFICE, "static_addressing": {**STATIC, "dhcp_server": SERVER, "dhcp_relay": {"server_addresses": ["192.0.2.67"]}}},
                "static_addressing.dhcp_server: cannot be combined with dhcp_relay",
            ),
            (
                {**OFFICE, "static_addressing": {**STATIC, "dhcp_server": {**SERVER, "dhcp_pool_end": "192.168.10.9"}}},
                "dhcp_pool_end: 192.168.10.9 comes before 192.168.10.10",
            ),
            ({**OFFICE, "static_addressing": {**STATIC, "dhcp_server": {"dhcp_pool_end": "192.168.10.9"}}}, "belong together"),
            (
                {**OFFICE, "static_addressing": {**STATIC, "dhcp_server": {"dhcp_options": [{"code": 51, "type": "integer", "value": "1"}]}}},
                "static_addressing.dhcp_server.dhcp_options[0].code: '51' is set by the connector itself",
            ),
            (
                {**OFFICE, "static_addressing": {**STATIC, "dhcp_server": {"dhcp_options": [{"code": 66, "type": "text"}]}}},
                "dhcp_options[0].value: missing. Each entry needs code and type and value.",
            ),
            ({**OFFICE, "static_addressing": {**STATIC, "dhcp_server": {"reservations": {"printer": "192.168.10.20"}}}}, "which is not a MAC address"),
            ({**OFFICE, "routed_subnets": [{"prefix": "192.168.20.1/24", "next_hop": "192.168.10.2"}]}, "routed_subnets[0].prefix"),
            (
                {
                    **OFFICE,
                    "static_addressing": {**STATIC, "dhcp_server": {"reservations": {"00:00:5e:00:53:01": "192.168.10.5", "0000.5E00.5301": "192.168.10.6"}}},
                },
                "has the MAC address 00:00:5e:00:53:01 twice. Give it once.",
            ),
            ({**OFFICE, "static_addressing": {"address": ""}}, "static_addressing.address: '' is empty. Give a value."),
            ({**OFFICE, "static_addressing": {**STATIC, "dhcp_server": {"dns_servers": [""]}}}, "dns_servers: '['']' is empty"),
            ({**OFFICE, "routed_subnets": [{"prefix": "", "next_hop": "192.168.10.2"}]}, "routed_subnets[0].prefix: '' is empty"),
            ({**OFFICE, "routed_subnets": [{"prefix": "192.168.20.0/24", "next_hop": ""}]}, "routed_subnets[0].next_hop: '' is empty"),
            ({**OFFICE, "routed_subnets": [{"prefix": "192.168.20.0/24"}]}, "routed_subnets[0].next_hop: missing"),
            ({**OFFICE, "nat": {"static_prefix": "fd00::/64"}}, "nat.static_prefix: 'fd00::/64' is an IPv6 prefix, and only IPv4 is possible here"),
        ],
        above=((SITE, PARIS),),
    ),
    Row(
        SITE_WAN,
        {"site": "paris", "name": "fiber", "physport": 1, "vlan_tag": 0},
        [
            {"vlan_tag": 7},
            {"physport": 5},
            {"priority": 2},
            {"health_check_rate": "high"},
            {"load_balance_inner_flows": True},
            {"load_balance_inner_flows": False},
            {"static_addressing": {"address": "198.51.100.2/30", "gateway_address": "198.51.100.1"}},
            {"static_addressing": {"address": "198.51.100.6/30", "gateway_address": "198.51.100.5"}},
        ],
        [
            ({"site": "paris", "name": "lte"}, "physport: missing. There is no such WAN yet"),
            ({"site": "paris", "name": "fiber", "static_addressing": {"address": "198.51.100.2/30"}}, "gateway_address is missing"),
            ({"site": "paris", "name": "fiber", "static_addressing": {"gateway_address": "gateway"}}, "gateway_address: 'gateway' is not an IPv4 address"),
            ({"site": "paris", "name": "fiber", "static_addressing": {"address": "198.51.100.2/30", "gateway_address": ""}}, "gateway_address: '' is empty"),
            ({"site": "paris", "name": "fiber", "vlan_tag": -1}, "vlan_tag: '-1' is not a whole number"),
            ({"site": "paris", "site_wan_id": "a/b", "priority": 1}, "site_wan_id"),
        ],
        above=((SITE, PARIS),),
    ),
    Row(
        SITE_ACL,
        {"site": "paris", "name": "office to lab", "lan_1": {"lan": "office"}, "lan_2": {"lan": "lab", "ports": [443]}},
        [
            {"description": "The tests"},
            {"description": ""},
            {"protocols": ["udp", "tcp"]},
            {"protocols": []},
            {"forward_locally": True},
            {"unidirectional": True},
            {"unidirectional": False},
            {"lan_2": {"ports": [80, 443]}},
            {"lan_2": {"ports": []}},
            {"lan_2": {"port_ranges": ["8000-8080", "443-443"]}},
            {"lan_1": {"subnets": ["192.168.10.0/25"]}},
            {"lan_1": {"lan": "lab"}, "lan_2": {"lan": "office"}},
        ],
        [
            ({"site": "paris", "name": "new", "lan_1": {"lan": "office"}}, "lan_2: missing. There is no such ACL yet"),
            (
                {"site": "paris", "name": "new", "lan_1": {"lan": "office"}, "lan_2": {"lan": "cellar"}},
                "lan_2.lan: there is no LAN 'cellar'. These exist: lab, office.",
            ),
            ({"site": "paris", "name": "new", "lan_1": {"lan": "office"}, "lan_2": {"ports": [1]}}, "lan_2: lan_id is missing"),
            ({"site": "paris", "name": "office to lab", "lan_1": {"lan": ""}}, "lan_1.lan: '' is empty. Give the name."),
            ({"site": "paris", "name": "new", "lan_1": {"lan": ""}, "lan_2": {"lan": "lab"}}, "lan_1.lan: '' is empty. Give the name."),
            ({"site": "paris", "name": "office to lab", "lan_2": {"ports": [70000]}}, "lan_2.ports"),
            ({"site": "paris", "name": "office to lab", "lan_2": {"port_ranges": ["9-8"]}}, "which is not a range of ports. Write it like 8000-8080."),
            ({"site": "paris", "name": "office to lab", "lan_2": {"subnets": ["192.168.10.1/25"]}}, "Write 192.168.10.0/25"),
        ],
        above=((SITE, PARIS), (SITE_LAN, OFFICE), (SITE_LAN, LAB)),
    ),
    Row(
        SITE_NETFLOW,
        {"site": "paris", "collector_ip": "192.168.10.5", "collector_port": 2055},
        [{"collector_ip": "192.168.10.6"}, {"collector_port": 9995}, {"sampling_rate": 100}, {"active_timeout": 60}, {"inactive_timeout": 20}],
        [
            ({"site": "rome", "collector_ip": "192.168.10.5"}, "site: there is no site 'rome'"),
            ({"site": "paris", "collector_ip": "collector"}, "collector_ip: 'collector' is not an IPv4 address"),
            ({"site": "paris", "collector_port": 70000}, "collector_port: '70000' is not a whole number from 1 to 65535"),
            ({"site": "paris", "sampling_rate": 0}, "sampling_rate: '0'"),
            ({"site": "paris", "collector_ip": ""}, "collector_ip: '' is empty. Give a value."),
        ],
        above=((SITE, PARIS),),
    ),
    Row(
        SITE_APP_CONFIG,
        {"site": "paris", "app": "payroll"},
        [
            {"breakout": True},
            {"preferred_wans": ["fiber", "lte"]},
            {"preferred_wans": ["lte", "fiber"]},
            {"preferred_wans": []},
            {"breakout": False},
            {"priority": 1},
            {"priority": 0},
        ],
        [
            ({"site": "paris", "app": "games"}, "app: there is no app 'games'. These exist: payroll."),
            ({"site": "paris", "app": ""}, "app: '' is empty. Give the name."),
            ({"site": "paris", "managed_app": "payroll"}, "managed_app: there is no app of Cloudflare 'payroll'"),
            ({"site": "paris", "app": "payroll", "managed_app_id": NOBODY}, "app: cannot be combined with managed_app_id"),
            ({"site": "paris", "app": "payroll", "managed_app": "games"}, "app: cannot be combined with managed_app. Give only one of them."),
            ({"site": "paris", "app": "payroll", "preferred_wans": ["fiber"]}, "preferred_wans: applies only to traffic with breakout: true"),
            ({"site": "paris", "app": "payroll", "preferred_wans": ["dsl"]}, "preferred_wans: there is no WAN 'dsl'. These exist: fiber, lte."),
            ({"site": "paris", "app": "payroll", "priority": 2}, "priority: '2' is not a whole number from 0 to 1"),
            ({"site": "paris", "breakout": True}, "app: missing. An app configuration is identified by app (or managed_app), or by site_app_config_id."),
        ],
        above=(
            (SITE, PARIS),
            (APP, {"name": "payroll", "type": "Business"}),
            (SITE_WAN, {"site": "paris", "name": "fiber", "physport": 1}),
            (SITE_WAN, {"site": "paris", "name": "lte", "physport": 5}),
        ),
    ),
    Row(
        APP,
        {"name": "payroll", "type": "Business"},
        [
            {"type": "Finance"},
            {"hostnames": ["payroll.example.com", "hr.example.com"]},
            {"hostnames": []},
            {"ip_subnets": ["192.0.2.0/24"]},
            {"ip_subnets": []},
            {"source_subnets": ["192.168.20.0/24"]},
        ],
        [
            ({"name": "new"}, "type: missing. There is no such app yet"),
            ({"name": "payroll", "ip_subnets": ["2001:db8::/32"]}, "is an IPv6 prefix, and only IPv4 is possible here"),
            ({"name": "payroll", "source_subnets": ["192.168.20.1/24"]}, "Write 192.168.20.0/24"),
            ({"name": "payroll", "type": ""}, "type: '' is empty"),
        ],
    ),
    Row(
        MNM_CONFIG,
        {"name": "Example Corporation", "default_sampling": 1},
        [
            {"default_sampling": 1000},
            {"name": "Example"},
            {"router_ips": ["203.0.113.9", "2001:db8::9"]},
            {"router_ips": []},
            {"warp_devices": [{"id": "d1", "name": "edge", "router_ip": "192.0.2.7/32"}]},
            {"warp_devices": []},
        ],
        [
            ({"default_sampling": 0}, "default_sampling: '0' is not a whole number"),
            ({"router_ips": ["router"]}, "is not an IP address"),
            (
                {"warp_devices": [{"id": "d1", "name": "edge", "router_ip": "192.0.2.0/24"}]},
                "warp_devices[0].router_ip: '192.0.2.0/24' is more than one address",
            ),
            ({"warp_devices": [{"id": "d1", "name": "edge"}]}, "warp_devices[0].router_ip: missing"),
        ],
    ),
    Row(
        MNM_RULE,
        {"name": "flood", "type": "threshold", "automatic_advertisement": False, "prefixes": ["203.0.113.0/24"], "bandwidth_threshold": 1000},
        [
            {"bandwidth_threshold": 2000},
            {"packet_threshold": 500},
            {"duration": "5m"},
            {"duration": "1h"},
            {"automatic_advertisement": True},
            {"prefixes": ["203.0.113.0/25", "203.0.113.128/25"]},
        ],
        [
            ({"name": "new"}, "type, automatic_advertisement, prefixes: missing"),
            ({"name": "a flood"}, "name: 'a flood' is not a valid rule name"),
            ({"name": "flood", "duration": "2m"}, "duration: '2m' is not one of 1m, 5m, 10m"),
            ({"name": "flood", "zscore_target": "bits"}, "zscore_target: applies only to rules of the type zscore, and this one has the type threshold"),
            ({"name": "flood", "bandwidth_threshold": 0}, "bandwidth_threshold: '0' is not a whole number"),
            ({"name": "flood", "prefixes": ["203.0.113.1/24"]}, "Write 203.0.113.0/24"),
        ],
        above=((MNM_CONFIG, {"name": "Example Corporation", "default_sampling": 1}),),
    ),
    Row(
        BGP_SETTINGS,
        {},
        [{"cloudflare_asn": 65000}, {"redistribute_static_wan": True}, {"redistribute_static_wan": False}],
        [({"state": "absent"}, "Each account has BGP settings, which cannot be created or deleted."), ({"cloudflare_asn": 0}, "cloudflare_asn: '0' is not an")],
    ),
    Row(
        CF1_SITE,
        {"name": "lyon"},
        [{"description": "Branch office"}, {"description": ""}, {"location": {"lat": 45.764, "long": 4.8357, "name": "Lyon"}}, {"location": {"lat": 45.8}}],
        [
            ({"name": "lyon", "location": {"lat": 90.5}}, "location.lat: '90.5' is not a number of degrees from -90 to 90"),
            ({"name": "lyon", "location": {"long": -181}}, "location.long"),
            ({"name": "lyon", "description": "x", "ramps": [{"connector": "MC-9"}]}, "ramps[0].connector: there is no connector 'MC-9'. These exist: none."),
            ({"name": "paris", "ramps": [{"connector": "MC-9"}]}, "ramps[0].connector: there is no connector 'MC-9'. These exist: none."),
            ({"name": "lyon", "ramps": [{"gre_interconnect": "frankfurt-1", "mpls_interconnect": "frankfurt-1"}]}, "cannot be combined with mpls_interconnect"),
            ({"name": "lyon", "ramps": [{"ramp_id": NOBODY}]}, "ramps[0]: there is no ramp with the id"),
            ({"cf1_site_id": NOBODY, "description": "x"}, "cf1_site_id: there is no site of Cloudflare One with the id"),
        ],
    ),
    Row(
        REDUNDANCY_GROUP,
        {"name": "paris", "members": {"ipsec_tunnels": ["paris-1", "paris-2"]}},
        [
            {"description": "Both ends"},
            {"description": ""},
            {"members": {"ipsec_tunnels": ["paris-2"]}},
            {"members": {"gre_tunnels": ["paris-3"]}},
            {"members": {"interconnects": ["frankfurt-1"], "gre_tunnels": []}},
            {"members": {"ipsec_tunnels": []}},
        ],
        [
            (
                {"name": "paris", "members": {"ipsec_tunnels": ["paris-3"]}},
                "members.ipsec_tunnels: there is no IPsec tunnel 'paris-3'. These exist: paris-1, paris-2.",
            ),
            ({"name": "paris", "members": {"gre_tunnels": ["paris-1"]}}, "members.gre_tunnels: there is no GRE tunnel 'paris-1'."),
            ({"name": "paris", "members": {"interconnects": [NOBODY]}}, "members.interconnects: there is no interconnect"),
            ({"name": " "}, "name: ' ' is empty"),
            ({"redundancy_group_id": NOBODY, "description": "x"}, "redundancy_group_id: there is no redundancy group with the id"),
        ],
        above=(
            (IPSEC_TUNNEL, {"name": "paris-1", "cloudflare_endpoint": "203.0.113.1", "interface_address": "10.213.0.10/31", **PARIS_END}),
            (IPSEC_TUNNEL, {"name": "paris-2", "cloudflare_endpoint": "203.0.113.2", "interface_address": "10.213.0.12/31", **PARIS_END}),
            (
                GRE_TUNNEL,
                {
                    "name": "paris-3",
                    "cloudflare_gre_endpoint": "203.0.113.1",
                    "customer_gre_endpoint": "198.51.100.11",
                    "interface_address": "10.213.0.14/31",
                },
            ),
        ),
    ),
]
