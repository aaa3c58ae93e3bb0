"""One frame of a WebSocket → what it is: a message of the user's, something else, or no more than a sign of life.

What is made of that is decided elsewhere. Framings inside the frame are undone: Engine.IO with Socket.IO, Phoenix
channels, GraphQL over WebSocket.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from convotrace.exchange.answer import Part, mapping, text_of
from convotrace.exchange.bodies import as_text
from convotrace.exchange.generic import Found, content_text, field
from convotrace.exchange.history import asks_again
from convotrace.exchange.jsontext import UNREADABLE, loads, loads_leniently, partial
from convotrace.exchange.requests import read_fields
from convotrace.exchange.talk import speaker
from convotrace.model import Json

MESSAGE, OTHER, QUIET, BINARY = "message", "other", "quiet", "binary"
KIND_FIELDS = ("type", "event", "action", "kind", "op", "cmd", "command")
WRAPPERS = ("data", "payload", "body", "params", "detail")
ROLE_FIELDS = ("role", "sender", "from", "author", "speaker")

_QUIET_KINDS = frozenset(
    {
        "ping", "pong", "heartbeat", "hb", "keepalive", "keep_alive", "ka", "noop", "typing", "is_typing", "composing",
        "ack", "read", "read_receipt", "seen", "delivered", "presence", "focus", "blur", "connection_init",
        "connection_ack", "connection_terminate", "status", "log", "debug", "phx_join", "phx_leave", "phx_reply",
    }
)  # fmt: skip
_QUIET_WORDS = frozenset({"ping", "pong", "heartbeat", "keepalive", "keep-alive", "__ping__", "__pong__"})
_TALK = frozenset(
    {
        "message", "chat", "chat_message", "user_message", "usermessage", "send_message", "sendmessage", "new_message",
        "client_message", "text", "prompt", "query", "question", "input", "user_input", "ask", "say",
    }
)  # fmt: skip
_AGAIN = frozenset({"regenerate", "retry"})
_OTHER_SPEAKERS = frozenset({"system", "tool", "server"})
# Engine.IO 4 with Socket.IO 5 inside: type, binary attachments, namespace, id of the acknowledgement, JSON.
_ENGINE = re.compile(r"4(\d)(?:\d+-)?(?:/[^,\[]*,)?\d*(?=[\[{]|\Z)")
_EVENT = "2"
_MAX_DEPTH = 2


class Frame(NamedTuple):
    """A frame: what it is, its name where it has one, its value without framing, what the user says in it."""

    kind: str
    event: str = ""
    value: Json = None
    raw: str = ""
    message: Found = Found()

    @property
    def fields(self) -> Mapping[str, Json]:
        """The object in which ids stand, an empty one where there is none."""
        return mapping(self.value)

    @property
    def part(self) -> Part:
        """The frame as a part of a stream."""
        return Part(self.event, self.value, self.raw)


def read_frame(data: bytes | str, engine: bool = False, cut: bool = False, sent: bool = False) -> Frame:
    """Return what a frame is.

    Args:
        data: Its text, or its bytes where it is a binary one: these are read where they are JSON.
        engine: Whether the connection speaks Engine.IO.
        cut: Whether only its beginning was kept.
        sent: Whether it is the server's: nobody looks for a message of the user's in it.
    """
    text = data if isinstance(data, str) else _text(data)
    if text is None:
        return Frame(BINARY)
    frame = _of_engine(text) if engine else _of_text(text, cut)
    return frame if sent or frame.kind != OTHER or not isinstance(frame.value, dict) else _heard(frame, cut)


def kind_of(value: Mapping[str, Json]) -> str:
    """Return the name by which an object says what it is, in one spelling."""
    name = next((name for field in KIND_FIELDS if (name := text_of(value.get(field)))), "")
    return name.lower().replace("-", "_").replace(" ", "_")


def is_quiet(kind: str) -> bool:
    """Tell whether frames of a kind are signs of life, of typing or of receipt: nobody says anything in them."""
    return kind in _QUIET_KINDS or kind.startswith(("typing", "ping", "pong", "heartbeat")) or kind.endswith("_typing")


def _text(data: bytes) -> str | None:
    """Return binary data as text where it is JSON: audio and images are none."""
    if data[:1] not in (b"{", b"[", b'"') or loads(data) is UNREADABLE:
        return None
    return as_text(data)


def _of_engine(text: str) -> Frame:
    found = _ENGINE.match(text)
    if found is None or found[1] != _EVENT:
        return Frame(QUIET, raw=text)
    value = loads(text[found.end() :])
    if not isinstance(value, list) or not value or not isinstance(value[0], str):
        return Frame(OTHER, raw=text)
    return _named(value[0], value[1] if len(value) > 1 else None, text)


def _of_text(text: str, cut: bool) -> Frame:
    stripped = text.strip()
    if not stripped or (len(stripped) <= 16 and stripped.lower() in _QUIET_WORDS):
        return Frame(QUIET, raw=text)
    value = _json(stripped)
    if value is UNREADABLE:
        if not cut or stripped[0] not in "{[":
            return Frame(MESSAGE, "", text, text, Found(True, text))
        value = partial(stripped)
        if value is UNREADABLE:
            return Frame(OTHER, raw=text)
    if isinstance(value, list) and len(value) == 5 and isinstance(value[3], str):  # a channel of Phoenix
        return _named(value[3], value[4], text)
    return _named("", value, text)


def _json(text: str) -> Json:
    value = loads(text)
    return loads_leniently(text) if value is UNREADABLE and text[0] in "{[" else value


def _named(event: str, value: Json, raw: str) -> Frame:
    """Return a frame by its JSON value: what is no object speaks for itself."""
    kind = _kind(event, value)
    if is_quiet(kind):
        return Frame(QUIET, event, value, raw)
    if isinstance(value, (dict, list)):
        return Frame(OTHER, event, value, raw)
    text = value if isinstance(value, str) else raw
    if event and kind not in _TALK:
        return Frame(OTHER, event, value, raw)
    return Frame(MESSAGE if text.strip() else QUIET, event, value, raw, Found(True, text))


def _kind(event: str, value: Json) -> str:
    return event.lower().replace("-", "_") or kind_of(mapping(value))


def _heard(frame: Frame, cut: bool) -> Frame:
    """Return a frame of the client's as a message, if it is one."""
    kind = _kind(frame.event, frame.value)
    found = said(frame.fields, kind, cut)
    if found.text and found.text.strip():
        return frame._replace(kind=MESSAGE, message=found)
    is_message = kind in _AGAIN or asks_again(frame.fields, {})
    return frame._replace(kind=MESSAGE) if is_message else frame


def said(value: Mapping[str, Json], kind: str = "", cut: bool = False, depth: int = _MAX_DEPTH) -> Found:
    """Return what the user says in an object: by the names that requests use, as content, or in a wrapper."""
    role = role_of(value)
    if "jsonrpc" in value:
        return read_fields(value, cut)
    if role in _OTHER_SPEAKERS or speaker(role) == "assistant":
        return Found()
    variables = mapping(mapping(value.get("payload")).get("variables"))
    if variables:  # GraphQL: its query is none of the user's words
        return said(variables, kind, cut, depth - 1) if depth else Found()
    found = read_fields(value, cut)
    if found.text is not None:
        return Found(True, found.text)
    text = content_text(value.get("content"))
    if text is None and speaker(role_of(mapping(value.get("item")))) == "user":  # the realtime API of OpenAI
        text = content_text(mapping(value.get("item")).get("content"))
    return Found(True, text) if text is not None else _wrapped(value, kind, cut, depth)


def _wrapped(value: Mapping[str, Json], kind: str, cut: bool, depth: int) -> Found:
    for name in WRAPPERS if depth else ():
        inner = value.get(name)
        if isinstance(inner, str) and kind in _TALK:
            return Found(True, inner)
        if not isinstance(inner, dict) or not inner:
            continue
        found = said(inner, kind, cut, depth - 1)
        if found.text is not None:
            return found
    return field(value, ("input",)) if isinstance(value.get("input"), dict) else Found()


def role_of(value: Mapping[str, Json]) -> str:
    """Return who speaks in an object, as it names them."""
    return next((role.lower() for name in ROLE_FIELDS if (role := text_of(value.get(name)))), "")
