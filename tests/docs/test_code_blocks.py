# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every fenced code block of README.md, CONTRIBUTING.md and docs, and the EXAMPLES of every module, run against the emulator.

How a block is treated, by its language:

yaml      A playbook, or a list of tasks, is run by ansible-playbook. It must succeed, and no key may be in its output.
console   What follows ``$`` is run by bash. Exports last to the end of the document, a change of folder to the end of the block.
          Other lines are the output to expect. What cannot be run here is in NOT_RUN, with the reason and with a check that takes its place.
text      The output of the block before. A line ``...`` stands for any lines, ``...`` inside a line for any characters.
jinja     Has to be a file (see below). The play that uses it is what tests it.
json      Must be JSON.

Any other language fails. A comment before the block changes what is done with it:

<!-- test: file NAME -->    Write the block to this file in the document's folder. Another block has to mention the file.
<!-- test: fails TEXT -->   The play has to fail, and this text has to be in its output.
<!-- test: fault JSON -->   Give this fault to the emulator first.
<!-- test: environment -->  Variables for the environment, below ``env``; the collection has to know them.
<!-- test: tree -->         The first word of each line is a file or folder of the collection, and has to exist.
<!-- test: elsewhere PATH --> It needs more than an emulator, such as a release. This test runs it, and names the document.

Each document has its own folder, home and emulator, which begins with its default data. Documents write 127.0.0.1:8787 for its address.
``swanctl`` is a stand-in that knows the commands which documents use. There is a password for the vault identity ``prod``.
Below /etc, blocks write into the document's folder instead, and the owner root is left out.
"""

from __future__ import annotations

import ast
import json
import os
import re
import shlex
import subprocess
import sys
from contextlib import ExitStack
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
    # The checkout need not be in a folder of collections.
    sys.path.insert(0, str(ROOT / "tests"))
    from emulator.client import Emulator, running
    from integration.support import preloaded

GALAXY = yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))
DOCUMENTS = [*(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")), *sorted((ROOT / "docs").rglob("*.md"))]
DOCUMENTS += sorted((ROOT / "roles").rglob("*.md"))
MODULES = sorted((ROOT / "plugins" / "modules").glob("[!_]*.py"))
FILTERS = sorted((ROOT / "plugins" / "filter").glob("[!_]*.py"))
INVENTORIES = sorted((ROOT / "plugins" / "inventory").glob("[!_]*.py"))
ADDRESS = "127.0.0.1:8787"
BIN = Path(sys.executable).parent
TIME_LIMIT = 120

KNOWN_VARIABLES = re.findall(r"E\((\w+)\)", (ROOT / "plugins" / "doc_fragments" / "options.py").read_text(encoding="utf-8"))

# The variables that blocks and EXAMPLES may use without defining them. Those in documents should rather be defined there.
VARIABLES = {
    "cloudflare_account_id": Emulator.account_id,
    "my_vaulted_key": "a-key-of-ones-own-with-enough-characters",
    "my_vaulted_keys": {"paris-2": "another-key-of-ones-own-with-enough-characters"},
    "survey_tunnel": "berlin-1",
}
# The templates that EXAMPLES use.
TEMPLATES = {
    f"ipsec.secrets{kind}.j2": f'secrets {{\n    ike-paris-1 {{\n        secret = "{{{{ {key} }}}}"\n    }}\n}}\n'
    for kind, key in (("", "paris.psk"), (".staged", "psk"))
}
# Ids of tunnels in EXAMPLES that the emulator has to have.
TUNNEL_IDS = {"example-1": "c4a7362d577a6c3019a474fd6f485821"}
INVENTORY = "localhost ansible_connection=local ansible_python_interpreter={python}\nbastion ansible_connection=local ansible_python_interpreter={python}\n"
SWANCTL = """#!/bin/sh
case "$*" in
    --load-creds | "--terminate --ike "* | "--initiate --child "*) exit 0 ;;
esac
echo "unknown: $*" >&2
exit 22
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
    return match.group(1) in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


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
    (r"ansible-galaxy collection install (\S+)", "needs the network; it has to be this collection", _is_collection),
    (r"python3? -m pip install ([a-z -]+)", "needs the network; the packages have to be known ones", _is_known_package),
    (r"apt-get install (\S+)", "needs root and the network; the tests have to install it, too", _is_installed_for_tests),
    (r"export (CLOUDFLARE_\w+)=your-.*", "stands for the reader's own account; the variable has to exist", _is_known_variable),
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
    """Yield the fenced code blocks of a document.

    Raises:
        ValueError: if a fence is not closed.
    """
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


class Workshop:
    """Where the blocks of one document run."""

    def __init__(self, folder: Path, emulator: Emulator) -> None:
        self.emulator = emulator
        self.folder = folder
        self.here = folder
        self.output = ""
        home = folder / "home"
        collections = home / ".ansible" / "collections"
        link = collections / "ansible_collections" / GALAXY["namespace"] / GALAXY["name"]
        link.parent.mkdir(parents=True)
        link.symlink_to(ROOT)
        (folder / GALAXY["repository"].rsplit("/", 1)[1]).symlink_to(ROOT)
        (folder / "etc" / "ipsec.d").mkdir(parents=True)
        (folder / "etc" / "swanctl" / "conf.d").mkdir(parents=True)
        (home / "bin").mkdir()
        (home / "bin" / "swanctl").write_text(SWANCTL, encoding="utf-8")
        (home / "bin" / "swanctl").chmod(0o755)
        (home / ".vault-password").write_text("only for tests\n", encoding="utf-8")
        (folder / "inventory.ini").write_text(INVENTORY.format(python=sys.executable), encoding="utf-8")
        self.environ = {
            "HOME": str(home),
            "PATH": f"{home / 'bin'}{os.pathsep}{BIN}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "LC_ALL": "C.UTF-8",
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
            "ANSIBLE_HOME": str(home / ".ansible"),
            "ANSIBLE_COLLECTIONS_PATH": str(collections),
            "ANSIBLE_INVENTORY": str(folder / "inventory.ini"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_VAULT_IDENTITY_LIST": f"prod@{home}/.vault-password",
            # What documents have the reader set to the token that the emulator prints.
            "EMULATOR_TOKEN": emulator.control_headers["X-Emulator-Token"],
            **emulator.environment(),
        }

    def adapt(self, text: str) -> str:
        """Apply what the head of this file says about addresses and /etc."""
        text = text.replace(ADDRESS, self.emulator.url.split("/")[2])
        text = re.sub(r"(?<![\w./])/etc/", f"{self.folder}/etc/", text)
        return re.sub(r"^ +(owner|group): root\n", "", text, flags=re.MULTILINE)

    def bash(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run a command; what it exports and its folder last."""
        state = self.folder / "home" / "state"
        script = f'{command}\nstatus=$?\nenv -0 > {shlex.quote(str(state))}\nexit "$status"'
        done = subprocess.run(
            ["bash", "-c", script], env=self.environ, cwd=self.here, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIME_LIMIT, check=False
        )
        self.environ = dict(entry.split("=", 1) for entry in state.read_text(encoding="utf-8").split("\0") if entry)
        self.here = Path(self.environ["PWD"])
        for name, value in self.emulator.environment().items():
            assert self.environ.get(name) == value, f"{command}: from here on, {name} is not the emulator's"
        return done

    def play(self, plays: list[Any], name: str, fails: str | None = None) -> None:
        """Run a playbook. No key may be in what it prints."""
        playbook, dumped = self.folder / f"{name}.yml", yaml.safe_dump(plays, sort_keys=False)
        playbook.write_text(self.adapt(dumped), encoding="utf-8")
        done = preloaded.run(["ansible.cli.playbook", str(playbook), "-e", json.dumps(VARIABLES)], self.folder, self.environ)
        self.output = (done.stdout + done.stderr).decode()
        if fails is None:
            assert done.returncode == 0, self.output
            assert re.search(r"\bok=[1-9]", self.output), f"nothing was run:\n{self.output}"
        else:
            assert done.returncode == 2, f"it should have failed:\n{self.output}"
            # Ansible breaks lines in some of its output
            assert fails in " ".join(self.output.split()), self.output
        shown = [entry["how"] for entry in self.emulator.key_log() if entry["psk"] in self.output]
        shown += [f"license, {entry['how']}" for entry in self.emulator.license_log() if entry["license_key"] in self.output]
        assert not shown, f"keys in the output: {shown}"


@pytest.fixture(scope="session")
def shared() -> Iterator[Emulator]:
    """Return an emulator for one after the other."""
    with running(check_schema=False) as emulator:
        yield emulator


@pytest.fixture(scope="session")
def workshops(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Path], Workshop]]:
    """Return a function that gives each document its workshop."""
    made: dict[Path, Workshop] = {}
    with ExitStack() as stack:

        def workshop(document: Path) -> Workshop:
            if document not in made:
                made[document] = Workshop(tmp_path_factory.mktemp(document.stem), stack.enter_context(running(check_schema=False)))
            return made[document]

        yield workshop


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


def run_yaml(block: Block, workshop: Workshop) -> None:
    """Run a playbook or tasks."""
    content = yaml.safe_load(block.text)
    if "environment" in block.notes:
        assert all(name in KNOWN_VARIABLES for name in content["env"]), "not all of these variables are known"
        return
    assert isinstance(content, list), "neither a playbook nor tasks; if something else uses it, say <!-- test: file NAME -->"
    workshop.play(as_plays(content), f"block-{block.line}", block.notes.get("fails"))


def run_console(block: Block, workshop: Workshop) -> None:
    """Run commands, and compare what they print."""
    steps: list[list[str]] = []
    for line in block.text.replace("\\\n", " ").splitlines():
        if line.startswith("$ "):
            steps.append([re.sub(r" {2,}", " ", line[2:].split("  #")[0].strip()), ""])
        elif line.strip():
            assert steps, "a line before the first command; commands begin with '$ '"
            steps[-1][1] += line + "\n"
    assert steps, "no command; commands begin with '$ '"
    workshop.output, workshop.here = "", workshop.folder
    for command, expected in steps:
        replacement = next(((match, reason, check) for pattern, reason, check in NOT_RUN if (match := re.fullmatch(pattern, command))), None)
        if replacement:
            match, reason, check = replacement
            assert check(match), f"{command}: not run, because it {reason}"
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


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_block(block: Block, workshops: Callable[[Path], Workshop]) -> None:
    """Run a block, as the head of this file says."""
    workshop = workshops(block.document)
    unknown = set(block.notes) - {"file", "fails", "fault", "environment", "tree", "elsewhere"}
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
        assert name.startswith("group_vars/") or any(name in text for text in rest), f"no other block uses {name}"
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


def examples_of(plugin: Path) -> str:
    """Return the EXAMPLES of a plugin."""
    tree = ast.parse(plugin.read_text(encoding="utf-8"))
    texts = [ast.literal_eval(node.value) for node in tree.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "EXAMPLES"]
    assert len(texts) == 1, "no EXAMPLES"
    return str(texts[0])


@pytest.mark.parametrize("module", MODULES + FILTERS, ids=lambda path: path.stem)
def test_examples(module: Path, tmp_path: Path, shared: Emulator) -> None:
    """Run all tasks in the EXAMPLES of a module or a filter."""
    plays = as_plays(yaml.safe_load(examples_of(module)))
    shared.reset()
    seed = shared.state()
    for number, (name, tunnel_id) in enumerate(TUNNEL_IDS.items()):
        seed["ipsec_tunnels"].append({**seed["ipsec_tunnels"][0], "id": tunnel_id, "name": name, "interface_address": f"10.214.0.{number * 2}/31"})
    shared.set_state(seed)
    workshop = Workshop(tmp_path, shared)
    for name, content in TEMPLATES.items():
        tmp_path.joinpath(name).write_text(content, encoding="utf-8")
    (tmp_path / "group_vars" / "all").mkdir(parents=True)
    workshop.play(plays, "examples")
    recap = workshop.output[workshop.output.index("PLAY RECAP") :]
    assert re.search(r"skipped=0", recap), f"a task was skipped:\n{workshop.output}"
    counts["modules' examples"] = counts.get("modules' examples", 0) + 1


@pytest.mark.parametrize("plugin", INVENTORIES, ids=lambda path: path.stem)
def test_inventory_examples(plugin: Path, tmp_path: Path) -> None:
    """Read the inventory of each document in the EXAMPLES of an inventory plugin."""
    documents = list(yaml.safe_load_all(examples_of(plugin)))
    with running(check_schema=False) as emulator:
        workshop = Workshop(tmp_path, emulator)
        for number, content in enumerate(documents):
            name = f"{number}.magic.yml"
            tmp_path.joinpath(name).write_text(yaml.safe_dump(content), encoding="utf-8")
            done = workshop.bash(f"ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED=true MAGIC_READ_TOKEN={emulator.read_token} ansible-inventory -i {name} --list")
            assert done.returncode == 0, done.stderr
            expected = {"EMU-0001", "EMU-0002"} if "connector" in content.get("kinds", ()) else {"paris-1", "oslo-1"}
            assert expected <= set(json.loads(done.stdout)["_meta"]["hostvars"]), done.stdout
    counts["inventory examples"] = counts.get("inventory examples", 0) + len(documents)


def _anchors(document: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", [document for document in (*DOCUMENTS, ROOT / "CODE_OF_CONDUCT.md") if document.exists()], ids=lambda path: path.name)
def test_links(document: Path) -> None:
    """Links to files of the collection lead somewhere; README.md has absolute ones only, because Galaxy shows it too."""
    text = document.read_text(encoding="utf-8")
    prefix = re.escape(GALAXY["repository"])
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        absolute = re.match(rf"{prefix}/(?:blob|tree)/main/([^#]*)(?:#(.*))?$", link)
        if absolute:
            target, anchor = ROOT / absolute.group(1), absolute.group(2)
        elif re.match(r"https://", link):
            continue
        else:
            assert document.name != "README.md", f"{link} is not absolute"
            relative, dummy, anchor = link.partition("#")
            target = document.parent / relative if relative else document
        assert target.exists(), f"{link} leads nowhere"
        assert not anchor or anchor in _anchors(target), f"{link}: {target.name} has no such heading"


def test_count(capsys: pytest.CaptureFixture[str]) -> None:
    """Tell how much was run. Comes last."""
    with capsys.disabled():
        blocks = sum(number for what, number in counts.items() if what.endswith(" blocks"))
        print(f"\n{blocks} of {len(BLOCKS)} code blocks tested: " + ", ".join(f"{number} {what}" for what, number in sorted(counts.items())))
