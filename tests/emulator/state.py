# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the emulated Cloudflare knows, and its rules; nothing here knows of HTTP.

Where Cloudflare documents nothing, a choice had to be made; each is marked "Choice" and can be found by that word.
"""

from __future__ import annotations

import copy
import hashlib
import ipaddress
import math
import re
import secrets
import string
import threading
import time
from datetime import datetime, timedelta, timezone
from typing import Any, Callable, Dict, NamedTuple

Json = Dict[str, Any]

ACCOUNT_ID = "023e105f4ecef8ad9ca31a8372d0c353"
OTHER_ACCOUNT_ID = "9a7806061c88ada191ed06f989cc3dac"
WRITE_TOKEN = "emulator-write-token"
READ_TOKEN = "emulator-read-token"
EMAIL = "engineer@example.com"
GLOBAL_KEY = "emulator-global-key"

_DAY = 86400
_NS = 10**9
_ALPHANUMERIC = string.ascii_letters + string.digits
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_TIMESTAMP = re.compile(r"^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$")


class ApiError(Exception):
    """An error that the API answers.

    Args:
        status: HTTP status code.
        code: Cloudflare's error code.
        message: text for people; never holds a credential or a key.
        pointer: JSON pointer to the offending part of the body.
        chain: (code, message) pairs for ``error_chain``.
        more: further complete entries of ``errors``.
    """

    def __init__(
        self,
        status: int,
        code: int,
        message: str,
        pointer: str | None = None,
        chain: list[tuple[int, str]] | None = None,
        more: list[Json] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        error: Json = {"code": code, "message": message}
        if pointer is not None:
            error["source"] = {"pointer": pointer}
        if chain:
            error["error_chain"] = [{"code": c, "message": m} for c, m in chain]
        self.errors: list[Json] = [error] + (more or [])


class SeedError(ValueError):
    """Seed data or a control request that makes no sense; the text says what and where."""


def default_seed() -> Json:
    """Return the data the emulator starts with, in the form that ``--seed`` reads."""

    def tunnel(number: int, name: str, age_days: int | None, **fields: Any) -> Json:
        result: Json = {
            "account_id": ACCOUNT_ID,
            "id": hashlib.sha256(name.encode()).hexdigest()[:32],
            "name": name,
            "cloudflare_endpoint": f"203.0.113.{1 + number % 2}",
            "customer_endpoint": f"198.51.100.{10 + number}",
            "interface_address": f"10.213.0.{8 + 2 * number}/31",
            "description": "Tunnel of the branch office in {}".format(name.split("-", maxsplit=1)[0].capitalize()),
            "health_check": {"enabled": True, "rate": "mid", "type": "reply", "direction": "bidirectional", "target": ""},
            "created_on": f"2025-01-1{number}T09:30:00.123456Z",
            "modified_on": f"2025-01-1{number}T09:30:00.123456Z",
        }
        if age_days is not None:
            # Derived from the name, so that a run can be repeated; a key in a test is never a real one.
            result["psk"] = hashlib.sha256(b"psk of " + name.encode()).hexdigest()[:40]
            result["psk_age_seconds"] = age_days * _DAY
        result.update(fields)
        return result

    return {
        "settings": {},
        "accounts": [
            {"id": ACCOUNT_ID, "name": "Example Corporation", "number": 123456789, "onboarded": True, "magic_wan_subscribed": True},
            {"id": OTHER_ACCOUNT_ID, "name": "Example Laboratory", "number": 987654321, "onboarded": False, "magic_wan_subscribed": False},
        ],
        "tokens": [
            {"token": WRITE_TOKEN, "permission": "write", "accounts": [ACCOUNT_ID, OTHER_ACCOUNT_ID]},
            {"token": READ_TOKEN, "permission": "read", "accounts": [ACCOUNT_ID, OTHER_ACCOUNT_ID]},
        ],
        "key_pairs": [{"email": EMAIL, "key": GLOBAL_KEY, "permission": "write", "accounts": [ACCOUNT_ID, OTHER_ACCOUNT_ID]}],
        "ipsec_tunnels": [
            tunnel(1, "paris-1", 10),
            tunnel(2, "paris-2", 100, replay_protection=True),
            tunnel(3, "berlin-1", 400, bgp={"customer_asn": 65010, "extra_prefixes": ["192.0.2.0/25"]}),
            tunnel(4, "oslo-1", None),
            tunnel(5, "lisbon-1", 45, interface_address6="fd00:213::a/127", customer_endpoint=""),
        ],
    }


DEFAULT_SETTINGS: Json = {
    # What `psk_generate?validate_only=true` answers; nobody documents it. Choice: a key that looks usable and never
    # is, so that a client which takes it for one is found out. "null" answers `result: null`.
    "validate_only_psk": "decoy",
    # Choice: `POST .../ipsec_tunnels/psk` counts as generating, because its answer carries psk_metadata.
    "psk_set_moves_last_generated_on": True,
    # Length of generated keys; Cloudflare's format is not documented, its samples have 32 letters and digits.
    "psk_length": 32,
}


def from_timestamp(text: str) -> int:
    """Parse an RFC 3339 timestamp with up to nine decimals into nanoseconds since 1970.

    Raises:
        SeedError: if it is not such a timestamp.
    """
    match = _TIMESTAMP.match(text)
    if not match:
        raise SeedError(f"{text!r} is not a timestamp such as 2026-01-31T12:00:00Z")
    zone = "+00:00" if match.group(4) == "Z" else match.group(4)
    try:
        moment = datetime.fromisoformat(f"{match.group(1)}T{match.group(2)}{zone}")
    except ValueError as error:
        raise SeedError(f"{text!r} is not a timestamp: {error}") from None
    return (moment - _EPOCH) // timedelta(seconds=1) * _NS + int((match.group(3) or "").ljust(9, "0"))


def to_timestamp(moment: int, digits: int) -> str:
    """Render nanoseconds since 1970 as RFC 3339 in UTC, rounded to ``digits`` decimals of a second."""
    unit = 10 ** (9 - digits)
    seconds, fraction = divmod((moment + unit // 2) // unit * unit, _NS)
    return "{}.{}Z".format((_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S"), f"{fraction:09d}"[:digits])


class Credential(NamedTuple):
    """A token or a key pair: what it may do, and where."""

    label: str
    permission: str
    accounts: tuple[str, ...]
    owner: str = "user"
    is_token: bool = True


class Tunnel:
    """One IPsec tunnel: the API's fields, plus what the API never shows.

    Attributes:
        fields: the API's own field names; ``health_check.target`` is kept in its string form.
        psk: the key in force, or None.
        generated: when the key was generated, in nanoseconds since 1970, or None.
    """

    def __init__(self, account_id: str, fields: Json, psk: str | None = None, generated: int | None = None) -> None:
        self.account_id = account_id
        self.fields = fields
        self.psk = psk
        self.generated = generated


class RateLimit:
    """A fixed window for each credential, as Cloudflare documents it for its API.

    Args:
        quota: requests allowed in a window.
        window: length of the window in seconds.

    Source: https://developers.cloudflare.com/fundamentals/api/reference/limits/
    """

    def __init__(self, quota: int, window: float) -> None:
        if quota < 1 or not window > 0 or not math.isfinite(window):
            raise SeedError("a rate limit needs a quota of at least 1 and a window longer than 0 seconds")
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


# --- bodies of requests -------------------------------------------------------------------------------------------

_GO_NAMES = {str: "string", bool: "bool", dict: "object", list: "array", int: "number", float: "number"}


def _invalid(detail: str, pointer: str) -> ApiError:
    return ApiError(400, 1022, f"Invalid Request: {detail}", pointer)


def _refuse_null(value: Any, what: str, pointer: str = "") -> None:
    if value is None:
        raise _invalid(f"error parsing request body while {what}: type is not permitted to be null", pointer)
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        _refuse_null(item, what, f"{pointer}/{key}")


def _typed(value: Any, kind: type, pointer: str) -> Any:
    # bool is a subclass of int in Python, not in JSON.
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise _invalid("json: cannot unmarshal {} into a field of type {}".format(_GO_NAMES.get(type(value), "value"), _GO_NAMES[kind]), pointer)
    return value


def _address(value: Any, pointer: str) -> None:
    if _typed(value, str, pointer):
        try:
            ipaddress.ip_address(value)
        except ValueError:
            raise _invalid("not an IP address", pointer) from None


_INTERFACE_RANGES = [ipaddress.IPv4Network(net) for net in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.240.0/20")]


def _interface_address(value: Any, pointer: str) -> None:
    try:
        interface = ipaddress.IPv4Interface(_typed(value, str, pointer))
    except ValueError:
        raise _invalid("not an IPv4 address in CIDR notation", pointer) from None
    if interface.network.prefixlen not in (30, 31):
        raise _invalid("interface address must be a /31 or a /30", pointer)
    if not any(interface.network.subnet_of(net) for net in _INTERFACE_RANGES):
        raise _invalid("interface address must be inside 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 or 169.254.240.0/20", pointer)


def _interface_address6(value: Any, pointer: str) -> None:
    if _typed(value, str, pointer):
        try:
            ipaddress.IPv6Interface(value)
        except ValueError:
            raise _invalid("not an IPv6 address in CIDR notation", pointer) from None


def _name(value: Any, pointer: str) -> None:
    if not re.match(r"^[A-Za-z0-9._-]+\Z", _typed(value, str, pointer)):
        raise _invalid("name must not be empty or have spaces or special characters", pointer)


def _text(value: Any, pointer: str) -> None:
    _typed(value, str, pointer)


def _boolean(value: Any, pointer: str) -> None:
    _typed(value, bool, pointer)


def _key(value: Any, pointer: str) -> None:
    if not _typed(value, str, pointer):
        raise _invalid("the pre-shared key must not be empty", pointer)


def _choice(*choices: str) -> Callable[[Any, str], None]:
    def check(value: Any, pointer: str) -> None:
        if _typed(value, str, pointer) not in choices:
            raise _invalid("must be one of {}".format(", ".join(choices)), pointer)

    return check


def _object(**parts: Callable[[Any, str], None]) -> Callable[[Any, str], None]:
    def check(value: Any, pointer: str) -> None:
        _typed(value, dict, pointer)
        for key, inner in parts.items():
            if key in value:
                inner(value[key], f"{pointer}/{key}")

    return check


def _bgp(value: Any, pointer: str) -> None:
    _object(md5_key=_text, import_filter_id=_text, export_filter_id=_text)(value, pointer)
    if "customer_asn" not in value:
        raise _invalid("bgp needs customer_asn", pointer + "/customer_asn")
    if not 0 <= _typed(value["customer_asn"], int, pointer + "/customer_asn") < 2**32:
        raise _invalid("not an autonomous system number", pointer + "/customer_asn")
    for index, prefix in enumerate(_typed(value.get("extra_prefixes", []), list, pointer + "/extra_prefixes")):
        where = f"{pointer}/extra_prefixes/{index}"
        try:
            ipaddress.ip_network(_typed(prefix, str, where))
        except ValueError:
            raise _invalid("not a prefix in CIDR notation", where) from None


_HEALTH_CHECK = _object(
    enabled=_boolean, rate=_choice("low", "mid", "high"), type=_choice("reply", "request"), direction=_choice("unidirectional", "bidirectional")
)

# The fields a client may write; any other is ignored, as Go's JSON decoder does.
_WRITABLE: dict[str, Callable[[Any, str], None]] = {
    "name": _name,
    "cloudflare_endpoint": _address,
    "interface_address": _interface_address,
    "customer_endpoint": _address,
    "interface_address6": _interface_address6,
    "description": _text,
    "health_check": _HEALTH_CHECK,
    "replay_protection": _boolean,
    "automatic_return_routing": _boolean,
    "custom_remote_identities": _object(fqdn_id=_text),
    "bgp": _bgp,
    "psk": _key,
}
_REQUIRED = ("name", "cloudflare_endpoint", "interface_address")
# Left out of answers while falsy.
_OMIT_EMPTY = (
    "replay_protection",
    "automatic_return_routing",
    "allow_null_cipher",
    "description",
    "customer_endpoint",
    "interface_address6",
    "bgp",
    "custom_remote_identities",
)


def _parse_tunnel(body: Any, what: str, new_hc_target: bool, pointer: str = "") -> Json:
    """Check a body's form and return its writable fields, health_check.target as a string."""
    _refuse_null(body, what, pointer)
    _typed(body, dict, pointer)
    fields: Json = {}
    for key, check in _WRITABLE.items():
        if key in body:
            check(body[key], f"{pointer}/{key}")
            fields[key] = copy.deepcopy(body[key])
    health_check = fields.get("health_check", {})
    if "target" in health_check:
        where = pointer + "/health_check/target"
        if new_hc_target:
            target = _typed(health_check.pop("target"), dict, where)
            if "saved" in target:
                health_check["target"] = _typed(target["saved"], str, where + "/saved")
        else:
            _typed(health_check["target"], str, where)
        _address(health_check.get("target", ""), where)
    return fields


class State:
    """Accounts, credentials, tunnels and keys, with the rules by which they change.

    Every public method takes the lock, so one instance serves many threads.

    Args:
        seed: data in the form of :func:`default_seed`.

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
        unknown = sorted(set(seed) - {"settings", "accounts", "tokens", "key_pairs", "ipsec_tunnels"})
        if unknown:
            raise SeedError("unknown part of the seed: {}".format(", ".join(unknown)))
        settings = dict(DEFAULT_SETTINGS)
        if not isinstance(seed.get("settings", {}), dict):
            raise SeedError("settings of the seed must be an object")
        for name, value in seed.get("settings", {}).items():
            if name not in settings:
                raise SeedError("unknown setting {!r}; known are {}".format(name, ", ".join(sorted(settings))))
            settings[name] = value
        if settings["validate_only_psk"] not in ("decoy", "null"):
            raise SeedError("settings.validate_only_psk must be 'decoy' or 'null'")
        if not isinstance(settings["psk_length"], int) or not 8 <= settings["psk_length"] <= 1024:
            raise SeedError("settings.psk_length must be a whole number from 8 to 1024")
        try:
            accounts = {item["id"]: dict(item) for item in seed.get("accounts", [])}
            tokens = {item["token"]: self._credential(item, item["token"], True) for item in seed.get("tokens", [])}
            key_pairs = {(item["email"], item["key"]): self._credential(item, item["email"], False) for item in seed.get("key_pairs", [])}
            tunnels = [self._seed_tunnel(item, accounts) for item in seed.get("ipsec_tunnels", [])]
        except (KeyError, TypeError, AttributeError, OverflowError) as error:
            raise SeedError(f"the seed lacks a field or has one of the wrong type: {error}") from None
        except ApiError as error:
            raise SeedError(f"a tunnel of the seed is not valid: {error}") from None
        with self.lock:
            self._settings = settings
            self._accounts = accounts
            self._tokens = tokens
            self._key_pairs = key_pairs
            self._seed_credentials = copy.deepcopy({"tokens": seed.get("tokens", []), "key_pairs": seed.get("key_pairs", [])})
            self._tunnels: dict[str, Tunnel] = {tunnel.fields["id"]: tunnel for tunnel in tunnels}
            self._key_log: list[Json] = []

    @staticmethod
    def _credential(item: Json, label: str, is_token: bool) -> Credential:
        permission, owner = item.get("permission", "write"), item.get("owner", "user")
        if permission not in ("read", "write") or owner not in ("user", "account"):
            raise SeedError("a credential's permission is 'read' or 'write', its owner 'user' or 'account'")
        return Credential(label, permission, tuple(item["accounts"]), owner, is_token)

    @staticmethod
    def _seed_tunnel(item: Json, accounts: Json) -> Tunnel:
        fields = copy.deepcopy(item)
        account_id = fields.pop("account_id")
        if account_id not in accounts:
            raise SeedError(f"a tunnel of the seed belongs to an unknown account: {account_id}")
        psk, age = fields.pop("psk", None), fields.pop("psk_age_seconds", None)
        generated_on = fields.pop("psk_metadata", {}).get("last_generated_on")
        generated = from_timestamp(generated_on) if generated_on else None
        if age is not None:
            generated = time.time_ns() - int(float(age) * _NS)
        _parse_tunnel({key: fields[key] for key in _REQUIRED}, "reading the seed", False)
        _parse_tunnel({key: value for key, value in fields.items() if value not in ("", None)}, "reading the seed", False)
        fields.setdefault("id", secrets.token_hex(16))
        now = to_timestamp(time.time_ns(), 6)
        fields.setdefault("created_on", now)
        fields.setdefault("modified_on", now)
        fields["health_check"] = dict(
            {"enabled": True, "rate": "mid", "type": "reply", "direction": "bidirectional", "target": ""}, **fields.get("health_check", {})
        )
        return Tunnel(account_id, fields, psk, generated)

    def export(self) -> Json:
        """Return everything in the form of a seed, keys and credentials included."""
        with self.lock:
            tunnels = []
            for tunnel in self._tunnels.values():
                item = dict(copy.deepcopy(tunnel.fields), account_id=tunnel.account_id, psk_metadata={})
                if tunnel.psk is not None:
                    item["psk"] = tunnel.psk
                if tunnel.generated is not None:
                    item["psk_metadata"] = {"last_generated_on": to_timestamp(tunnel.generated, 9)}
                tunnels.append(item)
            return dict(
                copy.deepcopy(self._seed_credentials),
                settings=dict(self._settings),
                accounts=copy.deepcopy(list(self._accounts.values())),
                ipsec_tunnels=tunnels,
            )

    def keys(self) -> dict[str, str | None]:
        """Return the key in force of each tunnel, None where there never was one."""
        with self.lock:
            return {tunnel_id: tunnel.psk for tunnel_id, tunnel in self._tunnels.items()}

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
            if tunnel_id not in self._tunnels:
                raise SeedError(f"no tunnel has the id {tunnel_id!r}")
            self._tunnels[tunnel_id].generated = generated

    # --- credentials and accounts

    def looks_like_token(self, value: str) -> bool:
        """Tell whether a value given as a global key is in truth an API token."""
        with self.lock:
            return value in self._tokens

    def looks_like_key(self, value: str) -> bool:
        """Tell whether a value given as an API token is in truth a global key."""
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
        """Tell whether there is such an account."""
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

    # --- IPsec tunnels

    def _find(self, account_id: str, tunnel_id: str) -> Tunnel:
        tunnel = self._tunnels.get(tunnel_id)
        if tunnel is None or tunnel.account_id != account_id:
            raise ApiError(404, 1032, "IPsec tunnel not found")
        return tunnel

    def _ipsec_id(self, tunnel: Tunnel) -> str:
        return "{}_{}".format(self._accounts[tunnel.account_id].get("number", 123456789), tunnel.fields["id"])

    def render(self, tunnel: Tunnel, new_hc_target: bool) -> Json:
        """Return a tunnel as the API shows it: never its key, falsy fields left out."""
        shown: Json = {key: copy.deepcopy(value) for key, value in tunnel.fields.items() if value or key not in _OMIT_EMPTY}
        if new_hc_target:
            saved = shown["health_check"].get("target", "")
            computed = saved or tunnel.fields.get("customer_endpoint") or str(ipaddress.IPv4Interface(tunnel.fields["interface_address"]).ip)
            shown["health_check"]["target"] = {"effective": computed, "saved": saved}
        shown["psk_metadata"] = {} if tunnel.generated is None else {"last_generated_on": to_timestamp(tunnel.generated, 6)}
        ipsec_id = self._ipsec_id(tunnel)
        domain = "{}.{}.ipsec.cloudflare.com".format(tunnel.fields["id"], ipsec_id.split("_", maxsplit=1)[0])
        shown["remote_identities"] = {"user_id": "ipsec@" + domain, "fqdn_id": domain, "hex_id": ipsec_id.encode().hex()}
        if tunnel.fields.get("bgp"):
            shown["bgp_status"] = {"state": "BGP_DOWN", "tcp_established": False, "updated_at": tunnel.fields["modified_on"]}
        return shown

    def _check_rules(self, tunnel: Tunnel, pointer: str = "", peers: list[Tunnel] | None = None) -> None:
        """Check what depends on other tunnels and on the account; ``peers`` replaces the tunnels known."""
        fields, account = tunnel.fields, self._accounts[tunnel.account_id]
        others = [
            other.fields
            for other in (peers if peers is not None else self._tunnels.values())
            if other.account_id == tunnel.account_id and other.fields["id"] != fields["id"]
        ]
        if any(other["name"] == fields["name"] for other in others):
            raise _invalid("a tunnel with this name exists already", pointer + "/name")
        if fields.get("automatic_return_routing") and not account.get("coupler_integration"):
            raise _invalid("automatic_return_routing needs the coupler_integration account flag", pointer + "/automatic_return_routing")
        fqdn_id = fields.get("custom_remote_identities", {}).get("fqdn_id")
        if fqdn_id:
            where = pointer + "/custom_remote_identities/fqdn_id"
            if not re.match(rf"^[A-Za-z0-9-]+\.{tunnel.account_id}\.custom\.ipsec\.cloudflare\.com\Z", fqdn_id):
                raise _invalid("fqdn_id must have the form <label>.<account id>.custom.ipsec.cloudflare.com", where)
            endpoint = fields["cloudflare_endpoint"]
            if any(other.get("custom_remote_identities", {}).get("fqdn_id") == fqdn_id and other["cloudflare_endpoint"] == endpoint for other in others):
                raise _invalid("another tunnel has this fqdn_id at the same cloudflare_endpoint", where)

    def _log_key(self, tunnel_id: str, psk: str, how: str) -> None:
        self._key_log.append({"tunnel_id": tunnel_id, "psk": psk, "how": how, "at": to_timestamp(time.time_ns(), 6)})

    def list_tunnels(self, account_id: str, new_hc_target: bool) -> Json:
        """Answer ``GET .../ipsec_tunnels``: all at once, Cloudflare has no pages here."""
        with self.lock:
            return {"ipsec_tunnels": [self.render(tunnel, new_hc_target) for tunnel in self._tunnels.values() if tunnel.account_id == account_id]}

    def get_tunnel(self, account_id: str, tunnel_id: str, new_hc_target: bool) -> Json:
        """Answer ``GET .../ipsec_tunnels/{id}``; raises ApiError 1032."""
        with self.lock:
            return {"ipsec_tunnel": self.render(self._find(account_id, tunnel_id), new_hc_target)}

    def create_tunnel(self, account_id: str, body: Any, new_hc_target: bool, validate_only: bool) -> Json:
        """Answer ``POST .../ipsec_tunnels``; raises ApiError 1022."""
        with self.lock:
            fields = _parse_tunnel(body, "creating IPsec Tunnel", new_hc_target)
            for key in _REQUIRED:
                if not fields.get(key):
                    raise _invalid(f"{key} is required", "/" + key)
            psk = fields.pop("psk", None)
            now = to_timestamp(time.time_ns(), 6)
            # Docs: Magic WAN checks both ways by default, Magic Transit one way.
            direction = "bidirectional" if self._accounts[account_id].get("magic_wan_subscribed", True) else "unidirectional"
            health_check = {"enabled": True, "rate": "mid", "type": "reply", "direction": direction, "target": ""}
            fields["health_check"] = dict(health_check, **fields.get("health_check", {}))
            tunnel = Tunnel(account_id, dict(fields, id=secrets.token_hex(16), created_on=now, modified_on=now), psk)
            self._check_rules(tunnel)
            if not validate_only:
                self._tunnels[tunnel.fields["id"]] = tunnel
                if psk is not None:
                    self._log_key(tunnel.fields["id"], psk, "create")
            return self.render(tunnel, new_hc_target)

    def _merged(self, account_id: str, tunnel_id: str, body: Any, new_hc_target: bool, pointer: str = "") -> Tunnel:
        """Return a changed copy of a tunnel. PUT behaves like a merge, says Cloudflare's documentation by its samples."""
        old = self._find(account_id, tunnel_id)
        fields = _parse_tunnel(body, "updating IPsec Tunnel", new_hc_target, pointer)
        psk = fields.pop("psk", old.psk)
        # Choice: health_check merges field by field, every other object is replaced as a whole.
        fields["health_check"] = dict(old.fields["health_check"], **fields.get("health_check", {}))
        merged = dict(copy.deepcopy(old.fields), **fields)
        for key in _REQUIRED:
            if not merged[key]:
                raise _invalid(f"{key} must not be empty", f"{pointer}/{key}")
        merged["modified_on"] = to_timestamp(time.time_ns(), 6)
        # A key given here leaves last_generated_on as it was: so in the docs' own sequence of calls.
        return Tunnel(account_id, merged, psk, old.generated)

    def _commit(self, tunnel: Tunnel) -> None:
        tunnel_id = tunnel.fields["id"]
        if tunnel.psk is not None and tunnel.psk != self._tunnels[tunnel_id].psk:
            self._log_key(tunnel_id, tunnel.psk, "update")
        self._tunnels[tunnel_id] = tunnel

    def update_tunnel(self, account_id: str, tunnel_id: str, body: Any, new_hc_target: bool, validate_only: bool) -> Json:
        """Answer ``PUT .../ipsec_tunnels/{id}``; raises ApiError 1022, 1032."""
        with self.lock:
            tunnel = self._merged(account_id, tunnel_id, body, new_hc_target)
            self._check_rules(tunnel)
            if not validate_only:
                self._commit(tunnel)
            return {"modified": True, "modified_ipsec_tunnel": self.render(tunnel, new_hc_target)}

    def update_tunnels(self, account_id: str, body: Any, new_hc_target: bool, validate_only: bool) -> Json:
        """Answer ``PUT .../ipsec_tunnels``: all items change or none; raises ApiError 1022, 1032.

        The description shows one object with an id, older clients send ``{"ipsec_tunnels": [...]}``: both work.
        """
        with self.lock:
            _refuse_null(body, "updating IPsec Tunnels")
            wrapped = isinstance(body, dict) and "ipsec_tunnels" in body
            items = _typed(body["ipsec_tunnels"], list, "/ipsec_tunnels") if wrapped else [_typed(body, dict, "")]
            changed: dict[str, Tunnel] = {}
            for index, item in enumerate(items):
                pointer = f"/ipsec_tunnels/{index}" if wrapped else ""
                tunnel_id = _typed(_typed(item, dict, pointer).get("id", ""), str, pointer + "/id")
                if not tunnel_id or tunnel_id in changed:
                    raise _invalid("each tunnel needs an id, once", pointer + "/id")
                changed[tunnel_id] = self._merged(account_id, tunnel_id, item, new_hc_target, pointer)
            after = list(dict(self._tunnels, **changed).values())
            for index, tunnel in enumerate(changed.values()):
                self._check_rules(tunnel, f"/ipsec_tunnels/{index}" if wrapped else "", after)
            if not validate_only:
                for tunnel in changed.values():
                    self._commit(tunnel)
            return {"modified": True, "modified_ipsec_tunnels": [self.render(tunnel, new_hc_target) for tunnel in changed.values()]}

    def delete_tunnel(self, account_id: str, tunnel_id: str, new_hc_target: bool, validate_only: bool) -> Json:
        """Answer ``DELETE .../ipsec_tunnels/{id}``; raises ApiError 1032."""
        with self.lock:
            tunnel = self._find(account_id, tunnel_id)
            if not validate_only:
                del self._tunnels[tunnel_id]
            return {"deleted": True, "deleted_ipsec_tunnel": self.render(tunnel, new_hc_target)}

    # --- pre-shared keys

    @staticmethod
    def _tick(tunnel: Tunnel) -> int:
        """Return the time, strictly later than the tunnel's last one also where the clock is coarse."""
        now = time.time_ns()
        if tunnel.generated is not None and 0 <= tunnel.generated + 1000 - now < _NS:
            return tunnel.generated + 1000
        return now

    def _psk_answer(self, tunnel: Tunnel, psk: str, generated: int | None, digits: int) -> Json:
        return {
            "ipsec_id": self._ipsec_id(tunnel),
            "ipsec_tunnel_id": tunnel.fields["id"],
            "psk": psk,
            "psk_metadata": {} if generated is None else {"last_generated_on": to_timestamp(generated, digits)},
        }

    def generate_psk(self, account_id: str, tunnel_id: str, validate_only: bool) -> Json | None:
        """Answer ``POST .../ipsec_tunnels/{id}/psk_generate``; raises ApiError 1032.

        The answer has nanoseconds, later reads have rounded microseconds, as in Cloudflare's documentation.
        """
        with self.lock:
            tunnel = self._find(account_id, tunnel_id)
            psk = "".join(secrets.choice(_ALPHANUMERIC) for _unused in range(self._settings["psk_length"]))
            now = time.time_ns()
            if validate_only:
                if self._settings["validate_only_psk"] == "null":
                    return None
                self._log_key(tunnel_id, psk, "decoy")
            else:
                now = self._tick(tunnel)
                tunnel.psk, tunnel.generated = psk, now
                self._log_key(tunnel_id, psk, "generate")
            return self._psk_answer(tunnel, psk, now, 9)

    def set_psks(self, account_id: str, body: Any, validate_only: bool) -> Json:
        """Answer ``POST .../ipsec_tunnels/psk``: each id stands for itself; raises ApiError 1022 for a malformed body.

        Choice: the unknown ids and the empty keys are listed under ``unapplied_psks``, the rest takes effect.
        """
        with self.lock:
            _refuse_null(body, "setting pre-shared keys")
            if "psks" not in _typed(body, dict, ""):
                raise _invalid("psks is required", "/psks")
            entries = []
            for index, item in enumerate(_typed(body["psks"], list, "/psks")):
                pointer = f"/psks/{index}"
                for key in ("id", "psk"):
                    if key not in _typed(item, dict, pointer):
                        raise _invalid(f"{key} is required", f"{pointer}/{key}")
                    _typed(item[key], str, f"{pointer}/{key}")
                entries.append((item["id"], item["psk"]))
            applied: Json = {}
            unapplied: dict[str, str] = {}
            for tunnel_id, psk in entries:
                tunnel = self._tunnels.get(tunnel_id)
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
