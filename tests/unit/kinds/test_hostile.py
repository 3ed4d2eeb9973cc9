# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whatever answers have in them: no license key comes out, no answer of another form is taken for an object, and no id that there is not is written."""

from __future__ import annotations

import json

import pytest

from ansible_collections.cloudflare.magic.plugins.module_utils import _interrupts, _telemetry
from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._objects import read_some
from ansible_collections.cloudflare.magic.plugins.module_utils._other_kinds import BGP_SETTINGS, MNM_CONFIG, MNM_RULE
from ansible_collections.cloudflare.magic.plugins.module_utils._site_kinds import CONNECTOR, SITE, SITE_ACL, SITE_LAN
from ansible_collections.cloudflare.magic.tests.emulator.seed import default_seed
from ansible_collections.cloudflare.magic.tests.unit.kinds.rows import NOBODY
from ansible_collections.cloudflare.magic.tests.unit.kinds.test_scenarios import options_of, run, sent
from ansible_collections.cloudflare.magic.tests.unit.network.cloud import Cloud, Reply

KEY = "LicenseKeyLicenseKeyLicenseKey-0123456789"


@pytest.fixture(name="cloud")
def _cloud():
    return Cloud(default_seed())


def spoil(cloud, change, of=lambda request: True):
    """Have the results of answers changed."""

    def between(request, forward):
        reply = forward()
        if not of(request):
            return reply
        answer = json.loads(reply.body)
        return Reply(reply.status, {"Content-Type": "application/json"}, json.dumps({**answer, "result": change(answer["result"])}).encode())

    cloud.between = between


def licensed(value, name):
    """Put a license key into each object of an answer, however deep it is."""
    if isinstance(value, dict):
        return {**{key: licensed(item, name) for key, item in value.items()}, name: KEY}
    return [licensed(item, name) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", ["license_key", "licenseKey", "License-Key"])
def test_no_license_key_comes_out_wherever_it_stands(cloud, name):
    spoil(cloud, lambda result: licensed(result, name))
    telemetry = options_of(None, {"telemetry": True, "events_since": "7d"}, _telemetry.OPTIONS)
    reboot = options_of(None, {"connector": "EMU-0001", "interrupt": "reboot", "confirm": True}, _interrupts.OPTIONS)
    results = [
        run(cloud, CONNECTOR, {"serial_number": "EMU-0001", "notes": "new"}),
        run(cloud, SITE, {"name": "porto", "description": "new"}),
        run(cloud, SITE, {"name": "porto", "ha_mode": False}, check_mode=True),
        run(cloud, SITE_LAN, {"site": "porto", "name": "office", "is_breakout": True}),
        run(cloud, SITE_ACL, {"site": "porto", "name": "printers", "state": "absent"}, check_mode=True),
        run(cloud, MNM_CONFIG, {"name": "Example", "default_sampling": 1}),
        read_some(CONNECTOR, cloud._client, options_of(CONNECTOR, {}, CONNECTOR.info_options)),
        _telemetry.read_connectors(cloud._client, telemetry),
        _interrupts.interrupt(cloud._client, reboot, False),
        cloud.run({"connectors": [], "sites": []}, "gathered"),
    ]
    assert KEY not in json.dumps(results)


def quoting(text):
    """Let the first connector have a license key, and all of them a text as notes."""
    return lambda result: [{**item, "notes": text, **({} if number else {"license_key": KEY})} for number, item in enumerate(result)]


def test_a_license_key_that_another_connector_quotes_does_not_come_out(cloud):
    spoil(cloud, lambda result: quoting(f"as {KEY}")(result) if isinstance(result, list) else {"items": [{"v": KEY, "t": 1, "n": 1}]})
    telemetry = _telemetry.read_connectors(cloud._client, options_of(None, {"telemetry": True, "events_since": "7d"}, _telemetry.OPTIONS))
    assert [item["notes"] for item in telemetry["connectors"]] == ["as ********"] * 2
    assert telemetry["connectors"][1]["telemetry"]["v"] == telemetry["connectors"][1]["events"][0]["v"] == "********"
    assert KEY not in json.dumps([telemetry, cloud.run({"connectors": []}, "gathered")])


def test_a_license_key_that_a_site_quotes_does_not_come_out_where_connectors_are_read_too(cloud):
    def change(result):
        return [{**item, **({"license_key": KEY} if "device" in item else {"description": f"has {KEY}"})} for item in result]

    spoil(cloud, change, lambda request: request.method == "GET" and request.path.endswith(("connectors", "sites")))
    for kinds in (["sites", "connectors"], ["connectors", "sites"]):
        gathered = cloud.run({kind: [] for kind in kinds}, "gathered")
        assert gathered["gathered"]["sites"][0]["description"] == "has ********"
        assert KEY not in json.dumps(gathered)


def test_the_mask_of_a_license_key_never_replaces_a_text(cloud):
    spoil(cloud, quoting(f"as {KEY}"), lambda request: request.method == "GET" and "connectors" in request.path)
    # What was exported is what is there.
    gathered = cloud.run({"connectors": []}, "gathered")["gathered"]
    assert gathered["connectors"][0]["notes"] == "as ********"
    assert not cloud.run(gathered, "merged")["changed"] and cloud.writes == []
    for masked in ("as ********, in rack 4", "********"):
        with pytest.raises(MagicError, match="notes: contains .*, which stands for a hidden license key"):
            run(cloud, CONNECTOR, {"serial_number": "EMU-0001", "notes": masked})
        refused = cloud.run({"connectors": [{"serial_number": "EMU-0002", "notes": f"{masked}!"}]}, "merged")
        assert "connectors[0].notes: contains" in refused["msg"] and cloud.writes == []


def test_long_notes_beside_a_license_key_stay_as_they_are(cloud):
    spoil(cloud, lambda result: [{**item, "license_key": KEY} for item in result] if isinstance(result, list) else {**result, "license_key": KEY})
    long = {"serial_number": "EMU-0001", "notes": "x" * 5000}
    assert run(cloud, CONNECTOR, long)["changed"] and not run(cloud, CONNECTOR, long)["changed"]


def test_a_name_that_is_the_id_of_another_object_does_not_refer_to_it(cloud):
    state = cloud.export()
    office, guests = (next(item for item in state["lans"] if item["name"] == name) for name in ("office", "guests"))
    spoil(cloud, lambda result: [{**item, "name": office["id"]} if item["id"] == guests["id"] else item for item in result], lambda r: r.path.endswith("/lans"))
    gathered = cloud.run({"sites": []}, "gathered")["gathered"]
    assert guests["id"] in json.dumps(gathered["sites"][0]["acls"])
    assert not cloud.run(gathered, "merged")["changed"] and cloud.writes == []


@pytest.mark.parametrize("result", ["x", [1], 5, True])
def test_what_is_no_object_is_not_taken_for_the_only_one(cloud, result):
    spoil(cloud, lambda dummy: result)
    for kind, chosen in ((BGP_SETTINGS, {"redistribute_static_wan": True}), (MNM_CONFIG, {"name": "Example", "default_sampling": 1})):
        with pytest.raises(MagicError, match="is not an object, so it was not used"):
            run(cloud, kind, chosen)
        # Of one that is not there yet, the first answer is an error, and the one to its creation is spoiled.
        assert [request.method for request in cloud.sent if request.is_write] == ([] if kind is BGP_SETTINGS else ["POST"])


def test_a_list_of_others_is_not_the_answer_to_a_change(cloud):
    spoil(cloud, lambda result: [result, {**result, "id": NOBODY}], lambda request: request.is_write)
    with pytest.raises(MagicError, match="is a list of 2, so it was not used.*may have been updated"):
        run(cloud, SITE, {"name": "porto", "description": "new"})


def test_an_id_that_there_is_not_is_refused_where_nobody_else_looks(cloud):
    for kind, chosen, words in (
        (SITE, {"name": "porto", "connector_id": NOBODY}, "connector_id: there is no connector with the id"),
        (SITE_ACL, {"site": "porto", "name": "x", "lan_1": {"lan_id": NOBODY}, "lan_2": {"lan": "office"}}, "lan_1.lan_id: there is no LAN with the id"),
    ):
        for check_mode in (True, False):
            with pytest.raises(MagicError, match=words):
                run(cloud, kind, chosen, check_mode)
            assert sent(cloud) == []
    # However it is written, and not if this design deletes it.
    second = next(item["id"] for item in cloud.export()["connectors"] if item["device"]["serial_number"] == "EMU-0002")
    dry = run(cloud, SITE, {"name": "porto", "connector_id": second.upper()}, check_mode=True)
    assert dry["diff"]["after"] == {"connector_id": second}
    design = {"connectors": [{"serial_number": "EMU-0001", "activated": True}], "sites": [{"name": "porto", "connector_id": second}]}
    refused = cloud.run(design, "overridden", max_deletions=9, keep=[])
    assert "sites[0].connector_id: there is no connector with the id" in refused["msg"] and cloud.writes == []


def test_it_is_said_that_a_rule_starts_magic_transit(cloud):
    run(cloud, MNM_CONFIG, {"name": "Example", "default_sampling": 1})
    rule = {"name": "flood", "type": "threshold", "automatic_advertisement": True, "prefixes": ["203.0.113.0/24"]}
    for check_mode in (True, False):
        assert "starts Magic Transit for 203.0.113.0/24" in run(cloud, MNM_RULE, rule, check_mode)["warnings"][0]
    assert "warnings" not in run(cloud, MNM_RULE, rule)
    assert "warnings" not in run(cloud, MNM_RULE, {**rule, "automatic_advertisement": False})
