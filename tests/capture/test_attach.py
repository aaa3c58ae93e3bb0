"""Files attached to the current trace: what is kept of each, and that nothing ever raises into the app."""

import io
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import convotrace as ct
from convotrace.recorder.attached import MAX_ATTACHED, MAX_ATTACHMENT, MAX_ATTACHMENTS

PNG = b"\x89PNG\r\n\x1a\n\0\0"


@pytest.fixture
def attached(trace, written):
    """Attach something and return what became of it."""

    def attach(what, **said):
        ct.set_input("see this")
        ct.attach(what, **said)
        return written().trace.attachments[-1]

    return attach


@pytest.mark.parametrize("what", [PNG, bytearray(PNG), memoryview(PNG), io.BytesIO(PNG)])
def test_bytes_are_kept_with_their_sniffed_type(attached, what):
    file = attached(what)
    assert (file.data, file.type, file.size, file.name) == (PNG, "image/png", len(PNG), "attachment.png")
    assert (file.url, file.left_out) == (None, None)


def test_a_text_becomes_a_text_file(attached):
    file = attached("grüße", name="note.md")
    assert (file.data, file.type, file.size, file.name) == ("grüße".encode(), "text/markdown", 7, "note.md")


def test_an_address_is_noted_and_nothing_of_it_is_known(attached):
    file = attached("HTTPS://files.example/a/claim%20form.pdf?x=1")
    assert (file.url, file.data, file.size) == ("HTTPS://files.example/a/claim%20form.pdf?x=1", None, None)
    assert (file.name, file.type, file.left_out) == ("claim form.pdf", "application/pdf", None)


@pytest.mark.parametrize("address", ["http://[::1", "https://", "http://files.example", "https://\0"])
def test_an_address_of_any_form_makes_an_attachment(attached, address):
    assert attached(address).url == address


def test_an_endless_address_is_not_kept(attached):
    assert attached("https://x/" + "y" * 10_000).left_out == "size"


def test_what_the_app_says_about_name_and_type_counts(attached):
    file = attached(PNG, name="x.bin", type="application/X-thing; v=1")
    assert (file.name, file.type) == ("x.bin", "application/x-thing")


def test_a_type_that_is_none_is_sniffed(attached):
    assert attached(PNG, type="no type").type == "image/png"


def test_later_changes_of_a_buffer_are_not_seen(attached):
    buffer = bytearray(b"before")
    ct.attach(buffer, name="kept")
    buffer[:] = b"later!"
    assert attached(b"x").name == "attachment.txt"
    assert attached(memoryview(b"abcdef")[::2]).data == b"ace"


def test_an_open_file_is_read_whole_and_left_where_it_stood(attached, tmp_path):
    path = tmp_path / "words.csv"
    path.write_bytes(b"a,b\n1,2\n")
    with path.open("rb") as file:
        file.seek(3)
        kept = attached(file)
        assert file.tell() == 3
    assert (kept.data, kept.name, kept.type) == (b"a,b\n1,2\n", "words.csv", "text/csv")
    with path.open() as file:
        assert attached(file).data == b"a,b\n1,2\n"


class Upload:
    """What a framework hands over: a file with the name and type that the browser told."""

    filename = "C:\\fake\\photo.png"
    content_type = "image/png; q=1"

    def __init__(self, data):
        self.file = tempfile.SpooledTemporaryFile(max_size=4)  # noqa: SIM115
        self.file.write(data)

    async def read(self, size=-1):
        raise AssertionError("nobody waits for this")


def test_an_upload_of_a_framework_is_read_through_its_file(attached):
    upload = Upload(PNG)
    with upload.file:
        file = attached(upload)
        assert upload.file.tell() == len(PNG)
    assert (file.data, file.name, file.type) == (PNG, "photo.png", "image/png")


def test_a_file_that_can_be_read_only_once_is_left_to_the_app(attached):
    class Pipe(io.RawIOBase):
        def readable(self):
            return True

    assert attached(Pipe()).left_out == "unreadable"


@pytest.mark.parametrize("closed", [True, False])
def test_a_file_that_cannot_be_read_leaves_only_its_name(attached, tmp_path, closed):
    path = tmp_path / "x.txt"
    file = path.open("wb")
    if closed:
        file.close()
    kept = attached(file)
    file.close()
    assert (kept.data, kept.left_out) == (None, "unreadable")


def test_a_path_is_not_touched_inside_the_request(attached, tmp_path):
    kept = attached(tmp_path / "later.txt")
    assert (kept.name, kept.data) == ("later.txt", None)


def test_of_a_file_over_the_limit_only_name_type_and_size_are_kept(attached):
    for what in (PNG + bytes(MAX_ATTACHMENT), io.BytesIO(PNG + bytes(MAX_ATTACHMENT))):
        file = attached(what, name="big.png")
        assert (file.data, file.left_out) == (None, "size")
        assert (file.name, file.type, file.size) == ("big.png", "image/png", len(PNG) + MAX_ATTACHMENT)
    assert attached("x" * (MAX_ATTACHMENT + 1)).size == MAX_ATTACHMENT + 1
    assert attached("é" * (MAX_ATTACHMENT + 1)).size is None


def test_files_over_the_limit_of_a_trace_are_cut_and_a_smaller_one_still_fits(trace, attached):
    for _ in range(MAX_ATTACHED // MAX_ATTACHMENT - 1):
        assert attached(bytes(MAX_ATTACHMENT)).data is not None
    assert attached(bytes(MAX_ATTACHMENT - 1)).data is not None
    assert attached(b"xx").left_out == "size"
    assert attached(b"x").data == b"x"
    assert trace.size() >= MAX_ATTACHED


def test_files_over_the_number_of_a_trace_are_counted(written):
    ct.set_input("x")
    for _ in range(MAX_ATTACHMENTS + 3):
        ct.attach(b"x")
    trace = written().trace
    assert (len(trace.attachments), trace.metadata["attachments_over_limit"]) == (MAX_ATTACHMENTS, 3)


@pytest.mark.parametrize("switched_off", [True, False])
def test_without_content_only_name_type_and_size_are_kept(trace, written, switched_off):
    ct.set_input("x")
    ct.attach(PNG, name="x.png")
    ct.attach("https://files.example/secret.pdf")
    if switched_off:
        ct.no_content()
    first, second = written().trace.attachments
    assert (first.name, first.type, first.size) == ("x.png", "image/png", len(PNG))
    assert (first.data is None, second.url is None) == (switched_off, switched_off)
    assert first.left_out == second.left_out == ("content" if switched_off else None)


@pytest.mark.parametrize("what", [None, 5, {"a": 1}, [b"x"], object(), print])
def test_what_is_no_file_is_noted_and_not_attached(written, what):
    ct.set_input("x")
    ct.attach(what)
    trace = written().trace
    assert (trace.attachments, [event.name for event in trace.events]) == ((), ["not_attached"])


def test_an_asynchronous_file_is_not_read(written):
    class Async:
        async def read(self, size):
            raise AssertionError

    ct.set_input("x")
    ct.attach(Async())
    assert written().trace.attachments == ()


def test_outside_a_request_nothing_is_done():
    ct.attach(b"x")
    ct.attach(Path("/nowhere"))


@given(what=st.one_of(st.binary(), st.text(), st.none(), st.integers()), name=st.text(), type=st.text())
def test_no_argument_raises(what, name, type):
    ct.attach(what, name, type)


def test_what_is_attached_after_the_end_is_written_again(trace, written):
    ct.set_input("x")
    again = []
    trace.late = again.append
    trace.end(5)
    ct.attach(b"x")
    assert again == [trace]
    assert len(written().trace.attachments) == 1
