# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cloudflare's own SDKs against the emulator: what they accept as Cloudflare's answers, the emulator gets right."""

from __future__ import annotations

import json
import os
import shutil
import subprocess

import pytest

from ansible_collections.cloudflare.magic.tests.emulator.client import Emulator, running

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "sdk.mjs")
NEW = {"name": "python-1", "cloudflare_endpoint": "203.0.113.1", "interface_address": "10.213.1.0/31"}


@pytest.fixture
def emulator(monkeypatch):
    # The SDKs read these; an e-mail address would even win over the token they are given.
    for name in [name for name in os.environ if name.startswith("CLOUDFLARE_")]:
        monkeypatch.delenv(name)
    with running() as started:
        yield started
        assert started.violations() == []
        assert started.errors() == ""


@pytest.fixture
def python_sdk(emulator):
    cloudflare = pytest.importorskip("cloudflare")
    with cloudflare.Cloudflare(base_url=emulator.url, api_token=emulator.write_token, max_retries=0) as client:
        yield client


def test_python_generates(emulator, python_sdk):
    tunnel_id = emulator.tunnel("oslo-1")["id"]
    answer = python_sdk.magic_transit.ipsec_tunnels.psk_generate(tunnel_id, account_id=emulator.account_id)
    assert answer.ipsec_tunnel_id == tunnel_id and answer.psk_metadata.last_generated_on.year >= 2025
    assert emulator.keys()[tunnel_id] == answer.psk


def test_python_sets(emulator, python_sdk):
    tunnel_id = emulator.tunnel("oslo-1")["id"]
    answer = python_sdk.magic_transit.ipsec_tunnels.psk_set(account_id=emulator.account_id, psks=[{"id": tunnel_id, "psk": "a-key-of-my-own"}])
    assert answer.successfully_applied_psks[tunnel_id].psk == emulator.keys()[tunnel_id] == "a-key-of-my-own"


@pytest.mark.parametrize("new_target", [True, False])
def test_python_tunnels(emulator, python_sdk, new_target):
    tunnels = python_sdk.magic_transit.ipsec_tunnels
    common = {"account_id": emulator.account_id, "x_magic_new_hc_target": new_target}
    assert [tunnel.name for tunnel in tunnels.list(**common).ipsec_tunnels] == [tunnel["name"] for tunnel in emulator.tunnels()]
    created = tunnels.create(**NEW, **common)
    assert created.name == "python-1" and (created.health_check.target.effective == "10.213.1.0" if new_target else created.health_check.target == "")
    updated = tunnels.update(created.id, **NEW, description="by the SDK", **common)
    assert updated.modified is True and updated.modified_ipsec_tunnel.description == "by the SDK"
    assert tunnels.get(created.id, **common).ipsec_tunnel.modified_on == updated.modified_ipsec_tunnel.modified_on
    deleted = tunnels.delete(created.id, **common)
    assert deleted.deleted is True and deleted.deleted_ipsec_tunnel.id == created.id


ERRORS = [
    ({"kind": "status", "status": 429, "code": 971, "retry_after": 1}, "RateLimitError"),
    ({"kind": "status", "status": 500}, "InternalServerError"),
    ({"kind": "disconnect"}, "APIConnectionError"),
]


@pytest.mark.parametrize("fault, expected", ERRORS)
def test_python_errors(emulator, python_sdk, fault, expected):
    cloudflare = pytest.importorskip("cloudflare")
    emulator.fault(**fault)
    with pytest.raises(getattr(cloudflare, expected)):
        python_sdk.magic_transit.ipsec_tunnels.list(account_id=emulator.account_id)


def test_python_not_found(emulator, python_sdk):
    cloudflare = pytest.importorskip("cloudflare")
    with pytest.raises(cloudflare.NotFoundError) as caught:
        python_sdk.magic_transit.ipsec_tunnels.get("0" * 32, account_id=emulator.account_id)
    assert [error.code for error in caught.value.errors] == [1032]


def test_python_verifies_its_token(python_sdk):
    assert python_sdk.user.tokens.verify().status == "active"


@pytest.fixture(scope="module")
def typescript_sdk(tmp_path_factory):
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        pytest.skip("node and npm are not both there")
    folder = tmp_path_factory.mktemp("typescript")
    (folder / "package.json").write_text('{"private": true}')
    command = [npm, "install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error", "cloudflare@>=7"]
    installed = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300, check=False)
    if installed.returncode:
        pytest.skip("npm could not install the SDK: " + installed.stdout.decode()[-500:])

    def run(emulator: Emulator, tunnel_id: str):
        command = [node, SCRIPT, emulator.url, emulator.account_id, emulator.write_token, tunnel_id]
        done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return json.loads(done.stdout)

    return run


def test_typescript(emulator, typescript_sdk):
    tunnel_id = emulator.tunnel("oslo-1")["id"]
    names = [tunnel["name"] for tunnel in emulator.tunnels()]
    seen = typescript_sdk(emulator, tunnel_id)
    assert [tunnel["name"] for tunnel in seen["listed"]["ipsec_tunnels"]] == names
    assert seen["generated"]["ipsec_tunnel_id"] == tunnel_id and seen["generated"]["psk"] == emulator.keys()[tunnel_id]
    assert seen["updated"]["modified"] is True and seen["updated"]["modified_ipsec_tunnel"]["description"] == "by the SDK"
    assert seen["deleted"]["deleted"] is True and seen["deleted"]["deleted_ipsec_tunnel"]["id"] == seen["created"]["id"]
    assert seen["missing"] == {"kind": "NotFoundError", "status": 404, "codes": [1032]}
