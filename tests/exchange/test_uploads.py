"""Files of a multipart form: their name, type and size are told, their bytes are not."""

from convotrace.exchange import read_exchange

TYPE = "multipart/form-data; boundary=X"


def part(name, data, filename=None, kind=None):
    file = f'; filename="{filename}"' if filename is not None else ""
    head = f'Content-Disposition: form-data; name="{name}"{file}\r\n' + (f"Content-Type: {kind}\r\n" if kind else "")
    return f"--X\r\n{head}\r\n".encode() + data + b"\r\n"


def read(body, kind=TYPE, cut=False):
    return read_exchange("POST", {}, body, kind, None, "", request_cut=cut)


def told(exchange):
    return [(upload.name, upload.type, upload.size) for upload in exchange.uploads]


def test_the_files_of_a_form_are_told_and_its_message_is_read():
    body = part("message", b"see this") + part("f", b"\x89PNG", "a.png", "image/png") + part("f", b"two", "b.txt")
    exchange = read(body + b"--X--\r\n")
    assert exchange.message.text == "see this"
    assert told(exchange) == [("a.png", "image/png", 4), ("b.txt", "", 3)]


def test_the_size_of_a_file_that_was_cut_off_is_not_known():
    body = part("a", b"whole", "a.txt") + part("b", b"half", "b.txt")
    assert told(read(body[:-4], cut=True)) == [("a.txt", "", 5), ("b.txt", "", None)]


def test_json_that_looks_like_a_file_of_a_form_is_none():
    assert (
        read(
            b'{"file": "x", "type": "y", "size": 1, "f": {"file": "x", "type": "", "size": 1}}', "application/json"
        ).uploads
        == ()
    )


def test_a_form_without_files_has_none():
    assert read(part("message", b"hello") + b"--X--\r\n").uploads == ()
