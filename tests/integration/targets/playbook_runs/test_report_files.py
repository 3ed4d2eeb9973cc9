# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``report_files``, which writes what the playbooks report."""

from __future__ import annotations

import json
import os
import re
import stat

from conftest import environ

from ansible_collections.cloudflare.magic.tests.integration.support import preloaded
from ansible_collections.cloudflare.magic.tests.integration.support.playing import COLLECTIONS_PATH

# No template, and nothing that YAML or JSON would read as something else.
TEXT = "[1, 2]\n\u00fc {{ 1 + 1 }} \u202e\r\n"


def play(folder, *tasks, args=()):
    """Run tasks of report_files; return the screen, and what each returned: ``changed``, or its message."""
    tasks = [{"cloudflare.magic.report_files": options, "register": "ran", "ignore_errors": True} for options in tasks]
    said = {"ansible.builtin.debug": {"msg": "<{{ ran.msg if ran is failed else ran.changed }}>"}}
    plays = [{"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": [one for task in tasks for one in (task, said)]}]
    (folder / "play.yml").write_text(json.dumps(plays), encoding="utf-8")
    (folder / "text.txt").write_bytes(TEXT.encode())
    env = {**environ(folder), "ANSIBLE_COLLECTIONS_PATH": COLLECTIONS_PATH}
    ended = preloaded.run(["ansible.cli.playbook", "play.yml", *args], folder, env)
    screen = ended.stdout.decode("utf-8")
    assert ended.returncode == 0, screen + ended.stderr.decode("utf-8")
    return screen, re.findall('"msg": "<(.*?)>"', screen)


def file(path):
    return {"path": str(path), "content": "{{ lookup('ansible.builtin.file', 'text.txt', rstrip=false) }}"}


def test_it_writes_what_differs(tmp_path):
    (tmp_path / "target").write_text("old", encoding="utf-8")
    (tmp_path / "link").symlink_to("target")
    both = {"files": [file(tmp_path / "one"), file(tmp_path / "link")]}
    _screen, said = play(tmp_path, both, both, {**both, "mode": "0600"}, {**both, "mode": "0600"})
    assert said == ["True", "False", "True", "False"]
    for name in ("one", "target"):
        assert (tmp_path / name).read_bytes() == TEXT.encode()
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    assert (tmp_path / "link").is_symlink()
    assert not list(tmp_path.glob(".report-*"))


def test_check_mode_writes_nothing(tmp_path):
    _screen, said = play(tmp_path, {"files": [file(tmp_path / "one")]}, {"files": [file(tmp_path / "text.txt")], "mode": "0644"}, args=["--check"])
    assert said[0] == "True" and not (tmp_path / "one").exists()


def test_what_cannot_be_written_is_named(tmp_path):
    wrong = [
        {"files": [file(tmp_path / "one"), file(tmp_path / "missing" / "two")]},
        {"files": [file(tmp_path)]},
        {"files": [file(tmp_path / "one")], "mode": "u=rw"},
    ]
    screen, said = play(tmp_path, *wrong)
    assert "Traceback" not in screen
    assert "missing/two: No such file or directory" in said[0] and f"{tmp_path}/one was written before" in said[0]
    assert "Is a directory" in said[1] and "Nothing was written before" in said[1]
    assert "octal" in said[2]


def test_a_mode_that_yaml_has_read_as_a_number_is_refused(tmp_path):
    # 0644 without quotes; as text it would be another mode.
    _screen, said = play(tmp_path, {"files": [file(tmp_path / "one")], "mode": 0o644})
    assert "in quotes" in said[0] and not (tmp_path / "one").exists()


def test_only_a_file_is_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    _screen, said = play(tmp_path, {"files": [file(tmp_path / "pipe")]})
    assert "Not a regular file" in said[0] and stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
