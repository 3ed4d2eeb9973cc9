# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules that hold for all modules of the collection."""

from __future__ import annotations

import importlib
import json
import os
import pathlib
import re
import subprocess
import sys

import pytest
import yaml

from ansible_collections.cloudflare.magic.plugins.module_utils._kind import Kind
from ansible_collections.cloudflare.magic.plugins.module_utils._options import ArgumentSpec
from ansible_collections.cloudflare.magic.plugins.modules import ipsec_psk

PACKAGE = "ansible_collections.cloudflare.magic.plugins"
PLUGINS = pathlib.Path(ipsec_psk.__file__).parent.parent
TOKEN = "a-token-that-is-not-shown"
MODULES = sorted(path.stem for path in (PLUGINS / "modules").glob("*.py") if path.stem != "__init__")

# Modules of the machinery for kinds of objects differ in nothing but their documentation and the name of a kind; one process for some of them is enough.
OF_KINDS = {name for name in MODULES if "_object_action" in (PLUGINS / "action" / f"{name}.py").read_text(encoding="utf-8")}
ALIKE = OF_KINDS - {"gre_tunnel", "ipsec_tunnel_info", "static_route", "site_lan", "site_lan_info"}

# Ansible's own check that a secret has no_log does not know "psk". These are all the options with secrets: add new ones here.
SECRETS = {"api_token", "api_key", "psk", "psks"}
LOOKS_SECRET = re.compile("key|token|secret|pass|psk")


def spec_of(name):
    """A module has its options in one variable, whatever its name, or the kind of objects that it is for."""
    (found,) = (value for value in vars(importlib.import_module(f"{PACKAGE}.modules.{name}")).values() if isinstance(value, (ArgumentSpec, Kind)))
    if isinstance(found, Kind):
        found = found.info_options if name.endswith("_info") else found.options
    return found.argument_spec


def documented(name):
    """Return the options of a module's documentation, those of its fragments included."""
    documentation = yaml.safe_load(importlib.import_module(f"{PACKAGE}.modules.{name}").DOCUMENTATION)
    options: dict[str, object] = {}
    for reference in documentation.get("extends_documentation_fragment", []):
        _namespace, _collection, fragment, *part = reference.split(".")
        holder = importlib.import_module(f"{PACKAGE}.doc_fragments.{fragment}").ModuleDocFragment
        options.update(yaml.safe_load(getattr(holder, part[0].upper() if part else "DOCUMENTATION")).get("options", {}))
    # What a module says itself wins.
    return {**options, **documentation.get("options", {})}


def walk(spec, prefix=""):
    """Yield path, name and definition of all options, those inside others too."""
    for name, option in spec.items():
        yield prefix + name, name, option
        yield from walk(option.get("options") or option.get("suboptions") or {}, f"{prefix}{name}.")


def test_modules_are_found():
    assert "ipsec_psk" in MODULES


@pytest.mark.parametrize("name", MODULES)
def test_no_log(name):
    wrong = []
    for path, option_name, option in walk(spec_of(name)):
        if option_name in SECRETS:
            wrong += [f"{path} is a secret and needs no_log=True"] if option.get("no_log") is not True else []
        elif LOOKS_SECRET.search(option_name) and option.get("no_log") is not False:
            wrong.append(f"{path} looks like a secret: add it to SECRETS, or give it no_log=False")
    assert wrong == []


def test_secrets_have_not_been_renamed():
    assert {"api_token", "api_key", "psk"} <= {option_name for dummy, option_name, dummy_option in walk(spec_of("ipsec_psk"))}


def comparable(spec):
    facts = {}
    for path, dummy, option in walk(spec):
        choices = option.get("choices")
        facts[path] = {
            "type": option.get("type", "str"),
            "elements": option.get("elements"),
            "default": option.get("default"),
            "required": option.get("required", False),
            "choices": None if choices is None else list(choices),
            "aliases": sorted(option.get("aliases", [])),
        }
    return facts


@pytest.mark.parametrize("name", MODULES)
def test_documentation_and_argument_spec_agree(name):
    assert comparable(documented(name)) == comparable(spec_of(name))


@pytest.mark.parametrize("name", MODULES)
def test_every_option_is_described(name):
    assert [path for path, dummy, option in walk(documented(name)) if not option.get("description")] == []


def test_action_group_has_all_modules_that_need_an_account():
    runtime = yaml.safe_load((PLUGINS.parent / "meta" / "runtime.yml").read_text(encoding="utf-8"))
    assert sorted(runtime["action_groups"]["all"]) == [name for name in MODULES if "account_id" in spec_of(name)]


def test_each_module_has_an_action_plugin():
    assert sorted(path.stem for path in (PLUGINS / "action").glob("*.py") if path.stem != "__init__") == MODULES


# --- the module as a program

# What Ansible's own wrapper does with a module: hand over the arguments, and run the module as the main program. Each has a process of its own, in which all
# that modules have in common is there already.
WRAPPER = """
import json, os, runpy, sys, tempfile
from ansible.module_utils import basic
import {package}.module_utils._module
found = {{}}
for name, arguments in json.load(sys.stdin).items():
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if not child:
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            basic._ANSIBLE_ARGS, basic._ANSIBLE_PROFILE = json.dumps(arguments).encode(), "legacy"
            runpy.run_module("{package}.modules." + name, run_name="__main__", alter_sys=True)
            sys.exit()
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        out.seek(0), err.seek(0)
        found[name] = status, out.read().decode(), err.read().decode()
print(json.dumps(found))
"""


def test_a_module_that_something_runs_says_why_it_does_nothing():
    own: dict[str, dict[str, object]] = {"ipsec_psk": {"name": "a"}, "ipsec_psks": {"names": ["a"]}, "static_route": {"prefix": "192.0.2.0/24"}}
    own.update(connector_interrupt={"connector": "a", "interrupt": "reboot"}, connector_license={"connector": "a"})
    others: dict[str, dict[str, object]] = {"report_files": {"files": []}, "network_report": {"result": {}}, "network": {"state": "gathered"}}
    given = {}
    for name in MODULES:
        arguments: dict[str, object] = {
            "api_token": TOKEN,
            "account_id": "0" * 32,
            "api_url": "http://127.0.0.1:1",
            **own.get(name, {"name": "a", "site": "a"}),
        }
        for option in {"name", "site"} - set(spec_of(name)):
            arguments.pop(option, None)
        if name not in ALIKE:
            given[name] = {"ANSIBLE_MODULE_ARGS": others.get(name, arguments)}
    # The collection may have been found by a loader of ansible-test's, which is not there in another process.
    paths = [str(PLUGINS.parents[3]), *filter(None, sys.path)]
    process = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", WRAPPER.format(package=PACKAGE)],
        input=json.dumps(given),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    found = json.loads(process.stdout)
    assert set(found) == set(given) and len(found) > 10
    for name, (status, out, err) in found.items():
        result = json.loads(out)
        assert (status, result["failed"]) == (1, True) and "runs as the action plugin" in result["msg"], name
        assert TOKEN not in json.dumps(result["msg"]) + err, name


def test_a_module_imports_without_requests():
    code = f"import sys; sys.modules['requests'] = None; import {PACKAGE}.modules.ipsec_psk as module; print(module.__name__)"
    paths = [str(PLUGINS.parents[3]), *filter(None, sys.path)]
    process = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)}, capture_output=True, text=True, check=True, timeout=60
    )
    assert process.stdout.strip().endswith("ipsec_psk")
