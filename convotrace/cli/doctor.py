"""`convotrace doctor`: reads a whole store and says what is wrong with it, and the cure."""

from __future__ import annotations

import inspect
import json
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from convotrace.cli.mistakes import Circumstances, find
from convotrace.cli.options import Wrong, in_bytes, json_option, loaded, opened, plural, store_option
from convotrace.errors import ConvoTraceError
from convotrace.settings import Settings

if TYPE_CHECKING:
    from convotrace.store import Store
    from convotrace.store.diagnosis import Diagnosis
    from convotrace.store.workers import Worker


@click.command()
@click.option("--app", metavar="MODULE:APP", help="Look at this app too, such as main:app.")
@store_option
@json_option
def doctor(app: str | None, store_url: str | None, as_json: bool) -> None:
    """Find the usual mistakes, and say what to type; exit code 1 if anything is wrong.

    Looks at the store (integrity, schema, size, permissions, disk, clock, processes, ids and words of its sessions), at
    the settings of the environment, and with --app at the app's own and its middlewares.
    """
    _check_schema(store_url, as_json)
    with opened(store_url) as (store, settings):
        found = store.diagnosis()
        mistakes = find(_circumstances(settings, store, app))
    troubles = [*settings.warnings, *found.troubles(), *(one.sentence for one in mistakes if not one.is_hint)]
    hints = [one.sentence for one in mistakes if one.is_hint]
    if as_json:
        facts = {"ok": not troubles, "troubles": troubles, "hints": hints, **_facts(found)}
        click.echo(json.dumps(facts, ensure_ascii=False))
    else:
        click.echo("\n".join(f"{name:12}{value}" for name, value in _lines(found)))
        for hint in hints:
            click.echo(f"? {hint}")
        click.echo("\n".join(f"! {trouble}" for trouble in troubles) or "Nothing is wrong.")
    sys.exit(1 if troubles else 0)


def _check_schema(store_url: str | None, as_json: bool) -> None:
    """Say that a store is of another release, before opening it would change it."""
    from convotrace.store.databases import schema_of
    from convotrace.store.schema import SCHEMA_VERSION

    try:
        schema = schema_of(Settings.of({"store": store_url} if store_url else {}).store)
    except ConvoTraceError as error:
        raise Wrong(str(error)) from None
    if schema is None or schema == SCHEMA_VERSION:
        return
    if schema > SCHEMA_VERSION:
        trouble = (
            f"The store was written by a newer convotrace (schema {schema}, this one knows {SCHEMA_VERSION}): "
            "pip install --upgrade convotrace"
        )
    else:
        trouble = (
            f"The store has schema {schema}, this convotrace writes {SCHEMA_VERSION}; opening it brings it there, for "
            "good. To keep a copy first: convotrace migrate --backup copy.db"
        )
    click.echo(json.dumps({"ok": False, "troubles": [trouble], "schema": schema}) if as_json else f"! {trouble}")
    sys.exit(1)


def _circumstances(settings: Settings, store: Store, name: str | None) -> Circumstances:
    if name is None:
        return Circumstances(settings, store, time.time_ns())
    from convotrace.observer.core import everyone

    before = everyone()
    app = loaded(name)
    if inspect.isfunction(app):
        app = app()
    # A middleware that was added by itself is made with the stack.
    if hasattr(app, "build_middleware_stack") and getattr(app, "middleware_stack", None) is None:
        app.build_middleware_stack()
    own = [one for one in everyone() if one not in before]
    return Circumstances(settings, store, time.time_ns(), app, own)


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
    index = f"{plural(found.index.waiting, 'turn')} to be taken in" if found.index.waiting else "complete"
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
