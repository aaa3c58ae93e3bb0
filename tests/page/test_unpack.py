"""Gzip is undone whole or not at all, and never beyond a limit."""

import gzip
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convotrace.page.unpack import Damaged, TooLarge, gunzip

MIB = 1 << 20


@given(st.lists(st.binary(max_size=5_000), min_size=1, max_size=5))
def test_what_was_packed_comes_out_again(members):
    packed = b"".join(gzip.compress(member) for member in members)
    assert gunzip(packed, 25_000) == b"".join(members)


@given(st.binary(min_size=1, max_size=2_000), st.data())
def test_a_body_that_ends_early_is_refused(content, data):
    packed = gzip.compress(content)
    with pytest.raises(Damaged):
        gunzip(packed[: data.draw(st.integers(0, len(packed) - 1))], 10_000)


@given(st.binary(max_size=200))
def test_noise_is_refused_or_is_gzip(noise):
    try:
        gunzip(noise, 10_000)
    except (Damaged, TooLarge):
        return
    assert noise.startswith(b"\x1f\x8b")


def test_the_limit_is_exact():
    packed = gzip.compress(b"x" * MIB)
    assert len(gunzip(packed, MIB)) == MIB
    with pytest.raises(TooLarge):
        gunzip(packed, MIB - 1)


def test_padding_behind_is_no_member_and_garbage_is_refused():
    assert gunzip(gzip.compress(b"hi") + b"\0" * 9, 100) == b"hi"
    with pytest.raises(Damaged):
        gunzip(gzip.compress(b"hi") + b"garbage", 100)
    with pytest.raises(Damaged):
        gunzip(gzip.compress(b"") * 1_000, 100)


def test_a_bomb_costs_no_more_memory_than_the_limit():
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(packer.compress(bytes(MIB)) for _ in range(200)) + packer.flush()
    tracemalloc.start()
    with pytest.raises(TooLarge):
        gunzip(bomb, 4 * MIB)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * MIB
