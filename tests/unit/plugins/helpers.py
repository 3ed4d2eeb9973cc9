# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What several tests need: servers on loopback, clients for them, and a way to search an error for secrets."""

from __future__ import annotations

import contextlib
import json
import ssl
import threading
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ansible_collections.cloudflare.magic.plugins.module_utils._client import Client
from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._policy import OPTIONS
from ansible_collections.cloudflare.magic.plugins.module_utils._settings import resolve

TOKEN = "cfut_TheTokenThatMustNotBeSeen"
OWN = "TheKeyOfOnesOwnThatMustNotBeSeen-0123456789"
ACCOUNT = "023e105f4ecef8ad9ca31a8372d0c353"


def envelope(result=None, success=True, errors=(), **more):
    return json.dumps(dict({"success": success, "errors": list(errors), "messages": [], "result": result}, **more)).encode()


class Loopback:
    """A server that records what it gets.

    :arg bodies: answers by method, each a list whose last one is repeated; what has none gets ``body``.
    :ivar requests: tuples of method, path and headers, as they came.
    :ivar connections: how many connections were made.
    """

    def __init__(self, status=200, body=None, bodies=None, context=None):
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.connections = 0
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self):
                recorder.connections += 1
                super().setup()

            def answer(self):
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                recorder.requests.append((self.command, self.path, dict(self.headers)))
                content = envelope() if body is None else body
                if bodies is not None:
                    queue = bodies[self.command]
                    content = queue.pop(0) if len(queue) > 1 else queue[0]
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_DELETE = do_CONNECT = answer

            def log_message(self, *args):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, *args):
                """A client that does not trust the certificate hangs up."""

        self._server = Server(("127.0.0.1", 0), Handler)
        if context is not None:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.host = f"127.0.0.1:{self._server.server_address[1]}"
        self.url = f"{'http' if context is None else 'https'}://{self.host}/client/v4"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exc):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def tls(certificate, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


@contextlib.contextmanager
def client(url, **options):
    """A client that does not wait long between tries. Without other credentials it sends TOKEN."""
    if not {"api_token", "api_key"} & set(options):
        options["api_token"] = TOKEN
    made = Client(resolve(dict({"account_id": ACCOUNT, "api_url": url}, **options), {}), backoff=0.001)
    try:
        yield made
    finally:
        made.close()


def emulated(emulator, **options):
    """A client for the emulator."""
    return client(emulator.url, **dict({"api_token": emulator.write_token}, **options))


def everything(error):
    """All text that anyone could print of an error."""
    shown = traceback.format_exception(type(error), error, error.__traceback__)
    return "\n".join([str(error), repr(error), repr(error.args), repr(vars(error)), json.dumps(error.failure), *shown])


def options_for(**chosen):
    """Return all options of ipsec_psk as the argument specification fills them in."""
    assert set(chosen) <= set(OPTIONS.argument_spec)
    return {name: chosen.get(name, option.get("default")) for name, option in OPTIONS.argument_spec.items()}


def refusal(function, *args):
    """Return the error that a call ends with. No text of it holds a secret."""
    with pytest.raises(MagicError) as caught:
        function(*args)
    text = everything(caught.value)
    assert OWN not in text and TOKEN not in text
    return caught.value


def sent(emulator):
    """The emulator's requests as short strings: method, the path below the account, and the query."""
    short = []
    for request in emulator.requests():
        path = request["path"].split("/magic/", 1)[-1]
        query = "?" + request["query_string"] if request["query_string"] else ""
        short.append(f"{request['method']} {path}{query}")
    return short
