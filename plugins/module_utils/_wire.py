# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Reads the bytes of a response within limits of time and size, and records whether a request was sent.

The time limit of the library requests is for each piece that arrives: a server that sends a byte now and then never ends. It also has no size limit.
"""

from __future__ import annotations

import http.client
import io
import time
import typing as t
import zlib

REQUESTS_IMPORT_ERROR: str | None = None
try:
    import requests
    from requests.adapters import HTTPAdapter
    from requests.utils import select_proxy
    from urllib3.util import parse_url

    HAS_REQUESTS = True
except ImportError as exc:
    HAS_REQUESTS = False
    REQUESTS_IMPORT_ERROR = str(exc)
    HTTPAdapter = object  # type: ignore[assignment,misc]

# As sent, and decompressed. A list of a thousand tunnels has about one MiB.
LARGEST_BODY = 32 * 1024 * 1024
_PIECE = 64 * 1024

# A gzip stream may have several parts. More empty ones than this are an attack.
_MOST_PARTS = 100


class BodyError(Exception):
    """A body that is rejected. The text says why."""


class _Bounded(io.RawIOBase):
    """Reads from a socket until a fixed time."""

    def __init__(self, raw: t.Any, sock: t.Any) -> None:
        self._raw = raw
        self._sock = sock
        seconds = sock.gettimeout()
        self._end = None if seconds is None else time.monotonic() + seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: t.Any) -> int | None:
        if self._end is not None:
            left = self._end - time.monotonic()
            if left <= 0:
                raise TimeoutError("timed out")
            self._sock.settimeout(left)
        count: int | None = self._raw.readinto(buffer)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    """A response that must arrive, from its first byte to its last, within the time limit of the socket at the beginning."""

    def __init__(self, sock: t.Any, *args: t.Any, **kwargs: t.Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_Bounded(self.fp.detach(), sock))

    def begin(self) -> None:
        super().begin()
        if self.status < 200:
            # The answer proper may follow, and would be taken for that to the next request.
            self.will_close = True


def _watched(base: t.Any, wire: Wire) -> t.Any:
    """Return a class of connections that limits responses and notifies the adapter when it sends a request."""

    class Watched(base):  # type: ignore[misc]
        response_class = _Response
        connecting = False

        def connect(self) -> None:
            self.connecting = True  # what goes to a proxy now is not the request
            try:
                super().connect()
            finally:
                self.connecting = False

        def send(self, data: t.Any) -> None:
            if self.sock is None and self.auto_open:
                self.connect()
            wire.sent = wire.sent or not self.connecting
            super().send(data)

    return Watched


class Wire(HTTPAdapter):
    """The transport adapter for requests.

    :ivar sent: whether any byte of the request has gone out; to be set to False before each one.
    """

    def __init__(self) -> None:
        self.sent = False
        super().__init__()

    def _watch(self, manager: t.Any) -> t.Any:
        manager.pool_classes_by_scheme = {
            scheme: type(pool.__name__, (pool,), {"ConnectionCls": _watched(pool.ConnectionCls, self)})
            # Connections of a proxy can have another class.
            for scheme, pool in manager.pool_classes_by_scheme.items()
        }
        return manager

    # pylint: disable=no-member  # it takes the stand-in for the adapter, which is there only without requests

    def init_poolmanager(self, *args: t.Any, **kwargs: t.Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self._watch(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **kwargs: t.Any) -> t.Any:
        known = proxy in self.proxy_manager
        manager = super().proxy_manager_for(proxy, **kwargs)
        return manager if known else self._watch(manager)

    def send(self, request: requests.PreparedRequest, *args: t.Any, **kwargs: t.Any) -> requests.Response:
        proxy = select_proxy(request.url or "", kwargs.get("proxies"))
        if proxy and not parse_url(proxy).host:
            raise requests.exceptions.InvalidProxyURL("it has no host")
        return super().send(request, *args, **kwargs)


def read_body(answer: requests.Response) -> bytes:
    """Read the body of an answer that is a stream, and free its connection.

    :raises BodyError: if it is too large, or has a compression that is not allowed.
    """
    answer.raw.enforce_content_length = True  # urllib3 before 2.0 accepts an incomplete body as complete
    try:
        body = bytearray()
        while True:
            piece = answer.raw.read(_PIECE, decode_content=False)
            if not piece:
                break
            body += piece
            _check_size(body)
        packed = answer.headers.get("Content-Encoding", "").strip().lower()
        if packed in ("", "identity") or not body:
            return bytes(body)
        if packed not in ("gzip", "x-gzip"):
            raise BodyError("the body has a compression that was not requested.")
        return _unpacked(bytes(body))
    except BaseException:
        answer.close()
        raise


def _check_size(body: bytearray) -> None:
    if len(body) > LARGEST_BODY:
        raise BodyError(f"the body is larger than {LARGEST_BODY // 1024**2} MiB.")


def _unpacked(packed: bytes) -> bytes:
    body = bytearray()
    for number in range(_MOST_PARTS):
        unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS)
        try:
            body += unpacker.decompress(packed, LARGEST_BODY + 1 - len(body))
        except zlib.error:
            if number:
                break  # padding behind the last part
            raise BodyError("the body cannot be decompressed.") from None
        _check_size(body)
        if not unpacker.eof:
            raise BodyError("the body cannot be decompressed: its end is missing.")
        packed = unpacker.unused_data
        if not packed:
            break
    return bytes(body)
