# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compares playbooks with one task of their module, and the inventory with a static file of the same hosts.

    python benchmarks/playbooks.py [--rounds 5] [--tunnels 2000] [--latency 0]

The two commands of a pair run in turns against one emulator, in alternating order. What is measured is the wall clock of the whole command. The ratio
is that of the medians, so it is also meaningful on a busy machine. Needs ansible-core, requests and Flask in the Python that runs it. Prints the table of
docs/benchmarks.md.
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
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
if TYPE_CHECKING:
    from ansible_collections.cloudflare.magic.tests.emulator.client import Emulator, running
else:
    # The checkout does not have to be in a folder of collections.
    sys.path.insert(0, str(ROOT / "tests"))
    from emulator.client import Emulator, running

ROTATION = ["--vault-password-file", "password", "-e", "vault_file=keys.yml"]
LIST = ["--list", "--output", "listed.json", "-i"]
INVENTORY = {
    "plugin": "cloudflare.magic.tunnels",
    "groups": {"psk_stale": "psk_age_days is none or psk_age_days >= 90"},
    "keyed_groups": [{"key": "name | split('-') | first", "prefix": "site"}],
}


@dataclass(frozen=True)
class Pair:
    """Two commands that do the same work.

    Attributes:
        text: the names in the table of the measured command and of its reference.
        program: what runs them.
        arguments: of each.
        limit: the maximum ratio of their times.
    """

    text: tuple[str, str]
    program: str
    arguments: tuple[list[str], list[str]]
    limit: float


PAIRS = {
    "rotate": Pair(
        ("playbook `rotate_psks`", "`ipsec_psks` with the same file"),
        "ansible-playbook",
        (["cloudflare.magic.rotate_psks", *ROTATION], [str(HERE / "psk_expired.yml"), *ROTATION]),
        2,
    ),
    "audit": Pair(("playbook `psk_audit`", "`ipsec_tunnel_info`"), "ansible-playbook", (["cloudflare.magic.psk_audit"], [str(HERE / "tunnel_info.yml")]), 2),
    "inventory": Pair(
        ("inventory `tunnels`, a keyed group and a condition", "a static file in JSON"),
        "ansible-inventory",
        ([*LIST, "account.magic.yml"], [*LIST, "static.json"]),
        1.5,
    ),
}


def seed_of(emulator: Emulator, count: int) -> Any:
    """Return a state with that many tunnels. Of four keys, one is older than 90 days, and one is missing."""
    state = emulator.state()
    model = {name: value for name, value in state["ipsec_tunnels"][0].items() if name not in ("psk", "psk_metadata")}
    today = datetime.datetime.now(datetime.timezone.utc)
    ages = (None, 10, 85, 100)

    def tunnel(number: int) -> dict[str, Any]:
        age = ages[number % len(ages)]
        made = {} if age is None else {"psk": "x" * 48, "psk_metadata": {"last_generated_on": f"{today - datetime.timedelta(days=age):%Y-%m-%dT%H:%M:%SZ}"}}
        address = f"10.{number // 32768}.{number // 128 % 256}.{number % 128 * 2}/31"
        return {**model, **made, "id": f"{number:032x}", "name": f"branch-{number}", "interface_address": address}

    state["ipsec_tunnels"] = [tunnel(number) for number in range(1, count + 1)]
    return state


def run(program: str, arguments: list[str], emulator: Emulator, folder: Path) -> float:
    """Run a command; return its seconds.

    Raises:
        RuntimeError: if it failed.
    """
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "CLOUDFLARE_")) and not name.lower().endswith("_proxy")}
    environ.update(
        emulator.environment(),
        ANSIBLE_COLLECTIONS_PATH=str(folder),
        ANSIBLE_HOME=str(folder / "home"),
        ANSIBLE_CONFIG=str(folder / "ansible.cfg"),
        ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED="true",
    )
    if program == "ansible-playbook":
        arguments = ["-i", "localhost,", "-e", json.dumps({"ansible_connection": "local", "ansible_python_interpreter": sys.executable}), *arguments]
    start = time.monotonic()
    command = [str(Path(sys.executable).with_name(program)), *arguments]
    done = subprocess.run(command, env=environ, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    seconds = time.monotonic() - start
    if done.returncode:
        raise RuntimeError(f"{arguments} failed:\n{done.stdout[-4000:]}{done.stderr[-4000:]}")
    return seconds


def check(kind: str, place: int, emulator: Emulator, folder: Path, count: int) -> None:
    """See that the work was done.

    Raises:
        RuntimeError: if it was not.
    """
    if kind == "rotate":
        done = sum(entry["how"] == "set" and entry["in_force"] for entry in emulator.key_log()) == count // 2
    elif kind == "audit":
        done = bool(place) or len((folder / "psk_audit.csv").read_text(encoding="utf-8").splitlines()) == count + 1
    else:
        listed = json.loads((folder / "listed.json").read_text(encoding="utf-8"))
        done = len(listed["site_branch"]["hosts"]) == count == 2 * len(listed["psk_stale"]["hosts"])
    if not done:
        raise RuntimeError(f"{PAIRS[kind].text[place]} did not do its work")


def static_file(emulator: Emulator, folder: Path) -> None:
    """Write the hosts of the inventory as a file."""
    run("ansible-inventory", [*LIST, "account.magic.yml"], emulator, folder)
    listed = json.loads((folder / "listed.json").read_text(encoding="utf-8"), object_hook=lambda pairs: pairs.get("__ansible_unsafe", pairs))
    hosts = listed["_meta"]["hostvars"]
    groups: dict[str, Any] = {name: {"hosts": dict.fromkeys(listed[name]["hosts"], {})} for name in listed["all"]["children"] if name != "ungrouped"}
    (folder / "static.json").write_text(json.dumps({"all": {"hosts": hosts, "children": groups}}), encoding="utf-8")


def table(times: dict[str, tuple[list[float], list[float]]]) -> str:
    """Return the measurements as a table in Markdown."""
    lines = ["| | median | based on | median | ratio | at most |", "|---|---|---|---|---|---|"]
    for kind, several in times.items():
        ours, floor = map(statistics.median, several)
        text = PAIRS[kind].text
        lines.append(f"| {text[0]} | {ours:.2f} s | {text[1]} | {floor:.2f} s | {ours / floor:.2f} | {PAIRS[kind].limit:g} |")
    return "\n".join(lines)


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description="Compares playbooks and the inventory with what they are based on.")
    parser.add_argument("--rounds", type=int, default=5, help="how often each command runs (default: 5)")
    parser.add_argument("--tunnels", type=int, default=2000, help="how many tunnels, a multiple of 4 (default: 2000)")
    parser.add_argument("--latency", type=float, default=0, metavar="MS", help="milliseconds that the emulator waits before each response (default: 0)")
    options = parser.parse_args()
    times: dict[str, tuple[list[float], list[float]]] = {kind: ([], []) for kind in PAIRS}
    with tempfile.TemporaryDirectory() as name, running(check_schema=False, rate_limit="1000000/60", latency=options.latency) as emulator:
        folder = Path(name)
        link = folder / "ansible_collections" / "cloudflare" / "magic"
        link.parent.mkdir(parents=True)
        link.symlink_to(ROOT)
        (folder / "ansible.cfg").touch()
        (folder / "password").write_text("only for measuring\n", encoding="utf-8")
        (folder / "account.magic.yml").write_text(json.dumps(INVENTORY), encoding="utf-8")
        seed = seed_of(emulator, options.tunnels)
        emulator.set_state(seed)
        static_file(emulator, folder)
        # In the first round, Python compiles its files, so it does not count.
        for number in range(options.rounds + 1):
            for kind, pair in PAIRS.items():
                for place in (0, 1) if number % 2 else (1, 0):
                    emulator.set_state(seed)
                    (folder / "keys.yml").unlink(missing_ok=True)
                    seconds = run(pair.program, pair.arguments[place], emulator, folder)
                    check(kind, place, emulator, folder, options.tunnels)
                    if number:
                        times[kind][place].append(seconds)
                        print(f"round {number} of {options.rounds}, {pair.text[place]}: {seconds:.2f} s", file=sys.stderr, flush=True)
    version = subprocess.run([str(Path(sys.executable).with_name("ansible")), "--version"], capture_output=True, text=True, check=True).stdout.split("]")[0]
    print(
        f"{datetime.date.today():%d %B %Y}; {version.replace('ansible [core ', 'ansible-core ')}, Python {platform.python_version()}, "
        f"{os.cpu_count()} processors, {platform.system()} on {platform.machine()}; {options.tunnels:,} tunnels, "
        f"rounds: {options.rounds}, the emulator waits {options.latency:g} ms\n"
    )
    print(table(times))


if __name__ == "__main__":
    main()
