# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The emulator's HTTP side: who may ask, credentials, and the routes of the API.

Statuses and codes follow public reports; where there is none, "Choice" marks ours.
"""

from __future__ import annotations

import hashlib
import logging
import re
import secrets
import threading
import time
import traceback
from collections import deque
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Callable

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from . import graphql, spoil
from .control import Control
from .envelope import as_json, failure, success
from .faults import Faults
from .guard import HEADER, Mask, new_token, objection, same
from .kinds import IPSEC, KINDS, ROUTE, Kind
from .moments import SeedError
from .plain import Plain
from .state import Call, Credential, RateLimit, State
from .strict import loads
from .tree import CONNECTOR, MNM_CONFIG, TREE, VERSION, address_of
from .values import ApiError, Json

if TYPE_CHECKING:
    from .schema import Checker

PREFIX = "/client/v4"
_GRAPHQL = PREFIX + "/graphql"
_LOG = logging.getLogger("cloudflare_magic_emulator")
_MAX_BODY = 8 * 1024 * 1024
# Queries, and seconds: https://developers.cloudflare.com/analytics/graphql-api/limits/
_GRAPHQL_LIMIT = (300, 300.0)
_View = Callable[..., Response]

_NO_ROUTE = {"code": 7000, "message": "No route for that URI"}


def _no_route(status: int = 404) -> ApiError:
    return ApiError(status, 7003, "Could not route to the path, perhaps your object identifier is invalid?", more=[dict(_NO_ROUTE)])


def _whole(record: Json, what: str) -> Json:
    """Return a record as it is shown alone."""
    return {"e": {"k": record["k"]}, "n": record["n"], "t": record["t"], "v": VERSION} if what == "events" else {k: v for k, v in record.items() if k != "a"}


class Emulator:
    """One emulated Cloudflare with its Flask application in ``app``.

    Args:
        seed: the data to start with, and to return to on reset.
        quota: requests a credential may send in a window.
        window: seconds.
        latency: seconds that every API request waits before it is handled.
        checker: compares requests and answers with Cloudflare's description, or None.
        token: for the control endpoints; a new one if there is none.

    Raises:
        SeedError: if seed or rate limit make no sense.
    """

    def __init__(
        self, seed: Json, quota: int = 1200, window: float = 300.0, latency: float = 0.0, checker: Checker | None = None, token: str | None = None
    ) -> None:
        self.state = State(seed)
        self.faults = Faults()
        self.checker = checker
        self.token = token or new_token()
        self.rate_limit = RateLimit(quota, window)
        self.graphql_rate_limit = RateLimit(*_GRAPHQL_LIMIT)
        self._start = (seed, quota, window)
        self._latency = latency
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
        Control(self)

    def route(self, method: str, path: str, view: _View) -> None:
        """Add a view for one method alone: Flask would answer HEAD with those for GET."""
        self.app.add_url_rule(path, f"{method} {path}", view, methods=[method], provide_automatic_options=False)
        for rule in self.app.url_map.iter_rules(f"{method} {path}"):
            (rule.methods or set()).intersection_update({method})

    # --- every request

    def _before(self) -> Response | None:
        g.is_api = False
        is_api = request.path == PREFIX or request.path.startswith(PREFIX + "/")
        reason = objection(request.environ)
        if reason:
            return failure(403, [{"code": 1000, "message": reason}]) if is_api else as_json({"error": reason}, 403)
        if not is_api:
            if not same(request.headers.get(HEADER, ""), self.token):
                return as_json({"error": f"paths outside {PREFIX} need the header {HEADER}; the emulator prints the token when it starts"}, 401)
            request.get_data()
            return None
        g.is_api = True
        g.body = self._text(request.get_data())
        g.mask = mask = Mask(request.headers.items(), self.state.secrets(), self.token)
        g.record = {
            "method": request.method,
            "path": mask.text(request.path),
            "query": {mask.text(name): mask.text(value) for name, value in request.args.to_dict().items()},
            "query_string": mask.text(request.query_string.decode("latin-1")),
            "headers": mask.headers(),
            "body": g.body if g.body is None else mask.text(g.body),
            "status": None,
            "at": datetime.now(timezone.utc).isoformat(),
        }
        with self._lock:
            self._requests.append(g.record)
        g.rate_limit = self.rate_limit
        if self._latency:
            time.sleep(self._latency)
        who = request.headers.get("Authorization") or request.headers.get("X-Auth-Email") or "anonymous"
        allowed, g.remaining, g.reset = g.rate_limit.take(who)
        if not allowed:
            answer = failure(429, [{"code": 971, "message": "Please wait and consider throttling your request speed"}])
            answer.headers["Retry-After"] = str(g.reset)
            return answer
        g.fault = self.faults.take(request.method, request.path, g.body)
        early = spoil.before(g.fault) if g.fault and g.fault["when"] == "before" else None
        if early is None:
            g.credential = self._authenticate()
        return early

    @staticmethod
    def _text(body: bytes) -> str | None:
        try:
            return body.decode("utf-8") if body else None
        except UnicodeDecodeError:
            return body.decode("latin-1")

    def _after(self, answer: Response) -> Response:
        if not g.get("is_api"):
            return answer
        fault: Json | None = g.get("fault")
        # Of GraphQL, there is no description to compare with.
        if self.checker and "record" in g and request.path != _GRAPHQL:
            where = {"method": request.method, "path": g.record["path"]}
            arguments = (request.method, request.path[len(PREFIX) :])
            found = self.checker.request(*arguments, request.args.to_dict(), g.record["headers"], g.body)
            if not fault or fault["kind"] == "slow":
                found += self.checker.answer(*arguments, request.args.to_dict(), answer.status_code, answer.get_data())
            if found:
                with self._lock:
                    self._violations.extend(dict(where, **{name: g.mask.text(text) for name, text in violation.items()}) for violation in found)
        if fault:
            answer = spoil.after(fault, answer, self.state, g.body)
        answer.headers["cf-ray"] = f"{secrets.token_hex(8)}-EMU"
        if "remaining" in g:
            answer.headers["Ratelimit"] = f'"default";r={g.remaining};t={g.reset}'
            answer.headers["Ratelimit-Policy"] = f'"default";q={g.rate_limit.quota};w={g.rate_limit.window:g}'
        if "record" in g:
            g.record["status"] = None if fault and fault["kind"] == "disconnect" else answer.status_code
        return answer

    def _on_error(self, error: Exception) -> Response:
        if isinstance(error, ApiError):
            return failure(error.status, error.errors)
        if isinstance(error, RecursionError) and not g.get("is_api"):
            return as_json({"error": "the body is nested too deeply"}, 400)
        if isinstance(error, RecursionError):
            return failure(400, [{"code": 1022, "message": "Invalid Request: the body is nested too deeply"}])
        if isinstance(error, SeedError):
            return as_json({"error": str(error)}, 400)
        if isinstance(error, HTTPException):
            status = error.code or 500
            if not g.get("is_api"):
                return as_json({"error": f"{error.name}; GET /_emulator/ lists the endpoints"}, status)
            if status == 404:
                return failure(404, _no_route().errors)
            if status == 405:
                return failure(405, [{"code": 7001, "message": f"Method {request.method} not available for that URI"}])
            return failure(status, [{"code": 1000, "message": error.name}])
        # Frames only: the text of an exception could quote a key.
        _LOG.error("unexpected %s in the emulator:\n%s", type(error).__name__, "".join(traceback.format_tb(error.__traceback__)))
        return failure(500, [{"code": 1000, "message": "Internal Server Error"}])

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
        needed = ("read", "write") if request.method == "GET" else ("write",)
        if account_id not in credential.accounts or credential.permission not in needed:
            raise ApiError(403, 10000, "Authentication error")
        return self.state.magic_account(account_id, wan)

    # --- routes of the API

    def _add_api(self) -> None:
        magic = "/accounts/<account_id>/magic/"
        routes: list[tuple[str, str, _View]] = [
            ("GET", "/accounts", self._list_accounts),
            ("POST", "/graphql", self._graphql),
            ("GET", "/user/tokens/verify", self._verify_user_token),
            ("GET", "/accounts/<account_id>/tokens/verify", self._verify_account_token),
            ("POST", magic + "ipsec_tunnels/psk", self._set_psks),
            ("POST", magic + "ipsec_tunnels/<tunnel_id>/psk_generate", self._generate_psk),
        ]
        for kind in KINDS:
            for_all, for_one = kind.methods
            routes += [(method, magic + kind.path, self._on_all(kind, method)) for method in for_all]
            routes += [(method, f"{magic}{kind.path}/<item_id>", self._on_one(kind, method)) for method in for_one]
        for kind in TREE:
            for_all, for_one = kind.methods
            address = f"/accounts/<account_id>/{address_of(kind)}"
            routes += [(method, address, self._on_plain(kind, method)) for method in for_all]
            routes += [(method, f"{address}/<item_id>", self._on_plain(kind, method)) for method in for_one]
        mnm, telemetry = "/accounts/<account_id>/mnm/", magic + "connectors/<item_id>/telemetry/"
        routes += [
            ("GET", mnm + "config/full", self._on_plain(MNM_CONFIG, "GET")),
            ("PUT", mnm + "rules", lambda account_id: self._with_tree(account_id, lambda tree: tree.put_rule(account_id, self._body()))),
            ("PATCH", mnm + "rules/<item_id>/advertisement", self._toggle),
        ]
        for what in ("events", "snapshots"):
            routes += [("GET", telemetry + what, self._telemetry(what)), ("GET", f"{telemetry}{what}/latest", self._latest(what))]
            routes.append(("GET", telemetry + what + ("/<moment>.<number>" if what == "events" else "/<moment>"), self._record(what)))
        for method, path, view in routes:
            self.route(method, PREFIX + path, view)

    @staticmethod
    def _body() -> Any:
        if not g.body:
            raise ApiError(400, 1022, "Invalid Request: unexpected end of JSON input", "")
        try:
            return loads(g.body)
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
        return success(part, result_info={"page": page, "per_page": size, "count": len(part), "total_count": len(found)})

    @staticmethod
    def _verified() -> Response:
        if not g.credential.is_token:
            raise ApiError(400, 1001, 'Missing "Authorization" header')
        token_id = hashlib.sha256(g.credential.label.encode()).hexdigest()[:32]
        # Code 10000 is good news in messages, and an authentication error in errors.
        return success({"id": token_id, "status": "active"}, [{"code": 10000, "message": "This API Token is valid and active", "type": None}])

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
        return Call(kind, account_id, self._new_hc_target(), (heeded and self._validate_only()) or spoil.pretends(g.fault))

    def _on_all(self, kind: Kind, method: str) -> _View:
        """Return a view for all objects of a kind, and for no method but this one."""
        state = self.state
        work: dict[str, Callable[[Call], Json]] = {
            "GET": state.read_all,
            "POST": lambda call: state.create(call, self._body()),
            "PUT": lambda call: state.update_many(call, self._body()),
            "DELETE": lambda call: state.delete_many(call, self._body() if g.body else None),
        }
        return lambda account_id: success(work[method](self._call(kind, account_id)))

    def _on_one(self, kind: Kind, method: str) -> _View:
        """Return a view for one object of a kind, and for no method but this one."""
        state = self.state
        work: dict[str, Callable[[Call, str], Json]] = {
            "GET": state.read,
            "PUT": lambda call, item_id: state.update(call, item_id, self._body()),
            "DELETE": state.delete,
        }
        return lambda account_id, item_id: success(work[method](self._call(kind, account_id), item_id))

    def _set_psks(self, account_id: str) -> Response:
        call = self._call(IPSEC, account_id)
        return success(self.state.set_psks(account_id, self._body(), call.validate_only))

    def _generate_psk(self, account_id: str, tunnel_id: str) -> Response:
        call = self._call(IPSEC, account_id)
        return success(self.state.generate_psk(account_id, tunnel_id, call.validate_only, spoil.pretends(g.fault)))

    # --- the kinds of tree.py

    def _with_tree(self, account_id: str, work: Callable[[Plain], Any], wan: bool = False, status: int = 200) -> Response:
        self._account(account_id, wan)
        with self.state.lock:
            result = work(self.state.plain)
            if request.method != "GET":
                self.state.let_connectors_work(account_id)
            return success(result, status=status)

    def _on_plain(self, kind: Kind, method: str) -> _View:
        """Return a view for the objects of a kind, and for no method but this one."""
        form = kind.form
        assert form is not None

        def view(account_id: str, parent_id: str = "", item_id: str = "") -> Response:
            where, keep = (kind, account_id, parent_id), not spoil.pretends(g.fault)
            one = bool(item_id) or form.single
            work: dict[str, Callable[[Plain], Any]] = {
                "GET": lambda tree: tree.read(*where, item_id) if one else tree.read_all(*where, request.args.to_dict()),
                "POST": lambda tree: tree.create(*where, self._body(), keep),
                "PUT": lambda tree: tree.update(*where, item_id, self._body(), True, keep),
                "PATCH": lambda tree: tree.update(*where, item_id, self._body(), False, keep),
                "DELETE": lambda tree: tree.delete(*where, item_id, keep),
            }
            return self._with_tree(account_id, work[method], form.wan, form.created if method == "POST" else 200)

        return view

    def _toggle(self, account_id: str, item_id: str) -> Response:
        return self._with_tree(account_id, lambda tree: tree.toggle_advertisement(account_id, item_id))

    def _records(self, what: str, tree: Plain, account_id: str, item_id: str) -> list[Json]:
        return list(tree.find(CONNECTOR, account_id, "", item_id).fields.get(what, ()))

    def _telemetry(self, what: str) -> _View:
        """Return a view for the records of a connector between two times, a page at a time."""

        def read(tree: Plain, account_id: str, item_id: str) -> Json:
            start, end, limit = (request.args.get(name, default, type=float) for name, default in (("from", None), ("to", None), ("limit", 100.0)))
            if start is None or end is None or not limit or limit < 1:
                raise ApiError(400, 1022, "Invalid Request: from and to must be seconds since 1970, and limit at least 1")
            found = [item for item in self._records(what, tree, account_id, item_id) if start <= item["t"] <= end]
            found = [item for item in found if request.args.get("k", item.get("k")) == item.get("k")]
            first = request.args.get("cursor", 0, type=int)
            page = found[first : first + int(limit)]
            items = [{name: item[name] for name in (("a", "k", "n", "t") if what == "events" else ("a", "t"))} for item in page]
            more = {"cursor": str(first + len(page))} if len(found) > first + len(page) else {}
            return {"count": len(items), "items": items, **more}

        return lambda account_id, item_id: self._with_tree(account_id, lambda tree: read(tree, account_id, item_id), wan=True)

    def _latest(self, what: str) -> _View:
        """Return a view for the newest records of a connector."""

        def read(tree: Plain, account_id: str, item_id: str) -> Json:
            found = self._records(what, tree, account_id, item_id)[-(10 if what == "events" else 1) :]
            return {"count": len(found), "items": [_whole(item, what) for item in reversed(found)]}

        return lambda account_id, item_id: self._with_tree(account_id, lambda tree: read(tree, account_id, item_id), wan=True)

    def _record(self, what: str) -> _View:
        """Return a view for one record of a connector."""

        def read(tree: Plain, account_id: str, item_id: str, names: tuple[str, ...]) -> Json:
            for item in self._records(what, tree, account_id, item_id):
                if tuple(str(item[name]) for name in ("t", "n")[: len(names)]) == names:
                    return _whole(item, what)
            raise ApiError(404, CONNECTOR.missing[0], "no such record")

        def view(account_id: str, item_id: str, moment: str, number: str = "") -> Response:
            names = (moment, number) if number else (moment,)
            return self._with_tree(account_id, lambda tree: read(tree, account_id, item_id, names), wan=True)

        return view

    # --- analytics

    def _graphql(self) -> Response:
        who = request.headers.get("Authorization") or request.headers.get("X-Auth-Email") or "anonymous"
        allowed, _remaining, reset = self.graphql_rate_limit.take(who)
        try:
            if not allowed:
                raise graphql.GraphQLError("rate limiter budget depleted, try again after 5 minutes", 429)
            return as_json(self._health(graphql.read(self._body())))
        except graphql.GraphQLError as error:
            # Too many requests have their status in any case.
            answer = as_json(error.body(), error.status if error.status == 429 or self.state.setting("graphql_statuses") else 200)
            if not allowed:
                answer.headers["Retry-After"] = str(reset)
            return answer

    def _health(self, question: graphql.Question) -> Json:
        credential: Credential = g.credential
        # Choice: of an account that there is not, nobody learns more than of one that is not theirs.
        if question.account_id not in credential.accounts or not credential.analytics or not self.state.account_exists(question.account_id):
            raise graphql.not_authorized()
        if not self.state.has_magic(question.account_id):
            raise graphql.GraphQLError(f"account '{question.account_id}' does not have access to the path", 403, "authz")
        tunnels = self.state.tunnel_names(question.account_id)
        return question.answer(self.state.health.rows(question.account_id, tunnels, question.span, question.wanted, question.order))

    # --- what the control endpoints do

    def recorded(self) -> list[Json]:
        """Return the requests so far."""
        with self._lock:
            return [dict(record) for record in self._requests]

    def forget_requests(self) -> None:
        """Forget them."""
        with self._lock:
            self._requests.clear()

    def violations(self) -> list[Json]:
        """Return where requests or answers differ from the description."""
        with self._lock:
            return list(self._violations)

    def forget_violations(self) -> None:
        """Forget them."""
        with self._lock:
            self._violations.clear()

    def reset(self, seed: Json | None = None) -> None:
        """Return to the start, or begin with another seed."""
        start, quota, window = self._start
        self.state.replace(start if seed is None else seed)
        self.faults.reset()
        self.rate_limit = RateLimit(quota, window)
        self.graphql_rate_limit = RateLimit(*_GRAPHQL_LIMIT)
        self.forget_requests()
        self.forget_violations()

    def scrub(self, text: str) -> str:
        """Return a text without the credentials that there are."""
        return Mask((), self.state.secrets(), self.token).text(text)
