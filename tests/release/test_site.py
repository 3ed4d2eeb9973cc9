# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The documentation site: it builds without a network and without a warning, every link in it leads somewhere, and it fits on any screen."""

from __future__ import annotations

import functools
import html
import http.server
import json
import os
import re
import sys
import threading
import typing as t
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
import snowballstemmer
import yaml

if t.TYPE_CHECKING:
    from ansible_collections.cloudflare.magic.tests.integration.support.browser import VIEWS, chromium
    from ansible_collections.cloudflare.magic.tests.release.conftest import GALAXY, ROOT, run
else:
    from conftest import GALAXY, ROOT, run

    # The checkout need not be in a folder of collections.
    sys.path.insert(0, str(ROOT / "tests"))
    from integration.support.browser import VIEWS, chromium

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
        if ("rel", "canonical") in attrs:
            return
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
    documents = list((ROOT / "docs").rglob("*.md"))
    wanted = {path.relative_to(ROOT).with_suffix(".html").as_posix() for path in [*documents, *ROOT.glob("C*.md")]}
    for kind, folder in (("module", "modules"), ("inventory", "inventory"), ("lookup", "lookup"), ("filter", "filter")):
        wanted |= {f"collections/cloudflare/magic/{path.stem}_{kind}.html" for path in (ROOT / "plugins" / folder).glob("[!_]*.py")}
    wanted |= {f"collections/cloudflare/magic/{path.parents[1].name}_role.html" for path in ROOT.glob("roles/*/meta/argument_specs.yml")}
    wanted |= {f"collections/cloudflare/magic/docsite/{path.stem}.html" for path in ROOT.glob("docs/docsite/rst/*.rst")}
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
            # The site has one address, which users have in their bookmarks, and docs.ansible.com in its guides.
            target = re.sub(f"^{re.escape(GALAXY['documentation'])}", os.path.relpath(site, path.parent) + "/", target)
            target += "index.html" if target.endswith("/") and not re.match(r"[a-z]+:", target) else ""
            if re.match(r"[a-z]+:", target):
                assert link.startswith("https://"), f"{path.name}: {link}"
                match = re.match(rf"{re.escape(GALAXY['repository'])}/(blob|tree)/main/(.*)", target)
                if match and not (ROOT / match.group(2)).exists():
                    broken.append(f"{path.relative_to(site)}: {link}")
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


def test_names_of_modules_are_links(site: Path) -> None:
    """In tables, too; and what is not the name of a module or role is not."""
    text = (site / "index.html").read_text(encoding="utf-8")
    cells = [cell for table in re.findall(r"<table.*?</table>", text, re.DOTALL) for cell in re.findall(r"<td>.*?</td>", table, re.DOTALL)]
    linked = {name for cell in cells for name in re.findall(r'href="collections/cloudflare/magic/(\w+)_(?:module|role)\.html', cell)}
    assert {"ipsec_psk", "ipsec_tunnel", "network", "rotate_edge"} <= linked


def test_copy_buttons(site: Path, pages: dict[Path, Page]) -> None:
    """Code has buttons that copy commands without their prompt."""
    script = next((site / "_static").glob("copybutton.js")).read_text(encoding="utf-8")
    assert re.search(r"formatCopyText\(.*'\$ '", script, re.DOTALL)
    assert any("copybutton.js" in load for load in pages[site / "docs" / "keys.html"].loads)


def test_no_markup_is_left_in_the_text(site: Path) -> None:
    """The markup of the plugins' documentation has become text: a closing bracket in code ends it too early."""
    for path in (site / "collections").rglob("*.html"):
        text = re.sub(r"<pre>.*?</pre>", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        plain = html.unescape(re.sub(r"<[^>]+>", "", text))
        assert not re.search(r"'}}\)|\b[CVOEM]\([^)]*$|:literal:|\{\{ lookup\([^)]*\}\}", plain), path.name


def found_by_search(site: Path, query: str) -> list[str]:
    """Return the pages that the site's search finds, as its script does it: those that have all words, in their text or in a title."""
    index = json.loads(re.sub(r"^Search\.setIndex\((.*)\);?\s*$", r"\1", (site / "searchindex.js").read_text(encoding="utf-8"), flags=re.DOTALL))
    stem = snowballstemmer.stemmer("english").stemWord
    pages: set[int] | None = None
    for word in query.lower().split():
        if word in ("from", "a", "the"):
            continue
        found: set[int] = set()
        for terms in (index["terms"], index["titleterms"]):
            numbers = terms.get(stem(word), [])
            found |= {numbers} if isinstance(numbers, int) else set(numbers)
        pages = found if pages is None else pages & found
    return [index["docnames"][number] for number in sorted(pages or set())]


@pytest.mark.parametrize(
    ("query", "page"),
    [
        ("PSK rotation", "docs/keys"),
        ("rollback", "docs/both_ends"),
        ("import from Terraform", "docs/terraform_and_uri"),
        ("drift", "docs/network"),
    ],
)
def test_search(query: str, page: str, site: Path) -> None:
    """What people search for leads to the guide, in the words that they use."""
    assert page in found_by_search(site, query)


# What someone has looked at: how the parts of some pages stand to each other. The front page, a guide, a module, the list of modules, a wide table.
APPROVED = yaml.safe_load(Path(__file__).with_name("approved_site.yml").read_text(encoding="utf-8"))


class _Handler(http.server.SimpleHTTPRequestHandler):
    """Serves the site."""

    def log_message(self, *_args: t.Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def address(site: Path) -> t.Iterator[str]:
    """Serve the site on loopback."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Handler, directory=str(site))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_in_a_browser(address: str, site: Path, pages: dict[Path, Page], tmp_path: Path) -> None:
    """On wide and narrow screens, light, dark and printed: no page is wider than the screen, nothing is cut or overlaps, and each picture is there."""
    found = {}
    with chromium(tmp_path) as browser:
        for path in pages:
            name = path.relative_to(site).as_posix()
            browser.open(f"{address}/{name}")
            for view in VIEWS:
                # The colours of code are those of Pygments' styles, which have less contrast than text.
                if problems := browser.problems(view, "article", contrast=3):
                    found[name, view] = problems
                if name in APPROVED["pages"]:
                    assert browser.rows(view, APPROVED["parts"]) == APPROVED["pages"][name][view.split()[0].strip(",")], (name, view)
    assert found == {}
    assert set(APPROVED["pages"]) <= {path.relative_to(site).as_posix() for path in pages}
