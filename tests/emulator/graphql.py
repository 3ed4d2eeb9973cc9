# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""GraphQL Analytics, as far as it takes to ask for the health of tunnels; every other query gets an error.

Sources: https://developers.cloudflare.com/analytics/graphql-api/, its pages on filtering, sorting, pagination, limits and errors.
"""

from __future__ import annotations

import itertools
import json
import operator
import re
import time
from typing import Any, Callable, Iterator, NamedTuple

from .health import Row, Wanted
from .moments import SeedError, from_timestamp, to_timestamp
from .values import Json

NODE = "magicTransitTunnelHealthChecksAdaptiveGroups"
_NS = 10**9
_DAY = 86400
_MOST_ROWS = 10000
_LONGEST = 7 * _DAY
_OLDEST = 90 * _DAY

_BLANK = r"(?:[\s,\ufeff]|#[^\n]*)*"
_TOKEN = re.compile(
    _BLANK + r'(?:(?P<name>[_A-Za-z]\w*)|(?P<number>-?\d+(?:\.\d+)?)|(?P<text>"(?:[^"\\\n]|\\.)*")|(?P<mark>[{}()\[\]:$!])|(?P<end>\Z))', re.ASCII
)
_DEEPEST = 20


class GraphQLError(Exception):
    """An error as GraphQL gives it.

    Args:
        message: for people.
        status: that Cloudflare's documentation has for it.
        code: of its extensions.
        path: of the nodes that it is about.
    """

    def __init__(self, message: str, status: int = 400, code: str | None = None, path: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.status = status
        self._entry: Json = {"message": message, "path": list(path) or None, "extensions": {"timestamp": to_timestamp(time.time_ns(), 9)}}
        if code:
            self._entry["extensions"]["code"] = code

    def body(self) -> Json:
        """Return the body of the answer."""
        return {"data": None, "errors": [self._entry]}


def not_authorized() -> GraphQLError:
    """Return what someone gets who may not see an account, or its analytics."""
    return GraphQLError("not authorized for that account", 403, "authz", ("viewer", "accounts", "0"))


class Field(NamedTuple):
    """A field of a query, with its arguments and what is selected of it."""

    name: str
    arguments: Json
    fields: list[Field]


class Name(str):
    """A value that is a bare word, such as an order."""


class _Reader:
    """Reads one query. What it does not know, such as fragments, aliases and directives, is an error: the emulator has no use for it."""

    def __init__(self, text: str, variables: Json) -> None:
        self._tokens: list[tuple[str, str]] = []
        self._at = 0
        self._variables = variables
        self._declared: dict[str, bool] = {}
        position = 0
        while position < len(text):
            match = _TOKEN.match(text, position)
            if not match:
                raise self._wrong()
            position = match.end()
            if match.lastgroup != "end":
                self._tokens.append((str(match.lastgroup), match.group(str(match.lastgroup))))

    @staticmethod
    def _wrong() -> GraphQLError:
        return GraphQLError("query contains error, please review it and retry")

    def _peek(self) -> str:
        return self._tokens[self._at][1] if self._at < len(self._tokens) else ""

    def _take(self, wanted: str = "") -> tuple[str, str]:
        if self._at >= len(self._tokens) or (wanted and self._peek() != wanted):
            raise self._wrong()
        self._at += 1
        return self._tokens[self._at - 1]

    def _word(self) -> str:
        kind, text = self._take()
        if kind != "name":
            raise self._wrong()
        return text

    def read(self) -> list[Field]:
        """Return the fields that the query asks for."""
        if self._peek() == "query":
            self._take()
            if self._peek() not in ("(", "{"):
                self._word()
            if self._peek() == "(":
                self._declare()
        fields = self._selection(_DEEPEST)
        if self._peek():
            raise self._wrong()
        return fields

    def _declare(self) -> None:
        self._take("(")
        while self._peek() != ")":
            self._take("$")
            name = self._word()
            self._take(":")
            nested = 0
            while self._peek() == "[":
                self._take()
                nested += 1
            self._word()
            required = False
            while self._peek() in ("!", "]") and self._peek():
                required = self._take()[1] == "!"
                nested -= not required
            if nested or (required and self._variables.get(name) is None):
                raise self._wrong()
            self._declared[name] = required
        self._take(")")

    def _selection(self, depth: int) -> list[Field]:
        self._take("{")
        fields = []
        while self._peek() != "}":
            name = self._word()
            arguments = self._pairs("(", ")", depth) if self._peek() == "(" else {}
            if not depth:
                raise self._wrong()
            fields.append(Field(name, arguments, self._selection(depth - 1) if self._peek() == "{" else []))
        self._take("}")
        if not fields:
            raise self._wrong()
        return fields

    def _pairs(self, begin: str, end: str, depth: int) -> Json:
        self._take(begin)
        pairs: Json = {}
        while self._peek() != end:
            name = self._word()
            self._take(":")
            if name in pairs:
                raise self._wrong()
            pairs[name] = self._value(depth - 1)
        self._take(end)
        return pairs

    def _value(self, depth: int) -> Any:
        if depth < 0:
            raise self._wrong()
        if self._peek() == "{":
            return self._pairs("{", "}", depth)
        kind, text = self._take()
        if text == "[":
            found = []
            while self._peek() != "]":
                found.append(self._value(depth - 1))
            self._take("]")
            return found
        if text == "$":
            name = self._word()
            if name not in self._declared:
                raise self._wrong()
            return self._variables.get(name)
        if kind == "mark":
            raise self._wrong()
        if kind == "name":
            return {"true": True, "false": False, "null": None}.get(text, Name(text))
        try:
            return json.loads(text)
        except ValueError:
            raise self._wrong() from None


class Question(NamedTuple):
    """What a query asks of an account."""

    account_id: str
    limit: int
    span: tuple[int, int]
    wanted: Wanted
    order: list[tuple[str, bool]]

    def answer(self, rows: Iterator[Row]) -> Json:
        """Return the body of the answer."""
        found = [
            {"avg": {"tunnelState": row.state}, "dimensions": {"tunnelName": row.tunnel, "edgeColoName": row.data_center}}
            for row in itertools.islice(rows, self.limit)
        ]
        return {"data": {"viewer": {"accounts": [{NODE: found}]}}, "errors": None}


def read(body: Any) -> Question:
    """Read the body of a request.

    Raises:
        GraphQLError: if it is not the query for the health of tunnels.
    """
    text, variables = (body.get("query"), body.get("variables")) if isinstance(body, dict) else (None, None)
    if not isinstance(text, str) or not isinstance({} if variables is None else variables, dict):
        raise GraphQLError("error parsing args: query must be a string, variables an object")
    viewer = _only(_Reader(text, variables or {}).read(), "viewer")
    accounts = _only(viewer.fields, "accounts")
    account_id = _arguments(accounts, {"filter"}).get("filter")
    if not isinstance(account_id, dict) or list(account_id) != ["accountTag"] or not isinstance(account_id["accountTag"], str):
        raise _bad(f"{accounts.name}: a filter with accountTag is required")
    node = _only(accounts.fields, NODE)
    _check_selection(node)
    given = _arguments(node, {"limit", "filter", "orderBy"})
    limit = given.get("limit")
    if not isinstance(limit, int) or isinstance(limit, bool) or not 1 <= limit <= _MOST_ROWS:
        raise GraphQLError(f"limit must be positive number and not greater than {_MOST_ROWS}", path=("viewer", "accounts", "0", NODE))
    filters = given.get("filter")
    if not isinstance(filters, dict):
        raise _bad("filter is required")
    times = {name: filters[name] for name in filters if name.partition("_")[0] == "datetime"}
    rest = {name: value for name, value in filters.items() if name not in times}
    return Question(account_id["accountTag"], limit, _span(times), _all_of(rest), _order(given.get("orderBy")))


def _bad(what: str) -> GraphQLError:
    return GraphQLError(f"error parsing args for {NODE!r}: {what}")


def _only(fields: list[Field], name: str) -> Field:
    """Return the one field that the emulator has here."""
    for field in fields:
        if field.name != name:
            raise GraphQLError(f'unknown field "{field.name}"')
        if not field.fields:
            raise GraphQLError("object field must have selections")
    if len(fields) != 1:
        raise GraphQLError("in combination, your request queries too many nodes, zones and accounts", 429)
    return fields[0]


def _arguments(field: Field, known: set[str]) -> Json:
    if set(field.arguments) - known:
        raise GraphQLError(f"error parsing args for {field.name!r}: unknown arg {sorted(set(field.arguments) - known)[0]}")
    return field.arguments


def _check_selection(node: Field) -> None:
    wanted = {"avg": {"tunnelState"}, "dimensions": {"tunnelName", "edgeColoName"}}
    for field in node.fields:
        if field.name not in wanted or field.arguments:
            raise GraphQLError(f'unknown field "{field.name}"')
        if not field.fields:
            raise GraphQLError("object field must have selections")
        for inner in field.fields:
            if inner.name not in wanted[field.name] or inner.arguments:
                raise GraphQLError(f'unknown field "{inner.name}"')
            if inner.fields:
                raise GraphQLError("scalar fields must have no selections")
    if {field.name: {inner.name for inner in field.fields} for field in node.fields} != wanted:
        # Choice: other groups than by tunnel and data centre, which nobody here asks for.
        raise GraphQLError("the emulator has tunnelState by tunnelName and edgeColoName, and nothing else")


def _span(times: Json) -> tuple[int, int]:
    """Return the time that a filter leaves, and check it as Cloudflare does."""
    if set(times) != {"datetime_geq", "datetime_lt"}:
        # Choice: Cloudflare's documentation always has both.
        raise _bad("filter needs datetime_geq and datetime_lt")
    try:
        start, end = from_timestamp(times["datetime_geq"]), from_timestamp(times["datetime_lt"])
    except SeedError as error:
        raise _bad(str(error)) from None
    if start < time.time_ns() - _OLDEST * _NS:
        raise GraphQLError(f"cannot request data older than {_OLDEST}s", path=("viewer", "accounts", "0", NODE))
    if end - start > _LONGEST * _NS:
        raise GraphQLError(f"query time range is too large. Time range can't be wider than {_LONGEST}s", path=("viewer", "accounts", "0", NODE))
    return start, end


_OPERATORS: dict[str, Callable[[str, Any], bool]] = {
    "": operator.eq,
    "neq": operator.ne,
    "gt": operator.gt,
    "geq": operator.ge,
    "lt": operator.lt,
    "leq": operator.le,
    "in": lambda one, several: one in several,
    "like": lambda text, pattern: bool(re.fullmatch(".*".join(map(re.escape, pattern.split("%"))), text, re.DOTALL)),
}


def _all_of(filters: Any) -> Wanted:
    """Return what a filter means: all that is in it. Of something that is not known yet, None."""
    if not isinstance(filters, dict):
        raise _bad("a filter is an object")
    parts = [_part(name, value) for name, value in filters.items()]
    return lambda tunnel, center: _combined([part(tunnel, center) for part in parts], False)


def _combined(values: list[bool | None], decides: bool) -> bool | None:
    return decides if decides in values else None if None in values else not decides


def _part(name: str, value: Any) -> Wanted:
    if name in ("AND", "OR"):
        if not isinstance(value, list):
            raise _bad(f"{name} is a list of filters")
        parts = [_all_of(one) for one in value]
        return lambda tunnel, center: _combined([part(tunnel, center) for part in parts], name == "OR")
    field, _underscore, how = name.partition("_")
    if field not in ("tunnelName", "edgeColoName") or how not in _OPERATORS:
        raise _bad(f"unknown filter {name}")
    several = isinstance(value, list) and all(isinstance(item, str) for item in value)
    if not (several if how == "in" else isinstance(value, str)):
        raise _bad(f"{name} is of the wrong type")
    compare, given = _OPERATORS[how], frozenset(value) if how == "in" else value
    if field == "tunnelName":
        return lambda tunnel, center: compare(tunnel, given)
    return lambda tunnel, center: None if center is None else compare(center, given)


def _order(given: Any) -> list[tuple[str, bool]]:
    """Return an order; what it does not name comes last, as the groups are."""
    order: list[tuple[str, bool]] = []
    for word in [] if given is None else given if isinstance(given, list) else [given]:
        field, _underscore, direction = word.partition("_") if isinstance(word, Name) else ("", "", "")
        if field not in ("tunnelName", "edgeColoName") or direction not in ("ASC", "DESC") or field in dict(order):
            raise _bad(f"unknown order {word}")
        order.append((field, direction == "DESC"))
    return [*order, *((field, False) for field in ("tunnelName", "edgeColoName") if field not in dict(order))]
