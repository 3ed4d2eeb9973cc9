# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What becomes an event, and what is known afterwards."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._events import OPTIONS, Seen, Watch, compare
from ansible_collections.cloudflare.magic.plugins.module_utils._health import stamp
from ansible_collections.cloudflare.magic.plugins.module_utils._known import State

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=timezone.utc)
DAY = timedelta(days=1)


def tunnel(tunnel_id="t1", name="paris", age=10, **fields):
    metadata = {} if age is None else {"last_generated_on": stamp(NOW - age * DAY)}
    return {"id": tunnel_id, "name": name, "interface_address": "10.0.0.0/31", "psk_metadata": metadata, **fields}


def health(state, name="paris"):
    return {"name": name, "state": state, "healthy_share": 0.5, "data_centers": 2, "worst": [], "checked_until": stamp(NOW)}


def seen(*tunnels, gre=None, now=NOW, healths=None):
    lists = {"ipsec": list(tunnels), **({} if gre is None else {"gre": list(gre)})}
    return Seen.of("account", "https://api.example", now, lists, healths)


def known(*args, watch=None, **more):
    """What is known after a look that someone was told of."""
    state = compare(None, seen(*args, **more), watch or Watch()).state
    state.unsent = []
    return state


def told(before, now, watch=None, started=False):
    events = compare(before, now, watch or Watch(), started).events
    return [(event["type"], event["tunnel"]["name"]) for event in events]


def test_the_first_look_takes_what_there_is_as_it_is():
    first = compare(None, seen(tunnel(), tunnel("t2", "oslo"), gre=[tunnel("g1", "vienna", None)], healths=[health("down")]), Watch())
    assert first.events == [] and set(first.state.tunnels) == {"ipsec", "gre"}


def test_a_key_is_due_once():
    # At the first look, too: nobody else would ever tell of it.
    first = compare(None, seen(tunnel(age=100), tunnel("t2", "oslo", None), tunnel("t3", "young")), Watch())
    due = [(event["type"], event["tunnel"]["name"], event["reason"], event["psk_age"]) for event in first.events]
    assert due == [("psk_due", "paris", "expired", 100 * 86400), ("psk_due", "oslo", "missing", None)]
    first.state.unsent = []
    later = seen(tunnel(age=100), tunnel("t2", "oslo", None), tunnel("t3", "young"), now=NOW + DAY)
    assert told(first.state, later) == []
    # Cloudflare writes the same time with more decimals elsewhere.
    same = tunnel(age=100)
    same["psk_metadata"]["last_generated_on"] = same["psk_metadata"]["last_generated_on"].replace("Z", ".0000004Z")
    assert told(first.state, seen(same, tunnel("t2", "oslo", None), tunnel("t3", "young"))) == []
    # A new key that gets too old is another key.
    renewed = compare(first.state, seen(tunnel(age=0), tunnel("t2", "oslo", None), tunnel("t3", "young")), Watch())
    assert [event["type"] for event in renewed.events] == ["psk_replaced"]
    renewed.state.unsent = []
    assert told(renewed.state, seen(tunnel(age=0), now=NOW + 91 * DAY))[0] == ("psk_due", "paris")


def test_a_key_becomes_due_after_its_age():
    before = known(tunnel(age=90))
    assert told(before, seen(tunnel(age=90))) == []
    assert told(before, seen(tunnel(age=90), now=NOW + timedelta(seconds=1))) == [("psk_due", "paris")]
    assert told(before, seen(tunnel(age=90), now=NOW + DAY), Watch(max_age=92 * 86400)) == []


def test_reminders():
    watch = Watch(remind_after=86400)
    before = known(tunnel(age=100), watch=watch)
    assert told(before, seen(tunnel(age=100), now=NOW + DAY / 2), watch) == []
    again = compare(before, seen(tunnel(age=100), now=NOW + DAY), watch)
    assert [event["reminder"] for event in again.events] == [True]
    again.state.unsent = []
    assert told(again.state, seen(tunnel(age=100), now=NOW + DAY), watch) == []
    # A clock that was far ahead for one look keeps nobody from being reminded.
    ahead = compare(before, seen(tunnel(age=100), now=NOW + 999 * DAY), watch).state
    ahead.unsent = []
    assert told(ahead, seen(tunnel(age=100), now=NOW + DAY), watch) == [("psk_due", "paris")]
    # After a kill, nobody knows whether someone has acted.
    assert told(again.state, seen(tunnel(age=100), now=NOW + DAY), watch, started=True) == [("psk_due", "paris")]


def test_without_reminders_the_log_says_what_is_left():
    left = compare(known(tunnel(age=100), tunnel("t2", "oslo")), seen(tunnel(age=100), tunnel("t2", "oslo")), Watch(), started=True)
    assert left.events == [] and len(left.notes) == 1 and "again: paris." in left.notes[0]
    assert compare(left.state, seen(tunnel(age=100)), Watch()).notes == []


def test_replaced_changed_made_and_deleted():
    before = known(tunnel(), tunnel("t2", "oslo"), gre=[])
    now = seen(tunnel(age=1, health_check={"rate": "high"}, name="lyon"), tunnel("t3", "rome"), gre=[tunnel("g1", "vienna")])
    events = compare(before, now, Watch()).events
    assert [(event["type"], event["tunnel"]) for event in events] == [
        ("psk_replaced", {"id": "t1", "name": "lyon", "tunnel_type": "ipsec"}),
        ("tunnel_changed", {"id": "t1", "name": "lyon", "tunnel_type": "ipsec"}),
        ("tunnel_made", {"id": "t3", "name": "rome", "tunnel_type": "ipsec"}),
        ("tunnel_deleted", {"id": "t2", "name": "oslo", "tunnel_type": "ipsec"}),
        ("tunnel_made", {"id": "g1", "name": "vienna", "tunnel_type": "gre"}),
    ]
    assert events[0]["before"] == stamp(NOW - 10 * DAY) and events[0]["last_generated_on"] == stamp(NOW - DAY)
    assert events[1]["fields"] == ["health_check.rate", "name"] and events[1]["name_before"] == "paris"
    # Another way to write the same is no change.
    same = tunnel(age=10, description="", health_check={"enabled": True, "rate": "mid"}, interface_address="10.0.0.0/31")
    assert told(known(tunnel()), seen(same)) == []


def test_what_nobody_has_looked_at_is_not_made():
    assert told(known(tunnel()), seen(tunnel(), gre=[tunnel("g1", "vienna")])) == []
    # Nor is it deleted if nobody looks any more.
    before = known(tunnel(), gre=[tunnel("g1", "vienna")])
    after = compare(before, seen(tunnel()), Watch())
    assert after.events == [] and "g1" in after.state.tunnels["gre"]


def test_another_version_that_knows_more_fields_finds_no_change():
    before = known(tunnel())
    before.forms["ipsec"] = "of an earlier version"
    before.tunnels["ipsec"]["t1"].fields = {}
    assert told(before, seen(tunnel(description="new"))) == []


def test_health_is_told_when_it_changes():
    before = known(tunnel(), tunnel("t2", "oslo"), healths=[health("healthy")])
    assert told(before, seen(tunnel(), tunnel("t2", "oslo"), healths=[health("healthy"), health("down", "oslo")])) == []
    event = compare(before, seen(tunnel(), tunnel("t2", "oslo"), healths=[health("down")]), Watch()).events[0]
    assert (event["type"], event["state"], event["before"], event["data_centers"]) == ("tunnel_health", "down", "healthy", 2)
    # Unknown for now: the next change is one from the last state that was known.
    unknown = compare(before, seen(tunnel(), tunnel("t2", "oslo"), healths=None), Watch())
    assert unknown.events == [] and told(unknown.state, seen(tunnel(), tunnel("t2", "oslo"), healths=[health("down")])) == [("tunnel_health", "paris")]


def test_only_what_is_meant_is_told():
    assert told(None, seen(tunnel(age=100), tunnel("t2", "oslo", 100)), Watch(names=("par*",))) == [("psk_due", "paris")]
    assert told(None, seen(tunnel(age=100), tunnel("t2", "oslo", 100)), Watch(exclude=("t1",))) == [("psk_due", "oslo")]
    assert told(known(tunnel()), seen(), Watch(events=frozenset({"psk_due"}))) == []
    # What is meant later is due then.
    before = known(tunnel(age=100), watch=Watch(names=("oslo",)))
    assert told(before, seen(tunnel(age=100))) == [("psk_due", "paris")]
    # A tunnel that is renamed is meant by both of its names.
    assert told(known(tunnel()), seen(tunnel(name="lyon")), Watch(names=("paris",))) == [("tunnel_changed", "lyon")]


def test_what_may_not_have_been_told_is_told_again():
    before = known(tunnel(), tunnel("t2", "oslo"), tunnel("t4", "rome", 200))
    killed = compare(before, seen(tunnel("t3", "bern", 100), tunnel(name="lyon"), tunnel("t4", "rome", 200)), Watch()).state
    assert [event["type"] for event in killed.unsent] == ["tunnel_made", "psk_due", "tunnel_changed", "tunnel_deleted"]
    kept = State.of(json.loads(json.dumps(killed.content())))
    assert kept == killed
    now = (tunnel("t3", "bern", 100), tunnel(name="lyon"), tunnel("t4", "rome", 200))
    again = compare(kept, seen(*now), Watch(remind_after=9**9), started=True).events
    assert [(event["type"], event["repeated"]) for event in again] == [(event["type"], True) for event in killed.unsent] + [("psk_due", False)]
    assert [event["meta"] for event in again[:-1]] == [event["meta"] for event in killed.unsent]
    # A key that was replaced meanwhile is not due.
    replaced = compare(kept, seen(tunnel("t3", "bern", 0), *now[1:]), Watch(), started=True)
    assert [event["type"] for event in replaced.events] == ["tunnel_made", "tunnel_changed", "tunnel_deleted", "psk_replaced"]
    # Nor does the log say of a key that it is not told of.
    assert all("bern" not in note for note in compare(kept, seen(*now), Watch(), started=True).notes)


def test_text_from_cloudflare_is_data():
    name = "{{ lookup('pipe', 'id') }}\x1b[2J\ud800{%#"
    events = compare(known(gre=[]), seen(tunnel("{{id}}", name, None)), Watch()).events
    text = json.dumps(events, ensure_ascii=False)
    assert [event["type"] for event in events] == ["tunnel_made", "psk_due"]
    assert r"\\x7b\\x7b lookup" in text and "{{ lookup" not in text and "{%" not in text and "\x1b" not in text and "\ud800" not in text
    # No field of another form stops anything.
    odd = {"id": "t1", "name": {"a": 1}, "psk_metadata": "x", "health_check": [1], "bgp": {"extra_prefixes": 7, "customer_asn": "?"}, "description": ["{{"]}
    first = compare(None, seen(odd), Watch(names=("*",)))
    assert State.of(json.loads(json.dumps(first.state.content()))) == first.state


def test_dates_that_say_nothing_are_said_in_the_log():
    odd = [tunnel("t1", "future", -2), {**tunnel("t2", "nonsense"), "psk_metadata": {"last_generated_on": "yesterday"}}]
    first = compare(None, seen(*odd), Watch())
    assert first.events == [] and ["t1" in first.notes[0], "t2" in first.notes[1]] == [True, True]


def test_no_secret_is_kept_or_told():
    first = compare(known(), seen(tunnel(psk="TheKey-0123456789", bgp={"customer_asn": 1, "md5_key": "TheMd5Key"}, description="words")), Watch())
    text = json.dumps([first.events, first.state.content()])
    assert "TheKey" not in text and "TheMd5Key" not in text and "words" not in text


def wrong(**options):
    spec = {name: option.get("default") for name, option in OPTIONS.argument_spec.items()}
    with pytest.raises(MagicError) as caught:
        Watch.of({**spec, **options})
    return str(caught.value)


def test_wrong_options_are_named():
    assert "names is empty" in wrong(names=[]) and "events is empty" in wrong(events=[])
    assert "exclude contains an empty" in wrong(exclude=[" "]) and "max_age: 'x'" in wrong(max_age="x") and "remind_after" in wrong(remind_after="0")


DAMAGED: list[object] = [None, [], {}, "x", {"version": 2}, {"version": 1, "tunnels": []}]


@pytest.mark.parametrize("content", DAMAGED)
def test_another_file_is_no_state(content):
    with pytest.raises(MagicError, match="damaged|another version"):
        State.of(content)


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3), max_leaves=5)


@settings(max_examples=200)
@given(st.data())
def test_a_damaged_part_is_found_or_does_no_harm(data):
    content = json.loads(json.dumps(compare(known(tunnel(), gre=[]), seen(tunnel(age=100), gre=[tunnel("g", "vienna")]), Watch()).state.content()))
    place = content
    while True:
        key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        if not isinstance(place[key], (dict, list)) or not place[key] or data.draw(st.booleans()):
            break
        place = place[key]
    place[key] = data.draw(JSON)
    try:
        state = State.of(content)
    except MagicError:
        return
    compare(state, seen(tunnel(age=100), gre=[tunnel("g", "vienna")]), Watch(remind_after=1), started=True)


KEYS = st.sampled_from([None, 10, 89, 95, 200])
HEALTHS = st.sampled_from(["healthy", "down", "unknown"])
ACCOUNTS = st.dictionaries(st.sampled_from(["a", "b", "c"]), st.tuples(KEYS, st.sampled_from(["x", "y"]), HEALTHS), max_size=3)


@settings(max_examples=200)
@given(st.lists(st.tuples(ACCOUNTS, st.sampled_from(["told", "killed before", "killed after"])), min_size=2, max_size=8))
def test_whatever_happens_nothing_is_lost_and_each_key_is_due_once(looks):
    """A process is killed before or after it has handed over what a look has brought. Anyone who has listened knows what there is after each look."""
    state: State | None = None
    due: dict[str, str] = {}
    there, healths = set(looks[0][0]), {name: one for name, (dummy, dummy, one) in looks[0][0].items()}
    for number, (account, fate) in enumerate(looks):
        tunnels = [tunnel(name, name, age, description=text) for name, (age, text, dummy) in account.items()]
        now = seen(*tunnels, healths=[health(one, name) for name, (dummy, dummy, one) in account.items()], now=NOW + number * timedelta(seconds=1))
        keys = {item["id"]: item["psk_metadata"].get("last_generated_on") for item in tunnels}
        due = {name: generated for name, generated in due.items() if name in keys and keys[name] == generated}
        outcome = compare(state, now, Watch(), started=True)
        state = State.of(json.loads(json.dumps(outcome.state.content())))
        if fate == "killed before":
            continue
        for event in outcome.events:
            name = event["tunnel"]["id"]
            if event["type"] == "psk_due":
                assert event["repeated"] or name not in due
                due[name] = event["last_generated_on"]
            elif event["type"] == "tunnel_made":
                there.add(name)
                healths[name] = account[name][2] if name in account else None
            elif event["type"] == "tunnel_deleted":
                there.discard(name)
            elif event["type"] == "tunnel_health":
                healths[name] = event["state"]
        assert there == set(account) and {name: healths[name] for name in there} == {name: one for name, (dummy, dummy, one) in account.items()}
        assert due == {name: keys[name] for name, (age, dummy, dummy) in account.items() if age is None or age > 90}
        if fate == "told":
            state = replace(state, unsent=[])
