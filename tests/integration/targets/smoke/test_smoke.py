# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each module, plugin, playbook and role once, as a user would: enough to see that an ansible-core gets along with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from ansible_collections.cloudflare.magic.tests.emulator.client import Emulator
from ansible_collections.cloudflare.magic.tests.integration.support import preloaded
from ansible_collections.cloudflare.magic.tests.integration.support.edge import Edge
from ansible_collections.cloudflare.magic.tests.integration.support.playing import COLLECTIONS_PATH
from ansible_collections.cloudflare.magic.tests.integration.support.quiet import assert_quiet, unexpected

PASSWORD = ["--vault-id", "prod@password"]


@pytest.fixture
def home(tmp_path):
    """A folder with a vault password, for Ansible to start in."""
    (tmp_path / "password").write_text("only for tests\n", encoding="utf-8")
    return tmp_path


def tasks() -> list[dict]:
    """Every module, in the order of a first day: tunnels, a route, keys, a look at all of it, and the end of the route."""
    tunnel = {"name": "rome-1", "cloudflare_endpoint": "162.159.64.1", "interface_address": "10.214.200.8/31"}
    gre = {"name": "rome-2", "cloudflare_gre_endpoint": "162.159.64.1", "customer_gre_endpoint": "203.0.113.9", "interface_address": "10.214.200.12/31"}
    route = {"prefix": "10.77.0.0/16", "nexthop_tunnel": "rome-1", "priority": 100}
    made = [
        ("tunnel", "ipsec_tunnel", tunnel),
        ("same", "ipsec_tunnel", tunnel),
        ("gre", "gre_tunnel", gre),
        ("route", "static_route", route),
        ("key", "ipsec_psk", {"name": "rome-1", "vault_file": "keys.yml"}),
        ("fleet", "ipsec_psks", {"names": ["rome-*"], "vault_file": "keys.yml"}),
        ("tunnels", "ipsec_tunnel_info", {"name": "rome-1"}),
        ("gres", "gre_tunnel_info", {}),
        ("routes", "static_route_info", {}),
        ("gone", "static_route", {**route, "state": "absent"}),
    ]
    return [{f"cloudflare.magic.{module}": options, "register": name} for name, module, options in made]


@pytest.mark.parametrize("host", ["here", "there"])
def test_modules(emulator: Emulator, play, leaked, home, host):
    played = play(tasks(), hosts=[host], env=emulator.environment(), args=["-vvv", "--diff", *PASSWORD], folder=home)
    assert played.rc == 0, played.screen
    assert_quiet(played.screen, strict=True)
    found = played[host]
    changed = {name for name, result in found.items() if result["changed"]}
    assert changed == {"tunnel", "gre", "route", "key", "fleet", "gone"}
    tunnel_id = emulator.tunnel("rome-1")["id"]
    assert found["tunnel"]["ipsec_tunnel"]["id"] == tunnel_id == found["tunnels"]["ipsec_tunnels"][0]["id"]
    assert found["route"]["static_route"]["nexthop"] == found["tunnel"]["ipsec_tunnel"]["customer_address"] == "10.214.200.9"
    assert "rome-2" in [gre["name"] for gre in found["gres"]["gre_tunnels"]]
    assert "10.77.0.0/16" in [route["prefix"] for route in found["routes"]["static_routes"]]
    assert emulator.keys()[tunnel_id] == found["fleet"]["psks"][tunnel_id]["psk"] != found["key"]["psk"]
    assert (home / "keys.yml").read_bytes().startswith(b"$ANSIBLE_VAULT")
    assert leaked(played.screen, [found["key"]["psk"], emulator.keys()[tunnel_id]]) == []


def test_inventory(emulator: Emulator, command, home):
    (home / "account.magic.yml").write_text(json.dumps({"plugin": "cloudflare.magic.tunnels", "groups": {"stale": "psk_age_days is none"}}), encoding="utf-8")
    played = command("ansible.cli.inventory", ["-i", "account.magic.yml", "--list"], home, emulator.environment())
    assert played.rc == 0, played.screen
    listed = json.loads(played.screen[played.screen.index("{") :])
    names = {tunnel["name"] for tunnel in emulator.state()["ipsec_tunnels"]}
    assert names and names <= {fields.get("tunnel_name", host) for host, fields in listed["_meta"]["hostvars"].items()}
    assert set(listed["ipsec_tunnels"]["hosts"]) >= names


def test_playbooks(emulator: Emulator, command, leaked, home):
    before = {key for key in emulator.keys().values() if key}
    rotated = command("ansible.cli.playbook", ["cloudflare.magic.rotate_psks", "-e", "vault_file=keys.yml", *PASSWORD], home, emulator.environment())
    assert rotated.rc == 0, rotated.screen
    made = {str(key) for key in emulator.keys().values()} - before
    assert made
    report = ["-e", "report=audit.csv", "-e", "max_age=1d"]
    audited = command("ansible.cli.playbook", ["cloudflare.magic.psk_audit", *report, *PASSWORD], home, emulator.environment())
    assert audited.rc == 0, audited.screen
    for played in (rotated, audited):
        assert_quiet(played.screen, strict=True)
    assert leaked(rotated.screen + audited.screen, sorted(made)) == []


def test_rotate_edge(edge: Edge):
    edge.rotate()
    assert edge.keys() == edge.loaded() == edge.saved() != edge.before


def test_strongswan_edge_refuses_what_would_be_a_command(play):
    """The role itself needs strongSwan: tests/ike has it. Here it is loaded, and checks what it is given."""
    tunnel = {"id": "0" * 32, "name": "rome-1\ninclude /etc/passwd"}
    role = {"ansible.builtin.include_role": {"name": "cloudflare.magic.strongswan_edge"}}
    played = play([{**role, "vars": {"strongswan_edge_tunnel": tunnel, "strongswan_edge_psk": "x" * 40, "strongswan_edge_if_id": 101}}])
    assert played.rc == 2
    assert "Traceback" not in played.screen
    assert played.shows("strongswan_edge_tunnel")


# A program of its own, so that it can tell what it was started with.
TELLS = """
import json, locale, os, sys, tempfile
names = ("ansible.constants", "ansible_collections")
print(json.dumps([sys.argv, sys.path, os.getcwd(), sorted(os.environ.items()), sys.stdin.read(), locale.getpreferredencoding(), sys.stdout.encoding, __name__,
      sorted(sys.flags), tempfile.gettempdir(), [os.isatty(n) for n in range(3)], sorted(map(int, os.listdir("/proc/self/fd")))[:4],
      [name in sys.modules for name in names]]))
print("to the other one", file=sys.stderr)
{end}
"""


@pytest.mark.parametrize("end", ["", "sys.exit(3)", "os.kill(os.getpid(), 9)", "raise ValueError('x')"])
def test_a_run_of_the_preloaded_process_is_like_any_other(home, end):
    (home / "tells.py").write_text(TELLS.replace("{end}", f"sys.stdout.flush()\n{end}"), encoding="utf-8")
    for more in ({"TMPDIR": str(home), "MINE": "1"}, {"LC_ALL": "C.UTF-8"}, {"LC_ALL": "C", "PYTHONUTF8": "0"}):
        env = {**{name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}, **more}
        real = subprocess.run([sys.executable, "-m", "tells", "a", "b"], cwd=home, env=env, input=b"typed", capture_output=True, check=False)
        run = preloaded.run(["tells", "a", "b"], home, env, b"typed")
        assert real.stdout
        assert (run.returncode, run.stdout) == (real.returncode, real.stdout)
        assert [line for line in run.stderr.splitlines() if b"runpy" not in line][-1:] == real.stderr.splitlines()[-1:]


def test_ansible_says_the_same_in_the_preloaded_process(emulator: Emulator, command, home):
    (home / "playbook.json").write_text(json.dumps([{"hosts": "here", "gather_facts": False, "tasks": tasks()[-4:-1]}]), encoding="utf-8")
    argv = ["ansible.cli.playbook", "playbook.json", "-v"]
    played = command(argv[0], argv[1:], home, emulator.environment())
    assert played.rc == 0, played.screen
    env = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")} | emulator.environment()
    env.update(HOME=str(home), ANSIBLE_CONFIG=str(home / "ansible.cfg"), ANSIBLE_INVENTORY=str(home / "hosts.json"), ANSIBLE_NOCOLOR="1")
    env["ANSIBLE_COLLECTIONS_PATH"] = COLLECTIONS_PATH
    real = subprocess.run([sys.executable, "-m", *argv], cwd=home, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
    assert played.screen == real.stdout + real.stderr


def test_what_nobody_expects_would_be_found():
    screen = "[DEPRECATION WARNING]: old\n[WARNING]: The new tunnel a has no pre-shared key, and\n[WARNING]: odd\nthing\n"
    assert len(unexpected(screen)) == 1 and len(unexpected(screen, strict=True)) == 2
    assert unexpected("[WARNING]: Type 'x' is unsupported in variable storage") and unexpected("Traceback (most recent call last):")
    assert unexpected("ok: [here]\n") == []
