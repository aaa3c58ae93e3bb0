"""The dialect of Anthropic: messages, whole or as events, and the older text completions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from convotrace.exchange.answer import Answer, Part, mapping, mappings, text_of
from convotrace.model import Json

_EVENTS = frozenset(
    {"message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta"}
)
_CALLS = frozenset({"tool_use", "server_tool_use", "mcp_tool_use"})


def is_message(event: str, value: Mapping[str, Json]) -> bool:
    """Tell whether this is an event of a streamed message, or a whole one."""
    kind = text_of(value["type"])
    return kind in _EVENTS or (kind == "message" and isinstance(value.get("content"), list) and "role" in value)


def is_completion(event: str, value: Mapping[str, Json]) -> bool:
    """Tell whether this is a text completion or an event of one."""
    return isinstance(value["completion"], str) and "stop_reason" in value


def read(parts: Iterable[Part], answer: Answer) -> None:
    """Gather a message or a completion."""
    for part in parts:
        value = mapping(part.value)
        kind = text_of(value.get("type"))
        if kind == "message_start":
            _message(mapping(value.get("message")), answer)
        elif kind == "message_delta":
            _end(mapping(value.get("delta")), value, answer)
        elif kind == "content_block_start":
            _block(mapping(value.get("content_block")), value.get("index"), answer)
        elif kind == "content_block_delta":
            _delta(mapping(value.get("delta")), value.get("index"), answer)
        elif kind == "error":
            answer.fail(value.get("error"))
        else:
            answer.say(value.get("completion"))
            _message(value, answer)


def _message(message: Mapping[str, Json], answer: Answer) -> None:
    for index, block in enumerate(mappings(message.get("content"))):
        _block(block, index, answer)
    answer.by(message.get("model"))
    _end(message, message, answer)


def _end(delta: Mapping[str, Json], value: Mapping[str, Json], answer: Answer) -> None:
    answer.finish(delta.get("stop_reason"))
    answer.use(value.get("usage"))


def _block(block: Mapping[str, Json], index: Json, answer: Answer) -> None:
    kind = text_of(block.get("type"))
    if kind == "text":
        answer.say(block.get("text"))
    elif kind == "thinking":
        answer.think(block.get("thinking"))
    elif kind in _CALLS:
        call = answer.call(_key(index))
        call.named(block.get("name"), block.get("id"), None if kind == "tool_use" else kind)
        call.whole(block.get("input"))


def _delta(delta: Mapping[str, Json], index: Json, answer: Answer) -> None:
    kind = delta.get("type")
    if kind == "text_delta":
        answer.say(delta.get("text"))
    elif kind == "thinking_delta":
        answer.think(delta.get("thinking"))
    elif kind == "input_json_delta" and delta.get("partial_json"):
        call = answer.call(_key(index))
        # A streamed call starts with an empty object in the place of its arguments.
        if call.pieces == ["{}"]:
            call.pieces.clear()
        call.add(delta["partial_json"])


def _key(index: Json) -> int:
    return index if isinstance(index, int) else -1
