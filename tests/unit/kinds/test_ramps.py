# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ramps of a site of Cloudflare One: recognized by a URL that may be missing or anything else; nothing is created twice, and nothing deleted by mistake."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.cloudflare.magic.plugins.module_utils._cf1_kinds import CF1_RAMP, CF1_SITE
from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._kinds import GRE_TUNNEL, IPSEC_TUNNEL
from ansible_collections.cloudflare.magic.plugins.module_utils._objects import may_create, read_some
from ansible_collections.cloudflare.magic.plugins.module_utils._site_kinds import CONNECTOR
from ansible_collections.cloudflare.magic.tests.emulator.seed import ACCOUNT_ID, default_seed
from ansible_collections.cloudflare.magic.tests.unit.kinds.rows import NOBODY
from ansible_collections.cloudflare.magic.tests.unit.kinds.test_hostile import spoil
from ansible_collections.cloudflare.magic.tests.unit.kinds.test_scenarios import options_of, run, sent
from ansible_collections.cloudflare.magic.tests.unit.network.cloud import Cloud, seed
from ansible_collections.cloudflare.magic.tests.unit.network.scenes import gre, tunnel

GRE_LINK = default_seed()["interconnects"][0]
MPLS_LINK = {**{name: value for name, value in GRE_LINK.items() if name != "gre"}, "id": "e" * 32, "name": "frankfurt-9", "interface_address": "10.213.0.90/31"}
ALL = [
    {"ipsec_tunnel": "site-1"},
    {"gre_tunnel": "gre-3"},
    {"gre_interconnect": GRE_LINK["name"]},
    {"mpls_interconnect": "frankfurt-9"},
    {"connector": "MC-1"},
]
LYON: dict[str, Any] = {"name": "lyon"}
TYPES = ("ipsec", "gre", "gre_interconnect", "mpls_interconnect", "mconn")


@pytest.fixture(name="cloud")
def _cloud():
    cloud = Cloud(seed(interconnects=[GRE_LINK, MPLS_LINK]))
    for kind, chosen in ((IPSEC_TUNNEL, tunnel(1)), (IPSEC_TUNNEL, tunnel(2)), (GRE_TUNNEL, gre(3)), (CONNECTOR, {"serial_number": "MC-1", "notes": "Lyon"})):
        run(cloud, kind, chosen)
    return cloud


def with_ramps(cloud, ramps, check_mode=False, **more):
    return run(cloud, CF1_SITE, {**LYON, "ramps": ramps, **more}, check_mode)


def refused(cloud, ramps, **more):
    """Return why ramps are refused, in check mode as without it."""
    texts = set()
    for check_mode in (True, False):
        with pytest.raises(MagicError) as caught:
            with_ramps(cloud, ramps, check_mode, **more)
        texts.add(str(caught.value))
        assert sent(cloud) == []
    assert len(texts) == 1
    return texts.pop()


def there(cloud):
    return sorted(ramp["type"] for ramp in cloud.export()["ramps"])


def is_list_of_ramps(request):
    return request.method == "GET" and request.path.endswith("/ramps")


def shows(cloud, url, of_type=None):
    """Have the URL of ramps changed: of all, or of one type; an ellipsis stands for a part that is missing."""

    def change(result):
        found = []
        for ramp in result if isinstance(result, list) else [result]:
            kind = ramp["type"]
            if of_type in (None, kind):
                ramp = {name: value for name, value in ramp.items() if name != kind}
                ramp |= {} if url is ... else {kind: {"managed_by": url(ramp) if callable(url) else url}}
            found.append(ramp)
        return found

    spoil(cloud, change, is_list_of_ramps)


def test_all_sorts_are_created_by_one_request_and_recognized(cloud):
    dry = with_ramps(cloud, ALL, check_mode=True)
    assert dry["changed"] and dry["validated"] is False and sent(cloud) == [] and cloud.export()["cf1_sites"] == []
    new = with_ramps(cloud, ALL)
    assert sent(cloud) == [("POST", False)] * 2 and there(cloud) == sorted(TYPES)
    ids = {item["name"]: item["id"] for kind in ("ipsec_tunnels", "gre_tunnels", "interconnects") for item in cloud.export()[kind]}
    body = [request.body for request in cloud.sent if request.path.endswith("/ramps")][0]
    assert {"source_ramp_id": ids["site-1"], "type": "ipsec"} in body and {"source_ramp_id": "e" * 32, "type": "mpls_interconnect"} in body and len(body) == 5
    assert dry["diff"] == new["diff"] and sorted(map(repr, new["diff"]["after"]["ramps"])) == sorted(map(repr, ALL))
    assert sorted(ramp["type"] for ramp in new["cf1_site"]["ramps"]) == sorted(TYPES) and "warnings" not in new
    assert next(ramp for ramp in new["cf1_site"]["ramps"] if ramp["type"] == "ipsec")["ipsec_tunnel_id"] == ids["site-1"]
    again = with_ramps(cloud, list(reversed(ALL)))
    assert not again["changed"] and sent(cloud) == [] and again["diff"] == {"before": {}, "after": {}}
    assert len([request for request in cloud.sent if is_list_of_ramps(request)]) == 1 and len(again["cf1_site"]["ramps"]) == 5
    # By the id of what they lead to, too; and if the list is not given, nobody asks.
    assert not with_ramps(cloud, [{"ipsec_tunnel_id": ids["site-1"].upper()}, {"gre_tunnel": ids["gre-3"]}, *ALL[2:]])["changed"]
    other = run(cloud, CF1_SITE, {**LYON, "description": "new"})
    assert other["changed"] and "ramps" not in other["cf1_site"] and not [request for request in cloud.sent if "ramps" in request.path]


def test_a_list_says_exactly_which(cloud):
    with_ramps(cloud, ALL)
    changed = with_ramps(cloud, [{"ipsec_tunnel": "site-2"}, ALL[1]], check_mode=True)
    assert [len(changed["diff"][side]["ramps"]) for side in ("before", "after")] == [5, 2] and sent(cloud) == []
    done = with_ramps(cloud, [{"ipsec_tunnel": "site-2"}, ALL[1]], description="new")
    assert sent(cloud) == [(method, False) for method in ("PATCH", "POST", *["DELETE"] * 4)] and there(cloud) == ["gre", "ipsec"]
    assert done["diff"]["before"]["ramps"] == changed["diff"]["before"]["ramps"] and done["diff"]["after"] == {**changed["diff"]["after"], "description": "new"}
    gone = with_ramps(cloud, [])
    assert gone["diff"]["after"] == {"ramps": []} and gone["cf1_site"]["ramps"] == [] and there(cloud) == []
    assert not with_ramps(cloud, [])["changed"]


def test_a_site_goes_with_its_ramps_whatever_they_show(cloud):
    with_ramps(cloud, ALL)
    shows(cloud, ...)
    gone = {**LYON, "state": "absent"}
    dry = run(cloud, CF1_SITE, gone, True)
    assert dry["changed"] and sent(cloud) == [] and dry["validated"] is False
    done = run(cloud, CF1_SITE, gone)
    assert sent(cloud) == [("DELETE", False)] * 6 and cloud.sent[-1].path.count("/") == 1 and cloud.export()["cf1_sites"] == there(cloud) == []
    assert done["diff"] == dry["diff"] and done["diff"]["after"] == {} and len(done["diff"]["before"]["ramps"]) == len(done["cf1_site"]["ramps"]) == 5
    assert not run(cloud, CF1_SITE, gone)["changed"]


# Values from which nobody learns what a ramp leads to.
SILENT: dict[str, Any] = {
    "missing": ...,
    "nothing": None,
    "empty": "",
    "a number": 5,
    "a list": ["/accounts"],
    "an object": {"url": "/"},
    "no URL": "see the dashboard",
    "no address": "http://[",
    "very long": "https://example.com/" + "a" * 200_000,
    "only the account": f"/accounts/{ACCOUNT_ID}/magic",
    "an id in the query": f"https://example.com/x?id={NOBODY}#{NOBODY}",
    "an id as user and password": f"https://{NOBODY}:{NOBODY}@example.com/",
    "a part of a segment": f"/x/{NOBODY}0",
    "the ramp itself": lambda ramp: f"/ramps/{ramp['id']}",
}


@pytest.mark.parametrize("url", SILENT.values(), ids=SILENT)
def test_a_ramp_that_shows_nothing_is_neither_doubled_nor_deleted(cloud, url):
    with_ramps(cloud, ALL[:2])
    shows(cloud, url, "ipsec")
    for ramps in (ALL[:2], [{"ipsec_tunnel": "site-2"}, ALL[1]], [], [ALL[1]]):
        said = refused(cloud, ramps, description="new")
        assert said.startswith("ramps: Cloudflare does not show what these ramps of the site of Cloudflare One 'lyon' lead to: site-1 (id ")
        assert "type ipsec" in said and "name them by ramp_id, or leave ramps out. Nothing was changed." in said
        assert "example.com" not in said and len(said) < 600
    assert there(cloud) == ["gre", "ipsec"]
    # A name for it keeps it; another type is not concerned.
    [ramp] = [one["id"] for one in cloud.export()["ramps"] if one["type"] == "ipsec"]
    assert not with_ramps(cloud, [{"ramp_id": ramp}, ALL[1]])["changed"]
    done = with_ramps(cloud, [{"ramp_id": ramp}, ALL[4]])
    assert done["changed"] and there(cloud) == ["ipsec", "mconn"] and {"ramp_id": ramp} in done["diff"]["after"]["ramps"]
    # Without the list, and with the site, nobody cares.
    assert run(cloud, CF1_SITE, {**LYON, "description": "new"})["changed"]
    spec = CF1_SITE.info_options
    read = read_some(CF1_SITE, cloud._client, options_of(CF1_SITE, {"ramps": True, "format": "options"}, spec))
    assert read["cf1_sites"] == [{"name": "lyon", "description": "new", "ramps": [ALL[4]]}]
    assert len(read["warnings"]) == 1 and f"lead to: site-1 (id {ramp}, type ipsec)" in read["warnings"][0]


@pytest.mark.parametrize(
    "url",
    [
        lambda own: own,
        lambda own: f"/{own.upper()}/",
        lambda own: f"https://user:{NOBODY}@example.com/client/v4/accounts/{ACCOUNT_ID}/magic/things/{own}?x={NOBODY}",
        # Several ids, of which an account has one for a tunnel.
        lambda own: f"/tenants/{'d' * 32}/{NOBODY}/tunnels/{own}/{'c' * 32}",
    ],
)
def test_a_ramp_is_recognized_by_one_segment_of_any_url(cloud, url):
    with_ramps(cloud, ALL[:2])
    own = next(item["id"] for item in cloud.export()["ipsec_tunnels"] if item["name"] == "site-1")
    shows(cloud, url(own), "ipsec")
    assert not with_ramps(cloud, ALL[:2])["changed"]
    assert with_ramps(cloud, ALL[1:2])["changed"] and there(cloud) == ["gre"]


def test_two_that_fit_are_not_told_apart(cloud):
    with_ramps(cloud, ALL[:1])
    both = "/".join(item["id"] for item in cloud.export()["ipsec_tunnels"])
    shows(cloud, f"/{both}")
    assert "does not show what these ramps" in refused(cloud, ALL[:1])


def test_what_leads_to_nothing_that_there_is_belongs_to_no_list(cloud):
    """Its tunnel is gone, so it is none of those that a task names, and it is deleted like any other."""
    with_ramps(cloud, ALL[:1])
    shows(cloud, f"/accounts/{ACCOUNT_ID}/magic/ipsec_tunnels/{NOBODY}")
    [ramp] = cloud.export()["ramps"]
    read = read_some(CF1_SITE, cloud._client, options_of(CF1_SITE, {"ramps": True, "format": "options"}, CF1_SITE.info_options))
    assert read == {"changed": False, "cf1_sites": [{"name": "lyon", "ramps": [{"ramp_id": ramp["id"]}]}]}
    assert not with_ramps(cloud, [{"ramp_id": ramp["id"]}])["changed"]
    done = with_ramps(cloud, [ALL[1]])
    assert done["diff"] == {"before": {"ramps": [{"ramp_id": ramp["id"]}]}, "after": {"ramps": [ALL[1]]}} and there(cloud) == ["gre"]


@pytest.mark.parametrize("kind", [None, 5, [], {}, "vpc", ""])
def test_a_type_that_nobody_knows(cloud, kind):
    with_ramps(cloud, ALL[:2])
    spoil(cloud, lambda result: [{**ramp, "type": kind} if ramp["type"] == "ipsec" else ramp for ramp in result], is_list_of_ramps)
    assert "does not show what these ramps" in refused(cloud, ALL[1:2])
    [ramp] = [one["id"] for one in cloud.export()["ramps"] if one["type"] == "ipsec"]
    # With an entry of its own, it is none of the others.
    assert with_ramps(cloud, [{"ramp_id": ramp}, ALL[4]])["changed"] and there(cloud) == ["ipsec", "mconn"]


def test_fields_that_only_the_collection_has_are_not_believed(cloud):
    with_ramps(cloud, ALL[:1])
    two = next(item["id"] for item in cloud.export()["ipsec_tunnels"] if item["name"] == "site-2")
    more = {"ipsec_tunnel_id": two, "gre_tunnel_id": NOBODY, "connector": [1], "ipsec_tunnel": 5, "managed_by": f"/{two}", "ramp_id": "x"}
    spoil(cloud, lambda result: [{**ramp, **more} for ramp in result], is_list_of_ramps)
    assert not with_ramps(cloud, ALL[:1])["changed"]
    json.dumps(with_ramps(cloud, ALL[:1]))


WRONG = {
    "nobody": ([{"ipsec_tunnel": "site-9"}], "ramps[0].ipsec_tunnel: there is no IPsec tunnel 'site-9'. These exist: site-1, site-2."),
    "another kind": ([{"gre_tunnel": "site-1"}], "ramps[0].gre_tunnel: there is no GRE tunnel 'site-1'."),
    "no id": ([{"connector_id": NOBODY}], "ramps[0].connector_id: there is no connector with the id"),
    "two": ([{"ipsec_tunnel": "site-1", "gre_tunnel": "gre-3"}], "ramps[0].ipsec_tunnel: cannot be combined with gre_tunnel"),
    "both": ([{"connector": "MC-1", "connector_id": NOBODY}], "ramps[0].connector: cannot be combined with connector_id"),
    "none": ([{}], "ramps[0].ipsec_tunnel: missing. A ramp is identified by ipsec_tunnel (or gre_tunnel, gre_interconnect, "),
    "empty": ([{"ipsec_tunnel": " "}], "ramps[0].ipsec_tunnel: ' ' is empty. Give the name."),
    "twice": ([{"ipsec_tunnel": "site-2"}, {"ipsec_tunnel": "site-2"}], "ramps[1]: is the same ramp as ramps[0] (lyon/site-2). Leave one of them out."),
    "twice, and there": ([ALL[0], ALL[0]], "ramps[1]: matches the same ramp as ramps[0] (site-1). Leave one of them out."),
    "an interconnect twice": (
        [{"gre_interconnect": "frankfurt-9"}, {"mpls_interconnect": "frankfurt-9"}],
        f"ramps[1]: the interconnect {MPLS_LINK['id']} is also used by ramps[0]. Only one of them can use it: leave one of them out.",
    ),
    "no ramp": ([{"ramp_id": NOBODY}], "ramps[0]: there is no ramp with the id"),
    "a path": ([{"ramp_id": "a/b"}], "ramps[0].ramp_id"),
}


@pytest.mark.parametrize("ramps, words", WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_said_before_anything_is_written(cloud, ramps, words):
    with_ramps(cloud, ALL[:1])
    assert words in refused(cloud, ramps, description="new")


def test_a_new_site_is_not_created_if_its_ramps_cannot_be(cloud):
    assert "ramps[0].ipsec_tunnel: there is no IPsec tunnel" in refused(cloud, [{"ipsec_tunnel": "site-9"}]) and cloud.export()["cf1_sites"] == []


def test_a_ramp_of_another_site(cloud):
    with_ramps(cloud, ALL[:1])
    with pytest.raises(MagicError) as caught:
        with_ramps(cloud, ALL[:2], name="nice")
    for words in (
        "this is already a ramp",
        "can be a ramp of one site only. If it is a ramp of another site, remove it there",
        "'nice' are not complete",
    ):
        assert words in str(caught.value)
    assert caught.value.failure and there(cloud) == ["ipsec"] and [site["name"] for site in cloud.export()["cf1_sites"]] == ["lyon", "nice"]
    with_ramps(cloud, [])
    assert with_ramps(cloud, ALL[:2], name="nice")["changed"] and there(cloud) == ["gre", "ipsec"]


def test_a_lost_answer_is_made_up_for(cloud):
    for method in ("POST", "DELETE"):

        def lose(request, forward, method=method):
            reply = forward()
            if request.method == method and "/ramps" in request.path:
                raise requests.ConnectionError("gone")
            return reply

        cloud.between = lose
        wish = ALL[:3] if method == "POST" else ALL[:1]
        with pytest.raises(MagicError, match="Run the task again: it reads the current state and completes") as caught:
            with_ramps(cloud, wish)
        assert "'lyon' are not complete" in str(caught.value)
        cloud.between = lambda dummy, forward: forward()
        with_ramps(cloud, wish)
        assert len(there(cloud)) == len(wish) and not with_ramps(cloud, wish)["changed"]


def test_an_answer_about_something_else_is_not_taken(cloud):
    run(cloud, CF1_SITE, LYON)

    def is_new(request):
        return request.method == "POST" and request.path.endswith("/ramps")

    for change in (
        lambda result: [{**result[0], "type": "gre"}, *result[1:]],
        lambda result: [{**result[0], "ipsec": {"managed_by": f"/x/{NOBODY}"}}, *result[1:]],
        lambda result: result[:1],
        lambda result: [result[0], {**result[1], "id": result[0]["id"]}],
        lambda result: result[0],
        lambda result: [1, 2],
        lambda dummy: None,
    ):
        spoil(cloud, change, is_new)
        with pytest.raises(MagicError, match="are not complete"):
            with_ramps(cloud, ALL[:2])
        cloud.between = lambda dummy, forward: forward()
        assert not with_ramps(cloud, ALL[:2])["changed"]
        with_ramps(cloud, [])
    # Without the URL, they may be these: the order says so. But the next run cannot know them.
    spoil(cloud, lambda result: [{name: value for name, value in ramp.items() if name != ramp["type"]} for ramp in result], is_new)
    done = with_ramps(cloud, ALL[:2])
    assert [text.split(":")[0] for text in done["warnings"]] == ["ramps[0]", "ramps[1]"] and "a later run cannot recognize it" in done["warnings"][0]


def test_check_mode_builds_on_what_earlier_tasks_would_create(cloud):
    foreseen: list[Any] = []
    before = cloud.export()
    assert run(cloud, CONNECTOR, {"serial_number": "MC-2"}, True, foreseen)["changed"]
    for ramps in ([{"connector": "MC-2"}, ALL[0]], ALL[:1], []):
        chosen = {**LYON, "ramps": ramps}
        dry = run(cloud, CF1_SITE, chosen, True, foreseen)
        assert dry["changed"] and dry["validated"] is False and len(dry["diff"]["after"]["ramps"]) == len(ramps) and "(new: " not in str(dry["diff"]["after"])
        assert not run(cloud, CF1_SITE, chosen, True, foreseen)["changed"]
    assert cloud.export() == before and sent(cloud) == []


def test_tasks_that_create_ramps_are_alone():
    assert may_create(CF1_SITE, {"state": "present", "cf1_site_id": "1", "ramps": ALL})
    assert not may_create(CF1_SITE, {"state": "present", "cf1_site_id": "1", "ramps": None})


@pytest.mark.parametrize("result", [None, {}, "x", [1], [{"type": "ipsec"}], [{"id": ["1"]}], [{"id": "a/b"}], [{"id": "1"}, {"id": "1"}]])
def test_a_list_of_another_form_is_not_used(cloud, result):
    with_ramps(cloud, ALL[:2])
    spoil(cloud, lambda dummy: result, is_list_of_ramps)
    for chosen in ({**LYON, "ramps": []}, {**LYON, "ramps": ALL}, {**LYON, "state": "absent"}):
        with pytest.raises(MagicError, match="Cloudflare's response to the list of ramps"):
            run(cloud, CF1_SITE, chosen)
        assert sent(cloud) == [] and there(cloud) == ["gre", "ipsec"]


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))
PIECES = st.sampled_from(["http:", "//", "/", "?", "#", "@", ":", "[", "]", "%2f", "\\", "\ud800", "\u2100", "\n", NOBODY, f"{NOBODY}0", ACCOUNT_ID.upper()])


@given(st.sampled_from([*TYPES, "x"]) | JSON, JSON | st.lists(PIECES).map("".join), JSON)
def test_nothing_in_an_answer_breaks_anything(kind, url, part):
    for raw in ({"type": kind, str(kind): {"managed_by": url}}, {"type": kind, str(kind): part, "managed_by": url}):
        found = CF1_RAMP.received({"id": "f" * 32, **raw})
        assert CF1_RAMP.source and not set(found) & {*CF1_RAMP.fields, *TYPES}
        ids = CF1_RAMP.source.ids_in(found)
        assert len(set(ids)) == len(ids) and all(len(one) in (32, 36) and one in str(url).lower() for one in ids)
