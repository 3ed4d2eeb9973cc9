# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run a row of rows.yml with the real ansible-playbook, and collect everything that it writes."""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import re
import secrets
import shlex
import shutil
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Iterator

import yaml
from ansible.parsing.vault import VaultLib, VaultSecret
from ansible.release import __version__

from ansible_collections.cloudflare.magic.tests.emulator.client import Emulator
from ansible_collections.cloudflare.magic.tests.integration.support import preloaded
from ansible_collections.cloudflare.magic.tests.integration.targets.leaks.search import Secret, files_below, unpacked

HERE = Path(__file__).resolve().parent
# By the loader that is written in C, where there is one.
ROWS: list[dict[str, Any]] = yaml.load(HERE.joinpath("rows.yml").read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
CORE: str = __version__
SERIES = tuple(int(number) for number in CORE.split(".")[:2])
VARIABLES = {"cloudflare_magic_ipsec_psks": "psk", "cloudflare_magic_connector_licenses": "license_key"}
# What a row sees of the environment of the test, with what ansible-test needs.
KEPT = ("PATH", "PYTHONPATH", "ANSIBLE_COLLECTIONS_PATH")

# Where a file lies decides to which surface it belongs: the folders of a row.
FOLDERS = ("log", "callback", "fields", "junit", "tree", "cache", "artifacts", "home", "tmp", "project", "remote", "near", "far", "ara")
# Not searched: what the user has a key written to, and what the test needs for itself.
OTHER_FOLDERS = ("delivered", "private")

# Gives the command after it a /dev/log of the test's: $1 is the socket, $2 an empty folder.
_PRIVATE_LOG = """
set -e
log=$1 folder=$2
shift 2
if [ -e /dev/log ]; then
    mount --bind "$log" "$(readlink -f /dev/log)"
else
    mount -t tmpfs tmpfs "$folder"
    for name in null zero full random urandom tty; do
        touch "$folder/$name"
        mount --bind "/dev/$name" "$folder/$name"
    done
    mkdir "$folder/pts" "$folder/shm"
    mount --rbind /dev/shm "$folder/shm"
    mount -t devpts -o newinstance,ptmxmode=0666 devpts "$folder/pts"
    ln -s pts/ptmx "$folder/ptmx"
    ln -s /proc/self/fd "$folder/fd"
    for name in 0:stdin 1:stdout 2:stderr; do
        ln -s "/proc/self/fd/${name%%:*}" "$folder/${name#*:}"
    done
    touch "$folder/log"
    mount --bind "$log" "$folder/log"
    mount --move "$folder" /dev
fi
exec "$@"
"""


class Inline(str):
    """A value that is encrypted where it is used: ``!vault``."""


yaml.SafeDumper.add_representer(Inline, lambda dumper, value: dumper.represent_scalar("!vault", str(value), style="|"))


def holds(condition: str) -> bool:
    """Tell whether a condition like ``always``, ``<2.22``, ``>=2.19`` or ``2.18 2.19`` holds for this ansible-core."""
    if condition == "always":
        return True
    match = re.fullmatch(r"(<|>=)(\d+)\.(\d+)", condition)
    if match:
        bound = tuple(int(number) for number in match.groups()[1:])
        return (bound > SERIES) == (match.group(1) == "<")
    return f"{SERIES[0]}.{SERIES[1]}" in condition.split()


def ara_callbacks() -> str:
    """Return the folder with the callback plugin of ARA."""
    found = importlib.util.find_spec("ara")
    if found is None or not found.submodule_search_locations:
        raise ModuleNotFoundError("ara")
    return str(Path(found.submodule_search_locations[0], "plugins", "callback"))


class Syslog:
    """A socket that takes the place of /dev/log for the processes that a row starts, where this system lets us."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "log"
        self._folder = folder / "dev"
        self._folder.mkdir()
        self._messages: list[bytes] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self._path))
        self._path.chmod(0o666)
        self._prefix = ["unshare", *([] if os.geteuid() == 0 else ["-r"]), "--mount", "--propagation", "private", "sh", "-c", _PRIVATE_LOG, "sh"]
        threading.Thread(target=self._listen, daemon=True).start()
        self.missing = self._try()

    def _listen(self) -> None:
        while True:
            self._messages.append(self._socket.recv(1 << 20))

    def _try(self) -> str | None:
        """Return why it does not work, or None."""
        code = "import syslog; syslog.syslog('the socket of the test')"
        try:
            self.wrap([])
            done = subprocess.run(self.wrap([sys.executable, "-c", code]), capture_output=True, text=True, timeout=60, check=False)
        except OSError as exc:
            return f"no private /dev/log: {exc}"
        if done.returncode:
            return f"no private /dev/log: {done.stderr.strip()[-200:]}"
        return None if b"the socket of the test" in self.take() else "a private /dev/log does not receive anything"

    def wrap(self, command: list[str]) -> list[str]:
        """Return the command that runs ``command`` with our /dev/log."""
        if getattr(self, "missing", None):
            return command
        return [*self._prefix, str(self._path), str(self._folder), *command]

    def take(self) -> bytes:
        """Return what was logged since the last call."""
        time.sleep(0.05)
        messages = list(self._messages)
        del self._messages[: len(messages)]
        return b"\n".join(messages)


class Sshd:
    """An SSH server on a loopback address with keys that are thrown away."""

    def __init__(self, folder: Path, syslog: Syslog) -> None:
        self.folder = folder
        self.home = folder / "h"
        self.missing: str | None = None
        self._process: subprocess.Popen[bytes] | None = None
        program = shutil.which("sshd", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin")
        if program is None or not shutil.which("ssh"):
            self.missing = "no sshd here (Debian: apt-get install openssh-server)"
            return
        for name in ("host", "user"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True, stdin=subprocess.DEVNULL)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        config = {
            "Port": self.port,
            "ListenAddress": "127.0.0.1",
            "HostKey": folder / "host",
            "AuthorizedKeysFile": folder / "user.pub",
            "PidFile": "none",
            "StrictModes": "no",
            "UsePAM": "no",
            "PasswordAuthentication": "no",
            "KbdInteractiveAuthentication": "no",
            "PermitRootLogin": "prohibit-password",
            "PrintMotd": "no",
            "SetEnv": f"HOME={self.home} TMPDIR={self.home}/tmp",
            "Subsystem": "sftp internal-sftp",
        }
        (folder / "config").write_text("".join(f"{name} {value}\n" for name, value in config.items()), encoding="utf-8")
        public = folder.joinpath("host.pub").read_text(encoding="utf-8")
        folder.joinpath("known_hosts").write_text(f"[127.0.0.1]:{self.port} {public}", encoding="utf-8")
        # sshd as root wants an empty folder that only lasts until the system ends. It gets one where nobody else sees it.
        prepare = 'if [ "$(id -u)" = 0 ] && [ ! -d /run/sshd ]; then mount -t tmpfs tmpfs /run && mkdir -m 755 /run/sshd; fi; exec "$@"'
        command = [program, "-D", "-e", "-f", str(folder / "config")]
        if not syslog.missing:
            command = syslog.wrap(["sh", "-c", prepare, "sh", *command])
        with open(folder / "messages", "wb") as messages:
            # pylint: disable-next=consider-using-with
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=messages, stderr=messages)
        deadline = time.monotonic() + 10
        while self.missing is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    self.missing = f"sshd does not start: {(folder / 'messages').read_text(encoding='utf-8')[-300:].strip()}"
                time.sleep(0.05)

    def variables(self) -> str:
        """Return the inventory's variables of a host that is reached through this server."""
        common = f"-F none -o IdentitiesOnly=yes -o UserKnownHostsFile={self.folder}/known_hosts -o StrictHostKeyChecking=yes"
        user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
        return (
            f"ansible_connection=ssh ansible_host=127.0.0.1 ansible_port={self.port} ansible_user={user} "
            f"ansible_ssh_private_key_file={self.folder}/user ansible_ssh_common_args='{common}'"
        )

    def new_home(self) -> None:
        """Empty the home folder that logins find."""
        shutil.rmtree(self.home, ignore_errors=True)
        self.home.joinpath("tmp").mkdir(parents=True)

    def stop(self) -> None:
        """End the server."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=10)


@dataclass
class Outcome:
    """What a row did and wrote."""

    status: int
    surfaces: dict[str, bytes]
    files: dict[str, bytes]
    writes: list[dict[str, Any]]
    keys: dict[str, str]
    probes: set[tuple[str, str]]
    decoy: Secret
    modes: dict[str, int] = field(default_factory=dict)
    secrets: dict[str, list[Secret]] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """What was on the screen, without the line breaks that depend on its width."""
        return " ".join((self.surfaces["stdout"] + b"\n" + self.surfaces["stderr"]).decode("utf-8", "replace").split())


class Bench:
    """Where rows run."""

    def __init__(self, folder: Path, emulator: Emulator) -> None:
        self.folder = folder
        self.emulator = emulator
        for name in ("syslog", "ssh"):
            folder.joinpath(name).mkdir()
        self.syslog = Syslog(folder / "syslog")
        self.ssh = Sshd(folder / "ssh", self.syslog)
        self._seed = emulator.state()
        self._number = 0
        self._inline: dict[str, str] = {}

    def close(self) -> None:
        """End what was started."""
        self.ssh.stop()

    def run(self, row: dict[str, Any]) -> Outcome:
        """Run a row."""
        self._number += 1
        at = self.folder / f"r{self._number}"
        for name in (*FOLDERS, *OTHER_FOLDERS):
            at.joinpath(name).mkdir(parents=True)
        token = f"token-{secrets.token_urlsafe(24)}"
        decoy = secrets.token_urlsafe(24)
        # With characters that JSON, URLs, XML and Python write differently
        supplied = f"{secrets.token_hex(8)}\"\\/+ %<&>'é{secrets.token_hex(8)}"
        self._prepare_emulator(row, token)
        vault = VaultLib([("leaks", VaultSecret(secrets.token_hex(16).encode()))])
        self._write_project(row, at, vault, supplied, token, decoy)
        environ = self._environ(row, at, token, supplied)
        self.ssh.new_home()
        self.syslog.take()
        with self._meanwhile(row, at):
            answers = "".join(f"{line}\n" for line in row.get("answers", [])).encode()
            done = preloaded.run(self._argv(row, at), at / "project", environ, answers, prefix=tuple(self.syslog.wrap([])))
        if self.ssh.home.exists():
            shutil.copytree(self.ssh.home, at / "remote", symlinks=True, dirs_exist_ok=True)
        files = files_below(at)
        surfaces = {
            name: b"\n".join(path.encode("utf-8", "surrogateescape") + b"\n" + unpacked(data) for path, data in files.items() if path.split("/")[0] == name)
            for name in FOLDERS
        }
        surfaces.update(stdout=done.stdout, stderr=done.stderr, syslog=self.syslog.take())
        names = {tunnel["id"]: tunnel["name"] for tunnel in self.emulator.tunnels()}
        names.update({connector["id"]: connector["notes"] for connector in self.emulator.state()["connectors"]})
        licenses = self.emulator.license_log()
        keys = {names[tunnel_id]: key for tunnel_id, key in self.emulator.keys().items() if key is not None}
        keys.update({names[entry["connector_id"]]: entry["license_key"] for entry in licenses if entry["in_force"]})
        outcome = Outcome(
            done.returncode,
            surfaces,
            files,
            [request for request in self.emulator.requests() if request["method"] != "GET"],
            keys,
            set(re.findall(r"probe ([\w-]+) ([0-9a-f]{64})", done.stdout.decode("utf-8", "replace"))),
            Secret(decoy),
        )
        for path in row.get("vault_files", {}):
            variables = yaml.safe_load(vault.decrypt(files[path]))
            for variable, member in VARIABLES.items():
                outcome.probes |= {(f"{path}:{names[object_id]}", entry[member]) for object_id, entry in variables.get(variable, {}).items()}
        every = {entry["psk"] for entry in self.emulator.key_log()} | {entry["license_key"] for entry in licenses} | set(keys.values()) | {supplied}
        if "answer_with" in row:
            every.add(row["answer_with"])
        outcome.secrets = {"key": [Secret(key) for key in every], "token": [Secret(token)]}
        outcome.modes = {name: (at / name).lstat().st_mode & 0o777 for name in files}
        if not os.environ.get("LEAKS_KEEP"):
            shutil.rmtree(at)
        return outcome

    def _prepare_emulator(self, row: dict[str, Any], token: str) -> None:
        self.emulator.reset()
        seed = json.loads(json.dumps(self._seed))
        if row.get("credentials") == "pair":
            seed["key_pairs"][0]["key"] = token
        else:
            next(entry for entry in seed["tokens"] if entry["permission"] == "write")["token"] = token
        self.emulator.set_state(seed)
        for fault in row.get("faults", []):
            self.emulator.fault(**fault)
        if "answer_with" in row:
            tunnel_id = next(tunnel["id"] for tunnel in self.emulator.tunnels() if tunnel["name"] == "paris-1")
            psk_answer = {"ipsec_tunnel_id": tunnel_id, "psk": row["answer_with"], "psk_metadata": {"last_generated_on": "2026-11-23T10:00:00Z"}}
            body = json.dumps({"success": True, "errors": [], "messages": [], "result": psk_answer})
            self.emulator.fault(kind="html", path="psk_generate", status=200, body=body)

    def _expanded(self, value: Any, credentials: str = "process") -> Any:
        """Replace ``probe: {tunnel: expression}`` by a task that tells the SHA-256 of a key, which is not the key. Give our tasks their credentials."""
        if isinstance(value, list):
            return [self._expanded(item, credentials) for item in value]
        if not isinstance(value, dict):
            return self._inline.get(value, value) if isinstance(value, str) else value
        if "probe" in value:
            rest = {name: item for name, item in value.items() if name != "probe"}
            text = " ".join(f"probe {tunnel} {{{{ {expression} | hash('sha256') }}}}" for tunnel, expression in value["probe"].items())
            return {"name": "Tell the hash", "ansible.builtin.debug": {"msg": text}, **rest}
        expanded = {name: self._expanded(item, credentials) for name, item in value.items()}
        for name in expanded:
            if name.startswith("cloudflare.magic."):
                secret = {"vaulted": "{{ my_token }}", "inline": self._inline.get("INLINE_TOKEN")}.get(
                    credentials, "{{ lookup('ansible.builtin.env', 'ROW_TOKEN') }}"
                )
                if credentials == "environment":
                    return {**expanded, "environment": {"CLOUDFLARE_API_TOKEN": secret}}
                if credentials in ("option", "vaulted", "inline"):
                    expanded[name] = {"api_token": secret, **expanded[name]}
                elif credentials == "pair":
                    expanded[name] = {"api_key": secret, "api_email": self.emulator.email, **expanded[name]}
        return expanded

    def _write_project(self, row: dict[str, Any], at: Path, vault: VaultLib, supplied: str, token: str, decoy: str) -> None:
        project = at / "project"
        secret = vault.secrets[0][1]
        encrypt = functools.partial(vault.encrypt, secret=secret, vault_id="leaks")
        # Encrypting costs a tenth of what a row does: only what the row uses.
        used = str(row) + {"vaulted": "my_token", "inline": "INLINE_TOKEN"}.get(row.get("credentials", ""), "")
        self._inline = {name: Inline(encrypt(text).decode()) for name, text in (("INLINE_KEY", supplied), ("INLINE_TOKEN", token)) if name in used}
        self._inline["PLAIN_KEY"] = supplied
        defaults = {"account_id": self.emulator.account_id, "api_url": self.emulator.url}
        kind = row.get("credentials", "process")
        from_environment = "{{ lookup('ansible.builtin.env', 'ROW_TOKEN') }}"
        if kind == "module_defaults":
            defaults["api_token"] = from_environment
        play = {
            "name": "A row",
            "hosts": "all",
            "gather_facts": False,
            "vars_files": ["vars.yml"],
            "module_defaults": {"group/cloudflare.magic.all": defaults},
            **row.get("play", {}),
        }
        if kind == "play environment":
            play["environment"] = {"CLOUDFLARE_API_TOKEN": from_environment}
        for name in ("tasks", "handlers"):
            if name in row:
                play[name] = self._expanded(row[name], kind)
        # Where the search does not find this, it could not find a key.
        play["pre_tasks"] = [{"name": "Show a decoy", "ansible.builtin.debug": {"msg": decoy}}]
        if "ANSIBLE_CACHE_PLUGIN" in row.get("env", {}):
            play["pre_tasks"].append({"name": "Keep a decoy", "ansible.builtin.set_fact": {"decoy": decoy, "cacheable": True}})
        project.joinpath("play.yml").write_text(yaml.safe_dump([play], sort_keys=False), encoding="utf-8")
        at.joinpath("private", "password").write_bytes(secret.bytes)
        variables = f"delivered: {at}/delivered\n"
        for name, value in (("my_key", supplied), ("my_token", token)):
            if name not in used:
                continue
            encrypted = encrypt(value).decode()
            variables += f"{name}: !vault |\n" + "".join(f"  {line}\n" for line in encrypted.splitlines())
        project.joinpath("vars.yml").write_text(variables, encoding="utf-8")
        for name, content in row.get("files", {}).items():
            path = project / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content if isinstance(content, str) else yaml.safe_dump(self._expanded(content, kind), sort_keys=False), encoding="utf-8")
        if "tree_of" in row:
            project.joinpath(row["tree_of"]).mkdir(parents=True)
        lines = []
        for host, connection in row.get("hosts", {"here": "local"}).items():
            variables = self.ssh.variables() if connection == "ssh" else f"ansible_connection={connection}"
            lines.append(f"{host} {variables} ansible_python_interpreter={sys.executable}\n")
        project.joinpath("hosts").write_text("".join(lines), encoding="utf-8")
        if "ansible.cfg" not in row.get("files", {}):
            project.joinpath("ansible.cfg").write_text("[defaults]\n", encoding="utf-8")

    def _environ(self, row: dict[str, Any], at: Path, token: str, supplied: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name.startswith("ANSIBLE_TEST_") or name in KEPT}
        bin_folder = Path(sys.executable).parent
        if (bin_folder / "ansible-playbook").exists():
            kept["PATH"] = f"{bin_folder}{os.pathsep}{kept['PATH']}"
        environ = {
            **kept,
            "HOME": str(at / "home"),
            "TMPDIR": str(at / "tmp"),
            "LC_ALL": "C.UTF-8",
            "NO_PROXY": "127.0.0.1",
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_LOG_PATH": str(at / "log" / "ansible.log"),
            "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "callback_plugins"),
            "ANSIBLE_CONNECTION_PLUGINS": str(HERE / "connection_plugins"),
            "ANSIBLE_CALLBACKS_ENABLED": "dump,ansible.builtin.junit,ansible.builtin.tree",
            "ANSIBLE_CALLBACK_TREE_DIR": str(at / "tree"),
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(self.folder / "ssh"),
            "ANSIBLE_SSH_ARGS": "-C -o ControlMaster=auto -o ControlPersist=5s",
            "JUNIT_OUTPUT_DIR": str(at / "junit"),
            "LEAKS_DUMP": str(at),
            **{name: str(value).replace("ROW", str(at)) for name, value in row.get("env", {}).items()},
        }
        if "ara" in row.get("callbacks", []):
            environ["ANSIBLE_CALLBACK_PLUGINS"] += os.pathsep + ara_callbacks()
            environ.update(ARA_BASE_DIR=str(at / "ara"), ARA_SETTINGS=str(at / "ara" / "settings.yaml"), ARA_API_CLIENT="offline")
        environ["ANSIBLE_CALLBACKS_ENABLED"] = ",".join([environ["ANSIBLE_CALLBACKS_ENABLED"], *(name for name in row.get("callbacks", []) if name != "ara")])
        if "ROW_URL" in str(row):
            environ["ROW_URL"] = self.emulator.url
        if "ROW_PSK" in str(row):
            environ["ROW_PSK"] = supplied
        kind = row.get("credentials", "process")
        if kind not in ("vaulted", "inline", "variable"):
            environ["CLOUDFLARE_API_TOKEN" if kind == "process" else "ROW_TOKEN"] = token
        return environ

    def _argv(self, row: dict[str, Any], at: Path) -> list[str]:
        vault = ["--vault-id", f"leaks@{at}/private/password"]
        if "ad_hoc" in row:
            defaults = {"account_id": self.emulator.account_id, "api_url": self.emulator.url, **row["ad_hoc"]}
            return [
                "ansible.cli.adhoc",
                "-i",
                "hosts",
                "all",
                "-m",
                "cloudflare.magic.ipsec_psk",
                "-a",
                json.dumps(defaults),
                *vault,
                *row.get("args", []),
            ]
        if "runner" in row:
            shutil.copytree(at / "project", at / "artifacts" / "project")
            at.joinpath("artifacts", "env").mkdir()
            at.joinpath("artifacts", "env", "settings").write_text(json.dumps(row["runner"]), encoding="utf-8")
            command = ["ansible_runner", "run", str(at / "artifacts"), "-p", "play.yml", "--inventory", str(at / "project" / "hosts")]
            return [*command, "--cmdline", shlex.join([*vault, *row.get("args", [])])]
        return ["ansible.cli.playbook", "-i", "hosts", "play.yml", *vault, *row.get("args", [])]

    @contextmanager
    def _meanwhile(self, row: dict[str, Any], at: Path) -> Iterator[None]:
        """While a row runs: make its folder unusable as soon as Cloudflare has made the key, before the answer arrives."""
        if "unusable" not in row:
            yield
            return
        stop = threading.Event()

        def watch() -> None:
            while not stop.wait(0.02):
                if any("psk_generate" in request["path"] for request in self.emulator.requests()):
                    shutil.rmtree(at / "project" / row["unusable"])
                    return

        thread = threading.Thread(target=watch)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
