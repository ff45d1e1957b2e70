"""The documentation as a site: ``make site`` builds it, and a warning is an error.

The pages are those of the repository, with README as one of them. The reference is made from the
code.
"""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import larq_igp  # noqa: E402

project, author = "larq-igp", "the larq-igp authors"
version = release = larq_igp.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_click"]
root_doc = "docs/index"
include_patterns = [
    "*.md",
    "docs/**.md",
    "runtime/README.md",
    "runtime/docs/**.md",
    "experiments/README.md",
    "experiments/results/*.md",
    "benchmarks/README.md",
    "tflite_models/README.md",
]
exclude_patterns = [".venv*", "build", "dist"]
source_suffix = {".md": "markdown"}
myst_heading_anchors = 3
smartquotes = False  # they would turn --json into a dash
autodoc_typehints = "description"
autodoc_member_order = "bysource"
highlight_language = "none"
default_role = "code"  # `--json` in a help text
html_theme = "furo"
html_static_path, html_css_files = ["static"], ["site.css"]
html_title = f"larq-igp {version}"
html_copy_source = False


def commands_as_code(app, ctx, lines: list[str]) -> None:
    """Show what a help text keeps in its lines as code: sphinx-click makes lines of prose of it."""
    shown: list[str] = []
    for line in lines:
        is_code = line.startswith("| ")
        if is_code and not (shown and shown[-1].startswith("   ")):
            shown += ["::", ""]
        shown.append(f"   {line[2:]}" if is_code else line)
    lines[:] = shown


def setup(app) -> None:
    """Called by sphinx."""
    app.connect("sphinx-click-process-description", commands_as_code)
