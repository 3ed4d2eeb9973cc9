# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What the action plugins whose result holds keys have in common: a key must have a receiver, and nothing else may show it."""

from __future__ import annotations

import os
import typing as t
from abc import abstractmethod
from collections.abc import Mapping
from contextlib import nullcontext

from ansible.utils.display import Display

from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._psk import Keeper
from ansible_collections.cloudflare.magic.plugins.plugin_utils import _core
from ansible_collections.cloudflare.magic.plugins.plugin_utils._action import ClientAction
from ansible_collections.cloudflare.magic.plugins.plugin_utils._vault_file import VaultFile
from ansible_collections.cloudflare.magic.plugins.plugin_utils._vault_text import (
    PSKS,
    below_vars_folder,
    fact_entries,
    is_interrupted,
    newest,
    not_in_force,
    replaced,
    replacing,
    updated,
)

if t.TYPE_CHECKING:
    from ansible_collections.cloudflare.magic.plugins.module_utils._client import Client
    from ansible_collections.cloudflare.magic.plugins.plugin_utils._vault_text import Kept

# Keys of earlier items of a loop, by task and host: before ansible-core 2.21, a later item does not see the facts of an earlier one.
_returned: dict[tuple[str, str], dict[str, t.Any]] = {}

display = Display()


class FileKeeper(Keeper):
    """Notes in the vault file that a key is being replaced, so that a run after a kill knows that the key in it may not be in force."""

    def __init__(self, store: VaultFile, client: Client) -> None:
        self._store = store
        self._client = client
        self._doubted = False

    def interrupted(self, object_id: str) -> bool:
        return is_interrupted(self._store.entries.get(object_id))

    def begin(self, object_id: str, name: str | None) -> None:
        entries = self._store.entries
        self._doubted = self.interrupted(object_id)
        entries[object_id] = replacing(self._store.kept, entries.get(object_id), name, self._client.now())
        try:
            self._store.save()
        except OSError as exc:
            raise MagicError(f"vault_file: {self._store.path} cannot be written ({exc.strerror}). Check the disk. Nothing has been requested.") from None

    def unchanged(self, object_id: str) -> None:
        if self._doubted:
            return  # by an earlier run: what that one has done is still unknown
        entry = replaced(self._store.kept, self._store.entries[object_id])
        if entry is None:
            del self._store.entries[object_id]
        else:
            self._store.entries[object_id] = entry
        try:
            self._store.save()
        except OSError:
            pass  # the note stays: the next run creates a key that was not needed

    def doubts(self, object_id: str, before: str | None) -> list[str]:
        return not_in_force(self._store.path, self._store.entries, {object_id: before})


class SecretAction(ClientAction):
    """Base of the action plugins whose result holds keys."""

    KEPT: t.ClassVar[Kept] = PSKS
    """The kind of keys."""

    KEY_MEMBER: t.ClassVar[str]
    """The member of the result that holds the key or keys."""

    def __init__(self, *args: t.Any, **kwargs: t.Any) -> None:
        super().__init__(*args, **kwargs)
        self.receivers: list[str] = []

    def work(self, client: Client) -> dict[str, t.Any]:
        try:
            self.receivers = self._receivers()
            with self.vault_file(read_only=self._task.check_mode) as store:
                if store is not None:
                    client.keep_secret([entry.get(name) for entry in store.entries.values() for name in self.KEPT.keys if isinstance(entry, Mapping)])
                return self.keyed_work(client, store)
        except Exception:
            raise
        except BaseException:
            # Ctrl-C, or the task's timeout: the outcome is unknown.
            if not self._task.check_mode:
                display.warning(
                    f"{self.MODULE}: interrupted. If a request was sent, the key in force may be unknown. "
                    "Run the task again with rotate: always, which creates a new key."
                )
            raise

    @abstractmethod
    def keyed_work(self, client: Client, store: VaultFile | None) -> dict[str, t.Any]:
        """Do the task, deliver, and return its result.

        :arg store: the open vault file, if there is one.
        :raises MagicError: if it failed and the result has nothing to deliver.
        """

    def vault_file(self, read_only: bool) -> VaultFile | nullcontext[None]:
        """Return the vault file of the options, to be opened with ``with``; it gives None if there is none."""
        options = self.options
        if options["vault_file"] is None:
            return nullcontext()
        path = self._loader.path_dwim(options["vault_file"])
        return VaultFile(path, _core.vault_of(self), self.KEPT, options["vault_id"], read_only=read_only, tell=self.notice)

    def supplied(self) -> bool:
        """Whether the user supplies the keys, which then need no receiver."""
        return any(self.options.get(name) is not None for name in ("psk", "psks"))

    def _receivers(self) -> list[str]:
        """Return the receivers of a generated key.

        :raises MagicError: if there are none.
        """
        options = self.options
        receivers = []
        lasting = not _core.is_ad_hoc()
        if lasting and _core.is_registered(self._task, self.KEY_MEMBER):
            receivers.append("register")
        if lasting and options["set_fact"] and not _core.storing_fact_cache():
            receivers.append("fact")
        if options["vault_file"] is not None:
            receivers.append("vault_file")
        # In check mode an ad-hoc command is a way to test credentials; a task is checked as in a real run.
        if not self.supplied() and (lasting or not self._task.check_mode):
            self._demand(receivers, lasting)
        return receivers

    def fact_is_certain(self) -> bool:
        """Whether a host certainly gets the fact of this task. Ansible drops the facts of all items of a loop when one fails, and those of a failed task."""
        task = self._task
        stranger = task.delegate_to and task.delegate_facts and str(task.delegate_to) not in (self.task_vars.get("hostvars") or {})
        return not (_core.is_loop(task) or task.failed_when or task.changed_when or task.until or stranger)

    def _demand(self, receivers: list[str], lasting: bool) -> None:
        """Reject the creation of a key that has no certain receiver."""
        if set(receivers) - {"fact"} or (receivers and self.fact_is_certain()):
            return
        if receivers:
            reason = "in a loop Ansible drops the facts of all items when one fails"
            if not _core.is_loop(self._task):
                reason = (
                    "Ansible drops the facts of a task that failed_when, changed_when or until makes fail, and those of a host that is not in the inventory"
                )
            why = f"the fact alone is not a receiver here, because {reason}"
        elif not lasting:
            why = "an ad-hoc command ends with this task"
        elif self.options["set_fact"]:
            why = f"the fact is left out, because the fact cache '{_core.storing_fact_cache()}' would store it in clear"
        else:
            why = "set_fact is false"
        raise MagicError(
            f"Nobody would receive the new key: the task has no 'register' and no vault_file, and {why}. "
            f"{self.KEPT.once}, so nothing has been requested. Add 'register' or vault_file."
        )

    def loop_warnings(self) -> list[str]:
        """Warn where even 'register' may be dropped."""
        if self.supplied() or "vault_file" in self.receivers:
            return []
        warnings = []
        if _core.DROPS_REGISTER and _core.is_loop(self._task):
            warnings.append(
                "On ansible-core 2.18 a template that fails in one item of this loop ends the task without 'register', and the keys of the items before it "
                "are lost. Give vault_file, which saves each key immediately."
            )
        if not _core.until_is_safe(self._task):
            warnings.append(
                "An error in the expression of 'until' ends the task without 'register', and the new key is lost. Give vault_file, or write a plain test "
                "like 'result is success', and check the rest in a separate task."
            )
        return warnings

    def hand_over(self, result: dict[str, t.Any], object_id: str, entry: dict[str, t.Any], store: VaultFile | None, told: str | None) -> None:
        """Deliver one key to its receivers, and censor a result that contains it.

        :arg entry: the key, its owner and its date, in the form of the fact.
        :arg told: what can be shown about it; None for a key that the user supplied, which is not in the result.
        """
        kept = self.KEPT
        key, name, dated = (entry[member] for member in kept.fact)
        if told is not None:
            _core.register_secrets([key])
            self.censor(result, f"{told} {result['msg']}" if result.get("failed") else told, "it")
            if "register" in self.receivers:
                result["delivered_to"].append("register")
        if result.get("failed"):
            return
        if store is not None:
            store.entries[object_id] = updated(kept, store.entries.get(object_id), key, name, dated)
            try:
                store.save()
            except Exception as exc:  # pylint: disable=broad-exception-caught # the key must not get lost now, nor may any text show it
                result.update(failed=True, msg=f"The new key of {kept.owner} {object_id} is in force. {self.not_saved(store, exc)}")
                self.notice(result["msg"])
                return
        if told is not None:
            self.delivered(result, {object_id: entry}, store)
        if store is not None:
            result["delivered_to"].append("vault_file")
            result.setdefault("warnings", []).extend(self.place_warnings(store))

    def delivered(self, result: dict[str, t.Any], entries: dict[str, dict[str, t.Any]], store: VaultFile | None) -> None:
        """Add generated keys to the host's fact, if it is a receiver, and record that in ``delivered_to``.

        :arg entries: by the id of the tunnel or connector, with the members of the fact.
        """
        cache = _core.storing_fact_cache()
        if "fact" in self.receivers:
            facts = self._accumulated(entries, store)
            keys = [entry.get(self.KEPT.key) for entry in facts.values() if isinstance(entry, dict)]
            _core.register_secrets(key for key in keys if isinstance(key, str))
            result["ansible_facts"] = {self.KEPT.variable: facts}
            if self.fact_is_certain():
                result["delivered_to"].append("fact")
        elif self.options["set_fact"] and cache:
            result.setdefault("warnings", []).append(
                f"Keys are not put into the fact {self.KEPT.variable}, because the fact cache '{cache}' would store them in clear. "
                "Set set_fact: false to silence this."
            )

    def _accumulated(self, entries: dict[str, dict[str, t.Any]], store: VaultFile | None) -> dict[str, t.Any]:
        """Return the whole fact: what the host has, what the file has, what earlier items of this loop added, and these entries."""
        host, existing = self.existing_fact()
        mine = _returned.setdefault((_core.task_identity(self._task), host), {})
        mine.update(entries)
        # The fact hides the file's variable of the same name, so it must contain all entries of the file that it has no newer ones for.
        return {**newest(self.KEPT, existing, fact_entries(self.KEPT, store.entries) if store is not None else {}), **mine}

    def existing_fact(self) -> tuple[str, dict[str, t.Any]]:
        """Return the host that facts of this task belong to, and its fact."""
        owner = self.task_vars
        host = str(owner.get("inventory_hostname", ""))
        if self._task.delegate_to and self._task.delegate_facts:
            host = str(self._task.delegate_to)
            hostvars = owner.get("hostvars") or {}
            owner = {}
            if host in hostvars:
                owner = hostvars[host]
        existing = (owner.get("ansible_facts") or {}).get(self.KEPT.variable)
        return host, existing if isinstance(existing, dict) else {}

    def place_warnings(self, store: VaultFile | None) -> list[str]:
        """Warn if Ansible does not see what was saved, because it reads the file automatically, once a run."""
        if store is None or not (below_vars_folder(store.path) or below_vars_folder(os.path.realpath(store.path))):
            return []
        return [
            f"{store.path} has changed, but Ansible reads the files below group_vars and host_vars once a run: the variable {self.KEPT.variable} still has "
            f"the previous keys in this run. Use ansible_facts.{self.KEPT.variable}, or keep the file elsewhere and read it with vars_files."
        ]

    def censor(self, result: dict[str, t.Any], text: str, what: str = "the keys") -> None:
        """Censor a result with keys, and print what can be shown about it."""
        result["_ansible_no_log"] = True
        fact = "" if "fact" not in self.receivers or self.fact_is_certain() else " The fact has it only if no item of the loop fails."
        self.notice(f"{text} The result contains {what} and is therefore not shown.{fact}")

    def not_saved(self, store: VaultFile, exc: Exception) -> str:
        """Return a message for keys that are in force and could not be saved to the file."""
        if store.rescued:
            where = f"The whole file, encrypted, was saved as {store.rescued} instead: move it into place."
        elif self.supplied():
            where = "Nothing is lost: run the task again once the file can be written."
        elif _core.is_registered(self._task, self.KEY_MEMBER):
            where = f"The registered variable contains the new keys: save them in a rescue block, or {self.KEPT.again}."
        else:
            where = f"Nothing else has the new keys: {self.KEPT.again}."
        return f"It could not be saved to {store.path} ({getattr(exc, 'strerror', None) or type(exc).__name__}). {where}"
