"""What a request uploaded, told beside what was attached: name, type and size, never the bytes."""

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
