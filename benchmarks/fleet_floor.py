# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lower limit for any tool that sets the keys of an account: only the requests. Started by fleet.py."""

from __future__ import annotations

import os
import secrets

import requests

BATCH = 50


def main() -> None:
    """List the tunnels, and set their keys in batches."""
    url = f"{os.environ['CLOUDFLARE_BASE_URL']}/accounts/{os.environ['CLOUDFLARE_ACCOUNT_ID']}/magic/ipsec_tunnels"
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {os.environ['CLOUDFLARE_API_TOKEN']}"
        answer = session.get(url, timeout=60)
        answer.raise_for_status()
        ids = [tunnel["id"] for tunnel in answer.json()["result"]["ipsec_tunnels"]]
        for start in range(0, len(ids), BATCH):
            psks = [{"id": tunnel_id, "psk": secrets.token_hex(24)} for tunnel_id in ids[start : start + BATCH]]
            answer = session.post(f"{url}/psk", json={"psks": psks}, timeout=60)
            answer.raise_for_status()
            if answer.json()["result"]["unapplied_psks"]:
                raise SystemExit("not all keys were set")


if __name__ == "__main__":
    main()
