"""`convotrace migrate`: says which schema a store has, and brings it to the newest one."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from convotrace.cli.options import Wrong, json_option, opened, say, store_option
from convotrace.errors import ConvoTraceError
from convotrace.options import shown_url
from convotrace.settings import Settings


@click.command()
@click.option("--check", is_flag=True, help="Change nothing; exit code 1 where there is something to do.")
@click.option(
    "--backup", type=click.Path(path_type=Path), metavar="PATH", help="Copy the store (SQLite) to PATH first."
)
@store_option
@json_option
def migrate(check: bool, backup: Path | None, store_url: str | None, as_json: bool) -> None:
    """Say which schema a store has, and bring it to the newest one this convotrace knows.

    Opening a store does the same by itself: this is for those who want to do it at a time of their choosing, after a
    copy. There is no way back but the copy.
    """
    from convotrace.store.schema import SCHEMA_VERSION

    try:
        url = Settings.of({"store": store_url} if store_url else {}).store
        before = _schema_of(url)
    except ConvoTraceError as error:
        raise Wrong(str(error)) from None
    facts = {"store": shown_url(url), "schema": before, "newest": SCHEMA_VERSION, "migrated": False}
    if before == SCHEMA_VERSION:
        say(facts, f"The store has schema {before}, the newest this convotrace knows: nothing to do.", as_json)
        return
    if check:
        say(facts, f"The store has schema {before or 'none'}; this convotrace brings it to {SCHEMA_VERSION}.", as_json)
        sys.exit(1)
    if backup is not None:
        _copied(url, backup)
    with opened(store_url) as (store, _):
        state = store.integrity()
    sentence = f"Brought {shown_url(url)} from schema {before or 'none'} to {SCHEMA_VERSION}; integrity: {state}."
    say({**facts, "migrated": True, "integrity": state}, sentence, as_json)
    sys.exit(0 if state == "ok" else 1)


def _schema_of(url: str) -> int | None:
    # The store brings Peewee: `convotrace --help` does without it.
    from convotrace.store.databases import schema_of

    return schema_of(url)


def _copied(url: str, to: Path) -> None:
    from convotrace.store.databases import copy

    try:
        copy(url, to)
    except ConvoTraceError as error:
        raise Wrong(str(error)) from None
