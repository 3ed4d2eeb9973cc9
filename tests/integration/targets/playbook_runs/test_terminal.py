# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbooks' tables and messages, where tunnels have names that would control a terminal or forge lines."""

from __future__ import annotations

import html
import json
import re

import pytest

from ansible_collections.cloudflare.magic.tests.integration.support.hostile import FORGED, NAMES, SHOWN, Evil, assert_harmless

# As Ansible writes it on the screen.
MARKED = json.dumps(SHOWN)[1:-1]


@pytest.fixture
def evil(emulator):
    server = Evil(emulator)
    yield server
    server.close()


@pytest.mark.parametrize("check", [[], ["--check"]], ids=["run", "check"])
def test_rotate_psks(evil, run, check):
    ran = run("rotate_psks", "-e", "vault_file=keys.yml", *check, env=evil.environment)
    assert ran.rc == 0, ran.screen
    assert_harmless(ran)
    last = ran.screen[ran.screen.rindex("age before") :]
    # One row is one line of the list, and the columns stay in line.
    rows = re.findall(r'^ *"(.*)"', last, re.MULTILINE)
    assert {row.split(MARKED)[0] for row in rows if MARKED in row} == set(NAMES)
    assert len({row.rindex("  ") for row in rows if "days" in row and "not due" in row}) <= 1


def test_rotate_psks_that_fails(emulator, evil, run):
    cause = [{"code": 1022, "message": f"refused{FORGED}"}]
    emulator.fault(kind="status", status=400, errors=cause, method="POST", path="ipsec_tunnels/psk", skip=1, times=99)
    ran = run("rotate_psks", "-e", "vault_file=keys.yml", env=evil.environment)
    assert ran.rc != 0 and "refused" in ran.screen and "NOT SET" in ran.screen, ran.screen
    assert_harmless(ran)


def test_psk_audit(evil, run):
    ran = run("psk_audit", "-e", "fail_if_overdue=true", "-e", "max_age=1s", env=evil.environment)
    assert ran.rc != 0 and ran.shows(f"paris-2{MARKED}")
    assert_harmless(ran)
    for name in ("psk_audit.csv", "psk_audit.html"):
        text = (ran.folder / name).read_text(encoding="utf-8")
        assert f"paris-2{SHOWN}" in html.unescape(text)
        assert not {ascii(character) for character in text if not character.isprintable()} - {"'\\n'"}
    lines = (ran.folder / "psk_audit.csv").read_text(encoding="utf-8").splitlines()
    assert not [line for line in lines if line.startswith(("ok:", "fatal:"))]
