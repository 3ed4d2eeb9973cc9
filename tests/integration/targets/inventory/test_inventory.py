# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tunnels as hosts: what ansible-inventory shows of them, and a playbook that works on some."""

from __future__ import annotations

import ipaddress
import json
import sys
from importlib.util import find_spec

import pytest
from ansible.parsing.vault import VaultLib, VaultSecret

from ansible_collections.cloudflare.magic.tests.emulator.client import Emulator

IPSEC = ["berlin-1", "lisbon-1", "oslo-1", "paris-1", "paris-2"]
GRE = ["vienna-gre-1", "vienna-gre-2"]
AGES = {"paris-1": 10, "paris-2": 100, "berlin-1": 400, "oslo-1": None, "lisbon-1": 45}
STALE = {"groups": {"psk_stale": "tunnel_type == 'ipsec' and (psk_age_days is none or psk_age_days >= 90)"}}
MOMENT = "2025-01-14T09:30:00.123456Z"
SECRET = "a-token-that-must-not-be-shown"
LICENSE = "a-license-key-that-must-not-be-shown"


def sent(emulator) -> list[str]:
    return [f"{request['method']} {request['path'].split('/magic/')[1]}" for request in emulator.requests()]


def test_graph(emulator, inventory):
    ran = inventory(STALE, "--graph")
    assert ran.rc == 0, ran.screen
    lines = [line.strip() for line in ran.screen.splitlines()]
    groups: dict[str, list[str]] = {}
    for line in lines:
        if line.startswith("|--@"):
            groups[line[4:].rstrip(":")] = group = []
        elif line.startswith("|  |--"):
            group.append(line[6:])
    assert sorted(groups["ipsec_tunnels"]) == IPSEC
    assert sorted(groups["gre_tunnels"]) == GRE
    assert sorted(groups["psk_stale"]) == ["berlin-1", "oslo-1", "paris-2"]
    assert groups["ungrouped"] == []
    assert sorted(sent(emulator)) == ["GET gre_tunnels", "GET ipsec_tunnels"]


def test_list(emulator, inventory, leaked):
    ran = inventory(STALE, args=["-vvv"])
    assert ran.rc == 0, ran.screen
    hosts = ran.listed["_meta"]["hostvars"]
    assert sorted(hosts) == sorted(IPSEC + GRE)
    assert sorted(ran.listed["psk_stale"]["hosts"]) == ["berlin-1", "oslo-1", "paris-2"]
    state = emulator.state()
    for tunnel in state["ipsec_tunnels"] + state["gre_tunnels"]:
        shown = hosts[tunnel["name"]]
        assert shown["tunnel_type"] == ("gre" if tunnel["name"] in GRE else "ipsec")
        assert shown["id"] == tunnel["id"]
        assert shown["description"] == tunnel["description"]
        assert shown["health_check"]["target"]["saved"] == ""
        # Left out by Cloudflare where it is false.
        assert shown["automatic_return_routing"] is False
        ends = [address for address in ipaddress.ip_interface(tunnel["interface_address"]).network if str(address) != tunnel["interface_address"].split("/")[0]]
        assert [shown["customer_address"]] == list(map(str, ends))
        assert not {"name", "psk", "account_id", "api_token"} & set(shown)
    assert hosts["paris-2"]["replay_protection"] is True and hosts["paris-1"]["replay_protection"] is False
    assert {name: hosts[name]["psk_age_days"] for name in IPSEC} == AGES
    assert "psk_age_days" not in hosts["vienna-gre-1"]
    keys = [tunnel["psk"] for tunnel in state["ipsec_tunnels"] if "psk" in tunnel]
    assert leaked(ran.written(), [emulator.write_token, *keys]) == []
    assert {request["headers"].get("x-magic-new-hc-target") for request in emulator.requests()} == {"true"}


def test_a_playbook_targets_the_tunnels_with_stale_keys(emulator, command, tmp_path, leaked):
    (tmp_path / "magic.yml").write_text(json.dumps({"plugin": "cloudflare.magic.tunnels", **STALE}), encoding="utf-8")
    task = {"cloudflare.magic.ipsec_psk": {"ipsec_tunnel_id": "{{ id }}"}}
    play = {"hosts": "psk_stale", "gather_facts": False, "connection": "local", "serial": 1, "tasks": [task]}
    (tmp_path / "playbook.json").write_text(json.dumps([play]), encoding="utf-8")
    before = emulator.keys()
    ran = command("ansible.cli.playbook", ["-i", "magic.yml", "playbook.json"], tmp_path, emulator.environment())
    assert ran.rc == 0, ran.screen
    ids = {emulator.tunnel(name)["id"] for name in ("paris-2", "berlin-1", "oslo-1")}
    assert {tunnel_id for tunnel_id, key in emulator.keys().items() if key != before[tunnel_id]} == ids
    assert leaked(ran.written(), [key for key in emulator.keys().values() if key]) == []


@pytest.mark.cores("one")
@pytest.mark.parametrize("file", ["magic.yml", "magic.yaml", "paris.magic.yml", "cloudflare_magic.yaml"])
def test_names_of_files_that_are_read(inventory, file):
    ran = inventory(file=file)
    assert ran.rc == 0, ran.screen
    assert sorted(ran.listed["_meta"]["hostvars"]) == sorted(IPSEC + GRE)


@pytest.mark.cores("one")
@pytest.mark.parametrize("file", ["tunnels.yml", "magic.json", "magic.yml.bak"])
def test_names_of_files_that_are_not(emulator, inventory, file):
    env = {**emulator.environment(), "ANSIBLE_INVENTORY_UNPARSED_FAILED": "1"}
    ran = inventory(file=file, env=env, warns=["could not be verified by inventory plugin"] if file == "tunnels.yml" else [])
    assert ran.rc != 0
    assert ran.listed is None
    assert sent(emulator) == []


def test_connectors_and_sites(emulator, inventory, leaked, tmp_path):
    """What the emulator says of them, with groups, filters and a cache; a license key is nowhere."""
    seed = emulator.state()
    spare = {
        "id": "5" * 32,
        "account_id": emulator.account_id,
        "device": {"id": "virtual-1", "type": "LICENSED"},
        "license_key": LICENSE,
        "last_updated": MOMENT,
    }
    seed["connectors"] += [spare]
    emulator.set_state(seed)
    content = {
        "kinds": ["site", "connector"],
        "groups": {
            "silent": "kind == 'connector' and (last_heartbeat_age is none or last_heartbeat_age > 600)",
            "located": "location is defined",
        },
        "keyed_groups": [
            {"key": "connector_serial_number | default('', true) | replace('-', '_')", "prefix": "behind"},
            {"key": "serial_number | split('-') | first", "prefix": "series"},
            {"key": "timezone", "prefix": "in"},
        ],
        "compose": {"label": "name ~ '/' ~ kind"},
        "filters": {"exclude": ["no-such-*"]},
        **CACHED,
    }
    first = inventory(content, args=["-vvv"])
    assert first.rc == 0, first.screen
    hosts = first.listed["_meta"]["hostvars"]
    assert sorted(sent(emulator)) == ["GET connectors", "GET sites"]
    expected = ("connectors", "sites", "silent", "located", "behind_EMU_0001", "series_EMU", "in_Europe_Lisbon")
    groups = {name: sorted(first.listed[name]["hosts"]) for name in expected}
    boxes = ["EMU-0001", "EMU-0002"]
    assert groups == {
        "connectors": [*boxes, "virtual-1"],
        "sites": ["porto"],
        "silent": ["EMU-0002", "virtual-1"],
        "located": ["porto"],
        "behind_EMU_0001": ["porto"],
        "series_EMU": boxes,
        "in_Europe_Lisbon": ["EMU-0001"],
    }
    by_name = {one["name"]: one for one in seed["sites"]}
    porto, box = hosts["porto"], hosts["EMU-0001"]
    assert porto["location"] == by_name["porto"]["location"] and porto["connector_id"] == box["id"] and porto["label"] == "porto/site"
    assert (porto["connector_serial_number"], porto["secondary_connector_serial_number"], porto["ha_mode"]) == ("EMU-0001", None, False)
    assert box["activated"] is True and box["last_heartbeat"] and 0 <= box["last_heartbeat_age"] < 600 and box["last_seen_version"]
    assert (box["notes"], box["timezone"], box["device"]["type"], box["kind"]) == ("Porto, rack 2", "Europe/Lisbon", "MANAGED", "connector")
    assert isinstance(box["interrupt_window_hour_of_day"], int) and box["interrupt_window_embargo_dates"] == []
    assert hosts["EMU-0002"]["last_heartbeat_age"] is None and "last_heartbeat" not in hosts["EMU-0002"]
    assert not any("tunnel_type" in variables or "license_key" in json.dumps(variables) for variables in hosts.values())
    text = "".join(path.read_text(encoding="utf-8") for path in (tmp_path / "cached").iterdir())
    assert "virtual-1" in text and leaked(first.written() + text, [LICENSE]) == []
    # The cache has the connectors of the sites, so that sites alone need no request, and tunnels do.
    emulator.clear_requests()
    again = inventory({**content, "kinds": ["site"]}, env={})
    assert again.listed["_meta"]["hostvars"] == {"porto": porto}, again.screen
    assert sent(emulator) == []
    assert inventory({**content, "kinds": ["site", "gre_tunnel"]}).listed["gre_tunnels"]["hosts"] == GRE and len(sent(emulator)) == 3


def test_templates_of_credentials(emulator, inventory, leaked):
    content = {
        "api_token": "{{ lookup('ansible.builtin.env', 'MAGIC_TOKEN') }}",
        "account_id": "{{ 'NO ACCOUNT' | replace('NO ACCOUNT', '" + emulator.account_id + "') }}",
        "api_url": "{{ lookup('ansible.builtin.env', 'MAGIC_URL') }}",
    }
    # In the environment there are others, which the options beat as a whole.
    env = {"MAGIC_TOKEN": emulator.read_token, "MAGIC_URL": emulator.url, "CLOUDFLARE_EMAIL": "me@example.com", "CLOUDFLARE_API_KEY": SECRET}
    ran = inventory(content, env=env, args=["-vvv"])
    assert ran.rc == 0, ran.screen
    assert sorted(ran.listed["_meta"]["hostvars"]) == sorted(IPSEC + GRE)
    assert {request["headers"].get("authorization") for request in emulator.requests()} == {emulator.masked(f"Bearer {emulator.read_token}")}
    assert leaked(ran.written(), [emulator.read_token, SECRET]) == []


def test_a_vaulted_token(emulator, command, tmp_path, leaked):
    encrypted = VaultLib([("default", VaultSecret(b"only for this test"))]).encrypt(emulator.read_token).decode("ascii")
    (tmp_path / "password").write_text("only for this test", encoding="utf-8")
    # JSON is YAML, except for the mark.
    (tmp_path / "magic.yml").write_text(f'{{"plugin": "cloudflare.magic.tunnels", "api_token": !vault {json.dumps(encrypted)}}}', encoding="utf-8")
    env = {"CLOUDFLARE_BASE_URL": emulator.url, "CLOUDFLARE_ACCOUNT_ID": emulator.account_id}
    ran = command("ansible.cli.inventory", ["-i", "magic.yml", "--graph", "--vault-password-file", "password", "-vvv"], tmp_path, env)
    assert ran.rc == 0, ran.screen
    assert "paris-1" in ran.screen
    assert {request["headers"].get("authorization") for request in emulator.requests()} == {emulator.masked(f"Bearer {emulator.read_token}")}
    assert leaked(ran.written(), [emulator.read_token]) == []


@pytest.mark.cores("one")
def test_key_and_email_of_the_environment(emulator, inventory):
    env = {
        "CLOUDFLARE_BASE_URL": emulator.url,
        "CLOUDFLARE_ACCOUNT_ID": emulator.account_id,
        "CLOUDFLARE_EMAIL": emulator.email,
        "CLOUDFLARE_API_KEY": emulator.global_key,
    }
    ran = inventory(env=env)
    assert sorted(ran.listed["_meta"]["hostvars"]) == sorted(IPSEC + GRE)
    assert {request["headers"].get("x-auth-email") for request in emulator.requests()} == {emulator.email}


def test_extra_vars(emulator, inventory):
    env = {"CLOUDFLARE_BASE_URL": emulator.url}
    content = {
        "use_extra_vars": True,
        "api_token": "{{ my_token }}",
        "account_id": "{{ my_account }}",
        "kinds": ["ipsec_tunnel"],
        "compose": {"greeting": "my_greeting ~ ' ' ~ tunnel_type"},
    }
    extra = json.dumps({"my_token": emulator.read_token, "my_account": emulator.account_id, "my_greeting": "hello"})
    ran = inventory(content, env=env, args=["-e", extra])
    assert ran.rc == 0, ran.screen
    assert ran.listed["_meta"]["hostvars"]["paris-1"]["greeting"] == "hello ipsec"


def test_compose_and_groups(inventory):
    content = {
        "hostvars_prefix": "magic_",
        "compose": {"ansible_host": "customer_endpoint", "label": "name ~ '/' ~ tunnel_type", "nothing": "no_such_variable"},
        "groups": {"bgp_spoken": "bgp is defined"},
        "keyed_groups": [{"key": "name | split('-') | first", "prefix": "site"}, {"key": "tunnel_type", "separator": ""}],
    }
    ran = inventory(content)
    assert ran.rc == 0, ran.screen
    hosts = ran.listed["_meta"]["hostvars"]
    for name, variables in hosts.items():
        assert all(variable.startswith("magic_") or variable in ("ansible_host", "label") for variable in variables)
        assert variables["magic_name"] == name
        assert variables["label"] == f"{name}/{variables['magic_tunnel_type']}"
    assert hosts["paris-1"]["ansible_host"] == "198.51.100.11"
    assert hosts["paris-1"]["magic_psk_age_days"] == 10
    assert sorted(ran.listed["bgp_spoken"]["hosts"]) == ["berlin-1", "vienna-gre-2"]
    assert sorted(ran.listed["site_paris"]["hosts"]) == ["paris-1", "paris-2"]
    assert sorted(ran.listed["gre"]["hosts"]) == GRE


def test_strict(emulator, inventory):
    env = {**emulator.environment(), "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "1"}
    ran = inventory({"strict": True, "compose": {"nothing": "no_such_variable"}}, env=env, warns=["Could not set nothing for host"])
    assert ran.rc != 0
    assert "no_such_variable" in ran.screen


def test_cache(emulator, inventory, command, tmp_path, leaked):
    content = {"cache": True, "cache_plugin": "ansible.builtin.jsonfile", "cache_connection": "cached", "cache_timeout": 600, **STALE}
    first = inventory(content)
    assert first.rc == 0, first.screen
    assert len(sent(emulator)) == 2
    files = list((tmp_path / "cached").iterdir())
    assert files
    text = "\n".join(path.read_text(encoding="utf-8") for path in files)
    assert "paris-1" in text
    keys = [key for key in emulator.keys().values() if key]
    assert leaked(text, [emulator.write_token, *keys]) == []
    # Without requests, and therefore without credentials; nor does anything say that another account is wanted.
    emulator.clear_requests()
    second = inventory(content, env={})
    assert second.rc == 0, second.screen
    assert sent(emulator) == []
    assert second.listed == first.listed
    (tmp_path / "playbook.json").write_text(json.dumps([{"hosts": "all", "tasks": []}]), encoding="utf-8")
    flushed = command("ansible.cli.playbook", ["-i", "magic.yml", "--flush-cache", "--list-hosts", "playbook.json"], tmp_path, emulator.environment())
    assert flushed.rc == 0, flushed.screen
    assert len(sent(emulator)) == 2


@pytest.mark.cores("one")
def test_a_cache_of_another_account_or_url_is_not_taken(emulator, inventory):
    content = {"cache": True, "cache_plugin": "ansible.builtin.jsonfile", "cache_connection": "cached", "cache_timeout": 600}
    assert inventory(content).listed["_meta"]["hostvars"]
    about = {name: value for name, value in emulator.environment().items() if name != "CLOUDFLARE_API_TOKEN"}
    emulator.clear_requests()
    assert inventory(content, env=about).listed["_meta"]["hostvars"]
    assert sent(emulator) == []
    for change in ({"CLOUDFLARE_ACCOUNT_ID": emulator.other_account_id}, {"CLOUDFLARE_BASE_URL": emulator.url.replace("127.0.0.1", "localhost")}):
        ran = inventory(content, env={**about, **change}, warns=["No credentials"])
        assert not ran.listed["_meta"]["hostvars"]
    # The option, not only the environment.
    ran = inventory({**content, "account_id": emulator.other_account_id}, env=about, warns=["No credentials"])
    assert not ran.listed["_meta"]["hostvars"]


@pytest.mark.cores("one")
def test_a_cache_without_a_type_is_not_enough(emulator, inventory):
    content = {"cache": True, "cache_plugin": "ansible.builtin.jsonfile", "cache_connection": "cached"}
    inventory({**content, "kinds": ["ipsec_tunnel"]})
    ran = inventory(content)
    assert sorted(ran.listed["_meta"]["hostvars"]) == sorted(IPSEC + GRE)


CACHED = {"cache": True, "cache_plugin": "ansible.builtin.jsonfile", "cache_connection": "cached", "cache_timeout": 600}
HEALTH = {"health": True, "groups": {"tunnel_down": "tunnel_health == 'down'", "not_known": "tunnel_health == 'unknown'"}}


def queries(emulator) -> int:
    return len([request for request in emulator.requests() if request["path"].endswith("/graphql")])


@pytest.mark.cores("ends")
def test_health(emulator, inventory):
    """One query for all tunnels, which the cache keeps with them; a cache of other rules, or without it, is not taken."""
    emulator.change_health("paris-1", 0, age_seconds=7200)
    emulator.change_health("vienna-gre-1", 0, ["ams01", "fra03"], age_seconds=7200)
    emulator.change_health("oslo-1", None, age_seconds=7200)
    assert inventory({**CACHED, "groups": {"tunnel_down": "tunnel_health == 'down'"}}).listed.get("tunnel_down") is None
    assert queries(emulator) == 0
    first = inventory({**CACHED, **HEALTH})
    assert first.rc == 0, first.screen
    hosts = first.listed["_meta"]["hostvars"]
    states = {name: variables["tunnel_health"] for name, variables in hosts.items()}
    assert states == {**dict.fromkeys([*IPSEC, *GRE], "healthy"), "paris-1": "down", "vienna-gre-1": "degraded", "oslo-1": "unknown"}
    assert {name: hosts[name]["tunnel_health_share"] for name in ("paris-1", "vienna-gre-1", "oslo-1", "berlin-1")} == {
        "paris-1": 0,
        "vienna-gre-1": 0.6,
        "oslo-1": None,
        "berlin-1": 1,
    }
    (until,) = {variables["tunnel_health_checked_until"] for variables in hosts.values()}
    assert until.endswith("Z") and len(until) == 20
    assert (first.listed["tunnel_down"]["hosts"], first.listed["not_known"]["hosts"]) == (["paris-1"], ["oslo-1"])
    assert queries(emulator) == 1
    # From the cache, without credentials. Other rules are another question.
    emulator.clear_requests()
    assert inventory({**CACHED, **HEALTH}, env={}).listed == first.listed and emulator.requests() == []
    lenient = inventory({**CACHED, **HEALTH, "health_min_healthy_share": 0.6, "health_window": "{{ 10 * 6 }}", "hostvars_prefix": "magic_"})
    assert lenient.listed["_meta"]["hostvars"]["vienna-gre-1"]["magic_tunnel_health"] == "healthy", lenient.screen
    assert queries(emulator) == 1


@pytest.mark.cores("one")
def test_health_of_some(emulator, inventory):
    """Of few tunnels, the data of these alone is asked for; of none, nothing."""
    ran = inventory({**HEALTH, "filters": {"names": ["paris-*"]}})
    assert {name: variables["tunnel_health"] for name, variables in ran.listed["_meta"]["hostvars"].items()} == dict.fromkeys(("paris-1", "paris-2"), "healthy")
    (query,) = [json.loads(request["body"]) for request in emulator.requests() if request["path"].endswith("/graphql")]
    assert query["variables"]["tunnels"] == ["paris-1", "paris-2"]
    emulator.clear_requests()
    groups = {"tunnel_down": "tunnel_health | default('') == 'down'"}
    assert inventory({**HEALTH, "kinds": ["site"], "groups": groups}).rc == 0 and queries(emulator) == 0


WRONG = {
    "a blind token": (
        {"CLOUDFLARE_API_TOKEN": Emulator.blind_token},
        {"health": True},
        ("health: the health of the tunnels cannot be read", "'Account Analytics Read'", "set health to false"),
    ),
    "a window": ({}, {"health": True, "health_window": "8d"}, ("health_window must be from 1s to 7d",)),
    "a share": ({}, {"health": True, "health_min_healthy_share": 0}, ("health_min_healthy_share must be above 0",)),
    "unknown token": ({"CLOUDFLARE_API_TOKEN": SECRET}, {}, ("HTTP 403", "[9109]", "Magic WAN Read", "Magic Transit Read", "does not matter")),
    "no credentials": ({"CLOUDFLARE_API_TOKEN": ""}, {}, ("No credentials", "CLOUDFLARE_API_TOKEN")),
    "no account": ({"CLOUDFLARE_ACCOUNT_ID": ""}, {}, ("account_id", "CLOUDFLARE_ACCOUNT_ID")),
    "not onboarded": ({"CLOUDFLARE_ACCOUNT_ID": "9a7806061c88ada191ed06f989cc3dac"}, {}, ("[1012]", "not onboarded")),
    "two credentials": ({}, {"api_token": SECRET, "api_email": "me@example.com"}, ("cannot be combined",)),
    "unknown kind": ({}, {"kinds": ["wireguard"]}, ("wireguard",)),
}


@pytest.mark.cores("one")
@pytest.mark.parametrize("label", WRONG)
def test_what_is_wrong_is_said(emulator, inventory, leaked, label):
    env, content, words = WRONG[label]
    ran = inventory(content, env={**emulator.environment(), "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "1", **env}, args=["-vvv"], warns=words[:1])
    assert ran.rc != 0
    for word in words:
        assert ran.shows(word), ran.screen
    assert leaked(ran.screen + (ran.folder / "ansible.log").read_text(encoding="utf-8"), [SECRET, emulator.write_token]) == []


def test_text_of_the_api_is_no_template(emulator, command, tmp_path):
    state = emulator.state()
    state["ipsec_tunnels"][0]["description"] = "{{ 1 + 1 }} {% if true %}yes{% endif %}"
    emulator.set_state(state)
    content = {
        "plugin": "cloudflare.magic.tunnels",
        "compose": {"composed": "description", "longer": "'<' ~ description ~ '>'"},
        "keyed_groups": [{"key": "tunnel_type"}],
    }
    (tmp_path / "magic.yml").write_text(json.dumps(content), encoding="utf-8")
    told = "{{ description }}|{{ composed }}|{{ longer }}"
    play = {
        "hosts": state["ipsec_tunnels"][0]["name"],
        "gather_facts": False,
        "connection": "local",
        "vars": {"ansible_python_interpreter": sys.executable},
        "tasks": [{"ansible.legacy.write_down": {"content": told, "path": str(tmp_path / "told")}}],
    }
    (tmp_path / "playbook.json").write_text(json.dumps([play]), encoding="utf-8")
    raw = "{{ 1 + 1 }} {% if true %}yes{% endif %}"
    warns = []
    if find_spec("ansible.module_utils.datatag") is None:
        raw = raw.replace("{", r"\x7b")
        warns = ["with these ids have a {"]
    ran = command("ansible.cli.playbook", ["-i", "magic.yml", "playbook.json"], tmp_path, emulator.environment(), warns=warns)
    assert ran.rc == 0, ran.screen
    assert (tmp_path / "told").read_text(encoding="utf-8") == f"{raw}|{raw}|<{raw}>"


@pytest.mark.cores("one")
def test_one_name_of_an_ipsec_and_a_gre_tunnel(emulator, inventory):
    state = emulator.state()
    state["gre_tunnels"][0]["name"] = "paris-1"
    emulator.set_state(state)
    ran = inventory(warns=["Several tunnels have the same name: paris-1."])
    hosts = ran.listed["_meta"]["hostvars"]
    assert sorted(ran.listed["gre_tunnels"]["hosts"]) == ["paris-1_gre", "vienna-gre-2"]
    assert hosts["paris-1_gre"]["id"] == state["gre_tunnels"][0]["id"]
    assert hosts["paris-1"]["id"] == state["ipsec_tunnels"][0]["id"]
