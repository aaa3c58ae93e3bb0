"""`convotrace show`: one conversation in the terminal, or as the JSON of the page."""

from __future__ import annotations

import click

from convotrace.cli.options import Wrong, json_option, opened, store_option
from convotrace.cli.words import harmless


@click.command()
@click.argument("session_id")
@store_option
@json_option
def show(session_id: str, store_url: str | None, as_json: bool) -> None:
    """Print the conversation of SESSION_ID: who said what, with calls, errors and scores.

    The id of a trace will do as well.
    """
    from convotrace.export import as_json as record
    from convotrace.export import as_markdown, dump

    with opened(store_url) as (store, _):
        found = store.session(session_id) or store.session(store.session_at_trace(session_id) or "")
    if found is None:
        raise Wrong(f"There is no session {session_id!r}; `convotrace sessions` lists those there are.")
    if as_json:
        click.echo(dump(record(found)).decode())
    else:
        click.echo_via_pager(harmless(as_markdown(found)))
