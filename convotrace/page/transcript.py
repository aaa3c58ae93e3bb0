"""A conversation as it is read: turns with both texts and what happened between them, idle gaps, other requests.

Pure: records go in, a view for the template comes out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import quote

from markupsafe import Markup

from convotrace.insight.versions import superseded
from convotrace.model import Conversation, Event, Excerpt, Score, Span, Trace
from convotrace.page.format import duration, plural, share
from convotrace.page.markdown import rendered
from convotrace.page.steps import HAND_OFFS, Block, Moment, blocks, moment
from convotrace.page.strip import IDLE_NS
from convotrace.page.values import LONGEST

WINDOW = 24
"""Turns on one page: with more, a page would take longer to make than people like to wait."""
_LONG_LINES = 24
_LINE_LENGTH = 95
_SHOWN_KINDS = frozenset({"generation", "retrieval", "tool"})


@dataclass(frozen=True)
class Turn:
    """One turn, ready to be shown."""

    trace: Trace
    number: int
    blocks: list[Block]
    after: list[Block]
    answer: Markup | None
    notice: str | None
    user_words: str | None
    agent_words: str | None
    state: tuple[str, str] | None
    log: tuple[Event, ...]
    scores: tuple[Score, ...]
    replaced_by: int | None = None
    anchor: str = ""
    type: str = "turn"

    @property
    def kinds(self) -> list[str]:
        """Return the kinds of its spans in the order in which they came, each once."""
        return list(dict.fromkeys(span.kind for span in self.trace.spans if span.kind in _SHOWN_KINDS))

    @property
    def calls(self) -> list[Span]:
        """Return its model calls."""
        return [span for span in self.trace.spans if span.kind == "generation"]

    @property
    def signs(self) -> dict[str, tuple[int, str]]:
        """Return its signs of friction by name: how often each came, and why, in words."""
        found: dict[str, tuple[int, str]] = {}
        for signal in self.trace.signals:
            number, why = found.get(signal.name, (0, ""))
            known = why if not why or signal.why in why else f"{why} "
            found[signal.name] = (number + 1, known if signal.why in known else known + signal.why)
        return found

    @property
    def href(self) -> str:
        """Return the address of its own page, from the folder of the session's turns."""
        return self.anchor.replace("-", "?began=")

    def part(self, name: str) -> str:
        """Return the address at which all of one of its texts is, from the folder of the session's turns."""
        place, _, began = self.href.partition("?")
        return f"{place}/part?{began}{'&' if began else ''}name={name}"

    def to(self, span: Span) -> str:
        """Return the address of one of its spans, from the folder of the session's turns."""
        return f"{self.href}{'&' if '?' in self.href else '?'}span={quote(span.id, safe='')}#call"

    @property
    def log_errors(self) -> int:
        """Return how many of its log lines are errors."""
        return sum(1 for line in self.log if (line.level or "").lower() in ("error", "critical", "exception"))


@dataclass(frozen=True)
class Gap:
    """Time in which nothing happened."""

    ns: int
    type: str = "gap"


@dataclass(frozen=True)
class Others:
    """Requests of the session that are no turns."""

    traces: list[Trace] = field(default_factory=list)
    type: str = "others"


@dataclass(frozen=True)
class Loose:
    """Events of the session before its first turn."""

    moments: list[Moment]
    type: str = "loose"


Item = Turn | Gap | Others | Loose


@dataclass(frozen=True)
class Feed:
    """A window of the conversation: what is in it and what is before and after."""

    items: list[Item]
    first: int
    last: int
    total: int
    left_out: int = 0

    @property
    def earlier(self) -> int | None:
        """Return the number to start at for the turns before, None where there are none."""
        return max(1, self.first - WINDOW) if self.first > 1 else None

    @property
    def later(self) -> int | None:
        """Return the number to start at for the turns after, None where there are none."""
        return self.last + 1 if self.last < self.total else None

    @property
    def turns(self) -> list[Turn]:
        """Return the turns alone."""
        return [item for item in self.items if isinstance(item, Turn)]


def feed(excerpt: Excerpt) -> Feed:
    """Return the turns wanted of an excerpt, with what is between them.

    Args:
        excerpt: Some turns of a session, with those around them.
    """
    return Feed(list(_items(excerpt)), excerpt.first, excerpt.last, excerpt.total, excerpt.left_out)


def _items(excerpt: Excerpt) -> Iterator[Item]:
    conversation = excerpt.conversation
    numbers = {trace.id: trace.turn for trace in conversation.traces}
    replaced = {gone: numbers[by] for gone, by in superseded(conversation.traces).items()}
    events = _by_turn(conversation)
    if excerpt.first == 1 and events.get(None):
        yield Loose([moment(event) for event in events[None] if not event.level])
    before: Trace | None = None
    others = Others()
    for trace, anchor in zip(conversation.traces, _anchors(conversation.traces), strict=True):
        if trace.turn is None:
            others.traces.append(trace)
            continue
        if excerpt.first <= trace.turn <= excerpt.last:
            yield from _between(others, before, trace)
            made = turn(trace, events.get(trace.id, ()), replaced.get(trace.id), conversation.scores)
            yield replace(made, anchor=anchor)
        before, others = trace, Others()
    if others.traces and (before is None or before.turn == excerpt.last):
        yield others


def _anchors(traces: Iterable[Trace]) -> Iterator[str]:
    """Yield the place of each trace on a page: its id, with its start behind it where an earlier one has that id."""
    seen: set[str] = set()
    for trace in traces:
        yield f"{trace.id}-{trace.started_ns}" if trace.id in seen else trace.id
        seen.add(trace.id)


def _between(others: Others, before: Trace | None, trace: Trace) -> Iterator[Item]:
    if others.traces:
        yield others
    if before is not None:
        idle = trace.started_ns - before.started_ns - (before.duration_ns or 0)
        if idle > IDLE_NS:
            yield Gap(idle)


def _by_turn(conversation: Conversation) -> dict[str | None, list[Event]]:
    """Return the session's own events by the turn they fall into; None holds those before the first."""
    out: dict[str | None, list[Event]] = {}
    turns = [trace for trace in conversation.traces if trace.turn is not None]
    for event in sorted(conversation.events, key=lambda event: event.at_ns):
        home = next((trace.id for trace in reversed(turns) if trace.started_ns <= event.at_ns), None)
        out.setdefault(home, []).append(event)
    return out


def turn(trace: Trace, events: Sequence[Event], replaced_by: int | None, scores: Sequence[Score] = ()) -> Turn:
    """Return one turn.

    Args:
        trace: The turn's trace, with its number.
        events: The session's events that fall into it.
        replaced_by: Number of the turn that was made instead of it.
        scores: The session's scores, among which some may be of this turn.
    """
    text = trace.output.text
    answer, notice = rendered(text[:LONGEST]) if text else (None, None)
    inside, after = _parted(trace, events)
    return Turn(
        trace, trace.turn or 0, inside, after, answer, notice, _user_words(trace), _agent_words(trace), _state(trace),
        log_lines(trace, events), _scores(trace, scores), replaced_by,
    )  # fmt: skip


def log_lines(trace: Trace, extra: Sequence[Event] = ()) -> tuple[Event, ...]:
    """Return the log lines of a turn in the order of time."""
    inner = (event for span in trace.spans for event in span.events)
    lines = (event for event in (*trace.events, *inner, *extra) if event.level)
    return tuple(sorted(lines, key=lambda event: event.at_ns))


def is_handed_off(turn: Turn) -> bool:
    """Tell whether the turn went on to a human."""
    found = (block for block in (*turn.blocks, *turn.after) if isinstance(block, Moment))
    return any(block.event.name.lower().rpartition(".")[2] in HAND_OFFS for block in found)


def hidden_lines(text: str) -> int:
    """Return about how many lines of a text are folded away; 0 where all of it is shown."""
    return max(0, sum(1 + len(line) // _LINE_LENGTH for line in text.split("\n")) - _LONG_LINES)


def _parted(trace: Trace, events: Sequence[Event]) -> tuple[list[Block], list[Block]]:
    """Return what stands before the answer and what came after it."""
    end = trace.started_ns + (trace.duration_ns or 0)
    late = [event for event in events if event.at_ns > end and not event.level]
    soon = [event for event in events if event.at_ns <= end]
    return blocks(trace, soon), [moment(event) for event in late]


def _scores(trace: Trace, scores: Sequence[Score]) -> tuple[Score, ...]:
    inner = (score for span in trace.spans for score in span.scores)
    known = {score.id: score for score in (*trace.scores, *inner)}
    known |= {score.id: score for score in scores if score.target.trace_id == trace.id}
    return tuple(sorted(known.values(), key=lambda score: score.at_ns))


def _user_words(trace: Trace) -> str | None:
    if trace.input.text is None:
        return "The agent spoke first." if trace.output.text is not None else "No message text in this turn."
    return None if trace.input.text else "The message was empty."


def _agent_words(trace: Trace) -> str | None:
    if trace.output.text:
        return None
    if trace.output.text == "":
        return "The answer was empty."
    return f"No answer text in this turn: {_why_silent(trace)}"


def _why_silent(trace: Trace) -> str:
    if trace.status == "running":
        return "it is still running."
    if trace.status == "error":
        return "it failed."
    if trace.status in ("cancelled", "disconnected"):
        return "the user left."
    if trace.status == "interrupted":
        return "the process ended."
    last = max(trace.spans, key=lambda span: span.started_ns, default=None)
    return {"tool": "it ended with a tool call.", "retrieval": "it ended with a retrieval."}.get(
        last.kind if last else "", "none was captured."
    )


def _state(trace: Trace) -> tuple[str, str] | None:
    """Return tone and words of a turn that did not simply end."""
    return {
        "running": ("ok", "waiting for the first byte" if trace.first_byte_ns is None else "streaming…"),
        "cancelled": ("warn", "cancelled"),
        "disconnected": ("warn", where_left(trace)),
        "interrupted": ("warn", "the process ended before the turn did"),
        "error": ("err", f"HTTP {trace.status_code}" if trace.status_code else "failed"),
    }.get(trace.status)


def where_left(trace: Trace) -> str:
    """Return where the user left an answer: after which time, how many chunks, at which share."""
    left = trace.left
    if left is None:
        return "user left while it was answered"
    part = "" if left.share is None else f", at {share(left.share)}"
    return f"user left after {duration(left.after_ns)}, {plural(left.chunks, 'chunk')}{part}"


def calls_line(trace: Trace) -> str:
    """Return what a turn did, in two words: 5 calls, 1 retrieval, answer only."""
    tools = sum(1 for span in trace.spans if span.kind == "tool")
    found = sum(1 for span in trace.spans if span.kind == "retrieval")
    parts = [plural(tools, "call")] if tools else []
    parts += [plural(found, "retrieval")] if found else []
    return ", ".join(parts) or ("answer only" if trace.output.text else "no answer")
