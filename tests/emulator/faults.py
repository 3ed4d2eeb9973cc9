# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults on demand: which request is to fail next, and how. Carrying them out is the business of spoil.py."""

from __future__ import annotations

import re
import threading
from typing import Any, Callable, Tuple

from .moments import SeedError
from .strict import is_count, is_number, is_text
from .tree import place
from .values import Json

_Check = Tuple[Callable[[Any], bool], str]

# A day: longer waits overflow somewhere, and no test has them.
_LONGEST = 86400


def _is_seconds(value: Any) -> bool:
    return is_number(value) and 0 <= value <= _LONGEST


def _is_status(value: Any) -> bool:
    return is_count(value) and 100 <= value <= 599


def _is_header_text(value: Any) -> bool:
    return isinstance(value, str) and bool(re.match(r"^[ -~]*\Z", value))


def _is_headers(value: Any) -> bool:
    return isinstance(value, dict) and all(re.match(r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+\Z", name) and _is_header_text(text) for name, text in value.items())


def _is_errors(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def _one_of(*choices: str) -> _Check:
    return lambda value: isinstance(value, str) and value in choices, "one of " + ", ".join(choices)


_STATUS: _Check = (_is_status, "an HTTP status from 100 to 599")
_CODE: _Check = (is_count, "a whole number")
_TEXT: _Check = (is_text, "a string")
_SECONDS: _Check = (_is_seconds, f"a number of seconds, at most {_LONGEST}")
_HEADER: _Check = (_is_header_text, "a string of printable ASCII")
_HEADERS: _Check = (_is_headers, "an object of printable ASCII strings")
_ERRORS: _Check = (_is_errors, "a list of objects")

# kind -> (default of `when`, default options, checks)
KINDS: dict[str, tuple[str, Json, dict[str, _Check]]] = {
    "status": (
        "before",
        {"status": 500, "code": 1000, "message": "Internal Server Error"},
        {"status": _STATUS, "code": _CODE, "message": _TEXT, "errors": _ERRORS, "retry_after": _SECONDS, "headers": _HEADERS},
    ),
    "html": ("before", {"status": 502, "body": "<html><body><h1>502 Bad Gateway</h1></body></html>"}, {"status": _STATUS, "body": _TEXT, "headers": _HEADERS}),
    "cut_body": ("after", {}, {}),
    "empty": ("before", {"status": 200}, {"status": _STATUS}),
    "not_success": (
        "before",
        {"status": 200, "code": 1000, "message": "Internal Server Error"},
        {"status": _STATUS, "code": _CODE, "message": _TEXT, "errors": _ERRORS},
    ),
    "no_success_field": ("before", {"status": 200}, {"status": _STATUS}),
    "disconnect": ("before", {}, {}),
    "slow": ("after", {"seconds": 1.0}, {"seconds": _SECONDS}),
    "redirect": ("before", {"status": 302, "location": "/elsewhere"}, {"status": _STATUS, "location": _HEADER}),
    "other_id": ("after", {}, {"id": (lambda value: is_text(value) and bool(value), "a string that is not empty")}),
    "drip": ("after", {"seconds": 0.5}, {"seconds": _SECONDS}),
    "huge": (
        "after",
        {"mebibytes": 64, "encoding": "identity"},
        {
            "mebibytes": (lambda value: is_count(value) and 1 <= value <= 4096, "a whole number from 1 to 4096"),
            "encoding": _one_of("identity", "gzip", "deflate"),
        },
    ),
    "echo": (
        "before",
        {"status": 400, "code": 1022, "what": "key", "form": "plain"},
        {"status": _STATUS, "code": _CODE, "what": _one_of("key", "credential"), "form": _one_of("plain", "html", "url")},
    ),
}


class Faults:
    """The faults that wait for a request; safe for many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pending: list[Json] = []
        # Those that no request has met, cleared or not.
        self._unmet: list[Json] = []

    def add(self, wish: Any) -> Json:
        """Check a fault's description, fill in its defaults, and remember it.

        Args:
            wish: ``method`` ("*"), ``path`` and ``sent`` (regular expressions, searched in the path and in the body of the request: with an id in
                ``sent``, one object of many is refused), ``times`` (1), ``skip`` (0: how many matching requests pass before), ``kind``, ``when``
                (``before`` or ``after`` the request takes effect) and the options of the kind.

        Raises:
            SeedError: says what is wrong with the description.
        """
        if not isinstance(wish, dict):
            raise SeedError("a fault is an object")
        kind = wish.get("kind")
        if not isinstance(kind, str) or kind not in KINDS:
            raise SeedError("kind must be one of {}".format(", ".join(sorted(KINDS))))
        when, defaults, checks = KINDS[kind]
        fault: Json = dict({"method": "*", "path": "", "sent": "", "times": 1, "skip": 0, "when": when}, **defaults)
        general: dict[str, _Check] = {
            "kind": _TEXT,
            "method": (lambda value: isinstance(value, str) and bool(re.match(r"^(\*|[A-Z]+)\Z", value)), "'*' or a method in capital letters"),
            "path": _TEXT,
            "sent": _TEXT,
            "times": (lambda value: is_count(value) and value > 0, "a whole number of at least 1"),
            "skip": (is_count, "a whole number"),
            "when": _one_of("before", "after"),
        }
        for name, value in wish.items():
            check = general.get(name) or checks.get(name)
            if check is None:
                raise SeedError("a fault of kind {} has no option {!r}; it has {}".format(kind, name, ", ".join(sorted({**general, **checks}))))
            if not check[0](value):
                raise SeedError(f"{name} must be {check[1]}")
            fault[name] = value
        for name in ("path", "sent"):
            try:
                re.compile(fault[name])
            except (re.error, OverflowError, RecursionError) as error:
                raise SeedError(f"{name} is not a regular expression: {error}") from None
        with self._lock:
            self._pending.append(fault)
            self._unmet.append(fault)
        return dict(fault)

    def take(self, method: str, path: str, body: str | None) -> Json | None:
        """Return the fault for this request and count it down, or None."""
        with self._lock:
            for fault in self._pending:
                if self._fits(fault, method, path) and re.search(fault["path"], path) and re.search(fault["sent"], body or ""):
                    if fault["skip"]:
                        fault["skip"] -= 1
                        continue
                    fault["times"] -= 1
                    self._unmet = [other for other in self._unmet if other is not fault]
                    if not fault["times"]:
                        self._pending = [other for other in self._pending if other is not fault]
                    return dict(fault)
        return None

    @staticmethod
    def _fits(fault: Json, method: str, path: str) -> bool:
        if fault["method"] not in ("*", method):
            return False
        # A list is about no object in particular.
        kind, _account, item_id = place(path)
        return fault["kind"] != "other_id" or (kind is not None and (bool(item_id) or method != "GET"))

    def pending(self) -> list[Json]:
        """Return the faults that still wait."""
        with self._lock:
            return [dict(fault) for fault in self._pending]

    def unmet(self) -> list[Json]:
        """Return the faults that no request has met, also those that were cleared: a test of them has tested nothing."""
        with self._lock:
            return [dict(fault) for fault in self._unmet]

    def clear(self) -> None:
        """Let no further request fail."""
        with self._lock:
            self._pending = []

    def forget_unmet(self) -> None:
        """Forget the faults that no request has met, and let no further request meet them."""
        with self._lock:
            self._pending = [fault for fault in self._pending if not any(fault is other for other in self._unmet)]
            self._unmet = []

    def reset(self) -> None:
        """Forget everything."""
        with self._lock:
            self._pending, self._unmet = [], []
