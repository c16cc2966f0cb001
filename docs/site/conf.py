"""Sphinx configuration of the site: every page from this folder, nothing from another host."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Any

from docutils.nodes import SkipNode
from docutils.utils.math.latex2mathml import tex2mathml
from pydantic import BaseModel

import ikm_pmi.engine.build  # noqa: F401  (a plugin that pytask loads: the module comes first)
from ikm_pmi import __version__

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.application import Sphinx

project = "ikm_pmi"
author = "The ikm_pmi authors"
copyright = f"2026, {author}"
release = version = __version__
language = "en"

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_design",
    "sphinxcontrib.bibtex",
]
exclude_patterns = ["made/*"]  # parts of pages, included by them
smartquotes = False  # words from data are shown as they are
nb_execution_mode = "off"
nb_merge_streams = True
nb_code_prompt_show = "Show the code"
nb_code_prompt_hide = "Hide the code"
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

bibtex_bibfiles = ["references.bib"]
bibtex_reference_style = "author_year"
bibtex_default_style = "plain"

napoleon_google_docstring = False
napoleon_preprocess_types = True
napoleon_type_aliases = {"Series": "pandas.Series", "DataFrame": "pandas.DataFrame"}
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_default_options = {"exclude-members": "model_config"}
add_module_names = False
python_use_unqualified_type_names = True

html_theme = "sphinx_book_theme"
html_context = {"default_mode": "auto"}
html_title = "PPKM, the PMI and IKM jobs"
html_static_path = ["_static"]
html_favicon = "_static/favicon.svg"
html_css_files = ["site.css"]
html_use_index = False  # the search finds names
html_domain_indices = False
html_sidebars = {"**": ["navbar-logo.html", "search-field.html", "sbt-sidebar-nav.html"]}
html_copy_source = False
html_show_sourcelink = False
html_math_renderer = "mathml"
html_theme_options = {
    "use_download_button": False,
    "use_fullscreen_button": False,
    "navbar_persistent": [],  # the search is in the sidebar
    "show_toc_level": 2,
    "show_navbar_depth": 1,
    "max_navbar_depth": 2,  # deeper, every page would list every module
    "navigation_with_keys": False,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}


def _formula(*, block: bool) -> Any:
    def visit(self: Any, node: nodes.math | nodes.math_block) -> None:
        self.body.append(tex2mathml(node.astext(), as_block=block))
        raise SkipNode

    return visit, None


# Labels and roles that a screen reader would be misled by: a fold that does not say what it holds,
# and a list whose entries are not list items.
_MISLEADING = (' aria-label="Toggle hidden content"', ' role="list" class="citation-list"')


def _page(_: Sphinx, page: str, __: str, context: dict[str, Any], ___: object) -> None:
    """Say in the page itself its language and what it is about; leave misleading labels out."""
    if page.startswith("id/"):
        context["language"] = "id"
    for words in _MISLEADING:
        context["body"] = context.get("body", "").replace(words, "")
    paragraphs = re.findall(r"<p>(.*?)</p>", context["body"], re.DOTALL)
    plain = (" ".join(html.unescape(re.sub("<[^>]*>", "", one)).split()) for one in paragraphs)
    about = next((one for one in plain if len(one) > 80), html_title)
    title = html.unescape(re.sub("<[^>]*>", "", context.get("title", html_title)))
    said = {"og:title": title, "og:description": about[:300], "og:type": "article"}
    said |= {
        "og:site_name": html_title,
        "og:locale": "id_ID" if page.startswith("id/") else "en_GB",
    }
    tags = [f'<meta name="description" content="{html.escape(about[:300])}">']
    tags += [
        f'<meta property="{name}" content="{html.escape(text)}">' for name, text in said.items()
    ]
    context["metatags"] = context.get("metatags", "") + "\n".join(tags)


def _absolute(*given: Any) -> None:
    """Let ``|t|`` in a docstring be an absolute value, not a substitution."""
    lines = given[-1]
    lines[:] = [line if "`" in line else line.replace("|", "\\|") for line in lines]


def _signature(*given: Any) -> tuple[str, None] | None:
    """A parameter model is set by name in the notebook: its fields are on a page of their own."""
    _, what, _, thing, *_ = given
    return ("", None) if what == "class" and issubclass(thing, BaseModel) else None


def setup(app: Sphinx) -> dict[str, bool]:
    """Formulas as MathML, which browsers and screen readers know without a script."""
    app.add_html_math_renderer("mathml", _formula(block=False), _formula(block=True))
    app.connect("autodoc-process-docstring", _absolute)
    app.connect("autodoc-process-signature", _signature)
    app.connect("html-page-context", _page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
