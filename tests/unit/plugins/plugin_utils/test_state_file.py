# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The file that an event source keeps: whose it is, and what becomes of it."""

from __future__ import annotations

import os
import stat
from dataclasses import replace

import pytest

from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._known import Due, Known, State
from ansible_collections.cloudflare.magic.plugins.module_utils._settings import Settings
from ansible_collections.cloudflare.magic.plugins.plugin_utils._state_file import StateFile, default_path

STATE = State(
    "account", "https://api.example", {"ipsec": "x"}, {"ipsec": {"t1": Known("\ud800 paris", None, {"name": "y"}, "down", Due(None, "2026-01-01T00:00:00Z"))}}
)


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "state.json")


def refused(path):
    with StateFile(path) as file, pytest.raises(MagicError) as caught:
        file.read()
    return str(caught.value)


def test_what_is_saved_is_read_and_for_its_owner_alone(path):
    with StateFile(path) as file:
        assert file.read() is None
        for dummy in range(2):
            file.save(STATE)
        assert file.read() == STATE
    assert {name: stat.S_IMODE(os.stat(os.path.join(os.path.dirname(path), name)).st_mode) for name in os.listdir(os.path.dirname(path))} == {
        "state.json": 0o600,
        ".state.json.lock": 0o600,
    }


def test_each_save_has_what_is_known_then(path):
    """What it keeps of the save before is that of the same look."""
    later = replace(STATE, tunnels={"ipsec": {}, "gre": {"g1": Known("oslo")}})
    event = {"type": "tunnel_made", "tunnel": {"id": "g1", "name": "oslo", "tunnel_type": "gre"}, "meta": {"uuid": "u"}}
    with StateFile(path) as file:
        for state in (STATE, replace(STATE, unsent=[event]), replace(later, unsent=[event]), later, STATE):
            file.save(state)
            assert file.read() == state


def test_one_at_a_time(path):
    with StateFile(path) as file:
        with pytest.raises(MagicError, match="another event source uses it"), StateFile(path):
            pass
        file.save(STATE)
    with StateFile(path) as file:
        assert file.read() == STATE
    # A thread that is not done when everything else is must not write any more.
    with pytest.raises(MagicError, match="not locked"):
        file.save(STATE)


def test_a_file_of_somebody_else_is_refused(path, monkeypatch):
    with StateFile(path) as file:
        file.save(STATE)
    os.chmod(path, 0o620)
    assert "chmod 600" in refused(path)
    os.chmod(path, 0o600)
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    assert "another user" in refused(path)


@pytest.mark.parametrize("content", ["", "{", "[]", "[" * 100000, '{"version": 2}', "null", '"\\ud800"'])
def test_a_file_that_holds_something_else_is_left_alone(path, content):
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(content)
    os.chmod(path, 0o600)
    assert "delete it" in refused(path)
    with open(path, encoding="utf-8") as stream:
        assert stream.read() == content


def test_other_kinds_of_files(path, tmp_path):
    os.symlink(tmp_path / "elsewhere", path)
    assert "symbolic link" in refused(path)
    os.unlink(path)
    os.mkfifo(path, 0o600)
    assert "not a regular file" in refused(path)
    os.unlink(path)
    os.mkdir(path)
    assert "state_file" in refused(path)
    with StateFile(path) as file, pytest.raises(MagicError, match="cannot be used"):
        file.save(STATE)
    with pytest.raises(MagicError, match="existing folder"), StateFile(str(tmp_path / "none" / "state.json")):
        pass


def test_without_a_path_each_account_has_a_file_of_its_own(tmp_path):
    paths = {default_path(Settings(name), {"XDG_STATE_HOME": str(tmp_path)}) for name in ("a", "{{ b }}/..")}
    assert len(paths) == 2 and {os.path.dirname(path) for path in paths} == {str(tmp_path / "cloudflare_magic")}
    with StateFile(paths.pop(), own_folder=True) as file:
        file.save(STATE)
    assert stat.S_IMODE(os.stat(tmp_path / "cloudflare_magic").st_mode) & 0o077 == 0
    assert default_path(Settings("a"), {}).startswith(os.path.expanduser("~/.local/state/"))
