# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The documentation site: it builds without a network and without a warning, every link in it leads somewhere, and it fits on any screen."""

from __future__ import annotations

import functools
import html
import http.server
import json
import re
import shutil
import subprocess
import sys
import threading
import typing as t
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
from conftest import ROOT, run

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
# Where nothing listens: anyone who wants to fetch something fails at once.
NOWHERE = "http://127.0.0.1:9"
NO_NETWORK = {name: NOWHERE for variable in ("http_proxy", "https_proxy", "all_proxy") for name in (variable, variable.upper())}


class Page(HTMLParser):
    """What a page links to, what it loads, and the anchors that it has."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.anchors: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" and value:
                self.anchors.add(value)
            elif name == "href" and tag == "a":
                self.links.append(value or "")
            elif name in ("src", "srcset", "data") or (name == "href" and tag == "link"):
                self.loads.append(value or "")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site where no server can be reached."""
    folder = tmp_path_factory.mktemp("site") / "html"
    output = run(sys.executable, ROOT / "docs" / "site" / "build.py", folder, env=NO_NETWORK)
    assert "The site is built" in output
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    """Parse all pages."""
    return {path: Page(path) for path in sorted(site.rglob("*.html"))}


def test_every_guide_and_plugin_has_a_page(site: Path, pages: dict[Path, Page]) -> None:
    """All guides, plugins and roles have a page, and the front page leads to each of them."""
    names = {path.relative_to(site).as_posix() for path in pages}
    documents = [path for path in (ROOT / "docs").rglob("*.md") if "site" not in path.relative_to(ROOT / "docs").parts]
    wanted = {path.relative_to(ROOT).with_suffix(".html").as_posix() for path in [*documents, *ROOT.glob("C*.md")]}
    for kind, folder in (("module", "modules"), ("inventory", "inventory"), ("lookup", "lookup"), ("filter", "filter")):
        wanted |= {f"collections/cloudflare/magic/{path.stem}_{kind}.html" for path in (ROOT / "plugins" / folder).glob("[!_]*.py")}
    wanted |= {f"collections/cloudflare/magic/{path.parents[1].name}_role.html" for path in ROOT.glob("roles/*/meta/argument_specs.yml")}
    assert wanted <= names
    assert len(wanted) > 10
    reached: set[Path] = set()
    queue = [site / "index.html"]
    while queue:
        path = queue.pop()
        if path not in reached:
            reached.add(path)
            targets = [(path.parent / unquote(link.partition("#")[0])).resolve() for link in pages[path].links if not re.match(r"[a-z]+:|#|$", link)]
            queue += [target for target in targets if target in pages]
    assert {path.relative_to(site).as_posix() for path in reached} >= wanted


def test_links(site: Path, pages: dict[Path, Page]) -> None:
    """Every link within the site leads to a page, and to a heading that is there."""
    broken = []
    count = 0
    for path, page in pages.items():
        for link in page.links:
            target, dummy, anchor = link.partition("#")
            if re.match(r"[a-z]+:", link):
                assert link.startswith("https://"), f"{path.name}: {link}"
                continue
            count += 1
            other = (path.parent / unquote(target)).resolve() if target else path
            if not other.is_file() or (anchor and other in pages and unquote(anchor) not in pages[other].anchors):
                broken.append(f"{path.relative_to(site)}: {link}")
    assert not broken
    assert count > 300


def test_loads_nothing_from_elsewhere(site: Path, pages: dict[Path, Page]) -> None:
    """Scripts, styles, fonts and pictures come with the site."""
    for path, page in pages.items():
        for load in page.loads:
            assert re.match(r"data:|(?![a-z]+:|//)", load), f"{path.name} loads {load}"
            if not load.startswith(("data:", "#")):
                assert (path.parent / unquote(load.partition("?")[0])).resolve().is_file(), f"{path.name}: {load} is missing"
    for style in site.rglob("*.css"):
        assert not re.search(r"(?:@import|url\()\s*['\"]?(?:https?:)?//", style.read_text(encoding="utf-8")), style.name


MEASURE = """<body><script>
const pages = PAGES, found = {};
// What sticks out of the page, other than in a box that scrolls by itself.
function sticksOut(frame) {
    const view = frame.contentWindow, page = frame.contentDocument, width = page.documentElement.clientWidth;
    return [...page.querySelectorAll('article *')].filter(element => {
        for (let box = element.parentElement; box && box !== page.body; box = box.parentElement)
            if (view.getComputedStyle(box).overflowX !== 'visible') return false;
        return element.getBoundingClientRect().right > width + 1;
    }).map(element => element.tagName + ': ' + element.textContent.slice(0, 60)).slice(0, 5);
}
(async () => {
    for (const name of pages) {
        const frame = document.createElement('iframe');
        frame.width = WIDTH; frame.height = 900; frame.style.border = 0;
        await new Promise(done => { frame.onload = done; frame.src = '/' + name; document.body.append(frame); });
        const page = frame.contentDocument, article = page.querySelector('article');
        const images = [...page.querySelectorAll('article img')].filter(image => !image.naturalWidth || image.getBoundingClientRect().width < 40);
        found[name] = {sideways: page.documentElement.scrollWidth - page.documentElement.clientWidth, out: sticksOut(frame),
            text: article ? article.getBoundingClientRect().width : 0, images: images.map(image => image.src)};
        frame.remove();
    }
    document.body.innerHTML = '<pre id="done">' + JSON.stringify(found).replace(/&/g, '&amp;').replace(/</g, '&lt;') + '</pre>';
})();
</script>"""


class _Handler(http.server.SimpleHTTPRequestHandler):
    """Serves the site, and the page that looks at all others."""

    page = ""

    def do_GET(self) -> None:  # pylint: disable=invalid-name
        if self.path == "/measure":
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(self.page.encode())
        else:
            super().do_GET()

    def log_message(self, *_args: t.Any) -> None:
        """Say nothing."""


@pytest.mark.parametrize("width", [390, 1400])
def test_in_a_browser(width: int, site: Path, pages: dict[Path, Page], tmp_path: Path) -> None:
    """In a real browser no page is wider than a telephone's screen or a wide one, and each picture is there."""
    if CHROMIUM is None:
        pytest.skip("looking at the pages needs Chromium (Debian: apt-get install chromium), and there is none")
    names = [path.relative_to(site).as_posix() for path in pages]

    class Handler(_Handler):
        """With the page for this width."""

        page = MEASURE.replace("PAGES", json.dumps(names)).replace("WIDTH", str(width))

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(site))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/measure"
        command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-proxy-server", f"--user-data-dir={tmp_path / 'profile'}"]
        command += ["--virtual-time-budget=120000", "--dump-dom", address]
        output = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=180, check=True).stdout
        server.shutdown()
    match = re.search(r'<pre id="done">(.*?)</pre>', output, re.DOTALL)
    assert match, output[:2000]
    measured = json.loads(html.unescape(match.group(1)))
    assert sorted(measured) == sorted(names)
    assert {name: found for name, found in measured.items() if found["sideways"] > 0 or found["out"] or found["images"]} == {}
    assert all(found["text"] > 300 for name, found in measured.items() if name != "search.html")
