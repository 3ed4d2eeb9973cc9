# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: design_yaml
author:
  - The cloudflare.magic contributors (@cloudflare)
version_added: 1.1.0
short_description: Write a design as a YAML file of variables
description:
  - Writes what M(cloudflare.magic.network) gathers as a file with the variable C(network_config), suitable for a repository, as the playbook
    C(cloudflare.magic.network_export) does. If one field changes, one line changes.
  - Values from Cloudflare remain data. Text that Ansible would interpret as a template is marked with C(!unsafe), control characters are escaped, and
    values that YAML could interpret as a number, a date or a boolean are quoted.
options:
  _input:
    description: The design, as RV(cloudflare.magic.network#module:gathered).
    type: dict
    required: true
  account:
    description: The id of the account, for the comments at the top of the file.
    type: str
    default: ""
  moment:
    description: When the design was read, for the comments at the top of the file.
    type: str
    default: ""
  previous:
    description: The current text of the file. If the design is the same, this text is returned with its comments, so that nothing changes.
    type: str
    default: ""
seealso:
  - plugin: cloudflare.magic.network
    plugin_type: module
"""

EXAMPLES = r"""
---
- name: Read the whole network
  cloudflare.magic.network:
    state: gathered
  register: account

- name: Write the design to a file
  ansible.builtin.copy:
    content: "{{ account.gathered | cloudflare.magic.design_yaml('production', moment=now(utc=true) | string) }}"
    dest: network.yml
    mode: "0644"
"""

RETURN = r"""
_value:
  description: The text of the file.
  type: str
"""

import typing as t
from collections.abc import Mapping

from ansible.errors import AnsibleFilterError
from ansible.utils.unsafe_proxy import wrap_var

from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.plugin_utils._design_yaml import variables_file


def design_yaml(design: t.Any, account: str = "", moment: str = "", previous: str = "") -> str:
    """Return the text of a file with a design, which is not a template.

    :raises AnsibleFilterError: if this is not a design, or YAML cannot represent it.
    """
    try:
        # A kind with at most one object is a dictionary.
        whole = {str(kind): dict(items) if isinstance(items, Mapping) else list(items) for kind, items in design.items()}
        result: str = wrap_var(variables_file(whole, str(account), str(moment), str(previous)))
    except MagicError as error:
        raise AnsibleFilterError(f"design_yaml: {error}") from None
    except (AttributeError, TypeError) as exc:
        raise AnsibleFilterError("design_yaml: this is not a dictionary of kinds. Give what the module network returns as 'gathered'.") from exc
    return result


class FilterModule:
    """The filter."""

    def filters(self) -> dict[str, t.Any]:
        """Return the filter by its name."""
        return {"design_yaml": design_yaml}
