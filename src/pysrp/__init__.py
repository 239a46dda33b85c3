"""IBM Virtual SCSI and the SCSI RDMA Protocol: codecs, target and initiator.

``import pysrp`` loads nothing; ``pysrp.srp``, ``pysrp.scsi`` and the rest are imported when they are used.

=========================  ============================================================================
:mod:`pysrp.srp`           SRP information units
:mod:`pysrp.mad`           VIOSRP management datagrams
:mod:`pysrp.crq`           command/response queue elements and rings
:mod:`pysrp.lun`           logical unit numbers
:mod:`pysrp.scsi`          CDBs, sense data, INQUIRY and VPD, mode pages, parameter data
:mod:`pysrp.fields`        the descriptors that all of these are made of
:mod:`pysrp.fuzz`          valid structures at random, and structures bent on purpose
:mod:`pysrp.fabric`        the hypervisor, simulated or real
:mod:`pysrp.initiator`     the client
:mod:`pysrp.target`        the server; :mod:`pysrp.backends` hold its bytes
:mod:`pysrp.scst`          SCST's management tree
:mod:`pysrp.errors`        every exception
:mod:`pysrp.papr`          return codes of hypervisor calls
=========================  ============================================================================
"""

from importlib import import_module
from types import ModuleType

__version__ = "0.1.0"

_MODULES = frozenset(
    (
        "backends",
        "crq",
        "errors",
        "fabric",
        "fields",
        "fuzz",
        "initiator",
        "lun",
        "mad",
        "papr",
        "scsi",
        "scst",
        "srp",
        "target",
    )
)


def __getattr__(name: str) -> ModuleType:
    if name in _MODULES:
        return import_module(f"pysrp.{name}")
    raise AttributeError(f"module 'pysrp' has no attribute {name!r}")


def get_include() -> str:
    """The folder of ``native.h``, the C description of a medium and of a link: what a C compiler's -I wants.

    ``native.pxd`` there is the same for Cython: ``cythonize(..., include_path=[pysrp.get_include()])``.
    """
    return str(next(iter(import_module("pysrp._fast").__path__)))


def __dir__() -> list[str]:
    return sorted([*globals(), *_MODULES])
