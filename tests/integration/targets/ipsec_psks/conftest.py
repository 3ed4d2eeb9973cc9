# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests share: a gate in front of the emulator that refuses single tunnels."""

from __future__ import annotations

import http.server
import json
import re
import threading
from pathlib import Path

import pytest
import requests

from ansible_collections.cloudflare.magic.tests.emulator.client import Emulator, running
from ansible_collections.cloudflare.magic.tests.integration.support.playing import command, leaked, play
from ansible_collections.cloudflare.magic.tests.integration.support.vault_site import PASSWORD, VARIABLE, Site, _emulator, fill, until

__all__ = ["PASSWORD", "VARIABLE", "Site", "_emulator", "command", "fill", "leaked", "play", "running", "until"]


@pytest.fixture(scope="module")
def fresh(_emulator: Emulator):
    """The emulator as it starts. The tests of one file share what they do to it, and each fault that they set has to be met."""
    _emulator.reset()
    yield _emulator
    assert _emulator.unmet() == []


@pytest.fixture
def emulator(_emulator: Emulator):
    """An emulator with 12 tunnels: branch-0 to branch-11."""
    _emulator.reset()
    fill(_emulator, 12)
    yield _emulator
    _emulator.check()


@pytest.fixture
def site(tmp_path: Path, emulator: Emulator):
    return Site(tmp_path / "site", emulator)


def rotate(keywords: dict | None = None, register: str | None = None, **options) -> dict:
    """A task that rotates keys: of all tunnels, unless it says of which."""
    if not {"names", "ipsec_tunnel_ids", "psks"} & set(options):
        options["names"] = ["*"]
    return {"cloudflare.magic.ipsec_psks": options, **({"register": register} if register else {}), **(keywords or {})}


class Gate:
    """A server in front of the emulator that treats single tunnels as Cloudflare may, and the emulator does not.

    Attributes:
        url: base URL of the API.
        refuse: reasons by id: these keys are not set, and listed as unapplied.
        spoil: (status, code, message) by id: a request with one of them fails as a whole.
        requests: what it was sent: account, method, path below the account's magic/, query, and the keys by tunnel id.
    """

    def __init__(self, emulator: Emulator) -> None:
        self.refuse: dict[str, str] = {}
        self.spoil: dict[str, tuple[int, int, str]] = {}
        self.requests: list[dict] = []
        gate = self
        origin = emulator.url[: emulator.url.index("/client/v4")]

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                account, below = re.match("/client/v4/accounts/([^/]*)/magic/(.*)", self.path).groups()
                path, dummy, query = below.partition("?")
                keys = {entry["id"]: entry["psk"] for entry in json.loads(body)["psks"]} if path == "ipsec_tunnels/psk" else {}
                gate.requests.append({"account": account, "method": self.command, "path": path, "query": query, "keys": keys})
                spoils = [gate.spoil[tunnel_id] for tunnel_id in keys if tunnel_id in gate.spoil]
                refused = {tunnel_id: gate.refuse[tunnel_id] for tunnel_id in keys if tunnel_id in gate.refuse}
                if spoils:
                    status, code, message = spoils[0]
                    content = json.dumps({"success": False, "errors": [{"code": code, "message": message}], "messages": [], "result": None}).encode()
                    self.finish_with(status, "application/json", content)
                    return
                if refused:
                    body = json.dumps({"psks": [{"id": tunnel_id, "psk": key} for tunnel_id, key in keys.items() if tunnel_id not in refused]}).encode()
                headers = {name: value for name, value in self.headers.items() if name.lower() not in ("content-length", "host", "connection")}
                with requests.Session() as session:
                    session.trust_env = False
                    passed = session.request(self.command, origin + self.path, headers=headers, data=body, allow_redirects=False, timeout=30)
                content = passed.content
                if refused and passed.status_code == 200:
                    whole = json.loads(content)
                    whole["result"]["unapplied_psks"].update(refused)
                    content = json.dumps(whole).encode()
                self.finish_with(passed.status_code, passed.headers["Content-Type"], content, passed.headers.get("Retry-After"))

            def finish_with(self, status: int, kind: str, content: bytes, retry_after: str | None = None) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(content)))
                if retry_after is not None:
                    self.send_header("Retry-After", retry_after)
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = answer

            def log_message(self, *args) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/client/v4"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def writes(self) -> list[dict]:
        return [request for request in self.requests if request["method"] != "GET"]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture(scope="module")
def shared_gate(fresh: Emulator):
    server = Gate(fresh)
    yield server
    server.close()


@pytest.fixture
def gate(emulator: Emulator):
    server = Gate(emulator)
    yield server
    server.close()
