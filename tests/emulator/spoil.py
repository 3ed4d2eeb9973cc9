# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carries out faults: makes the answer to a request what faults.py has been asked for."""

from __future__ import annotations

import contextlib
import html
import json
import secrets
import socket
import time
import urllib.parse
import zlib
from typing import Any, Callable, Iterator

from flask import Response, request

from .envelope import as_json, failure, success
from .state import State
from .tree import place
from .values import Json

_MIB = 1024 * 1024
# Of these kinds, a request that takes no effect is answered as if it had.
_WHOLE_ANSWERS = ("cut_body", "drip", "huge")
_FORMS: dict[str, Callable[[str], str]] = {"plain": str, "html": html.escape, "url": lambda text: urllib.parse.quote(text, safe="", errors="backslashreplace")}


def before(fault: Json) -> Response | None:
    """Return the answer of a fault that meets a request before it takes effect; None if the request goes on."""
    if fault["kind"] == "slow":
        time.sleep(fault["seconds"])
        return None
    if pretends(fault):
        return None
    return success({}) if fault["kind"] in _WHOLE_ANSWERS else Response()


def pretends(fault: Json | None) -> bool:
    """Return whether the request is checked and answered, but changes nothing: there must be an object to be taken for another."""
    return bool(fault and fault["kind"] == "other_id" and fault["when"] == "before")


def after(fault: Json, answer: Response, state: State, body: str | None) -> Response:
    """Return what the client gets.

    Args:
        fault: that has met the request.
        answer: of the request itself, if it has taken effect.
        state: of the emulator.
        body: of the request.
    """
    return _CARRY_OUT.get(fault["kind"], _error)(fault, answer, state, body)


def _hang_up() -> Callable[[], None]:
    connection: socket.socket | None = request.environ.get("werkzeug.socket")

    def shut() -> None:
        # The client may have gone by itself.
        with contextlib.suppress(OSError):
            if connection is not None:
                connection.shutdown(socket.SHUT_RDWR)

    return shut


def _error(fault: Json, _answer: Response, _state: State, _body: str | None) -> Response:
    answer = failure(fault["status"], fault.get("errors", [{"code": fault["code"], "message": fault["message"]}]))
    if "retry_after" in fault:
        answer.headers["Retry-After"] = "{:g}".format(fault["retry_after"])
    answer.headers.update(fault.get("headers", {}))
    return answer


def _slow(fault: Json, answer: Response, _state: State, _body: str | None) -> Response:
    if fault["when"] == "after":
        time.sleep(fault["seconds"])
    return answer


def _disconnect(_fault: Json, _answer: Response, _state: State, _body: str | None) -> Response:
    _hang_up()()
    return Response()


def _pieces(answer: Response, pieces: Iterator[bytes], size: int, **headers: str) -> Response:
    return Response(pieces, answer.status_code, {"Content-Length": str(size), **headers}, mimetype="application/json")


def _cut_body(_fault: Json, answer: Response, _state: State, _body: str | None) -> Response:
    data, shut = answer.get_data(), _hang_up()

    def half() -> Iterator[bytes]:
        yield data[: len(data) // 2]
        shut()

    return _pieces(answer, half(), len(data))


def _drip(fault: Json, answer: Response, _state: State, _body: str | None) -> Response:
    data = answer.get_data()

    def drops() -> Iterator[bytes]:
        for number in range(len(data)):
            time.sleep(fault["seconds"])
            yield data[number : number + 1]

    return _pieces(answer, drops(), len(data))


def _huge(fault: Json, answer: Response, _state: State, _body: str | None) -> Response:
    # The answer, and then blanks, which JSON allows: a client that reads all of it finds nothing wrong.
    data = answer.get_data()

    def plain() -> Iterator[bytes]:
        yield data
        for _unused in range(fault["mebibytes"] * 16):
            yield b" " * (_MIB // 16)

    encoding = fault["encoding"]
    if encoding == "identity":
        return _pieces(answer, plain(), len(data) + fault["mebibytes"] * _MIB)
    packer = zlib.compressobj(1, zlib.DEFLATED, 31 if encoding == "gzip" else 15)
    packed = b"".join([packer.compress(piece) for piece in plain()] + [packer.flush()])
    return _pieces(answer, iter([packed]), len(packed), **{"Content-Encoding": encoding})


def _other_id(fault: Json, answer: Response, state: State, _body: str | None) -> Response:
    kind, account_id, _item_id = place(request.path)
    if kind is None or not 200 <= answer.status_code < 300:
        return answer
    new_hc_target = request.headers.get("x-magic-new-hc-target", "").lower() == "true"
    name = kind.form.ids[0] if kind.form else "id"

    def another(item_id: str) -> Json:
        """Return the whole other object, unless it is only the id that is to be wrong, or there is no other."""
        found = None if "id" in fault else state.another(kind, account_id, item_id, new_hc_target)
        return found or {name: fault.get("id") or secrets.token_hex(16)}

    def key_of(value: Json, own: str) -> Json:
        other = str(another(own)["id"])
        return {
            **value,
            **{name: str(value[name]).replace(own, other) for name in ("ipsec_id", "ipsec_tunnel_id") if name in value},
            "psk": state.decoy(other),
        }

    def swap(value: Any) -> Any:
        if isinstance(value, list):
            return [swap(item) for item in value]
        if not isinstance(value, dict):
            return value
        if "ipsec_tunnel_id" in value:
            return key_of(value, str(value["ipsec_tunnel_id"]))
        if name in value and len(value) > 1:
            other = another(str(value[name]))
            return other if len(other) > 1 else {**value, **other}
        swapped = {name: swap(item) for name, item in value.items()}
        if isinstance(swapped.get("successfully_applied_psks"), dict):
            applied = swapped["successfully_applied_psks"].values()
            swapped["successfully_applied_psks"] = {item["ipsec_tunnel_id"]: item for item in applied}
        return swapped

    return as_json(swap(json.loads(answer.get_data())), answer.status_code)


def _values(value: Any, name: str) -> Iterator[str]:
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        if key == name and isinstance(item, str):
            yield item
        else:
            yield from _values(item, name)


def _echo(fault: Json, _answer: Response, state: State, body: str | None) -> Response:
    quoted: list[str] = []
    if fault["what"] == "credential":
        token = request.headers.get("Authorization", "").partition(" ")[2]
        quoted = [text for text in (token, request.headers.get("X-Auth-Key", "")) if text]
    else:
        with contextlib.suppress(ValueError, RecursionError):
            quoted = list(_values(json.loads(body or "null"), "psk"))
        # A request without a key is about the one that is in force.
        quoted = quoted or state.keys_of(place(request.path)[2])
    shown = ", ".join(_FORMS[fault["form"]](text) for text in quoted)
    return failure(fault["status"], [{"code": fault["code"], "message": f"Invalid Request: cannot use '{shown}'"}])


_CARRY_OUT: dict[str, Callable[[Json, Response, State, str | None], Response]] = {
    "slow": _slow,
    "disconnect": _disconnect,
    "cut_body": _cut_body,
    "drip": _drip,
    "huge": _huge,
    "other_id": _other_id,
    "echo": _echo,
    "redirect": lambda fault, *_rest: Response("", fault["status"], {"Location": fault["location"]}),
    "empty": lambda fault, *_rest: Response("", fault["status"], mimetype="application/json"),
    "html": lambda fault, *_rest: Response(fault["body"], fault["status"], fault.get("headers"), mimetype="text/html"),
    "no_success_field": lambda fault, *_rest: as_json({"errors": [], "messages": [], "result": None}, fault["status"]),
}
