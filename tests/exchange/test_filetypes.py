"""What kind of file it is: by its first bytes, else by its name; whatever the bytes, a type comes out."""

import gzip
import io
import json
import sqlite3
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convotrace.exchange.filetypes import as_type, ending_of, sniffed, type_of_name

OOXML = "application/vnd.openxmlformats-officedocument."


def zipped(**members):
    with io.BytesIO() as file:
        with zipfile.ZipFile(file, "w") as archive:
            for name, text in members.items():
                archive.writestr(name.replace("__", "/"), text)
        return file.getvalue()


def database(tmp_path):
    with sqlite3.connect(tmp_path / "x") as connection:
        connection.execute("create table t (a)")
    connection.close()
    return (tmp_path / "x").read_bytes()


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "image/png"), (b"\xff\xd8\xff\xe0\0\x10JFIF", "image/jpeg"),
        (b"GIF89a\1\0", "image/gif"), (b"RIFF\x24\0\0\0WEBPVP8 ", "image/webp"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "audio/wav"),
        (b"RIFF\x24\0\0\0ABCD\0", "application/octet-stream"), (b"%PDF-1.7\n\xe2\xe3", "application/pdf"),
        (b"ID3\4\0", "audio/mpeg"), (b"\xff\xfb\x90\x44", "audio/mpeg"), (b"OggS\0\2", "audio/ogg"),
        (b"\0\0\0\x20ftypisom\0\0", "video/mp4"), (b"\0\0\0\x20ftypM4A \0\0", "audio/mp4"),
        (gzip.compress(b"x"), "application/gzip"), (zipped(a="b"), "application/zip"),
        (zipped(word__document="x"), OOXML + "wordprocessingml.document"),
        (zipped(mimetype="application/epub+zip"), "application/epub+zip"),
        (b"plain words", "text/plain"), ("\ufeffÄrger".encode(), "text/plain"), (b"[note] said", "text/plain"),
        (json.dumps({"a": 1}).encode(), "application/json"), (b" [1, 2]\n", "application/json"),
        (b"<!DOCTYPE html><p>", "text/html"), (b"<svg xmlns='x'/>", "image/svg+xml"),
        (b"<?xml version='1.0'?><a/>", "application/xml"),
        (b"a\0b", "application/octet-stream"), (b"\xc3\x28", "application/octet-stream"),
        (b"", "application/octet-stream"),
    ],
)  # fmt: skip
def test_the_first_bytes_tell_the_type(data, media_type):
    assert sniffed(data) == media_type


def test_a_database_is_known(tmp_path):
    assert sniffed(database(tmp_path)) == "application/vnd.sqlite3"


def test_half_a_character_at_the_end_of_the_first_bytes_does_not_make_a_text_binary():
    assert sniffed(b"x" * 4095 + "é".encode() * 10) == "text/plain"


@pytest.mark.parametrize(
    ("data", "name", "media_type"),
    [
        (b"a,b\n1,2", "x.CSV", "text/csv"), (b"{}", "x.md", "text/markdown"), (b"words", "x.png", "text/plain"),
        (b"\x89PNG\r\n\x1a\n", "x.txt", "image/png"), (b"\0\1", "x.mp4", "video/mp4"),
        (b"", "x.pdf", "application/pdf"),
        (zipped(a="b"), "x.xlsx", OOXML + "spreadsheetml.sheet"), (zipped(a="b"), "x.txt", "application/zip"),
        (b"\0\1", "x.constructor", "application/octet-stream"), (b"\0\1", "png", "application/octet-stream"),
    ],
)  # fmt: skip
def test_the_name_decides_among_texts_and_where_the_bytes_say_nothing(data, name, media_type):
    assert sniffed(data, name) == media_type


@given(st.binary(max_size=200), st.text(max_size=20))
def test_every_file_has_a_type_of_the_right_form(data, name):
    assert as_type(sniffed(data, name)) == sniffed(data, name)


@pytest.mark.parametrize("told", ["", None, "png", "image/", "text/html\r\nx: y", "a b/c", "é/x", "/", "image/png/x"])
def test_what_is_no_media_type_is_none(told):
    assert as_type(told) is None


def test_a_told_type_loses_its_parameters():
    assert as_type(" Text/Plain; charset=utf-8") == "text/plain"


def test_the_end_of_a_name_and_a_type_belong_together():
    assert ending_of("image/png") == ".png"
    assert ending_of("application/octet-stream") == ""
    assert type_of_name("a" + ending_of("image/jpeg")) == "image/jpeg"
