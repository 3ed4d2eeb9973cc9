# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""A client for the part of Cloudflare's API that deals with Magic tunnels.

Credentials, base URL, envelope, errors and retries live here, and nothing of Ansible does.
Facts about the API: https://developers.cloudflare.com/fundamentals/api/
"""

from __future__ import annotations

import ipaddress
import json
import math
import os
import random
import re
import ssl
import time
import typing as t
import warnings
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from urllib.parse import quote, urlsplit

REQUESTS_IMPORT_ERROR: str | None = None
try:
    import requests
    import urllib3.exceptions
    from requests.auth import AuthBase
    from urllib3.util.retry import Retry

    HAS_REQUESTS = True
except ImportError as exc:
    HAS_REQUESTS = False
    REQUESTS_IMPORT_ERROR = str(exc)
    AuthBase = object  # type: ignore[assignment,misc]

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

VERSION = "1.0.0"
DEFAULT_URL = "https://api.cloudflare.com/client/v4"
DEFAULT_TIMEOUT = 30.0
DEFAULT_MAX_RETRIES = 4
CONNECT_TIMEOUT = 10.0

# Cloudflare blocks an account for up to five minutes; a longer wait is the user's decision.
LONGEST_RETRY_AFTER = 330.0
LONGEST_BACKOFF = 30.0

# Seconds by which this machine's clock may differ from the Date of an answer and still be taken for right.
_CLOCK_TOLERANCE = 3.0

_MOST_NAMES = 50

MASK = "********"

# Where a request may have got to when it failed.
NOT_SENT = "not_sent"  # the server never received it, or turned it away unread
REFUSED = "refused"  # the server answered that it did nothing
UNKNOWN = "unknown"  # the server may have carried it out

_WRITE_PERMISSION = "'Magic WAN Write' or 'Magic Transit Write'"
_READ_PERMISSION = f"'Magic WAN Read' or 'Magic Transit Read' ({_WRITE_PERMISSION} include it)"

_WRONG_KIND = (
    "The credential has the wrong form for its header. An API token belongs in api_token (CLOUDFLARE_API_TOKEN), "
    "a global API key in api_key (CLOUDFLARE_API_KEY) with api_email (CLOUDFLARE_EMAIL)."
)
_NOT_ONBOARDED = (
    "The account is not onboarded to Cloudflare WAN (Magic WAN) or Magic Transit, which need an Enterprise plan. "
    "Check account_id, or ask Cloudflare's account team."
)
_UNKNOWN_CREDENTIAL = "Cloudflare does not know this credential. Check that it is complete, not revoked and not expired."
_RATE_LIMIT = "Cloudflare's rate limit is reached (1,200 requests in five minutes for a user or token). Wait, run fewer tasks at once, or raise max_retries."
_PERMISSION = (
    "The credential is not accepted for this call. Give the API token the permission {permission} for this account, "
    "and check that it is complete and not expired."
)

ADVICE: dict[int, str] = {
    971: _RATE_LIMIT,
    1012: _NOT_ONBOARDED,
    1020: "Cloudflare has no route with this id in this account. Check static_route_id and account_id, or give prefix and nexthop instead.",
    1025: _NOT_ONBOARDED,
    1029: "Cloudflare has no GRE tunnel with this id in this account. Check gre_tunnel_id and account_id, or give name instead.",
    1032: "Cloudflare has no IPsec tunnel with this id in this account. Check ipsec_tunnel_id and account_id, or give name instead.",
    6003: _WRONG_KIND,
    6103: _WRONG_KIND,
    6111: _WRONG_KIND,
    7003: "Cloudflare cannot resolve the path. Check account_id (32 hexadecimal characters, shown on the account's overview page).",
    9103: _UNKNOWN_CREDENTIAL,
    9106: "Cloudflare received no credential. Set api_token, or api_key with api_email.",
    9109: _PERMISSION,
    10000: _PERMISSION,
    10100: _RATE_LIMIT,
}


class MagicError(Exception):
    """The one error that this collection's plumbing raises.

    Its text never holds a credential, a pre-shared key, a header or a body.

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
        super().__init__(message)
        self.failure = failure
        self.reached = reached
        self.transient = transient
        self.retry_after = retry_after
        self.sent: int | None = None
        """How many requests were sent, where somebody counted them."""

    def explained(self, message: str) -> MagicError:
        """Return the same error with a text of one's own; the details of the call stay."""
        return MagicError(message, failure=self.failure, reached=self.reached)


@dataclass(frozen=True)
class Settings:
    """Everything that a client needs to know. Built by ``resolve``."""

    account_id: str
    api_token: str | None = field(default=None, repr=False)
    api_key: str | None = field(default=None, repr=False)
    api_email: str | None = field(default=None, repr=False)
    api_url: str = DEFAULT_URL
    timeout: float = DEFAULT_TIMEOUT
    max_retries: int = DEFAULT_MAX_RETRIES
    validate_certs: bool = True
    ca_path: str | None = None


# The options with credentials, and the environment variables that stand in for them.
CREDENTIAL_VARIABLES = {"api_token": "CLOUDFLARE_API_TOKEN", "api_key": "CLOUDFLARE_API_KEY", "api_email": "CLOUDFLARE_EMAIL"}


def _credentials(options: Mapping[str, t.Any], environ: Mapping[str, str]) -> dict[str, str | None]:
    """Choose the credentials. What is written in the task beats the environment as a whole."""
    names = CREDENTIAL_VARIABLES
    written = {name: options[name] for name in names if options.get(name) is not None}
    for name, value in written.items():
        if not value:
            raise MagicError(f"{name} is empty. Give it a value, or leave it out to use the environment variable {names[name]}.")
    if "api_token" in written and len(written) > 1:
        raise MagicError("api_token and api_key/api_email exclude each other. Give api_token alone, or api_key with api_email.")
    origin = dict(zip(names, names))
    if not written:
        origin = names
        written = {name: environ[variable] for name, variable in names.items() if environ.get(variable)}
        if "api_token" in written:
            written = {"api_token": written["api_token"]}
    if not written:
        raise MagicError(
            "No credentials. Set api_token (or the environment variable CLOUDFLARE_API_TOKEN), "
            "or api_key with api_email (CLOUDFLARE_API_KEY with CLOUDFLARE_EMAIL)."
        )
    if "api_token" not in written and len(written) == 1:
        have, lack = (origin[name] for name in (("api_key", "api_email") if "api_key" in written else ("api_email", "api_key")))
        where = "the task" if origin["api_key"] == "api_key" else "the environment"
        raise MagicError(
            f"{have} needs {lack}, which {where} does not set. "
            "Credentials in the task and in the environment are never mixed; an API token (api_token) needs neither."
        )
    for name, value in written.items():
        if value == MASK:
            raise MagicError(f"{origin[name]} is the mask that is shown instead of a hidden value, and not the value. Run the playbook again.")
        if not value.isprintable() or value != value.strip() or not _is_latin1(value):
            raise MagicError(
                f"{origin[name]} holds a character that cannot be in an HTTP header (a line break, a blank at an end, ...). "
                "Copy it again, without quotes or line break."
            )
    return {name: written.get(name) for name in names}


def _is_latin1(text: str) -> bool:
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def checked_url(url: str, name: str) -> str:
    """Return the base URL without a trailing slash.

    :raises MagicError: naming the option or variable ``name``.
    """
    advice = f"Write it like {DEFAULT_URL}, or leave it out."
    try:
        parts = urlsplit(url)
        host, dummy = parts.hostname, parts.port
    except ValueError:
        raise MagicError(f"{name} is not a valid URL. {advice}") from None
    if parts.scheme not in ("https", "http") or not host or any(character.isspace() for character in url):
        raise MagicError(f"{name} is not a URL that begins with https://. {advice}")
    if parts.username is not None or parts.password is not None:
        raise MagicError(f"{name} must not hold a user name or password. Credentials belong in api_token, or api_key with api_email.")
    if parts.query or parts.fragment:
        raise MagicError(f"{name} must not have a query or fragment. {advice}")
    if parts.scheme == "http" and not _is_loopback(host):
        raise MagicError(
            f"{name} begins with http://, which would send the credential unencrypted to {host}. Use https:// (http is for loopback addresses only)."
        )
    return url.rstrip("/")


def _checked_ca(path: str) -> str:
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if os.path.isdir(path):
            context.load_verify_locations(capath=path)
        else:
            context.load_verify_locations(cafile=path)
    except ssl.SSLError:
        raise MagicError(f"ca_path: {path} holds no certificate in PEM form. Give a file of CA certificates, or leave ca_path out.") from None
    except OSError as exc:
        raise MagicError(f"ca_path: {path} cannot be read ({exc.strerror}). Give a readable file of CA certificates, or leave ca_path out.") from None
    return path


def check_segment(name: str, value: str) -> str:
    """Return an identifier that can stand in a path.

    :raises MagicError: if it is empty, or would lead to another path.
    """
    if not value.strip():
        raise MagicError(f"{name} is empty. Give the id that Cloudflare shows (32 hexadecimal characters).")
    if "/" in value or value.strip(".") == "":
        raise MagicError(f"{name} cannot be an id: it would lead to another path of the API. Give the id alone (32 hexadecimal characters), no URL.")
    return value


def resolve(options: Mapping[str, t.Any], environ: Mapping[str, str]) -> Settings:
    """Merge the options of a task with the environment.

    :arg options: the options in the interface's names; absent or None where the task does not set them.
    :arg environ: environment variables, as in ``os.environ``.
    :raises MagicError: naming the option and the mend. Nothing has been sent.
    """
    credentials = _credentials(options, environ)
    account_id = options.get("account_id")
    if account_id is None:
        account_id = environ.get("CLOUDFLARE_ACCOUNT_ID") or None
        if account_id is None:
            raise MagicError("account_id is missing. Set it in the task, or set the environment variable CLOUDFLARE_ACCOUNT_ID.")
    url, url_name = options.get("api_url"), "api_url"
    if url is None:
        url, url_name = environ.get("CLOUDFLARE_BASE_URL") or DEFAULT_URL, "CLOUDFLARE_BASE_URL"
    timeout = options.get("timeout")
    timeout = DEFAULT_TIMEOUT if timeout is None else timeout
    if not (math.isfinite(timeout) and 0 < timeout <= 86400):
        raise MagicError("timeout must be a number of seconds above 0 and at most 86400.")
    max_retries = options.get("max_retries")
    max_retries = DEFAULT_MAX_RETRIES if max_retries is None else max_retries
    if max_retries < 0:
        raise MagicError("max_retries must be 0 (no retries) or more.")
    validate_certs = options.get("validate_certs")
    ca_path = options.get("ca_path")
    return Settings(
        account_id=check_segment("account_id", account_id),
        api_url=checked_url(url, url_name),
        timeout=timeout,
        max_retries=max_retries,
        validate_certs=validate_certs is not False,
        ca_path=None if ca_path is None else _checked_ca(ca_path),
        **credentials,
    )


class _Auth(AuthBase):
    """Sets the credential on each request.

    As ``auth`` of the session, because a ``~/.netrc`` entry replaces an ``Authorization`` header that is merely a header of the session.
    """

    def __init__(self, settings: Settings) -> None:
        if settings.api_token is not None:
            self._headers = {"Authorization": f"Bearer {settings.api_token}"}
        else:
            self._headers = {"X-Auth-Email": settings.api_email or "", "X-Auth-Key": settings.api_key or ""}

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers.update(self._headers)
        return request


def scrub(value: t.Any, secrets: Sequence[str]) -> t.Any:
    """Replace each secret in the strings of ``value`` (a JSON value) by a mask. Servers quote what they were sent."""
    if isinstance(value, str):
        # As they are, and as JSON writes them; the longest first, because one may begin with another.
        forms = {form for secret in secrets for form in (secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1])}
        for form in sorted(forms, key=len, reverse=True):
            value = value.replace(form, MASK)
        return value
    if isinstance(value, list):
        return [scrub(item, secrets) for item in value]
    if isinstance(value, dict):
        return {key: scrub(item, secrets) for key, item in value.items()}
    return value


# Deeper than any chain of errors that means something, and far from what Python's stack holds.
_DEEPEST_CHAIN = 10


def _known_errors(envelope: t.Any, depth: int = 0) -> list[dict[str, t.Any]]:
    """Return the entries of ``errors`` that have the documented shape, with their documented fields."""
    entries = envelope.get("errors") if isinstance(envelope, dict) else None
    known = []
    for entry in entries if isinstance(entries, list) else []:
        if not isinstance(entry, dict):
            continue
        error = {name: entry[name] for name in ("code", "message", "documentation_url") if isinstance(entry.get(name), (int, str))}
        if isinstance(entry.get("source"), dict) and isinstance(entry["source"].get("pointer"), str):
            error["source"] = {"pointer": entry["source"]["pointer"]}
        chain = _known_errors({"errors": entry.get("error_chain")}, depth + 1) if depth < _DEEPEST_CHAIN else []
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


def _in_words(error: dict[str, t.Any]) -> str:
    text = f"[{error.get('code', 'no code')}] {error.get('message', 'no message')}"
    details = []
    if "source" in error:
        details.append(f"at {error['source']['pointer']}")
    if "documentation_url" in error:
        details.append(f"see {error['documentation_url']}")
    details.extend(f"because of {_in_words(cause)}" for cause in error.get("error_chain", ()))
    return f"{text} ({'; '.join(details)})" if details else text


def advice(method: str, status: int | None, errors: Sequence[dict[str, t.Any]]) -> str | None:
    """Return what a user can do about a refused call, or None where nothing better is known than the answer itself."""
    for code in _codes(errors):
        if code in ADVICE:
            return ADVICE[code].format(permission=_READ_PERMISSION if method == "GET" else _WRITE_PERMISSION)
    if status == 429:
        return _RATE_LIMIT
    if status in (401, 403) and not errors:
        return _PERMISSION.format(permission=_READ_PERMISSION if method == "GET" else _WRITE_PERMISSION)
    return None


def _call_error(
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
    parts = [f"{method} {path} failed" + (f" with HTTP {status}" if status is not None else "") + f": {reason}"]
    if ray_id:
        parts.append(f"cf-ray {ray_id}.")
    hint = advice(method, status, errors) or hint
    if hint:
        parts.append(hint)
    failure = {"method": method, "path": path, "status": status, "errors": list(errors), "ray_id": ray_id}
    return MagicError(" ".join(parts), failure=failure, reached=reached, transient=transient, retry_after=retry_after)


def _causes(exc: BaseException) -> Iterator[BaseException]:
    """Yield an exception and all that it wraps; requests and urllib3 keep what happened in several places."""
    seen: list[BaseException] = []
    queue: list[t.Any] = [exc]
    while queue:
        item = queue.pop(0)
        if isinstance(item, BaseException) and all(item is not other for other in seen):
            seen.append(item)
            queue += [getattr(item, "reason", None), getattr(item, "original_error", None), item.__cause__, item.__context__, *item.args]
            yield item


# What OpenSSL says when a handshake fails, that is, before the request is sent.
_HANDSHAKE = re.compile("CERTIFICATE|VERSION|PROTOCOL|HANDSHAKE|RECORD_LAYER")


def _transport_problem(exc: Exception, settings: Settings) -> tuple[str, str, bool]:
    """Say of an exception of requests: what happened, where the request got to, and whether a later try may work.

    The text of the exception is never used: it can hold the URL of a proxy with its password, or a header.
    """
    host = urlsplit(settings.api_url).hostname
    causes = list(_causes(exc))
    system = next((cause for cause in causes if isinstance(cause, OSError) and cause.strerror and not isinstance(cause, ssl.SSLError)), None)
    detail = f" ({system.strerror})" if system is not None and isinstance(system, OSError) else ""
    for cause in causes:
        if isinstance(cause, ssl.SSLError):
            code = cause.reason or ""
            if "CERTIFICATE_VERIFY" in code:
                why = getattr(cause, "verify_message", "") or "not trusted"
                return (f"the TLS certificate of {host} was not accepted: {why}. Set ca_path to the CA bundle of your organisation.", NOT_SENT, False)
            if _HANDSHAKE.search(code):
                return (f"no TLS connection to {host} ({code}). Check api_url and the proxy.", NOT_SENT, False)
    if isinstance(exc, requests.exceptions.ProxyError):
        return (f"the proxy of the environment gave no connection to {host}{detail}. Check HTTPS_PROXY, HTTP_PROXY and NO_PROXY.", NOT_SENT, True)
    if any(isinstance(cause, urllib3.exceptions.NewConnectionError) for cause in causes):
        return (f"no connection to {host}{detail}. Check the network, api_url and the proxy.", NOT_SENT, True)
    if any(isinstance(cause, urllib3.exceptions.ConnectTimeoutError) for cause in causes):
        return (f"no connection to {host} within {CONNECT_TIMEOUT:g} s. Check the network, api_url and the proxy.", NOT_SENT, True)
    if isinstance(exc, requests.exceptions.Timeout):
        return (f"no answer within {settings.timeout:g} s (timeout).", UNKNOWN, True)
    if isinstance(exc, (requests.exceptions.ConnectionError, requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError)):
        return ("the connection was cut before the whole answer had arrived.", UNKNOWN, True)
    # TypeError: what requests makes of a proxy's URL without a host.
    if isinstance(exc, (requests.exceptions.InvalidProxyURL, requests.exceptions.InvalidSchema, TypeError)):
        return ("the proxy of the environment cannot be used. Check HTTPS_PROXY, HTTP_PROXY and NO_PROXY.", NOT_SENT, False)
    if isinstance(exc, requests.exceptions.InvalidURL) or any(isinstance(cause, (urllib3.exceptions.LocationValueError, UnicodeError)) for cause in causes):
        return ("the URL, or that of the proxy, is not valid. Check api_url, HTTPS_PROXY, HTTP_PROXY and NO_PROXY.", NOT_SENT, False)
    return (f"the call broke off ({type(exc).__name__}).", UNKNOWN, True)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds to wait from ``Retry-After`` (seconds or HTTP date), else from ``Ratelimit``'s reset (draft-ietf-httpapi-ratelimit-headers)."""
    value = headers.get("Retry-After")
    if value is not None:
        try:
            return max(0.0, float(Retry(0).parse_retry_after(value)))
        except (urllib3.exceptions.InvalidHeader, ValueError, OverflowError):
            pass
    reset = re.search(r"\bt=(\d{1,6})\b", headers.get("Ratelimit", ""))
    return float(reset.group(1)) if reset else None


def read_answer(method: str, path: str, status: int, headers: Mapping[str, str], body: bytes, secrets: Sequence[str] = ()) -> t.Any:
    """Return the ``result`` of an answer.

    :arg secrets: strings to mask in whatever the server says.
    :raises MagicError: for anything but a 2xx status with an envelope whose ``success`` is true.
    """
    ray_id = scrub(headers.get("cf-ray"), secrets)
    ok = 200 <= status < 300
    try:
        envelope = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        envelope = None
    if ok and isinstance(envelope, dict) and envelope.get("success") is True:
        return envelope.get("result")
    errors = scrub(_known_errors(envelope), secrets)
    # Cloudflare's codes for it arrive with other statuses, too.
    limited = status == 429 or any(code in (971, 10100) for code in _codes(errors))
    # 409 is a conflict of several changes at once: this one certainly was not made. Below 200 (103 Early Hints, ...) nothing is known.
    reached = NOT_SENT if limited or status == 409 else UNKNOWN if status >= 500 or status < 200 else REFUSED
    hint = None
    if errors:
        reason = "; ".join(_in_words(error) for error in errors) + "."
    elif 300 <= status < 400:
        reason = "the server redirects to another address, which is never followed."
        hint = "Check api_url."
    elif isinstance(envelope, dict) and envelope.get("success") is False:
        reason = "success is false, and the server gives no reason."
    else:
        if ok:
            reached = UNKNOWN
        kind = "empty" if not body else "no JSON" if envelope is None else "no answer of Cloudflare's API (it has no 'success')"
        reason = f"the body is {kind}."
        hint = "Check api_url and the proxy."
    retry_after = _retry_after(headers) if limited or "Retry-After" in headers else None
    if retry_after is not None:
        reason += f" The server asks to wait {retry_after:g} s."
    raise _call_error(
        method,
        path,
        reason,
        status=status,
        errors=errors,
        ray_id=ray_id,
        hint=hint,
        reached=reached,
        transient=status == 408 or reached != REFUSED,
        retry_after=retry_after,
    )


def may_retry(error: MagicError, repeatable: bool) -> bool:
    """Decide whether a call may be sent again.

    :arg repeatable: whether carrying it out twice is the same as once. Other calls are only repeated where they certainly had no effect.
    """
    if not error.transient or (error.retry_after or 0) > LONGEST_RETRY_AFTER:
        return False
    return repeatable or error.reached == NOT_SENT


class Client:
    """One account's API, over one kept-alive session.

    :arg settings: from ``resolve``.
    :arg backoff: seconds of the first wait; each further one doubles, up to 30 s, with jitter.
    """

    def __init__(self, settings: Settings, backoff: float = 0.5) -> None:
        self.settings = settings
        self.sent = 0
        """How many requests have been sent."""
        self._backoff = backoff
        self._ahead = 0.0
        """Seconds that Cloudflare's clock is ahead of this machine's, by the last answer."""
        self._pid = os.getpid()
        self._session = self._new_session()
        self._inherited: list[requests.Session] = []
        self._secrets = [secret for secret in (settings.api_token, settings.api_key) if secret]

    def now(self) -> datetime:
        """Return the time by Cloudflare's clock: ages of keys are not measured against the clock of this machine, which may be wrong."""
        return datetime.now(timezone.utc) + timedelta(seconds=self._ahead)

    def _new_session(self) -> requests.Session:
        session = requests.Session()
        session.auth = _Auth(self.settings)
        session.headers["User-Agent"] = f"ansible-collection-cloudflare.magic/{VERSION}"
        session.headers["Accept"] = "application/json"
        return session

    def _own_session(self) -> requests.Session:
        """Return the session of this process: two processes on one connection would read each other's answers.

        Ansible forks workers from a process that may have an open connection. The inherited session is kept, because closing it would end the TLS
        connection of the other process.
        """
        if self._pid != os.getpid():
            self._inherited.append(self._session)
            self._session, self._pid = self._new_session(), os.getpid()
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
    ) -> t.Any:
        """Call ``/accounts/{account_id}/magic/...`` and return the envelope's ``result``.

        :arg segments: the rest of the path, each part unquoted.
        :arg body: a JSON value, or None for no body.
        :arg headers: in addition to those of every request.
        :arg repeatable: whether carrying it out twice is the same as once; by default true for GET alone.
        :arg secrets: what is in the body and must not be in any message.
        :raises MagicError: if there is no successful answer.
        """
        repeatable = method == "GET" if repeatable is None else repeatable
        path = "/" + "/".join(quote(segment, safe="") for segment in ("accounts", self.settings.account_id, "magic", *segments))
        tries = 0
        lost = False
        while True:
            try:
                return self._send(method, path, params, body, headers, [*self._secrets, *secrets])
            except MagicError as error:
                lost = lost or error.reached == UNKNOWN
                if lost:
                    # A clear no to the repetition says nothing of the request before.
                    error.reached = UNKNOWN
                if tries >= self.settings.max_retries or not may_retry(error, repeatable):
                    raise
                time.sleep(self._wait(error, tries))
                tries += 1

    def _wait(self, error: MagicError, tries: int) -> float:
        """Return the seconds before the next try. Jitter keeps parallel workers from coming back all at once."""
        if error.retry_after is not None:
            return error.retry_after + random.uniform(0, min(1.0, 0.1 * error.retry_after))
        return float(min(LONGEST_BACKOFF, self._backoff * 2.0 ** min(tries, 30)) * random.uniform(0.5, 1))

    def _send(self, method: str, path: str, params: Mapping[str, str] | None, body: t.Any, headers: Mapping[str, str] | None, secrets: Sequence[str]) -> t.Any:
        """Send one request, once."""
        settings = self.settings
        self.sent += 1
        try:
            with warnings.catch_warnings():
                # The user chose validate_certs=false; a warning for each request helps nobody.
                warnings.simplefilter("ignore", urllib3.exceptions.InsecureRequestWarning)
                answer = self._own_session().request(
                    method,
                    settings.api_url + path,
                    params=params,
                    json=body,
                    headers=headers,
                    timeout=(CONNECT_TIMEOUT, settings.timeout),
                    allow_redirects=False,
                    # Plain http goes to loopback alone, and a proxy would get the credential in clear.
                    proxies={"http": "", "all": ""} if settings.api_url.startswith("http:") else None,
                    # Given with each request, because on the session REQUESTS_CA_BUNDLE would beat it.
                    verify=(settings.ca_path or True) if settings.validate_certs else False,
                )
        except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError, TypeError) as exc:
            reason, reached, transient = _transport_problem(exc, settings)
            # Without the cause: it holds the request with its headers.
            raise _call_error(method, path, scrub(reason, secrets), reached=reached, transient=transient) from None
        self._set_clock(answer.headers.get("Date"))
        return read_answer(method, path, answer.status_code, answer.headers, answer.content, secrets)

    def _set_clock(self, date: str | None) -> None:
        """Take the time from a ``Date`` header. It has whole seconds, so a clock that agrees with it is more exact and is kept."""
        try:
            moment = parsedate_to_datetime(date or "")
        except (TypeError, ValueError):
            return
        if moment.tzinfo is not None:
            ahead = (moment - datetime.now(timezone.utc)).total_seconds()
            self._ahead = 0.0 if abs(ahead) <= _CLOCK_TOLERANCE else ahead


def listing(items: Iterable[str]) -> str:
    """Return names in a sentence; of very many, the first ones."""
    names = sorted(items)
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more


def member(value: t.Any, name: str, kind: type, what: str, reached: str = NOT_SENT) -> t.Any:
    """Return a member of an answer that has to be there.

    :raises MagicError: if it isn't.
    """
    member = value.get(name) if isinstance(value, dict) else None
    if not isinstance(member, kind):
        raise MagicError(f"Cloudflare's answer to {what} has no '{name}' of the documented form.", reached=reached)
    return member


def check_id(answer: t.Any, name: str, asked: str, what: str) -> None:
    """Compare the id in an answer with the one that was asked for. An answer without an id is taken.

    :raises MagicError: if it is about something else. What became of the request is not known then.
    """
    found = answer.get(name) if isinstance(answer, dict) else None
    if found is not None and found != asked:
        raise MagicError(
            f"Cloudflare's answer to {what} is about another object than {asked}, and is not taken. Run the task again; report it if it stays.", reached=UNKNOWN
        )


def list_objects(client: Client, several: str, noun: str, headers: Mapping[str, str] | None = None) -> list[dict[str, t.Any]]:
    """Return all objects of a kind; the API has no pages here.

    :arg several: the kind's name in the path and in the answer.
    :arg noun: the kind, for messages.
    """
    items = member(client.request("GET", [several], headers=headers), several, list, f"the list of {noun}s")
    return [item for item in items if isinstance(item, dict) and isinstance(item.get("id"), str)]


def read_object(client: Client, several: str, single: str, object_id: str, noun: str, headers: Mapping[str, str] | None = None) -> dict[str, t.Any]:
    """Return one object; see ``list_objects``.

    :arg single: the kind's name in the answer.
    :raises MagicError: if there is none with the id.
    """
    found: dict[str, t.Any] = member(client.request("GET", [several, object_id], headers=headers), single, dict, f"reading the {noun}")
    check_id(found, "id", object_id, f"reading the {noun}")
    return found
