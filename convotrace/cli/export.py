"""`convotrace export`: sessions into files or to the terminal, for people and for programs."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from convotrace.cli.audit import note_export
from convotrace.cli.options import Wrong, in_bytes, opened, progress, store_option
from convotrace.errors import BadRequest, StoreError

if TYPE_CHECKING:
    from convotrace.store import Store

_BY_ENDING = {
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".md": "markdown", ".markdown": "markdown", ".html": "html",
    ".htm": "html",
}  # fmt: skip


@click.command()
@click.option("-q", "--query", "q", help="Filter, such as 'outcome:escalated since:7d'.")
@click.option("--session", "session_id", metavar="ID", help="One session, by its id.")
@click.option(
    "-f", "--format", "format", type=click.Choice(["jsonl", "csv", "markdown", "html"]), help="Else by the file's name."
)
@click.option(
    "-w", "--what", type=click.Choice(["sessions", "traces", "spans", "scores", "events"]), default="sessions",
    show_default=True, help="The rows of CSV.",
)  # fmt: skip
@click.option("-o", "--output", "place", metavar="PATH", help="A file, or for HTML a folder; else standard output.")
@click.option("--redact", is_flag=True, help="Put in the place of each text how long it is.")
@click.option("--force", is_flag=True, help="Replace what is there.")
@store_option
def export(
    q: str | None, session_id: str | None, format: str | None, what: str, place: str | None, redact: bool,
    force: bool, store_url: str | None,
) -> None:  # fmt: skip
    """Write sessions as JSON Lines, CSV, Markdown or HTML, the oldest first.

    JSON Lines hold everything, exactly: `convotrace import` makes an equal store of them. HTML is one file a session
    that stands alone, so name one session, or a folder.
    """
    output = None if place is None else Path(place)
    is_folder = output is not None and (output.is_dir() or str(place).endswith(os.sep))
    format = format or ("html" if is_folder else _BY_ENDING.get(output.suffix.lower() if output else "", "jsonl"))
    if is_folder and format != "html":
        raise Wrong(f"{output} is a folder; name a file.")
    if output is not None and output.exists() and not is_folder and not force:
        raise Wrong(f"{output} is there already; name another file, or add --force.")
    if session_id is not None and q is not None:
        raise Wrong("Name a session or a filter, one of them.")
    with opened(store_url) as (store, _):
        try:
            if session_id is not None:
                total, parts = 1, _of_one(store, session_id, format, what, redact)
            else:
                total, parts = store.count(q), store.export(q, format, what, redact)
        except BadRequest as error:
            raise Wrong(str(error)) from None
        note_export(store, what if format == "csv" else "sessions", q)
        if output is not None and is_folder:
            size = _into_folder(store, output, q if session_id is None else None, session_id, parts, total, force)
        else:
            if format == "html" and total != 1:
                raise Wrong(f"{total:,} sessions match; name one by --session, or a folder: -o folder/")
            with written(output) as file:
                size = write_parts(file, _with_progress(parts, total, header=format == "csv"))
    if output is not None:
        click.echo(f"Wrote {output}, {total:,} session{'' if total == 1 else 's'}, {in_bytes(size)}.", err=True)


def _of_one(store: Store, session_id: str, format: str, what: str, redact: bool) -> Iterator[bytes]:
    """Return the parts of an export of one session, as the store would hand them out."""
    found = store.export_one(session_id, format, what, redact)
    if found is None:
        raise Wrong(f"There is no session {session_id!r}; `convotrace sessions` lists those there are.")
    return found


def _into_folder(
    store: Store, folder: Path, q: str | None, session_id: str | None, parts: Iterator[bytes], total: int, force: bool
) -> int:
    """Write a file for each session, named by its key."""
    from convotrace.identity import session_key
    from convotrace.jobs.evaluation import walk

    folder.mkdir(parents=True, exist_ok=True)
    keys = [session_key(session_id)] if session_id is not None else (one.key for one in walk(store, q, "started"))
    size = 0
    for key, part in zip(keys, _with_progress(parts, total, header=False), strict=False):
        place = folder / f"{key[:200]}.html"
        if place.exists() and not force:
            raise Wrong(f"{place} is there already; name another folder, or add --force.")
        with written(place) as file:
            size += file.write(part)
    return size


def write_parts(file: IO[bytes], parts: Iterable[bytes]) -> int:
    """Write all parts; return how many bytes they had."""
    return sum(file.write(part) for part in parts)


def _with_progress(parts: Iterator[bytes], total: int, header: bool) -> Iterator[bytes]:
    with progress(total, "Exporting") as bar:
        for number, part in enumerate(parts):
            yield part
            bar.update(0 if header and number == 0 else 1)
        bar.update(max(total - bar.pos, 0))


@contextmanager
def written(output: Path | None) -> Iterator[IO[bytes]]:
    """Lend a file that has its name when all of it is written, and is gone where that does not come about."""
    if output is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    try:
        handle, name = tempfile.mkstemp(prefix=f".{output.name[:100]}.", dir=output.parent)
    except OSError as error:
        raise StoreError(f"{output} cannot be written ({error.strerror}); name another place.") from None
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        os.replace(name, output)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
