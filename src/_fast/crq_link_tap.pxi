# A link whose requests are on record: part of crq_link.pyx.
#
# The lane gets no memory of the initiator's but a copy of it, among the notes. So what is noted is what was moved,
# whatever the initiator writes there meanwhile; and what there is no room to note is not done on this way. The engine
# does it, after the notes have been taken: nothing is left out, and who does not take them holds the link back.
# Notes are of one request at a time: one that would be answered later is the engine's.

from libc.stdlib cimport free, malloc

from pysrp._fast.wire cimport wire_put64

cdef enum:
    NOTES = 1 << 20         # bytes of notes
    LARGEST = 256 << 10     # data of one command: no more than the engine moves in one piece (target.data)

# What a note is of.
cdef enum:
    TOOK                    # an element from the initiator
    FETCHED                 # its memory: an IU, or data
    STORED                  # likewise: data, or an answer
    SENT                    # an element to it

WORDS = ("took", "fetched", "stored", "sent")

cdef struct Note:           # the bytes follow
    uint64_t address
    uint64_t length
    uint8_t *far            # where they go when the request is answered; NULL: nowhere
    uint64_t what


cdef size_t room(uint64_t length) noexcept nogil:
    """Bytes that a note takes."""
    return sizeof(Note) + (length + 7) // 8 * 8


cdef size_t kept() noexcept nogil:
    """Room for the answer of the request in hand, and for what is taken before the next one is looked at."""
    return room(PYSRP_RSP) + room(16) + BATCH * room(16)


cdef class TapLink(CrqLink):
    """TapLink(port, tap): a :class:`CrqLink` that calls ``tap`` with notes of all that passes, in order.

    A note is what it is of ("took" or "sent" an element, "fetched" or "stored" memory of the initiator's), the bus
    address, and the bytes. ``tap`` is called when the engine takes an element, and by :meth:`tell`.
    """

    cdef object tap
    cdef uint8_t *notes
    cdef size_t noted       # bytes of notes that hold
    cdef size_t tried       # and with those of the request in hand
    cdef uint64_t data      # bytes of data of that one

    def __cinit__(self, *_):
        self.notes = <uint8_t *>malloc(NOTES)
        if self.notes is NULL:
            raise MemoryError
        self.table.take = <size_t (*)(void *) noexcept nogil>tap_take
        self.table.peek = <void (*)(void *, pysrp_request *) noexcept nogil>tap_peek
        self.table.reach = <uint8_t *(*)(void *, uint64_t, uint64_t, uint32_t, int) noexcept nogil>tap_reach
        self.table.answer = <pysrp_sent (*)(void *, const pysrp_request *, const uint8_t *) noexcept nogil>tap_answer
        self.table.again, self.table.wake = NULL, NULL
        self.table.linger = NULL    # who sleeps tells the tap before: what has passed is on record then

    def __init__(self, port, tap):
        self.tap = tap

    def __dealloc__(self):
        free(self.notes)

    def next(self):
        """The next element as bytes, None when there is none."""
        found = CrqLink.next(self)
        self.tell()
        return found

    def clear(self):
        """Throw away the elements that have been taken and not dealt with."""
        CrqLink.clear(self)
        self.tell()

    def tell(self):
        """Give the tap what has been noted since the last time."""
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
    """Room for a note's bytes, NULL where that would not leave ``spare`` bytes."""
    cdef Note *note = <Note *>(self.notes + self.tried)
    if room(length) + spare > NOTES - self.tried:
        return NULL
    note.what, note.address, note.length, note.far = what, address, length, NULL
    self.tried += room(length)
    return <uint8_t *>(note + 1)


cdef void jot_element(TapLink self, uint64_t what, crq_elem *element) noexcept nogil:
    cdef uint8_t *into = jot(self, what, 0, 16, 0)
    if into is not NULL:    # always: room was kept for it
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
    self.tried, self.data = self.noted, 0       # the last one may have been left to the engine half way
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
