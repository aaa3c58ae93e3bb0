"""`convotrace stats`: what many turns come to, as a small table or as JSON."""

from __future__ import annotations

import click

from convotrace.cli.options import json_option, opened, plural, store_option
from convotrace.cli.words import on_one_line
from convotrace.errors import BadRequest
from convotrace.model import Metrics, MetricSeries, Tally

_HEADS = ("Turns", "Failed", "Errors", "Tokens", "Cost", "p50", "p95", "p99", "First byte")
_LONGEST = 40


@click.command()
@click.option("--since", default="24h", show_default=True, help="From when: 24h, 30d, 2026-11-26 or a moment.")
@click.option("--until", help="Until when.  [default: now]")
@click.option(
    "--by", help="Group by environment, release, service, route, model, tool, user, tag, outcome, meta.<name>."
)
@click.option("-q", "--query", "q", help="Only turns of the sessions that a filter finds, such as 'tag:vip'.")
@click.option("--most", default=20, show_default=True, type=click.IntRange(1, 200), help="Groups to print.")
@store_option
@json_option
def stats(
    since: str, until: str | None, by: str | None, q: str | None, most: int, store_url: str | None, as_json: bool
) -> None:
    """Count turns and sum them up: errors, tokens, cost, latency."""
    from convotrace.export import as_json as record
    from convotrace.export import dump

    with opened(store_url) as (store, _):
        try:
            found = store.metrics(since, until, by=by, q=q, most=most, points=as_json, sessions=True)
        except BadRequest as error:
            raise click.UsageError(str(error)) from None
    click.echo(dump(record(found)).decode() if as_json else "\n".join(_lines(found)))


def _lines(found: Metrics) -> list[str]:
    rows = [(_name(series), *_cells(series.tally)) for series in found.series if found.by]
    rows.append(("All", *_cells(found.total)))
    heads = ((found.by or "").capitalize(), "Calls" if found.by in ("model", "tool") else _HEADS[0], *_HEADS[1:])
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    table = ["  ".join(_aligned(row, widths)).rstrip() for row in (heads, *rows)]
    return [f"{found.since:%Y-%m-%d %H:%M} to {found.until:%Y-%m-%d %H:%M} UTC", *table, *_notes(found)]


def _notes(found: Metrics) -> list[str]:
    notes = []
    if (told := found.sessions) is not None and told.count:
        ends = ", ".join(
            f"{getattr(told, name):,} {name}" for name in ("completed", "escalated", "abandoned", "failed")
        )
        mean = told.turns_per_session or 0
        notes.append(f"{plural(told.count, 'session')} began, {mean:.1f} turns each: {ends}.")
    if found.sampled:
        what = "Sessions are" if found.tier == "buckets" else "All this is"
        notes.append(f"{what} estimated from {found.share:.1%} of the sessions.")
    if found.rolled_up:
        notes.append("Some of these sessions were deleted by retention; they are still counted here.")
    return notes


def _name(series: MetricSeries) -> str:
    return "–" if series.key is None else on_one_line(series.key, _LONGEST)


def _cells(tally: Tally) -> tuple[str, ...]:
    times = (tally.duration.p50_ms, tally.duration.p95_ms, tally.duration.p99_ms, tally.first_byte.p50_ms)
    return (
        f"{tally.count:,}", f"{tally.failed:,}", f"{tally.errors:,}",
        "–" if tally.tokens is None else f"{tally.tokens:,}", "–" if tally.cost is None else f"{tally.cost:.4f}",
        *map(_time, times),
    )  # fmt: skip


def _time(ms: float | None) -> str:
    if ms is None:
        return "–"
    return f"{ms:.0f} ms" if ms < 1000 else f"{ms / 1000:.1f} s"


def _aligned(row: tuple[str, ...], widths: list[int]) -> list[str]:
    first, *rest = row
    return [first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True))]
