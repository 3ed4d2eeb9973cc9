# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the documentation of ``network`` says of a design is what the modules of the single objects say of their options."""

from __future__ import annotations

import importlib
import typing as t

import pytest
import yaml

from ansible_collections.cloudflare.magic.plugins.doc_fragments import options
from ansible_collections.cloudflare.magic.plugins.doc_fragments.design import ModuleDocFragment
from ansible_collections.cloudflare.magic.plugins.module_utils._design import item_options
from ansible_collections.cloudflare.magic.plugins.module_utils._options import SHARED
from ansible_collections.cloudflare.magic.plugins.module_utils._tree import ROOTS, USUAL, children_of, parts_of

Json = dict[str, t.Any]
CONFIG = yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"]["config"]
# What an item does not have.
NOT_IN_ITEMS = {"state", "psk", "update_psk"}
BY_NAME = [kind.in_design for kind in ROOTS]


def documented(kind: t.Any) -> Json:
    """Return the options in the documentation of the module for a kind, without those that modules of all kinds share."""
    module = importlib.import_module(f"ansible_collections.cloudflare.magic.plugins.modules.{kind.result}")
    documentation = yaml.safe_load(module.DOCUMENTATION)
    fragments = [name.rpartition(".options.")[2].upper() for name in documentation["extends_documentation_fragment"] if ".options." in name]
    texts = [getattr(options.ModuleDocFragment, name) for name in fragments]
    shared = [yaml.safe_load(text).get("options", {}) for text in texts]
    return {name: option for part in (*shared, documentation["options"]) for name, option in part.items() if name not in SHARED.argument_spec}


def shape(given: Json, suboptions: str) -> Json:
    """Return what matters of options: their names, types, elements, choices and aliases, at all depths."""
    found = {}
    for name, option in given.items():
        own = {key: option[key] for key in ("type", "elements", "aliases") if option.get(key)}
        if "choices" in option:
            own["choices"] = list(option["choices"])  # with or without a description of each
        found[name] = {**own, **({"options": shape(option[suboptions], suboptions)} if suboptions in option else {})}
    return found


def test_every_kind_is_there():
    assert sorted(CONFIG["suboptions"]) == sorted(BY_NAME)


@pytest.mark.parametrize("kind", ROOTS, ids=BY_NAME)
def test_a_design_is_documented_as_its_modules_are(kind):
    own = CONFIG["suboptions"][kind.in_design]
    text = " ".join(own["description"])
    assert own["type"] == ("dict" if kind.is_one else "list") and own.get("elements") == (None if kind.is_one else "dict")
    specified = shape(item_options(kind), "options")
    of_module = shape({name: option for name, option in documented(kind).items() if name not in (*NOT_IN_ITEMS, *kind.inside)}, "suboptions")
    assert of_module == specified
    if kind in USUAL:
        assert shape(own["suboptions"], "suboptions") == of_module
    else:
        # One place says it all.
        assert "suboptions" not in own and f"M(cloudflare.magic.{kind.result})" in text
    parts = parts_of(kind)
    assert [child.in_path for child in parts] == list(kind.inside)
    for child in parts:
        assert f"C({child.in_path})" in text and f"M(cloudflare.magic.{kind.result})" in text
        option = documented(kind)[child.in_path]
        assert (option["type"], option["elements"]) == ("list", "dict")
        assert shape(option["suboptions"], "suboptions") == shape(kind.inside[child.in_path], "options") == shape(item_options(child), "options")
    for child in (child for child in children_of(kind) if child not in parts):
        assert f"C({child.in_path})" in text and f"M(cloudflare.magic.{child.result})" in text
        of_child = {name: option for name, option in documented(child).items() if name not in (*NOT_IN_ITEMS, kind.result)}
        assert shape(of_child, "suboptions") == shape(item_options(child), "options")
