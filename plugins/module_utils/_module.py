# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The only place where Ansible meets the client: options to client, error to failure, and how a key travels back."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import typing as t

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ansible_collections.cloudflare.magic.plugins.module_utils._client import HAS_REQUESTS, REFUSED, REQUESTS_IMPORT_ERROR, UNKNOWN, Client, MagicError, resolve
from ansible_collections.cloudflare.magic.plugins.module_utils._options import ArgumentSpec

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Run = Callable[[Client, Mapping[str, t.Any], bool], dict[str, t.Any]]

# How keys travel between an action plugin and its module on another host: sealed, because with ANSIBLE_DEBUG Ansible prints what goes
# there and comes back. The action plugin sends SEAL, a pad, and with it KEYS (a sealed JSON dictionary); a generated key comes back as SEALED.
SEAL = "_seal"
KEYS = "_keys"
SEALED = "psk_sealed"


def seal(text: str, pad: str) -> str:
    """Return ``text`` so that it cannot be read without ``pad``, a random string that is used only once."""
    return base64.b64encode(_mix(text.encode("utf-8"), pad)).decode("ascii")


def unseal(sealed: str, pad: str) -> str:
    """Return what ``seal`` was given."""
    return _mix(base64.b64decode(sealed), pad).decode("utf-8")


def _mix(data: bytes, pad: str) -> bytes:
    stream = hashlib.shake_256(pad.encode("utf-8")).digest(len(data))
    return bytes(one ^ other for one, other in zip(data, stream))


def failed(error: MagicError) -> dict[str, t.Any]:
    """Return the result of a task that ends with this error."""
    result: dict[str, t.Any] = {"failed": True, "changed": error.reached == UNKNOWN and not _is_read(error), "msg": str(error)}
    if error.failure is not None:
        result["failure"] = error.failure
    if error.sent is not None:
        result["requests"] = error.sent
    return result


def failure_of(result: Mapping[str, t.Any]) -> MagicError:
    """Return the error behind a failed result; the inverse of ``failed``."""
    return MagicError(str(result.get("msg", "The module failed.")), failure=result.get("failure"), reached=UNKNOWN if result.get("changed") else REFUSED)


def _is_read(error: MagicError) -> bool:
    return error.failure is not None and error.failure["method"] == "GET"


_last: Client | None = None


def client_for(options: Mapping[str, t.Any]) -> Client:
    """Return a client for these options and the environment of this process; the last one again if nothing differs, so that loops keep their connection.

    :raises MagicError: if an option is wrong, or requests is missing.
    """
    global _last
    if not HAS_REQUESTS:
        raise MagicError(f"{missing_required_lib('requests', url='https://requests.readthedocs.io/')} ({REQUESTS_IMPORT_ERROR})")
    settings = resolve(options, os.environ)
    if _last is None or _last.settings != settings:
        if _last is not None:
            _last.close()
        _last = Client(settings)
    return _last


def perform(run: Run, options: Mapping[str, t.Any], check_mode: bool) -> dict[str, t.Any]:
    """Do the work and return the result of the task, also if it failed.

    :arg run: the work; returns a result or raises ``MagicError``.
    :arg options: validated, and checked by the action plugin.
    """
    try:
        return run(client_for(options), options, check_mode)
    except MagicError as error:
        return failed(error)


def run_module(spec: ArgumentSpec, run: Run) -> None:
    """Be a module that does this work. No result of it holds a key."""
    module = AnsibleModule(supports_check_mode=True, **spec.as_kwargs())
    _end(module, perform(run, module.params, module.check_mode))


def run_secret_module(spec: ArgumentSpec, run: Run) -> None:
    """Be a module that does this work for its action plugin, and gives it the key sealed."""
    module = AnsibleModule(supports_check_mode=True, **spec.merge(ArgumentSpec({name: {"type": "str", "no_log": True} for name in (SEAL, KEYS)})).as_kwargs())
    pad, keys = module.params[SEAL], module.params[KEYS]
    if not pad:
        module.fail_json(
            msg="This module works through the action plugin of the same name, which keeps the key from being displayed. "
            "Call it from a playbook by its full name."
        )
    # A copy, because Ansible returns the parameters of the module ("invocation") up to ansible-core 2.20.
    options = dict(module.params)
    if keys is not None:
        options[KEYS] = json.loads(unseal(keys, pad))
    result = perform(run, options, module.check_mode)
    if "psk" in result:
        result[SEALED] = seal(result.pop("psk"), pad)
    _end(module, result)


def _end(module: AnsibleModule, result: dict[str, t.Any]) -> None:
    for warning in result.pop("warnings", []):
        module.warn(warning)
    if result.get("failed"):
        module.fail_json(**result)
    module.exit_json(**result)
