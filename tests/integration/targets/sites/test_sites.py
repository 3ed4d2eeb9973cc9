# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A site from box to traffic by ansible-playbook, while every answer about a connector has its license key. What each module does with each field is tested in
tests/unit/kinds."""

from __future__ import annotations

import json

from ansible_collections.cloudflare.magic.tests.integration.support.hostile import Evil

KEY = "LicenseKeyLicenseKeyLicenseKey-0123456789"


def licensed(value):
    """Put a license key into each connector of an answer, and into what errors say of one."""
    if isinstance(value, dict):
        found = {name: licensed(item) for name, item in value.items()}
        if "device" in found:
            found["license_key"] = KEY
        if found.get("success") is False:
            found["errors"] = [{**error, "message": f"{error['message']} (license {KEY})"} for error in found["errors"]]
        return found
    return [licensed(item) for item in value] if isinstance(value, list) else value


BOX = {"serial_number": "MC-1"}
LANS = [{"name": "office", "physport": 2, "vlan_tag": 20}, {"name": "printers", "physport": 2, "vlan_tag": 30}]
ACL = {"name": "printing", "lan_1": {"lan": "office"}, "lan_2": {"lan": "printers", "ports": [631]}}
DESIGN = {"connectors": [BOX], "sites": [{"name": "lyon", "connector": "MC-1", "lans": LANS, "acls": [ACL]}]}
RAMPS = [{"gre_interconnect": "frankfurt-1"}, {"connector": "MC-1"}]
# Of each module, the options, and whether it changes something.
TASKS = [
    ("box", "connector", {**BOX, "notes": "Lyon"}, True),
    ("again", "connector", {**BOX, "notes": "Lyon"}, False),
    ("site", "site", {"name": "lyon", "connector": "MC-1"}, True),
    ("wan", "site_wan", {"site": "lyon", "name": "fiber", "physport": 1}, True),
    ("lan", "site_lan", {"site": "lyon", **LANS[0]}, True),
    ("lan_2", "site_lan", {"site": "lyon", **LANS[1]}, True),
    ("acl", "site_acl", {"site": "lyon", **ACL}, True),
    ("netflow", "site_netflow", {"site": "lyon", "collector_ip": "192.168.20.5"}, True),
    ("on", "connector", {**BOX, "activated": True}, True),
    ("read", "connector_info", {}, False),
    ("one", "connector_info", {**BOX, "format": "options"}, False),
    ("sites", "site_info", {"name": "lyon"}, False),
    ("lans", "site_lan_info", {"site": "lyon"}, False),
    ("wans", "site_wan_info", {"site": "lyon"}, False),
    ("acls", "site_acl_info", {"site": "lyon"}, False),
    ("netflows", "site_netflow_info", {"site": "lyon"}, False),
    ("reboot", "connector_interrupt", {"connector": "MC-1", "interrupt": "reboot", "confirm": True}, True),
    ("design", "network", {"config": DESIGN}, False),
    ("gathered", "network", {"config": {"connectors": [], "sites": []}, "state": "gathered"}, False),
    ("filter", "bgp_filter_profile", {"name": "lyon", "match_action": "allow", "targets": ["192.168.0.0/16"]}, True),
    ("filters", "bgp_filter_profile_info", {"name": "lyon"}, False),
    ("bgp", "bgp_settings", {"redistribute_static_wan": True}, True),
    ("bgps", "bgp_settings_info", {}, False),
    ("link", "interconnect", {"name": "frankfurt-1", "bgp": {"customer_asn": 65030, "import_filter": "lyon"}}, True),
    ("links", "interconnect_info", {}, False),
    ("group", "redundancy_group", {"name": "frankfurt", "members": {"interconnects": ["frankfurt-1"]}}, True),
    ("grouped", "redundancy_group_info", {}, False),
    ("app", "app", {"name": "payroll", "type": "Business"}, True),
    ("apps", "app_info", {}, False),
    ("breakout", "site_app_config", {"site": "lyon", "app": "payroll", "breakout": True, "preferred_wans": ["fiber"]}, True),
    ("breakouts", "site_app_config_info", {"site": "lyon", "app": "payroll"}, False),
    ("newer", "cf1_site", {"name": "lyon"}, True),
    ("ramps", "cf1_site", {"name": "lyon", "ramps": RAMPS}, True),
    ("unchanged", "cf1_site", {"name": "lyon", "ramps": RAMPS}, False),
    ("newers", "cf1_site_info", {"ramps": True, "format": "options"}, False),
    ("ramped", "network", {"config": {"cf1_sites": [{"name": "lyon", "ramps": RAMPS}]}, "state": "overridden"}, False),
    ("released", "cf1_site", {"name": "lyon", "state": "absent"}, True),
    ("monitoring", "mnm_config", {"name": "Example", "default_sampling": 1000}, True),
    ("monitorings", "mnm_config_info", {}, False),
    ("rule", "mnm_rule", {"name": "flood", "type": "threshold", "automatic_advertisement": False, "prefixes": ["203.0.113.0/24"]}, True),
    ("rules", "mnm_rule_info", {}, False),
    ("refused", "connector", {**BOX, "state": "absent"}, None),
    ("gone", "network", {"config": {"sites": [{"name": "lyon"}], "connectors": [BOX]}, "state": "deleted", "max_deletions": 7}, True),
]


def test_a_site_from_box_to_traffic(emulator, play, leaked):
    emulator.reset()
    server = Evil(emulator, licensed)
    tasks = [{f"cloudflare.magic.{module}": options, "register": name, "ignore_errors": changed is None} for name, module, options, changed in TASKS]
    dry = {"cloudflare.magic.network": {"config": {**DESIGN, "sites": [{"name": "nice", "lans": LANS}]}}, "register": "dry", "check_mode": True}
    reboot = {"cloudflare.magic.connector_interrupt": {"connector": "MC-1", "interrupt": "reboot", "confirm": True}, "register": "repeated"}
    repeated = {**reboot, "until": "repeated is success", "retries": 1, "delay": 0, "ignore_errors": True}
    # In check mode a task builds on what the ones before would have created; otherwise not.
    new: list[tuple[str, dict]] = [("connector", {"serial_number": "MC-9"}), ("site", {"name": "tours", "connector": "MC-9"})]
    new += [("site_lan", {"site": "tours", **lan}) for lan in LANS] + [("site_acl", {"site": "tours", **ACL})]
    checked = [
        {f"cloudflare.magic.{module}": options, "register": f"new_{number}", "check_mode": True} for number, (module, options) in enumerate([*new, new[-1]])
    ]
    lost = {"cloudflare.magic.site_lan": {"site": "tours", **LANS[0]}, "register": "lost", "ignore_errors": True}
    try:
        played = play([*tasks, dry, repeated, *checked, lost], env=server.environment, args=["-vvv", "--diff"])
    finally:
        server.close()
    assert played.rc == 0, played.screen
    found = played["here"]
    assert {name: found[name]["changed"] for name, dummy, dummy_options, changed in TASKS if changed is not None} == {
        name: changed for name, dummy, dummy_options, changed in TASKS if changed is not None
    }
    assert [found[f"new_{number}"]["changed"] for number in range(len(checked))] == [True] * len(new) + [False]
    assert found["lost"]["msg"].startswith("site: there is no site 'tours'.") and "check mode" not in found["lost"]["msg"]
    assert found["refused"]["failed"] and "(license ********)" in found["refused"]["msg"]
    assert "each attempt of the task would interrupt" in found["repeated"]["msg"]
    assert found["read"]["connectors"][-1]["last_heartbeat"] and found["dry"]["not_validated"]
    assert found["newers"]["cf1_sites"] == [{"name": "lyon", "ramps": list(reversed(RAMPS))}]
    assert {ramp["type"] for ramp in found["ramps"]["cf1_site"]["ramps"]} == {"gre_interconnect", "mconn"} and len(found["released"]["cf1_site"]["ramps"]) == 2
    assert found["gathered"]["gathered"]["sites"][0]["acls"][0]["lan_1"] == {"lan": "office"}
    assert leaked(played.written() + str(found), [KEY]) == []


def test_a_run_in_check_mode_builds_on_designs_too_and_a_plan_in_another_run_does_not(emulator, play):
    plan = {"cloudflare.magic.network": {"config": DESIGN}}
    tasks: list[dict] = [
        {**plan, "register": "first", "check_mode": True},
        {**plan, "register": "second", "check_mode": True},
        {"cloudflare.magic.site_lan": {"site": "lyon", "name": "lab", "physport": 7}, "register": "lan", "ignore_errors": True},
        {"cloudflare.magic.connector_license": {"notes": "Nice, virtual"}, "register": "license"},
        {"cloudflare.magic.site": {"name": "nice", "connector": "{{ license.connector_id }}"}, "register": "site"},
    ]
    found = {}
    for args in (["--check"], []):
        emulator.reset()
        played = play(tasks, env=emulator.environment(), args=args)
        assert played.rc == 0, played.screen
        found[bool(args)] = played["here"]
        assert bool(args) is not any(request["method"] != "GET" for request in emulator.requests())
    checked, real = found[True], found[False]
    assert checked["first"]["changes"] == real["first"]["changes"] == real["second"]["changes"] and checked["second"]["changes"] == []
    assert checked["lan"]["changed"] and "there is no site 'lyon'" in real["lan"]["msg"]
    assert all(one["license"]["provisioned"] and one["site"]["changed"] for one in (checked, real))


SEVERAL = ("here", "there", "nearby")


def test_several_hosts_create_an_object_and_interrupt_a_connector_once(emulator, play):
    """While the first request is under way, the other hosts have to wait: none of them may decide by what was there before."""
    boxes = {"cloudflare.magic.connector": {"serial_number": "MC-{{ item }}"}, "loop": list(SEVERAL), "run_once": True}
    created = {
        "site": {"name": "lyon"},
        "app": {"name": "payroll", "type": "Business"},
        "network": {"config": {"sites": [{"name": "nice"}]}},
        "connector_license": {"notes": "lab"},
    }
    sends: dict[str, dict] = {
        "dry": {"check_mode": True},
        "first": {},
        "second": {"loop": [1, 2]},
        "own": {"connector": "MC-{{ inventory_hostname }}"},
        "lost": {"interrupt": "restart", "ignore_errors": True},
    }
    tasks = [{f"cloudflare.magic.{module}": options, "register": module} for module, options in created.items()]
    for name, chosen in sends.items():
        options = {key: chosen.pop(key, usual) for key, usual in {"connector": "MC-here", "interrupt": "reboot"}.items()}
        tasks.append({"cloudflare.magic.connector_interrupt": {**options, "confirm": True}, "register": name, **chosen})
    # The connectors before are three.
    for path, faults in {"sites$": {"times": 2}, "apps$": {}, "connectors$": {"skip": 3}, "interrupts$": {}}.items():
        emulator.fault(kind="slow", when="before", method="POST", path=path, seconds=1, **faults)
    emulator.fault(kind="disconnect", method="POST", path="interrupts$", sent="restart")
    before = emulator.state()
    played = play([boxes, *tasks], hosts=SEVERAL, env=emulator.environment())
    assert played.rc == 0, played.screen
    hosts = [played[name] for name in SEVERAL]
    for name in (*created, "dry", "first", "second"):
        assert sorted(host[name]["changed"] for host in hosts) == [False, False, True], name
    after = emulator.state()
    for plural, new in {"sites": 2, "apps": 1, "connectors": 4}.items():
        assert len(after[plural]) - len(before[plural]) == new, plural
    assert len({host["site"]["site"]["id"] for host in hosts}) == len({host["connector_license"]["license_key"] for host in hosts}) == 1
    assert len({host["first"]["connector_interrupt"]["submitted_at"] for host in hosts}) == 1
    assert sum("was not sent again, because this task has sent it for the host" in host["first"].get("msg", "") for host in hosts) == 2
    assert all(host["own"]["changed"] for host in hosts) and all(host["lost"]["failed"] for host in hosts)
    # The first and the second task, one to each connector, and one whose answer was lost.
    sent = [json.loads(request["body"]) for request in emulator.requests() if request["method"] == "POST" and request["path"].endswith("/interrupts")]
    assert sent == [{"reboot": {}}] * 5 + [{"restart": {}}]
