# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A virtual machine with this machine's files and Debian's kernel, for what this machine's own kernel cannot do.

QEMU shares the root file system with it, and only for reading: what the machine writes is in its memory. It has no network but its own, and nothing listens.
Nothing is installed: the kernel and, where QEMU is not there, QEMU as well are Debian's packages, fetched and unpacked as those of strongSwan are.
"""

from __future__ import annotations

import lzma
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import IO, Iterable, NamedTuple

from ansible_collections.cloudflare.magic.tests.ike import lab

KERNEL = "linux-image-amd64"
QEMU = "qemu-system-x86_64"
# Nothing loads modules by itself there. What these depend on is added.
MODULES = (
    *("virtio_pci", "9pnet_virtio", "9p", "overlay"),  # the files
    *("veth", "tun", "xfrm_interface", "xfrm_user", "esp4"),
    *("gcm", "ctr", "seqiv", "echainiv", "authenc", "aesni_intel"),
    *("sha3_generic", "sha512_generic", "jitterentropy_rng", "drbg"),  # without random numbers in the kernel, there is no ESP
)
# Where they are in the package, below kernel/.
_FOLDERS = ("arch/x86/crypto", "crypto", "drivers/net/tun.", "drivers/net/veth.", "drivers/virtio", "fs/9p", "fs/fscache", "fs/netfs", "fs/overlayfs", "net")
_PROGRAMS = ("cp", "insmod", "mkdir", "mount", "sh", "switch_root", "umount")
_STATUS = "The command in the machine ended with status"

_INIT = """#!/bin/sh
mount -t devtmpfs dev /dev
mount -t proc proc /proc
for module in {modules}; do insmod "/modules/$module.ko"; done
mount -t 9p -o trans=virtio,version=9p2000.L,ro,cache=loose,msize=500000 host /host
mount -t tmpfs memory /memory
mkdir /memory/data /memory/work
mount -t overlay -o lowerdir=/host,upperdir=/memory/data,workdir=/memory/work files /files
{packages}
umount /proc
mount -t devtmpfs dev /files/dev
mount -t proc proc /files/proc
mount -t sysfs sys /files/sys
mount -t tmpfs run /files/run
mkdir -p /files/dev/shm /files/dev/pts
mount -t tmpfs shm /files/dev/shm
mount -t devpts pts /files/dev/pts
cp /command /files/run/command
exec switch_root /files /bin/sh /run/command
"""
# The first process, whose end would be a panic. It waits until all is printed.
_COMMAND = """ip link set lo up
cd {folder}
{command}
echo "{status} $?."
exec {python} -c 'import termios; termios.tcdrain(1); open("/proc/sysrq-trigger", "w").write("b")'
"""


class Ended(NamedTuple):
    """How a command in the machine ended: its status, None if it did not end by itself, and what was printed, also by the kernel."""

    status: int | None
    output: str


def has_kvm() -> bool:
    """Return whether a kernel runs at full speed here.

    Some hypervisors offer /dev/kvm without the processor's own virtualization. Debian's kernel does not boot there.
    """
    return os.access("/dev/kvm", os.R_OK | os.W_OK) and any(os.path.isdir(f"/sys/module/{name}") for name in ("kvm_amd", "kvm_intel"))


def provide() -> Path:
    """Return the folder with the packages unpacked.

    Raises:
        CannotRun: if the machine cannot be had here.
    """
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        raise lab.CannotRun("the kernel for it is one for Linux on x86_64")
    return lab.kept("machine" if shutil.which(QEMU) else "machine-with-qemu", _fetch)


def _fetch(folder: Path) -> None:
    """Fetch the kernel, a static shell, and QEMU if it is not installed; put what is needed of them into ``root``."""
    kernel = re.search(r"Depends: (linux-image-\S+)", lab.apt(folder, ["apt-cache", "depends", "--important", KERNEL], folder))
    if not kernel:
        raise lab.CannotRun(f"there is no kernel that the package {KERNEL} depends on")
    root = folder / "root"
    for package in lab.download(folder, kernel.group(1)):
        with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(package)], stdout=subprocess.PIPE) as unpacking:
            assert unpacking.stdout
            _take(unpacking.stdout, root)
    packages = lab.download(folder, "busybox-static")
    if not shutil.which(QEMU):
        packages += lab.download(folder, "qemu-system-x86", depends=True)
    for package in packages:
        subprocess.run(["dpkg", "-x", str(package), str(root)], check=True)


def _take(stream: IO[bytes], root: Path) -> None:
    """Write the kernel, and the modules that may be of use, from a package's archive: a tenth of it."""
    modules = re.compile(rf"\./(?:usr/)?lib/modules/[^/]+/kernel/(?:{'|'.join(map(re.escape, _FOLDERS))})")
    (root / "modules").mkdir(parents=True)
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for member in archive:
            name = Path(member.name).name
            is_module = modules.match(member.name) and ".ko" in name
            content = archive.extractfile(member) if is_module or name.startswith("vmlinuz-") else None
            if content:
                data = content.read()
                if is_module:
                    stem, dummy, packed = name.partition(".ko")
                    (root / "modules" / stem.replace("-", "_")).write_bytes(lzma.decompress(data) if packed == ".xz" else data)
                else:
                    (root / "vmlinuz").write_bytes(data)


def _in_order(folder: Path) -> list[str]:
    """Return the modules, each after those that it depends on. Modules that are built in are not there."""
    found: list[str] = []

    def add(names: Iterable[str]) -> None:
        for name in (name.replace("-", "_") for name in names):
            if name not in found and (folder / name).is_file():
                depends = re.search(rb"\0depends=([^\0]*)", (folder / name).read_bytes())
                add(filter(None, depends.group(1).decode().split(",")) if depends else ())
                found.append(name)

    add(MODULES)
    return found


def _archive(entries: Iterable[tuple[str, int, bytes]]) -> bytes:
    """Return files, as name, mode and content, in the format that a kernel reads its first file system from: cpio, "newc"."""
    written = bytearray()
    for number, (name, mode, data) in enumerate([*entries, ("TRAILER!!!", 0, b"")], 1):
        fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
        for part in (b"070701" + b"".join(b"%08x" % field for field in fields) + name.encode() + b"\0", data):
            written += part + bytes(-len(part) % 4)
    return bytes(written)


def _first_files(root: Path, command: str, packages: Path | None) -> bytes:
    """Return what the kernel starts with."""
    modules = _in_order(root / "modules")
    over = f"mount -t overlay -o lowerdir=/host{packages}/usr:/host/usr usr /files/usr" if packages else ""
    shell = next(path for path in (root / "bin" / "busybox", root / "usr" / "bin" / "busybox") if path.is_file())
    return _archive(
        [
            *((name, 0o40755, b"") for name in ("bin", "dev", "files", "host", "memory", "modules", "proc")),
            ("bin/busybox", 0o100755, shell.read_bytes()),
            *((f"bin/{name}", 0o120777, b"busybox") for name in _PROGRAMS),
            *((f"modules/{name}.ko", 0o100644, (root / "modules" / name).read_bytes()) for name in modules),
            ("init", 0o100755, _INIT.format(modules=" ".join(modules), packages=over).encode()),
            ("command", 0o100644, command.encode()),
        ]
    )


def run(root: Path, command: list[str], folder: Path, packages: Path | None, environment: dict[str, str], limit: float) -> Ended:
    """Start the machine, run a command in it as root, and end it.

    Args:
        root: the packages unpacked.
        folder: where the command runs.
        packages: those of strongSwan, if they are not installed, which the machine sees laid over /usr.
        environment: all variables of the command.
        limit: seconds after which the machine is ended in any case.
    """
    words = ["env", "-i", *(f"{name}={value}" for name, value in environment.items()), *command]
    script = _COMMAND.format(folder=shlex.quote(str(folder)), command=shlex.join(words), status=_STATUS, python=shlex.quote(sys.executable))
    own = dict(os.environ)
    qemu = shutil.which(QEMU) or str(root / "usr" / "bin" / QEMU)
    firmware: list[str] = []
    if qemu.startswith(str(root)):
        own["LD_LIBRARY_PATH"] = ":".join(str(root / folder) for folder in ("usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"))
        firmware = [word for folder in ("qemu", "seabios") for word in ("-L", str(root / "usr" / "share" / folder))]
    files = os.memfd_create("initrd")
    with os.fdopen(files, "wb") as file:
        file.write(_first_files(root, script, packages))
        file.flush()
        arguments = [
            *(*firmware, "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-nic", "none", "-serial", "stdio"),
            # The switch of a processor that a hypervisor may refuse to set.
            *("-accel", "kvm" if has_kvm() else "tcg", "-cpu", "max,arch-capabilities=off,la57=off", "-smp", "2", "-m", "1024"),
            *("-virtfs", "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap"),
            *("-kernel", str(root / "vmlinuz"), "-initrd", f"/proc/self/fd/{files}", "-append", "console=ttyS0 quiet panic=-1 reboot=t mitigations=off"),
        ]
        # Also if this process is killed.
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", qemu, *arguments],
            env=own,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=[files],
        )
        try:
            printed = process.communicate(timeout=limit)[0]
        except subprocess.TimeoutExpired:
            process.kill()
            printed = process.communicate()[0]
        finally:
            process.kill()
            process.wait()
    output = printed.decode("utf-8", "replace").replace("\r", "")
    status = re.search(rf"^{_STATUS} (\d+)\.$", output, re.MULTILINE)
    return Ended(int(status.group(1)) if status else None, output)
