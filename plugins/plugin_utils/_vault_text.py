# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The text of the file of keys: YAML with one variable among others, and the entry of a tunnel or connector in it. This file does not read or write files."""

from __future__ import annotations

import textwrap
import typing as t
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone

import yaml

from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._text import is_template
from ansible_collections.cloudflare.magic.plugins.module_utils._times import parse_timestamp, same_moment


@dataclass(frozen=True)
class Kept:
    """A kind of keys that a file keeps: the variable that has an entry for each object, and the members of an entry. Each kind has a variable of its own.

    :ivar variable: the variable, and the fact.
    :ivar key: the member that is the key in force.
    :ivar name: the member with the name of the key's owner.
    :ivar dated: the member with the date of the key.
    :ivar title: what the keys are called at the head of a new file.
    :ivar owner: what has such a key.
    :ivar once: why a key needs a receiver, as a sentence.
    :ivar again: what running the task again does.
    """

    variable: str
    key: str
    name: str
    dated: str
    title: str
    owner: str
    once: str
    again: str

    @property
    def keys(self) -> tuple[str, str, str]:
        """The members of an entry that are keys: the one in force, the pending one, and the previous one."""
        return self.key, f"pending_{self.key}", f"previous_{self.key}"

    @property
    def fact(self) -> tuple[str, str, str]:
        """The members of an entry of the fact."""
        return self.key, self.name, self.dated


PSKS = Kept(
    variable="cloudflare_magic_ipsec_psks",
    key="psk",
    name="name",
    dated="last_generated_on",
    title="Pre-shared keys of IPsec tunnels",
    owner="tunnel",
    once="Cloudflare shows a key only once",
    again="run the task again for new keys",
)
LICENSES = Kept(
    variable="cloudflare_magic_connector_licenses",
    key="license_key",
    name="serial_number",
    dated="saved_on",
    title="License keys of connectors",
    owner="connector",
    once="No other module shows a license key",
    again="run the task again, which reads the key in force",
)

# The folders with variables that Ansible reads automatically, once a run.
_VARS_FOLDERS = ("group_vars", "host_vars")


class _Unsafe(str):
    """A string that Ansible must not treat as a template: a key may contain two braces."""

    __slots__ = ()


class _Written(str):
    """A string of the file that Ansible treats as a template: a user wrote it, and it stays one."""

    __slots__ = ()


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    pass


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    pass


_Loader.add_constructor("!unsafe", lambda loader, node: _Unsafe(loader.construct_scalar(node)))
_Loader.add_constructor("tag:yaml.org,2002:str", lambda loader, node: _Written(loader.construct_scalar(node)))
_Dumper.add_representer(_Written, lambda dumper, value: dumper.represent_str(str.__str__(value)))
_Dumper.add_representer(_Unsafe, lambda dumper, value: dumper.represent_scalar("!unsafe", str.__str__(value), style='"'))


def _as_variable(value: t.Any) -> t.Any:
    """Return a value that PyYAML can write. Ansible's tagged strings become plain ones."""
    if isinstance(value, dict):
        return {_as_variable(name): _as_variable(item) for name, item in value.items()}
    if not isinstance(value, str) or isinstance(value, (_Unsafe, _Written)):
        return value
    plain = str.__str__(value)
    return _Unsafe(plain) if is_template(plain) else plain


def _end(node: yaml.Node) -> int:
    """Return the end of the text of a node. The end mark of a block collection is after the comments that follow it."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end(last[1] if isinstance(last, tuple) else last)
    return int(node.end_mark.index)


def split(text: str, variable: str) -> tuple[str, dict[str, t.Any], str]:
    """Split the text of a variables file into the text before our variable, its value, and the text after it.

    :raises MagicError: if the text is not a YAML mapping, or our variable in it is not a dictionary of dictionaries. The message contains no part of the text.
    """
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as exc:
        mark = getattr(exc, "problem_mark", None)
        raise MagicError("it is not valid YAML" + (f" at line {mark.line + 1}" if mark else "")) from None
    if root is None or (isinstance(root, yaml.ScalarNode) and not root.value and not root.style):
        return text, {}, ""
    if not isinstance(root, yaml.MappingNode) or root.flow_style:
        raise MagicError("it is not a YAML file of variables (one 'name: value' a line)")
    found = [(key, value) for key, value in root.value if key.value == variable]
    if len(found) > 1:
        raise MagicError(f"it has the variable {variable} more than once")
    end = _end(found[0][1] if found else root)
    if not end or text[end - 1] != "\n":  # after a block scalar it is
        newline = text.find("\n", end)
        end = len(text) if newline < 0 else newline + 1
    if not found:
        return text[:end], {}, text[end:]
    start = found[0][0].start_mark.index
    try:
        variables = yaml.load(text[start:end], Loader=_Loader)
    except yaml.YAMLError:
        variables = None
    if not isinstance(variables, dict) or list(variables) != [variable]:
        raise MagicError(f"its variable {variable} cannot be read")
    entries = variables[variable] or {}
    if not isinstance(entries, dict) or not all(isinstance(entry, dict) for entry in entries.values()):
        raise MagicError(f"its variable {variable} is not a dictionary of dictionaries")
    return text[:start], entries, text[end:]


def foreign(text: str, variable: str) -> list[str]:
    """Return everything except this variable, for comparison."""
    root = yaml.compose(text, Loader=_Loader)
    return [repr(pair) for pair in root.value if pair[0].value != variable] if isinstance(root, yaml.MappingNode) else []


def _dump(value: dict[str, t.Any]) -> str:
    text: str = yaml.dump(_as_variable(value), Dumper=_Dumper, default_flow_style=False, sort_keys=False, allow_unicode=True, width=1000)
    return text


def join(kept: Kept, before: str, entries: dict[str, t.Any], behind: str, known: dict[str, tuple[str, str]] | None = None) -> str:
    """Return the text of a variables file; the inverse of ``split``.

    :arg known: remembers the texts of entries from one call to the next. A fleet saves after each batch, and only that batch has changed.
    """
    known = {} if known is None else known
    texts = []
    for name, entry in entries.items():
        content = repr((name, entry))
        if known.get(name, ("", ""))[0] != content:
            known[name] = content, textwrap.indent(_dump({name: entry}), "  ")
        texts.append(known[name][1])
    variable = f"{kept.variable}:\n{''.join(texts)}" if texts else _dump({kept.variable: {}})
    if not before and not behind:
        before = f"---\n# {kept.title}, kept by the Ansible collection cloudflare.magic.\n"
    if before and not before.endswith("\n"):
        before += "\n"
    return before + variable + behind


def updated(kept: Kept, entry: dict[str, t.Any] | None, key: str, name: str | None, dated: str | None = None) -> dict[str, t.Any]:
    """Return an object's entry with a new key in force; the old one becomes the previous one, and other members of the entry are kept.

    A pending key, saved by ``ipsec_psks`` before it was sent, is obsolete with any newer key.

    :arg dated: when the key came to be; None if it is unknown, or if that is when it is saved.
    """
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    entry, (member, pending, previous) = dict(entry or {}), kept.keys
    before = entry.get(member)
    if before is not None and before != key:
        entry[previous] = before
    if name is not None or kept.name not in entry:
        entry[kept.name] = name
    entry.pop(pending, None)
    entry.pop("replacing_since", None)
    entry.update({member: key, kept.dated: dated, "saved_on": now})
    return entry


def replacing(kept: Kept, entry: Mapping[str, t.Any] | None, name: str | None, now: datetime) -> dict[str, t.Any]:
    """Return an object's entry with the mark that its key is about to be replaced: until ``updated`` or ``replaced``, the key in it may not be in force.

    An existing mark is kept: it has the earlier time.
    """
    entry = dict(entry or {})
    if name is not None or kept.name not in entry:
        entry[kept.name] = name
    entry.setdefault("replacing_since", now.isoformat(timespec="seconds"))
    return entry


def replaced(kept: Kept, entry: Mapping[str, t.Any]) -> dict[str, t.Any] | None:
    """Return an object's entry without that mark; None if nothing is left to keep."""
    left = {name: value for name, value in entry.items() if name != "replacing_since"}
    return left if set(left) - {kept.name} else None


def is_interrupted(entry: t.Any) -> bool:
    """Return whether an entry has that mark: a run was killed while it replaced the key."""
    return isinstance(entry, Mapping) and bool(entry.get("replacing_since"))


def fact_entries(kept: Kept, entries: Mapping[str, t.Any]) -> dict[str, dict[str, t.Any]]:
    """Return what the file adds to the fact of the same name: the entries that have a key, with the members of the fact, as plain strings."""

    def plain(value: t.Any) -> t.Any:
        return str(value) if isinstance(value, str) else value

    return {
        str(object_id): {name: plain(entry.get(name)) for name in kept.fact}
        for object_id, entry in entries.items()
        if isinstance(entry, Mapping) and entry.get(kept.key)
    }


def newest(kept: Kept, host: Mapping[str, t.Any], file: Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Merge the entries of a host's fact and those of the file: of two for an object, the one with the newer key. An entry without a valid date loses."""
    merged = {**host, **file}
    for object_id in set(host) & set(file):
        first, second = (_moment(entries[object_id], kept.dated) for entries in (host, file))
        if first is not None and (second is None or first > second):
            merged[object_id] = host[object_id]
    return merged


def _moment(entry: t.Any, dated: str) -> datetime | None:
    try:
        return parse_timestamp(entry.get(dated)) if isinstance(entry, Mapping) else None
    except MagicError:
        return None


def doubt(entry: t.Any, generated: str | None) -> str:
    """Return why the pre-shared key in an entry may not be the one in force: ``interrupted``, ``replaced`` elsewhere, or nothing.

    :arg generated: ``last_generated_on`` at Cloudflare.
    """
    if not isinstance(entry, Mapping):
        return ""
    if entry.get("pending_psk") or is_interrupted(entry):
        return "interrupted"
    saved = entry.get("last_generated_on")
    known = entry.get("psk") and saved is not None and generated is not None
    return "replaced" if known and not same_moment(str(saved), generated) else ""


def not_in_force(path: str, entries: Mapping[str, t.Any], generated: Mapping[str, str | None]) -> list[str]:
    """Return a warning if the file has keys that are not the ones in force, because they were replaced elsewhere.

    :arg generated: ``last_generated_on`` at Cloudflare, by tunnel id.
    """
    found = {tunnel_id: entries[tunnel_id] for tunnel_id, moment in generated.items() if doubt(entries.get(tunnel_id), moment) == "replaced"}
    stale = [f"{entry.get('name') or ''} {tunnel_id}".strip() for tunnel_id, entry in found.items()]
    if not stale:
        return []
    return [
        f"vault_file: {path} has keys that are not the ones in force, because they were replaced elsewhere: {', '.join(stale)}. "
        "Run the task with rotate: always for these tunnels, or save the keys in force."
    ]


def below_vars_folder(path: str) -> bool:
    """Return whether Ansible reads this file automatically: once a run, so that a new key in it is not seen before the next run."""
    return any(part in _VARS_FOLDERS for part in path.split("/")[:-1])
