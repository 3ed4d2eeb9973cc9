# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""For tests: start an emulator as a process of its own, and steer it. Needs requests only.

with running() as emulator:
    emulator.fault(kind="status", path="psk_generate", status=503)
    ...
    emulator.check()
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from typing import Any, Dict, Iterator

import requests

from .guard import HEADER, masked

Json = Dict[str, Any]
# Of the emulators that this process has started, by their URL: others know them by it alone.
_TOKENS: dict[str, str] = {}


class Emulator:
    """A running emulator.

    Attributes:
        url: base URL of the API, ``/client/v4`` included, as ``api_url`` and CLOUDFLARE_BASE_URL want it.
        account_id: the first account of the default data, onboarded to Magic.
        other_account_id: the second account, not onboarded.
        write_token, read_token: API tokens with those permissions.
        blind_token: an API token that may write, and not read analytics.
        email, global_key: a key pair with write permission.
        control_url: base URL of the control endpoints, ``/_emulator/`` included.
        control_headers: what they want to see, for clients other than this one.
    """

    account_id = "023e105f4ecef8ad9ca31a8372d0c353"
    other_account_id = "9a7806061c88ada191ed06f989cc3dac"
    write_token = "emulator-write-token"
    read_token = "emulator-read-token"
    blind_token = "emulator-blind-token"
    email = "engineer@example.com"
    global_key = "emulator-global-key"

    def __init__(self, url: str, process: subprocess.Popen[bytes] | None = None, errors: Any = None, token: str | None = None) -> None:
        self.url = url
        self.control_url = url[: url.rindex("/client/v4")] + "/_emulator/"
        self._token = token or _TOKENS.get(url, "")
        self.control_headers = {HEADER: self._token}
        self._process = process
        self._errors = errors
        self._session = requests.Session()
        self._session.trust_env = False

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request to ``/_emulator/<path>`` and return its JSON.

        Raises:
            ValueError: with the emulator's own words, if it refuses.
        """
        answer = self._session.request(method, self.control_url + path, json=body, headers=self.control_headers, timeout=30)
        if answer.status_code != 200:
            raise ValueError(answer.json().get("error", answer.text))
        return answer.json()

    def call(self, method: str, path: str, body: Any = None, token: str | None = None, **options: Any) -> requests.Response:
        """Send a request to the API itself, below the account unless the path starts with a slash."""
        if not path.startswith("/"):
            path = f"/accounts/{self.account_id}/magic/{path}"
        headers = dict({"Authorization": "Bearer " + (token or self.write_token)}, **options.pop("headers", {}))
        return self._session.request(method, self.url + path, json=body, headers=headers, timeout=30, allow_redirects=False, **options)

    @property
    def pid(self) -> int:
        """Return the id of the process; 0 if it was started by someone else."""
        return self._process.pid if self._process else 0

    def environment(self) -> dict[str, str]:
        """Return the variables that point the collection and Cloudflare's SDKs at this emulator."""
        return {"CLOUDFLARE_BASE_URL": self.url, "CLOUDFLARE_ACCOUNT_ID": self.account_id, "CLOUDFLARE_API_TOKEN": self.write_token}

    def requests(self) -> list[Json]:
        """Return the API requests so far: method, path, query, query_string, headers (names in lower case), body, status, at.

        Credentials in it are masked; :meth:`masked` tells how.
        """
        return list(self.control("GET", "requests"))

    def masked(self, credential: str) -> str:
        """Return what :meth:`requests` shows in place of a credential: a token with or without ``Bearer`` before it, or a global key."""
        return masked(credential, self._token)

    def clear_requests(self) -> None:
        """Forget the requests so far."""
        self.control("DELETE", "requests")

    def keys(self) -> dict[str, str | None]:
        """Return the key in force by tunnel id."""
        return dict(self.control("GET", "keys"))

    def key_log(self) -> list[Json]:
        """Return every key that ever appeared: tunnel_id, psk, how (generate, set, create, update, decoy), in_force, at."""
        return list(self.control("GET", "key_log"))

    def license_log(self) -> list[Json]:
        """Return every licence key of a connector that was made: connector_id, license_key, how (create, renew), in_force, at."""
        return list(self.control("GET", "license_log"))

    def objects(self, plural: str) -> list[Json]:
        """Return the objects of a kind of all accounts as data of a seed: ``sites``, ``lans``, ``connectors`` and so on. Not recorded as a request."""
        return list(self.state()[plural])

    def fault(self, **description: Any) -> Json:
        """Make a request fail: kind, method, path, sent, times, skip, when, and the options of the kind."""
        return dict(self.control("POST", "faults", description))

    def faults(self) -> list[Json]:
        """Return the faults that still wait for their request."""
        return list(self.control("GET", "faults"))

    def clear_faults(self) -> None:
        """Let no further request fail."""
        self.control("DELETE", "faults")

    def unmet(self) -> list[Json]:
        """Return the faults since the last reset that no request has met."""
        return list(self.control("GET", "unmet"))

    def forget_unmet(self) -> None:
        """Say that no request was to meet those faults."""
        self.control("DELETE", "unmet")

    def check(self) -> None:
        """For the end of a test: requests and answers agree with Cloudflare's description, and each fault has been met.

        Raises:
            AssertionError: says what is not so.
        """
        violations, unmet = self.violations(), self.unmet()
        assert violations == [], f"not as Cloudflare describes it: {violations}"
        assert unmet == [], f"these faults were set, and no request has met them: {unmet}"

    def reset(self) -> None:
        """Return to the start: data, faults (met and unmet), requests, violations, rate limit."""
        self.control("POST", "reset")

    def state(self) -> Json:
        """Return all data in the form of a seed."""
        return dict(self.control("GET", "state"))

    def set_state(self, seed: Json) -> None:
        """Replace all data by a seed."""
        self.control("PUT", "state", seed)

    def set_age(self, tunnel_id: str, seconds: float | None) -> None:
        """Set the age of a tunnel's key; None: as if never generated."""
        self.control("PUT", "tunnels/" + tunnel_id, {"last_generated_on": None} if seconds is None else {"age_seconds": seconds})

    def set_last_generated_on(self, tunnel_id: str, timestamp: str) -> None:
        """Set a tunnel's last_generated_on (RFC 3339)."""
        self.control("PUT", "tunnels/" + tunnel_id, {"last_generated_on": timestamp})

    def tunnels(self) -> list[Json]:
        """Return the IPsec tunnels of all accounts as data of a seed: with account_id, and psk where there is one. Not recorded as a request."""
        return list(self.state()["ipsec_tunnels"])

    def gre_tunnels(self) -> list[Json]:
        """Return the GRE tunnels of all accounts, as :meth:`tunnels` does."""
        return list(self.state()["gre_tunnels"])

    def interconnects(self) -> list[Json]:
        """Return the interconnects of all accounts, as :meth:`tunnels` does."""
        return list(self.state()["interconnects"])

    def routes(self) -> list[Json]:
        """Return the static routes of all accounts, as :meth:`tunnels` does."""
        return list(self.state()["routes"])

    def tunnel(self, name: str) -> Json:
        """Return the IPsec tunnel of this name, as :meth:`tunnels` does.

        Raises:
            KeyError: if there is none.
        """
        for tunnel in self.tunnels():
            if tunnel["name"] == name:
                return dict(tunnel)
        raise KeyError(name)

    def violations(self) -> list[Json]:
        """Return where requests or answers differ from Cloudflare's description: method, path, side, pointer, message."""
        return list(self.control("GET", "violations"))

    def clear_violations(self) -> None:
        """Forget the violations so far."""
        self.control("DELETE", "violations")

    def rate_limit(self, quota: int, seconds: float) -> None:
        """Start a new window with this quota."""
        self.control("PUT", "rate_limit", {"quota": quota, "seconds": seconds})

    def graphql_rate_limit(self, quota: int, seconds: float) -> None:
        """Start a new window with this quota of queries of GraphQL."""
        self.control("PUT", "graphql_rate_limit", {"quota": quota, "seconds": seconds})

    def health(self) -> Json:
        """Return what the health checks have found: data_centers, default, delay_seconds, changes."""
        return dict(self.control("GET", "health"))

    def set_health(self, **seed: Any) -> None:
        """Replace what the health checks have found, by the part ``health`` of a seed."""
        self.control("PUT", "health", seed)

    def change_health(self, tunnel: str, state: float | None, data_centers: list[str] | None = None, age_seconds: float = 0) -> None:
        """Let a tunnel be healthy (1), degraded (0.5), down (0) or without data (None) from a moment on, in all data centres or in some."""
        self.control("POST", "health", {"tunnel": tunnel, "state": state, "data_centers": data_centers, "age_seconds": age_seconds})

    def errors(self) -> str:
        """Return what the emulator wrote to standard error so far."""
        if self._errors is None:
            return ""
        # The process shares this file's position: read without moving it.
        return os.pread(self._errors.fileno(), 1 << 24, 0).decode("utf-8", "replace")

    def stop(self) -> int:
        """End the process and return its exit status; may be called twice."""
        self._session.close()
        if self._process is None:
            return 0
        if self._process.stdin and not self._process.stdin.closed:
            self._process.stdin.close()
        try:
            return self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()
        finally:
            if self._process.stdout:
                self._process.stdout.close()


@contextmanager
def running(check_schema: bool = True, python: str = sys.executable, **options: Any) -> Iterator[Emulator]:
    """Start an emulator, wait until it listens, stop it at the end.

    Args:
        check_schema: start with ``--check-schema``.
        python: interpreter that has Flask.
        options: further options of the command line by name, such as ``latency=20``, ``seed="file.json"``,
            ``rate_limit="10/60"``, ``access_log=True``.

    Raises:
        RuntimeError: with what the process wrote to standard error, if it does not start.
    """
    command = [python, os.path.join(os.path.dirname(os.path.abspath(__file__)), "__main__.py"), "--stop-with-stdin"]
    for name, value in dict(options, check_schema=check_schema).items():
        if value is True:
            command.append("--" + name.replace("_", "-"))
        elif value not in (None, False):
            command += ["--" + name.replace("_", "-"), str(value)]
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors)
        assert process.stdout is not None
        # Blocks until the lines are there, or until the process has ended without them.
        line, token = process.stdout.readline().decode(), process.stdout.readline().decode()
        url = next((word for word in line.split() if word.startswith("http://")), "")
        emulator = Emulator(url or "http:///client/v4", process, errors, token.rpartition(" ")[2].strip())
        _TOKENS[url] = emulator.control_headers[HEADER]
        try:
            if not url:
                status = emulator.stop()
                raise RuntimeError(f"the emulator ended with status {status}: {emulator.errors()}")
            yield emulator
        finally:
            emulator.stop()
            _TOKENS.pop(url, None)
