# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""A design as a YAML file of variables: reading it returns the same design, it contains no templates, and a changed field changes one line. Pure."""

from __future__ import annotations

import json
import re
import typing as t
from collections.abc import Mapping

from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._text import is_template, shown
from ansible_collections.cloudflare.magic.plugins.module_utils._transport import VERSION

if t.TYPE_CHECKING:
    from collections.abc import Iterator

VARIABLE = "network_config"

# What any version of YAML reads as a string: words, and IPv4 addresses. Everything else is quoted.
_PLAIN = re.compile(r"[A-Za-z](?:[A-Za-z0-9_./() +-]*[A-Za-z0-9_./()+-])?|[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?:/[0-9]{1,2})?")
_NOT_TEXT = frozenset(("y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"))

_SURROGATE = re.compile("[\ud800-\udfff]")
# The beginning of a line of a file that contains something other than the variable: another variable, or Ansible Vault's header.
_OTHER = re.compile(rf"^(?!{VARIABLE}:|---|\.\.\.|[#\s]).", re.MULTILINE)
_HEAD = re.compile(r"(?:---\n|#.*\n|\n)*")


def scalar(value: t.Any) -> str:
    """Return a value of a design in YAML, on one line; a list has its items in brackets."""
    if isinstance(value, str):
        if _PLAIN.fullmatch(value) and value.lower() not in _NOT_TEXT:
            return str(value)
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'{"!unsafe " if is_template(value) else ""}"{shown(escaped)}"'
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(scalar, value))}]"
    return "{}" if isinstance(value, Mapping) and not value else str(value)


def _lines(value: t.Any, indent: str) -> Iterator[str]:
    """Yield the lines of a dictionary or list that is not empty."""
    # A name may also come from Cloudflare, where the API has an object instead of a string.
    entries = ((f"{scalar(str(name))}:", item) for name, item in value.items()) if isinstance(value, Mapping) else (("-", item) for item in value)
    for head, item in entries:
        if not isinstance(item, (Mapping, list, tuple)) or not item:
            yield f"{indent}{head} {scalar(item)}"
        elif head == "-":
            first, *others = _lines(item, f"{indent}  ")
            yield f"{indent}- {first.lstrip(' ')}"
            yield from others
        else:
            yield f"{indent}{head}"
            yield from _lines(item, f"{indent}  ")


def as_yaml(value: Mapping[str, t.Any]) -> str:
    """Return a dictionary as YAML; nothing if it is empty."""
    return "".join(f"{line}\n" for line in _lines(value, ""))


def variables_file(design: Mapping[str, t.Any], account: str, moment: str, previous: str = "") -> str:
    """Return the text of a file of variables with a design.

    :arg account: the account of the design, and ``moment`` its time; for the comments at the top.
    :arg previous: the current text of the file. If only these comments differ, it is not changed.
    :raises MagicError: if YAML cannot represent it, or the file contains something else.
    """
    text = json.dumps(design, ensure_ascii=False)
    lone = _SURROGATE.search(text)
    if lone is not None:
        place = shown(text[max(lone.start() - 80, 0) : lone.start()])
        raise MagicError(
            f"A string at Cloudflare contains a character that is not valid Unicode (a lone surrogate). Correct it there. The text before it: {place}"
        )
    other = _OTHER.search(previous)
    if other is not None:
        line = previous.count("\n", 0, other.start()) + 1
        raise MagicError(
            f"The file contains something other than the variable {VARIABLE} (line {line}), so it is not replaced. Give another file, or move the "
            "other content to another file."
        )
    content = as_yaml({VARIABLE: design})
    head = _HEAD.match(previous)
    if head is not None and previous[head.end() :] == content:
        return previous
    return (
        f"---\n# The network of the Cloudflare account {shown(account)} at {shown(moment)}, as cloudflare.magic {VERSION} read it.\n"
        "# The playbook cloudflare.magic.network_export replaces this file; network_plan and network_apply read it. Keys are not in it.\n"
        f"\n{content}"
    )
