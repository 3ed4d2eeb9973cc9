# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: network_report
author:
  - The cloudflare.magic contributors (@cloudflare)
version_added: 1.1.0
short_description: Write what a network task changes as text, Markdown or JUnit XML
description:
  - Writes the changes in a result of M(cloudflare.magic.network) as readable text, for a comment on a pull request, or for a pipeline.
  - Values from Cloudflare remain data. Names and descriptions cannot control a terminal, end the code block of the Markdown, or add elements to the
    XML.
options:
  _input:
    description: The registered result of the task. The task may have run in check mode, and it may have failed.
    type: dict
    required: true
  output:
    description: >-
      V(text) for readable text. V(markdown) for a comment on a pull request, truncated if it would be longer than GitHub accepts. V(junit) for
      pipelines, with a test case for each change.
    type: str
    choices: [text, markdown, junit]
    default: text
  fail_on_drift:
    description: Whether each change counts as a failure, for V(junit).
    type: bool
    default: false
seealso:
  - plugin: cloudflare.magic.network
    plugin_type: module
  - plugin: cloudflare.magic.network_report
    plugin_type: module
"""

EXAMPLES = r"""
---
- name: Check what a design would change
  cloudflare.magic.network:
    config:
      ipsec_tunnels:
        - name: paris-1
          description: The first tunnel of Paris
  check_mode: true
  register: plan

- name: Write the report for a pull request
  ansible.builtin.copy:
    content: "{{ plan | cloudflare.magic.network_report('markdown') }}"
    dest: plan.md
    mode: "0644"
"""

RETURN = r"""
_value:
  description: The text, with several lines.
  type: str
"""

import typing as t

from ansible.errors import AnsibleFilterError
from ansible.utils.unsafe_proxy import wrap_var

from ansible_collections.cloudflare.magic.plugins.plugin_utils import _plan_text


def network_report(result: t.Any, output: str = "text", fail_on_drift: bool = False) -> str:
    """Return a report on a result, as a string that is not a template.

    :raises AnsibleFilterError: if there is no such format, or this is not a result.
    """
    formats: dict[str, t.Any] = {
        "text": _plan_text.text,
        "markdown": _plan_text.markdown,
        "junit": lambda result: _plan_text.junit(result, fail_on_drift),
    }
    if output not in formats:
        raise AnsibleFilterError(f"network_report: there is no format '{output}'. Use one of {', '.join(formats)}.")
    try:
        report: str = wrap_var(formats[output](result))
    except (AttributeError, KeyError, TypeError) as exc:
        raise AnsibleFilterError("network_report: this is not the result of a task with cloudflare.magic.network.") from exc
    return report


class FilterModule:
    """The filter."""

    def filters(self) -> dict[str, t.Any]:
        """Return the filter by its name."""
        return {"network_report": network_report}
