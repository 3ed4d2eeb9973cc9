# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which credential is sent, and to whom: from the task, its environment or that of Ansible; past a .netrc, through a proxy, not after a redirect."""

from __future__ import annotations

import pytest

PLACES = ("here", "there")
PLACE = pytest.mark.parametrize("place", PLACES)

KEY = "emulator-global-key"
EMAIL = "engineer@example.com"
TOKEN = "emulator-write-token"

BY_TOKEN = {"authorization": f"Bearer {TOKEN}"}
BY_KEY = {"x-auth-email": EMAIL, "x-auth-key": KEY}

# Ansible itself runs with a key pair in its environment: options of the task, its environment, and what has to be sent.
CASES = {
    "environment_of_ansible": ({}, {}, BY_KEY),
    "token_in_the_task": ({"api_token": TOKEN}, {}, BY_TOKEN),
    "token_in_the_environment_of_the_task": ({}, {"CLOUDFLARE_API_TOKEN": TOKEN}, BY_TOKEN),
    "key_in_the_task": ({"api_key": KEY, "api_email": EMAIL}, {"CLOUDFLARE_API_TOKEN": "not-this-one"}, BY_KEY),
    "key_in_the_environment_of_the_task": ({}, {"CLOUDFLARE_API_KEY": KEY, "CLOUDFLARE_EMAIL": EMAIL}, BY_KEY),
    "token_in_the_task_beats_token_outside": ({"api_token": TOKEN}, {"CLOUDFLARE_API_TOKEN": "not-this-one"}, BY_TOKEN),
    # Plain http goes to loopback alone: a proxy would get the token in clear.
    "proxy": ({"api_token": TOKEN}, {"http_proxy": "{{ recorder_url }}", "HTTP_PROXY": "{{ recorder_url }}"}, BY_TOKEN),
    "proxy_for_all": ({"api_token": TOKEN}, {"all_proxy": "{{ recorder_url }}", "ALL_PROXY": "{{ recorder_url }}"}, BY_TOKEN),
    "redirect": ({"api_token": TOKEN}, {}, BY_TOKEN),
}


@pytest.fixture(scope="module")
def run(emulator, recorder, play, tmp_path_factory):
    folder = tmp_path_factory.mktemp("credentials")
    (folder / ".netrc").write_text("machine 127.0.0.1 login someone password else\ndefault login someone password else\n", encoding="utf-8")
    (folder / ".netrc").chmod(0o600)
    # A key may have been made before the redirect, so one more is asked for.
    emulator.fault(kind="redirect", path="/redirect_", times=2 * len(PLACES), status=307, location=recorder.url + "/client/v4/stolen")
    tasks = [
        {
            "name": name,
            "cloudflare.magic.ipsec_psk": {"ipsec_tunnel_id": name + "_{{ inventory_hostname }}", **options},
            "environment": environment,
            "register": name,
            "ignore_errors": name == "redirect",
        }
        for name, (options, environment, dummy) in CASES.items()
    ]
    state = emulator.state()
    tunnel = {"account_id": emulator.account_id, "cloudflare_endpoint": "203.0.113.1", "interface_address": "10.213.1.8/31"}
    state["ipsec_tunnels"] += [{**tunnel, "id": f"{name}_{place}", "name": f"{name}_{place}"} for name in CASES for place in PLACES]
    emulator.set_state(state)
    return play(
        tasks,
        hosts=PLACES,
        folder=folder,
        args=["-vvv"],
        env={"CLOUDFLARE_EMAIL": EMAIL, "CLOUDFLARE_API_KEY": KEY},
        vars={"recorder_url": recorder.url},
        module_defaults={"group/cloudflare.magic.all": {"account_id": emulator.account_id, "base_url": emulator.url}},
    )


@PLACE
@pytest.mark.parametrize("name", CASES)
def test_the_right_credential_is_sent(emulator, run, name, place):
    assert run.rc == 0, run.screen
    requests = [request for request in emulator.requests() if request["path"].split("/")[-2] == f"{name}_{place}"]
    assert len(requests) == (2 if name == "redirect" else 1)
    watched = ("authorization", "x-auth-email", "x-auth-key", "via", "proxy-authorization")
    for sent in requests:
        assert {header: value for header, value in sent["headers"].items() if header in watched} == {
            header: value if header == "x-auth-email" else emulator.masked(value) for header, value in CASES[name][2].items()
        }
    if name != "redirect":
        assert run[place][name]["psk"] == emulator.keys()[f"{name}_{place}"]


@PLACE
def test_a_redirect_is_not_followed(recorder, run, place):
    result = run[place]["redirect"]
    assert result["failed"] is True
    assert "HTTP 307" in result["msg"] and "redirects" in result["msg"] and "Check api_url" in result["msg"]
    assert result["failure"]["status"] == 307
    assert [request["path"] for request in recorder.requests if "stolen" in request["path"]] == []


def test_the_proxy_saw_nothing(recorder, run):
    assert run.rc == 0
    assert recorder.requests == []


def test_no_credential_is_shown_or_left_behind(emulator, run, leaked):
    text = run.written().replace((run.folder / ".netrc").read_text(encoding="utf-8"), "")
    assert leaked(text, [KEY, TOKEN, "not-this-one", *(entry["psk"] for entry in emulator.key_log())]) == []


def test_an_item_of_a_loop_has_no_environment_of_the_one_before(emulator, play):
    task = {
        "cloudflare.magic.ipsec_tunnel_info": {},
        "environment": "{{ item }}",
        "loop": [{"CLOUDFLARE_API_TOKEN": "nobody-knows-this-one"}, {}],
        "register": "read",
        "ignore_errors": True,
    }
    # A token would beat the key pair that Ansible itself runs with.
    about = {name: value for name, value in emulator.environment().items() if name != "CLOUDFLARE_API_TOKEN"}
    played = play([task], env={**about, "CLOUDFLARE_EMAIL": emulator.email, "CLOUDFLARE_API_KEY": emulator.global_key})
    assert [result["failed"] for result in played["here"]["read"]["results"]] == [True, False], played.screen
