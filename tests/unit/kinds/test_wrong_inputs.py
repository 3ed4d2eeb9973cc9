# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What no module takes, as its declaration has it: values of another type, out of range or not among the choices, options that exclude each other, options that
cannot be changed, and options that there are not. Each is rejected with its name, before anything is written; ``rows.py`` has what is wrong otherwise."""

from __future__ import annotations

import copy
import typing as t

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.cloudflare.magic.plugins.module_utils._cf1_kinds import CF1_SITE
from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._objects import apply_one, check
from ansible_collections.cloudflare.magic.plugins.module_utils._options import not_dictionaries
from ansible_collections.cloudflare.magic.tests.emulator.seed import default_seed
from ansible_collections.cloudflare.magic.tests.unit.kinds.rows import NOBODY, ROWS, Row
from ansible_collections.cloudflare.magic.tests.unit.kinds.test_scenarios import prepare, run
from ansible_collections.cloudflare.magic.tests.unit.network.cloud import Cloud, seed

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.cloudflare.magic.plugins.module_utils._fields import Field

Json = dict[str, t.Any]
ENOUGH = 30
# Of each type of an option, values of other types.
OF_ANOTHER_TYPE: dict[str, list[t.Any]] = {
    "int": ["many", "1.5", "0x10", "1,000", "", [1], {"a": 1}],
    "float": ["north", "1,5", "", [1], {"a": 1}],
    "bool": ["maybe", "truth", "", "10", 2, -1, 0.5, [], {"a": 1}],
    "dict": ["text", 3, [1]],
    "list": [{"a": 1}],
}
# What some fields take and others do not; the fields themselves tell.
VALUES: dict[str, list[t.Any]] = {
    "int": [-(2**63), -1, 0, 70000, 2**32, 2**33, 10**12, 2**63, 2**64],
    "float": [-181.0, -91.0, 91.0, 181.0, 1e9],
    "str": ["", " ", "no value", "300.1.1.1", "10.0.0.1/8", "fd00::1/64", "1h1s", "a/../b"],
    "list of str": [
        [""],
        ["no value"],
        ["300.1.1.1"],
        ["10.0.0.1/8"],
        ["fd00::/64"],
        ["10.0.0.0/33"],
        ["1.2.3"],
        ["10.0.0.0/8{9,4}"],
        ["10.0.0.0/8,24"],
        ["24.12.2026"],
        ["20261224"],
        ["2026-W52-4"],
    ],
    "list of int": [[70000], [0], [-1]],
    "dict": [{"printer": "192.0.2.1"}, {"00:00:5e:00:53:01": "printer"}],
}
EACH = pytest.mark.parametrize("row", ROWS, ids=[row.kind.result for row in ROWS])


class Wrong(t.NamedTuple):
    """Something wrong.

    :ivar sort: why.
    :ivar name: the option that the message has to name.
    :ivar options: the options of the task, beside those that find the object.
    """

    sort: str
    name: str
    options: Json


def _of_field(name: str, one: Field) -> Iterator[tuple[str, str, t.Any]]:
    """Yield what is wrong with a field, with the name that the message has to have."""
    kind = one.spec["type"]
    yield from (("type", name, value) for value in OF_ANOTHER_TYPE.get(kind, []))
    element = one.spec.get("elements")
    yield from (("type", name, [value]) for value in OF_ANOTHER_TYPE.get(str(element), []))
    if one.of:
        yield from (("reference", name, [word] if kind == "list" else word) for word in (NOBODY, "nobody", "*"))
    if "choices" in one.spec:
        for word in ("no such choice", "", one.spec["choices"][0].swapcase()):
            yield "enum", name, [word] if kind == "list" else word
        return
    inner = one.parts or one.entry
    for part, inside in inner.items():
        found = [*_of_field(part, inside), ("unknown", f"{part}_", 1)]
        yield from ((sort, at, [{part: value}] if one.entry and sort != "unknown" else {part: value}) for sort, at, value in found if sort != "unknown")
        yield "unknown", f"{part}_", [{f"{part}_": 1}] if one.entry else {f"{part}_": 1}
    for value in VALUES.get(f"list of {element}" if kind == "list" else kind, []) if not inner else []:
        try:
            one.canonical(copy.deepcopy(value))
        except (ValueError, TypeError, AttributeError):
            yield "range", name, value


def _sample(one: Field) -> t.Any:
    """Return some value that a field has."""
    kind = one.spec["type"]
    return {"str": "a", "int": 1, "bool": True, "list": [], "dict": {}}[kind] if not one.parts else {part: _sample(one.parts[part]) for part in one.needed}


def wrong_inputs(row: Row) -> Iterator[Wrong]:
    """Yield all that is wrong by the declaration of a kind."""
    fields = row.kind.fields
    yield from (Wrong("enum", "state", {"state": value}) for value in ("gone", "", "Present"))
    yield from (Wrong("range", row.kind.id_option, {row.kind.id_option: value}) for value in ("", "..", "a/b") if row.kind.id_option)
    for name, one in fields.items():
        yield from (Wrong(sort, at, {name: value}) for sort, at, value in _of_field(name, one))
        yield Wrong("unknown", f"{name}_", {f"{name}_": 1})
        for other in (*one.excludes, *([one.stands_for] if one.stands_for else [])):
            yield Wrong("exclusive", name, {name: _sample(one), other: _sample(fields[other])})
        if name in row.kind.fixed and not one.refers and not any(field.stands_for == name for field in fields.values()):
            yield Wrong("fixed", name, {name: {"str": "another", "bool": True}[one.spec["type"]]})


def _refusal(cloud: Cloud, row: Row, chosen: Json) -> str:
    """Return what is said of a task, as Ansible and then the module check it; empty if it is taken."""
    spec = row.kind.options
    problems = not_dictionaries(spec.argument_spec, chosen)
    if problems:
        return " ".join(problems)
    result = ArgumentSpecValidator(spec.argument_spec, mutually_exclusive=spec.mutually_exclusive).validate(copy.deepcopy(chosen))
    if result.error_messages or result.unsupported_parameters:
        return " ".join([*result.error_messages, *(".".join(path) if isinstance(path, tuple) else str(path) for path in result.unsupported_parameters)])
    options = {name: result.validated_parameters.get(name) for name in spec.argument_spec}
    try:
        check(row.kind, options)
        apply_one(row.kind, cloud._client, options, False)
    except MagicError as error:
        return str(error)
    return ""


@EACH
def test_it_is_refused_before_anything_is_written(row):
    cloud = Cloud(seed(interconnects=default_seed()["interconnects"]))
    prepare(cloud, row)
    parent = {row.kind.parent.result: row.new[row.kind.parent.result]} if row.kind.parent is not None else {}
    by_id = {row.kind.id_option: run(cloud, row.kind, row.keys)[row.kind.result]["id"]} if row.kind.id_option else {}
    seen = set()
    taken = []
    for wrong in wrong_inputs(row):
        seen.add(repr(wrong.options))
        cloud.sent = []
        said = _refusal(cloud, row, {**parent, **by_id, **wrong.options})
        if wrong.name not in said or [request for request in cloud.sent if request.is_write]:
            taken.append((wrong, said))
        assert wrong.sort != "fixed" or "cannot be changed" in said, wrong
    assert taken == []
    assert len(seen) + len(row.wrong) >= ENOUGH, len(seen)


def test_every_sort_is_there():
    assert {wrong.sort for row in ROWS for wrong in wrong_inputs(row)} == {"type", "range", "enum", "exclusive", "fixed", "unknown", "reference"}


SECRET = "a-key-in-the-wrong-place"


@pytest.mark.parametrize("wrong", [[SECRET], SECRET, f"{SECRET},{SECRET}", [None], [{"ipsec_tunnel": "a"}, SECRET], [f'["{SECRET}"]'], 5], ids=repr)
def test_what_is_no_dictionary_is_named_with_its_options_but_not_shown(wrong):
    spec = CF1_SITE.options.argument_spec
    said = not_dictionaries(spec, {"name": "a", "ramps": wrong})
    if wrong == 5:
        assert said == []  # no list, as Ansible says
        return
    assert len(said) == 1
    text = said[0]
    assert text.startswith("ramps: ") and "is not a dictionary. Write options in it: ramp_id, ipsec_tunnel, " in text and SECRET not in text
    assert SECRET not in str(not_dictionaries(spec, {"location": [SECRET], "ramps": [[SECRET]]}))
    assert not_dictionaries(spec, {"location": SECRET}) == ["location: a text is not a dictionary. Write options in it: lat, long, name."]


@pytest.mark.parametrize("text", ["ipsec_tunnel=a", '{"ipsec_tunnel": "a"}', "ipsec_tunnel=a,gre_tunnel=b"])
def test_what_ansible_makes_a_dictionary_of_is_left_to_it(text):
    options = {"name": "a", "ramps": text if "," in text else [text]}
    assert not_dictionaries(CF1_SITE.options.argument_spec, options) == []
    spec = CF1_SITE.options
    assert ArgumentSpecValidator(spec.argument_spec).validate(options).error_messages == []
