# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""An account as a design, without what belongs to others: what a task keeps, and what connectors may have created."""

from __future__ import annotations

import functools
import ipaddress
import typing as t
from collections import Counter

from ansible_collections.cloudflare.magic.plugins.module_utils._design import as_item, as_items
from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._fields import as_object, known
from ansible_collections.cloudflare.magic.plugins.module_utils._kinds import IPSEC_TUNNEL, ROUTE, TUNNELS, WITH_INSIDES
from ansible_collections.cloudflare.magic.plugins.module_utils._nexthops import Insides
from ansible_collections.cloudflare.magic.plugins.module_utils._references import named, with_this_id
from ansible_collections.cloudflare.magic.plugins.module_utils._selection import by_name
from ansible_collections.cloudflare.magic.plugins.module_utils._site_kinds import SITE, SITE_LAN
from ansible_collections.cloudflare.magic.plugins.module_utils._steps import in_doubt, label_among, label_of
from ansible_collections.cloudflare.magic.plugins.module_utils._text import listing, plural
from ansible_collections.cloudflare.magic.plugins.module_utils._tree import USUAL, NewId, children_of

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ansible_collections.cloudflare.magic.plugins.module_utils._calls import Account
    from ansible_collections.cloudflare.magic.plugins.module_utils._kind import Kind
    from ansible_collections.cloudflare.magic.plugins.module_utils._references import Lookup

    Json = dict[str, t.Any]


class Known(t.Protocol):
    """What an account has, or will have."""

    def of(self, kind: Kind, parent_id: str | None = None) -> list[Json]:
        """Return the objects of a kind, or of one parent."""

    def is_read(self, kind: Kind, parent_id: str | None = None) -> bool:
        """Return whether they are known."""


class Kept:
    """The objects that a task keeps: those of such names, and routes of such prefixes or through such tunnels.

    :arg words: names and shell patterns.
    """

    def __init__(self, words: Sequence[str], account: Mapping[str, list[Json]]) -> None:
        self._words, self._account = words, account

    def has(self, kind: Kind, item: Mapping[str, t.Any]) -> bool:
        """Return whether an object is one of them."""
        if not self._words or kind is not ROUTE:
            # What is identified by another object has the name of that.
            labels = (label_of(kind, item), label_among(kind, item, lambda other: self._account[other.several])) if self._words else ()
            return any(by_name(self._words, label) for label in labels)
        prefix = known(ROUTE.fields["prefix"], item.get("prefix"))
        return by_name(self._words, str(prefix)) or prefix in self._prefixes or bool(self._insides.tunnels_at(item.get("nexthop")))

    @functools.cached_property
    def _prefixes(self) -> set[str]:
        return {known(ROUTE.fields["prefix"], word) for word in self._words}

    @functools.cached_property
    def _insides(self) -> Insides:
        pairs = ((kind.noun, item) for kind in WITH_INSIDES for item in self._account[kind.several])
        return Insides((noun, item) for noun, item in pairs if by_name(self._words, str(item.get("name"))))


def items_of(kind: Kind, account: Known, parent_id: str | None = None, kept: Kept | None = None) -> list[Json] | Json:
    """Return the objects of a kind, or of one parent, as items, with what belongs to them, as far as they were read.

    A kind with at most one object is that item; empty if it does not exist.

    :arg kept: what is left out.
    """
    objects = [item for item in account.of(kind, parent_id) or [] if kept is None or not kept.has(kind, item)]
    if kind.is_one:
        return as_item(kind, objects[0]) if objects else {}
    if kind in USUAL:
        return as_items(kind, objects)
    keys = [repr([item.get(key) for key in kind.keys_in(item)]) for item in objects]
    count = Counter(keys)
    found = []
    for item, key in zip(objects, keys):
        if kind.source is not None and not kind.source.is_shown(item):
            continue  # nobody knows how to refer to it
        own = named_item(kind, item, lambda other: account.of(other, kind.beside(other, parent_id)) or [], with_id=count[key] > 1)
        lists = {child.in_path: items_of(child, account, item["id"], kept) for child in children_of(kind) if account.is_read(child, item["id"])}
        found.append({**own, **lists})
    return sorted(found, key=lambda one: [str(one.get(name, "")) for name in (*kind.finders, kind.id_option)])


def named_item(kind: Kind, item: Json, lookup: Lookup, with_id: bool = False) -> Json:
    """Return an object as an item, with names instead of ids; one that stands for an object that does not exist has only its own id."""
    ends = [(one, item[own]) for own, one in kind.identifying.items() if kind.source is not None and item.get(own) is not None]
    if any(not isinstance(object_id, NewId) and not with_this_id(lookup(end), object_id) for one, object_id in ends for end in one.of):
        return {kind.id_option: item["id"]}
    return named(kind.fields, as_item(kind, item, with_id), lookup)


def unclear(items: Sequence[Json], kind: Kind, account: Account) -> list[str]:
    """Return a warning for each object of a kind that has objects which are left out because it is not known what they stand for."""
    found = []
    for child in [child for child in children_of(kind) if child.source is not None]:
        for item in items:
            left_out = [one for one in account.of(child, item["id"]) if child.source is not None and not child.source.is_shown(one)]
            if left_out:
                found.append(
                    f"The {kind.noun} '{label_of(kind, item)}' has {plural(child.noun)} of which Cloudflare does not show "
                    f"what they lead to: {in_doubt(child, left_out)}. They are left out. "
                    f"Before you apply {child.in_path} of it, delete them in Cloudflare's dashboard, or add them by {child.id_option}."
                )
    return found


def as_design(kinds: Sequence[Kind], account: Known, kept: Kept | None = None) -> Json:
    """Return kinds of an account as a design has them."""
    return {kind.in_design: items_of(kind, account, None, kept) for kind in kinds if kind.parent is None}


def gather(kinds: Sequence[Kind], account: Account, keep: Sequence[str] = ()) -> Json:
    """Return the same, with all that belongs to the objects: a list for each kind of that, and for each object.

    :arg keep: names and patterns of what is left out.
    """
    kept = Kept(keep, account) if keep else None
    for kind in kinds:
        for child in children_of(kind):
            for item in account.of(kind):
                account.of(child, item["id"])
    return as_design(kinds, account, kept)


# --- what connectors create


def with_connectors(account: Mapping[str, list[Json]]) -> tuple[list[Json], str]:
    """Return the sites whose connectors may have created tunnels and routes, and why the sites could not be read; empty if they could be."""
    try:
        return [site for site in account[SITE.several] if site.get("connector_id") or site.get("secondary_connector_id")], ""
    except MagicError as error:
        if (error.failure or {}).get("status") not in (400, 401, 403, 404):
            raise
        # An account without Cloudflare WAN has none, but a credential without the permission does not see those that there are.
        return [], str(error)


def of_connectors(kinds: Sequence[Kind], account: Account) -> tuple[list[str], list[str]]:
    """Return the names of tunnels that connectors may have created, and a warning, if an account was read that has connectors.

    Nothing in the API marks such a tunnel. It is a guess: it is named like a site with a connector, or carries the routes for that site's LANs, if these
    were read.
    """
    sites, why_unread = with_connectors(account) if any(kind in (*TUNNELS, ROUTE) for kind in kinds) else ([], "")
    tunnels = account.of(IPSEC_TUNNEL) if IPSEC_TUNNEL in kinds else []
    if why_unread:
        return [], _warnings_of_unread(tunnels, account.of(ROUTE) if ROUTE in kinds else [], why_unread)
    if not sites:
        return [], []
    insides = Insides((IPSEC_TUNNEL.noun, tunnel) for tunnel in tunnels)
    networks = {network for site in sites if account.is_read(SITE_LAN, site["id"]) for lan in account.of(SITE_LAN, site["id"]) for network in _networks_of(lan)}
    routes = account.of(ROUTE) if networks and account.is_read(ROUTE) else []
    carried = [
        tunnel for route in routes if known(ROUTE.fields["prefix"], route.get("prefix")) in networks for tunnel in insides.tunnels_at(route.get("nexthop"))
    ]
    words = [str(site.get("name")).casefold() for site in sites if str(site.get("name") or "").strip()]
    found = sorted({str(tunnel.get("name")) for tunnel in tunnels if tunnel in carried or any(word in str(tunnel.get("name")).casefold() for word in words)})
    guess = (
        f"By their names or routes, these tunnels may be such ones: {listing(found)}"
        if found
        else "None of the tunnels that were read is named like these sites"
    )
    return found, [
        f"The account has sites with connectors ({listing(str(site.get('name')) for site in sites)}), which create tunnels and routes automatically. "
        f"Cloudflare does not mark these, so they are among the objects that were read. {guess}. Check the tunnels of these sites, and set keep to the names "
        "of those that connectors created: then they are left out here, and never deleted. Set keep: [] if there are none."
    ]


def _warnings_of_unread(tunnels: Sequence[Json], routes: Sequence[Json], why: str) -> list[str]:
    """Return what to know if the sites could not be read: nothing if there is nothing that a connector can have created."""
    names = listing(str(tunnel.get("name")) for tunnel in tunnels)
    what = [*([f"the IPsec tunnels {names}"] if names else []), *(["routes"] if routes else [])]
    if not what:
        return []
    return [
        f"The sites of the account could not be read, so connectors may have created some of the objects that were read: {' and '.join(what)}. "
        "Give the credential the permission to read sites, or set keep to patterns for the names of the tunnels that connectors created: "
        f"then they are left out here, and never deleted. Set keep: [] if there are none. {why}"
    ]


def _networks_of(lan: Mapping[str, t.Any]) -> set[str]:
    """Return the networks of a LAN for which a connector creates routes."""
    found = {str(as_object(lan.get("nat")).get("static_prefix")), *(str(as_object(one).get("prefix")) for one in lan.get("routed_subnets") or ())}
    try:
        found.add(str(ipaddress.ip_interface(str(as_object(lan.get("static_addressing")).get("address"))).network))
    except ValueError:
        pass  # it has its address from elsewhere
    return found
