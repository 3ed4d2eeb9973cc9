# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs that end at each of their requests: before it, in it (it took effect, and nobody hears), after it. The next run does what is left, and nothing twice."""

from __future__ import annotations

import itertools

import pytest

from ansible_collections.cloudflare.magic.tests.unit.network.scenes import SCENES, assert_nothing_is_doubled, outcome, undisturbed


class Died(BaseException):
    """The world has ended for this run."""


def ending(cloud, end):
    """Let the world end at a boundary of the run; return the names of those that it passes."""
    names = []

    def step(name):
        names.append(name)
        if len(names) - 1 == end:
            raise Died

    def between(request, forward):
        step(f"before {request}")
        reply = forward()
        step(f"in {request}")
        return reply

    cloud.between = between
    return names


def ends(scene, start, state):
    """Yield an account for each boundary of a run that ended there, with the boundary's name; the last run came to its end."""
    for number in itertools.count():
        cloud = start()
        cloud.replace(state)
        names = ending(cloud, number)
        try:
            scene.run(cloud)
        except Died:
            cloud.between = lambda dummy, forward: forward()
            yield cloud, names[-1]
            continue
        cloud.between = lambda dummy, forward: forward()
        yield cloud, "the end"
        return


def assert_converges(cloud, scene, expected):
    result = scene.run(cloud)
    assert not result.get("failed"), result["msg"]
    assert outcome(cloud, scene) == expected
    again = scene.run(cloud)
    assert (again.get("failed"), again["changes"], cloud.writes) == (None, [], [])


@pytest.mark.parametrize("label", SCENES)
def test_each_boundary(label):
    scene = SCENES[label]
    expected = undisturbed(scene)
    names = []
    for cloud, name in ends(scene, scene.cloud, scene.cloud().export()):
        names.append(name)
        try:
            assert_nothing_is_doubled(cloud)
            assert_converges(cloud, scene, expected)
        except AssertionError as error:
            raise AssertionError(f"ended {name}") from error
    methods = {name.split()[1] for name in names[:-1]}
    assert names[-1] == "the end" and len(names) >= 9
    assert methods >= {"create": {"GET", "POST"}, "override": {"GET", "POST", "PUT", "DELETE"}, "delete": {"GET", "DELETE"}}.get(label, {"GET", "PUT"})


@pytest.mark.parametrize("label", ["create", "another inside", "exchange"])
def test_each_pair_of_boundaries(label):
    """The run that does what is left ends, too, at each of its boundaries."""
    scene = SCENES[label]
    expected = undisturbed(scene)
    seen, pairs = [], 0
    for first, name in ends(scene, scene.cloud, scene.cloud().export()):
        state = first.export()
        if (now := outcome(first, scene)) in seen:
            continue
        seen.append(now)
        for second, other in ends(scene, scene.cloud, state):
            pairs += 1
            if (now := outcome(second, scene)) in seen:
                continue
            seen.append(now)
            try:
                assert_nothing_is_doubled(second)
                assert_converges(second, scene, expected)
            except AssertionError as error:
                raise AssertionError(f"ended {name}, and then {other}") from error
    assert pairs > 10
