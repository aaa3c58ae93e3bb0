"""Recorded steps are re-enacted by the right verb, or by log lines, and come out the same."""

from typing import Any

import pytest

import convotrace as ct
from convotrace.demo.reenact import Reenactor
from convotrace.demo.steps import fields_of, usage_of
from convotrace.demo.stored import totals
from convotrace.model import Conversation, Span

CALL = {"id": "c1", "name": "look", "arguments": '{"q": 1}'}
ASKED = {
    "kind": "generation",
    "name": "chat",
    "model": "m-1",
    "input": None,
    "output": {"content": None, "tool_calls": [CALL]},
    "usage": {"prompt_tokens": 50, "completion_tokens": 0, "prompt_tokens_details": {"cached_tokens": 20}},
    "cost": 0.0002,
    "ts": "2026-01-01T00:00:00",
}
TOOL = {"kind": "tool", "name": "look", "input": {"q": 1}, "output": ["a", None], "call_id": "c1", "requestor": "user"}
BROKEN: dict[str, Any] = {
    "kind": "tool",
    "name": "book",
    "input": {},
    "output": None,
    "call_id": "c1",
    "error": "no seats",
}
FOUND = {
    "kind": "retrieval",
    "name": "search_景点",
    "input": {"query": "园"},
    "output": [{"document_id": "d:1", "text": "t", "title": "T", "url": "u"}, {"document_id": "d:2"}],
}
FILTERED = {"kind": "retrieval", "name": "search", "input": {"price": 3}, "output": []}
SAID = {"kind": "generation", "name": "chat", "input": None, "output": {"content": "Done."}}


def turn(message: str | None, steps: list[Any], assistant: str | None, **script: Any) -> dict[str, Any]:
    return {"session_id": "s", "message": message, "script": {"steps": steps, "assistant": assistant, **script}}


TURNS = [
    turn(None, [], "Hello", index=0, system="Be kind.", about={"domain": "d"}),
    turn("hi", [ASKED, TOOL, BROKEN, FOUND, FILTERED, SAID], "Done.", index=1),
    turn("and?", [SAID], None, index=2),
]


def replayed(via: str, turns: list[dict[str, Any]]) -> Conversation:
    """Play turns, each in a trace of its own, and return what was stored."""
    observer, reenactor = ct.ConvoTrace(store="memory:"), Reenactor()
    try:
        for data in turns:
            with observer.session("s"):
                assert reenactor.play({**data, "via": via}) == data["script"]["assistant"]
        stored = observer.store.session("s")
        assert stored is not None
        return stored
    finally:
        observer.close()


def spans_of(stored: Conversation) -> list[Span]:
    return [span for trace in stored.traces for span in trace.spans]


@pytest.fixture(params=["verbs", "logs"])
def via(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_each_step_becomes_a_span_of_its_kind_in_order(via: str) -> None:
    spans = spans_of(replayed(via, TURNS))
    assert [(span.kind, span.name) for span in spans] == [
        ("generation", "chat"),
        ("tool", "look"),
        ("tool", "book"),
        ("retrieval", "search_景点"),
        ("retrieval", "search"),
        ("generation", "chat"),
        ("generation", "chat"),
    ]
    assert {span.origin for span in spans} == {"own" if via == "verbs" else "log"}
    assert {span.parent_id for span in spans} == {None}


def test_a_generation_reads_system_and_all_messages_before_it(via: str) -> None:
    first, *_, last, next_turn = spans_of(replayed(via, TURNS))
    assert [message["role"] for message in first.input] == ["system", "assistant", "user"]
    assert [m["role"] for m in last.input] == ["system", "assistant", "user", "assistant", "tool", "tool"]
    assert [m["role"] for m in next_turn.input][-2:] == ["assistant", "user"]
    assert len(next_turn.input) == len(last.input) + 2


def test_a_generation_keeps_model_output_tokens_and_cost(via: str) -> None:
    first, *_, last = spans_of(replayed(via, TURNS))
    assert first.model == "m-1" and first.cost == 0.0002
    assert first.output == [{"role": "assistant", "parts": [{"type": "tool_call", **CALL}]}]
    assert first.usage is not None
    assert (first.usage.input, first.usage.output, first.usage.cached_read) == (50, 0, 20)
    assert last.output[0]["parts"] == [{"type": "text", "content": "Done."}]
    assert last.usage is None and last.cost is None


def test_a_call_in_the_form_of_openai_keeps_its_name_and_arguments(via: str) -> None:
    told = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": CALL["arguments"]}}
    asked = {**ASKED, "output": {"content": None, "tool_calls": [told]}}
    first, *_ = spans_of(replayed(via, [turn("hi", [asked], None, index=0)]))
    assert first.output[0]["parts"] == [{"type": "tool_call", **CALL}]


def test_a_tool_keeps_arguments_result_call_id_and_error(via: str) -> None:
    _, tool, broken, *_ = spans_of(replayed(via, TURNS))
    assert (tool.arguments, tool.result, tool.call_id, tool.status) == ({"q": 1}, ["a", None], "c1", "ok")
    assert tool.attributes["recorded_requestor"] == "user"
    assert (broken.result, broken.status) == (None, "error")
    assert broken.error is not None and broken.error.message == "no seats"


def test_a_retrieval_keeps_query_and_documents_also_none(via: str) -> None:
    found, filtered = (span for span in spans_of(replayed(via, TURNS)) if span.kind == "retrieval")
    assert found.query == "园"
    assert [(d.id, d.text, d.title, d.url) for d in found.documents] == [("d:1", "t", "T", "u"), ("d:2",) + (None,) * 3]
    assert filtered.query == {"price": 3} and filtered.documents == ()


def test_verbs_and_log_lines_give_the_same_totals() -> None:
    def counted(via: str) -> Any:
        session = replayed(via, TURNS).session
        return session.spans, session.errors, session.input_tokens, session.output_tokens, session.cost_nano

    assert counted("verbs") == counted("logs") == (7, 1, 50, 0, 200_000)


def test_log_lines_that_hold_whole_conversations_are_not_printed(capfd: pytest.CaptureFixture[str]) -> None:
    replayed("logs", TURNS)
    assert capfd.readouterr() == ("", "")


def test_playing_the_first_turn_again_starts_the_conversation_anew(via: str) -> None:
    spans = spans_of(replayed(via, [*TURNS, *TURNS]))
    assert spans[0].input == spans[7].input


def test_thumbs_are_the_customer_s_and_other_ratings_an_annotator_s(via: str) -> None:
    ratings = [{"name": "thumbs", "value": 0.0, "by": "rater"}, {"name": "fluency", "value": "4", "by": "465"}]
    [trace] = replayed(via, [turn("hi", [], "yes", feedback=ratings)]).traces
    assert [(score.name, score.value, score.source, score.author) for score in trace.scores] == [
        ("thumbs", 0.0, "end_user", "rater"),
        ("fluency", "4", "annotator", "465"),
    ]


@pytest.mark.parametrize(
    ("outcome", "ended", "resolved", "events"),
    [
        ({"success": True}, "completed", True, []),
        ({"success": False}, "failed", False, []),
        ({"success": True, "escalated": True}, "escalated", True, ["escalation"]),
        ({"success": False, "escalated": False}, "failed", False, []),
        ({"escalated": True}, "escalated", None, ["escalation"]),
        ({"labels": {"x": 1}}, "open", None, []),
        (None, "open", None, []),
    ],
)
def test_the_recorded_outcome_ends_the_session(
    via: str, outcome: Any, ended: str, resolved: bool | None, events: list[str]
) -> None:
    stored = replayed(via, [turn("hi", [], "yes", outcome=outcome)])
    assert (stored.session.outcome, stored.session.resolved) == (ended, resolved)
    ends = [] if ended == "open" else ["session.end"]
    assert [event.name for event in stored.events] == [*events, *ends]


def test_automatic_scores_judge_the_session(via: str) -> None:
    stored = replayed(via, [turn("hi", [], "yes", outcome={"scores": {"RougeL": 0.25, "idk": 1}})])
    assert [(score.name, score.value, score.source) for score in stored.scores] == [
        ("RougeL", 0.25, "evaluator"),
        ("idk", 1, "evaluator"),
    ]


def test_user_and_origin_of_a_recording_are_told(via: str) -> None:
    stored = replayed(via, [{**TURNS[0], "user_id": "mia"}])
    assert stored.session.user_id == "mia"
    assert stored.session.metadata == {"domain": "d"}


def test_texts_are_told_by_verbs_only_where_the_request_is_too_large(via: str) -> None:
    large, small = replayed(via, [turn("hi", [], "", oversized=True), turn("hi", [SAID], "yes")]).traces
    assert (large.input.text, large.output.text) == ("hi", "")
    assert (small.input.text, small.output.text) == (None, None)


def test_totals_of_a_store_count_what_was_re_enacted() -> None:
    observer, reenactor = ct.ConvoTrace(store="memory:"), Reenactor()
    for data in TURNS:
        with observer.session("s"):
            reenactor.play(data)
    counts = totals(observer.store, ["s", "unknown"])
    observer.close()
    # The greeting came from no request, so that there is no body to read it from: no turn.
    assert counts == {"sessions": 1, "turns": 2, "generation": 3, "tool": 2, "retrieval": 2, "errors": 1, "scores": 0}


@pytest.mark.parametrize(
    ("usage", "counts"),
    [
        (None, {}),
        ({"prompt_tokens": 0}, {"input": 0}),
        ({"input_tokens": 3, "output_tokens": 4}, {"input": 3, "output": 4}),
        ({"completion_tokens": 5, "completion_tokens_details": {"reasoning_tokens": 2}}, {"output": 5, "reasoning": 2}),
    ],
)
def test_a_count_that_was_not_made_is_left_out(usage: Any, counts: dict[str, int]) -> None:
    assert usage_of({"usage": usage}) == counts


def test_a_recorded_input_wins_over_the_messages_so_far() -> None:
    assert fields_of({**SAID, "input": "only this"}, [{"role": "user", "parts": []}])["input"] == "only this"
