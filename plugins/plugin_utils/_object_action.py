# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The action plugins of the modules for one kind of objects."""

from __future__ import annotations

import typing as t
from functools import partial

from ansible_collections.cloudflare.magic.plugins.module_utils import _objects
from ansible_collections.cloudflare.magic.plugins.module_utils._tree import children_of
from ansible_collections.cloudflare.magic.plugins.plugin_utils._action import ClientAction
from ansible_collections.cloudflare.magic.plugins.plugin_utils._run_notes import claims_of_this_run, foresight, forget_foreseen

if t.TYPE_CHECKING:
    from ansible_collections.cloudflare.magic.plugins.module_utils._client import Client
    from ansible_collections.cloudflare.magic.plugins.module_utils._kind import Kind


def manages(kind: Kind) -> type[ClientAction]:
    """Return the action plugin of the module that manages objects of a kind."""

    class ActionModule(ClientAction):
        MODULE = f"cloudflare.magic.{kind.result}"
        OPTIONS = kind.options
        check = staticmethod(partial(_objects.check, kind))

        def work(self, client: Client) -> dict[str, t.Any]:
            known: dict[str, t.Any] = {"foresight": partial(foresight, self._task.check_mode)}
            if kind.apart or _objects.may_create(kind, self.options):
                known["claims"] = partial(claims_of_this_run, kind, client)
            result = _objects.apply_one(kind, client, self.options, self._task.check_mode, **known)
            if result["changed"] and not self._task.check_mode:
                forget_foreseen((kind, *children_of(kind)), client)
            return result

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
