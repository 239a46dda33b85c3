# The memory of the commands' data. A part of commands.pyx.


cpdef object own_view(object into, Py_ssize_t size):
    """A view of a caller's buffer that nothing can be done to: the caller may release theirs meanwhile."""
    into = PyMemoryView_FromObject(into)
    if into.readonly:
        raise TypeError("data-in for a buffer that is read-only")
    if not into.c_contiguous:
        raise ValueError("data-in for a buffer that is in pieces")
    if into.nbytes != size or into.format != "B":
        raise ValueError(f"a buffer of {into.nbytes} bytes for {size} bytes of data-in")
    return into


cdef class DataMemory:
    """What :class:`pysrp.initiator.staging.SessionMemory` has: ``data``, in ``chunks`` of ``chunk`` bytes."""

    cdef int64_t place_plain(self, Pending pending, Py_ssize_t outward) except -1:
        """Give a command of up to one piece that piece; there is one. Data-out, of ``outward`` bytes, is copied there.

        Where it is: its place in ``data``. Room for data-in is zeroed, unless it is for whole blocks.
        """
        cdef Py_buffer lent, out
        cdef uint8_t *p
        cdef Py_ssize_t start
        chunk = self.chunks.pop()
        pending.chunks = (chunk,)
        start = <Py_ssize_t>chunk * self.chunk
        p = within(self.data, start, self.chunk, &lent)
        try:
            if outward:
                PyObject_GetBuffer(pending.out, &out, PyBUF_SIMPLE)
                copy_bytes(p, out.buf, min(out.len, outward))
                PyBuffer_Release(&out)
                pending.data_out = ((self.data_address + start, outward),)
                pending.out = None
            else:
                if not pending.block_size:
                    memset(p, 0, pending.length)
                pending.data_in = ((self.data_address + start, pending.length),)
        finally:
            PyBuffer_Release(&lent)
        return start

    cdef int collect(self, Pending pending) except -1:
        """Copy the data out of the memory that the server wrote to."""
        cdef Py_ssize_t length = pending.length - pending.residual, at = 0, start, size
        cdef Py_buffer lent, into
        cdef uint8_t *source
        cdef uint8_t *target
        cdef bytes data = None
        PyObject_GetBuffer(self.data, &lent, PyBUF_SIMPLE)
        source = <uint8_t *>lent.buf
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
                for segment in pending.data_in:
                    size = min(<Py_ssize_t>segment[1], length - at)
                    if size <= 0:
                        break
                    start = <Py_ssize_t>(<uint64_t>segment[0] - self.data_address)
                    if start < 0 or start > lent.len - size:
                        raise ValueError(f"{size} bytes at {start} are outside the session's memory")
                    copy_bytes(target + at, source + start, size)
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
        """Bytes to be filled: new ones or, where the kernel would have to give their memory, those of an old result.

        The C library gives memory of that size back and gets it anew each time, and pages that the kernel has just
        given cost more than their copy. As much is kept as the session has for data.
        """
        cdef list kept = self.kept
        cdef Py_ssize_t i, at, count
        cdef bytes new
        if length < LARGE:
            return PyBytes_FromStringAndSize(NULL, length)
        if kept is None or self.kept_length != length:
            kept = self.kept = []
            self.kept_length, self.turn = length, 0
        count = len(kept)
        for i in range(min(TRIES, count)):      # from the oldest on
            at = (self.turn + i) % count
            if unshared(PyList_GET_ITEM(kept, at)):
                self.turn = at + 1
                return kept[at]
        new = PyBytes_FromStringAndSize(NULL, length)
        if count < self.all_chunks * self.chunk // length:
            self.turn = min(self.turn, count) + 1
            kept.insert(self.turn - 1, new)
        elif count:
            self.turn = self.turn % count + 1
            kept[self.turn - 1] = new
        return new

    cpdef int give_back(self, Pending pending) except -1:
        """A command needs its memory no more; what has come for it is taken out first, if it was answered."""
        cdef tuple chunks = tuple(pending.chunks)
        if pending.data_in and pending.status is not None:
            self.collect(pending)
        if <Py_ssize_t>chunks[0] < 0:
            self.spares.extend(chunks)
        elif len(chunks) == 1:
            self.chunks.append(chunks[0])
        else:
            self.chunks.extend(chunks)
        pending.chunks = ()
        return 0
