# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults on demand: which request is to fail next, and how. Carrying them out is the business of app.py."""

from __future__ import annotations

import re
import threading
from typing import Any, Callable, Tuple

from .kinds import Json
from .state import SeedError


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0


def _is_status(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 200 <= value <= 599


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_header_text(value: Any) -> bool:
    return isinstance(value, str) and bool(re.match(r"^[ -~]*\Z", value))


def _is_headers(value: Any) -> bool:
    return isinstance(value, dict) and all(_is_header_text(item) for pair in value.items() for item in pair)


def _is_errors(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


_Check = Tuple[Callable[[Any], bool], str]
_STATUS: _Check = (_is_status, "an HTTP status from 200 to 599")
_CODE: _Check = (_is_count, "a whole number")
_TEXT: _Check = (_is_text, "a string")
_SECONDS: _Check = (_is_number, "a number of seconds")
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
}


class Faults:
    """The faults that wait for a request; safe for many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pending: list[Json] = []

    def add(self, wish: Any) -> Json:
        """Check a fault's description, fill in its defaults, and remember it.

        Args:
            wish: ``method`` ("*"), ``path`` (regular expression, searched), ``times`` (1), ``skip`` (0: how many
                matching requests pass before), ``kind``, ``when`` (``before`` or ``after`` the request takes effect)
                and the options of the kind.

        Raises:
            SeedError: says what is wrong with the description.
        """
        if not isinstance(wish, dict):
            raise SeedError("a fault is an object")
        kind = wish.get("kind")
        if not isinstance(kind, str) or kind not in KINDS:
            raise SeedError("kind must be one of {}".format(", ".join(sorted(KINDS))))
        when, defaults, checks = KINDS[kind]
        fault: Json = dict({"method": "*", "path": "", "times": 1, "skip": 0, "when": when}, **defaults)
        general: dict[str, _Check] = {
            "kind": _TEXT,
            "method": _TEXT,
            "path": _TEXT,
            "times": (lambda value: _is_count(value) and value > 0, "a whole number of at least 1"),
            "skip": (_is_count, "a whole number"),
            "when": (lambda value: value in ("before", "after"), "'before' or 'after'"),
        }
        for name, value in wish.items():
            check = general.get(name) or checks.get(name)
            if check is None:
                raise SeedError("a fault of kind {} has no option {!r}; it has {}".format(kind, name, ", ".join(sorted({**general, **checks}))))
            if not check[0](value):
                raise SeedError(f"{name} must be {check[1]}")
            fault[name] = value
        try:
            re.compile(fault["path"])
        except re.error as error:
            raise SeedError(f"path is not a regular expression: {error}") from None
        with self._lock:
            self._pending.append(fault)
        return dict(fault)

    def take(self, method: str, path: str) -> Json | None:
        """Return the fault for this request and count it down, or None."""
        with self._lock:
            for fault in self._pending:
                if fault["method"] in ("*", method) and re.search(fault["path"], path):
                    if fault["skip"]:
                        fault["skip"] -= 1
                        continue
                    fault["times"] -= 1
                    if not fault["times"]:
                        self._pending.remove(fault)
                    return dict(fault)
        return None

    def pending(self) -> list[Json]:
        """Return the faults that still wait."""
        with self._lock:
            return [dict(fault) for fault in self._pending]

    def clear(self) -> None:
        """Forget them all."""
        with self._lock:
            self._pending.clear()
