# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The same job with Cloudflare's own SDK for Python, a request for each object that differs. Started by network.py.

With one thread it is a usual script: it lists the objects, and compares them. With more threads it works like Terraform: it knows the IDs of the objects
that it created, reads each object separately, and has this many requests in progress at a time.
"""

from __future__ import annotations

import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from cloudflare import Cloudflare

Json = dict[str, Any]


def main() -> None:
    """Apply the file to the account."""
    job, threads = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")), int(sys.argv[2])
    account = {"account_id": os.environ["CLOUDFLARE_ACCOUNT_ID"]}
    with Cloudflare(max_retries=2) as client, ThreadPoolExecutor(threads) as pool:  # the address and the token are in the environment
        tunnels, routes = client.magic_transit.ipsec_tunnels, client.magic_transit.routes
        if threads == 1:
            there = tunnels.list(**account).ipsec_tunnels or []
            paths = routes.list(**account).routes or []
        else:
            there = list(pool.map(lambda one: tunnels.get(one, **account).ipsec_tunnel, job["ids"]["ipsec_tunnels"]))
            paths = list(pool.map(lambda one: routes.get(one, **account).route, job["ids"]["static_routes"]))
        tunnels_now = {one.name: one.to_dict() for one in there if one}
        routes_now = {(one.prefix, one.nexthop): one.to_dict() for one in paths if one}
        tunnels_then = {one["name"]: one for one in job["design"]["ipsec_tunnels"]}
        routes_then = {(one["prefix"], one["nexthop"]): one for one in job["design"]["static_routes"]}

        def bring(api: Any, now: Json | None, then: Json) -> None:
            if now is None:
                api.create(**then, **account)
            elif differs(now, then):
                api.update(now["id"], **then, **account)

        list(pool.map(lambda key: routes.delete(routes_now[key]["id"], **account), routes_now.keys() - routes_then.keys()))
        list(pool.map(lambda key: tunnels.delete(tunnels_now[key]["id"], **account), tunnels_now.keys() - tunnels_then.keys()))
        list(pool.map(lambda key: bring(tunnels, tunnels_now.get(key), tunnels_then[key]), tunnels_then))
        list(pool.map(lambda key: bring(routes, routes_now.get(key), routes_then[key]), routes_then))


def differs(now: Json, then: Json) -> bool:
    """Return whether a field has another value than the desired one."""
    return any(differs(now.get(name) or {}, value) if isinstance(value, dict) else now.get(name) != value for name, value in then.items())


if __name__ == "__main__":
    main()
