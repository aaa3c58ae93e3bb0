"""Tool calls at a wrong moment: called and ignored, called twice, called after the answer. Told by comparing, no model.

Each says what was seen and not whether it was a mistake; how often it is one is measured in its tests.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from convotrace.insight.friction import call_key
from convotrace.insight.words import words
from convotrace.model import Span, Trace

KINDS = {
    "ignored": "what it found comes back in no answer and in no later call",
    "twice": "it had been called with the same arguments before, and had answered the same",
    "after_answer": "it was called when the answer was complete",
}
"""Every kind of wrong moment, with what was seen."""

_FEWEST = 6
"""New words of a result below which it is a confirmation, which need not be repeated to anybody."""
_LOOKS_AHEAD = 3
"""So many turns after its own in which what a tool found may come back."""
_LOOKS_BACK = 10
_LONGEST = 20_000
_DEEPEST = 12


@dataclass(frozen=True, slots=True)
class WrongMoment:
    """A tool call at a wrong moment."""

    kind: str
    tool: str
    trace_id: str
    span_id: str
    turn: int | None
    why: str


def wrong_moments(traces: Sequence[Trace]) -> tuple[WrongMoment, ...]:
    """Return the tool calls of one session that came at a wrong moment, in order; each has one kind at most.

    Args:
        traces: Of one session, in order.
    """
    turns = [trace for trace in traces if trace.is_turn]
    return tuple(moment for place, trace in enumerate(turns) for moment in _of_turn(turns, place, trace))


def is_retry(earlier: Sequence[Span], span: Span) -> bool:
    """Tell whether a call tries again what had failed: the same tool and arguments, after an error of it."""
    before = [one for one in earlier if _is_same(one, span)]
    return bool(before) and before[-1].status == "error"


def _of_turn(turns: Sequence[Trace], place: int, trace: Trace) -> Iterator[WrongMoment]:
    calls = [span for span in trace.spans if span.kind == "tool"]
    answered = _answered_at(trace)
    for number, span in enumerate(calls):
        kind = _kind(turns, place, trace, calls[:number], span, answered)
        if kind is not None:
            yield WrongMoment(kind, span.name, trace.id, span.id, trace.turn, f"{span.name}: {KINDS[kind]}.")


def _kind(
    turns: Sequence[Trace], place: int, trace: Trace, earlier: Sequence[Span], span: Span, answered: int | None
) -> str | None:
    if answered is not None and span.started_ns >= answered:
        return "after_answer"
    if span.status == "error":
        return None  # an error is shown as one
    if any(_is_same(one, span) and one.status != "error" and one.result == span.result for one in earlier):
        return "twice"
    return "ignored" if _is_ignored(turns, place, trace, span) else None


def _is_same(one: Span, other: Span) -> bool:
    if one.name != other.name or one.arguments is None or other.arguments is None:
        return False
    return call_key(one.name, one.arguments) == call_key(other.name, other.arguments)


def _answered_at(trace: Trace) -> int | None:
    """Return when the answer was complete: the end of the last model call that gave it and asked for no tool."""
    answer = (trace.output.text or "").strip()
    if not answer:
        return None
    for span in trace.spans:
        if span.kind == "generation" and span.duration_ns is not None and _says(span, answer):
            return span.started_ns + span.duration_ns
    return None


def _says(call: Span, answer: str) -> bool:
    """Tell whether a model call gave the answer of its turn, and asked for nothing more."""
    parts = [part for message in call.output or () if isinstance(message, dict) for part in message.get("parts", ())]
    if any(part.get("type") == "tool_call" for part in parts if isinstance(part, dict)):
        return False
    said = "".join(str(part.get("content") or "") for part in parts if isinstance(part, dict))
    return said.strip() == answer


def _is_ignored(turns: Sequence[Trace], place: int, trace: Trace, span: Span) -> bool:
    """Tell whether a tool found something of which nothing is ever heard again, though there was an answer."""
    if not (trace.output.text or "").strip() or _is_in_series(trace, span):
        return False
    found = _new_words(turns, place, trace, span)
    if len(found) < _FEWEST:
        return False
    later = [one for one in trace.spans if one.kind in ("tool", "retrieval") and one.started_ns > span.started_ns]
    heard = [trace.output.text or "", *(texts(one.arguments if one.kind == "tool" else one.query) for one in later)]
    for after in turns[place + 1 : place + 1 + _LOOKS_AHEAD]:
        heard += [after.output.text or "", *(texts(one.arguments) for one in after.spans if one.kind == "tool")]
    return found.isdisjoint(word for text in heard for word in words(text, _LONGEST))


def _is_in_series(trace: Trace, span: Span) -> bool:
    """Tell whether a tool looked through candidates: of many results one is used, and the others were not ignored."""
    return any(one.kind == "tool" and one.name == span.name and one.id != span.id for one in trace.spans)


def _new_words(turns: Sequence[Trace], place: int, trace: Trace, span: Span) -> set[str]:
    """Return what a result says that nobody had said before: not the call, not the people, no earlier result.

    A tool that changes something often answers with all of it: what was known before is not news that was ignored.
    """
    said = [texts(span.arguments), trace.input.text or ""]
    said += [values(one.result) for one in trace.spans if one.kind == "tool" and one.started_ns < span.started_ns]
    for before in turns[max(0, place - _LOOKS_BACK) : place]:
        said += [before.input.text or "", before.output.text or ""]
        said += [values(one.result) for one in before.spans if one.kind == "tool"]
    known = {word for text in said for word in words(text, _LONGEST)}
    return {word for word in words(values(span.result), _LONGEST) if _tells(word)} - known


def _tells(word: str) -> bool:
    """Tell whether a word says something: a number of two digits, a longer word, a character of its own script."""
    return not word.isascii() or len(word) >= 4 or (word.isdigit() and len(word) >= 2)


def texts(value: Any, depth: int = _DEEPEST) -> str:
    """Return all that a JSON value says, names included, as one text."""
    if isinstance(value, dict):
        inner = [piece for name, one in value.items() for piece in (str(name), texts(one, depth - 1))] if depth else []
        return " ".join(inner)
    if isinstance(value, (list, tuple)):
        return " ".join(texts(one, depth - 1) for one in value) if depth else ""
    return "" if value is None or isinstance(value, bool) else str(value)


def values(value: Any, depth: int = _DEEPEST) -> str:
    """Return what a JSON value says, without the names of its fields."""
    if isinstance(value, dict):
        return " ".join(values(one, depth - 1) for one in value.values()) if depth else ""
    if isinstance(value, (list, tuple)):
        return " ".join(values(one, depth - 1) for one in value) if depth else ""
    return "" if value is None or isinstance(value, bool) else str(value)
