# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The archive for Galaxy: the same bytes each time, what users need and nothing else, and Galaxy takes it without a warning."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import shutil
import sys
import tarfile
import time
import typing as t
from pathlib import Path

import pytest
import yaml

if t.TYPE_CHECKING:
    from ansible_collections.cloudflare.magic.tests.emulator.client import running
    from ansible_collections.cloudflare.magic.tests.release.conftest import GALAXY, ROOT, WHEN, commit, run
else:
    from conftest import GALAXY, ROOT, WHEN, commit, run

    # The checkout does not have to be in a folder of collections.
    sys.path.insert(0, str(ROOT / "tests"))
    from emulator.client import running

# What users need. Plugins, roles, playbooks and what is for ansible-rulebook are the product; the emulator is, too: people try their playbooks on it.
CONTENT = re.compile(
    r"""MANIFEST\.json | FILES\.json | README\.md | COPYING | CHANGELOG\.(md|rst) | CODE_OF_CONDUCT\.md | CONTRIBUTING\.md | SECURITY\.md
    | LICENSES/[\w.-]+\.txt | changelogs/changelog\.yaml | meta/(runtime|execution-environment|extensions)\.yml | meta/ee-requirements\.txt
    | (plugins|roles|playbooks|extensions)/.+ | docs/(?!site/|demo/).+ | tests/emulator/[\w-]+\.(py|json)""",
    re.VERBOSE,
)
# None of these is for users, wherever it is.
STRANGE = re.compile(r"(^|/)(\.[^/]+|__pycache__|node_modules|.*\.(pyc|tar\.gz|orig|rej|bak|swp|log|retry))(/|$)")

ROTATION = """
- name: Rotate
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Generate a key
      cloudflare.magic.ipsec_psk:
        name: paris-1
      register: rotation

    - name: It is delivered
      ansible.builtin.assert:
        that: rotation.delivered_to == ['register', 'fact']
      no_log: true
"""


def members(archive: Path) -> list[tarfile.TarInfo]:
    """List an archive."""
    with tarfile.open(archive) as opened:
        return opened.getmembers()


def test_two_builds_are_equal(repository: Path, archive: Path, tmp_path: Path) -> None:
    """A clone that was made at another time, in another order and with another umask, builds the same bytes."""
    clone = tmp_path / "another" / "place"
    clone.mkdir(parents=True)
    before = os.umask(0o077)
    try:
        run("git", "clone", "--quiet", repository, clone / "clone")
    finally:
        os.umask(before)
    for number, path in enumerate(sorted((clone / "clone").rglob("*.*"), reverse=True)):
        os.utime(path, (number, number))
    (clone / "clone" / "not-committed.txt").write_text("Nobody should get this.\n", encoding="utf-8")
    (clone / "clone" / "README.md").write_text("Nor this.\n", encoding="utf-8")
    time.sleep(1.1)  # gzip's head and ansible-galaxy's tar know seconds
    print(run(sys.executable, clone / "clone" / "tests" / "tools" / "build_release.py", tmp_path))
    names = sorted(path.name for path in archive.parent.iterdir())
    assert names == ["SHA256SUMS", archive.name.replace(".tar.gz", ".cdx.json"), archive.name]
    for name in names:
        again, before_that = ((folder / name).read_bytes() for folder in (tmp_path, archive.parent))
        assert hashlib.sha256(again).hexdigest() == hashlib.sha256(before_that).hexdigest(), name
    assert {member.mtime for member in members(archive)} == {WHEN}


def test_plain_build_has_the_same_files(repository: Path, archive: Path, tmp_path: Path) -> None:
    """Putting the archive in order changed no file: ansible-galaxy itself packs the same ones."""

    def contents(path: Path) -> dict[str, str]:
        with tarfile.open(path) as opened:
            return {
                member.name: hashlib.sha256(opened.extractfile(member).read()).hexdigest()  # type: ignore[union-attr]
                for member in opened
                if member.isfile() and member.name not in ("MANIFEST.json", "FILES.json")
            }

    run("ansible-galaxy", "collection", "build", repository, "--output-path", tmp_path)
    assert contents(tmp_path / archive.name) == contents(archive)


def test_content(archive: Path) -> None:
    """Only what users need is in it, with modes that make sense."""
    listing = members(archive)
    files = [member.name for member in listing if member.isfile()]
    assert [name for name in files if not CONTENT.fullmatch(name) or STRANGE.search(name)] == []
    for name in ("plugins/modules/ipsec_psk.py", "plugins/action/ipsec_psk.py", "playbooks/rotate_psks.yml", "tests/emulator/__main__.py", "docs/start.md"):
        assert name in files
    assert {oct(member.mode) for member in listing if member.isfile()} <= {"0o644", "0o755"}
    assert {(member.uid, member.gid, member.uname, member.gname) for member in listing} == {(0, 0, "", "")}
    assert archive.stat().st_size < 1_000_000
    head = gzip.decompress(archive.read_bytes())
    assert str(Path.home()).encode() not in head or str(Path.home()) == "/", "a path of this machine"


def test_version(archive: Path) -> None:
    """The version is the same in galaxy.yml, in the archive, in its name, and in what requests say of themselves."""
    with tarfile.open(archive) as opened:
        manifest = json.loads(opened.extractfile("MANIFEST.json").read())  # type: ignore[union-attr]
        transport = opened.extractfile("plugins/module_utils/_transport.py").read().decode()  # type: ignore[union-attr]
    version = manifest["collection_info"]["version"]
    assert version == GALAXY["version"]
    assert archive.name == f"cloudflare-magic-{version}.tar.gz"
    assert re.findall(r'^VERSION = "(.+)"$', transport, re.MULTILINE) == [version]


def test_tag_has_to_be_the_version(repository: Path, tmp_path: Path) -> None:
    """A tag that is another version is refused; the right one builds."""
    run("git", "-C", repository, "tag", "--force", "9.9.9")
    run("git", "-C", repository, "tag", "--force", GALAXY["version"])
    with pytest.raises(AssertionError, match="have to be the same"):
        run(sys.executable, repository / "tests" / "tools" / "build_release.py", tmp_path, "--ref", "9.9.9")
    assert not list(tmp_path.iterdir())
    run(sys.executable, repository / "tests" / "tools" / "build_release.py", tmp_path, "--ref", GALAXY["version"])
    assert list(tmp_path.iterdir())


def test_installed_parts_are_enough(archive: Path, tmp_path: Path) -> None:
    """It installs, it verifies, the emulator starts, and modules work with nothing but plugins, roles, playbooks and meta."""
    collections = tmp_path / "collections"
    environment = {"HOME": str(tmp_path), "ANSIBLE_HOME": str(tmp_path / "home"), "ANSIBLE_COLLECTIONS_PATH": str(collections), "NO_PROXY": "127.0.0.1"}
    run("ansible-galaxy", "collection", "install", "--offline", archive, "-p", collections, env=environment)
    checked = run("ansible-galaxy", "collection", "verify", "--offline", "cloudflare.magic", env=environment)
    assert "checksums match" in checked or "Successfully verified" in checked, checked
    installed = collections / "ansible_collections" / "cloudflare" / "magic"
    address = run(sys.executable, installed / "tests" / "emulator", "--stop-with-stdin", env=environment)
    assert "Cloudflare Magic emulator: http" in address
    for path in installed.iterdir():
        if path.name not in ("meta", "plugins", "roles", "playbooks", "MANIFEST.json", "FILES.json"):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
    (tmp_path / "rotate.yml").write_text(ROTATION, encoding="utf-8")
    with running(check_schema=False) as emulator:
        output = run("ansible-playbook", tmp_path / "rotate.yml", env={**environment, **emulator.environment()}, cwd=tmp_path)
        keys = [entry["psk"] for entry in emulator.key_log() if entry["how"] == "generate"]
    assert re.search(r"ok=2 +changed=1 .*failed=0", output), output
    assert len(keys) == 1
    assert keys[0] not in output


def test_galaxy_imports_it(archive: Path, tmp_path: Path) -> None:
    """Galaxy's import has neither an error nor a warning. Its ansible-lint, which takes most of the time, is in the session of the checks."""
    settings = (ROOT / "tests" / "galaxy-importer.cfg").read_text(encoding="utf-8")
    (tmp_path / "importer.cfg").write_text(f"{settings}RUN_ANSIBLE_LINT = False\n", encoding="utf-8")
    log = run(
        sys.executable, "-m", "galaxy_importer.main", archive, cwd=tmp_path,
        env={"GALAXY_IMPORTER_CONFIG": str(tmp_path / "importer.cfg"), "HOME": str(tmp_path)},
    )  # fmt: skip
    assert "Importer processing completed successfully" in log, log
    assert not re.findall(r"^.*(?:WARNING|ERROR).*$", log, re.MULTILINE), log
    result = json.loads((tmp_path / "importer_result.json").read_text(encoding="utf-8"))
    contents = {(entry["content_type"], entry["name"]) for entry in result["contents"]}
    modules = {("module", path.stem) for path in (ROOT / "plugins" / "modules").glob("[!_]*.py")}
    assert modules <= contents
    assert result["requires_ansible"] == ">=2.18.0"


# --- the changelog


def changelog_of(folder: Path) -> dict[str, t.Any]:
    """Read the changelog's releases."""
    return dict(yaml.safe_load((folder / "changelogs" / "changelog.yaml").read_text(encoding="utf-8"))["releases"])


def test_changelog_release(repository: Path, archive: Path, tmp_path: Path) -> None:
    """``antsibull-changelog release`` works, or the version has been released that way, and the notes name everything that is new."""
    folder = tmp_path / "ansible_collections" / "cloudflare" / "magic"
    run("git", "clone", "--quiet", repository, folder)
    version = GALAXY["version"]
    outputs = [entry["file"] for entry in yaml.safe_load((folder / "changelogs" / "config.yaml").read_text(encoding="utf-8"))["output"]]
    run("antsibull-changelog", "lint", cwd=folder)
    if version in changelog_of(folder):
        before = {name: (folder / name).read_text(encoding="utf-8") for name in outputs}
        run("antsibull-changelog", "generate", cwd=folder)
        assert {name: (folder / name).read_text(encoding="utf-8") for name in outputs} == before, "not what changelogs/changelog.yaml says"
    else:
        assert list((folder / "changelogs" / "fragments").glob("*.yml")), "nothing to say of the release"
        run("antsibull-changelog", "release", "--version", version, "--date", "2026-11-23", cwd=folder)
        assert not list((folder / "changelogs" / "fragments").glob("*.yml"))
        run("antsibull-changelog", "lint", cwd=folder)
        commit(folder)
        run(sys.executable, folder / "tests" / "tools" / "build_release.py", tmp_path)
        archive = next(tmp_path.glob("*.tar.gz"))
    release = changelog_of(folder)[version]
    assert release["changes"]["release_summary"]
    for name in outputs:
        assert f"v{version}" in (folder / name).read_text(encoding="utf-8").replace("\\", "")
    # As the release workflow does it.
    run("antsibull-changelog", "generate", "--output", tmp_path / "notes.md", "--output-format", "md", "--only-latest", cwd=folder)
    words = (tmp_path / "notes.md").read_text(encoding="utf-8").replace("\\", "").split("\n\n")[1].split()
    assert release["changes"]["release_summary"].split()[:9] == words[:9]
    run("antsibull-changelog", "lint-changelog-yaml", "--strict", folder / "changelogs" / "changelog.yaml")
    # Everything that there is came with a release whose notes name it.
    entries = list(changelog_of(folder).values())
    modules = {module["name"] for entry in entries for module in entry.get("modules", [])}
    assert modules == {path.stem for path in (ROOT / "plugins" / "modules").glob("[!_]*.py")}
    inventories = {plugin["name"] for entry in entries for plugin in entry.get("plugins", {}).get("inventory", [])}
    assert inventories == {path.stem for path in (ROOT / "plugins" / "inventory").glob("[!_]*.py")}
    filters = {plugin["name"] for entry in entries for plugin in entry.get("plugins", {}).get("filter", [])}
    assert filters == {path.stem for path in (ROOT / "plugins" / "filter").glob("[!_]*.py")}
    roles = {item["name"] for entry in entries for item in entry.get("objects", {}).get("role", [])}
    assert roles == {path.parents[1].name for path in ROOT.glob("roles/*/meta/argument_specs.yml")}
    assert set(outputs) <= {member.name for member in members(archive)}
