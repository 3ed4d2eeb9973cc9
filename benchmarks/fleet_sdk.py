# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The same job with Cloudflare's own SDK for Python: a key for each tunnel, one after the other. Started by fleet.py."""

from __future__ import annotations

import os

from cloudflare import Cloudflare


def main() -> None:
    """List the tunnels, and have a key generated for each."""
    account_id = os.environ["CLOUDFLARE_ACCOUNT_ID"]
    keys = {}
    with Cloudflare() as client:  # the address and the token are in the environment
        for tunnel in client.magic_transit.ipsec_tunnels.list(account_id=account_id).ipsec_tunnels or []:
            assert tunnel.id
            answer = client.magic_transit.ipsec_tunnels.psk_generate(tunnel.id, account_id=account_id)
            keys[tunnel.id] = answer.psk
    if not all(keys.values()):
        raise SystemExit("not all keys were generated")


if __name__ == "__main__":
    main()
