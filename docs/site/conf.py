# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# pylint: disable=invalid-name

"""The configuration of Sphinx: what ``antsibull-docs sphinx-init`` creates, with Markdown (myst-parser), copy buttons (sphinx-copybutton) and the theme furo.

No extension does the following, so the functions below do it, all by events of Sphinx and none by changing sources:

- ``add_contents``: the table of contents, which README must not have, because it is shown elsewhere, too.
- ``lead_links``: links in the repository may lead to files that are no pages, and README's are absolute. On the site, they lead to the page if there is
  one, and else to the repository.
- ``link_plugins``: the name of a plugin in a guide becomes a link to its page.
- ``tidy``: a page's own table of contents, which furo has in the side bar, is left out, and titles of plugins in the side bar are short.
- ``find_elsewhere``: links to Ansible's own documentation, as sphinx.ext.intersphinx makes them, but without asking its server. Instead, ansible-core is
  asked whether it has what is linked to.
"""

from __future__ import annotations

import gc
import importlib.util
import re
import typing as t
from pathlib import Path

import yaml
from docutils import nodes
from sphinx import addnodes

if t.TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

# Pages stay in memory to the end. To search for what could be freed takes a quarter of the time.
gc.disable()

ROOT = Path(__file__).resolve().parents[2]
GALAXY = yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))
REFERENCE = f"collections/{GALAXY['namespace']}/{GALAXY['name']}"
REPOSITORY = re.compile(rf"{re.escape(GALAXY['repository'])}/(?:blob|tree)/main/([^#]*)(?:#(.*))?")

project = f"{GALAXY['namespace']}.{GALAXY['name']}"
project_copyright = "2026, cloudflare.magic contributors"
extensions = ["myst_parser", "sphinx_antsibull_ext", "sphinx_copybutton"]
root_doc = "index"
# Lists of several collections, of which there is one.
exclude_patterns = ["collections/index.rst", "collections/index_*.rst", "collections/*/index.rst", "collections/deprecations.rst"]
nitpicky = True
highlight_language = "yaml+jinja"
# Otherwise "--check" becomes a dash and the letters.
smartquotes = False
# The links have the form that GitHub gives to headings.
myst_heading_anchors = 4

# Only commands are copied, without the prompt.
copybutton_prompt_text = "$ "
copybutton_line_continuation_character = "\\"

# The colours of the tables come from site.css, which takes those of the theme.
antsibull_color_scheme = "none"
html_theme = "furo"
html_title = project
html_baseurl = GALAXY["documentation"]
html_static_path = ["site.css"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_use_index = False
pygments_style = "default"
pygments_dark_style = "github-dark"

# The order of the pages; those that do not exist are left out, and others come behind them.
GUIDES = ["start", "keys", "fleets", "tunnels", "network", "accounts", "delete", "sites", "health", "both_ends", "events", "devices", "awx", "secret_stores"]
GUIDES += ["execution_environment", "terraform_and_uri", "objects", "secrets", "emulator", "troubleshooting", "verify"]
PROJECT = ["docs/inside", "CONTRIBUTING", "docs/testing", "docs/benchmarks", "docs/releasing", "docs/policies", "docs/requirements_checklist"]
PROJECT += ["SECURITY", "CODE_OF_CONDUCT"]
TITLES = {f"{REFERENCE}/index": "Modules, plugins, roles", "collections/environment_variables": "Environment variables"}

# Pages of Ansible's own documentation that the generated pages refer to, by label.
ANSIBLE = "https://docs.ansible.com/projects/ansible/latest/"
ANSIBLE_PAGES = {
    "action_plugins": "plugins/action.html",
    "ansible_configuration_settings": "reference_appendices/config.html",
    "become_plugins": "plugins/become.html",
    "cache_plugins": "plugins/cache.html",
    "common_return_values": "reference_appendices/common_return_values.html",
    "inventory_plugins": "plugins/inventory.html",
    "list_of_collections": "collections/index.html",
}
# Where ansible-core has its plugins, by the type in a label; their files have the name of the plugin.
BUILTIN = {kind: f"ansible.plugins.{kind}" for kind in ("become", "cache", "callback", "connection", "filter", "inventory", "lookup", "strategy", "test")}
BUILTIN.update(module="ansible.modules", vars="ansible.plugins.vars")


def _names(app: Sphinx) -> set[str]:
    return set(app.env.found_docs)


def add_contents(app: Sphinx, docname: str, content: list[str]) -> None:
    """Add the table of contents, which is shown in the side bar, to the end of the front page. Its pictures, for Galaxy from the repository, are here."""
    if docname != root_doc:
        return
    content[0] = content[0].replace(f"]({GALAXY['repository']}/raw/main/", "](")
    names = {name for name in _names(app) if not name.startswith("collections/")} - {root_doc, "CHANGELOG"}
    named = [*(f"docs/{name}" for name in GUIDES), *PROJECT]
    parts = {
        "Guides": [*(f"docs/{name}" for name in GUIDES), *sorted(names - set(named))],
        "Reference": [*TITLES, "CHANGELOG"],
        "Project": PROJECT,
    }
    for caption, part in parts.items():
        lines = [f"{TITLES[name]} <{name}>" if name in TITLES else name for name in part if name in _names(app)]
        content[0] += "\n```{toctree}\n" + f":caption: {caption}\n:hidden:\n:maxdepth: 1\n\n" + "\n".join(lines) + "\n```\n"


def _page_of(app: Sphinx, path: Path) -> str | None:
    """Return the page of a file of the collection, if it has one."""
    name = root_doc if path == Path("README.md") else path.with_suffix("").as_posix()
    return name if path.suffix in (".md", ".rst") and name in _names(app) else None


def lead_links(app: Sphinx, doctree: nodes.document) -> None:
    """Lead links to files of the collection to the page of the file, or else to the repository."""
    docname = app.env.docname
    for node in list(doctree.findall(nodes.Element)):
        if isinstance(node, nodes.reference):
            match = REPOSITORY.fullmatch(node.get("refuri", ""))
            if not match:
                continue
            path, anchor = Path(match.group(1)), match.group(2)
        elif isinstance(node, (addnodes.pending_xref, addnodes.download_reference)) and node.get("reftype") == "myst" and node.get("refdomain") is None:
            target, dummy, anchor = str(node["reftarget"]).partition("#")
            folder = Path(docname).parent
            path = Path(*_normal((folder / target).parts)) if target else Path()
        else:
            continue
        page = _page_of(app, path)
        if page:
            options = {"refdoc": docname, "reftype": "myst", "refexplicit": True, "reftargetid": anchor or None}
            node.replace_self(addnodes.pending_xref("", *node.children, refdomain="doc", reftarget=page, **options))
        elif path.parts and (ROOT / path).exists():
            kind = "tree" if (ROOT / path).is_dir() else "blob"
            uri = f"{GALAXY['repository']}/{kind}/main/{path}" + (f"#{anchor}" if anchor else "")
            node.replace_self(nodes.reference("", "", *node.children, internal=False, refuri=uri))


def _normal(parts: tuple[str, ...]) -> list[str]:
    found: list[str] = []
    for part in parts:
        if part == "..":
            del found[-1:]
        else:
            found.append(part)
    return found


def link_plugins(app: Sphinx, doctree: nodes.document) -> None:
    """Turn the name of a plugin where a guide has it as code into a link to its page: the full name, and in tables the name of a module or role alone."""
    if app.env.docname.startswith("collections/"):
        return
    pages = {name.rpartition("/")[2] for name in _names(app) if name.startswith(f"{REFERENCE}/")}
    for literal in list(doctree.findall(nodes.literal)):
        namespace, dummy, name = literal.astext().rpartition(".")
        kinds = ("module", "role") if not namespace and _in_table(literal) else ("module", "role", "inventory", "filter", "lookup")
        if (namespace and namespace != project) or (not namespace and not _in_table(literal)) or _is_linked(literal):
            continue
        page = next((page for page in (f"{name}_{kind}" for kind in kinds) if page in pages), None)
        if page:
            options = {"reftype": "ref", "refexplicit": True, "refwarn": True, "refdoc": app.env.docname}
            reference = addnodes.pending_xref("", refdomain="std", reftarget=f"ansible_collections.{project}.{page}", **options)
            literal.replace_self(reference)
            reference += literal


def _is_linked(node: nodes.Node) -> bool:
    return isinstance(node.parent, (nodes.reference, addnodes.pending_xref, nodes.title))


def _in_table(node: nodes.Node) -> bool:
    """Return whether a node is in a table."""
    entry: nodes.Node | None = node
    while entry is not None and not isinstance(entry, nodes.entry):
        entry = entry.parent
    return entry is not None


def tidy(app: Sphinx, doctree: nodes.document) -> None:
    """Leave out what the theme has itself, and shorten titles in the side bar."""
    for topic in list(doctree.findall(nodes.topic)):
        if "contents" in topic["classes"]:
            topic.parent.remove(topic)
            for title in doctree.findall(nodes.title):
                title.attributes.pop("refid", None)  # it leads back there
    if app.env.docname == f"{REFERENCE}/index":
        for toctree in doctree.findall(addnodes.toctree):
            toctree["entries"] = [(title or " (".join(_split(name)) + ")", name) for title, name in toctree["entries"]]


def _split(name: str) -> tuple[str, str]:
    plugin, dummy, kind = name.rpartition("/")[2].rpartition("_")
    return plugin, kind


def find_elsewhere(_app: Sphinx, _env: BuildEnvironment, node: addnodes.pending_xref, content: nodes.Element) -> nodes.Element | None:
    """Return a link to Ansible's own documentation, or None if it does not have what the page refers to."""
    target, page = str(node["reftarget"]), None
    label = re.fullmatch(r"ansible_collections\.(\w+)\.(\w+)\.(\w+?)_([a-z]+)(?:__.*|_(?:return|parameter|role)-.*)?", target)
    if node.get("refdomain") != "std":
        return None
    if node["reftype"] == "envvar":
        if re.search(rf"\bname: {re.escape(target)}\b", _settings()):
            page = f"{ANSIBLE_PAGES['ansible_configuration_settings']}#envvar-{target}"
    elif target in ANSIBLE_PAGES:
        page = ANSIBLE_PAGES[target]
    elif label:
        namespace, name, plugin, kind = label.groups()
        if f"{namespace}.{name}" != project and (f"{namespace}.{name}" != "ansible.builtin" or _is_builtin(plugin, kind)):
            page = f"collections/{namespace}/{name}/{plugin}_{kind}.html#{target.lower().replace('_', '-').replace('.', '-')}"
    return nodes.reference("", "", content, internal=False, refuri=ANSIBLE + page) if page else None


def _settings() -> str:
    spec = importlib.util.find_spec("ansible.config")
    return Path(str((spec.submodule_search_locations or [""])[0] if spec else ""), "base.yml").read_text(encoding="utf-8")


def _is_builtin(name: str, kind: str) -> bool:
    package = importlib.util.find_spec(BUILTIN[kind]) if kind in BUILTIN else None
    folders = [Path(folder) for folder in (package.submodule_search_locations or [])] if package else []
    return any((folder / f"{name}{suffix}").exists() for folder in folders for suffix in (".py", ".yml"))


def setup(app: Sphinx) -> None:
    """Add what this site does itself."""
    app.connect("source-read", add_contents)
    # Before files to download are collected.
    app.connect("doctree-read", lead_links, priority=400)
    app.connect("doctree-read", link_plugins)
    app.connect("doctree-read", tidy)
    app.connect("missing-reference", find_elsewhere)
