# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Names of hosts and groups that have no other meaning for Ansible, each for one object."""

from __future__ import annotations

import re
import typing as t
import unicodedata
from collections import defaultdict

from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._text import listing, shown
from ansible_collections.cloudflare.magic.plugins.plugin_utils._host_kinds import GROUPS, KINDS

if t.TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping, Sequence

    from ansible.inventory.host import Host

    from ansible_collections.cloudflare.magic.plugins.plugin_utils._hosts import Item

_PART_OF_ID = 8


def may_have(item: Item, host: Host, combine: bool) -> bool:
    """Return whether an object may have a host that is there already.

    It may if the host is its own, which another source, or another file for this plugin, may have created, with another prefix; and with ``combine``, if this
    plugin has not created the host for another object.
    """
    groups = {group.name for group in host.get_groups()}
    created = {name[: -len("kind")]: kind for name, kind in host.vars.items() if name.endswith("kind") and isinstance(kind, str) and GROUPS.get(kind) in groups}
    if created:
        # Another of its variables may well have this id: a site has the ids of its connectors.
        return any(kind == item.kind and host.vars.get(f"{prefix}id") == item.id for prefix, kind in created.items())
    return combine or any(name.endswith("id") and value == item.id for name, value in host.vars.items())


def safe_name(text: str) -> str:
    """Return a name that has no other meaning for Ansible: not a template, a pattern, an option of a program or a path. Empty if nothing is left."""
    plain = "".join(character for character in unicodedata.normalize("NFKD", text) if not unicodedata.combining(character))
    plain = re.sub(r"[^A-Za-z0-9_.-]", "_", plain)
    plain = re.sub(r"\A[.-]+", "_", plain)
    return plain if plain.strip("_.-") else ""


def safe_group_name(name: str) -> str:
    """Return the name of a group that is not a template, a pattern or a path. Letters of all alphabets are kept, as Ansible does."""
    return re.sub(r"\A[.-]+", "_", re.sub(r"[^\w.-]", "_", name))


def group_beside_hosts(name: str, hosts: Container[str], groups: Container[str]) -> str:
    """Return the name of a group, with ``_group`` appended if a host with the name exists. An existing group keeps its name."""
    while name in hosts and name not in groups:
        name += "_group"
    return name


def renamed_groups(renamed: Mapping[str, str]) -> list[str]:
    """Return a warning if groups have another name than the requested one."""
    if not renamed:
        return []
    return [f"These groups have _group in their name, because a host of another source has the name alone: {listing(map(shown, renamed.values()))}."]


class _Claim(t.NamedTuple):
    """A name that an object may have, and its rank: lower is better."""

    rank: int
    name: str


def _claims(item: Item, wish: str, suffix: str) -> list[_Claim]:
    """Return the names that an object may have, the best one first.

    :arg suffix: of the name, because an object of another kind has the same one; empty if it may have the name itself.
    """
    plain, own_id = safe_name(wish), safe_name(item.id) or "_"
    natural = [_Claim(2, f"{plain}{suffix}")] if suffix else [_Claim(0 if plain == wish else 1, plain)]
    base = plain or item.kind
    with_id = [f"{base}_{own_id[:_PART_OF_ID]}", f"{base}_{own_id}", f"{base}_{item.kind}_{own_id}"]
    return [*(natural if plain else []), *(_Claim(3 + number, name) for number, name in enumerate(with_id))]


def _suffixes(items: Sequence[Item], wishes: Sequence[str]) -> list[str]:
    """Return what each name ends in: if a name is wished for once in each of several kinds, the first of these kinds has it as it is."""
    wished: dict[str, list[str]] = defaultdict(list)
    for item, wish in zip(items, wishes):
        wished[wish].append(item.kind)
    shared = {wish: set(kinds) for wish, kinds in wished.items() if 1 < len(kinds) == len(set(kinds))}
    first = {wish: next(kind for kind in KINDS if kind in kinds) for wish, kinds in shared.items()}
    return [KINDS[item.kind].suffix if wish in first and item.kind != first[wish] else "" for item, wish in zip(items, wishes)]


def host_names(items: Sequence[Item], wishes: Sequence[str], taken: Callable[[Item, str], bool], warnings: list[str]) -> list[str]:
    """Return the name of the host of each object. The names are unique, and do not depend on the order of the objects.

    :arg wishes: the requested names of the hosts.
    :arg taken: whether a name is already used.
    :raises MagicError: if an object cannot have a name.
    """
    claims = [_claims(*one) for one in zip(items, wishes, _suffixes(items, wishes))]
    place = [0] * len(items)
    disputed: set[str] = set()
    while True:
        by_name: dict[str, list[int]] = defaultdict(list)
        for index, several in enumerate(claims):
            if place[index] == len(several):
                raise MagicError(
                    f"There is no free host name for the {KINDS[items[index].kind].kind.noun} with the id {shown(items[index].id)}: all its names and ids are "
                    "names of groups. Set a prefix for the groups in keyed_groups."
                )
            by_name[several[place[index]].name].append(index)
        losers = [index for name, several in by_name.items() for index in _losers(name, several, claims, place, disputed, items, taken)]
        if not losers:
            break
        for index in losers:
            place[index] += 1
    found = [several[place[index]] for index, several in enumerate(claims)]
    renamed = [claim.name for claim in found if claim.rank > 2]
    if renamed:
        warnings.append(
            f"These hosts have a part of an id in their name, because another object, another host or a group has the name alone: {listing(renamed)}."
        )
    return [claim.name for claim in found]


def _losers(
    name: str,
    several: list[int],
    claims: list[list[_Claim]],
    place: list[int],
    disputed: set[str],
    items: Sequence[Item],
    taken: Callable[[Item, str], bool],
) -> list[int]:
    """Return which of the objects that claim a name cannot have it. Of equal claims none wins, in this run and in later ones."""
    free = [] if name in disputed else [index for index in several if not taken(items[index], name)]
    best = min((claims[index][place[index]].rank for index in free), default=None)
    winners = [index for index in free if claims[index][place[index]].rank == best]
    if len(winners) > 1:
        disputed.add(name)
        winners = []
    return [index for index in several if index not in winners]
