# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""License keys of connectors: which one is in force, when a new one is provisioned, and what becomes of a lost answer.

Cloudflare provisions another key each time that it is asked to. Other than a pre-shared key, the key in force is in every answer about the connector, so that
a lost one can be read.
"""

from __future__ import annotations

import typing as t

from ansible_collections.cloudflare.magic.plugins.module_utils._calls import Account, Foreseen, account_of, foreseen_id, list_all
from ansible_collections.cloudflare.magic.plugins.module_utils._client import check_id
from ansible_collections.cloudflare.magic.plugins.module_utils._errors import UNKNOWN, MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._fields import as_object
from ansible_collections.cloudflare.magic.plugins.module_utils._options import ArgumentSpec
from ansible_collections.cloudflare.magic.plugins.module_utils._policy import DELIVERY, check_delivery
from ansible_collections.cloudflare.magic.plugins.module_utils._psk import Keeper, is_usable
from ansible_collections.cloudflare.magic.plugins.module_utils._references import the_one
from ansible_collections.cloudflare.magic.plugins.module_utils._site_kinds import CONNECTOR
from ansible_collections.cloudflare.magic.plugins.module_utils._text import SHORTEST_KEY, listing

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ansible_collections.cloudflare.magic.plugins.module_utils._client import Client

    Json = dict[str, t.Any]

OPTIONS = DELIVERY.merge(
    ArgumentSpec(
        {"connector": {"type": "str"}, "notes": {"type": "str"}, "rotate": {"type": "str", "choices": ["missing", "always"], "default": "missing"}},
        mutually_exclusive=[("connector", "notes")],
        required_one_of=[("connector", "notes")],
    )
)

_WHAT = "provisioning a license key"
_PHYSICAL, _VIRTUAL = "MANAGED", "LICENSED"
_HEAL = "The license key in force may no longer be the previous one. Run the task again with rotate: always, which provisions a new one."


def check(options: Mapping[str, t.Any]) -> list[str]:
    """Check what the argument specification cannot, before anything is sent.

    :raises MagicError: naming the option and what to do.
    """
    if not (options["connector"] or options["notes"] or "").strip():
        raise MagicError("connector and notes are empty. Give the serial number or the id of the connector, or the notes of a virtual one.")
    check_delivery(options)
    return []


def usable(found: t.Any) -> str | None:
    """Return what an answer has as a license key, if it can be one: neither empty, nor too short to be masked, nor shown with parts of it hidden."""
    return found if isinstance(found, str) and len(found) >= SHORTEST_KEY and is_usable(found) and not {"*", "•", "…"} & set(found) else None


def why_due(rotate: str, reported: str | None, held: str | None, interrupted: bool) -> tuple[str, bool]:
    """Decide what becomes of a license key.

    :arg reported: the key in force, if Cloudflare reports one.
    :arg held: the key that the file or the fact has for the connector.
    :arg interrupted: whether a run ended while it provisioned a key, so that the one that is held may not be in force.
    :returns: the reason (``always``, ``interrupted``, ``missing``, ``existing``, ``replaced`` or ``not_due``), and whether a new key is provisioned.
    """
    if rotate == "always":
        return "always", True
    if interrupted:
        return "interrupted", reported is None
    if reported is None:
        return ("missing", True) if held is None else ("not_due", False)
    if held is None:
        return "existing", False
    return ("not_due" if held == reported else "replaced"), False


def _type_of(connector: Json) -> t.Any:
    return as_object(connector.get("device")).get("type")


def _same(found: t.Any, notes: str) -> bool:
    return isinstance(found, str) and found.strip() == notes.strip()


class _Account:
    """The connectors of an account, and the license keys that Cloudflare reports for them.

    :arg foreseen: what earlier tasks of a run in check mode would have written.
    """

    def __init__(self, client: Client, foreseen: Sequence[Foreseen] = ()) -> None:
        self._hidden: dict[str, Json] = {}
        then = Account(client, foreseen)
        self.connectors = then.as_foreseen(CONNECTOR, list_all(client, CONNECTOR, hidden=self._hidden))
        self._foreseen_ids = then.foreseen_ids

    def is_registered_before(self, connector: Json) -> bool:
        """Return whether an earlier task in check mode would have registered a connector, and delivered its license key."""
        return connector["id"] in self._foreseen_ids and _type_of(connector) == _VIRTUAL

    def reported(self, connector_id: str) -> str | None:
        """Return the license key in force of a connector, if Cloudflare reports one."""
        return usable(self._hidden.get(connector_id, {}).get("license_key"))

    def noted(self, notes: str) -> list[Json]:
        """Return the connectors with these notes, except those of physical devices: one that is overlooked would be registered again."""
        return [item for item in self.connectors if _type_of(item) != _PHYSICAL and _same(item.get("notes"), notes)]

    def find(self, options: Mapping[str, t.Any]) -> Json | None:
        """Return the connector that the options mean; None if it is a virtual one that is not registered.

        :raises MagicError: if there is none, or more than one.
        """
        if options["connector"] is not None:
            return the_one([CONNECTOR], "connector", options["connector"], lambda dummy: self.connectors)
        found = self.noted(options["notes"])
        if len(found) > 1:
            ids = listing(item["id"] for item in found)
            raise MagicError(f"notes: {len(found)} connectors of virtual appliances have the notes '{options['notes']}' ({ids}). Give connector instead.")
        return found[0] if found else None


def _reported(client: Client, connector_id: str) -> str | None:
    return _Account(client).reported(connector_id)


def _register(client: Client, notes: str, account: _Account, warnings: list[str]) -> tuple[Json, str]:
    """Register the connector of a virtual appliance, and return it with its license key.

    :raises MagicError: if it was not registered, or nobody knows whether it was. It is not sent again: there would be two.
    """
    before = {item["id"] for item in account.connectors}
    try:
        answer = client.request("POST", CONNECTOR.path(), body={"device": {"provision_license": True}, "notes": notes})
        found = as_object(answer)
        key = usable(found.get("license_key"))
        client.keep_secret(found.get("license_key"))
        if not isinstance(found.get("id"), str) or found["id"] in before or not _same(found.get("notes", notes), notes) or key is None:
            raise MagicError("Cloudflare's response to the registration does not describe the new connector with its license key.", reached=UNKNOWN)
        return found, key
    except MagicError as error:
        lost = _lost(error)
    story = f"The response to the registration of the connector '{notes}' was lost ({str(lost).rstrip('.')})"
    reported, new = None, []
    try:
        now = _Account(client)
        new = [item for item in now.noted(notes) if item["id"] not in before]
        reported = now.reported(new[0]["id"]) if len(new) == 1 else None
    except MagicError:
        pass  # nothing is known then
    if reported is None:
        raise lost.explained(f"{story}. The connector may exist. Run the task again: it reads the current state and does what remains to be done.") from None
    warnings.append(f"{story}. The connector and its license key were read instead.")
    return new[0], reported


def _lost(error: MagicError) -> MagicError:
    """Return the error of a request whose answer was lost.

    :raises MagicError: the error itself, if the request certainly changed nothing.
    """
    if error.reached != UNKNOWN:
        raise error
    return _wordless(error)


def _wordless(error: MagicError) -> MagicError:
    """Return an error without the words of an answer that may quote a license key that nobody knows."""
    failure = error.failure or {}
    if not failure.get("errors"):
        return error  # all words are ours
    codes = [{name: entry[name] for name in ("code",) if name in entry} for entry in failure["errors"]]
    known = ", ".join(str(entry["code"]) for entry in codes if "code" in entry)
    text = f"HTTP status {failure['status']}, codes: {known or 'none'}. The rest of the response is omitted, because it may quote the license key"
    return MagicError(text, failure={**failure, "errors": codes}, reached=error.reached)


def _provision_once(client: Client, connector_id: str, before: str | None) -> str:
    answer = client.request("PATCH", [*CONNECTOR.path(), connector_id], body={"provision_license": True})
    found = answer.get("license_key") if isinstance(answer, dict) else None
    client.keep_secret(found)
    check_id(answer, "id", connector_id, _WHAT)
    key = usable(found)
    if key is None:
        raise MagicError(f"Cloudflare's response to {_WHAT} contains no usable key.", reached=UNKNOWN)
    if key == before:
        raise MagicError(f"Cloudflare's response to {_WHAT} contains the previous key.", reached=UNKNOWN)
    return key


def _provision(client: Client, connector_id: str, before: str | None, warnings: list[str]) -> str:
    """Have Cloudflare provision a license key, and return the one in force.

    If the answer is lost, the connector is read. If it has another key than before, that is the one. If not, one more is provisioned, and taken only if the
    connector has it then.

    :arg before: the key that Cloudflare reported before, if it did.
    :arg warnings: gets a line if a response was lost.
    :raises MagicError: if there is no key, or none that is certainly in force.
    """
    try:
        return _provision_once(client, connector_id, before)
    except MagicError as error:
        lost = _lost(error)
    story = f"The response with the new license key of connector {connector_id} was lost ({str(lost).rstrip('.')})"
    try:
        key = _reported(client, connector_id)
        done = "It was read from the connector."
        if key in (None, before):
            ours = _provision_once(client, connector_id, before)
            key = _reported(client, connector_id)
            done = "The connector did not have it, so one more was provisioned, and it is confirmed to be the one in force."
            if key != ours:
                raise MagicError("One more license key was provisioned, but the connector does not confirm that it is the latest one.")
    except MagicError as error:
        # The failure is that of the first request, which may have changed the key, regardless of the next one.
        raise lost.explained(f"{story}, and it could not be recovered: {str(_wordless(error)).rstrip('.')}. {_HEAL}") from None
    warnings.append(f"{story}. {done}")
    return key


def _decide(account: _Account, options: Mapping[str, t.Any], connector: Json | None, keeper: Keeper, held: Mapping[str, t.Any]) -> tuple[str, bool]:
    """Return why a license key is delivered, and whether a new one is provisioned; see ``why_due``.

    :raises MagicError: if the connector needs none.
    """
    if connector is None:
        return "registered", True
    reported, rotate = account.reported(connector["id"]), options["rotate"]
    if account.is_registered_before(connector) and rotate != "always":
        return ("not_due" if options["vault_file"] is not None else "existing"), False
    # A fact ends with the run: what only that has is read and delivered each time.
    mine = held.get(connector["id"]) if options["vault_file"] is not None or reported is None else None
    reason, new = why_due(rotate, reported, mine, keeper.interrupted(connector["id"]))
    if new and reported is None and _type_of(connector) == _PHYSICAL:
        raise MagicError(f"connector: '{options['connector']}' is a physical device, which needs no license key. Nothing was changed. Remove the task.")
    return reason, new


def deliver(
    client: Client, options: Mapping[str, t.Any], check_mode: bool, keeper: Keeper, held: Mapping[str, t.Any], foreseen: list[Foreseen] | None = None
) -> Json:
    """Do the work of ``connector_license``.

    :arg options: validated by ``OPTIONS`` and ``check``.
    :arg keeper: is told before a key is provisioned.
    :arg held: the keys that the receivers have, by the id of the connector.
    :arg foreseen: what earlier tasks would have written in check mode; what this one would is appended.
    :returns: the module's result; ``license_key`` is in it if there is one to deliver.
    :raises MagicError: if it failed; the text says what state things are in.
    """
    foreseen = foreseen if check_mode and foreseen is not None else []
    account = _Account(client, foreseen)
    warnings: list[str] = []
    connector = account.find(options)
    reported = None if connector is None else account.reported(connector["id"])
    reason, new = _decide(account, options, connector, keeper, held)
    key = None if reason == "not_due" else reported
    if new and not check_mode:
        if connector is None:
            connector, key = _register(client, options["notes"], account, warnings)
        else:
            key = _replace(client, connector["id"], _serial_number(connector), reported, keeper, warnings)
    if connector is None:
        connector = _foretold(client, options["notes"], foreseen)
    result: Json = {
        "changed": new or (reason != "not_due" and options["vault_file"] is not None),
        "connector_id": connector["id"],
        "serial_number": _serial_number(connector),
        "reason": reason,
        "provisioned": new,
        "license_key": None if check_mode else key,
        "validated": False if check_mode and new else None,
        "diff": {"before": {"license_key": "(hidden)" if reported else None}, "after": {"license_key": "(a new one, hidden)"}} if new else None,
        "warnings": warnings or None,
    }
    return {name: value for name, value in result.items() if value is not None}


def _foretold(client: Client, notes: str, foreseen: list[Foreseen]) -> Json:
    """Return the connector that check mode does not register, and have later tasks of the run find it."""
    object_id = foreseen_id(CONNECTOR, notes)
    connector: Json = {"id": object_id, "notes": notes, "device": {"type": _VIRTUAL}}
    foreseen.append(Foreseen(account_of(client), CONNECTOR.several, None, object_id, connector, True))
    return connector


def _serial_number(connector: Json) -> str | None:
    found = as_object(connector.get("device")).get("serial_number")
    return found if isinstance(found, str) and found else None


def _replace(client: Client, connector_id: str, serial_number: str | None, before: str | None, keeper: Keeper, warnings: list[str]) -> str:
    """Provision a new key, and have it noted before."""
    keeper.begin(connector_id, serial_number)
    try:
        return _provision(client, connector_id, before, warnings)
    except MagicError as error:
        if error.reached != UNKNOWN:
            keeper.unchanged(connector_id)
        raise
