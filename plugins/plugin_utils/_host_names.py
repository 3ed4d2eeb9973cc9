# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Names of hosts and groups that Ansible takes for names and nothing else, and of which each belongs to one tunnel."""

from __future__ import annotations

import re
import typing as t
import unicodedata
from collections import Counter, defaultdict

from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._text import listing, shown
from ansible_collections.cloudflare.magic.plugins.plugin_utils._hosts import KINDS

if t.TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Mapping, Sequence

    from ansible.inventory.group import Group

    from ansible_collections.cloudflare.magic.plugins.plugin_utils._hosts import Tunnel

# The groups of all tunnels of a kind.
GROUPS = {kind: f"{kind}_tunnels" for kind in KINDS}

_NO_NAME = "tunnel"
_PART_OF_ID = 8


def is_of(variables: Mapping[str, t.Any], tunnel: Tunnel) -> bool:
    """Tell whether a host that is there already is this tunnel's; another source may have made it, with another prefix."""
    return any(name.endswith("id") and value == tunnel.id for name, value in variables.items())


def is_a_tunnel(groups: Iterable[Group]) -> bool:
    """Tell by a host's groups whether the plugin made it, for another account."""
    return any(group.name in GROUPS.values() for group in groups)


def safe_name(text: str) -> str:
    """Return a name that is only a name to Ansible: no template, no pattern, no option of a program, no path. Empty if nothing is left."""
    plain = "".join(character for character in unicodedata.normalize("NFKD", text) if not unicodedata.combining(character))
    plain = re.sub(r"[^A-Za-z0-9_.-]", "_", plain)
    plain = re.sub(r"\A[.-]+", "_", plain)
    return plain if plain.strip("_.-") else ""


def safe_group_name(name: str) -> str:
    """Return the name of a group that is no template, no pattern and no path. Letters of all alphabets stay, as Ansible leaves them."""
    return re.sub(r"\A[.-]+", "_", re.sub(r"[^\w.-]", "_", name))


def group_beside_hosts(name: str, hosts: Container[str], groups: Container[str]) -> str:
    """Return the name of a group, with ``_group`` appended to that of a host that is there already. A group that is there already keeps its name."""
    while name in hosts and name not in groups:
        name += "_group"
    return name


def renamed_groups(renamed: Mapping[str, str]) -> list[str]:
    """Return a warning if groups have another name than they should have."""
    if not renamed:
        return []
    return [f"These groups have _group in their name, because a host of another source has the name alone: {listing(map(shown, renamed.values()))}."]


class _Claim(t.NamedTuple):
    """A name that a tunnel may have, and how good its reason is: the lower, the better."""

    rank: int
    name: str


def _claims(tunnel: Tunnel, wish: str, beside_ipsec: bool) -> list[_Claim]:
    """Return the names that a tunnel may have, the best one first.

    :arg beside_ipsec: this is the one GRE tunnel beside the one IPsec tunnel of the same name.
    """
    plain, own_id = safe_name(wish), safe_name(tunnel.id) or "_"
    natural = [_Claim(2, f"{plain}_gre")] if beside_ipsec else [_Claim(0 if plain == wish else 1, plain)]
    base = plain or _NO_NAME
    with_id = [f"{base}_{own_id[:_PART_OF_ID]}", f"{base}_{own_id}", f"{base}_{tunnel.kind}_{own_id}"]
    return [*(natural if plain else []), *(_Claim(3 + number, name) for number, name in enumerate(with_id))]


def host_names(tunnels: Sequence[Tunnel], wishes: Sequence[str], taken: Callable[[Tunnel, str], bool], warnings: list[str]) -> list[str]:
    """Return the name of each tunnel's host. No two are the same, and the order of the tunnels plays no part.

    :arg wishes: the names that the tunnels should have.
    :arg taken: whether a name is someone else's.
    :raises MagicError: if a tunnel cannot have a name.
    """
    alike = Counter(zip((tunnel.kind for tunnel in tunnels), wishes))
    pairs = {wish for wish in wishes if alike["ipsec", wish] == alike["gre", wish] == 1}
    claims = [_claims(tunnel, wish, tunnel.kind == "gre" and wish in pairs) for tunnel, wish in zip(tunnels, wishes)]
    place = [0] * len(tunnels)
    disputed: set[str] = set()
    while True:
        by_name: dict[str, list[int]] = defaultdict(list)
        for index, several in enumerate(claims):
            if place[index] == len(several):
                raise MagicError(
                    f"There is no free host name for the tunnel with the id {shown(tunnels[index].id)}: all its names and ids are names of groups. "
                    "Set a prefix for the groups in keyed_groups."
                )
            by_name[several[place[index]].name].append(index)
        losers = [index for name, several in by_name.items() for index in _losers(name, several, claims, place, disputed, tunnels, taken)]
        if not losers:
            break
        for index in losers:
            place[index] += 1
    found = [several[place[index]] for index, several in enumerate(claims)]
    renamed = [claim.name for claim in found if claim.rank > 2]
    if renamed:
        warnings.append(
            "These hosts have a part of their tunnel's id in their name, because another tunnel, another host or a group has the name alone: "
            f"{listing(renamed)}."
        )
    return [claim.name for claim in found]


def _losers(
    name: str,
    several: list[int],
    claims: list[list[_Claim]],
    place: list[int],
    disputed: set[str],
    tunnels: Sequence[Tunnel],
    taken: Callable[[Tunnel, str], bool],
) -> list[int]:
    """Return which of the tunnels that claim a name cannot have it. Of equal claims none wins, now and later."""
    free = [] if name in disputed else [index for index in several if not taken(tunnels[index], name)]
    best = min((claims[index][place[index]].rank for index in free), default=None)
    winners = [index for index in free if claims[index][place[index]].rank == best]
    if len(winners) > 1:
        disputed.add(name)
        winners = []
    return [index for index in several if index not in winners]
