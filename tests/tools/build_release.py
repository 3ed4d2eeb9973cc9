# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Builds the archive for Galaxy from a commit, its bill of materials, and their checksums, so that everybody who does it gets the same bytes.

    python tests/tools/build_release.py FOLDER --ref 1.0.0

``ansible-galaxy collection build`` takes what lies in the folder, in the order of the file system, with the times at which the files were checked out, and
puts the present time into the head of the archive. Here the files are those of the commit, in the order of their names, and all times are the commit's.
Without ``--ref`` it is the commit that is checked out. A tag has to be the version in galaxy.yml.

The bill of materials, a CycloneDX file, lists what is in the archive with its checksums, and what it needs from elsewhere. It says nothing that is not in the
commit: neither the time of the build nor the versions of the tools.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import time
import typing as t
import uuid
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# What the emulator needs, which most users do not run.
OPTIONAL = ("flask", "openapi-schema-validator")


def commit_of(repository: Path, ref: str) -> str:
    """Return the full id of a commit or of what a tag points to."""
    return git(repository, "rev-parse", "--verify", f"{ref}^{{commit}}").decode().strip()


def export(repository: Path, commit: str, folder: Path) -> int:
    """Write the files of a commit into a folder, and return the commit's time."""
    with tarfile.open(fileobj=io.BytesIO(git(repository, "archive", "--format=tar", commit))) as archive:
        archive.extractall(folder, filter="data")
    return int(git(repository, "show", "--no-patch", "--format=%ct", commit))


def git(repository: Path, *args: str) -> bytes:
    """Run git, and return what it prints.

    Raises:
        SystemExit: if it fails; it has said why.
    """
    done = subprocess.run(["git", "-C", str(repository), *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False)
    if done.returncode:
        raise SystemExit(f"git {args[0]} failed.")
    return done.stdout


def pack(source: Path, folder: Path) -> Path:
    """Have ansible-galaxy build the archive.

    Raises:
        SystemExit: if it fails.
    """
    environ = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    environ["PATH"] = f"{sysconfig.get_path('scripts')}{os.pathsep}{environ.get('PATH', os.defpath)}"
    command = ["ansible-galaxy", "collection", "build", str(source), "--output-path", str(folder)]
    done = subprocess.run(command, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    archives = list(folder.glob("*.tar.gz"))
    if done.returncode or len(archives) != 1:
        raise SystemExit(f"{done.stdout}ansible-galaxy collection build failed.")
    return archives[0]


def normalise(source: Path, target: Path, when: int) -> None:
    """Write an archive once more: in the order of the names, and with one time for everything."""
    with tarfile.open(source) as archive:
        contents = {member.name: archive.extractfile(member).read() for member in archive if member.isfile()}  # type: ignore[union-attr]
        members = {member.name: member for member in archive}
    files = json.loads(contents["FILES.json"])
    files["files"].sort(key=lambda entry: entry["name"])
    contents["FILES.json"] = json.dumps(files, indent=1).encode()
    manifest = json.loads(contents["MANIFEST.json"])
    manifest["file_manifest_file"]["chksum_sha256"] = hashlib.sha256(contents["FILES.json"]).hexdigest()
    contents["MANIFEST.json"] = json.dumps(manifest, indent=1).encode()
    names = ["MANIFEST.json", "FILES.json", *sorted(set(members) - {"MANIFEST.json", "FILES.json"})]
    with target.open("wb") as raw, gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=when) as packed:
        with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as result:
            for name in names:
                member = tarfile.TarInfo(name)
                member.type, member.mode, member.mtime = members[name].type, members[name].mode, when
                member.size = len(contents.get(name, b""))
                result.addfile(member, io.BytesIO(contents[name]) if name in contents else None)


def sha256(data: bytes) -> list[dict[str, str]]:
    """Return a checksum as a bill of materials has it."""
    return [{"alg": "SHA-256", "content": hashlib.sha256(data).hexdigest()}]


def requirements(source: Path, collections: dict[str, str]) -> list[dict[str, t.Any]]:
    """Return what the collection needs from elsewhere, as components.

    These are not in the archive, and their version is whatever the user has: only the range that is permitted is known.
    """
    needed = {"ansible-core": re.findall(r'^requires_ansible: "(.+)"$', (source / "meta" / "runtime.yml").read_text(encoding="utf-8"), re.MULTILINE)[0]}
    for line in (source / "meta" / "ee-requirements.txt").read_text(encoding="utf-8").splitlines():
        if match := re.match(r"([\w.-]+) *([^;# ]*)", line):
            needed[match.group(1).lower()] = match.group(2)
    components = [(name, f"pkg:pypi/{name}", wanted, "required") for name, wanted in needed.items()]
    components += [(name, f"pkg:pypi/{name}", "", "optional") for name in OPTIONAL]
    components += [(name, f"pkg:generic/{name}", wanted, "required") for name, wanted in collections.items()]
    return [
        {
            "type": "library",
            "bom-ref": purl,
            "name": name,
            "scope": scope,
            "purl": purl,
            **({"properties": [{"name": "cloudflare.magic:requirement", "value": wanted}]} if wanted else {}),
        }
        for name, purl, wanted, scope in sorted(components)
    ]


def bill_of_materials(archive: Path, source: Path, commit: str, when: int) -> dict[str, t.Any]:
    """Return the bill of materials of an archive, in CycloneDX's format."""
    with tarfile.open(archive) as opened:
        contents = {member.name: opened.extractfile(member).read() for member in opened if member.isfile()}  # type: ignore[union-attr]
    about = json.loads(contents["MANIFEST.json"])["collection_info"]
    name = f"{about['namespace']}.{about['name']}"
    needed = requirements(source, about["dependencies"])
    collection = {
        "type": "library",
        "bom-ref": name,
        "authors": [{"name": author} for author in about["authors"]],
        "group": about["namespace"],
        "name": about["name"],
        "version": about["version"],
        "description": about["description"],
        "hashes": sha256(archive.read_bytes()),
        "licenses": [{"license": {"id": licence}} for licence in about["license"]],
        "purl": f"pkg:github/{about['repository'].split('/', 3)[3]}@{about['version']}",
        "pedigree": {"commits": [{"uid": commit}]},
        "externalReferences": [{"type": "vcs", "url": about["repository"]}, {"type": "issue-tracker", "url": about["issues"]}],
        "components": [{"type": "file", "name": path, "hashes": sha256(contents[path])} for path in sorted(contents)],
    }
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, about['repository'] + '#' + hashlib.sha256(archive.read_bytes()).hexdigest())}",
        "version": 1,
        "metadata": {
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(when)),
            "tools": {"components": [{"type": "application", "name": Path(__file__).name}]},
            "component": collection,
        },
        "components": needed,
        "dependencies": [{"ref": name, "dependsOn": [entry["bom-ref"] for entry in needed]}, *({"ref": entry["bom-ref"]} for entry in needed)],
    }


def build(repository: Path, ref: str, folder: Path) -> list[Path]:
    """Build the archive of a commit into a folder, with its bill of materials and the checksums, and return the paths of the first two.

    Raises:
        SystemExit: if the tag is not the version, or a tool fails.
    """
    with tempfile.TemporaryDirectory(prefix="release-") as temporary:
        source, packed = Path(temporary, "source"), Path(temporary, "packed")
        packed.mkdir()
        commit = commit_of(repository, ref)
        when = export(repository, commit, source)
        found = re.search(r"^version: (\S+)$", (source / "galaxy.yml").read_text(encoding="utf-8"), re.MULTILINE)
        version = found.group(1) if found else None
        if re.match(r"v?\d+\.", ref) and ref != version:
            raise SystemExit(f"The tag is {ref}, and galaxy.yml has the version {version}. They have to be the same.")
        archive = pack(source, packed)
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / archive.name
        normalise(archive, target, when)
        bill = folder / f"{archive.name.removesuffix('.tar.gz')}.cdx.json"
        bill.write_text(json.dumps(bill_of_materials(target, source, commit, when), indent=1) + "\n", encoding="utf-8")
    (folder / "SHA256SUMS").write_text("".join(f"{checksum(path)}  {path.name}\n" for path in (target, bill)), encoding="utf-8")
    return [target, bill]


def checksum(path: Path) -> str:
    """Return the checksum of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main() -> int:
    """Build what the command line asks for, and print the checksums."""
    parser = argparse.ArgumentParser(description="Builds the archive for Galaxy and its bill of materials from a commit, the same bytes each time.")
    parser.add_argument("folder", type=Path, help="where to put them, and SHA256SUMS")
    parser.add_argument("--ref", default="HEAD", help="commit or tag (default: what is checked out)")
    parser.add_argument("--repository", type=Path, default=ROOT, help="default: the one that this script is in")
    args = parser.parse_args()
    for path in build(args.repository, args.ref, args.folder.resolve()):
        print(f"{checksum(path)}  {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
