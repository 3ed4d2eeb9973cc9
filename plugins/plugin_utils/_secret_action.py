# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What the action plugins whose result holds pre-shared keys have in common: somebody has to receive a key, and nobody else sees it."""

from __future__ import annotations

import json
import re
import secrets
import typing as t
from abc import abstractmethod
from collections.abc import Mapping
from contextlib import nullcontext

from ansible import constants as C
from ansible import context
from ansible.utils.display import Display

from ansible_collections.cloudflare.magic.plugins.module_utils._client import MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._module import KEYS, SEAL, SEALED, seal, unseal
from ansible_collections.cloudflare.magic.plugins.plugin_utils._action import ClientAction, Secret
from ansible_collections.cloudflare.magic.plugins.plugin_utils._vault_file import VARIABLE, VaultFile

# The facts that this process has returned, by task and host. All items of a loop run in one process, but before
# ansible-core 2.21 a later item does not see the facts of the earlier ones, which its own fact replaces.
_returned: dict[tuple[str, str], dict[str, t.Any]] = {}

# What to register of a result that the key is in; of a loop, "result" is merely the last item's.
_WITH_KEY = re.compile(r"_task\.(?P<what>polymorphic_result|loop_result|result)(\.psks?|\.results)?")

display = Display()


class SecretAction(ClientAction):
    """Base of the action plugins whose result holds keys."""

    LOST = "If the module had begun, the key in force may be unknown now. Run the task again with rotate: always, which heals it."

    def __init__(self, *args: t.Any, **kwargs: t.Any) -> None:
        super().__init__(*args, **kwargs)
        self.receivers: list[str] = []

    def all_work(self) -> dict[str, t.Any]:
        try:
            self.receivers = self._receivers()
            with self._vault_file() as store:
                return self.work(store)
        except Exception:
            raise
        except BaseException:
            # Ctrl-C, or the task's timeout: nobody can tell any more what has happened.
            if not self._task.check_mode:
                display.warning(
                    f"{self.MODULE}: interrupted. If a request was sent, the key in force may be unknown. Running the task again with rotate: always heals it."
                )
            raise

    @abstractmethod
    def work(self, store: VaultFile | None) -> dict[str, t.Any]:
        """Do the task, deliver, and return its result.

        :arg store: the open vault file, if there is one.
        :raises MagicError: if it failed and the result holds nothing to deliver.
        """

    def _vault_file(self) -> VaultFile | nullcontext[None]:
        options = self.options
        if options["vault_file"] is None:
            return nullcontext()
        path = self._loader.path_dwim(options["vault_file"])
        return VaultFile(path, self._loader._vault, options["vault_id"], read_only=self._task.check_mode)

    def supplied(self) -> bool:
        """Whether the user supplies the keys, which then need no receiver."""
        return any(self.options.get(name) is not None for name in ("psk", "psks"))

    def _receivers(self) -> list[str]:
        """Return who is going to receive a generated key.

        :raises MagicError: if nobody would.
        """
        options = self.options
        receivers = []
        # Of an ad-hoc command nothing remains but what it prints.
        lasting = "module_name" not in context.CLIARGS
        stored = C.CACHE_PLUGIN.rpartition(".")[2] != "memory"
        if lasting and self._is_registered():
            receivers.append("register")
        if lasting and options["set_fact"] and not stored:
            receivers.append("fact")
        if options["vault_file"] is not None:
            receivers.append("vault_file")
        # In check mode an ad-hoc command is a way to try credentials; a task is asked the same as when it is for real.
        if not receivers and not self.supplied() and (lasting or not self._task.check_mode):
            why = (
                "an ad-hoc command ends with this task"
                if not lasting
                else f"the fact is left out, because the fact cache '{C.CACHE_PLUGIN}' would store it in clear"
                if options["set_fact"]
                else "set_fact is false"
            )
            raise MagicError(
                f"Nobody would receive the new key: the task has no 'register' and no vault_file, and {why}. "
                "Cloudflare shows a key only once, so nothing has been requested. Add 'register' or vault_file."
            )
        return receivers

    def _is_registered(self) -> bool:
        """Whether a variable surely gets the key. From ansible-core 2.21 on, ``register`` may be a dictionary of expressions that pick parts of the result."""
        register = self._task.register
        if not isinstance(register, Mapping):
            return bool(register)
        loops = bool(self._task.loop or self._task.loop_with)
        picked = (_WITH_KEY.fullmatch(str(expression).strip()) for expression in register.values())
        return any(match and not (loops and match["what"] == "result") for match in picked)

    def _run_there(self, extra: Mapping[str, t.Any]) -> dict[str, t.Any]:
        pad = secrets.token_hex(32)
        self.register_secrets([pad])
        sealed = {KEYS: seal(json.dumps(extra[KEYS]), pad)} if KEYS in extra else {}
        result = super()._run_there({**extra, **sealed, SEAL: Secret(pad)})
        if SEALED in result:
            result["psk"] = unseal(result.pop(SEALED), pad)
        return result

    def deliver_facts(self, result: dict[str, t.Any], entries: dict[str, dict[str, t.Any]]) -> bool:
        """Put entries (by tunnel id, with ``psk``, ``name`` and ``last_generated_on``) into the host's fact, if it is a receiver.

        :returns: whether it is.
        """
        if "fact" in self.receivers:
            result["ansible_facts"] = {VARIABLE: self._accumulated(entries)}
            return True
        if self.options["set_fact"]:
            result.setdefault("warnings", []).append(
                f"Keys are not put into the fact {VARIABLE}, because the fact cache '{C.CACHE_PLUGIN}' would store them in clear. "
                "Set set_fact: false to silence this."
            )
        return False

    def _accumulated(self, entries: dict[str, dict[str, t.Any]]) -> dict[str, t.Any]:
        """Return the whole fact: what the host has, what earlier items of this loop added, and these entries."""
        owner = self.task_vars
        host = str(owner.get("inventory_hostname", ""))
        if self._task.delegate_to and self._task.delegate_facts:
            host = str(self._task.delegate_to)
            hostvars = owner.get("hostvars") or {}
            owner = {}
            if host in hostvars:
                owner = hostvars[host]
        existing = (owner.get("ansible_facts") or {}).get(VARIABLE)
        mine = _returned.setdefault((self._task._uuid, host), {})
        mine.update(entries)
        return {**(existing if isinstance(existing, dict) else {}), **mine}

    def notice(self, text: str) -> None:
        """Tell what a censored result cannot: on standard error, so that callbacks which write a document to standard output stay readable."""
        display.display(f"{self.MODULE}: {text}", stderr=True)

    def not_saved(self, store: VaultFile, exc: Exception) -> str:
        """Say what state things are in when keys are in force and the file does not have them."""
        if store.rescued:
            where = f"The whole file, encrypted, was saved as {store.rescued} instead: move it into place."
        elif self.supplied():
            where = "Nothing is lost: run the task again once the file can be written."
        elif self._is_registered():
            where = "The registered variable holds what is new: save it in a rescue block, or run the task again for new keys."
        else:
            where = "What is new is lost: run the task again for new keys."
        return f"It could not be saved to {store.path} ({getattr(exc, 'strerror', None) or type(exc).__name__}). {where}"
