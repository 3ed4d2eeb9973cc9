# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules that hold for all modules of the collection, and ipsec_psk as the program that it is on a remote host."""

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

from ansible_collections.cloudflare.magic.plugins.module_utils._module import KEYS, SEAL, SEALED, unseal
from ansible_collections.cloudflare.magic.plugins.module_utils._options import ArgumentSpec
from ansible_collections.cloudflare.magic.plugins.module_utils._resource import Kind
from ansible_collections.cloudflare.magic.plugins.modules import ipsec_psk

PACKAGE = "ansible_collections.cloudflare.magic.plugins"
PLUGINS = pathlib.Path(ipsec_psk.__file__).parent.parent
MODULES = sorted(path.stem for path in (PLUGINS / "modules").glob("*.py") if path.stem != "__init__")

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
    options = dict(documentation.get("options", {}))
    for reference in documentation.get("extends_documentation_fragment", []):
        _namespace, _collection, fragment, *part = reference.split(".")
        holder = importlib.import_module(f"{PACKAGE}.doc_fragments.{fragment}").ModuleDocFragment
        options.update(yaml.safe_load(getattr(holder, part[0].upper() if part else "DOCUMENTATION")).get("options", {}))
    # Those of the action plugin's, for its own use, are not options that users have.
    return {option: facts for option, facts in options.items() if option not in (SEAL, KEYS)}


def walk(spec, prefix=""):
    """Yield path, name and definition of all options, those inside of others too."""
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


def test_action_group_has_all_modules():
    runtime = yaml.safe_load((PLUGINS.parent / "meta" / "runtime.yml").read_text(encoding="utf-8"))
    assert sorted(runtime["action_groups"]["all"]) == MODULES


def test_each_module_has_an_action_plugin():
    assert sorted(path.stem for path in (PLUGINS / "action").glob("*.py") if path.stem != "__init__") == MODULES


# --- the module as a program

# What Ansible's own wrapper does on the remote host: hand over the arguments, and run the module as the main program.
WRAPPER = """
import runpy, sys
{before}
from ansible.module_utils import basic
basic._ANSIBLE_ARGS, basic._ANSIBLE_PROFILE = sys.stdin.buffer.read(), "legacy"
runpy.run_module("{package}.modules.ipsec_psk", run_name="__main__", alter_sys=True)
"""


def run_module(arguments, before="", environ=()):
    """Run ipsec_psk; return its exit status, its result, and all that it wrote."""
    # The collection may have been found by a loader of ansible-test's, which is not there in another process.
    paths = [str(PLUGINS.parents[3]), *filter(None, sys.path)]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("CLOUDFLARE_", "COV_", "COVERAGE_"))}
    process = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", WRAPPER.format(before=before, package=PACKAGE)],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": arguments}),
        env={**inherited, "PYTHONPATH": os.pathsep.join(paths), **dict(environ)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert process.stdout.lstrip().startswith("{"), process.stdout + process.stderr
    result = json.loads(process.stdout)
    # From ansible-core 2.22 on, Ansible tells the controller here what it has to mask: what came with no_log, and no more than that.
    new_secrets = result.pop("_ansible_new_secrets", [])
    spec = spec_of("ipsec_psk")
    assert set(new_secrets) <= {value for name, value in arguments.items() if name == SEAL or spec.get(name, {}).get("no_log")}
    return process.returncode, result, json.dumps(result) + process.stderr


PAD = "a-pad-that-the-action-plugin-made-for-this-run-alone"


@pytest.fixture
def arguments(emulator):
    return {
        "api_url": emulator.url,
        "account_id": emulator.account_id,
        "api_token": emulator.write_token,
        "ipsec_tunnel_id": emulator.tunnel("paris-1")["id"],
        SEAL: PAD,
    }


def test_without_seal_nothing_is_requested(emulator, arguments):
    for seal in (None, ""):
        status, result, dummy = run_module({**arguments, SEAL: seal})
        assert (status, result["failed"]) == (1, True) and "works through the action plugin" in result["msg"]
    del arguments[SEAL]
    assert run_module(arguments)[0] == 1
    assert emulator.requests() == []


def test_the_key_comes_back_sealed(emulator, arguments):
    status, result, output = run_module(arguments)
    key = emulator.keys()[arguments["ipsec_tunnel_id"]]
    assert (status, result["changed"], result["reason"]) == (0, True, "always")
    assert "psk" not in result and unseal(result[SEALED], PAD) == key
    assert not [secret for secret in (key, PAD, emulator.write_token) if secret in output]
    assert len(emulator.requests()) == 1


def test_own_key_is_not_shown(emulator, arguments):
    own = "TheKeyOfOnesOwnThatMustNotBeSeen"
    status, result, output = run_module({**arguments, "psk": own})
    assert (status, result["changed"]) == (0, True) and SEALED not in result
    assert emulator.keys()[arguments["ipsec_tunnel_id"]] == own
    assert not [secret for secret in (own, PAD, emulator.write_token) if secret in output]


def test_check_mode(emulator, arguments):
    before = emulator.keys()
    status, result, output = run_module({**arguments, "_ansible_check_mode": True, "_ansible_diff": True})
    assert (status, result["changed"], result["validated"]) == (0, True, True) and SEALED not in result
    assert emulator.keys() == before and [request["query_string"] for request in emulator.requests()] == ["validate_only=true"]
    (decoy,) = emulator.key_log()
    assert decoy["psk"] not in output


def test_failure(emulator, arguments):
    status, result, output = run_module({**arguments, "ipsec_tunnel_id": "0" * 32})
    assert (status, result["failed"], result["changed"]) == (1, True, False)
    assert result["failure"]["errors"] == [{"code": 1032, "message": "IPsec tunnel not found"}]
    assert result["failure"]["status"] == 404 and result["failure"]["ray_id"] in result["msg"]
    assert emulator.write_token not in output and "Traceback" not in output


def test_lost_answer_is_a_warning(emulator, arguments):
    emulator.fault(path="psk_generate", kind="disconnect", when="after")
    status, result, dummy = run_module(arguments)
    assert status == 0 and unseal(result[SEALED], PAD) == emulator.keys()[arguments["ipsec_tunnel_id"]]
    assert len(result["warnings"]) == 1 and "was lost" in str(result["warnings"][0])


def test_environment(emulator, arguments):
    for name in ("api_url", "account_id", "api_token"):
        del arguments[name]
    status, result, dummy = run_module(arguments, environ=emulator.environment())
    assert status == 0 and unseal(result[SEALED], PAD) == emulator.keys()[arguments["ipsec_tunnel_id"]]


# name: arguments to change, what the error says
REFUSED_ARGUMENTS = {
    "id and name": ({"name": "paris-1"}, "mutually exclusive: ipsec_tunnel_id|name"),
    "expired without age": ({"rotate": "expired"}, "rotate is expired but all of the following are missing: max_age"),
    "rotate is null": ({"rotate": None}, "rotate"),
    "unknown choice": ({"rotate": "sometimes"}, "value of rotate must be one of: always, missing, expired"),
    "timeout that is none": ({"timeout": "long"}, "timeout"),
    "credentials that exclude each other": ({"api_key": "another-key", "api_email": "y@example.com"}, "exclude each other"),
}


def test_null_counts_as_not_set(emulator, arguments):
    # Of an option with a default Ansible itself refuses null, or takes the default.
    names = {name for name, option in spec_of("ipsec_psk").items() if "default" not in option} - set(arguments) - {"name"}
    status, result, dummy = run_module({**arguments, **dict.fromkeys(names)})
    assert (status, result.get("reason")) == (0, "always"), result
    assert unseal(result[SEALED], PAD) == emulator.keys()[arguments["ipsec_tunnel_id"]]


@pytest.mark.parametrize("changes, expected", REFUSED_ARGUMENTS.values(), ids=REFUSED_ARGUMENTS)
def test_arguments_refused(emulator, arguments, changes, expected):
    status, result, output = run_module({**arguments, **changes})
    assert status == 1 and result["failed"] and expected in result["msg"]
    assert emulator.requests() == [] and emulator.write_token not in output


def test_without_requests(emulator, arguments):
    status, result, dummy = run_module(arguments, before="sys.modules['requests'] = None")
    assert status == 1 and "requests" in result["msg"] and "Traceback" not in result["msg"]
    assert emulator.requests() == []
