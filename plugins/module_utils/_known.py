# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What is known about tunnels between two polls, and its file format. It contains no key and no value of a field. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import asdict, dataclass, field

from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._times import parse_timestamp

if t.TYPE_CHECKING:
    from collections.abc import Callable

    Json = dict[str, t.Any]

_VERSION = 1


@dataclass(frozen=True)
class Due:
    """A report about a key that is due.

    :ivar of: the time at which that key was generated; None if there was none.
    :ivar at: when that was.
    """

    of: str | None
    at: str


@dataclass
class Known:
    """One tunnel.

    :ivar generated: the time at which its key was generated.
    :ivar fields: a digest of the value of each field that is not the default.
    :ivar health: the state of its health, if it was ever read.
    """

    name: str
    generated: str | None = None
    fields: dict[str, str] = field(default_factory=dict)
    health: str | None = None
    due: Due | None = None


@dataclass
class State:
    """All tunnels.

    :ivar forms: which fields are compared, by type of tunnel, as digests.
    :ivar tunnels: by type and id. A type that was never read is missing.
    :ivar unsent: events that may not have been delivered.
    """

    account_id: str
    api_url: str
    forms: dict[str, str]
    tunnels: dict[str, dict[str, Known]]
    unsent: list[Json] = field(default_factory=list)

    def content(self) -> Json:
        """Return what a file keeps."""
        return {**self.beside_tunnels(), "tunnels": self.of_tunnels()}

    def beside_tunnels(self) -> Json:
        """Return the part that changes with each event that is delivered."""
        return {"version": _VERSION, "account_id": self.account_id, "api_url": self.api_url, "forms": self.forms, "unsent": self.unsent}

    def of_tunnels(self) -> Json:
        """Return the part that changes with each poll, and is large."""
        return {kind: {tunnel_id: asdict(one) for tunnel_id, one in several.items()} for kind, several in self.tunnels.items()}

    @classmethod
    def of(cls, content: t.Any) -> State:
        """Read what a file has kept.

        :raises MagicError: if it is something else.
        """
        try:
            if _is(dict, content)["version"] != _VERSION:
                raise MagicError("it was written by another version of this collection")
            tunnels = _mapped(content["tunnels"], lambda several: _mapped(several, _tunnel))
            unsent = [_event(event) for event in _is(list, content["unsent"])]
            return cls(_is(str, content["account_id"]), _is(str, content["api_url"]), _texts(content["forms"]), tunnels, unsent)
        except (KeyError, TypeError, ValueError):
            raise MagicError("it is damaged, or it is not a state file of this event source") from None


def _is(kind: type, value: t.Any) -> t.Any:
    if not isinstance(value, kind):
        raise ValueError(kind)
    return value


def _text(value: t.Any) -> str | None:
    return None if value is None else str(_is(str, value))


def _mapped(value: t.Any, read: Callable[[t.Any], t.Any]) -> t.Any:
    return {_is(str, name): read(item) for name, item in _is(dict, value).items()}


def _texts(value: t.Any) -> dict[str, str]:
    return t.cast("dict[str, str]", _mapped(value, lambda text: _is(str, text)))


def _tunnel(value: t.Any) -> Known:
    due = value["due"]
    return Known(_is(str, value["name"]), _text(value["generated"]), _texts(value["fields"]), _text(value["health"]), None if due is None else _due(due))


def _due(value: t.Any) -> Due:
    try:
        parse_timestamp(value["at"])
    except MagicError:
        raise ValueError("at") from None
    return Due(_text(value["of"]), _is(str, value["at"]))


def _event(value: t.Any) -> Json:
    """Return an event, after checking that the required members exist."""
    tunnel = _is(dict, value["tunnel"])
    for part in (value["type"], tunnel["id"], tunnel["name"], _is(dict, value["meta"])["uuid"]):
        _is(str, part)
    _text(tunnel["tunnel_type"])
    if value["type"] == "psk_due":
        _text(value["last_generated_on"])
    return t.cast("Json", value)
