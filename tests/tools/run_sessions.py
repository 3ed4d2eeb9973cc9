# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs groups of nox sessions, two at a time, prints what each said in one piece, and sums up at the end.

The last line is ``N passed, N failed, N skipped``, counting sessions; the exit status is 0 if none failed and something ran.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import dataclasses
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CHECKS = ("lint", "docs-check", "license-check", "extra-checks", "build-import-check", "ansible-lint")
CORE_GROUPS = ("sanity", "units", "integration")
PYTEST_GROUPS = ("sdk", "docs-examples", "ike", "field", "release")
# A job that takes longer hangs.
TIME_LIMIT = 40 * 60


@dataclasses.dataclass
class Outcome:
    """How one session ended."""

    name: str
    result: str
    seconds: float
    note: str = ""


class Job:
    """One run of nox: sessions that follow each other."""

    def __init__(self, name: str, sessions: list[str], directory: Path) -> None:
        self.name = name
        self.sessions = sessions
        self.log = directory / f"{name}.log"
        self.report = directory / f"{name}.json"
        self.process: subprocess.Popen[bytes] | None = None
        self.timed_out = False
        self.seconds = 0.0

    def run(self, stop: threading.Event, stream: bool) -> None:
        """Run nox; its output goes to the log, or straight to the screen."""
        if stop.is_set():
            return
        nox = str(Path(sys.executable).with_name("nox"))
        command = [nox, "--report", str(self.report), "--forcecolor" if sys.stdout.isatty() else "--nocolor", "--session", *self.sessions]
        started = time.monotonic()
        with self.log.open("wb") as log:
            target = None if stream else log
            # A process group of its own, so that whatever the tests left running goes away with it.
            self.process = subprocess.Popen(  # pylint: disable=consider-using-with
                command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=target, stderr=None if stream else subprocess.STDOUT, start_new_session=True
            )
            try:
                self.process.wait(TIME_LIMIT)
            except subprocess.TimeoutExpired:
                self.timed_out = True
            finally:
                self.end()
        self.seconds = time.monotonic() - started

    def end(self) -> None:
        """End what is left of the process group."""
        if self.process is not None:
            for signum in (signal.SIGTERM, signal.SIGKILL):
                try:
                    os.killpg(self.process.pid, signum)
                except ProcessLookupError:
                    break
                try:
                    self.process.wait(10)
                except subprocess.TimeoutExpired:
                    continue

    def outcomes(self) -> list[Outcome]:
        """Read nox's report. A session that is missing there did not run, and that is a failure."""
        try:
            report = json.loads(self.report.read_text(encoding="utf-8"))["sessions"]
        except (OSError, ValueError, KeyError):
            report = []
        result = []
        for entry in report:
            seconds = float(entry.get("duration") or 0.0)
            note = str(entry.get("reason") or "") if entry["result"] == "skipped" else ""
            result.append(Outcome(entry["name"], {"success": "passed", "skipped": "skipped"}.get(entry["result"], "failed"), seconds, note))
        names = {outcome.name for outcome in result}
        note = "did not end in time" if self.timed_out else "did not run"
        result += [Outcome(name, "failed", 0.0, note) for name in self.sessions if name not in names]
        return result


def known_cores() -> list[str]:
    """Read the ansible-cores from noxfile.py."""
    return re.findall(r'^ {4}"(2\.\d+)": Core\(', (ROOT / "noxfile.py").read_text(encoding="utf-8"), re.MULTILINE)


def make_jobs(groups: list[str], cores: list[str], directory: Path) -> list[Job]:
    """One job for the checks, one for each ansible-core (its sessions share environments), one for the rest."""
    jobs = []
    if "checks" in groups:
        jobs.append(Job("checks", list(CHECKS), directory))
    core_groups = [group for group in CORE_GROUPS if group in groups]
    if core_groups:
        jobs += [Job(f"ansible-core-{core}", [f"{group}-{core}" for group in core_groups], directory) for core in cores]
    jobs += [Job(group, [group], directory) for group in PYTEST_GROUPS if group in groups]
    return jobs


def run_all(jobs: list[Job], parallel: int) -> None:
    """Run the jobs, and print their logs in the order of the jobs."""
    stop = threading.Event()
    stream = len(jobs) == 1
    with concurrent.futures.ThreadPoolExecutor(parallel) as pool:
        futures = [pool.submit(job.run, stop, stream) for job in jobs]
        try:
            for job, future in zip(jobs, futures):
                if not stream:
                    print(f"... {job.name}: {', '.join(job.sessions)}", flush=True)
                future.result()
                if not stream:
                    sys.stdout.buffer.write(job.log.read_bytes())
                    print(f"... {job.name}: {job.seconds:.0f} s\n", flush=True)
        except BaseException:
            stop.set()
            for job in jobs:
                job.end()
            raise


def main() -> int:
    """Run what the command line asks for."""
    cores = known_cores()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("groups", nargs="+", choices=["checks", *CORE_GROUPS, *PYTEST_GROUPS])
    parser.add_argument("--cores", default=" ".join(cores), help="ansible-cores, such as '2.19 2.21'")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1), help="how many runs of nox at a time")
    args = parser.parse_args()
    wanted = args.cores.replace(",", " ").split()
    unknown = [core for core in wanted if core not in cores]
    if unknown or not wanted:
        parser.error(f"unknown ansible-core {' '.join(unknown)}: there are {' '.join(cores)}")
    if args.jobs < 1:
        parser.error("--jobs must be at least 1")

    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="sessions-") as directory:
        jobs = make_jobs(args.groups, wanted, Path(directory))
        run_all(jobs, args.jobs)
        outcomes = [outcome for job in jobs for outcome in job.outcomes()]

    print(f"Summary, after {time.monotonic() - started:.0f} s:")
    width = max(len(outcome.name) for outcome in outcomes)
    for outcome in outcomes:
        note = f"  ({outcome.note})" if outcome.note else ""
        print(f"  {outcome.name:{width}}  {outcome.result:7}  {outcome.seconds:6.1f} s{note}")
    count = {result: sum(outcome.result == result for outcome in outcomes) for result in ("passed", "failed", "skipped")}
    print(f"{count['passed']} passed, {count['failed']} failed, {count['skipped']} skipped", flush=True)
    return 1 if count["failed"] or not count["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
