# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What connectors say of themselves is read where someone asks for it, page by page."""

from __future__ import annotations

import pytest

from ansible_collections.cloudflare.magic.plugins.module_utils import _telemetry
from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.tests.emulator.seed import default_seed
from ansible_collections.cloudflare.magic.tests.unit.kinds.test_scenarios import options_of
from ansible_collections.cloudflare.magic.tests.unit.network.cloud import Cloud


def read(cloud, **chosen):
    cloud.sent = []
    options = options_of(None, chosen, _telemetry.OPTIONS)
    _telemetry.check(options)
    return {item["serial_number"]: item for item in _telemetry.read_connectors(cloud._client, options)["connectors"]}


@pytest.fixture(name="cloud")
def _cloud():
    return Cloud(default_seed())


def test_nothing_more_is_read_than_is_asked_for(cloud):
    plain = read(cloud)
    assert len(cloud.sent) == 1 and not {"telemetry", "events"} & {name for item in plain.values() for name in item}
    assert "id" not in read(cloud, format="options")["EMU-0001"]
    told = read(cloud, telemetry=True)
    assert len(cloud.sent) == 3 and told["EMU-0001"]["telemetry"]["interfaces"] and told["EMU-0002"]["telemetry"] == {}


def test_events_are_read_page_by_page(cloud, monkeypatch):
    monkeypatch.setattr(_telemetry, "_LIMIT", 2)
    data = cloud.export()
    moment = int(cloud._client.now().timestamp())
    events = [{"t": moment - 60 * number, "a": moment, "k": "Init", "n": number} for number in range(5)]
    cloud.replace({**data, "connectors": [{**item, "events": events if item["device"]["serial_number"] == "EMU-0001" else []} for item in data["connectors"]]})
    told = read(cloud, serial_number="EMU-0001", events_since="150s")
    assert [event["n"] for event in told["EMU-0001"]["events"]] == [2, 1, 0] and len(cloud.sent) == 3
    assert read(cloud, serial_number="EMU-0002", events_since="1d")["EMU-0002"]["events"] == []


@pytest.mark.parametrize(
    "chosen, words", [({"events_since": "yesterday"}, "events_since: 'yesterday' is not an age"), ({"telemetry": True, "format": "options"}, "format")]
)
def test_what_is_wrong_is_said(cloud, chosen, words):
    with pytest.raises(MagicError) as caught:
        read(cloud, **chosen)
    assert words in str(caught.value) and cloud.sent == []
