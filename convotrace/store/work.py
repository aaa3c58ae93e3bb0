"""What happened in a trace, as one document in its row: its spans with their events, its own, those of its session.

A row for each would cost more than all the rest of storing a trace, and they are only ever read with it. What is long
stands among the contents of the session. `to_records` makes records of a document again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from convotrace.model import Document, Event, Json, Span, Trace
from convotrace.store.codec import decode, encode, holds_nan, storable
from convotrace.store.contents import INLINE_BELOW, Packer

Work = Mapping[str, list[list[Any]]]
"""`spans`: [id, parent, kind, name, status, start, duration, rest], `events` and `on_session`: [name, at, level,
attributes]. Moments count from the start of the trace, in ns. The rest holds the fields of a span that say something;
what of it is packed stands in its `packed`, in hexadecimal digits."""

_NO_TOKENS: tuple[int | None, ...] = (None,) * 5
_SHORT = 100
_SHORT_AS_JSON = (INLINE_BELOW - 3) // 6
"""Characters of a text that is short as JSON, however many of them are escaped."""
_JSON_FROM = b'"'[0]
"""The least byte that JSON as `encode` makes it begins with; what is packed, or only slowly read, begins with less."""


Call = tuple[Any, ...]
"""What a call adds to metrics: kind, name, model, status, duration, first token, what of it others tell as well
(`totals.repeats`), tokens of the input, output, read from a cache, written into it, of reasoning, cost."""


def work_of(packer: Packer, sid: int, trace: Trace, on_session: Sequence[Event], told: Mapping[int, int]) -> str | None:
    """Return the document of a trace, None where nothing happened in it.

    Args:
        packer: Takes the contents that are stored once.
        sid: Key of its session.
        trace: The record.
        on_session: Events of its session that it brought.
        told: What of its spans others tell as well, by their places.
    """
    if not (trace.spans or trace.events or on_session):
        return None
    writing = _Writing(packer, sid, trace.started_ns)
    try:
        data = orjson.dumps(writing.document(trace, on_session, told))
    except (TypeError, ValueError, RecursionError):
        return _exactly(packer, sid, trace, on_session, told)
    # A null more than there should be is one that was written, a word of a text, or a NaN.
    if data.count(b"null") != writing.nulls and holds_nan(writing.loose):
        return _exactly(packer, sid, trace, on_session, told)
    return data.decode()


def _exactly(packer: Packer, sid: int, trace: Trace, on_session: Sequence[Event], told: Mapping[int, int]) -> str:
    """Return the document of a trace that holds what JSON does not: each value is made into JSON by itself."""
    try:
        return orjson.dumps(_Careful(packer, sid, trace.started_ns).document(trace, on_session, told)).decode()
    except TypeError:
        # A name or a number that only the slow codec holds; it takes no JSON that is made already.
        return encode(_Slow(packer, sid, trace.started_ns).document(trace, on_session, told)).decode()


def read_work(text: str | None) -> Work:
    """Return the document of a column; empty where it is none."""
    found: Json = None if text is None else decode(text.encode())
    return found if isinstance(found, dict) else {}


def rest_of(span: Sequence[Any]) -> dict[str, Any]:
    """Return the fields of a span that say something."""
    rest: dict[str, Any] = span[7] if len(span) > 7 else {}
    return rest


def calls_in(work: Work) -> Iterator[tuple[str, str, str | None]]:
    """Yield kind, name and model of each span."""
    for span in work.get("spans", ()):
        yield span[2], span[3], rest_of(span).get("model")


def calls_of(spans: Sequence[Span], told: Mapping[int, int]) -> list[Call]:
    """Return what the calls among spans add to metrics: of tools, and of whatever has a model, tokens or a cost."""
    found: list[Call] = []
    for place, span in enumerate(spans):
        usage = span.usage
        if span.kind != "tool" and span.model is None and usage is None and span.cost_nano is None:
            continue
        tokens = _NO_TOKENS
        if usage is not None:
            tokens = (usage.input, usage.output, usage.cached_read, usage.cached_write, usage.reasoning)
        model = None if span.model is None else storable(span.model)
        name, mark = storable(span.name) or "", told.get(place) if told else None
        head = (span.kind, name, model, span.status, span.duration_ns, span.first_token_ns, mark)
        found.append((*head, *tokens, span.cost_nano))
    return found


def metered_in(work: Work) -> list[Call]:
    """Return the same from the document of a stored trace."""
    found: list[Call] = []
    for span in work.get("spans", ()):
        rest = rest_of(span)
        if span[2] != "tool" and not ({"model", "usage", "cost"} & rest.keys()):
            continue
        tokens = (*rest.get("usage", ()), *_NO_TOKENS)[:5]
        head = (span[2], storable(span[3]) or "", storable(rest.get("model")), span[4], span[6])
        found.append((*head, rest.get("first_token"), rest.get("told"), *tokens, rest.get("cost")))
    return found


def events_in(work: Work) -> Iterator[str]:
    """Yield the name of each event of a trace, its spans and its session."""
    of_spans = (rest_of(span).get("events", ()) for span in work.get("spans", ()))
    for events in (work.get("events", ()), work.get("on_session", ()), *of_spans):
        yield from (event[0] for event in events)


def packed_in(work: Work) -> Iterator[bytes]:
    """Yield what is packed in a document."""
    for span in work.get("spans", ()):
        yield from map(bytes.fromhex, rest_of(span).get("packed", {}).values())


def texts_in(work: Work) -> Iterator[bytes]:
    """Yield the hash of each text of a retrieved document that stands apart."""
    for span in work.get("spans", ()):
        rest = rest_of(span)
        for document in documents_in(rest):
            if "apart" in document:
                yield bytes.fromhex(document["apart"])


def documents_in(rest: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the retrieved documents in the rest of a span."""
    packed = rest.get("packed", {}).get("documents")
    found = rest.get("documents") if packed is None else decode(bytes.fromhex(packed))
    return found if isinstance(found, list) else []


class _Writing:
    """Makes one document. What is short stands in it as it is, and becomes JSON with all the rest."""

    short = _SHORT_AS_JSON

    def __init__(self, packer: Packer, sid: int, started_ns: int) -> None:
        self._packer = packer
        self._sid = sid
        self._started_ns = started_ns
        self.nulls = 0
        """How many nulls the form of the document has, or fewer."""
        self.loose: list[Any] = []
        """What may hold a float of any kind."""

    def document(self, trace: Trace, on_session: Sequence[Event], told: Mapping[int, int]) -> dict[str, Any]:
        document: dict[str, Any] = {"spans": [self._span(span) for span in trace.spans]} if trace.spans else {}
        for place, mark in told.items():
            document["spans"][place][7]["told"] = mark
        if trace.events:
            document["events"] = self._events(trace.events)
        if on_session:
            document["on_session"] = self._events(on_session)
        return document

    def _span(self, span: Span) -> list[Any]:
        parent_id = span.parent_id
        if parent_id is None:
            self.nulls += 1
        line: list[Any] = [
            span.id, parent_id, span.kind, span.name or "", span.status, span.started_ns - self._started_ns,
            span.duration_ns,
        ]  # fmt: skip
        rest = self._rest(span)
        self._add_values(rest, span)
        if rest:
            line.append(rest)
        return line

    def _rest(self, span: Span) -> dict[str, Any]:
        """Return what is short and says something; one look a field, since most say nothing."""
        rest: dict[str, Any] = {}
        if span.model is not None:
            rest["model"] = span.model
        if span.provider is not None:
            rest["provider"] = span.provider
        if span.service is not None:
            rest["service"] = span.service
        if (usage := span.usage) is not None:
            counts = [usage.input, usage.output, usage.cached_read, usage.cached_write, usage.reasoning, usage.audio]
            rest["usage"] = _trimmed(counts)
        if span.cost_nano is not None:
            rest["cost"] = span.cost_nano
        if span.first_token_ns is not None:
            rest["first_token"] = span.first_token_ns
        if span.finish_reason is not None:
            rest["finish_reason"] = span.finish_reason
        if span.call_id is not None:
            rest["call_id"] = span.call_id
        if span.error is not None:
            rest["error"] = [span.error.type, span.error.message, span.error.stack]
        if span.origin != "own":
            rest["origin"] = span.origin
        if span.tags:
            rest["tags"] = span.tags
        return rest

    def _add_values(self, rest: dict[str, Any], span: Span) -> None:
        """Add what may be long, or hold anything; one look a field, here too."""
        if span.input is not None:
            self._add_value(rest, "input", span.input)
        if span.output is not None:
            self._add_value(rest, "output", span.output)
        if span.arguments is not None:
            self._add_value(rest, "arguments", span.arguments)
        if span.result is not None:
            self._add_value(rest, "result", span.result)
        if span.query is not None:
            self._add_value(rest, "query", span.query)
        if span.parameters:
            self._add_value(rest, "parameters", dict(span.parameters))
        if span.tools:
            self._add_value(rest, "tools", [[tool.name, tool.description, tool.schema] for tool in span.tools])
        if span.documents:
            self._put(rest, "documents", [self._document(document) for document in span.documents])
        if span.attributes:
            self._put(rest, "attributes", span.attributes)
        if span.metadata:
            self._put(rest, "metadata", span.metadata)
        if span.events:
            rest["events"] = self._events(span.events)

    def _add_value(self, rest: dict[str, Any], name: str, value: Json) -> None:
        if type(value) is str and len(value) < self.short:
            rest[name] = value
        elif (packed := self._packer.pack(self._sid, value)) is not None:
            self._add(rest, name, packed)

    def _put(self, rest: dict[str, Any], name: str, value: Json) -> None:
        """Add what stands in the document itself, however long."""
        rest[name] = value
        self.loose.append(value)

    def _add(self, rest: dict[str, Any], name: str, data: bytes) -> None:
        """Add what is packed."""
        if data[0] >= _JSON_FROM:
            rest[name] = orjson.Fragment(data)
        else:
            rest.setdefault("packed", {})[name] = data.hex()

    def _events(self, events: Sequence[Event]) -> list[list[Any]]:
        return [self._event(event) for event in events]

    def _event(self, event: Event) -> list[Any]:
        line: list[Any] = [event.name or "", event.at_ns - self._started_ns]
        if event.level is not None or event.attributes:
            line.append(event.level)
        if event.attributes:
            line.append(self._attributes(event))
        return line

    def _attributes(self, event: Event) -> Any:
        self.loose.append(event.attributes)
        return event.attributes

    def _document(self, document: Document) -> dict[str, Any]:
        text = document.text
        found: dict[str, Any] = {}
        if document.id is not None:
            found["id"] = document.id
        if document.score is not None:
            found["score"] = document.score
        if document.title is not None:
            found["title"] = document.title
        if document.url is not None:
            found["url"] = document.url
        if document.metadata:
            found["metadata"] = document.metadata
        if text is not None and len(text) >= INLINE_BELOW:
            found["apart"] = self._packer.pack_text(self._sid, text).hex()
        elif text is not None:
            found["text"] = text
        return found


class _Careful(_Writing):
    """Makes each value into JSON by itself; what only the slow codec holds of them stays behind its mark."""

    short = _SHORT

    def _put(self, rest: dict[str, Any], name: str, value: Json) -> None:
        self._add(rest, name, encode(value))

    def _attributes(self, event: Event) -> Any:
        data = encode(event.attributes)
        return orjson.Fragment(data) if data[0] >= _JSON_FROM else data.decode()


class _Slow(_Careful):
    """Makes a document that holds no JSON which is made already."""

    def _add(self, rest: dict[str, Any], name: str, data: bytes) -> None:
        rest.setdefault("packed", {})[name] = data.hex()

    def _attributes(self, event: Event) -> Any:
        return encode(event.attributes).decode()


def _trimmed(values: list[Any]) -> list[Any]:
    """Return a list without the unknown at its end."""
    while values and values[-1] is None:
        values.pop()
    return values
