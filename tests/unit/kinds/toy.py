# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A server in this process that keeps whatever is sent to a path, for kinds that the emulator does not know, because a test has made them up."""

from __future__ import annotations

import io
import itertools
import json
import typing as t

import requests
import urllib3

from ansible_collections.cloudflare.magic.plugins.module_utils._client import Client
from ansible_collections.cloudflare.magic.plugins.module_utils._settings import resolve

ACCOUNT = "023e105f4ecef8ad9ca31a8372d0c353"
Json = dict[str, t.Any]


class Toy(requests.adapters.BaseAdapter):
    """Lists, with objects in them, by their paths.

    :ivar objects: the objects of each path.
    :ivar seen: method, path and body of each request.
    :ivar singles: the last parts of the paths at which there is one object, and no list.
    """

    def __init__(self, singles: t.Container[str] = (), id_field: str = "id") -> None:
        super().__init__()
        self.objects: dict[str, list[Json]] = {}
        self.seen: list[tuple[str, str, t.Any]] = []
        self.sent = False
        self._singles, self._id_field, self._numbers = singles, id_field, itertools.count(1)
        settings = resolve({"account_id": ACCOUNT, "api_url": "http://127.0.0.1/client/v4", "api_token": "toy", "max_retries": 0, "timeout": 1.0}, {})
        self.client = Client(settings, backoff=0.0)
        self.client._session.mount("http://", self)

    def send(self, request: requests.PreparedRequest, *dummy_args: t.Any, **dummy_options: t.Any) -> requests.Response:
        self.sent = True
        body = json.loads(request.body) if request.body else None
        path = str(request.path_url).split(f"/accounts/{ACCOUNT}/")[1]
        self.seen.append((str(request.method), path, body))
        status, result = self._answer(str(request.method), path, body)
        response = requests.Response()
        response.status_code, response.request = status, request
        response.headers = requests.structures.CaseInsensitiveDict({"Content-Type": "application/json"})
        errors = [] if status < 400 else [{"code": 1001, "message": "not found"}]
        answer = {"success": status < 400, "errors": errors, "messages": [], "result": result}
        response.raw = urllib3.HTTPResponse(io.BytesIO(json.dumps(answer).encode()), preload_content=False)
        return response

    def _answer(self, method: str, path: str, body: t.Any) -> tuple[int, t.Any]:
        if method == "POST":
            one = {self._id_field: f"{next(self._numbers):032x}", **(body[0] if isinstance(body, list) else body)}
            self.objects.setdefault(path, []).append(one)
            return 201, [one] if isinstance(body, list) else one
        whole = path.rpartition("/")[2] in self._singles
        above, dummy, object_id = (path, "", "") if whole else path.rpartition("/")
        if not whole and method == "GET":
            return 200, self.objects.get(path, [])
        found = [item for item in self.objects.get(above, []) if whole or item[self._id_field] == object_id]
        if not found:
            return 404, None
        if method == "DELETE":
            self.objects[above].remove(found[0])
        elif method != "GET":
            found[0].update(body)
        return 200, found[0]

    def close(self) -> None:
        """There is nothing to close."""
