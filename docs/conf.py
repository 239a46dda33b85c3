"""The documentation as a site: ``make docs``, then build/docs/index.html."""

from __future__ import annotations

import sys
from pathlib import Path

from pysrp import __version__

sys.path.insert(0, str(Path(__file__).parent / "ext"))

project = "pysrp"
author = "the pysrp developers"
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "links", "pages"]
exclude_patterns = ["ext"]
smartquotes = False  # an option begins with two hyphens

html_theme = "furo"
html_title = f"pysrp {version}"
html_show_copyright = False
html_static_path = ["_static"]
html_css_files = ["pysrp.css"]
html_theme_options = {"footer_icons": []}

# The pages that are read in the repository as well begin with their title, and some have more than one.
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence", "deflist"]
suppress_warnings = ["myst.header"]

autodoc_default_options = {"members": True, "show-inheritance": True, "member-order": "bysource"}
autodoc_typehints = "none"  # the signatures have them
