# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds beside tunnels and routes: sites and what belongs to them, connectors, filters, apps, network monitoring, the newer sites.

Where Cloudflare documents nothing, a choice had to be made; each is marked "Choice" and can be found by that word.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
import secrets
import time
from datetime import datetime
from typing import Any

from . import values as v
from .kinds import KINDS, Form, Kind, Reference
from .moments import to_timestamp
from .values import ApiError, Json, invalid

# Choice: there is no code for what is not found here; public code goes by the status alone. This number is nobody's.
_UNKNOWN = 1098
_ALL = ("GET", "POST")
_ONE = ("GET", "PUT", "PATCH", "DELETE")


def _now() -> str:
    return to_timestamp(time.time_ns(), 6)


# --- BGP ----------------------------------------------------------------------------------------------------------


def _target(value: Any, pointer: str) -> Any:
    match = re.match(r"^([^{}]+?)(?:\{(\d+),(\d+)\})?\Z", v.typed(value, str, pointer))
    if not match:
        raise invalid("not a prefix with an optional suffix of X and Y in braces", pointer)
    network = ipaddress.ip_network(v.prefix(match.group(1), pointer))
    if match.group(2) and not network.prefixlen <= int(match.group(2)) <= int(match.group(3)) <= network.max_prefixlen:
        raise invalid("the suffix needs: length of the prefix <= X <= Y <= length of an address", pointer)
    return f"{network}{match.group(0)[len(match.group(1)) :]}"


BGP_FILTER_PROFILE = Kind(
    "bgp/filter_profiles",
    "bgp_filter_profiles",
    "bgp_filter_profile",
    "BGP filter profile",
    (_UNKNOWN, "BGP filter profile not found"),
    {"name": v.filled, "description": v.text, "match_action": v.choice("allow", "deny"), "targets": v.list_of(_target)},
    ("name", "match_action", "targets"),
    {"description": ""},
    methods=(_ALL, ("GET", "PUT", "DELETE")),
    # The description says of PUT that it leaves what it does not name.
    form=Form(times=True, merges=True, wan=False),
)
BGP_SETTINGS = Kind(
    "bgp/settings",
    "bgp_settings",
    "bgp_setting",
    "BGP settings",
    (_UNKNOWN, "BGP settings not found"),
    {"cloudflare_asn": v.number(1, 2**32 - 1), "redistribute": v.object_of({"static:wan": v.boolean})},
    (),
    # Choice: Cloudflare's own number, and nothing redistributed, until someone says otherwise.
    {"cloudflare_asn": 13335, "redistribute": {"static:wan": False}},
    methods=(("GET", "PUT"), ()),
    form=Form(single=True, always=True, merges=True, wan=False, shown=lambda fields, _beside, _doing: {key: fields[key] for key in fields if key != "id"}),
)

# --- sites --------------------------------------------------------------------------------------------------------

_VLAN = v.number(0, 4094)
# Choice: no limit of ports is documented.
_PORT = v.number(0, 1023)


def _check_site(look: Any) -> None:
    fields = look.fields
    ends = [fields.get(name) for name in ("connector_id", "secondary_connector_id")]
    if ends[1] and not fields["ha_mode"]:
        raise invalid("a site without high availability has one connector", "/secondary_connector_id")
    if ends[1] and ends[1] == ends[0]:
        raise invalid("the two connectors of a site must differ", "/secondary_connector_id")
    for name, end in zip(("connector_id", "secondary_connector_id"), ends):
        # Choice: a connector is at one site.
        if end and look.named_by("connectors", end, "sites"):
            raise invalid("this connector belongs to another site", "/" + name)


SITE = Kind(
    "sites",
    "sites",
    "site",
    "Site",
    (_UNKNOWN, "site not found"),
    {
        "name": v.filled,
        "description": v.text,
        "connector_id": v.text,
        "secondary_connector_id": v.text,
        "ha_mode": v.boolean,
        "location": v.object_of({"lat": v.text, "lon": v.text}),
    },
    ("name",),
    {"ha_mode": False},
    methods=(_ALL, _ONE),
    refers=(Reference("connector_id", "connectors"), Reference("secondary_connector_id", "connectors")),
    form=Form(
        fixed=("ha_mode",),
        checks=(_check_site,),
        filters={"connectorid": lambda fields, wanted: wanted in (fields.get("connector_id"), fields.get("secondary_connector_id"))},
    ),
)

_OPTION_NUMBERS = {"byte": 2**8, "short": 2**16, "integer": 2**32}


def _dhcp_option(value: Any, pointer: str) -> Any:
    kinds = v.choice("text", "hex", "ip", "byte", "short", "integer")
    option = v.object_with({"code": v.number(1, 254), "type": kinds, "value": v.filled}, "code", "type", "value")(value, pointer)
    kind, text = option["type"], option["value"]
    if option["code"] in (3, 6, 51):
        raise invalid("the options 3, 6 and 51 are the connector's own", pointer + "/code")
    right = {
        "text": len(text.encode()) <= 255,
        "hex": bool(re.match(r"^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){0,254}\Z", text)),
        "ip": kind != "ip" or bool(v.ipv4(text, pointer + "/value")),
    }
    if not right.get(kind, re.match(r"^\d{1,10}\Z", text) and int(text) < _OPTION_NUMBERS.get(kind, 0)):
        raise invalid(f"not a value of the type {kind}", pointer + "/value")
    return option


_MAC = v.matching(r"^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}", "a MAC address")
_NAT = v.object_of({"static_prefix": v.network4})
_DHCP_SERVER = v.object_of(
    {
        "dhcp_options": v.list_of(_dhcp_option),
        "dhcp_pool_start": v.ipv4,
        "dhcp_pool_end": v.ipv4,
        "dns_server": v.ipv4,
        "dns_servers": v.list_of(v.ipv4),
        "reservations": v.mapping_of(_MAC, v.ipv4),
    }
)
_LAN_ADDRESSING = v.object_with(
    {
        "address": v.host_in_network,
        "secondary_address": v.host_in_network,
        "virtual_address": v.host_in_network,
        "dhcp_relay": v.object_of({"server_addresses": v.list_of(v.ipv4)}),
        "dhcp_server": _DHCP_SERVER,
    },
    "address",
)


def _check_port(look: Any) -> None:
    # Choice: a port with a VLAN is one LAN, or one WAN.
    here = look.fields.get("physport"), look.fields["vlan_tag"]
    taken = [(other.fields.get("physport"), other.fields["vlan_tag"]) for other in look.beside("lans", "wans")]
    if here[0] is not None and here in taken:
        raise invalid("another LAN or WAN of the site has this port and VLAN", "/physport")


def _check_lan(look: Any) -> None:
    fields, redundant = look.fields, look.parent.fields["ha_mode"]
    addressing = fields.get("static_addressing", {})
    where = "/static_addressing"
    if redundant:
        for name in ("address", "secondary_address", "virtual_address"):
            if not addressing.get(name):
                raise invalid(f"a LAN of a site with high availability needs {name}", f"{where}/{name}")
    if fields["ha_link"] and not redundant:
        raise invalid("ha_link is for sites with high availability", "/ha_link")
    if fields["ha_link"] and any(other.fields["ha_link"] for other in look.beside("lans")):
        raise invalid("another LAN of the site is the ha_link", "/ha_link")
    # Choice: one of the two.
    if "dhcp_server" in addressing and "dhcp_relay" in addressing:
        raise invalid("dhcp_server and dhcp_relay cannot be combined", where + "/dhcp_relay")
    server = addressing.get("dhcp_server", {})
    for name in ("dhcp_pool_start", "dhcp_pool_end"):
        # Choice: the pool is inside the LAN.
        if name in server and ipaddress.IPv4Address(server[name]) not in ipaddress.IPv4Interface(addressing["address"]).network:
            raise invalid("the pool must be inside the LAN's network", f"{where}/dhcp_server/{name}")


LAN = Kind(
    "sites/<parent_id>/lans",
    "lans",
    "lan",
    "Site LAN",
    (_UNKNOWN, "LAN not found"),
    {
        "name": v.text,
        "physport": _PORT,
        "vlan_tag": _VLAN,
        "bond_id": v.number(0, 1023),
        "ha_link": v.boolean,
        "is_breakout": v.boolean,
        "is_prioritized": v.boolean,
        "nat": _NAT,
        "routed_subnets": v.list_of(v.object_with({"next_hop": v.ipv4, "prefix": v.network4, "nat": _NAT}, "next_hop", "prefix")),
        "static_addressing": _LAN_ADDRESSING,
    },
    (),
    {"vlan_tag": 0, "ha_link": False, "is_breakout": False, "is_prioritized": False},
    methods=(_ALL, _ONE),
    form=Form(parent="sites", parent_name="site_id", fixed=("ha_link",), list_answer=True, checks=(_check_lan, _check_port)),
)


def _check_wan(look: Any) -> None:
    addressing = look.fields.get("static_addressing", {})
    if addressing.get("secondary_address") and not look.parent.fields["ha_mode"]:
        raise invalid("secondary_address is for sites with high availability", "/static_addressing/secondary_address")
    if look.parent.fields["ha_mode"] and addressing and not addressing.get("secondary_address"):
        raise invalid("a WAN of a site with high availability needs secondary_address", "/static_addressing/secondary_address")


WAN = Kind(
    "sites/<parent_id>/wans",
    "wans",
    "wan",
    "Site WAN",
    (_UNKNOWN, "WAN not found"),
    {
        "name": v.text,
        "physport": _PORT,
        "vlan_tag": _VLAN,
        "priority": v.number(0, 2**31 - 1),
        "health_check_rate": v.choice("low", "mid", "high"),
        "load_balance_inner_flows": v.boolean,
        "static_addressing": v.object_with(
            {"address": v.host_in_network, "gateway_address": v.ipv4, "secondary_address": v.host_in_network}, "address", "gateway_address"
        ),
    },
    ("physport",),
    {"vlan_tag": 0, "priority": 0, "health_check_rate": "mid"},
    methods=(_ALL, _ONE),
    form=Form(parent="sites", parent_name="site_id", list_answer=True, nullable=("load_balance_inner_flows",), checks=(_check_wan, _check_port)),
)


def _port_range(value: Any, pointer: str) -> Any:
    match = re.match(r"^(\d{1,5})-(\d{1,5})\Z", v.typed(value, str, pointer))
    if not match or not 1 <= int(match.group(1)) <= int(match.group(2)) <= 65535:
        raise invalid("not a range of ports, such as 8080-8090", pointer)
    return value


_ACL_SIDE = v.object_with(
    {
        "lan_id": v.filled,
        "ports": v.list_of(v.number(1, 65535)),
        "port_ranges": v.list_of(_port_range),
        # Choice: not looked up in the LAN.
        "subnets": v.list_of(v.network4),
    },
    "lan_id",
)


def _acl_shown(fields: Json, beside: Any, _doing: str) -> Json:
    names = {lan.id: lan.fields.get("name", "") for lan in beside("lans")}
    sides = {side: dict(fields[side], lan_name=names.get(fields[side]["lan_id"], "")) for side in ("lan_1", "lan_2")}
    return {**fields, **sides}


ACL = Kind(
    "sites/<parent_id>/acls",
    "acls",
    "acl",
    "Site ACL",
    (_UNKNOWN, "ACL not found"),
    {
        "name": v.filled,
        "description": v.text,
        "forward_locally": v.boolean,
        "unidirectional": v.boolean,
        "lan_1": _ACL_SIDE,
        "lan_2": _ACL_SIDE,
        "protocols": v.list_of(v.choice("tcp", "udp", "icmp")),
    },
    ("name", "lan_1", "lan_2"),
    {"forward_locally": False, "unidirectional": False},
    methods=(_ALL, _ONE),
    refers=(Reference("lan_1/lan_id", "lans", beside=True), Reference("lan_2/lan_id", "lans", beside=True)),
    form=Form(parent="sites", parent_name="site_id", shown=_acl_shown),
)

# --- apps ---------------------------------------------------------------------------------------------------------

APP = Kind(
    "apps",
    "apps",
    "app",
    "App",
    (_UNKNOWN, "app not found"),
    {
        "name": v.filled,
        "type": v.filled,
        "hostnames": v.list_of(v.filled),
        "ip_subnets": v.list_of(v.network4),
        "source_subnets": v.list_of(v.network4),
    },
    ("name", "type"),
    {},
    # There is no GET of one.
    methods=(_ALL, ("PUT", "PATCH", "DELETE")),
    form=Form(ids=("account_app_id", "managed_app_id")),
)


def _check_app_config(look: Any) -> None:
    fields = look.fields
    if ("account_app_id" in fields) == ("managed_app_id" in fields):
        raise invalid("give either account_app_id or managed_app_id", "/account_app_id")
    if fields.get("preferred_wans") and not fields.get("breakout"):
        raise invalid("preferred_wans is for breakout traffic", "/preferred_wans")
    app = fields.get("account_app_id", fields.get("managed_app_id"))
    # Choice: a site says once what becomes of an app.
    if any(app in (other.fields.get("account_app_id"), other.fields.get("managed_app_id")) for other in look.beside("app_configs")):
        raise invalid("the site has a configuration for this app", "/account_app_id")


APP_CONFIG = Kind(
    "sites/<parent_id>/app_configs",
    "app_configs",
    "app_config",
    "App Config",
    (_UNKNOWN, "app config not found"),
    {
        "account_app_id": v.filled,
        "managed_app_id": v.filled,
        "breakout": v.boolean,
        "preferred_wans": v.list_of(v.filled),
        "priority": v.number(0, 1),
    },
    (),
    {"priority": 0},
    methods=(_ALL, ("PUT", "PATCH", "DELETE")),
    refers=(Reference("account_app_id", "apps"), Reference("managed_app_id", "apps"), Reference("preferred_wans/*", "wans", beside=True)),
    form=Form(
        parent="sites",
        parent_name="site_id",
        fixed=("account_app_id", "managed_app_id"),
        nullable=("breakout",),
        checks=(_check_app_config,),
        created=201,
    ),
)
_TIMEOUT = v.number(1, 5400)
NETFLOW_CONFIG = Kind(
    "sites/<parent_id>/netflow_config",
    "netflow_configs",
    "netflow_config",
    "NetFlow configuration",
    (_UNKNOWN, "the site has no NetFlow configuration"),
    {
        "collector_ip": v.ipv4,
        "collector_port": v.number(1, 65535),
        "sampling_rate": v.number(1, 10000),
        "active_timeout": _TIMEOUT,
        "inactive_timeout": _TIMEOUT,
    },
    ("collector_ip",),
    {"collector_port": 2055, "sampling_rate": 1, "active_timeout": 30, "inactive_timeout": 15},
    methods=(("GET", "POST", "PUT", "PATCH", "DELETE"), ()),
    form=Form(
        parent="sites",
        parent_name="site_id",
        single=True,
        part=True,
        # Cloudflare's own tool calls both an update in part.
        merges=True,
        created=201,
        # Choice: no code is known for a second one.
        exists=(1022, "the site already has a NetFlow configuration"),
        shown=lambda fields, _beside, _doing: {key: value for key, value in fields.items() if key not in ("id", "site_id")},
    ),
)

# --- connectors ---------------------------------------------------------------------------------------------------

_DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
VERSION = "2026.11.2"


def _date(value: Any, pointer: str) -> Any:
    try:
        datetime.strptime(v.matching(r"^\d{4}-\d{2}-\d{2}", "a date such as 2026-12-24")(value, pointer), "%Y-%m-%d")
    except ValueError:
        raise invalid("not a date such as 2026-12-24", pointer) from None
    return value


def _device(value: Any, pointer: str) -> Any:
    found = v.object_of({"id": v.filled, "serial_number": v.filled, "provision_license": v.boolean})(value, pointer)
    if len(found) != 1:
        raise invalid("exactly one of id, serial_number and provision_license is required", pointer)
    return found


def _new_license() -> str:
    return "mconn-" + secrets.token_hex(20)


def _complete_connector(fields: Json, before: Json, body: Json) -> None:
    """Make what Cloudflare makes: the device and, when asked to, a licence key, a new one each time."""
    fields["last_updated"] = _now()
    if not before:
        given = fields["device"]
        licensed = given.pop("provision_license", None)
        if licensed is False:
            raise invalid("exactly one of id, serial_number and provision_license is required", "/device")
        identity = given.get("serial_number", "")
        # Choice: what the id of a device is made of.
        given.setdefault("id", hashlib.sha256(identity.encode()).hexdigest()[:32] if identity else secrets.token_hex(16))
        given["type"] = "LICENSED" if licensed else "MANAGED"
    if fields.pop("provision_license", False) or (not before and fields["device"]["type"] == "LICENSED"):
        # Choice: an appliance needs none.
        if fields["device"]["type"] != "LICENSED":
            raise invalid("this connector has no licence", "/provision_license")
        fields["license_key"] = _new_license()
    if fields["activated"] and not before.get("activated"):
        fields["powered"] = True
        fields["events"] = [*fields.get("events", ()), _event(fields, "Init")]


def _event(fields: Json, kind: str) -> Json:
    """Return an event of now; several of one second are told apart by their number."""
    now = int(time.time())
    return {"t": now, "a": now, "k": kind, "n": sum(event["t"] == now for event in fields.get("events", ()))}


def _connector_shown(fields: Json, _beside: Any, _doing: str) -> Json:
    # One that is activated says that it lives, each time that someone looks.
    beat = {"last_heartbeat": _now(), "last_seen_version": VERSION} if fields["activated"] and fields.get("powered") else {}
    return {**fields, **beat}


CONNECTOR = Kind(
    "connectors",
    "connectors",
    "connector",
    "Connector",
    (_UNKNOWN, "connector not found"),
    {
        "device": _device,
        "activated": v.boolean,
        "interrupt_window_days_of_week": v.list_of(v.choice(*_DAYS)),
        # Choice: whole and broken hours, of which a day has 24.
        "interrupt_window_duration_hours": v.between(1, 24),
        "interrupt_window_hour_of_day": v.between(0, 23),
        "interrupt_window_embargo_dates": v.list_of(_date),
        "notes": v.text,
        "timezone": v.filled,
        "provision_license": v.boolean,
    },
    ("device",),
    {
        "activated": False,
        "interrupt_window_days_of_week": list(_DAYS),
        "interrupt_window_duration_hours": 1,
        "interrupt_window_hour_of_day": 0,
        "interrupt_window_embargo_dates": [],
        "notes": "",
        # Choice: no default is documented.
        "timezone": "UTC",
    },
    only_at_creation=("device",),
    methods=(_ALL, _ONE),
    form=Form(
        unique=("device/id", "device/serial_number"),
        complete=_complete_connector,
        shown=_connector_shown,
        hidden=("powered", "events", "snapshots"),
        filters={"device_type": lambda fields, wanted: fields["device"]["type"] == wanted},
    ),
)
_PURGE = v.object_of({"purge": v.boolean})
_INTERRUPTS = ("reboot", "restart", "shutdown")


def _complete_interrupt(fields: Json, before: Json, _body: Json) -> None:
    if not before:
        if len([name for name in _INTERRUPTS if name in fields]) != 1:
            raise invalid("exactly one of reboot, restart and shutdown is required", "")
        fields["submitted_at"] = _now()


def _interrupt(look: Any) -> None:
    """Let the connector do it: it leaves, comes back unless it is shut down, and says so in its events."""
    fields = dict(look.parent.fields)
    if fields.get("powered"):
        for kind in ("Leave",) if "shutdown" in look.fields else ("Leave", "Init"):
            fields["events"] = [*fields.get("events", ()), _event(fields, kind)]
        fields.update(powered="shutdown" not in look.fields, last_heartbeat=_now(), last_seen_version=VERSION)
        look.put_parent(fields)


def _interrupt_shown(fields: Json, _beside: Any, doing: str) -> Json:
    # Choice: it is triggered as soon as someone looks again.
    return {key: value for key, value in fields.items() if key != "id"} | ({} if doing == "create" else {"triggered_at": fields["submitted_at"]})


CONNECTOR_INTERRUPT = Kind(
    "connectors/<parent_id>/interrupts",
    "connector_interrupts",
    "connector_interrupt",
    "Connector interrupt",
    (_UNKNOWN, "interrupt not found"),
    {name: _PURGE for name in _INTERRUPTS},
    (),
    {},
    methods=(_ALL, ()),
    form=Form(parent="connectors", parent_name="connector_id", part=True, complete=_complete_interrupt, effect=_interrupt, shown=_interrupt_shown),
)

# --- network monitoring -------------------------------------------------------------------------------------------


def _host32(value: Any, pointer: str) -> Any:
    network = v.network4(value, pointer)
    if not network.endswith("/32"):
        raise invalid("only /32 addresses are supported", pointer)
    return network


MNM_CONFIG = Kind(
    "config",
    "mnm_configs",
    "mnm_config",
    "network monitoring configuration",
    (1004, "account configuration not found"),
    {
        "name": v.filled,
        "default_sampling": v.quantity(1),
        "router_ips": v.list_of(v.address),
        "warp_devices": v.list_of(v.object_with({"id": v.filled, "name": v.filled, "router_ip": _host32}, "id", "name", "router_ip")),
    },
    ("name", "default_sampling"),
    {"router_ips": [], "warp_devices": []},
    methods=(("GET", "POST", "PUT", "PATCH", "DELETE"), ()),
    form=Form(
        tree="mnm",
        single=True,
        wan=False,
        bad=1003,
        exists=(1005, "account configuration already exists"),
        shown=lambda fields, _beside, _doing: {key: value for key, value in fields.items() if key != "id"},
    ),
)
_MINUTES = ("1m", "5m", "10m", "15m", "20m", "30m", "45m", "60m")
# What belongs to which type of rule. Choice: the rest is dropped without a word, so that nobody relies on it.
_OF_TYPE = {
    "threshold": ("bandwidth_threshold", "packet_threshold", "duration"),
    "zscore": ("zscore_sensitivity", "zscore_target"),
    "advanced_ddos": ("prefix_match",),
}


def _duration(value: Any, pointer: str) -> Any:
    if v.typed(value, str, pointer) not in (*_MINUTES, *(_in_full(text) for text in _MINUTES)):
        raise invalid("must be one of {}".format(", ".join(_MINUTES)), pointer)
    return value if value in _MINUTES else next(text for text in _MINUTES if _in_full(text) == value)


def _in_full(minutes: str) -> str:
    return "1h0m0s" if minutes == "60m" else minutes + "0s"


def _rule_name(value: Any, pointer: str) -> Any:
    return v.matching(r"^[A-Za-z0-9_.~-]{1,256}", "a name of at most 256 of the characters A-Z, a-z, 0-9, _, -, . and ~")(value, pointer)


def _complete_rule(fields: Json, _before: Json, _body: Json) -> None:
    for kind, names in _OF_TYPE.items():
        for name in names:
            if kind != fields["type"]:
                fields.pop(name, None)
    if fields["type"] == "threshold":
        fields.setdefault("duration", "1m")


def _check_rule(look: Any) -> None:
    if not look.others("mnm_configs", everywhere=True):
        raise ApiError(400, 1008, "cannot create a rule without initial account configuration")
    if any(other.fields["name"] == look.fields["name"] for other in look.others("mnm_rules")):
        raise ApiError(400, 1008, "rule name must be unique")


MNM_RULE = Kind(
    "rules",
    "mnm_rules",
    "mnm_rule",
    "network monitoring rule",
    (1009, "rule not found"),
    {
        "name": _rule_name,
        "type": v.choice("threshold", "zscore", "advanced_ddos"),
        "prefixes": v.list_of(v.prefix),
        "automatic_advertisement": v.boolean,
        "bandwidth_threshold": v.quantity(1),
        "packet_threshold": v.quantity(1),
        "duration": _duration,
        "prefix_match": v.choice("exact", "subnet", "supernet"),
        "zscore_sensitivity": v.choice("low", "medium", "high"),
        "zscore_target": v.choice("bits", "packets"),
    },
    ("name", "type", "prefixes", "automatic_advertisement"),
    {},
    methods=(("GET", "POST"), ("GET", "PATCH", "DELETE")),
    form=Form(tree="mnm", wan=False, checks=(_check_rule,), complete=_complete_rule, bad=1003),
)

# --- redundancy groups, and the newer sites -----------------------------------------------------------------------

_MEMBERS = {"ipsec": "ipsec_tunnels", "gre": "gre_tunnels", "cni": "interconnects"}


def _group_shown(fields: Json, beside: Any, doing: str) -> Json:
    shown = {key: value for key, value in fields.items() if key != "members"}
    # What has been created or updated is answered without its members.
    if doing != "read":
        return shown
    data = [{"type": member["type"], "data": beside.rendered(_MEMBERS[member["type"]], member["id"])} for member in fields["members"]]
    return {**shown, "member_data": [item for item in data if item["data"] is not None]}


REDUNDANCY_GROUP = Kind(
    "redundancy_groups",
    "redundancy_groups",
    "redundancy_group",
    "Redundancy Group",
    (_UNKNOWN, "redundancy group not found"),
    {
        "name": v.filled,
        "description": v.text,
        "members": v.list_of(v.object_with({"id": v.matching(r"^[A-Fa-f0-9-]{32,36}", "the id of a tunnel"), "type": v.choice(*_MEMBERS)}, "id", "type")),
    },
    ("name",),
    {"description": "", "members": []},
    methods=(_ALL, ("GET", "PUT", "DELETE")),
    refers=(Reference("members/*/id", _MEMBERS, by="type"),),
    form=Form(
        times=True,
        wan=False,
        created=201,
        shown=_group_shown,
        answers={"list": lambda many: {"redundancy_groups": many}, "delete": lambda one: {"deleted": True, "deleted_redundancy_group": one}},
    ),
)
CF1_SITE = Kind(
    "cf1_sites",
    "cf1_sites",
    "cf1_site",
    "CF1 Site",
    (_UNKNOWN, "CF1 site not found"),
    {
        "name": v.filled,
        "description": v.text,
        "location": v.object_of({"lat": v.between(-90, 90), "long": v.between(-180, 180), "name": v.text}),
    },
    ("name",),
    {},
    methods=(_ALL, ("GET", "PATCH", "DELETE")),
    form=Form(times=True, list_body=True, list_answer=True, unique=("name",)),
)
_RAMPS = {
    "ipsec": "ipsec_tunnels",
    "gre": "gre_tunnels",
    "gre_interconnect": "interconnects",
    "mpls_interconnect": "interconnects",
    # Choice: a connector's ramp names the connector.
    "mconn": "connectors",
}
_RAMP_PATHS = {"interconnects": "cf_interconnects"}


def _check_ramp(look: Any) -> None:
    fields, kind = look.fields, _RAMPS[look.fields["type"]]
    source = look.named(kind, fields["source_ramp_id"])
    if kind == "interconnects" and ("gre" in source.fields) != (fields["type"] == "gre_interconnect"):
        raise invalid("this interconnect is of the other type", "/type")
    if look.named_by(kind, fields["source_ramp_id"], "ramps"):
        raise invalid("this is already a ramp", "/source_ramp_id")


def _ramp_shown(fields: Json, beside: Any, _doing: str) -> Json:
    kind = _RAMPS[fields["type"]]
    source = beside.one(kind, fields["source_ramp_id"])
    shown = {key: value for key, value in fields.items() if key != "source_ramp_id"}
    # Choice: it has the name and the description of what it leads to.
    name = source.fields.get("name") or source.fields.get("notes") or source.id
    managed = f"/accounts/{source.account_id}/magic/{_RAMP_PATHS.get(kind, kind)}/{source.id}"
    return {**shown, "name": name, "description": source.fields.get("description", ""), fields["type"]: {"managed_by": managed}}


CF1_RAMP = Kind(
    "cf1_sites/<parent_id>/ramps",
    "ramps",
    "ramp",
    "CF1 Site ramp",
    (_UNKNOWN, "ramp not found"),
    {"source_ramp_id": v.filled, "type": v.choice(*_RAMPS)},
    ("source_ramp_id", "type"),
    {},
    methods=(_ALL, ("GET", "DELETE")),
    refers=(Reference("source_ramp_id", _RAMPS, by="type"),),
    form=Form(parent="cf1_sites", parent_name="cf1_site_id", times=True, list_body=True, list_answer=True, checks=(_check_ramp,), shown=_ramp_shown),
)

# Parents before what they have.
TREE = (
    CONNECTOR,
    CONNECTOR_INTERRUPT,
    BGP_FILTER_PROFILE,
    BGP_SETTINGS,
    APP,
    SITE,
    LAN,
    WAN,
    ACL,
    APP_CONFIG,
    NETFLOW_CONFIG,
    MNM_CONFIG,
    MNM_RULE,
    REDUNDANCY_GROUP,
    CF1_SITE,
    CF1_RAMP,
)
EVERY = (*KINDS, *TREE)
BY_NAME: dict[str, Kind] = {kind.plural: kind for kind in EVERY}


def address_of(kind: Kind) -> str:
    """Return what follows the account in the address of all objects of a kind."""
    return f"{kind.form.tree if kind.form else 'magic'}/{kind.path}"


def _address_pattern(kind: Kind) -> re.Pattern[str]:
    collection = address_of(kind).replace("<parent_id>", "(?P<parent>[^/]+)")
    return re.compile(rf"/accounts/(?P<account>[^/]+)/{collection}(?:/(?P<item>[^/]+))?(?:/.*)?\Z")


# The longest first: the address of a LAN begins with its site's.
_ADDRESSES = [(_address_pattern(kind), kind) for kind in sorted(EVERY, key=lambda kind: -kind.path.count("/"))]


def place(path: str) -> tuple[Kind | None, str, str]:
    """Return the kind of object that an address is about, the account, and the id if there is one."""
    for expression, kind in _ADDRESSES:
        match = expression.search(path)
        if match:
            return kind, match.group("account"), match.group("item") or ""
    return None, "", ""
