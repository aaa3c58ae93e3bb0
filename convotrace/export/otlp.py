"""Conversations → spans for OpenTelemetry's protocol: one for each request, one for each span, their scores as events.

Which names they use is in `otlp_names.py`, how they go over the wire in `otlp_wire.py`. Ids follow from ours, so that
the same trace sent again is the same spans.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b

from convotrace.export import otlp_names as names
from convotrace.model import Conversation, Event, Failure, Json, Score, Session, Span, Trace

EVALUATION = "gen_ai.evaluation.result"
_INTERNAL, _SERVER, _CLIENT = 1, 2, 3
_OK_UNSET, _FAILED = 0, 2
_CALLS = frozenset({"generation", "embedding", "retrieval", "reranker"})
_SCOPE, _SCOPE_VERSION, _RESOURCE, _KIND, _LINKS = (
    "otel.scope.name", "otel.scope.version", "otel.resource", "span.kind", "otel.links",
)  # fmt: skip
_KINDS = {"server": _SERVER, "client": _CLIENT, "producer": 4, "consumer": 5}
_SERVICE = "convotrace"
_HEX = frozenset("0123456789abcdef")

Resource = tuple[tuple[str, Json], ...]
Told = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Moment:
    """An event of a span."""

    name: str
    at_ns: int
    attributes: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One span as it is sent; `marks` are the ids of the span and the scores of ours that it tells."""

    trace_id: str
    span_id: str
    parent_id: str | None
    name: str
    kind: int
    started_ns: int
    ended_ns: int
    attributes: Mapping[str, Json]
    events: tuple[Moment, ...] = ()
    status: int = _OK_UNSET
    message: str = ""
    resource: Resource = ()
    scope: tuple[str, str] = ("convotrace", "")
    marks: tuple[str, ...] = field(default=())


def nothing(_id: str) -> bool:
    """Say of every id that it was not sent."""
    return False


@dataclass(frozen=True, slots=True)
class Sending:
    """How traces are to be told.

    Args:
        dialect: Whose names stand beside those of the conventions, one of `otlp_names.DIALECTS`.
        exported: Send also what an SDK of the app's own exports by itself.
    """

    dialect: str = "otel"
    exported: bool = False

    def spans_of(
        self, talk: Conversation, trace: Trace, told: Told = nothing, takes_session: bool = False
    ) -> list[Outgoing]:
        """Return what is to be sent of a trace.

        Args:
            talk: The conversation that it is in.
            trace: The trace, ended.
            told: Tells of the id of a span or score of ours whether it was sent before: then it is left out, and a
                score that came later has a span of its own.
            takes_session: Whether the scores of the session itself are told with this trace.
        """
        return list(_Telling(self, talk, trace, told, takes_session).spans())


def root_id(trace: Trace) -> str:
    """Return the id of the span that stands for a request."""
    known = trace.span_id
    return known if known is not None and _is_id(known, 16) else _hashed(f"{trace.id}:{trace.started_ns}", 8)


class _Telling:
    """One trace on its way out."""

    def __init__(self, how: Sending, talk: Conversation, trace: Trace, told: Told, takes_session: bool) -> None:
        self._how, self._session, self._trace, self._told = how, talk.session, trace, told
        self._on_session = talk.scores if takes_session else ()
        self._trace_id = trace.id if _is_id(trace.id, 32) else _hashed(f"{talk.session.id}:{trace.id}", 16)
        self._root = root_id(trace)
        self._skips = trace.exported and not how.exported
        self._user = trace.user_id or talk.session.user_id
        self._on_span, self._on_trace = names.DIALECTS[how.dialect]

    def spans(self) -> Iterator[Outgoing]:
        late: list[tuple[Score, str]] = []
        # A trace known only from spans has its own root among them.
        if self._trace.origin != "otlp":
            scores = [(score, self._root) for score in (*self._trace.scores, *self._on_session)]
            if self._skips or self._told(self._root):
                late += scores
            else:
                yield self._request([score for score, _ in scores])
        else:
            late += [(score, self._head()) for score in (*self._trace.scores, *self._on_session)]
        for span in self._trace.spans:
            if span.status == "running":
                continue
            is_others = self._skips and span.origin in ("own", "otel")
            if is_others or self._told(span.id):
                late += [(score, _span_id(span.id)) for score in span.scores]
            else:
                yield self._span(span)
        for score, parent in late:
            if not self._told(score.id):
                yield self._judgement(score, parent)

    def _head(self) -> str:
        first = min(self._trace.spans, key=lambda span: (span.parent_id is not None, span.started_ns), default=None)
        return self._root if first is None else _span_id(first.id)

    def _request(self, scores: list[Score]) -> Outgoing:
        trace = self._trace
        attributes = {**dict(names.who(self._session, self._user)), **dict(names.of_trace(trace)),
                      **dict(self._on_trace(self._session, trace))}  # fmt: skip
        ended = trace.started_ns + (trace.duration_ns or 0)
        events = [*map(_moment, trace.events), *_raised(trace.error, trace.events, ended)]
        if trace.error is not None:
            attributes["error.type"] = trace.error.type
        method = trace.request.method if trace.request is not None else None
        name = f"{method} {trace.route}" if method and trace.route else trace.name or method or "turn"
        return Outgoing(
            self._trace_id, self._root, _parent(trace.parent_id), name,
            _SERVER if trace.request is not None else _INTERNAL, trace.started_ns, ended, attributes,
            (*events, *(self._result(score) for score in scores)), _FAILED if trace.status == "error" else _OK_UNSET,
            trace.error.message if trace.error else "", self._resource(trace.service, None),
            marks=(self._root, *(score.id for score in scores)),
        )  # fmt: skip

    def _span(self, span: Span) -> Outgoing:
        raw = {name: value for name, value in span.attributes.items() if value is not None}
        resource = raw.pop(_RESOURCE, None)
        scope = (str(raw.pop(_SCOPE, "convotrace")), str(raw.pop(_SCOPE_VERSION, "")))
        kind = _KINDS.get(str(raw.pop(_KIND, "")), _CLIENT if span.kind in _CALLS else _INTERNAL)
        raw.pop(_LINKS, None)
        attributes = {**raw, **dict(names.who(self._session, self._user)), **dict(names.of_span(span)),
                      **dict(self._on_span(self._session, span))}  # fmt: skip
        if span.status == "cancelled" or span.error is not None:
            attributes["error.type"] = span.error.type if span.error is not None else "cancelled"
        ended = span.started_ns + (span.duration_ns or 0)
        events = [*map(_moment, span.events), *_raised(span.error, span.events, ended)]
        scores = [score for score in span.scores if not self._told(score.id)]
        parent = _parent(span.parent_id) or (None if self._trace.origin == "otlp" else self._root)
        return Outgoing(
            self._trace_id, _span_id(span.id), parent, span.name, kind, span.started_ns, ended, attributes,
            (*events, *(self._result(score) for score in scores)), _FAILED if span.status == "error" else _OK_UNSET,
            span.error.message if span.error else "", self._resource(span.service or self._trace.service, resource),
            scope, (span.id, *(score.id for score in scores)),
        )  # fmt: skip

    def _judgement(self, score: Score, parent: str) -> Outgoing:
        """Return a score that came when what it judges had been sent, as a span of its own below that."""
        span = Span(_hashed(f"score:{score.id}", 8), self._trace_id, f"score {score.name}", "evaluator")
        attributes = {**dict(names.who(self._session, self._user)), **dict(names.of_span(span)),
                      **dict(self._on_span(self._session, span))}  # fmt: skip
        return Outgoing(
            self._trace_id, span.id, parent, span.name, _INTERNAL, score.at_ns, score.at_ns, attributes,
            (self._result(score),), resource=self._resource(self._trace.service, None), marks=(score.id,),
        )  # fmt: skip

    def _result(self, score: Score) -> Moment:
        target = score.target
        level = "span" if target.span_id else "trace" if target.trace_id else "session"
        is_text = isinstance(score.value, str)
        found: dict[str, Json] = {
            "gen_ai.evaluation.name": score.name,
            "gen_ai.evaluation.score.value": None if isinstance(score.value, str) else float(score.value),
            "gen_ai.evaluation.score.label": score.value if is_text else _label(score),
            "gen_ai.evaluation.explanation": score.comment or score.reason,
            "convotrace.score.id": score.id, "convotrace.score.type": score.type, "convotrace.score.level": level,
            "convotrace.score.source": score.source, "convotrace.score.author": score.author,
            "convotrace.score.evaluator": score.evaluator, "convotrace.score.span_id": target.span_id,
        }  # fmt: skip
        return Moment(EVALUATION, score.at_ns, {name: value for name, value in found.items() if value is not None})

    def _resource(self, service: str | None, sent: Json) -> Resource:
        session: Session = self._session
        found = dict(sent) if isinstance(sent, Mapping) else {}
        own = {
            "service.name": service or next(iter(session.service), _SERVICE), "service.version": session.release,
            "deployment.environment.name": session.environment,
        }  # fmt: skip
        found = {**{name: value for name, value in own.items() if value is not None}, **found}
        return tuple(sorted((name, value) for name, value in found.items() if isinstance(value, (str, int, float))))


def _label(score: Score) -> str | None:
    if isinstance(score.value, bool):
        return "true" if score.value else "false"
    return None if score.passed is None else "pass" if score.passed else "fail"


def _moment(event: Event) -> Moment:
    level = {} if event.level is None else {"level": event.level}
    return Moment(event.name, event.at_ns, {**event.attributes, **level})


def _raised(error: Failure | None, events: tuple[Event, ...], at_ns: int) -> Iterator[Moment]:
    if error is not None and all(event.name != "exception" for event in events):
        stack = {} if error.stack is None else {"exception.stacktrace": error.stack}
        yield Moment("exception", at_ns, {"exception.type": error.type, "exception.message": error.message, **stack})


def _parent(id: str | None) -> str | None:
    return None if id is None or not id else _span_id(id)


def _span_id(id: str) -> str:
    return id if _is_id(id, 16) else _hashed(id, 8)


def _is_id(text: str, length: int) -> bool:
    return len(text) == length and _HEX.issuperset(text) and text.strip("0") != ""


def _hashed(text: str, size: int) -> str:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=size, person=b"convotrace").hexdigest()
