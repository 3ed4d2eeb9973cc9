# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Chromium as a test's eyes: pages at any width, light, dark and printed, and what is wrong with how they look.

It is steered by pipes, with Chromium's DevTools protocol: there is no port that others could reach.
"""

from __future__ import annotations

import base64
import itertools
import json
import os
import shutil
import subprocess
import typing as t
from contextlib import contextmanager
from pathlib import Path

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
_FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update"]
_FLAGS += ["--disable-sync", "--hide-scrollbars", "--no-proxy-server", "--remote-debugging-pipe", "about:blank"]

# Width in CSS pixels, whether it is printed, and the colours. 718 is the width of A4 between Chromium's margins.
VIEWS: dict[str, tuple[int, bool, str]] = {
    "1200 light": (1200, False, "light"),
    "1200 dark": (1200, False, "dark"),
    "390 light": (390, False, "light"),
    "390 dark": (390, False, "dark"),
    "print": (718, True, "light"),
    "print, dark": (718, True, "dark"),
}

# What a reader would see as broken. `root` is where the texts are.
_LOOK = r"""
((root, printed) => {
    const seen = node => node.checkVisibility({opacityProperty: true, visibilityProperty: true}) && node.getBoundingClientRect().width > 1;
    const name = node => `${node.tagName.toLowerCase()}${node.className ? '.' + node.className : ''}: ${node.textContent.trim().slice(0, 50)}`;
    const box = node => node.getBoundingClientRect();
    const width = document.documentElement.clientWidth;
    const all = [...document.querySelector(root).querySelectorAll('*')].filter(node => node instanceof HTMLElement && seen(node));
    const style = new Map(all.map(node => [node, getComputedStyle(node)]));
    const scrolls = node => !printed && /auto|scroll/.test(style.get(node)?.overflowX ?? '');
    const inScroller = node => { for (let up = node; up; up = up.parentElement) if (scrolls(up)) return true; return false; };
    const texts = all.filter(node => [...node.childNodes].some(child => child.nodeType === 3 && child.data.trim()));

    // Cut: a box that hides what does not fit, a cell of a table whose text reaches into the next one, and text that leaves the page.
    const cut = all.filter(node => (style.get(node).overflowX !== 'visible' || /^T[DH]$/.test(node.tagName)) && !scrolls(node)
        && style.get(node).display !== 'inline' && node.clientHeight > 1
        && (node.scrollWidth > node.clientWidth + 1 || node.scrollHeight > node.clientHeight + 1));
    const out = texts.filter(node => !inScroller(node) && (box(node).right > width + 1 || box(node).left < -1));

    // Overlapping: two texts, neither inside the other, whose lines of text share a place.
    const lines = [];
    for (const node of texts)
        for (const child of node.childNodes) {
            if (child.nodeType !== 3 || !child.data.trim()) continue;
            const range = document.createRange(); range.selectNodeContents(child);
            for (const line of range.getClientRects()) if (line.width > 2) lines.push({node, line});
        }
    lines.sort((a, b) => a.line.top - b.line.top);
    const over = [];
    lines.forEach((one, index) => {
        for (let next = index + 1; next < lines.length && lines[next].line.top < one.line.bottom - 3; next++) {
            const two = lines[next];
            if (one.node === two.node || inScroller(one.node) !== inScroller(two.node)) continue;
            const across = Math.min(one.line.right, two.line.right) - Math.max(one.line.left, two.line.left);
            // Lines of one paragraph may touch: by less than a quarter of their height.
            const down = Math.min(one.line.bottom, two.line.bottom) - two.line.top;
            if (across > 2 && down > Math.min(one.line.height, two.line.height) / 4) over.push(`${name(one.node)} / ${name(two.node)}`);
        }
    });

    // Hard to read: less contrast than WCAG asks for.
    const numbers = text => text.match(/[\d.]+/g).map(Number);
    const light = ([r, g, b]) => { const part = v => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
                                   return .2126 * part(r) + .7152 * part(g) + .0722 * part(b); };
    const ground = node => {
        for (let up = node; up; up = up.parentElement) {
            const found = numbers(getComputedStyle(up).backgroundColor);
            if (found.length === 3 || found[3] === 1) return found.slice(0, 3);
        }
        return [255, 255, 255];
    };
    const faint = texts.filter(node => {
        const [a, b] = [light(numbers(style.get(node).color)), light(ground(node))].sort((x, y) => y - x);
        return (a + .05) / (b + .05) < LEAST;
    });
    const images = [...document.querySelectorAll(root + ' img')].filter(image => seen(image) && !image.naturalWidth);
    const few = list => [...new Set(list)].slice(0, 5);
    return {sideways: document.documentElement.scrollWidth > width + 1, cut: few(cut.map(name)), out: few(out.map(name)), over: few(over),
            faint: few(faint.map(name)), images: few(images.map(image => image.src))};
})
"""

# How parts stand to each other: those beside each other are in one row. Pixels are in none of it.
_ROWS = r"""
(parts => {
    const boxes = [];
    for (const [name, selector] of Object.entries(parts))
        for (const node of document.querySelectorAll(selector)) {
            const {left, right, top, bottom} = node.getBoundingClientRect();
            const shown = node.checkVisibility({visibilityProperty: true}) && right - left > 1 && bottom - top > 1;
            if (shown && right > 0 && left < document.documentElement.clientWidth) boxes.push({name, left, top, bottom});
        }
    boxes.sort((a, b) => a.top - b.top);
    const rows = [];
    for (const box of boxes) {
        const row = rows.at(-1);
        if (row && box.top < row.bottom - 2) { row.boxes.push(box); row.bottom = Math.max(row.bottom, box.bottom); }
        else rows.push({boxes: [box], bottom: box.bottom});
    }
    return rows.map(row => row.boxes.sort((a, b) => a.left - b.left).map(box => box.name).join(' | '));
})
"""


class Browser:
    """One Chromium with one page."""

    def __init__(self, write: t.IO[bytes], read: t.IO[bytes]) -> None:
        self._write, self._read = write, read
        self._numbers = itertools.count(1)
        self._left = b""
        self._session: str | None = None
        target = next(found for found in self._call("Target.getTargets")["targetInfos"] if found["type"] == "page")
        self._session = self._call("Target.attachToTarget", targetId=target["targetId"], flatten=True)["sessionId"]
        self._call("Page.enable")

    def _message(self) -> dict[str, t.Any]:
        while b"\0" not in self._left:
            more = os.read(self._read.fileno(), 1 << 16)
            assert more, "Chromium has ended"
            self._left += more
        first, dummy, self._left = self._left.partition(b"\0")
        return dict(json.loads(first))

    def _call(self, method: str, **params: t.Any) -> dict[str, t.Any]:
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params, **({"sessionId": self._session} if self._session else {})}
        self._write.write(json.dumps(message).encode() + b"\0")
        self._write.flush()
        while True:
            answer = self._message()
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return dict(answer["result"])

    def open(self, address: str) -> None:
        """Load a page, with its pictures and scripts."""
        answer = self._call("Page.navigate", url=address)
        assert not answer.get("errorText"), answer
        while self._message().get("method") != "Page.loadEventFired":
            pass

    def view(self, name: str) -> None:
        """Show the page at a width, as on a screen or printed, light or dark."""
        width, printed, colours = VIEWS[name]
        self._call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        self._call("Emulation.setEmulatedMedia", media="print" if printed else "screen", features=[{"name": "prefers-color-scheme", "value": colours}])

    def evaluate(self, script: str) -> t.Any:
        """Return the value of an expression of JavaScript."""
        answer = self._call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def problems(self, view: str, root: str = "body", contrast: float = 4.5) -> dict[str, t.Any]:
        """Return what looks broken in a view, by kind: text that is cut, outside the page, over another one or hard to read, and missing pictures."""
        self.view(view)
        found = self.evaluate(f"{_LOOK.replace('LEAST', str(contrast))}({json.dumps(root)}, {json.dumps(VIEWS[view][1])})")
        return {kind: value for kind, value in found.items() if value}

    def rows(self, view: str, parts: dict[str, str]) -> list[str]:
        """Return how the parts of a page stand, from the top: those beside each other in one line, from the left. Parts are CSS selectors by name."""
        self.view(view)
        return list(self.evaluate(f"{_ROWS}({json.dumps(parts)})"))

    def picture(self, view: str, scale: float = 1) -> bytes:
        """Return the whole page as PNG."""
        self.view(view)
        self._call("Emulation.setDeviceMetricsOverride", width=VIEWS[view][0], height=100, deviceScaleFactor=scale, mobile=False)
        return base64.b64decode(self._call("Page.captureScreenshot", captureBeyondViewport=True)["data"])


@contextmanager
def chromium(folder: Path) -> t.Iterator[Browser]:
    """Start Chromium with a profile in a folder; without Chromium, skip the test by name."""
    if CHROMIUM is None:
        pytest.skip("looking at pages needs Chromium (Debian: apt-get install chromium), and there is none")
    commands, to_us = os.pipe(), os.pipe()
    # The protocol's pipes are the descriptors 3 and 4.
    script = f'exec 3<&{commands[0]} 4>&{to_us[1]}; exec "$0" "$@"'
    command = ["bash", "-c", script, CHROMIUM, *_FLAGS[:-1], f"--user-data-dir={folder / 'profile'}", _FLAGS[-1]]
    quiet: dict[str, t.Any] = {name: subprocess.DEVNULL for name in ("stdin", "stdout", "stderr")}
    process = subprocess.Popen(command, pass_fds=(commands[0], to_us[1]), **quiet)
    os.close(commands[0])
    os.close(to_us[1])
    with os.fdopen(commands[1], "wb") as write, os.fdopen(to_us[0], "rb", buffering=0) as read:
        try:
            yield Browser(write, read)
        finally:
            # Chromium ends with its pipe.
            write.close()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
