# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every operation, every error code, and the rules of the data."""

from __future__ import annotations

import json
import re
import threading
import time

import pytest

from ansible_collections.cloudflare.magic.tests.emulator.client import Emulator
from ansible_collections.cloudflare.magic.tests.emulator.moments import from_timestamp
from ansible_collections.cloudflare.magic.tests.unit.emulator.answers import errors, moment, result, seconds_ago

ACCOUNT = Emulator.account_id
OTHER = Emulator.other_account_id
NEW_TARGET = {"x-magic-new-hc-target": "true"}
NEW = {"name": "madrid-1", "cloudflare_endpoint": "203.0.113.1", "interface_address": "10.213.1.0/31"}
UNKNOWN = "0" * 32


# --- credentials and errors: headers, method, path, body, then status, code, codes in error_chain

WRITE = {"Authorization": "Bearer " + Emulator.write_token}
READ = {"Authorization": "Bearer " + Emulator.read_token}
PAIR = {"X-Auth-Email": Emulator.email, "X-Auth-Key": Emulator.global_key}
MAGIC = f"/accounts/{ACCOUNT}/magic"
TUNNELS = MAGIC + "/ipsec_tunnels"

REFUSED: dict[str, tuple] = {
    "no credentials": ({}, "GET", TUNNELS, None, 400, 9106, []),
    "an e-mail alone": ({"X-Auth-Email": Emulator.email}, "GET", TUNNELS, None, 400, 9106, []),
    "a key alone": ({"X-Auth-Key": Emulator.global_key}, "GET", TUNNELS, None, 400, 9106, []),
    "both kinds": (dict(WRITE, **PAIR), "GET", TUNNELS, None, 400, 6003, []),
    "token and e-mail": (dict(WRITE, **{"X-Auth-Email": Emulator.email}), "GET", TUNNELS, None, 400, 6003, []),
    "not Bearer": ({"Authorization": "Basic abc"}, "GET", TUNNELS, None, 400, 6003, [6111]),
    "token with a space": ({"Authorization": "Bearer a b"}, "GET", TUNNELS, None, 400, 6003, [6111]),
    "empty token": ({"Authorization": "Bearer"}, "GET", TUNNELS, None, 400, 6003, [6111]),
    "key as token": ({"Authorization": "Bearer " + Emulator.global_key}, "GET", TUNNELS, None, 400, 6003, [6111]),
    "token as key": (dict(PAIR, **{"X-Auth-Key": Emulator.write_token}), "GET", TUNNELS, None, 400, 6003, [6103]),
    "malformed pair": ({"X-Auth-Email": "nobody", "X-Auth-Key": "a b"}, "GET", TUNNELS, None, 400, 6003, [6102, 6103]),
    "unknown token": ({"Authorization": "Bearer nobody"}, "GET", TUNNELS, None, 403, 9109, []),
    "unknown token to verify": ({"Authorization": "Bearer nobody"}, "GET", "/user/tokens/verify", None, 401, 1000, []),
    "key pair to verify": (PAIR, "GET", "/user/tokens/verify", None, 400, 1001, []),
    "unknown key": (dict(PAIR, **{"X-Auth-Key": "nobody"}), "GET", TUNNELS, None, 403, 9103, []),
    "reader creates": (READ, "POST", TUNNELS, NEW, 403, 10000, []),
    "reader generates": (READ, "POST", f"{TUNNELS}/{UNKNOWN}/psk_generate", None, 403, 10000, []),
    "reader validates": (READ, "POST", f"{TUNNELS}/{UNKNOWN}/psk_generate?validate_only=true", None, 403, 10000, []),
    "reader sets": (READ, "POST", TUNNELS + "/psk", {"psks": []}, 403, 10000, []),
    "unknown account": (WRITE, "GET", f"/accounts/{UNKNOWN}/magic/ipsec_tunnels", None, 404, 7003, []),
    "unknown account to verify": (WRITE, "GET", f"/accounts/{UNKNOWN}/tokens/verify", None, 404, 7003, []),
    "no route": (WRITE, "GET", "/nowhere", None, 404, 7003, []),
    "prefix alone": (WRITE, "GET", "", None, 404, 7003, []),
    "slash in an id": (WRITE, "GET", TUNNELS + "/a%2Fb", None, 404, 7003, []),
    "no method": (WRITE, "PATCH", f"{TUNNELS}/{UNKNOWN}", {}, 405, 7001, []),
    "not onboarded": (WRITE, "GET", f"/accounts/{OTHER}/magic/ipsec_tunnels", None, 403, 1012, []),
    "no Magic WAN": (WRITE, "GET", f"/accounts/{OTHER}/magic/sites", None, 403, 1012, []),
    "no part of the API": (WRITE, "GET", MAGIC + "/nowhere", None, 404, 7003, []),
    "unknown tunnel": (WRITE, "GET", f"{TUNNELS}/{UNKNOWN}", None, 404, 1032, []),
    "unknown tunnel, update": (WRITE, "PUT", f"{TUNNELS}/{UNKNOWN}", {}, 404, 1032, []),
    "unknown tunnel, delete": (WRITE, "DELETE", f"{TUNNELS}/{UNKNOWN}", None, 404, 1032, []),
    "unknown tunnel, generate": (WRITE, "POST", f"{TUNNELS}/{UNKNOWN}/psk_generate", None, 404, 1032, []),
    "unknown tunnel, validate": (WRITE, "POST", f"{TUNNELS}/{UNKNOWN}/psk_generate?validate_only=true", None, 404, 1032, []),
    "reader empties the table": (READ, "DELETE", f"{MAGIC}/routes", None, 403, 10000, []),
    "GRE tunnels all at once": (WRITE, "DELETE", f"{MAGIC}/gre_tunnels", None, 405, 7001, []),
    "IPsec tunnels all at once": (WRITE, "DELETE", TUNNELS, None, 405, 7001, []),
    "new interconnect": (WRITE, "POST", f"{MAGIC}/cf_interconnects", {}, 405, 7001, []),
    "interconnect away": (WRITE, "DELETE", f"{MAGIC}/cf_interconnects/{UNKNOWN}", None, 405, 7001, []),
    "routes of another account": (WRITE, "GET", f"/accounts/{OTHER}/magic/routes", None, 403, 1012, []),
    "body missing": (WRITE, "POST", TUNNELS, None, 400, 1022, []),
    "validate_only unclear": (WRITE, "POST", TUNNELS + "?validate_only=perhaps", NEW, 400, 1022, []),
}


@pytest.mark.parametrize("headers, method, path, body, status, code, chain", REFUSED.values(), ids=REFUSED.keys())
def test_refused(emulator, headers, method, path, body, status, code, chain):
    before = emulator.state()
    session = emulator._session
    answer = session.request(method, emulator.url + path, json=body, headers=headers, timeout=10)
    found = errors(answer)
    assert (answer.status_code, found[0]["code"]) == (status, code)
    assert [link["code"] for link in found[0].get("error_chain", [])] == chain
    assert emulator.state() == before
    for secret in (emulator.write_token, emulator.read_token, emulator.global_key):
        assert secret not in answer.text


def test_not_subscribed_to_magic_wan(emulator):
    seed = emulator.state()
    seed["accounts"][0]["magic_wan_subscribed"] = False
    emulator.set_state(seed)
    answer = emulator.call("GET", "sites")
    assert (answer.status_code, errors(answer)[0]["code"]) == (403, 1025)
    assert result(emulator.call("POST", "ipsec_tunnels", NEW))["health_check"]["direction"] == "unidirectional"


def test_credential_limited_to_an_account(emulator):
    seed = emulator.state()
    seed["tokens"].append({"token": "narrow", "permission": "write", "accounts": [OTHER]})
    emulator.set_state(seed)
    answer = emulator.call("GET", "ipsec_tunnels", token="narrow")
    assert (answer.status_code, errors(answer)[0]["code"]) == (403, 10000)
    assert [account["id"] for account in result(emulator.call("GET", "/accounts", token="narrow"))] == [OTHER]
    assert emulator.call("GET", f"/accounts/{ACCOUNT}/tokens/verify", token="narrow").status_code == 401


def test_account_owned_token(emulator):
    seed = emulator.state()
    seed["tokens"].append({"token": "owned", "permission": "read", "accounts": [ACCOUNT], "owner": "account"})
    emulator.set_state(seed)
    refused = emulator.call("GET", "/user/tokens/verify", token="owned")
    assert (refused.status_code, errors(refused)[0]["code"]) == (401, 1000)
    refused = emulator.call("GET", "/accounts", token="owned")
    assert (refused.status_code, errors(refused)[0]["code"]) == (400, 1001)
    assert result(emulator.call("GET", f"/accounts/{ACCOUNT}/tokens/verify", token="owned"))["status"] == "active"


@pytest.mark.parametrize("headers", [WRITE, READ, PAIR])
def test_credentials_that_read(emulator, headers):
    answer = emulator._session.get(emulator.url + TUNNELS, headers=headers, timeout=10)
    assert len(result(answer)["ipsec_tunnels"]) == 5


def test_verify(emulator):
    answer = emulator.call("GET", "/user/tokens/verify")
    assert result(answer)["status"] == "active"
    assert [message["code"] for message in answer.json()["messages"]] == [10000]
    assert emulator.write_token.encode().hex()[-20:] not in answer.text


def test_accounts(emulator):
    answer = emulator.call("GET", "/accounts", params={"page": "2", "per_page": "5", "direction": "desc"})
    assert result(answer) == [] and answer.json()["result_info"] == {"page": 2, "per_page": 5, "count": 0, "total_count": 2}
    assert [item["id"] for item in result(emulator.call("GET", "/accounts", params={"name": "Example Laboratory"}))] == [OTHER]


def test_headers_of_each_answer(emulator):
    for path in ("ipsec_tunnels", "/nowhere"):
        headers = emulator.call("GET", path).headers
        assert re.match(r"^[0-9a-f]{16}-[A-Z]{3}$", headers["cf-ray"])
        assert re.match(r'^"default";r=\d+;t=\d+$', headers["Ratelimit"])
        assert headers["Ratelimit-Policy"] == '"default";q=1200;w=300'
        assert "Retry-After" not in headers


# --- invalid bodies: operation, change, pointer

LONG_ID = "{id}"
INVALID = {
    "no name": ("POST", {**NEW, "name": ...}, "/name"),
    "no endpoint": ("POST", {**NEW, "cloudflare_endpoint": ...}, "/cloudflare_endpoint"),
    "no address": ("POST", {**NEW, "interface_address": ...}, "/interface_address"),
    "empty endpoint": ("POST", {**NEW, "cloudflare_endpoint": ""}, "/cloudflare_endpoint"),
    "name taken": ("POST", {**NEW, "name": "paris-1"}, "/name"),
    "name with a space": ("POST", {**NEW, "name": "two words"}, "/name"),
    "name with a newline": ("POST", {**NEW, "name": "line\n"}, "/name"),
    "name a number": ("POST", {**NEW, "name": 7}, "/name"),
    "null": ("POST", {**NEW, "description": None}, "/description"),
    "not an object": ("POST", [NEW], ""),
    "endpoint no address": ("POST", {**NEW, "customer_endpoint": "example"}, "/customer_endpoint"),
    "address without prefix": ("POST", {**NEW, "interface_address": "10.213.1.0"}, "/interface_address"),
    "address too wide": ("POST", {**NEW, "interface_address": "10.213.1.0/24"}, "/interface_address"),
    "address public": ("POST", {**NEW, "interface_address": "192.0.2.0/31"}, "/interface_address"),
    "address6 too wide": ("POST", {**NEW, "interface_address6": "fd00:213::40/126"}, "/interface_address6"),
    "address6": ("POST", {**NEW, "interface_address6": "10.0.0.0/31"}, "/interface_address6"),
    "rate": ("POST", {**NEW, "health_check": {"rate": "often"}}, "/health_check/rate"),
    "direction": ("POST", {**NEW, "health_check": {"direction": "up"}}, "/health_check/direction"),
    "enabled": ("POST", {**NEW, "health_check": {"enabled": "yes"}}, "/health_check/enabled"),
    "target an object": ("POST", {**NEW, "health_check": {"target": {"saved": ""}}}, "/health_check/target"),
    "target no address": ("POST", {**NEW, "health_check": {"target": "example"}}, "/health_check/target"),
    "return routing": ("POST", {**NEW, "automatic_return_routing": True}, "/automatic_return_routing"),
    "fqdn": ("POST", {**NEW, "custom_remote_identities": {"fqdn_id": "example.com"}}, "/custom_remote_identities/fqdn_id"),
    "bgp without asn": ("POST", {**NEW, "bgp": {}}, "/bgp/customer_asn"),
    "bgp asn": ("POST", {**NEW, "bgp": {"customer_asn": True}}, "/bgp/customer_asn"),
    "bgp asn too large": ("POST", {**NEW, "bgp": {"customer_asn": 2**32}}, "/bgp/customer_asn"),
    "bgp prefix": ("POST", {**NEW, "bgp": {"customer_asn": 1, "extra_prefixes": ["1.2.3.4/8"]}}, "/bgp/extra_prefixes/0"),
    "empty psk": ("POST", {**NEW, "psk": ""}, "/psk"),
    "update null": ("PUT one", {"description": None}, "/description"),
    "update null deep": ("PUT one", {"health_check": {"rate": None}}, "/health_check/rate"),
    "update name taken": ("PUT one", {"name": "oslo-1"}, "/name"),
    "update empty endpoint": ("PUT one", {"cloudflare_endpoint": ""}, "/cloudflare_endpoint"),
    "update empty psk": ("PUT one", {"psk": ""}, "/psk"),
    "bulk without id": ("PUT", {"ipsec_tunnels": [{"description": "x"}]}, "/ipsec_tunnels/0/id"),
    "bulk with a null": ("PUT", {"ipsec_tunnels": [{"id": LONG_ID, "description": None}]}, "/ipsec_tunnels/0/description"),
    "bulk twice the same": ("PUT", {"ipsec_tunnels": [{"id": LONG_ID}, {"id": LONG_ID}]}, "/ipsec_tunnels/1/id"),
    "bulk name taken": ("PUT", {"ipsec_tunnels": [{"id": LONG_ID, "name": "oslo-1"}]}, "/ipsec_tunnels/0/name"),
    "bulk not a list": ("PUT", {"ipsec_tunnels": {}}, "/ipsec_tunnels"),
    "psks missing": ("psk", {}, "/psks"),
    "psks no list": ("psk", {"psks": {}}, "/psks"),
    "psks entry": ("psk", {"psks": ["x"]}, "/psks/0"),
    "psks without id": ("psk", {"psks": [{"psk": "x"}]}, "/psks/0/id"),
    "psks without psk": ("psk", {"psks": [{"id": LONG_ID}]}, "/psks/0/psk"),
    "psks null": ("psk", {"psks": [{"id": LONG_ID, "psk": None}]}, "/psks/0/psk"),
    "psks twice the same": ("psk", {"psks": [{"id": LONG_ID, "psk": "own-key-1"}, {"id": LONG_ID, "psk": "own-key-2"}]}, "/psks/1/id"),
    "psks twice the same unknown": ("psk", {"psks": [{"id": UNKNOWN, "psk": "own-key-1"}] * 2}, "/psks/1/id"),
    "psks lone surrogate": ("psk", {"psks": [{"id": LONG_ID, "psk": "own-key-\ud800"}]}, "/psks/0/psk"),
    "lone surrogate": ("POST", {**NEW, "description": "\udc00"}, "/description"),
    "lone surrogate in a key": ("POST", {**NEW, "psk": "own-key-\udfff"}, "/psk"),
    "update lone surrogate": ("PUT one", {"description": "\udc00\ud800"}, "/description"),
    "psks number": ("psk", {"psks": [{"id": LONG_ID, "psk": 12345678}]}, "/psks/0/psk"),
}


@pytest.mark.parametrize("validate_only", [False, True])
@pytest.mark.parametrize("operation, body, pointer", INVALID.values(), ids=INVALID.keys())
def test_invalid(emulator, operation, body, pointer, validate_only):
    tunnel_id = emulator.tunnel("paris-1")["id"]
    before = emulator.state()

    def fill(value):
        if isinstance(value, dict):
            return {key: fill(item) for key, item in value.items() if item is not ...}
        if isinstance(value, list):
            return [fill(item) for item in value]
        return tunnel_id if value == LONG_ID else value

    method, path = {
        "POST": ("POST", "ipsec_tunnels"),
        "PUT": ("PUT", "ipsec_tunnels"),
        "PUT one": ("PUT", "ipsec_tunnels/" + tunnel_id),
        "psk": ("POST", "ipsec_tunnels/psk"),
    }[operation]
    answer = emulator.call(method, path, fill(body), params={"validate_only": "true"} if validate_only else None)
    error = errors(answer)[0]
    assert (answer.status_code, error["code"], error["source"]) == (400, 1022, {"pointer": pointer})
    assert error["message"].startswith("Invalid Request: ")
    assert emulator.state() == before


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b'{"name":', b"[" * 100000])
def test_body_that_is_not_json(emulator, body):
    answer = emulator.call("POST", "ipsec_tunnels", data=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, errors(answer)[0]["code"]) == (400, 1022)


# --- tunnels


def test_list_and_get_show_the_same_and_no_key(emulator):
    listed = result(emulator.call("GET", "ipsec_tunnels"))["ipsec_tunnels"]
    assert [tunnel["name"] for tunnel in listed] == ["paris-1", "paris-2", "berlin-1", "oslo-1", "lisbon-1"]
    text = str(listed)
    for tunnel in listed:
        assert result(emulator.call("GET", "ipsec_tunnels/" + tunnel["id"])) == {"ipsec_tunnel": tunnel}
        assert "psk" not in tunnel and tunnel.get("replay_protection") in (None, True)
    assert not any(key in text for key in emulator.keys().values() if key)
    by_name = {tunnel["name"]: tunnel for tunnel in listed}
    assert by_name["oslo-1"]["psk_metadata"] == {}
    assert "replay_protection" not in by_name["paris-1"] and by_name["paris-2"]["replay_protection"] is True
    assert "customer_endpoint" not in by_name["lisbon-1"] and by_name["berlin-1"]["bgp_status"]["state"] == "BGP_DOWN"
    for name, days in {"paris-1": 10, "paris-2": 100, "berlin-1": 400, "lisbon-1": 45}.items():
        assert abs(seconds_ago(by_name[name]["psk_metadata"]["last_generated_on"]) - days * 86400) < 600
    number_and_id = bytes.fromhex(by_name["paris-1"]["remote_identities"]["hex_id"]).decode()
    assert number_and_id == "123456789_" + by_name["paris-1"]["id"]


def test_create_update_delete(emulator):
    body = {**NEW, "customer_endpoint": "198.51.100.77", "health_check": {"rate": "low"}, "psk": "my-own-key-of-some-length", "replay_protection": False}
    created = result(emulator.call("POST", "ipsec_tunnels", body))
    assert "psk" not in created and "replay_protection" not in created and created["psk_metadata"] == {}
    assert created["health_check"] == {"enabled": True, "rate": "low", "type": "reply", "direction": "bidirectional", "target": ""}
    path = "ipsec_tunnels/" + created["id"]
    assert emulator.keys()[created["id"]] == "my-own-key-of-some-length"

    changed = result(emulator.call("PUT", path, {"description": "new", "health_check": {"type": "request"}, "unknown": 1, "id": UNKNOWN}))
    assert changed["modified"] is True
    after = changed["modified_ipsec_tunnel"]
    assert {key: after[key] for key in ("id", "name", "description")} == {"id": created["id"], "name": "madrid-1", "description": "new"}
    assert (after["health_check"]["rate"], after["health_check"]["type"]) == ("low", "request")
    assert moment(after["modified_on"]) > moment(created["modified_on"]) and after["created_on"] == created["created_on"]
    assert emulator.keys()[created["id"]] == "my-own-key-of-some-length"
    assert "description" not in result(emulator.call("PUT", path, {"description": ""}))["modified_ipsec_tunnel"]

    gone = result(emulator.call("DELETE", path))
    assert gone["deleted"] is True and gone["deleted_ipsec_tunnel"]["id"] == created["id"]
    assert emulator.call("GET", path).status_code == 404 and emulator.keys().get(created["id"], "gone") == "gone"


def test_a_key_given_by_put_leaves_last_generated_on(emulator):
    tunnel = emulator.tunnel("paris-1")
    changed = result(emulator.call("PUT", "ipsec_tunnels/" + tunnel["id"], {"psk": "another-key-of-mine"}))
    assert "another-key" not in str(changed)
    assert emulator.keys()[tunnel["id"]] == "another-key-of-mine"
    assert seconds_ago(changed["modified_ipsec_tunnel"]["psk_metadata"]["last_generated_on"]) > 9 * 86400


@pytest.mark.parametrize("wrapped", [True, False])
def test_bulk_update(emulator, wrapped):
    ids = [emulator.tunnel(name)["id"] for name in ("paris-1", "oslo-1")][: 2 if wrapped else 1]
    items = [{"id": tunnel_id, "description": f"number {index}"} for index, tunnel_id in enumerate(ids)]
    changed = result(emulator.call("PUT", "ipsec_tunnels", {"ipsec_tunnels": items} if wrapped else items[0]))
    assert changed["modified"] is True
    assert [(tunnel["id"], tunnel["description"]) for tunnel in changed["modified_ipsec_tunnels"]] == [(item["id"], item["description"]) for item in items]


def test_bulk_update_is_all_or_nothing_and_may_swap_names(emulator):
    paris, oslo = emulator.tunnel("paris-1")["id"], emulator.tunnel("oslo-1")["id"]
    before = emulator.state()
    refused = emulator.call("PUT", "ipsec_tunnels", {"ipsec_tunnels": [{"id": paris, "description": "x"}, {"id": UNKNOWN}]})
    assert (refused.status_code, errors(refused)[0]["code"]) == (404, 1032)
    assert emulator.state() == before
    result(emulator.call("PUT", "ipsec_tunnels", {"ipsec_tunnels": [{"id": paris, "name": "oslo-1"}, {"id": oslo, "name": "paris-1"}]}))
    assert emulator.tunnel("oslo-1")["id"] == paris


@pytest.mark.parametrize("part", [ACCOUNT, "123456789"])
def test_custom_identity_is_unique_per_endpoint(emulator, part):
    identity = {"fqdn_id": f"branch.{part}.custom.ipsec.cloudflare.com"}
    result(emulator.call("POST", "ipsec_tunnels", {**NEW, "custom_remote_identities": identity}))
    second = {**NEW, "name": "madrid-2", "interface_address": "10.213.1.2/31", "custom_remote_identities": identity}
    assert errors(emulator.call("POST", "ipsec_tunnels", second))[0]["source"]["pointer"] == "/custom_remote_identities/fqdn_id"
    result(emulator.call("POST", "ipsec_tunnels", {**second, "cloudflare_endpoint": "203.0.113.2"}))


IDENTITIES = {
    f"branch.{ACCOUNT}": {"either", "account_id"},
    "branch.{number}": {"either", "number"},
    "branch.987654321": set(),
    f"branch.{OTHER}": set(),
    "branch.{number}0": set(),
    "branch.0{number}": set(),
    "branch": set(),
    "{number}": set(),
    "a.b.{number}": set(),
    ".{number}": set(),
    "bran_ch.{number}": set(),
}


@pytest.mark.parametrize("setting", ["either", "number", "account_id", None])
@pytest.mark.parametrize("text, accepted", IDENTITIES.items())
def test_custom_identity(emulator, text, accepted, setting):
    """Behind the label stands the number that remote_identities.fqdn_id ends in, or the id of the account."""
    if setting:
        seed = emulator.state()
        seed["settings"]["custom_identity"] = setting
        emulator.set_state(seed)
    given = result(emulator.call("GET", "ipsec_tunnels"))["ipsec_tunnels"][0]["remote_identities"]["fqdn_id"]
    found = re.fullmatch(r"[0-9a-f]{32}\.(\d+)\.ipsec\.cloudflare\.com", given)
    assert found
    number = found[1]
    identity = {"fqdn_id": text.replace("{number}", number) + ".custom.ipsec.cloudflare.com"}
    answer = emulator.call("POST", "ipsec_tunnels", {**NEW, "custom_remote_identities": identity})
    if (setting or "either") in accepted:
        assert result(answer)["custom_remote_identities"] == identity
    else:
        assert errors(answer)[0]["source"]["pointer"] == "/custom_remote_identities/fqdn_id"


# --- keys


@pytest.mark.parametrize("body", [None, {}])
def test_generate(emulator, body):
    tunnel_id = emulator.tunnel("oslo-1")["id"]
    given = result(emulator.call("POST", f"ipsec_tunnels/{tunnel_id}/psk_generate", body))
    assert set(given) == {"ipsec_id", "ipsec_tunnel_id", "psk", "psk_metadata"} and given["ipsec_tunnel_id"] == tunnel_id
    assert re.match(r"^[A-Za-z0-9]{32,}$", given["psk"]) and emulator.keys()[tunnel_id] == given["psk"]
    in_answer = given["psk_metadata"]["last_generated_on"]
    later = result(emulator.call("GET", "ipsec_tunnels/" + tunnel_id))["ipsec_tunnel"]["psk_metadata"]["last_generated_on"]
    # Nanoseconds, and then rounded to microseconds.
    assert moment(in_answer) and moment(later)[1].endswith("000")
    assert in_answer[:19] == later[:19] or abs(seconds_ago(in_answer) - seconds_ago(later)) <= 1
    again = result(emulator.call("POST", f"ipsec_tunnels/{tunnel_id}/psk_generate", body))
    assert again["psk"] != given["psk"] and moment(again["psk_metadata"]["last_generated_on"]) > moment(in_answer)
    assert [(entry["psk"], entry["how"], entry["in_force"]) for entry in emulator.key_log()] == [
        (given["psk"], "generate", False),
        (again["psk"], "generate", True),
    ]


def test_set_keys(emulator):
    paris, oslo = emulator.tunnel("paris-1")["id"], emulator.tunnel("oslo-1")["id"]
    before = emulator.keys()
    wish = [{"id": paris, "psk": "first-own-key"}, {"id": oslo, "psk": ""}, {"id": UNKNOWN, "psk": "second-own-key"}]
    given = result(emulator.call("POST", "ipsec_tunnels/psk", {"psks": wish}))
    assert set(given["successfully_applied_psks"]) == {paris} and set(given["unapplied_psks"]) == {oslo, UNKNOWN}
    applied = given["successfully_applied_psks"][paris]
    assert applied["psk"] == "first-own-key" and seconds_ago(applied["psk_metadata"]["last_generated_on"]) < 60
    assert emulator.keys() == {**before, paris: "first-own-key"}


@pytest.mark.parametrize("age", [0.25, -0.75, 2, -1, 86400.5])
def test_an_age_can_be_a_part_of_a_second(emulator, age):
    tunnel_id, start = emulator.tunnel("paris-1")["id"], time.time()
    emulator.set_age(tunnel_id, age)
    end = time.time()
    made = from_timestamp(emulator.tunnel("paris-1")["psk_metadata"]["last_generated_on"]) / 1e9
    assert start - age - 0.001 <= made <= end - age + 0.001


def test_a_whole_surrogate_pair_is_a_character(emulator):
    made = emulator.call("POST", "ipsec_tunnels", data=json.dumps({**NEW, "description": "\U0001f600"}).encode("ascii"))
    assert result(made)["description"] == "\U0001f600"


def test_setting_keys_need_not_move_last_generated_on(emulator):
    seed = emulator.state()
    seed["settings"] = {"psk_set_moves_last_generated_on": False}
    emulator.set_state(seed)
    ids = [emulator.tunnel(name)["id"] for name in ("paris-1", "oslo-1")]
    given = result(emulator.call("POST", "ipsec_tunnels/psk", {"psks": [{"id": one, "psk": "own-key-" + one} for one in ids]}))
    ages = [item["psk_metadata"] for item in given["successfully_applied_psks"].values()]
    assert seconds_ago(ages[0]["last_generated_on"]) > 9 * 86400 and ages[1] == {}


WRITES = {
    "create": ("POST", "ipsec_tunnels", NEW),
    "update": ("PUT", "ipsec_tunnels/{id}", {"description": "x", "psk": "own-key-12345"}),
    "bulk": ("PUT", "ipsec_tunnels", {"id": "{id}", "name": "renamed"}),
    "delete": ("DELETE", "ipsec_tunnels/{id}", None),
    "generate": ("POST", "ipsec_tunnels/{id}/psk_generate", None),
    "set": ("POST", "ipsec_tunnels/psk", {"psks": [{"id": "{id}", "psk": "own-key-12345"}]}),
}


@pytest.mark.parametrize("method, path, body", WRITES.values(), ids=WRITES.keys())
def test_validate_only_changes_nothing(emulator, method, path, body):
    tunnel_id = emulator.tunnel("paris-1")["id"]
    before = emulator.state()

    def fill(value):
        if isinstance(value, dict):
            return {key: fill(item) for key, item in value.items()}
        if isinstance(value, list):
            return [fill(item) for item in value]
        return value.replace("{id}", tunnel_id) if value else value

    shape = result(emulator.call(method, fill(path), fill(body), params={"validate_only": "true"}))
    assert emulator.state() == before
    assert all(not entry["in_force"] for entry in emulator.key_log())
    assert set(result(emulator.call(method, fill(path), fill(body)))) == set(shape)
    assert emulator.state() != before


def test_validate_only_shows_a_decoy(emulator):
    tunnel_id = emulator.tunnel("oslo-1")["id"]
    decoy = result(emulator.call("POST", f"ipsec_tunnels/{tunnel_id}/psk_generate", params={"validate_only": "true"}))["psk"]
    assert re.match(r"^[A-Za-z0-9]{32,}$", decoy) and emulator.keys()[tunnel_id] is None
    assert [(entry["psk"], entry["how"]) for entry in emulator.key_log()] == [(decoy, "decoy")]
    seed = emulator.state()
    seed["settings"]["validate_only_psk"] = "null"
    emulator.set_state(seed)
    assert result(emulator.call("POST", f"ipsec_tunnels/{tunnel_id}/psk_generate", params={"validate_only": "true"})) is None


def test_many_threads(emulator):
    tunnel_id = emulator.tunnel("oslo-1")["id"]
    ids = [tunnel["id"] for tunnel in emulator.tunnels()]
    seen = []

    def work(number):
        # A client each: a requests.Session is not for several threads.
        mine = Emulator(emulator.url)
        for turn in range(10):
            answer = result(mine.call("POST", f"ipsec_tunnels/{tunnel_id}/psk_generate"))
            seen.append((moment(answer["psk_metadata"]["last_generated_on"]), answer["psk"]))
            result(mine.call("POST", "ipsec_tunnels", {**NEW, "name": f"t{number}-{turn}", "interface_address": f"10.213.{100 + number}.{2 * turn}/31"}))
            result(mine.call("PUT", "ipsec_tunnels", {"ipsec_tunnels": [{"id": one, "description": f"by {number}"} for one in ids]}))
            assert len({tunnel["description"] for tunnel in mine.tunnels() if tunnel["id"] in ids}) == 1
            result(mine.call("GET", "ipsec_tunnels"))
        mine.stop()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == len({when for when, _psk in seen}) == 80
    assert emulator.keys()[tunnel_id] == max(seen)[1]
    assert len(emulator.tunnels()) == 5 + 80 and len(emulator.requests()) == 8 * 10 * 4


# --- rate limit


def test_rate_limit(emulator):
    emulator.rate_limit(2, 1)
    assert [emulator.call("GET", "ipsec_tunnels").status_code for _unused in range(3)] == [200, 200, 429]
    refused = emulator.call("POST", f"ipsec_tunnels/{emulator.tunnel('oslo-1')['id']}/psk_generate")
    assert (refused.status_code, errors(refused)[0]["code"], refused.headers["Retry-After"]) == (429, 971, "1")
    assert refused.headers["Ratelimit"] == '"default";r=0;t=1' and refused.headers["Ratelimit-Policy"] == '"default";q=2;w=1'
    assert emulator.key_log() == []
    assert emulator.call("GET", "ipsec_tunnels", token=emulator.read_token).status_code == 200
    time.sleep(1.05)
    assert emulator.call("GET", "ipsec_tunnels").status_code == 200
    before = emulator.control("GET", "rate_limit")
    for quota, seconds in ((0, 1), (1, 0), ("x", 1), ("5", 1), (True, 1), (1, True), (1.5, 1), (-1, 1), (1, -1), (1, "1"), (None, 1), (1, None), (1, 10**400)):
        with pytest.raises(ValueError, match="rate limit"):
            emulator.rate_limit(quota, seconds)
    bodies: tuple[object, ...] = ([], {}, None, {"quota": 1}, {"quota": 1, "seconds": 1, "more": 1})
    for body in bodies:
        with pytest.raises(ValueError, match="rate limit"):
            emulator.control("PUT", "rate_limit", body)
    assert emulator.control("GET", "rate_limit") == before


# --- control


def test_requests_are_recorded(emulator):
    emulator.call("PUT", "ipsec_tunnels", {"id": UNKNOWN}, params={"validate_only": "true"}, headers={"X-Own": "1"})
    emulator.call("POST", f"ipsec_tunnels/{UNKNOWN}/psk_generate")
    first, second = emulator.requests()
    assert (first["method"], first["path"], first["status"]) == ("PUT", "/client/v4" + TUNNELS, 404)
    assert (first["query"], first["query_string"], first["body"]) == ({"validate_only": "true"}, "validate_only=true", f'{{"id": "{UNKNOWN}"}}')
    assert first["headers"]["x-own"] == "1" and first["headers"]["authorization"] == emulator.masked("Bearer " + emulator.write_token)
    assert second["body"] is None and seconds_ago(second["at"]) < 60
    emulator.clear_requests()
    assert emulator.requests() == []


def test_age_of_a_key(emulator):
    tunnel_id = emulator.tunnel("oslo-1")["id"]

    def last():
        return result(emulator.call("GET", "ipsec_tunnels/" + tunnel_id))["ipsec_tunnel"]["psk_metadata"].get("last_generated_on")

    emulator.set_age(tunnel_id, 3600)
    assert abs(seconds_ago(last()) - 3600) < 60
    emulator.set_age(tunnel_id, -3600)
    assert abs(seconds_ago(last()) + 3600) < 60
    emulator.set_age(tunnel_id, None)
    assert last() is None
    assert len(result(emulator.call("GET", "ipsec_tunnels"))["ipsec_tunnels"]) == 5


ZEROS = {
    "2026-01-31T14:00:00.1234567+02:00": "2026-01-31T12:00:00.123457Z",
    "2026-01-31T12:00:00.120000000Z": "2026-01-31T12:00:00.12Z",
    "2026-01-31T12:00:00.000000000Z": "2026-01-31T12:00:00Z",
    "2026-01-31T12:00:00Z": "2026-01-31T12:00:00Z",
    "2026-01-31T12:00:00.00000049Z": "2026-01-31T12:00:00Z",
    "2026-01-31T12:00:00.9999999Z": "2026-01-31T12:00:01Z",
    "2026-01-31T12:00:10.00001Z": "2026-01-31T12:00:10.00001Z",
    "0001-01-01T00:00:00Z": "0001-01-01T00:00:00Z",
    "1969-12-31T23:59:59.5Z": "1969-12-31T23:59:59.5Z",
    "9999-12-31T23:59:59.999999Z": "9999-12-31T23:59:59.999999Z",
}


@pytest.mark.parametrize("given, wanted", ZEROS.items())
def test_timestamps_have_no_zeros_at_their_end(emulator, given, wanted):
    tunnel_id = emulator.tunnel("oslo-1")["id"]
    emulator.set_last_generated_on(tunnel_id, given)
    for answer in (emulator.call("GET", "ipsec_tunnels/" + tunnel_id), emulator.call("PUT", "ipsec_tunnels/" + tunnel_id, {"description": "x"})):
        tunnel = next(value for value in result(answer).values() if isinstance(value, dict))
        assert tunnel["psk_metadata"]["last_generated_on"] == wanted
    seed = emulator.state()
    emulator.set_state(seed)
    assert emulator.state() == seed


_AGES: tuple[object, ...] = (1e30, -1e30, 1e308, -1e308, 1e11, -1e12, 10**400, -(10**400), True, "1", None, [], {})
_DATES: tuple[object, ...] = (
    "9999-12-31T23:59:59.999999999Z",
    "9999-12-31T23:59:59-01:00",
    "0001-01-01T00:00:00+00:01",
    "0000-01-01T00:00:00Z",
    "10000-01-01T00:00:00Z",
    "2026-13-31T14:00:00Z",
    "2026-02-30T14:00:00Z",
    "2026-01-31T14:00:60Z",
    "2026-01-31T14:00:00",
    "2026-01-31T14:00:00Z\n",
    "2026-01-31T14:00:00.1234567890Z",
    "\u0662026-01-31T14:00:00Z",
    "yesterday",
    "",
    5,
    True,
    [],
)
BAD_AGES: dict[str, object] = {
    **{f"age {age}": {"age_seconds": age} for age in _AGES},
    **{f"date {date}": {"last_generated_on": date} for date in _DATES},
    "nothing": {},
    "both": {"age_seconds": 1, "last_generated_on": None},
    "another": {"age": 1},
    "a list": [],
}


@pytest.mark.parametrize("body", BAD_AGES.values(), ids=map(str, range(len(BAD_AGES))))
def test_an_age_that_makes_no_sense_is_refused_and_changes_nothing(emulator, body):
    tunnel_id, before = emulator.tunnel("paris-1")["id"], emulator.state()
    with pytest.raises(ValueError, match="out of range|must be|timestamp|give either"):
        emulator.control("PUT", "tunnels/" + tunnel_id, body)
    with pytest.raises(ValueError, match="no tunnel"):
        emulator.set_age(UNKNOWN, 1)
    assert emulator.state() == before
    assert len(result(emulator.call("GET", "ipsec_tunnels"))["ipsec_tunnels"]) == 5


NO_JSON = ["NaN", "Infinity", "-Infinity", "1e400", "-1e400", "{", "", "[" * 100000, '"\\x"', "\xff"]


@pytest.mark.parametrize("number", NO_JSON)
def test_what_is_no_json_is_refused_everywhere(emulator, number):
    tunnel_id, before, limit = emulator.tunnel("paris-1")["id"], emulator.state(), emulator.control("GET", "rate_limit")
    bodies = {
        f"tunnels/{tunnel_id}": '{"age_seconds": %s}',
        "state": '{"accounts": [], "ipsec_tunnels": [{"psk_age_seconds": %s}]}',
        "rate_limit": '{"quota": 5, "seconds": %s}',
        "faults": '{"kind": "slow", "seconds": %s}',
    }
    for path, body in bodies.items():
        answer = emulator._session.request(
            "POST" if path == "faults" else "PUT",
            emulator.control_url + path,
            data=(body % number).encode("latin-1"),
            headers=emulator.control_headers,
            timeout=10,
        )
        assert (answer.status_code, list(answer.json())) == (400, ["error"])
    answer = emulator.call("PUT", "ipsec_tunnels/" + tunnel_id, data=('{"unknown": ' + number + "}").encode("latin-1"))
    assert (answer.status_code, errors(answer)[0]["code"]) == (400, 1022)
    assert (emulator.state(), emulator.control("GET", "rate_limit"), emulator.faults()) == (before, limit, [])


def test_state_survives_a_round_trip_and_reset(emulator):
    start = emulator.state()
    emulator.call("DELETE", "ipsec_tunnels/" + start["ipsec_tunnels"][0]["id"])
    emulator.set_state(start)
    assert emulator.state() == start
    emulator.set_state({"accounts": start["accounts"], "tokens": start["tokens"]})
    assert emulator.tunnels() == []
    emulator.reset()
    assert len(emulator.tunnels()) == 5 and emulator.requests() == [] and emulator.faults() == []


ONE = {"account_id": ACCOUNT, **NEW}
TOKEN = {"token": "a", "accounts": [ACCOUNT]}
PAIR_OF_SEED = {"email": "a@b", "key": "k", "accounts": [ACCOUNT]}


def with_tunnel(**changes):
    return {"accounts": [{"id": ACCOUNT, "name": "x"}], "ipsec_tunnels": [{**ONE, **changes}]}


BAD_SEEDS = {
    "no object": [],
    "null": None,
    "unknown part": {"tunnels": []},
    "unknown setting": {"settings": {"x": 1}},
    "bad setting": {"settings": {"validate_only_psk": "x"}},
    "settings a list": {"settings": []},
    "bad name space": {"settings": {"one_name_space": "yes"}},
    "bad insides": {"settings": {"overlapping_insides": 1}},
    "bad target": {"settings": {"bidirectional_target": "x"}},
    "bad identity": {"settings": {"custom_identity": "x"}},
    "identity a list": {"settings": {"custom_identity": []}},
    "short keys": {"settings": {"psk_length": "x"}},
    "keys true": {"settings": {"psk_length": True}},
    "accounts an object": {"accounts": {}},
    "accounts null": {"accounts": None},
    "account a text": {"accounts": ["x"]},
    "no id": {"accounts": [{}]},
    "account without a name": {"accounts": [{"id": "x"}]},
    "account id a number": {"accounts": [{"id": 5, "name": "x"}]},
    "account id empty": {"accounts": [{"id": "", "name": "x"}]},
    "account number a text": {"accounts": [{"id": "x", "name": "x", "number": "5"}]},
    "account number negative": {"accounts": [{"id": "x", "name": "x", "number": -5}]},
    "account number true": {"accounts": [{"id": "x", "name": "x", "number": True}]},
    "account onboarded a text": {"accounts": [{"id": "x", "name": "x", "onboarded": "no"}]},
    "account with a slip": {"accounts": [{"id": "x", "name": "x", "onborded": False}]},
    "account twice": {"accounts": [{"id": "x", "name": "x"}, {"id": "x", "name": "y"}]},
    "bad permission": {"tokens": [{"token": "a", "permission": "all", "accounts": []}]},
    "token a number": {"tokens": [{**TOKEN, "token": 5}]},
    "token empty": {"tokens": [{**TOKEN, "token": ""}]},
    "token without accounts": {"tokens": [{"token": "a"}]},
    "token, accounts a text": {"tokens": [{**TOKEN, "accounts": ACCOUNT}]},
    "token, accounts numbers": {"tokens": [{**TOKEN, "accounts": [5]}]},
    "token, permission a list": {"tokens": [{**TOKEN, "permission": []}]},
    "token twice": {"tokens": [TOKEN, {**TOKEN, "permission": "read"}]},
    "token with a slip": {"tokens": [{**TOKEN, "permision": "read"}]},
    "pair without a key": {"key_pairs": [{"email": "a@b", "accounts": []}]},
    "pair, key a number": {"key_pairs": [{**PAIR_OF_SEED, "key": 5}]},
    "pair twice": {"key_pairs": [PAIR_OF_SEED, PAIR_OF_SEED]},
    "unknown account": {"ipsec_tunnels": [{"account_id": ACCOUNT, **NEW}]},
    "account of a tunnel a list": with_tunnel(account_id=[]),
    "account of a tunnel null": with_tunnel(account_id=None),
    "tunnel a text": {"ipsec_tunnels": ["x"]},
    "bad tunnel": with_tunnel(name="a b"),
    "name null": with_tunnel(name=None),
    "endpoint empty": with_tunnel(cloudflare_endpoint=""),
    "id a number": with_tunnel(id=5),
    "id empty": with_tunnel(id=""),
    "id a list": with_tunnel(id=["x"]),
    "id twice": {"accounts": [{"id": ACCOUNT, "name": "x"}], "ipsec_tunnels": [{**ONE, "id": "x"}, {**ONE, "id": "x", "name": "b"}]},
    "id of a route twice": {
        "accounts": [{"id": ACCOUNT, "name": "x"}],
        "routes": [{"account_id": ACCOUNT, "id": "x", "prefix": "10.0.0.0/8", "nexthop": "10.0.0.1", "priority": number} for number in (1, 2)],
    },
    "psk a number": with_tunnel(psk=5),
    "psk empty": with_tunnel(psk=""),
    "psk a lone surrogate": with_tunnel(psk="own-key-\ud800"),
    "description a lone surrogate": with_tunnel(description="\ud800"),
    "colo a lone surrogate": with_tunnel(colo_name="\ud800"),
    "psk a list": with_tunnel(psk=["x"]),
    "age a list": with_tunnel(psk_age_seconds=[]),
    "age a text": with_tunnel(psk_age_seconds="5"),
    "age true": with_tunnel(psk_age_seconds=True),
    "age too large": with_tunnel(psk_age_seconds=1e30),
    "age before the year 1": with_tunnel(psk_age_seconds=1e11),
    "age beyond the year 9999": with_tunnel(psk_age_seconds=-1e12),
    "bad age": with_tunnel(psk_metadata={"last_generated_on": "x"}),
    "date out of range": with_tunnel(psk_metadata={"last_generated_on": "9999-12-31T23:59:59.999999999Z"}),
    "date a number": with_tunnel(psk_metadata={"last_generated_on": 5}),
    "date false": with_tunnel(psk_metadata={"last_generated_on": False}),
    "metadata a list": with_tunnel(psk_metadata=[]),
    "metadata a text": with_tunnel(psk_metadata="x"),
    "created a number": with_tunnel(created_on=5),
    "created on no day": with_tunnel(created_on="2026-02-30T00:00:00Z"),
    "modified soon": with_tunnel(modified_on="soon"),
    "check a text": with_tunnel(health_check="x"),
    "check empty": with_tunnel(health_check=""),
    "target an object": with_tunnel(health_check={"target": {"saved": ""}}),
    "check with a null": with_tunnel(health_check={"rate": None}),
    "bgp empty": with_tunnel(bgp=""),
    "bgp with a question mark": with_tunnel(bgp={"customer_asn": 1, "md5_key": "?"}),
    "identities a text": with_tunnel(custom_remote_identities=""),
    "null cipher a text": with_tunnel(allow_null_cipher="no"),
    "colo a number": {
        "accounts": [{"id": ACCOUNT, "name": "x"}],
        "interconnects": [{"account_id": ACCOUNT, "name": "a", "interface_address": "10.0.0.0/31", "colo_name": 5}],
    },
}


@pytest.mark.parametrize("seed", BAD_SEEDS.values(), ids=BAD_SEEDS.keys())
def test_bad_state_is_refused_and_changes_nothing(emulator, seed):
    before = emulator.state()
    with pytest.raises(ValueError, match="seed|setting|credential|timestamp|out of range"):
        emulator.set_state(seed)
    assert emulator.state() == before
    assert len(result(emulator.call("GET", "ipsec_tunnels"))["ipsec_tunnels"]) == 5


def test_what_is_null_in_a_seed_is_not_there(emulator):
    nothing = dict.fromkeys(("psk", "psk_metadata", "psk_age_seconds", "bgp", "health_check", "custom_remote_identities", "id", "created_on"))
    emulator.set_state({**emulator.state(), "ipsec_tunnels": [{**ONE, **nothing}]})
    (tunnel,) = result(emulator.call("GET", "ipsec_tunnels"))["ipsec_tunnels"]
    assert not {"bgp", "custom_remote_identities"} & set(tunnel) and tunnel["psk_metadata"] == {} and tunnel["created_on"]
    result(emulator.call("PUT", "ipsec_tunnels/" + tunnel["id"], {"description": "x"}))


def test_control_has_an_index_and_clear_errors(emulator):
    index = emulator.control("GET", "")
    assert index["/_emulator/requests"] == ["GET", "DELETE"] and index["/_emulator/tunnels/<tunnel_id>"] == ["PUT"]
    for method, path in (("GET", "nowhere"), ("PATCH", "requests")):
        with pytest.raises(ValueError, match="/_emulator/"):
            emulator.control(method, path)
    assert emulator.requests() == []
