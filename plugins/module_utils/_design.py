# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""A design, which describes the desired state of a network: reads what a user wrote, and writes an account as a design. Pure."""

from __future__ import annotations

import typing as t
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from ansible.module_utils.common.validation import check_type_bool, check_type_dict, check_type_float, check_type_int, check_type_list

from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._fields import options_of, read, told
from ansible_collections.cloudflare.magic.plugins.module_utils._kind import read_options
from ansible_collections.cloudflare.magic.plugins.module_utils._options import SHARED, ArgumentSpec
from ansible_collections.cloudflare.magic.plugins.module_utils._text import plural
from ansible_collections.cloudflare.magic.plugins.module_utils._tree import KINDS, ROOTS, USUAL, children_of

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ansible_collections.cloudflare.magic.plugins.module_utils._kind import Kind

    Json = dict[str, t.Any]

DEFAULT_MAX_DELETIONS = 5
_LARGEST_BATCH = 1000

STATES = ("merged", "replaced", "overridden", "deleted", "gathered")

# Options that an item does not have, and where they belong.
_ELSEWHERE = {
    **dict.fromkeys(("psk", "update_psk"), "is not part of a design, because keys are secret. Leave it out, and rotate keys with cloudflare.magic.ipsec_psks."),
    "state": "is not part of an item. Leave it out: the state of the task is for the whole design.",
    **dict.fromkeys(("api_token", "api_key", "api_email", "account_id", "api_url"), "is not part of an item. Give it to the task, or to module_defaults."),
}

_MOST_PROBLEMS = 100

# The conversions of the options of all modules, and the message if a value cannot be converted.
_WANTED: dict[str, tuple[t.Callable[[t.Any], t.Any], str]] = {
    "int": (check_type_int, "is not a whole number."),
    "float": (check_type_float, "is not a number."),
    "bool": (check_type_bool, "is neither true nor false."),
    "list": (check_type_list, "is not a list."),
    "dict": (check_type_dict, "is not a dictionary."),
}


@dataclass(frozen=True)
class Item:
    """One object of a design.

    :ivar place: its place in the design, for messages.
    :ivar desired: the fields that it sets, in canonical form.
    :ivar object_id: its id, if the design has it.
    :ivar tunnel: the name of the tunnel that it leads through, instead of the field that is derived from it.
    :ivar parent: the item that contains it.
    :ivar lists: the kinds of which it has a list, which may be empty.
    """

    kind: Kind
    place: str
    desired: Json
    object_id: str | None = None
    tunnel: str | None = None
    parent: Item | None = None
    lists: tuple[Kind, ...] = ()


@dataclass(frozen=True)
class Design:
    """A design as it was read.

    :ivar kinds: the kinds in the design; other kinds are not changed.
    :ivar items: of all kinds, in the order in which they are processed.
    """

    kinds: tuple[Kind, ...]
    items: tuple[Item, ...]


def _config_options() -> Json:
    # Kinds other than tunnels and routes are documented in their modules.
    several = {"type": "list", "elements": "dict"}
    return {kind.in_design: {**({"type": "dict"} if kind.is_one else several), **({"options": item_options(kind)} if kind in USUAL else {})} for kind in ROOTS}


def item_options(kind: Kind) -> Json:
    """Return the options of an item, as an argument specification."""
    with_id = {kind.id_option: {"type": "str", **({"aliases": list(kind.id_aliases)} if kind.id_aliases else {})}} if kind.id_option else {}
    return {**with_id, **options_of(kind.fields), **({kind.through[0]: {"type": "str"}} if kind.through else {})}


def read_design(config: t.Any) -> Design:
    """Return a design.

    :raises MagicError: with all its errors, each with its place.
    """
    problems: list[str] = []
    named = _named(config, problems)
    items: list[Item] = []
    for kind in ROOTS:
        if kind in named and config[kind.in_design] is not None:
            items += (_read_single if kind.is_one else read_list)(kind, kind.in_design, config[kind.in_design], problems)
    kinds = tuple(kind for kind in KINDS if (kind in named and config[kind.in_design] is not None) or any(kind in item.lists for item in items))
    problems += _twice(items)
    if problems:
        raise refusal(problems)
    return Design(kinds, tuple(items))


def kinds_of(config: t.Any) -> tuple[Kind, ...]:
    """Return the kinds that a design names, whatever their content.

    :raises MagicError: if it names others.
    """
    problems: list[str] = []
    found = _named(config, problems)
    if problems:
        raise refusal(problems)
    return found


def _named(config: t.Any, problems: list[str]) -> tuple[Kind, ...]:
    """Return the kinds that a design names; errors are appended to ``problems``."""
    if not isinstance(config, Mapping):
        raise MagicError("config: is not a dictionary. Write lists in it: ipsec_tunnels, gre_tunnels, static_routes, interconnects.")
    known = {kind.in_design: kind for kind in ROOTS}
    problems += [_unknown(str(name), "config", known) for name in config if name not in known]
    return tuple(kind for name, kind in known.items() if name in config)


def _read_single(kind: Kind, place: str, written: t.Any, problems: list[str], parent: Item | None = None) -> list[Item]:
    """Return the item of a kind with at most one object, or nothing if it is empty, like an empty list; errors are appended to ``problems``."""
    return [_read_item(kind, place, written, item_options(kind), problems, parent)] if written != {} else []


def read_list(kind: Kind, place: str, written: t.Any, problems: list[str], parent: Item | None = None) -> list[Item]:
    """Return the items of a list, each followed by the items in it; errors are appended to ``problems``."""
    if not isinstance(written, (list, tuple)):
        problems.append(f"{place}: is not a list. Write a '-' before each of the {plural(kind.noun)}.")
        return []
    options, children = item_options(kind), {child.in_path: child for child in children_of(kind)}
    items: list[Item] = []
    for number, entry in enumerate(written):
        where = f"{place}[{number}]"
        lists = {name: child for name, child in children.items() if isinstance(entry, Mapping) and entry.get(name) is not None}
        own = {name: value for name, value in entry.items() if name not in children} if children and isinstance(entry, Mapping) else entry
        item = _read_item(kind, where, own, options, problems, parent, tuple(lists.values()))
        items.append(item)
        for name, child in lists.items():
            items += (_read_single if child.is_one else read_list)(child, f"{where}.{name}", entry[name], problems, item)
    return items


def refusal(problems: Sequence[str]) -> MagicError:
    """Return an error with all errors of a design, as one message and as a list."""
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    more = [f"And {len(problems) - _MOST_PROBLEMS} more."] if len(problems) > _MOST_PROBLEMS else []
    told = [*problems[:_MOST_PROBLEMS], *more]
    error = MagicError(f"The design has {count}, and nothing was changed. {' '.join(told)}")
    error.problems = told
    return error


def _unknown(name: str, place: str, known: Iterable[str]) -> str:
    close = get_close_matches(name, sorted(known), 1)
    return f"{place}.{name}: there is no such option. " + (f"Did you mean '{close[0]}'?" if close else f"It can have: {', '.join(sorted(known))}.")


def _read_item(kind: Kind, place: str, entry: t.Any, options: Json, problems: list[str], parent: Item | None = None, lists: tuple[Kind, ...] = ()) -> Item:
    """Return an item; its errors are appended to ``problems``."""
    if not isinstance(entry, Mapping):
        problems.append(
            f"{place}: is not a dictionary. Write the options of the {kind.noun}, such as {' and '.join(kind.as_written(kind.keys or list(kind.fields)[:1]))}."
        )
        return Item(kind, place, {}, parent=parent, lists=lists)
    before = len(problems)
    given = _converted(options, entry, place, problems)
    for alias in kind.id_aliases:
        if given.get(alias) is not None and given.setdefault(kind.id_option, given[alias]) != given[alias]:
            problems.append(f"{place}: {kind.id_option} and {alias} are the same option. Give one of them.")
    through, follows = kind.through or ("", "")
    if given.get(through) is not None and given.get(follows) is not None:
        problems.append(f"{place}: {through} and {follows} have the same meaning. Give only one of them.")
    desired, more = read_options(kind, given) if len(problems) == before else read(kind.fields, given)
    problems += [f"{place}.{problem}" for problem in more]
    return Item(kind, place, desired, given.get(kind.id_option), given.get(through), parent, lists)


def _converted(options: Json, given: Mapping[t.Any, t.Any], place: str, problems: list[str]) -> Json:
    """Return the values, converted as for the options of Ansible's modules."""
    found: Json = {}
    for key, value in given.items():
        # Without Ansible's tags: everything is faster with plain strings.
        name = str(key)
        option = options.get(name) or ({"type": "str"} if name in _aliases(options) else None)
        where = f"{place}.{name}"
        if name in _ELSEWHERE:
            problems.append(f"{where}: {_ELSEWHERE[name]}")
        elif option is None:
            problems.append(_unknown(name, place, [*options, *_aliases(options)]))
        elif value is not None:
            found[name] = _value(option, value, where, problems)
    return found


def _aliases(options: Json) -> list[str]:
    return [alias for option in options.values() for alias in option.get("aliases", ())]


def _value(option: Json, value: t.Any, where: str, problems: list[str]) -> t.Any:
    before = len(problems)
    kind = option["type"]
    if kind == "str":
        value = _text(value, where, problems)
    elif kind != "raw":
        convert, message = _WANTED[kind]
        try:
            if kind == "int" and isinstance(value, bool):
                raise TypeError(value)
            value = convert(value)
        except (TypeError, ValueError, OverflowError):
            problems.append(f"{where}: {message}")
    if len(problems) > before:
        return None
    if kind == "list":
        entry: Json = {"type": option["elements"], **{name: option[name] for name in ("options", "choices") if name in option}}
        found = [_value(entry, item, f"{where}[{number}]", problems) for number, item in enumerate(value)]
        return [item for item in found if item is not None]
    if "options" in option:
        return _converted(option["options"], value, where, problems)
    if "choices" in option and value not in option["choices"]:
        problems.append(f"{where}: '{value}' is not one of {', '.join(option['choices'])}.")
    return value


def _text(value: t.Any, where: str, problems: list[str]) -> str:
    """Return a string. YAML drops zeros of decimal numbers, so only whole numbers are converted."""
    if isinstance(value, (str, int)) and not isinstance(value, bool):
        return str(value)
    problems.append(f"{where}: is not a string. Put it in quotes.")
    return ""


def _twice(items: Sequence[Item]) -> list[str]:
    """Return duplicates, as far as they can be found without the account."""
    problems = []
    places: dict[tuple[str, str, str, str], str] = {}
    for item in items:
        name = item.desired.get("name") if item.object_id is None and item.kind.keys == ("name",) else None
        for what, value in ((item.kind.id_option, item.object_id), ("name", name)):
            above = item.parent.place if item.parent is not None else ""
            first = places.setdefault((item.kind.several, above, what, value), item.place) if value is not None else item.place
            if first != item.place:
                problems.append(f"{item.place}.{what}: '{value}' is also used by {first}. A design can contain each {item.kind.noun} only once.")
    return problems


# --- an account as a design


def as_item(kind: Kind, actual: Mapping[str, t.Any], with_id: bool = False) -> Json:
    """Return the item of a design that creates an object like this one: without computed fields, and without the defaults of a new object."""
    found = told(kind.fields, actual)
    # One of several equivalent identifiers is enough.
    for key in kind.or_keys if all(key in found for key in kind.keys) else ():
        found.pop(key, None)
    # Empty values are left out, unless a new object needs them.
    found = {**{name: kind.fields[name].empty for name in kind.required if kind.fields[name].said}, **found}
    return {**({kind.id_option: actual["id"]} if with_id and kind.id_option else {}), **found}


def as_items(kind: Kind, objects: Iterable[Mapping[str, t.Any]]) -> list[Json]:
    """Return objects as items, in an order that does not depend on when they were created. Those of one name have their ids."""
    return [item for item, dummy in as_pairs(kind, objects)]


def as_pairs(kind: Kind, objects: Iterable[Mapping[str, t.Any]]) -> list[tuple[Json, Mapping[str, t.Any]]]:
    """Return the same, each with its object."""
    known = sorted(((as_item(kind, actual), actual) for actual in objects), key=lambda pair: (_order(kind, pair[0]), str(pair[1].get("id"))))
    identities = [_identity(kind, item) for item, dummy in known]
    count = Counter(identities)
    return [(as_item(kind, actual, with_id=True) if count[identity] > 1 else item, actual) for identity, (item, actual) in zip(identities, known)]


def _identity(kind: Kind, item: Json) -> str:
    return repr([item.get(name) for name in (*kind.keys, *kind.apart)])


def _order(kind: Kind, item: Json) -> list[str]:
    # Numbers by their value.
    values = [item.get(name) for name in (*kind.keys[:1], *kind.apart, *kind.keys[1:])]
    return [f"{value:020d}" if isinstance(value, int) else str(value) for value in values]


# Checked by ``read_design``, which reports all errors with their places; Ansible's own check stops at the first error and does not name the item.
OPTIONS = SHARED.merge(
    ArgumentSpec(
        {
            "config": {"type": "dict"},
            "state": {"type": "str", "choices": list(STATES), "default": "merged"},
            "keep": {"type": "list", "elements": "str"},
            "max_deletions": {"type": "int", "default": DEFAULT_MAX_DELETIONS},
            "batch_size": {"type": "int", "default": 50},
        }
    )
)
# As documented.
WHOLE_OPTIONS = OPTIONS.merge(ArgumentSpec({"config": {"type": "dict", "options": _config_options()}}))


# For plugins that show the result of such a task.
REPORT_OPTIONS = ArgumentSpec({"result": {"type": "dict", "required": True}})


def check_options(options: Mapping[str, t.Any]) -> list[str]:
    """Check what the argument specification cannot, before anything is sent; return warnings.

    :raises MagicError: naming the option and what to write.
    """
    if options["config"] is None and options["state"] != "gathered":
        raise MagicError("config: missing. Set it to the design. Only state: gathered works without it, and then reads all kinds.")
    if options["max_deletions"] < 0:
        raise MagicError(f"max_deletions: {options['max_deletions']} is less than 0. Use 0 to allow no deletion.")
    if not 1 <= options["batch_size"] <= _LARGEST_BATCH:
        raise MagicError(f"batch_size: {options['batch_size']} is not from 1 to {_LARGEST_BATCH}.")
    return []
