# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The pipelines in docs/ci, which users copy: their schemas, what they may, and their commands, run against the emulator.

actionlint would say more of the workflows, but its package downloads a program while it is installed, which not every network has a way for.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import typing as t
from pathlib import Path

import check_jsonschema
import pytest
import yaml
from click.testing import CliRunner

if t.TYPE_CHECKING:
    from ansible_collections.cloudflare.magic.tests.docs import test_code_blocks as machinery
    from ansible_collections.cloudflare.magic.tests.emulator.client import running
    from ansible_collections.cloudflare.magic.tests.release.conftest import ROOT
    from ansible_collections.cloudflare.magic.tests.release.test_supply_chain import WORKFLOWS, faults, load, pins
else:
    from conftest import ROOT
    from record_promise import machinery
    from test_supply_chain import WORKFLOWS, faults, load, pins

    running = machinery.running

programs = machinery.programs

GITHUB = {path.stem: path for path in sorted((ROOT / "docs" / "ci" / "github").glob("*.yml"))}
GITLAB = ROOT / "docs" / "ci" / "gitlab" / "gitlab-ci.yml"

GUIDE = {block.notes["file"]: block.text for block in machinery.blocks_of(ROOT / "docs" / "network.md") if "file" in block.notes}
# What a program got that stands for gh or curl
PROGRAM = '#!/bin/sh\nprintf "%s\\n" "$@" > arguments\ncp comment.md posted.md\n'


# --- their form


def check_schema(schema: str, *paths: Path) -> int:
    """Return the status of a check with a schema that comes with the program."""
    return CliRunner().invoke(check_jsonschema.main, ["--builtin-schema", schema, *map(str, paths)]).exit_code


@pytest.mark.parametrize(("schema", "paths"), [("vendor.github-workflows", list(GITHUB.values())), ("vendor.gitlab-ci", [GITLAB])])
def test_schema(schema: str, paths: list[Path], tmp_path: Path) -> None:
    """They are what GitHub and GitLab take; one with a value of a wrong type is not."""
    assert check_schema(schema, *paths) == 0
    spoilt = tmp_path / paths[0].name
    spoilt.write_text(re.sub(r"timeout(-minutes)?: .*", r"timeout\1: [soon]", paths[0].read_text(encoding="utf-8")), encoding="utf-8")
    assert check_schema(schema, spoilt) == 1


def test_all_are_known() -> None:
    """The three workflows, and the page names them."""
    assert set(GITHUB) == {"network-plan", "network-apply", "network-drift"}
    page = (ROOT / "docs" / "network.md").read_text(encoding="utf-8")
    assert [path.name for path in GITHUB.values() if path.name not in page] == []


# --- what the workflows for GitHub may


@pytest.mark.parametrize("name", GITHUB)
def test_workflow(name: str) -> None:
    """They are as the project's own, apart from the secret; the job that may write runs nothing of the branch."""
    text = GITHUB[name].read_text(encoding="utf-8")
    assert [fault for fault in faults(text) if not re.search(r"uses a secret|comment: may write, and runs (for|printf|cat|done)", fault)] == []
    own = {pin for path in WORKFLOWS for pin in pins(path.read_text(encoding="utf-8"))}
    assert pins(text) and set(pins(text)) <= own
    assert not re.search(r"pull_request_target|workflow_run", text)
    workflow = load(text)
    commands = [step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step]
    # An expression in a command is text that others may have written.
    assert [command for command in commands if "${{" in command] == []
    checkouts = [step for job in workflow["jobs"].values() for step in job["steps"] if step.get("uses", "").startswith("actions/checkout@")]
    assert all(step["with"]["persist-credentials"] == "false" for step in checkouts) and checkouts


@pytest.mark.parametrize("name", GITHUB)
def test_secrets(name: str) -> None:
    """The token is in the one step that needs it, and comes from an environment: the one that may write is only for what was merged."""
    text = GITHUB[name].read_text(encoding="utf-8")
    workflow = load(text)
    with_secret = 0
    for job_name, job in workflow["jobs"].items():
        for step in job["steps"]:
            if "secrets." not in str(step):
                continue
            with_secret += 1
            assert step["env"]["CLOUDFLARE_API_TOKEN"] == "${{ secrets.CLOUDFLARE_API_TOKEN }}" and "ansible-playbook" in step["run"]
            assert job["environment"] == ("${{ matrix.account }}" if job_name == "apply" else "${{ matrix.account }}-plan")
            assert ("network_apply" in step["run"]) == (job_name == "apply")
    assert with_secret == text.count("secrets.") > 0
    assert ("apply" in workflow["jobs"]) == (workflow["on"] == {"push": {"branches": ["main"]}})


def test_a_fork_gets_nothing() -> None:
    """A pull request from a fork is not planned, and all that follows is skipped with it."""
    workflow = load(GITHUB["network-plan"].read_text(encoding="utf-8"))
    assert list(workflow["on"]) == ["pull_request"]
    assert workflow["jobs"]["plan"]["if"] == "github.event.pull_request.head.repo.full_name == github.repository"
    assert workflow["jobs"]["comment"]["needs"] == "plan" and "needs.plan.result != 'skipped'" in workflow["jobs"]["comment"]["if"]
    assert workflow["jobs"]["comment"]["permissions"] == {"pull-requests": "write"}


# --- what the pipeline for GitLab may


def gitlab() -> dict[str, t.Any]:
    """Return the pipeline, with what jobs have of others."""
    content = load(GITLAB.read_text(encoding="utf-8"))

    def whole(job: dict[str, t.Any]) -> dict[str, t.Any]:
        base = whole(content[job["extends"]]) if "extends" in job else {}
        return {**base, **job, "variables": {**base.get("variables", {}), **job.get("variables", {})}}

    return {name: whole(job) for name, job in content.items() if isinstance(job, dict) and name != "default"}


def test_gitlab() -> None:
    """Changes wait for someone, on the default branch alone; what may be read in a merge request may only read; forks get nothing."""
    jobs = {name: job for name, job in gitlab().items() if not name.startswith(".")}
    assert set(jobs) == {"plan", "comment", "apply", "drift"}
    assert [name for name, job in jobs.items() if "network_apply" in str(job["script"])] == ["apply"]
    assert [rule.get("when") for rule in jobs["apply"]["rules"]] == ["manual"] and jobs["apply"]["rules"][0]["allow_failure"] == "false"
    assert "$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH" in jobs["apply"]["rules"][0]["if"]
    assert jobs["apply"]["environment"]["name"] == "$ACCOUNT" and jobs["apply"]["resource_group"]
    assert {jobs[name]["environment"]["name"] for name in ("plan", "drift")} == {"$ACCOUNT-plan"}
    of_requests = [rule["if"] for job in jobs.values() for rule in job["rules"] if "merge_request_event" in rule["if"]]
    assert len(of_requests) == 2 and all("$CI_MERGE_REQUEST_SOURCE_PROJECT_PATH == $CI_MERGE_REQUEST_PROJECT_PATH" in rule for rule in of_requests)
    assert all("timeout" in job for job in jobs.values())
    assert "CLOUDFLARE_API_TOKEN" not in str(jobs)


# --- their commands


class Repository:
    """A repository as the guide has it, a pipeline's machine, and an emulator."""

    def __init__(self, folder: Path, emulator: t.Any, programs: Path) -> None:  # pylint: disable=redefined-outer-name
        self.workshop = machinery.Workshop(folder, emulator, programs)
        self.folder, self.emulator = self.workshop.folder, emulator
        for name in ("accounts/production/inventory.yml", "requirements.txt", "requirements.yml"):
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_text(GUIDE[name], encoding="utf-8")
        self.design = self.folder / "accounts" / "production" / "network.yml"
        for name in ("gh", "curl"):
            program = folder / "bin" / name
            program.write_text(PROGRAM, encoding="utf-8")
            program.chmod(0o755)

    def run(self, command: str, token: str = "", fails: bool = False, **environ: str) -> None:
        """Run a command as a pipeline's shell does: it ends at the first that fails."""
        environment = {
            **self.workshop.environ,
            **self.emulator.environment(),
            "ACCOUNT": "production",
            "GITHUB_STEP_SUMMARY": str(self.folder / "summary.md"),
            **environ,
        }
        environment["CLOUDFLARE_API_TOKEN"] = token or self.emulator.read_token
        done = subprocess.run(["bash", "-e", "-c", command], env=environment, cwd=self.folder, capture_output=True, text=True, check=False, timeout=300)
        assert (done.returncode != 0) == fails, done.stdout + done.stderr

    def clean(self) -> None:
        """Remove what a job has left: the next one has a machine of its own."""
        shutil.rmtree(self.folder / "plan")

    def read(self, name: str) -> str:
        """Return the text of a file."""
        return (self.folder / name).read_text(encoding="utf-8")

    def change(self, before: str, after: str) -> None:
        """Edit the design."""
        text = self.design.read_text(encoding="utf-8")
        assert before in text
        self.design.write_text(text.replace(before, after), encoding="utf-8")


def steps(name: str, job: str) -> str:
    """Return the commands of a job for GitHub but those that install."""
    jobs = load(GITHUB[name].read_text(encoding="utf-8"))["jobs"]
    return "\n".join(step["run"] for step in jobs[job]["steps"] if "run" in step and "pip install" not in step["run"])


def script(job: str) -> str:
    """Return the commands of a job for GitLab."""
    found = gitlab()[job]
    return "\n".join([*(f"{name}={value}" for name, value in found["variables"].items()), *found["script"]])


JOBS = {
    "github": {
        "plan": steps("network-plan", "plan"),
        "comment": steps("network-plan", "comment"),
        "before": steps("network-apply", "plan"),
        "apply": steps("network-apply", "apply"),
        "drift": steps("network-drift", "drift"),
    },
    "gitlab": {"before": script("plan"), **{name: script(name) for name in ("plan", "comment", "apply", "drift")}},
}


@pytest.mark.parametrize("jobs", JOBS.values(), ids=JOBS)
# pylint: disable-next=redefined-outer-name
def test_from_a_pull_request_to_a_quiet_night(jobs: dict[str, str], programs: Path, tmp_path: Path) -> None:
    """The commands of all jobs, one after the other. All but one make do with a token that may only read."""
    with running(check_schema=False) as emulator:
        there = Repository(tmp_path, emulator, programs)
        there.run("ansible-playbook -i accounts/production/inventory.yml cloudflare.magic.network_export")
        there.change("description: Tunnel of the branch office in Oslo", "description: Oslo")
        before = emulator.state()

        there.run(jobs["plan"])
        assert "testcase" in there.read("plan/production.xml")
        there.run(jobs["comment"], PULL_REQUEST="7", CI_MERGE_REQUEST_IID="7", NETWORK_NOTE_TOKEN="note")
        assert "## production" in there.read("posted.md") and "~ ipsec_tunnels oslo-1" in there.read("posted.md")
        assert "7" in there.read("arguments")

        if jobs is JOBS["github"]:
            there.clean()
            there.run(jobs["before"])
            # GitLab keeps what the job has printed.
            assert "~ ipsec_tunnels oslo-1" in there.read("summary.md")
            there.run(jobs["apply"], fails=True)
            assert emulator.state() == before
        else:
            there.clean()
            there.run(jobs["drift"], fails=True)
            assert "~ ipsec_tunnels oslo-1" in there.read("plan/production.md")
            there.clean()
            there.run(jobs["before"])

        there.run(jobs["apply"], token=emulator.write_token)
        assert emulator.tunnel("oslo-1")["description"] == "Oslo"

        there.clean()
        there.run(jobs["drift"])

        there.clean()
        there.change("name: oslo-1", "nam: oslo-1")
        there.run(jobs["plan"], fails=True)
        assert "ipsec_tunnels[2].nam" in there.read("plan/production.md")


def test_what_is_installed_is_what_is_wanted() -> None:
    """The requirements of the guide are those of the collection."""
    wanted = re.search(r"`requests` ([\d.]+) or newer", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert wanted and f"requests>={wanted.group(1)}" in GUIDE["requirements.txt"].splitlines()
    (collection,) = yaml.safe_load(GUIDE["requirements.yml"])["collections"]
    assert collection["name"] == "cloudflare.magic"
