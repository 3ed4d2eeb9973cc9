# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Converts what ``terraform show -json`` prints to a design. Pure."""

from __future__ import annotations

import json
import re
import typing as t
from collections.abc import Mapping

from ansible_collections.cloudflare.magic.plugins.module_utils._cf1_kinds import CF1_SITE
from ansible_collections.cloudflare.magic.plugins.module_utils._client import canonical
from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._gather import as_design
from ansible_collections.cloudflare.magic.plugins.module_utils._kinds import GRE_TUNNEL, IPSEC_TUNNEL, ROUTE
from ansible_collections.cloudflare.magic.plugins.module_utils._other_kinds import MNM_CONFIG, MNM_RULE
from ansible_collections.cloudflare.magic.plugins.module_utils._references import named
from ansible_collections.cloudflare.magic.plugins.module_utils._site_kinds import CONNECTOR, SITE, SITE_ACL, SITE_LAN, SITE_WAN
from ansible_collections.cloudflare.magic.plugins.module_utils._text import SHORTEST_KEY, without_quotes
from ansible_collections.cloudflare.magic.plugins.module_utils._tree import ROOTS, key_of

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ansible_collections.cloudflare.magic.plugins.module_utils._fields import Field
    from ansible_collections.cloudflare.magic.plugins.module_utils._kind import Kind

    Json = dict[str, t.Any]

# Version 5 of the provider has only the longer names, late releases of version 4 both, and earlier ones only the shorter names.
_NETWORK = {"ipsec_tunnel": IPSEC_TUNNEL, "gre_tunnel": GRE_TUNNEL, "static_route": ROUTE}
# Only version 5 has these.
_SITES = {"connector": CONNECTOR, "site": SITE, "site_lan": SITE_LAN, "site_wan": SITE_WAN, "site_acl": SITE_ACL, "cf1_site": CF1_SITE}
_MONITORING = {"configuration": MNM_CONFIG, "rule": MNM_RULE}
TYPES: dict[str, Kind] = {
    **{f"cloudflare_{group}{name}": kind for group in ("magic_wan_", "") for name, kind in _NETWORK.items()},
    **{f"cloudflare_magic_transit_{name}": kind for name, kind in _SITES.items()},
    **{f"cloudflare_magic_network_monitoring_{name}": kind for name, kind in _MONITORING.items()},
}
# Before version 5, objects were flat.
_FLAT = {
    **{f"health_check_{part}": ("health_check", part) for part in IPSEC_TUNNEL.fields["health_check"].parts},
    **{part: ("scope", part) for part in ROUTE.fields["scope"].parts},
}
# Computed attributes, the names of IDs, and what is read elsewhere.
_COMPUTED = frozenset(
    ["id", "account_id", "created_on", "modified_on", "modified", "deleted", "bgp_status", "psk_metadata", "timeouts"]
    + ["hex_id", "fqdn_id", "user_id", "remote_id", "remote_identities"]
    + ["last_heartbeat", "last_seen_version", "last_updated", "device", "lan_name"]
    + [name for kind in (IPSEC_TUNNEL, GRE_TUNNEL, ROUTE) for name in (kind.single, f"modified_{kind.single}")]
    + [name for kind in TYPES.values() for name in (kind.id_option, *kind.id_aliases)]
)
_ACCOUNT_ID = re.compile("[0-9A-Fa-f]{32}")

# Attributes that are never shown, wherever they are.
_SECRETS = {
    "psk": "A key is not part of a design. It is in the state file in clear, so replace it with cloudflare.magic.ipsec_psks.",
    "license_key": "A license key is not part of a design. It is in the state file in clear. To replace it, use cloudflare.magic.connector_license.",
}
_HIDDEN = "Terraform treats it as sensitive, or it contains a key. Add it to the design if others may read it."
_UNKNOWN = "A design does not have it."
_OTHER_TYPE = "A design does not have this kind of object. Leave it to Terraform."
_DATA = "A data source is read, not managed."
_DEPOSED = "Terraform is about to delete it."
_TWICE = "Another resource represents the same object."
_OTHER_ACCOUNT = "It belongs to another account."
_NAMELESS = "It cannot be identified: it has no name, or a sensitive one."
_ALONE = "Its site is not in the state, or was left out. Add it to the item of its site, or leave it to Terraform."


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
    if account_id is not None and not _ACCOUNT_ID.fullmatch(str(account_id)):
        raise MagicError("account_id is not 32 hexadecimal characters. Copy the ID from the account's overview page at Cloudflare, or leave it out.")
    accounts = {canonical(str(_values(resource)["account_id"])) for resource in managed if _values(resource).get("account_id")}
    if account_id is None and len(accounts) > 1:
        raise MagicError(f"The state has objects of {len(accounts)} accounts. Give account_id, once for each design.")
    keys = list(dict.fromkeys(key for resource in resources for key in _secrets_in(_values(resource))))
    found = _Objects()
    # A child is looked up in its site.
    for resource in sorted(managed, key=lambda resource: TYPES[resource["type"]].parent is not None):
        address, kind = _address(resource), TYPES[resource["type"]]
        own = _values(resource).get("account_id")
        if account_id is not None and own not in (None, "") and canonical(str(own)) != canonical(str(account_id)):
            left_out.add(kind.noun, _OTHER_ACCOUNT, address)
            continue
        for values, marks in _objects_of(kind, resource):
            if why := found.add(kind, _object(kind, values, marks, keys, address, left_out), values, address):
                left_out.add(kind.noun, why, address)
    config = as_design([kind for kind in ROOTS if found.of(kind)], found)
    _name_connectors(config, resources)
    return config, without_quotes(left_out.entries(), (), keys)


class _Objects:
    """The objects of a state, in the places that they have in an account."""

    def __init__(self) -> None:
        self._found: dict[str, dict[str, Json]] = {}

    def of(self, kind: Kind, parent_id: str | None = None) -> list[Json]:
        """Return the objects of a kind, or of one parent."""
        return list(self._found.get(key_of(kind, parent_id), {}).values())

    def is_read(self, kind: Kind, parent_id: str | None = None) -> bool:
        """Return whether there are any."""
        return bool(self.of(kind, parent_id))

    def add(self, kind: Kind, actual: Json, values: Json, address: str) -> str:
        """Add an object; return why it is left out, or nothing."""
        parent_id = None if kind.parent is None else str(values.get(kind.parent.id_option))
        if any(actual.get(name) is None for name in kind.keys_in(actual)):
            return _NAMELESS
        if kind.parent is not None and not any(parent["id"] == parent_id for parent in self.of(kind.parent)):
            return _ALONE
        identity = "" if kind.is_one else actual["id"] or f"{address} {actual.get(kind.keys[0])}"
        return _TWICE if self._found.setdefault(key_of(kind, parent_id), {}).setdefault(identity, actual) is not actual else ""


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


def _secrets_in(value: t.Any, name: str = "") -> Iterator[str]:
    """Yield the values of the attributes that are never shown, and all inside these, if they are long enough to be found in other texts."""
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield from _secrets_in(part, name if name in _SECRETS else key)
    elif isinstance(value, list):
        for part in value:
            yield from _secrets_in(part, name)
    elif name in _SECRETS and value is not None and len(str(value)) >= SHORTEST_KEY:
        yield str(value)


def _mark(marks: t.Any, name: str) -> t.Any:
    """Return what is sensitive in an attribute: true if all of it is, or if it is not clear which attributes of this object are meant."""
    return marks.get(name) if isinstance(marks, Mapping) else _is_marked(marks)


def _is_marked(mark: t.Any) -> bool:
    inner = mark.values() if isinstance(mark, Mapping) else mark if isinstance(mark, list) else ()
    return mark is True or any(_is_marked(part) for part in inner)


def _objects_of(kind: Kind, resource: Json) -> Iterator[tuple[Json, t.Any]]:
    """Yield the values of each object that a resource represents, each in the place that its option has, and what of these is sensitive."""
    values, marks = _values(resource), resource.get("sensitive_values")
    if kind is not CF1_SITE:
        for name, (outer, inner) in kind.within.items():
            part = values.get(outer)
            if isinstance(part, Mapping):
                values = {**values, name: part.get(inner)}
                marks = {**(marks if isinstance(marks, Mapping) else {outer: marks}), name: _mark(_mark(marks, outer), inner)}
        yield values, marks
        return
    # A list of new sites; what is beside it is an update of the only one.
    body, body_marks = values.get("body") or [{}], _mark(marks, "body")
    beside = {name: value for name, value in values.items() if name != "body" and value is not None} if len(body) == 1 else {}
    for number, part in enumerate(body):
        mark = body_marks[number] if isinstance(body_marks, list) and number < len(body_marks) else body_marks
        whole = mark is True
        own = {name: True if whole else _mark(mark, name) for name in part}
        yield {**part, **beside}, {**own, **{name: _mark(marks, name) for name in beside}}


def _object(kind: Kind, values: Json, marks: t.Any, keys: Sequence[str], address: str, left_out: LeftOut) -> Json:
    """Return an object in the form of Cloudflare's API, without what must not be shown."""
    found: Json = {"id": str(next((values[name] for name in ("id", kind.id_option, *kind.id_aliases) if values.get(name)), ""))}
    for name, value in values.items():
        outer, inner = (name, "") if name in kind.fields else _FLAT.get(name, (name, ""))
        if name in _SECRETS:
            if value:
                left_out.add(name, _SECRETS[name], address)
        elif outer in kind.fields:
            value, hidden = _shown(value, _mark(marks, name), keys, name)
            for path in hidden:
                left_out.add(path, _HIDDEN, address)
            for path in _unknown_in(kind.fields[outer].parts, value, name):
                left_out.add(path, _UNKNOWN, address)
            if inner and value is not None:
                found.setdefault(outer, {})[inner] = value
            elif not inner and not (value == "" and name in (*kind.keys, *kind.or_keys)):
                found[name] = value
        elif name not in _COMPUTED and value:
            left_out.add(name, _UNKNOWN, address)
    return _without_computed_target(kind, found)


def _unknown_in(parts: Mapping[str, Field], value: t.Any, path: str) -> Iterator[str]:
    """Yield the paths of what an object has and a design does not."""
    for name, inner in value.items() if parts and isinstance(value, Mapping) else ():
        if name in parts:
            yield from _unknown_in(parts[name].parts, inner, f"{path}.{name}")
        elif inner and name not in _COMPUTED:
            yield f"{path}.{name}"


def _name_connectors(config: Json, resources: Sequence[Json]) -> None:
    """Put the serial numbers of connectors that the state only reads in place of their IDs."""
    read = [CONNECTOR.received(_values(one)) for one in resources if TYPES.get(str(one.get("type"))) is CONNECTOR and one.get("mode") == "data"]
    known = [{**one, "id": one.get("id") or one.get(CONNECTOR.id_option)} for one in read]
    if SITE.in_design in config:
        config[SITE.in_design] = [named(SITE.fields, site, lambda dummy: known) for site in config[SITE.in_design]]


def _shown(value: t.Any, mark: t.Any, keys: Sequence[str], path: str) -> tuple[t.Any, list[str]]:
    """Return a value with None for what is sensitive, and the paths of that."""
    if value is None:
        return None, []
    if isinstance(value, Mapping) and mark is not True and not any(key in name for name in value for key in keys):
        parts = {name: _shown(part, _mark(mark, name), keys, f"{path}.{name}") for name, part in value.items()}
        return {name: part for name, (part, dummy) in parts.items()}, [hidden for dummy, inside in parts.values() for hidden in inside]
    texts = [str(part) for part in value] if isinstance(value, list) else [str(value)]
    if _is_marked(mark) or any(key in text for text in texts for key in keys):
        return None, [path]
    return value, []


def _without_computed_target(kind: Kind, found: Json) -> Json:
    """Return an object without a target of its health check that Cloudflare computed: before version 5, nothing else distinguishes the two."""
    health_check = found.get("health_check")
    if isinstance(health_check, dict) and isinstance(health_check.get("target"), str) and health_check["target"] == found.get(kind.ends[-1]):
        return {**found, "health_check": {**health_check, "target": None}}
    return found
