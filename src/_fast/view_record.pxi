# Records: views over private bytes, whose fixed fields have been decoded already. A part of view.pyx.

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_CheckExact, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.object cimport PyObject, PyTypeObject
from libc.stdlib cimport calloc


cdef extern from *:
    """
    #include <structmember.h>

    static Py_ssize_t record_buffer;

    /* A type without tp_traverse inherits garbage collection from its base. A record's values refer to no objects. */
    static int record_traverse(PyObject *self, visitproc visit, void *arg)
    {
        return 0;
    }

    /* As CPython's subtype_dealloc(), for a type without garbage collection. A record's type has no subclasses. */
    static void record_dealloc(PyObject *self)
    {
        PyTypeObject *type = Py_TYPE(self);
        PyObject **slot = (PyObject **)((char *)self + type->tp_base->tp_basicsize);
        PyObject **end = (PyObject **)((char *)self + type->tp_basicsize);

        if (type->tp_finalize && PyObject_CallFinalizerFromDealloc(self) < 0)
            return;
        while (slot < end)
            Py_XDECREF(*slot++);
        PyBuffer_Release((Py_buffer *)((char *)self + record_buffer));
        type->tp_free(self);
        Py_DECREF(type);
    }

    /* Whether instances have a dictionary, slots or weak references besides those of a view. */
    static int record_unfit(PyObject *cls, PyObject *view)
    {
        PyTypeObject *type = (PyTypeObject *)cls;

        return type->tp_basicsize != ((PyTypeObject *)view)->tp_basicsize || type->tp_dictoffset ||
            type->tp_weaklistoffset;
    }

    static PyObject *record_make_type(const char *name, PyObject *base, PyMemberDef *members, Py_ssize_t count,
                                      setattrofunc refuse)
    {
        Py_ssize_t size = ((PyTypeObject *)base)->tp_basicsize;
        PyType_Slot slots[] = {
            {Py_tp_members, members}, {Py_tp_dealloc, record_dealloc}, {Py_tp_setattro, refuse},
            {Py_tp_traverse, record_traverse}, {Py_tp_free, PyObject_Free}, {0, NULL}};
        PyType_Spec spec = {name, (int)(size + count * (Py_ssize_t)sizeof(PyObject *)), 0,
                            Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};

        for (Py_ssize_t i = 0; i < count; i++) {
            members[i].type = T_OBJECT_EX;
            members[i].flags = READONLY;
            members[i].offset = size + i * (Py_ssize_t)sizeof(PyObject *);
        }
        return PyType_FromSpecWithBases(&spec, base);
    }
    """
    ctypedef struct PyMemberDef:
        const char *name

    ctypedef int (*setattrofunc)(PyObject *, PyObject *, PyObject *) except -1

    Py_ssize_t record_buffer    # offset of View.buffer
    bint record_unfit(object cls, object view)
    object record_make_type(const char *name, object base, PyMemberDef *members, Py_ssize_t count,
                            setattrofunc refuse)

record_buffer = <char *> &(<View> NULL).buffer - <char *> NULL

_RECORD = """record($module, buf, /)
--

The structure in ``buf`` as a record: a view over bytes of its own, whose fields have been read.

A record is of the class, and does not change: its memory is ``buf`` if that is bytes, else a copy. Integers, enum
members, LUNs, texts and arrays of the fixed part are in slots, where reading one costs no more than of any Python
object; bytes, nested structures and variable parts are read when they are asked for, as in a view. It has a hash
and can be pickled. Raises TruncatedError if the fixed part is not all there, TypeError if the class or a base of it
has no ``__slots__ = ()``.
"""
_RECORD_OF = """record($module, buf, /)
--

A record (see Structure.record) of the class that the bytes of ``buf`` select; raises as parse() does.
"""


cdef int record_set(PyObject *self, PyObject *name, PyObject *value) except -1:
    readonly_memory(<View> self, f"{<object> name}")


cdef int make_record_type(Layout layout) except -1:
    """Make the type of a class's records. Called when its first record is made."""
    cdef PyMemberDef *members
    cdef Py_ssize_t i
    cdef Field f
    cdef Step *slots
    owner = layout.owner
    if record_unfit(owner, View):
        raise TypeError(f"{owner.__name__}: a record has no dictionary; give the class and its bases __slots__ = ()")
    fields = [
        f for f in layout.fixed
        if f.end <= layout.size and not f.variable and not isinstance(f, (Raw, Struct))
    ]
    names = [f.name.encode() for f in fields]
    name = f"{owner.__module__}.{owner.__name__}Record".encode()
    members = <PyMemberDef *> calloc(len(fields) + 1, sizeof(PyMemberDef))
    if members is NULL:
        raise MemoryError  # pragma: no cover: no test has that little memory
    _kept.append((name, names))
    for i in range(len(fields)):
        members[i].name = names[i]
    made = record_make_type(name, owner, members, len(fields), record_set)
    made.__match_args__ = tuple([f.name for f in fields])
    slots = steps_of(fields, False)
    with cython.critical_section(layout):
        if layout.record is not None:
            return 0    # another thread has made it, or code of an enum that steps_of() called has made a record
        layout.slot_count = len(fields)
        step_publish(&layout.slots, slots)
        layout.record = made
    return 0


cdef View record_of(Layout layout, bytes data):
    cdef View v
    cdef PyObject **slot
    cdef Py_ssize_t i
    # `record` is set last, once, and never changes.
    if layout.record is None or step_list(&layout.slots) is NULL:
        make_record_type(layout)
    if PyBytes_GET_SIZE(data) < layout.size:
        truncated(layout.owner.__name__, "", 0, layout.size, PyBytes_GET_SIZE(data))
    v = <View> view_alloc(layout.record)
    grab(v, data)
    slot = <PyObject **> (<char *> <PyObject *> v + (<PyTypeObject *> View).tp_basicsize)
    for i in range(layout.slot_count):
        slot[i] = step_value(layout.slots + i, v.p, v)
    return v


cdef bytes own_bytes(object buf):
    """``buf`` itself if it is bytes, else a copy."""
    cdef Py_buffer view
    if PyBytes_CheckExact(buf):
        return <bytes> buf
    PyObject_GetBuffer(buf, &view, PyBUF_SIMPLE)
    try:
        return PyBytes_FromStringAndSize(<char *> view.buf, view.len)
    finally:
        PyBuffer_Release(&view)


cdef object record_entry(object self, PyObject **args, Py_ssize_t nargs, PyObject *names):
    if nargs != 1 or names is not NULL:
        raise TypeError(f"{(<Layout> self).owner.__name__}.record(buf, /)")
    return record_of(<Layout> self, own_bytes(<object> args[0]))


cdef object dispatch_record_entry(object self, PyObject **args, Py_ssize_t nargs, PyObject *names):
    cdef bytes data
    cdef Layout layout
    cdef View v
    if nargs != 1 or names is not NULL:
        raise TypeError("record(buf, /)")
    data = own_bytes(<object> args[0])
    cls = (<Dispatch> self).select(<const uint8_t *> PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))
    layout = layout_of(cls)
    v = record_of(layout, data)
    if (<Dispatch> self).trim:
        v.n = min(extent(v, layout), v.n)
    return v


def _record(cls, buf):
    """``cls.record(buf)``, as a function that pickle can find by name."""
    return cls.record(buf)
