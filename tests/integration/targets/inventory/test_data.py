# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What comes from the API is data: it decides neither what Ansible runs nor whose host a tunnel is."""

from __future__ import annotations

import json
import sys
from datetime import datetime, timedelta, timezone
from importlib.util import find_spec

import pytest

A, B, C, D, E, F, G = (digit * 32 for digit in "abcdef9")
KINDS = ["ipsec_tunnel", "gre_tunnel", "connector", "site"]
# Ansible loses track of what is data when texts of several hosts are joined.
OLD = find_spec("ansible.module_utils.datatag") is None

# What a host is called otherwise for.
RENAMED = "These hosts have a part of an id in their name"
TWINS = "Several tunnels have the same name"
BRACES = [r"have a {, which is \x7b"] if OLD else []


def ipsec(tunnel_id: str, name, **more) -> dict:
    fixed = {"cloudflare_endpoint": "203.0.113.1", "customer_endpoint": "198.51.100.1", "interface_address": "10.0.0.0/31"}
    return {"id": tunnel_id, "name": name, **fixed, **more}


def gre(tunnel_id: str, name, **more) -> dict:
    return {"id": tunnel_id, "name": name, "interface_address": "10.0.1.0/31", **more}


def connector(connector_id: str, serial_number, **more) -> dict:
    device = {"id": "0" * 31 + connector_id[0], "serial_number": serial_number, "type": "MANAGED"}
    return {"id": connector_id, "device": device, "activated": True, "notes": "", "timezone": "", "last_updated": "", **more}


def kept(text: str) -> str:
    """A text as the hosts have it."""
    return text.replace("{", r"\x7b") if OLD else text


def ids(ran, name: str = "id") -> dict[str, str]:
    """The tunnel of each host."""
    return {host: variables[name] for host, variables in ran.listed["_meta"]["hostvars"].items() if name in variables}


def played(command, account, folder, tasks: list[dict], content: dict, hosts: str = "all", args=(), warns=(), **keywords):
    (folder / "magic.yml").write_text(json.dumps({"plugin": "cloudflare.magic.tunnels", **content}), encoding="utf-8")
    play = {"hosts": hosts, "gather_facts": False, "vars": {"ansible_python_interpreter": sys.executable}, **keywords, "tasks": tasks}
    (folder / "playbook.json").write_text(json.dumps([play]), encoding="utf-8")
    return command("ansible.cli.playbook", ["-i", "magic.yml", *args, "playbook.json"], folder, account.environment(), warns=warns)


def test_an_answer_that_wants_to_run_something(account, command, tmp_path):
    marker = tmp_path / "marker"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {marker}\n", encoding="utf-8")
    program.chmod(0o700)
    template = "{{ lookup('ansible.builtin.pipe', 'touch " + str(marker) + "') }}"
    connection = {
        "ansible_connection": "ssh",
        "ansible_ssh_executable": str(program),
        "ansible_python_interpreter": str(program),
        "ansible_shell_executable": str(program),
        "ansible_become": True,
        "ansible_become_exe": str(program),
        template: template,
    }
    account.lists = {
        "ipsec_tunnels": [
            ipsec(A, template, description=template, **connection, health_check={"rate": template, **connection}),
            ipsec(B, "-oProxyCommand=touch " + str(marker), description="b"),
            # An id with a slash would be no id.
            ipsec("{{ 7 * 7 }}", "c", description="{% if true %}" + template + "{% endif %}"),
            ipsec(D, ".", customer_endpoint=template),
        ],
        "gre_tunnels": [gre(E, "../" + template, customer_gre_endpoint=template, mtu=template)],
        "connectors": [connector(F, template, notes=template, last_seen_version="{%" + template, last_heartbeat=template, **connection)],
        "sites": [{"id": G, "name": template, "location": {"lat": template, **connection}, "connector_id": F, "description": template, **connection}],
    }
    content = {
        "kinds": KINDS,
        "compose": {
            "copied": "description",
            "longer": "'<' ~ (description | default('')) ~ '>'",
            "behind": "connector_serial_number",
            "held": "{'a': [description | default('')]}",
        },
        "keyed_groups": [{"key": "description", "separator": ""}, {"key": "customer_endpoint", "parent_group": "all_of_them"}],
        "groups": {"some": "description is defined and '<' in description"},
    }
    own = "{{ id }} {{ description | default(notes | default('')) }} {{ copied | default(behind | default('')) }} {{ longer }} {{ held }}"
    told = own + " {{ hostvars[inventory_hostname] }} {{ group_names }} {{ groups }}"
    tasks = [{"ansible.builtin.command": "true"}, {"ansible.legacy.write_down": {"content": told, "path": str(tmp_path) + "/told-{{ inventory_hostname }}"}}]
    warns = ["Invalid characters were found in group names", "has fields that do not have the documented format", RENAMED, "cannot be read", *BRACES]
    ran = played(command, account, tmp_path, tasks, content, connection="local", warns=warns)
    assert ran.rc == 0, ran.screen
    assert not marker.exists(), ran.screen
    written = sorted(path.name[5:] for path in tmp_path.glob("told-*"))
    assert len(written) == 7 and all(set(name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") for name in written), written
    assert kept(template) in (tmp_path / "told-c").read_text(encoding="utf-8")
    # The connector and the site have one name, which was a template.
    assert sum(kept(template) in (tmp_path / f"told-{name}").read_text(encoding="utf-8") for name in written) >= 4


def test_pieces_of_templates_and_expressions(account, command, tmp_path):
    """Harmless alone, or a template only after others have been put beside it; and expressions where a task takes a text for one."""
    call = "('pipe', 'touch " + str(tmp_path) + "/marker')"
    texts = ["{", "{ (lookup)" + call + " }}", "(lookup)" + call, "lipsum.__globals__.os.popen ('touch " + str(tmp_path) + "/marker').read ()"]
    account.lists["ipsec_tunnels"] = [ipsec(digit * 32, f"t{digit}", description=text) for digit, text in zip("0123", texts)]
    joined = "{{ groups.ipsec_tunnels | map('extract', hostvars, 'description') | join('') }}"
    summed = "{{ hostvars.t0.description ~ hostvars.t1.description }}"
    once = {"run_once": True, "ignore_errors": True}
    tasks = [
        {"ansible.builtin.set_fact": {"report": joined, "sum": summed}, **once},
        {"ansible.legacy.write_down": {"content": "{{ report }}|{{ sum }}", "path": str(tmp_path / "told")}, **once},
        {"ansible.builtin.debug": {"msg": "{{ passed }}"}, "vars": {"passed": joined}, **once},
        {"ansible.builtin.debug": {"var": "{{ description }}"}, "ignore_errors": True},
        {"ansible.builtin.debug": {"var": "{{ hostvars[inventory_hostname].description }}"}, "ignore_errors": True},
        {"ansible.builtin.assert": {"that": "{{ description }}"}, "ignore_errors": True},
        {"ansible.builtin.assert": {"that": "{{ copied }}"}, "ignore_errors": True},
    ]
    ran = played(command, account, tmp_path, tasks, {"compose": {"copied": "description"}}, connection="local", warns=BRACES)
    assert ran.rc == 0, ran.screen
    assert not (tmp_path / "marker").exists(), ran.screen
    assert (tmp_path / "told").read_text(encoding="utf-8") == kept("".join(texts) + "|" + "".join(texts[:2]))


def test_listed_texts_are_plain_where_they_are_harmless(account, inventory, tmp_path):
    identity = {"fqdn_id": "a.33145236.custom.ipsec.cloudflare.com"}
    account.lists["ipsec_tunnels"] = [
        ipsec(
            A,
            "a",
            description="Büro 1 - Paris",
            psk="a-key-that-must-not-be-shown",
            ansible_connection="local",
            later="x",
            custom_remote_identities=identity,
            created_on="2026-01-31T12:34:56.789Z",
            bgp={"customer_asn": 65000, "extra_prefixes": ["192.0.2.0/24"]},
        ),
        ipsec(B, "b", description="{{ 1 }}"),
        ipsec(C, "c", description="plain (100%) text"),
    ]
    compose = {"copied": "description", "label": "name ~ '-x'", "all_of_it": "[name, {'x': cloudflare_endpoint}]"}
    ran = inventory({"compose": compose}, env=account.environment(), warns=BRACES)
    assert ran.rc == 0, ran.screen
    text = (tmp_path / "listed.json").read_text(encoding="utf-8")
    listed = json.loads(text)["_meta"]["hostvars"]
    assert "__ansible_unsafe" not in json.dumps(listed["a"])
    assert listed["a"]["description"] == listed["a"]["copied"] == "Büro 1 - Paris"
    assert (listed["a"]["label"], listed["a"]["all_of_it"]) == ("a-x", ["a", {"x": "203.0.113.1"}])
    assert (listed["a"]["custom_remote_identities"], listed["a"]["created_on"]) == (identity, "2026-01-31T12:34:56.789Z")
    assert listed["a"]["bgp"] == {"customer_asn": 65000, "extra_prefixes": ["192.0.2.0/24"]}
    assert not {"psk", "ansible_connection", "later", "name"} & set(listed["a"])
    assert "must-not-be-shown" not in text
    # The others are the text, and nothing else.
    for host, description in (("b", kept("{{ 1 }}")), ("c", "plain (100%) text")):
        assert listed[host]["description"] == listed[host]["copied"] == {"__ansible_unsafe": description}
        assert ran.listed["_meta"]["hostvars"][host]["description"] == description


@pytest.mark.cores("one")
@pytest.mark.parametrize("prefix", ["ansible_", "role_", "magic-", "{{ x }}"])
def test_prefixes_that_are_refused(account, inventory, prefix):
    ran = inventory({"hostvars_prefix": prefix}, env=account.environment(), warns=["hostvars_prefix:"])
    assert not ran.listed["_meta"]["hostvars"], ran.screen
    assert account.answers == 0


# --- names


COLLIDING = {
    "ipsec_tunnels": [
        ipsec(A, "a"),
        ipsec(B, "a_gre"),
        ipsec(C, "all"),
        ipsec(D, "localhost"),
        ipsec(E, "ipsec_tunnels"),
        ipsec("1" * 32, "twice"),
        ipsec("2" * 32, "twice"),
        ipsec("3" * 32, "site_lyon", description="lyon"),
        ipsec("4" * 32, "chosen"),
        ipsec("5" * 32, "there"),
        ipsec("6" * 32, "ungrouped"),
        ipsec("7" * 32, "127.0.0.1"),
        ipsec("8" * 32, "Zürich 1"),
    ],
    "gre_tunnels": [gre("9" * 32, "a"), gre("0" * 32, "twice")],
    "connectors": [connector("1a" * 16, "MC-1"), connector("2a" * 16, "chosen"), connector("3a" * 16, "sites")],
    "sites": [{"id": "1b" * 16, "name": "MC-1"}, {"id": "2b" * 16, "name": "twice"}, {"id": "3b" * 16, "name": "Zürich 1"}],
}
NAMES = {
    "MC-1": "1a" * 16,
    "MC-1_site": "1b" * 16,
    "chosen_connector": "2a" * 16,
    "sites_3a3a3a3a": "3a" * 16,
    "twice_2b2b2b2b": "2b" * 16,
    "Zurich_1_site": "3b" * 16,
    "a": A,
    "a_gre": B,
    "a_99999999": "9" * 32,
    "all_cccccccc": C,
    "localhost_dddddddd": D,
    "ipsec_tunnels_eeeeeeee": E,
    "twice_11111111": "1" * 32,
    "twice_22222222": "2" * 32,
    "twice_00000000": "0" * 32,
    "site_lyon_33333333": "3" * 32,
    "chosen_44444444": "4" * 32,
    "there_55555555": "5" * 32,
    "ungrouped_66666666": "6" * 32,
    "127.0.0.1_77777777": "7" * 32,
    "Zurich_1": "8" * 32,
}


@pytest.mark.cores("one")
@pytest.mark.parametrize("backwards", [False, True])
def test_names_that_collide(account, inventory, backwards):
    account.lists = {kind: tunnels[::-1] if backwards else tunnels for kind, tunnels in COLLIDING.items()}
    content = {
        "kinds": KINDS,
        "groups": {"chosen": "name == 'chosen'"},
        "keyed_groups": [{"key": "description", "prefix": "site"}],
        "compose": {"label": "name"},
    }
    # hosts.json, which is read before, has a host 'there'.
    ran = inventory(content, before=["hosts.json"], env=account.environment(), warns=[RENAMED, TWINS])
    assert ran.rc == 0, ran.screen
    assert ids(ran) == NAMES, ran.screen
    hosts = ran.listed["_meta"]["hostvars"]
    names = {one["id"]: one.get("name") or one["device"]["serial_number"] for several in COLLIDING.values() for one in several}
    assert {host: variables["label"] for host, variables in hosts.items() if "label" in variables} == {
        host: names[tunnel_id] for host, tunnel_id in NAMES.items()
    }
    assert hosts["there"]["ansible_connection"] == "elsewhere" and "tunnel_type" not in hosts["there"]
    assert ran.listed["site_lyon"]["hosts"] == ["site_lyon_33333333"]
    assert sorted(ran.listed["chosen"]["hosts"]) == ["chosen_44444444", "chosen_connector"]
    assert ran.shows("twice_11111111")
    assert "both group and host" not in ran.screen
    for group in ("ipsec_tunnels", "gre_tunnels", "connectors", "sites", "chosen", "site_lyon"):
        assert not {"id", "label"} & set(ran.listed[group].get("vars", {}))


@pytest.mark.cores("one")
def test_groups_that_are_called_like_their_hosts(account, inventory):
    """Each name that a host could have becomes a group."""
    account.lists["ipsec_tunnels"] = [ipsec(A, "a")]
    ran = inventory({"keyed_groups": [{"key": "inventory_hostname", "separator": ""}]}, env=account.environment(), warns=["There is no free host name"])
    assert ran.shows("prefix") and not ran.listed["_meta"]["hostvars"], ran.screen


@pytest.mark.parametrize("how", ["separate", "combine"])
def test_a_host_that_is_there_already(account, inventory, tmp_path, how):
    account.lists["ipsec_tunnels"] = [ipsec(A, "router", description="from Cloudflare"), ipsec(B, "known"), ipsec(C, "c")]
    # Variables that the plugin also knows, but has no value for: they stay templates.
    own = {"bgp": "{{ 'my' ~ 'self' }}", "other": "{{ 'my' ~ 'self' }}"}
    hosts = {"router": {"ansible_host": "192.0.2.1", "role": "edge", **own}, "known": {"id": B, "role": "core"}, "MC-1": {"connector_id": D}}
    (tmp_path / "mine.json").write_text(json.dumps({"all": {"children": {"routers": {"hosts": hosts}}}}), encoding="utf-8")
    account.lists |= {"connectors": [connector(D, "MC-1", notes="x")], "sites": [{"id": E, "name": "MC-1", "connector_id": D}]}
    content = {
        "kinds": KINDS,
        "existing_hosts": how,
        "groups": {"edges": "role is defined and role == 'edge'"},
        "compose": {"both": "name", "other": "no_such_variable"},
    }
    separate = how == "separate"
    ran = inventory(content, before=["mine.json"], env=account.environment(), warns=[RENAMED] if separate else [])
    assert ran.rc == 0, ran.screen
    listed = ran.listed["_meta"]["hostvars"]
    # The connector is the one of MC-1; the site has its id, too, and is another object.
    assert ids(ran) == {"router_aaaaaaaa" if separate else "router": A, "known": B, "c": C, "MC-1": D, "MC-1_site": E}, ran.screen
    assert ran.listed["routers"]["hosts"] == ["router", "known", "MC-1"] and listed["MC-1"]["kind"] == "connector"
    assert (ran.listed["connectors"]["hosts"], ran.listed["sites"]["hosts"]) == (["MC-1"], ["MC-1_site"])
    assert listed["router"]["ansible_host"] == "192.0.2.1" and listed["known"]["role"] == "core"
    assert ("description" in listed["router"], "both" in listed["router"], "edges" in ran.listed) == (not separate,) * 3
    assert sorted(ran.listed["ipsec_tunnels"]["hosts"]) == sorted(set(ids(ran)) - {"MC-1", "MC-1_site"})
    assert {name: listed["router"][name] for name in own} == own
    assert "__ansible_unsafe" not in (tmp_path / "listed.json").read_text(encoding="utf-8")


def test_an_error_in_strict_adds_no_host(account, inventory):
    account.lists["ipsec_tunnels"] = [ipsec(A, "a", description="x"), ipsec(B, "b")]
    groups = {"some": "interface_address6 == '' and bgp.customer_asn == 1 or name == 'a'"}
    ran = inventory({"strict": True, "groups": groups}, env=account.environment(), warns=["Could not add host a to group some"])
    assert not ran.listed["_meta"]["hostvars"], ran.screen
    assert "ipsec_tunnels" not in ran.listed


@pytest.mark.cores("one")
def test_two_accounts(account, inventory, tmp_path):
    """Tunnels of one name in two accounts are two hosts; one account read twice has each tunnel once."""
    account.lists["ipsec_tunnels"] = [ipsec(A, "a"), ipsec(B, "b")]
    inventory({"hostvars_prefix": "one_", "existing_hosts": "combine"}, env=account.environment(), file="one.magic.yml")
    ran = inventory({"existing_hosts": "combine"}, before=["one.magic.yml"], env=account.environment(), file="again.magic.yml")
    assert ids(ran) == ids(ran, "one_id") == {"a": A, "b": B}, ran.screen


def test_groups_that_are_called_like_hosts_of_another_source(account, inventory, tmp_path):
    """Also where those hosts are tunnels, and where one of them is the very tunnel that makes the group."""
    account.lists["ipsec_tunnels"] = [ipsec(A, "site_paris", description="paris"), ipsec(B, "b", description="paris"), ipsec(C, "c", description="there")]
    inventory(env=account.environment(), file="one.magic.yml")
    content = {"keyed_groups": [{"key": "description", "prefix": "site", "parent_group": "b"}], "groups": {"there": "description == 'there'"}}
    ran = inventory(content, before=["one.magic.yml", "hosts.json"], env=account.environment(), file="two.magic.yml", warns=["have _group in their name"])
    assert ran.rc == 0, ran.screen
    assert ids(ran) == {"site_paris": A, "b": B, "c": C}, ran.screen
    assert sorted(ran.listed["site_paris_group"]["hosts"]) == ["b", "site_paris"] and ran.listed["site_there"]["hosts"] == ["c"]
    assert sorted(ran.listed["b_group"]["children"]) == ["site_paris_group", "site_there"]
    assert ran.listed["there_group"]["hosts"] == ["c"]
    assert not {"site_paris", "b", "there"} & set(ran.listed)
    assert all(ran.shows(word) for word in ("site_paris_group", "b_group", "there_group")), ran.screen
    assert "both group and host" not in ran.screen


# --- the other options

NONE = "hostnames: none works"


@pytest.mark.cores("one")
def test_hostnames(account, inventory):
    account.lists = {
        "ipsec_tunnels": [ipsec(A, "a", description="edge 1"), ipsec(B, "b"), ipsec(C, "c", description="{{ 1 }}"), ipsec(D, "d", customer_endpoint="")],
        "gre_tunnels": [gre(E, "e", description="edge 1")],
        "connectors": [connector(F, "MC-1", notes="Lyon, rack 3"), connector(G, "MC-2")],
    }
    content = {
        "kinds": KINDS,
        "hostnames": ["notes", "no_such_variable", "description", "{{ tunnel_type }}-{{ customer_endpoint.split('.') | last }}-{{ name }}"],
    }
    ran = inventory(content, env=account.environment(), warns=BRACES)
    assert ran.rc == 0, ran.screen
    assert ids(ran) == {"edge_1": A, "ipsec-1-b": B, "___1___": C, "ipsec--d": D, "edge_1_gre": E, "Lyon__rack_3": F, "MC-2": G}, ran.screen
    ran = inventory({"hostnames": ["no_such_variable"]}, env=account.environment(), warns=BRACES)
    assert sorted(ids(ran)) == ["a", "b", "c", "d", "e"] and account.asked[-2:] == ["ipsec_tunnels", "gre_tunnels"]
    ran = inventory({"hostnames": ["customer_gre_endpoint"], "strict": True, "filters": {"names": ["d"]}}, env=account.environment(), warns=[NONE])
    assert ran.shows(D) and not ran.listed["_meta"]["hostvars"], ran.screen
    ran = inventory({"hostnames": ["description", "no_such_variable"], "strict": True}, env=account.environment(), warns=[NONE])
    assert ran.shows("no_such_variable") and not ran.listed["_meta"]["hostvars"], ran.screen


@pytest.mark.cores("one")
def test_filters(account, inventory):
    account.lists = {"ipsec_tunnels": [ipsec(A, "branch-1"), ipsec(B, "branch-lab-1"), ipsec(C, "hq")], "gre_tunnels": [gre(D, "branch-2")]}
    ran = inventory(
        {"filters": {"names": ["{{ 'branch' ~ '-*' }}", "rome"], "exclude": ["*-lab-*"]}}, env=account.environment(), warns=["with the name 'rome'"]
    )
    assert sorted(ids(ran)) == ["branch-1", "branch-2"]
    before = account.answers
    ran = inventory({"filters": {"name": ["branch-*"]}}, env=account.environment(), warns=["there is no filter 'name'"])
    assert not ran.listed["_meta"]["hostvars"]
    assert account.answers == before


def test_options_without_a_value(account, inventory):
    """A key of YAML without a value is as if it were not there."""
    account.lists = {"ipsec_tunnels": [ipsec(A, "there")], "gre_tunnels": [gre(B, "b")]}
    options = ("filters", "hostnames", "hostvars_prefix", "existing_hosts", "kinds", "compose", "groups", "keyed_groups")
    ran = inventory(dict.fromkeys(options), before=["hosts.json"], env=account.environment(), warns=[RENAMED])
    assert ids(ran) == {"there_aaaaaaaa": A, "b": B}, ran.screen


# --- time


@pytest.mark.cores("one")
def test_ages_are_measured_by_the_clock_of_the_answer(account, inventory):
    """Also those of a cache, with the difference of the clocks."""
    account.seconds = 500 * 86400
    made = datetime.now(timezone.utc) + timedelta(days=400, hours=1)
    account.lists["ipsec_tunnels"] = [ipsec(A, "a", psk_metadata={"last_generated_on": made.isoformat()}), ipsec(B, "b")]
    content = {"cache": True, "cache_plugin": "ansible.builtin.jsonfile", "cache_connection": "cached", "groups": {"old": "psk_age_days == 99"}}
    for dummy in range(2):
        ran = inventory(content, env=account.environment())
        hosts = ran.listed["_meta"]["hostvars"]
        assert (hosts["a"]["psk_age_days"], hosts["b"]["psk_age_days"]) == (99, None), ran.screen
        assert ran.listed["old"]["hosts"] == ["a"]
    assert account.answers == 2


@pytest.mark.cores("one")
def test_a_key_from_the_future(account, inventory):
    made = datetime.now(timezone.utc) + timedelta(days=10)
    account.lists["ipsec_tunnels"] = [ipsec(A, "a", psk_metadata={"last_generated_on": made.isoformat()}), ipsec(B, "b")]
    ran = inventory(env=account.environment(), warns=["in the future"])
    assert ran.listed["_meta"]["hostvars"]["a"]["psk_age_days"] == -10
    assert ran.shows(A) and not ran.shows(B)


# --- processes


def test_no_connection_is_open_when_ansible_forks(account, command, tmp_path):
    account.lists = {"ipsec_tunnels": [ipsec(A, "a"), ipsec(B, "b")], "gre_tunnels": [gre(C, "c")]}
    path = str(tmp_path) + "/told-{{ inventory_hostname }}"
    task = {"ansible.legacy.write_down": {"content": "{{ lookup('ansible.builtin.url', '" + account.url + "/open') }}", "path": path}}
    ran = played(command, account, tmp_path, [task], {}, args=["--forks", "1"], connection="local")
    assert ran.rc == 0, ran.screen
    told = [json.loads(path.read_text(encoding="utf-8")) for path in tmp_path.glob("told-*")]
    assert account.asked == ["ipsec_tunnels", "gre_tunnels"] and len(told) == 3
    assert [answer["open"] for answer in told] == [0, 0, 0]


def test_a_key_in_an_answer_is_no_variable(account, inventory, leaked, tmp_path):
    """Neither of a host, nor in the cache, wherever the answer quotes it: a pre-shared key, or that of a license."""
    key = "EchoedKeyEchoedKeyEchoedKeyEchoedKey"
    licensed = {"license_key": key, "licenseKey": key, "more": [{"license_key": key}]}
    account.lists = {
        "ipsec_tunnels": [ipsec(A, "a", psk=key, psk_metadata={"psk": key}, more=[{"PSK": key, "x": 1}])],
        "gre_tunnels": [gre(B, "b", psk=key)],
        "connectors": [connector(C, "MC-1", **licensed) | {"device": {"id": "d", "serial_number": "MC-1", **licensed}}],
        "sites": [{"id": D, "name": "lyon", "connector_id": C, "location": {"lat": "1", **licensed}, **licensed}],
    }
    cache = {"kinds": KINDS, "cache": True, "cache_plugin": "ansible.builtin.jsonfile", "cache_connection": str(tmp_path / "cache")}
    ran = inventory(cache, env=account.environment(), args=["-vvv"])
    assert ran.rc == 0 and ids(ran) == {"a": A, "b": B, "MC-1": C, "lyon": D}, ran.screen
    assert list((tmp_path / "cache").iterdir())
    assert leaked(ran.written(), [key]) == []
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and key in path.read_text(encoding="utf-8", errors="replace")]


# --- connectors and sites


@pytest.mark.cores("one")
@pytest.mark.parametrize(
    ("kinds", "lists"),
    [
        (["gre_tunnel"], ["gre_tunnels"]),
        (["connector"], ["connectors"]),
        # Sites have the serial numbers of connectors.
        (["site"], ["connectors", "sites"]),
        ([], []),
        (KINDS[::-1], ["ipsec_tunnels", "gre_tunnels", "connectors", "sites"]),
    ],
)
def test_only_the_lists_that_are_needed_are_requested(account, inventory, kinds, lists):
    account.lists = {
        "ipsec_tunnels": [ipsec(A, "a")],
        "gre_tunnels": [gre(B, "b")],
        "connectors": [connector(C, "MC-1")],
        "sites": [{"id": D, "name": "lyon", "connector_id": C}],
    }
    ran = inventory({"kinds": kinds}, env=account.environment())
    assert account.asked == lists, ran.screen
    expected = {"ipsec_tunnel": ("a", A), "gre_tunnel": ("b", B), "connector": ("MC-1", C), "site": ("lyon", D)}
    assert ids(ran) == dict(expected[kind] for kind in kinds)
    assert all(variables["connector_serial_number"] == "MC-1" for name, variables in ran.listed["_meta"]["hostvars"].items() if name == "lyon")


@pytest.mark.cores("one")
@pytest.mark.parametrize(
    ("kinds", "forbidden", "words"),
    [
        (["ipsec_tunnel", "site"], "connectors", ["The connectors of the account", "'Magic WAN Read' ('Magic WAN Write' includes it)", "Or remove site"]),
        (KINDS, "sites", ["The sites of the account", "'Magic WAN Read' or 'Magic Transit Read'", "Or remove site from kinds"]),
    ],
)
def test_a_kind_that_the_credential_may_not_read(account, inventory, kinds, forbidden, words):
    """The message names the kind and the permission, says what state things are in, and what to do."""
    account.lists["ipsec_tunnels"] = [ipsec(A, "a")]
    account.forbidden = {forbidden}
    ran = inventory({"kinds": kinds}, env=account.environment(), warns=words[:1])
    assert not ran.listed["_meta"]["hostvars"] and account.asked[-1] == forbidden
    for word in (*words, "HTTP 403", "any_unparsed_is_failed", "other inventory plugins"):
        assert ran.shows(word), ran.screen
