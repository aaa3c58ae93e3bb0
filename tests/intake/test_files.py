"""Files of conversations: our own exports, and those of others, into an equal store however often they are read."""

import json

import pytest

from convotrace.errors import BadRequest
from convotrace.intake.files import Reader
from convotrace.settings import Settings
from convotrace.store import Store

BEGIN = 1_700_000_000 * 10**9


@pytest.fixture
def reader():
    return Reader("chats", BEGIN, Settings.of({"store": "memory:"}))


@pytest.fixture
def store():
    opened = Store.open("memory:")
    yield opened
    opened.close()


def read(reader, store, *found):
    for line, value in enumerate(found, 1):
        store.write(reader.read(value, line), retry=True)


MESSAGES = {
    "id": "chat 7", "user": "ann", "model": "gpt-x", "created": 1_600_000_000,
    "messages": [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Where is 4711?"},
        {"role": "assistant", "content": None, "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "track", "arguments": '{"id": 4711}'}}]},
        {"role": "tool", "tool_call_id": "c1", "content": "on its way"},
        {"role": "assistant", "content": "On its way."},
        {"role": "user", "content": [{"type": "text", "text": "Thanks"}, {"type": "image_url", "image_url": {}}]},
        {"role": "assistant", "content": "Welcome."},
    ],
}  # fmt: skip


def test_messages_become_turns_with_their_calls(reader, store):
    read(reader, store, MESSAGES)
    found = store.session("chat 7")
    texts = [(trace.input.text, trace.output.text) for trace in found.traces]
    assert texts == [("Where is 4711?", "On its way."), ("Thanks", "Welcome.")]
    calls = [
        (span.kind, span.name, span.arguments, span.result) for span in found.traces[0].spans if span.kind == "tool"
    ]
    assert calls == [("tool", "track", '{"id": 4711}', "on its way")]
    assert (found.session.user_id, found.session.id_source) == ("ann", "import")
    assert found.session.started_ns == 1_600_000_000 * 10**9


def test_a_bare_list_of_messages_is_named_after_its_file_and_line(reader, store):
    read(reader, store, MESSAGES["messages"])
    assert [one.id for one in store.sessions()] == ["chats-1"]
    assert store.session("chats-1").session.started_ns == BEGIN


def test_turns_with_steps_keep_documents_errors_ratings_and_the_outcome(reader, store):
    step = {"kind": "retrieval", "name": "docs", "input": {"query": "q"}, "output": [{"document_id": "d", "text": "t"}]}
    failed = {"kind": "tool", "name": "pay", "input": {"n": 1}, "output": None, "error": "no funds"}
    rating = {"name": "thumbs", "value": 1, "by": "r1", "source": "human"}
    turn = {"user": "pay", "assistant": "no", "steps": [step, failed], "feedback": [rating]}
    outcome = {"success": False, "escalated": True, "scores": {"rl_f": 0.25}}
    read(reader, store, {"id": "x", "turns": [turn], "outcome": outcome})
    found = store.session("x")
    assert found.traces[0].spans[0].documents[0].id == "d" and found.traces[0].spans[1].error.message == "no funds"
    assert (found.session.outcome, found.session.resolved, found.session.errors) == ("escalated", False, 1)
    assert found.session.scores == {"thumbs": 1.0, "rl_f": 0.25} and found.traces[0].scores[0].author == "r1"


def test_what_is_never_stored_is_not_in_what_others_wrote_down_either(reader, store):
    step = {"kind": "tool", "name": "log_in", "input": {"password": "hunter2"}, "output": "ok"}
    read(reader, store, {"id": "x", "turns": [{"user": "hi", "assistant": "hi", "steps": [step]}]})
    assert "hunter2" not in repr(store.session("x"))


def test_headers_in_an_export_that_others_wrote_lose_what_is_never_stored(reader, store):
    read(reader, store, MESSAGES)
    (line,) = map(json.loads, store.export())
    headers = {"cookie": "sid=c4n4ry", "x-api-key": "c4n4ry", "referer": "/x?token=c4n4ry", "user-agent": "curl"}
    line["traces"][0]["request"] = {"method": "POST", "path": "/chat", "query": {}, "headers": headers}
    other = Store.open("memory:")
    read(reader, other, line)
    found = other.session("chat 7").traces[0].request.headers
    assert found == {"x-api-key": "[redacted]", "referer": "/x?[redacted]", "user-agent": "curl"}
    other.close()


def test_an_answer_of_a_tool_that_nobody_called_is_a_call_all_the_same(reader, store):
    stray = {"role": "tool", "tool_call_id": "c9", "name": "track", "content": "lost"}
    read(reader, store, [MESSAGES["messages"][1], {"role": "tool", "content": "unnamed"}, stray])
    (trace,) = store.session("chats-1").traces
    assert [(span.name, span.result) for span in trace.spans if span.kind == "tool"] == [
        ("tool", "unnamed"), ("track", "lost"),
    ]  # fmt: skip


def test_a_file_read_twice_is_the_same_conversation(reader, store):
    read(reader, store, MESSAGES)
    before = store.session("chat 7")
    read(reader, store, MESSAGES, MESSAGES)
    assert store.session("chat 7") == before


def test_an_export_makes_an_equal_store_however_often_it_is_read(reader, store):
    step = {"kind": "tool", "name": "pay", "input": {"n": 1}, "output": None, "error": "no"}
    turn = {
        "user": "\0=x\ud800 地铁",
        "assistant": "",
        "steps": [step, step],
        "feedback": [{"name": "n", "value": 0.5}],
    }
    read(reader, store, MESSAGES, {"id": "x", "turns": [turn], "outcome": {"success": True, "scores": {"s": 1}}})
    lines = [json.loads(line) for line in store.export()]
    other = Store.open("memory:")
    read(reader, other, *lines, *reversed(lines))
    for session in store.sessions():
        assert other.session(session.id) == store.session(session.id)
    assert [*other.export()] == [*store.export()]
    other.close()


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({"a": 1}, "it is in no known format; use"),
        (5, "it is in no known format"),
        ({"messages": "x"}, "messages came as str; it has to be an array."),
        ({"messages": [{"content": "x"}]}, "message 1 has no role"),
        ({"turns": [5]}, "turn 1 came as int"),
        ({"session": {}, "traces": []}, "Session lacks a field"),
        ({"session": {"id": 5, "key": "k"}, "traces": []}, "Session.id cannot be read: int came"),
    ],
)
def test_what_cannot_be_read_says_where_and_why(reader, found, words):
    with pytest.raises(BadRequest, match="Line 3: ") as raised:
        reader.read(found, 3)
    assert words in str(raised.value)
