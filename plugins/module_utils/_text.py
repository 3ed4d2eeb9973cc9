# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Text for people: without secrets, and without characters that control a terminal or a log file."""

from __future__ import annotations

import re
import sys
import typing as t
from base64 import b64encode
from dataclasses import dataclass
from html import unescape

if t.TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    # What is encoded, and the characters of each match; see ``_decode``.
    _Decoder = tuple[re.Pattern[str], Callable[[re.Match[str]], Iterator[tuple[str, int]]]]

MASK = "********"

# Masking shorter strings than this would make Ansible's output unreadable.
SHORTEST_KEY = 8

# What Ansible (up to 2.22) and this collection show instead of a hidden value. None of them is ever a value.
MASKS = (MASK, "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER", "$REDACTED$")


def is_mask(text: str) -> bool:
    """Return whether a text contains what is shown instead of a hidden value."""
    return (text.strip(" ") != "" and not text.strip("* ")) or any(mask in text for mask in MASKS[1:])


_MOST_NAMES = 50

# Characters that Python calls printable although they are invisible: fillers, joiners and variation selectors.
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0") | {chr(code) for code in (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))}


def shown(text: str) -> str:
    """Return text as it can be printed on one line: characters that control a terminal, break a line, reverse or hide text, or are invalid, are escaped."""
    return "".join(character if character.isprintable() and character not in _INVISIBLE else _escaped(character) for character in text)


def _escaped(character: str) -> str:
    code = ord(character)
    named = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}.get(character)
    return named or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}")


# Longer texts are shortened.
_LONGEST = 4096


def scrub(value: t.Any, secrets: Sequence[str]) -> t.Any:
    """Replace each secret in the strings of ``value`` (a JSON value) by a mask. Servers quote what they received, in many forms."""
    if isinstance(value, int) and not isinstance(value, bool):
        return MASK if str(value) in secrets else value
    return _in_strings(value, lambda text: _without(text, secrets), lambda item: scrub(item, secrets))


def without_quotes(value: t.Any, own: Sequence[str], others: Collection[str]) -> t.Any:
    """Replace secrets in the strings of an object by a mask. Unlike in a message, a text of any length stays whole.

    :arg own: the secrets of this object, which are also found in encoded form, except in the longest texts.
    :arg others: further secrets, which are found as they are.
    """

    def change(text: str) -> str:
        for secret in (*own, *others):
            if secret in text:
                text = text.replace(secret, MASK)
        return _without(text, own) if len(text) <= _LONGEST else text

    return _in_strings(value, change, lambda item: without_quotes(item, own, others))


# What a key can look like, at the lengths that keys have; and what looks like one and is none: ids, and the id of a request.
_LONG_WORD = re.compile(r"[A-Za-z0-9_\-.+/]{19,}={0,2}")
_ID = re.compile("[0-9A-Fa-f]{32}|[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}|[0-9a-f]{16}-[A-Z]{3}")
# A key for people to type, such as A1B2-C3D4-E5F6-G7H8.
_GROUPS = re.compile("(?:[0-9A-Z]{4}-){3,}[0-9A-Z]{4}|(?:[0-9A-Z]{5}-){3,}[0-9A-Z]{5}|(?:[0-9A-Z]{6}-){3,}[0-9A-Z]{6}")
_PART_OF_PATH = re.compile(r"[A-Z]?[a-z0-9_.\-]*")
_SHORTEST_WORD = 20
_SHORTEST_NAME = 8


def without_unknown_keys(value: t.Any, said: Sequence[str]) -> t.Any:
    """Replace words that look like keys in the strings of a JSON value by a mask: for a response that may quote a key that is not known here.

    Such a word is long, or has groups of the same length, and has both letters and digits; also in encoded form. Ids, and the parts of paths and
    addresses, stay readable unless they are such words themselves.

    :arg said: what the request said, which stays readable, too.
    """

    def is_plain(word: str) -> bool:
        return bool(_ID.fullmatch(word)) or any(word in text for text in said)

    def is_key(word: str) -> bool:
        mixed = any(map(str.isdigit, word)) and any(map(str.isalpha, word))
        return mixed and (len(word) >= _SHORTEST_WORD or bool(_GROUPS.fullmatch(word))) and not is_plain(word)

    def is_path(parts: Sequence[str]) -> bool:
        if any(len(part) >= _SHORTEST_NAME and is_plain(part.strip(".")) for part in parts):
            return True
        return not parts[0] and all(_PART_OF_PATH.fullmatch(part) or is_plain(part) for part in parts)

    def found(decoded: _Decoded) -> Iterator[tuple[int, int]]:
        for match in _LONG_WORD.finditer(decoded.text):
            start, parts = match.start(), match[0].split("/")
            for word in parts if is_path(parts) else [match[0]]:
                core = word.strip(".")  # the end of a sentence
                first = start + word.find(core)
                if is_key(core):
                    yield decoded.starts[first], decoded.ends[first + len(core) - 1]
                start += len(word) + 1

    def change(text: str) -> str:
        # Lines are not joined: two short words would become a long one.
        return _masked(text, [span for decoded in _decodings(text, _DECODERS[:-1]) for span in found(decoded)])

    return _in_strings(value, change, lambda item: without_unknown_keys(item, said))


def strings_in(value: t.Any) -> Iterator[str]:
    """Yield the strings of a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list, tuple)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from strings_in(item)


def is_template(text: str) -> bool:
    """Return whether Ansible could treat a text as a template."""
    return any(mark in text for mark in ("{{", "{%", "{#")) or text.startswith("#jinja2:")


def without_templates(text: str) -> str:
    """Return a text that Ansible cannot treat as a template, even if it loses its tags: each template begins with this character."""
    return text.replace("{", r"\x7b")


def harmless(value: t.Any) -> t.Any:
    """Return a JSON value whose strings and names can be printed, and cannot be taken for templates, for those who cannot mark them as data."""
    changed = _in_strings(value, lambda text: without_templates(shown(text)), harmless)
    return {without_templates(shown(name)): item for name, item in changed.items()} if isinstance(changed, dict) else changed


def all_shown(value: t.Any) -> t.Any:
    """Return a JSON value whose strings and names can be printed; see ``shown``."""
    changed = _in_strings(value, shown, all_shown)
    return {shown(name) if isinstance(name, str) else name: item for name, item in changed.items()} if isinstance(changed, dict) else changed


def _in_strings(value: t.Any, change: Callable[[str], str], descend: Callable[[t.Any], t.Any]) -> t.Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [descend(item) for item in value]
    if isinstance(value, dict):
        return {key: descend(item) for key, item in value.items()}
    return value


@dataclass(frozen=True)
class _Decoded:
    """A text, and for each of its characters where it stands in the text that it was decoded from.

    :ivar starts: of each character; and the end of the last one.
    """

    text: str
    starts: Sequence[int]
    ends: Sequence[int]


def _without(text: str, secrets: Sequence[str]) -> str:
    """Mask secrets as they are, and in each encoding, up to three nested ones."""
    if not secrets:
        return text
    if len(text) > _LONGEST:
        return f"({len(text)} characters omitted)"
    needles = [needle for secret in secrets if secret for needle in _needles(secret)]
    return _masked(text, [span for decoded in _decodings(text, _DECODERS) for span in _found(decoded, needles)])


def _decodings(text: str, decoders: Sequence[_Decoder]) -> Iterator[_Decoded]:
    """Yield a text, and what it is in each encoding, up to three nested ones."""
    seen = {text}
    level = [_Decoded(text, range(len(text)), range(1, len(text) + 1))]
    for dummy in range(4):
        yield from level
        further = [_decode(decoded, *decoder) for decoded in level for decoder in decoders]
        level = [decoded for decoded in {decoded.text: decoded for decoded in further}.values() if decoded.text not in seen]
        seen.update(decoded.text for decoded in level)


def _masked(text: str, spans: Sequence[tuple[int, int]]) -> str:
    """Return a text with a mask in place of each of its parts from one place to another."""
    pieces, end = [], 0
    for start, stop in sorted(spans):
        if start >= end:
            pieces += [text[end:start], MASK]
        end = max(end, stop)
    return "".join([*pieces, text[end:]])


def _needles(secret: str) -> Iterator[tuple[str, int, int]]:
    """Yield what a secret may look like once all escapes are gone, and how many characters before and after it hold a part of it."""
    yield secret, 0, 0
    yield secret.replace(" ", "+"), 0, 0
    data = secret.encode("utf-8", "surrogatepass")
    yield data.hex(), 0, 0
    yield data.hex().upper(), 0, 0
    # It may stand at any place in what was encoded; the characters at the ends depend on its neighbours.
    for before, skipped in ((0, 0), (1, 2), (2, 3)):
        whole = (before + len(data)) * 8
        for altchars in (None, b"-_"):
            encoded = b64encode(bytes(before) + data, altchars).decode()[skipped : whole // 6]
            if len(encoded) > 5:
                yield encoded, 1 if before else 0, 1 if whole % 6 else 0


def _found(decoded: _Decoded, needles: Sequence[tuple[str, int, int]]) -> Iterator[tuple[int, int]]:
    for needle, before, after in needles:
        start = decoded.text.find(needle)
        while start >= 0:
            first, last = max(start - before, 0), min(start + len(needle) - 1 + after, len(decoded.text) - 1)
            yield decoded.starts[first], decoded.ends[last]
            start = decoded.text.find(needle, start + 1)


def _decode(source: _Decoded, pattern: re.Pattern[str], replace: Callable[[re.Match[str]], Iterator[tuple[str, int]]]) -> _Decoded:
    """Decode a text. ``replace`` gives the characters of each match, and of how many characters each is made."""
    text: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    done = 0
    for match in pattern.finditer(source.text):
        text.append(source.text[done : match.start()])
        starts += source.starts[done : match.start()]
        ends += source.ends[done : match.start()]
        position = match.start()
        for character, length in replace(match):
            text.append(character)
            starts.append(source.starts[position])
            position += length
            ends.append(source.ends[position - 1])
        done = match.end()
    return _Decoded("".join([*text, source.text[done:]]), [*starts, *source.starts[done:]], [*ends, *source.ends[done:]])


def _bytes(data: bytes, length: int) -> Iterator[tuple[str, int]]:
    """Yield the characters of UTF-8, or of Latin-1 where it is none."""
    for character in data.decode("utf-8", "surrogateescape"):
        stray = "\udc80" <= character <= "\udcff"
        yield (chr(ord(character) - 0xDC00) if stray else character), length * (1 if stray else len(character.encode("utf-8", "surrogatepass")))


def _percent(match: re.Match[str]) -> Iterator[tuple[str, int]]:
    return _bytes(bytes.fromhex(match[0].replace("%", "")), 3)


def _entity(match: re.Match[str]) -> Iterator[tuple[str, int]]:
    number = match["decimal"] or match["hexadecimal"]
    code = int(number, 10 if match["decimal"] else 16) if number else None
    # By its number, because HTML itself has no characters for some of them.
    character = unescape(match[0]) if code is None or code > sys.maxunicode else chr(code)
    return iter([(character, len(match[0]))]) if len(character) == 1 else _as_is(match[0])


def _as_is(text: str) -> Iterator[tuple[str, int]]:
    return ((character, 1) for character in text)


def _backslash(match: re.Match[str]) -> Iterator[tuple[str, int]]:
    text = match[0]
    if match["hex"]:
        return _bytes(bytes.fromhex(text.replace("\\x", "")), 4)
    if match["octal"]:
        return _bytes(bytes(int(number, 8) & 0xFF for number in text.split("\\")[1:]), 4)
    if match["one"]:
        return iter([({"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}.get(match["one"], match["one"]), 2)])
    if match["high"]:
        return iter([((bytes.fromhex(match["high"]) + bytes.fromhex(match["low"])).decode("utf-16-be"), 12)])
    code = int(match["four"] or match["eight"] or match["braced"], 16)
    return iter([(chr(code), len(text))]) if code <= sys.maxunicode else _as_is(text)


_DECODERS: tuple[_Decoder, ...] = (
    (re.compile("(?:%[0-9A-Fa-f]{2})+"), _percent),
    (re.compile("&(?:#(?P<decimal>[0-9]{1,12})|#[xX](?P<hexadecimal>[0-9A-Fa-f]{1,12})|[A-Za-z][A-Za-z0-9]{1,31});?"), _entity),
    (
        re.compile(
            r"\\u(?P<high>[dD][89abAB][0-9A-Fa-f]{2})\\u(?P<low>[dD][c-fC-F][0-9A-Fa-f]{2})"
            r"|\\u(?P<four>[0-9A-Fa-f]{4})|\\U(?P<eight>[0-9A-Fa-f]{8})|\\u\{(?P<braced>[0-9A-Fa-f]{1,6})\}"
            r"|(?P<hex>(?:\\x[0-9A-Fa-f]{2})+)|(?P<octal>(?:\\[0-7]{3})+)|\\(?P<one>.)",
            re.DOTALL,
        ),
        _backslash,
    ),
    # Long values may be split into lines.
    (re.compile(r"\r?\n[ \t]*"), lambda dummy: iter(())),
)


def listing(items: Iterable[str]) -> str:
    """Return names in a sentence; of very many, the first ones."""
    names = sorted(items)
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more


def plural(noun: str) -> str:
    """Return what several objects of a kind are called."""
    first, of, rest = noun.partition(" of ")
    return f"{first.rstrip('s')}s{of}{rest}"


def with_article(noun: str) -> str:
    """Return the beginning of a sentence about an object of a kind."""
    return f"{'An' if noun[0] in 'AEIaei' else 'A'} {noun}"
