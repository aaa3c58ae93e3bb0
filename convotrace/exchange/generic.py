"""Bodies of no known dialect → texts, by the field names that chat back ends share.

A recognised field may hold null: then it is known that nothing was said.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from convotrace.exchange.answer import Answer, Part, mapping, mappings, text_of
from convotrace.model import Json

MESSAGE_FIELDS = ("message", "input", "query", "question", "prompt", "text")
REPLY_FIELDS = ("reply", "answer", "output", "response", "content", "text")
# Without a recognised message only these say that an answer is one: the others are too common elsewhere.
PLAIN_REPLY_FIELDS = ("reply", "answer")
DELTA_FIELDS = ("delta", "token", "chunk", "reply", "answer", "output", "response", "content", "text", "textResponse")
# These say outright that they hold what a bot answers.
_BOT_FIELDS = (
    "bot_response", "botResponse", "ai_response", "aiResponse", "assistant_response", "assistantResponse",
    "assistant_message", "assistantMessage", "ai_message", "aiMessage", "bot_message", "botMessage", "bot_reply",
    "botReply", "chat_response", "chatResponse", "response_text", "responseText", "answer_text", "answerText",
    "output_text", "outputText", "reply_text", "replyText", "final_answer", "finalAnswer", "llm_response",
    "model_response", "completion", "generated_text", "textResponse",
)  # fmt: skip
# And these may, where a message was sent that is nothing else and no later answer is promised.
_BARE_FIELDS = ("message", "msg", "result", "assistant", "bot")
_ANY_REPLY, _PLAIN_REPLY = (*REPLY_FIELDS, *_BOT_FIELDS), (*PLAIN_REPLY_FIELDS, *_BOT_FIELDS)
_FIELDS_OF_TALK = (*_ANY_REPLY, *_BARE_FIELDS)
_NAMES_OF_TALK = frozenset(_FIELDS_OF_TALK)
_PROMISES = frozenset(
    {"task_id", "taskId", "job_id", "jobId", "run_id", "runId", "event_id", "status_url", "stream_url"}
)
_LIST_FIELDS = ("messages", "replies", "responses", "outputs", "answers")
# Only of an object that has hardly more than them, and only where something was asked.
_WEAK_FIELDS, _FEW = ("value", "data"), 2
_INNER_FIELDS = ("content", "text", "parts", "message", "answer", "reply")
_WRAPPERS = ("message", "data", "result", "outputs", "payload", "body", "chat")
_CARRIERS = ("data", "payload", "message", "value", "result")
_TALK = frozenset(
    {"token", "delta", "chunk", "text", "content", "message", "answer", "stream", "response", "reply", "assistant"}
)
_PIECES = frozenset({"delta", "token", "chunk"})
_THOUGHTS = frozenset({"thinking", "thought", "reasoning"})
# Events whose fields hold text that nobody was told.
_QUIET = frozenset(
    {
        "ping", "heartbeat", "keepalive", "keep-alive", "status", "progress", "metadata", "meta", "log", "debug",
        "start", "notification", "notifications", "alert", "toast", "presence", "typing",
        "source", "sources", "citation", "citations", "context", "documents", "document", "retrieval", "search",
        "tool", "tools", "tool_call", "tool_calls", "tool_result", "tool_start", "tool_end", "history", "title",
        "user_message", "suggestions", "session", "nextagent", "agentreasoning", "usedtools", "sourcedocuments",
    }
)  # fmt: skip
_FIRST_OF_TWO = 8
Piece = tuple[Hashable, str]
"""What one event said, and what kind of event it was."""


@dataclass(frozen=True, slots=True)
class Found:
    """A recognised text, or that none was; `sure` is False where a lone generic field needs more evidence."""

    recognised: bool = False
    text: str | None = None
    sure: bool = True


def field(body: Mapping[str, Json], names: tuple[str, ...]) -> Found:
    """Return the first of these fields that holds a text, null, or an object or a list of parts that has a text."""
    for name in names:
        if name in body:
            value = body[name]
            if value is None or isinstance(value, str):
                return Found(True, value)
            text = content_text(value)
            if text is not None:
                return Found(True, text)
    return Found()


def content_text(content: Json, depth: int = 3) -> str | None:
    """Return the text of a message's content: a text, a list of parts, or an object around one of these."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        texts = [part.get("text", part.get("data")) for part in mappings(content) if _is_text(part)]
        known = [text for text in texts if isinstance(text, str)]
        return "".join(known) if known else None
    # Most contents that are asked for are not there: those must cost nothing, six ways to the power of three.
    for name in _INNER_FIELDS if depth and isinstance(content, dict) else ():
        inner = content.get(name)
        if name == "parts" and isinstance(inner, list) and inner and all(isinstance(item, str) for item in inner):
            return "".join(inner)
        text = content_text(inner, depth - 1)
        if text is not None:
            return text
    return None


def _is_text(part: Mapping[str, Json]) -> bool:
    return part.get("thought") is not True and part.get("type", "text") in ("text", "input_text", "output_text")


def is_no_talk(body: Json) -> bool:
    """Tell whether a reply is of a model nobody talks to: vectors, an order of documents, a verdict on a text."""
    reply = mapping(body)
    if not _NAMES_OF_TALK.isdisjoint(reply) and field(reply, _FIELDS_OF_TALK).recognised:
        return False
    items = reply.get("data") if reply.get("object") == "list" else reply.get("results")
    first = mapping(items[0]) if isinstance(items, list) and items else {}
    if first.get("object") == "embedding" or "relevance_score" in first or "flagged" in first:
        return True
    vectors = reply.get("embeddings", reply.get("embedding"))
    return isinstance(vectors, (dict, list)) and bool(vectors)


def json_reply(body: Mapping[str, Json], asked: bool, alone: bool = False) -> Found:
    """Return the reply in an object; without a recognised message only under the plainest names.

    Args:
        body: The object.
        asked: Whether a message was recognised in the request.
        alone: Whether that message was all that was sent: then a bare `message` answers it.
    """
    by_role = body.get("role") == "assistant"
    found = field(body, _ANY_REPLY if asked or by_role else _PLAIN_REPLY)
    if found.recognised or not asked:
        return found
    for name in _WRAPPERS:
        inner = mapping(body.get(name))
        found = field(inner, _ANY_REPLY)
        if found.recognised:
            return found
    found = last_answer(body.get("messages"))
    if found.recognised or not alone or not _PROMISES.isdisjoint(body):
        return found
    return _alone(body)


def _alone(body: Mapping[str, Json]) -> Found:
    """Return what answers a message that was sent alone: a bare field, or the texts of a list, a line each."""
    for name in _LIST_FIELDS:
        items = body.get(name)
        if isinstance(items, list):
            texts = [item if isinstance(item, str) else field(mapping(item), REPLY_FIELDS).text for item in items]
            known = [text for text in texts if text]
            if known:
                return Found(True, "\n".join(known))
    bare = [place.get(name) for place in (body, mapping(body.get("data"))) for name in _BARE_FIELDS]
    text = next((value for value in bare if isinstance(value, str)), None)
    return Found(text is not None, text)


def last_answer(messages: Json) -> Found:
    """Return the last message of the assistant in a list of messages."""
    for message in reversed(list(mappings(messages))):
        if message.get("role") == "assistant":
            return field(message, ("content", "text", "parts"))
    return Found()


def read_stream(asked: bool, parts: Iterable[Part], answer: Answer) -> None:
    """Gather a stream; it carries a reply if the answer has texts afterwards.

    An object contributes the first of the delta fields that holds a text. Anything else but `[DONE]` contributes
    itself if something was asked, for a stream of bare words may as well be a heartbeat: a JSON text what it says, and
    also `42`, `true` and what is no JSON are words.
    """
    pieces: list[Piece] = []
    whole = True
    for part in parts:
        if isinstance(part.value, dict):
            whole = _object(part, part.value, asked, pieces, answer) and whole
        elif asked and part.raw != "[DONE]" and part.event.lower() not in _QUIET:
            pieces.append((part.event, part.value if isinstance(part.value, str) else part.raw))
            whole = False
    said = [piece for piece in pieces if piece[1]]
    closes = len(said) > 1 and said[-1][0] != said[-2][0]
    answer.texts.extend(once([text for _, text in pieces], whole, closes))


def _object(part: Part, value: Mapping[str, Json], asked: bool, pieces: list[Piece], answer: Answer) -> bool:
    """Gather an object and tell whether what it gave may be the whole text so far."""
    kind = text_of(value.get("type") or value.get("event") or part.event).lower()
    answer.use(value.get("usage"))
    answer.finish(value.get("finish_reason"))
    if value.get("error") or kind == "error":
        answer.fail(value.get("error") or value)
    elif kind in _THOUGHTS:
        answer.think(_delta(value, asked, kind)[1])
    elif kind not in _QUIET:
        name, text = _delta(value, asked, kind)
        if text is not None:
            # One chat page fills pieces up to a fixed length, against the guessing of words by their length.
            pieces.append(((kind, *value), text.rstrip("\0") if kind == "stream" else text))
        return name not in _PIECES
    return True


def _delta(value: Mapping[str, Json], asked: bool, kind: str) -> tuple[str, str | None]:
    for name in DELTA_FIELDS:
        inner = value.get(name)
        text = inner if isinstance(inner, str) else content_text(inner, 1) if isinstance(inner, dict) else None
        if text is not None:
            return name, text
    if not asked:
        return "", None
    for name in _CARRIERS:
        inner = value.get(name)
        if isinstance(inner, dict) and inner.get("role", "assistant") == "assistant":
            text = field(inner, DELTA_FIELDS).text
            if text is not None:
                return name, text
    for name in _CARRIERS if kind in _TALK else _WEAK_FIELDS if len(value) <= _FEW else ():
        if isinstance(value.get(name), str) and value[name] != "[DONE]":
            return "delta", value[name]
    return "", None


def once(pieces: list[str], whole: bool, closes: bool = False) -> list[str]:
    """Return the pieces without what they repeat: texts that grow with each event, or a last event with all of it.

    Args:
        pieces: What each event said.
        whole: Whether each may be the whole text so far.
        closes: Whether the last event is of another kind than the one before.
    """
    said = [piece for piece in pieces if piece]
    grows = whole and all(later.startswith(earlier) for earlier, later in pairwise(said))
    if grows and (len(said) > 2 or (len(said) == 2 and len(said[0]) >= _FIRST_OF_TWO)):
        return said[-1:]
    if closes and said[-1] == "".join(said[:-1]):
        return said[:-1]
    return pieces
