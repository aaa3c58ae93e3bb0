"""Exports: every session of a filter once, in the memory of one, in each format."""

import csv
import io
import json

import pytest

from convotrace.errors import BadRequest
from convotrace.model import Attachment


def test_it_hands_out_each_session_of_a_filter_once_the_oldest_first(memory, make):
    memory.write([make.change(f"s{n}", user_id="ann" if n % 2 else "ben") for n in range(450)])
    lines = [json.loads(part) for part in memory.export("user:ann")]
    assert [line["session"]["id"] for line in lines] == [f"s{n}" for n in range(450) if n % 2]
    assert memory.count("user:ann") == 225 and memory.count() == 450


def test_it_reads_one_session_at_a_time(memory, make, monkeypatch):
    from convotrace.store import conversations

    memory.write([make.change(f"s{n}") for n in range(5)])
    read, by_id = [], conversations.by_id
    monkeypatch.setattr(conversations, "by_id", lambda *a: read.append(a[1]) or by_id(*a))
    parts = memory.export()
    assert (next(parts) and len(read)) == 1 and (next(parts) and len(read)) == 2


def test_one_deleted_meanwhile_is_left_out(memory, make):
    memory.write([make.change(f"s{n}") for n in range(3)])
    parts = memory.export()
    next(parts)
    memory.forget(session="s1")
    assert [json.loads(part)["session"]["id"] for part in parts] == ["s2"]


def test_files_go_with_their_session(memory, make):
    file = Attachment("a1", "x.bin", "application/octet-stream", 3, data=b"\0\x01\x02")
    memory.write([make.change(trace=make.trace(attachments=(file,)))])
    (line,) = map(json.loads, memory.export())
    assert line["traces"][0]["attachments"][0]["data"] == "AAEC"


def test_csv_has_one_header_and_the_rows_that_are_asked_for(memory, make):
    memory.write([make.change("s", make.trace(spans=[make.span(), make.span()])) for _ in range(2)])
    rows = list(csv.DictReader(io.StringIO(b"".join(memory.export(format="csv", what="spans")).decode(), newline="")))
    assert [row["session_id"] for row in rows] == ["s"] * 4
    assert b"".join(memory.export("user:nobody", "csv")).count(b"\r\n") == 1


@pytest.mark.parametrize("wrong", [{"format": "xml"}, {"what": "turns"}, {"q": "bad:::("}])
def test_what_cannot_be_exported_is_refused_at_once(memory, wrong):
    with pytest.raises(BadRequest):
        memory.export(**wrong)
