# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Find a secret in bytes, whatever form it has taken on the way."""

from __future__ import annotations

import base64
import gzip
import html
import io
import json
import re
import sqlite3
import tempfile
import zipfile
import zlib
from contextlib import closing
from pathlib import Path
from urllib.parse import quote, quote_plus

_BASE64_RUN = re.compile(rb"[A-Za-z0-9+/_-]{80,}={0,2}")
_BLANKS = b" \t\n\r\f\v\0"
_DEEPEST = 4


def _base64_parts(data: bytes) -> set[bytes]:
    """Return what is in common to all Base64 texts of longer data that hold ``data``, for each of the three ways it can be aligned."""
    parts = set()
    for before in range(3):
        text = base64.b64encode(b"\0" * before + data)
        left = (0, 2, 3)[before]
        right = (0, 3, 2)[(before + len(data)) % 3]
        parts.add(text[left : len(text) - right])
    return parts | {part.replace(b"+", b"-").replace(b"/", b"_") for part in parts}


def _escaped(part: str) -> set[str]:
    """Return what JSON and Python make of a string within their quotes, also one within the other."""
    found = {part}
    for _level in range(2):
        for text in list(found):
            doubled = text.replace("\\", "\\\\")
            found |= {json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1], doubled, doubled.replace("'", "\\'"), doubled.replace('"', '\\"')}
    return found


def _forms(part: str) -> dict[str, set[bytes]]:
    raw = part.encode()
    forms = {
        "raw": {raw},
        "escaped": {text.encode() for text in _escaped(part)},
        "URL-encoded": {quote(part).encode(), quote(part, safe="").encode(), quote_plus(part).encode()},
        "XML-escaped": {html.escape(text, quotes).encode() for text in _escaped(part) for quotes in (True, False)},
        "Base64": _base64_parts(raw),
        "hex": {raw.hex().encode(), raw.hex().upper().encode()},
    }
    # Of forms that look the same, the first one counts.
    seen: set[bytes] = set()
    for name, texts in forms.items():
        forms[name] = texts - seen
        seen |= texts
    return forms


class Secret:
    """What is looked for: both halves of a secret, because half of one is too much already, and lines may break within."""

    def __init__(self, text: str) -> None:
        if len(text) < 16:
            raise ValueError("too short to be found for certain")
        self.text = text
        middle = len(text) // 2
        self._halves = [_forms(text[:middle]), _forms(text[middle:])]

    def count(self, data: bytes) -> dict[str, int]:
        """Return how often each form of it occurs in ``data``; forms that do not occur are left out."""
        views = [data, data.translate(None, _BLANKS)]
        found = {}
        for form in self._halves[0]:
            number = max(sum(view.count(text) for text in half[form]) for half in self._halves for view in views)
            if number:
                found[form] = number
        return found


def _database_values(data: bytes) -> list[bytes]:
    """Return every value of an SQLite database: what is long, or compressed, is in parts on its pages."""
    values = []
    with tempfile.NamedTemporaryFile(suffix=".sqlite") as file:
        file.write(data)
        file.flush()
        with closing(sqlite3.connect(file.name)) as database:
            database.text_factory = bytes
            tables = [name.decode() for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            for table in tables:
                for row in database.execute(f'SELECT * FROM "{table}"'):
                    values += [value for value in row if isinstance(value, bytes)]
    return values


def _unpacked(data: bytes, depth: int = 0) -> list[bytes]:
    """Return ``data``, and everything that is packed in it: zip, gzip, zlib, an SQLite database, and archives in Base64 (the payload of AnsiballZ)."""
    found = [data]
    if depth == _DEEPEST:
        return found
    if data[:2] == b"PK":
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                for name in archive.namelist():
                    found += _unpacked(archive.read(name), depth + 1)
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError):
            pass
    elif data[:2] == b"\x1f\x8b":
        try:
            found += _unpacked(gzip.decompress(data), depth + 1)
        except (OSError, EOFError, zlib.error):
            pass
    elif data[:16] == b"SQLite format 3\0":
        for value in _database_values(data):
            found += _unpacked(value, depth + 1)
    elif data[:1] == b"\x78" and len(data) > 2 and int.from_bytes(data[:2], "big") % 31 == 0:
        try:
            found += _unpacked(zlib.decompress(data), depth + 1)
        except zlib.error:
            pass
    else:
        for match in _BASE64_RUN.finditer(data):
            text = match.group().rstrip(b"=").replace(b"-", b"+").replace(b"_", b"/")
            inner = base64.b64decode(text + b"=" * (-len(text) % 4)) if len(text) % 4 != 1 else b""
            if inner[:2] in (b"PK", b"\x1f\x8b"):
                found += _unpacked(inner, depth + 1)
    return found


def unpacked(data: bytes) -> bytes:
    """Return data with all that is packed in it behind it."""
    return b"\n".join(_unpacked(data))


def count(data: bytes, secrets: list[Secret]) -> dict[str, int]:
    """Return how often each form of any of the secrets is in ``data``, packed or not."""
    found: dict[str, int] = {}
    for piece in _unpacked(data):
        for secret in secrets:
            for form, number in secret.count(piece).items():
                found[form] = found.get(form, 0) + number
    return found


def files_below(folder: Path) -> dict[str, bytes]:
    """Return the content of all files below a folder by their names."""
    content = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            content[name] = str(path.readlink()).encode("utf-8", "surrogateescape")
        elif path.is_file():
            content[name] = path.read_bytes()
    return content
