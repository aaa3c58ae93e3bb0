"""One turn made ready to be read: both texts, what happened between them, its log lines, scores and signs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from markupsafe import Markup

from convotrace.model import Event, Score, Span, Trace
from convotrace.page.markdown import rendered
from convotrace.page.steps import HAND_OFFS, Block, Moment, blocks, moment
from convotrace.page.turn_words import agent_words, state, user_words
from convotrace.page.values import LONGEST

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
    def began(self) -> str:
        """Return what tells its addresses from those of an earlier turn with the same id: a query, or nothing."""
        return f"?began={self.trace.started_ns}" if "-" in self.anchor else ""

    @property
    def href(self) -> str:
        """Return the address of its own page, from the folder of the session's turns."""
        return self.trace.id + self.began

    def part(self, name: str) -> str:
        """Return the address at which all of one of its texts is, from the folder of the session's turns."""
        return f"{self.trace.id}/part{self.began or '?'}{'&' if self.began else ''}name={name}"

    def to(self, span: Span) -> str:
        """Return the address of one of its spans, from the folder of the session's turns."""
        return f"{self.href}{'&' if self.began else '?'}span={quote(span.id, safe='')}#call"

    @property
    def log_errors(self) -> int:
        """Return how many of its log lines are errors."""
        return sum(1 for line in self.log if (line.level or "").lower() in ("error", "critical", "exception"))


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
        trace, trace.turn or 0, inside, after, answer, notice, user_words(trace), agent_words(trace), state(trace),
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
