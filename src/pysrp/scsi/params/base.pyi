# Made from the field tables by tools/stubs.py; do not edit.
"""Parameter data whose header has its length, and which may have been cut short."""

from typing import Any, ClassVar


from typing import TypeVar
from pysrp._fast.view import Table
from pysrp.fields import Dispatch, Structure
__all__ = ['ParameterData']
AnyData = TypeVar('AnyData', bound='ParameterData')

class ParameterData(Structure):
    """Base of parameter data whose header has the length of the rest; the data may have been cut short.

    ``cover=`` of a subclass names the Part that holds all bytes after the header. The fields after the header lie inside
    this part: reading a field beyond the end of the data raises DecodeError, the others can be read. build() makes ``full``
    bytes (default: up to the last field) and sets the length. If the covering part is given as bytes, build() takes exactly
    these, and writes the given fields over them. A List may lie inside the part, too, after the fields: it ends where the
    part ends."""
    TEXTS: ClassVar[dict[str, str]]
    def __init_subclass__(cls, size: int | None=None, cover: str | None=None, full: int | None=None, **options: Any) -> None: ...
    @classmethod
    def build(cls: type[AnyData], **fields: Any) -> AnyData:
        """A new structure over private, writable memory; a keyword for each field, as for any structure.

        Lengths that are not given are computed. ``trailing`` appends bytes.

        Raises EncodeError for a value that does not fit, TypeError for an unknown keyword."""
    @classmethod
    def pack_into(cls, buf: Any, offset: int=0, /, **fields: Any) -> int:
        """Write a structure into ``buf`` (writable, bytes-like) at ``offset``; return its length in bytes.

        Raises EncodeError as build() does, and if the structure does not fit the buffer."""
    def extent(self) -> int:
        """Length of the structure itself in bytes, as its header says, but at most that of the data."""
    @property
    def trailing(self) -> memoryview:
        """The bytes past :meth:`extent`."""
    def trim(self: AnyData) -> AnyData:
        """The same view without the trailing bytes."""
    def to_dict(self) -> dict[str, Any]:
        """Field name to value, in wire order; ``build(**x.to_dict())`` gives the same bytes.

        The covering part is included only where the other fields do not make up all of it."""
    def show(self) -> Table:
        """The standard's table as text: offset, field, raw bytes, meaning."""
def graded(what: str, offset: int, size: int, unknown: type[ParameterData], *classes: type[ParameterData]) -> Dispatch:
    """A Dispatch to the longest of ``classes`` (given from short to long) whose fields all lie within the length.

    The length field is ``size`` bytes at ``offset``, and counts the bytes after the header. ``unknown`` is the class for
    data that is shorter than the shortest of ``classes`` needs."""
def strict(view: Any) -> Any:
    """Returns ``view``; raises DecodeError for the first violation that ``view.problems()`` reports."""
