# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""When a key is due, and the checks of the options of the modules that create keys."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping
from dataclasses import dataclass

from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._options import SHARED, ArgumentSpec
from ansible_collections.cloudflare.magic.plugins.module_utils._selection import Selection
from ansible_collections.cloudflare.magic.plugins.module_utils._settings import check_segment
from ansible_collections.cloudflare.magic.plugins.module_utils._text import SHORTEST_KEY, is_mask
from ansible_collections.cloudflare.magic.plugins.module_utils._times import parse_age

if t.TYPE_CHECKING:
    from datetime import datetime

# Where the keys go, of all modules that create some.
DELIVERY = SHARED.merge(
    ArgumentSpec(
        {
            "set_fact": {"type": "bool", "default": True},
            "vault_file": {"type": "path"},
            "vault_id": {"type": "str"},
        }
    )
)

# What those that create pre-shared keys share besides: when.
_SHARED = DELIVERY.merge(
    ArgumentSpec(
        {
            "rotate": {"type": "str", "choices": ["always", "missing", "expired"], "default": "always"},
            "max_age": {"type": "str"},
        },
        required_if=[("rotate", "expired", ("max_age",))],
    )
)

OPTIONS = _SHARED.merge(
    ArgumentSpec(
        {
            "ipsec_tunnel_id": {"type": "str"},
            "name": {"type": "str"},
            "psk": {"type": "str", "no_log": True},
            "dry_run": {"type": "str", "choices": ["request", "read_only"], "default": "request"},
        },
        mutually_exclusive=[("ipsec_tunnel_id", "name")],
        required_one_of=[("ipsec_tunnel_id", "name")],
    )
)

FLEET_OPTIONS = _SHARED.merge(
    ArgumentSpec(
        {
            "names": {"type": "list", "elements": "str"},
            "ipsec_tunnel_ids": {"type": "list", "elements": "str"},
            "exclude": {"type": "list", "elements": "str"},
            "psks": {"type": "dict", "no_log": True},
            "psk_length": {"type": "int", "default": 48, "no_log": False},
            "batch_size": {"type": "int", "default": 50},
            "stage": {"type": "bool", "default": False},
        },
        mutually_exclusive=[("names", "psks"), ("ipsec_tunnel_ids", "psks"), ("exclude", "psks")],
        required_one_of=[("names", "ipsec_tunnel_ids", "psks")],
    )
)

SHORTEST_GOOD_KEY = 32


@dataclass(frozen=True)
class Policy:
    """When to create a key.

    :ivar rotate: ``always``, ``missing`` or ``expired``.
    :ivar max_age: seconds, with ``expired``.
    """

    rotate: str
    max_age: int | None = None

    @classmethod
    def of(cls, options: Mapping[str, t.Any]) -> Policy:
        """Read the options.

        :raises MagicError: naming the option and what to do.
        """
        rotate, text = options["rotate"], options["max_age"]
        max_age = None if text is None else parse_age(text)
        if max_age is not None and rotate == "always":
            raise MagicError("max_age has no effect with rotate: always, which creates a key in each run. Write rotate: expired, or leave max_age out.")
        if max_age is None and rotate == "expired":
            # Ansible treats an option that is null as set.
            raise MagicError("max_age is missing, which rotate: expired needs. Write an age like 90d, 12h, 2w or 45m.")
        return cls(rotate, max_age)

    def why_due(self, generated: datetime | None, now: datetime, interrupted: bool = False) -> str:
        """Return the reason to create a key now: ``always``, ``interrupted``, ``missing`` or ``expired``, or ``not_due``.

        :arg interrupted: whether a run was killed while it replaced the key, so that the key in force may be lost.
        """
        if self.rotate == "always":
            return "always"
        if interrupted:
            return "interrupted"
        if generated is None:
            return "missing"
        if self.rotate == "expired" and self.max_age is not None and (now - generated).total_seconds() > self.max_age:
            return "expired"
        return "not_due"


def check_key(name: str, key: str) -> list[str]:
    """Return warnings on a key that a user supplies.

    :arg name: the name of the option in messages.
    :raises MagicError: if it cannot be used. The message does not contain it.
    """
    if is_mask(key):
        raise MagicError(f"{name} is the mask that Ansible shows instead of a hidden value, not the value itself. Run the playbook again.")
    if len(key) < SHORTEST_KEY:
        raise MagicError(
            f"{name} is shorter than {SHORTEST_KEY} characters. Give at least {SHORTEST_GOOD_KEY}, or leave {name} out to have Cloudflare generate one."
        )
    if not key.isprintable():
        raise MagicError(
            f"{name} contains a line break or another control character, which no device accepts. Remove it (a file's last line break: use the trim filter)."
        )
    if len(key) < SHORTEST_GOOD_KEY:
        return [f"{name} is shorter than {SHORTEST_GOOD_KEY} characters: longer random keys are safer."]
    return []


def check_one(options: Mapping[str, t.Any]) -> list[str]:
    """Check what the argument specification of ``ipsec_psk`` cannot, before anything is sent.

    :returns: warnings.
    :raises MagicError: naming the option and what to do.
    """
    if options["ipsec_tunnel_id"] is not None:
        check_segment("ipsec_tunnel_id", options["ipsec_tunnel_id"])
    elif options["name"] is None or not options["name"].strip():
        raise MagicError("name is empty. Give the tunnel's name, or its ipsec_tunnel_id instead.")
    _check_shared(options)
    return [] if options["psk"] is None else check_key("psk", options["psk"])


def check_fleet(options: Mapping[str, t.Any]) -> list[str]:
    """Check the options of ``ipsec_psks``; see ``check_one``."""
    _check_shared(options)
    for name in ("names", "ipsec_tunnel_ids", "exclude", "psks"):
        if options[name] is not None and not options[name] and name != "exclude":
            raise MagicError(f"{name} is empty. Name at least one tunnel; names: ['*'] means all of them.")
        if any(not str(item).strip() for item in options[name] or []):
            raise MagicError(f"{name} contains an empty string. Leave it out.")
    for tunnel_id in Selection.of(options).ids:
        check_segment("ipsec_tunnel_ids", tunnel_id)
    if not 32 <= options["psk_length"] <= 64:
        raise MagicError("psk_length must be from 32 to 64 characters.")
    if options["batch_size"] < 1:
        raise MagicError("batch_size must be at least 1.")
    if options["stage"] and options["vault_file"] is None:
        raise MagicError("stage needs vault_file, which keeps the keys until they are sent. Give vault_file, or leave stage out.")
    if options["stage"] and options["psks"] is not None:
        raise MagicError(
            "stage creates keys and psks supplies them, so they cannot be combined. You can set your own keys on the devices first, without stage."
        )
    return _check_psks(options["psks"] or {})


def _check_psks(psks: Mapping[t.Any, t.Any]) -> list[str]:
    """Check supplied keys. If key and name were swapped, the name is a key: messages count entries instead."""
    warnings = []
    for number, key in enumerate(psks.values(), 1):
        where = f"psks: the key of entry {number}"
        if not isinstance(key, str):
            raise MagicError(f"{where} is not a string (YAML read it as another type). Put it in quotes.")
        warnings += check_key(where, key)
    return warnings


def _check_shared(options: Mapping[str, t.Any]) -> None:
    Policy.of(options)
    check_delivery(options)


def check_delivery(options: Mapping[str, t.Any]) -> None:
    """Check where keys are to go.

    :raises MagicError: naming the option and what to do.
    """
    if options["vault_file"] is not None and not options["vault_file"].strip():
        raise MagicError("vault_file is empty. Give the path of the file, or leave it out.")
    if options["vault_id"] is not None and options["vault_file"] is None:
        raise MagicError("vault_id has no effect without vault_file. Give vault_file, or leave vault_id out.")
