# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An API whose tunnels have names that would control a terminal or forge lines, and what tests need to see that they do not."""

from __future__ import annotations

import http.server
import json
import re
import threading
import unicodedata

import pytest
import requests

FORGED = "\nok: [forged] => changed\r\x1b[2J\x1b]0;title\x07\x9b31m\u202egnp.exe\u202c\u2066x\u2069 \u200b\u2028fatal: [forged]\x85\ufeff\x08\u061c"
SHOWN = r"\nok: [forged] => changed\r\x1b[2J\x1b]0;title\x07\x9b31m\u202egnp.exe\u202c\u2066x\u2069 \u200b\u2028fatal: [forged]\x85\ufeff\x08\u061c"
NAMES = ("paris-1", "paris-2", "lisbon-1", "berlin-1")


def assert_harmless(played):
    """Fail unless the screen and the log have only what can be printed, and no line that a name has made."""
    for text in (played.screen, (played.folder / "ansible.log").read_text(encoding="utf-8")):
        wrong = {ascii(character) for character in text if unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp") and character not in "\n\t"}
        assert not wrong, wrong
        assert not re.search(r"^\s*(ok|fatal|changed): \[forged\]", text, re.MULTILINE)


class Evil:
    """A server that passes everything on to the emulator, and gives its tunnels names of that kind in the answers, or changes these as it is told."""

    def __init__(self, emulator, change=None):
        self.requests = []
        evil = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                evil.requests.append(self.path)
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).replace(json.dumps(FORGED)[1:-1].encode(), b"")
                kept = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "content-length", "accept-encoding")}
                with requests.Session() as session:
                    session.trust_env = False
                    answer = session.request(self.command, emulator.url.split("/client/")[0] + self.path, headers=kept, data=body, timeout=30)
                content = json.dumps((change or renamed)(answer.json())).encode()
                self.send_response(answer.status_code)
                self.send_header("cf-ray", "8f2b\x9b31m-CDG")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

            def log_message(self, *args):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        path = emulator.environment()["CLOUDFLARE_BASE_URL"].split("/", 3)[3]
        self.environment = {**emulator.environment(), "CLOUDFLARE_BASE_URL": f"http://127.0.0.1:{self._server.server_port}/{path}"}
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


def renamed(value):
    if isinstance(value, dict):
        evil = {name for name, item in value.items() if (name == "name" and item in NAMES) or (name == "description" and str(item).startswith("Tunnel of"))}
        return {name: item + FORGED if name in evil else renamed(item) for name, item in value.items()}
    return [renamed(item) for item in value] if isinstance(value, list) else value


@pytest.fixture(scope="module")
def evil(emulator):
    server = Evil(emulator)
    yield server
    server.close()
