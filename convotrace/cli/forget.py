"""`convotrace forget`: deletes one session, or everything of one user, for good."""

from __future__ import annotations

import sys

import click

from convotrace.cli.options import amount, json_option, opened, say, store_option
from convotrace.options import shown_url


@click.command()
@click.option("--user", help="Id of the user to forget.")
@click.option("--session", help="Id of the session to forget.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@store_option
@json_option
def forget(user: str | None, session: str | None, yes: bool, store_url: str | None, as_json: bool) -> None:
    """Delete a session, or all sessions of a user, from every table and from the bytes of the file."""
    if (user is None) == (session is None):
        raise click.UsageError("Name what to forget: --user ID or --session ID, one of them.")
    with opened(store_url) as (store, _):
        what = f"everything of user {user!r}" if user is not None else f"session {session!r}"
        if not yes:
            click.confirm(f"Delete {what} from {shown_url(store.url)} for good?", abort=True, err=True)
        found = store.forget(user=user, session=session, actor="cli")
    if found.leftover is not None and (found.sessions or found.traces):
        click.echo(found.leftover, err=True)
    say(vars(found), f"Forgot {amount(found)}.", as_json)
    # Nothing found is no success: the id may be mistyped, and somebody waits for the deletion.
    sys.exit(0 if found.traces or found.sessions else 1)
