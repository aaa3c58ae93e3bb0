"""`convotrace demo`: serves the demo app, posts conversations to it over HTTP, and shows where to look."""

from __future__ import annotations

import json
import secrets
import sys
import threading
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from convotrace.cli.options import Wrong
from convotrace.errors import ConvoTraceError

if TYPE_CHECKING:
    from convotrace import ConvoTrace
    from convotrace.demo.posting import Summary
    from convotrace.demo.recordings import Recording
    from convotrace.demo.service import Service

DEFAULT_STORE = "sqlite:///.convotrace/demo.db"
MODEL_PACE = 0.012
"""Seconds the model takes for a word, so that a stream looks like one."""
WORKERS = 4
_ROWS = ("sessions", "turns", "agent", "generation", "tool", "retrieval", "errors", "scores")


@click.command()
@click.option("--once", is_flag=True, help="Stop after a summary; exit code 1 if something posted is not stored.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    default=8000,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="Port; where taken, the next free one.",
)
@click.option(
    "--pace",
    default=0.4,
    show_default=True,
    type=click.FloatRange(0),
    help="Seconds between two turns of one conversation.",
)
@click.option("--fast", is_flag=True, help="Post without waiting, and let the model answer at once.")
@click.option("--store", envvar="CONVOTRACE_STORE", default=DEFAULT_STORE, show_default=True, help="Store URL.")
@click.option("--conversations", "files", multiple=True, type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="Post these files instead of the demo's own conversations.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def demo(
    once: bool, host: str, port: int, pace: float, fast: bool, store: str, files: tuple[Path, ...], as_json: bool
) -> None:
    """Start a demo app and hold conversations with it."""
    from convotrace import ConvoTrace
    from convotrace.demo.limits import tool_loop
    from convotrace.demo.service import Service

    recordings = _recordings(files)
    try:
        ct = ConvoTrace(store=store)
        ct.open_store()
    except ConvoTraceError as error:
        raise Wrong(str(error)) from None
    try:
        ct.on_turn(tool_loop)
        plan = _Plan(
            ct, Service(0.0 if fast else MODEL_PACE), recordings, host, port, 0.0 if fast else pace, once, as_json
        )
        passed = _run_and_close(plan)
    except ConvoTraceError as error:
        raise click.ClickException(str(error)) from None
    sys.exit(0 if passed else 1)


@dataclass(frozen=True)
class _Plan:
    """What one run of the command is to do."""

    ct: ConvoTrace
    service: Service
    recordings: list[Recording]
    host: str
    port: int
    pace: float
    once: bool
    as_json: bool


def _recordings(files: tuple[Path, ...]) -> list[Recording]:
    from convotrace import demo as room
    from convotrace.demo.recordings import UnreadableFile, read

    if not files:
        # A second run makes new sessions rather than longer ones.
        return read([Path(room.__file__).parent / "data" / "conversations.jsonl"], suffix=f"-{secrets.token_hex(2)}")
    try:
        return read(files)
    except UnreadableFile as error:
        raise click.UsageError(str(error)) from None


def _run_and_close(plan: _Plan) -> bool:
    try:
        return _run(plan)
    except KeyboardInterrupt:
        click.echo("\nStopped.", err=True)
        return not plan.once
    finally:
        plan.ct.close()
        plan.service.assistant.close()


def _run(plan: _Plan) -> bool:
    """Serve, post, compare; then stay up unless told otherwise. Tells whether all that was posted is stored."""
    from convotrace.demo.server import CannotListen, serve
    from convotrace.demo.wsgi_app import DemoApp
    from convotrace.wsgi import ConvoTraceMiddleware

    app = ConvoTraceMiddleware(DemoApp(plan.service), convotrace=plan.ct)
    try:
        with serve(app, plan.host, plan.port) as port:
            return _visit(plan, f"http://{_reachable(plan.host)}:{port}")
    except CannotListen as error:
        raise click.ClickException(str(error)) from None


def _visit(plan: _Plan, base_url: str) -> bool:
    link = plan.ct.link(base_url)
    _say(plan, f"Chat page  {base_url}/\nSessions   {link}")
    summary, stored = _post(plan, base_url)
    passed = _report(plan, summary, stored, link)
    if not plan.once:
        _say(plan, "The app stays up; Ctrl-C stops it.")
        threading.Event().wait()
    return passed


def _post(plan: _Plan, base_url: str) -> tuple[Summary, Counter[str]]:
    """Post all conversations; return what was posted, and what the store holds more than before."""
    from convotrace.demo.replay import with_progress
    from convotrace.demo.stored import totals

    ids = [recording.id for recording in plan.recordings]
    before = totals(plan.ct.store, ids)
    summary = with_progress(plan.recordings, base_url, WORKERS, plan.pace)
    plan.ct.flush(30)
    stored = totals(plan.ct.store, ids)
    stored.subtract(before)
    return summary, stored


def _report(plan: _Plan, summary: Summary, stored: Counter[str], link: str) -> bool:
    """Print what was posted beside what is stored."""
    posted = _posted(summary, plan.service.assistant.tally.counts())
    rows = [(name, posted[name], stored[name]) for name in _ROWS]
    equal = not summary.failures and all(there == here for _, there, here in rows)
    if plan.as_json:
        click.echo(json.dumps(_facts(rows, summary.failures, equal, link), ensure_ascii=False))
        return equal
    click.echo("\n".join([f"{'':12}{'posted':>8}{'stored':>8}", *(f"{n:12}{a:>8}{b:>8}" for n, a, b in rows)]))
    for failure in summary.failures[:5]:
        click.echo(failure, err=True)
    if not equal:
        click.echo("What is stored is not what was posted.", err=True)
    return equal


def _posted(summary: Summary, tally: Counter[str]) -> Counter[str]:
    """Put together what was posted as recorded steps and what the assistant did to answer."""
    posted = summary.counts + tally
    posted["errors"] += posted.pop("error", 0)
    posted["sessions"] = summary.conversations
    return posted


def _facts(rows: list[tuple[str, int, int]], failures: list[str], equal: bool, link: str) -> dict[str, Any]:
    return {
        "posted": {name: there for name, there, _ in rows},
        "stored": {name: here for name, _, here in rows},
        "failures": failures,
        "equal": equal,
        "link": link,
    }


def _reachable(host: str) -> str:
    """Return the address under which a listener can be visited from this machine."""
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)
    return f"[{shown}]" if ":" in shown and not shown.startswith("[") else shown


def _say(plan: _Plan, text: str) -> None:
    # With --json, stdout holds JSON and nothing else.
    click.echo(text, err=plan.as_json)
