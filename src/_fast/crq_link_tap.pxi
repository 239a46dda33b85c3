# A link that records all that passes: part of crq_link.pyx.
#
# Instead of the initiator's memory the lane gets a copy of it, in the notes. So the notes have exactly the bytes that
# were moved, whatever the initiator writes there meanwhile. A request for which there is no room left in the notes is
# left to the engine, which does it after the tap has got the notes. So nothing is left out, and the link waits for the
# tap. Notes are of one request at a time: a request that would be answered later is the engine's.

from libc.stdlib cimport free, malloc

from pysrp._fast.wire cimport wire_put64

cdef enum:
    NOTES = 1 << 20         # bytes of notes
    LARGEST = 256 << 10     # bytes of data of one command: no more than the engine moves in one piece (target.data)

# Kinds of notes.
cdef enum:
    TOOK                    # an element from the initiator
    FETCHED                 # bytes from the initiator's memory: an IU, or data
    STORED                  # bytes to the initiator's memory: data, or an answer
    SENT                    # an element to the initiator

WORDS = ("took", "fetched", "stored", "sent")

cdef struct Note:           # the bytes follow
    uint64_t address
    uint64_t length
    uint8_t *far            # where the bytes are copied to when the request is answered; NULL: nowhere
    uint64_t what


cdef size_t room(uint64_t length) noexcept nogil:
    """Bytes that a note of ``length`` bytes takes."""
    return sizeof(Note) + (length + 7) // 8 * 8


cdef size_t kept() noexcept nogil:
    """Bytes to keep free for the current request's answer, and for a batch of elements before the next request."""
    return room(PYSRP_RSP) + room(16) + BATCH * room(16)


cdef class TapLink(CrqLink):
    """TapLink(port, tap): a :class:`CrqLink` that calls ``tap`` with notes of all that passes, in order.

    ``tap`` gets a list of notes. A note is a tuple: its kind ("took" or "sent" an element, "fetched" or "stored" memory
    of the initiator's), the bus address (0 for an element), and the bytes. ``tap`` is called when the engine takes an
    element, and by :meth:`tell`.
    """

    cdef object tap
    cdef uint8_t *notes
    cdef size_t noted       # bytes of notes that are final
    cdef size_t tried       # the same with those of the current request, which may be left to the engine yet
    cdef uint64_t data      # bytes of data of the current request

    def __cinit__(self, *_):
        self.notes = <uint8_t *>malloc(NOTES)
        if self.notes is NULL:
            raise MemoryError
        self.table.take = <size_t (*)(void *) noexcept nogil>tap_take
        self.table.peek = <void (*)(void *, pysrp_request *) noexcept nogil>tap_peek
        self.table.reach = <uint8_t *(*)(void *, uint64_t, uint64_t, uint32_t, int) noexcept nogil>tap_reach
        self.table.answer = <pysrp_sent (*)(void *, const pysrp_request *, const uint8_t *) noexcept nogil>tap_answer
        self.table.again, self.table.wake = NULL, NULL
        self.table.linger = NULL    # the owner calls tell() before it sleeps, so that all that has passed is recorded

    def __init__(self, port, tap):
        self.tap = tap

    def __dealloc__(self):
        free(self.notes)

    def next(self):
        """The next element, 16 bytes; None when there is none. Calls the tap."""
        found = CrqLink.next(self)
        self.tell()
        return found

    def clear(self):
        """Drop the elements that have been taken and not dealt with. Calls the tap."""
        CrqLink.clear(self)
        self.tell()

    def tell(self):
        """Call the tap with the notes since the last call, if there are any."""
        cdef list found = []
        cdef Note *note
        cdef size_t at = 0
        while at < self.noted:
            note = <Note *>(self.notes + at)
            found.append((
                WORDS[note.what], note.address,
                PyBytes_FromStringAndSize(<char *>(note + 1), <Py_ssize_t>note.length),
            ))
            at += room(note.length)
        self.noted = self.tried = 0
        if found:
            self.tap(found)


cdef uint8_t *jot(TapLink self, uint64_t what, uint64_t address, uint64_t length, size_t spare) noexcept nogil:
    """Begin a note; where its ``length`` bytes go. NULL if ``spare`` bytes would not be left after it."""
    cdef Note *note = <Note *>(self.notes + self.tried)
    if room(length) + spare > NOTES - self.tried:
        return NULL
    note.what, note.address, note.length, note.far = what, address, length, NULL
    self.tried += room(length)
    return <uint8_t *>(note + 1)


cdef void jot_element(TapLink self, uint64_t what, crq_elem *element) noexcept nogil:
    cdef uint8_t *into = jot(self, what, 0, 16, 0)
    if into is not NULL:    # always: kept() bytes were left for it
        wire_put64(into, element.hi)
        wire_put64(into + 8, element.lo)


cdef size_t tap_take(TapLink self) noexcept nogil:
    cdef size_t i, count = take(self)
    self.tried = self.noted
    for i in range(count):
        jot_element(self, TOOK, &self.batch[i])
    self.noted = self.tried
    return count


cdef void tap_peek(TapLink self, pysrp_request *request) noexcept nogil:
    cdef uint8_t *into
    peek(self, request)
    self.tried, self.data = self.noted, 0       # drop the notes of a previous request that was left to the engine
    if request.length:
        into = jot(self, FETCHED, request.where, request.length, kept())
        if into is NULL:
            request.length = 0
        else:
            memcpy(into, request.iu, request.length)


cdef uint8_t *tap_reach(TapLink self, uint64_t address, uint64_t length, uint32_t key, int write) noexcept nogil:
    cdef uint8_t *far = reach(self, address, length, key, write)
    cdef uint8_t *into
    if far is NULL or length > LARGEST - self.data:
        return NULL
    into = jot(self, STORED if write else FETCHED, address, length, kept())
    if into is NULL:
        return NULL
    self.data += length
    if write:
        (<Note *>into - 1).far = far
    else:
        memcpy(into, far, length)
    return into


cdef pysrp_sent tap_answer(TapLink self, const pysrp_request *request, const uint8_t *iu) noexcept nogil:
    cdef Note *note
    cdef size_t at = self.noted
    cdef pysrp_sent sent
    while at < self.tried:
        note = <Note *>(self.notes + at)
        if note.far is not NULL:
            memcpy(note.far, note + 1, note.length)
        at += room(note.length)
    memcpy(jot(self, STORED, request.where, PYSRP_RSP, 0), iu, PYSRP_RSP)
    sent = answer(self, request, iu)
    if sent == PYSRP_SENT:
        jot_element(self, SENT, &self.waits)
    self.noted = self.tried
    return sent
