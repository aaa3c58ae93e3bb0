"""Latencies summed up so that percentiles can be told: counts in cells of a fixed relative width. Pure.

A sketch is one integer, `sum(count << 32 * cell)`: sketches are merged by adding and taken back by subtracting, exactly
as if all values had been counted again.
"""

from __future__ import annotations

import struct
import zlib
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate

Sketch = int
"""Counts of all cells; 0 is of no value at all."""

WORST = 1 / 32
"""How far at most a quantile is from the true one, relative to it: half the width of a cell."""

_WIDTH = 32
_HALF = 1 << (_WIDTH - 1)
_MOST = 1024
_ALL_HALVES = ((1 << _WIDTH * _MOST) - 1) // ((1 << _WIDTH) - 1) * _HALF
_SPARSE, _PACKED = 1 << 14, 1 << 15
_FEW = 8


def cell(value: int) -> int:
    """Return the cell of a value: each below 32 has its own, above that there are 16 to an octave."""
    if value < 32:
        return value if value > 0 else 0
    shift = value.bit_length() - 5
    return (shift << 4) + (value >> shift)


def middle(number: int) -> int:
    """Return the value in the middle of a cell."""
    if number < 32:
        return number
    shift = (number >> 4) - 1
    first = (number - (shift << 4)) << shift
    return first + ((1 << shift) - 1) // 2


def of_cells(counts: Mapping[int, int]) -> Sketch:
    """Return the sketch of counts by cell; a count may be below 0, for what is taken back."""
    if not counts:
        return 0
    lowest, size = min(counts), max(counts) - min(counts) + 1
    biased = [_HALF] * size
    for number, count in counts.items():
        biased[number - lowest] += count
    packed = struct.pack(f"<{size}I", *biased)
    return (int.from_bytes(packed, "little") - _bias(size)) << _WIDTH * lowest


def of_values(values: Iterable[int]) -> Sketch:
    """Return the sketch of values, not one of them below 0."""
    counts: dict[int, int] = {}
    for value in values:
        number = cell(value)
        counts[number] = counts.get(number, 0) + 1
    return of_cells(counts)


def cells(sketch: Sketch) -> list[tuple[int, int]]:
    """Return the cells that hold anything with their counts, the lowest first."""
    if not sketch:
        return []
    lowest = _lowest(sketch)
    sketch >>= _WIDTH * lowest
    return [(number, count) for number, count in enumerate(_counts(sketch), lowest) if count]


def count(sketch: Sketch) -> int:
    """Return how many values are in a sketch."""
    return sum(count for _, count in cells(sketch))


def quantiles(sketch: Sketch, shares: Iterable[float]) -> list[int | None]:
    """Return the values below or at which these shares of all values lie, None of an empty sketch.

    By nearest rank: of n values in order the one at place ceil(share * n), at least the first; each within `WORST`.

    Args:
        sketch: The values.
        shares: From 0 to 1.
    """
    return summary(sketch, shares)[1]


def summary(sketch: Sketch, shares: Iterable[float]) -> tuple[int, list[int | None]]:
    """Return how many values are in a sketch, and its `quantiles`: both in one pass."""
    if sketch <= 0:
        return 0, [None for _ in shares]
    lowest = _lowest(sketch)
    counts = _counts(sketch >> _WIDTH * lowest)
    places = list(accumulate(max(count, 0) for count in counts) if min(counts) < 0 else accumulate(counts))
    total = places[-1]
    return total, [middle(lowest + bisect_left(places, rank(share, total))) for share in shares]


def rank(share: float, total: int) -> int:
    """Return the place, from 1, of a share of so many values."""
    # By whole thousandths of a percent: 0.95 * 20 would be 19.000000000000004 - and place 20 - elsewhere.
    return min(max(-(-round(share * 100_000) * total // 100_000), 1), max(total, 1))


def encode(sketch: Sketch, pack: bool = False) -> bytes:
    """Return a sketch as bytes: the lowest cell and all counts from there on, where they are few one by one.

    Args:
        sketch: The values.
        pack: Whether to compress what is not few.
    """
    if not sketch:
        return b""
    lowest = _lowest(sketch)
    sketch >>= _WIDTH * lowest
    held = [(number, count) for number, count in enumerate(_counts(sketch), lowest) if count]
    if len(held) <= _FEW:
        return struct.pack("<H" + "Hi" * len(held), _SPARSE, *(part for pair in held for part in pair))
    # Signed as a whole, so that counts below 0 need no form of their own.
    body = sketch.to_bytes(sketch.bit_length() // 8 + 1, "little", signed=True)
    if pack:
        lowest, body = lowest | _PACKED, zlib.compress(body, 1)
    return lowest.to_bytes(2, "little") + body


def decode(data: bytes | None) -> Sketch:
    """Return the sketch of bytes; of none an empty one."""
    if not data:
        return 0
    lowest, body = data[0] | data[1] << 8, data[2:]
    if lowest == _SPARSE:
        return sum(count << _WIDTH * number for number, count in struct.iter_unpack("<Hi", body))
    if lowest & _PACKED:
        lowest, body = lowest ^ _PACKED, zlib.decompress(body)
    return int.from_bytes(body, "little", signed=True) << _WIDTH * lowest


def _lowest(sketch: Sketch) -> int:
    return ((sketch & -sketch).bit_length() - 1) // _WIDTH


def _counts(sketch: Sketch) -> Sequence[int]:
    """Return the counts of all cells, from the first on."""
    size = sketch.bit_length() // _WIDTH + 1
    if not sketch & _bias(size):
        return struct.unpack(f"<{size}I", sketch.to_bytes(4 * size, "little"))
    # With half of what fits added to each, no count that is below 0 borrows from the next cell.
    counts = struct.unpack(f"<{size}I", (sketch + _bias(size)).to_bytes(4 * size, "little"))
    return [count - _HALF for count in counts]


def _bias(size: int) -> int:
    return _ALL_HALVES & ((1 << _WIDTH * size) - 1)
