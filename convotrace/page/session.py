"""One session as a page: who said what, what happened between, its scores and details; the same as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from convotrace.export import as_json
from convotrace.model import Conversation, Score, Session, Trace
from convotrace.page import strip
from convotrace.page.http import PageResponse, as_data
from convotrace.page.list import title
from convotrace.page.render import page as render
from convotrace.page.signs import kinds_of
from convotrace.page.transcript import Feed, feed, turns_of
from convotrace.page.visit import Visit

_SLOW_NS = 10_000_000_000
_ID_SOURCES = {
    "callable": "the app's own rule",
    "header": "header",
    "query": "query parameter",
    "path": "path parameter",
    "body": "body field",
    "baggage": "W3C baggage",
    "own_cookie": "our cookie",
    "cookie": "cookie",
    "history": "a re-sent history (a guess)",
    "split": "a person, who split it from another session",
    "connection": "none was sent: all of one WebSocket connection is a session",
    "none": "none was sent: every such turn is a session of its own",
}


def page(visit: Visit) -> PageResponse:
    """Return a session as a page."""
    conversation = visit.conversation()
    shown = feed(conversation, _start(visit.request.fields().get("turn")))
    frame = {**visit.frame("sessions"), "kinds": kinds_of(turn.trace for turn in shown.turns), "marks": True}
    frame["may_delete"] = visit.may("delete")
    return render("session.html", {**frame, **_head(conversation), **_feed(shown), **_side(conversation)})


def _head(conversation: Conversation) -> dict[str, object]:
    session, turns = conversation.session, turns_of(conversation)
    return {
        "s": session,
        "title": title(session),
        "strip": strip.of_traces(turns),
        "p50": _percentile(turns, 0.5),
        "p95": _percentile(turns, 0.95) if len(turns) > 2 else None,
        "cached": _cached(session),
    }


def _feed(shown: Feed) -> dict[str, object]:
    return {
        "feed": shown,
        "shares": _shares(shown),
        "slow": frozenset(turn.trace.id for turn in shown.turns if (turn.trace.duration_ns or 0) > _SLOW_NS),
        "next_error": next((f"#t{turn.trace.id}" for turn in shown.turns if turn.trace.errors), None),
    }


def _side(conversation: Conversation) -> dict[str, object]:
    turns, scores = turns_of(conversation), all_scores(conversation)
    return {
        "scores": scores,
        "names": sorted({score.name for score in scores})[:50],
        "numbers": {trace.id: trace.turn for trace in turns},
        "id_from": id_from(conversation.session),
        "models": sorted({span.model for trace in turns for span in trace.spans if span.model})[:5],
    }


def data(visit: Visit) -> PageResponse:
    """Return a session with everything in it as JSON."""
    return as_data(as_json(visit.conversation()))


def id_from(session: Session) -> str:
    """Return in words where the id of a session came from."""
    words = _ID_SOURCES.get(session.id_source, session.id_source.replace("_", " "))
    return f"{words} {session.id_name}" if session.id_name else words


def all_scores(conversation: Conversation) -> list[Score]:
    """Return every score of a session, its turns and spans, newest first."""
    inner = [score for trace in conversation.traces for score in (*trace.scores, *_of_spans(trace))]
    known = {score.id: score for score in (*conversation.scores, *inner)}
    return sorted(known.values(), key=lambda score: score.at_ns, reverse=True)


def _of_spans(trace: Trace) -> list[Score]:
    return [score for span in trace.spans for score in span.scores]


def _start(text: str | None) -> int:
    return int(text[:9]) if text and text.isascii() and text.isdigit() else 1


def _shares(shown: Feed) -> dict[str, float]:
    longest = max((turn.trace.duration_ns or 0 for turn in shown.turns), default=0) or 1
    return {turn.trace.id: round(100 * (turn.trace.duration_ns or 0) / longest, 1) for turn in shown.turns}


def _percentile(turns: Sequence[Trace], part: float) -> int | None:
    known = sorted(trace.duration_ns for trace in turns if trace.duration_ns is not None)
    return known[max(0, ceil(part * len(known)) - 1)] if known else None


def _cached(session: Session) -> float | None:
    if not session.input_tokens or not session.cached_tokens:
        return None
    return session.cached_tokens / session.input_tokens
