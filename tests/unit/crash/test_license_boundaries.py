# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs of connector_license that end at each boundary: no license key is lost, nothing is torn, and the next run does what is left."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.cloudflare.magic.tests.unit.crash.test_boundaries import FOREIGN, A, B, assert_healed, assert_nothing_is_lost, ends
from ansible_collections.cloudflare.magic.tests.unit.crash.world import LicensedWorld

PSKS = "cloudflare_magic_ipsec_psks:\n  x:\n    psk: a-key-of-a-tunnel\n"


def nothing(dummy_world):
    pass


def has_keys(*faults):
    """The file has pre-shared keys, too."""

    def prepare(world):
        world.write(FOREIGN + PSKS)
        world.one(A)
        world.one(B)
        world.cloud.faults = list(faults)

    return prepare


# What there is, and the options of the run that ends. The run that follows asks only for what is missing.
RUNS: dict[str, tuple[t.Callable[[t.Any], None], dict[str, t.Any]]] = {
    "a first key": (nothing, {"rotate": "missing"}),
    "another key": (has_keys(), {}),
    "an answer is lost": (has_keys("lost after"), {}),
    "a request is lost": (has_keys("lost before"), {}),
    "all answers are lost": (has_keys("lost after", "lost after"), {}),
    "it is refused": (has_keys("refused"), {}),
    "one is lost, one refused": (has_keys("lost before", "refused"), {}),
    "there are too many requests": (has_keys("limited"), {}),
}


# In the others, nothing depends on what lists have.
SILENT = ("a first key", "an answer is lost", "a request is lost", "all answers are lost")


@pytest.mark.parametrize("label, reports", [(label, True) for label in RUNS] + [(label, False) for label in SILENT])
def test_each_boundary(tmp_path, monkeypatch, label, reports):
    monkeypatch.setattr(LicensedWorld.ACCOUNT, "reports", reports)
    prepare, options = RUNS[label]
    before = LicensedWorld(tmp_path / "before")
    prepare(before)
    names = []
    for left, name in ends(before, lambda world: world.one(A, **options), tmp_path / "ended"):
        names.append(name)
        world = left.world(tmp_path / "again")
        try:
            assert_nothing_is_lost(world, before)
            assert_healed(world, lambda world: world.one(A, rotate="missing"), [A], before)
            assert PSKS in world.text() or not before.text()
        except AssertionError as error:
            raise AssertionError(f"ended at '{name}'") from error
    assert {"flock", "unlink .keys.yml.new", "write, the second half", "replace .keys.yml.new keys.yml", f"PATCH connectors/{A}", "the end"} <= set(names)


def test_what_cloudflare_reports_is_fixed_without_another_key(tmp_path):
    """A key that another user provisioned, and one whose answer nobody read, are read."""
    world = LicensedWorld(tmp_path / "world")
    has_keys()(world)
    world.cloud.set_key(A, "provisioned-elsewhere")
    assert not world.is_kept(A)
    clock = world.living(lambda: world.one(B), end=None)
    at = clock.names.index(f"PATCH connectors/{B}, the answer")
    world.living(lambda: world.one(B), end=at)
    assert not world.is_settled(B)
    made = len(world.cloud.log)
    assert world.one(A, rotate="missing")["reason"] == "replaced" and world.one(B, rotate="missing")["reason"] == "interrupted"
    assert world.is_settled(A) and world.is_settled(B) and len(world.cloud.log) == made
