"""Words of the store as signs of the page: what is not in the vocabulary gets the plainest sign, not its own class."""

from __future__ import annotations

from collections.abc import Iterable

from convotrace.model import OUTCOMES, SPAN_KINDS, Trace


def kind(name: str) -> str:
    """Return the kind whose icon a span gets."""
    return name if name in SPAN_KINDS else "internal"


def outcome(name: str) -> str:
    """Return the outcome whose mark a session gets."""
    return name if name in OUTCOMES else "open"


def kinds_of(traces: Iterable[Trace]) -> list[str]:
    """Return the kinds whose icons a page needs."""
    return sorted({kind(span.kind) for trace in traces for span in trace.spans})
