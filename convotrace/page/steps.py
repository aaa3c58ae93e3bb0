"""What an agent did inside one turn, as rows for the transcript: calls, model calls, thoughts, retrievals, moments.

Pure: a trace goes in, rows come out in the order of time. How they look is in the templates.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from convotrace.export import dump
from convotrace.insight.returning import is_name, returning
from convotrace.model import Document, Event, Json, Span, Trace
from convotrace.page.format import cut_end
from convotrace.page.messages import reasoning
from convotrace.page.values import arguments_line, pretty, result_line

_SHOWN = 2_000
_CALLS = ("tool", "generation", "retrieval")
_ACTS = {
    "turn.notice": "Notice for the user", "turn.advise": "Advice to the app", "turn.stop": "Told to stop",
    "turn.refuse": "Refused",
}  # fmt: skip
_WORDS = {"session.end": "Session ended", "session.resume": "Session resumed", **_ACTS}
HAND_OFFS = frozenset({"handoff", "hand_off", "hand-off", "escalation", "escalated", "transfer"})
_ENDINGS = frozenset({"completion", "completed", "resolution", "resolved"})
_FAILURES = frozenset({"error", "failure", "failed"})


@dataclass(frozen=True)
class Row:
    """One line of a frame: a call, a model call, a thought or a failed step of another kind."""

    type: str
    at_ns: int
    span: Span
    arguments: str = ""
    result: str = ""
    error: str | None = None
    repeat: str | None = None
    thought: str = ""
    details: tuple[tuple[str, Markup], ...] = ()


@dataclass(frozen=True)
class Frame:
    """A run of rows in one frame."""

    rows: list[Row] = field(default_factory=list)
    type: str = "frame"


@dataclass(frozen=True)
class Hit:
    """One retrieved document: `width` of its score bar in 48 parts, None without a score."""

    rank: int
    document: Document
    title: str
    text: str
    width: float | None
    is_used: bool = False
    """Whether words of it stand in the answer."""
    left_out: int = 0

    @property
    def first_line(self) -> str:
        """Return its beginning on one line."""
        return cut_end(self.text, 240)


@dataclass(frozen=True)
class Retrieval:
    """A search with what it found."""

    row: Row
    hits: list[Hit]
    type: str = "retrieval"


@dataclass(frozen=True)
class Moment:
    """A named event in the transcript; `tone` is warn, bad, done or plain."""

    event: Event
    tone: str
    words: str
    facts: str
    type: str = "moment"


Block = Frame | Retrieval | Moment


def blocks(trace: Trace, extra: Iterable[Event] = ()) -> list[Block]:
    """Return what happened in a turn besides its two texts.

    Args:
        trace: The turn.
        extra: Events of the session that fall into this turn.
    """
    found: list[tuple[int, int, Row | Retrieval | Moment]] = []
    repeats = _Repeats(trace.spans)
    failed = _failed_elsewhere(trace.spans)
    for order, span in enumerate(trace.spans):
        found += [(span.started_ns, order, step) for step in _steps(span, repeats, failed, trace.output.text or "")]
    moments = [event for event in (*trace.events, *_inner_events(trace), *extra) if not event.level]
    found += [(event.at_ns, len(trace.spans), moment(event)) for event in moments]
    return _framed(step for _, _, step in sorted(found, key=lambda item: item[:2]))


def moment(event: Event) -> Moment:
    """Return an event in words."""
    name = event.name.lower().rpartition(".")[2]
    tone, words = "warn" if event.name in _ACTS else "plain", _WORDS.get(event.name, event.name)
    if name in HAND_OFFS:
        tone, words = "warn", "Handed off to a human"
    elif name in _ENDINGS:
        tone, words = "done", "Completed" if name.startswith("compl") else "Resolved"
    elif name in _FAILURES:
        tone = "bad"
    return Moment(event, tone, words, facts(event.attributes))


def facts(attributes: Mapping[str, Json]) -> str:
    """Return attributes on one line: `key=value key=value`, texts without quotes."""
    return " ".join(f"{key}={_fact(value)}" for key, value in attributes.items())


def _fact(value: Json) -> str:
    return value if isinstance(value, str) else dump(value).decode()


def _framed(steps: Iterable[Row | Retrieval | Moment]) -> list[Block]:
    out: list[Block] = []
    for step in steps:
        if not isinstance(step, Row):
            out.append(step)
        elif out and isinstance(out[-1], Frame):
            out[-1].rows.append(step)
        else:
            out.append(Frame([step]))
    return out


def _steps(span: Span, repeats: _Repeats, failed: frozenset[str], answer: str) -> list[Row | Retrieval]:
    if span.kind == "retrieval":
        return [Retrieval(_row(span, repeats), _hits(span.documents, answer))]
    if span.kind == "generation":
        # A call that went well shows by what came of it; the head of its turn leads to it.
        thoughts = [Row("thought", span.started_ns, span, thought=text) for text in reasoning(span.output)]
        return [_row(span, repeats), *thoughts] if span.status != "ok" else [*thoughts]
    if span.kind == "tool" or (span.status == "error" and span.id not in failed):
        return [_row(span, repeats)]
    return []


def _row(span: Span, repeats: _Repeats) -> Row:
    given = span.query if span.kind == "retrieval" else span.arguments
    given = span.input if given is None and span.kind != "generation" else given
    result = span.output if span.result is None and span.kind != "generation" else span.result
    error = None
    if span.status == "error":
        error = span.error.message or span.error.type if span.error else "It failed without a message."
    repeat, told = repeats.of(span, error)
    return Row(
        span.kind if span.kind in _CALLS else "other", span.started_ns, span, arguments_line(given),
        result_line(result), None if told else error, repeat, details=tuple(_details(span, given, result)),
    )  # fmt: skip


def _details(span: Span, given: Json, result: Json) -> Iterable[tuple[str, Markup]]:
    if span.kind == "generation":
        return
    for label, value in (("Arguments" if span.kind == "tool" else "Input", given), ("Result", result)):
        if value is not None and not (label == "Result" and span.kind == "retrieval" and span.documents):
            yield label, pretty(value, _SHOWN)


def _hits(documents: tuple[Document, ...], answer: str) -> list[Hit]:
    return [_hit(rank, document, answer) for rank, document in enumerate(documents, 1)]


def _hit(rank: int, document: Document, answer: str) -> Hit:
    text = document.text or ""
    title = document.title or (document.id or "" if not text else "")
    width = None if document.score is None else round(48 * min(1.0, max(0.0, document.score)), 1)
    is_used = bool(answer and (returning(text, answer) or (title and is_name(title) and returning(title, answer))))
    own = "" if text == title else text
    return Hit(rank, document, title, own[:_SHOWN], width, is_used, max(0, len(own) - _SHOWN))


def _inner_events(trace: Trace) -> Iterable[Event]:
    return (event for span in trace.spans for event in span.events)


def _failed_elsewhere(spans: Iterable[Span]) -> frozenset[str]:
    """Return the failed spans whose failure is told by another row: their caller's or a step's inside them."""
    broken = {span.id: span for span in spans if span.status == "error"}
    outer = {span.parent_id for span in broken.values() if span.parent_id in broken}
    inner = {span.id for span in broken.values() if _below_a_call(span, broken)}
    return frozenset(one for one in outer | inner if one)


def _below_a_call(span: Span, broken: Mapping[str, Span]) -> bool:
    parent = broken.get(span.parent_id or "")
    return parent is not None and parent.kind in _CALLS


class _Repeats:
    """Counts failed calls that were made again with the same arguments."""

    def __init__(self, spans: Iterable[Span]) -> None:
        self._total = Counter(_call(span) for span in spans if span.status == "error" and span.kind == "tool")
        self._seen: Counter[Any] = Counter()
        self._told: set[Any] = set()

    def of(self, span: Span, error: str | None) -> tuple[str | None, bool]:
        """Return "2 of 3" for a repeated failing call, and whether its message was shown before."""
        call = _call(span)
        if error is None or self._total[call] < 2:
            return None, False
        self._seen[call] += 1
        told = (call, error) in self._told
        self._told.add((call, error))
        repeat = f"repeat {self._seen[call]} of {self._total[call]}" if self._seen[call] > 1 else None
        return repeat, told


def _call(span: Span) -> tuple[str, bytes]:
    return span.name, dump(span.arguments)
