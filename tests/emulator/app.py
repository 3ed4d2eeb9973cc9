# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The emulator's HTTP side: credentials, routes, envelopes, faults, and the control endpoints under /_emulator/.

Statuses and codes follow public reports; where there is none, "Choice" marks ours.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import secrets
import socket
import threading
import time
import traceback
from collections import deque
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Callable, Iterator

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from .faults import Faults
from .kinds import IPSEC, KINDS, ROUTE, ApiError, Json, Kind
from .state import Call, Credential, RateLimit, SeedError, State, from_timestamp

if TYPE_CHECKING:
    from .schema import Checker

PREFIX = "/client/v4"
_LOG = logging.getLogger("cloudflare_magic_emulator")
_MAX_BODY = 8 * 1024 * 1024
_NS = 10**9
_View = Callable[..., Response]

_NO_ROUTE = {"code": 7000, "message": "No route for that URI"}


def _no_route(status: int = 404) -> ApiError:
    return ApiError(status, 7003, "Could not route to the path, perhaps your object identifier is invalid?", more=[dict(_NO_ROUTE)])


def _json(body: Any, status: int = 200) -> Response:
    return Response(json.dumps(body), status, mimetype="application/json")


def _failure(status: int, errors: list[Json]) -> Response:
    return _json({"success": False, "errors": errors, "messages": [], "result": None}, status)


def _success(result: Any, messages: list[Json] | None = None, **more: Any) -> Response:
    return _json(dict({"success": True, "errors": [], "messages": messages or [], "result": result}, **more))


class Emulator:
    """One emulated Cloudflare with its Flask application in ``app``.

    Args:
        seed: the data to start with, and to return to on reset.
        quota: requests a credential may send in a window.
        window: seconds.
        latency: seconds that every API request waits before it is handled.
        checker: compares requests and answers with Cloudflare's description, or None.

    Raises:
        SeedError: if seed or rate limit make no sense.
    """

    def __init__(self, seed: Json, quota: int = 1200, window: float = 300.0, latency: float = 0.0, checker: Checker | None = None) -> None:
        self.state = State(seed)
        self.faults = Faults()
        self.checker = checker
        self._start = (seed, quota, window)
        self._latency = latency
        self._rate_limit = RateLimit(quota, window)
        self._lock = threading.Lock()
        # Bounded, because people also leave an emulator running.
        self._requests: deque[Json] = deque(maxlen=100000)
        self._violations: list[Json] = []
        self.app = Flask("cloudflare_magic_emulator", static_folder=None)
        self.app.config["MAX_CONTENT_LENGTH"] = _MAX_BODY
        self.app.url_map.merge_slashes = False
        self.app.before_request(self._before)
        self.app.after_request(self._after)
        self.app.register_error_handler(Exception, self._on_error)
        self._add_api()
        self._add_control()

    # --- every request

    def _before(self) -> Response | None:
        g.is_api = request.path == PREFIX or request.path.startswith(PREFIX + "/")
        body = request.get_data()
        if not g.is_api:
            return None
        try:
            text: str | None = body.decode("utf-8") if body else None
        except UnicodeDecodeError:
            text = body.decode("latin-1")
        g.body = text
        g.record = {
            "method": request.method,
            "path": request.path,
            "query": request.args.to_dict(),
            "query_string": request.query_string.decode("latin-1"),
            "headers": {name.lower(): value for name, value in request.headers.items()},
            "body": text,
            "status": None,
            "at": datetime.now(timezone.utc).isoformat(),
        }
        with self._lock:
            self._requests.append(g.record)
            rate_limit = self._rate_limit
        g.rate_limit = rate_limit
        if self._latency:
            time.sleep(self._latency)
        who = request.headers.get("Authorization") or request.headers.get("X-Auth-Email") or "anonymous"
        allowed, g.remaining, g.reset = rate_limit.take(who)
        if not allowed:
            answer = _failure(429, [{"code": 971, "message": "Please wait and consider throttling your request speed"}])
            answer.headers["Retry-After"] = str(g.reset)
            return answer
        g.fault = self.faults.take(request.method, request.path)
        if g.fault and g.fault["when"] == "before":
            if g.fault["kind"] == "slow":
                time.sleep(g.fault["seconds"])
            elif g.fault["kind"] == "cut_body":
                return _success({})
            else:
                return Response()
        g.credential = self._authenticate()
        return None

    def _after(self, answer: Response) -> Response:
        if not g.get("is_api"):
            return answer
        fault: Json | None = g.get("fault")
        if self.checker and "record" in g:
            where = {"method": request.method, "path": request.path}
            arguments = (request.method, request.path[len(PREFIX) :])
            found = self.checker.request(*arguments, request.args.to_dict(), g.record["headers"], g.body)
            if not fault or fault["kind"] == "slow":
                found += self.checker.answer(*arguments, request.args.to_dict(), answer.status_code, answer.get_data())
            if found:
                with self._lock:
                    self._violations.extend(dict(where, **violation) for violation in found)
        if fault:
            answer = self._carry_out(fault, answer)
        answer.headers["cf-ray"] = f"{secrets.token_hex(8)}-EMU"
        if "remaining" in g:
            answer.headers["Ratelimit"] = f'"default";r={g.remaining};t={g.reset}'
            answer.headers["Ratelimit-Policy"] = f'"default";q={g.rate_limit.quota};w={g.rate_limit.window:g}'
        if "record" in g:
            g.record["status"] = None if fault and fault["kind"] == "disconnect" else answer.status_code
        return answer

    def _on_error(self, error: Exception) -> Response:
        if isinstance(error, ApiError):
            return _failure(error.status, error.errors)
        if isinstance(error, RecursionError):
            return _failure(400, [{"code": 1022, "message": "Invalid Request: the body is nested too deeply"}])
        if isinstance(error, SeedError):
            return _json({"error": str(error)}, 400)
        if isinstance(error, HTTPException):
            status = error.code or 500
            if not g.get("is_api"):
                return _json({"error": f"{error.name}; GET /_emulator/ lists what there is"}, status)
            if status == 404:
                return _failure(404, _no_route().errors)
            if status == 405:
                return _failure(405, [{"code": 7001, "message": f"Method {request.method} not available for that URI"}])
            return _failure(status, [{"code": 1000, "message": error.name}])
        # Frames only: the text of an exception could quote a key.
        _LOG.error("unexpected %s in the emulator:\n%s", type(error).__name__, "".join(traceback.format_tb(error.__traceback__)))
        return _failure(500, [{"code": 1000, "message": "Internal Server Error"}])

    def _carry_out(self, fault: Json, answer: Response) -> Response:
        kind, connection = fault["kind"], request.environ.get("werkzeug.socket")
        if kind == "slow":
            if fault["when"] == "after":
                time.sleep(fault["seconds"])
            return answer
        if kind == "disconnect":
            if connection is not None:
                connection.shutdown(socket.SHUT_RDWR)
            return Response()
        if kind == "cut_body":
            return self._cut(answer, connection)
        if kind == "redirect":
            return Response("", fault["status"], {"Location": fault["location"]})
        if kind == "empty":
            return Response("", fault["status"], mimetype="application/json")
        if kind == "html":
            return Response(fault["body"], fault["status"], fault.get("headers"), mimetype="text/html")
        if kind == "no_success_field":
            return _json({"errors": [], "messages": [], "result": None}, fault["status"])
        errors = fault.get("errors", [{"code": fault["code"], "message": fault["message"]}])
        answer = _failure(fault["status"], errors)
        if "retry_after" in fault:
            answer.headers["Retry-After"] = "{:g}".format(fault["retry_after"])
        answer.headers.update(fault.get("headers", {}))
        return answer

    @staticmethod
    def _cut(answer: Response, connection: socket.socket | None) -> Response:
        data = answer.get_data()

        def half() -> Iterator[bytes]:
            yield data[: len(data) // 2]
            if connection is not None:
                connection.shutdown(socket.SHUT_RDWR)

        return Response(half(), answer.status_code, {"Content-Length": str(len(data))}, mimetype="application/json")

    # --- credentials

    def _authenticate(self) -> Credential:
        authorization = request.headers.get("Authorization")
        email, key = request.headers.get("X-Auth-Email"), request.headers.get("X-Auth-Key")
        if authorization is not None and (email is not None or key is not None):
            # Choice: Cloudflare does not say which of two credentials would win, so nobody may rely on it.
            raise ApiError(400, 6003, "Invalid request headers")
        if authorization is not None:
            match = re.match(r"^Bearer ([A-Za-z0-9._~+/=-]+)\Z", authorization)
            if not match or self.state.looks_like_key(match.group(1)):
                raise ApiError(400, 6003, "Invalid request headers", chain=[(6111, "Invalid format for Authorization header")])
            credential = self.state.token(match.group(1))
            if credential is None:
                if request.path.endswith("/tokens/verify"):
                    raise ApiError(401, 1000, "Invalid API Token")
                # Choice: 403, the status that users report with 9109.
                raise ApiError(403, 9109, "Invalid access token")
            return credential
        if not email or not key:
            raise ApiError(400, 9106, "Missing X-Auth-Key, X-Auth-Email or Authorization headers")
        chain = []
        if "@" not in email:
            chain.append((6102, "Invalid format for X-Auth-Email header"))
        if not re.match(r"^[A-Za-z0-9_-]+\Z", key) or self.state.looks_like_token(key):
            chain.append((6103, "Invalid format for X-Auth-Key header"))
        if chain:
            raise ApiError(400, 6003, "Invalid request headers", chain=chain)
        credential = self.state.key_pair(email, key)
        if credential is None:
            raise ApiError(403, 9103, "Unknown X-Auth-Key or X-Auth-Email")
        return credential

    def _account(self, account_id: str, wan: bool = False) -> Json:
        """Check that the credential may do this to the account, and that the account has Magic."""
        if not self.state.account_exists(account_id):
            raise _no_route()
        credential: Credential = g.credential
        if account_id not in credential.accounts or (request.method != "GET" and credential.permission != "write"):
            raise ApiError(403, 10000, "Authentication error")
        return self.state.magic_account(account_id, wan)

    # --- routes of the API

    def _add_api(self) -> None:
        magic = "/accounts/<account_id>/magic/"
        routes: list[tuple[str, str, _View]] = [
            ("GET", "/accounts", self._list_accounts),
            ("GET", "/user/tokens/verify", self._verify_user_token),
            ("GET", "/accounts/<account_id>/tokens/verify", self._verify_account_token),
            ("POST", magic + "ipsec_tunnels/psk", self._set_psks),
            ("POST", magic + "ipsec_tunnels/<tunnel_id>/psk_generate", self._generate_psk),
        ]
        for kind in KINDS:
            for_all, for_one = kind.methods
            routes += [(method, magic + kind.path, self._on_all(kind)) for method in for_all]
            routes += [(method, f"{magic}{kind.path}/<item_id>", self._on_one(kind)) for method in for_one]
        for absent in ("sites", "apps"):
            routes += [(method, magic + absent, self._absent) for method in ("GET", "POST")]
        for method, path, view in routes:
            self.app.add_url_rule(PREFIX + path, f"{method} {path}", view, methods=[method], provide_automatic_options=False)

    @staticmethod
    def _body() -> Any:
        if not g.body:
            raise ApiError(400, 1022, "Invalid Request: unexpected end of JSON input", "")
        try:
            return json.loads(g.body)
        except ValueError:
            raise ApiError(400, 1022, "Invalid Request: the body is not JSON", "") from None

    @staticmethod
    def _new_hc_target() -> bool:
        return request.headers.get("x-magic-new-hc-target", "").lower() == "true"

    @staticmethod
    def _validate_only() -> bool:
        text = request.args.get("validate_only", "false").lower()
        if text not in ("true", "false", "1", "0"):
            raise ApiError(400, 1022, "Invalid Request: validate_only must be true or false")
        return text in ("true", "1")

    def _list_accounts(self) -> Response:
        if g.credential.owner == "account":
            raise ApiError(400, 1001, "List accounts endpoint does not support account owned tokens.")
        found = [item for item in self.state.accounts(g.credential.accounts) if request.args.get("name", item["name"]) == item["name"]]
        found.sort(key=lambda item: str(item["name"]), reverse=request.args.get("direction") == "desc")
        page, size = request.args.get("page", 1, type=int), request.args.get("per_page", 20, type=int)
        part = found[(page - 1) * size : page * size] if page >= 1 and size >= 1 else []
        return _success(part, result_info={"page": page, "per_page": size, "count": len(part), "total_count": len(found)})

    @staticmethod
    def _verified() -> Response:
        if not g.credential.is_token:
            raise ApiError(400, 1001, 'Missing "Authorization" header')
        token_id = hashlib.sha256(g.credential.label.encode()).hexdigest()[:32]
        # Code 10000 is good news in messages, and an authentication error in errors.
        return _success({"id": token_id, "status": "active"}, [{"code": 10000, "message": "This API Token is valid and active", "type": None}])

    def _verify_user_token(self) -> Response:
        if g.credential.owner == "account":
            raise ApiError(401, 1000, "Invalid API Token")
        return self._verified()

    def _verify_account_token(self, account_id: str) -> Response:
        # Choice: a user's token is accepted too, if it may use the account.
        if not self.state.account_exists(account_id):
            raise _no_route()
        if account_id not in g.credential.accounts:
            raise ApiError(401, 1000, "Invalid API Token")
        return self._verified()

    def _call(self, kind: Kind, account_id: str) -> Call:
        self._account(account_id)
        # Choice: Cloudflare documents validate_only for each write but the deletion of routes, which therefore happens: the worst reading.
        heeded = request.method != "GET" and not (request.method == "DELETE" and kind is ROUTE)
        return Call(kind, account_id, self._new_hc_target(), heeded and self._validate_only())

    def _on_all(self, kind: Kind) -> _View:
        """Return a view for all objects of a kind."""

        def view(account_id: str) -> Response:
            call = self._call(kind, account_id)
            if request.method == "GET":
                return _success(self.state.read_all(call))
            if request.method == "DELETE":
                return _success(self.state.delete_many(call, self._body() if g.body else None))
            return _success((self.state.create if request.method == "POST" else self.state.update_many)(call, self._body()))

        return view

    def _on_one(self, kind: Kind) -> _View:
        """Return a view for one object of a kind."""

        def view(account_id: str, item_id: str) -> Response:
            call = self._call(kind, account_id)
            if request.method == "GET":
                return _success(self.state.read(call, item_id))
            if request.method == "DELETE":
                return _success(self.state.delete(call, item_id))
            return _success(self.state.update(call, item_id, self._body()))

        return view

    def _set_psks(self, account_id: str) -> Response:
        call = self._call(IPSEC, account_id)
        return _success(self.state.set_psks(account_id, self._body(), call.validate_only))

    def _generate_psk(self, account_id: str, tunnel_id: str) -> Response:
        call = self._call(IPSEC, account_id)
        return _success(self.state.generate_psk(account_id, tunnel_id, call.validate_only))

    def _absent(self, account_id: str) -> Response:
        self._account(account_id, wan=True)
        raise ApiError(404, 7003, "The emulator does not have this part of the API", more=[dict(_NO_ROUTE)])

    # --- control

    def _add_control(self) -> None:
        routes: list[tuple[str, str, _View]] = [
            ("GET", "", self._index),
            ("GET", "requests", self._get_requests),
            ("DELETE", "requests", self._clear_requests),
            ("GET", "keys", lambda: _json(self.state.keys())),
            ("GET", "key_log", lambda: _json(self.state.key_log())),
            ("GET", "state", lambda: _json(self.state.export())),
            ("PUT", "state", self._put_state),
            ("POST", "reset", self._reset),
            ("GET", "faults", lambda: _json(self.faults.pending())),
            ("POST", "faults", lambda: _json(self.faults.add(self._wish()))),
            ("DELETE", "faults", self._clear_faults),
            ("GET", "rate_limit", self._get_rate_limit),
            ("PUT", "rate_limit", self._put_rate_limit),
            ("GET", "violations", self._get_violations),
            ("DELETE", "violations", self._clear_violations),
            ("PUT", "tunnels/<tunnel_id>", self._put_age),
        ]
        for method, path, view in routes:
            self.app.add_url_rule("/_emulator/" + path, f"control {method} {path}", view, methods=[method], provide_automatic_options=False)

    @staticmethod
    def _wish() -> Any:
        try:
            return json.loads(request.get_data() or b"null")
        except ValueError:
            raise SeedError("the body is not JSON") from None

    def _index(self) -> Response:
        found: dict[str, list[str]] = {}
        for rule in self.app.url_map.iter_rules():
            if rule.rule.startswith("/_emulator/"):
                found.setdefault(rule.rule, []).extend(sorted((rule.methods or set()) - {"HEAD"}))
        return _json(found)

    def _get_requests(self) -> Response:
        with self._lock:
            return _json([dict(record) for record in self._requests])

    def _clear_requests(self) -> Response:
        with self._lock:
            self._requests.clear()
        return _json([])

    def _put_state(self) -> Response:
        self.state.replace(self._wish())
        return _json(self.state.export())

    def _reset(self) -> Response:
        seed, quota, window = self._start
        self.state.replace(seed)
        self.faults.clear()
        with self._lock:
            self._rate_limit = RateLimit(quota, window)
            self._requests.clear()
            self._violations.clear()
        return _json({})

    def _clear_faults(self) -> Response:
        self.faults.clear()
        return _json([])

    def _get_rate_limit(self) -> Response:
        with self._lock:
            return _json({"quota": self._rate_limit.quota, "seconds": self._rate_limit.window})

    def _put_rate_limit(self) -> Response:
        given = self._wish()
        try:
            limit = RateLimit(int(given["quota"]), float(given["seconds"]))
        except (KeyError, TypeError, ValueError):
            raise SeedError("a rate limit is {quota: requests, at least 1; seconds: length of the window}") from None
        with self._lock:
            self._rate_limit = limit
        return self._get_rate_limit()

    def _get_violations(self) -> Response:
        with self._lock:
            return _json(list(self._violations))

    def _clear_violations(self) -> Response:
        with self._lock:
            self._violations.clear()
        return _json([])

    def _put_age(self, tunnel_id: str) -> Response:
        given = self._wish()
        if not isinstance(given, dict) or len(given) != 1 or set(given) - {"last_generated_on", "age_seconds"}:
            raise SeedError("give either last_generated_on (a timestamp, or null for never) or age_seconds")
        generated: int | None = None
        if "age_seconds" in given:
            if isinstance(given["age_seconds"], bool) or not isinstance(given["age_seconds"], (int, float)):
                raise SeedError("age_seconds must be a number")
            generated = time.time_ns() - int(given["age_seconds"] * _NS)
        elif given["last_generated_on"] is not None:
            generated = from_timestamp(str(given["last_generated_on"]))
        self.state.set_generated(tunnel_id, generated)
        return _json({})
