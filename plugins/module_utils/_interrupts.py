# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Interrupts of connectors: each is sent at most once. If a response is lost, the interrupt is looked up and not sent again."""

from __future__ import annotations

import typing as t
from contextlib import nullcontext

from ansible_collections.cloudflare.magic.plugins.module_utils._calls import Account
from ansible_collections.cloudflare.magic.plugins.module_utils._client import without_keys
from ansible_collections.cloudflare.magic.plugins.module_utils._errors import UNKNOWN, MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._options import SHARED, ArgumentSpec
from ansible_collections.cloudflare.magic.plugins.module_utils._references import the_one
from ansible_collections.cloudflare.magic.plugins.module_utils._site_kinds import CONNECTOR

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from ansible_collections.cloudflare.magic.plugins.module_utils._client import Client

    Json = dict[str, t.Any]
    # What the hosts of a task have sent of one interrupt, by what identifies it. Within the context, no other host sends it.
    Requests = Callable[[list[t.Any]], AbstractContextManager[list["Sent"]]]

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


class Sent(t.NamedTuple):
    """An interrupt that a host of this task has sent.

    :ivar host: its name.
    :ivar answer: Cloudflare's answer; None if it is not known whether Cloudflare accepted the interrupt.
    """

    host: str
    answer: Json | None


def _nobody_else(_about: list[t.Any]) -> AbstractContextManager[list[Sent]]:
    """Return what the hosts of a task with a single host have sent."""
    return nullcontext([])


def _submitted(client: Client, path: list[str]) -> list[Json]:
    found = client.request("GET", path)
    return [without_keys(item) for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def interrupt(client: Client, options: Mapping[str, t.Any], check_mode: bool, host: str = "", requests: Requests = _nobody_else) -> Json:
    """Interrupt a connector, and return the module's result.

    :arg host: the name of the host of this task.
    :arg requests: what its other hosts have sent; see ``Requests``.
    :raises MagicError: if it was not done, or if that is unknown.
    """
    connector = the_one([CONNECTOR], "connector", options["connector"], Account(client).of)
    name, path = options["interrupt"], [*CONNECTOR.path(), connector["id"], "interrupts"]
    body = {name: {"purge": True} if options["purge"] else {}}
    result: Json = {"changed": True, "connector_id": connector["id"], "diff": {"before": {}, "after": {"interrupt": name, "purge": options["purge"]}}}
    with requests([client.settings.api_url, client.settings.account_id, connector["id"], body, check_mode]) as sent:
        if sent:
            result.update(changed=False, diff={}, msg=_already(sent[0], name, connector["id"]))
        elif check_mode:
            sent.append(Sent(host, {}))
        else:
            before = _submitted(client, path)
            # Noted before: whatever ends this task, no other host sends it once more.
            sent.append(Sent(host, None))
            try:
                answer = client.request("POST", path, body=body)
            except MagicError as error:
                if error.reached != UNKNOWN:
                    sent.clear()
                    raise
                answer = _found_after(client, path, name, before, error)
            sent[0] = Sent(host, without_keys(answer) if isinstance(answer, dict) else {})
        return {**result, **({"validated": False} if check_mode else {"connector_interrupt": sent[0].answer})}


def _already(sent: Sent, name: str, connector_id: str) -> str:
    """Return a note that this task has sent an interrupt already.

    :raises MagicError: if it is not known whether Cloudflare accepted it.
    """
    text = f"The {name} of connector {connector_id} was not sent again, because this task has sent it for the host {sent.host}."
    if sent.answer is None:
        raise MagicError(f"{text} It is not known whether Cloudflare accepted it. See whether the connector comes back before you run the task once more.")
    return text


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
