"""`convotrace tail`: turns as they end, of every process that writes into a store."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from convotrace.cli.options import Wrong, json_option, opened, store_option
from convotrace.cli.words import on_one_line
from convotrace.errors import BadRequest
from convotrace.model import Trace

if TYPE_CHECKING:
    from convotrace.store import Store

_EVERY = 0.5
_LONGEST = 200
_TURNS_OF_A_SESSION = 20
_REMEMBERED = 50_000
# A turn that runs longer than this when it is first seen may be told twice.
_LOOKS_BACK_NS = 15 * 60 * 10**9


@click.command()
@click.option("-q", "--query", "q", help="Only sessions of a filter, such as 'has:error' or 'user:ann'.")
@click.option(
    "-n", "--lines", "last", default=10, show_default=True, type=click.IntRange(0, 200), help="Turns to begin with."
)
@store_option
@json_option
def tail(q: str | None, last: int, store_url: str | None, as_json: bool) -> None:
    """Print each turn when it ends; Ctrl-C stops it."""
    from convotrace.export import as_json as record
    from convotrace.export import dump

    with opened(store_url) as (store, _):
        watch = Watch(store, q)
        try:
            earlier = sorted(watch.look(time.time_ns() - _LOOKS_BACK_NS), key=lambda turn: turn.started_ns)
        except BadRequest as error:
            raise Wrong(str(error)) from None
        try:
            for turn in _all(watch, earlier[len(earlier) - last :] if last else []):
                click.echo(dump(record(turn)).decode() if as_json else _lines(turn))
        except KeyboardInterrupt:
            return


class Watch:
    """Finds the turns that ended since it last looked.

    Args:
        store: Where to look.
        q: A filter of sessions; None for all.
    """

    def __init__(self, store: Store, q: str | None) -> None:
        self._store, self._q = store, q
        self._versions: dict[str, int] = {}
        # In order of their coming, so that the oldest can be forgotten.
        self._told: dict[str, None] = {}

    def look(self, since_ns: int) -> Iterator[Trace]:
        """Yield every turn that was not yielded before and has ended, of sessions active since a moment."""
        for activity in reversed(self._store.changes(self._q, since_ns)):
            if self._versions.get(activity.key) == activity.version:
                continue
            self._versions[activity.key] = activity.version
            yield from self._of_session(activity.key, max(1, activity.turns - _TURNS_OF_A_SESSION + 1))
        for kept in (self._told, self._versions):
            while len(kept) > _REMEMBERED:
                del kept[next(iter(kept))]

    def _of_session(self, key: str, first: int) -> Iterator[Trace]:
        found = self._store.excerpt_by_key(key, turn=first, count=_TURNS_OF_A_SESSION, is_light=True)
        for trace in found.conversation.traces if found is not None else ():
            is_wanted = trace.turn is not None and trace.turn >= first
            if is_wanted and trace.status != "running" and trace.id not in self._told:
                self._told[trace.id] = None
                yield trace


def _all(watch: Watch, earlier: list[Trace]) -> Iterator[Trace]:
    yield from earlier
    while True:
        time.sleep(_EVERY)
        yield from watch.look(time.time_ns() - _LOOKS_BACK_NS)


def _lines(turn: Trace) -> str:
    at = turn.started_at
    took = "" if turn.duration_ms is None else f"{turn.duration_ms:,.0f} ms"
    calls = [f"{span.kind} {span.name}" for span in turn.spans if span.kind in ("generation", "tool", "retrieval")]
    head = [
        "" if at is None else at.astimezone().strftime("%H:%M:%S"),
        click.style(on_one_line(turn.session_id, 60), bold=True),
        f"turn {turn.turn}",
        took,
        click.style(turn.status, fg="green" if turn.status == "ok" else "red"),
    ]
    lines = ["  ".join(part for part in head if part)]
    lines += _said("user", turn.input.text, "cyan")
    lines += [click.style(f"  {on_one_line(' · '.join(calls), _LONGEST)}", dim=True)] if calls else []
    lines += _said("assistant", turn.output.text, "magenta")
    if turn.error is not None:
        lines += _said("error", f"{turn.error.type}: {turn.error.message}", "red")
    return "\n".join(lines)


def _said(who: str, text: str | None, colour: str) -> list[str]:
    return [] if text is None else [f"  {click.style(who, fg=colour)} {on_one_line(text, _LONGEST)}"]
