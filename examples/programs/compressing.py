"""A disk that is stored compressed, and reports the ratio by a command of its own: python compressing.py URL."""

import sys
import zlib
from threading import Lock

from pysrp.backends import Backend
from pysrp.fields import U8
from pysrp.scsi.cdb.base import Cdb6
from pysrp.target import Disk, LunMap, Server
from pysrp.target.effects import Reply
from pysrp.target.unit import command

CHUNK, EMPTY = 1 << 16, zlib.compress(bytes(1 << 16))


class ReadKept(Cdb6, opcode=0xD5, name="READ KEPT", data_in="allocation_length"):
    __slots__ = ()
    allocation_length = U8(4, doc="Room for the answer: bytes of memory that the disk takes, as 8 bytes")


class Compressed(Backend):
    blocking = True  # zlib takes time, so worker threads call this backend

    def __init__(self, size):
        self.size, self.chunks, self.lock = size, {}, Lock()

    def read_into(self, offset, view):
        _, whole, meant = self.around(offset, len(view))
        view[:] = whole[meant]

    def write_from(self, offset, view):
        with self.lock:
            first, whole, meant = self.around(offset, len(view))
            whole[meant] = view
            for at in range(0, len(whole), CHUNK):
                self.chunks[first + at // CHUNK] = zlib.compress(whole[at : at + CHUNK], 1)

    def around(self, offset, length):
        """Number of the first chunk in the range, the bytes of all its chunks, and the slice of these bytes that is meant."""
        if not 0 <= offset <= self.size - length:
            raise ValueError(f"{length} bytes at {offset} of {self.size}")
        first, begin = divmod(offset, CHUNK)
        kept = (self.chunks.get(each, EMPTY) for each in range(first, -(-(offset + length) // CHUNK)))
        return first, bytearray().join(map(zlib.decompress, kept)), slice(begin, begin + length)

    flush = close = lambda self: None  # everything is in memory


class CompressedDisk(Disk):
    @command(ReadKept, medium=True)
    def read_kept(self, task, cdb):
        kept = sum(map(len, list(self.backend.chunks.values())))
        return Reply(kept.to_bytes(8, "big"), cdb.allocation_length)


if __name__ == "__main__":
    with Server(sys.argv[1], LunMap([(256, CompressedDisk(Compressed(64 << 20), "small"))])) as server:
        server.wait()
