# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A site with two tunnels: both ends in the lab, and playbooks that are run for real against them."""

from __future__ import annotations

import getpass
import grp
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict

import pytest
import yaml
from ansible.parsing.vault import VaultLib, VaultSecret

from ansible_collections.cloudflare.magic.tests.ike import lab
from ansible_collections.cloudflare.magic.tests.integration.support import preloaded
from ansible_collections.cloudflare.magic.tests.integration.targets.leaks.search import Secret, count

Json = Dict[str, Any]

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
TUNNELS = ["paris-1", "paris-2"]
PASSWORD = "only for tests"
# Every night all that there is, with a new interpreter for each task; else what another test has in another form is left out.
LONG = "IKE_LONG" in os.environ
only_at_night = pytest.mark.skipif(not LONG, reason="runs every night, or with IKE_LONG in the environment")


def block(document: str, name: str) -> str:
    """Return the code block of a document that is to be a file of this name."""
    text = (ROOT / document).read_text(encoding="utf-8")
    match = re.search(rf"<!-- test: file {re.escape(name)} -->\n```\w+\n(.*?)\n```", text, re.DOTALL)
    assert match, f"{document} has no file {name}"
    return match.group(1) + "\n"


class Result:
    """What a run of ansible-playbook came to."""

    def __init__(self, status: int, output: str, hosts: dict[str, dict[str, int]]) -> None:
        self.status = status
        self.output = output
        # Some of Ansible's output is broken into lines.
        self.text = " ".join(output.split())
        self.hosts = hosts

    def says(self, words: str) -> bool:
        """Return whether these words are in the output. From ansible-core 2.22 on, names are masked like all that an encrypted file holds."""
        pattern = re.escape(words)
        for name in map(re.escape, TUNNELS):
            pattern = pattern.replace(name, rf"(?:{name}|\$REDACTED\$)")
        return bool(re.search(pattern, self.text))

    @property
    def changed(self) -> int:
        """How many tasks changed something."""
        return sum(numbers["changed"] for numbers in self.hosts.values())


class Site:
    """The folder from which the customer's edge is managed, and everything that was ever printed there."""

    def __init__(self, folder: Path, ends: lab.Lab, python: str) -> None:
        self.folder = folder
        self.lab = ends
        self.cloudflare = ends.cloudflare
        self.customer = ends.customer
        self.printed: list[tuple[str, bytes]] = []
        self.secrets: set[str] = set()
        self.vault_file = folder / "ipsec_psks.yml"
        link = folder / "collections" / "ansible_collections" / "cloudflare" / "magic"
        link.parent.mkdir(parents=True)
        link.symlink_to(ROOT)
        (folder / "password").write_text(f"{PASSWORD}\n", encoding="utf-8")
        tunnel_variables = {
            name: {"local_ts": [inner[1] + "/32"], "remote_ts": [inner[0] + "/32"]} for name in TUNNELS for inner in [ends.inner(ends.cloudflare.tunnel(name))]
        }
        variables: Json = {
            "ansible_connection": "local",
            "ansible_python_interpreter": python,
            "inner": tunnel_variables,
            # There are no XFRM interfaces here, so each tunnel carries the traffic between its two addresses inside.
            "strongswan_edge_local_ts": "{{ inner[strongswan_edge_tunnel.name].local_ts }}",
            "strongswan_edge_remote_ts": "{{ inner[strongswan_edge_tunnel.name].remote_ts }}",
            "strongswan_edge_swanctl": [ends.customer.swanctl()],
            "strongswan_edge_swanctl_dir": str(ends.customer.folder / "swanctl"),
            "strongswan_edge_settings_dir": str(ends.customer.folder / "strongswan.d"),
            "strongswan_edge_vici_uri": ends.customer.uri,
            "strongswan_edge_owner": getpass.getuser(),
            "strongswan_edge_group": grp.getgrgid(os.getgid()).gr_name,
            "strongswan_edge_retries": 8,
            "strongswan_edge_delay": 1,
        }
        inventory = {"all": {"hosts": {"paris_edge": variables}}}
        # What the role has nothing to do with.
        other = ends.customer.folder / "swanctl" / "conf.d" / "other.conf"
        other.write_text("connections {\n    other {\n        remote_addrs = 192.0.2.1\n    }\n}\n", encoding="utf-8")
        (folder / "inventory.yml").write_text(yaml.safe_dump(inventory), encoding="utf-8")

    def write(self, name: str, content: Any) -> None:
        """Write a playbook, as text or as data."""
        (self.folder / name).write_text(content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False), encoding="utf-8")

    def play(self, name: str, *options: str, fails: bool = False, **variables: Any) -> Result:
        """Run a playbook, as talkative as it can be, and keep all that it prints."""
        environment = {
            "HOME": str(self.folder),
            # The edge's own swanctl, for tasks that just call it.
            "PATH": f"{BIN}{os.pathsep}{self.customer.folder / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "LC_ALL": "C.UTF-8",
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
            "ANSIBLE_HOME": str(self.folder / ".ansible"),
            "ANSIBLE_COLLECTIONS_PATH": str(self.folder / "collections"),
            "ANSIBLE_INVENTORY": str(self.folder / "inventory.yml"),
            "ANSIBLE_VAULT_PASSWORD_FILE": str(self.folder / "password"),
            "ANSIBLE_LOG_PATH": str(self.folder / "ansible.log"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_PIPELINING": "1",
            **self.cloudflare.environment(),
        }
        command = ["ansible.cli.playbook", name, "-vvv", *options]
        if variables:
            command += ["-e", json.dumps(variables)]
        done = preloaded.run(command, self.folder, environment, merged=True)
        output = done.stdout.decode("utf-8", "replace")
        self.printed.append((f"{name} {' '.join(options)}", done.stdout))
        recap = output.partition("PLAY RECAP")[2]
        hosts = {
            match.group(1): {key: int(number) for key, number in re.findall(r"(\w+)=(\d+)", match.group(2))}
            for match in re.finditer(r"^(\S+) +: (ok=.*)$", recap, re.MULTILINE)
        }
        assert hosts, f"nothing was run:\n{output}"
        assert done.returncode == (2 if fails else 0), f"status {done.returncode}:\n{output}"
        return Result(done.returncode, output, hosts)

    def saved(self, name: str) -> Json:
        """Return a tunnel's entry in the encrypted file."""
        text = VaultLib([("default", VaultSecret(PASSWORD.encode()))]).decrypt(self.vault_file.read_bytes())
        return dict(yaml.safe_load(text)["cloudflare_magic_ipsec_psks"][self.cloudflare.tunnel(name)["id"]])

    def ids(self, name: str) -> set[int]:
        """Return the ids of the established IKE SAs of a tunnel's connection."""
        return self.customer.ids(f"cloudflare-{name}")

    def up(self, name: str) -> bool:
        """Return whether a tunnel is up, and can be authenticated with the key that the device has."""
        return bool(self.ids(name)) and self.customer.authenticate(self.cloudflare.tunnel(name)) == "ESTABLISHED"

    def load_keys(self, keys: dict[str, str]) -> None:
        """Put keys into the files that the role has written, and have the device's strongSwan load them."""
        for name, key in keys.items():
            path = self.customer.folder / "swanctl" / "conf.d" / f"cloudflare-{name}.secrets.conf"
            path.write_text(re.sub(r"secret = \S+", f"secret = {lab.encoded(key)}", path.read_text(encoding="utf-8")), encoding="utf-8")
        subprocess.run([self.customer.swanctl(), "--load-creds", "--noprompt"], capture_output=True, check=True, timeout=60)

    def leaks(self) -> dict[str, dict[str, int]]:
        """Search everything that was printed or logged for all keys that ever were, in all encodings."""
        self.secrets |= {entry["psk"] for entry in self.cloudflare.emulator.key_log()}
        secrets = [Secret(key) for key in sorted(self.secrets)]
        log = self.folder / "ansible.log"
        names = "\n".join(str(path) for folder in (self.folder, self.customer.folder) for path in folder.rglob("*"))
        everything = [*self.printed, ("the log file", log.read_bytes() if log.exists() else b""), ("the names of files", names.encode())]
        found = {what: count(data, secrets) for what, data in everything}
        return {what: forms for what, forms in found.items() if forms}
