"""The dialect of AG-UI: events whose types are written in capitals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from convotrace.exchange.answer import Answer, Part, mapping, mappings, text_of
from convotrace.model import Json

_PREFIXES = ("RUN_", "STEP_", "TEXT_MESSAGE_", "TOOL_CALL_", "STATE_", "MESSAGES_", "REASONING_", "THINKING_")
_TEXTS = frozenset({"TEXT_MESSAGE_CONTENT", "TEXT_MESSAGE_CHUNK"})
_THOUGHTS = frozenset(
    {"REASONING_MESSAGE_CONTENT", "REASONING_MESSAGE_CHUNK", "THINKING_TEXT_MESSAGE_CONTENT", "THINKING_CONTENT"}
)
_CALLS = frozenset({"TOOL_CALL_START", "TOOL_CALL_ARGS", "TOOL_CALL_CHUNK"})


def is_event(event: str, value: Mapping[str, Json]) -> bool:
    """Tell whether this is an event of AG-UI."""
    return text_of(value["type"]).startswith(_PREFIXES)


def read(parts: Iterable[Part], answer: Answer) -> None:
    """Gather a run; results of tools and repeated history are not the answer, nor are messages of other roles."""
    others: set[str] = set()
    for part in parts:
        value = mapping(part.value)
        kind = text_of(value.get("type"))
        if kind == "TEXT_MESSAGE_START" and value.get("role", "assistant") != "assistant":
            others.add(text_of(value.get("messageId")))
        elif kind in _TEXTS and text_of(value.get("messageId")) not in others:
            answer.say(value.get("delta"))
        elif kind in _THOUGHTS:
            answer.think(value.get("delta"))
        elif kind in _CALLS:
            call = answer.call(text_of(value.get("toolCallId")))
            call.named(value.get("toolCallName"), value.get("toolCallId")).add(value.get("delta"))
        elif kind == "RUN_ERROR":
            answer.fail(value.get("message"))
        elif kind == "RUN_FINISHED":
            _use(value.get("usage"), answer)


def _use(usage: Json, answer: Answer) -> None:
    """Take the usage of a run: an object, or a list of one for each model call."""
    for one in mappings(usage if isinstance(usage, list) else [usage]):
        before = answer.usage or {}
        both = {name: before[name] + one[name] for name in one if _counts(before.get(name), one[name])}
        answer.use({**one, **both})


def _counts(*values: Json) -> bool:
    return all(isinstance(value, int) for value in values)
