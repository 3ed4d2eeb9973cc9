# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tasks of one run wait for each other where each would create the same object, and nowhere else."""

from __future__ import annotations

import fcntl
import types
import typing as t

import pytest

from ansible_collections.cloudflare.magic.plugins.module_utils import _objects
from ansible_collections.cloudflare.magic.plugins.module_utils._calls import Foreseen, account_of
from ansible_collections.cloudflare.magic.plugins.module_utils._site_kinds import CONNECTOR, SITE, SITE_LAN
from ansible_collections.cloudflare.magic.plugins.module_utils._tree import KINDS
from ansible_collections.cloudflare.magic.plugins.plugin_utils import _core, _object_action, _run_notes


def client(account="a"):
    return t.cast(t.Any, types.SimpleNamespace(settings=types.SimpleNamespace(api_url="https://example", account_id=account)))


@pytest.fixture(name="held")
def _held(monkeypatch, tmp_path):
    """Return a function that counts the locks that another process would have to wait for."""
    monkeypatch.setattr(_core, "folder_of_this_run", lambda: str(tmp_path))
    monkeypatch.setattr(_core, "is_ad_hoc", lambda: False)

    def held():
        found = 0
        for path in tmp_path.iterdir():
            with path.open() as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    found += 1
        return found

    return held


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.several)
def test_whoever_may_create_an_object_is_alone(held, monkeypatch, kind):
    seen = []

    def apply(*dummy):
        seen.append(held())
        return {"changed": False}

    monkeypatch.setattr(_objects, "_apply", apply)
    cases: list[dict] = [{"state": "present"}, {"state": "absent"}]
    if kind.id_option:
        cases.append({"state": "present", kind.id_option: "1"})
    for options in cases:
        action: t.Any = object.__new__(_object_action.manages(kind))
        action._task, action.options = types.SimpleNamespace(check_mode=False), options
        action.work(client())
    always = int(bool(kind.apart))
    assert seen == [1 if always or not kind.given else 0, always, always][: len(cases)] and held() == 0


def test_each_account_and_each_kind_has_its_own_lock(held):
    with _run_notes.alone_with([SITE, CONNECTOR], client()), _run_notes.alone_with([SITE], client("b")):
        assert held() == 3
    with pytest.raises(ValueError), _run_notes.alone_with([SITE], client()):
        raise ValueError
    assert held() == 0


def test_what_was_foreseen_is_forgotten_once_it_is_changed(held):
    """A run can have tasks in check mode and others: of what the others change, nothing is foreseen any more."""
    notes = [
        Foreseen(account_of(client(account)), kind.several, None, f"(new: {kind.several} x)", {"name": "x"}, True)
        for account in ("a", "b")
        for kind in (SITE, CONNECTOR)
    ]
    _run_notes.forget_foreseen([SITE], client())
    with _run_notes.foresight(False) as foreseen:
        foreseen += notes
    with _run_notes.foresight(True) as foreseen:
        assert foreseen == []
        foreseen += notes
    _run_notes.forget_foreseen([SITE], client())
    with _run_notes.foresight(True) as foreseen:
        assert foreseen == notes[1:]
    assert held() == 0


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_task_that_changes_something_has_it_forgotten(held, monkeypatch, check_mode):
    note = Foreseen(account_of(client()), SITE.several, None, "(new: sites x)", {"name": "x"}, True)
    lan = Foreseen(account_of(client()), SITE_LAN.several, "(new: sites x)", "(new: site_lans y)", {"name": "y"}, True)
    for changed in (False, True):
        with _run_notes.foresight(True) as foreseen:
            foreseen += [] if changed else [note, lan]
        monkeypatch.setattr(_objects, "_apply", lambda *dummy, changed=changed: {"changed": changed})
        action: t.Any = object.__new__(_object_action.manages(SITE))
        action._task, action.options = types.SimpleNamespace(check_mode=check_mode), {"state": "absent"}
        action.work(client())
        with _run_notes.foresight(True) as foreseen:
            assert foreseen == ([note, lan] if check_mode or not changed else [])
