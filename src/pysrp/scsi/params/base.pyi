# Made from the field tables by tools/stubs.py; do not edit.
"""Data with a header that says how much follows, of which less may be there."""

from typing import Any, ClassVar


from typing import TypeVar
from pysrp._fast.view import Table
from pysrp.fields import Dispatch, Structure
__all__ = ['ParameterData']
AnyData = TypeVar('AnyData', bound='ParameterData')

class ParameterData(Structure):
    """Base of data with a header that says how much follows, of which less may be there.

    A subclass names with ``cover=`` the Part that holds all bytes behind the header. Fields declared behind
    the header lie inside it: reading one that the data does not reach raises DecodeError, the rest reads.
    build() makes ``full`` bytes (default: up to the last field) and sets the length from them; giving the
    covering part as bytes makes exactly those, over which the fields given are written. A List may lie inside
    too, behind the fields: it ends where the covering part does."""
    TEXTS: ClassVar[dict[str, str]]
    def __init_subclass__(cls, size: int | None=None, cover: str | None=None, full: int | None=None, **options: Any) -> None: ...
    @classmethod
    def build(cls: type[AnyData], **fields: Any) -> AnyData:
        """A new structure over private, writable memory; a keyword for each field, as for any structure.

        The lengths follow from what is given, unless they are named as well. ``trailing`` adds bytes behind.

        Raises EncodeError for a value that does not fit, TypeError for an unknown keyword."""
    @classmethod
    def pack_into(cls, buf: Any, offset: int=0, /, **fields: Any) -> int:
        """Write a structure into ``buf`` (writable, bytes-like) at ``offset``; return its length in bytes.

        Raises EncodeError as build() does, and if the structure does not fit the buffer."""
    def extent(self) -> int:
        """Bytes that the structure itself claims, as far as they are there."""
    @property
    def trailing(self) -> memoryview:
        """The bytes past :meth:`extent`."""
    def trim(self: AnyData) -> AnyData:
        """The same view without the trailing bytes."""
    def to_dict(self) -> dict[str, Any]:
        """Field name to value, in wire order; ``build(**x.to_dict())`` gives the same bytes.

        The covering part is there only where the other fields do not say all of it."""
    def show(self) -> Table:
        """The standard's table as text: offset, field, raw bytes, meaning."""
def graded(what: str, offset: int, size: int, unknown: type[ParameterData], *classes: type[ParameterData]) -> Dispatch:
    """Choose among classes, from short to long, the longest whose fields the length field reaches.

    The length is ``size`` bytes at ``offset`` and counts what follows the header; ``unknown`` is for less
    than the shortest needs."""
def strict(view: Any) -> Any:
    """``view`` itself; raises DecodeError for the first violation that its problems() knows."""
