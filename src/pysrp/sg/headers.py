"""The arguments of SG_IO: the two headers of Linux's user interface as ctypes structures, and their codes.

They have this machine's byte order and alignment, as the C compiler lays them out. Sources: the user
interface in ``scsi/sg.h`` (version 3) and ``linux/bsg.h`` (version 4); the host byte is that of ``scsi_status.h``.
"""

from __future__ import annotations

import ctypes
from enum import IntEnum

__all__ = ["DriverStatus", "HostStatus", "Ioctl", "Reset", "SgIoHdr", "SgIoV4"]


class Ioctl(IntEnum):
    """Numbers of ioctl(2)."""

    SG_IO = 0x2285
    SG_SCSI_RESET = 0x2284


class Reset(IntEnum):
    """What SG_SCSI_RESET resets; with ``NO_ESCALATE`` the kernel does not go on to a larger reset if that fails."""

    DEVICE = 1
    NO_ESCALATE = 0x100


class HostStatus(IntEnum):
    """Host byte: how the adapter's driver says that the transport of a command ended (``DID_`` of Linux)."""

    OK = 0x00
    NO_CONNECT = 0x01
    BUS_BUSY = 0x02
    TIME_OUT = 0x03
    BAD_TARGET = 0x04
    ABORT = 0x05
    PARITY = 0x06
    ERROR = 0x07
    RESET = 0x08
    BAD_INTR = 0x09
    PASSTHROUGH = 0x0A
    SOFT_ERROR = 0x0B
    IMM_RETRY = 0x0C
    REQUEUE = 0x0D
    TRANSPORT_DISRUPTED = 0x0E
    TRANSPORT_FAILFAST = 0x0F
    TARGET_FAILURE = 0x10
    NEXUS_FAILURE = 0x11
    ALLOC_FAILURE = 0x12
    MEDIUM_ERROR = 0x13
    TRANSPORT_MARGINAL = 0x14


class DriverStatus(IntEnum):
    """Driver byte, its lower four bits: the status of the kernel's SCSI layer (``DRIVER_`` of Linux; SENSE is no error)."""

    OK = 0
    BUSY = 1
    SOFT = 2
    MEDIA = 3
    ERROR = 4
    INVALID = 5
    TIMEOUT = 6
    HARD = 7
    SENSE = 8


class SgIoHdr(ctypes.Structure):
    """``struct sg_io_hdr``, version 3: 88 bytes with pointers of eight bytes, 64 with pointers of four.

    ``timeout`` and ``duration`` are in milliseconds, ``resid`` is in bytes.
    """

    INTERFACE = ord("S")
    NONE, TO_DEVICE, FROM_DEVICE = -1, -2, -3

    _fields_ = [
        ("interface_id", ctypes.c_int),
        ("dxfer_direction", ctypes.c_int),
        ("cmd_len", ctypes.c_ubyte),
        ("mx_sb_len", ctypes.c_ubyte),
        ("iovec_count", ctypes.c_ushort),
        ("dxfer_len", ctypes.c_uint),
        ("dxferp", ctypes.c_void_p),
        ("cmdp", ctypes.c_void_p),
        ("sbp", ctypes.c_void_p),
        ("timeout", ctypes.c_uint),
        ("flags", ctypes.c_uint),
        ("pack_id", ctypes.c_int),
        ("usr_ptr", ctypes.c_void_p),
        ("status", ctypes.c_ubyte),
        ("masked_status", ctypes.c_ubyte),
        ("msg_status", ctypes.c_ubyte),
        ("sb_len_wr", ctypes.c_ubyte),
        ("host_status", ctypes.c_ushort),
        ("driver_status", ctypes.c_ushort),
        ("resid", ctypes.c_int),
        ("duration", ctypes.c_uint),
        ("info", ctypes.c_uint),
    ]


class SgIoV4(ctypes.Structure):
    """``struct sg_io_v4``: 160 bytes on every machine. Protocol and subprotocol 0 are SCSI commands.

    ``timeout`` and ``duration`` are in milliseconds, the residuals in bytes; ``transport_status`` is the host byte.
    """

    GUARD = ord("Q")

    _fields_ = [
        ("guard", ctypes.c_int32),
        ("protocol", ctypes.c_uint32),
        ("subprotocol", ctypes.c_uint32),
        ("request_len", ctypes.c_uint32),
        ("request", ctypes.c_uint64),
        ("request_tag", ctypes.c_uint64),
        ("request_attr", ctypes.c_uint32),
        ("request_priority", ctypes.c_uint32),
        ("request_extra", ctypes.c_uint32),
        ("max_response_len", ctypes.c_uint32),
        ("response", ctypes.c_uint64),
        ("dout_iovec_count", ctypes.c_uint32),
        ("dout_xfer_len", ctypes.c_uint32),
        ("din_iovec_count", ctypes.c_uint32),
        ("din_xfer_len", ctypes.c_uint32),
        ("dout_xferp", ctypes.c_uint64),
        ("din_xferp", ctypes.c_uint64),
        ("timeout", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("usr_ptr", ctypes.c_uint64),
        ("spare_in", ctypes.c_uint32),
        ("driver_status", ctypes.c_uint32),
        ("transport_status", ctypes.c_uint32),
        ("device_status", ctypes.c_uint32),
        ("retry_delay", ctypes.c_uint32),
        ("info", ctypes.c_uint32),
        ("duration", ctypes.c_uint32),
        ("response_len", ctypes.c_uint32),
        ("din_resid", ctypes.c_int32),
        ("dout_resid", ctypes.c_int32),
        ("generated_tag", ctypes.c_uint64),
        ("spare_out", ctypes.c_uint32),
        ("padding", ctypes.c_uint32),
    ]
