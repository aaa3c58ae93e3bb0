"""The facts of the health page as cards of labels and values. What is not known of is shown as it came."""

from __future__ import annotations

import platform
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of
from typing import Any

from convotrace.export import dump
from convotrace.model import Json
from convotrace.page.format import count, day_and_clock, share, size
from convotrace.page.visit import Visit
from convotrace.settings import Settings

_DAY_NS = 86_400 * 10**9
_HOUR_NS = 3600 * 10**9
_KNOWN = frozenset(
    {
        "ok", "queued", "room", "written", "dropped", "last_error", "write_ms", "store", "retention", "deletions",
        "overhead", "requests", "websocket", "sampled", "redacted", "cut", "audit_lost", "hooks", "workers", "warnings",
        "otlp",
        "otlp_receiver", "opentelemetry", "mount", "service", "environment", "release", "content", "access",
    }
)  # fmt: skip
_DOORS = {
    "auth": "the app's own auth", "token": "the token", "link": "the token",
    "development": "development, this machine only",
}  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One fact; `tone` is bad, warn, good or nothing."""

    label: str
    value: str
    tone: str = ""


@dataclass(frozen=True)
class Card:
    """A box of facts."""

    title: str
    rows: list[Row]


def writer(state: Mapping[str, Json]) -> Card:
    """Return what waits, what was written, and what was lost why."""
    room, latency = state.get("room"), _mapping(state.get("write_ms"))
    queued = _words("queued", state.get("queued"))
    rows = [Row("queue", f"{queued} of {room:,}" if isinstance(room, int) else queued)]
    rows += [Row(f"{name} written", value) for name, value in _flat(_mapping(state.get("written")))]
    dropped = list(lost(state.get("dropped")))
    total = sum(number for number, _ in dropped)
    rows.append(Row("dropped", count(total) if total else "none", "bad" if total else ""))
    rows += [Row(f"dropped, {reason}", count(number), "bad") for number, reason in dropped]
    rows += [Row(f"batch {name}", f"{value:,.1f} ms") for name, value in latency.items() if _is_number(value)]
    error = state.get("last_error")
    return Card("Writer", [*rows, *([Row("last error", str(error), "bad")] if error is not None else [])])


def store(state: Mapping[str, Json], oldest_ns: int | None, now_ns: int) -> Card:
    """Return how large the store is, how it grows, and when it is full."""
    told, kept = _mapping(state.get("store")), _mapping(state.get("retention"))
    bytes_now, most = told.get("size"), kept.get("max_bytes")
    rows = [Row("store", str(told["url"]))] if "url" in told else []
    if isinstance(bytes_now, int):
        rows.append(Row("size", size(bytes_now) + (f" of {size(most)}" if isinstance(most, int) else "")))
        rows += _growth(bytes_now, most if isinstance(most, int) else None, oldest_ns, now_ns)
    if oldest_ns is not None:
        rows.append(Row("oldest session", f"{day_and_clock(oldest_ns)} UTC"))
    rows.append(Row("kept", f"{kept['days']} days" if kept.get("days") else "for ever"))
    if kept.get("max_rows"):
        rows.append(Row("rows at most", _words("rows", kept["max_rows"])))
    if kept.get("last_deleted_at"):
        sessions = _words("sessions", kept.get("sessions_deleted_that_day"))
        rows.append(Row("last deleted by itself", f"{kept['last_deleted_at']}, {sessions} sessions that day"))
    rows += [Row(name, value) for name, value in _flat({n: v for n, v in told.items() if n not in ("url", "size")})]
    return Card("Store", [*rows, *_deletions(state.get("deletions"))])


def _growth(bytes_now: int, most: int | None, oldest_ns: int | None, now_ns: int) -> Iterator[Row]:
    """Yield bytes a day since the oldest session; of less than an hour nothing can be told."""
    if oldest_ns is None or now_ns - oldest_ns < _HOUR_NS:
        return
    daily = bytes_now * _DAY_NS / (now_ns - oldest_ns)
    yield Row("growth", f"{size(round(daily))} a day")
    if most and daily >= 1:
        days = max(most - bytes_now, 0) / daily
        yield Row("full", f"in about {days:,.0f} days" if days >= 1 else "within a day", "" if days >= 1 else "warn")


def _deletions(told: Json) -> Iterator[Row]:
    for line in told if isinstance(told, (list, tuple)) else ():
        if isinstance(line, Mapping):
            rest = {name: value for name, value in line.items() if name not in ("at", "action") and value}
            yield Row(f"{line.get('action')}, {line.get('at')}", ", ".join(f"{v} {n}" for n, v in _flat(rest)))


def cost(state: Mapping[str, Json]) -> Card:
    """Return what recording costs the app's process."""
    told = _mapping(state.get("overhead"))
    spent, part = told.get("writer_cpu_s"), told.get("writer_cpu_share")
    measured = _mapping(told.get("request_us"))
    rows = [Row("added to a request", "no I/O, no wait: one append")]
    if measured:
        rows = [
            Row("our part of a request", f"p50 {measured['p50']:.0f} µs, p99 {measured['p99']:.0f} µs, without verbs")
        ]
    if isinstance(spent, float) and isinstance(part, float):
        rows.append(Row("CPU of the writer here", f"{spent:,.2f} s, {share(part)} of one core"))
    hidden = _flat(_mapping(state.get("redacted")))
    rows.append(Row("hidden by redaction", ", ".join(f"{number} {kind}" for kind, number in hidden) or "nothing"))
    cut = _flat(_mapping(state.get("cut")))
    rows += [Row(f"turns with {what} cut at a limit", number) for what, number in cut]
    if state.get("audit_lost"):
        rows.append(Row("lines of the audit lost", _words("audit_lost", state["audit_lost"]), "warn"))
    if state.get("sampled"):
        rows.append(Row("left out by sampling", _words("sampled", state["sampled"])))
    failures = [Row(f"own failures, {name}", value, "warn") for name, value in _flat(_mapping(state.get("hooks")))]
    return Card("Own cost", [*rows, *(failures or [Row("own failures", "none")])])


def requests(state: Mapping[str, Json]) -> Card:
    """Return what came, and what of it was a turn."""
    rows = [Row(name, value) for name, value in _flat(_mapping(state.get("requests")))]
    sockets = _mapping(state.get("websocket"))
    if any(sockets.values()):
        rows += [Row(f"WebSocket {name}", value) for name, value in _flat(sockets)]
    return Card("Requests", rows)


def capture(settings: Settings) -> Card:
    """Return what is kept of a request."""
    bodies = f"on, {size(settings.max_body_bytes)} each way" if settings.capture_bodies else "off"
    rows = [
        Row("bodies", bodies), Row("texts", _texts(settings)),
        Row("redaction", _redaction(settings)),
        Row("log lines", f"{settings.capture_logs}, from {settings.log_level}"),
        Row("sampled", share(settings.sample)),
        Row("sessions pause after", f"{settings.idle_timeout / 60:g} min"),
    ]  # fmt: skip
    return Card("Capture", rows)


def _texts(settings: Settings) -> str:
    if not settings.content:
        return "off"
    rules = f", but for {', '.join(settings.content_off)}" if settings.content_off else ""
    return ("as your function says" if callable(settings.content) else "on") + rules


def _redaction(settings: Settings) -> str:
    given = (settings.redact,) if isinstance(settings.redact, str) else settings.redact or ()
    kinds = [one if isinstance(one, str) else "own" for one in given]
    kinds += [f"{len(settings.redact_fields)} fields"] if settings.redact_fields else []
    return ", ".join(dict.fromkeys(kinds)) or "off, but for the never-stored names"


def access(visit: Visit, store_url: str) -> Card:
    """Return who may see the page, and what this visitor may do."""
    settings, rights = visit.backend.settings, visit.admission.rights
    rows = [
        Row("opened by", _DOORS[visit.admission.by]), Row("you may", ", ".join(sorted(rights))),
        Row("the link gives", ", ".join(settings.rights)), Row("mount", settings.mount),
        Row("environment", settings.effective_environment or "–"), Row("release", settings.release or "–"),
        Row("store option", store_url),
    ]  # fmt: skip
    return Card("Access", rows)


def telemetry(state: Mapping[str, Json]) -> Card:
    """Return how OpenTelemetry is used in the process that answered."""
    told = state.get("opentelemetry")
    if not isinstance(told, Mapping):
        return Card("OpenTelemetry", [])
    rows = [Row("mode", str(told.get("mode"))), Row("what that means", str(told.get("detail")))]
    return Card("OpenTelemetry", [*rows, *([Row("to get more", str(told["cure"]))] if told.get("cure") else [])])


def receiver(settings: Settings, state: Mapping[str, Json]) -> Card:
    """Return whether other services may send their spans, and how."""
    title = "Spans from other services"
    if not settings.otlp_receiver:
        return Card(title, [Row("receiver", "off"), Row("to take them, set", "otlp_receiver=True")])
    rows = [
        Row("receiver", "on"), Row("spans go to", f"{settings.mount}/v1/traces"),
        Row("log records go to", f"{settings.mount}/v1/logs"),
        Row("token", "otlp_token" if settings.otlp_token else "the page's"),
    ]  # fmt: skip
    return Card(title, [*rows, *(Row(name, value) for name, value in _flat(_mapping(state.get("otlp"))))])


def workers(state: Mapping[str, Json]) -> Card:
    """Return the processes that write into the store."""
    told = state.get("workers")
    found = [one for one in told if isinstance(one, Mapping)] if isinstance(told, (list, tuple)) else []
    rows = [Row(f"{one.get('host')}, process {one.get('pid')}", f"seen {_moment(one.get('seen_at'))}") for one in found]
    return Card("Workers", rows or [Row("seen", "none yet: the first record starts the writer")])


def _moment(told: object) -> str:
    """Return a moment for people; what is none stays as it came."""
    try:
        at = datetime.fromisoformat(str(told)).astimezone(UTC)
    except ValueError:
        return str(told)
    return f"{day_and_clock(int(at.timestamp()) * 10**9)} UTC"


def version() -> Card:
    """Return what runs here."""
    try:
        ours = version_of("convotrace")
    except PackageNotFoundError:
        ours = "not installed as a package"
    rows = [Row("convotrace", ours), Row("Python", platform.python_version()), Row("SQLite", sqlite3.sqlite_version)]
    return Card("Version", [*rows, Row("system", platform.system())])


def others(state: Mapping[str, Json]) -> Iterator[Card]:
    """Yield a card for everything that is told and not shown elsewhere."""
    rest = {name: value for name, value in state.items() if name not in _KNOWN}
    alone = {name: value for name, value in rest.items() if not isinstance(value, Mapping)}
    if alone:
        yield Card("More", [Row(name, value) for name, value in _flat(alone)])
    for name, value in rest.items():
        if isinstance(value, Mapping):
            rows = [Row(label, words) for label, words in _flat(value)] or [Row("so far", "nothing")]
            yield Card(name.replace("_", " ").capitalize(), rows)


def lost(dropped: Json) -> Iterator[tuple[int, str]]:
    """Yield every number of lost records with its reason, however deep it lies."""
    for reason, value in dropped.items() if isinstance(dropped, Mapping) else ():
        if isinstance(value, Mapping):
            yield from lost(value)
        elif isinstance(value, int) and value:
            yield value, str(reason).replace("_", " ")


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        label = f"{prefix}{name}".replace("_", " ")
        if isinstance(value, Mapping):
            yield from _flat(value, f"{label}, ")
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


def _mapping(value: Json) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
