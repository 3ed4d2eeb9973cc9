# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A connector is interrupted once, if someone says that this is wanted, whatever becomes of the answer."""

from __future__ import annotations

import types
import typing as t

import pytest
import requests

from ansible_collections.cloudflare.magic.plugins.action import connector_interrupt
from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._interrupts import INTERRUPTS, OPTIONS, check, interrupt
from ansible_collections.cloudflare.magic.plugins.plugin_utils import _core
from ansible_collections.cloudflare.magic.tests.emulator.seed import default_seed
from ansible_collections.cloudflare.magic.tests.unit.kinds.test_scenarios import options_of
from ansible_collections.cloudflare.magic.tests.unit.network.cloud import Cloud, Reply


def run(cloud, check_mode=False, **chosen):
    cloud.sent = []
    options = options_of(None, {"connector": "EMU-0001", "interrupt": "reboot", "confirm": True, **chosen}, OPTIONS)
    check(options)
    return interrupt(cloud._client, options, check_mode)


def posts(cloud):
    return [request.body for request in cloud.sent if request.is_write]


@pytest.fixture(name="cloud")
def _cloud():
    return Cloud(default_seed())


@pytest.mark.parametrize("name", INTERRUPTS)
def test_each_interrupt_is_sent_once(cloud, name):
    dry = run(cloud, True, interrupt=name)
    assert (dry["changed"], dry["validated"], posts(cloud)) == (True, False, [])
    done = run(cloud, interrupt=name)
    assert done["changed"] and posts(cloud) == [{name: {}}] and done["connector_interrupt"]["submitted_at"]
    run(cloud, interrupt=name, purge=True)
    assert posts(cloud) == [{name: {"purge": True}}]


@pytest.mark.parametrize("keywords", [{"until": ["done is success"], "retries": None}, {"until": [], "retries": 3}])
def test_a_task_that_ansible_would_repeat_is_refused(cloud, keywords):
    action: t.Any = object.__new__(connector_interrupt.ActionModule)
    action._task = types.SimpleNamespace(check_mode=False, **keywords)
    action.options = options_of(None, {"connector": "EMU-0001", "interrupt": "reboot", "confirm": True}, OPTIONS)
    with pytest.raises(MagicError, match="until and retries"):
        action.work(cloud._client)
    assert cloud.sent == []


@pytest.mark.parametrize("arrives", [True, False])
def test_a_lost_answer_is_looked_for_and_nothing_is_sent_again(cloud, arrives):
    def between(request, forward):
        if not request.is_write:
            return forward()
        if arrives:
            forward()
        raise requests.ConnectionError("lost")

    cloud.between = between
    if arrives:
        assert "submitted_at" in run(cloud)["connector_interrupt"]
    else:
        with pytest.raises(MagicError) as caught:
            run(cloud)
        assert "It was not sent again." in str(caught.value)
    assert len(posts(cloud)) == 1


@pytest.fixture(name="several")
def _several(cloud, monkeypatch, tmp_path):
    """Return a function that runs a task for a host, as a process of a run does."""
    monkeypatch.setattr(_core, "folder_of_this_run", lambda: str(tmp_path))

    def on(host, task="task", check_mode=False, **chosen):
        action: t.Any = object.__new__(connector_interrupt.ActionModule)
        action._task = types.SimpleNamespace(check_mode=check_mode, until=None, retries=None, _uuid=task)
        action.task_vars = {"inventory_hostname": host}
        action.options = options_of(None, {"connector": "EMU-0001", "interrupt": "reboot", "confirm": True, **chosen}, OPTIONS)
        return action.work(cloud._client)

    cloud.sent = []
    return on


def test_a_task_interrupts_a_connector_once_for_all_its_hosts(cloud, several):
    dry = [several(host, check_mode=True)["changed"] for host in ("a", "b")]
    first, again = several("a"), several("b", connector=several("c")["connector_id"])
    assert (dry, first["changed"], again["changed"], len(posts(cloud))) == ([True, False], True, False, 1)
    assert again["connector_interrupt"] == first["connector_interrupt"] and "for the host a." in again["msg"] and "msg" not in first


@pytest.mark.parametrize("other", [{"task": "next"}, {"connector": "EMU-0002"}, {"interrupt": "restart"}, {"purge": True}], ids=str)
def test_another_task_connector_or_interrupt_is_another_request(cloud, several, other):
    assert [several("a")["changed"], several("b", **other)["changed"], len(posts(cloud))] == [True, True, 2]


def test_no_host_sends_what_another_may_have_sent(cloud, several):
    def lost(request, forward):
        if not request.is_write:
            return forward()
        raise requests.ConnectionError("lost")

    cloud.between = lost
    for host, words in {"a": "It was not sent again.", "b": "sent it for the host a. It is not known whether Cloudflare accepted it."}.items():
        with pytest.raises(MagicError, match=words):
            several(host)
    assert len(posts(cloud)) == 1


def test_what_cloudflare_refused_is_sent_for_the_next_host(cloud, several):
    refusal = Reply(403, {}, b'{"success": false, "errors": [{"code": 10000, "message": "Authentication error"}], "messages": [], "result": null}')
    cloud.between = lambda request, forward: refusal if request.is_write and len(posts(cloud)) == 1 else forward()
    with pytest.raises(MagicError, match="Authentication error"):
        several("a")
    assert several("b")["changed"] and not several("c")["changed"] and len(posts(cloud)) == 2


WRONG = {
    "not confirmed": ({"confirm": False}, "confirm: is not true. The reboot of connector 'EMU-0001' interrupts the traffic of its site, and each run"),
    "and purged": ({"confirm": False, "purge": True}, "and what the connector has stored is lost"),
    "nobody": ({"connector": "EMU-0009"}, "connector: there is no connector 'EMU-0009'. These exist: EMU-0001, EMU-0002."),
}


@pytest.mark.parametrize("chosen, words", WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_said_and_nothing_is_sent(cloud, chosen, words):
    with pytest.raises(MagicError) as caught:
        run(cloud, **chosen)
    assert words in str(caught.value) and posts(cloud) == []
