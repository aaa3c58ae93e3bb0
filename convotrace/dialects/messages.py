"""What model clients call messages → lists of `{role, parts: [{type, …}]}`; documents, usage and score values too.

Part types are those of the OpenTelemetry GenAI conventions (message JSON schemas).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from convotrace.dialects.parts import message
from convotrace.dialects.spoken import spoken
from convotrace.dialects.values import as_count, as_number, loaded
from convotrace.model import Document, Json, ToolDefinition, Usage

_USAGE_NAMES: dict[str, tuple[str, ...]] = {
    "input": ("input", "input_tokens", "prompt_tokens", "inputTokens", "promptTokens"),
    "output": ("output", "output_tokens", "completion_tokens", "outputTokens", "completionTokens"),
    "cached_read": (
        "cached_read", "cached", "cached_tokens", "cache_read", "cache_read_tokens", "cache_read_input_tokens",
        "input_cache_read", "input_cached_tokens", "prompt_details.cache_read", "cachedInputTokens", "cacheReadTokens",
    ),
    "cached_write": (
        "cached_write", "cache_write", "cache_write_tokens", "cache_creation_tokens", "cache_creation_input_tokens",
        "input_cache_creation", "prompt_details.cache_write", "cacheWriteTokens",
    ),
    "reasoning": (
        "reasoning", "reasoning_tokens", "output_reasoning", "output_reasoning_tokens", "completion_details.reasoning",
        "reasoningTokens",
    ),
    "audio": ("audio", "audio_tokens", "input_audio", "input_audio_tokens", "prompt_details.audio"),
}  # fmt: skip
_USAGE_DETAILS = (
    "prompt_tokens_details", "completion_tokens_details", "input_tokens_details", "output_tokens_details",
    "input_token_details", "output_token_details",
)  # fmt: skip
# Langfuse counts these apart from the input and output that it names beside them.
_APART = ("input_cache_read", "input_cache_creation", "input_cached_tokens", "output_reasoning")
_DOCUMENT_NAMES = frozenset({
    "id", "document_id", "text", "content", "page_content", "score", "title", "url", "metadata",
})  # fmt: skip
_SCHEMAS = (
    "schema", "parameters", "input_schema", "inputSchema", "parameters_json_schema", "json_schema", "tool.json_schema",
)  # fmt: skip
_DECLARED = ("function_declarations", "functionDeclarations")
_COUNTABLE = 1 << 53


def as_messages(value: Json, role: str) -> Json:
    """Return a model's input or output as a message list; a text is wrapped in one message of `role`."""
    if value is None:
        return None
    if isinstance(value, str) and role == "user":
        value = spoken(value) or value
    if isinstance(value, list):
        return [message(item, role) for item in _flat(value)]
    return [message(value, role)]


def _flat(items: list[Json]) -> list[Json]:
    """Return a list of messages; LangChain sends a list of such lists."""
    if items and isinstance(items[0], list) and all(isinstance(item, list) for item in items):
        return [inner for item in items for inner in item]
    return items


def as_usage(value: Json) -> Usage | None:
    """Return token counts under the names providers use as one record; None when there are none."""
    if not isinstance(value, dict):
        return None
    details = _merged(*(value.get(name) for name in _USAGE_DETAILS))
    places = (value, details) if details else (value,)
    found = {field: count for field, names in _USAGE_NAMES.items() if (count := _count(names, places)) is not None}
    return Usage(**_with_parts(found, value)) if found else None


def _with_parts(found: dict[str, int], value: Mapping[str, Json]) -> dict[str, int]:
    """Add to input and output the parts counted apart from them, where the total says that they were."""
    apart = {name: count for name in _APART if (count := as_count(value.get(name)))}
    total = as_count(value.get("total"))
    if not apart or total is None or "input" not in found or "output" not in found:
        return found
    if found["input"] + found["output"] + sum(apart.values()) != total:
        return found
    thought = apart.get("output_reasoning", 0)
    return {**found, "input": found["input"] + sum(apart.values()) - thought, "output": found["output"] + thought}


def _merged(*parts: Json) -> dict[str, Json]:
    return {name: item for part in parts if isinstance(part, dict) for name, item in part.items()}


def _count(names: tuple[str, ...], places: tuple[Mapping[str, Json], ...]) -> int | None:
    for place in places:
        for name in names:
            if name in place and not isinstance(place[name], str) and (count := as_count(place[name])) is not None:
                return count
    return None


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
    inner = item.get("document")
    item = inner if isinstance(inner, dict) else item
    metadata = loaded(item.get("metadata"))
    rest = {name: value for name, value in item.items() if name not in _DOCUMENT_NAMES}
    return Document(
        id=as_text(_first(item, "id", "document_id")),
        text=as_text(_first(item, "text", "content", "page_content")),
        score=_score(_first(item, "score", "relevance_score")),
        title=as_text(item.get("title")),
        url=as_text(item.get("url")),
        metadata={**metadata, **rest} if isinstance(metadata, dict) else rest,
    )


def _score(value: Json) -> float | None:
    number = as_number(value)
    return None if number is None else float(number)


def as_tools(value: Json) -> tuple[ToolDefinition, ...]:
    """Return the tools offered to a model, in our own form or as function definitions of chat clients."""
    return tuple(_tool(item) for item in _declared(value)) if isinstance(value, list) else ()


def _declared(items: list[Json]) -> Iterator[Json]:
    """Yield definitions one by one; Google sends lists of them."""
    for item in map(loaded, items):
        inner = next((item[name] for name in _DECLARED if name in item), None) if isinstance(item, dict) else None
        yield from inner if isinstance(inner, list) else (item,)


def _tool(item: Json) -> ToolDefinition:
    if not isinstance(item, dict):
        return ToolDefinition(name=str(item))
    inner = _inner_tool(item)
    name, description = _first(inner, "name", "tool.name"), _first(inner, "description", "tool.description")
    schema = loaded(_first(inner, *_SCHEMAS))
    return ToolDefinition(as_text(name) or "", as_text(description), schema)


def _inner_tool(item: Mapping[str, Json]) -> Mapping[str, Json]:
    """Return the definition inside the objects that wrap one: OpenInference's, then a chat client's."""
    tool = item.get("tool")
    item = tool if isinstance(tool, dict) else item
    whole = loaded(item.get("json_schema"))
    item = whole if isinstance(whole, dict) and ("function" in whole or "name" in whole) else item
    function = item.get("function")
    return function if isinstance(function, dict) else item


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
