# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Sites of Cloudflare One with their ramps, as declarations."""

from __future__ import annotations

from functools import partial

from ansible_collections.cloudflare.magic.plugins.module_utils import _values
from ansible_collections.cloudflare.magic.plugins.module_utils._client import canonical
from ansible_collections.cloudflare.magic.plugins.module_utils._fields import Field, options_of
from ansible_collections.cloudflare.magic.plugins.module_utils._kind import Kind, Source
from ansible_collections.cloudflare.magic.plugins.module_utils._kinds import GRE_TUNNEL, INTERCONNECT, IPSEC_TUNNEL
from ansible_collections.cloudflare.magic.plugins.module_utils._site_kinds import CONNECTOR

_kind = partial(Kind, bare=True, validates=False, updates="PATCH", repeated=(), required=(), listed=True)

# What a ramp can lead to: the option with its name, the API's type of the ramp, and its kind.
_ENDS = (
    ("ipsec_tunnel", "ipsec", IPSEC_TUNNEL),
    ("gre_tunnel", "gre", GRE_TUNNEL),
    ("gre_interconnect", "gre_interconnect", INTERCONNECT),
    ("mpls_interconnect", "mpls_interconnect", INTERCONNECT),
    ("connector", "mconn", CONNECTOR),
)
_RAMP_ID = "ramp_id"


def _id_of_end(value: str) -> str:
    return canonical(_values.name(value))


def _fields_of_ramps() -> dict[str, Field]:
    """Return the fields of ramps: of each end a name and an id, one of which is set."""
    names = [name for name, dummy, dummy_kind in _ENDS]
    found: dict[str, Field] = {}
    for name, dummy, kind in _ENDS:
        excludes = tuple(f"{other}{end}" for other in names for end in ("", "_id") if other != name)
        found[name] = Field({"type": "str"}, _values.name, stands_for=f"{name}_id", of=(kind,), excludes=excludes)
        found[f"{name}_id"] = Field({"type": "str"}, _id_of_end, excludes=excludes)
    return found


_RAMP_FIELDS = _fields_of_ramps()

CF1_SITE = _kind(
    noun="site of Cloudflare One",
    single="cf1_site",
    several="cf1_sites",
    id_option="cf1_site_id",
    keys=("name",),
    fields={
        "name": Field({"type": "str"}, _values.name),
        "description": Field({"type": "str"}, empty=""),
        "location": Field(
            {"type": "dict"},
            parts={
                "lat": Field({"type": "float"}, _values.degrees_as_number(90)),
                "long": Field({"type": "float"}, _values.degrees_as_number(180)),
                "name": Field({"type": "str"}, empty=""),
            },
        ),
    },
    required=("name",),
    alone={"name of a site of Cloudflare One": (("name",),)},
    many=(),
    inside={"ramps": {_RAMP_ID: {"type": "str"}, **options_of(_RAMP_FIELDS)}},
)

CF1_RAMP = _kind(
    noun="ramp",
    single="cf1_site_ramp",
    several="cf1_site_ramps",
    in_path="ramps",
    id_option=_RAMP_ID,
    parent=CF1_SITE,
    keys=("ipsec_tunnel_id",),
    or_keys=tuple(f"{name}_id" for name, dummy, dummy_kind in _ENDS[1:]),
    fields=_RAMP_FIELDS,
    fixed=tuple(f"{name}_id" for name, dummy, dummy_kind in _ENDS),
    many=("POST",),
    alone={
        "IPsec tunnel": (("ipsec_tunnel_id",),),
        "GRE tunnel": (("gre_tunnel_id",),),
        "interconnect": (("gre_interconnect_id",), ("mpls_interconnect_id",)),
        "connector": (("connector_id",),),
    },
    alone_everywhere=True,
    source=Source({kind: f"{name}_id" for name, kind, dummy in _ENDS}, "source_ramp_id", "managed_by"),
    if_refused="A tunnel, an interconnect or a connector can be a ramp of one site only. If it is a ramp of another site, remove it there first.",
)
