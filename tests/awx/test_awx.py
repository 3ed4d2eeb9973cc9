# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What docs/awx has for AWX: checked against the real collections, and the jobs run by ansible-runner as AWX runs them, against the emulator.

The credential goes through its type's injector, survey answers through env/extravars, the vault password through a prompt. Everything that the run
leaves in its private data directory, and all events that AWX would store, are searched for keys.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from jinja2 import sandbox

from ansible_collections.cloudflare.magic.tests.awx import field
from ansible_collections.cloudflare.magic.tests.emulator.client import Emulator, running
from ansible_collections.cloudflare.magic.tests.integration.targets.leaks.search import Secret, count, files_below

AWX = field.ROOT / "docs" / "awx"
PROJECT = AWX / "project"
PLAYBOOKS = ["rotate.yml", "audit.yml", "rotate_to_store.yml", "network_plan.yml", "network_apply.yml"]
STORES = {
    "hashi_vault": "community.hashi_vault.vault_kv2_write",
    "aws": "community.aws.secretsmanager_secret",
    "sops": "community.sops.sops_encrypt",
}
SECRETS = r"psk|_TOKEN|PASSWORD"
VAULT_PASSWORD = "the-vault-password-of-a-test"
OVERDUE = {"paris-2", "berlin-1", "oslo-1"}

# What AWX does with a job's parameters, in a process of its own: callbacks get what AWX stores in its database.
RUNNER = """
import json, sys, ansible_runner
options = json.load(sys.stdin)
stored = open(options.pop("stored"), "w", encoding="utf-8")
def store(*what, **dummy):
    stored.write(json.dumps(what, default=str) + "\\n")
    return True
ran = ansible_runner.run(**options, event_handler=store, artifacts_handler=store, quiet=True, suppress_env_files=True)
stored.close()
print(json.dumps({"status": ran.status, "rc": ran.rc, "stats": ran.stats}))
"""


def yaml_of(path: Path):
    return field.load(path.read_text(encoding="utf-8"))


def inject(inputs: dict[str, str]) -> dict[str, str]:
    """Return the environment that AWX makes of a credential."""
    environment = sandbox.ImmutableSandboxedEnvironment()
    return {name: environment.from_string(text).render(**inputs) for name, text in yaml_of(AWX / "credential_type_injector.yml")["env"].items()}


# --- the files, against the real collections


@pytest.fixture(scope="session")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("copied") / "awx"
    shutil.copytree(AWX, folder)
    return folder


def test_syntax(copied):
    assert field.syntax(copied, "setup.yml") == ""
    assert field.syntax(copied / "project", *PLAYBOOKS) == ""


def test_lint(copied):
    linted = "---\n- name: What other files include\n  hosts: localhost\n  gather_facts: false\n  tasks:\n"
    files = ["objects.yml", *(f"project/stores/{name}.yml" for name in STORES)]
    linted += "".join(f"    - name: Import {name}\n      ansible.builtin.import_tasks: {name}\n" for name in files)
    (copied / "included.yml").write_text(linted, encoding="utf-8")
    assert field.lint(copied, ["setup.yml", "included.yml", *(f"project/{name}" for name in PLAYBOOKS)]) == ""


@pytest.mark.parametrize("path", ["objects.yml", "project/rotate_to_store.yml", *(f"project/stores/{name}.yml" for name in STORES)])
def test_options(path):
    tasks = list(field.tasks_of(yaml_of(AWX / path)))
    assert tasks
    for task, _protected in tasks:
        assert field.task_mistakes(task) == []


@pytest.mark.parametrize("path", [f"stores/{name}.yml" for name in STORES])
def test_every_task_with_a_key_has_no_log(path):
    content = yaml_of(PROJECT / path)
    assert field.unprotected(content, r"\bstore_psk\b") == []
    assert field.unprotected([{key: value for key, value in task.items() if key != "no_log"} for task in content], r"\bstore_psk\b") == [content[0]["name"]]


def test_secrets_of_the_setup_have_no_log():
    content = yaml_of(AWX / "objects.yml")
    assert field.unprotected(content, "_TOKEN|PASSWORD") == []
    assert len(field.unprotected(json.loads(json.dumps(content).replace('"no_log": true', '"no_log": false')), "_TOKEN|PASSWORD")) == 2


def test_credential_type():
    inputs = yaml_of(AWX / "credential_type_input.yml")
    fields = {entry["id"]: entry for entry in inputs["fields"]}
    assert fields["api_token"]["secret"] is True and set(inputs["required"]) <= set(fields)
    marks = {name: f"<{name}>" for name in fields}
    documented = (field.ROOT / "plugins" / "doc_fragments" / "options.py").read_text(encoding="utf-8")
    assert inject(marks) == {"CLOUDFLARE_API_TOKEN": "<api_token>", "CLOUDFLARE_ACCOUNT_ID": "<account_id>", "CLOUDFLARE_BASE_URL": "<base_url>"}
    assert all(f"E({name})" in documented for name in inject(marks))
    # AWX hides variables of such names where it stores a job's environment.
    assert [name for name in inject(marks) if any(word in name for word in ("API", "TOKEN", "KEY", "SECRET", "PASS"))] == ["CLOUDFLARE_API_TOKEN"]


SURVEYS = [("survey_rotate.yml", "rotate_psks.yml"), ("survey_audit.yml", "psk_audit.yml")]
SURVEYS += [("survey_network.yml", "network_plan.yml"), ("survey_network.yml", "network_apply.yml")]


@pytest.mark.parametrize(("survey", "playbook"), SURVEYS)
def test_surveys(survey, playbook):
    content = yaml_of(AWX / survey)
    assert set(content) == {"name", "description", "spec"}
    head = (field.ROOT / "playbooks" / playbook).read_text(encoding="utf-8").split("\n- name:")[0]
    for question in content["spec"]:
        assert {"question_name", "question_description", "variable", "type", "required", "default", "min", "max"} <= set(question)
        assert f"\n#   {question['variable']} " in head
        assert question["type"] in ("text", "multiplechoice", "integer") and question["default"] in question.get("choices", [question["default"]])


# --- the setup, with stand-ins in the place of AWX


@pytest.fixture(scope="session")
def stand_ins(tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("stand_ins")
    modules = {field.module_of(task) for task, _protected in field.tasks_of(yaml_of(AWX / "objects.yml"))} | set(STORES.values())
    for name in modules:
        collection, dummy, module = name.rpartition(".")
        root = field.make_collection(folder, collection)
        (root / "plugins" / "action").mkdir(parents=True, exist_ok=True)
        shutil.copy2(Path(__file__).with_name("standin.py"), root / "plugins" / "action" / f"{module}.py")
    return str(folder)


def in_a_row(workflow: dict[str, Any], first: str) -> list[dict[str, Any]]:
    """Return the nodes of a workflow, of which each has one after it, and all are on the way."""
    nodes = {node["identifier"]: node for node in workflow["workflow_nodes"]}
    path = [first]
    while "related" in nodes[path[-1]]:
        (after,) = nodes[path[-1]]["related"]["success_nodes"]
        path.append(after["identifier"])
    assert set(path) == set(nodes)
    return [nodes[name] for name in path]


def test_setup(stand_ins, tmp_path):
    shutil.copytree(AWX, tmp_path / "awx")
    secrets = {"CLOUDFLARE_READ_TOKEN": "a-token-that-reads-7c1e", "CLOUDFLARE_WRITE_TOKEN": "a-token-that-writes-5a90", "VAULT_PASSWORD": VAULT_PASSWORD}
    env = field.environ(stand_ins, HOME=str(tmp_path), CLOUDFLARE_ACCOUNT_ID="0" * 32, **secrets)
    more = {"project_url": "https://git.example.com/awx.git", "standin_file": str(tmp_path / "calls")}
    done = field.run("ansible-playbook", "setup.yml", "-e", json.dumps(more), "-vvv", "--diff", at=tmp_path / "awx", env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    made: dict[str, dict[str, Any]] = {}
    for call in map(json.loads, (tmp_path / "calls").read_text(encoding="utf-8").splitlines()):
        made.setdefault(call["module"].rsplit(".", 1)[1], {})[call["arguments"]["name"]] = call["arguments"]
    assert count((done.stdout + done.stderr).encode(), [Secret(secret) for secret in secrets.values()]) == {}
    assert made["credential"]["Cloudflare write"]["inputs"]["api_token"] == secrets["CLOUDFLARE_WRITE_TOKEN"]
    assert made["credential"]["Cloudflare read"]["inputs"]["api_token"] == secrets["CLOUDFLARE_READ_TOKEN"]
    # AWX gets the templates themselves.
    assert made["credential_type"]["Cloudflare"]["injectors"]["env"]["CLOUDFLARE_API_TOKEN"] == "{{ api_token }}"
    templates, workflows = made["job_template"], made["workflow_job_template"]
    for template in templates.values():
        assert (PROJECT / template["playbook"]).is_file()
        assert set(template["credentials"]) <= set(made["credential"]) and template["inventory"] in made["inventory"] and template["project"] in made["project"]
        assert template["use_fact_cache"] is False and "execution_environment" not in template
    assert (PROJECT / made["inventory_source"]["Cloudflare tunnels"]["source_path"]).is_file()
    assert templates["Rotate keys"]["survey_spec"] == yaml_of(AWX / "survey_rotate.yml")
    assert templates["Audit keys"]["extra_vars"] == {"metrics_file": ""} and not templates["Apply network"]["extra_vars"]["network_apply_wait_for_health"]
    assert all(schedule["unified_job_template"] in {**templates, **workflows} for schedule in made["schedule"].values())
    dry_run, approval, rotation = in_a_row(workflows["Rotate keys after approval"], "dry-run")
    assert [node.get("job_type") for node in (dry_run, approval, rotation)] == ["check", None, "run"]
    assert approval["unified_job_template"]["type"] == "workflow_approval"
    assert templates[dry_run["unified_job_template"]["name"]]["ask_job_type_on_launch"] is True
    workflow = workflows["Apply network after approval"]
    plan, approval, network = in_a_row(workflow, "plan")
    assert approval["unified_job_template"]["type"] == "workflow_approval"
    assert [templates[node["unified_job_template"]["name"]]["playbook"] for node in (plan, network)] == ["network_plan.yml", "network_apply.yml"]
    # A job template takes answers to a question of its own only.
    assert workflow["survey_spec"] == templates["Plan network"]["survey_spec"] == templates["Apply network"]["survey_spec"]


# --- the jobs


@dataclass
class Job:
    """A job that has run: how it ended, what AWX stores of it, and its private data directory."""

    status: str
    folder: Path
    stored: bytes
    screen: str
    before: list[str]

    def leaks(self, emulator: Emulator, apart_from: tuple[str, ...] = ()) -> dict[str, dict[str, int]]:
        """Return where keys, old or new, are in what AWX stores or leaves behind."""
        keys = {entry["psk"] for entry in emulator.key_log()} | set(self.before) | {VAULT_PASSWORD}
        return self._find([Secret(key) for key in keys if len(key) >= 16], apart_from)

    def tokens(self, emulator: Emulator) -> set[str]:
        """Return where the API token is."""
        return set(self._find([Secret(emulator.write_token)], ()))

    def _find(self, secrets: list[Secret], apart_from: tuple[str, ...]) -> dict[str, dict[str, int]]:
        places = {"what AWX stores": self.stored, **{name: data for name, data in files_below(self.folder).items() if name not in apart_from}}
        assert secrets and len(places) > 10
        return {place: found for place, data in places.items() if (found := count(data, secrets))}


@pytest.fixture(scope="session")
def _emulator():
    with running() as started:
        yield started


@pytest.fixture
def emulator(_emulator):
    _emulator.reset()
    yield _emulator
    _emulator.check()


@pytest.fixture
def job(emulator, stand_ins, tmp_path):
    """A function that runs a job as AWX does."""
    number = 0

    def start(playbook: str, extra_vars: dict[str, Any], *args: str, inventory: dict[str, Any] | None = None, token: str = emulator.write_token) -> Job:
        nonlocal number
        number += 1
        folder = tmp_path / f"awx_{number}"
        shutil.copytree(PROJECT, folder / "project")
        for name in ("inventory", "env", "tmp"):
            (folder / name).mkdir()
        hosts = inventory or {"all": {"hosts": ["localhost"]}, "_meta": {"hostvars": {"localhost": {"ansible_connection": "local"}}}}
        script = folder / "inventory" / "hosts"
        script.write_text(f"#!{sys.executable}\nprint({json.dumps(hosts)!r})\n", encoding="utf-8")
        script.chmod(0o700)
        (folder / "env" / "extravars").write_text(yaml.safe_dump({"awx_job_id": number, **extra_vars}), encoding="utf-8")
        credential = {"api_token": token, "account_id": emulator.account_id, "base_url": emulator.url}
        cache = {"ANSIBLE_CACHE_PLUGIN": "jsonfile", "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(folder / "artifacts" / "facts")}
        options = {
            "private_data_dir": str(folder),
            "playbook": playbook,
            "ident": number,
            "stored": str(tmp_path / f"stored_{number}"),
            "envvars": {**inject(credential), **cache, "TMPDIR": str(folder / "tmp")},
            "cmdline": " ".join(["--vault-id", "prod@prompt", *args]),
            "passwords": {r"Vault password \(prod\):\s*?$": VAULT_PASSWORD},
            "verbosity": 3,
            "settings": {"suppress_ansible_output": True},
        }
        before = [key for key in emulator.keys().values() if key]
        env = field.environ(stand_ins, HOME=str(tmp_path), ANSIBLE_HOME=str(folder / "tmp" / "ansible"))
        done = subprocess.run(
            [sys.executable, "-c", RUNNER], input=json.dumps(options), env=env, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        result = json.loads(done.stdout.splitlines()[-1])
        screen = (folder / "artifacts" / str(number) / "stdout").read_text(encoding="utf-8")
        ran = Job(result["status"], folder, (tmp_path / f"stored_{number}").read_bytes(), screen, before)
        assert b"playbook_on_stats" in ran.stored, screen
        return ran

    return start


def keys_of(emulator) -> dict[str, str | None]:
    return {tunnel["name"]: tunnel.get("psk") for tunnel in emulator.tunnels()}


def changed(emulator, before: dict[str, str | None]) -> dict[str, str | None]:
    """Return the keys in force that were not before, by the names of tunnels."""
    return {name: key for name, key in keys_of(emulator).items() if key != before[name]}


def in_vault(path: Path, folder: Path) -> dict[str, str]:
    """Return the keys of an encrypted file, by the names of tunnels."""
    (folder / "password").write_text(VAULT_PASSWORD, encoding="utf-8")
    done = field.run("ansible-vault", "view", "--vault-id", f"prod@{folder / 'password'}", str(path), at=folder, env=field.environ(HOME=str(folder)))
    return {entry["name"]: entry["psk"] for entry in yaml.safe_load(done.stdout)["cloudflare_magic_ipsec_psks"].values()}


def only_the_token(ran: Job, emulator: Emulator) -> bool:
    """Tell that no key is anywhere, and the token is only where ansible-runner writes its environment. AWX hides it there, and removes the folder."""
    return ran.leaks(emulator) == {} and ran.tokens(emulator) <= {f"artifacts/{ran.folder.name.rsplit('_', 1)[1]}/command"}


def test_rotate(emulator, job, tmp_path):
    before = keys_of(emulator)
    kept = tmp_path / "mounted" / "psks.yml"
    kept.parent.mkdir()
    answers = {"names": "*", "max_age": "90d", "vault_file": str(kept)}
    ran = job("rotate.yml", answers, "--check")
    assert ran.status == "successful" and changed(emulator, before) == {} and "would get a new key" in ran.screen
    assert only_the_token(ran, emulator)
    ran = job("rotate.yml", answers, "--diff")
    assert ran.status == "successful", ran.screen
    assert set(changed(emulator, before)) == OVERDUE
    assert in_vault(kept, tmp_path) == changed(emulator, before)
    assert only_the_token(ran, emulator)
    # The search does find what is there.
    assert ran.tokens(emulator)
    ran.folder.joinpath("planted").write_text(next(iter(changed(emulator, before).values())) or "", encoding="utf-8")
    assert set(ran.leaks(emulator)) == {"planted"}


def test_audit(emulator, job, tmp_path):
    report = tmp_path / "mounted.csv"
    answers = {"max_age": "90d", "fail_if_overdue": "true", "csv_file": str(report)}
    ran = job("audit.yml", answers, token=emulator.read_token)
    assert ran.status == "failed" and "3 of 5 tunnels need a new key" in ran.screen
    assert "berlin-1" in report.read_text(encoding="utf-8")
    assert ran.leaks(emulator) == {}
    more = {"fail_if_overdue": "false", "psk_audit_health": "true", "metrics_file": str(tmp_path / "mounted.prom")}
    ran = job("audit.yml", {**answers, **more}, token=emulator.read_token)
    assert ran.status == "successful" and ran.leaks(emulator) == {}
    assert "cloudflare_magic_tunnel_health{" in (tmp_path / "mounted.prom").read_text(encoding="utf-8")


def test_network(emulator, job, tmp_path):
    """The plan changes nothing, and is what is applied; a design that deletes more than was answered is refused."""
    design = tmp_path / "network.yml"
    route = {"prefix": "10.30.0.0/24", "nexthop": "10.213.0.11", "priority": 7}
    design.write_text(yaml.safe_dump({"network_config": {"static_routes": [route]}}), encoding="utf-8")
    # The account has a site with a connector, which may have created some: none of them are to be kept.
    answers = {"network_state": "overridden", "network_max_deletions": 3, "network_file": str(design), "network_keep": []}
    before = emulator.state()
    ran = job("network_plan.yml", answers)
    assert ran.status == "successful" and emulator.state() == before, ran.screen
    assert "+ static_routes 10.30.0.0/24 via 10.213.0.11, priority 7" in ran.screen and "Plan: 1 to create, 0 to update, 3 to delete." in ran.screen
    ran = job("network_apply.yml", {**answers, "network_max_deletions": 2})
    assert ran.status == "failed" and emulator.state() == before and "3 objects would be deleted, and 2 is the limit" in " ".join(ran.screen.split())
    ran = job("network_apply.yml", {**answers, "network_apply_wait_for_health": True}, "--diff")
    assert ran.status == "successful" and [route["prefix"] for route in emulator.routes()] == ["10.30.0.0/24"], ran.screen
    assert "Applied: 1 created, 0 updated, 3 deleted." in ran.screen
    assert ran.leaks(emulator) == {}


@pytest.fixture
def tunnels(emulator, tmp_path):
    """The inventory, as AWX gets it when it updates the inventory source with the credential that can only read."""
    env = field.environ(HOME=str(tmp_path), **inject({"api_token": emulator.read_token, "account_id": emulator.account_id, "base_url": emulator.url}))
    done = field.run("ansible-inventory", "-i", str(PROJECT / "inventory" / "tunnels.magic.yml"), "--list", at=tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    listed = json.loads(done.stdout)
    assert len(listed["ipsec_tunnels"]["hosts"]) == 5
    return listed


def slice_of(inventory: dict[str, Any], number: int, slices: int) -> dict[str, Any]:
    """Return a slice's inventory: AWX deals hosts out in turn."""
    mine = sorted(inventory["_meta"]["hostvars"])[number - 1 :: slices]
    groups = {name: {**group, "hosts": [host for host in group.get("hosts", []) if host in mine]} for name, group in inventory.items() if name != "_meta"}
    return {**groups, "_meta": {"hostvars": {host: inventory["_meta"]["hostvars"][host] for host in mine}}}


def in_store(path: Path) -> dict[str, list[dict[str, Any]]]:
    """Return what was written to a store, by the names of tunnels, oldest first."""
    written: dict[str, list[dict[str, Any]]] = {}
    for call in map(json.loads, path.read_text(encoding="utf-8").splitlines() if path.exists() else []):
        arguments = call["arguments"]
        name = Path(arguments.get("name") or arguments["path"]).name.split(".")[0]
        written.setdefault(name, []).append(arguments.get("data") or arguments.get("json_secret") or arguments.get("content_yaml"))
    return written


@pytest.mark.parametrize("store", STORES)
def test_rotate_to_store(emulator, job, tunnels, tmp_path, store):
    before = keys_of(emulator)
    (tmp_path / "sops").mkdir()
    variables = {"store": store, "standin_file": str(tmp_path / "store"), "sops_folder": str(tmp_path / "sops")}
    ran = job("rotate_to_store.yml", variables, "--check", inventory=tunnels)
    assert ran.status == "successful" and changed(emulator, before) == {} and in_store(tmp_path / "store") == {}, ran.screen
    ran = job("rotate_to_store.yml", variables, "--diff", inventory=tunnels)
    assert ran.status == "successful", ran.screen
    written = in_store(tmp_path / "store")
    assert set(written) == set(changed(emulator, before)) == OVERDUE
    for name, key in changed(emulator, before).items():
        assert [entry["psk"] for entry in written[name]] == [key, key]
        assert [entry["state"] for entry in written[name]] == ["pending", "in_force"]
        assert {entry["ipsec_tunnel_id"] for entry in written[name]} == {emulator.tunnel(name)["id"]}
    assert only_the_token(ran, emulator)
    assert {path.name for path in (tmp_path / "sops").iterdir()} == ({f"{name}.sops.yml" for name in OVERDUE} if store == "sops" else set())


def test_a_store_that_refuses(emulator, job, tunnels, tmp_path):
    """Nothing is sent to Cloudflare."""
    before = keys_of(emulator)
    variables = {"store": "hashi_vault", "standin_file": str(tmp_path / "store"), "standin_refuses": ["oslo-1"]}
    ran = job("rotate_to_store.yml", variables, inventory=tunnels)
    assert ran.status == "failed" and changed(emulator, before) == {}, ran.screen
    assert "oslo-1" in ran.screen and "New keys in force, and in the store: none" in ran.screen
    assert not [request for request in emulator.requests() if request["method"] == "POST"]
    assert only_the_token(ran, emulator)
    # A store's message may quote the key: it is not handed on.
    assert "whose output is hidden" in ran.screen
    # Nor what was never sent: it is in the store.
    pending = [Secret(entries[0]["psk"]) for entries in in_store(tmp_path / "store").values()]
    assert count(ran.stored + ran.screen.encode(), pending) == {}


@pytest.mark.parametrize(("when", "status"), [("before", 403), ("after", 500)])
def test_cloudflare_fails(emulator, job, tunnels, tmp_path, when, status):
    """Whether Cloudflare has the new key or not, the store has it."""
    before = keys_of(emulator)
    emulator.fault(kind="status", path="ipsec_tunnels/psk", method="POST", status=status, times=50, when=when, retry_after=0)
    variables = {"store": "hashi_vault", "standin_file": str(tmp_path / "store"), "tunnels": "berlin-1"}
    ran = job("rotate_to_store.yml", variables, inventory=tunnels)
    assert ran.status == "failed", ran.screen
    written = in_store(tmp_path / "store")
    assert set(written) == {"berlin-1"}
    assert set(changed(emulator, before)) == (set() if when == "before" else {"berlin-1"})
    assert all(written[name][-1]["psk"] == key for name, key in changed(emulator, before).items())
    assert "Not confirmed by Cloudflare" in ran.screen and only_the_token(ran, emulator)
    assert count(ran.stored + ran.screen.encode(), [Secret(entries[0]["psk"]) for entries in written.values()]) == {}


def test_cloudflare_takes_some(emulator, job, tunnels, tmp_path):
    """The store knows which, and the job says so."""
    before = keys_of(emulator)
    emulator.fault(kind="status", path="ipsec_tunnels/psk", method="POST", status=400, times=5)
    ran = job("rotate_to_store.yml", {"store": "aws", "max_age": "0s", "standin_file": str(tmp_path / "store")}, inventory=tunnels)
    assert ran.status == "failed", ran.screen
    done = changed(emulator, before)
    (still_open,) = set(before) - set(done)
    states = {name: [entry["state"] for entry in entries] for name, entries in in_store(tmp_path / "store").items()}
    assert states == {still_open: ["pending"], **{name: ["pending", "in_force"] for name in done}}
    message = " ".join(ran.screen.split())
    assert f"in the store: {', '.join(sorted(done))}." in message and f"if it was taken there: {still_open}." in message
    assert only_the_token(ran, emulator)


def test_sops_keeps_what_may_be_in_force(emulator, job, tunnels, tmp_path):
    """Two jobs in a row that fail leave two pending keys; one that ends well leaves the key in force alone."""
    before = keys_of(emulator)
    (tmp_path / "sops").mkdir()
    variables = {"store": "sops", "standin_file": str(tmp_path / "store"), "sops_folder": str(tmp_path / "sops"), "tunnels": "berlin-1"}
    for jobs in (1, 2):
        emulator.fault(kind="status", path="ipsec_tunnels/psk", method="POST", status=403)
        assert job("rotate_to_store.yml", variables, inventory=tunnels).status == "failed"
        assert len(list((tmp_path / "sops").glob("berlin-1.pending-*.sops.yml"))) == jobs
    assert job("rotate_to_store.yml", variables, inventory=tunnels).status == "successful"
    (kept,) = (tmp_path / "sops").iterdir()
    assert kept.name == "berlin-1.sops.yml"
    assert json.loads(kept.read_text(encoding="utf-8"))["content_yaml"]["psk"] == changed(emulator, before)["berlin-1"]


def test_slices(emulator, job, tunnels, tmp_path):
    """Each tunnel gets one key, from the slice that has it, and a slice costs three requests."""
    before = keys_of(emulator)
    emulator.clear_requests()
    costs = []
    for number in (1, 2):
        share = slice_of(tunnels, number, 2)
        variables = {"store": "aws", "max_age": "0s", "standin_file": str(tmp_path / f"store_{number}")}
        ran = job("rotate_to_store.yml", variables, inventory=share)
        assert ran.status == "successful", ran.screen
        assert set(in_store(tmp_path / f"store_{number}")) == set(share["_meta"]["hostvars"])
        assert only_the_token(ran, emulator)
        costs.append(len(emulator.requests()))
        emulator.clear_requests()
    assert costs == [3, 3]
    assert set(changed(emulator, before)) == set(before)
    new = [entry["psk"] for entry in emulator.key_log() if entry["how"] == "set"]
    assert sorted(new) == sorted(key for key in keys_of(emulator).values() if key)
