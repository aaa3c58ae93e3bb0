"""Turns as files tell of them → the changes that write them.

The ids of traces and spans are made of the session's id and their place in it, so that the same file read twice is the
same conversation. Where no time is given, turns stand a second apart from a given moment.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from convotrace.insight.totals import totals
from convotrace.model import (
    TURN_KINDS,
    Change,
    Document,
    Failure,
    Json,
    Payload,
    Score,
    SessionFacts,
    Span,
    Target,
    Trace,
    Usage,
)

SECOND_NS = 10**9
_MOST_NS = 1 << 62
"""What the store can hold, and a year far from now."""
_ID_NAMES = ("id", "session_id", "conversation_id", "thread_id", "chat_id")


@dataclass
class Turn:
    """What happened from one message of the user to the next."""

    asked: str | None = None
    answered: str | None = None
    steps: list[dict[str, Any]] = field(default_factory=list)
    at_ns: int | None = None
    ratings: Sequence[Mapping[str, Any]] = ()


def changes_of(found: Mapping[str, Json], name: str, begin_ns: int, turns: Sequence[Turn]) -> list[Change]:
    session_id = next((str(found[key]) for key in _ID_NAMES if found.get(key)), name)
    began = next((ns for key in ("started_at", "created", "created_at") if (ns := moment(found.get(key)))), None)
    if began is None:
        began = next((turn.at_ns for turn in turns if turn.at_ns is not None), begin_ns)
    facts = _facts(session_id, found)
    changes = [Change(facts, trace) for trace in _traces(session_id, turns, began)]
    ended = _ended(session_id, found.get("outcome"), began + len(turns) * SECOND_NS)
    return [*changes, Change(ended)] if ended is not None else changes


def _facts(session_id: str, found: Mapping[str, Json]) -> SessionFacts:
    metadata = found.get("metadata")
    about = {key: found[key] for key in ("source", "domain", "language") if found.get(key)}
    user = found.get("user_id") or found.get("user")
    return SessionFacts(
        session_id, "import", user_id=str(user) if isinstance(user, (str, int)) else None,
        tags=tuple(str(tag) for tag in found.get("tags") or ()),
        metadata={**about, **(metadata if isinstance(metadata, Mapping) else {})},
    )  # fmt: skip


def _ended(session_id: str, outcome: Json, at_ns: int) -> SessionFacts | None:
    if not isinstance(outcome, Mapping):
        return None
    success, escalated = outcome.get("success"), outcome.get("escalated")
    scores = tuple(
        Score(_id(session_id, "score", name), name, _type(value), value, at_ns, Target(session_id))
        for name, value in (outcome.get("scores") or {}).items()
        if isinstance(value, (bool, int, float, str))
    )
    ending = "escalated" if escalated else None
    return SessionFacts(
        session_id, outcome=ending, resolved=success if isinstance(success, bool) else None, scores=scores
    )


def _traces(session_id: str, turns: Sequence[Turn], began: int) -> Iterator[Trace]:
    latest = began - SECOND_NS
    for number, turn in enumerate(turns):
        # Recorded times are not always in order; the order of the turns is.
        started = latest = max(turn.at_ns or 0, latest + SECOND_NS)
        trace_id = _id(session_id, "turn", number)
        spans = tuple(_span(trace_id, place, step, started) for place, step in enumerate(turn.steps))
        yield Trace(
            trace_id, session_id, name="import", is_turn=_is_turn(turn, spans), started_ns=started, id_source="import",
            input=Payload(turn.asked), output=Payload(turn.answered), spans=spans, protocol="none",
            errors=sum(span.status == "error" for span in spans), scores=_ratings(session_id, trace_id, turn, started),
            **totals(spans),
        )  # fmt: skip


def _is_turn(turn: Turn, spans: Sequence[Span]) -> bool:
    return turn.asked is not None or turn.answered is not None or any(span.kind in TURN_KINDS for span in spans)


def _span(trace_id: str, place: int, step: Mapping[str, Any], started: int) -> Span:
    kind = str(step.get("kind") or "internal")
    told: dict[str, Any] = {
        "id": _id(trace_id, "step", place)[:16], "trace_id": trace_id, "name": str(step.get("name") or kind),
        "kind": kind,
        "started_ns": moment(step.get("ts")) or started + place, "call_id": text_of(step.get("call_id")),
        "model": text_of(step.get("model")), "usage": _usage(step.get("usage")),
        "cost_nano": _billionths(step.get("cost")),
        "duration_ns": _billionths(step.get("duration_s")),
    }  # fmt: skip
    if step.get("error"):
        told |= {"status": "error", "error": Failure("Error", str(step["error"]))}
    return Span(**told, **_io(kind, step))


def _io(kind: str, step: Mapping[str, Any]) -> dict[str, Any]:
    if kind == "tool":
        return {"arguments": step.get("input"), "result": step.get("output")}
    if kind == "retrieval":
        asked, output = step.get("input"), step.get("output")
        query = asked.get("query", asked) if isinstance(asked, Mapping) else asked
        return {"query": query, "documents": tuple(map(_document, output)) if isinstance(output, list) else ()}
    return {"input": step.get("input"), "output": step.get("output")}


def _document(found: Json) -> Document:
    if not isinstance(found, Mapping):
        return Document(text=str(found))
    score = found.get("score")
    return Document(
        text_of(found.get("document_id") or found.get("id")), text_of(found.get("text")),
        score if isinstance(score, float) else None, text_of(found.get("title")), text_of(found.get("url")),
    )  # fmt: skip


def _usage(found: Json) -> Usage | None:
    if not isinstance(found, Mapping):
        return None
    details = found.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, Mapping) else None
    return Usage(
        found.get("prompt_tokens", found.get("input_tokens")),
        found.get("completion_tokens", found.get("output_tokens")), cached,
    )  # fmt: skip


def _ratings(session_id: str, trace_id: str, turn: Turn, at_ns: int) -> tuple[Score, ...]:
    scores = []
    for place, one in enumerate(turn.ratings):
        value, target = one.get("value"), Target(session_id, trace_id)
        if isinstance(value, (bool, int, float, str)):
            by, at = text_of(one.get("by")), moment(one.get("ts")) or at_ns
            source = "annotator" if by else "end_user"
            scores.append(
                Score(
                    _id(trace_id, "rating", place),
                    str(one.get("name")),
                    _type(value),
                    value,
                    at,
                    target,
                    source,
                    author=by,
                )
            )
    return tuple(scores)


def _type(value: object) -> str:
    return "boolean" if isinstance(value, bool) else "categorical" if isinstance(value, str) else "numeric"


def moment(value: Json) -> int | None:
    """Return a time as nanoseconds: seconds since 1970, or ISO-8601 text, UTC where it names no zone."""
    if not isinstance(value, str):
        return _billionths(value)
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return None
    ns = int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1e6) * 1000
    return ns if 0 <= ns < _MOST_NS else None


def _billionths(value: Json) -> int | None:
    """Return seconds or dollars as whole billionths, None for what is no such number or more than can be stored."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return round(value * 1e9) if is_number and 0 <= value < _MOST_NS / 1e9 else None


def text_of(value: Json) -> str | None:
    if isinstance(value, list):
        # Content in parts: what is text in it.
        parts = [part.get("text") for part in value if isinstance(part, Mapping)]
        return "\n".join(part for part in parts if isinstance(part, str)) or None
    return value if isinstance(value, str) else None if value is None else str(value)


def _id(*parts: object) -> str:
    said = "\0".join(map(str, parts)).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(said, digest_size=16).hexdigest()
