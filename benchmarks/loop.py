# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long a loop over 50 tunnels takes: ansible.builtin.uri against cloudflare.magic.ipsec_psk, and the time that Ansible itself needs.

    python benchmarks/loop.py [--rounds 5] [--tunnels 50] [--latency 0]

All plays run against one emulator, several times, each time in another order. What is measured is the wall clock of
ansible-playbook, from start to end. Needs ansible-core, requests and Flask in the Python that runs it. Prints the table of docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
if TYPE_CHECKING:
    from ansible_collections.cloudflare.magic.tests.emulator.client import Emulator, running
else:
    # The checkout does not have to be in a folder of collections.
    sys.path.insert(0, str(ROOT / "tests"))
    from emulator.client import Emulator, running

# What is measured: its name in the table, the playbook, the connection.
PLAYS = {
    "uri": ("`ansible.builtin.uri` in a loop", "uri.yml", "local"),
    "here": ("`cloudflare.magic.ipsec_psk` in a loop", "ipsec_psk.yml", "local"),
    "floor": ("an empty play", "empty.yml", "local"),
}


def seed_of(emulator: Emulator, count: int) -> list[str]:
    """Create this many tunnels in the emulator; return their IDs."""
    seed = emulator.state()
    model = seed["ipsec_tunnels"][0]
    seed["ipsec_tunnels"] = [
        {
            **model,
            "id": f"{number:032x}",
            "name": f"branch-{number}",
            "interface_address": f"10.213.{number // 128}.{number % 128 * 2}/31",
            "customer_endpoint": f"198.51.100.{number % 250 + 1}",
        }
        for number in range(1, count + 1)
    ]
    emulator.set_state(seed)
    return [str(tunnel["id"]) for tunnel in seed["ipsec_tunnels"]]


def measure(kind: str, emulator: Emulator, tunnel_ids: list[str], folder: Path) -> float:
    """Run one play; return its seconds.

    Raises:
        RuntimeError: if it failed, or did not send one request for each tunnel.
    """
    dummy, playbook, connection = PLAYS[kind]
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "CLOUDFLARE_")) and not name.lower().endswith("_proxy")}
    environ.update(
        emulator.environment(),
        ANSIBLE_COLLECTIONS_PATH=str(folder),
        ANSIBLE_CONNECTION_PLUGINS=str(ROOT / "tests" / "integration" / "support" / "connection_plugins"),
        ANSIBLE_HOME=str(folder / "home"),
        ANSIBLE_CONFIG=str(folder / "ansible.cfg"),
    )
    variables = {"tunnel_ids": tunnel_ids, "ansible_connection": connection, "ansible_python_interpreter": sys.executable}
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "bench,", "-e", json.dumps(variables), str(HERE / playbook)]
    emulator.clear_requests()
    start = time.monotonic()
    done = subprocess.run(command, env=environ, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    seconds = time.monotonic() - start
    if done.returncode:
        raise RuntimeError(f"{playbook} failed:\n{done.stdout}{done.stderr}")
    sent = [request["path"] for request in emulator.requests()]
    expected = (
        [] if kind == "floor" else [f"/client/v4/accounts/{emulator.account_id}/magic/ipsec_tunnels/{tunnel_id}/psk_generate" for tunnel_id in tunnel_ids]
    )
    if sent != expected:
        raise RuntimeError(f"{playbook} sent {len(sent)} requests instead of {len(expected)}")
    return seconds


def table(times: dict[str, list[float]], tunnels: int) -> str:
    """Return the measurements as a table in Markdown."""
    medians = {kind: statistics.median(seconds) for kind, seconds in times.items()}
    lines = ["| | median | fastest to slowest | to uri | a tunnel, without the empty play |", "|---|---|---|---|---|"]
    for kind, seconds in times.items():
        net = "" if kind == "floor" else f"{(medians[kind] - medians['floor']) / tunnels * 1000:.0f} ms"
        lines.append(
            f"| {PLAYS[kind][0]} | {medians[kind]:.2f} s | {min(seconds):.2f} to {max(seconds):.2f} s | {medians[kind] / medians['uri']:.2f} | {net} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description="Loop over many tunnels: ansible.builtin.uri against cloudflare.magic.ipsec_psk.")
    parser.add_argument("--rounds", type=int, default=5, help="how often each play runs (default: 5)")
    parser.add_argument("--tunnels", type=int, default=50, help="how many tunnels (default: 50)")
    parser.add_argument("--latency", type=float, default=0, metavar="MS", help="milliseconds that the emulator waits before each response (default: 0)")
    options = parser.parse_args()
    times: dict[str, list[float]] = {kind: [] for kind in PLAYS}
    with tempfile.TemporaryDirectory() as name, running(check_schema=False, rate_limit="1000000/60", latency=options.latency) as emulator:
        folder = Path(name)
        link = folder / "ansible_collections" / "cloudflare" / "magic"
        link.parent.mkdir(parents=True)
        link.symlink_to(ROOT)
        (folder / "ansible.cfg").touch()
        tunnel_ids = seed_of(emulator, options.tunnels)
        measure("floor", emulator, tunnel_ids, folder)  # so that no play has to compile Python files
        for number in range(options.rounds):
            kinds = list(PLAYS)
            kinds = kinds[number % len(kinds) :] + kinds[: number % len(kinds)]
            for kind in kinds if number % 2 else reversed(kinds):
                times[kind].append(measure(kind, emulator, tunnel_ids, folder))
                print(f"round {number + 1} of {options.rounds}, {kind}: {times[kind][-1]:.2f} s", file=sys.stderr, flush=True)
    version = subprocess.run([str(Path(sys.executable).with_name("ansible")), "--version"], capture_output=True, text=True, check=True).stdout.split("]")[0]
    print(
        f"{datetime.date.today():%d %B %Y}; {version.replace('ansible [core ', 'ansible-core ')}, Python {platform.python_version()}, "
        f"{os.cpu_count()} processors, {platform.system()} on {platform.machine()}; {options.tunnels} tunnels, "
        f"rounds: {options.rounds}, the emulator waits {options.latency:g} ms\n"
    )
    print(table(times, options.tunnels))


if __name__ == "__main__":
    main()
