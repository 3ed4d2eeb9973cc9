# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ipsec_psks does: each scenario in check mode, live and once more, in Ansible's own process and as a module on another host."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field

import pytest
from conftest import VARIABLE

PLACES = ("here", "there")
PHASES = ("check", "live", "again")
DAY = 86400
TOKEN = "a-token-for-all"
OWN = "Own key of 32+ letters: \"'\\/+%41&<é> 01234"
OTHER = "Another key of one's own +/= ?&%20 0123456789"
LOCKED = "the tunnel is locked by another change"


@dataclass(frozen=True)
class Scenario:
    """Some tunnels in an account of their own, so that their requests can be told apart.

    Attributes:
        tunnels: ages of the keys in days by name; None where there never was one.
        options: of the task; NAME in curly brackets stands for the id of that tunnel.
        requests: for each phase: LIST, and the number of keys of each further request.
        set: the names of those that get a key in the live phase.
        again: the same for the phase after it.
        refuse, spoil: names of tunnels whose key is not set, and of those that make the whole request fail.
        faults: of the emulator, for the live phase.
    """

    label: str
    tunnels: dict
    options: dict
    requests: tuple[str, ...]
    set: str
    again: str = ""
    refuse: tuple[str, ...] = ()
    spoil: dict = field(default_factory=dict)
    faults: tuple[dict, ...] = ()
    delivered_to: tuple[str, ...] = ("register", "fact")
    warning: str = ""
    words: tuple[str, ...] = ()

    def account(self, place: str) -> str:
        return hashlib.md5(f"account {self.label} {place}".encode()).hexdigest()

    def tunnel(self, name: str, place: str) -> str:
        return hashlib.md5(f"tunnel {self.label} {name} {place}".encode()).hexdigest()

    def ids(self, place: str) -> dict:
        return {name: self.tunnel(name, place) for name in self.tunnels}

    def variable(self, phase: str) -> str:
        return re.sub(r"\W", "_", f"{self.label} {phase}")

    @property
    def phases(self) -> tuple[str, ...]:
        return PHASES[: len(self.requests)]

    @property
    def fails(self) -> bool:
        return bool(self.refuse or self.spoil)

    @property
    def supplied(self) -> bool:
        return "psks" in self.options

    def names(self, phase: str) -> list[str]:
        """The tunnels that get a key, or that Cloudflare agrees to give one."""
        return (self.again if phase == "again" else self.set).split()

    def _filled(self, value):
        if isinstance(value, dict):
            return {self._filled(name): self._filled(item) for name, item in value.items()}
        if isinstance(value, list):
            return [self._filled(item) for item in value]
        if isinstance(value, str) and value.startswith("<"):
            return "{{ tunnels['" + self.label + "']['" + value.strip("<>") + "'] }}"
        return value

    def task(self, phase: str) -> dict:
        options = self._filled(self.options)
        if "psks" in options:
            # Names of variables are not templates in a dictionary.
            pairs = [{"name": name, "key": key} for name, key in options["psks"].items()]
            options["psks"] = "{{ dict(pairs | map(attribute='name') | zip(pairs | map(attribute='key'))) }}"
        return {
            "name": f"{self.label} ({phase})",
            "cloudflare.magic.ipsec_psks": {"account_id": f"{{{{ accounts['{self.label}'] }}}}", **options},
            **({"vars": {"pairs": pairs}} if "psks" in options else {}),
            "register": self.variable(phase),
            "check_mode": phase == "check",
            "ignore_errors": self.fails,
        }


FIVE = {"paris-1": 10, "paris-2": 100, "oslo-1": None, "oslo-22": 400, "rome-1": 50}
ALL = " ".join(FIVE)

SCENARIOS = (
    Scenario("all", FIVE, {"names": ["*"]}, ("LIST 5", "LIST 5", "LIST 5"), ALL, ALL),
    Scenario(
        "patterns", FIVE, {"names": ["paris-*", "oslo-?", "[r]ome-1", "rome-1"], "batch_size": 3}, ("LIST 3 1", "LIST 3 1"), "paris-1 paris-2 oslo-1 rome-1"
    ),
    Scenario("ids", FIVE, {"ipsec_tunnel_ids": ["<rome-1>", "<oslo-1>"]}, ("LIST 2", "LIST 2"), "oslo-1 rome-1"),
    Scenario("ids and names", FIVE, {"ipsec_tunnel_ids": ["<rome-1>"], "names": ["rome-*", "oslo-1"]}, ("LIST 2", "LIST 2"), "oslo-1 rome-1"),
    Scenario("missing", FIVE, {"names": ["*"], "rotate": "missing"}, ("LIST 1", "LIST 1", "LIST"), "oslo-1"),
    Scenario("expired", FIVE, {"names": ["*"], "rotate": "expired", "max_age": "90d"}, ("LIST 3", "LIST 3", "LIST"), "paris-2 oslo-1 oslo-22"),
    Scenario("not due", {"a": 1, "b": 2}, {"names": ["*"], "rotate": "expired", "max_age": "2w"}, ("LIST", "LIST"), ""),
    Scenario("batches", {f"t-{n}": 9 for n in range(7)}, {"names": ["*"], "batch_size": 3}, ("LIST 3 3 1", "LIST 3 3 1"), " ".join(f"t-{n}" for n in range(7))),
    Scenario(
        "own keys", FIVE, {"psks": {"paris-1": OWN, "<oslo-1>": OTHER}}, ("LIST 2", "LIST 2", "LIST 2"), "paris-1 oslo-1", "paris-1 oslo-1", delivered_to=()
    ),
    Scenario(
        "own keys if missing", FIVE, {"psks": {"paris-1": OWN, "oslo-1": OTHER}, "rotate": "missing"}, ("LIST 1", "LIST 1", "LIST"), "oslo-1", delivered_to=()
    ),
    Scenario(
        "one key for two", FIVE, {"psks": {"paris-1": OWN, "rome-1": OWN}}, ("LIST 2", "LIST 2"), "paris-1 rome-1", delivered_to=(), warning="paris-1, rome-1"
    ),
    Scenario("no fact", {"a": 1}, {"names": ["a"], "set_fact": False, "psk_length": 64}, ("LIST 1", "LIST 1"), "a", delivered_to=("register",)),
    Scenario(
        "into a file",
        {"a": 1, "b": None, "c": 3},
        {"names": ["*"], "vault_file": "keys_{{ inventory_hostname }}.yml", "batch_size": 2},
        ("LIST 2 1", "LIST 2 1", "LIST 2 1"),
        "a b c",
        "a b c",
        delivered_to=("register", "fact", "vault_file"),
    ),
    Scenario(
        "some are not set",
        {"a": 1, "b": None, "c": 3, "d": 4},
        {"names": ["*"], "vault_file": "some_{{ inventory_hostname }}.yml", "batch_size": 3},
        ("LIST 3 1", "LIST 3 1"),
        "a c d",
        refuse=("b",),
        delivered_to=("register", "vault_file"),
        words=("1 of 4 keys were not set, 3 were", "b (", LOCKED),
    ),
    Scenario(
        "own keys and some are not set",
        {"a": 1, "b": 2},
        {"psks": {"a": OWN, "b": OTHER}},
        ("LIST 2", "LIST 2"),
        "a",
        refuse=("b",),
        delivered_to=(),
        words=("1 of 2 keys were not set", LOCKED),
    ),
    Scenario("none is set", {"a": 1}, {"names": ["*"]}, ("LIST 1", "LIST 1"), "", refuse=("a",), words=("1 of 1 keys were not set, 0 were",)),
    Scenario(
        "one spoils it",
        {"a": 1, "b": 2, "c": 3, "d": 4, "e": 5},
        {"names": ["*"], "batch_size": 4, "vault_file": "spoiled_{{ inventory_hostname }}.yml"},
        ("LIST 4 4 2 2 1 1 1", "LIST 4 4 2 2 1 1 1"),
        "a b d e",
        spoil={"c": (400, 1022, "Invalid Request: the key must have a form")},
        delivered_to=("register", "vault_file"),
        words=("1 of 5 keys were not set, 4 were", "c (", "[1022]", "must have a form"),
    ),
    Scenario(
        "the first one spoils it by a failure of the server",
        {"a": 1, "b": 2, "c": 3, "d": 4, "e": 5, "f": 6, "g": 7, "h": 8},
        {"names": ["*"], "max_retries": 0},
        ("LIST 8 8 4 4 2 2 1 1", "LIST 8 8 4 4 2 2 1 1"),
        "b c d e f g h",
        spoil={"a": (500, 1000, "Internal Server Error")},
        delivered_to=("register",),
        words=("1 of 8 keys were not set, 7 were", "HTTP 500"),
    ),
    Scenario(
        "rate limit",
        {"a": 1, "b": 2, "c": 3},
        {"names": ["*"], "batch_size": 1},
        ("LIST 1 1 1", "LIST 1 1 1 1 1"),
        "a b c",
        faults=({"kind": "status", "status": 429, "code": 971, "retry_after": 0, "path": "psk$", "skip": 4, "times": 2},),
    ),
    Scenario("lost answer", {"a": 1, "b": 2}, {"names": ["*"]}, ("LIST 2", "LIST 2 2"), "a b", faults=({"kind": "cut_body", "path": "psk$", "skip": 1},)),
)

EACH = pytest.mark.parametrize("scenario", [pytest.param(scenario, id=scenario.label.replace(" ", "_")) for scenario in SCENARIOS])
EACH_PHASE = pytest.mark.parametrize(
    ("scenario", "phase"), [pytest.param(scenario, phase, id=scenario.variable(phase)) for scenario in SCENARIOS for phase in scenario.phases]
)
PLACE = pytest.mark.parametrize("place", PLACES)


def seed() -> dict:
    """Return the emulator's data with an account for each scenario and place."""
    accounts, tunnels = [], []
    for scenario in SCENARIOS:
        for place in PLACES:
            accounts.append({"id": scenario.account(place), "name": scenario.label, "number": 1, "onboarded": True, "magic_wan_subscribed": True})
            for number, (name, age) in enumerate(scenario.tunnels.items()):
                tunnel = {"account_id": scenario.account(place), "id": scenario.tunnel(name, place), "name": name, "cloudflare_endpoint": "203.0.113.1"}
                tunnel["interface_address"] = f"10.213.0.{2 * number}/31"
                if age is not None:
                    tunnel.update(psk=hashlib.sha256(tunnel["id"].encode()).hexdigest(), psk_age_seconds=age * DAY)
                tunnels.append(tunnel)
    token = {"token": TOKEN, "permission": "write", "accounts": [account["id"] for account in accounts]}
    return {"accounts": accounts, "tokens": [token], "ipsec_tunnels": tunnels}


@pytest.fixture(scope="module")
def run(fresh, shared_gate, play, tmp_path_factory):
    """All scenarios in one run, with everything on the screen that Ansible can show."""
    fresh.set_state(seed())
    for scenario in SCENARIOS:
        for place in PLACES:
            ids = scenario.ids(place)
            shared_gate.refuse.update({ids[name]: LOCKED for name in scenario.refuse})
            shared_gate.spoil.update({ids[name]: failure for name, failure in scenario.spoil.items()})
            for fault in scenario.faults:
                fresh.fault(**{**fault, "path": f"{scenario.account(place)}.*{fault['path']}"})
    folder = tmp_path_factory.mktemp("scenarios")
    (folder / "password").write_text("only for this test", encoding="utf-8")
    tasks = [scenario.task(phase) for scenario in SCENARIOS for phase in scenario.phases]
    files = {}
    for scenario in SCENARIOS:
        if "vault_file" in scenario.options:
            name = "stored_" + re.sub(r"\W", "_", scenario.label)
            files[name] = f"{name}.{VARIABLE}"
            tasks.append({"ansible.builtin.include_vars": {"file": scenario.options["vault_file"], "name": name}, "no_log": True})
    tunnels = {place: {scenario.label: scenario.ids(place) for scenario in SCENARIOS} for place in PLACES}
    accounts = {place: {scenario.label: scenario.account(place) for scenario in SCENARIOS} for place in PLACES}
    return play(
        tasks,
        hosts=PLACES,
        folder=folder,
        save={"facts": f"ansible_facts.{VARIABLE}", **files},
        args=["-vvv", "--diff", "--vault-password-file", "password"],
        warns=[scenario.warning for scenario in SCENARIOS if scenario.warning],
        module_defaults={"group/cloudflare.magic.all": {"api_url": shared_gate.url, "api_token": TOKEN}},
        vars={
            "tunnels_by_place": tunnels,
            "tunnels": "{{ tunnels_by_place[inventory_hostname] }}",
            "accounts_by_place": accounts,
            "accounts": "{{ accounts_by_place[inventory_hostname] }}",
        },
    )


@pytest.fixture(scope="module")
def sent(run, shared_gate):
    """The requests by account, those of each phase in a list of their own."""
    requests: dict[str, list] = {}
    for request in shared_gate.requests:
        requests.setdefault(request["account"], []).append(request)
    found: dict[str, list[list]] = {}
    for account, sequence in requests.items():
        phases = found.setdefault(account, [])
        for before, request, after in zip([None, *sequence], sequence, [*sequence[1:], None]):
            # Check mode lists the tunnels again after it has sent something that was not refused.
            looks_again = before is not None and before["query"] and (after is None or after["method"] == "GET")
            if request["method"] == "GET" and not looks_again:
                phases.append([])
            phases[-1].append(request)
    return found


def test_run_ends_well(fresh, run):
    assert run.rc == 0, run.screen
    assert "Traceback" not in run.screen
    assert set(run.hosts) == set(PLACES)
    assert fresh.violations() == []
    assert fresh.faults() == []


@PLACE
@EACH
def test_requests_are_exactly_these(run, sent, scenario, place):
    phases = sent[scenario.account(place)]
    listed = [" ".join(["LIST" if request["method"] == "GET" else str(len(request["keys"])) for request in phase]) for phase in phases]
    check, *others = scenario.requests
    nothing_to_look_for = check == "LIST" or set(scenario.refuse) == set(scenario.tunnels)
    assert [sorted(text.split()) for text in listed] == [sorted(text.split()) for text in (check + ("" if nothing_to_look_for else " LIST"), *others)]
    for phase, requests in zip(PHASES, phases):
        assert {(request["method"], request["path"]) for request in requests} <= {("GET", "ipsec_tunnels"), ("POST", "ipsec_tunnels/psk")}
        assert {request["query"] for request in requests if request["method"] == "POST"} <= {"validate_only=true" if phase == "check" else ""}
        assert run[place][scenario.variable(phase)]["requests"] == len(requests)


@PLACE
@EACH_PHASE
def test_results_say_what_happened(run, scenario, phase, place):
    result = run[place][scenario.variable(phase)]
    ids, names = scenario.ids(place), scenario.names(phase)
    assert result["failed"] is scenario.fails, result
    for word in scenario.words:
        assert word in result["msg"]
    unlucky = set(scenario.refuse) | set(scenario.spoil)
    assert set(result["unapplied"]) == {ids[name] for name in unlucky}
    assert result["changed"] is bool(names)
    word = "validated" if phase == "check" else "set"
    expected = {name: word if name in names else "unapplied" if name in unlucky else "not_due" for name in scenario.tunnels}
    chosen = {row["name"]: row["outcome"] for row in result["tunnels"]}
    assert chosen == {name: outcome for name, outcome in expected.items() if name in chosen}
    assert set(chosen) >= set(names) | unlucky
    assert result["not_due"] == [ids[name] for name, outcome in chosen.items() if outcome == "not_due"]
    assert {row["ipsec_tunnel_id"] for row in result["tunnels"]} == {ids[name] for name in chosen}
    if phase != "again":
        for row in result["tunnels"]:
            age = scenario.tunnels[row["name"]]
            assert row["psk_age"] is None if age is None else age * DAY <= row["psk_age"] < (age + 1) * DAY
    assert set(result["diff"]["before"]) == set(result["diff"]["after"]) == set(names)
    if phase == "check":
        assert result["validated"] is not scenario.fails
        assert "psks" not in result
    else:
        assert "validated" not in result
        assert {entry["name"] for entry in result["psks"].values()} == set(names)
    assert result["delivered_to"] == (list(scenario.delivered_to) if names and phase != "check" else [])
    assert [scenario.warning in warning for warning in result.get("warnings", [])] == ([True] if scenario.warning else [])


@PLACE
@EACH
def test_returned_keys_are_those_in_force(fresh, run, sent, scenario, place):
    ids, in_force = scenario.ids(place), fresh.keys()
    moments = {tunnel["id"]: tunnel["psk_metadata"].get("last_generated_on") for tunnel in fresh.tunnels()}
    last = scenario.phases[-1]
    for phase in scenario.phases[1:]:
        result = run[place][scenario.variable(phase)]
        if scenario.supplied:
            assert not any("psk" in entry for entry in result["psks"].values())
        for tunnel_id, entry in result["psks"].items():
            assert set(entry) == {"name", "last_generated_on"} | (set() if scenario.supplied else {"psk"})
            if phase == last:
                assert entry["last_generated_on"] == moments[tunnel_id]
            if phase == last and not scenario.supplied:
                assert entry["psk"] == in_force[tunnel_id]
                assert re.fullmatch(f"[1-9A-Za-z][0-9A-Za-z]{{{scenario.options.get('psk_length', 48) - 1}}}", entry["psk"])
    if scenario.supplied:
        wanted = {ids.get(name) or ids[name.strip("<>")]: key for name, key in scenario.options["psks"].items()}
        assert {tunnel_id: in_force[tunnel_id] for tunnel_id in (ids[name] for name in scenario.set.split())} == {
            tunnel_id: key for tunnel_id, key in wanted.items() if tunnel_id in [ids[name] for name in scenario.set.split()]
        }
    else:
        trial = {key for phase in sent[scenario.account(place)][:1] for request in phase for key in request["keys"].values()}
        assert bool(trial) is bool(scenario.set or scenario.fails)
        assert not trial & {entry["psk"] for entry in fresh.key_log()}, "a key that was only validated was set"


@PLACE
def test_the_fact_holds_the_last_key_of_each_tunnel(fresh, run, place):
    in_force = fresh.keys()
    expected = {s.tunnel(name, place) for s in SCENARIOS if "fact" in s.delivered_to and not s.fails for name in s.set.split()}
    assert {tunnel_id: entry["psk"] for tunnel_id, entry in run[place]["facts"].items()} == {tunnel_id: in_force[tunnel_id] for tunnel_id in expected}
    assert all(set(entry) == {"psk", "name", "last_generated_on"} for entry in run[place]["facts"].values())


@PLACE
@pytest.mark.parametrize("scenario", [pytest.param(s, id=s.label.replace(" ", "_")) for s in SCENARIOS if "vault_file" in s.options])
def test_the_file_holds_the_keys_in_force(fresh, run, scenario, place):
    stored = run[place]["stored_" + re.sub(r"\W", "_", scenario.label)]
    in_force = fresh.keys()
    assert {tunnel_id: entry["psk"] for tunnel_id, entry in stored.items()} == {
        scenario.tunnel(name, place): in_force[scenario.tunnel(name, place)] for name in scenario.set.split()
    }
    assert not any("pending_psk" in entry for entry in stored.values())
    if scenario.again:
        live = run[place][scenario.variable("live")]["psks"]
        assert {tunnel_id: entry["previous_psk"] for tunnel_id, entry in stored.items()} == {tunnel_id: entry["psk"] for tunnel_id, entry in live.items()}


@EACH_PHASE
def test_here_and_there_the_result_is_the_same(run, scenario, phase):
    """Apart from times, ids and keys."""

    def comparable(place: str) -> dict:
        names = {tunnel_id: name for name, tunnel_id in scenario.ids(place).items()}
        result = {
            name: value for name, value in run[place][scenario.variable(phase)].items() if name not in ("invocation", "exception", "ansible_facts", "diff")
        }
        result["psks"] = {names[tunnel_id]: sorted(entry) for tunnel_id, entry in result.get("psks", {}).items()}
        result["tunnels"] = [(row["name"], row["outcome"]) for row in result["tunnels"]]
        result["not_due"] = [names[tunnel_id] for tunnel_id in result["not_due"]]
        result["unapplied"] = {names[tunnel_id]: reason.replace(scenario.account(place), "ACCOUNT") for tunnel_id, reason in result["unapplied"].items()}
        text = result.pop("msg", "").replace(scenario.account(place), "ACCOUNT")
        for tunnel_id, name in names.items():
            text = text.replace(tunnel_id, name)
        return {**result, "msg": text}

    assert comparable("here") == comparable("there")


def test_only_results_with_keys_are_censored(run):
    """A line tells what the censored result cannot."""
    assert run.screen.count("The result contains the keys and is therefore not shown") == 2 * sum(
        bool(scenario.names(phase)) and not scenario.supplied for scenario in SCENARIOS for phase in scenario.phases[1:]
    )
    for scenario in SCENARIOS:
        for word in scenario.words:
            assert run.shows(word)


def test_nothing_shows_a_key(fresh, run, shared_gate, leaked):
    keys = {key for request in shared_gate.requests for key in request["keys"].values()} | {key for key in fresh.keys().values() if key}
    assert len(keys) > 100
    assert leaked(run.written(), [*keys, TOKEN]) == []
