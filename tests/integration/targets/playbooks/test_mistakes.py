# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What users get wrong: each mistake has to be answered by what is wrong and how to fix it, and must not have changed anything."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field

import pytest

pytestmark = pytest.mark.cores("one")

TUNNEL = "c4a7362d577a6c3019a474fd6f485821"
LEAVE_OUT = object()
SECRET = "a-secret-that-must-not-be-shown"
PASSWORD = "a-password-in-a-url"


@dataclass(frozen=True)
class Mistake:
    """One task that has to fail.

    Attributes:
        options: what differs from a task that is right.
        words: what the message has to say.
        env: the task's environment, in which the credentials are.
        keywords: further keywords of the task.
        there: whether it is the module that finds the mistake. Then it is made as a module on another host, too.
        registered: whether the task registers its result, which is a receiver of the key.
    """

    label: str
    options: dict
    words: tuple[str, ...]
    env: dict = field(default_factory=dict)
    keywords: dict = field(default_factory=dict)
    there: bool = False
    registered: bool = True


NO_TOKEN = {"api_token": LEAVE_OUT}
BY_NAME = {"ipsec_tunnel_id": LEAVE_OUT}

MISTAKES = (
    # Credentials
    Mistake("no credentials", NO_TOKEN, ("api_token", "CLOUDFLARE_API_TOKEN", "api_key", "CLOUDFLARE_API_KEY", "CLOUDFLARE_EMAIL"), there=True),
    Mistake("empty environment", NO_TOKEN, ("No credentials", "CLOUDFLARE_API_TOKEN"), env={"CLOUDFLARE_API_TOKEN": "", "CLOUDFLARE_EMAIL": ""}, there=True),
    Mistake("both kinds", {"api_key": SECRET, "api_email": "me@example.com"}, ("api_token", "api_key", "cannot be combined"), there=True),
    Mistake("token and email", {"api_email": "me@example.com"}, ("api_token", "api_email", "cannot be combined")),
    Mistake("key without email", {**NO_TOKEN, "api_key": SECRET}, ("api_key needs api_email",), there=True),
    Mistake("email alone", {**NO_TOKEN, "api_email": "me@example.com"}, ("api_email needs api_key", "api_token"), there=True),
    Mistake(
        "key in the task, email outside",
        {**NO_TOKEN, "api_key": SECRET},
        ("api_key needs api_email", "never combined"),
        env={"CLOUDFLARE_EMAIL": "me@example.com"},
    ),
    Mistake("key in the environment alone", NO_TOKEN, ("CLOUDFLARE_API_KEY needs CLOUDFLARE_EMAIL",), env={"CLOUDFLARE_API_KEY": SECRET}),
    Mistake("empty token", {"api_token": ""}, ("api_token is empty", "CLOUDFLARE_API_TOKEN"), there=True),
    Mistake("empty key", {**NO_TOKEN, "api_key": "", "api_email": "me@example.com"}, ("api_key is empty", "CLOUDFLARE_API_KEY")),
    Mistake("token with a line break", {"api_token": SECRET + "\n"}, ("api_token", "line break", "Copy it again"), there=True),
    Mistake("token with a space", {"api_token": " " + SECRET}, ("api_token", "space")),
    Mistake("token in the environment with a line break", NO_TOKEN, ("CLOUDFLARE_API_TOKEN", "line break"), env={"CLOUDFLARE_API_TOKEN": SECRET + "\r\n"}),
    Mistake("token of letters no header has", {"api_token": SECRET + "€"}, ("api_token", "HTTP header")),
    Mistake("token that YAML took for a number", {"api_token": 12345678901234567890}, ("api_token is not a string", "quotes")),
    # Account
    Mistake("no account", {"account_id": LEAVE_OUT}, ("account_id is missing", "CLOUDFLARE_ACCOUNT_ID"), there=True),
    Mistake("empty account", {"account_id": ""}, ("account_id is empty",), there=True),
    Mistake("account with a slash", {"account_id": "a/b"}, ("account_id", "path")),
    Mistake("account that is two dots", {"account_id": ".."}, ("account_id", "path")),
    Mistake("unknown account", {"account_id": "0" * 32, "rotate": "missing"}, ("HTTP 404", "7003", "Check account_id"), there=True),
    # Tunnel
    Mistake("neither id nor name", BY_NAME, ("one of the following is required: ipsec_tunnel_id, name",)),
    Mistake("both id and name", {"name": "paris-1"}, ("mutually exclusive: ipsec_tunnel_id|name",)),
    Mistake("empty id", {"ipsec_tunnel_id": ""}, ("ipsec_tunnel_id is empty",)),
    Mistake("blank id", {"ipsec_tunnel_id": "  "}, ("ipsec_tunnel_id is empty",)),
    Mistake("id with a slash", {"ipsec_tunnel_id": f"x/{TUNNEL}"}, ("ipsec_tunnel_id", "path", "id alone")),
    Mistake("id that is two dots", {"ipsec_tunnel_id": ".."}, ("ipsec_tunnel_id", "path")),
    Mistake("empty name", {**BY_NAME, "name": ""}, ("name is empty", "ipsec_tunnel_id")),
    Mistake("unknown name", {**BY_NAME, "name": "pariss-1"}, ("'pariss-1'", "berlin-1", "lisbon-1", "oslo-1", "paris-1", "paris-2"), there=True),
    Mistake("two of one name", {**BY_NAME, "name": "twins"}, ("2 IPsec tunnels", "twins", "1" * 32, "2" * 32, "Give ipsec_tunnel_id"), there=True),
    Mistake("name of other case", {**BY_NAME, "name": "Paris-1"}, ("'Paris-1'", "paris-1")),
    # When
    Mistake("rotate sometimes", {"rotate": "sometimes"}, ("rotate", "always, missing, expired", "sometimes")),
    Mistake("age of unknown unit", {"rotate": "expired", "max_age": "90x"}, ("max_age", "'90x'", "90d")),
    Mistake("age below zero", {"rotate": "expired", "max_age": "-1d"}, ("max_age", "'-1d'", "whole number")),
    Mistake("empty age", {"rotate": "expired", "max_age": ""}, ("max_age", "''", "90d")),
    Mistake("broken age", {"rotate": "expired", "max_age": "1.5d"}, ("max_age", "'1.5d'", "whole number")),
    Mistake("expired without age", {"rotate": "expired"}, ("rotate is expired", "max_age")),
    Mistake("age with always", {"max_age": "90d"}, ("max_age", "rotate: expired")),
    # A key of one's own
    Mistake("short key", {"psk": "1234567"}, ("psk is shorter than 8", "at least 32")),
    Mistake("empty key of one's own", {"psk": ""}, ("psk is shorter than 8",)),
    Mistake("key that is a number", {"psk": 1234567890123456}, ("psk is not a string", "quotes")),
    Mistake("key that is a list", {"psk": [SECRET]}, ("psk is not a string", "quotes")),
    Mistake("key with a line break", {"psk": SECRET + "\n"}, ("psk", "line break", "trim")),
    # Where to
    Mistake("http", {"api_url": "http://api.example.com/client/v4"}, ("api_url", "unencrypted", "api.example.com", "https://"), there=True),
    Mistake("http that looks like loopback", {"api_url": "http://127.0.0.1.example.com/"}, ("api_url", "unencrypted")),
    Mistake("url without scheme", {"api_url": "api.cloudflare.com/client/v4"}, ("api_url", "https://api.cloudflare.com/client/v4"), there=True),
    Mistake("url with password", {"api_url": f"https://me:{PASSWORD}@api.example.com/"}, ("api_url", "password", "api_token"), there=True),
    Mistake("url with query", {"api_url": "https://api.example.com/?x=1"}, ("api_url", "query")),
    Mistake("ftp", {"api_url": "ftp://api.example.com/"}, ("api_url", "https://")),
    Mistake("empty url", {"api_url": ""}, ("api_url", "https://")),
    Mistake("http in the environment", {"api_url": LEAVE_OUT}, ("CLOUDFLARE_BASE_URL", "unencrypted"), env={"CLOUDFLARE_BASE_URL": "http://api.example.com"}),
    Mistake("nobody listens", {"api_url": "http://127.0.0.1:1/client/v4", "max_retries": 0}, ("no connection to 127.0.0.1", "api_url"), there=True),
    Mistake("web page instead of the API", {"api_url": "{{ elsewhere }}", "max_retries": 0}, ("HTTP 404", "not JSON", "Check api_url"), there=True),
    # How
    Mistake("no certificates there", {"ca_path": "missing.pem"}, ("ca_path", "missing.pem", "No such file"), there=True),
    Mistake("no certificates in it", {"ca_path": "ansible.cfg"}, ("ca_path", "ansible.cfg", "PEM")),
    Mistake("certificates that cannot be read", {"ca_path": "loop.pem"}, ("ca_path", "loop.pem", "cannot be read")),
    Mistake("no time", {"timeout": 0}, ("timeout", "above 0"), there=True),
    Mistake("time below zero", {"timeout": -3}, ("timeout", "above 0")),
    Mistake("endless time", {"timeout": "inf"}, ("timeout", "86400")),
    Mistake("time in words", {"timeout": "soon"}, ("timeout", "float")),
    Mistake("retries below zero", {"max_retries": -1}, ("max_retries", "0"), there=True),
    Mistake("unknown option", {"tunnel": "paris-1"}, ("cloudflare.magic.ipsec_psk has no option 'tunnel'",)),
    Mistake("misspelt option", {"max_aeg": "90d"}, ("has no option 'max_aeg'", "Did you mean 'max_age'?")),
    Mistake("mask as a key", {"psk": "********"}, ("psk is the mask", "Run the playbook again")),
    Mistake("mask as a token", {"api_token": "********"}, ("api_token is the mask",)),
    Mistake("async", {}, ("async",), keywords={"async": 30, "poll": 0}),
    # Delivery
    Mistake(
        "nobody to receive it",
        {"set_fact": False},
        ("Nobody would receive the new key", "register", "set_fact is false", "nothing has been requested"),
        registered=False,
    ),
    Mistake("no vault password", {"vault_file": "keys.yml"}, ("vault_file", "vault password", "--vault-id")),
    Mistake("empty vault file", {"vault_file": ""}, ("vault_file is empty",)),
    Mistake("vault id without file", {"vault_id": "prod"}, ("vault_id", "vault_file")),
)

RIGHT = {"ipsec_tunnel_id": "{{ tunnel }}", "api_url": "{{ url }}", "account_id": "{{ account }}", "api_token": "{{ token }}"}


def mistakes(there: bool) -> list:
    return [pytest.param(mistake, id=mistake.label.replace(" ", "_")) for mistake in MISTAKES if mistake.there or not there]


def variable(index: int) -> str:
    return f"result_{index}"


def task(index: int, mistake: Mistake) -> dict:
    options = {name: value for name, value in {**RIGHT, **mistake.options}.items() if value is not LEAVE_OUT}
    done = {"name": mistake.label, "cloudflare.magic.ipsec_psk": options, "environment": mistake.env, "ignore_errors": True, **mistake.keywords}
    if not mistake.there:
        done["when"] = "inventory_hostname == 'here'"
    if mistake.registered:
        return {**done, "register": variable(index)}
    del done["ignore_errors"]
    return {"block": [done], "rescue": [{"ansible.builtin.set_fact": {variable(index): "{{ ansible_failed_result }}"}}], "when": done.pop("when", "true")}


def writes(emulator) -> list:
    return [request for request in emulator.requests() if request["method"] != "GET"]


@pytest.fixture(scope="module")
def run(emulator, recorder, play, tmp_path_factory):
    """All mistakes in one run, each of them followed by the next."""
    state = emulator.state()
    twin = {"account_id": emulator.account_id, "name": "twins", "cloudflare_endpoint": "203.0.113.1", "interface_address": "10.213.1.8/31"}
    state["ipsec_tunnels"] += [{**twin, "id": "1" * 32}, {**twin, "id": "2" * 32}]
    emulator.set_state(state)
    folder = tmp_path_factory.mktemp("mistakes")
    (folder / "loop.pem").symlink_to("loop.pem")
    return play(
        [task(index, mistake) for index, mistake in enumerate(MISTAKES)],
        hosts=("here", "there"),
        folder=folder,
        save={variable(index): variable(index) + " | default({})" for index, mistake in enumerate(MISTAKES) if not mistake.registered},
        args=["-vvv", "--diff"],
        vars={
            "tunnel": emulator.tunnel("paris-1")["id"],
            "url": emulator.url,
            "account": emulator.account_id,
            "token": emulator.write_token,
            "elsewhere": recorder.url,
        },
    )


def check(run, mistake: Mistake, place: str) -> None:
    result = run[place][variable(MISTAKES.index(mistake))]
    assert result["failed"] is True
    # A page that is not Cloudflare's does not say that nothing was done.
    assert result["changed"] is (mistake.label == "web page instead of the API")
    assert "psk" not in result
    for word in mistake.words:
        assert word.lower() in result["msg"].lower()
    assert run.shows(result["msg"]), "the screen does not have the message"


def test_run_ends_well_and_nothing_is_changed(emulator, run):
    assert run.rc == 0, run.screen
    assert "Traceback" not in run.screen
    assert emulator.requests(), "those with a mistake in the name do send a request"
    assert writes(emulator) == []
    assert emulator.key_log() == []
    assert not list(run.folder.glob("keys*"))


@pytest.mark.parametrize("mistake", mistakes(there=False))
def test_the_message_says_what_and_how(run, mistake):
    check(run, mistake, "here")


@pytest.mark.parametrize("mistake", mistakes(there=True))
def test_the_message_says_what_and_how_on_another_host(run, mistake):
    check(run, mistake, "there")
    here, there = (run[place][variable(MISTAKES.index(mistake))]["msg"] for place in ("here", "there"))
    if "cf-ray" not in here:
        assert here == there


def test_no_secret_is_in_a_message(run, leaked):
    given = json.dumps([mistake.options for mistake in MISTAKES], default=str)
    assert given.count(SECRET) >= 7
    assert leaked(run.written(), [SECRET]) == []


def test_no_password_of_a_url_is_in_a_message(run, leaked):
    assert leaked(run.written(), [PASSWORD]) == []


def test_an_adhoc_command_has_no_receiver(emulator, command, tmp_path):
    arguments = f"ipsec_tunnel_id={TUNNEL}"
    done = command("ansible.cli.adhoc", ["here", "-m", "cloudflare.magic.ipsec_psk", "-a", arguments], tmp_path, emulator.environment())
    assert done.rc == 2
    assert done.shows("Nobody would receive the new key")
    assert done.shows("an ad-hoc command ends with this task")
    assert writes(emulator) == []


def test_neither_has_the_console(emulator, command, tmp_path):
    (tmp_path / "input").write_text(f"cloudflare.magic.ipsec_psk ipsec_tunnel_id={TUNNEL}\nexit\n", encoding="utf-8")
    done = command("ansible.cli.console", ["here"], tmp_path, emulator.environment(), stdin=tmp_path / "input")
    assert done.shows("an ad-hoc command ends with this task"), done.screen
    assert writes(emulator) == []


@pytest.mark.parametrize(
    "keywords",
    [
        {"loop": ["paris-1", "nowhere"]},
        {"failed_when": "inventory_hostname == 'nobody'"},
        {"changed_when": "inventory_hostname == 'nobody'"},
        {"until": "inventory_hostname == 'here'"},
        {"delegate_to": "stranger", "delegate_facts": True},
    ],
    ids=["loop", "failed_when", "changed_when", "until", "host that is not there"],
)
def test_a_fact_that_may_be_dropped_is_no_receiver(emulator, play, keywords):
    """When one item of a loop fails, Ansible drops the facts of all items; and those of a task that is made to fail."""
    task = {"cloudflare.magic.ipsec_psk": {"name": "{{ item | default('paris-1') }}"}, **keywords}
    played = play([task], env=emulator.environment(), args=["-v"])
    assert played.shows("the fact alone is not a receiver here") and played.shows("nothing has been requested")
    assert writes(emulator) == []


def test_a_stored_fact_is_no_receiver(emulator, play):
    tasks = [{"cloudflare.magic.ipsec_psk": {"ipsec_tunnel_id": TUNNEL}}]
    played = play(
        tasks, hosts=("here", "there"), env={**emulator.environment(), "ANSIBLE_CACHE_PLUGIN": "jsonfile", "ANSIBLE_CACHE_PLUGIN_CONNECTION": "cache"}
    )
    assert played.rc == 2
    assert played.screen.count("Nobody would receive the new key") >= 2
    assert played.shows("the fact cache 'jsonfile' would store it in clear")
    assert played.shows("Add 'register'")
    assert writes(emulator) == []


def test_requests_is_not_installed(emulator, play, tmp_path):
    (tmp_path / "requests.py").write_text("raise ImportError('No module named requests')\n", encoding="utf-8")
    tasks = [{"cloudflare.magic.ipsec_psk": {"ipsec_tunnel_id": TUNNEL}, "register": "result", "ignore_errors": True}]
    # ansible-test has ansible-core itself there.
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    played = play(tasks, hosts=("here", "there"), env={**emulator.environment(), "PYTHONPATH": path})
    assert played.rc == 0, played.screen
    for place in ("here", "there"):
        message = played[place]["result"]["msg"]
        assert played[place]["result"]["failed"] is True
        assert "requests" in message and "Python library" in message and "Traceback" not in message
    assert writes(emulator) == []
