# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A playbook that rotates keys into a file is killed at random instants: the file is whole, says nothing untrue, and the next run repairs it.

CRASH_INSTANTS=200 kills 200 playbooks instead of a sample. CRASH_SEED=... chooses other instants.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest
import yaml

from ansible_collections.cloudflare.magic.tests.integration.support.vault_site import VARIABLE, Site, fill, rotate, until

INSTANTS = int(os.environ.get("CRASH_INSTANTS") or 6)
SEED = int(os.environ.get("CRASH_SEED") or 20261123)
# Each playbook rotates this many keys, one after the other, into one file.
LOOP = 3
# How many files one undisturbed run repairs.
BATCH = 40
FOREIGN = "# Do not touch.\nsite_contact: noc\n"

# How an instant is chosen. Whatever the machine is busy with, each phase has its share.
#   start: within the time that the first request takes to come in an undisturbed run
#   sent: after a request has come in, whose answer is held back, before or after it takes effect
#   answered: within the time that saving takes, after an answer has gone out
#   saved: within what remains of an undisturbed run, after one of the keys is saved, often the last one
KINDS = ("start", "sent", "answered", "saved", "answered")


def descendants(pid: int) -> list[int]:
    """The processes below this one."""
    found = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in path.read_text(encoding="ascii").split():
                found += [int(child), *descendants(int(child))]
    return found


def kill(process: subprocess.Popen) -> bool:
    """Kill a playbook and its workers, which have process groups and sessions of their own from ansible-core 2.19 on. Tell whether it was still running."""
    os.killpg(process.pid, signal.SIGSTOP)  # it cannot start another one now
    below = descendants(process.pid)
    running = process.poll() is None
    for pid in below:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return running


class Instant:
    """One playbook that gets killed: its folder, its tunnels, and what to look for."""

    def __init__(self, number: int, site: Site, tunnels: list[dict]) -> None:
        self.number = number
        self.dice = random.Random(SEED + number)
        self.site = site
        self.emulator = site.emulator
        self.kind = KINDS[number % len(KINDS)]
        self.ids = [tunnel["id"] for tunnel in tunnels]
        self.at_start = {tunnel["id"]: tunnel["psk"] for tunnel in tunnels if "psk" in tunnel}
        self.folder = site.folder / f"v{number}"
        self.folder.mkdir()
        self.path = self.folder / "keys.yml"
        self.relative = f"v{number}/keys.yml"
        self.has_file = self.dice.random() < 0.7
        if self.has_file:
            entries = {tunnel_id: {"psk": psk, "name": None} for tunnel_id, psk in self.at_start.items()}
            site.encrypt(self.relative, FOREIGN + yaml.safe_dump({VARIABLE: entries}))
            self.path.chmod(self.dice.choice([0o600, 0o640]))
        # A file keeps its mode, and a new one is private.
        self.mode = self.path.stat().st_mode & 0o777 if self.has_file else 0o600

    def tasks(self) -> list[dict]:
        return [rotate(file=self.relative, ipsec_tunnel_id="{{ item }}", set_fact=False, keywords={"loop": self.ids})]

    def start(self, more: list[dict] | None = None) -> subprocess.Popen:
        command = [*self.site.playbook([*self.tasks(), *(more or [])]), "--vault-id", "prod@password"]
        return subprocess.Popen(
            command,
            cwd=self.site.folder,
            env=self.site.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def came_in(self) -> bool:
        return len(self.emulator.requests()) > 0

    def saved(self, version: list[int]) -> bool:
        """Tell whether the file is another one than when this was asked before."""
        with contextlib.suppress(FileNotFoundError):
            found = os.stat(self.path)
            if [found.st_ino, found.st_mtime_ns] != version:
                version[:] = [found.st_ino, found.st_mtime_ns]
                return True
        return False

    def answered(self, count: int) -> bool:
        return len([request for request in self.emulator.requests() if request["status"] is not None]) >= count

    def run(self, durations: dict[str, float]) -> bool:
        """Start the playbook, kill it, and tell whether that was before its end."""
        which = self.dice.randrange(LOOP)
        when, hold = self.dice.choice(["before", "after"]), 0.05 + 0.3 * self.dice.random()
        delay = self.dice.random()
        if self.kind == "saved" and self.dice.random() < 0.5 or self.number == KINDS.index("saved"):
            which = LOOP - 1
        self.emulator.clear_requests()
        if self.kind == "sent":
            self.emulator.fault(kind="slow", when=when, seconds=hold, path=self.ids[which])
        version: list[int] = []
        self.saved(version)
        # A playbook does not end with its keys.
        process = self.start([{"ansible.builtin.pause": {"seconds": 30}}])

        def over() -> bool:
            return process.poll() is not None

        if self.kind == "start":
            time.sleep(delay * durations["start"])
        elif self.kind == "sent":
            until(lambda: over() or len(self.emulator.requests()) > which, 0.02)
            time.sleep(delay * hold)
        elif self.kind == "answered":
            until(lambda: over() or self.answered(which + 1), 0.002)
            time.sleep(delay * durations["save"])
        else:
            for dummy in range(which + 1):
                until(lambda: over() or self.saved(version), 0.0005)
            time.sleep(delay * durations["rest"] * (LOOP - which) / LOOP)
        running = kill(process)
        # A request whose sender is gone takes effect all the same.
        until(lambda: all(request["status"] is not None for request in self.emulator.requests()))
        self.emulator.clear_faults()
        # Killed at any instant, that is also before its request.
        self.emulator.forget_unmet()
        return running

    def check(self) -> tuple[str, dict[str, str]]:
        """Check what the killed playbook has left behind. Return the phase in which it died, and the file's keys."""
        in_force = self.emulator.keys()
        ever = {tunnel_id: [psk] for tunnel_id, psk in self.at_start.items()}
        for entry in self.emulator.key_log():
            ever.setdefault(entry["tunnel_id"], []).append(entry["psk"])
        assert set(os.listdir(self.folder)) <= {"keys.yml", ".keys.yml.lock", ".keys.yml.new"}
        keys: dict[str, str] = {}
        if self.path.exists():
            entries = self.site.entries(self.relative)
            keys = {tunnel_id: entry["psk"] for tunnel_id, entry in entries.items() if "psk" in entry}
            for tunnel_id, entry in entries.items():
                if "psk" not in entry:
                    assert entry["replacing_since"] and not (self.has_file and tunnel_id in self.at_start)
                    continue
                assert entry["psk"] in ever[tunnel_id]
                assert entry["psk"] == in_force[tunnel_id] or entry["replacing_since"]
                assert entry.get("previous_psk") in [None, *ever[tunnel_id]]
                assert entry.get("previous_psk") != entry["psk"]
            assert self.path.stat().st_mode & 0o777 == self.mode
        if self.has_file:
            assert FOREIGN in self.site.text(self.relative)
            assert set(keys) >= set(self.at_start)
        else:
            assert self.path.exists() or not keys
        generated = {psk for tunnel_id in self.ids for psk in ever.get(tunnel_id, [])[1 if tunnel_id in self.at_start else 0 :]}
        for file in self.folder.iterdir():
            data = file.read_bytes()
            assert not [psk for psk in generated if psk.encode() in data]
        asked = [request["path"].split("/")[-2] for request in self.emulator.requests()]
        if not asked:
            return "before", keys
        # The time between the request and the rename, or after it.
        return "between" if any(in_force[tunnel_id] != keys.get(tunnel_id) for tunnel_id in asked) else "after", keys

    def check_healed(self, keys: dict[str, str]) -> None:
        """Check the file after an undisturbed run; ``keys`` is what it held before that."""
        in_force = self.emulator.keys()
        entries = self.site.entries(self.relative)
        assert set(entries) == {*self.ids, *keys}
        for tunnel_id in self.ids:
            assert entries[tunnel_id]["psk"] == in_force[tunnel_id]
            assert entries[tunnel_id].get("previous_psk") == keys.get(tunnel_id)
        assert FOREIGN in self.site.text(self.relative) or not self.has_file
        assert sorted(os.listdir(self.folder)) == [".keys.yml.lock", "keys.yml"]
        assert self.path.stat().st_mode & 0o777 == self.mode


def measured(instant: Instant) -> dict[str, float]:
    """Durations of an undisturbed run: until the first request, of saving one key, and from the first key that is saved to the end."""
    instant.emulator.clear_requests()
    version: list[int] = []
    instant.saved(version)
    began = time.monotonic()
    process = instant.start()
    until(instant.came_in, 0.005)
    first = time.monotonic()
    until(lambda: instant.saved(version), 0.0005)
    saved = time.monotonic()
    assert process.wait() == 0
    ended = time.monotonic()
    return {"start": first - began, "save": saved - first, "rest": ended - saved}


@pytest.fixture
def site(tmp_path: Path, emulator):
    return Site(tmp_path / "site", emulator)


@pytest.mark.cores("one")
@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="finds the processes to kill in /proc")
def test_killed_at_any_instant(site):
    tunnels = fill(site.emulator, LOOP * (INSTANTS + 1))
    instants = [Instant(number, site, tunnels[number * LOOP : (number + 1) * LOOP]) for number in range(INSTANTS + 1)]
    undisturbed = instants.pop()
    durations = measured(undisturbed)
    assert undisturbed.check()[0] == "after"

    phases: Counter[str] = Counter()
    left: list[tuple[Instant, dict[str, str]]] = []
    for number, instant in enumerate(instants):
        running = instant.run(durations)
        phase, keys = instant.check()
        phases[phase if running else "too late"] += 1
        left.append((instant, keys))
        if len(left) == BATCH or number == INSTANTS - 1:
            # One playbook for all of them: no lock and no file that a killed one left behind is in the way.
            site.play([task for one, dummy in left for task in one.tasks()])
            for one, before in left:
                one.check_healed(before)
            left = []
    print(f"\n{INSTANTS} playbooks killed, by phase: {dict(phases)}, seed {SEED}")
    assert sum(phases.values()) == INSTANTS
    # A sample meets at least two of them, on a machine of any speed; hundreds meet all.
    assert len(set(phases) & {"before", "between", "after"}) >= (3 if INSTANTS >= 100 else 2)
