"""SCST's face: its sysfs tree, its files' contents, its commands and its errnos.

The tree is reached from Python, from another process over a control socket (:mod:`.control`, ``pysrp scst``)
and as a FUSE mount (:mod:`.fuse`).
"""

from pysrp.scst.grammar import TreeError

__all__ = ["TreeError"]
