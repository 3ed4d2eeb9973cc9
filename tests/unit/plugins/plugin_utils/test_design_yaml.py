# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A design as a file of variables: what Ansible reads from it is what was written, and it is never a template."""

from __future__ import annotations

import difflib
import typing as t

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.plugin_utils._design_yaml import scalar, variables_file

# What other languages and other versions of YAML take for something else than text.
TRAPS = ["no", "Yes", "OFF", "y", "N", "true", "null", "Null", "~", "", " ", "-", "- a", "1.10", "0123", "0o17", "0x1F", "1e3", "1_000", "1:20", "190:20:30"]
TRAPS += [
    "2026-11-30",
    "2026-11-30T21:00:00Z",
    ".inf",
    ".NaN",
    "nan",
    "Inf",
    "=",
    "<<",
    "@team",
    "`x`",
    "a: b",
    "a:",
    ":a",
    "a #b",
    "#a",
    "&a",
    "*a",
    "!a",
    "%a",
]
TRAPS += [
    "| a",
    "> a",
    "'a'",
    '"a"',
    "a\\b",
    "[a]",
    "['a']",
    "{a: 1}",
    "{'a': 1}",
    "a, b",
    "? a",
    "---",
    "...",
    " a",
    "a ",
    "a  b",
    "\ta",
    "a\nb",
    "a\r\nb",
    "\x00",
]
TRAPS += [
    "\x1b[2J",
    "\x85",
    "\u2028",
    "\ufeff",
    "\u202egnp",
    "\u200b",
    "é",
    "日本",
    "😀",
    "\ue000",
    "\U0010ffff",
    "None",
    "True",
    "1",
    "-1",
    "+1",
    "1.",
    "..",
    "a" * 5000,
]
TEMPLATES = [
    "{{ 1 + 1 }}",
    "{{ lookup('pipe', 'false') }}",
    "{% raw %}",
    "{# a #}",
    "a {{ b",
    "}} {{",
    "{{ '\n' }}",
    "é {{ \x1b }}",
    "#jinja2: variable_start_string: '[['\n[[ 1 ]]",
]

texts = st.one_of(st.text(max_size=12), st.sampled_from(TRAPS + TEMPLATES), st.text("09az{}%#:.- '", max_size=8))
values = st.one_of(texts, st.integers(), st.booleans(), st.lists(texts, max_size=3))
items = st.fixed_dictionaries(
    {"name": texts, "bgp": st.fixed_dictionaries({}, optional={"md5_key": values, "extra_prefixes": values})}, optional={"mtu": values}
)
designs = st.fixed_dictionaries({}, optional={"ipsec_tunnels": st.lists(items, max_size=3), "static_routes": st.lists(items, max_size=1)})


def read(text: str) -> t.Any:
    """Read a file of variables as Ansible does, and use the variable as a playbook does."""
    variables = DataLoader().load(text)
    assert set(variables) == {"network_config"}
    return Templar(DataLoader(), variables=variables).template(variables["network_config"])


def plain(value: t.Any) -> t.Any:
    """Return the same without Ansible's own classes, to compare types as well."""
    if isinstance(value, dict):
        return {plain(name): plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value if value is None or isinstance(value, bool) else int(value) if isinstance(value, int) else str.__str__(value)


def same(one: t.Any, other: t.Any) -> bool:
    return repr(plain(one)) == repr(plain(other))


@given(designs)
def test_what_is_read_is_what_was_written(design):
    assert same(read(variables_file(design, "account", "now")), design)


@pytest.mark.parametrize("text", TRAPS + TEMPLATES, ids=ascii)
def test_texts(text):
    design = {"ipsec_tunnels": [{"name": text, "bgp": {"extra_prefixes": [text, text]}}]}
    written = variables_file(design, "account", "now")
    assert same(read(written), design)
    assert all(character.isprintable() for character in written.replace("\n", ""))
    assert ("!unsafe" in written) == (text in TEMPLATES)


@pytest.mark.parametrize("name", [trap for trap in TRAPS + TEMPLATES if len(trap) < 1000] + ['x: 1\nevil: "{{ 1 }}"\ny'], ids=ascii)
def test_names_that_stand_where_a_text_should(name):
    design = {"ipsec_tunnels": [{"name": "a", "description": {name: {name: "b"}}}]}
    written = variables_file(design, "account", "now")
    assert same(read(written), design)
    assert all(character.isprintable() for character in written.replace("\n", ""))


def test_no_template_gets_in_by_the_head():
    written = variables_file({}, "{{ 1 }}\nnetwork_config: evil", "\x1b{{ now }}")
    assert same(read(written), {}) and yaml.safe_load(written) == {"network_config": {}}


def test_one_field_is_one_line():
    tunnels = [{"name": f"t-{number}", "description": "Old", "health_check": {"rate": "mid"}} for number in range(50)]
    before = variables_file({"ipsec_tunnels": tunnels}, "account", "now").splitlines()
    tunnels[20]["description"] = "no: " + "long " * 100
    after = variables_file({"ipsec_tunnels": tunnels}, "account", "now").splitlines()
    changed = [line for line in difflib.ndiff(before, after) if line[0] in "+-"]
    assert [line[0] for line in changed] == ["-", "+"]


def test_the_same_design_leaves_the_file():
    design = {"ipsec_tunnels": [{"name": "a"}], "static_routes": []}
    first = variables_file(design, "account", "monday")
    assert variables_file(design, "account", "tuesday", first) == first
    # Comments of one's own stay, too.
    own = "# Ours.\n" + first
    assert variables_file(design, "account", "tuesday", own) == own
    for other in ("", "# Ours.\n", first.replace("name: a", "name: b"), first.rstrip("\n"), "---\nnetwork_config: {}\n...\n"):
        written = variables_file(design, "account", "tuesday", other)
        assert "tuesday" in written and same(read(written), design)


@pytest.mark.parametrize("other", ["x", "more: 1\n", "- a\n", "$ANSIBLE_VAULT;1.1;AES256\n6162\n", '"network_config": {}\n', "network_configs: {}\n"])
def test_a_file_with_something_else_is_not_replaced(other):
    first = variables_file({"static_routes": []}, "account", "monday")
    for text, line in ((other, 1), (first + other, first.count("\n") + 1), (f"---\n\n{other}", 3)):
        with pytest.raises(MagicError, match=rf"something other than the variable network_config \(line {line}\), so it is not replaced"):
            variables_file({"static_routes": []}, "account", "tuesday", text)


def test_what_yaml_cannot_hold_is_told():
    with pytest.raises(MagicError, match=r"lone surrogate.*The text before it: .*paris-1"):
        variables_file({"ipsec_tunnels": [{"name": "paris-1", "description": "a\ud800b"}]}, "account", "now")


def test_scalars_for_people():
    values: list[t.Any] = [None, True, 7, "a b", "203.0.113.1", "10.0.0.0/8", "fd00::1", [], ["a", 1], {}]
    assert [scalar(value) for value in values] == [
        "null", "true", "7", "a b", "203.0.113.1", "10.0.0.0/8", '"fd00::1"', "[]", "[a, 1]", "{}",
    ]  # fmt: skip
