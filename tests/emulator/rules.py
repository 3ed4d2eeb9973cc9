# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules for an object that depend on other objects and on the account. kinds.py has those that a body alone can break.

Where Cloudflare documents nothing, a choice had to be made; each is marked "Choice" and can be found by that word.
"""

from __future__ import annotations

import re

from .items import INSIDES, Item, Items, ends_of, identity_of, inside_of, name_of, target_of, way_of
from .kinds import INTERCONNECT, NEWER, ROUTE
from .values import Json, invalid, is_source, refuse_public


def account_number(account: Json) -> int:
    """Return the number that the identities of an account's tunnels have."""
    return int(account.get("number", 123456789))


class Rules:
    """Checks objects that have been put among the others.

    Args:
        items: all that there are.
        accounts: by id.
        settings: of the emulator.
    """

    def __init__(self, items: Items, accounts: Json, settings: Json) -> None:
        self._items = items
        self._accounts = accounts
        self._settings = settings

    def check(self, item: Item, old: Item | None, pointer: str) -> None:
        """Check an object as far as a write has changed it.

        Args:
            item: as it is now.
            old: what was in its place before the write, or None.
            pointer: JSON pointer to it in the body.

        Raises:
            ApiError: 1022.
        """
        before = old.fields if old else {}
        names = {name for name, value in item.fields.items() if before.get(name) != value}
        (self._check_route if item.kind is ROUTE else self._check_tunnel)(item, names, pointer)

    def _check_route(self, route: Item, names: set[str], pointer: str) -> None:
        # Choice: Cloudflare's tables show a prefix by the same tunnel twice, with another priority. So it is with another scope.
        if names.intersection(("prefix", "nexthop", "priority", "scope")) and self._items.sharing(route, way_of(route)):
            raise invalid("a route with this prefix, nexthop, priority and scope already exists", pointer + "/prefix")
        # Choice: any address inside a tunnel or interconnect of the account will do. A tunnel can be deleted although
        # routes point at it, and those can still be changed.
        if "nexthop" in names and not self._items.sharing(route, target_of(route)):
            raise invalid("nexthop is not inside a tunnel of this account", pointer + "/nexthop")

    def _check_tunnel(self, tunnel: Item, names: set[str], pointer: str) -> None:
        fields, kind = tunnel.fields, tunnel.kind
        named = [other for other in self._items.sharing(tunnel, name_of(tunnel)) if self._settings["one_name_space"] or other.kind is kind]
        if "name" in names and named:
            raise invalid("a tunnel with this name already exists", pointer + "/name")
        if fields.get("automatic_return_routing") and not self._accounts[tunnel.account_id].get("coupler_integration"):
            raise invalid("automatic_return_routing needs the coupler_integration account flag", pointer + "/automatic_return_routing")
        # Choice: a pair of outer addresses belongs to one tunnel of a kind.
        if names.intersection(kind.endpoints) and self._items.sharing(tunnel, ends_of(tunnel)):
            raise invalid("another tunnel has the same two endpoints", f"{pointer}/{kind.endpoints[1]}")
        for name in INSIDES if not self._settings["overlapping_insides"] else ():
            if name in names and any(self._items.sharing(tunnel, key) for key in inside_of(tunnel, name)):
                raise invalid("overlaps with the interface address of another tunnel", f"{pointer}/{name}")
        self._check_identity(tunnel, pointer + "/custom_remote_identities/fqdn_id")
        if kind is INTERCONNECT:
            self._check_interconnect(fields, names, pointer)

    @staticmethod
    def _check_interconnect(fields: Json, names: set[str], pointer: str) -> None:
        newer = fields.get("version") == NEWER
        if "interface_address" in names and newer and not fields["interface_address"].endswith("/31"):
            raise invalid("a version 1.5 interconnect needs a /31", pointer + "/interface_address")
        # A version 1.5 one may have a network of the account's own prefixes, which the emulator does not know.
        if "interface_address" in names and not newer:
            refuse_public(fields["interface_address"], pointer + "/interface_address")
        check, where = fields.get("health_check", {}), pointer + "/health_check/source"
        source = check.get("source", "")
        if source and not newer:
            raise invalid("source is for version 1.5 interconnects only", where)
        if newer and "health_check" in names and bool(source) != (check.get("direction") == "bidirectional"):
            raise invalid("source is required for checks in both directions, and not allowed for others", where)
        if source and not is_source(source):
            raise invalid("source must be inside RFC 1918, 169.254.240.0/20 or 198.41.199.224/27", where)

    def _check_identity(self, tunnel: Item, pointer: str) -> None:
        fqdn_id = tunnel.fields.get("custom_remote_identities", {}).get("fqdn_id")
        if not fqdn_id:
            return
        number = str(account_number(self._accounts[tunnel.account_id]))
        accepted = {"number": (number,), "account_id": (tunnel.account_id,)}.get(self._settings["custom_identity"], (number, tunnel.account_id))
        owner = "|".join(map(re.escape, accepted))
        if not re.match(rf"^[A-Za-z0-9-]+\.(?:{owner})\.custom\.ipsec\.cloudflare\.com\Z", fqdn_id):
            wanted = " or ".join(f"<label>.{part}.custom.ipsec.cloudflare.com" for part in accepted)
            raise invalid(f"fqdn_id must have the form {wanted}", pointer)
        if self._items.sharing(tunnel, identity_of(tunnel)):
            raise invalid("another tunnel has this fqdn_id at the same cloudflare_endpoint", pointer)
