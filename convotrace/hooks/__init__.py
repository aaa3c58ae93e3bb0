"""Where facts come from besides the verbs: structlog, logging, OpenTelemetry. Each hook hands over to `capture`.

`structlog.py` and `logging.py` take log lines, `turns.py` writes one for each turn; `telemetry.py` asks whether
OpenTelemetry is there, `opentelemetry/` deals with it, `instrument.py` turns instrumentations on; `outgoing.py` sees
calls to other services, by `clients.py`; `threads.py` what a request starts.
"""

from __future__ import annotations

import sys

from convotrace.hooks import instrument, telemetry
from convotrace.hooks import logging as _logging
from convotrace.hooks.turns import turn_line
from convotrace.settings import Settings

__all__ = ["install", "instrument", "telemetry", "turn_line"]


def install(settings: Settings) -> None:
    """Have log lines of structlog (where the app uses it) and of logging noted in the current trace.

    Nothing of what the app prints changes. Safe to call again.
    """
    _logging.install()
    # Importing structlog for an app that does not use it would cost it time for nothing.
    if "structlog" in sys.modules:
        from convotrace.hooks import structlog

        structlog.install(ids=settings.log_ids)
