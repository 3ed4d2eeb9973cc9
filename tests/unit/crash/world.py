# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A world that can end at any of its boundaries: the disk below the vault file, and the account above it.

A run of ``ipsec_psk`` or ``ipsec_psks`` does here what it does under Ansible: its action plugin, its vault file on a real disk, its locks. Every operation on
the disk and every request is a boundary with a name. When the world ends at one, the operation does not happen, nothing that the dying process would still like
to do happens either (no ``finally``), and what it held open is closed, as the kernel does for a process that is killed. The next run finds what is left.

That this is what a real SIGKILL does is tested with real ones, in tests/integration/targets/vault_file and ipsec_psks.
"""

from __future__ import annotations

import binascii
import copy
import fcntl as real_fcntl
import functools
import os as real_os
import types
import typing as t
from datetime import datetime, timedelta, timezone
from pathlib import Path

from ansible.parsing.vault import VaultLib, VaultSecret

from ansible_collections.cloudflare.magic.plugins.action import connector_license, ipsec_psk, ipsec_psks
from ansible_collections.cloudflare.magic.plugins.module_utils import _licenses, _policy
from ansible_collections.cloudflare.magic.plugins.module_utils._errors import NOT_SENT, REFUSED, UNKNOWN, MagicError
from ansible_collections.cloudflare.magic.plugins.plugin_utils import _vault_file
from ansible_collections.cloudflare.magic.plugins.plugin_utils._vault_text import LICENSES, PSKS, split

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
HEADER = b"$ANSIBLE_VAULT;1.1;AES256\n"
SECRET = VaultSecret(b"only for tests")
# Where the vault file finds its operating system.
_SYSTEM: t.Any = _vault_file
# Where folders of worlds are: in memory where that is possible, for the sake of speed alone.
FAST = "/dev/shm" if real_os.access("/dev/shm", real_os.W_OK | real_os.X_OK) else None

# What a file says is asked for each tunnel after each run.
_split = functools.lru_cache(64)(split)


class Died(BaseException):
    """The world has ended for this run."""


class QuickVault(VaultLib):
    """The form of Ansible's vault without its cipher, which takes its time on purpose."""

    def encrypt(self, plaintext, secret=None, vault_id=None, salt=None):  # pylint: disable=unused-argument
        return HEADER + binascii.hexlify(plaintext) + b"\n"

    def decrypt_and_get_vault_id(self, vaulttext, filename=None, obj=None):  # pylint: disable=unused-argument
        assert vaulttext.startswith(HEADER)
        return binascii.unhexlify(vaulttext[len(HEADER) :].strip()), "default", SECRET


class Clock:
    """Counts the boundaries of one run, and ends the world at one of them."""

    def __init__(
        self,
        end: int | None = None,
        between: t.Callable[[], None] | None = None,
        at: int | None = None,
        seen: t.Callable[[str], None] | None = None,
    ) -> None:
        self.end = end
        self.between = between
        self.at = at
        self.seen = seen
        self.names: list[str] = []
        self.dead = False
        self.handles: set[int] = set()

    def step(self, name: str) -> None:
        """Pass a boundary.

        :raises Died: if the world ends here, or has ended before.
        """
        if self.dead:
            raise Died
        number = len(self.names)
        self.names.append(name)
        if self.seen is not None:
            self.seen(name)
        if number == self.at and self.between is not None:
            self.between()
        if number == self.end:
            self.dead = True
            for handle in self.handles:
                real_os.close(handle)
            self.handles.clear()
            raise Died


class Stream:
    """A file to write to. The world can end in the middle of a write."""

    def __init__(self, clock: Clock, handle: int) -> None:
        self._clock, self._handle = clock, handle

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *dummy: object) -> None:
        if not self._clock.dead:
            self._clock.handles.discard(self._handle)
            real_os.close(self._handle)

    def write(self, data: bytes) -> None:
        self._clock.step("write")
        half = len(data) // 2
        real_os.write(self._handle, data[:half])
        self._clock.step("write, the second half")
        real_os.write(self._handle, data[half:])

    def truncate(self) -> None:
        self._clock.step("truncate")
        real_os.ftruncate(self._handle, real_os.lseek(self._handle, 0, real_os.SEEK_CUR))

    def flush(self) -> None:
        self._clock.step("flush")

    def fileno(self) -> int:
        return self._handle


class Disk:
    """The operations of the module os that change something, with a boundary before each; the others as they are."""

    # fsync is a boundary, too, but nothing has to wait for a disk here.
    _CHANGES = ("unlink", "replace", "ftruncate", "pwrite", "posix_fallocate", "fchmod", "fchown", "setxattr", "fsync", "open", "close")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def __getattr__(self, name: str) -> t.Any:
        if name == "fdopen":
            return lambda handle, dummy_mode: Stream(self._clock, handle)
        if name not in self._CHANGES:
            return getattr(real_os, name)

        def change(*args: t.Any, **kwargs: t.Any) -> t.Any:
            what = " ".join(real_os.path.basename(item) for item in args if isinstance(item, str))
            self._clock.step(f"{name} {what}".strip())
            if name == "fsync":
                return None
            result = getattr(real_os, name)(*args, **kwargs)
            if name == "open":
                self._clock.handles.add(result)
            elif name == "close":
                self._clock.handles.discard(args[0])
            return result

        return change


class Locks:
    """The module fcntl, with a boundary before each lock."""

    LOCK_EX, LOCK_NB = real_fcntl.LOCK_EX, real_fcntl.LOCK_NB

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def flock(self, handle: int, operation: int) -> None:
        self._clock.step("flock")
        real_fcntl.flock(handle, operation)


class Cloud:
    """The account: what a client is for the actions. Each request has a boundary before, one in between (it took effect, and nobody hears), and one after.

    :ivar faults: what becomes of the next writes: ``lost before``, ``lost after``, ``refused``, ``limited``, or ```` for nothing special.
    :ivar log: each key that was set: tunnel id and key.
    """

    def __init__(self, count: int) -> None:
        self.tunnels: dict[str, dict[str, t.Any]] = {f"{number:032x}": {"name": f"branch-{number}"} for number in range(count)}
        self.in_force: dict[str, str | None] = dict.fromkeys(self.tunnels)
        self.generated: dict[str, datetime] = {}
        self.faults: list[str] = []
        self.log: list[tuple[str, str]] = []
        self.time = START
        self.sent = 0
        self.clock = Clock()

    def copy(self) -> Cloud:
        """Return an account of its own that is like this one."""
        other = copy.copy(self)
        other.in_force, other.generated, other.faults, other.log = dict(self.in_force), dict(self.generated), list(self.faults), list(self.log)
        other.clock = Clock()
        return other

    def now(self) -> datetime:
        return self.time

    def readable(self, value: t.Any, dummy_secrets: t.Any = ()) -> str:
        return str(value)

    def set_key(self, tunnel_id: str, key: str) -> None:
        """Put a key in force, as someone else can."""
        self.time += timedelta(seconds=1)
        self.in_force[tunnel_id] = key
        self.generated[tunnel_id] = self.time
        self.log.append((tunnel_id, key))

    def _metadata(self, tunnel_id: str) -> dict[str, t.Any]:
        moment = self.generated.get(tunnel_id)
        return {"last_generated_on": moment.isoformat()} if moment else {}

    def _tunnel(self, tunnel_id: str) -> dict[str, t.Any]:
        return {"id": tunnel_id, **self.tunnels[tunnel_id], "psk_metadata": self._metadata(tunnel_id)}

    def keep_secret(self, *dummy: t.Any) -> None:
        """Nothing here quotes a key."""

    def without_quotes(self, value: t.Any, dummy_own: t.Sequence[str] = ()) -> t.Any:
        return value

    def _fault(self, method: str) -> str:
        """Return the next fault, if the write takes effect nevertheless."""
        fault = self.faults.pop(0) if self.faults else ""
        failure = _failure(method)
        if fault == "limited":
            raise MagicError("too many requests", failure={**failure, "status": 429}, reached=NOT_SENT)
        if fault == "refused":
            raise MagicError("refused", failure={**failure, "status": 400}, reached=REFUSED)
        if fault == "lost before":
            raise MagicError("no answer", failure=failure, reached=UNKNOWN)
        return fault

    def request(self, method: str, segments: t.Sequence[str], *, body: t.Any = None, **dummy: t.Any) -> t.Any:
        """Answer a request as Cloudflare does."""
        self.clock.step(f"{method} {'/'.join(segments)}")
        self.sent += 1
        if method == "GET":
            if len(segments) > 1:
                return {"ipsec_tunnel": self._tunnel(segments[1])}
            return {"ipsec_tunnels": [self._tunnel(tunnel_id) for tunnel_id in self.tunnels]}
        fault = self._fault(method)
        if segments[-1] == "psk_generate":
            keys = {segments[1]: f"generated-by-cloudflare-{len(self.log):08d}"}
        else:
            keys = {entry["id"]: entry["psk"] for entry in body["psks"]}
        for tunnel_id, key in keys.items():
            self.set_key(tunnel_id, key)
        self.clock.step(f"{method} {'/'.join(segments)}, the answer")
        if fault == "lost after":
            raise MagicError("no answer", failure=_failure(method), reached=UNKNOWN)
        if segments[-1] == "psk_generate":
            return {"ipsec_tunnel_id": segments[1], "psk": keys[segments[1]], "psk_metadata": self._metadata(segments[1])}
        return {"successfully_applied_psks": {tunnel_id: {"psk_metadata": self._metadata(tunnel_id)} for tunnel_id in keys}, "unapplied_psks": {}}


class Connectors(Cloud):
    """The connectors of virtual appliances of an account, with their license keys, in the same way.

    :ivar reports: whether lists have the keys in force.
    """

    reports = True
    settings = types.SimpleNamespace(api_url="https://example", account_id="a" * 32)

    def _connector(self, connector_id: str, reports: bool = True) -> dict[str, t.Any]:
        key = self.in_force[connector_id]
        return {"id": connector_id, "device": {"type": "LICENSED"}, **({"license_key": key} if key and reports else {})}

    def request(self, method: str, segments: t.Sequence[str], *, body: t.Any = None, **dummy: t.Any) -> t.Any:
        self.clock.step(f"{method} {'/'.join(segments)}")
        self.sent += 1
        if method == "GET":
            return [self._connector(connector_id, self.reports) for connector_id in self.tunnels]
        assert (method, body) == ("PATCH", {"provision_license": True})
        fault = self._fault(method)
        self.set_key(segments[1], f"license-of-cloudflare-{len(self.log):08d}")
        self.clock.step(f"{method} {'/'.join(segments)}, the answer")
        if fault == "lost after":
            raise MagicError("no answer", failure=_failure(method), reached=UNKNOWN)
        return self._connector(segments[1])


def _failure(method: str) -> dict[str, t.Any]:
    return {"method": method, "path": "/", "status": 502, "errors": [], "ray_id": None}


def _defaults(spec: t.Any) -> dict[str, t.Any]:
    return {name: option.get("default") for name, option in spec.argument_spec.items()}


class World:
    """An account and a vault file, and the runs that change them."""

    SECOND = timedelta(seconds=1)
    KEPT = PSKS
    ACCOUNT: type[Cloud] = Cloud

    def __init__(self, folder: Path, count: int = 3) -> None:
        self.folder = folder
        self.folder.mkdir(exist_ok=True)
        self.path = folder / "keys.yml"
        self.cloud = self.ACCOUNT(count)

    # --- what a run does

    def one(self, tunnel_id: str, **options: t.Any) -> dict[str, t.Any]:
        """Run ipsec_psk with the vault file."""
        return self._run(ipsec_psk.ActionModule, {**_defaults(_policy.OPTIONS), "ipsec_tunnel_id": tunnel_id, **options})

    def fleet(self, **options: t.Any) -> dict[str, t.Any]:
        """Run ipsec_psks with the vault file."""
        chosen = {} if options.get("psks") else {"names": ["*"]}
        return self._run(ipsec_psks.ActionModule, {**_defaults(_policy.FLEET_OPTIONS), "batch_size": 2, **chosen, **options})

    def _run(self, kind: t.Any, options: dict[str, t.Any]) -> dict[str, t.Any]:
        action = object.__new__(kind)
        keywords = {"check_mode": False, "register": "result", "loop": None, "loop_with": None, "failed_when": [], "changed_when": [], "until": []}
        action._task = types.SimpleNamespace(**keywords, delegate_to=None, delegate_facts=False, diff=True, _uuid="task")
        action._loader = types.SimpleNamespace(_vault=QuickVault([("default", SECRET)]), path_dwim=str)
        action.task_vars, action.receivers = {}, []
        action.options = {**options, "vault_file": str(self.path)}
        action.notice = lambda text: None
        result: dict[str, t.Any] = action.work(self.cloud)
        return result

    def living(
        self,
        run: t.Callable[[], t.Any],
        end: int | None = None,
        between: t.Callable[[], None] | None = None,
        at: int | None = None,
        seen: t.Callable[[str], None] | None = None,
    ) -> Clock:
        """Carry a run out until it ends, or until the world ends at a boundary.

        :arg between: what someone else does at the boundary ``at``.
        :arg seen: is told the name of each boundary before it is passed.
        :returns: the clock, with the names of the boundaries passed.
        """
        clock = Clock(end, between, at, seen)
        saved = self.cloud.clock, _SYSTEM.os, _SYSTEM.fcntl, _SYSTEM.LOCK_TIMEOUT
        # Anyone who would have to wait for the file gives up.
        self.cloud.clock, _SYSTEM.os, _SYSTEM.fcntl, _SYSTEM.LOCK_TIMEOUT = clock, Disk(clock), Locks(clock), -1.0
        try:
            run()
        except (Died, MagicError):
            pass
        finally:
            self.cloud.clock, _SYSTEM.os, _SYSTEM.fcntl, _SYSTEM.LOCK_TIMEOUT = saved
        return clock

    # --- what is left

    def text(self) -> str:
        """Return the text of the vault file; empty if there is none."""
        if not self.path.exists():
            return ""
        data = self.path.read_bytes()
        assert data.startswith(HEADER) and data.endswith(b"\n"), "the file is torn"
        return binascii.unhexlify(data[len(HEADER) :].strip()).decode()

    def entries(self) -> dict[str, t.Any]:
        """Return the entries of the vault file."""
        return _split(self.text(), self.KEPT.variable)[1]

    def write(self, text: str) -> None:
        """Write the vault file, as a person with an editor does."""
        self.path.write_bytes(HEADER + binascii.hexlify(text.encode()) + b"\n")

    def locked(self) -> bool:
        """Tell whether a run has the file."""
        path = self.folder / ".keys.yml.lock"
        if not path.exists():
            return False
        with path.open("rb") as handle:
            try:
                real_fcntl.flock(handle, real_fcntl.LOCK_EX | real_fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def is_kept(self, tunnel_id: str) -> bool:
        """Tell whether the key in force is in the file, or the file says that it may not be."""
        entry = self.entries().get(tunnel_id, {})
        key = self.cloud.in_force[tunnel_id]
        return key is None or key in (entry.get(name) for name in self.KEPT.keys[:2]) or bool(entry.get("replacing_since"))

    def is_settled(self, tunnel_id: str) -> bool:
        """Tell whether the file has the key in force as such, and no doubt about it."""
        entry = self.entries().get(tunnel_id, {})
        key = self.cloud.in_force[tunnel_id]
        return key is not None and entry.get(self.KEPT.key) == key and not {self.KEPT.keys[1], "replacing_since"} & set(entry)

    def left(self) -> Left:
        """Return what is left of this world if it ends now."""
        files = {path.name: (path.read_bytes(), path.stat().st_mode & 0o7777) for path in self.folder.iterdir()}
        return Left(type(self), files, self.cloud.copy())

    def copy(self, folder: Path) -> World:
        """Return a world of its own that is like this one."""
        return self.left().world(folder)


class Left(t.NamedTuple):
    """What is left of a world that has ended: the files with their modes, and the account."""

    kind: type[World]
    files: dict[str, tuple[bytes, int]]
    cloud: Cloud

    def state(self) -> t.Any:
        """Return all on which the next run depends, to tell equal worlds."""
        account = self.cloud
        return self.files.get("keys.yml"), tuple(sorted(self.files)), tuple(account.in_force.items()), tuple(account.faults)

    def world(self, folder: Path) -> World:
        """Return a world that goes on from here, in a folder of worlds that are not needed any more."""
        other = self.kind(folder, 0)
        for name in set(real_os.listdir(folder)) - set(self.files):
            (folder / name).unlink()
        for name, (data, mode) in self.files.items():
            (folder / name).write_bytes(data)
            (folder / name).chmod(mode)
        other.cloud = self.cloud.copy()
        return other


class LicensedWorld(World):
    """The same with the license keys of connectors."""

    KEPT = LICENSES
    ACCOUNT = Connectors

    def one(self, tunnel_id: str, **options: t.Any) -> dict[str, t.Any]:
        """Run connector_license with the vault file."""
        return self._run(connector_license.ActionModule, {**_defaults(_licenses.OPTIONS), "rotate": "always", "connector": tunnel_id, **options})
