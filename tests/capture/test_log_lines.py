"""Log lines: which become events and which become spans, with what, and where."""

import asyncio
import contextvars
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

import convotrace as ct
from convotrace.capture import log_line
from convotrace.capture.current import current, current_node
from convotrace.model import SPAN_KINDS, Failure, Usage
from convotrace.recorder import OpenTrace


def said(message, level="info", error=None, **fields):
    log_line(message, level, fields, error)


def caught():
    try:
        raise LookupError("not there")
    except LookupError as error:
        return error


def plain_line():
    said("stock checked", sku="A1")


def finished_span():
    said("lookup done", span_kind="tool", name="lookup", arguments={"q": 1}, result=[2], duration_ms=1500.0, shelf=3)


def pair():
    said("tool.lookup.start", arguments={"q": 1})
    said("inside")
    said("tool.lookup.end", result=[2])


def duration_alone():
    said("stock checked", duration_ms=12)


def exception_line():
    said("failed", "error", error=caught(), sku="A1")


FIVE = {
    # what is logged: the events of the trace, the spans (kind, name, status, events)
    "a plain line": (plain_line, ["stock checked"], []),
    "a span_kind line": (finished_span, [], [("tool", "lookup", "ok", [])]),
    "a start and an end": (pair, [], [("tool", "lookup", "ok", ["inside"])]),
    "a duration alone": (duration_alone, ["stock checked"], []),
    "an exception": (exception_line, ["failed"], []),
}


@pytest.mark.parametrize(("log", "events", "spans"), FIVE.values(), ids=FIVE)
def test_five_kinds_of_line(trace, written, log, events, spans):
    with ct.span("outer"):
        log()
    outer, *found = written().trace.spans
    assert [event.name for event in outer.events] == events
    assert [(s.kind, s.name, s.status, [e.name for e in s.events]) for s in found] == spans
    assert all(span.parent_id == outer.id and span.origin == "log" for span in found)
    assert not written().trace.events and current() is trace


def test_outside_a_span_a_line_is_an_event_of_the_trace(trace, written):
    said("stock checked", "warning", sku="A1", name="n", duration_ms=5, nested={"a": (1,)})
    (event,) = written().trace.events
    assert (event.name, event.level) == ("stock checked", "warning")
    assert event.attributes == {"sku": "A1", "name": "n", "duration_ms": 5, "nested": {"a": [1]}}


def test_a_finished_span_has_the_fields_of_its_line(trace, written):
    said(
        "answered", span_kind="generation", model="m", input="hi", output="ho", usage={"input": 3, "output": 2},
        cost=0.5, call_id=7, duration_ms=2.5, mood="calm", timestamp="now", level="info", event="answered",
    )  # fmt: skip
    (span,) = written().trace.spans
    assert (span.name, span.kind, span.model, span.call_id) == ("answered", "generation", "m", "7")
    assert (span.usage, span.cost, span.duration_ns) == (Usage(3, 2), 0.5, 2_500_000)
    assert span.input[0]["parts"][0]["content"] == "hi" and span.output[0]["role"] == "assistant"
    assert span.attributes == {"mood": "calm"}


@pytest.mark.parametrize("value", [None, "12", True, -1, float("nan"), float("inf"), [], 1e300])
def test_a_duration_that_is_none_is_unknown_and_not_0(trace, written, value):
    fields = {} if value is None else {"duration_ms": value}
    said("x", span_kind="tool", **fields)
    said("y.start")
    said("y.end", **fields)
    finished, paired = written().trace.spans
    assert finished.duration_ns is None and finished.status == "ok"
    assert paired.duration_ns > 0


def test_a_duration_told_at_the_end_is_the_spans(trace, written):
    said("y.start")
    said("y.end", duration_ms=250)
    assert written().trace.spans[0].duration_ms == 250


NAMES = [
    # the start line, its fields, the kind and name of the span
    ("tool.search.start", {}, "tool", "search"),
    ("retrieval.help articles.start", {}, "retrieval", "help articles"),
    ("generation.gpt-4.1.mini.start", {}, "generation", "gpt-4.1.mini"),
    ("checkout.start", {}, "internal", "checkout"),
    ("shop.checkout.start", {}, "internal", "shop.checkout"),
    ("generation.start", {}, "internal", "generation"),
    ("search.start", {"span_kind": "tool"}, "tool", "search"),
    ("tool.search.start", {"span_kind": "retrieval"}, "retrieval", "search"),
    ("tool.search.start", {"name": "find"}, "tool", "find"),
    ("tool.search.start", {"span_kind": "nonsense"}, "tool", "search"),
]


@pytest.mark.parametrize(("message", "fields", "kind", "name"), NAMES)
def test_a_pair_is_named_by_its_line(trace, written, message, fields, kind, name):
    said(message, **fields)
    said(message.removesuffix("start") + "end")
    (span,) = written().trace.spans
    assert (span.kind, span.name, span.status) == (kind, name, "ok")


@pytest.mark.parametrize("kind", SPAN_KINDS)
def test_every_kind_of_span_can_be_a_line(trace, written, kind):
    said("x", span_kind=kind)
    said(f"{kind}.y.start")
    said(f"{kind}.y.end")
    assert [(span.kind, span.name) for span in written().trace.spans] == [(kind, "x"), (kind, "y")]


@pytest.mark.parametrize(
    "message", [".start", ".end", "start", "end", "a.end", "tool.a.end", "restart", "a.start.", ""]
)
def test_what_only_looks_like_a_pair_is_an_event(trace, written, message):
    said(message)
    assert [event.name for event in written().trace.events] == [message] and not written().trace.spans


@pytest.mark.parametrize("kind", ["nonsense", None, 3, ["tool"], ""])
def test_a_kind_that_is_none_makes_no_span(trace, written, kind):
    said("x", span_kind=kind)
    assert len(written().trace.events) == 1 and not written().trace.spans


def test_an_end_without_a_start_but_with_a_kind_is_a_finished_span(trace, written):
    said("search.end", span_kind="tool", duration_ms=5)
    (span,) = written().trace.spans
    assert (span.kind, span.name, span.duration_ms) == ("tool", "search", 5)


ERRORS = [
    ("out of stock", Failure("error", "out of stock")),
    ({"type": "StockError", "message": "none", "stack": "here"}, Failure("StockError", "none", "here")),
    ({"code": 5}, Failure("error", "{'code': 5}")),
    (True, Failure("error", "True")),
]


@pytest.mark.parametrize(("error", "failure"), ERRORS)
def test_an_error_on_a_span_line_fails_the_span(trace, written, error, failure):
    said("x", span_kind="tool")
    log_line("y", "info", {"span_kind": "tool", "error": error})
    log_line("z.start", "info", {})
    log_line("z.end", "info", {"error": error})
    fine, *failed = written().trace.spans
    assert fine.status == "ok" and [(span.status, span.error) for span in failed] == [("error", failure)] * 2


@pytest.mark.parametrize("error", [None, "", False, 0])
def test_no_error_on_a_span_line_is_none(trace, written, error):
    log_line("x", "info", {"span_kind": "tool", "error": error})
    assert written().trace.spans[0].status == "ok"


def test_an_exception_line_is_an_event_with_the_exception_and_tells_the_trace(trace, written):
    exception_line()
    (event,) = written().trace.events
    exception = event.attributes["exception"]
    assert (exception["type"], exception["message"]) == ("LookupError", "not there")
    assert "in caught" in exception["stack"] and event.attributes["sku"] == "A1"
    assert trace.logged.type == "LookupError"


def test_an_exception_on_a_span_line_fails_the_span_and_tells_the_trace(trace, written):
    said("x", "error", error=caught(), span_kind="tool")
    (span,) = written().trace.spans
    assert (span.status, span.error.type, trace.logged.type) == ("error", "LookupError", "LookupError")


def test_only_a_line_of_an_error_tells_the_trace_and_the_first_one_counts(trace):
    said("noted", "warning", error=caught())
    assert trace.logged is None
    said("failed", "error", error=ValueError("first"))
    said("failed", "critical", error=ValueError("second"))
    assert trace.logged.message == "first"


LEVELS = [
    ("debug", None, 20, False), ("info", None, 20, True), ("INFO", None, 30, False), ("warn", None, 30, True),
    ("exception", None, 40, True), ("critical", None, 40, True), ("notice", None, 20, True),
    ("notice", None, 30, False),    ("notice", 35, 30, True), ("trace", 5, 20, False), ("critical", None, 1000, False),
]  # fmt: skip


@pytest.mark.parametrize(("level", "severity", "lowest", "kept"), LEVELS)
def test_lines_under_the_level_are_not_kept(trace, written, level, severity, lowest, kept):
    trace.log_level = lowest
    log_line("m", level, {}, None, severity)
    assert bool(written().trace.events) is kept


def test_pairs_nest(trace, written):
    said("agent.plan.start")
    said("tool.search.start")
    with ct.span("own"):
        said("looking")
    said("tool.search.end")
    said("generation.answer", span_kind="generation")
    said("agent.plan.end")
    with ct.span("after"):
        pass
    spans = {span.name: span for span in written().trace.spans}
    parents = {
        name: next((n for n, s in spans.items() if s.id == span.parent_id), None) for name, span in spans.items()
    }
    assert parents == {"plan": None, "search": "plan", "own": "search", "generation.answer": "plan", "after": None}
    assert {span.status for span in spans.values()} == {"ok"} and current() is trace


def test_a_start_that_never_ends_does_not_swallow_what_comes_after_its_block(trace, written):
    with ct.span("block"):
        said("tool.hangs.start")
    with ct.span("after"):
        pass
    block, hangs, after = written().trace.spans
    assert (hangs.parent_id, hangs.status, hangs.duration_ns) == (block.id, "running", None)
    assert after.parent_id is None and current() is trace


def test_interleaved_pairs_end_each_their_own(trace, written):
    said("a.start", n=1)
    said("b.start", n=2)
    said("a.end", m=1)
    said("b.end", m=2)
    a, b = written().trace.spans
    assert (a.attributes, b.attributes) == ({"n": 1, "m": 1}, {"n": 2, "m": 2})
    assert (a.status, b.status) == ("ok", "ok") and current() is trace


def test_two_calls_of_one_tool_are_told_apart_by_their_call_id(trace, written):
    said("tool.t.start", call_id=1, first=True)
    said("tool.t.start", call_id=2, first=False)
    said("tool.t.end", call_id=1, result="one")
    said("tool.t.end", call_id=2, result="two")
    found = [(span.call_id, span.result, span.attributes["first"]) for span in written().trace.spans]
    assert found == [("1", "one", True), ("2", "two", False)]


def test_a_name_given_on_one_line_only_does_not_part_the_pair(trace, written):
    said("tool.call.start", name="lookup")
    said("tool.call.end")
    said("tool.call.start", name="one")
    said("tool.call.start", name="two")
    said("tool.call.end", name="one")
    assert {span.name: span.status for span in written().trace.spans} == {"lookup": "ok", "one": "ok", "two": "running"}


def test_pairs_of_gathered_tasks_nest_each_in_their_own(trace, written):
    async def agent(name):
        said(f"agent.{name}.start")
        for step in range(3):
            said("tool.step.start", arguments=[name, step])
            await asyncio.sleep(0)
            said("progress", of=name)
            await asyncio.sleep(0)
            said("tool.step.end", result=[name, step])
        said(f"agent.{name}.end")

    async def all_of_them():
        with ct.span("root"):
            await asyncio.gather(*(agent(name) for name in "abc"))

    asyncio.run(all_of_them())
    spans = {span.id: span for span in written().trace.spans}
    steps = [span for span in spans.values() if span.name == "step"]
    assert len(steps) == 9 and all(span.status == "ok" for span in spans.values())
    for span in steps:
        assert span.arguments == span.result
        assert spans[span.parent_id].name == span.arguments[0]
        assert [event.attributes for event in span.events] == [{"of": span.arguments[0]}]


def test_a_pair_may_begin_and_end_in_different_contexts(trace, written):
    with ThreadPoolExecutor(1) as pool:
        for message in ("tool.t.start", "tool.t.end"):
            pool.submit(contextvars.copy_context().run, said, message).result()
    (span,) = written().trace.spans
    assert span.status == "ok" and current() is trace


def test_outside_a_request_a_line_is_nothing():
    said("x", span_kind="tool")
    assert current() is None


messages = st.sampled_from(
    ["a", "tool.a.start", "tool.a.end", "a.start", "a.end", "b.start", "b.end", ".start", "x.y.end"]
)
field_names = st.sampled_from(
    ["span_kind", "name", "call_id", "error", "duration_ms", "usage", "documents", "event", "x"]
)
field_values = st.one_of(
    st.none(), st.booleans(), st.floats(), st.sampled_from(["tool", "a", ""]), st.just({"message": 1})
)


@given(st.lists(st.tuples(messages, st.dictionaries(field_names, field_values, max_size=3)), max_size=12))
def test_in_any_order_no_line_raises_and_none_is_lost(lines):
    trace = OpenTrace(None, 0)
    token = current_node.set(trace)
    try:
        for message, fields in lines:
            log_line(message, "info", fields)
    finally:
        current_node.reset(token)
    events = len(trace.events) + sum(len(span.events or ()) for span in trace.spans)
    ends = sum(span.stem is not None and span.ended is not None for span in trace.spans)
    assert events + len(trace.spans) + ends == len(lines)
