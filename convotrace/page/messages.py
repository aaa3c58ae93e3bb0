"""The messages of a model call on a page: the prompt in its pieces, the answer, and what was thought before it.

Each has a number, which is its anchor: `#m3` is the third one that was sent, whatever is folded.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count

from convotrace.insight.prompts import Message, Part, messages, sent_to
from convotrace.model import Json, Span
from convotrace.page.format import cut_end


@dataclass(frozen=True)
class Numbered:
    """A message with its number."""

    number: int
    role: str
    parts: tuple[Part, ...]
    length: int


@dataclass(frozen=True)
class Call:
    """A model call's messages: what leads up to the last thing the user said is history."""

    system: tuple[Numbered, ...]
    history: tuple[Numbered, ...]
    fresh: tuple[Numbered, ...]
    output: tuple[Numbered, ...]

    @property
    def count(self) -> int:
        """Return the number of messages sent."""
        return len(self.system) + len(self.history) + len(self.fresh)

    def results(self) -> dict[str, int]:
        """Return the numbers of the messages that answer a tool call, by the id of the call."""
        sent = (*self.history, *self.fresh)
        return {part.id: one.number for one in sent for part in one.parts if part.type == "response" and part.id}


def of_call(span: Span) -> Call:
    """Return the messages of a generation, history set apart."""
    sent, numbers = sent_to(span), count(1)

    def numbered(some: Iterable[Message]) -> tuple[Numbered, ...]:
        return tuple(Numbered(next(numbers), one.role, one.parts, one.length) for one in some)

    return Call(
        numbered(sent.system), numbered(sent.history), numbered(sent.fresh),
        numbered(messages(span.output, "assistant")),
    )  # fmt: skip


def first_line(message: Numbered) -> str:
    """Return the beginning of a message on one line."""
    return next((cut_end(part.text or part.name, 160) for part in message.parts if part.text or part.name), "")


def reasoning(output: Json) -> list[str]:
    """Return what a model thought before it answered."""
    return [part.text for one in messages(output, "assistant") for part in one.parts if part.type == "thought"]
