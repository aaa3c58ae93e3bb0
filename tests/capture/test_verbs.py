"""Every verb: where its fact lands, and that none of them raises, whatever it is given."""

import pytest

import convotrace as ct
from convotrace.capture import log_line
from convotrace.capture.current import current, current_node
from convotrace.model import Document, Failure, Link, ToolDefinition, Usage


class Raises:
    def __repr__(self):
        raise RuntimeError

    __str__ = __bool__ = __repr__


# Each verb, and how its fact is read back from the session's facts `s`, the trace `t` and its one span `p`.
LANDS = {
    "event on the span": (lambda: ct.event("e", a=1), lambda s, t, p: p.events, ("e", None, {"a": 1})),
    "event on the trace": (lambda: ct.event("e", on="trace"), lambda s, t, p: t.events, ("e", None, {})),
    "event on the session": (
        lambda: ct.event("handoff", on="session", level="warning", team="b"),
        lambda s, t, p: s.events,
        ("handoff", "warning", {"team": "b"}),
    ),
    "event of the handle": (
        lambda: ct.current_session().event("e", a=1),
        lambda s, t, p: s.events,
        ("e", None, {"a": 1}),
    ),
    "event of the span": (lambda: ct.current_span().event("e", a=1), lambda s, t, p: p.events, ("e", None, {"a": 1})),
}


@pytest.mark.parametrize(("say", "read", "fact"), LANDS.values(), ids=LANDS)
def test_an_event_lands_where_the_verb_says(trace, written, say, read, fact):
    with ct.span("work"):
        say()
    change = written()
    (event,) = read(change.session, change.trace, change.trace.spans[0])
    assert (event.name, event.level, event.attributes) == fact
    everywhere = [*change.session.events, *change.trace.events, *change.trace.spans[0].events]
    assert len(everywhere) == 1 and event.at_ns > 0


SCORES = {
    "score": (lambda: ct.score("s", 0.5, "why", author="ann", source="annotator"), "trace", ("s", 0.5, "annotator")),
    "score on the span": (lambda: ct.score("s", True, on="span"), "span", ("s", True, "code")),
    "score on the session": (lambda: ct.score("s", "good", on="session"), "session", ("s", "good", "code")),
    "score of the span": (lambda: ct.current_span().score("s", 1), "span", ("s", 1, "code")),
    "score of the handle": (lambda: ct.current_session().score("s", 2), "session", ("s", 2, "code")),
    "feedback": (lambda: ct.feedback(True), "trace", ("feedback", True, "end_user")),
    "an unknown source": (lambda: ct.score("s", 1, source="rumour"), "trace", ("s", 1, "code")),
    "a value of no kind": (lambda: ct.score("s", [1]), "trace", ("s", "[1]", "code")),
}


@pytest.mark.parametrize(("say", "where", "fact"), SCORES.values(), ids=SCORES)
def test_a_score_lands_where_the_verb_says(trace, written, say, where, fact):
    with ct.span("work"):
        say()
    change = written()
    places = {"session": change.session.scores, "trace": change.trace.scores, "span": change.trace.spans[0].scores}
    (score,) = places.pop(where)
    assert (score.name, score.value, score.source) == fact
    assert not any(places.values())


def test_the_fields_of_a_score_are_kept_as_texts_and_unknown_ones_are_not(trace, written):
    ct.score("s", 1, {"a": 1}, author=7, evaluator="e", version=2, reason="r", passed=1, colour="red")
    (score,) = written().trace.scores
    assert (score.comment, score.author, score.evaluator, score.version) == ("{'a': 1}", "7", "e", "2")
    assert (score.reason, score.passed) == ("r", True)


def test_tags_and_metadata_land_on_session_trace_and_span(trace, written):
    with ct.span("work"):
        for on in ("session", "trace", "span"):
            ct.tag(f"of {on}", 7, on=on)
            ct.metadata(on=on, where=on, nested={"a": (1,)})
    ct.current_session().tag("more")
    ct.current_session().metadata(more=1)
    change = written()
    (span,) = change.trace.spans
    assert change.session.tags == ("of session", "7", "more")
    assert (change.trace.tags, span.tags) == (("of trace", "7"), ("of span", "7"))
    assert change.session.metadata == {"where": "session", "nested": {"a": [1]}, "more": 1}
    assert [found.metadata["where"] for found in (change.trace, span)] == ["trace", "span"]


@pytest.mark.parametrize("verb", [ct.event, ct.tag, ct.score])
def test_outside_a_span_what_is_said_on_the_span_lands_on_the_trace(trace, written, verb):
    verb("x", **({"on": "span"} | ({"value": 1} if verb is ct.score else {})))
    found = written().trace
    assert len([*found.events, *found.tags, *found.scores]) == 1


def test_texts_user_outcome_and_content_are_told(trace, written):
    ct.set_input("asked")
    ct.set_output("answered")
    ct.user(42)
    ct.end_session("escalated", resolved=True)
    change = written()
    assert (change.trace.input.text, change.trace.output.text) == ("asked", "answered")
    assert (change.trace.user_id, change.session.user_id) == ("42", "42")
    assert (change.session.outcome, change.session.resolved) == ("escalated", True)
    assert change.session.ended_ns > 0
    ct.no_content()
    assert written().trace.input.text is None


def test_ending_a_session_again_keeps_what_was_not_said_anew(trace, written):
    ct.end_session("completed", resolved=False)
    ct.end_session()
    assert (written().session.outcome, written().session.resolved) == ("completed", False)


def test_an_outcome_that_is_none_is_noted_and_not_used(trace, written):
    ct.end_session("exploded")
    event, end = written().session.events
    assert written().session.outcome is None and event.attributes["outcome"] == "exploded"
    assert (end.name, end.attributes) == ("session.end", {"outcome": None, "resolved": None})


def test_a_link_to_another_session_is_told_and_what_is_no_id_is_not(trace, written):
    ct.link_session("earlier")
    ct.link_session(7, relation="see_also")
    ct.link_session(None)
    ct.link_session("")
    assert written().session.links == (Link("earlier", "continues"), Link("7", "see_also"))


@pytest.mark.parametrize("id_", [None, "", " ", True, [], Raises()])
def test_a_user_that_is_no_id_changes_nothing(trace, written, id_):
    ct.user("ann")
    ct.user(id_)
    assert written().trace.user_id == "ann"


def test_skip_forgets_the_trace(trace, written):
    ct.set_input("hi")
    ct.skip()
    assert written() is None


def test_current_things_are_those_of_the_request(trace):
    assert ct.current_trace().id == f"{trace.id:032x}"
    assert ct.current_session().id is None
    trace.identify = lambda asked: "s9" if asked is trace else None
    assert ct.current_session().id == "s9"
    assert ct.current_span() is None
    with ct.tool("t") as span:
        assert ct.current_span() is span


def test_each_kind_of_span_keeps_its_fields(trace, written):
    with ct.generation("g", model="m", provider="p", parameters={"t": 0}, mood="calm") as g:
        g.set_input("hi").set_output({"role": "assistant", "content": "ho"}).set_usage(
            {"input": 3}, output=2, cost=0.01
        )
        g.set(finish_reason="stop", tools=[{"name": "find"}])
    with ct.tool("t", arguments={"q": 1}, call_id="c1") as t:
        t.set_result(None)
    with ct.retrieval("r", query="q") as r:
        r.set_documents([{"id": "d", "text": "x", "score": 0.5}])
    with ct.span("plain", kind="chain", input=[1], output={"a": (2,)}):
        pass
    with ct.span("odd", kind="no kind"):
        pass
    g, t, r, plain, odd = written().trace.spans
    assert (g.kind, g.model, g.provider, g.parameters) == ("generation", "m", "p", {"t": 0})
    assert g.input == [{"role": "user", "parts": [{"type": "text", "content": "hi"}]}]
    assert g.output == [{"role": "assistant", "parts": [{"type": "text", "content": "ho"}]}]
    assert (g.usage, g.cost, g.finish_reason, g.tools) == (Usage(3, 2), 0.01, "stop", (ToolDefinition("find"),))
    assert g.attributes == {"mood": "calm"}
    assert (t.kind, t.arguments, t.call_id, t.result) == ("tool", {"q": 1}, "c1", None)
    assert (r.kind, r.query, r.documents) == ("retrieval", "q", (Document("d", "x", 0.5),))
    assert (plain.kind, plain.input, plain.output, odd.kind) == ("chain", [1], {"a": [2]}, "internal")
    assert {span.origin for span in (g, t, r, plain, odd)} == {"own"}


def test_spans_nest_and_their_times_are_in_order(trace, written):
    with ct.span("a"), ct.span("b"):
        with ct.span("c"):
            pass
        with ct.span("d"):
            pass
    a, b, c, d = written().trace.spans
    assert (a.parent_id, b.parent_id, c.parent_id, d.parent_id) == (None, a.id, b.id, b.id)
    assert a.started_ns <= b.started_ns <= c.started_ns <= d.started_ns
    assert a.duration_ns >= b.duration_ns >= c.duration_ns + d.duration_ns


def test_an_exception_fails_its_spans_and_goes_on_as_it_was(trace, written):
    error = ValueError("boom")
    with pytest.raises(ValueError) as raised, ct.span("outer"), ct.span("inner"):
        raise error
    assert raised.value is error
    found = written().trace
    assert [(span.status, span.error.type, span.error.message) for span in found.spans] == [
        ("error", "ValueError", "boom")
    ] * 2
    assert current() is trace


def test_an_error_told_in_words_or_by_exception_fails_the_span(trace, written):
    with ct.span("words") as span:
        span.error("no stock", type="StockError")
    with ct.span("exception") as span:
        span.error(KeyError("k"))
    with ct.span("first") as span:
        span.error("one").error("two")
    words, exception, first = written().trace.spans
    assert (words.status, words.error) == ("error", Failure("StockError", "no stock"))
    assert (exception.error.type, first.error.message) == ("KeyError", "one")


def test_what_the_app_changes_afterwards_does_not_change_the_span(trace, written):
    arguments = {"items": [1]}
    with ct.tool("t", arguments=arguments) as span:
        arguments["items"].append(2)
        span.set(note=arguments)
        arguments["items"].append(3)
    (span,) = written().trace.spans
    assert (span.arguments, span.attributes) == ({"items": [1]}, {"note": {"items": [1, 2]}})


def everything(odd):
    """Say everything there is to say with a value that fails whatever is asked of it."""
    with ct.span(odd, odd, a=odd) as span:
        span.set_input(odd).set_output(odd).set_result(odd).set_documents(odd).set_usage(odd, input=odd, cost=odd)
        span.set(model=odd, x=odd, tools=odd, parameters=odd, call_id=odd, first_token_ns=odd).error(odd, odd)
        span.event(odd, odd, a=odd).score(odd, odd, odd, author=odd, passed=odd, source=odd)
    for on in ("session", "trace", "span", odd):
        ct.event(odd, on, odd, a=odd)
        ct.score(odd, odd, odd, on)
        ct.tag(odd, on=on)
        ct.metadata(on=on, a=odd)
    ct.set_input(odd)
    ct.set_output(odd)
    ct.user(odd)
    ct.feedback(odd, odd)
    ct.end_session(odd, odd)


@pytest.mark.parametrize(
    "make", [Raises, object, float, list, bytes, lambda: float("nan"), lambda: "\ud800", lambda: 10**5000]
)
def test_no_value_makes_a_verb_or_its_writing_raise(trace, written, make):
    everything(make())
    assert len(written().trace.spans) == 1


def test_outside_a_request_no_value_makes_a_verb_raise_either():
    everything(Raises())
    assert current_node.get() is None


def test_what_is_said_after_the_end_has_the_trace_written_again(trace):
    again = []
    trace.late = again.append
    with ct.span("work") as span:
        trace.end(5)
        said = [
            lambda: ct.event("e"), lambda: ct.score("s", 1), lambda: ct.tag("t"), lambda: ct.metadata(a=1),
            lambda: ct.user("u"), lambda: ct.set_input("i"), lambda: ct.set_output("o"), lambda: ct.end_session(),
            lambda: span.event("e"), lambda: span.score("s", 1),
            lambda: log_line("m", "info", {}),
        ]  # fmt: skip
        for number, say in enumerate(said, 1):
            say()
            assert len(again) == number
    assert len(again) == len(said) + 1
