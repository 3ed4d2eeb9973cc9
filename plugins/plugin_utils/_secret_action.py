# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What the action plugins whose result holds pre-shared keys have in common: run here or there, deliver, censor."""

from __future__ import annotations

import json
import os
import re
import secrets
import typing as t
from abc import abstractmethod
from collections.abc import Mapping
from contextlib import contextmanager, nullcontext
from importlib.util import find_spec

from ansible import constants as C
from ansible import context
from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.cloudflare.magic.plugins.module_utils._client import CREDENTIAL_VARIABLES, MASK, MagicError, checked_url
from ansible_collections.cloudflare.magic.plugins.module_utils._module import KEYS, SEAL, SEALED, failed, perform, seal, unseal
from ansible_collections.cloudflare.magic.plugins.module_utils._psk import SHORTEST_KEY
from ansible_collections.cloudflare.magic.plugins.plugin_utils._vault_file import VARIABLE, VaultFile

try:
    # From ansible-core 2.22 on.
    from ansible.module_utils.secrets import register_secret
except ImportError:
    register_secret = None

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ansible_collections.cloudflare.magic.plugins.module_utils._client import Client
    from ansible_collections.cloudflare.magic.plugins.module_utils._options import ArgumentSpec

# The facts that this process has returned, by task and host. All items of a loop run in one process, but before
# ansible-core 2.21 a later item does not see the facts of the earlier ones, which its own fact replaces.
_returned: dict[tuple[str, str], dict[str, t.Any]] = {}

# What to register of a result that the key is in; of a loop, "result" is merely the last item's.
_WITH_KEY = re.compile(r"_task\.(?P<what>polymorphic_result|loop_result|result)(\.psks?|\.results)?")

# The task that this process runs, as it was before its secrets were hidden: another attempt (until) needs them.
_unhidden: dict[str, t.Any] = {}

# Before ansible-core 2.19, the warnings of a censored result are not shown.
_SHOWS_WARNINGS = find_spec("ansible.module_utils.datatag") is not None

_HIDDEN_FIELDS = ("args", "environment", "module_defaults", "no_log")

display = Display()


class _Secret(str):
    """A string that does not show itself where Ansible prints the arguments of a module (ANSIBLE_DEBUG)."""

    def __repr__(self) -> str:
        return repr(MASK)

    __slots__ = ()


class _SecretDict(dict):  # type: ignore[type-arg]
    """The same for a dictionary of secrets."""

    def __repr__(self) -> str:
        return repr(MASK)

    __slots__ = ()


class SecretAction(ActionBase):
    """Base of the action plugins. Where modules run on the controller anyway, the work is done in this process."""

    _supports_async = False  # Ansible would write the result to a file
    _supports_check_mode = True

    MODULE: t.ClassVar[str]
    OPTIONS: t.ClassVar[ArgumentSpec]

    def __init__(self, *args: t.Any, **kwargs: t.Any) -> None:
        super().__init__(*args, **kwargs)
        self.task_vars: dict[str, t.Any] = {}
        self.options: dict[str, t.Any] = {}
        self.receivers: list[str] = []

    @staticmethod
    @abstractmethod
    def check(options: Mapping[str, t.Any]) -> list[str]:
        """Check what the argument specification cannot, before anything is sent; return warnings, or raise ``MagicError``."""

    @staticmethod
    @abstractmethod
    def request(client: Client, options: Mapping[str, t.Any], check_mode: bool) -> dict[str, t.Any]:
        """Do what the module does: the part of the work that may happen on another host."""

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        super().run(tmp, task_vars)
        task = self._task
        if _unhidden.get("task") is task:
            for name in _HIDDEN_FIELDS:
                setattr(task, name, _unhidden[name])
        _unhidden.update({name: getattr(task, name) for name in _HIDDEN_FIELDS}, task=task)
        result: dict[str, t.Any] = {}
        try:
            result = self._run(task_vars or {})
        finally:
            self._hide(result)
        return result

    def _hide(self, result: dict[str, t.Any]) -> None:
        """Take secrets out of the task itself, which callback plugins get with the result."""
        secret = {name for name, option in self.OPTIONS.argument_spec.items() if option.get("no_log")}
        secret |= {variable for option, variable in CREDENTIAL_VARIABLES.items() if option in secret}

        def hidden(values: t.Any) -> t.Any:
            if isinstance(values, list):
                return [hidden(item) for item in values]
            if isinstance(values, dict):
                return {name: MASK if name in secret and value is not None else value for name, value in values.items()}
            return values

        self._task.args = hidden(self._task.args)
        self._task.environment = hidden(self._task.environment)
        # Only ansible-core 2.18 has their values here, as far as they come from templates.
        self._task.module_defaults = []
        if result.get("_ansible_no_log"):
            # For the result of a whole loop, ansible-core 2.18 looks at this alone.
            self._task.no_log = True

    def _run(self, task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        self.task_vars = task_vars
        dummy, options = self.validate_argument_spec(**self.OPTIONS.as_kwargs())
        self.options = {name: options[name] for name in self.OPTIONS.argument_spec}
        try:
            self._check_types()
            if self.options["api_url"] is not None:
                # Before a module on another host gets it, and shows it: it may hold a password.
                checked_url(self.options["api_url"], "api_url")
            warnings = self.check(self.options)
            self.receivers = self._receivers()
            with self._vault_file() as store:
                result = self.work(store)
        except MagicError as error:
            return failed(error)
        except Exception:
            raise
        except BaseException:
            # Ctrl-C, or the task's timeout: nobody can tell any more what has happened.
            if not self._task.check_mode:
                display.warning(
                    f"{self.MODULE}: interrupted. If a request was sent, the key in force may be unknown. Running the task again with rotate: always heals it."
                )
            raise
        warnings += result.pop("warnings", [])
        if warnings:
            result["warnings"] = warnings
            if result.get("_ansible_no_log") and not _SHOWS_WARNINGS:
                for warning in warnings:
                    display.warning(warning)
        if not self._task.diff:
            result.pop("diff", None)
        return result

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

    def _check_types(self) -> None:
        """Refuse what YAML made of a key: as a number or list it is not what the user wrote."""
        for name, option in self.OPTIONS.argument_spec.items():
            value = self._task.args.get(name)
            if option.get("no_log") and option["type"] == "str" and value is not None and not isinstance(value, str):
                raise MagicError(f"{name} is not a string (YAML has read a {type(value).__name__.lstrip('_')}). Put it between quotes.")

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

    def step(self, **extra: t.Any) -> dict[str, t.Any]:
        """Run ``request`` with the options of the task and these, in this process or as the module on the task's host.

        :returns: the result of the module, also if it failed.
        """
        if self._connection.transport == "local" or getattr(self._connection, "_remote_is_local", False):
            with self._environment():
                return perform(self.request, {**self.options, **extra}, self._task.check_mode)
        return self._run_there(extra)

    def _run_there(self, extra: Mapping[str, t.Any]) -> dict[str, t.Any]:
        """Run the module on the task's host. Neither its arguments nor its answer show a secret to whoever watches."""
        pad = secrets.token_hex(32)
        self.register_secrets([pad])
        environment = self._task.environment
        args: dict[str, t.Any] = {**self._task.args, **self._credentials_of_environment(), SEAL: pad, **extra}
        if KEYS in extra:
            args[KEYS] = seal(json.dumps(extra[KEYS]), pad)
        for name in [SEAL, *(name for name, option in self.OPTIONS.argument_spec.items() if option.get("no_log"))]:
            if args.get(name) is not None:
                args[name] = _SecretDict(args[name]) if isinstance(args[name], dict) else _Secret(args[name])
        lost = "If the module had begun, the key in force may be unknown now. Run the task again with rotate: always, which heals it."
        try:
            result: dict[str, t.Any] = self._execute_module(module_name=self.MODULE, module_args=args, task_vars=self.task_vars)
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
        # What ansible-core 2.22 does not know as secret here, it would return as a new one, in clear.
        self.register_secrets(value for option, value in found.items() if option != "api_email")
        if any(self._task.args.get(option) is not None for option in CREDENTIAL_VARIABLES):
            return {}
        return {"api_token": found["api_token"]} if "api_token" in found else found

    def register_secrets(self, keys: Iterable[str]) -> None:
        """Have Ansible mask these in later output, where it can."""
        for key in keys:
            if register_secret is not None and len(key) >= SHORTEST_KEY:
                register_secret(str(key))

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
