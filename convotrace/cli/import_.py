"""`convotrace import`: files of our own and of others into a store, each trace once however often it is read."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from convotrace.cli.options import Wrong, json_option, progress, say, store_option
from convotrace.errors import BadRequest, ConvoTraceError
from convotrace.model import Change
from convotrace.options import from_text
from convotrace.settings import Settings

if TYPE_CHECKING:
    from convotrace.store import Store

REDACT = """What to take out before it is stored: presets of `redact=` with commas between, all, or none.
[default: CONVOTRACE_REDACT, else the app's default, secrets]"""


@click.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--redact", metavar="NAMES", help=REDACT)
@store_option
@json_option
def import_(files: tuple[Path, ...], redact: str | None, store_url: str | None, as_json: bool) -> None:
    """Read FILES into a store, which is made where there is none.

    Each holds JSON Lines, or one JSON value: sessions that `convotrace export` wrote, OTLP, lists of messages in the
    form of chat APIs, or turns with steps. What is there already is recognised by its ids.
    """
    counted: Counter[str] = Counter()
    # The store brings Peewee: `convotrace --help` does without it.
    from convotrace.store import Store

    try:
        settings = _settings(store_url, redact)
        store = Store.open(settings.store)
    except ConvoTraceError as error:
        raise Wrong(str(error)) from None
    try:
        try:
            _read_all(store, settings, files, counted)
        finally:
            store.close()
    except ConvoTraceError as error:
        raise click.ClickException(str(error)) from None
    facts = {name: counted[name] for name in ("sessions", "traces", "known", "redacted")}
    words = "Read {traces:,} traces of {sessions:,} sessions; {known:,} were there already.".format(**facts)
    say(facts, f"{words} {counted['redacted']:,} values were redacted." if counted["redacted"] else words, as_json)


def _settings(store_url: str | None, redact: str | None) -> Settings:
    given: dict[str, Any] = {"store": store_url} if store_url else {}
    return Settings.of(given if redact is None else {**given, "redact": from_text("redact", redact, ())})


def _read_all(store: Store, settings: Settings, files: tuple[Path, ...], counted: Counter[str]) -> None:
    from convotrace.redaction import Mask, masked_later

    size = sum(path.stat().st_size for path in files)
    sessions: set[str] = set()
    mask = Mask(settings.redact, settings.redact_fields, settings.redact_with == "pseudonym", store.secret("pseudonym"))
    with progress(size, "Importing") as bar:
        for path in files:
            for changes, read in _changes(path, settings):
                counted["known"] += sum(_is_known(store, change) for change in changes)
                written = store.write([masked_later(mask, change) for change in changes], retry=True)
                sessions |= {change.session.id for change in written if change is not None}
                counted["traces"] += sum(change is not None and change.trace is not None for change in written)
                bar.update(read)
    counted["sessions"], counted["redacted"] = len(sessions), sum(mask.counts.values())


def _is_known(store: Store, change: Change) -> bool:
    return change.trace is not None and store.session_at_trace(change.trace.id) is not None


def _changes(path: Path, settings: Settings) -> Iterator[tuple[list[Change], int]]:
    """Yield the changes of each value of a file, with the bytes it took."""
    from convotrace.intake.files import Reader
    from convotrace.pricing import Prices

    reader = Reader(path.stem, path.stat().st_mtime_ns, settings, Prices.of(settings.prices))
    with path.open("rb") as file:
        for line, found, size in _values(path, file):
            try:
                yield reader.read(found, line), size
            except BadRequest as error:
                raise BadRequest(f"{path.name}: {error}") from None


def _values(path: Path, file: IO[bytes]) -> Iterator[tuple[int, Any, int]]:
    """Yield the JSON values of a file: one a line, or the whole of it where its first line is none by itself."""
    first = file.readline()
    try:
        json.loads(first)
    except ValueError:
        text = first + file.read()
        yield 1, _value(path, 1, text), len(text)
        return
    for number, text in enumerate(chain([first], file), 1):
        if text.strip():
            yield number, _value(path, number, text), len(text)


def _value(path: Path, line: int, text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"{path.name}: Line {line} is no JSON ({error}); nothing after it was read.") from None
