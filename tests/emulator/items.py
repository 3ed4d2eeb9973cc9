# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The objects that there are, found by id and by what may belong to one of them only, in a time that does not depend on how many there are."""

from __future__ import annotations

import contextlib
import functools
import ipaddress
from typing import Any, Hashable, Iterator, Sequence, Tuple

from .kinds import ROUTE, Form, Kind
from .tree import EVERY
from .values import Json

# What an object has, and another may not have as well: what it is about, and its value.
Key = Tuple[Hashable, ...]
# How the index knows an object, because an id is unique within its kind.
_Holder = Tuple[str, str]
INSIDES = ("interface_address", "interface_address6")


class Item:
    """One tunnel, interconnect or route: the API's fields, plus what the API never shows.

    Attributes:
        kind: which of these it is.
        account_id: of the account it belongs to.
        fields: the API's own field names; ``health_check.target`` is kept in its string form. A change is a new object: nothing in here changes.
        psk: the key in force, or None.
        generated: when the key was generated, in nanoseconds since 1970, or None.
        parent_id: of what it belongs to, such as a LAN's site; empty if that is the account.
    """

    def __init__(self, kind: Kind, account_id: str, fields: Json, psk: str | None = None, generated: int | None = None, parent_id: str = "") -> None:
        self.kind = kind
        self.account_id = account_id
        self.fields = fields
        self.psk = psk
        self.generated = generated
        self.parent_id = parent_id

    @property
    def id(self) -> str:
        """Return the id, which is unique within the kind."""
        return str(next(self.fields[name] for name in (self.kind.form.ids if self.kind.form else ("id",)) if name in self.fields))

    @property
    def form(self) -> Form:
        """Return how the calls of its kind look, if they are not those of tunnels."""
        assert self.kind.form is not None
        return self.kind.form

    def changed(self, fields: Json) -> Item:
        """Return the object with other fields."""
        return Item(self.kind, self.account_id, fields, self.psk, self.generated, self.parent_id)


# --- keys


def name_of(tunnel: Item) -> Key:
    """Return the key of a tunnel's name."""
    return "name", tunnel.fields["name"]


def ends_of(tunnel: Item) -> Key | None:
    """Return the key of a pair of outer addresses; None unless there are both."""
    ends = [tunnel.fields.get(name) for name in tunnel.kind.endpoints]
    return ("ends", tunnel.kind.plural, *ends) if ends and all(ends) else None


def identity_of(tunnel: Item) -> Key | None:
    """Return the key of a custom identity where it is used; None if there is none."""
    fqdn_id = tunnel.fields.get("custom_remote_identities", {}).get("fqdn_id")
    return ("identity", tunnel.kind.plural, fqdn_id, tunnel.fields.get("cloudflare_endpoint")) if fqdn_id else None


@functools.lru_cache(maxsize=1 << 16)
def _pairs(interface: str) -> range:
    network = ipaddress.ip_interface(interface).network
    return range(int(network[0]) >> 1, (int(network[-1]) >> 1) + 1)


def inside_of(tunnel: Item, name: str) -> list[Key]:
    """Return the keys of the network in this field: it overlaps with those that share one of them, and with no others."""
    # By kinds.py it is a /30, /31 or /127, and so it is made of pairs of addresses.
    interface = tunnel.fields.get(name)
    return [("inside", name, pair) for pair in _pairs(interface)] if interface else []


def target_of(route: Item) -> Key:
    """Return the key that a tunnel has if a route's next hop is inside it."""
    nexthop = ipaddress.ip_address(route.fields["nexthop"])
    return "inside", INSIDES[nexthop.version == 6], int(nexthop) >> 1


def way_of(route: Item) -> Key:
    """Return the key of all that tells two routes apart; the places of a scope in any order, once each."""
    places = [(name, *sorted(set(values))) for name, values in sorted(route.fields.get("scope", {}).items()) if values]
    return "way", *(route.fields[name] for name in ("prefix", "nexthop", "priority")), tuple(places)


def naming(plural: str, item_id: str) -> Key:
    """Return the key of all that name an object."""
    return "naming", plural, item_id


def child_of(parent_id: str, plural: str) -> Key:
    """Return the key of all of a kind that belong to an object."""
    return "child", parent_id, plural


def unique_of(item: Item, where: str) -> Key | None:
    """Return the key of a value that no other object of the kind may have; None if it has none."""
    value: Any = functools.reduce(lambda fields, name: fields.get(name) or {}, where.split("/"), item.fields)
    return ("unique", item.kind.plural, where, value) if value else None


def _keys(item: Item) -> list[Key]:
    if item.kind is ROUTE:
        return [way_of(item)]
    named = [naming(plural, item_id) for reference in item.kind.refers for _at, plural, item_id in reference.found(item.fields)]
    form = item.kind.form
    if form:
        belongs = [child_of(item.parent_id, item.kind.plural)] if item.parent_id else []
        return [*named, *belongs, *(key for where in form.unique if (key := unique_of(item, where)) is not None)]
    keys = (*named, name_of(item), ends_of(item), identity_of(item), *(key for name in INSIDES for key in inside_of(item, name)))
    return [key for key in keys if key is not None]


class Items:
    """All objects of all accounts; ``put`` and ``remove`` are the only ways in and out, and keep the index. They may share what rules forbid."""

    def __init__(self) -> None:
        self._known: dict[str, dict[str, Item]] = {kind.plural: {} for kind in EVERY}
        # What each object is found by, and the objects by that.
        self._keys: dict[_Holder, list[tuple[str, Key]]] = {}
        self._found: dict[tuple[str, Key], dict[_Holder, Item]] = {}

    def of(self, kind: Kind) -> dict[str, Item]:
        """Return all objects of a kind by id, oldest first; for reading alone."""
        return self._known[kind.plural]

    def get(self, kind: Kind, item_id: str) -> Item | None:
        """Return the object of this id, or None."""
        return self._known[kind.plural].get(item_id)

    def put(self, item: Item) -> None:
        """Add an object, or put it in the place of the one with its id."""
        holder = (item.kind.plural, item.id)
        keys = [(item.account_id, key) for key in dict.fromkeys(_keys(item))]
        # What stays keeps its place among those that share it.
        self._forget(holder, keys)
        self._known[item.kind.plural][item.id] = item
        self._keys[holder] = keys
        for key in keys:
            self._found.setdefault(key, {})[holder] = item

    def remove(self, item: Item) -> None:
        """Take an object out."""
        self._forget((item.kind.plural, item.id))
        del self._known[item.kind.plural][item.id]

    def _forget(self, holder: _Holder, but: Sequence[tuple[str, Key]] = ()) -> None:
        for key in set(self._keys.pop(holder, ())).difference(but):
            del self._found[key][holder]
            if not self._found[key]:
                del self._found[key]

    def holders(self, account_id: str, key: Key) -> list[Item]:
        """Return the objects of an account that have a key."""
        return list(self._found.get((account_id, key), {}).values())

    def sharing(self, item: Item, key: Key | None) -> list[Item]:
        """Return the other objects of the same account that have a key; None is a key that nobody has."""
        found = self._found.get((item.account_id, key), {}) if key is not None else {}
        return [other for holder, other in found.items() if holder != (item.kind.plural, item.id)]

    @contextlib.contextmanager
    def trial(self, changed: Sequence[Item], keep: bool) -> Iterator[list[Item | None]]:
        """Put objects among the others as long as rules look at them. They stay if ``keep`` and nothing is raised: all of them or none.

        Yields:
            What each of them takes the place of.
        """
        before: list[Item | None] = [self.get(item.kind, item.id) for item in changed]
        for item in changed:
            self.put(item)
        stay = False
        try:
            yield before
            stay = keep
        finally:
            if not stay:
                for item, old in zip(changed, before):
                    if old is None:
                        self.remove(item)
                    else:
                        self.put(old)
