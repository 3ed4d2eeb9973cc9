# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Dry runs of a design with a credential that may only read, as a pipeline should have for pull requests."""

from __future__ import annotations

import pytest

from ansible_collections.cloudflare.magic.plugins.module_utils._apply import NOT_VALIDATED, SKIPPED, VALIDATED, Network
from ansible_collections.cloudflare.magic.plugins.module_utils._design import read_design
from ansible_collections.cloudflare.magic.plugins.module_utils._steps import Rules
from ansible_collections.cloudflare.magic.tests.unit.plugins.helpers import client

DESIGN = {
    "ipsec_tunnels": [
        {"name": "lyon-1", "cloudflare_endpoint": "203.0.113.1", "customer_endpoint": "198.51.100.61", "interface_address": "10.213.0.60/31"},
        {"name": "paris-1", "description": "Another"},
    ],
    "static_routes": [{"prefix": "10.20.0.0/24", "nexthop": "10.213.0.31", "priority": 300}],
}


def carried_out(emulator, token, check_mode):
    with client(emulator.url, api_token=token) as sender:
        network = Network(sender, read_design(DESIGN), Rules("merged", (), 5), 50, check_mode, print)
        network.decide()
        network.carry_out()
    return network


def results(network):
    return {outcome.result for outcome in network.outcomes.values()}


def test_the_plan_is_that_of_a_credential_that_may_write(emulator):
    whole, reading = carried_out(emulator, emulator.write_token, True), carried_out(emulator, emulator.read_token, True)
    assert results(whole) == {VALIDATED} and results(reading) == {NOT_VALIDATED}
    assert [step.planned for step in whole.order.steps] == [step.planned for step in reading.order.steps]
    assert any("is read-only" in warning for warning in reading.warnings()) and not any("is read-only" in warning for warning in whole.warnings())


def test_it_asks_once(emulator):
    carried_out(emulator, emulator.read_token, True)
    assert [request["query"] for request in emulator.requests() if request["method"] != "GET"] == [{"validate_only": "true"}]


def test_a_real_run_fails(emulator):
    before = emulator.state()
    network = carried_out(emulator, emulator.read_token, False)
    assert results(network) == {SKIPPED} and "Magic WAN Write" in str(network.stopped)
    assert emulator.state() == before


@pytest.mark.parametrize("fault", [{"status": 403, "code": 1012}, {"status": 401, "code": 10000}, {"status": 403, "code": 9103}])
def test_no_other_refusal_passes_for_that(emulator, fault):
    emulator.fault(kind="status", method="POST", times=1, message="no", **fault)
    network = carried_out(emulator, emulator.write_token, True)
    assert SKIPPED in results(network) and network.stopped is not None
