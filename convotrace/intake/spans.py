"""What was sent → spans of ours, clean: read by the dialects, without what must never be stored.

A span keeps, beside its own attributes, what its trace is derived from again whenever more of it comes: its kind of
old (`span.kind`), its scope (`otel.scope.name`) and its resource (`otel.resource`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from convotrace import dialects
from convotrace.dialects.sources import is_content
from convotrace.intake.sent import Rejected, SentLog, SentSpan, Source
from convotrace.model import Event, Failure, Json, Span
from convotrace.redaction import Redactor

SCOPE, SCOPE_VERSION, RESOURCE, KIND, LINKS = (
    "otel.scope.name", "otel.scope.version", "otel.resource", "span.kind", "otel.links",
)  # fmt: skip
_KINDS = ("", "internal", "server", "client", "producer", "consumer")
_CONTENT_FIELDS = ("input", "output", "arguments", "result", "query", "documents", "tools")
_UNTOLD = frozenset({"service.name", "telemetry.sdk.language", "telemetry.sdk.name", "telemetry.sdk.version"})
_ERROR, _LONG_NAME = 2, 1000

Priced = Callable[[Span], Span]


class SpanReader:
    """Makes spans and events of what was sent.

    Args:
        content: Keep what people and models said; False keeps only what is around it.
        priced: Gives a span the cost that its library did not say.
    """

    def __init__(self, content: bool = True, priced: Priced | None = None) -> None:
        self._redactor = Redactor()
        self._content = content
        self._priced = priced
        self._resources: dict[int, dict[str, Json]] = {}

    def span(self, sent: SentSpan) -> Span | None:
        """Return a span, None for one that only doubles another or stands for a single message of a server.

        Raises:
            Rejected: It has no time.
        """
        started = sent.started_ns or sent.ended_ns
        if not started:
            raise Rejected("A span has no start time.")
        attributes = self._redactor.attributes(sent.attributes)
        events = [Event(e.name, e.at_ns or started, None, self._redactor.attributes(e.attributes)) for e in sent.events]
        events.sort(key=lambda event: event.at_ns)
        reading = dialects.read(sent.name, attributes, events, sent.source.scope, started)
        if reading.hidden:
            return self._pending(sent, attributes, started)
        span = self._span(sent, reading, started, attributes)
        return self._priced(span) if self._priced is not None else span

    def _span(self, sent: SentSpan, reading: dialects.Reading, started: int, attributes: Mapping[str, Json]) -> Span:
        failed = sent.status == _ERROR or attributes.get("langfuse.observation.level") == "ERROR"
        running = not sent.ended_ns
        return Span(
            id=sent.span_id,
            trace_id=sent.trace_id,
            name=sent.name[:_LONG_NAME],
            kind=reading.kind,
            parent_id=None if sent.parent_id == sent.span_id else sent.parent_id,
            service=_service(sent.source),
            status="error" if failed else "running" if running else "ok",
            error=_failure(sent.message, attributes, reading.events) if failed else None,
            started_ns=started,
            duration_ns=None if running else max(0, sent.ended_ns - started),
            attributes={**self._attributes(reading.attributes), **self._origin(sent)},
            events=self.without_content(reading.events),
            origin="otlp",
            **{name: value for name, value in reading.fields.items() if self._content or name not in _CONTENT_FIELDS},
        )

    def _pending(self, sent: SentSpan, attributes: Mapping[str, Json], started: int) -> Span | None:
        """Return the span that Logfire's duplicate announces: that one is its parent, and still runs."""
        if sent.parent_id is None or attributes.get("logfire.span_type") != "pending_span":
            return None
        above = attributes.get("logfire.pending_parent_id")
        parent = above if isinstance(above, str) and len(above) == 16 and above != "0" * 16 else None
        told = {name: value for name, value in attributes.items() if not name.startswith("logfire.")}
        real = replace(sent, span_id=sent.parent_id, parent_id=parent, attributes=told, ended_ns=0, status=0, events=[])
        return self._span(real, dialects.read(sent.name, told, (), sent.source.scope, started), started, told)

    def event(self, sent: SentLog) -> Event:
        """Return the event that a log record is."""
        attributes = self._redactor.attributes(sent.attributes)
        named = sent.name or attributes.get("event.name")
        body = self._redactor.clean(sent.body)
        name = named if isinstance(named, str) and named else body if isinstance(body, str) else "log"
        told = {} if body is None or body == name else {"body": body}
        return Event(name[:_LONG_NAME] or "log", sent.at_ns, sent.level, {**attributes, **told})

    def waiting(self, sent: SentLog, event: Event) -> Span:
        """Return the place of a span that was not told of yet, with what a log record knows of it."""
        reading = dialects.read("", {}, [event], sent.source.scope, event.at_ns)
        return Span(
            id=sent.span_id or "",
            trace_id=sent.trace_id,
            name="",
            kind=reading.kind,
            service=_service(sent.source),
            status="running",
            started_ns=event.at_ns,
            attributes=self._origin(sent),
            events=self.without_content(reading.events),
            origin="otlp",
            **{name: value for name, value in reading.fields.items() if self._content or name not in _CONTENT_FIELDS},
        )

    def without_content(self, events: Sequence[Event]) -> tuple[Event, ...]:
        """Return events as they may be kept."""
        if self._content:
            return tuple(events)
        return tuple(replace(event, attributes=self._attributes(event.attributes)) for event in events)

    def _attributes(self, attributes: Mapping[str, Json]) -> dict[str, Json]:
        return {name: value for name, value in attributes.items() if self._content or not is_content(name)}

    def _origin(self, sent: SentSpan | SentLog) -> dict[str, Json]:
        source = sent.source
        found: dict[str, Json] = {SCOPE: source.scope, SCOPE_VERSION: source.scope_version}
        found[RESOURCE] = self._resource(source)
        if isinstance(sent, SentSpan):
            found[KIND] = _KINDS[sent.kind] if sent.kind < len(_KINDS) else ""
            found[LINKS] = sent.links
        return {name: value for name, value in found.items() if value}

    def _resource(self, source: Source) -> dict[str, Json]:
        """Return what is kept of a resource, cleaned once for all its spans."""
        known = self._resources.get(id(source.resource))
        if known is None:
            told = {name: value for name, value in source.resource.items() if name not in _UNTOLD}
            known = self._resources[id(source.resource)] = self._redactor.attributes(told)
        return known


def _service(source: Source) -> str | None:
    name = source.resource.get("service.name")
    return name if isinstance(name, str) and name and not name.startswith("unknown_service") else None


def _failure(message: str, attributes: Mapping[str, Json], events: Sequence[Event]) -> Failure:
    """Return what went wrong: the exception that was recorded, else the words of the status."""
    told: Mapping[str, Any] = next((e.attributes for e in reversed(events) if e.name == "exception"), {})
    words = message or attributes.get("langfuse.observation.status_message") or attributes.get("error.message")
    kind = told.get("exception.type") or attributes.get("error.type") or attributes.get("exception.type")
    said = told.get("exception.message") or attributes.get("exception.message")
    stack = told.get("exception.stacktrace") or attributes.get("exception.stacktrace")
    return Failure(str(kind or "error"), str(said or words or kind or ""), None if stack is None else str(stack))
