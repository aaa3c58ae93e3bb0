"""W3C headers: what is valid is read, what is not is nobody's, and what we write can be read again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convotrace.propagation import (
    Caller,
    Hosts,
    is_marked,
    marked,
    merged,
    read_baggage,
    read_carrier,
    read_traceparent,
    write_carrier,
    write_traceparent,
)

T, P = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
IDS = (int(T, 16), int(P, 16))

VALID = {
    "plain": (f"00-{T}-{P}-01", (*IDS, 1)),
    "not sampled": (f"00-{T}-{P}-00", (*IDS, 0)),
    "flags of later days": (f"00-{T}-{P}-ff", (*IDS, 1)),
    "white space around": (f" 00-{T}-{P}-01\t", (*IDS, 1)),
    "a later version": (f"cc-{T}-{P}-01", (*IDS, 1)),
    "a later version that says more": (f"cc-{T}-{P}-01-what-the-future-will-be", (*IDS, 1)),
}


@pytest.mark.parametrize(("text", "read"), VALID.values(), ids=VALID)
def test_a_valid_traceparent_is_read(text, read):
    assert read_traceparent(text) == read


INVALID = [
    None, "", "00", f"00-{T}-{P}", f"00-{T}-{P}-1", f"00-{T}-{P}-01-", f"00-{T}-{P}-01-more", f"ff-{T}-{P}-01",
    f"00-{'0' * 32}-{P}-01", f"00-{T}-{'0' * 16}-01", f"00-{T.upper()}-{P}-01", f"00-{T[:-1]}-{P}-01",
    f"00-{T}g-{P}-01", f"0-{T}-{P}-01", f"00-{T}-{P}-0x", f"00-{T}-{P}-01,00-{T}-{P}-01", f"cc-{T}-{P}-01.more",
    f"00_{T}_{P}_01", f"00-{T[:-1]}٣-{P}-01", f"00-{T}-{P}-01\n", f"cc-{T}-{P}-01more",
]  # fmt: skip


@pytest.mark.parametrize("text", INVALID)
def test_what_is_no_traceparent_names_nobody(text):
    assert read_traceparent(text) is None


texts = st.text(min_size=1, max_size=60).filter(lambda text: text.strip())


@given(st.integers(1, 2**128 - 1), st.integers(1, 2**64 - 1), st.integers(0, 1), texts, texts)
def test_what_is_written_is_read_again(trace_id, span_id, flags, session, user):
    caller = Caller(trace_id, span_id, flags, session, user, ours=True)
    headers = write_carrier(caller)
    assert read_carrier(headers) == caller
    assert all(text.isascii() and text.isprintable() for text in headers.values())


@given(st.integers(1, 2**128 - 1), st.integers(1, 2**64 - 1))
def test_a_traceparent_has_its_fixed_length(trace_id, span_id):
    assert len(write_traceparent(trace_id, span_id)) == 55


@given(st.text())
def test_any_text_may_come(text):
    read_traceparent(text)
    read_baggage(text)
    marked(text, 1)
    merged(text, {"session.id": "s"})


class Broken(dict):
    def items(self):
        raise RuntimeError


@pytest.mark.parametrize(
    "carrier", [None, {}, [], "x", 5, Broken(a="b"), {"traceparent": None}, {b"traceparent": b"x"}]
)
def test_a_carrier_of_any_shape_may_come(carrier):
    assert read_carrier(carrier) is None


def test_names_of_a_carrier_may_be_bytes_or_upper_case():
    assert read_carrier({b"Traceparent": f"00-{T}-{P}-01".encode(), "BAGGAGE": "session.id=a%20b"}) == Caller(
        *IDS, 1, "a b"
    )


def test_baggage_is_decoded_and_its_properties_are_passed_over():
    text = "session.id=gr%C3%BC%C3%9Fe;ttl=5;x , user.id = ann ,, =no, noequals, empty=,session.id=second,bad=%zz"
    assert read_baggage(text) == {"session.id": "grüße", "user.id": "ann", "empty": "", "bad": "%zz"}


def test_baggage_beyond_the_limits_is_passed_over():
    assert list(read_baggage(",".join(f"k{i}=v" for i in range(500)))) == [f"k{i}" for i in range(180)]
    assert read_baggage(f"a=1,b={'x' * 5000},c=3") == {"a": "1", "c": "3"}


def test_baggage_that_is_there_is_kept_and_never_overwritten():
    assert merged("tenant=acme;p=1", {"session.id": "ü", "user.id": None}) == "tenant=acme;p=1,session.id=%C3%BC"
    assert merged("session.id=theirs", {"session.id": "ours"}) == "session.id=theirs"
    full = "k=" + "x" * 8180
    assert merged(full, {"session.id": "ours"}) == full
    assert merged(None, {"session.id": None}) is None


def test_our_mark_stands_first_in_tracestate_and_others_are_passed_on():
    state = marked("vendor=a, convotrace=ffffffffffffffff ,other=b", 5)
    assert state == "convotrace=0000000000000005,vendor=a,other=b"
    assert is_marked(state, 5) and not is_marked(state, 6) and not is_marked(None, 5)
    assert len(marked(",".join(f"v{i}={'x' * 60}" for i in range(40)), 5)) <= 512


HOSTS = Hosts(["api.example.com", "*.shop.example", "db:5432", "*.port.example:8443", "[::1]:9000"])


@pytest.mark.parametrize(
    ("host", "port", "named"),
    [
        ("api.example.com", 443, True), ("API.Example.com.", 80, True), ("evil.api.example.com", 443, False),
        ("api.example.com.evil.net", 443, False), ("a.shop.example", 80, True), ("a.b.shop.example", 80, True),
        ("shop.example", 80, False), ("evilshop.example", 80, False), ("db", 5432, True), ("db", 80, False),
        ("a.port.example", 8443, True), ("a.port.example", 443, False), ("::1", 9000, True), ("[::1]", 9000, True),
        ("::1", 80, False), ("", None, False),
    ],
)  # fmt: skip
def test_only_named_hosts_may_see_our_ids(host, port, named):
    assert HOSTS.names(host, port) is named
