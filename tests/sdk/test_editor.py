# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an editor offers to someone who writes a task: asked of Ansible's own language server, which Visual Studio Code and others use.

It reads the documentation fragments itself, and skips files whose name begins with an underscore.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import typing as t
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "@ansible/ansible-language-server"
MODULES = sorted(path.stem for path in (ROOT / "plugins" / "modules").glob("*.py"))


@pytest.fixture(scope="module")
def program(node_with):
    """The command that starts the language server."""
    node, folder = node_with(PACKAGE)
    return [node, str(folder / "node_modules" / PACKAGE / "out" / "server" / "src" / "server.js"), "--stdio"]


class Server:
    """A language server, spoken to by JSON-RPC over its standard input and output."""

    def __init__(self, command: list[str], folder: Path, settings: dict[str, t.Any]) -> None:
        environment = {**os.environ, "HOME": str(folder), "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}
        environment["ANSIBLE_COLLECTIONS_PATH"] = str(ROOT.parents[2])
        pipe, nothing = subprocess.PIPE, subprocess.DEVNULL
        # pylint: disable-next=consider-using-with
        self._process = subprocess.Popen(command, cwd=folder, env=environment, stdin=pipe, stdout=pipe, stderr=nothing)
        self.folder = folder
        self._settings = settings
        self._answers: dict[int, t.Any] = {}
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._number = 0

    def _send(self, message: dict[str, t.Any]) -> None:
        data = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self._process.stdin
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(data) + data)
        self._process.stdin.flush()

    def _read(self) -> None:
        stream = self._process.stdout
        assert stream
        while header := stream.readline():
            length = int(header.split(b":")[1])
            while stream.readline().strip():
                pass
            message = json.loads(stream.read(length))
            if "method" in message and "id" in message:
                # It asks for its settings, one section for each item.
                items = message.get("params", {}).get("items") if message["method"] == "workspace/configuration" else None
                self._send({"id": message["id"], "result": [self._settings for dummy in items] if items else None})
            elif "id" in message:
                with self._changed:
                    self._answers[message["id"]] = message
                    self._changed.notify_all()

    def notify(self, method: str, params: dict[str, t.Any]) -> None:
        self._send({"method": method, "params": params})

    def ask(self, method: str, params: dict[str, t.Any]) -> t.Any:
        self._number += 1
        number = self._number
        self._send({"id": number, "method": method, "params": params})
        with self._changed:
            assert self._changed.wait_for(lambda: number in self._answers, timeout=120), f"no answer to {method}"
        answer = self._answers.pop(number)
        assert "error" not in answer, answer
        return answer["result"]

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()
        for stream in (self._process.stdin, self._process.stdout):
            assert stream
            stream.close()


@pytest.fixture(scope="module")
def server(program, tmp_path_factory):
    folder = tmp_path_factory.mktemp("editor")
    settings = {
        "ansible": {"path": "ansible", "useFullyQualifiedCollectionNames": True},
        "completion": {"provideRedirectModules": True, "provideModuleOptionAliases": True},
        "executionEnvironment": {"enabled": False},
        "python": {"interpreterPath": sys.executable, "activationScript": ""},
        "validation": {"enabled": False, "lint": {"enabled": False, "path": "ansible-lint", "arguments": ""}},
    }
    made = Server(program, folder, settings)
    uri = folder.as_uri()
    capabilities = {
        "workspace": {"configuration": True, "workspaceFolders": True},
        "textDocument": {"completion": {"completionItem": {"snippetSupport": True}}},
    }
    made.ask(
        "initialize",
        {"processId": os.getpid(), "rootUri": uri, "capabilities": capabilities, "workspaceFolders": [{"uri": uri, "name": "editor"}]},
    )
    made.notify("initialized", {})
    yield made
    made.close()


@pytest.fixture(scope="module")
def documented() -> dict[str, set[str]]:
    """The options of each module as ansible-doc has them, with its fragments."""
    command = [sys.executable, "-m", "ansible.cli.doc", "--json", *(f"cloudflare.magic.{module}" for module in MODULES)]
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(ROOT.parents[2])}
    done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
    found = {name.rsplit(".", maxsplit=1)[-1]: content["doc"]["options"] for name, content in json.loads(done.stdout).items()}
    return {module: {name for option, about in options.items() for name in (option, *about.get("aliases", []))} for module, options in found.items()}


@pytest.mark.parametrize("module", MODULES)
def test_the_options_are_offered(server, documented, module):
    """All options of the documentation, and none that is internal."""
    text = yaml.safe_dump([{"hosts": "localhost", "tasks": [{"name": "Try", f"cloudflare.magic.{module}": None}]}], sort_keys=False)
    text = text.replace("null", "").rstrip() + "\n        \n"
    uri = (server.folder / f"{module}.yml").as_uri()
    Path(server.folder / f"{module}.yml").write_text(text, encoding="utf-8")
    server.notify("textDocument/didOpen", {"textDocument": {"uri": uri, "languageId": "ansible", "version": 1, "text": text}})
    line = text.count("\n") - 1
    answer = server.ask("textDocument/completion", {"textDocument": {"uri": uri}, "position": {"line": line, "character": 8}})
    offered = {item["label"] for item in (answer["items"] if isinstance(answer, dict) else answer)}
    wanted = documented[module]
    # Two modules send no request, and have only their own options.
    assert len(wanted) > (0 if module in ("network_report", "report_files") else 9), "the shared options are among them"
    assert offered == wanted
    assert not [option for option in offered if option.startswith("_")]
