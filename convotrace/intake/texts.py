"""What the user wrote and saw, out of the messages of a trace's spans."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from convotrace.dialects.messages import as_messages
from convotrace.dialects.parts import text_of
from convotrace.dialects.wrapped import looks_like_messages, reply, request
from convotrace.intake.tree import in_depth
from convotrace.model import Json, Span


def texts_of(spans: Sequence[Span]) -> tuple[str | None, str | None]:
    """Return the user's last message and the model's: of the outermost agent, else of the last generation.

    Where neither holds messages, a text given to the outermost span, or made by it, counts.
    """
    depths = in_depth(spans)
    agents = sorted((s for s in spans if s.kind == "agent"), key=lambda span: (depths[span.id], span.started_ns))
    calls = sorted((s for s in spans if s.kind == "generation"), key=lambda s: (s.started_ns, s.id), reverse=True)
    outer = sorted((s for s in spans if s.kind != "tool"), key=lambda span: (depths[span.id], span.started_ns, span.id))
    places = (*agents[:1], *calls, *outer)
    return _first(places, "input", "user"), _first(_answering(places, calls), "output", "assistant")


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
    """Return the text of the last message of a role; a bare text is one of that role."""
    if isinstance(value, str):
        return value
    opened = request(value).value if role == "user" else reply(value)
    if isinstance(opened, str):
        return opened
    if not looks_like_messages(opened) and not looks_like_messages([opened]):
        return None
    messages = as_messages(opened, role) or []
    last = next((message for message in reversed(messages) if message.get("role") == role), None)
    return None if last is None else text_of(last)
