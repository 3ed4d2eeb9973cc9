# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Interrupts of connectors: each is sent at most once. If a response is lost, the interrupt is looked up and not sent again."""

from __future__ import annotations

import typing as t

from ansible_collections.cloudflare.magic.plugins.module_utils._calls import Account
from ansible_collections.cloudflare.magic.plugins.module_utils._client import without_keys
from ansible_collections.cloudflare.magic.plugins.module_utils._errors import UNKNOWN, MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._options import SHARED, ArgumentSpec
from ansible_collections.cloudflare.magic.plugins.module_utils._references import the_one
from ansible_collections.cloudflare.magic.plugins.module_utils._site_kinds import CONNECTOR

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from ansible_collections.cloudflare.magic.plugins.module_utils._client import Client

    Json = dict[str, t.Any]

INTERRUPTS = ("reboot", "restart", "shutdown")

# A task that is tried again interrupts again.
REPEATED = (
    "until and retries: each attempt of the task would interrupt the connector once more. Nothing was sent. Leave them out, and wait with "
    "cloudflare.magic.connector_info in a separate task."
)

OPTIONS = SHARED.merge(
    ArgumentSpec(
        {
            "connector": {"type": "str", "required": True},
            "interrupt": {"type": "str", "required": True, "choices": list(INTERRUPTS)},
            "purge": {"type": "bool", "default": False},
            "confirm": {"type": "bool", "default": False},
        }
    )
)


def check(options: Mapping[str, t.Any]) -> list[str]:
    """Check what the argument specification cannot, before anything is sent.

    :raises MagicError: unless the user has confirmed.
    """
    if not options["confirm"]:
        lost = " and what the connector has stored is lost" if options["purge"] else ""
        raise MagicError(
            f"confirm: is not true. The {options['interrupt']} of connector '{options['connector']}' interrupts the traffic of its site{lost}, and each run "
            "of the task does it again. Nothing was sent. Set confirm: true if that is what you want."
        )
    return []


def _submitted(client: Client, path: list[str]) -> list[Json]:
    found = client.request("GET", path)
    return [without_keys(item) for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def interrupt(client: Client, options: Mapping[str, t.Any], check_mode: bool) -> Json:
    """Interrupt a connector, and return the module's result.

    :raises MagicError: if it was not done, or if that is unknown.
    """
    connector = the_one([CONNECTOR], "connector", options["connector"], Account(client).of)
    name, path = options["interrupt"], [*CONNECTOR.path(), connector["id"], "interrupts"]
    body = {name: {"purge": True} if options["purge"] else {}}
    result: Json = {"changed": True, "connector_id": connector["id"], "diff": {"before": {}, "after": {"interrupt": name, "purge": options["purge"]}}}
    if check_mode:
        return {**result, "validated": False}
    before = _submitted(client, path)
    try:
        answer = client.request("POST", path, body=body)
    except MagicError as error:
        if error.reached != UNKNOWN:
            raise
        answer = _found_after(client, path, name, before, error)
    return {**result, "connector_interrupt": without_keys(answer) if isinstance(answer, dict) else {}}


def _found_after(client: Client, path: list[str], name: str, before: list[Json], error: MagicError) -> Json:
    """Return the interrupt for which the response was lost.

    :raises MagicError: if it does not exist, or if that is unknown.
    """
    times = {item.get("submitted_at") for item in before}
    try:
        new = [item for item in _submitted(client, path) if name in item and item.get("submitted_at") not in times]
    except MagicError:
        new = []
    if new:
        return new[-1]
    text = f"{str(error).rstrip('.')}. The {name} may have been accepted or not: the list of interrupts does not have it. It was not sent again."
    raise error.explained(f"{text} See whether the connector comes back before you run the task once more.") from None
