# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""A client for the part of Cloudflare's API that deals with Magic tunnels: which requests are sent, how often, and how responses are checked.

This file does not depend on Ansible. Facts about the API: https://developers.cloudflare.com/fundamentals/api/
"""

from __future__ import annotations

import functools
import json
import os
import random
import re
import time
import typing as t
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from functools import partial
from urllib.parse import quote

from ansible_collections.cloudflare.magic.plugins.module_utils._errors import GRAPHQL_PATH, NOT_SENT, UNKNOWN, MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._graphql import read_graphql
from ansible_collections.cloudflare.magic.plugins.module_utils._settings import check_segment, check_text
from ansible_collections.cloudflare.magic.plugins.module_utils._text import plural, scrub, shown, strings_in, without_quotes
from ansible_collections.cloudflare.magic.plugins.module_utils._transport import exchange, new_session, read_answer

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import requests

    from ansible_collections.cloudflare.magic.plugins.module_utils._settings import Settings

# Cloudflare blocks an account for up to five minutes; a longer wait is the user's decision.
LONGEST_RETRY_AFTER = 330.0
LONGEST_BACKOFF = 30.0

# A message may quote any key that this client has handled, including keys of other requests. A fleet has thousands, up to three for each tunnel.
_SHORTEST_KEPT = 8
_MOST_KEPT = 10000

# Waits longer than this number of seconds are reported.
_LONG_WAIT = 3.0

# The maximum difference in seconds between this machine's clock and the Date of a response at which the clock counts as correct.
_CLOCK_TOLERANCE = 3.0

# A Date outside these years is not valid, and near the limits of Python's dates it could not be used in calculations.
_YEARS = range(2020, 2200)


# What has license keys, of which this client knows only those that it has read: an error may quote another one.
_WITH_LICENSE_KEYS = "connectors"

_SEPARATORS = re.compile(r"[_\s-]")
_HEXADECIMAL = re.compile("[0-9A-Fa-f-]+", re.ASCII)


def may_retry(error: MagicError, repeatable: bool) -> bool:
    """Decide whether a call may be sent again.

    :arg repeatable: whether carrying it out twice is the same as once. Other calls are repeated only if they certainly had no effect.
    """
    if not error.transient or (error.retry_after or 0) > LONGEST_RETRY_AFTER:
        return False
    return repeatable or error.reached == NOT_SENT


T = t.TypeVar("T")


class Client:
    """One account's API, over one kept-alive session.

    :arg settings: from ``resolve``.
    :arg backoff: seconds of the first wait; each further one doubles, up to 30 s, with jitter.
    """

    def __init__(self, settings: Settings, backoff: float = 0.5) -> None:
        self.settings = settings
        self.sent = 0
        """How many requests have been sent."""
        self.tell: Callable[[str], None] = lambda dummy: None
        """Called with a line when it waits for longer than a few seconds before it repeats a request."""
        self._backoff = backoff
        self._clock: tuple[datetime, float] | None = None
        """Cloudflare's time at the last answer, and what no change of this machine's clock touches then."""
        self._dated: datetime | None = None
        self._pid = os.getpid()
        self._session = new_session(self.settings)
        self._inherited: list[requests.Session] = []
        self._credentials = [secret for secret in (settings.api_token, settings.api_key) if secret]
        self._kept: dict[str, None] = {}

    def keep_secret(self, *values: t.Any) -> None:
        """Remember strings, including those in dictionaries and lists, to mask in all later messages of this client.

        Short ones are left out, because they would mask parts of words; of very many, the last ones are kept.
        """
        for value in values:
            if isinstance(value, str) and len(value) >= _SHORTEST_KEPT:
                self._kept.pop(value, None)
                self._kept[value] = None
            elif isinstance(value, Mapping):
                self.keep_secret(*value.values())
            elif isinstance(value, (list, tuple)):
                self.keep_secret(*value)
        while len(self._kept) > _MOST_KEPT:
            del self._kept[next(iter(self._kept))]

    def without_quotes(self, value: T, own: Sequence[str] = ()) -> T:
        """Return an object of a response without the strings that this client remembers, which it may quote.

        :arg own: the secrets of this object.
        """
        return t.cast("T", without_quotes(value, own, self._kept)) if self._kept else value

    def _secrets(self, more: Iterable[str] = ()) -> list[str]:
        return [*self._credentials, *self._kept, *more]

    def readable(self, value: t.Any, secrets: Iterable[str] = ()) -> str:
        """Return a value from Cloudflare as one line of text, with the credential, the remembered secrets and these secrets masked."""
        return shown(str(scrub(value if isinstance(value, str) else json.dumps(value), self._secrets(secrets))))

    def now(self) -> datetime:
        """Return the time by Cloudflare's clock: ages of keys are not measured against the clock of this machine, which may be wrong."""
        if self._clock is None:
            return datetime.now(timezone.utc)
        moment, then = self._clock
        return moment + timedelta(seconds=time.monotonic() - then)

    def afterwards(self) -> datetime:
        """Return a time by Cloudflare's clock that is certainly not before the last answer: its ``Date`` has whole seconds, and this machine may be late."""
        return self.now() if self._dated is None else max(self.now(), self._dated + timedelta(seconds=1))

    def _own_session(self) -> requests.Session:
        """Return the session of this process: two processes on one connection would read each other's answers.

        Ansible forks workers from a process that may have an open connection. The inherited session is kept, because closing it would end the TLS
        connection of the other process.
        """
        if self._pid != os.getpid():
            self._inherited.append(self._session)
            self._session, self._pid = new_session(self.settings), os.getpid()
        return self._session

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def request(
        self,
        method: str,
        segments: Sequence[str],
        *,
        params: Mapping[str, str] | None = None,
        body: t.Any = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool | None = None,
        secrets: Sequence[str] = (),
        tree: str = "magic",
    ) -> t.Any:
        """Call ``/accounts/{account_id}/magic/...`` and return the envelope's ``result``.

        :arg segments: the rest of the path, each part unquoted.
        :arg body: a JSON value, or None for no body.
        :arg headers: in addition to those of every request.
        :arg repeatable: whether carrying it out twice is the same as once; by default true for GET alone.
        :arg secrets: what is in the body and must not be in any message, of this request or a later one.
        :arg tree: the part of the path that follows the account.
        :raises MagicError: if there is no successful answer.
        """
        self.keep_secret(*secrets)
        for name, value in {**(body if isinstance(body, dict) else {}), "the path": segments, "the query": params}.items():
            check_text(name, value)
        path = "/" + "/".join(quote(segment, safe="") for segment in ("accounts", self.settings.account_id, tree, *segments))
        quotes_keys = tree == "magic" and segments[0] == _WITH_LICENSE_KEYS
        said = list(strings_in([self.settings.account_id, segments, params, body])) if quotes_keys else None
        read = partial(read_answer, said=said)
        send = partial(self._send, method, path, read, params=params, body=body, headers=headers, secrets=self._secrets(secrets))
        return self._until_answered(method, path, method == "GET" if repeatable is None else repeatable, send)

    def graphql(self, query: str, variables: Mapping[str, t.Any]) -> dict[str, t.Any]:
        """Ask GraphQL Analytics, which only reads, and return the answer's ``data``.

        :raises MagicError: if there is none, or if it comes with errors.
        """
        check_text("the query", variables)
        body = {"query": query, "variables": variables}
        send = partial(self._send, "POST", GRAPHQL_PATH, read_graphql, body=body, secrets=self._secrets())
        return t.cast("dict[str, t.Any]", self._until_answered("POST", GRAPHQL_PATH, True, send))

    def _until_answered(self, method: str, path: str, repeatable: bool, send: Callable[[], t.Any]) -> t.Any:
        """Send a request, with retries where they are safe and may help, and return the result of its response."""
        tries = 0
        lost = False
        while True:
            try:
                return send()
            except MagicError as error:
                lost = lost or error.reached == UNKNOWN
                if lost:
                    # A rejected repetition says nothing about the earlier request.
                    error.reached = UNKNOWN
                if tries >= self.settings.max_retries or not may_retry(error, repeatable):
                    raise
                seconds = self._wait(error, tries)
                tries += 1
                if seconds > _LONG_WAIT:
                    why = "Cloudflare asks for a delay" if error.retry_after is not None else "there was no usable response"
                    self.tell(f"{method} {path}: {why}. Waiting {seconds:.0f} s before retry {tries} of {self.settings.max_retries}.")
                time.sleep(seconds)

    def _wait(self, error: MagicError, tries: int) -> float:
        """Return the seconds before the next try. Jitter keeps parallel workers from coming back all at once."""
        if error.retry_after is not None:
            return error.retry_after + random.uniform(0, min(1.0, 0.1 * error.retry_after))
        return float(min(LONGEST_BACKOFF, self._backoff * 2.0 ** min(tries, 30)) * random.uniform(0.5, 1))

    def _send(self, method: str, path: str, read: Callable[..., t.Any], *, secrets: Sequence[str], **request: t.Any) -> t.Any:
        """Send one request, once."""
        self.sent += 1
        answer = exchange(self._own_session(), self.settings, method, path, secrets=secrets, **request)
        self._set_clock(answer.headers.get("Date"))
        return read(method, path, answer.status, answer.headers, answer.body, secrets)

    def _set_clock(self, date: str | None) -> None:
        """Read the time from a ``Date`` header, if it is valid. It has whole seconds, so a clock that agrees with it is more exact and is kept."""
        try:
            moment = parsedate_to_datetime(date or "")
            here = datetime.now(timezone.utc)
            ahead = (moment - here).total_seconds()
        except Exception:  # pylint: disable=broad-exception-caught # what it raises for nonsense differs between versions of Python; no answer may fail of it
            return
        if moment.year in _YEARS:
            self._dated, self._clock = moment, (here if abs(ahead) <= _CLOCK_TOLERANCE else moment, time.monotonic())


def member(value: t.Any, name: str, kind: type, what: str, reached: str = NOT_SENT) -> t.Any:
    """Return a required member of a response.

    :raises MagicError: if it is missing.
    """
    found = value.get(name) if isinstance(value, dict) else None
    if not isinstance(found, kind):
        raise MagicError(f"Cloudflare's response to {what} has no '{name}' in the documented format.", reached=reached)
    return found


def canonical(object_id: str) -> str:
    """Return an id as it is compared: hexadecimal IDs are not case-sensitive, and a server may write them differently than a user."""
    return object_id.lower() if _HEXADECIMAL.fullmatch(object_id) else object_id


def check_id(answer: t.Any, name: str, asked: str, what: str) -> None:
    """Compare the ID in a response with the requested one. A response without an ID is accepted.

    :raises MagicError: if it describes another object. The outcome of the request is then unknown.
    """
    found = answer.get(name) if isinstance(answer, dict) else None
    if found is not None and not (isinstance(found, str) and canonical(found) == canonical(asked)):
        raise MagicError(
            f"Cloudflare's response to {what} describes an object other than {asked}, so it was not used. Run the task again; report this if it happens again.",
            reached=UNKNOWN,
        )


# Thousands of objects have the same few names.
@functools.lru_cache(maxsize=2**10)
def _is_key(name: str) -> bool:
    return _SEPARATORS.sub("", name).lower() in ("psk", "licensekey")


def without_keys(found: t.Any) -> t.Any:
    """Remove keys from an object, at any depth, so that none gets into a result, a diff, the inventory or its cache.

    This includes license keys and pre-shared keys.

    Keys are read only from the responses of the calls that create them. Without recursion, because a response may be deeply nested.
    """
    left = [found]
    while left:
        item = left.pop()
        if isinstance(item, dict):
            for name in [name for name in item if _is_key(name)]:
                del item[name]
            left.extend(item.values())
        elif isinstance(item, list):
            left.extend(item)
    return found


def list_objects(client: Client, several: str, noun: str, headers: Mapping[str, str] | None = None, path: str | None = None) -> list[dict[str, t.Any]]:
    """Return all objects of a kind, each with an ID that is valid in a path; the API has no pages here.

    :arg several: the kind's name in the answer.
    :arg noun: the kind, for messages.
    :arg path: the kind's name in the path, if it has another one there.
    :raises MagicError: if an object has no unique ID. An object that is left out here would count as absent.
    """
    return identified(client, member(client.request("GET", [path or several], headers=headers), several, list, f"the list of {plural(noun)}"), noun)


def identified(client: Client, items: list[t.Any], noun: str) -> list[dict[str, t.Any]]:
    """Return the objects of a response, each with an ID that is valid in a path.

    :raises MagicError: if an object has no unique ID.
    """
    seen: set[str] = set()
    for number, item in enumerate(items, 1):
        object_id = item.get("id") if isinstance(item, dict) else None
        try:
            known = canonical(check_segment("id", object_id)) if isinstance(object_id, str) else None
        except MagicError:
            known = None
        if known is None or known in seen:
            problem = f"entry {number} has no valid id" if known is None else f"two entries have the id {client.readable(object_id)}"
            raise MagicError(
                f"Cloudflare's response to the list of {plural(noun)} cannot be used: {problem}. Run the task again; report this if it happens again."
            )
        seen.add(known)
    return [without_keys(item) for item in items]


def read_object(client: Client, several: str, single: str, object_id: str, noun: str, headers: Mapping[str, str] | None = None) -> dict[str, t.Any]:
    """Return one object; see ``list_objects``.

    :arg single: the kind's name in the answer.
    :raises MagicError: if there is none with the id.
    """
    found: dict[str, t.Any] = member(client.request("GET", [several, object_id], headers=headers), single, dict, f"reading the {noun}")
    check_id(found, "id", object_id, f"reading the {noun}")
    # A response without an ID gets the requested one: later requests must not address all objects.
    return {**without_keys(found), "id": object_id}
