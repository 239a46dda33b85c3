"""Backends: storage for the bytes of a logical unit.

All have one interface, :class:`Backend`, and know nothing of SCSI: offsets and lengths are in bytes, failures are OSError with
the errno of the medium. ``blocks`` below says whether a call may block.

==============  =======  ==========================================================
class           blocks   storage
==============  =======  ==========================================================
:class:`Ram`    no       memory of this process, zeroed, allocated page by page
:class:`File`   yes      a file, sparse if it is created here, or a block device
:class:`Null`   no       none, of any size: reads as zeros, whatever is written
==============  =======  ==========================================================
"""

from pysrp.backends.base import Backend
from pysrp.backends.file import File
from pysrp.backends.null import Null
from pysrp.backends.ram import Ram

__all__ = ["Backend", "File", "Null", "Ram"]
