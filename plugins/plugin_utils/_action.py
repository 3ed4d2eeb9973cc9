# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What all action plugins have in common: the options of the task, errors as results, and what is hidden when Ansible shows a task."""

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
from ansible_collections.cloudflare.magic.plugins.module_utils._options import not_dictionaries
from ansible_collections.cloudflare.magic.plugins.module_utils._settings import CREDENTIAL_VARIABLES, check_text
from ansible_collections.cloudflare.magic.plugins.module_utils._text import MASK, all_shown, shown
from ansible_collections.cloudflare.magic.plugins.plugin_utils import _core

if t.TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from ansible_collections.cloudflare.magic.plugins.module_utils._client import Client
    from ansible_collections.cloudflare.magic.plugins.module_utils._options import ArgumentSpec

# The task of this process before its secrets were hidden: another attempt (until) needs them.
_unhidden: dict[str, t.Any] = {}

_HIDDEN_FIELDS = ("args", "environment", "module_defaults", "no_log")

_HERE = ("localhost", "127.0.0.1", "::1")

# The names of YAML's types of values that are not strings.
_YAML_TYPES = ((bool, "true or false"), (int, "a number"), (float, "a number"), (list, "a list"), (Mapping, "a dictionary"))

# The same names for Python's classes, including Ansible's subclasses, in the messages of argument specifications.
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
    """Return the name of the type of a YAML value."""
    return next((words for kind, words in _YAML_TYPES if isinstance(value, kind)), "a date or another type")


def in_yaml_types(message: str) -> str:
    """Return a message of Ansible's argument specification with YAML's types instead of Python's classes."""

    def words(found: re.Match[str]) -> str:
        return next((words for name, words in _PYTHON_TYPES.items() if name in found[1].lower()), found[0])

    return re.sub(r"<class '(?:\w+\.)*(\w+)'>", words, message)


class ClientAction(ActionBase):
    """Base of the action plugins. The work is done in this process on the controller, whatever the connection of the host is.

    :cvar MODULE: the full name of the module.
    :cvar OPTIONS: its argument specification.
    :cvar LARGE: options that can be large. The action checks them itself, as written, because Ansible would copy them as a whole; and at the end they
        are removed from the task like secrets, because Ansible sends the task back along with the result. Each would take longer than the work itself.
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
        """Print what a result cannot contain, or not yet: on standard error, so that callbacks can write a document to standard output."""
        display.display(f"{self.MODULE}: {shown(text)}", stderr=True)

    def _hide(self, result: dict[str, t.Any]) -> None:
        """Remove secrets from the task itself, which callback plugins get with the result."""
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
        # Only ansible-core 2.18 has their values here, if they come from templates.
        self._task.module_defaults = []
        if result.get("_ansible_no_log"):
            # For the result of a whole loop, ansible-core 2.18 uses only this.
            self._task.no_log = True

    def _run(self, task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        self.task_vars = task_vars
        try:
            warnings = _core.check_version()
            self._prepare_arguments()
            self.options = self._validated()
            for name, option in self.OPTIONS.argument_spec.items():
                # A path may contain any byte, which Python represents in this way.
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
        """Return the options, validated and converted by the argument specification.

        :raises MagicError: if they are not valid. Ansible's own error contains all arguments, and from ansible-core 2.20 on shows them with -vvv.
        """
        args = self._task.args
        self._task.args = {name: value for name, value in args.items() if name not in self.LARGE}
        problems = not_dictionaries(self.OPTIONS.argument_spec, self._task.args)
        try:
            if problems:
                raise MagicError(" ".join(problems))
            dummy, options = self.validate_argument_spec(**self.OPTIONS.as_kwargs())
        except AnsibleError as error:
            raise MagicError(in_yaml_types(error.message)) from None
        finally:
            self._task.args = args
        return {name: args.get(name) if name in self.LARGE else options[name] for name in self.OPTIONS.argument_spec}

    def _elsewhere(self) -> list[str]:
        """Return a warning if the task is delegated to another machine, which only changes the host of the facts."""
        host = self._task.delegate_to
        if not host or str(host) in _HERE:
            return []
        return [
            f"{self.MODULE} runs on the controller, so delegate_to has no effect on where requests are sent from. Leave it out. "
            "To reach Cloudflare through another machine, set HTTPS_PROXY in the task's environment."
        ]

    def _prepare_arguments(self) -> None:
        """Reject unknown options, restore values that the task debugger has lost, and reject keys that YAML read as another type.

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
                # Ansible would use one of them silently.
                raise MagicError(f"{' and '.join(written)} are the same option. Give one of them.")
        self._bring_back(args)
        for name, option in specs.items():
            value = args.get(name)
            if not option.get("no_log") or value is None:
                continue
            if option["type"] == "str":
                value = args[name] = _core.decrypted(value)
                if not isinstance(value, str):
                    # A number or a list is not what the user wrote.
                    raise MagicError(f"{name} is not a string (YAML read it as {yaml_type(value)}). Put it in quotes.")
            elif isinstance(value, Mapping):
                args[name] = {key: _core.decrypted(item) for key, item in value.items()}
        self._task.args = args

    def _bring_back(self, args: dict[str, t.Any]) -> None:
        """Replace the masks that ``_hide`` has set in the task: the debugger's ``redo`` runs it as shown. Unknown masks stay, and are rejected."""
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
    """Return a diff whose names and values cannot control the terminal. A text of several lines (the outermost ``before`` or ``after``) is not changed."""
    if isinstance(diff, list):
        return [_printable(part, outermost) for part in diff]
    if isinstance(diff, dict):
        texts = ("before", "after") if outermost else ()
        return {shown(str(name)): value if name in texts and isinstance(value, str) else _printable(value, False) for name, value in diff.items()}
    return shown(diff) if isinstance(diff, str) else diff
