# A structure as text: repr() and show(). A part of view.pyx.

from cpython.bytes cimport PyBytes_FromStringAndSize

from pysrp.errors import DecodeError


cdef str brief(Field f, object value):
    if isinstance(value, memoryview):
        return f"<{value.hex(' ') if len(value) <= 32 else value[:32].hex(' ') + ' ...'}>"
    if isinstance(value, View):
        return repr(value)
    if isinstance(value, int):
        name = getattr(value, "name", None)
        if name:
            return name
        if isinstance(f, Int) and (<Int> f).hex and not isinstance(value, bool):
            return f"{int(value):#x}"
        return f"{value!r}" if isinstance(value, bool) else f"{int(value)}"
    if isinstance(value, list):
        return "[" + ", ".join([brief(f, x) for x in value]) + "]"
    return repr(value)


cdef bint unused(Field f, View v) except -1:
    """Whether a field has a ``valid`` flag, and that is not set."""
    return isinstance(f, Int) and (<Int> f).valid is not None and not (<Int> f).valid.get(v)


cdef list rows(View v, Py_ssize_t base, int depth):
    cdef Field f
    cdef Py_ssize_t offset, length, end = reach(v, layout_of(type(v)))
    indent = "  " * depth
    lines = [f"{indent}{type(v).__name__}, {v.n} bytes"] if depth == 0 else []
    for f in layout_of(type(v)).fields:
        try:
            place(f, v, &offset, &length)
            value = f.get(v)
        except DecodeError as error:
            if f.variable or f.end <= layout_of(type(v)).size:
                lines.append(f"{base + error.offset:5}  {indent}{f.name:<24}  ! {error}")
            continue
        raw = PyBytes_FromStringAndSize(<char *> v.p + offset, length)
        if (f.reserved or unused(f, v)) and not any(raw if isinstance(value, memoryview) else (value,)):
            continue
        if f.variable:
            if length == 0:
                continue
            end = max(end, offset + length)
        nested = value if isinstance(value, list) else [value]
        if nested and all([isinstance(x, View) for x in nested]):
            for x in nested:
                if (<View> x).n <= 16 and all([not isinstance(g, (Struct, Part)) for g in type(x).FIELDS]):
                    raw = bytes(x)
                    meaning = brief(f, x)
                    at = base + ((<View> x).p - v.p)
                    lines.append(f"{at:5}  {indent}{f.name:<24}  {raw.hex(' '):<47}  {meaning}")
                    continue
                lines.append(f"{base + ((<View> x).p - v.p):5}  {indent}{f.name:<24}  {type(x).__name__}")
                lines.extend(rows(<View> x, base + ((<View> x).p - v.p), depth + 1))
            continue
        meaning = "" if isinstance(value, memoryview) else brief(f, value)
        if type(value) is not int and isinstance(value, int) and not isinstance(value, bool):
            meaning = f"{int(value):#x} {meaning}" if value else meaning
        shown = max(len(raw.rstrip(b"\0")), 16)
        for at in range(0, max(len(raw), 1), 16):
            label = f.name if at == 0 else ""
            if at >= shown:
                lines.append(f"{base + offset + at:5}  {indent}{'':<24}  {len(raw) - at} more, zeros")
                break
            line = f"{base + offset + at:5}  {indent}{label:<24}  {raw[at:at + 16].hex(' '):<47}  {meaning}"
            lines.append(line.rstrip())
            meaning = ""
    if end < v.n:
        raw = PyBytes_FromStringAndSize(<char *> v.p + end, v.n - end)
        kind = "zeros" if not any(raw) else "not part of the structure"
        lines.append(f"{base + end:5}  {indent}{'(trailing)':<24}  {len(raw)} bytes, {kind}")
    return lines
