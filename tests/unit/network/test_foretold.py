# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a plan says before anything is sent: what Cloudflare would reject, what an empty list deletes, whose a LAN is, and what connectors may have created."""

from __future__ import annotations

import json
import typing as t

import pytest

from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._kinds import BGP_FILTER_PROFILE
from ansible_collections.cloudflare.magic.plugins.module_utils._site_kinds import CONNECTOR, SITE, SITE_ACL, SITE_LAN, SITE_NETFLOW
from ansible_collections.cloudflare.magic.tests.unit.kinds.test_scenarios import run
from ansible_collections.cloudflare.magic.tests.unit.network.cloud import Cloud, Reply, seed
from ansible_collections.cloudflare.magic.tests.unit.network.scenes import tunnel
from ansible_collections.cloudflare.magic.tests.unit.network.test_sites import ACLS, LANS, LYON, done, names, with_sites

Json = dict[str, t.Any]

NICE: Json = {"name": "nice", "lans": LANS, "wans": [{"name": "lte", "physport": 5}], "acls": ACLS, "netflow_config": {"collector_ip": "192.0.2.1"}}
MANY = {"max_deletions": 6}


@pytest.fixture(name="cloud")
def _cloud():
    made = Cloud({**seed(), "bgp_filter_profiles": []})
    done(made, {"connectors": [{"serial_number": "MC-1"}], **with_sites(LYON, NICE)})
    return made


def refused(cloud, config, state, check=True, **options):
    result = cloud.run(config, state, check, **options)
    assert result["failed"] and cloud.writes == []
    return result["msg"]


# --- empty lists


@pytest.mark.parametrize(
    "name, gone, words",
    [
        ("acls", 1, "the list is empty, so all 1 would be deleted: lyon/printing. If"),
        ("wans", 1, "the list is empty, so all 1 would be deleted: lyon/fiber. If"),
        ("lans", 2, "the list is empty, so all 2 would be deleted: lyon/office, lyon/printers. If"),
    ],
)
def test_an_empty_list_of_one_site_is_one_although_another_site_has_entries(cloud, name, gone, words):
    lyon = {**LYON, **({"acls": []} if name == "lans" else {}), name: []}
    for check in (True, False):
        for config in (with_sites(lyon, NICE), with_sites(NICE, lyon)):
            msg = refused(cloud, config, "overridden", check)
            place = f"sites[{config['sites'].index(lyon)}].{name}"
            assert f"{place}: {words}" in msg and f"set max_deletions to more than 5; if not, leave {name} out of the site." in msg
            assert "nice" not in msg
    config = with_sites(lyon, NICE)
    gone += name == "lans"
    assert len(done(cloud, config, "overridden", **MANY)["changes"]) == gone
    # What is empty already deletes nothing.
    assert not done(cloud, config, "overridden")["changed"]


@pytest.mark.parametrize("state", ["merged", "replaced", "deleted"])
def test_an_empty_list_deletes_nothing_in_other_states(cloud, state):
    assert not done(cloud, with_sites({"name": "lyon", "connector": "MC-1", "lans": [], "acls": []}), state)["changed"]


def test_an_empty_dictionary_of_one_site_is_like_an_empty_list(cloud):
    done(cloud, with_sites({**LYON, "netflow_config": {"collector_ip": "192.0.2.2"}}))
    config = with_sites({**LYON, "netflow_config": {"collector_ip": "192.0.2.2"}}, {**NICE, "netflow_config": {}})
    assert "sites[1].netflow_config: the dictionary is empty, so the NetFlow configuration would be deleted. If" in refused(cloud, config, "overridden")
    assert names(done(cloud, config, "overridden", **MANY)) == ["delete site_netflow nice"]


def test_an_empty_list_has_nothing_to_do_with_a_site_that_is_deleted_as_a_whole(cloud):
    done(cloud, with_sites({"name": "paris"}))
    deleted = done(cloud, with_sites(LYON, {"name": "paris", "lans": [], "wans": [], "acls": []}), "overridden", max_deletions=5)
    assert len(names(deleted)) == 5 and all(name.startswith("delete ") and "nice" in name for name in names(deleted))


# --- what Cloudflare would reject


def test_a_plan_rejects_the_deletion_of_what_is_in_use(cloud):
    lan = with_sites({"name": "lyon", "lans": [{"name": "office"}]})
    msg = refused(cloud, lan, "deleted")
    assert "sites[0].lans[0]: The LAN 'office' is in use" in msg and "It is used by: ACL printing. First change lan_1.lan there, or delete" in msg
    real = cloud.run(lan, "deleted")
    assert real["failed"] and "in use" in real["msg"] and len(cloud.writes) == 1
    connector = {"connectors": [{"serial_number": "MC-1"}]}
    assert "It is used by: site lyon. First change connector there" in refused(cloud, connector, "deleted")
    # What the design changes or deletes as well does not count.
    with_acl = with_sites({"name": "lyon", "lans": [{"name": "office"}], "acls": [{"name": "printing"}]})
    other = [*LANS, {"name": "lab", "physport": 4}]
    moved = with_sites({**LYON, "lans": other[1:], "acls": [{**ACLS[0], "lan_1": {"lan": "lab"}}]}, NICE)
    freed = {"connectors": [{"serial_number": "MC-2"}], **with_sites({**LYON, "connector": "MC-2"}, NICE)}
    for config, state in ((with_acl, "deleted"), (moved, "overridden"), (freed, "overridden"), (with_sites({"name": "lyon"}), "deleted")):
        dry = done(cloud, config, state, check=True, keep=[])
        assert any(name.startswith("delete ") for name in names(dry))
        before = cloud.export()
        assert names(done(cloud, config, state, keep=[])) == names(dry)
        cloud.replace(before)


def test_a_connector_of_a_site_that_the_design_does_not_name_is_not_given_to_another_one(cloud):
    for check in (True, False):
        msg = refused(cloud, with_sites({"name": "nice", "connector": "MC-1"}), "merged", check)
        assert "sites[0]: the connector " in msg and "is also used by site lyon (" in msg and "Only one of them can use it." in msg
    assert done(cloud, with_sites({"name": "nice", "connector": "MC-1"}, {"name": "lyon", "connector": ""}))["changed"]


def test_a_plan_rejects_what_does_not_fit_the_site_or_lacks_what_it_needs(cloud):
    lan: Json = {"name": "lab", "physport": 7, "static_addressing": {"address": "192.0.2.1/24"}}
    rule = {"name": "flood", "type": "threshold", "automatic_advertisement": False, "prefixes": ["203.0.113.0/24"], "bandwidth_threshold": 1}
    config = {"mnm_rules": [rule], **with_sites({"name": "paris", "ha_mode": True, "lans": [lan]}, {"name": "nice", "lans": [{**lan, "ha_link": True}]})}
    msg = refused(cloud, config, "merged")
    assert "The design has 3 problems, and nothing was changed." in msg
    for words in (
        "sites[0].lans[0].static_addressing: secondary_address and virtual_address is missing",
        "sites[1].lans[0].ha_link: only a LAN of a site with ha_mode",
        "mnm_rules[0]: Without a configuration of network monitoring,",
    ):
        assert words in msg
    real = cloud.run(config, "merged")
    assert real["failed"] and [entry["outcome"] for entry in real["outcomes"]].count("failed") == 3
    whole = {**lan["static_addressing"], "secondary_address": "192.0.2.2/24", "virtual_address": "192.0.2.3/24"}
    fits = with_sites({"name": "paris", "lans": [{**lan, "static_addressing": whole, "ha_link": True}]}, {"name": "nice", "lans": [lan]})
    right = {"mnm_config": {"name": "Example", "default_sampling": 1}, "mnm_rules": [rule], **fits}
    assert names(done(cloud, right, check=True)) == names(done(cloud, right))


def test_a_name_goes_from_one_to_the_other_in_that_order(cloud):
    done(cloud, {"cf1_sites": [{"name": "a"}, {"name": "b"}]})
    a, b = (site["id"] for site in cloud.export()["cf1_sites"])
    taken = {"cf1_sites": [{"cf1_site_id": a, "name": "b"}]}
    for check in (True, False):
        assert f"the name of a site of Cloudflare One b is also used by site of Cloudflare One b ({b})" in refused(cloud, taken, "merged", check)
    handed_on = {"cf1_sites": [{"cf1_site_id": a, "name": "b"}, {"cf1_site_id": b, "name": "c"}]}
    assert names(done(cloud, handed_on)) == ["update cf1_sites c", "update cf1_sites b"]


def test_what_is_rejected_costs_one_list_for_each_site_that_loses_something(cloud):
    config = with_sites({"name": "lyon", "wans": [{"name": "fiber"}]}, {"name": "nice", "wans": [{"name": "lte"}]})
    assert done(cloud, config, "deleted", check=True)["changed"]
    more = [path.rpartition("/")[2] for path in cloud.lists]
    assert done(cloud, config, "deleted")["changed"]
    less = [path.rpartition("/")[2] for path in cloud.lists]
    assert sorted(more) == sorted([*less, "app_configs", "app_configs"])


# --- whose it is


def test_the_diff_says_whose_a_lan_is(cloud):
    change = {"lans": [{"name": "office", "vlan_tag": 7}]}
    diff = done(cloud, with_sites({"name": "lyon", **change}, {"name": "nice", **change}), check=True)["diff"]
    for side in ("before", "after"):
        assert diff[side].count("- name: office") == 0 and diff[side].count("site: lyon") == diff[side].count("site: nice") == 1, diff[side]
    flows = done(cloud, with_sites({"name": "nice", "netflow_config": {"collector_port": 9}}), check=True)["diff"]
    assert "site_netflow:" in flows["after"] and "site: nice" in flows["after"]
    gone = done(cloud, with_sites({"name": "nice"}), "deleted", check=True)["diff"]
    assert gone["before"].count("site: nice") == 4 and gone["after"].strip() in ("", "{}")


# --- what connectors may have created


def unreadable(cloud, status=403):
    body = json.dumps({"success": False, "errors": [{"code": 10000, "message": "Authentication error"}], "messages": [], "result": None}).encode()
    cloud.between = lambda request, forward: Reply(status, {"Content-Type": "application/json"}, body) if request.path == "sites" else forward()


def test_gathered_says_if_it_cannot_know_what_connectors_created():
    cloud = Cloud(seed())
    unreadable(cloud)
    # Nothing that a connector can have created.
    assert "warnings" not in done(cloud, {"ipsec_tunnels": [], "gre_tunnels": [], "static_routes": []}, "gathered")
    done(cloud, {"ipsec_tunnels": [tunnel(1), tunnel(2)], "static_routes": [{"prefix": "10.1.0.0/16", "nexthop_tunnel": "site-1", "priority": 1}]})
    read = cloud.run(None, "gathered")
    [told] = read["warnings"]
    assert read["keep_candidates"] == []
    for words in (
        "The sites of the account could not be read, so connectors may have created some of the objects that were read:",
        "the IPsec tunnels site-1, site-2 and routes. Give the credential the permission to read sites, or set keep",
        "Set keep: [] if there are none. GET /accounts/",
        "the permission 'Magic WAN Read'",
    ):
        assert words in told, told
    assert "objects that were read: routes. Give" in done(cloud, {"static_routes": []}, "gathered")["warnings"][0]
    assert "objects that were read: the IPsec tunnels site-1, site-2. Give" in done(cloud, {"ipsec_tunnels": []}, "gathered")["warnings"][0]
    # Without such objects, or with keep, nobody asks for the sites.
    cases: list[tuple[Json, Json]] = [({"bgp_filter_profiles": []}, {}), ({"ipsec_tunnels": []}, {"keep": []})]
    for config, options in cases:
        assert "warnings" not in done(cloud, config, "gathered", **options) and "sites" not in cloud.lists
    unreadable(cloud, 500)
    assert cloud.run(None, "gathered")["failed"]


# --- other tasks of the same run in check mode


def test_a_design_and_single_objects_build_on_each_other_in_check_mode():
    """The same tasks as in a real run, which is done afterwards, change the same."""
    cloud = Cloud({**seed(), "bgp_filter_profiles": []})
    apply: t.Any = run
    design: Json = {"connectors": [{"serial_number": "MC-1"}], **with_sites({**LYON, "wans": [{"name": "fiber", "physport": 1}]})}
    flows = {"name": "lyon", "netflow_config": {"collector_ip": "192.0.2.1"}}
    use = [tunnel(1, bgp={"customer_asn": 65010, "import_filter": "branches"})]
    tasks: list[t.Any] = [
        (SITE, {"name": "nice"}),
        {**design, "sites": [*design["sites"], {"name": "nice", "lans": LANS, "acls": ACLS}]},
        (CONNECTOR, {"serial_number": "MC-1", "activated": True}),
        (SITE_LAN, {"site": "lyon", "name": "lab", "physport": 7}),
        with_sites({**flows, "lans": [{"name": "lab", "vlan_tag": 7}], "acls": [{"name": "lab", "lan_1": {"lan": "lab"}, "lan_2": {"lan": "office"}}]}),
        (SITE_NETFLOW, {"site": "lyon", "collector_ip": "192.0.2.2"}),
        (SITE_ACL, {"site": "nice", "name": "printing", "state": "absent"}),
        (SITE_LAN, {"site": "nice", "name": "office", "state": "absent"}),
        (BGP_FILTER_PROFILE, {"name": "branches", "match_action": "allow", "targets": ["10.0.0.0/8"]}),
        {"ipsec_tunnels": use},
        (SITE, {"name": "nice", "connector": "MC-1"}),
        (CONNECTOR, {"serial_number": "MC-1", "state": "absent"}),
    ]
    before = cloud.export()
    seen: dict[bool, list[t.Any]] = {}
    for check in (True, False):
        foreseen: list[t.Any] = []
        for task in tasks:
            for changed in (True, False):
                if isinstance(task, dict):
                    result = done(cloud, task, check=check, foreseen=foreseen)
                    seen.setdefault(check, []).append(sorted(names(result)))
                    # What Cloudflare validates is not foreseen.
                    assert result["changed"] is (changed or (check and "ipsec_tunnels" in task)), task
                    if changed and check and "ipsec_tunnels" in task:
                        assert "refers to an object that an earlier task would create" in result["not_validated"]["ipsec_tunnels[0]"]
                    continue
                try:
                    assert apply(cloud, *task, check, foreseen)["changed"] is changed, task
                except MagicError as error:
                    assert task in tasks[-2:] and ("is also used by" in str(error) or "another site" in str(error) or "in use" in str(error)), task
                assert foreseen == [] or check
        assert (cloud.export() == before) is check
    assert len(seen[True]) == len(seen[False]) and all(dry == real or "create ipsec_tunnels site-1" in dry for dry, real in zip(seen[True], seen[False]))
