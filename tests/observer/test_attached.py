"""Files attached by their path are read by the writer, outside the request; the whole way to the page."""

import os
import threading
from pathlib import Path

import pytest

import convotrace as ct
from convotrace.recorder.attached import MAX_ATTACHMENT

PNG = b"\x89PNG\r\n\x1a\n\0\0"


@pytest.fixture
def observer(store_url):
    made = ct.ConvoTrace(store=store_url)
    yield made
    made.close()


def attached(observer, what, session="s", **said):
    with observer.session(session):
        ct.set_input("see this")
        ct.attach(what, **said)
    (trace,) = observer.store.session(session).traces
    (file,) = trace.attachments
    return observer.store.attachment(session, file.id)


def test_a_file_is_read_by_its_path(observer, tmp_path, monkeypatch):
    path = tmp_path / "photo.dat"
    path.write_bytes(PNG)
    monkeypatch.chdir(tmp_path)
    for named in (path, path.relative_to(tmp_path)):
        file = attached(observer, named, session=str(named))
        assert (file.name, file.type, file.size, file.data) == ("photo.dat", "image/png", len(PNG), PNG)


def test_no_file_is_opened_inside_the_request(observer, tmp_path, monkeypatch):
    path = tmp_path / "x.txt"
    path.write_bytes(b"words")
    readers = []
    real = os.open
    monkeypatch.setattr(
        os, "open", lambda *args, **more: readers.append(threading.current_thread().name) or real(*args, **more)
    )
    assert attached(observer, path).data == b"words"
    assert readers and threading.current_thread().name not in readers


@pytest.mark.parametrize("kind", ["missing", "folder", "pipe", "nul", "device"])
def test_what_cannot_be_read_leaves_its_name_and_holds_nobody_up(observer, tmp_path, kind):
    if kind == "pipe":
        os.mkfifo(tmp_path / "x")
    path = {"folder": tmp_path, "nul": Path("a\0b"), "device": Path("/dev/zero")}.get(kind, tmp_path / "x")
    file = attached(observer, path)
    assert (file.data, file.left_out) == (None, "unreadable")


def test_what_cannot_be_read_holds_no_descriptor_and_is_not_opened(observer, tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe")
    opened = []
    real = os.open
    monkeypatch.setattr(os, "open", lambda path, *args, **more: opened.append(path) or real(path, *args, **more))
    attached(observer, tmp_path)
    before = len(os.listdir("/dev/fd"))
    for number, path in enumerate((tmp_path, tmp_path / "pipe", Path("/dev/zero")) * 3):
        attached(observer, path, session=f"{number}")
    assert len(os.listdir("/dev/fd")) <= before
    assert not {str(tmp_path), str(tmp_path / "pipe"), "/dev/zero"}.intersection(opened)


def test_a_folder_that_comes_in_place_of_a_file_holds_no_descriptor(observer, tmp_path, monkeypatch):
    path = tmp_path / "x"
    path.write_bytes(b"words")
    regular = os.stat(path)
    attached(observer, path)
    path.unlink()
    path.mkdir()
    real = os.stat
    monkeypatch.setattr(os, "stat", lambda what, **more: regular if what == str(path) else real(what, **more))
    before = len(os.listdir("/dev/fd"))
    for number in range(5):
        assert attached(observer, path, session=f"{number}").left_out == "unreadable"
    assert len(os.listdir("/dev/fd")) <= before


def test_of_a_file_over_the_limit_its_type_and_size_are_known(observer, tmp_path):
    path = tmp_path / "big.bin"
    with path.open("wb") as file:
        file.write(PNG)
        file.truncate(MAX_ATTACHMENT + 1)
    found = attached(observer, path)
    assert (found.data, found.left_out, found.type, found.size) == (None, "size", "image/png", MAX_ATTACHMENT + 1)


def test_without_content_no_bytes_reach_the_store(store_url, tmp_path):
    (tmp_path / "x.png").write_bytes(PNG)
    observer = ct.ConvoTrace(store=store_url, content=False)
    file = attached(observer, tmp_path / "x.png")
    observer.close()
    assert (file.name, file.type, file.size, file.data, file.left_out) == (
        "x.png",
        "image/png",
        len(PNG),
        None,
        "content",
    )


def test_a_trace_that_is_skipped_reads_nothing(observer, tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"x")
    with observer.session("s"):
        ct.attach(path)
        ct.skip()
    assert observer.store.session("s") is None


def test_a_session_tells_of_the_files_of_all_its_traces(observer):
    for number in range(3):
        with observer.session("s"):
            ct.set_input("x")
            ct.attach(b"same", name=f"{number}.txt")
    files = observer.store.session("s").session.attachments
    assert [file.name for file in files] == ["0.txt", "1.txt", "2.txt"]
    assert len({file.hash for file in files}) == 1
