# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Builds the documentation site: README as the front page, all guides, and a page for each plugin and role. ``make site`` calls it.

    python docs/site/build.py FOLDER

It does what the script does that ``antsibull-docs sphinx-init`` creates: antsibull-docs writes the reference, and Sphinx builds it together with the
guides, by conf.py beside this file. That script cannot be used as it is: it downloads the lists of links of four other projects, and its pages are RST in
a folder of their own, while the guides are Markdown that has to work in the repository, too. So this one copies the sources, as they are, to what
antsibull-docs writes, and works without a network. Any warning is an error. New guides, plugins and roles need no line here.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
GALAXY = yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))
COLLECTION = f"{GALAXY['namespace']}.{GALAXY['name']}"


def copy_sources(source: Path) -> None:
    """Copy the Markdown files that become pages, and what lies beside them, into a folder."""
    for path in ROOT.glob("*.md"):
        shutil.copy2(path, source / ("index.md" if path.name == "README.md" else path.name))
    shutil.copytree(ROOT / "docs", source / "docs", ignore=shutil.ignore_patterns("site", "docsite", "__pycache__"))


def run(command: list[str], home: Path) -> None:
    """Run a tool of this Python's environment with a home folder of its own.

    Raises:
        SystemExit: if it fails.
    """
    scripts = sysconfig.get_path("scripts")
    environ = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    environ.update(HOME=str(home), ANSIBLE_COLLECTIONS_PATH=str(home / "collections"), PATH=f"{scripts}{os.pathsep}{environ.get('PATH', os.defpath)}")
    done = subprocess.run([f"{scripts}/{command[0]}", *command[1:]], env=environ, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise SystemExit(f"{command[0]} failed with status {done.returncode}.")


def build(target: Path) -> None:
    """Build the site into a folder, whose content is replaced."""
    with tempfile.TemporaryDirectory(prefix="site-") as temporary:
        home, source = Path(temporary), Path(temporary, "source")
        link = home / "collections" / "ansible_collections" / GALAXY["namespace"] / GALAXY["name"]
        link.parent.mkdir(parents=True)
        link.symlink_to(ROOT)
        source.mkdir()
        run(["antsibull-docs", "--config-file", str(HERE / "antsibull-docs.cfg"), "collection", "--use-current", "--dest-dir", str(source), COLLECTION], home)
        copy_sources(source)
        html = home / "html"
        run(["sphinx-build", "--quiet", "--fail-on-warning", "--keep-going", "--conf-dir", str(HERE), "--builder", "html", str(source), str(html)], home)
        shutil.rmtree(html / ".doctrees", ignore_errors=True)
        shutil.rmtree(target, ignore_errors=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(html, target)


def main() -> int:
    """Build the site into the folder that the command line names."""
    parser = argparse.ArgumentParser(description="Builds the documentation site.")
    parser.add_argument("folder", type=Path, help="the folder for the pages, which is replaced")
    folder = parser.parse_args().folder.resolve()
    build(folder)
    print(f"The site is built: {folder / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
