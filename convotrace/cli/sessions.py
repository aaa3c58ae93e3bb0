"""`convotrace sessions`: finds sessions by the filter of the page and prints them, as a table or as its JSON."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from convotrace.cli.options import json_option, opened, store_option
from convotrace.cli.words import on_one_line
from convotrace.errors import BadRequest
from convotrace.model import Session, SessionPage

_HEADS = ("Last activity", "Turns", "Errors", "Tokens", "Cost", "Outcome", "User", "Session", "First input")
_NUMBERS = range(1, 5)
_LONGEST = 60


@click.command()
@click.option("-q", "--query", "q", help="Filter, such as 'user:ann has:error since:24h'.")
@click.option("--order", default="-last", show_default=True, help="Such as turns or cost; - in front: greatest first.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1000), help="The most to print.")
@click.option("--after", help="The `next` of the JSON before.")
@store_option
@json_option
def sessions(q: str | None, order: str, limit: int, after: str | None, store_url: str | None, as_json: bool) -> None:
    """Find sessions and print them."""
    from convotrace.export import as_json as record
    from convotrace.export import dump

    with opened(store_url) as (store, _):
        try:
            found = store.sessions(q, order, limit, after)
        except BadRequest as error:
            raise click.UsageError(str(error)) from None
    if as_json:
        click.echo(dump(record(found)).decode())
    else:
        _show(found)


def _show(found: SessionPage) -> None:
    rows = [_cells(session) for session in found]
    if not rows:
        click.echo("No session matches.", err=True)
    elif not (sys.stdout.isatty() and _show_rich(rows)):
        click.echo("\n".join(_plain([_HEADS, *rows])))
    if found.next:
        click.echo(f"There are more; raise --limit, or go on with --after {found.next}", err=True)


def _cells(session: Session) -> tuple[str, ...]:
    known = [number for number in (session.input_tokens, session.output_tokens) if number is not None]
    at, words = session.last_at, (session.user_id or "", session.id, session.first_input or session.name or "")
    return (
        "" if at is None else at.strftime("%Y-%m-%d %H:%M:%S"), f"{session.turns:,}", f"{session.errors:,}",
        f"{sum(known):,}" if known else "–", "–" if session.cost is None else f"{session.cost:.4f}", session.outcome,
        *(on_one_line(text, _LONGEST) for text in words),
    )  # fmt: skip


def _plain(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(_aligned(cell, n, widths[n]) for n, cell in enumerate(row)).rstrip() for row in rows]


def _aligned(cell: str, column: int, width: int) -> str:
    return cell.rjust(width) if column in _NUMBERS else cell.ljust(width)


def _show_rich(rows: Sequence[Sequence[str]]) -> bool:
    """Print a table with rich; return whether it is installed."""
    try:
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text
    except ImportError:
        return False
    table = Table(box=None, header_style="bold")
    for number, head in enumerate(_HEADS):
        table.add_column(head, justify="right" if number in _NUMBERS else "left", no_wrap=True)
    for row in rows:
        # As Text: what people wrote is no markup.
        table.add_row(*map(Text, row))
    Console().print(table)
    return True
