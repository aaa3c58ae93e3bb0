"""One session as a page: who said what, what happened between, its scores and details."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from math import ceil
from urllib.parse import urlencode

from convotrace.errors import BadRequest, FilterError
from convotrace.model import Conversation, Excerpt, Score, Session, Trace
from convotrace.page import strip
from convotrace.page.backend import Reader
from convotrace.page.falls import falls
from convotrace.page.finding import LEAD, Found, find
from convotrace.page.http import PageResponse
from convotrace.page.list import FIRST_ERROR, title
from convotrace.page.render import page as render
from convotrace.page.signs import kinds_of
from convotrace.page.transcript import WINDOW, Feed, feed
from convotrace.page.visit import Unknown, Visit
from convotrace.query import Match

ZOOMS = {"transcript": ("t", "Transcript"), "cards": ("u", "Cards"), "waterfall": ("w", "Waterfall")}
"""How closely a session is looked at: the names in addresses, with their keys and words."""
_SLOW_NS = 10_000_000_000
_SCORES_SHOWN = 100
_SAME_USER = 5
_LONGEST_USER = 1_000
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
    """Return some turns of a session as a page: as they were said, as cards, or as bars on one axis."""
    fields = visit.request.fields()
    zoom = fields.get("zoom", "") if fields.get("zoom") in ZOOMS else "transcript"
    found = find(visit, fields)
    excerpt = _excerpt(visit, fields, found)
    shown = feed(excerpt)
    frame = {**visit.frame("sessions"), "kinds": kinds_of(turn.trace for turn in shown.turns), "marks": True}
    frame |= {"may_delete": visit.may("delete"), "zoom": zoom, "zooms": ZOOMS}
    frame |= {"topic": f"session={visit.parts['key']}", "after_ns": excerpt.conversation.session.last_ns}
    frame |= {"found": found, "along": found.fields(zoom)}
    frame |= {"error_at": next(_failed(shown), None) if fields.get("at") == FIRST_ERROR else None}
    falling = falls(shown.turns) if zoom == "waterfall" else None
    return render("session.html", {**frame, **view(shown, excerpt, visit.backend.store()), "falls": falling})


def view(shown: Feed, excerpt: Excerpt, reader: Reader | None) -> dict[str, object]:
    """Return what the page shows of some turns.

    Args:
        shown: The turns as they are read.
        excerpt: The same as records, with the session.
        reader: Where other sessions of the user are; None leaves them out.
    """
    return {**_head(excerpt), **_feed(shown, excerpt), **_side(excerpt, reader)}


def _excerpt(visit: Visit, fields: Mapping[str, str], found: Found) -> Excerpt:
    """Return the turns asked for; where the trace that they should begin with has gone, those from a number on."""
    start, at = _start(fields.get("turn")), fields.get("at")
    if found.hit and not at and "turn" not in fields:
        start = max(1, found.hit.turn - LEAD) if found.hit.turn > WINDOW else 1
    if at == FIRST_ERROR:
        return _failing(visit)
    try:
        return visit.excerpt(start, at or None, WINDOW, is_light=True)
    except Unknown:
        return visit.excerpt(start, None, WINDOW, is_light=True)


def _failing(visit: Visit) -> Excerpt:
    """Return the first turns, or those from the first that failed on where none of these did."""
    excerpt = visit.excerpt(1, None, WINDOW, is_light=True)
    if not excerpt.failing or any(_failed(feed(excerpt))):
        return excerpt
    return visit.excerpt(1, excerpt.failing, WINDOW, is_light=True)


def _failed(shown: Feed) -> Iterator[str]:
    return (turn.trace.id for turn in shown.turns if turn.trace.errors)


def _head(excerpt: Excerpt) -> dict[str, object]:
    session = excerpt.conversation.session
    turns = [trace for trace in excerpt.conversation.traces if trace.turn is not None]
    is_whole = excerpt.total == len(turns)
    return {
        "s": session,
        "title": title(session),
        "strip": strip.of_marks(session.strip, session.turns) if session.strip else strip.of_traces(turns),
        "p50": session.p50_ns if session.p50_ns is not None else _percentile(turns, 0.5),
        "p95": _percentile(turns, 0.95) if is_whole and len(turns) > 2 else None,
        "cached": _cached(session),
        "is_whole": is_whole,
        "retrievals": sum(span.kind == "retrieval" for trace in turns for span in trace.spans) if is_whole else 0,
    }


def _feed(shown: Feed, excerpt: Excerpt) -> dict[str, object]:
    first = next((turn for turn in shown.turns if turn.trace.errors), None)
    is_beyond = all(turn.trace.id != excerpt.failing for turn in shown.turns)
    failing = f"?at={excerpt.failing}#t{excerpt.failing}" if excerpt.failing and is_beyond else None
    return {
        "feed": shown,
        "shares": _shares(shown),
        "slow": frozenset(turn.trace.id for turn in shown.turns if (turn.trace.duration_ns or 0) > _SLOW_NS),
        "next_error": f"#t{first.anchor}" if first else failing,
        "error_beyond": failing,
    }


def _side(excerpt: Excerpt, reader: Reader | None) -> dict[str, object]:
    conversation = excerpt.conversation
    turns = [trace for trace in conversation.traces if trace.turn is not None]
    shown = [trace for trace in turns if excerpt.first <= (trace.turn or 0) <= excerpt.last]
    scores, session = all_scores(conversation), conversation.session
    return {
        "scores": scores[:_SCORES_SHOWN],
        "scores_left": max(len(scores) - _SCORES_SHOWN, 0) + excerpt.left_scores,
        "names": sorted({*(score.name for score in scores), *session.scores})[:50],
        "numbers": {trace.id: trace.turn for trace in turns},
        "id_from": id_from(session),
        "models": sorted({span.model for trace in turns for span in trace.spans if span.model})[:5],
        "signals": Counter((signal.why, trace.turn, trace.id) for trace in shown for signal in trace.signals),
        "others_of_user": _others_of(session, reader),
        "of_user": _list_of(session.user_id),
        "now_ns": time.time_ns(),
    }


def _others_of(session: Session, reader: Reader | None) -> list[tuple[Session, str]]:
    """Return the other sessions of the same user, the latest few, with what they are called."""
    if not session.user_id or reader is None:
        return []
    try:
        found = reader.sessions(str(Match("user", session.user_id)), limit=_SAME_USER + 1)
    except (BadRequest, FilterError):
        return []  # Too long to be asked for.
    return [(other, title(other)) for other in found if other.id != session.id][:_SAME_USER]


def _list_of(user_id: str | None) -> str | None:
    """Return the fields of the list of a user, None where an address cannot hold them."""
    if not user_id or len(user_id) > _LONGEST_USER:
        return None
    return urlencode({"q": str(Match("user", user_id))}, errors="replace")


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
