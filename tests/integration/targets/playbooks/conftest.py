# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests share: an emulator for each file, and another server beside it."""

from __future__ import annotations

import http.server
import threading

import pytest
import requests

from ansible_collections.cloudflare.magic.tests.emulator.client import Emulator
from ansible_collections.cloudflare.magic.tests.integration.support.classes import pytest_collection_modifyitems, pytest_configure
from ansible_collections.cloudflare.magic.tests.integration.support.playing import _emulator, command, leaked, play

__all__ = ["_emulator", "command", "leaked", "play", "pytest_collection_modifyitems", "pytest_configure"]


@pytest.fixture(scope="module")
def emulator(_emulator: Emulator):
    """The emulator as it starts. The tests of one file share what they do to it, and each fault that they set has to be met."""
    _emulator.reset()
    yield _emulator
    assert _emulator.unmet() == []


class Recorder:
    """An HTTP server that records requests. As a proxy it passes those for ``target`` on.

    Attributes:
        url: its base URL.
        requests: what it was sent: method, path, headers (names in lower case).
    """

    def __init__(self, target: str) -> None:
        self.requests: list[dict] = []
        recorder = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                recorder.requests.append({"method": self.command, "path": self.path, "headers": headers})
                body = self.rfile.read(int(headers.get("content-length", 0)))
                status, kind, content = 404, "text/plain", b"nothing here"
                if self.path.startswith(target):
                    # So that the emulator's record tells what came through the proxy.
                    headers["via"] = "recorder"
                    with requests.Session() as session:
                        session.trust_env = False
                        passed = session.request(self.command, self.path, headers=headers, data=body, allow_redirects=False, timeout=30)
                    status, kind, content = passed.status_code, passed.headers["Content-Type"], passed.content
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = answer

            def log_message(self, *args) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture(scope="module")
def recorder(emulator: Emulator):
    """Another server on this machine, which is also a proxy for the emulator."""
    server = Recorder(emulator.url)
    yield server
    server.close()
