"""How Sphinx builds the book: the lessons as they are stored, the guide, and the reference.

    make book     # or: python -m sphinx -W -c lessons/book lessons build/book

Sphinx with MyST-NB, which is what Jupyter Book 1 is made of. Jupyter Book 2 is another program: it
reads no docstrings, and its pages want a server. These are read from a folder, by file://, and ask
nobody on the network: the theme has no fonts of its own, and MathJax travels in one file.

No notebook is run. What the pages need besides what is written lies in `made/`, and is made anew
each time: the first page and others from the repository's root (`pages.py`), and a page of the
reference for each room of the library.
"""

import importlib.util
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(ROOT)]

import docstrings  # noqa: E402
import links  # noqa: E402
import pages  # noqa: E402

from minifacenet import __version__  # noqa: E402

project = "minifacenet"
author = "The minifacenet authors"
release = __version__
root_doc = "book/index"
include_patterns = ["[0-9][0-9]_*.ipynb", "README.md", "book/**", "course/**"]
exclude_patterns = ["**/__pycache__", "book/made/first_page.md", "**/.ipynb_checkpoints"]
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
]

nb_execution_mode = "off"
nb_merge_streams = True
nb_ipywidgets_js = {}  # a slider needs a kernel; without one, its static form stands there
myst_enable_extensions = ["amsmath", "dollarmath"]
myst_heading_anchors = 4

autodoc_inherit_docstrings = False
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_typehints_format = "short"
autodoc_mock_imports = ["torch"]  # a yardstick, and no dependency
napoleon_google_docstring = False
python_maximum_signature_line_length = 88
default_role = "code"
highlight_language = "none"  # of what is set in within a docstring: formulas
suppress_warnings = ["ref.python"]  # two classes have a field of one name: a link takes either
add_module_names = False

html_theme = "furo"
html_title = "minifacenet"
html_copy_source = False
html_show_search_summary = False  # it would be fetched, which file:// does not allow
html_show_sphinx = False
html_extra_path = ["root"]  # index.html, which leads into the book
html_css_files = ["book.css"]
_mathjax = importlib.util.find_spec("sphinx-mathjax-offline")  # no name that `import` can take
if _mathjax is None:
    raise ImportError('MathJax is missing: python -m pip install -e ".[book]"')
html_static_path = ["static", str(Path(_mathjax.origin).parent / "static/mathjax/tex-svg.js")]
mathjax_path = "tex-svg.js"
mathjax4_config = mathjax3_config = {"options": {"enableMenu": False}}


def setup(app):
    pages.make(HERE / "made")
    app.connect("source-read", links.aim_at_the_book)
    app.connect("source-read", pages.prepare_notebook)
    app.connect("doctree-resolved", links.lead_to_sources)
    app.connect("autodoc-process-docstring", docstrings.as_rst, priority=400)  # before napoleon
