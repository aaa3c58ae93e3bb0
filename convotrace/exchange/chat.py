"""Both bodies of an exchange → what was said in it, whatever dialect it is in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from convotrace.exchange.aisdk import data_lines
from convotrace.exchange.answer import Answer, Part, joined, mapping, text_of
from convotrace.exchange.bodies import FRAMES, FRAMES_TYPE, JSON, NDJSON, SSE, TEXT, XML, decode, media_type, uploads
from convotrace.exchange.bots import packets, twiml
from convotrace.exchange.frames import begins_with_frame
from convotrace.exchange.generic import MESSAGE_FIELDS, Found, field, is_no_talk, json_reply, read_stream
from convotrace.exchange.history import asks_again, read_history
from convotrace.exchange.inflate import inflated
from convotrace.exchange.pending import answer_ids, fetched
from convotrace.exchange.record import NOTHING, Exchange
from convotrace.exchange.requests import read_fields, read_text
from convotrace.exchange.streams import line_parts, object_lines, sse_parts
from convotrace.exchange.table import AI_SDK_DATA, CHAINLIT, TWILIO, Dialect, Read, recognise
from convotrace.exchange.webhooks import is_webhook
from convotrace.model import Json

_SAFE = ("GET", "HEAD")
_WRAPPERS = ("data", "result", "response")
_BINARY = re.compile("[\0-\x08\x0e-\x1a\x1c-\x1f]")
_SSE_STARTS = ("data:", "event:")


def read_exchange(
    method: str,
    query: Mapping[str, str],
    request_body: bytes | None,
    request_type: str,
    response_body: bytes | None,
    response_type: str,
    succeeded: bool = True,
    content_encoding: str = "",
    request_cut: bool = False,
) -> Exchange:
    """Return what was said in an exchange, as far as its bodies tell.

    Args:
        method: Upper-case HTTP method; a GET carries its message in the query.
        query: Query parameters.
        request_body: Bytes the app read, None when nothing was kept.
        request_type: Content-Type of the request.
        response_body: Bytes the app sent, None when nothing was kept.
        response_type: Content-Type of the response.
        succeeded: False where the status says error: a bare text is then the server's, no reply.
        content_encoding: Content-Encoding of the response; gzip and deflate are undone.
        request_cut: Whether only the beginning of the request was kept.
    """
    asked = None if not request_body else decode(request_body, request_type)
    message = _message(method, query, asked, request_type, request_cut)
    said: dict[str, Any] = {
        "message": message,
        "request_body": asked,
        "history": () if request_cut or method in _SAFE else read_history(asked, message.text),
        "regenerate": asks_again(asked, query),
        "uploads": uploads(asked, request_type),
    }
    plain = (
        inflated(response_body, content_encoding) if response_body is not None and content_encoding else response_body
    )
    if plain is not None and not response_type.strip() and begins_with_frame(plain):
        response_type = FRAMES_TYPE
    answered = None if plain is None else decode(plain, response_type)
    if answered is None:
        return Exchange(**said)
    if is_no_talk(answered):
        return Exchange(**said | {"message": NOTHING, "response_body": answered})
    return Exchange(**said | _answered(method, message, asked, answered, response_type, succeeded))


def _answered(
    method: str, message: Found, asked: Json, body: Json, content_type: str, succeeded: bool
) -> dict[str, Any]:
    """Return the fields of an exchange that its reply tells."""
    alone = succeeded and (message.sure or (asked is None and method not in _SAFE))
    dialect, reply, answer = _reply(method, message, alone, body, content_type)
    if _is_bare(dialect, content_type) and (not succeeded or is_webhook(asked)):
        reply = NOTHING
    found: dict[str, Any] = {"reply": reply, "response_body": body}
    if dialect is None and reply.text and _is_kept(reply.text, mapping(asked), mapping(body)):
        return found | {"reply": NOTHING, "message": replace(message, sure=False)}
    if succeeded and isinstance(body, dict | list):
        found |= _elsewhere(method, message, reply, body)
    _failed(body, succeeded, answer)
    began_well = succeeded and (isinstance(body, str) if dialect is None else dialect.read is not None)
    if answer.error is not None:
        found |= {"error": answer.error, "error_type": (answer.error_type or "StreamError") if began_well else None}
    return found | told(dialect, answer, asked)


def _is_kept(text: str, asked: Mapping[str, Json], body: Mapping[str, Json]) -> bool:
    """Tell whether a reply shows what was sent, under the same name and with more: a record was made of it."""
    return len(body) > len(asked) and any(asked.get(name) == text == body.get(name) for name in MESSAGE_FIELDS)


def told(dialect: Dialect | None, answer: Answer, asked: Json) -> dict[str, Any]:
    """Return what a reply tells beside its text; of one that was read by its field names hardly anything."""
    if dialect is None and answer.only_text:
        return {}
    answer.close()
    return {
        "dialect": dialect.name if dialect else None,
        "reasoning": joined(answer.thoughts),
        "tool_calls": answer.tool_calls(),
        "usage": answer.usage,
        "finish_reason": answer.finish_reason,
        "refusal": joined(answer.refusals),
        "model": _model(dialect, answer, asked),
    }


def _elsewhere(method: str, message: Found, reply: Found, body: Json) -> dict[str, Any]:
    """Return where the answer is to be fetched, or what reads like one that was."""
    if method not in _SAFE:
        found: dict[str, Any] = {} if reply.text else {"answer_ids": answer_ids(body)}
        # What Gradio answers to every message.
        return found | {"message": replace(message, sure=True)} if mapping(body).keys() == {"event_id"} else found
    return {} if message.recognised or method != "GET" else {"fetched": fetched(body)}


def _model(dialect: Dialect | None, answer: Answer, asked: Json) -> str | None:
    if dialect is None or dialect.read is None:
        return None
    return answer.model or text_of(mapping(asked).get("model")) or None


def _message(method: str, query: Mapping[str, str], body: Json, content_type: str, cut: bool) -> Found:
    if method in _SAFE or body is None:
        # What a function of FastAPI takes as a plain argument stands in the query, of a POST too.
        found = field(query, MESSAGE_FIELDS)
        return Found(True, found.text, sure=False) if found.recognised else NOTHING
    if isinstance(body, str) and media_type(content_type)[0] == TEXT:
        return read_text(body)
    return read_fields(body, cut) if isinstance(body, dict) else NOTHING


def _reply(
    method: str, message: Found, alone: bool, body: Json, content_type: str
) -> tuple[Dialect | None, Found, Answer]:
    """Gather a reply, by its dialect or else by the names of its fields; `alone` if nothing but a message was sent."""
    dialect, parts, streams = _parts(body, content_type)
    if not streams and method in _SAFE and not message.recognised:
        return None, NOTHING, Answer()
    dialect = dialect or recognise(parts)
    if dialect is None and message.recognised and isinstance(body, dict):
        dialect, parts = _wrapped(body) or (None, parts)
    if dialect is not None:
        if dialect.read is None:
            return dialect, NOTHING, Answer()
        read = dialect.read
        answer = gathered(parts, read)
        return dialect, Found(True, answer.text), answer
    if streams:
        answer = gathered(parts, partial(read_stream, message.recognised))
        return None, Found(bool(answer.texts), answer.text), answer
    return None, _plain(message, alone, body, content_type), Answer()


def _wrapped(body: Mapping[str, Json]) -> tuple[Dialect, Sequence[Part]] | None:
    """Return the reply of a vendor that an app hands on inside an object of its own."""
    for name in _WRAPPERS:
        if isinstance(body.get(name), dict):
            parts = [Part("", body[name])]
            dialect = recognise(parts)
            if dialect is not None:
                return dialect, parts
    return None


def gathered(parts: Sequence[Part], read: Read) -> Answer:
    """Gather parts; what a last one that was cut holds may only make the texts longer."""
    whole, answer = parts[:-1] if parts and parts[-1].cut else parts, Answer()
    read(whole, answer)
    if len(whole) < len(parts):
        more = Answer()
        read(parts, more)
        answer.extend(more)
    return answer


def _plain(message: Found, alone: bool, body: Json, content_type: str) -> Found:
    if isinstance(body, dict):
        return json_reply(body, message.recognised, alone and message.recognised)
    kind = media_type(content_type)[0]
    is_text = isinstance(body, str) and kind in (TEXT, JSON) and message.recognised and not _BINARY.search(body)
    # A text in JSON answers what was sent alone; to a form it may say "ok".
    return Found(True, body) if is_text and (kind == TEXT or alone) else NOTHING


def _parts(body: Json, content_type: str) -> tuple[Dialect | None, Sequence[Part], bool]:
    """Return the parts of a body, whether they are those of a stream, and a dialect that its form alone tells."""
    kind = media_type(content_type)[0]
    if isinstance(body, str):
        return _text_parts(body, kind)
    if isinstance(body, list):
        return None, [Part("", item) for item in body], kind == FRAMES
    return None, [Part("", body)], False


def _text_parts(text: str, kind: str | None) -> tuple[Dialect | None, Sequence[Part], bool]:
    if kind == SSE:
        # Some servers send lines of JSON under this type.
        return None, list(sse_parts(text)) or object_lines(text), True
    if kind == NDJSON:
        return None, list(line_parts(text)), True
    if kind == JSON:
        # A text that is no object and no list is a whole value.
        is_whole = not text.lstrip().startswith(("{", "[", *_SSE_STARTS))
        return None, list(sse_parts(text)) if text.startswith(_SSE_STARTS) else object_lines(text), not is_whole
    if kind == XML:
        return _formed(TWILIO, twiml(text))
    if kind == TEXT:
        lines = data_lines(text)
        if lines is not None:
            return _formed(AI_SDK_DATA, lines)
        return _untyped_parts(text) or _formed(CHAINLIT, packets(text))
    return None, [], False


def _untyped_parts(text: str) -> tuple[None, Sequence[Part], bool] | None:
    """Return the parts of a stream that goes by the name of a plain text; of lines all have to be objects."""
    if text.startswith(_SSE_STARTS):
        return None, list(sse_parts(text)), True
    parts = list(line_parts(text)) if text.startswith("{") and "\n" in text.strip() else []
    return (None, parts, True) if parts and all(isinstance(part.value, dict) for part in parts) else None


def _formed(dialect: Dialect, parts: Iterable[Part] | None) -> tuple[Dialect | None, Sequence[Part], bool]:
    return (None, [], False) if parts is None else (dialect, list(parts), True)


def _is_bare(dialect: Dialect | None, content_type: str) -> bool:
    return dialect is None and media_type(content_type)[0] == TEXT


def _failed(body: Json, succeeded: bool, answer: Answer) -> None:
    """Note the error of an object that is no answer of a known dialect, or came with a status that says so."""
    value = mapping(body)
    answer.fail(value.get("error"))
    if not succeeded:
        answer.fail(value)
