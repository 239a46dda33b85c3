# cython: nonecheck=True, boundscheck=True
"""Commands of an initiator from the call to the answer, as long as nothing is special about them.

A command is plain that has a CDB of up to 16 bytes and one stretch of memory at most, and meets a session that is
logged in, has credit and memory for it, and nobody in front; so is an answer that says GOOD and nothing else. Both
are dealt with here without anything of Python but the objects that a caller sees. All else is left as it was, and
goes the way of pysrp.initiator.srp_session and pysrp.initiator.driver; these are made from the classes here, and so
have the same state.
"""

cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.memoryview cimport PyMemoryView_FromObject
from cpython.object cimport PyObject
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free as c_free, malloc
from libc.string cimport memcpy, memset

from pysrp._fast.copy cimport copy_bytes
from pysrp._fast.lun cimport Lun
from pysrp._fast.plain cimport CMD, CMD_CDB, CMD_LUN, DESC, RSP, RSP_CREDITS, is_plain, is_rsp, put_command
from pysrp._fast.wire cimport wire_get32, wire_put16, wire_put32

from pysrp._fast import queue
from pysrp.errors import SrpError
from pysrp.initiator import outcomes
from pysrp.initiator.outcomes import Result, scsi_error, worth_retrying
from pysrp.scsi import cdb as cdbs
from pysrp.srp import TaskAttribute

cdef extern from "Python.h":
    PyObject *PyList_GET_ITEM(object list, Py_ssize_t at)

cdef extern from *:
    """
    /* A named tuple of five: its own type's __new__ is given a tuple, and makes another to be given that. */
    static PyObject *five(PyObject *type, PyObject *a, PyObject *b, PyObject *c, PyObject *d, PyObject *e)
    {
        PyObject *made = ((PyTypeObject *)type)->tp_alloc((PyTypeObject *)type, 5), *items[] = {a, b, c, d, e};
        for (int i = 0; made && i < 5; i++)
            PyTuple_SET_ITEM(made, i, Py_NewRef(items[i]));
    #if PY_VERSION_HEX >= 0x030E0000
        if (made)
            ((PyTupleObject *)made)->ob_hash = -1;      /* not known yet; 0 would be one */
    #endif
        return made;
    }
    """
    object five(object type, object a, object b, object c, object d, object e)

cdef extern from "unshared.h":
    bint FILLED_AGAIN
    bint unshared(PyObject *bytes)

cdef enum:
    PIECE = 64 << 10        # of data memory
    KEEP = 1 << 10          # bytes from which on malloc(3) has to look for them
    LARGE = 128 << 10       # bytes from which on it asks the kernel
    KEPT = 128              # results that are kept at most
    OTHERS = 64             # results of another length until these are kept instead
    TRIES = 4               # earlier results that are looked at for one that nobody has any more
    BATCH = 32              # places of requests that have ended, before these are left out
    SPARE = 4               # slots left to task management and the login
    RESERVED = 2            # credits left to task management
    LONGEST_CDB = 16
    MOST_10 = 0xFFFF        # blocks of READ (10) and WRITE (10)
    TIMEOUT = 120           # seconds for reads and writes
    RETRIES = 5             # of reads and writes

    LARGEST_BLOCK = 1 << 24  # bytes; more are counted by Python, as a product would not fit

cdef int64_t LAST_10 = 0xFFFFFFFF

CHUNK, SPARE_SLOTS, RESERVED_CREDITS, BLOCKS_10, LAST_LBA_10 = PIECE, SPARE, RESERVED, MOST_10, LAST_10
IO_TIMEOUT, IO_RETRIES = TIMEOUT, RETRIES

queue.check_layout()        # plain.pxd

cdef object SIMPLE = TaskAttribute.SIMPLE
cdef object GOOD = 0
cdef frozenset SUCCESS = outcomes.SUCCESS


include "commands_requests.pxi"
include "commands_table.pxi"
include "commands_memory.pxi"
include "commands_unit.pxi"
