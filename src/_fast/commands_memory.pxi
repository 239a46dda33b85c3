# Memory for the data of commands. A part of commands.pyx.


cpdef object own_view(object into, Py_ssize_t size):
    """A view of our own of a caller's buffer: the caller may release theirs meanwhile.

    TypeError if it cannot be written, ValueError if it does not have ``size`` bytes in one piece.
    """
    into = PyMemoryView_FromObject(into)
    if into.readonly:
        raise TypeError("data-in for a buffer that is read-only")
    if not into.c_contiguous:
        raise ValueError("data-in for a buffer that is in pieces")
    if into.nbytes != size or into.format != "B":
        raise ValueError(f"a buffer of {into.nbytes} bytes for {size} bytes of data-in")
    return into


cdef class DataMemory:
    """Base of :class:`pysrp.initiator.staging.SessionMemory`: ``data``, in ``chunks`` of ``chunk`` bytes each."""

    cdef uint64_t place_plain(self, Pending pending, Py_ssize_t outward) except? 0:
        """Give a command a chunk, which must be free; returns its address. Its data must fit into one.

        ``outward`` bytes of data-out are copied there. Room for data-in is zeroed, unless it is for whole blocks.
        """
        cdef Py_buffer lent, out
        cdef uint8_t *p
        cdef Py_ssize_t start
        pending.chunk = self.chunks.pop()
        start = pending.chunk * self.chunk
        pending.address = self.data_address + <uint64_t>start
        pending.size = outward or pending.length
        p = within(self.data, start, self.chunk, &lent)
        try:
            if outward:
                PyObject_GetBuffer(pending.out, &out, PyBUF_SIMPLE)
                copy_bytes(p, out.buf, min(out.len, outward))
                PyBuffer_Release(&out)
                pending.outward = pending.out = None
            else:
                if not pending.block_size:
                    memset(p, 0, pending.length)
                pending.inward = None
        finally:
            PyBuffer_Release(&lent)
        return pending.address

    cdef const uint8_t *lies(self, Py_buffer *lent, uint64_t address, Py_ssize_t size) except NULL:
        """A pointer to ``size`` bytes at bus address ``address``. ValueError if they are outside the memory."""
        cdef Py_ssize_t start = <Py_ssize_t>(address - self.data_address)
        if start < 0 or size < 0 or start > lent.len - size:
            raise ValueError(f"{size} bytes at {start} are outside the session's memory")
        return <const uint8_t *>lent.buf + start

    cdef int collect(self, Pending pending) except -1:
        """Copy data-in from the session's memory into the caller's buffer or a new result."""
        cdef Py_ssize_t length = pending.length - pending.residual, at = 0, size
        cdef Py_buffer lent, into
        cdef uint8_t *target
        cdef bytes data = None
        PyObject_GetBuffer(self.data, &lent, PyBUF_SIMPLE)
        try:
            if pending.into is None:
                data = self.room(length)
                target = <uint8_t *>PyBytes_AS_STRING(data)
            else:
                PyObject_GetBuffer(pending.into, &into, PyBUF_WRITABLE)
                target = <uint8_t *>into.buf
            try:
                if data is None and into.len < length:
                    raise ValueError(f"a buffer of {into.len} bytes for {length} bytes of data-in")
                if pending.inward is None:
                    at = max(min(pending.size, length), 0)
                    copy_bytes(target, self.lies(&lent, pending.address, at), at)
                else:
                    for segment in pending.inward:
                        size = min(<Py_ssize_t>segment[1], length - at)
                        if size <= 0:
                            break
                        copy_bytes(target + at, self.lies(&lent, segment[0], size), size)
                        at += size
            finally:
                if data is None:
                    PyBuffer_Release(&into)
        finally:
            PyBuffer_Release(&lent)
        if data is not None:
            pending.data = data if at == length else data[:at]
        return 0

    cdef bytes room(self, Py_ssize_t length):
        """Bytes to be filled: an earlier result of that length that nothing else refers to, or a new object.

        Allocating memory that malloc(3) has to search for, or to get from the kernel, costs as much as the copy. Up to
        KEPT results are kept, and no more bytes than the session has for data. If two lengths alternate, the first one
        is kept.
        """
        cdef list kept = self.kept
        cdef Py_ssize_t i, at, count
        cdef bytes new
        if length < KEEP or not FILLED_AGAIN:
            return PyBytes_FromStringAndSize(NULL, length)
        if kept is None or self.kept_length != length:
            self.others += 1
            if kept is not None and length < LARGE and self.others < OTHERS:
                return PyBytes_FromStringAndSize(NULL, length)
            kept = self.kept = []
            self.kept_length, self.turn = length, 0
        self.others = 0
        count = len(kept)
        if self.turn >= count:
            self.turn = 0
        for i in range(min(TRIES, count)):      # from the oldest on
            at = self.turn + i if self.turn + i < count else self.turn + i - count
            if unshared(PyList_GET_ITEM(kept, at)):
                self.turn = at + 1 if at + 1 < count else 0
                return kept[at]
        new = PyBytes_FromStringAndSize(NULL, length)
        if count < min(KEPT, self.all_chunks * self.chunk // length):
            kept.insert(self.turn, new)
        elif count:
            kept[self.turn] = new
        self.turn = self.turn + 1 if self.turn + 1 < len(kept) else 0
        return new

    def give_back(self, Pending pending not None):
        """Take a command's memory back; see :meth:`regain`."""
        self.regain(pending)

    cdef int regain(self, Pending pending) except -1:
        """Take a command's memory back. If the command was answered, its data-in are copied out first."""
        if pending.status is not None and (pending.inward is None or pending.inward):
            self.collect(pending)
        if pending.chunk >= 0:
            self.chunks.append(pending.chunk)
        else:
            (self.spares if pending.pieces[0] < 0 else self.chunks).extend(pending.pieces)
        pending.chunk, pending.pieces = -1, ()
        return 0
