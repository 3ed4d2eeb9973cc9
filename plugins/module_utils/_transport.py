# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""One exchange with the server: a request goes out, and its answer is read, or an error says what happened and where the request got to."""

from __future__ import annotations

import json
import re
import ssl
import typing as t
import warnings
from urllib.parse import urlsplit

from ansible_collections.cloudflare.magic.plugins.module_utils._errors import NOT_SENT, REFUSED, UNKNOWN, call_error, in_words, is_rate_limit, known_errors
from ansible_collections.cloudflare.magic.plugins.module_utils._text import scrub, without_unknown_keys
from ansible_collections.cloudflare.magic.plugins.module_utils._wire import BodyError, Wire, read_body

try:
    import requests
    import urllib3.exceptions
    from requests.auth import AuthBase
    from urllib3.util.retry import Retry
except ImportError:
    AuthBase = object  # type: ignore[assignment,misc]

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ansible_collections.cloudflare.magic.plugins.module_utils._settings import Settings

VERSION = "1.1.0"
CONNECT_TIMEOUT = 10.0


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


class Answer(t.NamedTuple):
    """What the server answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def new_session(settings: Settings) -> requests.Session:
    """Return a session that sends the credentials."""
    session = requests.Session()
    session.auth = _Auth(settings)
    session.headers["User-Agent"] = f"ansible-collection-cloudflare.magic/{VERSION}"
    session.headers["Accept"] = "application/json"
    session.headers["Accept-Encoding"] = "gzip"
    wire = Wire()
    for scheme in ("https://", "http://"):
        session.mount(scheme, wire)
    return session


def _limits(settings: Settings) -> dict[str, t.Any]:
    return {
        "timeout": (CONNECT_TIMEOUT, settings.timeout),
        # Plain HTTP is allowed only to loopback, and a proxy would get the credential unencrypted.
        "proxies": {"http": "", "all": ""} if settings.api_url.startswith("http:") else None,
        # Set for each request, because REQUESTS_CA_BUNDLE would override it on the session.
        "verify": (settings.ca_path or True) if settings.validate_certs else False,
    }


def exchange(
    session: requests.Session,
    settings: Settings,
    method: str,
    path: str,
    *,
    params: Mapping[str, str] | None = None,
    body: t.Any = None,
    headers: Mapping[str, str] | None = None,
    secrets: Sequence[str] = (),
) -> Answer:
    """Send one request, once, over a session from ``new_session``, and return the response, whatever its content.

    :arg secrets: what must not be in any message.
    :raises MagicError: if there is none.
    """
    url = settings.api_url + path
    wire = t.cast("Wire", session.get_adapter(url))
    wire.sent = False
    try:
        with warnings.catch_warnings():
            # The user chose validate_certs=false; a warning for each request would not help.
            warnings.simplefilter("ignore", urllib3.exceptions.InsecureRequestWarning)
            answer = session.request(method, url, params=params, json=body, headers=headers, allow_redirects=False, stream=True, **_limits(settings))
        return Answer(answer.status_code, answer.headers, read_body(answer))
    except BodyError as exc:
        ray_id = scrub(answer.headers.get("cf-ray"), secrets)
        raise call_error(method, path, str(exc), status=answer.status_code, ray_id=ray_id, reached=UNKNOWN, transient=False) from None
    except Exception as exc:
        # If reading a response fails, the outcome of the request is unknown. Before that, other errors than network problems are defects here.
        if not wire.sent and not isinstance(exc, (OSError, urllib3.exceptions.HTTPError, UnicodeError)):
            raise
        reason, transient = _transport_problem(exc, settings, wire.sent)
        # Without the cause: it contains the request with its headers.
        raise call_error(method, path, scrub(reason, secrets), reached=UNKNOWN if wire.sent else NOT_SENT, transient=transient) from None


def _causes(exc: BaseException) -> Iterator[BaseException]:
    """Yield an exception and all that it wraps; requests and urllib3 store the cause in several places."""
    seen: list[BaseException] = []
    queue: list[t.Any] = [exc]
    while queue:
        item = queue.pop(0)
        if isinstance(item, BaseException) and all(item is not other for other in seen):
            seen.append(item)
            queue += [getattr(item, "reason", None), getattr(item, "original_error", None), item.__cause__, item.__context__, *item.args]
            yield item


def _transport_problem(exc: Exception, settings: Settings, sent: bool) -> tuple[str, bool]:
    """Return for an exception of requests what happened, and whether a later try may work.

    The text of the exception is never used: it can hold the URL of a proxy with its password, or a header.

    :arg sent: whether any of the request has gone out.
    """
    causes = list(_causes(exc))
    timed_out = any(isinstance(cause, TimeoutError) for cause in causes)
    if sent and (timed_out or isinstance(exc, requests.exceptions.Timeout)):
        return f"no response within {settings.timeout:g} s (timeout).", True
    if sent and isinstance(exc, (OSError, urllib3.exceptions.HTTPError)):
        return "the connection was closed before the whole response arrived.", True
    if sent:
        return f"the response cannot be read ({type(exc).__name__}).", True
    host = urlsplit(settings.api_url).hostname
    if isinstance(exc, OSError) and "CA certificate bundle" in str(exc):
        return "the CA bundle that the environment names does not exist. Check REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE, or set ca_path.", False
    for cause in causes:
        if type(cause).__name__ == "CertificateError":  # of urllib3 before 2.0
            return f"the TLS certificate of {host} was rejected: Hostname mismatch. Check api_url and the proxy.", False
        if isinstance(cause, ssl.SSLError) and not isinstance(cause, TimeoutError):
            if "CERTIFICATE_VERIFY" in (cause.reason or ""):
                why = getattr(cause, "verify_message", "") or "not trusted"
                return f"the TLS certificate of {host} was rejected: {why}. Set ca_path to the CA bundle of your organisation.", False
            # An interrupted handshake is a network problem.
            cut = isinstance(cause, ssl.SSLEOFError)
            return f"no TLS connection to {host} ({cause.reason or 'closed'}). Check api_url and the proxy.", cut
    system = next((cause for cause in causes if isinstance(cause, OSError) and cause.strerror), None)
    detail = f" ({system.strerror})" if isinstance(system, OSError) else ""
    if isinstance(exc, requests.exceptions.ProxyError):
        return f"the proxy from the environment did not connect to {host}{detail}. Check HTTPS_PROXY, HTTP_PROXY and NO_PROXY.", True
    if isinstance(exc, (requests.exceptions.InvalidProxyURL, requests.exceptions.InvalidSchema)):
        return "the proxy from the environment cannot be used. Check HTTPS_PROXY, HTTP_PROXY and NO_PROXY.", False
    invalid = (urllib3.exceptions.LocationValueError, UnicodeError)
    if isinstance(exc, requests.exceptions.InvalidURL) or any(isinstance(cause, invalid) for cause in causes):
        return "the URL, or that of the proxy, is not valid. Check api_url, HTTPS_PROXY, HTTP_PROXY and NO_PROXY.", False
    if not isinstance(exc, (requests.exceptions.ConnectionError, requests.exceptions.Timeout, urllib3.exceptions.HTTPError)) and system is None:
        return f"the request could not be sent ({type(exc).__name__}). Report this to the collection's developers.", False
    within = f" within {CONNECT_TIMEOUT:g} s" if timed_out or isinstance(exc, requests.exceptions.Timeout) else detail
    return f"no connection to {host}{within}. Check the network, api_url and the proxy.", True


def asked_to_wait(headers: Mapping[str, str]) -> float | None:
    """Return the seconds to wait from ``Retry-After`` (seconds or HTTP date), else from ``Ratelimit``'s reset (draft-ietf-httpapi-ratelimit-headers)."""
    value = headers.get("Retry-After")
    if value is not None:
        try:
            return max(0.0, float(Retry(0).parse_retry_after(value)))
        except (urllib3.exceptions.InvalidHeader, ValueError, OverflowError):
            pass
    reset = re.search(r"\bt=(\d{1,6})\b", headers.get("Ratelimit", ""))
    return float(reset.group(1)) if reset else None


def _why(status: int, errors: Sequence[dict[str, t.Any]], body: bytes, envelope: t.Any) -> tuple[str, str | None]:
    """Return why a response is not successful, and what to do if the codes do not say it."""
    if errors:
        return "; ".join(in_words(error) for error in errors) + ".", None
    if 300 <= status < 400:
        return "the server redirects to another address, and redirects are never followed.", "Check api_url."
    if isinstance(envelope, dict) and envelope.get("success") is False:
        return "success is false, and the server gives no reason.", None
    kind = "empty" if not body else "not JSON" if envelope is None else "not a response of Cloudflare's API (it has no 'success')"
    return f"the body is {kind}.", "Check api_url and the proxy."


def in_json(body: bytes) -> t.Any:
    """Return the content of a body, or None if it is not JSON."""
    try:
        return json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        return None


def read_answer(
    method: str, path: str, status: int, headers: Mapping[str, str], body: bytes, secrets: Sequence[str] = (), said: Sequence[str] | None = None
) -> t.Any:
    """Return the ``result`` of an answer.

    :arg secrets: strings to mask in whatever the server says.
    :arg said: what the request said, if the server may quote keys that are not known here.
    :raises MagicError: for anything but a 2xx status with an envelope whose ``success`` is true.
    """
    ok = 200 <= status < 300
    envelope = in_json(body)
    if ok and isinstance(envelope, dict) and envelope.get("success") is True:
        return envelope.get("result")
    ray_id = scrub(headers.get("cf-ray"), secrets)
    errors = scrub(known_errors(envelope), secrets)
    if said is not None:
        errors = without_unknown_keys(errors, said)
    limited = is_rate_limit(status, errors)
    # Only Cloudflare's own "success: false" says that nothing was done: a redirect or an error page can come from anything on the way, before the request
    # was carried out or after it. With too many requests, they are rejected unread, by any server; and after a conflict this change certainly was not made.
    clear_no = isinstance(envelope, dict) and envelope.get("success") is False and (ok or 400 <= status < 500)
    reached = NOT_SENT if limited or (clear_no and status == 409) else REFUSED if clear_no else UNKNOWN
    reason, hint = _why(status, errors, body, envelope)
    retry_after = asked_to_wait(headers) if limited or "Retry-After" in headers else None
    if retry_after is not None:
        reason += f" The server asks to wait {retry_after:g} s."
    raise call_error(
        method,
        path,
        reason,
        status=status,
        errors=errors,
        ray_id=ray_id,
        hint=hint,
        reached=reached,
        # A redirect or an error page below 500 would be repeated.
        transient=limited or status in (408, 409) or (not clear_no and not 300 <= status < 500),
        retry_after=retry_after,
    )
