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
from ansible_collections.cloudflare.magic.plugins.module_utils._site_kinds import CONNECTOR, SITE
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
    monkeypatch.setattr(_objects, "_apply", lambda *dummy: seen.append(held()))
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
