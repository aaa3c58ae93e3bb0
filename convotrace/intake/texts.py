"""What the user wrote and saw, out of the messages of a trace's spans."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from convotrace.dialects.messages import as_messages
from convotrace.dialects.parts import text_of
from convotrace.dialects.values import loaded
from convotrace.dialects.wrapped import looks_like_messages, reply, request
from convotrace.intake.tree import in_depth
from convotrace.model import Json, Span

_TURN = "convotrace.turn"
"""On the span of a request that was a turn: what was said in it stands there, and needs no guess."""

_HANDING_OVER = frozenset({"final_result", "final_answer", "final_output"})
"""Tools that do nothing: agents call them to hand over their answer."""


def texts_of(spans: Sequence[Span]) -> tuple[str | None, str | None]:
    """Return the user's last message and the model's: of the outermost agent, else of the last generation.

    Where neither holds messages, a text given to the outermost span, or made by it, counts. So it does where a model
    was sent it inside a prompt: the rest of that is a template, and nobody's words.
    """
    forwarded = next((span for span in spans if _TURN in span.attributes), None)
    if forwarded is not None:
        return _verbatim(forwarded.input), _verbatim(forwarded.output)
    depths = in_depth(spans)
    agents = sorted((s for s in spans if s.kind == "agent"), key=lambda span: (depths[span.id], span.started_ns))
    calls = sorted((s for s in spans if s.kind == "generation"), key=lambda s: (s.started_ns, s.id), reverse=True)
    outer = sorted((s for s in spans if s.kind != "tool"), key=lambda span: (depths[span.id], span.started_ns, span.id))
    places = (*agents[:1], *calls, *outer)
    asked = _without_template(_first(places, "input", "user"), outer[:1], calls)
    return asked, _first(_answering(places, calls), "output", "assistant")


def _verbatim(value: Json) -> str | None:
    """Return what was said in a turn that another convotrace forwarded; a text in the form of JSON was read as such."""
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _without_template(asked: str | None, outer: Sequence[Span], calls: Sequence[Span]) -> str | None:
    given = _first((span for span in outer if span.kind not in ("generation", "agent")), "input", "user")
    if not given or given == asked:
        return asked
    sent = (_first([call], "input", "user") for call in calls)
    return given if any(given in text for text in sent if text is not None) else asked


def _answering(places: Sequence[Span], calls: Sequence[Span]) -> Iterable[Span]:
    """Return the places that may hold the answer: a last call that asked for tools has none, nor have those before."""
    last = next((span for span in calls if span.output is not None), None)
    for span in places:
        if span.kind != "generation" or last is None or span.id == last.id:
            yield span


def _first(places: Iterable[Span], field: str, role: str) -> str | None:
    for span in places:
        text = last_text(getattr(span, field), role)
        if text is not None:
            return text
    return None


def last_text(value: Json, role: str) -> str | None:
    """Return the text of the last message of a role; a bare text is one of that role, but no mapping as Python shows
    it.
    """
    if isinstance(value, str):
        return None if value.startswith(("{'", "[{'")) else value
    opened = request(value).value if role == "user" else reply(value)
    if isinstance(opened, str):
        return opened
    if not looks_like_messages(opened) and not looks_like_messages([opened]):
        return None
    messages = as_messages(opened, role) or []
    own = [message for message in reversed(messages) if message.get("role") == role]
    if role == "user":
        # Some clients send the results of tools in the user's name.
        return next((text for message in own if (text := text_of(message)) is not None), None)
    text = text_of(own[0]) if own else None
    return _handed_over(own[0]) if own and text is None else text


def _handed_over(message: Mapping[str, Json]) -> str | None:
    """Return an answer that is no text: an object, or what a tool that only takes it was called with."""
    parts = message["parts"] if isinstance(message.get("parts"), list) else []
    held = parts[0] if len(parts) == 1 and isinstance(parts[0], dict) else {}
    if held.get("type") in ("data", "text") and isinstance(held.get("content"), dict):
        return json.dumps(held["content"], ensure_ascii=False)
    given = held.get("arguments") if held.get("name") in _HANDING_OVER else None
    given = loaded(given)
    while isinstance(given, dict) and len(given) == 1:
        given = next(iter(given.values()))
    if given is None or isinstance(given, str):
        return given
    return json.dumps(given, ensure_ascii=False)
