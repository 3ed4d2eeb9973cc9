# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ramps of sites of Cloudflare One in designs: with what they lead to in the same design, in each state, and after runs that ended on the way."""

from __future__ import annotations

import itertools
import os
from typing import Any

import pytest
import requests

from ansible_collections.cloudflare.magic.tests.emulator.seed import default_seed
from ansible_collections.cloudflare.magic.tests.unit.kinds.rows import NOBODY
from ansible_collections.cloudflare.magic.tests.unit.kinds.test_ramps import is_list_of_ramps, shows
from ansible_collections.cloudflare.magic.tests.unit.network.cloud import Cloud, plain, seed
from ansible_collections.cloudflare.magic.tests.unit.network.scenes import gre, tunnel
from ansible_collections.cloudflare.magic.tests.unit.network.test_network_boundaries import Died, ending
from ansible_collections.cloudflare.magic.tests.unit.network.test_sites import done, names

LINK = default_seed()["interconnects"][0]
RAMPS = [{"ipsec_tunnel": "site-1"}, {"ipsec_tunnel": "site-2"}, {"gre_tunnel": "gre-3"}, {"gre_interconnect": LINK["name"]}, {"connector": "MC-1"}]
DESIGN: dict[str, Any] = {
    "cf1_sites": [{"name": "lyon", "ramps": RAMPS[:2]}, {"name": "nice", "ramps": RAMPS[2:]}, {"name": "arles"}],
    "ipsec_tunnels": [tunnel(1), tunnel(2)],
    "gre_tunnels": [gre(3)],
    "connectors": [{"serial_number": "MC-1"}],
}
MANY = {"max_deletions": 30, "keep": []}
KINDS = ("cf1_sites", "ipsec_tunnels", "gre_tunnels", "connectors")


def bare():
    return Cloud(seed(interconnects=[LINK]))


@pytest.fixture(name="cloud")
def _cloud():
    return bare()


def sites(*items):
    return {"cf1_sites": list(items)}


def lyon(*ramps):
    return sites({"name": "lyon", "ramps": list(ramps)})


def refused(cloud, config, state="merged", **options):
    texts = set()
    for check in (True, False):
        result = cloud.run(config, state, check, **options)
        assert result["failed"] and cloud.writes == [], result
        texts.add(result["msg"])
    assert len(texts) == 1
    return texts.pop()


def there(cloud):
    """Return the ramps of each site by what they lead to."""
    data = cloud.export()
    ends = {item["id"]: item.get("name", item.get("device", {}).get("serial_number")) for kind in (*KINDS[1:], "interconnects") for item in data[kind]}
    own = {site["id"]: site["name"] for site in data["cf1_sites"]}
    return sorted((own[ramp["cf1_site_id"]], ends[ramp["source_ramp_id"]]) for ramp in data["ramps"])


ALL_THERE = [("lyon", "site-1"), ("lyon", "site-2"), ("nice", "MC-1"), ("nice", LINK["name"]), ("nice", "gre-3")]


def test_a_site_is_reached_through_what_the_same_design_creates(cloud):
    dry, made = done(cloud, DESIGN, check=True), done(cloud, DESIGN)
    assert names(made) == names(dry) and there(cloud) == ALL_THERE
    assert [name for name in names(made) if "ramps" in name] == [
        "create cf1_site_ramps lyon/site-1",
        "create cf1_site_ramps lyon/site-2",
        "create cf1_site_ramps nice/gre-3",
        f"create cf1_site_ramps nice/{LINK['name']}",
        "create cf1_site_ramps nice/MC-1",
    ]
    # One list for each site that has any, after what they lead to.
    assert [len(request.body) for request in cloud.writes if request.path.endswith("/ramps")] == [2, 3]
    assert [request.path.endswith("/ramps") for request in cloud.writes[-2:]] == [True, True]
    assert "cf1_sites[0].ramps[0]" in dry["not_validated"]
    assert dry["after"]["cf1_sites"] == made["after"]["cf1_sites"] and [len(site.get("ramps", [])) for site in made["after"]["cf1_sites"]] == [0, 2, 3]
    assert made["after"]["cf1_sites"][1]["ramps"] == RAMPS[:2]
    again = done(cloud, DESIGN)
    # Four kinds, the interconnects for their names, and one list of ramps for each site of which the design has any.
    assert not again["changed"] and again["after"] == made["after"] and len(cloud.lists) == 4 + 1 + 2
    assert not done(cloud, DESIGN, "overridden", **MANY)["changed"] and not done(cloud, DESIGN, "replaced")["changed"]


def test_what_is_read_makes_the_same_again(cloud):
    done(cloud, DESIGN)
    read = cloud.run(dict.fromkeys(KINDS), "gathered")
    assert "warnings" not in read and len([request for request in cloud.sent if is_list_of_ramps(request)]) == 3
    found = read["gathered"]
    assert found["cf1_sites"] == [
        {"name": "arles", "ramps": []},
        {"name": "lyon", "ramps": RAMPS[:2]},
        {"name": "nice", "ramps": [RAMPS[4], RAMPS[3], RAMPS[2]]},
    ]
    assert not done(cloud, found, "overridden", **MANY)["changed"]
    empty = bare()
    done(empty, found)
    assert there(empty) == ALL_THERE and empty.run(dict.fromkeys(KINDS), "gathered")["gathered"] == found


def test_each_state(cloud):
    done(cloud, DESIGN)
    # Merged and replaced only add.
    for state in ("merged", "replaced"):
        assert not done(cloud, lyon(RAMPS[0]), state)["changed"] and not done(cloud, lyon(), state)["changed"]
    whole = sites({"name": "lyon", "ramps": RAMPS[:1]}, *DESIGN["cf1_sites"][1:])
    changed = done(cloud, whole, "overridden")
    assert names(changed) == ["delete cf1_site_ramps lyon/site-2"] and there(cloud) == [ALL_THERE[0], *ALL_THERE[2:]]
    assert changed["before"]["cf1_sites"][1]["ramps"] == RAMPS[:2] and changed["after"]["cf1_sites"][1]["ramps"] == RAMPS[:1]
    # A list that is not there is left alone; an empty one has to be meant.
    bare_names = sites(*({"name": name} for name in ("lyon", "nice", "arles")))
    assert not done(cloud, bare_names, "overridden")["changed"] and not [path for path in cloud.lists if "ramps" in path]
    emptied = sites({"name": "lyon", "ramps": []}, {"name": "nice"}, {"name": "arles"})
    assert "ramps: the list is empty, so all 1 would be deleted: lyon/site-1." in refused(cloud, emptied, "overridden")
    assert names(done(cloud, emptied, "overridden", **MANY)) == ["delete cf1_site_ramps lyon/site-1"]
    # By name, however much there is besides; what is not there is not there.
    gone = sites({"name": "nice", "ramps": [RAMPS[2], {"ipsec_tunnel": "site-1"}, {"gre_tunnel": "gre-9"}]})
    assert names(done(cloud, gone, "deleted")) == ["delete cf1_site_ramps nice/gre-3"] and not done(cloud, gone, "deleted")["changed"]
    # Ramps count.
    assert "max_deletions: 3 objects would be deleted, and 2 is the limit" in refused(cloud, sites({"name": "nice"}), "deleted", max_deletions=2)
    assert names(done(cloud, sites({"name": "nice"}), "deleted"))[-1] == "delete cf1_sites nice" and there(cloud) == []


def test_ramps_go_before_what_they_lead_to(cloud):
    done(cloud, DESIGN)
    gone = {
        "ipsec_tunnels": [{"name": "site-1"}],
        "connectors": [{"serial_number": "MC-1"}],
        "cf1_sites": [{"name": "lyon", "ramps": [RAMPS[0]]}, {"name": "nice"}],
    }
    order = names(done(cloud, gone, "deleted", **MANY))
    assert order.index("delete cf1_site_ramps lyon/site-1") < order.index("delete ipsec_tunnels site-1")
    assert [name for name in order if "connectors" in name or name == "delete cf1_sites nice"] == ["delete cf1_sites nice", "delete connectors MC-1"]
    assert there(cloud) == [("lyon", "site-2")]
    less = {"ipsec_tunnels": [], **lyon()}
    assert names(done(cloud, less, "overridden", max_deletions=30, keep=[])) == [
        "delete cf1_site_ramps lyon/site-2", "delete cf1_sites arles", "delete ipsec_tunnels site-2"
    ]  # fmt: skip


def test_keep_is_for_ramps_too(cloud):
    done(cloud, DESIGN)
    config = sites(*({"name": site["name"], "ramps": []} for site in DESIGN["cf1_sites"]))
    assert names(done(cloud, config, "overridden", max_deletions=9, keep=["site-*", "MC-1", LINK["name"]])) == ["delete cf1_site_ramps nice/gre-3"]
    # A site that contains one stays.
    result = done(cloud, sites({"name": "lyon"}), "deleted", keep=["site-2"])
    assert not result["changed"] and result["warnings"] == ["cf1_sites[0]: lyon contains ramp site-2, which is in keep, so it is not deleted."]


def test_what_has_its_place_already(cloud):
    done(cloud, DESIGN)
    text = refused(cloud, sites({"name": "arles", "ramps": [RAMPS[0]]}, *DESIGN["cf1_sites"][:2]))
    assert "cf1_sites[0].ramps[0]: the IPsec tunnel" in text and "is also used by cf1_sites[1].ramps[0]. Only one of them can use it." in text
    # The deletion comes last, so it needs a run of its own.
    moved = sites({"name": "arles", "ramps": [RAMPS[0]]}, {"name": "lyon", "ramps": [RAMPS[1]]}, DESIGN["cf1_sites"][1])
    assert "is still used by ramp lyon/site-1, which this run deletes last. Delete it first" in refused(cloud, moved, "overridden")
    # The state merged deletes nothing, whatever the other site's list has.
    for ramps in ([], [RAMPS[1]]):
        text = refused(cloud, sites({"name": "arles", "ramps": [RAMPS[0]]}, {"name": "lyon", "ramps": ramps}))
        assert "cf1_sites[0].ramps[0]: the IPsec tunnel" in text and "is also used by ramp lyon/site-1 (" in text
    # Of a site that the design does not name, only Cloudflare knows.
    result = cloud.run(sites({"name": "arles", "ramps": [RAMPS[0], {"ipsec_tunnel": "site-7"}]}, {"name": "lyon"}) | {"ipsec_tunnels": [tunnel(7)]})
    assert result["failed"] and "remove it there first" in result["msg"] and "cf1_sites[0].ramps[0]: POST" in result["msg"]
    assert there(cloud) == [("arles", "site-7"), *ALL_THERE]


def test_what_shows_nothing_is_in_the_way(cloud):
    done(cloud, DESIGN)
    shows(cloud, ..., "ipsec")
    unnamed = "Cloudflare does not show what these ramps of the site of Cloudflare One 'lyon' lead to: site-1 (id "
    new = lyon({"ipsec_tunnel": "site-3"}) | {"ipsec_tunnels": [tunnel(3)]}
    for config, state in ((lyon(RAMPS[0]), "merged"), (new, "merged"), (lyon(RAMPS[0]), "deleted"), (lyon(), "overridden")):
        text = refused(cloud, config, state, **MANY)
        assert f"cf1_sites[0].ramps: {unnamed}" in text and "site-2 (id " in text and "has 1 problem, " in text, text
    # One of another type is not.
    assert names(done(cloud, lyon({"gre_tunnel": "gre-4"}) | {"gre_tunnels": [gre(4)]}))[-1] == "create cf1_site_ramps lyon/gre-4"
    read = cloud.run(sites(), "gathered", keep=[])
    assert [site["ramps"] for site in read["gathered"]["cf1_sites"]] == [[], [{"gre_tunnel": "gre-4"}], [RAMPS[4], RAMPS[3], RAMPS[2]]]
    assert len(read["warnings"]) == 1 and "The site of Cloudflare One 'lyon' has ramps of which Cloudflare does not show" in read["warnings"][0]
    assert "site-1 (id " in read["warnings"][0] and "site-2 (id " in read["warnings"][0]
    # What is read stops before it deletes what it does not name.
    whole = {"cf1_sites": read["gathered"]["cf1_sites"]}
    assert unnamed in refused(cloud, whole, "overridden", **MANY)
    ids = sorted(ramp["id"] for ramp in cloud.export()["ramps"] if ramp["type"] == "ipsec")
    kept = lyon(*({"ramp_id": ramp} for ramp in ids), {"gre_tunnel": "gre-4"})
    assert not done(cloud, kept)["changed"]
    assert [name.split()[0] for name in names(done(cloud, lyon({"ramp_id": ids[0]}), "deleted"))] == ["delete"] and len(there(cloud)) == 5
    # With the site, nobody asks.
    assert names(done(cloud, sites({"name": "lyon"}), "deleted", **MANY))[-1] == "delete cf1_sites lyon"


@pytest.mark.parametrize("kind, blocks", [(None, True), (5, True), ("vpc", False)])
def test_one_without_a_type_may_be_of_any(cloud, kind, blocks):
    done(cloud, DESIGN)
    shows(cloud, ..., "ipsec")
    inner = cloud.between
    done(cloud, sites(), "merged")

    def between(request, forward):
        reply = inner(request, forward)
        return reply._replace(body=reply.body.replace(b'"type": "ipsec"', f'"type": {"null" if kind is None else repr(kind)}'.replace("'", '"').encode()))

    cloud.between = between
    config = lyon({"gre_tunnel": "gre-4"}) | {"gre_tunnels": [gre(4)]}
    if blocks:
        assert "does not show what these ramps" in refused(cloud, config)
    else:
        assert names(done(cloud, config))[-1] == "create cf1_site_ramps lyon/gre-4"


def test_what_leads_to_nothing_that_there_is(cloud):
    done(cloud, DESIGN)
    shows(cloud, f"/x/{NOBODY}", "mconn")
    read = cloud.run(sites(), "gathered", keep=[])["gathered"]
    [ramp] = [one["id"] for one in cloud.export()["ramps"] if one["type"] == "mconn"]
    assert {"ramp_id": ramp} in read["cf1_sites"][2]["ramps"] and not done(cloud, read, "overridden", **MANY)["changed"]
    changed = done(cloud, sites(*DESIGN["cf1_sites"][:1], {"name": "nice", "ramps": RAMPS[2:4]}, {"name": "arles"}), "overridden")
    assert [name.split("/")[0] for name in names(changed)] == ["delete cf1_site_ramps nice"]


WRONG = {
    "nobody": ([{"ipsec_tunnel": "site-9"}], "cf1_sites[0].ramps[0].ipsec_tunnel: there is no IPsec tunnel 'site-9'. These exist: site-1, site-2."),
    "unknown": ([{"tunnel": "site-1"}], "cf1_sites[0].ramps[0].tunnel: there is no such option."),
    "no list": ({"ipsec_tunnel": "site-1"}, "cf1_sites[0].ramps: is not a list. Write a '-' before each of the ramps."),
    "no entry": (["site-1"], "cf1_sites[0].ramps[0]: is not a dictionary. Write the options of the ramp, such as ipsec_tunnel."),
    "two": ([{"ipsec_tunnel": "site-1", "connector": "MC-1"}], "cf1_sites[0].ramps[0].ipsec_tunnel: cannot be combined with connector"),
    "twice": ([RAMPS[0], RAMPS[0]], "cf1_sites[0].ramps[1]: matches the same ramp as cf1_sites[0].ramps[0] (site-1)."),
    "no ramp": ([{"ramp_id": NOBODY}], "cf1_sites[0].ramps[0]: there is no ramp with the id"),
}


@pytest.mark.parametrize("ramps, words", WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_said_before_anything_is_written(cloud, ramps, words):
    done(cloud, DESIGN)
    assert words in refused(cloud, sites({"name": "lyon", "description": "new", "ramps": ramps}))


CHANGED = {
    **DESIGN,
    "cf1_sites": [{"name": "lyon", "ramps": [RAMPS[0], {"gre_tunnel": "gre-4"}]}, {"name": "dijon", "ramps": [{"ipsec_tunnel": "site-5"}]}],
    "ipsec_tunnels": [tunnel(1), tunnel(5)],
    "gre_tunnels": [gre(4)],
}
RUNS: dict[str, tuple[Any, Any, str, list[tuple[str, str]]]] = {
    "create": (None, DESIGN, "merged", ALL_THERE),
    "override": (DESIGN, CHANGED, "overridden", [("dijon", "site-5"), ("lyon", "gre-4"), ("lyon", "site-1")]),
    "delete": (DESIGN, {"cf1_sites": [{"name": "lyon", "ramps": RAMPS[:1]}, {"name": "nice"}], "gre_tunnels": [{"name": "gre-3"}]}, "deleted", ALL_THERE[1:2]),
}


def ends(label, state):
    """Yield an account for each boundary of a run that ended there, with the boundary's name."""
    dummy_first, config, how, dummy_expected = RUNS[label]
    for number in itertools.count():
        cloud = bare()
        cloud.replace(state)
        passed = ending(cloud, number)
        try:
            cloud.run(config, how, **MANY)
            return
        except Died:
            cloud.between = lambda dummy, forward: forward()
            yield cloud, passed[-1]


@pytest.mark.parametrize("label", RUNS)
def test_runs_that_end_anywhere_are_completed_by_the_next(label):
    """A run ends at each of its boundaries, and if it only deletes, or by night if it only creates, the one that does what is left, too."""
    first, config, how, expected = RUNS[label]
    start = bare()
    if first:
        done(start, first)
    twice = label == "delete" or (label == "create" and "NETWORK_PAIRS" in os.environ)
    seen, count = [], 0
    for one, name in ends(label, start.export()):
        state = one.export()
        count += 1
        if (now := plain([state[kind] for kind in (*KINDS, "ramps")])) in seen:
            continue
        seen.append(now)
        for cloud, other in [(one, "nowhere"), *(ends(label, state) if twice else ())]:
            done(cloud, config, how, **MANY)
            assert there(cloud) == expected, (name, other)
            assert not done(cloud, config, how, **MANY)["changed"]
    assert count >= 20 and len(seen) >= 5


@pytest.mark.parametrize("method, label", [("POST", "create"), ("POST", "override"), ("DELETE", "override"), ("DELETE", "delete")])
def test_a_lost_answer_is_made_up_for(cloud, method, label):
    """A write takes effect, and nobody hears: the run reads again what there is, and completes the rest."""
    first, config, state, expected = RUNS[label]
    if first:
        done(cloud, first)
    lost: list[Any] = []

    def lose(request, forward):
        reply = forward()
        if request.method == method and "/ramps" in request.path and not lost:
            lost.append(request)
            raise requests.ConnectionError("gone")
        return reply

    cloud.between = lose
    done(cloud, config, state, **MANY)
    assert there(cloud) == expected and lost and not done(cloud, config, state, **MANY)["changed"]


def test_many_go_in_batches_and_one_that_is_refused_spoils_no_other(cloud):
    tunnels = {"ipsec_tunnels": [tunnel(number) for number in range(1, 8)]}
    done(cloud, tunnels | sites({"name": "nice", "ramps": [{"ipsec_tunnel": "site-4"}]}))
    ramps = [{"ipsec_tunnel": f"site-{number}"} for number in range(1, 8)]
    result = cloud.run(lyon(*ramps), batch_size=4)
    assert result["failed"] and "Of 8 changes, 7 applied, 1 failed, 0 in doubt, 0 skipped." in result["msg"] and "cf1_sites[0].ramps[3]" in result["msg"]
    assert len(there(cloud)) == 7
    assert [len(request.body) for request in cloud.writes if request.path.endswith("/ramps")][0] == 4
