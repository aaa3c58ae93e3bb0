"""What is long stands once per session, however often a conversation sends it again."""

import threading
from dataclasses import replace

import pytest

import convotrace.store.remembered as remembered
from convotrace.model import Document, Payload, ToolDefinition
from convotrace.store import Store
from convotrace.store.bundles import bundled
from convotrace.store.contents import FULL_LIST_EVERY, INLINE_BELOW, Packer
from convotrace.store.packing import bundle_in
from convotrace.store.unpacking import MISSING, Contents
from tests.store.conftest import rows, run_sql

LONG = "word " * 300
TOO_LONG = "word " * 4000
"""For the row of its trace."""


def message(number, role="user"):
    return {"role": role, "parts": [{"type": "text", "text": f"{number} {LONG}"}]}


def contents(store):
    """Return (number of contents, bytes of what holds them), whether in rows of their own or in those of traces."""
    number, size = rows(store, "SELECT count(*), coalesce(sum(length(body)), 0) FROM content")[0]
    for pressed, asked, answered in rows(store, "SELECT pressed, input_text, output_text FROM trace"):
        number += len(bundled(1, 1, bundle_in(pressed, asked, answered)))
        size += len(pressed or b"")
    return number, size


def agent_turns(make, turns):
    """Return the changes of an agent that sends its whole history with each call."""
    history, changes = [message("system", "system")], []
    for turn in range(turns):
        history.append(message(turn))
        answer = message(turn, "assistant")
        span = make.span(kind="generation", input=list(history), output=[answer])
        body = {"model": "m", "messages": list(history)}
        changes.append(make.change(trace=make.trace(spans=(span,), input=Payload("q", body))))
        history.append(answer)
    return changes


def test_a_history_sent_again_grows_with_its_turns(tmp_path, make):
    sizes = []
    for turns in (20, 40, 80):
        store = Store.open(f"sqlite:///{tmp_path}/{turns}.db")
        for change in agent_turns(make, turns):
            store.write([change])
        sizes.append(contents(store))
        store.close()
    (rows, size), (rows_2, size_2), (rows_4, size_4) = sizes
    # Two messages, their text apart, and a list a turn; twice the turns are twice of all, and never their square.
    assert rows_4 - rows_2 == 2 * (rows_2 - rows) <= 4 * 40
    assert size_4 - size_2 < 2.2 * (size_2 - size)


def test_lists_longer_than_a_chain_read_back_equal(store, make):
    changes = agent_turns(make, FULL_LIST_EVERY * 3)
    for change in changes:
        store.write([change])
    found = store.session("s").traces
    assert [t.spans[0].input for t in found] == [c.trace.spans[0].input for c in changes]
    assert [t.input for t in found] == [c.trace.input for c in changes]


def test_no_reader_follows_more_links_than_a_chain_has(make):
    packer, names, rows = Packer(b"secret"), [], []
    for change in agent_turns(make, FULL_LIST_EVERY * 3):
        names.append(packer.pack(1, change.trace.spans[0].input))
        rows += packer.take_rows()
        packer.commit({1: 1})
    held = Contents(rows)
    lists = max(len(held._chain(name[1:])) for name in names if name[:1] == b"\x02")
    assert 20 < lists <= FULL_LIST_EVERY


def test_of_all_sessions_together_only_so_many_names_are_remembered(monkeypatch):
    monkeypatch.setattr(remembered, "_NAMES_IN_ALL", 50)
    packer = Packer(b"secret")
    for sid in range(30):
        for number in range(4):
            packer.pack(sid, f"{sid} {number} {LONG}")
        packer.commit({sid: 1})
        if sid % 7 == 3:
            packer.memory.forget(sid - 1)
        memory = packer.memory
        assert memory._weight == sum(known.weight for known in memory._known.values()) <= 50
    packer.take_rows()
    packer.pack(29, f"29 0 {LONG}")
    assert packer.take_rows() == []


def test_two_processes_that_take_turns_need_little_more_than_one(tmp_path, make):
    sizes = []
    for number in (1, 2):
        stores = [Store.open(f"sqlite:///{tmp_path}/{number}.db") for _ in range(number)]
        for turn, change in enumerate(agent_turns(make, 60)):
            stores[turn % number].write([change])
        sizes.append(contents(stores[0])[1])
        for store in stores:
            store.close()
    assert sizes[1] < 1.3 * sizes[0]


def test_a_second_process_stores_no_body_again_and_reads_the_same(store, make):
    changes = agent_turns(make, 12)
    other = Store.open(store.url)
    for number, change in enumerate(changes):
        (store, other)[number % 2].write([change])
    messages = {str(m) for change in changes for span in change.trace.spans for m in (*span.input, *span.output)}
    lists = 2 * len(changes)
    assert contents(store)[0] <= len(messages) + lists
    assert [t.spans[0].input for t in other.session("s").traces] == [c.trace.spans[0].input for c in changes]
    other.close()


@pytest.mark.parametrize("field", ["input", "output", "arguments", "result", "query"])
@pytest.mark.parametrize(
    "value",
    [LONG, {"text": LONG, "n": 1}, [LONG, LONG], [{"a": LONG}] * 6, {"rows": [{"a": LONG}, {"b": 2}], "k": None}],
)
def test_a_long_value_of_a_span_stands_once(store, make, field, value):
    spans = tuple(make.span(**{field: value}) for _ in range(5))
    store.write([make.change(trace=make.trace(spans=spans))])
    rows, size = contents(store)
    assert rows <= 3
    assert size < len(LONG)  # compressed, too
    assert [getattr(span, field) for span in store.session("s").traces[0].spans] == [value] * 5


def test_tools_and_texts_of_documents_stand_once(store, make):
    tools = tuple(ToolDefinition(f"tool {n}", LONG, {"type": "object"}) for n in range(5))
    documents = [Document(id="d", text=LONG, score=n / 10, metadata={"n": n}) for n in range(6)]
    spans = tuple(make.span(tools=tools, documents=(document,)) for document in documents)
    store.write([make.change(trace=make.trace(spans=spans))])
    assert contents(store)[0] == 2
    found = store.session("s").traces[0].spans
    assert [span.documents[0] for span in found] == documents
    assert all(span.tools == tools for span in found)


def test_a_short_value_makes_no_content(store, make):
    store.write([make.change(trace=make.trace(spans=(make.span(result="x" * (INLINE_BELOW - 10)),)))])
    assert contents(store)[0] == 0


def test_threads_that_write_at_once_lose_no_content(store, make):
    def write(number):
        for turn in range(25):
            span = make.span(result=f"{LONG} {number} {turn}", input=[message(n) for n in range(turn)])
            store.write([make.change(trace=make.trace(id=f"{number * 100 + turn + 10**9:032x}", spans=(span,)))])

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    spans = [trace.spans[0] for trace in store.session("s").traces]
    assert sorted(span.result for span in spans) == sorted(f"{LONG} {n} {t}" for n in range(4) for t in range(25))
    assert all(span.input == [message(n) for n in range(len(span.input))] for span in spans)


def test_what_is_new_in_a_trace_stands_in_its_row_and_what_is_too_long_beside_it(store, make):
    spans = (make.span(result=LONG), make.span(result=TOO_LONG), make.span(result=LONG + "more"))
    store.write([make.change(trace=make.trace(spans=spans))])
    store.write([make.change(trace=make.trace(spans=spans))])
    beside = rows(store, "SELECT count(*) FROM content")[0][0]
    assert (beside, contents(store)[0]) == ((1, 3) if store.url.startswith("sqlite") else (3, 3))
    assert [span.result for trace in store.session("s").traces for span in trace.spans] == [s.result for s in spans] * 2


def test_what_a_trace_brought_stays_when_it_is_written_again_and_others_refer_to_it(store, make):
    history = [message(n) for n in range(8)]
    first = make.trace(spans=(make.span(input=history, result=LONG),))
    later = make.trace(spans=(make.span(input=[*history, message(8)], result=LONG),))
    store.write([make.change(trace=first), make.change(trace=later)])
    other = Store.open(store.url)
    for text in ("again", "and again"):
        first = replace(first, spans=(make.span(trace_id=first.id, input=[message(text)] * 6, result=LONG + text),))
        other.write([make.change(trace=first, written_as="s")])
    assert store.session("s").traces == (replace(first, turn=1), replace(later, turn=2))
    assert store.excerpt_by_key("s", turn=2, count=1).conversation.traces[-1].spans == later.spans
    other.close()


@pytest.mark.sqlite
def test_a_text_that_a_client_words_in_another_way_stands_once(store, make):
    answers = [f"{n} {LONG[:400]}".replace("word", f'"wörd" {n}\n') for n in range(6)]
    worded = [{"role": "assistant", "parts": [{"type": "text", "content": text}]} for text in answers]
    again = [{"role": "assistant", "content": text, "n": [1.5, None]} for text in answers]
    store.write([make.change(trace=make.trace(spans=(make.span(output=worded),)))])
    store.write([make.change(trace=make.trace(input=Payload("q", {"messages": again})))])
    assert contents(store)[0] == 3 * len(answers) + 2
    first, second = store.session("s").traces
    assert (first.spans[0].output, second.input.body) == (worded, {"messages": again})
    run_sql(store, "DELETE FROM trace WHERE n = 1")
    (left,) = store.session("s").traces
    assert left.input.body == {"messages": [MISSING] * 6}


@pytest.mark.sqlite
def test_a_text_too_long_for_a_row_stands_once_as_well(store, make):
    history = [message(n) for n in range(5)]
    answer = {"role": "assistant", "parts": [{"type": "text", "content": TOO_LONG}]}
    span = make.span(input=history, output=[answer])
    body = {"messages": [*history, {"role": "assistant", "content": TOO_LONG}]}
    store.write([make.change(trace=make.trace(spans=(span,)))])
    store.write([make.change(trace=make.trace(input=Payload("q", body)))])
    assert rows(store, "SELECT size FROM content") == [(len(TOO_LONG) + 2,)]
    first, second = store.session("s").traces
    assert (first.spans[0].output, second.input.body) == ([answer], body)


def test_two_sessions_share_no_content(store, make):
    trace = make.trace(spans=(make.span(result=LONG),))
    store.write([make.change("a", trace), make.change("b", replace(trace, session_id="b", id="f" * 32))])
    assert contents(store)[0] == 2


def test_what_a_failed_batch_meant_to_store_is_stored_by_the_next(store, make):
    good = make.trace(spans=(make.span(result=LONG),))
    bad = make.trace(status_code=2**80)
    with pytest.raises(OverflowError):
        store.write([make.change(trace=good), make.change(trace=bad)])
    assert store.session("s") is None
    store.write([make.change(trace=good)])
    assert store.session("s").traces[0].spans[0].result == LONG


def test_contents_are_written_again_for_a_session_that_was_deleted_elsewhere(store, make):
    store.write([make.change("old", make.trace("old", spans=(make.span(result=LONG),)))])
    other = Store.open(store.url)
    first = store.session("old").traces[0]
    other.write([make.change("new", replace(first, session_id="new", turn=None), written_as="old")])
    assert other.session("old") is None
    store.write([make.change("old", make.trace("old", spans=(make.span(result=LONG),)))])
    assert store.session("old").traces[0].spans[0].result == LONG
    other.close()


def test_a_trace_that_leaves_takes_its_contents_along(store, make):
    stays = make.trace("login", spans=(make.span(result=LONG + "stays"), make.span(documents=(Document(text=LONG),))))
    leaves = make.trace("chat", spans=(make.span(result=LONG + "leaves"),), input=Payload("q", {"text": LONG + "also"}))
    store.write([make.change("login", stays), make.change("login", replace(leaves, session_id="login"))])
    before = contents(store)[0]
    store.write([make.change("chat", leaves, written_as="login")])
    assert contents(store)[0] == before
    assert store.session("login").traces == (replace(stays, turn=1),)
    assert store.session("chat").traces == (replace(leaves, turn=1),)
    # The first writer forgot what it knew of that session, so what it swept is stored again.
    again = make.trace("login", spans=(make.span(result=LONG + "leaves"),))
    store.write([make.change("login", again)])
    assert store.session("login").traces[1].spans[0].result == LONG + "leaves"


def test_a_content_that_is_gone_shows_as_missing(store, make):
    spans = (make.span(input=[message(n) for n in range(9)], result=TOO_LONG), make.span(result=LONG))
    store.write([make.change(trace=make.trace(spans=spans))])
    run_sql(store, "DELETE FROM content")
    (span, _) = store.session("s").traces[0].spans
    assert span.result == MISSING
