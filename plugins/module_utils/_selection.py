# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Selects objects by names, shell patterns and IDs. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from fnmatch import fnmatchcase

from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._text import listing

if t.TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence


def is_pattern(item: str) -> bool:
    """Return whether this can match several names."""
    return bool(set("*?[") & set(item))


def by_name(items: Iterable[str], name: str) -> bool:
    """Return whether names or shell patterns match an object of this name. A name with the characters of a pattern also means itself."""
    return any(item == name or fnmatchcase(name, item) for item in items)


def by_name_or_id(items: Collection[str], name: str, object_id: str) -> bool:
    """Return whether names, shell patterns or IDs match this object."""
    return object_id in items or by_name(items, name)


def check_names(option: str, items: Iterable[str], existing: Collection[str], noun: str) -> None:
    """Check that each name or shell pattern matches something.

    :raises MagicError: naming the option and one that does not.
    """
    for item in items:
        if not any(by_name([item], name) for name in existing):
            raise MagicError(f"{option}: no {noun} matches '{item}'. These exist: {listing(existing) or 'none'}. Check {option} and account_id.")


@dataclass(frozen=True)
class Selection:
    """The IPsec tunnels that a task for many tunnels selects.

    :ivar names: names or shell patterns.
    :ivar ids: ids.
    :ivar exclude: names, shell patterns or IDs to exclude.
    """

    names: Sequence[str] = ()
    ids: Sequence[str] = ()
    exclude: Sequence[str] = ()

    @classmethod
    def of(cls, options: Mapping[str, t.Any]) -> Selection:
        """Read the options."""
        return cls(*([item.strip() for item in options[name] or []] for name in ("names", "ipsec_tunnel_ids", "exclude")))

    def choose(self, tunnels: Sequence[dict[str, t.Any]]) -> list[dict[str, t.Any]]:
        """Return the selected tunnels, in the order of the account, each once.

        :raises MagicError: if one of ``names`` or ``ids`` matches nothing.
        """
        known = {tunnel["id"]: str(tunnel.get("name")) for tunnel in tunnels}
        strangers = [tunnel_id for tunnel_id in self.ids if tunnel_id not in known]
        if strangers:
            raise MagicError(f"ipsec_tunnel_ids: no IPsec tunnel has the id {listing(strangers)}. Check the ids and account_id, or use names.")
        check_names("names", self.names, known.values(), "IPsec tunnel")
        for item in self.exclude:
            # The key of a tunnel with a misspelled name would be rotated. A pattern may match nothing.
            if not is_pattern(item) and item not in {*known, *known.values()}:
                raise MagicError(
                    f"exclude: no IPsec tunnel has the name or id '{item}'. Write it as Cloudflare shows it, or leave it out. Nothing has been sent."
                )
        return [tunnel for tunnel in tunnels if self._means(tunnel["id"], known[tunnel["id"]])]

    def _means(self, tunnel_id: str, name: str) -> bool:
        return (tunnel_id in self.ids or by_name(self.names, name)) and not by_name_or_id(self.exclude, name, tunnel_id)
