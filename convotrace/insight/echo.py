"""A model call that is known only from the wire format of the reply: an echo. It gives way to any that was recorded."""

from __future__ import annotations

from convotrace.model import Span

ECHO = "convotrace.read_from"
"""The attribute by which an echo is known; its value says from what it was read."""


def is_echo(span: Span) -> bool:
    """Tell whether a span was read from a reply."""
    return ECHO in span.attributes


def without_echoes(spans: tuple[Span, ...]) -> tuple[Span, ...]:
    """Return spans without echoes of calls that are among them; of echoes alone only the innermost is left."""
    echoes = [span for span in spans if is_echo(span)]
    if not echoes or len(spans) == 1:
        return spans
    others = any(span.kind == "generation" and not is_echo(span) for span in spans)
    kept = None if others else max(echoes, key=lambda span: span.started_ns)
    return tuple(span for span in spans if span is kept or not is_echo(span))
