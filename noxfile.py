# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# /// script
# dependencies = ["nox>=2025.02.09", "antsibull-nox>=1.10.0"]
# ///

"""Sessions for nox: what antsibull-nox.toml sets up, and the tests on each ansible-core, in virtual environments instead of containers.

``nox --list`` names them. Sessions and ansible-cores are named here and nowhere else: tests/tools/run_sessions.py runs those with a tag, in the order of
this file, which has the long ones first. ``check`` is for use while you work, ``test`` proves a change, ``test-all`` runs every target on every ansible-core.
"""

from __future__ import annotations

import dataclasses
import functools
import glob
import os
import re
import shlex
import shutil
import subprocess
import sys
import typing as t
from pathlib import Path

import nox
import nox.command
import nox.virtualenv
import tomllib

try:
    import antsibull_nox
except ImportError:
    print("You need to install antsibull-nox in the same Python environment as nox.")
    sys.exit(1)


if t.TYPE_CHECKING:
    from collections.abc import Callable


@dataclasses.dataclass(frozen=True)
class Core:
    """One ansible-core series: the Pythons to run it with, of which the first one found is used, and what to install.

    :ivar oldest: the minor version of the oldest Python 3 of managed hosts that it supports.
    :ivar early: whether it is not released yet, so that a machine that cannot install it skips it and reports that.
    """

    pythons: tuple[str, ...]
    requirement: str
    oldest: int
    early: bool = False


# From the oldest to the newest.
CORES = {
    "2.18": Core(("3.11", "3.12", "3.13"), "ansible-core>=2.18,<2.19", 8),
    "2.19": Core(("3.11", "3.12", "3.13"), "ansible-core>=2.19,<2.20", 8),
    "2.20": Core(("3.12", "3.13", "3.14"), "ansible-core>=2.20,<2.21", 9),
    "2.21": Core(("3.13", "3.12", "3.14"), "ansible-core>=2.21,<2.22", 9),
    # A pre-release in the requirement lets pip and uv install one if there is no final release yet.
    "2.22": Core(("3.13", "3.14", "3.15"), "ansible-core>=2.22.0a0,<2.23", 9, early=True),
}
# The development version, for the nightly run only.
DEVEL = Core(("3.14", "3.13", "3.15"), "ansible-core @ https://github.com/ansible/ansible/archive/devel.tar.gz", 9, early=True)

ROOT = Path(__file__).resolve().parent
NOX_DIR = ROOT / ".nox"
PYTHONS_DIR = NOX_DIR / "pythons"


def base_python(candidate: str, version: str) -> str | None:
    """Return the path of the interpreter behind a candidate, if it has the requested version and can create virtual environments."""
    code = "import sys, ensurepip, venv; print('%d.%d' % sys.version_info[:2], getattr(sys, '_base_executable', sys.executable))"
    try:
        answer = subprocess.run([candidate, "-c", code], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True, timeout=60).stdout.split(None, 1)
    except (OSError, subprocess.SubprocessError):
        return None  # such as a shim of pyenv for a version that is not active
    return answer[1].strip() if len(answer) == 2 and answer[0] == version else None


@functools.cache
def find_python(version: str) -> str | None:
    """Find a Python of the given version on PATH, or else among those of pyenv, whether they are active or not."""
    # What an earlier session found, as long as it exists: each session starts nox again.
    remembered = PYTHONS_DIR / f"python{version}"
    if remembered.exists() and os.path.exists(path := shlex.split(remembered.read_text(encoding="utf-8"))[2]):
        return path
    pyenv = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
    candidates = [os.path.join(directory, f"python{version}") for directory in os.get_exec_path() if directory != str(PYTHONS_DIR)]
    candidates += sorted(glob.glob(os.path.join(glob.escape(pyenv), "versions", f"{version}.*", "bin", f"python{version}")), reverse=True)
    for candidate in candidates:
        if os.path.exists(candidate) and (path := base_python(candidate, version)):
            return path
    return None


def write_program(path: Path, content: str) -> None:
    """Write a program for this user, whole or not at all: another session may be about to start it."""
    if not path.exists() or path.read_text(encoding="utf-8") != content:
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        temporary.write_text(content, encoding="utf-8")
        temporary.chmod(0o700)
        temporary.replace(path)


def provide_pythons() -> None:
    """Put a small wrapper for each Python at the beginning of PATH.

    ansible-test looks for ``pythonX.Y`` on PATH, and runs it without most of the environment: shims that need their own variable fail there.
    """
    PYTHONS_DIR.mkdir(parents=True, exist_ok=True)
    # ansible-test sanity also compiles the modules with each Python that a host may have: see tests/config.yml.
    versions = {f"3.{minor}" for minor in range(8, 16)}
    for version in sorted(versions):
        wrapper = PYTHONS_DIR / f"python{version}"
        path = find_python(version)
        if path is None:
            wrapper.unlink(missing_ok=True)
            continue
        write_program(wrapper, f'#!/bin/sh\nexec {shlex.quote(path)} "$@"\n')
    os.environ["PATH"] = os.pathsep.join([str(PYTHONS_DIR), *(entry for entry in os.get_exec_path() if entry != str(PYTHONS_DIR))])


def link_mode() -> str:
    """Return how uv is to install files: as links into its cache, which is quick, or as copies where that is another file system."""
    cache = Path(os.environ.get("UV_CACHE_DIR") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "uv")
    there = next(path for path in (cache, *cache.parents) if path.exists())
    return "hardlink" if there.stat().st_dev == NOX_DIR.stat().st_dev else "copy"


def collection_files() -> list[Path]:
    """List the files of the collection: what git tracks or would track, or everything without git."""
    try:
        output = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout
        names = {Path(name) for name in output.split("\0") if name}
    except (OSError, subprocess.CalledProcessError):
        skip = {".git", ".nox", ".venv", ".venv-demo", "__pycache__"}
        names = {path.relative_to(ROOT) for path in ROOT.rglob("*") if not path.is_dir() and not skip.intersection(path.relative_to(ROOT).parts)}
    return sorted(name for name in names if (ROOT / name).is_symlink() or (ROOT / name).is_file())


def is_same(one: Path, other: Path) -> bool:
    """Tell whether one file is a copy of the other, as far as its size and times show."""
    try:
        first, second = one.lstat(), other.lstat()
    except FileNotFoundError:
        return False
    return (first.st_mtime_ns, first.st_size, first.st_mode) == (second.st_mtime_ns, second.st_size, second.st_mode)


def refresh_tree(version: str) -> Path:
    """Update the copy of the collection for a session or an ansible-core.

    ansible-test wants a directory ansible_collections/cloudflare/magic. It creates its environments in there, below tests/output; they are kept, so that
    unit tests, integration tests and the next run share them. So are compiled files of Python.
    """
    tree = NOX_DIR / "trees" / version / "ansible_collections" / "cloudflare" / "magic"
    names = collection_files()
    wanted = set(names)
    folders = {folder for name in names for folder in name.parents}
    for path, below, files in os.walk(tree):
        here = Path(path).relative_to(tree)
        for folder in list(below):
            stays = here / folder in (Path(".git"), Path("tests", "output")) or folder == "__pycache__"
            if stays or here / folder not in folders:
                below.remove(folder)
            if not stays and here / folder not in folders:
                (tree / here / folder).unlink() if (tree / here / folder).is_symlink() else shutil.rmtree(tree / here / folder)
        for file in files:
            if here / file not in wanted:
                (tree / here / file).unlink()
    for name in names:
        if not is_same(ROOT / name, tree / name):
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).unlink(missing_ok=True)
            shutil.copy2(ROOT / name, tree / name, follow_symlinks=False)
    if not (tree / ".git").exists():
        # A separate repository: otherwise, ansible-test would find the outer one, which ignores this directory.
        subprocess.run(["git", "init", "--quiet", str(tree)], check=True)
    return tree


def private_home(version: str) -> Path:
    """Create a home directory for this ansible-core's ansible-test, which keeps its environments and its cache in ~/.ansible/test.

    Series can then run at the same time, and the user's own ~/.ansible is not changed. pip finds its cache and its configuration.
    """
    home = NOX_DIR / "homes" / version
    user = Path.home()
    pip_cache = Path(os.environ.get("PIP_CACHE_DIR") or Path(os.environ.get("XDG_CACHE_HOME") or user / ".cache") / "pip")
    pip_config = Path(os.environ.get("XDG_CONFIG_HOME") or user / ".config") / "pip"
    pip_cache.mkdir(parents=True, exist_ok=True)
    for link, target in ((home / ".cache" / "pip", pip_cache), (home / ".config" / "pip", pip_config)):
        link.parent.mkdir(parents=True, exist_ok=True)
        if link.is_symlink() and link.readlink() != target:
            link.unlink()
        if target.exists() and not link.is_symlink():
            link.symlink_to(target)
    # ansible-test does not pass on the environment's settings for pip.
    settings = {key[4:].lower().replace("_", "-"): value for key, value in os.environ.items() if key.startswith("PIP_") and key != "PIP_CONFIG_FILE"}
    (home / ".pip").mkdir(exist_ok=True)
    lines = [f"{key} = {' '.join(value.split())}\n" for key, value in sorted(settings.items()) if value and key != "cache-dir"]
    (home / ".pip" / "pip.conf").write_text("[global]\n" + "".join(lines), encoding="utf-8")
    return home


def provide_get_pip(session: nox.Session, home: Path) -> None:
    """Copy tests/tools/get_pip.py to where ansible-test stores the script that it would otherwise download, and put uv, which it uses, next to it."""
    location = session.run("python", "-c", "import ansible_test._internal as package; print(package.__path__[0])", silent=True)
    source = Path(str(location).strip(), "python_requirements.py").read_text(encoding="utf-8")
    cache = home / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    for pip_version in set(re.findall(r"""pip=['"]([0-9.]+)['"]""", source)):
        write_program(cache / f"get_pip_{pip_version.replace('.', '_')}.py", (ROOT / "tests" / "tools" / "get_pip.py").read_text(encoding="utf-8"))
    if not nox.virtualenv.HAS_UV:
        (cache / "uv").unlink(missing_ok=True)
        return
    # ansible-test passes hardly anything of the environment on.
    needed = re.compile(r"HOME|XDG_\w+_HOME|UV_\w+|SSL_CERT_\w+|(?:https?|all|no)_proxy", re.IGNORECASE)
    settings = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in sorted(os.environ.items()) if needed.fullmatch(name))
    write_program(cache / "uv", f'#!/bin/sh\n{settings}exec {shlex.quote(shutil.which(nox.virtualenv.UV) or nox.virtualenv.UV)} "$@"\n')


def use_released_requirements(session: nox.Session) -> None:
    """Install packages from the package index that ansible-test requires from an archive of their source code.

    2.22.0rc1 has such a requirement: of dill, for the sake of Python 3.15. Not every network can reach the host of that archive.
    """
    location = session.run("python", "-c", "import ansible_test; print(ansible_test.__path__[0])", silent=True)
    for path in Path(str(location).strip(), "_data", "requirements").glob("sanity.*.txt"):
        before = path.read_text(encoding="utf-8")
        after = re.sub(r"^([\w.-]+) @ https?://\S+", r"\1", before, flags=re.MULTILINE)
        if after != before:
            session.warn(f"{path.name}: requirements from URLs are taken from the package index")
            path.unlink()  # may be a link into uv's cache
            path.write_text(after, encoding="utf-8")


def python_of(core: Core) -> str | None:
    """Return the version of the Python to run an ansible-core with, or None if this machine has none."""
    return next((version for version in core.pythons if find_python(version)), None)


def install_core(session: nox.Session, name: str, *more: str) -> None:
    """Install an ansible-core and other requirements, or skip the session with a message if that is not available."""
    core = CORES.get(name, DEVEL)
    if python_of(core) is None:
        session.skip(f"ansible-core {name} needs one of Python {', '.join(core.pythons)}, and none is here")
    try:
        session.install(core.requirement, *more)
    except nox.command.CommandFailed:
        if core.early:
            session.skip(f"ansible-core {name} is not released yet, and no pre-release can be installed")
        raise


def ansible_test(session: nox.Session, name: str, *runs: tuple[str, ...]) -> None:
    """Run ansible-test of the ansible-core that is installed, once for each of these command lines."""
    use_released_requirements(session)
    home = private_home(name)
    provide_get_pip(session, home)
    color = "yes" if session.env.get("FORCE_COLOR") or sys.stdout.isatty() else "no"
    with session.chdir(refresh_tree(session.name)):
        for command, *arguments in runs:
            # Programs that tests start must not see the pip or Ansible settings of the user who runs them.
            session.run("ansible-test", command, "-v", "--color", color, *arguments, env={"HOME": str(home)})


def ends() -> tuple[str, str]:
    """Return the oldest and the newest ansible-core that this machine has a Python for."""
    here = [name for name, core in CORES.items() if python_of(core)] or list(CORES)
    return here[0], here[-1]


def newest_release() -> str:
    """Return the newest released ansible-core that this machine has a Python for, or the newest one of all."""
    return next((name for name, core in reversed(CORES.items()) if not core.early and python_of(core)), ends()[1])


def classes_of(name: str) -> set[str]:
    """Return the classes of integration tests that this ansible-core runs: ``all``, ``ends`` (the oldest and the newest), ``one`` (the newest release).

    tests/integration/TESTING.md has the rule. An end is one of those that this machine has a Python for, so that nothing is left out.
    """
    return {"all", *(["ends"] if name in ends() else []), *(["one"] if name == newest_release() else [])}


def declared_targets() -> dict[str, str]:
    """Return the targets for pytest, and the class that each declares in its ``aliases``, such as ``cores/ends``."""
    found = {}
    for aliases in sorted((ROOT / "tests" / "integration" / "targets").glob("*/aliases")):
        words = aliases.read_text(encoding="utf-8").split()
        declared = [word.removeprefix("cores/") for word in words if word.startswith("cores/")]
        if (aliases.parent / "runme.sh").exists():
            found[aliases.parent.name] = declared[0] if declared else "all"
    return found


def run_target(session: nox.Session, tree: Path, target: str, *args: str, classes: str = "all ends one") -> None:
    """Run an integration target by pytest, which is what its runme.sh does.

    Again after a failure, as ``ansible-test integration --retry-on-error`` does: these tests run real programs against each other on machines of any speed.
    """
    environment = {"ANSIBLE_COLLECTIONS_PATH": str(tree.parents[2]), "PYTHONPATH": str(tree.parents[2]), "CORE_CLASSES": classes}
    command = ("python", "-m", "pytest", "-p", "no:cacheprovider", "-q", "-rs", "--tb=short", ".", *args)
    with session.chdir(tree / "tests" / "integration" / "targets" / target):
        session.log(f"Target {target}")
        try:
            session.run(*command, env=environment)
        except nox.command.CommandFailed:
            session.warn(f"{target} failed, and is tried once more")
            session.run(*command, "-vv", env=environment)


def run_pytest(session: nox.Session, tree: Path, *args: str) -> None:
    """Run tests in a copy of the collection by pytest. For unit tests, ansible-test only adds environments, which already exist here."""
    with session.chdir(tree):
        session.run("python", "-m", "pytest", "-p", "no:cacheprovider", "-q", "-rs", "--tb=short", *args, env={"PYTHONPATH": str(tree.parents[2])})


# Imports of ansible-core: its own modules, and the file with its private interfaces.
_OF_CORE = re.compile(
    r"^\s*(?:from|import) (?:ansible[. ]|ansible_collections\.cloudflare\.magic\.plugins\.(?:plugin_utils(?:\._core| import _core)))", re.MULTILINE
)


def unit_tests(every_core: bool) -> list[str]:
    """Return the files of unit tests that depend on ansible-core, or the others.

    Nothing has to be declared: a test imports what it depends on.
    """
    files = (path.relative_to(ROOT) for path in sorted((ROOT / "tests" / "unit" / "plugins").rglob("test_*.py")))
    return [str(file) for file in files if bool(_OF_CORE.search((ROOT / file).read_text(encoding="utf-8"))) is every_core]


def run_core_tests(session: nox.Session, name: str, units: list[str], targets: set[str], classes: set[str]) -> None:
    """Run unit tests and integration targets on an ansible-core, to the end even if some fail.

    :arg targets: the classes of the targets.
    :arg classes: the classes of the tests in them.
    """
    install_core(session, name, "-r", "tests/unit/requirements.txt", "-r", "tests/integration/requirements.txt")
    tree = refresh_tree(session.name)
    if session.posargs:
        run_pytest(session, tree, *session.posargs)
        return
    steps = {"unit tests": functools.partial(run_pytest, session, tree, *units)}
    for target, declared in declared_targets().items():
        if declared in targets:
            steps[target] = functools.partial(run_target, session, tree, target, classes=" ".join(sorted(classes)))
    failed = []
    for step, run in steps.items():
        try:
            run()
        except nox.command.CommandFailed:
            failed.append(step)
    if failed:
        session.error(f"Failed: {', '.join(failed)}")


def quick_sanity_tests(name: str) -> list[tuple[str, ...]]:
    """Return the options of ``ansible-test sanity`` for the runs that ``make test`` needs; sanity-X has all tests on each ansible-core.

    The newest ansible-core runs all tests, and the oldest one those whose result depends on ansible-core. Plugins and modules are compiled and imported
    with the oldest Python of a managed host on the oldest ansible-core, and with the Python of the controller on the newest one.
    """
    on_one_python = ("--test", "import", "--test", "compile", "--target-python")
    if name != ends()[1]:
        of_core = ("validate-modules", "ansible-doc", "runtime-metadata", "action-plugin-docs")
        oldest = next(f"3.{minor}" for minor in range(CORES[name].oldest, 16) if find_python(f"3.{minor}"))
        return [tuple(word for test in of_core for word in ("--test", test)), (*on_one_python, oldest)]
    # pylint for plugins only. The session codeqa, which the nightly run includes, runs it on all code.
    rest = ("--skip-test", "pylint", "--skip-test", "import", "--skip-test", "compile")
    return [rest, (*on_one_python, str(python_of(CORES[name]))), ("--test", "pylint", "plugins/")]


def add_core_sessions(name: str, core: Core) -> None:
    """Add the sessions of one ansible-core: core-X, every-target-X and sanity-X, and once-X for what one ansible-core is enough for."""
    version = python_of(core)
    python = find_python(version) if version else None

    def by_class(session: nox.Session) -> None:
        run_core_tests(session, name, unit_tests(every_core=True), classes_of(name) - {"one"}, classes_of(name))

    def once(session: nox.Session) -> None:
        run_core_tests(session, name, unit_tests(every_core=False), {"one"}, {"one"})

    def every(session: nox.Session) -> None:
        run_core_tests(session, name, ["tests/unit/plugins"], {"all", "ends", "one"}, {"all", "ends", "one"})

    def sanity(session: nox.Session) -> None:
        install_core(session, name)
        ansible_test(session, name, ("sanity", *session.posargs))

    def quick_sanity(session: nox.Session) -> None:
        install_core(session, name)
        ansible_test(session, name, *(("sanity", *arguments, *session.posargs) for arguments in quick_sanity_tests(name)))

    by_class.__doc__ = f"Run the unit tests and the integration targets that depend on ansible-core {name}."
    once.__doc__ = f"Run the unit tests and the integration targets for which one ansible-core is enough, on {name}."
    every.__doc__ = f"Run the unit tests and all integration targets on ansible-core {name}."
    sanity.__doc__ = f"Run ansible-test sanity of ansible-core {name}."
    quick_sanity.__doc__ = f"Run those tests of ansible-test sanity on ansible-core {name} that prove a change."
    if core is DEVEL:
        nox.session(name=f"every-target-{name}", python=python, default=False, tags=["test-all"])(every)
        return
    if name == newest_release():
        nox.session(name=f"once-{name}", python=python, default=False, tags=["test", "core"])(once)
    nox.session(name=f"core-{name}", python=python, default=False, tags=["test", "core"])(by_class)
    nox.session(name=f"every-target-{name}", python=python, default=False, tags=["test-all"])(every)
    nox.session(name=f"sanity-{name}", python=python, default=False, tags=["sanity", "test-all"])(sanity)
    if name in ends():
        nox.session(name=f"quick-sanity-{name}", python=python, default=False, tags=["test"])(quick_sanity)


def as_ansible_test(session: nox.Session) -> None:
    """Run unit tests, a file of each folder, and a target by ansible-test itself, to prove that they work there: editors and other projects may use it."""
    name = newest_release()
    python = str(python_of(CORES[name]))
    install_core(session, name)
    # What it adds is an environment, and a process for each test.
    files = {os.path.dirname(file): file for file in reversed(unit_tests(every_core=True))}
    units = ("units", "--requirements", "--num-workers", "2", "--target-python", f"venv/{python}", *files.values())
    ansible_test(session, name, units, ("integration", "--requirements", "--retry-on-error", "--venv", "--python", python, "ipsec_psk"))


# The sessions that antsibull-nox creates from antsibull-nox.toml, and words.
_CHECKS = ("formatters", "words", "yamllint", "typing", "antsibull-nox-config", "docs-check", "license-check", "extra-checks", "ansible-lint")
# pylint on all code takes longer than all of these together. Galaxy's import runs ansible-lint again, and tests/release imports the archive.
_LONG_CHECKS = ("codeqa", "build-import-check")


def checks(session: nox.Session) -> None:
    """Run ruff, and formatting, words, types, licences, documentation and ansible-lint, one session each."""
    session.install("ruff")
    session.run("ruff", "check", "--config", "ruff.toml", ".")
    for name in _CHECKS:
        session.notify(name)


def all_checks(session: nox.Session) -> None:
    """Run the session checks, and pylint for all code, of which the tests have ansible-test's for plugins, and Galaxy's import with its lint."""
    for name in ("checks", *_LONG_CHECKS):
        session.notify(name)


def emulator(session: nox.Session) -> None:
    """Run the emulator's own tests, which do not depend on ansible-core."""
    install_core(session, newest_release(), "-r", "tests/unit/requirements.txt")
    run_pytest(session, refresh_tree(session.name), "tests/unit/emulator", *session.posargs)


def boundaries(session: nox.Session) -> None:
    """Interrupt runs at every boundary, in one process, and test each field of each kind and sequences of events; these tests do not depend on ansible-core."""
    install_core(session, newest_release(), "-r", "tests/unit/requirements.txt")
    run_pytest(session, refresh_tree(session.name), "tests/unit/crash", "tests/unit/network", "tests/unit/kinds", *session.posargs)


def check_words(session: nox.Session) -> None:
    """Run codespell on every text, with the words that CONTRIBUTING.md says not to use."""
    session.log("python tests/tools/check_words.py FILE...")
    session.run("python", "tests/tools/check_words.py", *map(str, collection_files()), log=False)


def words(session: nox.Session) -> None:
    """Check spelling and words."""
    session.install("codespell")
    check_words(session)


def check_code(session: nox.Session) -> None:
    """Run ruff, codespell and mypy."""
    name = ends()[1]
    lint = tomllib.loads((ROOT / "antsibull-nox.toml").read_text(encoding="utf-8"))["sessions"]["lint"]
    install_core(session, name, "ruff", "codespell", "mypy", *lint["mypy_extra_deps"])
    session.run("ruff", "check", "--config", "ruff.toml", ".")
    session.run("ruff", "format", "--check", "--quiet", "--config", "ruff.toml", ".")
    check_words(session)
    tree = refresh_tree(session.name)
    above = str(tree.parents[2])
    with session.chdir(above):
        environment = {"MYPYPATH": above, "PYTHONPATH": above}
        inside = tree.relative_to(above)
        session.run(
            "mypy", "--config-file", str(inside / ".mypy.ini"), *(str(inside / part) for part in ("plugins", "tests/unit", "tests/emulator")), env=environment
        )


def check_docs(session: nox.Session) -> None:
    """Run validate-modules and ansible-doc, on the newest ansible-core."""
    name = ends()[1]
    install_core(session, name)
    ansible_test(session, name, ("sanity", "--test", "validate-modules", "--test", "ansible-doc"))


def check_units(session: nox.Session) -> None:
    """Run the unit tests on one ansible-core."""
    install_core(session, newest_release(), "-r", "tests/unit/requirements.txt")
    run_pytest(session, refresh_tree(session.name), "tests/unit/plugins", "tests/unit/kinds", *session.posargs)


def check_plays(session: nox.Session) -> None:
    """Run a playbook for each module, role and playbook, and some rows of the leak matrix, on one ansible-core."""
    install_core(session, newest_release(), "-r", "tests/unit/requirements.txt", "-r", "tests/integration/requirements.txt")
    tree = refresh_tree(session.name)
    run_target(session, tree, "smoke")
    run_target(session, tree, "leaks", "-k", "plain or loop or fleet")


def pytest_session(session: nox.Session, directory: str) -> None:
    """Run tests of the whole collection with pytest, in its own tree and with the packages that the tests require."""
    session.install("-r", f"{directory}/requirements.txt")
    run_pytest(session, refresh_tree(session.name), directory, *session.posargs)


def sdk(session: nox.Session) -> None:
    """Compare the collection and its emulator with Cloudflare's own SDKs, and query the completions of the language server."""
    pytest_session(session, "tests/sdk")


def description(session: nox.Session) -> None:
    """Compare the emulator's description of the API with Cloudflare's newest SDKs, field by field; fails if something was added, removed or changed."""
    session.install("--upgrade", "cloudflare", "pyyaml")
    folder = Path(session.create_tmp()).resolve()
    watch = ROOT / "tests" / "tools" / "watch"
    found = {"python": folder / "python.json"}
    with found["python"].open("w", encoding="utf-8") as file:
        session.run("python", str(watch / "python_facts.py"), stdout=file, stderr=sys.stderr)
    if shutil.which("node") and shutil.which("npm"):
        found["typescript"] = folder / "typescript.json"
        (folder / "package.json").write_text('{"private": true}', encoding="utf-8")
        # From version 7 on, the compiler has no API.
        packages = ("cloudflare@latest", "typescript@5")
        quiet = ("--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error")
        with session.chdir(folder):
            session.run("npm", "install", *quiet, *packages, external=True)
            with found["typescript"].open("w", encoding="utf-8") as file:
                session.run("node", str(watch / "typescript_facts.mjs"), external=True, stdout=file, stderr=sys.stderr)
    else:
        session.warn("node and npm are not both here: the TypeScript SDK is left out")
    session.run("python", str(watch / "compare.py"), *(word for sdk, path in found.items() for word in (f"--{sdk}", str(path))))


def docs_examples(session: nox.Session) -> None:
    """Execute the code blocks of the documentation, and the examples of the modules."""
    pytest_session(session, "tests/docs")


def ike(session: nox.Session) -> None:
    """Rotate keys between two real strongSwan daemons, with the ansible-core that IKE_CORE names. Needs Linux and Debian's packages; else it is skipped."""
    session.install(CORES[os.environ.get("IKE_CORE", "2.19")].requirement)
    pytest_session(session, "tests/ike")


def ike_long(session: nox.Session) -> None:
    """Run all that there is of the session ike, with a new interpreter for each task on the device."""
    session.env["IKE_LONG"] = "1"
    ike(session)


def events(session: nox.Session) -> None:
    """Run the rulebooks with the real ansible-rulebook. Needs Java; otherwise, it is skipped with a message."""
    session.install(CORES[newest_release()].requirement)
    pytest_session(session, "tests/events")


def field(session: nox.Session) -> None:
    """Check the examples for devices, AWX and secret stores against the real collections, and run jobs with ansible-runner."""
    pytest_session(session, "tests/awx")
    pytest_session(session, "tests/devices")


def release(session: nox.Session) -> None:
    """Build the archive, the documentation site and an execution environment's context, and run the examples of earlier versions."""
    pytest_session(session, "tests/release")


def site(session: nox.Session) -> None:
    """Build the documentation site in the folder site."""
    session.install("-r", "docs/site/requirements.txt")
    session.run("python", "docs/site/build.py", "site", *session.posargs)


def crash(session: nox.Session) -> None:
    """Kill real runs at 200 instants for the vault file and 300 for a fleet, try 20,000 sequences and 20,000 designs, and longer runs of many processes.

    Other sessions take a sample.
    """
    session.install(CORES["2.19"].requirement, "-r", "tests/integration/requirements.txt", "-r", "tests/unit/requirements.txt")
    tree = refresh_tree(session.name)
    with session.chdir(tree):
        environment = {"CRASH_SEQUENCES": "20000", "NETWORK_PAIRS": "20000", "HEALTH_AT_SCALE": "1", "PYTHONPATH": str(tree.parents[2])}
        at_scale = ("tests/unit/crash", "tests/unit/network", "tests/unit/plugins/module_utils/test_health.py")
        session.run("python", "-m", "pytest", "-p", "no:cacheprovider", *at_scale, *session.posargs, env=environment)
    long = {"vault_file/test_crash.py": {"CRASH_INSTANTS": "200"}, "ipsec_psks/test_crash.py": {"CRASH_INSTANTS": "300"}, "forks": {"FORKS_ROUNDS": "10"}}
    for path, environment in long.items():
        target, dummy, file = path.partition("/")
        environment = {**environment, "ANSIBLE_COLLECTIONS_PATH": str(tree.parents[2]), "PYTHONPATH": str(tree.parents[2])}
        with session.chdir(tree / "tests" / "integration" / "targets" / target):
            session.run("python", "-m", "pytest", "-p", "no:cacheprovider", file or ".", *session.posargs, env=environment)


# Environments that are created here may keep Python's compiled files: otherwise, each start of a program of Ansible compiles everything that it imports.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.download_python = "never"
nox.options.error_on_missing_interpreters = True
os.environ.setdefault("UV_PYTHON_DOWNLOADS", "never")
# pip trusts what the system trusts, such as the certificate of a company's proxy; uv does so only with this setting.
os.environ.setdefault("UV_SYSTEM_CERTS", "true")

provide_pythons()
os.environ.setdefault("UV_LINK_MODE", link_mode())
antsibull_nox.load_antsibull_nox_toml()


def add(function: Callable[[nox.Session], None], *tags: str, name: str = "", python: str | None = None) -> None:
    """Add a session."""
    nox.session(name=name or function.__name__.replace("_", "-"), default=False, tags=list(tags), python=python)(function)


_ONE, _NEWEST = (find_python(python_of(CORES[name]) or "") for name in (newest_release(), ends()[1]))
# The longest first: the newest release also has the tests that need only one ansible-core.
for _name in sorted(CORES, key=lambda name: (name != newest_release(), name not in ends())):
    add_core_sessions(_name, CORES[_name])
add_core_sessions("devel", DEVEL)
add(field, "test", "test-all")
add(ike, "test")
add(ike_long, "test-all")
add(release, "test", "test-all")
add(boundaries, "test", "test-all", python=_ONE)
add(docs_examples, "test", "test-all")
add(as_ansible_test, "test", "test-all", name="ansible-test", python=_ONE)
add(checks, "test")
add(all_checks, "test-all")
add(events, "test", "test-all", python=_ONE)
add(emulator, "test", "test-all", python=_ONE)
add(sdk, "test", "test-all")
add(check_units, "check", python=_ONE)
add(check_plays, "check", python=_ONE)
add(check_docs, "check", python=_NEWEST)
add(check_code, "check", python=_NEWEST)
add(crash, "test-all")
# Queries the latest releases of others: a separate workflow does so each week.
add(description)
add(site)
add(words)


if __name__ == "__main__":
    nox.main()
