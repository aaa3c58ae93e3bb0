"""The public JSON: names, units and values of every record, and bytes for whatever is in them."""

from __future__ import annotations

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convotrace.export import as_json, dump
from convotrace.export.records import iso
from convotrace.model import (
    Attachment,
    Conversation,
    Cut,
    Document,
    Event,
    Failure,
    Link,
    Payload,
    Request,
    Score,
    Session,
    SessionPage,
    Signal,
    Span,
    Target,
    ToolDefinition,
    Trace,
    TurnMark,
    Usage,
    Warning,
)

AT = 1_795_355_342_123_456_789
ISO = "2026-11-22T13:49:02.123456Z"
SESSION = {
    "id", "key", "id_source", "user_id", "name", "environment", "release", "service", "tags", "metadata",
    "started_at", "last_at", "ended_at", "outcome", "resolved", "turns", "traces", "spans", "errors", "events",
    "input_tokens", "output_tokens", "cached_tokens", "cache_write_tokens", "reasoning_tokens", "cost",
    "duration_ms", "p50_ms", "first_byte_ms", "first_input", "last_output", "feedback", "scores", "links",
    "attachments", "signals", "warnings", "outcome_reason",
}  # fmt: skip
TRACE = {
    "id", "session_id", "turn", "replaces", "name", "route", "status", "status_code", "started_at", "duration_ms",
    "first_byte_ms", "input", "output", "input_tokens", "output_tokens", "cost", "error", "service", "user_id",
    "id_source", "tags", "metadata", "protocol", "close_code", "request_bytes", "response_bytes", "chunks",
    "largest_gap_ms", "retries", "flow", "cut", "signals", "attachments", "spans", "events", "scores",
}  # fmt: skip
SPAN = {
    "id", "trace_id", "parent_id", "kind", "name", "service", "status", "error", "started_at", "duration_ms",
    "model", "provider", "parameters", "tools", "input", "output", "arguments", "result", "query", "documents",
    "usage", "call_id", "tags", "metadata", "cost", "finish_reason", "first_token_ms", "attributes", "events",
    "scores", "origin",
}  # fmt: skip
SCORE = {
    "id", "name", "type", "value", "comment", "source", "author", "at", "target", "evaluator", "version", "reason",
    "passed", "duration_ms", "turns",
}  # fmt: skip
SCORE_RECORD = Score(
    "s1", "tone", "numeric", 0.5, AT, Target("s", "t", "p"), "evaluator", "c", "a", "e", "2", "r", True
)


def test_a_record_has_every_public_name():
    assert set(as_json(Session("a", "a"))) >= SESSION
    assert set(as_json(Trace("t", "a"))) >= TRACE
    assert set(as_json(Span("p", "t", "n"))) >= SPAN
    assert set(as_json(Event("e", 0))) == {"name", "at", "level", "attributes"}
    assert set(as_json(SCORE_RECORD)) == SCORE
    assert set(as_json(Conversation(Session("a", "a")))) == {"session", "traces", "events", "scores"}
    assert set(as_json(SessionPage())) == {"sessions", "next"}


@pytest.mark.parametrize(
    "names",
    [
        (
            Session("a", "a"),
            "user_id ended_at resolved input_tokens output_tokens cost p50_ms first_byte_ms first_input",
        ),
        (
            Trace("t", "a"),
            "turn status_code duration_ms input_tokens output_tokens cost error close_code request chunks",
        ),
        (
            Span("p", "t", "n"),
            "parent_id duration_ms usage cost input output arguments result query first_token_ms error",
        ),
    ],
    ids=["session", "trace", "span"],
)
def test_what_is_unknown_is_null_and_never_zero(names):
    record, unknown = names
    body = as_json(record)
    assert {name: body[name] for name in unknown.split()} == dict.fromkeys(unknown.split())


def test_units_are_iso_times_milliseconds_and_dollars():
    body = as_json(
        Trace(
            "t",
            "a",
            started_ns=AT,
            duration_ns=1_500_000,
            first_byte_ns=250_000,
            cost_nano=90_200_000,
            largest_gap_ns=1,
        )
    )
    assert (body["started_at"], body["duration_ms"], body["first_byte_ms"], body["cost"]) == (ISO, 1.5, 0.25, 0.0902)
    assert body["largest_gap_ms"] == 1e-06
    session = as_json(Session("a", "a", started_ns=AT, last_ns=AT + 2_000_000, p50_ns=1_000_000, cost_nano=0))
    assert (session["duration_ms"], session["p50_ms"], session["cost"]) == (2.0, 1.0, 0.0)


def test_a_time_keeps_its_microseconds_even_when_they_are_zero():
    assert (iso(0), iso(1_500), iso(None)) == ("1970-01-01T00:00:00.000000Z", "1970-01-01T00:00:00.000001Z", None)


def test_what_is_inside_a_record_has_its_shape_too():
    span = Span(
        "p", "t", "n", error=Failure("E", "m", "st"), usage=Usage(3, 2, 1, None, 0, None),
        documents=(Document("d", "x", 0.5),),
        tools=(ToolDefinition("f", "d", {"a": 1}),), events=(Event("e", AT, "info", {"k": 1}),), scores=(SCORE_RECORD,),
    )  # fmt: skip
    body = as_json(span)
    assert body["error"] == {"type": "E", "message": "m", "stack": "st"}
    assert body["usage"] == {
        "input": 3,
        "output": 2,
        "cached_read": 1,
        "cached_write": None,
        "reasoning": 0,
        "audio": None,
    }
    assert body["documents"] == [{"id": "d", "text": "x", "score": 0.5, "title": None, "url": None, "metadata": {}}]
    assert body["tools"] == [{"name": "f", "description": "d", "schema": {"a": 1}}]
    assert body["events"] == [{"name": "e", "at": ISO, "level": "info", "attributes": {"k": 1}}]
    assert body["scores"][0]["target"] == {"session_id": "s", "trace_id": "t", "span_id": "p"}


def test_a_trace_and_a_session_hold_their_parts():
    trace = as_json(
        Trace("t", "a", input=Payload("", {"x": 1}), cut=Cut(9, None), signals=(Signal("n", "why", "p"),),
              attachments=(Attachment("1", "f", "text/plain", 3),),
              request=Request("GET", "/", {"q": "1"}, {"h": "v"}, "c"))
    )  # fmt: skip
    assert (trace["input"], trace["output"]) == ({"text": "", "body": {"x": 1}}, {"text": None, "body": None})
    assert (trace["cut"], trace["signals"]) == (
        {"input": 9, "output": None},
        [{"name": "n", "why": "why", "span_id": "p"}],
    )
    file = {"id": "1", "name": "f", "type": "text/plain", "size": 3, "url": None, "stored": False, "left_out": None}
    assert trace["attachments"] == [file]
    assert trace["request"] == {"method": "GET", "path": "/", "query": {"q": "1"}, "headers": {"h": "v"}, "client": "c"}
    session = as_json(
        Session(
            "a", "a", links=(Link("b", "same_id"),), warnings=(Warning("c", "m"),), strip=(TurnMark(1_000_000, 1, AT),)
        )
    )
    assert session["links"] == [{"session_id": "b", "relation": "same_id"}]
    assert session["warnings"] == [{"code": "c", "message": "m"}]
    assert session["strip"] == [{"after_ms": AT / 1e6, "duration_ms": 1.0, "errors": 1}]
    assert session["feedback"] == {"up": 0, "down": 0}


def test_only_records_have_a_shape():
    with pytest.raises(TypeError, match="dict came"):
        as_json({})


ANY_TEXT = st.text(st.characters(exclude_categories=()))
HARD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=10,
)  # fmt: skip


@given(HARD)
def test_bytes_read_back_as_the_value_surrogates_and_large_numbers_too(value):
    assert json.loads(dump(value)) == value
    assert json.loads(dump(value, indented=True)) == value


def test_what_json_cannot_say_becomes_null_or_text():
    assert json.loads(dump({"a": float("nan"), "b": 2**70, 3: {1}, "c": float("inf")})) == {
        "a": None, "b": 2**70, "3": [1], "c": None,
    }  # fmt: skip
    assert b"object" in dump([object()])


def test_a_value_nested_without_end_is_cut_and_not_raised():
    deep: list = []
    for _ in range(100_000):
        deep = [deep]
    assert b"deeper values are left out" in dump(deep)


def test_json_that_is_made_already_is_dumped_as_what_it_says():
    made = orjson.Fragment(b'{"a": [1]}')
    assert json.loads(dump({"made": made})) == {"made": {"a": [1]}}
    assert json.loads(dump({"made": made, "great": 2**70})) == {"made": {"a": [1]}, "great": 2**70}
