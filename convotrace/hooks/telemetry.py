"""Whether OpenTelemetry is there, asked for each request; what is done with it lives in `hooks.opentelemetry`.

Nothing of OpenTelemetry is imported here: an app that does not use it pays nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TypeVar

from convotrace.hooks import instrument
from convotrace.recorder import OpenTrace
from convotrace.recorder.open import Telemetry
from convotrace.settings import Settings

_T = TypeVar("_T")
_API = "opentelemetry.trace"


def wanted(settings: Settings) -> bool:
    """Tell whether anything is to be done about OpenTelemetry: it is loaded, or was asked for."""
    if settings.opentelemetry == "off":
        return False
    return _API in sys.modules or instrument.needs_spans(settings)


def load(settings: Settings) -> None:
    """Load what the first request would have to wait for, and hook into the provider that is there already."""
    if wanted(settings):
        from convotrace.hooks import opentelemetry

        opentelemetry.provider(settings, may_register=False)


def begin(settings: Settings, trace: OpenTrace) -> Telemetry | None:
    """Return how a trace that has just been opened speaks to OpenTelemetry, None where that is not there.

    The trace takes over the ids of the server span or of the caller, where there is one.
    """
    if not wanted(settings):
        return None
    from convotrace.hooks import opentelemetry

    return opentelemetry.begin(settings, trace)


def mode(settings: Settings) -> dict[str, str | None]:
    """Return how OpenTelemetry is used now: a word, a sentence, and what to type to get more."""
    named: tuple[str, str, str | None]
    if settings.opentelemetry == "off":
        named = "off", "Nothing of OpenTelemetry is used.", 'opentelemetry="auto"'
    elif not wanted(settings):
        named = "not loaded", "The app does not use OpenTelemetry.", 'ConvoTrace(instrument="installed")'
    else:
        from convotrace.hooks import opentelemetry

        named = opentelemetry.mode()
    if settings.instrument and (packages := instrument.missing(settings)):
        named = named[0], named[1], f"pip install {' '.join(packages)}"
    if settings.instrument and instrument.refused:
        named = named[0], f"{named[1]} {_refusals()}", named[2]
    return dict(zip(("mode", "detail", "cure"), named, strict=True))


def _refusals() -> str:
    return " ".join(f"{name} is not instrumented: {why.rstrip('.')}." for name, why in instrument.refused.items())


def suppress_here() -> None:
    """Keep instrumentations from making spans of what this thread does: it is one of ours."""
    if _API in sys.modules:
        from convotrace.hooks import opentelemetry

        opentelemetry.suppress_here()


def quiet(work: Callable[[], _T]) -> _T:
    """Do work of our own without instrumentations making spans of it."""
    if _API not in sys.modules:
        return work()
    from convotrace.hooks import opentelemetry

    with opentelemetry.suppressed():
        return work()
