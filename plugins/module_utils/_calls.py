# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The calls for tunnels, routes and interconnects: what an account has, and writes about one object or several, with what their answers say."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping

from ansible_collections.cloudflare.magic.plugins.module_utils._client import canonical, check_id, list_objects, member, read_object, without_keys
from ansible_collections.cloudflare.magic.plugins.module_utils._errors import REFUSED, UNKNOWN, MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._fields import as_object, known
from ansible_collections.cloudflare.magic.plugins.module_utils._kinds import KINDS
from ansible_collections.cloudflare.magic.plugins.module_utils._text import listing

if t.TYPE_CHECKING:
    from collections.abc import Container, Iterator, Sequence

    from ansible_collections.cloudflare.magic.plugins.module_utils._client import Client
    from ansible_collections.cloudflare.magic.plugins.module_utils._kinds import Kind
    from ansible_collections.cloudflare.magic.plugins.module_utils._plan import Plan

    Json = dict[str, t.Any]

# For a request that Cloudflare only checks.
ASK = {"validate_only": "true"}


def list_all(client: Client, kind: Kind) -> list[Json]:
    """Return all objects of a kind."""
    return list_objects(client, kind.several, kind.noun, kind.headers, kind.path)


def read(client: Client, kind: Kind, object_id: str) -> Json:
    """Return one object.

    :raises MagicError: if there is none with the id.
    """
    return read_object(client, kind.path, kind.single, object_id, kind.noun, kind.headers)


class Account(t.Mapping[str, "list[Json]"]):  # of typing, for Python 3.8
    """What an account has: the objects of each kind by ``Kind.several``, read when they are asked for, each kind once."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._kinds = {kind.several: kind for kind in KINDS}
        self._read: dict[str, list[Json]] = {}

    def __getitem__(self, several: str) -> list[Json]:
        if several not in self._read:
            try:
                self._read[several] = list_all(self._client, self._kinds[several])
            except MagicError as error:
                error.unreadable = True
                raise
        return self._read[several]

    def __iter__(self) -> Iterator[str]:
        return iter(self._kinds)

    def __len__(self) -> int:
        return len(self._kinds)


def send(kind: Kind, client: Client, planned: Plan, secret: Mapping[str, str], params: Mapping[str, str] | None = None) -> t.Any:
    """Send the request of a plan, and return what the answer says, unchecked."""
    segments = [kind.path] if planned.object_id is None else [kind.path, planned.object_id]
    return client.request(str(planned.method), segments, params=params, body=planned.body, headers=kind.headers, secrets=list(secret.values()))


def write_several(kind: Kind, client: Client, plans: Sequence[Plan], there: Container[str], params: Mapping[str, str] | None = None) -> list[Json | None]:
    """Carry out plans of one method by one request, and return the objects as its answer has them, in the order of the plans.

    :arg there: the ids of the objects that there were before.
    :raises MagicError: if it does not say that all was done, or is about other objects.
    """
    if len(plans) == 1:
        return [result_of(kind, plans[0], send(kind, client, plans[0], {}, params), there)]
    method = str(plans[0].method)
    what = f"the {method} of {len(plans)} {kind.noun}s"
    bodies = [{**(planned.body or {}), **({} if planned.object_id is None else {"id": planned.object_id})} for planned in plans]
    answer = client.request(method, [kind.path], params=params, body={kind.several: bodies}, headers=kind.headers)
    if method == "POST":
        created = member(answer, kind.several, list, what, UNKNOWN)
        if len(created) != len(plans):
            raise MagicError(f"Cloudflare's answer to {what} has {len(created)}, and is not taken. Report it if it stays.", reached=UNKNOWN)
        found: list[Json | None] = []
        seen: set[str] = set()
        for planned, one in zip(plans, created):
            member(one, "id", str, what, UNKNOWN)
            # Nor may two of them be the same.
            _check_new(kind, as_object(planned.body), one, there if one["id"] in there else seen, what)
            seen.add(one["id"])
            found.append(without_keys(one))
        return found
    return _changed(plans, answer, "modified" if method == "PUT" else "deleted", kind, what)


def _changed(plans: Sequence[Plan], answer: t.Any, done: str, kind: Kind, what: str) -> list[Json | None]:
    """Return the objects in the answer to a change of several."""
    if member(answer, done, bool, what, UNKNOWN) is False:
        raise MagicError(f"Cloudflare's answer to {what} says that they were not {done}, without a reason.", reached=REFUSED)
    told = answer.get(f"{done}_{kind.several}")
    if told is None:
        return [None] * len(plans)
    by_id = {canonical(str(one.get("id"))): one for one in told if isinstance(one, dict)} if isinstance(told, list) else {}
    asked = [canonical(str(planned.object_id)) for planned in plans]
    if set(by_id) != set(asked):
        raise MagicError(f"Cloudflare's answer to {what} is about other objects, and is not taken. Run the task again; report it if it stays.", reached=UNKNOWN)
    return [without_keys(by_id[object_id]) if done == "modified" else None for object_id in asked]


def carry_out(kind: Kind, client: Client, planned: Plan, secret: Mapping[str, str], there: Container[str]) -> Json | None:
    """Carry out the plan of a task, and return the object as the answer has it.

    :arg there: the ids of the objects that there were before.
    :raises MagicError: if it failed; the text says what state things are in.
    """
    method = str(planned.method)
    try:
        return result_of(kind, planned, send(kind, client, planned, secret), there)
    except MagicError as error:
        if error.reached != UNKNOWN:
            raise
        state = "may exist now" if method == "POST" else "may be changed" if method == "PUT" else "may be gone"
        heal = "Run the task again: it reads what there is, and does what is left."
        raise error.explained(f"{str(error).rstrip('.')}. The {kind.noun} {state}. {heal}") from None


def result_of(kind: Kind, planned: Plan, answer: t.Any, there: Container[str]) -> Json | None:
    """Return the object in the answer to a write.

    :arg there: the ids of the objects that there were before.
    :raises MagicError: if it does not say that it was done, or is about another object.
    """
    method = str(planned.method)
    what = f"the {method} of the {kind.noun}"
    if method == "POST":
        # Older answers are lists.
        several = answer.get(kind.several) if isinstance(answer, dict) else None
        created = several[0] if isinstance(several, list) and several else answer.get(kind.single, answer) if isinstance(answer, dict) else None
        member(created, "id", str, what, UNKNOWN)
        _check_new(kind, as_object(planned.body), as_object(created), there, what)
        return t.cast("Json", without_keys(created))
    done = "modified" if method == "PUT" else "deleted"
    if member(answer, done, bool, what, UNKNOWN) is False:
        raise MagicError(f"Cloudflare's answer to {what} says that it was not {done}, without a reason.", reached=REFUSED)
    found = answer.get(f"{done}_{kind.single}")
    if planned.object_id is not None:
        check_id(found, "id", planned.object_id, what)
    return without_keys(found) if method == "PUT" else None


def _check_new(kind: Kind, sent: Json, created: Json, there: Container[str], what: str) -> None:
    """Compare the object in the answer to a POST with the one that was sent: a later task would change or delete what has its id.

    :raises MagicError: if it is another one. What became of the request is not known then.
    """
    wrong = [key for key in kind.keys if known(kind.fields[key], created.get(key)) != known(kind.fields[key], sent.get(key))]
    if created.get("id") in there:
        wrong.append("id")
    if wrong:
        asked = " and ".join(f"{key} {sent.get(key)}" for key in kind.keys)
        raise MagicError(
            f"Cloudflare's answer to {what} is about another object than the new one with {asked} (see its {listing(wrong)}), and is not taken. "
            "Report it if it stays.",
            reached=UNKNOWN,
        )
