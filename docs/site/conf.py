# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# pylint: disable=invalid-name

"""What Sphinx does with the pages that build.py has put together."""

from __future__ import annotations

import typing as t
from pathlib import Path

from docutils import nodes
from sphinx import addnodes

if t.TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "cloudflare.magic"
project_copyright = "2026, cloudflare.magic contributors"
extensions = ["myst_parser", "sphinx.ext.intersphinx", "sphinx_antsibull_ext"]
root_doc = "index"
# Lists of several collections, of which there is one.
exclude_patterns = ["collections/index.rst", "collections/index_*.rst", "collections/*/index.rst", "collections/deprecations.rst"]
nitpicky = True

# The links have the form that GitHub gives to headings.
myst_heading_anchors = 4
intersphinx_mapping = {"ansible": ("https://docs.ansible.com/projects/ansible/latest/", "ansible.inv")}

# The colours of the tables come from site.css, which takes those of the theme.
antsibull_color_scheme = "none"

html_theme = "furo"
html_title = "cloudflare.magic"
html_static_path = ["site.css"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_use_index = False
# Otherwise "--check" becomes a dash and the letters.
smartquotes = False
highlight_language = "yaml+jinja"
pygments_style = "default"
pygments_dark_style = "github-dark"


def link_plugins(app: Sphinx, doctree: nodes.document) -> None:
    """Turn the full name of a plugin of the collection, where a guide has it as code, into a link to its page."""
    for literal in list(doctree.findall(nodes.literal)):
        namespace, dummy, name = literal.astext().rpartition(".")
        if namespace != project or isinstance(literal.parent, (nodes.reference, addnodes.pending_xref, nodes.title)):
            continue
        for page in Path(app.srcdir, "collections", *project.split(".")).glob(f"{name}_*.rst"):
            if "_" not in page.stem[len(name) + 1 :]:
                reference = addnodes.pending_xref(
                    "",
                    refdomain="std",
                    reftype="ref",
                    refexplicit=True,
                    refwarn=True,
                    refdoc=app.env.docname,
                    reftarget=f"ansible_collections.{project}.{page.stem}",
                )
                literal.replace_self(reference)
                reference += literal


def setup(app: Sphinx) -> None:
    """Add what this site does itself."""
    app.connect("doctree-read", link_plugins)
