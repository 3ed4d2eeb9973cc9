# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The action plugins of the modules for tunnels and routes, and the information that tasks of one run share."""

from __future__ import annotations

import fcntl
import json
import os
import typing as t
from contextlib import contextmanager
from functools import partial

from ansible_collections.cloudflare.magic.plugins.module_utils import _objects
from ansible_collections.cloudflare.magic.plugins.module_utils._calls import Foreseen
from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._plan import Claim
from ansible_collections.cloudflare.magic.plugins.plugin_utils import _core
from ansible_collections.cloudflare.magic.plugins.plugin_utils._action import ClientAction

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ansible_collections.cloudflare.magic.plugins.module_utils._client import Client
    from ansible_collections.cloudflare.magic.plugins.module_utils._kind import Kind


@contextmanager
def _notes_of_this_run(sort: Callable[..., t.Any], name: str) -> Iterator[list[t.Any]]:
    """Provide the notes of the tasks so far, and store what is appended. Each task is a process, so they are in a file that is deleted with the run.

    :raises MagicError: if they cannot be stored.
    """
    path = os.path.join(_core.folder_of_this_run(), name)
    try:
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "r+", encoding="utf-8")
    except OSError as exc:
        raise MagicError(
            f"{path}: {exc.strerror}. Nothing was changed. The file records what earlier tasks decided. Make Ansible's local_tmp directory writable."
        ) from None
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        notes = [sort(*json.loads(line)) for line in file]
        before = len(notes)
        yield notes
        for note in notes[before:]:
            file.write(json.dumps(note) + "\n")


claims_of_this_run = partial(_notes_of_this_run, Claim, "cloudflare_magic_claims")
foreseen_in_this_run = partial(_notes_of_this_run, Foreseen, "cloudflare_magic_foreseen")


def manages(kind: Kind) -> type[ClientAction]:
    """Return the action plugin of the module that manages objects of a kind."""

    class ActionModule(ClientAction):
        MODULE = f"cloudflare.magic.{kind.result}"
        OPTIONS = kind.options
        check = staticmethod(partial(_objects.check, kind))

        def work(self, client: Client) -> dict[str, t.Any]:
            known: dict[str, t.Any] = {}
            if not _core.is_ad_hoc():
                known = {"foresight": foreseen_in_this_run, **({"claims": claims_of_this_run} if kind.apart else {})}
            return _objects.apply_one(kind, client, self.options, self._task.check_mode, **known)

    return ActionModule


def reads(kind: Kind) -> type[ClientAction]:
    """Return the action plugin of the module that reads objects of a kind."""

    class ActionModule(ClientAction):
        MODULE = f"cloudflare.magic.{kind.result}_info"
        OPTIONS = kind.info_options
        check = staticmethod(partial(_objects.check_info, kind))

        def work(self, client: Client) -> dict[str, t.Any]:
            return _objects.read_some(kind, client, self.options)

    return ActionModule
