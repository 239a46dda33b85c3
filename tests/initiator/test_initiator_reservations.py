"""Persistent reservations as an initiator asks for them, in blocking calls and in asyncio."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from pysrp.backends import Ram
from pysrp.errors import CheckCondition, ReservationConflict
from pysrp.initiator import aio
from pysrp.initiator.session import Device, Session
from pysrp.scsi import params
from pysrp.scsi.codes import PersistentReserveInAction as In
from pysrp.scsi.codes import PersistentReserveOutAction as Out
from pysrp.scsi.codes import PersistentReserveType as Type
from pysrp.target.disk import Disk
from pysrp.target.lunmap import LunMap
from pysrp.target.serve import Server

_names = itertools.count()


@pytest.fixture
def url() -> Iterator[str]:
    url = f"local:reservations{next(_names)}"
    with Server(url, LunMap([(256, Disk(Ram(1 << 20)))])):
        yield url


def key(now: int, new: int = 0) -> Any:
    return params.PrOut.build(reservation_key=now, service_action_reservation_key=new)


def disk_of(session: Session) -> Device:
    (disk,) = session.scan()
    return disk


def test_one_fences_the_other(url: str) -> None:
    with Session(url) as first, Session(url) as second:
        one, two = disk_of(first), disk_of(second)
        one.persistent_reserve_out(Out.REGISTER, key(0, 1))
        two.persistent_reserve_out(Out.REGISTER, key(0, 2))
        one.persistent_reserve_out(Out.RESERVE, key(1), Type.WRITE_EXCLUSIVE_REGISTRANTS_ONLY)
        assert one.persistent_reserve_in(In.READ_KEYS).keys == [1, 2]
        found = two.persistent_reserve_in(In.READ_RESERVATION).reservation
        assert (found.reservation_key, found.type) == (1, Type.WRITE_EXCLUSIVE_REGISTRANTS_ONLY)
        assert two.persistent_reserve_in(In.REPORT_CAPABILITIES).types == [
            kind for kind in Type if kind not in (Type.READ_SHARED, Type.READ_EXCLUSIVE, Type.SHARED_ACCESS)
        ]
        two.write(0, bytes(512))
        one.persistent_reserve_out(Out.PREEMPT_AND_ABORT, key(1, 2))
        with pytest.raises(CheckCondition):
            two.session.execute(two.lun, bytes(6))  # REGISTRATIONS PREEMPTED
        with pytest.raises(ReservationConflict):
            two.write(0, bytes(512))
        with pytest.raises(ReservationConflict):
            two.persistent_reserve_out(Out.RELEASE, key(2), Type.WRITE_EXCLUSIVE_REGISTRANTS_ONLY)
        assert two.read(0) == bytes(512)


def test_a_unit_attention_is_no_answer(url: str) -> None:
    """The command has not been carried out: it is sent again."""
    with Session(url) as first, Session(url) as second:
        one, two = disk_of(first), disk_of(second)
        one.persistent_reserve_out(Out.REGISTER, key(0, 1))
        two.persistent_reserve_out(Out.REGISTER, key(0, 2))
        two.persistent_reserve_out(Out.CLEAR, key(2))
        one.persistent_reserve_out(Out.REGISTER, key(0, 3))
        assert two.persistent_reserve_in(In.READ_KEYS).keys == [3]


def test_more_registrants_than_4_kib_tell_of(url: str) -> None:
    with Session(url) as session:
        disk = disk_of(session)
        ids = [params.SrpTransportId.of_unit_address(number) for number in range(1, 801)]
        several = params.PrOutSpecIPt.build(service_action_reservation_key=9, transport_ids=ids)
        disk.persistent_reserve_out(Out.REGISTER, several)
        assert disk.persistent_reserve_in(In.READ_KEYS).keys == [9] * 801
        found = disk.persistent_reserve_in(In.READ_FULL_STATUS).descriptors
        assert [bytes(one.transport_id) for one in found[1:]] == [bytes(one) for one in ids]


def test_in_asyncio(url: str) -> None:
    async def main() -> None:
        async with aio.Session(url) as session:
            (disk,) = await session.scan()
            await disk.persistent_reserve_out(Out.REGISTER, key(0, 7))
            await disk.persistent_reserve_out(Out.RESERVE, key(7), Type.EXCLUSIVE_ACCESS)
            assert (await disk.persistent_reserve_in(In.READ_FULL_STATUS)).descriptors[0].r_holder
            with pytest.raises(ReservationConflict):
                await disk.persistent_reserve_out(Out.CLEAR, key(8))

    asyncio.run(main())
