"""What the middleware does right now: queue, writer, losses and their reasons, settings, access; the same as JSON."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address

from convotrace.errors import ConvoTraceError
from convotrace.model import Json
from convotrace.options import shown_url
from convotrace.page import facts
from convotrace.page.facts import Card
from convotrace.page.format import plural
from convotrace.page.http import PageRequest, PageResponse, as_data
from convotrace.page.render import page as render
from convotrace.page.visit import Visit


@dataclass(frozen=True)
class Banner:
    """The one thing that everybody should know: what, and what it means."""

    what: str
    then: str


def page(visit: Visit) -> PageResponse:
    """Return the state as a page."""
    state = _state(visit)
    cards, dropped = [card for card in _cards(visit, state) if card.rows], state.get("dropped")
    view = {
        "banner": worst(visit, dropped), "lost": sum(number for number, _ in facts.lost(dropped)),
        "warnings": _warnings(visit, state), "cards": cards, "report": _report(cards),
        "is_writing": state.get("last_error") is None,
    }  # fmt: skip
    return render("health.html", {**visit.frame("health"), **view})


def data(visit: Visit) -> PageResponse:
    """Return the state as JSON."""
    return as_data(_state(visit))


def worst(visit: Visit, dropped: Json) -> Banner | None:
    """Return the worst that is true now: records that were dropped, or a page that others on the way can read."""
    lost = list(facts.lost(dropped))
    if lost:
        reasons = ", ".join(dict.fromkeys(reason for _, reason in lost))
        number = sum(number for number, _ in lost)
        return Banner(f"{plural(number, 'record')} dropped", f": {reasons}. Requests were not delayed.")
    if is_exposed(visit.request):
        return Banner(
            "This page came over plain http from another machine",
            ": whoever is on the way can read it, and the link. Serve it by https.",
        )
    return None


def is_exposed(request: PageRequest) -> bool:
    """Tell whether a request came from another machine without TLS, as far as it says itself."""
    if request.scheme == "https" or "https" in (request.header("x-forwarded-proto") or "").lower():
        return False
    if "proto=https" in (request.header("forwarded") or "").lower():
        return False
    try:
        return not ip_address((request.peer or "127.0.0.1").partition("%")[0]).is_loopback
    except ValueError:
        return False


def _state(visit: Visit) -> dict[str, Json]:
    """Return the state with no password in the address of the store."""
    state = dict(visit.backend.health())
    store = state.get("store")
    if isinstance(store, Mapping) and isinstance(store.get("url"), str):
        state["store"] = {**store, "url": shown_url(str(store["url"]))}
    return state


def _cards(visit: Visit, state: Mapping[str, Json]) -> list[Card]:
    settings = visit.backend.settings
    return [
        facts.writer(state), facts.store(state, _oldest_ns(visit), time.time_ns()), facts.cost(state),
        facts.requests(state), facts.capture(settings), facts.access(visit, shown_url(settings.store)),
        facts.telemetry(state), facts.receiver(settings, state), facts.workers(state), facts.version(),
        *facts.others(state),
    ]  # fmt: skip


def _oldest_ns(visit: Visit) -> int | None:
    try:
        found = visit.backend.store().sessions(None, "last", 1).sessions
    except ConvoTraceError:
        return None
    return found[0].last_ns if found else None


def _report(cards: list[Card]) -> str:
    """Return everything as text, for a bug report."""
    lines = (f"{card.title}\n" + "".join(f"  {row.label}: {row.value}\n" for row in card.rows) for card in cards)
    return "\n".join(lines)


def _warnings(visit: Visit, state: Mapping[str, Json]) -> list[str]:
    told = state.get("warnings")
    found = [str(one) for one in told] if isinstance(told, (list, tuple)) else []
    return list(dict.fromkeys([*found, *visit.backend.settings.warnings]))
