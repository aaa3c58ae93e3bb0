"""Decoded requests → what the user said: lists of messages, prompts, webhooks of bot platforms, common field names."""

from __future__ import annotations

import re
from collections.abc import Mapping

from convotrace.exchange.a2a import message_of
from convotrace.exchange.answer import mapping, mappings, text_of
from convotrace.exchange.bots import packets
from convotrace.exchange.generic import MESSAGE_FIELDS, Found, content_text, field
from convotrace.exchange.jsontext import loads
from convotrace.exchange.talk import NEW_FIELDS, is_new_beside, last_said, listed, text_at
from convotrace.exchange.webhooks import hooked
from convotrace.model import Json

_RARE_FIELDS = (
    "inputs", "inputText", "input_text", *NEW_FIELDS[4:], "utterance", "msg", "chatInput", "chat_input",
    "input_value", "inputValue", "inputTranscript", "user_prompt", "userPrompt", "human_input",
)  # fmt: skip
_ENVELOPES = frozenset({"payload", "action", "request", "data", "body"})
_GRADIO = frozenset({"data", "fn_index", "session_hash", "trigger_id", "event_data", "event_id", "simple_format"})
_HOLDERS = ("input", "inputs", "data", "params", "payload", "body", "chat")
_GRAPHQL = re.compile(
    r"\s*(?:(?:query|mutation|subscription)\b\s*\w*\s*(?:\([^()]{0,2000}\)\s*)?|fragment\s+\w+\s+on\s+\w+\s*)?"
    r"\{\s*(?:\w|\.{3})[^{}]*[{}]"
)
_PROMPTS = frozenset({"prompt", "input"})


def read_fields(body: Mapping[str, Json], cut: bool = False) -> Found:
    """Return what the user said in an object; not the words of JSON-RPC, which tool servers and editors speak.

    Args:
        body: The request.
        cut: Whether only its beginning was kept: the last of its messages is then not the new one.
    """
    if "jsonrpc" in body:
        spoken = message_of(body)
        return Found() if spoken is None else Found(True, spoken)
    if _is_graphql(body):
        return _copilot(body)
    for name in () if _ENVELOPES.isdisjoint(body) else sorted(_ENVELOPES.intersection(body)):
        inner = _inner(body.get(name))
        if inner is not None:
            found = _spoken(inner, cut)
            if found.recognised:
                return found
    return _spoken(body, cut)


def _spoken(body: Mapping[str, Json], cut: bool) -> Found:
    text = hooked(body)
    if text is not None:
        return Found(True, text)
    messages = listed(body)
    if messages is not None and not is_new_beside(body):
        place = last_said(messages)
        return Found(True, None if cut or place is None else text_at(messages, place))
    return _named(body) if "data" not in body else _gradio(body)


def _gradio(body: Mapping[str, Json]) -> Found:
    """Read what is sent to a function of Gradio: its arguments, of which a chat's first one is the message."""
    data = body["data"]
    if not isinstance(data, list) or not data or not _GRADIO.issuperset(body):
        return _named(body)
    is_chat = len(data) > 1 and isinstance(data[1], list)
    return Found(True, content_text(data[0]), sure=is_chat) if isinstance(data[0], str | dict) else Found()


def _inner(value: Json) -> Mapping[str, Json] | None:
    """Return the message of an envelope: of a typed payload, of an action, of a form field that holds JSON."""
    if isinstance(value, str) and value[:1] == "{":
        value = loads(value)
    inner = mapping(value)
    if inner.get("type") == "text" and isinstance(inner.get("payload"), str):
        return {"text": inner["payload"]}
    return inner if isinstance(value, dict) and ("inputs" in inner or inner.get("type") == "text") else None


def _is_graphql(body: Mapping[str, Json]) -> bool:
    query = body.get("query")
    if not isinstance(query, str):
        return False
    return "operationName" in body or isinstance(body.get("variables"), dict) or _GRAPHQL.match(query) is not None


def _copilot(body: Mapping[str, Json]) -> Found:
    """Read what CopilotKit sends; other queries in GraphQL are data, though they stand in a field `query`."""
    data = mapping(mapping(body.get("variables")).get("data"))
    said = [mapping(message.get("textMessage")) for message in mappings(data.get("messages"))]
    texts = [text_of(message.get("content")) for message in said if message.get("role") == "user"]
    return Found(True, texts[-1]) if texts else Found()


def read_text(text: str) -> Found:
    """Return what the user said in a plain text, or in the packets of Socket.IO."""
    for part in packets(text) or ():
        if part.event == "client_message":
            return Found(True, content_text(mapping(part.value).get("message")) or _output(part.value))
    return Found(True, text, sure=False)


def _output(value: Json) -> str | None:
    output = mapping(mapping(value).get("message")).get("output")
    return output if isinstance(output, str) else None


def _named(body: Mapping[str, Json]) -> Found:
    found = field(body, MESSAGE_FIELDS)
    prompts = body.get("prompt")
    if not found.recognised and isinstance(prompts, list) and len(prompts) == 1 and isinstance(prompts[0], str):
        found = Found(True, prompts[0])
    if not found.recognised:
        found = field(body, _RARE_FIELDS)
    if not found.recognised and body.get("role") == "user":
        return Found("content" in body, content_text(body.get("content")))
    for name in _HOLDERS:
        if not found.recognised and isinstance(body.get(name), dict):
            found = field(body[name], MESSAGE_FIELDS)
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
