"""Tracers that were asked for before there was a provider: nearly all, as modules ask for theirs when imported.

The API stands in for each by one that hands on to the real tracer, a block through two generators: that takes as long
as all that is done with the span. Where the real one is ours, its block is handed out as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from opentelemetry import trace as trace_api

from convotrace.hooks.opentelemetry.provider import Tracer

_ASKED = "start_as_current_span"


def hand_on_directly() -> None:
    """Let the API's stand-ins give out the blocks of our tracers as they are; those of others pass as ever."""
    proxy = getattr(trace_api, "ProxyTracer", None)
    asked = vars(proxy).get(_ASKED) if proxy is not None else None
    if asked is not None and not hasattr(asked, "is_ours"):
        setattr(proxy, _ASKED, _direct(asked))


def _direct(asked: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(asked)
    def start_as_current_span(self: Any, *args: Any, **named: Any) -> Any:
        # Known once the API has asked for it, with the first span.
        real = getattr(self, "_real_tracer", None)
        return (real.start_as_current_span if type(real) is Tracer else asked.__get__(self))(*args, **named)

    start_as_current_span.is_ours = True  # type: ignore[attr-defined]
    return start_as_current_span
