"""Bodies by their content type: JSON, forms, multipart, text; wrong charsets and hostile bytes."""

import json
import time
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convotrace.exchange import captured, decode, media_type

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=XX"

TYPES = [
    ("application/json", "json", "utf-8"),
    ("Application/JSON; Charset=UTF-8", "json", "utf-8"),
    ("application/problem+json", "json", "utf-8"),
    ("", "json", "utf-8"),
    ("application/x-www-form-urlencoded", "form", "utf-8"),
    (MULTIPART, "multipart", "utf-8"),
    ('text/plain; charset="latin-1"', "text", "latin-1"),
    ("text/event-stream; charset=utf-8", "sse", "utf-8"),
    ("application/x-ndjson", "ndjson", "utf-8"),
    ("application/jsonl", "ndjson", "utf-8"),
    ("text/html; charset=utf-8", None, "utf-8"),
    ("image/png", None, "utf-8"),
    ("application/octet-stream", None, "utf-8"),
    ("application/pdf", None, "utf-8"),
    ("text/css", None, "utf-8"),
]


@pytest.mark.parametrize(("content_type", "kind", "charset"), TYPES)
def test_the_content_type_tells_what_is_kept(content_type, kind, charset):
    assert media_type(content_type) == (kind, charset)
    assert captured(content_type) == (kind is not None)


BODIES = [
    (b'{"a": 1}', JSON, {"a": 1}),
    (b"[1, null]", JSON, [1, None]),
    (b"null", JSON, None),
    (b'{"a": ', JSON, '{"a": '),
    (b"plain", JSON, "plain"),
    (b'\xef\xbb\xbf{"a": 1}', JSON, {"a": 1}),
    ('{"a": "é"}'.encode("utf-16"), JSON + "; charset=utf-16", {"a": "é"}),
    (b'{"a": NaN}', JSON, {"a": pytest.approx(float("nan"), nan_ok=True)}),
    (b'{"a": "\\ud800"}', JSON, {"a": "\ud800"}),
    (b'{"a": "\xff"}', JSON, {"a": "\ufffd"}),
    (b'{"a": 1}', "", {"a": 1}),
    (b"\x89PNG", "", None),
    (b"a=1&b=x+y&b=%C3%A9&c=", FORM, {"a": "1", "b": ["x y", "é"], "c": ""}),
    (b'{"a": 1}', FORM, {"a": 1}),
    (b"{a=1", FORM, {"{a": "1"}),
    (b"a=%ff", FORM, {"a": "\ufffd"}),
    (b"caf\xc3\xa9", "text/plain", "café"),
    (b"caf\xe9", "text/plain; charset=latin-1", "café"),
    (b"caf\xc3\xa9", "text/plain; charset=nonsense", "café"),
    (b"caf\xc3\xa9", "text/plain; charset=ascii", "café"),
    (b"caf\xc3\xa9", "text/plain; charset=undefined", "café"),
    (b"xn--\xff", "text/plain; charset=punycode", "xn--\ufffd"),
    (b"x", "text/plain; charset=a\0b", "x"),
    (b"x", "text/plain; charset=hex", "x"),
    (b"data: x\n\n", "text/event-stream", "data: x\n\n"),
    (b"{}\n{}", "application/x-ndjson", "{}\n{}"),
    (b"<p>", "text/html", None),
    (b"\x89PNG", "image/png", None),
]


@pytest.mark.parametrize(("body", "content_type", "value"), BODIES)
def test_a_body_is_decoded_by_its_type(body, content_type, value):
    assert decode(body, content_type) == value


def test_a_form_of_very_many_fields_is_read_as_far_as_it_goes():
    assert decode(b"first=1" + b"&a=1" * 20_000, FORM)["first"] == "1"
    assert decode(b"&" * 200_000, FORM) == {}


def part(head, data):
    return b"--XX\r\nContent-Disposition: form-data; " + head + b"\r\n\r\n" + data + b"\r\n"


PARTS = [
    (part(b'name="message"', "héllo".encode()) + b"--XX--\r\n", {"message": "héllo"}),
    (part(b'name="a"', b"1") + part(b'name="a"', b"2") + b"--XX--", {"a": ["1", "2"]}),
    (
        part(b'name="f"; filename="p.png"\r\nContent-Type: image/png', b"\x89PNG\r\n\r\n1") + b"--XX--",
        {"f": {"file": "p.png", "type": "image/png", "size": 9}},
    ),
    (
        part(b"name=f; filename*=UTF-8''caf%C3%A9.txt", b"1") + b"--XX--",
        {"f": {"file": "café.txt", "type": "", "size": 1}},
    ),
    (part(b'name="a\\"b"', b"quoted") + b"--XX--", {'a"b': "quoted"}),
    (b"preamble\r\n" + part(b'name="a"', b"1") + b"--XX--\r\nepilogue", {"a": "1"}),
    (part(b'name="a"', b"line\r\n\r\n--X\r\nline") + b"--XX--", {"a": "line\r\n\r\n--X\r\nline"}),
    (
        part(b'name="a"', b"1") + b'--XX\r\nContent-Disposition: form-data; name="b"\r\n\r\ncut he',
        {"a": "1", "b": "cut he"},
    ),
    (part(b'name="a"', b"1") + b"--XX\r\nContent-Disp", {"a": "1"}),
    (part(b'name=""', b"") + b"--XX--", {"": ""}),
    (b"no parts at all", {}),
    (b"", {}),
]


@pytest.mark.parametrize(("body", "fields"), PARTS)
def test_a_multipart_form_gives_its_fields_and_of_files_only_what_they_are(body, fields):
    assert decode(body, MULTIPART) == fields


@pytest.mark.parametrize(
    "content_type", ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; x"]
)
def test_a_multipart_form_without_a_boundary_has_no_fields(content_type):
    assert decode(part(b'name="a"', b"1"), content_type) == {}


def test_a_quoted_boundary_is_found():
    assert decode(part(b'name="a"', b"1"), 'multipart/form-data; charset=x; boundary="XX"') == {"a": "1\r\n"}


HOSTILE = {
    "parameters": part(b"a" + b"; a=b" * 50_000, b""),
    "encoded words": part(b'name="' + b"=?utf-8?q?x?= " * 15_000 + b'"', b""),
    "brackets": part(b"(" * 200_000, b""),
    "quotes": part(b"name=" + b'"\\' * 100_000, b""),
    "short heads": b"--XX\r\n\r\n" * 30_000,
    "boundaries": b"--XX" * 60_000,
    "headers": part(b"a\r\n" + b"a: b\r\n" * 40_000, b""),
    "within the limit": part(b"; name=" * 1_000, b"") * 30,
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_form_does_not_hang_the_writer(body):
    """Each takes some milliseconds; with the standard library's email parser some took ten seconds."""
    started = time.thread_time()
    decode(body, MULTIPART)
    assert time.thread_time() - started < 2


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_json_nested_without_end_stays_text(opening):
    assert isinstance(decode((opening * 100_000).encode(), JSON), str)


@given(st.recursive(st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters()), st.lists))
def test_any_json_comes_back_as_it_was_sent(value):
    assert decode(json.dumps(value).encode(), JSON) == value


@given(st.dictionaries(st.text(min_size=1), st.text(), max_size=5))
def test_any_form_comes_back_as_it_was_sent(fields):
    assert decode(urlencode(fields).encode(), FORM) == fields
