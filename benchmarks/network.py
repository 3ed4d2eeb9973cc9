# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compares the time of the module network with other ways to apply a network as code. Time, requests and memory.

    python benchmarks/network.py [--tunnels 50,500,2000] [--rounds 3] [--slow-up-to 500] [--latency 40] [--leave-out WAY ...] [--plot FILE.svg]

Each tunnel has two routes. The design is a file of variables, in YAML, in group_vars. Each job starts with the account that the previous job left;
all ways run against one emulator, in turns, and each must leave the account as network does. Time is the wall clock of the whole command, memory the
peak of its largest process. The slow ways, those with a request for each object, run once; nothing is extrapolated: what was not measured is a dash. Needs
ansible-core, requests, Flask and Cloudflare's SDK (cloudflare) in the Python that runs it. Prints the tables of docs/benchmarks.md, and draws its plot.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from ansible_collections.cloudflare.magic.benchmarks.measuring import HERE, Emulator, Line, Measured, about, ansible, launch, plot, prepare, running
else:
    from measuring import HERE, Emulator, Line, Measured, about, ansible, launch, plot, prepare, running

Json = dict[str, Any]

BATCH = 50


@dataclass(frozen=True)
class Way:
    """One way to do the job.

    Attributes:
        text: its name in the tables.
        label: its name in the plot.
        slow: whether it sends a request for each object.
        up_to_limit: whether it is left out for more tunnels than ``--slow-up-to``.
        colours: in the plot, on light and on dark background.
    """

    text: str
    label: str
    slow: bool = False
    up_to_limit: bool = False
    colours: tuple[str, str] = ("#8a94a6", "#8a94a6")


WAYS = {
    "loop": Way("(a) `ipsec_tunnel` and `static_route` in loops", "single modules", slow=True, up_to_limit=True, colours=("#7a3fa8", "#b98ae0")),
    "sdk": Way("(b) Cloudflare's SDK for Python, one by one", "SDK script", slow=True, colours=("#b0256b", "#ee7db3")),
    "threads": Way("(b) the same with 10 threads, as Terraform works", "SDK, 10 threads", slow=True, colours=("#a4480f", "#e8935a")),
    "network": Way("`cloudflare.magic.network`", "network", colours=("#18794e", "#4fc38a")),
    "floor": Way("(c) the requests of `network` alone, in a script", "requests alone", colours=("#0b6e99", "#58b7e0")),
    "loads": Way("a play with a task that does nothing, with the same variables", "play that loads it", colours=("#8a94a6", "#8a94a6")),
    "empty": Way("a play without tasks that loads nothing", "empty play", colours=("#b3bac6", "#6a7384")),
}

# The references for the speed of the task: each round runs them next to it.
FAST = ("network", "floor", "loads", "empty")

JOBS = {"make": "create all", "again": "run again, unchanged", "change": "change one field of all tunnels", "half": "delete half"}


def design_of(count: int, rate: str = "low") -> Json:
    """Return a design with this many tunnels, and twice as many routes."""
    tunnels = [
        {
            "name": f"branch-{number:04}",
            "cloudflare_endpoint": "203.0.113.1",
            "customer_endpoint": f"198.18.{number // 250}.{number % 250 + 1}",
            "interface_address": f"10.{number // 32768}.{number // 128 % 256}.{number % 128 * 2}/31",
            "description": f"Tunnel of branch {number}",
            "health_check": {"rate": rate},
        }
        for number in range(1, count + 1)
    ]
    routes = [
        {
            "prefix": f"10.{128 + place // 256}.{place % 256}.0/24",
            "nexthop_tunnel": f"branch-{place // 2:04}",
            "priority": 100,
            "description": f"{'Machines' if place % 2 else 'Offices'} of branch {place // 2}",
        }
        for place in range(2, 2 * count + 2)
    ]
    return {"ipsec_tunnels": tunnels, "static_routes": routes}


def with_next_hops(design: Json) -> Json:
    """Return a design for tools that cannot name tunnels: with the customers' ends of these."""
    ends = {tunnel["name"]: tunnel["interface_address"].partition("/")[0] for tunnel in design["ipsec_tunnels"]}
    ends = {name: address.rpartition(".")[0] + f".{int(address.rpartition('.')[2]) + 1}" for name, address in ends.items()}
    routes = [
        {**{name: value for name, value in route.items() if name != "nexthop_tunnel"}, "nexthop": ends[route["nexthop_tunnel"]]}
        for route in design["static_routes"]
    ]
    return {**design, "static_routes": routes}


@dataclass
class Job:
    """A job for all ways.

    Attributes:
        design: the desired state.
        start: the data of the emulator before it.
        end: what the account should have then.
        requests: those of network.
    """

    design: Json
    start: Json
    end: list[Json] = field(default_factory=list)
    requests: list[Json] = field(default_factory=list)


def shown(state: Json) -> list[Json]:
    """Return the data of the emulator without what differs in each run."""
    new = ("id", "created_on", "modified_on")
    kinds: list[list[Json]] = [[{name: value for name, value in one.items() if name not in new} for one in state[kind]] for kind in ("ipsec_tunnels", "routes")]
    return [{"kind": sorted(kind, key=json.dumps)} for kind in kinds]


class Bench:
    """The files and the emulator for one number of tunnels."""

    def __init__(self, emulator: Emulator, folder: Path) -> None:
        self.emulator = emulator
        self.folder = folder

    def command(self, kind: str, job: Job) -> list[str]:
        """Write the files of a way, and return its command."""
        file = self.folder / f"{kind}.json"
        if kind == "empty":
            return ansible("empty.yml")
        if kind in ("network", "loads"):
            inventory, file = self.folder / "inventory", self.folder / "group_vars" / "all.yml"
            inventory.write_text(f"bench ansible_connection=local ansible_python_interpreter={sys.executable}\n", encoding="utf-8")
            file.parent.mkdir(exist_ok=True)
            file.write_text(yaml.dump({"design": job.design, "max_deletions": 100000}, Dumper=yaml.CSafeDumper, sort_keys=False), encoding="utf-8")
            return ansible("network.yml" if kind == "network" else "nothing.yml", inventory=str(inventory))
        if kind == "floor":
            file.write_text(json.dumps(job.requests), encoding="utf-8")
            return [sys.executable, str(HERE / "network_floor.py"), str(file)]
        design = with_next_hops(job.design)
        if kind == "loop":
            names, prefixes = {one["name"] for one in design["ipsec_tunnels"]}, {one["prefix"] for one in design["static_routes"]}
            gone = {
                "ipsec_tunnels": [{"name": one["name"]} for one in job.start["ipsec_tunnels"] if one["name"] not in names],
                "static_routes": [{"prefix": one["prefix"], "nexthop": one["nexthop"]} for one in job.start["routes"] if one["prefix"] not in prefixes],
            }
            file.write_text(json.dumps({"design": design, "gone": gone}), encoding="utf-8")
            return ansible("network_loop.yml", "-e", f"@{file}")
        ids = {"ipsec_tunnels": [one["id"] for one in job.start["ipsec_tunnels"]], "static_routes": [one["id"] for one in job.start["routes"]]}
        file.write_text(json.dumps({"design": design, "ids": ids}), encoding="utf-8")
        return [sys.executable, str(HERE / "network_sdk.py"), str(file), "10" if kind == "threads" else "1"]

    def measure(self, kind: str, job: Job) -> Measured:
        """Do a job in one way once.

        Raises:
            RuntimeError: if it failed, or left the account in an unexpected state.
        """
        self.emulator.set_state(job.start)
        measured = launch(self.command(kind, job), self.emulator, self.folder)
        if shown(self.emulator.state()) != (shown(job.start) if kind in ("loads", "empty") else job.end):
            raise RuntimeError(f"{kind} left the account in an unexpected state")
        return measured

    def learn(self, job: Job) -> Json:
        """Do a job with network, record the result, and return the data of the emulator."""
        self.emulator.set_state(job.start)
        launch(self.command("network", job), self.emulator, self.folder)
        job.requests = [{name: request[name] for name in ("method", "path", "body")} for request in self.emulator.requests()]
        # Paths begin with the prefix that is already in the URL.
        prefix = self.emulator.url.partition("//")[2].partition("/")[2]
        job.requests = [{**request, "path": request["path"].removeprefix(f"/{prefix}")} for request in job.requests]
        state = self.emulator.state()
        job.end = shown(state)
        return state

    def jobs(self, count: int) -> dict[str, Job]:
        """Return all jobs for a number of tunnels."""
        demo = self.emulator.state()
        # The objects of the demo would be in the way. Those are the lists, apart from who may do something, and where.
        nothing = {**demo, **{name: [] for name, value in demo.items() if isinstance(value, list) and name not in ("tokens", "key_pairs", "accounts")}}
        found = {"make": Job(design_of(count), nothing)}
        everything = self.learn(found["make"])
        found["again"] = Job(design_of(count), everything)
        found["change"] = Job(design_of(count, "high"), everything)
        self.learn(found["again"])
        kept = design_of(count // 2, "high")
        found["half"] = Job(kept, self.learn(found["change"]))
        self.learn(found["half"])
        # The names of tunnels in the routes could also be those of GRE tunnels.
        lists = 3
        wanted = {"make": lists + count + math.ceil(2 * count / BATCH), "again": lists, "change": lists + math.ceil(count / BATCH)}
        # Who deletes tunnels has to know of sites, whose connectors create some.
        wanted["half"] = lists + 1 + math.ceil(2 * (count - count // 2) / BATCH) + count - count // 2
        for name, job in found.items():
            if len(job.requests) != wanted[name]:
                raise RuntimeError(f"{name}: network sent {len(job.requests)} requests instead of {wanted[name]}")
        return found


# What was measured: by the number of tunnels, job and way.
Results = dict[int, dict[str, dict[str, list[Measured]]]]


def median(runs: list[Measured] | None, what: str = "seconds") -> float | None:
    """Return the median of what was measured, or None."""
    return statistics.median(getattr(run, what) for run in runs) if runs else None


def tables(results: Results) -> str:
    """Return the measurements as tables in Markdown, for each job: times, requests, memory; then the ratios."""
    counts = sorted(results)
    head = [f"{count:,} tunnels" for count in counts]
    lines = []
    for job, text in JOBS.items():
        lines += [f"**{text.capitalize()}**", "", f"| Time (of the processor), requests, peak memory | {' | '.join(head)} |", "|---" * (len(counts) + 1) + "|"]
        for kind, way in WAYS.items():
            cells = []
            for count in counts:
                runs = results[count].get(job, {}).get(kind)
                seconds, cpu, requests, memory = (median(runs, what) or 0 for what in ("seconds", "cpu", "requests", "memory"))
                cells.append(f"{seconds:.1f} s ({cpu:.1f} s), {requests:,.0f}, {memory / 1024:.0f} MiB" if runs else "-")
            if any(cell != "-" for cell in cells):
                lines.append(f"| {way.text} | {' | '.join(cells)} |")
        lines.append("")
    lines += [f"| `network` to ... | {' | '.join(head)} |", "|---" * (len(counts) + 1) + "|"]
    for job, text in JOBS.items():
        for play in ("loads", "empty"):
            lines.append(f"| {text}: (c) and {WAYS[play].text} | {' | '.join(_ratio(results[count].get(job, {}), play) for count in counts)} |")
    lines += ["", f"| The emulator's own share of the time | {' | '.join(head)} |", "|---" * (len(counts) + 1) + "|"]
    for job, text in JOBS.items():
        shares = [(median(results[count].get(job, {}).get("network"), "emulator"), median(results[count].get(job, {}).get("network"))) for count in counts]
        lines.append(f"| {text}, with `network` | {' | '.join('-' if own is None or not whole else f'{100 * own / whole:.0f} %' for own, whole in shares)} |")
    return "\n".join(lines)


def _ratio(runs: dict[str, list[Measured]], play: str) -> str:
    """Return the time of network by that of the floor and an empty play together, in each round; the median of that."""
    rounds = list(zip(*(runs.get(kind, []) for kind in ("network", "floor", play))))
    if not rounds:
        return "-"
    by_time, by_cpu = (
        statistics.median(getattr(ours, what) / (getattr(floor, what) + getattr(empty, what)) for ours, floor, empty in rounds) for what in ("seconds", "cpu")
    )
    return f"{by_time:.2f} (processor {by_cpu:.2f})"


def drawn(results: Results) -> str:
    """Return the plot of the times."""
    panels = {}
    for job, text in JOBS.items():
        lines = {}
        for kind, way in WAYS.items():
            times = [(count, median(results[count].get(job, {}).get(kind))) for count in sorted(results)]
            points = [(count, time) for count, time in times if time is not None]
            if points:
                lines[kind] = Line(way.label, way.colours, points, dashed=kind in ("loads", "empty"))
        panels[text] = lines
    return plot("Time to apply a design to a network", panels, "network.py")


def run(options: argparse.Namespace) -> Results:
    """Measure everything."""
    results: Results = {}
    kinds = [kind for kind in WAYS if kind not in options.leave_out]
    with tempfile.TemporaryDirectory() as name, running(check_schema=False, rate_limit="1000000/60", latency=options.latency) as emulator:
        folder = Path(name)
        prepare(folder)
        bench = Bench(emulator, folder)
        for job in bench.jobs(2).values():
            for kind in kinds:
                bench.measure(kind, job)  # so that none has to compile Python files
        for count in options.tunnels:
            results[count] = {}
            for job_name, job in bench.jobs(count).items():
                if job_name not in options.jobs:
                    continue
                found = results[count][job_name] = {kind: [] for kind in kinds}
                for number in range(options.rounds):
                    for kind in kinds if number % 2 else reversed(kinds):
                        way = WAYS[kind]
                        # A job with a request for each object takes minutes, and varies little.
                        long = job_name in ("make", "half") and count > options.slow_up_to
                        if number and (way.slow or long) or way.up_to_limit and count > options.slow_up_to:
                            continue
                        found[kind].append(bench.measure(kind, job))
                        print(f"{count} tunnels, {job_name}, round {number + 1}, {kind}: {found[kind][-1]}", file=sys.stderr, flush=True)
    return results


def main() -> None:
    """Measure, print the tables, draw the plot."""
    parser = argparse.ArgumentParser(description="Compares the time of the module network with other ways to apply a network as code.")
    numbers: Json = {"type": lambda text: [int(part) for part in text.split(",")], "metavar": "N,N,..."}
    parser.add_argument("--tunnels", default=[50, 500, 2000], help="numbers of tunnels (default: 50,500,2000)", **numbers)
    parser.add_argument("--rounds", type=int, default=3, help="how often the fast ways run (default: 3)")
    parser.add_argument(
        "--slow-up-to",
        type=int,
        default=500,
        metavar="N",
        help="the maximum number of tunnels for loops, and for several rounds of the fast ways (default: 500)",
    )
    parser.add_argument("--latency", type=float, default=40, metavar="MS", help="milliseconds that the emulator waits before each response (default: 40)")
    parser.add_argument("--leave-out", nargs="*", choices=WAYS, default=[], metavar="WAY", help=f"of {', '.join(WAYS)}")
    parser.add_argument("--jobs", nargs="*", choices=JOBS, default=list(JOBS), metavar="JOB", help=f"of {', '.join(JOBS)} (default: all)")
    parser.add_argument("--plot", type=Path, metavar="FILE.svg", help="write a chart of the times to this file")
    parser.add_argument("--save", type=Path, metavar="FILE.json", help="write the results to this file")
    parser.add_argument("--load", type=Path, nargs="*", metavar="FILE.json", help="measure nothing, and use the results in these files")
    options = parser.parse_args()
    results = loaded(options.load) if options.load else run(options)
    if options.save:
        options.save.write_text(json.dumps(results, default=asdict, indent=1) + "\n", encoding="utf-8")
    if options.plot:
        options.plot.write_text(drawn(results), encoding="utf-8")
    print(f"{about(options.latency)}; fast ways: median of {options.rounds}\n")
    print(tables(results))


def loaded(files: list[Path]) -> Results:
    """Return what was saved."""
    results: Results = {}
    for file in files:
        for count, jobs in json.loads(file.read_text(encoding="utf-8")).items():
            for job, kinds in jobs.items():
                found = results.setdefault(int(count), {}).setdefault(job, {})
                found.update({kind: [Measured(**one) for one in runs] for kind, runs in kinds.items() if runs})
    return results


if __name__ == "__main__":
    main()
