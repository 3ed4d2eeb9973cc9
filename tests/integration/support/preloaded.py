# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs programs of Ansible as ``python -m`` does, by forks of a process that has the imports behind it, which take most of a launch.

There are two kinds of such processes. One has imported what knows no configuration; what Python reads of the environment when it starts decides which of
several forks. Ansible reads its configuration when it is imported. So where several runs have the same one, except for the folders that they work in, there is
a process for it, which has imported Ansible as well. The rest is each run's own: arguments, environment, folder, standard streams, exit status.
"""

from __future__ import annotations

import atexit
import collections
import contextlib
import gc
import importlib
import importlib.machinery
import json
import logging
import os
import runpy
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

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
# What a process with a configuration has imported besides: Ansible without its programs, and plugins that most runs load.
ANSIBLE = (
    *("ansible.cli", "ansible.executor.playbook_executor", "ansible.executor.process.worker", "ansible.playbook.role_include", "ansible.parsing.plugin_docs"),
    *(f"ansible.plugins.action.{name}" for name in ("assert", "copy", "debug", "fail", "include_vars", "normal", "set_fact", "template")),
    *(f"ansible.plugins.callback.{name}" for name in ("default", "junit", "minimal", "oneline", "tree")),
    *(f"ansible.plugins.connection.{name}" for name in ("local", "paramiko_ssh", "psrp", "ssh", "winrm")),
    *(f"ansible.plugins.doc_fragments.{name}" for name in ("connection_pipelining", "default_callback", "result_format_callback", "shell_common")),
    *(f"ansible.plugins.doc_fragments.{name}" for name in ("constructed", "inventory_cache", "shell_windows", "vars_plugin_staging")),
    *(f"ansible.plugins.filter.{name}" for name in ("core", "encryption", "mathstuff", "urls", "urlsplit")),
    *(f"ansible.plugins.inventory.{name}" for name in ("auto", "constructed", "host_list", "ini", "script", "toml", "yaml")),
    *(
        f"ansible.plugins.{name}"
        for name in ("become.runas", "become.su", "become.sudo", "cache.memory", "lookup.env", "shell.cmd", "shell.powershell", "shell.sh")
    ),
    *(f"ansible.plugins.{name}" for name in ("strategy.linear", "test.core", "test.files", "test.mathstuff", "test.uri", "vars.host_group_vars")),
)
# Variables that Python, libc or OpenSSL read once.
AT_START = ("PYTHON", "LC_", "LANG", "TZ", "LD_", "OPENSSL_", "MALLOC_")
# Variables that may differ between runs of the same configuration: nothing but ``constants`` and the log, see _configure, knows them before a program starts.
FOLDERS = ("HOME", "TMPDIR", "ANSIBLE_HOME", "ANSIBLE_CONFIG", "ANSIBLE_LOG_PATH")
OTHERS = (
    *("ANSIBLE_CACHE_PLUGIN_CONNECTION", "ANSIBLE_CALLBACK_TREE_DIR", "ANSIBLE_INVENTORY", "ANSIBLE_LOCAL_TEMP", "ANSIBLE_REMOTE_TEMP", "ANSIBLE_VAULT_"),
    *("CLOUDFLARE_", "JUNIT_", "LEAKS_", "PYTEST_", "ROW_", "OLDPWD", "PWD", "SHLVL", "_"),
)
# So many runs of a configuration are what a process of its own costs.
WORTH_IT = 2
# So many processes are kept.
MOST = 10
TIME_LIMIT = 600


class Done(NamedTuple):
    """How a run ended: its exit status, which is negative for a signal, and what it wrote."""

    returncode: int
    stdout: bytes
    stderr: bytes


class _Server:
    """The process that forks, and the way to it."""

    def __init__(self, prefix: tuple[str, ...], env: dict[str, str], imports: tuple[str, ...] = IMPORTS) -> None:
        self._socket, theirs = socket.socketpair()
        self._socket.settimeout(TIME_LIMIT)
        # A home of its own: it knows nothing of that of a run.
        self._home = tempfile.mkdtemp(prefix="preloaded-")
        own = {name: os.path.join(self._home, f"{name}.cfg") for name in FOLDERS if name in env or name == "ANSIBLE_CONFIG"}
        Path(own["ANSIBLE_CONFIG"]).touch()
        with theirs:
            command = [*prefix, sys.executable, __file__, str(theirs.fileno()), *imports]
            env = {**{name: value for name, value in env.items() if not name.startswith(OTHERS)}, **own}
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
        shutil.rmtree(self._home, ignore_errors=True)


_servers: dict[object, _Server] = {}
_runs: collections.Counter[object] = collections.Counter()


def _no_settings(cwd: Path, env: dict[str, str]) -> bool:
    """Return whether Ansible finds no configuration file, or one without settings: what is in it, the environment does not tell."""
    own = [cwd / env["ANSIBLE_CONFIG"]] if "ANSIBLE_CONFIG" in env else []
    places = [*own, cwd / "ansible.cfg", Path(env.get("HOME", "~"), ".ansible.cfg").expanduser(), Path("/etc/ansible/ansible.cfg")]
    return "=" not in next((place.read_text(encoding="utf-8") for place in places if place.is_file()), "")


def _server(prefix: tuple[str, ...], cwd: Path, env: dict[str, str]) -> _Server:
    """Return the process that is to fork for a run."""
    key: object = (prefix, tuple(sorted((name, value) for name, value in env.items() if name.startswith(AT_START))))
    imports = IMPORTS
    if _no_settings(cwd, env):
        same = {name: "" if name in (*FOLDERS, "PATH") else value for name, value in env.items() if not name.startswith(OTHERS)}
        configured = (prefix, tuple(sorted(same.items())))
        _runs[configured] += 1
        if _runs[configured] > WORTH_IT:
            key, imports = configured, (*IMPORTS, *ANSIBLE)
    if key in _servers:
        _servers[key] = _servers.pop(key)
    else:
        if len(_servers) == MOST:
            # The one that was not asked for the longest time.
            _servers.pop(next(iter(_servers))).end()
        _servers[key] = _Server(prefix, env, imports)
        atexit.register(_servers[key].end)
    return _servers[key]


def run(argv: list[str], cwd: Path, env: dict[str, str], stdin: bytes = b"", merged: bool = False, prefix: tuple[str, ...] = ()) -> Done:
    """Run a module of Python with arguments, as ``subprocess.run([*prefix, sys.executable, "-m", *argv], ...)`` would.

    Args:
        merged: whether standard error goes where standard output goes.
        prefix: a command in front of Python's, which may serve several runs.
    """
    server = _server(prefix, cwd, env)
    # A pipe, as from a program that types: a file would have a position, which processes share.
    given, typing = os.pipe()
    os.write(typing, stdin)
    os.close(typing)
    with open(given, "rb") as source, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        status = server.run(argv, str(cwd), env, [source.fileno(), out.fileno(), (out if merged else err).fileno()])
        for written in (out, err):
            written.seek(0)
        return Done(status, out.read(), err.read())


def _preload(imports: list[str]) -> None:
    for name in imports:
        # What is not there, or is broken on purpose, is so for the run as well.
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    if "ansible.constants" not in sys.modules:
        pass
    elif "ansible.cli" in imports:
        _read_routing()
        _read_options()
        _read_code()
    else:
        sys.exit("The configuration of Ansible was read before there was a run. What of IMPORTS needs it has to go.")
    tempfile.tempdir = None
    gc.freeze()


def _read_routing() -> None:
    """Read where Ansible's own plugins have gone: a large file, which each run reads. What reads it is there to be replaced, as it says itself."""
    finder = importlib.import_module("ansible.utils.collection_loader._collection_finder")
    parse = finder._meta_yml_to_dict  # pylint: disable=protected-access
    content = Path(importlib.import_module("ansible.config").__file__ or "").with_name("ansible_builtin_runtime.yml").read_bytes()
    read = {content: parse(content, ("ansible.builtin", "runtime.yml"))}
    finder._meta_yml_to_dict = lambda data, name: read.pop(data, None) or parse(data, name)  # pylint: disable=protected-access


def _read_code() -> None:
    """Have the collection's code compiled: Ansible's loader keeps no compiled files, so that each run compiles all that it imports."""
    finder = importlib.import_module("ansible.utils.collection_loader._collection_finder")
    plugins = Path(__file__).parents[3] / "plugins"
    known = {}
    for path in [*plugins.glob("*_utils/*.py"), *(path for kind in ("action", "filter", "inventory") for path in plugins.glob(f"{kind}/*.py"))]:
        known[path.parts[-3:], path.read_bytes()] = importlib.machinery.SourceFileLoader(path.stem, str(path)).get_code(path.stem)

    # A run may have the collection by a link.
    def compiled(source: bytes, filename: str, **how: Any) -> Any:
        return known.get((tuple(filename.split(os.sep)[-3:]), source)) or compile(source, filename, **how)

    finder.compile = compiled  # what it calls by this name


def _read_options() -> None:
    """Read the documentation of the plugins, which defines their options."""
    # Collections are each run's own: importing something of one fails.
    sys.modules["ansible_collections"] = None  # type: ignore[assignment]
    loaders = vars(importlib.import_module("ansible.plugins.loader"))
    for loader in [value for value in loaders.values() if type(value) is loaders["PluginLoader"]]:  # pylint: disable=unidiomatic-typecheck  # no subclass
        for name in ANSIBLE:
            package, dummy, plugin = name.rpartition(".")
            module = sys.modules.get(name)
            if package == loader.package and module:
                loader._load_config_defs(plugin, module, module.__file__)  # pylint: disable=protected-access
    del sys.modules["ansible_collections"]


def _configure() -> None:
    """Have Ansible, where it is imported, know the folders of the run: the constants again, and another file for the log."""
    constants = sys.modules.get("ansible.constants")
    if constants is None:
        return
    known = constants.config
    importlib.reload(constants)
    for kind in constants.CONFIGURABLE_PLUGINS:
        for name, options in known.get_configuration_definitions(kind).items():
            constants.config.initialize_plugin_configuration_definitions(kind, name, options)
    for handler in logging.root.handlers:
        if isinstance(handler, logging.FileHandler):
            handler.close()
            handler.baseFilename = os.path.abspath(constants.DEFAULT_LOG_PATH)


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
        _configure()
        return argv
    sys.exit()


if __name__ == "__main__":
    _preload(sys.argv[2:])
    sys.argv = ["-m", *_wait(socket.socket(fileno=int(sys.argv[1])))]
    sys.path[0] = os.getcwd()
    runpy._run_module_as_main(sys.argv.pop(1))  # type: ignore[attr-defined]  # pylint: disable=protected-access  # what -m calls
