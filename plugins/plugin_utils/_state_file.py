# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The file that stores the state of an event source: for one process at a time, readable by its user only, and replaced atomically."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import stat
import typing as t

from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._known import State

if t.TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from ansible_collections.cloudflare.magic.plugins.module_utils._settings import Settings

# With two thousand tunnels, it has about two MiB.
_LARGEST = 64 * 1024 * 1024
_FLAGS = os.O_CLOEXEC | os.O_NOFOLLOW


def default_path(settings: Settings, environ: Mapping[str, str]) -> str:
    """Return the default path of the file of an account."""
    above = environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    account = hashlib.sha256(f"{settings.api_url} {settings.account_id}".encode()).hexdigest()[:16]
    return os.path.join(above, "cloudflare_magic", f"tunnels-{account}.json")


class StateFile:
    """The file, locked as long as this context manager lasts.

    :arg path: of the file. Its folder must exist.
    :arg own_folder: whether the folder is created if it is missing.
    """

    def __init__(self, path: str, own_folder: bool = False) -> None:
        self.path = os.path.abspath(path)
        self._folder, name = os.path.split(self.path)
        self._own_folder = own_folder
        self._lock_path = os.path.join(self._folder, f".{name}.lock")
        self._new_path = os.path.join(self._folder, f".{name}.new")
        self._lock: int | None = None
        self._written: tuple[t.Any, str] = None, ""

    def problem(self, what: str, advice: str) -> MagicError:
        """Return the error about the file."""
        return MagicError(f"state_file: {self.path} cannot be used: {what}. {advice}")

    def __enter__(self) -> StateFile:
        try:
            if self._own_folder:
                os.makedirs(self._folder, mode=0o700, exist_ok=True)
            self._lock = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | _FLAGS, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._release()
            raise self.problem(
                "another event source uses it", "Each of them would get only a part of the events. Stop the other one, or give each its own state_file."
            ) from None
        except OSError as exc:
            self._release()
            raise self.problem(str(exc.strerror), "Give the path of a file in an existing folder that you can write to.") from None
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None) -> None:
        self._release()

    def _release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def read(self) -> State | None:
        """Return what is known; None if there is no file yet.

        :raises MagicError: if it belongs to another user, or contains something else. Only the user can start again, which forgets the emitted events.
        """
        try:
            with os.fdopen(os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | _FLAGS), "rb") as stream:
                self._check(os.fstat(stream.fileno()))
                data = stream.read(_LARGEST)
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise self.problem(str(exc.strerror), "Check the path and its permissions; it must not be a symbolic link.") from None
        try:
            content = json.loads(data)
        except (ValueError, RecursionError):
            content = None
        try:
            return State.of(content)
        except MagicError as error:
            advice = "Restore it, or delete it: then the current state becomes the known state, and each key that is due is reported once more."
            raise self.problem(str(error), advice) from None

    def _check(self, found: os.stat_result) -> None:
        """Reject a file that another user may have written: its content decides which events are emitted."""
        if not stat.S_ISREG(found.st_mode):
            raise self.problem("it is not a regular file", "Give the path of a file.")
        if found.st_uid != os.geteuid():
            raise self.problem("it belongs to another user", "Run ansible-rulebook as its owner, or give another path.")
        if stat.S_IMODE(found.st_mode) & 0o022:
            raise self.problem("other users may write it", f"Check its content, and remove that permission: chmod 600 {self.path}")

    def _text(self, state: State) -> str:
        """Return the content of the file. Its tunnels are serialized once for each poll: each of thousands of events is followed by a save."""
        if self._written[0] is not state.tunnels:
            self._written = state.tunnels, json.dumps(state.of_tunnels(), separators=(",", ":"))
        rest = json.dumps(state.beside_tunnels(), separators=(",", ":"))
        return f'{rest[:-1]},"tunnels":{self._written[1]}}}'

    def save(self, state: State) -> None:
        """Replace the file with a new one.

        :raises MagicError: if that fails; the old one is unchanged.
        """
        if self._lock is None:
            raise self.problem("it is not locked any more", "Start the event source again.")
        data = self._text(state).encode()
        try:
            try:
                os.unlink(self._new_path)
            except FileNotFoundError:
                pass
            with os.fdopen(os.open(self._new_path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FLAGS, 0o600), "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(self._new_path, self.path)
            folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as exc:
            raise self.problem(str(exc.strerror), "Check the folder, its permissions and the free space.") from None
