"""`convotrace forward`: stored sessions to an OTLP backend, each once however often it is run."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from convotrace.cli.audit import note_export
from convotrace.cli.options import Wrong, json_option, opened, progress, say, store_option
from convotrace.errors import BadRequest, SettingsError

if TYPE_CHECKING:
    from convotrace.jobs.forwarding import Parcel, Sent
    from convotrace.jobs.otlp_client import Forward
    from convotrace.settings import Settings
    from convotrace.store import Store
    from convotrace.store.outbox import Outbox

_TRIES = 5
_LONGEST_PAUSE = 30.0


@click.command()
@click.option(
    "--to", "url", help="Such as http://127.0.0.1:4318, an OTLP/HTTP endpoint.  [default: CONVOTRACE_FORWARD]"
)
@click.option("-q", "--query", "q", help="Only sessions of a filter, such as 'has:error since:7d'.")
@click.option("-H", "--header", "headers", multiple=True, metavar="NAME=VALUE", help="Sent along; may be repeated.")
@click.option(
    "--dialect",
    type=click.Choice(["otel", "phoenix", "langfuse", "maxim"]),
    help="Whose names to use.",
)
@click.option("--protobuf", is_flag=True, help="Send protobuf (convotrace[otlp]) instead of JSON.")
@click.option("--again", is_flag=True, help="Send what was sent there before as well.")
@click.option("--exported", is_flag=True, help="Send what the app's own OpenTelemetry SDK exported as well.")
@store_option
@json_option
def forward(
    url: str | None, q: str | None, headers: tuple[str, ...], dialect: str | None, protobuf: bool, again: bool,
    exported: bool, store_url: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Send stored sessions to an OpenTelemetry backend, the oldest first.

    What was sent is noted in the store: run it again after a failure, or when there is more, and it goes on there.
    """
    from convotrace.jobs.otlp_client import NotTaken

    with opened(store_url) as (store, settings):
        to = _target(settings, url, headers, dialect, protobuf, exported)
        note_export(store, f"forward to {to.shown}", q)
        try:
            sent, failure = _sent(store, to, q, again), None
        except BadRequest as error:
            raise Wrong(str(error)) from None
        except NotTaken as error:
            sent, failure = None, str(error)
    if sent is None:
        raise click.ClickException(f"{failure}. What was sent before is noted: run it again to go on.")
    words = f"Sent {sent.spans:,} spans of {sent.traces:,} traces to {to.shown}"
    words += f"; {sent.dropped:,} spans were refused" if sent.dropped else ""
    facts = {"to": to.shown, "traces": sent.traces, "spans": sent.spans, "refused": sent.dropped, "remark": sent.remark}
    say(facts, f"{words}.{f' It says: {sent.remark}' if sent.remark else ''}", as_json)
    sys.exit(1 if sent.dropped else 0)


def _target(
    settings: Settings, url: str | None, headers: Sequence[str], dialect: str | None, protobuf: bool, exported: bool
) -> Forward:
    from convotrace.jobs.otlp_client import Forward

    named = [one for one in settings.forward if isinstance(one, str)]
    url = url or (named[0] if len(named) == 1 else None)
    if url is None:
        raise Wrong("Name where to send to: --to http://127.0.0.1:4318, or CONVOTRACE_FORWARD.")
    found = {}
    for text in headers or settings.forward_headers:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise Wrong("A header came that is none; write it as --header Name=value.")
        found[name.strip()] = value.strip()
    try:
        return Forward(url, found, dialect or settings.forward_dialect, protobuf or None, exported)
    except SettingsError as error:
        raise Wrong(str(error).replace("forward has", "--to or --header has", 1)) from None


def _sent(store: Store, to: Forward, q: str | None, again: bool) -> Sent:
    from convotrace.jobs.forwarding import Sent, batches

    box, total = store.outbox(to.target), Sent()
    state = box.state() or {"to": to.shown, "dialect": to.dialect, "since_ns": time.time_ns(), "low_ns": time.time_ns()}
    with progress(store.count(q), "Sending") as bar:
        for group in batches(_parcels(store, box, to, q, again, bar)):
            sent = _delivered(to, group)
            box.note([(one.waiting, one.told()) for one in group], state)
            total = Sent(
                total.traces + sent.traces, total.spans + sent.spans, total.dropped + sent.dropped,
                sent.remark or total.remark,
            )  # fmt: skip
    return total


def _parcels(store: Store, box: Outbox, to: Forward, q: str | None, again: bool, bar: Any) -> Iterator[Parcel]:
    from convotrace.export.otlp import Sending
    from convotrace.jobs.evaluation import walk
    from convotrace.jobs.forwarding import parcel, trace_of

    how = Sending(to.dialect, to.exported)
    for session in walk(store, q, "started"):
        talk = store.session(session.id)
        waiting = box.of_session(session.key) if talk is not None else []
        for one in waiting:
            trace = trace_of(talk, one) if talk is not None else None
            if talk is not None and trace is not None and trace.status != "running":
                made = parcel(how, talk, trace, one if not again else one.afresh(), takes_session=one == waiting[-1])
                if made.spans or one.told is None:
                    yield made
        bar.update(1)


def _delivered(to: Forward, group: list[Parcel]) -> Sent:
    """Send a batch, some times over where a backend is busy."""
    from convotrace.jobs.forwarding import deliver, pause_after
    from convotrace.jobs.otlp_client import NotTaken

    for number in range(1, _TRIES + 1):
        try:
            return deliver(to, group)
        except NotTaken as error:
            is_hopeless = error.status is not None and error.status not in (408, 429) and error.status < 500
            if number == _TRIES or is_hopeless:
                raise
            time.sleep(min(error.after if error.after is not None else pause_after(number - 1), _LONGEST_PAUSE))
    raise AssertionError
