"""Whether OpenTelemetry is there, asked for each request; what is done with it lives in `hooks.opentelemetry`.

Nothing of OpenTelemetry is imported here: an app that does not use it pays nothing.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from convotrace.recorder import OpenTrace
from convotrace.recorder.open import Telemetry
from convotrace.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

_API = "opentelemetry.trace"


def wanted(settings: Settings) -> bool:
    """Tell whether anything is to be done about OpenTelemetry: it is loaded, or was asked for."""
    if settings.opentelemetry == "off":
        return False
    return _API in sys.modules or settings.opentelemetry == "global" or bool(settings.instrument)


def load(settings: Settings) -> None:
    """Load what the first request would have to wait for, and hook into the provider that is there already."""
    if wanted(settings):
        from convotrace.hooks import opentelemetry

        opentelemetry.provider(settings)


def begin(settings: Settings, trace: OpenTrace) -> Telemetry | None:
    """Return how a trace that has just been opened speaks to OpenTelemetry, None where that is not there.

    The trace takes over the ids of the server span or of the caller, where there is one.
    """
    if not wanted(settings):
        return None
    from convotrace.hooks import opentelemetry

    return opentelemetry.begin(settings, trace)


def quiet(work: Callable[[], object]) -> None:
    """Do our own work without instrumentations making spans of it."""
    if _API not in sys.modules:
        work()
        return
    from convotrace.hooks import opentelemetry

    with opentelemetry.suppressed():
        work()
