"""The field descriptors that every wire structure here is made of, for structures of your own.

A structure is a class whose body is the standard's table, one line per wire field::

    from pysrp.fields import Bits, Structure, U8, U32

    class VendorHeader(Structure):
        __slots__ = ()
        code = U8(0, must=0xC0)
        urgent = Bits(1, 7, 1)
        length = U32(4)

Bytes that no field covers become reserved fields named ``rsvd<offset>``.
"""

from pysrp._fast.view import (
    I32,
    U8,
    U16,
    U24,
    U32,
    U48,
    U64,
    Array,
    Bits,
    Columns,
    Dispatch,
    Field,
    Flag,
    Int,
    List,
    LunField,
    Part,
    Problem,
    Raw,
    Struct,
    Structure,
    Text,
    View,
)

__all__ = [
    "I32",
    "U8",
    "U16",
    "U24",
    "U32",
    "U48",
    "U64",
    "Array",
    "Bits",
    "Columns",
    "Dispatch",
    "Field",
    "Flag",
    "Int",
    "List",
    "LunField",
    "Part",
    "Problem",
    "Raw",
    "Struct",
    "Structure",
    "Text",
    "View",
]
