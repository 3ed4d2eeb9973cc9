# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An account is written down as a design, and the design makes it again: of another account that has nothing, and of the same one without a write."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from hypothesis import given, settings

from ansible_collections.cloudflare.magic.plugins.module_utils._fields import read, told
from ansible_collections.cloudflare.magic.plugins.module_utils._kinds import KINDS as DECLARED
from ansible_collections.cloudflare.magic.plugins.module_utils._tree import KINDS as ALL_KINDS
from ansible_collections.cloudflare.magic.plugins.plugin_utils._design_yaml import as_yaml
from ansible_collections.cloudflare.magic.tests.unit.network.cloud import IN_DESIGN, KINDS, Cloud, seed
from ansible_collections.cloudflare.magic.tests.unit.network.designs import Drawing
from ansible_collections.cloudflare.magic.tests.unit.network.scenes import gre, route, there, tunnel
from ansible_collections.cloudflare.magic.tests.unit.network.test_states import PAIR_SETTINGS, PAIRS, SEEDS, flat

DESCRIPTION = Path(__file__).resolve().parents[2] / "emulator" / "magic-openapi.json"
# What a client may write, and is no part of a design.
WITHOUT = {"psk"}
# What is deprecated, or follows from the inner address.
LEFT_OUT = {"interconnects": {"bgp.as_no", "bgp.cloudflare_endpoint", "bgp.customer_endpoint"}}


def gathered(cloud):
    """Return an account as a design, which has been a file in between."""
    result = cloud.run(None, "gathered")
    assert not result.get("failed") and not result["changed"]
    assert sorted(cloud.lists) == sorted(["ipsec_tunnels", "gre_tunnels", "cf_interconnects", "routes", "sites"]) and cloud.writes == []
    # As Ansible reads it, which knows what is no template.
    read = DataLoader().load(as_yaml(result["gathered"]))
    assert read == result["gathered"]
    return read


def written_fields():
    """Return the fields that Cloudflare's description lets a client write, by kind, with dots for parts."""
    document = json.loads(DESCRIPTION.read_text(encoding="utf-8"))

    def properties(schema):
        while "$ref" in schema:
            schema = document["components"]["schemas"][schema["$ref"].rsplit("/", maxsplit=1)[-1]]
        found = dict(schema.get("properties", {}))
        for word in ("allOf", "anyOf", "oneOf"):
            for part in schema.get(word, ()):
                found.update(properties(part))
        return found

    def names(schema, path=""):
        found: set[str] = set()
        for name, part in properties(schema).items():
            inner = {} if name == "target" else properties(part)
            found |= names(part, f"{path}{name}.") if inner else {f"{path}{name}"}
        return found

    def body(path, method):
        return document["paths"]["/accounts/{account_id}/magic/" + path][method]["requestBody"]["content"]["application/json"]["schema"]

    return {
        "ipsec_tunnels": names(body("ipsec_tunnels", "post")),
        "gre_tunnels": names(body("gre_tunnels", "post")),
        "interconnects": names(body("cf_interconnects/{cf_interconnect_id}", "put")),
        "routes": names(body("routes", "post")),
    }


def test_a_design_has_every_field_that_can_be_written():
    for kind in DECLARED:
        own = {
            name if not field.parts else f"{name}.{part}"
            for name, field in kind.fields.items()
            for part, inner in (field.parts or {"": field}).items()
            if not inner.stands_for
        }
        assert own == written_fields()[kind.several] - WITHOUT - LEFT_OUT.get(kind.several, set()), kind.several


def test_round_trips():
    seen: dict[str, Counter[str]] = {kind: Counter() for kind in KINDS}

    # A trip is as long as two pairs.
    @settings(PAIR_SETTINGS, max_examples=PAIRS // 8)
    @given(SEEDS)
    def trips(number):
        drawing = Drawing(Random(number), "overridden")
        things = [thing for thing in drawing.account() if thing["nexthop"] != "10.99.0.1"]
        account = {kind: [{"id": thing.id, **thing.seeded()} for thing in things if thing.kind == kind] for kind in KINDS}
        cloud = Cloud(seed(drawing.settings, {"magic_wan_subscribed": drawing.wan}, **account))
        start = cloud.export()
        design = gathered(cloud)
        for kind in KINDS:
            seen[kind].update(name for item in design[IN_DESIGN[kind]] for name in flat(item))
            assert len(design[IN_DESIGN[kind]]) == len(account[kind])
        # Of the same account: nothing but one list of each kind.
        same = cloud.run(design, "overridden", max_deletions=0)
        assert (same.get("failed"), same["changed"], same["changes"], cloud.writes) == (None, False, [], [])
        assert max(Counter(cloud.lists).values(), default=0) <= 1
        assert cloud.export() == start
        # Of an empty account. Cloudflare alone creates interconnects.
        bare = [{name: item[name] for name in ("id", "name", "interface_address")} for item in account["interconnects"]]
        for index, item in enumerate(bare):
            item["interface_address"] = f"172.16.0.{2 * index}/31"
        cloud.replace(seed(drawing.settings, {"magic_wan_subscribed": bool(number % 2)}, interconnects=bare))
        made = cloud.run(design, "overridden", max_deletions=0)
        assert not made.get("failed"), made["msg"]
        assert gathered(cloud) == design
        assert made["after"] == design

    trips()  # pylint: disable=no-value-for-parameter # hypothesis gives it
    for kind, fields in written_fields().items():
        # Those that every object has are in every design; the others must have been drawn, too.
        assert fields - WITHOUT - LEFT_OUT.get(kind, set()) - {"health_check.source"} <= set(seen[kind]), kind


def test_objects_of_one_name_are_told_apart():
    """Cloudflare had such accounts, or has them: what a name does not find, an id does."""
    account = {
        "ipsec_tunnels": there(tunnel(1), {**tunnel(2), "name": "site-1"}, tunnel(3)),
        "gre_tunnels": there({**gre(4), "name": "site-3"}),
        "routes": there(
            route(1), route(1, priority=200), route(1, scope={"colo_names": ["den01"]}), route(1, scope={"colo_names": ["den01"], "colo_regions": ["WEUR"]})
        ),
    }
    cloud = Cloud(seed({"one_name_space": False}, **account))
    design = gathered(cloud)
    assert [item.get("ipsec_tunnel_id") for item in design["ipsec_tunnels"]] == [f"{1:032x}", f"{2:032x}", None]
    assert [item for item in design["static_routes"] if "static_route_id" in item] == []
    for state in ("merged", "replaced", "overridden"):
        assert cloud.run(design, state, max_deletions=0)["changes"] == []
        assert cloud.writes == []


def test_it_is_sorted_and_says_no_more_than_it_has_to():
    account = {
        "ipsec_tunnels": there(tunnel(2), tunnel(10), tunnel(1)),
        "routes": there(route(2), route(10), route(1), route(1, priority=20), route(1, priority=9)),
    }
    design = gathered(Cloud(seed(**account)))
    assert [item["name"] for item in design["ipsec_tunnels"]] == ["site-1", "site-10", "site-2"]
    assert [item["priority"] for item in design["static_routes"] if item["prefix"] == "10.1.0.0/16"] == [9, 20, 100]
    assert list(design["ipsec_tunnels"][0]) == ["name", "cloudflare_endpoint", "customer_endpoint", "interface_address", "health_check"]
    assert design["ipsec_tunnels"][0]["health_check"] == {"direction": "bidirectional"}


@pytest.mark.parametrize("kinds", [["ipsec_tunnels"], ["static_routes"], ["gre_tunnels", "interconnects"]])
def test_only_what_is_asked_for_is_read(kinds):
    cloud = Cloud(seed(ipsec_tunnels=there(tunnel(1)), routes=there(route(1))))
    found = cloud.run(dict.fromkeys(kinds, []), "gathered")
    assert set(found["gathered"]) == set(kinds) and found["requests"] == len(cloud.lists) == len(kinds) + 1  # and the sites, for their connectors


EMPTY: tuple[Any, ...] = ("", 0, False, [], {})


def every_field(fields, path=()):
    """Yield the path of each field, and the field."""
    for name, one in fields.items():
        yield (*path, name), one
        yield from every_field(one.parts, (*path, name))


@pytest.mark.parametrize("kind", ALL_KINDS, ids=lambda kind: kind.several)
def test_an_empty_value_that_an_option_cannot_have_is_not_in_a_design(kind):
    """Servers return such values where there is none: a design with them would be rejected."""
    for path, one in every_field(kind.fields):
        for value in EMPTY:
            now: Any = value
            for name in reversed(path):
                now = {name: now}
            item: Any = told(kind.fields, now)
            dummy, problems = read(kind.fields, item)
            for name in path:
                item = item.get(name, {})
            chosen = one.spec.get("choices", [item])
            assert problems == [] and (item == {} or item in chosen), (path, value, item, problems)
