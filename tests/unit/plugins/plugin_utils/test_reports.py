# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.cloudflare.magic.plugins.plugin_utils._reports import rotation_table

DAY = 86400


def row(name, psk_age, outcome):
    return {"ipsec_tunnel_id": "0" * 32, "name": name, "psk_age": psk_age, "outcome": outcome}


def test_the_table_of_a_rotation():
    rows = [
        row("a", 45 * DAY, "not_due"),
        row("b", 100 * DAY, "set"),
        row("paris-1", None, "set"),
        row("c\x1b[2J\n", 0, "unapplied"),
        row(None, 7199, "not_tried"),
        row("d", 7200, "validated"),
        row("e", 2 * DAY - 1, "not_due"),
        row("f", 2 * DAY, "not_due"),
        row("g", 5, "staged"),
    ]
    assert rotation_table(rows) == [
        "tunnel        age before  outcome",
        r"c\x1b[2J\n     0 minutes  NOT SET",
        "None         119 minutes  NOT TRIED",
        "b               100 days  new key",
        "paris-1           no key  new key",
        "d                2 hours  would get a new key",
        "a                45 days  not due",
        "e               47 hours  not due",
        "f                 2 days  not due",
    ]


def test_the_table_of_nothing_has_a_head():
    assert rotation_table([]) == ["tunnel    age before  outcome"]


@pytest.mark.parametrize("count", [2000])
def test_the_table_of_a_fleet_reads_each_value_once(count):
    """In a playbook, reading a value of a result may mean that Ansible templates it."""

    class Counted(dict):
        reads = 0

        def __getitem__(self, name):
            Counted.reads += 1
            return super().__getitem__(name)

    lines = rotation_table([Counted(row(f"branch-{number}", number * DAY, "set")) for number in range(count)])
    assert len(lines) == count + 1 and lines[-1] == "branch-1999     1999 days  new key"
    assert Counted.reads <= 4 * count
