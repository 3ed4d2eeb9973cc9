# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Converts the tunnels and routes in the output of ``terraform show -json`` to a design. Pure."""

from __future__ import annotations

import json
import typing as t
from collections.abc import Mapping

from ansible_collections.cloudflare.magic.plugins.module_utils._design import as_items
from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._kinds import GRE_TUNNEL, IPSEC_TUNNEL, ROUTE

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.cloudflare.magic.plugins.module_utils._kind import Kind

    Json = dict[str, t.Any]

# Version 5 of the provider has only the longer names, late releases of version 4 both, and earlier ones only the shorter names.
TYPES: dict[str, Kind] = {
    f"cloudflare_{group}{name}": kind
    for group in ("magic_wan_", "")
    for name, kind in {"ipsec_tunnel": IPSEC_TUNNEL, "gre_tunnel": GRE_TUNNEL, "static_route": ROUTE}.items()
}
# Before version 5, objects were flat.
_FLAT = {
    **{f"health_check_{part}": ("health_check", part) for part in IPSEC_TUNNEL.fields["health_check"].parts},
    **{part: ("scope", part) for part in ROUTE.fields["scope"].parts},
}
# Computed attributes, and the names of IDs.
_COMPUTED = frozenset(
    ["id", "account_id", "created_on", "modified_on", "modified", "deleted", "bgp_status", "psk_metadata", "timeouts"]
    + ["hex_id", "fqdn_id", "user_id", "remote_id", "remote_identities"]
    + [name for kind in (IPSEC_TUNNEL, GRE_TUNNEL, ROUTE) for name in (kind.single, f"modified_{kind.single}", kind.id_option, *kind.id_aliases)]
)
# A shorter string may be in other strings by chance, and is not a key.
_SHORTEST_KEY = 8

_KEY = "A key is not part of a design. It is in the state file in clear, so replace it with cloudflare.magic.ipsec_psks."
_HIDDEN = "Terraform treats it as sensitive, or it contains a key. Add it to the design if others may read it."
_UNKNOWN = "A design does not have it."
_OTHER_TYPE = "A design does not have this kind of object. Leave it to Terraform."
_DATA = "A data source is read, not managed."
_DEPOSED = "Terraform is about to delete it."
_TWICE = "Another resource represents the same object."
_OTHER_ACCOUNT = "It belongs to another account."
_NAMELESS = "It cannot be identified without showing sensitive values."


class LeftOut:
    """What is left out of the design: what it is, why, and the addresses of the resources."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], list[str]] = {}

    def add(self, what: str, reason: str, address: str) -> None:
        """Record something that is left out."""
        self._found.setdefault((what, reason), []).append(address)

    def entries(self) -> list[Json]:
        """Return everything that was recorded, in the order of the first occurrence."""
        return [{"what": what, "reason": reason, "addresses": addresses} for (what, reason), addresses in self._found.items()]


def design_of(given: t.Any, account_id: str | None = None) -> tuple[Json, list[Json]]:
    """Return a design, and what was left out of it.

    :raises MagicError: if this is not a state, or one of several accounts. No value of a resource is in the message.
    """
    resources = list(_resources(_root_of(given)))
    left_out = LeftOut()
    managed = [resource for resource in resources if _is_ours(resource, left_out)]
    accounts = {str(_values(resource)["account_id"]) for resource in managed if _values(resource).get("account_id")}
    if account_id is None and len(accounts) > 1:
        raise MagicError(f"The state has objects of {len(accounts)} accounts. Give account_id, once for each design.")
    keys = [key for resource in managed if len(key := str(_values(resource).get("psk") or "")) >= _SHORTEST_KEY]
    found: dict[str, dict[str, Json]] = {kind.results: {} for kind in TYPES.values()}
    for resource in managed:
        address, kind = _address(resource), TYPES[resource["type"]]
        if account_id is not None and _values(resource).get("account_id") not in (None, "", account_id):
            left_out.add(kind.noun, _OTHER_ACCOUNT, address)
            continue
        actual = _object(kind, resource, keys, left_out)
        if any(actual.get(name) is None for name in kind.keys):
            left_out.add(kind.noun, _NAMELESS, address)
        elif found[kind.results].setdefault(actual["id"] or address, actual) is not actual:
            left_out.add(kind.noun, _TWICE, address)
    config = {kind.results: as_items(kind, found[kind.results].values()) for kind in TYPES.values() if found[kind.results]}
    return config, left_out.entries()


def _root_of(given: t.Any) -> Mapping[str, t.Any]:
    """Return the root module of a state.

    :raises MagicError: if this is something else.
    """
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except ValueError:
            raise MagicError("This is not JSON. Give what 'terraform show -json' prints.") from None
    if isinstance(given, Mapping):
        if "planned_values" in given:
            raise MagicError("This is a plan. Give what 'terraform show -json' prints without the name of a plan file.")
        if "format_version" in given:
            root = (given.get("values") or {}).get("root_module") or {}
            if isinstance(root, Mapping):
                return root
        if "terraform_version" in given:
            raise MagicError("This is the state file itself. Give what 'terraform show -json' prints.")
    raise MagicError("This is not a state of Terraform. Give what 'terraform show -json' prints.")


def _resources(module: Mapping[str, t.Any]) -> Iterator[Json]:
    yield from module.get("resources") or []
    for child in module.get("child_modules") or []:
        yield from _resources(child)


def _values(resource: Json) -> Json:
    return resource.get("values") or {}


def _address(resource: Json) -> str:
    return str(resource.get("address") or resource.get("type"))


def _is_ours(resource: Json, left_out: LeftOut) -> bool:
    """Return whether a resource represents an object that a design can have."""
    name = str(resource.get("type"))
    if name not in TYPES:
        left_out.add(name, _OTHER_TYPE, _address(resource))
    elif resource.get("mode") == "data":
        left_out.add(name, _DATA, _address(resource))
    elif resource.get("deposed_key"):
        left_out.add(name, _DEPOSED, _address(resource))
    else:
        return True
    return False


def _object(kind: Kind, resource: Json, keys: list[str], left_out: LeftOut) -> Json:
    """Return an object in the form of Cloudflare's API, without what must not be shown."""
    values, marks, address = _values(resource), resource.get("sensitive_values"), _address(resource)
    found: Json = {"id": str(next((values[name] for name in ("id", kind.id_option, *kind.id_aliases) if values.get(name)), ""))}
    for name, value in values.items():
        if name == "psk" and value:
            left_out.add(name, _KEY, address)
        elif name in kind.fields or _FLAT.get(name, ("",))[0] in kind.fields:
            value, hidden = _shown(value, marks.get(name) if isinstance(marks, Mapping) else marks, keys, name)
            for path in hidden:
                left_out.add(path, _HIDDEN, address)
            outer, inner = _FLAT.get(name, (name, ""))
            if not inner:
                found[name] = value
            elif value is not None:
                found.setdefault(outer, {})[inner] = value
        elif name not in _COMPUTED and value:
            left_out.add(name, _UNKNOWN, address)
    return _without_computed_target(kind, found)


def _shown(value: t.Any, mark: t.Any, keys: list[str], path: str) -> tuple[t.Any, list[str]]:
    """Return a value with None for what is sensitive, and the paths of that."""
    if value is None:
        return None, []
    if isinstance(value, Mapping) and mark is not True:
        parts = {name: _shown(part, mark.get(name) if isinstance(mark, Mapping) else None, keys, f"{path}.{name}") for name, part in value.items()}
        return {name: part for name, (part, dummy) in parts.items()}, [hidden for dummy, inside in parts.values() for hidden in inside]
    texts = [str(part) for part in value] if isinstance(value, list) else [str(value)]
    if mark is True or (isinstance(mark, list) and any(mark)) or any(key in text for text in texts for key in keys):
        return None, [path]
    return value, []


def _without_computed_target(kind: Kind, found: Json) -> Json:
    """Return an object without a target of its health check that Cloudflare computed: before version 5, nothing else distinguishes the two."""
    health_check = found.get("health_check")
    if isinstance(health_check, dict) and isinstance(health_check.get("target"), str) and health_check["target"] == found.get(kind.ends[-1]):
        return {**found, "health_check": {**health_check, "target": None}}
    return found
