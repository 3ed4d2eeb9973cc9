# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sites as trees, with what they refer to, in one design with tunnels: created, changed, read as a design, and deleted, in an order that Cloudflare takes."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
import requests

from ansible_collections.cloudflare.magic.plugins.module_utils._steps import Step
from ansible_collections.cloudflare.magic.tests.emulator.seed import ACCOUNT_ID, default_seed
from ansible_collections.cloudflare.magic.tests.unit.network.cloud import Cloud, Reply, seed
from ansible_collections.cloudflare.magic.tests.unit.network.scenes import tunnel

LANS = [
    {"name": "office", "physport": 2, "vlan_tag": 20, "static_addressing": {"address": "192.168.20.1/24"}},
    {"name": "printers", "physport": 2, "vlan_tag": 30, "static_addressing": {"address": "192.168.30.1/24"}},
]
ACLS = [{"name": "printing", "lan_1": {"lan": "office"}, "lan_2": {"lan": "printers", "ports": [631]}, "protocols": ["tcp"]}]
DESIGN: dict[str, Any] = {
    "bgp_filter_profiles": [{"name": "branches", "match_action": "allow", "targets": ["10.0.0.0/8{16,24}"]}],
    "ipsec_tunnels": [tunnel(1, bgp={"customer_asn": 65010, "import_filter": "branches"})],
    "connectors": [{"serial_number": "MC-1", "notes": "Lyon"}],
    "sites": [
        {"name": "lyon", "connector": "MC-1", "lans": LANS, "wans": [{"name": "fiber", "physport": 1, "priority": 1}], "acls": ACLS},
        {"name": "nice", "lans": LANS[:1], "wans": None},
    ],
}
MANY = {"max_deletions": 30}


def bare():
    """Return an account that has nothing."""
    return Cloud({**seed(), "bgp_filter_profiles": []})


@pytest.fixture(name="cloud")
def _cloud():
    return bare()


def done(cloud, config=None, state="merged", **options):
    result = cloud.run(copy.deepcopy(config or DESIGN), state, **options)
    assert not result.get("failed"), result["msg"]
    return result


def names(result):
    return [f"{change['action']} {change['kind']} {change['name']}" for change in result["changes"]]


def with_sites(*sites):
    return {"sites": list(sites)}


LYON = DESIGN["sites"][0]


def test_a_tree_is_created_in_one_run(cloud):
    dry = done(cloud, check=True)
    assert dry["changed"] and cloud.writes == [] and not [request for request in cloud.sent if request.is_write]
    assert "sites[0].acls[0]" in dry["not_validated"] and "cannot validate" in dry["not_validated"]["sites[0]"]
    made = done(cloud)
    assert sorted(names(dry)) == sorted(names(made)) and made["changes"] == dry["changes"]
    assert "create site_acls lyon/printing" in names(made) and len(cloud.writes) == 10
    assert made["before"] == {kind: [] for kind in DESIGN}
    assert made["after"]["sites"] == dry["after"]["sites"]
    lyon = made["after"]["sites"][0]
    assert (lyon["connector"], lyon["acls"][0]["lan_1"]) == ("MC-1", {"lan": "office"})
    again = done(cloud)
    assert not again["changed"] and again["before"] == again["after"] == made["after"]
    assert cloud.writes == [] and len(cloud.sent) == again["requests"] == 4 + 4  # what the design lists: four kinds, three of Lyon and one of Nice


def test_what_is_read_makes_the_same_again(cloud):
    done(cloud)
    found = cloud.run({"sites": [], "connectors": [], "bgp_filter_profiles": []}, "gathered")["gathered"]
    assert len(cloud.lists) == 3 + 2 * 5
    assert not done(cloud, found, "overridden")["changed"]
    empty = bare()
    done(empty, found)
    assert empty.run({"sites": [], "connectors": [], "bgp_filter_profiles": []}, "gathered")["gathered"] == found
    # Without a design, what was read before sites were known is read.
    assert list(empty.run(None, "gathered")["gathered"]) == ["ipsec_tunnels", "gre_tunnels", "interconnects", "static_routes"]


def test_an_app_of_the_same_design_gets_out_over_a_new_wan(cloud):
    site = {"name": "lyon", "wans": [{"name": "lte", "physport": 5}], "app_configs": [{"app": "payroll", "breakout": True, "preferred_wans": ["lte"]}]}
    config = {"apps": [{"name": "payroll", "type": "Business"}], "sites": [site]}
    made = done(cloud, config)
    assert [change["action"] for change in made["changes"]] == ["create"] * 4 and made["after"]["sites"][0]["app_configs"] == site["app_configs"]
    assert not done(cloud, config)["changed"] and not done(cloud, made["after"], "overridden")["changed"]
    gone = done(cloud, {"sites": [{"name": "lyon"}], "apps": [{"name": "payroll"}]}, "deleted")
    assert [change["kind"] for change in gone["changes"]] == ["site_app_configs", "site_wans", "sites", "apps"]


def test_what_is_identified_by_another_object_has_its_name(cloud):
    """Two for apps of Cloudflare are no two of one name, and in a design with the state deleted the name is enough, also of one that there is no more."""
    data = cloud.export()
    managed = [{"managed_app_id": f"{number:032x}", "name": name, "type": "Video", "account_id": ACCOUNT_ID} for number, name in enumerate(("zoom", "meet"), 1)]
    cloud.replace({**data, "apps": managed})
    configs = [{"managed_app": "zoom", "breakout": True}, {"app": "payroll", "priority": 1}, {"managed_app": "meet", "breakout": True}]
    config = {"apps": [{"name": "payroll", "type": "Business"}], "sites": [{"name": "lyon", "app_configs": configs}]}
    made = done(cloud, config)
    assert [name for name in names(made) if "app_configs" in name] == [f"create site_app_configs lyon/{name}" for name in ("zoom", "payroll", "meet")]
    assert made["after"]["sites"][0]["app_configs"] == [configs[2], configs[0], configs[1]]
    assert cloud.run({"sites": [], "apps": []}, "gathered")["gathered"]["sites"][0]["app_configs"] == made["after"]["sites"][0]["app_configs"]
    assert not done(cloud, made["after"], "overridden")["changed"]
    kept = done(cloud, {"sites": [{"name": "lyon", "app_configs": []}]}, "overridden", keep=["zoo*", "payroll"], **MANY)
    assert names(kept) == ["delete site_app_configs lyon/meet"]
    gone = {"sites": [{"name": "lyon", "app_configs": [{"managed_app": "zoom"}, {"app": "games"}, {"managed_app": "meet"}]}]}
    assert names(done(cloud, gone, "deleted")) == ["delete site_app_configs lyon/zoom"] and not done(cloud, gone, "deleted")["changed"]


def test_only_what_differs_changes(cloud):
    done(cloud)
    changed = done(cloud, with_sites({"name": "lyon", "description": "x", "lans": [{"name": "office", "vlan_tag": 21}]}))
    assert names(changed) == ["update sites lyon", "update site_lans lyon/office"]
    assert [request.body for request in cloud.writes] == [{"description": "x"}, {"vlan_tag": 21}]
    assert changed["changes"][1]["fields"] == {"vlan_tag": {"before": 20, "after": 21}}
    # Of sites that the design does not name, nothing is read; the connectors are, for their names.
    assert len(cloud.lists) == 3


def test_a_new_lan_is_named_by_an_acl_of_the_same_design(cloud):
    done(cloud)
    lab = {"name": "lab", "physport": 3}
    acl = {"name": "lab", "lan_1": {"lan": "lab"}, "lan_2": {"lan": "office"}}
    assert names(done(cloud, with_sites({"name": "lyon", "lans": [lab], "acls": [acl]}))) == ["create site_lans lyon/lab", "create site_acls lyon/lab"]


def test_overridden_deletes_what_a_site_lists_and_does_not_name(cloud):
    done(cloud)
    config = {**DESIGN, "sites": [{**LYON, "lans": LANS, "acls": []}, DESIGN["sites"][1]]}
    refused = cloud.run(config, "overridden")
    assert "acls: the list is empty" in refused["msg"] and "leave acls out of the site." in refused["msg"] and cloud.writes == []
    assert names(done(cloud, config, "overridden", **MANY)) == ["delete site_acls lyon/printing"]
    # Lists that are not there are left alone; whole sites go with all that they have, from the inside.
    gone = done(cloud, with_sites({"name": "lyon", "connector": "MC-1"}), "overridden", **MANY)
    assert names(gone) == ["delete site_lans nice/office", "delete sites nice"]
    refused = cloud.run(with_sites(), "overridden")
    assert refused["failed"] and "the list is empty" in refused["msg"] and cloud.writes == []


def test_deleted_follows_the_order_of_references(cloud):
    done(cloud)
    lans = done(cloud, with_sites({"name": "nice", "lans": [{"name": "office"}]}), "deleted")
    assert names(lans) == ["delete site_lans nice/office"]
    config = {
        "sites": [{"name": "lyon"}, {"name": "nice"}],
        "connectors": [{"serial_number": "MC-1"}],
        "ipsec_tunnels": [{"name": "site-1"}],
        "bgp_filter_profiles": [{"name": "branches"}],
    }
    gone = names(done(cloud, config, "deleted", **MANY))
    assert gone[0] == "delete site_acls lyon/printing" and gone[-1] == "delete bgp_filter_profiles branches" and len(gone) == 9
    assert not done(cloud, config, "deleted", **MANY)["changed"]


def test_a_connector_moves_to_another_site(cloud):
    done(cloud)
    moved = with_sites({"name": "lyon", "connector": ""}, {"name": "nice", "connector": "MC-1"})
    assert names(done(cloud, moved)) == ["update sites lyon", "update sites nice"]


def test_what_only_one_can_have_goes_from_one_to_the_other_in_that_order(cloud):
    done(cloud, {"connectors": [{"serial_number": "MC-1"}, {"serial_number": "MC-2"}], "sites": [{**LYON, "acls": []}, {"name": "nice"}]})
    # The one that takes comes first in the design.
    config = with_sites({"name": "arles", "connector": "MC-1"}, {"name": "lyon", "connector": ""})
    assert names(done(cloud, config)) == ["update sites lyon", "create sites arles"]
    lans = [{"name": "office", "vlan_tag": 30}, {"name": "printers", "vlan_tag": 40}]
    assert names(done(cloud, with_sites({"name": "lyon", "lans": lans}))) == ["update site_lans lyon/printers", "update site_lans lyon/office"]
    done(cloud, with_sites({"name": "nice", "connector": "MC-2"}))
    for config, state, words in (
        (with_sites({"name": "arles", "connector": "MC-2"}, {"name": "nice", "connector": "MC-1"}), "merged", "each needs a value that another one still uses"),
        (
            with_sites({"name": "arles", "connector": ""}, *({"name": name, "connector": "MC-1"} for name in ("lyon", "nice"))),
            "merged",
            "Only one of them can use it",
        ),
        (with_sites({"name": "lyon", "lans": [lans[1], {"name": "new", "physport": 2, "vlan_tag": 30}]}), "overridden", "Delete it first"),
    ):
        for check in (True, False):
            refused = cloud.run(config, state, check, keep=[], **MANY)
            assert words in refused["msg"] and cloud.writes == [], refused["msg"]


def test_the_work_grows_with_the_sites_and_not_faster(monkeypatch):
    looked_at = []
    plain = vars(Step)["token"].fget

    def counted(step):
        looked_at.append(step)
        return plain(step)

    monkeypatch.setattr(Step, "token", property(counted))
    counts = []
    for number in (4, 16):
        looked_at.clear()
        done(bare(), with_sites(*({"name": f"site-{which}", "lans": LANS, "acls": ACLS} for which in range(number))))
        counts.append(len(looked_at))
    assert counts[1] <= 4 * counts[0], counts


# Of Cloudflare's, for five minutes.
RATE_LIMIT = 1200


def test_how_many_requests_sites_cost(cloud):
    """One for the sites, and one for each list of a site that the design has: what 500 sites with LANs and WANs need fits into five minutes."""
    wan = {"name": "fiber", "physport": 1}
    sites = [{"name": f"site-{number}", "lans": LANS, "wans": [wan]} for number in range(25)]
    done(cloud, with_sites(*sites))
    again = done(cloud, with_sites(*sites))
    assert not again["changed"] and again["requests"] == len(cloud.sent) == len(cloud.lists) == 1 + 2 * len(sites) and RATE_LIMIT > 1 + 2 * 500
    assert {path.rpartition("/")[2] for path in cloud.lists} == {"sites", "lans", "wans"}
    # What is not named costs nothing, unless it is to go.
    assert done(cloud, with_sites(sites[0], *({"name": site["name"]} for site in sites[1:])))["requests"] == 1 + 2
    gone = done(cloud, with_sites(*({"name": site["name"]} for site in sites[1:])), "overridden", **MANY)
    assert [path.rpartition("/")[2] for path in cloud.lists] == ["sites", "lans", "wans", "acls", "app_configs"]
    assert len(gone["changes"]) == 1 + 2 + 1
    # One that is created is not asked for its lists.
    assert done(cloud, with_sites({"name": "new", "lans": LANS}))["requests"] == 1 + 1 + len(LANS)


def test_what_connectors_create_is_not_deleted_unless_somebody_asks(cloud):
    data = cloud.export()
    cloud.replace({**data, "settings": {**data["settings"], "connectors_make_tunnels": True}})
    lans = [{**LANS[0], "vlan_tag": 0}]
    site = {"name": "lyon", "connector": "MC-1", "wans": [{"name": "fiber", "physport": 1}], "lans": lans}
    config = {"connectors": [{"serial_number": "MC-1", "activated": True}], "sites": [site], "ipsec_tunnels": [tunnel(1)], "static_routes": []}
    done(cloud, config)
    read = cloud.run({"ipsec_tunnels": [], "gre_tunnels": []}, "gathered")
    assert [item["name"] for item in read["gathered"]["ipsec_tunnels"]] == ["lyon-fiber", "site-1"] and read["requests"] == 2 + 1
    # A guess, by the name; with the sites also by the routes for their LANs.
    assert read["keep_candidates"] == ["lyon-fiber"] and "sites with connectors (lyon)" in read["warnings"][0] and "lyon-fiber. Check" in read["warnings"][0]
    whole = cloud.export()
    cloud.replace({**whole, "ipsec_tunnels": [{**item, "name": item["name"].replace("lyon-", "")} for item in whole["ipsec_tunnels"]]})
    assert cloud.run(None, "gathered")["keep_candidates"] == []
    everything = dict.fromkeys(("sites", "ipsec_tunnels", "static_routes"))
    assert cloud.run(everything, "gathered")["keep_candidates"] == ["fiber"]
    cloud.replace(whole)
    # What is kept is left out, with its routes, and what is left is a design that changes nothing.
    own = cloud.run(dict.fromkeys(config), "gathered", keep=["lyon-*"])
    assert [item["name"] for item in own["gathered"]["ipsec_tunnels"]] == ["site-1"] and own["gathered"]["static_routes"] == []
    assert not {"warnings", "keep_candidates"} & set(own) and not done(cloud, own["gathered"], "overridden", keep=["lyon-*"])["changed"]
    assert "warnings" not in cloud.run(None, "gathered", keep=[]) and "warnings" not in cloud.run({"sites": []}, "gathered")
    refused = cloud.run(config, "overridden", **MANY)
    for words in ("keep: missing. The account has sites with connectors (lyon)", "IPsec tunnel lyon-fiber", "route 192.168.20.0/24 via", "keep: []"):
        assert words in refused["msg"]
    assert cloud.writes == []
    kept = done(cloud, config, "overridden", keep=["lyon-*"], **MANY)
    assert not kept["changed"]
    assert sorted(change["action"] for change in done(cloud, config, "overridden", keep=[], **MANY)["changes"]) == ["delete", "delete"]


@pytest.mark.parametrize("state", ["overridden", "deleted"])
def test_what_contains_something_in_keep_stays_too(cloud, state):
    done(cloud, with_sites({"name": "lyon", "lans": LANS}, {"name": "lab[1]", "lans": LANS[:1]}, {"name": "lab1"}, {"name": "nice"}))
    keep = ["printers", "lab[1]"]
    config = with_sites({"name": "nice"}) if state == "overridden" else with_sites(*({"name": name} for name in ("lyon", "lab[1]", "lab1")))
    result = done(cloud, config, state, keep=keep, **MANY)
    # The name with brackets is also the pattern for lab1.
    assert not result["changed"] and {site["name"] for site in cloud.export()["sites"]} >= {"lyon", "lab[1]", "lab1"}
    told = ["lyon contains LAN printers, which is in keep", "lab[1] is in keep", "lab1 is in keep"] if state == "deleted" else []
    assert result["warnings"] == [f"sites[{number}]: {words}, so it is not deleted." for number, words in enumerate(told)]
    assert names(done(cloud, config, state, keep=["office"], **MANY)) == ["delete sites lab1"]
    # A LAN of another site keeps only that.
    assert names(done(cloud, config, state, keep=["printers"], **MANY)) == ["delete site_lans lab[1]/office", "delete sites lab[1]"]


def test_a_plan_says_if_it_cannot_know_what_connectors_created(cloud):
    done(cloud, {"ipsec_tunnels": [tunnel(1), tunnel(2)]})
    body = json.dumps({"success": False, "errors": [{"code": 10000, "message": "Authentication error"}], "messages": [], "result": None}).encode()
    cloud.between = lambda request, forward: Reply(403, {"Content-Type": "application/json"}, body) if request.path == "sites" else forward()
    config = {"ipsec_tunnels": [tunnel(1)]}
    told = done(cloud, config, "overridden", check=True)["warnings"]
    assert len(told) == 1 and told[0].startswith("The sites of the account could not be read"), told
    for words in (
        "this design deletes: IPsec tunnel site-2. Give",
        "set keep to patterns",
        "or to [] if there are none. GET /accounts/",
        "the permission 'Magic WAN Read'",
    ):
        assert words in told[0], told
    # Without a deletion, or with keep, nobody asks for the sites.
    for options in ({"state": "merged"}, {"state": "overridden", "keep": []}):
        assert done(cloud, config, check=True, **options)["warnings"] == [] and "sites" not in cloud.lists
    assert done(cloud, config, "overridden")["warnings"] == told


def test_a_name_and_an_id_mean_the_same_object(cloud):
    done(cloud, with_sites({"name": "lyon", "lans": LANS}))
    lyon = next(site["id"] for site in cloud.export()["sites"])
    for other in ({"site_id": lyon}, {"site_id": lyon, "name": "lyon"}):
        for items in ([{"name": "lyon"}, other], [other, {"name": "lyon"}]):
            refused = cloud.run(with_sites(*items), check=True)
            assert refused["failed"] and "matches the same site as sites[" in refused["msg"] and "(lyon). Leave one of them out." in refused["msg"], refused
            assert "has 1 problem," in refused["msg"] and cloud.writes == []
    # One that gives its name up is another one.
    assert names(done(cloud, with_sites({"name": "lyon"}, {"site_id": lyon, "name": "paris"}), check=True)) == ["create sites lyon", "update sites paris"]


def test_a_filter_that_is_in_use_is_not_deleted(cloud):
    done(cloud)
    gone = {"bgp_filter_profiles": [{"name": "branches"}]}
    for check in (True, False):
        refused = cloud.run(gone, "deleted", check)
        assert refused["failed"] and cloud.writes == []
        assert "bgp_filter_profiles[0]: The BGP filter profile 'branches' is in use" in refused["msg"]
        assert "It is used by: IPsec tunnel site-1. First remove it there (bgp.import_filter: '')" in refused["msg"]
    # What the same run takes out of it, or deletes, does not count.
    freed = {"ipsec_tunnels": [tunnel(1, bgp={"customer_asn": 65010, "import_filter": ""})], "bgp_filter_profiles": [{"name": "other", **OTHER}]}
    assert names(done(cloud, freed, "overridden", keep=[]))[-1] == "delete bgp_filter_profiles branches"
    done(cloud)
    assert len(done(cloud, {**gone, "ipsec_tunnels": [{"name": "site-1"}]}, "deleted")["changes"]) == 2


OTHER = {"match_action": "deny", "targets": ["0.0.0.0/0"]}
MONITORED: dict[str, Any] = {
    "mnm_config": {"name": "Example", "default_sampling": 10, "router_ips": ["203.0.113.9"]},
    "mnm_rules": [{"name": "flood", "type": "threshold", "automatic_advertisement": False, "prefixes": ["203.0.113.0/24"], "bandwidth_threshold": 1000}],
    "bgp_settings": {"cloudflare_asn": 65000, "redistribute_static_wan": True},
    "cf1_sites": [{"name": "lyon", "description": "Branch office"}],
}
FLOWS: dict[str, Any] = {"sites": [{"name": "lyon", "netflow_config": {"collector_ip": "192.168.20.5", "collector_port": 9995}}]}


def test_what_there_is_one_of_is_a_dictionary(cloud):
    dry, made = done(cloud, MONITORED, check=True), done(cloud, MONITORED)
    # The configuration comes before the rules, which need it.
    assert names(made) == names(dry) == ["create cf1_sites lyon", "create mnm_config ", "create mnm_rules flood", "update bgp_settings "]
    assert dry["after"] == made["after"] == MONITORED
    assert made["before"] == {**dict.fromkeys(MONITORED, []), "mnm_config": {}, "bgp_settings": {"cloudflare_asn": 13335}}
    assert "mnm_config" in dry["not_validated"] and "bgp_settings:\n  cloudflare_asn: 65000" in made["diff"]["after"]
    again = done(cloud, MONITORED, "overridden")
    assert not again["changed"] and again["requests"] == 4
    lyon = {**MONITORED["cf1_sites"][0], "ramps": []}
    assert cloud.run(dict.fromkeys(MONITORED), "gathered")["gathered"] == {**MONITORED, "cf1_sites": [lyon]}
    changed = done(cloud, {"mnm_config": {"default_sampling": 20}, "bgp_settings": {"redistribute_static_wan": False}})
    assert [request.body for request in cloud.writes] == [{"redistribute": {"static:wan": False}}, {"default_sampling": 20}]
    assert changed["after"]["bgp_settings"] == {"cloudflare_asn": 65000}


def test_an_empty_dictionary_is_like_an_empty_list(cloud):
    done(cloud, MONITORED)
    for state in ("merged", "replaced", "deleted"):
        assert not done(cloud, {"mnm_config": {}, "bgp_settings": {}}, state)["changed"]
    refused = cloud.run({"mnm_config": {}}, "overridden")
    assert "mnm_config: the dictionary is empty, so the configuration of network monitoring would be deleted. If" in refused["msg"] and cloud.writes == []
    refused = cloud.run({"mnm_config": {}}, "overridden", max_deletions=0)
    assert "and 0 is the limit: configuration of network monitoring. If" in refused["msg"] and cloud.writes == []
    reset = done(cloud, {"mnm_config": {"name": "Example", "default_sampling": 10}}, "replaced")
    assert reset["changes"][0]["fields"] == {"router_ips": {"before": ["203.0.113.9"], "after": []}}
    gone = done(cloud, {"mnm_rules": [], "mnm_config": {}, "bgp_settings": {}, "cf1_sites": []}, "overridden", **MANY)
    assert names(gone) == ["delete mnm_rules flood", "delete mnm_config ", "delete cf1_sites lyon"]
    assert gone["after"] == {"mnm_rules": [], "mnm_config": {}, "bgp_settings": {"cloudflare_asn": 65000, "redistribute_static_wan": True}, "cf1_sites": []}
    refused = cloud.run({"bgp_settings": {"cloudflare_asn": 65000}}, "deleted")
    assert "bgp_settings: cannot be deleted here. Each account has BGP settings" in refused["msg"]
    done(cloud, MONITORED)
    assert names(done(cloud, {"mnm_config": {"name": "Example"}}, "deleted")) == ["delete mnm_config "]


def test_a_site_has_one_netflow_configuration(cloud):
    done(cloud)
    made = done(cloud, FLOWS)
    assert names(made) == ["create site_netflow lyon"] and made["after"]["sites"][0]["netflow_config"].items() >= FLOWS["sites"][0]["netflow_config"].items()
    assert not done(cloud, FLOWS)["changed"]
    # With a new site, too.
    new = {"sites": [{"name": "arles", "netflow_config": {"collector_ip": "192.168.20.5"}}, {"name": "dijon", "netflow_config": {"collector_ip": "192.0.2.1"}}]}
    assert names(done(cloud, new)) == ["create sites arles", "create sites dijon", "create site_netflow arles", "create site_netflow dijon"]
    read = cloud.run({"sites": []}, "gathered")["gathered"]["sites"]
    assert [(site["name"], "collector_ip" in site["netflow_config"]) for site in read] == [
        ("arles", True), ("dijon", True), ("lyon", True), ("nice", False)
    ]  # fmt: skip
    gone: dict[str, Any] = {"sites": [{"name": name, "netflow_config": {}} for name in ("arles", "dijon")]}
    assert not done(cloud, gone)["changed"]
    two = done(cloud, {"sites": [*({**site, "connector": "MC-1"} for site in FLOWS["sites"]), *gone["sites"], {"name": "nice"}]}, "overridden", **MANY)
    assert names(two) == ["delete site_netflow arles", "delete site_netflow dijon"] and [request.method for request in cloud.writes] == ["DELETE"] * 2
    # It goes with its site, and nobody asks for it.
    assert names(done(cloud, {"sites": [{"name": "lyon"}]}, "deleted", **MANY))[-1] == "delete sites lyon"
    assert not [request for request in cloud.sent if "netflow" in request.path]


def test_a_group_has_tunnels_of_the_same_design_and_gives_them_up(cloud):
    pair = {"ipsec_tunnels": [tunnel(1), tunnel(2)], "redundancy_groups": [{"name": "site", "members": {"ipsec_tunnels": ["site-2", "site-1"]}}]}
    made = done(cloud, pair)
    assert names(made)[-1] == "create redundancy_groups site" and "warnings" not in {name for name in made if "another value" in str(made[name])}
    assert made["after"]["redundancy_groups"] == [{"name": "site", "members": {"ipsec_tunnels": ["site-1", "site-2"]}}] and not done(cloud, pair)["changed"]
    read = cloud.run({"redundancy_groups": []}, "gathered")["gathered"]
    assert not done(cloud, read, "overridden")["changed"]
    # The group lets go of what is deleted before that.
    less = {"ipsec_tunnels": [tunnel(1)], "redundancy_groups": [{"name": "site", "members": {"ipsec_tunnels": ["site-1"]}}]}
    # A dry run cannot delete what the group still uses, so Cloudflare would reject that.
    waits = "It depends on the change of {}, which has not been made yet."
    dry = done(cloud, less, "overridden", check=True, keep=[])
    assert dry["not_validated"]["IPsec tunnel site-2"] == waits.format("redundancy_groups[0]")
    assert names(done(cloud, less, "overridden", keep=[])) == names(dry) == ["update redundancy_groups site", "delete ipsec_tunnels site-2"]
    gone = pair | {"redundancy_groups": [{"name": "site"}]}
    dry = done(cloud, gone, "deleted", check=True)
    assert dry["not_validated"]["ipsec_tunnels[0]"] == waits.format("redundancy_groups[0]")
    assert names(done(cloud, gone, "deleted")) == names(dry) == ["delete redundancy_groups site", "delete ipsec_tunnels site-1"]


def test_a_group_keeps_members_that_nobody_knows(cloud):
    """A member of a type that Cloudflare may come to have would be lost with an update, which replaces them all."""
    done(cloud, {"redundancy_groups": [{"name": "site", "description": "old"}]})

    def newer(request, forward):
        reply = forward()
        if request.is_write:
            return reply
        answer = json.loads(reply.body)
        answer["result"]["redundancy_groups"][0]["member_data"] = [{"type": "vpc", "data": {"id": "1"}}]
        return reply._replace(body=json.dumps(answer).encode())

    cloud.between = newer
    assert not done(cloud, {"redundancy_groups": [{"name": "site", "description": "old"}]})["changed"]
    refused = cloud.run({"redundancy_groups": [{"name": "site", "description": "new"}]})
    assert "redundancy_groups[0].members: the group has members of the types vpc, which this version does not know" in refused["msg"] and cloud.writes == []


LINKS = default_seed()["interconnects"]
NEWER = {
    **{name: value for name, value in LINKS[0].items() if name != "gre"},
    "id": "f" * 32,
    "name": "frankfurt-15",
    "version": "1.5",
    "interface_address": "198.51.100.2/31",
    "health_check": {"enabled": True, "rate": "mid", "type": "reply", "direction": "bidirectional", "source": "10.0.0.9"},
}


def test_a_lan_that_is_replaced_loses_what_the_design_does_not_have(cloud):
    addresses = {"address": "10.8.0.1/24"}
    server = {"dhcp_pool_start": "10.8.0.5", "dhcp_pool_end": "10.8.0.9", "dns_servers": ["10.8.0.2"], "reservations": {"00:00:5e:00:53:01": "10.8.0.6"}}
    more = {"secondary_address": "10.8.0.3/24", "virtual_address": "10.8.0.4/24", "dhcp_server": server}
    plain = {"name": "desks", "physport": 7, "static_addressing": addresses}
    full = {**plain, "nat": {"static_prefix": "10.9.0.0/24"}, "static_addressing": {**addresses, **more}}
    netflow = {"collector_ip": "10.8.0.7", "collector_port": 2055}
    for state in ("replaced", "overridden"):
        done(cloud, {"sites": [{"name": "lyon", "lans": [full], "netflow_config": netflow}]})
        design = {"sites": [{"name": "lyon", "lans": [plain], "netflow_config": {"collector_port": 2055}}]}
        assert done(cloud, design, state, **MANY)["changed"]
        [lan] = [item for item in cloud.export()["lans"] if item["name"] == "desks"]
        assert lan["nat"] == {} and lan["static_addressing"] == {**addresses, "dhcp_server": {"dns_servers": [], "reservations": {}}}
        assert not done(cloud, design, state, **MANY)["changed"]


def test_a_design_leaves_what_only_some_interconnects_have():
    """Version 1 has its GRE endpoint, version 1.5 a source of checks in both directions: there is no value that takes them back."""
    cloud = Cloud(seed(interconnects=[*LINKS, NEWER]))
    before = cloud.export()["interconnects"]
    named = {"interconnects": [{"name": item["name"], "description": "Mine"} for item in before]}
    for state in ("replaced", "overridden"):
        done(cloud, named, state)
        after = {item["name"]: item for item in cloud.export()["interconnects"]}
        for item in before:
            assert after[item["name"]].get("gre") == item.get("gre") and after[item["name"]]["health_check"].get("source") == item["health_check"].get("source")
    read = cloud.run({"interconnects": []}, "gathered")["gathered"]
    assert not done(cloud, read, "overridden")["changed"]
    for change, words in (
        ({"gre": {"cloudflare_endpoint": "203.0.113.1"}}, "interconnects[0].gre: an interconnect of version 1.5 has none"),
        ({"interface_address": "198.51.100.2/30"}, "interconnects[0].interface_address: an interconnect of version 1.5 needs the prefix length /31"),
        ({"health_check": {"source": ""}}, "interconnects[0].health_check.source: missing"),
        ({"health_check": {"source": "8.8.8.8"}}, "interconnects[0].health_check.source: '8.8.8.8' is in none of 10.0.0.0/8"),
        ({"version": "2"}, "interconnects[0].version: there is no such option"),
        ({"virtual_port_reservation_id": "f" * 32}, "interconnects[0].virtual_port_reservation_id: there is no such option"),
    ):
        refused = cloud.run({"interconnects": [{"name": "frankfurt-15", **change}]})
        assert words in refused["msg"] and not [request for request in cloud.sent if request.is_write], refused["msg"]
    # In one direction a source is not even sent, as Cloudflare drops it.
    done(cloud, {"interconnects": [{"name": "frankfurt-15", "health_check": {"direction": "unidirectional"}}]})
    assert "source" not in cloud.writes[0].body["health_check"]


WRONG = {
    "not a list of them": ({"mnm_config": [{"name": "x"}]}, "mnm_config: is not a dictionary. Write the options of the configuration of network"),
    "not a list": ({"cf1_sites": "a", "mnm_rules": 5}, "cf1_sites: is not a list. Write a '-' before each of the sites of Cloudflare One. mnm_rules: is "),
    "one below a site": ({"sites": [{"name": "x", "netflow_config": []}]}, "sites[0].netflow_config: is not a dictionary. Write the options of the NetFlow"),
    "its options": ({"sites": [{"name": "x", "netflow_config": {"site": "x"}}]}, "sites[0].netflow_config.site: there is no such option"),
    "its values": ({"bgp_settings": {"cloudflare_asn": 0}}, "bgp_settings.cloudflare_asn: '0' is not an autonomous system number"),
    "too little of it": ({"mnm_config": {"name": "x"}}, "mnm_config.default_sampling: missing. There is no such configuration"),
    "no list": ({"sites": [{"name": "lyon", "lans": {}}]}, "sites[0].lans: is not a list"),
    "twice": ({"sites": [{"name": "lyon", "lans": [LANS[0], LANS[0]]}]}, "sites[0].lans[1].name: 'office' is also used by sites[0].lans[0]."),
    "no such option": ({"sites": [{"name": "lyon", "lans": [{"name": "x", "port": 1}]}]}, "sites[0].lans[0].port: there is no such option."),
    "deep": (
        {"sites": [{"name": "lyon", "lans": [{"name": "x", "static_addressing": {"address": "192.168.0.1"}}]}]},
        "sites[0].lans[0].static_addressing.address: '192.168.0.1' has no prefix length",
    ),
    "no such LAN": (
        {"sites": [{"name": "lyon", "lans": LANS, "acls": [{**ACLS[0], "lan_2": {"lan": "cellar"}}]}]},
        "sites[0].acls[0].lan_2.lan: there is no LAN 'cellar'. These exist: office, printers.",
    ),
    "no such connector": ({"sites": [{"name": "lyon", "connector": "MC-9"}]}, "sites[0].connector: there is no connector 'MC-9'."),
    "no such filter": (
        {"ipsec_tunnels": [tunnel(1, bgp={"customer_asn": 1, "import_filter": "x"})]},
        "ipsec_tunnels[0].bgp.import_filter: there is no BGP filter",
    ),
    "too little": ({"sites": [{"name": "lyon", "wans": [{"name": "lte"}]}]}, "sites[0].wans[0].physport: missing"),
    "a choice in a list": ({"sites": [{"name": "lyon", "acls": [{**ACLS[0], "protocols": ["esp"]}]}]}, "protocols[0]: 'esp' is not one of tcp, udp, icmp."),
    "by itself": ({"site_lans": [LANS[0]]}, "config.site_lans: there is no such option."),
}


@pytest.mark.parametrize("config, words", WRONG.values(), ids=WRONG)
def test_what_is_wrong_has_its_place(cloud, config, words):
    result = cloud.run(config)
    assert result["failed"] and words in result["msg"] and cloud.writes == []


def test_what_a_failure_leaves_out_is_done_by_the_next_run(cloud):
    """Whichever answer is lost, and whether or not the request arrived, and whatever is refused."""
    done(cloud)
    whole, total = cloud.run({"sites": [], "connectors": []}, "gathered")["gathered"], 10
    for arrives in (True, False):
        for number in range(total):
            one = bare()
            count = iter(range(1000))

            def between(request, forward, count=count, number=number, arrives=arrives):
                if not request.is_write or next(count) != number:
                    return forward()
                if arrives:
                    forward()
                raise requests.ConnectionError("lost")

            one.between = between
            first = one.run(copy.deepcopy(DESIGN))
            again = done(one)
            assert not first.get("failed") or again["changed"] is not None
            assert not done(one)["changed"]
            assert one.run({"sites": [], "connectors": []}, "gathered")["gathered"] == whole
