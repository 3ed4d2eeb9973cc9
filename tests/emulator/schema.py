# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare requests and answers with magic-openapi.json, Cloudflare's own description without its prose.

Needs openapi-schema-validator; imported only under ``--check-schema``.
"""

from __future__ import annotations

import json
import os
import re
from typing import Any, Callable, Iterator, NamedTuple

from openapi_schema_validator import OAS30Validator, OAS30WriteValidator, oas30_format_checker

from .values import Json

_FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "magic-openapi.json")
_FAILURE = "magic_api-response-common-failure"
_WRITES = ("POST", "PUT", "DELETE")


class Violation(NamedTuple):
    """One difference from the description.

    Attributes:
        side: ``request`` or ``answer``.
        rule: the keyword of the schema, or ``unknown``, ``missing``, ``query``, ``header``, ``route``, ``status``.
        pointer: JSON pointer into the body, or the name of the parameter.
        message: for people; holds no value from a body, because that could be a key.
        value: the offending value, for the deviations below only.
    """

    side: str
    rule: str
    pointer: str
    message: str
    value: Any = None


class Deviation(NamedTuple):
    """A difference that is known and right: where the description is behind what Cloudflare does."""

    reason: str
    matches: Callable[[str, str, Violation], bool]


def _ends(pattern: str) -> Callable[[str], bool]:
    expression = re.compile(pattern)
    return lambda text: bool(expression.search(text))


_VALIDATES = _ends(r"/magic/(ipsec_tunnels|gre_tunnels|cf_interconnects|routes)(/|$)")
_ONE_TUNNEL = _ends(r"/ipsec_tunnels/[^/]+$")

# How older clients send many of what the description has as a single one, and as what: PUT of tunnels, and POST, as cloudflare-go up to
# version 0. Each in the list is checked as if it had come alone.
_LISTS = {
    "ipsec_tunnels": ("ipsec_tunnels", ("POST", "PUT")),
    "gre_tunnels": ("gre_tunnels", ("POST", "PUT")),
    "cf_interconnects": ("interconnects", ("PUT",)),
    "routes": ("routes", ("POST",)),
}

# Every other exception that the checks make, in one place.
KNOWN_DEVIATIONS = (
    Deviation(
        "codes start at 1000, yet the code for rate limits is 971",
        lambda method, path, found: found.side == "answer" and found.rule == "minimum" and found.value == 971,
    ),
    Deviation(
        "psk_generate and DELETE of one object say requestBody.required; Cloudflare's own samples send no body",
        lambda method, path, found: found.rule == "missing" and (path.endswith("/psk_generate") or (method == "DELETE" and not path.endswith("/routes"))),
    ),
    Deviation(
        "validate_only is described in prose for every write of tunnels, interconnects and routes, as a parameter for one of them only",
        lambda method, path, found: found.rule == "query" and found.pointer == "validate_only" and method in _WRITES and _VALIDATES(path),
    ),
    Deviation(
        "PUT of one tunnel requires fields that Cloudflare's own samples leave out: it merges",
        lambda method, path, found: found.side == "request" and found.rule == "required" and method == "PUT" and _ONE_TUNNEL(path) and not found.pointer,
    ),
    Deviation(
        "remote_identities of a tunnel is in the documentation's samples only",
        lambda method, path, found: found.side == "answer" and found.rule == "unknown" and found.pointer.endswith("/remote_identities"),
    ),
    Deviation(
        "ipsec_id in the answer of psk_generate is in the documentation's samples only",
        lambda method, path, found: found.side == "answer" and found.rule == "unknown" and found.pointer == "/result/ipsec_id",
    ),
    Deviation(
        "error_chain of an error, and type of a message, are seen in public reports only",
        lambda method, path, found: (
            found.side == "answer" and found.rule == "unknown" and bool(re.match(r"^/errors/\d+/error_chain$|^/messages/\d+/type$", found.pointer))
        ),
    ),
    Deviation(
        "what psk_generate answers under validate_only is not described; one setting of the emulator answers null",
        lambda method, path, found: found.side == "answer" and path.endswith("/psk_generate") and found.pointer == "/result" and found.value is None,
    ),
)


def _inlined(item: Any, document: Json, known: dict[str, Json]) -> Any:
    """Return a part of the description with what it refers to in place of each reference: looking it up takes most of the time of a check.

    Args:
        known: what references refer to, by reference. A schema that refers to itself contains itself.
    """
    if isinstance(item, list):
        return [_inlined(part, document, known) for part in item]
    if not isinstance(item, dict):
        return item
    if "$ref" not in item:
        return {name: _inlined(part, document, known) for name, part in item.items()}
    reference = item["$ref"]
    if reference not in known:
        found = document
        for part in reference.split("/")[1:]:
            found = found[part]
        known[reference] = {}
        known[reference].update(_inlined(found, document, known))
    return known[reference]


class Checker:
    """Checks against the description; safe for many threads, as it keeps no state between calls."""

    def __init__(self) -> None:
        with open(_FILE, encoding="utf-8") as file:
            document: Json = json.load(file)
        self._document: Json = _inlined(document, document, {})
        templates = sorted(self._document["paths"], key=lambda path: str(path).count("{"))
        self._paths = [(re.compile("^{}$".format(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path))), path) for path in templates]

    def request(self, method: str, path: str, query: dict[str, str], headers: dict[str, str], body: str | None) -> list[Json]:
        """Return the violations of a request; path without the API's prefix, names of headers in lower case."""
        return self._tell(method, path, self._request(method, path, query, headers, body))

    def answer(self, method: str, path: str, query: dict[str, str], status: int, body: bytes) -> list[Json]:
        """Return the violations of an answer: of 2xx by the operation's schema, of others by the common failure's."""
        return self._tell(method, path, self._answer(method, path, query, status, body))

    @staticmethod
    def _tell(method: str, path: str, found: Iterator[Violation]) -> list[Json]:
        try:
            wrong = [item for item in found if not any(deviation.matches(method, path, item) for deviation in KNOWN_DEVIATIONS)]
            # Once each: a null breaks "type" twice, by OpenAPI's nullable and by JSON Schema's type.
            return [
                {"side": side, "rule": rule, "pointer": pointer, "message": message}
                for side, rule, pointer, message in dict.fromkeys(item[:4] for item in wrong)
            ]
        except RecursionError:
            return [{"side": "request", "rule": "type", "pointer": "", "message": "the body is nested too deeply"}]

    def operations(self) -> set[str]:
        """Return all that the description has, such as ``GET /accounts/{account_id}/magic/routes``."""
        return {f"{method.upper()} {path}" for path, methods in self._document["paths"].items() for method in methods}

    def name_of(self, method: str, path: str) -> str:
        """Return the operation that a request is, or the request itself if there is none; path without the API's prefix."""
        template, _found = self._template(method, path)
        return f"{method} {template or path}"

    def _template(self, method: str, path: str) -> tuple[str, dict[str, str]]:
        for expression, template in self._paths:
            match = expression.match(path)
            if match and method.lower() in self._document["paths"][template]:
                return template, match.groupdict()
        return "", {}

    def _operation(self, method: str, path: str) -> tuple[Json | None, dict[str, str]]:
        template, found = self._template(method, path)
        return (self._document["paths"][template][method.lower()] if template else None), found

    def _request(self, method: str, path: str, query: dict[str, str], headers: dict[str, str], body: str | None) -> Iterator[Violation]:
        operation, found = self._operation(method, path)
        if operation is None:
            yield Violation("request", "route", path, "the description has no such operation")
            return
        known_query = set()
        for parameter in operation.get("parameters", []):
            name, place = parameter["name"], parameter["in"]
            given = {"path": found, "query": query, "header": headers}[place].get(name)
            if place == "query":
                known_query.add(name)
            if given is None and place == "query" and parameter.get("required"):
                yield Violation("request", "missing", f"query/{name}", "the operation requires this query parameter")
            if given is not None:
                yield from self._validate("request", parameter["schema"], self._parameter(given, parameter["schema"]), place, name)
        for name in sorted(set(query) - known_query):
            yield Violation("request", "query", name, "the operation has no such query parameter")
        if "requestBody" not in operation:
            if body:
                yield Violation("request", "unknown", "", "the operation takes no body")
            return
        if not body:
            yield Violation("request", "missing", "", "the operation requires a body")
            return
        if headers.get("content-type", "").split(";")[0].strip() != "application/json":
            yield Violation("request", "header", "content-type", "a body must be sent as application/json")
        try:
            value = json.loads(body)
        except ValueError:
            yield Violation("request", "type", "", "the body is not JSON")
            return
        schema = operation["requestBody"]["content"]["application/json"].get("schema", {})
        for where, part in self._parts(method, path, value):
            yield from self._validate("request", schema, part, *where)

    @staticmethod
    def _parts(method: str, path: str, value: Any) -> list[tuple[tuple[str, ...], Any]]:
        """Return what the operation's schema describes, and where in the body it is."""
        plural, methods = _LISTS.get(path.rsplit("/", maxsplit=1)[-1], ("", ()))
        if method in methods and isinstance(value, dict) and list(value) == [plural] and isinstance(value[plural], list):
            return [(("", plural, str(index)), item) for index, item in enumerate(value[plural])]
        return [((), value)]

    @staticmethod
    def _parameter(text: str, schema: Json) -> Any:
        kind = schema.get("type")
        if kind == "boolean":
            return {"true": True, "false": False}.get(text, text)
        if kind in ("number", "integer"):
            try:
                return json.loads(text)
            except ValueError:
                return text
        return text

    def _answer(self, method: str, path: str, query: dict[str, str], status: int, body: bytes) -> Iterator[Violation]:
        try:
            value = json.loads(body)
        except ValueError:
            yield Violation("answer", "type", "", "the answer is not JSON")
            return
        # So is a create of many answered; until 2024 that of one was, too, and a setting of the emulator does so.
        collection = path.rsplit("/", maxsplit=1)[-1]
        was_list = method == "POST" and isinstance(value, dict) and isinstance(value.get("result"), dict) and list(value["result"]) == [collection]
        operation, _found = self._operation("GET" if was_list else method, path)
        if not 200 <= status < 300:
            yield from self._validate("answer", self._document["components"]["schemas"][_FAILURE], value)
        elif operation is None:
            yield Violation("answer", "route", path, "success of an operation that the description does not have")
        elif str(status) not in operation["responses"]:
            yield Violation("answer", "status", str(status), "the description does not have this status")
        else:
            yield from self._validate("answer", operation["responses"][str(status)]["content"]["application/json"]["schema"], value)

    def _validate(self, side: str, schema: Json, value: Any, *where: str) -> Iterator[Violation]:
        kind = OAS30WriteValidator if side == "request" else OAS30Validator
        for error in kind(schema, format_checker=oas30_format_checker).iter_errors(value):
            pointer = "/".join(list(where) + [""] * (not where) + [str(part) for part in error.absolute_path])
            missing = ""
            if error.validator == "required":
                missing = ": " + ", ".join(sorted(set(error.validator_value) - set(error.instance)))
            yield Violation(side, str(error.validator), pointer, f"breaks {error.validator}{missing}", error.instance)
        yield from self._unknown(side, [schema], value, "/".join(where))

    def _expand(self, schema: Any) -> Iterator[Json]:
        """Yield a schema and all that it combines at the same place."""
        yield schema
        for word in ("allOf", "anyOf", "oneOf"):
            for part in schema.get(word, ()):
                yield from self._expand(part)

    def _unknown(self, side: str, schemas: list[Json], value: Any, pointer: str) -> Iterator[Violation]:
        """Find fields that no schema names. JSON Schema allows them; here they are a slip, or a key that leaks."""
        parts = [part for schema in schemas for part in self._expand(schema)]
        if isinstance(value, list):
            items = [part["items"] for part in parts if part.get("items")]
            for index, item in enumerate(value):
                yield from self._unknown(side, items, item, f"{pointer}/{index}")
        elif isinstance(value, dict):
            known: set[str] = {name for part in parts for name in part.get("properties", ())}
            free = [part["additionalProperties"] for part in parts if isinstance(part.get("additionalProperties"), dict)]
            for name, item in value.items():
                inner = [part["properties"][name] for part in parts if name in part.get("properties", ())]
                if inner or free:
                    yield from self._unknown(side, inner or free, item, f"{pointer}/{name}")
                elif known:
                    yield Violation(side, "unknown", f"{pointer}/{name}", "the description has no such field")
