"""The messages a model is called with, in the form of OpenTelemetry's GenAI conventions: a role and parts."""

from __future__ import annotations

from typing import Any

Message = dict[str, Any]


def text(role: str, content: str) -> Message:
    """Return a message of one text."""
    return {"role": role, "parts": [{"type": "text", "content": content}]}


def answer(content: str | None, calls: list[dict[str, Any]]) -> Message:
    """Return what a model said: a text, tool calls, or both."""
    parts: list[dict[str, Any]] = [] if content is None else [{"type": "text", "content": content}]
    return {"role": "assistant", "parts": parts + [{"type": "tool_call", **call} for call in calls]}


def result(call_id: str | None, value: Any) -> Message:
    """Return what a tool gave back."""
    return {"role": "tool", "parts": [{"type": "tool_call_response", "id": call_id, "response": value}]}


def content_of(message: Message) -> str:
    """Return the text of a message, empty where it has none."""
    return "".join(part["content"] for part in message["parts"] if part["type"] == "text")
