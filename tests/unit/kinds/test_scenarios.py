# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each kind beside tunnels and routes: an object is created, stays, changes field by field, gets another name, and goes; in check mode nothing is sent."""

from __future__ import annotations

import copy
import typing as t
from contextlib import nullcontext

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.cloudflare.magic.plugins.module_utils._cf1_kinds import CF1_SITE
from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._kinds import BGP_FILTER_PROFILE, INTERCONNECT
from ansible_collections.cloudflare.magic.plugins.module_utils._objects import apply_one, check, read_some
from ansible_collections.cloudflare.magic.plugins.module_utils._site_kinds import CONNECTOR, SITE_LAN
from ansible_collections.cloudflare.magic.tests.emulator.seed import default_seed
from ansible_collections.cloudflare.magic.tests.unit.kinds.rows import ROWS, Row
from ansible_collections.cloudflare.magic.tests.unit.network.cloud import Cloud, seed

if t.TYPE_CHECKING:
    from ansible_collections.cloudflare.magic.plugins.module_utils._kind import Kind

# What follows from other fields, or from the time.
FOLLOWS = {"modified_on", "last_updated", "customer_address", "customer_address6", "health_check", "last_heartbeat", "last_seen_version"}
EACH = pytest.mark.parametrize("row", ROWS, ids=[row.kind.result for row in ROWS])


def options_of(kind: t.Any, chosen: dict[str, t.Any], spec: t.Any = None) -> dict[str, t.Any]:
    """Return options as a task has them: checked and converted by Ansible."""
    own = spec or kind.options
    result = ArgumentSpecValidator(own.argument_spec, mutually_exclusive=own.mutually_exclusive).validate({**copy.deepcopy(chosen)})
    assert not result.error_messages, result.error_messages
    return {name: result.validated_parameters.get(name) for name in own.argument_spec}


def run(cloud: Cloud, kind: Kind, chosen: dict[str, t.Any], check_mode: bool = False, foreseen: list[t.Any] | None = None) -> dict[str, t.Any]:
    """Do the work of a module of this kind.

    :arg foreseen: what the tasks of a run would have created in check mode.
    """
    cloud.sent = []
    options = options_of(kind, chosen)
    check(kind, options)
    return apply_one(kind, cloud._client, options, check_mode, foresight=lambda: nullcontext([] if foreseen is None else foreseen))


def sent(cloud: Cloud) -> list[t.Any]:
    return [(request.method, request.validates) for request in cloud.sent if request.is_write]


@pytest.fixture(name="cloud")
def _cloud() -> Cloud:
    return Cloud(seed(interconnects=default_seed()["interconnects"]))


def prepare(cloud: Cloud, row: Row) -> None:
    """Create what has to be there before, and the object."""
    for kind, chosen in row.above:
        run(cloud, kind, chosen)
    run(cloud, row.kind, row.new)


def judged(row: Row, method: str) -> list[t.Any]:
    """Return what is sent in check mode for a write."""
    return [(method, True)] if row.kind.validates else []


@EACH
def test_it_comes_and_stays(cloud, row):
    for kind, chosen in row.above:
        run(cloud, kind, chosen)
    if not row.kind.given:
        dry = run(cloud, row.kind, row.new, check_mode=True)
        assert dry["changed"] and dry["validated"] is row.kind.validates and sent(cloud) == judged(row, "POST")
        new = run(cloud, row.kind, row.new)
        assert new["changed"] and sent(cloud) == [("POST", False)] and "warnings" not in new
        assert new["diff"]["before"] == {} and set(new["diff"]["after"]) <= set(row.kind.fields)
    again = run(cloud, row.kind, row.new)
    assert not again["changed"] and sent(cloud) == [] and again["diff"] == {"before": {}, "after": {}}


def _warned(row, change, done):
    """Tell whether there are warnings exactly where the kind has one to give."""
    return ("warnings" in done) is bool(row.kind.warns(done[row.kind.result], change))


@EACH
def test_each_field_changes_by_itself(cloud, row):
    prepare(cloud, row)
    for change in row.changes:
        chosen = {**row.keys, **change}
        before = run(cloud, row.kind, row.keys)[row.kind.result]
        dry = run(cloud, row.kind, chosen, check_mode=True)
        assert dry["changed"] and dry["validated"] is row.kind.validates, change
        assert sent(cloud) == judged(row, row.kind.updates)
        done = run(cloud, row.kind, chosen)
        assert done["changed"] and sent(cloud) == [(row.kind.updates, False)] and _warned(row, change, done), (change, done)
        assert dry["diff"] == done["diff"]
        after = run(cloud, row.kind, chosen)
        assert not after["changed"] and sent(cloud) == [], change
        # Nothing else is another one.
        now = after[row.kind.result]
        named = {place for name in change for place in (row.kind.fields[name].stands_for or name, row.kind.within.get(name, (name,))[0])}
        assert {name for name in {*before, *now} if before.get(name) != now.get(name)} - FOLLOWS <= named, change


@EACH
def test_it_gets_another_name_and_goes(cloud, row):
    prepare(cloud, row)
    kind = row.kind
    parent = {kind.parent.result: row.new[kind.parent.result]} if kind.parent is not None else {}
    object_id = run(cloud, kind, row.keys)[kind.result].get("id")
    if kind.keys == ("name",):
        other = {**parent, kind.id_option: object_id, "name": "another"}
        assert run(cloud, kind, other, check_mode=True)["changed"] and run(cloud, kind, other)["changed"]
        assert not run(cloud, kind, {**parent, "name": "another"})["changed"] and sent(cloud) == []
        assert run(cloud, kind, {**other, "name": row.new["name"]})["changed"]
    if kind.given:
        return
    gone = {**row.keys, "state": "absent"}
    dry = run(cloud, kind, gone, check_mode=True)
    assert dry["changed"] and dry["validated"] is False and sent(cloud) == []
    done = run(cloud, kind, gone)
    assert done["changed"] and sent(cloud) == [("DELETE", False)] and done["diff"]["after"] == {}
    ids = [gone, {**parent, kind.id_option: object_id, "state": "absent"}] if kind.id_option else [gone]
    for chosen in ids:
        assert not run(cloud, kind, chosen)["changed"] and sent(cloud) == []


@pytest.mark.parametrize(
    "row, chosen, words", [pytest.param(row, *wrong, id=f"{row.kind.result}-{number}") for row in ROWS for number, wrong in enumerate(row.wrong)]
)
def test_what_is_wrong_is_said_and_nothing_is_sent(cloud, row, chosen, words):
    prepare(cloud, row)
    for check_mode in (True, False):
        with pytest.raises(MagicError) as caught:
            run(cloud, row.kind, chosen, check_mode)
        assert words in str(caught.value)
        assert sent(cloud) == []


@EACH
def test_it_is_read(cloud, row):
    prepare(cloud, row)
    spec = row.kind.info_options
    parent = {row.kind.parent.result: row.new[row.kind.parent.result]} if row.kind.parent is not None else {}
    there = read_some(row.kind, cloud._client, options_of(row.kind, parent, spec))[row.kind.results]
    one = run(cloud, row.kind, row.keys)[row.kind.result]
    assert one.get("id") in [item.get("id") for item in there]
    found = read_some(row.kind, cloud._client, options_of(row.kind, row.keys, spec))[row.kind.results]
    assert [item.get("id") for item in found] == [one.get("id")]
    # What is read as options changes nothing.
    written = read_some(row.kind, cloud._client, options_of(row.kind, {**row.keys, "format": "options"}, spec))[row.kind.results][0]
    assert not run(cloud, row.kind, {**parent, **written})["changed"]
    if not row.kind.given:
        run(cloud, row.kind, {**row.keys, "state": "absent"})
        again = run(cloud, row.kind, {**parent, **written})
        new = {"id", row.kind.id_field, "created_on", *FOLLOWS}
        assert again["changed"] and {name for name in {*one, *again[row.kind.result]} if one.get(name) != again[row.kind.result].get(name)} <= new


def test_a_filter_in_use_is_not_deleted(cloud):
    prepare(cloud, next(row for row in ROWS if row.kind is BGP_FILTER_PROFILE))
    run(cloud, INTERCONNECT, {"name": "frankfurt-1", "bgp": {"customer_asn": 65030, "export_filter": "branches"}})
    gone = {"name": "branches", "state": "absent"}
    for chosen in (gone, {"bgp_filter_profile_id": run(cloud, BGP_FILTER_PROFILE, {"name": "branches"})["bgp_filter_profile"]["id"], "state": "absent"}):
        for check_mode in (True, False):
            with pytest.raises(MagicError) as caught:
                run(cloud, BGP_FILTER_PROFILE, chosen, check_mode)
            assert "It is used by: interconnect frankfurt-1. First remove it there (bgp.export_filter: '')" in str(caught.value) and sent(cloud) == []
    run(cloud, INTERCONNECT, {"name": "frankfurt-1", "bgp": {"export_filter": ""}})
    assert run(cloud, BGP_FILTER_PROFILE, gone)["changed"]


def test_check_mode_builds_on_what_earlier_tasks_would_create(cloud):
    """Each row as the tasks of one play: what its object needs is not there yet."""
    for row in ROWS:
        before = cloud.export()
        foreseen: list[t.Any] = []
        # What Cloudflare validates is not foreseen, and has to be there.
        for kind, chosen in row.above:
            assert run(cloud, kind, chosen, check_mode=not kind.validates, foreseen=foreseen)["changed"], row.kind.noun
        there = cloud.export()
        if row.kind.given or row.kind.validates:
            continue
        assert run(cloud, row.kind, row.new, True, foreseen)["validated"] is False and sent(cloud) == []
        again = run(cloud, row.kind, row.new, True, foreseen)
        assert not again["changed"] and "(new: " in str(again[row.kind.result].get("id", "(new: ")), row.kind.noun
        for change in row.changes[:2]:
            assert run(cloud, row.kind, {**row.keys, **change}, True, foreseen)["changed"] and sent(cloud) == []
            assert not run(cloud, row.kind, {**row.keys, **change}, True, foreseen)["changed"]
        assert run(cloud, row.kind, {**row.keys, "state": "absent"}, True, foreseen)["changed"]
        assert not run(cloud, row.kind, {**row.keys, "state": "absent"}, True, foreseen)["changed"] and sent(cloud) == []
        assert cloud.export() == there
        cloud.replace(before)


def test_check_mode_says_what_may_be_missing(cloud):
    for check_mode in (True, False):
        with pytest.raises(MagicError) as caught:
            run(cloud, SITE_LAN, {"site": "paris", "name": "office"}, check_mode)
        assert "site: there is no site 'paris'" in str(caught.value)
        assert ("if an earlier task would create it" in str(caught.value)) is check_mode
    # A tunnel with a filter that an earlier task would create cannot be validated yet.
    foreseen: list[t.Any] = []
    run(cloud, BGP_FILTER_PROFILE, {"name": "branches", "match_action": "allow", "targets": ["10.0.0.0/8"]}, True, foreseen)
    dry = run(cloud, INTERCONNECT, {"name": "frankfurt-1", "bgp": {"customer_asn": 65030, "import_filter": "branches"}}, True, foreseen)
    assert dry["changed"] and dry["validated"] is False and sent(cloud) == []


def test_the_ramps_of_a_site_are_read_on_request(cloud):
    site = run(cloud, CF1_SITE, {"name": "lyon"})["cf1_site"]
    run(cloud, CONNECTOR, {"serial_number": "MC-1", "notes": "Lyon"})
    [connector] = cloud.export()["connectors"]
    ramp = [{"source_ramp_id": connector["id"], "type": "mconn"}]
    cloud._client.request("POST", [*CF1_SITE.path(), site["id"], "ramps"], body=ramp)
    spec = CF1_SITE.info_options
    cloud.sent = []
    assert "ramps" not in read_some(CF1_SITE, cloud._client, options_of(CF1_SITE, {}, spec))["cf1_sites"][0] and len(cloud.sent) == 1
    [found] = read_some(CF1_SITE, cloud._client, options_of(CF1_SITE, {"ramps": True}, spec))["cf1_sites"]
    assert [(one["type"], one["name"]) for one in found["ramps"]] == [("mconn", "Lyon")] and found["id"] == site["id"]
    [written] = read_some(CF1_SITE, cloud._client, options_of(CF1_SITE, {"ramps": True, "format": "options"}, spec))["cf1_sites"]
    assert written == {"name": "lyon", "ramps": [{"connector": "MC-1"}]}
