"""What tools and retrieval were worth over many sessions: calls, wrong moments, documents used and never used. A fold.

One session is added at a time, so that as many may be read as there is patience for. Moments are told by `tool_use.py`,
what became of a document by `lens.py`.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from convotrace.insight.lens import Holding, key_of, lens
from convotrace.insight.tool_use import WrongMoment, is_retry, wrong_moments
from convotrace.model import Conversation, Document, Span, Trace

MOST_EXAMPLES = 5
MOST_NAMES = 200
"""Tools, retrievals and documents that are told one by one."""
_BINS = 10


@dataclass(frozen=True, slots=True)
class Example:
    """Where something can be seen: a call in a session."""

    session_id: str
    trace_id: str
    span_id: str
    kind: str
    why: str


@dataclass(frozen=True, slots=True)
class ToolUse:
    """A tool: how often it was called, how that went, and at how many wrong moments."""

    name: str
    calls: int
    errors: int
    retries: int
    ignored: int
    twice: int
    after_answer: int
    p50_ms: float | None
    p95_ms: float | None
    sessions: int
    examples: tuple[Example, ...] = ()

    @property
    def error_rate(self) -> float:
        return self.errors / self.calls if self.calls else 0.0

    @property
    def wrong(self) -> int:
        return self.ignored + self.twice + self.after_answer


@dataclass(frozen=True, slots=True)
class Scores:
    """How a retrieval scored what it found: quartiles, and how many scores lie in each of ten equal parts."""

    count: int
    least: float
    lower: float
    median: float
    upper: float
    most: float
    bins: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class RetrievalUse:
    """A retrieval: how often it was asked, how often it found nothing, what it found and of that was used."""

    name: str
    calls: int
    errors: int
    empty: int
    documents: int
    used: int
    scores: Scores | None = None


@dataclass(frozen=True, slots=True)
class DocumentUse:
    """A document: in how many turns it was retrieved, used in the answer, and still there later."""

    name: str
    source: str | None
    retrieved: int
    used: int
    carried: int
    used_later: int
    sessions: int

    @property
    def never_used(self) -> bool:
        return self.used == 0 and self.used_later == 0


@dataclass(frozen=True, slots=True)
class SourceUse:
    """Where documents come from: a field of theirs, the host of their address, else the retrieval."""

    name: str
    documents: int
    retrieved: int
    used: int
    carried: int
    never_used: int


@dataclass(frozen=True, slots=True)
class ToolReport:
    """What was found; each list has the greatest first."""

    sessions: int = 0
    turns: int = 0
    tools: tuple[ToolUse, ...] = ()
    retrievals: tuple[RetrievalUse, ...] = ()
    documents: tuple[DocumentUse, ...] = ()
    sources: tuple[SourceUse, ...] = ()


@dataclass
class _Tool:
    calls: int = 0
    errors: int = 0
    retries: int = 0
    moments: dict[str, int] = field(default_factory=dict)
    times: list[int] = field(default_factory=list)
    sessions: set[str] = field(default_factory=set)
    examples: list[Example] = field(default_factory=list)


@dataclass
class _Retrieval:
    calls: int = 0
    errors: int = 0
    empty: int = 0
    documents: int = 0
    used: int = 0
    scores: list[float] = field(default_factory=list)


@dataclass
class _Document:
    source: str | None = None
    retrieved: int = 0
    used: int = 0
    carried: int = 0
    used_later: int = 0
    sessions: set[str] = field(default_factory=set)


class ToolFold:
    """Adds sessions up."""

    def __init__(self) -> None:
        self._sessions = self._turns = 0
        self._tools: dict[str, _Tool] = {}
        self._retrievals: dict[str, _Retrieval] = {}
        self._documents: dict[tuple[str, str | None], _Document] = {}

    def add(self, it: Conversation) -> None:
        """Add one session."""
        turns = [trace for trace in it.traces if trace.is_turn]
        self._sessions += 1
        self._turns += len(turns)
        moments = wrong_moments(turns)
        for trace in turns:
            self._add_tools(it.session.id, trace)
        for moment in moments:
            self._add_moment(it.session.id, moment)
        if any(span.kind == "retrieval" for trace in turns for span in trace.spans):
            self._add_documents(it.session.id, turns)

    def report(self) -> ToolReport:
        """Return what has been added up."""
        tools = [_tool_use(name, found) for name, found in self._tools.items()]
        retrievals = [_retrieval_use(name, found) for name, found in self._retrievals.items()]
        documents = [_document_use(name, found) for (name, _), found in self._documents.items()]
        return ToolReport(
            self._sessions,
            self._turns,
            tuple(sorted(tools, key=lambda one: (-one.wrong, -one.calls, one.name))[:MOST_NAMES]),
            tuple(sorted(retrievals, key=lambda one: (-one.calls, one.name))[:MOST_NAMES]),
            tuple(sorted(documents, key=lambda one: (-one.retrieved, one.used, one.name))[:MOST_NAMES]),
            _sources(documents),
        )

    def _add_tools(self, session_id: str, trace: Trace) -> None:
        calls = [span for span in trace.spans if span.kind == "tool"]
        for number, span in enumerate(calls):
            tool = self._tools.setdefault(span.name, _Tool())
            tool.calls += 1
            tool.errors += span.status == "error"
            tool.retries += is_retry(calls[:number], span)
            tool.sessions.add(session_id)
            if span.duration_ns is not None:
                tool.times.append(span.duration_ns)

    def _add_moment(self, session_id: str, moment: WrongMoment) -> None:
        tool = self._tools[moment.tool]
        tool.moments[moment.kind] = tool.moments.get(moment.kind, 0) + 1
        if len(tool.examples) < MOST_EXAMPLES:
            tool.examples.append(Example(session_id, moment.trace_id, moment.span_id, moment.kind, moment.why))

    def _add_documents(self, session_id: str, turns: Sequence[Trace]) -> None:
        origins: dict[tuple[str, str], str | None] = {}
        for seen in lens(turns):
            spans = [span for span in seen.trace.spans if span.kind == "retrieval"]
            for span in spans:
                for document in span.documents:
                    origins.setdefault(key_of(document), _source(document, span))
            for one in seen.documents:
                origin = origins.get((one.source.name, one.source.text))
                self._add_holding(session_id, one, origin, seen.trace.turn or 0)
            used = {(one.source.name, one.source.text) for one in seen.documents if one.places}
            for span in spans:
                self._add_retrieval(span, used)

    def _add_holding(self, session_id: str, one: Holding, origin: str | None, turn: int) -> None:
        document = self._documents.setdefault((one.source.name, origin), _Document(origin))
        document.sessions.add(session_id)
        if one.state == "retrieved":
            document.retrieved += 1
            document.used += bool(one.places)
        elif turn > one.source.since:
            document.carried += one.state != "dropped"
            document.used_later += bool(one.places)

    def _add_retrieval(self, span: Span, used: set[tuple[str, str]]) -> None:
        found = self._retrievals.setdefault(span.name, _Retrieval())
        found.calls += 1
        found.errors += span.status == "error"
        found.empty += span.status == "ok" and not span.documents
        found.documents += len(span.documents)
        found.used += sum(key_of(document) in used for document in span.documents)
        found.scores += [one.score for one in span.documents if one.score is not None]


def _source(document: Document, span: Span) -> str | None:
    told = document.metadata.get("source")
    if isinstance(told, str) and told:
        return told
    try:
        host = urlsplit(document.url or "").hostname
    except ValueError:  # an address that is none
        host = None
    return host or span.name


def _tool_use(name: str, found: _Tool) -> ToolUse:
    times = sorted(found.times)
    ignored, twice, after = (found.moments.get(kind, 0) for kind in ("ignored", "twice", "after_answer"))
    return ToolUse(
        name, found.calls, found.errors, found.retries, ignored, twice, after,
        _ranked(times, 0.5), _ranked(times, 0.95), len(found.sessions), tuple(found.examples),
    )  # fmt: skip


def _ranked(times: Sequence[int], share: float) -> float | None:
    """Return a percentile by nearest rank, in milliseconds."""
    return times[max(0, -(-int(share * 1000) * len(times) // 1000) - 1)] / 1e6 if times else None


def _retrieval_use(name: str, found: _Retrieval) -> RetrievalUse:
    scores = _scores(found.scores) if found.scores else None
    return RetrievalUse(name, found.calls, found.errors, found.empty, found.documents, found.used, scores)


def _scores(values: Sequence[float]) -> Scores:
    least, most = min(values), max(values)
    lower, median, upper = statistics.quantiles(values, method="inclusive") if len(values) > 1 else [least] * 3
    bins = [0] * _BINS
    for value in values:
        bins[min(_BINS - 1, int((value - least) / (most - least) * _BINS)) if most > least else 0] += 1
    return Scores(len(values), least, lower, median, upper, most, tuple(bins))


def _document_use(name: str, found: _Document) -> DocumentUse:
    return DocumentUse(
        name, found.source, found.retrieved, found.used, found.carried, found.used_later, len(found.sessions)
    )


def _sources(documents: Sequence[DocumentUse]) -> tuple[SourceUse, ...]:
    by_source: dict[str, list[DocumentUse]] = {}
    for document in documents:
        by_source.setdefault(document.source or "unknown", []).append(document)
    told = [
        SourceUse(
            name, len(own), sum(one.retrieved for one in own), sum(one.used for one in own),
            sum(one.carried for one in own), sum(one.never_used for one in own),
        )
        for name, own in by_source.items()
    ]  # fmt: skip
    return tuple(sorted(told, key=lambda one: (-one.retrieved, one.name))[:MOST_NAMES])
