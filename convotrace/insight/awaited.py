"""An answer that comes on another request: which turn it belongs to, and the two as one.

The app may name the turn; else the first reply promised an answer under an id, and the other request asks for that id;
else both name one session, whose last turn has no answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from convotrace.insight.join import settled, union
from convotrace.insight.parts import joining_spans, with_parts
from convotrace.model import Change, Lookup, Score, SessionFacts, Span, Stored, Target, Trace

_UNSURE = frozenset({"none", "history", "cookie", "own_cookie", "split", "otlp"})
_OPEN_ENDS = frozenset({"error", "disconnected", "cancelled", "interrupted", "running"})
_LOOKED_AT = 5
_SURE_LENGTH = 8
"""A shorter id is too common to tie requests of two clients."""


def answering(
    change: Change, part: Trace, continues: str | None, wanted: Sequence[str], idle_ns: int, lookup: Lookup
) -> Change | None:
    """Return the change that puts a request into the turn whose answer it brought; None where there is none.

    Args:
        change: The request as it would be written by itself.
        part: Its record with its span id and the text that it brought.
        continues: The trace id of the turn, where the app named it.
        wanted: What the request asks for: under these names an answer may be awaited.
        idle_ns: How long an answer is awaited.
        lookup: What is stored.
    """
    since_ns = part.started_ns - idle_ns
    if continues and (turn := _named(part, continues, lookup)) is not None:
        return _together(change, turn, part, "continue_turn", lookup)
    if wanted and (turn := _promised(part, wanted, since_ns, lookup)) is not None:
        return _together(change, turn, part, "answer id", lookup)
    if wanted and part.id_source not in _UNSURE and (turn := _last(part, since_ns, lookup)) is not None:
        return _together(change, turn, part, "session id", lookup)
    return None


def _named(part: Trace, trace_id: str, lookup: Lookup) -> Stored | None:
    return next(iter(lookup.traces(trace_id)), None) if trace_id != part.id else None


def _promised(part: Trace, wanted: Sequence[str], since_ns: int, lookup: Lookup) -> Stored | None:
    promised = lookup.awaiting(wanted, since_ns)
    # The turn that got it from this very request stays its turn, wherever it was moved since.
    got = next((one for one in promised if _holds(one.trace, part)), None)
    return got or next((one for one in promised if _may_be_answered(one.trace, part, wanted)), None)


def _last(part: Trace, since_ns: int, lookup: Lookup) -> Stored | None:
    """Return the last turn of the session that a request names, where it has no answer or got it from this request."""
    known = lookup.session(part.session_id)
    # A stream may be open before its message is sent; with a second message in it nobody knows whose answer is which.
    until_ns = part.started_ns + (part.duration_ns or 0)
    turns = [] if known is None else [one for one in known.traces if one.started_ns <= until_ns and one.id != part.id]
    if sum(one.started_ns > part.started_ns for one in turns) > 1:
        return None
    for turn in turns[: -_LOOKED_AT - 1 : -1]:
        if turn is not turns[-1] and not turn.placed:
            continue  # nobody has added to it, so it holds no other request
        stored = next((one for one in lookup.traces(turn.id) if one.trace.session_id == part.session_id), None)
        if stored is not None and (_holds(stored.trace, part) or _waits(stored.trace, turns, part, since_ns)):
            return stored
    return None


def _waits(turn: Trace, turns: Sequence[Trace], part: Trace, since_ns: int) -> bool:
    """Tell whether a turn is the last one and without its answer, and the text is not that of an earlier turn."""
    is_open = turn.output.text is None and turn.input.text is not None and turn.status in ("ok", "running")
    # Data that a page fetches may read like an answer: one counts where the first reply promised it.
    is_open = is_open and (part.is_turn or bool(turn.answer_ids))
    is_last = turn.id == turns[-1].id and turn.started_ns >= since_ns
    users = {turn.user_id, part.user_id} - {None}
    told = {one.output.text for one in turns}
    return is_open and is_last and len(users) <= 1 and part.output.text not in told


def _may_be_answered(turn: Trace, part: Trace, wanted: Sequence[str]) -> bool:
    """Tell whether a turn waits for this answer, and nothing speaks against it."""
    if turn.started_ns > part.started_ns or not (turn.output.text is None or turn.status in _OPEN_ENDS):
        return False
    named = {turn.session_id, part.session_id} if {turn.id_source, part.id_source}.isdisjoint(_UNSURE) else set()
    clients = {one.request.client for one in (turn, part) if one.request and one.request.client}
    sure = any(len(name) >= _SURE_LENGTH for name in turn.answer_ids if name in wanted)
    users = {turn.user_id, part.user_id} - {None}
    return len(named) <= 1 and len(users) <= 1 and (sure or len(clients) <= 1)


def _holds(turn: Trace, part: Trace) -> bool:
    return any(span.id == part.span_id for span in turn.spans)


def _together(change: Change, turn: Stored, part: Trace, tie: str, lookup: Lookup) -> Change:
    before = _reopened(turn.trace, part)
    spans = union(before.spans, joining_spans(before, part, tie))
    scores = (*before.scores, *(_on(before, score) for score in part.scores if _is_new(score, before.scores)))
    whole = replace(
        before, spans=spans, scores=scores, user_id=before.user_id or part.user_id, left=part.left or before.left,
        attachments=(*before.attachments, *(one for one in part.attachments if one not in before.attachments)),
    )  # fmt: skip
    whole = settled(with_parts(replace(whole, placed=True)))
    own = [one for one in lookup.traces(part.id) if _is_state(one.trace, part)]
    takes = (turn.trace, *(one.trace for one in own), *change.takes)
    return Change(_facts(change.session, turn), whole, takes=_once(takes))


def _reopened(turn: Trace, part: Trace) -> Trace:
    """Return a turn as it was before an earlier state of this request told how it ended."""
    earlier: Span | None = next((span for span in turn.spans if span.id == part.span_id), None)
    if earlier is None or earlier.attributes.get("status") != turn.status:
        return turn
    return replace(turn, status="ok", error=None if turn.error == earlier.error else turn.error)


def _facts(facts: SessionFacts, turn: Stored) -> SessionFacts:
    events = (*turn.session_events, *(event for event in facts.events if event not in turn.session_events))
    scores = (*turn.session_scores, *(score for score in facts.scores if _is_new(score, turn.session_scores)))
    home = turn.trace.session_id
    return replace(
        facts, id=home, id_source=turn.trace.id_source, id_name=None, other_id=None, events=events, scores=scores
    )


def _is_state(trace: Trace, part: Trace) -> bool:
    return trace.started_ns == part.started_ns and trace.span_id in (None, part.span_id)


def _once(traces: Sequence[Trace]) -> tuple[Trace, ...]:
    known: dict[tuple[str, str, int], Trace] = {}
    for trace in traces:
        known.setdefault((trace.session_id, trace.id, trace.started_ns), trace)
    return tuple(known.values())


def _on(turn: Trace, score: Score) -> Score:
    return replace(score, target=Target(turn.session_id, turn.id, score.target.span_id))


def _is_new(score: Score, known: Sequence[Score]) -> bool:
    return all(one.id != score.id for one in known)
