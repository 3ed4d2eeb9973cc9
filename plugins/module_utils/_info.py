# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Reading what an account has."""

from __future__ import annotations

import typing as t

from ansible_collections.cloudflare.magic.plugins.module_utils._psk import last_generated_on
from ansible_collections.cloudflare.magic.plugins.module_utils._resource import IPSEC_TUNNEL, chosen, select
from ansible_collections.cloudflare.magic.plugins.module_utils._times import age

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from ansible_collections.cloudflare.magic.plugins.module_utils._client import Client
    from ansible_collections.cloudflare.magic.plugins.module_utils._resource import Kind


def check(kind: Kind, options: Mapping[str, t.Any]) -> list[str]:
    """Check what the argument specification cannot, before anything is sent.

    :raises MagicError: naming the option and the mend.
    """
    chosen(kind, options)
    return []


def run(kind: Kind, client: Client, options: Mapping[str, t.Any], dummy_check_mode: bool) -> dict[str, t.Any]:
    """Do the work of the module that reads objects of this kind.

    :raises MagicError: if they cannot be read, or there is none with the id.
    """
    items = select(kind, client, options)
    if kind is IPSEC_TUNNEL:
        now = client.now()
        items = [{**item, "psk_age": age(last_generated_on(item), now)} for item in items]
    return {"changed": False, kind.results: items}
