# Many structures at a time, a column for each field. A part of view.pyx.

cimport cython
from cpython.buffer cimport PyBUF_FORMAT, PyBUF_ND, PyBUF_STRIDES, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.memoryview cimport PyMemoryView_FromObject
from cpython.pycapsule cimport PyCapsule_GetPointer, PyCapsule_New
from libc.stddef cimport ptrdiff_t
from libc.stdint cimport uint8_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, strdup


cdef extern from "columns.h" nogil:
    ctypedef void (*column_gather)(const column *, const uint8_t *, ptrdiff_t, size_t, uint8_t *) noexcept

    struct column:
        column_gather gather
        size_t offset
        size_t size
        unsigned int nbytes
        unsigned int shift
        uint64_t mask
        char code
        char format[24]
        char *name

    struct column_plan:
        size_t count
        size_t extent
        column column[0]

    struct column_block:
        size_t capacity
        uint8_t *at[0]

    struct ArrowSchema:
        void (*release)(ArrowSchema *) noexcept

    struct ArrowArray:
        void (*release)(ArrowArray *) noexcept

    struct ArrowArrayStream:
        void (*release)(ArrowArrayStream *) noexcept

    void column_16(const column *c, const uint8_t *p, ptrdiff_t stride, size_t count, uint8_t *out)
    void column_bytes(const column *c, const uint8_t *p, ptrdiff_t stride, size_t count, uint8_t *out)
    column_gather column_for(const column *c, bint has_sign)
    void columns_gather(const column_plan *p, const uint8_t *from_, ptrdiff_t stride, size_t count, uint8_t **at)
    column_plan *column_plan_new(size_t count)
    void column_plan_drop(column_plan *p)
    column_block *column_block_new(column_plan *p, size_t capacity, uint8_t **lent)
    column_block *column_block_hold(column_block *block)
    void column_block_drop(column_block *block)
    bint column_block_exported(column_block *block)
    int arrow_schema_make(column_plan *p, ArrowSchema *out)
    int arrow_array_make(column_block *block, size_t rows, ArrowArray *out)
    int arrow_stream_make(column_block *block, size_t rows, ArrowArrayStream *out)


cdef enum:
    PLANS = 64      # ColumnPlans that are kept per class
    SHORT = 4096    # structures; for fewer, releasing the GIL does not pay


@cython.final
@cython.internal
cdef class ColumnPlan:
    """How the columns of some fields of one class are gathered."""
    cdef tuple names
    cdef dict index
    cdef column_plan *c

    def __dealloc__(self):
        column_plan_drop(self.c)


cdef ColumnPlan plan_of(Layout layout, object fields):
    cdef ColumnPlan made
    names = None if fields is None else tuple(fields)
    found = layout.plans.get(names)
    if found is None:
        found = made = make_plan(layout, names)
        if len(layout.plans) >= PLANS:
            layout.plans.clear()
        layout.plans[names] = made
    return <ColumnPlan> found


cdef ColumnPlan make_plan(Layout layout, tuple names):
    cdef ColumnPlan made = ColumnPlan.__new__(ColumnPlan)
    cdef Field f
    cdef Py_ssize_t i
    if names is None:
        fields = [f for f in layout.fixed if 0 < f.size and f.end <= layout.size]
    else:
        fields = []
        for name in dict.fromkeys(names):
            if name not in layout.index:
                raise KeyError(f"{layout.owner.__name__} has no field {name!r}")
            fields.append(layout.index[name])
    for f in fields:
        if f.size == 0 or f.end > layout.size:
            raise KeyError(f"{f.name} is not in the fixed part of {layout.owner.__name__}")
    made.c = column_plan_new(len(fields))
    if made.c is NULL:
        raise MemoryError  # pragma: no cover: no test has that little memory
    made.names = tuple([f.name for f in fields])
    made.index = {name: i for i, name in enumerate(made.names)}
    for i in range(len(fields)):
        f = fields[i]
        make_column(f, &made.c.column[i])
        made.c.extent = max(made.c.extent, <size_t> f.end)
    return made


cdef int make_column(Field f, column *c) except -1:
    """The narrowest type that holds the field's values; bytes as they are."""
    cdef Int number
    cdef bint has_sign = False
    c.name = strdup(f.name.encode())
    if c.name is NULL:
        raise MemoryError  # pragma: no cover: no test has that little memory
    c.offset, c.nbytes, c.mask = f.offset, <unsigned int> f.size, <uint64_t> -1
    if f.kind == KIND_OTHER:
        c.size, code, form = f.size, "B", f"w:{f.size}"
        c.gather = column_16 if f.size == 16 else column_bytes
    else:
        c.size = 1 if f.size == 1 else 2 if f.size == 2 else 4 if f.size <= 4 else 8
        code, form = {1: "BC", 2: "HS", 4: "II", 8: "QL"}[c.size]
        if f.kind == KIND_INT:
            number = <Int> f
            c.shift, c.mask = number.shift, number.mask
            has_sign = number.signed
            if has_sign:
                code, form = code.lower(), form.lower()
        c.gather = column_for(c, has_sign)
    c.code = <char> ord(code)
    form = form.encode()
    memcpy(c.format, <const char *> form, len(form) + 1)
    return 0


@cython.final
cdef class Columns:
    """A column for each field of many structures, by name: what :meth:`View.columns` returns.

    It has the methods of a dictionary. A value is a memoryview, made on each access: of integers in the narrowest type
    (a LUN as its 64-bit integer), or of bytes, the fields one behind the other. ``rows`` is the number of structures.
    Arrow takes it without a copy, as ``pyarrow.record_batch(columns)`` and ``polars.DataFrame(columns)`` do:
    ``__arrow_c_schema__``, ``__arrow_c_array__`` and ``__arrow_c_stream__`` are those of the Arrow PyCapsule interface.
    """
    cdef ColumnPlan plan
    cdef column_block *block
    cdef list lent              # the memoryviews of lent memory, None: no column is in lent memory
    cdef readonly Py_ssize_t rows

    def __cinit__(self, ColumnPlan plan not None, Py_ssize_t rows, out=None):
        cdef Columns old
        if plan.c is NULL or rows < 0:
            raise TypeError("columns() of a structure's class makes them")
        self.plan, self.rows = plan, rows
        if isinstance(out, Columns):
            old = <Columns> out
            if old.plan is plan and <size_t> rows <= old.block.capacity and not column_block_exported(old.block):
                self.block, self.lent = column_block_hold(old.block), old.lent
                return
            out = None
        lend(self, out)

    def __dealloc__(self):
        column_block_drop(self.block)

    def __len__(self):
        return len(self.plan.names)

    def __iter__(self):
        return iter(self.plan.names)

    def __contains__(self, name):
        return name in self.plan.index

    def __getitem__(self, name):
        return PyMemoryView_FromObject(ColumnView(self, self.plan.index[name]))

    def get(self, name, default=None):
        """The column of that name, or ``default``."""
        return self[name] if name in self.plan.index else default

    def keys(self):
        """The names, as a view of a dictionary."""
        return self.plan.index.keys()

    def values(self):
        """All columns, as a list."""
        return [self[name] for name in self.plan.names]

    def items(self):
        """Pairs of name and column, as a list."""
        return [(name, self[name]) for name in self.plan.names]

    def __repr__(self):
        return f"<Columns of {', '.join(self.plan.names)}: {self.rows} rows>"

    def __arrow_c_schema__(self):
        """A capsule with the ArrowSchema: a struct of unsigned and signed integers and of bytes of fixed size."""
        cdef ArrowSchema *schema = <ArrowSchema *> calloc(1, sizeof(ArrowSchema))
        capsule = capsule_of(schema, b"arrow_schema", drop_schema)
        if arrow_schema_make(self.plan.c, schema):
            raise MemoryError  # pragma: no cover: no test has that little memory
        return capsule

    def __arrow_c_array__(self, requested_schema=None):
        """Capsules with the ArrowSchema and an ArrowArray over this memory, or over a copy of memory that was lent.

        Memory that was exported is not written again: ``columns(out=)`` takes new memory until Arrow's consumer has
        released it. ``requested_schema`` is ignored, as the interface allows.
        """
        cdef ArrowArray *array = <ArrowArray *> calloc(1, sizeof(ArrowArray))
        cdef column_block *block = NULL
        cdef int failed
        capsule = capsule_of(array, b"arrow_array", drop_array)
        schema = self.__arrow_c_schema__()
        block = self.own()
        failed = arrow_array_make(block, self.rows, array)
        column_block_drop(block)
        if failed:
            raise MemoryError  # pragma: no cover: no test has that little memory
        return schema, capsule

    def __arrow_c_stream__(self, requested_schema=None):
        """A capsule with an ArrowArrayStream of the one array that :meth:`__arrow_c_array__` gives."""
        cdef ArrowArrayStream *stream = <ArrowArrayStream *> calloc(1, sizeof(ArrowArrayStream))
        cdef column_block *block
        cdef int failed
        capsule = capsule_of(stream, b"arrow_array_stream", drop_stream)
        block = self.own()
        failed = arrow_stream_make(block, self.rows, stream)
        column_block_drop(block)
        if failed:
            raise MemoryError  # pragma: no cover: no test has that little memory
        return capsule

    cdef column_block *own(self) except NULL:
        """The block, or a copy of it if some of its memory is lent. The caller has to drop it."""
        cdef column_block *copy
        cdef size_t i
        if self.lent is None:
            return column_block_hold(self.block)
        copy = column_block_new(self.plan.c, self.rows, NULL)
        if copy is NULL:
            raise MemoryError  # pragma: no cover: no test has that little memory
        for i in range(self.plan.c.count):
            memcpy(copy.at[i], self.block.at[i], self.plan.c.column[i].size * self.rows)
        return copy


@cython.final
@cython.internal
cdef class ColumnView:
    """Exports one column and keeps all of them alive meanwhile."""
    cdef Columns columns
    cdef Py_ssize_t i
    cdef Py_ssize_t shape
    cdef Py_ssize_t item
    cdef char code[2]

    def __cinit__(self, Columns columns not None, Py_ssize_t i):
        if not 0 <= i < len(columns.plan.names):
            raise IndexError(i)
        self.columns, self.i = columns, i

    def __getbuffer__(self, Py_buffer *buffer, int flags):
        cdef const column *c = &self.columns.plan.c.column[self.i]
        self.code[0], self.code[1] = c.code, 0
        self.item = 1 if c.code == c'B' else <Py_ssize_t> c.size
        self.shape = <Py_ssize_t> c.size * self.columns.rows // self.item
        buffer.obj = self
        buffer.buf = self.columns.block.at[self.i]
        buffer.len, buffer.itemsize, buffer.readonly = self.shape * self.item, self.item, 0
        buffer.ndim, buffer.suboffsets, buffer.internal = 1, NULL, NULL
        buffer.format = self.code if flags & PyBUF_FORMAT else NULL
        buffer.shape = &self.shape if flags & PyBUF_ND == PyBUF_ND else NULL
        buffer.strides = &self.item if flags & PyBUF_STRIDES == PyBUF_STRIDES else NULL


cdef object capsule_of(void *content, const char *name, void (*drop)(object) noexcept):
    if content is NULL:
        raise MemoryError  # pragma: no cover: no test has that little memory
    return PyCapsule_New(content, name, drop)


# A consumer that takes the structure out of its capsule leaves it there with `release` NULL.

cdef void drop_schema(object capsule) noexcept:
    cdef ArrowSchema *schema = <ArrowSchema *> PyCapsule_GetPointer(capsule, b"arrow_schema")
    if schema.release is not NULL:
        schema.release(schema)
    free(schema)


cdef void drop_array(object capsule) noexcept:
    cdef ArrowArray *array = <ArrowArray *> PyCapsule_GetPointer(capsule, b"arrow_array")
    if array.release is not NULL:
        array.release(array)
    free(array)


cdef void drop_stream(object capsule) noexcept:
    cdef ArrowArrayStream *stream = <ArrowArrayStream *> PyCapsule_GetPointer(capsule, b"arrow_array_stream")
    if stream.release is not NULL:
        stream.release(stream)
    free(stream)


cdef Columns columns_of(ColumnPlan plan, const uint8_t *p, Py_ssize_t stride, Py_ssize_t count, object out):
    cdef Columns made = Columns(plan, count, out)
    if count < SHORT:
        columns_gather(plan.c, p, stride, count, made.block.at)
    else:
        with nogil:
            columns_gather(plan.c, p, stride, count, made.block.at)
    return made


cdef int lend(Columns made, object out) except -1:
    """Set the memory of the columns: memory that ``out`` has for some, new memory for the others."""
    cdef ColumnPlan plan = made.plan
    cdef uint8_t **lent = NULL
    cdef Py_buffer view
    cdef Py_ssize_t i, need
    if out is not None and not hasattr(out, "get"):
        raise TypeError(f"out is what columns() returned or a mapping of names to memory, no {type(out).__name__}")
    try:
        if out is not None:
            lent = <uint8_t **> calloc(plan.c.count + 1, sizeof(uint8_t *))
            if lent is NULL:
                raise MemoryError  # pragma: no cover: no test has that little memory
            held = []
            for i in range(len(plan.names)):
                memory = out.get(plan.names[i])
                if memory is None:
                    continue
                need = <Py_ssize_t> plan.c.column[i].size * made.rows
                memory = memoryview(memory).cast("B")
                if memory.readonly or memory.nbytes < need:
                    raise ValueError(f"out[{plan.names[i]!r}] has no {need} writable bytes")
                # The memoryview `memory` holds the buffer, so that it cannot be resized.
                PyObject_GetBuffer(memory, &view, PyBUF_WRITABLE)
                lent[i] = <uint8_t *> view.buf
                PyBuffer_Release(&view)
                held.append(memory)
            if held:
                made.lent = held
        made.block = column_block_new(plan.c, made.rows, lent)
        if made.block is NULL:
            raise MemoryError
    finally:
        free(lent)
    return 0
