"""Lists of messages as clients send them: who said which, and which one is the new one."""

from __future__ import annotations

from collections.abc import Mapping

from convotrace.exchange.answer import mapping, mappings, text_of
from convotrace.exchange.generic import content_text
from convotrace.model import Json

# Beside a list of messages one of these is the new message, and the list its history.
NEW_FIELDS = (
    "message", "query", "question", "input", "new_message", "newMessage", "user_message", "userMessage", "user_input",
    "userInput", "user_query", "userQuery",
)  # fmt: skip
_SPEAKERS = {
    **dict.fromkeys(("user", "human", "usermessage", "customer"), "user"),
    **dict.fromkeys(("assistant", "ai", "model", "bot", "chatbot", "apimessage", "agent", "gpt"), "assistant"),
}
_ROLE_FIELDS = ("role", "type", "sender", "from", "author", "speaker")
_CONTENT_FIELDS = ("content", "parts", "text", "message", "value")
LISTS = ("messages", "contents", "input", "additional_messages")
_RESULTS = frozenset({"tool_result", "tool-result", "function_call_output"})
_RESULT_KEYS = frozenset({"toolResult", "functionResponse", "function_response"})
_MAX_DEPTH = 2


def listed(body: Mapping[str, Json], depth: int = _MAX_DEPTH) -> list[Json] | None:
    """Return the messages that a body lists, if one of them is the user's."""
    for name in LISTS:
        value = body.get(name)
        if isinstance(value, list) and last_said(value) is not None:
            return value
    inner = body.get("input")
    return listed(inner, depth - 1) if isinstance(inner, dict) and depth else None


def is_new_beside(body: Mapping[str, Json]) -> bool:
    """Tell whether the new message stands beside the list of the earlier ones."""
    return any(isinstance(body.get(name), str) for name in NEW_FIELDS)


def last_said(messages: list[Json]) -> int | None:
    """Return the place of the last message of the user that does not only feed results of tools back."""
    for place in range(len(messages) - 1, -1, -1):
        role, content = role_and_content(messages[place])
        if speaker(role) == "user" and not is_result(content):
            return place
    return None


def text_at(messages: list[Json], place: int) -> str:
    """Return the text of a message, an empty one where it has none."""
    return content_text(role_and_content(messages[place])[1]) or ""


def speaker(role: str) -> str | None:
    """Return who speaks in a role, `user` or `assistant`; None for systems, tools and what is no role."""
    return _SPEAKERS.get(role)


def role_and_content(message: Json) -> tuple[str, Json]:
    """Return role and content of a message: an object as everyone writes it, or LangChain's pair and constructor."""
    if isinstance(message, list) and len(message) == 2:
        return text_of(message[0]).lower(), message[1]
    value = mapping(message)
    role, content = value.get("role"), value.get("content")
    if role and isinstance(role, str) and content is not None:
        return role.lower(), content
    if value.get("lc") == 1:
        path, value = value.get("id"), mapping(value.get("kwargs"))
        made_of = text_of(path[-1]) if isinstance(path, list) and path else ""
        return made_of.lower().removesuffix("chunk").removesuffix("message"), value.get("content")
    content = next((value[name] for name in _CONTENT_FIELDS if value.get(name) is not None), None)
    said_by = next((said_by for name in _ROLE_FIELDS if (said_by := _role(value.get(name)))), "")
    # What Gemini is sent in one go needs no role.
    return said_by.lower() or ("user" if isinstance(value.get("parts"), list) else ""), content


def _role(value: Json) -> str:
    return text_of(value) or text_of(mapping(value).get("role"))


def is_result(content: Json) -> bool:
    """Tell whether a message only feeds results of tools back: what the user said is in an earlier one."""
    if isinstance(content, str):
        return False
    parts = list(mappings(content))
    return bool(parts) and all(
        text_of(part.get("type")) in _RESULTS or not _RESULT_KEYS.isdisjoint(part) for part in parts
    )
