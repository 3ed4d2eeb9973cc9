# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What strongswan_edge is given never gets into strongSwan's files as more than a value."""

from __future__ import annotations

import json
import subprocess

import pytest

TUNNEL = {"name": "a", "cloudflare_endpoint": "203.0.113.1", "remote_identities": {"fqdn_id": "a.example.com"}}


def run(tmp_path, tunnel, **more):
    swanctl = tmp_path / "swanctl"
    (swanctl / "conf.d").mkdir(parents=True)
    variables = {
        "strongswan_edge_tunnel": tunnel,
        "strongswan_edge_swanctl_dir": str(swanctl),
        "strongswan_edge_settings_dir": str(swanctl),
        "strongswan_edge_if_id": 1,
        **more,
    }
    role = [{"ansible.builtin.import_role": {"name": "cloudflare.magic.strongswan_edge", "tasks_from": "assert"}}]
    role.append({"ansible.builtin.debug": {"msg": "connection={{ strongswan_edge_connection }}"}})
    play = [{"hosts": "localhost", "connection": "local", "gather_facts": False, "vars": variables, "tasks": role}]
    (tmp_path / "play.yml").write_text(json.dumps(play), encoding="utf-8")
    command = ["ansible-playbook", "-i", "localhost,", str(tmp_path / "play.yml")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    return ended, list((swanctl / "conf.d").iterdir())


@pytest.mark.parametrize("name", ["a", "a.b"])
def test_plain_values_pass(tmp_path, name):
    ended, _files = run(tmp_path, {**TUNNEL, "name": name})
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ("connection=cloudflare-a-b-" if name == "a.b" else 'connection=cloudflare-a"') in ended.stdout


@pytest.mark.parametrize(
    ("tunnel", "more"),
    [
        ({"cloudflare_endpoint": "203.0.113.1\ninclude /tmp/x"}, {}),
        ({"cloudflare_endpoint": "203.0.113.1\n"}, {}),
        ({"remote_identities": {"fqdn_id": 'a"\nupdown = /tmp/x'}}, {}),
        ({}, {"strongswan_edge_local_addrs": ["%any\nx = y"]}),
        ({}, {"strongswan_edge_remote_ts": ["10.0.0.0/8 }"]}),
        ({}, {"strongswan_edge_child_settings": {"priority": "1\nupdown = /tmp/x"}}),
        ({}, {"strongswan_edge_connection": "a\n"}),
    ],
)
def test_hostile_values_are_refused(tmp_path, tunnel, more):
    ended, files = run(tmp_path, {**TUNNEL, **tunnel}, **more)
    assert ended.returncode != 0
    assert "Assertion failed" in ended.stdout + ended.stderr or "has characters" in ended.stdout + ended.stderr or "Use letters" in ended.stdout + ended.stderr
    assert files == []
