"""Files of traces: stored once a session, out of line, moved and forgotten with what they belong to."""

from dataclasses import replace
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convotrace.insight.join import joined
from convotrace.model import Attachment, Change, SessionFacts, Trace
from convotrace.store import Store
from convotrace.store.bundles import FILE
from tests.store.conftest import rows, run_sql

BYTES = bytes(range(256)) * 8


def file(number=1, data=BYTES, **fields):
    return Attachment(
        **{"id": f"{number:016x}", "name": "f.bin", "type": "a/b", "size": len(data), "data": data} | fields
    )


def joining(change):
    return replace(change, decide=partial(_joined, change))


def _joined(change, lookup):
    return joined(change.session, change.trace, lookup.traces(change.trace.id))


@pytest.fixture
def held(store):
    """Return the files held by the store's own table: the session's key and the bytes of each."""
    return lambda: rows(store, "select sid, body from content where codec = ?", FILE)


def test_a_trace_is_read_without_the_bytes_and_one_attachment_with_them(store, make):
    store.write([make.change(trace=make.trace(attachments=(file(), file(2, url="https://x.example", data=b""))))])
    conversation = store.session("s")
    (first, _) = conversation.traces[0].attachments
    assert (first.data, first.stored, first.name) == (None, True, "f.bin")
    assert conversation.session.attachments == conversation.traces[0].attachments
    found = store.attachment("s", first.id)
    assert found == replace(first, data=BYTES)
    assert store.attachment_by_key("s", first.id) == found


@pytest.mark.parametrize(("session", "own_id"), [("s", "nobody"), ("other", f"{1:016x}")])
def test_what_is_not_there_is_none(store, make, session, own_id):
    store.write([make.change(trace=make.trace(attachments=(file(),))), make.change("other")])
    assert store.attachment(session, own_id) is None
    assert store.attachment_by_key(session, own_id) is None


def test_the_same_bytes_are_stored_once_a_session(store, make, held):
    store.write([make.change(trace=make.trace(attachments=(file(n), file(n + 10)))) for n in range(3)])
    store.write([make.change("t", make.trace("t", attachments=(file(77),)))])
    assert [body for _, body in held()] == [BYTES, BYTES]
    assert store.attachment("s", f"{12:016x}").data == BYTES


def test_bytes_that_are_json_of_the_session_are_no_json_of_it(store, make):
    value = "x" * 1_900
    data = f'"{value}"'.encode()
    trace = make.trace(attachments=(file(data=data),), spans=(make.span(input=value),))
    store.write([make.change(trace=trace)])
    assert store.session("s").traces[0].spans[0].input == value
    assert store.attachment("s", f"{1:016x}").data == data


def test_a_trace_that_moves_takes_its_files_along_and_leaves_none(store, make, held):
    trace = make.trace("old", attachments=(file(),))
    store.write([make.change("old", trace), make.change("old")])
    store.write([make.change("new", replace(trace, session_id="new"), written_as="old")])
    assert store.attachment("new", f"{1:016x}").data == BYTES
    assert store.session("old").traces[0].attachments == ()
    assert len(held()) == 1


@pytest.mark.parametrize("order", [(0, 1), (1, 0), (1, 0, 1, 0), (0, 1, 1)])
def test_files_of_joined_parts_all_stand_in_the_session_of_the_whole(store, make, held, order):
    front = make.trace("front", span_id="f0", spans=(make.span(id="f" * 16),), attachments=(file(1),))
    back = make.trace("back", id=front.id, span_id="b0", parent_id="f" * 16, attachments=(file(2, b"other"),))
    parts = make.change("front", front), make.change("back", back, id_source="none")
    for position in order:
        store.write([joining(parts[position])])
    (trace,) = store.session("front").traces
    assert {one.id for one in trace.attachments} == {f"{1:016x}", f"{2:016x}"}
    assert store.attachment("front", f"{1:016x}").data == BYTES
    assert store.attachment("front", f"{2:016x}").data == b"other"
    assert sorted(body for _, body in held()) == [BYTES, b"other"]
    assert len({sid for sid, _ in held()}) == 1


def test_a_stored_trace_that_is_rehomed_by_what_is_known_of_it_keeps_its_files(store, make, held):
    trace = make.trace("old", attachments=(file(),))
    store.write([make.change("old", trace)])

    def decide(lookup):
        (stored,) = lookup.traces(trace.id)
        assert stored.trace.attachments[0].data is None
        return Change(SessionFacts("new"), replace(stored.trace, session_id="new"), takes=(stored.trace,))

    store.write([Change(SessionFacts("new"), trace, decide=decide)])
    assert store.session("old") is None
    assert store.attachment("new", f"{1:016x}").data == BYTES
    assert len(held()) == 1


@pytest.mark.parametrize("whole", [True, False])
def test_a_stored_trace_that_another_brings_along_keeps_its_files(store, make, held, whole):
    trace = make.trace("old", attachments=(file(),))
    store.write([make.change("old", trace)] if whole else [make.change("old", trace), make.change("old")])
    later = make.trace("new")

    def decide(lookup):
        (stored,) = lookup.traces(trace.id)
        moved = replace(stored.trace, session_id="new")
        return Change(SessionFacts("new"), later, moves=(Change(SessionFacts("new"), moved, written_as="old"),))

    store.write([Change(SessionFacts("new"), later, decide=decide)])
    assert [one.id for one in store.session("new").traces] == [trace.id, later.id]
    assert store.attachment("new", f"{1:016x}").data == BYTES
    assert (store.session("old") is None, len(held())) == (whole, 1)


def test_what_was_shown_while_it_ran_and_is_not_to_be_kept_goes(store, make, held):
    trace = make.trace(attachments=(file(),))
    store.write([make.change(trace=trace)])
    hidden = replace(trace, attachments=(replace(file(), data=None, left_out="content"),))
    store.write([make.change(trace=hidden, written_as="s")])
    assert held() == []
    assert store.attachment("s", f"{1:016x}").data is None


def test_a_write_that_is_tried_again_changes_nothing(store, make, held):
    change = make.change(trace=make.trace(attachments=(file(),)))
    store.write([change])
    store.write([change], retry=True)
    assert len(held()) == 1
    assert store.attachment("s", f"{1:016x}").data == BYTES


def test_a_content_that_is_gone_leaves_what_is_known_of_it(store, make):
    store.write([make.change(trace=make.trace(attachments=(file(),)))])
    run_sql(store, "delete from content")
    found = store.attachment("s", f"{1:016x}")
    assert (found.name, found.data) == ("f.bin", None)


names = st.text(max_size=20)
optional = st.none() | names
data = st.none() | st.binary(max_size=600)
anything = st.builds(
    Attachment, names, names, names, st.none() | st.integers(0, 1 << 40), optional, data, st.none(), optional
)


@given(files=st.lists(anything, max_size=5, unique_by=lambda one: one.id))
def test_every_attachment_comes_back_as_it_was(files):
    store = Store.open("memory:")
    try:
        trace = Trace("a" * 32, "s", attachments=tuple(files))
        store.write([Change(SessionFacts("s"), trace)])
        for one in files:
            found = store.attachment("s", one.id)
            assert replace(found, hash=None) == one
            assert (found.hash is None) == (one.data is None)
        assert [replace(one, hash=None) for one in store.session("s").traces[0].attachments] == [
            replace(one, data=None) for one in files
        ]
    finally:
        store.close()
