# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each module, plugin, playbook and role once, as a user would: enough to see that an ansible-core gets along with it."""

from __future__ import annotations

import base64
import json
import xml.etree.ElementTree as ET
from urllib.parse import quote

import pytest

from ansible_collections.cloudflare.magic.tests.emulator.client import Emulator
from ansible_collections.cloudflare.magic.tests.integration.support.edge import Edges
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
        ("license", "connector_license", {"notes": "rome, virtual", "vault_file": "keys.yml"}),
        ("licensed", "connector_license", {"notes": "rome, virtual", "vault_file": "keys.yml"}),
        ("tunnels", "ipsec_tunnel_info", {"name": "rome-1"}),
        ("gres", "gre_tunnel_info", {}),
        ("routes", "static_route_info", {}),
        ("health", "tunnel_health_info", {"names": ["rome-*", "paris-1"], "wait_for": "healthy", "poll_interval": "1s"}),
        ("gone", "static_route", {**route, "state": "absent"}),
    ]
    return [{f"cloudflare.magic.{module}": options, "register": name} for name, module, options in made]


@pytest.mark.parametrize("host", ["here", "there"])
def test_modules(emulator: Emulator, play, leaked, home, host):
    played = play(tasks(), hosts=[host], env=emulator.environment(), args=["-vvv", "--diff", *PASSWORD], folder=home, warns=["has no pre-shared key"])
    assert played.rc == 0, played.screen
    found = played[host]
    changed = {name for name, result in found.items() if result["changed"]}
    assert changed == {"tunnel", "gre", "route", "key", "fleet", "license", "gone"}
    tunnel_id = emulator.tunnel("rome-1")["id"]
    assert found["tunnel"]["ipsec_tunnel"]["id"] == tunnel_id == found["tunnels"]["ipsec_tunnels"][0]["id"]
    assert found["route"]["static_route"]["nexthop"] == found["tunnel"]["ipsec_tunnel"]["customer_address"] == "10.214.200.9"
    assert "rome-2" in [gre["name"] for gre in found["gres"]["gre_tunnels"]]
    assert "10.77.0.0/16" in [route["prefix"] for route in found["routes"]["static_routes"]]
    assert [(tunnel["name"], tunnel["state"]) for tunnel in found["health"]["tunnels"]] == [(name, "healthy") for name in ("paris-1", "rome-1", "rome-2")]
    assert emulator.keys()[tunnel_id] == found["fleet"]["psks"][tunnel_id]["psk"] != found["key"]["psk"]
    assert found["license"]["license_key"] == emulator.license_log()[-1]["license_key"] and found["licensed"]["reason"] == "not_due"
    assert (home / "keys.yml").read_bytes().startswith(b"$ANSIBLE_VAULT")
    assert leaked(played.screen, [found["key"]["psk"], emulator.keys()[tunnel_id], found["license"]["license_key"]]) == []


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
    assert leaked(rotated.screen + audited.screen, sorted(made)) == []


def test_network(emulator: Emulator, play, home):
    tunnel = {"name": "rome-1", "cloudflare_endpoint": "162.159.64.1", "interface_address": "10.214.200.8/31"}
    design = {"config": {"ipsec_tunnels": [tunnel], "static_routes": [{"prefix": "10.77.0.0/16", "nexthop_tunnel": "rome-1", "priority": 100}]}}
    module = "cloudflare.magic.network"
    tasks = [
        {module: design, "check_mode": True, "register": "plan"},
        {f"{module}_report": {"result": "{{ plan }}"}, "register": "shown"},
        {module: design, "diff": True, "register": "applied"},
        {module: {"state": "gathered", "keep": []}, "register": "account"},
        {module: {"config": "{{ account.gathered }}", "state": "overridden", "max_deletions": 0}, "register": "same"},
        {module: {**design, "state": "deleted"}, "register": "gone"},
    ]
    played = play(tasks, env=emulator.environment(), folder=home, warns=["New tunnels have no pre-shared key"])
    assert played.rc == 0, played.screen
    found = played["here"]
    assert [found[name]["changed"] for name in ("plan", "shown", "applied", "account", "same", "gone")] == [True, False, True, False, False, True]
    assert found["shown"]["lines"][0] == "+ ipsec_tunnels rome-1" and "\n+ ipsec_tunnels rome-1\n" in played.screen
    assert "+    - name: rome-1" in played.screen.replace("+  - ", "+    - ")


# What someone can write into a description: templates, what YAML takes for something else, and what means something in other languages.
# fmt: off
DESCRIPTIONS = [
    "{{ lookup('pipe', 'touch CANARY') }}", "{{ 1 / 0 }}", "{% if %}", "{# a #}", "}} {{", "a {{ 'b' }}", "{{ '\n' }}", "{'a': '{{ 1 }}'}", "['{{ 1 }}']",
    "#jinja2: variable_start_string: '[['\n[[ lookup('pipe', 'touch CANARY') ]]", "[[ 1 ]]", "<% 1 %>", "!unsafe a", "!vault |", "$ANSIBLE_VAULT;1.1;AES256",
    "no", "Yes", "1.10", "0123", "0x1F", "1e3", "1_000", "190:20:30", "2026-11-30", "2026-11-30T21:00:00Z", "~", "null", "None", "True", "nan", "=", "<<",
    " ", "-",
    "@team", "a: b", "a #b", "a:", "'a'", '"a"', "a\\nb", "[a]", "{a: 1}", "a, b", "| a", "---", "...", " a ", "\ta", "a\nb", "a\r\nb",
    "\x1b[2J", "\x9b31m", "\u202egnp", "\u200b", "\u2028ok: [forged]", "\ufeff", "\x07", "é日本😀",
    "```", "\n```\n# Title", "<img src=x onerror=alert(1)>", "</details>", "[a](https://b)", "]]>", "</testcase>", "&lt;", "\x00", "\uffff",
]
# fmt: on


def test_playbooks_of_the_network(emulator: Emulator, command, home):
    """Whatever stands at Cloudflare goes into the file and back again, exactly, and is nowhere obeyed."""
    state = emulator.state()
    texts = [text.replace("CANARY", str(home / "canary")) for text in DESCRIPTIONS]
    numbered = [(number, f"10.215.{number // 100}.{number % 100 * 2}/31", text) for number, text in enumerate(texts)]
    sample = state["ipsec_tunnels"][0]
    own = {"account_id": sample["account_id"], "cloudflare_endpoint": "203.0.113.1", "health_check": sample["health_check"], "created_on": sample["created_on"]}
    state["ipsec_tunnels"] += [
        {**own, "id": f"{number:032x}", "name": f"t-{number}", "interface_address": inside, "description": text} for number, inside, text in numbered
    ]
    emulator.set_state(state)

    def run(name: str, *args: str, **variables: str):
        extra = [part for variable, value in variables.items() for part in ("-e", f"{variable}={value}")]
        return command("ansible.cli.playbook", [f"cloudflare.magic.network_{name}", *extra, *args], home, emulator.environment())

    def lines(played) -> list[str]:
        assert all(character.isprintable() or character == "\n" for character in played.screen)
        assert not (home / "canary").exists()
        return played.screen.split("\n")

    exported = run("export", "--diff", network_keep="connector-*")
    assert exported.rc == 0 and lines(exported).count("+network_config:") == 1, exported.screen
    before = {tunnel["name"]: tunnel["description"] for tunnel in emulator.tunnels()}
    for tunnel in state["ipsec_tunnels"]:
        tunnel["description"] = "harmless"
    emulator.set_state(state)
    planned = run(
        "plan",
        network_state="overridden",
        network_keep="connector-*",
        network_plan_markdown="plan.md",
        network_plan_junit="plan.xml",
        network_plan_fail_on_drift="true",
    )
    assert planned.rc == 2 and f"Plan: 0 to create, {len(before)} to update, 0 to delete." in lines(planned), planned.screen
    markdown = (home / "plan.md").read_text(encoding="utf-8").split("\n")
    fences = [number for number, line in enumerate(markdown) if line.startswith("`")]
    assert fences == [2, len(markdown) - 2] and all(line[:2] == "~ " or line[:4] == "    " for line in markdown[3:-2])
    report = ET.parse(home / "plan.xml").getroot()
    assert {case.tag for suite in report for case in suite} == {"testcase", "system-out"} and report.get("failures") == str(len(before))
    applied = run("apply", network_state="overridden", network_keep="connector-*")
    assert applied.rc == 0 and f"Applied: 0 created, {len(before)} updated, 0 deleted." in lines(applied), applied.screen
    assert {tunnel["name"]: tunnel["description"] for tunnel in emulator.tunnels()} == before


def test_rotate_edge(edges: Edges):
    edges.add("edge", tunnels=2, rotate_edge_verify_health=True)
    edges.rotate()
    assert edges.has_new_keys("edge")
    assert [line[1:4] for line in edges.table("edge")] == [["new key", "ok", "ok"]] * 2


def test_strongswan_edge_refuses_what_would_be_a_command(play):
    """The role itself needs strongSwan: tests/ike has it. Here it is loaded, and checks what it is given."""
    tunnel = {"id": "0" * 32, "name": "rome-1\ninclude /etc/passwd"}
    role = {"ansible.builtin.include_role": {"name": "cloudflare.magic.strongswan_edge"}}
    played = play([{**role, "vars": {"strongswan_edge_tunnel": tunnel, "strongswan_edge_psk": "x" * 40, "strongswan_edge_if_id": 101}}])
    assert played.rc == 2
    assert "Traceback" not in played.screen
    assert played.shows("strongswan_edge_tunnel")


def test_what_nobody_expects_would_be_found():
    screen = "[DEPRECATION WARNING]: old\n[WARNING]: The new tunnel a has no pre-shared key, and\n[WARNING]: odd\nthing\n"
    assert unexpected(screen, ["has no pre-shared key"]) == ["old", "odd thing"]
    with pytest.raises(AssertionError):
        assert_quiet("ok: [here]\n", ["has no pre-shared key"])
    assert unexpected("[WARNING]: Type 'x' is unsupported in variable storage") and unexpected("Traceback (most recent call last):")
    assert_quiet("ok: [here]\n")


def test_a_search_that_finds_nothing_could_have(leaked):
    key = "x7Kq0ZVb3nTjR8sLwYpF5cHd2mGe9aUi/+"
    forms = [key, json.dumps({"psk": key}), quote(key), base64.b64encode(b"1" + key.encode() + b"23").decode(), key.encode().hex()]
    assert [form for form in forms if not leaked(f"before {form} behind", [key])] == []
    assert leaked("before and behind", [key]) == []
    for text, keys in (("before", []), ("", [key])):
        with pytest.raises(AssertionError):
            leaked(text, keys)
