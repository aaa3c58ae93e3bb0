"""The messages of a model call, in the shape of the GenAI conventions, made ready to be read.

Plain texts and unknown parts are kept: nothing that was sent to a model is left out because of its form.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from convotrace.export import dump
from convotrace.model import Json, Span
from convotrace.page.format import cut_end
from convotrace.page.values import pretty

_CALLS = ("tool_call", "server_tool_call")
_NOTHING = Markup("")
_RESPONSES = ("tool_call_response", "server_tool_call_response")


@dataclass(frozen=True)
class Part:
    """A piece of a message: `type` is text, thought, call, response or value."""

    type: str
    text: str = ""
    name: str = ""
    value: Markup = _NOTHING
    length: int = 0


@dataclass(frozen=True)
class Message:
    """One message of a call."""

    role: str
    parts: tuple[Part, ...]

    @property
    def first_line(self) -> str:
        """Return its beginning on one line."""
        return next((cut_end(part.text or part.name, 160) for part in self.parts if part.text or part.name), "")

    @property
    def length(self) -> int:
        """Return how many characters it has."""
        return sum(part.length for part in self.parts)


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
    sent = _messages(span.input, "user")
    system = tuple(message for message in sent if message.role in ("system", "developer"))
    rest = [message for message in sent if message.role not in ("system", "developer")]
    last = max((index for index, message in enumerate(rest) if message.role == "user"), default=0)
    return Call(system, tuple(rest[:last]), tuple(rest[last:]), tuple(_messages(span.output, "assistant")))


def reasoning(output: Json) -> list[str]:
    """Return what a model thought before it answered."""
    return [part.text for message in _messages(output, "assistant") for part in message.parts if part.type == "thought"]


def _messages(value: Json, role: str) -> list[Message]:
    if value is None:
        return []
    if isinstance(value, Sequence) and not isinstance(value, str) and all(_is_message(item) for item in value):
        return [_message(item, role) for item in value]
    return [_message(value, role)] if _is_message(value) else [Message(role, (_part(value),))]


def _is_message(value: Json) -> bool:
    return isinstance(value, Mapping) and ("parts" in value or "content" in value or "role" in value)


def _message(value: Mapping[str, Json], role: str) -> Message:
    return Message(str(value.get("role") or role), tuple(_parts(value)))


def _parts(value: Mapping[str, Json]) -> Iterator[Part]:
    held = value.get("parts", value.get("content"))
    for item in held if isinstance(held, (list, tuple)) else [held]:
        if item is not None:
            yield _part(item)
    for call in value.get("tool_calls") or ():
        yield _part(call)


def _part(item: Json) -> Part:
    if isinstance(item, str):
        return _text("text", item)
    if not isinstance(item, Mapping):
        return _value("value", item)
    kind, content = item.get("type"), item.get("content", item.get("text"))
    if kind in ("text", "reasoning") and isinstance(content, str):
        return _text("text" if kind == "text" else "thought", content)
    return _tool_part(kind, item)


def _tool_part(kind: Json, item: Mapping[str, Json]) -> Part:
    function = item.get("function")
    call = function if isinstance(function, Mapping) else item
    name = str(call.get("name") or "")
    if kind in _CALLS or (function is not None and name):
        return _value("call", call.get("arguments", call.get("server_tool_call")), name)
    if kind in _RESPONSES:
        answer = next((item[key] for key in ("response", "result", "server_tool_call_response") if key in item), None)
        return _value("response", answer, name)
    return _value("value", dict(item))


def _text(kind: str, text: str) -> Part:
    return Part(kind, text, length=len(text))


def _value(kind: str, value: Json, name: str = "") -> Part:
    length = len(value) if isinstance(value, str) else len(dump(value))
    return Part(kind, name=name, value=pretty(value), length=length)
