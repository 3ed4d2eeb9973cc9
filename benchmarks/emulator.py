# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Measures how long the emulator takes for a request with many objects, which other measurements must subtract.

    python benchmarks/emulator.py [--tunnels 2000] [--routes 10000] [--seconds 2] [--latency 40]

Each kind of request is sent for some seconds over one connection, without latency; the client does next to nothing. "Processor" is the processor time of the
emulator's process. The last lines are reads by ten threads with latency. Needs requests and Flask. Prints the table of docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import os
import sys
import tempfile
import threading
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ansible_collections.cloudflare.magic.tests.emulator.client import Emulator, running
    from ansible_collections.cloudflare.magic.tests.emulator.seed import default_seed
else:
    # The checkout does not have to be in a folder of collections.
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
    from emulator.client import Emulator, running
    from emulator.seed import default_seed

Request = tuple[str, str, Any]
_NO_LIMIT = "1000000000/1"
_BATCH = 50
_THREADS = 10


def _inside(number: int) -> str:
    return f"10.{number >> 15}.{number >> 7 & 255}.{(number & 127) * 2}"


def tunnel(number: int) -> dict[str, Any]:
    """Return the body of one tunnel among many; numbers up to 2**20 do not conflict."""
    ends = {"cloudflare_endpoint": "203.0.113.1", "customer_endpoint": f"100.{64 + (number >> 16)}.{number >> 8 & 255}.{number & 255}"}
    return {"name": f"branch-{number}", "interface_address": f"{_inside(number)}/31", **ends}


def route(number: int, tunnels: int) -> dict[str, Any]:
    """Return the body of one route among many, by one of the tunnels."""
    prefix = f"{172 + (number >> 16)}.{number >> 8 & 255}.{number & 255}.0/24"
    return {"prefix": prefix, "nexthop": _inside(number % tunnels), "priority": 100}


def seed_of(tunnels: int, routes: int) -> dict[str, Any]:
    """Return the initial data: an account with this many objects of each kind."""
    account = {"account_id": Emulator.account_id}
    many = [{**account, "id": f"{number:032x}", **tunnel(number)} for number in range(tunnels)]
    ways = [{**account, "id": f"{number:032x}", **route(number, tunnels)} for number in range(routes)]
    return {**default_seed(), "ipsec_tunnels": many, "gre_tunnels": [], "interconnects": [], "routes": ways}


class Connection:
    """One connection to the emulator, kept open."""

    def __init__(self, emulator: Emulator) -> None:
        url = urllib.parse.urlsplit(emulator.url)
        self._path = f"{url.path}/accounts/{emulator.account_id}/magic/"
        self._headers = {"Authorization": f"Bearer {emulator.write_token}", "Content-Type": "application/json", "x-magic-new-hc-target": "true"}
        self._http = http.client.HTTPConnection(str(url.hostname), url.port)

    def send(self, request: Request) -> bytes:
        """Send a request; return the answer's body."""
        method, path, body = request
        self._http.request(method, self._path + path, None if body is None else json.dumps(body), self._headers)
        answer = self._http.getresponse()
        data = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{method} {path}: {answer.status} {data[:300]!r}")
        return data


def kinds(tunnels: int, routes: int) -> dict[str, Iterator[Request]]:
    """Return what is measured: endless requests by their names in the table."""

    def batches(plural: str, size: int) -> Iterator[Request]:
        for turn in itertools.count():
            ids = [f"{(turn * _BATCH + index) % size:032x}" for index in range(_BATCH)]
            yield "PUT", plural, {plural: [{"id": item_id, "description": f"turn {turn}"} for item_id in ids]}

    return {
        "GET of one tunnel": (("GET", f"ipsec_tunnels/{number % tunnels:032x}", None) for number in itertools.count()),
        f"PUT of {_BATCH} tunnels": batches("ipsec_tunnels", tunnels),
        f"PUT of {_BATCH} routes": batches("routes", routes),
        f"GET of all {routes:,} routes": itertools.repeat(("GET", "routes", None)),
        f"GET of all {tunnels:,} tunnels": itertools.repeat(("GET", "ipsec_tunnels", None)),
        "POST of one tunnel": (("POST", "ipsec_tunnels", tunnel(number)) for number in itertools.count(tunnels)),
        "POST of one route": (("POST", "routes", route(number, tunnels)) for number in itertools.count(routes)),
    }


def _processor(pid: int) -> float:
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(emulator: Emulator, requests: Iterator[Request], seconds: float) -> tuple[int, float, float]:
    """Send requests for some seconds; return their number, and the seconds of the wall clock and of the emulator's processor."""
    connection = Connection(emulator)
    connection.send(next(requests))
    start, used, count = time.perf_counter(), _processor(emulator.pid), 0
    while not count or time.perf_counter() - start < seconds:
        connection.send(next(requests))
        count += 1
    return count, time.perf_counter() - start, _processor(emulator.pid) - used


def _row(what: str, count: int, wall: float, processor: float) -> str:
    return f"| {what} | {count / wall:,.0f} | {wall / count * 1000:.2f} | {processor / count * 1000:.2f} |"


def _in_threads(emulator: Emulator, requests: Iterator[Request], seconds: float) -> tuple[int, float, float]:
    counts: list[int] = []
    lock = threading.Lock()

    def shared() -> Iterator[Request]:
        while True:
            with lock:
                following = next(requests, None)
            if following is None:
                return
            yield following

    def work() -> None:
        counts.append(measure(emulator, shared(), seconds)[0])

    start, used = time.perf_counter(), _processor(emulator.pid)
    threads = [threading.Thread(target=work) for _unused in range(_THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts), time.perf_counter() - start, _processor(emulator.pid) - used


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n", maxsplit=1)[0])
    parser.add_argument("--tunnels", type=int, default=2000)
    parser.add_argument("--routes", type=int, default=10000)
    parser.add_argument("--seconds", type=float, default=2, help="for each kind of request")
    parser.add_argument("--latency", type=float, default=40, help="milliseconds, for the threads")
    options = parser.parse_args()
    sizes = (options.tunnels, options.routes)
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
        json.dump(seed_of(*sizes), file)
        file.flush()
        start = time.perf_counter()
        with running(check_schema=False, seed=file.name, rate_limit=_NO_LIMIT) as emulator:
            print(f"{options.tunnels:,} tunnels, {options.routes:,} routes; start: {time.perf_counter() - start:.1f} s\n")
            print("| Request | a second | ms each | ms of the processor |\n|---|---:|---:|---:|")
            for what, requests in kinds(*sizes).items():
                print(_row(what, *measure(emulator, requests, options.seconds)), flush=True)
        with running(check_schema=False, seed=file.name, rate_limit=_NO_LIMIT, latency=options.latency) as emulator:
            for what in ("GET of one tunnel", "POST of one route"):
                row = _row(f"{what}, {_THREADS} threads, {options.latency:g} ms", *_in_threads(emulator, kinds(*sizes)[what], options.seconds))
                print(row, flush=True)


if __name__ == "__main__":
    main()
