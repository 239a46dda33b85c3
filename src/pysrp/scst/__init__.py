"""SCST's management interface: its sysfs tree, with the contents of its files, its commands and its errnos.

:class:`Tree` can be used from Python, from another process (:class:`Control` and :class:`Client`; on the
command line ``pysrp scst``) and as a FUSE :class:`Mount`, where the shell lines of SCST's documentation work.
:func:`load` and :func:`save` are for ``scst.conf``.

=================================  ================================================================
path                               contents
=================================  ================================================================
``version`` ``setup_id``           as in SCST
``last_sysfs_mgmt_res``
``handlers/<handler>/mgmt``        ``add_device``, ``del_device`` (:mod:`.devices`)
``devices/<name>/``                a disk
``device_groups/<name>/``          which targets reach which devices, and how well (:mod:`.groups`)
``targets/ibmvstgt/<target>/``     an adapter: ``enabled``, ``luns/mgmt``, sessions (:mod:`.targets`)
``class/ibmvstgt/<adapter>/``      the files of SCST's driver in ``/sys/class/ibmvstgt``
=================================  ================================================================
"""

from pysrp.scst.conf import load, save
from pysrp.scst.control import Client, Control, socket_of
from pysrp.scst.files import Files, Stat
from pysrp.scst.fuse import Mount, mount
from pysrp.scst.grammar import TreeError, quote
from pysrp.scst.tree import Tree

__all__ = [
    "Client",
    "Control",
    "Files",
    "Mount",
    "Stat",
    "Tree",
    "TreeError",
    "load",
    "mount",
    "quote",
    "save",
    "socket_of",
]
