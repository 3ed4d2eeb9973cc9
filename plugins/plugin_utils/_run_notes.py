# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The information that tasks of one run share, and the locks by which they wait for each other."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import typing as t
from contextlib import ExitStack, contextmanager, nullcontext

from ansible_collections.cloudflare.magic.plugins.module_utils._calls import Foreseen, account_of
from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._plan import Claim
from ansible_collections.cloudflare.magic.plugins.plugin_utils import _core

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager

    from ansible_collections.cloudflare.magic.plugins.module_utils._client import Client
    from ansible_collections.cloudflare.magic.plugins.module_utils._kind import Kind


_FORESEEN = "cloudflare_magic_foreseen"


def _path_of(name: str) -> str:
    return os.path.join(_core.folder_of_this_run(), name)


@contextmanager
def notes_of_this_run(sort: Callable[..., t.Any], name: str, about: t.Any = None, *, after_failure: bool = False) -> Iterator[list[t.Any]]:
    """Provide the notes of the tasks so far, and store what is appended. Each task is a process, so they are in a file that is deleted with the run.

    Other tasks and hosts that use the same notes wait until this one is done.

    :arg about: what these notes are about, if not all notes of this name belong together; JSON can represent it.
    :arg after_failure: whether the notes of a task that fails are stored, too.
    :raises MagicError: if they cannot be stored.
    """
    if about is not None:
        name = f"{name}_{hashlib.sha256(json.dumps(about).encode()).hexdigest()}"
    path = _path_of(name)
    try:
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "r+", encoding="utf-8")
    except OSError as exc:
        raise MagicError(
            f"{path}: {exc.strerror}. Nothing was changed. The file records what earlier tasks decided. Make Ansible's local_tmp directory writable."
        ) from None
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        notes = [sort(*json.loads(line)) for line in file]
        before, store = len(notes), after_failure
        try:
            yield notes
            store = True
        finally:
            for note in notes[before:] if store else ():
                file.write(json.dumps(note) + "\n")


@contextmanager
def claims_of_this_run(kind: Kind, client: Client) -> Iterator[list[Claim]]:
    """Provide the claims for objects of a kind in an account. No other host or task of this run decides about such objects meanwhile."""
    with notes_of_this_run(Claim, "cloudflare_magic_claims", [kind.several, account_of(client)]) as claims:
        # A console has one run for many commands, and each of them means what it says.
        yield [] if _core.is_ad_hoc() else claims


@contextmanager
def alone_with(kinds: Iterable[Kind], client: Client) -> Iterator[None]:
    """Have the other hosts and tasks of this run that create objects of these kinds wait."""
    with ExitStack() as stack:
        # In one order, so that no two tasks wait for each other.
        for kind in sorted(kinds, key=lambda kind: kind.several):
            stack.enter_context(claims_of_this_run(kind, client))
        yield


def foresight(check_mode: bool) -> AbstractContextManager[list[Foreseen]]:
    """Provide what the earlier tasks of this run would have written in check mode, and store what is appended."""
    if not check_mode or _core.is_ad_hoc():
        return nullcontext([])
    return notes_of_this_run(Foreseen, _FORESEEN)


def forget_foreseen(kinds: Iterable[Kind], client: Client) -> None:
    """Drop what tasks in check mode would have written about objects of these kinds, because a task that is not in check mode has changed some of them."""
    if not os.path.exists(_path_of(_FORESEEN)):
        return
    names, whose = {kind.several for kind in kinds}, account_of(client)
    with open(_path_of(_FORESEEN), "r+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        lines = file.readlines()
        notes = [Foreseen(*json.loads(line)) for line in lines]
        file.seek(0)
        file.truncate()
        file.writelines(line for line, note in zip(lines, notes) if note.account != whose or note.kind not in names)
