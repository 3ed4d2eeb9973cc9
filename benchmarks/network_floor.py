# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lower limit for any tool that sends these requests: only the recorded requests of network. Started by network.py."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import requests


def main() -> None:
    """Send the requests in the file, one after the other."""
    base = os.environ["CLOUDFLARE_BASE_URL"]
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {os.environ['CLOUDFLARE_API_TOKEN']}"
        for one in json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")):
            answer = session.request(
                one["method"], base + one["path"], data=one["body"], headers={"x-magic-new-hc-target": "true", "Content-Type": "application/json"}, timeout=60
            )
            answer.raise_for_status()
            if answer.json()["success"] is not True:
                raise SystemExit("not everything was done")


if __name__ == "__main__":
    main()
