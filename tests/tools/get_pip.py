# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Puts pip into a virtual environment, from what the interpreter brings along.

For ansible-test, which makes environments without pip and then runs a script ``get_pip_<version>.py`` from its cache, or downloads it from a host that
not every network lets through. Command line: the options and requirements of ``pip install``, and ``--no-setuptools`` and ``--no-wheel``.
"""

from __future__ import annotations

import ensurepip
import glob
import os
import subprocess
import sys


def main() -> int:
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
