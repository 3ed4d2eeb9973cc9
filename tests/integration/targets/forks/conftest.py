# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests use: an emulator that is as far away as Cloudflare, and a relay that speaks TLS in front of it."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
import threading
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ansible_collections.cloudflare.magic.tests.emulator.client import running
from ansible_collections.cloudflare.magic.tests.integration.support.playing import leaked

__all__ = ["leaked"]

LATENCY = 100


@pytest.fixture(scope="session")
def emulator():
    with running(latency=LATENCY, rate_limit="1000000000/300") as emulator:
        yield emulator
        emulator.check()


def _certificate(folder: Path) -> tuple[str, str]:
    """Make a certificate for 127.0.0.1 that is its own authority, and return the files with it and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "relay")])
    now = datetime.datetime.now(datetime.timezone.utc)
    public = key.public_key()
    usage = {"digital_signature": True, "key_cert_sign": True, "content_commitment": False, "key_encipherment": False, "data_encipherment": False}
    builder = (
        x509.CertificateBuilder(name, name, public, x509.random_serial_number(), now - datetime.timedelta(days=1), now + datetime.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**usage, key_agreement=False, crl_sign=False, encipher_only=False, decipher_only=False), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8
    paths[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    return str(paths[0]), str(paths[1])


class Relay:
    """Speaks TLS, and passes what it gets on to a server that does not.

    Attributes:
        url: as ``api_url`` wants it.
        ca_path: the certificate of the authority.
        connections: how many there have been.
    """

    def __init__(self, target: str, folder: Path) -> None:
        parts = urlsplit(target)
        self.ca_path, key = _certificate(folder)
        self.connections = 0
        self._target = (parts.hostname, parts.port)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(self.ca_path, key)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.url = f"https://127.0.0.1:{self._listener.getsockname()[1]}{parts.path}"
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            try:
                connection = self._listener.accept()[0]
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=[connection], daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        """Pass requests and answers on, in turn: two threads must not use one TLS connection."""
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            with self._context.wrap_socket(connection, server_side=True) as near, socket.create_connection(self._target) as far:
                while True:
                    for source, sink in ((near, far), (far, near)):
                        if not _pass_message(source, sink):
                            return
        except OSError:
            return

    def close(self) -> None:
        self._listener.close()


def _pass_message(source: socket.socket, sink: socket.socket) -> bool:
    """Pass on one message of HTTP/1.1; False if the source has ended."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = source.recv(65536)
        if not more:
            return False
        data += more
    head, dummy, body = data.partition(b"\r\n\r\n")
    lengths = [line.partition(b":")[2] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    missing = int(lengths[0]) - len(body) if lengths else 0
    while missing > 0:
        more = source.recv(65536)
        if not more:
            return False
        data += more
        missing -= len(more)
    sink.sendall(data)
    return True


@pytest.fixture(scope="session")
def relay(emulator, tmp_path_factory: pytest.TempPathFactory):
    relay = Relay(emulator.url, tmp_path_factory.mktemp("relay"))
    yield relay
    relay.close()
