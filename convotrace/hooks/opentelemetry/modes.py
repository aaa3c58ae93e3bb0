"""Which tracer provider this process has, and what follows: asked again for each request while there is none."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple
from weakref import WeakSet

from opentelemetry import context as context_api
from opentelemetry import trace as trace_api
from opentelemetry.context import Context, attach, get_current, set_value
from opentelemetry.trace import ProxyTracerProvider, TracerProvider

from convotrace.hooks.opentelemetry.processor import ConvoTraceProcessor
from convotrace.settings import Settings

_lock = threading.Lock()
_watched: WeakSet[TracerProvider] = WeakSet()
_deaf: WeakSet[TracerProvider] = WeakSet()
# In the API, but private there: without it our own work shows up as spans, no more.
_SUPPRESS: str | None = getattr(context_api, "_SUPPRESS_INSTRUMENTATION_KEY", None)


class Mode(NamedTuple):
    """How OpenTelemetry is used now.

    Attributes:
        mode: `off`, `not loaded`, `API only`, `your provider` or `ours`.
        detail: One sentence: what is recorded.
        cure: What to type to get more, None where there is nothing to gain.
    """

    mode: str
    detail: str
    cure: str | None


def provider(settings: Settings) -> TracerProvider | None:
    """Return the process's tracer provider, with a processor of ours in it; None where it has none.

    One of ours is registered only where that was asked for, and only while nobody else's is there.
    """
    found = _found()
    if found is None and settings.opentelemetry == "global":
        found = _register()
    if found is None or found in _watched:
        return found
    with _lock:
        if found not in _watched:
            _watched.add(found)
            _watch(found)
    return found


def _found() -> TracerProvider | None:
    found = trace_api.get_tracer_provider()
    nothing = isinstance(found, (ProxyTracerProvider, trace_api.NoOpTracerProvider))
    return None if nothing else found


def _watch(found: TracerProvider) -> None:
    add = getattr(found, "add_span_processor", None)
    if add is None:
        _deaf.add(found)
    else:
        add(ConvoTraceProcessor())


def _register() -> TracerProvider | None:
    if "OTEL_PYTHON_TRACER_PROVIDER" in os.environ:
        return None
    return None


@contextmanager
def suppressed() -> Iterator[None]:
    """Keep instrumentations from making spans of our own work."""
    if _SUPPRESS is None:
        yield
        return
    before: Context = get_current()
    attach(set_value(_SUPPRESS, True, before))
    try:
        yield
    finally:
        attach(before)


def mode(settings: Settings) -> Mode:
    """Return how OpenTelemetry is used now, in words for the page."""
    raise NotImplementedError
