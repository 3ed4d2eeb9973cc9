# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What connectors report about themselves: the latest snapshot, and the events since a time."""

from __future__ import annotations

import typing as t

from ansible_collections.cloudflare.magic.plugins.module_utils._client import member, without_keys
from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._objects import check_info, read_some
from ansible_collections.cloudflare.magic.plugins.module_utils._options import ArgumentSpec
from ansible_collections.cloudflare.magic.plugins.module_utils._site_kinds import CONNECTOR
from ansible_collections.cloudflare.magic.plugins.module_utils._times import parse_age

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from ansible_collections.cloudflare.magic.plugins.module_utils._client import Client

    Json = dict[str, t.Any]

OPTIONS = CONNECTOR.info_options.merge(ArgumentSpec({"telemetry": {"type": "bool", "default": False}, "events_since": {"type": "str"}}))

# The number of events in a page, and the maximum number of pages that are read for one connector.
_LIMIT, _MOST_PAGES = 1000, 100


def check(options: Mapping[str, t.Any]) -> list[str]:
    """Check what the argument specification cannot, before anything is sent.

    :raises MagicError: naming the option and what to write.
    """
    if options["events_since"] is not None:
        parse_age(options["events_since"], "events_since")
    if options["format"] == "options" and (options["telemetry"] or options["events_since"] is not None):
        raise MagicError("format: options excludes telemetry and events. Leave format out.")
    return check_info(CONNECTOR, options)


def read_connectors(client: Client, options: Mapping[str, t.Any]) -> Json:
    """Do the work of the module that reads connectors.

    :raises MagicError: if they cannot be read.
    """
    result = read_some(CONNECTOR, client, options)
    for connector in result[CONNECTOR.results] if options["telemetry"] or options["events_since"] is not None else ():
        path = [*CONNECTOR.path(), connector["id"], "telemetry"]
        if options["telemetry"]:
            found = member(client.request("GET", [*path, "snapshots", "latest"]), "items", list, "reading the latest snapshot")
            connector["telemetry"] = client.without_quotes(without_keys(found[0])) if found else {}
        if options["events_since"] is not None:
            connector["events"] = _events(client, [*path, "events"], parse_age(options["events_since"]))
    return result


def _events(client: Client, path: list[str], seconds: int) -> list[Json]:
    """Return the events of the last seconds, by Cloudflare's clock, the oldest first."""
    now = int(client.now().timestamp())
    query = {"from": str(now - seconds), "to": str(now + 1), "limit": str(_LIMIT)}
    found: list[Json] = []
    for dummy in range(_MOST_PAGES):
        answer = client.request("GET", path, params=query)
        found += [client.without_quotes(without_keys(item)) for item in member(answer, "items", list, "reading the events") if isinstance(item, dict)]
        cursor = answer.get("cursor")
        if not isinstance(cursor, str) or not cursor or cursor == query.get("cursor"):
            break
        query["cursor"] = cursor
    return sorted(found, key=lambda event: (str(event.get("t")).zfill(20), str(event.get("n")).zfill(20)))
