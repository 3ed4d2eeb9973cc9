# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The only error class, what Cloudflare's responses say about a failure, and the only table of Cloudflare's codes."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.cloudflare.magic.plugins.module_utils._text import all_shown, shown

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

# How far a request may have got when it failed.
NOT_SENT = "not_sent"  # the server never received it, or rejected it without reading it
REFUSED = "refused"  # Cloudflare responded that nothing was changed
UNKNOWN = "unknown"  # the server may have carried it out

_WRITE_PERMISSION = "'Magic WAN Write' or 'Magic Transit Write'"
_READ_PERMISSION = f"'Magic WAN Read' or 'Magic Transit Read' ({_WRITE_PERMISSION} include it)"
_ANALYTICS_PERMISSION = "'Account Analytics Read'"
# What needs other permissions to be read and written, by what follows the account in the path.
_OTHER_PERMISSIONS = {
    "magic/connectors": ("'Magic WAN Read' ('Magic WAN Write' includes it)", "'Magic WAN Write'"),
    "mnm": ("'Magic Network Monitoring Config Write'", "'Magic Network Monitoring Config Write'"),
}

# The path of GraphQL Analytics: a POST that only reads, with its own permission and rate limit.
GRAPHQL_PATH = "/graphql"

_WRONG_KIND = (
    "The credential has the wrong format for its header. An API token belongs in api_token (CLOUDFLARE_API_TOKEN), "
    "a global API key in api_key (CLOUDFLARE_API_KEY) with api_email (CLOUDFLARE_EMAIL)."
)
_NOT_ONBOARDED = (
    "The account is not onboarded to Cloudflare WAN (Magic WAN) or Magic Transit, which need an Enterprise plan. "
    "Check account_id, or ask Cloudflare's account team."
)
_UNKNOWN_CREDENTIAL = "Cloudflare does not know this credential. Check that it is complete, not revoked and not expired."
_RATE_LIMIT = "Cloudflare's rate limit is reached (1,200 requests in five minutes for a user or token). Wait, run fewer tasks at once, or raise max_retries."
ANALYTICS_RATE_LIMIT = (
    "Cloudflare's rate limit for analytics is reached (300 queries in five minutes for a user). Wait, send fewer queries, or raise max_retries."
)
_PERMISSION = (
    "The credential is not accepted for this call. Give the API token the permission {permission} for this account, "
    "and check that it is complete and not expired."
)
# The same code means an invalid token or a missing permission.
_TOKEN = (
    "Cloudflare did not accept the credential. Check that the API token is complete, not revoked and not expired, "
    "and that it has the permission {permission} for this account."
)


@dataclass(frozen=True)
class Code:
    """What is known of one of Cloudflare's error codes.

    :ivar advice: what a user can do.
    :ivar hopeless: whether it does not depend on the objects in the request, so that repeating it with fewer objects cannot help.
    :ivar rate_limit: whether the request was rejected because there were too many.
    """

    advice: str
    hopeless: bool = True
    rate_limit: bool = False


def _not_found(noun: str, option: str, instead: str) -> Code:
    return Code(f"Cloudflare has no {noun} with this id in this account. Check {option} and account_id, or give {instead} instead.", hopeless=False)


# Some arrive with any status, in "errors" or in the "error_chain" of another one.
CODES: dict[int, Code] = {
    971: Code(_RATE_LIMIT, rate_limit=True),
    1012: Code(_NOT_ONBOARDED),
    1020: _not_found("route", "static_route_id", "prefix and nexthop"),
    1025: Code(_NOT_ONBOARDED),
    1029: _not_found("GRE tunnel", "gre_tunnel_id", "name"),
    1032: _not_found("IPsec tunnel", "ipsec_tunnel_id", "name"),
    6003: Code(_WRONG_KIND),
    6103: Code(_WRONG_KIND),
    6111: Code(_WRONG_KIND),
    7003: Code("Cloudflare cannot resolve the path. Check account_id (32 hexadecimal characters, shown on the account's overview page)."),
    9103: Code(_UNKNOWN_CREDENTIAL),
    9106: Code("Cloudflare received no credential. Set api_token, or api_key with api_email."),
    9109: Code(_TOKEN),
    10000: Code(_PERMISSION),
    10100: Code(_RATE_LIMIT, rate_limit=True),
}

# Without a code: these statuses do not depend on the request's objects, nor does a missing response.
_HOPELESS_STATUS = (None, 401, 403, 429)


class MagicError(Exception):
    """The only error that the modules of this collection raise.

    Its text never holds a credential, a pre-shared key, a header or a body, nor characters that control a terminal.

    :ivar failure: what is known of the failed call (``method``, ``path``, ``status``, ``errors``, ``ray_id``), or None when no call was made.
    :ivar reached: ``NOT_SENT``, ``REFUSED`` or ``UNKNOWN``: whether the call can have changed anything.
    :ivar transient: whether the same call may work later.
    :ivar retry_after: seconds that the server asks to wait, or None.
    """

    def __init__(
        self,
        message: str,
        *,
        failure: dict[str, t.Any] | None = None,
        reached: str = NOT_SENT,
        transient: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(shown(message))
        self.failure = failure
        self.reached = reached
        self.transient = transient
        self.retry_after = retry_after
        self.problems: Sequence[str] = ()
        """What the message has in one line, one by one, where it is about several things."""
        self.sent: int | None = None
        """How many requests were sent, where someone counted them."""
        self.unreadable = False
        """Whether it says that the account could not be read, for which no item of a design is to blame."""

    def explained(self, message: str) -> MagicError:
        """Return the same error with another text; the details of the call are kept."""
        return MagicError(message, failure=self.failure, reached=self.reached)


# Deeper than any meaningful chain of errors, but far below Python's recursion limit; and more errors than anyone reads.
_DEEPEST_CHAIN = 10
_MOST_ERRORS = 30


def known_errors(envelope: t.Any) -> list[dict[str, t.Any]]:
    """Return the entries of ``errors`` that have the documented shape, with their documented fields; of very many, the first ones.

    Parts of Cloudflare that are older, or in front of the API, give one ``code`` with ``message`` or ``error`` at the top instead.
    """
    if not isinstance(envelope, dict):
        return []
    entries = envelope.get("errors")
    if not entries and "code" in envelope and envelope.get("success") is not True:
        entries = [{"message": envelope.get("error"), **{name: envelope[name] for name in ("code", "message", "error_chain") if name in envelope}}]
    return _known_entries(entries, _DEEPEST_CHAIN, iter(range(_MOST_ERRORS)))


def _known_entries(entries: t.Any, depth: int, places: Iterator[int]) -> list[dict[str, t.Any]]:
    """See ``known_errors``. ``places`` are used up by the entries and their chains."""
    known = []
    for entry in entries if isinstance(entries, list) else []:
        if not isinstance(entry, dict):
            continue
        if next(places, None) is None:
            break
        error = {name: entry[name] for name in ("code", "message", "documentation_url") if isinstance(entry.get(name), (int, str))}
        if isinstance(entry.get("source"), dict) and isinstance(entry["source"].get("pointer"), str):
            error["source"] = {"pointer": entry["source"]["pointer"]}
        chain = _known_entries(entry.get("error_chain"), depth - 1, places) if depth else []
        if chain:
            error["error_chain"] = chain
        if error:
            known.append(error)
    return known


def _codes(errors: Sequence[dict[str, t.Any]]) -> Iterator[t.Any]:
    """Yield the codes, the most specific ones first."""
    for error in errors:
        yield from _codes(error.get("error_chain", ()))
        yield error.get("code")


def _known(errors: Sequence[dict[str, t.Any]]) -> Iterator[Code]:
    """Yield the entries of the known codes; a code may be a number as text."""
    for code in _codes(errors):
        number = int(code) if isinstance(code, str) and code.isascii() and code.isdigit() and len(code) < 10 else code
        if isinstance(number, int) and number in CODES:
            yield CODES[number]


def is_rate_limit(status: int | None, errors: Sequence[dict[str, t.Any]]) -> bool:
    """Return whether a request was rejected because there were too many. Cloudflare also sends these codes with other statuses."""
    return status == 429 or any(code.rate_limit for code in _known(errors))


def is_hopeless(error: MagicError) -> bool:
    """Return whether repeating the request with fewer objects cannot help."""
    failure = error.failure
    return failure is None or failure["status"] in _HOPELESS_STATUS or any(code.hopeless for code in _known(failure["errors"]))


def lacks_permission(error: MagicError) -> bool:
    """Return whether the credential is valid but lacks the permission."""
    failure = error.failure
    return failure is not None and failure["status"] == 403 and any(code.advice in (_PERMISSION, _TOKEN) for code in _known(failure["errors"]))


def is_read(failure: Mapping[str, t.Any]) -> bool:
    """Return whether a failed call only reads."""
    return bool(failure["method"] == "GET" or failure["path"] == GRAPHQL_PATH)


def in_words(error: dict[str, t.Any]) -> str:
    """Return one of ``errors`` as a sentence without its end."""
    text = f"[{error.get('code', 'no code')}] {error.get('message', 'no message')}"
    details = []
    if "source" in error:
        details.append(f"at {error['source']['pointer']}")
    if "documentation_url" in error:
        details.append(f"see {error['documentation_url']}")
    details.extend(f"because of {in_words(cause)}" for cause in error.get("error_chain", ()))
    return f"{text} ({'; '.join(details)})" if details else text


def missing_permission(method: str, path: str, text: str = _PERMISSION) -> str:
    """Return what to do about a call for which the credential lacks a permission."""
    where = "/".join(path.split("/")[3:]) + "/"
    reading, writing = next((pair for start, pair in _OTHER_PERMISSIONS.items() if where.startswith(f"{start}/")), (_READ_PERMISSION, _WRITE_PERMISSION))
    needed = _ANALYTICS_PERMISSION if path == GRAPHQL_PATH else reading if method == "GET" else writing
    return text.replace("{permission}", needed)


def advice(method: str, status: int | None, errors: Sequence[dict[str, t.Any]], path: str = "") -> str | None:
    """Return what a user can do about a rejected call, or None if only the response itself is known."""
    text = next((code.advice for code in _known(errors)), None)
    if text is None and status == 429:
        text = ANALYTICS_RATE_LIMIT if path == GRAPHQL_PATH else _RATE_LIMIT
    if text is None and status in (401, 403) and not errors:
        text = _PERMISSION
    return missing_permission(method, path, text) if text in (_PERMISSION, _TOKEN) else text


def call_error(
    method: str,
    path: str,
    reason: str,
    *,
    status: int | None = None,
    errors: Sequence[dict[str, t.Any]] = (),
    ray_id: str | None = None,
    hint: str | None = None,
    reached: str,
    transient: bool,
    retry_after: float | None = None,
) -> MagicError:
    """Return the error of a failed call, with its text. The strings of an answer are shown escaped in its details, too."""
    parts = [f"{method} {path} failed" + (f" with HTTP {status}" if status is not None else "") + f": {reason}"]
    if ray_id:
        parts.append(f"cf-ray {ray_id}.")
    hint = advice(method, status, errors, path) or hint
    if hint:
        parts.append(hint)
    failure = {"method": method, "path": path, "status": status, "errors": all_shown(list(errors)), "ray_id": all_shown(ray_id)}
    return MagicError(" ".join(parts), failure=failure, reached=reached, transient=transient, retry_after=retry_after)
