# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The options that everything in this collection shares, with their constraints, as one object that merges."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from ansible.module_utils.common.validation import check_type_dict

from ansible_collections.cloudflare.magic.plugins.module_utils._settings import DEFAULT_MAX_RETRIES, DEFAULT_TIMEOUT


def not_dictionaries(options: Mapping[str, t.Any], given: Mapping[str, t.Any], path: str = "") -> list[str]:
    """Return what is no dictionary where one with options is needed. Ansible itself fails there with an error that names no option."""
    found = []
    for name, option in options.items():
        if "options" in option and given.get(name) is not None:
            values, where = [given[name]], f"{path}{name}"
            if option["type"] == "list":
                # Ansible makes a list of a text.
                values = given[name] if isinstance(given[name], list) else given[name].split(",") if isinstance(given[name], str) else []
            for value in values:
                if isinstance(value, Mapping):
                    found += not_dictionaries(option["options"], value, f"{where}.")
                elif not (isinstance(value, str) and _is_dictionary(value)):
                    # A text may be a key, so it is not shown.
                    what = "a text" if isinstance(value, str) else "a list" if isinstance(value, list) else value
                    found.append(f"{where}: {what} is not a dictionary. Write options in it: {', '.join(option['options'])}.")
    return list(dict.fromkeys(found))


def _is_dictionary(text: str) -> bool:
    """Return whether Ansible makes a dictionary of a text."""
    try:
        check_type_dict(text)
    except TypeError:
        return False
    return True


@dataclass(frozen=True)
class ArgumentSpec:
    """An argument specification together with its constraints.

    The fields are the keyword arguments of the same names of ``AnsibleModule`` and of ``ActionBase.validate_argument_spec``.
    """

    argument_spec: dict[str, dict[str, t.Any]] = field(default_factory=dict)
    mutually_exclusive: list[tuple[str, ...]] = field(default_factory=list)
    required_together: list[tuple[str, ...]] = field(default_factory=list)
    required_one_of: list[tuple[str, ...]] = field(default_factory=list)
    required_if: list[tuple[t.Any, ...]] = field(default_factory=list)

    def merge(self, other: ArgumentSpec) -> ArgumentSpec:
        """Return both in one; on options of one name ``other`` wins."""
        return ArgumentSpec(
            {**self.argument_spec, **other.argument_spec},
            self.mutually_exclusive + other.mutually_exclusive,
            self.required_together + other.required_together,
            self.required_one_of + other.required_one_of,
            self.required_if + other.required_if,
        )

    def as_kwargs(self) -> dict[str, t.Any]:
        """Return the keyword arguments for ``AnsibleModule`` or ``validate_argument_spec``."""
        return asdict(self)


# No fallback to the environment here: an option in the task overrides the environment as a whole, which
# no fallback of a single option can express. resolve() in _settings does it, and checks the constraints.
SHARED = ArgumentSpec(
    {
        "api_token": {"type": "str", "no_log": True},
        "api_key": {"type": "str", "no_log": True},
        "api_email": {"type": "str"},
        "account_id": {"type": "str"},
        "api_url": {"type": "str", "aliases": ["base_url"]},
        "timeout": {"type": "float", "default": DEFAULT_TIMEOUT},
        "max_retries": {"type": "int", "default": DEFAULT_MAX_RETRIES},
        "validate_certs": {"type": "bool", "default": True},
        "ca_path": {"type": "path"},
    }
)


# Of the one module that needs no account.
REPORT_FILES = ArgumentSpec(
    {
        "files": {
            "type": "list",
            "elements": "dict",
            "required": True,
            "options": {"path": {"type": "path", "required": True}, "content": {"type": "str", "required": True}},
        },
        "mode": {"type": "str", "default": "0640"},
    }
)
