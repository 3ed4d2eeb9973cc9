# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""New keys for all tunnels of an account: what ipsec_psks costs, and what other ways cost. Time, requests and memory.

    python benchmarks/fleet.py [--tunnels 1,50,500,2000] [--rounds 3] [--slow-up-to 500] [--latency 40] [--leave-out WAY ...] [--plot FILE.svg]

All ways run against one emulator in one run, in turns. Time is the wall clock of the whole command, memory the peak of its largest process.
The slow ways, those with one request for each tunnel, run once; nothing is extrapolated: what was not measured is a dash. Needs ansible-core,
requests, Flask and Cloudflare's SDK (cloudflare) in the Python that runs it. Prints the tables of docs/fleets.md, and draws its plot.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
if TYPE_CHECKING:
    from ansible_collections.cloudflare.magic.tests.emulator.client import Emulator, running
else:
    # The checkout need not be in a folder of collections.
    sys.path.insert(0, str(ROOT / "tests"))
    from emulator.client import Emulator, running

BATCH = 50


@dataclass(frozen=True)
class Way:
    """A way to the goal.

    Attributes:
        text: what the table calls it.
        label: what the plot calls it.
        script: what is run: a playbook, or a script in Python.
        slow: whether it sends a request for each tunnel.
        vault: whether the keys are kept in a vault file.
        colours: in the plot, on light and on dark ground.
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

# Runs a command in a small process, so that the peak of its memory is its own: a process starts with the peak of the one that started it.
LAUNCHER = """
import json, os, sys, time
start = time.monotonic()
pid = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ, file_actions=[(os.POSIX_SPAWN_OPEN, 1, sys.argv[1], os.O_WRONLY | os.O_CREAT, 0o600),
                                                                          (os.POSIX_SPAWN_DUP2, 1, 2)])
status, usage = os.wait4(pid, 0)[1:]
print(json.dumps([time.monotonic() - start, os.waitstatus_to_exitcode(status), usage.ru_maxrss]))
"""


@dataclass
class Measured:
    """What one run took: seconds, requests, and KiB of its largest process."""

    seconds: float
    requests: int
    memory: int


def seed(emulator: Emulator, model: dict[str, object], count: int) -> list[str]:
    """Give the emulator that many tunnels; return their ids."""
    state = emulator.state()
    state["ipsec_tunnels"] = [
        {**model, "id": f"{number:032x}", "name": f"branch-{number}", "interface_address": f"10.{number // 32768}.{number // 128 % 256}.{number % 128 * 2}/31"}
        for number in range(1, count + 1)
    ]
    emulator.set_state(state)
    return [str(tunnel["id"]) for tunnel in state["ipsec_tunnels"]]


def measure(kind: str, emulator: Emulator, tunnel_ids: list[str], folder: Path) -> Measured:
    """Go one way once.

    Raises:
        RuntimeError: if it failed, did not change every key, or did not send the requests that it should.
    """
    way = WAYS[kind]
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "CLOUDFLARE_")) and not name.lower().endswith("_proxy")}
    environ.update(
        emulator.environment(),
        ANSIBLE_COLLECTIONS_PATH=str(folder),
        ANSIBLE_HOME=str(folder / "home"),
        ANSIBLE_CONFIG=str(folder / "ansible.cfg"),
    )
    output, keys = folder / "output", folder / "keys.yml"
    output.unlink(missing_ok=True)
    keys.unlink(missing_ok=True)
    command = [sys.executable, str(HERE / way.script)]
    if way.script.endswith(".yml"):
        variables = {"tunnel_ids": tunnel_ids, "ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        if way.vault:
            variables["vault_file"] = str(keys)
        (folder / "variables.json").write_text(json.dumps(variables), encoding="utf-8")
        command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "bench,", "-e", f"@{folder / 'variables.json'}", str(HERE / way.script)]
        if way.vault:
            command += ["--vault-password-file", str(folder / "password")]
    emulator.clear_requests()
    before = emulator.keys()
    launched = [sys.executable, "-I", "-S", "-c", LAUNCHER, str(output), *command]
    done = subprocess.run(launched, env=environ, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=True)
    seconds, status, memory = json.loads(done.stdout)
    if status:
        raise RuntimeError(f"{way.script} failed:\n{output.read_text(encoding='utf-8')}")
    after, sent = emulator.keys(), len(emulator.requests())
    changed = sum(after[tunnel_id] != before[tunnel_id] for tunnel_id in tunnel_ids)
    if changed != (0 if kind == "empty" else len(tunnel_ids)):
        raise RuntimeError(f"{way.script} changed {changed} of {len(tunnel_ids)} keys")
    bulk, single = 1 + math.ceil(len(tunnel_ids) / BATCH), len(tunnel_ids)
    expected = {"empty": 0, "uri": single, "loop": single, "sdk": 1 + single}.get(kind, bulk)
    if sent != expected:
        raise RuntimeError(f"{way.script} sent {sent} requests instead of {expected}")
    return Measured(seconds, sent, memory)


Results = dict[int, dict[str, list[Measured]]]


def median(results: Results, count: int, kind: str, what: str = "seconds") -> float | None:
    """Return the median of what was measured, or None."""
    runs = results[count].get(kind)
    return statistics.median(getattr(run, what) for run in runs) if runs else None


def tables(results: Results) -> str:
    """Return the measurements as tables in Markdown: times, then requests and memory, then what is wanted of them."""
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


def plot(results: Results) -> str:
    """Return a plot of the times, both axes logarithmic, as SVG that is readable on light and dark ground."""
    width, height, left, right, top, bottom = 860, 470, 74, 190, 56, 56
    counts = sorted(results)
    points = {kind: [(count, time) for count in counts if (time := median(results, count, kind)) is not None] for kind in WAYS}
    points = {kind: line for kind, line in points.items() if line}
    times = [time for line in points.values() for dummy, time in line]
    low, high = math.floor(math.log10(min(times)) * 2) / 2, math.ceil(math.log10(max(times)) * 2) / 2
    x_low, x_high = math.log10(counts[0]), max(math.log10(counts[-1]), math.log10(counts[0]) + 0.1)

    def x(count: float) -> float:
        return left + (math.log10(count) - x_low) / (x_high - x_low) * (width - left - right)

    def y(seconds: float) -> float:
        return height - bottom - (math.log10(seconds) - low) / (high - low) * (height - top - bottom)

    style = [
        "text { font: 13px system-ui, sans-serif; fill: #1b2230 } .quiet { fill: #5b6577 } .title { font-size: 16px; font-weight: 600 }",
        ".page { fill: #fff } .grid { stroke: #e1e5eb } path { fill: none; stroke-width: 2 } .label { font-weight: 600 }",
    ]
    dark = ["text { fill: #e7ebf2 } .quiet { fill: #9aa5b8 } .page { fill: #12161d } .grid { stroke: #2c3442 }"]
    for kind in points:
        for sheet, colour in ((style, WAYS[kind].colours[0]), (dark, WAYS[kind].colours[1])):
            sheet.append(f"path.{kind} {{ stroke: {colour} }} .{kind} circle, text.{kind} {{ fill: {colour} }}")
    if "empty" in points:
        style.append("path.empty { stroke-dasharray: 4 4 }")
    lines = [
        "<!-- Copyright (c) 2026, cloudflare.magic contributors",
        "GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)",
        "SPDX-License-" + "Identifier: GPL-3.0-or-later",
        "Drawn by benchmarks/fleet.py -->",
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">',
        "<title>Time to give new keys to all tunnels of an account</title>",
        "<style>",
        *style,
        "@media (prefers-color-scheme: dark) {",
        *dark,
        "}",
        "</style>",
        f'<rect class="page" width="{width}" height="{height}" rx="8"/>',
        f'<text class="title" x="{left}" y="30">Time to give new keys to all tunnels of an account</text>',
        f'<text class="quiet" x="{(left + width - right) / 2:.0f}" y="{height - 14}" text-anchor="middle">tunnels</text>',
    ]
    for power in range(math.floor(low) - 1, math.ceil(high) + 1):
        for step in (1, 3):
            seconds = step * 10.0**power
            if 10**low * 0.99 <= seconds <= 10**high * 1.01:
                lines.append(f'<line class="grid" x1="{left}" x2="{width - right}" y1="{y(seconds):.1f}" y2="{y(seconds):.1f}"/>')
                lines.append(f'<text class="quiet" x="{left - 10}" y="{y(seconds) + 4:.1f}" text-anchor="end">{seconds:g} s</text>')
    for count in counts:
        lines.append(f'<text class="quiet" x="{x(count):.1f}" y="{height - bottom + 22}" text-anchor="middle">{count:,}</text>')
    # The names stand at the ends of the lines, moved apart where these are close.
    ends = sorted(((y(line[-1][1]), kind) for kind, line in points.items() if line[-1][0] == counts[-1]), reverse=True)
    places: dict[str, float] = {}
    last = height - bottom + 18.0
    for place, kind in ends:
        last = min(place + 4, last - 17)
        places[kind] = last
    for kind, line in points.items():
        course = " ".join(f"{'L' if index else 'M'}{x(count):.1f} {y(time):.1f}" for index, (count, time) in enumerate(line))
        lines.append(f'<path class="{kind}" d="{course}"/>')
        dots = "".join(f'<circle cx="{x(count):.1f}" cy="{y(time):.1f}" r="3.5"/>' for count, time in line)
        lines.append(f'<g class="{kind}">{dots}</g>')
        # A line that ends early has its name before its end, where no other line can be.
        early = line[-1][0] < counts[-1]
        spot = (
            f'x="{x(line[-1][0]) - 10:.1f}" y="{y(line[-1][1]) - 10:.1f}" text-anchor="end"'
            if early
            else f'x="{x(counts[-1]) + 12:.1f}" y="{places[kind]:.1f}"'
        )
        lines.append(f'<text class="{kind} label" {spot}>{WAYS[kind].label}</text>')
    return "\n".join([*lines, "</svg>", ""])


def run(options: argparse.Namespace) -> Results:
    """Measure everything."""
    results: Results = {}
    with tempfile.TemporaryDirectory() as name, running(check_schema=False, rate_limit="1000000/60", latency=options.latency) as emulator:
        folder = Path(name)
        link = folder / "ansible_collections" / "cloudflare" / "magic"
        link.parent.mkdir(parents=True)
        link.symlink_to(ROOT)
        (folder / "ansible.cfg").touch()
        (folder / "password").write_text("only for measuring\n", encoding="utf-8")
        model = emulator.state()["ipsec_tunnels"][0]
        tunnel_ids = seed(emulator, model, 1)
        for kind in set(WAYS) - set(options.leave_out):
            measure(kind, emulator, tunnel_ids, folder)  # so that none has to compile what Python keeps compiled
        for count in options.tunnels:
            tunnel_ids = seed(emulator, model, count)
            results[count] = {}
            for number in range(options.rounds):
                for kind, way in WAYS.items():
                    if kind in options.leave_out:
                        continue
                    # SDK's script is the one that is compared with: it runs for every number of tunnels.
                    if way.slow and count > 1 and (number or (count > options.slow_up_to and kind != "sdk")):
                        continue
                    runs = results[count].setdefault(kind, [])
                    runs.append(measure(kind, emulator, tunnel_ids, folder))
                    print(f"{count} tunnels, round {number + 1}, {kind}: {runs[-1]}", file=sys.stderr, flush=True)
    return results


def main() -> None:
    """Measure, print the tables, draw the plot."""
    parser = argparse.ArgumentParser(description="New keys for all tunnels of an account: what ipsec_psks costs, and what other ways cost.")
    parser.add_argument("--tunnels", type=lambda text: [int(part) for part in text.split(",")], default=[1, 50, 500, 2000], help="default: 1,50,500,2000")
    parser.add_argument("--rounds", type=int, default=3, help="how often the fast ways run (default: 3); the slow ones run once above one tunnel")
    parser.add_argument("--slow-up-to", type=int, default=500, metavar="N", help="loops in playbooks run up to this number of tunnels (default: 500)")
    parser.add_argument("--latency", type=float, default=40, metavar="MS", help="milliseconds that the emulator waits before each answer (default: 40)")
    parser.add_argument("--leave-out", nargs="*", default=[], choices=list(WAYS), metavar="WAY", help=f"ways to leave out: {', '.join(WAYS)}")
    parser.add_argument("--plot", type=Path, metavar="FILE.svg", help="draw the times into this file")
    parser.add_argument("--save", type=Path, metavar="FILE.json", help="write what was measured into this file")
    options = parser.parse_args()
    results = run(options)
    if options.save:
        saved = {str(count): {kind: [asdict(one) for one in runs] for kind, runs in kinds.items()} for count, kinds in results.items()}
        options.save.write_text(json.dumps(saved, indent=1) + "\n", encoding="utf-8")
    if options.plot:
        options.plot.write_text(plot(results), encoding="utf-8")
    versions = ", ".join(f"{package} {importlib.metadata.version(package)}" for package in ("ansible-core", "cloudflare", "requests"))
    print(
        f"{datetime.date.today():%d %B %Y}; {versions}, Python {platform.python_version()}, {os.cpu_count()} processors, "
        f"{platform.system()} on {platform.machine()}; the emulator waits {options.latency:g} ms; fast ways: median of {options.rounds}\n"
    )
    print(tables(results))


if __name__ == "__main__":
    main()
