# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What all action plugins have in common: the options of the task, errors as results, and what is kept out of what Ansible shows of a task."""

from __future__ import annotations

import os
import re
import typing as t
from abc import abstractmethod
from collections.abc import Mapping
from contextlib import contextmanager
from difflib import get_close_matches

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._module import client_for, failed
from ansible_collections.cloudflare.magic.plugins.module_utils._settings import CREDENTIAL_VARIABLES, check_text
from ansible_collections.cloudflare.magic.plugins.module_utils._text import MASK, all_shown, shown
from ansible_collections.cloudflare.magic.plugins.plugin_utils import _core

if t.TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from ansible_collections.cloudflare.magic.plugins.module_utils._client import Client
    from ansible_collections.cloudflare.magic.plugins.module_utils._options import ArgumentSpec

# The task that this process runs, as it was before its secrets were hidden: another attempt (until) needs them.
_unhidden: dict[str, t.Any] = {}

_HIDDEN_FIELDS = ("args", "environment", "module_defaults", "no_log")

_HERE = ("localhost", "127.0.0.1", "::1")

# What YAML calls the types of values that are not text.
_YAML_TYPES = ((bool, "true or false"), (int, "a number"), (float, "a number"), (list, "a list"), (Mapping, "a dictionary"))

# The same of Python's classes, Ansible's subclasses of them included, in the messages of argument specifications.
_PYTHON_TYPES = {
    "bool": "true or false",
    "int": "a number",
    "float": "a number",
    "list": "a list",
    "sequence": "a list",
    "dict": "a dictionary",
    "mapping": "a dictionary",
    "str": "a string",
    "unicode": "a string",
    "none": "nothing",
}

display = Display()


def yaml_type(value: t.Any) -> str:
    """Return what a YAML value is, in words."""
    return next((words for kind, words in _YAML_TYPES if isinstance(value, kind)), "a date or another type")


def in_yaml_types(message: str) -> str:
    """Return a message of Ansible's argument specification with YAML's types in the place of Python's classes."""

    def words(found: re.Match[str]) -> str:
        return next((words for name, words in _PYTHON_TYPES.items() if name in found[1].lower()), found[0])

    return re.sub(r"<class '(?:\w+\.)*(\w+)'>", words, message)


class ClientAction(ActionBase):
    """Base of the action plugins. The work is done in this process on the controller, whatever the connection of the host is.

    :cvar MODULE: the full name of the module.
    :cvar OPTIONS: its argument specification.
    :cvar LARGE: options that can be large. The action checks them itself, as they are written, because Ansible would copy them whole; and when it is done they
        are taken out of the task like secrets, because Ansible sends the task back along with the result. Each would take longer than the work itself.
    """

    _supports_async = False  # Ansible would write the result to a file
    _supports_check_mode = True
    _requires_connection = False

    MODULE: t.ClassVar[str]
    OPTIONS: t.ClassVar[ArgumentSpec]
    LARGE: t.ClassVar[tuple[str, ...]] = ()

    def __init__(self, *args: t.Any, **kwargs: t.Any) -> None:
        super().__init__(*args, **kwargs)
        self.task_vars: dict[str, t.Any] = {}
        self.options: dict[str, t.Any] = {}

    @staticmethod
    @abstractmethod
    def check(options: Mapping[str, t.Any]) -> list[str]:
        """Check what the argument specification cannot, before anything is sent; return warnings, or raise ``MagicError``."""

    @abstractmethod
    def work(self, client: Client) -> dict[str, t.Any]:
        """Do the task and return its result.

        :raises MagicError: if it failed.
        """

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        task = self._task
        if _unhidden.get("task") is task:
            for name in _HIDDEN_FIELDS:
                setattr(task, name, _unhidden[name])
        _unhidden.update({name: getattr(task, name) for name in _HIDDEN_FIELDS}, task=task)
        result: dict[str, t.Any] = {}
        try:
            super().run(tmp, task_vars)
            result = self._run(task_vars or {})
            if result.get("failed") and not result.get("_ansible_no_log"):
                # Ansible prints all of it.
                result = {name: value if name == "diff" else all_shown(value) for name, value in result.items()}
        finally:
            self._hide(result)
        return result

    def notice(self, text: str) -> None:
        """Tell what a result cannot tell, or not yet: on standard error, so that callbacks which write a document to standard output stay readable."""
        display.display(f"{self.MODULE}: {shown(text)}", stderr=True)

    def _hide(self, result: dict[str, t.Any]) -> None:
        """Take secrets out of the task itself, which callback plugins get with the result."""
        secret = {name for name, option in self.OPTIONS.argument_spec.items() if option.get("no_log")}
        secret |= {variable for option, variable in CREDENTIAL_VARIABLES.items() if option in secret}

        def hidden(values: t.Any, names: Container[str]) -> t.Any:
            if isinstance(values, list):
                return [hidden(item, names) for item in values]
            if isinstance(values, dict):
                return {name: MASK if name in names and value is not None else value for name, value in values.items()}
            return values

        self._task.args = hidden(self._task.args, secret | set(self.LARGE))
        self._task.environment = hidden(self._task.environment, secret)
        # Only ansible-core 2.18 has their values here, as far as they come from templates.
        self._task.module_defaults = []
        if result.get("_ansible_no_log"):
            # For the result of a whole loop, ansible-core 2.18 looks at this alone.
            self._task.no_log = True

    def _run(self, task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        self.task_vars = task_vars
        try:
            warnings = _core.check_version()
            self._prepare_arguments()
            self.options = self._validated()
            for name, option in self.OPTIONS.argument_spec.items():
                # A path may hold any byte, which Python writes so.
                if option["type"] != "path":
                    check_text(name, self.options[name])
            warnings += self._elsewhere() + self.check(self.options)
            with self._environment():
                client = client_for(self.options)
                client.tell = self.notice
                client.keep_secret([self.options[name] for name, option in self.OPTIONS.argument_spec.items() if option.get("no_log")])
                result = self.work(client)
        except MagicError as error:
            return failed(error)
        warnings = [shown(warning) for warning in [*warnings, *result.pop("warnings", [])]]
        if warnings:
            result["warnings"] = warnings
            if result.get("_ansible_no_log") and not _core.SHOWS_WARNINGS_OF_CENSORED:
                for warning in warnings:
                    display.warning(warning)
        if self._task.diff:
            result["diff"] = _printable(result.get("diff"))
        if not result.get("diff"):
            result.pop("diff", None)
        return result

    def _validated(self) -> dict[str, t.Any]:
        """Return the options as the argument specification has them.

        :raises MagicError: if they break it. Ansible's own error has all arguments with it, and from ansible-core 2.20 on shows them with -vvv.
        """
        args = self._task.args
        self._task.args = {name: value for name, value in args.items() if name not in self.LARGE}
        try:
            dummy, options = self.validate_argument_spec(**self.OPTIONS.as_kwargs())
        except AnsibleError as error:
            raise MagicError(in_yaml_types(error.message)) from None
        finally:
            self._task.args = args
        return {name: args.get(name) if name in self.LARGE else options[name] for name in self.OPTIONS.argument_spec}

    def _elsewhere(self) -> list[str]:
        """Return a warning if the task is delegated to another machine, which changes nothing but the host that facts belong to."""
        host = self._task.delegate_to
        if not host or str(host) in _HERE:
            return []
        return [
            f"{self.MODULE} runs on the controller, so delegate_to has no effect on where requests are sent from. Leave it out. "
            "To reach Cloudflare through another machine, set HTTPS_PROXY in the task's environment."
        ]

    def _prepare_arguments(self) -> None:
        """Refuse options that there are not, bring back what the task debugger has lost, and refuse what YAML made of a key.

        :raises MagicError: naming the option and what to do.
        """
        specs = self.OPTIONS.argument_spec
        known = {*specs, *(alias for option in specs.values() for alias in option.get("aliases", []))}
        args = dict(self._task.args)
        for name in args:
            if name not in known:
                close = get_close_matches(str(name), sorted(known), 1)
                advice = f"Did you mean '{close[0]}'?" if close else f"It has: {', '.join(sorted(known))}."
                raise MagicError(f"{self.MODULE} has no option '{name}'. {advice}")
        for name, option in specs.items():
            written = [alias for alias in (name, *option.get("aliases", [])) if alias in args]
            if len(written) > 1:
                # Ansible would take one of them without a word.
                raise MagicError(f"{' and '.join(written)} are the same option. Give one of them.")
        self._bring_back(args)
        for name, option in specs.items():
            value = args.get(name)
            if not option.get("no_log") or value is None:
                continue
            if option["type"] == "str":
                value = args[name] = _core.decrypted(value)
                if not isinstance(value, str):
                    # As a number or list it is not what the user wrote.
                    raise MagicError(f"{name} is not a string (YAML read it as {yaml_type(value)}). Put it in quotes.")
            elif isinstance(value, Mapping):
                args[name] = {key: _core.decrypted(item) for key, item in value.items()}
        self._task.args = args

    def _bring_back(self, args: dict[str, t.Any]) -> None:
        """Replace the masks that ``_hide`` has put into the task: the debugger's ``redo`` runs it as it was shown. What is not found stays, and is refused."""
        names = [name for name, option in self.OPTIONS.argument_spec.items() if (option.get("no_log") or name in self.LARGE) and args.get(name) == MASK]
        environments = self._task.environment if isinstance(self._task.environment, list) else [self._task.environment]
        masked = [values for values in environments if isinstance(values, dict) and MASK in values.values()]
        written = _core.as_written(self._task) if names or masked else None
        if written is None:
            return
        if names:
            found = {**self._defaults(written.module_defaults), **self._templated(written.args)}
            args.update({name: found[name] for name in names if found.get(name) is not None})
        for values in masked:
            found = self._merged(written.environment)
            values.update({variable: found[variable] for variable, value in values.items() if value == MASK and found.get(variable) is not None})

    def _templated(self, values: Mapping[str, t.Any]) -> dict[str, t.Any]:
        """Return templated options; all of them may come from one template (``args: "{{ ... }}"``)."""
        whole = self._templar.template(values.get("_variable_params") or {})
        return {**whole, **{name: self._templar.template(value) for name, value in values.items() if name in self.OPTIONS.argument_spec}}

    def _defaults(self, module_defaults: t.Any) -> dict[str, t.Any]:
        """Return what ``module_defaults`` has for this module, by its group or its name."""
        merged = self._merged(module_defaults, ("group/cloudflare.magic.all", self.MODULE))
        return {**(merged.get("group/cloudflare.magic.all") or {}), **(merged.get(self.MODULE) or {})}

    def _merged(self, values: t.Any, names: tuple[str, ...] = ()) -> dict[str, t.Any]:
        """Return templated dictionaries as one, the later ones first: of ``names``, or of everything."""
        merged: dict[str, t.Any] = {}
        for value in values if isinstance(values, list) else [values]:
            if isinstance(value, Mapping) and names:
                value = {name: value[name] for name in names if name in value}
            found = self._templar.template(value)
            merged.update(found if isinstance(found, Mapping) else {})
        return merged

    @contextmanager
    def _environment(self) -> Iterator[None]:
        """Apply the task's ``environment`` keyword to this process, which is what a module would find."""
        before = dict(os.environ)
        os.environ.update(_core.environment_of(self))
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)


def _printable(diff: t.Any, outermost: bool = True) -> t.Any:
    """Return a diff whose names and values cannot control the terminal. What is a text of several lines already (the outermost ``before``) is left as it is."""
    if isinstance(diff, list):
        return [_printable(part, outermost) for part in diff]
    if isinstance(diff, dict):
        return {shown(str(name)): value if outermost and isinstance(value, str) else _printable(value, False) for name, value in diff.items()}
    return shown(diff) if isinstance(diff, str) else diff
