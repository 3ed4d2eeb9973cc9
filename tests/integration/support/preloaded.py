# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs programs of Ansible as ``python -m`` does, by forks of a process that has the imports behind it, which take a third of a launch.

The part of Ansible that reads its configuration when it is imported is left to each run. What Python reads of the environment when it starts decides which of
several such processes forks. The rest is each run's own: arguments, environment, folder, standard streams, exit status.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import runpy
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

# What Ansible imports, and of Ansible itself what modules are made of, which knows no configuration.
IMPORTS = (
    *(
        "argparse",
        "cmd",
        "concurrent.futures",
        "configparser",
        "ctypes.util",
        "fcntl",
        "getpass",
        "http.cookiejar",
        "importlib.metadata",
        "importlib.resources",
    ),
    *("ipaddress", "logging", "mimetypes", "multiprocessing.managers", "multiprocessing.pool", "pty", "syslog", "tarfile", "urllib.request", "uuid"),
    *("xml.dom.minidom", "zipfile", "jinja2.nativetypes", "jinja2.sandbox", "packaging.specifiers", "requests", "yaml", "cryptography.hazmat.backends"),
    *("ansible.module_utils.basic", "ansible.module_utils.urls"),
    *("cryptography.hazmat.primitives.ciphers.modes", "cryptography.hazmat.primitives.kdf.pbkdf2", "cryptography.hazmat.primitives.padding"),
)
# Variables that Python, libc or OpenSSL read once.
AT_START = ("PYTHON", "LC_", "LANG", "TZ", "LD_", "OPENSSL_", "MALLOC_")
TIME_LIMIT = 600


class Done(NamedTuple):
    """How a run ended: its exit status, which is negative for a signal, and what it wrote."""

    returncode: int
    stdout: bytes
    stderr: bytes


class _Server:
    """The process that forks, and the way to it."""

    def __init__(self, prefix: tuple[str, ...], env: dict[str, str]) -> None:
        self._socket, theirs = socket.socketpair()
        self._socket.settimeout(TIME_LIMIT)
        with theirs:
            command = [*prefix, sys.executable, __file__, str(theirs.fileno())]
            self._process = subprocess.Popen(  # pylint: disable=consider-using-with
                command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, pass_fds=[theirs.fileno()]
            )
        self._stream = self._socket.makefile("rw", encoding="utf-8")

    def run(self, argv: list[str], cwd: str, env: dict[str, str], files: list[int]) -> int:
        socket.send_fds(self._socket, [b"."], files)
        self._stream.write(json.dumps([argv, cwd, env]) + "\n")
        self._stream.flush()
        return int(self._stream.readline())

    def end(self) -> None:
        """Let it end, which it does when nobody can ask it any more."""
        self._stream.close()
        self._socket.close()
        self._process.wait()


_servers: dict[object, _Server] = {}


def run(argv: list[str], cwd: Path, env: dict[str, str], stdin: bytes = b"", merged: bool = False, prefix: tuple[str, ...] = ()) -> Done:
    """Run a module of Python with arguments, as ``subprocess.run([*prefix, sys.executable, "-m", *argv], ...)`` would.

    Args:
        merged: whether standard error goes where standard output goes.
        prefix: a command in front of Python's, which may serve several runs.
    """
    key = (prefix, tuple(sorted((name, value) for name, value in env.items() if name.startswith(AT_START))))
    if key not in _servers:
        _servers[key] = _Server(prefix, env)
        atexit.register(_servers[key].end)
    # A pipe, as from a program that types: a file would have a position, which processes share.
    given, typing = os.pipe()
    os.write(typing, stdin)
    os.close(typing)
    with open(given, "rb") as source, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        status = _servers[key].run(argv, str(cwd), env, [source.fileno(), out.fileno(), (out if merged else err).fileno()])
        for written in (out, err):
            written.seek(0)
        return Done(status, out.read(), err.read())


def _preload() -> None:
    for name in IMPORTS:
        # What is not there, or is broken on purpose, is so for the run as well.
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    if "ansible.constants" in sys.modules:
        sys.exit("The configuration of Ansible was read before there was a run. What of IMPORTS needs it has to go.")
    tempfile.tempdir = None
    gc.freeze()


def _wait(ours: socket.socket) -> list[str]:
    """Fork for each request, and return in the process that has one to do, which is all that this process is then."""
    stream = ours.makefile("rw", encoding="utf-8")
    while files := socket.recv_fds(ours, 1, 3)[1]:
        argv, cwd, env = json.loads(stream.readline())
        child = os.fork()
        if child:
            for file in files:
                os.close(file)
            stream.write(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n")
            stream.flush()
            continue
        stream.close()
        ours.close()
        for number, file in enumerate(files):
            os.dup2(file, number)
            os.close(file)
        os.chdir(cwd)
        # Python itself sets this one where nobody else has.
        coerced = {name: value for name, value in os.environ.items() if name == "LC_CTYPE"}
        os.environ.clear()
        os.environ.update({**coerced, **env})
        return argv
    sys.exit()


if __name__ == "__main__":
    _preload()
    sys.argv = ["-m", *_wait(socket.socket(fileno=int(sys.argv[1])))]
    sys.path[0] = os.getcwd()
    runpy._run_module_as_main(sys.argv.pop(1))  # type: ignore[attr-defined]  # pylint: disable=protected-access  # what -m calls
