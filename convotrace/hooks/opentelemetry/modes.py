"""Which tracer provider this process has, and what follows: asked again for each request while there is none."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakSet

from opentelemetry import context as context_api
from opentelemetry import trace as trace_api
from opentelemetry.context import Context, attach, get_current, set_value
from opentelemetry.trace import ProxyTracerProvider, TracerProvider

from convotrace.hooks import instrument
from convotrace.hooks.opentelemetry.processor import ConvoTraceProcessor, lost
from convotrace.hooks.opentelemetry.provider import TracerProvider as OwnProvider
from convotrace.hooks.opentelemetry.server import sampling
from convotrace.settings import Settings

_BY_ENVIRONMENT = "OTEL_PYTHON_TRACER_PROVIDER"
_lock = threading.RLock()
_watched: WeakSet[TracerProvider] = WeakSet()
# In the API, but private there: without it our own work shows up as spans, no more.
_SUPPRESS: str | None = getattr(context_api, "_SUPPRESS_INSTRUMENTATION_KEY", None)
_MORE = 'ConvoTrace(instrument="installed"), or configure an SDK of OpenTelemetry\'s'


def provider(settings: Settings, may_register: bool = True) -> TracerProvider | None:
    """Return the process's tracer provider, with a processor of ours in it; None where it has none.

    Args:
        settings: The options in force.
        may_register: The first request is here: where one was asked for and nobody else's came, register ours.
    """
    found = _found()
    if found is None and may_register and instrument.needs_spans(settings):
        found = _register(settings)
    if found is not None and found not in _watched:
        _watch(found)
    return found


def _found() -> TracerProvider | None:
    found = trace_api.get_tracer_provider()
    nothing = isinstance(found, (ProxyTracerProvider, trace_api.NoOpTracerProvider))
    return None if nothing else found


def _watch(found: TracerProvider) -> None:
    with _lock:
        if found in _watched:
            return
        _watched.add(found)
        add = getattr(found, "add_span_processor", None)
        if add is not None:
            add(ConvoTraceProcessor())


def _register(settings: Settings) -> TracerProvider | None:
    if _BY_ENVIRONMENT in os.environ:
        return None  # the API makes that one by itself, or says why it cannot
    with _lock:
        if _found() is None:
            names = {"service.name": settings.service, "deployment.environment.name": settings.effective_environment}
            trace_api.set_tracer_provider(OwnProvider({name: value for name, value in names.items() if value}))
    return _found()


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


def suppress_here() -> None:
    """Do the same in this thread from now on: it is one of ours."""
    if _SUPPRESS is not None and not get_current().get(_SUPPRESS):
        attach(set_value(_SUPPRESS, True, get_current()))


def mode() -> tuple[str, str, str | None]:
    """Return how OpenTelemetry is used now, in a word and a sentence, and what to type to get more."""
    word, detail, cure = _mode(_found())
    if lost["spans"]:
        detail = f"{detail} {lost['spans']} spans could not be noted."
    return word, detail, cure


def _mode(found: TracerProvider | None) -> tuple[str, str, str | None]:
    if found is None:
        return "API only", "Ids go in and out; spans of other libraries do not exist.", _MORE
    if isinstance(found, OwnProvider):
        return "ours", "Spans of every instrumented library are recorded; no other SDK can be configured now.", None
    if not hasattr(found, "add_span_processor"):
        return (
            "your provider",
            f"{type(found).__name__} takes no span processors: only our own spans are recorded.",
            "opentelemetry.sdk.trace.TracerProvider in its place",
        )
    if sampling["dropped"]:
        detail = "Your provider samples: requests that it leaves out are recorded here with our own spans alone."
        return "sampled", detail, "a sampler that takes everything, such as OTEL_TRACES_SAMPLER=always_on"
    return "your provider", "Its spans are recorded here too, and our own are exported by it.", None
