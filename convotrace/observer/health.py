"""The state of recording, as `health.json` shows it: this process, and what all processes on the store counted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from convotrace.model import Json, as_datetime
from convotrace.settings import Settings

if TYPE_CHECKING:
    from convotrace.store.indexing import IndexState
    from convotrace.store.removal import Deletion
    from convotrace.store.workers import Worker

_SUMMED = (
    "requests", "websocket", "queued", "written", "dropped", "redacted", "cut", "sampled", "audit_lost", "hooks",
    "otlp", "acting",
)  # fmt: skip


def health(
    settings: Settings,
    own: Mapping[str, Json],
    workers: Iterable[Worker],
    here: int | None,
    deletions: Sequence[Deletion] = (),
    index: IndexState | None = None,
) -> dict[str, Json]:
    """Return settings in force, counters summed over every process that is there, and the state of the store.

    Args:
        settings: The options in force.
        own: What this process counted.
        workers: Every process that the store knows.
        here: The number of this process among them.
        deletions: What was deleted lately.
        index: The state of the text index.
    """
    there = [worker for worker in workers if worker.present]
    summed = {name: _over_all(name, own, there, here) for name in _SUMMED}
    if "acting" not in own:
        del summed["acting"]
    return {
        "ok": not summed["dropped"] and own["last_error"] is None,
        **summed,
        "last_error": own["last_error"],
        "write_ms": own["write_ms"],
        "room": own["room"],
        "overhead": own["overhead"],
        "store": own["store"],
        "warnings": list(settings.warnings),
        "mount": settings.mount,
        "service": settings.service,
        "environment": settings.effective_environment,
        "release": settings.release,
        "content": "asked" if callable(settings.content) else settings.content,
        "access": _access(settings),
        "otlp_receiver": settings.otlp_receiver,
        "opentelemetry": own["opentelemetry"],
        "retention": _retention(settings, deletions),
        "text_index": None if index is None else {"is_there": index.is_there, "waiting": index.waiting},
        "deletions": [_line(deletion) for deletion in deletions],
        "workers": [_shown(worker) for worker in there],
    }


def dropped(own: Mapping[str, Json], workers: Iterable[Worker], here: int | None) -> Json:
    """Return what was dropped of every process that is there, as `health` tells it beside the rest.

    Args:
        own: What this process counted.
        workers: Every process that the store knows.
        here: The number of this process among them.
    """
    return _over_all("dropped", own, [worker for worker in workers if worker.present], here)


def with_set_aside(told: dict[str, Json], names: Mapping[str, int]) -> dict[str, Json]:
    """Return the state with a warning for each damaged file that the store took the place of.

    Args:
        told: The state.
        names: The files, each with when it was set aside, in ns.
    """
    sentences: list[Json] = [
        f"The store was damaged: {name} is what it was until {as_datetime(at):%Y-%m-%d %H:%M} UTC; a new one was begun."
        for name, at in names.items()
    ]
    return {**told, "warnings": [*told["warnings"], *sentences]} if sentences else told


def _shown(worker: Worker) -> dict[str, Json]:
    # The number of a worker has more digits than a browser's numbers keep.
    return {"id": f"{worker.id:016x}", "host": worker.host, "pid": worker.pid, "seen_at": worker.seen_at}


def _retention(settings: Settings, deletions: Sequence[Deletion]) -> dict[str, Json]:
    by_itself = next((line for line in deletions if line.action == "retention"), None)
    return {
        "days": settings.retention_days,
        "max_bytes": settings.retention_bytes,
        "max_rows": settings.retention_rows,
        "last_deleted_at": by_itself.at if by_itself else None,
        "sessions_deleted_that_day": by_itself.removed.sessions if by_itself else 0,
    }


def _line(deletion: Deletion) -> dict[str, Json]:
    return {"at": deletion.at, "by": deletion.actor, "action": deletion.action, **vars(deletion.removed)}


def _over_all(name: str, own: Mapping[str, Json], there: Iterable[Worker], here: int | None) -> Json:
    """Return what this process and all others that are there counted under a name."""
    others = [worker.counters for worker in there if worker.id != here]
    return _sum(counters.get(name) for counters in (own, *others))


def _sum(values: Iterable[Json]) -> Json:
    """Add numbers, and mappings of numbers name by name."""
    total: Json = 0
    for value in values:
        if isinstance(value, Mapping):
            known = total if isinstance(total, dict) else {}
            total = {name: _sum([known.get(name, 0), value.get(name, 0)]) for name in (*known, *value)}
        elif isinstance(value, (int, float)):
            total = total + value if isinstance(total, (int, float)) else total
    return total


def _access(settings: Settings) -> str:
    if settings.auth is not None:
        return "auth"
    return "development: open on this machine" if settings.dev else "token"
