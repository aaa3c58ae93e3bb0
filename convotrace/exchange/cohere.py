"""The dialect of Cohere: chat v2, whole or as events, and the text events of v1."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from convotrace.exchange.answer import Answer, Part, mapping, mappings, text_of
from convotrace.model import Json

_EVENTS = frozenset(
    {"message-start", "content-start", "content-delta", "tool-plan-delta", "tool-call-start", "tool-call-delta"}
)


def is_event(event: str, value: Mapping[str, Json]) -> bool:
    """Tell whether this is an event of a streamed v2 chat."""
    return text_of(value["type"]) in _EVENTS


def is_object(event: str, value: Mapping[str, Json]) -> bool:
    """Tell whether this is a whole v2 chat."""
    return "finish_reason" in value and "role" in mapping(value["message"])


def is_v1(event: str, value: Mapping[str, Json]) -> bool:
    """Tell whether this is an event of a streamed v1 chat."""
    return text_of(value["event_type"]) in ("text-generation", "stream-start", "stream-end")


def is_v1_object(event: str, value: Mapping[str, Json]) -> bool:
    """Tell whether this is a whole v1 chat."""
    return isinstance(value.get("text"), str) and "finish_reason" in value


def read(parts: Iterable[Part], answer: Answer) -> None:
    """Gather a chat; the plan to call tools is its reasoning."""
    for part in parts:
        value = mapping(part.value)
        delta = mapping(value.get("delta")) or value
        message = mapping(delta.get("message"))
        answer.think(message.get("tool_plan"))
        _content(message.get("content"), answer)
        _calls(message.get("tool_calls"), value.get("index"), answer)
        answer.finish(delta.get("finish_reason"))
        answer.use(delta.get("usage"))
        answer.fail(delta.get("error"))
        if value.get("event_type") == "text-generation" or "generation_id" in value:
            answer.say(value.get("text"))
        _end(mapping(value.get("response")) or value, answer)


def _end(chat: Mapping[str, Json], answer: Answer) -> None:
    """Take what closes a v1 chat."""
    answer.finish(chat.get("finish_reason"))
    counts = {name: mapping(chat.get("meta")).get(name) for name in ("tokens", "billed_units")}
    answer.use({name: count for name, count in counts.items() if count})


def _content(content: Json, answer: Answer) -> None:
    for block in mappings(content if isinstance(content, list) else [content]):
        answer.say(block.get("text"))
        answer.think(block.get("thinking"))


def _calls(calls: Json, index: Json, answer: Answer) -> None:
    for position, call in enumerate(mappings(calls if isinstance(calls, list) else [calls])):
        function = mapping(call.get("function"))
        opened = answer.call(index if isinstance(index, int) else position)
        opened.named(function.get("name"), call.get("id")).add(function.get("arguments"))
