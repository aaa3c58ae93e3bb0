"""Decoded bodies → the message and the reply of an exchange, by the field names chat back ends share.

A recognised field may hold null: then it is known that nothing was said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from convotrace.exchange.bodies import NDJSON, SSE, TEXT, decode, media_type
from convotrace.exchange.streams import json_lines, sse_data, stream_text
from convotrace.model import Json

MESSAGE_FIELDS = ("message", "input", "query", "question", "prompt", "text")
REPLY_FIELDS = ("reply", "answer", "output", "response", "content", "text")
# Without a recognised message only these say that an answer is one: the others are too common elsewhere.
PLAIN_REPLY_FIELDS = ("reply", "answer")


@dataclass(frozen=True, slots=True)
class Found:
    """A recognised text, or that none was; `sure` is False where a lone generic field needs more evidence."""

    recognised: bool = False
    text: str | None = None
    sure: bool = True


@dataclass(frozen=True, slots=True)
class Exchange:
    """Both bodies of an exchange, decoded, and what was said in them."""

    message: Found = Found()
    reply: Found = Found()
    request_body: Json = None
    response_body: Json = None


def read_exchange(
    method: str,
    query: Mapping[str, str],
    request_body: bytes | None,
    request_type: str,
    response_body: bytes | None,
    response_type: str,
    succeeded: bool = True,
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
    """
    asked = None if not request_body else decode(request_body, request_type)
    answered = None if response_body is None else decode(response_body, response_type)
    message = _message(method, query, asked, request_type)
    is_bare = media_type(response_type)[0] == TEXT
    reply = _reply(method, message, answered, response_type) if succeeded or not is_bare else Found()
    return Exchange(message, reply, asked, answered)


def _message(method: str, query: Mapping[str, str], body: Json, content_type: str) -> Found:
    if method in ("GET", "HEAD"):
        found = _field(query, MESSAGE_FIELDS)
        return Found(found.recognised, found.text, sure=False)
    if isinstance(body, str) and media_type(content_type)[0] == TEXT:
        return Found(True, body, sure=False)
    if isinstance(body, Mapping):
        found = _field(body, MESSAGE_FIELDS)
        return Found(found.recognised, found.text, sure=len(body) == 1)
    return Found()


def _reply(method: str, message: Found, body: Json, content_type: str) -> Found:
    kind = media_type(content_type)[0]
    if isinstance(body, str) and kind in (SSE, NDJSON):
        return Found(*stream_text(sse_data(body) if kind == SSE else json_lines(body), plain=message.recognised))
    if isinstance(body, str) and kind == TEXT and message.recognised:
        return Found(True, body)
    if isinstance(body, Mapping) and (message.recognised or method not in ("GET", "HEAD")):
        return _field(body, REPLY_FIELDS if message.recognised else PLAIN_REPLY_FIELDS)
    return Found()


def _field(body: Mapping[str, Json], names: tuple[str, ...]) -> Found:
    for name in names:
        if name in body and (body[name] is None or isinstance(body[name], str)):
            return Found(True, body[name])
    return Found()
