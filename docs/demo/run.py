# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Demonstrates the collection: builds and installs it, starts its emulator, runs rotate.yml. ``make demo`` calls it.

It needs Python 3.11 or newer and nothing else; everything it creates is in .venv-demo and in a temporary folder.

With TUNNEL (or CLOUDFLARE_TUNNEL), CLOUDFLARE_API_TOKEN and CLOUDFLARE_ACCOUNT_ID in the environment it works on that account
instead, after it has listed what it is going to change and the user has confirmed it (CONFIRM=yes confirms in advance).
Arguments such as -vv are passed to ansible-playbook.
"""

from __future__ import annotations

import base64
import contextlib
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import typing as t
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
HOME = ROOT / ".venv-demo"
PYTHON = HOME / "bin" / "python"
COLLECTIONS = HOME / "collections"
EMULATOR = COLLECTIONS / "ansible_collections" / "cloudflare" / "magic" / "tests" / "emulator"
# pip installs the newest ansible-core that runs on this Python: 2.19 on Python 3.11.
PACKAGES = ("ansible-core>=2.18", "requests>=2.25", "flask")


class Problem(Exception):
    """Something that the user has to fix. The text says how."""


def say(text: str = "") -> None:
    """Print a line of this script."""
    print(text, flush=True)


def run_quietly(command: list[str], what: str, **options: t.Any) -> None:
    """Run a command, and show what it printed only if it fails."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **options)
    if done.returncode:
        raise Problem(f"{done.stdout.strip()}\n\n{what} failed (see above).")


def make_environment() -> None:
    """Create .venv-demo, unless it exists and is complete."""
    if sys.version_info < (3, 11):
        raise Problem("The demo needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 demo")
    marker, content = HOME / "ready", "\n".join((sys.version, os.path.realpath(sys.executable), *PACKAGES))
    if marker.exists() and marker.read_text(encoding="utf-8") == content and PYTHON.exists():
        return
    # Debian's python3 comes without ensurepip.
    if any(importlib.util.find_spec(name) is None for name in ("ensurepip", "venv")):
        raise Problem("This Python cannot create virtual environments. On Debian and Ubuntu: apt-get install python3-venv")
    say(f"Installing {', '.join(PACKAGES)} into .venv-demo, once")
    shutil.rmtree(HOME, ignore_errors=True)
    run_quietly([sys.executable, "-m", "venv", str(HOME)], "Creating a virtual environment")
    run_quietly([str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES], "Installing the Python packages")
    marker.write_text(content, encoding="utf-8")


def clean_environ() -> dict[str, str]:
    """Return this process's environment without variables that change the behavior of Ansible."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "PYTHON"))}
    environ.update(
        ANSIBLE_CONFIG=str(HERE / "ansible.cfg"),
        ANSIBLE_COLLECTIONS_PATH=str(COLLECTIONS),
        ANSIBLE_HOME=str(HOME / "ansible-home"),
        ANSIBLE_FORCE_COLOR=str(sys.stdout.isatty()),
        PATH=os.pathsep.join((str(PYTHON.parent), os.environ.get("PATH", os.defpath))),
    )
    if "UTF-8" not in (environ.get("LC_ALL") or environ.get("LC_CTYPE") or environ.get("LANG") or "").upper():
        environ["LC_ALL"] = "C.UTF-8"
    return environ


def install_collection(environ: dict[str, str]) -> None:
    """Build the collection from this folder and install the archive, as a user gets it."""
    with tempfile.TemporaryDirectory() as folder:
        galaxy = [str(PYTHON.parent / "ansible-galaxy"), "collection"]
        run_quietly([*galaxy, "build", str(ROOT), "--output-path", folder], "Building the collection", env=environ)
        (archive,) = Path(folder).glob("*.tar.gz")
        say(f"Installing {archive.name} into .venv-demo/collections")
        run_quietly(
            [*galaxy, "install", str(archive), "--force", "--offline", "--collections-path", str(COLLECTIONS)], "Installing the collection", env=environ
        )


@contextlib.contextmanager
def emulator(environ: dict[str, str], folder: str) -> t.Iterator[tuple[str, str]]:
    """Run the emulator of the installed collection; yield its address and the token for its control endpoints, and stop it at the end."""
    token_file = Path(folder, "token")
    command = [str(PYTHON), str(EMULATOR), "--stop-with-stdin", "--token-file", str(token_file)]
    with subprocess.Popen(command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin and process.stdout
        try:
            match = re.search(r"http://\S+", process.stdout.readline())
            if not match:
                raise Problem("The emulator did not start.")
            yield match.group(), token_file.read_text(encoding="ascii").strip()
        finally:
            process.stdin.close()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()


def ask_emulator(address: str, token: str, what: str) -> t.Any:
    """Query the emulator's control endpoints."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    question = urllib.request.Request(address.replace("/client/v4", f"/_emulator/{what}"), headers={"X-Emulator-Token": token})
    with opener.open(question, timeout=10) as answer:
        return json.load(answer)


def play(environ: dict[str, str], variables: dict[str, t.Any]) -> str:
    """Run rotate.yml, show what it prints and return that."""
    command = [str(PYTHON.parent / "ansible-playbook"), str(HERE / "rotate.yml"), "--extra-vars", json.dumps(variables), *sys.argv[1:]]
    lines = []
    with subprocess.Popen(
        command, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8", errors="replace"
    ) as process:
        assert process.stdout
        try:
            for line in process.stdout:
                print(line, end="", flush=True)
                lines.append(line)
        except BaseException:
            # On Ctrl-C the playbook also gets the signal and ends by itself; on SIGTERM it does not.
            process.send_signal(signal.SIGINT)
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
            raise
    if process.returncode:
        raise Problem(f"The playbook failed (status {process.returncode}), see above.")
    return "".join(lines)


def check_output(output: str, keys: set[str]) -> None:
    """Fail if one of the keys is in the output, as it is or in base64."""
    for key in keys:
        encoded = base64.b64encode(key.encode()).decode().rstrip("=")
        if key in output or encoded in output:
            raise Problem("A key is in the output above. This is a defect of the collection: please report it.")


def key_in(file: Path) -> str:
    """Return the key that the playbook has written."""
    match = re.search(r'secret = "(.+)"', file.read_text(encoding="utf-8"))
    if not match or file.stat().st_mode & 0o777 != 0o600:
        raise Problem(f"{file} must contain a key and have the mode 0600.")
    return match.group(1)


def on_emulator(environ: dict[str, str]) -> None:
    """Run the demonstration on the emulator."""
    environ = {name: value for name, value in environ.items() if not name.startswith("CLOUDFLARE_")}
    with tempfile.TemporaryDirectory() as folder, emulator(environ, folder) as asked:
        address = asked[0]
        state = ask_emulator(*asked, "state")
        names = [tunnel["name"] for tunnel in state["ipsec_tunnels"]]
        say(f"The emulator of Cloudflare's API runs at {address} with the tunnels {', '.join(names)}")
        no_proxy = ",".join(filter(None, (environ.get("NO_PROXY") or environ.get("no_proxy"), "127.0.0.1")))
        environ.update(
            CLOUDFLARE_BASE_URL=address,
            CLOUDFLARE_ACCOUNT_ID=state["accounts"][0]["id"],
            CLOUDFLARE_API_TOKEN=state["tokens"][0]["token"],
            NO_PROXY=no_proxy,
            no_proxy=no_proxy,
        )
        before = ask_emulator(*asked, "keys")
        output = play(environ, {"tunnel": names[0], "fleet": names, "folder": f"{folder}/ipsec"})
        after = ask_emulator(*asked, "keys")
        log = [entry["psk"] for entry in ask_emulator(*asked, "key_log")]
        written = key_in(Path(folder, "ipsec", f"{names[0]}.secrets"))
        changed = sum(after[name] != before[name] for name in after)
    if written not in log or written not in after.values():
        raise Problem("The key that was written is not the one in force at the emulator.")
    keys = {key for key in (*before.values(), *after.values(), *log) if key}
    check_output(output, keys)
    say(f"Checked: {changed} tunnels have new keys, and the file (mode 0600) had the key that is in force for {names[0]}.")
    say(f"Checked: none of the {len(keys)} keys that the emulator ever had is in the output above, neither as it is nor in base64.")
    say("The emulator is stopped, the file is deleted. The playbook is docs/demo/rotate.yml.")


def agree(tunnel: str, folder: Path) -> None:
    """Say what is going to change in the user's account, and ask the user to confirm it.

    Raises:
        Problem: if something is missing, or the user does not confirm.
    """
    missing = [name for name in ("CLOUDFLARE_API_TOKEN", "CLOUDFLARE_ACCOUNT_ID") if not os.environ.get(name)]
    if missing:
        raise Problem(
            f"To work on the tunnel {tunnel} of your account, set {' and '.join(missing)}. Without TUNNEL and CLOUDFLARE_TUNNEL the emulator is used."
        )
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", tunnel):
        raise Problem(f"{tunnel!r} is not the name of a tunnel.")
    say(
        f"This is not an emulation. In the account {os.environ['CLOUDFLARE_ACCOUNT_ID']}, at {os.environ.get('CLOUDFLARE_BASE_URL') or 'api.cloudflare.com'}:\n"
        f"  - The pre-shared key of the tunnel {tunnel} is replaced once. The old key is invalid immediately.\n"
        f"  - The new key is written to {folder / tunnel}.secrets (mode 0600). It exists nowhere else:\n"
        "    load it on your device, or the tunnel will not come up again when it next authenticates.\n"
        "  - No other tunnel is changed."
    )
    if os.environ.get("CONFIRM") == "yes":
        return
    if not sys.stdin.isatty():
        raise Problem("Nothing has been changed. To confirm without being asked, set CONFIRM=yes.")
    if input("Type yes to continue: ").strip() != "yes":
        raise Problem("Nothing has been changed.")


def on_account(environ: dict[str, str], tunnel: str, folder: Path) -> None:
    """Rotate one key in the user's account."""
    output = play(environ, {"tunnel": tunnel, "folder": str(folder)})
    file = folder / f"{tunnel}.secrets"
    check_output(output, {key_in(file)})
    say("Checked: the new key is not in the output above, neither as it is nor in base64.")
    say(f"Now load the key in {file} on your device, and have the tunnel authenticate again.")


def main() -> int:
    """Run the demonstration, and return the exit status."""
    tunnel = os.environ.get("TUNNEL") or os.environ.get("CLOUDFLARE_TUNNEL")
    # Not in this folder, where it could get into a commit or an archive.
    folder = Path.home() / "cloudflare-magic-demo"
    try:
        if tunnel:
            agree(tunnel, folder)
        make_environment()
        environ = clean_environ()
        install_collection(environ)
        if tunnel:
            on_account(environ, tunnel, folder)
        else:
            on_emulator(environ)
    except Problem as problem:
        print(problem, file=sys.stderr, flush=True)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr, flush=True)
        return 130
    return 0


def _interrupt(*_dummy: object) -> t.NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    sys.exit(main())
