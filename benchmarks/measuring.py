# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Shared functions of the benchmarks: they measure a command, and draw a chart of the times."""

from __future__ import annotations

import datetime
import importlib.metadata
import json
import math
import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
if TYPE_CHECKING:
    from ansible_collections.cloudflare.magic.tests.emulator.client import Emulator, running
else:
    # The checkout does not have to be in a folder of collections.
    sys.path.insert(0, str(ROOT / "tests"))
    from emulator.client import Emulator, running

__all__ = ["HERE", "Emulator", "Line", "Measured", "about", "ansible", "environment", "launch", "plot", "prepare", "running"]

# Runs a command in a small process, so that its peak memory is its own: a process starts with the peak of its parent.
LAUNCHER = """
import json, os, sys, time
start = time.monotonic()
pid = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ, file_actions=[(os.POSIX_SPAWN_OPEN, 1, sys.argv[1], os.O_WRONLY | os.O_CREAT, 0o600),
                                                                          (os.POSIX_SPAWN_DUP2, 1, 2)])
status, usage = os.wait4(pid, 0)[1:]
print(json.dumps([time.monotonic() - start, os.waitstatus_to_exitcode(status), usage.ru_maxrss, usage.ru_utime + usage.ru_stime]))
"""


@dataclass
class Measured:
    """The measurements of one run.

    Attributes:
        seconds: from start to end.
        requests: the number of requests.
        memory: KiB of its largest process.
        cpu: processor seconds of all of its processes.
        emulator: processor seconds of the emulator in the same time.
    """

    seconds: float
    requests: int
    memory: int
    cpu: float
    emulator: float = 0.0


def prepare(folder: Path) -> None:
    """Create a folder in which commands run: Ansible finds this collection there, and no settings."""
    link = folder / "ansible_collections" / "cloudflare" / "magic"
    link.parent.mkdir(parents=True)
    link.symlink_to(ROOT)
    (folder / "ansible.cfg").touch()


def environment(emulator: Emulator, folder: Path) -> dict[str, str]:
    """Return the variables of a command, without this process's variables for Ansible and Cloudflare."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "CLOUDFLARE_")) and not name.lower().endswith("_proxy")}
    return {
        **environ,
        **emulator.environment(),
        "ANSIBLE_COLLECTIONS_PATH": str(folder),
        "ANSIBLE_HOME": str(folder / "home"),
        "ANSIBLE_CONFIG": str(folder / "ansible.cfg"),
    }


def ansible(playbook: str, *options: str, inventory: str = "bench,") -> list[str]:
    """Return the command that runs a playbook from this folder."""
    return [str(Path(sys.executable).with_name("ansible-playbook")), "-i", inventory, *options, str(HERE / playbook)]


def launch(command: list[str], emulator: Emulator, folder: Path) -> Measured:
    """Run a command, and measure it.

    Raises:
        RuntimeError: if it failed.
    """
    output = folder / "output"
    output.unlink(missing_ok=True)
    emulator.clear_requests()
    worked = processor_seconds(emulator.pid)
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", LAUNCHER, str(output), *command],
        env=environment(emulator, folder),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    worked = processor_seconds(emulator.pid) - worked
    seconds, status, memory, cpu = json.loads(done.stdout)
    if status:
        raise RuntimeError(f"{' '.join(command)} failed:\n{output.read_text(encoding='utf-8')[-4000:]}")
    return Measured(seconds, len(emulator.requests()), memory, cpu, worked)


def processor_seconds(pid: int) -> float:
    """Return the processor time that a process has used; 0 if the system does not report it."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def about(latency: float) -> str:
    """Return when and where this was measured."""
    versions = ", ".join(f"{package} {importlib.metadata.version(package)}" for package in ("ansible-core", "cloudflare", "requests"))
    return (
        f"{datetime.date.today():%d %B %Y}; {versions}, Python {platform.python_version()}, {os.cpu_count()} processors, "
        f"{platform.system()} on {platform.machine()}; the emulator waits {latency:g} ms"
    )


# --- the plot


@dataclass(frozen=True)
class Line:
    """A line of a plot.

    Attributes:
        label: at its end.
        colours: on light and on dark background.
        points: numbers of tunnels, and seconds.
        dashed: whether it is.
    """

    label: str
    colours: tuple[str, str]
    points: list[tuple[int, float]]
    dashed: bool = False


_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 860, 470, 74, 190, 56, 56


def plot(title: str, panels: dict[str, dict[str, Line]], script: str) -> str:
    """Return a plot of times, both axes logarithmic, as SVG that is readable on light and dark background.

    Args:
        title: of the chart.
        panels: the lines of each part by their names, one below the other, with a heading that may be empty.
        script: the script that draws it.
    """
    names = {name: line for lines in panels.values() for name, line in lines.items()}
    style = [
        "text { font: 13px system-ui, sans-serif; fill: #1b2230 } .quiet { fill: #5b6577 } .title { font-size: 16px; font-weight: 600 }",
        ".page { fill: #fff } .grid { stroke: #e1e5eb } path { fill: none; stroke-width: 2 } .label { font-weight: 600 }",
    ]
    dark = ["text { fill: #e7ebf2 } .quiet { fill: #9aa5b8 } .page { fill: #12161d } .grid { stroke: #2c3442 }"]
    for name, line in names.items():
        for sheet, colour in ((style, line.colours[0]), (dark, line.colours[1])):
            sheet.append(f"path.{name} {{ stroke: {colour} }} .{name} circle, text.{name} {{ fill: {colour} }}")
        if line.dashed:
            style.append(f"path.{name} {{ stroke-dasharray: 4 4 }}")
    height = _HEIGHT * len(panels)
    result = [
        "<!-- Copyright (c) 2026, cloudflare.magic contributors",
        "GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)",
        "SPDX-License-" + "Identifier: GPL-3.0-or-later",
        f"Drawn by benchmarks/{script} -->",
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" role="img">',
        f"<title>{title}</title>",
        "<style>",
        *style,
        "@media (prefers-color-scheme: dark) {",
        *dark,
        "}",
        "</style>",
        f'<rect class="page" width="{_WIDTH}" height="{height}" rx="8"/>',
    ]
    for number, (heading, lines) in enumerate(panels.items()):
        text = f"{title}: {heading}" if heading else title
        result += [f'<g transform="translate(0 {number * _HEIGHT})">', f'<text class="title" x="{_LEFT}" y="30">{text}</text>', *_panel(lines), "</g>"]
    return "\n".join([*result, "</svg>", ""])


def _panel(lines: dict[str, Line]) -> list[str]:
    """Return one part of a plot."""
    counts = sorted({count for line in lines.values() for count, dummy in line.points})
    times = [time for line in lines.values() for dummy, time in line.points]
    low, high = math.floor(math.log10(min(times)) * 2) / 2, math.ceil(math.log10(max(times)) * 2) / 2
    x_low, x_high = math.log10(counts[0]), max(math.log10(counts[-1]), math.log10(counts[0]) + 0.1)

    def x(count: float) -> float:
        return _LEFT + (math.log10(count) - x_low) / (x_high - x_low) * (_WIDTH - _LEFT - _RIGHT)

    def y(seconds: float) -> float:
        return _HEIGHT - _BOTTOM - (math.log10(seconds) - low) / (high - low) * (_HEIGHT - _TOP - _BOTTOM)

    result = [f'<text class="quiet" x="{(_LEFT + _WIDTH - _RIGHT) / 2:.0f}" y="{_HEIGHT - 14}" text-anchor="middle">tunnels</text>']
    for power in range(math.floor(low) - 1, math.ceil(high) + 1):
        for step in (1, 3):
            seconds = step * 10.0**power
            if 10**low * 0.99 <= seconds <= 10**high * 1.01:
                result.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y(seconds):.1f}" y2="{y(seconds):.1f}"/>')
                result.append(f'<text class="quiet" x="{_LEFT - 10}" y="{y(seconds) + 4:.1f}" text-anchor="end">{seconds:g} s</text>')
    for count in counts:
        result.append(f'<text class="quiet" x="{x(count):.1f}" y="{_HEIGHT - _BOTTOM + 22}" text-anchor="middle">{count:,}</text>')
    # The names are at the ends of the lines, and are moved apart if these are close.
    ends = sorted(((y(line.points[-1][1]), name) for name, line in lines.items() if line.points[-1][0] == counts[-1]), reverse=True)
    places: dict[str, float] = {}
    last = _HEIGHT - _BOTTOM + 18.0
    for place, name in ends:
        last = min(place + 4, last - 17)
        places[name] = last
    for name, line in lines.items():
        course = " ".join(f"{'L' if index else 'M'}{x(count):.1f} {y(time):.1f}" for index, (count, time) in enumerate(line.points))
        result.append(f'<path class="{name}" d="{course}"/>')
        dots = "".join(f'<circle cx="{x(count):.1f}" cy="{y(time):.1f}" r="3.5"/>' for count, time in line.points)
        result.append(f'<g class="{name}">{dots}</g>')
        # A line that ends early has its name before its end, where no other line can be; a single point at the edge has it after the point.
        end = line.points[-1]
        if end[0] == counts[-1]:
            spot = f'x="{x(counts[-1]) + 12:.1f}" y="{places[name]:.1f}"'
        elif end[0] == counts[0]:
            spot = f'x="{x(end[0]) + 10:.1f}" y="{y(end[1]) - 8:.1f}"'
        else:
            spot = f'x="{x(end[0]) - 10:.1f}" y="{y(end[1]) - 10:.1f}" text-anchor="end"'
        result.append(f'<text class="{name} label" {spot}>{line.label}</text>')
    return result
