# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The calls for all kinds of objects: what an account has, and writes about one object or several, with what their answers say."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping

from ansible_collections.cloudflare.magic.plugins.module_utils._client import canonical, check_id, identified, list_objects, member, read_object, without_keys
from ansible_collections.cloudflare.magic.plugins.module_utils._errors import REFUSED, UNKNOWN, MagicError, is_hopeless
from ansible_collections.cloudflare.magic.plugins.module_utils._fields import as_object, known
from ansible_collections.cloudflare.magic.plugins.module_utils._text import SHORTEST_KEY, listing, plural
from ansible_collections.cloudflare.magic.plugins.module_utils._tree import KINDS, REFERRED

if t.TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Sequence

    from ansible_collections.cloudflare.magic.plugins.module_utils._client import Client
    from ansible_collections.cloudflare.magic.plugins.module_utils._kind import Kind, Source
    from ansible_collections.cloudflare.magic.plugins.module_utils._plan import Plan

    Json = dict[str, t.Any]

# For a request that Cloudflare only validates.
ASK = {"validate_only": "true"}


# The codes for a path that does not exist: they say nothing about an object.
_NO_SUCH_PATH = 7003


def list_all(
    client: Client, kind: Kind, parent_id: str | None = None, hidden: dict[str, Json] | None = None, lookup: Callable[[Kind], list[Json]] | None = None
) -> list[Json]:
    """Return all objects of a kind, or those of one parent.

    :arg lookup: returns the objects of a kind that these may stand for; see ``Kind.source``.
    :arg hidden: gets the fields that no object comes with, by its id, for the one module whose job it is to hand them on.
    """
    if not kind.bare:
        return list_objects(client, kind.several, kind.noun, kind.headers, "/".join(kind.path()))
    if not kind.id_option:
        return _read_single(client, kind, parent_id)
    answer = client.request("GET", kind.path(parent_id), headers=kind.headers, tree=kind.tree)
    if kind.wrapped and isinstance(answer, dict):
        answer = answer.get(kind.several)
    if not isinstance(answer, list):
        raise MagicError(f"Cloudflare's response to the list of {plural(kind.noun)} is not a list, so it was not used. Report this if it happens again.")
    # Objects whose ID has another form are not of this kind.
    own = [item for item in answer if kind.id_field == "id" or not isinstance(item, dict) or kind.id_field in item]
    # One object may quote the secret of another one.
    client.keep_secret(*(item[name] for item in own if isinstance(item, dict) for name in kind.hidden if item.get(name)))
    found = identified(client, [_received(client, kind, item) for item in own], kind.noun)
    if hidden is not None:
        hidden.update({item["id"]: {name: raw[name] for name in kind.hidden if name in raw} for raw, item in zip(own, found)})
    others = {canonical(str(one)) for one in (client.settings.account_id, parent_id)}
    return found if kind.source is None else [_with_source(kind, kind.source, item, others, lookup) for item in found]


def _with_source(kind: Kind, source: Source, item: Json, others: set[str], lookup: Callable[[Kind], list[Json]] | None) -> Json:
    """Return an object with the id of what it stands for, if its URL has one.

    :arg others: ids in the URL that are about something else.
    """
    name = source.field_of(item)
    ids = [one for one in source.ids_in(item) if one not in others and one != canonical(item["id"])]
    if len(ids) > 1 and name and lookup is not None:
        there = {canonical(str(other.get("id"))) for end in kind.identifying[name].of for other in lookup(end)}
        ids = [one for one in ids if one in there] or ids[-1:]
    return {**item, name: ids[0]} if name and len(ids) == 1 else item


def list_inside(client: Client, kind: Kind, object_id: str, name: str) -> list[Json]:
    """Return a list in the path of an object; see ``Kind.inside``."""
    answer = client.request("GET", [*kind.path(), object_id, name], headers=kind.headers, tree=kind.tree)
    if not isinstance(answer, list) or not all(isinstance(item, dict) for item in answer):
        raise MagicError(
            f"Cloudflare's response to the list of {name} of a {kind.noun} is not a list of objects, so it was not used. Report this if it happens again."
        )
    return [without_keys(item) for item in answer]


def _read_single(client: Client, kind: Kind, parent_id: str | None) -> list[Json]:
    """Return the only possible object, or nothing."""
    try:
        found = client.request("GET", kind.path(parent_id), headers=kind.headers, tree=kind.tree)
    except MagicError as error:
        failure = error.failure or {}
        if failure.get("status") != 404 or any(entry.get("code") == _NO_SUCH_PATH for entry in failure.get("errors", [])):
            raise
        return []
    if found and not isinstance(found, dict):
        raise MagicError(f"Cloudflare's response to reading the {kind.noun} is not an object, so it was not used. Report this if it happens again.")
    return [_received(client, kind, found)] if found else []


def _received(client: Client, kind: Kind, item: t.Any) -> t.Any:
    """Return an object of an answer as it is worked with, without what is secret: neither in its place nor quoted elsewhere, nor in a later message."""
    if not isinstance(item, dict):
        return item
    found = {name: value for name, value in kind.received(item).items() if name not in kind.hidden}
    secrets = [item[name] for name in kind.hidden if item.get(name)]
    client.keep_secret(*secrets)
    own = [secret for secret in secrets if isinstance(secret, str) and len(secret) >= SHORTEST_KEY]
    return without_keys(client.without_quotes(found, own))


def read(client: Client, kind: Kind, object_id: str) -> Json:
    """Return one object of a kind that the API returns one by one (not ``bare``).

    :raises MagicError: if there is none with the id.
    """
    return read_object(client, "/".join(kind.path()), kind.single, object_id, kind.noun, kind.headers)


class Foreseen(t.NamedTuple):
    """What an earlier task of this run would have written, had it not run in check mode.

    :ivar account: the API's URL and the account.
    :ivar kind: its ``several``.
    :ivar object_id: of a new object, a text for people that later tasks take for its id. Empty if there is one object at most, and it exists.
    :ivar item: the object as it would be; None if it would be deleted.
    :ivar is_new: whether it does not exist yet.
    """

    account: str
    kind: str
    parent_id: str | None
    object_id: str
    item: Json | None
    is_new: bool


def account_of(client: Client) -> str:
    """Return what identifies an account in a run."""
    return f"{client.settings.api_url} {client.settings.account_id}"


def foreseen_id(kind: Kind, label: str) -> str:
    """Return the text that stands for the id of a new object in check mode. Like each id, it has no slash."""
    return f"(new: {kind.several} {label}".rstrip().replace("%", "%25").replace("/", "%2F") + ")"


def foreseen_of(kind: Kind, planned: Plan, label: str, account: Account, whose: str, parent_id: str | None) -> list[Foreseen]:
    """Return what later tasks in check mode have to know of a plan. What Cloudflare validates is validated against what there is.

    :arg label: what people call the object.
    """
    if kind.validates:
        return []
    item, is_new = planned.result or {}, planned.method == "POST"
    object_id = foreseen_id(kind, label or parent_id or "") if is_new else str(item.get("id", ""))
    then = None if planned.method == "DELETE" else {**item, **({"id": object_id} if object_id else {})}
    return [Foreseen(whose, kind.several, parent_id, object_id, then, is_new or object_id in account.foreseen_ids)]


class Account(t.Mapping[str, "list[Json]"]):  # of typing, for Python 3.8
    """What an account has: the objects of each kind by ``key_of``, read when they are asked for, each kind once.

    :arg foreseen: what earlier tasks of a run in check mode would have written, in any account.
    """

    def __init__(self, client: Client, foreseen: Sequence[Foreseen] = ()) -> None:
        self._client = client
        mine = [one for one in foreseen if one.account == account_of(client)]
        # The last word on each.
        self._foreseen: dict[tuple[str, str | None], dict[str, Foreseen]] = {}
        for one in mine:
            self._foreseen.setdefault((one.kind, one.parent_id), {})[one.object_id] = one
        self.foreseen_ids = {one.object_id for one in mine if one.is_new}
        """What stands for the ids of objects that do not exist yet."""
        self._kinds = {kind.several: kind for kind in (*KINDS, *REFERRED)}
        self._read: dict[tuple[str, str | None], list[Json]] = {}

    def __getitem__(self, several: str) -> list[Json]:
        parent_id, dummy, name = several.rpartition("/")
        return self.of(self._kinds[name], parent_id or None)

    def of(self, kind: Kind, parent_id: str | None = None) -> list[Json]:
        """Return the objects of a kind, or those of one parent."""
        key = kind.several, parent_id
        if key not in self._read:
            try:
                there = [] if parent_id in self.foreseen_ids else list_all(self._client, kind, parent_id, lookup=self.of)
                self._read[key] = self.as_foreseen(kind, there, parent_id)
            except MagicError as error:
                error.unreadable = True
                raise
        return self._read[key]

    def as_foreseen(self, kind: Kind, there: Sequence[Json], parent_id: str | None = None) -> list[Json]:
        """Return objects as they would be after the earlier tasks of a run in check mode."""
        then = self._foreseen.get((kind.several, parent_id), {})
        kept = [then[str(item.get("id", ""))].item if str(item.get("id", "")) in then else item for item in there]
        return [item for item in (*kept, *(one.item for one in then.values() if one.is_new)) if item is not None]

    def is_read(self, kind: Kind, parent_id: str | None = None) -> bool:
        """Return whether the objects of a kind, or of one parent, are known already."""
        return (kind.several, parent_id) in self._read

    def __iter__(self) -> Iterator[str]:
        return iter(self._kinds)

    def __len__(self) -> int:
        return len(self._kinds)


def send(kind: Kind, client: Client, planned: Plan, secret: Mapping[str, str], params: Mapping[str, str] | None = None, parent_id: str | None = None) -> t.Any:
    """Send the request of a plan, and return the unchecked result."""
    segments = [*kind.path(parent_id), *([] if planned.object_id is None else [planned.object_id])]
    body = [planned.body] if kind.listed and planned.method == "POST" else planned.body
    return _request(client, kind, str(planned.method), segments, params, body, list(secret.values()))


def _request(client: Client, kind: Kind, method: str, path: list[str], params: Mapping[str, str] | None, body: t.Any, secrets: Sequence[str] = ()) -> t.Any:
    """Send a write, and return the unchecked result.

    :raises MagicError: if it fails; if Cloudflare rejects a new object, with what a user should know.
    """
    try:
        return client.request(method, path, params=params, body=body, headers=kind.headers, secrets=secrets, tree=kind.tree)
    except MagicError as error:
        if method != "POST" or not kind.if_refused or error.reached != REFUSED or is_hopeless(error):
            raise
        raise error.explained(f"{error} {kind.if_refused}") from None


def write_several(
    kind: Kind, client: Client, plans: Sequence[Plan], there: Container[str], params: Mapping[str, str] | None = None, parent_id: str | None = None
) -> list[Json | None]:
    """Carry out plans of one method by one request, and return the objects as its answer has them, in the order of the plans.

    :arg there: the IDs of the objects that existed before.
    :raises MagicError: if it does not confirm that everything was done, or describes other objects.
    """
    if len(plans) == 1:
        return [result_of(client, kind, plans[0], send(kind, client, plans[0], {}, params, parent_id), there)]
    method = str(plans[0].method)
    what = f"the {method} of {len(plans)} {plural(kind.noun)}"
    bodies = [{**(planned.body or {}), **({} if planned.object_id is None else {"id": planned.object_id})} for planned in plans]
    answer = _request(client, kind, method, kind.path(parent_id), params, bodies if kind.listed else {kind.several: bodies})
    if method == "POST":
        whole = {kind.several: [_received(client, kind, one) for one in answer]} if kind.listed and isinstance(answer, list) else answer
        created = member(whole, kind.several, list, what, UNKNOWN)
        if len(created) != len(plans):
            raise MagicError(f"Cloudflare's response to {what} has {len(created)}, so it was not used. Report this if it happens again.", reached=UNKNOWN)
        found: list[Json | None] = []
        seen: set[str] = set()
        for planned, one in zip(plans, created):
            member(one, "id", str, what, UNKNOWN)
            # No two of them may be the same.
            one = _confirmed(client, kind, planned.desired, one)
            _check_new(kind, planned.desired, one, there if one["id"] in there else seen, what)
            seen.add(one["id"])
            found.append(without_keys(one))
        return found
    return _changed(plans, answer, "modified" if method == "PUT" else "deleted", kind, what)


def _changed(plans: Sequence[Plan], answer: t.Any, done: str, kind: Kind, what: str) -> list[Json | None]:
    """Return the objects in the answer to a change of several."""
    if member(answer, done, bool, what, UNKNOWN) is False:
        raise MagicError(f"Cloudflare's response to {what} says that they were not {done}, without a reason.", reached=REFUSED)
    told = answer.get(f"{done}_{kind.several}")
    if told is None:
        return [None] * len(plans)
    by_id = {canonical(str(one.get("id"))): one for one in told if isinstance(one, dict)} if isinstance(told, list) else {}
    asked = [canonical(str(planned.object_id)) for planned in plans]
    if set(by_id) != set(asked):
        raise MagicError(
            f"Cloudflare's response to {what} describes other objects, so it was not used. Run the task again; report this if it happens again.",
            reached=UNKNOWN,
        )
    return [without_keys(by_id[object_id]) if done == "modified" else None for object_id in asked]


def carry_out(kind: Kind, client: Client, planned: Plan, secret: Mapping[str, str], there: Container[str], parent_id: str | None = None) -> Json | None:
    """Carry out the plan of a task, and return the object as the answer has it.

    :arg there: the IDs of the objects that existed before.
    :raises MagicError: if it failed; the text describes the state of the object.
    """
    method = str(planned.method)
    try:
        return result_of(client, kind, planned, send(kind, client, planned, secret, None, parent_id), there)
    except MagicError as error:
        if error.reached != UNKNOWN:
            raise
        state = {"POST": "may have been created", "DELETE": "may have been deleted"}.get(method, "may have been updated")
        repair = "Run the task again: it reads the current state and completes the remaining changes."
        raise error.explained(f"{str(error).rstrip('.')}. The {kind.noun} {state}. {repair}") from None


def result_of(client: Client, kind: Kind, planned: Plan, answer: t.Any, there: Container[str]) -> Json | None:
    """Return the object in the answer to a write.

    :arg there: the IDs of the objects that existed before.
    :raises MagicError: if it does not say that it was done, or is about another object.
    """
    method = str(planned.method)
    what = f"the {method} of the {kind.noun}"
    if method == "POST":
        created = _received(client, kind, _created(kind, answer))
        if kind.id_option:
            member(created, "id", str, what, UNKNOWN)
        elif not isinstance(created, dict):
            raise MagicError(f"Cloudflare's response to {what} is not an object, so it was not used. Report this if it happens again.", reached=UNKNOWN)
        created = _confirmed(client, kind, planned.desired, created)
        _check_new(kind, planned.desired, as_object(created), there, what)
        return t.cast("Json", without_keys(_completed(kind, planned, created)))
    done = "deleted" if method == "DELETE" else "modified"
    if kind.bare and not (isinstance(answer, dict) and f"{done}_{kind.single}" in answer):
        if isinstance(answer, list) and len(answer) != 1:
            raise MagicError(
                f"Cloudflare's response to {what} is a list of {len(answer)}, so it was not used. Report this if it happens again.", reached=UNKNOWN
            )
        found = _received(client, kind, answer[0] if isinstance(answer, list) else answer)
    else:
        if member(answer, done, bool, what, UNKNOWN) is False:
            raise MagicError(f"Cloudflare's response to {what} says that it was not {done}, without a reason.", reached=REFUSED)
        found = answer.get(f"{done}_{kind.single}")
    if planned.object_id is not None:
        check_id(found, "id", planned.object_id, what)
    return without_keys(_completed(kind, planned, found)) if method != "DELETE" and isinstance(found, dict) else None


def _completed(kind: Kind, planned: Plan, answer: Json) -> Json:
    """Return the object in an answer to a write with what such answers do not have, as it was sent."""
    name = "" if kind.mixed is None else kind.mixed.field
    return answer if not name or name in answer or name not in (planned.result or {}) else {**answer, name: (planned.result or {})[name]}


def _created(kind: Kind, answer: t.Any) -> t.Any:
    """Return the object in the answer to a POST, which is a list for some kinds and was one for others."""
    several = answer if kind.bare else answer.get(kind.several) if isinstance(answer, dict) else None
    if isinstance(several, list) and several:
        return several[0]
    return answer.get(kind.single, answer) if isinstance(answer, dict) and not kind.bare else answer


def _confirmed(client: Client, kind: Kind, sent: Json, created: t.Any) -> t.Any:
    """Return the object in the response to a POST with the id of what it stands for, if its URL has that id; with another one if it has others only."""
    source = kind.source
    if source is None or not isinstance(created, dict):
        return created
    name, others = source.field_of(created), (canonical(client.settings.account_id), canonical(str(created.get("id"))))
    ids = [one for one in source.ids_in(created) if one not in others]
    return {**created, name: sent[name] if canonical(str(sent.get(name))) in ids else ids[-1]} if name and ids else created


def _check_new(kind: Kind, sent: Json, created: Json, there: Container[str], what: str) -> None:
    """Compare the object in the response to a POST with the one that was sent: a later task would change or delete the object with its ID.

    :raises MagicError: if it is another one. The outcome of the request is then unknown.
    """
    # Without a URL, the type is all that can be compared.
    unclear = kind.source is not None and not kind.source.is_shown(created) and kind.source.field_of(created) in kind.keys_in(sent)
    keys = () if unclear else kind.keys_in(sent)
    wrong = [key for key in keys if known(kind.fields[key], created.get(key)) != known(kind.fields[key], sent.get(key))]
    if kind.id_option and created.get("id") in there:
        wrong.append("id")
    if wrong:
        asked = " and ".join(f"{key} {sent.get(key)}" for key in kind.keys_in(sent))
        raise MagicError(
            f"Cloudflare's response to {what} describes an object other than the new one with {asked} (see its {listing(wrong)}), so it was not used. "
            "Report this if it happens again.",
            reached=UNKNOWN,
        )
