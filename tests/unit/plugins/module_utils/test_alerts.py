# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Cloudflare's notifications, and who else may send something."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.cloudflare.magic.extensions.eda.plugins.event_filter.tunnel_alert import main
from ansible_collections.cloudflare.magic.plugins.module_utils._alerts import event_of_alert, is_genuine
from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError

SECRET = "TheSecretOfTheWebhook-0123"
DATA = {
    "tunnel_name": "paris-1",
    "tunnel_id": "53d2d98f1309e8f9be9380b9529b9f64",
    "new_status": "MAGIC_TUNNEL_STATUS_DOWN",
    "previous_status": "MAGIC_TUNNEL_STATUS_UP",
    "slo": "99.9",
}
# The members around it are those that Cloudflare documents.
PAYLOAD = {
    "name": "Tunnels",
    "text": "text",
    "data": DATA,
    "ts": 1780315200,
    "account_id": "account",
    "policy_id": "policy",
    "policy_name": "Tunnels",
    "alert_type": "magic_tunnel_health_check_event",
    "alert_correlation_id": "correlation",
    "alert_event": "ALERT_STATE_EVENT_START",
}


def heard(*args, **options):
    """The event that a request becomes."""
    event = main(*args, **options)
    assert isinstance(event, dict)
    return event


def made_of(payload):
    """The event that a notification becomes."""
    event = event_of_alert(payload, None)
    assert event is not None
    return event


def request(payload, secret=SECRET, header="cf-webhook-auth"):
    """What the webhook source makes of a request."""
    return {"payload": payload, "meta": {"endpoint": "x", "headers": {"Host": "example.com", header: secret}}}


def test_an_alert_is_an_event_of_the_source():
    event = heard(request(PAYLOAD), secret=SECRET, account_id="account")
    assert event["meta"].pop("uuid") == heard(request(PAYLOAD, header="Cf-Webhook-Auth"), secret=SECRET)["meta"]["uuid"]
    assert event == {
        "type": "tunnel_health",
        "account_id": "account",
        "tunnel": {"id": "53d2d98f1309e8f9be9380b9529b9f64", "name": "paris-1", "tunnel_type": None},
        "at": "2026-06-01T12:00:00Z",
        "repeated": False,
        "state": "down",
        "before": "healthy",
        "healthy_share": None,
        "data_centers": None,
        "worst": [],
        "checked_until": "2026-06-01T12:00:00Z",
        "slo": "99.9",
        "alert_event": "ALERT_STATE_EVENT_START",
        "policy_name": "Tunnels",
        "meta": {},
    }


def test_alerts_of_one_second_are_several_events():
    nameless = [{**DATA, "tunnel_id": None, "tunnel_name": name} for name in ("paris-1", "paris-2")]
    events = [made_of({**PAYLOAD, "data": data}) for data in (DATA, {**DATA, "new_status": "MAGIC_TUNNEL_STATUS_UP"}, *nameless)]
    assert len({event["meta"]["uuid"] for event in events}) == 4


def test_who_does_not_know_the_secret_is_not_heard(monkeypatch, caplog):
    monkeypatch.setenv("CLOUDFLARE_WEBHOOK_SECRET", SECRET)
    wrong = [
        request(PAYLOAD, secret=""),
        request(PAYLOAD, secret=SECRET + "x"),
        request(PAYLOAD, secret=SECRET[:-1]),
        request(PAYLOAD, secret="\ud800"),
        {"payload": PAYLOAD},
        {"meta": []},
    ]
    twice = request(PAYLOAD)
    twice["meta"]["headers"]["CF-Webhook-Auth"] = "x"
    for event in [*wrong, request(PAYLOAD, header="x-webhook-auth"), twice]:
        assert main(event) == []
    assert "dropped" in caplog.text and SECRET[:8] not in caplog.text
    assert heard(request(PAYLOAD))["state"] == "down"


def test_without_a_secret_nothing_is_taken():
    for secret in (None, "", "short"):
        with pytest.raises(MagicError, match="CLOUDFLARE_WEBHOOK_SECRET"):
            is_genuine({"cf-webhook-auth": secret}, secret)


@pytest.mark.parametrize("payload", [{"text": "Hello World! This is a test message."}, {**PAYLOAD, "alert_type": "dos_attack_l4"}, [], None, "x"])
def test_other_notifications_are_dropped(payload):
    assert main(request(payload), secret=SECRET) == []


def test_another_account_is_dropped():
    assert event_of_alert(PAYLOAD, "other") is None and event_of_alert({**PAYLOAD, "account_id": None}, "account") is None
    assert event_of_alert({**PAYLOAD, "account_id": None, "data": {**DATA, "account_id": "account"}}, "account")


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("Down", "down"),
        ("healthy", "healthy"),
        ("TUNNEL_STATUS_TYPE_DEGRADED", "degraded"),
        ("MAGIC_TUNNEL_STATUS_UP", "healthy"),
        ("MAGIC_TUNNEL_STATUS_NOT_HEALTHY", "unknown"),
        ("un-healthy", "unknown"),
        ("was up", "unknown"),
        ("", "unknown"),
        (1, "unknown"),
    ],
)
def test_what_cannot_be_read_is_unknown(status, state):
    assert made_of({**PAYLOAD, "data": {**DATA, "new_status": status}})["state"] == state
    assert made_of({"alert_type": PAYLOAD["alert_type"]})["state"] == "unknown"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


@given(st.fixed_dictionaries({"alert_type": st.just(PAYLOAD["alert_type"])}, optional={name: JSON for name in (*PAYLOAD, "data") if name != "alert_type"}))
def test_no_payload_breaks_it_or_becomes_a_template(payload):
    text = json.dumps(made_of(payload)["tunnel"])
    event = made_of({**payload, "data": {"tunnel_name": "{{ 7*7 }}\x1b", "tunnel_id": "{%", "status": "down"}})
    assert "{{" not in text.replace("{", "", 1) and event["tunnel"]["name"] == r"\x7b\x7b 7*7 }}\x1b" and event["tunnel"]["id"] == r"\x7b%"
