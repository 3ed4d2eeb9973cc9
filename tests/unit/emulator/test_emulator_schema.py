# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks against Cloudflare's description: they find what is wrong, and nothing else."""

from __future__ import annotations

import json

import pytest

from ansible_collections.cloudflare.magic.tests.emulator.client import Emulator

pytest.importorskip("openapi_schema_validator")
from ansible_collections.cloudflare.magic.tests.emulator.schema import Checker

JSON = {"content-type": "application/json"}
TUNNELS = f"/accounts/{Emulator.account_id}/magic/ipsec_tunnels"
ONE = TUNNELS + "/" + "1" * 32
NEW = {"name": "madrid-1", "cloudflare_endpoint": "203.0.113.1", "interface_address": "10.213.1.0/31"}
TUNNEL = {**NEW, "id": "1" * 32}
MAGIC = f"/accounts/{Emulator.account_id}/magic"
GRE = {"name": "madrid-1", "cloudflare_gre_endpoint": "203.0.113.1", "customer_gre_endpoint": "198.51.100.1", "interface_address": "10.213.1.0/31"}
GRE_TUNNEL = {**GRE, "id": "1" * 32}
ROUTE = {"prefix": "10.30.0.0/16", "nexthop": "10.213.0.11", "priority": 100}


@pytest.fixture(scope="module")
def checker():
    return Checker()


# method, path, query, headers, body, then (rule, pointer) of each violation
REQUESTS: dict[str, tuple] = {
    "list": ("GET", TUNNELS, {}, {}, None, []),
    "create": ("POST", TUNNELS, {}, JSON, NEW, []),
    "create, validate only": ("POST", TUNNELS, {"validate_only": "true"}, JSON, NEW, []),
    "create, nothing": ("POST", TUNNELS, {}, {}, None, [("missing", "")]),
    "create, no name": ("POST", TUNNELS, {}, JSON, {key: value for key, value in NEW.items() if key != "name"}, [("required", "")]),
    "create, null": ("POST", TUNNELS, {}, JSON, {**NEW, "description": None}, [("type", "/description")]),
    "create, typo": ("POST", TUNNELS, {}, JSON, {**NEW, "nmae": "x"}, [("unknown", "/nmae")]),
    "create, deep typo": ("POST", TUNNELS, {}, JSON, {**NEW, "health_check": {"rat": "low"}}, [("unknown", "/health_check/rat")]),
    "create, enum": ("POST", TUNNELS, {}, JSON, {**NEW, "health_check": {"rate": "x"}}, [("enum", "/health_check/rate")]),
    "create, read-only": ("POST", TUNNELS, {}, JSON, {**NEW, "id": "1"}, [("unknown", "/id")]),
    "create, type of content": ("POST", TUNNELS, {}, {"content-type": "text/plain"}, NEW, [("header", "content-type")]),
    "header": ("GET", TUNNELS, {}, {"x-magic-new-hc-target": "True"}, None, [("type", "header/x-magic-new-hc-target")]),
    "query": ("GET", TUNNELS, {"page": "1"}, {}, None, [("query", "page")]),
    "query on a read": ("GET", TUNNELS, {"validate_only": "true"}, {}, None, [("query", "validate_only")]),
    "validate_only of psk": ("POST", TUNNELS + "/psk", {"validate_only": "1"}, JSON, {"psks": []}, [("type", "query/validate_only")]),
    "body of a read": ("GET", TUNNELS, {}, JSON, {}, [("unknown", "")]),
    "long account": ("GET", TUNNELS.replace("023e", "023ee"), {}, {}, None, [("maxLength", "path/account_id")]),
    "update in part": ("PUT", ONE, {}, JSON, {"psk": "x"}, []),
    "update with a type": ("PUT", ONE, {}, JSON, {"psk": 1}, [("type", "/psk")]),
    "bulk as one": ("PUT", TUNNELS, {}, JSON, TUNNEL, []),
    "bulk as a list": ("PUT", TUNNELS, {}, JSON, {"ipsec_tunnels": [TUNNEL]}, []),
    "delete": ("DELETE", ONE, {}, {}, None, []),
    "generate": ("POST", ONE + "/psk_generate", {}, {}, None, []),
    "generate, object": ("POST", ONE + "/psk_generate", {"validate_only": "true"}, JSON, {}, []),
    "keys": ("POST", TUNNELS + "/psk", {}, JSON, {"psks": [{"id": "1", "psk": "x"}]}, []),
    "keys, no psk": ("POST", TUNNELS + "/psk", {}, JSON, {"psks": [{"id": "1"}]}, [("required", "/psks/0")]),
    "keys, nothing": ("POST", TUNNELS + "/psk", {}, {}, None, [("missing", "")]),
    "GRE": ("POST", MAGIC + "/gre_tunnels", {}, JSON, {**GRE, "bgp": {"customer_asn": 1}}, []),
    "GRE update with bgp": ("PUT", MAGIC + "/gre_tunnels/1", {}, JSON, {**GRE, "bgp": {"customer_asn": 1}}, [("unknown", "/bgp")]),
    "GRE update in part": ("PUT", MAGIC + "/gre_tunnels/1", {}, JSON, {"mtu": 1400}, [("required", "")]),
    "GRE bulk as a list": ("PUT", MAGIC + "/gre_tunnels", {}, JSON, {"gre_tunnels": [GRE_TUNNEL]}, []),
    "GRE bulk without an id": ("PUT", MAGIC + "/gre_tunnels", {}, JSON, {"gre_tunnels": [GRE_TUNNEL, GRE]}, [("required", "/gre_tunnels/1")]),
    "GRE bulk as no list": ("PUT", MAGIC + "/gre_tunnels", {}, JSON, {"gre_tunnels": GRE_TUNNEL}, [("required", "")]),
    "create many": ("POST", TUNNELS, {}, JSON, {"ipsec_tunnels": [NEW]}, []),
    "create many, typo": ("POST", TUNNELS, {}, JSON, {"ipsec_tunnels": [NEW, {**NEW, "nmae": "x"}]}, [("unknown", "/ipsec_tunnels/1/nmae")]),
    "GRE delete": ("DELETE", MAGIC + "/gre_tunnels/1", {}, {}, None, []),
    "GRE delete all": ("DELETE", MAGIC + "/gre_tunnels", {}, {}, None, [("route", MAGIC + "/gre_tunnels")]),
    "interconnect in part": ("PUT", MAGIC + "/cf_interconnects/1", {"validate_only": "true"}, JSON, {"mtu": 1400}, []),
    "interconnects as a list": ("PUT", MAGIC + "/cf_interconnects", {}, JSON, {"interconnects": [{"id": "1"}]}, []),
    "route": ("POST", MAGIC + "/routes", {}, JSON, {**ROUTE, "scope": {"colo_names": ["den01"]}}, []),
    "route, typo in scope": ("POST", MAGIC + "/routes", {}, JSON, {**ROUTE, "scope": {"colos": []}}, [("unknown", "/scope/colos")]),
    "route, priority": ("POST", MAGIC + "/routes", {}, JSON, {**ROUTE, "priority": "100"}, [("type", "/priority")]),
    "create routes": ("POST", MAGIC + "/routes", {"validate_only": "true"}, JSON, {"routes": [ROUTE, ROUTE]}, []),
    "create routes, no prefix": ("POST", MAGIC + "/routes", {}, JSON, {"routes": [ROUTE, {"nexthop": "x", "priority": 1}]}, [("required", "/routes/1")]),
    "create routes, priority": ("POST", MAGIC + "/routes", {}, JSON, {"routes": [{**ROUTE, "priority": "1"}]}, [("type", "/routes/0/priority")]),
    "create routes and more": (
        "POST",
        MAGIC + "/routes",
        {},
        JSON,
        {"routes": [ROUTE], "more": 1},
        [("required", ""), ("unknown", "/routes"), ("unknown", "/more")],
    ),
    "create routes of another name": ("POST", MAGIC + "/routes", {}, JSON, {"ways": [ROUTE]}, [("required", ""), ("unknown", "/ways")]),
    "route update in part": ("PUT", MAGIC + "/routes/1", {}, JSON, {"description": "x"}, [("required", "")]),
    "route, header": ("GET", MAGIC + "/routes", {}, {"x-magic-new-hc-target": "true"}, None, []),
    "routes": ("PUT", MAGIC + "/routes", {}, JSON, {"routes": [{**ROUTE, "id": "1"}]}, []),
    "routes in part": ("PUT", MAGIC + "/routes", {}, JSON, {"routes": [{"id": "1"}]}, [("required", "/routes/0")]),
    "routes away": ("DELETE", MAGIC + "/routes", {}, JSON, {"routes": [{"id": "1"}]}, []),
    "all routes away": ("DELETE", MAGIC + "/routes", {}, {}, None, [("missing", "")]),
    "accounts": ("GET", "/accounts", {"per_page": "20"}, {}, None, []),
    "accounts, size": ("GET", "/accounts", {"per_page": "100"}, {}, None, [("maximum", "query/per_page")]),
    "patch": ("PATCH", ONE, {}, JSON, {}, [("route", ONE)]),
    "site": ("POST", MAGIC + "/sites", {}, JSON, {"name": "x", "location": {"lat": "1"}}, []),
    "site, validate only": ("POST", MAGIC + "/sites", {"validate_only": "true"}, JSON, {"name": "x"}, [("query", "validate_only")]),
    "site in part": ("PATCH", MAGIC + "/sites/1", {}, JSON, {"description": "x"}, []),
    "sites by connector": ("GET", MAGIC + "/sites", {"connectorid": "x"}, {}, None, []),
    "LAN, typo": (
        "POST",
        MAGIC + "/sites/1/lans",
        {},
        JSON,
        {"static_addressing": {"adress": "x"}},
        [("required", "/static_addressing"), ("unknown", "/static_addressing/adress")],
    ),
    "WAN, null": ("PATCH", MAGIC + "/sites/1/wans/2", {}, JSON, {"load_balance_inner_flows": None}, []),
    "licence at creation": ("POST", MAGIC + "/connectors", {}, JSON, {"device": {"provision_license": True}}, []),
    "licence, key sent": ("PATCH", MAGIC + "/connectors/1", {}, JSON, {"license_key": "x"}, [("unknown", "/license_key")]),
    "device later": ("PATCH", MAGIC + "/connectors/1", {}, JSON, {"device": {"id": "x"}}, [("unknown", "/device")]),
    "events without a time": ("GET", MAGIC + "/connectors/1/telemetry/events", {"k": "Init"}, {}, None, [("missing", "query/from"), ("missing", "query/to")]),
    "newer sites": ("POST", MAGIC + "/cf1_sites", {}, JSON, [{"name": "x"}, {}], [("required", "/1")]),
    "rule": ("PATCH", MAGIC.replace("magic", "mnm") + "/rules/1", {}, JSON, {"duration": "5m0s"}, [("enum", "/duration"), ("required", "")]),
    "generate by GET": ("GET", ONE + "/psk_generate", {}, {}, None, [("route", ONE + "/psk_generate")]),
}


@pytest.mark.parametrize("method, path, query, headers, body, expected", REQUESTS.values(), ids=REQUESTS.keys())
def test_request(checker, method, path, query, headers, body, expected):
    found = checker.request(method, path, query, headers, None if body is None else json.dumps(body))
    assert [(item["rule"], item["pointer"]) for item in found] == expected
    assert all(item["side"] == "request" for item in found)


def good(result, **more):
    return dict({"success": True, "errors": [], "messages": [], "result": result}, **more)


def bad(*errors):
    return {"success": False, "errors": list(errors), "messages": [], "result": None}


GENERATED = {"ipsec_tunnel_id": "1", "psk": "x", "psk_metadata": {"last_generated_on": "2026-01-31T12:00:00.123456789Z"}}
ANSWERS = {
    "list": ("GET", TUNNELS, 200, good({"ipsec_tunnels": [TUNNEL]}), []),
    "list with a key": ("GET", TUNNELS, 200, good({"ipsec_tunnels": [{**TUNNEL, "psk": "x"}]}), [("unknown", "/result/ipsec_tunnels/0/psk")]),
    "list without a name": ("GET", TUNNELS, 200, good({"ipsec_tunnels": [{"id": "1"}]}), [("required", "/result/ipsec_tunnels/0")]),
    "list named otherwise": ("GET", TUNNELS, 200, good({"tunnels": []}), [("unknown", "/result/tunnels")]),
    "null result": ("GET", TUNNELS, 200, good(None), [("anyOf", "/result"), ("type", "/result")]),
    "no success": ("GET", TUNNELS, 200, {"errors": [], "messages": [], "result": {}}, [("required", "")]),
    "false success": ("GET", TUNNELS, 200, bad(), [("enum", "/success"), ("anyOf", "/result"), ("type", "/result")]),
    "status": ("GET", TUNNELS, 201, good({}), [("status", "201")]),
    "not JSON": ("GET", TUNNELS, 200, None, [("type", "")]),
    "identities": ("GET", ONE, 200, good({"ipsec_tunnel": {**TUNNEL, "remote_identities": {"fqdn_id": "x"}}}), []),
    "time": ("GET", ONE, 200, good({"ipsec_tunnel": {**TUNNEL, "created_on": "soon"}}), [("format", "/result/ipsec_tunnel/created_on")]),
    "generated": ("POST", ONE + "/psk_generate", 200, good({**GENERATED, "ipsec_id": "x"}), []),
    "generated null": ("POST", ONE + "/psk_generate", 200, good(None), []),
    "generated number": ("POST", ONE + "/psk_generate", 200, good({**GENERATED, "psk": 1}), [("type", "/result/psk")]),
    "unapplied": ("POST", TUNNELS + "/psk", 200, good({"unapplied_psks": {"1": None}}), [("type", "/result/unapplied_psks/1")]),
    "created as a list": ("POST", TUNNELS, 200, good({"ipsec_tunnels": [TUNNEL]}), []),
    "created as a list, key": ("POST", TUNNELS, 200, good({"ipsec_tunnels": [{**TUNNEL, "psk": "x"}]}), [("unknown", "/result/ipsec_tunnels/0/psk")]),
    "created as many": ("POST", MAGIC + "/routes", 200, good({"routes": [{**ROUTE, "id": "1"}, {**ROUTE, "id": "2"}]}), []),
    "created as a list of others": (
        "POST",
        TUNNELS,
        200,
        good({"gre_tunnels": [GRE_TUNNEL]}),
        [("required", "/result"), ("unknown", "/result/gre_tunnels")],
    ),
    "GRE": ("POST", MAGIC + "/gre_tunnels", 200, good(GRE_TUNNEL), []),
    "GRE with a key": ("POST", MAGIC + "/gre_tunnels", 200, good({**GRE_TUNNEL, "psk": "x"}), [("unknown", "/result/psk")]),
    "route": ("GET", MAGIC + "/routes/1", 200, good({"route": {**ROUTE, "id": "1"}}), []),
    "route without priority": ("GET", MAGIC + "/routes/1", 200, good({"route": {"id": "1", "prefix": "x", "nexthop": "x"}}), [("required", "/result/route")]),
    "no operation": ("PATCH", ONE, 200, good({}), [("route", ONE)]),
    "LANs as a list": ("POST", MAGIC + "/sites/1/lans", 200, good([{"id": "1"}]), []),
    "LAN as an object": ("POST", MAGIC + "/sites/1/lans", 200, good({"id": "1"}), [("type", "/result")]),
    "app configuration": ("POST", MAGIC + "/sites/1/app_configs", 201, good({"id": "1", "site_id": "1", "account_app_id": "1", "breakout": None}), []),
    "site with a key": ("GET", MAGIC + "/sites/1", 200, good({"id": "1", "license_key": "x"}), [("unknown", "/result/license_key")]),
    "error": ("GET", ONE, 404, bad({"code": 1032, "message": "m", "source": {"pointer": "/x"}, "error_chain": []}), []),
    "error 971": ("GET", ONE, 429, bad({"code": 971, "message": "m"}), []),
    "error 970": ("GET", ONE, 429, bad({"code": 970, "message": "m"}), [("minimum", "/errors/0/code")]),
    "error without message": ("GET", ONE, 404, bad({"code": 1032}), [("required", "/errors/0")]),
    "error that succeeds": ("GET", ONE, 404, good(None), [("enum", "/success")]),
    "error of no operation": ("GET", "/nowhere", 404, bad({"code": 7003, "message": "m"}), []),
}


@pytest.mark.parametrize("method, path, status, body, expected", ANSWERS.values(), ids=ANSWERS.keys())
def test_answer(checker, method, path, status, body, expected):
    found = checker.answer(method, path, {}, status, b"<html>" if body is None else json.dumps(body).encode())
    assert {(item["rule"], item["pointer"]) for item in found} == set(expected)
    assert all(item["side"] == "answer" for item in found)


def test_violations_are_reported_and_hold_no_key(emulator):
    assert emulator.violations() == []
    emulator.call("POST", "ipsec_tunnels/psk", {"psks": [{"id": 7, "psk": ["very-secret-key"]}]})
    found = emulator.violations()
    assert {(item["method"], item["rule"], item["pointer"]) for item in found} == {("POST", "type", "/psks/0/id"), ("POST", "type", "/psks/0/psk")}
    assert found[0]["path"] == "/client/v4" + TUNNELS + "/psk" and "very-secret-key" not in str(found)
    emulator.clear_violations()
    assert emulator.violations() == []
