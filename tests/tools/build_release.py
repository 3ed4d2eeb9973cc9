# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Builds the archive for Galaxy from a commit, so that everybody who does it gets the same bytes.

    python tests/tools/build_release.py FOLDER --ref 1.0.0

``ansible-galaxy collection build`` takes what lies in the folder, in the order of the file system, with the times at which the files were checked out, and
puts the present time into the head of the archive. Here the files are those of the commit, in the order of their names, and all times are the commit's.
Without ``--ref`` it is the commit that is checked out. A tag has to be the version in galaxy.yml.
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
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def export(repository: Path, ref: str, folder: Path) -> int:
    """Write the files of a commit into a folder, and return the commit's time."""
    commit = git(repository, "rev-parse", "--verify", f"{ref}^{{commit}}").decode().strip()
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


def build(repository: Path, ref: str, folder: Path) -> Path:
    """Build the archive of a commit into a folder, and return its path.

    Raises:
        SystemExit: if the tag is not the version, or a tool fails.
    """
    with tempfile.TemporaryDirectory(prefix="release-") as temporary:
        source, packed = Path(temporary, "source"), Path(temporary, "packed")
        packed.mkdir()
        when = export(repository, ref, source)
        found = re.search(r"^version: (\S+)$", (source / "galaxy.yml").read_text(encoding="utf-8"), re.MULTILINE)
        version = found.group(1) if found else None
        if re.match(r"v?\d+\.", ref) and ref != version:
            raise SystemExit(f"The tag is {ref}, and galaxy.yml has the version {version}. They have to be the same.")
        archive = pack(source, packed)
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / archive.name
        normalise(archive, target, when)
    return target


def main() -> int:
    """Build what the command line asks for, and print the checksum."""
    parser = argparse.ArgumentParser(description="Builds the archive for Galaxy from a commit, the same bytes each time.")
    parser.add_argument("folder", type=Path, help="where to put the archive")
    parser.add_argument("--ref", default="HEAD", help="commit or tag (default: what is checked out)")
    parser.add_argument("--repository", type=Path, default=ROOT, help="default: the one that this script is in")
    args = parser.parse_args()
    archive = build(args.repository, args.ref, args.folder.resolve())
    print(f"{hashlib.sha256(archive.read_bytes()).hexdigest()}  {archive}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
