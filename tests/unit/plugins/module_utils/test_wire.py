# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Answers without an end, in time and in size, and other things that a server may write on a connection."""

from __future__ import annotations

import contextlib
import gzip
import itertools
import json
import socket
import threading
import zlib

import pytest

from ansible_collections.cloudflare.magic.plugins.module_utils import _wire
from ansible_collections.cloudflare.magic.plugins.module_utils._errors import NOT_SENT, UNKNOWN, MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._wire import LARGEST_BODY
from ansible_collections.cloudflare.magic.tests.unit.plugins.helpers import TOKEN, client, envelope, everything, tls

PAUSE = 0.05
OK = b"HTTP/1.1 200 OK\r\ncf-ray: 8f2b-CDG\r\n"


class Wire:
    """A server that writes whatever it is told on each connection, as soon as a request has arrived.

    :arg answers: one for each request, the last one repeated: bytes, or a function that returns pieces of them; there is a pause after each, and an end.
    """

    def __init__(self, *answers, context=None):
        self._answers = list(answers)
        self._context = context
        self._stop = threading.Event()
        self.connections = 0
        self.requests: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.host = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.url = f"{'http' if context is None else 'https'}://{self.host}/client/v4"

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *exc):
        self._stop.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection = self._listener.accept()[0]
                self.connections += 1
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with contextlib.suppress(OSError), connection:
            if self._context is not None:
                connection = self._context.wrap_socket(connection, server_side=True)
            with connection, connection.makefile("rb") as incoming:
                while self._request(incoming):
                    answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
                    if isinstance(answer, bytes):
                        connection.sendall(answer)
                        continue
                    for piece in answer():
                        connection.sendall(piece)
                        if self._stop.wait(PAUSE):
                            return
                    return

    def _request(self, incoming):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = incoming.readline()
            if not line:
                return False
            head += line
        length = next((int(line.split(b":")[1]) for line in head.lower().splitlines() if line.startswith(b"content-length:")), 0)
        self.requests.append(head + incoming.read(length))
        return True


def refusal(function, *args, **kwargs):
    with pytest.raises(MagicError) as caught:
        function(*args, **kwargs)
    assert TOKEN not in everything(caught.value)
    return caught.value


def answer(body, *headers, status="200 OK"):
    head = "".join(f"{line}\r\n" for line in (f"HTTP/1.1 {status}", "cf-ray: 8f2b-CDG", f"Content-Length: {len(body)}", *headers))
    return head.encode() + b"\r\n" + body


def chunked(*pieces):
    yield OK + b"Transfer-Encoding: chunked\r\n\r\n"
    for piece in pieces:
        yield b"%x\r\n%s\r\n" % (len(piece), piece)
    yield b"0\r\n\r\n"


def one_by_one(text):
    """Single bytes, and then the last one forever."""
    return itertools.chain((bytes([byte]) for byte in text), itertools.repeat(text[-1:]))


# --- time

# Servers that are never done, and never silent for as long as the time limit.
DRIPS = {
    "status line": lambda: one_by_one(b"HTTP/1.1 200 OKKKK"),
    "header": lambda: one_by_one(b"HTTP/1.1 200 OK\r\nX-Long: x"),
    "headers": lambda: itertools.chain([b"HTTP/1.1 200 OK\r\n"], itertools.repeat(b"a: b\r\n")),
    "interim answers": lambda: itertools.repeat(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "body": lambda: itertools.chain([OK + b"Content-Length: 1000000\r\n\r\n"], itertools.repeat(b" ")),
    "body without a length": lambda: itertools.chain([OK + b"\r\n"], itertools.repeat(b" ")),
    "chunks": lambda: itertools.chain([OK + b"Transfer-Encoding: chunked\r\n\r\n"], itertools.repeat(b"1\r\n \r\n")),
    "length of a chunk": lambda: itertools.chain([OK + b"Transfer-Encoding: chunked\r\n\r\n1;"], itertools.repeat(b"x")),
    "trailers": lambda: itertools.chain([OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n"], itertools.repeat(b"a: b\r\n")),
    "gzip": lambda: itertools.chain([OK + b"Content-Encoding: gzip\r\n\r\n"], one_by_one(gzip.compress(envelope())[:-1])),
    "error": lambda: itertools.chain([b"HTTP/1.1 404 Not Found\r\nContent-Length: 1000000\r\n\r\n"], itertools.repeat(b" ")),
}


@pytest.mark.parametrize("drip", DRIPS.values(), ids=DRIPS)
@pytest.mark.parametrize("encrypted", [False, True], ids=["http", "TLS"])
def test_timeout_bounds_the_whole_answer(drip, encrypted, certificate):
    context = tls(*certificate) if encrypted else None
    with Wire(drip, context=context) as server, client(server.url, timeout=0.2, max_retries=0, ca_path=certificate[0]) as made:
        for method in ("GET", "POST"):
            error = refusal(made.request, method, ["x"])
            assert "no response within 0.2 s (timeout)" in str(error)
            assert (error.reached, error.failure["status"]) == (UNKNOWN, None)
        assert len(server.requests) == server.connections == 2


def test_slow_answer_within_the_timeout_is_taken():
    with Wire(lambda: chunked(*(bytes([byte]) for byte in envelope({"a": 1}))), lambda: chunked(envelope({"a": 2}))) as server, client(
        server.url, timeout=60
    ) as made:
        assert [made.request("GET", ["x"]) for dummy in range(2)] == [{"a": 1}, {"a": 2}]


def test_proxy_that_drips_has_not_got_the_request(monkeypatch):
    monkeypatch.setattr("ansible_collections.cloudflare.magic.plugins.module_utils._transport.CONNECT_TIMEOUT", 0.5)
    with Wire(lambda: one_by_one(b"HTTP/1.1 200 OKKKK")) as server, client("https://api.example.com", max_retries=0) as made:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{server.host}")
        error = refusal(made.request, "POST", ["x"])
        assert (error.reached, error.transient) == (NOT_SENT, True)
        assert re_start(server.requests) == [b"CONNECT api.example.com:443"]


def re_start(requests):
    return [request.rsplit(b" ", 1)[0].split(b" HTTP/")[0] for request in (request.splitlines()[0] for request in requests)]


@pytest.mark.parametrize("status", [b"101 Switching Protocols", b"102 Processing", b"103 Early Hints", b"199 Whatever"], ids=lambda status: status[:3].decode())
@pytest.mark.parametrize("together", [True, False], ids=["together", "later"])
def test_answer_behind_an_interim_one_is_not_taken_for_that_to_the_next_request(status, together):
    first = [b"HTTP/1.1 " + status + b"\r\nLink: </x>\r\n\r\n", answer(envelope({"about": "first"}))]
    with Wire(lambda: [b"".join(first)] if together else first, answer(envelope({"about": "second"}))) as server, client(server.url, max_retries=0) as made:
        error = refusal(made.request, "POST", ["first"])
        assert (error.reached, error.failure["status"]) == (UNKNOWN, int(status[:3]))
        assert made.request("GET", ["second"]) == {"about": "second"}
        assert server.connections == 2


# --- size

ZEROS = gzip.compress(bytes(LARGEST_BODY * 4))
TOO_LARGE = {
    "with its length": lambda: answer(bytes(LARGEST_BODY + 1)),
    "chunks without end": lambda: itertools.chain([OK + b"Transfer-Encoding: chunked\r\n\r\n"], itertools.repeat(b"1000000\r\n%s\r\n" % bytes(1 << 24))),
    "until the connection ends": lambda: itertools.chain([OK + b"\r\n"], itertools.repeat(bytes(1 << 24))),
    "gzip": lambda: answer(ZEROS, "Content-Encoding: gzip"),
    "x-gzip in capitals": lambda: answer(ZEROS, "Content-Encoding: X-GZIP"),
    "many parts of gzip": lambda: answer(gzip.compress(bytes(LARGEST_BODY // 3)) * 4, "Content-Encoding: gzip"),
    "an error": lambda: answer(ZEROS, "Content-Encoding: gzip", status="503 Service Unavailable"),
}


@pytest.mark.parametrize("large", TOO_LARGE.values(), ids=TOO_LARGE)
def test_body_that_is_too_large(large):
    with Wire(large() if isinstance(large(), bytes) else large) as server, client(server.url, max_retries=2) as made:
        for method in ("GET", "POST"):
            error = refusal(made.request, method, ["x"])
            assert "the body is larger than 32 MiB." in str(error) and "cf-ray 8f2b-CDG." in str(error)
            assert error.reached == UNKNOWN and error.failure["status"] in (200, 503) and error.failure["ray_id"] == "8f2b-CDG"
        # A read is not repeated for more of the same.
        assert len(server.requests) == 2


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_largest_body(packed, monkeypatch):
    body = envelope({"a": "x" * 2000})
    sent = answer(gzip.compress(body), "Content-Encoding: gzip") if packed else answer(body)
    for largest, taken in ((len(body), True), (len(body) - 1, False)):
        monkeypatch.setattr(_wire, "LARGEST_BODY", largest)
        with Wire(sent) as server, client(server.url) as made:
            if taken:
                assert made.request("GET", ["x"]) == {"a": "x" * 2000}
            else:
                assert "larger" in str(refusal(made.request, "GET", ["x"]))


GOOD = envelope({"a": 1})
PACKED = {
    "gzip": (gzip.compress(GOOD), "gzip"),
    "two parts": (gzip.compress(GOOD[:9]) + gzip.compress(GOOD[9:]), "gzip"),
    "padding": (gzip.compress(GOOD) + bytes(20), "gzip"),
    "x-gzip": (gzip.compress(GOOD), "x-gzip"),
    "identity": (GOOD, "identity"),
    "nothing named": (GOOD, ""),
}
BADLY_PACKED = {
    "gzip in gzip": (gzip.compress(gzip.compress(GOOD)), "gzip, gzip", "not requested"),
    "deflate": (zlib.compress(GOOD), "deflate", "not requested"),
    "unknown": (GOOD, "br", "not requested"),
    "no gzip": (GOOD, "gzip", "cannot be decompressed"),
    "cut": (gzip.compress(GOOD)[:-3], "gzip", "its end is missing"),
    "wrong sum": (gzip.compress(GOOD)[:-8] + bytes(8), "gzip", "cannot be decompressed"),
    "empty parts": (gzip.compress(b"") * 5000 + gzip.compress(GOOD), "gzip", "the body is empty"),
    "empty": (b"", "gzip", "the body is empty"),
}


@pytest.mark.parametrize("body, encoding", PACKED.values(), ids=PACKED)
def test_packed_body(body, encoding):
    with Wire(answer(body, f"Content-Encoding: {encoding}")) as server, client(server.url) as made:
        assert [made.request("GET", ["x"]) for dummy in range(3)] == [{"a": 1}] * 3
        assert b"Accept-Encoding: gzip\r\n" in server.requests[0]
        assert server.connections == 1


@pytest.mark.parametrize("body, encoding, expected", BADLY_PACKED.values(), ids=BADLY_PACKED)
def test_badly_packed_body(body, encoding, expected):
    with Wire(answer(body, f"Content-Encoding: {encoding}")) as server, client(server.url, max_retries=0) as made:
        error = refusal(made.request, "POST", ["x"])
    assert expected in str(error) and (error.reached, error.failure["status"]) == (UNKNOWN, 200)


# --- whatever else may be written

STRANGE = {
    "nothing": b"",
    "no HTTP": b"220 mail.example.com ESMTP\r\n\r\n",
    "binary": bytes(range(256)),
    "line ends only": b"\r\n" * 200,
    "no number as status": b"HTTP/1.1 abc OK\r\n\r\n",
    "status of two digits": b"HTTP/1.1 20 OK\r\n\r\n",
    "status of four digits": b"HTTP/1.1 2000 OK\r\n\r\n",
    "negative status": b"HTTP/1.1 -200 OK\r\n\r\n",
    "version of the future": b"HTTP/9.9 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    "line without end": b"HTTP/1.1 200 " + b"O" * 70000 + b"\r\n\r\n",
    "header without end": OK + b"X: " + b"x" * 70000 + b"\r\n\r\n",
    "too many headers": OK + b"a: b\r\n" * 200 + b"\r\n",
    "header without a name": OK + b": x\r\n\r\n",
    "header of bytes": OK + bytes(range(128, 256)) + b": \xff\r\nContent-Length: 0\r\n\r\n",
    "two lengths": OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
    "negative length": OK + b"Content-Length: -5\r\n\r\n{}",
    "no number as length": OK + b"Content-Length: \xb2x\r\n\r\n{}",
    "length of many digits": OK + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n{}",
    "shorter than its length": OK + b"Content-Length: 500\r\n\r\n" + GOOD,
    "chunks that are none": OK + b"Transfer-Encoding: chunked\r\n\r\nhello\r\n",
    "negative chunk": OK + b"Transfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n",
    "chunk of many digits": OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 300 + b"\r\nhello\r\n",
    "chunks that stop": OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhel",
    "unknown transfer": OK + b"Transfer-Encoding: gzip\r\n\r\nhello",
    "switching protocols": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n",
    "early hints": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
    "redirect to nowhere": b"HTTP/1.1 302 Found\r\nLocation: http://[::1\r\nContent-Length: 0\r\n\r\n",
    "cookie of bytes": OK + b"Set-Cookie: \xff\xfe=\x00; expires=never\r\nContent-Length: 0\r\n\r\n",
    "date of a year that is none": OK + b"Date: Mon, 01 Jan 99999999999999999999 00:00:00 GMT\r\nContent-Length: 0\r\n\r\n",
    "date of a zone that is none": OK + b"Date: Mon, 01 Jan 2026 00:00:00 +99999999999999999999\r\nContent-Length: 0\r\n\r\n",
    "date that is none": OK + b"Date: 99 99 99999\r\nContent-Length: 0\r\n\r\n",
}


@pytest.mark.parametrize("raw", STRANGE.values(), ids=STRANGE)
def test_strange_answer_is_the_usual_error(raw):
    """Never a traceback, never a success, and nothing is known of the request."""
    with Wire(lambda: [raw]) as server, client(server.url, max_retries=0) as made:
        for method in ("GET", "POST"):
            error = refusal(made.request, method, ["x"])
            assert str(error).startswith(f"{method} /accounts/") and list(error.failure) == ["method", "path", "status", "errors", "ray_id"]
            assert error.reached == UNKNOWN
            json.dumps(error.failure)
        assert server.requests


@pytest.mark.parametrize("raw", [b"220 mail.example.com ESMTP\r\n", b"\x15\x03\x03\x00\x02\x02\x28", b""], ids=["greeting", "alert", "nothing"])
def test_strange_answer_before_tls_has_not_got_the_request(raw):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def greet():
            with contextlib.suppress(OSError):
                while True:
                    with listener.accept()[0] as connection:
                        connection.recv(1)
                        connection.sendall(raw)

        threading.Thread(target=greet, daemon=True).start()
        with client(f"https://127.0.0.1:{listener.getsockname()[1]}", max_retries=0) as made:
            error = refusal(made.request, "POST", ["x"])
        listener.shutdown(socket.SHUT_RDWR)
    assert error.reached == NOT_SENT and "127.0.0.1" in str(error)


def test_bundle_of_the_environment_that_is_not_there(monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/no/such/bundle")
    with client("https://127.0.0.1:1") as made:
        error = refusal(made.request, "POST", ["x"])
    assert "Check REQUESTS_CA_BUNDLE" in str(error) and (error.reached, error.transient) == (NOT_SENT, False)


def test_own_mistake_is_not_taken_for_a_problem_of_the_network():
    with Wire(answer(GOOD)) as server, client(server.url) as made:
        for wrong in ({"body": {"a": object()}}, {"params": 5}):
            with pytest.raises((TypeError, ValueError)):
                made.request("POST", ["x"], **wrong)
        assert server.requests == []
