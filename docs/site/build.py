# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Builds the documentation site: README as the front page, all guides, and a page for each plugin and role. ``make site`` calls it.

    python docs/site/build.py FOLDER

It works without a network, and any warning is an error. New guides, plugins and roles need no line here: a guide that ``GUIDES`` and ``PROJECT`` don't
name comes behind those that they do.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import zlib
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
GALAXY = yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))
COLLECTION = f"{GALAXY['namespace']}.{GALAXY['name']}"
REFERENCE = f"collections/{GALAXY['namespace']}/{GALAXY['name']}"

# The order of the pages; those that do not exist are left out.
GUIDES = ["start", "keys", "fleets", "tunnels", "network", "health", "both_ends", "events", "devices", "awx", "secret_stores", "execution_environment"]
GUIDES += ["terraform_and_uri", "secrets", "emulator", "troubleshooting", "verify"]
PROJECT = ["docs/inside", "CONTRIBUTING", "docs/testing", "docs/benchmarks", "docs/releasing", "docs/policies", "docs/requirements_checklist"]
PROJECT += ["SECURITY", "CODE_OF_CONDUCT"]

# Pages of Ansible's own documentation that the generated pages refer to, by label.
ANSIBLE = "https://docs.ansible.com/projects/ansible/latest/"
ANSIBLE_PAGES = {
    "action_plugins": "plugins/action.html",
    "ansible_configuration_settings": "reference_appendices/config.html",
    "become_plugins": "plugins/become.html",
    "cache_plugins": "plugins/cache.html",
    "common_return_values": "reference_appendices/common_return_values.html",
    "inventory_plugins": "plugins/inventory.html",
    "list_of_collections": "collections/index.html",
}
# Where ansible-core has its plugins, by the type in a label; their files have the name of the plugin.
BUILTIN = {"module": "ansible.modules", **{kind: f"ansible.plugins.{kind}" for kind in ("become", "cache", "callback", "connection", "filter", "lookup")}}
BUILTIN.update(inventory="ansible.plugins.inventory", strategy="ansible.plugins.strategy", test="ansible.plugins.test", vars="ansible.plugins.vars")

# One of them comes into being with the first release.
CHANGELOGS = [Path("CHANGELOG.md"), Path("CHANGELOG.rst")]

_LINK = re.compile(r"(\]\()([^)\s]+)(\))")


def pages() -> list[Path]:
    """Return the Markdown files that become pages, relative to the collection."""
    inside = (path for path in (ROOT / "docs").rglob("*.md") if HERE not in path.parents)
    return sorted(path.relative_to(ROOT) for path in (*ROOT.glob("*.md"), *inside))


def adapted(text: str, page: Path, known: set[Path]) -> str:
    """Adapt links: to a page of the site where there is one, to the repository where not. README.md becomes the front page.

    Raises:
        ValueError: if a link leads nowhere.
    """
    repository = f"{GALAXY['repository']}/blob/main/"

    def link(match: re.Match[str]) -> str:
        target, hash_sign, anchor = match.group(2).partition("#")
        if target.startswith(repository):
            path = Path(target[len(repository) :])
        elif not target or re.match(r"[a-z]+:", target):
            return match.group(0)
        else:
            path = Path(os.path.normpath(page.parent / target))
        if path in known:
            if path == Path("README.md"):
                path = Path("index.md")
            return f"{match.group(1)}{os.path.relpath(path, page.parent)}{hash_sign}{anchor}{match.group(3)}"
        if not (ROOT / path).exists() and path not in CHANGELOGS:
            raise ValueError(f"{page}: {match.group(2)} leads nowhere")
        if path.suffix in (".svg", ".png"):
            return match.group(0)
        return f"{match.group(1)}{repository}{path}{hash_sign}{anchor}{match.group(3)}"

    return _LINK.sub(link, text)


def contents(known: set[Path], changelog: bool) -> str:
    """Return the table of contents, which goes to the end of the front page and is shown in the side bar."""
    names = {path.with_suffix("").as_posix() for path in known} - {"README", "CHANGELOG"}
    project = [name for name in PROJECT if name in names]
    guides = [f"docs/{name}" for name in GUIDES if f"docs/{name}" in names]
    guides += sorted(names - set(project) - set(guides))
    parts = {
        "Guides": guides,
        "Reference": [f"{REFERENCE}/index", "collections/environment_variables", *(["CHANGELOG"] if changelog else [])],
        "Project": project,
    }
    titles = {f"{REFERENCE}/index": "Modules, plugins, roles", "collections/environment_variables": "Environment variables"}
    trees = []
    for caption, part in parts.items():
        lines = [f":caption: {caption}", ":hidden:", ":maxdepth: 1", "", *(f"{titles[name]} <{name}>" if name in titles else name for name in part)]
        trees.append("```{toctree}\n" + "\n".join(lines) + "\n```\n")
    return "\n" + "\n".join(trees)


def tidy(path: Path) -> None:
    """Leave out what the theme has itself, shorten titles in the side bar, and don't lead to a list of collections, of which there is one."""
    text = re.sub(r"\n\.\. contents::.*\n(?:   :.*\n)*|\n\*\*Topics\*\*\n+(?: *- .*\n)+", "\n", path.read_text(encoding="utf-8"))
    if path.name == "index.rst":
        text = text.partition("\n.. seealso::")[0] + "\n"
        text = re.sub(r"^( +)(\w+)_([a-z]+)$", r"\1\2 (\3) <\2_\3>", text, flags=re.MULTILINE)
    path.write_text(text, encoding="utf-8")


def write_inventory(source: Path) -> None:
    """Write what Sphinx needs to know of Ansible's own documentation: the labels that the generated pages use, without asking its server.

    Raises:
        ValueError: if ansible-core does not have a plugin or a variable that a page refers to.
    """
    text = "\n".join(path.read_text(encoding="utf-8") for path in sorted(source.glob("collections/**/*.rst")))
    labels = dict(ANSIBLE_PAGES)
    for namespace, name, plugin, kind in re.findall(r"ansible_collections\.(\w+)\.(\w+)\.(\w+)_([a-z]+)(?=[>`\n_])", text):
        labels[f"ansible_collections.{namespace}.{name}.{plugin}_{kind}"] = f"collections/{namespace}/{name}/{plugin}_{kind}.html"
    for namespace, name, plugin, kind in re.findall(r"<(\w+)\.(\w+)\.(\w+)#(\w+)", text):
        labels[f"ansible_collections.{namespace}.{name}.{plugin}_{kind}"] = f"collections/{namespace}/{name}/{plugin}_{kind}.html"
    labels = {label: page for label, page in labels.items() if not label.startswith(f"ansible_collections.{COLLECTION}.")}
    for label in labels:
        match = re.fullmatch(r"ansible_collections\.ansible\.builtin\.(\w+)_([a-z]+)", label)
        if match and not _is_builtin(match.group(1), match.group(2)):
            raise ValueError(f"a page refers to ansible.builtin.{match.group(1)}, which is no {match.group(2)} of ansible-core")
    lines = [f"{label} std:label -1 {page}#{label.lower().replace('_', '-').replace('.', '-')} {label}\n" for label, page in sorted(labels.items())]
    spec = importlib.util.find_spec("ansible.config")
    settings = Path(str((spec.submodule_search_locations or [""])[0] if spec else ""), "base.yml").read_text(encoding="utf-8")
    used = set(re.findall(r":envvar:`(?:[^`<]+<)?([A-Z_]+)>?`", text.replace("\\", "")))
    for name in sorted(used - set(re.findall(r"\.\. envvar:: (\w+)", text))):
        if not re.search(rf"\bname: {name}\b", settings):
            raise ValueError(f"a page refers to the environment variable {name}, which ansible-core does not have")
        lines.append(f"{name} std:envvar 1 {ANSIBLE_PAGES['ansible_configuration_settings']}#envvar-{name} {name}\n")
    head = "# Sphinx inventory version 2\n# Project: Ansible\n# Version: \n# The remainder of this file is compressed using zlib.\n"
    (source / "ansible.inv").write_bytes(head.encode() + zlib.compress("".join(lines).encode()))


def _is_builtin(name: str, kind: str) -> bool:
    package = importlib.util.find_spec(BUILTIN[kind]) if kind in BUILTIN else None
    folders = [Path(folder) for folder in (package.submodule_search_locations or [])] if package else []
    return any((folder / f"{name}{suffix}").exists() for folder in folders for suffix in (".py", ".yml"))


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
    known = set(pages())
    with tempfile.TemporaryDirectory(prefix="site-") as temporary:
        home, source = Path(temporary), Path(temporary, "source")
        link = home / "collections" / "ansible_collections" / GALAXY["namespace"] / GALAXY["name"]
        link.parent.mkdir(parents=True)
        link.symlink_to(ROOT)
        source.mkdir()
        run(["antsibull-docs", "collection", "--use-current", "--fail-on-error", "--dest-dir", str(source), COLLECTION], home)
        for path in (source / REFERENCE).glob("*.rst"):
            tidy(path)
        changelogs = [path for path in CHANGELOGS if (ROOT / path).exists()]
        for path in changelogs[:1]:
            shutil.copy2(ROOT / path, source)
            tidy(source / path)
        for page in sorted(known - set(CHANGELOGS)):
            path = source / ("index.md" if page == Path("README.md") else page)
            path.parent.mkdir(parents=True, exist_ok=True)
            text = adapted((ROOT / page).read_text(encoding="utf-8"), page, known)
            path.write_text(text + (contents(known, bool(changelogs)) if page == Path("README.md") else ""), encoding="utf-8")
        for picture in (ROOT / "docs").rglob("*.[sp][vn]g"):
            shutil.copy2(picture, source / picture.relative_to(ROOT))
        for name in ("conf.py", "site.css"):
            shutil.copy2(HERE / name, source)
        write_inventory(source)
        html = home / "html"
        run(["sphinx-build", "--quiet", "--fail-on-warning", "--keep-going", "--builder", "html", str(source), str(html)], home)
        shutil.rmtree(html / ".doctrees", ignore_errors=True)
        shutil.rmtree(target, ignore_errors=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(html, target)


def main() -> int:
    """Build the site into the folder that the command line names."""
    parser = argparse.ArgumentParser(description="Builds the documentation site.")
    parser.add_argument("folder", type=Path, help="where to put the pages; what is there is replaced")
    folder = parser.parse_args().folder.resolve()
    build(folder)
    print(f"The site is built: {folder / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
