"""Wire structures as views over memory, described by one field descriptor per wire field.

A structure is an ordinary class whose body is the standard's table::

    class TskMgmt(IU, size=48):
        __slots__ = ()
        tag = U64(8)
        lun = LunField(20)

The same table decodes, builds, edits in place, prints, validates and mutates.
"""

from cpython.object cimport PyObject
from libc.stdint cimport int64_t, uint8_t, uint64_t

from collections import namedtuple

from pysrp.errors import DecodeError, EncodeError, TruncatedError


cdef extern from *:
    """
    static inline PyObject *view_alloc(PyObject *cls)
    {
        return ((PyTypeObject *)cls)->tp_alloc((PyTypeObject *)cls, 0);
    }

    /* Cython hides Py_buffer.obj; released by PyBuffer_Release like any other. */
    static inline void buffer_hold(Py_buffer *buffer, PyObject *owner)
    {
        Py_INCREF(owner);
        buffer->obj = owner;
    }

    static inline PyObject *buffer_owner(const Py_buffer *buffer)
    {
        return buffer->obj;
    }
    """
    object view_alloc(object cls)
    void buffer_hold(Py_buffer *buffer, object owner)
    PyObject *buffer_owner(const Py_buffer *buffer)

    ctypedef struct PyMethodDef:
        const char *ml_name
        void *ml_meth
        int ml_flags
        const char *ml_doc

    # Declared noexcept: they return -1 after an error, and the callers check PyErr_Occurred().
    uint64_t long_unsigned "PyLong_AsUnsignedLongLong" (PyObject *o) noexcept
    int64_t long_signed "PyLong_AsLongLong" (PyObject *o) noexcept

    PyObject *PyTuple_GET_ITEM(tuple t, Py_ssize_t i)
    void tuple_put "PyTuple_SET_ITEM" (object t, Py_ssize_t i, PyObject *value)
    PyObject *PyList_GET_ITEM(list t, Py_ssize_t i)
    PyObject *PyDict_GetItem(dict d, object key)

    enum:
        METH_FASTCALL
        METH_KEYWORDS

    PyObject *bytes_from "PyBytes_FromStringAndSize" (const char *p, Py_ssize_t n) except NULL
    PyObject *long_of "PyLong_FromUnsignedLongLong" (uint64_t n) except NULL
    PyObject *long_of_signed "PyLong_FromLongLong" (int64_t n) except NULL
    object PyCFunction_New(PyMethodDef *definition, object self)

    int enter_call "Py_EnterRecursiveCall"(const char *where) except 1
    void leave_call "Py_LeaveRecursiveCall"()


Problem = namedtuple("Problem", "field offset message")
Problem.__doc__ = "One violation: the field's name, its byte offset, and what the standard says."


class Table(str):
    """Text that a prompt shows as it is, without quotes."""

    __slots__ = ()

    def __repr__(self):
        return str(self)


# ---------------------------------------------------------------------------------------------
# Errors, out of line so that the hot code stays small
# ---------------------------------------------------------------------------------------------

cdef int truncated(str what, str field, Py_ssize_t offset, Py_ssize_t need, Py_ssize_t have) except -1:
    raise TruncatedError(
        f"{what}: {need} bytes needed at offset {offset}, {max(have, 0)} there",
        field=field, offset=offset, need=need, have=max(have, 0),
    )


cdef int overrun(str what, str field, Py_ssize_t offset, Py_ssize_t need, Py_ssize_t have) except -1:
    raise DecodeError(
        f"{what}.{field}: claims {need} bytes at offset {offset}, {max(have, 0)} there",
        field=field, offset=offset, need=need, have=max(have, 0),
    )


cdef int readonly_memory(View v, str field) except -1:
    raise TypeError(f"{type(v).__name__}.{field}: the memory is read-only; change a copy()")


cdef int unfit(str field, object value, str width) except -1:
    raise EncodeError(f"{field}: {value!r} does not fit {width}", field=field)


# One compilation unit: hot functions are inlined across these files.

include "view_memory.pxi"
include "view_base.pxi"
include "view_text.pxi"
include "view_field.pxi"
include "view_bytes.pxi"
include "view_part.pxi"
include "view_steps.pxi"
include "view_layout.pxi"
include "view_columns.pxi"
include "view_build.pxi"
include "view_dispatch.pxi"
include "view_record.pxi"


cdef int bind(object cls, str name, object made) except -1:
    """Set the function ``made`` from the table of ``cls``, unless the class or a base defines its own ``name``."""
    there = getattr(cls, name, None)
    if there is None or type(getattr(there, "__self__", None)) is Layout:
        setattr(cls, name, made)
    return 0


class Structure(View):
    """The base of every structure that a table of fields describes: ``class Name(Structure): field = U8(0)``.

    Give ``__slots__ = ()`` (an instance needs no dictionary) and, where the fixed part ends behind the last
    field, ``size=`` in bytes. Sets ``SIZE``, ``FIELDS`` and the functions build, pack_into, unpack and record. If a
    class defines its own build, which its subclasses inherit, the build made from the table is ``cls._build``, and
    pack_into writes what the class's own build returns.
    """

    __slots__ = ()

    def __init_subclass__(cls, size=None, **options):
        super().__init_subclass__(**options)
        cdef Layout layout = Layout(cls, size)
        cls._layout = layout
        cls.SIZE = layout.size
        cls.FIELDS = layout.fields
        cls._build = bound_function("build", _BUILD, <void *> build_entry, layout)
        bind(cls, "build", cls._build)
        if type(getattr(cls.build, "__self__", None)) is Layout:
            bind(cls, "pack_into", bound_function("pack_into", _PACK_INTO, <void *> pack_into_entry, layout))
        else:
            bind(cls, "pack_into", classmethod(_pack_built))
        bind(cls, "unpack", bound_function("unpack", _UNPACK, <void *> unpack_entry, layout))
        bind(cls, "record", bound_function("record", _RECORD, <void *> record_entry, layout))


Structure._layout = Layout(Structure)
