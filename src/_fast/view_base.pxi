# The methods of every structure: its bytes, its fields, its problems, columns of many. A part of view.pyx.

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_FillInfo, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t
from libc.string cimport memcmp

from pysrp.errors import DecodeError


cdef class View:
    """View(buf): a wire structure in the memory of another object (the base of every codec).

    ``buf`` is any object with the buffer protocol; the view keeps it alive and reads and writes its
    memory in place. The view covers all of ``buf``: the bytes behind the structure's own extent are
    ``trailing``. Not locked: share between threads only for reading, as with a bytearray.

    Raises TruncatedError if ``buf`` is shorter than ``SIZE``, the fixed part.
    """

    SIZE = 0
    FIELDS = ()

    def __cinit__(self, buf=None):
        cdef Layout layout
        if buf is None:
            raise TypeError(f"{type(self).__name__}(buf): memory is needed; build() makes a new one")
        layout = layout_of(type(self))
        grab(self, buf)
        if self.n < layout.size:
            truncated(type(self).__name__, "", 0, layout.size, self.n)

    def __dealloc__(self):
        PyBuffer_Release(&self.buffer)

    def __getbuffer__(self, Py_buffer *buffer, int flags):
        PyBuffer_FillInfo(buffer, self, self.p, self.n, self.buffer.readonly, flags)

    def __len__(self):
        return self.n

    def __bytes__(self):
        return PyBytes_FromStringAndSize(<char *> self.p, self.n)

    def tobytes(self):
        """A copy of all bytes of the view."""
        return PyBytes_FromStringAndSize(<char *> self.p, self.n)

    def copy(self):
        """The same structure over private, writable memory."""
        return writable_copy(layout_of(type(self)).owner, self.p, self.n)

    @property
    def readonly(self):
        """True if the memory cannot be written."""
        return bool(self.buffer.readonly)

    def extent(self):
        """Bytes that the structure itself claims: fixed part plus variable parts.

        Raises DecodeError if a part claims more than there is.
        """
        return extent(self, layout_of(type(self)))

    @property
    def trailing(self):
        """memoryview of the bytes behind :meth:`extent`; raises DecodeError as that does."""
        cdef Py_ssize_t end = min(extent(self, layout_of(type(self))), self.n)
        return span(self, end, self.n - end)

    def trim(self):
        """The same view without the trailing bytes."""
        cdef Layout layout = layout_of(type(self))
        return view_within(layout.owner, layout.size, self, 0, min(extent(self, layout), self.n))

    def raw(self, name):
        """memoryview of the bytes of field ``name`` (for a bit field, of the bytes that hold it).

        Raises KeyError for an unknown name, DecodeError if the field lies outside the view.
        """
        cdef Field f = layout_of(type(self)).index[name]
        cdef Py_ssize_t offset, length
        place(f, self, &offset, &length)
        return span(self, offset, length)

    def locate(self, name):
        """(offset, length) in bytes of field ``name``, fixed or variable; raises as :meth:`raw` does."""
        cdef Py_ssize_t offset, length
        place(layout_of(type(self)).index[name], self, &offset, &length)
        return offset, length

    def __richcmp__(self, other, int op):
        if op != 2 and op != 3 or not isinstance(other, View):
            return NotImplemented
        if type(self) is not type(other) and layout_of(type(self)) is not layout_of(type(other)):
            return NotImplemented
        cdef View a = self, b = <View> other
        cdef bint same = a.n == b.n and memcmp(a.p, b.p, a.n) == 0
        return same == (op == 2)

    def __hash__(self):
        # As with a memoryview: a view has a hash if its memory's owner has one, as that memory then does not change.
        if buffer_owner(&self.buffer) is not NULL:
            enter_call(b" in the hash of views over views")
            try:
                hash(<object> buffer_owner(&self.buffer))
            finally:
                leave_call()
        return hash(PyBytes_FromStringAndSize(<char *> self.p, self.n))

    def __reduce__(self):
        cdef Layout layout = layout_of(type(self))
        if type(self) is layout.record:
            return _record, (layout.owner, bytes(self))
        return type(self), (bytes(self),)

    def __repr__(self):
        # The keywords that build() would need: a field that has its default is left out.
        cdef Layout layout = layout_of(type(self))
        cdef Py_ssize_t offset, length
        cdef Field f
        parts = []
        for f in layout.declared:
            try:
                place(f, self, &offset, &length)
                value = f.get(self)
            except DecodeError:
                if f.variable or f.end <= layout.size:
                    parts.append(f"{f.name}=<truncated>")
                continue
            if isinstance(f, Int):
                if value == ((<Int> f).default or 0):
                    continue
            elif not any(PyBytes_FromStringAndSize(<char *> self.p + offset, length)):
                continue
            parts.append(f"{f.name}={brief(f, value)}")
        return f"{type(self).__name__}({', '.join(parts)})"

    def to_dict(self):
        """Field name to value, in wire order; ``build(**x.to_dict())`` gives the same bytes.

        Reserved fields and trailing bytes appear only if they are not zero. Text that its field would
        encode differently appears as bytes, nested structures as dictionaries. A part that claims more
        bytes than there are is left out, and its bytes go to ``trailing``.
        """
        cdef Field f
        cdef Py_ssize_t offset, length, end = reach(self, layout_of(type(self)))
        result = {}
        for f in layout_of(type(self)).fields:
            try:
                place(f, self, &offset, &length)
                value = f.exact(self)
            except DecodeError:
                if f.variable and f.size and f.end <= self.n:
                    result[f.name] = PyBytes_FromStringAndSize(<char *> self.p + f.offset, f.size)
                continue
            if f.reserved and not any(value if isinstance(value, bytes) else (value,)):
                continue
            if f.variable:
                if length == 0:
                    continue
                end = max(end, offset + length)
            result[f.name] = value
        if end < self.n:
            result["trailing"] = PyBytes_FromStringAndSize(<char *> self.p + end, self.n - end)
        return result

    def show(self):
        """The standard's table as text: offset, field, raw bytes, meaning."""
        return Table("\n".join(rows(self, 0, 0)))

    def problems(self):
        """Every violation as a list of (field, offset, message); empty for a clean structure."""
        cdef Layout layout = layout_of(type(self))
        cdef Field f
        cdef Int i
        cdef Py_ssize_t offset, length
        found = []
        for f in layout.fields:
            try:
                place(f, self, &offset, &length)
                value = f.get(self)
            except DecodeError as error:
                if f.variable or f.end <= layout.size:
                    found.append(Problem(f.name, error.offset, str(error)))
                continue
            if f.reserved:
                if any(value if isinstance(value, memoryview) else (value,)):
                    found.append(Problem(f.name, offset, "reserved, and not zero"))
            elif isinstance(f, Int):
                i = <Int> f
                if i.must is not None and value != i.must:
                    found.append(Problem(f.name, offset, f"{int(value):#x} where the standard has {int(i.must):#x}"))
                elif i.enum is not None and (type(value) is int or value & ~i.known):
                    found.append(Problem(f.name, offset, f"{int(value):#x} is not assigned in {i.enum.__name__}"))
            elif isinstance(f, Part):
                if (<Part> f).clamp and length < (<Part> f).claimed(self):
                    found.append(Problem(f.name, offset, f"claims {(<Part> f).claimed(self)} bytes, {length} there"))
                if isinstance(f, List):
                    for item in value:
                        found.extend(
                            Problem(f"{f.name}.{p.field}", p.offset + ((<View> item).p - self.p), p.message)
                            for p in item.problems()
                        )
            elif isinstance(f, Struct):
                found.extend(Problem(f"{f.name}.{p.field}", p.offset + offset, p.message) for p in value.problems())
        try:
            found.extend(Problem(*p) for p in self._check())
        except DecodeError as error:
            if not any(p.field == error.field for p in found):
                found.append(Problem(error.field, error.offset, str(error)))
        return found

    def _check(self):
        """Violations of this structure's rules beyond its table, each as (field, offset, message)."""
        return ()

    @classmethod
    def columns(cls, buf, Py_ssize_t stride, fields=None, *, Py_ssize_t offset=0, out=None):
        """Decode an array of structures into one column per field, without an object per structure.

        ``buf`` has a structure every ``stride`` bytes from ``offset`` on, as many as fit whole.
        ``fields`` are names of fixed fields (default: all declared). Returns :class:`Columns`: by name a
        memoryview of integers in the narrowest type (a LUN as its 64-bit integer), or, for raw and text fields, of
        bytes, the fields one behind the other. ``out`` lends memory: either the Columns of the same fields that an
        earlier call returned, whose memory is used again, or a mapping of names to memory for some of the columns.
        Many structures are decoded without the GIL.

        Raises KeyError for an unknown name, ValueError for a stride smaller than the structure, for an
        ``offset`` outside ``buf``, or for memory in ``out`` that is too short or read-only.
        """
        cdef Layout layout = layout_of(cls)
        cdef ColumnPlan plan
        cdef Py_buffer view
        cdef Py_ssize_t count = 0
        if stride < max(layout.size, 1):
            raise ValueError(f"stride {stride} is smaller than {cls.__name__}, {layout.size} bytes")
        plan = plan_of(layout, fields)
        PyObject_GetBuffer(buf, &view, PyBUF_SIMPLE)
        try:
            if offset < 0 or offset > view.len:
                raise ValueError(f"offset {offset} is outside the buffer, {view.len} bytes")
            if view.len - offset >= layout.size:
                count = (view.len - offset - layout.size) // stride + 1
            return columns_of(plan, <const uint8_t *> view.buf + offset, stride, count, out)
        finally:
            PyBuffer_Release(&view)


cdef int place(Field f, View v, Py_ssize_t *offset, Py_ssize_t *length) except -1:
    if f.variable:
        return (<Part> f).locate(v, offset, length)
    if f.end > v.n:
        overrun(type(v).__name__, f.name, f.offset, f.size, v.n - f.offset)
    offset[0] = f.offset
    length[0] = f.size
    return 0


cdef Py_ssize_t reach(View v, Layout layout):
    """End of the last fixed field that is inside the view: fixed fields behind SIZE are optional."""
    cdef Py_ssize_t end = layout.size
    cdef Field f
    if layout.full > end:
        for f in layout.fixed:
            if end < f.end <= v.n:
                end = f.end
    return end


cdef Py_ssize_t extent(View v, Layout layout) except -1:
    cdef Py_ssize_t offset, length, end = reach(v, layout)
    cdef Part part
    for part in layout.parts:
        part.locate(v, &offset, &length)
        if length > 0:
            end = max(end, offset + length)
    return end
