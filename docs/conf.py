"""Configuration of the documentation site.

Build it from the root of the repository: ``python -m sphinx -W --keep-going -b html docs docs/_build/html``.
"""

from __future__ import annotations

import os
from pathlib import Path

# One thread for each numerical library: the examples are small, and pools only get in each other's way.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import matplotlib  # noqa: E402

from nesymres_sk import __version__  # noqa: E402

matplotlib.use("Agg")

ROOT = Path(__file__).parent.parent

project = "nesymres_sk"
author = "the authors of nesymres_sk"
project_copyright = f"{author}, MIT licence"
version = release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "numpydoc",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "auto_examples/*.ipynb", "auto_examples/*.py", "auto_examples/*.zip"]

# Markdown: headings are targets of links such as pretraining.md#hold-outs, as on code hosts.
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence", "dollarmath"]

# Docstrings: numpydoc makes the sections, signatures stay short because types are in the parameter lists.
autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False

# Examples are run when the site is built; their pictures are in the pages.
sphinx_gallery_conf = {
    "examples_dirs": str(ROOT / "examples"),
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"/plot_",
    "ignore_pattern": r"(quickstart|__init__|regressor)\.py$",
    "abort_on_example_error": True,
    "capture_repr": ("_repr_html_",),
    "image_srcset": ["2x"],
    "matplotlib_animations": False,
    "show_memory": False,
    "show_signature": False,
    "write_computation_times": False,
    "download_all_examples": False,
    "reset_modules": ("matplotlib",),
}

# Appearance
html_theme = "furo"
html_title = f"nesymres_sk {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_copy_source = False
html_theme_options = {
    "light_css_variables": dict.fromkeys(["color-brand-primary", "color-brand-content", "color-api-name"], "#2f6690"),
    "dark_css_variables": dict.fromkeys(["color-brand-primary", "color-brand-content", "color-api-name"], "#8fbfe0"),
    "navigation_with_keys": True,
}
pygments_style = "friendly"
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
