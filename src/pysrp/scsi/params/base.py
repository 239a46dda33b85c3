"""Parameter data whose header has its length, and which may have been cut short."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, TypeVar

from pysrp._fast.view import Table
from pysrp.errors import DecodeError, EncodeError
from pysrp.fields import Dispatch, Int, Structure
from pysrp.scsi import texts

__all__ = [
    "ParameterData",
]

AnyData = TypeVar("AnyData", bound="ParameterData")


class ParameterData(Structure):
    """Base of parameter data whose header has the length of the rest; the data may have been cut short.

    ``cover=`` of a subclass names the Part that holds all bytes after the header. The fields after the header lie inside
    this part: reading a field beyond the end of the data raises DecodeError, the others can be read. build() makes ``full``
    bytes (default: up to the last field) and sets the length. If the covering part is given as bytes, build() takes exactly
    these, and writes the given fields over them. A List may lie inside the part, too, after the fields: it ends where the
    part ends.
    """

    __slots__ = ()
    TEXTS: ClassVar[dict[str, str]] = texts.DATA
    _cover: tuple[
        Any, ...
    ] = ()  # the covering Part; in a tuple, since as a plain attribute it would act as a descriptor
    _inside: tuple[Any, ...] = ()  # the Lists in the covering Part
    _blank: bytes = b""
    _full: int = 0
    _unused: tuple[tuple[int, int], ...] = ()

    def __init_subclass__(
        cls, size: int | None = None, cover: str | None = None, full: int | None = None, **options: Any
    ) -> None:
        if cover is not None:
            cls._cover = (cls.__dict__[cover],)
        part = cls._cover[0] if cls._cover else None
        if size is None and part is not None:
            size = part.offset
        super().__init_subclass__(size=size, **options)
        if part is not None:
            cls._inside = tuple(f for f in cls.FIELDS if f.variable and f is not part)
            fixed = [f for f in cls.FIELDS if not f.variable]
            last = max(fixed, key=lambda f: f.offset + f.size)
            end: int = last.offset + last.size
            empty = (last.default or 0) if isinstance(last, Int) else b""
            head = bytes(cls._build(**{last.name: empty})) if end > part.offset else b""
            cls._full = end if full is None else full
            cls._blank = head[part.offset :].ljust(cls._full - part.offset, b"\0")
            used = bytearray(max(end, cls._full))
            for f in fixed:
                for i in range(f.offset, f.offset + f.size):
                    used[i] |= _bits(f, i)
            cls._unused = tuple((i, used[i] ^ 0xFF) for i in range(cls.SIZE, len(used)) if used[i] != 0xFF)

    @classmethod
    def build(cls: type[AnyData], **fields: Any) -> AnyData:
        """A new structure over private, writable memory; a keyword for each field, as for any structure.

        Lengths that are not given are computed. ``trailing`` appends bytes.

        Raises EncodeError for a value that does not fit, TypeError for an unknown keyword.
        """
        if not cls._cover:
            return cls._build(**fields)
        (part,) = cls._cover
        given = fields.pop(part.name, None)
        named = [(each, fields.pop(each.name, None)) for each in cls._inside]
        if given is None:
            need = cls._full
            for f in cls.FIELDS:
                if f.name in fields:
                    need = max(need, f.offset + f.size)
            given = cls._blank[: need - part.offset]
        for each, items in named:
            if items is None:
                continue
            data, at = each.joined(items), each.offset - part.offset
            given = bytes(given[:at]).ljust(at, b"\0") + data + bytes(given[at + len(data) :])
        return cls._build(**{part.name: given, **fields})

    @classmethod
    def pack_into(cls, buf: Any, offset: int = 0, /, **fields: Any) -> int:
        """Write a structure into ``buf`` (writable, bytes-like) at ``offset``; return its length in bytes.

        Raises EncodeError as build() does, and if the structure does not fit the buffer.
        """
        data = bytes(cls.build(**fields))
        memory = memoryview(buf).cast("B")
        if offset < 0 or len(data) > memory.nbytes - offset:
            raise EncodeError(
                f"{cls.__name__}: {len(data)} bytes do not fit at offset {offset} of {memory.nbytes}"
            )
        memory[offset : offset + len(data)] = data
        return len(data)

    def extent(self) -> int:
        """Length of the structure itself in bytes, as its header says, but at most that of the data."""
        if not self._cover:
            return super().extent()
        offset, length = self.locate(self._cover[0].name)
        return max(self.SIZE, offset + length)

    @property
    def trailing(self) -> memoryview:
        """The bytes past :meth:`extent`."""
        return memoryview(self)[self.extent() :]

    def trim(self: AnyData) -> AnyData:
        """The same view without the trailing bytes."""
        return type(self)(memoryview(self)[: self.extent()])

    def to_dict(self) -> dict[str, Any]:
        """Field name to value, in wire order; ``build(**x.to_dict())`` gives the same bytes.

        The covering part is included only where the other fields do not make up all of it.
        """
        result = super().to_dict()
        if not self._cover:
            return result
        (part,) = self._cover
        end = self.extent()
        for f in self.FIELDS:
            if not f.variable and f.offset + f.size > end:
                result.pop(f.name, None)
        covered = result.pop(part.name, b"")
        result.pop("trailing", None)
        rest = {"trailing": bytes(self)[end:]} if len(self) > end else {}
        try:
            if bytes(type(self).build(**result, **rest)) == bytes(self):
                return {**result, **rest}
        except EncodeError:
            pass
        return {**result, part.name: covered, **rest}

    def show(self) -> Table:
        """The standard's table as text: offset, field, raw bytes, meaning."""
        text = super().show()
        if not self._cover:
            return text
        (part,) = self._cover
        # The covering part repeats the fields: show only its lines that lie after the fields and are not all zero.
        lists = (sum(self.locate(each.name)) for each in self._inside)
        end = max(*(f.offset + f.size for f in self.FIELDS if not f.variable), *lists)
        data = bytes(self)[: self.extent()]
        lines, inside = [], False
        for line in text.split("\n"):
            label = line[7:31].strip()
            inside = label == part.name or (inside and not label)
            if not inside or any(data[max(int(line[:5]), end) : int(line[:5]) + 16]):
                lines.append(line)
        return Table("\n".join(lines))

    def _check(self) -> Iterator[tuple[str, int, str]]:
        data = memoryview(self)[: self.extent()] if self._unused else b""
        for i, mask in self._unused:
            if i < len(data) and data[i] & mask:
                yield f"rsvd{i}", i, "reserved, and not zero"


def _bits(field: Any, i: int) -> int:
    """The bits of ``field`` in byte ``i`` of the structure, as a mask; ``field`` must contain byte ``i``."""
    if not isinstance(field, Int):
        return 0xFF
    mask = ((1 << field.width) - 1) << field.shift
    return mask >> 8 * (field.offset + field.size - 1 - i) & 0xFF


def graded(
    what: str, offset: int, size: int, unknown: type[ParameterData], *classes: type[ParameterData]
) -> Dispatch:
    """A Dispatch to the longest of ``classes`` (given from short to long) whose fields all lie within the length.

    The length field is ``size`` bytes at ``offset``, and counts the bytes after the header. ``unknown`` is the class for
    data that is shorter than the shortest of ``classes`` needs.
    """
    table = Dispatch(what, offset, size, default=classes[-1])
    reach = [max(f.offset + f.size for f in cls.FIELDS if not f.variable) - cls.SIZE for cls in classes]
    for length in range(reach[-1]):
        fits = [cls for cls, need in zip(classes, reach, strict=True) if need <= length]
        table.add(length, fits[-1] if fits else unknown)
    return table


def strict(view: Any) -> Any:
    """Returns ``view``; raises DecodeError for the first violation that ``view.problems()`` reports."""
    for field, offset, message in view.problems():
        raise DecodeError(
            f"{type(view).__name__}.{field} at offset {offset}: {message}", field=field, offset=offset
        )
    return view
