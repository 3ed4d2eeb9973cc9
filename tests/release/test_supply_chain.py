# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The way from a commit to what users install: the workflows, what they install, the bill of materials, and the page that says how to verify all that."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import typing as t
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

if t.TYPE_CHECKING:
    from ansible_collections.cloudflare.magic.tests.docs import test_code_blocks as machinery
    from ansible_collections.cloudflare.magic.tests.release.conftest import BIN, GALAXY, ROOT, run
else:
    from conftest import BIN, GALAXY, ROOT, run
    from record_promise import machinery

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
RELEASE = ROOT / ".github" / "workflows" / "release.yml"
WANTED = ROOT / ".github" / "requirements" / "release.in"
LOCK = ROOT / ".github" / "requirements" / "release.txt"
PAGE = ROOT / "docs" / "verify.md"


# --- the workflows


def load(text: str) -> dict[str, t.Any]:
    """Parse a workflow. All scalars stay strings: "on" is a word there, not true."""
    return dict(yaml.load(text, Loader=yaml.BaseLoader))


def pins(text: str) -> list[tuple[str, str, str]]:
    """Return each action of a workflow that is pinned: its name, the commit, and the version in the comment."""
    return re.findall(r"^ *(?:- )?uses: ([\w-]+/[\w./-]+)@([0-9a-f]{40}) # (v\d+\.\d+\.\d+)$", text, re.MULTILINE)


def faults(text: str) -> list[str]:
    """Return what is wrong with a workflow: actions that can change, or code that runs where something may be written."""
    found = []
    workflow = load(text)
    if workflow.get("permissions") != {"contents": "read"}:
        found.append("by default, a job may more than read")
    pinned = {f"{action}@{commit}" for action, commit, _version in pins(text)}
    for name, job in workflow["jobs"].items():
        if "uses" in job and not job["uses"].startswith("./"):
            found.append(f"{name}: the workflow {job['uses']} is not of this repository")
        if "uses" not in job and not job.get("timeout-minutes"):
            found.append(f"{name}: a job without a limit runs for six hours")
        steps = job.get("steps", [])
        found += [
            f"{name}: {step['uses']} is not pinned by commit, with its version in a comment" for step in steps if step.get("uses", "") not in ("", *pinned)
        ]
        permissions = job.get("permissions", {})
        if permissions != "read-all" and (isinstance(permissions, str) or "write" in permissions.values()):
            if "uses" in job or any(step.get("uses", "").startswith(("actions/checkout@", "actions/setup-")) for step in steps):
                found.append(f"{name}: may write, and takes code")
            commands = [line.split()[0] for step in steps for line in step.get("run", "").splitlines() if line.strip()]
            found += [f"{name}: may write, and runs {command}" for command in commands if command != "gh"]
    # Anyone who can open a pull request decides over these: in a command they could be commands.
    if re.search(r"run:.*\$\{\{ *github\.(event|head_ref)", text):
        found.append("what others wrote is put into a command")
    if "secrets." in text:
        found.append("it uses a secret")
    return found


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflow(path: Path) -> None:
    """A workflow pins each action by commit, writes only where no code of ours or of a package runs, holds no secret, and runs commands that exist here."""
    text = path.read_text(encoding="utf-8")
    workflow = load(text)
    assert workflow["on"]
    assert faults(text) == []
    assert len(pins(text)) >= 2
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert all((ROOT / job["uses"]).is_file() for job in workflow["jobs"].values() if "uses" in job)
    commands = "\n".join(step.get("run", "") for job in workflow["jobs"].values() for step in job.get("steps", []))
    for target in re.findall(r"\bmake ([a-z-]+)", commands):
        assert re.search(rf"^(?:[a-z-]+ )*{target}(?: [a-z-]+)*:", makefile, re.MULTILINE), f"make {target}"
    for script in re.findall(r"(?:^|\s)((?:\.ci|\.github|tests|docs)/[\w./-]+)", commands):
        assert (ROOT / script).exists(), script


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        (r"checkout@\w+ # v\S+", "checkout@v7", "actions/checkout@v7 is not pinned"),
        (r"checkout@\w+ # v\S+", "checkout@main", "actions/checkout@main is not pinned"),
        (r"(checkout@\w{39})\w", r"\1", "is not pinned"),
        (r"(checkout@\w+) # v\S+", r"\1", "is not pinned"),
        (r"(checkout@\w+) # v\S+", r"\1 # v7", "is not pinned"),
        (r"uses: \./\S+", "uses: someone/else/.github/workflows/test.yml@main", "is not of this repository"),
        (r"(  build:\n(?:.+\n)+?      contents:) read", r"\1 write", "build: may write, and runs python3"),
        (r"(  build:\n(?:.+\n)+?      contents:) read", r"\1 write", "build: may write, and takes code"),
        (r"(  build:\n(?:.+\n)+?)    permissions:\n      contents: read", r"\1    permissions: write-all", "build: may write, and takes code"),
        (r"(?m)^permissions:\n  contents: read", "permissions: {}", "by default"),
        (r"(?m)^permissions:\n  contents: read\n", "", "by default"),
        (r"run: gh release", "run: make release", "publish: may write, and runs make"),
        (r"(?m)^    timeout-minutes: 20\n", "", "build: a job without a limit"),
        (r"run: gh release", "run: echo ${{ github.event.head_commit.message }}; gh release", "put into a command"),
        (r"github\.token", "secrets.GALAXY_TOKEN", "it uses a secret"),
    ],
)
def test_faults_are_found(before: str, after: str, fault: str) -> None:
    """The check above fails for a release workflow with one thing changed."""
    text = RELEASE.read_text(encoding="utf-8")
    changed = re.sub(before, after, text)
    assert changed != text
    assert any(fault in found for found in faults(changed)), faults(changed)


def test_one_version_of_each_action() -> None:
    """All workflows use the same commit of an action, which has one version, and someone hears of the next one."""
    known: dict[str, set[tuple[str, str]]] = {}
    for path in WORKFLOWS:
        for action, commit, version in pins(path.read_text(encoding="utf-8")):
            known.setdefault(action, set()).add((commit, version))
    assert all(len(versions) == 1 for versions in known.values()), known
    updates = load((ROOT / ".github" / "dependabot.yml").read_text(encoding="utf-8"))["updates"]
    assert "github-actions" in {update["package-ecosystem"] for update in updates}


def test_workflows_run_what_people_run() -> None:
    """The tests run on pull requests and every night; a release is tested, built by the same script as by hand, attested, and only then published."""
    texts = {path.stem: path.read_text(encoding="utf-8") for path in WORKFLOWS}
    assert {"test", "release"} <= set(texts)
    assert ".ci/run" in texts["test"]
    assert {"pull_request", "schedule", "push"} <= set(load(texts["test"])["on"])
    release = load(texts["release"])
    assert "tags" in release["on"]["push"]
    jobs = release["jobs"]
    assert [jobs[name].get("needs") for name in ("build", "attest", "publish")] == ["test", "build", "attest"]
    assert "tests/tools/build_release.py" in str(jobs["build"])
    attested = [step["with"]["subject-path"] for step in jobs["attest"]["steps"] if step["uses"].startswith("actions/attest-build-provenance@")]
    assert attested == ["dist/*"]
    assert jobs["publish"]["steps"][-1]["run"].endswith(" dist/*")


# --- what builds the archive


def locked(text: str) -> dict[str, list[str]]:
    """Return the hashes of each requirement in a lock file.

    Raises:
        ValueError: if there is a line of another kind.
    """
    hashes: dict[str, list[str]] = {}
    for line in re.sub(r" \\\n *", " ", text).splitlines():
        if line and not line.startswith("#"):
            match = re.fullmatch(r"([\w.-]+==[\w.]+)(?: ; [\w .<>='!]+?)?((?: --hash=sha256:[0-9a-f]{64})+)", line)
            if not match:
                raise ValueError(f"neither a version nor its hashes: {line[:100]}")
            hashes[match.group(1)] = re.findall(r"[0-9a-f]{64}", match.group(2))
    return hashes


def test_lock_file() -> None:
    """Each line has one version and its hashes; no package index is named; what is wanted is among it, and the release job uses it."""
    text = LOCK.read_text(encoding="utf-8")
    names = {requirement.partition("==")[0] for requirement in locked(text)}
    wanted = {re.split(r"[<>=!~]", line)[0] for line in WANTED.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")}
    assert {"ansible-core", "antsibull-changelog"} <= wanted <= names
    assert not re.search(r"://|index|find-links|trusted-host", text)
    installs = [step["run"] for step in load(RELEASE.read_text(encoding="utf-8"))["jobs"]["build"]["steps"] if "pip install" in step.get("run", "")]
    assert [command.strip() for command in installs] == [f"python3 -m pip install {' '.join(INSTALL)} {LOCK.relative_to(ROOT)}"]


INSTALL = ("--require-hashes", "--only-binary", ":all:", "--requirement")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (r"(?m)^(pyyaml==\S+) \\\n(?: +--hash.*\n)+", r"\1\n"),
        (r"==(\S+)", r">=\1"),
        (r"(sha256:\w{63})\w", r"\1"),
        (r"\Z", "--extra-index-url https://example.com/\n"),
    ],
)
def test_lock_file_without_hashes(before: str, after: str) -> None:
    """The check above fails for a lock file with one thing changed."""
    text = LOCK.read_text(encoding="utf-8")
    changed = re.sub(before, after, text, count=1)
    assert changed != text
    with pytest.raises(ValueError, match="neither a version nor its hashes"):
        locked(changed)


def test_build_job(builder: Reader, repository: Path, archive: Path, tmp_path: Path) -> None:
    """The commands of the job that builds work, in a checkout as GitHub makes it: of the tag alone, with one commit."""
    run("git", "-C", repository, "tag", "--force", GALAXY["version"])
    checkout = tmp_path / "checkout"
    run("git", "clone", "--quiet", "--depth", "1", "--branch", GALAXY["version"], f"file://{repository}", checkout)
    commands = [step["run"] for step in load(RELEASE.read_text(encoding="utf-8"))["jobs"]["build"]["steps"] if "run" in step]
    build = [command for command in commands if "pip install" not in command]
    assert len(build) == 2
    for command in build:
        if "antsibull-changelog" in command and GALAXY["version"] not in (checkout / "changelogs" / "changelog.yaml").read_text(encoding="utf-8"):
            continue  # the notes of a version come into being with "antsibull-changelog release", just before the tag
        path = f"{builder.folder / 'build-tools' / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        run("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", command, cwd=checkout, env={"GITHUB_REF_NAME": GALAXY["version"], "PATH": path})
    assert (checkout / "dist" / archive.name).read_bytes() == archive.read_bytes()


def test_uv_trusts_the_system() -> None:
    """What the sessions install with uv comes with the system's certificates, by the variable that the present uv has for it."""
    statements = [ast.unparse(node) for node in ast.parse((ROOT / "noxfile.py").read_text(encoding="utf-8")).body]
    names = re.findall(r"os\.environ\.setdefault\('(UV_\w+)', 'true'\)", "\n".join(statements))
    assert len(names) == 1
    assert re.search(rf"certificates from the platform's native certificate store \[env: {names[0]}=", " ".join(run("uv", "--help").split()))


# --- the bill of materials

# Packages that come with one that the bill has.
COME_WITH = {"ansible_collections": "ansible-core", "ansible": "ansible-core", "jinja2": "ansible-core", "markupsafe": "ansible-core", "yaml": "ansible-core"}
COME_WITH |= {"urllib3": "requests", "werkzeug": "flask"}


@pytest.fixture(scope="session")
def bill(archive: Path) -> dict[str, t.Any]:
    """Return the bill of materials."""
    return dict(json.loads(archive.with_name(archive.name.replace(".tar.gz", ".cdx.json")).read_text(encoding="utf-8")))


@pytest.fixture(scope="session")
def contents(archive: Path) -> dict[str, bytes]:
    """Return the files in the archive."""
    with tarfile.open(archive) as opened:
        return {member.name: opened.extractfile(member).read() for member in opened if member.isfile()}  # type: ignore[union-attr]


def test_bill_is_cyclonedx(bill: dict[str, t.Any]) -> None:
    """It is what CycloneDX's own schema permits; the validator finds a fault that is put in."""
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    assert validator.validate_str(json.dumps(bill)) is None
    assert validator.validate_str(json.dumps({**bill, "serialNumber": "1"})) is not None


def test_bill_has_all_files(bill: dict[str, t.Any], archive: Path, contents: dict[str, bytes]) -> None:
    """It has each file of the archive with its checksum, that of the archive, and the commit."""
    about = bill["metadata"]["component"]
    assert (about["group"], about["name"], about["version"]) == (GALAXY["namespace"], GALAXY["name"], GALAXY["version"])
    listed = {entry["name"]: entry["hashes"][0]["content"] for entry in about["components"]}
    assert listed == {name: hashlib.sha256(data).hexdigest() for name, data in contents.items()}
    assert len(listed) > 100
    assert about["hashes"] == [{"alg": "SHA-256", "content": hashlib.sha256(archive.read_bytes()).hexdigest()}]


def test_bill_is_of_the_commit(bill: dict[str, t.Any], repository: Path) -> None:
    """It names the commit, and its time is the commit's."""
    commit, when = run("git", "-C", repository, "show", "--no-patch", "--format=%H %cd", "--date=format-local:%Y-%m-%dT%H:%M:%SZ", env={"TZ": "UTC"}).split()
    assert bill["metadata"]["component"]["pedigree"]["commits"] == [{"uid": commit}]
    assert bill["metadata"]["timestamp"] == when


def test_bill_has_what_is_imported(bill: dict[str, t.Any], contents: dict[str, bytes]) -> None:
    """Whatever code in the archive imports from elsewhere is in the bill, and so is nothing else. What plugins import is no option."""
    scopes = {entry["name"]: entry["scope"] for entry in bill["components"]}
    imported: dict[str, set[str]] = {"plugins": set(), "tests": set()}
    for name, data in contents.items():
        if name.endswith(".py"):
            for node in ast.walk(ast.parse(data)):
                modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                modules += [str(node.module)] if isinstance(node, ast.ImportFrom) and not node.level else []
                imported["tests" if name.startswith("tests/") else "plugins"] |= {module.split(".")[0] for module in modules}
    packages = {part: {COME_WITH.get(module, module.replace("_", "-")) for module in modules - sys.stdlib_module_names} for part, modules in imported.items()}
    assert packages["plugins"] == {name for name, scope in scopes.items() if scope == "required"}
    assert packages["tests"] <= set(scopes)
    assert set().union(*packages.values()) >= set(scopes)
    ranges = {entry["name"]: entry["properties"][0]["value"] for entry in bill["components"] if "properties" in entry}
    assert ranges["ansible-core"] == yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text(encoding="utf-8"))["requires_ansible"]
    assert f"requests{ranges['requests']}" in (ROOT / "meta" / "ee-requirements.txt").read_text(encoding="utf-8").splitlines()


# --- the page on verifying

# Takes the place of GitHub's program: what it is called with has to be exactly this, and it hands out the files that were built here.
GH = """#!/bin/sh
set -eu
case "$*" in
    "release download {version} --repo {project} --dir magic-{version}") cp -R "{files}" "$7" ;;
    "attestation verify magic-{version}/{archive} --repo {project} --signer-workflow {project}/{workflow} --source-ref refs/tags/{version} \
--deny-self-hosted-runners") test -f "$3" ;;
    *) echo "unknown: gh $*" >&2; exit 22 ;;
esac
"""
INSTALLED = Path(".ansible", "collections", "ansible_collections", GALAXY["namespace"], GALAXY["name"])


@dataclass
class Reader:
    """Someone who does what the page says, in a folder and a home of their own, where GitHub is the repository of the tests."""

    folder: Path
    environ: dict[str, str]
    home: Path

    def shell(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run one command."""
        return subprocess.run(
            ["bash", "-o", "pipefail", "-c", command],
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )

    def follow(self, heading: str, status: int = 0) -> str:
        """Do what one part of the page says, up to the first command that fails, and return what the last one printed."""
        done = None
        for command, expected in steps(heading):
            done = self.shell(command)
            if done.returncode != 0:
                break
            machinery.expect(done.stdout, expected)
        assert done is not None
        assert done.returncode == status, done.stdout
        return done.stdout


def steps(heading: str) -> list[tuple[str, str]]:
    """Return the commands of one part of the page, and what each has to print. The page is for 1.1.0; here it is the version of galaxy.yml.

    Raises:
        KeyError: if there is no such part.
    """
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    starts = [number for number, line in enumerate(lines, 1) if line.startswith("#")]
    for start, end in zip(starts, [*starts[1:], len(lines)]):
        if lines[start - 1].lstrip("# ") == heading:
            found = []
            for block in machinery.blocks_of(PAGE):
                if start < block.line < end:
                    assert block.language == "console"
                    text = block.text.replace("\\\n", " ").replace("1.1.0", GALAXY["version"])
                    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
                        command, _newline, expected = part.partition("\n")
                        found.append((command, expected))
            return found
    raise KeyError(heading)


# Clean up, compare the list of files, compare the files: the commands for what is installed already.
COMPARE = [command for command, _expected in steps("3. The installed files")][1:]


def reader_in(folder: Path, repository: Path, archive: Path) -> Reader:
    """Return a reader who has the files of the release."""
    run("git", "-C", repository, "tag", "--force", GALAXY["version"])
    home, programs = folder / "home", folder / "programs"
    for path in (home, programs, folder / "here"):
        path.mkdir()
    project = GALAXY["repository"].removeprefix("https://github.com/")
    workflow = RELEASE.relative_to(ROOT)
    (programs / "gh").write_text(GH.format(version=GALAXY["version"], project=project, files=archive.parent, archive=archive.name, workflow=workflow))
    (programs / "gh").chmod(0o755)
    (home / ".gitconfig").write_text(f'[url "file://{repository}"]\n\tinsteadOf = {GALAXY["repository"]}\n', encoding="utf-8")
    environ: dict[str, str] = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "GIT_", "PYTHON"))}
    for variable, name in (("XDG_CONFIG_HOME", ".config"), ("XDG_CACHE_HOME", ".cache")):  # pip's settings, and what it has fetched already
        environ.setdefault(variable, str(Path.home() / name))
    programs_and_ours = os.pathsep.join([str(programs), str(BIN), environ.get("PATH", os.defpath)])
    made = Reader(folder / "here", {**environ, "HOME": str(home), "PATH": programs_and_ours, "LC_ALL": "C.UTF-8", "ANSIBLE_NOCOLOR": "1"}, home)
    made.follow("Verify what you installed")
    return made


@pytest.fixture
def reader(repository: Path, archive: Path, tmp_path: Path) -> Reader:
    """Return a reader who has the files of the release."""
    return reader_in(tmp_path, repository, archive)


@pytest.fixture(scope="session")
def builder(repository: Path, archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """Return a reader who has done what the page says of building it again, with the locked packages and nothing else."""
    made = reader_in(tmp_path_factory.mktemp("builder"), repository, archive)
    # What pip would compile are all files of all packages, and few of them are imported.
    made.environ.update(PIP_RETRIES="1", PIP_COMPILE="0")
    try:
        made.follow("5. Build it yourself")
    except AssertionError as error:
        if "Max retries exceeded" in str(error) or "NewConnectionError" in str(error):
            pytest.skip("installing the locked packages needs a package index, and none can be reached")
        raise
    return made


def test_page_is_followed(reader: Reader) -> None:
    """What verify.md says works for a release as the workflow makes it, up to building it again."""
    for heading in ("1. Checksums", "2. Provenance", "3. The installed files", "4. The bill of materials"):
        reader.follow(heading)


def test_compiled_files_are_no_change(reader: Reader) -> None:
    """What Python compiles while something runs is no change; a compiled file that ansible-galaxy does not look into goes away, too."""
    reader.follow("3. The installed files")
    installed = reader.home / INSTALLED
    run(sys.executable, installed / "tests" / "emulator", "--stop-with-stdin", env={"PYTHONDONTWRITEBYTECODE": ""})
    (installed / "plugins" / "modules" / "added.pyc").write_bytes(b"anything")
    assert list(installed.rglob("__pycache__"))
    assert [reader.shell(command).returncode for command in COMPARE] == [0, 0, 0]
    assert not list(installed.rglob("*.pyc"))


def test_page_is_followed_to_the_end(builder: Reader, archive: Path) -> None:
    """What verify.md says of building it again works, with packages that fit together, and what is built is the same."""
    assert len(list((builder.folder / "rebuilt").iterdir())) == 3
    assert (builder.folder / "rebuilt" / archive.name).read_bytes() == archive.read_bytes()
    run(builder.folder / "build-tools" / "bin" / "python", "-m", "pip", "check")


def test_all_of_the_page_is_run() -> None:
    """No command of the page is left out by these tests."""
    headings = [line.lstrip("# ") for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    commands = [command for heading in headings for command, _expected in steps(heading)]
    assert len(commands) == sum(line.startswith("$ ") for line in PAGE.read_text(encoding="utf-8").splitlines()) > 10
    assert headings == [
        "Verify what you installed",
        "1. Checksums",
        "2. Provenance",
        "3. The installed files",
        "4. The bill of materials",
        "5. Build it yourself",
    ]


@pytest.mark.parametrize("suffix", [".tar.gz", ".cdx.json"])
def test_changed_download_is_found(reader: Reader, suffix: str) -> None:
    """The checksums show that a file did not arrive whole."""
    path = next((reader.folder / f"magic-{GALAXY['version']}").glob(f"*{suffix}"))
    path.write_bytes(path.read_bytes()[:-1])
    assert f"{path.name}: FAILED" in reader.follow("1. Checksums", status=1)


def _add(installed: Path) -> None:
    (installed / "plugins" / "modules" / "added.py").write_text("import os\n", encoding="utf-8")


def _change(installed: Path) -> None:
    path = installed / "plugins" / "modules" / "ipsec_psk.py"
    path.write_bytes(path.read_bytes() + b"\n")


def _remove(installed: Path) -> None:
    (installed / "meta" / "runtime.yml").unlink()


@pytest.mark.parametrize(("change", "name"), [(_add, "plugins/modules/added.py"), (_change, "plugins/modules/ipsec_psk.py"), (_remove, "meta/runtime.yml")])
def test_changed_installation_is_found(reader: Reader, change: t.Callable[[Path], None], name: str) -> None:
    """A file that was added, changed or removed after the installation is named."""
    reader.follow("3. The installed files")
    change(reader.home / INSTALLED)
    assert [reader.shell(command).returncode for command in COMPARE[:2]] == [0, 0]
    done = reader.shell(COMPARE[2])
    assert done.returncode == 1, done.stdout
    assert name in done.stdout


def test_adapted_lists_are_found(reader: Reader) -> None:
    """Who adapts the lists to a changed file is not found by ansible-galaxy offline, as the page says, but by the comparison with the archive."""
    reader.follow("3. The installed files")
    installed = reader.home / INSTALLED
    _change(installed)
    files = json.loads((installed / "FILES.json").read_bytes())
    for entry in files["files"]:
        if entry["name"] == "plugins/modules/ipsec_psk.py":
            entry["chksum_sha256"] = hashlib.sha256((installed / entry["name"]).read_bytes()).hexdigest()
    (installed / "FILES.json").write_text(json.dumps(files), encoding="utf-8")
    manifest = json.loads((installed / "MANIFEST.json").read_bytes())
    manifest["file_manifest_file"]["chksum_sha256"] = hashlib.sha256((installed / "FILES.json").read_bytes()).hexdigest()
    (installed / "MANIFEST.json").write_text(json.dumps(manifest), encoding="utf-8")
    assert reader.shell(COMPARE[2]).returncode == 0
    done = reader.shell(COMPARE[1])
    assert done.returncode == 1, done.stdout
    assert "differ" in done.stdout


def test_archive_of_another_commit_is_found(reader: Reader, archive: Path, tmp_path: Path) -> None:
    """An archive that has something else than the tag differs from the one that is built from the tag, for both comparisons."""
    (reader.folder / "rebuilt").mkdir()
    for path in archive.parent.iterdir():
        shutil.copy2(path, reader.folder / "rebuilt")
    compare = [command for command, _expected in steps("5. Build it yourself") if command.startswith(("diff ", "cmp "))]
    assert [reader.shell(command).returncode for command in compare] == [0, 0]
    with tarfile.open(archive) as opened:
        opened.extractall(tmp_path / "content", filter="data")
    _add(tmp_path / "content")
    with tarfile.open(reader.folder / f"magic-{GALAXY['version']}" / archive.name, "w:gz") as packed:
        packed.add(tmp_path / "content", arcname="")
    assert [reader.shell(command).returncode for command in compare] == [1, 1]
