# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Reading what an account has."""

from __future__ import annotations

import typing as t
from datetime import datetime, timezone

from ansible_collections.cloudflare.magic.plugins.module_utils._client import MagicError, check_segment
from ansible_collections.cloudflare.magic.plugins.module_utils._options import SHARED, ArgumentSpec
from ansible_collections.cloudflare.magic.plugins.module_utils._psk import age, last_generated_on, list_tunnels, read_tunnel

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from ansible_collections.cloudflare.magic.plugins.module_utils._client import Client

IPSEC_OPTIONS = SHARED.merge(
    ArgumentSpec(
        {"ipsec_tunnel_id": {"type": "str"}, "name": {"type": "str"}},
        mutually_exclusive=[("ipsec_tunnel_id", "name")],
    )
)


def ipsec_tunnels(client: Client, options: Mapping[str, t.Any], dummy_check_mode: bool) -> dict[str, t.Any]:
    """Do the work of ``ipsec_tunnel_info``.

    :raises MagicError: if the tunnels cannot be read, or there is none with the id.
    """
    tunnel_id, name = options["ipsec_tunnel_id"], options["name"]
    if tunnel_id is not None:
        tunnels = [read_tunnel(client, check_segment("ipsec_tunnel_id", tunnel_id))]
    elif name is not None and not name.strip():
        raise MagicError("name is empty. Give the tunnel's name, or leave it out to get all tunnels.")
    else:
        tunnels = [tunnel for tunnel in list_tunnels(client) if name is None or tunnel.get("name") == name]
    now = datetime.now(timezone.utc)
    return {"changed": False, "ipsec_tunnels": [{**tunnel, "psk_age": age(last_generated_on(tunnel), now)} for tunnel in tunnels]}
