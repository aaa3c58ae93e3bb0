"""What a request uploaded, told beside what was attached: name, type and size, never the bytes."""

import pytest

from convotrace.recorder import OpenAttachment
from convotrace.recorder.attached import attachment_records

BODY = (
    b'--X\r\nContent-Disposition: form-data; name="message"\r\n\r\nsee this\r\n'
    b'--X\r\nContent-Disposition: form-data; name="f"; filename="a.pdf"\r\n\r\n%PDF-1.7\r\n'
    b'--X\r\nContent-Disposition: form-data; name="f"; filename=""\r\nContent-Type: image/png\r\n\r\nxx\r\n--X--\r\n'
)
TYPE = "multipart/form-data; boundary=X"


def facts(trace):
    return [(file.name, file.type, file.size, file.data, file.left_out) for file in trace.attachments]


def test_files_of_a_form_are_attachments_without_their_bytes(bench):
    trace = bench.record(bench.exchange(BODY, {"reply": "thanks"}, content_type=TYPE))
    assert trace.input.text == "see this"
    assert facts(trace) == [
        ("a.pdf", "application/pdf", 8, None, "upload"),
        ("upload.png", "image/png", 2, None, "upload"),
    ]


def test_an_upload_has_the_same_id_however_often_its_trace_is_written(bench):
    trace = bench.exchange(BODY, {"reply": "thanks"}, content_type=TYPE)
    first, again = bench.record(trace), bench.record(trace)
    assert first.attachments == again.attachments
    assert len({file.id for file in first.attachments}) == 2


def test_without_content_names_and_sizes_are_still_told(bench):
    trace = bench.record(bench.exchange(BODY, {"reply": "thanks"}, content_type=TYPE), content=False)
    assert (trace.input.body, len(trace.attachments)) == (None, 2)


@pytest.mark.parametrize(
    ("fields", "name", "kind"),
    [
        ({"url": "https://a.example/x/plan%20b.pdf?k=1"}, "plan b.pdf", "application/pdf"),
        ({"url": "https://a.example/"}, "a.example", "application/octet-stream"),
        ({"url": "https://a.example/x/"}, "x", "application/octet-stream"),
        ({"url": "data:"}, "attachment", "application/octet-stream"),
        ({"url": "http://[broken"}, "attachment", "application/octet-stream"),
        ({"url": "https://a.example/p.png", "name": "mine.txt"}, "mine.txt", "text/plain"),
        ({"name": "x" * 300 + ".png"}, "x" * 255, "image/png"),
    ],
)
def test_a_file_that_was_given_no_name_is_called_by_the_last_part_of_its_address_that_says_something(
    fields, name, kind
):
    (found,) = attachment_records("t", [OpenAttachment(**fields)], [], content=True)
    assert (found.name[: len(name)], found.type, found.url) == (name, kind, fields.get("url"))
    assert len(found.name) <= 255 + len(".bin")


def test_without_consent_neither_bytes_nor_address_of_a_file_are_kept():
    file = OpenAttachment(name="a.txt", url="https://a.example/a.txt")
    file.data = b"abc"
    (kept,) = attachment_records("t", [file], [], content=True)
    (hidden,) = attachment_records("t", [file], [], content=False)
    assert (kept.url, kept.data, kept.left_out) == (file.url, b"abc", None)
    assert (hidden.url, hidden.data, hidden.left_out, hidden.name) == (None, None, "content", "a.txt")
    assert attachment_records("t", [], [], content=True) == ()
