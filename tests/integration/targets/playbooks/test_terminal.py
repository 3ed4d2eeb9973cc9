# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What comes from Cloudflare does not control the terminal, nor forge lines, wherever this collection prints it."""

from __future__ import annotations

import re

import pytest

from ansible_collections.cloudflare.magic.tests.integration.support.hostile import FORGED, NAMES, SHOWN, assert_harmless, evil

pytestmark = pytest.mark.cores("ends")

__all__ = ["evil"]

ERROR = {
    "code": 1022,
    "message": f"message{FORGED}",
    "documentation_url": f"https://example.com/{FORGED}",
    "source": {"pointer": f"/pointer{FORGED}"},
    "error_chain": [{"code": 1, "message": f"cause{FORGED}"}],
}


def squeezed(text):
    return re.sub(r"\s|\\", "", text)


def shows(played, text):
    return squeezed(text) in squeezed(played.screen)


def task(register, module, **options):
    return {"name": register, f"cloudflare.magic.{module}": options, "register": register, "ignore_errors": True}


@pytest.fixture(scope="module")
def failures(emulator, evil, play):
    paris = emulator.tunnel("paris-1")["id"]
    failing = [
        task("unknown_name", "ipsec_psk", name="nowhere"),
        task("unknown_pattern", "ipsec_psks", names=["nowhere*"]),
        task("unknown_in_psks", "ipsec_psks", psks={"nowhere": "The-key-of-ones-own-0123456789abcdefghi"}),
        task("unknown_option", "ipsec_psk", name="a", **{f"option{FORGED}": 1}),
        task("bad_value", "ipsec_psk", name="a", rotate=f"always{FORGED}"),
        task("refused", "ipsec_psk", ipsec_tunnel_id=paris),
        task("refused_read", "ipsec_tunnel_info"),
        task("unapplied", "ipsec_psks", names=[f"{NAMES[0]}*", f"{NAMES[1]}*"], batch_size=1),
    ]
    emulator.fault(kind="status", status=400, errors=[ERROR], method="POST", path="psk_generate")
    emulator.fault(kind="status", status=400, errors=[ERROR], method="POST", path="ipsec_tunnels/psk$", times=99)
    emulator.fault(kind="status", status=403, errors=[ERROR], method="GET", path="ipsec_tunnels", skip=3)
    return play(failing, env=evil.environment, args=["--diff"])


def test_failures_are_harmless(failures):
    assert_harmless(failures)


@pytest.mark.parametrize("name", ["unknown_name", "unknown_pattern", "unknown_in_psks"])
def test_names_that_exist_are_listed_escaped(failures, name):
    message = failures["here"][name]["msg"]
    assert "paris-1" + SHOWN in message and shows(failures, message)


@pytest.mark.parametrize("name", ["unknown_option", "bad_value"])
def test_what_the_user_wrote_is_escaped_too(failures, name):
    assert SHOWN in failures["here"][name]["msg"]


@pytest.mark.parametrize("name", ["refused", "refused_read"])
def test_errors_of_the_server_are_escaped(failures, name):
    result = failures["here"][name]
    for text in (result["msg"], str(result["failure"]).replace("\\\\", "\\")):
        for part in ("message", "/pointer", "cause", "https://example.com/"):
            assert part + SHOWN in text
    if name == "refused":
        assert result["failure"]["ray_id"] == r"8f2b\x9b31m-CDG"


def test_what_was_not_applied_is_listed_escaped(failures):
    result = failures["here"]["unapplied"]
    assert result["msg"].count("Not set: ") == 1
    for number in (0, 1):
        assert f"{NAMES[number]}{SHOWN} (" in result["msg"]
    assert len(result["unapplied"]) == 2 and all(f"message{SHOWN}" in reason for reason in result["unapplied"].values())


@pytest.fixture(scope="module")
def successes(emulator, evil, play):
    emulator.clear_faults()
    emulator.set_last_generated_on(emulator.tunnel("berlin-1")["id"], "2099-01-01T00:00:00Z")
    tasks = [
        task("by_name", "ipsec_psk", name=f"paris-1{FORGED}"),
        task("fleet", "ipsec_psks", names=["paris-*", "lisbon-*"], batch_size=1),
        task("future", "ipsec_psks", names=["berlin-*", "paris-*"], rotate="expired", max_age="1d"),
        task("description", "ipsec_tunnel", ipsec_tunnel_id=emulator.tunnel("paris-2")["id"], description="mine"),
    ]
    return play(tasks, env=evil.environment, args=["--diff"], warns=["dated in the future, so their age is not known"])


def test_notices_warnings_progress_and_diffs_are_harmless(successes):
    assert successes.rc == 0, successes.screen
    assert [result["msg"] for result in successes["here"].values() if result["failed"]] == []
    assert_harmless(successes)
    assert shows(successes, f"tunnel paris-1{SHOWN}")
    assert shows(successes, f"dated in the future, so their age is not known: berlin-1{SHOWN}")
    assert shows(successes, "1 of 3 keys set, batch 1 of 3, 2 left")
    assert shows(successes, f"the branch office in Paris{SHOWN}") and shows(successes, "mine")


def test_data_stays_as_it_is(successes):
    """What is registered is what Cloudflare has: escapes are for people."""
    assert successes["here"]["by_name"]["name"] == f"paris-1{FORGED}"
    assert {row["name"] for row in successes["here"]["fleet"]["tunnels"]} >= {f"paris-1{FORGED}", f"paris-2{FORGED}", f"lisbon-1{FORGED}"}
    assert successes["here"]["description"]["diff"]["before"]["description"].endswith(SHOWN)


# --- what cannot be sent

# As a template, because no file of YAML holds one.
LONE = """{{ '"\\ud800"' | from_json }}"""
UNSENDABLE: dict[str, tuple[str, dict]] = {
    "name": ("ipsec_psk", {"name": f"a{LONE}"}),
    "psk": ("ipsec_psk", {"name": "a", "psk": f"The-key-of-ones-own-0123456789abcdefghi{LONE}"}),
    "names": ("ipsec_psks", {"names": [f"a{LONE}"]}),
    "psks": ("ipsec_psks", {"psks": {"paris-2": f"The-key-of-ones-own-0123456789abcdefghi{LONE}"}}),
    "description": ("ipsec_tunnel", {"name": "a", "description": f"a{LONE}"}),
    "new_name": ("gre_tunnel", {"name": f"a{LONE}"}),
    "route": ("static_route", {"prefix": "192.0.2.0/24", "nexthop": "10.0.0.1", "description": f"a{LONE}"}),
    "account_id": ("ipsec_tunnel_info", {"account_id": f"a{LONE}"}),
}


def test_lone_surrogates_are_refused_before_anything_is_sent(evil, play):
    evil.requests.clear()
    tasks = [task(f"of_{name}", case[0], **case[1]) for name, case in UNSENDABLE.items()]
    played = play(tasks, env=evil.environment)
    for name in UNSENDABLE:
        result = played["here"][f"of_{name}"]
        option = {"new_name": "name", "route": "description"}.get(name, name)
        # From ansible-core 2.19 on Ansible itself refuses such a template.
        assert result["failed"] and re.search(f"^{option} contains a character that is not valid Unicode|surrogates not allowed", result["msg"]), name
        assert "The-key" not in result["msg"]
    assert evil.requests == []
    assert "The-key" not in played.screen
