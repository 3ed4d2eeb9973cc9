# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The emulated Cloudflare in this process, below the session of a real client, and runs of ``cloudflare.magic.network`` against it.

Everything from the action's work down to the HTTP request is the real thing; a request does not go through a socket, but straight into the emulator. A test can
come between: end the process before, in or after a request, lose an answer, or change what it says.
"""

from __future__ import annotations

import copy
import functools
import io
import json
import types
import typing as t
from contextlib import nullcontext
from urllib.parse import urlsplit

import requests
import urllib3

from ansible_collections.cloudflare.magic.plugins.action import network
from ansible_collections.cloudflare.magic.plugins.module_utils import _design
from ansible_collections.cloudflare.magic.plugins.module_utils._client import Client
from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._module import failed
from ansible_collections.cloudflare.magic.plugins.module_utils._settings import resolve
from ansible_collections.cloudflare.magic.tests.emulator.app import Emulator
from ansible_collections.cloudflare.magic.tests.emulator.seed import ACCOUNT_ID, WRITE_TOKEN, default_seed

Json = dict[str, t.Any]
KINDS = ("ipsec_tunnels", "gre_tunnels", "interconnects", "routes")
FILTERS = ("f1", "f2")
# What the kinds are called in a design.
IN_DESIGN = {kind: "static_routes" if kind == "routes" else kind for kind in KINDS}
ABOVE = f"/client/v4/accounts/{ACCOUNT_ID}/"
PREFIX = f"{ABOVE}magic/"


class Request(t.NamedTuple):
    """A request on its way, or one that was sent."""

    method: str
    path: str
    query: str
    body: t.Any

    @property
    def is_write(self) -> bool:
        return self.method != "GET"

    @property
    def validates(self) -> bool:
        return "validate_only=true" in self.query

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class Reply(t.NamedTuple):
    """An answer on its way."""

    status: int
    headers: Json
    body: bytes


# Gets a request and what hands it on; returns the answer, or raises what a session raises.
Between = t.Callable[[Request, t.Callable[[], Reply]], Reply]


class _Way(requests.adapters.BaseAdapter):
    """Takes the place of the way to the network."""

    def __init__(self, cloud: Cloud) -> None:
        super().__init__()
        self._cloud = cloud
        self.sent = False

    def send(self, request: requests.PreparedRequest, *dummy_args: t.Any, **dummy_options: t.Any) -> requests.Response:
        self.sent = True
        reply = self._cloud.answer(request)
        response = requests.Response()
        response.status_code, response.headers, response.request = reply.status, requests.structures.CaseInsensitiveDict(reply.headers), request
        response.raw = urllib3.HTTPResponse(io.BytesIO(reply.body), preload_content=False)
        return response

    def close(self) -> None:
        """There is nothing to close."""


@functools.cache
def _emulator() -> Emulator:
    return Emulator(default_seed(), quota=10**9)


def seed(settings: t.Any = None, account: t.Any = None, **objects: t.Any) -> Json:
    """Return an account with these objects, as the emulator takes it."""
    base = default_seed()
    own = {**base["accounts"][0], "coupler_integration": True, **(account or {})}
    found: Json = {kind: [{"account_id": ACCOUNT_ID, **item} for item in objects.get(kind, [])] for kind in KINDS}
    # What the BGP of tunnels may name.
    profile = {"account_id": ACCOUNT_ID, "match_action": "allow", "targets": ["10.0.0.0/8"]}
    found["bgp_filter_profiles"] = [{**profile, "id": name, "name": name} for name in FILTERS]
    return {"settings": settings or {}, "accounts": [own], "tokens": [{"token": WRITE_TOKEN, "permission": "write", "accounts": [ACCOUNT_ID]}], **found}


class Cloud:
    """An account and the runs that change it.

    :ivar sent: the requests since the last run began.
    :ivar between: comes between the client and the account.
    """

    def __init__(self, data: Json) -> None:
        self._emulator = _emulator()
        self._emulator.reset(data)
        self.sent: list[Request] = []
        self.between: Between = lambda dummy_request, forward: forward()
        self.notices: list[str] = []
        settings = resolve({"account_id": ACCOUNT_ID, "api_url": "http://127.0.0.1/client/v4", "api_token": WRITE_TOKEN, "max_retries": 1, "timeout": 1.0}, {})
        self._client = Client(settings, backoff=0.0)
        self._client._session.mount("http://", _Way(self))

    # --- what it has

    def export(self) -> Json:
        """Return all that the account has, keys included."""
        return self._emulator.state.export()

    def replace(self, data: Json) -> None:
        """Put the account into the state of an ``export``."""
        self._emulator.state.replace(copy.deepcopy(data))

    def objects(self, kind: str) -> dict[str, Json]:
        """Return the objects of a kind by their ids, with the fields that matter."""
        return {item["id"]: plain(item) for item in self.export()[kind]}

    def everything(self) -> dict[str, dict[str, Json]]:
        exported = self.export()
        return {kind: {item["id"]: plain(item) for item in exported[kind]} for kind in KINDS}

    # --- requests

    def answer(self, request: requests.PreparedRequest) -> Reply:
        parts = urlsplit(str(request.url))
        assert parts.path.startswith(ABOVE), parts.path
        body = request.body or b""
        data = body.encode() if isinstance(body, str) else body
        seen = Request(
            str(request.method), parts.path[len(PREFIX if parts.path.startswith(PREFIX) else ABOVE) :], parts.query, json.loads(data) if data else None
        )
        self.sent.append(seen)
        return self.between(seen, lambda: self._hand_on(request, parts.path, parts.query, data))

    def _hand_on(self, request: requests.PreparedRequest, path: str, query: str, data: bytes) -> Reply:
        environ: dict[str, t.Any] = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in request.headers.items()}
        environ.update({"REQUEST_METHOD": request.method, "PATH_INFO": path, "QUERY_STRING": query, "SERVER_NAME": "127.0.0.1", "SERVER_PORT": "80"})
        environ.update({"HTTP_HOST": "127.0.0.1", "SERVER_PROTOCOL": "HTTP/1.1", "SCRIPT_NAME": "", "CONTENT_TYPE": "application/json"})
        environ.update({"CONTENT_LENGTH": str(len(data)), "wsgi.input": io.BytesIO(data), "wsgi.errors": io.StringIO(), "wsgi.url_scheme": "http"})
        environ.update({"wsgi.version": (1, 0), "wsgi.multithread": False, "wsgi.multiprocess": False, "wsgi.run_once": False})
        started: list[t.Any] = []

        def start(status: str, headers: t.Any, dummy: t.Any = None) -> t.Any:
            started.extend((status, headers))

        pieces = self._emulator.app(environ, start)
        answer = b"".join(pieces)
        return Reply(int(started[0][:3]), dict(started[1]), answer)

    # --- runs

    def run(self, config: t.Any, state: str = "merged", check: bool = False, foreseen: list[t.Any] | None = None, **options: t.Any) -> Json:
        """Run the module, and return its result.

        :arg foreseen: what the tasks of a run would have written in check mode.
        """
        action: t.Any = object.__new__(network.ActionModule)
        action._task = types.SimpleNamespace(check_mode=check, diff=True)
        defaults = {name: option.get("default") for name, option in _design.OPTIONS.argument_spec.items()}
        action.options = {**defaults, "config": config, "state": state, **options}
        self.notices = []
        action.notice = self.notices.append
        action.foresight = lambda: nullcontext([] if foreseen is None else foreseen)
        self.sent = []
        try:
            _design.check_options(action.options)
            result: Json = action.work(self._client)
            return result
        except MagicError as error:
            return failed(error)

    @property
    def writes(self) -> list[Request]:
        """The writes of the last run that were to change something."""
        return [request for request in self.sent if request.is_write and not request.validates]

    @property
    def lists(self) -> list[str]:
        return [request.path for request in self.sent if not request.is_write]


def plain(item: t.Any) -> t.Any:
    """Return what matters of an object: not when it was changed, not what is nothing, lists in one order."""
    if isinstance(item, dict):
        left = {name: plain(value) for name, value in item.items() if name not in ("id", "account_id", "created_on", "modified_on", "psk_metadata")}
        if left.get("direction") == "bidirectional":
            # Cloudflare ignores the target then.
            left.pop("target", None)
        return {name: left[name] for name in sorted(left) if left[name] not in (None, "", [], {}, False, 0)}
    if isinstance(item, list):
        return sorted({repr(entry): entry for entry in item}.values(), key=repr)
    return item
