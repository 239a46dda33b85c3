"""Links between files of the repository, as links between pages of the site.

A page says ``[SECURITY.md](../SECURITY.md)``, which leads to that file where the repository is read. Here it leads to
the page that shows the file; a file that no page shows keeps its name and loses its link. A file that is not there is
warned of. Names of Python are Sphinx's own affair.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.util import logging

SHOWN = {
    "ARCHITECTURE.md": "architecture",
    "CHANGELOG.md": "changelog",
    "CONTRIBUTING.md": "contributing",
    "SECURITY.md": "security",
}
"""Files outside docs/, and the pages that include them."""


ROOT = Path(__file__).resolve().parents[2]

log = logging.getLogger(__name__)


def page(place: str, known: set[str]) -> str | None:
    """The page that shows a file of the repository."""
    found = SHOWN.get(place) or place.removeprefix("docs/").removesuffix(".md")
    return found if found in known else None


class Links(SphinxTransform):
    """Before MyST's own look at them: whatever leads to a file."""

    default_priority = 1

    def apply(self, **_: Any) -> None:
        """In one page."""
        known, here = self.env.found_docs, self.env.docname
        folder = ROOT if here in SHOWN.values() else (ROOT / "docs" / here).parent
        for node in list(self.document.findall(addnodes.pending_xref)):
            target, _, anchor = node["reftarget"].partition("#")
            if node.get("refdomain") == "py":
                continue
            if node.get("refdomain") == "doc":  # MyST has found that there is such a page, or file
                if target in known:
                    continue
                place = os.path.relpath(f"{target}.md", ROOT)
            elif "/" in target or "." in target:
                place = os.path.relpath(folder / target, ROOT)
            else:
                continue
            found = page(place, known)
            if found is None:
                if node.get("refdomain") != "doc" and not (ROOT / place).exists():
                    log.warning("%s is no file of the repository", place, location=node)
                node.replace_self(node.children)
            else:
                node["refdomain"], node["reftarget"] = "doc", found
                node["reftargetid"] = anchor or node.get("reftargetid")
        for node in list(self.document.findall(addnodes.download_reference)):
            node.replace_self(node.children)


def setup(app: Sphinx) -> dict[str, Any]:
    """What Sphinx calls."""
    app.add_transform(Links)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
