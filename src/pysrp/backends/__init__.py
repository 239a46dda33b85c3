"""Backends: where the bytes of a logical unit are.

One interface, :class:`Backend`; what a logical unit does with it is the logical unit's affair. No backend
knows of SCSI: offsets and lengths are in bytes, failures are OSError with the errno of the medium.

==============  =======  ==========================================================
class           blocks   what it is
==============  =======  ==========================================================
:class:`Ram`    no       memory of this process, zeroed, taken page by page
:class:`File`   yes      a file, sparse if it is made here, or a block device
:class:`Null`   no       zeros of any size; what is written is gone
==============  =======  ==========================================================
"""

from pysrp.backends.base import Backend
from pysrp.backends.file import File
from pysrp.backends.null import Null
from pysrp.backends.ram import Ram

__all__ = ["Backend", "File", "Null", "Ram"]
