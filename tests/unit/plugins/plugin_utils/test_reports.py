# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re

import pytest

from ansible_collections.cloudflare.magic.plugins.plugin_utils._reports import Health, Moment, edge_table, psk_audit, rotation_table

DAY = 86400
NOT_ASKED = Health(None)


def row(name, psk_age, outcome):
    return {"ipsec_tunnel_id": "0" * 32, "name": name, "psk_age": psk_age, "outcome": outcome}


def test_the_table_of_a_rotation():
    rows = [
        row("a", 45 * DAY, "not_due"),
        row("b", 100 * DAY, "set"),
        row("paris-1", None, "set"),
        row("c\x1b[2J\n", 0, "unapplied"),
        row(None, 7199, "not_tried"),
        row("d", 7200, "validated"),
        row("e", 2 * DAY - 1, "not_due"),
        row("f", 2 * DAY, "not_due"),
        row("g", 5, "staged"),
    ]
    assert rotation_table(rows) == [
        "tunnel        age before  outcome",
        r"c\x1b[2J\n     0 minutes  NOT SET",
        "None         119 minutes  NOT TRIED",
        "b               100 days  new key",
        "paris-1           no key  new key",
        "d                2 hours  would get a new key",
        "a                45 days  not due",
        "e               47 hours  not due",
        "f                 2 days  not due",
    ]


def test_the_table_of_nothing_has_a_head():
    assert rotation_table([]) == ["tunnel    age before  outcome"]


@pytest.mark.parametrize("count", [2000])
def test_the_table_of_a_fleet_reads_each_value_once(count):
    """In a playbook, reading a value of a result may mean that Ansible templates it."""

    class Counted(dict):
        reads = 0

        def __getitem__(self, name):
            Counted.reads += 1
            return super().__getitem__(name)

    lines = rotation_table([Counted(row(f"branch-{number}", number * DAY, "set")) for number in range(count)])
    assert len(lines) == count + 1 and lines[-1] == "branch-1999     1999 days  new key"
    assert Counted.reads <= 4 * count


def moment(seconds):
    return f"2026-01-31T12:00:{seconds:09.6f}Z"


def both_ends(outcome, asked=0.0, changed=None, loaded=None, **proofs):
    times = {"asked": moment(asked), "changed": changed if changed is None else moment(changed), "loaded": loaded if loaded is None else moment(loaded)}
    return {"psk_age": 95 * DAY, "outcome": outcome, **times, **proofs}


def test_the_table_of_a_rotation_on_both_ends():
    noted = {
        "a": both_ends("set", 0.1, 0.3, 0.94, device="ok", health="ok"),
        "b": both_ends("back", 0.1, 0.3, 2.1, device="ok", health="failed"),
        "c": both_ends("back", 1.0, 0.0, 2.1, device="failed", health="not_asked"),
        "d\x1b": {"psk_age": None, "outcome": "unchanged"},
        "paris-1": both_ends("in_doubt"),
        "e": {"psk_age": 60, "outcome": "checked"},
        "f": {"psk_age": 7200, "outcome": "not_due"},
        "g": {**both_ends("set", 0, None, 12, device="ok", health="not_asked"), "changed": "{{ 1 }}"},
    }
    assert edge_table(noted, [*noted, "later"]) == [
        "tunnel   age before  after                device     health     seconds",
        "a           95 days  new key              ok         ok             0.6",
        "b           95 days  ROLLED BACK          ok         FAILED         1.8",
        "c           95 days  ROLLED BACK          FAILED     not asked     <1.1",
        r"d\x1b        no key  not changed          not asked  not asked        -",
        "paris-1     95 days  IN DOUBT             not asked  not asked        -",
        "e         1 minutes  would get a new key  not asked  not asked        -",
        "f           2 hours  not due              not asked  not asked        -",
        "g           95 days  new key              ok         not asked    <12.0",
        "later      not read  not changed          not asked  not asked        -",
    ]
    assert edge_table({}, []) == ["tunnel  age before  after  device  health  seconds"]


def tunnel(number, psk_age, made="2026-01-31T12:00:00Z", name=None):
    return {"id": f"id-{number}", "name": name or f"branch-{number}", "psk_age": psk_age, "psk_metadata": {"last_generated_on": made} if made else {}}


TUNNELS = [
    tunnel(1, 10 * DAY),
    tunnel(2, None, made=None, name="b"),
    tunnel(3, None, made="yesterday", name="A"),
    tunnel(4, 91 * DAY),
    tunnel(5, 85 * DAY),
    tunnel(6, 400 * DAY),
    tunnel(7, 2 * DAY, name="=1+1<b>\n"),
    tunnel(8, 3 * DAY),
    tunnel(9, 90 * DAY),
    tunnel(10, 81 * DAY),
]
ENTRIES = {"id-7": {"pending_psk": "x"}, "id-8": {"psk": "x", "last_generated_on": "2026-01-30T12:00:00Z"}, "id-1": {"psk": "x"}, "id-99": {}}


ROW = re.compile(
    r'<tr class="(?P<status>\w+)">\n<td class="tunnel"><b><bdi>(?P<name>.*?)</bdi></b><code>(?P<id>.*?)</code></td>\n'
    r'<td class="bars"><div class="bar(?P<bar>[ \w]*)"(?P<width>.*?)><i></i></div></td>\n<td class="age">(?P<age>.*?)</td>\n'
    r'<td class="made">(?P<made>.*?)</td>\n<td class="state"><b>(?P<state>.*?)</b>(?P<note>.*?)</td>(?P<health>.*?)\n</tr>',
    re.DOTALL,
)


def rows_of(found):
    rows = list(ROW.finditer(found["page"]["rows"]))
    assert "\n".join(row[0] for row in rows) == found["page"]["rows"] and len(rows) == found["total"]
    return [row.groupdict() for row in rows]


def test_the_audit_has_what_needs_attention_first():
    found = psk_audit(TUNNELS, 90 * DAY, ENTRIES, NOT_ASKED)
    assert [(row["id"], row["status"]) for row in rows_of(found)] == [
        ("id-7", "interrupted"),
        ("id-8", "replaced"),
        ("id-3", "unknown"),
        ("id-2", "never"),
        ("id-6", "overdue"),
        ("id-4", "overdue"),
        ("id-9", "soon"),
        ("id-5", "soon"),
        ("id-10", "ok"),
        ("id-1", "ok"),
    ]
    assert found["counts"] == {"interrupted": 1, "replaced": 1, "never": 1, "unknown": 1, "overdue": 2, "soon": 2, "ok": 2}
    assert (found["total"], found["bad"], found["bad_names"]) == (10, 6, r"=1+1<b>\n, branch-8, A, b, branch-6, branch-4")


def test_the_audit_as_csv():
    lines = psk_audit(TUNNELS, 90 * DAY, ENTRIES, NOT_ASKED)["csv"].splitlines()
    assert lines[0] == "status,name,ipsec_tunnel_id,psk_age_days,psk_age_seconds,max_age_seconds,last_generated_on"
    assert lines[1] == 'interrupted,"\'=1+1<b>\\n","id-7",2,172800,7776000,"2026-01-31T12:00:00Z"'
    assert lines[3] == 'unknown,"A","id-3",,,7776000,"yesterday"'
    assert len(lines) == 11


def test_the_page_of_the_audit_has_texts_for_html():
    rows = {row["id"]: row for row in rows_of(psk_audit(TUNNELS, 90 * DAY, ENTRIES, NOT_ASKED))}
    assert rows["id-7"]["name"] == r"=1+1&lt;b&gt;\n"
    assert (rows["id-6"]["bar"], rows["id-6"]["width"], rows["id-6"]["note"]) == (" cut", ' style="--w: 100.00%"', "<small>by 310 days</small>")
    assert (rows["id-5"]["age"], rows["id-5"]["note"], rows["id-5"]["made"]) == ("85 days", "<small>in 5 days</small>", "2026-01-31")
    assert (rows["id-2"]["age"], rows["id-3"]["age"], rows["id-2"]["bar"], rows["id-2"]["width"]) == ("&ndash;", "unknown", " none", "")


def test_an_audit_of_nothing():
    found = psk_audit([], 0, {}, NOT_ASKED)
    assert (found["total"], found["bad"], found["bad_names"], found["page"]["rows"]) == (0, 0, "", "")
    assert found["csv"].count("\n") == 1
    assert found["health"] == {} and found["metrics"] == ""


def state(name, state, share):
    return {"name": name, "state": state, "healthy_share": share, "data_centers": 5, "worst": [], "checked_until": "2026-03-01T12:00:00Z"}


STATES = [state("branch-1", "down", 0.0), state("branch-4", "healthy", 0.9967), state("b", "unknown", None), state("of GRE", "degraded", 0.6)]


def test_the_audit_with_health():
    found = psk_audit(TUNNELS, 90 * DAY, ENTRIES, Health(STATES))
    assert found["health"] == {"healthy": 1, "degraded": 0, "down": 1, "unknown": 8} and found["page"]["limit"] == "90 days"
    lines = {line.split(",")[2]: line for line in found["csv"].splitlines()}
    assert lines["ipsec_tunnel_id"].endswith(",last_generated_on,health,health_share")
    assert [lines[f'"id-{number}"'].split(",")[7:] for number in (1, 4, 2, 8)] == [["down", "0.0"], ["healthy", "0.9967"], ["unknown", ""], ["unknown", ""]]
    cells = {row["id"]: row["health"].strip() for row in rows_of(found)}
    assert cells["id-1"] == '<td class="health"><b class="down">Down</b><small>healthy in 0 %</small></td>'
    assert cells["id-4"].endswith("<small>healthy in 100 %</small></td>") and cells["id-2"].endswith("Unknown</b><small>no data</small></td>")


@pytest.mark.parametrize("wrong", [[{}], [state("a", "up", 1)], [state("a", {}, 1)], 1, "down"])
def test_what_is_no_health(wrong):
    with pytest.raises((KeyError, TypeError)):
        Health(wrong)


def test_the_audit_as_metrics():
    """Each tunnel of the health is there, those without a key too; which key is due is what the table says."""
    lines = psk_audit(TUNNELS, 90 * DAY, ENTRIES, Health(STATES), Moment(1796089127, "0123"))["metrics"].splitlines()
    assert 'cloudflare_magic_psk_audit_timestamp_seconds{account_id="0123"} 1796089127' in lines
    due = {line.split('ipsec_tunnel_id="')[1].split('"')[0]: line.split()[-1] for line in lines if line.startswith("cloudflare_magic_ipsec_psk_due{")}
    assert due == {**dict.fromkeys(("id-7", "id-8", "id-2", "id-3", "id-4", "id-6"), "1"), **dict.fromkeys(("id-1", "id-5", "id-9", "id-10"), "0")}
    assert 'cloudflare_magic_tunnel_health{account_id="0123",tunnel="of GRE",state="degraded"} 1' in lines
