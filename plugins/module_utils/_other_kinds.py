# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Network monitoring and the account's BGP settings, as declarations."""

from __future__ import annotations

import typing as t
from functools import partial

from ansible_collections.cloudflare.magic.plugins.module_utils import _values
from ansible_collections.cloudflare.magic.plugins.module_utils._fields import Field
from ansible_collections.cloudflare.magic.plugins.module_utils._kind import Kind

if t.TYPE_CHECKING:
    from collections.abc import Mapping

_kind = partial(Kind, bare=True, validates=False, many=(), updates="PATCH", repeated=())

_NAME = Field({"type": "str"}, _values.name)
_TEXT = Field({"type": "str"}, empty="")
_COUNT = Field({"type": "int"}, _values.between(1, 2**53))

MNM_CONFIG = _kind(
    noun="configuration of network monitoring",
    single="mnm_config",
    several="mnm_configs",
    tree="mnm",
    in_path="config",
    id_option="",
    keys=(),
    fields={
        "name": _NAME,
        "default_sampling": _COUNT,
        "router_ips": Field({"type": "list", "elements": "str"}, _values.addresses, []),
        "warp_devices": Field(
            {"type": "list", "elements": "dict"},
            empty=[],
            entry={"id": _NAME, "name": _NAME, "router_ip": Field({"type": "str"}, _values.single_prefix4)},
            needed=("id", "name", "router_ip"),
        ),
    },
    required=("name", "default_sampling"),
)

# The fields that only one type of rules has.
_OF_TYPE = {
    "threshold": ("bandwidth_threshold", "packet_threshold"),
    "zscore": ("zscore_sensitivity", "zscore_target"),
    "advanced_ddos": ("prefix_match",),
}


def _rules_of_mnm_rules(item: Mapping[str, t.Any], changes: Mapping[str, t.Any]) -> list[str]:
    strangers = [(name, kind) for kind, names in _OF_TYPE.items() for name in names if name in changes and kind != item.get("type")]
    return [f"{name}: applies only to rules of the type {kind}, and this one has the type {item.get('type')}. Leave it out." for name, kind in strangers]


def _warnings_of_mnm_rules(item: Mapping[str, t.Any], changes: Mapping[str, t.Any]) -> list[str]:
    if not item.get("automatic_advertisement") or not {"automatic_advertisement", "prefixes"} & set(changes):
        return []
    what = ", ".join(map(str, item.get("prefixes") or ()))
    return [
        f"automatic_advertisement: true. When the rule applies, Cloudflare starts Magic Transit for {what} automatically, and their traffic goes through it."
    ]


MNM_RULE = _kind(
    noun="rule of network monitoring",
    single="mnm_rule",
    several="mnm_rules",
    tree="mnm",
    in_path="rules",
    id_option="mnm_rule_id",
    keys=("name",),
    fields={
        "name": Field({"type": "str"}, _values.rule_name),
        "type": Field({"type": "str", "choices": ["threshold", "zscore", "advanced_ddos"]}),
        "automatic_advertisement": Field({"type": "bool"}, empty=False, said=True),
        "prefixes": Field({"type": "list", "elements": "str"}, _values.prefixes),
        "bandwidth_threshold": _COUNT,
        "packet_threshold": _COUNT,
        "duration": Field({"type": "str"}, _values.duration, default="1m"),
        "prefix_match": Field({"type": "str", "choices": ["exact", "subnet", "supernet"]}),
        "zscore_sensitivity": Field({"type": "str", "choices": ["low", "medium", "high"]}),
        "zscore_target": Field({"type": "str", "choices": ["bits", "packets"]}),
    },
    required=("name", "type", "automatic_advertisement", "prefixes"),
    repeated=("name", "type", "automatic_advertisement", "prefixes"),
    alone={"name of a rule": (("name",),)},
    needs=MNM_CONFIG,
    rules=_rules_of_mnm_rules,
    warns=_warnings_of_mnm_rules,
)

BGP_SETTINGS = _kind(
    noun="BGP settings",
    single="bgp_settings",
    several="bgp_settings",
    in_path="bgp/settings",
    id_option="",
    keys=(),
    fields={"cloudflare_asn": Field({"type": "int"}, _values.asn), "redistribute_static_wan": Field({"type": "bool"}, empty=False)},
    within={"redistribute_static_wan": ("redistribute", "static:wan")},
    updates="PUT",
    given="Each account has BGP settings, which cannot be created or deleted.",
)
