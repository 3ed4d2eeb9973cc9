# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What a response of GraphQL Analytics means: it has its own envelope, and errors without numbers, which may arrive with status 200. Pure.

Source: https://developers.cloudflare.com/analytics/graphql-api/errors/
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.cloudflare.magic.plugins.module_utils._errors import (
    ANALYTICS_RATE_LIMIT,
    NOT_SENT,
    REFUSED,
    call_error,
    is_rate_limit,
    known_errors,
    missing_permission,
)
from ansible_collections.cloudflare.magic.plugins.module_utils._text import scrub
from ansible_collections.cloudflare.magic.plugins.module_utils._transport import asked_to_wait, in_json, read_answer

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_LIMIT = re.compile("rate limiter budget", re.IGNORECASE)
_MINUTES = re.compile(r"try again after (\d{1,3}) minutes?", re.IGNORECASE)
_LATER = re.compile("try again later|internal server error", re.IGNORECASE)
_PERMISSION = re.compile("authz|unauthorized|not authorized|authorization denied|does not have access", re.IGNORECASE)


def read_graphql(method: str, path: str, status: int, headers: Mapping[str, str], body: bytes, secrets: Sequence[str] = ()) -> t.Any:
    """Return the ``data`` of an answer. If there are errors, the data may be incomplete, so it is not used.

    :arg secrets: strings to mask in whatever the server says.
    :raises MagicError: for anything but a 2xx status with data and without errors.
    """
    envelope = in_json(body)
    if not isinstance(envelope, dict) or "success" in envelope or not {"data", "errors"} & set(envelope):
        # From a service in front of it, which responds like the rest of the API, without success.
        read_answer(method, path, status, headers, body, secrets)
        envelope = {}
    data, entries = envelope.get("data"), envelope.get("errors")
    if 200 <= status < 300 and not entries and isinstance(data, dict):
        return data
    errors = scrub(known_errors({"errors": [_coded(entry) for entry in entries] if isinstance(entries, list) else []}), secrets)
    text = "; ".join(_in_words(error) for error in errors)
    limited = is_rate_limit(status, errors) or bool(_LIMIT.search(text))
    seconds = asked_to_wait(headers) if limited or "Retry-After" in headers else None
    minutes = _MINUTES.search(text)
    if limited and seconds is None and minutes:
        seconds = 60.0 * int(minutes.group(1))
    reason = f"{text}." if text else "it has no data." if not entries else "its errors do not have the documented format."
    if seconds is not None:
        reason += f" The server asks to wait {seconds:g} s."
    raise call_error(
        method,
        path,
        reason,
        status=status,
        errors=errors,
        ray_id=scrub(headers.get("cf-ray"), secrets),
        hint=ANALYTICS_RATE_LIMIT if limited else missing_permission(method, path) if _PERMISSION.search(text) else None,
        reached=NOT_SENT if limited else REFUSED,
        transient=limited or status >= 500 or bool(_LATER.search(text)),
        retry_after=seconds,
    )


def _coded(entry: t.Any) -> t.Any:
    """Return an error with its code, if it has one, where the rest of the API has it."""
    extensions = entry.get("extensions") if isinstance(entry, dict) else None
    return {**entry, "code": extensions["code"]} if isinstance(extensions, dict) and "code" in extensions else entry


def _in_words(error: Mapping[str, t.Any]) -> str:
    code = f"[{error['code']}] " if "code" in error else ""
    return f"{code}{error.get('message', 'no message')}"
