# The windows of both ends: translation entries, allocated memory, copies. A part of fabric.pyx.

cimport cython
from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memmove, memset


cdef class Window(Waiter):
    """The memory of one end by bus address, and the partner's if this end is the server."""

    def __cinit__(self, uint64_t queue_size, uint64_t window_size, Region region not None, *args, **kwargs):
        if region.size < window_bytes(window_size):
            raise ValueError("the region is too small for the window")
        self.window_size, self.max_transfer = window_size, MAX_TRANSFER
        self.region = region
        place_window(&self.own, region, window_size)
        # Page 0 is never allocated: partners take bus address 0 for "none".
        self.holes, self.used = [[1, (window_size >> TCE_SHIFT) - 1]], TCE_PAGE

    def far_window(self, Region region not None, uint64_t window_size):
        """Give this end, the server, its second pane: the client's window of ``window_size`` bytes in ``region``."""
        if region.size < window_bytes(window_size):
            raise ValueError("the region is too small for the window")
        self.far_region = region
        place_window(&self.other, region, window_size)

    def hcall_put_tce(self, uint64_t ioba, uint64_t tce):
        """H_PUT_TCE: H_PARAMETER outside the window, or for a page that this partition does not have."""
        cdef int code
        if self.faulty and self.strike(CALL_PUT_TCE, &code):
            return code
        if not self.tce_fits(ioba, tce):
            return H_PARAMETER
        tce_set(&self.own, ioba >> TCE_SHIFT, tce)
        return H_SUCCESS

    def tce_fits(self, uint64_t ioba, uint64_t tce):
        """Whether :meth:`hcall_put_tce` would accept it."""
        return ioba >> TCE_SHIFT < self.own.entries and (not tce & 3 or tce >> TCE_SHIFT < self.own.pages)

    def hcall_get_tce(self, uint64_t ioba):
        """H_GET_TCE: the return code and the entry, 0 after H_PARAMETER."""
        if ioba >> TCE_SHIFT >= self.own.entries:
            return H_PARAMETER, 0
        return H_SUCCESS, tce_get(&self.own, ioba >> TCE_SHIFT)

    def hcall_copy(self, uint64_t length, bint from_own, uint64_t source, bint to_own, uint64_t dest):
        """H_COPY_RDMA between any two of this end's panes, page by page. Returns PAPR's code."""
        cdef tce_window *src = &self.own if from_own else &self.other
        cdef tce_window *dst = &self.own if to_own else &self.other
        cdef uint64_t done = 0, part
        cdef uint8_t *to
        cdef uint8_t *at
        cdef int code
        if self.faulty and self.strike(CALL_COPY, &code):
            return code
        if not (from_own and to_own) and not self.linked():
            return H_PERMISSION
        if not tce_inside(src, source, length):
            return H_SOURCE_PARM
        if not tce_inside(dst, dest, length):
            return H_DEST_PARM
        if not tce_may(src, source, length, TCE_READ) or not tce_may(dst, dest, length, TCE_WRITE):
            return H_PERMISSION
        while done < length:
            part = min(length - done, TCE_PAGE - (source + done) % TCE_PAGE, TCE_PAGE - (dest + done) % TCE_PAGE)
            at, to = tce_reach(src, source + done, part, TCE_READ), tce_reach(dst, dest + done, part, TCE_WRITE)
            if at is NULL or to is NULL:
                return H_PERMISSION
            memmove(to, at, part)
            done += part
        return H_SUCCESS

    def own_memory(self, uint64_t ioba, uint64_t length):
        """A memoryview of ``length`` bytes of this end's memory, None unless all are mapped and in one piece."""
        cdef uint8_t *at = self.reach_own(ioba, length)
        return None if at is NULL else view_of(self.region, at, length, True)

    def unmap_all(self):
        """Make every entry of this end's window invalid."""
        if self.own.entries:        # memset(NULL, 0, 0) is undefined in C
            memset(self.own.tce, 0, self.own.entries * sizeof(uint64_t))

    def allocate(self, Py_ssize_t size, int access=TCE_READ | TCE_WRITE):
        """``size`` bytes of zeroed memory with a bus address; see :meth:`pysrp.fabric.Port.allocate`."""
        cdef uint64_t pages = (size + TCE_PAGE - 1) >> TCE_SHIFT
        cdef uint64_t first, dirty
        cdef Memory memory
        self.check_open()
        if size < 1:
            raise ValueError(f"{size} bytes of memory")
        with cython.critical_section(self):     # memory is given back in any thread
            first = self.take_pages(pages, access)
        memory = Memory.__new__(Memory)
        memory.port, memory.region, memory.size = self, self.region, size
        memory.address = first << TCE_SHIFT
        memory.base = self.own.memory + memory.address
        if memory.address < self.used:
            dirty = min(self.used - memory.address, pages << TCE_SHIFT)
            memset(memory.base, 0, dirty)
        self.used = max(self.used, (first + pages) << TCE_SHIFT)
        return memory

    cdef uint64_t take_pages(self, uint64_t pages, int access) except 0:
        """Map ``pages`` free pages in a row; the number of the first one."""
        cdef uint64_t first, page
        for at in range(len(self.holes)):
            hole = self.holes[at]
            if hole[1] >= pages:
                break
        else:
            self.fail("H_PUT_TCE", H_NO_MEM)
        first = hole[0]
        for page in range(first, first + pages):
            code = self.hcall_put_tce(page << TCE_SHIFT, page << TCE_SHIFT | (access & 3))
            if code:
                while page > first:
                    page -= 1
                    tce_set(&self.own, page, 0)
                self.fail("H_PUT_TCE", code)
        hole[0] += pages
        hole[1] -= pages
        if not hole[1]:
            del self.holes[at]
        return first

    cdef give_back(self, uint64_t first, uint64_t pages):
        with cython.critical_section(self):
            if not self.closed:
                self.put_pages(first, pages)

    cdef put_pages(self, uint64_t first, uint64_t pages):
        cdef uint64_t page
        cdef Py_ssize_t at = 0
        for page in range(first, first + pages):
            tce_set(&self.own, page, 0)
        while at < len(self.holes) and self.holes[at][0] < first:
            at += 1
        self.holes.insert(at, [first, pages])
        for at in (at, at - 1):     # join it with the hole behind it, then with the one before it
            if 0 <= at < len(self.holes) - 1 and self.holes[at][0] + self.holes[at][1] == self.holes[at + 1][0]:
                self.holes[at][1] += self.holes[at + 1][1]
                del self.holes[at + 1]

    def copy_in(self, uint64_t remote, Memory local not None, uint64_t offset=0, length=None):
        """H_COPY_RDMA from the partner; see :meth:`pysrp.fabric.Port.copy_in`."""
        self.move(remote, local, offset, length, False)

    def copy_out(self, Memory local not None, uint64_t remote, uint64_t offset=0, length=None):
        """H_COPY_RDMA to the partner; see :meth:`pysrp.fabric.Port.copy_out`."""
        self.move(remote, local, offset, length, True)

    cdef move(self, uint64_t remote, Memory local, uint64_t offset, object length, bint store):
        cdef uint64_t size, count = 0
        cdef int code
        if length is not None:
            count = length      # before the checks: __index__ may run code that frees the memory or closes the port
        self.check_open()
        if local.base is NULL or local.port is not self:
            raise ValueError("not this port's memory, or freed")
        size = local.size
        if offset > size:
            raise ValueError(f"offset {offset} in memory of {size} bytes")
        if length is None:
            count = size - offset
        if count > size - offset:
            raise ValueError(f"{count} bytes at offset {offset} in memory of {size} bytes")
        if count < RELEASE_GIL:
            code = self.copy(remote, local.base + offset, count, store)
        else:
            with cython.critical_section(local):
                local.exports += 1      # so that free() is refused meanwhile
            with nogil:
                code = self.copy(remote, local.base + offset, count, store)
            with cython.critical_section(local):
                local.exports -= 1
        if code:
            self.fail("H_COPY_RDMA", code)

    def window(self, uint64_t remote, uint64_t length, int access=TCE_READ):
        """A view of the partner's memory, None if it is not in one piece; see :meth:`pysrp.fabric.Port.window`."""
        cdef uint8_t *base
        self.check_open()
        if not length:
            return memoryview(b"")
        if not self.linked() or not self.other.entries:
            self.fail("H_COPY_RDMA", H_PERMISSION if self.far_region is not None else H_SOURCE_PARM)
        if not tce_inside(&self.other, remote, length):
            self.fail("H_COPY_RDMA", H_DEST_PARM if access == TCE_WRITE else H_SOURCE_PARM)
        base = self.reach(remote, length, access)
        if base is NULL:
            if not tce_may(&self.other, remote, length, access):
                self.fail("H_COPY_RDMA", H_PERMISSION)
            return None
        return view_of(self.far_region, base, length, access & TCE_WRITE)

    @cython.boundscheck(True)
    def windows(self, stretches, int access=TCE_READ):
        """A memoryview of the partner's memory for each (address, length); None if one of these is not in one piece."""
        cdef list found = []
        cdef bint whole = True
        for stretch in stretches:
            view = self.window(stretch[0], stretch[1], access)
            found.append(view)
            whole = whole and view is not None
        return found if whole else None

    cdef uint8_t *reach(self, uint64_t ioba, uint64_t length, unsigned int access) noexcept nogil:
        if not self.other.entries or not self.linked():
            return NULL
        return tce_reach(&self.other, ioba, length, access)

    cdef uint8_t *reach_own(self, uint64_t ioba, uint64_t length) noexcept nogil:
        return tce_reach(&self.own, ioba, length, 0)

    cdef int copy(self, uint64_t ioba, uint8_t *local, uint64_t length, bint store) noexcept nogil:
        cdef uint64_t done = 0, part
        cdef int code = H_SUCCESS
        while done < length and code == H_SUCCESS:
            part = min(length - done, self.max_transfer)
            if self.faulty and self.strike(CALL_COPY, &code):
                pass
            elif self.far_region is None:
                code = H_PARAMETER              # a client has no second pane
            elif not self.other.entries or not self.linked():
                code = H_PERMISSION             # ibmvscsis takes it for "the client may be gone"
            elif ioba + done < ioba:
                code = H_PARAMETER
            else:
                code = tce_copy(&self.other, ioba + done, local + done, part, store)
            if code == H_PARAMETER:
                code = H_DEST_PARM if store else H_SOURCE_PARM
            done += part
        return code


cdef void place_window(tce_window *w, Region region, uint64_t window_size) noexcept:
    w.tce = <uint64_t *>region.base
    w.memory = region.base + table_bytes(window_size)
    w.pages = w.entries = window_size >> TCE_SHIFT


cdef bint tce_may(tce_window *w, uint64_t ioba, uint64_t length, unsigned int access) noexcept:
    cdef uint64_t page
    if not length:
        return True
    for page in range(ioba >> TCE_SHIFT, ((ioba + length - 1) >> TCE_SHIFT) + 1):
        if tce_reach(w, page << TCE_SHIFT, TCE_PAGE, access) is NULL:
            return False
    return True


cdef view_of(Region region, uint8_t *base, Py_ssize_t size, bint writable):
    cdef Slice part = Slice.__new__(Slice)
    part.region, part.base, part.size, part.writable = region, base, size, writable
    return memoryview(part)
