"""The eight-byte logical unit number of SAM-5, 4.7, as a value."""

cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_FillInfo, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcmp, memcpy, memset

from pysrp._fast.wire cimport wire_get64, wire_put64

from pysrp.errors import DecodeError, EncodeError


cdef Lun lun_load(const uint8_t *p):
    cdef Lun lun = Lun.__new__(Lun)
    memcpy(lun.b, p, 8)
    return lun


cdef int lun_store(uint8_t *p, object value) except -1:
    cdef Py_buffer view
    if type(value) is Lun:
        memcpy(p, (<Lun> value).b, 8)
    elif isinstance(value, int):
        if value < 0 or value >> 64:
            raise EncodeError(f"lun: {value} does not fit 64 bits", field="lun")
        if value and not value >> 48:
            raise EncodeError(
                f"lun: {value} could be many LUNs; say which: Lun.logical_unit(target, bus, lun), Lun.peripheral(), "
                f"Lun.flat(), pysrp.lun.scst_pack(), int_to_scsilun(), or all eight bytes", field="lun")
        wire_put64(p, value)
    elif isinstance(value, str):
        memcpy(p, (<Lun> Lun.from_text(value)).b, 8)
    else:
        PyObject_GetBuffer(value, &view, PyBUF_SIMPLE)
        try:
            if view.len != 8:
                raise EncodeError(f"lun: {view.len} bytes where a LUN has 8", field="lun")
            memcpy(p, view.buf, 8)
        finally:
            PyBuffer_Release(&view)
    return 0


cdef Lun single(unsigned int word):
    cdef Lun lun = Lun.__new__(Lun)
    memset(lun.b, 0, 8)
    lun.b[0] = <uint8_t> (word >> 8)
    lun.b[1] = <uint8_t> word
    return lun


cdef object fit(str name, object value, int bits):
    if value < 0 or value >> bits:
        raise EncodeError(f"{name}: {value} does not fit {bits} bits", field=name)
    return value


@cython.final
@cython.freelist(64)
cdef class Lun:
    """Lun(value=0): a logical unit number, eight bytes, immutable (SAM-5, 4.7).

    ``value`` is eight bytes, the same eight bytes as a big-endian integer (one whose first level is 0 is refused:
    it is nearly always a number in some program's way of counting), text as :meth:`from_text` takes, or another Lun.
    Comparison and hash go by the eight bytes: LUN 1 in the peripheral and LUN 1
    in the flat method are two values (:func:`pysrp.lun.scst_unpack` says whether they are one unit).

    Raises EncodeError for a value that is not eight bytes.
    """

    def __cinit__(self, value=0):
        if type(value) is int and value == 0:
            memset(self.b, 0, 8)
        else:
            lun_store(self.b, value)

    # -- the addressing methods ---------------------------------------------------------------

    @staticmethod
    def peripheral(lun, bus=0):
        """Peripheral device addressing, method 00b: 6-bit bus identifier, 8-bit target or LUN (SAM-5, 4.7.6)."""
        return single(fit("bus", bus, 6) << 8 | fit("lun", lun, 8))

    @staticmethod
    def flat(lun):
        """Flat space addressing, method 01b: a 14-bit LUN (SAM-5, 4.7.7)."""
        return single(0x4000 | fit("lun", lun, 14))

    @staticmethod
    def logical_unit(target, bus=0, lun=0):
        """Logical unit addressing, method 10b: 6-bit target, 3-bit bus, 5-bit LUN (SAM-5, 4.7.8)."""
        return single(0x8000 | fit("target", target, 6) << 8 | fit("bus", bus, 3) << 5 | fit("lun", lun, 5))

    @staticmethod
    def extended_flat(lun):
        """Extended flat space addressing: 24-bit LUN (D2h form) or, above that, 40-bit (E2h form) (SAM-5, 4.7.11)."""
        cdef Lun result = Lun.__new__(Lun)
        if lun >= 0 and lun >> 24 == 0:
            wire_put64(result.b, 0xD2 << 56 | <uint64_t> lun << 32)
        else:
            wire_put64(result.b, <uint64_t> 0xE2 << 56 | <uint64_t> fit("lun", lun, 40) << 16)
        return result

    @staticmethod
    def well_known(number):
        """Well known logical unit: 01h REPORT LUNS, 02h ACCESS CONTROLS, 03h TARGET LOG PAGES (SAM-5, 4.7.10)."""
        return single(0xC100 | fit("number", number, 8))

    @staticmethod
    def multi_level(*levels):
        """One to four 16-bit levels, each an integer or a Lun whose first level counts (SAM-5, 4.7.5)."""
        cdef Lun lun = Lun.__new__(Lun)
        cdef int i = 0
        if not 1 <= len(levels) <= 4:
            raise EncodeError(f"levels: {len(levels)} given, a LUN has 1 to 4", field="levels")
        memset(lun.b, 0, 8)
        for level in levels:
            word = fit("level", level.levels[0] if type(level) is Lun else level, 16)
            lun.b[2 * i] = word >> 8
            lun.b[2 * i + 1] = word & 0xFF
            i += 1
        return lun

    @staticmethod
    def from_text(str text):
        """Read hexadecimal text: 16 digits, or 4 to 16 in whole levels (zeros follow), '0x' and '.-:_' allowed.

        Four decimal numbers, of which not all have four digits, are a Linux address as lsscsi prints it:
        ``[0:0:1:0]`` is host, channel, id and LUN, of which the host says nothing here (ibmvscsi.c: logical unit
        method). Raises DecodeError for anything else.
        """
        digits = text.strip().lower()
        parts = digits.strip("[]").split(":")
        if len(parts) == 4 and set(map(len, parts)) != {4} and all([p.isascii() and p.isdecimal() for p in parts]):
            try:
                return Lun.logical_unit(int(parts[2]), int(parts[1]), int(parts[3]))
            except EncodeError as problem:
                raise DecodeError(f"{text!r} is no address below an ibmvscsi host: {problem}", field="lun") from None
        digits = digits[2:] if digits.startswith("0x") else digits
        for separator in ".-:_":
            digits = digits.replace(separator, "")
        try:
            if len(digits) not in (4, 8, 12, 16):
                raise ValueError
            return Lun(bytes.fromhex(digits.ljust(16, "0")))
        except ValueError:
            raise DecodeError(
                f"{text!r} is not a LUN: write 4, 8, 12 or 16 hexadecimal digits, such as 8100", field="lun"
            ) from None

    # -- what the eight bytes say -------------------------------------------------------------

    @property
    def method(self):
        """Addressing method of the first level, the two top bits: 0 peripheral, 1 flat, 2 logical unit, 3 extended."""
        return self.b[0] >> 6

    @property
    def levels(self):
        """The four 16-bit levels as integers, method bits included."""
        return tuple([self.b[2 * i] << 8 | self.b[2 * i + 1] for i in range(4)])

    @property
    def bus(self):
        """Bus identifier of the first level: 6 bits in the peripheral method, 3 in logical unit; 0 elsewhere."""
        if self.b[0] >> 6 == 0:
            return self.b[0] & 0x3F
        return self.b[1] >> 5 if self.b[0] >> 6 == 2 else 0

    @property
    def target(self):
        """Target of the first level: 6 bits in the logical unit method, 8 behind a peripheral bus; else 0."""
        if self.b[0] >> 6 == 2:
            return self.b[0] & 0x3F
        return self.b[1] if 0 < self.b[0] < 0x40 else 0

    @property
    def lun(self):
        """LUN within the first level: 8 bits peripheral, 14 flat, 5 logical unit, 24 or 40 extended, W-LUN number."""
        cdef int method = self.b[0] >> 6
        if method == 0:
            return self.b[1] if self.b[0] == 0 else 0
        if method == 1:
            return (self.b[0] & 0x3F) << 8 | self.b[1]
        if method == 2:
            return self.b[1] & 0x1F
        if self.b[0] == 0xC1:
            return self.b[1]
        if self.b[0] == 0xD2:
            return wire_get64(self.b) >> 32 & 0xFFFFFF
        return wire_get64(self.b) >> 16 & 0xFFFFFFFFFF if self.b[0] == 0xE2 else 0

    @property
    def is_well_known(self):
        """True for a well known logical unit (first byte C1h)."""
        return self.b[0] == 0xC1

    def __bytes__(self):
        return PyBytes_FromStringAndSize(<char *> self.b, 8)

    def __int__(self):
        return wire_get64(self.b)

    def __index__(self):
        return wire_get64(self.b)

    def __getbuffer__(self, Py_buffer *view, int flags):
        PyBuffer_FillInfo(view, self, self.b, 8, 1, flags)

    def __hash__(self):
        cdef Py_hash_t h = <Py_hash_t> (wire_get64(self.b) * <uint64_t> 0x9E3779B97F4A7C15)
        return -2 if h == -1 else h

    def __richcmp__(self, other, int op):
        if type(other) is not Lun:
            return NotImplemented
        cdef int c = memcmp((<Lun> self).b, (<Lun> other).b, 8)
        return (c < 0, c <= 0, c == 0, c != 0, c > 0, c >= 0)[op]

    def __reduce__(self):
        return Lun, (bytes(self),)

    def __str__(self):
        return bytes(self).hex()

    def __repr__(self):
        cdef int method = self.b[0] >> 6
        text = bytes(self).hex()
        if wire_get64(self.b) << 16 == 0:
            if method == 0 and self.b[0] == 0:
                return f"Lun.peripheral({self.lun})"
            if method == 0:
                return f"Lun.peripheral({self.b[1]}, bus={self.bus})"
            if method == 1:
                return f"Lun.flat({self.lun})"
            if method == 2:
                return f"Lun.logical_unit({self.target}, {self.bus}, {self.lun})"
            if self.is_well_known:
                return f"Lun.well_known({self.lun})"
        if self.b[0] == 0xD2 and wire_get64(self.b) << 32 == 0 or self.b[0] == 0xE2 and not self.b[6] | self.b[7]:
            if Lun.extended_flat(self.lun) == self:
                return f"Lun.extended_flat({self.lun})"
        return f"Lun({text!r})"
