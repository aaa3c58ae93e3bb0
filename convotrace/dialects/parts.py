"""One message of any client → `{role, parts: [{type, …}]}`: what OpenAI, Anthropic, Google, Bedrock, LangChain and
the Vercel AI SDK write inside a message. Lists and the objects around them are read in `messages`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from convotrace.dialects.values import loaded
from convotrace.model import Json

_ROLES = {
    "human": "user", "ai": "assistant", "model": "assistant", "developer": "system", "function": "tool",
    "HumanMessage": "user", "AIMessage": "assistant", "SystemMessage": "system", "ToolMessage": "tool",
    "HumanMessageChunk": "user", "AIMessageChunk": "assistant", "FunctionMessage": "tool",
}  # fmt: skip
_SPOKEN = ("role", "content", "parts", "contents", "tool_calls", "tool_call_id", "toolCalls")
_TEXTS = ("parts", "contents", "text")
# What a client says of its message besides the message itself, and what only its library needs.
_DROPPED = frozenset({
    "example", "lc", "additional_kwargs", "response_metadata", "invalid_tool_calls", "usage_metadata", "event.name",
    "gen_ai.system", "gen_ai.message.index", "type",
})  # fmt: skip


def message(value: Json, role: str) -> dict[str, Json]:
    """Return one message; what is none is wrapped in a part of its own.

    Args:
        value: A text, or a message object as a client writes it.
        role: Whose it is where it does not say.
    """
    if isinstance(value, str):
        return {"role": role, "parts": [text(value)]}
    if not isinstance(value, dict):
        return {"role": role, "parts": [{"type": "data", "content": value}]}
    if _is_done(value):
        return value
    value, role = _opened(value, role)
    if "tool.name" in value and "tool.args" in value:  # any-agent
        return {"role": role, "parts": [tool_call(value)]}
    if not any(name in value for name in _SPOKEN):
        return {"role": role, "parts": [{"type": "data", "content": value}]}
    said = value.get("role")
    role = _ROLES.get(said, said) if isinstance(said, str) and said else role
    parts = [*_content(value), *_calls(value)]
    rest = {name: item for name, item in value.items() if name not in _SPOKEN and name not in _DROPPED}
    if value.get("content") is None and isinstance(rest.get("text"), str):
        del rest["text"]
    return {"role": role, "parts": parts, **rest}


def _is_done(value: dict[str, Json]) -> bool:
    """Tell whether a message has its final form already, of texts alone, as the conventions write it."""
    role, parts = value.get("role"), value.get("parts")
    if len(value) != 2 or type(parts) is not list or not isinstance(role, str) or not role or role in _ROLES:
        return False
    return all(map(_is_text, parts))


def _is_text(item: Json) -> bool:
    return type(item) is dict and len(item) == 2 and item.get("type") == "text" and type(item.get("content")) is str


def _opened(value: Mapping[str, Json], role: str) -> tuple[dict[str, Json], str]:
    """Return a message without the wrapping of its library, and the role which that named."""
    inner = value.get("message")
    if isinstance(inner, dict) and "content" not in value:  # a choice: {index, message, finish_reason}
        reason = value.get("finish_reason")
        return {**inner, **({"finish_reason": reason} if reason is not None else {})}, role
    if isinstance(value.get("kwargs"), dict) and isinstance(value.get("id"), list):  # LangChain, serialised
        return dict(value["kwargs"]), _ROLES.get(str(value["id"][-1]) if value["id"] else "", role)
    kind = value.get("type")
    if isinstance(kind, str) and "role" not in value and kind in _ROLES:
        data = value.get("data")
        return dict(data if isinstance(data, dict) else value), _ROLES[kind]
    if "role" not in value and kind in ("system", "tool") and "content" in value:
        return dict(value), str(kind)
    return dict(value), role


def _content(value: Mapping[str, Json]) -> Iterator[Json]:
    content = value.get("content")
    if content is None:
        content = next((value[name] for name in _TEXTS if value.get(name) is not None), None)
    if value.get("tool_call_id") is not None:
        yield {"type": "tool_call_response", "id": value["tool_call_id"], "response": content}
    elif isinstance(content, str):
        # An empty text beside calls is the client's way of saying nothing.
        if content or not _has_calls(value):
            yield text(content)
    elif isinstance(content, list):
        yield from (part(item) for item in content)
    elif isinstance(content, dict) and isinstance(content.get("parts"), list):
        yield from (part(item) for item in content["parts"])
    elif isinstance(content, dict) and "text" in content:
        yield part(content)
    elif content is not None:
        yield {"type": "data", "content": content}


def _has_calls(value: Mapping[str, Json]) -> bool:
    return any(True for _ in _calls(value))


def _calls(value: Mapping[str, Json]) -> Iterator[Json]:
    calls = loaded(value.get("tool_calls") or value.get("toolCalls"))
    if not calls and isinstance(extra := value.get("additional_kwargs"), dict):
        calls = extra.get("tool_calls")
    for call in calls if isinstance(calls, list) else ():
        if isinstance(call, dict):
            yield tool_call(call)


def tool_call(call: Mapping[str, Json]) -> dict[str, Json]:
    """Return a request to call a tool as a part."""
    inner = call.get("tool_call") if isinstance(call.get("tool_call"), dict) else call
    function = inner.get("function") if isinstance(inner, dict) else None
    made: Mapping[str, Json] = function if isinstance(function, dict) else inner or {}
    arguments = _one(made, "arguments", "args", "input", "tool.args")
    return {
        "type": "tool_call",
        "id": _one(inner or {}, "id", "toolCallId", "tool_call_id", "call_id"),
        "name": _one(made, "name", "toolName", "tool.name"),
        "arguments": arguments,
    }


def _one(item: Mapping[str, Json], *names: str) -> Json:
    return next((item[name] for name in names if item.get(name) is not None), None)


def text(content: Json) -> dict[str, Json]:
    """Return a text as a part; Azure's agents put it into an object."""
    if isinstance(content, dict) and isinstance(content.get("value"), str):
        content = content["value"]
    return {"type": "text", "content": content}


def part(value: Json) -> Json:
    """Return one part of a message in the form of the OpenTelemetry conventions; an unknown one as it is."""
    if isinstance(value, str):
        return text(value)
    if not isinstance(value, dict):
        return {"type": "data", "content": value}
    inner = value.get("message_content")
    if isinstance(inner, dict):  # OpenInference
        value = inner
    kind = value.get("type")
    reader = _PARTS.get(kind) if isinstance(kind, str) else None
    if reader is not None:
        return reader(value)
    return value if kind is not None else _untyped(value)


def _untyped(value: Mapping[str, Json]) -> Json:
    for name, reader in _UNTYPED:
        if name in value:
            return reader(value[name])
    return value


def _text_part(value: Mapping[str, Json]) -> Json:
    return text(_one(value, "text", "content"))


def _thought(value: Mapping[str, Json]) -> Json:
    return {"type": "reasoning", "content": _one(value, "content", "text", "thinking", "reasoning")}


def _answered(value: Mapping[str, Json]) -> Json:
    response = _one(value, "response", "result", "output", "content")
    if isinstance(response, dict) and set(response) == {"type", "value"}:  # Vercel AI SDK
        response = response["value"]
    known = _one(value, "id", "tool_use_id", "toolUseId", "toolCallId", "tool_call_id", "call_id")
    return {"type": "tool_call_response", "id": known, "response": response}


def _kept_call(value: Mapping[str, Json]) -> Json:
    return dict(value) if "name" in value and "arguments" in value else tool_call(value)


_PARTS: dict[str, Callable[[Mapping[str, Json]], Json]] = {
    **dict.fromkeys(("text", "input_text", "output_text", "summary_text"), _text_part),
    **dict.fromkeys(("reasoning", "thinking"), _thought),
    "tool_call": _kept_call,
    **dict.fromkeys(("tool-call", "tool_use", "toolCall", "function_call"), tool_call),
    **dict.fromkeys(
        ("tool_call_response", "tool-result", "tool_result", "toolResult", "function_call_output"), _answered
    ),
}
# Google and Bedrock: the name of the only field says what the part is.
_UNTYPED: tuple[tuple[str, Callable[[Json], Json]], ...] = (
    ("text", text),
    ("functionCall", lambda call: tool_call(call if isinstance(call, dict) else {})),
    ("function_call", lambda call: tool_call(call if isinstance(call, dict) else {})),
    ("toolUse", lambda call: tool_call({**call, "id": call.get("toolUseId")} if isinstance(call, dict) else {})),
    ("functionResponse", lambda made: _answered(made if isinstance(made, dict) else {})),
    ("function_response", lambda made: _answered(made if isinstance(made, dict) else {})),
    ("toolResult", lambda made: _answered(made if isinstance(made, dict) else {})),
)


def text_of(value: Mapping[str, Json], between: str = "") -> str | None:
    """Return what a message says in words, None where it has no text part."""
    parts = value.get("parts")
    found = [
        item["content"]
        for item in (parts if isinstance(parts, list) else ())
        if isinstance(item, dict) and item.get("type") == "text" and isinstance(item.get("content"), str)
    ]
    return between.join(found) if found else None
