"""A line of our own export → the changes that write its session again, as often as it is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from convotrace.export import from_exact
from convotrace.insight.friction import SIGNALS
from convotrace.model import Change, Conversation, Json, SessionFacts, Trace
from convotrace.redaction import Redactor
from convotrace.redaction.urls import without_queries


def of_export(found: Mapping[str, Json]) -> list[Change]:
    """Return the changes of an exported conversation.

    Raises:
        ValueError: A field lacks, or holds what it cannot; the sentence names it.
    """
    return list(_changes(from_exact(Conversation, found)))


def _changes(it: Conversation) -> Iterator[Change]:
    facts = _facts(it)
    for trace in it.traces:
        # What is told when a session is read is not stored.
        signals = tuple(signal for signal in trace.signals if signal.name not in SIGNALS)
        yield Change(
            replace(facts, service=trace.service),
            replace(_without_secrets(trace), session_id=facts.id, turn=None, signals=signals),
        )
    outcome = None if it.session.outcome == "open" else it.session.outcome
    yield Change(
        replace(
            facts, outcome=outcome, outcome_reason=it.session.outcome_reason, resolved=it.session.resolved,
            ended_ns=it.session.ended_ns, events=it.events, scores=it.scores,
        )
    )  # fmt: skip


def _without_secrets(trace: Trace) -> Trace:
    """Return a trace without what names of headers say is never stored: others may have written the file."""
    redactor, request = Redactor(), trace.request
    if request is not None and request.headers:
        request = replace(request, headers=without_queries(redactor.headers(request.headers)))
    spans = tuple(replace(span, attributes=redactor.attributes(span.attributes)) for span in trace.spans)
    return replace(trace, request=request, spans=spans)


def _facts(it: Conversation) -> SessionFacts:
    s = it.session
    return SessionFacts(
        s.id, s.id_source, s.id_name, s.user_id, name=s.name, environment=s.environment, release=s.release,
        tags=s.tags, metadata=s.metadata, links=s.links,
    )  # fmt: skip
