"""`convotrace audit`: who looked at, searched, judged, exported or erased what, newest first."""

from __future__ import annotations

import getpass
import time
from typing import TYPE_CHECKING

import click

from convotrace.cli.options import json_option, opened, store_option
from convotrace.cli.words import on_one_line
from convotrace.errors import StoreError

if TYPE_CHECKING:
    from convotrace.store import Store

_LONGEST = 60


@click.command()
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1_000), help="Lines to print.")
@store_option
@json_option
def audit(limit: int, store_url: str | None, as_json: bool) -> None:
    """Print who looked at, searched, judged, exported or erased what, the newest first."""
    from convotrace.export import dump
    from convotrace.page.audit import shown

    with opened(store_url) as (store, _):
        acts = store.acts(limit)
    if as_json:
        click.echo(dump({"acts": [shown(act) for act in acts]}).decode())
        return
    for act in acts:
        about = act.target or (f"(gone: {act.subject[:8]})" if act.subject else "")
        detail = ", ".join(f"{name} {value}" for name, value in act.detail.items() if value not in (None, "", 0))
        line = f"{act.at:%Y-%m-%d %H:%M:%S}  {act.action:<9}  {on_one_line(act.actor, 30):<20}  {about}  {detail}"
        click.echo(on_one_line(line, 200).rstrip())
    if not acts:
        click.echo("Nothing yet.", err=True)


def note_export(store: Store, what: str, q: str | None) -> None:
    """Note that somebody exports at this terminal; a store that cannot be written is read all the same."""
    from convotrace.model import Act

    try:
        store.note_acts([Act(time.time_ns(), actor(), "export", detail={"what": what, "q": q or ""})])
    except StoreError:
        return


def actor() -> str:
    """Return who sits at this terminal, as the system names them."""
    try:
        return f"cli:{getpass.getuser()}"
    except (OSError, KeyError, ImportError):
        return "cli"
