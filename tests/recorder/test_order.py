"""In whatever order spans open and end and events and scores come, the record holds each of them once."""

import random

from hypothesis import given
from hypothesis import strategies as st

from convotrace.model import SPAN_KINDS, Failure
from convotrace.recorder import OpenSpan
from convotrace.recorder.parts import OpenEvent, OpenScore

MOVES = ("open", "end", "end again", "fail", "event", "score", "tokens", "assemble")


@given(moves=st.lists(st.sampled_from(MOVES), max_size=60), seed=st.integers(0, 1000))
def test_every_span_event_score_and_token_is_counted_once(bench, moves, seed):
    chosen = random.Random(seed)
    trace = bench.exchange({"message": "hi"})
    told = {"events": 0, "scores": 0, "failed": set(), "ended": set(), "tokens": {}}
    for at, move in enumerate(moves, 2_000):
        span = chosen.choice(trace.spans) if trace.spans else None
        if move == "open":
            trace.add(OpenSpan(trace, span, f"span {at}", chosen.choice(SPAN_KINDS), at))
        elif move == "assemble":
            bench.assemble(trace)
        elif move == "event":
            told["events"] += 1
            event = OpenEvent("e", at, None, {})
            span.note(event) if span else trace.events.append(event)
        elif move == "score":
            told["scores"] += 1
            score = OpenScore("s", at, at, {})
            span.judge(score) if span else trace.session.scores.append(score)
        elif span is not None:
            _move(span, move, at, told)
    _compare(bench.assemble(trace)[1], trace, told)


def _move(span, move, at, told):
    if move == "fail":
        span.fail(Failure("error", str(at)))
        told["failed"].add(span)
    elif move == "tokens":
        span.fields["usage"] = {"input": at}
        told["tokens"][span] = at
    else:
        assert span.end(at) is (span not in told["ended"])
        told["ended"].add(span)


def _compare(change, trace, told):
    found = change.trace
    assert [int(span.id, 16) for span in found.spans] == [span.id for span in trace.spans]
    assert sum(len(span.events) for span in found.spans) + len(found.events) == told["events"]
    assert sum(len(span.scores) for span in found.spans) + len(change.session.scores) == told["scores"]
    assert found.errors == len(told["failed"])
    assert sum(span.duration_ns is not None for span in found.spans) == len(told["ended"])
    leaves = [count for span, count in told["tokens"].items() if not _has_counted_child(span, told["tokens"])]
    assert found.input_tokens == (sum(leaves) if leaves else None)


def _has_counted_child(span, counted):
    return any(_is_inside(other, span) for other in counted)


def _is_inside(span, outer):
    while span.parent is not None:
        span = span.parent
        if span is outer:
            return True
    return False
