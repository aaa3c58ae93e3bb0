"""Decoded requests → what the user said: lists of messages, prompts, webhooks of bot platforms, common field names."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from convotrace.exchange.answer import mapping, mappings, text_of
from convotrace.exchange.bots import packets
from convotrace.exchange.generic import MESSAGE_FIELDS, Found, content_text, field
from convotrace.model import Json

_USERS = frozenset({"user", "human"})
# Beside a list of messages one of these is the new message, and the list its history.
_NEW_FIELDS = ("message", "query", "question", "input", "new_message", "newMessage", "user_message", "userMessage")
_RARE_FIELDS = (
    "inputs", "inputText", "input_text", "new_message", "newMessage", "user_message", "userMessage", "user_input",
    "userInput", "user_query", "userQuery", "utterance", "msg",
)  # fmt: skip
_PROMPTS = frozenset({"prompt", "input"})
_RASA = frozenset({"sender", "message", "metadata", "input_channel"})
_RESULTS = frozenset({"tool_result", "tool-result", "function_call_output"})
_RESULT_KEYS = frozenset({"toolResult", "functionResponse", "function_response"})
_MAX_DEPTH = 2


def read_fields(body: Mapping[str, Json]) -> Found:
    """Return what the user said in an object; not the words of JSON-RPC, which tool servers and editors speak."""
    if "jsonrpc" in body:
        return Found()
    if not _MARKS.isdisjoint(body):
        text = _hooked(body)
        if text is not None:
            return Found(True, text)
    listed = _listed(body)
    if listed is not None and not any(isinstance(body.get(name), str) for name in _NEW_FIELDS):
        return Found(True, listed)
    return _named(body)


def is_webhook(body: Json) -> bool:
    """Tell whether this is an event of a bot platform: a plain text that answers it is an acknowledgement."""
    return isinstance(body, dict) and _hooked(body) is not None


def _hooked(body: Mapping[str, Json]) -> str | None:
    texts = (webhook(body) for mark, webhook in _WEBHOOKS.items() if mark in body)
    return next((text for text in texts if text is not None), None)


def read_text(text: str) -> Found:
    """Return what the user said in a plain text, or in the packets of Socket.IO."""
    for part in packets(text) or ():
        if part.event == "client_message":
            return Found(True, content_text(mapping(part.value).get("message")) or _output(part.value))
    return Found(True, text, sure=False)


def _output(value: Json) -> str | None:
    output = mapping(mapping(value).get("message")).get("output")
    return output if isinstance(output, str) else None


def _listed(body: Mapping[str, Json], depth: int = _MAX_DEPTH) -> str | None:
    """Return the last message of the user among messages, contents, or a list of input items."""
    for name in ("messages", "contents", "input"):
        value = body.get(name)
        if isinstance(value, list):
            text = _last_user(value, alone=name == "contents")
            if text is not None:
                return text
    inner = body.get("input")
    return _listed(inner, depth - 1) if isinstance(inner, dict) and depth else None


def _last_user(messages: list[Json], alone: bool) -> str | None:
    for message in reversed(messages):
        role, content = _message(message)
        if (role in _USERS or (alone and not role)) and not _is_result(content):
            return content_text(content) or ""
    return None


def _message(message: Json) -> tuple[str, Json]:
    """Return role and content of a message: an object as everyone writes it, or LangChain's pair and constructor."""
    if isinstance(message, list) and len(message) == 2:
        return text_of(message[0]).lower(), message[1]
    value = mapping(message)
    if value.get("lc") == 1:
        path, value = value.get("id"), mapping(value.get("kwargs"))
        role = text_of(path[-1]) if isinstance(path, list) and path else ""
        return role.lower().removesuffix("chunk").removesuffix("message"), value.get("content")
    content = next((value[name] for name in ("content", "parts", "text") if value.get(name) is not None), None)
    return text_of(value.get("role") or value.get("type")).lower(), content


def _is_result(content: Json) -> bool:
    """Tell whether a message only feeds results of tools back: what the user said is in an earlier one."""
    parts = list(mappings(content))
    return bool(parts) and all(part.get("type") in _RESULTS or not _RESULT_KEYS.isdisjoint(part) for part in parts)


def _named(body: Mapping[str, Json]) -> Found:
    found = field(body, MESSAGE_FIELDS)
    if not found.recognised:
        found = field(body, _RARE_FIELDS)
    if not found.recognised and isinstance(body.get("input"), dict):
        found = field(body["input"], MESSAGE_FIELDS)
    if not found.recognised:
        return found
    text = _unframed(found.text) if found.text is not None and found.text == body.get("prompt") else found.text
    return Found(True, text, sure=len(body) == 1 or _is_model_call(body))


def _is_model_call(body: Mapping[str, Json]) -> bool:
    return "model" in body and not _PROMPTS.isdisjoint(body)


def _unframed(prompt: str) -> str:
    """Return the last words of the user where a prompt is framed as the text completions of Anthropic ask."""
    _, human, last = prompt.rpartition("\n\nHuman:")
    words, assistant, rest = last.rpartition("\n\nAssistant:")
    return words.strip() if human and assistant and not rest.strip() else prompt


def _slack_event(body: Mapping[str, Json]) -> str | None:
    return _text(mapping(body["event"]), "text") if body.get("type") == "event_callback" else None


def _slack_command(body: Mapping[str, Json]) -> str | None:
    return _text(body, "text") if "response_url" in body else None


def _meta(body: Mapping[str, Json]) -> str | None:
    """Read Messenger and WhatsApp."""
    for entry in mappings(body["entry"]):
        for event in mappings(entry.get("messaging")):
            return _text(mapping(event.get("message")), "text")
        for change in mappings(entry.get("changes")):
            for message in mappings(mapping(change.get("value")).get("messages")):
                return _text(mapping(message.get("text")), "body")
    return None


def _dialogflow(body: Mapping[str, Json]) -> str | None:
    return _text(mapping(body["queryResult"]), "queryText")


def _discord(body: Mapping[str, Json]) -> str | None:
    if body.get("type") != 2:
        return None
    options = mappings(mapping(body.get("data")).get("options"))
    return " ".join(option["value"] for option in options if isinstance(option.get("value"), str)) or None


def _twilio(body: Mapping[str, Json]) -> str | None:
    return _text(body, "Body")


def _activity(body: Mapping[str, Json]) -> str | None:
    return _text(body, "text") if body.get("type") == "message" and "from" in body else None


def _rasa(body: Mapping[str, Json]) -> str | None:
    # A form to contact someone has more fields.
    return _text(body, "message") if _RASA.issuperset(body) else None


def _text(value: Mapping[str, Json], name: str) -> str | None:
    found = value.get(name)
    return found if isinstance(found, str) else None


_WEBHOOKS: Mapping[str, Callable[[Mapping[str, Json]], str | None]] = {
    "event": _slack_event,
    "command": _slack_command,
    "entry": _meta,
    "queryResult": _dialogflow,
    "application_id": _discord,
    "MessageSid": _twilio,
    "conversation": _activity,
    "sender": _rasa,
}
_MARKS = frozenset(_WEBHOOKS)
