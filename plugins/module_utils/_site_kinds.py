# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Connectors, applications and sites with what they have, as declarations."""

from __future__ import annotations

import typing as t
from dataclasses import replace
from functools import partial

from ansible_collections.cloudflare.magic.plugins.module_utils import _values
from ansible_collections.cloudflare.magic.plugins.module_utils._fields import Field, as_object
from ansible_collections.cloudflare.magic.plugins.module_utils._kind import Kind

if t.TYPE_CHECKING:
    from collections.abc import Mapping

# Common to all: responses without a name around them, no validation of requests, and updates with only the changed fields.
_kind = partial(Kind, bare=True, validates=False, many=(), updates="PATCH", repeated=())

_NAME = Field({"type": "str"}, _values.name)
_TEXT = Field({"type": "str"}, empty="")
_ID = Field({"type": "str"}, empty="")
_FLAG = Field({"type": "bool"}, empty=False)
_PORT = Field({"type": "int"}, _values.between(1, 65535))
_VLAN = Field({"type": "int"}, _values.between(0, 4094), empty=0, said=True)
_INTERFACE = Field({"type": "str"}, _values.interface4, "", left_out=True)
_ADDRESS = Field({"type": "str"}, _values.address4, "", left_out=True)
_NEEDED_INTERFACE = Field({"type": "str"}, _values.filled(_values.interface4))
_NEEDED_ADDRESS = Field({"type": "str"}, _values.filled(_values.address4))
_ADDRESSES = Field({"type": "list", "elements": "str"}, _values.addresses4, [])
_PREFIXES = Field({"type": "list", "elements": "str"}, _values.prefixes4, [])
_WORDS = Field({"type": "list", "elements": "str"}, _values.words, [])
_NAT = Field({"type": "dict"}, parts={"static_prefix": Field({"type": "str"}, _values.prefix4, "", left_out=True)})

CONNECTOR = _kind(
    noun="connector",
    single="connector",
    several="connectors",
    id_option="connector_id",
    keys=("serial_number",),
    or_keys=("device_id",),
    within={"serial_number": ("device", "serial_number"), "device_id": ("device", "id")},
    fields={
        "serial_number": Field({"type": "str"}, _values.name, excludes=("device_id",)),
        "device_id": Field({"type": "str"}, _values.name, excludes=("serial_number",)),
        "activated": Field({"type": "bool"}, empty=False, said=True),
        "notes": _TEXT,
        "timezone": Field({"type": "str"}, _values.time_zone),
        "interrupt_window_days_of_week": Field({"type": "list", "elements": "str", "choices": list(_values.WEEK)}, _values.days),
        "interrupt_window_hour_of_day": Field({"type": "int"}, _values.between(0, 23), 0, said=True),
        "interrupt_window_duration_hours": Field({"type": "int"}, _values.between(1, 24)),
        "interrupt_window_embargo_dates": Field({"type": "list", "elements": "str"}, _values.dates, []),
    },
    fixed=("serial_number", "device_id"),
    hidden=("license_key",),
)

APP = _kind(
    noun="app",
    single="app",
    several="apps",
    id_option="app_id",
    id_field="account_app_id",
    keys=("name",),
    fields={"name": _NAME, "type": _NAME, "hostnames": _WORDS, "ip_subnets": _PREFIXES, "source_subnets": _PREFIXES},
    required=("name", "type"),
)


def _rules_of_sites(item: Mapping[str, t.Any], dummy_changes: Mapping[str, t.Any]) -> list[str]:
    second = item.get("secondary_connector_id")
    if not second:
        return []
    if not item.get("ha_mode"):
        return ["secondary_connector: only a site with ha_mode: true has one. ha_mode can be set only when a site is created."]
    return ["secondary_connector: is also the connector of the site. Give another one."] if second == item.get("connector_id") else []


SITE = _kind(
    noun="site",
    single="site",
    several="sites",
    id_option="site_id",
    keys=("name",),
    fields={
        "name": _NAME,
        "description": _TEXT,
        "connector": Field({"type": "str"}, stands_for="connector_id", of=(CONNECTOR,)),
        "connector_id": _ID,
        "secondary_connector": Field({"type": "str"}, stands_for="secondary_connector_id", of=(CONNECTOR,)),
        "secondary_connector_id": _ID,
        "ha_mode": _FLAG,
        "location": Field(
            {"type": "dict"}, parts={"lat": Field({"type": "str"}, _values.degrees(90), ""), "lon": Field({"type": "str"}, _values.degrees(180), "")}
        ),
    },
    required=("name",),
    fixed=("ha_mode",),
    alone={"connector": (("connector_id",), ("secondary_connector_id",))},
    rules=_rules_of_sites,
)


def _rules_of_lans(item: Mapping[str, t.Any], dummy_changes: Mapping[str, t.Any]) -> list[str]:
    server = as_object(as_object(item.get("static_addressing")).get("dhcp_server"))
    first, last = server.get("dhcp_pool_start"), server.get("dhcp_pool_end")
    found = []
    if bool(first) != bool(last):
        found.append("static_addressing.dhcp_server: dhcp_pool_start and dhcp_pool_end belong together. Give both.")
    elif first and last and _number_of(first) > _number_of(last):
        found.append(f"static_addressing.dhcp_server.dhcp_pool_end: {last} comes before {first}, where the pool starts.")
    return found


def _lans_that_fit(item: Mapping[str, t.Any], site: Mapping[str, t.Any]) -> list[str]:
    addressing = as_object(item.get("static_addressing"))
    if not site.get("ha_mode"):
        return ["ha_link: only a LAN of a site with ha_mode: true can have it. Leave it out."] if item.get("ha_link") else []
    missing = [name for name in ("address", "secondary_address", "virtual_address") if not addressing.get(name)]
    return [f"static_addressing: {' and '.join(missing)} is missing, which a LAN of a site with ha_mode: true needs."] if missing else []


def _wans_that_fit(item: Mapping[str, t.Any], site: Mapping[str, t.Any]) -> list[str]:
    addressing = as_object(item.get("static_addressing"))
    second = bool(addressing.get("secondary_address"))
    if second and not site.get("ha_mode"):
        return ["static_addressing.secondary_address: only a WAN of a site with ha_mode: true has one. Leave it out."]
    if addressing and site.get("ha_mode") and not second:
        return ["static_addressing: secondary_address is missing, which a WAN of a site with ha_mode: true needs."]
    return []


def _number_of(address: str) -> tuple[int, ...]:
    return tuple(map(int, address.split(".")))


_DHCP_OPTION = {
    "code": Field({"type": "int"}, _values.option_code),
    "type": Field({"type": "str", "choices": ["text", "hex", "ip", "byte", "short", "integer"]}),
    "value": Field({"type": "str"}),
}
_DHCP_SERVER = {
    "dhcp_pool_start": _ADDRESS,
    "dhcp_pool_end": _ADDRESS,
    "dns_servers": _ADDRESSES,
    "dhcp_options": Field({"type": "list", "elements": "dict"}, empty=[], entry=_DHCP_OPTION, needed=("code", "type", "value")),
    "reservations": Field({"type": "dict"}, _values.reservations, {}),
}
_PLUG = {"port and VLAN": (("physport", "vlan_tag"),)}
_SUBNET = {"prefix": Field({"type": "str"}, _values.filled(_values.prefix4)), "next_hop": _NEEDED_ADDRESS, "nat": _NAT}

SITE_LAN = _kind(
    noun="LAN",
    single="site_lan",
    several="site_lans",
    in_path="lans",
    id_option="site_lan_id",
    parent=SITE,
    keys=("name",),
    fields={
        "name": _NAME,
        "physport": _PORT,
        "vlan_tag": _VLAN,
        "bond_id": Field({"type": "int"}),
        "ha_link": _FLAG,
        "is_breakout": _FLAG,
        "is_prioritized": _FLAG,
        "nat": _NAT,
        "routed_subnets": Field({"type": "list", "elements": "dict"}, empty=[], entry=_SUBNET, needed=("prefix", "next_hop")),
        "static_addressing": Field(
            {"type": "dict"},
            parts={
                "address": _NEEDED_INTERFACE,
                "secondary_address": _INTERFACE,
                "virtual_address": _INTERFACE,
                "dhcp_server": Field({"type": "dict"}, parts=_DHCP_SERVER, excludes=("dhcp_relay",)),
                "dhcp_relay": Field({"type": "dict"}, parts={"server_addresses": _ADDRESSES}, excludes=("dhcp_server",)),
            },
            needed=("address",),
        ),
    },
    required=("name",),
    fixed=("ha_link",),
    alone=_PLUG,
    rules=_rules_of_lans,
    fits=_lans_that_fit,
)

SITE_WAN = _kind(
    noun="WAN",
    single="site_wan",
    several="site_wans",
    in_path="wans",
    id_option="site_wan_id",
    parent=SITE,
    keys=("name",),
    fields={
        "name": _NAME,
        "physport": _PORT,
        "vlan_tag": _VLAN,
        "priority": Field({"type": "int"}),
        "health_check_rate": Field({"type": "str", "choices": ["low", "mid", "high"]}, default="mid"),
        "load_balance_inner_flows": _FLAG,
        "static_addressing": Field(
            {"type": "dict"},
            parts={"address": _NEEDED_INTERFACE, "gateway_address": _NEEDED_ADDRESS, "secondary_address": _INTERFACE},
            needed=("address", "gateway_address"),
        ),
    },
    required=("name", "physport"),
    alone=_PLUG,
    fits=_wans_that_fit,
)

_SIDE = Field(
    {"type": "dict"},
    parts={
        "lan": Field({"type": "str"}, _values.name, stands_for="lan_id", of=(SITE_LAN,)),
        "lan_id": _NAME,
        "ports": Field({"type": "list", "elements": "int"}, _values.ports, []),
        "port_ranges": Field({"type": "list", "elements": "str"}, _values.port_ranges, []),
        "subnets": _PREFIXES,
    },
    needed=("lan_id",),
)


# Cloudflare's own apps, which are in the same list and cannot be changed.
MANAGED_APP = replace(APP, noun="app of Cloudflare", id_field="managed_app_id", several="managed_apps", in_path="apps")


def _rules_of_app_configs(item: Mapping[str, t.Any], dummy_changes: Mapping[str, t.Any]) -> list[str]:
    if item.get("preferred_wans") and not item.get("breakout"):
        return ["preferred_wans: applies only to traffic with breakout: true. Set breakout: true, or leave preferred_wans out."]
    return []


SITE_APP_CONFIG = _kind(
    noun="app configuration",
    single="site_app_config",
    several="site_app_configs",
    in_path="app_configs",
    id_option="site_app_config_id",
    parent=SITE,
    keys=("account_app_id",),
    or_keys=("managed_app_id",),
    fields={
        "app": Field({"type": "str"}, _values.name, stands_for="account_app_id", of=(APP,), excludes=("managed_app", "managed_app_id")),
        "account_app_id": Field({"type": "str"}, _values.name, excludes=("managed_app_id", "managed_app")),
        "managed_app": Field({"type": "str"}, _values.name, stands_for="managed_app_id", of=(MANAGED_APP,), excludes=("app", "account_app_id")),
        "managed_app_id": Field({"type": "str"}, _values.name, excludes=("account_app_id", "app")),
        "breakout": _FLAG,
        "preferred_wans": Field({"type": "list", "elements": "str"}, empty=[], of=(SITE_WAN,)),
        "priority": Field({"type": "int"}, _values.between(0, 1), 0),
    },
    fixed=("account_app_id", "managed_app_id"),
    rules=_rules_of_app_configs,
)

SITE_NETFLOW = _kind(
    noun="NetFlow configuration",
    single="site_netflow",
    several="site_netflows",
    in_path="netflow_config",
    id_option="",
    parent=SITE,
    keys=(),
    fields={
        "collector_ip": _NEEDED_ADDRESS,
        "collector_port": Field({"type": "int"}, _values.between(1, 65535)),
        "sampling_rate": Field({"type": "int"}, _values.between(1, 2**31 - 1)),
        "active_timeout": Field({"type": "int"}, _values.between(1, 2**31 - 1)),
        "inactive_timeout": Field({"type": "int"}, _values.between(1, 2**31 - 1)),
    },
    required=("collector_ip",),
)

SITE_ACL = _kind(
    noun="ACL",
    single="site_acl",
    several="site_acls",
    in_path="acls",
    id_option="site_acl_id",
    parent=SITE,
    keys=("name",),
    fields={
        "name": _NAME,
        "description": _TEXT,
        "lan_1": _SIDE,
        "lan_2": _SIDE,
        "protocols": Field({"type": "list", "elements": "str", "choices": ["tcp", "udp", "icmp"]}, _values.words, []),
        "forward_locally": _FLAG,
        "unidirectional": _FLAG,
    },
    required=("name", "lan_1", "lan_2"),
)
