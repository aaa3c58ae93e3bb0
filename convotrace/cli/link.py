"""`convotrace link`: the address that opens the page, with the token of a store."""

from __future__ import annotations

import json
from urllib.parse import quote, urlsplit

import click

from convotrace.cli.options import Wrong
from convotrace.errors import ConvoTraceError
from convotrace.settings import Settings


@click.command()
@click.argument("base_url", default="http://127.0.0.1:8000")
@click.option(
    "--store", help="Store URL, such as sqlite:///path/to/file.db.  [default: CONVOTRACE_STORE, else the app's default]"
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def link(base_url: str, store: str | None, as_json: bool) -> None:
    """Print the link that opens the page of the app at BASE_URL."""
    if urlsplit(base_url).scheme not in ("http", "https"):
        raise click.UsageError(f"{base_url!r} is no address; write it as http://127.0.0.1:8000")
    try:
        address = _link(base_url, Settings.of({"store": store} if store else {}))
    except ConvoTraceError as error:
        raise Wrong(str(error)) from None
    click.echo(json.dumps({"link": address}) if as_json else address)


def _link(base_url: str, settings: Settings) -> str:
    token = settings.token or _token(settings.store)
    return f"{base_url.rstrip('/')}{settings.mount}/?token={quote(token, safe='')}"


def _token(url: str) -> str:
    # The store brings Peewee: `convotrace --help` does without it.
    from convotrace.store import Store

    store = Store.open(url, create=False)
    try:
        return store.token()
    finally:
        store.close()
