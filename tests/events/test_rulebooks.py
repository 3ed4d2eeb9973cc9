# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rulebooks of the collection and of docs/events.md, run by the real ansible-rulebook against the emulator, killed in the middle, and started again.

All of them run in one process, because each start of ansible-rulebook starts Java: their rulesets are put into one file. They are as they are shipped, but
that they look more often.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
import yaml

ROOT = Path(os.path.abspath(__file__)).parents[2]
if TYPE_CHECKING:
    from ansible_collections.cloudflare.magic.tests.emulator.client import running
else:
    # The checkout does not have to be in a folder of collections.
    sys.path.insert(0, str(ROOT / "tests"))
    from emulator.client import running

BIN = Path(sys.executable).parent
RULEBOOKS = sorted((ROOT / "extensions" / "eda" / "rulebooks").glob("*.yml"))
PAGE = ROOT / "docs" / "events.md"
SECRET = "TheSecretOfTheWebhook-0123"
TIME_LIMIT = 240
DUE = 10
# Ids that a template would turn into numbers.
NUMBERS = {1: "12345678901234567890123456789012", 2: "1234567890123456789012345678e123"}

pytestmark = pytest.mark.skipif(shutil.which("java") is None, reason="needs the program java (Debian: openjdk-17-jre-headless)")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S)


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def until(condition, what: str) -> None:
    end = time.monotonic() + TIME_LIMIT
    while not condition():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.4)


class Chat:
    """Where the playbook of the page sends its lines."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        chat = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                chat.lines.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["text"])
                self.send_response(200)
                self.end_headers()

            def log_message(self, *args) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class Story:
    """What happens: ansible-rulebook with all rulebooks, and what it has done."""

    def __init__(self, folder: Path, emulator, chat: Chat) -> None:
        self.folder, self.emulator, self.chat = folder, emulator, chat
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self.ids: dict[str, str] = {}
        self._prepare()

    def _prepare(self) -> None:
        """Write the rulebooks into one file, each with its own state file, which the source demands."""
        rulesets: list[dict[str, Any]] = []
        for text in [blocks("yaml")[0], *(path.read_text(encoding="utf-8") for path in RULEBOOKS)]:
            for ruleset in yaml.safe_load(text):
                args = ruleset["sources"][0].get("cloudflare.magic.tunnels")
                if args:
                    args["state_file"] = str(self.folder / f"state-{len(rulesets)}.json")
                    args["poll_interval"] = "1s"
                for rule in ruleset["rules"]:
                    if "throttle" in rule:
                        rule["throttle"]["once_after"] = "2 seconds"
                rulesets.append(ruleset)
        assert len(rulesets) == len(RULEBOOKS) + 1 == 5
        rulesets[0]["sources"][0]["cloudflare.magic.tunnels"]["feedback"] = True
        self._write("rulebook.yml", yaml.safe_dump(rulesets, sort_keys=False))
        self._write("notify.yml", blocks("yaml")[1])
        self._write("password", "only for tests\n")
        self._write("hosts", "localhost ansible_connection=local\n")
        self._write("design.yml", "network_config:\n  gre_tunnels: []\n")
        paths = {"state_file": "none", "vault_file": "keys.yml", "notify_playbook": "notify.yml", "network_file": "design.yml", "plan_file": "plan.md"}
        self._write("variables.yml", yaml.safe_dump({**{name: str(self.folder / path) for name, path in paths.items()}, "webhook_port": self.port}))
        # ansible.eda is on Galaxy alone. ansible-rulebook has the same webhook, and this is how a collection sends one on to it.
        stub = self.folder / "collections" / "ansible_collections" / "ansible" / "eda"
        (stub / "extensions" / "eda").mkdir(parents=True)
        routing = {"plugin_routing": {"event_source": {"webhook": {"redirect": "eda.builtin.webhook"}}}}
        (stub / "extensions" / "eda" / "eda_runtime.yml").write_text(yaml.safe_dump(routing), encoding="utf-8")
        (stub / "galaxy.yml").write_text("namespace: ansible\nname: eda\nversion: 2.0.0\nreadme: README.md\nauthors: [nobody]\n", encoding="utf-8")
        own = self.folder / "collections" / "ansible_collections" / "cloudflare"
        own.mkdir()
        (own / "magic").symlink_to(ROOT)

    def _write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)

    def environ(self) -> dict[str, str]:
        return {
            "HOME": str(self.folder),
            "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "LC_ALL": "C.UTF-8",
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
            "PYTHONUNBUFFERED": "1",
            "ANSIBLE_COLLECTIONS_PATH": str(self.folder / "collections"),
            "ANSIBLE_VAULT_PASSWORD_FILE": str(self.folder / "password"),
            "ANSIBLE_LOCALHOST_WARNING": "0",
            "CHAT_URL": self.chat.url,
            "CLOUDFLARE_WEBHOOK_SECRET": SECRET,
            **self.emulator.environment(),
        }

    def start(self) -> None:
        command = [str(BIN / "ansible-rulebook"), *blocks("console")[1].replace("print.yml", "rulebook.yml").split()[2:]]
        command += ["--persistence-id", "tests"]  # for feedback
        with open(self.folder / "output", "ab") as stream:
            self.process = subprocess.Popen(command, cwd=self.folder, env=self.environ(), stdin=subprocess.DEVNULL, stdout=stream, stderr=stream)

    def said(self) -> str:
        return (self.folder / "output").read_text(encoding="utf-8", errors="replace")

    def end(self, number: int) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(60)
            self.process = None

    def printed(self) -> Counter[tuple[str, str]]:
        """How often each event was printed."""
        return Counter(re.findall(r"^(\w+): ([\w-]+) \([0-9a-f]{32}\)$", self.said(), re.M))

    def count(self, event: str) -> int:
        """How many events of a type were printed."""
        return sum(count for (kind, dummy), count in self.printed().items() if kind == event)

    def saw_the_last_key(self) -> bool:
        """Whether the last key that was set is the last one that was printed: for a while, nothing is being handed over."""
        printed = re.findall(r"^psk_replaced: [\w-]+ \(([0-9a-f]{32})\)$", self.said(), re.M)
        log = [entry["tunnel_id"] for entry in self.emulator.key_log() if entry["how"] == "set"]
        return bool(printed and log) and printed[-1] == log[-1]

    def rotated(self) -> dict[str, set[str]]:
        """The keys that were set for each tunnel."""
        keys: dict[str, set[str]] = {}
        for entry in self.emulator.key_log():
            if entry["how"] == "set":
                keys.setdefault(entry["tunnel_id"], set()).add(entry["psk"])
        return keys

    def alert(self, secret: str, status: str = "MAGIC_TUNNEL_STATUS_DEGRADED") -> None:
        data = {"tunnel_id": self.ids["branch-1"], "tunnel_name": "branch-1", "new_status": status}
        body = {"alert_type": "magic_tunnel_health_check_event", "account_id": self.emulator.account_id, "ts": 1780315200, "data": data}
        requests.post(f"http://127.0.0.1:{self.port}/cloudflare", json=body, headers={"cf-webhook-auth": secret}, timeout=30).raise_for_status()

    def age(self, name: str, seconds: int) -> None:
        self.emulator.control("PUT", f"tunnels/{self.ids[name]}", {"age_seconds": seconds})


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    chat = Chat()
    with running() as emulator:
        state = emulator.control("GET", "state")
        model = state["ipsec_tunnels"][0]
        names = [f"branch-{number}" for number in range(1, DUE + 1)]
        state["ipsec_tunnels"] = [
            {
                **{name: value for name, value in model.items() if name not in ("psk_metadata", "customer_endpoint", "health_check")},
                "id": NUMBERS.get(number, f"{number:032x}"),
                "name": name,
                "interface_address": f"10.214.0.{2 * number}/31",
                "psk_age_seconds": 86400,
            }
            for number, name in enumerate(names, 1)
        ]
        state["routes"] = []
        emulator.control("PUT", "state", state)
        found = Story(tmp_path_factory.mktemp("events"), emulator, chat)
        found.ids = {item["name"]: item["id"] for item in emulator.call("GET", "ipsec_tunnels").json()["result"]["ipsec_tunnels"]}
        try:
            _happen(found)
            yield found
        finally:
            found.end(signal.SIGKILL)
            chat.server.shutdown()


def _happen(story: Story) -> None:
    emulator = story.emulator
    states = [story.folder / f"state-{number}.json" for number in range(5)]
    story.start()
    until(lambda: sum(path.exists() for path in states) == 4, f"the first looks\n{story.said()}")
    assert not story.printed()
    for name, tunnel_id in story.ids.items():
        emulator.call("PUT", f"ipsec_tunnels/{tunnel_id}", {"description": f"changed by hand: {name}"}).raise_for_status()
    emulator.control("POST", "health", {"tunnel": "branch-2", "state": 0, "age_seconds": 3600})
    emulator.call("DELETE", f"gre_tunnels/{emulator.call('GET', 'gre_tunnels').json()['result']['gre_tunnels'][0]['id']}")
    story.alert("not the secret, but something else", "MAGIC_TUNNEL_STATUS_DOWN")
    story.alert(SECRET)
    for name in story.ids:
        story.age(name, 200 * 86400)
    until(lambda: len(story.chat.lines) >= 2 and (story.folder / "plan.md").exists(), "the other rulebooks")
    until(lambda: story.count("tunnel_changed") >= DUE, "all events")
    # The process is killed while it replaces keys: the others have not even begun.
    until(lambda: len(story.rotated()) >= 3 and story.saw_the_last_key(), "the first keys that are replaced")
    assert len(story.rotated()) < DUE
    story.end(signal.SIGKILL)
    story.start()
    until(lambda: len(story.rotated()) == DUE, "the other keys")
    # What the last rotation has changed is seen, and nothing is due any more.
    until(story.saw_the_last_key, "the last event")
    before = len(emulator.requests())
    until(lambda: len(emulator.requests()) > before + 25, "more looks")
    story.end(signal.SIGTERM)


def test_each_key_that_becomes_due_is_replaced_once(story):
    """Although the process was killed in the middle: what was not replaced by then is replaced by the next one, and nothing is replaced twice."""
    rotated = story.rotated()
    assert sorted(rotated) == sorted(story.ids.values())
    assert [len(keys) for keys in rotated.values()] == [1] * DUE
    saved = subprocess.run(
        [str(BIN / "ansible-vault"), "view", str(story.folder / "keys.yml")], env=story.environ(), capture_output=True, text=True, check=True, timeout=60
    ).stdout
    entries = yaml.safe_load(saved)["cloudflare_magic_ipsec_psks"]
    assert {tunnel_id: {entry["psk"]} for tunnel_id, entry in entries.items()} == rotated
    assert all(story.emulator.keys()[tunnel_id] in keys for tunnel_id, keys in rotated.items())


def test_ten_events_are_each_acted_on_once(story):
    printed = story.printed()
    assert {event: count for event, count in printed.items() if event[0].startswith("tunnel")} == {
        **{("tunnel_changed", name): 1 for name in story.ids},
        ("tunnel_health", "branch-2"): 1,
        ("tunnel_deleted", "vienna-gre-1"): 1,
    }
    # Of a key that is replaced between two looks, nobody knows that it was due. The emulator dates a key anew when it makes it older, and so does a rotation.
    due, replaced = ({name: count for (kind, name), count in printed.items() if kind == event} for event in ("psk_due", "psk_replaced"))
    assert len(due) > 5 and set(due.values()) == {1} and set(replaced) == set(story.ids) and set(replaced.values()) <= {1, 2}


def test_somebody_is_told_once_and_a_stranger_is_not_heard(story):
    assert sorted(story.chat.lines) == ["Tunnel branch-1 is degraded.", "Tunnel branch-2 is down."]
    assert "without the secret of the webhook" in story.said()


def test_what_was_changed_by_hand_is_written_down(story):
    plan = (story.folder / "plan.md").read_text(encoding="utf-8")
    assert "vienna-gre-2" in plan
    assert [request["method"] for request in story.emulator.requests() if "/gre_tunnels" in request["path"]].count("DELETE") == 1


def test_no_secret_is_printed_or_kept_in_clear(story):
    secrets = {SECRET, story.emulator.write_token, *(entry["psk"] for entry in story.emulator.key_log() if entry["psk"])}
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in story.folder.iterdir() if path.is_file()]
    assert [path.name for path in story.folder.iterdir() if path.name.startswith("state-")] and len(secrets) > DUE
    assert [secret for secret in secrets if any(secret in text for text in texts)] == []
    for path in story.folder.glob("state-*.json"):
        assert path.stat().st_mode & 0o777 == 0o600
