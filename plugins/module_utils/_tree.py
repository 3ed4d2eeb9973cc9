# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Which kinds a design can have, and in which order they are processed. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.cloudflare.magic.plugins.module_utils._cf1_kinds import CF1_RAMP, CF1_SITE
from ansible_collections.cloudflare.magic.plugins.module_utils._kinds import BGP_FILTER_PROFILE, REDUNDANCY_GROUP, ROUTE, WITH_INSIDES
from ansible_collections.cloudflare.magic.plugins.module_utils._kinds import KINDS as NETWORK
from ansible_collections.cloudflare.magic.plugins.module_utils._other_kinds import BGP_SETTINGS, MNM_CONFIG, MNM_RULE
from ansible_collections.cloudflare.magic.plugins.module_utils._site_kinds import (
    APP,
    CONNECTOR,
    MANAGED_APP,
    SITE,
    SITE_ACL,
    SITE_APP_CONFIG,
    SITE_LAN,
    SITE_NETFLOW,
    SITE_WAN,
)

if t.TYPE_CHECKING:
    from ansible_collections.cloudflare.magic.plugins.module_utils._kind import Kind

T = t.TypeVar("T")

# An object comes after the objects that it refers to; a child comes after its parent, and is written in its parent's item.
KINDS = (
    BGP_SETTINGS,
    BGP_FILTER_PROFILE,
    APP,
    CONNECTOR,
    *WITH_INSIDES,
    ROUTE,
    REDUNDANCY_GROUP,
    SITE,
    SITE_LAN,
    SITE_WAN,
    SITE_ACL,
    SITE_APP_CONFIG,
    SITE_NETFLOW,
    CF1_SITE,
    CF1_RAMP,
    MNM_CONFIG,
    MNM_RULE,
)

# Kinds that others refer to, and that no design has.
REFERRED = (MANAGED_APP,)

# The kinds that are read by default.
USUAL = NETWORK

# The kinds at the top level of a design.
ROOTS = tuple(kind for kind in KINDS if kind.parent is None)


class NewId(str):
    """Stands for the id of an object that a design creates. Its text is only for display: an equal text from a user or from Cloudflare is just a text."""

    __slots__ = ()


def displayed(value: T) -> T:
    """Return a JSON value with ordinary text in place of such ids."""
    shown: t.Any = value
    if isinstance(value, dict):
        shown = {name: displayed(item) for name, item in value.items()}
    elif isinstance(value, list):
        shown = [displayed(item) for item in value]
    elif isinstance(value, NewId):
        shown = str(value)
    return t.cast("T", shown)


def children_of(kind: Kind) -> tuple[Kind, ...]:
    """Return the kinds whose objects belong to one of this kind."""
    return tuple(child for child in KINDS if child.parent is kind)


def parts_of(kind: Kind) -> tuple[Kind, ...]:
    """Return those of them that have no module of their own; see ``Kind.inside``."""
    return tuple(child for child in children_of(kind) if child.in_path in kind.inside)


def key_of(kind: Kind, parent_id: str | None = None) -> str:
    """Return the key of an account's objects of a kind, or of those of one parent."""
    return kind.several if parent_id is None else f"{parent_id}/{kind.several}"
