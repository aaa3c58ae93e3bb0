"""What the middleware does right now: queue, writer, losses and their reasons, settings, access; the same as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from convotrace.export import dump
from convotrace.model import Json
from convotrace.page.format import count, size
from convotrace.page.http import PageResponse, as_data
from convotrace.page.render import page as render
from convotrace.page.visit import Visit

_TITLES = {
    "requests": "Requests",
    "websocket": "WebSocket",
    "written": "Written",
    "dropped": "Dropped",
    "store": "Store",
    "retention": "Kept at most",
    "text_index": "Text index",
    "hooks": "Own failures",
    "write_ms": "Write time of a batch, ms",
}
_ELSEWHERE = frozenset({"warnings", "otlp", "otlp_receiver", "opentelemetry", "deletions"})
_DOORS = {
    "auth": "the app's own auth",
    "token": "the token",
    "link": "the token",
    "development": "development, this machine only",
}


@dataclass(frozen=True)
class Card:
    """A box of facts."""

    title: str
    rows: list[tuple[str, str]]


def page(visit: Visit) -> PageResponse:
    """Return the state as a page."""
    state = visit.backend.health()
    lost = list(_lost(state.get("dropped")))
    view = {
        "lost": sum(number for number, _ in lost),
        "why": ", ".join(dict.fromkeys(reason for _, reason in lost)),
        "warnings": _warnings(visit, state),
        "cards": [*_cards(state), *_telemetry(state), _capture(visit), _receiver(visit, state), _access(visit)],
    }
    return render("health.html", {**visit.frame("health"), **view})


def data(visit: Visit) -> PageResponse:
    """Return the state as JSON."""
    return as_data(visit.backend.health())


def _cards(state: Mapping[str, Json]) -> Iterator[Card]:
    """Yield a box for each group of facts, and one for those that stand alone."""
    shown = {name: value for name, value in state.items() if name not in _ELSEWHERE}
    alone = {name: value for name, value in shown.items() if not isinstance(value, Mapping)}
    if alone:
        yield Card("Now", list(_rows(alone)))
    for name, value in shown.items():
        if isinstance(value, Mapping):
            rows = list(_rows(value)) or [("so far", "nothing")]
            yield Card(_TITLES.get(name, name.replace("_", " ").capitalize()), rows)


def _rows(values: Mapping[str, Json], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        label = f"{prefix}{name}".replace("_", " ")
        if isinstance(value, Mapping):
            yield from _rows(value, f"{label}, ")
        else:
            yield label, _words(name, value)


def _words(name: str, value: Json) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return size(value) if name in ("size", "bytes") or name.endswith("_bytes") else count(value)
    if isinstance(value, float):
        return f"{value:,.2f}" + (" ms" if name.endswith("_ms") else "")
    if isinstance(value, (list, tuple)):
        plain = all(isinstance(item, (str, int, float)) for item in value)
        return ", ".join(str(item) for item in value) or "none" if plain else count(len(value))
    return "–" if value is None else value if isinstance(value, str) else dump(value).decode()


def _lost(dropped: Json) -> Iterator[tuple[int, str]]:
    """Yield every number of lost records with its reason, however deep it lies."""
    for reason, value in dropped.items() if isinstance(dropped, Mapping) else ():
        if isinstance(value, Mapping):
            yield from _lost(value)
        elif isinstance(value, int) and value:
            yield value, str(reason).replace("_", " ")


def _warnings(visit: Visit, state: Mapping[str, Json]) -> list[str]:
    told = state.get("warnings")
    found = [str(one) for one in told] if isinstance(told, (list, tuple)) else []
    return list(dict.fromkeys([*found, *visit.backend.settings.warnings]))


def _telemetry(state: Mapping[str, Json]) -> list[Card]:
    """Return a box that says how OpenTelemetry is used in the process that answered."""
    told = state.get("opentelemetry")
    if not isinstance(told, Mapping):
        return []
    rows = [("mode", str(told.get("mode"))), ("what that means", str(told.get("detail")))]
    return [Card("OpenTelemetry", [*rows, *([("to get more", str(told["cure"]))] if told.get("cure") else [])])]


def _capture(visit: Visit) -> Card:
    settings = visit.backend.settings
    bodies = f"on, {size(settings.max_body_bytes)} each way" if settings.capture_bodies else "off"
    return Card(
        "Capture",
        [
            ("bodies", bodies),
            ("texts", "on" if settings.content else "off"),
            ("redaction", settings.redact or "off, but for the never-stored names"),
            ("log lines", f"{settings.capture_logs}, from {settings.log_level}"),
            ("sessions pause after", f"{settings.idle_timeout / 60:g} min"),
        ],
    )


def _receiver(visit: Visit, state: Mapping[str, Json]) -> Card:
    settings, counted = visit.backend.settings, state.get("otlp")
    if not settings.otlp_receiver:
        return Card("Spans from other services", [("receiver", "off"), ("to take them, set", "otlp_receiver=True")])
    return Card(
        "Spans from other services",
        [
            ("receiver", "on"),
            ("spans go to", f"{settings.mount}/v1/traces"),
            ("log records go to", f"{settings.mount}/v1/logs"),
            ("token", "otlp_token" if settings.otlp_token else "the page's"),
            *_rows(counted if isinstance(counted, Mapping) else {}),
        ],
    )


def _access(visit: Visit) -> Card:
    settings, rights = visit.backend.settings, sorted(visit.admission.rights)
    return Card(
        "Access",
        [
            ("opened by", _DOORS[visit.admission.by]),
            ("you may", ", ".join(rights)),
            ("mount", settings.mount),
            ("environment", settings.effective_environment or "–"),
            ("release", settings.release or "–"),
            ("store", settings.store),
        ],
    )
