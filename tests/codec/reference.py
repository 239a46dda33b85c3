"""A slow second description of the wire formats, typed from the standards, with struct alone.

Nothing here imports pysrp: an offset that is wrong there is not wrong here too. Each structure is a
list of (field, struct format, offset); a field of bits is (field, offset, low bit, width).
"""

from __future__ import annotations

import struct
from typing import Any

STRUCTURES: dict[str, tuple[int, list[tuple[str, str, int]]]] = {
    "LoginReq": (
        64,
        [
            ("opcode", "B", 0),
            ("tag", "Q", 8),
            ("req_it_iu_len", "I", 16),
            ("req_buf_fmt", "H", 24),
            ("req_flags", "B", 26),
            ("imm_data_offset", "H", 28),
            ("initiator_port_id", "16s", 32),
            ("target_port_id", "16s", 48),
        ],
    ),
    "LoginReqCM": (
        56,
        [
            ("tag", "Q", 0),
            ("req_buf_fmt", "H", 8),
            ("req_flags", "B", 10),
            ("opcode", "B", 11),
            ("req_it_iu_len", "I", 12),
            ("initiator_port_id", "16s", 16),
            ("target_port_id", "16s", 32),
            ("imm_data_offset", "H", 48),
        ],
    ),
    "LoginRsp": (
        52,
        [
            ("opcode", "B", 0),
            ("req_lim_delta", "i", 4),
            ("tag", "Q", 8),
            ("max_it_iu_len", "I", 16),
            ("max_ti_iu_len", "I", 20),
            ("buf_fmt", "H", 24),
            ("rsp_flags", "B", 26),
        ],
    ),
    "LoginRej": (32, [("opcode", "B", 0), ("reason", "I", 4), ("tag", "Q", 8), ("buf_fmt", "H", 24)]),
    "ILogout": (16, [("opcode", "B", 0), ("tag", "Q", 8)]),
    "TLogout": (16, [("opcode", "B", 0), ("sol_not", "B", 1), ("reason", "I", 4), ("tag", "Q", 8)]),
    "TskMgmt": (
        48,
        [
            ("opcode", "B", 0),
            ("sol_not", "B", 1),
            ("tag", "Q", 8),
            ("lun", "8s", 20),
            ("tsk_mgmt_func", "B", 30),
            ("task_tag", "Q", 32),
        ],
    ),
    "Cmd": (
        48,
        [
            ("opcode", "B", 0),
            ("sol_not", "B", 1),
            ("data_out_desc_cnt", "B", 6),
            ("data_in_desc_cnt", "B", 7),
            ("tag", "Q", 8),
            ("lun", "8s", 20),
            ("add_cdb_len", "B", 31),
        ],
    ),
    "Rsp": (
        36,
        [
            ("opcode", "B", 0),
            ("sol_not", "B", 1),
            ("req_lim_delta", "i", 4),
            ("tag", "Q", 8),
            ("flags", "B", 18),
            ("status", "B", 19),
            ("data_out_res_cnt", "I", 20),
            ("data_in_res_cnt", "I", 24),
            ("sense_data_len", "I", 28),
            ("resp_data_len", "I", 32),
        ],
    ),
    "CredReq": (16, [("opcode", "B", 0), ("sol_not", "B", 1), ("req_lim_delta", "i", 4), ("tag", "Q", 8)]),
    "CredRsp": (16, [("opcode", "B", 0), ("tag", "Q", 8)]),
    "AerReq": (
        36,
        [
            ("opcode", "B", 0),
            ("sol_not", "B", 1),
            ("req_lim_delta", "i", 4),
            ("tag", "Q", 8),
            ("lun", "8s", 20),
            ("sense_data_len", "I", 28),
        ],
    ),
    "AerRsp": (16, [("opcode", "B", 0), ("tag", "Q", 8)]),
    "DirectBuf": (16, [("va", "Q", 0), ("key", "I", 8), ("len", "I", 12)]),
    "ImmBuf": (4, [("len", "I", 0)]),
    "Element": (
        16,
        [
            ("valid", "B", 0),
            ("format", "B", 1),
            ("reserved", "B", 2),
            ("status", "B", 3),
            ("timeout", "H", 4),
            ("IU_length", "H", 6),
            ("IU_data_ptr", "Q", 8),
        ],
    ),
    "EmptyIu": (
        28,
        [
            ("type", "I", 0),
            ("status", "H", 4),
            ("length", "H", 6),
            ("tag", "Q", 8),
            ("buffer", "Q", 16),
            ("port", "I", 24),
        ],
    ),
    **{
        name: (
            24,
            [
                ("type", "I", 0),
                ("status", "H", 4),
                ("length", "H", 6),
                ("tag", "Q", 8),
                ("buffer", "Q", 16),
            ],
        )
        for name in ("ErrorLog", "AdapterInfo", "HostConfig", "Capabilities", "PhysAdapterInfo")
    },
    "TapePassthrough": (
        32,
        [
            ("type", "I", 0),
            ("status", "H", 4),
            ("length", "H", 6),
            ("tag", "Q", 8),
            ("lun", "8s", 16),
            ("version", "I", 24),
            ("operation", "I", 28),
        ],
    ),
    "EnableFastFail": (16, [("type", "I", 0), ("status", "H", 4), ("length", "H", 6), ("tag", "Q", 8)]),
    "AdapterInfoData": (
        148,
        [
            ("srp_version", "8s", 0),
            ("partition_name", "96s", 8),
            ("partition_number", "I", 104),
            ("mad_version", "I", 108),
            ("os_type", "I", 112),
        ],
    ),
    "CapabilitiesData": (68, [("flags", "I", 0), ("name", "32s", 4), ("loc", "32s", 36)]),
    "MigrationCap": (
        12,
        [("cap_type", "I", 0), ("length", "H", 4), ("server_support", "H", 6), ("ecl", "I", 8)],
    ),
    "ReserveCap": (
        12,
        [("cap_type", "I", 0), ("length", "H", 4), ("server_support", "H", 6), ("type", "I", 8)],
    ),
    "ErrorLogData": (
        104,
        [
            ("lun", "8s", 0),
            ("correlator", "Q", 8),
            ("error_id", "i", 24),
            ("buffer_size", "I", 28),
            ("client_name", "32s", 32),
            ("device_name", "32s", 64),
            ("partition", "I", 96),
            ("flags", "I", 100),
        ],
    ),
    "PhysAdapterInfoData": (
        528,
        [
            ("lun", "8s", 0),
            ("version", "I", 8),
            ("part_number", "128s", 12),
            ("serial_number", "128s", 140),
            ("location", "256s", 268),
        ],
    ),
}

BITS = {"Cmd": [("data_out_fmt", 5, 4, 4), ("data_in_fmt", 5, 0, 4), ("task_attr", 29, 0, 3)]}

CODES = {
    "LoginReq": 0x00,
    "TskMgmt": 0x01,
    "Cmd": 0x02,
    "ILogout": 0x03,
    "CredRsp": 0x41,
    "AerRsp": 0x42,
    "TLogout": 0x80,
    "CredReq": 0x81,
    "AerReq": 0x82,
    "LoginRsp": 0xC0,
    "Rsp": 0xC1,
    "LoginRej": 0xC2,
    "EmptyIu": 1,
    "ErrorLog": 2,
    "AdapterInfo": 3,
    "HostConfig": 4,
    "Capabilities": 5,
    "PhysAdapterInfo": 6,
    "TapePassthrough": 7,
    "EnableFastFail": 8,
}


def pack(name: str, values: dict[str, Any]) -> bytes:
    """The bytes of a structure from its fields; integers and bytes only."""
    size, table = STRUCTURES[name]
    raw = bytearray(size)
    for field, fmt, offset in table:
        if field in values:
            struct.pack_into(">" + fmt, raw, offset, values[field])
    for field, offset, low, _width in BITS.get(name, []):
        raw[offset] |= values.get(field, 0) << low
    return bytes(raw)


def unpack(name: str, raw: bytes) -> dict[str, Any]:
    """The fields of a structure from its bytes."""
    _size, table = STRUCTURES[name]
    values = {field: struct.unpack_from(">" + fmt, raw, offset)[0] for field, fmt, offset in table}
    for field, offset, low, width in BITS.get(name, []):
        values[field] = raw[offset] >> low & (1 << width) - 1
    return values
