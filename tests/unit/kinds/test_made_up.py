# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A kind of objects is a declaration, and nothing else: those made up here have all that a kind can have."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from ansible_collections.cloudflare.magic.plugins.module_utils import _values
from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._fields import Field
from ansible_collections.cloudflare.magic.plugins.module_utils._kind import Kind
from ansible_collections.cloudflare.magic.plugins.module_utils._objects import apply_one, check, read_some
from ansible_collections.cloudflare.magic.plugins.plugin_utils._object_action import manages, reads
from ansible_collections.cloudflare.magic.tests.unit.kinds.toy import Toy

PLUGINS = Path(__file__).resolve().parents[3] / "plugins"

GARDEN = Kind(noun="garden", single="garden", several="gardens", id_option="garden_id", keys=("name",), fields={"name": Field({"type": "str"})}, bare=True)
TREE = Kind(
    noun="tree",
    single="tree",
    several="trees",
    in_path="all/trees",
    tree="wood",
    parent=GARDEN,
    id_option="tree_id",
    id_field="tag",
    keys=("name",),
    or_keys=("number",),
    within={"number": ("label", "number")},
    fields={
        "name": Field({"type": "str"}, _values.name),
        "number": Field({"type": "int"}),
        "species": Field({"type": "str"}),
        "beside": Field({"type": "str"}, stands_for="beside_id", of=()),
        "beside_id": Field({"type": "str"}, empty=""),
        "fruit": Field(
            {"type": "dict"}, parts={"sweet": Field({"type": "bool"}, empty=False), "kind": Field({"type": "dict"}, parts={"a": Field({"type": "int"})})}
        ),
        "nests": Field({"type": "list", "elements": "dict"}, empty=[], entry={"bird": Field({"type": "str"})}, needed=("bird",)),
        "deep": Field({"type": "bool"}, excludes=("wide",)),
        "wide": Field({"type": "bool"}, excludes=("deep",)),
    },
    required=("name", "species"),
    repeated=(),
    fixed=("species",),
    updates="PATCH",
    listed=True,
    bare=True,
    validates=False,
    hidden=("secret_place",),
    warns=lambda item, dummy_changes: ["species: palms freeze."] if item.get("species") == "palm" else [],
    alone={"label": (("number",),)},
    rules=lambda item, dummy_changes: ["name: no tree is called stone. Give another name."] if item.get("name") == "stone" else [],
)
TREE.fields["beside"] = Field({"type": "str"}, stands_for="beside_id", of=(TREE,))
SIGN = Kind(
    noun="sign", single="sign", several="sign", id_option="", keys=(), fields={"text": Field({"type": "str"})}, parent=GARDEN, bare=True, updates="PATCH"
)
OAK = {"garden": "back", "name": "oak", "number": 7, "species": "quercus"}


def run(toy, kind, check_mode=False, **chosen):
    """Do the work of a module of this kind, as its action plugin does."""
    spec = manages(kind).OPTIONS.argument_spec
    assert set(chosen) <= set(spec)
    options = {name: chosen.get(name, option.get("default")) for name, option in spec.items()}
    toy.seen.clear()
    check(kind, options)
    return apply_one(kind, toy.client, options, check_mode)


def writes(toy):
    return [request for request in toy.seen if request[0] != "GET"]


@pytest.fixture(name="toy")
def _toy():
    toy = Toy(singles={"sign"})
    toy.objects["magic/gardens"] = [{"id": "a" * 32, "name": "front"}, {"id": "b" * 32, "name": "back"}]
    return toy


@pytest.fixture(name="wood")
def _wood(toy, monkeypatch):
    """The same, where trees have their own name for an id."""
    monkeypatch.setattr(toy, "_id_field", "tag")
    toy.objects["magic/gardens"] = [{**item, "tag": item["id"]} for item in toy.objects["magic/gardens"]]
    return toy


TREES = f"wood/gardens/{'b' * 32}/all/trees"


def test_a_child_with_all_that_there_is(wood):
    dry = run(wood, TREE, True, **OAK)
    assert (dry["changed"], dry["validated"], writes(wood)) == (True, False, [])
    new = run(wood, TREE, **OAK)
    assert writes(wood) == [("POST", TREES, [{"name": "oak", "species": "quercus", "label": {"number": 7}}])]
    assert new["tree"]["number"] == 7
    assert not run(wood, TREE, **OAK)["changed"] and not run(wood, TREE, garden="b" * 32, number=7)["changed"]
    path = f"{TREES}/{new['tree']['id']}"
    for chosen, body in (
        ({"fruit": {"kind": {"a": 1}}}, {"fruit": {"kind": {"a": 1}}}),
        ({"fruit": {"sweet": True}}, {"fruit": {"sweet": True, "kind": {"a": 1}}}),
        ({"nests": [{"bird": "owl"}, {"bird": "jay"}]}, {"nests": [{"bird": "jay"}, {"bird": "owl"}]}),
        ({"nests": []}, {"nests": []}),
        ({"beside": "oak"}, {"beside_id": new["tree"]["id"]}),
        ({"beside": ""}, {"beside_id": ""}),
    ):
        assert run(wood, TREE, True, garden="back", name="oak", **chosen)["validated"] is False and writes(wood) == []
        assert run(wood, TREE, garden="back", name="oak", **chosen)["changed"]
        assert writes(wood) == [("PATCH", path, body)]
        assert not run(wood, TREE, garden="back", name="oak", **chosen)["changed"]
    assert run(wood, TREE, garden="back", tree_id=new["tree"]["id"], name="elm")["changed"] is True
    assert run(wood, TREE, garden="back", name="elm", state="absent")["changed"] and writes(wood) == [("DELETE", path, None)]
    for gone in ({"name": "elm"}, {"number": 7}, {"tree_id": new["tree"]["id"]}):
        assert not run(wood, TREE, garden="back", **gone, state="absent")["changed"]
    assert not run(wood, TREE, garden="nowhere", name="elm", state="absent")["changed"]


WRONG = {
    "no parent": ({"garden": "nowhere", "name": "oak"}, "garden: there is no garden 'nowhere'. These exist: back, front."),
    "new and too little": ({"garden": "back", "name": "ash"}, "species: missing. There is no such tree yet"),
    "fixed": ({**OAK, "species": "robur"}, "species: cannot be changed"),
    "excluded": ({**OAK, "deep": True, "wide": True}, "cannot be combined with"),
    "entry": ({**OAK, "nests": [{"bird": None}]}, "nests[0].bird: missing"),
    "nobody": ({**OAK, "beside": "yew"}, "beside: there is no tree 'yew'. These exist: oak."),
    "both": ({**OAK, "beside": "yew", "beside_id": "1"}, "beside: cannot be combined with beside_id"),
    "rule": ({**OAK, "name": "stone", "number": None}, "name: no tree is called stone"),
    "no id": ({"garden": "back", "tree_id": "c" * 32, "name": "ash"}, "tree_id: there is no tree with the id"),
    "nothing": ({"garden": "back"}, "name: missing. A tree is identified by name (or number), or by tree_id."),
}


@pytest.mark.parametrize("chosen, words", WRONG.values(), ids=WRONG)
def test_what_is_wrong_with_it(wood, chosen, words):
    run(wood, TREE, **OAK)
    with pytest.raises(MagicError) as caught:
        run(wood, TREE, **chosen)
    assert words in str(caught.value) and writes(wood) == []


def test_there_is_one_at_most(toy):
    assert "sign_id" not in SIGN.options.argument_spec
    assert run(toy, SIGN, garden="front", text="hello")["changed"]
    path = f"magic/gardens/{'a' * 32}/sign"
    assert writes(toy) == [("POST", path, {"text": "hello"})]
    assert not run(toy, SIGN, garden="front", text="hello")["changed"] and run(toy, SIGN, garden="front", text="bye")["changed"]
    assert writes(toy) == [("PATCH", path, {"text": "bye"})]
    assert run(toy, SIGN, garden="front", state="absent")["changed"] and not run(toy, SIGN, garden="front", state="absent")["changed"]


def test_what_is_hidden_is_in_nothing(wood):
    secret = "where-the-treasure-is-0123"
    wood.objects[TREES] = [{"tag": "c" * 32, "name": "oak", "secret_place": secret}]
    found = run(wood, TREE, garden="back", name="oak", fruit={"sweet": True})
    spec = reads(TREE).OPTIONS.argument_spec
    shown = read_some(TREE, wood.client, {**{name: option.get("default") for name, option in spec.items()}, "garden": "back"})
    assert shown["trees"][0]["name"] == "oak" and secret not in str((found, shown))
    # Nor in what the server says later.
    assert secret not in wood.client.readable(f"about {secret}")


def test_a_module_is_little_more_than_its_documentation():
    found = {}
    for path in sorted((PLUGINS / "modules").glob("*.py")):
        lines = path.read_text(encoding="utf-8").splitlines()
        documentation = [node for node in ast.parse("\n".join(lines)).body if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)]
        beside = len(lines) - sum((node.end_lineno or 0) - node.lineno + 1 for node in documentation)
        action = PLUGINS / "action" / path.name
        # Those that manage or read a kind. The others do something of their own, and may take its locks for that.
        if re.search(r"_object_action import (manages|reads)$", action.read_text(encoding="utf-8"), re.MULTILINE):
            found[path.stem] = beside + len(action.read_text(encoding="utf-8").splitlines())
    assert len(found) >= 30 and max(found.values()) <= 40, found
