# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The private interfaces of ansible-core that the collection uses, or those that may change without notice. No other file uses such an interface.

Each function names the interface, and the versions that have it. If one of them was removed, the function fails
before anything is sent to Cloudflare, instead of exposing a key.
"""

from __future__ import annotations

import re
import typing as t
from collections.abc import Mapping
from functools import lru_cache

import ansible.template
from ansible import constants as C
from ansible import context
from ansible.errors import AnsibleError
from ansible.release import __version__
from ansible.utils.unsafe_proxy import wrap_var
from ansible.vars.reserved import is_reserved_name

from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._text import without_templates

try:
    # From ansible-core 2.22 on.
    from ansible.module_utils.secrets import register_secret as _register_secret
except ImportError:
    _register_secret = None  # type: ignore[assignment, unused-ignore]

if t.TYPE_CHECKING:
    from collections.abc import Iterable

    from ansible.parsing.vault import VaultLib
    from ansible.playbook.task import Task
    from ansible.plugins.action import ActionBase
    from ansible.template import Templar

OLDEST = (2, 18)
NEWEST_TESTED = (2, 22)
VERSION = tuple(int(part) for part in re.findall(r"\d+", __version__)[:2])

# Before ansible-core 2.19, which has data tags, the warnings of a censored result are not shown.
SHOWS_WARNINGS_OF_CENSORED = VERSION >= (2, 19)

# Up to ansible-core 2.18, an item of a loop whose options cannot be templated ends the task without 'register' for the earlier items.
DROPS_REGISTER = VERSION < (2, 19)

# Masking shorter strings than this would make Ansible's output unreadable.
SHORTEST_MASKED = 8

# Of the expressions in 'register' (from ansible-core 2.21 on), those that certainly select a part of the result with the keys.
_WITH_KEY = r"_task\.(?:polymorphic_result|result)(?:\.{member})?"
_WITH_KEYS_OF_LOOP = r"_task\.(?:polymorphic_result|loop_result)(?:\.results)?"

# An inventory has fewer expressions than this.
_MANY_TEMPLATES = 512

# Expressions in 'until' that are never an error.
_PLAIN_TEST = re.compile(
    r"\w+ is (not )?(success|succeeded|successful|failed|failure|changed|change)|\w+\.(psks?|changed|failed) is (not )?defined|(not )?\w+\.changed"
)


def _gone(what: str) -> MagicError:
    return MagicError(
        f"This version of the collection does not work with ansible-core {__version__}: {what} was removed. Nothing has been sent. "
        "Use a version of ansible-core that README names, or a newer version of the collection."
    )


def check_version() -> list[str]:
    """Return a warning if this ansible-core is newer than the tested ones.

    :raises MagicError: if it is too old.
    """
    if VERSION < OLDEST:
        raise MagicError(f"cloudflare.magic needs ansible-core {'.'.join(map(str, OLDEST))} or newer, and this is {__version__}. Upgrade ansible-core.")
    if VERSION > NEWEST_TESTED:
        newest = ".".join(map(str, NEWEST_TESTED))
        return [f"cloudflare.magic was tested with ansible-core up to {newest}, and this is {__version__}. Look for a newer version of the collection."]
    return []


def vault_of(action: ActionBase) -> VaultLib:
    """Return Ansible's vault with the secrets of this run. ``DataLoader._vault`` (2.18 to 2.22)."""
    vault: VaultLib | None = getattr(action._loader, "_vault", None)
    if vault is None:
        raise _gone("DataLoader._vault")
    return vault


def environment_of(action: ActionBase) -> dict[str, str]:
    """Return the task's ``environment`` keyword, merged and templated. ``ActionBase._compute_environment_string`` (2.18 to 2.22) does that."""
    compute = getattr(action, "_compute_environment_string", None)
    if compute is None:
        raise _gone("ActionBase._compute_environment_string")
    found: dict[str, t.Any] = {}
    compute(found)
    return {str(name): str(value) for name, value in found.items()}


def is_ad_hoc() -> bool:
    """Return whether this is ``ansible`` or ``ansible-console``, which leaves only printed output.

    The first has a ``module_name`` among ``context.CLIARGS``, the second a ``pattern`` of hosts (2.18 to 2.22); no other program has one of them.
    """
    return "module_name" in context.CLIARGS or "pattern" in context.CLIARGS


def is_check_run() -> bool:
    """Return whether the whole run is in check mode (``--check``), and not only some of its tasks. ``context.CLIARGS`` (2.18 to 2.22)."""
    return bool(context.CLIARGS.get("check"))


def storing_fact_cache() -> str | None:
    """Return the name of the fact cache if it stores facts outside this process, else None. ``C.CACHE_PLUGIN`` (2.18 to 2.22)."""
    name = str(C.CACHE_PLUGIN)
    return None if name.rpartition(".")[2] == "memory" else name


def folder_of_this_run() -> str:
    """Return a folder that all processes of this run share, and that is deleted with it. ``C.DEFAULT_LOCAL_TMP`` (2.18 to 2.22)."""
    return str(C.DEFAULT_LOCAL_TMP)


def task_identity(task: Task) -> str:
    """Return the unique ID of a task in a run. ``Task._uuid`` (2.18 to 2.22)."""
    identity = getattr(task, "_uuid", None)
    if not identity:
        raise _gone("Task._uuid")
    return str(identity)


def is_loop(task: Task) -> bool:
    """Return whether the task has a loop; ``Task.loop`` and ``Task.loop_with`` (2.18 to 2.22)."""
    return bool(task.loop or task.loop_with)


def until_is_safe(task: Task) -> bool:
    """Return whether the task cannot end by an error in 'until', after which Ansible (2.18 to 2.22) has no result to register."""
    return all(_PLAIN_TEST.fullmatch(str(expression).strip()) for expression in task.until or [])


def is_repeated(task: Task) -> bool:
    """Return whether Ansible may run the task again automatically; ``Task.until`` and ``Task.retries`` (2.18 to 2.22)."""
    return bool(task.until or task.retries)


def is_registered(task: Task, member: str) -> bool:
    """Return whether a variable certainly gets the key. From ansible-core 2.21 on, ``register`` may be a dictionary of expressions for parts of the result.

    :arg member: the member of the result with the key or keys.
    """
    register = task.register
    if not isinstance(register, Mapping):
        return bool(register)
    pattern = _WITH_KEYS_OF_LOOP if is_loop(task) else _WITH_KEY.format(member=member)
    return any(re.fullmatch(pattern, str(expression).strip()) for expression in register.values())


def register_secrets(keys: Iterable[str]) -> None:
    """Have Ansible mask these in later output, if it can: ``ansible.module_utils.secrets`` (from 2.22 on)."""
    for key in keys:
        if _register_secret is not None and len(key) >= SHORTEST_MASKED:
            _register_secret(str(key))


def decrypted(value: t.Any) -> t.Any:
    """Return the text of an inline ``!vault`` value, and any other value unchanged.

    Its class is ``AnsibleVaultEncryptedUnicode`` with ``data`` on 2.18, and ``EncryptedString`` from 2.19 to 2.22.
    """
    if type(value).__name__ == "AnsibleVaultEncryptedUnicode":
        return str(value.data)
    return str(value) if type(value).__name__ == "EncryptedString" else value


def as_written(task: Task) -> Task | None:
    """Return the task as the playbook has it, before templating, with what it inherits from blocks and play.

    The task debugger runs a task again with what ``Task.dump_attrs`` showed of it, so hidden values have to be read from here. It is read
    again as the debugger's ``update_task`` does, by ``Task.load_data`` from ``Task._ds`` below ``Task._parent`` (2.18 to 2.22); if one of them was
    removed, nothing is returned, and a hidden value is rejected.
    """
    try:
        fresh: Task = type(task)()
        fresh._parent = task._parent
        fresh._role = task._role
        fresh.load_data(task.get_ds(), variable_manager=task._variable_manager, loader=task._loader)
    except (AnsibleError, AttributeError, TypeError, AssertionError):
        return None
    return fresh


# Variables that Ansible itself sets or uses, in addition to those that it calls reserved.
_MAGIC_NAMES = {"vars", "role_name", "role_path", "role_names", "group_names", "hostvars", "groups", "omit", "play_hosts", "playbook_dir", "item"}
_MAGIC_NAMES |= {"inventory_dir", "inventory_file", "inventory_hostname", "inventory_hostname_short", "discovered_interpreter_python"}


def means_something(variable: str) -> bool:
    """Return whether Ansible itself uses a variable of this name. ``is_reserved_name`` and ``C.INTERNAL_STATIC_VARS`` (2.18 to 2.22)."""
    own = _MAGIC_NAMES | set(getattr(C, "INTERNAL_STATIC_VARS", ()))
    return variable.startswith("ansible_") or variable in own or bool(is_reserved_name(variable))


_trust = getattr(ansible.template, "trust_as_template", None)


def plain_text(text: str) -> str:
    """Return a text without a special meaning for Ansible, as one that Ansible shows unchanged.

    From 2.19 on, ``ansible-inventory`` shows texts without ``trust_as_template`` as ``__ansible_unsafe``; before, there is none.
    """
    return text if _trust is None else t.cast(str, _trust(text))


def compile_once(templar: Templar) -> None:
    """Have this templar compile a template once, and not once for each host that it is evaluated for. Without these interfaces, it is not changed.

    ``TemplateEngine._compile_expression`` of ``Templar._engine`` (2.19 to 2.22), ``from_string`` of ``Templar.environment`` (2.18). Only this object gets
    its own class, because a copy of it compiles with its own environment.
    """
    owner, method = (templar._engine, "_compile_expression") if hasattr(templar, "_engine") else (templar.environment, "from_string")
    kind = type(owner)
    if hasattr(kind, method):
        owner.__class__ = type(kind.__name__, (kind,), {method: lru_cache(_MANY_TEMPLATES)(getattr(kind, method))})


# Up to ansible-core 2.18, filters such as 'join' and the operator '~' drop the tag of values from 'hostvars', and templates are templated again.
KEEPS_MARKS = VERSION >= (2, 19)


def marked(text: str) -> str:
    """Return a text that Ansible never treats as a template, by ``wrap_var`` (2.18 to 2.22). If a tag can get lost, the text cannot begin a template."""
    return t.cast(str, wrap_var(text if KEEPS_MARKS else without_templates(text)))


def no_templates(value: t.Any) -> t.Any:
    """Return a value with new strings, such as the result of a filter, as one in which Ansible finds no template.

    From 2.19 on, a string is a template only if it is tagged, and a new one is not; before, ``wrap_var`` has to mark it.
    """
    return value if KEEPS_MARKS else wrap_var(value)
