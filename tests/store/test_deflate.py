"""Compression: what one library wrote, the other reads, and what is damaged is told."""

import importlib
import sys
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convotrace.store import deflate

texts = st.binary(max_size=500) | st.binary(max_size=20).map(lambda piece: piece * 300)


@pytest.fixture(scope="module")
def plain():
    """The same module where ISA-L is not installed."""
    sys.modules.pop("convotrace.store.deflate")
    kept = sys.modules.get("isal")
    sys.modules["isal"] = None
    made = importlib.import_module("convotrace.store.deflate")
    sys.modules["convotrace.store.deflate"] = deflate
    if kept is None:
        del sys.modules["isal"]
    else:
        sys.modules["isal"] = kept
    return made


@given(data=texts, dictionary=st.binary(min_size=1, max_size=3000))
def test_either_reads_what_the_other_wrote(plain, data, dictionary):
    for module in (deflate, plain):
        assert zlib.decompress(module.compress(data)) == data
        assert module.inflating(dictionary).decompress(deflate.compress_with(dictionary, data)) == data
        assert deflate.inflating(dictionary).decompress(module.compress_with(dictionary, data)) == data


def test_what_is_damaged_is_told():
    with pytest.raises(zlib.error):
        deflate.inflating(b"dictionary").decompress(b"\xff\xff\xff")
