# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this doc fragment is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  api_token:
    description:
      - An API token of Cloudflare, owned by a user or by the account. Sent as C(Authorization: Bearer).
      - Excludes O(api_key) and O(api_email).
      - If neither O(api_token) nor O(api_key) nor O(api_email) is set, the environment variable E(CLOUDFLARE_API_TOKEN) is used, or else
        E(CLOUDFLARE_API_KEY) with E(CLOUDFLARE_EMAIL). As soon as one of them is set, all three variables are ignored.
    type: str
  api_key:
    description:
      - The global API key of a user, together with O(api_email). Prefer O(api_token), which can be limited to what is needed.
      - See O(api_token) for the environment variable E(CLOUDFLARE_API_KEY).
    type: str
  api_email:
    description:
      - The e-mail address of the user that O(api_key) belongs to.
      - See O(api_token) for the environment variable E(CLOUDFLARE_EMAIL).
    type: str
  account_id:
    description:
      - The id of the account, 32 hexadecimal characters.
      - Required, here or in the environment variable E(CLOUDFLARE_ACCOUNT_ID).
    type: str
  api_url:
    description:
      - The base URL of the API.
      - If not set, the environment variable E(CLOUDFLARE_BASE_URL) is used, or else V(https://api.cloudflare.com/client/v4).
      - Unencrypted C(http://) is refused unless the host is a loopback address.
      - Proxies are taken from the environment variables E(HTTPS_PROXY), E(HTTP_PROXY) and E(NO_PROXY), of the task's C(environment) keyword too.
        Redirects are never followed, and a C(~/.netrc) file is never used.
    type: str
    aliases:
      - base_url
  timeout:
    description:
      - How many seconds to wait for an answer. Making the connection has its own limit of 10 seconds.
    type: float
    default: 30.0
  max_retries:
    description:
      - How often to repeat a request at most. V(0) switches retries off.
      - Reading is repeated after connection errors and after the HTTP statuses 408, 409, 429 and 5xx. Writing is only
        repeated if it certainly had no effect, that is after 429 and if no connection was made, or if doing it twice does no harm.
      - Waits as long as the server asks for in C(Retry-After) or C(Ratelimit), up to 330 seconds, else with an increasing back-off of up to 30 seconds.
    type: int
    default: 4
  validate_certs:
    description:
      - Whether to check the TLS certificate of the server.
    type: bool
    default: true
  ca_path:
    description:
      - A file with the certificates of the certification authorities to trust, in PEM format, or a folder of such files prepared by C(openssl rehash).
    type: path
"""
