"""An open trace → the records to be written, or the reason why it is none.

Called by the writer, never inside a request; the same trace may be assembled many times while it grows.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from convotrace import model
from convotrace.dialects.messages import (
    as_documents,
    as_mapping,
    as_messages,
    as_nano,
    as_text,
    as_tools,
    as_whole,
    score_type,
)
from convotrace.exchange import Exchange, media_type, read_exchange, read_socket
from convotrace.identity import Identity, Incoming, identify, keyed_hash
from convotrace.insight.continuity import USERS
from convotrace.insight.deciding import Clues, decided
from convotrace.insight.history import summed, users
from convotrace.insight.totals import totals
from convotrace.model import Change, Event, Failure, Json, Payload, Score, SessionFacts, Span, Target, Trace
from convotrace.pricing import Prices
from convotrace.recorder.attached import attachment_records
from convotrace.recorder.open import UNSET, OpenSpan, OpenTrace
from convotrace.recorder.parts import OpenEvent, OpenScore
from convotrace.recorder.reply import tells_of_model, with_reply
from convotrace.recorder.ties import ties_of
from convotrace.recorder.told import CONTENT_FIELDS, is_hidden, read_told, told_events, told_fields
from convotrace.recorder.usage import told_usage
from convotrace.recorder.values import text_of
from convotrace.redaction import Redactor
from convotrace.settings import Settings

TextHook = Callable[[Incoming, Exchange], Any]
_ROLES = {"input": "user", "output": "assistant"}
_READERS: dict[str, Callable[[Any], Any]] = {
    "model": as_text, "provider": as_text, "call_id": as_text, "finish_reason": as_text, "first_token_ns": as_whole,
    "parameters": as_mapping, "tools": as_tools, "documents": as_documents, "usage": told_usage, "tags": tuple,
}  # fmt: skip
_PRICED = frozenset({"generation", "embedding"})
# A login cookie rides on every request of a site: it names the session of a turn, but makes none by itself.
_AMBIENT = frozenset({"cookie", "own_cookie"})
# Ids that nobody gave outright: they tell users apart by themselves, or not at all.
_CHANCE = _AMBIENT | {"none", "history", "connection"}


class Verdict(enum.Enum):
    """What became of a request; `health` counts them under these names."""

    TURN = "turns"
    FOLDED = "folded"
    NO_SESSION = "no_session"
    EXCLUDED = "excluded"


class Assembler:
    """Makes records of open traces for one store.

    Args:
        settings: The options in force.
        secret: The store's key for hashing cookies and clients.
        input_text: The app's own reader of the message, already guarded; None for the common names.
        output_text: The same for the reply.
        prices: For calls without a cost of their own; those of the settings when None.
    """

    def __init__(
        self,
        settings: Settings,
        secret: bytes,
        input_text: TextHook | None = None,
        output_text: TextHook | None = None,
        prices: Prices | None = None,
    ) -> None:
        self.redactor = Redactor()
        self._settings = settings
        self._prices = Prices.of(settings.prices) if prices is None else prices
        self._secret = secret
        self._input_text = input_text
        self._output_text = output_text

    def assemble(self, trace: OpenTrace) -> tuple[Verdict, Change | None]:
        """Return what became of a trace and, where it is to be stored, the change to write."""
        if trace.skipped:
            return Verdict.EXCLUDED, _emptied(trace)
        read_told(trace, self.redactor, trace.content and self._settings.content)
        exchange = self._exchange(trace)
        identity = self._identity(trace, exchange)
        message, reply = self._texts(trace, exchange)
        named = identity is not None and identity.source not in _AMBIENT
        is_turn = _is_turn(trace, exchange, message, reply, named) or tells_of_model(exchange)
        ties = ties_of(trace, exchange, reply)
        if ties and trace.follows_up is False:
            trace.follows_up = True
        if not is_turn and not named and not ties:
            return Verdict.NO_SESSION, None
        who = identity or trace.fallback or Identity(f"{trace.id:032x}", "none")
        record = self._trace(trace, exchange, who, is_turn, message, reply)
        record = with_reply(record, exchange, trace.content and self._settings.content, self.redactor, self._prices)
        change = Change(self._session(trace, who), record, trace.written_as)
        idle_ns = int(self._settings.idle_timeout * 1e9)
        clues = Clues(idle_ns, trace.shared, self._history(exchange, identity, record), alone=is_turn or named, **ties)
        if clues:
            change = replace(change, decide=partial(decided, clues, change))
        verdict = Verdict.TURN if is_turn else Verdict.FOLDED if named else Verdict.NO_SESSION
        return verdict, change

    def _history(self, exchange: Exchange, identity: Identity | None, record: Trace) -> tuple[tuple[str, str], ...]:
        """Return the history by which a turn without an id may find its session."""
        nameless = identity is None and record.is_turn and record.resent is not None and self._settings.history
        return exchange.history if nameless and users(exchange.history) >= USERS else ()

    def _exchange(self, trace: OpenTrace) -> Exchange:
        incoming = trace.incoming
        if incoming is None:
            return Exchange()
        if trace.protocol == "websocket":
            return _of_frames(trace)
        asked, answered = b"".join(trace.request_chunks), b"".join(trace.response_chunks)
        keep = trace.bodies and bool(media_type(trace.response_type)[0])
        return read_exchange(
            incoming.method,
            incoming.query,
            asked or None,
            incoming.headers.get("content-type", ""),
            answered if keep and answered else None,
            trace.response_type,
            succeeded=(trace.status_code or 200) < 400,
            content_encoding=trace.response_encoding,
            request_cut=trace.cut_input,
        )

    def _identity(self, trace: OpenTrace, exchange: Exchange) -> Identity | None:
        if trace.found is not None or trace.incoming is None:
            return trace.found
        trace.incoming.body = exchange.request_body
        return identify(trace.incoming, self._settings, self._secret)

    def _texts(self, trace: OpenTrace, exchange: Exchange) -> tuple[str | None, str | None]:
        message, reply = exchange.message.text, exchange.reply.text or exchange.refusal or exchange.reply.text
        if trace.incoming is not None and self._input_text is not None:
            message = _first_text(self._input_text(trace.incoming, exchange), message)
        if trace.incoming is not None and self._output_text is not None:
            reply = _first_text(self._output_text(trace.incoming, exchange), reply)
        return (
            message if trace.input_text is UNSET else trace.input_text,
            reply if trace.output_text is UNSET else trace.output_text,
        )

    def _session(self, trace: OpenTrace, who: Identity) -> SessionFacts:
        notes, settings = trace.session, self._settings
        return SessionFacts(
            id=who.id,
            id_source=who.source,
            id_name=who.name,
            user_id=trace.user_id,
            other_id=self._other_id(trace, who),
            name=notes.name,
            environment=settings.effective_environment,
            release=settings.release,
            service=settings.service,
            tags=tuple(notes.tags),
            metadata=self.redactor.clean(dict(notes.metadata)),
            outcome=notes.outcome,
            resolved=notes.resolved,
            ended_ns=notes.ended,
            events=self._events(notes.events),
            scores=_scores(notes.scores, who.id),
            links=tuple(model.Link(*link) for link in notes.links),
        )

    def _other_id(self, trace: OpenTrace, who: Identity) -> str | None:
        """Return the id to use where the id that the client named is another user's."""
        if trace.user_id is None or not self._settings.split_users or who.source in _CHANCE:
            return None
        return f"{who.id}~{keyed_hash(self._secret, trace.user_id, 4)}"

    def _trace(
        self, trace: OpenTrace, exchange: Exchange, who: Identity, is_turn: bool, message: str | None, reply: str | None
    ) -> Trace:
        trace_id = f"{trace.id:032x}"
        content = trace.content and self._settings.content
        shown = [span for span in list(trace.spans) if not is_hidden(span)]
        spans = tuple(self._span(span, trace_id, who.id, content) for span in shown)
        failure = _failure(trace)
        return Trace(
            id=trace_id,
            session_id=who.id,
            span_id=f"{trace.span_id:016x}" if trace.shared else None,
            parent_id=None if trace.parent_span is None else f"{trace.parent_span:016x}",
            name=trace.name or _name(trace),
            is_turn=is_turn,
            route=trace.route,
            status=_status(trace),
            status_code=trace.status_code,
            started_ns=trace.started,
            duration_ns=_duration(trace),
            first_byte_ns=None if trace.first_byte is None else trace.first_byte - trace.started,
            input=self._payload(content, message, exchange.request_body),
            output=self._payload(content, reply, exchange.response_body),
            resent=summed(exchange.history) if content and exchange.history else None,
            regenerates=exchange.regenerate,
            answer_ids=exchange.answer_ids if is_turn and reply is None else (),
            error=failure,
            errors=sum(span.status == "error" for span in spans) or int(failure is not None),
            service=self._settings.service,
            user_id=trace.user_id,
            id_source=who.source,
            tags=tuple(trace.tags),
            metadata=self.redactor.clean(_metadata(trace)),
            protocol=trace.protocol,
            close_code=trace.close_code,
            left=_left(trace),
            request=self._request(trace, content),
            request_bytes=trace.request_bytes if trace.incoming else None,
            response_bytes=trace.response_bytes if trace.incoming else None,
            chunks=trace.chunks if trace.incoming else None,
            largest_gap_ns=trace.largest_gap,
            cut=model.Cut(
                trace.request_bytes if trace.cut_input else None, trace.response_bytes if trace.cut_output else None
            ),
            attachments=attachment_records(trace_id, trace.attachments, exchange.uploads, content),
            spans=spans,
            events=self._events(trace.events),
            scores=_scores(trace.scores, who.id, trace_id),
            **totals(spans),
        )

    def _payload(self, content: bool, text: str | None, body: Json) -> Payload:
        if not content:
            return Payload()
        return Payload(text, self.redactor.clean(body) if self._settings.capture_bodies else None)

    def _request(self, trace: OpenTrace, content: bool) -> model.Request | None:
        incoming = trace.incoming
        if incoming is None:
            return None
        client = f"{incoming.peer}|{incoming.headers.get('user-agent', '')}"
        return model.Request(
            method=incoming.method,
            path=incoming.path,
            query=self.redactor.clean(dict(incoming.query)) if content else {},
            headers=self.redactor.headers(incoming.headers),
            client=keyed_hash(self._secret, client, 8),
        )

    def _span(self, span: OpenSpan, trace_id: str, session_id: str, content: bool) -> Span:
        span_id = f"{span.id:016x}"
        fields = {**told_fields(span, content), **self._fields(span, content)}
        cost = self._cost(span, fields)
        fields.pop("cost_nano", None)
        return Span(
            id=span_id,
            trace_id=trace_id,
            name=span.name,
            kind=span.kind,
            parent_id=_parent_id(span),
            service=self._settings.service,
            status=span.status,
            error=span.failure,
            started_ns=span.started,
            duration_ns=max(0, span.ended - span.started) if span.ended is not None and span.timed else None,
            cost_nano=cost,
            events=(*told_events(span), *self._events(span.events)),
            scores=_scores(span.scores, session_id, trace_id, span_id),
            origin=span.origin,
            **fields,
        )

    def _cost(self, span: OpenSpan, fields: dict[str, Any]) -> int | None:
        own: int | None = fields.get("cost_nano", as_nano(span.fields.get("cost")))
        if own is not None or span.kind not in _PRICED:
            return own
        return self._prices.cost(fields.get("provider"), fields.get("model"), fields.get("usage"), span.started)

    def _fields(self, span: OpenSpan, content: bool) -> dict[str, Any]:
        """Return the fields that were set, each clean and in the form of the record; most spans have few."""
        found: dict[str, Any] = {}
        # A running trace still grows: what its verbs add to, they add to at the top of a mapping.
        for name, value in list(span.fields.items()):
            if value is None or name == "cost" or (not content and name in CONTENT_FIELDS):
                continue
            clean = self.redactor.clean(dict(value) if isinstance(value, dict) else value)
            if span.kind == "generation" and name in _ROLES:
                clean = as_messages(clean, _ROLES[name])
            found[name] = _READERS[name](clean) if name in _READERS else clean
        return found

    def _events(self, events: list[OpenEvent] | None) -> tuple[Event, ...]:
        if not events:
            return ()
        return tuple(Event(e.name, e.at, e.level, self.redactor.clean(dict(e.attributes))) for e in list(events))


def _of_frames(trace: OpenTrace) -> Exchange:
    return read_socket(
        list(trace.request_chunks), list(trace.response_chunks), trace.engine, trace.cut_input, trace.cut_output
    )


def _left(trace: OpenTrace) -> model.Left | None:
    """Return where the client left; a share where all the bytes are known, announced or sent to nobody."""
    left = trace.left
    if left is None or not trace.disconnected:
        return None
    whole = trace.expected_bytes or (trace.response_bytes if trace.answered is not None else None)
    return replace(left, share=min(1.0, left.bytes / whole)) if whole else left


def _parent_id(span: OpenSpan) -> str | None:
    parent = span.parent_ref if span.parent_ref is not None else span.parent.id if span.parent else None
    return None if parent is None or parent == span.trace.span_id else f"{parent:016x}"


def _emptied(trace: OpenTrace) -> Change | None:
    """Return what takes the place of a trace that was shown while it ran and is to be forgotten: nothing of it."""
    if trace.written_as is None:
        return None
    record = Trace(f"{trace.id:032x}", trace.written_as, name="skipped", started_ns=trace.started)
    return Change(SessionFacts(trace.written_as), record, trace.written_as)


def _is_turn(trace: OpenTrace, exchange: Exchange, message: str | None, reply: str | None, has_id: bool) -> bool:
    """Decide whether a trace is a turn: by verbs, by its work, by its reply, else by its message with evidence."""
    if trace.input_text is not UNSET or trace.output_text is not UNSET:
        return True
    if any(span.kind in model.TURN_KINDS for span in trace.spans):
        return True
    if reply is not None:
        return True
    if message is None:
        return False
    by_hook = message is not exchange.message.text
    return by_hook or exchange.message.sure or exchange.reply.recognised or has_id


def _first_text(own: Any, found: str | None) -> str | None:
    return found if own is None else text_of(own)


def _scores(scores: list[OpenScore] | None, *judged: str) -> tuple[Score, ...]:
    if not scores:
        return ()
    target = Target(*judged)
    return tuple(
        Score(f"{s.id:032x}", s.name, score_type(s.value), s.value, s.at, target, **s.fields) for s in list(scores)
    )


def _failure(trace: OpenTrace) -> Failure | None:
    if trace.failure is not None:
        return trace.failure
    if _status(trace) != "error":
        return None
    if trace.logged is not None:
        return trace.logged
    return Failure(f"HTTP {trace.status_code}", f"HTTP {trace.status_code}")


def _status(trace: OpenTrace) -> str:
    if trace.status != "running" or trace.answered is None:
        return trace.status
    # Answered, though the app still works on a background task: for the user the turn is over.
    return "error" if (trace.status_code or 0) >= 500 else "ok"


def _duration(trace: OpenTrace) -> int | None:
    end = trace.answered or trace.ended
    return None if end is None else max(0, end - trace.started)


def _name(trace: OpenTrace) -> str:
    if trace.incoming is None:
        return "session"
    return f"{trace.incoming.method} {trace.route or trace.incoming.path}"


def _metadata(trace: OpenTrace) -> dict[str, Json]:
    over = {"spans_over_limit": trace.spans_over, "attachments_over_limit": trace.attachments_over}
    return {**trace.metadata, **{name: count for name, count in over.items() if count}}
