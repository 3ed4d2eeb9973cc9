# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The settings of a client: the options of a task and the environment, merged and checked."""

from __future__ import annotations

import ipaddress
import math
import os
import re
import ssl
import typing as t
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._text import is_mask

DEFAULT_URL = "https://api.cloudflare.com/client/v4"
DEFAULT_TIMEOUT = 30.0
DEFAULT_MAX_RETRIES = 4

_ACCOUNT_ID = re.compile(r"[0-9a-fA-F]{32}")


@dataclass(frozen=True)
class Settings:
    """The settings of a client. Created by ``resolve``."""

    account_id: str
    api_token: str | None = field(default=None, repr=False)
    api_key: str | None = field(default=None, repr=False)
    api_email: str | None = field(default=None, repr=False)
    api_url: str = DEFAULT_URL
    timeout: float = DEFAULT_TIMEOUT
    max_retries: int = DEFAULT_MAX_RETRIES
    validate_certs: bool = True
    ca_path: str | None = None


# The options with credentials, and their environment variables.
CREDENTIAL_VARIABLES = {"api_token": "CLOUDFLARE_API_TOKEN", "api_key": "CLOUDFLARE_API_KEY", "api_email": "CLOUDFLARE_EMAIL"}


def _credentials(options: Mapping[str, t.Any], environ: Mapping[str, str]) -> dict[str, str | None]:
    """Choose the credentials. Options of the task override the environment as a whole."""
    names = CREDENTIAL_VARIABLES
    written = {name: options[name] for name in names if options.get(name) is not None}
    for name, value in written.items():
        if not value:
            raise MagicError(f"{name} is empty. Give it a value, or leave it out to use the environment variable {names[name]}.")
    if "api_token" in written and len(written) > 1:
        raise MagicError("api_token cannot be combined with api_key and api_email. Give api_token alone, or api_key with api_email.")
    origin = dict(zip(names, names))
    if not written:
        origin = names
        written = {name: environ[variable] for name, variable in names.items() if environ.get(variable)}
        if "api_token" in written:
            written = {"api_token": written["api_token"]}
    if not written:
        raise MagicError(
            "No credentials are set. Set api_token (or the environment variable CLOUDFLARE_API_TOKEN), "
            "or api_key with api_email (CLOUDFLARE_API_KEY with CLOUDFLARE_EMAIL)."
        )
    if "api_token" not in written and len(written) == 1:
        have, lack = (origin[name] for name in (("api_key", "api_email") if "api_key" in written else ("api_email", "api_key")))
        where = "the task" if origin["api_key"] == "api_key" else "the environment"
        raise MagicError(
            f"{have} needs {lack}, which {where} does not set. "
            "Credentials in the task and in the environment are never combined; an API token (api_token) needs neither."
        )
    for name, value in written.items():
        if is_mask(value):
            raise MagicError(f"{origin[name]} is the mask that Ansible shows instead of a hidden value, not the value itself. Run the playbook again.")
        if not value.isprintable() or value != value.strip() or not _is_latin1(value):
            raise MagicError(
                f"{origin[name]} contains a character that is not allowed in an HTTP header (such as a line break, or a space at the beginning or end). "
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
    check_text(name, url)
    advice = f"Write it like {DEFAULT_URL}, or leave it out."
    try:
        parts = urlsplit(url)
        host, dummy = parts.hostname, parts.port
    except ValueError:
        raise MagicError(f"{name} is not a valid URL. {advice}") from None
    if parts.scheme not in ("https", "http") or not host or any(character.isspace() for character in url):
        raise MagicError(f"{name} is not a URL that begins with https://. {advice}")
    if parts.username is not None or parts.password is not None:
        raise MagicError(f"{name} must not contain a user name or password. Credentials belong in api_token, or api_key with api_email.")
    if parts.query or parts.fragment:
        raise MagicError(f"{name} must not contain a query or fragment. {advice}")
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
        raise MagicError(f"ca_path: {path} contains no certificate in PEM format. Give a file of CA certificates, or leave ca_path out.") from None
    except OSError as exc:
        raise MagicError(f"ca_path: {path} cannot be read ({exc.strerror}). Give a readable file of CA certificates, or leave ca_path out.") from None
    return path


def check_text(name: str, value: t.Any) -> None:
    """Reject text that cannot be sent or saved, at any depth of a value.

    :arg name: the name of the value in messages. Names within it are not shown, because one of them may be a key.
    :raises MagicError: naming it.
    """
    if isinstance(value, str):
        if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
            raise MagicError(f"{name} contains a character that is not valid Unicode (a lone surrogate). Write it again.")
    elif isinstance(value, (list, tuple)):
        for item in value:
            check_text(name, item)
    elif isinstance(value, Mapping):
        check_text(name, [*value, *value.values()])


def check_segment(name: str, value: str) -> str:
    """Return an identifier that is valid in a path.

    :raises MagicError: if it is empty, or would lead to another path.
    """
    check_text(name, value)
    if not value.strip():
        raise MagicError(f"{name} is empty. Give the id that Cloudflare shows (32 hexadecimal characters).")
    if "/" in value or value.strip(".") == "":
        raise MagicError(f"{name} cannot be an id: it would lead to another path of the API. Give the id alone (32 hexadecimal characters), no URL.")
    return value


def _checked_account(value: str) -> str:
    """Return the ID of an account: 32 hexadecimal characters. The text of the error does not have it, because it may be a token."""
    if not _ACCOUNT_ID.fullmatch(check_segment("account_id", value)):
        raise MagicError("account_id is not 32 hexadecimal characters. Copy the ID from the account's overview page at Cloudflare. Nothing has been sent.")
    return value


def resolve(options: Mapping[str, t.Any], environ: Mapping[str, str]) -> Settings:
    """Merge the options of a task with the environment.

    :arg options: the options in the interface's names; absent or None where the task does not set them.
    :arg environ: environment variables, as in ``os.environ``.
    :raises MagicError: naming the option and the fix. Nothing has been sent.
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
        account_id=_checked_account(account_id),
        api_url=checked_url(url, url_name),
        timeout=timeout,
        max_retries=max_retries,
        validate_certs=validate_certs is not False,
        ca_path=None if ca_path is None else _checked_ca(ca_path),
        **credentials,
    )
