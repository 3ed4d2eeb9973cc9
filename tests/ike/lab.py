# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two real strongSwan daemons, each in a network namespace of its own, joined by a cable: Cloudflare's end of IPsec tunnels, and a customer's edge.

Nothing is installed and nothing outside the namespaces changes. Debian's packages are fetched and unpacked into a folder, which the namespaces see laid
over /usr. Without root, the namespaces belong to a user namespace. ESP runs in user space (kernel-libipsec), so that the kernel need not have it.
"""

from __future__ import annotations

import atexit
import base64
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import AF_UNIX, socket
from typing import Any, Callable, Dict, Iterator

import requests
import vici

from ansible_collections.cloudflare.magic.tests.emulator.client import Emulator

Json = Dict[str, Any]

PACKAGES = (
    "libstrongswan",
    "strongswan-libcharon",
    "charon-systemd",
    "strongswan-swanctl",
    "libstrongswan-standard-plugins",  # openssl: the group ecp384
    "libcharon-extra-plugins",  # kernel-libipsec
)
PLUGINS = "random nonce aes sha1 sha2 hmac kdf gcm openssl drbg pem"
CHARON, SWANCTL = "/usr/sbin/charon-systemd", "/usr/sbin/swanctl"
START_LIMIT = 20.0

# What Cloudflare's end accepts.
IKE_PROPOSALS = ["aes256gcm16-prfsha384-ecp384", "aes256-sha256-ecp384", "aes256-sha256-modp2048"]
ESP_PROPOSALS = ["aes256gcm16-ecp384-noesn", "aes256-sha256-ecp384-noesn", "aes128-sha1-modp2048-noesn"]


class CannotRun(Exception):
    """This machine has no way to run the daemons; the text says why."""


def _done(*command: str) -> bool:
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 0


def _unshare() -> list[str]:
    """Return the command that makes a network and a mount namespace: as root, or else within a new user namespace.

    Raises:
        CannotRun: if neither is possible.
    """
    if not all(shutil.which(program) for program in ("unshare", "nsenter", "ip", "mount")):
        raise CannotRun("network namespaces need the programs unshare, nsenter, mount (util-linux) and ip (iproute2)")
    for command in (["unshare", "--net", "--mount"], ["unshare", "--user", "--map-root-user", "--net", "--mount"]):
        if _done(*command, "ip", "link", "set", "lo", "up"):
            return command
    raise CannotRun("no network namespace can be made here: neither as this user, nor in a user namespace")


UNSHARE: list[str] = []


def provide() -> Path | None:
    """Find out what this machine can do, and return where strongSwan's packages are unpacked; None if it is installed.

    Raises:
        CannotRun: if the daemons cannot run here.
    """
    UNSHARE[:] = _unshare()
    if not _done(*UNSHARE, "ip", "tuntap", "add", "dev", "try0", "mode", "tun"):
        # An IKE SA without a child cannot be authenticated again.
        raise CannotRun("no TUN device can be made in a namespace, which ESP in user space needs (/dev/net/tun)")
    if os.path.exists(CHARON) and os.path.exists(SWANCTL) and os.path.exists("/usr/lib/ipsec/plugins/libstrongswan-kernel-libipsec.so"):
        return None
    unpacked = kept("strongswan", _fetch)
    if not _done(*UNSHARE, "mount", "-t", "overlay", "overlay", "-o", f"lowerdir={unpacked}/usr:/usr", "/usr"):
        raise CannotRun("strongSwan is not installed, and its unpacked packages cannot be laid over /usr: no overlay file system")
    return unpacked


def has_xfrm_interfaces() -> bool:
    """Return whether the kernel has interfaces for tunnels; ``provide`` comes first."""
    return _done(*UNSHARE, "ip", "link", "add", "try0", "type", "xfrm", "dev", "lo", "if_id", "1")


def kept(name: str, fetch: Callable[[Path], None]) -> Path:
    """Return a folder that lasts, filled by ``fetch`` the first time, which is called with a temporary folder and makes ``root`` in it.

    Raises:
        CannotRun: if packages cannot be fetched here.
    """
    # A virtual environment is a place of one's own that lasts; elsewhere the packages are fetched for each run.
    if sys.prefix != sys.base_prefix and os.access(sys.prefix, os.W_OK):
        unpacked = Path(sys.prefix, name)
    else:
        above = tempfile.mkdtemp(prefix=f"{name}-")
        atexit.register(shutil.rmtree, above, ignore_errors=True)
        unpacked = Path(above, name)
    if not unpacked.is_dir():
        if not all(shutil.which(program) for program in ("apt-get", "dpkg")):
            raise CannotRun(f"what it needs is neither installed, nor can packages be fetched: this is no Debian ({name})")
        with tempfile.TemporaryDirectory(dir=unpacked.parent) as folder:
            fetch(Path(folder))
            Path(folder, "root").rename(unpacked)
    return unpacked


def _fetch(folder: Path) -> None:
    """Fetch strongSwan's packages and unpack them into ``root``."""
    for package in download(folder, *PACKAGES):
        subprocess.run(["dpkg", "-x", str(package), str(folder / "root")], check=True)


def download(folder: Path, *packages: str, depends: bool = False) -> list[Path]:
    """Fetch packages into a folder, or with ``depends`` those of them, and of what they depend on, that are not installed. Nothing is installed.

    Raises:
        CannotRun: if they cannot be fetched.
    """
    downloads = folder / "-".join(["download", *packages[:1]])
    downloads.mkdir()
    # With ``depends``, apt-get puts them among those that it keeps, which here is a folder of our own.
    verb = ["install", "--download-only", "--yes", "--no-install-recommends"] if depends else ["download"]
    found = downloads / "archives" if depends else downloads
    if depends:
        (found / "partial").mkdir(parents=True)
    apt(folder, ["apt-get", "-q", *verb, *packages], downloads, *(["-o", f"Dir::Cache={downloads}", "-o", "Debug::NoLocking=true"] if depends else []))
    return sorted(found.glob("*.deb"))


def apt(folder: Path, command: list[str], cwd: Path, *options: str) -> str:
    """Run a command of apt and return its output. If the machine has no current lists of packages, with lists of our own in this folder.

    Raises:
        CannotRun: if that fails, too.
    """
    own = ["-o", f"Dir::State::Lists={folder}/lists", "-o", f"Dir::Cache={folder}/cache"]
    problem = ""
    for lists in ([], own):
        if lists and not (folder / "lists").is_dir():
            (folder / "lists" / "partial").mkdir(parents=True)
            (folder / "cache" / "archives" / "partial").mkdir(parents=True)
            _apt(["apt-get", "-q", *own, "update"], cwd)
        # The options that come later count.
        done = _apt([command[0], *lists, *options, *command[1:]], cwd)
        if done.returncode == 0:
            return done.stdout
        problem = (done.stderr.strip().splitlines() or [problem])[0]
    raise CannotRun(f"packages cannot be fetched with apt-get: {problem}")


def _apt(command: list[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    return subprocess.run(command, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=False)


class Namespace:
    """A network and a mount namespace with strongSwan in it, which end with this object. The second one is a neighbour of the first."""

    def __init__(self, packages: Path | None, neighbour: Namespace | None = None) -> None:
        overlay = f"mount -t overlay overlay -o lowerdir={shlex.quote(str(packages))}/usr:/usr /usr" if packages else "true"
        self.within: list[str] = []
        unshare = ["nsenter", *neighbour.within, "unshare", "--net", "--mount"] if neighbour and "--user" in UNSHARE else UNSHARE
        script = f"set -e; {overlay}; ip link set lo up; echo ready; exec cat"
        self._holder = subprocess.Popen([*unshare, "sh", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._holder.stdout and self._holder.stdout.readline() == "ready\n", "no namespace"
        self.within = ["--target", str(self._holder.pid), "--net", "--mount"]
        if "--user" in UNSHARE:
            self.within += ["--user", "--preserve-credentials"]

    @property
    def pid(self) -> int:
        """The process that holds the namespaces."""
        return self._holder.pid

    def command(self, *command: str) -> list[str]:
        """Return a command that runs in here."""
        return ["nsenter", *self.within, "--", *command]

    def run(self, *command: str) -> str:
        """Run a command in here and return its output."""
        return subprocess.run(self.command(*command), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True, timeout=60).stdout

    def close(self) -> None:
        """Let go of the namespaces."""
        self._holder.communicate()


class Charon:
    """One daemon with its folder: configuration, socket, log."""

    def __init__(self, folder: Path, namespace: Namespace, in_kernel: bool = False) -> None:
        self.folder = folder
        self.namespace = namespace
        esp = "" if in_kernel else "kernel-libipsec "
        self.uri = f"unix://{folder}/vici"
        self.log = folder / "charon.log"
        for name in ("strongswan.d", "swanctl/conf.d", *(f"swanctl/{kind}" for kind in ("x509", "x509ca", "pkcs8", "pkcs12", "private", "rsa", "ecdsa"))):
            (folder / name).mkdir(parents=True)
        (folder / "swanctl" / "swanctl.conf").write_text("include conf.d/*.conf\n", encoding="utf-8")
        self._configuration = folder / "strongswan.conf"
        # The time of day in seconds, so that events in the logs of both daemons can be compared.
        self._configuration.write_text(
            f"""charon {{
    load_modular = no
    load = {PLUGINS} {esp}kernel-netlink socket-default vici
    install_virtual_ip = no
    dos_protection = no
    retransmit_tries = 2
    retransmit_timeout = 1.0
    plugins {{
        vici {{
            socket = {self.uri}
        }}
        kernel-libipsec {{
            allow_peer_ts = yes
        }}
    }}
    filelog {{
        tests {{
            path = {self.log}
            time_format = %s
            time_add_ms = yes
            default = 1
            flush_line = yes
        }}
    }}
    journal {{
        default = -1
    }}
    syslog {{
        daemon {{
            default = -1
        }}
    }}
}}
swanctl {{
    load = random openssl pem
    socket = {self.uri}
}}
include strongswan.d/*.conf
""",
            encoding="utf-8",
        )
        self._environment = {**os.environ, "STRONGSWAN_CONF": str(self._configuration)}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the daemon and wait until it answers."""
        with open(self.folder / "output", "wb") as output:
            command = self.namespace.command(CHARON)
            self._process = subprocess.Popen(command, env=self._environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        deadline = time.monotonic() + START_LIMIT
        while True:
            try:
                self.vici(lambda session: session.version())
                return
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"charon does not answer: {(self.folder / 'output').read_text(encoding='utf-8')}") from None
                time.sleep(0.02)

    def stop(self) -> None:
        """End the daemon."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=20)

    def vici(self, use: Any) -> Any:
        """Call ``use`` with a session of its own."""
        with socket(AF_UNIX) as connection:
            connection.connect(self.uri[len("unix://") :])
            return use(vici.Session(connection))

    def swanctl(self) -> str:
        """Write a program that runs swanctl for this daemon, wherever it is called from, and return its path."""
        path = self.folder / "bin" / "swanctl"
        path.parent.mkdir(exist_ok=True)
        command = shlex.join(self.namespace.command("env", f"STRONGSWAN_CONF={self._configuration}", SWANCTL))
        path.write_text(f'#!/bin/sh\nexport SWANCTL_DIR="${{SWANCTL_DIR:-{self.folder}/swanctl}}"\nexec {command} "$@"\n', encoding="utf-8")
        path.chmod(0o755)
        return str(path)

    def sas(self, connection: str) -> list[Json]:
        """Return the established IKE SAs of a connection: ``id``, and how many child SAs are installed."""
        found = []
        for message in self.vici(lambda session: list(session.list_sas())):
            for name, sa in message.items():
                if name == connection and sa["state"] == b"ESTABLISHED":
                    children = [child for child in sa["child-sas"].values() if child["state"] == b"INSTALLED"]
                    found.append({"id": int(sa["uniqueid"]), "children": len(children)})
        return found

    def ids(self, connection: str) -> set[int]:
        """Return the ids of the established IKE SAs of a connection."""
        return {sa["id"] for sa in self.sas(connection)}

    def load_key(self, name: str, key: str, owners: list[str]) -> None:
        """Load a key over vici, in place of the one of that name."""
        self.vici(lambda session: session.load_shared({"id": name, "type": "IKE", "data": key.encode(), "owners": owners}))

    def authenticate(self, tunnel: Json) -> str:
        """Authenticate as a tunnel with the key that this daemon has for it, beside its SAs and without a child.

        Returns:
            ESTABLISHED, AUTHENTICATION_FAILED, or what else there was to read. The SA is ended again.
        """
        probe = {
            "version": "2",
            "remote_addrs": [tunnel["cloudflare_endpoint"]],
            "proposals": IKE_PROPOSALS[:1],
            "childless": "force",
            "local": {"auth": "psk", "id": tunnel["remote_identities"]["fqdn_id"]},
            "remote": {"auth": "psk", "id": tunnel["cloudflare_endpoint"]},
        }
        lines: list[str] = []

        def attempt(session: Any) -> None:
            session.load_conn({"probe": probe})
            try:
                lines.extend(message.get("msg", b"").decode() for message in session.initiate({"ike": "probe", "timeout": "5000", "loglevel": "1"}))
                list(session.terminate({"ike": "probe", "timeout": "5000"}))
            except vici.exception.CommandException as error:
                lines.append(str(error))
            session.unload_conn({"name": "probe"})

        self.vici(attempt)
        text = "\n".join(lines)
        if "received AUTHENTICATION_FAILED" in text:
            return "AUTHENTICATION_FAILED"
        return "ESTABLISHED" if re.search(r"IKE_SA probe\S* established", text) else text

    def events(self, pattern: str) -> list[float]:
        """Return the times of the lines of the log in which the pattern is found."""
        found = []
        for line in self.log.read_text(encoding="utf-8").splitlines():
            match = re.match(r"(\d+)\.(\d{3}) (.*)", line)
            if match and re.search(pattern, match.group(3)):
                found.append(int(match.group(1)) + int(match.group(2)) / 1000)
        return found


class Cloudflare:
    """Cloudflare as its customers see it: the API, which is the emulator behind a proxy, and tunnels' ends, which know each key as soon as the API does."""

    def __init__(self, emulator: Emulator, charon: Charon, tunnels: list[str], narrow: bool = False) -> None:
        self.emulator = emulator
        self._narrow = narrow
        self.charon = charon
        self.spoil = 0
        """How many of the next keys do not arrive as they are: the API has them, and the tunnel's end has others."""
        self._names = tunnels
        self._known: dict[str, str | None] = {}
        self._lock = threading.Lock()
        self._owners: dict[str, list[str]] = {}
        cloudflare = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args: Any) -> None:
                pass

            def _pass_on(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                try:
                    answer = cloudflare.forward(self.command, self.path, dict(self.headers.items()), body)
                except requests.RequestException:
                    # As the emulator does it: no answer at all.
                    self.close_connection = True
                    return
                finally:
                    if self.command != "GET":
                        cloudflare.mirror()
                self.send_response(answer.status_code)
                for name, value in answer.headers.items():
                    if name.lower() not in ("connection", "content-encoding", "content-length", "date", "server", "transfer-encoding"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.content)))
                self.end_headers()
                self.wfile.write(answer.content)

            do_GET = do_POST = do_PUT = do_DELETE = _pass_on

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/client/v4"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def forward(self, method: str, path: str, headers: dict[str, str], body: bytes) -> requests.Response:
        """Send a request on to the emulator."""
        base = self.emulator.url[: self.emulator.url.rindex("/client/v4")]
        with requests.Session() as session:
            session.trust_env = False
            headers = {name: value for name, value in headers.items() if name.lower() not in ("host", "content-length", "connection")}
            return session.request(method, base + path, data=body, headers=headers, timeout=60, allow_redirects=False)

    def configure(self) -> None:
        """Load a connection for each tunnel and each of its identities."""
        connections: Json = {}
        for name in self._names:
            tunnel = self.tunnel(name)
            identities = tunnel["remote_identities"]
            hexadecimal = identities["hex_id"]
            owners = [identities["fqdn_id"], identities["user_id"], "@#" + hexadecimal]
            self._owners[tunnel["id"]] = owners
            inner, outer = (f"{address}/32" if self._narrow else "0.0.0.0/0" for address in Lab.inner(tunnel))
            for number, owner in enumerate(owners):
                connections[f"{name}-{number}"] = {
                    "version": "2",
                    "local_addrs": [tunnel["cloudflare_endpoint"]],
                    "remote_addrs": ["%any"],
                    "proposals": IKE_PROPOSALS,
                    "mobike": "no",
                    "childless": "allow",
                    "rekey_time": "0",
                    "local": {"auth": "psk", "id": tunnel["cloudflare_endpoint"]},
                    "remote": {"auth": "psk", "id": owner},
                    "children": {name: {"local_ts": [inner], "remote_ts": [outer], "esp_proposals": ESP_PROPOSALS, "rekey_time": "0"}},
                }
        for name, connection in connections.items():
            self.charon.vici(lambda session, one={name: connection}: session.load_conn(one))
        self.mirror()

    def tunnel(self, name: str) -> Json:
        """Return a tunnel as the API describes it."""
        listed = self.emulator.call("GET", "ipsec_tunnels").json()["result"]["ipsec_tunnels"]
        return dict(next(tunnel for tunnel in listed if tunnel["name"] == name))

    def mirror(self) -> None:
        """Load each key that has changed into the tunnel's end, which thereby forgets the one before."""
        with self._lock:
            for tunnel_id, key in self.emulator.keys().items():
                if tunnel_id in self._owners and key is not None and self._known.get(tunnel_id) != key:
                    spoilt, self.spoil = self.spoil > 0, max(0, self.spoil - 1)
                    # The tunnel's identities alone own the key. With Cloudflare's address among the owners, strongSwan would try the keys of all tunnels.
                    self.charon.load_key(tunnel_id, f"not {key}" if spoilt else key, self._owners[tunnel_id])
                    self._known[tunnel_id] = key

    def key(self, name: str) -> str | None:
        """Return the key in force of a tunnel."""
        return self.emulator.keys()[self.tunnel(name)["id"]]

    def environment(self) -> dict[str, str]:
        """Return the variables that point the collection here."""
        return {**self.emulator.environment(), "CLOUDFLARE_BASE_URL": self.url}

    def close(self) -> None:
        """Stop the proxy."""
        self._server.shutdown()
        self._server.server_close()


ECHO = """
import select, socket, sys
ends = []
for address in sys.argv[1:]:
    end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    end.bind((address, 9000))
    ends.append(end)
print("ready", flush=True)
while True:
    for end in select.select(ends, [], [])[0]:
        data, sender = end.recvfrom(2048)
        end.sendto(data, sender)
"""

SEND = """
import json, select, socket, sys, time
interval, pairs = float(sys.argv[1]), [pair.split(",") for pair in sys.argv[2:]]
ends = []
for mine, theirs in pairs:
    end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    end.bind((mine, 0))
    end.connect((theirs, 9000))
    end.setblocking(False)
    ends.append(end)
seen = [set() for end in ends]
number, following, stop, sent = 0, time.monotonic(), None, []
print("ready", flush=True)
while stop is None or (time.monotonic() < stop and any(len(numbers) < number for numbers in seen)):
    if stop is None and time.monotonic() >= following:
        for end in ends:
            try:
                end.send(str(number).encode())
            except OSError:
                pass  # counts as lost
        sent.append(round(time.time(), 3))
        number, following = number + 1, following + interval
    wait = max(0.0, following - time.monotonic()) if stop is None else 0.05
    for ready in select.select([*ends, *([sys.stdin] if stop is None else [])], [], [], wait)[0]:
        if ready is sys.stdin:
            stop = time.monotonic() + 5.0
            continue
        try:
            seen[ends.index(ready)].add(int(ready.recv(2048)))
        except OSError:
            pass
print(json.dumps([[number, [at for which, at in enumerate(sent) if which not in numbers]] for numbers in seen]))
"""


CHECK = """
import json, os, select, socket, struct, sys, time
interval, patience, pairs = float(sys.argv[1]), float(sys.argv[2]), [pair.split(",") for pair in sys.argv[3:]]
ends = [socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) for pair in pairs]
for (mine, theirs), end in zip(pairs, ends):
    end.bind((mine, 0))
    end.setblocking(False)
own = os.getpid() & 0xffff
waiting, states, following, number = [{} for pair in pairs], [None for pair in pairs], time.time(), 0
def tell(which, state, at):
    if states[which] != state:
        states[which] = state
        print(json.dumps([which, state, at]), flush=True)
def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    return ~((total & 0xffff) + (total >> 16) + ((total & 0xffff) + (total >> 16) >> 16)) & 0xffff
while True:
    readable = select.select([*ends, sys.stdin], [], [], max(0.0, following - time.time()))[0]
    if sys.stdin in readable:
        break
    for which, end in enumerate(ends):
        while end in readable:
            try:
                answer, sender = end.recvfrom(2048)
            except OSError:
                break
            kind, code, dummy, asker, sequence = struct.unpack("!BBHHH", answer[20:28])
            sent = waiting[which].get(sequence) if (kind, sender[0], asker) == (0, pairs[which][1], own) else None
            if sent is not None:
                # Of requests before this one, it does not matter any more what becomes of them.
                waiting[which] = {later: at for later, at in waiting[which].items() if at > sent}
                tell(which, 1, sent)
    # What has been answered was read before, however long this process had to wait for the processor.
    now = time.time()
    for which, sent in enumerate(waiting):
        for sequence in [sequence for sequence, at in sent.items() if now - at > patience]:
            tell(which, 0, sent.pop(sequence))
    if now >= following:
        following, number = now + interval, (number + 1) & 0xffff
        for which, end in enumerate(ends):
            request = struct.pack("!BBHHH", 8, 0, 0, own, number)
            request = struct.pack("!BBHHH", 8, 0, checksum(request), own, number)
            waiting[which][number] = now
            try:
                end.sendto(request, (pairs[which][1], 0))
            except OSError:
                pass  # nobody will answer
"""

WATCH = """
import json, select, socket, sys
# Of one protocol, it would see only what comes in.
every, ip = 0x0003, 0x0800
end = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(every))
end.bind((sys.argv[1], every))
seen = {}
print("ready", flush=True)
while True:
    ready = select.select([end, sys.stdin], [], [])[0]
    if end not in ready:
        break
    packet, sender = end.recvfrom(65536)
    if sender[1] != ip:
        continue
    protocol, rest = packet[9], packet[4 * (packet[0] & 15):]
    kind = {50: "ESP"}.get(protocol, f"protocol {protocol}")
    if protocol == 17 and 500 in (ports := [int.from_bytes(rest[at:at + 2], "big") for at in (0, 2)]):
        kind = "IKE"
    elif protocol == 17 and 4500 in ports:
        kind = "IKE" if rest[8:12] == bytes(4) else "keepalive" if len(rest) == 9 else "ESP"
    seen[kind] = seen.get(kind, 0) + 1
print(json.dumps(seen))
"""


class Lab:
    """Both ends, and the cable between them.

    Attributes:
        cloudflare: the API and Cloudflare's end.
        customer: the daemon of the customer's edge.
    """

    def __init__(self, folder: Path, packages: Path | None, emulator: Emulator, tunnels: list[str], xfrm: bool = False) -> None:
        # With XFRM interfaces, the customer's kernel does the ESP, and Cloudflare's end, which has one device for all, tells the tunnels by their addresses.
        self._stack = ExitStack()
        self._tunnels = tunnels
        there = Namespace(packages)
        self._stack.callback(there.close)
        here = Namespace(packages, there)
        self._stack.callback(here.close)
        self.cloudflare = Cloudflare(emulator, Charon(folder / "cloudflare", there), tunnels, narrow=xfrm)
        self._stack.callback(self.cloudflare.close)
        self.customer = Charon(folder / "customer", here, in_kernel=xfrm)
        there.run("ip", "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", str(here.pid))
        for namespace, mine, peer in ((there, "cloudflare_endpoint", "customer_endpoint"), (here, "customer_endpoint", "cloudflare_endpoint")):
            namespace.run("ip", "link", "set", "cable", "up")
            known = [self.cloudflare.tunnel(name) for name in tunnels]
            for address in {tunnel[mine] for tunnel in known}:
                namespace.run("ip", "address", "add", f"{address}/32", "dev", "cable")
            for address in {tunnel[peer] for tunnel in known}:
                namespace.run("ip", "route", "add", address, "dev", "cable")
            for tunnel in known:
                inner = self.inner(tunnel)[0 if namespace is there else 1]
                # XFRM interfaces have the customer's, and nothing else.
                if namespace is there or not xfrm:
                    namespace.run("ip", "address", "add", f"{inner}/32", "dev", "lo")
        for charon in (self.cloudflare.charon, self.customer):
            self._stack.callback(charon.stop)
            charon.start()
        self.cloudflare.configure()

    @staticmethod
    def inner(tunnel: Json) -> tuple[str, str]:
        """Return the addresses inside a tunnel: Cloudflare's, and the customer's."""
        address = tunnel["interface_address"].split("/")[0]
        first, last = address.rsplit(".", 1)
        return address, f"{first}.{int(last) ^ 1}"

    def close(self) -> None:
        """Stop everything."""
        self._stack.close()

    @contextmanager
    def health_checks(self, interval: float = 0.1, patience: float = 1.0) -> Iterator[Callable[[str], int | None]]:
        """Check the health of all tunnels as Cloudflare does, by requests through each, which the customer's end answers. The API tells what came of them.

        Yields:
            A function that returns what was found last of a tunnel: 1, 0, or None if that is nothing.
        """
        emulator, names = self.cloudflare.emulator, self._tunnels
        # Cloudflare's data comes with a delay. This one is longer than it takes to know that a request is not answered.
        emulator.set_health(data_centers=["cdg01", "fra03"], delay_seconds=3 * patience)
        pairs = [",".join(self.inner(self.cloudflare.tunnel(name))) for name in names]
        command = self.cloudflare.charon.namespace.command(sys.executable, "-c", CHECK, str(interval), str(patience), *pairs)
        found: dict[str, int] = {}
        checks = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

        def tell() -> None:
            for line in checks.stdout or ():
                which, state, at = json.loads(line)
                # What was found first is what it was before.
                before = 0 if names[which] in found else 60
                emulator.change_health(names[which], state, age_seconds=before + max(0.0, time.time() - at))
                found[names[which]] = state

        told = threading.Thread(target=tell)
        told.start()
        try:
            yield found.get
        finally:
            assert checks.stdin
            checks.stdin.close()
            told.join()
            checks.wait()
            assert checks.stdout
            checks.stdout.close()

    @contextmanager
    def on_the_cable(self) -> Iterator[dict[str, int]]:
        """Watch what goes over the cable, in both directions.

        Yields:
            A dictionary that is filled at the end: how many packets of IP there were, by kind: IKE, ESP, keepalive, or the number of another protocol.
        """
        counted: dict[str, int] = {}
        command = self.customer.namespace.command(sys.executable, "-c", WATCH, "cable")
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as watch:
            assert watch.stdout and watch.stdout.readline() == b"ready\n", "nobody watches"
            yield counted
            counted.update(json.loads(watch.communicate(timeout=60)[0]))

    @contextmanager
    def traffic(self, interval: float = 0.01) -> Iterator[list[Any]]:
        """Send packets through all tunnels, from the customer's address inside to Cloudflare's, which answers each.

        Yields:
            A list that is filled at the end: for each tunnel how many were sent, and when those were that got lost.
        """
        pairs = [self.inner(self.cloudflare.tunnel(name)) for name in self._tunnels]
        counted: list[Any] = []
        there, here = self.cloudflare.charon.namespace, self.customer.namespace
        with ExitStack() as stack:

            def start(command: list[str]) -> subprocess.Popen[bytes]:
                process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
                stack.callback(process.communicate)
                stack.callback(process.kill)
                assert process.stdout and process.stdout.readline() == b"ready\n", "no traffic"
                return process

            start(there.command(sys.executable, "-c", ECHO, *(pair[0] for pair in pairs)))
            sender = start(here.command(sys.executable, "-c", SEND, str(interval), *(f"{mine},{theirs}" for theirs, mine in pairs)))
            yield counted
            counted += json.loads(sender.communicate(timeout=60)[0])


def encoded(key: str) -> str:
    """Return a key as a configuration file of strongSwan has it."""
    return "0s" + base64.b64encode(key.encode()).decode()
