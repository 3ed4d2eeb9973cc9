# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An interpreter for modules of Ansible that has their imports behind it, which take most of the time of one.

With pipelining, Ansible starts the interpreter of a host for each task, without arguments, and writes the module to its standard input. The interpreter here is
a program that starts at once and hands its standard streams, folder and environment to a process that has imported what modules are made of, and forks.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import select
import socket
import subprocess
import sys
import types
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

# With what a module is about to import. Names that an ansible-core does not have are left out.
IMPORTS = ("ansible.module_utils.basic", *(f"ansible.modules.{name}" for name in ("command", "copy", "file", "lineinfile", "stat")))
CLIENT = """import _socket, os, sys
end = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
end.connect(sys.argv[1])
data = b"\\0".join([os.getcwdb(), *(name + b"=" + value for name, value in os.environb.items())])
streams = b"".join(number.to_bytes(4, sys.byteorder) for number in (0, 1, 2))
end.sendmsg([len(data).to_bytes(4, "big")], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, streams)])
end.sendall(data)
os._exit((end.recv(1) or b"\\1")[0])
"""


@contextmanager
def quick_python(folder: Path) -> Iterator[str]:
    """Write the program into a folder, which has to be one with a short path, and start the process.

    Yields:
        The path of the program.
    """
    program, client, place = folder / "python", folder / "client.py", folder / "python.socket"
    client.write_text(CLIENT, encoding="utf-8")
    program.write_text(f'#!/bin/sh\n[ $# -eq 0 ] || exec "{sys.executable}" "$@"\nexec "{sys.executable}" -IS "{client}" "{place}"\n', encoding="utf-8")
    program.chmod(0o755)
    with subprocess.Popen([sys.executable, __file__, str(place)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout and process.stdout.readline() == b"ready\n", "no process that forks"
        yield str(program)
        # It ends with its standard input.


def _received(end: socket.socket) -> tuple[list[int], list[bytes]]:
    """Return the streams of a client, and its folder and environment."""
    head, streams, *dummy = socket.recv_fds(end, 4, 3)
    size, data = int.from_bytes(head, "big"), b""
    while len(data) < size:
        data += end.recv(size - len(data))
    return streams, data.split(b"\0")


def _serve(place: str) -> types.ModuleType:
    """Fork for each client, and return in the process that has a module to run, which is the main program then."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(place)
        listener.listen(64)
        print("ready", flush=True)
        waiting: set[int] = set()
        while sys.stdin not in select.select([listener, sys.stdin], [], [])[0]:
            end = listener.accept()[0]
            if helper := os.fork():
                end.close()
                # Those that have ended; the processor time of all is to be that of this process in the end.
                waiting = {one for one in (*waiting, helper) if not os.waitpid(one, os.WNOHANG)[0]}
                continue
            streams, (folder, *environment) = _received(end)
            if child := os.fork():
                end.sendall(bytes([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) & 255]))
                os._exit(0)
            end.close()
            for number, stream in enumerate(streams):
                os.dup2(stream, number)
                os.close(stream)
            os.chdir(folder)
            os.environb.clear()
            os.environb.update(dict(item.split(b"=", 1) for item in environment))
            sys.argv = [""]
            return types.ModuleType("__main__")
        for one in waiting:
            os.waitpid(one, 0)
    sys.exit()


if __name__ == "__main__":
    for wanted in IMPORTS:
        with contextlib.suppress(ImportError):
            importlib.import_module(wanted)
    gc.freeze()
    sys.modules["__main__"] = main = _serve(sys.argv[1])
    exec(compile(sys.stdin.buffer.read(), "<stdin>", "exec"), main.__dict__)  # pylint: disable=exec-used  # what an interpreter does
