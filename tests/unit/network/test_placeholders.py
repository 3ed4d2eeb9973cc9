# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a design creates has no id until it is created. What stands for the id is not confused with texts, and is no longer seen once there is an id."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests

from ansible_collections.cloudflare.magic.tests.unit.network.cloud import Cloud, seed
from ansible_collections.cloudflare.magic.tests.unit.network.scenes import tunnel

LANS = [{"name": "office", "physport": 2}, {"name": "printers", "physport": 3}]
ACL = {"name": "printing", "lan_1": {"lan": "office"}, "lan_2": {"lan": "printers"}}
# Each kind of reference, in one design.
WHOLE: dict[str, Any] = {
    "bgp_filter_profiles": [{"name": "branches", "match_action": "allow", "targets": ["10.0.0.0/8"]}],
    "apps": [{"name": "payroll", "type": "Business"}],
    "connectors": [{"serial_number": "MC-1"}, {"serial_number": "MC-2"}],
    "ipsec_tunnels": [tunnel(1, bgp={"customer_asn": 65010, "import_filter": "branches"})],
    "redundancy_groups": [{"name": "group", "members": {"ipsec_tunnels": ["site-1"]}}],
    "cf1_sites": [{"name": "lyon", "ramps": [{"ipsec_tunnel": "site-1"}]}],
    "sites": [
        {
            "name": "lyon",
            "ha_mode": True,
            "connector": "MC-1",
            "secondary_connector": "MC-2",
            "lans": [
                {
                    **lan,
                    "static_addressing": {
                        "address": f"192.168.{number}.1/24",
                        "secondary_address": f"192.168.{number}.2/24",
                        "virtual_address": f"192.168.{number}.3/24",
                    },
                }
                for number, lan in enumerate(LANS)
            ],
            "wans": [{"name": "fiber", "physport": 1}],
            "acls": [ACL],
            "app_configs": [{"app": "payroll", "breakout": True, "preferred_wans": ["fiber"]}],
        }
    ],
}
WRITES = 14


def bare() -> Cloud:
    return Cloud({**seed(), "bgp_filter_profiles": []})


def done(cloud: Cloud, config: Any, state: str = "merged", **options: Any) -> Any:
    result = cloud.run(config, state, **options)
    assert not result.get("failed"), result["msg"]
    return result


PLACES = ["(new: sites[0])", "(new: sites[1])", "(new: ipsec_tunnels[0])", "(new: connectors[0])", "(new: sites[0].lans[0])"]


@pytest.mark.parametrize("text", PLACES)
def test_a_text_that_looks_like_a_placeholder_is_a_text(text):
    cloud = bare()
    config = {
        "ipsec_tunnels": [tunnel(1, description=text), tunnel(2)],
        "connectors": [{"serial_number": "MC-1", "notes": text}, {"serial_number": text}],
        "sites": [
            {"name": "lyon", "connector": "MC-1", "description": text, "lans": LANS, "acls": [{**ACL, "description": text}]},
            {"name": text, "connector": text, "lans": [{"name": text, "physport": 2}, LANS[1]], "acls": [{**ACL, "name": text, "lan_1": {"lan": text}}]},
        ],
    }
    dry, made = done(cloud, config, check=True), done(cloud, config)
    assert dry["after"]["sites"] == made["after"]["sites"] and dry["changes"] == made["changes"]
    assert not done(cloud, config)["changed"] and not done(cloud, made["after"], "overridden")["changed"]
    has = {kind: [item for item in cloud.export()[kind] if text in json.dumps(item)] for kind in ("ipsec_tunnels", "connectors", "sites", "lans", "acls")}
    assert {kind: len(items) for kind, items in has.items()} == {"ipsec_tunnels": 1, "connectors": 2, "sites": 2, "lans": 1, "acls": 2}
    named = next(site for site in has["sites"] if site["name"] == text)
    assert named["connector_id"] == next(item["id"] for item in has["connectors"] if item["device"]["serial_number"] == text)
    # It is neither an id of what the same design creates.
    refused = bare().run({"connectors": [{"serial_number": "MC-1"}], "sites": [{"name": "lyon", "connector_id": "(new: connectors[0])"}]})
    assert "connector_id: there is no connector with the id '(new: connectors[0])'" in refused["msg"]


def test_an_existing_name_that_looks_like_a_placeholder_means_the_existing_object():
    cloud = bare()
    done(cloud, {"connectors": [{"serial_number": "(new: connectors[0])"}]})
    config = {"connectors": [{"serial_number": "MC-9"}], "sites": [{"name": "lyon", "connector": "(new: connectors[0])"}]}
    done(cloud, config)
    [site], connectors = cloud.export()["sites"], cloud.export()["connectors"]
    assert site["connector_id"] == connectors[0]["id"] and not done(cloud, config)["changed"]


def test_what_is_shown_is_plain_text():
    dry = done(bare(), WHOLE, check=True)

    def types_in(value):
        if isinstance(value, (dict, list)):
            return {kind for item in (value.values() if isinstance(value, dict) else value) for kind in types_in(item)}
        return {type(value)}

    assert types_in(dry) == {str, int, bool} and "(new: connectors[0])" in json.dumps(dry["changes"]) and len(dry["changes"]) == WRITES


@pytest.mark.parametrize("number", range(WRITES))
@pytest.mark.parametrize("arrives", [True, False])
def test_after_a_lost_answer_nothing_is_said_that_is_not_true(arrives, number):
    """What refers to an object whose answer was lost is sent with the id that was read then, and is as it was sent."""
    cloud, count = bare(), iter(range(1000))

    def between(request, forward):
        if not request.is_write or next(count) != number:
            return forward()
        if arrives:
            forward()
        raise requests.ConnectionError("lost")

    cloud.between = between
    made = done(cloud, WHOLE)
    assert [warning for warning in made["warnings"] if "no pre-shared key" not in warning] == []
    assert not done(cloud, WHOLE)["changed"]
