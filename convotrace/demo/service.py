"""What every demo app offers over HTTP, without HTTP: one method a route, plain data in and out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import convotrace as ct
from convotrace.demo.assistant import Assistant
from convotrace.demo.messages import content_of
from convotrace.demo.reenact import Reenactor

PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';"
    " connect-src 'self'; base-uri 'none'; form-action 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_STATIC = Path(__file__).parent / "static"
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}


class WrongInput(ValueError):
    """A request that lacks what the route needs: 400 in every app."""


class Service:
    """The assistant, the player of recorded turns, and the files of the chat page.

    Args:
        pace: Seconds the model takes for a word; 0 answers at once.
    """

    def __init__(self, pace: float = 0.0) -> None:
        self.assistant = Assistant(pace)
        self._reenactor = Reenactor()

    def chat(self, data: Any) -> dict[str, Any]:
        """Answer a message: `{"reply", "turn"}`."""
        session_id, message = _texts(data, "session_id", "message")
        if data.get("user_id"):
            ct.user(data["user_id"])
        reply = "".join(self.assistant.reply(session_id, message))
        return {"reply": reply, "turn": sum(said["role"] == "user" for said in self._spoken(session_id))}

    def stream(self, data: Any) -> Iterator[bytes]:
        """Answer a message as server-sent events: deltas, then `{"done": true}`."""
        session_id, message = _texts(data, "session_id", "message")
        return _events(self.assistant.reply(session_id, message))

    def history(self, session_id: str | None) -> dict[str, Any]:
        """Return what was said in a conversation."""
        return {"messages": self._spoken(session_id or "")}

    def rate(self, data: Any) -> dict[str, Any]:
        """Take the customer's thumb: `value` true or false."""
        if not isinstance(data, Mapping) or not isinstance(data.get("value"), bool):
            raise WrongInput("value must be true or false")
        ct.feedback(data["value"])
        return {"thanks": True}

    def replay(self, data: Any) -> dict[str, Any]:
        """Re-enact a recorded turn: `{"reply"}`, null where the recording has none."""
        _texts(data, "session_id")
        if not isinstance(data.get("script"), Mapping):
            raise WrongInput("script must be an object")
        return {"reply": self._reenactor.play(data)}

    def _spoken(self, session_id: str) -> list[dict[str, str]]:
        messages = self.assistant.memory.recall(session_id)
        said = [(message["role"], content_of(message)) for message in messages]
        return [{"role": role, "text": text} for role, text in said if text and role in ("user", "assistant")]


def page() -> bytes:
    """Return the chat page."""
    return (_STATIC / "chat.html").read_bytes()


def asset(name: str) -> tuple[bytes, str] | None:
    """Return a file of the chat page and its type, None where there is no such file."""
    path = _STATIC / name
    if path.parent != _STATIC or path.suffix not in _TYPES or not path.is_file():
        return None
    return path.read_bytes(), _TYPES[path.suffix]


def _events(pieces: Iterator[str]) -> Iterator[bytes]:
    for piece in pieces:
        yield _event({"delta": piece})
    yield _event({"done": True})


def _event(data: Mapping[str, Any]) -> bytes:
    return f"data: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


def _texts(data: Any, *names: str) -> list[str]:
    found = [data.get(name) for name in names] if isinstance(data, Mapping) else []
    texts = [value for value in found if isinstance(value, str) and value.strip()]
    if len(texts) < len(names):
        raise WrongInput(f"{' and '.join(names)} must be texts that are not empty")
    return texts
