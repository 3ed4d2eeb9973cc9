# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compares the time of the module ipsec_psks with other ways to set new keys for all tunnels of an account. Time, requests and memory.

    python benchmarks/fleet.py [--tunnels 1,50,500,2000] [--rounds 3] [--slow-up-to 500] [--latency 40] [--leave-out WAY ...] [--plot FILE.svg]

All ways run against one emulator in one run, in turns. Time is the wall clock of the whole command, memory the peak of its largest process.
The slow ways, those with one request for each tunnel, run once; nothing is extrapolated: what was not measured is a dash. Needs ansible-core,
requests, Flask and Cloudflare's SDK (cloudflare) in the Python that runs it. Prints the tables of docs/fleets.md, and draws its plot.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ansible_collections.cloudflare.magic.benchmarks.measuring import HERE, Emulator, Line, Measured, about, ansible, launch, plot, prepare, running
else:
    from measuring import HERE, Emulator, Line, Measured, about, ansible, launch, plot, prepare, running

BATCH = 50


@dataclass(frozen=True)
class Way:
    """One way to do the job.

    Attributes:
        text: its name in the table.
        label: its name in the plot.
        script: what to run: a playbook or a Python script.
        slow: whether it sends a request for each tunnel.
        vault: whether the keys are kept in a vault file.
        colours: in the plot, on light and on dark background.
    """

    text: str
    label: str
    script: str
    slow: bool = False
    vault: bool = False
    colours: tuple[str, str] = ("#8a94a6", "#8a94a6")


WAYS = {
    "uri": Way("(a) `ansible.builtin.uri` in a loop", "uri in a loop", "uri.yml", slow=True, colours=("#a4480f", "#e8935a")),
    "loop": Way("(b) `cloudflare.magic.ipsec_psk` in a loop", "ipsec_psk in a loop", "ipsec_psk.yml", slow=True, colours=("#7a3fa8", "#b98ae0")),
    "sdk": Way("(c) Cloudflare's SDK for Python, in a script", "SDK script", "fleet_sdk.py", slow=True, colours=("#b0256b", "#ee7db3")),
    "vault": Way("(d) `cloudflare.magic.ipsec_psks` with `vault_file`", "ipsec_psks, vault_file", "fleet_psks.yml", vault=True, colours=("#0b6e99", "#58b7e0")),
    "psks": Way("(d) `cloudflare.magic.ipsec_psks`", "ipsec_psks", "fleet_psks.yml", colours=("#18794e", "#4fc38a")),
    "floor": Way("(e) the bulk requests alone, in a script", "bulk requests alone", "fleet_floor.py"),
    "empty": Way("an empty playbook", "empty playbook", "empty.yml", colours=("#8a94a6", "#8a94a6")),
}


def seed(emulator: Emulator, model: dict[str, object], count: int) -> list[str]:
    """Create this many tunnels in the emulator; return their IDs."""
    state = emulator.state()
    state["ipsec_tunnels"] = [
        {**model, "id": f"{number:032x}", "name": f"branch-{number}", "interface_address": f"10.{number // 32768}.{number // 128 % 256}.{number % 128 * 2}/31"}
        for number in range(1, count + 1)
    ]
    emulator.set_state(state)
    return [str(tunnel["id"]) for tunnel in state["ipsec_tunnels"]]


def measure(kind: str, emulator: Emulator, tunnel_ids: list[str], folder: Path) -> Measured:
    """Run one way once.

    Raises:
        RuntimeError: if it failed, did not change every key, or did not send the expected requests.
    """
    way = WAYS[kind]
    keys = folder / "keys.yml"
    keys.unlink(missing_ok=True)
    command = [sys.executable, str(HERE / way.script)]
    if way.script.endswith(".yml"):
        variables = {"tunnel_ids": tunnel_ids, "ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        if way.vault:
            variables["vault_file"] = str(keys)
        (folder / "variables.json").write_text(json.dumps(variables), encoding="utf-8")
        command = ansible(way.script, "-e", f"@{folder / 'variables.json'}", *(["--vault-password-file", str(folder / "password")] if way.vault else []))
    before = emulator.keys()
    measured = launch(command, emulator, folder)
    after = emulator.keys()
    changed = sum(after[tunnel_id] != before[tunnel_id] for tunnel_id in tunnel_ids)
    if changed != (0 if kind == "empty" else len(tunnel_ids)):
        raise RuntimeError(f"{way.script} changed {changed} of {len(tunnel_ids)} keys")
    bulk, single = 1 + math.ceil(len(tunnel_ids) / BATCH), len(tunnel_ids)
    expected = {"empty": 0, "uri": single, "loop": single, "sdk": 1 + single}.get(kind, bulk)
    if measured.requests != expected:
        raise RuntimeError(f"{way.script} sent {measured.requests} requests instead of {expected}")
    return measured


Results = dict[int, dict[str, list[Measured]]]


def median(results: Results, count: int, kind: str, what: str = "seconds") -> float | None:
    """Return the median of what was measured, or None."""
    runs = results[count].get(kind)
    return statistics.median(getattr(run, what) for run in runs) if runs else None


def tables(results: Results) -> str:
    """Return the measurements as tables in Markdown: times, then requests and memory, then the ratios that matter."""
    counts = sorted(results)
    kinds = [kind for kind in WAYS if any(results[count].get(kind) for count in counts)]
    head = [f"{count:,} tunnel{'s' if count > 1 else ''}" for count in counts]
    lines = [f"| Time | {' | '.join(head)} |", "|---" * (len(counts) + 1) + "|"]
    for kind in kinds:
        times = [median(results, count, kind) for count in counts]
        lines.append(f"| {WAYS[kind].text} | {' | '.join('-' if time is None else f'{time:.2f} s' for time in times)} |")
    lines += ["", f"| Requests, peak memory | {' | '.join(head)} |", "|---" * (len(counts) + 1) + "|"]
    for kind in kinds:
        cells = []
        for count in counts:
            requests, memory = median(results, count, kind, "requests"), median(results, count, kind, "memory")
            cells.append("-" if requests is None or memory is None else f"{requests:.0f}, {memory / 1024:.0f} MiB")
        lines.append(f"| {WAYS[kind].text} | {' | '.join(cells)} |")
    lines += ["", f"| Ratio of times | {' | '.join(head)} |", "|---" * (len(counts) + 1) + "|"]
    for kind in ("psks", "vault"):
        name = WAYS[kind].text[4:]
        for other, text in (("uri", "(a)"), ("loop", "(b)"), ("sdk", "(c)")):
            if all(results[count].get(kind) for count in counts) and any(results[count].get(other) for count in counts):
                pairs = [(median(results, count, other), median(results, count, kind)) for count in counts]
                lines.append(f"| {text} to {name} | {' | '.join('-' if not slow or not fast else f'{slow / fast:.1f}' for slow, fast in pairs)} |")
        cells = []
        for count in counts:
            ours, script, empty = (median(results, count, one) for one in (kind, "sdk", "empty"))
            cells.append("-" if ours is None or script is None or empty is None or ours <= empty else f"{script / (ours - empty):.1f}")
        lines.append(f"| (c) to {name}, without Ansible's own start | {' | '.join(cells)} |")
        cells = []
        for count in counts:
            ours, floor, empty = (median(results, count, one) for one in (kind, "floor", "empty"))
            cells.append("-" if ours is None or floor is None or empty is None else f"{ours / (3 * floor + empty):.2f}")
        lines.append(f"| {name} to the sum of 3 times (e) and an empty playbook | {' | '.join(cells)} |")
    return "\n".join(lines)


def drawn(results: Results) -> str:
    """Return the plot of the times."""
    lines = {}
    for kind, way in WAYS.items():
        points = [(count, time) for count in sorted(results) if (time := median(results, count, kind)) is not None]
        if points:
            lines[kind] = Line(way.label, way.colours, points, dashed=kind == "empty")
    return plot("Time to set new keys for all tunnels of an account", {"": lines}, "fleet.py")


def run(options: argparse.Namespace) -> Results:
    """Measure everything."""
    results: Results = {}
    with tempfile.TemporaryDirectory() as name, running(check_schema=False, rate_limit="1000000/60", latency=options.latency) as emulator:
        folder = Path(name)
        prepare(folder)
        (folder / "password").write_text("only for measuring\n", encoding="utf-8")
        model = emulator.state()["ipsec_tunnels"][0]
        tunnel_ids = seed(emulator, model, 1)
        for kind in set(WAYS) - set(options.leave_out):
            measure(kind, emulator, tunnel_ids, folder)  # so that none has to compile Python files
        for count in options.tunnels:
            tunnel_ids = seed(emulator, model, count)
            results[count] = {}
            for number in range(options.rounds):
                for kind, way in WAYS.items():
                    if kind in options.leave_out:
                        continue
                    # The SDK's script is the reference: it runs for every number of tunnels.
                    if way.slow and count > 1 and (number or (count > options.slow_up_to and kind != "sdk")):
                        continue
                    runs = results[count].setdefault(kind, [])
                    runs.append(measure(kind, emulator, tunnel_ids, folder))
                    print(f"{count} tunnels, round {number + 1}, {kind}: {runs[-1]}", file=sys.stderr, flush=True)
    return results


def main() -> None:
    """Measure, print the tables, draw the plot."""
    parser = argparse.ArgumentParser(description="Compares the time of the module ipsec_psks with other ways to set new keys for all tunnels of an account.")
    parser.add_argument("--tunnels", type=lambda text: [int(part) for part in text.split(",")], default=[1, 50, 500, 2000], help="default: 1,50,500,2000")
    parser.add_argument("--rounds", type=int, default=3, help="how often the fast ways run (default: 3); the slow ones run once above one tunnel")
    parser.add_argument("--slow-up-to", type=int, default=500, metavar="N", help="loops in playbooks run up to this number of tunnels (default: 500)")
    parser.add_argument("--latency", type=float, default=40, metavar="MS", help="milliseconds that the emulator waits before each response (default: 40)")
    parser.add_argument("--leave-out", nargs="*", default=[], choices=list(WAYS), metavar="WAY", help=f"ways to leave out: {', '.join(WAYS)}")
    parser.add_argument("--plot", type=Path, metavar="FILE.svg", help="write a chart of the times to this file")
    parser.add_argument("--save", type=Path, metavar="FILE.json", help="write the results to this file")
    options = parser.parse_args()
    results = run(options)
    if options.save:
        saved = {str(count): {kind: [asdict(one) for one in runs] for kind, runs in kinds.items()} for count, kinds in results.items()}
        options.save.write_text(json.dumps(saved, indent=1) + "\n", encoding="utf-8")
    if options.plot:
        options.plot.write_text(drawn(results), encoding="utf-8")
    print(f"{about(options.latency)}; fast ways: median of {options.rounds}\n")
    print(tables(results))


if __name__ == "__main__":
    main()
