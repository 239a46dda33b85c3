"""What a type checker knows of the codecs. `make types` has mypy check it: an ignored error that is none is one, too."""

from __future__ import annotations

from typing_extensions import assert_type

from pysrp import crq, mad, scsi, srp
from pysrp.fields import U8, U32, U64
from pysrp.scsi.cdb.base import Cdb, Cdb10


class Own(Cdb10, opcode=0xD5, name="OWN"):
    """A command of a user's."""

    __slots__ = ()
    key = U32(2)


class OwnIu(srp.IU, opcode=0x3E, size=24):
    """An IU of a user's."""

    __slots__ = ()
    flags = U8(1)


def takes() -> None:
    """What build() takes."""
    Own.build(key=5)
    OwnIu.build(flags=5)
    srp.Cmd.build(
        tag=1, lun="1", cdb=scsi.Read10.build(lba=4), data_in=(0, 512), data_out=[(1, 2), (3, 4, 5)]
    )
    srp.Rsp.build(sense=None, trailing=bytes(3))
    scsi.ModeSense6.build(page_code=scsi.ModePage.CACHING, dbd=True)
    scsi.SupportedVpdPages.build(pages=[0, 0x80])
    srp.Cmd.build(tag="1")  # type: ignore[arg-type]
    srp.Cmd.build(tags=1)  # type: ignore[call-arg]
    srp.Cmd.pack_into(bytearray(48), 0, lun=1.5)  # type: ignore[arg-type]


def gives(buf: bytes) -> None:
    """What parse and the fields give."""
    iu = srp.parse(buf)
    assert_type(iu.opcode, int)
    if isinstance(iu, srp.Cmd):
        assert_type(iu, srp.Cmd)
        assert_type(iu.tag, int)
        assert_type(iu.data_in, "srp.DirectBuf | srp.IndirectBuf | None")
        assert_type(iu.copy(), srp.Cmd)
    else:
        print(iu.cdb)  # type: ignore[union-attr]
    assert_type(srp.Cmd.tag, U64)
    assert_type(srp.Cmd.record(buf), srp.Cmd)
    assert_type(scsi.parse_sense(buf), "scsi.FixedSense | scsi.DescriptorSense")
    assert_type(scsi.parse_sense(buf).sense_key, int)
    assert_type(scsi.parse_cdb(buf), Cdb)
    assert_type(mad.parse(buf), mad.Mad)
    assert_type(crq.parse(buf), crq.Element)
    assert_type(scsi.DeviceIdentification(buf).designators, list[scsi.Designator])
