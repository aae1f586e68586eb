"""How `make docs` builds the pages: Sphinx with MyST, an API reference from docstrings, executed tutorials."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

import generated  # noqa: E402

import neuro  # noqa: E402

project, author, copyright = "neuro", "the neuro authors", "the neuro authors"
release = version = neuro.__version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"neuro {release}"
html_copy_source = False
# Headings get the anchors that code hosts give them, so that links of the pages work there and here.
myst_heading_anchors = 6
myst_enable_extensions = ["dollarmath"]
suppress_warnings = [
    "myst.header",  # A page may begin a section one level below the next.
    "ref.python",  # Words before a colon, as in "shape: (pre, post)", are looked up as types.
]

nb_execution_mode = "cache"
nb_execution_cache_path = str(HERE.parent / "build" / "tutorials")
nb_execution_timeout = 300
nb_execution_raise_on_error = True
nb_execution_excludepatterns = ["*.ipynb"]
nb_merge_streams = True

# Docstrings set names and expressions in single backticks.
default_role = "literal"
napoleon_google_docstring = False
napoleon_use_rtype = False
autodoc_typehints = "none"
autodoc_member_order = "bysource"
autodoc_class_signature = "mixed"
python_display_short_literal_types = True


def setup(app: Any) -> None:
    """Write the pages that are made from the package, and read mermaid's diagrams as plain text."""
    from pygments.lexers.special import TextLexer

    app.add_lexer("mermaid", TextLexer)
    app.connect("source-read", _read)
    app.connect("autodoc-process-docstring", _set_off_examples, priority=100)  # before napoleon
    app.connect("env-get-outdated", lambda *_: ["index"])  # It lists all pages, new ones too.
    generated.write_all(HERE)


def _read(app: Any, name: str, content: list[str]) -> None:
    """Links to the top of the checkout are to its pages here; pages that the index does not name go to its end."""
    for moved in ("README", "CONTRIBUTING", "CHANGELOG"):
        content[0] = content[0].replace(f"](../{moved}.md", f"]({moved.lower()}.md")
    if name == "index":
        pages = sorted(path.stem for path in HERE.glob("*.md"))
        missing = [page for page in pages if page != "index" and f"\n{page}\n" not in content[0]]
        content[0] = content[0].replace("\narchitecture\n", "\n" + "\n".join(["architecture", *missing]) + "\n")


def _set_off_examples(app: Any, what: str, name: str, value: Any, options: Any, lines: list[str]) -> None:
    """An example right after a list of errors would be read as a part of it: it gets a heading of its own."""
    first = next((k for k, line in enumerate(lines) if line.startswith(">>>")), None)
    if first is not None and "Examples" not in lines and any(set(line) == {"-"} for line in lines[:first]):
        lines[first:first] = ["Examples", "--------"]
