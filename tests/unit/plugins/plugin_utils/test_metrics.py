# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The text format of Prometheus: what a collector reads of it, and names that would break it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ansible_collections.cloudflare.magic.plugins.plugin_utils._metrics import metrics

LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\\\|\\")*)"')
SAMPLE = re.compile(rf"(\w+)\{{((?:{LABEL.pattern},?)+)\}} (\S+)")


def key(number, name, psk_age=5, due=False):
    return {"id": f"id-{number}", "name": name, "psk_age": psk_age, "due": due}


def samples(text):
    """Return the value by metric and labels; whatever is no sample has to be a comment of its metric. No series comes twice."""
    found = {}
    told = set()
    for line in text.splitlines():
        if line.startswith("# "):
            told.add(line.split()[2])
            continue
        match = SAMPLE.fullmatch(line)
        assert match and match[1] in told, line
        labels = tuple((name, re.sub(r"\\(.)", r"\1", value)) for name, value in LABEL.findall(match[2]))
        assert (match[1], labels) not in found
        found[match[1], labels] = float(match[match.re.groups])
    return found


def test_what_is_written():
    health: list[dict[str, Any]] = [{"name": "a", "state": "down", "healthy_share": 0.25}, {"name": "of GRE", "state": "unknown", "healthy_share": None}]
    text = metrics(1000, "account", 90, [key(1, "a", 5, True), key(2, "b", None, True)], health)
    account = ("account_id", "account")
    a, b = (account, ("ipsec_tunnel_id", "id-1"), ("tunnel", "a")), (account, ("ipsec_tunnel_id", "id-2"), ("tunnel", "b"))
    found = samples(text)
    assert {name.removeprefix("cloudflare_magic_"): value for (name, labels), value in found.items() if labels == (account,)} == {
        "psk_audit_timestamp_seconds": 1000,
        "ipsec_psk_max_age_seconds": 90,
    }
    assert found["cloudflare_magic_ipsec_psk_age_seconds", a] == 5 and ("cloudflare_magic_ipsec_psk_age_seconds", b) not in found
    assert found["cloudflare_magic_ipsec_psk_due", a] == found["cloudflare_magic_ipsec_psk_due", b] == 1
    states = {labels[1:]: value for (name, labels), value in found.items() if name == "cloudflare_magic_tunnel_health"}
    assert len(states) == 8
    assert {(name[1], state[1]) for (name, state), value in states.items() if value} == {("a", "down"), ("of GRE", "unknown")}
    assert [(labels, value) for (name, labels), value in found.items() if name.endswith("healthy_ratio")] == [((account, ("tunnel", "a")), 0.25)]


def test_nothing_is_told_of_what_there_is_not():
    assert set(samples(metrics(1, "a", 2, [], []))) == {
        (f"cloudflare_magic_{name}_seconds", (("account_id", "a"),)) for name in ("psk_audit_timestamp", "ipsec_psk_max_age")
    }


@pytest.mark.parametrize("name", ['a"b', "a\\", "\\n", 'a"} 1\nforged{b="', "a\nb", "\x1b[2J", "\u202e", "\ud800", "a\u2028b", "{{ 1 / 0 }}", "", "é日本"])
def test_names_that_nobody_should_have(name):
    """The value of a label stays one, has nothing that a terminal obeys, and is text."""
    text = metrics(1, name, 2, [key(1, name)], [{"name": name, "state": "healthy", "healthy_share": 1}])
    text.encode("utf-8")
    assert all(character.isprintable() or character == "\n" for character in text)
    assert len(samples(text)) == 2 + 2 + 4 + 1


def test_no_series_comes_twice():
    """A collector would refuse the whole file. Two names may look alike once they can be shown."""
    health = [{"name": name, "state": state, "healthy_share": 1} for name, state in (("a\n", "down"), ("a\\n", "healthy"))]
    found = samples(metrics(1, "a", 2, [key(1, "a\n", 7), key(1, "a\\n", 8), key(2, "a\n", 9)], health))
    assert sorted(value for (name, dummy), value in found.items() if name.endswith("age_seconds") and "max" not in name) == [7, 9]
    assert [labels[-1][1] for (name, labels), value in found.items() if name.endswith("tunnel_health") and value] == ["down"]
