"""One log line for each finished turn, where that was asked for."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from convotrace.identity import session_key
from convotrace.settings import Settings

if TYPE_CHECKING:
    from convotrace.model import Trace

# Whether `configure_structlog` asked for the lines; the setting `log_turns` asks as well.
wanted = {"by_chain": False}


def turn_line(settings: Settings, trace: Trace) -> None:
    """Write the line of a finished turn: through structlog where it is configured, else as JSON on stdout."""
    if not (settings.log_turns or wanted["by_chain"]):
        return
    try:
        _logger().info("turn", **_facts(settings, trace))
    except Exception:  # the app's chain may refuse it; the turn is stored all the same
        return


def _logger() -> Any:
    import structlog

    if structlog.is_configured():
        return structlog.get_logger("convotrace")
    processors: Any = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.JSONRenderer(),
    ]
    return structlog.wrap_logger(
        structlog.PrintLogger(sys.stdout), processors=processors, cache_logger_on_first_use=False
    )


def _facts(settings: Settings, trace: Trace) -> dict[str, Any]:
    facts = {
        "session_id": trace.session_id,
        "trace_id": trace.id,
        "status": trace.status,
        "status_code": trace.status_code,
        "duration_ms": trace.duration_ms,
        "first_byte_ms": trace.first_byte_ms,
        "spans": len(trace.spans),
        "errors": trace.errors,
        "input_tokens": trace.input_tokens,
        "output_tokens": trace.output_tokens,
        "cost": trace.cost,
        "user_id": trace.user_id,
        "page_url": _page_url(settings, trace),
    }
    return {name: value for name, value in facts.items() if value is not None}


def _page_url(settings: Settings, trace: Trace) -> str | None:
    if settings.page_url is None:
        return None
    return f"{settings.page_url.rstrip('/')}{settings.mount}/s/{session_key(trace.session_id)}/t/{trace.id}"
