"""Session ids: what is kept of them, and how they stand in a URL."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convotrace.identity import as_id, bounded, keyed_hash, session_id_of_key, session_key

KEPT = [
    "plain-id_1",
    "a<::>b",
    "a|b",
    "a/b",
    "a%2Fb",
    "..",
    "../../etc/passwd",
    "🦊 emoji 🦊",
    "地铁",
    "\u202ereversed",
    "line\r\nbreak",
    " spaces around ",
    "'; drop table sessions; --",
    "<script>alert(1)</script>",
    "~tilde",
    "",
    "x" * 300,
    "x" * 512,
    "é" * 512,
]
CHANGED = [
    ("a\0b", "a\\x00b"),
    ("a\ud800b", "a\\ud800b"),
    ("\udcff\0", "\\udcff\\x00"),
]


@pytest.mark.parametrize("text", KEPT)
def test_an_id_keeps_every_character(text):
    assert bounded(text) == text
    assert as_id(text) == (text or None)


@pytest.mark.parametrize(("text", "kept"), CHANGED)
def test_what_no_database_holds_is_escaped(text, kept):
    assert bounded(text) == kept


@pytest.mark.parametrize("text", ["x" * 513, "x" * 600, "é" * 10_000, "\0" * 200, "x" * (1 << 20)])
def test_an_id_that_is_too_long_is_hashed_and_marked(text):
    assert bounded(text).startswith("sha256-") and len(bounded(text)) == 71
    assert bounded(text) == bounded(text) != bounded(text + "y")


@pytest.mark.parametrize("text", ["a", "A-b_9", "x" * 64])
def test_a_plain_id_is_its_own_key(text):
    assert session_key(text) == text and session_id_of_key(text) == text


@pytest.mark.parametrize("text", ["a b", "x" * 65, "a\n", "..", "~x", "a/b", "é", "a.b", "a%2Fb", "a<::>b|c"])
def test_any_other_id_is_encoded_for_a_path(text):
    key = session_key(text)
    assert key.startswith("~") and key.isascii() and not set(key) & set("/%?#.+= ")
    assert session_id_of_key(key) == text


def test_a_key_of_a_plain_id_in_its_long_form_is_accepted():
    assert session_id_of_key("~YWJj") == "abc"


@pytest.mark.parametrize("size", [257, 300, 600])
def test_the_key_of_a_long_id_is_short_and_cannot_be_read_back(size):
    key = session_key("x" * size)
    assert len(key) == 44
    assert session_id_of_key(key) is None


@pytest.mark.parametrize("key", ["", "~", "~=", "~é", "~a", "~\0", "a b", "a/b", "a\n", "x" * 65, "~_w", "~YWJj\n"])
def test_what_is_no_key_is_none(key):
    assert session_id_of_key(key) is None


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60))
def test_every_id_opens_by_its_key(text):
    assert session_id_of_key(session_key(text)) == text


@given(st.text(min_size=1, max_size=600), st.text(min_size=1, max_size=600))
def test_two_ids_never_share_a_key(one, other):
    assert (session_key(one) == session_key(other)) == (one == other)


@given(st.text(st.characters(), min_size=1, max_size=700))
def test_a_bounded_id_stays_as_it_is(text):
    once = bounded(text)
    assert bounded(once) == once and len(once) <= 512
    session_key(once).encode("ascii")


@given(st.text(max_size=50))
def test_no_text_in_a_url_raises(key):
    session_id_of_key(key)


def test_a_keyed_hash_depends_on_key_and_text():
    hashes = {keyed_hash(key, text) for key in (b"a", b"b" * 100) for text in ("x", "y", "\ud800")}
    assert len(hashes) == 6 and all(len(found) == 32 for found in hashes)


def test_the_longest_id_that_its_key_holds_has_256_bytes():
    assert session_id_of_key(session_key("é" * 128)) == "é" * 128
    assert session_id_of_key(session_key("é" * 128 + "x")) is None


def test_a_lone_surrogate_has_a_hash_of_its_own():
    assert keyed_hash(b"k", "\ud800") != keyed_hash(b"k", "\ud801")


def test_an_id_that_no_text_of_utf_8_can_be_has_a_key_that_is_not_read_back():
    key = session_key("\ud800")
    assert key == "~7aCA" and session_id_of_key(key) is None
