"""Decoded requests → the earlier messages that they send again, and whether they ask for another answer.

The new message is read in requests.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from convotrace.exchange.answer import mapping, text_of
from convotrace.exchange.generic import content_text
from convotrace.exchange.talk import LISTS, is_new_beside, is_result, last_said, listed, role_and_content, speaker
from convotrace.model import Json

_FIELDS = (
    "history", "chat_history", "chatHistory", "conversation_history", "conversationHistory", "message_history",
    "messageHistory", "previous_messages", "previousMessages", "past_messages", "context", "conversation", "turns",
)  # fmt: skip
_ASKED = ("user", "human", "question", "query", "input", "inputs", "prompt", "request")
_ANSWERED = ("assistant", "bot", "ai", "answer", "response", "output", "outputs", "completion", "reply")
_MARKS = frozenset({*LISTS, *_FIELDS, "inputs", "data"})
_AGAIN = frozenset({
    "regenerate", "isRegenerate", "is_regenerate", "regenerated", "isRegenerated", "is_regenerated", "isRegeneration",
    "is_regeneration", "retry", "isRetry", "is_retry",
})  # fmt: skip
_AGAIN_FIELDS = frozenset({"trigger", "action", *_AGAIN})
_AGAIN_WORDS = frozenset({"regenerate-message", "regenerate", "variant", "retry"})
_YES = (True, "true", "1", 1)


class Said(NamedTuple):
    """One earlier message: who said it (`user` or `assistant`), and what."""

    role: str
    text: str


def read_history(body: Json, message: str | None) -> tuple[Said, ...]:
    """Return the messages before the new one; system messages and results of tools are left out."""
    fields = mapping(body)
    if _MARKS.isdisjoint(fields):
        return ()
    for place in (fields, mapping(fields.get("input")), mapping(fields.get("inputs"))):
        messages = listed(place)
        if messages is not None:
            earlier = messages if is_new_beside(place) else messages[: last_said(messages)]
            return _without(message, _said(earlier))
        for name in _FIELDS:
            if isinstance(place.get(name), list):
                return _without(message, _said(place[name]))
    return _without(message, _gradio(fields))


def asks_again(body: Json, query: Mapping[str, str]) -> bool:
    """Tell whether a request asks for another answer to a message that was answered before."""
    fields = mapping(body)
    if _AGAIN_FIELDS.isdisjoint(fields) and _AGAIN.isdisjoint(query):
        return False
    if not _AGAIN_WORDS.isdisjoint(text_of(fields.get(name)) for name in ("trigger", "action")):
        return True
    return any(place.get(name) in _YES for place in (fields, query) for name in _AGAIN)


def _without(message: str | None, said: Iterable[Said]) -> tuple[Said, ...]:
    """Return messages without the new one, which some clients append before they send it once more."""
    found = tuple(said)
    return found[:-1] if found and found[-1] == Said("user", message or "") else found


def _gradio(fields: Mapping[str, Json]) -> Iterator[Said]:
    data = fields.get("data")
    if isinstance(data, list) and len(data) > 1 and isinstance(data[0], str) and isinstance(data[1], list):
        yield from _said(data[1])


def _said(messages: list[Json]) -> Iterator[Said]:
    """Yield what was said in messages of any form: objects with a role, pairs of question and answer."""
    for message in messages:
        role, content = role_and_content(message)
        who = speaker(role)
        if who is not None:
            if not is_result(content):
                yield from _one(who, content)
        elif isinstance(message, list) and len(message) == 2:
            yield from _pair(*message)
        elif isinstance(message, dict) and not role:
            yield from _pair(_first(message, _ASKED), _first(message, _ANSWERED))


def _pair(asked: Json, answered: Json) -> Iterator[Said]:
    yield from _one("user", asked)
    yield from _one("assistant", answered)


def _one(role: str, content: Json) -> Iterator[Said]:
    text = content_text(content)
    if text:
        yield Said(role, text)


def _first(message: Mapping[str, Json], names: tuple[str, ...]) -> Json:
    """Return the first of these fields; an object of one text, as flows of prompts nest them, is that text."""
    value = next((message[name] for name in names if name in message), None)
    if isinstance(value, dict):
        texts = [text for item in value.values() if (text := text_of(item))]
        return texts[0] if texts else None
    return value
