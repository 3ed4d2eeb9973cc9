# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What action plugins whose result holds a pre-shared key have in common: run here or there, deliver, censor."""

from __future__ import annotations

import os
import secrets
import typing as t
from contextlib import contextmanager, nullcontext
from datetime import datetime, timezone

from ansible import constants as C
from ansible import context
from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.cloudflare.magic.plugins.module_utils._client import CREDENTIAL_VARIABLES, MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._module import SEAL, SEALED, failed, perform, unseal
from ansible_collections.cloudflare.magic.plugins.module_utils._psk import SHORTEST_KEY
from ansible_collections.cloudflare.magic.plugins.plugin_utils._vault_file import VARIABLE, VaultFile, updated

try:
    # From ansible-core 2.22 on.
    from ansible.module_utils.secrets import register_secret
except ImportError:
    register_secret = None

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ansible_collections.cloudflare.magic.plugins.module_utils._module import Check, Run
    from ansible_collections.cloudflare.magic.plugins.module_utils._options import ArgumentSpec

# The facts that this process has returned, by task and host. All items of a loop run in one process, but before
# ansible-core 2.21 a later item does not see the facts of the earlier ones, which its own fact replaces.
_returned: dict[tuple[str, str], dict[str, t.Any]] = {}

display = Display()


class _Secret(str):
    """A string that does not show itself where Ansible prints the arguments of a module (ANSIBLE_DEBUG)."""

    def __repr__(self) -> str:
        return "'********'"

    __slots__ = ()


class SecretAction(ActionBase):
    """Base of the action plugins. Where modules run on the controller anyway, the work is done in this process."""

    _supports_async = False  # Ansible would write the result to a file
    _supports_check_mode = True

    MODULE: t.ClassVar[str]
    OPTIONS: t.ClassVar[ArgumentSpec]
    CHECK: t.ClassVar[Check]
    RUN: t.ClassVar[Run]

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        super().run(tmp, task_vars)
        task_vars = task_vars or {}
        dummy, options = self.validate_argument_spec(**self.OPTIONS.as_kwargs())
        options = {name: options[name] for name in self.OPTIONS.argument_spec}
        try:
            self._check_types()
            self.CHECK(options)
            receivers = self._receivers(options)
            with self._vault_file(options) as store:
                result = self._run_here(options) if self._is_here() else self._run_there(task_vars)
                self._deliver(result, receivers, store, options, task_vars)
        except MagicError as error:
            return failed(error)
        except Exception:
            raise
        except BaseException:
            # Ctrl-C, or the task's timeout: nobody can tell any more what has happened.
            if not self._task.check_mode:
                display.warning(f"{self._title(options)}: interrupted. If the request was sent, the key in force is unknown. Run the task again: that heals it.")
            raise
        if not self._task.diff:
            result.pop("diff", None)
        return result

    def _is_here(self) -> bool:
        """Whether modules run on the controller with this connection."""
        return self._connection.transport == "local" or getattr(self._connection, "_remote_is_local", False)

    def _vault_file(self, options: Mapping[str, t.Any]) -> VaultFile | nullcontext[None]:
        if options["vault_file"] is None:
            return nullcontext()
        path = self._loader.path_dwim(options["vault_file"])
        return VaultFile(path, self._loader._vault, options["vault_id"], read_only=self._task.check_mode)

    def _title(self, options: Mapping[str, t.Any]) -> str:
        return f"{self.MODULE}: tunnel {options.get('name') or options.get('ipsec_tunnel_id')}"

    def _check_types(self) -> None:
        """Refuse what YAML made of a key: as a number or list it is not what the user wrote."""
        for name, option in self.OPTIONS.argument_spec.items():
            value = self._task.args.get(name)
            if option.get("no_log") and option["type"] == "str" and value is not None and not isinstance(value, str):
                raise MagicError(f"{name} is not a string (YAML has read a {type(value).__name__.lstrip('_')}). Put it between quotes.")

    def _receivers(self, options: Mapping[str, t.Any]) -> list[str]:
        """Return who is going to receive a generated key.

        :raises MagicError: if nobody would.
        """
        receivers = []
        # Of an ad-hoc command nothing remains but what it prints.
        lasting = "module_name" not in context.CLIARGS
        stored = C.CACHE_PLUGIN.rpartition(".")[2] != "memory"
        if lasting and self._task.register:
            receivers.append("register")
        if lasting and options["set_fact"] and not stored:
            receivers.append("fact")
        if options["vault_file"] is not None:
            receivers.append("vault_file")
        if not receivers and options["psk"] is None:
            why = (
                "an ad-hoc command ends with this task"
                if not lasting
                else f"the fact is left out, because the fact cache '{C.CACHE_PLUGIN}' would store it in clear"
                if options["set_fact"]
                else "set_fact is false"
            )
            raise MagicError(
                f"Nobody would receive the new key: the task has no 'register' and no vault_file, and {why}. Cloudflare shows a key only once, so nothing has been requested. Add 'register' or vault_file."
            )
        return receivers

    @contextmanager
    def _environment(self) -> Iterator[None]:
        """Apply the task's ``environment`` keyword to this process, which is what a module would find."""
        extra: dict[str, t.Any] = {}
        self._compute_environment_string(extra)
        before = dict(os.environ)
        os.environ.update({str(name): str(value) for name, value in extra.items()})
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)

    def _run_here(self, options: Mapping[str, t.Any]) -> dict[str, t.Any]:
        with self._environment():
            return perform(self.RUN, self.CHECK, options, self._task.check_mode)

    def _run_there(self, task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        """Run the module on the task's host. Neither its arguments nor its answer show a secret to whoever watches."""
        pad = secrets.token_hex(32)
        environment = self._task.environment
        args: dict[str, t.Any] = {**self._task.args, **self._credentials_of_environment(), SEAL: pad}
        hidden = [SEAL, *(name for name, option in self.OPTIONS.argument_spec.items() if option.get("no_log"))]
        args.update({name: _Secret(args[name]) for name in hidden if args.get(name) is not None})
        lost = "If the module had begun, the key in force is unknown now. Run the task again: that heals it."
        try:
            result: dict[str, t.Any] = self._execute_module(module_name=self.MODULE, module_args=args, task_vars=task_vars)
        except AnsibleConnectionFailure as exc:
            raise AnsibleConnectionFailure(f"{exc} {lost}") from None
        finally:
            self._task.environment = environment  # for another attempt (until)
        if "module_stdout" in result:
            result["msg"] = f"{result.get('msg', 'The answer of the module cannot be read.')} {lost}"
        if SEALED in result:
            result["psk"] = unseal(result.pop(SEALED), pad)
        return result

    def _credentials_of_environment(self) -> dict[str, str]:
        """Take credentials out of the task's ``environment``, which Ansible shows with the commands it runs (-vvv), and return them as options."""
        extra: dict[str, t.Any] = {}
        self._compute_environment_string(extra)
        found = {option: str(extra.pop(variable)) for option, variable in CREDENTIAL_VARIABLES.items() if extra.get(variable)}
        self._task.environment = [extra]
        if any(self._task.args.get(option) is not None for option in CREDENTIAL_VARIABLES):
            return {}
        return {"api_token": found["api_token"]} if "api_token" in found else found

    def _deliver(
        self, result: dict[str, t.Any], receivers: list[str], store: VaultFile | None, options: Mapping[str, t.Any], task_vars: dict[str, t.Any]
    ) -> None:
        """Hand the new key to its receivers, and censor a result that holds one."""
        generated = "psk" in result
        if not generated and (result.get("failed") or not result["changed"] or self._task.check_mode):
            if not result.get("failed"):
                result["delivered_to"] = []
            return
        key: str = result["psk"] if generated else options["psk"]
        if register_secret is not None and len(key) >= SHORTEST_KEY:
            register_secret(str(key))
        if not generated:
            # Whoever supplied the key has it. Only the file was asked to keep it.
            receivers = ["vault_file"] if store is not None else []
        tunnel_id, name = result["ipsec_tunnel_id"], result.get("name")
        last_generated_on = result["psk_metadata"].get("last_generated_on")
        if generated:
            result["_ansible_no_log"] = True
            self._notice(result)
        if store is not None:
            store.entries[tunnel_id] = updated(store.entries.get(tunnel_id), key, name, last_generated_on)
            try:
                store.save()
            except Exception as exc:  # whatever it is, the key must not get lost now, nor may the text of the exception show it
                receivers = [receiver for receiver in receivers if receiver == "register"]
                result.update(failed=True, msg=self._not_saved(result, store, exc))
                display.display(f"{self.MODULE}: {result['msg']}", stderr=True)
        if "fact" in receivers:
            entry = {"psk": key, "name": name, "last_generated_on": last_generated_on}
            result["ansible_facts"] = {VARIABLE: self._accumulated({tunnel_id: entry}, task_vars)}
        elif generated and options["set_fact"] and not result.get("failed"):
            result.setdefault("warnings", []).append(
                f"The key is not put into the fact {VARIABLE}, because the fact cache '{C.CACHE_PLUGIN}' would store it in clear. Set set_fact: false to silence this."
            )
        result["delivered_to"] = receivers

    def _not_saved(self, result: Mapping[str, t.Any], store: VaultFile, exc: Exception) -> str:
        """Say what state things are in when the key is in force and the file does not have it."""
        if store.rescued:
            where = f"The whole file, encrypted, was saved as {store.rescued} instead: move it into place."
        elif "psk" not in result:
            where = "Nothing is lost: run the task again once the file can be written."
        elif self._task.register:
            where = f"The registered variable {self._task.register} holds the key: save it in a rescue block, or run the task again for another key."
        else:
            where = "The key is lost: run the task again for another one."
        return f"The new key of tunnel {result['ipsec_tunnel_id']} is in force, but it could not be saved to {store.path} ({getattr(exc, 'strerror', None) or type(exc).__name__}). {where}"

    def _accumulated(self, entries: dict[str, t.Any], task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        """Return the whole fact: what the host has, what earlier items of this loop added, and these entries."""
        owner = task_vars
        host = str(task_vars.get("inventory_hostname", ""))
        if self._task.delegate_to and self._task.delegate_facts:
            host = str(self._task.delegate_to)
            hostvars = task_vars.get("hostvars") or {}
            owner = hostvars[host] if host in hostvars else {}
        existing = (owner.get("ansible_facts") or {}).get(VARIABLE)
        mine = _returned.setdefault((self._task._uuid, host), {})
        mine.update(entries)
        return {**(existing if isinstance(existing, dict) else {}), **mine}

    def _notice(self, result: Mapping[str, t.Any]) -> None:
        """Tell what the censored result cannot: on standard error, so that callbacks which write a document to standard output stay readable."""
        name = result.get("name")
        tunnel = f"{name} ({result['ipsec_tunnel_id']})" if name else result["ipsec_tunnel_id"]
        generated = result["psk_metadata"].get("last_generated_on") or datetime.now(timezone.utc).isoformat(timespec="seconds")
        before = f", the one before of {result['diff']['before']['last_generated_on']}" if self._task.diff and "diff" in result else ""
        display.display(
            f"{self.MODULE}: tunnel {tunnel} has a new key (reason: {result['reason']}, generated: {generated}{before}). The result holds it and is therefore not shown.",
            stderr=True,
        )
