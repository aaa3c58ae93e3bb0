"""What model clients call messages → lists of `{role, parts: [{type, …}]}`; documents, usage and score values too.

Part types are those of the OpenTelemetry GenAI conventions (message JSON schemas).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from convotrace.model import Document, Json, ToolDefinition, Usage

_USAGE_NAMES: dict[str, tuple[str, ...]] = {
    "input": ("input", "input_tokens", "prompt_tokens"),
    "output": ("output", "output_tokens", "completion_tokens"),
    "cached_read": ("cached_read", "cached", "cached_tokens", "cache_read_input_tokens"),
    "cached_write": ("cached_write", "cache_write", "cache_creation_input_tokens"),
    "reasoning": ("reasoning", "reasoning_tokens"),
    "audio": ("audio", "audio_tokens"),
}
_DOCUMENT_NAMES = frozenset({
    "id", "document_id", "text", "content", "page_content", "score", "title", "url", "metadata",
})  # fmt: skip
_COUNTABLE = 1 << 53


def as_messages(value: Json, role: str) -> Json:
    """Return a model's input or output as a message list; a text is wrapped in one message of `role`."""
    if value is None:
        return None
    if isinstance(value, list):
        return [_message(item, role) for item in value]
    return [_message(value, role)]


def _message(value: Json, role: str) -> dict[str, Json]:
    if not isinstance(value, dict):
        return {"role": role, "parts": [_text(value) if isinstance(value, str) else {"type": "data", "content": value}]}
    if isinstance(value.get("parts"), list):
        return {**value, "role": value.get("role") or role}
    known = ("role", "content", "parts", "tool_calls", "tool_call_id")
    if not any(name in value for name in known):
        return {"role": role, "parts": [{"type": "data", "content": value}]}
    parts = [*_content(value), *_calls(value.get("tool_calls"))]
    rest = {name: item for name, item in value.items() if name not in known}
    return {"role": value.get("role") or role, "parts": parts, **rest}


def _content(message: Mapping[str, Json]) -> Iterator[Json]:
    content = message.get("content", message.get("parts"))
    if message.get("tool_call_id") is not None:
        yield {"type": "tool_call_response", "id": message["tool_call_id"], "response": content}
    elif isinstance(content, str):
        yield _text(content)
    elif isinstance(content, list):
        yield from (_part(part) for part in content)
    elif content is not None:
        yield {"type": "data", "content": content}


def _part(part: Json) -> Json:
    if isinstance(part, str):
        return _text(part)
    if isinstance(part, dict) and part.get("type") in ("text", "input_text", "output_text"):
        return _text(part.get("text", part.get("content")))
    return part


def _calls(calls: Json) -> Iterator[Json]:
    for call in calls if isinstance(calls, list) else ():
        if not isinstance(call, dict):
            continue
        function = call.get("function")
        made = function if isinstance(function, dict) else call
        yield {"type": "tool_call", "id": call.get("id"), "name": made.get("name"), "arguments": made.get("arguments")}


def _text(content: Json) -> Json:
    return {"type": "text", "content": content}


def as_usage(value: Json) -> Usage | None:
    """Return token counts under the names providers use as one record; None when there are none."""
    if not isinstance(value, dict):
        return None
    details = _merged(value.get("prompt_tokens_details"), value.get("completion_tokens_details"))
    places = (value, details) if details else (value,)
    found = {field: count for field, names in _USAGE_NAMES.items() if (count := _count(names, places)) is not None}
    return Usage(**found) if found else None


def _merged(*parts: Json) -> dict[str, Json]:
    return {name: item for part in parts if isinstance(part, dict) for name, item in part.items()}


def _count(names: tuple[str, ...], places: tuple[Mapping[str, Json], ...]) -> int | None:
    for place in places:
        for name in names:
            if name in place and _is_count(place[name]):
                return int(place[name])
    return None


def _is_count(value: Json) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < _COUNTABLE


def as_nano(cost: Json) -> int | None:
    """Return US dollars, as a number or the text of a decimal, as nano-dollars; None when it is no finite number."""
    if isinstance(cost, bool) or not isinstance(cost, (int, float, str)):
        return None
    try:
        nano = float(cost) * 1e9
    except (ValueError, OverflowError):
        return None
    return round(nano) if abs(nano) < 2**62 else None


def as_documents(value: Json) -> tuple[Document, ...]:
    """Return retrieved documents: one or a list of texts, or of mappings under the names that retrievers use."""
    if value is None:
        return ()
    return tuple(_document(item) for item in (value if isinstance(value, list) else [value]))


def _document(item: Json) -> Document:
    if not isinstance(item, dict):
        return Document(text=item if isinstance(item, str) else str(item))
    score, metadata = item.get("score"), item.get("metadata")
    rest = {name: value for name, value in item.items() if name not in _DOCUMENT_NAMES}
    return Document(
        id=as_text(_first(item, "id", "document_id")),
        text=as_text(_first(item, "text", "content", "page_content")),
        score=float(score) if isinstance(score, (int, float)) and abs(score) < _COUNTABLE else None,
        title=as_text(item.get("title")),
        url=as_text(item.get("url")),
        metadata={**metadata, **rest} if isinstance(metadata, dict) else rest,
    )


def as_tools(value: Json) -> tuple[ToolDefinition, ...]:
    """Return the tools offered to a model, in our own form or as function definitions of chat clients."""
    return tuple(_tool(item) for item in value) if isinstance(value, list) else ()


def _tool(item: Json) -> ToolDefinition:
    if not isinstance(item, dict):
        return ToolDefinition(name=str(item))
    function = item.get("function")
    inner = function if isinstance(function, dict) else item
    schema = _first(inner, "schema", "parameters", "input_schema")
    return ToolDefinition(as_text(inner.get("name")) or "", as_text(inner.get("description")), schema)


def score_type(value: Any) -> str:
    """Return the type of a score by its value: numeric, boolean, categorical (a short text) or text."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "numeric"
    return "categorical" if len(value) <= 64 and "\n" not in value else "text"


def _first(item: Mapping[str, Json], *names: str) -> Json:
    for name in names:
        if item.get(name) is not None:
            return item[name]
    return None


def as_mapping(value: Json) -> dict[str, Json]:
    """Return a JSON value as a mapping; what is none stands in it as `value`."""
    if value is None:
        return {}
    return dict(value) if isinstance(value, dict) else {"value": value}


def as_whole(value: Json) -> int | None:
    """Return a number as a whole one, None where it is no finite number."""
    countable = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < _COUNTABLE
    return int(value) if countable else None


def as_text(value: Json) -> str | None:
    """Return a JSON value as a text, None for none."""
    return None if value is None else str(value)
