# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook ``cloudflare.magic.psk_audit`` and its reports, as text and in a browser."""

from __future__ import annotations

import csv
import html
import html.parser
import io
import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import encrypt

from ansible_collections.cloudflare.magic.plugins.module_utils._text import shown
from ansible_collections.cloudflare.magic.tests.integration.support.browser import VIEWS, chromium

NASTY = [
    "<script>alert(1)</script>",
    "</style><img src=x onerror=alert(2)>",
    '=HYPERLINK("http://127.0.0.1","x")',
    "+1",
    "-1",
    "@SUM(1)",
    "\tx",
    'a,"b"\nc',
    "{{ 1 + 1 }}",
    "{% raw %}",
    "o'hara & söhne &amp; co",
    "x" * 200,
    "\u202egnorw",
    " =1",
    "\u00a0=1",
    "\u200b=1",
    "\r=1",
    "\uff1d1",
    "\uff0b1",
    "\uff0d1",
    "\uff201",
    "a; =1",
    'x;"=1+1',
    "x;'\"' =1",
    '";"""@x',
    ";;=1",
    "\ufe661",
    "\ufe621",
    "\ufe631",
    "\ufe6b1",
    "\u22121",
    "a;\ufe661",
    "\u2800=1",
    "\U000e0020=1",
    "a;\u2800=1",
]
FORMULA = re.compile('[\\s"\u200b\u2800\U000e0020]*[=+@\uff1d\uff0b\uff0d\uff20\ufe62\ufe63\ufe66\ufe6b\u2212-]')
# What the table has for them, where it is something else.
CELLS = {
    '=HYPERLINK("http://127.0.0.1","x")': '\'=HYPERLINK("http://127.0.0.1","x")',
    "+1": "'+1",
    "-1": "'-1",
    "@SUM(1)": "'@SUM(1)",
    " =1": "' =1",
    "\uff1d1": "'\uff1d1",
    "\uff0b1": "'\uff0b1",
    "\uff0d1": "'\uff0d1",
    "\uff201": "'\uff201",
    "a; =1": "a;' =1",
    'x;"=1+1': "x;'\"=1+1",
    "x;'\"' =1": "x;''\"' =1",
    '";"""@x': '";\'"""@x',
    ";;=1": ";;'=1",
    "\ufe661": "'\ufe661",
    "\ufe621": "'\ufe621",
    "\ufe631": "'\ufe631",
    "\ufe6b1": "'\ufe6b1",
    "\u22121": "'\u22121",
    "a;\ufe661": "a;'\ufe661",
}


class _Page(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.rows: list[dict[str, str]] = []
        self._where: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        self.tags.append(tag)
        if tag == "tr" and attributes.get("class"):
            self.rows.append({"status": attributes["class"]})
        elif tag == "td":
            self._where = attributes["class"]
            self.rows[-1].setdefault(self._where, "")
        elif tag == "code" and self._where == "tunnel":
            self._where = "id"
        elif tag == "div" and "style" in attributes and "--w" in attributes["style"]:
            self.rows[-1]["width"] = attributes["style"].removeprefix("--w: ").removesuffix("%")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "code"):
            self._where = None

    def handle_data(self, data: str) -> None:
        if self._where and self.rows:
            self.rows[-1][self._where] = self.rows[-1].get(self._where, "") + data


@dataclass
class Report:
    """Both reports, read."""

    text: str
    lines: list[dict[str, str]]
    page: _Page = field(default_factory=_Page)

    def __post_init__(self) -> None:
        self.page.feed(self.text)


def report(folder: Path) -> Report:
    table = (folder / "psk_audit.csv").read_bytes().decode("utf-8")
    return Report((folder / "psk_audit.html").read_text(encoding="utf-8"), list(csv.DictReader(io.StringIO(table, newline=""), strict=True)))


def fleet(emulator, ages: list[float | None], names: list[str] | None = None) -> None:
    """Give the emulator tunnels whose keys have these ages in days; None: no key."""
    state = emulator.state()
    model = {name: value for name, value in state["ipsec_tunnels"][0].items() if name not in ("psk", "psk_metadata")}
    state["ipsec_tunnels"] = [
        {
            **model,
            "id": f"{number:032x}",
            "name": names[number] if names else f"branch-{number}",
            "interface_address": f"10.{number // 32768}.{number // 128 % 256}.{number % 128 * 2}/31",
            **({} if age is None else {"psk": f"a key of the test, number {number}", "psk_age_seconds": age * 86400}),
        }
        for number, age in enumerate(ages)
    ]
    emulator.set_state(state)


def test_overdue_first(emulator, run):
    ran = run("psk_audit", "-vvv", "--diff", env={**emulator.environment(), "CLOUDFLARE_API_TOKEN": emulator.read_token})
    assert ran.rc == 0, ran.screen
    assert [request["method"] for request in emulator.requests()] == ["GET"]
    found = report(ran.folder)
    wanted = [("oslo-1", "never", ""), ("berlin-1", "overdue", "400"), ("paris-2", "overdue", "100"), ("lisbon-1", "ok", "45"), ("paris-1", "ok", "10")]
    assert [(line["name"], line["status"], line["psk_age_days"]) for line in found.lines] == wanted
    assert {line["max_age_seconds"] for line in found.lines} == {str(90 * 86400)}
    assert [(row["tunnel"], row["status"]) for row in found.page.rows] == [(name, status) for name, status, dummy in wanted]
    assert [row["state"] for row in found.page.rows] == ["No key yet", "Overdueby 310 days", "Overdueby 10 days", "Within limit", "Within limit"]
    assert [row.get("width") for row in found.page.rows] == [None, "100.00", "27.78", "12.50", "2.78"]
    assert "3 tunnels need a new key." in found.text
    assert emulator.account_id in found.text
    assert ran.shows("3 of 5 tunnels need a new key (no key or unknown age: 1, older than 90d: 2)")
    for name in ("psk_audit.html", "psk_audit.csv"):
        assert (ran.folder / name).stat().st_mode & 0o777 == 0o640
    assert ran.leaked([tunnel["psk"] for tunnel in emulator.tunnels() if "psk" in tunnel]) == []


def test_it_needs_nothing_from_elsewhere(emulator, run):
    ran = run("psk_audit")
    page = report(ran.folder).page
    assert not {"script", "link", "img", "iframe", "object", "base", "form"} & set(page.tags)
    assert "url(" not in report(ran.folder).text and "@import" not in report(ran.folder).text


def test_another_limit_and_place(emulator, run, tmp_path):
    args = ["-e", "max_age=6w", "-e", f"html_file={tmp_path}/psk_audit.html", "-e", f"csv_file={tmp_path}/psk_audit.csv", "-e", "fail_if_overdue=true"]
    ran = run("psk_audit", *args)
    assert ran.rc == 2
    assert ran.shows("4 of 5 tunnels need a new key: oslo-1, berlin-1, paris-2, lisbon-1")
    found = report(tmp_path)
    assert [line["status"] for line in found.lines] == ["never", "overdue", "overdue", "overdue", "ok"]
    assert "limit 42 days" in found.text
    assert not list(ran.folder.glob("psk_audit*"))


HEALTH = ["-e", "psk_audit_health=true"]


def test_health_and_metrics(emulator, run):
    """One look for all tunnels; those without a key, too, are in the metrics."""
    emulator.change_health("paris-1", 0, age_seconds=7200)
    emulator.change_health("oslo-1", None, age_seconds=7200)
    emulator.change_health("vienna-gre-1", 0.5, age_seconds=7200)
    ran = run("psk_audit", *HEALTH, "-e", "metrics_file=node/magic.prom", env={**emulator.environment(), "CLOUDFLARE_API_TOKEN": emulator.read_token})
    # The folder is not there: the other reports are.
    assert ran.rc == 2 and ran.shows("node/magic.prom: No such file or directory"), ran.screen
    assert len([request for request in emulator.requests() if request["path"].endswith("/graphql")]) == 1
    found = report(ran.folder)
    states = {"oslo-1": "unknown", "berlin-1": "healthy", "paris-2": "healthy", "lisbon-1": "healthy", "paris-1": "down"}
    assert {line["name"]: line["health"] for line in found.lines} == states
    assert [line["health_share"] for line in found.lines] == ["", "1.0", "1.0", "1.0", "0.0"]
    assert {row["tunnel"]: row["health"] for row in found.page.rows} == {
        **dict.fromkeys(("berlin-1", "paris-2", "lisbon-1"), "Healthyhealthy in 100 %"),
        "oslo-1": "Unknownno data",
        "paris-1": "Downhealthy in 0 %",
    }
    tiles = re.findall(r'<li class="card (\w+)"><b>(\d+)</b>', found.text)
    assert tiles[-4:] == [("healthy", "3"), ("degraded", "0"), ("down", "1"), ("unknown", "1")]
    ran = run("psk_audit", *HEALTH, "-e", f"metrics_file={ran.folder}/magic.prom", "-e", "psk_audit_health_min_healthy_share=1")
    assert ran.rc == 0 and ran.shows("Health: 3 healthy, 0 degraded, 1 down, 1 unknown. The report is"), ran.screen
    file = ran.folder / "magic.prom"
    assert file.stat().st_mode & 0o777 == 0o644 and not list(ran.folder.glob(".report-*"))
    lines = file.read_text(encoding="utf-8").splitlines()
    account = f'{{account_id="{emulator.account_id}"'
    for name in ("paris-1", "vienna-gre-1"):
        shown_state = "down" if name == "paris-1" else "degraded"
        assert f'cloudflare_magic_tunnel_health{account},tunnel="{name}",state="{shown_state}"}} 1' in lines
    assert [line.rpartition(" ")[2] for line in lines if line.startswith("cloudflare_magic_ipsec_psk_due{")] == ["1", "1", "1", "0", "0"]
    assert ran.leaked([tunnel["psk"] for tunnel in emulator.tunnels() if "psk" in tunnel]) == []


def test_health_that_cannot_be_read(emulator, run):
    ran = run("psk_audit", *HEALTH, env={**emulator.environment(), "CLOUDFLARE_API_TOKEN": emulator.blind_token})
    assert ran.rc == 2 and not list(ran.folder.glob("psk_audit*"))
    assert ran.shows("psk_audit_health: the health of the tunnels cannot be read.") and ran.shows("'Account Analytics Read'")


def test_due_soon(emulator, run):
    fleet(emulator, [80, 82.5, 89.9, 90.1])
    found = report(run("psk_audit").folder)
    assert [(line["name"], line["status"]) for line in found.lines] == [("branch-3", "overdue"), ("branch-2", "soon"), ("branch-1", "soon"), ("branch-0", "ok")]
    assert [row["state"] for row in found.page.rows][:3] == ["Overdueby 2 hours", "Due soonin 2 hours", "Due soonin 7 days"]
    assert "1 tunnel needs a new key." in found.text


def test_all_is_well(emulator, run):
    fleet(emulator, [1, 2])
    ran = run("psk_audit", "-e", "fail_if_overdue=true")
    assert ran.rc == 0, ran.screen
    assert "No tunnel needs a new key." in report(ran.folder).text


def test_check_mode_writes_no_report(emulator, run):
    ran = run("psk_audit", "--check")
    assert ran.rc == 0, ran.screen
    assert [request["method"] for request in emulator.requests()] == ["GET"]
    assert not list(ran.folder.glob("psk_audit*"))


def test_an_account_without_tunnels(emulator, run):
    fleet(emulator, [])
    ran = run("psk_audit")
    assert ran.rc == 0, ran.screen
    found = report(ran.folder)
    assert found.lines == [] and found.page.rows == []
    assert "This account has no IPsec tunnels." in found.text


def test_a_wrong_limit_is_refused(emulator, run):
    ran = run("psk_audit", "-e", "max_age=90x")
    assert ran.rc == 2
    assert ran.shows("max_age: '90x' is not an age")
    assert emulator.requests() == []


def test_a_missing_permission_is_told(emulator, run):
    ran = run("psk_audit", env={**emulator.environment(), "CLOUDFLARE_API_TOKEN": "a-token-of-nobody"})
    assert ran.rc == 2
    assert ran.shows("Magic WAN Read")
    assert not list(ran.folder.glob("psk_audit*"))


def write_file(folder: Path, content: object) -> None:
    """Write the encrypted file of keys."""
    file = folder / "keys.yml"
    # A key with braces is no template; modules write it so.
    file.write_text(re.sub(r"psk: (?=.*\{\{)", "psk: !unsafe ", yaml.safe_dump(content)), encoding="utf-8")
    encrypt(file)


def test_keys_in_doubt(emulator, run, tmp_path):
    """With the file of keys: what a killed run, a run of a fleet, and someone else have left behind."""
    there = {tunnel["name"]: tunnel for tunnel in emulator.tunnels()}
    moment = {name: (tunnel.get("psk_metadata") or {}).get("last_generated_on") for name, tunnel in there.items()}
    assert moment["lisbon-1"] and moment["paris-2"] and not moment["oslo-1"]
    keys = [f"key-number-{number}-of-the-file-of-the-test" for number in range(6)]
    entries = {
        "paris-1": {"psk": keys[0], "last_generated_on": moment["paris-1"], "replacing_since": "2026-01-01T00:00:00+00:00"},
        "lisbon-1": {"psk": keys[1], "last_generated_on": "2020-01-01T00:00:00Z", "previous_psk": keys[2]},
        "oslo-1": {"pending_psk": keys[3]},
        # As it should be; the same time, written in another way.
        "paris-2": {"psk": keys[4] + "{{ 1 / 0 }}", "last_generated_on": moment["paris-2"].replace("Z", "+00:00")},
    }
    file = {
        "cloudflare_magic_ipsec_psks": {**{there[name]["id"]: {"name": name, **entry} for name, entry in entries.items()}, "gone": {"psk": keys[5]}},
        "max_age": "not of the audit",
    }
    write_file(tmp_path / "user", file)
    before = emulator.state()
    ran = run("psk_audit", "-e", "vault_file=keys.yml", "-e", "fail_if_overdue=true", "-vvv", "--diff")
    assert ran.rc == 2, ran.screen
    assert emulator.state() == before and [request["method"] for request in emulator.requests()] == ["GET"]
    found = report(ran.folder)
    wanted = [("lisbon-1", "replaced"), ("oslo-1", "interrupted"), ("paris-1", "interrupted"), ("berlin-1", "overdue"), ("paris-2", "overdue")]
    assert [(line["name"], line["status"]) for line in found.lines] == wanted
    assert [(row["tunnel"], row["status"]) for row in found.page.rows] == wanted
    states = ["Replaced elsewherethe file has another key", "Interruptedkey in force unknown", "Interruptedkey in force unknown"]
    assert [row["state"] for row in found.page.rows][:3] == states
    assert "<b>3</b><span>in doubt</span>" in found.text and "rotate: always" in found.text
    assert "5 tunnels need a new key." in found.text
    assert ran.shows("5 of 5 tunnels need a new key (no key or unknown age: 0, older than 90d: 2, interrupted: 2, replaced elsewhere: 1)")
    # From ansible-core 2.22 on, Ansible masks on the screen all that an encrypted file holds, names included.
    names = re.search(r"need a new key: ((?:[\w$-]+, ){4}[\w$-]+)", ran.screen)
    assert names, ran.screen
    assert all(shown_name in (name, "$REDACTED$") for shown_name, (name, dummy) in zip(names[1].split(", "), wanted, strict=True))
    assert ran.leaked(keys) == []
    # Without the file, ages alone count.
    assert run("psk_audit", "-e", "vault_file=").rc == 0
    assert {line["name"]: line["status"] for line in report(ran.folder).lines}["paris-1"] == "ok"


@pytest.mark.parametrize("wrong", ["no file", "no password", "another file", "no entries"])
def test_a_file_that_is_none_is_told(emulator, run, tmp_path, wrong):
    key = "a-key-that-stands-in-the-wrong-place"
    if wrong != "no file":
        write_file(
            tmp_path / "user", {"other": key} if wrong == "another file" else {"cloudflare_magic_ipsec_psks": {"id": key if wrong == "no entries" else {}}}
        )
    ran = run("psk_audit", "-e", "vault_file=keys.yml", "-vvv", vault=wrong != "no password")
    assert ran.rc == 2
    assert ran.shows("keys.yml cannot be read as a file of keys") and ran.shows("--ask-vault-pass")
    assert emulator.requests() == [] and not list(ran.folder.glob("psk_audit*"))
    assert ran.leaked([key]) == []


def test_names_that_nobody_should_have(emulator, run):
    """Cloudflare refuses such names today; the report does not rely on it."""
    tunnels: list[dict[str, Any]] = [{"id": f"{number:032x}", "name": name, "psk_metadata": {}} for number, name in enumerate(NASTY)]
    tunnels.append({"id": "f" * 32, "name": "odd", "psk_metadata": {"last_generated_on": "<b>yesterday</b>"}})
    body = json.dumps({"success": True, "errors": [], "messages": [], "result": {"ipsec_tunnels": tunnels}})
    emulator.fault(kind="html", path="ipsec_tunnels", status=200, body=body, headers={"Content-Type": "application/json"})
    ran = run("psk_audit", "-e", "metrics_file=magic.prom")
    emulator.clear_violations()
    assert ran.rc == 0, ran.screen
    found = report(ran.folder)
    assert {row["id"]: row["tunnel"] for row in found.page.rows} == {tunnel["id"]: shown(tunnel["name"]) for tunnel in tunnels}
    assert not {"script", "img"} & set(found.page.tags)
    for line in found.lines:
        name = next(tunnel["name"] for tunnel in tunnels if tunnel["id"] == line["ipsec_tunnel_id"])
        assert line["name"] == CELLS.get(name, shown(name))
        assert line["status"] == ("unknown" if name == "odd" else "never")
    metrics = (ran.folder / "magic.prom").read_text(encoding="utf-8")
    assert metrics.count("\ncloudflare_magic_ipsec_psk_due{") == len(tunnels) and all(character.isprintable() or character == "\n" for character in metrics)
    # A spreadsheet that separates by semicolons begins cells elsewhere. An apostrophe makes one text.
    for line in (ran.folder / "psk_audit.csv").read_text(encoding="utf-8").splitlines():
        assert not [cell for cell in line.split(";") if FORMULA.match(cell)], line


def test_many_tunnels(emulator, run):
    fleet(emulator, [None if number % 50 == 0 else number * 37 % 500 for number in range(500)])
    ran = run("psk_audit")
    assert ran.rc == 0, ran.screen
    found = report(ran.folder)
    assert len(found.lines) == len(found.page.rows) == 500
    assert [line["status"] for line in found.lines[:11]] == ["never"] * 10 + ["overdue"]
    widths = [float(row["width"]) for row in found.page.rows[10:]]
    assert widths == sorted(widths, reverse=True) and widths[0] == 100 and widths[-1] < 1


# --- in a browser

MISTAKES = """<!DOCTYPE html><meta charset="utf-8"><style>
p, td { white-space: nowrap } @media print { .two { display: block } }
</style>
<p style="overflow: hidden; width: 30px">hidden text</p>
<table style="table-layout: fixed; width: 60px"><tr><td>into the next cell</td><td></td></tr></table>
<p style="position: relative; left: 350px">sticks out</p>
<p style="height: 0; margin: 0">one text</p><p style="margin: 0">on another</p>
<p style="color: #aaa">hard to read</p>
<p style="overflow: auto; width: 30px">scrolls</p>
<img src="data:," width="20" height="20">
<div class="two" style="display: flex"><p id="left">left</p><p id="right">right</p></div>
<style>@media print { .two { display: block !important } }</style>"""
# What of the page is looked at, and which of it is in one row. Each has a place in approved_audit.yml.
PARTS = {"title": "h1", "facts": ".facts", "tile": ".tiles li", "share": ".share", "head": "thead th", "tunnel": "tbody tr", "advice": "footer p"}
COLUMNS = {name: f"tbody tr:nth-child(2) .{name}" for name in ("tunnel", "bars", "age", "made", "state", "health")}
APPROVED = yaml.safe_load(Path(__file__).with_name("approved_audit.yml").read_text(encoding="utf-8"))
AGES = {"oslo-1": None, "berlin-1": 412, "madrid-2": 97, "lisbon-1": 86, "porto-1": 45, "paris-1": 12, "vienna-1": 0.5}
MEASURE = """(() => {
    const box = node => { const r = node.getBoundingClientRect(); return [r.left, r.top, r.width, r.height]; };
    return [...document.querySelectorAll("tbody tr")].map(row => ({
        name: row.querySelector("bdi").textContent, row: box(row), track: box(row.querySelector(".bar")), bar: box(row.querySelector(".bar i")),
        colour: getComputedStyle(row.querySelector(".bar i")).backgroundColor}));
})()"""


@pytest.mark.parametrize("health", [False, True], ids=["keys", "keys and health"])
def test_it_looks_right(emulator, run, tmp_path, health):
    """On wide and narrow screens, light, dark and printed, its parts stand as someone has approved, and nothing is cut or overlaps.

    AUDIT_PICTURE=docs/psk_audit.png writes the picture in README.
    """
    fleet(emulator, list(AGES.values()), list(AGES))
    for name, state in (("porto-1", 0.5), ("oslo-1", 0), ("vienna-1", None)):
        emulator.change_health(name, state, age_seconds=7200)
    ran = run("psk_audit", *(HEALTH if health else []))
    assert ran.rc == 0, ran.screen
    with chromium(tmp_path) as browser:
        browser.open((ran.folder / "psk_audit.html").as_uri())
        for view, (width, *dummy) in VIEWS.items():
            assert browser.problems(view) == {}, view
            rows = {"page": browser.rows(view, PARTS), "cells": browser.rows(view, COLUMNS)}
            assert rows == APPROVED["with health" if health else "keys"][view.split()[0].strip(",")], view
            bars_are_right(browser.evaluate(MEASURE), width)
        if health:
            bars_are_seen(browser)
        elif os.environ.get("AUDIT_PICTURE"):
            Path(os.environ["AUDIT_PICTURE"]).write_bytes(browser.picture("1200 light"))


def bars_are_right(rows, width):
    """Each bar is as long as its key is old: 360 days, four times the limit, is the whole width; above that, bars are cut off."""
    assert [row["name"] for row in rows] == list(AGES)
    assert [row["row"][1] for row in rows] == sorted(row["row"][1] for row in rows), "the rows are not below each other"
    for row, age in zip(rows, AGES.values()):
        assert row["track"][2] > 0.2 * width
        assert row["bar"][2] == pytest.approx(max(3, row["track"][2] * min(360 if age is None else age, 360) / 360), abs=1), row["name"]
        assert row["bar"][0] == pytest.approx(row["track"][0], abs=0.1)
    assert len({row["colour"] for row in rows[1:]}) == 3, "overdue, due soon, within the limit"


def bars_are_seen(browser):
    """The bars are where and what the measures say."""
    image = pytest.importorskip("PIL.Image", reason="all measures are right, but looking at a screenshot needs Pillow")
    shot = image.open(io.BytesIO(browser.picture("390 dark"))).convert("RGB")
    for row in browser.evaluate(MEASURE)[1:5]:
        left, top, wide, high = row["bar"]
        middle = shot.getpixel((int(left + wide / 8), int(top + high / 2)))
        assert list(middle) == [int(part) for part in re.findall(r"\d+", row["colour"])][:3], row["name"]
        assert shot.getpixel((int(left) - 6, int(top + high / 2))) != middle
    assert len(shot.getcolors(1 << 20)) > 50, "there is hardly anything to be seen"


def test_what_looks_wrong_is_found(tmp_path):
    """A page with one mistake of each kind, which the test above would find."""
    page = tmp_path / "page.html"
    page.write_text(MISTAKES, encoding="utf-8")
    with chromium(tmp_path) as browser:
        browser.open(page.as_uri())
        found = browser.problems("390 light")
        assert {kind: [text.split(": ")[-1] for text in texts] for kind, texts in found.items() if kind not in ("sideways", "images")} == {
            "cut": ["hidden text", "into the next cell"], "out": ["sticks out"], "over": ["on another"], "faint": ["hard to read"]
        }  # fmt: skip
        assert found["sideways"] and found["images"] == ["data:,"]
        # A box that scrolls on a screen is cut on paper.
        assert "scrolls" not in str(found) and "scrolls" in str(browser.problems("print")["cut"])
        assert browser.rows("390 light", {"left": "#left", "right": "#right"}) == ["left | right"]
        assert browser.rows("print", {"left": "#left", "right": "#right"}) == ["left", "right"]
