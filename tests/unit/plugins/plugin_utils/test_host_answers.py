# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The health of tunnels as variables of hosts: what a cache may give, and what a host gets."""

from __future__ import annotations

import pytest

from ansible_collections.cloudflare.magic.plugins.plugin_utils._host_answers import Rules, is_usable, variables_of
from ansible_collections.cloudflare.magic.plugins.plugin_utils._hosts import Answer, Item, cached

RULES = Rules(300, 0.9)
UNTIL = "2026-03-01T12:00:00Z"
KEPT = {"window": 300, "min_healthy_share": 0.9, "checked_until": UNTIL, "tunnels": {"a": ["down", 0], "b": ["unknown", None], "c": ["healthy", 1.0]}}
TUNNELS = [Item("ipsec_tunnel", {"id": name, "name": name}) for name in "abc"]


def test_variables():
    found = {name: variables_of(KEPT, Item("gre_tunnel", {"id": "1", "name": name})) for name in ("a", "b", "", "another")}
    assert found["a"] == {"tunnel_health": "down", "tunnel_health_share": 0, "tunnel_health_checked_until": UNTIL}
    assert {found[name]["tunnel_health"] for name in ("b", "", "another")} == {"unknown"}
    assert variables_of(None, TUNNELS[0]) == {}
    # A site may have the name of a tunnel.
    assert variables_of(KEPT, Item("site", {"id": "1", "name": "a"})) == {}


def test_a_cache_keeps_it():
    answer = Answer("account", "https://cloudflare.example", items={"ipsec_tunnel": {}, "gre_tunnel": {}}, health=KEPT)
    again = cached(answer.content(), None, None, ["ipsec_tunnel"])
    assert again is not None and is_usable(again.health, RULES, TUNNELS)
    assert is_usable({**KEPT, "tunnels": {}}, RULES, [Item("site", {"id": "1", "name": "z"}), Item("ipsec_tunnel", {"id": "1"})]), (
        "one without a name has no health"
    )


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        [],
        {},
        {**KEPT, "window": 60},
        {**KEPT, "min_healthy_share": 0.5},
        {**KEPT, "checked_until": None},
        {**KEPT, "checked_until": "{{ 1 / 0 }}"},
        {**KEPT, "checked_until": UNTIL + "\n"},
        {**KEPT, "tunnels": ["a", "b", "c"]},
        *[
            {**KEPT, "tunnels": {**KEPT["tunnels"], "a": pair}}  # type: ignore[dict-item]
            for pair in (None, "down", ["down"], ["down", None], ["down", 2], ["down", "0"], ["down", True], ["{{ 1 }}", 0], [[], 0], ["unknown", 0])
        ],
        {**KEPT, "tunnels": {"a": ["down", 0]}},
    ],
)
def test_a_cache_with_something_else_is_none(wrong):
    assert not is_usable(wrong, RULES, TUNNELS)
