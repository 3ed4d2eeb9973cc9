# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every page of the documentation, run as a reader runs it: each fenced code block of README.md, CONTRIBUTING.md, docs and the roles, against the emulator.

A page is run from top to bottom, in an empty folder, with an empty home where the collection is installed, and with nothing in the environment: addresses,
credentials and passwords are those that the page itself sets. How a block is treated depends on its language:

yaml      A playbook, or a list of tasks, is run by ansible-playbook. It must succeed, and no key may be in its output.
console   What follows ``$`` is run by bash. Exports last to the end of the page, a change of folder to the end of the block.
          Other lines are the output to expect. What cannot be run here is in NOT_RUN, with the reason and with a check that takes its place.
text      The output of the block before. A line ``...`` stands for any lines, ``...`` inside a line for any characters.
jinja     Has to be a file (see below). The play that uses it is what tests it.
json      Must be JSON.

Any other language fails. A comment before the block changes what is done with it:

<!-- test: file NAME -->    Write the block to this file in the page's folder. Another block has to mention the file.
<!-- test: fails TEXT -->   The play has to fail, and this text has to be in its output.
<!-- test: fault JSON -->   Give this fault to the emulator first.
<!-- test: tree -->         The first word of each line is a file or folder of the collection, and has to exist.
<!-- test: elsewhere PATH --> It needs more than an emulator, such as a release. This test runs it, and names the page.

Pages write 127.0.0.1:8787 for the address of the emulator, which starts each page with its default data. It also stands for the reader's own account, from
the first ``export CLOUDFLARE_API_TOKEN=your-token`` on. ``swanctl`` is a stand-in that knows the commands which pages use. Below /etc, blocks write into
the page's folder instead, and the owner root is left out. Programs of Ansible are forks of a process that has done their imports, and lists of tasks that
follow each other are plays of one run, each with a host of its own, so that no block sees what another one has registered.
"""

from __future__ import annotations

import ast
import json
import os
import re
import shlex
import socketserver
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Iterator

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
if TYPE_CHECKING:
    from ansible_collections.cloudflare.magic.tests.emulator.client import Emulator, running
    from ansible_collections.cloudflare.magic.tests.integration.support import preloaded
else:
    # The checkout does not have to be in a folder of collections.
    sys.path.insert(0, str(ROOT / "tests"))
    from emulator.client import Emulator, running
    from integration.support import preloaded

GALAXY = yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))
DOCUMENTS = [*(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")), *sorted((ROOT / "docs").rglob("*.md"))]
DOCUMENTS += [*sorted((ROOT / "roles").rglob("*.md")), *sorted((ROOT / "docs" / "docsite" / "rst").glob("*.rst"))]
MODULES = sorted((ROOT / "plugins" / "modules").glob("[!_]*.py"))
FILTERS = sorted((ROOT / "plugins" / "filter").glob("[!_]*.py"))
INVENTORIES = sorted((ROOT / "plugins" / "inventory").glob("[!_]*.py"))
ADDRESS = "127.0.0.1:8787"
BIN = Path(sys.executable).parent
TIME_LIMIT = 120

KNOWN_VARIABLES = re.findall(r"E\((\w+)\)", (ROOT / "plugins" / "doc_fragments" / "options.py").read_text(encoding="utf-8"))

# --- what the EXAMPLES of plugins may use without defining it
VARIABLES = {
    "cloudflare_account_id": Emulator.account_id,
    "my_vaulted_key": "a-key-of-ones-own-with-enough-characters",
    "my_vaulted_keys": {"paris-2": "another-key-of-ones-own-with-enough-characters"},
    "survey_tunnel": "berlin-1",
}
TEMPLATES = {
    f"ipsec.secrets{kind}.j2": f'secrets {{\n    ike-paris-1 {{\n        secret = "{{{{ {key} }}}}"\n    }}\n}}\n'
    for kind, key in (("", "paris.psk"), (".staged", "psk"))
}
# Ids of tunnels that the emulator has to have.
TUNNEL_IDS = {"example-1": "c4a7362d577a6c3019a474fd6f485821"}
VAULT_PASSWORD = "only for tests\n"

SWANCTL = """#!/bin/sh
case "$*" in
    --load-creds | "--terminate --ike "* | "--initiate --child "*) exit 0 ;;
esac
echo "unknown: $*" >&2
exit 22
"""
# Programs of Ansible, and the modules behind them.
PROGRAMS = {f"ansible-{name}": f"ansible.cli.{name}" for name in ("playbook", "inventory", "vault", "doc", "galaxy")}
PROGRAM = """#!{python} -IS
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as ours:
    ours.connect({address!r})
    with ours.makefile("rw", encoding="utf-8") as stream:
        stdin = sys.stdin.buffer.read().decode("latin-1")
        stream.write(json.dumps([["{module}", *sys.argv[1:]], os.getcwd(), dict(os.environ), stdin]) + "\\n")
        stream.flush()
        status, out, err = json.loads(stream.readline())
sys.stdout.buffer.write(out.encode("latin-1"))
sys.stderr.buffer.write(err.encode("latin-1"))
sys.exit(status)
"""

counts: dict[str, int] = {}


# --- what cannot be run here: a pattern, the reason, and a check that takes the place of running it


def _is_target(match: re.Match[str]) -> bool:
    lines = (ROOT / "Makefile").read_text(encoding="utf-8").splitlines()
    return any(match.group(1) in line.split(":")[0].split() for line in lines if re.match(r"[a-z][^=]*:", line))


def _is_repository(match: re.Match[str]) -> bool:
    return bool(match.group(1) == GALAXY["repository"])


def _is_collection(match: re.Match[str]) -> bool:
    return match.group(1) == f"{GALAXY['namespace']}.{GALAXY['name']}"


def _is_known_package(match: re.Match[str]) -> bool:
    return set(match.group(1).split()) <= {"ansible-core", "ansible-rulebook", "flask", "requests", "openapi-schema-validator"}


def _is_installed_for_tests(match: re.Match[str]) -> bool:
    known = "".join((ROOT / name).read_text(encoding="utf-8") for name in (".ci/run", "CONTRIBUTING.md", "Makefile"))
    return all(re.search(rf"\b{re.escape(package)}\b", known) for package in match.group(1).split())


def _is_in_the_first_hour(match: re.Match[str]) -> bool:
    return f"$ {match.string}\n" in (ROOT / "docs" / "start.md").read_text(encoding="utf-8")


def _is_known_variable(match: re.Match[str]) -> bool:
    return match.group(1) in KNOWN_VARIABLES


def _has_help(match: re.Match[str]) -> bool:
    help_text = subprocess.run([sys.executable, str(ROOT / match.group(1)), "--help"], capture_output=True, text=True, check=True).stdout
    return all(option in help_text for option in re.findall(r"--[a-z-]+", match.group(0)))


def _is_session(match: re.Match[str]) -> bool:
    return f"\ndef {match.group(1).replace('-', '_')}(session: " in (ROOT / "noxfile.py").read_text(encoding="utf-8")


def _is_file(match: re.Match[str]) -> bool:
    return (ROOT / match.group(1)).is_file()


def _is_file_of_the_page(match: re.Match[str]) -> bool:
    return any(block.notes.get("file") == match.group(1) for block in BLOCKS)


def _hands_known_variables(match: re.Match[str]) -> bool:
    names = re.findall(r"--penv (\w+)", match.group(1))
    return bool(names) and set(names) <= set(KNOWN_VARIABLES)


NOT_RUN: list[tuple[str, str, Callable[[re.Match[str]], bool]]] = [
    (r"(?:\w+=\S+ )*make ([a-z-]+)(?: [A-Z]+=(?:\S+|\"[^\"]*\"))*", "makes environments and takes minutes; the target has to exist", _is_target),
    (r"git clone (\S+)", "needs the network; the address has to be the one in galaxy.yml", _is_repository),
    (r"ansible-galaxy collection install ([^-/*]+)", "needs the network; it has to be this collection", _is_collection),
    (r"ansible-galaxy collection install .+", "needs a repository or an archive; tests/release/test_first_hour.py runs it", _is_in_the_first_hour),
    (r"python3 -m venv \S+|source \S+/bin/activate", "leads to another Python; tests/release/test_first_hour.py runs it", _is_in_the_first_hour),
    (r"python3? -m pip install ([a-z -]+)", "needs the network; the packages have to be known ones", _is_known_package),
    (r"(?:sudo )?apt-get install (?:--yes )?([\w -]+)", "needs root and the network; the tests have to install it, too", _is_installed_for_tests),
    (r"python3? (benchmarks/\w+\.py).*", "takes minutes; the script and its options have to exist", _has_help),
    (r"unset (CLOUDFLARE_BASE_URL)", "leads to the reader's own account; the variable has to exist", _is_known_variable),
    (r"ansible-builder build --file (\S+) --tag \S+", "needs podman or Docker; the file has to exist, and tests/release makes a context of it", _is_file),
    (r"ansible-navigator run \S+((?: --\S+(?: [\w-]+)?)*)", "needs podman or Docker; the variables have to be known ones", _hands_known_variables),
    (r"uv pip compile .* (\S+\.in) -o \S+\.txt", "needs the network; the file has to exist", _is_file),
    (r"terraform show -json > (\S+)", "needs Terraform; the page has to have such a file", _is_file_of_the_page),
    (r"nox -e ([\w.-]+)", "makes an environment; the session has to exist", _is_session),
]
# A running emulator would never end: it is started with these arguments, on a free port, and stopped.
START_EMULATOR = re.compile(r"(python3? \S+/tests/emulator\b(?: \S+)*)")
# What only the reader knows. The emulator stands for the account; its token is what it has printed.
READERS_OWN = re.compile(r"export (CLOUDFLARE_\w+|EMULATOR_TOKEN)=your-.*")


# --- the blocks of a document


@dataclass
class Block:
    """One fenced code block."""

    document: Path
    line: int
    language: str
    text: str
    notes: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.document.relative_to(ROOT)}:{self.line}"


def blocks_of(document: Path) -> Iterator[Block]:
    """Yield the fenced code blocks of a document in Markdown, or the code blocks of one in RST.

    Raises:
        ValueError: if a fence is not closed.
    """
    if document.suffix == ".rst":
        text = document.read_text(encoding="utf-8")
        for found in re.finditer(r"^\.\. code-block:: (\w+)\n\n((?:    .*\n|\n(?=    ))+)", text, re.MULTILINE):
            yield Block(document, text.count("\n", 0, found.start()) + 1, found.group(1), re.sub(r"^    ", "", found.group(2), flags=re.MULTILINE))
        return
    opened: Block | None = None
    fence, indent = "", 0
    notes: dict[str, str] = {}
    collected: list[str] = []
    for number, line in enumerate(document.read_text(encoding="utf-8").splitlines(), 1):
        match = re.match(r"^( *)(`{3,}|~{3,})\s*(\S*)", line)
        if opened is None and match:
            fence, indent = match.group(2), len(match.group(1))
            opened, collected = Block(document, number, match.group(3), "", notes), []
        elif opened is not None and line.strip() == fence:
            opened.text = "".join(text[indent:] + "\n" for text in collected)
            yield opened
            opened, notes = None, {}
        elif opened is not None:
            collected.append(line)
        elif note := re.match(r"^ *<!-- test: (\w+) ?(.*?) *-->$", line):
            notes = {**notes, note.group(1): note.group(2)}
        elif line.strip():
            notes = {}
    if opened is not None:
        raise ValueError(f"{opened}: the code block is not closed")


BLOCKS = [block for document in DOCUMENTS if document.exists() for block in blocks_of(document)]


class Programs:
    """Runs programs of Ansible for the files of the same names in ``folder``, by forks of a process that has done their imports."""

    def __init__(self, folder: Path) -> None:
        class Handler(socketserver.StreamRequestHandler):
            """Runs one program."""

            def handle(self) -> None:
                argv, cwd, env, stdin = json.loads(self.rfile.readline())
                done = preloaded.run(argv, Path(cwd), env, stdin.encode("latin-1"))
                self.wfile.write(json.dumps([done.returncode, done.stdout.decode("latin-1"), done.stderr.decode("latin-1")]).encode() + b"\n")

        address = str(folder / "socket")
        self.folder = folder
        self._server = socketserver.UnixStreamServer(address, Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()
        for name, module in PROGRAMS.items():
            (folder / name).write_text(PROGRAM.format(python=sys.executable, address=address, module=module), encoding="utf-8")
            (folder / name).chmod(0o755)

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class Workshop:
    """Where the blocks of one page run: a folder with nothing in it, and a home with nothing in it but the installed collection."""

    def __init__(self, folder: Path, emulator: Emulator, programs: Path | None = None) -> None:
        self.emulator = emulator
        self.folder = folder / "folder"
        self.here = self.folder
        self.output = ""
        self.home = folder / "home"
        link = self.home / ".ansible" / "collections" / "ansible_collections" / GALAXY["namespace"] / GALAXY["name"]
        (folder / "bin").mkdir(parents=True)
        (folder / "bin" / "swanctl").write_text(SWANCTL, encoding="utf-8")
        (folder / "bin" / "swanctl").chmod(0o755)
        for path in (self.folder, link.parent, folder / "etc" / "ipsec.d", folder / "etc" / "swanctl" / "conf.d"):
            path.mkdir(parents=True)
        link.symlink_to(ROOT)
        self.environ = {
            "HOME": str(self.home),
            "PATH": os.pathsep.join([*map(str, filter(None, (folder / "bin", programs, BIN))), os.environ.get("PATH", os.defpath)]),
            "LC_ALL": "C.UTF-8",
            # Whatever would leave this machine fails.
            **{name: "http://127.0.0.1:9" for name in ("HTTPS_PROXY", "https_proxy")},
            **{name: "127.0.0.1" for name in ("NO_PROXY", "no_proxy")},
        }

    def adapt(self, text: str) -> str:
        """Apply what the head of this file says about addresses and /etc."""
        text = text.replace(ADDRESS, self.emulator.url.split("/")[2])
        text = re.sub(r"(?<![\w./])/etc/", f"{self.folder.parent}/etc/", text)
        return re.sub(r"^ +(owner|group): root\n", "", text, flags=re.MULTILINE)

    def bash(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run a command; what it exports and its folder last."""
        state = self.folder.parent / "state"
        script = f'{command}\nstatus=$?\nenv -0 > {shlex.quote(str(state))}\nexit "$status"'
        done = subprocess.run(
            ["bash", "-c", script], env=self.environ, cwd=self.here, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIME_LIMIT, check=False
        )
        self.environ = dict(entry.split("=", 1) for entry in state.read_text(encoding="utf-8").split("\0") if entry)
        self.here = Path(self.environ["PWD"])
        return done

    def read_own(self, name: str) -> None:
        """Set what a page has the reader set to something that it cannot know."""
        self.environ["EMULATOR_TOKEN"] = self.emulator.control_headers["X-Emulator-Token"]
        if name != "EMULATOR_TOKEN":
            assert name in KNOWN_VARIABLES, f"{name} is not a variable of the collection"
            self.environ["CLOUDFLARE_BASE_URL"] = self.emulator.url
            self.environ[name] = self.emulator.environment().get(name, self.emulator.account_id)

    def play(self, plays: list[Any], name: str, *options: str, fails: str | None = None) -> None:
        """Run a playbook. No key may be in what it prints."""
        playbook, dumped = self.folder / f"{name}.yml", yaml.safe_dump(plays, sort_keys=False)
        playbook.write_text(self.adapt(dumped), encoding="utf-8")
        done = preloaded.run(["ansible.cli.playbook", str(playbook), *options], self.folder, self.environ)
        self.output = (done.stdout + done.stderr).decode()
        if fails is None:
            assert done.returncode == 0, self.output
            assert re.search(r"\bok=[1-9]", self.output), f"nothing was run:\n{self.output}"
        else:
            assert done.returncode == 2, f"it should have failed:\n{self.output}"
            # Ansible breaks lines in some of its output
            assert fails in " ".join(self.output.split()), self.output

    def check_output(self) -> None:
        """Check that no key was printed."""
        shown = [how for secret, how in secrets_of(self.emulator).items() if secret in self.output]
        assert not shown, f"keys in the output: {shown}"


def secrets_of(emulator: Emulator) -> dict[str, str]:
    """Return the keys and licence keys that have appeared since the start, and how."""
    return {
        **{entry["psk"]: entry["how"] for entry in emulator.key_log()},
        **{entry["license_key"]: f"license, {entry['how']}" for entry in emulator.license_log()},
    }


@pytest.fixture(scope="session")
def shared() -> Iterator[Emulator]:
    """Return an emulator for one after the other."""
    with running(check_schema=False) as emulator:
        yield emulator


@pytest.fixture(scope="session")
def programs() -> Iterator[Path]:
    """Return a folder with the programs of Ansible."""
    # The address of a socket must be short.
    with tempfile.TemporaryDirectory(prefix="docs-") as folder:
        made = Programs(Path(folder))
        yield made.folder
        made.close()


def expect(output: str, expected: str) -> None:
    """Compare output with what a document shows, where ``...`` stands for anything."""
    lines = [line.rstrip() for line in expected.strip().splitlines()]
    pattern = "\n".join(r".*" if line.strip() == "..." else re.escape(line).replace(r"\.\.\.", r"[^\n]*") for line in lines)
    cleaned = "\n".join(line.rstrip() for line in output.splitlines())
    assert re.search(pattern.replace("\n.*\n", r"\n(?:.*\n)??"), cleaned, re.DOTALL), f"expected:\n{expected}\ngot:\n{output}"


def as_plays(content: list[Any]) -> list[Any]:
    """Put tasks that stand alone into a play; plays stay."""
    plays: list[Any] = []
    for item in content:
        if "hosts" in item or "import_playbook" in item or "ansible.builtin.import_playbook" in item:
            plays.append(item)
        elif plays and plays[-1].get("name") == "Tasks of the block":
            plays[-1]["tasks"].append(item)
        else:
            plays.append({"name": "Tasks of the block", "hosts": "localhost", "gather_facts": False, "tasks": [item]})
    return plays


def is_list_of_tasks(block: Block) -> bool:
    """Return whether a block is tasks that a reader puts into a play, and that are run without ado."""
    if block.language != "yaml" or block.notes:
        return False
    content = yaml.safe_load(block.text)
    return isinstance(content, list) and not any("hosts" in item or any("import_playbook" in key for key in item) for item in content)


def run_tasks(blocks: list[Block], workshop: Workshop) -> None:
    """Run blocks with tasks, one play for each."""
    hosts = [f"line-{block.line}" for block in blocks]
    plays = [{**as_plays(yaml.safe_load(block.text))[0], "name": str(block), "hosts": host} for block, host in zip(blocks, hosts)]
    own = {"connection": "local", "vars": {"ansible_python_interpreter": "{{ ansible_playbook_python }}"}}
    workshop.play([{**play, **own} for play in plays], f"block-{blocks[0].line}", "-i", ",".join([*hosts, ""]))
    ended = re.findall(r"^(line-\d+) .*\bok=[1-9]", workshop.output, re.MULTILINE)
    assert sorted(ended) == sorted(hosts), f"not all blocks were run:\n{workshop.output}"
    workshop.check_output()


def run_yaml(block: Block, workshop: Workshop) -> None:
    """Run a playbook or tasks."""
    content = yaml.safe_load(block.text)
    assert isinstance(content, list), "neither a playbook nor tasks; if something else uses it, say <!-- test: file NAME -->"
    workshop.play(as_plays(content), f"block-{block.line}", fails=block.notes.get("fails"))
    workshop.check_output()


def steps_of(block: Block) -> list[list[str]]:
    """Return the commands of a block, each with the output to expect."""
    steps: list[list[str]] = []
    for line in block.text.replace("\\\n", " ").splitlines():
        if line.startswith("$ "):
            steps.append([re.sub(r" {2,}", " ", line[2:].split("  #")[0].strip()), ""])
        elif line.strip():
            assert steps, "a line before the first command; commands begin with '$ '"
            steps[-1][1] += line + "\n"
    assert steps, "no command; commands begin with '$ '"
    long = [line for line in block.text.splitlines() if line.startswith("$ ") and len(line) > 120]
    assert not long, f"break these commands with a backslash, for narrow screens and for paper: {long}"
    return steps


def run_console(block: Block, workshop: Workshop) -> None:
    """Run commands, and compare what they print."""
    steps = steps_of(block)
    workshop.output, workshop.here = "", workshop.folder
    for command, expected in steps:
        if match := READERS_OWN.fullmatch(command):
            workshop.read_own(match.group(1))
            continue
        replacement = next(((match, reason, check) for pattern, reason, check in NOT_RUN if (match := re.fullmatch(pattern, command))), None)
        if replacement:
            match, reason, check = replacement
            assert check(match), f"{command}: not run, because it {reason}"
            if command.startswith("git clone "):
                (workshop.here / GALAXY["repository"].rsplit("/", 1)[1]).symlink_to(ROOT)
            counts["commands checked instead of run"] = counts.get("commands checked instead of run", 0) + 1
            continue
        if match := START_EMULATOR.fullmatch(command):
            started = re.sub(r"--port \d+", "", match.group(1)) + " --stop-with-stdin"
            done = workshop.bash(workshop.adapt(started))
            assert "Cloudflare Magic emulator: http" in done.stdout, done.stderr
            counts["emulators started"] = counts.get("emulators started", 0) + 1
            continue
        done = workshop.bash(workshop.adapt(command))
        workshop.output += done.stdout + done.stderr
        assert (done.returncode != 0) == ("fails" in block.notes), f"{command}: status {done.returncode}\n{done.stdout}{done.stderr}"
        assert block.notes.get("fails", "") in " ".join((done.stdout + done.stderr).split())
        expect(done.stdout + done.stderr, expected)
        counts["commands run"] = counts.get("commands run", 0) + 1
    workshop.check_output()


def run_text(block: Block, workshop: Workshop) -> None:
    """Compare with the output before, or look for the files."""
    if "tree" not in block.notes:
        assert workshop.output, "there is no output before this block; what else it is has to be said with <!-- test: ... -->"
        expect(workshop.output, block.text)
        return
    folders: list[tuple[int, Path]] = []
    for line in block.text.splitlines():
        indent, name = len(line) - len(line.lstrip()), line.split()[0]
        folders = [(depth, path) for depth, path in folders if depth < indent]
        path = (folders[-1][1] if folders else ROOT) / name
        assert path.exists(), f"{path.relative_to(ROOT)} does not exist"
        folders.append((indent, path))


def run_json(block: Block, _workshop: Workshop) -> None:
    """Parse it."""
    json.loads(block.text)


RUNNERS = {"yaml": run_yaml, "console": run_console, "text": run_text, "json": run_json}


def run_block(block: Block, workshop: Workshop) -> None:
    """Run a block, as the head of this file says."""
    unknown = set(block.notes) - {"file", "fails", "fault", "tree", "elsewhere"}
    assert not unknown, f"unknown: test: {unknown}"
    if "elsewhere" in block.notes:
        assert block.document.name in (ROOT / block.notes["elsewhere"]).read_text(encoding="utf-8"), "that test does not know of it"
        counts["blocks that other tests run"] = counts.get("blocks that other tests run", 0) + 1
        return
    if "fault" in block.notes:
        workshop.emulator.fault(**json.loads(block.notes["fault"]))
    if "file" in block.notes:
        name = block.notes["file"]
        rest = [other.text for other in BLOCKS if other.document == block.document and other is not block]
        # Ansible finds the variables of groups by itself.
        assert "group_vars/" in name or any(name in text for text in rest), f"no other block uses {name}"
        workshop.folder.joinpath(name).parent.mkdir(parents=True, exist_ok=True)
        workshop.folder.joinpath(name).write_text(workshop.adapt(block.text), encoding="utf-8")
    else:
        assert block.language in RUNNERS, (
            f"a code block of the language '{block.language}' cannot be tested; known are {', '.join(RUNNERS)}, and jinja as a file"
        )
        RUNNERS[block.language](block, workshop)
        if block.language == "yaml":
            assert not workshop.emulator.unmet(), "the fault was not used"
    counts[f"{block.language} blocks"] = counts.get(f"{block.language} blocks", 0) + 1


@contextmanager
def about(block: Block) -> Iterator[None]:
    """Let an error name the block."""
    try:
        yield
    except Exception as error:
        error.add_note(f"in the code block at {block}")
        raise


def run_page(blocks: list[Block], workshop: Workshop) -> None:
    """Run the blocks of a page, from top to bottom."""
    workshop.emulator.reset()
    while blocks:
        following = next((number for number, block in enumerate(blocks) if not is_list_of_tasks(block)), len(blocks))
        with about(blocks[0]):
            if following:
                run_tasks(blocks[:following], workshop)
                counts["yaml blocks"] = counts.get("yaml blocks", 0) + following
            else:
                run_block(blocks[0], workshop)
        blocks = blocks[max(1, following) :]


PAGES = sorted({block.document for block in BLOCKS})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_page(page: Path, shared: Emulator, programs: Path, tmp_path: Path) -> None:
    """Run a page."""
    run_page([block for block in BLOCKS if block.document == page], Workshop(tmp_path, shared, programs))


# The pages that say that their plays run in check mode.
IN_CHECK_MODE = ("sites.md",)


@pytest.mark.parametrize("name", IN_CHECK_MODE)
def test_plays_in_check_mode(name: str, shared: Emulator, programs: Path, tmp_path: Path) -> None:
    """Run the plays of a page as written, each in an account in which none of them has run: it gets to its end, and nothing is written."""
    shared.reset()
    workshop = Workshop(tmp_path, shared, programs)
    plays = 0
    for block in (block for block in BLOCKS if block.document == ROOT / "docs" / name and not block.notes):
        with about(block):
            if block.language == "console" and "ansible-" not in block.text:
                run_console(block, workshop)
            elif block.language == "yaml":
                shared.clear_requests()
                workshop.play(as_plays(yaml.safe_load(block.text)), f"check-{block.line}", "--check", "--diff")
                workshop.check_output()
                assert {request["method"] for request in shared.requests()} == {"GET"}
                plays += 1
    assert plays == 3 and not (workshop.folder / "connector_licenses.yml").exists()


def examples_of(plugin: Path) -> str:
    """Return the EXAMPLES of a plugin."""
    tree = ast.parse(plugin.read_text(encoding="utf-8"))
    texts = [ast.literal_eval(node.value) for node in tree.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "EXAMPLES"]
    assert len(texts) == 1, "no EXAMPLES"
    return str(texts[0])


def host_of(plugin: Path) -> str:
    """Return the host for the EXAMPLES of a plugin: a module and a filter may have the same name."""
    return f"{plugin.stem}-{plugin.parent.name}"


@dataclass
class Examples:
    """What came of EXAMPLES.

    Attributes:
        output: what was printed.
        keys: all keys that appeared.
    """

    output: str
    keys: set[str]

    def check(self, plugin: Path) -> None:
        """Check that all tasks of a plugin's EXAMPLES were run."""
        name = re.escape(host_of(plugin))
        recap = re.search(rf"^{name} .*", self.output.partition("PLAY RECAP")[2], re.MULTILINE)
        part = re.search(rf"^PLAY \[Before {name}\](?:.|\n)*?(?=^PLAY (?:\[Before|RECAP)|\Z)", self.output, re.MULTILINE)
        shown = part.group(0) if part else self.output
        assert recap and re.search(r"\bok=(?:[2-9]|\d\d).* unreachable=0 +failed=0 +skipped=0 ", recap.group(0)), shown


def run_examples(plugins: list[Path], workshop: Workshop) -> Examples:
    """Run all EXAMPLES of modules and filters in one go: each plugin has its own folder, its own host, and the emulator as it starts."""
    emulator, top = workshop.emulator, workshop.folder
    emulator.reset()
    seed = emulator.state()
    for number, (name, tunnel_id) in enumerate(TUNNEL_IDS.items()):
        seed["ipsec_tunnels"].append({**seed["ipsec_tunnels"][0], "id": tunnel_id, "name": name, "interface_address": f"10.214.0.{number * 2}/31"})
    (top / "seed.json").write_text(json.dumps(seed), encoding="utf-8")
    (top / "password").write_text(VAULT_PASSWORD, encoding="utf-8")
    start = {"url": emulator.url, "token": emulator.control_headers["X-Emulator-Token"], "seed": str(top / "seed.json"), "keys": str(top / "keys.txt")}
    imports = []
    for plugin in plugins:
        host = host_of(plugin)
        (top / host / "group_vars" / "all").mkdir(parents=True)
        for name, content in TEMPLATES.items():
            (top / host / name).write_text(content, encoding="utf-8")
        own: dict[str, Any] = {"hosts": host, "gather_facts": False}
        plays = [{**play, **own, "name": f"{host}, {number}"} for number, play in enumerate(as_plays(yaml.safe_load(examples_of(plugin))))]
        plays.insert(0, {**own, "name": f"Before {host}", "tasks": [{"name": "Start", "emulator_start": start}]})
        (top / host / "examples.yml").write_text(workshop.adapt(yaml.safe_dump(plays, sort_keys=False)), encoding="utf-8")
        imports.append({"name": host, "ansible.builtin.import_playbook": f"{host}/examples.yml"})
    (top / "all.yml").write_text(yaml.safe_dump(imports), encoding="utf-8")
    environ = {
        **workshop.environ,
        **emulator.environment(),
        "ANSIBLE_ACTION_PLUGINS": str(Path(__file__).parent / "action_plugins"),
        "ANSIBLE_VAULT_IDENTITY_LIST": f"prod@{top}/password",
    }
    variables = {**VARIABLES, "ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    argv = ["ansible.cli.playbook", str(top / "all.yml"), "-i", ",".join(["bastion", *map(host_of, plugins)]), "-e", json.dumps(variables)]
    done = preloaded.run(argv, top, environ)
    keys = {*(top / "keys.txt").read_text(encoding="utf-8").split("\n"), *secrets_of(emulator)} - {""}
    return Examples((done.stdout + done.stderr).decode(), keys)


@pytest.fixture(scope="session")
def examples(shared: Emulator, programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Examples:
    """Run the EXAMPLES of all modules and filters."""
    return run_examples(MODULES + FILTERS, Workshop(tmp_path_factory.mktemp("examples"), shared, programs))


@pytest.mark.parametrize("plugin", MODULES + FILTERS, ids=host_of)
def test_examples(plugin: Path, examples: Examples) -> None:
    """All tasks in the EXAMPLES of a module or a filter have run."""
    examples.check(plugin)
    counts["modules' examples"] = counts.get("modules' examples", 0) + 1


def test_examples_show_no_key(examples: Examples) -> None:
    """No key that appeared while the EXAMPLES ran is in what they printed."""
    assert len(examples.keys) > 10
    assert not [key for key in examples.keys if key in examples.output]


def check_inventories(plugin: Path, workshop: Workshop) -> int:
    """Read the inventory of each document in the EXAMPLES of an inventory plugin, and return how many there are."""
    emulator = workshop.emulator
    documents = list(yaml.safe_load_all(examples_of(plugin)))
    emulator.reset()
    workshop.environ.update(emulator.environment(), ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED="true", MAGIC_READ_TOKEN=emulator.read_token)
    for number, content in enumerate(documents):
        name = f"{number}.magic.yml"
        workshop.folder.joinpath(name).write_text(yaml.safe_dump(content), encoding="utf-8")
        done = workshop.bash(f"ansible-inventory -i {name} --list")
        assert done.returncode == 0, done.stderr
        expected = {"EMU-0001", "EMU-0002"} if "connector" in content.get("kinds", ()) else {"paris-1", "oslo-1"}
        assert expected <= set(json.loads(done.stdout)["_meta"]["hostvars"]), done.stdout
    return len(documents)


@pytest.mark.parametrize("plugin", INVENTORIES, ids=lambda path: path.stem)
def test_inventory_examples(plugin: Path, shared: Emulator, programs: Path, tmp_path: Path) -> None:
    """The EXAMPLES of an inventory plugin are inventories."""
    counts["inventory examples"] = counts.get("inventory examples", 0) + check_inventories(plugin, Workshop(tmp_path, shared, programs))


def test_count(capsys: pytest.CaptureFixture[str]) -> None:
    """Tell how much was run. Comes last."""
    with capsys.disabled():
        blocks = sum(number for what, number in counts.items() if what.endswith(" blocks"))
        print(f"\n{blocks} of {len(BLOCKS)} code blocks tested: " + ", ".join(f"{number} {what}" for what, number in sorted(counts.items())))
