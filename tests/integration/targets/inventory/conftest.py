# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests share: ``inventory``, which runs a program on an inventory file, and ``account``, which answers whatever a test wants."""

from __future__ import annotations

import http.server
import json
import select
import socket
import threading
import time
from email.utils import formatdate
from pathlib import Path

import pytest

from ansible_collections.cloudflare.magic.tests.integration.support.classes import pytest_collection_modifyitems, pytest_configure
from ansible_collections.cloudflare.magic.tests.integration.support.playing import checked_emulator, command, leaked
from ansible_collections.cloudflare.magic.tests.integration.support.vault_site import _emulator

__all__ = ["_emulator", "checked_emulator", "command", "leaked", "pytest_collection_modifyitems", "pytest_configure"]


def _plain(pairs: dict):
    """Return what ansible-inventory marks as text that is no template as that text."""
    return pairs["__ansible_unsafe"] if set(pairs) == {"__ansible_unsafe"} else pairs


@pytest.fixture
def inventory(command, emulator, tmp_path: Path):
    """A function that writes an inventory file and has ansible-inventory read it.

    Args:
        content: of the file, besides the plugin's name.
        mode: an option of ansible-inventory: ``--list``, ``--graph``.
        args: further arguments.
        before: further sources, which are read before.
        env: the environment, instead of the credentials.
        file: its name.
        warns: a part of each warning that there has to be.

    Returns:
        How the run ended; with ``--list`` also the inventory, as ``listed``.
    """

    def run(content: dict | None = None, mode: str = "--list", args=(), before=(), env: dict | None = None, file: str = "magic.yml", warns=()):
        (tmp_path / file).write_text(json.dumps({"plugin": "cloudflare.magic.tunnels", **(content or {})}), encoding="utf-8")
        output = tmp_path / "listed.json"
        output.unlink(missing_ok=True)
        # Whatever is wrong with an inventory, Ansible goes on without it, and says so.
        sources = [word for source in (*before, file) for word in ("-i", source)]
        arguments = [*sources, mode, *(["--output", str(output)] if mode == "--list" else []), *args]
        ran = command("ansible.cli.inventory", arguments, tmp_path, emulator.environment() if env is None else env, warns=warns)
        ran.listed = json.loads(output.read_text(encoding="utf-8"), object_hook=_plain) if output.exists() else None
        return ran

    return run


class Account:
    """A server that answers with these objects, hostile or not. The emulator answers as Cloudflare documents, and nothing else.

    Attributes:
        lists: the objects by kind: ``ipsec_tunnels``, ``gre_tunnels``, ``connectors``, ``sites``.
        forbidden: kinds that the credential may not read.
        seconds: by which its clock is ahead of this machine's.
        asked: the kind of each request.
    """

    account_id = "023e105f4ecef8ad9ca31a8372d0c353"

    def __init__(self) -> None:
        self.lists: dict[str, list[dict]] = {}
        self.forbidden: set[str] = set()
        self.seconds = 0.0
        self.asked: list[str] = []
        self._connections: list[socket.socket] = []
        account = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                account._connections.append(self.connection)

            def do_GET(self) -> None:
                what = self.path.rpartition("/")[2]
                status, answer = 200, {"open": account.open_connections() - 1}
                if what in account.forbidden:
                    status, answer = 403, {"success": False, "errors": [{"code": 10000, "message": "Authentication error"}], "messages": [], "result": None}
                elif what != "open":
                    found = account.lists.get(what, [])
                    # Newer parts of the API answer with the list itself.
                    answer = {"success": True, "errors": [], "messages": [], "result": {what: found} if what.endswith("_tunnels") else found}
                account.asked += [what] if what != "open" else []
                body = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def date_time_string(self, timestamp=None) -> str:
                return formatdate(time.time() + account.seconds, usegmt=True)

            def log_message(self, *args) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    @property
    def answers(self) -> int:
        """How many it has given."""
        return len(self.asked)

    def open_connections(self) -> int:
        """How many connections the other end has not closed. The system knows at once, whether or not a thread has noticed."""
        return sum(_is_open(connection) for connection in self._connections)

    def environment(self) -> dict[str, str]:
        return {"CLOUDFLARE_BASE_URL": self.url, "CLOUDFLARE_ACCOUNT_ID": self.account_id, "CLOUDFLARE_API_TOKEN": "a-token"}

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _is_open(connection: socket.socket) -> bool:
    if connection.fileno() < 0:
        return False
    try:
        readable = bool(select.select([connection], [], [], 0)[0])
        return not readable or connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) != b""
    except OSError:
        return False


@pytest.fixture
def account():
    server = Account()
    yield server
    server.close()
