# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ipsec_psk does: each scenario in check mode, live and once more, in Ansible's own process and as a module on another host."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field

import pytest

pytestmark = pytest.mark.cores("ends")

PLACES = ("here", "there")
PHASES = ("check", "live", "again")
DAY = 86400
VAULT_PASSWORD = "only-for-this-test"

OWN_KEY = "Own key, 32+ letters: \"'\\/+%41&<é> 0123456789"
SHORT_KEY = "only-20-letters-long"

# What a scenario may send, by name: method, path below .../magic/ipsec_tunnels, query.
REQUESTS = {
    "LIST": ("GET", "", {}),
    "READ": ("GET", "/{id}", {}),
    "TRY": ("POST", "/{id}/psk_generate", {"validate_only": "true"}),
    "MAKE": ("POST", "/{id}/psk_generate", {}),
    "TRY_SET": ("POST", "/psk", {"validate_only": "true"}),
    "SET": ("POST", "/psk", {}),
    "REFUSED": ("POST", "/{id}/psk_generate", {}),
}
# How they show in the emulator's record of keys.
HOW = {"TRY": "decoy", "MAKE": "generate", "SET": "set"}


@dataclass(frozen=True)
class Scenario:
    """One tunnel, in an account of its own so that its requests can be told apart.

    Attributes:
        phases: for check mode, live, and once more: the reason (or what a failure has to say, after "!") and the requests.
        age: of the tunnel's key in days, or None.
        warning: what the live run has to warn of.
    """

    label: str
    options: dict
    phases: tuple[tuple[str, str], ...]
    age: float | None = 10
    by_name: bool = False
    faults: tuple[dict, ...] = ()
    onboarded: bool = True
    exists: bool = True
    warning: str = ""
    failure: dict = field(default_factory=dict)
    delivered_to: tuple[str, ...] = ("register", "fact")

    def account(self, place: str) -> str:
        return hashlib.md5(f"account {self.label} {place}".encode()).hexdigest()

    def tunnel(self, place: str) -> str:
        return hashlib.md5(f"tunnel {self.label} {place}".encode()).hexdigest()

    def name(self) -> str:
        return self.label.replace(" ", "-")

    def variable(self, phase: str) -> str:
        return f"{self.label} {phase}".replace(" ", "_")

    def task(self, phase: str) -> dict:
        options = {"account_id": f"{{{{ accounts['{self.label}'] }}}}", **self.options}
        options.update({"name": self.name()} if self.by_name else {"ipsec_tunnel_id": f"{{{{ tunnels['{self.label}'] }}}}"})
        return {
            "name": f"{self.label} ({phase})",
            "cloudflare.magic.ipsec_psk": options,
            "register": self.variable(phase),
            "check_mode": phase == "check",
            "ignore_errors": self.phases[PHASES.index(phase)][0].startswith("!"),
        }


SCENARIOS = (
    Scenario("always by id", {}, (("always", "READ TRY READ"), ("always", "MAKE"), ("always", "MAKE"))),
    Scenario("always by name", {}, (("always", "LIST TRY READ"), ("always", "LIST MAKE")), by_name=True),
    Scenario("missing but never made", {"rotate": "missing"}, (("missing", "READ TRY READ"), ("missing", "READ MAKE"), ("not_due", "READ")), age=None),
    Scenario("missing but there", {"rotate": "missing"}, (("not_due", "LIST"), ("not_due", "LIST")), age=500, by_name=True),
    Scenario(
        "expired and old", {"rotate": "expired", "max_age": "90d"}, (("expired", "LIST TRY READ"), ("expired", "LIST MAKE"), ("not_due", "LIST")), 91, True
    ),
    Scenario("expired but young", {"rotate": "expired", "max_age": "13w"}, (("not_due", "READ"), ("not_due", "READ")), age=90),
    Scenario(
        "expired and never made", {"rotate": "expired", "max_age": "3600"}, (("missing", "READ TRY READ"), ("missing", "READ MAKE"), ("not_due", "READ")), None
    ),
    Scenario("own key", {"psk": OWN_KEY}, (("always", "READ TRY_SET READ"), ("always", "SET"), ("always", "SET")), delivered_to=()),
    Scenario(
        "own key if missing",
        {"psk": SHORT_KEY, "rotate": "missing"},
        (("missing", "LIST TRY_SET READ"), ("missing", "LIST SET"), ("not_due", "LIST")),
        age=None,
        by_name=True,
        warning="shorter than 32",
        delivered_to=(),
    ),
    Scenario("no fact", {"set_fact": False}, (("always", "READ TRY READ"), ("always", "MAKE")), delivered_to=("register",)),
    Scenario(
        "into a file",
        {"vault_file": "keys_{{ inventory_hostname }}.yml"},
        (("always", "READ TRY READ"), ("always", "MAKE"), ("always", "MAKE")),
        delivered_to=("register", "fact", "vault_file"),
    ),
    Scenario(
        "lost answer",
        {},
        (("always", "READ TRY READ"), ("always", "MAKE MAKE READ")),
        faults=({"kind": "disconnect", "when": "after", "path": "psk_generate", "skip": 1},),
        warning="One more key was generated",
    ),
    Scenario(
        "lost for good",
        {},
        (("always", "READ TRY READ"), ("! key in force is now unknown | Run the task again", "MAKE MAKE"), ("always", "MAKE")),
        faults=({"kind": "html", "when": "after", "path": "psk_generate", "skip": 1, "times": 2},),
        failure={"method": "POST", "status": 502, "errors": []},
    ),
    Scenario(
        "own key and lost answer",
        {"psk": OWN_KEY},
        (("always", "READ TRY_SET READ"), ("always", "SET SET")),
        faults=({"kind": "cut_body", "path": "psk$", "skip": 1},),
        delivered_to=(),
    ),
    Scenario(
        "rate limit",
        {"rotate": "missing"},
        (("missing", "READ READ TRY READ"), ("missing", "READ REFUSED MAKE"), ("not_due", "READ")),
        age=None,
        faults=(
            {"kind": "status", "status": 429, "code": 971, "retry_after": 0, "method": "GET", "path": ""},
            {"kind": "status", "status": 429, "code": 971, "retry_after": 0, "path": "psk_generate", "skip": 1},
        ),
    ),
    Scenario(
        "not found",
        {},
        (("! HTTP 404 | [1032] | ipsec_tunnel_id and account_id", "READ"), ("! HTTP 404 | [1032] | ipsec_tunnel_id and account_id", "MAKE")),
        exists=False,
        failure={"status": 404, "errors": [{"code": 1032, "message": "IPsec tunnel not found"}]},
    ),
    Scenario(
        "not onboarded",
        {"rotate": "missing"},
        (("! HTTP 403 | [1012] | Enterprise", "LIST"),) * 2,
        by_name=True,
        onboarded=False,
        failure={"method": "GET", "status": 403, "errors": [{"code": 1012, "message": "This account is not onboarded to Magic Transit or Magic WAN"}]},
    ),
)

EACH = pytest.mark.parametrize("scenario", [pytest.param(scenario, id=scenario.label.replace(" ", "_")) for scenario in SCENARIOS])
PLACE = pytest.mark.parametrize("place", PLACES)
EACH_PHASE = pytest.mark.parametrize(
    ("scenario", "phase", "told"),
    [pytest.param(scenario, phase, told, id=scenario.variable(phase)) for scenario in SCENARIOS for phase, (told, dummy) in zip(PHASES, scenario.phases)],
)


def seed() -> dict:
    """Return the emulator's data with an account and a tunnel for each scenario and place."""
    accounts, tunnels = [], []
    for scenario in SCENARIOS:
        for place in PLACES:
            account = {"id": scenario.account(place), "name": scenario.label, "number": 1, "onboarded": scenario.onboarded, "magic_wan_subscribed": True}
            accounts.append(account)
            tunnel: dict = {
                "account_id": account["id"],
                "id": scenario.tunnel(place),
                "name": scenario.name(),
                "cloudflare_endpoint": "203.0.113.1",
                "interface_address": "10.213.0.8/31",
            }
            if scenario.age is not None:
                tunnel.update(psk=hashlib.sha256(tunnel["id"].encode()).hexdigest(), psk_age_seconds=scenario.age * DAY)
            if scenario.exists:
                tunnels.append(tunnel)
    token = {"token": "a-token-for-all", "permission": "write", "accounts": [account["id"] for account in accounts]}
    return {"accounts": accounts, "tokens": [token], "ipsec_tunnels": tunnels}


@pytest.fixture(scope="module")
def run(emulator, play, tmp_path_factory):
    """All scenarios in one run, with everything on the screen that Ansible can show."""
    emulator.set_state(seed())
    for scenario in SCENARIOS:
        for place in PLACES:
            for fault in scenario.faults:
                emulator.fault(**{**fault, "path": f"{scenario.account(place)}.*{fault['path']}"})
    folder = tmp_path_factory.mktemp("scenarios")
    (folder / "password").write_text(VAULT_PASSWORD, encoding="utf-8")
    tasks = [scenario.task(phase) for scenario in SCENARIOS for phase, dummy in zip(PHASES, scenario.phases)]
    files = [{"ansible.builtin.include_vars": {"file": "keys_{{ inventory_hostname }}.yml", "name": "stored"}, "no_log": True}]
    by_place = {place: {s.label: s.tunnel(place) for s in SCENARIOS} for place in PLACES}
    accounts = {place: {s.label: s.account(place) for s in SCENARIOS} for place in PLACES}
    return play(
        tasks + files,
        hosts=PLACES,
        folder=folder,
        save={"facts": "ansible_facts.cloudflare_magic_ipsec_psks", "stored": "stored.cloudflare_magic_ipsec_psks"},
        args=["-vvv", "--diff", "--vault-password-file", "password"],
        warns=[scenario.warning for scenario in SCENARIOS if scenario.warning],
        module_defaults={"group/cloudflare.magic.all": {"api_url": emulator.url, "api_token": "a-token-for-all"}},
        vars={
            "by_place": by_place,
            "tunnels": "{{ by_place[inventory_hostname] }}",
            "accounts_by_place": accounts,
            "accounts": "{{ accounts_by_place[inventory_hostname] }}",
        },
    )


@pytest.fixture(scope="module")
def record(emulator, run):
    """What the emulator has seen of the run: requests by account, keys by tunnel."""
    requests: dict[str, list] = {}
    for request in emulator.requests():
        requests.setdefault(request["path"].split("/")[4], []).append(request)
    keys: dict[str, list] = {}
    for key in emulator.key_log():
        keys.setdefault(key["tunnel_id"], []).append(key)
    return requests, keys


def test_run_ends_well(run):
    assert run.rc == 0, run.screen
    assert "Traceback" not in run.screen
    assert set(run.hosts) == set(PLACES)


@PLACE
@EACH
def test_requests_are_exactly_these(emulator, run, record, scenario, place):
    expected = []
    for dummy, names in scenario.phases:
        for method, path, query in (REQUESTS[name] for name in names.split()):
            expected.append((method, f"/client/v4/accounts/{scenario.account(place)}/magic/ipsec_tunnels{path.format(id=scenario.tunnel(place))}", query))
    sent = record[0][scenario.account(place)]
    assert [(request["method"], request["path"], request["query"]) for request in sent] == expected
    for request in sent:
        body = {"psks": [{"id": scenario.tunnel(place), "psk": scenario.options.get("psk")}]}
        assert (json.loads(request["body"]) if request["body"] else None) == (body if request["path"].endswith("/psk") else None)
        assert request["headers"]["authorization"] == emulator.masked("Bearer a-token-for-all")
        assert request["headers"]["user-agent"].startswith("ansible-collection-cloudflare.magic/")


@PLACE
@EACH_PHASE
def test_results_say_what_happened(run, scenario, phase, told, place):
    result = run[place][scenario.variable(phase)]
    assert result["failed"] is told.startswith("!"), result
    if result["failed"]:
        for words in told[1:].split("|"):
            assert words.strip() in result["msg"]
        assert result["failure"]["path"].startswith(f"/accounts/{scenario.account(place)}/magic/ipsec_tunnels")
        assert result["failure"]["ray_id"].endswith("-EMU")
        assert {name: result["failure"][name] for name in scenario.failure} == scenario.failure
        return
    due, makes = told != "not_due", "psk" not in scenario.options
    assert result["reason"] == told
    assert result["changed"] is due
    assert result["ipsec_tunnel_id"] == scenario.tunnel(place)
    assert ("psk" in result) is (due and makes and phase != "check")
    assert result.get("validated") is (True if phase == "check" and due else None)
    assert result["delivered_to"] == (list(scenario.delivered_to) if due and phase != "check" else [])
    was_read = scenario.by_name or scenario.options.get("rotate") is not None or phase == "check"
    assert result.get("name") == (scenario.name() if was_read else None)
    assert set(result["diff"]["before"]) == set(result["diff"]["after"]) == {"last_generated_on"}
    if was_read and scenario.age is not None and phase != "again":
        assert result["psk_age"] >= scenario.age * DAY
    if phase == "live" and scenario.warning:
        assert any(scenario.warning in warning for warning in result["warnings"])
    elif not scenario.warning:
        assert not result.get("warnings")


@PLACE
@EACH
def test_the_returned_key_is_the_one_in_force(run, record, scenario, place):
    tunnel = scenario.tunnel(place)
    log = record[1].get(tunnel, [])
    expected = [HOW[name] for dummy, names in scenario.phases for name in names.split() if name in HOW]
    assert [entry["how"] for entry in log] == (expected if scenario.exists else [])
    results = [run[place][scenario.variable(phase)] for phase, dummy in zip(PHASES, scenario.phases)]
    returned = [result for result in results if "psk" in result]
    for result in returned:
        assert [entry["how"] for entry in log if entry["psk"] == result["psk"]] == ["generate"]
        assert ("ansible_facts" in result) is ("fact" in result["delivered_to"])
        if "ansible_facts" in result:
            entry = {"psk": result["psk"], "name": result.get("name"), "last_generated_on": result["psk_metadata"]["last_generated_on"]}
            assert result["ansible_facts"]["cloudflare_magic_ipsec_psks"][tunnel] == entry
    if returned or "psk" in scenario.options:
        assert log[-1]["psk"] == (returned[-1]["psk"] if returned else scenario.options["psk"])
        assert log[-1]["in_force"]


@PLACE
def test_the_fact_holds_the_last_key_of_each_tunnel(emulator, run, place):
    in_force = emulator.keys()
    expected = {s.tunnel(place) for s in SCENARIOS if "fact" in s.delivered_to and any("MAKE" in names and told[0] != "!" for told, names in s.phases)}
    assert {tunnel: entry["psk"] for tunnel, entry in run[place]["facts"].items()} == {tunnel: in_force[tunnel] for tunnel in expected}


@PLACE
def test_the_file_holds_the_key_in_force(emulator, run, place):
    (scenario,) = (scenario for scenario in SCENARIOS if "vault_file" in scenario.delivered_to)
    entry = run[place]["stored"][scenario.tunnel(place)]
    assert entry["psk"] == emulator.keys()[scenario.tunnel(place)]
    assert entry["previous_psk"] == run[place][scenario.variable("live")]["psk"]
    assert run.folder.joinpath(f"keys_{place}.yml").read_text(encoding="utf-8").startswith("$ANSIBLE_VAULT;")


@EACH_PHASE
def test_here_and_there_the_result_is_the_same(run, scenario, phase, told):
    """Apart from times, ids, keys, and what Ansible adds to each module's result."""

    def comparable(place: str) -> dict:
        result = dict(run[place][scenario.variable(phase)])
        for name in ("invocation", "exception", "ansible_parsed", *(("warnings",) if not result.get("warnings") else ())):
            result.pop(name, None)
        for name in ("ansible_facts", "diff", "psk", "psk_age", "psk_metadata"):
            if name in result:
                result[name] = sorted(result[name]) if isinstance(result[name], dict) else ""
        text = json.dumps(result, sort_keys=True).replace(scenario.tunnel(place), "TUNNEL").replace(scenario.account(place), "ACCOUNT")
        comparison: dict = json.loads(re.sub("[0-9a-f]{16}-EMU", "RAY", text))
        return comparison

    assert comparable("here") == comparable("there")


def test_no_key_is_shown_or_left_behind(emulator, run, leaked):
    keys = [entry["psk"] for entry in emulator.key_log()]
    assert {OWN_KEY, SHORT_KEY} < set(keys)
    assert len(set(keys)) > 2 * len(SCENARIOS)
    assert leaked(run.written(), keys) == []


def test_requests_and_answers_are_those_that_cloudflare_describes(emulator, run):
    assert emulator.violations() == []
    assert emulator.faults() == []
    assert emulator.errors() == ""
