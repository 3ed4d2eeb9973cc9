# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The control endpoints under /_emulator/: what tests and curious people ask the emulator itself, and not the API that it stands in for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable

from flask import Response, request

from .envelope import as_json
from .moments import SeedError, from_age, from_timestamp
from .state import RateLimit
from .strict import loads

if TYPE_CHECKING:
    from .app import Emulator

PREFIX = "/_emulator/"


def _wish() -> Any:
    try:
        return loads(request.get_data() or b"null")
    except ValueError as error:
        raise SeedError(f"the body is not JSON: {error}") from None


class Control:
    """Adds the control endpoints to an emulator's application. Anyone who gets here has shown the token.

    Args:
        emulator: which of them.
    """

    def __init__(self, emulator: Emulator) -> None:
        self._of = emulator
        routes: list[tuple[str, str, Callable[..., Any]]] = [
            ("GET", "", self._index),
            ("GET", "requests", emulator.recorded),
            ("DELETE", "requests", emulator.forget_requests),
            ("GET", "keys", emulator.state.keys),
            ("GET", "key_log", emulator.state.key_log),
            ("GET", "license_log", lambda: emulator.state.plain.license_log()),  # pylint: disable=unnecessary-lambda  # a reset replaces it
            ("GET", "state", emulator.state.export),
            ("PUT", "state", self._put_state),
            ("POST", "reset", emulator.reset),
            ("GET", "faults", emulator.faults.pending),
            ("POST", "faults", lambda: emulator.faults.add(_wish())),
            ("DELETE", "faults", emulator.faults.clear),
            ("GET", "unmet", emulator.faults.unmet),
            ("DELETE", "unmet", emulator.faults.forget_unmet),
            ("GET", "rate_limit", self._get_rate_limit),
            ("PUT", "rate_limit", self._put_rate_limit),
            ("PUT", "graphql_rate_limit", self._put_graphql_rate_limit),
            ("GET", "health", self._get_health),
            ("PUT", "health", self._put_health),
            ("POST", "health", lambda: emulator.state.health.add(_wish())),
            ("GET", "violations", emulator.violations),
            ("DELETE", "violations", emulator.forget_violations),
            ("PUT", "tunnels/<tunnel_id>", self._put_age),
        ]
        for method, path, call in routes:
            emulator.route(method, PREFIX + path, self._view(call))

    @staticmethod
    def _view(call: Callable[..., Any]) -> Callable[..., Response]:
        def view(**parts: str) -> Response:
            answer = call(**parts)
            return as_json([] if answer is None else answer)

        return view

    def _index(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for rule in self._of.app.url_map.iter_rules():
            if rule.rule.startswith(PREFIX):
                found.setdefault(rule.rule, []).extend(sorted(rule.methods or ()))
        return found

    def _put_state(self) -> Any:
        self._of.state.replace(_wish())
        return self._of.state.export()

    def _get_rate_limit(self) -> Any:
        limit = self._of.rate_limit
        return {"quota": limit.quota, "seconds": limit.window}

    @staticmethod
    def _wished_rate_limit() -> RateLimit:
        given = _wish()
        if not isinstance(given, dict) or set(given) != {"quota", "seconds"}:
            raise SeedError("a rate limit is {quota: requests, at least 1; seconds: length of the window}")
        return RateLimit(given["quota"], given["seconds"])

    def _put_rate_limit(self) -> Any:
        self._of.rate_limit = self._wished_rate_limit()
        return self._get_rate_limit()

    def _put_graphql_rate_limit(self) -> Any:
        limit = self._of.graphql_rate_limit = self._wished_rate_limit()
        return {"quota": limit.quota, "seconds": limit.window}

    def _get_health(self) -> Any:
        # Asked each time: a reset replaces it.
        return self._of.state.health.export()

    def _put_health(self) -> Any:
        self._of.state.set_health(_wish())
        return self._of.state.health.export()

    def _put_age(self, tunnel_id: str) -> Any:
        given = _wish()
        if not isinstance(given, dict) or len(given) != 1 or set(given) - {"last_generated_on", "age_seconds"}:
            raise SeedError("give either last_generated_on (a timestamp, or null for never) or age_seconds")
        generated: int | None = None
        if "age_seconds" in given:
            generated = from_age(given["age_seconds"], "age_seconds")
        elif given["last_generated_on"] is not None:
            generated = from_timestamp(given["last_generated_on"])
        self._of.state.set_generated(tunnel_id, generated)
        return {}
