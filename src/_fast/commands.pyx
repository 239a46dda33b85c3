# cython: nonecheck=True, boundscheck=True
"""Plain commands of an initiator, from the call to the answer.

A command is plain if it has a CDB of up to 16 bytes and at most one segment of memory, and if its session is logged in,
has a credit and memory for it, and no other request waits to be sent. An answer is plain if it says GOOD and nothing
else. Both are dealt with here, without Python objects but those that a caller sees. All others are left untouched for
pysrp.initiator.srp_session and pysrp.initiator.driver, whose classes inherit from those here and so share their state.
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
    /* A named tuple of five items, made without its type's __new__, which would make two more tuples. */
    static PyObject *five(PyObject *type, PyObject *a, PyObject *b, PyObject *c, PyObject *d, PyObject *e)
    {
        PyObject *made = ((PyTypeObject *)type)->tp_alloc((PyTypeObject *)type, 5), *items[] = {a, b, c, d, e};
        for (int i = 0; made && i < 5; i++)
            PyTuple_SET_ITEM(made, i, Py_NewRef(items[i]));
    #if PY_VERSION_HEX >= 0x030E0000
        if (made)
            ((PyTupleObject *)made)->ob_hash = -1;      /* not computed yet; 0 would be taken for a hash */
    #endif
        return made;
    }
    """
    object five(object type, object a, object b, object c, object d, object e)

cdef extern from "unshared.h":
    bint FILLED_AGAIN
    bint unshared(PyObject *bytes)

cdef enum:
    PIECE = 64 << 10        # bytes of a chunk of data memory
    KEEP = 1 << 10          # bytes from which on malloc(3) has to search for memory
    LARGE = 128 << 10       # bytes from which on malloc(3) asks the kernel
    KEPT = 128              # results that are kept at most
    OTHERS = 64             # results in a row of another length, then that length is kept
    TRIES = 4               # kept results that are checked for one that nothing else refers to
    BATCH = 32              # None entries of Live.items that are tolerated before they are removed
    SPARE = 4               # slots left to task management and the login
    RESERVED = 2            # credits left to task management
    LONGEST_CDB = 16
    MOST_10 = 0xFFFF        # blocks of READ (10) and WRITE (10)
    TIMEOUT = 120           # seconds for reads and writes
    RETRIES = 5             # of reads and writes

    LARGEST_BLOCK = 1 << 24  # bytes; with larger blocks Python multiplies, as the product could overflow

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
