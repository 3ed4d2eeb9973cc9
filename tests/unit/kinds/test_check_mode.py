# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Check mode rejects what Cloudflare would reject because of other objects, and takes into account what the earlier tasks of a run would have changed."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.cloudflare.magic.plugins.module_utils._cf1_kinds import CF1_SITE
from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._kinds import BGP_FILTER_PROFILE, INTERCONNECT
from ansible_collections.cloudflare.magic.plugins.module_utils._other_kinds import MNM_CONFIG, MNM_RULE
from ansible_collections.cloudflare.magic.plugins.module_utils._site_kinds import (
    APP,
    CONNECTOR,
    SITE,
    SITE_ACL,
    SITE_APP_CONFIG,
    SITE_LAN,
    SITE_NETFLOW,
    SITE_WAN,
)
from ansible_collections.cloudflare.magic.tests.emulator.seed import default_seed
from ansible_collections.cloudflare.magic.tests.unit.kinds.test_scenarios import run, sent
from ansible_collections.cloudflare.magic.tests.unit.network.cloud import Cloud, seed

Task = tuple[t.Any, dict[str, t.Any]]

APP_CONFIG = {"site": "lyon", "app": "payroll", "breakout": True, "preferred_wans": ["fiber"]}
THERE: list[Task] = [
    (CONNECTOR, {"serial_number": "MC-1"}),
    (CONNECTOR, {"serial_number": "MC-2"}),
    (SITE, {"name": "lyon", "connector": "MC-1"}),
    (SITE, {"name": "nice", "ha_mode": True, "connector": "MC-2"}),
    (SITE_LAN, {"site": "lyon", "name": "office", "physport": 2}),
    (SITE_LAN, {"site": "lyon", "name": "printers", "physport": 3}),
    (SITE_WAN, {"site": "lyon", "name": "fiber", "physport": 1}),
    (SITE_ACL, {"site": "lyon", "name": "printing", "lan_1": {"lan": "office"}, "lan_2": {"lan": "printers"}}),
    (APP, {"name": "payroll", "type": "Business"}),
    (SITE_APP_CONFIG, APP_CONFIG),
    (SITE_NETFLOW, {"site": "nice", "collector_ip": "192.0.2.1"}),
]


ADDRESSES = [{"address": "192.0.2.1/24"}, {"address": "192.0.2.1/24", "secondary_address": "192.0.2.2/24", "virtual_address": "192.0.2.3/24"}]
WAN_ADDRESSES = [
    {"address": "198.51.100.2/24", "gateway_address": "198.51.100.1"},
    {"address": "198.51.100.2/24", "gateway_address": "198.51.100.1", "secondary_address": "198.51.100.3/24"},
]
RULE = {"name": "flood", "type": "threshold", "automatic_advertisement": False, "prefixes": ["203.0.113.0/24"], "bandwidth_threshold": 1}


def absent(kind: t.Any, **keys: t.Any) -> Task:
    return kind, {**keys, "state": "absent"}


# A task, what check mode says, how many lists it reads more than a real run, and the tasks that make way for it.
REJECTED: dict[str, tuple[Task, str, int, list[Task]]] = {
    "a LAN that an ACL refers to": (
        absent(SITE_LAN, site="lyon", name="office"),
        "The LAN 'office' is in use, so it cannot be deleted, and nothing was changed. It is used by: ACL printing. First change lan_1.lan there, or delete",
        1,
        [absent(SITE_ACL, site="lyon", name="printing")],
    ),
    "a WAN that an app prefers": (
        absent(SITE_WAN, site="lyon", name="fiber"),
        "It is used by: app configuration ",
        1,
        [(SITE_APP_CONFIG, {**APP_CONFIG, "preferred_wans": []})],
    ),
    "a connector of a site": (
        absent(CONNECTOR, serial_number="MC-1"),
        "The connector 'MC-1' is in use, so it cannot be deleted, and nothing was changed. It is used by: site lyon. First change connector there",
        1,
        [(SITE, {"name": "lyon", "connector": ""})],
    ),
    "a site with LANs": (
        absent(SITE, name="lyon"),
        "The site 'lyon' contains objects, so it cannot be deleted, and nothing was changed. It contains: LAN office, printers. First delete these objects.",
        1,
        [
            absent(SITE_APP_CONFIG, site="lyon", app="payroll"),
            absent(SITE_ACL, site="lyon", name="printing"),
            absent(SITE_LAN, site="lyon", name="office"),
            absent(SITE_LAN, site="lyon", name="printers"),
            absent(SITE_WAN, site="lyon", name="fiber"),
        ],
    ),
    "a connector of another site": (
        (SITE, {"name": "nice", "secondary_connector": "MC-1"}),
        "is also used by the site 'lyon', and nothing was changed. Only one of them can use it: first remove it from the other site.",
        0,
        [(SITE, {"name": "lyon", "connector": ""})],
    ),
    "a connector of another site for a new one": (
        (SITE, {"name": "paris", "connector": "MC-2"}),
        "is also used by the site 'nice'",
        0,
        [absent(SITE, name="nice")],
    ),
    "a rule without a configuration": (
        (MNM_RULE, RULE),
        "Without a configuration of network monitoring, Cloudflare accepts no rule of network monitoring, and nothing was changed. First create the",
        1,
        [(MNM_CONFIG, {"name": "Example", "default_sampling": 1})],
    ),
    "a LAN of two connectors without all addresses": (
        (SITE_LAN, {"site": "nice", "name": "lab", "static_addressing": ADDRESSES[0]}),
        "static_addressing: secondary_address and virtual_address is missing, which a LAN of a site with ha_mode: true needs.",
        0,
        [absent(SITE, name="nice"), (SITE, {"name": "nice"})],
    ),
    "a LAN between two connectors where there is one": (
        (SITE_LAN, {"site": "lyon", "name": "lab", "ha_link": True}),
        "ha_link: only a LAN of a site with ha_mode: true can have it. Leave it out.",
        0,
        [],
    ),
    "a WAN of two connectors without the second address": (
        (SITE_WAN, {"site": "nice", "name": "lte", "physport": 5, "static_addressing": WAN_ADDRESSES[0]}),
        "static_addressing: secondary_address is missing, which a WAN of a site with ha_mode: true needs.",
        0,
        [absent(SITE, name="nice"), (SITE, {"name": "nice"})],
    ),
    "a WAN with a second address for one connector": (
        (SITE_WAN, {"site": "lyon", "name": "fiber", "static_addressing": WAN_ADDRESSES[1]}),
        "static_addressing.secondary_address: only a WAN of a site with ha_mode: true has one. Leave it out.",
        0,
        [],
    ),
}


@pytest.fixture(name="cloud")
def _cloud() -> Cloud:
    made = Cloud(seed(interconnects=default_seed()["interconnects"]))
    for kind, chosen in THERE:
        run(made, kind, chosen)
    return made


@pytest.mark.parametrize("task, words, more, way", REJECTED.values(), ids=REJECTED)
def test_check_mode_rejects_what_a_real_run_cannot_do(cloud, task, words, more, way):
    kind, chosen = task
    with pytest.raises(MagicError):
        run(cloud, kind, chosen)
    lists = len(cloud.lists)
    assert len(sent(cloud)) == 1
    with pytest.raises(MagicError) as caught:
        run(cloud, kind, chosen, True)
    assert words in str(caught.value) and sent(cloud) == [] and len(cloud.lists) == lists + more
    if not way:
        return
    # Tasks of the same run that make way do so in check mode, too, and then neither run rejects it.
    before = cloud.export()
    foreseen: list[t.Any] = []
    for one, options in (*way, task):
        assert run(cloud, one, options, True, foreseen)["changed"] and sent(cloud) == []
    assert cloud.export() == before
    for one, options in (*way, task):
        assert run(cloud, one, options)["changed"]


def test_what_contains_only_what_goes_with_it_can_be_deleted(cloud):
    for check_mode in (True, False):
        assert run(cloud, *absent(SITE, name="nice"), check_mode)["changed"]


def test_a_name_that_only_one_can_have_is_not_given_twice(cloud):
    run(cloud, MNM_CONFIG, {"name": "Example", "default_sampling": 1})
    for kind, new in ((MNM_RULE, RULE), (CF1_SITE, {"name": "flood"})):
        run(cloud, kind, new)
        other = run(cloud, kind, {**new, "name": "other"})[kind.result]["id"]
        for check_mode in (True, False):
            with pytest.raises(MagicError, match="is also used by the|must be unique|has the same name"):
                run(cloud, kind, {kind.id_option: other, "name": "flood"}, check_mode)
        for check_mode in (True, False):
            assert run(cloud, kind, {kind.id_option: other, "name": "third"}, check_mode)["changed"]


def test_what_does_not_fit_already_can_be_changed_otherwise(cloud):
    """Only what a task changes is blamed on it."""
    state = cloud.export()
    nice = next(site["id"] for site in state["sites"] if site["name"] == "nice")
    state["lans"].append({**state["lans"][0], "id": "e" * 32, "site_id": nice, "name": "old", "ha_link": False})
    cloud.replace(state)
    assert run(cloud, SITE_LAN, {"site": "nice", "name": "old", "vlan_tag": 8}, True)["changed"]
    with pytest.raises(MagicError, match="virtual_address is missing"):
        run(cloud, SITE_LAN, {"site": "nice", "name": "old", "static_addressing": ADDRESSES[0]}, True)
    assert run(cloud, SITE_LAN, {"site": "nice", "name": "old", "static_addressing": ADDRESSES[1]}, True)["changed"]


def test_a_site_keeps_its_connector(cloud):
    for check_mode in (True, False):
        assert run(cloud, SITE, {"name": "lyon", "connector": "MC-1", "description": "x"}, check_mode)["changed"]


def test_check_mode_builds_on_what_earlier_tasks_would_change_and_delete(cloud):
    foreseen: list[t.Any] = []
    site_id = run(cloud, SITE, {"name": "lyon"})["site"]["id"]
    tasks: list[Task] = [
        (SITE, {"site_id": site_id, "name": "lyon-2"}),
        (SITE_LAN, {"site": "lyon-2", "name": "office", "vlan_tag": 7}),
        absent(SITE_ACL, site="lyon-2", name="printing"),
        absent(SITE_NETFLOW, site="nice"),
        (SITE_NETFLOW, {"site": "nice", "collector_ip": "192.0.2.2"}),
        (SITE_NETFLOW, {"site": "nice", "collector_ip": "192.0.2.3"}),
        (MNM_CONFIG, {"name": "Example", "default_sampling": 1}),
        absent(MNM_CONFIG),
    ]
    before = cloud.export()
    for check_mode in (True, False):
        for kind, chosen in tasks:
            assert run(cloud, kind, chosen, check_mode, foreseen)["changed"], chosen
            assert not run(cloud, kind, chosen, check_mode, foreseen)["changed"], chosen
        with pytest.raises(MagicError, match="there is no site 'lyon'"):
            run(cloud, SITE_LAN, {"site": "lyon", "name": "office"}, check_mode, foreseen)
        assert (cloud.export() == before) is check_mode


def test_an_id_of_an_object_that_an_earlier_task_would_create_is_one(cloud):
    foreseen: list[t.Any] = []
    new = run(cloud, SITE, {"name": "a/b"}, True, foreseen)["site"]["id"]
    assert run(cloud, SITE, {"site_id": new, "description": "x"}, True, foreseen)["site"]["name"] == "a/b"
    assert run(cloud, *absent(SITE, site_id=new), True, foreseen)["changed"] and not run(cloud, *absent(SITE, site_id=new), True, foreseen)["changed"]


def test_a_text_that_looks_like_an_id_of_check_mode_is_a_text(cloud):
    """What refers to a new object cannot be validated; what has its id in a text can be."""
    foreseen: list[t.Any] = []
    new = run(cloud, BGP_FILTER_PROFILE, {"name": "b", "match_action": "allow", "targets": ["10.0.0.0/8"]}, True, foreseen)["bgp_filter_profile"]["id"]
    assert new == "(new: bgp_filter_profiles b)"
    assert run(cloud, INTERCONNECT, {"name": "frankfurt-1", "description": new}, True, foreseen)["validated"] is True
    assert run(cloud, INTERCONNECT, {"name": "frankfurt-1", "bgp": {"customer_asn": 65030, "import_filter_id": new}}, True, foreseen)["validated"] is False
    # An existing site of that name is read like any other.
    run(cloud, SITE, {"name": "(new: sites paris)"})
    run(cloud, SITE_LAN, {"site": "(new: sites paris)", "name": "lab"})
    run(cloud, SITE, {"name": "rome"}, True, foreseen)
    assert not run(cloud, SITE_LAN, {"site": "(new: sites paris)", "name": "lab"}, True, foreseen)["changed"]


def test_a_diff_names_what_an_object_belongs_to(cloud):
    lan = {"name": "lab", "physport": 5}
    for site in ("lyon", "nice"):
        address = {"address": "192.0.2.1/24", "secondary_address": "192.0.2.2/24", "virtual_address": "192.0.2.3/24"} if site == "nice" else {}
        chosen = {"site": site, **lan, **({"static_addressing": address} if address else {})}
        for change in ({}, {"vlan_tag": 9}, {"state": "absent"}):
            dry, done = (run(cloud, SITE_LAN, {**chosen, **change}, check_mode)["diff"] for check_mode in (True, False))
            assert dry == done and done["before_header"] == done["after_header"] == f"LAN {site}/lab"
    assert run(cloud, SITE_NETFLOW, {"site": "nice", "collector_port": 9})["diff"]["after_header"] == "NetFlow configuration nice"
    assert set(run(cloud, SITE, {"name": "nice", "description": "x"})["diff"]) == {"before", "after"}
    assert set(run(cloud, *absent(SITE_LAN, site="nice", name="lab"))["diff"]) == {"before", "after"}
