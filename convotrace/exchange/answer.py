"""What a reader gathers from a reply: texts, reasoning, tool calls, usage, how it ended. How each dialect spells
that is the readers' business; this module only puts pieces together.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import orjson

from convotrace.model import Json


class Part(NamedTuple):
    """One event of a stream, one line, or a whole JSON body: its event name, its JSON value, its text as it came.

    `cut` says that the end of it is missing: its last text may be half of one.
    """

    event: str
    value: Json
    raw: str = ""
    cut: bool = False


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool that the model called; `kind` names calls that the vendor ran itself."""

    name: str
    arguments: str
    id: str | None = None
    kind: str | None = None


@dataclass(slots=True)
class OpenCall:
    """A tool call whose pieces still arrive."""

    name: str = ""
    id: str | None = None
    kind: str | None = None
    pieces: list[str] = field(default_factory=list)

    def named(self, name: Json, call_id: Json = None, kind: str | None = None) -> OpenCall:
        """Set what is known of the call and was not before; later deltas repeat or empty it."""
        self.name = self.name or text_of(name)
        self.id = self.id or text_of(call_id) or None
        self.kind = self.kind or kind
        return self

    def add(self, arguments: Json) -> None:
        """Add a piece of the arguments: text as it came, anything else as JSON."""
        if isinstance(arguments, str):
            self.pieces.append(arguments)
        elif arguments is not None:
            self.pieces.append(as_json(arguments))

    def whole(self, arguments: Json) -> None:
        """Replace the pieces by the arguments as they came at last, if they did."""
        if arguments is not None:
            self.pieces.clear()
            self.add(arguments)


_NOTHING_TOLD = (None,) * 5


@dataclass(slots=True)
class Answer:
    """A reply while it is read."""

    texts: list[str] = field(default_factory=list)
    thoughts: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    calls: dict[Hashable, OpenCall] = field(default_factory=dict)
    usage: dict[str, Json] | None = None
    finish_reason: str | None = None
    model: str | None = None
    error: str | None = None
    error_type: str | None = None

    def say(self, text: Json) -> None:
        """Add a piece of the text, if it is one."""
        if isinstance(text, str):
            self.texts.append(text)

    def think(self, text: Json) -> None:
        """Add a piece of the reasoning, if it is one."""
        if isinstance(text, str):
            self.thoughts.append(text)

    def refuse(self, text: Json) -> None:
        """Add a piece of a refusal, if it is one."""
        if isinstance(text, str):
            self.refusals.append(text)

    def call(self, key: Hashable) -> OpenCall:
        """Return the call of this key, a new one where there is none."""
        return self.calls.setdefault(key, OpenCall())

    def new_call(self) -> OpenCall:
        """Return a call that shares its key with no other."""
        return self.call(("new", len(self.calls)))

    def last_call(self) -> OpenCall:
        """Return the call that was opened last."""
        return self.calls[next(reversed(self.calls))] if self.calls else self.new_call()

    def use(self, usage: Json) -> None:
        """Merge a usage object: what comes later counts, and null takes nothing away."""
        if isinstance(usage, dict) and usage:
            self.usage = self.usage if self.usage is not None else {}
            self.usage.update((name, value) for name, value in usage.items() if value is not None)

    def finish(self, reason: Json) -> None:
        """Note how the reply ended, if that is said."""
        if isinstance(reason, str) and reason:
            self.finish_reason = reason

    def by(self, model: Json) -> None:
        """Note the model that answers, if it is named; the first name counts."""
        if self.model is None and isinstance(model, str) and model:
            self.model = model

    def fail(self, error: Json) -> None:
        """Note an error, a text or an object that holds one; the first one counts."""
        if error and self.error is None:
            self.error, self.error_type = error_text(error), error_type(error)

    def extend(self, other: Answer) -> None:
        """Take over the longer texts of another reading, which saw all that this one saw and half an event more."""
        text, more = self.text or "", _without_half(other.text or "")
        # Half an event may not say yet that it is a thought.
        if more.startswith(text) and (self.texts or not self.thoughts):
            self.texts = [more] if other.texts else []
        if "".join(other.thoughts).startswith("".join(self.thoughts)):
            self.thoughts = other.thoughts

    def close(self) -> None:
        """Take back what says nothing: counts that are all 0, and an end by an error that is told in its own words."""
        counts = [count for count in (self.usage or {}).values() if isinstance(count, int | float)]
        if counts and not any(counts):
            self.usage = None
        if self.error is not None and self.finish_reason == "error":
            self.finish_reason = None

    @property
    def said(self) -> bool:
        """Whether anything of the content is known."""
        return bool(self.texts or self.thoughts or self.refusals or self.calls)

    @property
    def only_text(self) -> bool:
        """Whether nothing else than a text was gathered."""
        told = (self.usage, self.finish_reason, self.model, self.error, self.error_type)
        return told == _NOTHING_TOLD and not (self.thoughts or self.refusals or self.calls)

    @property
    def text(self) -> str | None:
        """The text put together; None when none came."""
        return joined(self.texts)

    def tool_calls(self) -> tuple[ToolCall, ...]:
        """Return the calls in the order in which they were opened."""
        return tuple(ToolCall(c.name, "".join(c.pieces), c.id, c.kind) for c in self.calls.values() if c.name)


def _without_half(text: str) -> str:
    """Return a text without half a character at its end: JSON escapes one beyond 16 bits in two steps."""
    return text[:-1] if "\ud800" <= text[-1:] <= "\udbff" else text


def joined(pieces: list[str]) -> str | None:
    """Return pieces as one text, None when there are none."""
    return "".join(pieces) if pieces else None


def error_text(error: Json) -> str | None:
    """Return the message of an error as vendors write them: a text, or an object that holds one."""
    for _ in range(3):
        if isinstance(error, str):
            return error or None
        if not isinstance(error, dict):
            return None
        error = next((error[name] for name in ("message", "error", "detail", "type", "code") if error.get(name)), None)
    return error if isinstance(error, str) else None


def error_type(error: Json) -> str | None:
    """Return what kind of error vendors say it is; None where they do not."""
    for _ in range(3):
        value = mapping(error)
        if isinstance(value.get("error"), dict):
            error = value["error"]
            continue
        return next((value[name] for name in ("type", "code", "status") if _is_kind(value.get(name))), None)
    return None


def _is_kind(value: Json) -> bool:
    return isinstance(value, str) and value not in ("", "error")


def mapping(value: Json) -> Mapping[str, Json]:
    """Return a value that is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def mappings(value: Json) -> Iterator[Mapping[str, Json]]:
    """Yield the objects of a list; nothing for anything else."""
    if isinstance(value, list):
        for item in value:
            if isinstance(item, dict):
                yield item


def text_of(value: Json) -> str:
    """Return a value that is a text, else an empty one."""
    return value if isinstance(value, str) else ""


def as_json(value: Json) -> str:
    """Return a value that came out of JSON as JSON again."""
    try:
        return orjson.dumps(value).decode()
    except (TypeError, orjson.JSONEncodeError):  # lone surrogates and whole numbers beyond 64 bits
        return str(value)
