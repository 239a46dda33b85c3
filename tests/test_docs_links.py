"""Links of the documentation: which lead to a page, which lose their link, and which lead nowhere."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def links(monkeypatch: pytest.MonkeyPatch) -> Any:
    """docs/ext/links.py, where there is Sphinx."""
    pytest.importorskip("sphinx", reason="make docs installs Sphinx")
    monkeypatch.syspath_prepend(ROOT / "docs/ext")
    monkeypatch.delitem(sys.modules, "links", raising=False)
    import links

    return links


@pytest.mark.parametrize(
    ("domain", "target", "becomes", "warned"),
    [
        ("", "media/rbd.md#snapshots", ("doc", "media/rbd"), []),
        ("", "../SECURITY.md", ("doc", "security"), []),
        ("", "../src/pysrp/srp.py", None, []),
        ("", "nowhere.md", None, ["docs/nowhere.md"]),
        ("py", "pysrp.target.medium", ("py", "pysrp.target.medium"), []),
        ("std", "label", ("std", "label"), []),
    ],
)
def test_a_link(
    links: Any,
    monkeypatch: pytest.MonkeyPatch,
    domain: str,
    target: str,
    becomes: tuple[str, str] | None,
    warned: list[str],
) -> None:
    from docutils.utils import new_document
    from sphinx import addnodes

    said: list[str] = []
    monkeypatch.setattr(links.log, "warning", lambda text, place, **_: said.append(place))
    document = new_document("atomic.md")
    document.append(addnodes.pending_xref("", refdomain=domain, reftarget=target))
    env = SimpleNamespace(found_docs={"atomic", "security", "media/rbd"}, docname="atomic")
    document.settings.env = env
    monkeypatch.setattr(links.Links, "env", env)
    links.Links(document).apply()
    left = [(node["refdomain"], node["reftarget"]) for node in document.findall(addnodes.pending_xref)]
    assert left == ([becomes] if becomes else [])
    assert said == warned
