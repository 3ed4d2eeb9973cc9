# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Command line of the emulator: ``python -m ansible_collections.cloudflare.magic.tests.emulator --help``."""

from __future__ import annotations

import argparse
import contextlib
import os
import runpy
import signal
import sys
import threading
from typing import Any


def _rate_limit(text: str) -> tuple[int, float]:
    quota, _slash, window = text.partition("/")
    return int(quota), float(window)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="emulator", description="Emulates Cloudflare's Magic API, so that you can try playbooks. It listens only on this machine."
    )
    parser.add_argument("--host", default="127.0.0.1", help="loopback address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=0, help="port to listen on (default: a free one)")
    parser.add_argument("--latency", type=float, default=0, metavar="MS", help="milliseconds to delay each request")
    parser.add_argument("--rate-limit", type=_rate_limit, default=(1200, 300.0), metavar="N/SECONDS", help="requests a window (default: 1200/300)")
    parser.add_argument("--seed", metavar="FILE.json", help="start with this data; /_emulator/state shows the form")
    parser.add_argument("--token-file", metavar="FILE", help="write the token for /_emulator/ to this file, readable only by you, instead of printing it")
    parser.add_argument("--stop-with-stdin", action="store_true", help="exit as soon as standard input ends")
    parser.add_argument("--check-schema", action="store_true", help="compare requests and answers with Cloudflare's description")
    parser.add_argument("--access-log", action="store_true", help="log requests to standard error")
    return parser


def _wait_for_stdin(stop: threading.Event) -> None:
    # Not sys.stdin.read(): its lock could not be taken back at the interpreter's end.
    while True:
        try:
            if not os.read(0, 4096):
                break
        except OSError:
            break
    stop.set()


def main(arguments: list[str] | None = None) -> int:
    """Run the emulator until a signal, or the end of standard input, stops it; return the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if not 0 <= options.port <= 65535 or not 0 <= options.latency <= 600000:
        parser.error("--port is 0 to 65535, --latency is 0 to 600000 milliseconds")
    try:
        from .app import PREFIX, Emulator
        from .guard import HEADER, token_file
        from .moments import SeedError
        from .seed import default_seed
        from .server import listen
        from .strict import loads
    except ImportError as error:
        parser.exit(1, f"The emulator needs Flask ({error}); try: python -m pip install flask\n")
    checker = None
    if options.check_schema:
        try:
            from .schema import Checker
        except ImportError as error:
            parser.exit(1, f"--check-schema needs openapi-schema-validator ({error}); try: python -m pip install openapi-schema-validator\n")
        checker = Checker()
    seed: Any = default_seed()
    try:
        if options.seed:
            with open(options.seed, encoding="utf-8") as file:
                seed = loads(file.read())
        quota, window = options.rate_limit
        emulator = Emulator(seed, quota, window, latency=options.latency / 1000, checker=checker)
        server = listen(emulator.app, options.host, options.port, emulator.scrub if options.access_log else None)
    except SeedError as error:
        parser.exit(1, f"{error}\n")
    except OSError as error:
        parser.exit(1, f"{error}\n")
    except ValueError as error:
        # From reading JSON or from the check for a loopback address.
        parser.exit(2, f"{options.seed or options.host}: {error}\n")

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    host = f"[{options.host}]" if ":" in options.host else options.host
    with contextlib.ExitStack() as stack:
        stack.callback(server.server_close)
        try:
            # It is there before anybody is told where to ask.
            stack.enter_context(token_file(options.token_file, emulator.token))
        except OSError as error:
            parser.exit(1, f"--token-file: {error}\n")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        if options.stop_with_stdin:
            threading.Thread(target=_wait_for_stdin, args=(stop,), daemon=True).start()
        ids = [item["id"] for item in seed.get("accounts", [])] or ["none"]
        print(f"Cloudflare Magic emulator: http://{host}:{server.port}{PREFIX} (account {ids[0]})")
        if options.token_file is None:
            print(f"Token for /_emulator/, in the header {HEADER}: {emulator.token}")
        sys.stdout.flush()
        stop.wait()
        server.shutdown()
    return 0


if __name__ == "__main__":
    if __package__:
        sys.exit(main())
    # Run as a file or a folder: start again as a module. The folder above takes this one's place on the path, so that
    # the modules here shadow no others.
    _HERE = os.path.dirname(os.path.realpath(__file__))
    sys.path[:] = [os.path.dirname(_HERE)] + [path for path in sys.path if os.path.realpath(path or os.curdir) != _HERE]
    runpy.run_module(os.path.basename(_HERE), run_name="__main__", alter_sys=True)
