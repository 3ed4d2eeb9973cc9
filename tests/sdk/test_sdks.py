# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cloudflare's own SDKs against the emulator: what they accept as Cloudflare's answers, the emulator gets right."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

import pytest

from ansible_collections.cloudflare.magic.tests.emulator.client import Emulator

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "sdk.mjs")
# For each kind that can be created: the name of one of them in answers, and what the Python SDK sends; sdk.mjs has the same kinds.
NEW: dict[str, tuple[str, dict[str, Any]]] = {
    "ipsec_tunnels": ("ipsec_tunnel", {"name": "python-1", "cloudflare_endpoint": "203.0.113.1", "interface_address": "10.213.1.0/31"}),
    "gre_tunnels": (
        "gre_tunnel",
        {
            "name": "python-gre-1",
            "cloudflare_gre_endpoint": "203.0.113.1",
            "customer_gre_endpoint": "198.51.100.77",
            "interface_address": "10.213.1.2/31",
        },
    ),
    "routes": ("route", {"prefix": "10.30.0.0/16", "nexthop": "10.213.0.11", "priority": 100}),
}
CODES = {"ipsec_tunnels": 1032, "gre_tunnels": 1029, "routes": 1020}


@pytest.fixture(scope="session", name="_client")
def _one_client(_started):
    """One client for all tests: each reads the certificates of the system, which takes longer than a test."""
    cloudflare = pytest.importorskip("cloudflare")
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("CLOUDFLARE_")]:
            patch.delenv(name)
        with cloudflare.Cloudflare(base_url=_started.url, api_token=_started.write_token, max_retries=0) as client:
            yield client


@pytest.fixture
def python_sdk(emulator, _client):  # pylint: disable=unused-argument # it is reset
    return _client


def test_python_generates(emulator, python_sdk):
    tunnel_id = emulator.tunnel("oslo-1")["id"]
    answer = python_sdk.magic_transit.ipsec_tunnels.psk_generate(tunnel_id, account_id=emulator.account_id)
    assert answer.ipsec_tunnel_id == tunnel_id and answer.psk_metadata.last_generated_on.year >= 2025
    assert emulator.keys()[tunnel_id] == answer.psk


def test_python_sets(emulator, python_sdk):
    tunnel_id = emulator.tunnel("oslo-1")["id"]
    answer = python_sdk.magic_transit.ipsec_tunnels.psk_set(account_id=emulator.account_id, psks=[{"id": tunnel_id, "psk": "a-key-of-my-own"}])
    assert answer.successfully_applied_psks[tunnel_id].psk == emulator.keys()[tunnel_id] == "a-key-of-my-own"


CASES = [("ipsec_tunnels", True), ("ipsec_tunnels", False), ("gre_tunnels", True), ("gre_tunnels", False), ("routes", None)]


@pytest.mark.parametrize("kind, new_target", CASES)
def test_python_objects(emulator, python_sdk, kind, new_target):
    resource, (one, new) = getattr(python_sdk.magic_transit, kind), NEW[kind]
    common = {"account_id": emulator.account_id}
    if new_target is not None:
        common["x_magic_new_hc_target"] = new_target
    before = emulator.state()[kind]
    assert [item.id for item in getattr(resource.list(**common), kind)] == [item["id"] for item in before]
    created = resource.create(**new, **common)
    assert {name: getattr(created, name) for name in new} == new
    if new_target is not None:
        target = created.health_check.target
        assert target.effective == {"ipsec_tunnels": "10.213.1.1", "gre_tunnels": "10.213.1.3"}[kind] if new_target else target == ""
    updated = resource.update(created.id, **new, description="by the SDK", **common)
    assert updated.modified is True and getattr(updated, "modified_" + one).description == "by the SDK"
    assert getattr(resource.get(created.id, **common), one).modified_on == getattr(updated, "modified_" + one).modified_on
    deleted = resource.delete(created.id, **common)
    assert deleted.deleted is True and getattr(deleted, "deleted_" + one).id == created.id
    assert emulator.state()[kind] == before


@pytest.mark.parametrize("kind", ["ipsec_tunnels", "gre_tunnels", "interconnects"])
def test_python_updates_one_of_many_tunnels(emulator, python_sdk, kind):
    resource = getattr(python_sdk.magic_transit, "cf_interconnects" if kind == "interconnects" else kind)
    first = emulator.state()[kind][0]["id"]
    changed = resource.bulk_update(account_id=emulator.account_id, body={"id": first, "description": "by the SDK"})
    assert [item.description for item in getattr(changed, "modified_" + kind)] == ["by the SDK"]
    assert emulator.state()[kind][0]["description"] == "by the SDK"


def test_python_updates_many_routes(emulator, python_sdk):
    routes = [{**{name: route[name] for name in ("id", "prefix", "nexthop")}, "priority": 300} for route in emulator.routes()]
    changed = python_sdk.magic_transit.routes.bulk_update(account_id=emulator.account_id, routes=routes)
    assert changed.modified is True and [route.priority for route in changed.modified_routes] == [300, 300, 300]


@pytest.mark.parametrize("new_target", [True, False])
def test_python_interconnects(emulator, python_sdk, new_target):
    interconnects = python_sdk.magic_transit.cf_interconnects
    common = {"account_id": emulator.account_id, "x_magic_new_hc_target": new_target}
    (listed,) = interconnects.list(**common).interconnects
    assert listed.name == "frankfurt-1" and (listed.health_check.target.effective == "10.213.0.41" if new_target else listed.health_check.target == "")
    updated = interconnects.update(listed.id, mtu=1500, **common)
    assert updated.modified is True and updated.modified_interconnect.mtu == 1500
    assert interconnects.get(listed.id, **common).interconnect.modified_on == updated.modified_interconnect.modified_on


def test_python_empties_the_table_of_routes(emulator, python_sdk):
    """The SDK has no way to say which routes, and sends no body: the emulator carries it out, and reports it."""
    assert len(python_sdk.magic_transit.routes.empty(account_id=emulator.account_id).deleted_routes) == 3
    assert emulator.routes() == [] and [found["rule"] for found in emulator.violations()] == ["missing"]
    emulator.clear_violations()


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


@pytest.mark.parametrize("kind", CODES)
def test_python_not_found(emulator, python_sdk, kind):
    cloudflare = pytest.importorskip("cloudflare")
    with pytest.raises(cloudflare.NotFoundError) as caught:
        getattr(python_sdk.magic_transit, kind).get("0" * 32, account_id=emulator.account_id)
    assert [error.code for error in caught.value.errors] == [CODES[kind]]


def test_python_verifies_its_token(python_sdk):
    assert python_sdk.user.tokens.verify().status == "active"


@pytest.fixture(scope="module")
def typescript_sdk(node_with):
    node, folder = node_with("cloudflare@>=7")

    def run(emulator: Emulator, tunnel_id: str):
        command = [node, SCRIPT, emulator.url, emulator.account_id, emulator.write_token, tunnel_id]
        done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return json.loads(done.stdout)

    return run


def test_typescript(emulator, typescript_sdk):
    tunnel_id = emulator.tunnel("oslo-1")["id"]
    before = emulator.state()
    seen = typescript_sdk(emulator, tunnel_id)
    assert seen["generated"]["ipsec_tunnel_id"] == tunnel_id and seen["generated"]["psk"] == emulator.keys()[tunnel_id]
    assert set(seen["kinds"]) == set(NEW)
    for kind, (one, _new) in NEW.items():
        calls = seen["kinds"][kind]
        assert [item["id"] for item in calls["listed"][kind]] == [item["id"] for item in before[kind]]
        after = calls["updated"]["modified_" + one]
        assert calls["updated"]["modified"] is True and after["description"] == "by the SDK" and after["id"] == calls["created"]["id"]
        assert calls["found"] == {one: after} and calls["deleted"] == {"deleted": True, "deleted_" + one: after}
        assert calls["missing"] == {"kind": "NotFoundError", "status": 404, "codes": [CODES[kind]]}
    assert [item["name"] for item in seen["interconnects"]["listed"]["interconnects"]] == ["frankfurt-1"]
    assert seen["interconnects"]["updated"]["modified_interconnect"]["mtu"] == 1500 == emulator.interconnects()[0]["mtu"]
    assert {kind: emulator.state()[kind] for kind in ("gre_tunnels", "routes")} == {kind: before[kind] for kind in ("gre_tunnels", "routes")}
