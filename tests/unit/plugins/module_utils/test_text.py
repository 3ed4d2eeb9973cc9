# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import html
import json
import re
import textwrap
import typing as t
import unicodedata
from html.entities import html5
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from ansible_collections.cloudflare.magic.plugins.module_utils._text import MASK, all_shown, listing, scrub, shown, without_unknown_keys

PRINTABLE = st.text(st.characters(min_codepoint=32, exclude_categories=["Cs", "Cc"]), min_size=8, max_size=20)
NAMES = {value: name for name, value in html5.items() if len(value) == 1 and name.endswith(";")}


def lower(text):
    return re.sub("%[0-9A-F]{2}", lambda match: match[0].lower(), text)


def as_utf8(text, form):
    return "".join(form.format(byte) for byte in text.encode())


FORMS: dict[str, t.Callable[[str], str]] = {
    "as it is": str,
    "HTML": html.escape,
    "HTML without quotes": lambda text: html.escape(text, quote=False),
    "HTML in decimal": lambda text: "".join(f"&#{ord(character)};" for character in text),
    "HTML in padded decimal": lambda text: "".join(f"&#{ord(character):07};" for character in text),
    "HTML in hexadecimal": lambda text: "".join(f"&#x{ord(character):x};" for character in text),
    "HTML in capital hexadecimal": lambda text: "".join(f"&#X{ord(character):X};" for character in text),
    "HTML by name": lambda text: "".join(f"&{NAMES[character]}" if character in NAMES else character for character in text),
    "ASCII with decimal": lambda text: text.replace("&", "&amp;").encode("ascii", "xmlcharrefreplace").decode(),
    "URL": lambda text: quote(text, safe=""),
    "URL with slashes": quote,
    "URL in small letters": lambda text: lower(quote(text, safe="")),
    "URL form": quote_plus,
    "URL form in small letters": lambda text: lower(quote_plus(text)),
    "URL, every byte": lambda text: as_utf8(text, "%{:02X}"),
    "JSON": lambda text: json.dumps(text)[1:-1],
    "JSON with letters": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "JSON of PHP": lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    "JSON of Go": lambda text: json.dumps(text)[1:-1].replace("<", "\\u003c").replace(">", "\\u003E").replace("&", "\\u0026"),
    "JSON, every letter": lambda text: "".join(f"\\u{unit.hex()}" for unit in units(text)),
    "JSON, every letter in capitals": lambda text: "".join(f"\\u{unit.hex().upper()}" for unit in units(text)),
    "JavaScript": lambda text: "".join(f"\\u{{{ord(character):x}}}" for character in text),
    "C": lambda text: as_utf8(text, "\\x{:02x}"),
    "octal": lambda text: as_utf8(text, "\\{:03o}"),
    "Python": lambda text: repr(text)[1:-1],
    "Python's bytes": lambda text: repr(text.encode())[2:-1],
    "Base64": lambda text: base64.b64encode(text.encode()).decode(),
    "Base64 without padding": lambda text: base64.b64encode(text.encode()).decode().rstrip("="),
    "Base64 for URLs": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "Base64 behind one byte": lambda text: base64.b64encode(b":" + text.encode() + b"?").decode(),
    "Base64 behind two bytes": lambda text: base64.b64encode(b"x:" + text.encode() + b"?").decode(),
    "Base64 in lines": lambda text: textwrap.fill(base64.b64encode(text.encode()).decode(), 7),
    "hexadecimal": lambda text: text.encode().hex(),
    "capital hexadecimal": lambda text: text.encode().hex().upper(),
}


def units(text):
    encoded = text.encode("utf-16-be")
    return [encoded[start : start + 2] for start in range(0, len(encoded), 2)]


# What stands in a key of one's own, of another program, in a token, and in what is no key at all.
SECRETS = [
    "cfut_TheTokenThatMustNotBeSeen",
    "The\"Key\\That'Must/Not<Be>&Seen+?=#%;",
    "key with blanks + plus",
    "Schlüssel-für-ä€-😀-Netz",
    "100%25&amp;\\u0041&#65;%41-like",
    "a+b/c==0123456789abcdefghijkl",
    '\\\\\\\\////""""',
]


def assert_masked(result, before, after, form):
    """Around Base64 there may be left what belongs to the neighbours, and padding."""
    assert result.startswith(before) and result.endswith(after) and MASK in result
    left = result[len(before) : len(result) - len(after)].split(MASK)
    assert len(left) == 2 and max(map(len, left)) <= (12 if form.startswith("Base64") else 0)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("secret", SECRETS, ids=range(len(SECRETS)))
def test_secret_is_masked_in_every_form(secret, form):
    for before, after in (("", ""), ("cannot parse '", "' at 3"), ("psk=", "&x=1"), ("é\u20ac<", ">")):
        assert_masked(scrub(f"{before}{FORMS[form](secret)}{after}", ["other-secret", secret]), before, after, form)


# What was encoded within Base64 nobody can read.
TWICE = [(inner, outer) for outer in ("HTML", "URL", "URL form", "JSON", "JSON of PHP") for inner in FORMS] + [("as it is", "Base64")]


@pytest.mark.parametrize("inner, outer", TWICE)
def test_secret_is_masked_when_it_was_encoded_twice(inner, outer):
    for secret in SECRETS[:4]:
        assert_masked(scrub(f"<{FORMS[outer](FORMS[inner](secret))}>", [secret]), "<", ">", f"{outer}{inner}" if outer == "Base64" else inner)


@pytest.mark.parametrize("form", ["HTML", "URL", "JSON"])
def test_secret_is_masked_when_it_was_encoded_three_times(form):
    for secret in SECRETS[:4]:
        assert_masked(scrub(f"<{FORMS[form](FORMS[form](FORMS[form](secret)))}>", [secret]), "<", ">", form)


@pytest.mark.parametrize(
    "text, secrets, expected",
    [
        ("one-and-one", ["one", "one-and"], f"{MASK}-{MASK}"),
        ("<beginning-middle-end>", ["beginning-middle-end", "middle"], f"<{MASK}>"),
        ("<beginning-middle-end>", ["beginning-middle", "middle-end"], f"<{MASK}>"),
        ("<x1x1x1x1x1x1>", ["x1x1x1x1"], f"<{MASK}>"),
    ],
    ids=["begin together", "one in the other", "one after the other", "one and the same"],
)
def test_secrets_that_overlap_are_masked_as_a_whole(text, secrets, expected):
    assert scrub(text, secrets) == scrub(text, secrets[::-1]) == expected


@given(PRINTABLE, st.sampled_from(sorted(FORMS)), st.text(max_size=10), st.text(max_size=10))
@example("00000000", "Base64", "", "")
@example("0000012\ufffe", "ASCII with decimal", "", "")
@settings(deadline=None, database=None, max_examples=300)
def test_no_secret_is_left(secret, form, before, after):
    assume(len(set(secret)) > 3)
    quoted = FORMS[form](secret)
    result = scrub(f"{before}|{quoted}|{after}", [secret])
    assert MASK in result and quoted not in result.replace(MASK, "")


@given(st.text(max_size=60) | st.from_regex(r"[%&;\\#xu0-9a-f+/=]{0,60}"))
@settings(deadline=None, database=None)
def test_text_without_a_secret_stays(text):
    assert scrub(text, ["NoSuchSecretInHere-\u2603"]) == text


def test_scrub_other_values():
    assert scrub({"a": ["x secret y", 1, None, True, {"b": "secret"}]}, ["secret"]) == {"a": [f"x {MASK} y", 1, None, True, {"b": MASK}]}
    assert scrub("nothing", []) == "nothing"
    assert scrub([12345678, 1], ["12345678"]) == [MASK, 1]
    assert scrub("x" * 100_000, ["secret"]) == "(100000 characters omitted)"


# --- what a terminal would obey

OBEYED = {
    "\x1b[2J\x1b[31m": r"\x1b[2J\x1b[31m",
    "\x9b31m": r"\x9b31m",
    "\x1b]0;title\x07": r"\x1b]0;title\x07",
    "a\nok: [localhost]": r"a\nok: [localhost]",
    "a\rb\tc\x0bd\x0ce\x1cf\x1ef": r"a\rb\tc\x0bd\x0ce\x1cf\x1ef",
    "\x85\u2028\u2029": r"\x85\u2028\u2029",
    "\x00\x08\x7f": r"\x00\x08\x7f",
    "\u202egnp.exe\u202c\u2066\u2069\u200e\u200f\u061c": r"\u202egnp.exe\u202c\u2066\u2069\u200e\u200f\u061c",
    "a\u200bb\u200cc\u200dd\u2060e\ufefff\xadg\u180eh\u034fi\u3164j\ufe0fk": r"a\u200bb\u200cc\u200dd\u2060e\ufefff\xadg\u180eh\u034fi\u3164j\ufe0fk",
    "\ud800x\udfff": r"\ud800x\udfff",
    "\U000e0041\U000e007f\U000e0100": r"\U000e0041\U000e007f\U000e0100",
    "a\xa0b\u3000c": r"a\xa0b\u3000c",
}


@pytest.mark.parametrize("text, expected", OBEYED.items(), ids=map(ascii, OBEYED))
def test_shown(text, expected):
    assert shown(text) == expected == shown(expected)


def test_shown_leaves_what_people_write():
    for text in ("", "paris-1", "Zürich \u2013 büro", "東京", "Москва", "مكتب", "😀", "a\\nb", "'{{ x }}' \"&<>\""):
        assert shown(text) == text


@given(st.text(st.characters()))
@settings(deadline=None, database=None)
def test_shown_is_one_line_without_controls(text):
    result = shown(text)
    assert len(result.splitlines()) <= 1 and not {unicodedata.category(character) for character in result} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    result.encode()


def test_all_shown():
    value = {"a\n": ["b\x1b", 1, None, {"c\u202e": "d\x9b"}], 5: True}
    assert all_shown(value) == {r"a\n": [r"b\x1b", 1, None, {r"c\u202e": r"d\x9b"}], 5: True}


def test_listing():
    assert listing(["b", "a"]) == "a, b" and listing([]) == ""
    assert listing(f"n{number:03}" for number in range(60)).endswith("n049 and 10 more")


SENT = ["connectors", "0123456789abcdef0123456789abcdef", "MC-2209-0417-2209-0417-X"]
KEYS = {
    "as it is": "mconn-0f3a9c1d2b4e5f60718293a4b5c6d7e8f9012345",
    "at the end of a sentence": "mconn-0f3a9c1d2b4e5f60718293a4b5c6d7e8f9012345.",
    "in Base64": "QUJDREVGR0hJSktM/TU5PUFFS+1RVVldYWVo5==",
    "in groups": "A1B2C-D3E4F-G5H6I-J7K8L-M9N0P",
    "in short groups": "A1B2C-D3E4F-G5H6I-J7K8L",
    "in groups, shorter than other words": "A1B2-C3D4-E5F6-G7H8",
    "in Base64, like a path": "/QUJDR/VGR0h/JSktM/TU5PUFFS/1RVV",
    "as a value": "license_key=mconn-0f3a9c1d2b4e5f60718293a4",
    "in an address": "https://example.com/licenses/mconn-0f3a9c1d2b4e5f60718293a4/new",
    "beside an id": "0123456789abcdef0123456789abcdef/mconn-0f3a9c1d2b4e5f60718293a4",
}
PLAIN = (
    "connector 0123456789abcdef0123456789abcdef is unknown.",
    "ABCDEF0123456789ABCDEF0123456789, 0f3a9c1d-2b4e-5f60-7182-93a4b5c6d7e8",
    "GET /accounts/023e105f4ecef8ad9ca31a8372d0c353/magic/connectors/0123456789abcdef0123456789abcdef",
    "magic/connectors/0123456789abcdef0123456789abcdef",
    "the serial number MC-2209-0417-2209-0417-X is taken. serial_number=MC-2209-0417-2209-0417-X.",
    "EMU-0001 is short, and interrupt_window_duration_hours/interrupt_window_days_of_week are only long",
    "see https://developers.cloudflare.com/magic-wan/configuration/connector/configure-hardware-connector/",
    "the serial numbers MC-2209-0417-0418, MC22-0417-0418 and 2209-0417-0418-0419 are taken%2C so is mc22-0417-0418-0419",
    "at /interrupt_window_embargo_dates/0 (8f2b1c3d4e5f6a7b-CDG), 2026-12-01T10:20:30.123456Z",
)


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_a_key_that_is_not_known_is_masked(key):
    masked = without_unknown_keys([{"message": f"cannot use {key} here"}], SENT)[0]["message"]
    assert "0f3a9c" not in masked and "QUJD" not in masked and "A1B2C" not in masked and "TU5PUFFS" not in masked
    assert masked.startswith("cannot use ") and masked.endswith(" here") and MASK in masked


@pytest.mark.parametrize("key", ["mconn-0f3a9c1d2b4e5f607182", "Qu/JD+r4/E9f5+G0h1/I2j3==", "A1B2-C3D4-E5F6-G7H8"])
@pytest.mark.parametrize(
    "encode",
    [
        lambda key: quote(key, safe=""),
        lambda key: quote(quote(key, safe=""), safe=""),
        lambda key: "".join(f"%{ord(character):02x}" for character in key),
        lambda key: "".join(f"&#{ord(character)};" for character in key),
        lambda key: "".join(f"&#x{ord(character):X};" for character in key),
        lambda key: "".join(f"\\u{ord(character):04x}" for character in key),
        lambda key: key.replace("/", "\\/"),
        lambda key: key.replace("=", "&equals;").replace("/", "&sol;").replace("+", "&plus;"),
    ],
)
def test_a_key_that_is_not_known_is_masked_in_encoded_form(key, encode):
    text = f"cannot use '{encode(key)}' here"
    assert without_unknown_keys([text], SENT)[0] in (f"cannot use '{MASK}' here", f"cannot use '{MASK}%3D%3D' here", f"cannot use '{MASK}%253D%253D' here")
    assert without_unknown_keys([text], [f"notes: {key}"]) == [text]


@pytest.mark.parametrize("text", PLAIN)
def test_what_is_no_key_stays_readable(text):
    assert without_unknown_keys({"message": text, "code": 5}, SENT) == {"message": text, "code": 5}
