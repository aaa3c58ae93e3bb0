"""What a model call was told and answered, as messages of typed parts, in whatever shape it was captured.

Plain texts and unknown parts are kept: nothing that was sent to a model is left out because of its form.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from convotrace.model import Json, Span, Trace

_CALLS = ("tool_call", "server_tool_call")
_RESPONSES = ("tool_call_response", "server_tool_call_response")
SYSTEM = frozenset({"system", "developer"})


@dataclass(frozen=True)
class Part:
    """A piece of a message: `type` is text, thought, call, response or value; `id` ties a response to its call."""

    type: str
    text: str = ""
    name: str = ""
    value: Json = None
    id: str = ""

    @cached_property
    def content(self) -> str:
        """Return what it says as one text: a text as it is, a value as JSON, behind the name of a tool."""
        if self.type in ("text", "thought"):
            return self.text
        body = as_text(self.value)
        return f"{self.name} {body}" if self.name else body

    @property
    def length(self) -> int:
        """Return how many characters it has."""
        return len(self.text) if self.type in ("text", "thought") else len(as_text(self.value, indent=None))


@dataclass(frozen=True)
class Message:
    """One message of a call."""

    role: str
    parts: tuple[Part, ...]

    @property
    def length(self) -> int:
        """Return how many characters it has."""
        return sum(part.length for part in self.parts)


@dataclass(frozen=True)
class Prompt:
    """What a model was sent: what leads up to the last thing the user said is history, the rest is of this turn."""

    system: tuple[Message, ...]
    history: tuple[Message, ...]
    fresh: tuple[Message, ...]


def sent_to(span: Span) -> Prompt:
    """Return the messages that a model call was sent."""
    sent = messages(span.input, "user")
    rest = [message for message in sent if message.role not in SYSTEM]
    last = max((index for index, message in enumerate(rest) if message.role == "user"), default=0)
    system = tuple(message for message in sent if message.role in SYSTEM)
    return Prompt(system, tuple(rest[:last]), tuple(rest[last:]))


def last_call(trace: Trace) -> Span | None:
    """Return the last model call of a trace whose messages were captured, else the last one, else None."""
    calls = [span for span in trace.spans if span.kind == "generation"]
    told = [span for span in calls if span.input is not None]
    return max(told or calls, key=lambda span: span.started_ns, default=None)


def messages(value: Json, role: str) -> list[Message]:
    """Return the messages in a value; what is no list of messages is one of the role given."""
    if value is None:
        return []
    if isinstance(value, Sequence) and not isinstance(value, str) and all(_is_message(item) for item in value):
        return [_message(item, role) for item in value]
    return [_message(value, role)] if _is_message(value) else [Message(role, (_part(value),))]


def as_text(value: Json, indent: int | None = 2) -> str:
    """Return a value as text to be compared: a text as it is, anything else as JSON with its names in order."""
    if isinstance(value, str):
        return value
    separators = None if indent else (",", ":")
    try:
        return json.dumps(value, ensure_ascii=False, indent=indent, separators=separators, sort_keys=True, default=str)
    except (ValueError, TypeError, RecursionError):
        return "(nested too deep to be written out here)"


def _is_message(value: Json) -> bool:
    return isinstance(value, Mapping) and ("parts" in value or "content" in value or "role" in value)


def _message(value: Mapping[str, Json], role: str) -> Message:
    return Message(str(value.get("role") or role), tuple(_parts(value)))


def _parts(value: Mapping[str, Json]) -> Iterator[Part]:
    held = value.get("parts", value.get("content"))
    for item in held if isinstance(held, (list, tuple)) else [held]:
        if item is not None:
            yield _part(item)
    calls = value.get("tool_calls")
    for call in calls if isinstance(calls, (list, tuple)) else ():
        yield _part(call)


def _part(item: Json) -> Part:
    if isinstance(item, str):
        return Part("text", item)
    if not isinstance(item, Mapping):
        return Part("value", value=item)
    kind, content = item.get("type"), item.get("content", item.get("text"))
    if kind in ("text", "reasoning") and isinstance(content, str):
        return Part("text" if kind == "text" else "thought", content)
    return _tool_part(kind, item)


def _tool_part(kind: Json, item: Mapping[str, Json]) -> Part:
    function = item.get("function")
    call = function if isinstance(function, Mapping) else item
    name, call_id = str(call.get("name") or ""), str(item.get("id") or "")
    if kind in _CALLS or (function is not None and name):
        return Part("call", name=name, value=call.get("arguments", call.get("server_tool_call")), id=call_id)
    if kind in _RESPONSES:
        answer = next((item[key] for key in ("response", "result", "server_tool_call_response") if key in item), None)
        return Part("response", name=name, value=answer, id=call_id)
    return Part("value", value=dict(item))
