"""Geometry of the turn strip and the waterfall, and the words beside them."""

from __future__ import annotations

from convotrace.model import Payload, Span, Trace, TurnMark, Usage
from convotrace.page.strip import of_marks, of_traces
from convotrace.page.waterfall import rows

MS, S = 1_000_000, 1_000_000_000


def _span(span_id: str, start: int, length: int | None, parent: str | None = None, **fields) -> Span:
    kept = {"name": span_id, "kind": "tool", "trace_id": "t", "parent_id": parent, **fields}
    return Span(span_id, started_ns=start * S, duration_ns=None if length is None else length * S, **kept)


def _trace(*spans: Span, length: int | None = 10) -> Trace:
    took = None if length is None else length * S
    return Trace("t", "s", "POST /chat", True, 1, started_ns=0, duration_ns=took, input=Payload("x"), spans=spans)


def test_a_bar_grows_with_the_root_of_time_and_an_error_has_a_foot():
    strip = of_marks(
        (
            TurnMark(9 * S, 0, 0),
            TurnMark(2250 * MS, 1, 9 * S),
            TurnMark(None, 0, 12 * S),
        ),
        3,
    )
    assert [(bar.kind, bar.x, bar.height) for bar in strip.bars] == [
        ("bar", 0, 20), ("bad", 6, 10.0), ("foot", 6, 2), ("bar", 12, 3),
    ]  # fmt: skip
    assert (strip.width, strip.label) == (16, "3 turns, turn 2 has 1 error")


def test_a_strip_is_drawn_as_one_path_of_bars_and_one_of_errors():
    strip = of_marks(
        (
            TurnMark(9 * S, 0, 0),
            TurnMark(2250 * MS, 1, 400 * S),
        ),
        2,
    )
    assert strip.paths == [
        ("bar", "M0.5 1.5h3v19h-3zM6.5 20.5h1v1h-1z"), ("bad", "M12.5 11.5h3v9h-3zM12.5 22.5h3v1h-3z"),
    ]  # fmt: skip


def test_an_idle_gap_is_a_dot_and_more_turns_are_two():
    strip = of_marks(
        (
            TurnMark(S, 0, 0),
            TurnMark(S, 2, 400 * S),
        ),
        20,
    )
    assert [bar.kind for bar in strip.bars] == ["bar", "dot", "bad", "foot", "dot", "dot"]
    assert strip.label == "20 turns, turn 20 has 2 errors"


def test_a_session_without_turns_has_an_empty_strip():
    assert of_marks((), 0).bars == of_traces([]).bars == ()


def test_rows_are_a_tree_in_the_order_of_time_under_the_request():
    _, found = rows(_trace(_span("b", 5, 2), _span("a", 0, 4), _span("a2", 2, 1, "a"), _span("a1", 1, 1, "a")))
    assert [(row.name, row.depth) for row in found] == [("POST /chat", 0), ("a", 1), ("a1", 2), ("a2", 2), ("b", 1)]


def test_bars_are_percent_of_the_axis_and_never_vanish_or_leave_it():
    axis, found = rows(_trace(_span("a", 2, 3), _span("late", 11, 9), _span("zero", 20, 0)))
    assert axis.end_ns == 20 * S
    assert [(row.x, row.width) for row in found] == [(0, 50), (10, 15), (55, 45), (99.75, 0.25)]


def test_a_model_call_shows_its_wait_and_its_tokens():
    call = _span("call", 0, 8, kind="generation", model="m-1", usage=Usage(5951, 83), first_token_ns=2 * S)
    _, (_, row) = rows(_trace(call))
    assert (row.wait, row.width, row.note, row.family) == (20, 80, "m-1 · 5,951 → 83", "gen")


def test_a_span_that_still_runs_reaches_the_end():
    _, (_, row) = rows(_trace(_span("a", 4, None)))
    assert (row.x, row.width, row.took) == (40, 60, None)


def test_spans_whose_parents_are_missing_or_circular_are_all_shown():
    _, found = rows(
        _trace(_span("a", 0, 1, "b"), _span("b", 1, 1, "a"), _span("c", 2, 1, "gone"), _span("d", 3, 1, "d"))
    )
    assert {row.name for row in found} == {"POST /chat", "a", "b", "c", "d"}


def test_very_deep_spans_are_all_shown():
    spans = [_span(f"s{depth}", 0, 1, f"s{depth - 1}" if depth else None) for depth in range(500)]
    assert len(rows(_trace(*spans))[1]) == 501


def test_the_critical_path_is_what_the_end_had_to_wait_for():
    _, found = rows(_trace(_span("a", 0, 3), _span("beside", 0, 2), _span("b", 3, 7), _span("b1", 4, 6, "b")))
    assert [row.name for row in found if any(line.kind == "path" for line in row.lines)] == ["a", "b1"]


def test_a_trace_without_spans_and_one_without_an_end_are_drawn():
    assert [row.width for row in rows(_trace())[1]] == [100]
    assert [row.took for row in rows(_trace(length=None))[1]] == [None]


def test_the_axis_has_a_few_round_marks():
    for length, labels in ((21, ["0 s", "3 s", "6 s", "9 s", "12 s", "15 s", "18 s"]), (1, None)):
        ticks = rows(_trace(length=length))[0].ticks
        assert labels is None or [tick.label for tick in ticks] == labels
        assert 4 <= len(ticks) <= 8


def test_a_span_of_another_service_names_it():
    spans = (
        Span("1", "t", "GET /stock", "http", service="stock", started_ns=1),
        Span("2", "t", "chat", "generation", service="shop", model="m", started_ns=2),
    )
    _, drawn = rows(Trace("t", "s", service="shop", spans=spans))
    assert [row.note for row in drawn] == ["", "stock", "m"]
