"""Where facts come from besides the verbs: structlog, logging, OpenTelemetry. Each hook hands over to `capture`.

`structlog.py` and `logging.py` take log lines, `turns.py` writes one for each turn; `telemetry.py` asks whether
OpenTelemetry is there, `opentelemetry/` deals with it, `instrument.py` turns instrumentations on; `outgoing.py` sees
calls to other services, by `clients.py`; `threads.py` what a request starts.
"""

from __future__ import annotations

import sys
from typing import Any

from convotrace.hooks import instrument, telemetry
from convotrace.hooks import logging as _logging
from convotrace.hooks.turns import turn_line
from convotrace.settings import Settings

__all__ = ["follow", "install", "instrument", "telemetry", "turn_line"]


_chain: Any = None
"""The chain of structlog that was looked at last."""


def follow(settings: Settings) -> None:
    """Hook into structlog where the app has come to use it, or has configured it anew, since it was looked at."""
    global _chain
    module = sys.modules.get("structlog")
    if module is None:
        return
    # Asked for with each request: structlog's own function would make a copy of all its settings.
    chain = getattr(getattr(getattr(module, "_config", None), "_CONFIG", None), "default_processors", None)
    if chain is not _chain:
        install(settings)
        _chain = getattr(module._config._CONFIG, "default_processors", None)


def install(settings: Settings) -> None:
    """Have log lines of structlog (where the app uses it) and of logging noted in the current trace.

    Nothing of what the app prints changes. Safe to call again.
    """
    _logging.install()
    # Importing structlog for an app that does not use it would cost it time for nothing.
    if "structlog" in sys.modules:
        from convotrace.hooks import structlog

        structlog.install(ids=settings.log_ids)
