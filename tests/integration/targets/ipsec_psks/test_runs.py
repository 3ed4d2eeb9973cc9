# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs that something happens to: limits, interruptions, mistakes, and who watches."""

from __future__ import annotations

import json
import os
import re
import subprocess

import pytest
from ansible.parsing.vault import VaultLib, VaultSecret
from conftest import PASSWORD, VARIABLE, Site, fill, rotate, until

from ansible_collections.cloudflare.magic.tests.integration.support import preloaded

OWN = "Own key of 32+ letters: \"'\\/+%41&<é> 01234"
SECRET = "a-secret-that-must-not-be-shown-in-any-message"
PLACE = pytest.mark.parametrize("place", ["here", "there"])


def squeezed(text):
    """Without the places where Ansible breaks lines."""
    return re.sub(r"[\s\\]", "", text)


def said(screen, *texts):
    for text in texts:
        assert squeezed(text) in squeezed(screen), screen


def writes(emulator):
    return [request for request in emulator.requests() if request["method"] != "GET"]


def lost(site, emulator):
    """Return the tunnels whose key in force was made by a run and is not in the file."""
    entries = site.entries()
    made = {entry["tunnel_id"] for entry in emulator.key_log()}
    assert made, "no run has set a key"
    in_force = emulator.keys()
    return [i for i in made if in_force[i] not in (entries.get(i, {}).get("psk"), entries.get(i, {}).get("pending_psk"))]


def split_run(site, tasks, *args, **env):
    """Run tasks and return what they wrote to standard output and to standard error."""
    done = preloaded.run([*site.playbook(tasks, "here")[2:], *args], site.folder, site.environment(**env))
    assert done.returncode == 0, done.stdout
    return done.stdout.decode(), done.stderr.decode()


# --- progress


def test_progress_of_several_batches_on_standard_error(site, emulator):
    stdout, stderr = split_run(site, [rotate(batch_size=5, register="many")])
    lines = [re.findall(r"\d+", line.split("ipsec_psks:")[1]) for line in stderr.splitlines() if "batch" in line]
    assert [[int(number) for number in line] for line in lines] == [[5, 12, 1, 3, 7], [10, 12, 2, 3, 2], [12, 12, 3, 3, 0]]
    assert "batch" not in stdout
    keys = [key for key in emulator.keys().values() if key]
    assert len(keys) == 12
    assert not any(key in stdout + stderr for key in keys)


def test_progress_in_check_mode_says_what_it_is(site):
    dummy, stderr = split_run(site, [rotate(batch_size=6)], "--check")
    lines = [line for line in stderr.splitlines() if "batch" in line]
    assert len(lines) == 2
    assert all("validated" in line and " set" not in line for line in lines)


def test_tunnels_of_one_name_stay_two_in_the_diff(site, emulator):
    state = emulator.state()
    for tunnel in state["ipsec_tunnels"][:2]:
        tunnel["name"] = "twin"
    emulator.set_state(state)
    ids = [tunnel["id"] for tunnel in state["ipsec_tunnels"][:3]]
    task = rotate(names=None, ipsec_tunnel_ids=ids, register="look", keywords={"check_mode": True})
    screen = site.play([task, {**task, "check_mode": False, "register": "done"}], args=["--diff", "--vault-id", "prod@password"])
    labels = {f"twin ({ids[0]})", f"twin ({ids[1]})", state["ipsec_tunnels"][2]["name"]}
    for name in ("look", "done"):
        diff = site.registered()[name]["diff"]
        assert set(diff["before"]) == set(diff["after"]) == labels
    said(screen, *(f'+    "{label}"' for label in labels))


def test_no_progress_of_one_batch(site):
    stdout, stderr = split_run(
        site, [rotate(register="one", keywords={"check_mode": True}), rotate(register="two"), rotate(rotate="missing", register="three")]
    )
    assert "batch" not in stdout + stderr
    assert site.registered()["three"]["requests"] == 1


# --- limits


def test_a_rate_limit_in_the_middle_loses_nothing(site, emulator):
    emulator.rate_limit(3, 2)
    screen = site.play([rotate(batch_size=2, vault_file="v/keys.yml", register="many")])
    emulator.rate_limit(10**9, 300)
    statuses = [request["status"] for request in emulator.requests()]
    assert statuses.count(200) == 7
    assert statuses.count(429) >= 1
    assert set(statuses) == {200, 429}
    many = site.registered()["many"]
    assert many["requests"] == len(statuses)
    assert {tunnel_id: entry["psk"] for tunnel_id, entry in many["psks"].items()} == emulator.keys() == site.keys()
    assert len(emulator.key_log()) == 12, "no key was set twice"
    assert "fatal" not in screen


@PLACE
def test_a_limit_for_longer_than_it_waits_keeps_what_is_set(site, emulator, place):
    emulator.fault(kind="status", status=429, code=971, retry_after=0, path="psk$", skip=1, times=1000)
    block = {
        "block": [rotate(batch_size=4, vault_file="v/keys.yml", register="many", max_retries=2)],
        "rescue": [{"ansible.builtin.debug": {"msg": "rescued"}}],
    }
    screen = site.play([block], hosts=place)
    many = site.registered(place)["many"]
    assert many["failed"]
    assert many["requests"] == len(emulator.requests()) == 1 + 1 + 3
    said(screen, "rescued", "4 of 12 keys are set", "rate limit")
    in_force, entries = emulator.keys(), site.entries()
    assert {row["outcome"] for row in many["tunnels"]} == {"set", "not_tried"}
    assert len(many["psks"]) == 4
    for tunnel_id, entry in many["psks"].items():
        assert entry["psk"] == in_force[tunnel_id] == entries[tunnel_id]["psk"]
    assert many["delivered_to"] == ["register", "vault_file"]
    assert lost(site, emulator) == []
    emulator.clear_faults()
    site.play([rotate(rotate="missing", vault_file="v/keys.yml")], hosts=place)
    assert lost(site, emulator) == []
    assert not any("pending_psk" in entry for entry in site.entries().values())


# --- half a run: keys for the devices first


@PLACE
def test_staged_keys_are_shown_nowhere_and_sent_by_the_next_run(site, emulator, leaked, place):
    before = emulator.keys()
    stage = {"vault_file": "v/keys.yml", "stage": True}
    tasks = [
        rotate(**stage, register="check", keywords={"check_mode": True}),
        rotate(**stage, register="first"),
        rotate(**stage, register="second"),
    ]
    screen = site.play(tasks, place, args=("--vault-id", "prod@password", "-vvv", "--diff"))
    answers = site.registered(place)
    assert (answers["check"]["changed"], "psks" in answers["check"]) == (True, False)
    assert (answers["first"]["changed"], answers["second"]["changed"]) == (True, False)
    assert answers["first"]["delivered_to"] == ["register", "vault_file"]
    keys = {tunnel_id: entry["psk"] for tunnel_id, entry in answers["first"]["psks"].items()}
    assert len(keys) == 12
    assert keys == {tunnel_id: entry["psk"] for tunnel_id, entry in answers["second"]["psks"].items()}
    assert keys == {tunnel_id: entry["pending_psk"] for tunnel_id, entry in site.entries().items()}
    assert {row["outcome"] for row in answers["first"]["tunnels"]} == {"staged"}
    assert emulator.keys() == before
    assert writes(emulator) == []
    said(screen, "12 new keys are saved as pending_psk and not sent")
    assert leaked(screen, [*keys.values()]) == []
    site.play([rotate(vault_file="v/keys.yml")], place)
    assert emulator.keys() == keys == site.keys()
    assert not any("pending_psk" in entry for entry in site.entries().values())


# --- partial failures


@PLACE
def test_a_rescue_block_gets_what_is_set(site, emulator, gate, place):
    """Also of a task that registers nothing: Ansible keeps the result of a failed task for the rescue block, and drops its facts."""
    bad = emulator.tunnel("branch-3")["id"]
    gate.refuse[bad] = "locked"
    tell = {"ansible.builtin.set_fact": {"saved": "{{ ansible_failed_result }}"}}
    show = {"ansible.builtin.command": {"argv": ["true"]}, "vars": {"ansible_connection": "local"}, "register": "done"}
    check = {
        "ansible.builtin.assert": {
            "that": [
                "saved.unapplied == {bad: 'locked'}",
                "saved.delivered_to == []",
                "saved.psks | length == 11",
                "saved.psks.values() | map(attribute='psk') | map('length') | unique == [48]",
            ]
        },
        "vars": {"bad": bad},
    }
    keys = {
        "ansible.legacy.write_down": {"content": "{{ saved.psks | to_json }}", "path": str(site.folder / "saved")},
        "no_log": True,
    }
    screen = site.play([{"block": [rotate(api_url=gate.url)], "rescue": [tell, check, keys, show]}], hosts=place)
    said(screen, "1 of 12 keys were not set, 11 were", f"branch-3 ({bad}): locked")
    in_force = emulator.keys()
    saved = json.loads((site.folder / "saved").read_text(encoding="utf-8"))
    assert {tunnel_id: entry["psk"] for tunnel_id, entry in saved.items()} == {tunnel_id: key for tunnel_id, key in in_force.items() if tunnel_id != bad}


def test_when_the_fact_alone_would_receive_the_keys_it_says_where_they_are(site, gate, emulator):
    gate.refuse[emulator.tunnel("branch-3")["id"]] = "locked"
    screen = site.play([rotate(api_url=gate.url)], rc=2)
    said(screen, "11 were", "ansible_failed_result")


# --- interruptions


@pytest.mark.parametrize(("place", "place_of_fault"), [("here", 0), ("there", 1)])
def test_the_timeout_of_the_task_keeps_the_keys(site, emulator, place, place_of_fault):
    emulator.fault(kind="slow", when="after", path="psk$", skip=place_of_fault, seconds=20)
    task = rotate(batch_size=6, vault_file="v/keys.yml", keywords={"timeout": 6})
    site.play([task], hosts=place, rc=2, warns=["cloudflare.magic.ipsec_psks: interrupted"])
    assert lost(site, emulator) == []
    assert len(emulator.key_log()) == 6 * (place_of_fault + 1), "the request did take effect"
    emulator.clear_faults()
    in_force = {entry["tunnel_id"]: entry["psk"] for entry in emulator.key_log()}
    emulator.clear_requests()
    site.play([rotate(rotate="missing", vault_file="v/keys.yml")], hosts=place)
    sent = {entry["id"]: entry["psk"] for request in writes(emulator) for entry in json.loads(request["body"])["psks"]}
    assert {tunnel_id: key for tunnel_id, key in sent.items() if tunnel_id in in_force}.items() <= in_force.items()
    assert not any("pending_psk" in entry for entry in site.entries().values())
    assert lost(site, emulator) == []


def test_a_folder_that_vanishes_in_the_middle(site, emulator):
    emulator.fault(kind="slow", when="after", path="psk$", skip=1, seconds=3)
    command = [
        *site.playbook([rotate(batch_size=6, vault_file="v/keys.yml", register="many", keywords={"ignore_errors": True})], "here"),
        "--vault-id",
        "prod@password",
    ]
    process = subprocess.Popen(command, cwd=site.folder, env=site.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    until(lambda: len(emulator.key_log()) == 12)
    os.rename(site.folder / "v", site.folder / "gone")
    screen = process.communicate()[0].decode()
    assert process.returncode == 0, screen
    many = site.registered()["many"]
    assert many["failed"]
    assert {tunnel_id: entry["psk"] for tunnel_id, entry in many["psks"].items()} == emulator.keys()
    assert many["delivered_to"] == ["register"]
    said(screen, "It could not be saved to", "No such file or directory", "12 of 12 keys are set")
    # What was saved before it was sent.
    kept = site.entries("gone/keys.yml")
    assert {tunnel_id: entry.get("pending_psk") or entry["psk"] for tunnel_id, entry in kept.items()} == emulator.keys()
    (copy,) = [name for name in os.listdir(site.home) if name.startswith("cloudflare_magic_keys_")]
    assert site.keys(f"home/{copy}") == emulator.keys()


# --- mistakes


def mistakes():
    """Options, words that the message has to have, and keywords of the task."""
    tunnel = {"names": ["branch-1"]}
    key = {"branch-1": SECRET}
    return {
        "nothing": ({}, ["names", "ipsec_tunnel_ids", "psks"]),
        "names and psks": ({**tunnel, "psks": key}, ["mutually exclusive", "names", "psks"]),
        "ids and psks": ({"ipsec_tunnel_ids": ["x"], "psks": key}, ["mutually exclusive", "ipsec_tunnel_ids", "psks"]),
        "no names": ({"names": []}, ["names is empty", "['*']"]),
        "stage without a file": ({**tunnel, "stage": True}, ["stage needs vault_file"]),
        "stage with psks": ({"psks": key, "stage": True, "vault_file": "v/keys.yml"}, ["stage creates keys", "psks"]),
        "no ids": ({"ipsec_tunnel_ids": []}, ["ipsec_tunnel_ids is empty"]),
        "no psks": ({"psks": {}}, ["psks is empty"]),
        "an empty name": ({"names": ["branch-1", " "]}, ["names contains an empty string"]),
        "an empty id": ({"ipsec_tunnel_ids": [""]}, ["ipsec_tunnel_ids contains an empty string"]),
        "an id with a slash": ({"ipsec_tunnel_ids": ["a/b"]}, ["ipsec_tunnel_ids"]),
        "a name that matches nothing": ({"names": ["branch-1", "brunch-*"]}, ["'brunch-*'", "branch-0", "account_id"]),
        "a name of other case": ({"names": ["Branch-1"]}, ["'Branch-1'"]),
        "an unknown id": ({"ipsec_tunnel_ids": ["0" * 31 + "f"]}, ["no IPsec tunnel has the id", "0" * 31 + "f"]),
        "psks of nobody": ({"psks": {"rome-1": SECRET}}, ["psks", "entry 1 is neither", "branch-1"]),
        "psks twice": ({"psks": {"branch-1": SECRET, "00000001" * 4: SECRET + "2"}}, ["'branch-1' is given twice"]),
        "a number as key": ({"psks": {"branch-1": 12345678901234567890123456789012}}, ["psks", "entry 1", "not a string", "quotes"]),
        "a list as key": ({"psks": {"branch-1": [SECRET]}}, ["psks", "entry 1", "not a string"]),
        "a dictionary as key": ({"psks": {"branch-1": {"psk": SECRET}}}, ["psks", "entry 1", "not a string"]),
        "no key": ({"psks": {"branch-1": None}}, ["psks", "entry 1"]),
        "an empty key": ({"psks": {"branch-1": ""}}, ["entry 1", "shorter than 8"]),
        "a short key": ({"psks": {"branch-1": "1234567"}}, ["entry 1", "shorter than 8"]),
        "a key with a line break": ({"psks": {"branch-1": SECRET + "\n"}}, ["entry 1", "line break"]),
        "psks that are a list": ({"psks": [SECRET]}, ["psks", "a list cannot be converted to a dict"]),
        "psks that are a string": ({"psks": SECRET}, ["psks"]),
        "31 letters": ({**tunnel, "psk_length": 31}, ["psk_length", "32 to 64"]),
        "65 letters": ({**tunnel, "psk_length": 65}, ["psk_length", "32 to 64"]),
        "no letters": ({**tunnel, "psk_length": 0}, ["psk_length", "32 to 64"]),
        "length in words": ({**tunnel, "psk_length": "long"}, ["psk_length", "long"]),
        "batches of nothing": ({**tunnel, "batch_size": 0}, ["batch_size", "at least 1"]),
        "batches below nothing": ({**tunnel, "batch_size": -5}, ["batch_size", "at least 1"]),
        "rotate sometimes": ({**tunnel, "rotate": "sometimes"}, ["rotate", "always, missing, expired"]),
        "age with always": ({**tunnel, "max_age": "90d"}, ["max_age", "rotate: expired"]),
        "expired without age": ({**tunnel, "rotate": "expired"}, ["rotate is expired", "max_age"]),
        "age of unknown unit": ({**tunnel, "rotate": "expired", "max_age": "90x"}, ["max_age", "'90x'"]),
        "vault id without file": ({**tunnel, "vault_id": "prod"}, ["vault_id", "vault_file"]),
        "an empty vault file": ({**tunnel, "vault_file": ""}, ["vault_file is empty"]),
        "no such folder": ({**tunnel, "vault_file": "nowhere/keys.yml"}, ["vault_file", "the folder does not exist"]),
        "another password": ({**tunnel, "vault_file": "v/foreign.yml"}, ["vault_file", "no vault password of this run decrypts it"]),
        "not encrypted": ({**tunnel, "vault_file": "v/plain.yml"}, ["vault_file", "is not encrypted"]),
        "unknown option": ({**tunnel, "name": "branch-1"}, ["has no option 'name'", "Did you mean 'names'?"]),
        "no token": ({**tunnel, "api_token": ""}, ["api_token is empty"]),
        "unknown account": ({**tunnel, "account_id": "0" * 32}, ["HTTP 404", "7003", "account_id"]),
        "name and key swapped": ({"psks": {SECRET: "branch-1"}}, ["entry 1", "neither the name nor the id"]),
        "an option twice": ({**tunnel, "api_url": "http://127.0.0.1:1", "base_url": "http://127.0.0.1:2"}, ["api_url and base_url are the same option"]),
        "a mask as key": ({"psks": {"branch-1": "********"}}, ["entry 1 is the mask"]),
        "async": (tunnel, ["async"], {"async": 30, "poll": 0}),
    }


def test_mistakes_change_nothing_and_say_how_to_mend_them(site, emulator, leaked):
    site.encrypt("v/foreign.yml", f"{VARIABLE}: {{}}\n", password="another one")
    (site.folder / "v" / "plain.yml").write_text(f"{VARIABLE}: {{}}\n", encoding="utf-8")
    made = mistakes()
    tasks = []
    for number, (options, dummy, *keywords) in enumerate(made.values()):
        task = {"cloudflare.magic.ipsec_psks": options, "register": f"result_{number}", "ignore_errors": True}
        tasks.append({**task, **(keywords[0] if keywords else {})})
    tasks.append({**rotate(set_fact=False), "ignore_errors": True})
    # Of the key that a mistake is about.
    warns = ["the key of entry 1 is shorter than 32 characters"]
    screen = site.play(tasks, args=["-vvv", "--diff", "--vault-id", "prod@password"], warns=warns)
    results = site.registered()
    wrong = []
    for number, (label, (dummy, words, *dummy_rest)) in enumerate(made.items()):
        result = results[f"result_{number}"]
        missing = [word for word in words if word.lower() not in result.get("msg", "").lower()]
        if missing or result.get("failed") is not True or result.get("changed"):
            wrong.append((label, missing, result))
    assert wrong == []
    said(screen, "Nobody would receive the new key", "set_fact is false", "nothing has been requested")
    assert "Traceback" not in screen
    assert emulator.requests(), "those with a mistake in a name do ask"
    assert writes(emulator) == []
    assert sorted(os.listdir(site.folder / "v")) == [".foreign.yml.lock", ".plain.yml.lock", "foreign.yml", "plain.yml"]
    assert leaked(screen, [SECRET, "12345678901234567890123456789012"]) == []


def test_no_vault_password(site, emulator):
    said(site.play([rotate(vault_file="v/keys.yml")], args=[], rc=2), "this run has no vault password")
    assert emulator.requests() == []


def test_a_fact_that_is_stored_is_no_receiver(site, emulator):
    env = {"ANSIBLE_CACHE_PLUGIN": "jsonfile", "ANSIBLE_CACHE_PLUGIN_CONNECTION": "cache"}
    said(site.play([rotate()], rc=2, env=env), "Nobody would receive", "'jsonfile' would store it in clear")
    assert emulator.requests() == []
    site.play([rotate(register="many")], env=env, warns=["Keys are not put into the fact"])
    assert site.registered()["many"]["delivered_to"] == ["register"]
    keys = [entry["psk"] for entry in emulator.key_log()]
    assert len(keys) == 12
    stored = "".join(path.read_text(encoding="utf-8") for path in site.folder.rglob("cache/*"))
    assert not any(key in stored for key in keys)


# --- keys of one's own


def test_keys_that_are_encrypted_one_by_one(site, emulator):
    """As ``ansible-vault encrypt_string`` writes them."""
    secret = VaultSecret(PASSWORD.encode())
    cipher = VaultLib([("prod", secret)]).encrypt(OWN.encode(), secret=secret, vault_id="prod").decode()
    indented = "".join(f"        {line}\n" for line in cipher.splitlines())
    (site.folder / "keys_of_ours.yml").write_text(f"our_keys:\n    branch-1: !vault |\n{indented}", encoding="utf-8")
    task = rotate(psks="{{ our_keys }}", register="many")
    one = rotate(psks={"branch-2": "{{ our_keys['branch-1'] }}"})
    site.play([task, one], vars_files=["keys_of_ours.yml"])
    assert emulator.keys()[emulator.tunnel("branch-1")["id"]] == OWN
    assert emulator.keys()[emulator.tunnel("branch-2")["id"]] == OWN
    assert OWN not in json.dumps(site.registered(), ensure_ascii=False)


def test_own_keys_are_kept_in_the_file(site, emulator):
    tunnel_id = emulator.tunnel("branch-1")["id"]
    site.encrypt("v/keys.yml", f"{VARIABLE}:\n  '{tunnel_id}': {{psk: the-one-before, pending_psk: {'p' * 32}}}\n")
    screen = site.play([rotate(psks={"branch-1": OWN}, vault_file="v/keys.yml", register="many")])
    many = site.registered()["many"]
    assert many["delivered_to"] == ["vault_file"]
    assert many["requests"] == 3, "the list, the pending key, and the new one"
    assert [json.loads(request["body"])["psks"][0]["psk"] for request in writes(emulator)] == ["p" * 32, OWN]
    assert [entry["psk"] for entry in emulator.key_log()] == ["p" * 32, OWN]
    assert site.entries()[tunnel_id]["psk"] == OWN
    assert site.entries()[tunnel_id]["previous_psk"] == "p" * 32
    assert OWN not in screen


# --- who watches


@PLACE
def test_nothing_shows_a_key_when_ansible_tells_all(site, emulator, gate, leaked, place):
    gate.refuse[emulator.tunnel("branch-7")["id"]] = "locked"
    site.encrypt("v/keys.yml", f"{VARIABLE}: {{}}\n")
    tasks = [
        rotate(names=["branch-1", "branch-2"], batch_size=1, vault_file="v/keys.yml", register="some"),
        rotate(names=["branch-[6-8]"], vault_file="v/keys.yml", register="refused", keywords={"ignore_errors": True}),
        rotate(psks={"branch-4": OWN, "branch-5": SECRET}),
        rotate(psks={"branch-4": OWN, "branch-7": SECRET}, keywords={"ignore_errors": True}),
        rotate(keywords={"check_mode": True, "ignore_errors": True}),
        rotate(names=["nobody"], keywords={"ignore_errors": True}),
    ]
    env = {"ANSIBLE_DEBUG": "1", "ANSIBLE_LOG_PATH": str(site.folder / "log"), "CLOUDFLARE_BASE_URL": gate.url}
    screen = site.play(tasks, hosts=place, args=["-vvvvv", "--diff", "--vault-id", "prod@password"], env=env)
    log = (site.folder / "log").read_text(encoding="utf-8")
    assert "Loading" in log
    sent = {key for request in gate.requests for key in request["keys"].values()}
    assert {OWN, SECRET} < sent
    assert len(sent) >= 2 + 3 + 2 + 12
    assert leaked(screen + log, [*sent, emulator.write_token]) == []
    kept = b"".join(path.read_bytes() for path in site.folder.rglob("*") if path.is_file() and path.parent.name != "results" and path.name != "playbook.json")
    assert leaked(kept.decode("utf-8", "replace"), [*sent]) == []


def test_two_runs_at_once_lose_nothing(tmp_path, emulator):
    """They share the file: one waits for the other."""
    fill(emulator, 40)
    site = Site(tmp_path / "two", emulator)
    commands = [
        site.playbook([rotate(names=[names], batch_size=3, vault_file="v/keys.yml")], "here", name=f"{number}.json")
        for number, names in enumerate(["branch-[0-9]", "branch-??"])
    ]
    processes = [
        subprocess.Popen(
            [*command, "--vault-id", "prod@password"],
            cwd=site.folder,
            env=site.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        for command in commands
    ]
    screens = [process.communicate()[0].decode() for process in processes]
    assert [process.returncode for process in processes] == [0, 0], screens
    assert site.keys() == emulator.keys()
    assert len(emulator.key_log()) == 40
