# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The encrypted key file: a YAML file of variables, encrypted as a whole with Ansible Vault."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import tempfile
import time
import typing as t

import yaml
from ansible import constants as C
from ansible.errors import AnsibleError
from ansible.parsing.vault import is_encrypted, match_encrypt_secret

from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.plugin_utils._vault_text import foreign, join, split

if t.TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from ansible.parsing.vault import VaultLib, VaultSecret

    from ansible_collections.cloudflare.magic.plugins.plugin_utils._vault_text import Kept

# The maximum number of seconds that a task waits for one other task to release the file. A fleet with rate limits and slow responses
# throughout holds it for some hours, a killed task not at all.
LOCK_TIMEOUT = 6 * 3600.0
# Seconds after which a waiting task reports what it waits for, repeatedly.
_LOCK_SILENCE = 5.0
_LOCK_REMINDER = 300.0
_LOCK_POLL = 0.05

# The attributes of a file, other than its mode, that control who may read it.
_ACCESS_LIST = "system.posix_acl_access"

# Reserved space for growth, so that a full disk is noticed before a key is created.
_HEADROOM = 65536


def _allocate(handle: int, size: int) -> None:
    """Reserve space on the disk. macOS has no call for it, and musl no substitute for file systems without it."""
    try:
        os.posix_fallocate(handle, 0, size)
    except (AttributeError, OSError) as exc:
        if isinstance(exc, OSError) and exc.errno not in (errno.EINVAL, errno.EOPNOTSUPP):
            raise
        with os.fdopen(os.dup(handle), "wb") as stream:
            stream.write(bytes(size))


def _keep_access(handle: int, old: os.stat_result, path: str) -> None:
    """Copy the permissions of the old file to a new one: its owner and group if this user may, its mode, and its access list.

    If the group or the list cannot be kept, the rights of the group are removed, so that no other user gains read access.
    """
    mode = stat.S_IMODE(old.st_mode) & 0o777
    new = os.fstat(handle)
    if new.st_uid != old.st_uid:
        try:
            os.fchown(handle, old.st_uid, -1)
        except OSError:
            pass
    if new.st_gid != old.st_gid:
        try:
            os.fchown(handle, -1, old.st_gid)
        except OSError:
            mode &= ~0o070
    os.fchmod(handle, mode)
    try:
        access_list = os.getxattr(path, _ACCESS_LIST)
    except AttributeError:
        return  # no such thing on this system
    except OSError:
        # The old file has none, so the folder's default must not apply either.
        try:
            os.removexattr(handle, _ACCESS_LIST)
            os.fchmod(handle, mode)
        except OSError:
            pass
        return
    try:
        os.setxattr(handle, _ACCESS_LIST, access_list)
    except OSError:
        os.fchmod(handle, mode & ~0o070)


def _described(holder: bytes) -> str:
    """Return the holder of a lock, from the content of the lock file."""
    pid = holder.decode("ascii", "replace").strip()
    return f"another task (process {pid})" if pid.isdecimal() else "another task"


class VaultFile:
    """The file, locked while in use as a context manager. Entering checks all that can fail before a key is created.

    Keys of several kinds can be in one file, in a variable each: the other kinds are not changed.

    :arg path: absolute path on the controller.
    :arg vault: Ansible's vault with the secrets of this run.
    :arg kept: the kind of keys.
    :arg vault_id: the identity to encrypt with; None for that of the file, or the run's own for a new file.
    :arg read_only: check what can be checked without writing (check mode); takes no lock.
    :arg tell: called with a line for the user while the task waits for another one.
    """

    def __init__(
        self, path: str, vault: VaultLib, kept: Kept, vault_id: str | None = None, read_only: bool = False, tell: Callable[[str], None] | None = None
    ) -> None:
        self.path = path
        self.kept = kept
        # A symbolic link is kept: its target is replaced.
        self._real = os.path.realpath(path)
        self._folder, name = os.path.split(self._real)
        self._lock_path = os.path.join(self._folder, f".{name}.lock")
        self._new_path = os.path.join(self._folder, f".{name}.new")
        self._vault = vault
        self._vault_id = vault_id
        self._read_only = read_only
        self._tell = tell
        self._lock: int | None = None
        self._secret: tuple[str, VaultSecret]
        self._before = self._behind = ""
        self._known: dict[str, tuple[str, str]] = {}
        self.rescued: str | None = None
        """Where ``save`` put the encrypted content when it could not put it in place."""
        self.entries: dict[str, t.Any] = {}
        self._seen: tuple[int, int, int] | None = None

    def __enter__(self) -> VaultFile:
        try:
            if not os.path.isdir(self._folder):
                raise self._problem("the folder does not exist", "Create it, or give another path.")
            self._check_kind()
            self._check_secret()
            if self._read_only:
                if not os.access(self._folder, os.W_OK | os.X_OK):
                    raise self._problem("the folder is not writable", "Make it writable for the user who runs Ansible, or give another path.")
                self._read()
            else:
                self._take_lock()
                self._read()
                self._reserve()
        except OSError as exc:
            self._release()
            raise self._problem(str(exc.strerror), "Check the folder, its permissions and the free space.") from None
        except BaseException:
            self._release()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None) -> None:
        self._release()

    def _problem(self, what: str, advice: str) -> MagicError:
        return MagicError(f"vault_file: {self.path} cannot be used: {what}. {advice} Nothing has been changed.")

    def _check_kind(self) -> None:
        """Reject a path that cannot be replaced by a new file."""
        if not os.path.lexists(self._real):
            return
        old = os.stat(self._real)
        if not stat.S_ISREG(old.st_mode):
            raise self._problem("it is not a regular file", "Give the path of a file.")
        if old.st_nlink > 1:
            raise self._problem(
                f"it has {old.st_nlink} names (hard links), and the other names would keep the old content",
                "Remove the other names, or make them symbolic links to this one.",
            )

    def _check_secret(self) -> None:
        """Find the secret to encrypt with."""
        secrets = self._vault.secrets or []
        if not secrets:
            raise self._problem(
                "this run has no vault password", "Start it with --vault-id, --vault-password-file or --ask-vault-pass (in AWX: add a vault credential)."
            )
        wanted = self._vault_id or C.DEFAULT_VAULT_ENCRYPT_IDENTITY
        try:
            found = match_encrypt_secret(secrets, encrypt_vault_id=wanted)
        except AnsibleError:
            found = None
        if not found:
            known = ", ".join(sorted({str(name) for name, dummy in secrets}))
            raise self._problem(
                f"this run has no vault password with the id '{wanted}' (it has: {known})", f"Start it with --vault-id {wanted}@..., or set vault_id."
            )
        self._secret = found

    def _take_lock(self) -> None:
        """Wait for the lock. Its file is kept: removing it would let two tasks hold a lock of that name."""
        flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            lock = os.open(self._lock_path, flags | os.O_CREAT | os.O_EXCL, 0o600)
            # Everyone with write access to the file may lock it.
            self._keep_access(lock)
        except FileExistsError:
            lock = os.open(self._lock_path, flags)
        try:
            self._wait_for(lock)
        finally:
            if self._lock is None:
                os.close(lock)

    def _keep_access(self, handle: int) -> None:
        """Copy the permissions of this file, if it exists, to a file beside it."""
        try:
            old = os.stat(self._real)
        except FileNotFoundError:
            return
        _keep_access(handle, old, self._real)

    def _wait_for(self, lock: int) -> None:
        """Take the lock, or wait while others hold it. Each holder writes its ID to the lock file."""
        since = told = time.monotonic()
        patience = _LOCK_SILENCE
        holder = None
        while self._lock is None:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                now = time.monotonic()
                if holder != (holder := os.pread(lock, 100, 0)):
                    since = now
                if now - since > LOCK_TIMEOUT:
                    hours = f"{LOCK_TIMEOUT / 3600:g} hours"
                    raise self._problem(f"{_described(holder)} has locked it for {hours}", "Wait until that run ends, or end it.") from None
                if self._tell is not None and now - told > patience:
                    self._tell(f"waiting for {self.path}, which {_described(holder)} has locked. Nothing has been requested yet.")
                    told, patience = now, _LOCK_REMINDER
                time.sleep(_LOCK_POLL)
                continue
            self._lock = lock
            os.ftruncate(lock, 0)
            os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)

    def _state(self) -> tuple[int, int, int] | None:
        """Return a fingerprint of the content of the file; None if there is no file."""
        try:
            now = os.stat(self._real)
        except FileNotFoundError:
            return None
        return now.st_ino, now.st_mtime_ns, now.st_size

    def _read(self) -> None:
        self._seen = self._state()
        try:
            with open(self._real, "rb") as handle:
                data = handle.read()
        except FileNotFoundError:
            return
        if not is_encrypted(data):
            raise self._problem("it exists, and is not encrypted with Ansible Vault", "Encrypt it with 'ansible-vault encrypt', or give another path.")
        try:
            plain, vault_id, secret = self._vault.decrypt_and_get_vault_id(data)
        except AnsibleError:
            raise self._problem("no vault password of this run decrypts it", "Give the password that it was encrypted with.") from None
        if self._vault_id is None:
            # As 'ansible-vault edit' does.
            self._secret = (vault_id, secret)
        try:
            text = bytes(plain).decode("utf-8-sig")
            self._before, self.entries, self._behind = split(text, self.kept.variable)
        except UnicodeDecodeError:
            raise self._problem("its content is not UTF-8 text", "Give the path of a YAML file of variables.") from None
        except MagicError as error:
            raise self._problem(str(error), "Fix it with 'ansible-vault edit', or give another path.") from None
        try:
            again = self._text()
            name = self.kept.variable
            same = split(again, name)[1] == self.entries and foreign(again, name) == foreign(text, name)
        except (MagicError, yaml.YAMLError):
            same = False
        if not same:
            raise self._problem(
                "its content cannot be merged", f"Put the variable {self.kept.variable} at the end of the file, in simple YAML without anchors."
            )

    def _create(self) -> int:
        """Open an empty new file beside the old one. Under the lock, an existing one was left by a killed run."""
        try:
            os.unlink(self._new_path)
        except FileNotFoundError:
            pass
        return os.open(self._new_path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)

    def _reserve(self) -> None:
        """Check that the new file can be written, and reserve space for it on the disk."""
        handle = self._create()
        try:
            # Encryption and hexadecimal digits turn one byte into about four; half of that is added for the new entry.
            _allocate(handle, _HEADROOM + 6 * len(self._text()))
        finally:
            os.close(handle)

    def _text(self) -> str:
        return join(self.kept, self._before, self.entries, self._behind, self._known)

    def save(self) -> None:
        """Encrypt ``entries`` and replace the file atomically.

        :raises OSError: if that fails; the old file is unchanged.
        """
        vault_id, secret = self._secret
        data = self._vault.encrypt(self._text().encode("utf-8"), secret=secret, vault_id=vault_id)
        # The reserved space belongs to the file that is overwritten.
        try:
            handle = os.open(self._new_path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW) if os.path.exists(self._new_path) else self._create()
            with os.fdopen(handle, "wb") as stream:
                stream.write(data)
                stream.truncate()
                self._keep_access(stream.fileno())
                stream.flush()
                os.fsync(stream.fileno())
            if self._state() != self._seen:
                raise OSError(errno.EBUSY, "the file was changed by something else during this run")
            os.replace(self._new_path, self._real)
            self._seen = self._state()
            folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError:
            self._rescue(data)
            raise

    def _rescue(self, data: bytes) -> None:
        """Save the encrypted content to the home folder, which may be on another disk."""
        try:
            handle, self.rescued = tempfile.mkstemp(prefix="cloudflare_magic_keys_", suffix=".yml", dir=os.path.expanduser("~"))
            with os.fdopen(handle, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
        except OSError:
            self.rescued = None

    def _release(self) -> None:
        if self._lock is None:
            return
        try:
            os.unlink(self._new_path)
        except OSError:
            pass
        os.ftruncate(self._lock, 0)
        os.close(self._lock)
        self._lock = None
