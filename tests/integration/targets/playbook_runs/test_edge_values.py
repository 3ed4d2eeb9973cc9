# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the roles for the edge are given never gets to a device as more than a value."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

from conftest import environ

from ansible_collections.cloudflare.magic.tests.integration.support import preloaded
from ansible_collections.cloudflare.magic.tests.integration.support.playing import COLLECTIONS_PATH

TUNNEL = {"name": "a", "cloudflare_endpoint": "203.0.113.1", "remote_identities": {"fqdn_id": "a.example.com"}}


CHECK = {"name": "cloudflare.magic.strongswan_edge", "tasks_from": "assert"}


def run(tmp_path, tasks):
    """Run tasks; return the screen, and the files that the role would have written."""
    swanctl = tmp_path / "swanctl"
    (swanctl / "conf.d").mkdir(parents=True)
    variables = {"strongswan_edge_swanctl_dir": str(swanctl), "strongswan_edge_settings_dir": str(swanctl), "strongswan_edge_if_id": 1}
    play = [{"hosts": "localhost", "connection": "local", "gather_facts": False, "vars": variables, "tasks": tasks}]
    (tmp_path / "play.yml").write_text(json.dumps(play), encoding="utf-8")
    env = {**environ(tmp_path), "ANSIBLE_COLLECTIONS_PATH": COLLECTIONS_PATH}
    ended = preloaded.run(["ansible.cli.playbook", "-i", "localhost,", "play.yml"], tmp_path, env)
    screen = ended.stdout.decode("utf-8")
    assert ended.returncode == 0, screen + ended.stderr.decode("utf-8")
    return screen, [path for path in swanctl.rglob("*") if path.is_file()]


def verdicts(tmp_path, cases):
    """Have the role check each of these variables; return what it said, by the number of the case. Nothing was written."""
    tasks = []
    for number, variables in enumerate(cases):
        fine = {"ansible.builtin.debug": {"msg": f"<{number}: fine>"}}
        refused = {"ansible.builtin.debug": {"msg": f"<{number}: {{{{ ansible_failed_result.msg }}}}>"}}
        tasks.append({"block": [{"ansible.builtin.include_role": CHECK, "vars": variables}, fine], "rescue": [refused]})
    screen, files = run(tmp_path, tasks)
    assert files == []
    return numbered(screen)


def numbered(screen):
    """Return what stands on a screen by the number of the case."""
    return {int(number): said for number, said in re.findall('"msg": "<([0-9]+): (.*?)>"', screen)}


def public(tunnel):
    """A task after which the play has the role's variables."""
    return {"ansible.builtin.include_role": {**CHECK, "public": True}, "vars": {"strongswan_edge_tunnel": tunnel}}


def suffix(name):
    return "-" + hashlib.sha256(name.encode()).hexdigest()[:8]


# What each connection is called behind cloudflare-. A name that looks like the connection of another one gets a hash of its own.
NAMES = {
    "a": "a",
    "paris-1": "paris-1",
    "a-b": "a-b",
    "a_b": "a_b",
    "a.b": "a-b" + suffix("a.b"),
    "a-b" + suffix("a.b"): "a-b" + suffix("a.b") + suffix("a-b" + suffix("a.b")),
    "a-b" + suffix("a.b").upper(): "a-b" + suffix("a.b").upper(),
    "x" + suffix("x") + suffix("x"): "x" + suffix("x") * 2 + suffix("x" + suffix("x") * 2),
    "-0123abcd": "-0123abcd" + suffix("-0123abcd"),
    "0123abcd": "0123abcd",
    "a-0123abc": "a-0123abc",
    "a-0123abcde": "a-0123abcde",
    "a-0123abcd.": "a-0123abcd-" + suffix("a-0123abcd."),
}


def test_no_two_names_share_a_connection(tmp_path):
    tunnels = [{**TUNNEL, "name": name} for name in NAMES]
    tasks = [public(tunnels[0])]
    said = {"msg": "{{ strongswan_edge_tunnel.name }}:{{ strongswan_edge_connection }}:"}
    tasks += [{"ansible.builtin.debug": said, "vars": {"strongswan_edge_tunnel": tunnel}} for tunnel in tunnels]
    screen, _files = run(tmp_path, tasks)
    found = dict(re.findall('"msg": "(.*?):cloudflare-(.*?):"', screen))
    assert found == NAMES
    assert len(set(found.values())) == len(NAMES)


PLAIN: list[tuple[dict, dict]] = [
    ({"name": "a.b"}, {}),
    ({"cloudflare_endpoint": "2001:db8::1"}, {"strongswan_edge_remote_ts": ["10.0.0.0/8", "2001:db8::/32", "10.1.2.3[tcp/443]"]}),
    ({"cloudflare_endpoint": "255.1.20.199"}, {"strongswan_edge_local_addrs": ["192.0.2.1", "fd00::1", "10.0.0.0/8", "%any6"]}),
    ({"cloudflare_endpoint": "1:2:3:4:5:6:7:8"}, {"strongswan_edge_child_settings": {"mark_in": 42, "if_id_in": "%unique"}}),
    ({"cloudflare_endpoint": "::1:0"}, {"strongswan_edge_local_ts": ["dynamic", "dynamic[tcp]", "::/0"]}),
    ({"remote_identities": {"user_id": "ipsec@ab.123.ipsec.cloudflare.com"}}, {"strongswan_edge_identity": "user_id"}),
    ({"remote_identities": {"hex_id": "3132ff"}}, {"strongswan_edge_identity": "key_id"}),
    ({"custom_remote_identities": {"fqdn_id": "edge.123.custom.ipsec.cloudflare.com"}}, {"strongswan_edge_identity": "custom"}),
]


def test_plain_values_pass(tmp_path):
    found = verdicts(tmp_path, [{"strongswan_edge_tunnel": {**TUNNEL, **tunnel}, **more} for tunnel, more in PLAIN])
    assert found == dict.fromkeys(range(len(PLAIN)), "fine")


ENDPOINTS = [
    "203.0.113.1\ninclude /tmp/x",
    "203.0.113.1\n",
    " 203.0.113.1",
    "%any",
    "0.0.0.0",
    "0.0.0.0/0",
    "203.0.113.1/24",
    "203.0.113.1, 203.0.113.2",
    "203.0.113.256",
    "203.0.113.01",
    "203.0.113",
    "....",
    "fe.de",
    "::",
    "0::0",
    "0:0:0:0:0:0:0:0",
    "1::2::3",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "12345::1",
    "::g",
    ":1",
    "1:",
    "\u0662\u06603.0.113.1",
]
IDENTITIES = [
    ("fqdn", 'a"\nupdown = /tmp/x'),
    ("fqdn", "a.example.com\n"),
    ("fqdn", "0.0.0.0"),
    ("fqdn", "203.0.113.1"),
    ("fqdn", "::"),
    ("fqdn", "%any"),
    ("fqdn", "*.example.com"),
    ("fqdn", "@#3132"),
    ("fqdn", "a@b.example.com"),
    ("fqdn", "a..example.com"),
    ("fqdn", "ipv4:0.0.0.0"),
    ("user_id", "a.example.com"),
    ("user_id", "a@0.0.0.0"),
    ("user_id", '"@example.com'),
    ("key_id", "313"),
    ("key_id", "3g"),
    ("custom", "0.0.0.0"),
]
OF_IDENTITY = {"fqdn": "fqdn_id", "user_id": "user_id", "key_id": "hex_id"}
VARIABLES: list[tuple[str, object]] = [
    ("strongswan_edge_local_addrs", ["%any\nx = y"]),
    ("strongswan_edge_local_addrs", ["%any/8"]),
    ("strongswan_edge_local_addrs", ["...."]),
    ("strongswan_edge_local_ts", ["10.0.0.0/33"]),
    ("strongswan_edge_remote_ts", ["10.0.0.0/8 }"]),
    ("strongswan_edge_remote_ts", ["2001:db8::/129"]),
    ("strongswan_edge_child_settings", {"priority": "1\nupdown = /tmp/x"}),
    ("strongswan_edge_child_settings", {"include /tmp/x #": "1"}),
    ("strongswan_edge_connection_settings", {"include": "/tmp/x"}),
    ("strongswan_edge_connection_settings", {"a\n": "1"}),
    ("strongswan_edge_dpd_delay", "30s\n"),
    ("strongswan_edge_connection", "a\n"),
]


def hostile():
    """Return pairs: what the message has to name, and the variables."""
    for endpoint in ENDPOINTS:
        yield "cloudflare_endpoint in strongswan_edge_tunnel", {"strongswan_edge_tunnel": {**TUNNEL, "cloudflare_endpoint": endpoint}}
    for kind, value in IDENTITIES:
        where = {"custom_remote_identities": {"fqdn_id": value}} if kind == "custom" else {"remote_identities": {OF_IDENTITY[kind]: value}}
        yield f"the identity ({kind}) in strongswan_edge_tunnel", {"strongswan_edge_tunnel": {**TUNNEL, **where}, "strongswan_edge_identity": kind}
    for name, value in VARIABLES:
        yield name, {"strongswan_edge_tunnel": TUNNEL, name: value}


def test_hostile_values_are_refused(tmp_path):
    """What the role finds of each value; and that it stops there, for one of each kind."""
    cases = list(hostile())
    said = r"{{ strongswan_edge_unfit | join(', ') or strongswan_edge_connection is not match('[A-Za-z0-9_-]+\Z') }}"
    # One task for those that differ in the tunnel and the identity alone: most of the time is that of tasks.
    cases.insert(0, ("False", {"strongswan_edge_tunnel": TUNNEL}))  # nothing
    alike = [{"strongswan_edge_identity": "fqdn", **variables} for _named, variables in cases[: -len(VARIABLES)]]
    each = {name: f"{{{{ item.{name} }}}}" for name in ("strongswan_edge_tunnel", "strongswan_edge_identity")}
    shown = {"ansible.builtin.debug": {"msg": f"<{{{{ number }}}}: {said}>"}}
    tasks: list[dict] = [{**shown, "vars": each, "loop": alike, "loop_control": {"index_var": "number"}}]
    tasks += [{**shown, "vars": {"number": number, **variables}} for number, (_named, variables) in enumerate(cases) if number >= len(alike)]
    screen, _files = run(tmp_path / "values", [public(TUNNEL), *tasks])
    assert numbered(screen) == {number: "True" if named == "strongswan_edge_connection" else named for number, (named, _variables) in enumerate(cases)}
    of_each = list(dict(cases[1:]).items())
    said = verdicts(tmp_path / "role", [variables for _named, variables in of_each])
    assert sorted(said) == list(range(len(of_each)))
    for number, (named, _variables) in enumerate(of_each):
        assert said[number].startswith((f"Not usable for strongSwan: {named}. ", f"{named} is 'a")), (named, said)


TUNNEL_OF_CLOUDFLARE = {
    "id": "0123456789abcdef0123456789abcdef",
    "name": "paris-1",
    "cloudflare_endpoint": "203.0.113.1",
    "interface_address": "10.213.0.10/31",
    "remote_identities": {"fqdn_id": "ab.1.ipsec.cloudflare.com", "user_id": "ipsec@ab.1.ipsec.cloudflare.com", "hex_id": "3132"},
    "health_check": {"enabled": True, "rate": "mid", "target": {"effective": "10.213.0.11", "saved": ""}},
    "psk_metadata": {"last_generated_on": "2026-01-31T12:00:00.123456Z"},
}
FINE: list[dict] = [
    {},
    {"description": "any\ntext \u202e"},
    {"customer_endpoint": "198.51.100.1", "interface_address6": "fd00::a/127"},
    {"customer_endpoint": "", "interface_address6": "", "custom_remote_identities": {}, "remote_identities": None},
    {"customer_endpoint": "0.0.0.0", "cloudflare_endpoint": "2001:db8::1"},
    {"new": 'a back\\nslash, \\\\t a "quote" and \u00fc'},
]
UNFIT: list[tuple[str, dict]] = [
    ("name", {"name": "a\nreload"}),
    ("name", {"name": "a b"}),
    ("name", {"name": "a|b"}),
    ("name", {"name": "a*"}),
    ("name", {"name": "a\n"}),
    ("id", {"id": "0' or '1"}),
    ("cloudflare_endpoint", {"cloudflare_endpoint": "203.0.113.1\n"}),
    ("cloudflare_endpoint", {"cloudflare_endpoint": "0.0.0.0"}),
    ("cloudflare_endpoint", {"cloudflare_endpoint": ""}),
    ("cloudflare_endpoint", {"cloudflare_endpoint": 1}),
    ("cloudflare_endpoint", {"cloudflare_endpoint": ["203.0.113.1"]}),
    ("customer_endpoint", {"customer_endpoint": "198.51.100.1 | save x"}),
    ("interface_address", {"interface_address": "10.213.0.11/31\n"}),
    ("interface_address", {"interface_address": "10.213.0.11"}),
    ("interface_address6", {"interface_address6": "fd00::g/127"}),
    ("remote_identities.fqdn_id", {"remote_identities": {"fqdn_id": 'a.b"'}}),
    ("remote_identities.user_id", {"remote_identities": {"user_id": "a b@c.d"}}),
    ("remote_identities.hex_id", {"remote_identities": {"hex_id": "0x31"}}),
    ("custom_remote_identities.fqdn_id", {"custom_remote_identities": {"fqdn_id": "%any"}}),
    ("health_check", {"health_check": {"target": {"saved": "x\ny"}}}),
    ("bgp", {"bgp": {"extra_prefixes": ["10.0.0.0/8\nreload"]}}),
    ("new", {"new": {"deep": ["\u202e"]}}),
    ("new", {"new": {"\x7f": 1}}),
    ("new", {"new": "\\\\\t"}),
    ("new\\\\n", {"new\n": 1}),
]


# What the module says of options, and what the role that sets them makes of it.
SAID_OF_HEALTH = {
    "wait_timeout: 'x' is not an age.": "rotate_edge_health_timeout: 'x' is not an age.",
    "min_healthy_share must be above 0": "rotate_edge_health_share must be above 0",
    "window must be from 1s to 7d": "rotate_edge_health_window must be from 1s to 7d",
    "window: 'x' is not an age; the window of a house": "rotate_edge_health_window: 'x' is not an age; the window of a house",
}


def test_what_rotate_edge_gives_to_devices(tmp_path):
    roles = Path(__file__).parents[4] / "roles"
    files = [str(roles / "strongswan_edge/vars/main/forms.yml"), str(roles / "rotate_edge/vars/main.yml")]
    tasks = [{"ansible.builtin.include_vars": {"file": file}} for file in files]
    cases = [*FINE, *(changes for _field, changes in UNFIT)]
    others = "[item, item | combine({'name': 'another', 'cloudflare_endpoint': 'of no interest\\n'})]"
    variables = {"rotate_edge_account": {"ipsec_tunnels": f"{{{{ {others} }}}}"}, "rotate_edge_tunnels": ["{{ item.name }}"]}
    shown = {"ansible.builtin.debug": {"msg": "<{{ number }}: {{ rotate_edge_unfit }}>"}, "loop_control": {"index_var": "number"}}
    tasks.append({**shown, "loop": [{**TUNNEL_OF_CLOUDFLARE, **changes} for changes in cases], "vars": variables})
    for number, said in enumerate(SAID_OF_HEALTH, start=len(cases)):
        tasks.append({"ansible.builtin.debug": {"msg": f"<{number}: {{{{ rotate_edge_health_reason }}}}>"}, "vars": {"ansible_failed_result": {"msg": said}}})
    screen, _files = run(tmp_path, tasks)
    found = {number: said.split(" of the tunnel ")[0] for number, said in numbered(screen).items()}
    assert found == dict(enumerate([*("" for _fine in FINE), *(field for field, _changes in UNFIT), *SAID_OF_HEALTH.values()]))
