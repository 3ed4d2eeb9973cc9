# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The configuration that docs/tunnels.md writes has nothing but plain values, whatever Cloudflare answers."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
TUNNEL: dict[str, Any] = {
    "id": "x",
    "name": "lyon-1",
    "cloudflare_endpoint": "203.0.113.1",
    "remote_identities": {"fqdn_id": "ab.1.ipsec.cloudflare.com"},
}
HOSTILE: list[dict[str, Any]] = [
    {"remote_identities": {"fqdn_id": "a.example.com\ninclude /tmp/evil.conf"}},
    {"remote_identities": {"fqdn_id": "a.example.com\n"}},
    {"remote_identities": {"fqdn_id": "0.0.0.0"}},
    {"remote_identities": {"fqdn_id": "%any"}},
    {"cloudflare_endpoint": "203.0.113.1\nx = y"},
    {"cloudflare_endpoint": "%any"},
    {"cloudflare_endpoint": "0.0.0.0"},
    {"cloudflare_endpoint": "...."},
    {"name": "a\n}"},
    {"name": "a {"},
]


def blocks() -> tuple[list[dict[str, Any]], str]:
    """Return the tasks that check and write, and the template."""
    text = (ROOT / "docs/tunnels.md").read_text(encoding="utf-8")
    tasks = next(yaml.safe_load(found)[0]["tasks"] for found in re.findall(r"```yaml\n(.*?)```", text, re.S) if "swanctl.conf.j2" in found)
    template = re.search(r"```jinja\n(.*?)```", text, re.S)
    assert template
    first = next(number for number, task in enumerate(tasks) if "ansible.builtin.assert" in task)
    last = next(number for number, task in enumerate(tasks) if "ansible.builtin.template" in task)
    assert first < last
    return tasks[first : last + 1], template[1]


def test_only_plain_values_are_written(tmp_path: Path) -> None:
    tasks, template = blocks()
    (tmp_path / "swanctl.conf.j2").write_text(template, encoding="utf-8")
    plays = []
    for number, changes in enumerate([{}, *HOSTILE]):
        tunnel = {**TUNNEL, **changes}
        variables = {
            "site": f"site-{number}",
            "names": [tunnel["name"]],
            "ansible_python_interpreter": sys.executable,
            "account": {"ipsec_tunnels": [tunnel]},
            "kept": {"cloudflare_magic_ipsec_psks": {"x": {"psk": "a-key-of-the-test"}}},
        }
        refused = {"ansible.builtin.debug": {"msg": f"<{number} is refused>"}}
        plays.append(
            {
                "hosts": "localhost",
                "connection": "local",
                "gather_facts": False,
                "vars": variables,
                "tasks": [{"block": tasks, "rescue": [refused]}],
            }
        )
    (tmp_path / "play.yml").write_text(json.dumps(plays), encoding="utf-8")
    ended = subprocess.run(["ansible-playbook", "-i", "localhost,", str(tmp_path / "play.yml")], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert [int(found) for found in re.findall("<([0-9]+) is refused>", ended.stdout)] == list(range(1, len(HOSTILE) + 1))
    assert [path.name for path in tmp_path.glob("site-*")] == ["site-0.conf"]
    assert "id = ab.1.ipsec.cloudflare.com\n" in (tmp_path / "site-0.conf").read_text(encoding="utf-8")
