# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One emulator for all tests of a process, and an environment without the settings of the user who runs the tests."""

from __future__ import annotations

import contextlib
import shutil
import subprocess

import pytest
from hypothesis import HealthCheck, settings

from ansible_collections.cloudflare.magic.tests.emulator.client import Emulator, running

# A busy machine is no fault of a test.
settings.register_profile("busy", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

_STACK = contextlib.ExitStack()
_URL: list[str] = []

_FOREIGN = (
    ["CLOUDFLARE_API_TOKEN", "CLOUDFLARE_API_KEY", "CLOUDFLARE_EMAIL", "CLOUDFLARE_ACCOUNT_ID", "CLOUDFLARE_BASE_URL"]
    + ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR", "NETRC"]
    + [name for proxy in ("http_proxy", "https_proxy", "all_proxy", "no_proxy") for name in (proxy, proxy.upper())]
)


def pytest_collection_finish(session):
    """Start the emulator here and not in a fixture, because ansible-test runs each test in a fork, with fixtures of its own."""
    if any("emulator" in getattr(item, "fixturenames", ()) for item in session.items) and not session.config.option.collectonly:
        _URL.append(_STACK.enter_context(running(rate_limit="1000000000/300")).url)


def pytest_sessionfinish():
    _STACK.close()


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch, tmp_path):
    for name in _FOREIGN:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def emulator():
    """An emulator in its initial state. What the test sends has to agree with Cloudflare's description of the API."""
    handle = Emulator(_URL[0])
    handle.reset()
    yield handle
    handle.check()
    handle.stop()


@pytest.fixture
def certificate(tmp_path):
    """A self-signed certificate for 127.0.0.1 and its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs the program openssl")
    config = tmp_path / "openssl.cnf"
    config.write_text(
        "[req]\nprompt = no\ndistinguished_name = name\nx509_extensions = extensions\n[name]\nCN = localhost\n[extensions]\n"
        "subjectAltName = IP:127.0.0.1\nbasicConstraints = critical, CA:TRUE\nsubjectKeyIdentifier = hash\n"
        "keyUsage = critical, digitalSignature, keyCertSign\n",
        encoding="utf-8",
    )
    paths = str(tmp_path / "certificate.pem"), str(tmp_path / "key.pem")
    command = [
        openssl,
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
        "-config",
        str(config),
        "-out",
        paths[0],
        "-keyout",
        paths[1],
    ]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return paths
