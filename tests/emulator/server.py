# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Werkzeug's threaded server, made to keep connections open as Cloudflare does."""

from __future__ import annotations

from typing import IO, Any, Callable, cast

from flask import Flask
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.wsgi import LimitedStream

from .guard import is_loopback


class _Body(LimitedStream):
    """A request's body that ends where Content-Length says, and ends quietly if the client goes away."""

    def on_disconnect(self, error: Exception | None = None) -> Any:
        return b""


class _Handler(WSGIRequestHandler):
    """Keeps connections open; logs neither requests nor connections that the client dropped."""

    protocol_version = "HTTP/1.1"
    # With Nagle's algorithm each answer would wait for the client's delayed ACK, 40 ms.
    disable_nagle_algorithm = True
    access_log: Callable[[str], str] | None = None

    def run_wsgi(self) -> None:
        # Werkzeug closes every connection because its drain after an answer could swallow the next request. A body
        # that ends at its Content-Length makes that drain harmless; of a chunked body the end is not known here.
        if self.headers.get("Transfer-Encoding"):
            self.close_connection = True
        try:
            length = max(0, int(self.headers.get("Content-Length") or 0))
        except ValueError:
            length = 0
            self.close_connection = True
        if self.close_connection:
            super().run_wsgi()
            return
        stream, body = self.rfile, _Body(cast(IO[bytes], self.rfile), length)
        self.rfile = body  # type: ignore[assignment]
        try:
            super().run_wsgi()
        finally:
            self.rfile = stream
            if body.tell() < length:
                self.close_connection = True

    def send_response(self, code: int, message: str | None = None) -> None:
        # A fault: it is the last that the client hears. No body may follow, and after 100 it waits for more.
        if code < 200:
            self.close_connection = True
        super().send_response(code, message)

    def send_header(self, keyword: str, value: str) -> None:
        if keyword == "Connection" and value == "close" and not self.close_connection:
            return
        super().send_header(keyword, value)

    def log_request(self, code: Any = "-", size: Any = "-") -> None:
        if self.access_log:
            super().log_request(code, size)

    def log(self, kind: str, message: str, *args: Any) -> None:  # pylint: disable=arguments-differ # "type" is a name of Python
        if self.access_log:
            super().log(kind, message, *(self.access_log(arg) if isinstance(arg, str) else arg for arg in args))

    def log_error(self, *args: Any) -> None:
        pass


def loopback(host: str) -> str:
    """Return ``host`` if it is a loopback address; the emulator's credentials are known to all, so nobody else may reach it.

    Raises:
        ValueError: if it is not.
    """
    if not is_loopback(host):
        raise ValueError("not a loopback address")
    return host


def listen(app: Flask, host: str, port: int, access_log: Callable[[str], str] | None = None) -> BaseWSGIServer:
    """Bind and listen; connections queue up from here on, ``serve_forever`` answers them.

    Args:
        host: a loopback address.
        port: 0 takes a free one.
        access_log: takes credentials out of a line of the log; None for no log.

    Raises:
        OSError: if the port is taken; ValueError: if the address is not a loopback address.
    """
    handler = type("_Handler", (_Handler,), {"access_log": staticmethod(access_log)}) if access_log else _Handler
    return make_server(loopback(host), port, app, threaded=True, request_handler=handler)
