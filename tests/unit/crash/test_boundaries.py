# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs that end at each boundary, and at each pair of them: no key is lost, nothing is torn, and the next run repairs what is left."""

from __future__ import annotations

import functools
import tempfile
import types
import typing as t
from pathlib import Path
from random import Random

import pytest

from ansible_collections.cloudflare.magic.plugins.module_utils import _psk
from ansible_collections.cloudflare.magic.plugins.plugin_utils import _vault_text
from ansible_collections.cloudflare.magic.tests.unit.crash.world import FAST, START, Left, World

FOREIGN = "---\n# by hand\ncontact: noc # stays\n"
A, B, C = (f"{number:032x}" for number in range(3))
MINE = {A: "chosen-by-the-user-a", B: "chosen-by-the-user-b"}

Step = t.Callable[[World], t.Any]


def nothing(dummy_world):
    pass


def has_keys(world):
    """Every tunnel has a key, the file has it, and something of someone else's."""
    world.write(FOREIGN)
    world.fleet()


def lost(*faults):
    def prepare(world):
        has_keys(world)
        world.cloud.faults = list(faults)

    return prepare


def in_doubt_and_refused(world):
    """A run did not get to know what it has done. The next one is refused, which says nothing of that."""
    lost("lost after", "lost after")(world)
    world.living(lambda: world.one(A))
    assert not world.is_settled(A)
    world.cloud.faults = ["refused"]


def staged(world):
    has_keys(world)
    world.fleet(stage=True)


def staged_and_lost(world):
    staged(world)
    world.cloud.faults = ["lost after"]


# What there is, what the run does that ends, and the tunnels that it is about. The run that follows asks only for what is missing.
ONE: dict[str, tuple[Step, Step, list[str]]] = {
    "a first key": (nothing, lambda world: world.one(A), [A]),
    "another key": (has_keys, lambda world: world.one(A), [A]),
    "a key that is too old": (has_keys, lambda world: world.one(A, rotate="expired", max_age="0s"), [A]),
    "two tunnels": (has_keys, lambda world: (world.one(A), world.one(B)), [A, B]),
    "the user's key": (has_keys, lambda world: world.one(A, psk=MINE[A]), [A]),
    "an answer is lost": (lost("lost after"), lambda world: world.one(A), [A]),
    "a request is lost": (lost("lost before"), lambda world: world.one(A), [A]),
    "it is refused": (lost("refused"), lambda world: world.one(A), [A]),
    "one is lost, one refused": (lost("lost after", "refused"), lambda world: world.one(A), [A]),
    "it is refused after a doubt": (in_doubt_and_refused, lambda world: world.one(A), [A]),
    "there are too many requests": (lost("limited"), lambda world: world.one(A), [A]),
}
FLEET: dict[str, tuple[Step, Step, list[str]]] = {
    "first keys": (nothing, lambda world: world.fleet(), [A, B, C]),
    "other keys": (has_keys, lambda world: world.fleet(), [A, B, C]),
    "the user's keys": (has_keys, lambda world: world.fleet(psks=MINE), [A, B]),
    "an answer is lost": (lost("lost after"), lambda world: world.fleet(), [A, B, C]),
    "all answers are lost": (lost(*["lost after"] * 9), lambda world: world.fleet(), [A, B, C]),
    "a batch is refused": (lost("", "refused", "refused"), lambda world: world.fleet(), [A, B, C]),
    "a fleet's key by itself": (staged, lambda world: world.one(A), [A]),
}
STAGED: dict[str, tuple[Step, Step, list[str]]] = {
    "keys are staged": (has_keys, lambda world: world.fleet(stage=True), [A, B, C]),
    "staged keys are sent": (staged, lambda world: world.fleet(), [A, B, C]),
    "staged keys are staged again": (staged, lambda world: world.fleet(stage=True), [A, B, C]),
    "staged keys are sent, and the answer is lost": (
        staged_and_lost,
        lambda world: world.fleet(),
        [A, B, C],
    ),
}
ALL = {**{f"ipsec_psk: {name}": each for name, each in ONE.items()}, **{f"ipsec_psks: {name}": each for name, each in {**FLEET, **STAGED}.items()}}


def assert_nothing_is_lost(world: World, before: World) -> None:
    """What has to be true whenever a run has ended, however it ended."""
    assert [tunnel_id for tunnel_id in world.cloud.tunnels if not world.is_kept(tunnel_id)] == []
    assert world.text().startswith(before.text() and FOREIGN)
    assert {path.name for path in world.folder.iterdir()} <= {"keys.yml", ".keys.yml.lock", ".keys.yml.new"}
    # The key before a new one stays, for a device that has not got the new one yet.
    key, dummy, previous = world.KEPT.keys
    for tunnel_id, entry in before.entries().items():
        found = world.entries()[tunnel_id]
        assert entry[key] in (found[key], found.get(previous)) or len(world.cloud.log) > len(before.cloud.log) + 1


def assert_healed(world: World, run: Step, tunnels: list[str], before: World) -> None:
    """The next run leaves no doubt, and does not touch what is certain."""
    settled = {tunnel_id: world.cloud.in_force[tunnel_id] for tunnel_id in tunnels if world.is_settled(tunnel_id) and tunnel_id in before.entries()}
    world.cloud.faults = []
    world.living(lambda: run(world))
    assert_nothing_is_lost(world, before)
    assert [tunnel_id for tunnel_id in tunnels if not world.is_settled(tunnel_id)] == []
    assert [tunnel_id for tunnel_id, key in settled.items() if world.cloud.in_force[tunnel_id] != key] == []
    log = list(world.cloud.log)
    world.living(lambda: run(world))
    assert world.cloud.log == log, "a run after that has nothing to do"
    assert {path.name for path in world.folder.iterdir()} <= {"keys.yml", ".keys.yml.lock"}


def repair(label: str, tunnels: list[str]) -> Step:
    """Return the run that follows: with the same module, and only what is missing."""
    if label.startswith("ipsec_psk:"):
        return lambda world: [world.one(tunnel_id, rotate="missing") for tunnel_id in tunnels]
    return lambda world: world.fleet(rotate="missing")


def ends(start: World, run: Step, folder: Path) -> list[tuple[Left, str]]:
    """Return what is left if a run ends at each of its boundaries, with the boundary's name; the last one ran to the end.

    The run is carried out once: what an end at a boundary leaves is what there is at that moment, as a test below shows.
    """
    world = start.copy(folder)
    found: list[tuple[Left, str]] = []
    world.living(functools.partial(run, world), seen=lambda name: found.append((world.left(), name)))
    return [*found, (world.left(), "the end")]


@pytest.fixture(name="folder")
def _folder():
    with tempfile.TemporaryDirectory(prefix="boundaries-", dir=FAST) as folder:
        yield Path(folder)


@pytest.mark.parametrize("label", ALL)
def test_each_boundary(folder, label):
    prepare, run, tunnels = ALL[label]
    before = World(folder / "before")
    prepare(before)
    names = []
    seen = set()
    for number, (left, name) in enumerate(ends(before, run, folder / "ended")):
        names.append(name)
        if (state := left.state()) in seen:
            continue
        seen.add(state)
        world = left.world(folder / "ended")
        try:
            assert_nothing_is_lost(world, before)
            assert_healed(world, repair(label, tunnels), tunnels, before)
        except AssertionError as error:
            raise AssertionError(f"ended at boundary {number}: {name}") from error
    # The kinds of boundaries that have to be among them: were they not, nothing was enumerated.
    wanted = {"flock", "unlink .keys.yml.new", "the end"}
    if "staged again" not in label:
        wanted |= {"write, the second half", "flush", "replace .keys.yml.new keys.yml"}
    assert wanted <= set(names), names
    # What is put in place is on the disk, and so is its name before anything is asked for.
    for number, name in enumerate(names):
        if name.startswith("replace"):
            assert names[number - 1] == "fsync" and "fsync" in names[number + 1 : number + 3], names
    if "staged" not in label or "sent" in label:
        assert any(name.startswith("POST") for name in names)
        assert any(name.endswith("the answer") for name in names) or "request is lost" in label or "refused" in label or "too many" in label


@pytest.mark.parametrize(
    "label", ["ipsec_psk: another key", "ipsec_psk: one is lost, one refused", "ipsec_psks: other keys", "ipsec_psks: staged keys are sent"]
)
def test_an_end_leaves_what_there_is_at_that_moment(folder, label, monkeypatch):
    """A run that really ends at a boundary leaves what was seen there in a run that went on. Keys and times are the same in both."""
    prepare, step, dummy_tunnels = ALL[label]
    monkeypatch.setattr(_vault_text, "datetime", types.SimpleNamespace(now=lambda dummy_zone: START))

    def run(world):
        monkeypatch.setattr(_psk, "secrets", Random(1))
        step(world)

    before = World(folder / "before")
    prepare(before)
    found = ends(before, run, folder / "ended")
    assert len(found) > 20
    for number, (left, name) in enumerate(found):
        world = before.copy(folder / "ended")
        clock = world.living(functools.partial(run, world), end=number)
        assert clock.dead == (name != "the end") and (clock.names[-1] == name or not clock.dead)
        there = world.left()
        assert (there.files, there.cloud.log, there.state()) == (left.files, left.cloud.log, left.state()), name
        # It holds no lock any more.
        assert not world.locked()


@pytest.mark.parametrize("label", [label for label in ALL if label.startswith("ipsec_psk:")] + ["ipsec_psks: other keys", "ipsec_psks: an answer is lost"])
def test_each_pair_of_boundaries(folder, label):
    """The run that repairs ends, too, at each of its boundaries. Equal worlds are looked at once."""
    prepare, run, tunnels = ALL[label]
    before = World(folder / "before")
    prepare(before)
    seen = set()
    pairs = 0
    for first, name in ends(before, run, folder / "first"):
        first.cloud.faults = []
        if (state := first.state()) in seen:
            continue
        seen.add(state)
        for second, other in ends(first.world(folder / "first"), repair(label, tunnels), folder / "second"):
            pairs += 1
            if (state := second.state()) in seen:
                continue
            seen.add(state)
            world = second.world(folder / "second")
            try:
                assert_nothing_is_lost(world, before)
                assert_healed(world, repair(label, tunnels), tunnels, before)
            except AssertionError as error:
                raise AssertionError(f"ended at '{name}', and then at '{other}'") from error
    assert pairs > 30


def test_a_world_that_forgets_would_be_found(folder):
    """The checks above can fail: with a key that someone made elsewhere, and with a mark that is removed."""
    world = World(folder / "world")
    has_keys(world)
    world.cloud.set_key(A, "made-elsewhere")
    assert not world.is_kept(A) and world.is_kept(B)
    with pytest.raises(AssertionError):
        assert_nothing_is_lost(world, world)
