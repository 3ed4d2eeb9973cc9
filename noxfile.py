# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# /// script
# dependencies = ["nox>=2025.02.09", "antsibull-nox>=1.10.0"]
# ///

"""Sessions for nox: what antsibull-nox.toml sets up, and ansible-test for each ansible-core, in virtual environments instead of containers.

``make test`` runs all of them; ``nox --list`` names them.
"""

from __future__ import annotations

import dataclasses
import functools
import glob
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nox
import nox.command

try:
    import antsibull_nox
except ImportError:
    print("You need to install antsibull-nox in the same Python environment as nox.")
    sys.exit(1)


@dataclasses.dataclass(frozen=True)
class Core:
    """One ansible-core series: the Pythons to run it with, the first one found is taken, and the Pythons for unit tests.

    ansible-test would run the unit tests of modules and module_utils on each Python it knows, for each ansible-core: 30 runs. Here every series
    has the Python it runs on itself, its oldest one, and some of the others, so that all Pythons from 3.8 on have their turn.
    """

    controller: tuple[str, ...]
    units: tuple[str, ...]
    requirement: str
    prerelease: bool = False


CORES = {
    "2.18": Core(("3.11", "3.12", "3.13"), ("3.8", "3.13"), "ansible-core>=2.18,<2.19"),
    "2.19": Core(("3.11", "3.12", "3.13"), ("3.8", "3.10"), "ansible-core>=2.19,<2.20"),
    "2.20": Core(("3.12", "3.13", "3.14"), ("3.9",), "ansible-core>=2.20,<2.21"),
    "2.21": Core(("3.13", "3.12", "3.14"), ("3.9",), "ansible-core>=2.21,<2.22"),
    # Naming a pre-release in the requirement is what makes pip and uv take one where there is no final release yet.
    "2.22": Core(("3.13", "3.14", "3.15"), ("3.9",), "ansible-core>=2.22.0a0,<2.23", prerelease=True),
}

ROOT = Path(__file__).resolve().parent
NOX_DIR = ROOT / ".nox"
PYTHONS_DIR = NOX_DIR / "pythons"


def base_python(candidate: str, version: str) -> str | None:
    """Return the path of the interpreter behind a candidate, if that is the wanted version and can make virtual environments."""
    code = "import sys, ensurepip, venv; print('%d.%d' % sys.version_info[:2], getattr(sys, '_base_executable', sys.executable))"
    try:
        answer = subprocess.run([candidate, "-c", code], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True, timeout=60).stdout.split(None, 1)
    except (OSError, subprocess.SubprocessError):
        return None  # such as a shim of pyenv for a version that is not switched on
    return answer[1].strip() if len(answer) == 2 and answer[0] == version else None


@functools.cache
def find_python(version: str) -> str | None:
    """Find a Python of the given version on PATH, or else among those of pyenv, whether these are switched on or not."""
    pyenv = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
    candidates = [os.path.join(directory, f"python{version}") for directory in os.get_exec_path() if directory != str(PYTHONS_DIR)]
    candidates += sorted(glob.glob(os.path.join(glob.escape(pyenv), "versions", f"{version}.*", "bin", f"python{version}")), reverse=True)
    for candidate in candidates:
        if os.path.exists(candidate) and (path := base_python(candidate, version)):
            return path
    return None


def provide_pythons() -> None:
    """Put a small wrapper for each Python first on PATH.

    ansible-test looks for ``pythonX.Y`` on PATH, and runs it without most of the environment: shims that need a variable of their own fail there.
    """
    PYTHONS_DIR.mkdir(parents=True, exist_ok=True)
    versions = {version for core in CORES.values() for version in core.controller + core.units}
    for version in sorted(versions):
        wrapper = PYTHONS_DIR / f"python{version}"
        path = find_python(version)
        if path is None:
            wrapper.unlink(missing_ok=True)
            continue
        quoted = path.replace("'", "'\\''")
        content = f"#!/bin/sh\nexec '{quoted}' \"$@\"\n"
        if not wrapper.exists() or wrapper.read_text(encoding="utf-8") != content:
            temporary = wrapper.with_name(f".{wrapper.name}.{os.getpid()}")
            temporary.write_text(content, encoding="utf-8")
            temporary.chmod(0o755)
            temporary.replace(wrapper)
    os.environ["PATH"] = os.pathsep.join([str(PYTHONS_DIR), *(entry for entry in os.get_exec_path() if entry != str(PYTHONS_DIR))])


def collection_files() -> list[Path]:
    """List the files of the collection: what git tracks or would track, or everything where there is no git."""
    try:
        output = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout
        names = {Path(name) for name in output.split("\0") if name}
    except (OSError, subprocess.CalledProcessError):
        skip = {".git", ".nox", ".venv", ".venv-demo", "__pycache__"}
        names = {path.relative_to(ROOT) for path in ROOT.rglob("*") if not path.is_dir() and not skip.intersection(path.relative_to(ROOT).parts)}
    return sorted(name for name in names if (ROOT / name).is_symlink() or (ROOT / name).is_file())


def refresh_tree(version: str) -> Path:
    """Bring a session's, or an ansible-core's, own copy of the collection up to date.

    ansible-test wants a directory ansible_collections/cloudflare/magic. It makes its environments in there, below tests/output; they stay, so that
    unit tests, integration tests and the next run share them.
    """
    tree = NOX_DIR / "trees" / version / "ansible_collections" / "cloudflare" / "magic"
    for path in tree.glob("*"):
        if path.name == "tests":
            for below in path.glob("*"):
                if below.name != "output":
                    shutil.rmtree(below) if below.is_dir() and not below.is_symlink() else below.unlink()
        elif path.name != ".git":
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    for name in collection_files():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, tree / name, follow_symlinks=False)
    if not (tree / ".git").exists():
        # A repository of its own: ansible-test would else find the one around it, which ignores this directory.
        subprocess.run(["git", "init", "--quiet", str(tree)], check=True)
    return tree


def private_home(version: str) -> Path:
    """Make a home directory for this ansible-core's ansible-test, which keeps its environments and its cache in ~/.ansible/test.

    Series can then run at the same time, and the user's own ~/.ansible is left alone. pip finds its cache and its configuration.
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
    # ansible-test does not pass the environment's settings for pip on.
    settings = {key[4:].lower().replace("_", "-"): value for key, value in os.environ.items() if key.startswith("PIP_") and key != "PIP_CONFIG_FILE"}
    (home / ".pip").mkdir(exist_ok=True)
    lines = [f"{key} = {' '.join(value.split())}\n" for key, value in sorted(settings.items()) if value and key != "cache-dir"]
    (home / ".pip" / "pip.conf").write_text("[global]\n" + "".join(lines), encoding="utf-8")
    return home


def provide_get_pip(session: nox.Session, home: Path) -> None:
    """Put tests/tools/get_pip.py where ansible-test keeps the script that it would otherwise download."""
    location = session.run("python", "-c", "import ansible_test._internal as package; print(package.__path__[0])", silent=True)
    source = Path(str(location).strip(), "python_requirements.py").read_text(encoding="utf-8")
    cache = home / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    for pip_version in set(re.findall(r"""pip=['"]([0-9.]+)['"]""", source)):
        script = cache / f"get_pip_{pip_version.replace('.', '_')}.py"
        if not script.exists():
            shutil.copyfile(ROOT / "tests" / "tools" / "get_pip.py", script)


def use_released_requirements(session: nox.Session) -> None:
    """Take packages that ansible-test wants from an archive of their source code from the package index instead.

    2.22.0rc1 has such a requirement: of dill, for the sake of Python 3.15. Not every network has a way to the host of that archive.
    """
    location = session.run("python", "-c", "import ansible_test; print(ansible_test.__path__[0])", silent=True)
    for path in Path(str(location).strip(), "_data", "requirements").glob("sanity.*.txt"):
        before = path.read_text(encoding="utf-8")
        after = re.sub(r"^([\w.-]+) @ https?://\S+", r"\1", before, flags=re.MULTILINE)
        if after != before:
            session.warn(f"{path.name}: requirements from URLs are taken from the package index")
            path.unlink()  # may be a link into uv's cache
            path.write_text(after, encoding="utf-8")


def add_core_sessions(version: str, core: Core) -> None:
    """Add the sessions sanity-X, units-X and integration-X."""
    controller = next((python for python in core.controller if find_python(python)), None)

    def ansible_test(session: nox.Session, *args: str) -> None:
        if controller is None:
            session.skip(f"ansible-core {version} needs one of Python {', '.join(core.controller)}, and none is here")
        try:
            session.install(core.requirement)
        except nox.command.CommandFailed:
            if core.prerelease:
                session.skip(f"ansible-core {version} is not released yet, and no pre-release can be installed")
            raise
        if core.prerelease:
            use_released_requirements(session)
        home = private_home(version)
        provide_get_pip(session, home)
        color = "yes" if session.env.get("FORCE_COLOR") or sys.stdout.isatty() else "no"
        with session.chdir(refresh_tree(version)):
            # Programs that tests start must not see the pip or Ansible settings of whoever runs them.
            session.run("ansible-test", args[0], "-v", "--color", color, *args[1:], *session.posargs, env={"HOME": str(home)})

    def sanity(session: nox.Session) -> None:
        ansible_test(session, "sanity")

    def units(session: nox.Session) -> None:
        wanted = sorted({*core.units, controller or ""} - {""}, key=lambda text: int(text.split(".")[1]))
        missing = [python for python in wanted if not find_python(python)]
        if missing:
            session.warn(f"No unit tests with Python {', '.join(missing)}: not found")
        targets = [argument for python in wanted if python not in missing for argument in ("--target-python", f"venv/{python}")]
        ansible_test(session, "units", "--requirements", "--num-workers", "2", *targets)

    def integration(session: nox.Session) -> None:
        # Once more, and more verbosely, on failure: these tests run real programs against each other on machines of any speed.
        ansible_test(session, "integration", "--requirements", "--retry-on-error", "--venv", "--python", str(controller))

    for function in (sanity, units, integration):
        function.__doc__ = f"Run ansible-test {function.__name__} of ansible-core {version}."
        nox.session(name=f"{function.__name__}-{version}", python=find_python(controller) if controller else None, default=False)(function)


def pytest_session(session: nox.Session, directory: str) -> None:
    """Run tests of the whole collection with pytest, in a tree of its own and with the packages that the tests name."""
    session.install("-r", f"{directory}/requirements.txt")
    tree = refresh_tree(session.name)
    with session.chdir(tree):
        session.run("pytest", "-p", "no:cacheprovider", "-rs", directory, *session.posargs, env={"PYTHONPATH": str(tree.parents[2])})


def sdk(session: nox.Session) -> None:
    """Compare the collection and its emulator with Cloudflare's own SDKs."""
    pytest_session(session, "tests/sdk")


def docs_examples(session: nox.Session) -> None:
    """Execute the code blocks of the documentation, and the examples of the modules."""
    pytest_session(session, "tests/docs")


def ike(session: nox.Session) -> None:
    """Rotate keys between two real strongSwan daemons, with the ansible-core that IKE_CORE names. Needs Linux and Debian's packages; else says why."""
    session.install(CORES[os.environ.get("IKE_CORE", "2.19")].requirement)
    pytest_session(session, "tests/ike")


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
    """Kill runs at all the instants that the crash tests know: 200 for the vault file, 300 for a fleet. The other sessions take a sample of them."""
    session.install(CORES["2.19"].requirement, "-r", "tests/integration/requirements.txt")
    tree = refresh_tree(session.name)
    for target, instants in (("vault_file", 200), ("ipsec_psks", 300)):
        environment = {"CRASH_INSTANTS": str(instants), "ANSIBLE_COLLECTIONS_PATH": str(tree.parents[2]), "PYTHONPATH": str(tree.parents[2])}
        with session.chdir(tree / "tests" / "integration" / "targets" / target):
            session.run("python", "-m", "pytest", "-p", "no:cacheprovider", "test_crash.py", *session.posargs, env=environment)


nox.options.default_venv_backend = "uv|virtualenv"
nox.options.download_python = "never"
nox.options.error_on_missing_interpreters = True
os.environ.setdefault("UV_PYTHON_DOWNLOADS", "never")
# One file system may be read-only or another device than uv's cache: copying is always right, and quiet.
os.environ.setdefault("UV_LINK_MODE", "copy")
# pip trusts what the system trusts, such as the certificate of a company's proxy; uv does so only when it is told to.
os.environ.setdefault("UV_SYSTEM_CERTS", "true")

provide_pythons()
antsibull_nox.load_antsibull_nox_toml()
for _version, _core in CORES.items():
    add_core_sessions(_version, _core)
for _function in (sdk, docs_examples, ike, field, release, site, crash):
    nox.session(name=_function.__name__.replace("_", "-"), default=False)(_function)


if __name__ == "__main__":
    nox.main()
