"""The gate between one nexus and one LUN: whether the native lane may do commands by itself (gate.h).

Reasons are bits. Bits 0 to 15 stop every command, bits 16 to 31 only commands that write.
"""

cimport cython
from libc.stdint cimport uint32_t
from libc.stdlib cimport free

ATTENTION, RESERVED, NOT_READY, JOB = PYSRP_ATTENTION, PYSRP_RESERVED, PYSRP_NOT_READY, PYSRP_JOB
TASKS, REVOKED, STRAGGLERS, ALONE = PYSRP_TASKS, PYSRP_REVOKED, PYSRP_STRAGGLERS, PYSRP_ALONE
UNCACHED = PYSRP_UNCACHED
PROTECTED, SWP = PYSRP_PROTECTED, PYSRP_SWP
NO_CACHE, WATCHED = PYSRP_NO_CACHE, PYSRP_WATCHED
STOPS_READS, STOPS_WRITES = PYSRP_STOPS_READS, PYSRP_STOPS_WRITES

NAMES = {
    ATTENTION: "ATTENTION", RESERVED: "RESERVED", NOT_READY: "NOT_READY", JOB: "JOB", TASKS: "TASKS",
    REVOKED: "REVOKED", STRAGGLERS: "STRAGGLERS", ALONE: "ALONE", UNCACHED: "UNCACHED",
    PROTECTED: "PROTECTED", SWP: "SWP", NO_CACHE: "NO_CACHE", WATCHED: "WATCHED",
}


cdef class Gate:
    """Gate(reasons=0): closed for these reasons, open if there are none. Any thread may close and open it."""

    def __cinit__(self, uint32_t reasons=0):
        self.gate = pysrp_gate_new()
        if self.gate is NULL:
            raise MemoryError  # pragma: no cover: no test has that little memory
        self.waiting = []
        pysrp_gate_close(self.gate, reasons)

    def __dealloc__(self):
        free(self.gate)

    def __repr__(self):
        cdef uint32_t reasons = self.reasons
        names = [NAMES.get(1 << i, f"{1 << i:#x}") for i in range(32) if reasons >> i & 1]
        return f"<Gate closed: {' '.join(names)}>" if names else "<Gate open>"

    def close(self, uint32_t reasons, drained=None):
        """Close the gate for ``reasons``. True: no command is under way. False: some are.

        If so, the loop calls ``drained()`` after the last command, from its own thread. Commands that find the gate
        closed are the engine's.
        """
        if not pysrp_gate_close(self.gate, reasons):
            return True
        if drained is not None:
            # With the lock that tell() takes: the flag and the list change together.
            with cython.critical_section(self):
                if not pysrp_gate_await(self.gate):
                    return True
                self.waiting.append(drained)
        return False

    def open(self, uint32_t reasons):
        """Clear these reasons. Called by the code that closed the gate for them."""
        pysrp_gate_open(self.gate, reasons)

    @property
    def reasons(self):
        """Why the gate is closed, as bits; 0: it is open."""
        return <uint32_t>pysrp_gate_word(self.gate)

    @property
    def under_way(self):
        """How many commands have entered and are not over."""
        return pysrp_gate_word(self.gate) / PYSRP_ONE

    @property
    def moved(self):
        """READs and WRITEs that have entered, blocks of the READs, blocks of the WRITEs: four numbers."""
        return (
            pysrp_gate_counted(&self.gate.commands[0]), pysrp_gate_counted(&self.gate.commands[1]),
            pysrp_gate_counted(&self.gate.blocks[0]), pysrp_gate_counted(&self.gate.blocks[1]),
        )

    cdef void tell(self) noexcept:
        """No command is under way any more: call those who wait for that. Called by the loop."""
        cdef list waiting
        with cython.critical_section(self):
            waiting = self.waiting
            pysrp_gate_told(self.gate)
            self.waiting = []
        for each in waiting:
            told(each)


cdef void told(object drained) noexcept:
    """Call it. An exception is reported as unraisable, and the next one is called all the same."""
    drained()
