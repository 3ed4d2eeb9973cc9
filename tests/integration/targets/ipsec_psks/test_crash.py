# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Playbooks that are killed at any instant of a run over 60 tunnels: the key in force is always in the file, and the next run fixes the rest.

CRASH_INSTANTS says how many are killed, CRASH_SEED which instants.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from conftest import VARIABLE, Site, fill, rotate, running, until

TUNNELS, BATCH = 60, 10
INSTANTS = int(os.environ.get("CRASH_INSTANTS", "6"))
SEED = int(os.environ.get("CRASH_SEED", "20261123"))
OLD = "the-seeded-key-of-tunnel-"


@pytest.fixture(scope="module")
def slow_emulator():
    """An emulator that takes its time, so that many of the instants are between a request and its answer."""
    with running(rate_limit="1000000000/300", latency=25) as emulator:
        yield emulator


def stat_of(pid: int) -> tuple[str, int]:
    """Return state and parent of a process; state X if there is none."""
    try:
        state, parent = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[:2]
    except (OSError, ValueError):
        return "X", 0
    return state, int(parent)


def family(root: int) -> list[int]:
    """Return a process and all its descendants: from ansible-core 2.20 on, workers are in sessions of their own."""
    parents = {int(name): stat_of(int(name))[1] for name in os.listdir("/proc") if name.isdigit()}
    found = [root]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found


def kill(process: subprocess.Popen) -> None:
    """Stop the whole family at one instant, then kill it."""
    os.kill(process.pid, signal.SIGSTOP)
    known: list[int] = []
    while len(known) < len(found := family(process.pid)):
        known = found
        for pid in known:
            try:
                os.kill(pid, signal.SIGSTOP)
            except ProcessLookupError:
                pass
    for pid in known:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    process.wait()
    until(lambda: all(stat_of(pid)[0] in "XZ" for pid in known))


def sent_keys(emulator) -> list[dict[str, str]]:
    """The keys of each request since the requests were cleared, by tunnel id."""
    return [{entry["id"]: entry["psk"] for entry in json.loads(request["body"])["psks"]} for request in emulator.requests() if request["method"] == "POST"]


class Trial:
    """Runs over one fleet, which are killed until one is left in peace."""

    def __init__(self, folder: Path, emulator, place: str, cipher: bytes) -> None:
        self.emulator = emulator
        fill(emulator, TUNNELS)
        self.site = Site(folder, emulator)
        (self.site.folder / "v" / "keys.yml").write_bytes(cipher)
        tasks = [rotate(rotate="expired", max_age="1d", batch_size=BATCH, vault_file="v/keys.yml")]
        self.command = [*self.site.playbook(tasks, place), "--vault-id", "prod@password"]

    def start(self) -> subprocess.Popen:
        self.emulator.clear_requests()
        with (self.site.folder / "screen").open("wb") as screen:
            return subprocess.Popen(
                self.command, cwd=self.site.folder, env=self.site.environment(), stdin=subprocess.DEVNULL, stdout=screen, stderr=subprocess.STDOUT
            )

    def check_run(self, before: dict[str, dict]) -> None:
        """Check what a run has sent: pending keys first and as they were, and nothing that was confirmed."""
        batches = sent_keys(self.emulator)
        sent = {tunnel_id: key for batch in batches for tunnel_id, key in batch.items()}
        assert sum(map(len, batches)) == len(sent), "a key was sent twice in one run"
        pending = {tunnel_id: entry["pending_psk"] for tunnel_id, entry in before.items() if "pending_psk" in entry}
        confirmed = {tunnel_id for tunnel_id, entry in before.items() if "pending_psk" not in entry and not entry["psk"].startswith(OLD)}
        assert confirmed.isdisjoint(sent)
        first = dict(list(sent.items())[: len(pending)])
        assert first.items() <= pending.items()

    def check_file(self) -> dict[str, dict]:
        """Check that the file has the key in force of every tunnel, and return its entries."""
        in_force = self.emulator.keys()
        entries = self.site.entries()
        assert set(entries) <= set(in_force)
        assert [i for i, key in in_force.items() if key is not None and key not in (entries.get(i, {}).get("psk"), entries.get(i, {}).get("pending_psk"))] == []
        return entries


@pytest.fixture(scope="module")
def cipher(slow_emulator, tmp_path_factory):
    """The file before: with the keys of the tunnels that have one."""
    site = Site(tmp_path_factory.mktemp("before"), slow_emulator)
    entries = "".join(f"  '{tunnel['id']}':\n    psk: {tunnel['psk']}\n" for tunnel in fill(slow_emulator, TUNNELS) if "psk" in tunnel)
    site.encrypt("v/keys.yml", f"# Ours.\n{VARIABLE}:\n{entries}")
    return (site.folder / "v" / "keys.yml").read_bytes()


def test_killed_at_any_instant(slow_emulator, cipher, tmp_path):
    emulator = slow_emulator
    chance = random.Random(SEED)
    killed = trials = in_the_middle = pending_seen = 0
    while killed < INSTANTS:
        trials += 1
        place = "there" if trials % 6 == 0 else "here"
        trial = Trial(tmp_path / f"trial{trials}", emulator, place, cipher)
        entries = trial.check_file()
        for dummy in range(chance.randint(1, 3)):
            process = trial.start()
            # Mostly from the first request on. In the first tenth of the trials, at any instant since the start.
            requests, pause = (0, chance.uniform(0, 2)) if chance.random() < 0.1 else (chance.randint(1, 6), chance.uniform(0, 0.06))
            until(lambda wanted=requests, running=process: len(emulator.requests()) >= wanted or running.poll() is not None, pause=0.01)
            time.sleep(pause)
            if process.poll() is not None:
                # It was faster.
                assert process.returncode == 0, (trial.site.folder / "screen").read_text(encoding="utf-8")
            else:
                kill(process)
                killed += 1
            trial.check_run(entries)
            logged = len(emulator.key_log())
            unchanged = (trial.site.folder / "v" / "keys.yml").read_bytes() == cipher
            entries = trial.check_file()
            assert not (unchanged and logged), "a key was set that was not saved before"
            in_the_middle += bool(0 < logged < TUNNELS)
            pending_seen += any("pending_psk" in entry for entry in entries.values())
        process = trial.start()
        assert process.wait() == 0, (trial.site.folder / "screen").read_text(encoding="utf-8")
        trial.check_run(entries)
        entries = trial.check_file()
        assert {tunnel_id: entry["psk"] for tunnel_id, entry in entries.items()} == emulator.keys()
        assert not any("pending_psk" in entry for entry in entries.values())
        assert not any(key.startswith(OLD) for key in emulator.keys().values())
        assert trial.site.text().startswith("# Ours.\n")
        assert trial.site.files() == [".keys.yml.lock", "keys.yml"]
        shutil.rmtree(trial.site.folder)
    print(f"{killed} runs killed in {trials} trials, {in_the_middle} of them with some of the keys set, {pending_seen} with pending keys")
    assert in_the_middle, "none of the instants was in the middle of a run"
    assert pending_seen, "none of the instants was between a key saved and a key confirmed"
    assert emulator.violations() == []
