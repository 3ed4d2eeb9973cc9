# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Objects that a task refers to by name: the parent of an object, and the objects with their IDs in its fields. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.cloudflare.magic.plugins.module_utils._client import canonical
from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._fields import as_object, in_order, known
from ansible_collections.cloudflare.magic.plugins.module_utils._text import listing
from ansible_collections.cloudflare.magic.plugins.module_utils._tree import KINDS, NewId, children_of

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ansible_collections.cloudflare.magic.plugins.module_utils._fields import Field
    from ansible_collections.cloudflare.magic.plugins.module_utils._kind import Kind

    Json = dict[str, t.Any]
    # Returns the objects of a kind, for a child those of the same parent.
    Lookup = Callable[[Kind], Sequence[Json]]
    # Returns the objects of a kind, or those of the parent with an id.
    Everywhere = Callable[[Kind, t.Optional[str]], Sequence[Json]]

# Cloudflare decides whether two tunnels may have the same endpoints, or two LANs the same port.
MAYBE_TWICE = ("pair of endpoints", "port and VLAN")


class NotThere(MagicError):
    """A task refers to an object that does not exist."""


def meant(kind: Kind, objects: Sequence[Json], text: str) -> list[Json]:
    """Return the objects with this ID, or else with this name or another identifier."""
    same = with_this_id(objects, text)
    keys = (*kind.keys[:1], *kind.or_keys)
    return same or [item for item in objects if any(known(kind.fields[key], item.get(key)) == text for key in keys)]


def with_this_id(objects: Sequence[Json], object_id: str) -> list[Json]:
    """Return the objects with an id. What a design creates has none yet that a text could mean."""
    return [item for item in objects if not isinstance(item.get("id"), NewId) and canonical(str(item.get("id"))) == canonical(object_id)]


def the_one(kinds: Sequence[Kind], option: str, text: str, lookup: Lookup) -> Json:
    """Return the only object of some kinds that matches a text.

    :raises MagicError: if there is none, or more than one.
    """
    found: list[Json] = []
    for kind in kinds:
        found += meant(kind, lookup(kind), text)
    nouns = " or ".join(kind.noun for kind in kinds)
    if len(found) > 1:
        raise MagicError(f"{option}: '{text}' matches {len(found)} of them: {listing(str(item['id']) for item in found)}. Give the id of the {nouns}.")
    if not found:
        there = listing(str(item.get(kind.keys[0])) for kind in kinds for item in lookup(kind))
        raise NotThere(f"{option}: there is no {nouns} '{text}'. These exist: {there or 'none'}.")
    return found[0]


def named(fields: Mapping[str, Field], item: Json, lookup: Lookup) -> Json:
    """Return fields with names instead of IDs, if an object has the ID and no other one has its name."""
    found = dict(item)
    for name, one in fields.items():
        if one.parts and isinstance(found.get(name), dict):
            found[name] = named(one.parts, found[name], lookup)
        elif one.entry and isinstance(found.get(name), list):
            found[name] = [named(one.entry, entry, lookup) if isinstance(entry, dict) else entry for entry in found[name]]
        elif one.of and not one.stands_for and isinstance(found.get(name), list):
            found[name] = one.canonical([name_of(one, object_id, lookup) or object_id for object_id in found[name]])
        elif one.stands_for and found.get(one.stands_for):
            word = name_of(one, found[one.stands_for], lookup)
            if word:
                found[name] = word
                del found[one.stands_for]
    return {name: found[name] for name in (*fields, *found) if name in found}


def name_of(one: Field, object_id: str, lookup: Lookup) -> str:
    """Return the name of the object with an id; empty if there is none, or if the name means another one, too, or another one's ID."""
    word = next((str(other.get(kind.keys[0])) for kind in one.of for other in lookup(kind) if _is_same(other.get("id"), object_id)), "")
    found = [item["id"] for kind in one.of for item in meant(kind, lookup(kind), word)] if word else []
    return word if len(found) == 1 and _is_same(found[0], object_id) else ""


def _is_same(one: t.Any, other: t.Any) -> bool:
    """Return whether two ids are the same. What stands for the id of a new object is only equal to itself."""
    if isinstance(one, NewId) or isinstance(other, NewId):
        return isinstance(one, NewId) and isinstance(other, NewId) and one == other
    return canonical(str(one)) == canonical(str(other))


def check_unused(kind: Kind, item: Json, lookup: Everywhere, parent_id: str | None = None, foretell: bool = False) -> None:
    """Check that nothing refers to an object that is to be deleted, where that matters.

    :arg parent_id: of the object that it belongs to.
    :arg foretell: whether Cloudflare is not asked, so that what it would reject must be found here.
    :raises MagicError: naming what does, and the options to change.
    """
    found: dict[str, list[str]] = {}
    # Those that belong to objects other than the same parent would have to be asked for one by one.
    near = [other for other in KINDS if (other.parent is None or other.parent is kind.parent) and _can_refer(other.fields, kind)]
    for other in near if kind.guarded or foretell and not kind.validates else []:
        for user in lookup(other, kind.beside(other, parent_id)):
            for option in (option for option, object_id in references(other.fields, user) if object_id == str(item.get("id"))):
                found.setdefault(option, []).append(f"{other.noun} {_word(other, user)}")
    if found:
        where = listing(dict.fromkeys(user for users in found.values() for user in users))
        first = f"First remove it there ({', '.join(found)}: '')" if kind.guarded else f"First change {' and '.join(found)} there"
        raise MagicError(
            f"The {kind.noun} '{_word(kind, item)}' is in use, so it cannot be deleted, and nothing was changed. It is used by: {where}. "
            f"{first}, or delete these objects."
        )


def check_empty(kind: Kind, item: Json, lookup: Everywhere) -> None:
    """Check that an object that is to be deleted contains nothing, because Cloudflare would reject that.

    :raises MagicError: naming what it contains.
    """
    for child in (child for child in children_of(kind) if not child.is_one and child.in_path not in kind.inside):
        inside = [_word(child, one) for one in lookup(child, str(item["id"]))]
        if inside:
            raise MagicError(
                f"The {kind.noun} '{_word(kind, item)}' contains objects, so it cannot be deleted, and nothing was changed. "
                f"It contains: {child.noun} {listing(inside)}. First delete these objects."
            )


def check_sole(kind: Kind, before: Mapping[str, t.Any], then: Mapping[str, t.Any], others: Sequence[Json]) -> None:
    """Check that an object gets nothing that another one has and only one can have.

    :arg others: the objects of the same kind and parent.
    :raises MagicError: naming the other one.
    """
    new = {claim for claim in sole(kind, then) if claim[0] not in MAYBE_TWICE} - set(sole(kind, before))
    for other in others if new else ():
        for what, value in new & set(sole(kind, other)):
            if other.get("id") != before.get("id"):
                raise MagicError(
                    f"The {what} {value} is also used by the {kind.noun} '{_word(kind, other)}', and nothing was changed. Only one of them can use it: "
                    f"first remove it from the other {kind.noun}."
                )


def check_needed(kind: Kind, lookup: Everywhere) -> None:
    """Check that there is what Cloudflare requires before an object of a kind is created.

    :raises MagicError: naming it.
    """
    if kind.needs is not None and not lookup(kind.needs, None):
        raise MagicError(f"Without a {kind.needs.noun}, Cloudflare accepts no {kind.noun}, and nothing was changed. First create the {kind.needs.noun}.")


def sole(kind: Kind, item: Mapping[str, t.Any]) -> Iterator[tuple[str, str]]:
    """Yield what an object has that only one of the same parent can have at a time: what it is, and its value."""
    for what, groups in kind.alone.items():
        values = ([known(kind.fields[name], item.get(name)) for name in names] for names in groups)
        yield from ((what, " and ".join(map(str, found))) for found in values if found[0])


def _word(kind: Kind, item: Mapping[str, t.Any]) -> str:
    """Return by what a message calls an object."""
    return str(next((item[key] for key in (*kind.keys, *kind.or_keys, "id") if item.get(key)), kind.noun))


def _can_refer(fields: Mapping[str, Field], kind: Kind) -> bool:
    return any(kind in one.of or _can_refer({**one.parts, **one.entry}, kind) for one in fields.values())


def references(fields: Mapping[str, Field], item: Mapping[str, t.Any], path: str = "") -> Iterator[tuple[str, str]]:
    """Yield the options of an object that refer to other ones, with the ids of these."""
    for name, one in fields.items():
        value = item.get(one.stands_for or name)
        if one.parts and isinstance(value, dict):
            yield from references(one.parts, value, f"{path}{name}.")
        elif one.entry and isinstance(value, list):
            for entry in value:
                yield from references(one.entry, as_object(entry), f"{path}{name}.")
        elif one.of:
            yield from ((f"{path}{name}", found) for found in (value if isinstance(value, list) else [value]) if isinstance(found, str))


def resolved(fields: Mapping[str, Field], desired: Json, lookup: Lookup, path: str = "", ids: bool = False) -> Json:
    """Return fields with ids in place of names.

    :arg ids: whether each ID must exist, because nothing else checks that before something is written.
    :raises MagicError: naming the option, if a name means no object, or several.
    """
    found: Json = {}
    meant_by = {one.stands_for: one.of for one in fields.values() if one.stands_for} if ids else {}
    for name, value in desired.items():
        one = fields[name]
        if one.parts:
            found[name] = resolved(one.parts, value, lookup, f"{path}{name}.", ids)
        elif one.entry:
            found[name] = in_order(one, [resolved(one.entry, entry, lookup, f"{path}{name}.", ids) for entry in value])
        elif one.of and not one.stands_for:
            by_text = {str(object_id): object_id for object_id in (the_one(one.of, f"{path}{name}", word, lookup)["id"] for word in value)}
            # What stands for an id stays more than its text.
            found[name] = [by_text[text] for text in one.canonical(list(by_text))]
        elif one.stands_for:
            # An empty value removes it.
            found[one.stands_for] = fields[one.stands_for].canonical(the_one(one.of, f"{path}{name}", value, lookup)["id"]) if value else value
        elif value and meant_by.get(name):
            found[name] = one.canonical(_with_id(meant_by[name], f"{path}{name}", value, lookup))
        else:
            found[name] = value
    return found


def _with_id(kinds: Sequence[Kind], option: str, object_id: str, lookup: Lookup) -> str:
    """Return the id of an object as it is written at Cloudflare.

    :raises MagicError: if there is none.
    """
    found = [str(item["id"]) for kind in kinds for item in with_this_id(lookup(kind), object_id)]
    if not found:
        there = listing(f"{item.get(kind.keys[0])} ({item['id']})" for kind in kinds for item in lookup(kind))
        raise NotThere(f"{option}: there is no {' or '.join(kind.noun for kind in kinds)} with the id '{object_id}'. These exist: {there or 'none'}.")
    return found[0]
