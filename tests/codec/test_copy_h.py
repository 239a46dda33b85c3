"""Copies of data go the other way round where processors are slow otherwise; the bytes are the same."""

from __future__ import annotations

from pathlib import Path

from compiled import compiled

PAGE = 4096
SOURCE = """
#include "copy.h"
static void copy(uint8_t *to, const uint8_t *from, size_t n) { copy_bytes(to, from, n); }
static void move(uint8_t *to, const uint8_t *from, size_t n) { move_bytes(to, from, n); }
"""
CALLS = """
void copy(uint8_t *to, const uint8_t *from, size_t n);
void move(uint8_t *to, const uint8_t *from, size_t n);
"""


def test_every_distance_within_a_page(tmp_path: Path) -> None:
    copying = compiled(tmp_path, "copying", CALLS, SOURCE)
    source = bytes(range(251)) * 70
    for size in 0, 1, 2047, 2048, 2049, 2 * PAGE + 63, 4 * PAGE:
        for distance in *range(70), PAGE - 1, PAGE, PAGE + 16:
            room = bytearray(b"\xee" * 24 * PAGE)
            here = copying.ffi.from_buffer(room)
            begin = -int(copying.ffi.cast("uintptr_t", here)) % PAGE
            start, end = begin + 8 * PAGE + distance, begin + 8 * PAGE + distance + size
            room[begin : begin + size] = source[:size]
            copying.lib.copy(here + start, here + begin, size)
            assert room[start:end] == source[:size], (size, distance)
            assert set(room[start - 64 : start] + room[end : end + 64]) == {0xEE}, (size, distance)


def test_bytes_that_overlap(tmp_path: Path) -> None:
    """Nearer than their size, either way, and just not so."""
    copying = compiled(tmp_path, "moving", CALLS, SOURCE)
    size = 2 * PAGE + 100
    for distance in *range(-40, 41), 1 - size, -size, size - 1, size, PAGE + 16, -PAGE - 16:
        room = bytearray(bytes(range(251)) * 200)
        expected, start = bytearray(room), 4 * PAGE
        expected[start + distance : start + distance + size] = room[start : start + size]
        here = copying.ffi.from_buffer(room)
        copying.lib.move(here + start + distance, here + start, size)
        assert room == expected, distance
