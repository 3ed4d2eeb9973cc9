# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The life of a tunnel and a route: each step in check mode, live, and once more; in Ansible's own process, and some of them as a module on another host."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest
from conftest import NO_KEY, Emulator, by_task, start_again, task

from ansible_collections.cloudflare.magic.plugins.module_utils._kinds import GRE_TUNNEL, IPSEC_TUNNEL, ROUTE

KINDS = {kind.single: kind for kind in (IPSEC_TUNNEL, GRE_TUNNEL, ROUTE)}
PHASES = ("check", "live", "again")

# What the server computes: check mode does not know these of a new object,
COMPUTED_FOR_NEW = {
    "id",
    "created_on",
    "modified_on",
    "psk_metadata",
    "remote_identities.user_id",
    "remote_identities.fqdn_id",
    "remote_identities.hex_id",
    "health_check.enabled",
    "health_check.type",
    "health_check.direction",
    "health_check.target.saved",
    "health_check.target.effective",
    "ttl",
    "bgp_status.state",
    "bgp_status.tcp_established",
    "bgp_status.updated_at",
}
# and these of a changed one.
COMPUTED = {
    "modified_on",
    "health_check.target.effective",
    "bgp_status.state",
    "bgp_status.tcp_established",
    "bgp_status.updated_at",
}


@dataclass(frozen=True)
class Step:
    """What one task changes.

    Attributes:
        kind: of the object.
        label: unique among the steps of the kind.
        options: of the task.
        before, after: what the diff has to show; before is None for all that can be set.
        method: of the one request that writes.
        sent: the fields that are sent, besides those that each update has to have; by default those of the diff.
    """

    kind: str
    label: str
    options: dict
    before: dict | None
    after: dict
    method: str = "PUT"
    sent: tuple[str, ...] = ()

    def variable(self, phase: str) -> str:
        return re.sub(r"\W", "_", f"{self.kind} {self.label} {phase}")

    def task(self, phase: str) -> dict:
        return task(self.kind, self.options, self.variable(phase), check_mode=phase == "check")


def nested(path: str, value):
    for name in reversed(path.split(".")):
        value = {name: value}
    return value


def changes(kind: str, keys: dict, *rows: tuple) -> list[Step]:
    """Return a step for each row: the path of a field, what it is, what it becomes, and how the diff shows that if it differs."""
    return [
        Step(
            kind,
            f"{number} {path}",
            {**keys, **nested(path, new)},
            nested(path, old),
            nested(path, shown[0] if shown else new),
            sent=(path.split(".", maxsplit=1)[0],),
        )
        for number, (path, old, new, *shown) in enumerate(rows)
    ]


FILTERS = ("a1b2c3d4e5f60718293a4b5c6d7e8f90", "0f9e8d7c6b5a493827160f5e4d3c2b1a")
FQDN = f"lyon.{Emulator.account_id}.custom.ipsec.cloudflare.com"
NEW_IPSEC = {
    "name": "lyon-1",
    "cloudflare_endpoint": "203.0.113.1",
    "customer_endpoint": "198.51.100.61",
    "interface_address": "10.213.0.60/31",
    "description": "Lyon",
    "health_check": {"rate": "low"},
}
NEW_GRE = {
    "name": "lyon-gre-1",
    "cloudflare_gre_endpoint": "203.0.113.1",
    "customer_gre_endpoint": "198.51.100.71",
    "interface_address": "10.213.0.70/31",
    "mtu": 1400,
    "health_check": {"rate": "low"},
    "bgp": {"customer_asn": 65071},
}
NEW_ROUTE = {"prefix": "192.0.2.128/26", "nexthop": "10.213.0.11", "priority": 100, "description": "Lyon"}
WAY = {name: NEW_ROUTE[name] for name in ("prefix", "nexthop")}
THAT = {kind: f"{{{{ {kind}_create_live.{KINDS[kind].result}.id }}}}" for kind in KINDS}

COMMON = (
    ("description", "Lyon", "Lyon, centre"),
    ("description", "Lyon, centre", ""),
    ("health_check.enabled", True, False),
    ("health_check.rate", "low", "high"),
    ("health_check.type", "reply", "request"),
    ("health_check.direction", "bidirectional", "unidirectional"),
    ("health_check.target", "", "10.213.0.63"),
    ("health_check.target", "10.213.0.63", {"saved": "10.213.0.65"}, "10.213.0.65"),
    ("health_check.target", "10.213.0.65", ""),
    ("interface_address6", "", "FD00:213::003c/127", "fd00:213::3c/127"),
    ("interface_address6", "fd00:213::3c/127", ""),
    ("automatic_return_routing", False, True),
    ("automatic_return_routing", True, False),
)
STEPS = (
    Step("ipsec_tunnel", "create", NEW_IPSEC, {}, NEW_IPSEC, "POST", tuple(NEW_IPSEC)),
    *changes(
        "ipsec_tunnel",
        {"name": "lyon-1"},
        *COMMON,
        ("cloudflare_endpoint", "203.0.113.1", "203.0.113.2"),
        ("customer_endpoint", "198.51.100.61", "198.51.100.62"),
        ("customer_endpoint", "198.51.100.62", ""),
        ("interface_address", "10.213.0.60/31", "10.213.0.63/31"),
        ("bgp.customer_asn", None, 65061),
        ("bgp.customer_asn", 65061, 65062),
        ("bgp.extra_prefixes", [], ["192.0.2.64/26", "192.0.2.0/27"], ["192.0.2.0/27", "192.0.2.64/26"]),
        ("bgp.extra_prefixes", ["192.0.2.0/27", "192.0.2.64/26"], []),
        ("bgp.md5_key", "", "guards"),
        ("bgp.md5_key", "guards", ""),
        ("bgp.import_filter_id", "", FILTERS[0]),
        ("bgp.export_filter_id", "", FILTERS[1]),
        ("bgp.import_filter_id", FILTERS[0], ""),
        ("bgp.export_filter_id", FILTERS[1], ""),
        ("replay_protection", False, True),
        ("replay_protection", True, False),
        ("custom_remote_identities.fqdn_id", "", FQDN),
        ("custom_remote_identities.fqdn_id", FQDN, ""),
    ),
    Step("ipsec_tunnel", "rename", {"ipsec_tunnel_id": THAT["ipsec_tunnel"], "name": "lyon-2"}, {"name": "lyon-1"}, {"name": "lyon-2"}, sent=("name",)),
    Step("ipsec_tunnel", "delete", {"name": "lyon-2", "state": "absent"}, None, {}, "DELETE"),
    Step("gre_tunnel", "create", NEW_GRE, {}, NEW_GRE, "POST", tuple(NEW_GRE)),
    *changes(
        "gre_tunnel",
        {"name": "lyon-gre-1"},
        ("description", "", "Lyon"),
        *COMMON,
        ("cloudflare_gre_endpoint", "203.0.113.1", "203.0.113.2"),
        ("customer_gre_endpoint", "198.51.100.71", "198.51.100.72"),
        ("interface_address", "10.213.0.70/31", "10.213.0.73/31"),
        ("ttl", 64, 63),
        ("mtu", 1400, 576),
    ),
    Step("gre_tunnel", "rename", {"gre_tunnel_id": THAT["gre_tunnel"], "name": "lyon-gre-2"}, {"name": "lyon-gre-1"}, {"name": "lyon-gre-2"}, sent=("name",)),
    Step("gre_tunnel", "delete", {"gre_tunnel_id": THAT["gre_tunnel"], "state": "absent"}, None, {}, "DELETE"),
    Step("route", "create", NEW_ROUTE, {}, NEW_ROUTE, "POST", tuple(NEW_ROUTE)),
    *changes(
        "route",
        WAY,
        ("description", "Lyon", "Lyon, centre"),
        ("description", "Lyon, centre", ""),
        ("weight", 0, 8),
        ("weight", 8, 0),
        ("scope.colo_names", [], ["fra01", "ams01"], ["ams01", "fra01"]),
        ("scope.colo_regions", [], ["WEUR"]),
        ("scope.colo_names", ["ams01", "fra01"], []),
        ("scope.colo_regions", ["WEUR"], []),
    ),
    # By its prefix and next hop, another priority would be another route, because this run has made this one.
    *changes("route", {"static_route_id": THAT["route"]}, ("priority", 100, 200)),
    Step(
        "route",
        "other prefix",
        {"static_route_id": THAT["route"], "prefix": "192.0.2.200"},
        {"prefix": "192.0.2.128/26"},
        {"prefix": "192.0.2.200/32"},
        sent=("prefix",),
    ),
    Step(
        "route",
        "other nexthop",
        {"static_route_id": THAT["route"], "nexthop": "10.213.0.13"},
        {"nexthop": "10.213.0.11"},
        {"nexthop": "10.213.0.13"},
        sent=("nexthop",),
    ),
    Step("route", "delete", {"prefix": "192.0.2.200/32", "nexthop": "10.213.0.13", "state": "absent"}, None, {}, "DELETE"),
)
# As a module on another host, which takes its time.
SAMPLE = (
    *(step for step in STEPS if step.label == "create" or (step.kind, step.label) == ("ipsec_tunnel", "0 description")),
    Step("ipsec_tunnel", "delete", {"name": "lyon-1", "state": "absent"}, None, {}, "DELETE"),
    Step("gre_tunnel", "delete", {"name": "lyon-gre-1", "state": "absent"}, None, {}, "DELETE"),
    Step("route", "delete", {**WAY, "state": "absent"}, None, {}, "DELETE"),
)
PLACES = {"here": STEPS, "there": SAMPLE}

EACH = pytest.mark.parametrize(
    ("place", "step"),
    [pytest.param(place, step, id=f"{place}-{step.kind}-{step.label}".replace(" ", "_")) for place, steps in PLACES.items() for step in steps],
)


@dataclass
class Run:
    """What a run brought about.

    Attributes:
        results: of the tasks, by variable.
        requests: of the tasks, by variable.
        before, after: all data of the emulator.
        written: all that the run showed and left behind.
    """

    results: dict
    requests: dict
    before: dict
    after: dict
    written: str


@pytest.fixture(scope="module")
def runs(emulator, play):
    found = {}
    for place, steps in PLACES.items():
        start_again(emulator)
        before = emulator.state()
        tasks = [step.task(phase) for step in steps for phase in PHASES]
        played = play(tasks, hosts=[place], env=emulator.environment(), args=["--diff", "-vvv"], warns=[NO_KEY])
        assert played.rc == 0, played.screen
        groups = by_task(emulator.requests())
        assert len(groups) == len(tasks)
        requests = {one["register"]: group for one, group in zip(tasks, groups)}
        found[place] = Run(played[place], requests, before, emulator.state(), played.written())
    return found


def leaves(value, path: str = "") -> dict:
    """Return all that is no dictionary, by its path."""
    found = {}
    for name, inner in value.items():
        found.update(leaves(inner, f"{path}{name}.") if isinstance(inner, dict) and inner else {path + name: inner})
    return found


def test_each_field_is_changed():
    for kind in KINDS.values():
        changed = {path for step in STEPS if step.kind == kind.single and step.method == "PUT" for path in leaves(step.after)}
        parts = [(name, part, inner) for name, one in kind.fields.items() for part, inner in (one.parts or {"": one}).items() if name not in kind.fixed]
        # What has the name of another object is sent as its id.
        fields = {f"{name}.{part}" if part else name for name, part, inner in parts if not inner.stands_for}
        assert changed == fields


@EACH
def test_check_mode_only_asks(runs, place, step):
    run = runs[place]
    result, (read, *asked) = run.results[step.variable("check")], run.requests[step.variable("check")]
    assert read["method"] == "GET"
    assert result["changed"] is True
    if step.method == "DELETE" and step.kind == "route":
        assert asked == [] and "validated" not in result
        return
    assert result["validated"] is True
    (live,) = run.requests[step.variable("live")][1:]
    assert [(one["method"], one["path"], one["json"], one["query"]) for one in asked] == [(step.method, live["path"], live["json"], {"validate_only": "true"})]


@EACH
def test_live_is_one_write(runs, place, step):
    run = runs[place]
    result, (read, written) = run.results[step.variable("live")], run.requests[step.variable("live")]
    kind = KINDS[step.kind]
    assert result["changed"] is True and "validated" not in result
    assert (read["method"], written["method"], written["query"]) == ("GET", step.method, {})
    # The collection of all is for reading and creating.
    below = written["path"].split("/magic/")[1]
    assert below == kind.several if step.method == "POST" else below == f"{kind.several}/{result[kind.result]['id']}"
    if step.method == "DELETE":
        assert written["body"] is None
    else:
        assert set(written["json"]) == set(kind.required) | set(step.sent)
        assert None not in leaves(written["json"]).values()
    for request in (read, written, *run.requests[step.variable("check")]):
        assert request["headers"].get("x-magic-new-hc-target") == (None if step.kind == "route" else "true")


@EACH
def test_the_diff_shows_just_what_changes(runs, place, step):
    run, kind = runs[place], KINDS[step.kind]
    check, live = (run.results[step.variable(phase)] for phase in ("check", "live"))
    before = step.before
    if before is None:
        before = {name: live[kind.result][name] for name in kind.fields if live[kind.result].get(name) not in (None, kind.fields[name].empty)}
    assert live["diff"] == {"before": before, "after": step.after}
    assert check["diff"] == live["diff"]


def parts(value) -> dict:
    """Return the leaves; whether an object has its empty parts or not is up to the server."""
    return {path: inner for path, inner in leaves(value).items() if inner not in ("", [], {}) or "." not in path}


@EACH
def test_check_mode_tells_the_result(runs, place, step):
    run = runs[place]
    check, live = (parts(run.results[step.variable(phase)][KINDS[step.kind].result]) for phase in ("check", "live"))
    computed = COMPUTED_FOR_NEW if step.method == "POST" else COMPUTED if step.method == "PUT" else set()
    assert {path for path in {**check, **live} if check.get(path) != live.get(path)} <= computed


@EACH
def test_the_result_has_what_was_wished(runs, place, step):
    run = runs[place]
    live = leaves(run.results[step.variable("live")][KINDS[step.kind].result])
    for path, value in leaves(step.after).items():
        found = live.get("health_check.target.saved" if path == "health_check.target" else path)
        assert found == value or (not found and "." in path and value in ("", []))


@EACH
def test_once_more_changes_nothing(runs, place, step):
    run = runs[place]
    live, again, requests = run.results[step.variable("live")], run.results[step.variable("again")], run.requests[step.variable("again")]
    assert [request["method"] for request in requests] == ["GET"]
    assert again["changed"] is False
    assert again["diff"] == {"before": {}, "after": {}}
    assert "validated" not in again
    assert again.get(KINDS[step.kind].result) == (None if step.method == "DELETE" else live[KINDS[step.kind].result])
    assert "warnings" not in again


@EACH
def test_only_a_tunnel_without_a_key_is_warned_of(runs, place, step):
    for phase in ("check", "live"):
        warnings = runs[place].results[step.variable(phase)].get("warnings", [])
        if step.kind == "ipsec_tunnel" and step.method == "POST":
            (warning,) = warnings
            for word in ("lyon-1", "no pre-shared key", "cloudflare.magic.ipsec_psk", "psk"):
                assert word in warning
        else:
            assert warnings == []


@pytest.mark.parametrize("place", PLACES)
def test_nothing_else_was_touched(emulator, runs, leaked, place):
    run = runs[place]
    assert run.after == run.before
    keys = [tunnel["psk"] for tunnel in run.before["ipsec_tunnels"] if "psk" in tunnel]
    assert leaked(run.written, [emulator.write_token, *keys]) == []
