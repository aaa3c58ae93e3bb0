"""`convotrace dataset`: datasets listed, filled, kept as versions and written into files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from convotrace.cli.export import write_parts, written
from convotrace.cli.options import Wrong, in_bytes, json_option, opened, say, store_option
from convotrace.errors import BadRequest, StoreError
from convotrace.export.datasets import FORMATS

if TYPE_CHECKING:
    from convotrace.insight.datasets import Dataset
    from convotrace.store import Store

_TURNS = ("all", "last", "first", "errors", "corrected")


@click.group()
def dataset() -> None:
    """Copies of sessions and turns with the answers they should have had: list, fill, commit, export, delete."""


@dataset.command("list")
@store_option
@json_option
def list_(store_url: str | None, as_json: bool) -> None:
    """Print the datasets."""
    with opened(store_url) as (store, _):
        found = store.datasets()
    words = [f"{one.name:24}{one.items:>8,} items  {_version(one)}  {one.about}".rstrip() for one in found]
    say({"datasets": [one.facts() for one in found]}, "\n".join(words) or "There are no datasets yet.", as_json)


@dataset.command()
@click.argument("name")
@click.option("-q", "--query", "q", help="Sessions of a filter, such as 'score.rating<3 since:7d'.")
@click.option("--queue", help="What was judged in this queue, instead of a filter.")
@click.option("--on", type=click.Choice(["turn", "session"]), default="turn", show_default=True, help="What to copy.")
@click.option(
    "--turns", type=click.Choice(_TURNS), default="all", show_default=True, help="Which turns of each session."
)
@click.option("--most", type=click.IntRange(1), default=10_000, show_default=True, help="Items to copy at most.")
@click.option("--about", default="", help="A line about a new dataset.")
@store_option
@json_option
def fill(
    name: str, q: str | None, queue: str | None, on: str, turns: str, most: int, about: str, store_url: str | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Copy what a filter finds into the dataset NAME, which is made where there is none."""
    with opened(store_url) as (store, _), _refusals():
        if q is not None:
            store.count(q)
        if store.dataset(name) is None:
            store.put_dataset(name, about)
        copied = store.fill_dataset(name, q, on=on, turns=turns, most=most, queue=queue)
        now = _known(store, name)
    say({"copied": copied, **now.facts()}, f"Copied {copied:,}; {name} has {now.items:,} items now.", as_json)


@dataset.command()
@click.argument("name")
@click.option("-m", "--note", default="", help="What is new in it.")
@store_option
@json_option
def commit(name: str, note: str, store_url: str | None, as_json: bool) -> None:
    """Keep the working copy of the dataset NAME as a version that nothing changes any more."""
    with opened(store_url) as (store, _), _refusals():
        made = store.commit_dataset(name, note)
    say({"version": made.number}, f"{name} has version {made.number} now.", as_json)


@dataset.command()
@click.argument("name")
@click.option("-f", "--format", "format", type=click.Choice(FORMATS), help="Else by the file's name.")
@click.option("--version", type=click.IntRange(1), help="Which; else the working copy.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="A file, or a folder for huggingface.")
@click.option("--force", is_flag=True, help="Replace what is there.")
@store_option
def export(
    name: str, format: str | None, version: int | None, output: Path | None, force: bool, store_url: str | None
) -> None:
    """Write the dataset NAME as JSON Lines, for fine-tuning, as CSV, or as a folder for Hugging Face datasets."""
    format = format or ("csv" if output is not None and output.suffix.lower() == ".csv" else "jsonl")
    if format == "huggingface" and output is None:
        raise click.UsageError("huggingface is a folder; name it with --output.")
    if output is not None and output.exists() and not force:
        raise click.UsageError(f"{output} is there already; name another, or add --force.")
    with opened(store_url) as (store, _), _refusals():
        known, parts = _known(store, name), store.items(name, version)
        if format == "huggingface" and output is not None:
            size = _write_folder(store, known, version, output)
        else:
            with written(output) as file:
                size = write_parts(file, store.export_dataset(name, format, version))
        count = sum(1 for _ in parts)
    if output is not None:
        click.echo(f"Wrote {output}, {count:,} item{'' if count == 1 else 's'}, {in_bytes(size)}.", err=True)


@dataset.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@store_option
def delete(name: str, yes: bool, store_url: str | None) -> None:
    """Delete the dataset NAME with all its versions."""
    with opened(store_url) as (store, _), _refusals():
        known = _known(store, name)
        if not yes:
            click.confirm(f"Delete {name}, {known.items:,} items and {len(known.versions)} versions?", abort=True)
        store.drop_dataset(name)
    click.echo(f"Deleted {name}.")


def _write_folder(store: Store, known: Dataset, version: int | None, folder: Path) -> int:
    from convotrace.export.datasets import files

    return sum(
        _write_one(folder / path, parts) for path, parts in files(known, version, store.items(known.name, version))
    )


def _write_one(path: Path, parts: Iterable[bytes]) -> int:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{path.parent} cannot be made ({error.strerror}); name another place.") from None
    with written(path) as file:
        return write_parts(file, parts)


def _known(store: Store, name: str) -> Dataset:
    found = store.dataset(name)
    if found is None:
        names = ", ".join(one.name for one in store.datasets()) or "none yet"
        raise Wrong(f"There is no dataset {name!r}; there are: {names}.")
    return found


def _version(one: Dataset) -> str:
    if not one.version:
        return "no version"
    return f"version {one.version}{'+' if one.changed else ''}"


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except BadRequest as error:
        raise Wrong(str(error)) from None
