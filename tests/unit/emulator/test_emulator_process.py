# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The process: its options, its line, its end, and its connections."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
import requests

from ansible_collections.cloudflare.magic.tests.emulator import client
from ansible_collections.cloudflare.magic.tests.emulator.client import Emulator, running

FOLDER = os.path.dirname(os.path.abspath(client.__file__))
ROOT = FOLDER[: -len(os.path.join("ansible_collections", "cloudflare", "magic", "tests", "emulator"))]
AUTHORIZED = {"Authorization": "Bearer " + Emulator.write_token}
PATH = f"/client/v4/accounts/{Emulator.account_id}/magic/ipsec_tunnels"


def start(*arguments, command=None, **options):
    return subprocess.Popen(
        (command or [sys.executable, FOLDER]) + list(arguments), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options
    )


def address(process, token=True):
    line = process.stdout.readline().decode()
    match = re.match(r"^Cloudflare Magic emulator: (http://(?:127\.0\.0\.1|\[::1\]|localhost):\d+/client/v4) \(account ([0-9a-f]{32})\)\n$", line)
    assert match, line + process.stderr.read().decode()
    if token:
        assert re.match(r"^Token for /_emulator/, in the header X-Emulator-Token: [\w-]{32,}\n$", process.stdout.readline().decode())
    return match.group(1)


def finish(process):
    out, err = process.communicate(timeout=20)
    return process.returncode, out.decode(), err.decode()


COMMANDS = {
    "folder": [sys.executable, FOLDER],
    "file": [sys.executable, os.path.join(FOLDER, "__main__.py")],
    "module": [sys.executable, "-m", "ansible_collections.cloudflare.magic.tests.emulator"],
}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS.keys())
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT, None])
def test_start_and_end(command, end):
    process = start(*([] if end else ["--stop-with-stdin"]), command=command, env=dict(os.environ, PYTHONPATH=ROOT, PYTHONDONTWRITEBYTECODE="1"))
    # A connection that stays open must not hold up the end.
    with requests.Session() as session:
        session.trust_env = False
        answer = session.get(address(process) + "/user/tokens/verify", headers=AUTHORIZED, timeout=10)
        assert answer.status_code == 200
        if end:
            process.send_signal(end)
        assert finish(process) == (0, "", "")


def test_other_addresses_are_refused():
    for host in ("0.0.0.0", "192.0.2.1", "example.com"):
        status, out, err = finish(start("--host", host))
        assert status == 2 and out == "" and host in err and "Traceback" not in err


def test_bad_options_and_seeds(tmp_path):
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    senseless = tmp_path / "senseless.json"
    senseless.write_text('{"x": 1}')
    for arguments in (
        ["--seed", str(broken)],
        ["--seed", str(senseless)],
        ["--seed", str(tmp_path / "none")],
        ["--rate-limit", "0/1"],
        ["--rate-limit", "x"],
        ["--port", "65536"],
        ["--latency", "-1"],
    ):
        status, out, err = finish(start(*arguments))
        assert status in (1, 2) and out == "" and err and "Traceback" not in err


def test_a_taken_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        status, out, err = finish(start("--port", str(taken.getsockname()[1])))
    assert status == 1 and out == "" and err and "Traceback" not in err


def test_options(tmp_path):
    seed = {"accounts": [{"id": "a" * 32, "name": "Mine"}], "tokens": [{"token": "mine", "accounts": ["a" * 32]}]}
    file = tmp_path / "seed.json"
    file.write_text(json.dumps(seed))
    with running(check_schema=False, seed=file, rate_limit="3/60", latency=50, access_log=True) as emulator:
        answer = emulator.call("GET", f"/accounts/{'a' * 32}/magic/ipsec_tunnels", token="mine")
        assert answer.json()["result"] == {"ipsec_tunnels": []}
        assert answer.headers["Ratelimit-Policy"] == '"default";q=3;w=60' and answer.elapsed.total_seconds() >= 0.05
        assert emulator.call("GET", "/x", token="unknown-token").status_code == 403
        assert "GET /client/v4/accounts/" in emulator.errors() and "unknown-token" not in emulator.errors()
        assert emulator.violations() == []
        emulator.set_state({})
        emulator.reset()
        assert [account["id"] for account in emulator.state()["accounts"]] == ["a" * 32]
    assert emulator.stop() == 0


def test_a_start_that_fails_says_why():
    with pytest.raises(RuntimeError, match="example.com"):
        with running(host="example.com"):
            pass


def test_control_ignores_proxies(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with running() as emulator:
        assert emulator.requests() == [] and emulator.call("GET", "ipsec_tunnels").status_code == 200


def test_without_flask(tmp_path):
    (tmp_path / "flask.py").write_text("raise ImportError('no flask')")
    status, out, err = finish(start(env=dict(os.environ, PYTHONPATH=str(tmp_path))))
    assert (status, out) == (1, "") and "pip install flask" in err and "Traceback" not in err


def test_connections_stay_open_and_are_fast(emulator):
    connection = http.client.HTTPConnection(emulator.url.split("/")[2], timeout=10)
    connection.connect()
    mine = connection.sock
    times = []
    for number in range(100):
        start_of_call = time.monotonic()
        # Some with a body, some without, some refused before the body is read by anyone.
        method, body, headers = [("GET", None, AUTHORIZED), ("PUT", b"{}", AUTHORIZED), ("PUT", b"x" * 100000, {}), ("PATCH", b"{}", AUTHORIZED)][number % 4]
        connection.request(method, PATH, body, headers)
        answer = connection.getresponse()
        assert answer.status == [200, 400, 400, 405][number % 4]
        answer.read()
        times.append(time.monotonic() - start_of_call)
    assert connection.sock is mine
    connection.close()
    # A delayed acknowledgement costs 40 ms each time.
    assert sorted(times)[50] < 0.03


def test_a_client_that_wants_the_connection_closed(emulator):
    connection = http.client.HTTPConnection(emulator.url.split("/")[2], timeout=10)
    connection.request("GET", PATH, headers=dict(AUTHORIZED, Connection="close"))
    answer = connection.getresponse()
    assert answer.getheader("Connection") == "close" and answer.read() and connection.sock is None


def test_chunked_body(emulator):
    answer = requests.put(emulator.url + PATH[len("/client/v4") :], data=iter([b'{"ipsec', b'_tunnels": []}']), headers=AUTHORIZED, timeout=10)
    assert answer.status_code == 200 and emulator.requests()[-1]["body"] == '{"ipsec_tunnels": []}'


def test_a_body_that_is_too_large(emulator):
    answer = emulator.call("POST", "ipsec_tunnels", data=b" " * (9 * 1024 * 1024))
    assert answer.status_code == 413 and answer.json()["success"] is False


def test_a_client_that_goes_away_within_its_body(emulator):
    host, port = emulator.url.split("/")[2].split(":")
    with socket.create_connection((host, int(port)), timeout=10) as raw:
        raw.sendall(f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{{".encode())
    with socket.create_connection((host, int(port)), timeout=10) as raw:
        raw.sendall(b"GET /client/v4/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: many\r\n\r\n")
        assert raw.recv(100).startswith(b"HTTP/1.1 400")
    assert emulator.call("GET", "ipsec_tunnels").status_code == 200


def test_many_connections_at_once(emulator):
    statuses = []

    def work():
        statuses.append(requests.get(emulator.url + PATH[len("/client/v4") :], headers=AUTHORIZED, timeout=30).status_code)

    threads = [threading.Thread(target=work) for _unused in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 50


def test_latency_is_no_queue():
    """Requests over connections of their own wait at the same time, and none holds a lock meanwhile."""
    latency, count = 0.3, 10
    with running(check_schema=False, latency=latency * 1000) as emulator:
        url, statuses = emulator.url.replace("/client/v4", PATH), []
        threads = [threading.Thread(target=lambda: statuses.append(requests.get(url, headers=AUTHORIZED, timeout=30).status_code)) for _unused in range(count)]
        start = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert latency <= time.monotonic() - start < latency * count * 0.7
    assert statuses == [200] * count
