# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the calls of the API do to the kinds of tree.py, all alike: the declarations there say how they differ.

Where Cloudflare documents nothing, a choice had to be made; each is marked "Choice" and can be found by that word.
"""

from __future__ import annotations

import copy
import secrets
import time
from typing import Any, Callable, Iterator, Sequence

from .items import Item, Items, child_of, naming, unique_of
from .kinds import Form, Kind
from .moments import to_timestamp
from .tree import BY_NAME
from .values import ApiError, Json, invalid, refuse_null, typed

Render = Callable[[Item], Json]


def now() -> str:
    """Return the time as answers have it."""
    return to_timestamp(time.time_ns(), 6)


class Look:
    """What the checks of an object see: it and what is around it.

    Args:
        items: all that there are.
        item: that is checked.
        old: what was in its place before, or None.
    """

    def __init__(self, items: Items, item: Item, old: Item | None) -> None:
        self._items = items
        self._item = item
        self.fields = item.fields
        self.before = old.fields if old else {}

    @property
    def parent(self) -> Item:
        """Return what the object belongs to."""
        form = self._item.form
        found = self._items.get(BY_NAME[form.parent], self._item.parent_id)
        assert found is not None
        return found

    def named(self, plural: str, item_id: str) -> Item:
        """Return what the object names."""
        found = self._items.get(BY_NAME[plural], item_id)
        assert found is not None
        return found

    def named_by(self, plural: str, item_id: str, others: str) -> bool:
        """Return whether another object of a kind names something."""
        return any(other.kind.plural == others for other in self._items.sharing(self._item, naming(plural, item_id)))

    def beside(self, *plurals: str) -> list[Item]:
        """Return the other objects of some kinds that the same parent has."""
        found = (self._items.sharing(self._item, child_of(self._item.parent_id, plural)) for plural in plurals)
        return [other for others in found for other in others]

    def others(self, plural: str, everywhere: bool = False) -> list[Item]:
        """Return the other objects of a kind that the account has."""
        return [
            other
            for other in self._items.of(BY_NAME[plural]).values()
            if other.account_id == self._item.account_id and (everywhere or other.id != self._item.id)
        ]

    def put_parent(self, fields: Json) -> None:
        """Change what the object belongs to."""
        self._items.put(self.parent.changed(fields))


class Beside:
    """What an answer about an object may show of others.

    Args:
        items: all that there are.
        item: that is shown.
        render: how a tunnel is shown.
    """

    def __init__(self, items: Items, item: Item, render: Render) -> None:
        self._items = items
        self._item = item
        self._render = render

    def __call__(self, plural: str) -> list[Item]:
        return self._items.sharing(self._item, child_of(self._item.parent_id, plural))

    def one(self, plural: str, item_id: str) -> Item:
        """Return the object that an id belongs to."""
        found = self._items.get(BY_NAME[plural], item_id)
        assert found is not None
        return found

    def rendered(self, plural: str, item_id: str) -> Json | None:
        """Return a tunnel as its own answers have it, or None."""
        found = self._items.get(BY_NAME[plural], item_id)
        return self._render(found) if found else None


class Plain:
    """The objects of the kinds of tree.py. Its caller has the lock.

    Args:
        items: all that there are.
        settings: of the emulator.
        render: how a tunnel is shown.
    """

    def __init__(self, items: Items, settings: Json, render: Render) -> None:
        self._items = items
        self._settings = settings
        self._render = render
        self._licenses: list[Json] = []

    def license_log(self) -> list[Json]:
        """Return every licence key that was made since the start, oldest first."""
        found = []
        for entry in self._licenses:
            connector = self._items.get(BY_NAME["connectors"], entry["connector_id"])
            found.append({**entry, "in_force": connector is not None and connector.fields.get("license_key") == entry["license_key"]})
        return found

    # --- finding and showing

    def parent(self, kind: Kind, account_id: str, parent_id: str) -> None:
        """Raise the parent's ApiError if a path names one that is not there."""
        form = _form(kind)
        if form.parent:
            found = self._items.get(BY_NAME[form.parent], parent_id)
            if found is None or found.account_id != account_id:
                raise ApiError(404, *BY_NAME[form.parent].missing)

    def _of(self, kind: Kind, account_id: str, parent_id: str) -> list[Item]:
        self.parent(kind, account_id, parent_id)
        if _form(kind).parent:
            return self._items.holders(account_id, child_of(parent_id, kind.plural))
        found = [item for item in self._items.of(kind).values() if item.account_id == account_id]
        if _form(kind).always and not found:
            return [Item(kind, account_id, {"id": account_id, **copy.deepcopy(kind.defaults)})]
        return found

    def find(self, kind: Kind, account_id: str, parent_id: str, item_id: str) -> Item:
        """Return an object; an empty id is that of one that there is once. Raises the kind's ApiError for an unknown id."""
        if _form(kind).single:
            for item in self._of(kind, account_id, parent_id):
                return item
            raise ApiError(404, *kind.missing)
        self.parent(kind, account_id, parent_id)
        found = self._items.get(kind, item_id)
        if found is None or (found.account_id, found.parent_id) != (account_id, parent_id):
            raise ApiError(404, *kind.missing)
        return found

    def shown(self, item: Item, doing: str) -> Json:
        """Return an object as the API shows it. Choice: with all that it has, falsy or not."""
        form = item.form
        fields = {key: value for key, value in item.fields.items() if key not in form.hidden}
        if form.parent_name == "site_id" and item.kind.plural in ("lans", "wans", "app_configs"):
            fields["site_id"] = item.parent_id
        return form.shown({**item.fields, **fields}, Beside(self._items, item, self._render), doing) if form.shown else fields

    def visible(self, item: Item, doing: str) -> Json:
        """Return an object as an answer has it."""
        fields = {key: value for key, value in self.shown(item, doing).items() if key not in item.form.hidden}
        if "duration" in fields and self._settings["mnm_durations"] == "full":
            fields["duration"] = "1h0m0s" if fields["duration"] == "60m" else fields["duration"] + "0s"
        return fields

    def _answer(self, kind: Kind, doing: str, what: Any) -> Any:
        return _form(kind).answers.get(doing, lambda same: same)(what)

    # --- calls

    def read_all(self, kind: Kind, account_id: str, parent_id: str, query: dict[str, str]) -> Any:
        """Answer a GET of all, or of the one that there is once."""
        form = _form(kind)
        if form.single:
            return self.visible(self.find(kind, account_id, parent_id, ""), "read")
        found = self._of(kind, account_id, parent_id)
        for name, wanted in query.items():
            if name in form.filters:
                found = [item for item in found if form.filters[name](item.fields, wanted)]
        return self._answer(kind, "list", [self.visible(item, "read") for item in found])

    def read(self, kind: Kind, account_id: str, parent_id: str, item_id: str) -> Json:
        """Answer a GET of one."""
        return self.visible(self.find(kind, account_id, parent_id, item_id), "read")

    def create(self, kind: Kind, account_id: str, parent_id: str, body: Any, keep: bool = True) -> Any:
        """Answer a POST: all are created or none. With ``keep`` false, nothing stays."""
        form = _form(kind)
        self.parent(kind, account_id, parent_id)
        if form.single and self._of(kind, account_id, parent_id):
            raise ApiError(400, *form.exists)
        bodies = list(enumerate(typed(body, list, ""))) if form.list_body else [("", body)]
        made: list[tuple[str, Item]] = []
        for index, given in bodies:
            pointer = f"/{index}" if form.list_body else ""
            fields = self._read(kind, given, "creating", pointer)
            for name in kind.required:
                if fields.get(name) in (None, ""):
                    raise self._bad(kind, invalid(f"{name} is required", f"{pointer}/{name}"))
            made.append((pointer, self._new(kind, account_id, parent_id, fields, given, pointer)))
        shown = self._write(made, "create", keep)
        return shown if form.list_answer else shown[0]

    def _new(self, kind: Kind, account_id: str, parent_id: str, given: Json, body: Json, pointer: str) -> Item:
        form = _form(kind)
        moment = dict.fromkeys(("created_on", "modified_on"), now()) if form.times else {}
        fields = {form.ids[0]: secrets.token_hex(16), **copy.deepcopy(kind.defaults), **given, **moment}
        return self._completed(Item(kind, account_id, fields, parent_id=parent_id), {}, body, pointer)

    def update(self, kind: Kind, account_id: str, parent_id: str, item_id: str, body: Any, whole: bool, keep: bool = True) -> Json:
        """Answer a PUT (``whole``) or a PATCH."""
        form = _form(kind)
        old = self.find(kind, account_id, parent_id, item_id)
        if form.ids[0] not in old.fields:
            # Choice: what Cloudflare manages is not there for this.
            raise ApiError(404, *kind.missing)
        given = self._read(kind, body, "updating", "")
        for name in kind.required:
            if given.get(name, old.fields.get(name)) == "":
                raise self._bad(kind, invalid(f"{name} must not be empty", f"/{name}"))
        for name in form.fixed:
            if name in given and given[name] != old.fields.get(name, kind.defaults.get(name)):
                raise self._bad(kind, invalid(f"{name} is fixed when it is created", f"/{name}"))
        kept = dict(old.fields)
        if whole and not form.merges:
            own = (*kind.required, *form.fixed, *kind.only_at_creation)
            kept = {name: value for name, value in kept.items() if name not in kind.writable or name in own}
            kept = {**copy.deepcopy(kind.defaults), **kept}
        nothing = [name for name in form.nullable if name in body and body[name] is None]
        fields = {name: value for name, value in {**kept, **given}.items() if name not in nothing}
        if form.times:
            fields["modified_on"] = now()
        return self._write([("", self._completed(old.changed(fields), old.fields, body, ""))], "update", keep)[0]

    def delete(self, kind: Kind, account_id: str, parent_id: str, item_id: str, keep: bool = True) -> Any:
        """Answer a DELETE. Choice: what others name, and what has others, is refused."""
        item = self.find(kind, account_id, parent_id, item_id)
        if _form(kind).ids[0] not in item.fields:
            raise ApiError(404, *kind.missing)
        refuse_used(self._items, item)
        parts = list(children(self._items, item))
        for child in parts:
            if not child.form.part:
                raise self._bad(kind, invalid(f"it still has {child.kind.plural}", ""))
        shown = self.visible(item, "delete")
        if keep:
            for gone in (*parts, item):
                self._items.remove(gone)
        return self._answer(kind, "delete", shown)

    def toggle_advertisement(self, account_id: str, rule_id: str) -> Json:
        """Answer the PATCH of a rule's advertisement. Choice: each one turns it round."""
        rule = self.find(BY_NAME["mnm_rules"], account_id, "", rule_id)
        turned = not rule.fields["automatic_advertisement"]
        self._items.put(rule.changed({**rule.fields, "automatic_advertisement": turned}))
        return {"automatic_advertisement": turned}

    def put_rule(self, account_id: str, body: Any) -> Json:
        """Answer the PUT of a rule, whose path has no id. Choice: its name tells which."""
        kind = BY_NAME["mnm_rules"]
        wanted = typed(body, dict, "").get("name")
        for item in self._of(kind, account_id, ""):
            if item.fields["name"] == wanted:
                return self.update(kind, account_id, "", item.id, body, True)
        raise ApiError(404, *kind.missing)

    # --- writing

    @staticmethod
    def _bad(kind: Kind, error: ApiError) -> ApiError:
        form = _form(kind)
        return error.with_code(form.bad) if form.bad != 1022 else error

    def _read(self, kind: Kind, body: Any, doing: str, pointer: str) -> Json:
        """Return what a body writes, as Cloudflare keeps it."""
        form = _form(kind)
        try:
            typed(body, dict, pointer)
            refuse_null({name: value for name, value in body.items() if not (name in form.nullable and value is None)}, f"{doing} {kind.title}", pointer)
            ignored = kind.only_at_creation if doing == "updating" else ()
            return {
                name: parse(body[name], f"{pointer}/{name}")
                for name, parse in kind.writable.items()
                if name in body and body[name] is not None and name not in ignored
            }
        except ApiError as error:
            raise self._bad(kind, error) from None

    def _completed(self, item: Item, before: Json, body: Json, pointer: str) -> Item:
        # An empty id takes back what it named.
        for reference in item.kind.refers:
            if "/" not in reference.where and item.fields.get(reference.where) == "":
                del item.fields[reference.where]
        if item.form.complete:
            try:
                item.form.complete(item.fields, before, body)
            except ApiError as error:
                raise self._bad(item.kind, error.below(pointer)) from None
        return item

    def _write(self, changed: Sequence[tuple[str, Item]], doing: str, keep: bool) -> list[Json]:
        """Check objects by the rules, all of them as they will be, and keep them all or none; return them as the API shows them."""
        items = [item for _pointer, item in changed]
        with self._items.trial(items, keep) as before:
            for (pointer, item), old in zip(changed, before):
                try:
                    self._check(item, old)
                except ApiError as error:
                    raise self._bad(item.kind, error.below(pointer)) from None
            shown = [self.visible(item, doing) for item in items]
        for item, old in zip(items, before):
            key = item.fields.get("license_key")
            if key and key != (old.fields.get("license_key") if old else None):
                self._licenses.append({"connector_id": item.id, "license_key": key, "how": "renew" if old else "create", "at": now()})
            if keep and item.form.effect:
                item.form.effect(Look(self._items, item, old))
        return shown

    def _check(self, item: Item, old: Item | None) -> None:
        form = item.form
        refuse_unknown(self._items, item)
        for where in form.unique:
            if self._items.sharing(item, unique_of(item, where)):
                raise invalid(f"another {item.kind.title} has the same {where}", "/" + where)
        for check in form.checks:
            check(Look(self._items, item, old))


def _form(kind: Kind) -> Form:
    assert kind.form is not None
    return kind.form


def refuse_unknown(items: Items, item: Item) -> None:
    """Raise ApiError 1022 if an object names what is not there."""
    for reference in item.kind.refers:
        for pointer, plural, item_id in reference.found(item.fields):
            found = items.get(BY_NAME[plural], item_id)
            if found is None or found.account_id != item.account_id or (reference.beside and found.parent_id != item.parent_id):
                raise invalid(f"names no {BY_NAME[plural].title} that there is", pointer)


def refuse_used(items: Items, item: Item) -> None:
    """Raise ApiError 1022 if another object names this one."""
    users = [user for user in items.holders(item.account_id, naming(item.kind.plural, item.id)) if user.id != item.id]
    if users:
        raise invalid(f"it is in use by: {users[0].kind.title} {users[0].id}", "")


def children(items: Items, item: Item) -> Iterator[Item]:
    """Return the objects that belong to this one."""
    for kind in BY_NAME.values():
        if kind.form and kind.form.parent == item.kind.plural:
            yield from items.holders(item.account_id, child_of(item.id, kind.plural))
