# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The encrypted file of keys: what goes in comes out through Ansible's own loader, and what is not ours stays as it is."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import stat
import struct
import sys
import tempfile
import time
import traceback
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
import yaml
from ansible import constants as C
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import VaultLib, VaultSecret
from ansible.template import Templar
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.plugin_utils import _vault_file
from ansible_collections.cloudflare.magic.plugins.plugin_utils._vault_file import VaultFile
from ansible_collections.cloudflare.magic.plugins.plugin_utils._vault_text import (
    PSKS,
    doubt,
    fact_entries,
    join,
    newest,
    replaced,
    replacing,
    split,
    updated,
)

try:
    from ansible.template import trust_as_template  # from ansible-core 2.19 on
except ImportError:

    def trust_as_template(value):  # type: ignore[misc]
        return value


VARIABLE = PSKS.variable
ID = "c4a7362d577a6c3019a474fd6f485821"
OTHER = "5f0c2b7a9d1e4f60823b1c5d7e9fa0b1"
SECRET = "TheKeyThatMustNotBeSeen"
NEW = {"psk": "n" * 32, "name": "paris-1", "last_generated_on": "2026-11-23T14:28:47.054317925Z", "saved_on": "2026-11-23T14:28:47+00:00"}

# What YAML, Jinja, a shell or a device could take for something else.
AWKWARD = [
    "0x1234567890abcdef",
    "0sBase64LookingKey==",
    "012345670123",
    "12345678901234567890123456789012",
    "1234567890",
    "1e10",
    "1_000",
    "12:30:45",
    "190:20:30",
    "2026-11-23",
    "2026-11-23T14:28:47Z",
    "+.inf",
    ".nan",
    "true",
    "off",
    "null",
    "~",
    "=",
    "<<",
    "",
    " leading and trailing ",
    "two  blanks",
    "a: b",
    "a #b",
    "#start",
    'double"quote',
    '"quoted"',
    "single'quote",
    "'quoted'",
    "{braces}",
    "[brackets]",
    "{{ 7 * 6 }}",
    "{{ undefined_variable }}",
    "{{",
    "}}{{",
    "{% raw %}",
    "{# comment #}",
    "{{'{{'}}",
    "back\\slash",
    "\\n is not a line break",
    "trailing\\",
    "@start",
    "*start",
    "&start",
    "!start",
    "!unsafe",
    "!vault",
    "%start",
    "`start`",
    "|",
    ">",
    "- dash",
    "-",
    "---",
    "...",
    "? question",
    ": colon",
    "$ANSIBLE_VAULT;1.1;AES256",
    "${HOME}",
    "ünïcödé",
    "日本語",
    "\U0001f511",
    "tab\there",
    "nel\x85here",
    "ls\u2028ps\u2029here",
    "nbsp\xa0here",
    "bom\ufeffhere",
    "x" * 300,
    "many words " * 150,
]


def secret(password="correct"):
    return VaultSecret(password.encode())


def lib(*ids, **passwords):
    """A vault with secrets of these ids, all with one password, or each with its own."""
    return VaultLib([(name, secret()) for name in ids] + [(name, secret(password)) for name, password in passwords.items()])


def as_ansible_reads(path, vault):
    """The variables of a file as a playbook sees them: read as vars_files and include_vars do, then templated."""
    loader = DataLoader()
    loader.set_vault_secrets(vault.secrets)
    options = {"trusted_as_template": True} if trust_as_template.__module__ != __name__ else {}
    variables = loader.load_from_file(str(path), cache="none", **options)
    templar = Templar(loader, variables=variables)
    # By way of JSON, to be rid of Ansible's own kinds of strings and dictionaries.
    return {str(name): json.loads(json.dumps(templar.template(trust_as_template("{{ lookup('vars', '" + name + "') }}")))) for name in variables}


def plain(path, vault):
    with open(path, "rb") as handle:
        return bytes(vault.decrypt(handle.read())).decode("utf-8")


def write(path, text, vault, vault_id="default"):
    """Encrypt as 'ansible-vault encrypt' does."""
    data = vault.encrypt(text.encode("utf-8") if isinstance(text, str) else text, secret=dict(vault.secrets)[vault_id], vault_id=vault_id)
    path.write_bytes(data)
    return data


def put(path, vault, tunnel_id=ID, entry=None, **options):
    with VaultFile(str(path), vault, PSKS, **options) as store:
        store.entries[tunnel_id] = dict(NEW) if entry is None else entry
        store.save()
    return store


def refused(path, vault, *words, **options):
    """The message of the error of entering. Nothing is written meanwhile, and nothing stays behind but the lock."""
    before = snapshot(path)
    with pytest.raises(MagicError) as caught, VaultFile(str(path), vault, PSKS, **options):
        pytest.fail("it was entered")
    assert snapshot(path) == before
    text = str(caught.value)
    assert text.startswith(f"vault_file: {path} cannot be used: ")
    assert text.endswith(" Nothing has been changed.")
    assert SECRET not in text
    for word in words:
        assert word in text
    return text


def snapshot(path):
    """The files beside this one and itself, without the lock, whose only content is the process that has it."""
    folder = os.path.dirname(os.path.realpath(path))
    found: dict[str, bytes | None] = {}
    for name in os.listdir(folder) if os.path.isdir(folder) else ():
        file = os.path.join(folder, name)
        if name.endswith(".lock") and os.path.isfile(file):
            with open(file, "rb") as handle:
                assert handle.read() in (b"", b"%d\n" % os.getpid())
        elif os.path.isfile(file):
            with open(file, "rb") as handle:
                found[name] = handle.read()
        else:
            found[name] = None
    return found


class _Foreign(yaml.SafeLoader):
    """Reads any tag."""


_Foreign.add_multi_constructor("!", lambda loader, suffix, node: (suffix, node.value))


def load(text):
    return yaml.load(text, Loader=_Foreign)


# --- what goes in comes out


@pytest.mark.parametrize("text", AWKWARD)
def test_awkward_strings(tmp_path, text):
    vault = lib("default")
    path = tmp_path / "keys.yml"
    entries = {ID: {"psk": text, "name": text, "last_generated_on": text, "previous_psk": text, "more": text}, "id": {"psk": text}}
    with VaultFile(str(path), vault, PSKS) as store:
        store.entries.update(entries)
        store.save()
    again = lib("default")
    with VaultFile(str(path), again, PSKS, read_only=True) as store:
        assert store.entries == entries
    read = as_ansible_reads(path, vault)[VARIABLE]
    assert read[ID]["psk"] == read[ID]["previous_psk"] == read[ID]["name"] == read[ID]["last_generated_on"] == text
    assert set(read) == set(entries)


def _is_text(text):
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


TEXT = st.one_of(st.sampled_from(AWKWARD), st.text(max_size=60).filter(_is_text), st.text(alphabet="{}%#'\"\\ :-!&*@|>?[],~0x1e.\n\t", max_size=40))
SCALAR = st.one_of(TEXT, st.none(), st.booleans(), st.integers(-(10**12), 10**12))
ENTRY = st.dictionaries(TEXT, SCALAR, max_size=4).flatmap(lambda more: st.fixed_dictionaries({"psk": TEXT, "name": TEXT}).map(lambda ours: {**more, **ours}))
ENTRIES = st.dictionaries(st.one_of(TEXT, st.just(ID)), ENTRY, max_size=4)

COMMENT = st.text(
    alphabet=st.characters(min_codepoint=32, max_codepoint=0x17F, exclude_characters="\x7f\x85", exclude_categories=["Cc", "Cs"]), max_size=20
).map(lambda text: "# " + text)
BLANK = st.just("")
VALUE = st.sampled_from(
    [
        "{0}: 1",
        "{0}: plain text # with a comment",
        "{0}: 'single ''quotes'''",
        '{0}: "double \\"quotes\\" \\u00e9"',
        "{0}:",
        "{0}: {{}}",
        "{0}: {{a: 1, b: [2, 3]}}",
        "{0}: {{\n  a: 1,\n}}",
        "{0}:\n  - a\n  -\n  - b: 1\n    c: 2",
        "{0}:\n- a\n- b",
        "{0}:\n  nested:\n    deeper: true\n  # a comment inside\n  last: x",
        "{0}: |\n  block\n    text\n\n  end",
        "{0}: >-\n  folded\n  text",
        "{0}: |+\n  kept\n",
        "{0}: plain\n  over two lines",
        "{0}: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  3131",
        "{0}: !unsafe '{{{{ x }}}}'",
        "{0}: '{{{{ template }}}}'",
        "{0}: &anchor_{0}\n  x: 1\n{0}_too: *anchor_{0}",
        "{0}: ünïcödé \U0001f511",
        "{0}: ~",
        "'{0} quoted': 1",
        "? {0}\n: explained",
        "{0}: [a,\n b]",
    ]
)


@st.composite
def foreign(draw):
    """Lines of a file of variables in front of ours and behind it."""
    parts = draw(st.lists(st.one_of(VALUE, VALUE, COMMENT, BLANK), max_size=8))
    lines = [part if part.startswith("#") else part.format(f"v{number}") for number, part in enumerate(parts)]
    cut = draw(st.integers(0, len(lines)))
    return lines[:cut], lines[cut:]


@settings(deadline=None, derandomize=True, max_examples=200, suppress_health_check=list(HealthCheck))
@given(
    lines=foreign(),
    ours=st.one_of(st.none(), ENTRIES),
    style=st.sampled_from(["block", "flow", "empty"]),
    top=st.sampled_from(["", "---\n", "# header\n---\n", "%YAML 1.1\n---\n", "\n\n"]),
    bottom=st.sampled_from(["", "...\n", "...\n# end\n"]),
    newline=st.sampled_from(["\n", "\r\n"]),
    final=st.booleans(),
    new=ENTRY,
)
def test_what_is_foreign_survives(lines, ours, style, top, bottom, newline, final, new):
    before, behind = ("".join(line + "\n" for line in part) for part in lines)
    mine = ""
    if ours is not None:
        if style == "block" and ours:
            mine = join(PSKS, "x: 1\n", ours, "")[len("x: 1\n") :]
        elif style == "flow":
            mine = f"{VARIABLE}: {yaml.safe_dump(ours, default_flow_style=True, width=10**6)}"
        else:
            mine, ours = f"{VARIABLE}:\n", {}
    if bottom and not any(line and not line.startswith("#") for part in lines for line in part) and not mine:
        bottom = ""
    text = (top + before + mine + behind + bottom).replace("\n", newline)
    if not final and text.endswith(newline):
        text = text[: -len(newline)]
    old = load(text) or {}

    start, entries, end = split(text, VARIABLE)
    assert entries == (ours or {})
    result = join(PSKS, start, {**entries, ID: new}, end)

    assert split(result, VARIABLE)[1:] == ({**entries, ID: new}, end)
    assert result.startswith(start)
    read = load(result)
    assert set(read) == {*old, VARIABLE}
    for name in set(old) - {VARIABLE}:
        # A block at the very end without a line break gets one here, which is why VaultFile refuses such a file.
        assert (read[name] == old[name]) if final else (repr(read[name]).replace("\\n", "") == repr(old[name]).replace("\\n", ""))
    # Line by line and in order, whatever Python makes of them.
    position = 0
    for line in (before + behind).splitlines(keepends=True) if final else (before + behind).splitlines():
        position = result.index(line.replace("\n", newline), position) + len(line)


@settings(deadline=None, derandomize=True, max_examples=40, suppress_health_check=list(HealthCheck))
@given(entries=ENTRIES, new=ENTRY)
@example(entries={}, new={"psk": "{{ 1 }}", "name": "a"})
def test_what_goes_in_comes_out(tmp_path_factory, entries, new):
    vault = lib("default")
    path = tmp_path_factory.mktemp("v") / "keys.yml"
    put(path, vault, entry=new)
    with VaultFile(str(path), vault, PSKS) as store:
        assert store.entries == {ID: new}
        store.entries.update(entries)
        store.save()
    read = as_ansible_reads(path, vault)[VARIABLE]
    wanted = {ID: new, **entries}
    assert set(read) == set(wanted)
    for tunnel_id, entry in wanted.items():
        assert read[tunnel_id]["psk"] == entry["psk"]
        assert {name: value for name, value in read[tunnel_id].items() if isinstance(value, str)} == {n: v for n, v in entry.items() if isinstance(v, str)}


# --- files that people wrote

OURS = f"{VARIABLE}:\n  {OTHER}:\n    psk: {SECRET}\n"
MERGED = {
    "empty": "",
    "blank lines": "\n\n",
    "comments only": "# one\n# two\n",
    "comment without a line break": "# one",
    "start marker": "---\n",
    "start marker and comment": "---\n# one\n",
    "start and end marker around variables": "---\na: 1\n...\n",
    "only foreign": "a: 1\n",
    "no final line break": "a: 1",
    "CRLF": "# c\r\na: 1\r\n",
    "ours first": OURS + "a: 1\n",
    "ours between": "a: 1\n" + OURS + "# c\nb: 1\n",
    "ours last, no final line break": "a: 1\n" + OURS[:-1],
    "ours, then a comment": OURS + "# the end\n",
    "ours quoted": OURS.replace(VARIABLE, f'"{VARIABLE}"') + "a: 1\n",
    "ours empty": f"a: 1\n{VARIABLE}:\n# c\nb: 1\n",
    "ours {}": f"{VARIABLE}: {{}}\nb: 1\n",
    "ours null": f"{VARIABLE}: ~\nb: 1\n",
    "ours in braces": f"{VARIABLE}: {{\n  {OTHER}: {{psk: {SECRET}}}\n}}\nb: 1\n",
    "ours ends with a block": f"{VARIABLE}:\n  {OTHER}:\n    psk: {SECRET}\n    note: |\n      a\n      b\nb: 1\nc: 1\n",
    "ours ends with a folded block": f"{VARIABLE}:\n  {OTHER}:\n    psk: {SECRET}\n    note: >-\n      a\nb: 1\nc: 1\n",
    "ours ends with a kept block": f"{VARIABLE}:\n  {OTHER}:\n    psk: {SECRET}\n    note: |+\n      a\n\n\nb: 1\nc: 1\n",
    "ours ends with a block, CRLF": f"{VARIABLE}:\r\n  {OTHER}:\r\n    psk: {SECRET}\r\n    note: |\r\n      a\r\nb: 1\r\nc: 1\r\n",
    "ours ends with null": f"{VARIABLE}:\n  {OTHER}:\n    psk: {SECRET}\n    note:\n# c\nb: 1\n",
    "ours ends with a list": f"{VARIABLE}:\n  {OTHER}:\n    psk: {SECRET}\n    note:\n    - a\n    -\nb: 1\n",
    "ours over two lines": f"{VARIABLE}:\n  {OTHER}:\n    psk: {SECRET}\n    note: a\n      b\nb: 1\n",
    "ours with !unsafe": f"{VARIABLE}:\n  {OTHER}:\n    psk: !unsafe '{{{{{SECRET}'\nb: 1\n",
    "ours has an anchor that nobody uses": f"{VARIABLE}: &keys\n  {OTHER}: {{psk: {SECRET}}}\nb: 1\n",
    "foreign vault and unsafe": "a: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  3131\n" + OURS + "b: !unsafe '{{ x }}'\n",
    "foreign anchors": "a: &a\n  x: 1\nb: *a\n" + OURS + "c: *a\n",
    "foreign merge key": "a: &a {x: 1}\nb:\n  <<: *a\n" + OURS,
    "byte order mark": "\ufeff" + OURS + "b: 1\n",
    "byte order mark and a kept block": "\ufeffa: |+\n  x\n\n\n" + OURS + "b: 1\n",
    "outside the first plane": "# \U0001f511\na: \U0001f511\n" + OURS + "b: \U0001f511\n",
    "directive": "%YAML 1.1\n---\n" + OURS + "b: 1\n",
    "the same name deeper and in a comment": f"# {VARIABLE}: x\na:\n  {VARIABLE}: 1\n" + OURS + f"b: '{VARIABLE}: x'\n",
}


@pytest.mark.parametrize("case", MERGED)
def test_merges(tmp_path, case):
    text = MERGED[case]
    vault = lib("default")
    path = tmp_path / "keys.yml"
    write(path, text, vault)
    old = load(text) or {}
    put(path, vault)
    result = plain(path, vault)
    assert load(result) == {**old, VARIABLE: {**(old.get(VARIABLE) or {}), ID: NEW}}
    for line in text.splitlines():
        if line.startswith(("a", "b", "c", "#", "%", "-", ".")) and VARIABLE + ":" not in line:
            assert line in result.splitlines()
    # Once more changes nothing.
    put(path, vault)
    assert plain(path, vault) == result


# Nothing may be lost by guessing: what cannot be merged without harm is refused before a key is created.
NOT_MERGED = {
    "not YAML": f"a: '{SECRET}\n",
    "several documents": f"a: 1\n---\nb: {SECRET}\n",
    "a list": f"- {SECRET}\n",
    "a text": f"{SECRET}\n",
    "in braces": f"{{a: {SECRET}}}\n",
    "ours twice": OURS + OURS,
    "ours is a list": f"{VARIABLE}:\n- psk: {SECRET}\n",
    "ours is a text": f"{VARIABLE}: {SECRET}\n",
    "an entry is a text": f"{VARIABLE}:\n  {OTHER}: {SECRET}\n",
    "an entry is null": f"{VARIABLE}:\n  {OTHER}:\na: {SECRET}\n",
    "ours holds a vault value": f"{VARIABLE}:\n  {OTHER}:\n    psk: !vault |\n      {SECRET}\n",
    "ours holds an unknown tag": f"{VARIABLE}:\n  {OTHER}: !foo {{psk: {SECRET}}}\n",
    "ours uses a foreign anchor": f"a: &a {{psk: {SECRET}}}\n{VARIABLE}:\n  {OTHER}: *a\n",
    "ours is a foreign anchor": f"a: &a\n  {OTHER}: {{psk: {SECRET}}}\n{VARIABLE}: *a\nb: 1\n",
    "foreign uses an anchor of ours": f"{VARIABLE}:\n  {OTHER}: &a {{psk: {SECRET}}}\nb: *a\n",
    "foreign uses our name": f"&n {VARIABLE}:\n  {OTHER}: {{psk: {SECRET}}}\nb: *n\n",
    "indented": f"  a: 1\n  {VARIABLE}:\n    {OTHER}: {{psk: {SECRET}}}\n  b: 1\n",
    "ours with a question mark": f"? {VARIABLE}\n: {OTHER}: {{psk: {SECRET}}}\nb: 1\n",
    "line breaks of another time": f"a: 1\r{VARIABLE}:\r  {OTHER}: {{psk: {SECRET}}}\rb: 1\r",
    "line breaks that only YAML knows": f"a: 1\n{VARIABLE}:\n  {OTHER}: {{psk: {SECRET}}}\u2028b: 1\n",
    "line break NEL": f"a: 1\n{VARIABLE}:\n  {OTHER}: {{psk: {SECRET}}}\x85b: 1\n",
    "a control character": f"a: \x07{SECRET}\n",
    "not UTF-8": b"a: \xff" + SECRET.encode() + b"\n",
    "a last block without a line break": f"a: |\n  {SECRET}",
    "binary": b"\x00\x01\x02" + SECRET.encode(),
    "UTF-16": f"a: {SECRET}\n".encode("utf-16"),
}


@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.parametrize("case", NOT_MERGED)
def test_refuses_what_it_cannot_merge(tmp_path, case, read_only):
    vault = lib("default")
    path = tmp_path / "keys.yml"
    write(path, NOT_MERGED[case], vault)
    text = refused(path, vault, read_only=read_only)
    assert "Fix it" in text or "Put the variable" in text or "Give the path" in text


def test_error_names_the_line(tmp_path):
    vault = lib("default")
    write(tmp_path / "keys.yml", f"a: 1\nb: [{SECRET}\nc: 1\n", vault)
    refused(tmp_path / "keys.yml", vault, "not valid YAML at line 3")


def test_a_template_in_a_foreign_entry_stays_one(tmp_path):
    """What someone added to an entry by hand is theirs."""
    vault = lib("default")
    path = tmp_path / "keys.yml"
    write(path, f"site: Paris\n{VARIABLE}:\n  {OTHER}:\n    psk: {SECRET}\n    note: '{{{{ site }}}}'\n", vault)
    put(path, vault, entry=updated(PSKS, None, "{{ site }}" + SECRET, "{{ site }}", None))
    read = as_ansible_reads(path, vault)[VARIABLE]
    assert read[OTHER]["note"] == "Paris"
    assert read[ID]["psk"] == "{{ site }}" + SECRET
    assert read[ID]["name"] == "{{ site }}"


# --- a tunnel's entry


NOW = datetime(2026, 11, 23, tzinfo=timezone.utc)


def test_a_replacement_that_did_not_come_about_leaves_the_entry_as_it_was():
    assert replaced(PSKS, replacing(PSKS, None, "paris-1", NOW)) is None, "an entry without a key is none"
    assert replaced(PSKS, replacing(PSKS, NEW, None, NOW)) == NEW
    assert replaced(PSKS, replacing(PSKS, {"pending_psk": "p" * 32}, "paris-1", NOW)) == {"pending_psk": "p" * 32, "name": "paris-1"}


def test_the_mark_of_a_replacement_tells_since_when():
    first = replacing(PSKS, NEW, "paris-1", NOW)
    assert replacing(PSKS, first, "paris-1", NOW + timedelta(days=1)) == first
    assert first["replacing_since"] == "2026-11-23T00:00:00+00:00"
    assert "replacing_since" not in updated(PSKS, first, "k" * 32, None, None)


@pytest.mark.parametrize(
    "entry, generated, expected",
    [
        (NEW, NEW["last_generated_on"], ""),
        (NEW, "2026-11-23T14:29:00Z", "replaced"),
        (NEW, None, ""),
        ({**NEW, "pending_psk": "p" * 32}, NEW["last_generated_on"], "interrupted"),
        ({**NEW, "replacing_since": "2026-11-23T00:00:00+00:00"}, NEW["last_generated_on"], "interrupted"),
        ({"name": "paris-1"}, "2026-11-23T14:29:00Z", ""),
        ("no entry", "2026-11-23T14:29:00Z", ""),
    ],
)
def test_when_the_key_in_an_entry_is_in_doubt(entry, generated, expected):
    assert doubt(entry, generated) == expected


def test_updated_first_time():
    entry = updated(PSKS, None, "new", "paris-1", "2026-11-23T14:28:47Z")
    assert set(entry) == {"psk", "name", "last_generated_on", "saved_on"}
    assert (entry["psk"], entry["name"], entry["last_generated_on"]) == ("new", "paris-1", "2026-11-23T14:28:47Z")
    assert entry["saved_on"].endswith("+00:00")


@pytest.mark.parametrize(
    ("old", "previous"),
    [
        ({"psk": "old"}, "old"),
        ({"psk": "old", "previous_psk": "older"}, "old"),
        ({"psk": "new", "previous_psk": "older"}, "older"),
        ({"psk": "new"}, None),
        ({"psk": None, "previous_psk": "older"}, "older"),
        ({}, None),
    ],
)
def test_updated_keeps_the_key_before(old, previous):
    assert updated(PSKS, old, "new", None, None).get("previous_psk") == previous


def test_updated_leaves_the_rest():
    old = {"psk": "old", "name": "paris-1", "last_generated_on": "then", "saved_on": "then", "router": "r1", "more": {"a": [1]}}
    entry = updated(PSKS, old, "new", None, None)
    assert old["psk"] == "old"
    assert entry["name"] == "paris-1"
    assert entry["router"] == "r1"
    assert entry["more"] == {"a": [1]}
    assert entry["last_generated_on"] is None
    assert entry["saved_on"] != "then"
    assert updated(PSKS, old, "new", "renamed", None)["name"] == "renamed"


# --- secrets and identities


def header(path):
    return path.read_bytes().splitlines()[0]


def test_no_secret(tmp_path):
    for vault in (VaultLib(), VaultLib([]), VaultLib(None)):
        refused(tmp_path / "keys.yml", vault, "no vault password", "--vault-id", "AWX")


def test_wrong_password(tmp_path):
    data = write(tmp_path / "keys.yml", f"a: {SECRET}\n", lib("default"))
    refused(tmp_path / "keys.yml", lib(default="wrong"), "no vault password of this run decrypts it")
    refused(tmp_path / "keys.yml", lib(default="wrong"), "no vault password of this run decrypts it", read_only=True)
    assert (tmp_path / "keys.yml").read_bytes() == data


def test_unknown_id(tmp_path):
    for read_only in (False, True):
        refused(tmp_path / "keys.yml", lib("prod", "dev"), "'test'", "dev, prod", vault_id="test", read_only=read_only)


def test_new_file_takes_the_first_id(tmp_path):
    put(tmp_path / "keys.yml", lib("dev", "prod"))
    assert header(tmp_path / "keys.yml") == b"$ANSIBLE_VAULT;1.2;AES256;dev"


def test_default_id_has_the_plain_header(tmp_path):
    put(tmp_path / "keys.yml", lib("default"))
    assert header(tmp_path / "keys.yml") == b"$ANSIBLE_VAULT;1.1;AES256"


def test_vault_id(tmp_path):
    put(tmp_path / "keys.yml", lib(dev="d", prod="p"), vault_id="prod")
    assert header(tmp_path / "keys.yml") == b"$ANSIBLE_VAULT;1.2;AES256;prod"
    assert ID in plain(tmp_path / "keys.yml", lib(prod="p"))


def test_encrypt_identity(tmp_path, monkeypatch):
    monkeypatch.setattr(C, "DEFAULT_VAULT_ENCRYPT_IDENTITY", "prod")
    put(tmp_path / "keys.yml", lib(dev="d", prod="p"))
    assert header(tmp_path / "keys.yml") == b"$ANSIBLE_VAULT;1.2;AES256;prod"
    put(tmp_path / "other.yml", lib(dev="d", prod="p"), vault_id="dev")
    assert header(tmp_path / "other.yml") == b"$ANSIBLE_VAULT;1.2;AES256;dev"
    refused(tmp_path / "third.yml", lib("dev"), "'prod'")


def test_existing_file_keeps_its_id(tmp_path):
    path = tmp_path / "keys.yml"
    put(path, lib(prod="p"))
    put(path, lib(dev="d", prod="p"), OTHER)
    assert header(path) == b"$ANSIBLE_VAULT;1.2;AES256;prod"
    assert set(as_ansible_reads(path, lib(prod="p"))[VARIABLE]) == {ID, OTHER}


def test_vault_id_moves_an_existing_file(tmp_path):
    path = tmp_path / "keys.yml"
    put(path, lib(prod="p"))
    put(path, lib(dev="d", prod="p"), OTHER, vault_id="dev")
    assert header(path) == b"$ANSIBLE_VAULT;1.2;AES256;dev"
    assert set(as_ansible_reads(path, lib(dev="d"))[VARIABLE]) == {ID, OTHER}


def test_several_secrets_of_one_id(tmp_path):
    """As when a password is being changed: any of them reads, the first one writes a new file, a file keeps the one that it has."""
    path = tmp_path / "keys.yml"
    put(path, lib(prod="old"))
    both = VaultLib([("prod", secret("new")), ("prod", secret("old"))])
    put(path, both, OTHER)
    assert set(as_ansible_reads(path, lib(prod="old"))[VARIABLE]) == {ID, OTHER}


def test_file_of_ansible_vault_itself(tmp_path):
    """One that was encrypted with a label that the run calls otherwise."""
    path = tmp_path / "keys.yml"
    write(path, "a: 1\n", lib(other="p"), "other")
    put(path, lib(mine="p"))
    assert plain(path, lib(mine="p")).startswith("a: 1\n")


# --- what else can be in the way


def test_folder_missing(tmp_path):
    for read_only in (False, True):
        refused(tmp_path / "no" / "keys.yml", lib("default"), "the folder does not exist", "Create it", read_only=read_only)
    (tmp_path / "file").write_text("")
    refused(tmp_path / "file" / "keys.yml", lib("default"), "the folder does not exist")


def test_not_a_regular_file(tmp_path):
    for read_only in (False, True):
        (tmp_path / "folder").mkdir(exist_ok=True)
        refused(tmp_path / "folder", lib("default"), "not a regular file", read_only=read_only)
    os.mkfifo(tmp_path / "fifo")
    refused(tmp_path / "fifo", lib("default"), "not a regular file")
    (tmp_path / "null").symlink_to("/dev/null")
    with pytest.raises(MagicError, match="not a regular file"), VaultFile(str(tmp_path / "null"), lib("default"), PSKS):
        pass
    assert not os.path.lexists("/dev/.null.lock")
    (tmp_path / "loop").symlink_to("loop")
    refused(tmp_path / "loop", lib("default"))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"a: " + SECRET.encode() + b"\n",
        b"---\n# only a comment\n",
        b"-----BEGIN PGP MESSAGE-----\n",
        b"cloudflare_magic_ipsec_psks:\n  sops: {}\n",
        b"age-encryption.org/v1\n",
        b"\x00\xff" + SECRET.encode(),
    ],
)
def test_file_from_another_tool(tmp_path, data):
    (tmp_path / "keys.yml").write_bytes(data)
    for read_only in (False, True):
        refused(tmp_path / "keys.yml", lib("default"), "not encrypted with Ansible Vault", "ansible-vault encrypt", read_only=read_only)
    assert (tmp_path / "keys.yml").read_bytes() == data


def test_torn_file(tmp_path):
    """Cut off anywhere, or with a byte that changed: an error, never a guess."""
    path = tmp_path / "keys.yml"
    vault = lib("default")
    put(path, vault)
    data = path.read_bytes()
    cut = {len(b"$ANSIBLE_VAULT"), len(b"$ANSIBLE_VAULT;1.1;AES256"), len(b"$ANSIBLE_VAULT;1.1;AES256\n"), *range(30, len(data) - 2, 37)}
    for torn in [data[:end] for end in sorted(cut)] + [data[:200] + b"0" + data[201:], data[:200] + b"zz" + data[202:], data[:200] + b"\x00" + data[201:]]:
        if torn == data:
            continue
        path.write_bytes(torn)
        refused(path, vault)


@pytest.mark.parametrize("name", [".keys.yml.new", ".keys.yml.lock"])
def test_folders_of_our_names(tmp_path, name):
    (tmp_path / name).mkdir()
    refused(tmp_path / "keys.yml", lib("default"), "Check the folder")


@pytest.mark.parametrize("name", [".keys.yml.new", ".keys.yml.lock"])
def test_links_of_our_names_are_not_followed(tmp_path, name):
    """Someone who may write to the folder must not make us write elsewhere."""
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "v").mkdir()
    (tmp_path / "v" / name).symlink_to(tmp_path / "precious")
    with contextlib.suppress(MagicError):
        put(tmp_path / "v" / "keys.yml", lib("default"))
    assert (tmp_path / "precious").read_text() == "precious"


# --- the file on the disk


def test_new_file(tmp_path):
    old = os.umask(0)
    try:
        put(tmp_path / "keys.yml", lib("default"))
    finally:
        os.umask(old)
    assert sorted(os.listdir(tmp_path)) == [".keys.yml.lock", "keys.yml"]
    assert stat.S_IMODE(os.stat(tmp_path / "keys.yml").st_mode) == 0o600
    assert stat.S_IMODE(os.stat(tmp_path / ".keys.yml.lock").st_mode) == 0o600
    text = plain(tmp_path / "keys.yml", lib("default"))
    assert text.startswith("---\n# Pre-shared keys of IPsec tunnels")


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o660, 0o644, 0o400])
def test_mode_stays(tmp_path, mode):
    """Someone has chosen it: a group that reads the file, a backup."""
    path = tmp_path / "keys.yml"
    write(path, "a: 1\n", lib("default"))
    path.chmod(mode)
    with VaultFile(str(path), lib("default"), PSKS) as store:
        for number in range(3):
            store.entries[f"{number:032x}"] = dict(NEW)
            store.save()
            assert stat.S_IMODE(os.stat(path).st_mode) == mode
    # Everyone with write access to the file may lock it.
    assert stat.S_IMODE(os.stat(tmp_path / ".keys.yml.lock").st_mode) == mode


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files of other owners and groups")
def test_owner_and_group_stay(tmp_path):
    path = tmp_path / "keys.yml"
    write(path, "a: 1\n", lib("default"))
    path.chmod(0o640)
    os.chown(path, 12345, 23456)
    put(path, lib("default"))
    for file in (path, tmp_path / ".keys.yml.lock"):
        found = os.stat(file)
        assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (12345, 23456, 0o640)


@pytest.fixture
def open_folder():
    """A folder that other users get into. pytest's own folders are closed to them, and each run of pytest closes them again."""
    folder = Path(tempfile.mkdtemp(dir="/var/tmp"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_group_that_cannot_be_kept_loses_its_rights(open_folder):
    """The file's group would become another one, which must not read the file then."""
    path = open_folder / "v" / "keys.yml"
    path.parent.mkdir()
    write(path, "a: 1\n", lib("default"))
    os.chown(path, 12345, 23456)
    path.chmod(0o664)
    os.chown(path.parent, 12345, 12345)
    # So that all that is needed is loaded: another user may not be allowed to read the environment of the tests.
    put(open_folder / "first.yml", lib("default"))
    put(open_folder / "first.yml", lib("default"))

    def as_another():
        os.setgroups([])
        os.setgid(12345)
        os.setuid(12345)
        put(path, lib("default"))

    assert ended_well(forked(as_another))
    found = os.stat(path)
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (12345, 12345, 0o604)


def test_access_list_stays(tmp_path):
    path = tmp_path / "keys.yml"
    write(path, "a: 1\n", lib("default"))
    path.chmod(0o640)
    # user::rw- user:23456:r-- group::--- mask::r-- other::---, as the kernel writes it
    entries = [(1, 6, 0xFFFFFFFF), (2, 4, 23456), (4, 0, 0xFFFFFFFF), (0x10, 4, 0xFFFFFFFF), (0x20, 0, 0xFFFFFFFF)]
    access_list = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
    try:
        os.setxattr(path, "system.posix_acl_access", access_list)
    except (AttributeError, OSError):
        pytest.skip("this file system has no access lists")
    put(path, lib("default"))
    assert os.getxattr(path, "system.posix_acl_access") == access_list


@pytest.mark.parametrize("read_only", [False, True])
def test_hard_link_is_refused(tmp_path, read_only):
    """A new file would take the place of one name, and the other would keep the old key forever."""
    path = tmp_path / "keys.yml"
    write(path, "a: 1\n", lib("default"))
    os.link(path, tmp_path / "second.yml")
    refused(path, lib("default"), "2 names (hard links)", "Remove the other names", read_only=read_only)
    (tmp_path / "second.yml").unlink()
    put(path, lib("default"))


def test_replaced_as_a_whole(tmp_path):
    """Anyone who has the old file open still reads all of it."""
    path = tmp_path / "keys.yml"
    data = write(path, "a: 1\n", lib("default"))
    with open(path, "rb") as reader:
        put(path, lib("default"))
        assert reader.read() == data
        assert os.fstat(reader.fileno()).st_ino != os.stat(path).st_ino


def test_smaller_than_what_was_reserved_or_was_there(tmp_path):
    path = tmp_path / "keys.yml"
    vault = lib("default")
    put(path, vault, entry=dict(NEW, note="x" * 200000))
    big = os.path.getsize(path)
    put(path, vault, entry=dict(NEW))
    assert os.path.getsize(path) < big
    assert os.path.getsize(path) < 10000
    assert as_ansible_reads(path, vault)[VARIABLE][ID] == NEW


def test_more_than_what_was_reserved(tmp_path):
    path = tmp_path / "keys.yml"
    vault = lib("default")
    put(path, vault, entry=dict(NEW, note="x" * 300000))
    assert as_ansible_reads(path, vault)[VARIABLE][ID]["note"] == "x" * 300000


def test_twice_in_one_lock(tmp_path):
    path = tmp_path / "keys.yml"
    vault = lib("default")
    with VaultFile(str(path), vault, PSKS) as store:
        store.entries[ID] = dict(NEW)
        store.save()
        store.entries[OTHER] = dict(NEW)
        store.save()
    assert set(as_ansible_reads(path, vault)[VARIABLE]) == {ID, OTHER}
    assert sorted(os.listdir(tmp_path)) == [".keys.yml.lock", "keys.yml"]


@pytest.mark.parametrize("exists", [True, False])
def test_a_link_stays_a_link(tmp_path, exists):
    vault = lib("default")
    (tmp_path / "real").mkdir()
    target = tmp_path / "real" / "target.yml"
    if exists:
        write(target, "a: 1\n", vault)
    link = tmp_path / "keys.yml"
    link.symlink_to(os.path.join("real", "target.yml"))
    put(link, vault)
    assert link.is_symlink()
    assert os.readlink(link) == os.path.join("real", "target.yml")
    assert VARIABLE in as_ansible_reads(target, vault)
    # Both names have one lock.
    assert sorted(os.listdir(tmp_path)) == ["keys.yml", "real"]
    assert sorted(os.listdir(tmp_path / "real")) == [".target.yml.lock", "target.yml"]


def test_stale_new_file(tmp_path):
    """What a killed run left behind is in nobody's way, whatever it is."""
    vault = lib("default")
    stale = tmp_path / ".keys.yml.new"
    stale.write_bytes(b"\x00" * 100000)
    stale.chmod(0o644)
    put(tmp_path / "keys.yml", vault)
    assert sorted(os.listdir(tmp_path)) == [".keys.yml.lock", "keys.yml"]
    assert stat.S_IMODE(os.stat(tmp_path / "keys.yml").st_mode) == 0o600
    (tmp_path / "precious").write_text("precious")
    stale.symlink_to(tmp_path / "precious")
    put(tmp_path / "keys.yml", vault, OTHER)
    assert (tmp_path / "precious").read_text() == "precious"
    assert sorted(os.listdir(tmp_path)) == [".keys.yml.lock", "keys.yml", "precious"]


def test_nothing_stays_when_nothing_is_saved(tmp_path):
    path = tmp_path / "keys.yml"
    vault = lib("default")
    with VaultFile(str(path), vault, PSKS):
        assert sorted(os.listdir(tmp_path)) == [".keys.yml.lock", ".keys.yml.new"]
    assert sorted(os.listdir(tmp_path)) == [".keys.yml.lock"]
    with pytest.raises(KeyError), VaultFile(str(path), vault, PSKS):
        raise KeyError
    assert sorted(os.listdir(tmp_path)) == [".keys.yml.lock"]


def test_read_only_writes_nothing(tmp_path):
    path = tmp_path / "keys.yml"
    vault = lib("default")
    with VaultFile(str(path), vault, PSKS, read_only=True) as store:
        assert store.entries == {}
    assert os.listdir(tmp_path) == []
    data = write(path, OURS, vault)
    with VaultFile(str(path), vault, PSKS, read_only=True) as store:
        assert set(store.entries) == {OTHER}
    assert os.listdir(tmp_path) == ["keys.yml"]
    assert path.read_bytes() == data


def test_read_only_does_not_wait(tmp_path):
    path = tmp_path / "keys.yml"
    vault = lib("default")
    put(path, vault)
    with VaultFile(str(path), vault, PSKS):
        with VaultFile(str(path), vault, PSKS, read_only=True) as store:
            assert set(store.entries) == {ID}


def test_clear_text_never_touches_the_disk(tmp_path):
    path = tmp_path / "keys.yml"
    vault = lib("default")
    with VaultFile(str(path), vault, PSKS) as store:
        store.entries[ID] = dict(NEW, psk=SECRET)
        for number in range(3):
            store.save()
            for name, data in snapshot(path).items():
                assert SECRET.encode() not in data, (number, name)


# --- when the file cannot be written any more


def test_folder_vanishes(tmp_path, monkeypatch):
    vault = lib("default")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    (tmp_path / "v").mkdir()
    path = tmp_path / "v" / "keys.yml"
    put(path, vault, OTHER)
    with VaultFile(str(path), vault, PSKS) as store:
        (tmp_path / "v").rename(tmp_path / "gone")
        store.entries[ID] = dict(NEW, psk=SECRET)
        with pytest.raises(OSError):
            store.save()
    (name,) = os.listdir(tmp_path / "home")
    assert store.rescued == str(tmp_path / "home" / name)
    assert stat.S_IMODE(os.stat(store.rescued).st_mode) == 0o600
    with open(store.rescued, "rb") as handle:
        assert SECRET.encode() not in handle.read()
    assert set(as_ansible_reads(store.rescued, vault)[VARIABLE]) == {ID, OTHER}
    assert set(as_ansible_reads(tmp_path / "gone" / "keys.yml", vault)[VARIABLE]) == {OTHER}


def test_target_becomes_a_folder(tmp_path, monkeypatch):
    vault = lib("default")
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "v").mkdir()
    path = tmp_path / "v" / "keys.yml"
    with VaultFile(str(path), vault, PSKS) as store:
        path.mkdir()
        store.entries[ID] = dict(NEW)
        with pytest.raises(OSError):
            store.save()
    assert VARIABLE in as_ansible_reads(store.rescued, vault)
    assert sorted(os.listdir(tmp_path / "v")) == [".keys.yml.lock", "keys.yml"]


def test_nowhere_to_go(tmp_path, monkeypatch):
    vault = lib("default")
    monkeypatch.setenv("HOME", str(tmp_path / "missing"))
    path = tmp_path / "keys.yml"
    with VaultFile(str(path), vault, PSKS) as store:
        path.mkdir()
        with pytest.raises(OSError):
            store.save()
    assert store.rescued is None


# --- the lock


def forked(work):
    """Run ``work`` in a process of its own, and return its id."""
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        work()
        status = 0
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        sys.stderr.flush()
        os._exit(status)


def ended_well(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_several_processes_lose_nothing(tmp_path):
    path = tmp_path / "keys.yml"

    def work(number):
        for turn in range(5):
            put(path, lib("default"), f"tunnel-{number}-{turn}")

    children = [forked(lambda number=number: work(number)) for number in range(4)]
    results = [ended_well(pid) for pid in children]
    assert all(results)
    read = as_ansible_reads(path, lib("default"))[VARIABLE]
    assert set(read) == {f"tunnel-{number}-{turn}" for number in range(4) for turn in range(5)}
    assert sorted(os.listdir(tmp_path)) == [".keys.yml.lock", "keys.yml"]


def test_readers_always_see_a_whole_file(tmp_path):
    path = tmp_path / "keys.yml"
    put(path, lib("default"))

    def work():
        for turn in range(30):
            put(path, lib("default"), f"tunnel-{turn}")

    child = forked(work)
    seen = 0
    while not os.waitpid(child, os.WNOHANG)[0]:
        assert ID in as_ansible_reads(path, lib("default"))[VARIABLE]
        seen += 1
    assert seen
    assert len(as_ansible_reads(path, lib("default"))[VARIABLE]) == 31


def test_killed_holder_blocks_nobody(tmp_path):
    path = tmp_path / "keys.yml"
    put(path, lib("default"))
    told, tell = os.pipe()

    def hold():
        with VaultFile(str(path), lib("default"), PSKS):
            os.write(tell, b"x")
            signal.pause()

    child = forked(hold)
    assert os.read(told, 1) == b"x"
    assert os.path.exists(tmp_path / ".keys.yml.new")
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    put(path, lib("default"), OTHER)
    assert set(as_ansible_reads(path, lib("default"))[VARIABLE]) == {ID, OTHER}
    assert sorted(os.listdir(tmp_path)) == [".keys.yml.lock", "keys.yml"]
    os.close(told)
    os.close(tell)


class _Enough(BaseException):
    pass


def test_who_stops_waiting_does_no_harm(tmp_path):
    """Ctrl-C, or a task's ``timeout``, while another task has the lock: what that one has reserved stays."""
    path = tmp_path / "keys.yml"

    def wait():
        def enough(_number, _frame):
            raise _Enough

        signal.signal(signal.SIGALRM, enough)
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        try:
            with VaultFile(str(path), lib("default"), PSKS):
                os._exit(2)
        except _Enough:
            pass

    with VaultFile(str(path), lib("default"), PSKS) as store:
        reserved = os.stat(tmp_path / ".keys.yml.new").st_ino
        child = forked(wait)
        assert ended_well(child)
        assert os.stat(tmp_path / ".keys.yml.new").st_ino == reserved
        store.entries[ID] = dict(NEW)
        store.save()
    assert set(as_ansible_reads(path, lib("default"))[VARIABLE]) == {ID}


def test_lock_is_not_inherited(tmp_path):
    """A program that outlives the task, such as ssh's ControlPersist, must not keep the lock."""
    path = tmp_path / "keys.yml"
    with VaultFile(str(path), lib("default"), PSKS):
        names = {os.path.realpath(f"/proc/self/fd/{number}"): number for number in os.listdir("/proc/self/fd")} if os.path.isdir("/proc/self/fd") else {}
        held = [int(number) for name, number in names.items() if name.endswith(".keys.yml.lock")]
        assert all(not os.get_inheritable(number) for number in held)
        assert held or not names


@contextlib.contextmanager
def held(path):
    """Have a process of its own hold the lock. Give its id, and what to write to for it to end, which it has to do well."""
    holds, told = os.pipe()
    ended, end = os.pipe()

    def hold():
        with VaultFile(str(path), lib("default"), PSKS):
            os.write(told, b"x")
            os.read(ended, 1)

    holder = forked(hold)
    assert os.read(holds, 1) == b"x"
    yield holder, end
    os.write(end, b"x")
    assert ended_well(holder)
    for number in (holds, told, ended, end):
        os.close(number)


def test_who_waits_says_for_what(tmp_path, monkeypatch):
    monkeypatch.setattr(_vault_file, "_LOCK_SILENCE", 0.1)
    path = tmp_path / "keys.yml"
    lines = []
    with held(path) as (holder, end):

        def tell(line):
            lines.append(line)
            os.write(end, b"x")

        put(path, lib("default"), tell=tell)
    assert lines == [f"waiting for {path}, which another task (process {holder}) has locked. Nothing has been requested yet."]
    assert (tmp_path / ".keys.yml.lock").read_bytes() == b""


def test_nobody_waits_for_ever_for_one_task(tmp_path, monkeypatch):
    monkeypatch.setattr(_vault_file, "LOCK_TIMEOUT", 0.3)
    path = tmp_path / "keys.yml"
    with held(path) as (holder, dummy_end):
        with pytest.raises(MagicError, match=rf"another task \(process {holder}\) has locked it for"), VaultFile(str(path), lib("default"), PSKS):
            pass


def test_a_long_queue_is_no_reason_to_give_up(tmp_path, monkeypatch):
    """The limit is for one holder: anyone who waits behind many short ones gets his turn."""
    monkeypatch.setattr(_vault_file, "LOCK_TIMEOUT", 0.4)
    path = tmp_path / "keys.yml"
    put(path, lib("default"))
    lock = os.open(tmp_path / ".keys.yml.lock", os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)

    def wait():
        os.close(lock)  # a copy, which would hold the lock, too
        put(path, lib("default"), OTHER)

    child = forked(wait)
    for turn in range(8):
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{100000 + turn}\n".encode(), 0)
        time.sleep(0.15)
    os.close(lock)
    assert ended_well(child)
    assert OTHER in as_ansible_reads(path, lib("default"))[VARIABLE]


def test_fact_has_plain_strings(tmp_path):
    """Ansible warns of other kinds of strings in a variable, and would take them for something else."""
    path = tmp_path / "keys.yml"
    braces = "a{{ key }}with-braces-012345678901"
    put(path, lib("default"), entry={**NEW, "psk": braces})
    with VaultFile(str(path), lib("default"), PSKS) as store:
        fact = fact_entries(PSKS, store.entries)
    assert fact[ID]["psk"] == braces
    assert {value.__class__ for value in fact[ID].values()} <= {str, type(None)}
    assert [name.__class__ for name in fact] == [str]


def test_a_file_that_somebody_changes_meanwhile_is_not_written_over(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    path = tmp_path / "v" / "keys.yml"
    path.parent.mkdir()
    put(path, lib("default"))
    with VaultFile(str(path), lib("default"), PSKS) as store:
        store.entries[OTHER] = dict(NEW)
        store.save()
        by_hand = write(path, "contact: noc\n", lib("default"))
        store.entries[OTHER] = {**NEW, "psk": "the-key-that-must-not-get-lost"}
        with pytest.raises(OSError, match="the file was changed by something else"):
            store.save()
        assert path.read_bytes() == by_hand
        assert store.rescued and "the-key-that-must-not-get-lost" in plain(store.rescued, lib("default"))


def test_the_folders_default_access_list_opens_nothing(tmp_path):
    path = tmp_path / "keys.yml"
    write(path, "a: 1\n", lib("default"))
    path.chmod(0o640)
    entries = [(1, 7, 0xFFFFFFFF), (2, 7, 23456), (4, 7, 0xFFFFFFFF), (0x10, 7, 0xFFFFFFFF), (0x20, 0, 0xFFFFFFFF)]
    try:
        os.setxattr(tmp_path, "system.posix_acl_default", struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries))
    except (AttributeError, OSError):
        pytest.skip("this file system has no access lists")
    put(path, lib("default"))
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o640
    with pytest.raises(OSError):
        os.getxattr(path, "system.posix_acl_access")


def test_of_two_keys_the_newer_one_is_the_fact():
    def entry(day):
        return {"psk": f"key-of-day-{day}", "last_generated_on": day and f"2026-01-{day:02d}T00:00:00Z"}

    host = {"a": entry(2), "b": entry(1), "c": entry(1), "e": entry(1), "f": entry(None)}
    file = {"a": entry(1), "b": entry(2), "d": entry(1), "e": entry(None), "f": entry(None)}
    assert newest(PSKS, host, file) == {"a": entry(2), "b": entry(2), "c": entry(1), "d": entry(1), "e": entry(1), "f": entry(None)}
    assert newest(PSKS, {"a": "odd"}, {"a": entry(1)}) == {"a": entry(1)}
    assert newest(PSKS, {"a": {"last_generated_on": "yesterday"}}, {"a": entry(1)}) == {"a": entry(1)}
