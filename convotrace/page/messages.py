"""The messages of a model call on a page: the prompt in its pieces, the answer, and what was thought before it."""

from __future__ import annotations

from dataclasses import dataclass

from convotrace.insight.prompts import Message, messages, sent_to
from convotrace.model import Json, Span
from convotrace.page.format import cut_end


@dataclass(frozen=True)
class Call:
    """A model call's messages: what leads up to the last thing the user said is history."""

    system: tuple[Message, ...]
    history: tuple[Message, ...]
    fresh: tuple[Message, ...]
    output: tuple[Message, ...]

    @property
    def count(self) -> int:
        """Return the number of messages sent."""
        return len(self.system) + len(self.history) + len(self.fresh)


def of_call(span: Span) -> Call:
    """Return the messages of a generation, history set apart."""
    sent = sent_to(span)
    return Call(sent.system, sent.history, sent.fresh, tuple(messages(span.output, "assistant")))


def first_line(message: Message) -> str:
    """Return the beginning of a message on one line."""
    return next((cut_end(part.text or part.name, 160) for part in message.parts if part.text or part.name), "")


def reasoning(output: Json) -> list[str]:
    """Return what a model thought before it answered."""
    return [part.text for one in messages(output, "assistant") for part in one.parts if part.type == "thought"]
