"""`convotrace export`: sessions into a file or to the terminal, for people and for programs."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import click

from convotrace.cli.options import in_bytes, opened, progress, store_option
from convotrace.errors import BadRequest, StoreError

_BY_ENDING = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".md": "markdown", ".markdown": "markdown"}


@click.command()
@click.option("-q", "--query", "q", help="Filter, such as 'outcome:escalated since:7d'.")
@click.option(
    "-f", "--format", "format", type=click.Choice(["jsonl", "csv", "markdown"]), help="Else by the file's name."
)
@click.option(
    "-w", "--what", type=click.Choice(["sessions", "traces", "spans", "scores", "events"]), default="sessions",
    show_default=True, help="The rows of CSV.",
)  # fmt: skip
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="A file; else standard output.")
@click.option("--force", is_flag=True, help="Replace the file where it is there.")
@store_option
def export(
    q: str | None, format: str | None, what: str, output: Path | None, force: bool, store_url: str | None
) -> None:
    """Write sessions as JSON Lines, CSV or Markdown, the oldest first.

    JSON Lines hold everything, exactly: `convotrace import` makes an equal store of them.
    """
    format = format or _BY_ENDING.get(output.suffix.lower() if output else "", "jsonl")
    if output is not None and output.exists() and not force:
        raise click.UsageError(f"{output} is there already; name another file, or add --force.")
    with opened(store_url) as (store, _):
        try:
            parts = store.export(q, format, what)
            total = store.count(q)
        except BadRequest as error:
            raise click.UsageError(str(error)) from None
        with written(output) as file:
            size = write_parts(file, _with_progress(parts, total, header=format == "csv"))
    if output is not None:
        click.echo(f"Wrote {output}, {total:,} session{'' if total == 1 else 's'}, {in_bytes(size)}.", err=True)


def write_parts(file: IO[bytes], parts: Iterable[bytes]) -> int:
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
        handle, name = tempfile.mkstemp(prefix=f".{output.name}.", dir=output.parent)
    except OSError as error:
        raise StoreError(f"{output} cannot be written ({error.strerror}); name another place.") from None
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        os.replace(name, output)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
