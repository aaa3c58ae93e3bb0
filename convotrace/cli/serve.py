"""`convotrace serve`: the whole page on a stored file, without the app that wrote it."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from convotrace.cli.options import Wrong
from convotrace.errors import ConvoTraceError
from convotrace.settings import Settings


@click.command()
@click.argument("file", required=False)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=8765, show_default=True, type=click.IntRange(0, 65535), help="Where taken, the next free one."
)
@click.option("--otlp", is_flag=True, help="Take spans and logs at /_sessions/v1/traces and /v1/logs.")
def serve(file: str | None, host: str, port: int, otlp: bool) -> None:
    """Open the page on FILE, a store file or URL; nothing in it is deleted by age or size meanwhile.

    Without FILE, on the store of CONVOTRACE_STORE.
    """
    from convotrace import ConvoTrace

    try:
        options = {} if file is None else {"store": _url(file, must_be_there=not otlp)}
        if not otlp:
            _check(options.get("store"))
        # A file that somebody looks at is not theirs to prune.
        keeps = {"retention_days": None, "retention_bytes": None, "retention_rows": None}
        ct = ConvoTrace(**options, **keeps, enabled=True, otlp_receiver=otlp)
        try:
            _serve(ct, host, port)
        finally:
            ct.close()
    except ConvoTraceError as error:
        raise Wrong(str(error)) from None


def _serve(ct: Any, host: str, port: int) -> None:
    from convotrace.demo.server import CannotListen
    from convotrace.demo.server import serve as served
    from convotrace.wsgi import ConvoTraceMiddleware

    ct.open_store()
    try:
        with served(ConvoTraceMiddleware(_nothing_else, convotrace=ct), host, port) as opened:
            click.echo(f"Sessions  {ct.link(f'http://{host}:{opened}')}\nCtrl-C stops it.")
            threading.Event().wait()
    except CannotListen as error:
        raise click.ClickException(str(error)) from None
    except KeyboardInterrupt:
        click.echo("\nStopped.", err=True)


def _check(url: str | None) -> None:
    """Raise StoreError where there is no store to look at: none is to be made by looking."""
    from convotrace.store.databases import schema_of

    schema_of(Settings.of({"store": url} if url else {}).store)


def _url(file: str, must_be_there: bool) -> str:
    if "://" in file or file == "memory:":
        return file
    if must_be_there and not Path(file).is_file():
        raise Wrong(f"There is no file {file}; name a store file, or a URL such as sqlite:///path/to/file.db.")
    return f"sqlite:///{Path(file).absolute()}"


def _nothing_else(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
    return [b"The sessions are under /_sessions."]
