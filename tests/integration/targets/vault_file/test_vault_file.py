# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""vault_file as users run it: by ansible-playbook, with Ansible's own passwords, readers and forks."""

from __future__ import annotations

import errno
import json
import os
import pty
import re
import shutil
import stat
import subprocess
import sys
from importlib.util import find_spec

import pytest

from ansible_collections.cloudflare.magic.tests.integration.support.vault_site import PASSWORD, VARIABLE, rotate, until

LOCK_AND_FILE = [".keys.yml.lock", "keys.yml"]
OTHER_PASSWORD = "the password of another vault"
FOREIGN = "# Do not touch.\nsite_contact: '{{ nobody }}'  # a template\n"


def squeezed(text):
    """Without the places where Ansible breaks lines."""
    return re.sub(r"[\s\\]", "", text)


def said(screen, *texts):
    for text in texts:
        assert squeezed(text) in squeezed(screen), screen


def writes(emulator):
    return [request for request in emulator.requests() if request["method"] != "GET"]


def id_of(emulator, name):
    return emulator.tunnel(name)["id"]


# --- many at once


@pytest.mark.cores("one")
def test_twenty_hosts(site, emulator):
    """Each host rotates its own tunnel, all at once; some over a connection that sends the module."""
    site.encrypt("v/keys.yml", FOREIGN)
    site.hosts({f"r{number}": {"tunnel": f"branch-{number}", "ansible_connection": "local" if number % 7 else "elsewhere"} for number in range(20)})
    site.play([rotate("{{ tunnel }}", register="one")], hosts="all", args=["--vault-id", "prod@password", "--forks", "20"])
    in_force = emulator.keys()
    ours = {id_of(emulator, f"branch-{number}") for number in range(20)}
    assert site.keys() == {tunnel_id: in_force[tunnel_id] for tunnel_id in ours}
    assert FOREIGN in site.text()
    assert site.files() == LOCK_AND_FILE
    for number in range(20):
        one = site.registered(f"r{number}")["one"]
        assert one["psk"] == in_force[one["ipsec_tunnel_id"]]
        assert one["delivered_to"] == ["register", "fact", "vault_file"]
    assert len(writes(emulator)) == 20


@pytest.mark.cores("one")
def test_two_playbooks(site, emulator):
    """Two playbooks at once, with a loop and an own file name each for the same file."""
    (site.folder / "link.yml").symlink_to("v/keys.yml")
    running = []
    for start, file in ((0, "v/keys.yml"), (1, "link.yml")):
        names = [f"branch-{number}" for number in range(start, 24, 2)]
        command = site.playbook([rotate("{{ item }}", file, keywords={"loop": names}, set_fact=False)], name=f"playbook-{start}.json")
        running.append(
            subprocess.Popen(
                [*command, "--vault-id", "prod@password"], cwd=site.folder, env=site.environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
            )
        )
    for process in running:
        screen = process.communicate()[0].decode()
        assert process.returncode == 0, screen
    assert site.keys() == emulator.keys()
    assert len(site.keys()) == 24
    assert site.files() == LOCK_AND_FILE
    assert (site.folder / "link.yml").is_symlink()


# --- where the password comes from


def script(site, name, text):
    path = site.folder / name
    path.write_text(f"#!{sys.executable}\n{text}\n", encoding="utf-8")
    path.chmod(0o700)


SOURCES = {
    "password file": (["--vault-id", "prod@password"], {}, "prod"),
    "script": (["--vault-id", "prod@plain.py"], {}, "prod"),
    "client script": (["--vault-id", "prod@keyring-client.py"], {}, "prod"),
    "no id": (["--vault-password-file", "password"], {}, None),
    "environment": ([], {"ANSIBLE_VAULT_PASSWORD_FILE": "password"}, None),
    "identity list": ([], {"ANSIBLE_VAULT_IDENTITY_LIST": "dev@other, prod@password", "ANSIBLE_VAULT_ENCRYPT_IDENTITY": "prod"}, "prod"),
    "encrypt identity": (["--vault-id", "dev@other", "--vault-id", "prod@plain.py"], {"ANSIBLE_VAULT_ENCRYPT_IDENTITY": "prod"}, "prod"),
    "the first of several": (["--vault-id", "prod@keyring-client.py", "--vault-id", "dev@other"], {}, "prod"),
}


@pytest.mark.parametrize("source", SOURCES)
def test_passwords(site, emulator, source):
    args, env, vault_id = SOURCES[source]
    (site.folder / "other").write_text(OTHER_PASSWORD, encoding="utf-8")
    script(site, "plain.py", f"print({PASSWORD!r})")
    script(site, "keyring-client.py", f"import sys\nassert sys.argv[1:] == ['--vault-id', 'prod'], sys.argv\nprint({PASSWORD!r})")
    # The second task reads what the first one wrote.
    site.play([rotate("branch-0"), rotate("branch-1")], args=args, env=env)
    assert site.header() == (f"$ANSIBLE_VAULT;1.2;AES256;{vault_id}" if vault_id else "$ANSIBLE_VAULT;1.1;AES256")
    assert site.keys() == {id_of(emulator, name): emulator.keys()[id_of(emulator, name)] for name in ("branch-0", "branch-1")}


def test_vault_id_option(site, emulator):
    """A file moves to the id that the task names, and stays there; an unknown one is an error before any request."""
    (site.folder / "other").write_text(OTHER_PASSWORD, encoding="utf-8")
    ids = ["--vault-id", "prod@password", "--vault-id", "dev@other"]
    site.play([rotate("branch-0"), rotate("branch-1", vault_id="dev"), rotate("branch-2")], args=ids)
    assert site.header() == "$ANSIBLE_VAULT;1.2;AES256;dev"
    assert len(site.keys(password=OTHER_PASSWORD)) == 3
    before = (site.folder / "v" / "keys.yml").read_bytes()
    emulator.clear_requests()
    screen = site.play([rotate("branch-0", vault_id="test")], args=ids, rc=2)
    said(screen, "this run has no vault password with the id 'test' (it has: dev, prod)", "Nothing has been changed.")
    assert emulator.requests() == []
    assert (site.folder / "v" / "keys.yml").read_bytes() == before


def test_prompt(site, emulator):
    """As someone at a terminal, which getpass wants to have for itself."""
    command = [*site.playbook([rotate("branch-0"), rotate("branch-1")]), "--vault-id", "prod@prompt"]
    pid, terminal = pty.fork()
    if not pid:
        try:
            os.chdir(site.folder)
            os.execve(command[0], command, site.environment())
        finally:
            os._exit(127)
    screen, asked = b"", False
    while True:
        try:
            data = os.read(terminal, 65536)
        except OSError as error:
            assert error.errno == errno.EIO  # Linux' way to say that nobody is there any more
            break
        if not data:
            break
        screen += data
        if not asked and b"password" in screen:
            asked = True
            os.write(terminal, PASSWORD.encode() + b"\n")
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, screen.decode()
    assert PASSWORD.encode() not in screen
    assert site.header() == "$ANSIBLE_VAULT;1.2;AES256;prod"
    assert len(site.keys()) == 2


# --- who reads it


def vault(site, *args, **env):
    done = subprocess.run(
        [sys.executable, "-m", "ansible.cli.vault", *args, "--vault-id", "prod@password"],
        cwd=site.folder,
        env=site.environment(**env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def test_readers(site, emulator):
    """ansible-vault view and edit, group_vars, vars_files and include_vars read it as it is; what was edited survives."""
    (site.folder / "group_vars" / "all").mkdir(parents=True)
    file = "group_vars/all/ipsec_psks.yml"
    tunnel_id = id_of(emulator, "branch-0")
    awkward = "{{ x }} {% y %} \"double\" 'single' \\back #hash : @0x123"
    once = "Ansible reads the files below group_vars and host_vars once a run"
    screen = site.play([rotate("branch-0", file), rotate("branch-1", file, psk="{% raw %}" + awkward + "{% endraw %}")], warns=[once])
    # Once for all tasks.
    assert " ".join(screen.split()).count(once) == 1
    first = emulator.keys()[tunnel_id]
    assert emulator.keys()[id_of(emulator, "branch-1")] == awkward

    assert first in vault(site, "view", file)
    script(site, "editor.py", f"import sys\nopen(sys.argv[-1], 'a').write({FOREIGN!r} + 'contact: noc\\n')")
    vault(site, "edit", file, EDITOR=str(site.folder / "editor.py"))

    # Ansible reads group_vars and vars_files once; include_vars reads the file again.
    read = {"variable": "{{ " + VARIABLE + " }}", "contact": "{{ contact }}"}
    site.play(
        [
            {"ansible.builtin.set_fact": {"seen": read}, "register": "before", "no_log": True},
            rotate("branch-0", file),
            {"ansible.builtin.set_fact": {"seen": "{{ ansible_facts." + VARIABLE + " }}"}, "register": "fact", "no_log": True},
            {"ansible.builtin.include_vars": file, "no_log": True},
            {"ansible.builtin.set_fact": {"seen": read}, "register": "after", "no_log": True},
        ],
        warns=[once],
    )
    second = emulator.keys()[tunnel_id]
    before, after = (site.registered()[name]["ansible_facts"]["seen"] for name in ("before", "after"))
    assert before["contact"] == after["contact"] == "noc"
    assert before["variable"][tunnel_id]["psk"] == first
    fact = site.registered()["fact"]["ansible_facts"]["seen"]
    assert {number: entry["psk"] for number, entry in fact.items()} == {tunnel_id: second, id_of(emulator, "branch-1"): awkward}
    assert after["variable"][tunnel_id]["psk"] == second
    assert after["variable"][tunnel_id]["previous_psk"] == first
    assert after["variable"][tunnel_id]["name"] == "branch-0"
    assert after["variable"][id_of(emulator, "branch-1")]["psk"] == awkward
    assert FOREIGN in vault(site, "view", file)

    # By a link, Ansible reads it all the same.
    (site.folder / "link.yml").symlink_to(file)
    site.play([rotate("branch-1", "link.yml")], warns=[once])

    os.rename(site.folder / file, site.folder / "v" / "keys.yml")
    site.play([{"ansible.builtin.set_fact": {"seen": read}, "register": "one", "no_log": True}], vars_files=["v/keys.yml"])
    seen = site.registered()["one"]["ansible_facts"]["seen"]
    assert seen["variable"][tunnel_id] == after["variable"][tunnel_id]
    site.play([rotate("branch-1", "v/keys.yml")])


def test_keys_that_the_fact_takes_from_the_file_are_masked_where_ansible_can(site, emulator):
    """From ansible-core 2.22 on, in all later output; before, nobody but the user can do that."""
    tunnel_id, old = id_of(emulator, "branch-1"), "the-key-of-a-run-before-0123456789"
    site.encrypt("v/keys.yml", f"{VARIABLE}:\n  '{tunnel_id}': {{name: branch-1, psk: {old}}}\n")
    screen = site.play([rotate("branch-0"), {"ansible.builtin.debug": {"var": f"ansible_facts.{VARIABLE}['{tunnel_id}'].psk"}}])
    assert (old in screen) == (find_spec("ansible.module_utils.secrets") is None), screen


# --- when there is nothing to write


@pytest.mark.cores("one")
def test_only_what_is_due_is_written(site, emulator):
    """Check mode and a key that is not due leave the file alone; a supplied key is saved, and not returned."""
    mine = "my-own-key-that-nobody-needs-to-be-told"
    look = {"ansible.builtin.stat": {"path": "{{ playbook_dir }}/v/keys.yml"}}
    folder = {"ansible.builtin.find": {"paths": "{{ playbook_dir }}/v", "hidden": True, "file_type": "any"}}
    tunnel_id = id_of(emulator, "branch-1")
    site.play(
        [
            rotate("branch-1", keywords={"check_mode": True}, register="check_first"),
            {**folder, "register": "empty"},
            rotate("branch-1", psk=mine, register="supplied"),
            {**look, "register": "before"},
            rotate("branch-1", keywords={"check_mode": True}, register="check"),
            rotate("branch-1", keywords={"check_mode": True}, psk=mine + "2", register="check_supplied"),
            rotate("branch-1", rotate="missing", register="missing"),
            rotate("branch-1", rotate="expired", max_age="90d", register="young"),
            {**look, "register": "after"},
        ]
    )
    got = site.registered()
    assert got["empty"]["files"] == []
    for name in ("check_first", "check", "check_supplied"):
        assert got[name]["changed"]
        assert got[name]["validated"]
        assert got[name]["delivered_to"] == []
        assert "psk" not in got[name]
    assert got["supplied"]["delivered_to"] == ["vault_file"]
    assert mine not in str(got)
    for name in ("missing", "young"):
        assert (got[name]["changed"], got[name]["reason"], got[name]["delivered_to"]) == (False, "not_due", [])
    for name in ("inode", "checksum", "mtime", "ctime"):
        assert got["before"]["stat"][name] == got["after"]["stat"][name]
    assert site.keys() == {tunnel_id: mine}
    assert site.files() == LOCK_AND_FILE


def test_another_host(site, emulator):
    """The work is done elsewhere, the file is written here, beside the playbook."""
    site.play([rotate("branch-0", register="one"), rotate("branch-0", register="two")], hosts="there")
    tunnel_id = id_of(emulator, "branch-0")
    one, two = (site.registered("there")[name] for name in ("one", "two"))
    assert site.entries()[tunnel_id]["psk"] == two["psk"] == emulator.keys()[tunnel_id]
    assert site.entries()[tunnel_id]["previous_psk"] == one["psk"]
    assert stat.S_IMODE(os.stat(site.folder / "v" / "keys.yml").st_mode) == 0o600
    assert site.files() == LOCK_AND_FILE


def test_no_receiver_but_the_file(site, emulator):
    screen = site.play([rotate("branch-0", set_fact=False), rotate("branch-0", set_fact=False)])
    (entry,) = site.entries().values()
    assert entry["psk"] == emulator.keys()[id_of(emulator, "branch-0")]
    assert entry["psk"] not in screen
    assert entry["previous_psk"] not in screen


# --- errors before the API is called

CONTENTS = {
    "plain.yml": f"{VARIABLE}:\n  {'0' * 32}: {{psk: in-the-clear}}\n",
    "sops.yml": f"{VARIABLE}: ENC[AES256_GCM,data:xx,type:str]\nsops: {{version: 3.9.0}}\n",
    "empty.yml": "",
    "torn.yml": "$ANSIBLE_VAULT;1.1;AES256\n3132333435\n",
}
ENCRYPTED = {"list.yml": "- in-the-vault\n", "ours.yml": f"{VARIABLE}: [in-the-vault]\n", "bad.yml": "a: 'in-the-vault\n"}


def refused(site, cases, around=()):
    """Run a task for each path, here, there and in check mode, and check that each says why without a single request."""
    files = {str(path.relative_to(site.folder)): path.read_bytes() for path in sorted((site.folder / "v").rglob("*")) if path.is_file()}
    tasks = [
        rotate("branch-0", "{{ item }}", register="here", keywords={"loop": list(cases), "ignore_errors": True}),
        rotate("branch-0", "{{ item }}", register="check", keywords={"loop": list(cases), "ignore_errors": True, "check_mode": True}),
        rotate("branch-0", "{{ item }}", psk="x" * 40, register="supplied", keywords={"loop": list(cases), "ignore_errors": True}),
    ]
    screen = site.play(tasks, around=around)
    got = site.registered()
    for name in ("here", "supplied", "check"):
        for result, text in zip(got[name]["results"], cases.values()):
            if name == "check" and text == "No space left on device":
                continue
            assert result["failed"], (name, result)
            assert result["msg"].startswith("vault_file: "), result
            assert text in result["msg"], result
            assert result["msg"].endswith("Nothing has been changed.")
            said(screen, result["msg"])
    assert "in-the-" not in screen
    assert {str(path.relative_to(site.folder)): path.read_bytes() for path in sorted((site.folder / "v").rglob("*")) if path.is_file()}.items() >= files.items()
    assert not [name for name in os.listdir(site.folder / "v") if name.endswith(".new")]
    return screen


@pytest.mark.cores("one")
def test_errors_before_the_request(site, emulator):
    for name, text in CONTENTS.items():
        (site.folder / "v" / name).write_text(text, encoding="utf-8")
    for name, text in ENCRYPTED.items():
        site.encrypt(f"v/{name}", text)
    site.encrypt("v/wrong.yml", "a: in-the-vault\n", password=OTHER_PASSWORD)
    (site.folder / "v" / "folder.yml").mkdir()
    refused(
        site,
        {
            "missing/keys.yml": "the folder does not exist",
            "v/plain.yml": "not encrypted with Ansible Vault",
            "v/sops.yml": "not encrypted with Ansible Vault",
            "v/empty.yml": "not encrypted with Ansible Vault",
            "v/torn.yml": "no vault password of this run decrypts it",
            "v/list.yml": "it is not a YAML file of variables",
            "v/ours.yml": "is not a dictionary of dictionaries",
            "v/bad.yml": "it is not valid YAML at line",
            "v/wrong.yml": "no vault password of this run decrypts it",
            "v/folder.yml": "it is not a regular file",
        },
    )
    assert emulator.requests() == []


def test_no_password(site, emulator):
    screen = site.play([rotate("branch-0")], args=[], rc=2)
    said(screen, "this run has no vault password", "--vault-password-file")
    assert emulator.requests() == []
    assert site.files() == []


def namespace():
    """A command that gives what follows a view of the file systems of its own."""
    program = shutil.which("unshare")
    if program is None or subprocess.run([program, "--mount", "true"], stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode:
        pytest.skip("unshare --mount is not allowed here: a file system that is read-only or full cannot be made")
    return ["unshare", "--mount", "sh", "-euc"]


@pytest.mark.cores("one")
def test_read_only_and_full_disks(site, emulator):
    for name in ("readonly", "full"):
        (site.folder / name).mkdir()
    mounts = """
        mount -t tmpfs -o size=1m none full
        dd if=/dev/zero of=full/filler bs=4096 count=248 2>/dev/null
        mount -t tmpfs -o size=1m none readonly
        mount -o remount,ro readonly
        status=0
        "$@" || status=$?
        ls -A full readonly > "$LISTING"
        exit $status
    """
    around = ["env", f"LISTING={site.folder}/listing", *namespace(), mounts, "sh"]
    refused(site, {"full/keys.yml": "No space left on device"}, around)
    assert (site.folder / "listing").read_text().split() == ["full:", ".keys.yml.lock", "filler", "readonly:"]
    # In check mode, a full disk is not noticed: nothing is written.
    assert [request["query_string"] for request in emulator.requests() if request["method"] != "GET"] == ["validate_only=true"]
    emulator.clear_requests()
    tasks = [rotate("branch-0", "readonly/keys.yml", keywords={"ignore_errors": True, "check_mode": check_mode}) for check_mode in (False, True)]
    screen = site.play(tasks, around=around)
    said(screen, "Read-only file system", "the folder is not writable")
    assert emulator.requests() == []


# --- failures after the request


@pytest.mark.cores("one")
@pytest.mark.parametrize("connection", ["here", "there"])
@pytest.mark.parametrize("home", [True, False])
def test_folder_vanishes_after_the_request(site, emulator, home, connection):
    """The task fails, the registered result has the key, and there is a copy in the home folder if there can be one."""
    tunnel_id, other = id_of(emulator, "branch-0"), id_of(emulator, "branch-1")
    site.encrypt("v/keys.yml", f"{FOREIGN}{VARIABLE}:\n  '{other}': {{psk: of-another-tunnel}}\n")
    env = {} if home else {"HOME": str(site.folder / "nowhere")}
    emulator.fault(kind="slow", when="after", path="psk_generate", seconds=2)
    block = {
        "block": [rotate("branch-0", register="one"), {"ansible.builtin.fail": {"msg": "the task did not fail"}}],
        "rescue": [{"ansible.builtin.debug": {"msg": "rescued"}}],
    }
    command = [*site.playbook([block], hosts=connection), "--vault-id", "prod@password"]
    process = subprocess.Popen(
        command, cwd=site.folder, env=site.environment(**env), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    until(emulator.key_log)
    os.rename(site.folder / "v", site.folder / "gone")
    screen = process.communicate()[0].decode()
    assert process.returncode == 0, screen
    key = emulator.keys()[tunnel_id]
    one = site.registered(connection)["one"]
    assert one["failed"]
    assert one["psk"] == key
    assert one["delivered_to"] == ["register"]
    assert key not in screen
    said(screen, tunnel_id, f"could not be saved to {site.folder / 'v' / 'keys.yml'} (No such file or directory)", "rescued")
    # Nothing of it in the folder that is gone.
    assert site.files("gone") == LOCK_AND_FILE
    entries = site.entries("gone/keys.yml")
    assert entries[other]["psk"] == "of-another-tunnel"
    # The next run with it creates a new key.
    assert "psk" not in entries[tunnel_id] and entries[tunnel_id]["replacing_since"]
    copies = [name for name in os.listdir(site.home) if name.startswith("cloudflare_magic_keys_")]
    if home:
        (copy,) = copies
        said(screen, f"The whole file, encrypted, was saved as {site.home / copy} instead")
        assert site.keys(f"home/{copy}") == {tunnel_id: key, other: "of-another-tunnel"}
        assert FOREIGN in site.text(f"home/{copy}")
        assert stat.S_IMODE(os.stat(site.home / copy).st_mode) == 0o600
    else:
        assert copies == []
        said(screen, "The registered variable", "in a rescue block")


@pytest.mark.cores("one")
def test_lost_answer_and_file(site, emulator):
    """The key that is saved is the second one, which is in force."""
    emulator.fault(kind="cut_body", path="psk_generate")
    site.play([rotate("branch-0")], warns=["One more key was generated"])
    tunnel_id = id_of(emulator, "branch-0")
    assert site.keys() == {tunnel_id: emulator.keys()[tunnel_id]}
    assert len(writes(emulator)) == 2


@pytest.mark.cores("one")
def test_failed_request_changes_nothing(site, emulator):
    """After a refusal by Cloudflare, the content of the file and the folder are as before."""
    site.encrypt("v/keys.yml", FOREIGN)
    screen = site.play([rotate("branch-0", api_token=emulator.read_token)], rc=2)
    said(screen, "Magic WAN Write")
    assert FOREIGN in site.text() and site.entries() == {}
    assert site.files() == LOCK_AND_FILE


def test_no_error_quotes_a_key_of_the_task(site, emulator):
    """Each task fails before it sends a key, with an error that quotes keys of its file and options: someone else may have sent them before."""
    entry = {name: f"the-{name}-that-must-not-be-seen" for name in ("psk", "pending_psk", "previous_psk")}
    given = "the-option-that-must-not-be-seen"
    site.encrypt("v/keys.yml", f"{VARIABLE}: {json.dumps({'a': entry})}\n")
    tasks: list[dict] = [
        rotate("branch-0"),
        {"cloudflare.magic.ipsec_psks": {"vault_file": "v/keys.yml", "names": ["*"]}, "register": "fleet"},
        {"cloudflare.magic.ipsec_psk": {"name": "branch-0", "psk": given}},
        {"cloudflare.magic.ipsec_psks": {"psks": {"branch-0": given}}},
        {"cloudflare.magic.ipsec_tunnel": {"name": "branch-0", "psk": given}},
    ]
    for number in range(len(tasks)):
        quoted = list(entry.values()) if number < 2 else [given]
        emulator.fault(kind="status", status=400, code=1022, message=f"what about {' and '.join(quoted)}?", method="GET")
    screen = site.play([{**task, "ignore_errors": True} for task in tasks], args=["--vault-id", "prod@password", "-vvv"])
    said(screen, "what about ******** and ******** and ********?", "what about ********?")
    assert len(re.findall(r"HTTP 400", screen)) >= len(tasks) and writes(emulator) == []
    assert "must-not-be-seen" not in squeezed(screen)
