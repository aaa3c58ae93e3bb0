"""`convotrace doctor`: reads a whole store and says what is wrong with it, and the cure."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from convotrace.cli.options import in_bytes, json_option, opened, store_option

if TYPE_CHECKING:
    from convotrace.store.diagnosis import Diagnosis
    from convotrace.store.workers import Worker


@click.command()
@store_option
@json_option
def doctor(store_url: str | None, as_json: bool) -> None:
    """Check integrity, schema, size, permissions and processes of a store; exit code 1 if anything is wrong."""
    with opened(store_url) as (store, settings):
        found = store.diagnosis()
    troubles = [*settings.warnings, *found.troubles()]
    if as_json:
        click.echo(json.dumps({"ok": not troubles, "troubles": troubles, **_facts(found)}, ensure_ascii=False))
    else:
        click.echo("\n".join(f"{name:12}{value}" for name, value in _lines(found)))
        click.echo("\n".join(f"! {trouble}" for trouble in troubles) or "Nothing is wrong.")
    sys.exit(1 if troubles else 0)


def _facts(found: Diagnosis) -> dict[str, Any]:
    return {
        "path": found.path,
        "schema": found.schema,
        "integrity": found.integrity,
        "sessions": found.sessions,
        "bytes": found.pages.bytes,
        "used_bytes": found.pages.used_bytes,
        "free_pages": found.pages.free,
        "log_bytes": found.log_bytes,
        "journal": found.journal,
        "free_on_disk": found.free_on_disk,
        "file_mode": _octal(found.file_mode),
        "folder_mode": _octal(found.folder_mode),
        "text_index": found.index.is_there,
        "waiting_for_index": found.index.waiting,
        "workers": [_worker(worker) for worker in found.workers],
    }


def _worker(worker: Worker) -> dict[str, Any]:
    return {
        "host": worker.host,
        "pid": worker.pid,
        "seen_at": worker.seen_at,
        "alive": worker.alive,
        "dropped": worker.counters.get("dropped") or {},
        "last_error": worker.counters.get("last_error"),
    }


def _lines(found: Diagnosis) -> Iterator[tuple[str, str]]:
    yield "store", found.place
    yield "integrity", found.integrity
    yield "schema", str(found.schema)
    yield "sessions", f"{found.sessions:,}"
    yield "size", f"{in_bytes(found.pages.bytes)}, {in_bytes(found.pages.used_bytes)} in use"
    yield "free pages", f"{found.pages.free:,}, used again or given back by prune"
    index = f"{found.index.waiting:,} turns wait" if found.index.waiting else "complete"
    yield "text index", index if found.index.is_there else "none"
    yield "log", f"{in_bytes(found.log_bytes)}, {found.journal}"
    if found.free_on_disk is not None:
        yield "disk", f"{in_bytes(found.free_on_disk)} free"
    if found.file_mode is not None:
        yield "access", f"file {_octal(found.file_mode)}, folder {_octal(found.folder_mode)}"
    living = [worker for worker in found.workers if worker.alive]
    yield "processes", f"{len(living)} alive, {len(found.workers)} seen in a week"


def _octal(mode: int | None) -> str | None:
    return None if mode is None else f"{mode:04o}"
