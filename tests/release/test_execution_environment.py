# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The execution environment: what ansible-builder reads from the collection, and what it makes of the example."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from conftest import ROOT, run

EXAMPLE = ROOT / "docs" / "ee" / "execution-environment.yml"


def test_introspect(repository: Path, tmp_path: Path) -> None:
    """ansible-builder finds the collection's requirement, and only that."""
    output = tmp_path / "requirements.txt"
    system = tmp_path / "bindep.txt"
    run("ansible-builder", "introspect", "--write-pip", output, "--write-bindep", system, repository.parents[2])
    wanted = [line for line in output.read_text(encoding="utf-8").splitlines() if line.strip()]
    assert [re.sub(r"\s*#\s*", " # ", line) for line in wanted] == ["requests>=2.25 # from collection cloudflare.magic"]
    assert not system.exists() or not system.read_text(encoding="utf-8").strip()


def test_requirement_is_what_the_readme_says() -> None:
    """The file for ansible-builder, README and the modules' documentation name one version, without an upper bound."""
    text = (ROOT / "meta" / "ee-requirements.txt").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert len(lines) == 1
    match = re.fullmatch(r"requests>=([\d.]+)", lines[0])
    assert match, lines
    assert f"`requests` {match.group(1)} or newer" in (ROOT / "README.md").read_text(encoding="utf-8")
    fragment = (ROOT / "plugins" / "doc_fragments" / "options.py").read_text(encoding="utf-8")
    modules = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "plugins" / "modules").glob("[!_]*.py"))
    assert set(re.findall(r"requests >= ([\d.]+)", fragment + modules)) == {match.group(1)}


def test_example_makes_a_context(tmp_path: Path) -> None:
    """``ansible-builder create`` accepts the example, and the context installs the collection, ansible-core and ansible-runner."""
    context = tmp_path / "context"
    output = run("ansible-builder", "create", "--file", EXAMPLE, "--context", context, "--output-filename", "Containerfile", "-v3")
    assert "WARNING" not in output, output
    container = (context / "Containerfile").read_text(encoding="utf-8")
    definition = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    assert definition["images"]["base_image"]["name"] in container
    collections = yaml.safe_load((context / "_build" / "requirements.yml").read_text(encoding="utf-8"))["collections"]
    assert collections == [{"name": "cloudflare.magic", "version": ">=1.1.0"}]
    assert definition["dependencies"]["ansible_core"]["package_pip"] in container
    assert "ansible-galaxy collection install" in container
    assert "openssh-clients" in (context / "_build" / "bindep.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("mistake", ["images", "dependencies"])
def test_a_mistake_in_the_example_would_be_seen(mistake: str, tmp_path: Path) -> None:
    """``ansible-builder create`` is no formality: it refuses keys that it does not know."""
    definition = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    definition[mistake]["misspelt"] = "x"
    (tmp_path / "broken.yml").write_text(yaml.safe_dump(definition), encoding="utf-8")
    with pytest.raises(AssertionError, match="misspelt"):
        run("ansible-builder", "create", "--file", tmp_path / "broken.yml", "--context", tmp_path / "context")
