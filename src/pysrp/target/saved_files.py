"""Saved parameters and other lasting state of a unit, beside its persistent reservations, in a file for each unit.

::

    disk = Disk(File("/srv/data.img"), "data", saved=SavedFile("/var/lib/pysrp/pr/data.saved"))

The format is in ``docs/saved.md``.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from pysrp.target.kept_files import KeptFile
from pysrp.target.units.pages import code_of
from pysrp.target.units.saved import DAMAGES, LONGEST, Saved

__all__ = ["SavedFile"]

NAMES = {code.name.lower(): code for code in DAMAGES}
"""The names in the file of the kinds of damage."""


class SavedFile(KeptFile[Saved]):
    """The store of one unit: a file that exists once something has been saved."""

    blocking = True
    magic = b"pysrp saved parameters 1 "
    what = "saved parameters"

    def _encode(self, state: Saved) -> dict[str, Any]:
        return {
            "pages": {f"{code:02x}": bytes(page).hex() for code, page in state.pages.items()},
            "information": {f"{kind:02x}": text.hex() for kind, text in state.information.items()},
            "damage": None if state.damage is None else state.damage.name.lower(),
            "restricted": state.restricted,
        }

    def _decode(self, found: dict[str, Any]) -> Saved:
        pages, information = _bytes(found["pages"]), _bytes(found["information"])
        for code, page in pages.items():
            if not _is_page(code, page):
                raise ValueError(f"mode page {code:02x} is none")
        for kind, words in information.items():
            if len(words) > LONGEST.get(kind, -1):
                raise ValueError(f"{len(words)} bytes of identifying information of type {kind} are too many")
        damage, restricted = found["damage"], found["restricted"]
        if type(restricted) is not bool:
            raise ValueError("restricted is neither true nor false")
        return Saved(pages, information, None if damage is None else NAMES[damage], restricted)


def _is_page(code: int, page: bytes) -> bool:
    """Whether these bytes are a whole mode page with this code (:attr:`pysrp.target.units.pages.PageValues.code`)."""
    head = 4 if code > 0x3F else 2
    if len(page) <= head or page[0] & 0x80 or code_of(page) != code:
        return False
    return len(page) == int.from_bytes(page[head // 2 : head], "big") + head


def _bytes(found: dict[str, str]) -> MappingProxyType[int, bytes]:
    return MappingProxyType({int(code, 16): bytes.fromhex(text) for code, text in found.items()})
