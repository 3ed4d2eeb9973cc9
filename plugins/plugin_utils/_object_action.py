# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Action plugins of the modules that manage an object, and what the tasks of one run know of each other."""

from __future__ import annotations

import fcntl
import json
import os
import typing as t
from contextlib import contextmanager

from ansible_collections.cloudflare.magic.plugins.module_utils import _resource
from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._resource import Claim
from ansible_collections.cloudflare.magic.plugins.plugin_utils import _core
from ansible_collections.cloudflare.magic.plugins.plugin_utils._action import ClientAction

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.cloudflare.magic.plugins.module_utils._client import Client
    from ansible_collections.cloudflare.magic.plugins.module_utils._resource import Kind


@contextmanager
def claims_of_this_run() -> Iterator[list[Claim]]:
    """Give the claims of the tasks so far, and keep what is appended. Each task is a process, so they are in a file that goes away with the run.

    :raises MagicError: if they cannot be kept.
    """
    path = os.path.join(_core.folder_of_this_run(), "cloudflare_magic_claims")
    try:
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "r+", encoding="utf-8")
    except OSError as exc:
        raise MagicError(
            f"{path}: {exc.strerror}. Nothing was changed. It keeps which routes this run has decided on: have Ansible's local_tmp writable."
        ) from None
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        claims = [Claim(*json.loads(line)) for line in file]
        before = len(claims)
        yield claims
        for claim in claims[before:]:
            file.write(json.dumps(claim) + "\n")


class ObjectAction(ClientAction):
    """Base of the action plugins that manage an object.

    :cvar KIND: of the object.
    """

    KIND: t.ClassVar[Kind]

    def work(self, client: Client) -> dict[str, t.Any]:
        if self.KIND.apart and not _core.is_ad_hoc():
            return _resource.run(self.KIND, client, self.options, self._task.check_mode, claims_of_this_run)
        return _resource.run(self.KIND, client, self.options, self._task.check_mode)
