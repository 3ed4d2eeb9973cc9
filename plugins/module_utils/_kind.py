# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The definition of a kind of objects; the kinds themselves are declarations in other files."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import urlsplit

from ansible_collections.cloudflare.magic.plugins.module_utils._client import canonical
from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._fields import Field, as_object, options_of, read, wanted
from ansible_collections.cloudflare.magic.plugins.module_utils._options import SHARED, ArgumentSpec
from ansible_collections.cloudflare.magic.plugins.module_utils._settings import check_segment
from ansible_collections.cloudflare.magic.plugins.module_utils._text import with_article

if t.TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Mapping

    Json = dict[str, t.Any]


def _nothing(dummy: t.Any) -> Json:
    return {}


def _no_rules(dummy_item: Mapping[str, t.Any], dummy_changes: Mapping[str, t.Any]) -> list[str]:
    return []


class Mixed(t.NamedTuple):
    """A field with lists of ids by kinds, which is one list in the API, with a type for each id.

    :ivar field: its name, also in requests.
    :ivar shown: its name in answers, where each entry has the whole object as ``data``.
    :ivar types: the API's type of each part of the field.
    """

    field: str
    shown: str
    types: Mapping[str, str]

    def received(self, entries: t.Any) -> Json:
        """Return the parts of what an answer has; what has a type that is not known, or no id, is a part of the type's name."""
        parts = {kind: part for part, kind in self.types.items()}
        found: Json = {}
        for entry in entries if isinstance(entries, list) else ():
            kind, object_id = str(as_object(entry).get("type")), as_object(as_object(entry).get("data")).get("id")
            found.setdefault(parts.get(kind, kind) if isinstance(object_id, str) else kind, []).append(object_id)
        return found

    def sent(self, value: Json) -> list[Json]:
        """Return the list that the API takes."""
        return [{"id": object_id, "type": kind} for part, kind in self.types.items() for object_id in value.get(part, ())]


# An id as Cloudflare creates it: 32 hexadecimal characters, perhaps with hyphens.
_ID = re.compile("[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Source(t.NamedTuple):
    """The object of another kind that an object stands for, whose id is in one of several fields.

    In requests, the API has a type and the id. In answers, it has the type and a URL, in a part that is called like the type. The URL can be missing, and
    its form is not documented, so it is only searched for ids. Objects without one are unidentified.

    :ivar fields: the fields with the ids, by the API's types.
    :ivar id_name: the name of the id in requests.
    :ivar url: the name of the URL in answers.
    """

    fields: Mapping[str, str]
    id_name: str
    url: str

    def field_of(self, item: Mapping[str, t.Any]) -> str:
        """Return the field for the type of an object; empty if it has no type that is known."""
        kind = item.get("type")
        return self.fields.get(kind, "") if isinstance(kind, str) else ""

    def is_shown(self, item: Mapping[str, t.Any]) -> bool:
        """Return whether it is known what an object stands for."""
        return any(item.get(name) is not None for name in self.fields.values())

    def ids_in(self, item: Mapping[str, t.Any]) -> list[str]:
        """Return the ids in the path of an object's URL, each once."""
        try:
            segments = urlsplit(str(item.get(self.url, ""))).path.split("/")
        except ValueError:
            return []
        return list(dict.fromkeys(one for one in map(canonical, segments) if _ID.fullmatch(one)))

    def received(self, raw: Json, strange: Container[str]) -> Json:
        """Return an object of an answer with its URL beside its type.

        :arg strange: names that only the collection has.
        """
        kind = raw.get("type")
        url = as_object(raw.get(kind)).get(self.url) if isinstance(kind, str) else None
        found = {name: value for name, value in raw.items() if name not in strange and name not in self.fields and name != self.url}
        return {**found, self.url: url} if isinstance(url, str) else found

    def sent(self, body: Json) -> Json:
        """Return a body with a type and an id in place of the field."""
        found = {name: value for name, value in body.items() if name not in self.fields.values()}
        return {**found, **{part: value for kind, name in self.fields.items() if name in body for part, value in ((self.id_name, body[name]), ("type", kind))}}


@dataclass(frozen=True, eq=False)
class Kind:
    """A kind of objects.

    :ivar noun: for messages.
    :ivar single: its name in the API's answers to reading one.
    :ivar several: its name in the path and in the API's lists.
    :ivar id_option: the option with the id; empty if there is one object at most.
    :ivar keys: the options that identify an object without its ID.
    :ivar or_keys: options that also identify it, each by itself.
    :ivar apart: the fields that distinguish objects of the same ``keys``, the most important one first.
    :ivar fields: what can be set.
    :ivar required: what a new object needs, and what an update repeats.
    :ivar repeated: what an update repeats, if that is something else.
    :ivar not_found: the error code for an unknown ID.
    :ivar fixed: what can only be set when it is created.
    :ivar rules: maps an object as it would be, and its changes, to errors, each with the option and what to write.
    :ivar warns: maps the same to warnings.
    :ivar headers: of each request.
    :ivar validates: whether a write supports ``validate_only``; if not, check mode sends nothing.
    :ivar validates_delete: whether a DELETE also supports it.
    :ivar more: further options.
    :ivar returns: the modules' return value, one object and a list of them; by default ``single`` and ``several``.
    :ivar id_aliases: further names of ``id_option``.
    :ivar through: the option with the name of a tunnel, instead of the field that is derived from it.
    :ivar has_psk: whether it has a pre-shared key.
    :ivar given: who creates and deletes the objects, if they can only be updated; else empty.
    :ivar many: the methods that support several objects in one request.
    :ivar ends: the outer addresses, Cloudflare's and the customer's.
    :ivar alone: what only one object of a parent can have at a time, of any kind: groups of fields by their names in messages.
    :ivar in_path: its name in the path, if that differs.
    :ivar tree: the first part of the path.
    :ivar parent: the kind of the object that it belongs to, which the option ``parent.result`` names.
    :ivar computed: what the modules return in addition, computed from the object.
    :ivar bare: whether a response is the object itself, or the list of them, without a name around it. No error code for an unknown ID is known then,
        so one object is read from the list.
    :ivar updates: the method of an update.
    :ivar id_field: the name of its id in the API.
    :ivar listed: whether the body that creates one is a list.
    :ivar within: for fields that have another place in the API, their path there.
    :ivar hidden: fields of responses that are never shown, because they are secret.
    :ivar mixed: the field that is one list of objects of several kinds in the API. Answers to writes do not have it.
    :ivar guarded: whether it is not deleted as long as another object refers to it.
    :ivar alone_everywhere: whether ``alone`` is about all objects of an account, and not about those of one parent.
    :ivar inside: the objects that belong to one and have no module of their own, by their names in the path, with the options of each: the module keeps the
        list of that name complete, and the info module reads it if the option of that name is set.
    :ivar source: the object of another kind that an object stands for.
    :ivar if_refused: what a user should know if Cloudflare rejects a new one.
    :ivar needs: the kind of which Cloudflare requires an object before one of this kind can be created.
    :ivar fits: maps an object as it would be, and the object that it belongs to, to what Cloudflare rejects, each with the option and what to write.
    :ivar wrapped: whether the list of them has their name around it, though ``bare``.
    """

    noun: str
    single: str
    several: str
    id_option: str
    keys: tuple[str, ...]
    fields: dict[str, Field]
    required: tuple[str, ...] = ()
    not_found: int = 0
    fixed: tuple[str, ...] = ()
    repeated: tuple[str, ...] | None = None
    rules: Callable[[Mapping[str, t.Any], Mapping[str, t.Any]], list[str]] = _no_rules
    warns: Callable[[Mapping[str, t.Any], Mapping[str, t.Any]], list[str]] = _no_rules
    headers: Mapping[str, str] = field(default_factory=dict)
    validates: bool = True
    validates_delete: bool = True
    more: ArgumentSpec = field(default_factory=ArgumentSpec)
    returns: tuple[str, str] = ("", "")
    id_aliases: tuple[str, ...] = ()
    or_keys: tuple[str, ...] = ()
    apart: tuple[str, ...] = ()
    through: tuple[str, str] | None = None
    computed: Callable[[Mapping[str, t.Any]], Json] = _nothing
    has_psk: bool = False
    given: str = ""
    many: tuple[str, ...] = ("PUT",)
    ends: tuple[str, ...] = ()
    alone: Mapping[str, tuple[tuple[str, ...], ...]] = field(default_factory=dict)
    in_path: str = ""
    tree: str = "magic"
    parent: Kind | None = None
    bare: bool = False
    updates: str = "PUT"
    id_field: str = "id"
    listed: bool = False
    within: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    hidden: tuple[str, ...] = ()
    mixed: Mixed | None = None
    wrapped: bool = False
    guarded: bool = False
    alone_everywhere: bool = False
    inside: Mapping[str, Json] = field(default_factory=dict)
    source: Source | None = None
    if_refused: str = ""
    needs: Kind | None = None
    fits: Callable[[Mapping[str, t.Any], Mapping[str, t.Any]], list[str]] = _no_rules

    def misfits(self, item: Mapping[str, t.Any], before: Mapping[str, t.Any] | None, parent: Mapping[str, t.Any]) -> list[str]:
        """Return what Cloudflare would reject because of the object that an object belongs to, except for what was so before."""
        now = [] if before is None else self.fits(before, parent)
        return [problem for problem in self.fits(item, parent) if problem not in now]

    def path(self, parent_id: str | None = None) -> list[str]:
        """Return the path of all of them, or of those of one parent."""
        above = [] if self.parent is None else [*self.parent.path(), str(parent_id)]
        return [*above, *(self.in_path or self.several).split("/")]

    @cached_property
    def empty(self) -> Json:
        """The values that missing fields stand for, where that is known."""
        return {name: one.empty for name, one in self.fields.items() if one.empty is not None}

    @cached_property
    def identifying(self) -> dict[str, Field]:
        """The fields with the names of other objects that identify an object, by the fields with the ids of these."""
        return {one.stands_for: one for one in self.fields.values() if one.stands_for and one.stands_for in (*self.keys, *self.or_keys)}

    def as_written(self, names: Iterable[str]) -> list[str]:
        """Return the options for fields: for the id of another object the one with its name, which people know better."""
        found = {one.stands_for: name for name, one in self.fields.items() if one.stands_for}
        return [found.get(name, name) for name in names]

    @cached_property
    def refers(self) -> bool:
        """Whether its objects refer to others, by their names or ids."""
        return any(one.refers for one in self.fields.values())

    @property
    def result(self) -> str:
        """The return value of the module that manages an object."""
        return self.returns[0] or self.single

    @property
    def results(self) -> str:
        """The return value of the module that reads objects."""
        return self.returns[1] or self.several

    @property
    def is_one(self) -> bool:
        """Whether an account, or a parent, has one object at most: in a design it is a dictionary, and no list."""
        return not self.id_option

    @property
    def in_design(self) -> str:
        """What a design and its result call it."""
        return self.result if self.is_one else self.results

    @property
    def repeats(self) -> tuple[str, ...]:
        """What an update repeats."""
        return self.required if self.repeated is None else self.repeated

    def beside(self, other: Kind, parent_id: str | None) -> str | None:
        """Return the id of the parent whose objects of another kind one of this kind can refer to: its own parent, if they are children of the same kind.

        :arg parent_id: the id of the parent of the one that refers.
        """
        return parent_id if other.parent is self.parent else None

    def keys_in(self, values: Mapping[str, t.Any]) -> tuple[str, ...]:
        """Return the options that identify an object: the usual ones, or an equivalent one."""
        other = next(((key,) for key in self.or_keys if values.get(key) is not None), self.keys)
        return self.keys if all(values.get(key) is not None for key in self.keys) else other

    @property
    def finders(self) -> tuple[str, ...]:
        """The options that identify an object, or are part of that: fields, and names instead of IDs."""
        keys = (*self.keys, *self.or_keys)
        return (*keys, *(name for name, one in self.fields.items() if one.stands_for and one.stands_for in keys))

    def by_names(self, values: Mapping[str, t.Any]) -> set[str]:
        """Return the fields with ids for which values have names."""
        return {one.stands_for for name, one in self.fields.items() if one.stands_for and values.get(name) is not None}

    @property
    def _who(self) -> Json:
        own = {self.id_option: {"type": "str", **({"aliases": list(self.id_aliases)} if self.id_aliases else {})}} if self.id_option else {}
        return {**({self.parent.result: {"type": "str", "required": True}} if self.parent is not None else {}), **own}

    @property
    def options(self) -> ArgumentSpec:
        """The options of the module that manages objects of this kind."""
        own = {"state": {"type": "str", "choices": ["present", "absent"], "default": "present"}, **self._who, **options_of(self.fields)}
        own.update({name: {"type": "list", "elements": "dict", "options": entry} for name, entry in self.inside.items()})
        one_of = [(self.id_option, self.keys[0], *self.finders[len(self.keys) :])] if self.id_option else []
        return SHARED.merge(self.more).merge(ArgumentSpec(own, required_one_of=one_of))

    @property
    def info_options(self) -> ArgumentSpec:
        """The options of the module that reads objects of this kind."""
        own = {**self._who, **options_of({key: self.fields[key] for key in self.finders})}
        own["format"] = {"type": "str", "choices": ["api", "options"], "default": "api"}
        own.update({name: {"type": "bool", "default": False} for name in self.inside})
        return SHARED.merge(ArgumentSpec(own, mutually_exclusive=[(self.id_option, key) for key in self.finders]))

    def received(self, raw: Json) -> Json:
        """Return an object of an answer with its id and each field in the place that its option has."""
        found = raw if self.id_field == "id" or self.id_field not in raw else {**raw, "id": raw[self.id_field]}
        for name, (outer, inner) in self.within.items():
            if isinstance(raw.get(outer), dict) and inner in raw[outer]:
                found = {**found, name: raw[outer][inner]}
        if self.mixed is not None and self.mixed.shown in raw:
            found = {name: value for name, value in found.items() if name != self.mixed.shown}
            found[self.mixed.field] = self.mixed.received(raw[self.mixed.shown])
        return found if self.source is None else self.source.received(found, self.fields)

    def sent(self, body: Json) -> Json:
        """Return a body with each field in the place that it has in the API."""
        found = {name: value for name, value in body.items() if name not in self.within}
        for name, (outer, inner) in self.within.items():
            if name in body:
                found[outer] = {**found.get(outer, {}), inner: body[name]}
        if self.mixed is not None and self.mixed.field in body:
            found[self.mixed.field] = self.mixed.sent(body[self.mixed.field])
        return found if self.source is None else self.source.sent(found)


def read_options(kind: Kind, options: Mapping[str, t.Any]) -> tuple[Json, list[str]]:
    """Return the fields that are set, in canonical form, and all errors, each with the option and what to write."""
    desired, problems = read(kind.fields, options)
    object_id = options.get(kind.id_option)
    if object_id is not None:
        try:
            check_segment(kind.id_option, object_id)
        except MagicError as error:
            problems.append(str(error))
    through, follows = kind.through or ("", "")
    tunnel = options.get(through)
    if tunnel is not None and not tunnel.strip():
        problems.append(f"{through}: '' is empty. Give the tunnel's name, or {follows}.")
    missing = [key for key in kind.keys_in(options) if options.get(key) is None and not (key == follows and tunnel is not None)]
    if missing and object_id is None and not kind.by_names(options) & {*kind.keys, *kind.or_keys}:
        words, wanted, others = (kind.as_written(keys) for keys in (missing, kind.keys, (through,) if through else kind.or_keys))
        instead = f" (or {', '.join(others)})" if others else ""
        problems.append(f"{' and '.join(words)}: missing. {with_article(kind.noun)} is identified by {' and '.join(wanted)}{instead}, or by {kind.id_option}.")
    return desired, problems


def desired_of(kind: Kind, options: Mapping[str, t.Any]) -> Json:
    """Return the fields that a task sets, in canonical form.

    :raises MagicError: naming the options and what to write.
    """
    desired, problems = read_options(kind, options)
    if problems:
        raise MagicError(" ".join(problems))
    return desired


def normal(kind: Kind, raw: Mapping[str, t.Any]) -> Json:
    """Return an object as the modules show it: with the simple fields that the API leaves out if they are empty, and with derived fields."""
    shown = {**kind.empty, **raw, **kind.computed(raw)}
    health_check = shown.get("health_check")
    if isinstance(health_check, dict) and isinstance(health_check.get("target"), str):
        shown["health_check"] = {**health_check, "target": {"saved": health_check["target"]}}
    return shown


def chosen(kind: Kind, options: Mapping[str, t.Any]) -> Json:
    """Return the values by which an info module chooses objects, in canonical form.

    :raises MagicError: naming the option and the fix.
    """
    if options.get(kind.id_option) is not None:
        return {"id": check_segment(kind.id_option, options[kind.id_option])}
    return wanted({key: kind.fields[key] for key in kind.finders}, options)
