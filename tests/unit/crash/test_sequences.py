# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rotations, faults, ends of the world, hands and other runs in any order, and what is true after each.

``make test`` tries 1,000 sequences, and ``make test-all`` 20,000: the environment variable CRASH_SEQUENCES.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import typing as t
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ansible_collections.cloudflare.magic.tests.unit.crash.world import FAST, World

TUNNELS = st.integers(0, 2).map(lambda number: f"{number:032x}")
POLICIES = st.sampled_from([{"rotate": "always"}, {"rotate": "missing"}, {"rotate": "expired", "max_age": "2s"}, {"rotate": "expired", "max_age": "90d"}])
FAULTS = st.lists(st.sampled_from(["", "lost before", "lost after", "refused", "limited"]), max_size=3)
# Where the world ends, or someone else comes in between; most runs get to their end.
BOUNDARIES = st.one_of(st.none(), st.integers(0, 60))
NOTE = "contact: noc\n"


class Sequences(RuleBasedStateMachine):
    """One vault file and one account, and anyone who works with them."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="sequences-", dir=FAST))
        self.world = World(self.folder / "world")
        self.elsewhere: dict[str, str | None] = {}
        """Keys in force that no run of ours has made, by tunnel: nobody can have kept them."""
        self.noted = False

    def teardown(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, run: t.Callable[[], t.Any], faults: list[str], end: int | None, between: t.Callable[[], None] | None, at: int | None) -> None:
        self.world.cloud.faults = list(faults)
        self.world.living(run, end, between, at)
        self.world.cloud.faults = []

    @initialize(empty=st.booleans())
    def start(self, empty: bool) -> None:
        if not empty:
            self.world.fleet()

    @rule(tunnel_id=TUNNELS, policy=POLICIES, faults=FAULTS, end=BOUNDARIES)
    def one(self, tunnel_id: str, policy: dict[str, t.Any], faults: list[str], end: int | None) -> None:
        self._run(lambda: self.world.one(tunnel_id, **policy), faults, end, None, None)

    @rule(tunnel_id=TUNNELS, faults=FAULTS, end=BOUNDARIES)
    def chosen(self, tunnel_id: str, faults: list[str], end: int | None) -> None:
        self._run(lambda: self.world.one(tunnel_id, psk=f"chosen-by-the-user-{len(self.world.cloud.log):08d}"), faults, end, None, None)

    @rule(policy=POLICIES, faults=FAULTS, end=BOUNDARIES, stage=st.booleans(), size=st.integers(1, 3))
    def fleet(self, policy: dict[str, t.Any], faults: list[str], end: int | None, stage: bool, size: int) -> None:
        self._run(lambda: self.world.fleet(**policy, stage=stage, batch_size=size), faults, end, None, None)

    @rule(tunnel_id=TUNNELS, at=st.integers(0, 30), first=st.booleans(), end=BOUNDARIES)
    def two_at_once(self, tunnel_id: str, at: int, first: bool, end: int | None) -> None:
        """Another run starts while one is under way. It gets its turn where the file is free, and else waits; here it gives up, without having asked."""

        def other() -> None:
            held = self.world.locked()
            log = len(self.world.cloud.log)
            clock = self.world.cloud.clock
            self.world.living(lambda: self.world.fleet(rotate="missing") if first else self.world.one(tunnel_id), end)
            self.world.cloud.clock = clock
            assert not held or len(self.world.cloud.log) == log, "a run has asked for keys while another one has the file"

        self._run(lambda: self.world.one(tunnel_id) if first else self.world.fleet(), [], None, other, at)

    @rule(tunnel_id=TUNNELS)
    def somebody_else_rotates(self, tunnel_id: str) -> None:
        self.world.cloud.set_key(tunnel_id, f"made-elsewhere-{len(self.world.cloud.log):08d}")
        self.elsewhere[tunnel_id] = self.world.cloud.in_force[tunnel_id]

    @rule()
    def somebody_edits(self) -> None:
        text = self.world.text()
        if text and not self.noted:
            self.world.write(text + NOTE)
            self.noted = True

    @rule()
    def time_passes(self) -> None:
        self.world.cloud.time += 10 * self.world.SECOND

    @rule()
    def repair(self) -> None:
        """An undisturbed run settles all that ours have begun."""
        settled = {tunnel_id: key for tunnel_id, key in self.world.cloud.in_force.items() if self.world.is_settled(tunnel_id)}
        self.world.fleet(rotate="missing")
        for tunnel_id, key in self.world.cloud.in_force.items():
            assert self.world.is_settled(tunnel_id) or self.elsewhere.get(tunnel_id) == key
            assert tunnel_id not in settled or settled[tunnel_id] == key

    @invariant()
    def no_key_is_lost(self) -> None:
        for tunnel_id, key in self.world.cloud.in_force.items():
            assert self.world.is_kept(tunnel_id) or self.elsewhere.get(tunnel_id) == key, tunnel_id
        assert not self.noted or NOTE in self.world.text()


TestSequences = Sequences.TestCase
TestSequences.settings = settings(
    max_examples=int(os.environ.get("CRASH_SEQUENCES", "1000")),
    stateful_step_count=12,
    deadline=None,
    database=None,
    derandomize="CRASH_SEQUENCES" not in os.environ,
    suppress_health_check=list(HealthCheck),
)
