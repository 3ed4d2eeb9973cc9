# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The event source as ansible-rulebook runs it: by its path, with a queue, against the emulator."""

from __future__ import annotations

import asyncio
import inspect
import json
import re
import runpy
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
import yaml

from ansible_collections.cloudflare.magic.extensions.eda.plugins.event_filter import tunnel_alert
from ansible_collections.cloudflare.magic.extensions.eda.plugins.event_source import tunnels
from ansible_collections.cloudflare.magic.plugins.module_utils._calls import list_all
from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._events import OPTIONS
from ansible_collections.cloudflare.magic.plugins.plugin_utils import _polling
from ansible_collections.cloudflare.magic.plugins.plugin_utils._state_file import StateFile

ROOT = Path(__file__).resolve().parents[4]
PLUGINS = ROOT / "extensions" / "eda" / "plugins"
DAY = 86400


class Rulebook:
    """Runs the source in its own loop, as ansible-rulebook does, and kills it."""

    def __init__(self, emulator, path, monkeypatch):
        self.emulator = emulator
        self.path = path
        self.ids = {item["name"]: item["id"] for item in emulator.call("GET", "ipsec_tunnels").json()["result"]["ipsec_tunnels"]}
        monkeypatch.setattr(_polling.Polling, "pause", 0.01)
        monkeypatch.setattr(_polling, "_FIRST_BACKOFF", 0.01)

    def run(self, until, *steps, feedback=None, **options):
        """Take events until so many are there, and do a step whenever the source waits for something new to happen; then end it."""
        args = {"state_file": str(self.path), "account_id": self.emulator.account_id, "api_url": self.emulator.url, "api_token": self.emulator.write_token}
        return asyncio.run(self._run(until, list(steps), {**args, **options}, feedback))

    async def _run(self, until, steps, args, feedback):
        queue: asyncio.Queue = asyncio.Queue()
        if feedback:
            args["eda_feedback_queue"] = asyncio.Queue(1)
        task = asyncio.create_task(tunnels.main(queue, args))
        taken: list[dict[str, t.Any]] = []
        while len(taken) < until or steps:
            looks = self._looks()
            while queue.empty() and not task.done() and not (self._looks() > looks + 2 and steps):
                await asyncio.sleep(0.005)
            if task.done() and queue.empty():
                break
            if queue.empty():
                steps.pop(0)()
                continue
            taken.append(queue.get_nowait())
            taken[-1]["meta"]["source"] = {"name": "added by ansible-rulebook"}
            if feedback:
                await args["eda_feedback_queue"].put(taken[-1])
        if not task.done():
            looks = self._looks()
            while self._looks() <= looks + 2 and not task.done():
                await asyncio.sleep(0.005)
        more = [queue.get_nowait() for dummy in range(queue.qsize())]
        if task.done():
            task.result()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return [*taken, *more]

    def _looks(self):
        return sum(request["path"].endswith("/ipsec_tunnels") for request in self.emulator.requests())

    def age(self, name, days):
        self.emulator.control("PUT", f"tunnels/{self.ids[name]}", {"age_seconds": days * DAY})


@pytest.fixture
def rulebook(emulator, tmp_path, monkeypatch):
    return Rulebook(emulator, tmp_path / "state.json", monkeypatch)


def short(events):
    return [(event["type"], event["tunnel"]["name"]) for event in events]


def test_a_life_of_a_source(rulebook):
    emulator = rulebook.emulator
    first = rulebook.run(
        6,
        lambda: rulebook.age("paris-1", 200),
        lambda: emulator.call("POST", f"ipsec_tunnels/{rulebook.ids['paris-1']}/psk_generate"),
        lambda: emulator.control("POST", "health", {"tunnel": "paris-2", "state": 0, "age_seconds": 3600}),
        lambda: emulator.call("PUT", f"ipsec_tunnels/{rulebook.ids['lisbon-1']}", {"health_check": {"rate": "high"}}),
        lambda: emulator.call("DELETE", f"ipsec_tunnels/{rulebook.ids['oslo-1']}"),
    )
    # The emulator dates a key otherwise when it makes it older: that is another key.
    # A tunnel without data, because it was deleted between the list and the query, is unknown for a moment.
    first = [event for event in first if (event["type"], event["tunnel"]["name"]) != ("tunnel_health", "oslo-1")]
    assert short(first) == [
        ("psk_due", "paris-2"),
        ("psk_due", "berlin-1"),
        ("psk_due", "oslo-1"),
        ("psk_replaced", "paris-1"),
        ("psk_due", "paris-1"),
        ("psk_replaced", "paris-1"),
        ("tunnel_health", "paris-2"),
        ("tunnel_changed", "lisbon-1"),
        ("tunnel_deleted", "oslo-1"),
    ]
    assert all(not event["repeated"] for event in first) and first[7]["fields"] == ["health_check.rate"] and first[6]["state"] == "down"
    text = json.dumps(first) + rulebook.path.read_text(encoding="utf-8")
    assert [secret for secret in (emulator.write_token, *emulator.keys().values()) if secret and secret in text] == []
    # Started again, it tells nothing twice, and what happened meanwhile.
    rulebook.age("lisbon-1", 300)
    assert short(rulebook.run(2)) == [("psk_replaced", "lisbon-1"), ("psk_due", "lisbon-1")]
    assert rulebook.run(0) == []


def test_killed_while_it_emits(rulebook):
    """What was not taken is emitted by the next one, and what was taken is not."""

    class Full(asyncio.Queue):
        async def put(self, item):
            if self.qsize() == 1:
                raise SystemExit("killed")
            await super().put(item)

    async def killed():
        queue = Full()
        args = {"state_file": str(rulebook.path), "account_id": rulebook.emulator.account_id, "api_url": rulebook.emulator.url, "events": ["psk_due"]}
        try:
            await tunnels.main(queue, {**args, "api_token": rulebook.emulator.write_token})
        except SystemExit:
            return queue.get_nowait()

    assert short([asyncio.run(killed())]) == [("psk_due", "paris-2")]
    again = rulebook.run(2, feedback=True, events=["psk_due"])
    assert [(event["tunnel"]["name"], event["repeated"]) for event in again] == [("berlin-1", True), ("oslo-1", True)]
    assert rulebook.run(0, events=["psk_due"]) == []


def test_many_events_are_saved_together(rulebook, monkeypatch):
    """What is to be told is saved before, and once more when it was told, or when the queue is full for long. A kill in between repeats it."""
    names = ["paris-2", "berlin-1", "oslo-1"]
    saved: list[list[str]] = []
    save = StateFile.save

    def recorded(self, state):
        saved.append([event["tunnel"]["name"] for event in state.unsent])
        save(self, state)

    monkeypatch.setattr(StateFile, "save", recorded)
    monkeypatch.setattr(tunnels, "SAVE_AFTER", 3600)
    assert short(rulebook.run(3, events=["psk_due"])) == [("psk_due", name) for name in names]
    assert saved == [names, []]
    rulebook.path.unlink()
    del saved[:]

    async def with_slow_rules():
        queue: asyncio.Queue = asyncio.Queue(2)
        args = {"state_file": str(rulebook.path), "account_id": rulebook.emulator.account_id, "api_url": rulebook.emulator.url, "events": ["psk_due"]}
        task = asyncio.create_task(tunnels.main(queue, {**args, "api_token": rulebook.emulator.write_token}))
        # Two are taken, the third waits for a place in the queue.
        while len(saved) < 2 and not task.done():
            await asyncio.sleep(0.005)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    monkeypatch.setattr(tunnels, "SAVE_AFTER", 0.01)
    asyncio.run(with_slow_rules())
    assert saved[0] == names and saved[-1] == names[2:]
    again = rulebook.run(1, events=["psk_due"])
    assert [(event["tunnel"]["name"], event["repeated"]) for event in again] == [("oslo-1", True)]


@pytest.mark.parametrize("seconds", [None, 1.0, 200.0, 86400.0, 1e300])
def test_a_pause_that_is_asked_for_has_an_end(seconds):
    wait = _polling.backoff(MagicError("x", transient=True, retry_after=seconds), 0)
    assert wait == {200.0: 200.0, 86400.0: 330.0, 1e300: 330.0}.get(seconds, wait) and 2 <= wait <= 330


def test_several_tunnels_of_one_name(rulebook, monkeypatch, caplog):
    """The log says so once, of tunnels for which there are events."""
    once = list_all

    def alike(client, kind):
        return [{**item, "name": "twin" if item["name"] in ("paris-1", "vienna-gre-1") else item["name"]} for item in once(client, kind)]

    monkeypatch.setattr(_polling, "list_all", alike)
    rulebook.run(3, events=["psk_due"])
    assert caplog.text.count("Several tunnels have the same name: twin.") == 1
    caplog.clear()
    rulebook.path.unlink()
    rulebook.run(3, events=["psk_due"], exclude=["twin"])
    assert "same name" not in caplog.text


def test_errors_are_waited_out(rulebook, caplog):
    rulebook.emulator.fault(kind="status", status=503, path="gre_tunnels", times=2)
    rulebook.emulator.fault(kind="cut_body", path="/ipsec_tunnels", times=1)
    rulebook.emulator.fault(kind="status", status=429, retry_after=1, path="/ipsec_tunnels", skip=1)
    rulebook.emulator.fault(kind="status", status=502, path="graphql")
    assert len(rulebook.run(3, max_retries=0, events=["psk_due", "tunnel_health"])) == 3
    assert "HTTP 503" in caplog.text and "Next poll in 1 s" in caplog.text and "health of the tunnels could not be read this time" in caplog.text
    assert rulebook.emulator.write_token not in caplog.text


def test_keys_do_not_wait_for_health(rulebook, caplog):
    """Its first query meets a passing error, and then it turns out that it may not ask at all."""
    rulebook.emulator.fault(kind="status", status=502, path="graphql")
    options = {"max_retries": 0, "events": ["psk_due", "tunnel_health"], "api_token": rulebook.emulator.blind_token}
    assert short(rulebook.run(4, lambda: rulebook.age("paris-1", 200), **options))[-1] == ("psk_due", "paris-1")
    assert "Account Analytics Read" in caplog.text


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"poll_interval": "0"}, "poll_interval"),
        ({"max_age": "soon"}, "max_age: 'soon'"),
        ({"events": ["psk_dew"]}, "psk_dew"),
        ({"intervall": 5}, "intervall"),
        ({"account_id": ""}, "account_id"),
        ({"state_file": "/nowhere/state.json"}, "state_file: /nowhere/state.json"),
        ({"api_token": "wrong-token-that-must-not-be-seen"}, "HTTP 40"),
        ({"api_token": "emulator-blind-token"}, "Account Analytics Read"),
    ],
)
def test_what_cannot_work_ends_at_once(rulebook, options, words):
    with pytest.raises(MagicError, match=re.escape(words)) as caught:
        rulebook.run(9, **options)
    assert options.get("api_token", "?") not in str(caught.value)
    assert not rulebook.path.exists()


def test_no_two_with_one_file(rulebook):
    rulebook.run(3)
    with pytest.raises(MagicError, match="another account"):
        rulebook.run(0, account_id=rulebook.emulator.other_account_id)
    with StateFile(str(rulebook.path)), pytest.raises(MagicError, match="another event source uses it"):
        rulebook.run(0)


def test_hostile_tunnels_are_data(rulebook, monkeypatch):
    once = list_all
    names = {"berlin-1": "{{ lookup('pipe', 'touch /tmp/x') }}", "oslo-1": "a\x1b[31m"}
    monkeypatch.setattr(_polling, "list_all", lambda client, kind: [{**item, "name": names.get(item["name"], item["name"])} for item in once(client, kind)])
    events = rulebook.run(3, events=["psk_due"])
    assert [event["tunnel"]["name"] for event in events] == ["paris-2", r"\x7b\x7b lookup('pipe', 'touch /tmp/x') }}", r"a\x1b[31m"]
    assert [event["tunnel"]["id"] for event in events] == [rulebook.ids[name] for name in ("paris-2", "berlin-1", "oslo-1")]


def test_one_id_twice_is_an_error_and_no_change(rulebook, monkeypatch, caplog):
    rulebook.run(3, events=["psk_due"])
    once = list_all
    broken: list[str] = []

    def twice(client, kind):
        found = once(client, kind)
        if len(broken) < 4:
            broken.append(kind)
            raise MagicError("Cloudflare's answer cannot be used: two entries have one id.")
        return found

    monkeypatch.setattr(_polling, "list_all", twice)
    assert rulebook.run(0) == [] and "two entries" in caplog.text


def test_run_by_path_it_finds_its_collection(tmp_path):
    """No PYTHONPATH, and a package of that name without this collection, as the package 'ansible' may bring one."""
    package = tmp_path / "ansible_collections"
    (package / "other" / "one").mkdir(parents=True)
    for script, name in ((PLUGINS / "event_source" / "tunnels.py", "main"), (PLUGINS / "event_filter" / "tunnel_alert.py", "main")):
        for content in (None, ""):
            if content is not None:
                (package / "__init__.py").write_text(content, encoding="utf-8")
            code = f"import runpy, sys; sys.path[:0] = [{str(tmp_path)!r}]; print(runpy.run_path({str(script)!r})[{name!r}].__name__)"
            done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={"PATH": ""}, check=False)
            assert done.stdout == "main\n", done.stderr
        (package / "__init__.py").unlink()


def test_alone_it_says_what_it_needs(tmp_path):
    for kind, name in (("event_source", "tunnels"), ("event_filter", "tunnel_alert")):
        script = tmp_path / f"{name}.py"
        script.write_bytes((PLUGINS / kind / f"{name}.py").read_bytes())
        code = f"import runpy; runpy.run_path({str(script)!r})"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={"PATH": ""}, check=False)
        assert "needs its collection" in done.stderr and sys.executable in done.stderr


def test_the_documented_options_are_those_that_there_are():
    documented = yaml.safe_load(tunnels.DOCUMENTATION)["options"]
    facts = {
        name: {fact: option[fact] for fact in ("type", "elements", "choices", "default", "aliases") if fact in option}
        for name, option in OPTIONS.argument_spec.items()
    }
    assert {name: {fact: value for fact, value in option.items() if fact != "description"} for name, option in documented.items()} == facts
    for entry in yaml.safe_load(tunnels.EXAMPLES):
        assert set(entry["cloudflare.magic.tunnels"]) <= set(OPTIONS.argument_spec)
    assert set(yaml.safe_load(tunnel_alert.DOCUMENTATION)["options"]) == set(inspect.signature(tunnel_alert.main).parameters) - {"event"}


def test_both_plugins_look_for_their_collection_in_the_same_way():
    source, event_filter = (
        re.search(r"^def _find_own_collection.*?^try:", path.read_text(encoding="utf-8"), re.M | re.S) for path in sorted(PLUGINS.rglob("*.py"))
    )
    assert source and event_filter and source[0] == event_filter[0]
    assert set(runpy.run_path(str(PLUGINS / "event_source" / "tunnels.py"))) >= {"DOCUMENTATION", "EXAMPLES", "main"}
