"""The state of one process's recording and of its store, as `health.json` shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convotrace.errors import StoreError
from convotrace.model import Json

if TYPE_CHECKING:
    from convotrace.observer.core import ConvoTrace


def health(observer: ConvoTrace) -> dict[str, Json]:
    """Return health of this process and, summed, of every process that writes to the same store."""
    settings = observer.settings
    stats = observer.writer.stats()
    redactor = observer._assembler.redactor.count if observer._assembler else 0
    return {
        "ok": not stats["dropped"] and stats["last_error"] is None,
        "mount": settings.mount,
        "service": settings.service,
        "environment": settings.effective_environment,
        "release": settings.release,
        "requests": observer.requests.values(),
        **stats,
        "redacted": redactor,
        "hooks": observer.guard.failures.values(),
        "warnings": list(settings.warnings),
        "workers": _workers(observer),
        "content": settings.content,
        "access": _access(observer),
    }


def _workers(observer: ConvoTrace) -> Json:
    try:
        return observer.open_store().workers()
    except StoreError:
        return []


def _access(observer: ConvoTrace) -> str:
    if observer.settings.auth is not None:
        return "auth"
    return "development: open on this machine" if observer.settings.dev else "token"
