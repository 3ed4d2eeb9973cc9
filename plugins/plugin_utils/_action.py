# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What the action plugins have in common: run here or there, and keep credentials and keys out of what Ansible shows of a task."""

from __future__ import annotations

import os
import typing as t
from abc import abstractmethod
from contextlib import contextmanager
from importlib.util import find_spec

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.cloudflare.magic.plugins.module_utils._client import CREDENTIAL_VARIABLES, MASK, MagicError, checked_url
from ansible_collections.cloudflare.magic.plugins.module_utils._module import failed, perform
from ansible_collections.cloudflare.magic.plugins.module_utils._psk import SHORTEST_KEY

try:
    # From ansible-core 2.22 on.
    from ansible.module_utils.secrets import register_secret
except ImportError:
    register_secret = None

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ansible_collections.cloudflare.magic.plugins.module_utils._client import Client
    from ansible_collections.cloudflare.magic.plugins.module_utils._options import ArgumentSpec

# The task that this process runs, as it was before its secrets were hidden: another attempt (until) needs them.
_unhidden: dict[str, t.Any] = {}

# Before ansible-core 2.19, the warnings of a censored result are not shown.
_SHOWS_WARNINGS = find_spec("ansible.module_utils.datatag") is not None

_HIDDEN_FIELDS = ("args", "environment", "module_defaults", "no_log")

display = Display()


class Secret(str):
    """A string that does not show itself where Ansible prints the arguments of a module (ANSIBLE_DEBUG)."""

    def __repr__(self) -> str:
        return repr(MASK)

    __slots__ = ()


class SecretDict(dict):  # type: ignore[type-arg]
    """The same for a dictionary of secrets."""

    def __repr__(self) -> str:
        return repr(MASK)

    __slots__ = ()


class ClientAction(ActionBase):
    """Base of the action plugins. Where modules run on the controller anyway, the work is done in this process."""

    _supports_async = False  # Ansible would run the module elsewhere, and write its result to a file
    _supports_check_mode = True

    MODULE: t.ClassVar[str]
    OPTIONS: t.ClassVar[ArgumentSpec]
    LOST: t.ClassVar[str] = "If the module had begun, the change may have been made. Run the task again: it reads what there is, and does what is left."

    def __init__(self, *args: t.Any, **kwargs: t.Any) -> None:
        super().__init__(*args, **kwargs)
        self.task_vars: dict[str, t.Any] = {}
        self.options: dict[str, t.Any] = {}

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
            result = self.all_work()
        except MagicError as error:
            return failed(error)
        warnings += result.pop("warnings", [])
        if warnings:
            result["warnings"] = warnings
            if result.get("_ansible_no_log") and not _SHOWS_WARNINGS:
                for warning in warnings:
                    display.warning(warning)
        if not self._task.diff:
            result.pop("diff", None)
        return result

    def all_work(self) -> dict[str, t.Any]:
        """Do the task and return its result.

        :raises MagicError: if it failed.
        """
        return self.step()

    def _check_types(self) -> None:
        """Refuse what YAML made of a key: as a number or list it is not what the user wrote."""
        for name, option in self.OPTIONS.argument_spec.items():
            value = self._task.args.get(name)
            if option.get("no_log") and option["type"] == "str" and value is not None and not isinstance(value, str):
                raise MagicError(f"{name} is not a string (YAML has read a {type(value).__name__.lstrip('_')}). Put it between quotes.")

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
        environment = self._task.environment
        args: dict[str, t.Any] = {**self._task.args, **self._credentials_of_environment(), **extra}
        for name in (name for name, option in self.OPTIONS.argument_spec.items() if option.get("no_log")):
            if args.get(name) is not None:
                args[name] = SecretDict(args[name]) if isinstance(args[name], dict) else Secret(args[name])
        try:
            result: dict[str, t.Any] = self._execute_module(module_name=self.MODULE, module_args=args, task_vars=self.task_vars)
        except AnsibleConnectionFailure as exc:
            raise AnsibleConnectionFailure(f"{exc} {self.LOST}") from None
        finally:
            self._task.environment = environment  # for another attempt (until)
        if "module_stdout" in result:
            result["msg"] = f"{result.get('msg', 'The answer of the module cannot be read.')} {self.LOST}"
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
