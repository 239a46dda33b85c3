"""The gate between one nexus and one LUN: whether the native lane may do commands by itself (gate.h).

Reasons are bits. Those below 16 close it for every command, the others for what writes.
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
    """Gate(reasons=0): open where there is no reason. Any thread may close and open it."""

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
        """Close it. True: nothing is under way. False: commands are, and their loop calls ``drained`` after the last.

        It is called from the loop's thread, as soon as that can. Commands that find the gate closed are the engine's.
        """
        if not pysrp_gate_close(self.gate, reasons):
            return True
        if drained is not None:
            # Before the loop can look: it does so with this lock, or the interpreter's.
            with cython.critical_section(self):
                if not pysrp_gate_await(self.gate):
                    return True
                self.waiting.append(drained)
        return False

    def open(self, uint32_t reasons):
        """These reasons are no more. By who has closed it for them."""
        pysrp_gate_open(self.gate, reasons)

    @property
    def reasons(self):
        """Why it is closed; 0: it is open."""
        return <uint32_t>pysrp_gate_word(self.gate)

    @property
    def under_way(self):
        """Commands that have gone in and are not over."""
        return pysrp_gate_word(self.gate) / PYSRP_ONE

    @property
    def moved(self):
        """READs and WRITEs that have gone in, and the blocks of each."""
        return (
            pysrp_gate_counted(&self.gate.commands[0]), pysrp_gate_counted(&self.gate.commands[1]),
            pysrp_gate_counted(&self.gate.blocks[0]), pysrp_gate_counted(&self.gate.blocks[1]),
        )

    cdef void tell(self) noexcept:
        """Nothing is under way any more: tell those who wait. The loop's."""
        cdef list waiting
        with cython.critical_section(self):
            waiting = self.waiting
            pysrp_gate_told(self.gate)
            self.waiting = []
        for each in waiting:
            told(each)


cdef void told(object drained) noexcept:
    """Call it. What it raises is reported, and stops nobody."""
    drained()
