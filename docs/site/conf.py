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
html_theme = "furo"
html_title = f"larq-igp {version}"
html_copy_source = False
