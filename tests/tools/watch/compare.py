# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare the emulator's description of Cloudflare's API with what Cloudflare's SDKs know of it, field by field.

Prints what an SDK has and the description has not (new), what it no longer has (gone), and what differs (changed), in the operations of the
description; and the operations beside them. Differences in known_differences.yml, each with its reason, are left out; one that is no more is told.
The exit status is 1 if there is something to tell. ``nox -e description`` installs the newest SDKs and runs this.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import re
import sys
import typing as t
from pathlib import Path

import yaml

Schema = t.Dict[str, t.Any]
HERE = Path(__file__).resolve().parent
DESCRIPTION = HERE.parents[1] / "emulator" / "magic-openapi.json"
KNOWN = HERE / "known_differences.yml"


class Row(t.NamedTuple):
    """What is said of one field.

    Attributes:
        types: that a value may have.
        values: of an enumeration, empty if it is none.
        required: the object around it must have it.
        null: it may be null.
    """

    types: frozenset[str]
    values: frozenset[str]
    required: bool
    null: bool

    def told(self) -> str:
        """Return it as words."""
        values = f" of {', '.join(sorted(self.values))}" if self.values else ""
        return f"{'required' if self.required else 'optional'} {' or '.join(sorted(self.types)) or 'anything'}{values}{' or null' if self.null else ''}"


class Difference(t.NamedTuple):
    """One difference between the description and an SDK.

    Attributes:
        what: ``new``, ``gone`` or ``changed``.
        operation: such as ``GET /accounts/{}/magic/routes``.
        where: ``query``, ``body`` or ``answer`` with the names of the fields behind it; empty for the operation itself.
        about: the two sides.
    """

    what: str
    operation: str
    where: str
    about: str

    def told(self) -> str:
        """Return it as a line."""
        return f"{self.what}: {self.operation} {self.where}{': ' + self.about if self.about else ''}".rstrip()


# --- the description


def _says_little(schema: Schema) -> bool:
    """Return whether a schema only says that something is an object, a list or a text, as the frame of all answers does."""
    return set(schema) == {"anyOf"} and all(set(part) <= {"type", "nullable", "items"} and not part.get("items") for part in schema["anyOf"])


class Description:
    """An OpenAPI document, reduced to what an SDK could know."""

    def __init__(self, document: Schema) -> None:
        self._document = document

    def resolved(self, schema: Schema) -> Schema:
        """Return a schema with references followed, and its parts in one."""
        while "$ref" in schema:
            found: t.Any = self._document
            for part in schema["$ref"].split("/")[1:]:
                found = found[part]
            schema = found
        merged = {key: value for key, value in schema.items() if key != "allOf"}
        for part in map(self.resolved, schema.get("allOf", ())):
            if _says_little(merged) and len(part) > 0:
                merged.pop("anyOf", None)
            own, other = merged.get("properties", {}), part.get("properties", {})
            both = {name: {"allOf": [own[name], other[name]]} for name in set(own) & set(other)}
            required = sorted({*part.get("required", ()), *merged.get("required", ())})
            merged = {**part, **merged, **({"properties": {**own, **other, **both}} if own or other else {}), **({"required": required} if required else {})}
        return merged

    def operations(self) -> dict[str, dict[str, t.Any]]:
        """Return all operations in the form that the SDKs' facts have."""
        found = {}
        for path, methods in self._document["paths"].items():
            for method, operation in methods.items():
                facts: dict[str, t.Any] = {"query": {}}
                for parameter in map(self.resolved, operation.get("parameters", ())):
                    if parameter["in"] == "query":
                        facts["query"][parameter["name"]] = {**parameter["schema"], "required": parameter.get("required", False)}
                body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
                if body is not None:
                    facts["body"] = body
                answers = [self.resolved(answer) for status, answer in operation["responses"].items() if status.startswith("2")]
                schema = self.resolved(answers[0]["content"]["application/json"]["schema"])
                facts["answer"] = self.resolved(schema.get("properties", {}).get("result", {}))
                found[f"{method.upper()} {path}"] = facts
        return found


def same_name(operation: str) -> str:
    """Return the name of an operation without the names of the parts of its path, which nobody sends."""
    return re.sub(r"\{\w*\}", "{}", operation)


# --- fields


def rows(schema: Schema, resolve: t.Callable[[Schema], Schema], where: str, required: bool = False, depth: int = 0) -> dict[str, Row]:
    """Return what a schema says, by the way to each field: ``[]`` for the items of a list, ``{}`` for any name."""
    schema = resolve(schema)
    parts = [resolve(part) for word in ("anyOf", "oneOf") for part in schema.get(word, ())] or [schema]
    parts = [{**schema, **part} for part in parts]
    types = frozenset(part.get("type") or ("object" if part.get("properties") else "") for part in parts) - {""}
    values = frozenset(str(value) for part in parts for value in part.get("enum", ()))
    found = {where: Row(types, values, required, any(part.get("nullable") for part in parts))}
    for part in parts:
        properties = part.get("properties", {}).items()
        # What is read only is no part of a request, though it may be described there.
        shown = [(name, item) for name, item in properties if not (where.startswith("body") and resolve(item).get("readOnly"))]
        inner = {f"{where}.{name}": (item, name in part.get("required", ())) for name, item in shown}
        inner.update({f"{where}[]": (part["items"], False)} if isinstance(part.get("items"), dict) else {})
        inner.update({f"{where}.{{}}": (part["additionalProperties"], False)} if isinstance(part.get("additionalProperties"), dict) else {})
        for name, (item, needed) in inner.items():
            found.update(rows(item, resolve, name, needed, depth + 1) if depth < 12 else {})
    return found


def fields(operation: dict[str, t.Any], resolve: t.Callable[[Schema], Schema]) -> dict[str, Row]:
    """Return the fields of an operation, by where they are."""
    found: dict[str, Row] = {}
    for name, schema in operation["query"].items():
        found.update(rows({key: value for key, value in schema.items() if key != "required"}, resolve, f"query.{name}", bool(schema.get("required"))))
    for side in ("body", "answer"):
        if operation.get(side) is not None:
            found.update(rows(operation[side], resolve, side))
    return found


def compared(ours: Row, theirs: Row, where: str, numbers: bool) -> str:
    """Return how two sides differ in one field, or nothing.

    Args:
        numbers: the SDK tells no whole numbers from others.
    """

    def plain(row: Row) -> Row:
        types = frozenset("number" if numbers and kind == "integer" else kind for kind in row.types)
        # Whether an answer may have null, no SDK tells.
        return row._replace(types=types, null=row.null and where.startswith("body"))

    ours, theirs = plain(ours), plain(theirs)
    # One that says nothing of the type does not contradict.
    if not ours.types or not theirs.types:
        ours, theirs = ours._replace(types=frozenset()), theirs._replace(types=frozenset())
    return "" if ours == theirs else f"{ours.told()} in the description, {theirs.told()} in the SDK"


def differences(description: Description, sdk: dict[str, dict[str, t.Any]], numbers: bool) -> list[Difference]:
    """Return all differences between the description and an SDK."""
    ours = {same_name(name): operation for name, operation in description.operations().items()}
    theirs = {same_name(name): operation for name, operation in sdk.items()}
    found = [Difference("new", name, "", "") for name in sorted(set(theirs) - set(ours))]
    found += [Difference("gone", name, "", "") for name in sorted(set(ours) - set(theirs))]
    for name in sorted(set(ours) & set(theirs)):
        own, other = fields(ours[name], description.resolved), fields(theirs[name], lambda schema: schema)
        # What an SDK has no type for, it does not describe: neither is anything of it gone.
        blind = [where for where, row in other.items() if not row.types and not row.values]
        for where in sorted(set(own) | set(other)):
            if any(where.startswith((f"{place}.", f"{place}[")) for place in blind) or _above(where, own, other):
                continue
            if where not in own:
                found.append(Difference("new", name, where, other[where].told()))
            elif where not in other:
                found.append(Difference("gone", name, where, own[where].told()))
            elif about := compared(own[where], other[where], where, numbers):
                found.append(Difference("changed", name, where, about))
    return found


def _above(where: str, own: dict[str, Row], other: dict[str, Row]) -> bool:
    """Return whether it is enough to speak of what a field is part of."""
    above = re.sub(r"(\.[^.\[]+|\[\])\Z", "", where)
    return above != where and above not in ("query", "") and (above in own) != (above in other)


# --- what is known


def split(found: list[Difference], known: list[dict[str, str]], sdk: str) -> tuple[list[Difference], list[dict[str, str]]]:
    """Return the differences that are not known, and what is known and is no more."""
    mine = [entry for entry in known if entry.get("sdk", sdk) == sdk]
    used: set[int] = set()
    left = []
    for item in found:
        matching = [number for number, entry in enumerate(mine) if _matches(item, entry)]
        used.update(matching)
        if not matching:
            left.append(item)
    return left, [entry for number, entry in enumerate(mine) if number not in used]


def _matches(item: Difference, entry: dict[str, str]) -> bool:
    # Brackets are no pattern here: they mean the items of a list.
    places = [re.sub(r"\[", "[[]", entry.get("where", "")), entry["operation"]]
    return item.what == entry["what"] and fnmatch.fnmatchcase(item.where, places[0]) and fnmatch.fnmatchcase(item.operation, places[1])


def main(arguments: list[str] | None = None) -> int:
    """Compare; return the exit status."""
    parser = argparse.ArgumentParser(prog="compare", description="Compare the emulator's description with the facts of Cloudflare's SDKs.")
    parser.add_argument("--python", type=Path, help="what python_facts.py has printed")
    parser.add_argument("--typescript", type=Path, help="what typescript_facts.mjs has printed")
    options = parser.parse_args(arguments)
    description = Description(json.loads(DESCRIPTION.read_text(encoding="utf-8")))
    known = yaml.safe_load(KNOWN.read_text(encoding="utf-8"))
    status = 0
    for sdk, path in (("python", options.python), ("typescript", options.typescript)):
        if path is None:
            continue
        facts = json.loads(path.read_text(encoding="utf-8"))
        found = differences(description, facts["operations"], numbers=sdk == "typescript")
        left, stale = split(found, known, sdk)
        both = {same_name(name) for name in description.operations()} & {same_name(name) for name in facts["operations"]}
        print(f"{sdk} {facts['version']}: {len(both)} operations compared, {len(found)} differences, {len(left)} of them not known")
        for item in left:
            print(f"  {item.told()}")
        for entry in stale:
            print(f"  known, and no more: {entry['what']} {entry['operation']} {entry.get('where', '')}".rstrip())
        status = 1 if left or stale else status
    return status


if __name__ == "__main__":
    sys.exit(main())
