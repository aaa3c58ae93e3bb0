"""The long columns of a trace's row go in as one and come out as they were, whatever they hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convotrace.model import Attachment, Payload
from convotrace.store import Store
from convotrace.store.packing import press, trace_row, work_in
from convotrace.store.rows import TraceRow

texts = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=2000)
long = st.none() | st.sampled_from(['{"spans":[]}', '{"spans":[' + "1," * 2000 + "2]}"])


def pressed(row):
    """Return a row as it is stored, without a bundle."""
    press(columns := [*row], None)
    return TraceRow._make(columns)


@given(texts, texts, texts, long, st.none() | st.binary(max_size=2000), st.none() | st.binary(max_size=20))
def test_a_row_comes_back_as_it_was(said, answered, extra, work, first, second):
    row = TraceRow(**dict.fromkeys(TraceRow._fields))._replace(
        input_text=said, output_text=answered, extra=extra, work=work, input_body=first, output_body=second
    )
    stored = pressed(row)
    assert trace_row(stored) == row
    assert work_in(stored.work, stored.pressed, stored.input_text, stored.output_text) == work


def test_a_long_answer_that_is_in_its_body_again_is_stored_once(make):
    answer = "".join(f"{number:x}" for number in range(3000))
    row = TraceRow(**dict.fromkeys(TraceRow._fields))._replace(output_text=answer, output_body=answer.encode())
    assert len(pressed(row).pressed) < len(answer) / 20


def test_a_damaged_row_is_read_without_what_is_lost(store, make):
    store.write([make.change(trace=make.trace(output=Payload("answer", {"text": "x" * 2000, "n": [*range(400)]})))])
    with store._ready().connections.writing() as connection:
        connection.execute("UPDATE trace SET pressed = ?", (b"\xff" * 99,))
    (trace,) = store.session("s").traces
    assert (trace.output.text, trace.output.body) == ("answer", None)


@pytest.mark.sqlite
def test_files_are_found_on_a_row_that_is_pressed(store, make):
    file = Attachment("f", "note.txt", "text/plain", 3, data=b"abc")
    steps = [make.span(kind="tool", name=f"tool {n}", arguments={"n": n}) for n in range(40)]
    store.write([make.change(trace=make.trace(attachments=(file,), spans=steps))])
    assert store.attachment("s", "f").data == b"abc"
    assert len(store.session("s").traces[0].spans) == 40
    with store._ready().connections.reading() as connection:
        assert connection.execute("SELECT count(*) FROM span WHERE kind = 'tool'").fetchone() == (40,)
        assert connection.execute("SELECT work, pressed IS NOT NULL FROM trace").fetchone() == (None, 1)


def test_a_store_that_does_not_press_is_read_alike(store_url, make, monkeypatch):
    store = Store.open(store_url)
    long = {"text": "x" * 300, "n": [*range(400)]}
    store.write([make.change(trace=make.trace(id="1".zfill(32), output=Payload("a", long)))])
    monkeypatch.setattr(store._recorder._builder, "_presses", False)
    store.write([make.change(trace=make.trace(id="2".zfill(32), output=Payload("b", long)))])
    assert [trace.output.body for trace in store.session("s").traces] == [long, long]
    store.close()
