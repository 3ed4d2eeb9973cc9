# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Puts pip into a virtual environment: one that calls uv, or else what the interpreter brings along.

For ansible-test, which makes environments without pip and then runs a script ``get_pip_<version>.py`` from its cache, or downloads it from a host that
not every network lets through. A dozen environments of ``ansible-test sanity`` take a minute of processor time by pip, and seconds by uv; it is used if there
is a program ``uv`` beside this script. Command line: the options and requirements of ``pip install``, and ``--no-setuptools`` and ``--no-wheel``.
"""

from __future__ import annotations

import ensurepip
import glob
import os
import subprocess
import sys
import sysconfig

# The module pip for an environment that uv fills. It knows the commands of ansible-test, and no others.
STANDIN = '''"""Calls uv in place of pip: see tests/tools/get_pip.py of the collection cloudflare.magic."""
import os
import shutil
import subprocess
import sys

UV = {uv!r}
# As pip does: what Python says while it compiles would else be in the output of the first test.
OPTIONS = {{"install": ["--compile-bytecode"]}}
command, *arguments = [argument for argument in sys.argv[1:] if argument not in ("-y", "--disable-pip-version-check")]
if command == "-V":
    sys.exit(subprocess.call([UV, "--version"]))
if command not in ("install", "uninstall"):
    sys.exit("this pip only installs and uninstalls")
if command == "uninstall" and "pip" in arguments:
    arguments.remove("pip")
    shutil.rmtree(os.path.dirname(os.path.abspath(__file__)))
sys.exit(subprocess.call([UV, "pip", command, "--quiet", "--python", sys.executable, *OPTIONS.get(command, []), *arguments]) if arguments else 0)
'''


def by_uv(uv: str) -> int:
    """Put a module pip in place that calls uv."""
    package = os.path.join(sysconfig.get_path("purelib"), "pip")
    os.makedirs(package)
    for name, content in (("__init__.py", ""), ("__main__.py", STANDIN.format(uv=uv))):
        with open(os.path.join(package, name), "w", encoding="utf-8") as file:
            file.write(content)
    return 0


def main() -> int:
    uv = os.path.join(os.path.dirname(os.path.abspath(__file__)), "uv")
    if os.path.exists(uv):
        return by_uv(uv)
    # GET_PIP tells ansible-test's wrapper around pip where this script is; the real pip must not see it.
    env = {key: value for key, value in os.environ.items() if key != "GET_PIP"}
    arguments = [argument for argument in sys.argv[1:] if argument not in ("--no-setuptools", "--no-wheel")]

    # The wheel of pip that ensurepip has is a program, too: first CPython's own place for it, then that of Debian and Fedora.
    places = [os.path.join(os.path.dirname(ensurepip.__file__), "_bundled"), "/usr/share/python-wheels"]
    wheels = [wheel for place in places for wheel in glob.glob(os.path.join(glob.escape(place), "pip-*.whl"))]
    if wheels:
        pip = [os.path.join(wheels[0], "pip")]
    else:
        subprocess.check_call([sys.executable, "-m", "ensurepip"], env=env)
        pip = ["-m", "pip"]
    return subprocess.call([sys.executable] + pip + ["install"] + arguments, env=env)


if __name__ == "__main__":
    sys.exit(main())
