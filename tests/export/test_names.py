"""What a span and a turn say under the names of each dialect: nothing of what is unknown, all of what is known."""

import pytest

from convotrace.export.otlp_names import DIALECTS, of_span, text, who
from convotrace.model import Document, Failure, Payload, Session, Span, Trace, Usage

SESSION = Session("s", "s", user_id="ann", name="Kettle", environment="test", release="r1", tags=("vip",))
BARE = Session("s", "s")
CALL = Span(
    "1", "t", "chat", "generation", model="m", provider="p", parameters={"temperature": 0.5}, cost_nano=10**9,
    usage=Usage(3, 2, cached_read=1), started_ns=1_800_000_000 * 10**9, first_token_ns=5 * 10**8, finish_reason="stop",
    input=[
        {"role": "user", "parts": [{"type": "text", "content": "hi"}, {"type": "image"}, "odd"]},
        {"role": "assistant", "parts": [
            {"type": "tool_call", "id": "c1", "name": "pay", "arguments": {"a": 1}}, {"type": "tool_call", "name": "x"},
        ]},
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": {"ok": True}}]},
        {"parts": None},
    ],
    output=[{"role": "assistant", "parts": [{"type": "text", "content": "done"}]}],
)  # fmt: skip
FOUND = Span(
    "2", "t", "kb", "retrieval", query="kettle",
    documents=(Document("d1", "Boils.", 0.5, "Kettle", "https://x", {"page": 2}), Document(text="Cold.")),
)  # fmt: skip
FAILED = Span("3", "t", "pay", "tool", arguments={"a": 1}, status="error", error=Failure("E", "no money"), call_id="c1")
NOTHING = Span("4", "t", "x")


def span(dialect, it, session=SESSION):
    return dict(DIALECTS[dialect][0](session, it))


def turn(dialect, it, session=SESSION):
    return dict(DIALECTS[dialect][1](session, it))


def test_messages_are_numbered_with_their_calls_and_what_is_no_text_is_left_out():
    told = span("phoenix", CALL)
    start = "llm.input_messages"
    messages = {name.removeprefix(f"{start}."): value for name, value in told.items() if name.startswith(start)}
    assert messages == {
        "0.message.role": "user", "0.message.content": "hi\nodd", "1.message.role": "assistant",
        "1.message.tool_calls.0.tool_call.id": "c1", "1.message.tool_calls.0.tool_call.function.name": "pay",
        "1.message.tool_calls.0.tool_call.function.arguments": '{"a":1}',
        "1.message.tool_calls.1.tool_call.function.name": "x",
        "2.message.role": "tool", "2.message.tool_call_id": "c1", "2.message.content": '{"ok":true}',
        "3.message.role": "user",
    }  # fmt: skip
    assert told["llm.output_messages.0.message.content"] == "done"


def test_documents_are_numbered_with_what_is_known_of_each():
    told = span("phoenix", FOUND)
    documents = {name[len("retrieval.documents.") :]: value for name, value in told.items() if "documents" in name}
    assert documents == {
        "0.document.id": "d1", "0.document.content": "Boils.", "0.document.score": 0.5, "1.document.content": "Cold.",
    }  # fmt: skip
    made = span("langfuse", FOUND)["langfuse.observation.output"]
    assert made == (
        '[{"id":"d1","score":0.5,"title":"Kettle","url":"https://x","content":"Boils.","metadata":{"page":2}},'
        '{"content":"Cold."}]'
    )


def test_langfuse_gets_when_the_first_token_came_what_it_cost_and_what_failed():
    told = span("langfuse", CALL)
    assert told["langfuse.observation.completion_start_time"] == '"2027-01-15T08:00:00.500Z"'
    assert told["langfuse.observation.usage_details"] == '{"input":3,"output":2,"input_cache_read":1}'
    assert told["langfuse.observation.cost_details"] == '{"total":1.0}'
    failed = span("langfuse", FAILED)
    assert (failed["langfuse.observation.level"], failed["langfuse.observation.status_message"]) == (
        "ERROR",
        "no money",
    )
    assert "langfuse.observation.output" not in failed and failed["langfuse.observation.input"] == '{"a":1}'


@pytest.mark.parametrize("dialect", DIALECTS)
def test_of_a_span_of_which_nothing_is_known_nothing_is_made_up(dialect):
    for it in (span(dialect, NOTHING, BARE), turn(dialect, Trace("t", "s"), BARE)):
        assert None not in it.values() and "" not in it
        assert not any("input" in name or "output" in name or "user" in name for name in it)


def test_maxim_gets_the_name_of_a_session_and_the_tags_of_both_where_there_are_any():
    trace = Trace("t", "s", tags=("vip", "late"))
    assert turn("maxim", trace) == {
        "maxim-session-id": "s", "maxim-session-name": "Kettle", "maxim-trace-tags": '{"vip":"true","late":"true"}',
    }  # fmt: skip
    assert turn("maxim", Trace("t", "s"), BARE) == span("maxim", NOTHING, BARE) == {"maxim-session-id": "s"}


def test_a_turn_that_failed_says_so_with_its_texts_and_the_tags_of_both_once():
    trace = Trace(
        "t", "s", "POST /chat", input=Payload("hi"), output=Payload("ho"), error=Failure("E", "x"), tags=("vip",)
    )
    told = turn("langfuse", trace)
    assert (told["langfuse.trace.input"], told["langfuse.trace.output"]) == ("hi", "ho")
    assert (told["langfuse.trace.tags"], told["langfuse.observation.level"]) == (["vip"], "ERROR")
    assert (told["langfuse.user.id"], told["langfuse.release"]) == ("ann", "r1")


def test_the_conventions_name_what_is_known_of_a_call_and_whose_it_is():
    told = dict(of_span(CALL))
    assert (told["gen_ai.request.temperature"], told["gen_ai.response.time_to_first_chunk"]) == (0.5, 0.5)
    assert told["gen_ai.response.finish_reasons"] == ["stop"]
    assert dict(who(SESSION, None)) == {"session.id": "s", "gen_ai.conversation.id": "s"}
    assert dict(who(SESSION, "ann"))["user.id"] == "ann"
    assert (text("é"), text({"a": [1]}), text(None)) == ("é", '{"a":[1]}', "null")
