"""What one turn's last model call had before it: the parts of its prompt by origin, with their sizes.

The provider counts the tokens of a prompt as a whole; they are shared out among its parts by their characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from convotrace.insight.prompts import Message, as_text, last_call, sent_to
from convotrace.model import Span, Trace

Origin = Literal["system", "tools", "history", "retrieved", "results", "turn"]
ORIGINS: tuple[Origin, ...] = ("system", "tools", "history", "retrieved", "results", "turn")
"""In the order of the prompt: system message, tool definitions, earlier turns, documents, tool results, this turn."""
_SPACE = re.compile(r"(?:\s|\\[nrt])+")
_SHORTEST_HELD = 40
"""Characters of a document's beginning that must be in a prompt to speak of a document that was cut."""


@dataclass(frozen=True)
class Part:
    """One part of a prompt: `name` is a role, or a tool's name; `documents` the characters in it of documents."""

    origin: Origin
    role: str
    name: str
    text: str
    documents: int = 0

    @property
    def key(self) -> tuple[str, str]:
        """Return what two parts have alike that are the same."""
        return self.role, self.text


@dataclass(frozen=True)
class Context:
    """A prompt: its parts, and the tokens of all of it, None where the provider did not say."""

    parts: tuple[Part, ...]
    tokens: int | None
    _flat: str = field(repr=False, default="")

    @property
    def characters(self) -> int:
        """Return how many characters it has."""
        return sum(len(part.text) for part in self.parts)

    @property
    def size(self) -> int:
        """Return its tokens, else its characters."""
        return self.characters if self.tokens is None else self.tokens

    def size_of(self, parts: Iterable[Part]) -> int:
        """Return the size of some of its parts."""
        return self._scaled(sum(len(part.text) for part in parts))

    def sizes(self) -> dict[Origin, int]:
        """Return the size of each origin, in the order of the prompt."""
        counted = dict.fromkeys(ORIGINS, 0)
        for part in self.parts:
            counted[part.origin] += len(part.text) - part.documents
            counted["retrieved"] += part.documents
        return {origin: self._scaled(number) for origin, number in counted.items()}

    def share_of(self, wanted: str) -> float:
        """Return how much of a flat document the prompt holds: 1 for all, less for its beginning, 0 for nothing."""
        held = _held(wanted, self._flat)
        if held == len(wanted):
            return 1.0 if wanted else 0.0
        return held / len(wanted) if held >= _SHORTEST_HELD else 0.0

    def _scaled(self, characters: int) -> int:
        if self.tokens is None or not self.characters:
            return characters
        return round(characters * self.tokens / self.characters)


def context_of(trace: Trace, documents: Sequence[str] = ()) -> Context | None:
    """Return what the last model call of a turn had before it, None where no prompt was captured.

    Args:
        trace: The turn.
        documents: Texts of documents that may stand in it, as `flat` returns them.
    """
    call = last_call(trace)
    if call is None or call.input is None:
        return None
    parts = tuple(_with_documents(part, documents) for part in _parts(call))
    return Context(parts, call.usage.input if call.usage else None, "\n".join(flat(part.text) for part in parts))


def flat(text: str) -> str:
    """Return a text with its white space as single spaces, also where it stands escaped inside JSON."""
    return _SPACE.sub(" ", text.replace('\\"', '"')).strip()


def _parts(call: Span) -> Iterable[Part]:
    prompt = sent_to(call)
    for message in prompt.system:
        yield from _of_message(message, "system")
    for tool in call.tools:
        schema = "" if tool.schema is None else as_text(tool.schema)
        yield Part("tools", "tools", tool.name, f"{tool.name} {tool.description or ''} {schema}")
    for message in prompt.history:
        yield from _of_message(message, "history")
    for message in prompt.fresh:
        yield from _of_message(message, "turn")


def _of_message(message: Message, origin: Origin) -> Iterable[Part]:
    for part in message.parts:
        is_result = origin == "turn" and (part.type == "response" or message.role == "tool")
        yield Part("results" if is_result else origin, message.role, part.name or message.role, part.content)


def _with_documents(part: Part, wanted: Sequence[str]) -> Part:
    if part.origin == "tools" or not wanted:
        return part
    text = flat(part.text)
    held = (_held(document, text) for document in wanted if document)
    number = min(len(part.text), sum(length for length in held if length >= _SHORTEST_HELD))
    return Part(part.origin, part.role, part.name, part.text, number) if number else part


def _held(wanted: str, text: str) -> int:
    """Return how many characters of a text's beginning stand in another: by halving, since shorter ones do too."""
    if not wanted or wanted in text:
        return len(wanted)
    low, high = 0, len(wanted)
    if wanted[:_SHORTEST_HELD] not in text:
        return 0
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if wanted[:middle] in text else (low, middle)
    return low
