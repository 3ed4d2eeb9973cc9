# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import errno
import os
import re
import stat
import tempfile
import typing as t

from ansible.plugins.action import ActionBase

from ansible_collections.cloudflare.magic.plugins.module_utils._options import REPORT_FILES
from ansible_collections.cloudflare.magic.plugins.module_utils._text import shown


class ActionModule(ActionBase):
    """Runs ``cloudflare.magic.report_files``. A task of ansible.builtin for each file would start at least four processes."""

    _supports_async = False
    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        super().run(tmp, task_vars)
        dummy, options = self.validate_argument_spec(**REPORT_FILES.as_kwargs())
        # Without quotes, YAML has read it as a decimal number.
        if not isinstance(self._task.args.get("mode", ""), str) or not re.fullmatch("0?[0-7]{3}", options["mode"]):
            return {"failed": True, "msg": 'mode: must be an octal number in quotes, like "0640".'}
        mode = int(options["mode"], 8)
        paths: list[str] = []
        for file in options["files"]:
            content = file["content"].encode("utf-8", "surrogateescape")
            try:
                if not _is_so(file["path"], content, mode):
                    if not self._task.check_mode:
                        _replace(os.path.realpath(file["path"]), content, mode)
                    paths.append(file["path"])
            except OSError as exc:
                written = ", ".join(map(shown, paths)) or "Nothing"
                reason = f"{shown(file['path'])}: {exc.strerror}. Check that the folder exists, that you can write to it, and that this is a file. "
                return {"failed": True, "changed": bool(paths), "msg": f"{reason}{written} was written before."}
        return {"changed": bool(paths), "paths": paths}


def _is_so(path: str, content: bytes, mode: int) -> bool:
    """Return whether a file has this content and mode already."""
    try:
        kind = stat.S_IFMT(os.stat(path).st_mode)
        if kind not in (stat.S_IFREG, stat.S_IFDIR):
            # A device would be replaced, and a pipe would block. Opening a folder raises an error.
            raise OSError(errno.EINVAL, "Not a regular file")
        with open(path, "rb") as stream:
            return stat.S_IMODE(os.fstat(stream.fileno()).st_mode) == mode and stream.read() == content
    except FileNotFoundError:
        if not os.path.isdir(os.path.dirname(os.path.abspath(path))):
            raise
        return False


def _replace(path: str, content: bytes, mode: int) -> None:
    """Write a file, replacing an existing one."""
    handle, new = tempfile.mkstemp(prefix=".report-", dir=os.path.dirname(path))
    try:
        with os.fdopen(handle, "wb") as stream:
            os.fchmod(handle, mode)
            stream.write(content)
        os.replace(new, path)
    except BaseException:
        os.unlink(new)
        raise
