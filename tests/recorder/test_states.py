"""How a trace went: its states, times, errors and sizes, and that the first end and the first failure count."""

import pytest

from convotrace.model import Cut, Failure
from convotrace.recorder import OpenSpan, OpenTrace
from convotrace.recorder.open import MAX_SPANS

BOOM = Failure("ValueError", "boom")


def open_trace(bench):
    return OpenTrace(bench.request(headers=[("x-session-id", "s")]), 1_000)


def running(trace):
    pass


def answered(trace):
    trace.respond(200, "", False)
    trace.finish_response(1_400)


def broken(trace):
    trace.respond(503, "", False)
    trace.finish_response(1_400)


def crashed(trace):
    trace.fail(BOOM, 500)
    trace.end(1_300)


def crashed_late(trace):
    trace.respond(200, "", False)
    trace.fail(BOOM, 500)
    trace.end(1_300)


def left(trace):
    trace.respond(200, "", False)
    trace.disconnect()
    trace.end(1_300)


def left_afterwards(trace):
    answered(trace)
    trace.disconnect()
    trace.end(1_900)


def cancelled(trace):
    trace.cancel()
    trace.end(1_300)


def left_and_cancelled(trace):
    trace.disconnect()
    trace.cancel()
    trace.end(1_300)


def refused(trace):
    trace.respond(404, "", False)
    trace.finish_response(1_400)
    trace.end(1_500)


STATES = [
    # how it went, status, status code, duration, errors
    (running, "running", None, None, 0),
    (answered, "ok", 200, 400, 0),
    (broken, "error", 503, 400, 1),
    (crashed, "error", 500, 300, 1),
    (crashed_late, "error", 200, 300, 1),
    (left, "disconnected", 200, 300, 0),
    (left_afterwards, "ok", 200, 400, 0),
    (cancelled, "cancelled", None, 300, 0),
    (left_and_cancelled, "disconnected", None, 300, 0),
    (refused, "ok", 404, 400, 0),
]


@pytest.mark.parametrize(
    ("went", "status", "code", "duration", "errors"), STATES, ids=lambda case: getattr(case, "__name__", "")
)
def test_a_trace_tells_how_it_went(bench, went, status, code, duration, errors):
    trace = open_trace(bench)
    went(trace)
    found = bench.record(trace)
    assert (found.status, found.status_code, found.duration_ns, found.errors) == (status, code, duration, errors)
    assert (found.error is not None) == (status == "error")


def test_the_first_end_counts():
    trace = OpenTrace(None, 0)
    assert trace.end(5) and not trace.end(9)
    assert trace.ended == 5
    span = OpenSpan(trace, None, "x", "tool", 0)
    assert span.end(3) and not span.end(4, "error")
    assert (span.ended, span.status) == (3, "ok")


def test_the_first_failure_is_kept_and_outlives_a_normal_end():
    trace = OpenTrace(None, 0)
    trace.fail(BOOM, 500)
    trace.fail(Failure("KeyError", "later"), 502)
    trace.end(1)
    assert (trace.failure, trace.status, trace.status_code) == (BOOM, "error", 500)


def test_a_clock_that_went_back_makes_no_negative_duration(bench):
    trace = open_trace(bench)
    span = OpenSpan(trace, None, "x", "tool", 2_000)
    span.end(1_000)
    trace.add(span)
    trace.end(500)
    found = bench.record(trace)
    assert (found.duration_ns, found.spans[0].duration_ns) == (0, 0)


def test_what_is_still_open_has_no_end(bench):
    trace = bench.exchange({"message": "hi"})
    trace.add(OpenSpan(trace, None, "late", "tool", 1_100))
    (span,) = bench.record(trace).spans
    assert (span.status, span.duration_ns) == ("running", None)


def test_an_error_without_an_exception_is_told_by_the_log_or_by_its_code(bench):
    trace = bench.exchange({"message": "hi"}, {"detail": "x"}, status=500)
    assert bench.record(trace).error == Failure("HTTP 500", "HTTP 500")
    trace.logged = BOOM
    assert bench.record(trace).error == BOOM
    fine = bench.exchange({"message": "hi"})
    fine.logged = BOOM
    assert bench.record(fine).error is None


@pytest.mark.parametrize(("failing", "crashed", "errors"), [(0, False, 0), (0, True, 1), (2, True, 2), (1, False, 1)])
def test_a_trace_in_error_counts_only_where_none_of_its_spans_does(bench, failing, crashed, errors):
    trace = bench.exchange({"message": "hi"})
    for number in range(3):
        span = bench.work(trace)
        if number < failing:
            span.fail(BOOM)
    if crashed:
        trace.fail(BOOM, 500)
    assert bench.record(trace).errors == errors


# Times and sizes


def test_first_byte_chunks_and_gaps_are_measured(bench):
    trace = open_trace(bench)
    trace.read(b'{"message":', 100)
    trace.read(b'"hi"}', 100)
    trace.respond(200, "text/event-stream", True)
    for at, chunk in ((1_100, b""), (1_200, b'data: {"delta":"a"}\n\n'), (1_250, b"\n"), (1_900, b"\n"), (1_950, b"x")):
        trace.sent(chunk, at, 100)
    trace.finish_response(2_000)
    found = bench.record(trace)
    assert (found.first_byte_ns, found.chunks, found.largest_gap_ns) == (200, 4, 650)
    assert (found.request_bytes, found.response_bytes) == (16, 24)
    assert [(mark.after_ns, mark.bytes, mark.chunks) for mark in found.flow] == [
        (200, 21, 1), (250, 22, 2), (900, 23, 3), (950, 24, 4),
    ]  # fmt: skip


@pytest.mark.parametrize("parts", [63, 64, 65, 200, 10_001])
def test_of_an_answer_in_many_parts_some_moments_are_kept_the_last_among_them(bench, parts):
    trace = open_trace(bench)
    trace.respond(200, "text/event-stream", True)
    for number in range(parts):
        trace.sent(b"x", 2_000 + 10 * number, 100)
    flow = bench.record(trace).flow
    assert 32 <= len(flow) <= 66
    assert (flow[-1].after_ns, flow[-1].bytes, flow[-1].chunks) == (1_000 + 10 * (parts - 1), parts, parts)
    assert all(mark.after_ns == 1_000 + 10 * (mark.chunks - 1) and mark.bytes == mark.chunks for mark in flow)


def test_one_chunk_has_no_gap(bench):
    assert bench.record(bench.exchange({"message": "hi"}, {"reply": "ho"})).largest_gap_ns is None


LIMITS = [(100, None, None), (16, None, None), (15, 16, None), (4, 16, 14)]


@pytest.mark.parametrize(("limit", "cut_input", "cut_output"), LIMITS)
def test_a_body_over_the_limit_is_cut_and_says_how_long_it_was(bench, limit, cut_input, cut_output):
    trace = bench.exchange(b'{"message":"hi"}', b'{"reply":"ho"}', limit=limit, headers=[("x-session-id", "s")])
    found = bench.record(trace)
    assert found.cut == Cut(cut_input, cut_output)
    assert (found.request_bytes, found.response_bytes) == (16, 14)
    assert sum(map(len, trace.request_chunks)) == min(limit, 16)


def test_a_body_that_is_not_kept_is_still_measured(bench):
    trace = open_trace(bench)
    trace.respond(200, "image/png", False)
    trace.sent(b"x" * 1000, 1_100, 10)
    found = bench.record(trace)
    assert (found.response_bytes, found.cut, trace.response_chunks) == (1000, Cut(), [])


def test_spans_over_the_limit_are_counted_and_not_kept(bench):
    trace = bench.exchange({"message": "hi"})
    span = OpenSpan(trace, None, "x", "tool", 0)
    trace.spans.extend([span] * MAX_SPANS)
    trace.add(span)
    trace.add(span)
    assert len(trace.spans) == MAX_SPANS and trace.spans_over == 2


@pytest.mark.parametrize(
    ("length", "more", "finished", "share"),
    [("40", 0, False, 0.25), ("", 0, False, None), ("", 3, False, None), ("", 3, True, 0.25), ("5", 0, False, 1.0),
     ("0", 0, True, 1.0), ("x", 0, False, None)],
)  # fmt: skip
def test_where_a_client_left_is_told_as_a_share_only_where_all_the_bytes_are_known(
    bench, length, more, finished, share
):
    trace = open_trace(bench)
    trace.respond(200, "", False, length=length)
    trace.sent(b"x" * 10, 1_100, 100)
    trace.disconnect(1_150)
    for _ in range(more):  # an app that goes on for nobody
        trace.sent(b"x" * 10, 1_200, 100)
    if finished:
        trace.finish_response(1_300)
    trace.end(1_400)
    left = bench.record(trace).left
    assert (left.bytes, left.after_ns, left.chunks, left.share) == (10, 150, 1, share)


def test_a_client_that_left_when_nobody_knows_is_a_client_that_left_and_no_more(bench):
    trace = open_trace(bench)
    trace.respond(200, "", False)
    trace.disconnect()
    trace.disconnect(1_200)
    trace.end(1_400)
    found = bench.record(trace)
    assert (found.status, found.left) == ("disconnected", None)


def test_chunks_that_are_nothing_or_no_bytes_are_not_counted(bench):
    trace = open_trace(bench)
    trace.respond(200, "", True)
    for chunk in (b"", "text", None, b"ab", bytearray(b"c"), memoryview(b"d")):
        trace.sent(chunk, 1_100, 3)
    assert (trace.chunks, trace.response_bytes, b"".join(trace.response_chunks), trace.cut_output) == (
        3,
        4,
        b"abc",
        True,
    )


def test_the_state_of_a_trace_that_has_ended_is_not_changed_by_a_cancellation(bench):
    trace = open_trace(bench)
    trace.end(1_400)
    trace.cancel()
    assert bench.record(trace).status == "ok"
