# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may ask the emulator, and what of a request it writes down. The client uses it, too, so it needs neither Flask nor requests."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import ipaddress
import os
import re
import secrets
import stat
import tempfile
import urllib.parse
from typing import Any, Iterable, Iterator, Mapping

# The header that control endpoints want.
HEADER = "X-Emulator-Token"
# Headers that prove who someone is; an e-mail address alone proves nothing.
_SECRET_HEADERS = frozenset(("authorization", "proxy-authorization", "x-auth-key", "x-auth-user-service-key", "cookie", HEADER.lower()))
_SCHEME = re.compile(r"^(Bearer|Basic|Digest|Token) +(?=\S)", re.IGNORECASE)
_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]{2,45})\]|([A-Za-z0-9.-]+))(?::[0-9]{1,5})?")
# Shorter than any credential, and found in harmless text by chance.
_SHORT = 8


def is_loopback(name: str) -> bool:
    """Return whether a name or an address, without brackets, is this machine's own for everyone who resolves it."""
    if name.lower() == "localhost":
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    # Pythons differ about ::ffff:127.0.0.1, and nobody needs it.
    return address.is_loopback and getattr(address, "ipv4_mapped", None) is None


def objection(environ: Mapping[str, Any]) -> str | None:
    """Say why a request is not answered: it may come from a web page. None if it is answered.

    A page from anywhere can send requests to this machine, and read the answers if its own name is made to point here: the name is
    then in Host. Browsers tell of pages in Origin and Sec-Fetch-Site; what a user types into the address bar has ``none``.

    Args:
        environ: of WSGI.
    """
    match = _HOST.fullmatch(environ.get("HTTP_HOST", ""))
    # Brackets are for IPv6 alone.
    name = match and (match.group(2) or (match.group(1) if ":" in match.group(1) else ""))
    if not name or not is_loopback(name):
        return "the emulator answers to localhost and to loopback addresses only; Host names something else"
    from_page = environ.get("HTTP_SEC_FETCH_SITE", "none" if "HTTP_SEC_FETCH_DEST" not in environ else "")
    if "HTTP_ORIGIN" in environ or from_page.strip().lower() != "none":
        return "the emulator does not answer web pages (Origin, Sec-Fetch-Site)"
    return None


def new_token() -> str:
    """Return a token for the control endpoints."""
    return secrets.token_urlsafe(24)


def same(given: str, token: str) -> bool:
    """Compare two tokens, in a time that tells nothing."""
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), token.encode())


@contextlib.contextmanager
def token_file(path: str | None, token: str) -> Iterator[None]:
    """Keep a token in a file that its owner alone can read; the file goes away at the end.

    Raises:
        OSError: if it cannot be written, or if something other than a file is there.
    """
    if path is None:
        yield
        return
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISREG(os.lstat(path).st_mode):
            raise OSError(f"{path}: exists and is not a file; give the token its own file")
    # A new file takes the old one's place: anyone who has that one open reads no token, and its mode does not matter.
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(os.path.abspath(path)), prefix=".token-")
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(token + "\n")
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    try:
        yield
    finally:
        # Another emulator may have written its own meanwhile.
        with contextlib.suppress(OSError), open(path, encoding="ascii") as file:
            if file.read().strip() == token:
                os.unlink(path)


def masked(value: str, token: str) -> str:
    """Return what the record of requests has in place of a credential: the same for the same one, and no way back.

    Args:
        value: of the header; the scheme in front of a token stays.
        token: of the control endpoints, without which nobody can try out guesses.
    """
    scheme = _SCHEME.match(value)
    start = scheme.group() if scheme else ""
    digest = hmac.new(token.encode(), value[len(start) :].encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()
    return f"{start}masked-{digest[:16]}"


class Mask:
    """Hides the credentials of one request, wherever they stand in it.

    Args:
        headers: of the request.
        known: all credentials that there are.
        token: of the control endpoints.
    """

    def __init__(self, headers: Iterable[tuple[str, str]], known: Iterable[str], token: str) -> None:
        self._token = token
        self._headers = list(headers)
        given = [_SCHEME.sub("", value) for name, value in self._headers if name.lower() in _SECRET_HEADERS]
        secret_values = {value for value in (*given, *known, token) if len(value) >= _SHORT}
        self._forms = {form: value for value in secret_values for form in (urllib.parse.quote(value, safe=""), urllib.parse.quote_plus(value), value)}
        # The longest first, because one may be a part of another.
        self._found = re.compile("|".join(map(re.escape, sorted(self._forms, key=len, reverse=True)))) if self._forms else None

    def text(self, value: str) -> str:
        """Return a text without them."""
        return self._found.sub(lambda match: masked(self._forms[match.group()], self._token), value) if self._found else value

    def headers(self) -> dict[str, str]:
        """Return the headers by their names in lower case."""
        return {name.lower(): masked(value, self._token) if name.lower() in _SECRET_HEADERS else self.text(value) for name, value in self._headers}
