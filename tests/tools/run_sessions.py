# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the nox sessions that have a tag, several at a time, prints what each said in one piece, and sums up at the end.

nox itself runs one session after the other. The sessions, their tags and their order stand in noxfile.py. The last line is
``N passed, N failed, N skipped``, counting sessions; the exit status is 0 if none failed and something ran.
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
NOX = str(Path(sys.executable).with_name("nox"))
# A job that takes longer hangs.
TIME_LIMIT = 40 * 60

# How the name of a session ends that belongs to one ansible-core.
_CORE = re.compile(r"-(\d+\.\d+|devel)\Z")


@dataclasses.dataclass
class Outcome:
    """How one session ended."""

    name: str
    result: str
    seconds: float
    note: str = ""


class Job:
    """One run of nox: a session, and those that it calls for."""

    def __init__(self, name: str, directory: Path, reuse: bool) -> None:
        self.name = name
        self.reuse = reuse
        self.log = directory / f"{name}.log"
        self.report = directory / f"{name}.json"
        self.process: subprocess.Popen[bytes] | None = None
        self.timed_out = False
        self.seconds = 0.0
        self.processor_seconds = 0.0
        self.status = 0

    def run(self, stop: threading.Event, stream: bool) -> None:
        """Run nox; its output goes to the log, or straight to the screen."""
        if stop.is_set():
            return
        command = [NOX, "--report", str(self.report), "--forcecolor" if sys.stdout.isatty() else "--nocolor", "--session", self.name]
        if self.reuse:
            command.insert(1, "--reuse-existing-virtualenvs")
        started = time.monotonic()
        with self.log.open("wb") as log:
            target = None if stream else log
            # A process group of its own, so that whatever the tests left running goes away with it.
            self.process = subprocess.Popen(  # pylint: disable=consider-using-with
                command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=target, stderr=None if stream else subprocess.STDOUT, start_new_session=True
            )
            watch = threading.Timer(TIME_LIMIT, self._give_up)
            watch.start()
            try:
                # Of this process and all that it has waited for.
                dummy, status, usage = os.wait4(self.process.pid, 0)
                self.process.returncode = self.status = os.waitstatus_to_exitcode(status)
                self.processor_seconds = usage.ru_utime + usage.ru_stime
            finally:
                watch.cancel()
                self.end()
        self.seconds = time.monotonic() - started

    def _give_up(self) -> None:
        self.timed_out = True
        self.end()

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
        if self.name not in {outcome.name for outcome in result}:
            result.append(Outcome(self.name, "failed", 0.0, "did not end in time" if self.timed_out else "did not run"))
        elif self.timed_out or (self.status and not any(outcome.result == "failed" for outcome in result)):
            result.append(Outcome(f"{self.name} as a whole", "failed", 0.0, "did not end in time" if self.timed_out else f"exit status {self.status}"))
        return result


def sessions_with(tag: str, cores: list[str]) -> list[str]:
    """Ask nox for the sessions that have a tag, in the order of noxfile.py, or for the session of that name.

    :arg cores: the ansible-cores to which those that belong to one are restricted; empty for all.
    """
    names: list[str] = []
    # Without a session that has the tag, it may be the name of one.
    for option in ("--tags", "--session"):
        listed = subprocess.run([NOX, "--list", "--json", option, tag], cwd=ROOT, capture_output=True, text=True, check=False)
        try:
            names = names or [str(entry["session"]) for entry in json.loads(listed.stdout)]
        except ValueError:
            sys.exit(f"nox cannot list its sessions:\n{listed.stdout}{listed.stderr}")
    found = [name for name in names if not cores or not (core := _CORE.search(name)) or core[1] in cores]
    unknown = [core for core in cores if not any(name.endswith(f"-{core}") for name in names)]
    if unknown or not found:
        sys.exit(f"There is no session of {tag} for {' '.join(unknown) or 'this'}. These there are: {', '.join(names)}.")
    return found


def run_all(jobs: list[Job], parallel: int) -> None:
    """Run the jobs, and print their logs in the order of the jobs."""
    stop = threading.Event()
    stream = len(jobs) == 1
    with concurrent.futures.ThreadPoolExecutor(parallel) as pool:
        futures = [pool.submit(job.run, stop, stream) for job in jobs]
        try:
            for job, future in zip(jobs, futures):
                if not stream:
                    print(f"... {job.name}", flush=True)
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
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tag", help="the tag of the sessions in noxfile.py, or the name of one")
    parser.add_argument("--cores", default="", help="ansible-cores, such as '2.19 2.21'; without it, all")
    # Tests wait a fifth of their time: for answers that come late, and for limits that end.
    parser.add_argument("--jobs", type=int, default=min(3, (os.cpu_count() or 1) + 1), help="how many sessions at a time")
    parser.add_argument("--reuse", action="store_true", help="keep the environments of the last run")
    args = parser.parse_args()
    if args.jobs < 1:
        parser.error("--jobs must be at least 1")
    names = sessions_with(args.tag, args.cores.replace(",", " ").split())

    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="sessions-") as directory:
        jobs = [Job(name, Path(directory), args.reuse) for name in names]
        run_all(jobs, args.jobs)
        outcomes = [(job, outcome) for job in jobs for outcome in job.outcomes()]

    width = max(len(outcome.name) for dummy, outcome in outcomes)
    print("Summary (seconds by the clock, and of processor time):")
    for job, outcome in outcomes:
        note = f"  ({outcome.note})" if outcome.note else ""
        processor = f"{job.processor_seconds:6.0f} s" if outcome.name == job.name else ""
        print(f"  {outcome.name:{width}}  {outcome.result:7}  {outcome.seconds:6.1f} s  {processor}{note}")
    print(f"Together {time.monotonic() - started:.0f} s by the clock, {sum(job.processor_seconds for job in jobs):.0f} s of processor time.")
    count = {result: sum(outcome.result == result for dummy, outcome in outcomes) for result in ("passed", "failed", "skipped")}
    print(f"{count['passed']} passed, {count['failed']} failed, {count['skipped']} skipped", flush=True)
    return 1 if count["failed"] or not count["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
