"""The frames of one turn on a WebSocket → what was said in it, read like a stream."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from convotrace.exchange.answer import Answer, Part, mapping, text_of
from convotrace.exchange.chat import gathered, told
from convotrace.exchange.generic import DELTA_FIELDS, Found, read_stream
from convotrace.exchange.history import asks_again, read_history
from convotrace.exchange.record import NOTHING, Exchange
from convotrace.exchange.socket_frames import (
    BINARY,
    MESSAGE,
    OTHER,
    QUIET,
    WRAPPERS,
    Frame,
    is_quiet,
    kind_of,
    read_frame,
    role_of,
)
from convotrace.exchange.streams import sse_parts
from convotrace.exchange.table import recognise
from convotrace.exchange.talk import speaker
from convotrace.model import Json

_ENDS = frozenset({"[done]", "[end]", "[eos]", "<end>", "<eos>", "<done>", "__end__", "__done__", "__eos__"})
_ECHOES = frozenset({"you", "me", "self", "client"})
_NOTICES = frozenset({"info", "notice", "notification", "connected", "ready", "system", "start", "end", "done"})
_WHOLE_FIELDS = ("message", "msg", "utterance")


def read_socket(
    asked: Sequence[bytes],
    answered: Sequence[bytes],
    engine: bool = False,
    asked_cut: bool = False,
    answered_cut: bool = False,
) -> Exchange:
    """Return what was said in one turn of a connection.

    Args:
        asked: The frames from the client, the one that opened the turn first; none where the server began.
        answered: The frames from the server.
        engine: Whether the connection speaks Engine.IO.
        asked_cut: Whether the last of the client's frames is only a beginning.
        answered_cut: The same of the server's.
    """
    frames = list(_frames(asked, engine, asked_cut))
    opening = next((frame for frame in frames if frame.kind == MESSAGE), None)
    message = NOTHING if opening is None else opening.message
    fields = {} if opening is None else opening.fields
    said = Exchange(
        message,
        request_body=_body(frames),
        history=() if asked_cut else read_history(fields, message.text),
        regenerate=asks_again(fields, {}) or kind_of(fields) in ("regenerate", "retry"),
    )
    replies = list(_frames(answered, engine, answered_cut, sent=True))
    return _answered(said, replies) if replies else said


def _answered(said: Exchange, frames: Sequence[Frame]) -> Exchange:
    whole = [frame.part for frame in frames if isinstance(frame.value, dict)]
    dialect = recognise(whole)
    if dialect is None:
        parts = [part for frame in frames for part in _parts(frame)]
        asked = said.message.recognised or not any(isinstance(part.value, dict) for part in parts)
        answer = gathered(parts, partial(read_stream, asked))
    else:
        answer = Answer() if dialect.read is None else gathered(whole, dialect.read)
    error_type = None if answer.error is None else answer.error_type or "StreamError"
    return replace(
        said,
        reply=Found(bool(answer.texts), answer.text),
        response_body=_body(frames),
        error=answer.error,
        error_type=error_type,
        **told(dialect, answer, said.request_body),
    )


def _frames(chunks: Sequence[bytes], engine: bool, cut: bool, sent: bool = False) -> Iterator[Frame]:
    for place, chunk in enumerate(chunks, 1):
        frame = read_frame(chunk.decode("utf-8", "ignore"), engine, cut and place == len(chunks), sent)
        if frame.kind != BINARY:
            yield frame


def _body(frames: Sequence[Frame]) -> Json:
    """Return the one value of the frames, or the list of them."""
    values = [frame.raw if frame.value is None else frame.value for frame in frames]
    return values[0] if len(values) == 1 else values or None


def _parts(frame: Frame) -> Iterator[Part]:
    """Yield what a frame of an unknown dialect says, in the form that streams have."""
    if frame.kind == QUIET or isinstance(frame.value, list) or (frame.kind == OTHER and frame.value is None):
        return
    if not isinstance(frame.value, dict):
        if frame.raw.startswith("data:"):
            yield from sse_parts(frame.raw)
        elif frame.raw.strip().lower() not in _ENDS:
            yield frame.part
        return
    yield from _of_object(frame.event, frame.value)


def _of_object(event: str, value: Mapping[str, Json], depth: int = 2) -> Iterator[Part]:
    kind, role = kind_of(value) or event.lower(), role_of(value)
    if is_quiet(kind) or speaker(role) == "user" or role in _ECHOES:
        return
    told = _told(value)
    if told is not None and kind not in _NOTICES:
        yield Part(event or kind, {**value, "text": told})
    elif any(name in value for name in (*DELTA_FIELDS, "error", "usage")) or kind == "error":
        yield Part(event or kind, dict(value))
    else:
        yield from _of_wrapped(event or kind, value, depth)


def _told(value: Mapping[str, Json]) -> str | None:
    """Return a message under the names that only a socket's server uses for its own words."""
    if any(isinstance(value.get(name), str) for name in DELTA_FIELDS):
        return None
    return next((text for name in _WHOLE_FIELDS if isinstance(text := value.get(name), str)), None)


def _of_wrapped(event: str, value: Mapping[str, Json], depth: int) -> Iterator[Part]:
    for name in WRAPPERS if depth else ():
        inner = value.get(name)
        if isinstance(inner, dict):
            data = inner.get("data")  # a result of GraphQL, under the name of its one field
            only = next(iter(data.values())) if isinstance(data, dict) and len(data) == 1 else inner
            nested = only if isinstance(only, dict) else {"text": text_of(only)}
            yield from _of_object(event, nested, depth - 1)
            return
    if len(value) <= 2 and mapping(value):
        yield Part(event, dict(value))
