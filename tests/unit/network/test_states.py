# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Random pairs of a design and an account: each state does what it promises, once, and check mode says the same before.

A run of ``make test`` tries 1,000 pairs; the environment variable NETWORK_PAIRS says how many else.
"""

from __future__ import annotations

import os
import typing as t
from collections import Counter
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ansible_collections.cloudflare.magic.tests.unit.network.cloud import IN_DESIGN, Cloud, plain
from ansible_collections.cloudflare.magic.tests.unit.network.designs import Drawing

PAIRS = int(os.environ.get("NETWORK_PAIRS", "1000"))
# A case is drawn from one number: to make it smaller, draw smaller accounts.
SEEDS = st.integers(0, 2**64 - 1)
PAIR_SETTINGS = settings(
    max_examples=PAIRS // 4,
    phases=[Phase.generate],
    deadline=None,
    database=None,
    derandomize="NETWORK_PAIRS" not in os.environ,
    suppress_health_check=list(HealthCheck),
)
STATES = ("merged", "replaced", "overridden", "deleted")


def flat(item, path=""):
    """Return the values of an object by their names with dots."""
    found: dict[str, t.Any] = {}
    for name, value in item.items():
        found.update(flat(value, f"{path}{name}.") if isinstance(value, dict) else {f"{path}{name}": value})
    return found


def told(changes):
    return [(change["kind"], change["name"], change["action"], sorted(change["fields"])) for change in changes]


def expected_changes(case):
    """Return kind, action and fields of what has to change."""
    was = {thing.id: thing for thing in case.before}
    will = {thing.id: thing for thing in case.then}
    found: list[tuple[str, str, tuple[str, ...] | None]] = []
    for one in case.before:
        if one.id not in will:
            found.append((IN_DESIGN[one.kind], "delete", None))
    for one in case.then:
        if one.id not in was:
            found.append((IN_DESIGN[one.kind], "create", None))
            continue
        before, after = flat(plain(was[one.id].fields)), flat(plain(one.fields))
        fields = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
        # Whether a target counts depends on the direction, and it is not compared where it does not.
        fields = [name for name in fields if name != "health_check.target"]
        if before != after and (fields or before.get("health_check.direction") == after.get("health_check.direction")):
            found.append((IN_DESIGN[one.kind], "update", tuple(fields)))
    return Counter(found)


def changes_in_brief(changes):
    return Counter(
        (
            change["kind"],
            change["action"],
            tuple(sorted(name for name in change["fields"] if name != "health_check.target")) if change["action"] == "update" else None,
        )
        for change in changes
    )


def told_before(config):
    """Return what can be known before of what there will be: not an id, nor in which direction Cloudflare checks a new tunnel."""
    unknown = {"ipsec_tunnel_id", "gre_tunnel_id", "interconnect_id", "static_route_id", "health_check.direction"}
    return {
        kind: sorted(repr(sorted((name, value) for name, value in flat(item).items() if name not in unknown)) for item in items)
        for kind, items in config.items()
    }


def check(case):
    """Run a case in check mode, for real, and once more."""
    cloud = Cloud(case.data)
    start = cloud.export()

    dry = cloud.run(case.config, case.state, check=True, **case.options)
    assert cloud.writes == []
    assert cloud.export() == start, "check mode has changed something"
    assert all(count == 1 for count in Counter(cloud.lists).values())

    real = cloud.run(case.config, case.state, **case.options)
    assert all(count == 1 for count in Counter(cloud.lists).values())
    if real.get("failed"):
        assert cloud.writes == [], real["msg"]
        assert cloud.export() == start
        assert dry.get("failed") and dry["msg"] == real["msg"]
        assert any(text in real["msg"] for text in case.refusals), (real["msg"], case.refusals)
        return "refused"
    assert not dry.get("failed"), dry["msg"]
    assert told(dry["changes"]) == told(real["changes"])
    assert told_before(dry["after"]) == told_before(real["after"]) and dry["before"] == real["before"]
    for kind, found in cloud.everything().items():
        there, new = case.expected(kind)
        assert {object_id: item for object_id, item in found.items() if object_id in there} == there
        assert sorted(repr(sorted(item.items())) for object_id, item in found.items() if object_id not in there) == new
    assert changes_in_brief(real["changes"]) == expected_changes(case)
    assert real["changed"] == bool(real["changes"])

    settled = cloud.export()
    again = cloud.run(case.config, case.state, **case.options)
    assert not again.get("failed"), again["msg"]
    assert (again["changed"], again["changes"], [str(request) for request in cloud.sent if request.is_write]) == (False, [], [])
    assert again["before"] == again["after"] == real["after"]
    assert cloud.export() == settled
    return "applied" if real["changed"] else "unchanged"


@pytest.mark.parametrize("state", STATES)
def test_pairs(state):
    seen: Counter[str] = Counter()

    @PAIR_SETTINGS
    @given(SEEDS)
    def pairs(number):
        case = Drawing(Random(number), state).case()
        if case is None:
            seen["impossible"] += 1
            return
        seen[check(case)] += 1

    pairs()  # pylint: disable=no-value-for-parameter # hypothesis gives it
    print(state, dict(seen))
    # Were most pairs refused, or nothing to do, this would prove little.
    assert seen["applied"] > 0.55 * sum(seen.values()), seen
