"""The dialects of agent servers: Google ADK, Mistral conversations, Letta, Coze."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from convotrace.exchange.answer import Answer, Part, mapping, mappings, text_of
from convotrace.model import Json

COZE_EVENTS = ("conversation.message.delta", "conversation.message.completed")


def is_adk(event: str, value: Mapping[str, Json]) -> bool:
    """Tell whether this is an event of a Google ADK run."""
    return isinstance(value["author"], str) and not {"invocationId", "invocation_id"}.isdisjoint(value)


def read_adk(parts: Iterable[Part], answer: Answer) -> None:
    """Gather a run: pieces as they stream, whole events only where no piece came before."""
    streamed = False
    for part in parts:
        value = mapping(part.value)
        is_piece = value.get("partial") is True
        answer.fail(value.get("error") or value.get("errorMessage") or value.get("error_message"))
        answer.use(value.get("usageMetadata") or value.get("usage_metadata"))
        answer.by(value.get("modelVersion") or value.get("model_version"))
        answer.finish(value.get("finishReason") or value.get("finish_reason"))
        if value.get("author") == "user":
            continue
        for item in mappings(mapping(value.get("content")).get("parts")):
            _adk_part(item, is_piece, streamed, answer)
        streamed = is_piece


def _adk_part(item: Mapping[str, Json], is_piece: bool, streamed: bool, answer: Answer) -> None:
    call = item.get("functionCall", item.get("function_call"))
    if isinstance(call, dict):
        if not is_piece:
            answer.new_call().named(call.get("name"), call.get("id")).add(call.get("args"))
    elif is_piece or not streamed:
        (answer.think if item.get("thought") is True else answer.say)(item.get("text"))


def is_mistral_event(event: str, value: Mapping[str, Json]) -> bool:
    """Tell whether this is an event of a Mistral conversation."""
    return text_of(value["type"]) in ("conversation.response.started", "message.output.delta")


def is_mistral(event: str, value: Mapping[str, Json]) -> bool:
    """Tell whether this is a whole answer in a Mistral conversation."""
    return value["object"] == "conversation.response" and isinstance(value.get("outputs"), list)


def read_mistral(parts: Iterable[Part], answer: Answer) -> None:
    """Gather an answer in a conversation, whole or as events."""
    for part in parts:
        value = mapping(part.value)
        kind = value.get("type")
        answer.use(value.get("usage"))
        if kind == "conversation.response.error":
            answer.fail(value.get("message"))
        for entry in mappings(value.get("outputs")) if "outputs" in value else [value]:
            _mistral_entry(entry, answer)


def _mistral_entry(entry: Mapping[str, Json], answer: Answer) -> None:
    kind = text_of(entry.get("type"))
    if kind.startswith("message.output"):
        answer.by(entry.get("model"))
        content = entry.get("content")
        answer.say(content)
        for block in mappings(content if isinstance(content, list) else [content]):
            answer.say(block.get("text"))
            for thought in mappings(block.get("thinking")):
                answer.think(thought.get("text"))
    elif kind in ("function.call", "function.call.delta"):
        call_id = text_of(entry.get("tool_call_id") or entry.get("id"))
        answer.call(call_id).named(entry.get("name"), call_id).add(entry.get("arguments"))
    elif kind in ("tool.execution", "tool.execution.started"):
        call = answer.call(text_of(entry.get("id"))).named(entry.get("name"), entry.get("id"), "tool.execution")
        call.whole(entry.get("arguments"))


def is_letta(event: str, value: Mapping[str, Json]) -> bool:
    """Tell whether this is a message of Letta, or a list of them."""
    messages = [value] if "message_type" in value else list(mappings(value.get("messages")))
    return any(text_of(message.get("message_type")).endswith("_message") for message in messages)


def read_letta(parts: Iterable[Part], answer: Answer) -> None:
    """Gather the messages of a step."""
    for part in parts:
        value = mapping(part.value)
        answer.use(value.get("usage") or (value if value.get("message_type") == "usage_statistics" else None))
        for message in mappings(value.get("messages")) if "messages" in value else [value]:
            kind = message.get("message_type")
            if kind == "assistant_message":
                _contents(message.get("content"), answer)
            elif kind == "reasoning_message":
                answer.think(message.get("reasoning"))
            elif kind == "tool_call_message":
                call = mapping(message.get("tool_call"))
                key = text_of(call.get("tool_call_id"))
                answer.call(key).named(call.get("name"), key).add(call.get("arguments"))


def _contents(content: Json, answer: Answer) -> None:
    answer.say(content)
    for block in mappings(content):
        answer.say(block.get("text"))


def is_coze(event: str, value: Json) -> bool:
    """Tell whether this is a message of a Coze bot."""
    return isinstance(value, dict) and "content" in value and "type" in value


def read_coze(parts: Iterable[Part], answer: Answer) -> None:
    """Gather a Coze chat; a completed message repeats its pieces, and there are other messages than answers."""
    whole: list[Json] = []
    for part in parts:
        value = mapping(part.value)
        is_answer = value.get("type") == "answer" and value.get("role", "assistant") == "assistant"
        if part.event == COZE_EVENTS[0] and is_answer:
            answer.say(value.get("content"))
            answer.think(value.get("reasoning_content"))
        elif part.event == COZE_EVENTS[1] and is_answer:
            whole.append(value.get("content"))
        elif part.event in ("conversation.chat.completed", "conversation.chat.failed"):
            answer.use(value.get("usage"))
            answer.fail(value.get("last_error") if part.event.endswith("failed") else None)
        elif part.event == "error":
            answer.fail(value.get("msg") or part.value)
    if not answer.texts:
        for text in whole:
            answer.say(text)
