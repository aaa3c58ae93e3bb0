"""The objects that clients put around messages: a request with its tools, a reply with its choices. Pure lookups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from convotrace.dialects.values import loaded
from convotrace.model import Json

_GIVEN = (
    "messages", "contents", "prompt", "prompts", "input", "inputs", "query", "question", "text", "value", "args",
    "task",
)  # fmt: skip
_MADE = (
    "choices", "generations", "candidates", "messages", "message", "output", "outputs", "response", "content", "text",
    "completion", "answer", "result",
)  # fmt: skip
_SYSTEM = ("system", "instructions", "systemInstruction", "system_instruction")
_SETTINGS = ("config", "generationConfig")
_BESIDE = ("tools", *_SYSTEM)
_DEEPEST = 4


class Opened(NamedTuple):
    """What was inside: the messages or texts, the system's text, the tools, and what else stood beside them."""

    value: Json
    system: Json = None
    tools: Json = None
    rest: Mapping[str, Json] = {}


def request(value: Json) -> Opened:
    """Return what a model was given, out of the request or the arguments around it."""
    value = loaded(value)
    if not isinstance(value, dict) or _is_message(value):
        return Opened(value)
    name = next((name for name in _GIVEN if value.get(name) not in (None, "", [])), None)
    if name is None:
        return Opened(value)
    # Google puts the system's text and the tools among the settings of a call.
    beside = [value, *(inner for name in _SETTINGS if isinstance(inner := value.get(name), dict))]
    system = next((place[name] for place in beside for name in _SYSTEM if place.get(name)), None)
    tools = next((place["tools"] for place in beside if place.get("tools")), None)
    rest = {key: _bare(key, item) for key, item in value.items() if key not in (name, *_BESIDE)}
    inner = request(value[name]) if isinstance(value[name], dict) else Opened(loaded(value[name]))
    return Opened(inner.value, system or inner.system, tools or inner.tools, {**inner.rest, **rest})


def _bare(key: str, item: Json) -> Json:
    """Return settings without what stands in fields of its own."""
    if key not in _SETTINGS or not isinstance(item, dict):
        return item
    return {name: value for name, value in item.items() if name not in _BESIDE}


def reply(value: Json, depth: int = 0) -> Json:
    """Return what a model said, out of the reply around it: a message, a list of them, or a text."""
    value = loaded(value)
    if isinstance(value, list) and value and isinstance(value[0], list):
        return reply(value[0], depth)  # LangChain: a list for each prompt
    if isinstance(value, list):
        return [_choice(item) for item in value]
    if not isinstance(value, dict) or _is_message(value) or depth > _DEEPEST:
        return value
    name = next((name for name in _MADE if value.get(name) not in (None, "", [])), None)
    return value if name is None else reply(value[name], depth + 1)


def _choice(item: Json) -> Json:
    """Return a message of a list: a generation or candidate has it inside."""
    if not isinstance(item, dict) or "role" in item:
        return item
    if isinstance(item.get("content"), dict) and "parts" in item["content"]:
        return {**item["content"], "finish_reason": item.get("finishReason")}
    if isinstance(item.get("message"), dict) and "generation_info" in item:
        return item["message"]
    if item.get("type") in ("function_call", "reasoning", "web_search_call"):
        return {"role": "assistant", "content": [item]}
    if "toolName" in item:
        return {"role": "assistant", "content": [{"type": "tool-call", **item}]}
    return item


def _is_message(value: Mapping[str, Json]) -> bool:
    if isinstance(value.get("role"), str) and not isinstance(value.get("messages"), list):
        return True
    langchain = value.get("type") in ("human", "ai", "system", "tool") and ("content" in value or "data" in value)
    return langchain or (isinstance(value.get("kwargs"), dict) and "lc" in value)


def looks_like_messages(value: Json) -> bool:
    """Tell whether a value is a list of messages."""
    if not isinstance(value, list) or not value:
        return False
    return all(isinstance(item, dict) and ("role" in item or _is_message(item)) for item in value)
