# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From an account to a file, from a file to a plan, and from a plan to the account."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET

import yaml

# Connectors have created nothing in this account; without saying so, there is a warning.
OWN = {"network_keep": "connector-*"}
NEW_TUNNELS = "New tunnels have no pre-shared key"


def lines_of(screen: str, task: str) -> list[str]:
    """Return what a task has printed, without its outcome."""
    part = screen.split(f"TASK [{task}]", 1)[1].split("\n", 1)[1].split("\n\n", 1)[0]
    return [line for line in part.split("\n") if not line.startswith(("ok: ", "changed: "))]


def writes(emulator) -> list[dict]:
    """Return the requests that change something; a query of GraphQL, which is a POST, does not."""
    sent = [request for request in emulator.requests() if request["method"] != "GET" and not request["path"].endswith("/graphql")]
    return [request for request in sent if "validate_only=true" not in request["query_string"]]


def test_a_day(emulator, book, tmp_path):
    """Export, plan, edit, plan, apply; each time what is written, printed and sent."""
    file = tmp_path / "network.yml"
    assert book("network_export", "--check", **OWN).rc == 0 and not file.exists()
    ran = book("network_export", "--diff", **OWN)
    assert ran.rc == 0 and "+network_config:" in ran.screen and "5 ipsec_tunnels, 2 gre_tunnels, 1 interconnects, 3 static_routes" in ran.screen, ran.screen
    assert file.stat().st_mode & 0o777 == 0o644
    first = file.read_text(encoding="utf-8")
    assert emulator.account_id in first and not [key for key in emulator.keys().values() if key and key in first]
    ran = book("network_export", "--diff", **OWN)
    assert ran.rc == 0 and file.read_text(encoding="utf-8") == first and "+++" not in ran.screen and "changed=0" in ran.screen, ran.screen

    ran = book("network_plan", network_state="overridden", network_keep="connector-*", network_plan_fail_on_drift="true")
    assert ran.rc == 0 and "changed=0" in ran.screen and writes(emulator) == []
    assert lines_of(ran.screen, "Show the plan") == ["Nothing differs.", "Plan: 0 to create, 0 to update, 0 to delete."]

    design = yaml.safe_load(first)
    config = design["network_config"]
    config["ipsec_tunnels"].append({"name": "lyon-1", "cloudflare_endpoint": "203.0.113.1", "interface_address": "10.213.0.60/31"})
    next(tunnel for tunnel in config["ipsec_tunnels"] if tunnel["name"] == "oslo-1")["description"] = "Now: fibre"
    config["static_routes"] = [*config["static_routes"][:2], {"prefix": "192.0.2.192/27", "nexthop_tunnel": "lyon-1", "priority": 100}]
    file.write_text(yaml.safe_dump(design), encoding="utf-8")
    plan = [
        "+ ipsec_tunnels lyon-1",
        "    name: lyon-1",
        "    cloudflare_endpoint: 203.0.113.1",
        "    interface_address: 10.213.0.60/31",
        "~ ipsec_tunnels oslo-1",
        '    description: Tunnel of the branch office in Oslo -> "Now: fibre"',
        "+ static_routes 192.0.2.192/27 via 10.213.0.61, priority 100",
        "    prefix: 192.0.2.192/27",
        "    nexthop: 10.213.0.61",
        "    priority: 100",
        "- static_routes 10.20.0.0/24 via 10.213.0.31, priority 200, scope WEUR",
    ]
    options = {"network_state": "overridden", "network_keep": "connector-*", "network_plan_markdown": "plan.md", "network_plan_junit": "plan.xml"}
    ran = book("network_plan", warns=[NEW_TUNNELS], **options)
    told = lines_of(ran.screen, "Show the plan")
    assert ran.rc == 0 and writes(emulator) == [] and told[: len(plan)] == plan, ran.screen
    assert told[-1] == "Plan: 2 to create, 1 to update, 1 to delete." and any(line.startswith("  static_routes[2]: It depends") for line in told)
    markdown = (tmp_path / "plan.md").read_text(encoding="utf-8")
    assert markdown.split("```")[1].splitlines()[1:] == told[:-1]
    report = ET.parse(tmp_path / "plan.xml").getroot()
    assert report.get("failures") == "0" and len(report.findall("testsuite/testcase")) == 4

    ran = book("network_plan", warns=[NEW_TUNNELS], network_plan_fail_on_drift="true", **options)
    assert ran.rc == 2 and ran.shows("The account differs from the design. Plan: 2 to create, 1 to update, 1 to delete.")
    assert ET.parse(tmp_path / "plan.xml").getroot().get("failures") == "4"

    ran = book("network_apply", "--check", warns=[NEW_TUNNELS], network_state="overridden", network_keep="connector-*")
    assert ran.rc == 0 and writes(emulator) == [] and lines_of(ran.screen, "Show what was applied") == told
    ran = book(
        "network_apply",
        "--diff",
        warns=[NEW_TUNNELS],
        network_state="overridden",
        network_keep="connector-*",
        env={"ANSIBLE_FORCE_COLOR": "1", "ANSIBLE_NOCOLOR": ""},
    )
    assert ran.rc == 0 and emulator.tunnel("oslo-1")["description"] == "Now: fibre", ran.screen
    colours = {line[len("\x1b[0;32m") :][:1]: line[:7] for line in ran.screen.split("TASK [Show what was applied]")[1].split("\n") if line.startswith("\x1b")}
    assert (colours["+"], colours["~"], colours["-"]) == ("\x1b[0;32m", "\x1b[0;33m", "\x1b[0;31m")
    assert "Applied: 2 created, 1 updated, 1 deleted." in ran.screen

    ran = book("network_plan", network_state="overridden", network_keep="connector-*", network_plan_fail_on_drift="true")
    assert ran.rc == 0 and "Nothing differs." in ran.screen
    # One field by hand, in the dashboard: one line, beside the comment that says when.
    assert book("network_export", **OWN).rc == 0
    tunnel = emulator.tunnel("oslo-1")
    assert emulator.call("PUT", f"ipsec_tunnels/{tunnel['id']}", {**{name: tunnel[name] for name in WRITTEN}, "description": "By hand"}).status_code == 200
    ran = book("network_export", "--diff", **OWN)
    changed = re.findall(r"^([+-] .*)", ran.screen, re.MULTILINE)
    assert changed == ['-      description: "Now: fibre"', "+      description: By hand"], ran.screen


WRITTEN = ("name", "cloudflare_endpoint", "customer_endpoint", "interface_address", "health_check")


def test_where_a_design_comes_from(emulator, book, tmp_path):
    """From the inventory, from -e, from another file; and what is said if it comes from nowhere."""
    ran = book("network_plan")
    assert ran.rc == 2 and ran.shows("There is no design") and ran.shows("network_export") and emulator.requests() == []
    (tmp_path / "network.yml").write_text("other: 1\n", encoding="utf-8")
    assert book("network_apply").shows("network.yml has no variable network_config")
    description = {"name": "paris-1", "description": "From {{ whence }}"}
    inventory = {"all": {"vars": {"network_config": {"ipsec_tunnels": [description]}, "whence": "the inventory", "network_state": "replaced"}}}
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump(inventory), encoding="utf-8")
    ran = book("network_plan", "-i", "hosts.yml")
    assert ran.rc == 0 and "-> From the inventory" in ran.screen and "Plan: 0 to create, 1 to update" in ran.screen, ran.screen
    ran = book("network_apply", "-i", "hosts.yml", "-e", json.dumps({"network_config": {"ipsec_tunnels": []}}), "--check")
    assert ran.rc == 0 and "Nothing differs." in ran.screen, ran.screen
    # A variable that is missing in it does not make another design of it.
    del inventory["all"]["vars"]["whence"]
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump(inventory), encoding="utf-8")
    (tmp_path / "network.yml").write_text("network_config: {ipsec_tunnels: []}\n", encoding="utf-8")
    ran = book("network_plan", "-i", "hosts.yml")
    assert ran.rc == 2 and ran.shows("'whence' is undefined"), ran.screen
    kinds = "bgp_settings,gre_tunnels,mnm_config,static_routes"
    ran = book("network_export", warns=["sites with connectors (porto)"], network_kinds=kinds, network_file="sub.yml")
    design = yaml.safe_load((tmp_path / "sub.yml").read_text(encoding="utf-8"))["network_config"]
    assert ran.rc == 0 and set(design) == {"static_routes", "gre_tunnels", "bgp_settings", "mnm_config"} and design["bgp_settings"] == {"cloudflare_asn": 13335}
    assert ran.shows("gre_tunnels, 3 static_routes, bgp_settings, mnm_config."), ran.screen
    assert len(emulator.requests()) == 4 + 1  # and the sites, for their connectors


def test_what_is_wrong_is_told_line_by_line(emulator, book, tmp_path):
    design = {"ipsec_tunnels": [{"name": "a", "interface_address": "10.0.0.1"}, {"name": "b", "typo": 1}], "static_routes": [{"prefix": "x"}]}
    (tmp_path / "network.yml").write_text(yaml.safe_dump({"network_config": design}), encoding="utf-8")
    ran = book("network_plan", network_plan_junit="plan.xml", network_plan_markdown="plan.md")
    told = lines_of(ran.screen, "Show the plan")
    assert ran.rc == 2 and told[0] == "Problems of the design:" and told[-1] == "There is no plan."
    assert [line.split(": ")[0] for line in told[1:3]] == ["  ipsec_tunnels[0].interface_address", "  ipsec_tunnels[1].typo"], ran.screen
    assert len(told) > 4 and ran.shows(f"Problems of the design, listed above: {len(told) - 2}. Nothing was changed.")
    assert ET.parse(tmp_path / "plan.xml").getroot().get("errors") == str(len(told) - 2)
    assert "\n".join(told[:-1]) in (tmp_path / "plan.md").read_text(encoding="utf-8") and emulator.requests() == []
    ran = book("network_apply", env={"CLOUDFLARE_API_TOKEN": "a-token-of-nobody"}, network_config="no design")
    assert ran.rc == 2


def test_what_fails_is_told_with_the_rest(emulator, book, tmp_path):
    """A document callback gets it as a result."""
    design = {"ipsec_tunnels": [{"name": "paris-1", "description": "New"}], "gre_tunnels": [{"name": "vienna-gre-1", "description": "New"}]}
    (tmp_path / "network.yml").write_text(yaml.safe_dump({"network_config": design}), encoding="utf-8")
    emulator.fault(kind="status", method="PUT", path="gre_tunnels", status=400, errors=[{"code": 1000, "message": "No, today not."}])
    ran = book("network_apply")
    told = lines_of(ran.screen, "Show what was applied")
    assert ran.rc == 2 and "    failed: " in ran.screen and any("No, today not." in line for line in told), ran.screen
    assert told[-1] == "Applied: 0 created, 1 updated, 0 deleted, 1 failed." and emulator.tunnel("paris-1")["description"] == "New"
    ran = book("network_apply", env={"ANSIBLE_STDOUT_CALLBACK": "minimal"})
    assert ran.rc == 0 and '"Applied: 0 created, 1 updated, 0 deleted."' in ran.screen
    ran = book("network_plan", env={"CLOUDFLARE_API_TOKEN": "a-token-of-nobody"})
    assert ran.rc == 2 and lines_of(ran.screen, "Show the plan")[0].startswith("Error: ") and ran.shows("Magic WAN Read")


WAIT = ["-e", "network_apply_wait_for_health=true", "-e", "network_apply_wait_timeout=3s"]
LONG_AGO = 7200


def test_waiting_for_health(emulator, book, tmp_path):
    """What has a key is waited for, by data from after the change; a tunnel without one is named. A second run waits again, and changes nothing."""
    tunnels = [{"name": name, "description": "New"} for name in ("paris-1", "oslo-1")]
    tunnels.append({"name": "lyon-1", "cloudflare_endpoint": "203.0.113.1", "interface_address": "10.213.0.60/31"})
    others = {
        "gre_tunnels": [{"name": "vienna-gre-1"}, {"name": "vienna-gre-2", "health_check": {"enabled": False}}],
        "interconnects": [{"name": "frankfurt-1"}],
    }
    (tmp_path / "network.yml").write_text(yaml.safe_dump({"network_config": {"ipsec_tunnels": tunnels, **others}}), encoding="utf-8")
    # It was healthy until now, and then there is no more data.
    emulator.change_health("paris-1", 1, age_seconds=LONG_AGO)
    emulator.change_health("paris-1", None)
    emulator.change_health("vienna-gre-1", 0, age_seconds=LONG_AGO)
    ran = book("network_apply", *WAIT, warns=[NEW_TUNNELS])
    assert ran.rc == 2 and "Applied: 1 created, 3 updated, 0 deleted." in ran.screen, ran.screen
    assert ran.shows(
        "The network was applied and is not rolled back. Not all of its tunnels became healthy: wait_for: not all tunnels are healthy after 3 s. "
        "1 of 3 healthy;"
    )
    assert ran.shows("not yet: paris-1 (unknown), vienna-gre-1 (down)")
    assert ran.shows("create keys with cloudflare.magic.rotate_psks): oslo-1, lyon-1.") and ran.shows("because their health check is off: vienna-gre-2.")
    for name in ("paris-1", "vienna-gre-1"):
        emulator.change_health(name, 1)
    ran = book("network_apply", *WAIT, "-e", "network_apply_wait_timeout=1m")
    assert ran.rc == 0 and writes(emulator) == [] and "changed=0" in ran.screen, ran.screen
    # What is gone, or would only be changed, is not waited for.
    ran = book("network_apply", *WAIT, "-e", json.dumps({"network_state": "deleted", "network_config": {"ipsec_tunnels": [{"name": "lyon-1"}]}}))
    assert ran.rc == 0 and "Not waited for" not in ran.screen, ran.screen
    assert len([request for request in emulator.requests() if request["path"].endswith("/graphql")]) == 1


def test_waiting_for_what_cannot_be_read(emulator, book, tmp_path):
    (tmp_path / "network.yml").write_text("network_config: {ipsec_tunnels: [{name: paris-1, description: New}]}\n", encoding="utf-8")
    ran = book("network_apply", *WAIT, env={"CLOUDFLARE_API_TOKEN": emulator.blind_token})
    assert ran.rc == 2 and ran.shows("network_apply_wait_for_health: the health of the tunnels cannot be read.") and ran.shows("'Account Analytics Read'")
    assert writes(emulator) == [] and emulator.tunnel("paris-1")["description"] != "New"
    ran = book("network_apply", *WAIT, "-e", "network_apply_wait_timeout=soon")
    assert ran.rc == 2 and ran.shows("network_apply_wait_timeout: 'soon' is not an age") and emulator.requests() == []
