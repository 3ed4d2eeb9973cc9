# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Converts options to a client and errors to results; and what a module file does if it is run as a module."""

from __future__ import annotations

import os
import typing as t

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.cloudflare.magic.plugins.module_utils._client import Client
from ansible_collections.cloudflare.magic.plugins.module_utils._errors import UNKNOWN, MagicError, is_read
from ansible_collections.cloudflare.magic.plugins.module_utils._settings import resolve
from ansible_collections.cloudflare.magic.plugins.module_utils._text import listing, scrub
from ansible_collections.cloudflare.magic.plugins.module_utils._wire import HAS_REQUESTS, REQUESTS_IMPORT_ERROR

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from ansible_collections.cloudflare.magic.plugins.module_utils._options import ArgumentSpec
    from ansible_collections.cloudflare.magic.plugins.module_utils._settings import Settings


def failed(error: MagicError) -> dict[str, t.Any]:
    """Return the result of a task that ends with this error."""
    read = error.failure is not None and is_read(error.failure)
    result: dict[str, t.Any] = {"failed": True, "changed": error.reached == UNKNOWN and not read, "msg": str(error)}
    if error.failure is not None:
        result["failure"] = error.failure
    if error.problems:
        result["problems"] = list(error.problems)
    return result


def checked(spec: ArgumentSpec, given: Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Return options as the specification fills them in, for callers that are not tasks of Ansible.

    :raises MagicError: naming the options and what to do. No secret is in it.
    """
    result = ArgumentSpecValidator(**spec.as_kwargs()).validate({name: value for name, value in given.items() if value is not None})
    if result.unsupported_parameters:
        strangers = [".".join(map(str, name)) if isinstance(name, tuple) else str(name) for name in result.unsupported_parameters]
        raise MagicError(f"There is no option {listing(strangers)}. The options are: {', '.join(sorted(spec.argument_spec))}.")
    if result.error_messages:
        secrets = [str(given[name]) for name, option in spec.argument_spec.items() if option.get("no_log") and given.get(name)]
        raise MagicError(str(scrub(" ".join(message.rstrip(".") + "." for message in result.error_messages), secrets)))
    return t.cast("dict[str, t.Any]", result.validated_parameters)


_last: Client | None = None


def settings_for(options: Mapping[str, t.Any]) -> Settings:
    """Return the settings of a client, from these options and the environment of this process.

    :raises MagicError: if an option is wrong, or requests is missing.
    """
    if not HAS_REQUESTS:
        raise MagicError(f"{missing_required_lib('requests', url='https://requests.readthedocs.io/')} ({REQUESTS_IMPORT_ERROR})")
    return resolve(options, os.environ)


def client_for(options: Mapping[str, t.Any]) -> Client:
    """Return a client for these options and the environment of this process; the last one again if nothing differs, so that loops keep their connection.

    :raises MagicError: if an option is wrong, or requests is missing.
    """
    global _last
    settings = settings_for(options)
    if _last is None or _last.settings != settings:
        if _last is not None:
            _last.close()
        _last = Client(settings)
    return _last


def refuse(spec: ArgumentSpec) -> None:
    """Fail with an explanation: the work is done by the action plugin of the same name, on the controller."""
    module = AnsibleModule(supports_check_mode=True, **spec.as_kwargs())
    module.fail_json(
        msg="This module runs as the action plugin of the same name on the controller, so that no key or credential gets to another host. "
        "Here it was run as a module, which does nothing. Call it from a task by its full name."
    )
