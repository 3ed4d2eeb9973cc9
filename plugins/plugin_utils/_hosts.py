# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Tunnels as hosts of an inventory: which of them, and with which variables.

What comes from Cloudflare is data: a host gets the documented fields, in the documented form, and nothing that Ansible would obey.
Nothing here talks to Cloudflare or to Ansible's inventory.
"""

from __future__ import annotations

import ipaddress
import keyword
import re
import typing as t
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from functools import lru_cache

from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._kind import normal
from ansible_collections.cloudflare.magic.plugins.module_utils._kinds import TUNNEL_TYPES
from ansible_collections.cloudflare.magic.plugins.module_utils._psk import last_generated_on
from ansible_collections.cloudflare.magic.plugins.module_utils._selection import by_name, by_name_or_id, is_pattern
from ansible_collections.cloudflare.magic.plugins.module_utils._text import listing, shown
from ansible_collections.cloudflare.magic.plugins.module_utils._times import age, from_future, parse_timestamp
from ansible_collections.cloudflare.magic.plugins.plugin_utils._core import KEEPS_MARKS, marked, plain_text

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Json = dict[str, t.Any]

KINDS = TUNNEL_TYPES
_DAY = timedelta(days=1)


class _Address(str):
    """The form of an IP address, with or without a prefix length, or of none: it may become a connection's, and ``-oProxyCommand=...`` must not."""

    __slots__ = ()


# A form: a type, a list of one form, the members of an object, or alternatives.
_BGP = {"customer_asn": int, "extra_prefixes": [_Address], "md5_key": str, "import_filter_id": str, "export_filter_id": str}
_BGP_STATUS = {
    "bgp_state": str,
    "cf_speaker_ip": _Address,
    "cf_speaker_port": int,
    "customer_speaker_ip": _Address,
    "customer_speaker_port": int,
    "state": str,
    "tcp_established": bool,
    "updated_at": str,
}
_HEALTH_CHECK = {"enabled": bool, "rate": str, "target": ({"effective": _Address, "saved": _Address}, _Address), "type": str, "direction": str}
_TUNNEL = {
    "id": str,
    "name": str,
    "description": str,
    "interface_address": _Address,
    "interface_address6": _Address,
    "health_check": _HEALTH_CHECK,
    "automatic_return_routing": bool,
    "bgp": _BGP,
    "bgp_status": _BGP_STATUS,
    "created_on": str,
    "modified_on": str,
}
DOCUMENTED: dict[str, Json] = {
    "ipsec": {
        **_TUNNEL,
        "cloudflare_endpoint": _Address,
        "customer_endpoint": _Address,
        "replay_protection": bool,
        "allow_null_cipher": bool,
        "custom_remote_identities": {"fqdn_id": str},
        "psk_metadata": {"last_generated_on": str},
    },
    "gre": {**_TUNNEL, "cloudflare_gre_endpoint": _Address, "customer_gre_endpoint": _Address, "mtu": int, "ttl": int},
}
# The identities are in the samples of Cloudflare's documentation; the addresses of the customer's end are computed by this collection.
_COMPUTED = {"customer_address": _Address, "customer_address6": _Address}
FURTHER: dict[str, Json] = {
    "ipsec": {"remote_identities": {"fqdn_id": str, "hex_id": str, "user_id": str}, **_COMPUTED},
    "gre": _COMPUTED,
}
_MADE_HERE = ("tunnel_type", "psk_age_days", "tunnel_health", "tunnel_health_share", "tunnel_health_checked_until")

# Texts of these forms are no expression that calls anything, and no piece of a template, whatever they are joined with.
_TIMESTAMP = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?:Z|[+-][0-9]{2}:[0-9]{2})")
_IKE_IDENTITY = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]*\.[0-9]+\.(?:custom\.)?ipsec\.cloudflare\.com")
# What words may have besides letters.
_NO_LETTERS = str.maketrans("", "", "0123456789 _-")
# In an expression, this word calls a test, which needs no brackets.
_TEST = re.compile(r"\bis\b")

# Of thousands of tunnels, most texts are asked about more than once.
_MANY_TEXTS = 1 << 16

_missing = object()


# --- the answer


def _fitting(form: t.Any, value: t.Any, path: str, others: set[str]) -> t.Any:
    """Return the part of a value that has the form; what has another one is left out, and its path noted in ``others``."""
    if isinstance(form, tuple):
        for one in form:
            within: set[str] = set()
            fitting = _fitting(one, value, path, within)
            if fitting is not _missing:
                others |= within
                return fitting
    elif value is None:
        return None
    elif isinstance(form, dict) and isinstance(value, dict):
        members = {name: _fitting(one, value[name], f"{path}.{name}".lstrip("."), others) for name, one in form.items() if name in value}
        return {name: member for name, member in members.items() if member is not _missing}
    elif isinstance(form, list) and isinstance(value, list):
        items = [_fitting(form[0], item, path, others) for item in value]
        return [item for item in items if item is not _missing and item is not None]
    elif form in (str, _Address) and isinstance(value, str):
        if form is str or _is_address(value):
            return value.encode("utf-8", "replace").decode("utf-8")
    elif isinstance(form, type) and isinstance(value, form) and (form is bool or not isinstance(value, bool)):
        return value
    others.add(path)
    return _missing


@lru_cache(_MANY_TEXTS)
def _is_address(value: str) -> bool:
    try:
        # A scope may be any text.
        return not value or bool(ipaddress.ip_interface(value)) and "%" not in value
    except ValueError:
        return False


class Tunnel(t.NamedTuple):
    """A tunnel: its kind (``ipsec``, ``gre``) and its documented fields."""

    kind: str
    fields: Json

    @property
    def id(self) -> str:
        """The id at Cloudflare."""
        return str(self.fields["id"])

    @property
    def name(self) -> str:
        """The name at Cloudflare; empty if there is none."""
        return str(self.fields.get("name") or "")


@dataclass
class Answer:
    """What Cloudflare said.

    :ivar account_id: whose tunnels these are.
    :ivar api_url: who said so.
    :ivar ahead: seconds by which Cloudflare's clock is ahead of this machine's.
    :ivar tunnels: by kind.
    :ivar others: fields that have another form than the documented one, and are left out.
    :ivar health: what a cache keeps of the health of tunnels; None if nobody has asked for it.
    """

    account_id: str
    api_url: str
    ahead: float = 0.0
    tunnels: dict[str, list[Tunnel]] = field(default_factory=dict)
    others: set[str] = field(default_factory=set)
    health: t.Any = None

    def add(self, kind: str, objects: Iterable[Json]) -> None:
        """Take over the objects of a kind.

        :raises MagicError: if two have one id.
        """
        form = {**DOCUMENTED[kind], **FURTHER[kind]}
        self.tunnels[kind] = [Tunnel(kind, _fitting(form, normal(KINDS[kind], item), "", self.others)) for item in objects]
        ids = {tunnel.id for tunnel in self.tunnels[kind]}
        if len(ids) < len(self.tunnels[kind]):
            raise MagicError(
                f"Cloudflare's response has several {KINDS[kind].noun}s with one id, so it was not used. Run again; report this if it happens again."
            )

    def now(self) -> datetime:
        """Return the time by Cloudflare's clock."""
        return datetime.now(timezone.utc) + timedelta(seconds=self.ahead)

    def content(self) -> Json:
        """Return what a cache keeps."""
        tunnels = {kind: [tunnel.fields for tunnel in several] for kind, several in self.tunnels.items()}
        return {"account_id": self.account_id, "api_url": self.api_url, "ahead": self.ahead, "tunnels": tunnels, "health": self.health}


def cached(content: t.Any, account_id: str | None, api_url: str | None, kinds: Iterable[str]) -> Answer | None:
    """Return the answer that a cache kept; None if it is about something else, or no answer. It is checked like an answer of Cloudflare, except for its health.

    :arg account_id: whose tunnels are wanted; None if nothing says so, and what there is will do.
    """
    kept = [content.get("account_id"), content.get("api_url")] if isinstance(content, Mapping) else []
    if not kept or not all(isinstance(item, str) for item in kept) or (account_id is not None and kept != [account_id, api_url]):
        return None
    tunnels, ahead = content.get("tunnels"), content.get("ahead")
    if not isinstance(tunnels, Mapping) or isinstance(ahead, bool) or not isinstance(ahead, (int, float)) or not abs(ahead) < 1e10:
        return None
    answer = Answer(str(kept[0]), str(kept[1]), ahead, health=content.get("health"))
    for kind in kinds:
        several = tunnels.get(kind)
        if not isinstance(several, list) or not all(isinstance(item, dict) and isinstance(item.get("id"), str) for item in several):
            return None
        try:
            answer.add(kind, several)
        except MagicError:
            return None
    return answer


# --- which tunnels


@dataclass(frozen=True)
class Filters:
    """Which tunnels become hosts.

    :ivar names: names or shell patterns; None for all.
    :ivar exclude: names, shell patterns or ids.
    :ivar kinds: of ``KINDS``, in their order.
    """

    names: list[str] | None
    exclude: list[str]
    kinds: list[str]

    def choose(self, answer: Answer, warnings: list[str]) -> list[Tunnel]:
        """Return the tunnels that are meant."""
        tunnels = [tunnel for kind in self.kinds for tunnel in answer.tunnels[kind]]
        if self.names is not None:
            unknown = [name for name in self.names if not is_pattern(name) and all(tunnel.name != name for tunnel in tunnels)]
            if unknown:
                warnings.append(f"filters.names: no tunnel is called {listing(map(_quoted, unknown))}. Check filters, tunnel_types and account_id.")
            tunnels = [tunnel for tunnel in tunnels if by_name(self.names, tunnel.name)]
        return [tunnel for tunnel in tunnels if not by_name_or_id(self.exclude, tunnel.name, tunnel.id)]


def _quoted(name: t.Any) -> str:
    return f"'{shown(str(name))}'"


def filters_of(written: t.Any, tunnel_types: Iterable[str]) -> Filters:
    """Read the option ``filters``.

    :raises MagicError: naming the option and the fix.
    """
    if not isinstance(written, Mapping):
        raise MagicError("filters: must be a dictionary of names, exclude and kinds, like {names: ['branch-*'], kinds: [ipsec]}.")
    strangers = [_quoted(name) for name in written if name not in ("names", "exclude", "kinds")]
    if strangers:
        raise MagicError(f"filters: there is no filter {listing(strangers)}. The filters are names, exclude and kinds.")
    read = {name: _words(f"filters.{name}", value) for name, value in written.items() if value is not None}
    kinds = read.get("kinds", list(KINDS))
    unknown = [_quoted(kind) for kind in kinds if kind not in KINDS]
    if unknown:
        raise MagicError(f"filters.kinds: {listing(unknown)} is not a kind of tunnel. The kinds are {' and '.join(KINDS)}.")
    return Filters(read.get("names"), read.get("exclude", []), [kind for kind in KINDS if kind in kinds and kind in set(tunnel_types)])


def _words(option: str, value: t.Any) -> list[str]:
    """Return a list of texts; a text is read as one with commas, and a number as its digits, as Ansible does."""
    items = value.split(",") if isinstance(value, str) else value
    if not isinstance(items, (list, tuple)) or any(isinstance(item, bool) or not isinstance(item, (str, int)) for item in items):
        raise MagicError(f"{option}: must be a list of strings.")
    words = [str(item).strip() for item in items]
    if not all(words):
        raise MagicError(f"{option}: has an empty item. Remove it.")
    return words


# --- the variables of a host


def as_data(value: t.Any) -> t.Any:
    """Return a value as Ansible takes it for data, and nothing else: each text is marked, except for those of a harmless form."""
    if isinstance(value, str):
        # str() of a marked text is a marked text.
        plain = str.__str__(value)
        return plain_text(plain) if is_harmless(plain) else marked(plain)
    if isinstance(value, Mapping):
        return {_key(name): as_data(item) for name, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [as_data(item) for item in value]
    return value


@lru_cache(_MANY_TEXTS)
def is_harmless(text: str) -> bool:
    """Tell whether a text has one of the few forms that mean nothing to Ansible: words, an address, a time, an identity of IKE."""
    letters = text.translate(_NO_LETTERS)
    words = (letters.isalpha() or not letters) and text[:1].isalnum() and not _TEST.search(text)
    return bool(words or _TIMESTAMP.fullmatch(text) or _IKE_IDENTITY.fullmatch(text)) or _is_address(text)


def _key(name: t.Any) -> t.Any:
    """Return a key, marked where a text would be. Ansible never templates a key, but may get one as a value."""
    if not isinstance(name, str):
        return name
    plain = str.__str__(name)
    return plain if is_harmless(plain) else marked(plain)


def other_forms(answer: Answer) -> list[str]:
    """Return a warning if an answer has fields in another form than the documented one."""
    others = ", ".join(sorted(answer.others))
    return [f"Cloudflare's response has fields that do not have the documented format, which are left out: {others}."] if others else []


def changed_texts(tunnels: Iterable[Tunnel]) -> list[str]:
    """Return a warning if texts cannot be given as they are; see ``marked``."""
    changed = [] if KEEPS_MARKS else [shown(tunnel.id) for tunnel in tunnels if _has_brace(tunnel.fields)]
    if not changed:
        return []
    return [
        r"The fields of these tunnels have a {, which is \x7b in the variables of their hosts, because this version of ansible-core could treat a "
        f"string as a template: {listing(changed)}. Use ansible-core 2.19 or newer to get the strings unchanged."
    ]


def _has_brace(value: t.Any) -> bool:
    if isinstance(value, dict):
        return any(map(_has_brace, value.values()))
    return any(map(_has_brace, value)) if isinstance(value, list) else isinstance(value, str) and "{" in value


def variables_of(tunnel: Tunnel, now: datetime) -> Json:
    """Return what a host knows of its tunnel, by Cloudflare's names."""
    variables = {**tunnel.fields, "tunnel_type": tunnel.kind}
    if tunnel.kind == "ipsec":
        variables["psk_age_days"] = _days(last_generated_on(tunnel.fields), now)
    return variables


def _days(timestamp: str | None, now: datetime) -> int | None:
    """Return the full days since then; below 0 for a time to come, None if there is none."""
    moment = parse_timestamp(timestamp) if from_future(timestamp, now) else None
    if moment is not None:
        return (now - moment) // _DAY
    seconds = age(timestamp, now)
    return None if seconds is None else timedelta(seconds=seconds) // _DAY


def future_keys(tunnels: Iterable[Tunnel], now: datetime) -> list[str]:
    """Return a warning if keys are dated in the future, or in a way that cannot be read."""
    warnings = []
    dated = {tunnel.id: last_generated_on(tunnel.fields) for tunnel in tunnels if tunnel.kind == "ipsec"}
    future = [shown(tunnel_id) for tunnel_id, timestamp in dated.items() if from_future(timestamp, now)]
    if future:
        warnings.append(
            f"Cloudflare dates the keys of these tunnels in the future, so psk_age_days is below 0: {listing(future)}. Their age is not known; replace them."
        )
    unread = [shown(tunnel_id) for tunnel_id, timestamp in dated.items() if timestamp and _is_unreadable(timestamp)]
    if unread:
        warnings.append(f"Cloudflare's date of the keys of these tunnels cannot be read, so psk_age_days is null: {listing(unread)}. Report it.")
    return warnings


def _is_unreadable(timestamp: str) -> bool:
    try:
        parse_timestamp(timestamp)
    except MagicError:
        return True
    return False


def variable_names(prefix: str, reserved: Callable[[str], bool]) -> dict[str, str]:
    """Return what each field is called as a variable. Without a prefix, fields whose name means something to Ansible are left out.

    :raises MagicError: if the prefix makes no names of variables, or one that means something to Ansible.
    """
    fields = [*{name: None for kind in KINDS for name in (*DOCUMENTED[kind], *FURTHER[kind])}, *_MADE_HERE]
    names = {name: f"{prefix}{name}" for name in fields}
    if not prefix:
        return {name: variable for name, variable in names.items() if not reserved(variable)}
    if not all(name.isascii() and name.isidentifier() and not keyword.iskeyword(name) for name in names.values()):
        raise MagicError("hostvars_prefix: must begin with a letter or _, and contain only ASCII letters, digits and _, like magic_.")
    taken = [name for name in names.values() if reserved(name)]
    if taken:
        raise MagicError(f"hostvars_prefix: leads to {listing(taken)}, which has a meaning in Ansible. Use another prefix, like magic_.")
    return names
