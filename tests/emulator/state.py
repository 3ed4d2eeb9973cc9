# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the emulated Cloudflare knows, and its rules; nothing here knows of HTTP.

Where Cloudflare documents nothing, a choice had to be made; each is marked "Choice" and can be found by that word.
"""

from __future__ import annotations

import functools
import ipaddress
import math
import secrets
import string
import threading
import time
from typing import Any, Container, NamedTuple, Sequence

from . import appliance
from .health import Health
from .items import Item, Items
from .kinds import INTERCONNECT, IPSEC, KINDS, NEWER, TUNNELS, Kind, parse
from .moments import SeedError, from_age, from_timestamp, to_timestamp
from .plain import Plain, refuse_unknown, refuse_used
from .rules import Rules, account_number
from .seed import DEFAULT_SETTINGS
from .strict import is_count, is_number, is_text
from .tree import BY_NAME, EVERY, TREE
from .values import ApiError, Json, copied, invalid, refuse_null, typed

_NS = 10**9
_ALPHANUMERIC = string.ascii_letters + string.digits


class Credential(NamedTuple):
    """A token or a key pair: what it may do, and where.

    Attributes:
        permission: for Magic.
        analytics: whether it may read analytics.
    """

    label: str
    permission: str
    accounts: tuple[str, ...]
    owner: str = "user"
    is_token: bool = True
    analytics: bool = True


class Call(NamedTuple):
    """What the calls of the API on one kind of object have in common.

    Attributes:
        kind: of the objects.
        account_id: of an account that may use Magic.
        new_hc_target: ``health_check.target`` is an object, in the request and in the answer.
        validate_only: check and answer, but change nothing.
    """

    kind: Kind
    account_id: str
    new_hc_target: bool = False
    validate_only: bool = False


_LONGEST_WINDOW = 10**9


class RateLimit:
    """A fixed window for each credential, as Cloudflare documents it for its API.

    Args:
        quota: requests allowed in a window.
        window: length of the window in seconds.

    Source: https://developers.cloudflare.com/fundamentals/api/reference/limits/
    """

    def __init__(self, quota: int, window: float) -> None:
        if not is_count(quota) or quota < 1 or not is_number(window) or not 0 < window <= _LONGEST_WINDOW:
            raise SeedError(f"a rate limit is {{quota: requests, at least 1; seconds: length of the window, at most {_LONGEST_WINDOW}}}")
        self.quota = quota
        self.window = window
        self._windows: dict[str, tuple[float, int]] = {}
        self._lock = threading.Lock()

    def take(self, who: str) -> tuple[bool, int, int]:
        """Count one request of ``who``; return whether it is allowed, how many remain, and seconds to the next window."""
        now = time.monotonic()
        with self._lock:
            start, used = self._windows.get(who, (now, 0))
            if now >= start + self.window:
                start, used = now, 0
            self._windows[who] = (start, used + 1)
        return used < self.quota, max(0, self.quota - used - 1), max(1, math.ceil(start + self.window - now))


@functools.lru_cache(maxsize=1 << 16)
def _far_end(interface_address: str) -> str:
    """Return the customer's address inside a tunnel: interface_address has Cloudflare's."""
    interface = ipaddress.IPv4Interface(interface_address)
    return str(next(host for host in interface.network.hosts() if host != interface.ip))


def _new_item(kind: Kind, account_id: str, fields: Json, direction: str, psk: str | None = None, generated: int | None = None) -> Item:
    """Return an object with all that its creator need not say."""
    now = to_timestamp(time.time_ns(), 6)
    fields = dict({"id": secrets.token_hex(16), **kind.defaults}, **fields)
    if "health_check" in kind.writable:
        health_check = {"enabled": True, "rate": "mid", "type": "reply", "target": ""}
        if kind.endpoints:
            health_check["direction"] = direction
        fields["health_check"] = dict(health_check, **fields.get("health_check", {}))
    fields.setdefault("created_on", now)
    fields.setdefault("modified_on", now)
    return Item(kind, account_id, fields, psk, generated)


# Fields of an account besides its id and name, and fields of objects that only the seed can set.
_ACCOUNT = {"number": int, "onboarded": bool, "magic_wan_subscribed": bool, "coupler_integration": bool}
_READ_ONLY = {"colo_name": str, "version": str, "virtual_port_reservation_id": str, "allow_null_cipher": bool}


def _refuse_unknown(what: str, item: Json, known: Sequence[str]) -> None:
    unknown = sorted(set(item) - set(known))
    if unknown:
        raise SeedError("{} of the seed has unknown fields: {}; known are {}".format(what, ", ".join(unknown), ", ".join(known)))


def _checked_account(item: Json) -> Json:
    _refuse_unknown("an account", item, ("id", "name", *_ACCOUNT))
    if not all(is_text(item.get(name)) and item[name] for name in ("id", "name")):
        raise SeedError("an account of the seed needs id and name, as text")
    for name, wanted in _ACCOUNT.items():
        if name in item and not (is_count(item[name]) if wanted is int else isinstance(item[name], wanted)):
            raise SeedError("{} of an account of the seed must be {}".format(name, "a whole number" if wanted is int else "true or false"))
    return item


def _by(part: str, what: str, pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise SeedError(f"{part} of the seed has the same {what} twice")
    return found


class State:
    """Accounts, credentials, tunnels, routes and keys, with the rules by which they change.

    Every public method takes the lock, so one instance serves many threads.

    Args:
        seed: data in the form of ``seed.default_seed``.

    Raises:
        SeedError: if the seed makes no sense.
    """

    def __init__(self, seed: Json) -> None:
        self.lock = threading.RLock()
        self.replace(seed)

    # --- control

    def replace(self, seed: Json) -> None:
        """Replace everything by ``seed``; nothing changes if it raises SeedError."""
        if not isinstance(seed, dict):
            raise SeedError("the seed must be an object")
        unknown = sorted(set(seed) - {"settings", "accounts", "tokens", "key_pairs", "health"} - set(BY_NAME))
        if unknown:
            raise SeedError("unknown part of the seed: {}".format(", ".join(unknown)))
        settings = self._read_settings(seed.get("settings", {}))
        parts = {part: seed.get(part, []) for part in ("accounts", "tokens", "key_pairs", *BY_NAME)}
        for part, given in parts.items():
            if not isinstance(given, list) or not all(isinstance(item, dict) for item in given):
                raise SeedError(f"{part} of the seed must be a list of objects")
        accounts = _by("accounts", "id", [(item["id"], dict(item)) for item in map(_checked_account, parts["accounts"])])
        tokens = _by("tokens", "token", [(item.get("token"), self._credential(item, "token", True)) for item in parts["tokens"]])
        pairs = [((item.get("email"), item.get("key")), self._credential(item, "email", False)) for item in parts["key_pairs"]]
        key_pairs = _by("key_pairs", "e-mail address and key", pairs)
        health = Health(seed.get("health", {}), next(iter(accounts), ""))
        items = Items()
        for kind in EVERY:
            seed_item = self._seed_plain if kind.form else self._seed_item
            seeded = [seed_item(kind, given, accounts) for given in parts[kind.plural]]
            for item in _by(kind.plural, "id", [(item.id, item) for item in seeded]).values():
                if kind.form and kind.form.parent and items.get(BY_NAME[kind.form.parent], item.parent_id) is None:
                    raise SeedError(f"an object in {kind.plural} of the seed has no {kind.form.parent_name} of what is there")
                items.put(item)
        with self.lock:
            self._settings = settings
            self._accounts = accounts
            self._tokens = tokens
            self._key_pairs = key_pairs
            self._seed_credentials = copied({"tokens": parts["tokens"], "key_pairs": parts["key_pairs"]})
            self._items = items
            self.health = health
            self._rules = Rules(items, accounts, settings)
            self.plain = Plain(items, settings, lambda item: self.render(item, False))
            self._key_log: list[Json] = []
            # What connectors have made, by kind and id.
            self._made: dict[tuple[str, str], Item] = {}

    @staticmethod
    def _read_settings(given: Any) -> Json:
        settings = dict(DEFAULT_SETTINGS)
        if not isinstance(given, dict):
            raise SeedError("settings of the seed must be an object")
        for name, value in given.items():
            if name not in settings:
                raise SeedError("unknown setting {!r}; known are {}".format(name, ", ".join(sorted(settings))))
            settings[name] = value
        if settings["validate_only_psk"] not in ("decoy", "null", "real"):
            raise SeedError("settings.validate_only_psk must be 'decoy', 'null' or 'real'")
        if settings["bidirectional_target"] not in ("saved", "dropped"):
            raise SeedError("settings.bidirectional_target must be 'saved' or 'dropped'")
        if settings["mnm_durations"] not in ("short", "full"):
            raise SeedError("settings.mnm_durations must be 'short' or 'full'")
        if settings["custom_identity"] not in ("either", "number", "account_id"):
            raise SeedError("settings.custom_identity must be 'either', 'number' or 'account_id'")
        if not is_count(settings["psk_length"]) or not 8 <= settings["psk_length"] <= 1024:
            raise SeedError("settings.psk_length must be a whole number from 8 to 1024")
        for name, standard in DEFAULT_SETTINGS.items():
            if isinstance(standard, bool) and not isinstance(settings[name], bool):
                raise SeedError(f"settings.{name} must be true or false")
        return settings

    @staticmethod
    def _credential(item: Json, label: str, is_token: bool) -> Credential:
        names = ("token",) if is_token else ("email", "key")
        _refuse_unknown("a credential", item, (*names, "permission", "accounts", "owner", "analytics"))
        permission, owner, analytics = item.get("permission", "write"), item.get("owner", "user"), item.get("analytics", True)
        if permission not in ("none", "read", "write") or owner not in ("user", "account"):
            raise SeedError("a credential's permission is 'none', 'read' or 'write', its owner 'user' or 'account'")
        if not isinstance(analytics, bool):
            raise SeedError("analytics of a credential must be true or false")
        if not all(is_text(item.get(name)) and item[name] for name in names):
            raise SeedError("a credential of the seed needs {}, as text".format(" and ".join(names)))
        accounts = item.get("accounts")
        if not isinstance(accounts, list) or not all(is_text(account) for account in accounts):
            raise SeedError("a credential of the seed needs accounts, a list of ids")
        return Credential(item[label], permission, tuple(accounts), owner, is_token, analytics)

    @staticmethod
    def _seed_item(kind: Kind, item: Json, accounts: Json) -> Item:
        what = f"an object in {kind.plural} of the seed"
        fields: Json = {key: copied(value) for key, value in item.items() if value is not None}
        account_id = fields.pop("account_id", None)
        if not isinstance(account_id, str) or account_id not in accounts:
            raise SeedError(f"{what} belongs to an unknown account: {account_id}")
        psk = fields.pop("psk", None)
        for name, value in (("id", fields.get("id", "none")), ("psk", "none" if psk is None else psk)):
            if not is_text(value) or not value:
                raise SeedError(f"{what} is not valid: {name} must be a text that is not empty")
        age, metadata = fields.pop("psk_age_seconds", None), fields.pop("psk_metadata", {})
        if not isinstance(metadata, dict):
            raise SeedError(f"{what} is not valid: psk_metadata must be an object")
        generated_on = metadata.get("last_generated_on")
        generated = None if generated_on is None else from_timestamp(generated_on)
        if age is not None:
            generated = from_age(age, "psk_age_seconds of the seed")
        for name in ("created_on", "modified_on"):
            if name in fields:
                from_timestamp(fields[name])
        if fields.get("version", "1") not in ("1", NEWER, "2"):
            raise SeedError(f"{what} is not valid: version is 1, {NEWER} or 2")
        for name, wanted in _READ_ONLY.items():
            if name in fields and not (is_text(fields[name]) if wanted is str else isinstance(fields[name], wanted)):
                raise SeedError(f"{what} is not valid: {name} is of the wrong type")
        missing = [name for name in kind.required if name not in fields]
        if missing:
            raise SeedError("{} lacks {}".format(what, ", ".join(missing)))
        try:
            parsed = parse(kind, fields, "reading", False)
        except ApiError as error:
            raise SeedError(f"{what} is not valid: {error}") from None
        if any(parsed[name] == "" for name in kind.required):
            raise SeedError(f"{what} is not valid: {', '.join(kind.required)} must not be empty")
        return _new_item(kind, account_id, {**fields, **parsed}, "bidirectional", psk, generated)

    @classmethod
    def _seed_plain(cls, kind: Kind, item: Json, accounts: Json) -> Item:
        form, what = kind.form, f"an object in {kind.plural} of the seed"
        assert form is not None
        fields: Json = {key: copied(value) for key, value in item.items() if value is not None}
        account_id, parent_id = fields.pop("account_id", None), fields.pop(form.parent_name, "")
        if not isinstance(account_id, str) or account_id not in accounts:
            raise SeedError(f"{what} belongs to an unknown account: {account_id}")
        if not any(is_text(fields.get(name)) and fields[name] for name in form.ids):
            raise SeedError(f"{what} needs {' or '.join(form.ids)}, as text that is not empty")
        device = fields.get("device", {})
        try:
            # What Cloudflare adds to a device is no part of a body.
            given = {**fields, "device": {"id": "x"}} if device else fields
            parsed = {name: inner(given[name], f"/{name}") for name, inner in kind.writable.items() if name in given}
        except ApiError as error:
            raise SeedError(f"{what} is not valid: {error}") from None
        missing = [name for name in kind.required if fields.get(name) in (None, "")]
        if missing:
            raise SeedError("{} lacks {}".format(what, ", ".join(missing)))
        kept = {**copied(kind.defaults), **fields, **parsed, **({"device": device} if device else {})}
        return Item(kind, account_id, kept, parent_id=parent_id)

    def export(self) -> Json:
        """Return everything in the form of a seed, keys and credentials included."""
        with self.lock:
            items: dict[str, list[Json]] = {kind.plural: [] for kind in EVERY}
            for kind in TREE:
                for item in self._items.of(kind).values():
                    parent = {item.form.parent_name: item.parent_id} if item.form.parent else {}
                    items[kind.plural].append({**copied(item.fields), **parent, "account_id": item.account_id})
            for kind in KINDS:
                for item in self._items.of(kind).values():
                    shown = dict(copied(item.fields), account_id=item.account_id)
                    if item.kind is IPSEC:
                        shown["psk_metadata"] = {} if item.generated is None else {"last_generated_on": to_timestamp(item.generated, 9)}
                    if item.psk is not None:
                        shown["psk"] = item.psk
                    items[kind.plural].append(shown)
            accounts = copied(list(self._accounts.values()))
            return dict(copied(self._seed_credentials), settings=dict(self._settings), accounts=accounts, health=self.health.export(), **items)

    def tunnel_names(self, account_id: str) -> set[str]:
        """Return the names of what the health checks of an account look at."""
        with self.lock:
            return {str(item.fields["name"]) for kind in TUNNELS for item in self._items.of(kind).values() if item.account_id == account_id}

    def set_health(self, seed: Any) -> None:
        """Replace what the health checks have found by that part of a seed; nothing changes if it raises SeedError."""
        with self.lock:
            self.health = Health(seed, next(iter(self._accounts), ""))

    def has_magic(self, account_id: str) -> bool:
        """Return whether an account is onboarded."""
        with self.lock:
            return bool(self._accounts[account_id].get("onboarded", True))

    def setting(self, name: str) -> Any:
        """Return one of the settings."""
        with self.lock:
            return self._settings[name]

    def keys(self) -> dict[str, str | None]:
        """Return the key in force of each IPsec tunnel, None where there never was one."""
        with self.lock:
            return {tunnel_id: tunnel.psk for tunnel_id, tunnel in self._items.of(IPSEC).items()}

    def keys_of(self, item_id: str) -> list[str]:
        """Return the key in force of a tunnel, or of a connector its licence key, if this is one and it has one."""
        with self.lock:
            connector = self._items.get(BY_NAME["connectors"], item_id)
            found = [self.keys().get(item_id), connector.fields.get("license_key") if connector else None]
            return [key for key in found if key]

    def key_log(self) -> list[Json]:
        """Return every key that appeared since the start: ``{tunnel_id, psk, how, in_force, at}``, oldest first.

        ``how`` is ``generate``, ``set``, ``create``, ``update``, or ``decoy`` for what validate_only answered.
        """
        with self.lock:
            in_force = self.keys()
            return [dict(entry, in_force=in_force.get(entry["tunnel_id"]) == entry["psk"]) for entry in self._key_log]

    def set_generated(self, tunnel_id: str, generated: int | None) -> None:
        """Shift a tunnel's last_generated_on (nanoseconds since 1970; None: never generated).

        Raises:
            SeedError: if there is no such tunnel.
        """
        with self.lock:
            tunnel = self._items.get(IPSEC, tunnel_id)
            if tunnel is None:
                raise SeedError(f"no tunnel has the id {tunnel_id!r}")
            tunnel.generated = generated

    def another(self, kind: Kind, account_id: str, item_id: str, new_hc_target: bool) -> Json | None:
        """Return an object of the same kind and account as the API shows it, but not this one; None if there is no other."""
        with self.lock:
            others = (item for item in self._items.of(kind).values() if item.account_id == account_id and item.id != item_id)
            return next((self.plain.visible(item, "read") if kind.form else self.render(item, new_hc_target) for item in others), None)

    def let_connectors_work(self, account_id: str) -> None:
        """Make the tunnels and routes of sites whose connector is up, and remove those whose WAN or LAN is gone; only if the settings say so."""
        with self.lock:
            if not self._settings["connectors_make_tunnels"]:
                return
            left = {key: item for key, item in self._made.items() if item.account_id == account_id}
            for kind, fields in appliance.wanted(self._items, account_id):
                key = (kind.plural, fields["id"])
                left.pop(key, None)
                if key not in self._made:
                    self._made[key] = _new_item(kind, account_id, fields, "bidirectional")
                    self._items.put(self._made[key])
            for key, item in left.items():
                del self._made[key]
                if self._items.get(item.kind, item.id) is not None:
                    self._items.remove(item)

    # --- credentials and accounts

    def secrets(self) -> list[str]:
        """Return all tokens and global keys."""
        with self.lock:
            return [*self._tokens, *(key for _email, key in self._key_pairs)]

    def looks_like_token(self, value: str) -> bool:
        """Return whether a value given as a global key is in truth an API token."""
        with self.lock:
            return value in self._tokens

    def looks_like_key(self, value: str) -> bool:
        """Return whether a value given as an API token is in truth a global key."""
        with self.lock:
            return any(key == value for _email, key in self._key_pairs)

    def token(self, value: str) -> Credential | None:
        """Look up an API token."""
        with self.lock:
            return self._tokens.get(value)

    def key_pair(self, email: str, key: str) -> Credential | None:
        """Look up an e-mail address with its global key."""
        with self.lock:
            return self._key_pairs.get((email, key))

    def account_exists(self, account_id: str) -> bool:
        """Return whether there is such an account."""
        with self.lock:
            return account_id in self._accounts

    def accounts(self, ids: tuple[str, ...]) -> list[Json]:
        """Return the accounts among ``ids`` as ``GET /accounts`` shows them."""
        with self.lock:
            return [
                {"id": item["id"], "name": item["name"], "type": "enterprise", "settings": {"enforce_twofactor": False}, "created_on": "2024-03-01T08:00:00Z"}
                for item in self._accounts.values()
                if item["id"] in ids
            ]

    def magic_account(self, account_id: str, wan: bool = False) -> Json:
        """Return an account that may use Magic.

        Raises:
            ApiError: 1012 if the account is not onboarded, 1025 if ``wan`` and it has no Magic WAN.
        """
        with self.lock:
            account: Json = self._accounts[account_id]
            if not account.get("onboarded", True):
                raise ApiError(403, 1012, "This account is not onboarded to Magic Transit or Magic WAN")
            if wan and not account.get("magic_wan_subscribed", True):
                raise ApiError(403, 1025, "This account is not authorized to use Magic WAN")
            return account

    # --- objects of all kinds

    def _find(self, kind: Kind, account_id: str, item_id: str) -> Item:
        item = self._items.get(kind, item_id)
        if item is None or item.account_id != account_id:
            raise ApiError(404, *kind.missing)
        return item

    def _ipsec_id(self, tunnel: Item) -> str:
        return f"{account_number(self._accounts[tunnel.account_id])}_{tunnel.id}"

    def render(self, item: Item, new_hc_target: bool) -> Json:
        """Return an object as the API shows it: never a key, falsy fields left out unless they are required."""
        kind = item.kind
        # Without a copy of what is inside: the fields of an object never change, and who asks makes JSON of this.
        shown: Json = {key: value for key, value in item.fields.items() if value or key in kind.required}
        if new_hc_target and "health_check" in shown:
            saved = shown["health_check"].get("target", "")
            outside = item.fields.get(kind.endpoints[1]) if kind.endpoints else None
            # A check in both directions ignores the target and asks the end of the inside that is not Cloudflare's.
            ignored = shown["health_check"].get("direction") == "bidirectional"
            computed = "" if ignored else saved or outside or ""
            target = {"effective": computed or _far_end(item.fields["interface_address"]), "saved": saved}
            shown["health_check"] = dict(shown["health_check"], target=target)
        if "bgp" in shown:
            # Cloudflare adds these, to the grief of tools that compare: terraform-provider-cloudflare#6733.
            shown["bgp"] = dict({"extra_prefixes": [], "md5_key": ""}, **shown["bgp"])
            if item.fields.get("version") == NEWER:
                inside = item.fields["interface_address"]
                shown["bgp"].update(cloudflare_endpoint=inside.split("/", maxsplit=1)[0], customer_endpoint=_far_end(inside))
        if "bgp" in shown and kind is not INTERCONNECT:
            shown["bgp_status"] = {"state": "BGP_DOWN", "tcp_established": False, "updated_at": item.fields["modified_on"]}
        if kind is IPSEC:
            shown["psk_metadata"] = {} if item.generated is None else {"last_generated_on": to_timestamp(item.generated, 6)}
            ipsec_id = self._ipsec_id(item)
            domain = "{}.{}.ipsec.cloudflare.com".format(item.id, ipsec_id.split("_", maxsplit=1)[0])
            shown["remote_identities"] = {"user_id": "ipsec@" + domain, "fqdn_id": domain, "hex_id": ipsec_id.encode().hex()}
        return shown

    def _log_key(self, tunnel_id: str, psk: str, how: str) -> None:
        self._key_log.append({"tunnel_id": tunnel_id, "psk": psk, "how": how, "at": to_timestamp(time.time_ns(), 6)})

    def read_all(self, call: Call) -> Json:
        """Answer ``GET .../KIND``: all at once, Cloudflare has no pages here."""
        with self.lock:
            found = [item for item in self._items.of(call.kind).values() if item.account_id == call.account_id]
            return {call.kind.plural: [self.render(item, call.new_hc_target) for item in found]}

    def read(self, call: Call, item_id: str) -> Json:
        """Answer ``GET .../KIND/{id}``; raises the kind's ApiError for an unknown id."""
        with self.lock:
            return {call.kind.singular: self.render(self._find(call.kind, call.account_id, item_id), call.new_hc_target)}

    @staticmethod
    def _bodies(kind: Kind, body: Any, doing: str) -> tuple[bool, list[tuple[str, Any]]]:
        """Return whether a body is a list of many, such as ``{"ipsec_tunnels": [...]}``, and each one with the JSON pointer to it."""
        refuse_null(body, f"{doing} {kind.title}")
        wrapped = kind.plural in typed(body, dict, "")
        if not wrapped:
            return False, [("", body)]
        return True, [(f"/{kind.plural}/{index}", item) for index, item in enumerate(typed(body[kind.plural], list, f"/{kind.plural}"))]

    def _write(self, call: Call, changed: list[tuple[str, Item]]) -> list[Json]:
        """Check objects by the rules, all of them as they will be, and keep them all or none; return them as the API shows them.

        Args:
            call: of which this is a part.
            changed: new objects and changed copies, each with the JSON pointer to it.
        """
        items = [item for _pointer, item in changed]
        with self._items.trial(items, not call.validate_only) as before:
            for (pointer, item), old in zip(changed, before):
                self._rules.check(item, old, pointer)
                try:
                    refuse_unknown(self._items, item)
                except ApiError as error:
                    raise error.below(pointer) from None
        for item, old in zip(items, before):
            if not call.validate_only and item.psk is not None and (old is None or item.psk != old.psk):
                self._log_key(item.id, item.psk, "update" if old else "create")
        return [self.render(item, call.new_hc_target) for item in items]

    def create(self, call: Call, body: Any) -> Json:
        """Answer ``POST .../KIND``: all are created or none; raises ApiError 1022.

        Choice: The description has one object alone. Clients of the years before send ``{"routes": [...]}``, cloudflare-go up to version 0 for tunnels
        as well, and read ``{"routes": [...]}`` in the answer; nothing says that this is over, so both forms work.
        """
        with self.lock:
            wrapped, bodies = self._bodies(call.kind, body, "creating")
            shown = self._write(call, [(pointer, self._created(call, given, pointer)) for pointer, given in bodies])
            return {call.kind.plural: shown} if wrapped or self._settings["legacy_create_shape"] else shown[0]

    def _created(self, call: Call, body: Any, pointer: str) -> Item:
        kind = call.kind
        fields = parse(kind, body, "creating", call.new_hc_target, pointer)
        for key in kind.required:
            if fields.get(key) in (None, ""):
                raise invalid(f"{key} is required", f"{pointer}/{key}")
        psk = fields.pop("psk", None)
        # Docs: Magic WAN checks both ways by default, Magic Transit one way.
        direction = "bidirectional" if self._accounts[call.account_id].get("magic_wan_subscribed", True) else "unidirectional"
        return self._without_ignored(_new_item(kind, call.account_id, fields, direction, psk))

    def _merged(self, call: Call, item_id: str, body: Any, pointer: str = "") -> Item:
        """Return a changed copy. PUT behaves like a merge: by Cloudflare's samples for an IPsec tunnel, and by its words for many routes.

        Choice: so it does everywhere.
        """
        kind = call.kind
        old = self._find(kind, call.account_id, item_id)
        fields = parse(kind, body, "updating", call.new_hc_target, pointer)
        psk = fields.pop("psk", old.psk)
        # Choice: health_check merges field by field, every other object is replaced as a whole.
        if "health_check" in fields:
            merged_check = dict(old.fields["health_check"], **fields["health_check"])
            if fields["health_check"].get("direction") == "unidirectional" and "source" not in fields["health_check"]:
                merged_check.pop("source", None)
            fields["health_check"] = merged_check
        if "gre" in fields and old.fields.get("version") == NEWER:
            raise invalid("gre is not configurable for version 1.5 interconnects", pointer + "/gre")
        merged = dict(old.fields, **fields)
        for key in kind.required:
            if merged[key] == "":
                raise invalid(f"{key} must not be empty", f"{pointer}/{key}")
        merged["modified_on"] = to_timestamp(time.time_ns(), 6)
        # A key given here leaves last_generated_on as it was: so in the docs' own sequence of calls.
        return self._without_ignored(Item(kind, call.account_id, merged, psk, old.generated))

    def _without_ignored(self, item: Item) -> Item:
        check = item.fields.get("health_check", {})
        if self._settings["bidirectional_target"] == "dropped" and check.get("direction") == "bidirectional":
            item.fields["health_check"] = dict(check, target="")
        return item

    def update(self, call: Call, item_id: str, body: Any) -> Json:
        """Answer ``PUT .../KIND/{id}``; raises ApiError 1022, and the kind's for an unknown id."""
        with self.lock:
            return {"modified": True, "modified_" + call.kind.singular: self._write(call, [("", self._merged(call, item_id, body))])[0]}

    def update_many(self, call: Call, body: Any) -> Json:
        """Answer ``PUT .../KIND``: all items change or none; raises ApiError 1022, and the kind's for an unknown id.

        The description shows one tunnel with an id, older clients send ``{"ipsec_tunnels": [...]}``: both work. Routes come as a list.
        """
        kind, plural = call.kind, call.kind.plural
        with self.lock:
            wrapped, bodies = self._bodies(kind, body, "updating")
            if not wrapped and kind not in TUNNELS:
                raise invalid(f"{plural} is required", f"/{plural}")
            changed: dict[str, tuple[str, Item]] = {}
            for pointer, given in bodies:
                item_id = self._id_in(given, changed, pointer)
                changed[item_id] = (pointer, self._merged(call, item_id, given, pointer))
            return {"modified": True, "modified_" + plural: self._write(call, list(changed.values()))}

    @staticmethod
    def _id_in(item: Any, seen: Container[str], pointer: str) -> str:
        item_id = str(typed(typed(item, dict, pointer).get("id", ""), str, pointer + "/id"))
        if not item_id or item_id in seen:
            raise invalid("each object needs an id, once", pointer + "/id")
        return item_id

    def delete(self, call: Call, item_id: str) -> Json:
        """Answer ``DELETE .../KIND/{id}``; raises the kind's ApiError for an unknown id."""
        with self.lock:
            item = self._find(call.kind, call.account_id, item_id)
            refuse_used(self._items, item)
            if not call.validate_only:
                self._items.remove(item)
            return {"deleted": True, "deleted_" + call.kind.singular: self.render(item, call.new_hc_target)}

    def delete_many(self, call: Call, body: Any) -> Json:
        """Answer ``DELETE .../KIND``: all items go or none; raises ApiError 1022, and the kind's for an unknown id.

        Without a body (None) the whole table goes: Cloudflare's SDKs have it as ``routes.empty()``. Choice: so it does where the body
        names no object, as this is the worst that can happen.
        """
        kind, plural = call.kind, call.kind.plural
        with self.lock:
            given = {} if body is None else body
            refuse_null(given, f"deleting {kind.title}s")
            doomed: dict[str, Item] = {}
            for index, entry in enumerate(typed(typed(given, dict, "").get(plural, []), list, f"/{plural}")):
                item_id = self._id_in(entry, doomed, f"/{plural}/{index}")
                doomed[item_id] = self._find(kind, call.account_id, item_id)
            if not doomed:
                doomed = {item.id: item for item in self._items.of(kind).values() if item.account_id == call.account_id}
            if not call.validate_only:
                for item in doomed.values():
                    self._items.remove(item)
            return {"deleted": True, "deleted_" + plural: [self.render(item, call.new_hc_target) for item in doomed.values()]}

    # --- pre-shared keys

    @staticmethod
    def _tick(tunnel: Item) -> int:
        """Return the time, strictly later than the tunnel's last one also where the clock is coarse."""
        now = time.time_ns()
        if tunnel.generated is not None and 0 <= tunnel.generated + 1000 - now < _NS:
            return tunnel.generated + 1000
        return now

    def _new_psk(self) -> str:
        return "".join(secrets.choice(_ALPHANUMERIC) for _unused in range(self._settings["psk_length"]))

    def decoy(self, tunnel_id: str) -> str:
        """Return a key that looks usable and never is."""
        with self.lock:
            psk = self._new_psk()
            self._log_key(tunnel_id, psk, "decoy")
            return psk

    def _psk_answer(self, tunnel: Item, psk: str, generated: int | None, digits: int) -> Json:
        return {
            "ipsec_id": self._ipsec_id(tunnel),
            "ipsec_tunnel_id": tunnel.fields["id"],
            "psk": psk,
            "psk_metadata": {} if generated is None else {"last_generated_on": to_timestamp(generated, digits)},
        }

    def generate_psk(self, account_id: str, tunnel_id: str, validate_only: bool, pretend: bool = False) -> Json | None:
        """Answer ``POST .../ipsec_tunnels/{id}/psk_generate``; raises ApiError 1032.

        The answer has nanoseconds, later reads have rounded microseconds, as in Cloudflare's documentation.

        Args:
            pretend: answer as if, and do nothing, whatever the settings say of validate_only.
        """
        with self.lock:
            tunnel = self._find(IPSEC, account_id, tunnel_id)
            psk = self._new_psk()
            now = time.time_ns()
            if pretend or (validate_only and self._settings["validate_only_psk"] != "real"):
                if self._settings["validate_only_psk"] == "null" and not pretend:
                    return None
                self._log_key(tunnel_id, psk, "decoy")
            else:
                now = self._tick(tunnel)
                tunnel.psk, tunnel.generated = psk, now
                self._log_key(tunnel_id, psk, "generate")
            return self._psk_answer(tunnel, psk, now, 9)

    def set_psks(self, account_id: str, body: Any, validate_only: bool) -> Json:
        """Answer ``POST .../ipsec_tunnels/psk``: each id stands for itself; raises ApiError 1022 for a malformed body.

        Choice: the unknown ids and the empty keys are listed under ``unapplied_psks``, the rest takes effect. An id that is there twice
        makes the body malformed, as in all other lists: nothing says which of its keys would be in force.
        """
        with self.lock:
            refuse_null(body, "setting pre-shared keys")
            if "psks" not in typed(body, dict, ""):
                raise invalid("psks is required", "/psks")
            entries: dict[str, str] = {}
            for index, item in enumerate(typed(body["psks"], list, "/psks")):
                pointer = f"/psks/{index}"
                for key in ("id", "psk"):
                    if key not in typed(item, dict, pointer):
                        raise invalid(f"{key} is required", f"{pointer}/{key}")
                    typed(item[key], str, f"{pointer}/{key}")
                if item["id"] in entries:
                    raise invalid("each tunnel can have one key only", f"{pointer}/id")
                entries[item["id"]] = item["psk"]
            applied: Json = {}
            unapplied: dict[str, str] = {}
            for tunnel_id, psk in entries.items():
                tunnel = self._items.get(IPSEC, tunnel_id)
                if tunnel is None or tunnel.account_id != account_id:
                    unapplied[tunnel_id] = "IPsec tunnel not found"
                elif not psk:
                    unapplied[tunnel_id] = "the pre-shared key must not be empty"
                else:
                    generated = tunnel.generated
                    if self._settings["psk_set_moves_last_generated_on"]:
                        generated = self._tick(tunnel)
                    if not validate_only:
                        tunnel.psk, tunnel.generated = psk, generated
                        self._log_key(tunnel_id, psk, "set")
                    applied[tunnel_id] = self._psk_answer(tunnel, psk, generated, 9)
            return {"successfully_applied_psks": applied, "unapplied_psks": unapplied}
