"""Parts of one trace, told in any order and any number of times, are one tree."""

from dataclasses import replace
from itertools import permutations

import pytest

from convotrace.insight.join import joined, union, with_spans
from convotrace.insight.parts import request_span
from convotrace.model import Attachment, Event, Failure, Payload, SessionFacts, Span, Stored, Trace, Usage

TRACE = "a" * 32


def span(id, parent=None, **fields):
    return Span(**{"id": id, "trace_id": TRACE, "name": id, "parent_id": parent, "started_ns": 5, **fields})


def request(span_id, parent=None, started=0, spans=(), session="s", source="body", **fields):
    return Trace(
        TRACE, session, span_id=span_id, parent_id=parent, started_ns=started, spans=tuple(spans), id_source=source,
        **fields,
    )  # fmt: skip


FRONT = request("f0", None, 1, [span("f1"), span("f2", "f1", kind="http")], is_turn=True, input=Payload("hello"),
                output=Payload("hi"))  # fmt: skip
BACK = request("b0", "f2", 2, [span("b1", kind="generation", usage=Usage(input=7, output=2))], service="back")
JOB = request("j0", "b0", 9, [span("j1", status="error", error=Failure("E", "no"))], protocol="none", session="x",
              source="none")  # fmt: skip


def told(parts):
    """Tell a store of traces one part after the other."""
    stored = []
    for part in parts:
        change = joined(SessionFacts(part.session_id, part.id_source), part, stored)
        stored = [one for one in stored if one.trace not in change.takes]
        stored.append(Stored(replace(change.trace, session_id=change.session.id)))
    return stored


@pytest.mark.parametrize("order", list(permutations([FRONT, BACK, JOB])))
def test_parts_told_in_any_order_are_one_tree(order):
    # A job that knows only a request which nobody told of yet waits for it as a trace of its own.
    (whole,) = told([*order, *order])
    trace = whole.trace
    assert (trace.span_id, trace.session_id, trace.name) == ("f0", "s", FRONT.name)
    assert {one.id: one.parent_id for one in trace.spans} == {
        "f1": None, "f2": "f1", "b0": "f2", "b1": "b0", "j0": "b0", "j1": "j0",
    }  # fmt: skip
    assert (trace.input_tokens, trace.output_tokens, trace.errors) == (7, 2, 1)
    assert (trace.input.text, trace.output.text, trace.is_turn) == ("hello", "hi", True)


def test_requests_of_one_id_that_did_not_call_each_other_stay_apart():
    stored = told([FRONT, request("z0", "browser", 3), request("y0", "browser", 4)])
    assert [one.trace.span_id for one in stored] == ["f0", "z0", "y0"]


def test_the_session_that_a_part_says_outright_counts_more_than_one_by_chance():
    (whole,) = told([replace(FRONT, session_id="guess", id_source="none"), replace(BACK, session_id="said")])
    assert whole.trace.session_id == "said"


def test_what_a_part_told_its_session_comes_along():
    event = Event("handoff", 3)
    change = joined(SessionFacts("s", "body"), FRONT, [Stored(BACK, (event,))])
    assert change.session.events == (event,)


def test_spans_that_were_sent_join_the_request_that_was_seen():
    sent = [span("n1", "f0", origin="otlp"), span("f0", kind="http", origin="otlp")]
    change = with_spans(Stored(FRONT), sent)
    assert {one.id: one.parent_id for one in change.trace.spans} == {"f1": None, "f2": "f1", "n1": None}
    assert (change.trace.input.text, change.takes) == ("hello", (FRONT,))


def test_of_two_tellings_of_a_span_the_ended_one_counts_and_no_event_is_lost():
    early = span("a", status="running", events=(Event("one", 1),))
    late = span("a", status="ok", duration_ns=4, events=(Event("two", 2),))
    for order in ((early, late), (late, early)):
        (whole,) = union([order[0]], [order[1]])
        assert (whole.status, whole.duration_ns, [e.name for e in whole.events]) == ("ok", 4, ["one", "two"])


@pytest.mark.parametrize(
    ("status", "shown"), [("ok", "ok"), ("disconnected", "cancelled"), ("running", "running"), ("error", "error")]
)
def test_a_part_stands_as_a_span_with_its_end(status, shown):
    assert request_span(replace(BACK, status=status)).status == shown


def test_what_a_job_spent_is_not_in_the_usage_of_the_call_that_asked_for_it():
    call = span("f1", kind="generation", usage=Usage(input=20))
    own = span("f2", "f1", kind="generation", usage=Usage(input=20))
    job = request("j0", "f1", 9, [span("j1", kind="generation", usage=Usage(input=3))], protocol="none")
    (whole,) = told([request("f0", None, 1, [call]), job])
    assert whole.trace.input_tokens == 23
    (whole,) = told([request("f0", None, 1, [call, own]), job])
    assert whole.trace.input_tokens == 23


def test_a_state_from_before_anybody_knew_of_the_trace_is_replaced_by_the_next():
    (whole,) = told([replace(FRONT, span_id=None), FRONT])
    assert whole.trace.span_id == "f0" and len(whole.trace.spans) == 2


def test_what_a_request_did_not_say_is_taken_from_the_part_that_did():
    quiet = request("f0", None, 1, [span("f1")], output=Payload(None, {"raw": 1}))
    part = request("b0", "f1", 2, input=Payload("asked"), output=Payload("answered"), user_id="ann", is_turn=True)
    (whole,) = told([quiet, part])
    trace = whole.trace
    assert (trace.input, trace.output) == (Payload("asked"), Payload("answered", {"raw": 1}))
    assert (trace.user_id, trace.is_turn) == ("ann", True)
    (kept,) = told([replace(quiet, input=Payload("mine"), output=Payload(""), user_id="ben"), part])
    assert (kept.trace.input.text, kept.trace.output.text, kept.trace.user_id) == ("mine", "", "ben")


def test_spans_that_were_sent_never_hold_a_request_that_was_seen():
    sent = Trace(TRACE, "x", id_source="otlp", origin="otlp", started_ns=0, spans=(span("f9"), span("g1", "f9")))
    (whole,) = told([sent, request("f0", "f9", 1, [span("f1")])])
    assert (whole.trace.span_id, {one.id for one in whole.trace.spans}) == ("f0", {"f1", "f9", "g1"})


FILE = Attachment("1", "a.txt", "text/plain", 3)


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [
        ([FILE], [], [FILE]),
        ([], [FILE], [FILE]),
        ([FILE], [replace(FILE, data=b"abc")], [replace(FILE, data=b"abc")]),
        ([replace(FILE, data=b"abc")], [FILE], [replace(FILE, data=b"abc")]),
        ([replace(FILE, data=b"abc")], [replace(FILE, left_out="content")], [replace(FILE, left_out="content")]),
        ([replace(FILE, left_out="content")], [replace(FILE, data=b"abc")], [replace(FILE, left_out="content")]),
        ([FILE], [replace(FILE, id="2")], [FILE, replace(FILE, id="2")]),
    ],
    ids=["one side", "other side", "with its bytes", "bytes stay", "consent withdrawn", "never kept", "two files"],
)
def test_of_a_file_told_twice_the_bytes_are_kept_unless_they_must_not_be(first, second, kept):
    (whole,) = told([request("f0", attachments=tuple(first)), request("b0", "f0", 2, attachments=tuple(second))])
    assert list(whole.trace.attachments) == kept
