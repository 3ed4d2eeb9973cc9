# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Cloudflare's Python SDK knows of the API: each operation with the fields it sends and those that it reads, as JSON.

It calls every method of the SDK with made-up arguments; nothing is sent. Needs the package ``cloudflare``.
"""

from __future__ import annotations

import collections.abc
import datetime
import inspect
import json
import sys
import typing as t
import urllib.parse

import cloudflare
import pydantic
import typing_extensions
from cloudflare._models import BaseModel
from cloudflare._utils import PropertyInfo

Schema = t.Dict[str, t.Any]
RESOURCES = ("magic_transit", "magic_network_monitoring")
# What every method takes, and what is a header and no field.
_COMMON = ("self", "extra_headers", "extra_query", "extra_body", "timeout")
_PLAIN: dict[t.Any, Schema] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    datetime.datetime: {"type": "string", "format": "date-time"},
    datetime.date: {"type": "string", "format": "date"},
    object: {},
    t.Any: {},
}


class Captured(Exception):
    """Stands in for sending a request: what it would have been, and what its answer would have been read as."""

    def __init__(self, options: t.Any, answer: t.Any) -> None:
        super().__init__()
        self.options = options
        self.answer = answer


class Client(cloudflare.Cloudflare):  # type: ignore[misc,unused-ignore]  # without the package, it is anything
    """The SDK's client, which sends nothing."""

    def request(self, cast_to: t.Any, options: t.Any, **_more: t.Any) -> t.Any:
        """Say what would have been sent."""
        raise Captured(options, cast_to)

    def _request_api_list(self, _model: t.Any, page: t.Any, options: t.Any) -> t.Any:
        raise Captured(options, page)


def _without_nothing(kind: t.Any) -> tuple[list[t.Any], bool]:
    """Return the alternatives of a type without those that say that it is not given, and whether it may be null."""
    parts = [part for part in t.get_args(kind) if getattr(part, "__name__", "") not in ("Omit", "NotGiven")]
    return [part for part in parts if part is not type(None)], type(None) in parts


def schema_of(kind: t.Any, sent: bool) -> Schema:
    """Return a type of the SDK as a schema.

    Args:
        kind: of a value.
        sent: it is part of a request, where None means null; in an answer it only means that a field may be absent.
    """
    if kind in _PLAIN:
        return dict(_PLAIN[kind])
    origin, arguments = t.get_origin(kind), t.get_args(kind)
    if origin in (t.Annotated, typing_extensions.Required, t.Required, t.NotRequired):
        return schema_of(arguments[0], sent)
    if origin is t.Literal:
        return {"type": "string", "enum": list(arguments)} if all(isinstance(item, str) for item in arguments) else {"enum": list(arguments)}
    if origin is t.Union or type(kind).__name__ == "UnionType":
        parts, null = _without_nothing(kind)
        schemas: list[Schema] = []
        for part in parts:
            schema = schema_of(part, sent)
            if schema not in schemas:
                schemas.append(schema)
        # A time is taken as text as well.
        schemas = [item for item in schemas if item != {"type": "string"}] if any(item.get("format") for item in schemas) else schemas
        found = schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
        return {**found, "nullable": True} if null and sent else found
    if inspect.isclass(kind) and typing_extensions.is_typeddict(kind):
        return _object_sent(kind)
    if inspect.isclass(kind) and issubclass(kind, pydantic.BaseModel):
        return _object_read(kind)
    if origin is not None and issubclass(origin, collections.abc.Mapping):
        return {"type": "object", "additionalProperties": schema_of(arguments[1], sent)}
    if origin is not None and issubclass(origin, collections.abc.Iterable):
        return {"type": "array", "items": schema_of(arguments[0], sent)}
    if origin is not None and arguments:  # SequenceNotStr[X]
        return {"type": "array", "items": schema_of(arguments[0], sent)}
    raise TypeError(f"no schema for {kind!r}")


def _alias(kind: t.Any, name: str) -> str:
    while t.get_args(kind):
        for note in getattr(kind, "__metadata__", ()):
            if isinstance(note, PropertyInfo) and note.alias:
                return str(note.alias)
        kind = t.get_args(kind)[0]
    return name


def _object_sent(kind: t.Any) -> Schema:
    hints = typing_extensions.get_type_hints(kind, include_extras=True)
    required = {name for name, hint in hints.items() if t.get_origin(hint) in (typing_extensions.Required, t.Required) or (kind.__total__)}
    names = {name: _alias(hint, name) for name, hint in hints.items()}
    return _object({names[name]: schema_of(hint, True) for name, hint in hints.items()}, [names[name] for name in required])


def _object_read(kind: t.Any) -> Schema:
    fields = {field.alias or name: (field, kind) for name, field in kind.model_fields.items()}
    hints = {field.alias or name: field.annotation for name, field in kind.model_fields.items()}
    required = [name for name, (field, _kind) in fields.items() if field.is_required()]
    return _object({name: schema_of(hint, False) for name, hint in hints.items()}, required)


def _object(properties: Schema, required: list[str]) -> Schema:
    return {"type": "object", "properties": properties, **({"required": sorted(required)} if required else {})}


def _example(kind: t.Any) -> t.Any:
    """Return a value that the SDK takes for one of this type."""
    schema = schema_of(kind, True)
    while "anyOf" in schema:
        schema = schema["anyOf"][0]
    if schema.get("format"):
        return datetime.datetime(2026, 1, 1)
    if "enum" in schema:
        return schema["enum"][0]
    return {"string": "x", "boolean": True, "integer": 1, "number": 1.0, "array": [], "object": {}, None: "x"}[schema.get("type")]


def _send(method: t.Callable[..., t.Any], arguments: dict[str, t.Any]) -> Captured:
    try:
        method(**arguments)
    except Captured as captured:
        return captured
    raise AssertionError(f"{method} has sent nothing")


def _answer(kind: t.Any) -> Schema | None:
    """Return the schema of the result in an answer."""
    fields: t.Any = getattr(kind, "model_fields", {}) if inspect.isclass(kind) and issubclass(kind, BaseModel) else {}
    return schema_of(fields["result"].annotation, False) if "result" in fields else None


def operation_of(method: t.Callable[..., t.Any]) -> tuple[str, dict[str, t.Any]]:
    """Return an operation: its method and path, and the fields of its query, of its body and of the result in its answer."""
    hints = typing_extensions.get_type_hints(method, include_extras=True)
    wanted = {name: item.default is inspect.Parameter.empty for name, item in inspect.signature(method).parameters.items() if name not in _COMMON}
    # A name in braces where the path may have it: so the SDK tells its template.
    plain = (str, int, float, t.Optional[str])
    basic = {name: f"{{{name}}}" if hints[name] in plain else _example(hints[name]) for name, needed in wanted.items() if needed or name == "account_id"}
    first = _send(method, basic)
    path = urllib.parse.unquote(first.options.url)
    in_path = {name for name in wanted if f"{{{name}}}" in path}
    found: dict[str, t.Any] = {"query": {}}
    fields, required = {}, []
    for name in sorted(set(wanted) - in_path):
        sent = _send(method, {**basic, name: _example(hints[name])}).options
        # What is a word of Python's has an underscore behind it.
        field, schema = name.rstrip("_"), schema_of(hints[name], True)
        if isinstance(sent.json_data, list) or name == "body":
            found["body"] = schema
        elif field in (sent.json_data or {}):
            fields[field] = schema
            required += [field] if wanted[name] else []
        elif field in (sent.params or {}):
            found["query"][field] = {**schema, **({"required": True} if wanted[name] else {})}
    if fields:
        found["body"] = _object(fields, required)
    answer = _answer(first.answer)
    if answer is not None:
        found["answer"] = answer
    return f"{first.options.method.upper()} {path}", found


def _resources(resource: t.Any) -> t.Iterator[t.Any]:
    yield resource
    for name, attribute in inspect.getmembers(type(resource)):
        if type(attribute).__name__ == "cached_property" and not name.startswith("with_"):
            yield from _resources(getattr(resource, name))


def operations() -> dict[str, dict[str, t.Any]]:
    """Return all operations of the resources that are watched."""
    client = Client(api_token="x", api_email=None, api_key=None, base_url="http://127.0.0.1:1")
    found = {}
    for group in RESOURCES:
        for resource in _resources(getattr(client, group)):
            for name, method in inspect.getmembers(resource, inspect.ismethod):
                # Overloads stand for several operations in one; none of those is covered.
                if not name.startswith("_") and type(resource).__module__ == method.__module__ and not typing_extensions.get_overloads(method.__func__):
                    key, operation = operation_of(method)
                    found[key] = operation
    return found


if __name__ == "__main__":
    json.dump({"version": cloudflare.__version__, "operations": operations()}, sys.stdout, indent=1, sort_keys=True)
