# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Tunnels, routes and interconnects, as declarations. Anyone who adds a field or such a kind opens this file."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible_collections.cloudflare.magic.plugins.module_utils import _values
from ansible_collections.cloudflare.magic.plugins.module_utils._fields import Field, Ignored, as_object
from ansible_collections.cloudflare.magic.plugins.module_utils._kind import Kind, Mixed
from ansible_collections.cloudflare.magic.plugins.module_utils._nexthops import customer_ends
from ansible_collections.cloudflare.magic.plugins.module_utils._options import ArgumentSpec

if t.TYPE_CHECKING:
    from collections.abc import Mapping

_TEXT = Field({"type": "str"}, empty="")
_PLAIN = Field({"type": "str"})
_NUMBER = Field({"type": "int"})
_FLAG = Field({"type": "bool"}, empty=False)
_ADDRESS = Field({"type": "str"}, _values.address)
_OPTIONAL_ADDRESS = Field({"type": "str"}, _values.address, "")
# The form of a health check's target that includes the computed one.
_NEWER_TARGET = {"x-magic-new-hc-target": "true"}
_HEALTH_CHECK = Field(
    {"type": "dict"},
    parts={
        "enabled": Field({"type": "bool"}, default=True),
        "rate": Field({"type": "str", "choices": ["low", "mid", "high"]}, default="mid"),
        "type": Field({"type": "str", "choices": ["reply", "request"]}, default="reply"),
        # The value of a new tunnel depends on the account.
        "direction": Field({"type": "str", "choices": ["unidirectional", "bidirectional"]}),
        "target": Field(
            {"type": "raw"},
            _values.target,
            "",
            as_sent=lambda saved: {"saved": saved},
            ignored=Ignored("direction", "bidirectional", "Leave it out, or set direction: unidirectional."),
        ),
    },
)

BGP_FILTER_PROFILE = Kind(
    noun="BGP filter profile",
    single="bgp_filter_profile",
    several="bgp_filter_profiles",
    in_path="bgp/filter_profiles",
    id_option="bgp_filter_profile_id",
    keys=("name",),
    fields={
        "name": Field({"type": "str"}, _values.name),
        "description": _TEXT,
        "match_action": Field({"type": "str", "choices": ["allow", "deny"]}),
        "targets": Field({"type": "list", "elements": "str"}, _values.targets),
    },
    required=("name", "match_action", "targets"),
    repeated=(),
    guarded=True,
    bare=True,
    validates=False,
    many=(),
)

_BGP = Field(
    {"type": "dict"},
    parts={
        "customer_asn": Field({"type": "int"}, _values.asn),
        "extra_prefixes": Field({"type": "list", "elements": "str"}, _values.prefixes, []),
        # Cloudflare shows it to everyone who may read the tunnel, and documents that it is not a secret.
        "md5_key": Field({"type": "str", "no_log": False}, empty=""),
        "import_filter_id": _TEXT,
        "export_filter_id": _TEXT,
        "import_filter": Field({"type": "str"}, stands_for="import_filter_id", of=(BGP_FILTER_PROFILE,)),
        "export_filter": Field({"type": "str"}, stands_for="export_filter_id", of=(BGP_FILTER_PROFILE,)),
    },
    needed=("customer_asn",),
)
_TUNNEL_FIELDS = {
    "interface_address": Field({"type": "str"}, _values.interface),
    "interface_address6": Field({"type": "str"}, _values.interface6, ""),
    "description": _TEXT,
    "health_check": _HEALTH_CHECK,
    "automatic_return_routing": _FLAG,
    "bgp": _BGP,
}


IPSEC_TUNNEL = Kind(
    noun="IPsec tunnel",
    single="ipsec_tunnel",
    several="ipsec_tunnels",
    computed=customer_ends,
    headers=_NEWER_TARGET,
    id_option="ipsec_tunnel_id",
    keys=("name",),
    fields={
        "name": Field({"type": "str"}, _values.name_of_tunnel),
        "cloudflare_endpoint": _ADDRESS,
        "customer_endpoint": _OPTIONAL_ADDRESS,
        **_TUNNEL_FIELDS,
        "replay_protection": _FLAG,
        "custom_remote_identities": Field({"type": "dict"}, parts={"fqdn_id": _TEXT}),
    },
    required=("name", "cloudflare_endpoint", "interface_address"),
    not_found=1032,
    ends=("cloudflare_endpoint", "customer_endpoint"),
    has_psk=True,
    more=ArgumentSpec(
        {"psk": {"type": "str", "no_log": True}, "update_psk": {"type": "str", "choices": ["on_create", "always"], "default": "on_create", "no_log": False}}
    ),
)

GRE_TUNNEL = Kind(
    noun="GRE tunnel",
    single="gre_tunnel",
    several="gre_tunnels",
    computed=customer_ends,
    headers=_NEWER_TARGET,
    id_option="gre_tunnel_id",
    keys=("name",),
    fields={
        "name": Field({"type": "str"}, _values.gre_name),
        "cloudflare_gre_endpoint": _ADDRESS,
        "customer_gre_endpoint": _ADDRESS,
        **_TUNNEL_FIELDS,
        "ttl": Field({"type": "int"}, default=64),
        "mtu": Field({"type": "int"}, default=1476),
    },
    required=("name", "customer_gre_endpoint", "cloudflare_gre_endpoint", "interface_address"),
    not_found=1029,
    ends=("cloudflare_gre_endpoint", "customer_gre_endpoint"),
    fixed=("bgp",),
)

ROUTE = Kind(
    noun="route",
    single="route",
    several="routes",
    id_option="static_route_id",
    id_aliases=("route_id",),
    apart=("priority", "scope"),
    through=("nexthop_tunnel", "nexthop"),
    more=ArgumentSpec({"nexthop_tunnel": {"type": "str"}}, mutually_exclusive=[("nexthop", "nexthop_tunnel")]),
    returns=("static_route", "static_routes"),
    keys=("prefix", "nexthop"),
    fields={
        "prefix": Field({"type": "str"}, _values.prefix),
        "nexthop": _ADDRESS,
        "priority": _NUMBER,
        "weight": Field({"type": "int"}, empty=0),
        "description": _TEXT,
        "scope": Field(
            {"type": "dict"},
            parts={
                "colo_names": Field({"type": "list", "elements": "str"}, _values.words, []),
                "colo_regions": Field({"type": "list", "elements": "str"}, _values.words, []),
            },
        ),
    },
    required=("prefix", "nexthop", "priority"),
    not_found=1020,
    # Cloudflare documents it for each write except this one: a DELETE of a route might be carried out.
    validates_delete=False,
    many=("POST", "PUT", "DELETE"),
)

_SOURCE = Field(
    {"type": "str"},
    _values.source,
    "",
    stays=True,
    ignored=Ignored("direction", "unidirectional", "Leave it out, or set direction: bidirectional.", refused=True),
)


def _rules_of_interconnects(item: Mapping[str, t.Any], changes: Mapping[str, t.Any]) -> list[str]:
    """Return the errors of an interconnect; only those of version 1.5 have their own rules."""
    check, newer = as_object(item.get("health_check")), item.get("version") == "1.5"
    source = check.get("source")
    found = []
    if newer and check.get("direction") == "bidirectional" and not source and "health_check" in changes:
        found.append("health_check.source: missing. An interconnect of version 1.5 needs it with direction: bidirectional.")
    if not newer and source and as_object(changes.get("health_check")).get("source"):
        found.append(f"health_check.source: only interconnects of version 1.5 have one, and this one has version {item.get('version')}. Leave it out.")
    if newer and "gre" in changes:
        found.append("gre: an interconnect of version 1.5 has none. Leave it out.")
    if newer and not str(changes.get("interface_address", "/31")).endswith("/31"):
        found.append(f"interface_address: an interconnect of version 1.5 needs the prefix length /31, and this is {changes['interface_address']}.")
    return found


INTERCONNECT = Kind(
    noun="interconnect",
    single="interconnect",
    several="interconnects",
    in_path="cf_interconnects",
    computed=customer_ends,
    headers=_NEWER_TARGET,
    id_option="interconnect_id",
    keys=("name",),
    fields={
        "name": Field({"type": "str"}, _values.name_of_tunnel),
        "interface_address": _TUNNEL_FIELDS["interface_address"],
        "interface_address6": _TUNNEL_FIELDS["interface_address6"],
        "description": _TEXT,
        "gre": Field({"type": "dict"}, parts={"cloudflare_endpoint": Field({"type": "str"}, _values.address, "", stays=True)}),
        "health_check": Field({"type": "dict"}, parts={**_HEALTH_CHECK.parts, "source": _SOURCE}),
        "mtu": _NUMBER,
        "automatic_return_routing": _FLAG,
        "bgp": _BGP,
    },
    rules=_rules_of_interconnects,
    # An update needs none of its fields.
    required=(),
    not_found=0,
    given="Cloudflare creates and deletes interconnects together with the physical or virtual connection that they represent (Network Interconnect).",
)


_LISTED = Field({"type": "list", "elements": "str"}, _values.words, [])


def _rules_of_groups(item: Mapping[str, t.Any], dummy_changes: Mapping[str, t.Any]) -> list[str]:
    strange = sorted(set(as_object(item.get("members"))) - set(REDUNDANCY_GROUP.fields["members"].parts))
    what = f"members: the group has members of the types {', '.join(strange)}, which this version does not know, and an update would remove them."
    return [f"{what} Update the group in Cloudflare's dashboard, or use a newer version."] if strange else []


REDUNDANCY_GROUP = Kind(
    noun="redundancy group",
    single="redundancy_group",
    several="redundancy_groups",
    id_option="redundancy_group_id",
    keys=("name",),
    fields={
        "name": Field({"type": "str"}, _values.name),
        "description": _TEXT,
        "members": Field(
            {"type": "dict"},
            parts={
                "ipsec_tunnels": replace(_LISTED, of=(IPSEC_TUNNEL,)),
                "gre_tunnels": replace(_LISTED, of=(GRE_TUNNEL,)),
                "interconnects": replace(_LISTED, of=(INTERCONNECT,)),
            },
        ),
    },
    required=("name",),
    # An update replaces the whole group, members included.
    repeated=("name", "description", "members"),
    rules=_rules_of_groups,
    mixed=Mixed("members", "member_data", {"ipsec_tunnels": "ipsec", "gre_tunnels": "gre", "interconnects": "cni"}),
    bare=True,
    wrapped=True,
    validates=False,
    many=(),
)

# Kinds with inner addresses, which can be next hops of routes.
TUNNELS = (IPSEC_TUNNEL, GRE_TUNNEL)

# Their names in the inventory and in events.
TUNNEL_TYPES = {"ipsec": IPSEC_TUNNEL, "gre": GRE_TUNNEL}

# All kinds with inner addresses: routes can also lead to interconnects.
WITH_INSIDES = (*TUNNELS, INTERCONNECT)

# What the traffic of a network needs: tunnels, interconnects and routes.
KINDS = (*WITH_INSIDES, ROUTE)
