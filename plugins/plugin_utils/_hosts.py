# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Objects of an account as hosts of an inventory: which of them, and with which variables.

What comes from Cloudflare is data: a host gets the documented fields, in the documented form, and nothing that controls Ansible.
This file does not access Cloudflare or Ansible's inventory.
"""

from __future__ import annotations

import ipaddress
import keyword
import re
import typing as t
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from functools import lru_cache

from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._health import same_names
from ansible_collections.cloudflare.magic.plugins.module_utils._kind import normal
from ansible_collections.cloudflare.magic.plugins.module_utils._selection import by_name, by_name_or_id, is_pattern
from ansible_collections.cloudflare.magic.plugins.module_utils._text import listing, plural, shown
from ansible_collections.cloudflare.magic.plugins.module_utils._times import age, from_future, parse_timestamp
from ansible_collections.cloudflare.magic.plugins.plugin_utils._core import KEEPS_MARKS, marked, plain_text
from ansible_collections.cloudflare.magic.plugins.plugin_utils._host_kinds import KINDS, Address

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ansible_collections.cloudflare.magic.plugins.plugin_utils._host_kinds import Age

    Json = dict[str, t.Any]

# Variables of each host in addition to fields.
_COMPUTED = ("kind", "tunnel_type", "tunnel_health", "tunnel_health_share", "tunnel_health_checked_until")

# Strings of these forms are not an expression that calls anything, and not a part of a template, even when joined with others.
_TIMESTAMP = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?:Z|[+-][0-9]{2}:[0-9]{2})")
_IKE_IDENTITY = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]*\.[0-9]+\.(?:custom\.)?ipsec\.cloudflare\.com")
# The characters other than letters in words.
_NO_LETTERS = str.maketrans("", "", "0123456789 _-")
# In an expression, this word calls a test, which needs no parentheses.
_TEST = re.compile(r"\bis\b")

# With thousands of objects, most strings occur more than once.
_MANY_TEXTS = 1 << 16

_missing = object()


# --- the answer


def _fitting(form: t.Any, value: t.Any, path: str, others: set[str]) -> t.Any:
    """Return the part of a value that has the form; the rest is left out, and its path is recorded in ``others``."""
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
    elif form in (str, Address) and isinstance(value, str):
        if form is str or _is_address(value):
            return value.encode("utf-8", "replace").decode("utf-8")
    elif isinstance(form, type) and isinstance(value, form) and (form is bool or not isinstance(value, bool)):
        return value
    others.add(path)
    return _missing


@lru_cache(_MANY_TEXTS)
def _is_address(value: str) -> bool:
    try:
        # A scope may be any string.
        return not value or bool(ipaddress.ip_interface(value)) and "%" not in value
    except ValueError:
        return False


class Item(t.NamedTuple):
    """An object that can be a host: its kind, of ``KINDS``, and its documented fields."""

    kind: str
    fields: Json

    @property
    def id(self) -> str:
        """The id at Cloudflare."""
        return str(self.fields["id"])

    @property
    def name(self) -> str:
        """The name at Cloudflare, or its substitute; empty if there is none."""
        return next((str(self.fields[name]) for name in KINDS[self.kind].named_by if self.fields.get(name)), "")


@dataclass
class Answer:
    """The data from Cloudflare.

    :ivar account_id: the account of these objects.
    :ivar api_url: the URL that they were read from.
    :ivar ahead: seconds by which Cloudflare's clock is ahead of this machine's.
    :ivar items: by kind and id.
    :ivar others: fields that have another form than the documented one, and are left out.
    :ivar health: what a cache keeps of the health of tunnels; None if it was not read.
    """

    account_id: str
    api_url: str
    ahead: float = 0.0
    items: dict[str, dict[str, Item]] = field(default_factory=dict)
    others: set[str] = field(default_factory=set)
    health: t.Any = None

    def add(self, kind: str, objects: Iterable[Json]) -> None:
        """Store the objects of a kind.

        :raises MagicError: if two have one id.
        """
        own = KINDS[kind]
        form = own.form
        items = [Item(kind, _fitting(form, normal(own.kind, item), "", self.others)) for item in objects]
        self.items[kind] = {item.id: item for item in items}
        if len(self.items[kind]) < len(items):
            what = f"Cloudflare's response has several {plural(own.kind.noun)} with one id"
            raise MagicError(f"{what}, so it was not used. Run again; report this if it happens again.")

    def all(self) -> Iterable[Item]:
        """Return all that has been read."""
        return (item for several in self.items.values() for item in several.values())

    def now(self) -> datetime:
        """Return the time by Cloudflare's clock."""
        return datetime.now(timezone.utc) + timedelta(seconds=self.ahead)

    def content(self) -> Json:
        """Return what a cache keeps."""
        items = {kind: [item.fields for item in several.values()] for kind, several in self.items.items()}
        return {"account_id": self.account_id, "api_url": self.api_url, "ahead": self.ahead, "items": items, "health": self.health}

    def variables_of(self, item: Item) -> Json:
        """Return what a host knows of its object, by Cloudflare's names."""
        own, now = KINDS[item.kind], self.now()
        variables = {**item.fields, "kind": item.kind, **({"name": item.name} if item.name else {})}
        if own.tunnel_type:
            variables["tunnel_type"] = own.tunnel_type
        variables.update({one.variable: _since(one.dated(item.fields), now, one.unit) for one in own.ages})
        connectors = self.items["connector"] if own.refers else {}
        for variable, reference in own.refers.items():
            connector = connectors.get(item.fields.get(reference) or "")
            variables[variable] = connector.fields.get("serial_number") if connector else None
        return variables


def cached(content: t.Any, account_id: str | None, api_url: str | None, kinds: Iterable[str]) -> Answer | None:
    """Return the data from a cache; None if it is for something else, or not valid. It is checked like a response of Cloudflare, except for its health.

    :arg account_id: the requested account; None if it is not set, and any account will do.
    """
    kept = [content.get("account_id"), content.get("api_url")] if isinstance(content, Mapping) else []
    if not kept or not all(isinstance(item, str) for item in kept) or (account_id is not None and kept != [account_id, api_url]):
        return None
    items, ahead = content.get("items"), content.get("ahead")
    if not isinstance(items, Mapping) or isinstance(ahead, bool) or not isinstance(ahead, (int, float)) or not abs(ahead) < 1e10:
        return None
    answer = Answer(str(kept[0]), str(kept[1]), ahead, health=content.get("health"))
    for kind in kinds:
        several = items.get(kind)
        if not isinstance(several, list) or not all(isinstance(item, dict) and isinstance(item.get("id"), str) for item in several):
            return None
        try:
            answer.add(kind, several)
        except MagicError:
            return None
    return answer


# --- which of them


@dataclass(frozen=True)
class Filters:
    """Which objects become hosts.

    :ivar names: names or shell patterns; None for all.
    :ivar exclude: names, shell patterns or ids.
    :ivar kinds: of ``KINDS``, in their order.
    """

    names: list[str] | None
    exclude: list[str]
    kinds: list[str]

    @property
    def read(self) -> list[str]:
        """The kinds whose objects have to be read: those that become hosts, and those that these refer to."""
        return [kind for kind in KINDS if kind in self.kinds or (kind == "connector" and any(KINDS[one].refers for one in self.kinds))]

    def not_read(self, kind: str, others: bool, error: MagicError) -> MagicError:
        """Return the error for a kind whose objects cannot be read.

        :arg others: whether other lists have been read before.
        """
        text = f"The {plural(KINDS[kind].kind.noun)} of the account cannot be read, so this source adds no hosts. {error}"
        if others and error.failure and error.failure["status"] == 403:
            text += f" Or remove {kind if kind in self.kinds else listing(one for one in self.kinds if KINDS[one].refers)} from kinds."
        return error.explained(text)

    def choose(self, answer: Answer, warnings: list[str]) -> list[Item]:
        """Return the selected objects."""
        items = [item for kind in self.kinds for item in answer.items[kind].values()]
        if self.names is not None:
            unknown = [name for name in self.names if not is_pattern(name) and all(item.name != name for item in items)]
            if unknown:
                warnings.append(f"filters.names: there is no object with the name {listing(map(_quoted, unknown))}. Check filters, kinds and account_id.")
            items = [item for item in items if by_name(self.names, item.name)]
        return [item for item in items if not by_name_or_id(self.exclude, item.name, item.id)]


def _quoted(name: t.Any) -> str:
    return f"'{shown(str(name))}'"


def filters_of(written: t.Any, kinds: Iterable[str]) -> Filters:
    """Read the options ``filters`` and ``kinds``.

    :raises MagicError: naming the option and what to write.
    """
    if not isinstance(written, Mapping):
        raise MagicError("filters: must be a dictionary of names and exclude, like {names: ['branch-*']}.")
    strangers = [_quoted(name) for name in written if name not in ("names", "exclude")]
    if strangers:
        raise MagicError(f"filters: there is no filter {listing(strangers)}. The filters are names and exclude.")
    read = {name: _words(f"filters.{name}", value) for name, value in written.items() if value is not None}
    wanted = set(kinds)
    return Filters(read.get("names"), read.get("exclude", []), [kind for kind in KINDS if kind in wanted])


def _words(option: str, value: t.Any) -> list[str]:
    """Return a list of strings; a string is split at commas, and a number converted to its digits, as Ansible does."""
    items = value.split(",") if isinstance(value, str) else value
    if not isinstance(items, (list, tuple)) or any(isinstance(item, bool) or not isinstance(item, (str, int)) for item in items):
        raise MagicError(f"{option}: must be a list of strings.")
    words = [str(item).strip() for item in items]
    if not all(words):
        raise MagicError(f"{option}: has an empty item. Remove it.")
    return words


# --- the variables of a host


def as_data(value: t.Any) -> t.Any:
    """Return a value that Ansible treats only as data: each string is tagged, except for those of a harmless form."""
    if isinstance(value, str):
        # str() of a tagged string is a tagged string.
        plain = str.__str__(value)
        return plain_text(plain) if is_harmless(plain) else marked(plain)
    if isinstance(value, Mapping):
        return {_key(name): as_data(item) for name, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [as_data(item) for item in value]
    return value


@lru_cache(_MANY_TEXTS)
def is_harmless(text: str) -> bool:
    """Return whether a string has one of the few forms without a special meaning for Ansible: words, an address, a time, an identity of IKE."""
    letters = text.translate(_NO_LETTERS)
    words = (letters.isalpha() or not letters) and text[:1].isalnum() and not _TEST.search(text)
    return bool(words or _TIMESTAMP.fullmatch(text) or _IKE_IDENTITY.fullmatch(text)) or _is_address(text)


def _key(name: t.Any) -> t.Any:
    """Return a key, tagged like a value. Ansible never templates a key, but may get one as a value."""
    if not isinstance(name, str):
        return name
    plain = str.__str__(name)
    return plain if is_harmless(plain) else marked(plain)


def warnings_of(answer: Answer, items: Sequence[Item]) -> list[str]:
    """Return warnings about the data and the hosts."""
    others = ", ".join(sorted(answer.others))
    found = [f"Cloudflare's response has fields that do not have the documented format, which are left out: {others}."] if others else []
    tunnels, there = ([one.name for one in some if KINDS[one.kind].tunnel_type] for some in (items, answer.all()))
    return [*found, *same_names(tunnels, Counter(there)), *_changed_texts(items), *_doubtful_ages(items, answer.now())]


def _changed_texts(items: Iterable[Item]) -> list[str]:
    """Return a warning if strings had to be changed; see ``marked``."""
    changed = [] if KEEPS_MARKS else [shown(item.id) for item in items if _has_brace(item.fields)]
    if not changed:
        return []
    return [
        r"The fields of the objects with these ids have a {, which is \x7b in the variables of their hosts, because this version of ansible-core could treat a "
        f"string as a template: {listing(changed)}. Use ansible-core 2.19 or newer to get the strings unchanged."
    ]


def _has_brace(value: t.Any) -> bool:
    if isinstance(value, dict):
        return any(map(_has_brace, value.values()))
    return any(map(_has_brace, value)) if isinstance(value, list) else isinstance(value, str) and "{" in value


def _since(timestamp: str | None, now: datetime, unit: timedelta) -> int | None:
    """Return the full units since then; negative for a time in the future, None if there is no time."""
    moment = parse_timestamp(timestamp) if from_future(timestamp, now) else None
    if moment is not None:
        return (now - moment) // unit
    seconds = age(timestamp, now)
    return None if seconds is None else timedelta(seconds=seconds) // unit


def _doubtful_ages(items: Iterable[Item], now: datetime) -> list[str]:
    """Return warnings if dates lie in the future, or cannot be read."""
    future: dict[Age, list[str]] = {}
    unread: dict[Age, list[str]] = {}
    for item in items:
        for one in KINDS[item.kind].ages:
            timestamp = one.dated(item.fields)
            if from_future(timestamp, now):
                future.setdefault(one, []).append(shown(item.id))
            elif timestamp and _is_unreadable(timestamp):
                unread.setdefault(one, []).append(shown(item.id))
    early = "Cloudflare dates the {} of these in the future, so {} is below 0: {}. {}"
    odd = "Cloudflare's dates of the {} of these cannot be read, so {} is null: {}. {}"
    return [
        *(early.format(one.what, one.variable, listing(ids), one.advice) for one, ids in future.items()),
        *(odd.format(one.what, one.variable, listing(ids), "Report it.") for one, ids in unread.items()),
    ]


def _is_unreadable(timestamp: str) -> bool:
    try:
        parse_timestamp(timestamp)
    except MagicError:
        return True
    return False


def variable_names(prefix: str, reserved: Callable[[str], bool]) -> dict[str, str]:
    """Return the variable name of each field. Without a prefix, fields with a name that Ansible uses are left out.

    :raises MagicError: if the prefix does not lead to names of variables, or to one that Ansible uses.
    """
    fields = dict.fromkeys([*(name for one in KINDS.values() for name in (*one.form, *(made.variable for made in one.ages), *one.refers)), *_COMPUTED])
    names = {name: f"{prefix}{name}" for name in fields}
    if not prefix:
        return {name: variable for name, variable in names.items() if not reserved(variable)}
    if not all(name.isascii() and name.isidentifier() and not keyword.iskeyword(name) for name in names.values()):
        raise MagicError("hostvars_prefix: must begin with a letter or _, and contain only ASCII letters, digits and _, like magic_.")
    taken = [name for name in names.values() if reserved(name)]
    if taken:
        raise MagicError(f"hostvars_prefix: leads to {listing(taken)}, which has a meaning in Ansible. Use another prefix, like magic_.")
    return names
