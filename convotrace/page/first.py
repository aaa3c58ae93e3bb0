"""The list before its first turn: what to type, what is true right now, and a turn to try with."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from shlex import quote

from convotrace.identity import session_key
from convotrace.model import Change, Json, Payload, SessionFacts, Trace
from convotrace.options import shown_url
from convotrace.page.copies import base
from convotrace.page.format import plural
from convotrace.page.http import PageResponse, as_data, redirect, wrong
from convotrace.page.visit import Visit

_ASKED = "Hello! Does this conversation arrive?"
_ANSWERED = "It does. This turn was made by the button on the page; your app was not asked. Delete it when you like."


def snippet(visit: Visit) -> str:
    """Return a command that sends a turn to the app, as far as its address is known here."""
    app = base(visit)
    return (
        f"curl -s {quote(app + '/chat')} \\\n"
        "  -H 'content-type: application/json' -H 'x-session-id: first-try' \\\n"
        """  -d '{"message": "Hello"}'\n"""
        f"# then open {app}{visit.backend.settings.mount}/"
    )


def checks(visit: Visit) -> list[tuple[bool, str]]:
    """Return what is true right now, each with whether it is as it should be."""
    health = visit.backend.health()
    requests = health.get("requests")
    counts = {str(name): int(number) for name, number in _pairs(requests) if isinstance(number, int)}
    total = sum(counts.values())
    opened = dict(_pairs(health.get("websocket"))).get("connections")
    sockets = f" and {plural(opened, 'WebSocket connection')}" if isinstance(opened, int) and opened else ""
    seen = [(True, f"The middleware is installed, {plural(total, 'request')}{sockets} seen")]
    if total and not counts.get("turns"):
        held = ", ".join(f"{number:,} {name.replace('_', ' ')}" for name, number in counts.items() if number)
        seen.append((False, f"None of them looked like a turn: {held}"))
    return [*seen, (True, f"The store is readable: {shown_url(visit.backend.settings.store)}")]


def send(visit: Visit) -> PageResponse:
    """Record a turn that was made up here, tagged `test`; lead to its session, or name it as JSON."""
    session_id, now_ns = f"test-{secrets.token_hex(4)}", time.time_ns()
    settings = visit.backend.settings
    facts = SessionFacts(
        session_id, environment=settings.effective_environment, release=settings.release, service=settings.service,
        tags=("test",),
    )  # fmt: skip
    turn = Trace(
        secrets.token_hex(16), session_id, "test turn", is_turn=True, started_ns=now_ns, duration_ns=0,
        input=Payload(_ASKED), output=Payload(_ANSWERED), service=settings.service,
    )  # fmt: skip
    if not visit.backend.put(Change(facts, turn)):
        return wrong("The queue is full, so no turn was recorded; try again.", 503, not visit.request.is_form)
    visit.reader()
    key = session_key(session_id)
    return redirect(f"s/{key}", 303) if visit.request.is_form else as_data({"session_id": session_id, "key": key}, 201)


def _pairs(value: Json) -> list[tuple[Json, Json]]:
    return list(value.items()) if isinstance(value, Mapping) else []
